"""The first tour: a few cards that teach the seven steps on a generated case."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import platformdirs
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from app.workstation.stages import Step
from app.workstation.steps.panel import button, label
from app.workstation.words import Words
from imaging.volume import Volume

CARDS: tuple[Step | None, ...] = (None, *Step)
WIDTH, HEIGHT = 440, 270
FROM_CORNER = 36  # pixels from the lower right corner of the window


def tour_folder() -> Path:
    """Return the folder of the generated case of the tour."""
    return Path(platformdirs.user_data_dir("osteoplan", appauthor=False)) / "tour"


class Tour(QDialog):
    """Cards one after the other; each brings the window to its step.

    Parameters
    ----------
    parent : QWidget
        The window.
    words : Words
        Of the screen.
    show_step : callable
        Takes the step that a card speaks of.
    open_case : callable
        Takes nothing; opens a generated case.
    """

    def __init__(
        self,
        parent: QWidget,
        words: Words,
        show_step: Callable[[Step], None],
        open_case: Callable[[], object],
    ) -> None:
        super().__init__(parent)
        self._words, self._show_step, self._open_case = words, show_step, open_case
        self._place = 0
        self.setWindowTitle(words("menus.tour"))
        self.setWindowFlag(Qt.WindowType.Tool)
        self.setFixedSize(WIDTH, HEIGHT)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        self._title = label("", "title")
        self._text = label("")
        column.addWidget(self._title)
        column.addWidget(self._text)
        column.addStretch(1)
        self._case = button(words("tour.open_case"), self._open, "primary")
        column.addWidget(self._case)
        row = QHBoxLayout()
        self._leave = button(words("tour.leave"), self.reject)
        self._back = button(words("tour.back"), lambda: self._go(-1))
        self._next = button(words("tour.next"), lambda: self._go(1))
        self._count = label("", "quiet")
        row.addWidget(self._leave)
        row.addWidget(self._count, 1)
        row.addWidget(self._back)
        row.addWidget(self._next)
        column.addLayout(row)
        self._next.setDefault(True)
        self._show()
        corner = parent.geometry().bottomRight()
        self.move(corner.x() - WIDTH - FROM_CORNER, corner.y() - HEIGHT - FROM_CORNER)

    def leave_for(self, volume: Volume | None) -> None:
        """End the tour when another CT than that of the tour is opened: its cards lie over views.

        Parameters
        ----------
        volume : Volume or None
            What was opened.
        """
        if volume is not None and tour_folder() not in Path(volume.series.path).parents:
            self.reject()

    def _go(self, by: int) -> None:
        self._place += by
        if self._place >= len(CARDS):
            self.accept()
            return
        self._show()

    def _open(self) -> None:
        self._case.setEnabled(False)
        self._open_case()

    def _show(self) -> None:
        words, step = self._words, CARDS[self._place]
        name = "welcome" if step is None else step.value
        self._title.setText(words("tour.welcome_title") if step is None else words(f"steps.{step}"))
        self._text.setText(words(f"tour.{name}"))
        self._case.setVisible(step is None)
        self._count.setText(f"{self._place + 1} / {len(CARDS)}")
        self._back.setEnabled(self._place > 0)
        last = self._place == len(CARDS) - 1
        self._next.setText(words("tour.end" if last else "tour.next"))
        if step is not None:
            self._show_step(step)
