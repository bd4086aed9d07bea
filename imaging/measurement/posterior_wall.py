"""Whether a lesion has broken through the wall between a vertebral body and the canal."""

from __future__ import annotations

import numpy as np
import scipy

from imaging.document import Document, Vector
from imaging.geometry import BoolArray, FloatArray, filled_places
from imaging.volume import Volume, sample

REACH_MM = 5.0  # between lesion and canal: thicker than a posterior wall with its blur
STEP_MM = 0.5
ABOVE_SOFT_HU = 45.0  # of a wall, blurred to a ridge, above what lies on both sides of it
LEAST_AREA_MM2 = 55.0  # the opening of the basivertebral vein, blurred by thick slices, is smaller
LEAST_SHARE = 0.1  # of the lesion's face towards the canal
SOFT_MOST_HU = 100.0  # a denser lesion hides no wall: the wall is still denser
ROOM_MM = 12.0


class PosteriorWall(Document):
    """The wall between lesion and canal.

    Attributes
    ----------
    is_open : bool or None
        None where there is no canal to judge by.
    area_mm2 : float or None
        Of the part without wall; None where there is none.
    centre_lps_mm : Vector or None
        Middle of that part.
    """

    is_open: bool | None = None
    area_mm2: float | None = None
    centre_lps_mm: Vector | None = None


def posterior_wall(volume: Volume, mask: BoolArray, canal: BoolArray | None) -> PosteriorWall:
    """Look for a way from lesion to canal that meets no ridge of bone.

    From every voxel of the lesion's surface within 5 mm of the canal the shortest way to it is
    followed. Where the densest value on it is no higher than the soft tissue at both ends, there
    is no wall; a connected patch of that makes the wall open.

    Parameters
    ----------
    volume : Volume
        The CT.
    mask : numpy.ndarray
        Shape of the volume, bool.
    canal : numpy.ndarray or None
        Same shape; None where it is not known.

    Returns
    -------
    PosteriorWall
        Closed where the lesion stays farther than 5 mm from the canal.
    """
    if canal is None or not canal.any():
        return PosteriorWall()
    points = volume.grid.to_lps(filled_places(mask))
    start, size = volume.grid.around(points, ROOM_MM)
    part = tuple(slice(s, s + n) for s, n in zip(start, size, strict=True))
    lesion, sac = mask[part], canal[part]
    if not sac.any():
        return PosteriorWall(is_open=False)
    grid = volume.grid.cropped(start, size)
    spacing = grid.spacing_mm_kji
    away, nearest = scipy.ndimage.distance_transform_edt(
        ~sac, sampling=spacing, return_indices=True
    )
    surface = lesion & ~scipy.ndimage.binary_erosion(lesion)
    facing = surface & (away <= REACH_MM + max(spacing))
    where = np.argwhere(facing)
    if not len(where):
        return PosteriorWall(is_open=False)
    begin = grid.to_lps(where)
    end = grid.to_lps(nearest[(slice(None), *where.T)].T)
    steps = np.linspace(0.0, 1.0, int(2 * REACH_MM / STEP_MM))
    way = begin[:, None] + steps[None, :, None] * (end - begin)[:, None]
    values = sample(volume.hu[part].astype(np.float32), grid, way, order=1, outside=0.0)
    lesion_hu = min(float(np.median(volume.hu[part][lesion])), SOFT_MOST_HU)
    soft_hu = max(lesion_hu, float(np.median(volume.hu[part][sac])))
    bare = np.zeros(lesion.shape, dtype=bool)
    bare[tuple(where[values.max(axis=1) < soft_hu + ABOVE_SOFT_HU].T)] = True
    pieces, count = scipy.ndimage.label(bare, structure=np.ones((3, 3, 3)))
    if not count:
        return PosteriorWall(is_open=False)
    largest = pieces == int(np.bincount(pieces.ravel())[1:].argmax()) + 1
    places = grid.to_lps(np.argwhere(largest))
    area_mm2 = _seen_from_behind_mm2(places, grid.voxel_ml)
    if area_mm2 < LEAST_AREA_MM2 or len(places) < LEAST_SHARE * len(where):
        return PosteriorWall(is_open=False)
    x, y, z = (float(n) for n in places.mean(axis=0))
    return PosteriorWall(is_open=True, area_mm2=area_mm2, centre_lps_mm=(x, y, z))


def _seen_from_behind_mm2(places: FloatArray, voxel_ml: float) -> float:
    """Return the area of places seen from behind, in squares as large as a voxel."""
    edge_mm = float(np.cbrt(1000.0 * voxel_ml))
    squares = np.unique(np.floor(places[:, [0, 2]] / edge_mm), axis=0)
    return len(squares) * edge_mm**2
