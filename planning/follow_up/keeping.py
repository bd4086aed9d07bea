"""Keeps treatments with the lesions of a case: added, corrected and removed by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from imaging.errors import Problem
from planning.errors import PlanningError
from planning.follow_up.checks import treatment_from
from planning.follow_up.records import Treatment
from planning.lesions import lesions, look_at
from planning.measured_answers import completed_answers
from planning.plan import Case


def known_of_lesion(case: Case) -> dict[str, Any]:
    """Return what the plan of the lesion that is looked at says of a treatment.

    Parameters
    ----------
    case : Case
        Any state.

    Returns
    -------
    dict
        ``site`` and ``prior_radiotherapy``, where the physician or the CT says them.
    """
    said = completed_answers(case, case.plan.answers)
    known = {"site": said.bone, "prior_radiotherapy": said.prior_radiotherapy}
    return {key: value for key, value in known.items() if value is not None}


def with_treatment(case: Case, data: Mapping[str, Any], today: date) -> Case:
    """Record a treatment of the lesion that is looked at.

    Parameters
    ----------
    case : Case
        Any state.
    data : mapping
        Plain values; site and prior radiotherapy are taken from the plan where they are left out.
    today : datetime.date
        What lies after it has not happened yet.

    Returns
    -------
    Case
        With the treatment, in the order of their dates.

    Raises
    ------
    PlanningError
        With every problem found.
    """
    treatment = treatment_from({**known_of_lesion(case), **data}, today)
    if any(one.date == treatment.date for one in case.plan.treatments):
        message = (
            f"a treatment of this lesion on {treatment.date} is recorded; several techniques of "
            "one session are one treatment: correct that one"
        )
        where = str(treatment.date)
        raise PlanningError(Problem(code="treatment_twice", message=message, where=where))
    kept = (*case.plan.treatments, treatment)
    _refuse_after_death(case, treatment)
    return case.with_plan(treatments=tuple(sorted(kept, key=lambda one: one.date)))


def changed_treatment(case: Case, number: int | None, data: Mapping[str, Any], today: date) -> Case:
    """Correct what is known of a treatment itself.

    Parameters
    ----------
    case : Case
        With treatments.
    number : int or None
        Of the treatment, from 1; None is the last.
    data : mapping
        New values; what is left out stays.
    today : datetime.date
        What lies after it has not happened yet.

    Returns
    -------
    Case
        Changed.

    Raises
    ------
    PlanningError
        With every problem found.
    """
    return _put(case, number, lambda whole: {**whole, **data}, today)


def with_visit(
    case: Case,
    number: int | None,
    data: Mapping[str, Any],
    today: date,
    *,
    corrects: bool = False,
) -> Case:
    """Record a visit.

    Parameters
    ----------
    case : Case
        With treatments.
    number : int or None
        Of the treatment, from 1; None is the last.
    data : mapping
        Plain values, ``occasion`` among them; what is left out is unknown.
    today : datetime.date
        What lies after it has not happened yet.
    corrects : bool
        Change a visit that is recorded already; without it that is refused.

    Returns
    -------
    Case
        With the visit.

    Raises
    ------
    PlanningError
        With every problem found.
    """
    occasion = data.get("occasion")
    old = chosen(case, number).visit(str(occasion))
    if old is not None and not corrects:
        message = (
            f"{occasion} is recorded already{f' ({old.date})' if old.date else ''}; "
            "say that you correct it (--correct), or give another occasion"
        )
        raise PlanningError(Problem(code="occasion_twice", message=message, where=str(occasion)))
    kept = {} if old is None else old.model_dump(mode="json")

    def put(whole: dict[str, Any]) -> dict[str, Any]:
        others = [one for one in whole["visits"] if one["occasion"] != occasion]
        return {**whole, "visits": [*others, {**kept, **data}]}

    return _put(case, number, put, today)


def with_event(case: Case, number: int | None, kind: str, day: date | str, today: date) -> Case:
    """Record what happened after a treatment.

    Parameters
    ----------
    case : Case
        With treatments.
    number : int or None
        Of the treatment, from 1; None is the last.
    kind : str
        ``recurrence``, ``repeat``, ``ablation``, ``radiotherapy`` or ``death``.
    day : datetime.date or str
        When.
    today : datetime.date
        What lies after it has not happened yet.

    Returns
    -------
    Case
        With the event.

    Raises
    ------
    PlanningError
        With every problem found.
    """
    event = {"kind": kind, "date": day}
    return _put(case, number, lambda one: {**one, "events": [*one["events"], event]}, today)


def without(
    case: Case, number: int | None, occasion: str | None = None, kind: str | None = None
) -> Case:
    """Take a visit, events of a kind, or a whole treatment back.

    Parameters
    ----------
    case : Case
        With treatments.
    number : int or None
        Of the treatment, from 1; None is the last.
    occasion : str or None
        Of the visit.
    kind : str or None
        Of the events.

    Returns
    -------
    Case
        Without them; without the treatment where neither is named.

    Raises
    ------
    PlanningError
        When there is no such record.
    """
    one = chosen(case, number)
    others = tuple(other for other in case.plan.treatments if other is not one)
    if occasion is None and kind is None:
        return case.with_plan(treatments=others)
    visits = tuple(visit for visit in one.visits if visit.occasion != occasion)
    events = tuple(event for event in one.events if event.kind != kind)
    lost = [
        name
        for name, is_there in ((occasion, visits != one.visits), (kind, events != one.events))
        if name is not None and not is_there
    ]
    if lost:
        message = "nothing is recorded under this name; see what is there with `follow-up show`"
        raise PlanningError(
            [Problem(code="not_recorded", message=message, where=name) for name in lost]
        )
    kept = one.model_copy(update={"visits": visits, "events": events})
    return case.with_plan(treatments=_replaced(case, one, kept))


def chosen(case: Case, number: int | None) -> Treatment:
    """Return a treatment of the lesion that is looked at.

    Parameters
    ----------
    case : Case
        Any state.
    number : int or None
        From 1; None is the last.

    Returns
    -------
    Treatment
        Of that number.

    Raises
    ------
    PlanningError
        When there is none.
    """
    rows = case.plan.treatments
    if not rows:
        message = "no treatment of this lesion is recorded; add one first (`follow-up add`)"
        raise PlanningError(
            Problem(code="no_treatment", message=message, where=f"lesion {case.plan.number}")
        )
    if number is None:
        return rows[-1]
    if not 1 <= number <= len(rows):
        message = f"the lesion has no treatment {number}; it has 1 to {len(rows)}"
        raise PlanningError(Problem(code="no_treatment", message=message, where=str(number)))
    return rows[number - 1]


def next_treatment(rows: tuple[Treatment, ...], one: Treatment) -> date | None:
    """Return when the same lesion was treated again.

    Parameters
    ----------
    rows : tuple of Treatment
        Of the lesion, by date.
    one : Treatment
        Of them.

    Returns
    -------
    datetime.date or None
        None where it was not.
    """
    later = [row.date for row in rows if row is not one and row.date > one.date]
    return min(later, default=None)


def death_of(treatments: tuple[Treatment, ...]) -> date | None:
    """Return when the patient died, as recorded with any of the lesions.

    Parameters
    ----------
    treatments : tuple of Treatment
        Of all lesions of a case.

    Returns
    -------
    datetime.date or None
        None where no death is recorded.
    """
    found = [day for day in (one.first("death") for one in treatments) if day is not None]
    return min(found, default=None)


def treatments_of_case(case: Case) -> tuple[Treatment, ...]:
    """Return the treatments of all lesions.

    Parameters
    ----------
    case : Case
        Any state.

    Returns
    -------
    tuple of Treatment
        By lesion, then by date.
    """
    return tuple(one for lesion in lesions(case) for one in lesion.plan.treatments)


def at_lesion(case: Case, number: int | None) -> Case:
    """Look at the lesion that is meant.

    Parameters
    ----------
    case : Case
        Any state.
    number : int or None
        None is the only one; of several one has to be named.

    Returns
    -------
    Case
        Looking at it.

    Raises
    ------
    PlanningError
        When there is no such lesion, or it was not said which.
    """
    if number is not None:
        return look_at(case, number)
    if case.others:
        numbers = ", ".join(str(one.plan.number) for one in lesions(case))
        message = f"the case has several lesions ({numbers}); name one with --lesion"
        raise PlanningError(Problem(code="which_lesion", message=message))
    return case


def _put(
    case: Case,
    number: int | None,
    change: Callable[[dict[str, Any]], dict[str, Any]],
    today: date,
) -> Case:
    one = chosen(case, number)
    kept = treatment_from(change(one.model_dump(mode="json")), today)
    _refuse_after_death(case, kept, but=one)
    return case.with_plan(treatments=_replaced(case, one, kept))


def _replaced(case: Case, one: Treatment, kept: Treatment) -> tuple[Treatment, ...]:
    rows = [kept if row is one else row for row in case.plan.treatments]
    return tuple(sorted(rows, key=lambda row: row.date))


def _refuse_after_death(case: Case, one: Treatment, but: Treatment | None = None) -> None:
    """Refuse what a death that is recorded elsewhere in the case makes impossible."""
    others = tuple(row for row in treatments_of_case(case) if row is not but)
    death = death_of((*others, one))
    if death is None:
        return
    whole = (*others, one)
    days = [row.date for row in whole]
    days += [visit.date for row in whole for visit in row.visits if visit.date is not None]
    days += [event.date for row in whole for event in row.events]
    late = [day for day in days if day > death]
    if late:
        message = (
            f"a record of {max(late)} lies after the death ({death}) in this case; correct one of "
            "the dates"
        )
        raise PlanningError(Problem(code="after_death", message=message, where=str(max(late))))
