"""Access: which way in, and what was judged unsafe."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QTableWidgetItem

from app.workstation.stages import Activity
from app.workstation.steps.panel import (
    Desk,
    Facts,
    Notes,
    Panel,
    combo,
    fit_height,
    label,
    table,
)
from imaging.errors import Problem
from planning.access.needles import needle_table
from planning.access.posture import Position
from planning.access.request import AccessResult, Proposal
from planning.plan import Case

COLUMNS = ("rank", "depth", "angle", "bone", "nearest", "score")


class AccessPanel(Panel):
    """Ways in.

    Parameters
    ----------
    desk : Desk
        What it works with.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, "access")
        self._needle, self._position = combo(), combo()
        for needle in needle_table():
            self._needle.addItem(self.words.maybe(f"needles.{needle.id}", needle.name), needle.id)
        for position in Position:
            self._position.addItem(self.words(f"positions.{position.value}"), position)
        self.column.addWidget(label(self.words("access.needle"), "quiet"))
        self.column.addWidget(self._needle)
        self.column.addWidget(label(self.words("access.position"), "quiet"))
        self.column.addWidget(self._position)
        self._run = self.add_button("access.run", self._search, "primary")
        self._needs = Notes()
        self.column.addWidget(self._needs)
        self._table = table((self.words(f"access.{key}") for key in COLUMNS), stretched=4)
        self._table.itemSelectionChanged.connect(self._choose)
        self.column.addWidget(self._table)
        self._all = QCheckBox(self.words("access.show_all"))
        self._all.setChecked(self.viewpoint.look.shows_proposals)
        self._all.toggled.connect(lambda on: self.viewpoint.change(shows_proposals=on))
        self.column.addWidget(self._all)
        self._along_heading = self.add_section("access.clearances")
        self._clearances = Facts()
        self.column.addWidget(self._clearances)
        self._unchecked = Notes()
        self.column.addWidget(self._unchecked)
        self._rejected_heading = self.add_section("access.rejected")
        self._rejected = Facts()
        self.column.addWidget(self._rejected)
        self._rows: tuple[Proposal, ...] = ()
        self.finish()

    def show_case(self, case: Case | None) -> None:
        """Show the proposals."""
        access = case.plan.access if case else None
        lacking = []
        if case is None or case.lesion is None:
            lacking.append(("hint", self.words("needs.lesion")))
        if case is None or case.structures is None:
            lacking.append(("hint", self.words("needs.structures")))
        if case is not None:
            lacking += [("bad", self._why_none(one)) for one in case.plan.no_access]
        self._needs.show_notes(lacking)
        self._show_proposals(access, case.plan.chosen if case else None)
        self._unchecked.show_notes(self._unchecked_notes(access))
        rejected = sorted(access.rejected.items(), key=lambda item: -item[1]) if access else []
        total = (
            [
                (self.words("access.tried"), f"{access.candidates:,}".replace(",", "\u202f")),
                (self.words("access.feasible"), f"{access.feasible:,}".replace(",", "\u202f")),
            ]
            if access
            else []
        )
        self._rejected_heading.setVisible(bool(rejected))
        self._rejected.show_rows(
            [
                *total,
                *(
                    (self._reason(name), f"{count:,}".replace(",", "\u202f"))
                    for name, count in rejected
                ),
            ]
        )
        self.show_activity(self.session.activity)

    def show_activity(self, activity: Activity | None) -> None:
        """Let the search start only when it can."""
        case = self.session.case
        ready = case is not None and case.lesion is not None and case.structures is not None
        self._run.setEnabled(ready and not self.session.runs("access"))

    def _show_proposals(self, access: AccessResult | None, chosen: Proposal | None) -> None:
        self._rows = access.proposals if access else ()
        self._table.blockSignals(True)
        self._table.setRowCount(len(self._rows))
        for number, one in enumerate(self._rows):
            self._fill(number, one)
            if chosen is not None and one.rank == chosen.rank:
                self._table.selectRow(number)
        self._table.blockSignals(False)
        fit_height(self._table)
        for widget in (self._table, self._all):
            widget.setVisible(bool(self._rows))
        nearest = sorted(chosen.clearance_mm.items(), key=lambda item: item[1]) if chosen else []
        self._along_heading.setVisible(bool(nearest))
        self._clearances.show_rows(
            (self.words.structure(name), f"{self.words.number(mm)} mm") for name, mm in nearest[:6]
        )

    def _fill(self, number: int, one: Proposal) -> None:
        words = self.words
        near = min(one.clearance_mm.items(), key=lambda item: item[1], default=None)
        nearest = "–" if near is None else f"{words.number(near[1])}  {words.structure(near[0])}"
        cells = (
            str(one.rank),
            f"{words.number(one.length_mm / 10)} cm",
            f"{words.number(one.angle_to_axial_deg, 0)}°",
            f"{words.number(one.bone_mm, 0)} mm",
            nearest,
            words.number(one.score, 2),
        )
        for column, text in enumerate(cells):
            item = QTableWidgetItem(text)
            item.setToolTip(nearest)  # the column is too narrow for long names
            if column not in {4}:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self._table.setItem(number, column, item)

    def _unchecked_notes(self, access: AccessResult | None) -> list[tuple[str, str]]:
        if access is None or not access.not_checked:
            return []
        names = ", ".join(self.words.structure(name) for name in access.not_checked)
        return [("warning", self.words("access.not_checked", names=names))]

    def _why_none(self, problem: Problem) -> str:
        """Return why the search found nothing: a count of ways by reason, or a sentence."""
        count, _, _ = problem.message.partition(" ")
        if count.isdigit() and problem.where:
            reason = self._reason(problem.where)
            return self.words("access.ways_rejected", count=count, reason=reason)
        return self.words.problem(problem)

    def _reason(self, name: str) -> str:
        kind, _, structure = name.partition(":")
        if structure:
            return f"{self.words.maybe(f'reasons.{kind}', kind)} {self.words.structure(structure)}"
        return self.words.maybe(f"reasons.{name}", self.words.structure(name))

    def _search(self) -> None:
        self.session.find_access(self._needle.currentData(), Position(self._position.currentData()))

    def _choose(self) -> None:
        rows = self._table.selectionModel().selectedRows()
        if rows:
            self.session.choose_access(self._rows[rows[0].row()].rank)
