"""The steps of a plan, each from a case to the next one.

The command line and the workstation take these same steps. A step drops what depended on what it
changes, so that a plan never shows a result that belongs to an earlier outline or way in.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np

from imaging.document import Vector
from imaging.errors import Problem
from imaging.geometry import BoolArray, FloatArray, unit
from imaging.lesion.growths import Growths
from imaging.lesion.segment import LesionOutline, segment_lesion
from imaging.measurement.lesion import measure
from imaging.measurement.shape import shape_doubts
from imaging.progress import SILENT, Progress
from imaging.structures.canal import CanalBeside, canal_beside
from imaging.structures.find import find_structures
from imaging.structures.model import Structures
from imaging.structures.painting import carried_over, with_class
from imaging.volume import Volume
from planning.ablation.devices import devices
from planning.ablation.request import PlacedDevice, TreatmentRequest
from planning.ablation.treatment import simulate_treatment
from planning.access.request import Proposal
from planning.corrections import with_outline
from planning.dependence import measure_surroundings, with_all, without_access
from planning.errors import PlanningError
from planning.measured_answers import completed_answers
from planning.plan import Case, ThermalField
from planning.technique.answers import Answers
from planning.technique.engine import recommend


def find_surroundings(case: Case, volume: Volume, progress: Progress = SILENT) -> Case:
    """Find the structures.

    Parameters
    ----------
    case : Case
        Any state.
    volume : Volume
        The CT.
    progress : Progress
        Told between the structures.

    Returns
    -------
    Case
        With structures; without access and simulations.
    """
    found = find_structures(volume, progress.part(0.0, 0.95))
    return with_structures(case, found, volume)


def with_structures(case: Case, structures: Structures, volume: Volume) -> Case:
    """Return the case with structures found or imported.

    Parameters
    ----------
    case : Case
        Any state; what was painted by hand, and classes set by hand, stay.
    structures : Structures
        On the grid of the series.
    volume : Volume
        The CT.

    Returns
    -------
    Case
        Every lesion measured against them, without access and simulations.
    """
    if case.structures is not None:
        structures = carried_over(case.structures, structures)
    for change in case.plan.classes:
        structures = with_class(structures, change.name, change.value)
    return with_all(case, structures, volume)


def outline_lesion(
    case: Case,
    volume: Volume,
    seeds_lps_mm: FloatArray,
    generosity: float = 0.0,
    progress: Progress = SILENT,
    outside_lps_mm: FloatArray | None = None,
) -> Case:
    """Outline and measure the lesion at the clicks.

    Parameters
    ----------
    case : Case
        With structures, whose spinal canal is kept out of the lesion; without them the canal is
        looked for near the clicks.
    volume : Volume
        The CT.
    seeds_lps_mm : numpy.ndarray
        Shape (n, 3).
    generosity : float
        −1 (tight) to 1 (generous).
    progress : Progress
        Told between the steps.
    outside_lps_mm : numpy.ndarray or None
        Shape (m, 3), clicks that are not lesion.

    Returns
    -------
    Case
        With the lesion; without access and simulations.

    Raises
    ------
    ImagingError
        When nothing can be outlined there.
    """
    seeds = np.atleast_2d(np.asarray(seeds_lps_mm, dtype=float))
    excluded = np.zeros((0, 3)) if outside_lps_mm is None else np.atleast_2d(outside_lps_mm)
    canal = canal_beside(case.structures, volume, seeds)
    outline = segment_lesion(
        volume,
        seeds,
        outside=canal,
        outside_lps_mm=excluded,
        generosity=generosity,
        progress=progress.part(0.0, 0.7),
    )
    changed = _with_measured(case, volume, outline.mask, canal)
    return _with_clicks(changed, outline, seeds, excluded, generosity)


def propose_outline(
    structures: Structures | None,
    volume: Volume,
    seeds_lps_mm: FloatArray,
    generosity: float,
    progress: Progress,
    outside_lps_mm: FloatArray,
    growths: Growths | None = None,
    canal: CanalBeside | None = None,
) -> LesionOutline:
    """Outline the lesion at the clicks, as :func:`outline_lesion` does, without measuring it.

    Parameters
    ----------
    structures : Structures or None
        Of the case: their spinal canal is kept out of the lesion; without them the canal is looked
        for near the clicks.
    volume : Volume
        The CT.
    seeds_lps_mm : numpy.ndarray
        Shape (n, 3).
    generosity : float
        −1 (tight) to 1 (generous).
    progress : Progress
        Told between the steps.
    outside_lps_mm : numpy.ndarray
        Shape (m, 3), clicks that are not lesion.
    growths : Growths or None
        Where what grew from the first click is kept, so that a further click is quick.
    canal : CanalBeside or None
        Where the canal beside the first click is kept, for the same reason.

    Returns
    -------
    LesionOutline
        Of which a tighter or more generous one is had at once.

    Raises
    ------
    ImagingError
        When nothing can be outlined there.
    """
    return segment_lesion(
        volume,
        seeds_lps_mm,
        outside=(canal or CanalBeside()).find(structures, volume, seeds_lps_mm),
        outside_lps_mm=outside_lps_mm,
        generosity=generosity,
        growths=growths,
        progress=progress,
    )


def with_proposal(
    case: Case,
    outline: LesionOutline,
    seeds_lps_mm: FloatArray,
    outside_lps_mm: FloatArray,
    generosity: float,
) -> Case:
    """Return the case with an outline at clicks that is still to be measured.

    Parameters
    ----------
    case : Case
        Any state.
    outline : LesionOutline
        On the grid of the series.
    seeds_lps_mm, outside_lps_mm : numpy.ndarray
        Shapes (n, 3) and (m, 3): the clicks it was made of.
    generosity : float
        −1 (tight) to 1 (generous).

    Returns
    -------
    Case
        Without measures, access and simulations.
    """
    changed = with_outline(case, outline.mask)
    return _with_clicks(changed, outline, seeds_lps_mm, outside_lps_mm, generosity)


def _with_clicks(
    case: Case,
    outline: LesionOutline,
    seeds_lps_mm: FloatArray,
    outside_lps_mm: FloatArray,
    generosity: float,
) -> Case:
    return case.with_plan(
        seeds_lps_mm=_vectors(seeds_lps_mm),
        outside_lps_mm=_vectors(outside_lps_mm),
        generosity=float(generosity),
        doubts=outline.doubts,
    )


def _vectors(points: FloatArray) -> tuple[Vector, ...]:
    return tuple(cast("Vector", tuple(float(n) for n in point)) for point in points)


def with_lesion(case: Case, volume: Volume, mask: BoolArray) -> Case:
    """Return the case with an outline that was drawn or imported.

    Parameters
    ----------
    case : Case
        Any state.
    volume : Volume
        The CT.
    mask : numpy.ndarray
        Shape of the volume, bool.

    Returns
    -------
    Case
        Measured; without access and simulations.

    Raises
    ------
    ImagingError
        When the mask is empty.
    """
    middle = volume.grid.to_lps(np.argwhere(mask).mean(axis=0)) if mask.any() else None
    canal = None if middle is None else canal_beside(case.structures, volume, middle)
    return _with_measured(case, volume, mask, canal)


def _with_measured(case: Case, volume: Volume, mask: BoolArray, canal: BoolArray | None) -> Case:
    bare = replace(case, lesion=mask, fields=())
    measured = measure(volume, mask, canal)
    changed = bare.with_plan(
        lesion=measured,
        involvement=None,
        edits=(),
        doubts=shape_doubts(mask, volume.grid),
        seeds_lps_mm=(),
        outside_lps_mm=(),
        generosity=0.0,
    )
    return measure_surroundings(without_access(changed), volume)


def placed_along(proposal: Proposal, lesion_depth_mm: float, device_id: str) -> PlacedDevice:
    """Return a device on a way in, its active part centred on the lesion along the way.

    Parameters
    ----------
    proposal : Proposal
        The way in.
    lesion_depth_mm : float
        How far behind the target the middle of the lesion lies along the way; may be negative.
    device_id : str
        Row of the table.

    Returns
    -------
    PlacedDevice
        Tip and direction.

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
    entry, target = np.array(proposal.entry_lps_mm), np.array(proposal.target_lps_mm)
    axis = unit(entry - target)
    ahead = device.inactive_tip_mm + device.active_length_mm / 2 + lesion_depth_mm
    tip = target - axis * ahead
    return PlacedDevice(
        device_id,
        cast("Vector", tuple(float(n) for n in tip)),
        cast("Vector", tuple(float(n) for n in axis)),
    )


