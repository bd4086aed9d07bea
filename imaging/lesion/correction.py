"""Corrections of an outline by hand, each on the block around it, so that none is felt.

All take a mask and return a new one; the mask given is never changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy
import skimage

from imaging.errors import refuse_image
from imaging.geometry import BoolArray, FloatArray, Grid, filled_block
from imaging.strokes import Block, Stroke, met
from imaging.volume import Volume

SMOOTHING_MM = 2.0  # deviation of the kernel; details smaller than this are noise of the hand
TOUCHING = np.ones((3, 3, 3), dtype=bool)


def painted(mask: BoolArray | None, volume: Volume, stroke: Stroke) -> BoolArray:
    """Return the mask with a stroke added or removed.

    Parameters
    ----------
    mask : numpy.ndarray or None
        Shape of the volume; None is empty.
    volume : Volume
        The CT.
    stroke : Stroke
        One drag.

    Returns
    -------
    numpy.ndarray
        A new mask.
    """
    changed = np.zeros(volume.grid.size_kji, dtype=bool) if mask is None else mask.copy()
    block, inside = met(volume, stroke)
    changed[block] = changed[block] | inside if stroke.adds else changed[block] & ~inside
    return changed


def filled_between(mask: BoolArray, grid: Grid, normal_lps: FloatArray) -> BoolArray:
    """Return the mask with the empty slices between outlined ones filled.

    The outline of an empty slice is the zero level of the two nearest outlines' signed distances,
    weighed by their distances, after both were moved onto the line between their middles; so an
    outline that wanders from slice to slice is followed.

    Parameters
    ----------
    mask : numpy.ndarray
        Shape ``grid.size_kji``.
    grid : Grid
        Where it lies.
    normal_lps : numpy.ndarray
        Shape (3,), across the slices that were painted; the grid's axis nearest to it is taken.

    Returns
    -------
    numpy.ndarray
        A new mask; outlined slices stay as they are.

    Raises
    ------
    ImagingError
        When no slice between two outlined ones is empty.
    """
    columns = grid.affine_kji_to_lps[:3, :3] / np.array(grid.spacing_mm_kji)
    axis = int(np.abs(columns.T @ np.asarray(normal_lps, dtype=float)).argmax())
    others = tuple(n for n in range(3) if n != axis)
    outlined = np.flatnonzero(mask.any(axis=others))
    gaps = [(a, b) for a, b in pairwise(outlined) if b - a > 1]
    if not gaps:
        message = (
            "no slice between two outlined ones is empty; outline every few slices of one view, "
            "then fill"
        )
        raise refuse_image("nothing_to_fill", message)
    changed = mask.copy()
    planes = np.moveaxis(changed, axis, 0)
    spacing = tuple(grid.spacing_mm_kji[n] for n in others)
    for low, high in gaps:
        block = _room(planes[low] | planes[high])
        ends = [_Outline.of(planes[n][block], spacing) for n in (low, high)]
        for n in range(low + 1, high):
            planes[n][block] = _between(ends[0], ends[1], (n - low) / (high - low))
    return changed


def smoothed(mask: BoolArray, grid: Grid, by_mm: float = SMOOTHING_MM) -> BoolArray:
    """Return the mask with a smooth surface and the same volume.

    Parameters
    ----------
    mask : numpy.ndarray
        Shape ``grid.size_kji``, at least one voxel.
    grid : Grid
        Where it lies.
    by_mm : float
        Deviation of the Gaussian kernel.

    Returns
    -------
    numpy.ndarray
        The level of the smoothed mask that holds as many voxels as before.
    """
    block = _block_around(mask, grid, 3.0 * by_mm)
    part = mask[block].astype(np.float32)
    soft = scipy.ndimage.gaussian_filter(part, [by_mm / mm for mm in grid.spacing_mm_kji])
    voxels = int(mask[block].sum())
    level = float(np.partition(soft, soft.size - voxels, axis=None)[soft.size - voxels])
    changed = mask.copy()
    changed[block] = (soft >= level) & (soft > 0)
    return changed


def kept_part(mask: BoolArray, grid: Grid, point_lps_mm: FloatArray) -> BoolArray:
    """Return only the piece of the mask that was clicked.

    Parameters
    ----------
    mask : numpy.ndarray
        Shape ``grid.size_kji``, at least one voxel.
    grid : Grid
        Where it lies.
    point_lps_mm : numpy.ndarray
        Shape (3,), a place in the piece; beside it the nearest piece is taken.

    Returns
    -------
    numpy.ndarray
        One connected piece.
    """
    block = _block_around(mask, grid, 0.0)
    pieces, _ = scipy.ndimage.label(mask[block], structure=TOUCHING)
    wanted = int(pieces[_nearest_in(mask[block], block, grid, point_lps_mm)])
    changed = np.zeros_like(mask)
    changed[block] = pieces == wanted
    return changed


def without_part(
    mask: BoolArray, grid: Grid, away_lps_mm: FloatArray, keep_lps_mm: FloatArray | None = None
) -> BoolArray:
    """Return the mask split at its neck, without the part that was clicked.

    The mask is flooded from both places, deepest first; the floods meet at the narrowest passage.

    Parameters
    ----------
    mask : numpy.ndarray
        Shape ``grid.size_kji``, at least one voxel.
    grid : Grid
        Where it lies.
    away_lps_mm : numpy.ndarray
        Shape (3,), a place in the part to be taken away.
    keep_lps_mm : numpy.ndarray or None
        Shape (3,), a place in the part to be kept; None takes the deepest place of the rest.

    Returns
    -------
    numpy.ndarray
        What is left.

    Raises
    ------
    ImagingError
        When the mask has no second part.
    """
    block = _block_around(mask, grid, 2.0 * max(grid.spacing_mm_kji))
    part = mask[block]
    depth = scipy.ndimage.distance_transform_edt(part, sampling=grid.spacing_mm_kji)
    away = _uphill(depth, _nearest_in(part, block, grid, away_lps_mm))
    keep = _deepest_elsewhere(part, depth, away)
    if keep_lps_mm is not None:
        keep = _uphill(depth, _nearest_in(part, block, grid, keep_lps_mm))
    if keep is None or keep == away:
        message = "the outline has no second part there; remove with the brush instead"
        raise refuse_image("no_second_part", message)
    markers = np.zeros(part.shape, dtype=np.int32)
    markers[keep], markers[away] = 1, 2
    parts = skimage.segmentation.watershed(-depth, markers, mask=part, connectivity=TOUCHING)
    changed = mask.copy()
    changed[block] = part & (parts != 2)
    return changed


@dataclass(frozen=True, eq=False)
class _Outline:
    """An outlined slice: its middle, in voxels, and its signed distances, in millimetres."""

    middle: FloatArray
    signed_mm: FloatArray

    @classmethod
    def of(cls, plane: BoolArray, spacing: tuple[float, ...]) -> _Outline:
        return cls(np.argwhere(plane).mean(axis=0), _signed_mm(plane, spacing))


def _between(below: _Outline, above: _Outline, share: float) -> BoolArray:
    """Return the outline a share of the way from one slice to the other."""
    here = (1.0 - share) * below.middle + share * above.middle
    level = np.zeros(below.signed_mm.shape)
    for one, weight in ((below, 1.0 - share), (above, share)):
        level += weight * scipy.ndimage.shift(
            one.signed_mm, here - one.middle, order=1, mode="nearest", prefilter=False
        )
    inside: BoolArray = level > 0
    return inside


def _signed_mm(mask: BoolArray, spacing: tuple[float, ...]) -> FloatArray:
    inside = scipy.ndimage.distance_transform_edt(mask, sampling=spacing)
    outside = scipy.ndimage.distance_transform_edt(~mask, sampling=spacing)
    signed: FloatArray = inside - outside
    return signed


def _room(plane: BoolArray) -> tuple[slice, slice]:
    """Return the rectangle around a plane's outline, with as much room again on every side."""
    rows, columns = (np.flatnonzero(plane.any(axis=n)) for n in (1, 0))
    pad = max(int(rows[-1] - rows[0]), int(columns[-1] - columns[0])) + 2
    return (
        slice(max(int(rows[0]) - pad, 0), int(rows[-1]) + pad + 1),
        slice(max(int(columns[0]) - pad, 0), int(columns[-1]) + pad + 1),
    )


