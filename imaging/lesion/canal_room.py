"""What of the spinal canal an outline keeps clear of.

A canal is found by the bone around it. Where a lesion has eaten that bone, what was found bulges
into the lesion, or is missing. A canal is a tube whose walls change slowly from slice to slice, so
its walls are followed by curves that a bulge of some slices does not move.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import BoolArray, FloatArray, Grid
from imaging.volume import resample

VOXEL_MM = 1.5
REACH_MM = 60.0
LEAST_LENGTH_MM = 30.0  # shorter pieces do not tell how the walls run
WIDEST_MM = 45.0  # what is wider is not a canal, and kept as it is
ALLOWANCE_MM = 1.5  # walls are uneven by about this
BEYOND_MM = 6.0  # walls are followed this far beyond what was found
CORE = 0.8  # of the half widths: surely canal, found or not
FITS = 12
LEAST_RESIDUAL_MM = 0.3


def canal_room(
    outside: BoolArray, grid: Grid, around_lps_mm: FloatArray, target: Grid
) -> BoolArray:
    """Return what an outline keeps clear of, on another grid.

    Parameters
    ----------
    outside : numpy.ndarray
        Shape of ``grid``: what was found of the canal.
    grid : Grid
        Where it lies.
    around_lps_mm : numpy.ndarray
        Shape (n, 3), the clicks.
    target : Grid
        Where the answer is wanted.

    Returns
    -------
    numpy.ndarray
        Shape of ``target``, bool.
    """
    found = resample(outside.view(np.uint8), grid, target, order=1, outside=0.0) > 0.5
    low, high = around_lps_mm.min(axis=0) - REACH_MM, around_lps_mm.max(axis=0) + REACH_MM
    count = np.ceil((high - low) / VOXEL_MM).astype(int)
    own = Grid.aligned((int(count[2]), int(count[1]), int(count[0])), VOXEL_MM, low)
    tube: BoolArray = resample(outside.view(np.uint8), grid, own, order=0, outside=0.0) > 0.5
    heights = np.flatnonzero(tube.any(axis=(1, 2)))
    if len(heights) * VOXEL_MM < LEAST_LENGTH_MM:
        return found
    walls = [
        _ends(np.asarray(tube.any(axis=axis))[heights]) for axis in (1, 2)
    ]  # along i, then along j
    if max(float(np.median(wall[1] - wall[0])) for wall in walls) * VOXEL_MM > WIDEST_MM:
        return found
    k, j, i = _places(own, target)
    across = [_across(place, k, wall, heights) for place, wall in ((i, walls[0]), (j, walls[1]))]
    reached = (k > heights[0] - BEYOND_MM / VOXEL_MM) & (k < heights[-1] + BEYOND_MM / VOXEL_MM)
    allowed = (across[0][1] < 1.0) & (across[1][1] < 1.0)
    core = (across[0][0] ** 2 + across[1][0] ** 2 < CORE**2) & reached
    room: BoolArray = (found & allowed) | core
    return room


def _places(own: Grid, target: Grid) -> list[FloatArray]:
    """Return where the target's voxels lie on another grid, along k, j and i.

    The arrays broadcast to the target's shape; grids along the same axes need no more than lines.
    """
    step = np.linalg.inv(own.affine_kji_to_lps) @ target.affine_kji_to_lps
    index = np.ogrid[tuple(slice(0, n) for n in target.size_kji)]
    places = []
    for row in step[:3]:
        place: FloatArray = np.full((1, 1, 1), row[3])
        for factor, along in zip(row[:3], index, strict=True):
            if abs(factor) > 1e-9:
                place = place + factor * along
        places.append(place)
    return places


def _ends(rows: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Return the first and the last set voxel of each row."""
    first = rows.argmax(axis=1).astype(float)
    last = rows.shape[1] - 1 - rows[:, ::-1].argmax(axis=1).astype(float)
    return first, last


def _across(
    place: FloatArray,
    height: FloatArray,
    wall: tuple[FloatArray, FloatArray],
    heights: NDArray[np.intp],
) -> tuple[FloatArray, FloatArray]:
    """Return places between two walls: 0 in the middle, ±1 at the walls, without and with room."""
    middle_k, half_k = float(heights.mean()), max(float(np.ptp(heights)) / 2, 1.0)
    curves = [_robust(end, (heights.astype(np.float64) - middle_k) / half_k) for end in wall]
    low, high = (np.polyval(curve, (height - middle_k) / half_k) for curve in curves)
    offset = np.abs(place - (low + high) / 2)
    half = np.maximum((high - low) / 2, 1.0)
    return offset / half, offset / (half + ALLOWANCE_MM / VOXEL_MM)


def _robust(values: FloatArray, at: FloatArray) -> FloatArray:
    """Fit a parabola with the least sum of absolute differences, by weighted least squares."""
    weights = np.ones(len(values))
    curve = np.zeros(3)
    for _ in range(FITS):
        curve = np.polyfit(at, values, 2, w=np.sqrt(weights))
        apart = np.abs(values - np.polyval(curve, at)) * VOXEL_MM
        weights = 1.0 / np.maximum(apart, LEAST_RESIDUAL_MM)
    return curve
