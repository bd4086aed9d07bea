"""Access: which way in, and what was judged unsafe."""

from __future__ import annotations

import numpy as np
from PySide6.QtWidgets import QCheckBox, QPushButton

from app.workstation.access_tasks import SkinShown
from app.workstation.stages import Activity, Topic
from app.workstation.steps.access_limits import AccessLimits
from app.workstation.steps.access_words import why_none
from app.workstation.steps.extra_needles import ExtraNeedles
from app.workstation.steps.own_way import OwnWay
from app.workstation.steps.panel import Desk, Facts, Notes, Panel, combo, label
from app.workstation.steps.way_details import NAMES_WIDTH, WayDetails
from app.workstation.steps.ways import WayList
from app.workstation.viewpoint import Look
from app.workstation.words import reason_said
from imaging.document import Vector
from planning.access.needles import needle_table
from planning.access.posture import Position
from planning.access.request import AccessResult
from planning.plan import Case
from planning.teaching.exercise import Visible


class AccessPanel(Panel):
    """Ways in.

    Parameters
    ----------
    desk : Desk
        What it works with.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, "access")
        self._build_search()
        self.ways = WayList(self.words, self.session.choose_access)
        self.column.addWidget(self.ways)
        self.planes = QPushButton(self.words("needle_views.button"))
        self.planes.setToolTip(self.words("needle_views.button_hint"))
        self.planes.setCheckable(True)
        self.planes.clicked.connect(lambda on: self.viewpoint.change(shows_needle_planes=on))
        self.column.addWidget(self.planes)
        self.own_way = OwnWay(self.session, self.viewpoint, self.words)
        self.column.addWidget(self.own_way)
        self._skin = QCheckBox(self.words("skin.show"))
        self._skin.setToolTip(self.words("skin.show_hint"))
        self._skin.setChecked(self.viewpoint.look.shows_skin)
        self._skin.toggled.connect(lambda on: self.viewpoint.change(shows_skin=on))
        self.column.addWidget(self._skin)
        self._aim = QCheckBox(self.words("skin.aim"))
        self._aim.setToolTip(self.words("skin.aim_hint"))
        self._aim.setChecked(self.viewpoint.look.aims_at_crosshair)
        self._aim.toggled.connect(lambda on: self.viewpoint.change(aims_at_crosshair=on))
        self.column.addWidget(self._aim)
        self._skin_notes = Notes()
        self.column.addWidget(self._skin_notes)
        self._all = QCheckBox(self.words("access.show_all"))
        self._all.setChecked(self.viewpoint.look.shows_proposals)
        self._all.toggled.connect(lambda on: self.viewpoint.change(shows_proposals=on))
        self.column.addWidget(self._all)
        self.limits = AccessLimits(self.session, self.words)
        self.column.addWidget(self.limits)
        self.extras = ExtraNeedles(self.session, self.words)
        self.column.addWidget(self.extras)
        self.details = WayDetails(self.words)
        self.column.addWidget(self.details)
        self._unchecked = Notes()
        self.column.addWidget(self._unchecked)
        self._rejected_heading = self.add_section("access.rejected")
        self._rejected = Facts(NAMES_WIDTH)
        self.column.addWidget(self._rejected)
        self.withhold(Visible.PROPOSALS, self._run, self._skin, self._aim, self._all, self.extras)
        self._skin_said: list[tuple[str, str]] | None = None
        self._planned: tuple[object, ...] = ()
        self._subscriptions += [
            self.session.subscribe(Topic.SKIN, self._show_skin),
            self.session.subscribe(Topic.EXTRAS, self.extras.show_extras),
            self.viewpoint.subscribe(self._look_changed),
        ]
        self._needle.currentIndexChanged.connect(self._ask)
        self._position.currentIndexChanged.connect(self._ask)
        self.finish()
        self._ask()
        self._look_changed(self.viewpoint.look)

    def _build_search(self) -> None:
        self._needle, self._position = combo(), combo()
        for needle in needle_table():
            self._needle.addItem(self.words.maybe(f"needles.{needle.id}", needle.name), needle.id)
        for position in Position:
            self._position.addItem(self.words(f"positions.{position.value}"), position)
        self.column.addWidget(label(self.words("access.needle"), "quiet"))
        self.column.addWidget(self._needle)
        self.column.addWidget(label(self.words("access.position"), "quiet"))
        self.column.addWidget(self._position)
        self._needle.setToolTip(self.words("access.needle_hint"))
        self._position.setToolTip(self.words("access.position_hint"))
        self._run = self.add_button("access.run", self._search, "primary")
        self._run.setToolTip(self.words("access.run_hint"))
        self._needs = Notes()
        self.column.addWidget(self._needs)

    def show_case(self, case: Case | None) -> None:
        """Show the proposals."""
        access = case.plan.access if case else None
        lacking = []
        if case is None or case.lesion is None:
            lacking.append(("hint", self.words("needs.lesion")))
        if case is None or case.structures is None:
            lacking.append(("hint", self.words("needs.structures")))
        if case is not None:
            lacking += [("bad", why_none(self.words, one)) for one in case.plan.no_access]
        self._needs.show_notes(lacking)
        self._show_planned(case)
        self._show_ways(case)
        self.own_way.show_case(case)
        self.limits.show_case(case)
        self.planes.setEnabled(case is not None and case.plan.chosen is not None)
        self._unchecked.show_notes(self._unchecked_notes(access))
        self._show_rejected(access)
        self.show_activity(self.session.activity)

    def show_activity(self, activity: Activity | None) -> None:
        """Let the search start only when it can."""
        case = self.session.case
        ready = case is not None and case.lesion is not None and case.structures is not None
        self._run.setEnabled(ready and not self.session.runs("access"))
        self.extras.show_activity(case, activity)

    def _show_planned(self, case: Case | None) -> None:
        """Show needle and position of a plan that has another; a choice not yet used stays."""
        plan = case.plan if case is not None else None
        planned = () if plan is None else (plan.number, plan.needle_id, plan.position)
        if planned == self._planned or plan is None:
            return
        self._planned = planned
        self._position.setCurrentIndex(self._position.findData(plan.position))
        if plan.needle_id is not None:
            self._needle.setCurrentIndex(self._needle.findData(plan.needle_id))

    def _show_ways(self, case: Case | None) -> None:
        plan = case.plan if case is not None else None
        if plan is None:
            self.ways.show_ways(None, None, None)
            self.details.show_way(None, None)
        else:
            self.ways.show_ways(plan.access, plan.own_way, plan.chosen_rank)
            self.details.show_way(plan.chosen, plan.needle_id)
        self._all.setVisible(plan is not None and plan.access is not None)

    def _show_rejected(self, access: AccessResult | None) -> None:
        rejected = sorted(access.rejected.items(), key=lambda item: -item[1]) if access else []
        rows = [(reason_said(self.words, name), _grouped(count)) for name, count in rejected]
        if access is not None:
            rows.insert(0, (self.words("access.feasible"), _grouped(access.feasible)))
            rows.insert(0, (self.words("access.tried"), _grouped(access.candidates)))
        self._rejected_heading.setVisible(bool(rejected))
        self._rejected.show_rows(rows)

    def _unchecked_notes(self, access: AccessResult | None) -> list[tuple[str, str]]:
        notes = []
        if access is not None and access.not_checked:
            names = ", ".join(self.words.structure(name) for name in access.not_checked)
            notes.append(("warning", self.words("access.not_checked", names=names)))
        if access is not None and access.assumed:
            names = ", ".join(self.words.structure(name) for name in access.assumed)
            notes.append(("hint", self.words("access.assumed", names=names)))
        return notes

    def _search(self) -> None:
        self.limits.flush()
        self.session.find_access(
            self._needle.currentData(), Position(self._position.currentData()), self._target()
        )

    def _ask(self, _index: int = 0) -> None:
        """Show the skin for the needle and position that are chosen now."""
        needle, position = self._needle.currentData(), Position(self._position.currentData())
        self.session.reaching.ask(needle, position)

    def _target(self) -> Vector | None:
        """Return the crosshair where ways shall end there and it lies in the lesion."""
        case, look = self.session.case, self.viewpoint.look
        if not look.aims_at_crosshair or case is None or case.lesion is None:
            return None
        at = case.plan.series.grid.nearest(np.array(look.crosshair_lps_mm))
        return look.crosshair_lps_mm if at is not None and case.lesion[at] else None

    def _look_changed(self, look: Look) -> None:
        for box, on in ((self._skin, look.shows_skin), (self._aim, look.aims_at_crosshair)):
            if box.isChecked() != on:
                box.setChecked(on)
        self.own_way.show_look(look)
        self.planes.setChecked(look.shows_needle_planes)
        if look.is_at_access:
            self.session.reaching.aim(self._target())
            self._show_skin(self.session.reaching.skin)

    def _show_skin(self, shown: SkinShown | None) -> None:
        notes = []
        if shown is not None:
            notes += [("bad", why_none(self.words, one)) for one in shown.problems]
        if self.viewpoint.look.aims_at_crosshair and self._target() is None:
            notes.append(("hint", self.words("skin.aim_outside")))
        if notes != self._skin_said:
            self._skin_said = notes
            self._skin_notes.show_notes(notes)


def _grouped(count: int) -> str:
    return f"{count:,}".replace(",", "\u202f")