def _block_around(mask: BoolArray, grid: Grid, room_mm: float) -> Block:
    found = filled_block(mask)
    if found is None:
        raise refuse_image("empty_mask", "there is no outline; click in the lesion or paint it")
    pad = [int(np.ceil(room_mm / mm)) for mm in grid.spacing_mm_kji]
    return tuple(
        slice(max(s.start - n, 0), min(s.stop + n, size))
        for s, n, size in zip(found, pad, mask.shape, strict=True)
    )


def _nearest_in(
    part: BoolArray, block: Block, grid: Grid, point_lps_mm: FloatArray
) -> tuple[int, int, int]:
    """Return the voxel of a block's mask that is nearest to a place."""
    index = np.argwhere(part)
    places = grid.to_lps(index + np.array([s.start for s in block]))
    k, j, i = index[int(np.linalg.norm(places - np.asarray(point_lps_mm), axis=1).argmin())]
    return int(k), int(j), int(i)


def _uphill(depth: FloatArray, start: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return the deepest place that is reached by always going deeper."""
    at = start
    while True:
        around = tuple(slice(max(n - 1, 0), n + 2) for n in at)
        best = np.unravel_index(int(depth[around].argmax()), depth[around].shape)
        higher = tuple(int(b) + max(n - 1, 0) for b, n in zip(best, at, strict=True))
        if depth[higher] <= depth[at]:
            return at
        at = (higher[0], higher[1], higher[2])


def _deepest_elsewhere(
    part: BoolArray, depth: FloatArray, away: tuple[int, int, int]
) -> tuple[int, int, int] | None:
    """Return the deepest place that does not belong to the clicked part's own hill."""
    peaks = part & (depth >= scipy.ndimage.maximum_filter(depth, size=3)) & (depth > 0)
    labels, count = scipy.ndimage.label(peaks, structure=TOUCHING)
    own = int(labels[away])
    others = [n for n in range(1, count + 1) if n != own]
    if not others:
        return None
    tops = np.array(scipy.ndimage.maximum_position(depth, labels, others), dtype=np.intp).reshape(
        -1, 3
    )
    k, j, i = tops[int(depth[tuple(tops.T)].argmax())]
    return int(k), int(j), int(i)
