"""The spinal canal: the one soft channel that bone surrounds from slice to slice.

Each place of each slice is judged by rays: how many meet bone within a canal's reach, and whether
what lies there is soft. The path of places through the slices that is surrounded best, without
jumping, is the canal's axis. Its outline is where the rays end, smoothed along the canal, because
between two arches the ring is open.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.geometry import BoolArray, FloatArray, Grid
from imaging.kernels import kernel, parallel_kernel, prange
from imaging.orientation import Orientation
from imaging.structures.body import find_body
from imaging.structures.model import SPINAL_CANAL, Structures
from imaging.volume import Volume

BONE_HU = 170
SOFT_HU = (-120.0, 140.0)  # epidural fat to enhanced veins
REACH_MM = 18.0  # half the widest lumbar canal, with its recesses
RAYS = 24
SPREAD = 3  # every third ray is looked along first
FIRST_RAYS = RAYS // SPREAD
FIRST_MET = 2.0  # of them; a place that meets less bone lies in no canal
BODY_MM = 3.0  # voxels that show the body well enough for its middle
PLACE_MM = 2.0  # distance between places that are judged
PLACE_SLICE_MM = 3.0  # about this far apart are the slices that are judged
STEEPEST_BACKWARD = 1.2  # millimetres backward a millimetre of height: the sacral canal's slope
STEEPEST_SIDEWAYS = 0.6  # the same to the side, of a scoliosis
SIDEWAYS_COST = 0.15  # of a score, for a sideways slope of one
OFF_MIDLINE_COST = 0.25  # of a score, 40 mm beside the body's midline
LEAST_SURROUNDED = 0.55
LEAST_LENGTH_MM = 25.0
NEAR_MM = 60.0
SMOOTH_MM = 0.7
ABOUT_AXIS_MM = 45.0  # rays of 15 mm, two moves of their centre by 10 mm at most, and smoothing
OUTLINE_RAYS = 72
OUTLINE_LIMIT_MM = 15.0
SMOOTH_ALONG_MM = 12.0
INSIDE_HU = 100.0  # half way between fluid or fat and a thin cortex; what it encloses stays inside
BLUR_OF_PIXEL = 0.2  # of a pixel by which the blur of the cortex draws the ray's end outward


@dataclass(frozen=True, eq=False)
class Canal:
    """The canal and its axis.

    Parameters
    ----------
    inner : numpy.ndarray
        Shape of the block, along the patient's axes.
    block : tuple of slice
        Where it lies in the image; nothing of the canal lies elsewhere.
    axis_kji : numpy.ndarray
        Shape (slices, 3), fractional indices of its centre, a row for each slice it lies in.
    """

    inner: BoolArray
    block: tuple[slice, slice, slice]
    axis_kji: FloatArray

    def width(self, k: int) -> int:
        """Return how many columns of a slice it lies in.

        Parameters
        ----------
        k : int
            Slice of the image, one that it lies in.

        Returns
        -------
        int
            Voxels.
        """
        return int(np.count_nonzero(self.inner[k - self.block[0].start].any(axis=0)))

    def every(self, step: Sequence[int], shape: tuple[int, ...]) -> BoolArray:
        """Return it on every so many voxels of the image.

        Parameters
        ----------
        step : sequence of int
            Voxels between two that are taken, along k, j, i.
        shape : tuple of int
            Of the image.

        Returns
        -------
        numpy.ndarray
            Bool.
        """
        out = np.zeros([-(-size // n) for size, n in zip(shape, step, strict=True)], dtype=bool)
        first = [-(-part.start // n) for part, n in zip(self.block, step, strict=True)]
        taken = self.inner[
            tuple(
                slice(one * n - part.start, None, n)
                for one, n, part in zip(first, step, self.block, strict=True)
            )
        ]
        out[tuple(slice(a, a + n) for a, n in zip(first, taken.shape, strict=True))] = taken
        return out


@kernel
def _bone_along(plane: NDArray[np.float32], j: int, i: int, dj: float, di: float) -> int:
    """Return after how many millimetres a ray meets bone, 0 where it meets none or air before."""
    for step in range(2, int(REACH_MM) + 1):
        y = int(j + dj * step + 0.5)
        x = int(i + di * step + 0.5)
        if y < 0 or x < 0 or y >= plane.shape[0] or x >= plane.shape[1] or plane[y, x] < -250.0:
            return 0
        if plane[y, x] > BONE_HU:
            return step
    return 0


@parallel_kernel
def _surroundings(
    hu: NDArray[np.float32],
    places_j: NDArray[np.int64],
    places_i: NDArray[np.int64],
    pixel_mm_j: float,
    pixel_mm_i: float,
) -> NDArray[np.float32]:
    """Score each place of each slice by the share of rays that meet bone, weighed by distance."""
    score = np.zeros((hu.shape[0], len(places_j), len(places_i)), dtype=np.float32)
    sines, cosines = np.empty(RAYS), np.empty(RAYS)
    for ray in range(RAYS):
        sines[ray] = math.sin(2.0 * math.pi * ray / RAYS)
        cosines[ray] = math.cos(2.0 * math.pi * ray / RAYS)
    for k in prange(hu.shape[0]):
        for a in range(len(places_j)):
            for b in range(len(places_i)):
                j = places_j[a]
                i = places_i[b]
                here = hu[k, j, i]
                if here < SOFT_HU[0] or here > SOFT_HU[1]:
                    continue
                total = 0.0
                front = 0.0
                for turn in range(RAYS):
                    if turn == FIRST_RAYS and total < FIRST_MET:
                        front = 0.0
                        break
                    ray = turn * SPREAD % RAYS + turn // FIRST_RAYS
                    sin = sines[ray]
                    dj = sin / pixel_mm_j
                    di = cosines[ray] / pixel_mm_i
                    step = _bone_along(hu[k], j, i, dj, di)
                    if step > 0:
                        total += 1.0 if step >= 4 else 0.5
                        if sin < -0.5:
                            front += 1.0
                if front > 0.0:
                    score[k, a, b] = total / RAYS
    return score


def _best_path(
    score: NDArray[np.float32], reach: tuple[int, int], sideways_slope: float
) -> tuple[NDArray[np.int64], slice]:
    """Return the chain of places (a, b) whose scores exceed the least by the largest sum.

    The chain begins and ends where it is worth it; the slice tells which slices it runs through.
    """
    count, height, width = score.shape
    moves = [(a, b) for a in range(-reach[0], reach[0] + 1) for b in range(-reach[1], reach[1] + 1)]
    worth = score.astype(np.float64) - LEAST_SURROUNDED
    total = worth[0]
    came = np.full((count, height, width), -1, dtype=np.int16)
    ends = np.full(count, -np.inf)
    last: list[tuple[int, int]] = []
    for k in range(count):
        if k > 0:
            edge = max(reach)
            padded = np.pad(total, edge, constant_values=-np.inf)
            best = np.zeros((height, width))
            for number, (a, b) in enumerate(moves):
                there = padded[edge + a : edge + a + height, edge + b : edge + b + width]
                gain = there - SIDEWAYS_COST * (b * sideways_slope) ** 2
                better = gain > best
                best[better] = gain[better]
                came[k][better] = number
            total = best + worth[k]
        row, column = divmod(int(total.argmax()), width)
        ends[k] = total[row, column]
        last.append((row, column))
    k = int(ends.argmax())
    chain = [last[k]]
    stop = k + 1
    while k > 0 and came[k][chain[-1]] >= 0:
        move = moves[came[k][chain[-1]]]
        chain.append((chain[-1][0] + move[0], chain[-1][1] + move[1]))
        k -= 1
    return np.array(chain[::-1], dtype=np.int64), slice(k, stop)


def _every_slice(
    run: slice, centres: FloatArray, every: int, count: int
) -> tuple[slice, FloatArray]:
    """Bring a run of every second or third slice back to all slices between them."""
    start, stop = run.start * every, min((run.stop - 1) * every + every, count)
    known = np.arange(run.start, run.stop) * every
    wanted = np.arange(start, stop)
    return slice(start, stop), np.column_stack(
        [np.interp(wanted, known, centres[:, n]) for n in range(2)]
    )


@parallel_kernel
def _outlines(
    hu: NDArray[np.float32],
    first: NDArray[np.int64],
    centres: FloatArray,
    pixel_mm_j: float,
    pixel_mm_i: float,
) -> FloatArray:
    """Return the distance to bone along each ray, NaN where none is met; shape (slices, rays).

    ``first`` is the row and column, in the frame of the centres, at which ``hu`` begins.
    """
    radii = np.full((hu.shape[0], OUTLINE_RAYS), np.nan)
    for k in prange(hu.shape[0]):
        for ray in range(OUTLINE_RAYS):
            angle = 2.0 * math.pi * ray / OUTLINE_RAYS
            for step in range(6, int(2 * OUTLINE_LIMIT_MM) + 1):
                r = 0.5 * step
                y = int(centres[k, 0] + math.sin(angle) * r / pixel_mm_j + 0.5) - first[0]
                x = int(centres[k, 1] + math.cos(angle) * r / pixel_mm_i + 0.5) - first[1]
                if y < 0 or x < 0 or y >= hu.shape[1] or x >= hu.shape[2]:
                    break
                if hu[k, y, x] > BONE_HU:
                    radii[k, ray] = r - 0.25
                    break
    return radii


def find_canal(
    hu: NDArray[np.int16], body: BoolArray, spacing_mm_kji: tuple[float, float, float]
) -> Canal | None:
    """Find the spinal canal.

    Parameters
    ----------
    hu : numpy.ndarray
        Shape (k, j, i) along the patient's axes (k to the head, j to the back), HU.
    body : numpy.ndarray
        Same shape, inside the skin.
    spacing_mm_kji : tuple of float
        Voxel size.

    Returns
    -------
    Canal or None
        None where no slice shows one.
    """
    window = _middle(body, spacing_mm_kji)
    if window is None:
        return None
    part = hu[:, window[0], window[1]]
    pixel_mm = spacing_mm_kji[1:]
    stride = [max(1, round(PLACE_MM / mm)) for mm in pixel_mm]
    places_j = np.arange(0, part.shape[1], stride[0])
    places_i = np.arange(0, part.shape[2], stride[1])
    every = max(1, round(PLACE_SLICE_MM / spacing_mm_kji[0]))
    score = _surroundings(_smooth(part[::every], pixel_mm), places_j, places_i, *pixel_mm)
    score -= _off_midline(body, window[1], places_i, pixel_mm[1])[::every, None, :]
    place_mm = stride[0] * pixel_mm[0], stride[1] * pixel_mm[1]
    slice_mm = spacing_mm_kji[0] * every
    reach = (
        max(1, round(STEEPEST_BACKWARD * slice_mm / place_mm[0])),
        max(1, round(STEEPEST_SIDEWAYS * slice_mm / place_mm[1])),
    )
    path, run = _best_path(score, reach, place_mm[1] / slice_mm)
    if len(path) * slice_mm < LEAST_LENGTH_MM:
        return None
    centres = np.column_stack([places_j[path[:, 0]], places_i[path[:, 1]]]).astype(float)
    run, centres = _every_slice(run, centres, every, len(hu))
    smooth = max(1.0, SMOOTH_ALONG_MM / spacing_mm_kji[0])
    centres = scipy.ndimage.gaussian_filter1d(centres, smooth / 2, axis=0, mode="nearest")
    slices, first = _smooth_about(part[run], centres, pixel_mm)
    for _ in range(2):
        radii = _smoothed(_outlines(slices, first, centres, *pixel_mm), smooth)
        centres = centres + _centroid_shift(radii, pixel_mm)
    radii = _smoothed(_outlines(slices, first, centres, *pixel_mm), smooth)
    corner = np.array([window[0].start, window[1].start])
    rows, columns = (
        slice(int(n), int(n) + size)
        for n, size in zip(corner + first, slices.shape[1:], strict=True)
    )
    inner = _painted(slices, first, centres, radii, pixel_mm) & body[run, rows, columns]
    axis = np.column_stack([np.arange(run.start, run.stop), centres + corner])
    return Canal(inner, (run, rows, columns), axis)


def _smooth(part: NDArray[np.int16], pixel_mm: tuple[float, float]) -> NDArray[np.float32]:
    """Return slices with less noise."""
    sigma = [0.0, *(SMOOTH_MM / mm for mm in pixel_mm)]
    smooth: NDArray[np.float32] = scipy.ndimage.gaussian_filter(part.astype(np.float32), sigma)
    return smooth


def _smooth_about(
    part: NDArray[np.int16], centres: FloatArray, pixel_mm: tuple[float, float]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return slices with less noise around the axis only, and their first row and column."""
    reach = np.array([ABOUT_AXIS_MM / mm for mm in pixel_mm])
    low = np.maximum(centres.min(axis=0) - reach, 0).astype(int)
    high = np.minimum(centres.max(axis=0) + reach + 1, part.shape[1:]).astype(int)
    return _smooth(part[:, low[0] : high[0], low[1] : high[1]], pixel_mm), low


