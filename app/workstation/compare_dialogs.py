"""Asks for the series to compare with: where it lies, which of several, and of whom it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QLabel,
    QListWidget,
    QMessageBox,
    QVBoxLayout,
    QWidget,
)

from app.workstation.compare_tasks import Wanted
from app.workstation.words import Words
from imaging.errors import Refusal
from imaging.registration.series import SeriesRow

if TYPE_CHECKING:
    from app.workstation.session import Session


class SecondSeriesChooser(QDialog):
    """Asks which of several series to compare with.

    Parameters
    ----------
    parent : QWidget
        The window.
    rows : tuple of SeriesRow
        To choose from.
    words : Words
        Of the screen.
    """

    def __init__(self, parent: QWidget, rows: tuple[SeriesRow, ...], words: Words) -> None:
        super().__init__(parent)
        self.setWindowTitle(words("compare.choose"))
        self.setMinimumSize(560, 320)
        self._rows = rows
        column = QVBoxLayout(self)
        column.addWidget(QLabel(words("compare.choose_text")))
        self.list = QListWidget()
        for one in rows:
            name = one.description or words("study.none")
            modality = words.maybe(f"modalities.{one.modality}", one.modality)
            row = words("dialogs.series_row", name=f"{modality} · {name}", slices=one.slices)
            self.list.addItem(row.replace("\n", " · "))
        self.list.setCurrentRow(0)
        self.list.itemActivated.connect(lambda _item: self.accept())
        column.addWidget(self.list)
        buttons = QDialogButtonBox()
        buttons.addButton(words("dialogs.open"), QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton(words("app.cancel"), QDialogButtonBox.ButtonRole.RejectRole)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)

    @property
    def series_uid(self) -> str:
        """UID of the series that is marked."""
        return self._rows[max(self.list.currentRow(), 0)].uid


def ask_second(parent: QWidget, session: Session, words: Words, *, is_folder: bool) -> None:
    """Ask where the series lies, and open it.

    Parameters
    ----------
    parent : QWidget
        The window.
    session : Session
        The open case.
    words : Words
        Of the screen.
    is_folder : bool
        Whether a folder is asked for, else a file.
    """
    if is_folder:
        name = QFileDialog.getExistingDirectory(parent, words("compare.open_folder"))
    else:
        name, _ = QFileDialog.getOpenFileName(parent, words("compare.open_file"))
    if name:
        session.comparing.open(Path(name))


def choose_second(
    parent: QWidget, session: Session, words: Words, asked: tuple[Wanted, tuple[SeriesRow, ...]]
) -> SecondSeriesChooser:
    """Ask which of several series is meant.

    Parameters
    ----------
    parent : QWidget
        The window.
    session : Session
        The open case.
    words : Words
        Of the screen.
    asked : tuple
        The request, and the series that were found.

    Returns
    -------
    SecondSeriesChooser
        Shown.
    """
    wanted, rows = asked
    made = SecondSeriesChooser(parent, rows, words)
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    made.accepted.connect(
        lambda: session.comparing.open(
            wanted.path, made.series_uid, is_anonymised=wanted.is_anonymised
        )
    )
    made.open()
    return made


def tell_other_patient(
    parent: QWidget, session: Session, words: Words, refusal: Refusal
) -> QMessageBox:
    """Tell that the series is of another patient; the user may say that the data are anonymised.

    Parameters
    ----------
    parent : QWidget
        The window.
    session : Session
        The open case.
    words : Words
        Of the screen.
    refusal : Refusal
        Why; names no patient.

    Returns
    -------
    QMessageBox
        Shown.
    """
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Warning)
    box.setWindowTitle(words("dialogs.refused"))
    box.setText(words("compare.other_patient"))
    box.setInformativeText("\n\n".join(words.problem(one) for one in refusal.problems))
    anonymised = box.addButton(words("compare.anonymised"), QMessageBox.ButtonRole.AcceptRole)
    box.setDefaultButton(box.addButton(words("app.cancel"), QMessageBox.ButtonRole.RejectRole))
    anonymised.clicked.connect(lambda _on=False: session.comparing.say_anonymised())
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.open()
    return box
