"""The form of one visit or call, filled in from the keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QLineEdit, QVBoxLayout, QWidget

from app.workstation.follow_up.fields import Fields, as_number
from app.workstation.follow_up.model import FollowUp
from app.workstation.follow_up.said import field_of, problems_said
from app.workstation.steps.panel import Notes, button, label, row
from app.workstation.words import Words
from imaging.errors import Problem
from planning.follow_up.schedule import coming
from planning.follow_up.tables import DAY0, grades, occasions

NUMBERS = ("vas", "sri_percent", "opioid_mg_day")
WHO = range(5)


class VisitForm(QWidget):
    """Asks what was found on an occasion; an occasion that is recorded is corrected.

    Parameters
    ----------
    model : FollowUp
        Of the lesion.
    words : Words
        Of the screen.
    """

    recorded = Signal()

    def __init__(self, model: FollowUp, words: Words) -> None:
        super().__init__()
        self._model, self._words = model, words
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self.fields = Fields(words, columns=3)
        names = [(one.name[words.language], one.id) for one in occasions().values()]
        self.occasion: QComboBox = self.fields.add_choice("occasion", names, has_unknown=False)
        self.occasion.currentIndexChanged.connect(lambda _index: self.show_occasion())
        self._add_fields()
        column.addWidget(self.fields)
        column.addWidget(label(words("follow_up.no_names"), "hint"))
        self.notes = Notes()
        self.notes.hide()
        column.addWidget(self.notes)
        self._record = button(words("follow_up.record_visit"), self.record, "primary")
        self._remove = button(words("follow_up.remove_visit"), self.remove)
        line = row(self._record, self._remove)
        line.addStretch(1)
        column.addLayout(line)

    def _add_fields(self) -> None:
        words, fields = self._words, self.fields
        fields.add_text("date", words("follow_up.date_hint"), self.record)
        fields.add_text("vas", words("follow_up.vas_hint"), self.record)
        fields.add_text("sri_percent", words("follow_up.sri_hint"), self.record)
        fields.add_text("opioid_mg_day", words("follow_up.opioid_hint"), self.record)
        fields.add_choice("who_status", [(str(n), n) for n in WHO])
        told = [(f"{one.grade}: {one.name[words.language]}", one.grade) for one in grades()]
        fields.add_choice("complication_grade", told)
        fields.add_text("complication_words", words("follow_up.words_hint"), self.record)
        fields.add_yes_no("still_effective")

    def show_next(self) -> None:
        """Show the occasion that comes next, and where typing begins."""
        following = coming(self._model.schedule)
        one = self._model.chosen
        wanted = DAY0 if one is None or one.visit(DAY0) is None else None
        if wanted is None:
            wanted = (
                following.occasion
                if following is not None
                else one.visits[-1].occasion
                if one
                else DAY0
            )
        self.occasion.setCurrentIndex(self.occasion.findData(wanted))
        self.show_occasion()

    def begin(self) -> None:
        """Let typing begin at the date, or behind it where it is known."""
        is_dated = self.fields.values()["date"] is not None
        self.fields["vas" if is_dated else "date"].setFocus()

    def show_occasion(self) -> None:
        """Show what is recorded of the occasion that is chosen."""
        one = self._model.chosen
        name = self.occasion.currentData()
        visit = None if one is None else one.visit(name)
        values: dict[str, Any] = {"occasion": name}
        if visit is not None:
            values = visit.model_dump()
            values["date"] = None if visit.date is None else visit.date.isoformat()
        elif one is not None and name in {DAY0, "block"}:
            values["date"] = one.date.isoformat()
        self.fields.show_values(values)
        self.notes.show_notes(())
        self._remove.setEnabled(visit is not None)
        self.setEnabled(one is not None)
        date = self.fields["date"]
        if isinstance(date, QLineEdit):
            due = {row.occasion: row.due for row in self._model.schedule}
            if name in due and one is not None and visit is None:
                hint = self._words("follow_up.due_hint", date=due[name].isoformat())
                date.setPlaceholderText(hint)
            else:
                date.setPlaceholderText(self._words("follow_up.date_hint"))

    def record(self) -> None:
        """Record what was filled in; tell every problem where it is refused."""
        data = self.fields.values()
        data |= {key: as_number(data[key]) for key in NUMBERS}
        data["complication_words"] = data["complication_words"] or ""
        self._do(lambda: self._model.record_visit(data))

    def remove(self) -> None:
        """Take the visit back."""
        occasion = str(self.occasion.currentData())
        self._do(lambda: self._model.remove(occasion=occasion))

    def _do(self, act: Callable[[], tuple[Problem, ...]]) -> None:
        problems = act()
        self.fields.mark(map(field_of, problems))
        self.notes.show_notes(problems_said(self._words, problems))
        if not problems:
            self.recorded.emit()
