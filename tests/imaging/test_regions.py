"""The values of a region are those of the voxels it holds, each once."""

from __future__ import annotations

import numpy as np

from imaging.geometry import FloatArray, Grid
from imaging.regions import Ellipse, region_values
from imaging.volume import Volume


def _volume() -> Volume:
    affine = np.eye(4)
    affine[:3, :3] = np.fliplr(np.diag([0.7, 0.8, 2.5]))
    affine[:3, 3] = (-20.0, 11.0, -30.0)
    grid = Grid((20, 60, 70), affine)
    values = np.random.default_rng(2).integers(-200, 1200, grid.size_kji)
    return Volume(values.astype(np.int16), grid)


def _vector(*values: float) -> FloatArray:
    return np.array(values)


def test_on_a_slice_the_voxels_whose_centres_the_ellipse_holds_count() -> None:
    volume = _volume()
    # 0.9 mm beside the middle of slice 8, 2.5 mm thick: still that slice
    middle = volume.grid.to_lps((8, 30, 35)) + _vector(0.1, 0.2, 0.9)
    ellipse = Ellipse(middle, _vector(9.0, 0.0, 0.0), _vector(0.0, 5.5, 0.0))
    found = region_values(volume, ellipse)
    j, i = np.mgrid[:60, :70]
    places = volume.grid.to_lps(np.stack([np.full_like(j, 8), j, i], -1)) - middle
    inside = (places[..., 0] / 9.0) ** 2 + (places[..., 1] / 5.5) ** 2 <= 1
    values = volume.hu[8][inside].astype(float)
    assert found is not None
    assert found.voxels == inside.sum()
    assert found.mean_hu == values.mean()
    assert found.sd_hu == values.std()
    assert (found.min_hu, found.max_hu) == (values.min(), values.max())
    assert abs(found.voxels * 0.7 * 0.8 / ellipse.area_mm2 - 1) < 0.03


def test_a_turned_ellipse_is_turned() -> None:
    grid = Grid.aligned((5, 60, 60), 1.0, (0.0, 0.0, 0.0))
    j, i = np.mgrid[:60, :60]
    hu = np.zeros((5, 60, 60), np.int16)
    hu[:, i == j] = 1000  # along the diagonal
    along, across = _vector(1.0, 1.0, 0.0) / np.sqrt(2), _vector(-1.0, 1.0, 0.0) / np.sqrt(2)
    middle = _vector(30.0, 30.0, 2.0)
    volume = Volume(hu, grid)
    long_along = region_values(volume, Ellipse(middle, 14.2 * along, 3.0 * across))
    long_across = region_values(volume, Ellipse(middle, 14.2 * across, 3.0 * along))
    assert long_along is not None
    assert long_across is not None
    assert long_along.voxels == long_across.voxels
    assert long_along.mean_hu > 4 * long_across.mean_hu


def test_an_oblique_plane_counts_each_voxel_once_and_only_those_it_cuts() -> None:
    grid = Grid.aligned((40, 40, 40), 1.0, (0.0, 0.0, 0.0))
    k, j, i = np.mgrid[:40, :40, :40]
    numbers = np.arange(64000).reshape(40, 40, 40)
    volume = Volume((numbers % 30000).astype(np.int16), grid)
    one, other = _vector(0.8, 0.0, 0.6), _vector(0.0, 1.0, 0.0)
    middle = _vector(20.3, 19.8, 20.1)
    found = region_values(volume, Ellipse(middle, 9.0 * one, 7.0 * other))
    places = np.stack([i, j, k], -1) - middle
    far = np.abs(places @ np.cross(one, other))
    near = ((places @ one / 9.0) ** 2 + (places @ other / 7.0) ** 2 <= 1) & (far <= 0.87)
    assert found is not None
    assert found.voxels <= near.sum()
    assert found.voxels > 0.8 * np.pi * 63 * 0.8  # columns along z that the plane cuts


def test_between_voxels_and_beyond_the_volume_there_is_nothing() -> None:
    volume = _volume()
    between = volume.grid.to_lps((8, 30.5, 35.5))
    tiny = Ellipse(between, _vector(0.1, 0.0, 0.0), _vector(0.0, 0.1, 0.0))
    assert region_values(volume, tiny) is None
    far = Ellipse(_vector(900.0, 0.0, 0.0), _vector(9.0, 0.0, 0.0), _vector(0.0, 9.0, 0.0))
    assert region_values(volume, far) is None
    flat = Ellipse(between, _vector(5.0, 0.0, 0.0), _vector(0.0, 0.0, 0.0))
    assert region_values(volume, flat) is None
