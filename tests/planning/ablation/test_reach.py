"""An active part reaches beyond the target of its way: what it comes near to is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from imaging.geometry import unit
from imaging.progress import SILENT
from imaging.structures.model import PassageClass, Structures
from planning.ablation.assembly import Placement
from planning.ablation.devices import devices
from planning.ablation.dissection import Dissection
from planning.ablation.ground import common_grid, ground_of, treatment_grid
from planning.ablation.planner.trials import Setting, try_setting
from planning.ablation.reach import active_ends, probes_near
from planning.ablation.request import PlacedDevice
from planning.ablation.solver.protocol import Mode, Phase
from planning.ablation.treatment import simulate_treatment
from tests.planning.ablation.test_treatment import request

CANAL_FROM_Y_MM = 20.0  # face of the first voxel whose centre lies beyond 20 mm
RADIUS_MM = devices()["icerod_17g"].diameter_mm / 2


def structures() -> Structures:
    """The made block, its canal forbidden."""
    made = request().structures
    table = tuple(
        row.model_copy(update={"class_": PassageClass.FORBIDDEN})
        if row.name == "spinal_canal"
        else row
        for row in made.table
    )
    return Structures(made.labels, made.grid, table)


def probe(tip_y_mm: float) -> Placement:
    return Placement(devices()["icerod_17g"], (0.0, tip_y_mm, 0.0), (0.0, -1.0, 0.0))


def test_a_tip_before_the_canal_is_told_with_its_distance() -> None:
    (near,) = probes_near((probe(18.0),), structures())
    assert (near.probe, near.structure) == (1, "spinal_canal")
    assert near.distance_mm == pytest.approx(2.0 - RADIUS_MM, abs=0.01)


def test_a_tip_in_the_canal_touches_it_and_one_far_away_is_not_told() -> None:
    near = probes_near((probe(10.0), probe(24.0)), structures())
    assert [(one.probe, one.distance_mm) for one in near] == [(2, 0.0)]


def test_what_a_needle_may_pass_is_not_told() -> None:
    assert probes_near((probe(24.0),), request().structures) == ()


def test_a_treatment_tells_it_save_for_what_is_pushed_away() -> None:
    freeze = (Phase(mode=Mode.FREEZE, seconds=20),)
    placed = (PlacedDevice("icerod_17g", (0.0, 18.0, 0.0), (0.0, -1.0, 0.0)),)
    asked = replace(
        request(protocol=freeze, spacing_mm=3.0, applicators=placed), structures=structures()
    )
    assert [one.structure for one in simulate_treatment(asked).summary.near] == ["spinal_canal"]
    layer = Dissection(
        fluid="carbon_dioxide",
        structure="spinal_canal",
        centre_lps_mm=(0.0, 19.0, 0.0),
        towards_lps=(0.0, 1.0, 0.0),
    )
    assert simulate_treatment(replace(asked, dissections=(layer,))).summary.near == ()


def test_the_planner_tries_no_probe_that_touches_what_is_forbidden() -> None:
    device = devices()["icerod_17g"]
    asked = replace(request(spacing_mm=3.0, applicators=()), structures=structures())
    ground = ground_of(asked, common_grid(asked, 30.0))
    way = ((0.0, -38.0, 0.0), (0.0, 0.0, 0.0))
    assert try_setting(asked, ground, device, Setting((way,), (9.0,)), SILENT) is None


def test_the_active_part_lies_behind_the_inactive_tip() -> None:
    device = devices()["icerod_17g"]
    end, start = active_ends(device, (0.0, 10.0, 0.0), (0.0, -1.0, 0.0))
    assert start[1] == pytest.approx(10.0 - device.inactive_tip_mm)
    assert start[1] - end[1] == pytest.approx(device.active_length_mm)


def test_wires_that_reach_a_canal_are_told_though_the_shaft_stays_away() -> None:
    axis = (1.0, 0.0, 0.0)
    for device, is_told in (("starburst_14g_50", True), ("rf_monopolar_17g_10", False)):
        placement = Placement(devices()[device], (-5.0, 0.0, 0.0), axis)
        told = {one.structure for one in probes_near([placement], structures())}
        assert ("spinal_canal" in told) == is_told


def test_the_box_of_a_treatment_holds_the_wires() -> None:
    asked = request("starburst_14g_50", spacing_mm=2.0, protocol=None)
    placement = Placement(devices()["starburst_14g_50"], (0.0, 5.0, 0.0), (0.0, -1.0, 0.0))
    corners = treatment_grid(asked, [placement]).corners_lps_mm()
    for shape in placement.inserted():
        end = np.array(shape.tip_lps_mm) + shape.length_mm * unit(shape.axis_lps)
        assert (end > corners.min(axis=0) + 20.0).all()
        assert (end < corners.max(axis=0) - 20.0).all()
