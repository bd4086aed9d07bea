"""Bone with its marrow: the cortex by density, the inside by what the cortex encloses."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.geometry import BoolArray
from imaging.structures.canal import Canal
from imaging.structures.coarse import Pieces, summed
from imaging.structures.contrast import Contrast

SURE_HU = 220  # above native vessels and organs
LIKELY_HU = 140  # cancellous bone, partial volume of thin cortex; only where it touches sure bone
LEAST_ML = 0.4  # smaller bright specks are calcifications or bowel content
CLOSE_MM = 2.0  # gaps in a cortex narrower than twice this are closed before filling
BLUR_MM = 1.6  # within this of a cortex lies its blur
HALF = 0.45  # of the way from soft tissue to the cortex, a border lies; a little less is kept
RIM_PIXELS = 1
SOFT_TISSUE_HU = 30.0
DENSEST_HU = 900.0  # metal and cement are no measure of a cortex
LARGEST_HOLE_MM2 = 2000.0  # a vertebral body's section is up to 1500; the pelvic ring is not filled


def find_bone(
    hu: NDArray[np.int16],
    body: BoolArray,
    spacing_mm_kji: tuple[float, float, float],
    contrast: Contrast | None = None,
) -> BoolArray:
    """Return bone by density, marrow not filled.

    Parameters
    ----------
    hu : numpy.ndarray
        Shape (k, j, i) along the patient's axes, HU.
    body : numpy.ndarray
        Same shape, inside the skin.
    spacing_mm_kji : tuple of float
        Voxel size.
    contrast : Contrast, optional
        What is as bright and is no bone.

    Returns
    -------
    numpy.ndarray
        Same shape.
    """
    voxel_ml = float(np.prod(spacing_mm_kji)) / 1000.0
    likely = hu > LIKELY_HU
    likely &= body
    if contrast is not None:
        for k in range(len(likely)):
            likely[k] &= ~contrast.plane(k, likely.shape[1:])
    pieces = Pieces.of(likely, spacing_mm_kji)
    sure = voxel_ml * pieces.sums(
        summed(likely, pieces.step, lambda k: (hu[k] > SURE_HU).astype(np.float32))
    )
    return pieces.chosen(sure > LEAST_ML, likely)


def fill_marrow(
    bone: BoolArray, keep_open: Canal | None, spacing_mm_kji: tuple[float, float, float]
) -> BoolArray:
    """Return bone with what its cortex encloses.

    Parameters
    ----------
    bone : numpy.ndarray
        Shape (k, j, i), as :func:`find_bone` returns it.
    keep_open : Canal or None
        The spinal canal, never filled.
    spacing_mm_kji : tuple of float
        Voxel size.

    Returns
    -------
    numpy.ndarray
        Same shape.
    """
    pixel_mm = spacing_mm_kji[1:]
    radius = np.maximum(np.rint(CLOSE_MM / np.array(pixel_mm)), 1).astype(int)
    jj, ii = np.ogrid[-radius[0] : radius[0] + 1, -radius[1] : radius[1] + 1]
    disc = (jj / radius[0]) ** 2 + (ii / radius[1]) ** 2 <= 1.0
    filled = bone.copy()
    for k in np.flatnonzero(bone.any(axis=(1, 2))):
        rows = np.flatnonzero(bone[k].any(axis=1))
        columns = np.flatnonzero(bone[k].any(axis=0))
        window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        closed = scipy.ndimage.binary_closing(np.pad(bone[k][window], radius.max() + 1), disc)
        holes, count = scipy.ndimage.label(scipy.ndimage.binary_fill_holes(closed) & ~closed)
        areas = np.bincount(holes.ravel(), minlength=count + 1) * pixel_mm[0] * pixel_mm[1]
        small = areas <= LARGEST_HOLE_MM2
        small[0] = False
        edge = int(radius.max()) + 1
        filled[k][window] |= (closed | small[holes])[edge:-edge, edge:-edge]
    if keep_open is not None:
        filled[keep_open.block] &= ~keep_open.inner
    return filled


def trim_blur(
    bone: BoolArray, hu: NDArray[np.int16], spacing_mm_kji: tuple[float, float, float]
) -> None:
    """Take the blur of the cortex from the rim of bone, on pixels fine enough to show it.

    Parameters
    ----------
    bone : numpy.ndarray
        Shape (k, j, i), filled; changed in place.
    hu : numpy.ndarray
        Same shape, HU.
    spacing_mm_kji : tuple of float
        Voxel size.
    """
    size = [2 * int(BLUR_MM / mm) + 1 for mm in spacing_mm_kji[1:]]
    if max(size) == 1:
        return
    for plane, values in zip(bone, hu, strict=True):
        rows, columns = (np.flatnonzero(plane.any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            continue
        window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        part, near = plane[window], values[window]
        rim = part & ~scipy.ndimage.binary_erosion(part, iterations=RIM_PIXELS, border_value=1)
        dense = scipy.ndimage.maximum_filter(near, size=size)
        half = SOFT_TISSUE_HU + HALF * (np.minimum(dense, DENSEST_HU) - SOFT_TISSUE_HU)
        part &= ~(rim & (near < half) & (near > SOFT_TISSUE_HU))
