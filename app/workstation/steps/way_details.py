"""Why a way in is what it is: warnings, figures for the table, what it crosses, its score."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from app.workstation.steps.access_words import (
    corridor_said,
    crossed_said,
    figures_said,
    terms_of_score,
)
from app.workstation.steps.panel import Facts, Notes, empty, label
from app.workstation.style.palette import theme
from app.workstation.words import Words, reason_said
from planning.access.needles import needle_named
from planning.access.request import Proposal

NEAREST_SHOWN = 6
NOT_CLEARED = "not_cleared"  # asks for a look at the slices, not for another CT
NAMES_WIDTH = 190
POOR, FAIR = 0.34, 0.67  # of a term, below which its bar is red, and blue


class Bar(QWidget):
    """A share from 0 to 1.

    Parameters
    ----------
    share : float
        Length of the bar.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self._share = min(max(share, 0.0), 1.0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a low, wide size."""
        return QSize(120, 14)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the bar on its whole length."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        whole = QRectF(0, 3, self.width(), 8)
        painter.setBrush(QColor(theme().line))
        painter.drawRoundedRect(whole, 4, 4)
        colour = (
            theme().bad
            if self._share < POOR
            else theme().accent
            if self._share < FAIR
            else theme().good
        )
        painter.setBrush(QColor(colour))
        painter.drawRoundedRect(QRectF(0, 3, max(self._share * self.width(), 3.0), 8), 4, 4)
        painter.end()


class TermBars(QWidget):
    """The terms of a score, each with its bar, its weight and the reason.

    Parameters
    ----------
    words : Words
        Of the screen.
    """

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._words = words
        self.setObjectName("card")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(12, 8, 12, 10)
        self._grid.setHorizontalSpacing(10)
        self._grid.setVerticalSpacing(1)
        self._grid.setColumnStretch(1, 1)

    def show_way(self, way: Proposal, kind: str) -> None:
        """Show the terms of another way.

        Parameters
        ----------
        way : Proposal
            As judged.
        kind : str
            Of the needle.
        """
        empty(self._grid)
        words = self._words
        for number, (wish, weight, value) in enumerate(terms_of_score(way, kind)):
            name = words.maybe(f"wishes.{wish.id}", wish.id.replace("_", " "))
            said = words("access.times") if weight == 0 else f"{words.number(100 * weight, 0)} %"
            why = label(words.maybe(f"wish_reasons.{wish.id}", wish.why), "hint")
            share = label(f"{words.number(value, 2)}", "value")
            share.setAlignment(Qt.AlignmentFlag.AlignRight)
            counted = label(said, "quiet")
            counted.setAlignment(Qt.AlignmentFlag.AlignRight)
            counted.setToolTip(words("access.weight"))
            title = label(name)
            title.setMinimumWidth(118)
            self._grid.addWidget(title, 2 * number, 0)
            self._grid.addWidget(Bar(value), 2 * number, 1)
            self._grid.addWidget(share, 2 * number, 2)
            self._grid.addWidget(counted, 2 * number, 3)
            self._grid.addWidget(why, 2 * number + 1, 0, 1, 4)


class WayDetails(QWidget):
    """All that is known of one way.

    Parameters
    ----------
    words : Words
        Of the screen.
    """

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._words = words
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(7)
        self._title = label("", "section")
        self._warnings = Notes()
        self._table_heading = label(words("access.at_table"), "section")
        self._table = Facts(NAMES_WIDTH)
        self._clearance_heading = label(words("access.clearances"), "section")
        self._clearances = Facts(NAMES_WIDTH)
        self._crossed_heading = label(words("access.crossed"), "section")
        self._crossed = Facts(NAMES_WIDTH)
        self._terms_heading = label("", "section")
        self._terms = TermBars(words)
        for widget in (
            self._title,
            self._warnings,
            self._table_heading,
            self._table,
            self._clearance_heading,
            self._clearances,
            self._crossed_heading,
            self._crossed,
            self._terms_heading,
            self._terms,
        ):
            column.addWidget(widget)
        self._shown: Proposal | None = None

    def show_way(self, way: Proposal | None, needle_id: str | None) -> None:
        """Show another way.

        Parameters
        ----------
        way : Proposal or None
            None shows nothing.
        needle_id : str or None
            Of the way; None is the first trocar of the table.
        """
        self.setVisible(way is not None)
        if way is None or way is self._shown:
            self._shown = way
            return
        self._shown = way
        words = self._words
        name = words("access.own") if way.rank == 0 else words("access.path", rank=way.rank)
        corridor = corridor_said(words, way.corridor)
        self._title.setText(name if corridor == "–" else f"{name} – {corridor}")
        notes = [("bad", f"{reason_said(words, one)}") for one in way.against]
        if way.provisional:
            why = [words(f"provisional.{one}") for one in way.provisional if one != NOT_CLEARED]
            if why:
                notes.append(("warning", words("access.provisional", why=" ".join(why))))
            if NOT_CLEARED in way.provisional:
                notes.append(("warning", words(f"provisional.{NOT_CLEARED}")))
        self._warnings.show_notes(notes)
        rows = [] if way.table is None else figures_said(words, way.table)
        if way.cortex_angle_deg is not None:
            rows.append((words("access.cortex"), f"{words.number(way.cortex_angle_deg, 0)}°"))
        if way.hand is not None:
            said = words(
                "access.hand_said",
                safe=words.number(100 * way.hand.safe_fraction, 0),
                hit=words.number(100 * way.hand.hit_fraction, 0),
                angle=words.number(way.hand.angle_deg, 0),
                offset=words.number(way.hand.offset_mm, 0),
            )
            rows.append((words("access.hand"), said))
        self._table.show_rows(rows)
        self._table_heading.setVisible(bool(rows))
        nearest = sorted(way.clearance_mm.items(), key=lambda item: item[1])[:NEAREST_SHOWN]
        self._clearances.show_rows(
            (words.structure(one), f"{words.number(mm)} mm") for one, mm in nearest
        )
        self._clearance_heading.setVisible(bool(nearest))
        crossed = crossed_said(words, way)
        self._crossed.show_rows(crossed)
        self._crossed_heading.setVisible(bool(crossed))
        self._terms_heading.setText(words("access.why", score=words.number(way.score, 2)))
        self._terms.show_way(way, needle_named(needle_id).kind)
