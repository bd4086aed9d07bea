"""The page of feedback: verdict, points, both plans side by side, and what to read."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QPixmap
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.workstation.dialogs import tell_refusal
from app.workstation.steps.panel import Notes, button, label, row, table
from app.workstation.style.palette import theme
from app.workstation.words import Words
from imaging.errors import Problem, Refusal
from planning.teaching.feedback import Feedback
from planning.teaching.words import figure_said, said

if TYPE_CHECKING:
    from app.workstation.teaching.tasks import Page

SIZE = QSize(1420, 900)
PICTURE_WIDTH = 760
LEFT_WIDTH = 590
COLUMNS = ("term", "told", "points")


class FeedbackWindow(QDialog):
    """What an answer was worth and why.

    Parameters
    ----------
    parent : QWidget or None
        The window.
    page : Page
        From the worker.
    words : Words
        Of the screen.
    """

    def __init__(self, parent: QWidget | None, page: Page, words: Words) -> None:
        super().__init__(parent)
        self._page, self._words = page, words
        self.setWindowTitle(said("labels", "feedback", words.language))
        self.resize(SIZE)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 16)
        column.setSpacing(10)
        halves = QHBoxLayout()
        halves.setSpacing(16)
        halves.addWidget(self._make_left(page.feedback))
        halves.addWidget(self._make_pictures(), 1)
        column.addLayout(halves, 1)
        line = row(label(words("app.disclaimer"), "hint"))
        line.setStretch(0, 1)
        line.addWidget(button(words("exercise.save_pdf"), self.ask_pdf))
        line.addWidget(button(words("exercise.close"), self.accept, "primary"))
        column.addLayout(line)

    def _make_left(self, told: Feedback) -> QWidget:
        words, language, mark = self._words, self._words.language, told.mark
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 12, 0)
        column.setSpacing(9)
        column.addWidget(label(told.texts(language).title, "title"))
        verdict = "good" if mark.passed else "bad"
        column.addWidget(label(told.verdict.text(language), verdict))
        points = said("labels", "points", language, points=mark.score, of=mark.of,
                      percent=mark.percent, pass_percent=mark.pass_percent)  # fmt: skip
        column.addWidget(label(points, "value"))
        notes = Notes()
        seen = [("warning", said("labels", "seen", language))] if told.seen_reference else []
        notes.show_notes([*seen, *(("bad", one.told.text(language)) for one in told.faults)])
        column.addWidget(notes)
        self.terms = table((words(f"exercise.{key}") for key in COLUMNS), stretched=1)
        self.terms.setWordWrap(True)
        self.terms.setSelectionMode(self.terms.SelectionMode.NoSelection)
        self._show_terms(told)
        column.addWidget(self.terms)
        for key, text in (("yours", told.reasons), ("reference", told.reference_reasons)):
            if text:
                column.addWidget(label(said("labels", key, language), "section"))
                column.addWidget(label(text))
        column.addWidget(label(said("labels", "reading", language), "section"))
        column.addWidget(label(told.guide.text(language), "quiet"))
        for one in told.reading:
            missed = "; ".join(speaks.text(language) for speaks in one.missed)
            head = f"{one.rule}{f' – {missed}' if missed else ''}"
            column.addWidget(label(f"{head}\n{one.text.text(language)}\n{one.source}"))
        column.addStretch(1)
        return _scrolled(inside, LEFT_WIDTH)

    def _show_terms(self, told: Feedback) -> None:
        language = self._words.language
        self.terms.setRowCount(len(told.terms))
        for place, one in enumerate(told.terms):
            points = figure_said(one.term.points, language)
            most = figure_said(one.term.of, language)
            cells = (one.name.text(language), one.told.text(language), f"{points} / {most}")
            for number, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                if one.term.points < one.term.of:
                    item.setForeground(QColor(theme().warning))
                self.terms.setItem(place, number, item)
        self.terms.setColumnWidth(1, LEFT_WIDTH // 2)
        self._fit_rows()
        # how wide the texts may be is known once the columns are laid out
        self.terms.horizontalHeader().sectionResized.connect(lambda *_given: self._fit_rows())

    def _fit_rows(self) -> None:
        self.terms.resizeRowsToContents()
        high = sum(self.terms.rowHeight(n) for n in range(self.terms.rowCount()))
        self.terms.setFixedHeight(high + self.terms.horizontalHeader().sizeHint().height() + 8)

    def _make_pictures(self) -> QWidget:
        language = self._words.language
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 8, 0)
        titles = QHBoxLayout()
        for key in ("yours", "reference"):
            titles.addWidget(label(said("labels", key, language), "section"), 1)
        column.addLayout(titles)
        for path in self._page.pictures:
            shown = QLabel()
            picture = QPixmap(str(path))
            shown.setPixmap(
                picture.scaledToWidth(PICTURE_WIDTH, Qt.TransformationMode.SmoothTransformation)
            )
            shown.setAccessibleName(path.stem)
            column.addWidget(shown)
        column.addStretch(1)
        return _scrolled(inside)

    def ask_pdf(self) -> None:
        """Ask where the page goes."""
        title = self._words("exercise.save_pdf")
        name, _ = QFileDialog.getSaveFileName(self, title, "feedback.pdf", "*.pdf")
        if name:
            self.save_pdf(Path(name))

    def save_pdf(self, path: Path) -> None:
        """Write the page as PDF.

        Parameters
        ----------
        path : Path
            File.
        """
        try:
            shutil.copyfile(self._page.pdf, path)
        except OSError as error:
            message = f"the page cannot be written ({error.strerror}); choose another folder"
            problem = Problem(code="cannot_write", message=message, where=str(path))
            tell_refusal(self, Refusal(problem), self._words)


def _scrolled(inside: QWidget, width: int = 0) -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(inside)
    if width:
        area.setFixedWidth(width)
    return area
