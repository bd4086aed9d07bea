"""Ablation: what devices do to the lesion and to its neighbours."""

from __future__ import annotations

from PySide6.QtCore import QLocale, Qt
from PySide6.QtWidgets import QDoubleSpinBox, QPushButton

from app.workstation.ablation_tasks import Shown
from app.workstation.stages import Activity, Topic
from app.workstation.steps.ablation_extras import AblationExtras
from app.workstation.steps.ablation_results import AblationResults
from app.workstation.steps.ablation_words import passed_said, percent_said, search_said
from app.workstation.steps.panel import Desk, Notes, Panel, button, combo, label, row
from app.workstation.viewpoint import Look, Tool
from planning.ablation.devices import devices, user_device_problems
from planning.plan import Case
from planning.teaching.exercise import Visible

MARGIN_MM = (0.0, 20.0)
DEFAULT_MARGIN_MM = 5.0
GRIDS_MM = (1.0, 1.5, 2.0)
JOBS = ("ablation", "compare", "plan_ablation", "uncertainty")


class AblationPanel(Panel):
    """Devices, simulated on the chosen ways in.

    Parameters
    ----------
    desk : Desk
        What it works with.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, "ablation")
        self._add_choices()
        words = self.words
        self._run = button(words("ablation.run"), self._simulate, "primary")
        self._compare = button(words("ablation.compare"), self._compare_all)
        self._plan = button(words("ablation.plan_for_me"), self._plan_for_me)
        self._cancel = button(words("app.cancel"), self.session.cancel)
        self._move = QPushButton(words("ablation.move"))
        self._move.setCheckable(True)
        self._move.clicked.connect(self._use_tool)
        for one, key in (
            (self._compare, "compare_hint"),
            (self._plan, "plan_hint"),
            (self._move, "move_hint"),
        ):
            one.setToolTip(words(f"ablation.{key}"))
        self.column.addLayout(row(self._run, self._compare))
        self.column.addLayout(row(self._plan, self._move, self._cancel))
        self.withhold(Visible.SIMULATION, self._run, self._move)
        self.withhold(Visible.PROPOSALS, self._compare, self._plan)
        self._needs = Notes()
        self.column.addWidget(self._needs)
        self._preview = Notes()
        self.column.addWidget(self._preview)
        self._search = Notes()
        self.column.addWidget(self._search)
        self._extras = AblationExtras(self.session, self.viewpoint, words)
        self.column.addWidget(self._extras)
        self._results = AblationResults(self.session, self.viewpoint, words)
        self.column.addWidget(self._results)
        self._subscriptions += [
            self.viewpoint.subscribe(self._show_look),
            self.session.subscribe(Topic.ABLATION, self._show_preview),
            self.session.subscribe(Topic.EXTRAS, lambda _found: self._extras.show_case()),
        ]
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
        self._margin.valueChanged.connect(self._choose)
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
        lacks = case is None or case.plan.chosen is None
        self._needs.show_notes([("hint", self.words("needs.access"))] if lacks else [])
        search = None if case is None else case.plan.ablation_search
        self._search.show_notes([] if search is None else search_said(self.words, search))
        self._extras.show_case()
        self._results.show_case(case)
        self._show_look(self.viewpoint.look)
        self.show_activity(self.session.activity)

    def show_activity(self, activity: Activity | None) -> None:
        """Let a simulation start when it can, and be cancelled while it runs."""
        case, runs = self.session.case, self.session.runs(*JOBS)
        has_way = case is not None and case.plan.chosen is not None
        for one in (self._run, self._compare, self._move):
            one.setEnabled(has_way and not runs)
        is_ready = case is not None and case.lesion is not None and case.structures is not None
        self._plan.setEnabled(is_ready and not runs)
        self._cancel.setVisible(runs)
        self._extras.show_activity(free=not runs)
        self._results.show_activity(free=not runs)

    def _show_verified(self, _index: int = 0) -> None:
        device = devices()[self._device.currentData()]
        notes = [] if device.verified else [("warning", self.words("ablation.not_verified"))]
        notes += [("bad", self.words.problem(one)) for one in user_device_problems()]
        self._verified.show_notes(notes)
        self._device.setToolTip(device.source)
        self._choose()

    def _choose(self, _value: float = 0.0) -> None:
        self.session.ablating.choose(self._device.currentData(), self._margin.value())

    def _show_look(self, look: Look) -> None:
        self._move.setChecked(look.tool == Tool.DRAW_WAY)
        self._results.show_look(look)

    def _show_preview(self, shown: Shown | None) -> None:
        """Say what a moved probe would do, until it is let go and simulated finely."""
        if shown is None:
            self._preview.show_notes([])
            return
        words, one = self.words, shown.summary
        told = words(
            "ablation.preview",
            covered=percent_said(words, one.coverage_percent),
            margin=percent_said(words, one.coverage_with_margin_percent),
        )
        kind = "bad" if one.passed else "good"
        self._preview.show_notes([("hint", told), (kind, passed_said(words, one))])

    def _use_tool(self, on: bool) -> None:
        self._choose()
        self.viewpoint.change(tool=Tool.DRAW_WAY if on else Tool.CROSSHAIR)

    def _compare_all(self) -> None:
        self.viewpoint.change(simulation=0)
        self.session.ablating.compare(self._margin.value(), float(self._spacing.currentData()))

    def _plan_for_me(self) -> None:
        self._look_at_newest()
        self.session.ablating.plan(
            self._device.currentData(), self._margin.value(), float(self._spacing.currentData())
        )

    def _simulate(self) -> None:
        self._look_at_newest()
        self.session.simulate(
            self._device.currentData(), self._margin.value(), float(self._spacing.currentData())
        )

    def _look_at_newest(self) -> None:
        case = self.session.case
        self.viewpoint.change(simulation=len(case.plan.simulation) if case else 0)
