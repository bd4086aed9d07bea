"""The steps of a plan, each from a case to the next one.

The command line and the workstation take these same steps. A step drops what depended on what it
changes, so that a plan never shows a result that belongs to an earlier outline or way in.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np

from imaging.document import Vector
from imaging.geometry import BoolArray, FloatArray
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
from planning.corrections import with_outline
from planning.dependence import measure_surroundings, with_all, without_access
from planning.measured_answers import completed_answers
from planning.plan import Case
from planning.side import with_side_stated
from planning.side_check import Side
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


def state_side(case: Case, stated: Side, level: str | None = None) -> Case:
    """Check the side and the level that the physician states against the image.

    Parameters
    ----------
    case : Case
        With lesion and structures.
    stated : Side
        By the request or the examination.
    level : str or None
        The same of the level.

    Returns
    -------
    Case
        With the check; what was recommended is recommended anew.

    Raises
    ------
    PlanningError
        When the image shows another side or level, or cannot tell.
    """
    checked = with_side_stated(case, stated, level)
    return checked if case.plan.recommendation is None else answer(checked, case.plan.answers)


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
    return case.with_plan(answers=answers, judged=complete, recommendation=recommend(complete))
