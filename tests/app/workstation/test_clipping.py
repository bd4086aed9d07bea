"""No text of a panel or a dialog is cut off, in either language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from imaging.phantom.cases import GeneratedCase
from planning.plan import Case
from planning.procedure import with_lesion
from tests.app.workstation.conftest import Driver

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from app.workstation.window import Window

SLACK = 2  # pixels that rounding may cost


@pytest.fixture(params=["en", "fr"])
def window(
    driver: Driver, generated: GeneratedCase, request: pytest.FixtureRequest
) -> Iterator[Window]:
    from PySide6.QtCore import QCoreApplication, QEvent

    from app.workstation.session import Session
    from app.workstation.window import Window
    from app.workstation.words import Words

    session = Session()
    made = Window(session, Words(request.param))
    made.resize(1560, 960)
    made.show()
    case = with_lesion(Case.begin(generated.volume), generated.volume, generated.lesion)
    session._reset(generated.volume, case)
    driver.run(0.3)
    yield made
    made.close()
    made.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    driver.run()


def clipped(inside: QWidget) -> list[str]:
    """Return the texts that have less room than they need."""
    from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QPushButton, QWidget

    found = []
    for one in inside.findChildren(QWidget):
        if not one.isVisibleTo(inside) or one.width() <= 1:
            continue
        if isinstance(one, QLabel) and one.text():
            if one.wordWrap():
                cut = one.heightForWidth(one.width()) > one.height() + SLACK
            else:
                cut = one.sizeHint().width() > one.width() + SLACK
            if cut:
                found.append(f"label: {one.text()[:60]}")
        elif isinstance(one, QPushButton | QCheckBox) and one.text():
            if one.sizeHint().width() > one.width() + SLACK + PADDING.get(one.objectName(), 0):
                found.append(f"button: {one.text()}")
        elif isinstance(one, QComboBox) and one.currentText():
            needs = one.fontMetrics().horizontalAdvance(one.currentText())
            if needs > one.width() - ARROW:
                found.append(f"choice: {one.currentText()}")
    return found


PADDING = {"": 20, "primary": 20}  # of the style, that may be taken before a letter is
ARROW = 40  # and the padding of the style


def test_no_text_of_a_step_is_cut_off(window: Window, driver: Driver) -> None:
    from app.workstation.stages import Step

    wrong = {}
    for step in Step:
        window.show_step(step)
        driver.run(0.25)
        found = clipped(window.panels[step])
        if found:
            wrong[step.value] = found
    assert wrong == {}


def test_the_longest_answer_of_every_question_can_be_read(window: Window, driver: Driver) -> None:
    from PySide6.QtWidgets import QComboBox

    from app.workstation.stages import Step
    from app.workstation.steps.technique.panel import TechniquePanel

    window.show_step(Step.TECHNIQUE)
    panel = window.panels[Step.TECHNIQUE]
    assert isinstance(panel, TechniquePanel)
    panel.form._toggle_all()
    for choice in panel.form.findChildren(QComboBox):
        widths = [choice.fontMetrics().horizontalAdvance(choice.itemText(n))
                  for n in range(choice.count())]  # fmt: skip
        choice.setCurrentIndex(widths.index(max(widths)))
    driver.run(0.3)
    assert clipped(panel.form) == []


def test_no_text_of_a_dialog_is_cut_off(window: Window, driver: Driver) -> None:
    from app.workstation.dialogs import tell_refusal
    from app.workstation.library.passphrase import PassphraseDialog
    from app.workstation.steps.report.archive import ArchiveDialog
    from app.workstation.steps.report.preview import PreviewDialog
    from app.workstation.teaching.statement_form import HandInDialog
    from imaging.errors import Problem
    from planning.errors import PlanningError
    from planning.teaching.exercise import Statement, Task

    def refuse(_stated: Statement) -> None:
        pytest.fail("nobody asked for it")

    exercises = window.show_exercises()
    problem = Problem(code="side_open", message="side and level are not confirmed", where="side")
    made = [
        window.show_keys(),
        window.show_tour(),
        window.show_about(),
        window.show_follow_up(),
        window.show_series(),
        tell_refusal(window, PlanningError(problem), window.words),
        ArchiveDialog(window, "", window.words),
        PreviewDialog(window, (), window.words),
        window.show_library(),
        PassphraseDialog(window, window.words, is_new=True),
        exercises.show_make(),
        exercises,
        *(HandInDialog(window, window.words, task, Statement(), refuse, refuse) for task in Task),
    ]
    wrong = {}
    for dialog in made:
        assert dialog is not None
        dialog.show()
        driver.run(0.2)
        assert dialog.windowTitle() or dialog.isVisible()
        found = clipped(dialog)
        if found:
            wrong[type(dialog).__name__] = found
        dialog.close()
    driver.run(0.1)
    assert wrong == {}
