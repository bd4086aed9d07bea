"""The spinal cord that gives way to a lesion in the canal, and how far it is pressed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d

from imaging.geometry import FloatArray
from imaging.phantom import spine
from imaging.phantom.solids import Field, FieldArray
from imaging.phantom.vertebra import Column

SMOOTH_MM = 2.5  # deviation of the smoothing of the cord's bulge along the patient
WIDEST_MM = 6.0  # bulge at which even a flat cord fills the rest of the sac
HALF_WIDTH_MM = 16.0  # of the room looked at: more than half of any sac
STEPS = 12  # halvings of that: to 0.002 mm


@dataclass(frozen=True)
class Crowding:
    """How little room a lesion leaves in the dural sac.

    Parameters
    ----------
    gap_mm : float
        Distance from the lesion to the cord's ordinary place; negative where it presses the cord.
    fluid_left : float
        Part of the fluid around the cord that is left in the narrowest section; 1 for all.
    """

    gap_mm: float
    fluid_left: float


def pressed_cord(solid: Field, column: Column) -> Field | None:
    """Return the cord beside a lesion that takes its place.

    The cord is soft but not compressible: in each section it bulges into what is left of the sac
    until it has its ordinary area, or fills the sac.

    Parameters
    ----------
    solid : Field
        Signed distances of the lesion.
    column : Column
        Spine of the body.

    Returns
    -------
    Field or None
        Signed distances of the pressed cord around the sac, as high as the lesion's lattice; None
        where the lesion leaves the cord alone.
    """
    around = _around_sac(solid, column)
    cord = spine.cord_shape(column).on(around).values
    taken = np.minimum(-cord, -around.values).max(axis=(1, 2)) > 0
    if not taken.any():
        return None
    room = np.maximum(spine.sac_shape(column).on(around).values, -around.values)
    bulge = np.array(
        [
            _bulge(c, r) if is_taken else 0.0
            for c, r, is_taken in zip(cord, room, taken, strict=True)
        ]
    )
    bulge = gaussian_filter1d(bulge, SMOOTH_MM / around.step_mm, mode="nearest")
    pressed = np.maximum(cord - bulge[:, None, None], room).astype(np.float32)
    return replace(around, values=pressed)


def _around_sac(solid: Field, column: Column) -> Field:
    """Return a lesion's distances on a lattice that holds the whole sac beside it."""
    low = solid.first_lps_mm[2]
    high = low + (len(solid.values) - 1) * solid.step_mm
    line = spine.canal_line(column)[::-1]
    y = np.interp([low, (low + high) / 2, high], line[:, 2], line[:, 1])
    first = np.array([-HALF_WIDTH_MM, y.min() - HALF_WIDTH_MM, low])
    rows = int((np.ptp(y) + 2 * HALF_WIDTH_MM) / solid.step_mm) + 1
    columns = int(2 * HALF_WIDTH_MM / solid.step_mm) + 1
    around = Field(
        first, solid.step_mm, np.empty((len(solid.values), rows, columns), dtype=np.float32)
    )
    return replace(around, values=solid.at(around.points_lps_mm()).astype(np.float32))


def _bulge(cord: FieldArray, room: FieldArray) -> float:
    """Return how far a section of the cord grows to keep its area in the room left to it."""
    area = int((cord < 0).sum())
    low, high = 0.0, WIDEST_MM
    for _ in range(STEPS):
        middle = (low + high) / 2
        if int(((cord - middle < 0) & (room < 0)).sum()) < area:
            low = middle
        else:
            high = middle
    return high


def crowding(solid: Field, cord: Field | None, column: Column) -> Crowding:
    """Measure how little room a lesion leaves in the dural sac.

    Parameters
    ----------
    solid : Field
        Signed distances of the lesion.
    cord : Field or None
        The pressed cord, as :func:`pressed_cord` returns it.
    column : Column
        Spine of the body.

    Returns
    -------
    Crowding
        Gap to the cord, and fluid left.
    """
    around = _around_sac(solid, column)
    ordinary = spine.cord_shape(column).on(around).values
    inside = around.values < 0
    gap = float(ordinary[inside].min(initial=HALF_WIDTH_MM))
    sac = spine.sac_shape(column).on(around).values < 0
    shown = ordinary if cord is None else cord.values
    before = (sac & (ordinary >= 0)).sum(axis=(1, 2))
    left = (sac & ~inside & (shown >= 0)).sum(axis=(1, 2))
    parts: FloatArray = left[before > 0] / before[before > 0]
    return Crowding(gap, float(parts.min(initial=1.0)))
