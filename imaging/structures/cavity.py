"""Where organs lie that were not told apart: inside the skeleton, in front of the canal."""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from imaging.geometry import BoolArray, FloatArray

WORK_MM = 4.0
BEHIND_CANAL_MM = 10.0  # kidneys reach this far behind the canal's centre
SLAB_MM = 50.0  # above and below a slice, bone within this closes the wall around it


def find_cavity(
    bone: BoolArray,
    body: BoolArray,
    canal_axis_kji: FloatArray,
    spacing_mm_kji: tuple[float, float, float],
) -> BoolArray:
    """Return the soft tissue of trunk and pelvis in which organs may lie.

    The wall of each slice is the convex hull of the bone 50 mm above and below it; behind the
    spinal canal there is only muscle.

    Parameters
    ----------
    bone, body : numpy.ndarray
        Shape (k, j, i) along the patient's axes.
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
    for k in range(0, bone.shape[0], step[0]):
        near = bone[max(0, k - half) : k + half + 1, :: step[1], :: step[2]]
        slab = np.logical_or.reduce(near, axis=0)
        behind = round(back[k] + BEHIND_CANAL_MM / spacing_mm_kji[1])
        inside = _hull(slab, bone.shape[1:], (step[1], step[2]))
        inside[min(max(behind, 0), bone.shape[1]) :] = False
        out[k : k + step[0]] = inside
    return out & body & ~bone


def _hull(slab: BoolArray, shape: tuple[int, ...], step: tuple[int, int]) -> BoolArray:
    points = np.argwhere(slab).astype(float) * step
    filled = np.zeros(shape, dtype=bool)
    if len(points) < 3:
        return filled
    try:
        hull = ConvexHull(points)
    except QhullError:  # all bone in one line
        return filled
    jj, ii = np.indices(shape, dtype=np.float32)
    filled[:] = True
    for a, b, c in hull.equations:
        filled &= a * jj + b * ii + c <= 0
    return filled