def middle_behind_target_mm(case: Case, proposal: Proposal) -> float:
    """Return how far behind the target the lesion's middle lies, along the way in.

    Parameters
    ----------
    case : Case
        With the lesion.
    proposal : Proposal
        The way in.

    Returns
    -------
    float
        Millimetres between target and the middle of the lesion's extent on the way's line.
    """
    lesion, _ = _needed(case)
    grid = case.plan.series.grid
    entry, target = np.array(proposal.entry_lps_mm), np.array(proposal.target_lps_mm)
    advance = unit(target - entry)
    reach = np.arange(-80.0, 80.0, 0.5)
    index = np.rint(grid.to_kji(target + reach[:, None] * advance)).astype(int)
    inside = ((index >= 0) & (index < np.array(grid.size_kji))).all(axis=1)
    hit = np.zeros(len(reach), dtype=bool)
    hit[inside] = lesion[tuple(index[inside].T)]
    along = reach[hit]
    return float((along.min() + along.max()) / 2) if len(along) else 0.0


def simulate_device(
    case: Case,
    volume: Volume,
    device_id: str,
    margin_mm: float = 5.0,
    spacing_mm: float = 1.0,
    progress: Progress = SILENT,
) -> Case:
    """Simulate a device on the chosen way in.

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
        With one more simulation; an earlier one of the same device is replaced.

    Raises
    ------
    PlanningError
        When something is lacking or the device cannot be placed.
    """
    lesion, structures = _needed(case)
    chosen = case.plan.chosen
    if chosen is None:
        message = "no way in is chosen; search for access first"
        raise PlanningError(Problem(code="no_access", message=message))
    placed = placed_along(chosen, middle_behind_target_mm(case, chosen), device_id)
    treatment = simulate_treatment(
        TreatmentRequest(
            volume,
            lesion,
            structures,
            (placed,),
            margin_mm=margin_mm,
            spacing_mm=spacing_mm,
            limits=case.plan.limits,
        ),
        progress,
    )
    field = ThermalField(treatment.grid, treatment.temperature_c, treatment.zone)
    rows = list(zip(case.plan.simulation, case.fields, strict=True))
    rows = [row for row in rows if row[0].device != device_id] + [(treatment.summary, field)]
    changed = replace(case, fields=tuple(row[1] for row in rows))
    return changed.with_plan(simulation=tuple(row[0] for row in rows), recommendation=None)


def answer(case: Case, answers: Answers) -> Case:
    """Apply the rules to the answers and to what was measured.

    Parameters
    ----------
    case : Case
        Any state.
    answers : Answers
        What the physician said; what is left open is taken from the CT where it was measured.

    Returns
    -------
    Case
        With a recommendation.

    Raises
    ------
    PlanningError
        When answers and measures contradict each other.
    """
    complete = completed_answers(case, answers)
    return case.with_plan(answers=answers, recommendation=recommend(complete))


def _needed(case: Case) -> tuple[BoolArray, Structures]:
    problems = []
    if case.lesion is None:
        problems.append(Problem(code="no_lesion", message="outline the lesion first"))
    if case.structures is None:
        problems.append(Problem(code="no_structures", message="find the structures first"))
    if case.lesion is None or case.structures is None:
        raise PlanningError(problems)
    return case.lesion, case.structures