def canal_near(volume: Volume, points_lps_mm: FloatArray) -> BoolArray | None:
    """Find the canal near some places only, which is quick.

    Parameters
    ----------
    volume : Volume
        A CT.
    points_lps_mm : numpy.ndarray
        Shape (n, 3). Those less than 30 mm above or below the first change nothing, so that a
        further click finds the same canal.

    Returns
    -------
    numpy.ndarray or None
        Shape of the volume, bool; None where no canal is seen within 60 mm above and below.
    """
    turned = Orientation.of(volume.grid)
    low, high = slices_near(turned.grid, points_lps_mm)
    if high <= low:
        return None
    hu = np.ascontiguousarray(turned.turn(volume.hu)[low:high])
    canal = find_canal(hu, _coarse_body(hu, turned.grid.spacing_mm_kji), turned.grid.spacing_mm_kji)
    if canal is None:
        return None
    mask = np.zeros(turned.grid.size_kji, dtype=bool)
    mask[low:high][canal.block] = canal.inner
    return turned.turn_back(mask)


def slices_near(grid: Grid, points_lps_mm: FloatArray) -> tuple[int, int]:
    """Return the slices in which the canal is looked for near some places.

    Parameters
    ----------
    grid : Grid
        Along the patient's axes.
    points_lps_mm : numpy.ndarray
        Shape (n, 3).

    Returns
    -------
    tuple of int
        The first, and the one after the last.
    """
    heights = grid.to_kji(np.atleast_2d(points_lps_mm))[:, 0]
    reach = NEAR_MM / grid.spacing_mm_kji[0]
    if np.abs(heights - heights[0]).max() <= reach / 2:
        heights = heights[:1]
    low = max(0, int(heights.min() - reach))
    return low, min(grid.size_kji[0], int(heights.max() + reach) + 1)


