"""Report: what goes to the file of the patient."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog

from app.workstation.preferences import ARCHIVE, Preferences
from app.workstation.stages import Activity, State, Step, Topic
from app.workstation.steps.panel import Desk, Facts, Notes, Panel, combo, label, row
from app.workstation.steps.report.archive import ArchiveDialog
from app.workstation.steps.report.arrangement import Arrangement
from app.workstation.steps.report.preview import PreviewDialog
from app.workstation.steps.technique.side import SideField
from app.workstation.words import LANGUAGES, Language
from imaging.errors import Problem
from planning.plan import Case
from planning.side_check import Side
from planning.teaching.exercise import Visible

BUSY = ("report", "preview_report", "send_report")


class ReportPanel(Panel):
    """Arrangement, preview, export, archive.

    Parameters
    ----------
    desk : Desk
        What it works with.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, "report")
        self._facts = Facts()
        self.column.addWidget(self._facts)
        self.side = SideField(self.words, self._state_side)
        self.column.addWidget(self.side)
        self.column.addWidget(label(self.words("report.language"), "quiet"))
        self._language = combo()
        for language in LANGUAGES:
            self._language.addItem(self.words(f"languages.{language}"), language)
        self._language.setCurrentIndex(self._language.findData(self.words.language))
        self.column.addWidget(self._language)
        self._preview = self.add_button("report.preview", self._ask_preview)
        self._export = self.add_button("report.export", self._ask_folder, "primary")
        self._notes = Notes()
        self.column.addWidget(self._notes)
        self._open = self.add_button("report.open_folder", self._open_folder)
        self._send = self.add_button("report.send", self._ask_archive)
        self.column.removeWidget(self._open)
        self.column.removeWidget(self._send)
        self.column.addLayout(row(self._open, self._send))
        self.add_section("report.arrange")
        self.arrangement = Arrangement(self.session.reporting, self.words)
        self.column.addWidget(self.arrangement)
        self.withhold(Visible.RECOMMENDATION, self._preview, self._export)
        self._subscriptions.append(self.session.subscribe(Topic.EXPORTED, self._exported))
        self.finish()

    @property
    def language(self) -> Language:
        """Language of the report."""
        found: Language = self._language.currentData()
        return found

    def show_case(self, case: Case | None) -> None:
        """Show which steps the report will hold."""
        steps = [step for step in Step if step is not Step.REPORT]
        rows = [
            (self.words(f"steps.{step}"), self.words(f"states.{self.session.state(step)}"))
            for step in steps
        ]
        self._facts.show_rows(rows if case else ())
        self.side.show_case(case)
        self.arrangement.show_case(case)
        lacks = any(self.session.state(step) != State.DONE for step in steps)
        self._exported(self.session.exported)
        if case is not None and lacks and not self.session.exported:
            self._notes.show_notes([("warning", self.words("report.lacks"))])
        self.show_activity(self.session.activity)

    def show_activity(self, activity: Activity | None) -> None:
        """Keep a second export from being started."""
        ready = self.session.case is not None and not any(map(self.session.runs, BUSY))
        for one in (self._export, self._preview, self._send):
            one.setEnabled(ready)

    def _exported(self, files: tuple[Path, ...]) -> None:
        self._open.setVisible(bool(files))
        self._send.setVisible(any(file.suffix == ".dcm" for file in files))
        names = "\n".join(_told(files))
        self._notes.show_notes(
            [("good", self.words("report.written", names=names))] if files else []
        )

    def _ask_preview(self) -> None:
        self.session.reporting.preview(self.language, self._show_preview)

    def _show_preview(self, pages: tuple[bytes, ...]) -> None:
        PreviewDialog(self.window(), pages, self.words).open()

    def _ask_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, self.words("report.export"))
        if name:
            self.session.reporting.export(Path(name), self.language)

    def _open_folder(self) -> None:
        if self.session.exported:
            folder = _folder(self.session.exported)
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def _ask_archive(self) -> None:
        kept = Preferences().get(ARCHIVE)
        dialog = ArchiveDialog(self.window(), kept, self.words)
        dialog.accepted.connect(lambda: self._send_to(dialog))
        dialog.open()

    def _send_to(self, dialog: ArchiveDialog) -> None:
        peer = dialog.peer()
        Preferences().put(ARCHIVE, dialog.text())
        self.session.reporting.send(peer, self._sent)

    def _sent(self, count: int) -> None:
        self._notes.show_notes([("good", self.words("report.sent", count=count))])

    def _state_side(self, side: Side | None) -> tuple[Problem, ...]:
        level = self.session.case.plan.answers.level if self.session.case is not None else None
        return self.session.consulting.state_side(side, level)


def _folder(files: tuple[Path, ...]) -> Path:
    """Return the folder that holds all files, some of them in folders below it."""
    return Path(os.path.commonpath([file.parent for file in files]))


def _told(files: tuple[Path, ...]) -> list[str]:
    """Name the files of the folder itself, and count those in the folders below it."""
    if not files:
        return []
    top = _folder(files)
    inner = Counter(file.relative_to(top).parts[0] for file in files if file.parent != top)
    outer = [file.name for file in files if file.parent == top]
    return outer + [f"{name}/ ({count})" for name, count in inner.items()]
