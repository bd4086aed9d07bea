from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from planning.ablation.scenario.reader import read_scenario
from planning.errors import PlanningError
from tests.planning.ablation.scenarios import FREEZING, SOFT, sphere_scenario

CRYO = {"device": "icerod_17g", "tip_lps_mm": [0, 0, -15], "axis_lps": [0, 0, 1]}
ANTENNA = {"device": "microwave_14g5_2450", "tip_lps_mm": [0, 0, -15], "axis_lps": [0, 0, 1]}
SPHERE = {"kind": "sphere", "radius_mm": 5.0, "temperature_c": 90.0}


def problems(scenario: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(PlanningError) as refused:
        read_scenario(json.loads(json.dumps(scenario)))
    return [(problem.code, problem.where) for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("changes", "code", "where"),
    [
        ({"gird": 1}, "unknown_key", "gird"),
        ({"medium": {"tissue": "cheese"}}, "unknown_tissue", "medium.tissue"),
        ({"medium": {}}, "bad_value", "medium"),
        ({"medium": {"properties": {**SOFT, "conductivity_w_m_k": -1}}}, "bad_value", ""),
        ({"medium": {"properties": {**SOFT, "colour": 3}}}, "unknown_key", ""),
        ({"medium": {"properties": {**SOFT, "latent_heat_j_m3": 1e8}}}, "freezing_range", ""),
        (
            {"medium": {"properties": {**FREEZING, "freezing_to_c": 5}}},
            "freezing_range",
            "medium.properties",
        ),
        ({"grid": {"spacing_mm": 0, "size_mm": [9, 9, 9]}}, "bad_value", "grid.spacing_mm"),
        ({"grid": {"spacing_mm": 0.01, "size_mm": [900] * 3}}, "grid_too_large", "grid"),
        ({"grid": {"spacing_mm": 1, "size_mm": [9, float("nan"), 9]}}, "bad_value", ""),
        ({"initial_c": float("inf")}, "bad_value", ""),
        ({"initial_c": "warm"}, "bad_value", ""),
        ({"boundary": {"kind": "fixed"}}, "missing_key", "boundary"),
        ({"boundary": {"kind": "leaky"}}, "bad_value", ""),
        ({"protocol": []}, "missing_key", "protocol"),
        ({"protocol": [{"mode": "heat", "seconds": 0}]}, "bad_value", ""),
        ({"protocol": [{"mode": "heat"}]}, "missing_key", ""),
        ({"protocol": [{"mode": "heat", "seconds": 1e300}]}, "bad_value", ""),
        ({"protocol": [{"mode": "voltage", "seconds": 5}]}, "mode_not_possible", ""),
        ({"applicators": [{**CRYO, "axis_lps": [0, 0, 0]}]}, "zero_axis", ""),
        ({"applicators": [{**CRYO, "device": "spoon"}]}, "unknown_device", ""),
        ({"applicators": [{**CRYO, "tip_lps_mm": [0, 0, 400]}]}, "outside_grid", ""),
        (
            {"applicators": [{"source": SPHERE, "tip_lps_mm": [0, 90, 0]}]},
            "outside_grid",
            "applicators.0",
        ),
        ({"points_lps_mm": [[0, 0, 99]]}, "outside_grid", "points_lps_mm.0"),
        (
            {
                "medium": {"tissue": "muscle"},
                "applicators": [CRYO, {**CRYO, "tip_lps_mm": [-15, 0, 0], "axis_lps": [1, 0, 0]}],
                "protocol": [{"mode": "freeze", "seconds": 9}],
            },
            "applicators_cross",
            "applicators.1",
        ),
        (
            {
                "medium": {"tissue": "muscle"},
                "applicators": [ANTENNA],
                "protocol": [{"mode": "power", "seconds": 9, "power_w": 5000}],
            },
            "beyond_device",
            "protocol.0.power_w",
        ),
    ],
)
def test_bad_scenarios_are_refused_with_their_place(
    changes: dict[str, Any], code: str, where: str
) -> None:
    found = problems(sphere_scenario(**changes))
    assert any(c == code and (not where or w == where) for c, w in found), found


def test_all_problems_are_told_at_once() -> None:
    scenario = copy.deepcopy(sphere_scenario())
    scenario["grid"]["spacing_mm"] = -1
    scenario["medium"] = {"tissue": "cheese"}
    scenario["protocol"][0]["seconds"] = -5
    scenario["applicators"][0]["device"] = "icerod_17g"
    scenario["surprise"] = True
    found = {where for _, where in problems(scenario)}
    assert {
        "grid.spacing_mm",
        "medium.tissue",
        "protocol.0.seconds",
        "applicators.0",
        "surprise",
    } <= found


def test_sources_may_reach_out_of_the_grid_but_devices_may_not() -> None:
    edge = {"source": SPHERE, "tip_lps_mm": [25, 0, 0]}
    assert read_scenario(sphere_scenario(applicators=[edge]))
    outside = {**CRYO, "tip_lps_mm": [0, 0, 5]}
    freeze = [{"mode": "freeze", "seconds": 9}]
    assert problems(sphere_scenario(applicators=[outside], protocol=freeze)) == [
        ("outside_grid", "applicators.0")
    ]


def test_the_box_is_kept_when_the_spacing_does_not_divide_it() -> None:
    grid = {"spacing_mm": 0.7, "size_mm": [20, 30, 10], "centre_lps_mm": [5, 6, 7]}
    scenario = read_scenario(sphere_scenario(grid=grid, points_lps_mm=[], applicators=[]))
    corners = scenario.grid.corners_lps_mm()
    assert corners.min(axis=0) == pytest.approx([-5, -9, 2])
    assert corners.max(axis=0) == pytest.approx([15, 21, 12])
