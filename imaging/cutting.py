"""Arrays cut by planes: the nearest voxel, or the value between voxels, at each pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import FloatArray
from imaging.kernels import kernel

EDGE = 0.5  # voxels beyond the outer centres that still belong to the volume
STRAIGHT = 1e-9  # voxels to the next pixel, below which a row does not leave its axis


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
    along = np.flatnonzero(np.abs(right) > STRAIGHT)
    if linear:
        half = 0.5 if np.issubdtype(out.dtype, np.integer) else 0.0
        if len(along) == 1:
            _between_along(values, first, right, down, half, int(along[0]), out)
        else:
            _between(values, first, right, down, half, out)
    elif len(along) == 1:
        _nearest_along(values, first, right, down, int(along[0]), out)
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
def _nearest_along(
    values: NDArray[Any],
    first: FloatArray,
    right: FloatArray,
    down: FloatArray,
    axis: int,
    out: NDArray[Any],
) -> None:
    """Take the nearest voxels where rows run along one axis."""
    nk, nj, ni = values.shape
    rows, columns = out.shape
    for row in range(rows):
        place = first + row * down
        begin, end = _columns_inside(place, right, values.shape, columns)
        if begin >= end:
            continue
        k = min(int(place[0] + 0.5), nk - 1)
        j = min(int(place[1] + 0.5), nj - 1)
        i = min(int(place[2] + 0.5), ni - 1)
        start, step = place[axis] + 0.5, right[axis]
        if axis == 2:
            _pick(values[k, j], start, step, begin, end, out[row])
        elif axis == 1:
            _pick(values[k][:, i], start, step, begin, end, out[row])
        else:
            _pick(values[:, j][:, i], start, step, begin, end, out[row])


@kernel
def _pick(
    line: NDArray[Any], start: float, step: float, begin: int, end: int, out: NDArray[Any]
) -> None:
    last = len(line) - 1
    for column in range(begin, end):
        out[column] = line[min(int(start + column * step), last)]


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


@kernel
def _between_along(
    values: NDArray[Any],
    first: FloatArray,
    right: FloatArray,
    down: FloatArray,
    half: float,
    axis: int,
    out: NDArray[Any],
) -> None:
    """Interpolate where rows run along one axis: across it once for a row, not for each pixel."""
    rows, columns = out.shape
    size, step = values.shape[axis], right[axis]
    line = np.empty(size, dtype=np.float32)
    for row in range(rows):
        place = first + row * down
        begin, end = _columns_inside(place, right, values.shape, columns)
        if begin >= end:
            continue
        start = place[axis]
        ends = start + begin * step, start + (end - 1) * step
        low = max(int(min(ends[0], ends[1])), 0)
        _mix_across(values, place, axis, low, min(int(max(ends[0], ends[1])) + 2, size), line)
        for column in range(begin, end):
            p = min(max(start + column * step, 0.0), size - 1.0)
            n = int(p)
            a = line[n]
            value = a + np.float32(p - n) * (line[min(n + 1, size - 1)] - a)
            out[row, column] = np.floor(value + half) if half > 0 else value


@kernel
def _mix_across(
    values: NDArray[Any],
    place: FloatArray,
    axis: int,
    low: int,
    high: int,
    line: NDArray[np.float32],
) -> None:
    """Interpolate across an axis the voxels of a line along it, from ``low`` to before ``high``."""
    nk, nj, ni = values.shape
    k = min(max(place[0], 0.0), nk - 1.0)
    j = min(max(place[1], 0.0), nj - 1.0)
    i = min(max(place[2], 0.0), ni - 1.0)
    k0, j0, i0 = int(k), int(j), int(i)
    k1, j1, i1 = min(k0 + 1, nk - 1), min(j0 + 1, nj - 1), min(i0 + 1, ni - 1)
    fk, fj, fi = np.float32(k - k0), np.float32(j - j0), np.float32(i - i0)
    if axis == 2:
        _mix(
            values[k0, j0], values[k0, j1], values[k1, j0], values[k1, j1], fj, fk, low, high, line
        )
    elif axis == 1:
        near, far = values[k0], values[k1]
        _mix(near[:, i0], near[:, i1], far[:, i0], far[:, i1], fi, fk, low, high, line)
    else:
        near, far = values[:, j0], values[:, j1]
        _mix(near[:, i0], near[:, i1], far[:, i0], far[:, i1], fi, fj, low, high, line)


@kernel
def _mix(
    a: NDArray[Any],
    b: NDArray[Any],
    c: NDArray[Any],
    d: NDArray[Any],
    right: np.float32,
    down: np.float32,
    low: int,
    high: int,
    line: NDArray[np.float32],
) -> None:
    for n in range(low, high):
        upper = np.float32(a[n]) + right * (np.float32(b[n]) - np.float32(a[n]))
        lower = np.float32(c[n]) + right * (np.float32(d[n]) - np.float32(c[n]))
        line[n] = upper + down * (lower - upper)


def warm_up() -> None:
    """Compile what the views cut, or load it, on arrays of a few voxels."""
    pixels = (2, 2)
    straight = np.zeros(3), np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])
    turned = np.zeros(3), np.array([0.0, 0.1, 1.0]), np.array([0.0, 1.0, 0.1])
    for kind, cut in (
        (np.int16, np.int16),
        (np.uint8, np.float32),
        (np.float32, np.float32),
    ):
        for steps in (straight, turned):
            cut_plane(np.zeros((2, 2, 2), kind), *steps, np.zeros(pixels, cut))
    labels = np.zeros((2, 2, 2), np.uint16)
    for steps in (straight, turned):
        cut_plane(labels, *steps, np.zeros(pixels, np.uint16), linear=False)
