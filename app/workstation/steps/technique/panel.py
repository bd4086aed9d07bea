"""Technique and doses: the consultation's questions, and beside them what the rules make of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.workstation.steps.panel import Desk, Notes, Panel, button, row
from app.workstation.steps.technique.advice import Advice
from app.workstation.steps.technique.changes import changes_text
from app.workstation.steps.technique.form import Form
from app.workstation.steps.technique.side import SideField
from app.workstation.steps.technique.source import SourceCard
from imaging.errors import Problem, Refusal
from planning.measured_answers import completed_answers, flat_answers
from planning.plan import Case
from planning.side_check import Side
from planning.teaching.exercise import Visible
from planning.technique.answers import Answers, answers_from
from planning.technique.engine import recommend
from planning.technique.explanation import explain
from planning.technique.recommendation import Recommendation
from planning.technique.tables import tables
from planning.technique.what_if import what_if

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
        self._notes = Notes()
        self.side = SideField(self.words, self._state_side)
        self.trial = button(self.words("technique.try"), self._toggle_trial)
        self.trial.setCheckable(True)
        self.trial.setToolTip(self.words("technique.try_hint"))
        first = QWidget()
        above = QVBoxLayout(first)
        above.setContentsMargins(0, 0, 0, 0)
        above.addWidget(self._notes)
        above.addWidget(self.trial)
        above.addWidget(self.side)
        self.form = Form(self.words, first)
        self.fields = self.form.fields
        self.form.answered.connect(self._changed)
        self.advice = Advice(self.words)
        self.advice.asked_rule.connect(self._show_rule)
        self.advice.asked_question.connect(self.form.reach)
        self.source = SourceCard(self.words)
        self._export = button(self.words("technique.export"), self._ask_export)
        self._print = button(self.words("technique.print"), self._ask_print)
        right = QWidget()
        beside = QVBoxLayout(right)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.addWidget(_scrolled(self.advice), 1)
        beside.addWidget(self.source)
        beside.addLayout(row(self._export, self._print))
        self.withhold(Visible.RECOMMENDATION, right, self.trial)
        halves = QHBoxLayout()
        halves.setSpacing(16)
        halves.addWidget(_scrolled(self.form), 11)
        halves.addWidget(right, 10)
        self.column.addLayout(halves, SHARE_OF_HALVES)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DEBOUNCE_MS)
        self._timer.timeout.connect(self.apply)
        self._applies = False
        self._judged: Answers | None = None
        self.finish()

    def release(self) -> None:
        """Stop observing; what was typed last is applied first."""
        if self._timer.isActive():
            self._timer.stop()
            self.apply()
        super().release()

    # Answers

    def apply(self) -> None:
        """Give the answers to the rules; what they refuse is marked at its field."""
        self.form.show_wrong({})
        case = self.session.case
        try:
            answers = answers_from(self._answers())
            if self.trial.isChecked() and case is not None:
                self._show_trial(case, answers)
                return
        except Refusal as refusal:
            self._show_refused(refusal.problems)
            return
        before = case.plan.judged if case is not None else None
        self._applies = True
        problems = self.session.answer(answers)
        self._applies = False
        self._show_refused(problems)
        if not problems:
            self._show_changes(before)

    def _answers(self) -> dict[str, Any]:
        """Return what the form holds, with what has a place of its own."""
        case = self.session.case
        kept = case.plan.answers.side_confirmed if case is not None else None
        found = self.form.answers()
        return found if kept is None else {**found, "side_confirmed": kept}

    def _changed(self) -> None:
        self._timer.start()

    def _show_changes(self, before: Answers | None) -> None:
        after = self.session.case.plan.judged if self.session.case is not None else None
        if before is None or after is None or before == after:
            return
        found = what_if(before, after, self.words.language)
        self.advice.show_changes(changes_text(found, self.words))

    def _show_refused(self, problems: tuple[Problem, ...]) -> None:
        self._notes.show_problems(problems, self.words, "bad")
        wrong = {}
        for problem in problems:
            place = problem.where.rpartition(": ")[2]
            key = place if place in self.fields else place.partition(".")[0]
            wrong[key] = self.words.problem(problem)
        self.form.show_wrong(wrong)

    # What if

    def _toggle_trial(self) -> None:
        """Begin to try answers without keeping them, or come back to those that are kept."""
        if self.trial.isChecked():
            self._notes.show_notes([("warning", self.words("technique.trying"))])
            return
        self._notes.show_notes(())
        self.advice.show_changes("")
        self.show_case(self.session.case)

    def _show_trial(self, case: Case, answers: Answers) -> None:
        complete = completed_answers(case, answers)
        kept = case.plan.judged or completed_answers(case, case.plan.answers)
        advice = recommend(complete, self.words.language)
        self._show_advice(advice, complete)
        found = what_if(kept, complete, self.words.language)
        told = changes_text(found, self.words) or self.words("technique.changes_nothing")
        self.advice.show_changes(told)
        self.form.show_state(self._measured(case), advice.missing, has_case=True)

    # What is shown

    def show_case(self, case: Case | None) -> None:
        """Show answers, what the CT says, and the recommendation."""
        self.side.show_case(case)
        for widget in (self._export, self._print, self.trial):
            widget.setEnabled(case is not None)
        if case is None:
            self._show_advice(None, None)
            self.form.show_state({}, (), has_case=False)
            return
        if self.trial.isChecked():
            return
        advice = self._in_words(case)
        self._show_advice(advice, case.plan.judged)
        if not self._applies:
            self.form.show_answers(flat_answers(case.plan.answers))
        missing = (advice or recommend(self._by_ct(case))).missing
        self.form.show_state(self._measured(case), missing, has_case=True)
        if case.plan.recommendation is None and not self._applies and self._is_worth_judging(case):
            self._timer.start()
        if advice is not None and advice.tables_version != tables().version:
            self._notes.show_notes([("warning", self.words("technique.other_tables"))])

    def _show_advice(self, advice: Recommendation | None, judged: Answers | None) -> None:
        self._judged = judged
        self.advice.show_recommendation(advice, judged)
        if advice is None:
            self.source.hide()

    def _by_ct(self, case: Case) -> Answers:
        try:
            return completed_answers(case, Answers())
        except Refusal:
            return Answers()

    def _measured(self, case: Case) -> dict[str, Any]:
        return flat_answers(self._by_ct(case))

    def _in_words(self, case: Case) -> Recommendation | None:
        """Return the case's recommendation with its sentences in the language of the screen."""
        kept = case.plan.recommendation
        same_tables = kept is not None and kept.tables_version == tables().version
        if kept is None or self.words.language == "en" or not same_tables:
            return kept
        return recommend(case.plan.judged or case.plan.answers, self.words.language)

    def _is_worth_judging(self, case: Case) -> bool:
        """Tell whether there are answers, or a result whose change took the recommendation away."""
        return bool(case.plan.answers.model_dump(exclude_none=True)) or bool(case.plan.simulation)

    def _show_rule(self, rule_id: str, technique: str) -> None:
        rows = explain(self._judged, self.words.language) if self._judged is not None else ()
        about = [
            one
            for one in rows
            if one.rule == rule_id and (one.technique or "") in (technique, technique or "")
        ]
        self.source.show_rule(rule_id, about)

    # Side, print, export

    def _state_side(self, side: Side | None) -> tuple[Problem, ...]:
        level = self.fields["level"].value()
        return self.session.consulting.state_side(side, level if isinstance(level, str) else None)

    def _ask_export(self) -> None:
        title = self.words("technique.export")
        name, _ = QFileDialog.getSaveFileName(self, title, "proposal.pdf", "*.pdf")
        if name:
            self.export(Path(name))

    def export(self, path: Path) -> None:
        """Write the proposal as PDF, once side and level are confirmed.

        Parameters
        ----------
        path : Path
            File.
        """
        problems = self.session.consulting.export_proposal(path, self.words.language)
        if problems:
            self._notes.show_problems(problems, self.words, "bad")
        else:
            written = self.words("report.written", names=path.name)
            self._notes.show_notes([("good", written)])

    def _ask_print(self) -> None:
        from app.workstation.steps.technique.printing import print_proposal

        problems = self.session.consulting.not_to_be_exported()
        if problems:
            self._notes.show_problems(problems, self.words, "bad")
        elif self.session.case is not None:
            print_proposal(self, self.session.case, self.words.language)


def _scrolled(inside: QWidget) -> QScrollArea:
    """Return a widget that scrolls by itself, so that the advice stays beside the questions."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(inside)
    return area
