"""The window of the case library: found by picture and word, opened, given away, looked after."""

# ruff: noqa: N802 - Qt calls these methods by its own names

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from PySide6.QtCore import QPoint, QSize, Qt, QTimer
from PySide6.QtGui import QIcon, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.workstation.dialogs import tell_refusal
from app.workstation.jobs import Task
from app.workstation.library import tasks
from app.workstation.library.fields import CaseForm, choices, fill
from app.workstation.library.passphrase import PassphraseDialog
from app.workstation.session import Session
from app.workstation.stages import Activity, Topic, uid_on_disk
from app.workstation.steps.panel import Facts, Notes, button, combo, label, row
from app.workstation.words import Words
from imaging.errors import Problem, Refusal
from planning.library.backup import BACKUP_ENDING
from planning.library.exchange import CASE_ENDING, is_sealed
from planning.library.library import Library
from planning.library.model import CaseRow, Wanted, fields_from
from planning.library.place import library_folder
from planning.technique.answers import Technique
from planning.words import option_name

SIZE = QSize(1240, 840)
PICTURE = QSize(112, 112)
DETAIL_WIDTH, NAME_WIDTH = 430, 96
ID, SHOWN = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1
SPACING = 3
TECHNIQUES: tuple[str, ...] = get_args(Technique)
JOBS = ("library_add", "library_export", "library_import", "library_backup", "library_check")


