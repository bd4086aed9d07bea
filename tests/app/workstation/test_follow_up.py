"""Follow-up in the workstation: typed, undone, listed, exported."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from app.workstation.follow_up.model import FollowUp, overdue
from app.workstation.follow_up.said import next_said
from app.workstation.follow_up.tasks import read_series
from app.workstation.session import Session
from app.workstation.stages import kept_by_hand
from app.workstation.words import LANGUAGES, Language, Words
from imaging.progress import Progress
from planning.follow_up.exchange import read_csv
from planning.store import PlanFile
from tests.app.workstation.conftest import Driver
from tests.planning.follow_up.samples import (
    TODAY,
    empty_case,
    table_4,
    treated_case,
    visit,
    write_plan,
)

DAY = {"date": "2026-03-02", "techniques": ["infiltration"]}


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Session:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    made = Session()
    made.case = empty_case()
    return made


def model_of(session: Session) -> FollowUp:
    return FollowUp(session, lambda: TODAY)


def efficacy_of(model: FollowUp) -> str:
    assert model.outcome is not None
    return model.outcome.week1.efficacy


def occasions_of(model: FollowUp) -> list[str]:
    assert model.chosen is not None
    return [one.occasion for one in model.chosen.visits]


def test_records_are_commands_that_can_be_undone(session: Session) -> None:
    model = model_of(session)
    assert model.add(DAY) == ()
    assert model.record_visit(visit("day0", 8.0)) == ()
    assert model.record_visit(visit("week1", 3.0)) == ()
    assert session.undo_name == "follow_up"
    assert efficacy_of(model) == "success"
    session.undo()
    assert efficacy_of(model) == "missing"
    session.undo()
    assert occasions_of(model) == []
    session.redo()
    assert occasions_of(model) == ["day0"]
    session.close()


def test_correcting_the_same_visit_is_one_step(session: Session) -> None:
    model = model_of(session)
    model.add(DAY)
    for vas in (3.0, 4.0, 5.0):
        assert model.record_visit(visit("week1", vas)) == ()
    session.undo()
    assert model.chosen is not None
    assert model.chosen.visits == ()
    session.close()


def test_what_is_refused_changes_nothing_and_says_where(session: Session) -> None:
    model = model_of(session)
    model.add(DAY)
    before = session.case
    problems = model.record_visit(visit("week1", 80.0, date="2026-01-01"))
    assert {one.code for one in problems} == {"out_of_bounds", "visit_before_treatment"}
    assert session.case is before
    session.close()


def test_a_job_that_ends_meanwhile_keeps_what_was_recorded() -> None:
    asked = empty_case()
    now = treated_case()
    made = asked.with_plan(generosity=0.5)
    kept = kept_by_hand(asked, now, made)
    assert kept.plan.treatments == now.plan.treatments
    assert kept.plan.generosity == 0.5


def test_overdue_visits_of_every_lesion_are_found() -> None:
    found = overdue(treated_case(), date(2026, 3, 20))
    assert [(lesion, late.occasion) for lesion, late in found] == [(1, "month1")]
    assert overdue(treated_case(), date(2026, 2, 10)) == ()


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_comes_next_is_told_in_words(session: Session, language: Language) -> None:
    session.case = treated_case()
    kind, text = next_said(Words(language), model_of(session).schedule)
    assert kind == "bad"
    assert "2026-02-28" in text
    session.close()


def test_a_folder_is_counted_for_each_technique_that_was_used(tmp_path: Path) -> None:
    for number, one in enumerate(table_4()[:3]):
        case = empty_case(f"{number:064}").with_plan(treatments=(one.treatment,))
        write_plan(tmp_path / f"{number}.osteoplan", case)
    found = read_series(tmp_path, date(2026, 3, 20), Progress())
    assert [one.technique for one in found.cohorts] == ["infiltration"]
    assert len(found.calls) == 3


@pytest.mark.screen
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_visit_is_typed_and_recorded_with_the_enter_key(
    driver: Driver, session: Session, language: Language
) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QLineEdit

    from app.workstation.follow_up.window import FollowUpWindow

    window = FollowUpWindow(None, session, Words(language))
    window.show()
    driver.run()
    form = window.add_treatment()
    form.take()
    assert session.case is not None
    assert session.case.plan.treatments == ()
    form.fields.show_values({"date": "2026-03-02", "age_years": "64"})
    form.choose_techniques(("infiltration",))
    form.take()
    driver.run()
    assert window.model.chosen is not None
    assert window.model.chosen.age_years == 64

    for occasion, typed in (("day0", "8"), ("week1", "3,5" if language == "fr" else "3.5")):
        places = window.visit_form.occasion
        places.setCurrentIndex(places.findData(occasion))
        vas = window.visit_form.fields["vas"]
        assert isinstance(vas, QLineEdit)
        QTest.keyClicks(vas, typed)
        QTest.keyClick(vas, Qt.Key.Key_Return)
        driver.run()
    assert window.model.outcome is not None
    assert window.model.outcome.week1.fall_percent == 56.25
    assert window.visits.rowCount() == 2

    vas = window.visit_form.fields["vas"]
    assert isinstance(vas, QLineEdit)
    vas.setText("80")
    window.visit_form.record()
    assert vas.property("wrong") == "true"
    assert window.visits.rowCount() == 2
    assert window.undo.isEnabled()
    window.undo.click()
    driver.run()
    assert window.visits.rowCount() == 1
    window.close()
    window.deleteLater()
    session.close()
    driver.run()


@pytest.mark.screen
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_folder_is_listed_counted_and_exported(
    driver: Driver, session: Session, tmp_path: Path, language: Language
) -> None:
    from app.workstation.follow_up.series_window import SeriesWindow

    folder = tmp_path / "plans"
    for number, one in enumerate(table_4()[8:12]):
        case = empty_case(f"{number:064}").with_plan(treatments=(one.treatment,))
        write_plan(folder / f"{number}.osteoplan", case)
    opened: list[Path] = []
    window = SeriesWindow(None, session, Words(language), opened.append)
    window.show()
    window.read(folder)

    def is_read() -> bool:
        session.poll()
        return window.series is not None

    driver.until(is_read)
    assert window.calls.rowCount() == 4
    state = window.calls.item(0, 0)
    assert state is not None
    assert ("jours de retard" if language == "fr" else "overdue by") in state.text()
    window.export(tmp_path / "series.csv")
    assert len(read_csv(tmp_path / "series.csv", date.today()).procedures) == 4
    window.calls.itemActivated.emit(state)
    assert opened == [folder / "0.osteoplan"]
    window.deleteLater()
    session.close()
    driver.run()


def test_what_is_recorded_is_on_disk(session: Session, tmp_path: Path) -> None:
    assert session.save_as(tmp_path / "a.osteoplan")
    model = model_of(session)
    model.add(DAY)
    session.close()
    with PlanFile.open(tmp_path / "a.osteoplan") as kept:
        assert len(kept.load().plan.treatments) == 1
        assert kept.history()[-1][1] == "follow_up"


def test_a_lesion_that_is_switched_to_has_its_own_treatments(session: Session) -> None:
    assert session.case is not None
    model = model_of(session)
    model.add(DAY)
    session.case = replace(empty_case())
    assert model.treatments == ()
    assert model.chosen is None
    session.close()
