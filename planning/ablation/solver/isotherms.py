"""How large what is inside an isotherm is: volume, and extent along and across the applicator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from imaging.geometry import BoolArray, FloatArray, Grid, perpendicular_axes, unit
from planning.ablation.solver.heat import Boundary
from planning.ablation.solver.interpolation import AxisInterpolation, axis_faces
from planning.ablation.solver.materials import Float32Array

MARGIN_CELLS = 3  # around the cells inside, so that the whole surface is seen
MOST_NODES = 12_000_000  # of the refined lattice; keeps its memory below some 400 MB
REFINEMENTS = (3, 2, 1)


@dataclass(frozen=True)
class Isotherm:
    """What lies inside an isotherm.

    Parameters
    ----------
    temperature_c : float
        Its temperature.
    volume_ml : float
        Zero where there is none.
    length_mm, width_mm : float or None
        Extent along the axis, and the greatest across it; None where there is none.
    """

    temperature_c: float
    volume_ml: float
    length_mm: float | None
    width_mm: float | None


@dataclass(frozen=True, eq=False)
class _Lattice:
    """Signed values, inside above zero, on nodes finer than the cells, faces included."""

    values: FloatArray
    places: tuple[FloatArray, FloatArray, FloatArray]
    weights: FloatArray
    grid: Grid


def isotherm(
    grid: Grid,
    boundary: Boundary,
    temperature_c: Float32Array,
    level_c: float,
    *,
    hot: bool,
    axis_lps: tuple[float, float, float],
) -> Isotherm:
    """Measure what is at least as hot, or as cold, as a temperature.

    Parameters
    ----------
    grid : Grid
        Along the patient's axes.
    boundary : Boundary
        Of the box.
    temperature_c : numpy.ndarray
        Shape (k, j, i).
    level_c : float
        Temperature of the isotherm.
    hot : bool
        True for what is hotter.
    axis_lps : tuple of float
        Axis of the applicator.

    Returns
    -------
    Isotherm
        Of the interpolated surface; what touches the box is cut at its faces.
    """
    sign = 1.0 if hot else -1.0
    inside = sign * (temperature_c - level_c) >= 0
    faces = [t for t in boundary.face_c if t is not None]
    if not inside.any() and not any(sign * (t - level_c) >= 0 for t in faces):
        return Isotherm(level_c, 0.0, None, None)
    lattice = _lattice(grid, boundary, temperature_c, level_c, sign, inside)
    points = _surface(lattice)
    if len(points) == 0:
        return Isotherm(level_c, 0.0, None, None)
    along = points @ unit(axis_lps)
    length = float(along.max() - along.min())
    return Isotherm(level_c, _volume_ml(lattice), length, _width(points, axis_lps))


def _lattice(
    grid: Grid,
    boundary: Boundary,
    temperature_c: Float32Array,
    level_c: float,
    sign: float,
    inside: BoolArray,
) -> _Lattice:
    ranges = [_range(inside, axis, boundary, level_c, sign) for axis in range(3)]
    cells = float(np.prod([high - low + 1 for low, high in ranges]))
    fine = next(n for n in REFINEMENTS if cells * n**3 <= MOST_NODES or n == REFINEMENTS[-1])
    values: FloatArray = np.asarray(temperature_c, dtype=float)
    places, weights = [], []
    for axis, (low, high) in enumerate(ranges):
        count = grid.size_kji[axis]
        steps = (high - low + 1) * fine
        place = np.linspace(low - 0.5, high + 0.5, steps + 1)
        weight = np.full(steps + 1, 1.0 / fine)
        weight[0] = weight[-1] = 0.5 / fine
        values = AxisInterpolation(place, count, *axis_faces(boundary, axis)).along(values, axis)
        places.append(place)
        weights.append(weight)
    whole = weights[0][:, None, None] * weights[1][None, :, None] * weights[2][None, None, :]
    signed = sign * (values - level_c)
    return _Lattice(signed, (places[0], places[1], places[2]), whole, grid)


def _range(
    inside: BoolArray, axis: int, boundary: Boundary, level_c: float, sign: float
) -> tuple[int, int]:
    """First and last cell along an axis that must be looked at."""
    count = inside.shape[axis]
    others = tuple(n for n in range(3) if n != axis)
    used = np.flatnonzero(inside.any(axis=others))
    low, high = (int(used[0]), int(used[-1])) if len(used) else (count - 1, 0)
    for n in range(6):
        face = boundary.face_c[n]
        if face is None or sign * (face - level_c) < 0:
            continue
        if n // 2 != axis:
            low, high = 0, count - 1
        elif n % 2 == 0:
            low, high = 0, max(high, 0)
        else:
            low, high = min(low, count - 1), count - 1
    return max(low - MARGIN_CELLS, 0), min(high + MARGIN_CELLS, count - 1)


def _surface(lattice: _Lattice) -> FloatArray:
    """Points of the surface on the edges of the lattice, and of the zone on its outer faces."""
    values, found = lattice.values, []
    for axis in range(3):
        low: list[slice] = [slice(None)] * 3
        high: list[slice] = [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        first, second = values[tuple(low)], values[tuple(high)]
        crossing = np.nonzero((first >= 0) != (second >= 0))
        part = first[crossing] / (first[crossing] - second[crossing])
        kji = np.stack([lattice.places[n][crossing[n]] for n in range(3)], axis=1)
        step = lattice.places[axis][1] - lattice.places[axis][0]
        kji[:, axis] += part * step
        found.append(kji)
        for edge in (0, -1):
            face = np.take(values, edge, axis=axis)
            rows = np.nonzero(face >= 0)
            others = [n for n in range(3) if n != axis]
            kji = np.full((len(rows[0]), 3), lattice.places[axis][edge])
            for n, row in zip(others, rows, strict=True):
                kji[:, n] = lattice.places[n][row]
            found.append(kji)
    return lattice.grid.to_lps(np.concatenate(found))


def _volume_ml(lattice: _Lattice) -> float:
    """Volume inside, each node counted by how far inside it lies."""
    values = lattice.values
    slope = np.zeros(values.shape)
    for axis in range(3):
        slope += np.abs(np.gradient(values, axis=axis))
    share = np.clip(0.5 + values / np.maximum(slope, 1e-12), 0.0, 1.0)
    return float((share * lattice.weights).sum()) * lattice.grid.voxel_ml


def _width(points: FloatArray, axis_lps: tuple[float, float, float]) -> float:
    """Greatest distance between points seen along the axis."""
    u, v = perpendicular_axes(axis_lps)
    flat = np.stack([points @ u, points @ v], axis=1)
    try:
        flat = flat[scipy.spatial.ConvexHull(flat).vertices]
    except scipy.spatial.QhullError:
        extremes = [flat.argmin(axis=0), flat.argmax(axis=0)]
        flat = flat[np.unique(np.concatenate(extremes))]
    return float(scipy.spatial.distance.pdist(flat).max()) if len(flat) > 1 else 0.0