class LibraryWindow(QDialog):
    """The library of the department.

    Parameters
    ----------
    parent : QWidget or None
        The workstation's window.
    session : Session
        Whose worker copies, and whose case can be added.
    words : Words
        Of the screen.
    open_path : callable
        Takes the CT or plan that the user chose.
    library : Library
        Open; closed with the window.
    """

    def __init__(
        self,
        parent: QWidget | None,
        session: Session,
        words: Words,
        open_path: Callable[[Path], None],
        library: Library,
    ) -> None:
        super().__init__(parent)
        self._session, self._words, self._open_path = session, words, open_path
        self.library = library
        self.row: CaseRow | None = None
        self.setWindowTitle(words("library.name"))
        self.resize(SIZE)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 16)
        column.setSpacing(10)
        column.addLayout(self._make_search())
        middle = QHBoxLayout()
        middle.setSpacing(14)
        middle.addWidget(self._make_list(), 1)
        middle.addWidget(self._make_details())
        column.addLayout(middle, 1)
        column.addLayout(self._make_bottom())
        for one in self.findChildren(QPushButton):
            one.setAutoDefault(False)  # the Enter key opens a case of the list
        self._subscriptions = [
            session.subscribe(Topic.JOB, self._show_activity),
            session.subscribe(Topic.REFUSED, lambda _refusal: self._show_activity(None)),
        ]
        self.finished.connect(self._end)
        self.search()

    def _make_search(self) -> QHBoxLayout:
        words = self._words
        self.text = QLineEdit()
        self.text.setPlaceholderText(words("library.search"))
        self.text.setAccessibleName(words("library.search"))
        self.text.setClearButtonEnabled(True)
        self.text.textChanged.connect(lambda _text: self.search())
        self.filters: dict[str, QComboBox] = {}
        offered = {
            "site": choices("bone"),
            "kind": choices("lesion_kind"),
            "technique": TECHNIQUES,
            "tag": (),
        }
        line = row(self.text)
        line.setStretch(0, 1)
        for key, values in offered.items():
            made = combo()
            made.setAccessibleName(words(f"library.{key}"))
            made.setMinimumWidth(192)
            fill(made, values, words, words(f"library.any_{key}"))
            made.currentIndexChanged.connect(lambda _index: self.search())
            self.filters[key] = made
            line.addWidget(made)
        return line

    def _make_list(self) -> QListWidget:
        self.list = QListWidget()
        self.list.setIconSize(PICTURE)
        self.list.setSpacing(SPACING)
        self.list.setWordWrap(True)
        self.list.setAccessibleName(self._words("library.name"))
        self.list.currentItemChanged.connect(lambda _now, _before: self._show_chosen())
        self.list.itemActivated.connect(lambda _item: self.open_chosen())
        self.list.verticalScrollBar().valueChanged.connect(lambda _value: self._show_pictures())
        blank = QPixmap(PICTURE)
        blank.fill(Qt.GlobalColor.transparent)
        self._blank = QIcon(blank)
        return self.list

    def _make_details(self) -> QWidget:
        words = self._words
        self.form = CaseForm(words, lambda: self._save.setEnabled(True))
        self._save = button(words("library.save"), self.save_fields)
        self._facts, self._problems = Facts(NAME_WIDTH), Notes()
        self.plan = combo()
        self.plan.setAccessibleName(words("library.plan"))
        self._open = button(words("library.open"), self.open_chosen, "primary")
        self._export = button(words("library.export"), self.ask_export)
        self._remove = button(words("library.remove"), self.ask_remove)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(4, 0, 12, 0)
        column.setSpacing(10)
        column.addLayout(row(self.plan, self._open))
        column.addWidget(self._facts)
        column.addWidget(self._problems)
        column.addWidget(self.form)
        column.addLayout(row(self._save, self._export, self._remove))
        column.addStretch(1)
        self._details = QScrollArea()
        self._details.setWidgetResizable(True)
        self._details.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._details.setFixedWidth(DETAIL_WIDTH)
        self._details.setWidget(inside)
        return self._details

    def _make_bottom(self) -> QHBoxLayout:
        words = self._words
        self._add = button(words("library.add"), self.add_open_case)
        self._import = button(words("library.import"), self.ask_import)
        self._check = button(words("library.check"), self.check)
        self._back_up = button(words("library.back_up"), self.ask_backup)
        self._stop = button(words("app.cancel"), self._cancel)
        self._stop.hide()
        self.said = label("", "hint")
        line = row(self._add, self._import, self._check, self._back_up)
        line.addWidget(self.said, 1)
        line.addWidget(self._stop)
        self._buttons = (self._add, self._import, self._check, self._back_up)
        return line

    # What is shown

    def search(self) -> None:
        """Show the cases that are looked for."""
        chosen = None if self.row is None else self.row.id
        wanted = Wanted(
            text=self.text.text(), **{key: one.currentData() for key, one in self.filters.items()}
        )
        try:
            rows = self.library.search(wanted)
            fill(self.filters["tag"], self.library.tags(), self._words, self._any_tag())
            self.list.blockSignals(True)
            self.list.clear()
            for one in rows:
                self.list.addItem(self._item(one))
        except Refusal as refusal:
            tell_refusal(self, refusal, self._words)
            return
        finally:
            self.list.blockSignals(False)
        is_empty = not rows and wanted == Wanted()
        words = self._words
        counted = words.counted("library.count", len(rows))
        self.said.setText(words("library.empty") if is_empty else counted)
        places = [n for n, one in enumerate(rows) if one.id == chosen] or [0]
        self.list.setCurrentRow(places[0] if rows else -1)
        self._show_chosen()
        self._show_pictures()
        self._show_activity(self._session.activity)

    def _any_tag(self) -> str:
        return self._words("library.any_tag")

    def _item(self, one: CaseRow) -> QListWidgetItem:
        made = QListWidgetItem(self._told(one))
        made.setData(ID, one.id)
        made.setSizeHint(QSize(0, PICTURE.height() + 10))
        made.setIcon(self._blank)
        return made

    def _show_pictures(self) -> None:
        """Load the pictures of the rows that are seen; a thousand at once would be waited for."""
        high = self.list.viewport().height()
        first, last = self._row_at(0, 1), self._row_at(high - 1, -1)
        if first < 0:
            return
        for place in range(first, (last if last >= 0 else self.list.count() - 1) + 1):
            item = self.list.item(place)
            if item.data(SHOWN):
                continue
            item.setData(SHOWN, True)
            png = self.library.thumbnail(item.data(ID))
            if png is not None:
                picture = QPixmap()
                picture.loadFromData(png)
                item.setIcon(QIcon(picture))

    def _row_at(self, y: int, step: int) -> int:
        """Return the row at a height of the list, or the next one where there is only a gap."""
        for beside in range(2 * SPACING + 2):
            row_there = self.list.indexAt(QPoint(2 * SPACING, y + step * beside)).row()
            if row_there >= 0:
                return row_there
        return -1

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show the pictures of the rows that come into sight."""
        super().resizeEvent(event)
        QTimer.singleShot(0, self, self._show_pictures)

    def _told(self, one: CaseRow) -> str:
        words, fields = self._words, one.fields
        first = fields.title or words("library.untitled")
        place = " ".join(
            part
            for part in (self._named(fields.site), fields.level, self._named(fields.side))
            if part
        )
        second = " · ".join(
            part
            for part in (place, self._named(fields.kind), *map(self._named, fields.techniques))
            if part
        )
        third = [f"# {tag}" for tag in fields.tags]
        if one.plans:
            third.append(words.counted("library.plans", len(one.plans)))
        if one.has_follow_up:
            third.append(words("library.has_follow_up"))
        if one.problems:
            third.append(words.counted("library.to_mind", len(one.problems)))
        return f"{first}\n{second}\n{' · '.join(third)}"

    def _named(self, value: str | None) -> str:
        if value is None:
            return ""
        words = self._words
        return words.maybe(f"techniques.{value}", option_name(value, words.language))

    def _show_chosen(self) -> None:
        item = self.list.currentItem()
        self.row = None
        if item is not None:
            try:
                self.row = self.library.case(item.data(ID))
            except Refusal as refusal:
                tell_refusal(self, refusal, self._words)
        self._details.setVisible(self.row is not None)
        if self.row is not None:
            self._show_row(self.row)

    def _show_row(self, one: CaseRow) -> None:
        words = self._words
        self.form.show_fields(one.fields)
        self._save.setEnabled(False)
        self.plan.clear()
        for name in one.plans:
            self.plan.addItem(words("library.a_plan", name=name), name)
        self.plan.addItem(words("library.the_ct"), None)
        techniques = ", ".join(map(self._named, one.fields.techniques))
        followed = "followed" if one.has_follow_up else "not_followed"
        self._facts.show_rows(
            [
                (words("library.added"), one.added_utc[:10]),
                (
                    words("library.series"),
                    words(
                        "library.series_said",
                        modality=one.modality,
                        slices=one.slices,
                        size=words.number(one.size_mb, 0),
                    ),
                ),
                (words("library.techniques"), techniques or words("library.none")),
                (
                    words("library.follow_up"),
                    words(f"library.{followed}"),
                ),
            ]
        )
        self._problems.show_problems(one.problems, words, "warning")

    # What the user does

    def open_chosen(self) -> None:
        """Open the plan that is chosen, or the CT alone, in the workstation."""
        if self.row is None:
            return
        name = self.plan.currentData()
        try:
            path = (
                self.library.series_folder(self.row.id)
                if name is None
                else self.library.plan_path(self.row.id, name)
            )
        except Refusal as refusal:
            tell_refusal(self, refusal, self._words)
            return
        self.accept()
        self._open_path(path)

    def save_fields(self) -> None:
        """Keep what was typed about the case."""
        if self.row is None:
            return
        try:
            self.row = self.library.change(self.row.id, fields_from(self.form.typed()))
        except Refusal as refusal:
            tell_refusal(self, refusal, self._words)
            return
        self.search()

    def add_open_case(self) -> None:
        """Take the case that is open in the workstation in, without identifiers."""
        session = self._session
        if session.case is None:
            return
        session.keeper.wait()
        series = session.case.plan.series
        self._start(
            "library_add",
            self._added,
            tasks.add_case,
            Path(series.path),
            uid_on_disk(series),
            session.keeper.path,
        )

    def ask_export(self) -> None:
        """Ask for a file, and whether it is locked."""
        if self.row is None:
            return
        title = self._words("library.export")
        name, _ = QFileDialog.getSaveFileName(self, title, f"case{CASE_ENDING}", f"*{CASE_ENDING}")
        if not name:
            return
        case_id = self.row.id
        asked = PassphraseDialog(self, self._words, is_new=True)
        asked.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        asked.accepted.connect(lambda: self.export(case_id, Path(name), asked.passphrase))
        asked.open()

    def export(self, case_id: str, path: Path, passphrase: str | None) -> None:
        """Write a case to one file.

        Parameters
        ----------
        case_id : str
            Of the case.
        path : Path
            Of the file.
        passphrase : str or None
            Locks it.
        """
        self._start("library_export", self._written, tasks.export, case_id, path, passphrase)

    def ask_import(self) -> None:
        """Ask for the file of a case."""
        title = self._words("library.import")
        name, _ = QFileDialog.getOpenFileName(self, title, "", f"*{CASE_ENDING}")
        if name:
            self.import_file(Path(name))

    def import_file(self, path: Path) -> None:
        """Take a case from a file; the passphrase of a locked one is asked for.

        Parameters
        ----------
        path : Path
            Of the file.
        """
        try:
            sealed = is_sealed(path)
        except Refusal as refusal:
            tell_refusal(self, refusal, self._words)
            return
        if not sealed:
            self._start("library_import", self._added, tasks.import_file, path, None)
            return
        asked = PassphraseDialog(self, self._words, is_new=False)
        asked.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        asked.accepted.connect(
            lambda: self._start(
                "library_import", self._added, tasks.import_file, path, asked.passphrase
            )
        )
        asked.open()

    def ask_remove(self) -> QMessageBox | None:
        """Ask before a case is taken out for good; its plans are named."""
        if self.row is None:
            return None
        words, case_id, plans = self._words, self.row.id, self.row.plans
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.Warning)
        box.setWindowTitle(words("library.remove"))
        box.setText(words("library.remove_asked", title=self.row.fields.title or case_id))
        box.setInformativeText(
            words("library.remove_plans", names=", ".join(plans)) if plans else ""
        )
        gone = box.addButton(words("library.remove_now"), QMessageBox.ButtonRole.DestructiveRole)
        kept = box.addButton(words("app.cancel"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(kept)  # what the Enter key does can be done again
        gone.clicked.connect(lambda _checked=False: self.remove(case_id, with_plans=bool(plans)))
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()
        return box

    def remove(self, case_id: str, *, with_plans: bool) -> None:
        """Take a case out for good.

        Parameters
        ----------
        case_id : str
            Of the case.
        with_plans : bool
            Whether its plans go too.
        """
        try:
            self.library.remove(case_id, with_plans=with_plans)
        except Refusal as refusal:
            tell_refusal(self, refusal, self._words)
        self.search()

    def check(self) -> None:
        """Look for what is missing or changed."""
        self._start("library_check", self._checked, tasks.check)

    def ask_backup(self) -> None:
        """Ask where a copy of the whole library goes."""
        title = self._words("library.back_up")
        name, _ = QFileDialog.getSaveFileName(
            self, title, f"library{BACKUP_ENDING}", f"*{BACKUP_ENDING}"
        )
        if name:
            self._start("library_backup", self._written, tasks.save_backup, Path(name))

    # What the worker tells

    def _start(self, job: str, apply: Callable[[Any], None], task: Task, *request: object) -> None:
        self._session.start(job, apply, None, task, self.library.root, *request)

    def _added(self, one: CaseRow) -> None:
        self.row = one
        self.text.clear()
        self.search()
        self.said.setText(self._words("library.was_added"))

    def _written(self, path: Path) -> None:
        self.said.setText(self._words("library.written", path=str(path)))

    def _checked(self, problems: tuple[Problem, ...]) -> None:
        if not problems:
            self.said.setText(self._words("library.all_well"))
            return
        tell_refusal(self, Refusal(problems), self._words)

    def _cancel(self) -> None:
        self._session.cancel_named(*JOBS)

    def _show_activity(self, activity: Activity | None) -> None:
        runs = any(self._session.runs(name) for name in JOBS)
        for one in self._buttons:
            one.setEnabled(not runs)
        self._add.setEnabled(not runs and self._session.case is not None)
        self._stop.setVisible(runs)
        if runs and activity is not None and activity.name in JOBS:
            percent = f"{100 * activity.fraction:.0f} %"
            self.said.setText(f"{self._words(f'jobs.{activity.name}')} …  {percent}")

    def _end(self, _result: int) -> None:
        for unsubscribe in self._subscriptions:
            unsubscribe()
        self._cancel()
        self.library.close()


def open_library(
    parent: QWidget, session: Session, words: Words, open_path: Callable[[Path], None]
) -> LibraryWindow | None:
    """Open the library of the user; tell why where it cannot be opened.

    Parameters
    ----------
    parent : QWidget
        The workstation's window.
    session : Session
        The open case.
    words : Words
        Of the screen.
    open_path : callable
        Takes the CT or plan that the user chose.

    Returns
    -------
    LibraryWindow or None
        Not shown yet.
    """
    try:
        library = Library.open(library_folder())
    except Refusal as refusal:
        tell_refusal(parent, refusal, words)
        return None
    return LibraryWindow(parent, session, words, open_path, library)
