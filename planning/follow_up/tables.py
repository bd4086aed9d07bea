"""The table of occasions at which a patient is seen, and of grades of complications."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import Field

from imaging.document import Document
from imaging.tables import load_table

TABLE = "follow_up"
DAY0, WEEK1, MONTH1 = "day0", "week1", "month1"


class Occasion(Document):
    """A row of the table ``follow_up``: an occasion at which the patient is seen or called.

    Attributes
    ----------
    id : str
        Such as ``week1``.
    after_days, after_months : int or None
        From the day of the treatment; one of the two.
    before_days, late_days : int
        Days before and after the due date that still count as this occasion.
    in_room : bool
        Recorded by those who treat; nobody is called for it afterwards.
    stays_due : bool
        Asked for until it or a later visit is recorded; others are missed once the next begins.
    rule, source, window_source : str
        Where it is said.
    name : dict
        By language.
    """

    id: str
    after_days: int | None = Field(default=None, ge=0)
    after_months: int | None = Field(default=None, ge=1)
    before_days: int = Field(ge=0)
    late_days: int = Field(ge=0)
    in_room: bool = False
    stays_due: bool = False
    rule: str
    source: str
    window_source: str
    name: dict[str, str]


class Grade(Document):
    """A grade of complications.

    Attributes
    ----------
    grade : int
        0 for none, 6 for death.
    name : dict
        By language.
    """

    grade: int = Field(ge=0, le=6)
    name: dict[str, str]


@cache
def occasions() -> dict[str, Occasion]:
    """Return the table of occasions.

    Returns
    -------
    dict
        By id, in the order of time.
    """
    table: dict[str, Any] = load_table(TABLE)
    rows = [Occasion.model_validate(row) for row in table["occasions"]]
    monthly = dict(table["monthly"])
    first, last, name = monthly.pop("first"), monthly.pop("last"), monthly.pop("name")
    for count in range(first, last + 1):
        named = {language: text.format(count=count) for language, text in name.items()}
        rows.append(
            Occasion(id=f"month{count}", after_months=count, name=named, in_room=False, **monthly)
        )
    return {row.id: row for row in rows}


@cache
def place_of(occasion: str) -> int:
    """Return the place of an occasion in the order of time.

    Parameters
    ----------
    occasion : str
        Id of its row.

    Returns
    -------
    int
        From 0.
    """
    return list(occasions()).index(occasion)


@cache
def grades() -> tuple[Grade, ...]:
    """Return the grades of complications, from none to death."""
    rows = load_table(TABLE)["complications"]["grades"]
    return tuple(Grade.model_validate(row) for row in rows)


def occasion_name(occasion: str, language: str) -> str:
    """Return the name of an occasion, for people.

    Parameters
    ----------
    occasion : str
        Id of its row.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    str
        Such as ``1 week``.
    """
    return occasions()[occasion].name[language]


def grade_name(grade: int, language: str) -> str:
    """Return the words of a grade of complications.

    Parameters
    ----------
    grade : int
        0 to 6.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    str
        What the grade means.
    """
    return grades()[grade].name[language]
