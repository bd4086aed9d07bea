"""Slabs: mean, maximum or minimum of a CT across a thickness, on a rectangle of pixels.

Where the plane runs along the voxels' own axes, voxels are projected first and then interpolated,
as scanners do; else places across the slab are interpolated between voxels and projected.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import FloatArray, Grid
from imaging.kernels import parallel_kernel, prange

FINEST_VOXELS = 0.9  # step between pixels of an oblique slab; finer ones are interpolated
ALONG = 1e-6  # part of a voxel step along another axis, below which it runs along its own
THICKNESSES_MM = (0.0, 3.0, 5.0, 10.0, 20.0, 40.0)
_ONE_AT_A_TIME = threading.Lock()  # two threads inside parallel loops end the process


class Projection(StrEnum):
    """What is shown of the voxels across a slab."""

    MEAN = "mean"
    MAXIMUM = "maximum"
    MINIMUM = "minimum"


NUMBERS = {Projection.MEAN: 0, Projection.MAXIMUM: 1, Projection.MINIMUM: 2}


@dataclass(frozen=True)
class Slab:
    """How thick slices are, and what is shown of them.

    Parameters
    ----------
    thickness_mm : float
        0 is one plane.
    projection : Projection
        Across the thickness.
    """

    thickness_mm: float = 0.0
    projection: Projection = Projection.MEAN

    def __post_init__(self) -> None:
        if not 0 <= self.thickness_mm < np.inf:
            message = "the thickness of a slab is a length in millimetres"
            raise ValueError(message)


@dataclass(frozen=True, eq=False)
class Rectangle:
    """Pixels of a plane in the patient.

    Parameters
    ----------
    first_lps_mm : numpy.ndarray
        Shape (3,), centre of the first pixel.
    right_lps_mm, down_lps_mm : numpy.ndarray
        Shape (3,), from a pixel to the next one in its row, and in its column.
    columns, rows : int
        Size.
    """

    first_lps_mm: FloatArray
    right_lps_mm: FloatArray
    down_lps_mm: FloatArray
    columns: int
    rows: int

    @property
    def normal_lps(self) -> FloatArray:
        """Unit vector across the plane, away from the viewer."""
        across = np.cross(self.right_lps_mm, self.down_lps_mm)
        unit: FloatArray = across / np.linalg.norm(across)
        return unit


def cut_slab(
    hu: NDArray[np.int16], grid: Grid, rectangle: Rectangle, slab: Slab, outside: int
) -> NDArray[np.int16]:
    """Return a slab of a CT.

    Parameters
    ----------
    hu : numpy.ndarray
        Shape ``grid.size_kji``, int16.
    grid : Grid
        Where its voxels lie.
    rectangle : Rectangle
        In the middle of the slab.
    slab : Slab
        Thickness and projection; the mean weighs both faces as the integral of a linear course.
    outside : int
        Value of pixels that no voxel covers. Places outside do not count across the slab.

    Returns
    -------
    numpy.ndarray
        Shape (rows, columns), int16.
    """
    turn = np.linalg.inv(grid.affine_kji_to_lps[:3, :3])
    first = grid.to_kji(rectangle.first_lps_mm)
    right, down = turn @ rectangle.right_lps_mm, turn @ rectangle.down_lps_mm
    into = turn @ rectangle.normal_lps  # voxels for a millimetre
    out = np.full((rectangle.rows, rectangle.columns), outside, dtype=np.int16)
    order = _own_axes(right, down, into)
    with _ONE_AT_A_TIME:
        if order is None:
            _cut_oblique(hu, first, (right, down, into), slab, out)
            return out
        u, v, s = order
        low, high = sorted(
            (first[s] - into[s] * slab.thickness_mm / 2, first[s] + into[s] * slab.thickness_mm / 2)
        )
        places, shares = _voxel_places(float(low), float(high), hu.shape[s])
        if len(places):
            block, begin = _reached(hu.transpose(s, v, u), first, right, down, order, out.shape)
            flat = np.empty(block.shape[1:], dtype=np.float32)
            _flatten(block, places, shares, NUMBERS[slab.projection], flat)
            start = np.array([first[v] - begin[0], first[u] - begin[1]])
            edge = np.array([begin[0], begin[1], hu.shape[v], hu.shape[u]])
            _enlarge(flat, start, down[v], right[u], edge, out)
    return out


def _cut_oblique(
    hu: NDArray[np.int16],
    first: FloatArray,
    steps: tuple[FloatArray, FloatArray, FloatArray],
    slab: Slab,
    out: NDArray[np.int16],
) -> None:
    """Project a slab that no axis of the voxels runs along, no finer than the voxels are.

    ``steps`` are voxels for a pixel right, a pixel down, and a millimetre into the slab.
    """
    right, down, into = steps
    finest = max(float(np.abs(right).max()), float(np.abs(down).max()))
    every = max(1.0, FINEST_VOXELS / finest) if slab.thickness_mm > 0 else 1.0
    depths, weights = _even_depths(into, slab.thickness_mm)
    rows, columns = out.shape
    size = int(np.ceil((rows - 1) / every)) + 1, int(np.ceil((columns - 1) / every)) + 1
    flat = np.full(size, out[0, 0], dtype=np.float32)
    kind = NUMBERS[slab.projection]
    _project(hu, first, right * every, down * every, into, depths, weights, kind, flat)
    if every == 1.0:
        out[:] = np.rint(flat)
        return
    edge = np.array([0, 0, size[0] + 1, size[1] + 1])
    _enlarge(flat, np.zeros(2), 1 / every, 1 / every, edge, out)


def _own_axes(right: FloatArray, down: FloatArray, into: FloatArray) -> tuple[int, int, int] | None:
    """Return the voxels' axes along right, down and across; None for an oblique plane."""
    order = []
    for step in (right, down, into):
        axis = int(np.argmax(np.abs(step)))
        if np.abs(np.delete(step, axis)).max() > ALONG * abs(step[axis]):
            return None
        order.append(axis)
    return (order[0], order[1], order[2]) if len(set(order)) == 3 else None


