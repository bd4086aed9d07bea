"""The steps of a plan that concern ablation: devices on the ways in, comparison, planning."""

from __future__ import annotations

from dataclasses import replace

from imaging.errors import Problem
from imaging.geometry import BoolArray
from imaging.progress import SILENT, Progress
from imaging.structures.model import Structures
from imaging.volume import Volume
from planning.ablation.devices import Device, devices
from planning.ablation.dissection import Dissection
from planning.ablation.placing import Way, placed_on
from planning.ablation.planner.search import SEARCH_MM, PlannerRequest, plan_ablation
from planning.ablation.request import PlacedDevice, Thermocouple, TreatmentRequest
from planning.ablation.results import Treatment, TreatmentSummary
from planning.ablation.treatment import simulate_treatment
from planning.access.request import Proposal
from planning.access.sets import NeedleSet, Purpose
from planning.errors import PlanningError
from planning.plan import Case, ThermalField
from planning.probe_ways import ProbeWays

TECHNIQUES = ("cryoablation", "radiofrequency", "microwave")
# Techniques that the needles of a set carry, by what the set was searched for.
CARRIES: dict[Purpose, tuple[str, ...]] = {
    Purpose.CRYOABLATION: ("cryoablation", "microwave"),
    Purpose.BIPOLAR: ("radiofrequency",),
    Purpose.INFILTRATION: (),
}
PLANNED_PROBES = 4


def default_devices() -> tuple[str, ...]:
    """Return the first device of each technique in the table, to compare them.

    Returns
    -------
    tuple of str
        Ids, in the order of the techniques.
    """
    table = devices()
    return tuple(
        next(row.id for row in table.values() if row.technique == technique)
        for technique in TECHNIQUES
    )


def ways_of(case: Case, device_id: str) -> tuple[Way, ...]:
    """Return the ways in that a device's probes take: those of the chosen set, or the chosen way.

    Parameters
    ----------
    case : Case
        With a chosen way in or a set of needles.
    device_id : str
        Row of the table.

    Returns
    -------
    tuple
        Entry and target of each probe.

    Raises
    ------
    PlanningError
        When no device has this id, or there is no way in.
    """
    device = known_device(device_id)
    plan = case.plan
    chosen: tuple[Proposal, ...] = () if plan.chosen is None else (plan.chosen,)
    if plan.needle_set is not None and device.technique in CARRIES[plan.needle_set.purpose]:
        chosen = plan.needle_set.needles
    if not chosen:
        message = "no way in is chosen; search for access first"
        raise PlanningError(Problem(code="no_access", message=message))
    return tuple((one.entry_lps_mm, one.target_lps_mm) for one in chosen)


def known_device(device_id: str) -> Device:
    """Return a device of the table, or refuse the id.

    Parameters
    ----------
    device_id : str
        Row of the table.

    Returns
    -------
    Device
        The row.

    Raises
    ------
    PlanningError
        When no device has this id.
    """
    device = devices().get(device_id)
    if device is None:
        known = ", ".join(devices())
        message = f"no device has this id; the table has {known}"
        raise PlanningError(Problem(code="unknown_device", message=message, where=device_id))
    return device


def placed_devices(case: Case, device_id: str) -> tuple[PlacedDevice, ...]:
    """Return a device on each way in, with the depths that are set.

    Parameters
    ----------
    case : Case
        With lesion, structures and ways in.
    device_id : str
        Row of the table.

    Returns
    -------
    tuple of PlacedDevice
        In the order of the ways.

    Raises
    ------
    PlanningError
        When something is lacking.
    """
    lesion, _ = _needed(case)
    ways = ways_of(case, device_id)
    shifts = (*case.plan.depth_shifts_mm, *((0.0,) * len(ways)))
    grid = case.plan.series.grid
    return tuple(
        placed_on(way, device_id, lesion, grid, shift)
        for way, shift in zip(ways, shifts, strict=False)
    )


