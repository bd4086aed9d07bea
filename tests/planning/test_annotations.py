"""Measurements say what a ruler and a protractor say, and move by their ends."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError

from imaging.geometry import Grid
from imaging.volume import SeriesInfo, Volume
from planning.annotations import Annotation, AnnotationKind, angle, circle, length, next_number
from planning.plan import Case, Plan

UP = (0.0, 0.0, 1.0)


def test_lengths_angles_and_areas_are_those_of_the_points() -> None:
    assert length(1, ((0.0, 0.0, 5.0), (3.0, 4.0, 5.0)), UP).length_mm == pytest.approx(5.0)
    right = angle(1, ((9.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 2.0, 0.0)), UP)
    assert right.angle_deg == pytest.approx(90.0)
    flat = angle(1, ((9.0, 0.0, 0.0), (0.0, 0.0, 0.0), (-3.0, 0.0, 0.0)), UP)
    assert flat.angle_deg == pytest.approx(180.0)
    assert circle(1, (1.0, 1.0, 1.0), (1.0, 6.0, 1.0), UP).ellipse.area_mm2 == pytest.approx(
        25 * math.pi
    )


def test_an_end_that_is_moved_stays_in_the_slice() -> None:
    moved = length(1, ((0.0, 0.0, 5.0), (3.0, 4.0, 5.0)), UP).moved(1, np.array([9.0, 0.0, 44.0]))
    assert moved.points_lps_mm == ((0.0, 0.0, 5.0), (9.0, 0.0, 5.0))


def test_the_axes_of_a_region_stay_perpendicular() -> None:
    drawn = circle(1, (0.0, 0.0, 0.0), (4.0, 0.0, 0.0), UP)
    wider = drawn.moved(2, np.array([7.0, 9.0, 0.0]))
    assert wider.ellipse.halves_mm == pytest.approx((4.0, 9.0))
    turned = wider.moved(1, np.array([0.0, 6.0, 0.0]))
    assert turned.ellipse.halves_mm == pytest.approx((6.0, 9.0))
    assert turned.ellipse.one_lps_mm @ turned.ellipse.other_lps_mm == pytest.approx(0.0)
    taken = turned.moved(0, np.array([10.0, 10.0, 3.0]))
    assert taken.points_lps_mm[0] == (10.0, 10.0, 0.0)
    assert taken.ellipse.halves_mm == pytest.approx((6.0, 9.0))


def test_what_lacks_points_or_a_normal_is_refused() -> None:
    with pytest.raises(ValidationError, match="2 points"):
        Annotation(
            number=1, kind=AnnotationKind.LENGTH, points_lps_mm=((0.0, 0.0, 0.0),), normal_lps=UP
        )
    with pytest.raises(ValidationError, match="length 1"):
        length(1, ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0)), (0.0, 0.0, 0.0))


def test_plans_without_measurements_are_read_and_those_with_are_kept() -> None:
    grid = Grid.aligned((2, 3, 4), 1.0, (0.0, 0.0, 0.0))
    volume = Volume(np.zeros((2, 3, 4), np.int16), grid, SeriesInfo(uid="1", path=""))
    plan = Case.begin(volume).plan
    old = plan.model_dump(mode="json")
    del old["annotations"]
    assert Plan.model_validate(old).annotations == ()
    drawn = (length(1, ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0)), UP),)
    kept = plan.model_copy(update={"annotations": drawn})
    assert Plan.model_validate_json(kept.model_dump_json()).annotations == drawn
    assert next_number(drawn) == 2
