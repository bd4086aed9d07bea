"""The lesions of a case, each with a plan of its own; they share the CT and the structures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from imaging.document import Vector
from imaging.errors import Problem
from imaging.geometry import filled_block
from planning.errors import PlanningError
from planning.plan import Case, LesionPlan, Plan
from planning.technique.answers import answers_from

# Answers that do not depend on which lesion is meant.
ABOUT_THE_PATIENT = (
    "opioid_failure",
    "life_expectancy_months",
    "who_status",
    "primary",
    "lesion_count",
    "weight_kg",
    "frail",
    "anaesthetic_mixture",
    "inr",
    "platelets_g_l",
    "creatinine_clearance_ml_min",
    "antithrombotics",
    "infection",
    "pregnancy",
    "contrast_reaction",
    "anaesthetic_allergy",
    "implanted_cardiac_device",
    "lung_fibrosis",
    "diabetes",
    "general_anaesthesia_possible",
    "prone_possible",
)


def lesions(case: Case) -> tuple[LesionPlan, ...]:
    """Return the plans of all lesions.

    Parameters
    ----------
    case : Case
        Any state.

    Returns
    -------
    tuple of LesionPlan
        By number; the one that is looked at among them.
    """
    return tuple(sorted((_aside(case), *case.others), key=lambda one: one.plan.number))


def middle_lps_mm(case: Case) -> Vector | None:
    """Return the middle of the lesion that is looked at.

    Parameters
    ----------
    case : Case
        Any state.

    Returns
    -------
    Vector or None
        Its centroid, LPS millimetres, or until it is measured the middle of the box around it;
        None without an outline.
    """
    if case.plan.lesion is not None:
        return case.plan.lesion.centroid_lps_mm
    box = None if case.lesion is None else filled_block(case.lesion)
    if box is None:
        return None
    middle = [(part.start + part.stop - 1) / 2 for part in box]
    x, y, z = (float(n) for n in case.plan.series.grid.to_lps(np.array(middle)))
    return x, y, z


def add_lesion(case: Case) -> Case:
    """Begin the plan of another lesion and look at it.

    Parameters
    ----------
    case : Case
        Its present lesion is kept as it is.

    Returns
    -------
    Case
        With the next number; structures, and what was answered about the patient, are the same.
    """
    number = 1 + max(one.plan.number for one in lesions(case))
    now = case.plan
    said = now.answers.model_dump(mode="json", exclude_none=True, by_alias=True)
    begun = Plan(
        number=number,
        created_utc=now.created_utc,
        comparison=now.comparison,
        series=now.series,
        structures=now.structures,
        levels=now.levels,
        classes=now.classes,
        limits=now.limits,
        position=now.position,
        answers=answers_from({key: said[key] for key in ABOUT_THE_PATIENT if key in said}),
    )
    return replace(case, plan=begun, lesion=None, fields=(), others=(*case.others, _aside(case)))


def look_at(case: Case, number: int) -> Case:
    """Look at another lesion of the case.

    Parameters
    ----------
    case : Case
        Any state.
    number : int
        Of the lesion.

    Returns
    -------
    Case
        The same lesions.

    Raises
    ------
    PlanningError
        When there is no such lesion.
    """
    if number == case.plan.number:
        return case
    wanted = next((one for one in case.others if one.plan.number == number), None)
    if wanted is None:
        numbers = ", ".join(str(one.plan.number) for one in lesions(case))
        message = f"the case has no lesion {number}; it has {numbers}"
        raise PlanningError(Problem(code="no_such_lesion", message=message, where=str(number)))
    others = tuple(one for one in case.others if one is not wanted)
    return replace(
        case,
        plan=wanted.plan,
        lesion=wanted.lesion,
        fields=wanted.fields,
        others=(*others, _aside(case)),
    )


def remove_lesion(case: Case) -> Case:
    """Take the present lesion out of the case and look at the one before it.

    Parameters
    ----------
    case : Case
        With several lesions; the only one cannot be removed.

    Returns
    -------
    Case
        The numbers of the others stay, so that reports keep their meaning.

    Raises
    ------
    PlanningError
        When it is the only one.
    """
    if not case.others:
        message = "the case has only this lesion; forget its outline instead"
        raise PlanningError(Problem(code="only_lesion", message=message))
    here = case.plan.number
    before = [one for one in lesions(case) if one.plan.number < here]
    after = [one for one in lesions(case) if one.plan.number > here]
    next_one = before[-1] if before else after[0]
    moved = look_at(case, next_one.plan.number)
    others = tuple(one for one in moved.others if one.plan.number != here)
    return replace(moved, others=others)


def rename(case: Case, name: str) -> Case:
    """Give the present lesion a name.

    Parameters
    ----------
    case : Case
        Any state.
    name : str
        For people; surrounding blanks are dropped.

    Returns
    -------
    Case
        Renamed.
    """
    return case.with_plan(name=name.strip()[:80])


def as_case(case: Case, number: int) -> Case:
    """Return a case that holds one lesion only, as a report needs it.

    Parameters
    ----------
    case : Case
        Any state.
    number : int
        Of the lesion.

    Returns
    -------
    Case
        Without the others.
    """
    return replace(look_at(case, number), others=())


def _aside(case: Case) -> LesionPlan:
    return LesionPlan(case.plan, case.lesion, case.fields)
