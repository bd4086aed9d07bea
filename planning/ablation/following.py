"""A simulation followed step by step: when every cell became lethal, and what limits allowed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.geometry import BoolArray, filled_block
from planning.ablation.exposure import Exposure
from planning.ablation.limits import thermal_limits
from planning.ablation.results import CoverageCurve, FreezeRow, StopMoment
from planning.ablation.solver.damage import Damage
from planning.ablation.solver.materials import Float32Array
from planning.ablation.solver.protocol import ACTIVE, Mode, Phase

MOST_TIMES = 150  # of the curve of coverage that is kept


class Following:
    """Follows coverage and neighbours of a simulation.

    Parameters
    ----------
    lesion, wanted : numpy.ndarray
        Shape (k, j, i), bool: the lesion; the lesion with its margin.
    exposure : Exposure
        Of the neighbours.
    thaws_at_c : numpy.ndarray
        Shape (k, j, i): upper end of the freezing range of every cell.
    is_cold : bool
        Whether cold is what kills.
    protocol : sequence of Phase
        That is simulated.
    """

    def __init__(
        self,
        lesion: BoolArray,
        wanted: BoolArray,
        exposure: Exposure,
        thaws_at_c: Float32Array,
        *,
        is_cold: bool,
        protocol: Sequence[Phase],
    ) -> None:
        self.exposure = exposure
        self._block = filled_block(wanted) or (slice(0, 0),) * 3
        self._lesion = lesion[self._block]
        self._wanted = wanted[self._block]
        self._is_cold = is_cold
        limits = thermal_limits()
        self._lethal_c = limits.lethal_cold_c if is_cold else limits.lethal_heat_c
        self._since_s: Float32Array = np.full(self._wanted.shape, np.inf, dtype=np.float32)
        ends = np.cumsum([phase.seconds for phase in protocol])
        active = [n for n, phase in enumerate(protocol) if phase.mode in ACTIVE]
        self._active_end_s = float(ends[active[-1]]) if active else float(ends[-1])
        self._most_freezes = sum(phase.mode == Mode.FREEZE for phase in protocol)
        self._thaws_at_c = thaws_at_c
        self._is_thawed: BoolArray = np.ones(thaws_at_c.shape, dtype=bool)
        self._frozen: NDArray[np.uint8] = np.zeros(thaws_at_c.shape, dtype=np.uint8)
        self.times_s: list[float] = [0.0]

    def watch(self, time_s: float, temperature_c: Float32Array, damage: Damage) -> None:
        """Note what a step did.

        Parameters
        ----------
        time_s : float
            Since the start.
        temperature_c : numpy.ndarray
            Shape (k, j, i).
        damage : Damage
            Of the cells.
        """
        self.exposure.watch(time_s, temperature_c, damage)
        self.times_s.append(time_s)
        if self._is_cold:
            lethal = damage.coldest_c[self._block] <= self._lethal_c
            self._note_freeze(temperature_c)
        else:
            lethal = damage.hottest_c[self._block] >= self._lethal_c
        self._since_s[lethal & np.isinf(self._since_s)] = time_s

    def _note_freeze(self, temperature_c: Float32Array) -> None:
        """Count a freeze where tissue that had thawed is lethally cold."""
        self._is_thawed |= temperature_c > self._thaws_at_c
        again = self._is_thawed & (temperature_c <= self._lethal_c)
        self._frozen[again] += 1
        self._is_thawed[again] = False

    def fill(self, zone: BoolArray) -> None:
        """Count what the zone encloses, as a cooled shaft does, with what lies beside it.

        Parameters
        ----------
        zone : numpy.ndarray
            Shape (k, j, i), bool: the lethal zone without holes.
        """
        holes = zone[self._block] & np.isinf(self._since_s)
        known = np.isfinite(self._since_s)
        if holes.any() and known.any():
            nearest: NDArray[np.int32] = scipy.ndimage.distance_transform_edt(
                ~known, return_distances=False, return_indices=True
            )
            filled = self._since_s[tuple(nearest)]
            self._since_s[holes] = filled[holes]

    def covered_percent(self, time_s: float) -> tuple[float, float]:
        """Return what was covered at a time.

        Parameters
        ----------
        time_s : float
            Since the start.

        Returns
        -------
        tuple of float
            Share of the lesion, and of the lesion with its margin.
        """
        lethal = self._since_s <= time_s
        return _share(lethal, self._lesion), _share(lethal, self._wanted)

    def reached_s(self, percent: float) -> float | None:
        """Return when this share of lesion with margin was covered.

        Parameters
        ----------
        percent : float
            0 to 100.

        Returns
        -------
        float or None
            Seconds since the start; None when it never was.
        """
        times = np.sort(self._since_s[self._wanted])
        if not len(times):
            return None
        last = max(int(np.ceil(percent / 100.0 * len(times))) - 1, 0)
        return float(times[last]) if np.isfinite(times[last]) else None

    def curve(self) -> CoverageCurve:
        """Return coverage over time."""
        times = np.array(self.times_s)
        if len(times) > MOST_TIMES:
            picks = np.unique(np.linspace(0, len(times) - 1, MOST_TIMES).round().astype(int))
            times = times[picks]
        shares = []
        for mask in (self._lesion, self._wanted):
            since = np.sort(self._since_s[mask])
            count = np.searchsorted(since, times + 1e-6, side="right")
            shares.append(tuple(float(n) for n in 100.0 * count / max(len(since), 1)))
        return CoverageCurve(
            time_s=tuple(float(t) for t in times),
            coverage_percent=shares[0],
            coverage_with_margin_percent=shares[1],
        )

    def stop(self) -> StopMoment:
        """Return the last moment at which no limit was passed, and what was covered then."""
        first = self.exposure.first_passed()
        seconds = self._active_end_s if first is None else self.exposure.kept_until_s
        lesion, wanted = self.covered_percent(seconds)
        return StopMoment(
            seconds=seconds,
            structure=None if first is None else first[0],
            measure=None if first is None else first[1],
            passed_s=None if first is None else first[2],
            coverage_percent=lesion,
            coverage_with_margin_percent=wanted,
        )

    def freezes(self, voxel_ml: float) -> tuple[FreezeRow, ...]:
        """Return what was lethally cold in one freeze, in two with a thaw between, and so on.

        Parameters
        ----------
        voxel_ml : float
            Volume of a cell.

        Returns
        -------
        tuple of FreezeRow
            Empty for heat.
        """
        rows = []
        for number in range(1, self._most_freezes + 1):
            zone = self._frozen >= number
            inside = zone[self._block]
            rows.append(
                FreezeRow(
                    freezes=number,
                    volume_ml=float(zone.sum()) * voxel_ml,
                    coverage_percent=_share(inside, self._lesion),
                    coverage_with_margin_percent=_share(inside, self._wanted),
                )
            )
        return tuple(rows)


def _share(part: BoolArray, whole: BoolArray) -> float:
    return 100.0 * float((part & whole).sum()) / max(float(whole.sum()), 1.0)
