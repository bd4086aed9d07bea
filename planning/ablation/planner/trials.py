"""One simulation for each placement and power: it answers for every time of stopping at once.

Coverage only grows, and a limit once passed stays passed. So a single long phase tells when all is
covered and when the first limit is passed; it is stopped as soon as both are decided.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from imaging.errors import Refusal
from imaging.geometry import BoolArray, unit
from imaging.progress import Progress
from planning.ablation.assembly import Placement
from planning.ablation.devices import Device
from planning.ablation.following import Following
from planning.ablation.ground import Ground
from planning.ablation.patient import check_in_body
from planning.ablation.placing import Way, placed_on
from planning.ablation.planner.result import COVERED_PERCENT, GivesFirst
from planning.ablation.reach import probes_near
from planning.ablation.request import PlacedDevice, TreatmentRequest, checked_request
from planning.ablation.results import Probe
from planning.ablation.solver.damage import Damage
from planning.ablation.solver.materials import Float32Array
from planning.ablation.solver.protocol import ACTIVE, Phase
from planning.ablation.treatment import follow, run

LONGEST_S = 900.0  # of one freezing or heating phase [BG]
TOUCHING_MM = 1e-6  # between a probe's surface and a forbidden structure
RESERVE = 1.1  # of the time at which all was covered, that is frozen or heated


@dataclass(frozen=True)
class Setting:
    """Where the probes lie, and how strongly they act.

    Parameters
    ----------
    ways : tuple
        Entry and target of each probe.
    shifts_mm : tuple of float
        How much deeper than the lesion's middle each goes.
    power_w : float or None
        None is the device's own.
    """

    ways: tuple[Way, ...]
    shifts_mm: tuple[float, ...]
    power_w: float | None = None

    def placed(self, request: TreatmentRequest, device: Device) -> tuple[PlacedDevice, ...]:
        """Return the devices.

        Parameters
        ----------
        request : TreatmentRequest
            Whose lesion they are placed on.
        device : Device
            Of the table.

        Returns
        -------
        tuple of PlacedDevice
            One on each way.
        """
        return tuple(
            placed_on(way, device.id, request.lesion, request.volume.grid, shift)
            for way, shift in zip(self.ways, self.shifts_mm, strict=True)
        )


@dataclass(frozen=True)
class Trial:
    """What a setting does.

    Parameters
    ----------
    setting : Setting
        That was tried.
    probes : tuple of Probe
        Where they lay.
    covered_s : float or None
        When lesion and margin were covered; None when they were not before a limit was passed.
    stop_s : float
        Until when no limit was passed, or all that was simulated.
    coverage_percent, coverage_with_margin_percent : float
        What was covered at that moment.
    gives_first : GivesFirst or None
        What is passed first.
    """

    setting: Setting
    probes: tuple[Probe, ...]
    covered_s: float | None
    stop_s: float
    coverage_percent: float
    coverage_with_margin_percent: float
    gives_first: GivesFirst | None

    @property
    def does_it(self) -> bool:
        """Whether all is covered before any limit is passed."""
        return self.covered_s is not None

    @property
    def worth(self) -> tuple[bool, float, float]:
        """What is compared: covered at all, how much, how soon."""
        soon = 0.0 if self.covered_s is None else -self.covered_s
        return self.does_it, round(self.coverage_with_margin_percent, 3), soon


class _Decided(Exception):
    """Ends a simulation whose further course changes nothing."""


class _Decision:
    """Follows a simulation and ends it once covering and limits are decided.

    Parameters
    ----------
    followed : Following
        Of the simulation.
    """

    def __init__(self, followed: Following) -> None:
        self.followed = followed
        self._covered_s: float | None = None

    def watch(self, time_s: float, temperature_c: Float32Array, damage: Damage) -> None:
        """Note a step, and end when all is decided."""
        self.followed.watch(time_s, temperature_c, damage)
        if self.followed.exposure.is_passed:
            raise _Decided
        if self._covered_s is None:
            if self.followed.covered_percent(time_s)[1] >= COVERED_PERCENT:
                self._covered_s = time_s
        elif time_s >= RESERVE * self._covered_s:
            raise _Decided


def try_setting(
    request: TreatmentRequest, ground: Ground, device: Device, setting: Setting, progress: Progress
) -> Trial | None:
    """Simulate one long phase and tell when all is covered and what gives first.

    Parameters
    ----------
    request : TreatmentRequest
        Without devices.
    ground : Ground
        Of the request, coarse.
    device : Device
        Of the table.
    setting : Setting
        Where the probes lie.
    progress : Progress
        Told of every step; cancels.

    Returns
    -------
    Trial or None
        None where the probes cannot be placed so, or one would touch what is forbidden.
    """
    phase = active_phase(device, LONGEST_S, setting.power_w)
    placed = setting.placed(request, device)
    try:
        placements, protocol = checked_request(
            replace(request, applicators=placed, protocol=(phase,))
        )
        check_in_body(ground.grid, ground.body, placements)
    except Refusal:
        return None
    if probes_near(placements, request.structures, TOUCHING_MM):
        return None
    ground = _without_shafts(ground, placements)
    decision = _Decision(follow(ground, placements, protocol))
    followed = decision.followed
    with contextlib.suppress(_Decided):
        run(ground, placements, protocol, decision.watch, (), progress)
    stop_s = followed.exposure.kept_until_s
    covered_s = followed.reached_s(COVERED_PERCENT)
    if covered_s is not None and covered_s > stop_s:
        covered_s = None
    lesion, wanted = followed.covered_percent(stop_s)
    probes = tuple(
        Probe(device=p.device_id, tip_lps_mm=p.tip_lps_mm, axis_lps=p.axis_lps) for p in placed
    )
    return Trial(setting, probes, covered_s, stop_s, lesion, wanted, first_given(followed))


def _without_shafts(ground: Ground, placements: Sequence[Placement]) -> Ground:
    """Return ground of which the shafts, cooled from inside, need not be killed."""
    shafts: BoolArray = np.zeros(ground.grid.size_kji, dtype=bool)
    cells = np.argwhere(ground.wanted)
    places = ground.grid.to_lps(cells)
    half_mm = 0.5 * max(ground.grid.spacing_mm_kji)
    for p in placements:
        axis, tip = unit(p.axis_lps), np.array(p.tip_lps_mm)
        along = np.clip((places - tip) @ axis, 0.0, None)
        far = np.linalg.norm(places - tip - along[:, None] * axis, axis=1)
        shafts[tuple(cells[far <= 0.5 * p.device.diameter_mm + half_mm].T)] = True
    return replace(ground, lesion=ground.lesion & ~shafts, wanted=ground.wanted & ~shafts)


def first_given(followed: Following) -> GivesFirst | None:
    """Return the first limit that was passed.

    Parameters
    ----------
    followed : Following
        At its end.

    Returns
    -------
    GivesFirst or None
        None where none was.
    """
    first = followed.exposure.first_passed()
    if first is None:
        return None
    name, measure, seconds = first
    told = followed.exposure.told(name, measure)
    return GivesFirst(
        structure=name,
        measure=measure,
        limit=told[0],
        value=told[1],
        at_s=seconds,
        source=told[2],
    )


def active_phase(device: Device, seconds: float, power_w: float | None) -> Phase:
    """Return the device's own freezing or heating phase with another duration and power.

    Parameters
    ----------
    device : Device
        Of the table.
    seconds : float
        How long.
    power_w : float or None
        None keeps the device's own.

    Returns
    -------
    Phase
        Of the mode that the device's own protocol begins with.
    """
    own = next(phase for phase in device.default_protocol if phase.mode in ACTIVE)
    changes: dict[str, float] = {"seconds": seconds}
    if power_w is not None:
        changes["power_w"] = power_w
    return own.model_copy(update=changes)


def powers_of(device: Device) -> tuple[float | None, ...]:
    """Return the powers that are tried for a device, its own first.

    Parameters
    ----------
    device : Device
        Of the table.

    Returns
    -------
    tuple
        None is the device's own; only a device that is set by power has others.
    """
    own = next(phase for phase in device.default_protocol if phase.mode in ACTIVE)
    if own.power_w is None or device.most_power_w is None:
        return (None,)
    shares: Sequence[float] = (0.3, 0.45, 0.6, 0.8, 1.0)
    others = [round(share * device.most_power_w, 1) for share in shares]
    return (None, *(power for power in others if abs(power - own.power_w) > 1.0))
