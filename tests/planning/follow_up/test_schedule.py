"""Due dates by A22 and section E; who is late comes first; nobody is called after a death."""

from __future__ import annotations

import sqlite3
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.errors import PlanningError
from planning.follow_up.calls import call_list
from planning.follow_up.folder import read_folder
from planning.follow_up.keeping import with_event, with_treatment, with_visit
from planning.follow_up.schedule import after_months, coming, schedule, to_do
from planning.lesions import add_lesion
from planning.store import PlanFile
from tests.planning.follow_up.samples import (
    TODAY,
    empty_case,
    treated_case,
    treatment,
    visit,
    write_plan,
)

TREATED = date(2026, 1, 31)


def states(on: date, *visits: dict[str, object], **events: str) -> dict[str, str]:
    rows = [{"kind": kind, "date": day} for kind, day in events.items()]
    one = treatment(*visits, events=rows)
    return {row.occasion: row.state for row in schedule(one, on)}


@pytest.mark.parametrize(
    ("day", "months", "due"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2026, 1, 31), 2, date(2026, 3, 31)),
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2026, 11, 30), 24, date(2028, 11, 30)),
    ],
)
def test_months_are_those_of_the_calendar(day: date, months: int, due: date) -> None:
    assert after_months(day, months) == due


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(0, 24))
def test_a_later_month_is_that_many_months_later_and_no_day_more(day: date, months: int) -> None:
    due = after_months(day, months)
    assert (due.year - day.year) * 12 + due.month - day.month == months
    assert due.day == day.day or (due.day < day.day and (due + timedelta(days=1)).day == 1)


def test_occasions_are_due_when_the_protocol_says() -> None:
    due = {row.occasion: row.due for row in schedule(treatment(), TREATED)}
    assert due["call_48h"] == date(2026, 2, 2)
    assert due["week1"] == date(2026, 2, 7)
    assert due["month1"] == date(2026, 2, 28)
    assert due["month24"] == date(2028, 1, 31)


def test_an_occasion_is_upcoming_then_due_then_overdue() -> None:
    seen = [states(TREATED + timedelta(days=n))["week1"] for n in (4, 5, 10, 11, 400)]
    assert seen == ["upcoming", "due", "due", "overdue", "overdue"]


def test_the_call_at_48_hours_is_missed_once_the_first_week_is_over() -> None:
    seen = [states(TREATED + timedelta(days=n))["call_48h"] for n in (2, 4, 7)]
    assert seen == ["due", "overdue", "missed"]


def test_a_visit_that_is_recorded_is_done_and_those_before_it_are_missed() -> None:
    found = states(date(2026, 3, 20), visit("month1", 3.0))
    assert (found["month1"], found["week1"], found["month2"]) == ("done", "missed", "upcoming")


@pytest.mark.parametrize("kind", ["death", "repeat", "lost"])
def test_nothing_is_due_after_the_follow_up_has_ended(kind: str) -> None:
    found = states(date(2026, 6, 1), visit("week1", 3.0), **{kind: "2026-02-20"})
    assert found["week1"] == "done"
    assert found["month1"] == found["month5"] == "ended"
    rows = schedule(treatment(events=[{"kind": kind, "date": "2026-02-20"}]), date(2026, 6, 1))
    assert to_do(rows) == ()
    assert coming(rows) is None


def test_a_treatment_of_the_same_lesion_goes_on_from_there() -> None:
    rows = schedule(treatment(), date(2026, 3, 1), next_treatment=date(2026, 2, 20))
    assert to_do(rows) == ()


def test_next_is_what_lacks_now_and_else_what_comes() -> None:
    overdue = coming(schedule(treatment(), date(2026, 2, 20)))
    assert overdue is not None
    assert (overdue.occasion, overdue.days_overdue) == ("week1", 10)
    later = coming(schedule(treatment(visit("week1", 3.0)), date(2026, 2, 10)))
    assert later is not None
    assert (later.occasion, later.state) == ("month1", "upcoming")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four cases: treated in January and in March, one dead, one without a treatment."""
    write_plan(tmp_path / "march.osteoplan", treated_case("a" * 64, "2026-03-20"))
    data = {"date": "2026-01-10", "techniques": ["infiltration"]}
    write_plan(
        tmp_path / "deep" / "january.osteoplan", with_treatment(empty_case("b" * 64), data, TODAY)
    )
    dead = with_event(treated_case("c" * 64), None, "death", "2026-02-20", TODAY)
    other = with_treatment(add_lesion(dead), data, TODAY)
    write_plan(tmp_path / "dead.osteoplan", other)
    write_plan(tmp_path / "planned.osteoplan", empty_case("d" * 64))
    return tmp_path


def test_the_most_overdue_come_first_and_the_dead_not_at_all(folder: Path) -> None:
    records = read_folder(folder)
    calls = call_list(records.procedures, date(2026, 4, 15))
    assert records.files == 4
    assert [(one.case, one.occasion, one.state) for one in calls] == [
        ("deep/january.osteoplan", "week1", "overdue"),
        ("march.osteoplan", "month1", "due"),
    ]
    assert calls[0].days_overdue == (date(2026, 4, 15) - date(2026, 1, 20)).days
    assert calls[0].also == ("month1", "month3")


def test_unreadable_files_are_told_and_the_others_read(folder: Path) -> None:
    (folder / "notes.osteoplan").write_text("not a plan")
    path = folder / "march.osteoplan"
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE plan SET document = '{'")
    connection.close()
    records = read_folder(folder)
    told = {Path(one.where).name: one.code for one in records.problems}
    assert told == {"notes.osteoplan": "not_a_plan", "march.osteoplan": "plan_not_read"}
    assert {one.case for one in records.procedures} == {"deep/january.osteoplan", "dead.osteoplan"}


def test_a_folder_is_read_while_the_workstation_has_a_plan_open(folder: Path) -> None:
    before = {path.name for path in folder.rglob("*")}
    with PlanFile.open(folder / "march.osteoplan") as kept:
        assert len(read_folder(folder).procedures) == 4
        changed = with_visit(kept.load(), None, visit("month1", 2.0), TODAY)
        kept.save(changed, "while the folder is read")
    made = {path.name for path in folder.rglob("*")} - before
    assert made <= {".march.osteoplan.lock"}
    with PlanFile.open(folder / "march.osteoplan") as kept:
        assert not kept.read_only


def test_a_copy_of_a_case_is_counted_once_from_the_fuller_file(folder: Path) -> None:
    case = with_visit(treated_case("a" * 64, "2026-03-20"), None, visit("month1", 2.0), TODAY)
    write_plan(folder / "zz copy.osteoplan", case)
    records = read_folder(folder)
    assert [one.where for one in records.problems] == ["march.osteoplan"]
    assert "zz copy.osteoplan" in {one.case for one in records.procedures}
    assert len(records.procedures) == 4


@pytest.mark.parametrize("name", ["absent", "empty"])
def test_a_folder_without_plans_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(PlanningError):
        read_folder(tmp_path / name)
