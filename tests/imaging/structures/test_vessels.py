"""Vessels and kidneys, with and without contrast, on generated and labelled CT."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage

from imaging.files import read_volume
from imaging.geometry import Grid
from imaging.structures.find import find_structures
from imaging.structures.labels import passage_class, read_structures
from imaging.structures.not_visible import not_found
from imaging.structures.tube import Tube, judge_discs, outline
from imaging.volume import Volume

if TYPE_CHECKING:
    from imaging.phantom.cases import GeneratedCase
    from imaging.structures.model import Structures

ARTERIES = ("aorta", "iliac_artery_left", "iliac_artery_right")
VEINS = ("inferior_vena_cava", "iliac_vena_left", "iliac_vena_right")
KIDNEYS = ("kidney_left", "kidney_right")


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def enhanced(volume: Volume, added_hu: list[tuple[np.ndarray, float]]) -> Volume:
    """Fill structures with contrast: smooth borders, and the noise of more photons lost."""
    noise = np.random.default_rng(7)
    extra = np.zeros(volume.hu.shape, np.float32)
    for mask, more in added_hu:
        extra[mask] = more
    extra = ndimage.gaussian_filter(extra, 0.6)
    extra += (extra > 5.0) * noise.normal(0.0, 12.0, extra.shape)
    return Volume(np.rint(volume.hu + extra).astype(np.int16), volume.grid)


def truth(case: GeneratedCase, *names: str) -> np.ndarray:
    return np.isin(case.labels, [label for label, name in case.names.items() if name in names])


@pytest.fixture(scope="module")
def labelled(shared_data: Path) -> tuple[Volume, Structures]:
    folder = shared_data / "abdomen-labelled"
    volume = read_volume(folder / "example_ct.nii.gz")
    given = folder / "example_seg_fast_force_split.nii.gz"
    return volume, read_structures(given, None, volume.grid)


@pytest.fixture(scope="module")
def labelled_found(labelled: tuple[Volume, Structures]) -> Structures:
    return find_structures(labelled[0])


def test_great_vessels_of_the_generated_case(
    vertebra: GeneratedCase, vertebra_structures: Structures
) -> None:
    for name in ("aorta", "inferior_vena_cava"):
        assert dice(vertebra_structures.mask(name), truth(vertebra, name)) > 0.8


def test_kidneys_of_the_generated_case_lie_on_their_sides(
    vertebra: GeneratedCase, vertebra_structures: Structures
) -> None:
    for name in KIDNEYS:
        assert dice(vertebra_structures.mask(name), truth(vertebra, name)) > 0.6


def test_real_vessels_and_kidneys(
    labelled: tuple[Volume, Structures], labelled_found: Structures
) -> None:
    given = labelled[1]
    least = {"aorta": 0.85, "inferior_vena_cava": 0.75, "kidney_left": 0.8, "kidney_right": 0.75}
    for name, limit in least.items():
        assert dice(labelled_found.mask(name), given.mask(name)) > limit, name


def test_real_iliac_vessels_are_followed_without_contrast(
    labelled: tuple[Volume, Structures], labelled_found: Structures
) -> None:
    given = labelled[1]
    for name in (*ARTERIES[1:], *VEINS[1:]):
        row = labelled_found.named(name)
        assert row is not None, name
        assert row.class_ == "forbidden"
        assert dice(labelled_found.mask(name), given.mask(name)) > 0.6, name
    lacking = {row.name for row in not_found(labelled_found)}
    assert not {name for name in lacking if name.startswith("iliac")}
    assert "other_vessels" in lacking  # the internal iliac ones among them


def test_iliac_vessels_are_followed_to_the_lower_end_of_an_image_that_ends_above_the_groin(
    labelled: tuple[Volume, Structures],
) -> None:
    volume, given = labelled
    start, size = 20, volume.grid.size_kji
    part = volume.grid.cropped((start, 0, 0), (size[0] - start, size[1], size[2]))
    found = find_structures(Volume(volume.hu[start:], part))
    for name in ARTERIES[1:]:
        assert dice(found.mask(name), given.mask(name)[start:]) > 0.55, name


def test_vessels_of_the_generated_pelvis_lie_on_their_sides(
    vertebra: GeneratedCase, vertebra_structures: Structures
) -> None:
    """Painted iliac vessels lie along the true ones, not in bowel or muscle wholesale."""
    for side in ("left", "right"):
        names = f"iliac_artery_{side}", f"iliac_vena_{side}"
        near = ndimage.binary_dilation(truth(vertebra, *names), iterations=2)
        for name in names:
            own = vertebra_structures.mask(name)
            assert 10.0 < own.sum() * vertebra.volume.grid.voxel_ml < 60.0, name
            assert (own & near).sum() > 0.6 * own.sum(), name


def test_real_femora_are_told_from_the_hips(
    labelled: tuple[Volume, Structures], labelled_found: Structures
) -> None:
    given = labelled[1]
    for name in ("femur_right", "hip_left", "hip_right"):
        assert dice(labelled_found.mask(name), given.mask(name)) > 0.8, name
    assert dice(labelled_found.mask("femur_left"), given.mask("femur_left")) > 0.7  # a prosthesis


@pytest.mark.parametrize(
    "added",
    [
        ((ARTERIES, 280.0), (KIDNEYS, 120.0)),
        ((ARTERIES, 130.0), (VEINS, 140.0), (KIDNEYS, 170.0)),
    ],
    ids=["arterial", "venous"],
)
def test_contrast_in_real_vessels_is_never_passable(
    labelled: tuple[Volume, Structures], added: tuple[tuple[tuple[str, ...], float], ...]
) -> None:
    volume, given = labelled
    masks = [(given.mask(*names), more) for names, more in added]
    found = find_structures(enhanced(volume, masks))
    filled = np.logical_or.reduce([mask for mask, _ in masks])
    assert (found.bone_mask() & filled).sum() < 0.01 * filled.sum()
    assert dice(found.mask("aorta"), given.mask("aorta")) > 0.85
    for name in KIDNEYS:
        assert dice(found.mask(name), given.mask(name)) > 0.88, name
    for name in ARTERIES[1:]:
        assert dice(found.mask(name), given.mask(name)) > 0.7, name
    for name in VEINS[1:]:
        assert dice(found.mask(name), given.mask(name)) > 0.6, name
    spine = [f"vertebrae_{level}" for level in ("T12", "L1", "L2", "L3", "L4", "L5")]
    assert min(dice(found.mask(name), given.mask(name)) for name in spine) > 0.8


@pytest.fixture(scope="module")
def coarse(vertebra: GeneratedCase) -> GeneratedCase:
    """The same on every second row and column, as coarse as the labelled CT."""
    volume, size = vertebra.volume, vertebra.volume.grid.size_kji
    affine = volume.grid.affine_kji_to_lps @ np.diag([1.0, 2.0, 2.0, 1.0])
    grid = Grid((size[0], (size[1] + 1) // 2, (size[2] + 1) // 2), affine)
    few = np.s_[:, ::2, ::2]
    made = Volume(np.ascontiguousarray(volume.hu[few]), grid)
    return replace(vertebra, volume=made, labels=vertebra.labels[few], lesion=vertebra.lesion[few])


@pytest.mark.long
def test_contrast_in_the_generated_vessels_is_not_bone(coarse: GeneratedCase) -> None:
    filled = truth(coarse, *ARTERIES)
    found = find_structures(enhanced(coarse.volume, [(filled, 300.0)]))
    assert (found.bone_mask() & filled).sum() < 0.05 * filled.sum()
    assert dice(found.mask("aorta"), truth(coarse, "aorta")) > 0.75
    spine = [n for n, name in coarse.names.items() if name.startswith(("vertebra", "sacrum"))]
    bones = np.isin(coarse.labels, spine)
    assert (found.bone_mask() & bones).sum() > 0.85 * bones.sum()


@pytest.mark.long
def test_an_image_without_great_vessels_gets_none(coarse: GeneratedCase) -> None:
    """Where fat stands in place of the vessels, nothing is made up."""
    hu = coarse.volume.hu.copy()
    inside = ndimage.binary_dilation(truth(coarse, *ARTERIES, *VEINS), iterations=3)
    soft = inside & (hu > -60) & ~truth(coarse, "vertebrae_L3", "vertebrae_L4", "vertebrae_L5")
    hu[soft] = np.int16(-100)
    found = find_structures(Volume(hu, coarse.volume.grid))
    gone = truth(coarse, "aorta", "inferior_vena_cava")
    for name in ("aorta", "inferior_vena_cava"):
        row = found.named(name)
        assert row is None or (found.mask(name) & gone).sum() < 0.3 * found.mask(name).sum()
    if found.named("aorta") is None:
        assert not [name for name in found.names() if name.startswith("iliac")]


def test_border_of_an_ideal_tube() -> None:
    radius_mm, spacing = 10.0, (3.0, 1.5, 1.5)
    grid = Grid.aligned((20, 60, 60), 1.5, (0, 0, 0))
    jj, ii = np.indices(grid.size_kji[1:])
    far = np.hypot(jj - 30.0, ii - 28.0) * 1.5
    plane = np.where(far < radius_mm, 40.0, -100.0).astype(np.float32)
    image = ndimage.gaussian_filter(np.repeat(plane[None], 20, axis=0), (0, 0.7, 0.7))
    places = (np.arange(26, 35), np.arange(24, 33))
    discs = judge_discs(image, places, np.arange(6.0, 15.0, 1.5), spacing[1:], 5.0)
    best = np.unravel_index(int(discs.score[10].argmax()), discs.score[10].shape)
    assert abs(int(places[0][best[0]]) - 30) <= 1
    assert abs(int(places[1][best[1]]) - 28) <= 1
    slices = np.arange(20)
    start = Tube(
        slices,
        np.tile([30.5, 27.5], (20, 1)),
        np.full((20, 1), 9.0),
        np.full(20, 40.0),
        np.ones(20),
    )
    border = outline(image, start, spacing, 5.0, 20.0)
    assert np.abs(border.radii_mm.mean() - radius_mm) < 0.7
    assert np.abs(border.centres_ji - [30.0, 28.0]).max() < 0.5


def test_roots_exit_beside_the_canal_at_their_level(vertebra_structures: Structures) -> None:
    found = vertebra_structures
    for level in ("L2", "L3"):
        for side in ("left", "right"):
            name = f"nerve_root_exit_{level}_{side}"
            row = found.named(name)
            assert row is not None, name
            assert row.class_ == "forbidden"
            assert "assumption" in row.found_by
            exit_mm = middle_mm(found, name)
            canal_x = middle_mm(found, "spinal_canal")[0]
            assert (exit_mm[0] - canal_x) * (1 if side == "left" else -1) > 8.0
            assert exit_mm[2] < middle_mm(found, f"vertebrae_{level}")[2] + 10.0


def middle_mm(found: Structures, name: str) -> np.ndarray:
    return np.asarray(found.grid.to_lps(np.argwhere(found.mask(name))).mean(axis=0))


def test_bowel_lies_around_its_gas(
    vertebra: GeneratedCase, vertebra_structures: Structures
) -> None:
    found = vertebra_structures.mask("bowel")
    gas = vertebra_structures.mask("bowel_gas")
    spacing = vertebra.volume.grid.spacing_mm_kji
    assert found.any()
    assert ndimage.distance_transform_edt(~gas, sampling=spacing)[found].max() < 14.0
    assert passage_class("bowel") == "forbidden"