def _coarse_body(hu: NDArray[np.int16], spacing_mm_kji: tuple[float, float, float]) -> BoolArray:
    """Return the body in blocks, which is quick and tells its middle."""
    slice_mm, row_mm, column_mm = spacing_mm_kji
    every_j, every_i = (max(1, round(BODY_MM / mm)) for mm in (row_mm, column_mm))
    every_k = max(1, int(BODY_MM / slice_mm))
    thin = np.ascontiguousarray(hu[::every_k, ::every_j, ::every_i])
    body = find_body(thin, (slice_mm * every_k, row_mm * every_j, column_mm * every_i))
    for axis, every in enumerate((every_k, every_j, every_i)):
        body = body.repeat(every, axis=axis)
    return body[: hu.shape[0], : hu.shape[1], : hu.shape[2]]


def canal_beside(
    structures: Structures | None, volume: Volume, points_lps_mm: FloatArray
) -> BoolArray | None:
    """Return the canal as it was found or painted, or else look for it near some places.

    Parameters
    ----------
    structures : Structures or None
        Of the case.
    volume : Volume
        The CT.
    points_lps_mm : numpy.ndarray
        Shape (n, 3).

    Returns
    -------
    numpy.ndarray or None
        Shape of the volume, bool; None where no canal is seen.
    """
    if structures is not None and structures.named(SPINAL_CANAL) is not None:
        return structures.mask(SPINAL_CANAL)
    return canal_near(volume, points_lps_mm)


