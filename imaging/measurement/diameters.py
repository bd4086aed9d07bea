"""Greatest diameters of a mask, between points of its surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import scipy

from imaging.document import Vector
from imaging.geometry import (
    BoolArray,
    FloatArray,
    Grid,
    filled_block,
    perpendicular_axes,
    unit,
)


@dataclass(frozen=True)
class Diameters:
    """The greatest diameter and the greatest extent across it.

    Parameters
    ----------
    length_mm, width_mm : float
        Greatest distance between surface points; greatest extent projected across it.
    length_ends_lps_mm, width_ends_lps_mm : tuple
        Two points each. Those of the width are moved along the length to one height, so that
        their distance is the width.
    """

    length_mm: float
    width_mm: float
    length_ends_lps_mm: tuple[Vector, Vector]
    width_ends_lps_mm: tuple[Vector, Vector]


def surface_points_kji(mask: BoolArray) -> FloatArray:
    """Return the points half way between voxels inside and outside.

    Parameters
    ----------
    mask : numpy.ndarray
        Shape (k, j, i); what lies beyond the array is outside.

    Returns
    -------
    numpy.ndarray
        Shape (n, 3), fractional indices.
    """
    block = filled_block(mask)
    if block is None:
        return np.empty((0, 3))
    padded = np.pad(mask[block], 1)
    start = np.array([part.start for part in block], dtype=float)
    points = []
    for axis in range(3):
        low = np.take(padded, range(padded.shape[axis] - 1), axis=axis)
        high = np.take(padded, range(1, padded.shape[axis]), axis=axis)
        found = np.argwhere(low != high).astype(float) - 1.0 + start
        found[:, axis] += 0.5
        points.append(found)
    return np.concatenate(points)


def diameters(mask: BoolArray, grid: Grid) -> Diameters:
    """Measure a mask in three dimensions.

    Parameters
    ----------
    mask : numpy.ndarray
        Shape ``grid.size_kji``, at least one voxel.
    grid : Grid
        Where it lies.

    Returns
    -------
    Diameters
        Over all points of its surface.
    """
    return diameters_of_points(grid.to_lps(surface_points_kji(mask)))


def diameters_in_slice(mask: BoolArray, grid: Grid) -> tuple[Diameters, int]:
    """Measure the slice with the greatest diameter.

    Parameters
    ----------
    mask : numpy.ndarray
        Shape ``grid.size_kji``, at least one voxel.
    grid : Grid
        Where it lies.

    Returns
    -------
    tuple
        Diameters within the slice's plane, and the slice's index k.
    """
    best: tuple[Diameters, int] | None = None
    normal = unit(np.cross(grid.affine_kji_to_lps[:3, 1], grid.affine_kji_to_lps[:3, 2]))
    for k in np.flatnonzero(mask.any(axis=(1, 2))):
        padded = np.pad(mask[k], 1)
        rows = np.argwhere(padded[:-1] != padded[1:]) - (0.5, 1.0)
        columns = np.argwhere(padded[:, :-1] != padded[:, 1:]) - (1.0, 0.5)
        flat = np.concatenate([rows, columns])
        points = grid.to_lps(np.column_stack([np.full(len(flat), k), flat]))
        found = diameters_of_points(points, plane_normal=normal)
        if best is None or found.length_mm > best[0].length_mm:
            best = found, int(k)
    if best is None:
        message = "an empty mask has no diameter"
        raise ValueError(message)
    return best


def diameters_of_points(
    points_lps_mm: FloatArray, plane_normal: FloatArray | None = None
) -> Diameters:
    """Measure a cloud of surface points.

    Parameters
    ----------
    points_lps_mm : numpy.ndarray
        Shape (n, 3), n ≥ 2.
    plane_normal : numpy.ndarray or None
        Unit normal when all points lie in one plane and the width is wanted within it.

    Returns
    -------
    Diameters
        Greatest distance, and greatest extent across it.
    """
    outer = _hull(points_lps_mm, plane_normal)
    first, second = _farthest(outer)
    axis_mm = second - first
    length_mm = float(np.linalg.norm(axis_mm))
    if plane_normal is None:
        u, v = perpendicular_axes(axis_mm)
        across = np.stack([outer @ u, outer @ v], axis=1)
        near = _farthest_index(across)
    else:
        u = unit(np.cross(plane_normal, axis_mm))
        v = np.zeros(3)
        side = outer @ u
        near = int(side.argmin()), int(side.argmax())
        across = np.stack([side, np.zeros_like(side)], axis=1)
    one, other = outer[near[0]], outer[near[1]]
    step = across[near[1]] - across[near[0]]
    width_mm = float(np.linalg.norm(step))
    middle = (one + other) / 2
    half = (step[0] * u + step[1] * v) / 2
    return Diameters(
        length_mm,
        width_mm,
        (_vector(first), _vector(second)),
        (_vector(middle - half), _vector(middle + half)),
    )


def _vector(point: FloatArray) -> Vector:
    return cast("Vector", tuple(float(n) for n in point))


def _hull(points: FloatArray, plane_normal: FloatArray | None) -> FloatArray:
    """Return the corners of the convex hull; the farthest points are among them."""
    try:
        if plane_normal is None:
            return points[scipy.spatial.ConvexHull(points).vertices]
        u, v = perpendicular_axes(plane_normal)
        return points[scipy.spatial.ConvexHull(np.stack([points @ u, points @ v], axis=1)).vertices]
    except scipy.spatial.QhullError:
        return np.unique(points, axis=0)


def _farthest_index(points: FloatArray) -> tuple[int, int]:
    distance = scipy.spatial.distance.squareform(scipy.spatial.distance.pdist(points))
    one, other = np.unravel_index(int(distance.argmax()), distance.shape)
    return int(one), int(other)


def _farthest(points: FloatArray) -> tuple[FloatArray, FloatArray]:
    one, other = _farthest_index(points)
    return points[one], points[other]
