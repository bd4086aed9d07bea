"""The form of one treatment: when, what, and what is known of the patient."""

from __future__ import annotations

from typing import Any, get_args

from PySide6.QtWidgets import QCheckBox, QDialog, QGridLayout, QVBoxLayout, QWidget

from app.workstation.follow_up.fields import Fields, as_number
from app.workstation.follow_up.model import FollowUp
from app.workstation.follow_up.said import field_of, problems_said
from app.workstation.steps.panel import Notes, label, ok_cancel
from app.workstation.words import Words
from planning.follow_up.records import Treatment
from planning.technique.answers import Bone, Technique

NUMBERS = ("age_years", "pain_duration_days", "anaesthetic_ml", "needles")
COLUMNS = 2


class TreatmentForm(QDialog):
    """Asks for a treatment, new or to be corrected; closes once it is taken.

    Parameters
    ----------
    parent : QWidget
        The window of follow-up.
    model : FollowUp
        Of the lesion.
    words : Words
        Of the screen.
    one : Treatment or None
        To be corrected; None records another.
    """

    def __init__(
        self, parent: QWidget, model: FollowUp, words: Words, one: Treatment | None = None
    ) -> None:
        super().__init__(parent)
        self._model, self._words, self._one = model, words, one
        self.setWindowTitle(
            words("follow_up.add_treatment" if one is None else "follow_up.correct_treatment")
        )
        self.setMinimumWidth(460)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 16)
        column.setSpacing(9)
        self.fields = self._make_fields()
        column.addWidget(self.fields)
        column.addWidget(label(words("follow_up.fields.techniques"), "quiet"))
        self.techniques: dict[str, QCheckBox] = {}
        column.addWidget(self._make_techniques())
        self.notes = Notes()
        self.notes.hide()
        column.addWidget(self.notes)
        buttons = ok_cancel(self, words)
        buttons.accepted.disconnect()
        buttons.accepted.connect(self.take)
        column.addWidget(buttons)
        self._fill()

    def _make_fields(self) -> Fields:
        words = self._words
        fields = Fields(words)
        fields.add_text("date", words("follow_up.date_hint"))
        bones = [(words(f"options.{bone}"), bone) for bone in get_args(Bone)]
        fields.add_choice("site", bones)
        fields.add_text("age_years")
        fields.add_text("pain_duration_days")
        fields.add_yes_no("prior_radiotherapy")
        fields.add_text("anaesthetic_ml")
        fields.add_text("needles")
        return fields

    def _make_techniques(self) -> QWidget:
        made = QWidget()
        grid = QGridLayout(made)
        grid.setContentsMargins(0, 0, 0, 0)
        for place, name in enumerate(get_args(Technique)):
            box = QCheckBox(self._words(f"techniques.{name}"))
            grid.addWidget(box, place // COLUMNS, place % COLUMNS)
            self.techniques[name] = box
        return made

    def _fill(self) -> None:
        one = self._one
        known = self._model.known() if one is None else one.model_dump()
        if one is not None:
            known["date"] = one.date.isoformat()
        self.fields.show_values(known)
        self.choose_techniques(() if one is None else one.techniques)

    def choose_techniques(self, names: tuple[str, ...]) -> None:
        """Check the techniques that were done.

        Parameters
        ----------
        names : tuple of str
            Others are unchecked.
        """
        for name, box in self.techniques.items():
            box.setChecked(name in names)

    def take(self) -> None:
        """Record what was filled in; tell every problem and stay open where it is refused."""
        data: dict[str, Any] = self.fields.values()
        data |= {key: as_number(data[key]) for key in NUMBERS}
        data["techniques"] = [name for name, box in self.techniques.items() if box.isChecked()]
        problems = self._model.add(data) if self._one is None else self._model.correct(data)
        self.fields.mark(map(field_of, problems))
        self.notes.show_notes(problems_said(self._words, problems))
        self.adjustSize()
        if not problems:
            self.accept()
