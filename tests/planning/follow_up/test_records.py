"""Records are refused with every problem at once; nothing of what was kept is lost."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from planning.errors import PlanningError
from planning.follow_up.checks import treatment_from
from planning.follow_up.keeping import (
    at_lesion,
    changed_treatment,
    with_event,
    with_treatment,
    with_visit,
    without,
)
from planning.follow_up.records import Visit
from planning.follow_up.tables import grades, occasions
from planning.lesions import add_lesion, look_at
from planning.plan import Plan
from planning.store import PlanFile
from planning.technique.answers import Answers
from tests.planning.follow_up.samples import (
    TODAY,
    empty_case,
    treated_case,
    treatment,
    visit,
    write_plan,
)

DAY = {"date": "2026-03-02", "techniques": ["infiltration"]}


def codes(data: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(PlanningError) as caught:
        treatment_from(data, TODAY)
    return {problem.where: problem.code for problem in caught.value.problems}


def test_every_problem_is_told_at_once_with_its_place() -> None:
    found = codes(
        {
            **DAY,
            "age_years": 640,
            "needles": 0,
            "visits": [
                visit("week1", 12.0, date="2026-02-01"),
                visit("month1", 3.0, sri_percent=-101.0),
                visit("month1", 3.0),
            ],
            "events": [{"kind": "death", "date": "2026-01-01"}],
        }
    )
    assert found == {
        "age_years": "out_of_bounds",
        "needles": "out_of_bounds",
        "visits: week1: vas": "out_of_bounds",
        "visits: month1: sri_percent": "out_of_bounds",
        "month1": "occasion_twice",
        "week1": "visit_after_death",
        "death": "event_before_treatment",
    }


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"visits": [visit("week1", date="2026-03-01")]}, "visit_before_treatment"),
        ({"visits": [visit("day0", date="2026-03-03")]}, "day0_late"),
        (
            {"visits": [visit("week1", date="2026-04-09"), visit("month1", date="2026-04-02")]},
            "visits_out_of_order",
        ),
        (
            {
                "visits": [visit("month1", date="2026-04-02")],
                "events": [{"kind": "death", "date": "2026-04-01"}],
            },
            "visit_after_death",
        ),
        ({"events": [{"kind": "recurrence", "date": "2026-03-01"}]}, "event_before_treatment"),
        ({"date": "2027-03-02"}, "in_the_future"),
        ({"date": "02/03/2026"}, "not_a_date"),
        ({"techniques": []}, "no_technique"),
        ({"visits": [visit("week2")]}, "no_such_occasion"),
        ({"visits": [visit("week1", who_status=5)]}, "out_of_bounds"),
        ({"visits": [visit("week1", complication_grade=7)]}, "out_of_bounds"),
        ({"visits": [visit("week1", colour="red")]}, "unknown_key"),
        ({"site": "tooth"}, "bad_value"),
        ({"prior_radiotherapy": 1}, "bad_value"),
    ],
)
def test_what_cannot_be_is_refused(data: dict[str, Any], code: str) -> None:
    assert code in codes({**DAY, **data}).values()


def test_day_0_may_lie_before_the_treatment_and_everything_may_be_unknown() -> None:
    one = treatment(visit("day0", date="2026-03-01"), visit("week1"), day="2026-03-02")
    assert one.visit("week1") == Visit(occasion="week1")
    assert one.site is None


def test_visits_are_kept_in_the_order_of_time() -> None:
    one = treatment(visit("month2"), visit("day0"), visit("month1"), visit("call_48h"))
    assert [row.occasion for row in one.visits] == ["day0", "call_48h", "month1", "month2"]


def test_site_and_radiotherapy_come_from_the_plan_unless_they_are_given() -> None:
    case = empty_case().with_plan(answers=Answers(bone="rib", prior_radiotherapy=True))
    (taken,) = with_treatment(case, DAY, TODAY).plan.treatments
    assert (taken.site, taken.prior_radiotherapy) == ("rib", True)
    (given,) = with_treatment(case, {**DAY, "prior_radiotherapy": False}, TODAY).plan.treatments
    assert given.prior_radiotherapy is False


def test_a_visit_that_is_recorded_is_only_changed_when_that_is_meant() -> None:
    case = treated_case(week1=3.0)
    with pytest.raises(PlanningError, match="recorded already"):
        with_visit(case, None, visit("week1", 4.0), TODAY)
    changed = with_visit(case, None, visit("week1", 4.0), TODAY, corrects=True)
    (one,) = changed.plan.treatments
    week1, day0 = one.visit("week1"), one.visit("day0")
    assert week1 is not None
    assert day0 is not None
    assert (week1.vas, day0.vas) == (4.0, 8.0)


def test_a_death_of_the_patient_counts_for_every_lesion() -> None:
    case = with_event(treated_case(day="2026-01-31"), None, "death", "2026-03-01", TODAY)
    other = add_lesion(case)
    with pytest.raises(PlanningError) as caught:
        with_treatment(other, DAY, TODAY)
    assert caught.value.code == "after_death"


def test_one_session_is_one_treatment() -> None:
    with pytest.raises(PlanningError) as caught:
        with_treatment(with_treatment(empty_case(), DAY, TODAY), DAY, TODAY)
    assert caught.value.code == "treatment_twice"


def test_treatments_are_numbered_by_date_and_can_be_corrected_and_removed() -> None:
    case = with_treatment(treated_case(day="2026-05-01"), DAY, TODAY)
    assert [one.date.month for one in case.plan.treatments] == [3, 5]
    corrected = changed_treatment(case, 1, {"needles": 2}, TODAY)
    assert [one.needles for one in corrected.plan.treatments] == [2, None]
    assert [one.date.month for one in without(case, 1).plan.treatments] == [5]
    with pytest.raises(PlanningError, match="nothing is recorded"):
        without(case, 1, occasion="week1")
    with pytest.raises(PlanningError, match="has no treatment 3"):
        without(case, 3)


def test_of_several_lesions_the_one_that_is_meant_has_to_be_named() -> None:
    case = add_lesion(empty_case())
    with pytest.raises(PlanningError) as caught:
        at_lesion(case, None)
    assert caught.value.code == "which_lesion"
    assert at_lesion(case, 1).plan.number == 1


def test_treatments_survive_saving_and_looking_at_another_lesion(tmp_path: Path) -> None:
    case = add_lesion(treated_case())
    write_plan(tmp_path / "a.osteoplan", case)
    with PlanFile.open(tmp_path / "a.osteoplan") as kept:
        back = look_at(kept.load(), 1)
    assert back.plan.treatments == treated_case().plan.treatments
    assert look_at(back, 2).plan.treatments == ()


def test_a_plan_from_before_follow_up_has_no_treatment() -> None:
    old = empty_case().plan.model_dump(mode="json")
    del old["treatments"]
    assert Plan.model_validate(old).treatments == ()


def test_every_row_of_the_table_has_a_source_and_both_languages() -> None:
    rows = list(occasions().values())
    assert len(rows) == 28
    for row in rows:
        assert (row.after_days is None) != (row.after_months is None), row.id
        assert row.source
        assert row.window_source
        assert set(row.name) == {"en", "fr"}
    assert rows[-1].id == "month24"
    assert [one.grade for one in grades()] == list(range(7))
    assert all(set(one.name) == {"en", "fr"} for one in grades())


def test_the_date_of_a_record_is_a_date() -> None:
    assert treatment().date == date(2026, 1, 31)