def _even_depths(into: FloatArray, thickness_mm: float) -> tuple[FloatArray, FloatArray]:
    """Return places across a slab at most a voxel apart, and their shares of the mean."""
    steps = max(int(np.ceil(thickness_mm * float(np.abs(into).max()))), 1)
    count = steps + 1 if thickness_mm > 0 else 1
    depths = np.linspace(-thickness_mm / 2, thickness_mm / 2, count)
    weights = np.ones(count)
    if count > 1:
        weights[[0, -1]] = 0.5
    return depths, weights


def _voxel_places(low: float, high: float, size: int) -> tuple[FloatArray, FloatArray]:
    """Return the faces of a slab and the voxels' centres between, in voxels, and their shares.

    Maximum and minimum of values that are linear between the centres lie at one of these places.
    """
    low, high = max(low, 0.0), min(high, size - 1.0)
    if low > high:
        return np.empty(0), np.empty(0)
    inner = np.arange(np.floor(low) + 1, np.ceil(high))
    places = np.unique(np.array([low, *inner, high]))
    if len(places) == 1:
        return places, np.ones(1)
    gaps = np.diff(places)
    return places, (np.append(gaps, 0.0) + np.insert(gaps, 0, 0.0)) / 2


def _reached(
    hu: NDArray[np.int16],
    first: FloatArray,
    right: FloatArray,
    down: FloatArray,
    order: tuple[int, int, int],
    shape: tuple[int, ...],
) -> tuple[NDArray[np.int16], tuple[int, int]]:
    """Return the rows and columns of voxels that the pixels lie between, and where they begin."""
    parts = []
    for axis, step, pixels, size in (
        (order[1], down, shape[0], hu.shape[1]),
        (order[0], right, shape[1], hu.shape[2]),
    ):
        ends = sorted((first[axis], first[axis] + step[axis] * (pixels - 1)))
        begin = int(np.clip(np.floor(ends[0]), 0, size - 1))
        parts.append((begin, int(np.clip(np.floor(ends[1]) + 2, begin + 1, size))))
    (top, bottom), (left, end) = parts
    return hu[:, top:bottom, left:end], (top, left)


@parallel_kernel
def _flatten(
    block: NDArray[np.int16],
    places: FloatArray,
    shares: FloatArray,
    kind: int,
    flat: NDArray[np.float32],
) -> None:
    """Project voxels, indexed across, down and right, onto the plane."""
    most = block.shape[0] - 1
    rows, columns = flat.shape
    total = shares.sum()
    for row in prange(rows):
        for column in range(columns):
            flat[row, column] = 0.0 if kind == 0 else (-1e9 if kind == 1 else 1e9)
        for n in range(len(places)):
            low = min(int(np.floor(places[n])), most)
            high = min(low + 1, most)
            far = np.float32(places[n] - low)
            share = np.float32(shares[n] / total)
            for column in range(columns):
                value = np.float32(block[low, row, column])
                if far > 0:
                    value += far * (np.float32(block[high, row, column]) - value)
                if kind == 0:
                    flat[row, column] += share * value
                elif kind == 1:
                    flat[row, column] = max(flat[row, column], value)
                else:
                    flat[row, column] = min(flat[row, column], value)


