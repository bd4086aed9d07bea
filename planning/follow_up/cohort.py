"""The series of a centre: the tables of the thesis (T IV.C) of one's own treatments.

Survival is not among them: those who are ablated afterwards were chosen to live longer (A28).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Literal

from imaging.document import Document
from imaging.errors import Problem
from planning.errors import PlanningError
from planning.follow_up.folder import Procedure
from planning.follow_up.outcome import Duration, efficacy, outcome
from planning.follow_up.statistics import (
    Comparison,
    Mean,
    Proportion,
    fisher,
    mann_whitney,
    mean_of,
    median_lasting,
    proportion,
)
from planning.follow_up.tables import DAY0, MONTH1, WEEK1

ALL = "all"
RIB = "rib"
Key = Literal["age_years", "pain_duration_days", "baseline_vas"]
Value = Callable[[Procedure], float | None]
QUANTITIES: dict[Key, Value] = {
    "age_years": lambda one: one.treatment.age_years,
    "pain_duration_days": lambda one: one.treatment.pain_duration_days,
    "baseline_vas": lambda one: one.baseline_vas,
}


class Efficacy(Document):
    """Efficacy at one occasion, by A23.

    Attributes
    ----------
    occasion : str
        ``week1`` or ``month1``.
    success : Proportion
        Of those who can be judged.
    missing, not_evaluable : int
        Left out: a score that nobody recorded; no pain at the start.
    """

    occasion: str
    success: Proportion
    missing: int
    not_evaluable: int


class Quantity(Document):
    """A quantity among failures and successes at 1 week.

    Attributes
    ----------
    key : str
        ``age_years``, ``pain_duration_days`` or ``baseline_vas``.
    total, failure, success : Mean
        Total: of those who can be judged.
    test : Comparison
        Mann and Whitney.
    """

    key: Key
    total: Mean
    failure: Mean
    success: Mean
    test: Comparison


class Level(Document):
    """One line of a factor.

    Attributes
    ----------
    level : str
        ``yes``, ``no``, ``rib`` or ``other``.
    failure, success : int
        How many.
    """

    level: str
    failure: int
    success: int


class Factor(Document):
    """A factor of two levels among failures and successes at 1 week.

    Attributes
    ----------
    key : str
        ``prior_radiotherapy`` or ``site``.
    levels : tuple of Level
        Two.
    unknown : int
        Left out because the level is not recorded.
    test : Comparison
        Fisher's.
    """

    key: Literal["prior_radiotherapy", "site"]
    levels: tuple[Level, Level]
    unknown: int
    test: Comparison


class At(Document):
    """Means at one occasion.

    Attributes
    ----------
    occasion : str
        Row of the table.
    vas, sri_percent : Mean
        Of the values recorded.
    """

    occasion: str
    vas: Mean
    sri_percent: Mean


class Lasting(Document):
    """Duration of the effect in those who responded at 1 week.

    Attributes
    ----------
    responders, n : int
        How many there are, and of how many the duration is known.
    ended, censored : int
        Of those, whose effect has ended, and whose has not or was not followed further.
    mean_days : float or None
        Each censored one counts with what is known: then a lower bound.
    mean_is_at_least : bool
        Whether any is censored.
    median_days : float or None
        Kaplan and Meier; None while fewer than half have ended.
    """

    responders: int
    n: int
    ended: int
    censored: int
    mean_days: float | None
    mean_is_at_least: bool
    median_days: float | None


class GradeCount(Document):
    """How many treatments had a grade as their worst.

    Attributes
    ----------
    grade : int or None
        CIRSE; None where none was recorded at any visit.
    count : int
        Treatments.
    """

    grade: int | None
    count: int


class Site(Document):
    """Efficacy at 1 week in one bone.

    Attributes
    ----------
    site : str or None
        None where the bone is not recorded.
    procedures : int
        All in that bone.
    success : Proportion
        Of those who can be judged.
    """

    site: str | None
    procedures: int
    success: Proportion


class Cohort(Document):
    """The series, by the criterion of efficacy at 1 week.

    Attributes
    ----------
    technique : str
        That is counted, or ``all``.
    procedures : int
        Treatments; several of one patient are not independent.
    cases : int or None
        Plan files, or names in the column ``case``; None where one has no name. Not the same
        denominator as procedures (A61).
    combined : int
        Treatments with another technique in the same session.
    week1, month1 : Efficacy
        With their denominators.
    quantities : tuple of Quantity
        Table 4, above.
    factors : tuple of Factor
        Table 4, below.
    at : tuple of At
        Day 0, 1 week, 1 month.
    lasting : Lasting
        In responders.
    complications : tuple of GradeCount
        Worst grade of each treatment; not recorded comes last.
    sites : tuple of Site
        Most frequent first.
    """

    technique: str
    procedures: int
    cases: int | None
    combined: int
    week1: Efficacy
    month1: Efficacy
    quantities: tuple[Quantity, ...]
    factors: tuple[Factor, ...]
    at: tuple[At, ...]
    lasting: Lasting
    complications: tuple[GradeCount, ...]
    sites: tuple[Site, ...]


def cohort(procedures: Iterable[Procedure], technique: str = "infiltration") -> Cohort:
    """Return the tables of a series.

    Parameters
    ----------
    procedures : iterable of Procedure
        Of a folder or a table.
    technique : str
        That is counted, alone or with others; ``all`` counts every treatment.

    Returns
    -------
    Cohort
        With every denominator.

    Raises
    ------
    PlanningError
        When none was treated so.
    """
    given = tuple(procedures)
    rows = [one for one in given if technique in (ALL, *one.treatment.techniques)]
    if not rows:
        raise PlanningError(_nobody(given, technique))
    names = [one.case for one in rows]
    by = {
        said: [one for one in rows if _efficacy(one, WEEK1) == said]
        for said in ("failure", "success")
    }
    failure, success = by["failure"], by["success"]
    return Cohort(
        technique=technique,
        procedures=len(rows),
        cases=len(set(names)) if all(names) else None,
        combined=sum(len(one.treatment.techniques) > 1 for one in rows),
        week1=_efficacy_at(rows, WEEK1),
        month1=_efficacy_at(rows, MONTH1),
        quantities=tuple(_quantity(key, failure, success) for key in QUANTITIES),
        factors=(
            _factor("prior_radiotherapy", ("yes", "no"), _prior_radiotherapy, failure, success),
            _factor("site", (RIB, "other"), _rib_or_other, failure, success),
        ),
        at=tuple(_at(rows, occasion) for occasion in (DAY0, WEEK1, MONTH1)),
        lasting=_lasting(success),
        complications=_complications(rows),
        sites=_sites(rows),
    )


def _nobody(given: tuple[Procedure, ...], technique: str) -> Problem:
    known = sorted({name for one in given for name in one.treatment.techniques})
    message = (
        f"no treatment by {technique} is recorded here; there is: {', '.join(known) or 'none'}"
    )
    return Problem(code="no_treatments", message=message)


def _efficacy(one: Procedure, occasion: str) -> str:
    visit = one.treatment.visit(occasion)
    return efficacy(one.baseline_vas, None if visit is None else visit.vas)


def _efficacy_at(rows: list[Procedure], occasion: str) -> Efficacy:
    found = Counter(_efficacy(one, occasion) for one in rows)
    return Efficacy(
        occasion=occasion,
        success=proportion(found["success"], found["success"] + found["failure"]),
        missing=found["missing"],
        not_evaluable=found["not_evaluable"],
    )


def _quantity(key: Key, failure: list[Procedure], success: list[Procedure]) -> Quantity:
    low, high = (_known(QUANTITIES[key], rows) for rows in (failure, success))
    return Quantity(
        key=key,
        total=mean_of([*low, *high]),
        failure=mean_of(low),
        success=mean_of(high),
        test=mann_whitney(low, high),
    )


def _known(value: Value, rows: list[Procedure]) -> list[float]:
    return [float(found) for one in rows if (found := value(one)) is not None]


def _prior_radiotherapy(one: Procedure) -> str | None:
    said = one.treatment.prior_radiotherapy
    return None if said is None else "yes" if said else "no"


def _rib_or_other(one: Procedure) -> str | None:
    site = one.treatment.site
    return None if site is None else RIB if site == RIB else "other"


def _factor(
    key: Literal["prior_radiotherapy", "site"],
    names: tuple[str, str],
    level: Callable[[Procedure], str | None],
    failure: list[Procedure],
    success: list[Procedure],
) -> Factor:
    failed, succeeded = Counter(map(level, failure)), Counter(map(level, success))
    first, second = (
        Level(level=name, failure=failed[name], success=succeeded[name]) for name in names
    )
    return Factor(
        key=key,
        levels=(first, second),
        unknown=failed[None] + succeeded[None],
        test=fisher([(first.failure, first.success), (second.failure, second.success)]),
    )


def _at(rows: list[Procedure], occasion: str) -> At:
    visits = [visit for one in rows if (visit := one.treatment.visit(occasion)) is not None]
    return At(
        occasion=occasion,
        vas=mean_of([one.vas for one in visits if one.vas is not None]),
        sri_percent=mean_of([one.sri_percent for one in visits if one.sri_percent is not None]),
    )


def _lasting(success: list[Procedure]) -> Lasting:
    found = [duration for one in success if (duration := lasted(one)) is not None]
    days = [one.days for one in found]
    censored = [one.is_censored for one in found]
    return Lasting(
        responders=len(success),
        n=len(found),
        ended=len(found) - sum(censored),
        censored=sum(censored),
        mean_days=mean_of(days).mean,
        mean_is_at_least=any(censored),
        median_days=median_lasting(days, censored),
    )


def lasted(one: Procedure) -> Duration | None:
    """Return how long the effect of a procedure lasted.

    Parameters
    ----------
    one : Procedure
        Of a series.

    Returns
    -------
    Duration or None
        Of responders at 1 week only.
    """
    return outcome(one.treatment, one.next_treatment).duration


def worst_grade(one: Procedure) -> int | None:
    """Return the worst complication of a procedure.

    Parameters
    ----------
    one : Procedure
        Of a series.

    Returns
    -------
    int or None
        CIRSE; None where no visit records one.
    """
    known = [visit.complication_grade for visit in one.treatment.visits]
    return max((grade for grade in known if grade is not None), default=None)


def _complications(rows: list[Procedure]) -> tuple[GradeCount, ...]:
    found = Counter(map(worst_grade, rows))
    known = sorted(grade for grade in found if grade is not None)
    order: list[int | None] = [*known, *([None] if None in found else [])]
    return tuple(GradeCount(grade=grade, count=found[grade]) for grade in order)


def _sites(rows: list[Procedure]) -> tuple[Site, ...]:
    found = Counter(one.treatment.site for one in rows)
    return tuple(
        Site(
            site=site,
            procedures=count,
            success=_efficacy_at(
                [one for one in rows if one.treatment.site == site], WEEK1
            ).success,
        )
        for site, count in found.most_common()
    )