def treatment_request(
    case: Case,
    volume: Volume,
    applicators: tuple[PlacedDevice, ...],
    margin_mm: float = 5.0,
    spacing_mm: float = 1.0,
) -> TreatmentRequest:
    """Return what the simulation is asked for a case.

    Parameters
    ----------
    case : Case
        With lesion and structures; its limits, thermocouples and dissections hold.
    volume : Volume
        The CT.
    applicators : tuple of PlacedDevice
        May be empty where the planner finds them.
    margin_mm : float
        Wanted around the lesion.
    spacing_mm : float
        Edge of a cell.

    Returns
    -------
    TreatmentRequest
        With the first device's own protocol.
    """
    lesion, structures = _needed(case)
    return TreatmentRequest(
        volume,
        lesion,
        structures,
        applicators,
        margin_mm=margin_mm,
        spacing_mm=spacing_mm,
        limits=case.plan.limits,
        dissections=case.plan.dissections,
        thermocouples=case.plan.thermocouples,
    )


def simulate_device(
    case: Case,
    volume: Volume,
    device_id: str,
    margin_mm: float = 5.0,
    spacing_mm: float = 1.0,
    progress: Progress = SILENT,
) -> Case:
    """Simulate a device on the chosen way in, or one on each needle of the chosen set.

    Parameters
    ----------
    case : Case
        With lesion, structures and a chosen way in.
    volume : Volume
        The CT.
    device_id : str
        Row of the table.
    margin_mm : float
        Wanted around the lesion.
    spacing_mm : float
        Edge of a cell.
    progress : Progress
        Told of every step.

    Returns
    -------
    Case
        With one more simulation; an earlier one of the same device, with or without dissection as
        this one, is replaced.

    Raises
    ------
    PlanningError
        When something is lacking or the device cannot be placed.
    """
    placed = placed_devices(case, device_id)
    request = treatment_request(case, volume, placed, margin_mm, spacing_mm)
    return with_treatment(case, simulate_treatment(request, progress))


def compare_techniques(
    case: Case,
    volume: Volume,
    device_ids: tuple[str, ...] = (),
    margin_mm: float = 5.0,
    spacing_mm: float = 1.0,
    progress: Progress = SILENT,
) -> Case:
    """Simulate several devices on the same lesion, to see them side by side.

    Parameters
    ----------
    case : Case
        With lesion, structures and a chosen way in.
    volume : Volume
        The CT.
    device_ids : tuple of str
        Empty takes the default device of each technique.
    margin_mm : float
        Wanted around the lesion.
    spacing_mm : float
        Edge of a cell.
    progress : Progress
        Told of every step.

    Returns
    -------
    Case
        With a simulation of each.

    Raises
    ------
    PlanningError
        When something is lacking or a device cannot be placed.
    """
    chosen = device_ids or default_devices()
    for number, device_id in enumerate(chosen):
        part = progress.part(number / len(chosen), (number + 1) / len(chosen))
        case = simulate_device(case, volume, device_id, margin_mm, spacing_mm, part)
    return case


def plan_for_me(
    case: Case,
    volume: Volume,
    device_id: str,
    margin_mm: float = 5.0,
    spacing_mm: float = 1.0,
    progress: Progress = SILENT,
    most_probes: int = PLANNED_PROBES,
    search_spacing_mm: float = SEARCH_MM,
) -> Case:
    """Let the program find number, place and depth of the probes and the durations.

    Parameters
    ----------
    case : Case
        With lesion and structures; ways in that were found or chosen are tried first.
    volume : Volume
        The CT.
    device_id : str
        Row of the table.
    margin_mm : float
        Wanted around the lesion.
    spacing_mm : float
        Edge of a cell of the simulation that confirms.
    progress : Progress
        Told all along.
    most_probes : int
        Tried at most.
    search_spacing_mm : float
        Edge of a cell of the search.

    Returns
    -------
    Case
        With what the search found, and the treatment where one is feasible.

    Raises
    ------
    PlanningError
        When something is lacking.
    """
    known_device(device_id)
    request = treatment_request(case, volume, (), margin_mm, spacing_mm)
    ways = ProbeWays(case, volume)
    found = plan_ablation(
        PlannerRequest(request, device_id, ways.groups, most_probes, search_spacing_mm), progress
    )
    changed = case.with_plan(ablation_search=found.search)
    if found.treatment is None:
        return changed
    summary = found.treatment.summary.model_copy(update={"is_planned": True})
    return with_treatment(changed, replace(found.treatment, summary=summary))


