"""The list of ways in: drawn by hand, proposed, and the further ways of the front."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from app.workstation.steps.access_words import corridor_said, nearest_said
from app.workstation.steps.panel import fit_height, table
from app.workstation.style.palette import theme
from app.workstation.words import Words, reason_said
from planning.access.request import AccessResult, Proposal

COLUMNS = ("rank", "depth", "angle", "bone", "nearest", "safe", "corridor", "score")
NEAREST, CORRIDOR = COLUMNS.index("nearest"), COLUMNS.index("corridor")
MOST_ROWS = 11
MARK = "\N{WARNING SIGN}"  # of a provisional way


class WayList(QWidget):
    """Ways to choose from; a click on a heading sorts each group.

    Parameters
    ----------
    words : Words
        Of the screen.
    choose : callable
        Receives the rank of the way that the user selects.
    """

    def __init__(self, words: Words, choose: Callable[[int], None]) -> None:
        super().__init__()
        self._words, self._choose_rank = words, choose
        self._groups: tuple[tuple[Proposal, ...], ...] = ((), (), ())
        self._chosen: int | None = None
        self._sorted: tuple[int, bool] = (0, False)  # column, whether it descends
        self._rows: list[Proposal | None] = []
        self.table: QTableWidget = table(
            (words(f"access.{key}") for key in COLUMNS), stretched=NEAREST
        )
        self.table.setWordWrap(False)
        for column, key in enumerate(COLUMNS):
            heading = self.table.horizontalHeaderItem(column)
            if heading is not None:
                heading.setToolTip(words(f"access_hints.{key}"))
        header = self.table.horizontalHeader()
        header.setSectionsClickable(True)
        header.sectionClicked.connect(self._sort_by)
        self.table.itemSelectionChanged.connect(self._selected)
        column_ = QVBoxLayout(self)
        column_.setContentsMargins(0, 0, 0, 0)
        column_.addWidget(self.table)

    @property
    def ways(self) -> tuple[Proposal | None, ...]:
        """The rows as they are shown; None parts the proposals from the front."""
        return tuple(self._rows)

    def show_ways(
        self, access: AccessResult | None, own: Proposal | None, chosen_rank: int | None
    ) -> None:
        """Show other ways, or another choice.

        Parameters
        ----------
        access : AccessResult or None
            What the search found.
        own : Proposal or None
            Drawn by hand; it is shown first.
        chosen_rank : int or None
            Way that is planned.
        """
        self._groups = (
            () if own is None else (own,),
            () if access is None else access.proposals,
            () if access is None else access.front,
        )
        self._chosen = chosen_rank
        self._fill()

    def _fill(self) -> None:
        column, descends = self._sorted
        own, proposals, front = (
            sorted(group, key=partial(self._key, column), reverse=descends)
            for group in self._groups
        )
        parted: list[Proposal | None] = [None] if front else []
        self._rows = [*own, *proposals, *parted, *front]
        self.table.blockSignals(True)
        self.table.clearSpans()
        self.table.clearSelection()
        self.table.setRowCount(len(self._rows))
        for number, one in enumerate(self._rows):
            if one is None:
                self._fill_parting(number, len(front))
            else:
                self._fill_way(number, one)
                if one.rank == self._chosen:
                    self.table.selectRow(number)
        self.table.blockSignals(False)
        header = self.table.horizontalHeader()
        header.setSortIndicatorShown(column != 0 or descends)
        order = Qt.SortOrder.DescendingOrder if descends else Qt.SortOrder.AscendingOrder
        header.setSortIndicator(column, order)
        fit_height(self.table, MOST_ROWS)
        self.setVisible(bool(self._rows))

    def _fill_parting(self, number: int, count: int) -> None:
        item = QTableWidgetItem(self._words("access.front", count=count))
        item.setFlags(Qt.ItemFlag.NoItemFlags)
        item.setForeground(QBrush(QColor(theme().quiet)))
        item.setToolTip(self._words("access.front_hint"))
        self.table.setItem(number, 0, item)
        self.table.setSpan(number, 0, 1, len(COLUMNS))

    def _fill_way(self, number: int, one: Proposal) -> None:
        words = self._words
        safe = "–" if one.hand is None else f"{words.number(100 * one.hand.safe_fraction, 0)} %"
        is_own = one.rank == 0
        rank = words("access.own_short") if is_own else str(one.rank)
        nearest, corridor = nearest_said(words, one), corridor_said(words, one.corridor)
        cells = (
            f"{rank} {MARK}" if one.provisional else rank,
            words.number(one.length_mm / 10),
            f"{words.number(one.angle_to_axial_deg, 0)}°",
            words.number(one.bone_mm, 0),
            nearest_said(words, one, short=True),
            safe,
            corridor_said(words, one.corridor, "corridors_short"),
            words.number(one.score, 2),
        )
        told = [f"{nearest} mm", corridor]
        if is_own:
            told.insert(0, words("access.own"))
        told += [words(f"provisional.{why}") for why in one.provisional]
        told += [reason_said(words, why) for why in one.against]
        for column, text in enumerate(cells):
            item = QTableWidgetItem(text)
            item.setToolTip("\n".join(told))  # the columns are too narrow for long names
            if column not in {NEAREST, CORRIDOR}:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            if one.against:
                item.setForeground(QBrush(QColor(theme().bad)))
            elif column == 0 and one.provisional:
                item.setForeground(QBrush(QColor(theme().warning)))
            self.table.setItem(number, column, item)

    def _key(self, column: int, one: Proposal) -> float | str:
        safe = -1.0 if one.hand is None else one.hand.safe_fraction
        keys: tuple[float | str, ...] = (
            one.rank,
            one.length_mm,
            abs(one.angle_to_axial_deg),
            one.bone_mm,
            min(one.clearance_mm.values(), default=0.0),
            safe,
            one.corridor or "~",
            one.score,
        )
        return keys[column]

    def _sort_by(self, column: int) -> None:
        """Sort by a column; the same again turns the order, good first where more is better."""
        now, descends = self._sorted
        more_is_better = COLUMNS[column] in {"nearest", "safe", "score"}
        self._sorted = column, (not descends if column == now else more_is_better)
        self._fill()

    def _selected(self) -> None:
        rows = self.table.selectionModel().selectedRows()
        way = self._rows[rows[0].row()] if rows else None
        if way is not None:
            self._choose_rank(way.rank)
