"""Slabs hold what a direct computation on the voxels gives, along any axes of any grid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from imaging.geometry import FloatArray, Grid
from imaging.slabs import Projection, Rectangle, Slab, cut_slab

OUTSIDE = -1024
REDUCED: dict[Projection, Callable[..., Any]] = {
    Projection.MEAN: np.mean,
    Projection.MAXIMUM: np.max,
    Projection.MINIMUM: np.min,
}


def _noise(grid: Grid) -> NDArray[np.int16]:
    return np.random.default_rng(5).integers(-900, 1500, grid.size_kji).astype(np.int16)


def _grid(flips: tuple[int, int, int] = (1, 1, 1)) -> Grid:
    affine = np.eye(4)
    affine[:3, :3] = np.fliplr(np.diag([0.8, 0.9, 2.0])) * np.array(flips)
    affine[:3, 3] = (-5.0, 3.0, 40.0)
    return Grid((14, 16, 18), affine)


def _on_voxels(grid: Grid, k: float, axis_right: int, axis_down: int) -> Rectangle:
    columns = grid.affine_kji_to_lps[:3, :3]
    first = np.zeros(3)
    first[({0, 1, 2} - {axis_right, axis_down}).pop()] = k
    return Rectangle(
        grid.to_lps(first),
        columns[:, axis_right],
        columns[:, axis_down],
        grid.size_kji[axis_right],
        grid.size_kji[axis_down],
    )


@pytest.mark.parametrize("projection", list(Projection))
@pytest.mark.parametrize("axes", [(2, 1, 0), (2, 0, 1), (1, 0, 2)])
def test_a_slab_along_the_voxels_projects_the_voxels_it_holds(
    projection: Projection, axes: tuple[int, int, int]
) -> None:
    for flips in ((1, 1, 1), (-1, 1, -1)):
        grid = _grid(flips)
        hu = _noise(grid)
        right, down, across = axes
        # from half a voxel before voxel 4 to half a voxel beyond voxel 7 with halves interpolated
        thickness_mm = 3 * grid.spacing_mm_kji[across]
        rectangle = _on_voxels(grid, 5.5, right, down)
        cut = cut_slab(hu, grid, rectangle, Slab(thickness_mm, projection), OUTSIDE)
        block = hu.transpose(across, down, right)[4:8].astype(float)
        expected = (
            (block[:-1] + block[1:]).mean(axis=0) / 2
            if projection is Projection.MEAN
            else REDUCED[projection](block, axis=0)
        )
        np.testing.assert_allclose(cut, expected, atol=0.51)


@pytest.mark.parametrize("projection", list(Projection))
def test_an_oblique_slab_projects_what_is_interpolated_across_it(projection: Projection) -> None:
    grid = _grid()
    hu = _noise(grid)
    turn = np.linalg.qr(np.array([[1.0, 0.3, 0.2], [-0.3, 1.0, 0.1], [-0.2, 0.1, 1.0]]))[0]
    middle = grid.to_lps((np.array(grid.size_kji) - 1) / 2)
    step = 2.0  # coarser than the voxels: nothing is enlarged
    rectangle = Rectangle(
        middle - step * (turn[:, 0] + turn[:, 1]), step * turn[:, 0], step * turn[:, 1], 3, 3
    )
    slab = Slab(4.0, projection)
    cut = cut_slab(hu, grid, rectangle, slab, OUTSIDE)
    per_mm = np.abs(np.linalg.inv(grid.affine_kji_to_lps[:3, :3]) @ rectangle.normal_lps).max()
    count = int(np.ceil(4.0 * per_mm)) + 1
    expected = _by_interpolation(hu, grid, rectangle, np.linspace(-2.0, 2.0, count), projection)
    np.testing.assert_allclose(cut, expected, atol=0.6)


def _by_interpolation(
    hu: NDArray[np.int16],
    grid: Grid,
    rectangle: Rectangle,
    depths_mm: FloatArray,
    projection: Projection,
) -> FloatArray:
    from imaging.volume import Volume

    rows, columns = np.mgrid[: rectangle.rows, : rectangle.columns]
    flat = (
        rectangle.first_lps_mm
        + columns[..., None] * rectangle.right_lps_mm
        + rows[..., None] * rectangle.down_lps_mm
    )
    places = flat + depths_mm[:, None, None, None] * rectangle.normal_lps
    values = Volume(hu, grid).hu_at(places)
    if projection is Projection.MEAN:
        weights = np.ones(len(depths_mm))
        weights[[0, -1]] = 0.5
        return np.average(values, axis=0, weights=weights)
    reduced: FloatArray = REDUCED[projection](values, axis=0)
    return reduced


def test_a_slab_of_no_thickness_is_the_plane() -> None:
    grid = _grid()
    hu = _noise(grid)
    for projection in Projection:
        plane = cut_slab(hu, grid, _on_voxels(grid, 6, 2, 1), Slab(0.0, projection), OUTSIDE)
        np.testing.assert_array_equal(plane, hu[6])


def test_finer_pixels_of_an_oblique_slab_lie_between_the_coarser_ones() -> None:
    """A linear course of values is kept by every interpolation, however fine the pixels are."""
    grid = Grid.aligned((40, 40, 40), 1.0, (0.0, 0.0, 0.0))
    k, j, i = np.mgrid[:40, :40, :40]
    hu = (10 * i + 5 * j - 7 * k).astype(np.int16)
    right, down = np.array([0.8, 0.6, 0.0]), np.array([0.0, 0.0, -1.0])
    rectangle = Rectangle(np.array([12.0, 12.0, 25.0]), 0.25 * right, 0.25 * down, 30, 40)
    cut = cut_slab(hu, grid, rectangle, Slab(6.0), OUTSIDE)
    rows, columns = np.mgrid[:40, :30]
    x, y = 12.0 + 0.2 * columns, 12.0 + 0.15 * columns
    expected = 10 * x + 5 * y - 7 * (25.0 - 0.25 * rows)
    np.testing.assert_allclose(cut, expected, atol=0.6)


def test_what_no_voxel_covers_is_outside_and_does_not_count() -> None:
    grid = Grid.aligned((10, 10, 10), 1.0, (0.0, 0.0, 0.0))
    hu = np.full((10, 10, 10), 300, np.int16)
    beside = Rectangle(np.array([-5.0, 4.0, 0.0]), np.eye(3)[0], np.eye(3)[1], 8, 3)
    cut = cut_slab(hu, grid, beside, Slab(6.0), OUTSIDE)  # half of it below the volume
    assert (cut[:, :5] == OUTSIDE).all()
    assert (cut[:, 5:] == 300).all()
    above = Rectangle(np.array([0.0, 0.0, 40.0]), np.eye(3)[0], np.eye(3)[1], 4, 4)
    assert (cut_slab(hu, grid, above, Slab(6.0), OUTSIDE) == OUTSIDE).all()
    turned = Rectangle(np.array([-5.0, 4.0, 4.0]), np.array([0.8, 0.0, 0.6]), np.eye(3)[1], 3, 3)
    assert (cut_slab(hu, grid, turned, Slab(2.0), OUTSIDE) == OUTSIDE).all()


def test_a_thickness_is_a_length() -> None:
    for thickness_mm in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="thickness"):
            Slab(thickness_mm)
