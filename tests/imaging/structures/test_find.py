"""Structures found without a model, against generated truth and labels of others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from imaging.errors import ImagingError
from imaging.files import read_volume
from imaging.geometry import Grid
from imaging.phantom.cases import generate
from imaging.structures.find import find_structures
from imaging.structures.labels import passage_class, read_names, read_structures
from imaging.volume import Volume

if TYPE_CHECKING:
    from imaging.phantom.cases import GeneratedCase
    from imaging.structures.model import Structures


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def truth(case: GeneratedCase, *parts: str) -> np.ndarray:
    labels = [label for label, name in case.names.items() if any(p in name for p in parts)]
    return np.isin(case.labels, labels)


def test_canal_is_found_where_it_is(
    vertebra: GeneratedCase, vertebra_structures: Structures
) -> None:
    wanted = truth(vertebra, "spinal_canal", "spinal_cord")
    found = vertebra_structures.mask("spinal_canal")
    slices = np.flatnonzero(wanted.any(axis=(1, 2)) & found.any(axis=(1, 2)))
    assert len(slices) > 0.7 * np.flatnonzero(wanted.any(axis=(1, 2))).size
    assert dice(found[slices], wanted[slices]) > 0.8


def test_bone_and_lung_are_found(vertebra: GeneratedCase, vertebra_structures: Structures) -> None:
    bones = truth(vertebra, "vertebrae", "rib_", "hip_", "sacrum", "femur")
    assert dice(vertebra_structures.bone_mask(), bones) > 0.85
    assert dice(vertebra_structures.mask("lung"), truth(vertebra, "lung_")) > 0.9


def test_body_leaves_the_couch_out(
    vertebra: GeneratedCase, vertebra_structures: Structures
) -> None:
    assert dice(vertebra_structures.mask("body"), vertebra.labels > 0) > 0.98


def test_every_row_says_how_it_was_found(vertebra_structures: Structures) -> None:
    for row in vertebra_structures.table:
        assert row.found_by
        assert row.volume_ml > 0


def test_air_alone_is_refused() -> None:
    grid = Grid.aligned((10, 60, 60), 2.0, (0, 0, 0))
    with pytest.raises(ImagingError) as refusal:
        find_structures(Volume(np.full(grid.size_kji, -1000, np.int16), grid))
    assert refusal.value.code == "no_body"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("spinal_cord", "forbidden"),
        ("aorta", "forbidden"),
        ("iliac_vena_left", "forbidden"),
        ("kidney_right", "forbidden"),
        ("small_bowel", "forbidden"),
        ("lung_lower_lobe_left", "forbidden"),
        ("trachea", "forbidden"),
        ("vertebrae_L3", "passable"),
        ("gluteus_maximus_left", "passable"),
        ("something_new", "avoid"),
    ],
)
def test_class_follows_the_name(name: str, wanted: str) -> None:
    assert passage_class(name) == wanted


def test_names_that_are_no_names_are_all_listed(tmp_path: Path) -> None:
    path = tmp_path / "names.json"
    path.write_text(json.dumps({"a": "b", "c": "d", "1": "spleen"}))
    with pytest.raises(ImagingError) as refusal:
        read_names(path)
    assert [problem.where for problem in refusal.value.problems] == ["a", "c"]


def test_real_canal_holds_the_labelled_cord(shared_data: Path) -> None:
    folder = shared_data / "abdomen-labelled"
    volume = read_volume(folder / "example_ct.nii.gz")
    labels = read_structures(folder / "example_seg_fast_force_split.nii.gz", None, volume.grid)
    cord = labels.mask("spinal_cord")
    canal = find_structures(volume).mask("spinal_canal")
    assert (canal & cord).sum() / cord.sum() > 0.9
    assert dice(canal, cord) > 0.8


VERTEBRAE = tuple(f"vertebrae_{level}" for level in ("T12", "L1", "L2", "L3", "L4", "L5"))


def test_real_vertebrae_are_told_apart_with_their_level(shared_data: Path) -> None:
    folder = shared_data / "abdomen-labelled"
    volume = read_volume(folder / "example_ct.nii.gz")
    labels = read_structures(folder / "example_seg_fast_force_split.nii.gz", None, volume.grid)
    found = find_structures(volume)
    scores = [dice(found.mask(name), labels.mask(name)) for name in VERTEBRAE]
    assert min(scores) > 0.85, scores
    assert found.levels is not None
    assert found.levels.counted_from == "sacrum_and_ribs"
    assert found.levels.doubt is None
    for rib in ("rib_left_12", "rib_right_12"):
        assert dice(found.mask(rib), labels.mask(rib)) > 0.7


def test_levels_of_the_generated_spine_are_right(
    vertebra: GeneratedCase, vertebra_structures: Structures
) -> None:
    for name in VERTEBRAE:
        own = vertebra_structures.mask(name)
        shares = {other: (own & truth(vertebra, other)).sum() for other in VERTEBRAE}
        assert max(shares, key=lambda other: shares[other]) == name


def test_left_is_left(vertebra: GeneratedCase, vertebra_structures: Structures) -> None:
    grid = vertebra.volume.grid
    for bone in ("hip", "rib"):
        for side, sign in (("left", 1), ("right", -1)):
            names = [n for n in vertebra_structures.names() if n.startswith(f"{bone}_{side}")]
            middle = grid.to_lps(np.argwhere(vertebra_structures.mask(*names))).mean(axis=0)
            assert names
            assert middle[0] * sign > 20


def test_a_slab_without_canal_still_has_no_passable_belly(
    vertebra: GeneratedCase, vertebra_structures: Structures
) -> None:
    grid, hu = vertebra.volume.grid, vertebra.volume.hu
    middle = grid.size_kji[0] // 2
    size = (4, *grid.size_kji[1:])
    start = (middle, 0, 0)
    slab = Volume(hu[middle : middle + 4], grid.cropped(start, (size[0], size[1], size[2])))
    found = find_structures(slab)
    assert found.named("spinal_canal") is None
    bowel = np.isin(
        vertebra.labels[middle : middle + 4],
        [label for label, name in vertebra.names.items() if name in ("small_bowel", "colon")],
    )
    assert bowel.any()
    assert (found.mask("body") & bowel & (found.labels == 1)).sum() < 0.05 * bowel.sum()


def test_without_sacrum_or_ribs_vertebrae_are_only_numbered(
    vertebra: GeneratedCase, vertebra_structures: Structures
) -> None:
    grid = vertebra.volume.grid
    rows = np.flatnonzero(vertebra_structures.mask("vertebrae_L2", "vertebrae_L3").any(axis=(1, 2)))
    start, count = int(rows[0]), int(rows[-1] - rows[0]) + 1
    part = Volume(
        vertebra.volume.hu[start : start + count],
        grid.cropped((start, 0, 0), (count, grid.size_kji[1], grid.size_kji[2])),
    )
    found = find_structures(part)
    spine = [name for name in found.names() if name.startswith("vertebra")]
    assert spine
    assert all(name.startswith("vertebra_") for name in spine)
    assert found.levels is not None
    assert found.levels.counted_from == "unknown"


@pytest.mark.long
def test_shoulders_and_arms_are_not_called_hips_femora_or_ribs() -> None:
    case = generate("scapula", spacing_mm=(2.5, 1.25, 1.25))
    found = find_structures(case.volume)
    assert not [n for n in found.names() if n.startswith(("hip", "femur", "sacrum"))]
    shoulders = truth(case, "scapula_", "humerus_", "clavicula_")
    assert found.levels is not None
    assert found.levels.counted_from == "unknown"  # neither sacrum nor the last rib is in there
    assert (found.mask("bone") & shoulders).sum() > 0.95 * shoulders.sum()
    assert "inferior_vena_cava" not in found.names()  # the ascending aorta runs at its place
    great = truth(case, "aorta", "brachiocephalic", "superior_vena_cava")
    assert (found.mask("vessel") & great).sum() > 0.5 * found.mask("vessel").sum() > 0
    named = found.mask(*(n for n in found.names() if n.startswith(("vertebra", "rib"))))
    assert (named & shoulders).sum() < 0.02 * shoulders.sum()
    assert dice(found.bone_mask(), truth(case, "vertebrae", "rib_", "sternum") | shoulders) > 0.8
