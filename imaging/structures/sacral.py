"""The sacral foramina: soft channels beside the sacral canal, where anatomy has the sacral roots.

A sacrum whose gaps are closed before its inside is filled swallows them. What of the filling is
soft, narrow and beside the canal is given back; dense marrow is not, nor is a wide soft defect of
the bone.
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.geometry import BoolArray
from imaging.structures.levels import SIDES, exit_name
from imaging.structures.spine import BEYOND_MM, SpineFrame

# source of places and sizes: general anatomy [BG]
SIDE_MM = (8.0, 30.0)  # of the canal's axis: from the canal's side wall to zone I of the ala
FRONT_MM = (-16.0, 26.0)  # of the canal's axis: from the posterior to the anterior foramina
BELOW_FRONT_MM = -40.0  # below the canal's end its axis runs on straight, the sacrum backward
SOFT_HU = 90.0  # fat and root with the blur of the bone around; sacral marrow is mostly denser
DARKER_HU = 45.0  # than marrow, where that is as soft as they: their fat is darker
CORTEX_HU = 160.0
WIDEST_MM = 14.0  # a foramen is narrower; a wider soft place is a defect or empty marrow
LEAST_ML = 0.08
TOP_MM = 6.0  # below the lumbosacral disc begins the foramen of S1
ROOT_MM = (38.0, 60.0, 80.0, 105.0)  # below that disc the foramina of S1 to S4 end
SMOOTH_VOXELS = 0.5


def mark_sacral_exits(
    hu: NDArray[np.int16],
    labels: NDArray[np.int16],
    names: tuple[str, ...],
    frame: SpineFrame,
    spacing_mm_kji: tuple[float, float, float],
    disc_along: float | None,
) -> tuple[NDArray[np.int16], tuple[str, ...]]:
    """Give the soft channels in the sacrum back to the roots.

    Parameters
    ----------
    hu : numpy.ndarray
        Shape (k, j, i) along the patient's axes, HU.
    labels : numpy.ndarray
        Same shape: place in ``names`` plus one, marrow filled; changed in place.
    names : tuple of str
        Of the bones.
    frame : SpineFrame
        Of the canal.
    spacing_mm_kji : tuple of float
        Voxel size.
    disc_along : float or None
        Place on the axis of the lumbosacral disc; None where the image does not show it.

    Returns
    -------
    tuple
        Labels, and names with ``nerve_root_exit_S1_left`` and the like; the roots are counted from
        the disc by usual distances, and only ``nerve_root_exit_of_sacrum_left`` without a disc.
    """
    if "sacrum" not in names:
        return labels, names
    sacrum = labels == names.index("sacrum") + 1
    box = scipy.ndimage.find_objects(sacrum.astype(np.uint8))
    if not box:
        return labels, names
    part, here = sacrum[box[0]], labels[box[0]]
    smooth = scipy.ndimage.gaussian_filter(hu[box[0]].astype(np.float32), SMOOTH_VOXELS)
    channel = np.zeros(part.shape, dtype=bool)
    for limit_hu in (SOFT_HU, min(SOFT_HU, _marrow_hu(smooth[part]) - DARKER_HU)):
        soft = part & (smooth < limit_hu)
        channel |= soft & _narrow(soft, spacing_mm_kji)
    index = np.argwhere(channel)
    if not len(index):
        return labels, names
    start = np.array([s.start for s in box[0]])
    along, front, left = frame.places((index + start) * np.array(spacing_mm_kji))
    beside = (np.abs(left) > SIDE_MM[0]) & (np.abs(left) < SIDE_MM[1])
    behind = np.where(along < BEYOND_MM, BELOW_FRONT_MM, FRONT_MM[0])
    beside &= (front > behind) & (front < FRONT_MM[1])
    if disc_along is not None:
        beside &= along < disc_along - TOP_MM
    root = np.zeros(len(index), np.int64)
    if disc_along is not None:
        root = np.searchsorted(ROOT_MM, disc_along - along) + 1
        beside &= root <= len(ROOT_MM)
    beside = beside & _large(index, beside, part.shape, spacing_mm_kji)
    for number in np.unique(root[beside]):
        for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
            own = index[beside & (root == number) & (left * sign > 0)]
            if len(own):
                names = (*names, exit_name(f"vertebrae_S{number}" if number else "sacrum", side))
                here[tuple(own.T)] = len(names)
    return labels, names


def _marrow_hu(inside: NDArray[np.float32]) -> float:
    """Return the density of what of the sacrum is no cortex."""
    soft = inside[inside < CORTEX_HU]
    return float(np.median(soft)) if len(soft) else SOFT_HU


def _narrow(soft: BoolArray, spacing: tuple[float, float, float]) -> BoolArray:
    """Return where no ball as wide as the widest foramen fits into what is soft."""
    radius = 0.5 * WIDEST_MM
    core = scipy.ndimage.distance_transform_edt(np.pad(soft, 1), sampling=spacing) > radius
    if not core.any():
        return np.ones(soft.shape, dtype=bool)
    far: BoolArray = scipy.ndimage.distance_transform_edt(~core, sampling=spacing) > radius
    return far[1:-1, 1:-1, 1:-1]


def _large(
    index: NDArray[np.int64],
    chosen: BoolArray,
    shape: tuple[int, ...],
    spacing: tuple[float, float, float],
) -> BoolArray:
    """Return which of the places belong to a piece of the chosen ones that is no speck."""
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(index[chosen].T)] = True
    pieces, count = scipy.ndimage.label(mask, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    keep = sizes * (float(np.prod(spacing)) / 1000.0) > LEAST_ML
    keep[0] = False
    result: BoolArray = keep[pieces[tuple(index.T)]]
    return result
