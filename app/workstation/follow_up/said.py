"""Outcome and due dates in words, for the windows of follow-up."""

from __future__ import annotations

from collections.abc import Iterable

from app.amounts import never_rounded_up
from app.names import problem_said
from app.workstation.words import Words
from imaging.errors import Problem
from planning.follow_up.outcome import Judged, Outcome
from planning.follow_up.records import Treatment, Visit
from planning.follow_up.schedule import Due, coming
from planning.follow_up.statistics import Comparison, Mean, Proportion
from planning.follow_up.tables import grade_name, occasion_name, occasions

Rows = list[tuple[str, str]]
NOTHING = "–"


def treatment_said(words: Words, one: Treatment) -> str:
    """Return a treatment as one line.

    Parameters
    ----------
    words : Words
        Of the screen.
    one : Treatment
        Any.

    Returns
    -------
    str
        Date and techniques.
    """
    return f"{one.date.isoformat()}  {techniques_said(words, one.techniques)}"


def techniques_said(words: Words, techniques: tuple[str, ...]) -> str:
    """Return techniques, joined.

    Parameters
    ----------
    words : Words
        Of the screen.
    techniques : tuple of str
        Of one session.

    Returns
    -------
    str
        For people.
    """
    return " + ".join(words(f"techniques.{name}") for name in techniques)


def visit_cells(words: Words, visit: Visit, judged: Judged | None) -> list[str]:
    """Return a visit as cells of the table.

    Parameters
    ----------
    words : Words
        Of the screen.
    visit : Visit
        As recorded.
    judged : Judged or None
        None for day 0.

    Returns
    -------
    list of str
        A dash for what is unknown.
    """
    fall = None if judged is None else judged.fall_percent
    return [
        occasion_name(visit.occasion, words.language),
        NOTHING if visit.date is None else visit.date.isoformat(),
        _number(words, visit.vas, 1),
        NOTHING if fall is None else f"{words.number(never_rounded_up(fall))} %",
        _number(words, visit.sri_percent, 0, " %"),
        _number(words, visit.opioid_mg_day, 0),
        NOTHING if visit.who_status is None else str(visit.who_status),
        _complication(words, visit),
    ]


def _number(words: Words, value: float | None, digits: int, unit: str = "") -> str:
    return NOTHING if value is None else f"{words.number(value, digits)}{unit}"


def _complication(words: Words, visit: Visit) -> str:
    if visit.complication_grade is None:
        return visit.complication_words or NOTHING
    name = grade_name(visit.complication_grade, words.language)
    told = name if visit.complication_grade == 0 else f"{visit.complication_grade}: {name}"
    return f"{told} ({visit.complication_words})" if visit.complication_words else told


def outcome_rows(words: Words, one: Treatment, found: Outcome) -> Rows:
    """Return the outcome of a treatment, in words.

    Parameters
    ----------
    words : Words
        Of the screen.
    one : Treatment
        With its events.
    found : Outcome
        Of it.

    Returns
    -------
    list of tuple
        Name and value.
    """
    rows: Rows = []
    for judged in (found.week1, found.month1):
        rows.append((occasion_name(judged.occasion, words.language), judged_said(words, judged)))
    for judged in (found.week1, found.month1):
        if judged.efficacy in {"success", "failure"}:
            name = occasion_name(judged.occasion, words.language)
            response = words(f"follow_up.response.{judged.response}")
            rows.append((words("follow_up.response_at", name=name), response))
    duration = found.duration
    if duration is not None:
        key = "follow_up.at_least" if duration.is_censored else "follow_up.days"
        rows.append((words("follow_up.duration"), words(key, days=duration.days)))
    rows += [(words(f"follow_up.events.{e.kind}"), e.date.isoformat()) for e in one.events]
    return rows


