"""Technique and doses: the consultation's questions, and beside them what the rules make of it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.workstation.steps.advice import Advice
from app.workstation.steps.panel import Desk, Notes, Panel, label
from app.workstation.steps.questions import GROUPS, NESTED, DrugList, Question, form
from imaging.errors import Refusal
from planning.measured_answers import completed_answers
from planning.plan import Case
from planning.technique.answers import Answers, answers_from
from planning.technique.engine import recommend
from planning.technique.recommendation import Recommendation

SHARE_OF_HALVES = 100  # of the panel's height, against the stretch below
DEBOUNCE_MS = 120  # after the last key, before the rules run


class TechniquePanel(Panel):
    """The questionnaire and the recommendation.

    Parameters
    ----------
    desk : Desk
        What it works with.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, "technique")
        self.fields: dict[str, Question | DrugList] = {}
        self._refused = Notes()
        halves = QHBoxLayout()
        halves.setSpacing(16)
        questions = QWidget()
        asked = QVBoxLayout(questions)
        asked.setContentsMargins(0, 0, 6, 0)
        asked.setSpacing(6)
        asked.addWidget(self._refused)
        for group, keys in GROUPS.items():
            asked.addWidget(label(self.words(f"groups.{group}"), "section"))
            holder, fields = form(keys, self.words, self._changed)
            asked.addWidget(holder)
            self.fields.update({field.key: field for field in fields})
        asked.addStretch(1)
        self.advice = Advice(self.words)
        halves.addWidget(_scrolled(questions), 11)
        halves.addWidget(_scrolled(self.advice), 10)
        self.column.addLayout(halves, SHARE_OF_HALVES)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DEBOUNCE_MS)
        self._timer.timeout.connect(self.apply)
        self._applies = False
        self.finish()

    def release(self) -> None:
        """Stop observing; what was typed last is applied first."""
        if self._timer.isActive():
            self._timer.stop()
            self.apply()
        super().release()

    def apply(self) -> None:
        """Give the answers to the rules; what they refuse is marked at its field."""
        for field in self.fields.values():
            field.show_wrong("")
        try:
            answers = answers_from(self._answers())
        except Refusal as refusal:
            self._show_refused(refusal.problems)
            return
        self._applies = True
        problems = self.session.answer(answers)
        self._applies = False
        self._show_refused(problems)

    def show_case(self, case: Case | None) -> None:
        """Show answers, what the CT says, and the recommendation."""
        for field in self.fields.values():
            field.setEnabled(case is not None)
        if case is None:
            self.advice.show_recommendation(None)
            return
        self.advice.show_recommendation(self._in_words(case))
        said = _flat(case.plan.answers)
        try:
            measured = _flat(completed_answers(case, Answers()))
        except Refusal:
            measured = {}
        for key, field in self.fields.items():
            if not self._applies:
                field.show_value(said.get(key))
            field.show_measured(measured.get(key))
        if case.plan.recommendation is None and not self._applies and self._is_worth_judging(case):
            self._timer.start()

    def _in_words(self, case: Case) -> Recommendation | None:
        """Return the case's recommendation with its sentences in the language of the screen."""
        if case.plan.recommendation is None or self.words.language == "en":
            return case.plan.recommendation
        return recommend(completed_answers(case, case.plan.answers), self.words.language)

    def _is_worth_judging(self, case: Case) -> bool:
        """Tell whether there are answers, or a result whose change took the recommendation away."""
        return bool(case.plan.answers.model_dump(exclude_none=True)) or bool(case.plan.simulation)

    def _changed(self) -> None:
        self._timer.start()

    def _answers(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, field in self.fields.items():
            value = field.value()
            if value is None:
                continue
            outer, _, inner = key.partition(".")
            if outer in NESTED:
                found.setdefault(outer, {})[inner] = value
            else:
                found[outer] = value
        return found

    def _show_refused(self, problems: tuple[Any, ...]) -> None:
        self._refused.show_problems(problems, self.words, "bad")
        for problem in problems:
            place = problem.where.rpartition(": ")[2]
            field = self.fields.get(place) or self.fields.get(place.partition(".")[0])
            if field is not None:
                field.show_wrong(self.words.problem(problem))


def _scrolled(inside: QWidget) -> QScrollArea:
    """Return a widget that scrolls by itself, so that the advice stays beside the questions."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(inside)
    return area


def _flat(answers: Answers) -> dict[str, Any]:
    """Return answers with dotted keys, as the fields are named."""
    flat: dict[str, Any] = {}
    for key, value in answers.model_dump(mode="json").items():
        if key in NESTED and isinstance(value, dict):
            flat.update({f"{key}.{inner}": one for inner, one in value.items()})
        else:
            flat[key] = value
    return flat
