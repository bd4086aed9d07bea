"""Ways in on generated trunks and on a real CT, judged by labels that the search did not use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imaging.files import read_volume
from imaging.geometry import BoolArray, FloatArray, Grid
from imaging.phantom.cases import GeneratedCase, generate
from imaging.structures.find import find_structures
from imaging.structures.labels import read_structures, structures_from
from imaging.structures.model import PassageClass, Structures
from planning.access.needles import needle_named
from planning.access.request import AccessRequest, AccessResult
from planning.access.search import search_access

SPACING_MM = (2.5, 1.6, 1.6)


def _search(case: GeneratedCase, top: int = 8) -> tuple[AccessRequest, AccessResult]:
    structures = structures_from(case.labels, case.volume.grid, case.names, "generated")
    request = AccessRequest(case.volume, case.lesion, structures, needle_named(None), top=top)
    return request, search_access(request)


@pytest.fixture(scope="module")
def searched(vertebra: GeneratedCase) -> tuple[AccessRequest, AccessResult]:
    return _search(vertebra)


def _crossed(
    entry: FloatArray, target: FloatArray, truth: Structures, lesion: BoolArray, grid: Grid
) -> set[str]:
    """Return forbidden structures on a way, sampled at 0.5 mm without the search's own code."""
    count = int(np.linalg.norm(target - entry) / 0.5) + 2
    way = entry + np.linspace(0, 1, count)[:, None] * (target - entry)
    index = np.rint(grid.to_kji(way)).astype(int)
    index = index[((index >= 0) & (index < grid.size_kji)).all(axis=1)]
    k, j, i = index[~lesion[tuple(index.T)]].T
    forbidden = {r.label: r.name for r in truth.table if r.class_ == PassageClass.FORBIDDEN}
    return {forbidden[n] for n in np.unique(truth.labels[k, j, i]) if n in forbidden}


def test_a_vertebral_body_is_reached_through_either_pedicle(
    searched: tuple[AccessRequest, AccessResult],
) -> None:
    request, found = searched
    ways = [*found.proposals, *found.front]
    assert {"transpedicular_left", "transpedicular_right"} <= {one.corridor for one in ways}
    canal = request.canal_lps_mm
    for one in ways:
        if not one.corridor.startswith("transpedicular"):
            continue
        side = 1.0 if one.corridor.endswith("left") else -1.0
        way = np.linspace(one.entry_lps_mm, one.target_lps_mm, 400)
        level = (way[:, 1] > canal[:, 1].min()) & (way[:, 1] < canal[:, 1].max())
        assert (side * (way[level, 0] - np.median(canal[:, 0])) > 0).all()


@pytest.mark.long
def test_a_lesion_beside_the_kidney_is_reached_around_it() -> None:
    case = generate("behind_kidney", spacing_mm=SPACING_MM)
    request, found = _search(case)
    truth, grid = request.structures, case.volume.grid
    target = request.lesion_lps_mm.mean(axis=0)
    straight = target + np.array([120.0, 25.0, 0.0])
    assert "kidney_left" in _crossed(straight, target, truth, case.lesion, grid)
    assert found.proposals
    for one in (*found.proposals, *found.front):
        ends = np.array(one.entry_lps_mm), np.array(one.target_lps_mm)
        assert _crossed(*ends, truth, case.lesion, grid) == set()
        assert one.clearance_mm["kidney_left"] >= 3.0 - 1e-6
        assert one.clearance_mm["kidney_right"] >= 3.0 - 1e-6


def test_better_in_every_term_is_never_ranked_lower(
    searched: tuple[AccessRequest, AccessResult],
) -> None:
    _, found = searched
    names = found.proposals[0].terms
    for worse in found.proposals:
        for better in found.proposals:
            if all(better.terms[n] > worse.terms[n] for n in names):
                assert better.rank < worse.rank


def test_ranks_go_on_from_the_proposals_to_the_front(
    searched: tuple[AccessRequest, AccessResult],
) -> None:
    _, found = searched
    assert found.front
    assert [one.rank for one in (*found.proposals, *found.front)] == list(
        range(1, 1 + len(found.proposals) + len(found.front))
    )


def test_figures_at_the_table_are_those_of_the_points(
    searched: tuple[AccessRequest, AccessResult],
) -> None:
    request, found = searched
    middle = float(np.median(request.canal_lps_mm[:, 0]))
    for one in found.proposals:
        table = one.table
        assert table is not None
        x, y, z = np.subtract(one.target_lps_mm, one.entry_lps_mm)
        assert table.depth_cm == pytest.approx(np.linalg.norm([x, y, z]) / 10)
        assert table.slice_z_mm == one.entry_lps_mm[2]
        assert table.from_midline_mm == pytest.approx(one.entry_lps_mm[0] - middle, abs=3.0)
        assert np.tan(np.radians(table.axial_angle_deg)) == pytest.approx(abs(x) / -y, rel=1e-6)
        assert table.tilt_deg == pytest.approx(one.angle_to_axial_deg)
        assert table.axial_towards == ("left" if x > 0 else "right")
        assert table.reference


@pytest.mark.long
def test_ways_found_with_our_structures_hold_against_another_programs_labels(
    shared_data: Path,
) -> None:
    folder = shared_data / "abdomen-labelled"
    volume = read_volume(folder / "example_ct.nii.gz")
    truth = read_structures(
        folder / "example_seg_fast_force_split.nii.gz", folder / "names.json", volume.grid
    )
    own = find_structures(volume)
    for level in ("L2", "L4"):
        body = truth.mask(f"vertebrae_{level}")
        places = volume.grid.to_lps(np.argwhere(body))
        front = places[places[:, 1] < np.quantile(places[:, 1], 0.4)].mean(axis=0)
        k, j, i = np.indices(volume.grid.size_kji)
        far = np.linalg.norm(volume.grid.to_lps(np.stack([k, j, i], axis=-1)) - front, axis=-1)
        lesion = far <= 8.0
        found = search_access(AccessRequest(volume, lesion, own, needle_named(None), top=5))
        for one in found.proposals:
            ends = np.array(one.entry_lps_mm), np.array(one.target_lps_mm)
            assert _crossed(*ends, truth, lesion, volume.grid) == set(), level
