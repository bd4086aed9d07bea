"""What is sampled of a plan file or of a scenario: its treatment, as the simulator takes it."""

from __future__ import annotations

import numpy as np

from imaging.errors import Problem
from imaging.volume import Volume
from planning.ablation.patient import read_patient
from planning.ablation.request import PlacedDevice, TreatmentRequest
from planning.ablation.scenario.reader import Scenario
from planning.ablation.solver.heat import Boundary
from planning.ablation.solver.materials import BODY_C
from planning.ablation.uncertainty.samples import SPACING_MM
from planning.ablations import placed_devices, treatment_request
from planning.errors import PlanningError
from planning.plan import Case

MARGIN_MM = 5.0


def treatment_of_plan(
    case: Case,
    volume: Volume,
    device_id: str | None = None,
    spacing_mm: float = SPACING_MM,
    margin_mm: float = MARGIN_MM,
) -> TreatmentRequest:
    """Return the treatment of a plan: a device on the chosen way in.

    Parameters
    ----------
    case : Case
        With lesion, structures and a chosen way in.
    volume : Volume
        The CT.
    device_id : str or None
        Row of the table; None takes the first one that the plan has simulated.
    spacing_mm : float
        Edge of a cell.
    margin_mm : float
        Wanted around the lesion.

    Returns
    -------
    TreatmentRequest
        Under the limits of the case.

    Raises
    ------
    PlanningError
        With every step that is lacking.
    """
    problems = []
    chosen, lesion, structures = case.plan.chosen, case.lesion, case.structures
    if lesion is None or structures is None:
        message = "the plan has no lesion or no structures; take these steps first"
        problems.append(Problem(code="unfinished_plan", message=message, where="lesion"))
    if chosen is None:
        message = "no way in is chosen; search for access first"
        problems.append(Problem(code="no_access", message=message, where="access"))
    if device_id is None:
        device_id = next((row.device for row in case.plan.simulation), None)
    if device_id is None:
        message = "the plan has simulated no device; name one with --device"
        problems.append(Problem(code="no_device", message=message, where="simulation"))
    if problems or lesion is None or structures is None or chosen is None or device_id is None:
        raise PlanningError(problems)
    placed = placed_devices(case, device_id)
    return treatment_request(case, volume, placed, margin_mm, spacing_mm)


def treatment_of_scenario(
    scenario: Scenario, spacing_mm: float = SPACING_MM, margin_mm: float = MARGIN_MM
) -> TreatmentRequest:
    """Return the treatment of a scenario on a CT.

    Parameters
    ----------
    scenario : Scenario
        Its CT, lesion, structures, devices and protocol are taken; the box is laid around them.
    spacing_mm : float
        Edge of a cell.
    margin_mm : float
        Wanted around the lesion.

    Returns
    -------
    TreatmentRequest
        In a patient at 37 °C.

    Raises
    ------
    PlanningError
        When the scenario is none of devices in a lesion on a CT.
    """
    told: list[tuple[str, str]] = []
    if scenario.medium.ct is None or scenario.medium.lesion is None:
        told.append(("medium", "samples need a medium with ct and lesion; name both files"))
    if any(part.device is None for part in scenario.applicators):
        told.append(("applicators", "samples need devices of the table, not idealised sources"))
    if scenario.boundary != Boundary() or scenario.initial_c != BODY_C:
        told.append(("boundary", "samples are of a patient: set initial_c and boundary to 37 °C"))
    if told:
        raise PlanningError(
            [Problem(code="not_a_treatment", message=text, where=key) for key, text in told]
        )
    volume, lesion, structures = read_patient(scenario.medium)
    return TreatmentRequest(
        volume,
        np.asarray(lesion, dtype=bool),
        structures,
        tuple(
            PlacedDevice(str(part.device), part.tip_lps_mm, part.axis_lps)
            for part in scenario.applicators
        ),
        protocol=scenario.protocol,
        margin_mm=margin_mm,
        spacing_mm=spacing_mm,
    )
