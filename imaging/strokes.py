"""Brush strokes: a disc or a ball dragged through the image, as the voxels it meets."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np

from imaging.document import Vector
from imaging.geometry import BoolArray, FloatArray, Grid
from imaging.geometry import block as block_of
from imaging.volume import Volume

Shape: TypeAlias = Literal["disc", "sphere"]
Block: TypeAlias = tuple[slice, ...]


@dataclass(frozen=True)
class Stroke:
    """One drag of the brush.

    Parameters
    ----------
    points_lps_mm : tuple of Vector
        Where the brush's middle was, all in one plane.
    normal_lps : Vector
        Unit vector across the slice it was drawn in.
    radius_mm : float
        Of the brush.
    adds : bool
        False removes.
    shape : str
        ``disc`` stays in its slice, ``sphere`` reaches as far across it.
    range_hu : tuple of float or None
        Only voxels between these two values are met, both included.
    """

    points_lps_mm: tuple[Vector, ...]
    normal_lps: Vector
    radius_mm: float
    adds: bool
    shape: Shape = "disc"
    range_hu: tuple[float, float] | None = None


def met(volume: Volume, stroke: Stroke) -> tuple[Block, BoolArray]:
    """Return the voxels that a stroke meets.

    Parameters
    ----------
    volume : Volume
        The CT.
    stroke : Stroke
        A voxel is met when its centre lies within the radius of the drag; by a disc, only in the
        slice that was drawn in.

    Returns
    -------
    tuple
        Block of the volume, and which of its voxels are met.
    """
    grid = volume.grid
    points = np.array(stroke.points_lps_mm, dtype=float)
    normal = np.array(stroke.normal_lps, dtype=float)
    half_mm = _half_thickness_mm(grid, normal)
    block = block_of(*grid.around(points, stroke.radius_mm + half_mm))
    index = np.stack(np.meshgrid(*(np.arange(b.start, b.stop) for b in block), indexing="ij"), -1)
    places = grid.to_lps(index)
    if stroke.shape == "sphere":
        inside = _distance_mm(places, points) <= stroke.radius_mm
    else:
        depth = (places - points[0]) @ normal
        flat = places - depth[..., None] * normal
        inside = (np.abs(depth) <= half_mm) & (_distance_mm(flat, points) <= stroke.radius_mm)
    if stroke.range_hu is not None:
        low, high = stroke.range_hu
        inside &= (volume.hu[block] >= low) & (volume.hu[block] <= high)
    return block, inside


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
