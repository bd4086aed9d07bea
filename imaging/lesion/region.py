"""The block of CT around a click on which a lesion is outlined, on cubic voxels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.geometry import BoolArray, FloatArray, Grid
from imaging.volume import AIR_HU, Volume, resample

VOXEL_MM = 1.0
SMOOTHING_MM = 0.8  # takes the noise of a routine CT to about a third
SURE_BONE_HU = 170.0
# Gaps in the cortex up to twice the radius are taken as once closed; the wider the gap, the less
# it is believed.
CLOSINGS_MM = ((3.0, 1.0), (6.0, 0.8), (10.0, 0.5), (15.0, 0.3), (22.0, 0.2))
NEVER_BONE = 0.08


@dataclass(frozen=True, eq=False)
class Region:
    """A block of CT around one or more clicks.

    Parameters
    ----------
    grid : Grid
        Cubic voxels along the patient's axes.
    hu : numpy.ndarray
        Shape ``grid.size_kji``, float32, smoothed.
    envelope : numpy.ndarray
        Same shape, float32 from 0 to 1: how likely the place was once within the bone.
    """

    grid: Grid
    hu: NDArray[np.float32]
    envelope: NDArray[np.float32]


def cut_region(volume: Volume, seeds_lps_mm: FloatArray, reach_mm: float) -> Region:
    """Cut out and prepare the block around the clicks.

    Parameters
    ----------
    volume : Volume
        The CT.
    seeds_lps_mm : numpy.ndarray
        Shape (n, 3).
    reach_mm : float
        How far the block reaches beyond the clicks.

    Returns
    -------
    Region
        On voxels of 1 mm.
    """
    low = seeds_lps_mm.min(axis=0) - reach_mm
    high = seeds_lps_mm.max(axis=0) + reach_mm
    corners = volume.grid.corners_lps_mm()
    low, high = np.maximum(low, corners.min(axis=0)), np.minimum(high, corners.max(axis=0))
    count = np.maximum(np.ceil((high - low) / VOXEL_MM), 1).astype(int)
    size = int(count[2]), int(count[1]), int(count[0])
    grid = Grid.aligned(size, VOXEL_MM, low + VOXEL_MM / 2)
    start, block = volume.grid.around(np.stack([low, high]), 2 * max(volume.grid.spacing_mm_kji))
    part = volume.cropped(start, block)
    raw = resample(part.hu, part.grid, grid, order=1, outside=AIR_HU)
    hu = ndimage.gaussian_filter(raw, SMOOTHING_MM / VOXEL_MM)
    return Region(grid, hu, _envelope(hu > SURE_BONE_HU))


def _envelope(bone: BoolArray) -> NDArray[np.float32]:
    """Grade each place by the smallest closing of the cortex that takes it in.

    The closing is done slice by slice, so that discs are not bridged.
    """
    grade = np.full(bone.shape, NEVER_BONE, dtype=np.float32)
    pad = int(CLOSINGS_MM[-1][0] / VOXEL_MM) + 2
    for k in np.flatnonzero(bone.any(axis=(1, 2))):
        plane = np.pad(bone[k], pad)
        outside = ndimage.distance_transform_edt(~plane, sampling=VOXEL_MM)
        for radius, share in reversed(CLOSINGS_MM):
            grown = outside <= radius
            closed = ndimage.distance_transform_edt(grown, sampling=VOXEL_MM) > radius
            grade[k][closed[pad:-pad, pad:-pad]] = share
        holes = ndimage.binary_fill_holes(bone[k]) & ~bone[k]
        labels, count = ndimage.label(holes)
        areas = np.bincount(labels.ravel(), minlength=count + 1)
        small = areas * VOXEL_MM**2 < 2000.0
        small[0] = False
        grade[k][small[labels]] = 1.0
    return ndimage.gaussian_filter(grade, 0.7)
