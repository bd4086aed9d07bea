"""Turned planes stay perpendicular, and say how they lie."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from app.workstation.planes import TOLD, Planes
from app.workstation.viewpoint import Look, Rendering, Viewpoint
from app.workstation.views.decoration import side_letter
from app.workstation.views.reslice import STANDARD
from imaging.slabs import Projection


def test_planes_lie_along_the_patients_axes_at_first() -> None:
    for name, axes in STANDARD.items():
        right, down = Planes().sides(name)
        np.testing.assert_array_equal(right, axes.right)
        np.testing.assert_array_equal(down, axes.down)
        assert Planes().tilts_deg(name) == {}


def test_a_line_turned_in_one_picture_turns_the_other_planes_and_leaves_that_picture() -> None:
    before = Planes()
    after = before.turned("axial", 30.0)
    assert after.axial == before.axial
    assert after.line_deg("axial", "coronal") == pytest.approx(30.0)
    assert after.line_deg("axial", "sagittal") == pytest.approx(-60.0)
    # in the axial picture 30° from right to down is from the left towards the back
    right, down = after.coronal
    np.testing.assert_allclose(right, (np.cos(np.pi / 6), np.sin(np.pi / 6), 0), atol=1e-9)
    assert down == pytest.approx((0.0, 0.0, -1.0))
    assert side_letter(np.array(right)) == "LP"
    assert side_letter(-np.array(right)) == "RA"


def test_planes_stay_perpendicular_after_many_turns() -> None:
    planes = Planes()
    random = np.random.default_rng(1)
    for _ in range(200):
        planes = planes.turned(str(random.choice(list(TOLD))), float(random.normal(0, 20)))
    for one, other in combinations(TOLD, 2):
        assert abs(planes.normal(one) @ planes.normal(other)) < 1e-9
    for name in TOLD:
        right, down = planes.sides(name)
        assert abs(np.dot(right, down)) < 1e-9
        assert np.linalg.norm(right) == pytest.approx(1.0)


def test_the_tilt_says_to_which_side_and_how_far() -> None:
    assert Planes().turned("axial", 30.0).tilts_deg("coronal") == pytest.approx({"L": 30.0})
    twice = Planes().turned("sagittal", -20.0).turned("coronal", 10.0)
    tilts = twice.tilts_deg("axial")
    assert set(tilts) <= set("RLAP")
    assert len(tilts) == 2
    assert twice.tilts_deg("coronal").keys() <= set("RLSI")


def test_slabs_go_through_the_usual_thicknesses_and_end_there() -> None:
    viewpoint = Viewpoint()
    seen = []
    for _ in range(7):
        viewpoint.thicken(1)
        seen.append(viewpoint.look.slab.thickness_mm)
    assert seen == [3.0, 5.0, 10.0, 20.0, 40.0, 40.0, 40.0]
    for _ in range(9):
        viewpoint.thicken(-1)
    assert viewpoint.look == Look()


def test_the_first_projection_of_thin_slices_makes_them_thick() -> None:
    viewpoint = Viewpoint()
    seen = []
    for _ in range(4):
        viewpoint.next_projection()
        seen.append(viewpoint.look.slab.projection)
    assert viewpoint.look.slab.thickness_mm == 10.0
    assert seen == [
        Projection.MEAN,
        Projection.MAXIMUM,
        Projection.MINIMUM,
        Projection.MEAN,
    ]


def test_keys_go_round_the_renderings_and_speeds() -> None:
    viewpoint = Viewpoint()
    seen = []
    for _ in range(4):
        viewpoint.next_rendering()
        viewpoint.next_cine_speed()
        seen.append((viewpoint.look.rendering, viewpoint.look.cine_per_s))
    assert seen == [
        (Rendering.BONE, 15),
        (Rendering.SKIN, 25),
        (Rendering.VESSELS, 5),
        (Rendering.SURFACES, 10),
    ]
