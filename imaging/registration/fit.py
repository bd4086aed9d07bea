"""How well another series lies on the bone of the CT: measured along the normals of its surface.

One figure for every contrast: from each point of the bone's surface the other series is followed
along the normal, and the distance to its strongest edge is what is left over.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
import skimage
from numpy.typing import NDArray

from imaging.geometry import BoolArray, FloatArray, Grid, block
from imaging.registration.model import Fit, inverse, moved_points
from imaging.volume import AIR_HU, Volume, sample

BONE_HU = 250.0  # above native vessels and organs; half way up a cortex on usual slices
SURFACE_SIGMA_MM = 0.8  # noise would make a surface of its own
SEARCH_MM = 6.0  # along the normal, to either side
STEP_MM = 0.5
NEAR_MM = 2.0
MOST_POINTS = 6000
LEAST_POINTS = 200
SHARP_SHARE = 0.35  # of the median edge; flatter profiles hold no edge
SHARE = 0.75  # of the surface lies within the residual
PATCH_POINTS, LEAST_PATCHES = 40, 8
CORTEX_MM = 2.0  # thickness within which a patch's edge may lie off the surface of the CT


@dataclass(frozen=True, eq=False)
class BoneSurface:
    """The surface of bone near a place.

    Parameters
    ----------
    points_lps_mm, normals_lps : numpy.ndarray
        Shape (n, 3); normals point out of the bone.
    """

    points_lps_mm: FloatArray
    normals_lps: FloatArray


def bone_surface(fixed: Volume, centre_lps_mm: FloatArray, reach_mm: float) -> BoneSurface:
    """Return the surface of bone near a place.

    Parameters
    ----------
    fixed : Volume
        The planning CT.
    centre_lps_mm : numpy.ndarray
        Shape (3,).
    reach_mm : float
        Radius around it.

    Returns
    -------
    BoneSurface
        Without points where there is no bone.
    """
    start, size = fixed.grid.around(centre_lps_mm, reach_mm)
    grid = fixed.grid.cropped(start, size)
    hu = np.clip(fixed.hu[block(start, size)].astype(np.float32), AIR_HU, 1500.0)
    smooth = scipy.ndimage.gaussian_filter(
        hu, [SURFACE_SIGMA_MM / mm for mm in grid.spacing_mm_kji]
    )
    if min(size) < 2 or not smooth.min() < BONE_HU < smooth.max():
        return BoneSurface(np.empty((0, 3)), np.empty((0, 3)))
    vertices, *_ = skimage.measure.marching_cubes(smooth, BONE_HU)
    chosen = np.linspace(0, len(vertices) - 1, min(4 * MOST_POINTS, len(vertices))).astype(int)
    places = vertices[chosen].astype(float)
    points = grid.to_lps(places)
    inside = np.linalg.norm(points - centre_lps_mm, axis=1) <= reach_mm
    places, points = places[inside], points[inside]
    normals = -_gradient(smooth, grid, points)
    length = np.linalg.norm(normals, axis=1)
    kept = length > 0
    points, normals = points[kept], normals[kept] / length[kept, None]
    if len(points) > MOST_POINTS:
        few = np.linspace(0, len(points) - 1, MOST_POINTS).astype(int)
        points, normals = points[few], normals[few]
    return BoneSurface(points, normals)


def _gradient(values: NDArray[np.float32], grid: Grid, points: FloatArray) -> FloatArray:
    """Return the gradient at places, along x, y and z of the patient."""
    ends = [
        sample(values, grid, points + sign * STEP_MM * axis, order=1, outside=0.0)
        for axis in np.eye(3)
        for sign in (1.0, -1.0)
    ]
    return np.stack([ends[2 * n] - ends[2 * n + 1] for n in range(3)], axis=1)


def measure_fit(
    surface: BoneSurface, moving: Volume, moving_to_fixed: FloatArray, *, is_ct: bool
) -> Fit | None:
    """Measure how far the edges of a series lie from the bone of the CT.

    Parameters
    ----------
    surface : BoneSurface
        Of the CT.
    moving : Volume
        The other series, in its own frame.
    moving_to_fixed : numpy.ndarray
        Shape (4, 4).
    is_ct : bool
        Whether bone is bright in it: then only edges that rise into the bone count.

    Returns
    -------
    Fit or None
        None where there is too little to be judged.
    """
    back = inverse(moving_to_fixed)
    offsets = np.arange(-SEARCH_MM - STEP_MM, SEARCH_MM + 1.5 * STEP_MM, STEP_MM)
    along = surface.points_lps_mm[:, None] + offsets[None, :, None] * surface.normals_lps[:, None]
    places = moved_points(back, along)
    covered = _covered(moving.grid, places)
    if not len(surface.points_lps_mm) or covered.sum() < LEAST_POINTS:
        return None
    profiles = sample(moving.hu, moving.grid, places[covered], order=1, outside=0.0)
    if is_ct:
        profiles = np.clip(profiles, -200.0, 600.0)  # the way into bone counts, not what it holds
    profiles = scipy.ndimage.gaussian_filter(profiles, (0.0, 1.0))
    rise = (profiles[:, 2:] - profiles[:, :-2]) / (2 * STEP_MM)
    if is_ct:
        apart = _of_points(-rise)
    else:
        patches = _patches(surface, covered)
        apart = _of_patches(np.abs(rise), patches)
    if not len(apart):
        return None
    return Fit(
        residual_mm=float(np.quantile(apart, SHARE)),
        near_share=float((apart <= NEAR_MM).mean()),
        covered_share=float(covered.mean()),
        points=int(covered.sum()),
    )


def _of_points(edges: FloatArray) -> FloatArray:
    """Return the distance of each point's strongest edge, where it has one."""
    height = edges.max(axis=1)
    sharp = height > SHARP_SHARE * np.median(height)
    return np.abs(_peaks_mm(edges[sharp]))


