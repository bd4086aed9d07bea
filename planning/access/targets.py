"""Where to aim: places in the lesion, and what tells a good one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from imaging.errors import Problem
from imaging.geometry import BoolArray, FloatArray, Grid, filled_block
from imaging.structures.model import is_bone
from planning.access.request import AccessRequest
from planning.errors import PlanningError

TARGETS = 6
JUNCTION_MM = 2.5  # bone and soft tissue both this near to the lesion's border: the periosteum
LEAST_ELONGATION = 1.25  # of the diameters, from which a lesion has a long axis


@dataclass(frozen=True, eq=False)
class LesionShape:
    """What a way is measured against in the lesion.

    Parameters
    ----------
    centre_lps_mm : numpy.ndarray
        Shape (3,), centre of mass.
    long_axis_lps : numpy.ndarray or None
        Shape (3,), unit vector; None where the lesion is nearly round.
    upstream_lps : numpy.ndarray or None
        Shape (3,), unit vector towards the spinal canal, where the afferent nerves run; None where
        no canal is known.
    half_depth_mm : float
        Half of the lesion's extent in that direction.
    junction_lps_mm : numpy.ndarray
        Shape (n, 3), where lesion, bone and soft tissue meet; n may be 0.
    """

    centre_lps_mm: FloatArray
    long_axis_lps: FloatArray | None
    upstream_lps: FloatArray | None
    half_depth_mm: float
    junction_lps_mm: FloatArray


def lesion_shape(request: AccessRequest) -> LesionShape:
    """Return what a way is measured against in the lesion.

    Parameters
    ----------
    request : AccessRequest
        The case.

    Returns
    -------
    LesionShape
        In LPS millimetres.
    """
    points = request.lesion_lps_mm
    centre = points.mean(axis=0)
    spread = points - centre
    size, axes = np.linalg.eigh(np.cov(spread.T)) if len(points) > 3 else (np.ones(3), np.eye(3))
    is_long = size[2] > LEAST_ELONGATION**2 * size[1]
    upstream = _upstream(request, centre)
    depth = 0.0 if upstream is None else float(np.abs(spread @ upstream).max())
    return LesionShape(centre, axes[:, 2] if is_long else None, upstream, depth, _junction(request))


def targets_of(request: AccessRequest, shape: LesionShape) -> FloatArray:
    """Return places to aim at.

    Parameters
    ----------
    request : AccessRequest
        The case; places it names are taken as they are.
    shape : LesionShape
        Of its lesion.

    Returns
    -------
    numpy.ndarray
        Shape (n, 3), LPS millimetres, at most 6.

    Raises
    ------
    PlanningError
        When a place that was asked for lies outside the lesion.
    """
    grid = request.volume.grid
    if request.targets_lps_mm:
        _refuse_outside(request)
        return np.array(request.targets_lps_mm, dtype=float)
    deep = lesion_targets(request.lesion, grid)
    if request.needle.kind != "infiltration" or not len(shape.junction_lps_mm):
        return deep
    meeting = shape.junction_lps_mm
    if shape.upstream_lps is not None:
        ahead = (meeting - shape.centre_lps_mm) @ shape.upstream_lps
        meeting = meeting[np.argsort(-ahead, kind="stable")]
    apart_mm = 0.5 * float(np.ptp(meeting, axis=0).max())
    chosen = _apart(meeting, max(apart_mm, 4.0), TARGETS // 2)
    return np.concatenate([chosen, deep[: TARGETS - len(chosen)]])


def lesion_targets(lesion: BoolArray, grid: Grid) -> FloatArray:
    """Return places deep in the lesion: the deepest point, then deep points apart from each other.

    Parameters
    ----------
    lesion : numpy.ndarray
        Shape ``grid.size_kji``, at least one voxel.
    grid : Grid
        Where it lies.

    Returns
    -------
    numpy.ndarray
        Shape (n, 3), LPS millimetres, at most 6, each a voxel centre within the lesion.
    """
    box = filled_block(lesion)
    if box is None:
        raise PlanningError(Problem(code="no_lesion", message="the mask of the lesion is empty"))
    part = np.pad(lesion[box], 1)
    depth = scipy.ndimage.distance_transform_edt(part, sampling=grid.spacing_mm_kji)
    where = np.argwhere(depth >= 0.5 * depth.max())
    order = np.argsort(-depth[tuple(where.T)], kind="stable")
    places = grid.to_lps(where[order] - 1 + [axis.start for axis in box])
    return _apart(places, 0.7 * float(depth.max()), TARGETS)


def _apart(places: FloatArray, apart_mm: float, most: int) -> FloatArray:
    chosen = [places[0]]
    for place in places[1:]:
        if len(chosen) == most:
            break
        if min(float(np.linalg.norm(place - one)) for one in chosen) >= apart_mm:
            chosen.append(place)
    return np.array(chosen)


def _refuse_outside(request: AccessRequest) -> None:
    problems = []
    for target in request.targets_lps_mm:
        at = request.volume.grid.nearest(target)
        if at is None or not request.lesion[at]:
            where = ", ".join(f"{n:g}" for n in target)
            message = "this place to aim at lies outside the lesion; choose one within it"
            problems.append(Problem(code="target_outside", message=message, where=where))
    if problems:
        raise PlanningError(problems)


def _upstream(request: AccessRequest, centre: FloatArray) -> FloatArray | None:
    """Return the direction of the nearest part of the spinal canal."""
    places = request.canal_lps_mm
    if not len(places):
        return None
    towards = places[np.argmin(np.linalg.norm(places - centre, axis=1))] - centre
    length = float(np.linalg.norm(towards))
    upstream: FloatArray = towards / length if length > 1e-6 else np.array([0.0, 0.0, 1.0])
    return upstream


def _junction(request: AccessRequest) -> FloatArray:
    """Return the lesion's border voxels that have bone as well as soft tissue beside them."""
    grid = request.volume.grid
    reach = np.ceil(JUNCTION_MM / np.array(grid.spacing_mm_kji)).astype(int) + 1
    box = filled_block(request.lesion)
    bones = [name for name in request.structures.names() if is_bone(name)]
    if box is None or not bones:
        return np.empty((0, 3))
    start = np.maximum([axis.start for axis in box] - reach, 0)
    stop = np.minimum([axis.stop for axis in box] + reach, grid.size_kji)
    part = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    lesion = request.lesion[part]
    labels = request.structures.labels[part]
    bone = np.isin(labels, [r.label for r in request.structures.table if r.name in bones]) & ~lesion
    soft = ~lesion & ~bone
    if not bone.any() or not soft.any():
        return np.empty((0, 3))
    border = lesion & ~scipy.ndimage.binary_erosion(lesion, border_value=1)
    where = np.argwhere(border)
    spacing = np.array(grid.spacing_mm_kji)
    near = [
        scipy.spatial.cKDTree(np.argwhere(tissue) * spacing).query(
            where * spacing, distance_upper_bound=JUNCTION_MM
        )[0]
        <= JUNCTION_MM
        for tissue in (bone, soft)
    ]
    return grid.to_lps(where[near[0] & near[1]] + start)
