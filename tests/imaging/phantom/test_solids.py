"""Signed distances against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.phantom.sampling import chain, sheet
from imaging.phantom.solids import Balls, Field, Loft, Oval, Shape
from imaging.phantom.truth import measure


def _ball(radius: float) -> Shape:
    return Shape((Balls(np.zeros((1, 3)), np.array([radius])),), step_mm=0.5)


def test_a_ball_is_exact() -> None:
    field = _ball(8.0).field()
    points = np.random.default_rng(1).uniform(-7, 7, (500, 3))
    points = points[np.linalg.norm(points, axis=1) > 2]  # a lattice blunts the very middle
    assert field.at(points) == pytest.approx(np.linalg.norm(points, axis=1) - 8.0, abs=0.06)


def test_an_oval_has_the_volume_and_the_axes_of_an_ellipsoid() -> None:
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    shape = Shape((Oval(np.array([1.0, 2.0, 3.0]), (12.0, 8.0, 6.0), turn),), step_mm=0.5)
    field = shape.field()
    size = measure(field.values, field.grid())
    assert size.volume_ml == pytest.approx(4 / 3 * np.pi * 12 * 8 * 6 / 1000, rel=0.01)
    assert size.length_mm == pytest.approx(24, abs=0.1)
    assert size.width_mm == pytest.approx(16, abs=0.1)
    axis = np.subtract(*size.length_ends_lps_mm) / size.length_mm
    assert abs(axis @ turn[0]) > 0.999
    assert np.linalg.norm(np.subtract(*size.width_ends_lps_mm)) == pytest.approx(size.width_mm)


def test_a_loft_is_a_cylinder_between_its_ends() -> None:
    rows = np.array([(-20.0, 1, 2, 9, 9, 9), (20.0, 1, 2, 9, 9, 9)])
    field = Shape((Loft(rows),), step_mm=0.5).field()
    size = measure(field.values, field.grid())
    assert size.volume_ml == pytest.approx(np.pi * 81 * 40 / 1000, rel=0.01)
    assert field.at([1.0, 2.0, 19.0]) == pytest.approx(-1.0, abs=0.05)


def test_a_chain_and_a_sheet_are_smooth() -> None:
    rod = Shape((chain([(0, 0, -20, 4), (0, 0, 20, 4)]),), step_mm=0.5).field()
    along = np.stack([np.full(81, 4.0), np.zeros(81), np.linspace(-15, 15, 81)], axis=1)
    assert np.abs(rod.at(along)).max() < 0.08
    net = [[(x, y, 0, 3) for x in (-15, 15)] for y in (-15, 15)]
    plate = Shape((sheet(net),), step_mm=0.5).field()
    across = np.stack([np.linspace(-12, 12, 60), np.linspace(-9, 9, 60), np.full(60, 3.0)], axis=1)
    assert np.abs(plate.at(across)).max() < 0.12


def test_parts_are_cut_and_melted() -> None:
    two = (Balls(np.array([[-5.0, 0, 0], [5.0, 0, 0]]), np.array([6.0, 6.0])),)
    cut = Shape(two, minus=(_ball(3.0),), step_mm=0.5).field()
    assert cut.at([0.0, 0.0, 0.0]) > 2.5
    assert cut.at([5.0, 0.0, 0.0]) < -1.5
    kept = Shape(two, inside=(_ball(6.0),), step_mm=0.5).field()
    assert kept.at([9.0, 0.0, 0.0]) > 2.5


def test_level_leaves_the_front_of_a_ball() -> None:
    balls = Balls(np.zeros((1, 3)), np.array([10.0]), level=0.0)
    field = Shape((balls,), step_mm=0.5).field()
    assert field.at([0.0, -5.0, 0.0]) < 0 < field.at([0.0, 3.0, 0.0])


def test_the_same_place_has_the_same_distance_on_any_lattice() -> None:
    shape = Shape((Oval(np.zeros(3), (9.0, 9.0, 9.0)),), rough_mm=0.7, grain_mm=6.0)
    fine = shape.field(0.5)
    other = shape.on(Field(np.array([-12.3, -11.1, -12.9]), 0.5, np.empty((50, 50, 50), "f4")))
    points = np.random.default_rng(2).uniform(-9, 9, (300, 3))
    assert fine.at(points) == pytest.approx(other.at(points), abs=0.12)
