"""The pages of the report as they will be."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QDialog, QLabel, QScrollArea, QVBoxLayout, QWidget

from app.workstation.words import Words

WIDTH, HEIGHT = 860, 900


class PreviewDialog(QDialog):
    """Pages one below the other.

    Parameters
    ----------
    parent : QWidget
        The window.
    pages : tuple of bytes
        PNG.
    words : Words
        Of the screen.
    """

    def __init__(self, parent: QWidget, pages: tuple[bytes, ...], words: Words) -> None:
        super().__init__(parent)
        self.setWindowTitle(words("report.preview_title", count=len(pages)))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(WIDTH, HEIGHT)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setSpacing(14)
        for number, page in enumerate(pages, start=1):
            picture = QPixmap()
            picture.loadFromData(page)
            shown = QLabel()
            shown.setPixmap(picture)
            shown.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            shown.setAccessibleName(f"{number} / {len(pages)}")
            column.addWidget(shown)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(inside)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(area)
