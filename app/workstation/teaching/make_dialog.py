"""Makes an exercise of the open plan, which becomes the reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QGridLayout,
    QLineEdit,
    QPlainTextEdit,
    QScrollArea,
    QSpinBox,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.workstation.session import Session
from app.workstation.stages import Activity, Topic
from app.workstation.steps.panel import Notes, combo, label, named_fields, ok_cancel
from app.workstation.teaching.statement_form import StatementFields
from app.workstation.words import LANGUAGES, Words
from imaging.errors import Problem, Refusal
from planning.errors import PlanningError
from planning.teaching.exercise import Statement, Task, Visible
from planning.teaching.files import ENDING
from planning.teaching.words import said

TEXT_HEIGHT = 92
MINUTES = (1, 240)
JOB = "exercise_make"


class MakeDialog(QDialog):
    """Asks for everything that an exercise says beside the plan.

    Parameters
    ----------
    parent : QWidget
        The window.
    session : Session
        Whose plan becomes the reference.
    words : Words
        Of the screen.
    """

    def __init__(self, parent: QWidget, session: Session, words: Words) -> None:
        super().__init__(parent)
        self._session, self._words = session, words
        self.setWindowTitle(words("exercise.make"))
        self.resize(760, 860)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(18, 16, 18, 16)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 12, 0)
        column.setSpacing(9)
        column.addWidget(label(words("exercise.make_hint"), "hint"))
        column.addWidget(self._make_frame())
        self._texts: dict[str, dict[str, QLineEdit | QPlainTextEdit]] = {}
        column.addWidget(self._make_texts())
        column.addWidget(self._make_seen())
        column.addWidget(label(words("exercise.reference"), "section"))
        self._fields = StatementFields(words, Task.MEASURE, Statement())
        self._stated = QVBoxLayout()
        self._stated.addWidget(self._fields)
        column.addLayout(self._stated)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(inside)
        whole.addWidget(area, 1)
        self._notes = Notes()
        self._notes.hide()
        whole.addWidget(self._notes)
        whole.addWidget(ok_cancel(self, words))
        self._body, self._is_made = inside, False
        self._unsubscribe = session.subscribe(Topic.JOB, self._show_activity)
        self.finished.connect(self._end)

    def _make_frame(self) -> QWidget:
        words = self._words
        self.id, self.task = QLineEdit(), combo()
        self.difficulty, self.minutes = QSpinBox(), QSpinBox()
        self.passphrase = QLineEdit()
        self.passphrase.setEchoMode(QLineEdit.EchoMode.Password)
        self.passphrase.setPlaceholderText(words("exercise.no_examination"))
        self.id.setPlaceholderText("left-ilium-cryo")
        for one in Task:
            self.task.addItem(said("tasks", one.value, words.language), one)
        self.task.currentIndexChanged.connect(self._ask_for_task)
        self.difficulty.setRange(1, 5)
        self.minutes.setRange(*MINUTES)
        self.minutes.setValue(15)
        self.minutes.setSuffix(" min")
        inside = QWidget()
        rows: dict[str, QWidget] = {
            "id": self.id,
            "task": self.task,
            "difficulty": self.difficulty,
            "time": self.minutes,
            "passphrase": self.passphrase,
        }
        inside.setLayout(named_fields(rows, words, "exercise"))
        return inside

    def _make_texts(self) -> QWidget:
        words = self._words
        tabs = QTabWidget()
        for language in sorted(LANGUAGES, key=lambda one: one != words.language):
            page = QWidget()
            column = QVBoxLayout(page)
            title, situation, asked = QLineEdit(), QPlainTextEdit(), QPlainTextEdit()
            fields: dict[str, QLineEdit | QPlainTextEdit] = {
                "title": title,
                "situation": situation,
                "asked": asked,
            }
            for key, field in fields.items():
                field.setAccessibleName(f"{words(f'exercise.{key}')} ({language})")
                column.addWidget(label(words(f"exercise.{key}"), "quiet"))
                column.addWidget(field)
            for field in (situation, asked):
                field.setFixedHeight(TEXT_HEIGHT)
                field.setTabChangesFocus(True)
            self._texts[language] = fields
            tabs.addTab(page, words(f"languages.{language}"))
        return tabs

    def _make_seen(self) -> QWidget:
        words = self._words
        inside = QWidget()
        grid = QGridLayout(inside)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(label(words("exercise.may_see"), "section"), 0, 0, 1, 3)
        self.seen: dict[Visible, QCheckBox] = {}
        for number, one in enumerate(Visible):
            box = QCheckBox(said("visible", one.value, words.language))
            grid.addWidget(box, 1 + number // 3, number % 3)
            self.seen[one] = box
        self.gives_outline = QCheckBox(words("exercise.gives_outline"))
        self.gives_structures = QCheckBox(words("exercise.gives_structures"))
        self.gives_answers = QCheckBox(words("exercise.gives_answers"))
        self.gives_answers.setChecked(True)
        grid.addWidget(label(words("exercise.gives"), "section"), 3, 0, 1, 3)
        for number, box in enumerate(
            (self.gives_outline, self.gives_structures, self.gives_answers)
        ):
            grid.addWidget(box, 4, number)
        return inside

    def _ask_for_task(self) -> None:
        before = self._fields
        self._fields = StatementFields(self._words, Task(self.task.currentData()), Statement())
        self._fields.reasons.setPlainText(before.reasons.toPlainText())
        self._stated.replaceWidget(before, self._fields)
        before.hide()
        before.deleteLater()

    def accept(self) -> None:
        """Ask for the file, and make the exercise in the background."""
        if self._session.runs(JOB):
            return
        if self._session.case is None or self._session.volume is None:
            problem = Problem(code="no_plan", message="open the plan that is the reference first")
            self._notes.show_problems([problem], self._words, "bad")
            return
        if self._checked() is None:  # told before a file is asked for
            return
        name = self.id.text().strip() or "exercise"
        title = self._words("exercise.make")
        path, _ = QFileDialog.getSaveFileName(self, title, f"{name}{ENDING}", f"*{ENDING}")
        if path:
            self.make(Path(path))

    def make(self, path: Path) -> None:
        """Make the exercise in the background; the dialog closes when it is written.

        Parameters
        ----------
        path : Path
            Of the file.
        """
        session = self._session
        stated = self._checked()
        if stated is None:
            return
        if path.suffix != ENDING:
            path = path.with_name(path.name + ENDING)

        def made(file: Path) -> None:
            self._is_made = True
            session.tell(Topic.EXERCISE_MADE, file)
            self.done(QDialog.DialogCode.Accepted)

        from app.workstation.teaching import tasks  # draws the page of feedback, which loads long

        session.start(JOB, made, None, tasks.make, self._data(), path, session.case,
                      session.volume, stated, self.passphrase.text() or None)  # fmt: skip

    def _show_activity(self, activity: Activity | None) -> None:
        """Tell how far the making is; what was typed stays until it is written."""
        runs = self._session.runs(JOB)
        self._body.setEnabled(not runs)
        told = ""
        if runs:
            percent = 0.0 if activity is None or activity.name != JOB else 100 * activity.fraction
            told = f"{self._words(f'jobs.{JOB}')} …  {percent:.0f} %"
        self._notes.show_notes([("hint", told)] if told else [])

    def _end(self, _result: int) -> None:
        self._unsubscribe()
        if not self._is_made:
            self._session.cancel_named(JOB)

    def _checked(self) -> Statement | None:
        """Return what the reference states; None when something is lacking, which is told."""
        try:
            stated = self._fields.statement()
            self._refuse_lacking()
        except Refusal as refusal:
            self._notes.show_problems(refusal.problems, self._words, "bad")
            return None
        return stated

    def _refuse_lacking(self) -> None:
        """Refuse texts that are empty: a resident reads either language."""
        problems = [
            Problem(
                code="text_lacking",
                message="a text is empty; fill it in",
                where=f"{self._words(f'languages.{language}')}: {self._words(f'exercise.{key}')}",
            )
            for language, fields in self._texts.items()
            for key, field in fields.items()
            if not _text(field)
        ]
        if problems:
            raise PlanningError(problems)

    def _data(self) -> dict[str, Any]:
        case = self._session.case
        answers: dict[str, Any] = {}
        if case is not None and self.gives_answers.isChecked():
            answers = case.plan.answers.model_dump(mode="json", by_alias=True)
        return {
            "id": self.id.text().strip(),
            "task": Task(self.task.currentData()).value,
            "difficulty": self.difficulty.value(),
            "time_s": 60.0 * self.minutes.value(),
            "texts": {
                language: {key: _text(field) for key, field in fields.items()}
                for language, fields in self._texts.items()
            },
            "may_see": [one.value for one, box in self.seen.items() if box.isChecked()],
            "given": {
                "answers": answers,
                "outline": self.gives_outline.isChecked(),
                "structures": self.gives_structures.isChecked(),
            },
        }


def _text(field: QLineEdit | QPlainTextEdit) -> str:
    found = field.text() if isinstance(field, QLineEdit) else field.toPlainText()
    return found.strip()
