"""The window of exercises: what there is to answer, one's progress, the table of a class."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.files import write_file
from app.workstation.dialogs import tell_refusal
from app.workstation.library.passphrase import PassphraseDialog
from app.workstation.preferences import RESIDENT, Preferences
from app.workstation.session import Session
from app.workstation.stages import Topic
from app.workstation.steps.panel import Facts, Notes, button, label, row, table
from app.workstation.teaching.bar import clock
from app.workstation.teaching.make_dialog import MakeDialog
from app.workstation.teaching.running import PLAN, attempt_folder, exercise_of, kept
from app.workstation.words import Words
from imaging.errors import Refusal
from planning.teaching.attempts import Attempts
from planning.teaching.class_csv import table_csv
from planning.teaching.files import ENDING, ExerciseFile, read_exercise
from planning.teaching.records import ClassRow, HandedIn, ProgressRow, Result
from planning.teaching.shipped import shipped_exercises
from planning.teaching.words import said

SIZE = QSize(1180, 800)
NAME_WIDTH, DETAIL_WIDTH = 110, 470
PROGRESS = ("date", "exercise", "task", "attempt", "percent", "verdict", "time")
CLASS = ("resident", *PROGRESS)
PLACE = Qt.ItemDataRole.UserRole


class ExercisesWindow(QDialog):
    """Exercises, progress, class.

    Parameters
    ----------
    parent : QWidget or None
        The workstation's window.
    session : Session
        That begins and marks.
    words : Words
        Of the screen.
    """

    def __init__(self, parent: QWidget | None, session: Session, words: Words) -> None:
        super().__init__(parent)
        self._session, self._words = session, words
        self._preferences = Preferences()
        self._files: list[ExerciseFile] = list(shipped_exercises())
        self.setWindowTitle(words("exercise.name"))
        self.resize(SIZE)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 16)
        column.setSpacing(10)
        self.resident = QComboBox()
        self.resident.setEditable(True)
        self.resident.setAccessibleName(words("exercise.resident"))
        self.resident.setMinimumWidth(260)
        line = row(label(words("exercise.resident"), "quiet"), self.resident)
        line.addWidget(label(words("exercise.resident_hint"), "hint"), 1)
        column.addLayout(line)
        self.tabs = QTabWidget()
        self.tabs.addTab(self._make_exercises(), words("exercise.exercises"))
        self.tabs.addTab(self._make_progress(), words("exercise.progress"))
        self.tabs.addTab(self._make_class(), words("exercise.class"))
        column.addWidget(self.tabs, 1)
        for one in self.findChildren(QPushButton):
            one.setAutoDefault(False)
        self._unsubscribe = session.subscribe(Topic.EXERCISE_MADE, self.add_file)
        self.finished.connect(lambda _result: self._unsubscribe())
        self._load_residents()
        self.resident.currentTextChanged.connect(lambda _name: self.show_all())
        self.show_all()

    # Pages

    def _make_exercises(self) -> QWidget:
        words = self._words
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(4, 12, 4, 4)
        self.list = QListWidget()
        self.list.setWordWrap(True)
        self.list.setSpacing(2)
        self.list.setAccessibleName(words("exercise.exercises"))
        self.list.currentItemChanged.connect(lambda _now, _before: self._show_exercise())
        self.list.itemActivated.connect(lambda _item: self.begin())
        details = QWidget()
        details.setFixedWidth(DETAIL_WIDTH)
        beside = QVBoxLayout(details)
        beside.setContentsMargins(12, 0, 0, 0)
        self._title, self._situation = label("", "title"), label("")
        self._asked, self._facts, self._notes = label("", "value"), Facts(NAME_WIDTH), Notes()
        self._begin = button(words("exercise.begin"), self.begin, "primary")
        self._resume = button(words("exercise.resume"), self.resume)
        for one in (self._title, self._situation, self._asked, self._facts, self._notes):
            beside.addWidget(one)
        beside.addStretch(1)
        beside.addLayout(row(self._resume, self._begin))
        halves = row(self.list, details)
        halves.setStretch(0, 1)
        column.addLayout(halves, 1)
        self._waiting = Notes()
        column.addWidget(self._waiting)
        self._mark = button(words("exercise.mark_waiting"), self.mark_waiting)
        bottom = row(
            button(words("exercise.open_file"), self.ask_file),
            button(words("exercise.make"), self.show_make),
        )
        bottom.addStretch(1)
        bottom.addWidget(self._mark)
        column.addLayout(bottom)
        return page

    def _make_progress(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(4, 12, 4, 4)
        self._progress_said = label("", "hint")
        self.progress = table((self._words(f"exercise.{key}") for key in PROGRESS), stretched=1)
        column.addWidget(self._progress_said)
        column.addWidget(self.progress, 1)
        return page

    def _make_class(self) -> QWidget:
        words = self._words
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(4, 12, 4, 4)
        self.names = QCheckBox(words("exercise.with_names"))
        self.names.toggled.connect(lambda _on: self._show_class())
        self.class_table = table((words(f"exercise.{key}") for key in CLASS), stretched=2)
        self._export = button(words("exercise.export"), self.ask_export)
        line = row(self.names, self._export)
        line.addStretch(1)
        column.addLayout(line)
        column.addWidget(self.class_table, 1)
        self._class_said = label("", "hint")
        column.addWidget(self._class_said)
        return page

    # What is shown

    def _load_residents(self) -> None:
        last = self._preferences.get(RESIDENT)
        try:
            with Attempts.open() as attempts:
                names = list(attempts.residents())
        except Refusal as refusal:
            tell_refusal(self, refusal, self._words)
            names = []
        if last and last not in names:
            names.insert(0, last)
        self.resident.addItems(names)
        self.resident.setCurrentText(last)

    @property
    def name(self) -> str:
        """Name of the resident."""
        return self.resident.currentText().strip()

    def show_all(self) -> None:
        """Show exercises, progress and class anew."""
        try:
            with Attempts.open() as attempts:
                self._results = attempts.of(self.name) if self.name else ()
                progress = attempts.progress(self.name) if self.name else ()
                self._unmarked = attempts.unfinished()
        except Refusal as refusal:
            tell_refusal(self, refusal, self._words)
            return
        self._show_list()
        self._show_progress(progress)
        self._show_class()
        waits = self._words.counted("exercise.waiting", len(self._unmarked))
        self._waiting.show_notes([("warning", waits)] if self._unmarked else [])
        self._mark.setVisible(bool(self._unmarked))

    def _show_list(self) -> None:
        place = max(self.list.currentRow(), 0)
        self.list.blockSignals(True)
        self.list.clear()
        for number, file in enumerate(self._files):
            item = QListWidgetItem(self._line(file))
            item.setData(PLACE, number)
            self.list.addItem(item)
        self.list.blockSignals(False)
        self.list.setCurrentRow(min(place, self.list.count() - 1))
        self._show_exercise()

    def _line(self, file: ExerciseFile) -> str:
        words, told = self._words, file.exercise
        first = told.texts[words.language].title
        stars = "★" * told.difficulty + "☆" * (5 - told.difficulty)
        second = [stars, said("tasks", told.task, words.language), f"{told.time_s / 60:.0f} min"]
        marks = [one.mark for one in self._of(file) if one.mark is not None]
        if marks:
            best = max(marks, key=lambda one: one.rank)
            key = "passed_with" if best.passed else "best"
            second.append(words(f"exercise.{key}", percent=words.number(best.percent, 0)))
        return f"{first}\n{'  ·  '.join(second)}"

    def _of(self, file: ExerciseFile) -> list[Result]:
        return [one for one in self._results if one.attempt.exercise == file.exercise.id]

    @property
    def chosen(self) -> ExerciseFile | None:
        """The exercise that is marked in the list."""
        item = self.list.currentItem()
        return None if item is None else self._files[int(item.data(PLACE))]

    def _show_exercise(self) -> None:
        file, words = self.chosen, self._words
        if file is None:
            return
        told, language = file.exercise, words.language
        texts = told.texts[language]
        self._title.setText(texts.title)
        self._situation.setText(texts.situation)
        self._asked.setText(texts.asked)
        seen = ", ".join(said("visible", one, language) for one in sorted(told.may_see))
        self._facts.show_rows(
            [
                (words("exercise.task"), said("tasks", told.task, language)),
                (words("exercise.time"), f"{told.time_s / 60:.0f} min"),
                (words("exercise.may_see"), seen or words("exercise.nothing")),
                (words("exercise.passes"), f"{words.number(told.pass_percent, 0)} %"),
            ]
        )
        notes = [("hint", words("exercise.examination"))] if file.is_examination else []
        if any(one.handed_in for one in self._of(file)):
            notes.append(("warning", words("exercise.seen")))
        self._notes.show_notes(notes)
        self._resume.setVisible(self._open_attempt(file) is not None)

    def _open_attempt(self, file: ExerciseFile) -> Path | None:
        """Return the plan of an attempt that was begun and can be gone on with."""
        for one in reversed(self._of(file)):
            folder = attempt_folder(one.attempt.id)
            found = kept(folder)
            if one.handed_in is None and found is not None and (folder / PLAN).is_file():
                return folder / PLAN
        return None

    def _show_progress(self, rows: tuple[ProgressRow, ...]) -> None:
        words = self._words
        passed = len({one.exercise for one in rows if one.passed})
        told = words.counted(
            "exercise.progress_said", len(rows), passed=passed, of=len(self._files)
        )
        self._progress_said.setText(told if rows else words("exercise.no_progress"))
        _fill(self.progress, (self._cells(one) for one in rows))

    @property
    def _titles(self) -> dict[str, str]:
        language = self._words.language
        return {one.exercise.id: one.exercise.texts[language].title for one in self._files}

    def _cells(self, one: ProgressRow) -> tuple[str, ...]:
        words = self._words
        verdict = "fault" if one.faults else "passed" if one.passed else "failed"
        return (
            one.at_utc[:10],
            self._titles.get(one.exercise, one.exercise),
            said("tasks", one.task, words.language),
            f"{one.number}",
            f"{words.number(one.percent, 0)} %",
            words(f"exercise.{verdict}"),
            clock(one.elapsed_s),
        )

    def _class_rows(self) -> tuple[ClassRow, ...]:
        with Attempts.open() as attempts:
            return attempts.class_table(names=self.names.isChecked())

    def _show_class(self) -> None:
        try:
            rows = self._class_rows()
        except Refusal as refusal:
            tell_refusal(self, refusal, self._words)
            return
        _fill(self.class_table, ((one.resident, *self._cells(one)) for one in rows))
        self._export.setEnabled(bool(rows))

    # What the user does

    def ask_file(self) -> None:
        """Ask for the file of an exercise."""
        title = self._words("exercise.open_file")
        name, _ = QFileDialog.getOpenFileName(self, title, "", f"*{ENDING}")
        if name:
            self.add_file(Path(name))

    def add_file(self, path: Path) -> None:
        """Add the exercise of a file to the list, and choose it.

        Parameters
        ----------
        path : Path
            Of the file.
        """
        try:
            self._files.append(read_exercise(path))
        except Refusal as refusal:
            tell_refusal(self, refusal, self._words)
            return
        self.show_all()
        self.list.setCurrentRow(self.list.count() - 1)

    def begin(self) -> None:
        """Begin the exercise that is chosen."""
        file = self.chosen
        if file is None:
            return
        if not self.name:
            self._notes.show_notes([("bad", self._words("exercise.name_lacking"))])
            self.resident.setFocus()
            return
        self._preferences.put(RESIDENT, self.name)
        self.accept()
        self._session.exercising.begin(file, self.name)

    def resume(self) -> None:
        """Go on with the attempt that was begun."""
        file = self.chosen
        plan = None if file is None else self._open_attempt(file)
        if plan is not None:
            self.accept()
            self._session.open_path(plan)

    def mark_waiting(self) -> None:
        """Mark what was handed in and is not marked yet; an examination needs its passphrase."""
        waiting = self._unmarked[0] if self._unmarked else None
        if waiting is None:
            return
        try:
            is_examination = exercise_of(waiting.attempt).is_examination
        except Refusal as refusal:
            tell_refusal(self, refusal, self._words)
            return
        if not is_examination:
            self._mark_one(waiting, None)
            return
        asked = PassphraseDialog(self, self._words, is_new=False)
        asked.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        asked.accepted.connect(lambda: self._mark_one(waiting, asked.passphrase))
        asked.open()

    def _mark_one(self, waiting: HandedIn, passphrase: str | None) -> None:
        self.accept()
        self._session.exercising.mark(waiting, self._words.language, passphrase)

    def show_make(self) -> MakeDialog:
        """Make an exercise of the open plan."""
        made = MakeDialog(self, self._session, self._words)
        made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        made.open()
        return made

    def ask_export(self) -> None:
        """Ask where the table of the class goes."""
        title = self._words("exercise.export")
        name, _ = QFileDialog.getSaveFileName(self, title, "class.csv", "*.csv")
        if name:
            self.export(Path(name))

    def export(self, path: Path) -> None:
        """Write the table of the class.

        Parameters
        ----------
        path : Path
            CSV.
        """
        try:
            write_file(path.parent, path.name, table_csv(self._class_rows()).encode("utf-8"))
        except Refusal as refusal:
            tell_refusal(self, refusal, self._words)
            return
        self._class_said.setText(self._words("library.written", path=str(path)))


def _fill(shown: QTableWidget, rows: Iterable[tuple[str, ...]]) -> None:
    lines = list(rows)
    shown.setRowCount(len(lines))
    for place, cells in enumerate(lines):
        for column, text in enumerate(cells):
            item = QTableWidgetItem(text)
            item.setToolTip(text)
            shown.setItem(place, column, item)
