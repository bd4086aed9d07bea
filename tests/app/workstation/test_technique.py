"""The step of technique and doses, driven by keys and clicks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from imaging.phantom.cases import GeneratedCase
from planning.plan import Case
from planning.procedure import with_lesion, with_structures
from planning.side_check import Side
from planning.technique.answers import Answers
from planning.technique.wording import Language
from tests.app.workstation.conftest import Driver
from tests.planning.technique.cases import BASE, SPINE

if TYPE_CHECKING:
    from app.workstation.session import Session
    from app.workstation.steps.technique.panel import TechniquePanel
    from imaging.structures.model import Structures


@pytest.fixture(scope="module")
def planned(vertebra: GeneratedCase, vertebra_structures: Structures) -> Case:
    begun = with_lesion(Case.begin(vertebra.volume), vertebra.volume, vertebra.lesion)
    return with_structures(begun, vertebra_structures, vertebra.volume)


@pytest.fixture(params=["en", "fr"])
def language(request: pytest.FixtureRequest) -> Language:
    found: Language = request.param
    return found


@pytest.fixture
def session(
    driver: Driver, planned: Case, vertebra: GeneratedCase, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Session]:
    from app.workstation.session import Session

    made = Session()
    made.case, made.volume = planned, vertebra.volume
    yield made
    made.close()


@pytest.fixture
def panel(driver: Driver, session: Session, language: Language) -> Iterator[TechniquePanel]:
    from PySide6.QtCore import QCoreApplication, QEvent

    from app.workstation.steps.panel import Desk
    from app.workstation.steps.technique.panel import TechniquePanel
    from app.workstation.viewpoint import Viewpoint
    from app.workstation.words import Words

    board: Any = None
    made = TechniquePanel(Desk(session, Viewpoint(), Words(language), board))
    made.resize(900, 900)
    made.show()
    driver.run()
    yield made
    made.release()
    made.close()
    made.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def answered(panel: TechniquePanel, **answers: Any) -> None:
    for key, value in answers.items():
        panel.fields[key].show_value(value)
    panel.apply()


def kept(session: Session) -> Case:
    assert session.case is not None
    return session.case


def test_the_ct_answers_and_only_what_matters_is_asked(
    panel: TechniquePanel, session: Session
) -> None:
    shown = [key for key, field in panel.fields.items() if not field.isHidden()]
    assert {"vas", "bone", "level", "escc", "inr"} <= set(shown)
    answered(panel, vas=8.0)
    shown = [key for key, field in panel.fields.items() if not field.isHidden()]
    assert {"bone", "level", "escc", "inr"} <= set(shown)
    assert not {"long_bone_site", "long_bone_fraction", "pain_severity"} & set(shown)
    assert kept(session).plan.answers == Answers(vas=8.0)
    panel.form.confirm_measured()
    panel.apply()
    said = kept(session).plan.answers
    assert (said.bone, said.level) == ("vertebra", "L3")
    assert said.lesion_length_mm is not None
    assert said.distance_mm is not None
    assert said.distance_mm.spinal_cord is not None


def test_fewer_questions_are_left_once_the_answer_is_clear(panel: TechniquePanel) -> None:
    def count() -> int:
        return sum(not field.isHidden() for field in panel.fields.values())

    whole = count()
    answered(panel, infection=True)  # closes every percutaneous technique
    assert count() < whole
    panel.form._toggle_all()
    assert count() == len(panel.fields)


def test_yes_and_no_are_answered_by_keys(
    driver: Driver, panel: TechniquePanel, session: Session
) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    field = panel.fields["infection"]
    field.entry.setFocus()
    QTest.keyClick(field.entry, Qt.Key.Key_N)
    assert field.value() is False
    yes = panel.words("answers_said.yes")[0]
    QTest.keyClicks(field.entry, yes)
    assert field.value() is True
    QTest.keyClick(field.entry, Qt.Key.Key_Backspace)
    assert field.value() is None
    QTest.keyClick(field.entry, Qt.Key.Key_N)
    driver.until(lambda: kept(session).plan.answers.infection is False, 10)


def test_letters_that_answer_are_kept_from_the_shortcuts_of_the_window(
    driver: Driver, panel: TechniquePanel
) -> None:
    from PySide6.QtGui import QKeySequence, QShortcut
    from PySide6.QtTest import QTest

    taken: list[str] = []
    for key in "NMF":
        QShortcut(QKeySequence(key), panel, lambda key=key: taken.append(key))
    panel.activateWindow()
    driver.until(panel.isActiveWindow, 10)
    field, listed = panel.fields["infection"], panel.fields["pain"]
    field.entry.setFocus()
    QTest.keyClicks(field.entry, "n")
    assert field.value() is False
    listed.entry.setFocus()
    QTest.keyClicks(listed.entry, "m")
    assert listed.value() is not None
    assert taken == []


def test_enter_goes_on_and_f8_goes_to_what_matters_most(
    driver: Driver, panel: TechniquePanel
) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    panel.activateWindow()
    driver.until(panel.isActiveWindow, 10)
    first, second = panel.fields["vas"], panel.fields["pain"]
    first.entry.setFocus()
    driver.run()
    QTest.keyClick(first.entry, Qt.Key.Key_Return)
    assert second.entry.hasFocus()
    panel.fields["who_status"].entry.setFocus()  # no rule waits for it
    panel.form.reach_next_missing()
    (reached,) = [key for key, field in panel.fields.items() if field.entry.hasFocus()]
    assert reached == next(k for k in panel.form._missing if panel.fields[k].value() is None)


def test_an_answer_tells_what_it_changed_and_by_which_rule(panel: TechniquePanel) -> None:
    answered(panel, **{k: v for k, v in BASE.items() if k in panel.fields and k != "bone"})
    answered(panel, inr=2.4)
    told = panel.advice._changes.text()
    assert "B5" in told
    assert panel.words("statuses.contraindicated") in told
    assert panel.words("answers.inr") in told


def test_what_if_keeps_nothing(panel: TechniquePanel, session: Session) -> None:
    answered(panel, inr=1.0, infection=False)
    before = kept(session)
    panel.trial.click()
    answered(panel, infection=True)
    assert kept(session) is before
    assert panel.words("statuses.contraindicated") in panel.advice._changes.text()
    panel.trial.click()
    assert panel.fields["infection"].value() is False
    assert kept(session) is before


def test_a_rule_shows_its_source_and_the_value_that_made_it_hold(panel: TechniquePanel) -> None:
    answered(panel, inr=2.4, platelets_g_l=200.0)
    panel.advice._follow("rule:B5:cryoablation")
    assert panel.source.isVisibleTo(panel)
    told = panel.source._text.text()
    for part in ("SIR 2019", "2.4" if panel.words.language == "en" else "2,4"):
        assert part in told


def test_a_question_is_reached_from_what_is_missing(driver: Driver, panel: TechniquePanel) -> None:
    answered(panel, vas=8.0)
    panel.activateWindow()
    driver.until(panel.isActiveWindow, 10)
    panel.advice._follow("ask:distance_mm.skin")
    assert panel.fields["distance_mm.skin"].entry.hasFocus()


def test_a_refused_answer_is_marked_and_nothing_is_computed(
    panel: TechniquePanel, session: Session
) -> None:
    answered(panel, vas=8.0)
    before = kept(session)
    answered(panel, level="C3", bone="ilium", vas=80.0)
    assert kept(session) is before
    assert panel.fields["vas"].entry.property("wrong")
    assert panel.fields["level"].entry.property("wrong")


def test_nothing_leaves_before_the_side_is_confirmed(
    panel: TechniquePanel, session: Session, tmp_path: Path
) -> None:
    answered(panel, vas=8.0)
    path = tmp_path / "proposal.pdf"
    panel.export(path)
    assert not path.exists()
    seen = Side.LEFT
    problems = session.consulting.state_side(Side.RIGHT, None) or ()
    if not problems:  # near the middle either word holds; a level never does
        problems = session.consulting.state_side(seen, "C3")
    assert problems
    assert not session.consulting.state_side(seen, "L3")
    panel.export(path)
    assert path.read_bytes().startswith(b"%PDF")


def test_a_printed_proposal_says_the_same_as_the_screen(
    panel: TechniquePanel, session: Session
) -> None:
    from app.workstation.steps.technique.printing import document_of

    answered(panel, **{k: v for k, v in SPINE.items() if k in panel.fields and k != "level"})
    text = document_of(kept(session), panel.words.language).toPlainText()
    for key in ("cementoplasty", "radiotherapy"):
        assert panel.words(f"techniques.{key}").lower() in text.lower()
    assert "A54" in text
    assert "54" in text


def test_other_tables_than_the_plan_s_are_told(panel: TechniquePanel, session: Session) -> None:
    from PySide6.QtWidgets import QLabel

    answered(panel, vas=8.0)
    case = kept(session)
    assert case.plan.recommendation is not None
    old = case.plan.recommendation.model_copy(update={"tables_version": "2020-01-01 000000000000"})
    panel.show_case(replace(case, plan=case.plan.model_copy(update={"recommendation": old})))
    told = [one.text() for one in panel._notes.findChildren(QLabel) if not one.isHidden()]
    assert told == [panel.words("technique.other_tables")]


def test_drugs_are_listed_with_their_hours(panel: TechniquePanel, session: Session) -> None:
    drugs = [{"drug": "apixaban", "hours_since": 3.0}]
    answered(panel, antithrombotics=drugs, creatinine_clearance_ml_min=80.0)
    said = kept(session).plan.answers.antithrombotics
    assert said is not None
    assert (said[0].drug, said[0].hours_since) == ("apixaban", 3.0)
    advice = kept(session).plan.recommendation
    assert advice is not None
    assert any("48 h" in text for text in advice.advice("microwave").preparation)
