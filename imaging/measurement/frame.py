"""The neighbourhood of a lesion on cubic voxels along the patient's axes, ready to be measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.geometry import BoolArray, FloatArray, Grid
from imaging.structures.model import SPINAL_CANAL, Structures, is_bone
from imaging.volume import AIR_HU, Volume, mask_on_grid, resample

VOXEL_MM = 1.0
ROOM_MM = 60.0  # a vertebra's breadth, or the section of a hip
ROOM_Z_MM = 85.0  # up and down, to hold both neighbours of a vertebra
BESIDE_MM = 4.0  # bone this near to the lesion is the bone it lies in


@dataclass(frozen=True, eq=False)
class Site:
    """A lesion in its bone.

    Parameters
    ----------
    grid : Grid
        Cubic voxels of 1 mm along the patient's axes: k to the head, j to the back, i to the left.
    lesion, bone, canal : numpy.ndarray
        Shape ``grid.size_kji``, bool; the bone is the one that holds the lesion, lesion included.
    covered : numpy.ndarray
        Same shape, bool: what the image shows.
    hu : numpy.ndarray
        Same shape, float32.
    name : str
        Of that bone, as in the structures.
    """

    grid: Grid
    lesion: BoolArray
    bone: BoolArray
    canal: BoolArray
    covered: BoolArray
    hu: NDArray[np.float32]
    name: str

    def is_cut(self, bone: BoolArray) -> bool:
        """Tell whether a bone reaches the edge of the image, or runs out of the room up or down.

        Parameters
        ----------
        bone : numpy.ndarray
            Shape ``grid.size_kji``, bool.

        Returns
        -------
        bool
            True when part of it may not be shown.
        """
        beside = scipy.ndimage.binary_dilation(bone, iterations=2)
        return bool((beside & ~self.covered).any() or bone[[0, -1]].any())


def find_site(volume: Volume, mask: BoolArray, structures: Structures) -> Site | None:
    """Return the lesion in the bone that holds it.

    Parameters
    ----------
    volume : Volume
        The CT.
    mask : numpy.ndarray
        Shape of the volume, at least one voxel.
    structures : Structures
        On the volume's grid.

    Returns
    -------
    Site or None
        None where no bone lies within 4 mm of the lesion.
    """
    source = structures.grid
    name = bone_of(mask, structures)
    if name is None:
        return None
    points = source.to_lps(np.argwhere(mask))
    grid = _room(points)
    return Site(
        grid,
        lesion=_smooth(mask, source, grid),
        bone=_smooth(structures.mask(name) | mask, source, grid),
        canal=mask_on_grid(structures.mask(SPINAL_CANAL), source, grid),
        covered=_covered(source, grid),
        hu=resample(volume.hu, source, grid, order=1, outside=AIR_HU),
        name=name,
    )


def bone_of(mask: BoolArray, structures: Structures) -> str | None:
    """Return the name of the bone that holds a lesion, by the voxels in and beside it.

    Parameters
    ----------
    mask : numpy.ndarray
        Shape of the structures' grid, at least one voxel.
    structures : Structures
        Of the case.

    Returns
    -------
    str or None
        The bone with most voxels in the lesion and within 4 mm of it; None without any.
    """
    grid = structures.grid
    start, size = grid.around(grid.to_lps(np.argwhere(mask)), 2 * BESIDE_MM)
    part = tuple(slice(s, s + n) for s, n in zip(start, size, strict=True))
    beside = (
        scipy.ndimage.distance_transform_edt(~mask[part], sampling=grid.spacing_mm_kji) <= BESIDE_MM
    )
    counts = np.bincount(structures.labels[part][beside])
    rows = [row for row in structures.table if is_bone(row.name) and row.label < len(counts)]
    rows = [row for row in rows if counts[row.label]]
    return max(rows, key=lambda row: int(counts[row.label])).name if rows else None


def bone_on(grid: Grid, structures: Structures, name: str) -> BoolArray:
    """Return another bone on a site's grid.

    Parameters
    ----------
    grid : Grid
        Of the site.
    structures : Structures
        Of the case.
    name : str
        Of the bone.

    Returns
    -------
    numpy.ndarray
        Shape ``grid.size_kji``, bool.
    """
    return _smooth(structures.mask(name), structures.grid, grid)


def _room(points_lps_mm: FloatArray) -> Grid:
    room = np.array([ROOM_MM, ROOM_MM, ROOM_Z_MM])
    low = np.floor(points_lps_mm.min(axis=0) - room)
    high = np.ceil(points_lps_mm.max(axis=0) + room)
    x, y, z = (int(n) + 1 for n in (high - low) / VOXEL_MM)
    return Grid.aligned((z, y, x), VOXEL_MM, low)


def _smooth(mask: BoolArray, source: Grid, target: Grid) -> BoolArray:
    """Return a mask on another grid by its half level, which keeps heights between slices."""
    values = resample(mask.view(np.uint8).astype(np.float32), source, target, order=1, outside=0.0)
    level: BoolArray = values >= 0.5
    return level


def _covered(source: Grid, target: Grid) -> BoolArray:
    """Return which voxels of a grid lie within the image."""
    index = source.to_kji(target.to_lps(np.moveaxis(np.indices(target.size_kji), 0, -1)))
    within = (index >= -0.5) & (index <= np.array(source.size_kji) - 0.5)
    inside: BoolArray = np.logical_and.reduce(within, axis=-1)
    return inside
