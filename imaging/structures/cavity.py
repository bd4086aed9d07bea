"""Where organs lie that were not told apart: inside the skeleton, in front of the canal."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.geometry import BoolArray, FloatArray

WORK_MM = 4.0
BEHIND_CANAL_MM = 10.0  # kidneys reach this far behind the canal's centre
WALL_MM = 20.0  # skin, fat and muscle of a thin belly; a thicker wall only costs ways, never safety
BESIDE_SPINE_MM = 45.0  # bone farther from the midline is rib or ilium
ILIUM_MM2 = 350.0  # section of an iliac wing on one side; ribs have less
TRUNK_MM2 = 30000.0  # section of a slim trunk; a stout thigh has 250 cm²
SLAB_MM = 50.0  # above and below a slice, bone within this closes the wall around it


def find_cavity(
    bone: BoolArray,
    body: BoolArray | NDArray[np.uint8],
    canal_axis_kji: FloatArray,
    spacing_mm_kji: tuple[float, float, float],
) -> BoolArray:
    """Return the soft tissue of trunk and pelvis in which organs may lie.

    It is what lies in the convex hull of the bone 50 mm above and below a slice, or deeper than
    20 mm of skin, fat and muscle; beside the pelvis, where the gluteal muscles lie, only the hull
    counts. Behind the spinal canal there is only muscle.

    Parameters
    ----------
    bone : numpy.ndarray
        Shape (k, j, i) along the patient's axes.
    body : numpy.ndarray
        Same shape, a mask, or labels of what is inside the skin.
    canal_axis_kji : numpy.ndarray
        Shape (slices, 3), centre of the canal.
    spacing_mm_kji : tuple of float
        Voxel size.

    Returns
    -------
    numpy.ndarray
        Same shape as body; bone excluded.
    """
    step = [max(1, round(WORK_MM / mm)) for mm in spacing_mm_kji]
    out = np.zeros(bone.shape, dtype=bool)
    half = max(1, round(SLAB_MM / spacing_mm_kji[0]))
    back = np.interp(np.arange(bone.shape[0]), canal_axis_kji[:, 0], canal_axis_kji[:, 1])
    middle = float(np.median(canal_axis_kji[:, 2]))
    pelvis = _pelvis(bone, middle, spacing_mm_kji)
    for k in range(0, bone.shape[0], step[0]):
        near = bone[max(0, k - half) : k + half + 1, :: step[1], :: step[2]]
        slab = np.logical_or.reduce(near, axis=0)
        behind = round(back[k] + BEHIND_CANAL_MM / spacing_mm_kji[1])
        inside = _hull(slab, bone.shape[1:], (step[1], step[2]))
        wall = _behind_wall(body[k] > 0, (step[1], step[2]), spacing_mm_kji[1:])
        if pelvis[k]:  # beside the ilia lie the gluteal muscles, which are passable
            wall[_front_row(slab, step[1]) :] = False
        inside |= wall
        inside[min(max(behind, 0), bone.shape[1]) :] = False
        out[k : k + step[0]] = inside
    for k in range(len(out)):
        out[k] &= (body[k] > 0) & ~bone[k]
    return out


def is_trunk(
    body: BoolArray | NDArray[np.uint8], spacing_mm_kji: tuple[float, float, float]
) -> bool:
    """Tell a trunk from limbs and head, where no canal was found to tell by.

    Parameters
    ----------
    body : numpy.ndarray
        Shape (k, j, i), inside the skin.
    spacing_mm_kji : tuple of float
        Voxel size.

    Returns
    -------
    bool
        True when the largest section in one piece of a middle slice is above 300 cm².
    """
    filled = np.flatnonzero(body.any(axis=(1, 2)))
    if not len(filled):
        return False
    labels, count = scipy.ndimage.label(body[filled[len(filled) // 2]])
    sections = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    pixel_mm2 = spacing_mm_kji[1] * spacing_mm_kji[2]
    return bool(sections.max(initial=0) * pixel_mm2 > TRUNK_MM2)


def behind_all(body: BoolArray | NDArray[np.uint8]) -> FloatArray:
    """Return an axis behind the body, which stands for a canal that was not found.

    Parameters
    ----------
    body : numpy.ndarray
        Shape (k, j, i), inside the skin.

    Returns
    -------
    numpy.ndarray
        Shape (2, 3), fractional indices: nothing lies behind it, so nothing counts as the back.
    """
    columns = np.flatnonzero(body.any(axis=(0, 1)))
    middle = float(columns.mean()) if len(columns) else 0.0
    return np.array([[0.0, body.shape[1], middle], [body.shape[0] - 1.0, body.shape[1], middle]])


def _pelvis(
    bone: BoolArray, middle_i: float, spacing_mm_kji: tuple[float, float, float]
) -> BoolArray:
    """Tell the slices in which iliac wings, or what lies below them, stand on both sides."""
    away = BESIDE_SPINE_MM / spacing_mm_kji[2]
    pixel_mm2 = spacing_mm_kji[1] * spacing_mm_kji[2]
    low, high = max(0, int(middle_i - away)), int(middle_i + away)
    right = bone[:, :, :low].sum(axis=(1, 2)) * pixel_mm2
    left = bone[:, :, high:].sum(axis=(1, 2)) * pixel_mm2
    near = max(1, round(20.0 / spacing_mm_kji[0]))
    wings = scipy.ndimage.maximum_filter1d(np.minimum(right, left), 2 * near + 1) > ILIUM_MM2
    top = np.flatnonzero(wings & (np.arange(len(wings)) < _last_low(wings)))
    found = np.zeros(len(wings), dtype=bool)
    if len(top):
        found[: top[-1] + 1] = True
    return found


def _last_low(wings: BoolArray) -> int:
    """Return the end of the lowest run of slices with wings; higher ones are a dense rib cage."""
    where = np.flatnonzero(wings)
    if not len(where):
        return 0
    breaks = np.flatnonzero(np.diff(where) > 1)
    return int(where[breaks[0]] if len(breaks) else where[-1]) + 1


def _front_row(slab: BoolArray, step: int) -> int:
    """Return the row of the foremost bone."""
    rows = np.flatnonzero(slab.any(axis=1))
    return int(rows[0]) * step if len(rows) else 0


def _behind_wall(
    body: BoolArray, step: tuple[int, int], pixel_mm: tuple[float, float]
) -> BoolArray:
    """Return what lies deeper in a slice than the wall of the belly, found on coarse pixels."""
    coarse = np.pad(body[:: step[0], :: step[1]], 1)
    sampling = (pixel_mm[0] * step[0], pixel_mm[1] * step[1])
    deep = scipy.ndimage.distance_transform_edt(coarse, sampling=sampling)[1:-1, 1:-1] > WALL_MM
    return np.repeat(np.repeat(deep, step[0], axis=0), step[1], axis=1)[
        : body.shape[0], : body.shape[1]
    ]


def _hull(slab: BoolArray, shape: tuple[int, ...], step: tuple[int, int]) -> BoolArray:
    points = np.argwhere(slab).astype(float) * step
    filled = np.zeros(shape, dtype=bool)
    if len(points) < 3:
        return filled
    try:
        hull = scipy.spatial.ConvexHull(points)
    except scipy.spatial.QhullError:  # all bone in one line
        return filled
    jj, ii = np.indices(shape, dtype=np.float32)
    filled[:] = True
    for a, b, c in hull.equations:
        filled &= a * jj + b * ii + c <= 0
    return filled
