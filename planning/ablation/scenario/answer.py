"""From a scenario to its answer, the JSON of ``osteoplan simulate``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imaging.document import Document, Vector
from imaging.geometry import FloatArray, Grid
from imaging.progress import SILENT, Progress
from planning.ablation.assembly import (
    Placement,
    device_applicators,
    source_applicators,
    uniform_medium,
)
from planning.ablation.devices import devices
from planning.ablation.limits import thermal_limits
from planning.ablation.patient import check_in_body, medium_of_ct
from planning.ablation.scenario.reader import Scenario
from planning.ablation.solver.air import Air
from planning.ablation.solver.applicators import Applicator
from planning.ablation.solver.damage import CEM43_LETHAL_MIN, OMEGA_LETHAL
from planning.ablation.solver.isotherms import isotherm
from planning.ablation.solver.materials import Float32Array, Medium
from planning.ablation.solver.simulation import Outcome, Simulation, as_points, simulate


class IsothermAnswer(Document):
    """An isotherm; lengths are null where there is none."""

    temperature_c: float
    volume_ml: float
    length_mm: float | None
    width_mm: float | None


class PointAnswer(Document):
    """The temperature of a place over time."""

    lps_mm: Vector
    time_s: tuple[float, ...]
    temperature_c: tuple[float, ...]


class DamageAnswer(Document):
    """Volumes killed by heat."""

    arrhenius_ml: float
    cem43_240_ml: float


class ElectricalAnswer(Document):
    """Of the generator, at the end of the last heating phase."""

    resistance_ohm: float | None
    power_w: float | None


class SimulationAnswer(Document):
    """The JSON of ``osteoplan simulate``."""

    simulated_s: float
    elapsed_s: float
    cells: int
    steps: int
    isotherms: tuple[IsothermAnswer, ...]
    points: tuple[PointAnswer, ...]
    damage: DamageAnswer
    electrical: ElectricalAnswer


@dataclass(frozen=True, eq=False)
class Answered:
    """An answer with its field.

    Parameters
    ----------
    answer : SimulationAnswer
        The JSON.
    grid : Grid
        Of the field.
    temperature_c : numpy.ndarray
        Shape (k, j, i): at the end.
    """

    answer: SimulationAnswer
    grid: Grid
    temperature_c: Float32Array


def answer_scenario(scenario: Scenario, progress: Progress = SILENT) -> Answered:
    """Simulate a scenario.

    Parameters
    ----------
    scenario : Scenario
        Checked.
    progress : Progress
        Told of every step.

    Returns
    -------
    Answered
        Numbers and field.

    Raises
    ------
    PlanningError
        When the CT of the scenario cannot be used.
    Cancelled
        When the result is no longer wanted.
    """
    begun_s = time.perf_counter()
    grid = scenario.grid
    placements = [
        Placement(devices()[part.device], part.tip_lps_mm, part.axis_lps)
        for part in scenario.applicators
        if part.device is not None
    ]
    medium, air = _medium(scenario, placements)
    applicators = [*device_applicators(grid, medium, placements), *air]
    applicators += source_applicators(grid, medium, scenario.applicators, scenario.protocol)
    task = Simulation(
        grid=grid,
        medium=medium,
        boundary=scenario.boundary,
        initial_c=scenario.initial_c,
        applicators=tuple(applicators),
        protocol=scenario.protocol,
        points_lps_mm=as_points(scenario.points_lps_mm),
        lethal_cold_c=thermal_limits().lethal_cold_c if medium.has_tissue else None,
    )
    outcome = simulate(task, progress)
    answer = SimulationAnswer(
        simulated_s=float(sum(phase.seconds for phase in scenario.protocol)),
        elapsed_s=time.perf_counter() - begun_s,
        cells=int(np.prod(grid.size_kji)),
        steps=outcome.steps,
        isotherms=_isotherms(scenario, outcome),
        points=_points(scenario, outcome.time_s, outcome.points_c),
        damage=_damage(grid, outcome),
        electrical=ElectricalAnswer(resistance_ohm=outcome.resistance_ohm, power_w=outcome.power_w),
    )
    return Answered(answer, grid, outcome.final_c)


def _medium(
    scenario: Scenario, placements: Sequence[Placement]
) -> tuple[Medium, tuple[Applicator, ...]]:
    """Return the medium, and the air around a patient."""
    if scenario.medium.ct is None:
        return uniform_medium(scenario.medium, scenario.grid), ()
    patient = medium_of_ct(scenario.medium, scenario.grid)
    air = patient.mask("air")
    check_in_body(scenario.grid, ~air, placements)
    return patient.medium, (Air(scenario.grid, air),)


def _isotherms(scenario: Scenario, outcome: Outcome) -> tuple[IsothermAnswer, ...]:
    axis = scenario.applicators[0].axis_lps if scenario.applicators else (0.0, 0.0, 1.0)
    rows = []
    for level_c in scenario.isotherms_c:
        found = isotherm(
            scenario.grid,
            scenario.boundary,
            outcome.active_c,
            level_c,
            hot=level_c > scenario.initial_c,
            axis_lps=axis,
        )
        rows.append(
            IsothermAnswer(
                temperature_c=level_c,
                volume_ml=found.volume_ml,
                length_mm=found.length_mm,
                width_mm=found.width_mm,
            )
        )
    return tuple(rows)


def _points(scenario: Scenario, time_s: FloatArray, curves: FloatArray) -> tuple[PointAnswer, ...]:
    times = tuple(float(t) for t in time_s)
    return tuple(
        PointAnswer(
            lps_mm=point,
            time_s=times,
            temperature_c=tuple(float(t) for t in curves[:, n]),
        )
        for n, point in enumerate(scenario.points_lps_mm)
    )


def _damage(grid: Grid, outcome: Outcome) -> DamageAnswer:
    return DamageAnswer(
        arrhenius_ml=int((outcome.omega >= OMEGA_LETHAL).sum()) * grid.voxel_ml,
        cem43_240_ml=int((outcome.cem43_min >= CEM43_LETHAL_MIN).sum()) * grid.voxel_ml,
    )
