"""The check of side and level: the request is stated, the image agrees or does not (A55)."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.workstation.steps.panel import Notes, combo, label
from app.workstation.words import Words
from imaging.errors import Problem
from planning.plan import Case
from planning.side import side_by_image, side_holds, side_said
from planning.side_check import Side

OTHERWISE = "otherwise"  # confirmed by the physician without the image


class SideField(QWidget):
    """Asks on which side the request says that the lesion is.

    Parameters
    ----------
    words : Words
        Of the screen.
    stated : callable
        Takes a Side, or None where the physician confirms it otherwise; returns the problems.
    """

    def __init__(self, words: Words, stated: Callable[[Side | None], tuple[Problem, ...]]) -> None:
        super().__init__()
        self._words, self._stated = words, stated
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        row = QHBoxLayout()
        row.addWidget(label(words("technique.side")), 5)
        self.choice = combo()
        self.choice.setAccessibleName(words("technique.side"))
        self.choice.setToolTip(words("technique.side_hint"))
        self.choice.addItem(words("answers_said.unknown"), None)
        for side in Side:
            self.choice.addItem(words(f"options.{side}"), side.value)
        self.choice.addItem(words("technique.side_otherwise"), OTHERWISE)
        self.choice.activated.connect(self._activated)
        row.addWidget(self.choice, 4)
        column.addLayout(row)
        self._notes = Notes()
        column.addWidget(self._notes)

    def show_case(self, case: Case | None) -> None:
        """Show the check as it stands.

        Parameters
        ----------
        case : Case or None
            None while nothing is open.
        """
        self.choice.setEnabled(case is not None)
        if case is None:
            self._notes.show_notes(())
            return
        check, holds = case.plan.side_check, side_holds(case)
        wanted = OTHERWISE if check is None and holds else None
        wanted = check.stated.value if check is not None and holds else wanted
        self.choice.setCurrentIndex(max(self.choice.findData(wanted), 0))
        if not holds:
            self._notes.show_notes([("hint", self._words("technique.side_open"))])
            return
        seen = side_by_image(case) if check is not None else None
        told = self._words("technique.side_without_image")
        if seen is not None:
            place = side_said(seen, self._words.language)
            told = self._words("technique.side_agrees", place=place)
        self._notes.show_notes([("good", told)])

    def _activated(self, _index: int) -> None:
        value = self.choice.currentData()
        if value is None:
            return
        problems = self._stated(None if value == OTHERWISE else Side(value))
        if problems:
            self.choice.setCurrentIndex(0)
            self._notes.show_problems(problems, self._words, "bad")
