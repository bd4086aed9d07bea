"""Ablation: what a device does to the lesion and to its neighbours."""

from __future__ import annotations

import math

from PySide6.QtCore import QLocale, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QTableWidgetItem

from app.workstation.stages import Activity
from app.workstation.steps.curves import CurvesPlot
from app.workstation.steps.panel import (
    Desk,
    Facts,
    Notes,
    Panel,
    button,
    combo,
    fit_height,
    label,
    row,
    table,
)
from app.workstation.style.palette import BAD, GOOD, WARNING
from app.workstation.viewpoint import Look
from planning.ablation.devices import devices
from planning.ablation.exposure import NeighbourRow
from planning.ablation.results import TreatmentSummary
from planning.plan import Case

MARGIN_MM = (0.0, 20.0)
DEFAULT_MARGIN_MM = 5.0
GRIDS_MM = (1.0, 1.5, 2.0)
MEASURES = {"max_c": "°C", "min_c": "°C", "cem43": "min", "clear_mm": "mm"}


class AblationPanel(Panel):
    """Devices, simulated on the chosen way in.

    Parameters
    ----------
    desk : Desk
        What it works with.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, "ablation")
        self._add_choices()
        self._run = button(self.words("ablation.run"), self._simulate, "primary")
        self._cancel = button(self.words("app.cancel"), self.session.cancel)
        self.column.addLayout(row(self._run, self._cancel))
        self._needs = Notes()
        self.column.addWidget(self._needs)
        self._compared_heading = self.add_section("ablation.compared")
        names = ("device", "coverage", "smallest_margin", "limits")
        self._compared = table(self.words(f"ablation.{key}") for key in names)
        self._compared.itemSelectionChanged.connect(self._show_chosen)
        self.column.addWidget(self._compared)
        self._shows = QCheckBox(self.words("ablation.show_isotherms"))
        self._shows.setChecked(self.viewpoint.look.shows_isotherms)
        self._shows.toggled.connect(lambda on: self.viewpoint.change(shows_isotherms=on))
        self.column.addWidget(self._shows)
        self._facts = Facts()
        self.column.addWidget(self._facts)
        self._neighbours_heading = self.add_section("ablation.neighbours")
        names = ("structure", "value", "limit", "first_passed")
        self._neighbours = table(self.words(f"ablation.{key}") for key in names)
        self.column.addWidget(self._neighbours)
        self._curves_heading = self.add_section("ablation.curves")
        self._curves = CurvesPlot(self.words)
        self.column.addWidget(self._curves)
        self._subscriptions.append(self.viewpoint.subscribe(self._show_look))
        self.finish()

    def _add_choices(self) -> None:
        self._device, self._spacing = combo(), combo()
        for device in devices().values():
            technique = self.words(f"techniques.{device.technique}")
            self._device.addItem(f"{technique} – {device.name}", device.id)
            number = self._device.count() - 1
            self._device.setItemData(number, device.source, Qt.ItemDataRole.ToolTipRole)
        self._device.currentIndexChanged.connect(self._show_verified)
        self._margin = QDoubleSpinBox()
        self._margin.setRange(*MARGIN_MM)
        self._margin.setDecimals(1)
        self._margin.setMinimumWidth(96)
        self._margin.setLocale(QLocale(self.words.language))
        self._margin.setValue(DEFAULT_MARGIN_MM)
        self._margin.setSuffix(" mm")
        for mm in GRIDS_MM:
            self._spacing.addItem(f"{self.words.number(mm)} mm", mm)
        self.column.addWidget(label(self.words("ablation.device"), "quiet"))
        self.column.addWidget(self._device)
        self._verified = Notes()
        self.column.addWidget(self._verified)
        self.column.addLayout(
            row(
                label(self.words("ablation.margin"), "quiet"),
                self._margin,
                label(self.words("ablation.grid"), "quiet"),
                self._spacing,
            )
        )
        self._show_verified()

    def show_case(self, case: Case | None) -> None:
        """Show the devices simulated so far."""
        rows = case.plan.simulation if case else ()
        lacks = case is None or case.plan.chosen is None
        self._needs.show_notes([("hint", self.words("needs.access"))] if lacks else [])
        self._compared.blockSignals(True)
        self._compared.setRowCount(len(rows))
        for number, one in enumerate(rows):
            self._fill_compared(number, one)
        self._compared.blockSignals(False)
        fit_height(self._compared)
        for widget in (self._compared, self._compared_heading, self._shows):
            widget.setVisible(bool(rows))
        if rows:
            self.viewpoint.change(simulation=min(self.viewpoint.look.simulation, len(rows) - 1))
        self._show_look(self.viewpoint.look)
        self.show_activity(self.session.activity)

    def show_activity(self, activity: Activity | None) -> None:
        """Let a simulation start when it can, and be cancelled while it runs."""
        case, runs = self.session.case, self.session.runs("ablation")
        self._run.setEnabled(case is not None and case.plan.chosen is not None and not runs)
        self._cancel.setEnabled(runs)

    def _show_verified(self, _index: int = 0) -> None:
        device = devices()[self._device.currentData()]
        notes = [] if device.verified else [("warning", self.words("ablation.not_verified"))]
        self._verified.show_notes(notes)
        self._device.setToolTip(device.source)

    def _fill_compared(self, number: int, one: TreatmentSummary) -> None:
        words = self.words
        device = devices().get(one.device)
        passed = [near for near in one.neighbours if near.passed]
        margin = one.min_margin_mm
        cells = (
            device.name if device else one.device,
            f"{words.number(_never_rounded_up(one.coverage_percent))} %",
            "–" if margin is None else f"{words.number(margin)} mm",
            self._limits_said(len(passed)),
        )
        for column, text in enumerate(cells):
            item = QTableWidgetItem(text)
            if column == 0:
                item.setToolTip(f"{text}, {words(f'techniques.{one.technique}')}")
            if column == 3:
                item.setForeground(QColor(BAD if passed else WARNING if self._unpainted else GOOD))
                item.setToolTip(self._unpainted)
            self._compared.setItem(number, column, item)

    @property
    def _unpainted(self) -> str:
        """What no CT shows and nobody painted, one a line."""
        case = self.session.case
        rows = case.plan.unpainted if case is not None else ()
        return "\n".join(
            self.words("structures_panel.not_visible", name=self.words.structure(one.name))
            for one in rows
        )

    def _limits_said(self, passed: int) -> str:
        """Say how many limits are passed; that none is, only when everything was checked."""
        if passed:
            return self.words("ablation.passed", count=passed)
        return self.words("ablation.not_all_checked" if self._unpainted else "ablation.kept")

    def _show_look(self, look: Look) -> None:
        rows = self.session.case.plan.simulation if self.session.case else ()
        one = rows[min(look.simulation, len(rows) - 1)] if rows else None
        for widget in (self._neighbours, self._neighbours_heading, self._curves_heading):
            widget.setVisible(one is not None)
        self._curves.show_curves(one.curves if one else ())
        if one is None:
            self._facts.show_rows(())
            return
        self._compared.blockSignals(True)
        self._compared.selectRow(min(look.simulation, len(rows) - 1))
        self._compared.blockSignals(False)
        self._facts.show_rows(self._rows(one))
        self._neighbours.setRowCount(len(one.neighbours))
        for number, near in enumerate(one.neighbours):
            self._fill_neighbour(number, near)
        fit_height(self._neighbours)

    def _rows(self, one: TreatmentSummary) -> list[tuple[str, str]]:
        words, number = self.words, self.words.number
        margin = "–" if one.min_margin_mm is None else f"{number(one.min_margin_mm)} mm"
        rows = [
            (
                words("ablation.coverage_long"),
                f"{number(_never_rounded_up(one.coverage_percent))} %",
            ),
            (
                words("ablation.coverage_margin", mm=number(one.margin_mm)),
                f"{number(_never_rounded_up(one.coverage_with_margin_percent))} %",
            ),
            (words("ablation.smallest_margin"), margin),
            (words("ablation.zone"), f"{number(one.zone_ml)} ml"),
        ]
        for level in one.isotherms:
            if level.length_mm is not None and level.width_mm is not None:
                size = f"{number(level.length_mm, 0)} × {number(level.width_mm, 0)} mm"
                rows.append((f"{number(level.temperature_c, 0)} °C", size))
        return rows

    def _fill_neighbour(self, number: int, near: NeighbourRow) -> None:
        words = self.words
        unit = MEASURES[near.measure]
        sign = "≥" if near.measure in {"min_c", "clear_mm"} else "≤"
        limit = "–" if near.limit is None else f"{sign} {words.number(near.limit, 0)} {unit}"
        first = "" if near.first_passed_s is None else self._clock(near.first_passed_s)
        cells = (words.structure(near.name), f"{words.number(near.value)} {unit}", limit, first)
        for column, text in enumerate(cells):
            item = QTableWidgetItem(text)
            item.setToolTip(near.source)
            if near.passed:
                item.setForeground(QColor(BAD))
            self._neighbours.setItem(number, column, item)

    def _clock(self, seconds: float) -> str:
        return f"{int(seconds // 60)} min {int(seconds % 60):02d}"

    def _show_chosen(self) -> None:
        rows = self._compared.selectionModel().selectedRows()
        if rows:
            self.viewpoint.change(simulation=rows[0].row())

    def _simulate(self) -> None:
        self.viewpoint.change(
            simulation=len(self.session.case.plan.simulation) if self.session.case else 0
        )
        self.session.simulate(
            self._device.currentData(), self._margin.value(), float(self._spacing.currentData())
        )


def _never_rounded_up(percent: float) -> float:
    """Return a share cut to one decimal: what is not wholly covered is never shown as 100 %."""
    return math.floor(10 * percent) / 10
