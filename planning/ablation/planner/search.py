"""The search: one probe, then two and more, until lesion and margin are covered and limits kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from imaging.errors import Problem, Refusal
from imaging.measurement.distances import distances
from imaging.progress import SILENT, Progress
from planning.ablation.devices import Device, devices
from planning.ablation.dissection import Dissection, Fluid
from planning.ablation.ground import Ground, common_grid, ground_of
from planning.ablation.placing import Way
from planning.ablation.planner.result import (
    COVERED_PERCENT,
    AblationSearch,
    Attempt,
    DissectionTrial,
    GivesFirst,
)
from planning.ablation.planner.trials import (
    LONGEST_S,
    RESERVE,
    Setting,
    Trial,
    active_phase,
    powers_of,
    try_setting,
)
from planning.ablation.request import PlacedDevice, TreatmentRequest, checked_request
from planning.ablation.results import Treatment, TreatmentSummary
from planning.ablation.solver.protocol import ACTIVE, Mode, Phase
from planning.ablation.treatment import simulate_treatment
from planning.access.protection import can_be_pushed_away
from planning.errors import PlanningError

SEARCH_MM = 2.0  # cells of the search
CONFIRM_MM = 1.0  # cells of the simulation that confirms
STEP_SHIFTS_MM = (6.0, 3.0)  # along the ways
MOST_TRIALS = 14  # for each number of probes
MOST_REFUTED = 3  # of them, by the finer simulation
CONFIRM_SLOTS = 4  # trials that take as long as a finer simulation
AFTERWARDS_S = 60.0  # of rest behind heating, in which the heat still runs outwards [BG]
ROUND_S = 15.0  # a protocol's phases are told in quarters of a minute
LEAST_S = 30.0
REFINEMENTS = 6  # of the duration, at the finer simulation
BEYOND_MM = 10.0  # of the box behind the middle of an active part
FLUIDS: dict[str, tuple[Fluid, ...]] = {
    "radiofrequency": ("dextrose_5",),  # non-ionic, never saline
    "microwave": ("dextrose_5", "carbon_dioxide"),
    "cryoablation": ("carbon_dioxide", "dextrose_5"),
}

WaysFor = Callable[[int, Progress], tuple[tuple[Way, ...], ...]]


@dataclass(frozen=True, eq=False)
class PlannerRequest:
    """What is to be planned.

    Parameters
    ----------
    treatment : TreatmentRequest
        Case, margin, limits, dissections; its devices and protocol do not matter. Its spacing is
        that of the simulation that confirms.
    device_id : str
        Row of the table.
    ways_for : callable
        Returns safe groups of ways for a number of probes, best first; may be empty.
    most_probes : int
        Tried at most.
    search_spacing_mm : float
        Cells of the search.
    """

    treatment: TreatmentRequest
    device_id: str
    ways_for: WaysFor
    most_probes: int = 4
    search_spacing_mm: float = SEARCH_MM


@dataclass(frozen=True, eq=False)
class Planned:
    """What came of a search.

    Parameters
    ----------
    search : AblationSearch
        The document.
    treatment : Treatment or None
        The confirmed treatment; None when nothing is feasible.
    """

    search: AblationSearch
    treatment: Treatment | None


def plan_ablation(request: PlannerRequest, progress: Progress = SILENT) -> Planned:
    """Find the least number of probes that covers lesion and margin without passing a limit.

    For each number of probes, places, depths and powers are tried in simulations of 2 mm; the best
    one is confirmed in a finer one with its whole protocol. The same request gives the same answer.

    Parameters
    ----------
    request : PlannerRequest
        What is to be planned.
    progress : Progress
        Told all along; cancels between the steps of a simulation.

    Returns
    -------
    Planned
        The treatment, or for each number of probes what gives first.

    Raises
    ------
    PlanningError
        When the request itself is refused.
    Cancelled
        When the result is no longer wanted.
    """
    device = devices().get(request.device_id)
    if device is None:
        message = "no device has this id; see osteoplan devices"
        raise PlanningError(
            Problem(code="unknown_device", message=message, where=request.device_id)
        )
    _check(request, device)
    coarse = replace(request.treatment, spacing_mm=request.search_spacing_mm)
    progress.update(0.0, "tissues")
    grid = common_grid(coarse, device.insertion_mm / 2 + BEYOND_MM)
    search = _Search(request, device, coarse, ground_of(coarse, grid))
    attempts: list[Attempt] = []
    share = 1.0 / request.most_probes
    for count in range(1, request.most_probes + 1):
        part = progress.part((count - 1) * share, count * share)
        attempt, treatment = search.attempt(count, part)
        attempts.append(attempt)
        if treatment is not None:
            progress.update(1.0, "done")
            return Planned(search.document(attempts, treatment), treatment)
    progress.update(1.0, "done")
    return Planned(search.document(attempts, None), None)


def _check(request: PlannerRequest, device: Device) -> None:
    """Refuse what no placement could mend, before any search."""
    middle = request.treatment.lesion
    if middle.shape == request.treatment.volume.grid.size_kji and middle.any():
        grid = request.treatment.volume.grid
        x, y, z = (float(n) for n in grid.to_lps(np.argwhere(middle).mean(axis=0)))
    else:
        x, y, z = 0.0, 0.0, 0.0
    some = PlacedDevice(device.id, (x, y, z), (0.0, 0.0, 1.0))
    checked_request(replace(request.treatment, applicators=(some,), protocol=None))
    if not 1 <= request.most_probes <= 8:
        message = "plan with 1 to 8 probes"
        raise PlanningError(Problem(code="bad_value", message=message, where="most_probes"))


class _Search:
    """The state of a search that does not change between numbers of probes."""

    def __init__(
        self, request: PlannerRequest, device: Device, coarse: TreatmentRequest, ground: Ground
    ) -> None:
        self._request, self._device = request, device
        self._coarse, self._ground = coarse, ground

    def attempt(self, count: int, progress: Progress) -> tuple[Attempt, Treatment | None]:
        """Return the best with so many probes, and its treatment where it does it."""
        progress.update(0.0, "ways")
        groups = self._request.ways_for(count, progress.part(0.0, 0.15))
        climb = _Climb(self._coarse, self._ground, self._device, progress.part(0.15, 0.9))
        against: TreatmentSummary | None = None
        for setting in climb.settings(groups):
            climb.take(setting)
            best = climb.best
            if best is None or not climb.is_promising(best):
                continue
            treatment, against = self._confirmed(best, climb.confirming())
            if treatment is not None:
                return _told(best, count, climb.trials, "done", None), treatment
            climb.refute(best)
        best = climb.best
        if best is None:
            return Attempt(probes=count, ending="no_way", trials=climb.trials), None
        ending = "time" if best.gives_first is None else "limit"
        if against is not None:
            best, ending = _finely(best, against), "refuted"
        dissection = self._dissected(best, progress.part(0.9, 1.0))
        return _told(best, count, climb.trials, ending, dissection), None

    def _confirmed(
        self, best: Trial, progress: Progress
    ) -> tuple[Treatment | None, TreatmentSummary | None]:
        """Return the treatment of the finer simulation, or what that says against the trial.

        A second freeze reaches farther than the first: the duration is halved between what covers
        too little and what passes a limit.
        """
        seconds = _rounded(RESERVE * (best.covered_s or LONGEST_S))
        too_short, too_long = 0.0, np.inf
        placed = best.setting.placed(self._request.treatment, self._device)
        against: TreatmentSummary | None = None
        for number in range(REFINEMENTS):
            part = progress.part(number / REFINEMENTS, (number + 1) / REFINEMENTS)
            protocol = _whole_protocol(self._device, seconds, best.setting.power_w)
            asked = replace(self._request.treatment, applicators=placed, protocol=protocol)
            try:
                done = simulate_treatment(asked, part)
            except Refusal:
                break
            against, stop = done.summary, done.summary.stop
            is_covered = against.coverage_with_margin_percent >= COVERED_PERCENT
            if is_covered and not against.passed:
                return done, None
            is_in_time = stop is not None and stop.coverage_with_margin_percent >= COVERED_PERCENT
            if not is_covered and not against.passed:
                too_short, wanted = seconds, 1.2 * seconds + ROUND_S
            elif is_in_time and stop is not None:
                too_long, wanted = seconds, 0.9 * min(seconds, stop.seconds)
            else:
                break
            if too_short > 0 and np.isfinite(too_long):
                wanted = (too_short + too_long) / 2
            seconds = _rounded(wanted, up=not against.passed)
            if not too_short < seconds < too_long:
                break
        return None, against

    def _dissected(self, best: Trial, progress: Progress) -> DissectionTrial | None:
        """Return what the best does with fluid or gas before what gives first."""
        first = best.gives_first
        if first is None or not can_be_pushed_away(first.structure):
            return None
        found: DissectionTrial | None = None
        fluids = FLUIDS[self._device.technique]
        for number, fluid in enumerate(fluids):
            layer = self._layer(first, fluid)
            if layer is None:
                return None
            asked = replace(self._coarse, dissections=(*self._coarse.dissections, layer))
            ground = ground_of(asked, self._ground.grid)
            part = progress.part(number / len(fluids), (number + 1) / len(fluids))
            trial = try_setting(asked, ground, self._device, best.setting, part)
            if trial is None:
                continue
            told = DissectionTrial(
                dissection=layer,
                helps=trial.does_it,
                coverage_percent=trial.coverage_percent,
                coverage_with_margin_percent=trial.coverage_with_margin_percent,
                gives_first=trial.gives_first,
            )
            covered = told.coverage_with_margin_percent
            if found is None or covered > found.coverage_with_margin_percent:
                found = told
            if told.helps:
                break
        return found

    def _layer(self, first: GivesFirst, fluid: Fluid) -> Dissection | None:
        treatment = self._request.treatment
        rows = distances(treatment.lesion, treatment.structures)
        gap = next((one for one in rows if one.name == first.structure), None)
        if gap is None:
            return None
        start, end = np.array(gap.from_lps_mm), np.array(gap.to_lps_mm)
        towards = end - start
        far = float(np.linalg.norm(towards))
        if far < 1e-6:
            return None
        layer = Dissection(
            fluid=fluid,
            structure=first.structure,
            centre_lps_mm=gap.from_lps_mm,
            towards_lps=(float(towards[0]), float(towards[1]), float(towards[2])),
        )
        middle = start + towards / far * 0.5 * layer.thickness_mm
        x, y, z = (float(n) for n in middle)
        return layer.model_copy(update={"centre_lps_mm": (x, y, z)})

    def document(self, attempts: list[Attempt], treatment: Treatment | None) -> AblationSearch:
        """Return the document of the search."""
        return AblationSearch(
            technique=self._device.technique,
            device=self._device.id,
            margin_mm=self._request.treatment.margin_mm,
            feasible=treatment is not None,
            probes=() if treatment is None else treatment.summary.probes,
            protocol=() if treatment is None else treatment.summary.protocol,
            attempts=tuple(attempts),
            search_spacing_mm=self._request.search_spacing_mm,
            spacing_mm=self._request.treatment.spacing_mm,
            verified_device=self._device.verified,
            covered_percent=COVERED_PERCENT,
        )


class _Climb:
    """Keeps the best of the settings that were tried; one that was refuted is gone on from."""

    def __init__(
        self, coarse: TreatmentRequest, ground: Ground, device: Device, progress: Progress
    ) -> None:
        self._of = coarse, ground, device
        self._progress = progress
        self._slots = 0
        self._refuted: set[Setting] = set()
        self.best: Trial | None = None
        self.trials = 0

    def settings(self, groups: tuple[tuple[Way, ...], ...]) -> Iterator[Setting]:
        """Yield what is still worth trying: groups, depths together and one by one, powers."""
        for setting in self._all_settings(groups):
            if self.trials >= MOST_TRIALS or len(self._refuted) >= MOST_REFUTED:
                return
            yield setting

    def _all_settings(self, groups: tuple[tuple[Way, ...], ...]) -> Iterator[Setting]:
        for ways in groups:
            yield Setting(ways, (0.0,) * len(ways))
        for step in STEP_SHIFTS_MM:
            if self.best is not None:
                yield from _neighbouring(self.best.setting, step)
        for power in powers_of(self._of[2])[1:]:
            if self.best is not None:
                yield replace(self.best.setting, power_w=power)

    def take(self, setting: Setting) -> None:
        """Try a setting."""
        self.trials += 1
        found = try_setting(*self._of, setting, self._part(1))
        if found is not None and (self.best is None or self._worth(found) > self._worth(self.best)):
            self.best = found

    def is_promising(self, trial: Trial) -> bool:
        """Tell whether a trial does it and was not refuted."""
        return trial.does_it and trial.setting not in self._refuted

    def refute(self, trial: Trial) -> None:
        """Note that the finer simulation contradicts."""
        self._refuted.add(trial.setting)

    def confirming(self) -> Progress:
        """Return the progress of the next finer simulation."""
        return self._part(CONFIRM_SLOTS)

    def _worth(self, trial: Trial) -> tuple[bool, float, float]:
        return self.is_promising(trial), *trial.worth[1:]

    def _part(self, slots: int) -> Progress:
        whole = MOST_TRIALS + CONFIRM_SLOTS * MOST_REFUTED
        start, self._slots = self._slots, self._slots + slots
        return self._progress.part(start / whole, min(self._slots / whole, 1.0))


def _finely(best: Trial, against: TreatmentSummary) -> Trial:
    """Return a trial with what the finer simulation says in the place of its promise."""
    stop = against.stop
    first: GivesFirst | None = None
    if stop is not None and stop.structure is not None and stop.passed_s is not None:
        near = next(row for row in against.neighbours if row.name == stop.structure)
        first = GivesFirst(
            structure=near.name,
            measure=near.measure,
            limit=near.value if near.limit is None else near.limit,
            value=near.value,
            at_s=stop.passed_s,
            source=near.source,
        )
    return replace(
        best,
        covered_s=None,
        stop_s=0.0 if stop is None else stop.seconds,
        coverage_percent=against.coverage_percent if stop is None else stop.coverage_percent,
        coverage_with_margin_percent=(
            against.coverage_with_margin_percent
            if stop is None
            else stop.coverage_with_margin_percent
        ),
        gives_first=first,
    )


def _neighbouring(setting: Setting, step_mm: float) -> list[Setting]:
    """Return settings with all probes deeper or less deep, then each of several alone."""
    shifts = setting.shifts_mm
    moved = [tuple(one + sign * step_mm for one in shifts) for sign in (1, -1)]
    if len(shifts) > 1:
        for place in range(len(shifts)):
            for sign in (1, -1):
                changed = list(shifts)
                changed[place] += sign * step_mm
                moved.append(tuple(changed))
    return [replace(setting, shifts_mm=one) for one in moved]


def _rounded(seconds: float, *, up: bool = True) -> float:
    whole = np.ceil(seconds / ROUND_S) if up else np.floor(seconds / ROUND_S)
    return float(min(max(whole * ROUND_S, LEAST_S), LONGEST_S))


def _whole_protocol(device: Device, seconds: float, power_w: float | None) -> tuple[Phase, ...]:
    """Return the device's own protocol with another duration and power; rest behind heat."""
    active = active_phase(device, seconds, power_w)
    own = tuple(active if phase.mode in ACTIVE else phase for phase in device.default_protocol)
    if device.technique == "cryoablation":
        return own
    return (*own, Phase(mode=Mode.REST, seconds=AFTERWARDS_S))


def _told(
    best: Trial, count: int, trials: int, ending: str, dissection: DissectionTrial | None
) -> Attempt:
    return Attempt.model_validate(
        {
            "probes": count,
            "ending": ending,
            "trials": trials,
            "placed": best.probes,
            "power_w": best.setting.power_w,
            "covered_s": best.covered_s,
            "stop_s": best.stop_s,
            "coverage_percent": best.coverage_percent,
            "coverage_with_margin_percent": best.coverage_with_margin_percent,
            "gives_first": best.gives_first,
            "dissection": dissection,
        }
    )
