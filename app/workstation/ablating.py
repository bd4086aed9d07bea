"""Ablation as it is being tried: comparison, planning, and a probe that is moved.

A moved probe is asked of the worker one request at a time: while one is under way only the newest
wish is kept. When it is let go the treatment is simulated finely.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from app.workstation import ablation_tasks
from app.workstation.ablation_tasks import Shown
from app.workstation.stages import Topic
from imaging.document import Vector
from imaging.errors import Refusal
from planning import ablations
from planning.ablation.dissection import Dissection, Fluid, dissection_of
from planning.ablation.request import Thermocouple
from planning.ablation.results import TreatmentSummary
from planning.access.protection import Protection
from planning.access.sets import NeedleSet
from planning.plan import Case

if TYPE_CHECKING:
    from app.workstation.session import Session

REFINED_MM = 1.0
PREVIEW = "ablation_preview"
SAMPLES_HERE = 40  # intervals of ± 15 %, in minutes


@dataclass(frozen=True)
class Choices:
    """What the step of ablation is set to.

    Parameters
    ----------
    device_id : str
        Row of the table.
    margin_mm : float
        Wanted around the lesion.
    """

    device_id: str
    margin_mm: float


class Ablating:
    """Tries treatments on the open case.

    Parameters
    ----------
    session : Session
        Whose case is looked at.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.shown: Shown | None = None
        self._choices: Choices | None = None
        self._is_looked_at = False
        self._moved: tuple[Vector, Vector] | None = None  # waits to be simulated
        self._is_moving = False
        self._refines = False  # once the way that was let go is in the plan
        self._way_before: object = None  # drawn by hand, when the newest one was let go
        session.subscribe(Topic.CASE, self._show_case)

    def look(self, is_looked_at: bool) -> None:
        """Tell whether the step of ablation is shown; a moved probe is followed only then.

        Parameters
        ----------
        is_looked_at : bool
            Whether it is.
        """
        self._is_looked_at = is_looked_at
        if not is_looked_at:
            self._end_preview()

    def choose(self, device_id: str, margin_mm: float) -> None:
        """Say what a moved probe is simulated with.

        Parameters
        ----------
        device_id : str
            Row of the table.
        margin_mm : float
            Wanted around the lesion.
        """
        self._choices = Choices(device_id, margin_mm)

    def compare(self, margin_mm: float, spacing_mm: float) -> None:
        """Simulate the default device of each technique, in the background.

        Parameters
        ----------
        margin_mm : float
            Wanted around the lesion.
        spacing_mm : float
            Edge of a cell.
        """
        self._session.change("compare", ablation_tasks.compare, margin_mm, spacing_mm)

    def plan(self, device_id: str, margin_mm: float, spacing_mm: float) -> None:
        """Let the program find probes and durations, in the background.

        Parameters
        ----------
        device_id : str
            Row of the table.
        margin_mm : float
            Wanted around the lesion.
        spacing_mm : float
            Edge of a cell of the simulation that confirms.
        """
        self._session.change("plan_ablation", ablation_tasks.plan, device_id, margin_mm, spacing_mm)

    def sample(self, one: TreatmentSummary) -> None:
        """Simulate a treatment many times, with what is not known exactly drawn at random.

        Parameters
        ----------
        one : TreatmentSummary
            Of the plan.
        """
        self._session.change("uncertainty", ablation_tasks.sample, one, SAMPLES_HERE)

    def use_set(self, needles: NeedleSet | None) -> None:
        """Put a device on each needle of a set, or go back to the chosen way alone.

        Parameters
        ----------
        needles : NeedleSet or None
            Searched for cryoablation or bipolar radiofrequency.
        """
        case = self._session.case
        if case is None or case.plan.needle_set == needles:
            return
        try:
            changed = ablations.use_needle_set(case, needles)
        except Refusal as refusal:
            self._session.tell(Topic.REFUSED, refusal)
            return
        self._session.apply("needle_set", changed)

    def set_depth(self, number: int, shift_mm: float) -> None:
        """Set how much deeper than the lesion's middle a probe goes.

        Parameters
        ----------
        number : int
            Of the probe, from 0.
        shift_mm : float
            Millimetres.
        """
        case = self._session.case
        if case is None:
            return
        shifts = list(case.plan.depth_shifts_mm)
        shifts += [0.0] * (number + 1 - len(shifts))
        if shifts[number] == shift_mm:
            return
        shifts[number] = shift_mm
        try:
            changed = ablations.set_depths(case, tuple(shifts))
        except Refusal as refusal:
            self._session.tell(Topic.REFUSED, refusal)
            return
        self._session.apply("probe_depth", changed, merges=True)

    def measure_at(self, name: str, place_lps_mm: Vector) -> None:
        """Put a thermocouple somewhere.

        Parameters
        ----------
        name : str
            The structure that it guards; empty takes the one that lies there.
        place_lps_mm : Vector
            Where.
        """
        case = self._session.case
        if case is None:
            return
        one = Thermocouple(name=name or _structure_at(case, place_lps_mm), lps_mm=place_lps_mm)
        changed = ablations.set_thermocouples(case, (*case.plan.thermocouples, one))
        self._session.apply("thermocouple", changed)

    def measure_proposed(self, found: tuple[Protection, ...]) -> None:
        """Take the thermocouples that were proposed beside the way in.

        Parameters
        ----------
        found : tuple of Protection
            Those for dissection are left out.
        """
        case = self._session.case
        if case is None:
            return
        before = case.plan.thermocouples
        wanted = [
            Thermocouple(name=one.structure, lps_mm=one.tip_lps_mm)
            for one in found
            if one.kind == "thermocouple"
        ]
        new = tuple(one for one in wanted if one not in before)
        if new:
            changed = ablations.set_thermocouples(case, (*before, *new))
            self._session.apply("thermocouple", changed)

    def dissect(self, found: tuple[Protection, ...], fluid: Fluid) -> None:
        """Put fluid or gas where needles for dissection were proposed.

        Parameters
        ----------
        found : tuple of Protection
            Thermocouples are left out.
        fluid : str
            What is injected.
        """
        layers = [dissection_of(one, fluid) for one in found if one.kind == "dissection"]
        self._set_dissections(tuple(layers))

    def dissect_at(self, place_lps_mm: Vector, fluid: Fluid, radius_mm: float) -> None:
        """Put a ball of fluid or gas somewhere.

        Parameters
        ----------
        place_lps_mm : Vector
            Its middle.
        fluid : str
            What is injected.
        radius_mm : float
            Of the ball.
        """
        case = self._session.case
        if case is not None:
            ball = Dissection(fluid=fluid, centre_lps_mm=place_lps_mm, radius_mm=radius_mm)
            self._set_dissections((*case.plan.dissections, ball))

    def clear_protection(self) -> None:
        """Take thermocouples and dissections away."""
        case = self._session.case
        if case is not None and (case.plan.thermocouples or case.plan.dissections):
            changed = ablations.set_dissections(ablations.set_thermocouples(case, ()), ())
            self._session.apply("dissection", changed)

    def _set_dissections(self, layers: tuple[Dissection, ...]) -> None:
        case = self._session.case
        if case is not None and layers and case.plan.dissections != layers:
            self._session.apply("dissection", ablations.set_dissections(case, layers))

    # A probe that is moved

    def move(self, entry_lps_mm: Vector, target_lps_mm: Vector) -> None:
        """Show what the probe would do on a way that is being dragged.

        Parameters
        ----------
        entry_lps_mm, target_lps_mm : Vector
            A place on the way or before it; its tip.
        """
        if self._is_looked_at:
            self._moved, self._is_moving = (entry_lps_mm, target_lps_mm), True
            self.tick()

    def let_go(self) -> None:
        """Simulate the way that was dragged finely, once the plan holds it."""
        if self._is_looked_at and self._is_moving:
            self._moved, self._is_moving, self._refines = None, False, True
            case = self._session.case
            self._way_before = None if case is None else case.plan.own_way
            self._session.cancel_named(PREVIEW)

    def tick(self) -> None:
        """Ask for what is wanted now, when nothing asked before is under way."""
        session, moved = self._session, self._moved
        case, volume = session.case, session.volume
        if moved is None or self._choices is None or session.runs(PREVIEW):
            return
        if case is None or volume is None or case.lesion is None or case.structures is None:
            return
        self._moved = None
        asked = self._choices
        session.start(
            PREVIEW,
            self._show,
            case,
            ablation_tasks.preview,
            case,
            volume,
            asked.device_id,
            asked.margin_mm,
            *moved,
        )

    def _show(self, shown: Shown) -> None:
        if self._is_moving:
            self._tell(shown)
            self.tick()

    def _tell(self, shown: Shown | None) -> None:
        self.shown = shown
        self._session.tell(Topic.ABLATION, shown)

    def _end_preview(self) -> None:
        self._moved, self._is_moving = None, False
        self._session.cancel_named(PREVIEW)
        if self.shown is not None:
            self._tell(None)

    def _show_case(self, case: Case | None) -> None:
        """Refine what was let go; the coarse picture stays until the fine one is there."""
        own = None if case is None else case.plan.own_way
        if self._refines and own is not None and own is not self._way_before:
            self._refines = False
            if self._choices is not None:
                asked = self._choices
                self._session.simulate(asked.device_id, asked.margin_mm, REFINED_MM)
                return
        if self.shown is not None and not self._is_moving and not self._session.runs("own_way"):
            self._tell(None)


def _structure_at(case: Case, place_lps_mm: Vector) -> str:
    """Return the named structure at a place, or what tells that there is none."""
    if case.structures is None:
        return "place"
    voxel = case.structures.grid.nearest(np.array(place_lps_mm))
    if voxel is None:
        return "place"
    label = int(case.structures.labels[voxel])
    name = next((row.name for row in case.structures.table if row.label == label), "place")
    return "place" if name in {"body", "bone"} else name
