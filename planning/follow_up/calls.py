"""Who is to be seen or called: the treatments of a folder for which something is due."""

from __future__ import annotations

from datetime import date
from typing import Literal

from imaging.document import Document
from planning.follow_up.folder import Procedure
from planning.follow_up.schedule import schedule, to_do


class Call(Document):
    """A treatment for which somebody is to be seen or called.

    Attributes
    ----------
    case : str
        Plan file below the folder.
    lesion, treatment : int
        Their numbers.
    lesion_name : str
        What the radiologist calls the lesion.
    treated : datetime.date
        When.
    techniques : tuple of str
        Done in that session.
    occasion : str
        The first that lacks.
    due : datetime.date
        When that was to be.
    state : str
        ``due`` or ``overdue``.
    days_overdue : int
        Since its window closed.
    also : tuple of str
        Further occasions that lack.
    """

    case: str
    lesion: int
    lesion_name: str
    treatment: int
    treated: date
    techniques: tuple[str, ...]
    occasion: str
    due: date
    state: Literal["due", "overdue"]
    days_overdue: int
    also: tuple[str, ...] = ()


def call_list(procedures: tuple[Procedure, ...], on: date) -> tuple[Call, ...]:
    """Return who is to be seen or called.

    Parameters
    ----------
    procedures : tuple of Procedure
        Of a folder.
    on : datetime.date
        The day.

    Returns
    -------
    tuple of Call
        One a treatment, most overdue first, then by due date.
    """
    calls = [call for one in procedures if (call := _call(one, on)) is not None]
    return tuple(sorted(calls, key=lambda one: (-one.days_overdue, one.due, one.case, one.lesion)))


def _call(one: Procedure, on: date) -> Call | None:
    if one.treatment.date > on:
        return None
    rows = to_do(schedule(one.treatment, on, one.next_treatment, one.death))
    if not rows:
        return None
    first = rows[0]
    return Call(
        case=one.case,
        lesion=one.lesion,
        lesion_name=one.lesion_name,
        treatment=one.number,
        treated=one.treatment.date,
        techniques=one.treatment.techniques,
        occasion=first.occasion,
        due=first.due,
        state="overdue" if first.state == "overdue" else "due",
        days_overdue=first.days_overdue,
        also=tuple(row.occasion for row in rows[1:]),
    )
