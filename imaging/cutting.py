"""Arrays cut by planes: the nearest voxel, or the value between voxels, at each pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import FloatArray
from imaging.kernels import kernel

EDGE = 0.5  # voxels beyond the outer centres that still belong to the volume


def cut_plane(
    values: NDArray[Any],
    first_kji: FloatArray,
    right_kji: FloatArray,
    down_kji: FloatArray,
    out: NDArray[Any],
    *,
    linear: bool = True,
) -> None:
    """Write the values of an array at the pixels of a plane; pixels outside it stay as they are.

    Parameters
    ----------
    values : numpy.ndarray
        Three axes, C order.
    first_kji : numpy.ndarray
        Shape (3,), the first pixel, in voxels.
    right_kji, down_kji : numpy.ndarray
        Shape (3,), voxels from a pixel to the next one in its row, and in its column.
    out : numpy.ndarray
        Shape (rows, columns); whole numbers are rounded.
    linear : bool
        Between the eight voxels around a place; False takes the nearest one, for labels.
    """
    first = np.ascontiguousarray(first_kji, dtype=np.float64)
    right = np.ascontiguousarray(right_kji, dtype=np.float64)
    down = np.ascontiguousarray(down_kji, dtype=np.float64)
    if linear:
        half = 0.5 if np.issubdtype(out.dtype, np.integer) else 0.0
        _between(values, first, right, down, half, out)
    else:
        _nearest(values, first, right, down, out)


@kernel
def _reach(
    start: float, step: float, size: int, columns: int, begin: int, end: int
) -> tuple[int, int]:
    """Narrow a row's columns to those whose places lie within one axis of a volume."""
    low, high = -EDGE, size - EDGE
    if abs(step) < 1e-12:
        return (begin, end) if low <= start < high else (0, 0)
    a, b = (low - start) / step, (high - start) / step
    if a > b:
        a, b = b, a
    begin = max(begin, int(min(max(np.ceil(a), 0.0), columns + 0.0)))
    end = min(end, int(min(max(np.floor(b) + 1, 0.0), columns + 0.0)))
    return begin, end


@kernel
def _columns_inside(
    place: FloatArray, right: FloatArray, shape: tuple[int, int, int], columns: int
) -> tuple[int, int]:
    begin, end = 0, columns
    for axis in range(3):
        begin, end = _reach(place[axis], right[axis], shape[axis], columns, begin, end)
    return begin, end


@kernel
def _nearest(
    values: NDArray[Any], first: FloatArray, right: FloatArray, down: FloatArray, out: NDArray[Any]
) -> None:
    nk, nj, ni = values.shape
    rows, columns = out.shape
    for row in range(rows):
        place = first + row * down
        begin, end = _columns_inside(place, right, values.shape, columns)
        pk, pj, pi = place[0] + 0.5, place[1] + 0.5, place[2] + 0.5
        rk, rj, ri = right[0], right[1], right[2]
        for column in range(begin, end):
            k = min(int(pk + column * rk), nk - 1)
            j = min(int(pj + column * rj), nj - 1)
            i = min(int(pi + column * ri), ni - 1)
            out[row, column] = values[k, j, i]


@kernel
def _between(
    values: NDArray[Any],
    first: FloatArray,
    right: FloatArray,
    down: FloatArray,
    half: float,
    out: NDArray[Any],
) -> None:
    """Interpolate; ``half`` is added before whole numbers are cut off, 0 for real ones."""
    nk, nj, ni = values.shape
    rows, columns = out.shape
    for row in range(rows):
        place = first + row * down
        begin, end = _columns_inside(place, right, values.shape, columns)
        pk, pj, pi = place[0], place[1], place[2]
        rk, rj, ri = right[0], right[1], right[2]
        for column in range(begin, end):
            k = min(max(pk + column * rk, 0.0), nk - 1.0)
            j = min(max(pj + column * rj, 0.0), nj - 1.0)
            i = min(max(pi + column * ri, 0.0), ni - 1.0)
            k0, j0, i0 = int(k), int(j), int(i)
            k1, j1, i1 = min(k0 + 1, nk - 1), min(j0 + 1, nj - 1), min(i0 + 1, ni - 1)
            fk, fj, fi = np.float32(k - k0), np.float32(j - j0), np.float32(i - i0)
            a, b = np.float32(values[k0, j0, i0]), np.float32(values[k0, j1, i0])
            c, d = np.float32(values[k1, j0, i0]), np.float32(values[k1, j1, i0])
            a += fi * (np.float32(values[k0, j0, i1]) - a)
            b += fi * (np.float32(values[k0, j1, i1]) - b)
            c += fi * (np.float32(values[k1, j0, i1]) - c)
            d += fi * (np.float32(values[k1, j1, i1]) - d)
            a += fj * (b - a)
            c += fj * (d - c)
            value = a + fk * (c - a)
            out[row, column] = np.floor(value + half) if half > 0 else value


def warm_up() -> None:
    """Compile what the views cut, or load it, on arrays of a few voxels."""
    pixels = (2, 2)
    steps = np.zeros(3), np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])
    for kind, cut in (
        (np.int16, np.int16),
        (np.uint8, np.float32),
        (np.float32, np.float32),
    ):
        cut_plane(np.zeros((2, 2, 2), kind), *steps, np.zeros(pixels, cut))
    labels = np.zeros((2, 2, 2), np.uint16)
    cut_plane(labels, *steps, np.zeros(pixels, np.uint16), linear=False)