class CanalBeside:
    """The canal beside the clicks asked for last, which mostly are corrected by the next."""

    def __init__(self) -> None:
        self._of: tuple[NDArray[np.generic], tuple[int, int]] | None = None
        self._canal: BoolArray | None = None

    def find(
        self, structures: Structures | None, volume: Volume, points_lps_mm: FloatArray
    ) -> BoolArray | None:
        """Return what :func:`canal_beside` does, without looking twice.

        Parameters
        ----------
        structures : Structures or None
            Of the case.
        volume : Volume
            The CT.
        points_lps_mm : numpy.ndarray
            Shape (n, 3).

        Returns
        -------
        numpy.ndarray or None
            Shape of the volume, bool; None where no canal is seen.
        """
        if structures is not None and structures.named(SPINAL_CANAL) is not None:
            of: tuple[NDArray[np.generic], tuple[int, int]] = structures.labels, (0, 0)
        else:
            of = volume.hu, slices_near(Orientation.of(volume.grid).grid, points_lps_mm)
        if self._of is None or self._of[1] != of[1] or not _same(self._of[0], of[0]):
            self._of, self._canal = of, canal_beside(structures, volume, points_lps_mm)
        return self._canal


def _same(one: NDArray[np.generic], other: NDArray[np.generic]) -> bool:
    return one.shape == other.shape and one.ctypes.data == other.ctypes.data


def _middle(
    body: BoolArray, spacing_mm_kji: tuple[float, float, float]
) -> tuple[slice, slice] | None:
    """Return the rows and columns around the body's middle in which a spine can lie."""
    columns = np.flatnonzero(body.any(axis=(0, 1)))
    rows = np.flatnonzero(body.any(axis=(0, 2)))
    if not len(rows):
        return None
    centre = (columns[0] + columns[-1]) / 2
    half = max(60.0 / spacing_mm_kji[2], 0.22 * (columns[-1] - columns[0]))
    low, high = max(0, int(centre - half)), min(body.shape[2], int(centre + half) + 1)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(low, high)


