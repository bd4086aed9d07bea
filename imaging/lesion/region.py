"""The block of CT around a click on which a lesion is outlined, on cubic voxels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.geometry import BoolArray, FloatArray, Grid
from imaging.kernels import parallel_kernel, prange
from imaging.volume import AIR_HU, Volume, resample

VOXEL_MM = 1.0
SMOOTHING_MM = 0.8  # takes the noise of a routine CT to about a third
SURE_BONE_HU = 170.0
DIRECTIONS = 64  # over the sphere, evenly
SIGHT_MM = 24.0  # half a vertebral body; bone farther away belongs to something else
OPEN_SHARE = 0.55  # of the directions; below it the bone is destroyed through
COARSE_MM = 2.0  # side of the blocks on which directions are followed
MOST_VOXELS = 500_000  # of a block; larger ones are cut on coarser voxels, so that a click is quick


@dataclass(frozen=True, eq=False)
class Region:
    """A block of CT around one or more clicks.

    Parameters
    ----------
    grid : Grid
        Cubic voxels along the patient's axes.
    hu : numpy.ndarray
        Shape ``grid.size_kji``, float32, smoothed.
    surrounded : numpy.ndarray
        Same shape, float32 from 0 to 1: share of the directions in which bone is seen nearby. What
        was within a bone sees most of it still, whatever was destroyed on one side.
    against : numpy.ndarray or None
        Same shape, float32: by how much the other side of the body speaks against the lesion, and
        below 0 for it; None where it was not compared.
    changed_hu : float
        By how much the other side is denser than the lesion at its core (less dense, for a dense
        lesion); 0 where that is not known.
    changed : numpy.ndarray or None
        Same shape, bool: bone that differs much from the other side's; None where it was not
        compared.
    is_alike : bool
        Whether both sides look the same where it was clicked.
    told : numpy.ndarray or None
        Same shape, bool: where the other side tells what was here before; None where it was not
        compared, or tells nothing.
    bone_hu : numpy.ndarray or None
        Same shape: by how much the bone lay beyond the lesion's value, at least; 0 where that is
        not told, None where it was not compared.
    """

    grid: Grid
    hu: NDArray[np.float32]
    surrounded: NDArray[np.float32]
    against: NDArray[np.float32] | None = None
    changed_hu: float = 0.0
    changed: BoolArray | None = None
    is_alike: bool = False
    told: BoolArray | None = None
    bone_hu: NDArray[np.float32] | None = None

    @property
    def voxel_mm(self) -> float:
        """Edge of a voxel."""
        return self.grid.spacing_mm_kji[0]

    def index(self, point_lps_mm: FloatArray) -> tuple[int, int, int]:
        """Return the voxel nearest to a place, on the border for places beyond it."""
        size = np.array(self.hu.shape) - 1
        k, j, i = np.clip(np.rint(self.grid.to_kji(point_lps_mm)), 0, size).astype(int)
        return int(k), int(j), int(i)


def cut_region(
    volume: Volume, seeds_lps_mm: FloatArray, reach_mm: float, further_mm: float | None = None
) -> Region:
    """Cut out and prepare the block around the clicks.

    Parameters
    ----------
    volume : Volume
        The CT.
    seeds_lps_mm : numpy.ndarray
        Shape (n, 3).
    reach_mm : float
        How far the block reaches beyond the clicks.
    further_mm : float or None
        How far beyond all but the first, where that is less: a click that lies well within the
        block then leaves it as it is.

    Returns
    -------
    Region
        On voxels of 1 mm, coarser where the block is large.
    """
    margin_mm = np.full((len(seeds_lps_mm), 1), reach_mm if further_mm is None else further_mm)
    margin_mm[0] = reach_mm
    low = (seeds_lps_mm - margin_mm).min(axis=0)
    high = (seeds_lps_mm + margin_mm).max(axis=0)
    corners = volume.grid.corners_lps_mm()
    low, high = np.maximum(low, corners.min(axis=0)), np.minimum(high, corners.max(axis=0))
    # whole millimetres from the first click: further clicks leave the voxels where they are
    low = seeds_lps_mm[0] - VOXEL_MM * np.floor((seeds_lps_mm[0] - low) / VOXEL_MM)
    extent_mm = np.maximum(high - low, VOXEL_MM)
    voxel_mm = max(VOXEL_MM, float(np.cbrt(np.prod(extent_mm) / MOST_VOXELS)))
    count = np.maximum(np.ceil(extent_mm / voxel_mm), 1).astype(int)
    size = int(count[2]), int(count[1]), int(count[0])
    grid = Grid.aligned(size, voxel_mm, low + voxel_mm / 2)
    start, block = volume.grid.around(np.stack([low, high]), 2 * max(volume.grid.spacing_mm_kji))
    part = volume.cropped(start, block)
    raw = resample(part.hu, part.grid, grid, order=1, outside=AIR_HU)
    hu = scipy.ndimage.gaussian_filter(raw, SMOOTHING_MM / voxel_mm)
    return Region(grid, hu, surrounded_by(hu > SURE_BONE_HU, voxel_mm))


def surrounded_by(
    bone: BoolArray, voxel_mm: float = VOXEL_MM, sight_mm: float = SIGHT_MM
) -> NDArray[np.float32]:
    """Measure in how many directions each voxel sees bone nearby.

    Parameters
    ----------
    bone : numpy.ndarray
        Shape (k, j, i), on cubic voxels.
    voxel_mm : float
        Their edge.
    sight_mm : float
        How far bone is looked for.

    Returns
    -------
    numpy.ndarray
        Same shape, float32, 0 to 1.
    """
    coarse = max(1, math.ceil(COARSE_MM / voxel_mm - 0.25))
    padded = np.pad(bone, [(0, (-n) % coarse) for n in bone.shape])
    k, j, i = (n // coarse for n in padded.shape)
    blocks = padded.reshape(k, coarse, j, coarse, i, coarse).any(axis=(1, 3, 5))
    steps = int(sight_mm / (coarse * voxel_mm))
    wide = np.pad(blocks, steps + 1)
    offsets = _offsets(directions(DIRECTIONS), steps, (wide.shape[1], wide.shape[2]))
    seen = np.empty(blocks.shape, dtype=np.float32)
    _look_around(wide.ravel(), wide.shape, offsets, steps + 1, seen)
    if coarse == 1:
        return seen
    fine: NDArray[np.float32] = scipy.ndimage.zoom(
        seen, coarse, order=1, grid_mode=True, mode="nearest"
    )
    return fine[: bone.shape[0], : bone.shape[1], : bone.shape[2]]


def directions(count: int) -> FloatArray:
    """Return unit vectors spread evenly over the sphere (a golden spiral).

    Parameters
    ----------
    count : int
        How many.

    Returns
    -------
    numpy.ndarray
        Shape (count, 3).
    """
    index = np.arange(count) + 0.5
    polar, turn = np.arccos(1 - 2 * index / count), np.pi * (1 + 5**0.5) * index
    return np.column_stack(
        [np.cos(polar), np.sin(turn) * np.sin(polar), np.cos(turn) * np.sin(polar)]
    )


def _offsets(rays: FloatArray, steps: int, rows_columns: tuple[int, int]) -> NDArray[np.int64]:
    """Return how far apart in memory a voxel lies from those on its rays, shape (rays, steps)."""
    along = np.floor(0.5 + rays[:, None, :] * np.arange(1, steps + 1)[:, None]).astype(np.int64)
    rows, columns = rows_columns
    flat: NDArray[np.int64] = (along[..., 0] * rows + along[..., 1]) * columns + along[..., 2]
    return flat


@parallel_kernel
def _look_around(
    bone: BoolArray,
    shape: tuple[int, int, int],
    offsets: NDArray[np.int64],
    edge: int,
    seen: NDArray[np.float32],
) -> None:
    """Write the share of rays that meet bone; ``bone`` is flat, of a shape with an empty edge."""
    depth, rows, columns = seen.shape
    count, steps = offsets.shape
    for k in prange(depth):
        for j in range(rows):
            row = ((k + edge) * shape[1] + j + edge) * shape[2] + edge
            for i in range(columns):
                met = 0
                for ray in range(count):
                    for step in range(steps):
                        if bone[row + i + offsets[ray, step]]:
                            met += 1
                            break
                seen[k, j, i] = met / count