def with_treatment(case: Case, treatment: Treatment) -> Case:
    """Return the case with a simulated treatment.

    Parameters
    ----------
    case : Case
        Any state.
    treatment : Treatment
        As simulated.

    Returns
    -------
    Case
        An earlier one of the same kind is replaced; the recommendation is to be made again.
    """
    field = ThermalField(
        treatment.grid, treatment.temperature_c, treatment.zone, treatment.margin_mm
    )
    rows = list(zip(case.plan.simulation, case.fields, strict=True))
    kind = _kind(treatment.summary)
    rows = [row for row in rows if _kind(row[0]) != kind] + [(treatment.summary, field)]
    changed = replace(case, fields=tuple(row[1] for row in rows))
    return changed.with_plan(simulation=tuple(row[0] for row in rows), recommendation=None)


def _kind(row: TreatmentSummary) -> tuple[str, bool, bool]:
    """Return what tells the rows of a comparison apart."""
    return row.device, bool(row.dissections), row.is_planned


def without_treatments(case: Case, **changes: object) -> Case:
    """Return the case with something changed that all simulations depend on.

    Parameters
    ----------
    case : Case
        Any state.
    **changes : object
        Fields of the plan.

    Returns
    -------
    Case
        Without simulations and recommendation.
    """
    bare = replace(case, fields=())
    return bare.with_plan(
        simulation=(), ablation_search=None, uncertainty=(), recommendation=None, **changes
    )


def use_needle_set(case: Case, needles: NeedleSet | None) -> Case:
    """Choose several needles for ablation, or go back to the chosen way alone.

    Parameters
    ----------
    case : Case
        Any state.
    needles : NeedleSet or None
        A set for cryoablation or a bipolar pair.

    Returns
    -------
    Case
        Without the simulations of the former needles.

    Raises
    ------
    PlanningError
        When the set is for infiltrations.
    """
    if needles is not None and not CARRIES[needles.purpose]:
        message = "these needles are for infiltrations; search a set for ablation"
        raise PlanningError(Problem(code="other_purpose", message=message, where=needles.purpose))
    return without_treatments(case, needle_set=needles, depth_shifts_mm=())


def set_depths(case: Case, shifts_mm: tuple[float, ...]) -> Case:
    """Set how much deeper than the lesion's middle each probe goes.

    Parameters
    ----------
    case : Case
        Any state.
    shifts_mm : tuple of float
        In the order of the ways, −50 to 50.

    Returns
    -------
    Case
        Without the simulations of the former depths.

    Raises
    ------
    PlanningError
        When a depth is out of bounds.
    """
    if not all(-50.0 <= one <= 50.0 for one in shifts_mm):
        message = "a probe is shifted by -50 to 50 mm; correct the depth"
        raise PlanningError(Problem(code="bad_value", message=message, where="depth_shifts_mm"))
    return without_treatments(case, depth_shifts_mm=shifts_mm)


def set_thermocouples(case: Case, thermocouples: tuple[Thermocouple, ...]) -> Case:
    """Set the places whose temperature is followed; what was simulated stays.

    Parameters
    ----------
    case : Case
        Any state.
    thermocouples : tuple of Thermocouple
        The next simulation follows them.

    Returns
    -------
    Case
        Changed.
    """
    return case.with_plan(thermocouples=thermocouples)


def set_dissections(case: Case, dissections: tuple[Dissection, ...]) -> Case:
    """Set where fluid or gas shall lie; what was simulated without it stays, to be compared.

    Parameters
    ----------
    case : Case
        Any state.
    dissections : tuple of Dissection
        Of the next simulation.

    Returns
    -------
    Case
        Without what was simulated with other dissections.
    """
    rows = [
        row
        for row in zip(case.plan.simulation, case.fields, strict=True)
        if not row[0].dissections or row[0].dissections == dissections
    ]
    changed = replace(case, fields=tuple(row[1] for row in rows))
    return changed.with_plan(
        dissections=dissections,
        simulation=tuple(row[0] for row in rows),
        ablation_search=None,
        recommendation=None,
    )


def _needed(case: Case) -> tuple[BoolArray, Structures]:
    problems = []
    if case.lesion is None:
        problems.append(Problem(code="no_lesion", message="outline the lesion first"))
    if case.structures is None:
        problems.append(Problem(code="no_structures", message="find the structures first"))
    if case.lesion is None or case.structures is None:
        raise PlanningError(problems)
    return case.lesion, case.structures
