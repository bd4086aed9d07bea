"""Success by A23, response by B17, and how long the effect lasted."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.follow_up.outcome import Duration, efficacy, fall_percent, judged, outcome
from tests.planning.follow_up.samples import treatment, visit

TENTHS = st.integers(min_value=0, max_value=100).map(lambda n: n / 10)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (7.0, 3.5, "success"),
        (8.0, 4.0, "success"),
        (8.0, 4.1, "failure"),
        (6.6, 3.3, "success"),
        (0.2, 0.1, "success"),
        (5.0, 0.0, "success"),
        (5.0, 9.0, "failure"),
        (0.0, 0.0, "not_evaluable"),
        (0.0, 4.0, "not_evaluable"),
        (0.0, None, "not_evaluable"),
        (None, 4.0, "missing"),
        (7.0, None, "missing"),
        (None, None, "missing"),
    ],
)
def test_success_is_a_fall_by_half_or_more(
    before: float | None, after: float | None, said: str
) -> None:
    assert efficacy(before, after) == said


@given(TENTHS.filter(bool), TENTHS, TENTHS)
def test_less_pain_is_never_a_worse_outcome(before: float, one: float, other: float) -> None:
    less, more = sorted((one, other))
    if efficacy(before, more) == "success":
        assert efficacy(before, less) == "success"
    fallen = fall_percent(before, less), fall_percent(before, more)
    assert fallen[0] is not None
    assert fallen[1] is not None
    assert fallen[0] >= fallen[1]


@given(TENTHS.filter(bool))
def test_half_of_any_score_is_success_and_a_tenth_more_is_not(before: float) -> None:
    assert efficacy(before, before / 2) == "success"
    assert efficacy(before, before / 2 + 0.1) == "failure"


@given(st.none() | TENTHS, st.none() | TENTHS)
def test_a_score_that_nobody_recorded_is_never_a_failure(
    before: float | None, after: float | None
) -> None:
    if before is None or after is None:
        assert efficacy(before, after) in {"missing", "not_evaluable"}
        assert fall_percent(before, after) is None


@pytest.mark.parametrize(
    ("before", "after", "opioids", "response", "immpact"),
    [
        (8.0, 0.0, (None, None), "complete", "substantial"),
        (8.0, 6.0, (60.0, 60.0), "partial", "none"),
        (8.0, 6.0, (60.0, 61.0), "none", "none"),
        (8.0, 6.0, (60.0, None), "unknown", "none"),
        (8.0, 6.0, (None, 60.0), "unknown", "none"),
        (8.0, 6.1, (None, None), "none", "none"),
        (2.3, 0.3, (0.0, 0.0), "partial", "substantial"),  # 2.0 in decimals, less in binary
        (7.0, 4.9, (0.0, 0.0), "partial", "moderate"),  # exactly 30 %
        (7.0, 5.0, (0.0, 0.0), "partial", "none"),
        (0.0, 0.0, (0.0, 0.0), "not_evaluable", "not_evaluable"),
        (None, 3.0, (0.0, 0.0), "missing", "missing"),
    ],
)
def test_response_and_immpact(
    before: float | None,
    after: float | None,
    opioids: tuple[float | None, float | None],
    response: str,
    immpact: str,
) -> None:
    one = treatment(
        visit("day0", before, opioid_mg_day=opioids[0]),
        visit("week1", after, opioid_mg_day=opioids[1]),
    )
    found = judged(one, "week1")
    assert (found.response, found.immpact) == (response, immpact)


def lasted(*visits: dict[str, Any], again: date | None = None, **events: str) -> Duration | None:
    """Duration after a treatment on 1 January, of a responder on the 8th."""
    rows = [{"kind": kind, "date": day} for kind, day in events.items()]
    before = (visit("day0", 8.0), visit("week1", 3.0, date="2026-01-08"))
    one = treatment(*before, *visits, day="2026-01-01", events=rows)
    return outcome(one, again).duration


def test_the_effect_ends_at_the_first_visit_below_half() -> None:
    found = lasted(visit("month1", 4.0, date="2026-02-01"), visit("month2", 4.5, date="2026-03-01"))
    assert found == Duration(days=59, is_censored=False, ended_by="month2")


def test_the_effect_ends_with_recurrence_when_that_comes_first() -> None:
    found = lasted(visit("month2", 6.0, date="2026-03-01"), recurrence="2026-01-20")
    assert found == Duration(days=19, is_censored=False, ended_by="recurrence")


def test_the_effect_lasted_at_least_until_it_was_seen_last() -> None:
    assert lasted() == Duration(days=7, is_censored=True)
    found = lasted(visit("month1", 4.0, date="2026-02-01"), visit("month2", date="2026-03-01"))
    assert found == Duration(days=31, is_censored=True)


def test_the_patients_word_counts_where_no_score_was_taken() -> None:
    more = lasted(visit("month3", date="2026-04-01", still_effective=True))
    assert more == Duration(days=90, is_censored=True)
    over = lasted(visit("month1", 3.0, date="2026-02-01", still_effective=False))
    assert over == Duration(days=31, is_censored=False, ended_by="month1")


def test_what_follows_another_treatment_is_not_the_effect_of_this_one() -> None:
    late = visit("month2", 1.0, date="2026-03-01")
    assert lasted(late, radiotherapy="2026-01-20") == Duration(days=7, is_censored=True)
    assert lasted(late, again=date(2026, 1, 20)) == Duration(days=7, is_censored=True)
    assert lasted(late, recurrence="2026-02-10", again=date(2026, 1, 20)) == Duration(
        days=7, is_censored=True
    )


def test_only_responders_have_a_duration() -> None:
    failed = treatment(visit("day0", 8.0), visit("week1", 5.0, date="2026-02-07"))
    missing = treatment(visit("day0", 8.0), visit("month1", 1.0, date="2026-02-28"))
    undated = treatment(visit("day0", 8.0), visit("week1", 1.0))
    assert [outcome(one).duration for one in (failed, missing, undated)] == [None] * 3
