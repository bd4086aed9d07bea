"""The other side of the body: found, and what it tells of a lesion."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from imaging.files import read_volume
from imaging.geometry import Grid
from imaging.lesion.other_side import find_other_side
from imaging.lesion.segment import segment_lesion
from imaging.measurement.lesion import measure
from imaging.phantom.insert import insert_lesion
from imaging.volume import Volume
from tests.imaging.lesion.test_segment import dice

if TYPE_CHECKING:
    from imaging.phantom.cases import GeneratedCase

PLATE_MM, CORTEX_MM = 12.0, 2.0
RADIUS_MM = 15.0
MOVED_MM = np.array([7.0, -3.0, 5.0])


def plates(*, is_destroyed: bool = True) -> tuple[Volume, np.ndarray, np.ndarray]:
    """Two leaning plates of bone in muscle, the left one destroyed through, its truth, a click."""
    z, y, x = np.mgrid[-40:40, -40:40, -80:80].astype(float)
    off = np.abs(x) - 45.0 - 0.3 * y  # from the middle of the plate on each side
    deep = PLATE_MM / 2 - np.abs(off) / np.hypot(1.0, 0.3)
    bounded = np.minimum.reduce([deep, 30.0 - np.abs(y), 30.0 - np.abs(z)])
    hu = np.where(bounded > CORTEX_MM, 180.0, np.where(bounded > 0, 700.0, 50.0))
    lesion = (bounded > 0) & (x > 0) & (np.hypot(y, z) < RADIUS_MM)
    if is_destroyed:
        hu[lesion] = 40.0
    rng = np.random.default_rng(3)
    hu = ndimage.gaussian_filter(hu, 0.7) + ndimage.gaussian_filter(
        rng.normal(0, 40, hu.shape), 0.7
    )
    volume = Volume(hu.astype(np.int16), Grid.aligned(hu.shape, 1.0, (-80.0, -40.0, -40.0)))
    return volume, lesion, np.array([45.0, 0.0, 0.0])


def turned(volume: Volume, turn: Rotation, move_mm: np.ndarray) -> Volume:
    """The same body, lying obliquely."""
    world = np.eye(4)
    world[:3, :3], world[:3, 3] = turn.as_matrix(), move_mm
    return replace(volume, grid=Grid(volume.grid.size_kji, world @ volume.grid.affine_kji_to_lps))


@pytest.mark.parametrize("degrees", [(0.0, 0.0, 0.0), (8.0, 3.0, -2.0), (-5.0, -3.0, 4.0)])
def test_the_counterpart_lies_where_the_body_is_mirrored(degrees: tuple[float, ...]) -> None:
    volume, _, click = plates()
    turn = Rotation.from_euler("zyx", degrees, degrees=True)
    lying = turned(volume, turn, MOVED_MM)
    found = find_other_side(lying, turn.apply(click) + MOVED_MM)
    assert found is not None
    assert found.agreement > 0.8
    near = click + np.array([[0.0, 0, 0], [4, 10, 0], [0, -10, 8], [3, 0, -12]])
    there = (turn.apply(near) + MOVED_MM) @ found.to_other_lps[:3, :3].T
    there += found.to_other_lps[:3, 3]
    wanted = turn.apply(near * (-1, 1, 1)) + MOVED_MM
    # a plate looks alike along itself; across it the place must be right
    across = turn.apply((-1.0, 0.3, 0.0)) / np.hypot(1.0, 0.3)
    assert np.abs((there - wanted) @ across).max() < 2.0
    assert np.linalg.norm(there - wanted, axis=1).max() < 8.0


def test_half_a_body_has_no_other_side() -> None:
    volume, _, click = plates()
    half = volume.cropped((0, 0, 90), (80, 80, 70))
    assert find_other_side(half, click) is None


def test_a_bone_destroyed_through_is_completed() -> None:
    volume, lesion, click = plates()
    outline = segment_lesion(volume, click).mask
    assert dice(outline, lesion) > 0.78


def test_metal_on_the_other_side_tells_nothing() -> None:
    volume, lesion, click = plates()
    hu = volume.hu.copy()
    _, y, x = np.mgrid[-40:40, -40:40, -80:80]
    hu[(x + 48) ** 2 + y**2 < 36] = 3000
    outline = segment_lesion(replace(volume, hu=hu), click).mask
    assert (outline & ~ndimage.binary_dilation(lesion, iterations=8)).sum() == 0
    assert dice(outline, lesion) > 0.6


def test_a_lesion_in_the_midline_is_not_taken_for_normal(vertebra: GeneratedCase) -> None:
    seed = np.array(vertebra.truth.lesion.seed_lps_mm)
    found = find_other_side(vertebra.volume, seed)
    assert found is not None
    counterpart = found.to_other_lps[:3, :3] @ seed + found.to_other_lps[:3, 3]
    at = vertebra.volume.grid.nearest(counterpart)
    assert at is not None
    outline = segment_lesion(vertebra.volume, seed)
    assert dice(outline.mask, vertebra.lesion) > 0.85


def test_in_a_breached_ilium_of_a_real_ct_the_other_side_keeps_the_outline_from_muscle(
    shared_data: Path,
) -> None:
    volume = read_volume(shared_data / "lumbar-pelvis-dicom")
    made = insert_lesion(volume, (-93.0, 74.0, -727.0), 36.0, True, 5, hu=53.0)
    click = np.array(made.truth.lesion.seed_lps_mm)
    outline = segment_lesion(made.volume, click).mask
    assert dice(outline, made.lesion) > 0.75
    found = measure(made.volume, outline)
    assert found.cortical_breach is True
    assert found.volume_ml == pytest.approx(made.truth.lesion.volume_ml, rel=0.3)
    slices, rows, columns = volume.grid.size_kji
    at = volume.grid.nearest(click)
    assert at is not None
    assert at[2] < columns // 2
    half = made.volume.cropped((0, 0, 0), (slices, rows, columns // 2 - 20))
    alone = segment_lesion(half, click).mask
    assert dice(outline, made.lesion) > dice(alone, made.lesion[:, :, : columns // 2 - 20]) + 0.1


@pytest.mark.parametrize("size", [(1, 80, 160), (2, 80, 160), (80, 3, 160), (80, 80, 2), (3, 4, 5)])
def test_an_image_of_few_slices_is_no_trouble(size: tuple[int, int, int]) -> None:
    volume, _, click = plates()
    k, j, i = size
    start = (40 - k // 2, 40 - j // 2, 0 if i > 100 else 125 - i // 2)
    cut = volume.cropped(start, size)
    assert cut.grid.nearest(click) is not None
    found = find_other_side(cut, click)
    assert found is None or np.isfinite(found.to_other_lps).all()
