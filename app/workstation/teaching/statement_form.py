"""What the resident decides himself, asked for before the hand-in and kept as it is typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from app.workstation.steps.panel import Notes, button, combo, label, named_fields
from app.workstation.words import Words
from imaging.errors import Problem, Refusal
from planning.ablation.devices import devices
from planning.errors import PlanningError
from planning.teaching.exercise import Adjunct, Corticosteroid, Statement, Task, statement_from
from planning.teaching.words import said
from planning.technique.answers import Technique

REASONS_HEIGHT = 84
COLUMNS = 3
# What is asked for, by the task; the rest comes from the plan.
ASKED = {
    Task.MEASURE: ("length_mm", "width_mm"),
    Task.INFILTRATION: ("technique", "volume_ml", "anaesthetic_ml", "corticosteroid"),
    Task.ABLATION: ("technique", "device", "adjuncts"),
    Task.TECHNIQUE: ("technique", "adjuncts", "volume_ml", "anaesthetic_ml", "corticosteroid"),
}


class StatementFields(QWidget):
    """Fields of a statement.

    Parameters
    ----------
    words : Words
        Of the screen.
    task : Task
        Tells which are asked for.
    statement : Statement
        Typed up to now.
    """

    def __init__(self, words: Words, task: Task, statement: Statement) -> None:
        super().__init__()
        self._words = words
        self._numbers: dict[str, QLineEdit] = {}
        self._choices: dict[str, QComboBox] = {}
        self._adjuncts: dict[Adjunct, QCheckBox] = {}
        self.reasons = QPlainTextEdit(statement.reasons)
        self.reasons.setFixedHeight(REASONS_HEIGHT)
        self.reasons.setTabChangesFocus(True)
        fields = {key: self._field(key, statement) for key in ASKED[task]}
        self.setLayout(named_fields({**fields, "reasons": self.reasons}, words, "exercise"))

    def _field(self, key: str, statement: Statement) -> QWidget:
        value = getattr(statement, key)
        if key == "adjuncts":
            return self._make_adjuncts(statement)
        if key in {"technique", "device", "corticosteroid"}:
            made = combo()
            made.addItem(self._words("exercise.open"), None)
            for one, name in self._offered(key):
                made.addItem(name, one)
            made.setCurrentIndex(max(made.findData(value), 0))
            self._choices[key] = made
            return made
        line = QLineEdit("" if value is None else self._words.number(value))
        line.setPlaceholderText(self._words("exercise.open"))
        self._numbers[key] = line
        return line

    def _offered(self, key: str) -> list[tuple[str, str]]:
        words = self._words
        if key == "technique":
            return [(one, words(f"techniques.{one}")) for one in get_args(Technique)]
        if key == "corticosteroid":
            return [(one, words(f"steroids.{one}")) for one in get_args(Corticosteroid)]
        return [
            (one.id, f"{words(f'techniques.{one.technique}')} – {one.name}")
            for one in devices().values()
        ]

    def _make_adjuncts(self, statement: Statement) -> QWidget:
        inside = QWidget()
        grid = QGridLayout(inside)
        grid.setContentsMargins(0, 0, 0, 0)
        for number, one in enumerate(Adjunct):
            box = QCheckBox(said("adjuncts", one.value, self._words.language))
            box.setChecked(one in statement.adjuncts)
            grid.addWidget(box, number // COLUMNS, number % COLUMNS)
            self._adjuncts[one] = box
        return inside

    def statement(self) -> Statement:
        """Return what is typed.

        Returns
        -------
        Statement
            Empty fields are left open.

        Raises
        ------
        PlanningError
            With every value that cannot be one.
        """
        data: dict[str, Any] = {key: _number(line.text()) for key, line in self._numbers.items()}
        data |= {key: choice.currentData() for key, choice in self._choices.items()}
        data["adjuncts"] = [one.value for one, box in self._adjuncts.items() if box.isChecked()]
        data["reasons"] = self.reasons.toPlainText().strip()
        try:
            return statement_from(data)
        except Refusal as refusal:
            raise PlanningError([self._named(one) for one in refusal.problems]) from None

    def _named(self, problem: Problem) -> Problem:
        """Return a problem that names its field as the screen does."""
        name = self._words.maybe(f"exercise.{problem.where}", problem.where)
        return Problem(code=problem.code, message=problem.message, where=name)


def _number(text: str) -> float | str | None:
    """Return a number as either language writes it; what is none is left for the check."""
    plain = text.strip().replace("\u202f", "").replace(" ", "").replace(",", ".")
    if not plain:
        return None
    try:
        return float(plain)
    except ValueError:
        return text


class HandInDialog(QDialog):
    """Asks for the statement; keeps it, or hands it in.

    Parameters
    ----------
    parent : QWidget
        The window.
    words : Words
        Of the screen.
    task : Task
        Of the exercise.
    statement : Statement
        Typed up to now.
    keep : callable
        Takes a statement that is kept for later.
    hand_in : callable
        Takes the statement that is handed in.
    """

    def __init__(
        self,
        parent: QWidget,
        words: Words,
        task: Task,
        statement: Statement,
        keep: Callable[[Statement], object],
        hand_in: Callable[[Statement], object],
    ) -> None:
        super().__init__(parent)
        self._words = words
        self.setWindowTitle(words("exercise.hand_in"))
        self.setMinimumWidth(620)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 16)
        column.setSpacing(10)
        column.addWidget(label(words("exercise.hand_in_hint"), "hint"))
        self.fields = StatementFields(words, task, statement)
        column.addWidget(self.fields)
        self._notes = Notes()
        self._notes.hide()
        column.addWidget(self._notes)
        line = QHBoxLayout()
        line.addStretch(1)
        line.addWidget(button(words("exercise.keep"), lambda: self._finish(keep)))
        line.addWidget(
            button(words("exercise.hand_in_now"), lambda: self._finish(hand_in), "primary")
        )
        column.addLayout(line)

    def _finish(self, act: Callable[[Statement], object]) -> None:
        try:
            stated = self.fields.statement()
        except Refusal as refusal:
            self._notes.show_problems(refusal.problems, self._words, "bad")
            return
        self.accept()
        act(stated)
