"""Pieces of a mask, told apart on coarser voxels: a quarter of the time and of the memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.geometry import BoolArray, FloatArray

SLAB = 24  # slices whose distances are measured together
COARSE_MM = 2.2  # voxels are taken together as long as they stay below this


@dataclass(frozen=True, eq=False)
class Pieces:
    """Connected pieces of a mask.

    Parameters
    ----------
    labels : numpy.ndarray
        Coarse shape, int32; pieces count from 1.
    count : int
        How many.
    step : tuple of int
        Voxels taken together along k, j, i.
    """

    labels: NDArray[np.int32]
    count: int
    step: tuple[int, int, int]

    @classmethod
    def of(cls, mask: BoolArray, spacing_mm_kji: tuple[float, float, float]) -> Pieces:
        """Tell the pieces of a mask apart; those closer than a coarse voxel are one.

        Parameters
        ----------
        mask : numpy.ndarray
            Shape (k, j, i).
        spacing_mm_kji : tuple of float
            Voxel size.

        Returns
        -------
        Pieces
            Joined across corners.
        """
        step = coarse_step(spacing_mm_kji)
        labels, count = scipy.ndimage.label(summed(mask, step) > 0, structure=np.ones((3, 3, 3)))
        return cls(labels.astype(np.int32, copy=False), int(count), step)

    def sums(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the sum over each piece of values on coarse voxels; place 0 is what is outside.

        Parameters
        ----------
        values : numpy.ndarray
            Coarse shape.

        Returns
        -------
        numpy.ndarray
            Shape (count + 1,).
        """
        total = np.zeros(self.count + 1)
        for labels, plane in zip(self.labels, values, strict=True):
            total += np.bincount(labels.ravel(), weights=plane.ravel(), minlength=self.count + 1)
        return total

    def chosen(self, keep: BoolArray, mask: BoolArray) -> BoolArray:
        """Return the voxels of a mask that belong to chosen pieces.

        Parameters
        ----------
        keep : numpy.ndarray
            Shape (count + 1,); place 0 counts for nothing.
        mask : numpy.ndarray
            Full shape.

        Returns
        -------
        numpy.ndarray
            Full shape.
        """
        wanted = keep.copy()
        wanted[0] = False
        coarse = wanted[self.labels]
        out = np.empty_like(mask)
        for k in range(mask.shape[0]):
            plane = coarse[k // self.step[0]]
            wide = np.repeat(np.repeat(plane, self.step[1], axis=0), self.step[2], axis=1)
            np.logical_and(mask[k], wide[: mask.shape[1], : mask.shape[2]], out=out[k])
        return out


def counted(labels: NDArray[np.integer], most: int) -> NDArray[np.int64]:
    """Return how many voxels have each label, slice by slice to save memory.

    Parameters
    ----------
    labels : numpy.ndarray
        Shape (k, j, i), none below 0.
    most : int
        Largest label.

    Returns
    -------
    numpy.ndarray
        Shape (most + 1,).
    """
    counts = np.zeros(most + 1, dtype=np.int64)
    for plane in labels:
        counts += np.bincount(plane.ravel(), minlength=most + 1)
    return counts


def closer_than(
    mask: BoolArray, reach_mm: float, spacing_mm_kji: tuple[float, float, float]
) -> BoolArray:
    """Tell which voxels lie closer to a mask than a distance, some slices at a time.

    Parameters
    ----------
    mask : numpy.ndarray
        Shape (k, j, i).
    reach_mm : float
        The distance.
    spacing_mm_kji : tuple of float
        Voxel size.

    Returns
    -------
    numpy.ndarray
        Same shape. A distance transform of all of it takes fifty bytes a voxel.
    """
    near = np.zeros(mask.shape, dtype=bool)
    edge = math.ceil(reach_mm / spacing_mm_kji[0])
    for start in range(0, len(mask), SLAB):
        low = max(0, start - edge)
        part = mask[low : start + SLAB + edge]
        if part.any():
            far = scipy.ndimage.distance_transform_edt(~part, sampling=spacing_mm_kji)
            near[start : start + SLAB] = far[start - low : start - low + SLAB] < reach_mm
    return near


def coarse_step(spacing_mm_kji: tuple[float, float, float]) -> tuple[int, int, int]:
    """Return how many voxels are taken together along each axis.

    Parameters
    ----------
    spacing_mm_kji : tuple of float
        Voxel size.

    Returns
    -------
    tuple of int
        At least one.
    """
    k, j, i = (max(1, int(COARSE_MM / mm)) for mm in spacing_mm_kji)
    return k, j, i


def summed(
    mask: BoolArray,
    step: tuple[int, int, int],
    of: Callable[[int], NDArray[np.float32]] | None = None,
) -> NDArray[np.float32]:
    """Return how many voxels of a mask each coarse voxel holds, or the sum of values there.

    Parameters
    ----------
    mask : numpy.ndarray
        Shape (k, j, i).
    step : tuple of int
        Voxels taken together.
    of : callable, optional
        Gives the values of slice k; counts when absent.

    Returns
    -------
    numpy.ndarray
        Coarse shape, float32.
    """
    size = [-(-n // s) for n, s in zip(mask.shape, step, strict=True)]
    out = np.zeros(size, dtype=np.float32)
    for k in range(mask.shape[0]):
        plane = mask[k].astype(np.float32) if of is None else np.where(mask[k], of(k), 0.0)
        for a in range(step[1]):
            for b in range(step[2]):
                part = plane[a :: step[1], b :: step[2]]
                out[k // step[0], : part.shape[0], : part.shape[1]] += part
    return out


@dataclass(frozen=True, eq=False)
class CoarseImage:
    """An image of means over blocks of voxels.

    Parameters
    ----------
    hu : numpy.ndarray
        Coarse shape, float32.
    step : tuple of int
        Voxels taken together along k, j, i.
    spacing_mm_kji : tuple of float
        Size of a coarse voxel.
    start : tuple of int
        First voxel of the image that was taken, along k, j, i.
    """

    hu: NDArray[np.float32]
    step: tuple[int, int, int]
    spacing_mm_kji: tuple[float, float, float]
    start: tuple[int, int, int] = (0, 0, 0)

    @classmethod
    def of(
        cls,
        hu: NDArray[np.int16],
        spacing_mm_kji: tuple[float, float, float],
        about_mm: tuple[float, float, float],
        window: tuple[slice, slice] = (slice(None), slice(None)),
    ) -> CoarseImage:
        """Take voxels together to about a size.

        Parameters
        ----------
        hu : numpy.ndarray
            Shape (k, j, i).
        spacing_mm_kji : tuple of float
            Voxel size.
        about_mm : tuple of float
            Wanted size of a coarse voxel along k, j, i; the nearest ratio is taken.
        window : tuple of slice
            Rows and columns to take, all of them by default.

        Returns
        -------
        CoarseImage
            Means; blocks at the far edges may hold fewer voxels.
        """
        k, j, i = step_about(spacing_mm_kji, about_mm)
        taken = hu[:, window[0], window[1]]
        start = (0, window[0].start or 0, window[1].start or 0)
        size = [-(-n // s) for n, s in zip(taken.shape, (k, j, i), strict=True)]
        out = np.zeros(size, dtype=np.float32)
        for n in range(size[0]):
            plane = taken[n * k : (n + 1) * k].mean(axis=0, dtype=np.float32)
            rows = np.add.reduceat(plane, np.arange(0, plane.shape[0], j), axis=0)
            both = np.add.reduceat(rows, np.arange(0, plane.shape[1], i), axis=1)
            out[n] = both / np.outer(_held(plane.shape[0], j), _held(plane.shape[1], i))
        spacing = [mm * s for mm, s in zip(spacing_mm_kji, (k, j, i), strict=True)]
        return cls(out, (k, j, i), (spacing[0], spacing[1], spacing[2]), start)

    def from_fine(self, axis: int, index: FloatArray) -> FloatArray:
        """Return coarse indices of fine ones along an axis.

        Parameters
        ----------
        axis : int
            0, 1 or 2.
        index : numpy.ndarray
            Fractional indices of the image.

        Returns
        -------
        numpy.ndarray
            Fractional indices of the coarse one.
        """
        step = self.step[axis]
        return (index - self.start[axis] - (step - 1) / 2) / step

    def to_fine(self, axis: int, index: FloatArray) -> FloatArray:
        """Return fine indices of coarse ones along an axis.

        Parameters
        ----------
        axis : int
            0, 1 or 2.
        index : numpy.ndarray
            Fractional indices of the coarse image.

        Returns
        -------
        numpy.ndarray
            Fractional indices of the image.
        """
        step = self.step[axis]
        return index * step + self.start[axis] + (step - 1) / 2


def step_about(
    spacing_mm_kji: tuple[float, float, float], about_mm: tuple[float, float, float]
) -> tuple[int, int, int]:
    """Return how many voxels are taken together to come near a size.

    Parameters
    ----------
    spacing_mm_kji : tuple of float
        Voxel size.
    about_mm : tuple of float
        Wanted size.

    Returns
    -------
    tuple of int
        At least one along each axis.
    """
    k, j, i = (
        _nearest_ratio(about / mm) for about, mm in zip(about_mm, spacing_mm_kji, strict=True)
    )
    return k, j, i


def _nearest_ratio(ratio: float) -> int:
    """Return the whole number, at least 1, nearest in ratio."""
    low = max(1, int(ratio))
    return low if ratio / low < (low + 1) / ratio else low + 1


def _held(size: int, step: int) -> NDArray[np.int64]:
    """Return how many voxels each block along an axis holds."""
    return np.diff(np.append(np.arange(0, size, step), size))
