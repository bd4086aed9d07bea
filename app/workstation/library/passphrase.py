"""Asks for the passphrase of a file: a new one twice, a known one once."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QLineEdit, QVBoxLayout, QWidget

from app.workstation.steps.panel import Notes, label, ok_cancel
from app.workstation.words import Words
from planning.library.sealing import LEAST_CHARACTERS


class PassphraseDialog(QDialog):
    """Asks for a passphrase.

    Parameters
    ----------
    parent : QWidget
        The window.
    words : Words
        Of the screen.
    is_new : bool
        A new one is typed twice, and may be left empty for a file that is not locked.
    """

    def __init__(self, parent: QWidget, words: Words, *, is_new: bool) -> None:
        super().__init__(parent)
        self._words, self._is_new = words, is_new
        self.setWindowTitle(words("library.passphrase"))
        self.setMinimumWidth(440)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 16)
        column.setSpacing(9)
        column.addWidget(
            label(words("library.passphrase_new" if is_new else "library.passphrase_known"), "hint")
        )
        self.first, self.second = QLineEdit(), QLineEdit()
        for field, key in ((self.first, "passphrase"), (self.second, "passphrase_again")):
            field.setEchoMode(QLineEdit.EchoMode.Password)
            field.setPlaceholderText(words(f"library.{key}"))
            field.setAccessibleName(words(f"library.{key}"))
            column.addWidget(field)
        self.second.setVisible(is_new)
        self._notes = Notes()
        self._notes.hide()
        column.addWidget(self._notes)
        column.addWidget(ok_cancel(self, words))

    @property
    def passphrase(self) -> str | None:
        """What was typed; None for a file that is not locked."""
        return self.first.text() or None

    def accept(self) -> None:
        """Close when what was typed can be used."""
        wrong = self._wrong()
        told = self._words(f"library.{wrong}", least=LEAST_CHARACTERS) if wrong else ""
        self._notes.show_notes([("bad", told)] if wrong else [])
        if not wrong:
            super().accept()

    def _wrong(self) -> str:
        typed = self.first.text()
        if not self._is_new:
            return "" if typed else "passphrase_lacking"
        if typed != self.second.text():
            return "passphrases_differ"
        return "passphrase_short" if typed and len(typed.strip()) < LEAST_CHARACTERS else ""
