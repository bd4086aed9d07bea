"""An exercise in the window, from opening it to the page of feedback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from planning.procedure import with_lesion
from planning.teaching.attempts import Attempts
from planning.teaching.exercise import Statement, Visible
from planning.teaching.files import ExerciseFile
from tests.app.workstation.conftest import Driver
from tests.planning.teaching.samples import ball, exercise, file_in, reference

if TYPE_CHECKING:
    from app.workstation.teaching.tasks import Page
    from app.workstation.window import Window

NAME = "Ada L."
STATED = Statement(length_mm=24.0, width_mm=23.5, reasons="measured twice")


@pytest.fixture
def window(driver: Driver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Window]:
    from PySide6.QtCore import QCoreApplication, QEvent

    from app.workstation.session import Session
    from app.workstation.window import Window
    from app.workstation.words import Words

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    made = Window(Session(), Words("en"))
    made.show()
    driver.run()
    yield made
    made.close()
    made.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    driver.run()


def begun(window: Window, driver: Driver, file: ExerciseFile) -> None:
    """Begin an exercise from its window, and read what is asked."""
    from PySide6.QtWidgets import QMessageBox

    shown = window.show_exercises()
    assert shown.list.count() >= 12
    shown.add_file(file.path)
    shown.resident.setCurrentText(NAME)
    shown.begin()
    session = window.session
    driver.until(lambda: session.exercising.exercise is not None and not session.is_busy)
    (told,) = window.findChildren(QMessageBox)
    assert told.text() == file.exercise.texts["en"].asked
    told.close()
    driver.run()


def test_an_exercise_is_answered_handed_in_and_fed_back(
    window: Window, driver: Driver, tmp_path: Path
) -> None:
    from app.workstation.stages import Step, Topic
    from app.workstation.teaching.feedback_window import FeedbackWindow

    file = file_in(tmp_path, exercise(may_see=["structures"]), reference(STATED))
    begun(window, driver, file)
    session = window.session
    assert window.exercise_bar.isVisible()
    assert session.exercising.allows(Visible.STRUCTURES)
    assert window.step is Step.LESION
    assert not window.viewpoint.look.shows_diameters
    _withheld(window, driver)
    volume = session.volume
    assert volume is not None
    assert session.case is not None
    session.apply("outline", with_lesion(session.case, volume, ball(12.0)))
    asked = window.exercise_bar.ask_hand_in()
    assert asked is not None
    asked.fields._numbers["length_mm"].setText("24,0")
    asked.fields._numbers["width_mm"].setText("a lot")
    asked._finish(lambda _stated: pytest.fail("this is no width"))
    assert asked.isVisible()
    asked.fields._numbers["width_mm"].setText("23.5")
    pages: list[Page] = []
    session.subscribe(Topic.FEEDBACK, pages.append)
    asked._finish(lambda stated: session.exercising.hand_in(stated, "en"))
    assert not window.exercise_bar.isVisible()
    driver.until(lambda: bool(pages))
    mark = pages[0].feedback.mark
    assert mark.passed
    assert {one.id: one.points == one.of for one in mark.terms}["overlap"]
    assert all(path.is_file() for path in (*pages[0].pictures, pages[0].pdf))
    page = window.findChild(FeedbackWindow)
    assert page is not None
    page.save_pdf(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
    page.close()
    shown = window.show_exercises()
    assert shown.progress.rowCount() == 1
    item = shown.class_table.item(0, 0)
    assert item is not None
    assert NAME not in item.text()
    shown.close()
    window.show_step(Step.ACCESS)
    assert not window.panels[Step.ACCESS]._run.isHidden()  # type: ignore[attr-defined]


def _withheld(window: Window, driver: Driver) -> None:
    """What the exercise withholds is neither offered nor done; what it shows is."""
    from PySide6.QtWidgets import QMessageBox

    from app.workstation.stages import Step
    from planning.access.posture import Position

    for step, names in {
        Step.LESION: ("_click", "slider"),
        Step.ACCESS: ("_run", "_skin"),
        Step.ABLATION: ("_run", "_plan"),
        Step.REPORT: ("_export",),
    }.items():
        for name in names:
            assert getattr(window.panels[step], name).isHidden(), (step, name)
    hint = window.panels[Step.LESION]._hint
    assert hint.text() == window.words("lesion.by_hand")
    assert not window.panels[Step.STRUCTURES]._find.isHidden()  # type: ignore[attr-defined]
    window.session.find_access(None, Position.AUTO)
    assert not window.session.runs("access")
    (box,) = window.findChildren(QMessageBox)
    assert "after the hand-in" in box.informativeText()
    box.close()
    driver.run()


@pytest.mark.long
def test_a_program_that_ends_during_the_hand_in_loses_nothing(
    window: Window, driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.workstation.session import Session
    from app.workstation.stages import Topic

    begun(window, driver, file_in(tmp_path, answer=reference(STATED)))
    session = window.session
    session.exercising.state(STATED)
    monkeypatch.setattr(session.exercising, "mark", lambda *_given: None)  # it ends here
    assert session.exercising.hand_in(STATED, "en") is not None
    with Attempts.open() as attempts:
        (waiting,) = attempts.unfinished()
    later = Session()
    pages: list[Page] = []
    later.subscribe(Topic.FEEDBACK, pages.append)
    later.exercising.mark(waiting, "en")

    def polled() -> bool:
        later.poll()
        return bool(pages)

    driver.until(polled)
    later.close()
    assert pages[0].feedback.mark.term("length_error") is not None
    with Attempts.open() as attempts:
        assert attempts.unfinished() == ()


def test_an_exercise_that_is_left_is_gone_on_with(
    window: Window, driver: Driver, tmp_path: Path
) -> None:
    begun(window, driver, file_in(tmp_path))
    exercising = window.session.exercising
    exercising.state(STATED)
    before_s = exercising.elapsed_s
    exercising.pause()
    assert exercising.exercise is None
    shown = window.show_exercises()
    shown.add_file(tmp_path / "a-ball.osteoexercise")
    shown.resume()
    driver.until(lambda: exercising.exercise is not None and not window.session.is_busy)
    assert exercising.statement == STATED
    assert exercising.elapsed_s >= before_s


@pytest.mark.long
def test_an_open_plan_becomes_an_examination(
    window: Window, driver: Driver, tmp_path: Path
) -> None:
    from PySide6.QtWidgets import QMessageBox

    from app.workstation.stages import Topic
    from planning.teaching.files import read_exercise

    begun(window, driver, file_in(tmp_path, answer=reference(STATED)))
    session = window.session
    session.exercising.pause()
    assert session.case is not None
    assert session.volume is not None
    session.apply("outline", with_lesion(session.case, session.volume, ball(12.0)))
    dialog = window.show_exercises().show_make()
    dialog.id.setText("made-here")
    dialog.make(tmp_path / "made-here")
    assert dialog.isVisible()  # the texts are lacking
    for fields in dialog._texts.values():
        for field in fields.values():
            (field.setText if hasattr(field, "setText") else field.setPlainText)("A text.")
    dialog._fields._numbers["length_mm"].setText("24")
    dialog._fields._numbers["width_mm"].setText("23")
    dialog.passphrase.setText("long enough to be one")
    taken = dialog.id.text()
    dialog.id.setText("No Such Id!")
    dialog.make(tmp_path / "refused")
    driver.until(lambda: not session.is_busy)
    assert dialog.isVisible()
    assert dialog.passphrase.text() == "long enough to be one"
    assert not (tmp_path / "refused.osteoexercise").exists()
    for box in window.findChildren(QMessageBox):
        box.close()
    dialog.id.setText(taken)
    made: list[Path] = []
    session.subscribe(Topic.EXERCISE_MADE, made.append)
    dialog.make(tmp_path / "made-here")
    assert dialog.isVisible()  # what was typed stays until the exercise is written
    driver.until(lambda: bool(made))
    file = read_exercise(made[0])
    assert file.is_examination
    assert file.exercise.texts["fr"].title == "A text."
