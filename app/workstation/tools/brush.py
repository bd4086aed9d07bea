"""The brush: a disc dragged in a slice adds to the lesion or removes from it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from imaging.document import Vector
from imaging.geometry import BoolArray, FloatArray, Grid


@dataclass(frozen=True)
class Stroke:
    """One drag of the brush.

    Parameters
    ----------
    points_lps_mm : tuple of Vector
        Where the disc's middle was, all in one plane.
    normal_lps : Vector
        Unit vector across the slice it was drawn in.
    radius_mm : float
        Of the disc.
    adds : bool
        False removes.
    """

    points_lps_mm: tuple[Vector, ...]
    normal_lps: Vector
    radius_mm: float
    adds: bool


def painted(mask: BoolArray | None, grid: Grid, stroke: Stroke) -> BoolArray:
    """Return the mask with a stroke added or removed.

    Parameters
    ----------
    mask : numpy.ndarray or None
        Shape ``grid.size_kji``; None is empty.
    grid : Grid
        Where it lies.
    stroke : Stroke
        A voxel belongs to it when its centre lies within the radius of the drag and in the slice
        that was drawn in.

    Returns
    -------
    numpy.ndarray
        A new mask.
    """
    changed = np.zeros(grid.size_kji, dtype=bool) if mask is None else mask.copy()
    points = np.array(stroke.points_lps_mm, dtype=float)
    normal = np.array(stroke.normal_lps, dtype=float)
    half_mm = _half_thickness_mm(grid, normal)
    start, size = grid.around(points, stroke.radius_mm + half_mm)
    block = tuple(slice(s, s + n) for s, n in zip(start, size, strict=True))
    index = np.stack(np.meshgrid(*(np.arange(b.start, b.stop) for b in block), indexing="ij"), -1)
    places = grid.to_lps(index)
    depth = (places - points[0]) @ normal
    flat = places - depth[..., None] * normal
    inside = (np.abs(depth) <= half_mm) & (_distance_mm(flat, points) <= stroke.radius_mm)
    changed[block] = changed[block] | inside if stroke.adds else changed[block] & ~inside
    return changed


def _half_thickness_mm(grid: Grid, normal: FloatArray) -> float:
    """Return half the extent of a voxel across the slice, so that every plane meets voxels."""
    return 0.5 * float(np.abs(grid.affine_kji_to_lps[:3, :3].T @ normal).max())


def _distance_mm(places: FloatArray, points: FloatArray) -> FloatArray:
    """Return the distance of places from the drag, taken as a chain of straight pieces."""
    nearest: FloatArray = np.linalg.norm(places - points[0], axis=-1)
    for start, end in pairwise(points):
        along = end - start
        length2 = float(along @ along)
        if length2 == 0.0:
            continue
        share = np.clip((places - start) @ along / length2, 0.0, 1.0)
        nearest = np.minimum(
            nearest, np.linalg.norm(places - start - share[..., None] * along, axis=-1)
        )
    return nearest
