"""Report: what goes to the file of the patient."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog

from app.workstation.stages import Activity, State, Step, Topic
from app.workstation.steps.panel import Desk, Facts, Notes, Panel, combo, label
from app.workstation.steps.technique.side import SideField
from app.workstation.tools.capture import write_png
from app.workstation.words import LANGUAGES
from imaging.errors import Problem, Refusal
from planning.plan import Case
from planning.side_check import Side
from planning.store import Picture


class ReportPanel(Panel):
    """Export and pictures.

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
        self._export = self.add_button("report.export", self._ask_folder, "primary")
        self._notes = Notes()
        self.column.addWidget(self._notes)
        self._open = self.add_button("report.open_folder", self._open_folder)
        self.add_section("report.pictures")
        self._capture = self.add_button("report.capture", self._ask_picture)
        self.column.addWidget(label(self.words("report.capture_hint"), "hint"))
        self._subscriptions.append(self.session.subscribe(Topic.EXPORTED, self._exported))
        self.finish()

    def show_case(self, case: Case | None) -> None:
        """Show which steps the report will hold."""
        steps = [step for step in Step if step is not Step.REPORT]
        rows = [
            (self.words(f"steps.{step}"), self.words(f"states.{self.session.state(step)}"))
            for step in steps
        ]
        self._facts.show_rows(rows if case else ())
        self.side.show_case(case)
        lacks = any(self.session.state(step) != State.DONE for step in steps)
        self._exported(self.session.exported)
        if case is not None and lacks and not self.session.exported:
            self._notes.show_notes([("warning", self.words("report.lacks"))])
        self._capture.setEnabled(case is not None)
        self.show_activity(self.session.activity)

    def show_activity(self, activity: Activity | None) -> None:
        """Keep a second export from being started."""
        self._export.setEnabled(self.session.case is not None and not self.session.runs("report"))

    def _state_side(self, side: Side | None) -> tuple[Problem, ...]:
        level = self.session.case.plan.answers.level if self.session.case is not None else None
        return self.session.consulting.state_side(side, level)

    def _exported(self, files: tuple[Path, ...]) -> None:
        self._open.setVisible(bool(files))
        names = "\n".join(_told(files))
        self._notes.show_notes(
            [("good", self.words("report.written", names=names))] if files else []
        )

    def _ask_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, self.words("report.export"))
        if name:
            self.session.export(Path(name), str(self._language.currentData()))

    def _open_folder(self) -> None:
        if self.session.exported:
            folder = _folder(self.session.exported)
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def _ask_picture(self) -> None:
        title = self.words("report.capture")
        name, _ = QFileDialog.getSaveFileName(self, title, "views.png", "*.png")
        if name:
            self.capture(Path(name))

    def capture(self, path: Path) -> None:
        """Write what the views show as PNG, and keep it in the plan.

        Parameters
        ----------
        path : Path
            File.
        """
        png = self.board.png()
        try:
            write_png(png, path)
        except Refusal as refusal:
            self._notes.show_problems(refusal.problems, self.words, "bad")
            return
        self.session.keeper.keep_picture(Picture(path.name, png))
        self._notes.show_notes([("good", self.words("report.written", names=path.name))])


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
