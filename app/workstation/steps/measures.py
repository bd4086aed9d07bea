"""The measures of a lesion: how each was found, and what the radiologist sets by hand."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.workstation.editing import Editing
from app.workstation.steps.panel import combo, fit_height, label, ok_cancel, table
from app.workstation.style.palette import theme
from app.workstation.words import Words
from imaging.structures.model import is_bone
from planning.edits import DISTANCE, Measure, Value, measure_of, measured_value, measures
from planning.plan import Plan

SHOWN_DISTANCES = 8
PENDING = "…"
DIGITS = {"volume_formula_ml": 2, "volume_ml": 2, "diameter_fraction": 2, "mean_hu": 0}
DIGITS |= {
    "surface_mm2": 0,
    "breach_area_mm2": 0,
    "thin_cortex_mm2": 0,
    "posterior_wall_area_mm2": 0,
}
DIGITS |= {"section_percent": 0, "body_percent": 0, "collapse_percent": 0}
ONLY_WHEN_OPEN = {
    "breach_area_mm2": "cortical_breach",
    "posterior_wall_area_mm2": "posterior_wall_breach",
}
ONLY_WHEN_SEEN = ("thin_cortex_mm2",)
ONLY_IN_SPINE = ("body_percent", "collapse_percent", "posterior_wall_breach")


@dataclass(frozen=True)
class Row:
    """A measure as it is shown.

    Parameters
    ----------
    key : str
        Of the measure.
    value : bool, float, str or None
        As it counts; None is unknown.
    measured : bool, float, str or None
        As it was measured.
    is_edited : bool
        Whether it was set by hand.
    """

    key: str
    value: Value | None
    measured: Value | None
    is_edited: bool


def rows_of(plan: Plan) -> list[Row]:
    """Return the measures to be shown.

    Parameters
    ----------
    plan : Plan
        With a measured lesion.

    Returns
    -------
    list of Row
        In the order of the table of measures, the nearest structures last.
    """
    lesion, effects = plan.measures, plan.effects
    if lesion is None or plan.lesion is None:
        return []
    edited = {one.key for one in plan.edits}
    keys = [key for key in measures() if key != DISTANCE]
    if effects is None:
        keys = [key for key in keys if measure_of(key).where == "lesion"]
    else:
        if not (effects.bone or "").startswith(("vertebra", "sacrum")):
            keys = [key for key in keys if key not in ONLY_IN_SPINE]
        near = [one.name for one in effects.distances if not is_bone(one.name)]
        keys += [f"{DISTANCE}.{name}" for name in near[:SHOWN_DISTANCES]]
    found = []
    for key in keys:
        value = measured_value(lesion, effects, key)
        needs = ONLY_WHEN_OPEN.get(key)
        if needs is not None and measured_value(lesion, effects, needs) is not True:
            continue
        if value is None and key in ONLY_WHEN_SEEN:
            continue
        raw = measured_value(plan.lesion, plan.involvement, key)
        found.append(Row(key, value, raw, key in edited))
    return found


def said(words: Words, key: str, value: Value | None) -> str:
    """Return a measure's value for people.

    Parameters
    ----------
    words : Words
        Of the screen.
    key : str
        Of the measure.
    value : bool, float, str or None
        None is unknown.

    Returns
    -------
    str
        With its unit.
    """
    if value is None or isinstance(value, bool):
        answer = {True: "yes", False: "no", None: "unknown"}[value]
        return words(f"answers_said.{answer}")
    if isinstance(value, str):
        return words.maybe(f"options.{value}", value)
    unit = measure_of(key).unit or ""
    return f"{words.number(value, DIGITS.get(key, 1))} {unit}".strip()


class MeasureTable(QWidget):
    """The measures, each to be changed by a double click.

    Parameters
    ----------
    words : Words
        Of the screen.
    editing : Editing
        Takes the changes.
    """

    def __init__(self, words: Words, editing: Editing) -> None:
        super().__init__()
        self._words, self._editing = words, editing
        self._rows: list[Row] = []
        self._shown: list[Row] | None = None  # None while values are left out
        self.is_pending = False
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.table = table((words("measures.name"), words("measures.value")))
        self.table.itemDoubleClicked.connect(lambda item: self.ask(item.row()))
        column.addWidget(self.table)
        column.addWidget(label(words("measures.hint"), "hint"))

    def show_plan(self, plan: Plan | None, *, is_measuring: bool = False) -> None:
        """Show the measures of a plan.

        Parameters
        ----------
        plan : Plan or None
            None, or without measures, hides the table.
        is_measuring : bool
            Keeps the rows of the outline before without their values, so that what lies below
            the table does not move at every stroke.
        """
        if is_measuring and self._rows:
            self._show_pending()
            return
        rows = [] if plan is None else rows_of(plan)
        self.is_pending = False
        self.setVisible(bool(rows))
        if rows == self._shown:
            return
        self._shown = rows
        self._rows = rows
        self.table.setRowCount(len(rows))
        for number, one in enumerate(rows):
            self._fill(number, one)
        fit_height(self.table, 32)

    def ask(self, number: int) -> None:
        """Ask for another value of a measure.

        Parameters
        ----------
        number : int
            Of the row.
        """
        if self.is_pending:
            return
        row = self._rows[number]
        dialog = MeasureDialog(self, self._words, row)
        if dialog.exec() != QDialog.DialogCode.Accepted:
            return
        if dialog.is_taken_back:
            self._editing.take_back_edit(row.key)
        else:
            self._editing.edit_measure(row.key, dialog.value)

    def _show_pending(self) -> None:
        self.is_pending, self._shown = True, None
        for number in range(self.table.rowCount()):
            item = QTableWidgetItem(PENDING)
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            item.setForeground(QColor(theme().quiet))
            self.table.setItem(number, 1, item)

    def _fill(self, number: int, one: Row) -> None:
        how = measure_of(one.key).how[self._words.language]
        name = QTableWidgetItem(name_of(self._words, one.key))
        value = QTableWidgetItem(said(self._words, one.key, one.value))
        value.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        follows = one.value != one.measured  # a volume by formula, of a length that was set
        if one.is_edited or follows:
            was = said(self._words, one.key, one.measured)
            told = "measures.edited" if one.is_edited else "measures.follows"
            how = self._words(told, was=was) + "\n" + how
            value.setText(f"✎ {value.text()}")
            value.setForeground(QColor(theme().warning))
        for item in (name, value):
            item.setToolTip(how)
        self.table.setItem(number, 0, name)
        self.table.setItem(number, 1, value)


def name_of(words: Words, key: str) -> str:
    """Return a measure's name for people.

    Parameters
    ----------
    words : Words
        Of the screen.
    key : str
        Of the measure.

    Returns
    -------
    str
        Of a distance, with the structure.
    """
    if key.startswith(f"{DISTANCE}."):
        return words("measures.to", name=words.structure(key.removeprefix(f"{DISTANCE}.")))
    return words(f"measures.{key.replace('.', '_')}")


class MeasureDialog(QDialog):
    """Asks for another value of a measure.

    Parameters
    ----------
    parent : QWidget
        The table.
    words : Words
        Of the screen.
    row : Row
        The measure.
    """

    def __init__(self, parent: QWidget, words: Words, row: Row) -> None:
        super().__init__(parent)
        self.is_taken_back = False
        self.setWindowTitle(name_of(words, row.key))
        measure = measure_of(row.key)
        column = QVBoxLayout(self)
        column.addWidget(label(measure.how[words.language], "hint"))
        was = said(words, row.key, row.measured)
        column.addWidget(label(words("measures.was", was=was), "quiet"))
        self.field = _field(words, measure, row)
        column.addWidget(self.field)
        buttons = ok_cancel(self, words)
        back = buttons.addButton(words("measures.back"), QDialogButtonBox.ButtonRole.ResetRole)
        back.setEnabled(row.is_edited)
        back.clicked.connect(self._take_back)
        column.addWidget(buttons)

    @property
    def value(self) -> Value:
        """What was given."""
        if isinstance(self.field, QComboBox):
            chosen: Value = self.field.currentData()
            return chosen
        return float(self.field.value())

    def _take_back(self) -> None:
        self.is_taken_back = True
        self.accept()


def _field(words: Words, measure: Measure, row: Row) -> QComboBox | QDoubleSpinBox:
    if measure.least is not None and measure.most is not None:
        spin = QDoubleSpinBox()
        spin.setDecimals(max(DIGITS.get(row.key, 1), 1))
        spin.setRange(measure.least, measure.most)
        spin.setSuffix(f" {measure.unit}" if measure.unit else "")
        spin.setValue(float(row.value) if isinstance(row.value, int | float) else measure.least)
        spin.selectAll()
        return spin
    choice = combo()
    for value in measure.choices or (True, False):
        choice.addItem(said(words, row.key, value), value)
    choice.setCurrentIndex(max(choice.findData(row.value), 0))
    return choice