def _off_midline(
    body: BoolArray, columns: slice, places_i: NDArray[np.int64], pixel_mm: float
) -> NDArray[np.float32]:
    """Return the cost of each column's distance from the body's midline, shape (slices, places)."""
    weight = body.sum(axis=1, dtype=np.float64)
    index = np.arange(body.shape[2])
    middle = (weight @ index) / np.maximum(weight.sum(axis=1), 1.0)
    middle = scipy.ndimage.median_filter(middle, 9, mode="nearest")
    beside_mm = (places_i[None, :] + (columns.start or 0) - middle[:, None]) * pixel_mm
    return (OFF_MIDLINE_COST * (beside_mm / 40.0) ** 2).astype(np.float32)


def _smoothed(radii: FloatArray, slices: float) -> FloatArray:
    """Fill open rays from the slices above and below, and drop what reaches into a foramen."""
    half = max(1, round(slices))
    padded = np.pad(radii, ((half, half), (2, 2)), mode="edge")
    padded[:, :2] = padded[:, -4:-2]
    padded[:, -2:] = padded[:, 2:4]
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * half + 1, 5))
    flat = windows.reshape(*windows.shape[:2], -1)
    empty = np.isnan(flat).all(axis=-1)
    low = np.full(radii.shape, np.nan)
    low[~empty] = _percentile(flat[~empty], 0.35)
    typical = np.nanmedian(low, axis=1, keepdims=True)
    low = np.where(np.isnan(low), typical, low)
    own = np.where(np.isnan(radii), low, np.minimum(radii, low + 1.5))
    result: FloatArray = scipy.ndimage.gaussian_filter1d(own, 1.5, axis=1, mode="wrap")
    return result


def _percentile(rows: FloatArray, share: float) -> FloatArray:
    """Return a percentile of each row that leaves NaN out; every row has a number."""
    ordered = np.sort(rows, axis=-1)  # NaN comes last
    place = share * (np.isfinite(ordered).sum(axis=-1) - 1)
    below = np.floor(place).astype(int)
    above = np.ceil(place).astype(int)
    row = np.arange(len(rows))
    part = place - below
    result: FloatArray = ordered[row, below] * (1 - part) + ordered[row, above] * part
    return result


def _centroid_shift(radii: FloatArray, pixel_mm: tuple[float, float]) -> FloatArray:
    """Return how far the outline's centroid lies from its centre, in pixels (j, i)."""
    angle = 2 * np.pi * np.arange(OUTLINE_RAYS) / OUTLINE_RAYS
    area = (radii**2).sum(axis=1)
    j = (2.0 / 3.0) * (radii**3 * np.sin(angle)).sum(axis=1) / area
    i = (2.0 / 3.0) * (radii**3 * np.cos(angle)).sum(axis=1) / area
    return np.column_stack([j / pixel_mm[0], i / pixel_mm[1]])


def _painted(
    hu: NDArray[np.float32],
    first: NDArray[np.int64],
    centres: FloatArray,
    radii: FloatArray,
    pixel_mm: tuple[float, float],
) -> BoolArray:
    """Return the pixels inside the outlines that are not bone, and what those enclose.

    ``first`` is the row and column, in the frame of the centres, at which ``hu`` begins.
    """
    end_ji = first + hu.shape[1:]
    out = np.zeros(hu.shape, dtype=bool)
    angles = 2 * np.pi * np.arange(OUTLINE_RAYS + 1) / OUTLINE_RAYS
    for k, centre in enumerate(centres):
        reach = radii[k].max() / np.array(pixel_mm) + 2
        start = np.clip((centre - reach).astype(int), first, end_ji)
        end = np.clip((centre + reach).astype(int) + 2, start, end_ji)
        jj, ii = np.ogrid[start[0] : end[0], start[1] : end[1]]
        rows, columns = (slice(a, b) for a, b in zip(start - first, end - first, strict=True))
        y = (jj - centre[0]) * pixel_mm[0]
        x = (ii - centre[1]) * pixel_mm[1]
        limit = np.interp(np.arctan2(y, x) % (2 * np.pi), angles, np.append(radii[k], radii[k, 0]))
        inside = np.hypot(y, x) <= limit - BLUR_OF_PIXEL * max(pixel_mm)
        soft = hu[k, rows, columns] < INSIDE_HU
        out[k, rows, columns] = scipy.ndimage.binary_fill_holes(inside & soft)
    return out
