"""What the neighbours of a lesion see, followed step by step, against their limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.document import Document
from imaging.geometry import BoolArray, FloatArray, Grid
from planning.ablation.limits import LimitChange, ThermalLimit, limit_of, thermal_limits
from planning.ablation.solver.damage import Damage
from planning.ablation.solver.materials import BODY_C, Float32Array

Measure = Literal["max_c", "min_c", "cem43", "clear_mm"]


class NeighbourRow(Document):
    """What a neighbour sees.

    Attributes
    ----------
    name : str
        Of the structure.
    max_c, min_c : float
        Hottest and coldest of its cells at any time.
    cem43 : float
        Greatest thermal dose of its cells, minutes.
    limit : float or None
        The first limit passed; without one, the limit that is nearest to being passed.
    passed : bool
        True when a limit was passed.
    measure : str
        What ``limit`` is about: ``max_c``, ``min_c``, ``cem43`` or ``clear_mm``.
    value : float
        What was reached of that measure.
    first_passed_s : float or None
        When the first limit was passed.
    clear_mm : float or None
        Least distance to ice (cold) or to 50 °C (heat); None where there is neither.
    source : str
        Of the limit.
    """

    name: str
    max_c: float
    min_c: float
    cem43: float
    limit: float | None
    passed: bool
    measure: Measure
    value: float
    first_passed_s: float | None
    clear_mm: float | None
    source: str


@dataclass(eq=False)
class _Seen:
    """What a neighbour has seen so far."""

    limit: ThermalLimit
    cells: NDArray[np.int64]
    near: NDArray[np.int64]  # cells that ice and 50 °C have to keep out of
    max_c: float = BODY_C
    min_c: float = BODY_C
    cem43: float = 0.0
    is_near: bool = False
    passed_s: dict[Measure, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Neighbour:
    """The cells of a structure that has a limit.

    Parameters
    ----------
    name : str
        Of the structure.
    limit : ThermalLimit
        That holds for it.
    cells, near : numpy.ndarray
        Flat indices: its cells; cells nearer than its distance from ice and 50 °C.
    """

    name: str
    limit: ThermalLimit
    cells: NDArray[np.int64]
    near: NDArray[np.int64]


def neighbours_with_limits(
    grid: Grid, masks: Mapping[str, BoolArray], changes: tuple[LimitChange, ...] = ()
) -> tuple[Neighbour, ...]:
    """Return the cells of every structure that has a limit.

    Parameters
    ----------
    grid : Grid
        Of the simulation.
    masks : mapping of str to numpy.ndarray
        Shape ``grid.size_kji`` by the structures' names.
    changes : tuple of LimitChange
        Limits set for the case.

    Returns
    -------
    tuple of Neighbour
        Without those that have no limit or no cell.
    """
    found = []
    for name, mask in masks.items():
        limit = limit_of(name, changes)
        if limit is None or not mask.any():
            continue
        near = np.zeros(0, dtype=np.int64)
        if limit.clear_mm is not None:
            away: FloatArray = scipy.ndimage.distance_transform_edt(
                ~mask, sampling=grid.spacing_mm_kji
            )
            near = np.flatnonzero(away < limit.clear_mm)
        found.append(Neighbour(name, limit, np.flatnonzero(mask), near))
    return tuple(found)


class Exposure:
    """Follows the neighbours of a simulation.

    Parameters
    ----------
    grid : Grid
        Of the simulation.
    neighbours : sequence of Neighbour
        On this grid.
    """

    def __init__(self, grid: Grid, neighbours: Sequence[Neighbour]) -> None:
        self._grid = grid
        self._table = thermal_limits()
        self._seen = {one.name: _Seen(one.limit, one.cells, one.near) for one in neighbours}
        self.kept_until_s = 0.0  # last time at which no limit was passed

    def watch(self, time_s: float, temperature_c: Float32Array, damage: Damage) -> None:
        """Note what the neighbours see after a step.

        Parameters
        ----------
        time_s : float
            Since the start.
        temperature_c : numpy.ndarray
            Shape (k, j, i).
        damage : Damage
            Of the cells.
        """
        flat = np.ascontiguousarray(temperature_c).ravel()
        dose = damage.cem43_min.ravel()
        for seen in self._seen.values():
            here = flat[seen.cells]
            seen.max_c = max(seen.max_c, float(here.max()))
            seen.min_c = min(seen.min_c, float(here.min()))
            seen.cem43 = max(seen.cem43, float(dose[seen.cells].max()))
            for measure, (limit, value) in _compared(seen).items():
                if is_passed(measure, value, limit):
                    seen.passed_s.setdefault(measure, time_s)
            if len(seen.near) and not seen.is_near:
                beside = flat[seen.near]
                table = self._table
                seen.is_near = bool(
                    beside.min() <= table.cold_isotherm_c or beside.max() >= table.hot_isotherm_c
                )
                if seen.is_near:
                    seen.passed_s.setdefault("clear_mm", time_s)
        if not self.is_passed:
            self.kept_until_s = time_s

    @property
    def is_passed(self) -> bool:
        """Whether any limit was passed so far."""
        return any(seen.passed_s for seen in self._seen.values())

    def first_passed(self) -> tuple[str, Measure, float] | None:
        """Return what was passed first: structure, measure, time in seconds; None for nothing."""
        passed = [
            (seconds, name, measure)
            for name, seen in self._seen.items()
            for measure, seconds in seen.passed_s.items()
        ]
        if not passed:
            return None
        seconds, name, measure = min(passed)
        return name, measure, seconds

    def told(self, name: str, measure: Measure) -> tuple[float, float, str]:
        """Return a limit, what was reached of it so far, and its source.

        Parameters
        ----------
        name : str
            Of a structure that is followed.
        measure : str
            Which limit, one that it has.

        Returns
        -------
        tuple
            Limit, value, source; of a distance to ice or 50 °C the value is the limit itself.
        """
        seen = self._seen[name]
        if measure == "clear_mm":
            clear = seen.limit.clear_mm or 0.0
            return clear, clear, seen.limit.source
        limit, value = _compared(seen)[measure]
        return limit, value, seen.limit.source

    def rows(self, hottest_c: Float32Array, coldest_c: Float32Array) -> tuple[NeighbourRow, ...]:
        """Return what every neighbour has seen.

        Parameters
        ----------
        hottest_c, coldest_c : numpy.ndarray
            Extremes of all cells, shape (k, j, i).

        Returns
        -------
        tuple of NeighbourRow
            In the order of the structures.
        """
        table = self._table
        active = (coldest_c <= table.cold_isotherm_c) | (hottest_c >= table.hot_isotherm_c)
        distance: FloatArray | None = None
        if active.any():
            distance = scipy.ndimage.distance_transform_edt(
                ~active, sampling=self._grid.spacing_mm_kji
            )
        return tuple(self._row(name, seen, distance) for name, seen in self._seen.items())

    def _row(self, name: str, seen: _Seen, distance: FloatArray | None) -> NeighbourRow:
        clear = None if distance is None else float(distance.ravel()[seen.cells].min())
        compared = _compared(seen)
        if seen.limit.clear_mm is not None and clear is not None:
            compared["clear_mm"] = (seen.limit.clear_mm, clear)
        measure: Measure = "max_c"
        if seen.passed_s:
            measure = min(seen.passed_s, key=lambda m: seen.passed_s[m])
        elif compared:
            measure = max(compared, key=lambda m: _closeness(m, *compared[m]))
        limit, value = compared.get(measure, (None, seen.max_c))
        passed = bool(seen.passed_s)
        return NeighbourRow(
            name=name,
            max_c=seen.max_c,
            min_c=seen.min_c,
            cem43=seen.cem43,
            limit=limit,
            passed=passed,
            measure=measure,
            value=value,
            first_passed_s=min(seen.passed_s.values(), default=None),
            clear_mm=clear,
            source=seen.limit.source,
        )


def _compared(seen: _Seen) -> dict[Measure, tuple[float, float]]:
    """Return limit and value of every measure that the structure has a limit for."""
    pairs: dict[Measure, tuple[float | None, float]] = {
        "max_c": (seen.limit.highest_c, seen.max_c),
        "min_c": (seen.limit.lowest_c, seen.min_c),
        "cem43": (seen.limit.cem43_min, seen.cem43),
    }
    return {m: (limit, value) for m, (limit, value) in pairs.items() if limit is not None}


def is_passed(measure: Measure, value: float, limit: float) -> bool:
    """Tell whether a value is beyond a limit.

    Parameters
    ----------
    measure : str
        ``max_c`` and ``cem43`` may not exceed, ``min_c`` and ``clear_mm`` not fall below.
    value, limit : float
        In the measure's unit.

    Returns
    -------
    bool
        False at the limit itself.
    """
    return value < limit if measure in {"min_c", "clear_mm"} else value > limit


def _closeness(measure: Measure, limit: float, value: float) -> float:
    """Return how near a value is to its limit; 1 at the limit, above beyond it."""
    if measure in {"max_c", "min_c"}:
        room_c = limit - BODY_C
        return (value - BODY_C) / room_c if room_c else 1.0  # the body itself is at the limit
    if measure == "clear_mm":
        return limit / max(value, 1e-6)
    return value / limit
