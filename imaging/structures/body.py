"""The body without its couch, and the air inside it."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.geometry import BoolArray
from imaging.structures.coarse import Pieces, summed

SKIN_HU = -300  # half way between air and fat, raised a little: skin is wet
COUCH_SHEET_MM = 6.0  # a couch's shell, clothing and wires are thinner than twice this
GAS_HU = -500
LUNG_MEAN_HU = (-930, -500)  # aerated lung; bowel gas is nearer to −1000
LUNG_LEAST_ML = 20.0
GAS_LEAST_ML = 0.05
WORK_MM = 2.0  # the body is found on pixels of about this size, then refined


def find_body(hu: NDArray[np.int16], spacing_mm_kji: tuple[float, float, float]) -> BoolArray:
    """Return everything inside the skin.

    Parameters
    ----------
    hu : numpy.ndarray
        Shape (k, j, i) along the patient's axes, HU.
    spacing_mm_kji : tuple of float
        Voxel size.

    Returns
    -------
    numpy.ndarray
        Same shape; lungs and bowel gas belong to it, couch and clothing do not.
    """
    solid = hu > SKIN_HU
    step = max(1, int(WORK_MM / min(spacing_mm_kji[1:])))
    coarse = solid[:, ::step, ::step]
    pixel_mm = (spacing_mm_kji[1] * step, spacing_mm_kji[2] * step)
    core = np.stack([_eroded(plane, pixel_mm, COUCH_SHEET_MM) for plane in coarse])
    core = _largest(core)
    if not core.any():
        return np.zeros(hu.shape, dtype=bool)
    for k, plane in enumerate(solid):  # in place: it becomes the body
        grown = _dilated(core[k], pixel_mm, COUCH_SHEET_MM + 2 * WORK_MM)
        near = np.repeat(np.repeat(grown, step, axis=0), step, axis=1)
        own = plane & near[: hu.shape[1], : hu.shape[2]]
        scipy.ndimage.binary_fill_holes(_only_large(own), output=plane)
    return solid


def _eroded(plane: BoolArray, pixel_mm: tuple[float, float], radius_mm: float) -> BoolArray:
    inside: BoolArray = scipy.ndimage.distance_transform_edt(plane, sampling=pixel_mm) > radius_mm
    return inside


def _dilated(plane: BoolArray, pixel_mm: tuple[float, float], radius_mm: float) -> BoolArray:
    near: BoolArray = scipy.ndimage.distance_transform_edt(~plane, sampling=pixel_mm) <= radius_mm
    return near


def _largest(mask: BoolArray) -> BoolArray:
    labels, count = scipy.ndimage.label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    result: BoolArray = labels == int(sizes.argmax())
    return result


def _only_large(plane: BoolArray) -> BoolArray:
    """Drop specks of a slice; arms and separate folds stay."""
    labels, count = scipy.ndimage.label(plane)
    if count < 2:
        return plane
    sizes = np.bincount(labels.ravel())
    keep = sizes > 0.02 * sizes[1:].sum()
    keep[0] = False
    result: BoolArray = keep[labels]
    return result


def find_air(
    hu: NDArray[np.int16], body: BoolArray, spacing_mm_kji: tuple[float, float, float]
) -> tuple[BoolArray, BoolArray]:
    """Return lung and bowel gas.

    Parameters
    ----------
    hu : numpy.ndarray
        Shape (k, j, i), HU.
    body : numpy.ndarray
        Same shape, inside the skin.
    spacing_mm_kji : tuple of float
        Voxel size.

    Returns
    -------
    tuple of numpy.ndarray
        Lung, and gas elsewhere; told apart by their mean density and size.
    """
    voxel_ml = float(np.prod(spacing_mm_kji)) / 1000.0
    air = hu < GAS_HU
    air &= body
    pieces = Pieces.of(air, spacing_mm_kji)
    core = scipy.ndimage.binary_erosion(air)
    count = pieces.sums(summed(core, pieces.step))
    total = pieces.sums(summed(core, pieces.step, lambda k: hu[k].astype(np.float32)))
    means = total / np.maximum(count, 1.0)
    del core
    sizes_ml = pieces.sums(summed(air, pieces.step)) * voxel_ml
    is_lung = (sizes_ml > LUNG_LEAST_ML) & (means > LUNG_MEAN_HU[0]) & (means < LUNG_MEAN_HU[1])
    is_gas = ~is_lung & (sizes_ml > GAS_LEAST_ML)
    return pieces.chosen(is_lung, air), pieces.chosen(is_gas, air)
