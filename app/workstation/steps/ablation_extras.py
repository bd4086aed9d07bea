"""Several probes, their depths, thermocouples and dissection, for the next simulation."""

from __future__ import annotations

from PySide6.QtCore import QLocale, QSignalBlocker
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout

from app.workstation.session import Session
from app.workstation.steps.access_limits import Fold
from app.workstation.steps.panel import Notes, button, combo, label, row
from app.workstation.viewpoint import Viewpoint
from app.workstation.words import Words
from planning.ablation.dissection import FLUIDS
from planning.ablations import CARRIES
from planning.access.protection import Protection
from planning.access.sets import MOST_NEEDLES, NeedleSet
from planning.plan import Case

BALL_MM = 10.0  # radius of a ball of fluid at the crosshair
DEPTH_MM = (-30.0, 30.0)


class AblationExtras(Fold):
    """What the next simulation takes into account beside the chosen way.

    Parameters
    ----------
    session : Session
        The open case.
    viewpoint : Viewpoint
        Whose crosshair is a place.
    words : Words
        Of the screen.
    """

    def __init__(self, session: Session, viewpoint: Viewpoint, words: Words) -> None:
        super().__init__(words("probes.title"))
        self._session, self._viewpoint, self._words = session, viewpoint, words
        self._state = Notes()
        self.rows.addWidget(self._state)
        self.use_set = button(words("probes.use_set"), self._use_set)
        self.one_way = button(words("probes.one_way"), self._use_one)
        self.rows.addLayout(row(self.use_set, self.one_way))
        self._depths: list[QDoubleSpinBox] = []
        depths = QHBoxLayout()
        depths.addWidget(label(words("probes.depth"), "quiet"))
        for number in range(MOST_NEEDLES):
            self._depths.append(self._depth(number))
            depths.addWidget(self._depths[-1])
        self.rows.addLayout(depths)
        self.take_thermocouples = button(words("probes.thermocouples"), self._take_thermocouples)
        self.measure_here = button(words("probes.measure_here"), self._measure_here)
        self.rows.addLayout(row(self.take_thermocouples, self.measure_here))
        self.fluid = combo()
        for fluid in FLUIDS:
            self.fluid.addItem(words(f"fluids.{fluid}"), fluid)
        self.dissect = button(words("probes.dissect"), self._dissect)
        self.dissect_here = button(words("probes.dissect_here"), self._dissect_here)
        self.rows.addWidget(self.fluid)
        self.rows.addLayout(row(self.dissect, self.dissect_here))
        self.clear = button(words("probes.clear"), session.ablating.clear_protection)
        self.rows.addWidget(self.clear)
        for one, key in (
            (self.use_set, "use_set_hint"),
            (self.take_thermocouples, "thermocouples_hint"),
            (self.dissect, "dissect_hint"),
            (self.dissect_here, "dissect_here_hint"),
        ):
            one.setToolTip(words(f"probes.{key}"))

    def _depth(self, number: int) -> QDoubleSpinBox:
        made = QDoubleSpinBox()
        made.setRange(*DEPTH_MM)
        made.setDecimals(0)
        made.setSuffix(" mm")
        made.setLocale(QLocale(self._words.language))
        made.setToolTip(self._words("probes.depth_hint", number=number + 1))
        made.setKeyboardTracking(False)
        made.valueChanged.connect(lambda mm: self._session.ablating.set_depth(number, float(mm)))
        return made

    def show_case(self) -> None:
        """Show what the next simulation takes into account."""
        case = self._session.case
        plan = None if case is None else case.plan
        chosen = None if plan is None else plan.needle_set
        count = 1 if chosen is None else len(chosen.needles)
        shifts = () if plan is None else plan.depth_shifts_mm
        for number, box in enumerate(self._depths):
            with QSignalBlocker(box):
                box.setValue(shifts[number] if number < len(shifts) else 0.0)
            box.setVisible(number < count)
        self._state.show_notes([] if case is None else self._said(case))
        self.one_way.setEnabled(chosen is not None)
        self.use_set.setEnabled(case is not None and self._set() is not None)
        proposed = {one.kind for one in self._protections()}
        self.take_thermocouples.setEnabled("thermocouple" in proposed)
        self.dissect.setEnabled("dissection" in proposed)
        for one in (self.measure_here, self.dissect_here):
            one.setEnabled(case is not None and case.lesion is not None)
        self.clear.setVisible(plan is not None and bool(plan.thermocouples or plan.dissections))

    def show_activity(self, *, free: bool) -> None:
        """Leave everything as it is while a simulation runs.

        Parameters
        ----------
        free : bool
            Whether nothing runs.
        """
        self.body.setEnabled(free)

    def _said(self, case: Case) -> list[tuple[str, str]]:
        words, plan = self._words, case.plan
        notes = []
        if plan.needle_set is not None:
            purpose = words.maybe(f"extras.{plan.needle_set.purpose.value}", "")
            told = words("probes.set_chosen", count=len(plan.needle_set.needles), purpose=purpose)
            notes.append(("good", told))
        if plan.thermocouples:
            names = ", ".join(
                words.maybe(f"places.{one.name}", words.structure(one.name))
                for one in plan.thermocouples
            )
            notes.append(("hint", words("probes.measured", names=names)))
        for layer in plan.dissections:
            fluid = words(f"fluids.{layer.fluid}")
            name = words.structure(layer.structure) if layer.structure else "–"
            notes.append(("hint", words("probes.dissected", fluid=fluid, name=name)))
        return notes

    def _set(self) -> NeedleSet | None:
        """Return the newest set that was found for ablation."""
        found = [one.needles for one in self._session.extras.found if one.needles is not None]
        usable = [one for one in found if CARRIES[one.purpose]]
        return usable[-1] if usable else None

    def _protections(self) -> tuple[Protection, ...]:
        found = self._session.extras.found
        return tuple(one for extra in found for one in extra.protections)

    def _use_set(self) -> None:
        self._session.ablating.use_set(self._set())

    def _use_one(self) -> None:
        self._session.ablating.use_set(None)

    def _take_thermocouples(self) -> None:
        self._session.ablating.measure_proposed(self._protections())

    def _measure_here(self) -> None:
        self._session.ablating.measure_at("", self._viewpoint.look.crosshair_lps_mm)

    def _dissect(self) -> None:
        self._session.ablating.dissect(self._protections(), self.fluid.currentData())

    def _dissect_here(self) -> None:
        place = self._viewpoint.look.crosshair_lps_mm
        self._session.ablating.dissect_at(place, self.fluid.currentData(), BALL_MM)
