"""The skin: points on it, spread evenly, with their outward direction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.errors import Problem
from imaging.geometry import BoolArray, FloatArray, Grid
from imaging.kernels import parallel_kernel, prange
from planning.access.request import AccessRequest
from planning.errors import PlanningError

LEAST_POINTS = 50_000  # the voxels of the skin are divided until there are as many
MOST_DIVIDED = 4  # points along the edge of a voxel
EDGE_MM = 3.0  # skin nearer to the image's edge than this may be a cut through the body
LEVEL = 0.9  # cosine to the head or feet, from which it is more likely a cut than skin
SMOOTH_VOXELS = 3  # about a point, in which the direction of the skin is seen
NO_SKIN = "no_skin"


@dataclass(frozen=True, eq=False)
class Skin:
    """Points of the skin.

    Parameters
    ----------
    points_lps_mm : numpy.ndarray
        Shape (n, 3).
    normals_lps : numpy.ndarray
        Shape (n, 3), outward unit normals.
    """

    points_lps_mm: FloatArray
    normals_lps: FloatArray

    def __len__(self) -> int:
        return len(self.points_lps_mm)

    def part(self, chosen: BoolArray) -> Skin:
        """Return some of the points.

        Parameters
        ----------
        chosen : numpy.ndarray
            Shape (n,), bool.

        Returns
        -------
        Skin
            In the same order.
        """
        return Skin(self.points_lps_mm[chosen], self.normals_lps[chosen])


def find_skin(request: AccessRequest, body: BoolArray, grid: Grid) -> Skin:
    """Return the skin within the needle's reach of the lesion.

    Parameters
    ----------
    request : AccessRequest
        The case and its limits.
    body : numpy.ndarray
        Shape ``grid.size_kji``, bool.
    grid : Grid
        Aligned with the patient.

    Returns
    -------
    Skin
        At least 50,000 points where the reach holds so much skin.

    Raises
    ------
    PlanningError
        When no skin lies within the needle's reach.
    """
    if min(body.shape) < 2:  # a slab thinner than the search: its skin has no outward direction
        raise _no_skin()
    where = np.argwhere(body & ~within(body))
    outward = np.zeros((len(where), 3))
    _outward(body, where, SMOOTH_VOXELS, outward)
    length = np.linalg.norm(outward, axis=1)
    kept = length > 1e-4
    where, outward, length = where[kept], outward[kept], length[kept]
    normals = (outward / length[:, None])[:, ::-1]  # k, j, i of an aligned grid are z, y, x
    points = grid.to_lps(where) + normals * grid.spacing_mm_kji[0] / 2
    ct = request.volume.grid
    from_edge = (ct.to_kji(points) + 0.5) * ct.spacing_mm_kji
    size_mm = np.array(ct.size_kji) * ct.spacing_mm_kji
    clear = (from_edge > EDGE_MM) & (from_edge < size_mm - EDGE_MM)
    lesion = request.lesion_lps_mm
    middle = lesion.mean(axis=0)
    reach_mm = request.needle.length_mm + float(np.linalg.norm(lesion - middle, axis=1).max())
    near = np.linalg.norm(points - middle, axis=1) <= reach_mm
    open_ = clear.all(axis=1) & (np.abs(normals[:, 2]) < LEVEL) & near
    if not open_.any():
        raise _no_skin()
    return _divided(Skin(points[open_], normals[open_]), grid.spacing_mm_kji[0])


def within(mask: BoolArray) -> BoolArray:
    """Return the voxels whose six neighbours all belong to a mask; it goes on beyond the edges.

    Parameters
    ----------
    mask : numpy.ndarray
        Shape (k, j, i), bool.

    Returns
    -------
    numpy.ndarray
        Same shape, bool.
    """
    inner = mask.copy()
    for axis in range(3):
        own, other = np.moveaxis(inner, axis, 0), np.moveaxis(mask, axis, 0)
        own[1:] &= other[:-1]
        own[:-1] &= other[1:]
    return inner


@parallel_kernel
def _outward(body: BoolArray, where: NDArray[np.int64], reach: int, outward: FloatArray) -> None:
    """Write the direction away from the body's voxels around each voxel of its skin."""
    nk, nj, ni = body.shape
    for n in prange(where.shape[0]):
        for dk in range(-reach, reach + 1):
            for dj in range(-reach, reach + 1):
                for di in range(-reach, reach + 1):
                    if dk * dk + dj * dj + di * di > reach * reach:
                        continue
                    k = min(max(where[n, 0] + dk, 0), nk - 1)
                    j = min(max(where[n, 1] + dj, 0), nj - 1)
                    i = min(max(where[n, 2] + di, 0), ni - 1)
                    if body[k, j, i]:
                        outward[n, 0] -= dk
                        outward[n, 1] -= dj
                        outward[n, 2] -= di


def _divided(skin: Skin, spacing_mm: float) -> Skin:
    """Divide each voxel of skin into as many points as make at least 50,000."""
    wanted = LEAST_POINTS / len(skin)
    pairs = [(a, b) for a in range(1, MOST_DIVIDED + 1) for b in range(a, MOST_DIVIDED + 1)]
    enough = [(a, b) for a, b in pairs if a * b >= wanted] or pairs[-1:]
    across, along = min(enough, key=lambda parts: (parts[0] * parts[1], parts[1]))
    if across * along == 1:
        return skin
    u, v = tangents(skin.normals_lps)
    grid = [(a, b) for a in _spread(across, spacing_mm) for b in _spread(along, spacing_mm)]
    points = [skin.points_lps_mm + a * u + b * v for a, b in grid]
    return Skin(np.concatenate(points), np.tile(skin.normals_lps, (len(grid), 1)))


def _spread(parts: int, spacing_mm: float) -> FloatArray:
    """Return offsets that divide a voxel's edge evenly."""
    return (np.arange(parts) - (parts - 1) / 2) * spacing_mm / parts


def tangents(normals_lps: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return two unit vectors across each normal.

    Parameters
    ----------
    normals_lps : numpy.ndarray
        Shape (n, 3), unit vectors.

    Returns
    -------
    tuple of numpy.ndarray
        Each of shape (n, 3).
    """
    helper = np.eye(3)[np.argmin(np.abs(normals_lps), axis=1)]
    u = np.cross(normals_lps, helper)
    u /= np.maximum(np.linalg.norm(u, axis=1, keepdims=True), 1e-12)
    return u, np.cross(normals_lps, u)


def _no_skin() -> PlanningError:
    message = "no skin lies within the needle's reach in this field of view; choose a larger one"
    return PlanningError(Problem(code=NO_SKIN, message=message))
