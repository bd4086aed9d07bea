"""When a patient is to be seen after a treatment, and who is late."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from typing import Literal

from imaging.document import Document
from planning.follow_up.records import Treatment
from planning.follow_up.tables import Occasion, occasions, place_of

State = Literal["done", "due", "overdue", "missed", "upcoming", "ended"]


class Due(Document):
    """One occasion of a treatment, and where it stands.

    Attributes
    ----------
    occasion : str
        Row of the table.
    due, opens, closes : datetime.date
        When it is to be; first and last day that count as this occasion.
    state : str
        ``done``; ``due``: the window is open; ``overdue``: it has closed; ``missed``: not recorded,
        and a later visit is or has begun; ``upcoming``; ``ended`` by death, another treatment, or
        when the patient was lost.
    days_overdue : int
        Since the window closed.
    """

    occasion: str
    due: date
    opens: date
    closes: date
    state: State
    days_overdue: int = 0


def after_months(day: date, months: int) -> date:
    """Return the same day of a later month, or its last one where it is shorter.

    Parameters
    ----------
    day : datetime.date
        Start.
    months : int
        Calendar months, 0 or more.

    Returns
    -------
    datetime.date
        31 January and one month give 28 or 29 February.
    """
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def due_date(treated: date, occasion: Occasion) -> date:
    """Return when an occasion is due.

    Parameters
    ----------
    treated : datetime.date
        Of the treatment.
    occasion : Occasion
        Row of the table.

    Returns
    -------
    datetime.date
        Counted from the treatment itself, so that a late visit delays none after it.
    """
    if occasion.after_months is not None:
        return after_months(treated, occasion.after_months)
    return treated + timedelta(days=occasion.after_days or 0)


def schedule(
    treatment: Treatment,
    on: date,
    next_treatment: date | None = None,
    death: date | None = None,
) -> tuple[Due, ...]:
    """Return every occasion of a treatment, as it stands on a day.

    Parameters
    ----------
    treatment : Treatment
        With its visits and events.
    on : datetime.date
        The day.
    next_treatment : datetime.date or None
        When the same lesion was treated again: the follow-up goes on from there.
    death : datetime.date or None
        Of the patient, where it is recorded with another lesion.

    Returns
    -------
    tuple of Due
        In the order of time.
    """
    ends = (next_treatment, death, treatment.first("death", "repeat", "lost"))
    end = min((day for day in ends if day is not None), default=None)
    recorded = {one.occasion for one in treatment.visits if one.date is None or one.date <= on}
    last = max((place_of(one) for one in recorded), default=-1)
    table = list(occasions().values())
    begun = [place_of(row.id) for row in table if _window(treatment.date, row)[0] <= on]
    newest = max(begun, default=-1)
    found = []
    for row in table:
        place = place_of(row.id)
        is_passed = place < last or (place < newest and not row.stays_due)
        found.append(_due(row, treatment.date, on, end, row.id in recorded, is_passed))
    return tuple(found)


def _window(treated: date, row: Occasion) -> tuple[date, date]:
    due = due_date(treated, row)
    return due - timedelta(days=row.before_days), due + timedelta(days=row.late_days)


def _due(
    row: Occasion, treated: date, on: date, end: date | None, is_done: bool, is_passed: bool
) -> Due:
    due, (opens, closes) = due_date(treated, row), _window(treated, row)
    days = 0
    state: State
    if is_done:
        state = "done"
    elif end is not None and (on >= end or due >= end):
        state = "ended"
    elif is_passed or (row.in_room and on > closes):
        state = "missed"
    elif on < opens:
        state = "upcoming"
    elif on <= closes:
        state = "due"
    else:
        state, days = "overdue", (on - closes).days
    return Due(occasion=row.id, due=due, opens=opens, closes=closes, state=state, days_overdue=days)


def to_do(rows: tuple[Due, ...]) -> tuple[Due, ...]:
    """Return the occasions for which somebody is to be seen or called now.

    Parameters
    ----------
    rows : tuple of Due
        Of one treatment.

    Returns
    -------
    tuple of Due
        Due and overdue, in the order of time, without what is recorded in the room.
    """
    table = occasions()
    return tuple(
        row for row in rows if row.state in ("due", "overdue") and not table[row.occasion].in_room
    )


def coming(rows: tuple[Due, ...]) -> Due | None:
    """Return the next occasion: what is to be done now, else what comes first.

    Parameters
    ----------
    rows : tuple of Due
        Of one treatment.

    Returns
    -------
    Due or None
        None once the follow-up has ended.
    """
    now = to_do(rows)
    later = [row for row in rows if row.state == "upcoming"]
    return next(iter((*now, *later)), None)
