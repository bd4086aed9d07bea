"""Measures of shapes that are known exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from imaging.errors import ImagingError
from imaging.geometry import Grid
from imaging.measurement.diameters import diameters, diameters_of_points
from imaging.measurement.lesion import lesion_kind, measure, surface_mm2
from imaging.volume import Volume
from tests.imaging.test_geometry import rotation


def ellipsoid(grid: Grid, half_axes_mm: np.ndarray, turn: np.ndarray) -> np.ndarray:
    places = grid.to_lps(np.moveaxis(np.indices(grid.size_kji), 0, -1))
    local = (places - grid.corners_lps_mm().mean(axis=0)) @ turn
    return np.asarray(((local / half_axes_mm) ** 2).sum(axis=-1) <= 1.0)


@settings(max_examples=20, deadline=None)
@given(
    st.tuples(st.floats(14, 22), st.floats(9, 13), st.floats(5, 8)),
    st.tuples(st.floats(0, 3), st.floats(0, 3), st.floats(0, 3)),
    st.sampled_from([(1.0, 1.0, 1.0), (2.5, 0.8, 0.8), (4.25, 0.98, 0.98)]),
)
def test_ellipsoids_are_measured_to_a_voxel(
    half_axes: tuple[float, float, float],
    angles: tuple[float, float, float],
    spacing: tuple[float, float, float],
) -> None:
    size = [int(60 / mm) for mm in spacing]
    affine = np.eye(4)
    affine[:3, :3] = np.fliplr(np.eye(3)) @ np.diag(spacing)
    grid = Grid((size[0], size[1], size[2]), affine)
    mask = ellipsoid(grid, np.array(half_axes), rotation(*angles))
    found = diameters(mask, grid)
    voxel = max(spacing)
    assert found.length_mm == pytest.approx(2 * half_axes[0], abs=1.1 * voxel)
    assert found.width_mm == pytest.approx(2 * half_axes[1], abs=1.6 * voxel)
    volume_ml = mask.sum() * grid.voxel_ml
    exact_ml = 4 / 3 * np.pi * np.prod(half_axes) / 1000
    assert volume_ml == pytest.approx(exact_ml, rel=0.03 * voxel + 0.02)


@given(st.lists(st.tuples(*[st.floats(-50, 50)] * 3), min_size=4, max_size=30, unique=True))
def test_diameters_bound_every_pair(points: list[tuple[float, float, float]]) -> None:
    cloud = np.array(points)
    if np.ptp(cloud, axis=0).max() < 1e-3:
        return
    found = diameters_of_points(cloud)
    gaps = np.linalg.norm(cloud[:, None] - cloud[None], axis=-1)
    assert found.length_mm == pytest.approx(gaps.max(), abs=1e-6)
    assert found.width_mm <= found.length_mm + 1e-6
    one, other = np.array(found.width_ends_lps_mm)
    assert np.linalg.norm(one - other) == pytest.approx(found.width_mm, abs=1e-6)


def test_formula_and_single_voxel() -> None:
    grid = Grid.aligned((5, 5, 5), 2.0, (0, 0, 0))
    mask = np.zeros((5, 5, 5), dtype=bool)
    mask[2, 2, 2] = True
    result = measure(Volume(np.full((5, 5, 5), 40, np.int16), grid), mask)
    assert result.length_mm == pytest.approx(2.0)
    assert result.voxels == 1
    assert result.volume_ml == pytest.approx(0.008)
    assert result.volume_formula_ml == pytest.approx(result.length_mm * result.width_mm**2 / 2000)
    assert result.axial.slice_k == 2


def test_empty_mask_is_refused() -> None:
    grid = Grid.aligned((5, 5, 5), 2.0, (0, 0, 0))
    with pytest.raises(ImagingError) as refusal:
        measure(Volume(np.zeros((5, 5, 5), np.int16), grid), np.zeros((5, 5, 5), dtype=bool))
    assert refusal.value.code == "empty_mask"


@pytest.mark.parametrize(
    ("values", "kind"),
    [([40] * 10, "lytic"), ([600] * 10, "blastic"), ([40] * 5 + [600] * 5, "mixed")],
)
def test_kind_follows_density(values: list[int], kind: str) -> None:
    assert lesion_kind(np.array(values)) == kind


@pytest.mark.parametrize("half_axes", [(12.0, 12.0, 12.0), (20.0, 12.0, 8.0)])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 0.8, 0.8)])
def test_the_surface_of_an_ellipsoid(
    half_axes: tuple[float, float, float], spacing: tuple[float, float, float]
) -> None:
    size = [int(60 / mm) for mm in spacing]
    affine = np.eye(4)
    affine[:3, :3] = np.fliplr(np.eye(3)) @ np.diag(spacing)
    grid = Grid((size[0], size[1], size[2]), affine)
    mask = ellipsoid(grid, np.array(half_axes), rotation(0.3, 0.5, 0.2))
    a, b, c = (n**1.6075 for n in half_axes)
    exact = 4 * np.pi * ((a * b + a * c + b * c) / 3) ** (1 / 1.6075)  # Thomsen, within 1.1 %
    assert surface_mm2(mask, grid) == pytest.approx(exact, rel=0.06)


def test_an_opening_of_the_cortex_is_measured_where_it_is() -> None:
    k, j, i = np.mgrid[-30:30, -30:30, -30:30]
    distance = np.sqrt(k**2 + j**2 + i**2)
    hole = (i > 0) & (np.hypot(k, j) < 6)
    hu = np.where(distance < 14, 45.0, np.where((distance < 18) & ~hole, 700.0, 50.0))
    hu = ndimage.gaussian_filter(hu, 0.6)
    volume = Volume(hu.astype(np.int16), Grid.aligned(hu.shape, 1.0, (0.0, 0.0, 0.0)))
    found = measure(volume, distance < 14)
    assert found.cortical_breach is True
    assert found.breach_lps_mm is not None
    np.testing.assert_allclose(found.breach_lps_mm, (43.0, 30.0, 30.0), atol=2.5)
    assert found.breach_area_mm2 == pytest.approx(np.pi * 36, rel=0.5)
    closed = Volume(
        np.where(distance < 14, 45, np.where(distance < 18, 700, 50)).astype(np.int16), volume.grid
    )
    whole = measure(closed, distance < 14)
    assert whole.cortical_breach is False
    assert whole.breach_area_mm2 is None
