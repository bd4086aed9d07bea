"""The window of a folder of plans: who is to be seen or called, and the series of the centre."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.files import write_file
from app.workstation.dialogs import tell_refusal
from app.workstation.follow_up import series_tables
from app.workstation.follow_up.said import techniques_said
from app.workstation.follow_up.tasks import Series, read_series
from app.workstation.session import Session
from app.workstation.stages import Activity, Topic
from app.workstation.steps.panel import (
    Facts,
    Notes,
    button,
    combo,
    fit_height,
    label,
    row,
    table,
)
from app.workstation.style.palette import theme
from app.workstation.words import Words
from imaging.errors import Refusal
from planning.follow_up.calls import Call
from planning.follow_up.cohort import ALL
from planning.follow_up.exchange import as_csv
from planning.follow_up.tables import occasion_name

SIZE = QSize(1180, 820)
JOB = "follow_up_series"
CALL_COLUMNS = ("state", "occasion", "due", "case", "lesion", "treated", "also")
NAME_WIDTH, TABLE_WIDTH = 190, 820
STATE_COLOURS = {"overdue": "bad", "due": "warning"}  # of the theme


class SeriesWindow(QDialog):
    """Follow-up of a folder of plans; the folder is read in the background.

    Parameters
    ----------
    parent : QWidget or None
        The workstation's window.
    session : Session
        Whose worker reads.
    words : Words
        Of the screen.
    open_plan : callable
        Takes the path of the plan that the user chose in the list.
    """

    def __init__(
        self,
        parent: QWidget | None,
        session: Session,
        words: Words,
        open_plan: Callable[[Path], None],
    ) -> None:
        super().__init__(parent)
        self._session, self._words, self._open_plan = session, words, open_plan
        self.series: Series | None = None
        self.setWindowTitle(words("series.title"))
        self.resize(SIZE)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 16)
        column.setSpacing(9)
        self._choose = button(words("series.choose_folder"), self.ask_folder, "primary")
        self._where = label(words("series.hint"), "hint")
        line = QHBoxLayout()
        line.setSpacing(12)
        line.addWidget(self._choose)
        line.addWidget(self._where, 1)
        column.addLayout(line)
        self.tabs = QTabWidget()
        self.tabs.addTab(self._make_calls(), words("series.calls"))
        self.tabs.addTab(self._make_series(), words("series.cohort"))
        column.addWidget(self.tabs, 1)
        self._problems = Notes()
        self._problems.hide()
        column.addWidget(self._problems)
        for one in self.findChildren(QPushButton):
            one.setAutoDefault(False)  # the Enter key opens a plan of the list
        self._unsubscribe = session.subscribe(Topic.JOB, self._show_activity)
        self.finished.connect(self._end)

    def _make_calls(self) -> QWidget:
        words = self._words
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(4, 12, 4, 4)
        self._calls_said = label(words("series.nothing_read"), "hint")
        column.addWidget(self._calls_said)
        names = [words(f"series.columns.{name}") for name in CALL_COLUMNS]
        self.calls = table(names, stretched=len(CALL_COLUMNS) - 1)
        self.calls.itemActivated.connect(lambda item: self._open(item.row()))
        column.addWidget(self.calls, 1)
        column.addWidget(label(words("series.open_hint"), "hint"))
        return page

    def _make_series(self) -> QWidget:
        words = self._words
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(4, 12, 12, 4)
        column.setSpacing(9)
        self.technique = combo()
        self.technique.setAccessibleName(words("series.technique"))
        self.technique.setMinimumWidth(220)
        self.technique.currentIndexChanged.connect(lambda _index: self._show_cohort())
        self._export = button(words("series.export"), self.ask_export)
        line = row(label(words("series.technique"), "quiet"), self.technique, self._export)
        line.addStretch(1)
        column.addLayout(line)
        self._facts = Facts(NAME_WIDTH)
        column.addWidget(self._facts)
        self._tables: dict[str, QTableWidget] = {}
        self._add_table(column, "compared", 0, 5)
        self._add_table(column, "means", 0, 3)
        self._add_table(column, "complications", 0, 2)
        self._add_table(column, "sites", 2, 3)
        column.addWidget(label(words("series.not_independent"), "hint"))
        column.addStretch(1)
        self._export.setEnabled(False)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(inside)
        return area

    def _add_table(self, column: QVBoxLayout, key: str, stretched: int, columns: int) -> None:
        words = self._words
        names = [words(f"series.{key}_columns.c{n}") for n in range(columns)]
        made = table(names, stretched)
        made.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
        made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        column.addWidget(label(words(f"series.{key}"), "section"))
        made.setMaximumWidth(TABLE_WIDTH)
        column.addWidget(made)
        fit_height(made)
        self._tables[key] = made

    # What the user does

    def ask_folder(self) -> None:
        """Ask for the folder of the plans."""
        name = QFileDialog.getExistingDirectory(self, self._words("series.choose_folder"))
        if name:
            self.read(Path(name))

    def read(self, folder: Path) -> None:
        """Read a folder in the background.

        Parameters
        ----------
        folder : Path
            Of plans.
        """
        self._session.cancel_named(JOB)
        self._session.start(JOB, self.show_series, None, read_series, folder, date.today())

    def ask_export(self) -> None:
        """Ask where the table of the series goes."""
        title = self._words("series.export")
        name, _ = QFileDialog.getSaveFileName(self, title, "follow-up.csv", "*.csv")
        if name:
            self.export(Path(name))

    def export(self, path: Path) -> None:
        """Write the treatments that are counted to a table.

        Parameters
        ----------
        path : Path
            CSV.
        """
        if self.series is None:
            return
        wanted = self.technique.currentData()
        rows = [
            one
            for one in self.series.records.procedures
            if wanted in (None, ALL, *one.treatment.techniques)
        ]
        try:
            write_file(path.parent, path.name, as_csv(rows).encode("utf-8"))
        except Refusal as refusal:
            tell_refusal(self, refusal, self._words)
            return
        self._where.setText(self._words("series.exported", path=str(path)))

    def _open(self, place: int) -> None:
        if self.series is not None:
            path = self.series.folder / self.series.calls[place].case
            self.accept()
            self._open_plan(path)

    # What the session tells

    def show_series(self, series: Series) -> None:
        """Show what a folder holds.

        Parameters
        ----------
        series : Series
            As read.
        """
        self.series = series
        words = self._words
        self._where.setText(
            words(
                "series.read",
                folder=str(series.folder),
                files=series.records.files,
                treatments=len(series.records.procedures),
            )
        )
        self._problems.show_problems(series.records.problems, words, "warning")
        self._show_calls(series)
        self.technique.blockSignals(True)
        self.technique.clear()
        for one in series.cohorts:
            key = "series.all" if one.technique == ALL else f"techniques.{one.technique}"
            self.technique.addItem(words(key), one.technique)
        self.technique.blockSignals(False)
        self._export.setEnabled(bool(series.cohorts))
        self._show_cohort()

    def _show_calls(self, series: Series) -> None:
        words = self._words
        key = "series.calls_said" if series.calls else "series.no_calls"
        said = words(key, count=len(series.calls), date=series.on.isoformat())
        self._calls_said.setText(said)
        self.calls.setRowCount(len(series.calls))
        for place, one in enumerate(series.calls):
            _fill(self.calls, place, self._call_cells(one))
            first = self.calls.item(place, 0)
            if first is not None:
                first.setForeground(QColor(getattr(theme(), STATE_COLOURS[one.state])))

    def _call_cells(self, one: Call) -> Iterable[str]:
        words = self._words
        late = words("series.overdue", days=one.days_overdue)
        treated = f"{one.treated.isoformat()}, {techniques_said(words, one.techniques)}"
        return (
            f"● {late}" if one.state == "overdue" else f"○ {words('series.due')}",
            occasion_name(one.occasion, words.language),
            one.due.isoformat(),
            one.case,
            f"{one.lesion} {one.lesion_name}".strip(),
            treated,
            ", ".join(occasion_name(name, words.language) for name in one.also),
        )

    def _show_cohort(self) -> None:
        wanted = self.technique.currentData()
        cohorts = () if self.series is None else self.series.cohorts
        found = next((one for one in cohorts if one.technique == wanted), None)
        words = self._words
        self._facts.show_rows([] if found is None else series_tables.headline(words, found))
        makers = {
            "compared": series_tables.compared,
            "means": series_tables.means,
            "complications": series_tables.complications,
            "sites": series_tables.sites,
        }
        for key, make in makers.items():
            shown = self._tables[key]
            rows = [] if found is None else make(words, found)
            shown.setRowCount(len(rows))
            for place, cells in enumerate(rows):
                _fill(shown, place, cells)
            fit_height(shown, 16)

    def _show_activity(self, activity: Activity | None) -> None:
        is_reading = self._session.runs(JOB)
        self._choose.setEnabled(not is_reading)
        if is_reading and activity is not None and activity.name == JOB:
            percent = f"{100 * activity.fraction:.0f} %"
            self._where.setText(f"{self._words(f'jobs.{JOB}')} …  {percent}")

    def _end(self, _result: int) -> None:
        self._unsubscribe()
        self._session.cancel_named(JOB)


def _fill(shown: QTableWidget, place: int, cells: Iterable[str]) -> None:
    for column, text in enumerate(cells):
        item = QTableWidgetItem(text)
        item.setToolTip(text)
        shown.setItem(place, column, item)
