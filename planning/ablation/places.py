"""Places whose temperature is followed: at the probe, at the lesion's border, at each neighbour."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imaging.document import Vector
from imaging.geometry import BoolArray, FloatArray, Grid, unit
from planning.ablation.assembly import Placement
from planning.ablation.results import Curve
from planning.ablation.solver.simulation import Outcome

CURVE_OFFSET_MM = 5.0  # from the shaft, of the curve at the probe's side


def curve_points(
    grid: Grid,
    placements: Sequence[Placement],
    lesion: BoolArray,
    neighbours: dict[str, BoolArray],
) -> list[tuple[str, Vector]]:
    """Return the places whose temperature is followed: probe, lesion's border, neighbours."""
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
    return [(name, (float(p[0]), float(p[1]), float(p[2]))) for name, p in points]


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


def curves_of(points: Sequence[tuple[str, Vector]], outcome: Outcome) -> tuple[Curve, ...]:
    """Return the temperatures of the places that were followed.

    Parameters
    ----------
    points : sequence of tuple
        Name and place, LPS millimetres, in the order of the simulation's points.
    outcome : Outcome
        Of the simulation.

    Returns
    -------
    tuple of Curve
        One for each place.
    """
    times = tuple(float(t) for t in outcome.time_s)
    return tuple(
        Curve(
            name=name,
            lps_mm=place,
            time_s=times,
            temperature_c=tuple(float(t) for t in outcome.points_c[:, n]),
        )
        for n, (name, place) in enumerate(points)
    )
