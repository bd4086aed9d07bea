"""``osteoplan follow-up`` as a resident or a script uses it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from planning.lesions import add_lesion
from planning.store import PlanFile
from tests.planning.follow_up.samples import empty_case, table_4, treated_case, write_plan

if TYPE_CHECKING:
    from tests.conftest import Run


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A plan without a treatment."""
    return write_plan(tmp_path / "plans" / "one.osteoplan", empty_case())


def added(run: Run, plan: Path) -> None:
    status, _, _ = run(
        "follow-up", "add", plan, "--date", "2026-03-02", "--technique", "infiltration",
        "--vas", 8, "--opioid", 60, "--age", 64, "--prior-radiotherapy", "--site", "rib",
    )  # fmt: skip
    assert status == 0


def test_a_treatment_its_visits_and_what_became_of_it_are_recorded(run: Run, plan: Path) -> None:
    added(run, plan)
    status, document, error = run(
        "follow-up", "visit", plan, "--occasion", "week1", "--date", "2026-03-09", "--vas", 3,
        "--sri", 70, "--opioid", 40, "--who", 1, "--complication", 1,
        "--complication-words", "dyspnoea", "--json",
    )  # fmt: skip
    assert status == 0
    assert "no names" in error
    outcome = document["treatment"]["outcome"]
    assert outcome["week1"]["efficacy"] == "success"
    assert outcome["week1"]["fall_percent"] == 62.5
    assert outcome["month1"]["efficacy"] == "missing"
    run("follow-up", "event", plan, "--kind", "recurrence", "--date", "2026-04-01")
    status, document, _ = run("follow-up", "show", plan, "--on", "2026-04-05", "--json")
    (lesion,) = document["lesions"]
    (one,) = lesion["treatments"]
    assert one["prior_radiotherapy"] is True
    assert one["outcome"]["duration"] == {
        "days": 30, "is_censored": False, "ended_by": "recurrence",
    }  # fmt: skip
    assert (one["next"]["occasion"], one["next"]["due"]) == ("month1", "2026-04-02")
    with PlanFile.open(plan) as kept:
        changes = [change for _, change in kept.history()]
    assert changes[1:] == ["follow-up: treatment", "follow-up: week1", "follow-up: recurrence"]


def test_every_problem_of_a_record_is_told_and_nothing_is_kept(run: Run, plan: Path) -> None:
    status, document, error = run(
        "follow-up", "add", plan, "--date", "2026-02-30", "--technique", "magic",
        "--age", 640, "--needles", 0, "--json",
    )  # fmt: skip
    assert status == 3
    places = [one["where"] for one in document["error"]["problems"]]
    assert places == ["date", "techniques.0", "age_years", "needles"]
    assert "Traceback" not in error
    _, shown, _ = run("follow-up", "show", plan, "--json")
    assert shown["lesions"][0]["treatments"] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("visit", "--occasion", "week1", "--vas", "3"),
        ("event", "--kind", "death", "--date", "2026-03-01"),
        ("correct", "--age", "60"),
        ("remove", "--occasion", "week1"),
        ("show", "--lesion", "7"),
    ],
)
def test_what_does_not_exist_is_refused(run: Run, plan: Path, arguments: tuple[str, ...]) -> None:
    command, *options = arguments
    status, document, _ = run("follow-up", command, plan, *options, "--json")
    assert status == 3
    assert document["error"]["problems"]


@pytest.mark.parametrize("command", ["correct", "remove"])
def test_nothing_asked_for_is_wrong_usage(run: Run, plan: Path, command: str) -> None:
    assert run("follow-up", command, plan)[0] == 2


def test_of_several_lesions_one_is_named_and_the_view_stays(run: Run, tmp_path: Path) -> None:
    plan = write_plan(tmp_path / "two.osteoplan", add_lesion(empty_case()))
    options = ("--date", "2026-03-02", "--technique", "cryoablation", "--json")
    status, document, _ = run("follow-up", "add", plan, *options)
    assert (status, document["error"]["code"]) == (3, "which_lesion")
    status, document, _ = run("follow-up", "add", plan, "--lesion", 1, *options)
    assert (status, document["lesion"]) == (0, 1)
    with PlanFile.open(plan) as kept:
        assert kept.load().plan.number == 2


def test_a_plan_that_is_open_elsewhere_is_not_changed(run: Run, plan: Path) -> None:
    with PlanFile.open(plan):
        status, document, _ = run(
            "follow-up", "add", plan, "--date", "2026-03-02", "--technique", "alcohol", "--json"
        )
    assert (status, document["error"]["code"]) == (3, "plan_read_only")


def test_records_are_corrected_and_taken_back(run: Run, plan: Path) -> None:
    added(run, plan)
    visit = ("follow-up", "visit", plan, "--occasion", "week1", "--vas")
    assert run(*visit, 3)[0] == 0
    assert run(*visit, 4)[0] == 3
    assert run(*visit, 4, "--correct")[0] == 0
    assert run("follow-up", "correct", plan, "--needles", 2)[0] == 0
    _, text, _ = run("follow-up", "show", plan)
    assert "fall 50 %" in text
    assert run("follow-up", "remove", plan, "--occasion", "week1")[0] == 0
    status, document, _ = run("follow-up", "remove", plan, "--whole", "--json")
    assert (status, document["treatment"]) == (0, None)


def test_who_is_due_is_listed_and_bad_files_are_told(run: Run, plan: Path) -> None:
    write_plan(plan.parent / "late.osteoplan", treated_case("a" * 64, "2026-01-31"))
    (plan.parent / "bad.osteoplan").write_text("x")
    status, document, error = run("follow-up", "due", plan.parent, "--on", "2026-04-15", "--json")
    assert status == 0
    assert [(one["case"], one["occasion"]) for one in document["due"]] == [
        ("late.osteoplan", "month1")
    ]
    assert document["due"][0]["days_overdue"] == 39
    assert len(document["problems"]) == 1
    assert "bad.osteoplan" in error
    _, text, _ = run("follow-up", "due", plan.parent, "--on", "2026-04-15")
    assert "overdue by 39 days" in text


def test_a_series_is_counted_from_a_folder_and_from_its_own_table(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "plans"
    for number, one in enumerate(table_4()):
        case = empty_case(f"{number:064}").with_plan(treatments=(one.treatment,))
        write_plan(folder / f"{number}.osteoplan", case)
    table = tmp_path / "series.csv"
    status, document, _ = run("follow-up", "cohort", folder, "--csv", table, "--json")
    assert status == 0
    assert (document["procedures"], document["cases"]) == (36, 36)
    status, text, _ = run("follow-up", "cohort", table)
    assert status == 0
    assert "26/36 = 72.2 % (exact 95 % CI 54.8–85.8)" in text
    assert "0.46" in text
    assert "0.07" in text
    _, again, _ = run("follow-up", "cohort", table, "--json")
    assert {**again, "csv": None} == {**document, "csv": None}


def test_a_series_of_nobody_is_refused_with_what_there_is(run: Run, plan: Path) -> None:
    status, document, _ = run("follow-up", "cohort", plan.parent, "--json")
    assert (status, document["error"]["code"]) == (3, "no_treatments")
    assert run("follow-up", "cohort", plan.parent / "absent.csv")[0] == 3
