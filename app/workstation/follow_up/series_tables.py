"""The tables of a series as rows of words, for the window and without it."""

from __future__ import annotations

from app.workstation.follow_up.said import NOTHING, mean_said, p_said, share_said
from app.workstation.words import Words
from planning.follow_up.cohort import Cohort, Factor, Lasting
from planning.follow_up.tables import grade_name, occasion_name

Cells = tuple[str, ...]


def headline(words: Words, found: Cohort) -> list[tuple[str, str]]:
    """Return what is said above the tables: denominators, efficacy, duration.

    Parameters
    ----------
    words : Words
        Of the screen.
    found : Cohort
        The series.

    Returns
    -------
    list of tuple
        Name and value.
    """
    unknown = words("answers_said.unknown")
    cases = unknown if found.cases is None else str(found.cases)
    rows = [
        (words("series.procedures"), str(found.procedures)),
        (words("series.cases"), cases),
    ]
    if found.combined:
        rows.append((words("series.combined"), str(found.combined)))
    for one in (found.week1, found.month1):
        name = words("series.efficacy", name=occasion_name(one.occasion, words.language))
        left = words("series.left_out", missing=one.missing, not_evaluable=one.not_evaluable)
        rows.append((name, f"{share_said(words, one.success)}; {left}"))
    rows.append((words("follow_up.duration"), lasting_said(words, found.lasting)))
    return rows


def lasting_said(words: Words, one: Lasting) -> str:
    """Return how long the effect lasted in responders.

    Parameters
    ----------
    words : Words
        Of the screen.
    one : Lasting
        Of the series.

    Returns
    -------
    str
        With how many were not followed to the end.
    """
    if one.mean_days is None:
        return words("series.no_duration", responders=one.responders)
    median = (
        words("series.not_reached")
        if one.median_days is None
        else words("follow_up.days", days=words.number(one.median_days, 0))
    )
    key = "follow_up.at_least" if one.mean_is_at_least else "follow_up.days"
    mean = words(key, days=words.number(one.mean_days, 1))
    return words(
        "series.lasting",
        mean=mean,
        median=median,
        n=one.n,
        responders=one.responders,
        censored=one.censored,
    )


def compared(words: Words, found: Cohort) -> list[Cells]:
    """Return the table of failures and successes at 1 week.

    Parameters
    ----------
    words : Words
        Of the screen.
    found : Cohort
        The series.

    Returns
    -------
    list of tuple
        Name, total, failure, success, p.
    """
    rows: list[Cells] = []
    for one in found.quantities:
        means = (mean_said(words, part) for part in (one.total, one.failure, one.success))
        rows.append((words(f"series.quantities.{one.key}"), *means, p_said(words, one.test)))
    for factor in found.factors:
        rows += _factor(words, factor)
    return rows


def _factor(words: Words, one: Factor) -> list[Cells]:
    name = words(f"series.factors.{one.key}")
    if one.unknown:
        name = f"{name} ({words('series.unknown', count=one.unknown)})"
    rows: list[Cells] = [(name, "", "", "", p_said(words, one.test))]
    failures = sum(level.failure for level in one.levels)
    successes = sum(level.success for level in one.levels)
    for level in one.levels:
        counts = (
            str(level.failure + level.success),
            _of(words, level.failure, failures),
            _of(words, level.success, successes),
        )
        rows.append((f"    {words(f'series.levels.{level.level}')}", *counts, ""))
    return rows


def _of(words: Words, count: int, whole: int) -> str:
    return f"{count} ({words.number(100 * count / whole, 0)} %)" if whole else str(count)


def means(words: Words, found: Cohort) -> list[Cells]:
    """Return mean pain and improvement over time.

    Parameters
    ----------
    words : Words
        Of the screen.
    found : Cohort
        The series.

    Returns
    -------
    list of tuple
        Occasion, VAS, SRI.
    """
    return [
        (
            occasion_name(one.occasion, words.language),
            mean_said(words, one.vas, 2),
            mean_said(words, one.sri_percent),
        )
        for one in found.at
    ]


def complications(words: Words, found: Cohort) -> list[Cells]:
    """Return the worst complication of each treatment.

    Parameters
    ----------
    words : Words
        Of the screen.
    found : Cohort
        The series.

    Returns
    -------
    list of tuple
        Grade in words, and how many.
    """
    return [
        (
            words("series.not_recorded")
            if one.grade is None
            else f"{one.grade}: {grade_name(one.grade, words.language)}",
            str(one.count),
        )
        for one in found.complications
    ]


def sites(words: Words, found: Cohort) -> list[Cells]:
    """Return the efficacy at 1 week by bone.

    Parameters
    ----------
    words : Words
        Of the screen.
    found : Cohort
        The series.

    Returns
    -------
    list of tuple
        Bone, procedures, share with its interval.
    """
    return [
        (
            words("series.not_recorded") if one.site is None else words(f"options.{one.site}"),
            str(one.procedures) if one.procedures else NOTHING,
            share_said(words, one.success),
        )
        for one in found.sites
    ]
