"""Asks for the archive that the report is sent to."""

from __future__ import annotations

from PySide6.QtWidgets import QCheckBox, QDialog, QFormLayout, QLineEdit, QSpinBox, QWidget

from app.workstation.steps.panel import label, ok_cancel
from app.workstation.words import Words
from imaging.dicom.archive.peer import Peer

FIELDS = ("host", "called", "calling")


class ArchiveDialog(QDialog):
    """Host, port and AE titles of an archive.

    Parameters
    ----------
    parent : QWidget
        The window.
    kept : str
        What was entered last, as :meth:`text` gave it.
    words : Words
        Of the screen.
    """

    def __init__(self, parent: QWidget, kept: str, words: Words) -> None:
        super().__init__(parent)
        self.setWindowTitle(words("report.send"))
        usual = Peer()
        values = [usual.host, usual.called, usual.calling, str(usual.port), ""]
        known = kept.split("\t")
        if len(known) == len(values):
            values = known
        form = QFormLayout(self)
        form.addRow(label(words("archive.hint"), "hint"))
        self._fields = {name: QLineEdit(value) for name, value in zip(FIELDS, values, strict=False)}
        for name, field in self._fields.items():
            form.addRow(words(f"archive.{name}"), field)
        self._port = QSpinBox()
        self._port.setRange(1, 65535)
        self._port.setValue(int(values[3]) if values[3].isdigit() else usual.port)
        form.addRow(words("archive.port"), self._port)
        self._remote = QCheckBox(words("archive.remote"))
        self._remote.setChecked(values[4] == "remote")
        form.addRow(self._remote)
        form.addRow(ok_cancel(self, words))

    def peer(self) -> Peer:
        """Return the archive that was entered."""
        host, called, calling = (field.text().strip() for field in self._fields.values())
        port, remote = self._port.value(), self._remote.isChecked()
        return Peer(host=host, port=port, called=called, calling=calling, remote=remote)

    def text(self) -> str:
        """Return what was entered, to be kept on this machine."""
        texts = [field.text().strip() for field in self._fields.values()]
        remote = "remote" if self._remote.isChecked() else ""
        return "\t".join([*texts, str(self._port.value()), remote])