def judged_said(words: Words, judged: Judged) -> str:
    """Return the efficacy at one occasion, in words.

    Parameters
    ----------
    words : Words
        Of the screen.
    judged : Judged
        Of a visit.

    Returns
    -------
    str
        With the fall in percent where it is known.
    """
    told = words(f"follow_up.efficacy.{judged.efficacy}")
    if judged.fall_percent is None:
        return told
    return f"{told} ({_change(words, judged.fall_percent)})"


def _change(words: Words, fall_percent: float) -> str:
    if fall_percent < 0:
        return words("follow_up.rose", percent=words.number(-fall_percent))
    return words("follow_up.fell", percent=words.number(never_rounded_up(fall_percent)))


def next_said(words: Words, rows: tuple[Due, ...]) -> tuple[str, str]:
    """Return what is to be done next, as a note.

    Parameters
    ----------
    words : Words
        Of the screen.
    rows : tuple of Due
        Of one treatment.

    Returns
    -------
    tuple of str
        Kind of the note (``bad``, ``warning`` or ``hint``) and its text.
    """
    following = coming(rows)
    if following is None:
        return "hint", words("follow_up.ended")
    name, day = occasion_name(following.occasion, words.language), following.due.isoformat()
    if following.state == "overdue":
        days = following.days_overdue
        return "bad", words("follow_up.next_overdue", name=name, date=day, days=days)
    key = "follow_up.next_due" if following.state == "due" else "follow_up.next_later"
    kind = "warning" if following.state == "due" else "hint"
    return kind, words(key, name=name, date=day)


def problems_said(words: Words, problems: Iterable[Problem]) -> list[tuple[str, str]]:
    """Return why a record was refused, as notes with the names of the fields.

    Parameters
    ----------
    words : Words
        Of the screen.
    problems : iterable of Problem
        All of them.

    Returns
    -------
    list of tuple
        Kind of the note and its text.
    """
    return [("bad", _problem(words, one)) for one in problems]


def _problem(words: Words, problem: Problem) -> str:
    text = problem_said(problem, words.language)
    key = field_of(problem)
    name = words.maybe(f"follow_up.fields.{key}", words.maybe(f"follow_up.events.{key}", ""))
    if key in occasions():
        name = occasion_name(key, words.language)
    return f"{name}{' : ' if words.language == 'fr' else ': '}{text}" if name else text


def field_of(problem: Problem) -> str:
    """Return the field or occasion that a problem lies in.

    Parameters
    ----------
    problem : Problem
        Of a record.

    Returns
    -------
    str
        Its key.
    """
    return problem.where.rpartition(": ")[2]


def share_said(words: Words, one: Proportion) -> str:
    """Return a share with its interval, in words.

    Parameters
    ----------
    words : Words
        Of the screen.
    one : Proportion
        Of a series.

    Returns
    -------
    str
        Such as ``26/36 = 72.2 % (95 % CI 54.8–85.8)``.
    """
    if one.percent is None or one.low_percent is None or one.high_percent is None:
        return words("series.nobody")
    return words(
        "series.share",
        count=one.count,
        of=one.of,
        percent=words.number(one.percent),
        low=words.number(one.low_percent),
        high=words.number(one.high_percent),
    )


def mean_said(words: Words, one: Mean, digits: int = 1) -> str:
    """Return a mean with its number, in words.

    Parameters
    ----------
    words : Words
        Of the screen.
    one : Mean
        Of a series.
    digits : int
        After the decimal sign.

    Returns
    -------
    str
        A dash of nobody.
    """
    if one.mean is None:
        return NOTHING
    return f"{words.number(one.mean, digits)} (n = {one.n})"


def p_said(words: Words, test: Comparison) -> str:
    """Return p, or why there is none.

    Parameters
    ----------
    words : Words
        Of the screen.
    test : Comparison
        Of a series.

    Returns
    -------
    str
        Two decimals.
    """
    if test.p is None:
        return words(f"series.reasons.{test.reason or 'nobody'}")
    return f"< {words.number(0.01, 2)}" if test.p < 0.005 else words.number(test.p, 2)
