"""Corrections by hand, on shapes that are known."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.errors import ImagingError
from imaging.geometry import BoolArray, FloatArray, Grid
from imaging.lesion.correction import (
    filled_between,
    kept_part,
    painted,
    smoothed,
    without_part,
)
from imaging.measurement.agreement import dice
from imaging.strokes import Stroke, met
from imaging.volume import SeriesInfo, Volume

UP = (0.0, 0.0, 1.0)
GRID = Grid.aligned((60, 70, 80), 1.0, (-40.0, -35.0, -30.0))


def _volume(grid: Grid = GRID, hu: int = 40) -> Volume:
    return Volume(np.full(grid.size_kji, hu, np.int16), grid, SeriesInfo(uid="1", path=""))


def _places(grid: Grid = GRID) -> FloatArray:
    return grid.to_lps(np.moveaxis(np.indices(grid.size_kji), 0, -1))


def _ball(centre: tuple[float, float, float], radius_mm: float, grid: Grid = GRID) -> BoolArray:
    return np.asarray(np.linalg.norm(_places(grid) - np.array(centre), axis=-1) <= radius_mm)


def test_a_ball_is_painted_in_three_dimensions_and_a_disc_in_one_slice() -> None:
    volume = _volume()
    ball = painted(None, volume, Stroke(((0, 0, 0),), UP, 8.0, adds=True, shape="sphere"))
    np.testing.assert_array_equal(ball, _ball((0, 0, 0), 8.0))
    disc = painted(None, volume, Stroke(((0, 0, 0),), UP, 8.0, adds=True))
    assert np.flatnonzero(disc.any(axis=(1, 2))).tolist() == [30]


@given(st.integers(-200, 200), st.integers(0, 150))
@settings(max_examples=20, deadline=None)
def test_within_a_range_only_values_of_it_are_painted(low: int, width: int) -> None:
    rng = np.random.default_rng(7)
    hu = rng.integers(-300, 300, GRID.size_kji, dtype=np.int16)
    volume = Volume(hu, GRID, SeriesInfo(uid="1", path=""))
    within = (float(low), float(low + width))
    stroke = Stroke(((0, 0, 0), (9, 3, 0)), UP, 6.0, adds=True, shape="sphere", range_hu=within)
    free = Stroke(stroke.points_lps_mm, UP, 6.0, adds=True, shape="sphere")
    mask, all_of_it = painted(None, volume, stroke), painted(None, volume, free)
    np.testing.assert_array_equal(mask, all_of_it & (hu >= low) & (hu <= low + width))


def test_a_stroke_on_an_oblique_grid_meets_what_lies_within_its_radius() -> None:
    affine = np.eye(4)
    c, s = np.cos(0.4), np.sin(0.4)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    affine[:3, :3] = turn @ np.fliplr(np.eye(3)) @ np.diag([2.0, 0.7, 0.7])
    grid = Grid((30, 60, 60), affine)
    volume = _volume(grid)
    middle = grid.to_lps((15, 30, 30))
    stroke = Stroke(((middle[0], middle[1], middle[2]),), UP, 9.0, adds=True, shape="sphere")
    block, inside = met(volume, stroke)
    whole = np.zeros(grid.size_kji, dtype=bool)
    whole[block] = inside
    gap = np.linalg.norm(_places(grid) - middle, axis=-1)
    np.testing.assert_array_equal(whole, gap <= 9.0)


@pytest.mark.parametrize("every", [3, 5, 8])
@pytest.mark.parametrize("normal", [UP, (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)])
def test_slices_left_out_of_a_leaning_ellipsoid_are_filled(
    every: int, normal: tuple[float, float, float]
) -> None:
    places = _places() @ np.array([[1, 0, 0], [0.3, 1, 0.2], [0, 0, 1]])
    whole = np.asarray(((places / np.array([22.0, 17.0, 19.0])) ** 2).sum(axis=-1) <= 1.0)
    axis = {UP: 0, (0.0, 1.0, 0.0): 1, (1.0, 0.0, 0.0): 2}[normal]
    filled = np.flatnonzero(whole.any(axis=tuple({0, 1, 2} - {axis})))
    kept = set(filled[::every].tolist()) | {int(filled[-1])}
    sparse = whole.copy()
    for n in filled:
        if int(n) not in kept:
            np.moveaxis(sparse, axis, 0)[n] = False
    before = sparse.copy()
    found = filled_between(sparse, GRID, np.array(normal))
    np.testing.assert_array_equal(sparse, before)
    assert dice(found, whole) > 0.95
    slices = sorted(kept)
    np.testing.assert_array_equal(
        np.moveaxis(found, axis, 0)[slices], np.moveaxis(whole, axis, 0)[slices]
    )


def test_nothing_to_fill_is_said() -> None:
    with pytest.raises(ImagingError) as refusal:
        filled_between(_ball((0, 0, 0), 9.0), GRID, np.array(UP))
    assert refusal.value.code == "nothing_to_fill"


def _roughness_mm2(mask: BoolArray) -> float:
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(image)
    return float(shape.GetPerimeter(1))


def test_smoothing_takes_the_roughness_and_leaves_volume_and_middle() -> None:
    rng = np.random.default_rng(3)
    ball = _ball((0, 0, 0), 15.0)
    rim = _ball((0, 0, 0), 17.0) & ~_ball((0, 0, 0), 13.0)
    rough = ball ^ (rim & (rng.random(ball.shape) < 0.25))
    smooth = smoothed(rough, GRID)
    assert smooth.sum() == pytest.approx(rough.sum(), rel=0.01)
    assert dice(smooth, ball) > max(dice(rough, ball), 0.96)
    assert _roughness_mm2(smooth) < 0.7 * _roughness_mm2(rough)


def test_two_lesions_joined_by_a_neck_are_split_at_it() -> None:
    big, small = _ball((-8, 0, 0), 12.0), _ball((14, 0, 0), 9.0)
    left = without_part(big | small, GRID, np.array([15.0, 2.0, 1.0]))
    assert dice(left, big) > 0.95
    other = without_part(big | small, GRID, np.array([-8.0, 0.0, 0.0]), np.array([15.0, 0, 0]))
    assert dice(other, small) > 0.95


def test_a_round_outline_has_no_second_part() -> None:
    with pytest.raises(ImagingError) as refusal:
        without_part(_ball((0, 0, 0), 12.0), GRID, np.array([1.0, 0, 0]))
    assert refusal.value.code == "no_second_part"


def test_the_clicked_piece_is_kept_also_by_a_click_beside_it() -> None:
    one, other = _ball((-15, 0, 0), 8.0), _ball((15, 0, 0), 8.0)
    np.testing.assert_array_equal(kept_part(one | other, GRID, np.array([15.0, 0, 0])), other)
    np.testing.assert_array_equal(kept_part(one | other, GRID, np.array([-27.0, 0, 0])), one)
    with pytest.raises(ImagingError) as refusal:
        kept_part(np.zeros(GRID.size_kji, dtype=bool), GRID, np.zeros(3))
    assert refusal.value.code == "empty_mask"
