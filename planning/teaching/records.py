"""What is on record of an attempt, and the lines of a resident's and of a class's table."""

from __future__ import annotations

from imaging.document import Document
from planning.teaching.marking.terms import Mark


class Attempt(Document):
    """An attempt that was begun.

    Attributes
    ----------
    id : int
        Of the record.
    resident : str
        Name.
    exercise, version, digest : str, int, str
        That is answered.
    begun_utc : str
        ISO 8601.
    """

    id: int
    resident: str
    exercise: str
    version: int
    digest: str
    begun_utc: str


class HandedIn(Document):
    """An attempt that was handed in.

    Attributes
    ----------
    attempt : Attempt
        That was answered.
    at_utc : str
        ISO 8601.
    elapsed_s : float
        Time that it took.
    seen_reference : bool
        Whether the resident had seen the reference of this exercise before.
    """

    attempt: Attempt
    at_utc: str
    elapsed_s: float
    seen_reference: bool


class Result(Document):
    """An attempt with what became of it.

    Attributes
    ----------
    attempt : Attempt
        As begun.
    handed_in : HandedIn or None
        None while it is not.
    mark : Mark or None
        The last one; None while it is not marked.
    """

    attempt: Attempt
    handed_in: HandedIn | None = None
    mark: Mark | None = None


class ProgressRow(Document):
    """One marked attempt in the progress of a resident.

    Attributes
    ----------
    at_utc : str
        Of the hand-in.
    exercise, version, task : str, int, str
        That was answered.
    number : int
        Of this resident's attempts of this exercise, from 1.
    percent : float
        Of the points.
    passed, seen_reference : bool
        Whether it passed; whether the reference had been seen before.
    faults : tuple of str
        Codes of what failed it.
    elapsed_s : float
        Time that it took.
    """

    at_utc: str
    exercise: str
    version: int
    task: str
    number: int
    percent: float
    passed: bool
    seen_reference: bool
    faults: tuple[str, ...]
    elapsed_s: float


class ClassRow(ProgressRow):
    """One marked attempt in the table of a class.

    Attributes
    ----------
    resident : str
        Pseudonym, or the name where the teacher asked for names.
    score, of : float
        Points.
    """

    resident: str
    score: float
    of: float