@parallel_kernel
def _enlarge(
    flat: NDArray[np.float32],
    start: FloatArray,
    down: float,
    right: float,
    edge: NDArray[np.int64],
    out: NDArray[np.int16],
) -> None:
    """Interpolate pixels; those up to half a voxel beyond the outer centres take the outer ones.

    ``edge`` is where the flat part begins in the volume, and the size of the volume.
    """
    rows, columns = out.shape
    high_v, high_u = flat.shape[0] - 1, flat.shape[1] - 1
    for row in prange(rows):
        v = start[0] + row * down
        if v + edge[0] < -0.5 or v + edge[0] > edge[2] - 0.5:
            continue
        v = min(max(v, 0.0), float(high_v))
        top = min(int(v), max(high_v - 1, 0))
        bottom = min(top + 1, high_v)
        fv = np.float32(v - top)
        for column in range(columns):
            u = start[1] + column * right
            if u + edge[1] < -0.5 or u + edge[1] > edge[3] - 0.5:
                continue
            u = min(max(u, 0.0), float(high_u))
            left = min(int(u), max(high_u - 1, 0))
            end = min(left + 1, high_u)
            fu = np.float32(u - left)
            upper = flat[top, left] + fu * (flat[top, end] - flat[top, left])
            lower = flat[bottom, left] + fu * (flat[bottom, end] - flat[bottom, left])
            out[row, column] = np.int16(np.rint(upper + fv * (lower - upper)))


@parallel_kernel
def _project(
    hu: NDArray[np.int16],
    first: FloatArray,
    right: FloatArray,
    down: FloatArray,
    into: FloatArray,
    depths: FloatArray,
    weights: FloatArray,
    kind: int,
    flat: NDArray[np.float32],
) -> None:
    """Interpolate places across the slab, and project those that voxels cover."""
    nk, nj, ni = hu.shape
    rows, columns = flat.shape
    for row in prange(rows):
        for column in range(columns):
            pk = first[0] + row * down[0] + column * right[0]
            pj = first[1] + row * down[1] + column * right[1]
            pi = first[2] + row * down[2] + column * right[2]
            found, total = np.float32(0.0), np.float32(0.0)
            for n in range(len(depths)):
                k = pk + depths[n] * into[0]
                j = pj + depths[n] * into[1]
                i = pi + depths[n] * into[2]
                if k < -0.5 or j < -0.5 or i < -0.5:
                    continue
                if k > nk - 0.5 or j > nj - 0.5 or i > ni - 0.5:
                    continue
                k = min(max(k, 0.0), nk - 1.0)
                j = min(max(j, 0.0), nj - 1.0)
                i = min(max(i, 0.0), ni - 1.0)
                k0, j0, i0 = int(k), int(j), int(i)
                k1, j1, i1 = min(k0 + 1, nk - 1), min(j0 + 1, nj - 1), min(i0 + 1, ni - 1)
                fk, fj, fi = np.float32(k - k0), np.float32(j - j0), np.float32(i - i0)
                a, e = np.float32(hu[k0, j0, i0]), np.float32(hu[k0, j0, i1])
                b, f = np.float32(hu[k0, j1, i0]), np.float32(hu[k0, j1, i1])
                c, g = np.float32(hu[k1, j0, i0]), np.float32(hu[k1, j0, i1])
                d, h = np.float32(hu[k1, j1, i0]), np.float32(hu[k1, j1, i1])
                a, b, c, d = a + fi * (e - a), b + fi * (f - b), c + fi * (g - c), d + fi * (h - d)
                a, c = a + fj * (b - a), c + fj * (d - c)
                value = a + fk * (c - a)
                share = np.float32(weights[n])
                if kind == 0:
                    found += share * value
                elif total == 0 or (value > found if kind == 1 else value < found):
                    found = value
                total += share
            if total > 0:
                flat[row, column] = found / total if kind == 0 else found


def warm_up() -> None:
    """Compile what a first thick slice needs, or load it, on a volume of a few voxels."""
    grid = Grid.aligned((2, 2, 2), 1.0, (0.0, 0.0, 0.0))
    hu = np.zeros((2, 2, 2), dtype=np.int16)
    for right in (np.array([1.0, 0.0, 0.0]), np.array([0.6, 0.8, 0.0])):
        plane = Rectangle(np.zeros(3), right, np.array([0.0, 0.0, 1.0]), 2, 2)
        cut_slab(hu, grid, plane, Slab(1.0), 0)
