"""The window of follow-up: the treatments of a lesion, their visits, and what became of them."""

from __future__ import annotations

from typing import get_args

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QListWidget,
    QPushButton,
    QScrollArea,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.workstation.follow_up.model import COMMAND, FollowUp
from app.workstation.follow_up.said import (
    next_said,
    outcome_rows,
    problems_said,
    treatment_said,
    visit_cells,
)
from app.workstation.follow_up.treatment_form import TreatmentForm
from app.workstation.follow_up.visit_form import VisitForm
from app.workstation.session import Session
from app.workstation.stages import Topic
from app.workstation.steps.curves import Line, LinesPlot
from app.workstation.steps.panel import (
    Facts,
    Notes,
    button,
    combo,
    fit_height,
    label,
    row,
    table,
)
from app.workstation.words import Words
from planning.follow_up.outcome import SUCCESS_PERCENT
from planning.follow_up.records import EventKind, Treatment
from planning.plan import Case

SIDE_WIDTH = 350
SIZE = QSize(1240, 830)
PLOT_HEIGHT = 128
MOST_VAS = 10.5
LEAST_OPIOID_MG = 10.0  # of the axis
COLUMNS = ("occasion", "date", "vas", "fall", "sri", "opioid", "who", "complication")


class FollowUpWindow(QDialog):
    """Treatments of the lesion that is looked at.

    Parameters
    ----------
    parent : QWidget or None
        The workstation's window.
    session : Session
        The open case.
    words : Words
        Of the screen.
    """

    def __init__(self, parent: QWidget | None, session: Session, words: Words) -> None:
        super().__init__(parent)
        self._session, self._words = session, words
        self.model = FollowUp(session)
        self.setWindowTitle(words("follow_up.title"))
        self.resize(SIZE)
        columns = QHBoxLayout(self)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(0)
        columns.addWidget(self._make_side())
        columns.addWidget(self._make_visits(), 1)
        for keys, act in (("Ctrl+Z", session.undo), ("Ctrl+Shift+Z", session.redo)):
            QShortcut(QKeySequence(keys), self).activated.connect(act)
        self._unsubscribe = session.subscribe(Topic.CASE, self._show_case)
        self.finished.connect(lambda _result: self._unsubscribe())
        self._show_case(session.case)
        self.visit_form.show_next()
        for one in self.findChildren(QPushButton):
            one.setAutoDefault(False)  # the Enter key belongs to the fields
        if self.model.chosen is None:
            self._add.setFocus()
        else:
            self.visit_form.begin()

    def _make_side(self) -> QWidget:
        words = self._words
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(18, 16, 16, 16)
        column.setSpacing(9)
        self._title = label("", "title")
        column.addWidget(self._title)
        column.addWidget(label(words("follow_up.hint"), "hint"))
        self.list = QListWidget()
        self.list.setAccessibleName(words("follow_up.treatments"))
        self.list.setFixedHeight(96)
        self.list.currentRowChanged.connect(self._choose)
        column.addWidget(self.list)
        self._add = button(words("follow_up.add_treatment"), self.add_treatment, "primary")
        column.addWidget(self._add)
        self._correct = button(words("follow_up.correct"), self.correct_treatment)
        self._remove = button(words("follow_up.remove"), self.remove_treatment)
        column.addLayout(row(self._correct, self._remove))
        self._next = Notes()
        column.addWidget(self._next)
        self._outcome_heading = label(words("follow_up.outcome"), "section")
        column.addWidget(self._outcome_heading)
        self._outcome = Facts()
        column.addWidget(self._outcome)
        column.addWidget(self._make_events())
        column.addStretch(1)
        self.undo = button(words("follow_up.undo"), self._session.undo)
        column.addWidget(self.undo)
        return _scrolled(inside, SIDE_WIDTH)

    def _make_events(self) -> QWidget:
        words = self._words
        self._events = QWidget()
        column = QVBoxLayout(self._events)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(7)
        column.addWidget(label(words("follow_up.afterwards"), "section"))
        self.kind = combo()
        self.kind.setAccessibleName(words("follow_up.afterwards"))
        for kind in get_args(EventKind):
            self.kind.addItem(words(f"follow_up.events.{kind}"), kind)
        self.event_date = QLineEdit()
        self.event_date.setAccessibleName(words("follow_up.fields.date"))
        self.event_date.setPlaceholderText(words("follow_up.date_hint"))
        self.event_date.returnPressed.connect(self.record_event)
        column.addWidget(self.kind)
        column.addWidget(self.event_date)
        self._event_notes = Notes()
        self._event_notes.hide()
        column.addWidget(self._event_notes)
        column.addLayout(
            row(
                button(words("follow_up.record_event"), self.record_event),
                button(words("follow_up.remove_event"), self.remove_event),
            )
        )
        return self._events

    def _make_visits(self) -> QWidget:
        words = self._words
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(18, 16, 18, 16)
        column.setSpacing(9)
        column.addWidget(label(words("follow_up.visits"), "section"))
        names = [words(f"follow_up.columns.{name}") for name in COLUMNS]
        self.visits = table(names, stretched=len(COLUMNS) - 1)
        header = self.visits.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self.visits.itemSelectionChanged.connect(self._show_visit)
        column.addWidget(self.visits)
        self.visit_form = VisitForm(self.model, words)
        self.visit_form.recorded.connect(self._after_recording)
        column.addWidget(self.visit_form)
        days = words("follow_up.days_after")
        self._vas = LinesPlot(words, days, "", height=PLOT_HEIGHT, marks_points=True)
        self._opioid = LinesPlot(words, days, "", height=PLOT_HEIGHT, marks_points=True)
        column.addWidget(self._vas)
        column.addWidget(self._opioid)
        column.addStretch(1)
        return _scrolled(inside)

    # What the user does

    def add_treatment(self) -> TreatmentForm:
        """Ask for another treatment."""
        return self._ask(None)

    def correct_treatment(self) -> None:
        """Ask what is to be changed of the treatment that is shown."""
        if self.model.chosen is not None:
            self._ask(self.model.chosen)

    def _ask(self, one: Treatment | None) -> TreatmentForm:
        form = TreatmentForm(self, self.model, self._words, one)
        form.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        form.accepted.connect(self._after_recording)
        form.open()
        return form

    def remove_treatment(self) -> None:
        """Take the treatment that is shown back; it can be undone."""
        self.model.remove()
        self._show_case(self._session.case)
        self.visit_form.show_next()

    def record_event(self) -> None:
        """Record what happened afterwards."""
        day = self.event_date.text().strip()
        problems = self.model.record_event(self.kind.currentData(), day)
        self._event_notes.show_notes(problems_said(self._words, problems))
        if not problems:
            self.event_date.clear()
            self._after_recording()

    def remove_event(self) -> None:
        """Take an event of the chosen kind back."""
        problems = self.model.remove(kind=self.kind.currentData())
        self._event_notes.show_notes(problems_said(self._words, problems))

    def _after_recording(self) -> None:
        self._show_case(self._session.case)
        self.visit_form.show_next()
        self.visit_form.begin()

    def _choose(self, place: int) -> None:
        if place >= 0 and place + 1 != self.model.number:
            self.model.choose(place + 1)
            self._show_chosen()
            self.visit_form.show_next()

    def _show_visit(self) -> None:
        one, rows = self.model.chosen, self.visits.selectionModel().selectedRows()
        if one is None or not rows:
            return
        occasion = one.visits[rows[0].row()].occasion
        self.visit_form.occasion.setCurrentIndex(self.visit_form.occasion.findData(occasion))

    # What the session tells

    def _show_case(self, case: Case | None) -> None:
        self.setEnabled(case is not None)
        number, name = (0, "") if case is None else (case.plan.number, case.plan.name)
        self._title.setText(self._words("follow_up.of_lesion", number=number, name=name).strip())
        self.list.blockSignals(True)
        self.list.clear()
        for one in self.model.treatments:
            self.list.addItem(treatment_said(self._words, one))
        self.model.number = min(max(self.model.number, 1), max(len(self.model.treatments), 1))
        self.list.setCurrentRow(self.model.number - 1 if self.model.treatments else -1)
        self.list.blockSignals(False)
        self._show_chosen()

    def _show_chosen(self) -> None:
        one, found, words = self.model.chosen, self.model.outcome, self._words
        is_there = one is not None
        for widget in (self._correct, self._remove, self._events):
            widget.setEnabled(is_there)
        self._outcome_heading.setVisible(is_there)
        read_only = self._session.keeper.read_only
        unsaved = [("bad", words("follow_up.read_only"))] if read_only else []
        if one is None or found is None:
            self._outcome.show_rows(())
            self._next.show_notes([*unsaved, ("hint", words("follow_up.none"))])
        else:
            self._outcome.show_rows(outcome_rows(words, one, found))
            self._next.show_notes([*unsaved, next_said(words, self.model.schedule)])
        self.undo.setEnabled(self._session.undo_name == COMMAND)
        self._show_visits(one)
        self._show_lines(one)
        self.visit_form.show_occasion()

    def _show_visits(self, one: Treatment | None) -> None:
        found = self.model.outcome
        judged = {} if found is None else {row.occasion: row for row in found.visits}
        self.visits.blockSignals(True)
        self.visits.setRowCount(0 if one is None else len(one.visits))
        for place, visit in enumerate(() if one is None else one.visits):
            cells = visit_cells(self._words, visit, judged.get(visit.occasion))
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                self.visits.setItem(place, column, item)
        self.visits.blockSignals(False)
        fit_height(self.visits, 7)

    def _show_lines(self, one: Treatment | None) -> None:
        vas, opioid = [], []
        for visit in () if one is None else one.visits:
            if one is None or visit.date is None:
                continue
            day = float(max((visit.date - one.date).days, 0))
            if visit.vas is not None:
                vas.append((day, visit.vas))
            if visit.opioid_mg_day is not None:
                opioid.append((day, visit.opioid_mg_day))
        last = max((day for day, _ in (*vas, *opioid)), default=0.0)
        most = max(1.05 * max((dose for _, dose in opioid), default=0.0), LEAST_OPIOID_MG)
        pain = _line(self._words("follow_up.vas_0_10"), vas)
        self._vas.show_lines((pain, *self._half(last)), (0.0, MOST_VAS), last)
        dose = _line(self._words("follow_up.columns.opioid"), opioid)
        self._opioid.show_lines((dose,), (0.0, most), last)

    def _half(self, last: float) -> tuple[Line, ...]:
        """Return the line that the pain has to stay at or below, where day 0 is known."""
        found = self.model.outcome
        if found is None or not found.baseline_vas or not last:
            return ()
        half = found.baseline_vas * (1 - SUCCESS_PERCENT / 100)
        return (Line(self._words("follow_up.half"), (0.0, last), (half, half)),)


def _line(name: str, points: list[tuple[float, float]]) -> Line:
    return Line(name, tuple(day for day, _ in points), tuple(value for _, value in points))


def _scrolled(inside: QWidget, width: int | None = None) -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(inside)
    if width is not None:
        area.setFixedWidth(width)
    return area
