"""What is sampled of a plan file or of a scenario: its treatment, as the simulator takes it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from imaging.errors import Problem
from imaging.volume import Volume
from planning.ablation.patient import read_patient
from planning.ablation.request import PlacedDevice, TreatmentRequest
from planning.ablation.results import TreatmentSummary
from planning.ablation.scenario.reader import Scenario
from planning.ablation.solver.heat import Boundary
from planning.ablation.solver.materials import BODY_C
from planning.ablation.uncertainty.result import UncertaintyResult
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
    """Return the treatment of a plan: as it was simulated, else a device on the chosen way in.

    Parameters
    ----------
    case : Case
        With lesion, structures and a chosen way in.
    volume : Volume
        The CT.
    device_id : str or None
        Row of the table; None takes the first one that the plan has simulated. Of several
        simulations of a device the newest counts, with its probes, phases and dissection.
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
    done = simulated(case, device_id)
    if done is None:
        placed = placed_devices(case, device_id)
        return treatment_request(case, volume, placed, margin_mm, spacing_mm)
    return treatment_as_simulated(case, volume, done, spacing_mm, margin_mm)


def treatment_as_simulated(
    case: Case,
    volume: Volume,
    row: TreatmentSummary,
    spacing_mm: float = SPACING_MM,
    margin_mm: float = MARGIN_MM,
) -> TreatmentRequest:
    """Return the treatment of a simulation of a plan: its probes, phases and dissection.

    Parameters
    ----------
    case : Case
        With lesion and structures.
    volume : Volume
        The CT.
    row : TreatmentSummary
        That knows its probes.
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
        When lesion or structures are lacking.
    """
    placed = tuple(PlacedDevice(p.device, p.tip_lps_mm, p.axis_lps) for p in row.probes)
    asked = treatment_request(case, volume, placed, margin_mm, spacing_mm)
    return replace(asked, protocol=row.protocol or None, dissections=row.dissections)


def simulated(case: Case, device_id: str) -> TreatmentSummary | None:
    """Return the newest simulation of a device that knows its probes and phases.

    Parameters
    ----------
    case : Case
        Any state.
    device_id : str
        Row of the table.

    Returns
    -------
    TreatmentSummary or None
        None where there is none.
    """
    rows = [row for row in case.plan.simulation if row.device == device_id]
    known = [row for row in rows if row.probes and row.protocol]
    return known[-1] if known else None


def with_uncertainty(case: Case, result: UncertaintyResult) -> Case:
    """Return the case with what the samples of a treatment say, without the samples.

    Parameters
    ----------
    case : Case
        Any state.
    result : UncertaintyResult
        Replaces an earlier one of the same treatment.

    Returns
    -------
    Case
        Changed.
    """
    others = [one for one in case.plan.uncertainty if not _is_same(one, result)]
    kept = result.model_copy(update={"rows": ()})
    return case.with_plan(uncertainty=(*others, kept))


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


def uncertainty_of(case: Case, row: TreatmentSummary) -> UncertaintyResult | None:
    """Return what the samples of a simulated treatment say.

    Parameters
    ----------
    case : Case
        Any state.
    row : TreatmentSummary
        Of its plan.

    Returns
    -------
    UncertaintyResult or None
        None where it was not sampled.
    """
    return next((one for one in case.plan.uncertainty if _is_same(one, row)), None)


def _is_same(
    one: UncertaintyResult | TreatmentSummary, other: UncertaintyResult | TreatmentSummary
) -> bool:
    """Tell whether both are about the same probes with the same fluid or gas."""
    return (one.probes, one.dissections) == (other.probes, other.dissections)
