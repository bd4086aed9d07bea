"""Outcome of a treatment: success, response, and how long the effect lasted.

A score that nobody recorded is missing, never a failure; without pain at the start there is
nothing that could fall.
"""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Literal

from imaging.document import Document
from planning.follow_up.records import Treatment, Visit
from planning.follow_up.tables import DAY0, MONTH1, WEEK1, place_of

SUCCESS_PERCENT = 50  # A23: the VAS falls by at least half
PARTIAL_POINTS = 2  # B17: least fall of a partial response
MODERATE_PERCENT, SUBSTANTIAL_PERCENT = 30, 50  # IMMPACT, B17
OTHER_TREATMENTS = ("repeat", "ablation", "radiotherapy", "death")

Efficacy = Literal["success", "failure", "not_evaluable", "missing"]
Response = Literal["complete", "partial", "none", "unknown", "not_evaluable", "missing"]
Immpact = Literal["substantial", "moderate", "none", "not_evaluable", "missing"]


class Judged(Document):
    """What one visit says against the day of the treatment.

    Attributes
    ----------
    occasion : str
        Row of the table.
    fall_percent : float or None
        Of the VAS; below 0 where it rose, None where it cannot be told.
    efficacy : str
        ``success``, ``failure``, ``not_evaluable`` (no pain at the start) or ``missing``.
    response : str
        International consensus (B17): ``complete``, ``partial``, ``none``, ``unknown`` where the
        opioids are not known.
    more_opioid : bool or None
        Whether more opioid is taken than on day 0.
    immpact : str
        ``substantial`` from 50 %, ``moderate`` from 30 %.
    """

    occasion: str
    fall_percent: float | None
    efficacy: Efficacy
    response: Response
    more_opioid: bool | None
    immpact: Immpact


class Duration(Document):
    """How long the effect lasted.

    Attributes
    ----------
    days : int
        From the treatment to the end of the effect, or to the last day it was known to last.
    is_censored : bool
        The end was not seen: read ``at least``.
    ended_by : str or None
        ``recurrence`` or the occasion at which it had ended.
    """

    days: int
    is_censored: bool
    ended_by: str | None = None


class Outcome(Document):
    """Outcome of one treatment.

    Attributes
    ----------
    baseline_vas : float or None
        Of day 0.
    week1, month1 : Judged
        The two occasions of the criterion.
    visits : tuple of Judged
        Every visit after day 0.
    duration : Duration or None
        Of responders at 1 week only; None also where no visit has a date.
    """

    baseline_vas: float | None
    week1: Judged
    month1: Judged
    visits: tuple[Judged, ...]
    duration: Duration | None


def efficacy(baseline_vas: float | None, vas: float | None) -> Efficacy:
    """Return whether the pain fell by half.

    Parameters
    ----------
    baseline_vas, vas : float or None
        0 to 10; None is unknown.

    Returns
    -------
    str
        ``success``, ``failure``, ``not_evaluable`` or ``missing``.
    """
    if baseline_vas == 0:
        return "not_evaluable"
    fallen = _fallen(baseline_vas, vas)
    if fallen is None:
        return "missing"
    return "success" if fallen >= Fraction(SUCCESS_PERCENT, 100) else "failure"


def fall_percent(baseline_vas: float | None, vas: float | None) -> float | None:
    """Return by how much the pain fell.

    Parameters
    ----------
    baseline_vas, vas : float or None
        0 to 10; None is unknown.

    Returns
    -------
    float or None
        Percent; below 0 where it rose, None without pain at the start or where a score lacks.
    """
    fallen = _fallen(baseline_vas, vas)
    return None if fallen is None else float(100 * fallen)


def _fallen(baseline_vas: float | None, vas: float | None) -> Fraction | None:
    """Return the share as decimals give it: 30 % of 7 is 2.1, which binary numbers miss."""
    if vas is None or not baseline_vas:
        return None
    before = Fraction(repr(baseline_vas))
    return (before - Fraction(repr(vas))) / before


def judged(treatment: Treatment, occasion: str) -> Judged:
    """Return what one occasion says against the day of the treatment.

    Parameters
    ----------
    treatment : Treatment
        With its visits.
    occasion : str
        Row of the table.

    Returns
    -------
    Judged
        Missing where nothing is recorded.
    """
    before = treatment.visit(DAY0) or Visit(occasion=DAY0)
    now = treatment.visit(occasion) or Visit(occasion=occasion)
    more = None
    if before.opioid_mg_day is not None and now.opioid_mg_day is not None:
        more = now.opioid_mg_day > before.opioid_mg_day
    return Judged(
        occasion=occasion,
        fall_percent=fall_percent(before.vas, now.vas),
        efficacy=efficacy(before.vas, now.vas),
        response=_response(before.vas, now.vas, more),
        more_opioid=more,
        immpact=_immpact(before.vas, now.vas),
    )


def _response(before: float | None, now: float | None, more_opioid: bool | None) -> Response:
    if before == 0:
        return "not_evaluable"
    if before is None or now is None:
        return "missing"
    if now == 0:
        return "complete"
    if Fraction(repr(before)) - Fraction(repr(now)) < PARTIAL_POINTS:
        return "none"
    if more_opioid is None:
        return "unknown"
    return "none" if more_opioid else "partial"


def _immpact(before: float | None, now: float | None) -> Immpact:
    if before == 0:
        return "not_evaluable"
    fallen = _fallen(before, now)
    if fallen is None:
        return "missing"
    if fallen >= Fraction(SUBSTANTIAL_PERCENT, 100):
        return "substantial"
    return "moderate" if fallen >= Fraction(MODERATE_PERCENT, 100) else "none"


def outcome(treatment: Treatment, next_treatment: date | None = None) -> Outcome:
    """Return what became of a treatment.

    Parameters
    ----------
    treatment : Treatment
        With its visits and events.
    next_treatment : datetime.date or None
        When the same lesion was treated again; what is found afterwards is not its effect.

    Returns
    -------
    Outcome
        What is not recorded stays missing.
    """
    before = treatment.visit(DAY0)
    later = [one.occasion for one in treatment.visits if one.occasion != DAY0]
    return Outcome(
        baseline_vas=None if before is None else before.vas,
        week1=judged(treatment, WEEK1),
        month1=judged(treatment, MONTH1),
        visits=tuple(judged(treatment, one) for one in later),
        duration=_duration(treatment, next_treatment),
    )


def _duration(treatment: Treatment, next_treatment: date | None) -> Duration | None:
    if judged(treatment, WEEK1).efficacy != "success":
        return None
    others = (next_treatment, treatment.first(*OTHER_TREATMENTS))
    until = min((day for day in others if day is not None), default=date.max)
    recurrence = treatment.first("recurrence")
    ends = [] if recurrence is None or recurrence > until else [(recurrence, "recurrence")]
    lasting = []
    for one in treatment.visits:
        if one.date is None or one.date > until or place_of(one.occasion) < place_of(WEEK1):
            continue
        lasts = _still_works(treatment, one)
        if lasts is False:
            ends.append((one.date, one.occasion))
        elif lasts:
            lasting.append(one.date)
    if ends:
        day, by = min(ends)
        return Duration(days=(day - treatment.date).days, is_censored=False, ended_by=by)
    if not lasting:
        return None
    return Duration(days=(max(lasting) - treatment.date).days, is_censored=True)


def _still_works(treatment: Treatment, visit: Visit) -> bool | None:
    """Return whether a visit shows the effect; the score goes before the patient's word."""
    found = judged(treatment, visit.occasion).efficacy
    if found == "missing":
        return visit.still_effective
    return found == "success" and visit.still_effective is not False
