"""Every proposal holds under an independent look, sampled along its way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from imaging.structures.labels import structures_from
from planning.access.needles import needle_named, needle_table
from planning.access.posture import Position
from planning.access.request import AccessRequest
from planning.access.search import search_access
from planning.access.targets import lesion_targets
from planning.errors import NothingFeasible, PlanningError

if TYPE_CHECKING:
    from imaging.phantom.cases import GeneratedCase
    from imaging.structures.model import Structures


@pytest.fixture(scope="module")
def request_(vertebra: GeneratedCase) -> AccessRequest:
    grid = vertebra.volume.grid
    structures = structures_from(vertebra.labels, grid, vertebra.names, "generated")
    return AccessRequest(vertebra.volume, vertebra.lesion, structures, needle_named(None), top=8)


def test_no_proposal_crosses_or_nears_a_forbidden_structure(request_: AccessRequest) -> None:
    result = search_access(request_)
    grid = request_.volume.grid
    forbidden = {
        row.label: row.name for row in request_.structures.table if row.class_ == "forbidden"
    }
    centres = {
        name: grid.to_lps(np.argwhere(request_.structures.labels == label))
        for label, name in forbidden.items()
    }
    lesion = grid.to_lps(np.argwhere(request_.lesion))
    half = np.array(grid.spacing_mm_kji)[::-1] / 2
    radius = request_.needle.diameter_mm / 2
    assert result.proposals
    for proposal in result.proposals:
        entry, target = np.array(proposal.entry_lps_mm), np.array(proposal.target_lps_mm)
        way = np.linspace(entry, target, int(proposal.length_mm / 0.5) + 1)
        for name, cloud in centres.items():
            if proposal.clearance_mm[name] > 30.0:
                continue
            gap = np.array(
                [np.linalg.norm(np.maximum(np.abs(cloud - p) - half, 0), axis=1).min() for p in way]
            )
            assert gap.min() - radius == pytest.approx(proposal.clearance_mm[name], abs=0.8)
            far = np.array([np.linalg.norm(lesion - p, axis=1).min() for p in way]) > 6.5
            assert (gap[far] - radius >= 3.0 - 0.1).all(), name
        assert request_.lesion[grid.nearest(target)]


def test_figures_of_a_proposal_agree_with_its_points(request_: AccessRequest) -> None:
    for proposal in search_access(request_).proposals:
        entry, target = np.array(proposal.entry_lps_mm), np.array(proposal.target_lps_mm)
        assert proposal.length_mm == pytest.approx(np.linalg.norm(target - entry))
        rise = (target - entry)[2] / proposal.length_mm
        assert proposal.angle_to_axial_deg == pytest.approx(np.degrees(np.arcsin(rise)), abs=1e-6)
        assert proposal.length_mm <= request_.needle.length_mm
        assert 0 <= proposal.score <= 1


def test_prone_patients_are_entered_from_behind(request_: AccessRequest) -> None:
    for proposal in search_access(replace(request_, position=Position.PRONE)).proposals:
        assert proposal.entry_lps_mm[1] > -40.0


def test_wider_margins_never_add_ways(request_: AccessRequest) -> None:
    plain = search_access(request_).feasible
    wide = search_access(replace(request_, margins_mm={"spinal_canal": 8.0, "aorta": 12.0}))
    assert wide.feasible < plain


def test_infiltration_needle_does_not_pass_bone(request_: AccessRequest) -> None:
    with pytest.raises(NothingFeasible) as refusal:
        search_access(replace(request_, needle=needle_named("infiltration_22g_150")))
    assert "more_bone_than_needle_passes" in {one.code for one in refusal.value.problems}


def test_enclosed_lesion_is_not_feasible_and_says_why(request_: AccessRequest) -> None:
    labels = request_.structures.labels.copy()
    aorta = request_.structures.named("aorta")
    assert aorta is not None
    k, j, i = (int(n) for n in np.argwhere(request_.lesion).mean(axis=0))
    labels[k - 16 : k + 17, j - 25 : j + 26, i - 25 : i + 26] = aorta.label
    walled = replace(request_, structures=replace(request_.structures, labels=labels))
    with pytest.raises(NothingFeasible) as refusal:
        search_access(walled)
    assert any("aorta" in problem.where for problem in refusal.value.problems)


def test_bad_margins_are_listed_together(request_: AccessRequest) -> None:
    with pytest.raises(PlanningError) as refusal:
        search_access(replace(request_, margins_mm={"aorta": -3.0, "dragon": 2.0}))
    assert {problem.where for problem in refusal.value.problems} == {"aorta", "dragon"}


def test_targets_lie_in_the_lesion_and_apart(vertebra: GeneratedCase) -> None:
    targets = lesion_targets(vertebra.lesion, vertebra.volume.grid)
    assert 1 < len(targets) <= 6
    for target in targets:
        assert vertebra.lesion[vertebra.volume.grid.nearest(target)]


def test_table_of_needles_is_whole() -> None:
    rows = needle_table()
    assert len({row.id for row in rows}) == len(rows)
    assert needle_named(None).kind == "trocar"
    with pytest.raises(PlanningError):
        needle_named("spoon")


def test_without_labelled_organs_the_belly_is_not_the_first_choice(
    vertebra: GeneratedCase, vertebra_structures: Structures
) -> None:
    request = AccessRequest(
        vertebra.volume, vertebra.lesion, vertebra_structures, needle_named(None), top=1
    )
    (best,) = search_access(request).proposals
    canal = vertebra.volume.grid.to_lps(np.argwhere(vertebra_structures.mask("spinal_canal")))
    assert best.entry_lps_mm[1] > float(np.median(canal[:, 1]))
    assert set(search_access(request).not_checked) == {"liver and spleen", "nerves"}
