"""Surfaces as binary STL: needles, their tips, the lesion. LPS millimetres, closed, outward."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.measure import marching_cubes

from imaging.document import Vector
from imaging.geometry import BoolArray, FloatArray, Grid, perpendicular_axes, unit

HEADER = b"Osteoplan; SPACE=LPS; UNIT=mm"  # 3D Slicer reads the space from here
SIDES = 48  # of a round surface
RINGS = 12  # of a sphere, from pole to pole
POINT_SHARE = 2.0  # length of a needle's point, in radii
TIP_SHARE = 2.0  # radius of the ball that marks a tip, in radii of the needle


def needle_stl(entry_lps_mm: Vector, target_lps_mm: Vector, diameter_mm: float) -> bytes:
    """Return a needle from the skin to its target, with a conical point.

    Parameters
    ----------
    entry_lps_mm, target_lps_mm : Vector
        Where it begins; where its point is.
    diameter_mm : float
        Outer diameter.

    Returns
    -------
    bytes
        Binary STL, a closed surface.
    """
    entry, target = np.array(entry_lps_mm), np.array(target_lps_mm)
    length, radius = float(np.linalg.norm(target - entry)), diameter_mm / 2
    shoulder = max(length - POINT_SHARE * radius, length / 2)
    profile = [(0.0, 0.0), (0.0, radius), (shoulder, radius), (length, 0.0)]
    return stl_bytes(_revolved(entry, unit(target - entry), profile))


def tip_stl(target_lps_mm: Vector, diameter_mm: float) -> bytes:
    """Return a ball that marks the tip of a needle.

    Parameters
    ----------
    target_lps_mm : Vector
        Its middle.
    diameter_mm : float
        Outer diameter of the needle; the ball is twice as thick.

    Returns
    -------
    bytes
        Binary STL, a closed surface.
    """
    radius = TIP_SHARE * diameter_mm / 2
    angles = np.linspace(0.0, np.pi, RINGS + 1)
    profile = [(float(-radius * np.cos(a)), float(radius * np.sin(a))) for a in angles]
    profile[0], profile[-1] = (-radius, 0.0), (radius, 0.0)
    return stl_bytes(_revolved(np.array(target_lps_mm), np.array([0.0, 0.0, 1.0]), profile))


def lesion_stl(lesion: BoolArray, grid: Grid) -> bytes:
    """Return the surface of a mask, at the half level between its voxels.

    Parameters
    ----------
    lesion : numpy.ndarray
        Shape ``grid.size_kji``, not empty.
    grid : Grid
        Where it lies.

    Returns
    -------
    bytes
        Binary STL, a closed surface.
    """
    where = np.argwhere(lesion)
    low, high = where.min(axis=0), where.max(axis=0) + 1
    part = lesion[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    padded = np.pad(part, 1).astype(np.float32)
    vertices, faces, _, _ = marching_cubes(padded, 0.5, allow_degenerate=False)
    places = grid.to_lps(vertices + low - 1)
    triangles: FloatArray = places[faces]
    volume = np.einsum("ij,ij->i", triangles[:, 0], np.cross(triangles[:, 1], triangles[:, 2]))
    return stl_bytes(triangles if volume.sum() > 0 else triangles[:, ::-1])


def stl_bytes(triangles_lps_mm: FloatArray) -> bytes:
    """Return triangles as binary STL.

    Parameters
    ----------
    triangles_lps_mm : numpy.ndarray
        Shape (n, 3, 3); corners run anticlockwise seen from outside.

    Returns
    -------
    bytes
        The file.
    """
    corners = triangles_lps_mm.astype(np.float32)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    layout = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    rows: NDArray[np.void] = np.zeros(len(corners), dtype=layout)
    rows["normal"] = normal / np.where(length > 0, length, 1.0)
    rows["corners"] = corners
    return HEADER.ljust(80) + np.array(len(corners), dtype="<u4").tobytes() + rows.tobytes()


def _revolved(
    start_lps_mm: FloatArray, axis: FloatArray, profile: list[tuple[float, float]]
) -> FloatArray:
    """Return the closed surface of a profile turned round an axis; it begins and ends on it.

    The profile is a list of (along the axis, away from it), in millimetres.
    """
    u, v = perpendicular_axes(axis)
    angles = 2 * np.pi * np.arange(SIDES) / SIDES
    around = np.cos(angles)[:, None] * u + np.sin(angles)[:, None] * v
    rings = [start_lps_mm + t * axis + r * around for t, r in profile]
    triangles = []
    for (_, r0), (_, r1), low, high in zip(profile, profile[1:], rings, rings[1:], strict=False):
        low_next, high_next = np.roll(low, -1, axis=0), np.roll(high, -1, axis=0)
        if r1 > 0:
            triangles.append(np.stack([low, high_next, high], axis=1))
        if r0 > 0:
            triangles.append(np.stack([low, low_next, high_next], axis=1))
    return np.concatenate(triangles)
