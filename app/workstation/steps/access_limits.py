"""Margins of forbidden structures and settings of the search, folded away until they are wanted."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QLocale, Qt, QTimer
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QGridLayout,
    QPushButton,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.workstation.session import Session
from app.workstation.steps.panel import Notes, button, empty, label
from app.workstation.words import Words
from imaging.structures.model import PassageClass
from planning.access.request import DEFAULT_MARGIN_MM
from planning.access.settings import setting_rows
from planning.plan import Case

SHOWN = ("hand_angle_deg", "hand_offset_mm", "bore_mm")
NEAREST = 8  # forbidden structures, besides those whose margin was set
MOST_MARGIN_MM = 50.0
SLIDER_MM, SLIDER_STEP_MM = 20.0, 0.5
SETTLES_MS = 700  # after the last change the search is to be done again, as one step back


class Fold(QWidget):
    """A heading that shows or hides what is below it.

    Parameters
    ----------
    text : str
        Of the heading.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(6)
        self.heading = QToolButton()
        self.heading.setText(text)
        self.heading.setCheckable(True)
        self.heading.setArrowType(Qt.ArrowType.RightArrow)
        self.heading.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.heading.toggled.connect(self._unfold)
        self.body = QWidget()
        self.body.hide()
        self.rows = QVBoxLayout(self.body)
        self.rows.setContentsMargins(0, 0, 0, 0)
        self.rows.setSpacing(6)
        column.addWidget(self.heading)
        column.addWidget(self.body)

    def _unfold(self, on: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if on else Qt.ArrowType.RightArrow
        self.heading.setArrowType(arrow)
        self.body.setVisible(on)


class AccessLimits(Fold):
    """Changes margins and settings; the map of the skin follows at once.

    Parameters
    ----------
    session : Session
        The open case.
    words : Words
        Of the screen.
    """

    def __init__(self, session: Session, words: Words) -> None:
        super().__init__(words("access_limits.title"))
        self._session, self._words = session, words
        self._names: tuple[str, ...] = ()
        self.margins: dict[str, QDoubleSpinBox] = {}
        self.sliders: dict[str, QSlider] = {}
        self._refused = Notes()
        self.rows.addWidget(label(words("access_limits.hint"), "hint"))
        self.rows.addWidget(self._refused)
        margins = QWidget()
        self._grid = QGridLayout(margins)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(1, 1)
        self.rows.addWidget(margins)
        self.rows.addWidget(button(words("access_limits.back"), self._all_back))
        self.settings: dict[str, QDoubleSpinBox] = {}
        known = {row.id: row for row in setting_rows()}
        others = QWidget()
        grid = QGridLayout(others)
        grid.setContentsMargins(0, 4, 0, 0)
        grid.setColumnStretch(0, 1)
        for number, name in enumerate(SHOWN):
            unit = "°" if known[name].unit == "deg" else " mm"
            spin = _spin(
                words, unit, 1.0 if name == "bore_mm" else 0.5, 0 if name == "bore_mm" else 1
            )
            spin.setValue(known[name].value)
            spin.setToolTip(words.maybe(f"access_limits.{name}_hint", ""))
            spin.valueChanged.connect(self._changed)
            self.settings[name] = spin
            grid.addWidget(label(words.maybe(f"access_limits.{name}", name)), number, 0)
            grid.addWidget(spin, number, 1)
        self.rows.addWidget(others)
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(SETTLES_MS)
        self._settled.timeout.connect(self.flush)

    def show_case(self, case: Case | None) -> None:
        """Show the limits of another state of the case.

        Parameters
        ----------
        case : Case or None
            None while nothing is open.
        """
        names = () if case is None else _nearest_forbidden(case)
        if names != self._names:
            self._names = names
            self._build_margins()
        if case is None or self._settled.isActive():
            return  # what is being typed stays
        for name, spin in self.margins.items():
            _show(spin, case.plan.margins_mm.get(name, DEFAULT_MARGIN_MM))
            self._show_slider(name)
        known = {row.id: row.value for row in setting_rows()}
        for name, spin in self.settings.items():
            _show(spin, case.plan.access_settings.get(name, known[name]))
        self._refused.show_notes([])

    def flush(self) -> None:
        """Make what was set count, as one step back; refused values say why."""
        self._settled.stop()
        case = self._session.case
        problems = self._problems()
        self._refused.show_notes(("bad", text) for text in problems)
        if case is None or problems:
            return
        margins = {
            name: mm for name, mm in case.plan.margins_mm.items() if name not in self.margins
        }
        set_here = {name: spin.value() for name, spin in self.margins.items()}
        margins |= {name: mm for name, mm in set_here.items() if mm != DEFAULT_MARGIN_MM}
        known = {row.id: row.value for row in setting_rows()}
        settings = {n: v for n, v in case.plan.access_settings.items() if n not in self.settings}
        values = {name: spin.value() for name, spin in self.settings.items()}
        settings |= {name: value for name, value in values.items() if value != known[name]}
        self._session.reaching.set_limits(margins, settings)

    def _build_margins(self) -> None:
        empty(self._grid)
        self.margins, self.sliders = {}, {}
        words = self._words
        for number, name in enumerate(self._names):
            spin = _spin(words, " mm", SLIDER_STEP_MM, 1)
            slider = QSlider(Qt.Orientation.Horizontal)
            slider.setRange(0, round(SLIDER_MM / SLIDER_STEP_MM))
            slider.setMinimumWidth(60)
            back = QPushButton("3 mm")
            back.setToolTip(words("access_limits.back_one"))
            spin.valueChanged.connect(partial(self._margin_changed, name))
            slider.valueChanged.connect(partial(self._slid, name))
            back.clicked.connect(partial(self._back, name))
            self.margins[name], self.sliders[name] = spin, slider
            _show(spin, DEFAULT_MARGIN_MM)
            self._show_slider(name)
            for column, widget in enumerate((label(words.structure(name)), slider, spin, back)):
                self._grid.addWidget(widget, number, column)

    def _show_slider(self, name: str) -> None:
        slider = self.sliders[name]
        slider.blockSignals(True)
        slider.setValue(round(self.margins[name].value() / SLIDER_STEP_MM))
        slider.blockSignals(False)

    def _slid(self, name: str, value: int) -> None:
        self.margins[name].setValue(value * SLIDER_STEP_MM)

    def _margin_changed(self, name: str, margin_mm: float) -> None:
        self._show_slider(name)
        if margin_mm <= MOST_MARGIN_MM:
            self._session.reaching.move_margin(name, margin_mm)
        self._changed()

    def _changed(self, _value: float = 0.0) -> None:
        self._settled.start()

    def _back(self, name: str, _checked: bool = False) -> None:
        self.margins[name].setValue(DEFAULT_MARGIN_MM)

    def _all_back(self) -> None:
        for spin in self.margins.values():
            spin.setValue(DEFAULT_MARGIN_MM)

    def _problems(self) -> list[str]:
        """Return why values are refused."""
        words = self._words
        bounds = {row.id: (row.min, row.max, row.unit) for row in setting_rows()}
        told = [
            (words.structure(name), spin.value(), 0.0, MOST_MARGIN_MM, " mm")
            for name, spin in self.margins.items()
        ]
        for name, spin in self.settings.items():
            low, high, unit = bounds[name]
            title = words.maybe(f"access_limits.{name}", name)
            told.append((title, spin.value(), low, high, "°" if unit == "deg" else " mm"))
        return [
            words(
                "access_limits.refused",
                name=title,
                value=f"{words.number(value)}{unit}",
                low=words.number(low, 0),
                high=f"{words.number(high, 0)}{unit}",
            )
            for title, value, low, high, unit in told
            if not low <= value <= high
        ]


def _spin(words: Words, unit: str, step: float, digits: int) -> QDoubleSpinBox:
    made = QDoubleSpinBox()
    made.setLocale(QLocale(words.language))
    made.setRange(0.0, 9999.0)  # wider than is allowed, so that a refusal can say why
    made.setDecimals(digits)
    made.setSingleStep(step)
    made.setSuffix(unit)
    made.setMinimumWidth(92)
    return made


def _show(spin: QDoubleSpinBox, value: float) -> None:
    spin.blockSignals(True)
    spin.setValue(value)
    spin.blockSignals(False)


def _nearest_forbidden(case: Case) -> tuple[str, ...]:
    """Return the forbidden structures, nearest to the lesion first, and those with a margin set."""
    if case.structures is None:
        return ()
    forbidden = [row.name for row in case.structures.table if row.class_ == PassageClass.FORBIDDEN]
    effects = case.plan.involvement
    far = {one.name: one.distance_mm for one in effects.distances} if effects is not None else {}
    ordered = sorted(forbidden, key=lambda name: far.get(name, float("inf")))
    also = [name for name in ordered[NEAREST:] if name in case.plan.margins_mm]
    return (*ordered[:NEAREST], *also)
