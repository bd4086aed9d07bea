"""The case as the search sees it: a few fields on cubic voxels along the patient's axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.errors import Problem
from imaging.geometry import BoolArray, FloatArray, Grid
from imaging.structures.model import BODY, PassageClass, is_bone
from imaging.volume import mask_on_grid, resample
from planning.access.request import AccessRequest, Position
from planning.errors import PlanningError

VOXEL_MM = 2.0
FAR_MM = 60.0  # distances beyond this matter no more
EDGE_MM = 3.0  # skin nearer to the image's edge than this may be a cut through the body
SKIN_FACING = 0.5  # of the outward normal, in the direction of the couch
BONE_HU = 170
DOWN_LPS = {
    Position.SUPINE: (0.0, 1.0, 0.0),
    Position.PRONE: (0.0, -1.0, 0.0),
    Position.LEFT: (1.0, 0.0, 0.0),
    Position.RIGHT: (-1.0, 0.0, 0.0),
}


@dataclass(frozen=True, eq=False)
class Scene:
    """Fields of the search.

    Parameters
    ----------
    grid : Grid
        Cubic voxels of 2 mm along the patient's axes.
    body, bone, avoid : numpy.ndarray
        Shape ``grid.size_kji``, bool.
    slack_mm : numpy.ndarray
        Distance to the nearest forbidden structure less its margin, float32; negative within it.
    inside : numpy.ndarray
        Where a forbidden structure itself lies, bool.
    culprit : numpy.ndarray
        Index into ``forbidden`` of the structure that sets the slack, int16.
    lesion_mm : numpy.ndarray
        Distance to the lesion, float32; 0 within it.
    forbidden : tuple of str
        Names of the forbidden structures present.
    entries_lps_mm, entry_normals : numpy.ndarray
        Shape (n, 3), points of the reachable skin and their outward unit normals.
    unreachable : int
        Points of skin that face the couch.
    """

    grid: Grid
    body: BoolArray
    bone: BoolArray
    avoid: BoolArray
    slack_mm: NDArray[np.float32]
    inside: BoolArray
    culprit: NDArray[np.int16]
    lesion_mm: NDArray[np.float32]
    forbidden: tuple[str, ...]
    entries_lps_mm: FloatArray
    entry_normals: FloatArray
    unreachable: int


def build_scene(request: AccessRequest) -> Scene:
    """Prepare the fields of a search.

    Parameters
    ----------
    request : AccessRequest
        The case and its limits.

    Returns
    -------
    Scene
        Around the lesion as far as the needle reaches.

    Raises
    ------
    PlanningError
        When no skin lies within the needle's reach.
    """
    source = request.volume.grid
    grid = _work_grid(request)
    labels = request.structures.on_grid(grid).labels
    lesion = mask_on_grid(request.lesion, source, grid)
    hu = resample(request.volume.hu, source, grid, order=1, outside=-1024)
    body = _body(request, labels, hu)
    bone_labels = [row.label for row in request.structures.table if is_bone(row.name)]
    bone = np.isin(labels, bone_labels) if bone_labels else body & (hu > BONE_HU)
    avoid = np.isin(labels, _labels_of(request, PassageClass.AVOID))
    slack, inside, culprit, forbidden = _slack(request, labels)
    points, normals, unreachable = _skin(body, lesion, grid, request)
    lesion_mm = ndimage.distance_transform_edt(~lesion, sampling=VOXEL_MM).astype(np.float32)
    return Scene(
        grid=grid,
        body=body,
        bone=bone & ~lesion,
        avoid=avoid & ~lesion,
        slack_mm=slack,
        inside=inside & ~lesion,
        culprit=culprit,
        lesion_mm=lesion_mm,
        forbidden=forbidden,
        entries_lps_mm=points,
        entry_normals=normals,
        unreachable=unreachable,
    )


def _labels_of(request: AccessRequest, wanted: PassageClass) -> list[int]:
    return [row.label for row in request.structures.table if row.class_ == wanted]


def _work_grid(request: AccessRequest) -> Grid:
    grid = request.volume.grid
    lesion = grid.to_lps(np.argwhere(request.lesion))
    corners = grid.corners_lps_mm()
    reach = request.needle.length_mm + 10.0
    low = np.maximum(lesion.min(axis=0) - reach, corners.min(axis=0)) + VOXEL_MM / 2
    high = np.minimum(lesion.max(axis=0) + reach, corners.max(axis=0))
    count = np.maximum(((high - low) // VOXEL_MM).astype(int) + 1, 1)
    return Grid.aligned((int(count[2]), int(count[1]), int(count[0])), VOXEL_MM, low)


def _body(request: AccessRequest, labels: NDArray[np.uint16], hu: NDArray[np.float32]) -> BoolArray:
    """Return the body: from the structures where they hold it, else by its density."""
    if request.structures.named(BODY):
        found: BoolArray = labels > 0
        return found
    from imaging.structures.body import find_body

    return find_body(np.rint(hu).astype(np.int16), (VOXEL_MM,) * 3)


def _slack(
    request: AccessRequest, labels: NDArray[np.uint16]
) -> tuple[NDArray[np.float32], BoolArray, NDArray[np.int16], tuple[str, ...]]:
    """Return slack, inside, culprit and names; structures of one margin share a distance map."""
    rows = [row for row in request.structures.table if row.class_ == PassageClass.FORBIDDEN]
    index_of = {row.label: index for index, row in enumerate(rows)}
    slack = np.full(labels.shape, FAR_MM, dtype=np.float32)
    culprit = np.full(labels.shape, -1, dtype=np.int16)
    inside = np.isin(labels, list(index_of))
    lookup = np.full(int(labels.max(initial=0)) + 1, -1, dtype=np.int16)
    for label, index in index_of.items():
        if label < len(lookup):
            lookup[label] = index
    for margin in {request.margin_mm(row.name) for row in rows}:
        group = [row.label for row in rows if request.margin_mm(row.name) == margin]
        mask = np.isin(labels, group)
        if not mask.any():
            continue
        far, nearest = ndimage.distance_transform_edt(~mask, sampling=VOXEL_MM, return_indices=True)
        own = far.astype(np.float32) - VOXEL_MM / 2 - np.float32(margin)
        closer = own < slack
        slack[closer] = own[closer]
        culprit[closer] = lookup[labels[tuple(nearest)]][closer]
    return slack, inside, culprit, tuple(row.name for row in rows)


def _skin(
    body: BoolArray, lesion: BoolArray, grid: Grid, request: AccessRequest
) -> tuple[FloatArray, FloatArray, int]:
    """Return points on the skin, their outward normals, and how many face the couch."""
    if min(body.shape) < 2:  # a slab thinner than the search: its skin has no outward direction
        raise _no_skin()
    inner = ndimage.binary_erosion(body, border_value=1)
    where = np.argwhere(body & ~inner)
    smooth = ndimage.gaussian_filter(body.astype(np.float32), 2.0, mode="nearest")
    slope = np.array(np.gradient(smooth))[:, where[:, 0], where[:, 1], where[:, 2]].T
    length = np.linalg.norm(slope, axis=1)
    where, slope, length = where[length > 1e-4], slope[length > 1e-4], length[length > 1e-4]
    normals = -(slope / length[:, None])[:, ::-1]  # k, j, i of an aligned grid are z, y, x
    points = grid.to_lps(where) + normals * VOXEL_MM / 2
    corners = request.volume.grid.corners_lps_mm()
    clear = (points > corners.min(axis=0) + EDGE_MM) & (points < corners.max(axis=0) - EDGE_MM)
    level = np.abs(normals[:, 2]) < 0.9
    open_ = clear.all(axis=1) & level
    if not open_.any():
        raise _no_skin()
    points, normals = points[open_], normals[open_]
    if request.position == Position.AUTO:
        return points, normals, 0
    away = normals @ np.array(DOWN_LPS[request.position]) < SKIN_FACING
    return points[away], normals[away], int((~away).sum())


def _no_skin() -> PlanningError:
    message = "no skin lies within the needle's reach in this field of view; choose a larger one"
    return PlanningError(Problem(code="no_skin", message=message))