def _of_patches(edges: FloatArray, patches: NDArray[np.int64]) -> FloatArray:
    """Return the distance of each patch's strongest edge from that of the others.

    Around bone an MR has many edges, and that of the bone is seldom a point's strongest; it is the
    one that all points of a patch share. The offset that all patches share is no error of place:
    the cortex is dark, and has an edge on either side.
    """
    edges = edges / (edges.mean(axis=1, keepdims=True) + 1e-6)
    _, number = np.unique(patches, return_inverse=True)
    counts = np.bincount(number)
    sums = np.stack([np.bincount(number, weights=column) for column in edges.T], axis=1)
    kept = counts >= PATCH_POINTS
    if kept.sum() < LEAST_PATCHES:
        return np.empty(0)
    peaks = _peaks_mm(sums[kept] / counts[kept, None])
    common = float(np.clip(np.median(peaks), -CORTEX_MM, CORTEX_MM))
    return np.abs(peaks - common)


def _patches(surface: BoneSurface, covered: BoolArray) -> NDArray[np.int64]:
    """Return which patch a point belongs to: the way it faces, and the octant it lies in."""
    points, normals = surface.points_lps_mm[covered], surface.normals_lps[covered]
    axis = np.abs(normals).argmax(axis=1)
    sign = np.take_along_axis(normals, axis[:, None], axis=1)[:, 0] > 0
    octant = (points > np.median(points, axis=0)) @ np.array([1, 2, 4])
    patch: NDArray[np.int64] = (axis * 2 + sign) * 8 + octant
    return patch


def _peaks_mm(edges: FloatArray) -> FloatArray:
    """Return where profiles are highest, between their steps (parabola through three)."""
    best = edges.argmax(axis=1)
    inner = np.clip(best, 1, edges.shape[1] - 2)
    rows = np.arange(len(edges))
    before, here, after = (edges[rows, inner + n] for n in (-1, 0, 1))
    bend = before - 2 * here + after
    shift = np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, -1.0), 0.0)
    shift = np.where(best == inner, np.clip(shift, -0.5, 0.5), 0.0)
    place: FloatArray = -SEARCH_MM + STEP_MM * (best + shift)
    return place


def _covered(grid: Grid, places: FloatArray) -> BoolArray:
    """Tell which profiles lie inside an image, both ends."""
    ends = grid.to_kji(places[:, [0, -1]])
    top = np.array(grid.size_kji) - 1
    inside = (ends >= 0) & (ends <= top)
    return np.asarray(inside.all(axis=(1, 2)), dtype=bool)
