"""The last millimetres: the outline is moved to half way between lesion and the bone beside it."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

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
    volume: Volume,
    mask: BoolArray,
    lesion: tuple[float, float],
    allowed: BoolArray,
    healthy_hu: NDArray[np.float32] | None = None,
) -> BoolArray:
    """Move an outline to half way between the lesion's value and that of the bone.

    Where it is known what was there before, it moves both ways; elsewhere it only grows, up to half
    way to the bone beside it.

    Parameters
    ----------
    volume : Volume
        The CT.
    mask : numpy.ndarray
        Shape of the volume, bool, not empty; off by the blur of the scanner.
    lesion : tuple of float
        Its value in HU, and 1 for a lesion darker than bone, −1 for a denser one.
    allowed : numpy.ndarray
        Shape of the volume, bool: where it may grow.
    healthy_hu : numpy.ndarray or None
        Shape of the volume: what was there before; not a number where that is not known.

    Returns
    -------
    numpy.ndarray
        Shape of the volume, bool.
    """
    lesion_hu, sign = lesion
    spacing = np.array(volume.grid.spacing_mm_kji)
    pad = np.ceil((NEIGHBOURHOOD_MM + FARTHEST_MM) / spacing).astype(int) + 1
    found = scipy.ndimage.find_objects(mask.view(np.uint8))[0]
    block = tuple(
        slice(max(0, one.start - n), min(size, one.stop + n))
        for one, n, size in zip(found, pad, mask.shape, strict=True)
    )
    values = sign * (volume.hu[block].astype(np.float32) - lesion_hu)
    deviation = np.where(spacing < THICK_MM, SMOOTHING_MM / spacing, 0.0)
    values = scipy.ndimage.gaussian_filter(values, deviation)
    core = mask[block]
    known = np.zeros(core.shape, dtype=bool)
    before = values
    if healthy_hu is not None:
        before = sign * (healthy_hu[block] - lesion_hu)
        known = before > LEAST_CONTRAST_HU
        core = core & ~(known & (values > before / 2) & _near(~core, spacing))
    asked = _near(core, spacing) & allowed[block] & ~core
    joins = _beside_bone(values, asked & ~known, _ball(spacing))
    joins |= asked & known & (values < before / 2)
    grown = scipy.ndimage.binary_propagation(core, mask=core | joins)
    filled = scipy.ndimage.binary_fill_holes(grown)
    even = np.where(spacing < THICK_MM, EVEN_MM / spacing, 0.0)
    smooth = scipy.ndimage.gaussian_filter(filled.astype(np.float32), even) > 0.5
    whole = np.zeros_like(mask)
    whole[block] = (smooth & (core | allowed[block])) if smooth.any() else filled
    return whole


def _near(mask: BoolArray, spacing_mm_kji: np.ndarray) -> BoolArray:
    """Return what lies as near to a mask as the border may move; thick slices may move by one."""
    if not mask.any():
        return mask
    reach_mm = max(FARTHEST_MM, 1.01 * float(spacing_mm_kji.min()))
    near: BoolArray = (
        scipy.ndimage.distance_transform_edt(~mask, sampling=spacing_mm_kji) <= reach_mm
    )
    if spacing_mm_kji[0] > THICK_MM:
        near |= scipy.ndimage.binary_dilation(mask, np.ones((3, 1, 1), dtype=bool))
    return near


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
