"""The simulated devices side by side, and all that is known of the one that is looked at."""

from __future__ import annotations

from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QCheckBox,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.amounts import clock, dose, is_curve_of_note, is_reached
from app.report.sections.uncertainty import uncertainty_text
from app.report.texts import Language
from app.workstation.session import Session
from app.workstation.steps.ablation_words import (
    MEASURES,
    SIGNS,
    near_said,
    percent_said,
    protocol_said,
    stop_said,
)
from app.workstation.steps.curves import CurvesPlot
from app.workstation.steps.panel import Facts, Notes, button, fit_height, label, table
from app.workstation.style.palette import theme
from app.workstation.viewpoint import Look, Viewpoint
from app.workstation.words import Words
from planning.ablation.devices import devices
from planning.ablation.exposure import NeighbourRow
from planning.ablation.limits import zone_criterion
from planning.ablation.results import TreatmentSummary
from planning.plan import Case, Plan
from planning.uncertain_plan import uncertainty_of

COMPARED_LINE, COMPARED_PAD = 16, 10  # of a row: technique above what is special above device
# Of the neighbours; cold has no dose and heats nothing, heat cools nothing.
LOWEST_COLUMN, HIGHEST_COLUMN, CEM43_COLUMN = 1, 2, 3


class AblationResults(QWidget):
    """What was simulated.

    Parameters
    ----------
    session : Session
        The open case.
    viewpoint : Viewpoint
        Tells which simulation is looked at.
    words : Words
        Of the screen.
    """

    def __init__(self, session: Session, viewpoint: Viewpoint, words: Words) -> None:
        super().__init__()
        self._session, self._viewpoint, self._words = session, viewpoint, words
        self._seen: tuple[Plan | None, int] = (None, 0)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(9)
        self._compared_heading = self._heading("compared")
        self._compared = self._table(
            "device", "coverage", "with_margin", "smallest", "passed_short"
        )
        self._compared.itemSelectionChanged.connect(self._show_chosen)
        self._shows = self._switch("show_isotherms", "shows_isotherms")
        self._colours = self._switch("show_margin", "shows_margin")
        self._notes = Notes()
        self._column.addWidget(self._notes)
        self._facts = Facts()
        self._column.addWidget(self._facts)
        self._sure_heading = self._heading("how_sure")
        self._sure = Notes()
        self._column.addWidget(self._sure)
        self._sample = button(words("ablation.sample"), self._sample_shown)
        self._sample.setToolTip(words("ablation.sample_hint"))
        self._column.addWidget(self._sample)
        self._criteria_heading = self._heading("criteria")
        self._criteria = self._table("criterion", "volume", "size", "coverage", "with_margin")
        self._neighbours_heading = self._heading("neighbours")
        self._neighbours = self._table("structure", "lowest", "highest", "cem43", "limit", "when")
        self._untouched = Notes()
        self._column.addWidget(self._untouched)
        self._curves_heading = self._heading("curves")
        self._curves = CurvesPlot(words)
        self._column.addWidget(self._curves)

    def _heading(self, key: str) -> QLabel:
        made = label(self._words(f"ablation.{key}"), "section")
        self._column.addWidget(made)
        return made

    def _table(self, *keys: str) -> QTableWidget:
        made = table(self._words(f"ablation.{key}") for key in keys)
        self._column.addWidget(made)
        return made

    def _switch(self, key: str, field: str) -> QCheckBox:
        made = QCheckBox(self._words(f"ablation.{key}"))
        made.setChecked(bool(getattr(self._viewpoint.look, field)))
        made.toggled.connect(lambda on: self._viewpoint.change(**{field: on}))
        self._column.addWidget(made)
        return made

    def show_case(self, case: Case | None) -> None:
        """Show the devices simulated so far.

        Parameters
        ----------
        case : Case or None
            None while nothing is open.
        """
        rows = case.plan.simulation if case else ()
        self._compared.blockSignals(True)
        self._compared.setRowCount(len(rows))
        for number, one in enumerate(rows):
            self._fill_compared(number, one)
        self._compared.blockSignals(False)
        fit_height(self._compared)
        self.setVisible(bool(rows))
        if rows:
            chosen = min(self._viewpoint.look.simulation, len(rows) - 1)
            self._viewpoint.change(simulation=chosen)

    def show_look(self, look: Look) -> None:
        """Show the simulation that is looked at.

        Parameters
        ----------
        look : Look
            Shared by the views.
        """
        case = self._session.case
        rows = case.plan.simulation if case else ()
        if not rows:
            self._seen = None, 0
            self._curves.show_curves(())
            return
        number = min(look.simulation, len(rows) - 1)
        one = rows[number]
        seen = case.plan if case is not None else None, number
        if self._seen[0] is seen[0] and self._seen[1] == number:
            return  # a crosshair that moves changes nothing here
        self._seen = seen
        self._compared.blockSignals(True)
        self._compared.selectRow(number)
        self._compared.blockSignals(False)
        notes = [stop_said(self._words, one), *near_said(self._words, one)]
        if not one.verified_device:
            notes.append(("warning", f"* {self._words('ablation.not_verified')}"))
        self._notes.show_notes([note for note in notes if note is not None])
        self._facts.show_rows(self._facts_of(one, rows))
        sampled = None if case is None else uncertainty_of(case, one)
        language: Language = self._words.language
        told = None if sampled is None else uncertainty_text(sampled, language)
        self._sure.show_notes([("hint", told or self._words("ablation.not_sampled"))])
        self._show_criteria(one)
        self._show_neighbours(one)
        self._curves.show_curves(tuple(filter(is_curve_of_note, one.curves)))

    def _fill_compared(self, number: int, one: TreatmentSummary) -> None:
        words = self._words
        device = devices().get(one.device)
        margin = one.min_margin_mm
        name = device.name if device else one.device
        tags = [words("ablation.planned_tag")] if one.is_planned else []
        if one.dissections:
            tags.append(words("ablation.dissected_tag"))
        if len(one.probes) > 1:
            tags.append(f"× {len(one.probes)}")
        technique = words(f"techniques.{one.technique}")
        sure = "" if one.verified_device else f"\n{words('ablation.not_verified')}"
        mark = "" if one.verified_device else " *"
        cells = (
            "\n".join([f"{technique}{mark}", *([", ".join(tags)] if tags else []), name]),
            percent_said(words, one.coverage_percent),
            percent_said(words, one.coverage_with_margin_percent),
            "–" if margin is None else f"{words.number(margin)} mm",
            self._limits_said(one),
        )
        lines = cells[0].count("\n") + 1
        self._compared.setRowHeight(number, COMPARED_LINE * lines + COMPARED_PAD)
        for column, text in enumerate(cells):
            item = QTableWidgetItem(text)
            if column == 0:
                item.setToolTip(f"{name}, {technique}{sure}")
            if column == 4:
                colour = (
                    theme().bad
                    if one.passed
                    else theme().warning
                    if self._unpainted
                    else theme().good
                )
                item.setForeground(QColor(colour))
                item.setToolTip(
                    "\n".join(filter(None, (words("ablation.limits"), self._unpainted)))
                )
            self._compared.setItem(number, column, item)

    @property
    def _unpainted(self) -> str:
        """What no CT shows and nobody painted, one a line."""
        case = self._session.case
        rows = case.plan.unpainted if case is not None else ()
        return "\n".join(
            self._words("structures_panel.not_visible", name=self._words.structure(one.name))
            for one in rows
        )

    def _limits_said(self, one: TreatmentSummary) -> str:
        """Say how many limits are passed; that none is, only when everything was checked."""
        if not one.passed and not self._unpainted:
            return self._words("ablation.kept")
        return self._words("ablation.passed", count=len(one.passed), of=len(one.neighbours))

    def _facts_of(
        self, one: TreatmentSummary, rows: tuple[TreatmentSummary, ...]
    ) -> list[tuple[str, str]]:
        words, number = self._words, self._words.number
        device = devices().get(one.device)
        margin = "–" if one.min_margin_mm is None else f"{number(one.min_margin_mm)} mm"
        if one.min_margin_lps_mm is not None:
            place = ", ".join(number(n, 0) for n in one.min_margin_lps_mm)
            margin = words("ablation.margin_at", margin=margin, place=place)
        facts = [
            (words("ablation.device"), device.name if device else one.device),
            (words("ablation.coverage_long"), percent_said(words, one.coverage_percent)),
            (
                words("ablation.coverage_margin", mm=number(one.margin_mm)),
                percent_said(words, one.coverage_with_margin_percent),
            ),
            (words("ablation.smallest_margin"), margin),
            (words("ablation.zone"), f"{number(one.zone_ml)} ml"),
        ]
        if one.protocol:
            facts.insert(1, (words("ablation.protocol"), protocol_said(words, one.protocol)))
        for layer in one.dissections:
            fluid = words(f"fluids.{layer.fluid}")
            name = words.structure(layer.structure) if layer.structure else ""
            facts.append((words("ablation.dissected_tag"), f"{fluid} {name}".strip()))
        before = _without_dissection(one, rows)
        if before is not None:
            facts += self._changed(before, one)
        return facts

    def _changed(self, before: TreatmentSummary, after: TreatmentSummary) -> list[tuple[str, str]]:
        """Say what the dissection changed for each neighbour of which it changed something."""
        words, found = self._words, []
        known = {near.name: near for near in before.neighbours}
        for near in after.neighbours:
            one = known.get(near.name)
            if one is None:
                continue
            cold = after.technique == "cryoablation"
            values = (one.min_c, near.min_c) if cold else (one.max_c, near.max_c)
            if abs(values[1] - values[0]) >= 0.5:
                told = " → ".join(f"{words.number(value)} °C" for value in values)
                name = words.structure(near.name)
                found.append((words("ablation.without_and_with", name=name), told))
        return found

    def _show_criteria(self, one: TreatmentSummary) -> None:
        words, number = self._words, self._words.number
        lines: list[tuple[str, ...]] = []
        for row in one.criteria:
            if not row.criterion.startswith("isotherm"):
                name = words(f"criteria.{row.criterion}")
                shares = (row.coverage_percent, row.coverage_with_margin_percent)
                told = [percent_said(words, share) for share in shares]
                lines.append((name, f"{number(row.volume_ml)} ml", "", *told))
        shared = {row.criterion: row for row in one.criteria}
        for level in one.isotherms:
            size = ""
            if level.length_mm is not None and level.width_mm is not None:
                size = f"{number(level.length_mm, 0)} × {number(level.width_mm, 0)} mm"
            at = shared.get(f"isotherm_{level.temperature_c:.0f}")  # type: ignore[call-overload]
            told = ["", ""]
            if at is not None:
                shares = (at.coverage_percent, at.coverage_with_margin_percent)
                told = [percent_said(words, share) for share in shares]
            name = f"{number(level.temperature_c, 0)} °C"
            if f"isotherm_{level.temperature_c:.0f}" == zone_criterion(one.technique):
                name = words("criteria.zone", name=name)
            lines.append((name, f"{number(level.volume_ml)} ml", size, *told))
        for freeze in one.freezes:
            name = words("criteria.freeze_once")
            if freeze.freezes > 1:
                name = words("criteria.freezes", count=freeze.freezes)
            shares = (freeze.coverage_percent, freeze.coverage_with_margin_percent)
            told = [percent_said(words, share) for share in shares]
            lines.append((name, f"{number(freeze.volume_ml)} ml", "", *told))
        self._criteria.setRowCount(len(lines))
        for line, cells in enumerate(lines):
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                self._criteria.setItem(line, column, item)
        fit_height(self._criteria)

    def _show_neighbours(self, one: TreatmentSummary) -> None:
        """Show who sees heat or cold, limits that are passed first; who sees none is named."""
        reached = [near for near in one.neighbours if near.passed or is_reached(near)]
        reached.sort(key=lambda near: not near.passed)
        cold = one.technique == "cryoablation"
        for column, is_hidden in (
            (LOWEST_COLUMN, not cold),
            (HIGHEST_COLUMN, cold),
            (CEM43_COLUMN, cold),
        ):
            self._neighbours.setColumnHidden(column, is_hidden)
        self._neighbours.setRowCount(len(reached))
        for place, near in enumerate(reached):
            self._fill_neighbour(place, near)
        fit_height(self._neighbours)
        others = [
            self._words.structure(near.name) for near in one.neighbours if near not in reached
        ]
        told = self._words("ablation.untouched", names=", ".join(others))
        self._untouched.show_notes([("hint", told)] if others else [])

    def _fill_neighbour(self, number: int, near: NeighbourRow) -> None:
        words = self._words
        unit = MEASURES[near.measure]
        limit = "–"
        if near.limit is not None:
            limit = f"{SIGNS[near.measure]} {words.number(near.limit, 0)} {unit}"
        first = "–" if near.first_passed_s is None else clock(near.first_passed_s)
        cells = (
            words.structure(near.name),
            words.number(near.min_c),
            words.number(near.max_c),
            dose(near.cem43),
            limit,
            first,
        )
        for column, text in enumerate(cells):
            item = QTableWidgetItem(text)
            item.setToolTip(f"{text}\n{near.source}" if column == 0 else near.source)
            if near.passed:
                item.setForeground(QColor(theme().bad))
            self._neighbours.setItem(number, column, item)

    def show_activity(self, *, free: bool) -> None:
        """Let what is looked at be sampled when nothing else runs.

        Parameters
        ----------
        free : bool
            Whether nothing runs.
        """
        self._sample.setEnabled(free)

    def _sample_shown(self) -> None:
        case = self._session.case
        rows = case.plan.simulation if case else ()
        if rows:
            self._session.ablating.sample(rows[min(self._viewpoint.look.simulation, len(rows) - 1)])

    def _show_chosen(self) -> None:
        rows = self._compared.selectionModel().selectedRows()
        if rows:
            self._viewpoint.change(simulation=rows[0].row())


def _without_dissection(
    one: TreatmentSummary, rows: tuple[TreatmentSummary, ...]
) -> TreatmentSummary | None:
    """Return the same device without dissection, to be compared with."""
    if not one.dissections:
        return None
    return next((row for row in rows if row.device == one.device and not row.dissections), None)
