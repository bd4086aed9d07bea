"""Scenarios with exact solutions, and how to run them."""

from __future__ import annotations

from typing import Any

import numpy as np

from imaging.geometry import FloatArray
from planning.ablation.scenario.answer import Answered, answer_scenario
from planning.ablation.scenario.reader import read_scenario

FREEZING: dict[str, float] = {
    "density_kg_m3": 1050.0,
    "specific_heat_j_kg_k": 3600.0,
    "conductivity_w_m_k": 0.5,
    "frozen_specific_heat_j_kg_k": 1800.0,
    "frozen_conductivity_w_m_k": 2.0,
    "latent_heat_j_m3": 250e3 * 1050.0,
    "freezing_from_c": -1.0,
    "freezing_to_c": -1.02,
}
SOFT: dict[str, float] = {
    "density_kg_m3": 1050.0,
    "specific_heat_j_kg_k": 3600.0,
    "conductivity_w_m_k": 0.5,
}
FIXED_37 = {"kind": "fixed", "temperature_c": 37.0}


def cube(size_mm: float, spacing_mm: float) -> dict[str, Any]:
    return {"spacing_mm": spacing_mm, "size_mm": [size_mm] * 3, "centre_lps_mm": [0, 0, 0]}


def sphere_scenario(**changes: object) -> dict[str, Any]:
    scenario: dict[str, Any] = {
        "grid": cube(50.0, 1.0),
        "medium": {"properties": {**SOFT, "perfusion_per_s": 6.4e-3}},
        "initial_c": 37.0,
        "boundary": FIXED_37,
        "applicators": [
            {
                "source": {"kind": "sphere", "radius_mm": 5.0, "temperature_c": 90.0},
                "tip_lps_mm": [0, 0, 0],
                "axis_lps": [0, 0, 1],
            }
        ],
        "protocol": [{"mode": "heat", "seconds": 2000}],
        "points_lps_mm": [[7, 0, 0], [10, 0, 0], [0, 0, 15]],
        "isotherms_c": [60.0],
    }
    return {**scenario, **changes}


def run(scenario: dict[str, Any]) -> Answered:
    return answer_scenario(read_scenario(scenario))


def final_c(done: Answered) -> FloatArray:
    return np.array([point.temperature_c[-1] for point in done.answer.points])
