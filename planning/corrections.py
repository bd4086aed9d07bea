"""What is set by hand: outlines, structures, their classes, limits and levels, measures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from imaging.document import Vector
from imaging.errors import Problem
from imaging.geometry import BoolArray, FloatArray
from imaging.measurement.shape import SHAPE_CODES, shape_doubts
from imaging.strokes import Block
from imaging.structures.model import PassageClass, Structures
from imaging.structures.painting import with_class, with_painted
from imaging.structures.set_level import with_level
from imaging.volume import Volume
from planning.ablation.limits import LimitChange
from planning.dependence import for_all, measure_surroundings, with_all, with_names, without_access
from planning.edits import ClassChange, Value, now_utc, record
from planning.errors import PlanningError
from planning.plan import Case


def paint_structure(case: Case, name: str, block: Block, inside: BoolArray, *, adds: bool) -> Case:
    """Add a stroke to a structure, or take it away.

    Parameters
    ----------
    case : Case
        With structures; without them painting begins on an empty map.
    name : str
        Of the structure.
    block : tuple of slice
        Part of the grid of the series.
    inside : numpy.ndarray
        Shape of the block, bool.
    adds : bool
        False takes away.

    Returns
    -------
    Case
        Without access and simulations, which did not know of it; involvement is to be measured
        again. The same case where the stroke changes nothing.

    Raises
    ------
    ImagingError
        When the name cannot be used.
    """
    grid = case.plan.series.grid
    before = case.structures or Structures(np.zeros(grid.size_kji, dtype=np.uint16), grid, ())
    painted = with_painted(before, name, block, inside, adds=adds)
    if np.array_equal(painted.labels[block], before.labels[block]):
        return case
    return with_all(case, painted, None)


def set_class(case: Case, name: str, class_: PassageClass) -> Case:
    """Set whether a needle may pass a structure.

    Parameters
    ----------
    case : Case
        With structures.
    name : str
        Of the structure.
    class_ : PassageClass
        Wanted.

    Returns
    -------
    Case
        Without access and simulations; the change is recorded.

    Raises
    ------
    PlanningError
        When there is no such structure.
    """
    row = None if case.structures is None else case.structures.named(name)
    if row is None or case.structures is None:
        message = "the case has no such structure; find the structures first, or paint it"
        raise PlanningError(Problem(code="no_such_structure", message=message, where=name))
    if row.class_ == class_:
        return case
    earlier = next((one for one in case.plan.classes if one.name == name), None)
    was = row.class_ if earlier is None else earlier.was
    kept = tuple(one for one in case.plan.classes if one.name != name)
    if class_ != was:
        kept = (*kept, ClassChange(name=name, was=was, value=class_, at_utc=now_utc()))
    changed = for_all(case, classes=kept)
    structures = with_class(case.structures, name, class_)
    bare = replace(changed, structures=structures)
    return without_access(for_all(bare, structures=structures.table))


def set_limit(case: Case, change: LimitChange) -> Case:
    """Set what a structure stands, for this case.

    Parameters
    ----------
    case : Case
        Any state.
    change : LimitChange
        Replaces an earlier one of the same structure.

    Returns
    -------
    Case
        Without simulations, which counted with the limit before.
    """
    kept = tuple(one for one in case.plan.limits if one.name != change.name)
    changed = for_all(
        case,
        limits=(*kept, change),
        simulation=(),
        ablation_search=None,
        uncertainty=(),
        recommendation=None,
    )
    others = tuple(replace(one, fields=()) for one in changed.others)
    return replace(changed, fields=(), others=others)


def set_level(case: Case, volume: Volume, level: str, at_lps_mm: FloatArray) -> Case:
    """Say which level a vertebra is; the others follow.

    Parameters
    ----------
    case : Case
        With vertebrae.
    volume : Volume
        The CT.
    level : str
        ``C1`` to ``L6``.
    at_lps_mm : numpy.ndarray
        Shape (3,), a place in that vertebra.

    Returns
    -------
    Case
        With new names; ways in stay, since nothing has moved.

    Raises
    ------
    ImagingError
        When no vertebra lies there, or the spine would not fit the count.
    """
    if case.structures is None:
        raise PlanningError(Problem(code="no_structures", message="find the structures first"))
    renamed = with_level(case.structures, level, at_lps_mm)
    after = {row.label: row.name for row in renamed.table}
    names = {row.name: after.get(row.label, row.name) for row in case.structures.table}
    changed = with_names(replace(case, structures=renamed), names)
    told = for_all(changed, structures=renamed.table, levels=renamed.levels, recommendation=None)
    return measure_surroundings(for_all(told, involvement=None), volume)


def with_outline(case: Case, mask: BoolArray) -> Case:
    """Return the case with a corrected outline that is still to be measured.

    Parameters
    ----------
    case : Case
        Any state; clicks stay, and doubts but for those about the shape.
    mask : numpy.ndarray
        Shape of the series, bool; an empty one takes the lesion away.

    Returns
    -------
    Case
        Without measures, access and simulations; measures set by hand belonged to the outline
        before.
    """
    if not mask.any():
        return forget_lesion(case)
    changed = replace(case, lesion=mask, fields=())
    kept = [one for one in case.plan.doubts if one.code not in SHAPE_CODES]
    doubts = (*kept, *shape_doubts(mask, case.plan.series.grid))
    return without_access(changed.with_plan(lesion=None, involvement=None, edits=(), doubts=doubts))


def forget_lesion(case: Case) -> Case:
    """Take the outline away, with all that depends on it.

    Parameters
    ----------
    case : Case
        Any state.

    Returns
    -------
    Case
        Without lesion, access, simulations.
    """
    bare = replace(case, lesion=None, fields=()).with_plan(
        lesion=None,
        involvement=None,
        edits=(),
        seeds_lps_mm=(),
        outside_lps_mm=(),
        generosity=0.0,
        doubts=(),
    )
    return without_access(bare)


def edit_measure(
    case: Case, key: str, value: Value, ends_lps_mm: tuple[Vector, Vector] | None = None
) -> Case:
    """Set a measure by hand; what was measured is kept beside it.

    Parameters
    ----------
    case : Case
        With a measured lesion.
    key : str
        Of the measure, such as ``length_mm`` or ``distance.aorta``.
    value : bool, float or str
        What it is to be.
    ends_lps_mm : tuple of Vector or None
        Of the callipers it was read from.

    Returns
    -------
    Case
        The recommendation is dropped: it counted with the value before.

    Raises
    ------
    PlanningError
        When there is no lesion, no such measure, or the value does not fit.
    """
    lesion = case.plan.lesion
    if lesion is None:
        raise PlanningError(Problem(code="no_lesion", message="outline the lesion first"))
    edit = record(lesion, case.plan.involvement, key, value, ends_lps_mm)
    kept = tuple(one for one in case.plan.edits if one.key != key)
    return case.with_plan(edits=(*kept, edit), recommendation=None)


def take_back_edit(case: Case, key: str) -> Case:
    """Return to what was measured.

    Parameters
    ----------
    case : Case
        Any state.
    key : str
        Of the measure.

    Returns
    -------
    Case
        Without that edit.
    """
    kept = tuple(one for one in case.plan.edits if one.key != key)
    return case.with_plan(edits=kept, recommendation=None)
