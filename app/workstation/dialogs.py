"""Windows that ask or tell: refusals with every problem, the choice of a series."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QVBoxLayout,
    QWidget,
)

from app.workstation.stages import Choice
from app.workstation.words import Words
from imaging.dicom.thumbnail import THUMBNAIL_PIXELS
from imaging.errors import Refusal


def tell_refusal(parent: QWidget, refusal: Refusal, words: Words) -> QMessageBox:
    """Tell every problem of a refusal; nothing that was open is lost.

    Parameters
    ----------
    parent : QWidget
        The window.
    refusal : Refusal
        Why.
    words : Words
        Of the screen.

    Returns
    -------
    QMessageBox
        Shown; closes by itself when the user has read it.
    """
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Warning)
    box.setWindowTitle(words("dialogs.refused"))
    box.setText(words("dialogs.refused_text", count=len(refusal.problems)))
    box.setInformativeText("\n\n".join(f"•  {words.problem(one)}" for one in refusal.problems))
    box.setStandardButtons(QMessageBox.StandardButton.Ok)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.open()
    return box


def _icon(grey: NDArray[np.uint8]) -> QIcon:
    rows, columns = grey.shape
    image = QImage(grey.tobytes(), columns, rows, columns, QImage.Format.Format_Grayscale8)
    return QIcon(QPixmap.fromImage(image))


class SeriesChooser(QDialog):
    """Asks which of several series to open.

    Parameters
    ----------
    parent : QWidget
        The window.
    choice : Choice
        Series to choose from, most slices first.
    words : Words
        Of the screen.
    """

    def __init__(self, parent: QWidget, choice: Choice, words: Words) -> None:
        super().__init__(parent)
        self.setWindowTitle(words("dialogs.choose_series"))
        self.setMinimumSize(640, 460)
        self._choice = choice
        column = QVBoxLayout(self)
        column.addWidget(QLabel(words("dialogs.choose_series_text")))
        self._list = QListWidget()
        self._list.setIconSize(QSize(THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
        for one in choice.series:
            name = one.description or words("study.none")
            row = QListWidgetItem(words("dialogs.series_row", name=name, slices=one.slices))
            if one.thumbnail is not None:
                row.setIcon(_icon(one.thumbnail))
            self._list.addItem(row)
        self._list.setCurrentRow(0)
        self._list.itemActivated.connect(lambda _item: self.accept())
        column.addWidget(self._list)
        buttons = QDialogButtonBox()
        buttons.addButton(words("dialogs.open"), QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton(words("app.cancel"), QDialogButtonBox.ButtonRole.RejectRole)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)

    @property
    def series_uid(self) -> str:
        """UID of the series that is marked."""
        return self._choice.series[max(self._list.currentRow(), 0)].uid
