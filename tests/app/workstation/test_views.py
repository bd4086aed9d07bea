"""Slices show the right voxel in the right place, whatever way the volume runs."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from app.workstation.viewpoint import GreyWindow
from app.workstation.views.decoration import side_letter, slice_z_mm
from app.workstation.views.layers import Layers
from app.workstation.views.painting import grey_table
from app.workstation.views.reslice import STANDARD, Frame, Reslicer
from app.workstation.views.surfaces import coarsened, mesh
from imaging.geometry import BoolArray, FloatArray, Grid
from imaging.lesion.correction import painted
from imaging.strokes import Stroke
from imaging.volume import SeriesInfo, Volume

RADIUS_MM = 12.0


def _turned_grids() -> list[Grid]:
    grids = []
    for order, signs in product(permutations(range(3)), product((1, -1), repeat=3)):
        affine = np.eye(4)
        affine[:3, :3] = (np.diag([0.9, 1.1, 2.0]) * np.array(signs))[:, list(order)]
        affine[:3, 3] = (-12.0, 7.0, 30.0)
        grids.append(Grid((12, 14, 16), affine))
    rotation = np.linalg.qr(np.array([[1.0, 0.2, 0.1], [-0.2, 1.0, 0.3], [0.0, -0.3, 1.0]]))[0]
    oblique = np.eye(4)
    oblique[:3, :3] = rotation @ np.diag([1.5, 0.8, 0.8])
    return [*grids, Grid((12, 14, 16), oblique)]


@pytest.mark.parametrize("name", list(STANDARD))
def test_slices_agree_with_the_volume_for_every_orientation(name: str) -> None:
    axes = STANDARD[name]
    random = np.random.default_rng(3)
    for grid in _turned_grids():
        volume = Volume(random.integers(-900, 900, grid.size_kji).astype(np.int16), grid)
        middle = axes.flat(grid.to_lps((np.array(grid.size_kji) - 1) / 2))
        frame = Frame(middle[0] - 2.0, middle[1] - 2.0, middle[2], 0.5, 8, 9)
        cut = Reslicer(volume.hu, grid, -1024).cut(axes, frame)
        u = frame.u_mm + 0.5 * np.arange(8)
        v = frame.v_mm + 0.5 * np.arange(9)
        places = (
            u[None, :, None] * axes.right
            + v[:, None, None] * axes.down
            + frame.depth_mm * axes.normal
        )
        np.testing.assert_allclose(cut, volume.hu_at(places), atol=0.51)  # rounded to whole HU


def test_the_patients_right_is_on_the_left_of_the_screen() -> None:
    for name in ("axial", "coronal"):
        assert side_letter(-STANDARD[name].right) == "R"
    assert side_letter(STANDARD["axial"].down) == "P"
    assert side_letter(STANDARD["coronal"].down) == "I"
    assert side_letter(-STANDARD["sagittal"].right) == "A"


def test_the_window_runs_from_black_to_white() -> None:
    table = grey_table(GreyWindow(50.0, 400.0))
    hu = np.array([-1024, -150, 50, 250, 3000], np.int16)
    assert table[hu.view(np.uint16)].tolist() == [0, 0, 127, 255, 255]


def _ball(grid: Grid) -> BoolArray:
    places = grid.to_lps(np.stack(np.meshgrid(*map(np.arange, grid.size_kji), indexing="ij"), -1))
    inside: BoolArray = np.linalg.norm(places, axis=-1) <= RADIUS_MM
    return inside


def test_a_contour_lies_where_the_ball_ends() -> None:
    from app.workstation.viewpoint import Look
    from planning.plan import Case
    from planning.procedure import with_lesion

    grid = Grid.aligned((40, 40, 40), 1.0, (-19.5, -19.5, -19.5))
    volume = Volume(np.zeros(grid.size_kji, np.int16), grid)
    case = with_lesion(Case.begin(volume), volume, _ball(grid))
    layers = Layers()
    layers.use_volume(volume)
    layers.use_case(case)
    for axes in STANDARD.values():
        (line,) = layers.lines(axes, 0.0, Look())
        radii = np.linalg.norm(np.concatenate(line.points_mm), axis=1)
        assert abs(radii.mean() - RADIUS_MM) < 0.4
        assert radii.std() < 0.5
        assert layers.lines(axes, 20.0, Look()) == []


def test_a_surface_lies_where_the_ball_ends() -> None:
    grid = Grid((40, 40, 40), np.diag([1.0, 1.0, 1.0, 1.0]) @ _shift())
    surface = mesh(_ball(grid).astype(np.float32), grid, 0.5)
    radii = np.linalg.norm(surface.points_lps_mm, axis=1)
    assert abs(radii.mean() - RADIUS_MM) < 0.4
    outward = (surface.normals * surface.points_lps_mm).sum(axis=1)
    assert (outward > 0).mean() > 0.99


def _shift() -> FloatArray:
    affine = np.eye(4)
    affine[:3, :3] = np.fliplr(np.eye(3))
    affine[:3, 3] = -19.5
    return affine


def test_coarse_blocks_keep_mean_and_place() -> None:
    grid = Grid.aligned((8, 8, 8), 1.0, (0.0, 0.0, 0.0))
    values = np.arange(512, dtype=np.int16).reshape(8, 8, 8)
    coarse, own = coarsened(values, grid, 2.0)
    assert coarse.shape == (4, 4, 4)
    assert coarse.mean() == pytest.approx(values.mean())
    np.testing.assert_allclose(own.to_lps((0, 0, 0)), (0.5, 0.5, 0.5))


def test_a_brush_stroke_paints_a_capsule_in_its_slice_only() -> None:
    grid = Grid.aligned((20, 60, 60), 1.0, (0.0, 0.0, 0.0))
    volume = Volume(np.zeros(grid.size_kji, np.int16), grid, SeriesInfo(uid="1", path=""))
    stroke = Stroke(((20.3, 30.4, 10.0), (40.3, 30.4, 10.0)), (0.0, 0.0, 1.0), 5.0, adds=True)
    mask = painted(None, volume, stroke)
    assert mask[10].sum() == pytest.approx(20 * 10 + np.pi * 25, rel=0.06)
    assert not mask[[8, 12]].any()
    taken = Stroke(stroke.points_lps_mm, stroke.normal_lps, 5.0, adds=False)
    removed = painted(mask, volume, taken)
    assert not removed.any()
    assert mask.any()  # the mask painted on stays as it was


def test_the_slice_under_the_pointer_is_told_by_its_own_z_and_not_where_slices_are_tilted() -> None:
    grid = Grid.aligned((10, 20, 20), 3.0, (0.0, 0.0, -100.0))
    assert slice_z_mm(grid, np.array([5.0, 5.0, -95.0])) == pytest.approx(-94.0)
    assert slice_z_mm(grid, np.array([5.0, 5.0, 500.0])) is None
    tilted = grid.affine_kji_to_lps.copy()
    tilted[:3, 1] = (0.0, 2.9, 0.7)
    assert slice_z_mm(Grid(grid.size_kji, tilted), np.array([5.0, 5.0, -95.0])) is None


def test_everything_drawn_is_cut_by_a_turned_plane_where_it_lies() -> None:
    from app.workstation.planes import Planes
    from app.workstation.viewpoint import Look
    from app.workstation.views.reslice import Axes
    from planning.plan import Case
    from planning.procedure import with_lesion

    grid = Grid.aligned((40, 40, 40), 1.0, (-19.5, -19.5, -19.5))
    volume = Volume(np.zeros(grid.size_kji, np.int16), grid)
    case = with_lesion(Case.begin(volume), volume, _ball(grid))
    layers = Layers()
    layers.use_volume(volume)
    layers.use_case(case)
    planes = Planes().turned("axial", 33.0).turned("sagittal", 21.0)
    right, down = planes.coronal
    axes = Axes(np.array(right), np.array(down))
    for depth in (0.0, 6.0):
        (line,) = layers.lines(axes, depth, Look(planes=planes))
        flat = np.concatenate(line.points_mm)
        radii = np.linalg.norm(flat, axis=1)
        assert abs(radii.mean() - np.sqrt(RADIUS_MM**2 - depth**2)) < 0.4
    entry = tuple((40 * axes.right + 2 * axes.normal).tolist())
    layers.extra_ways = ((entry, (0.0, 0.0, 0.0)),)
    needle = layers.lines(axes, 0.0, Look(planes=planes))[-1]
    assert needle.legend == "extra_needle"
    np.testing.assert_allclose(needle.points_mm[0][-1], (0.0, 0.0), atol=1e-6)
