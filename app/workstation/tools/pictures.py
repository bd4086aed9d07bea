"""Pictures of the views with legend, scale, side and the planning-aid mark; never an identity."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor, QCursor, QGuiApplication, QPainter, QPixmap
from PySide6.QtWidgets import QFileDialog, QWidget

from app.workstation.style.palette import INK, QUIET, SURFACE, WARNING
from app.workstation.tools.capture import pixmap_png, write_png
from imaging.errors import Refusal
from planning.side import side_by_image, side_holds, side_said
from planning.store import Picture

if TYPE_CHECKING:
    from app.workstation.window import Window

STRIP = 44  # pixels below the picture
NAME_FORMAT = "capture-%Y%m%d-%H%M%S"


class Pictures:
    """Captures what is seen: into the report, to the clipboard, to a file.

    Parameters
    ----------
    window : Window
        With the views.
    """

    def __init__(self, window: Window) -> None:
        self._window = window

    def keep_view(self) -> None:
        """Keep a picture of the view under the pointer in the plan, for its report."""
        self._keep(self.view_under_pointer())

    def keep_all(self) -> None:
        """Keep a picture of all views in the plan, for its report."""
        self._keep(None)

    def copy_view(self) -> None:
        """Copy a picture of the view under the pointer to the clipboard."""
        QGuiApplication.clipboard().setPixmap(self.picture(self.view_under_pointer()))
        self._window.say(self._window.words("pictures.copied"))

    def ask_file(self) -> None:
        """Ask for a file and write a picture of the view under the pointer into it."""
        view = self.view_under_pointer()
        words = self._window.words
        title = words("menus.picture_file")
        name, _ = QFileDialog.getSaveFileName(self._window, title, "view.png", "*.png")
        if not name:
            return
        try:
            write_png(pixmap_png(self.picture(view)), Path(name))
        except Refusal as refusal:
            self._window.tell_refusal(refusal)
            return
        self._window.say(words("report.written", names=Path(name).name))

    def _keep(self, view: QWidget | None) -> None:
        session, words = self._window.session, self._window.words
        if session.case is None:
            return
        reporting = session.reporting
        name = f"{datetime.now(UTC):{NAME_FORMAT}}-{len(reporting.pictures) + 1}.png"
        reporting.keep_picture(Picture(name, pixmap_png(self.picture(view))))
        self._window.say(words("pictures.kept", name=name))

    def view_under_pointer(self) -> QWidget | None:
        """Return the view that the pointer is over; None where it is over none."""
        board = self._window.board
        place = board.mapFromGlobal(QCursor.pos())
        return next(
            (one for one in board.shown_views() if self._on_board(one).contains(place)), None
        )

    def _on_board(self, view: QWidget) -> QRect:
        """Return where a view lies on the board, which may hold it in a frame of its own."""
        return QRect(view.mapTo(self._window.board, QPoint(0, 0)), view.size())

    def picture(self, view: QWidget | None) -> QPixmap:
        """Return a picture of a view, or of all of them, with the strip that says what it is.

        Parameters
        ----------
        view : QWidget or None
            None takes all views.

        Returns
        -------
        QPixmap
            Without anything that names the patient.
        """
        board = self._window.board
        whole = QPixmap()
        whole.loadFromData(board.png())
        ratio = whole.width() / max(board.width(), 1)
        if view is not None:
            place = self._on_board(view)
            corner = QPoint(round(place.x() * ratio), round(place.y() * ratio))
            size = place.size() * ratio
            whole = whole.copy(QRect(corner, size))
        made = QPixmap(whole.width(), whole.height() + STRIP)
        made.fill(QColor(SURFACE))
        painter = QPainter(made)
        painter.drawPixmap(0, 0, whole)
        self._paint_strip(painter, QRect(12, whole.height(), whole.width() - 24, STRIP))
        painter.end()
        return made

    def _paint_strip(self, painter: QPainter, place: QRect) -> None:
        words, case = self._window.words, self._window.session.case
        upper = place.adjusted(0, 4, 0, -STRIP // 2)
        lower = place.adjusted(0, STRIP // 2, 0, -4)
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(WARNING))
        painter.drawText(lower, left, words("app.disclaimer"))
        painter.setPen(QColor(QUIET))
        painter.drawText(upper, right, f"Osteoplan · {datetime.now().astimezone():%Y-%m-%d}")
        if case is None:
            return
        seen = side_by_image(case)
        parts = [words("lesion.number", number=case.plan.number)]
        parts += [side_said(seen, words.language)] if seen is not None else []
        if not side_holds(case):
            parts.append(words("pictures.side_open"))
        painter.setPen(QColor(INK))
        painter.drawText(upper, left, " · ".join(parts))
