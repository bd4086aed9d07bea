"""Places whose temperature is followed: at the probe, at the lesion's border, at each neighbour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from imaging.document import Vector
from imaging.geometry import BoolArray, FloatArray, Grid, unit
from planning.ablation.assembly import Placement
from planning.ablation.limits import LimitChange, limit_of
from planning.ablation.results import Curve
from planning.ablation.solver.simulation import Outcome

CURVE_OFFSET_MM = 5.0  # from the shaft, of the curve at the probe's side
MOST_TIMES = 400  # of a curve that is kept


@dataclass(frozen=True)
class Place:
    """A place whose temperature is followed.

    Parameters
    ----------
    name : str
        Of the place, or of the structure there.
    lps_mm : Vector
        Where.
    is_thermocouple : bool
        Whether it is measured there.
    """

    name: str
    lps_mm: Vector
    is_thermocouple: bool = False


def curve_points(
    grid: Grid,
    placements: Sequence[Placement],
    lesion: BoolArray,
    neighbours: Mapping[str, BoolArray],
) -> list[Place]:
    """Return the places whose temperature is followed: probe, lesion's border, neighbours.

    Parameters
    ----------
    grid : Grid
        Of the simulation.
    placements : sequence of Placement
        The devices; the first one has a place at its side.
    lesion : numpy.ndarray
        Shape ``grid.size_kji``, bool.
    neighbours : mapping of str to numpy.ndarray
        Masks of the same shape by the structures' names.

    Returns
    -------
    list of Place
        The nearest place of each neighbour; thermocouples are not among them.
    """
    first = placements[0]
    axis = unit(first.axis_lps)
    middle = np.asarray(first.tip_lps_mm) + axis * (
        first.device.inactive_tip_mm + 0.5 * first.device.active_length_mm
    )
    sideways = unit(np.cross(axis, np.eye(3)[int(np.argmin(np.abs(axis)))]))
    points = [("probe_side", middle + CURVE_OFFSET_MM * sideways)]
    if lesion.any():
        points.append(("lesion_border", _extreme(grid, lesion, placements, farthest=True)))
    for name, mask in neighbours.items():
        points.append((name, _extreme(grid, mask, placements, farthest=False)))
    return [Place(name, (float(p[0]), float(p[1]), float(p[2]))) for name, p in points]


def _extreme(
    grid: Grid, mask: BoolArray, placements: Sequence[Placement], *, farthest: bool
) -> FloatArray:
    """Return the voxel of a mask that lies farthest from, or nearest to, all active parts."""
    places = grid.to_lps(np.argwhere(mask))
    nearest = np.full(len(places), np.inf)
    for p in placements:
        start = np.asarray(p.tip_lps_mm) + unit(p.axis_lps) * p.device.inactive_tip_mm
        along = np.clip((places - start) @ unit(p.axis_lps), 0.0, p.device.active_length_mm)
        gap = places - start - along[:, None] * unit(p.axis_lps)
        nearest = np.minimum(nearest, np.linalg.norm(gap, axis=1))
    chosen: FloatArray = places[int(nearest.argmax() if farthest else nearest.argmin())]
    return chosen


def curves_of(
    places: Sequence[Place], outcome: Outcome, changes: tuple[LimitChange, ...]
) -> tuple[Curve, ...]:
    """Return the temperatures of the places that were followed.

    Parameters
    ----------
    places : sequence of Place
        In the order of the simulation's points.
    outcome : Outcome
        Of the simulation.
    changes : tuple of LimitChange
        Limits set for the case.

    Returns
    -------
    tuple of Curve
        One for each place, with what the structure there stands.
    """
    times = outcome.time_s
    picks = np.arange(len(times))
    if len(times) > MOST_TIMES:
        picks = np.unique(np.linspace(0, len(times) - 1, MOST_TIMES).round().astype(int))
    found = []
    for n, place in enumerate(places):
        limit = limit_of(place.name, changes)
        found.append(
            Curve(
                name=place.name,
                lps_mm=place.lps_mm,
                time_s=tuple(float(t) for t in times[picks]),
                temperature_c=tuple(float(t) for t in outcome.points_c[picks, n]),
                kind="thermocouple" if place.is_thermocouple else "place",
                lowest_c=None if limit is None else limit.lowest_c,
                highest_c=None if limit is None else limit.highest_c,
            )
        )
    return tuple(found)
