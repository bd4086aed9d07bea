"""Grids put voxels where they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.geometry import Grid
from imaging.orientation import Orientation
from imaging.volume import resample, sample

numbers = st.floats(-200, 200)
spacings = st.floats(0.3, 6.0)


def rotation(a: float, b: float, c: float) -> np.ndarray:
    ca, sa, cb, sb, cc, sc = np.cos(a), np.sin(a), np.cos(b), np.sin(b), np.cos(c), np.sin(c)
    x = np.array([[1, 0, 0], [0, ca, -sa], [0, sa, ca]])
    y = np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
    z = np.array([[cc, -sc, 0], [sc, cc, 0], [0, 0, 1]])
    return np.asarray(x @ y @ z)


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    affine = np.eye(4)
    turn = rotation(*(draw(st.floats(-3.1, 3.1)) for _ in range(3)))
    affine[:3, :3] = turn @ np.diag([draw(spacings) for _ in range(3)])
    affine[:3, 3] = [draw(numbers) for _ in range(3)]
    return Grid((draw(st.integers(2, 9)), draw(st.integers(2, 9)), draw(st.integers(2, 9))), affine)


@given(grids(), st.tuples(numbers, numbers, numbers))
def test_index_and_place_are_inverse(grid: Grid, point: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(grid.to_lps(grid.to_kji(point)), point, atol=1e-6)


@given(grids())
def test_turned_array_keeps_every_voxel_in_its_place(grid: Grid) -> None:
    array = np.arange(np.prod(grid.size_kji)).reshape(grid.size_kji)
    turned = Orientation.of(grid)
    moved = turned.turn(array)
    for index in np.ndindex(*moved.shape):
        there = grid.nearest(turned.grid.to_lps(index))
        assert there is not None
        assert array[there] == moved[index]
    np.testing.assert_array_equal(turned.turn_back(moved), array)


@given(grids())
def test_turned_grid_runs_along_the_patient(grid: Grid) -> None:
    directions = Orientation.of(grid).grid.affine_kji_to_lps[:3, :3]
    assert directions[2, 0] >= -1e-9
    assert directions[1, 1] >= -1e-9
    assert directions[0, 2] >= -1e-9


def test_linear_field_is_resampled_exactly() -> None:
    source = Grid.aligned((20, 20, 20), 2.0, (0, 0, 0))
    target = Grid.aligned((9, 9, 9), 1.3, (10, 10, 10))
    values = source.to_lps(np.moveaxis(np.indices(source.size_kji), 0, -1)) @ [1.0, -2.0, 3.0]
    moved = resample(values, source, target, order=1, outside=0)
    wanted = target.to_lps(np.moveaxis(np.indices(target.size_kji), 0, -1)) @ [1.0, -2.0, 3.0]
    np.testing.assert_allclose(moved, wanted, atol=1e-3)


def test_outside_has_the_value_asked_for() -> None:
    grid = Grid.aligned((3, 3, 3), 1.0, (0, 0, 0))
    value = sample(np.ones((3, 3, 3)), grid, [50.0, 0.0, 0.0], order=1, outside=-7.0)
    assert float(value) == -7.0


def test_flat_affine_is_refused() -> None:
    with pytest.raises(ValueError, match="flat"):
        Grid((2, 2, 2), np.diag([1.0, 1.0, 0.0, 1.0]))
