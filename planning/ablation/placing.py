"""Devices on the ways in: how deep each goes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imaging.document import Vector
from imaging.errors import Problem
from imaging.geometry import BoolArray, Grid, unit
from planning.ablation.devices import devices
from planning.ablation.request import PlacedDevice
from planning.errors import PlanningError

Way = tuple[Vector, Vector]  # entry and target
REACH_MM = 80.0  # before and behind the target, within which the lesion is looked for
STEP_MM = 0.5


def placed_on(
    way: Way, device_id: str, lesion: BoolArray, grid: Grid, shift_mm: float = 0.0
) -> PlacedDevice:
    """Return a device on a way in, its active part centred on the lesion along the way.

    Parameters
    ----------
    way : tuple of Vector
        Entry and target.
    device_id : str
        Row of the table.
    lesion : numpy.ndarray
        Shape ``grid.size_kji``, bool.
    grid : Grid
        Of the lesion.
    shift_mm : float
        How much deeper than that it goes; may be negative.

    Returns
    -------
    PlacedDevice
        Tip and direction.

    Raises
    ------
    PlanningError
        When no device has this id, or the way has no length.
    """
    device = devices().get(device_id)
    if device is None:
        known = ", ".join(devices())
        message = f"no device has this id; the table has {known}"
        raise PlanningError(Problem(code="unknown_device", message=message, where=device_id))
    entry, target = np.array(way[0]), np.array(way[1])
    if not np.linalg.norm(entry - target) > 0:
        message = "entry and target are the same place; part them"
        raise PlanningError(Problem(code="zero_axis", message=message, where="way"))
    axis = unit(entry - target)
    ahead = device.inactive_tip_mm + device.active_length_mm / 2
    tip = target - axis * (ahead + middle_behind_mm(way, lesion, grid) + shift_mm)
    return PlacedDevice(device_id, _vector(tip), _vector(axis))


def middle_behind_mm(way: Way, lesion: BoolArray, grid: Grid) -> float:
    """Return how far behind the target the lesion's middle lies, along the way in.

    Parameters
    ----------
    way : tuple of Vector
        Entry and target.
    lesion : numpy.ndarray
        Shape ``grid.size_kji``, bool.
    grid : Grid
        Of the lesion.

    Returns
    -------
    float
        Millimetres between target and the middle of the lesion's extent on the way's line; of a way
        beside the lesion, to what lies beside the lesion's centre.
    """
    entry, target = np.array(way[0]), np.array(way[1])
    advance = unit(target - entry)
    reach = np.arange(-REACH_MM, REACH_MM, STEP_MM)
    index = np.rint(grid.to_kji(target + reach[:, None] * advance)).astype(int)
    inside = ((index >= 0) & (index < np.array(grid.size_kji))).all(axis=1)
    hit = np.zeros(len(reach), dtype=bool)
    hit[inside] = lesion[tuple(index[inside].T)]
    along = reach[hit]
    if len(along):
        return float((along.min() + along.max()) / 2)
    if not lesion.any():
        return 0.0
    centre = grid.to_lps(np.argwhere(lesion).mean(axis=0))
    return float((centre - target) @ advance)


def _vector(place: Sequence[float] | np.ndarray) -> Vector:
    x, y, z = (float(n) for n in place)
    return x, y, z
