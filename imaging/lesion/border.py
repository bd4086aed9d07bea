"""The last millimetres: the outline is moved to half way between lesion and the bone beside it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.geometry import BoolArray
from imaging.kernels import kernel
from imaging.volume import Volume

NEIGHBOURHOOD_MM = 3.0  # in which the bone beside the border is looked for
BONE_PERCENTILE = 85  # of the neighbourhood: its dense side, without its noise
LEAST_CONTRAST_HU = 50.0
FARTHEST_MM = 2.0  # what a scanner's blur spreads; thick slices are allowed one slice
SMOOTHING_MM = 0.5
EVEN_MM = 0.8  # marrow is uneven; a lesion's border is smooth at this scale
THICK_MM = 2.0  # slices thicker than this blur into their neighbours


def at_half_level(
    volume: Volume, mask: BoolArray, lesion_hu: float, sign: float, allowed: BoolArray
) -> BoolArray:
    """Let an outline grow to half way between the lesion's value and that of the bone beside it.

    Parameters
    ----------
    volume : Volume
        The CT.
    mask : numpy.ndarray
        Shape of the volume, bool, not empty; too tight by the blur of the scanner.
    lesion_hu : float
        Of the lesion.
    sign : float
        1 for a lesion darker than bone, −1 for a denser one.
    allowed : numpy.ndarray
        Shape of the volume, bool: where it may grow.

    Returns
    -------
    numpy.ndarray
        Shape of the volume, bool.
    """
    spacing = np.array(volume.grid.spacing_mm_kji)
    pad = np.ceil((NEIGHBOURHOOD_MM + FARTHEST_MM) / spacing).astype(int) + 1
    found = ndimage.find_objects(mask.view(np.uint8))[0]
    block = tuple(
        slice(max(0, one.start - n), min(size, one.stop + n))
        for one, n, size in zip(found, pad, mask.shape, strict=True)
    )
    values = sign * (volume.hu[block].astype(np.float32) - lesion_hu)
    deviation = np.where(spacing < THICK_MM, SMOOTHING_MM / spacing, 0.0)
    values = ndimage.gaussian_filter(values, deviation)
    core = mask[block]
    near = ndimage.distance_transform_edt(~core, sampling=spacing) <= max(
        FARTHEST_MM, 1.01 * spacing.min()
    )
    if spacing[0] > THICK_MM:
        near |= ndimage.binary_dilation(core, np.ones((3, 1, 1), dtype=bool))
    joins = _beside_bone(values, near & allowed[block] & ~core, _ball(spacing))
    grown = ndimage.binary_propagation(core, mask=core | joins)
    filled = ndimage.binary_fill_holes(grown)
    even = np.where(spacing < THICK_MM, EVEN_MM / spacing, 0.0)
    smooth = ndimage.gaussian_filter(filled.astype(np.float32), even) > 0.5
    whole = mask.copy()
    whole[block] = (smooth & (core | allowed[block])) if smooth.any() else filled
    return whole


def _beside_bone(values: NDArray[np.float32], asked: BoolArray, footprint: BoolArray) -> BoolArray:
    """Tell where the bone in the neighbourhood is dense enough, and its half level not reached.

    The bone's value is a percentile. That it lies above a limit is told by counting what does,
    which is many times faster than the percentile itself.
    """
    reach = [n // 2 for n in footprint.shape]
    wide = np.pad(values, [(n, n) for n in reach], mode="symmetric")
    steps = np.argwhere(footprint) - reach
    strides = (wide.shape[1] * wide.shape[2], wide.shape[2], 1)
    above = len(steps) - int(len(steps) * BONE_PERCENTILE / 100)  # those from the percentile on
    places = (np.argwhere(asked) + reach) @ strides
    joins = np.zeros(values.shape, dtype=np.bool_)
    joins[asked] = _many_above(wide.ravel(), places, steps @ strides, above)
    return joins


@kernel
def _many_above(
    values: NDArray[np.float32], places: NDArray[np.int64], steps: NDArray[np.int64], least: int
) -> BoolArray:
    """Tell at which places so many neighbours lie above twice their value, and above bone's."""
    found = np.zeros(len(places), dtype=np.bool_)
    for n in range(len(places)):
        limit = max(np.float32(LEAST_CONTRAST_HU), np.float32(2.0) * values[places[n]])
        count = 0
        for step in steps:
            if values[places[n] + step] > limit:
                count += 1
                if count >= least:
                    found[n] = True
                    break
    return found


def _ball(spacing_mm_kji: np.ndarray) -> BoolArray:
    """Return the neighbourhood as a footprint; across thick slices it takes in one on each side."""
    reach = np.maximum(np.ceil(NEIGHBOURHOOD_MM / spacing_mm_kji), 1).astype(int)
    offsets = np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij")
    step = np.minimum(spacing_mm_kji, NEIGHBOURHOOD_MM / reach)
    squared = sum((offset * one) ** 2 for offset, one in zip(offsets, step, strict=True))
    ball: BoolArray = np.asarray(squared) <= NEIGHBOURHOOD_MM**2 + 1e-6
    return ball
