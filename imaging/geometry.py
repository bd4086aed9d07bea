"""Where voxels lie: the grid of an array in the patient's frame.

World space is LPS millimetres (DICOM patient: x to the left, y to the back, z to the head).
Arrays are indexed ``(k, j, i)`` = slice, row, column; an integer index is a voxel's centre.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray: TypeAlias = NDArray[np.float64]
BoolArray: TypeAlias = NDArray[np.bool_]
Scalar = TypeVar("Scalar", bound=np.generic)

SAME_GRID_TOLERANCE_MM = 0.01  # corners closer than this are one place; far below any CT's voxel


def read_only(array: NDArray[Scalar]) -> NDArray[Scalar]:
    """Return a view of the array that cannot be written to.

    Parameters
    ----------
    array : numpy.ndarray
        Any shape.

    Returns
    -------
    numpy.ndarray
        The same memory, not writable.
    """
    view = array.view()
    view.flags.writeable = False
    return view


def unit(vector: ArrayLike) -> FloatArray:
    """Return the vector with length one.

    Parameters
    ----------
    vector : array_like
        Three numbers, not all zero.

    Returns
    -------
    numpy.ndarray
        Shape (3,).

    Raises
    ------
    ValueError
        When its length is zero.
    """
    array = np.asarray(vector, dtype=float)
    length = float(np.linalg.norm(array))
    if length == 0:
        message = "a direction needs a length above zero"
        raise ValueError(message)
    return array / length


def perpendicular_axes(axis: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return two unit vectors that form a right-handed frame with the axis.

    Parameters
    ----------
    axis : array_like
        Shape (3,), not zero.

    Returns
    -------
    tuple of numpy.ndarray
        ``u`` and ``v`` with ``u × v`` along the axis.
    """
    w = unit(axis)
    helper = np.eye(3)[int(np.argmin(np.abs(w)))]
    u = unit(np.cross(helper, w))
    return u, np.cross(w, u)


@dataclass(frozen=True, eq=False)
class Grid:
    """Size and place of an array.

    Parameters
    ----------
    size_kji : tuple of int
        Slices, rows, columns.
    affine_kji_to_lps : numpy.ndarray
        Shape (4, 4); maps homogeneous ``(k, j, i, 1)`` to LPS millimetres.
    """

    size_kji: tuple[int, int, int]
    affine_kji_to_lps: FloatArray

    def __post_init__(self) -> None:
        affine = np.array(self.affine_kji_to_lps, dtype=float)
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            message = "an affine is a finite 4 × 4 matrix"
            raise ValueError(message)
        if abs(np.linalg.det(affine[:3, :3])) < 1e-9:
            message = "the affine is flat: two axes of the image fall together"
            raise ValueError(message)
        object.__setattr__(self, "affine_kji_to_lps", read_only(affine))
        object.__setattr__(self, "size_kji", tuple(int(n) for n in self.size_kji))

    @classmethod
    def aligned(
        cls, size_kji: tuple[int, int, int], spacing_mm: float, first_lps_mm: ArrayLike
    ) -> Grid:
        """Return a cubic grid along the patient's axes.

        Parameters
        ----------
        size_kji : tuple of int
            Slices, rows, columns.
        spacing_mm : float
            Edge of a voxel.
        first_lps_mm : array_like
            Centre of voxel (0, 0, 0).

        Returns
        -------
        Grid
            k runs to the head, j to the back, i to the left.
        """
        affine = np.eye(4)
        affine[:3, :3] = np.fliplr(np.eye(3)) * spacing_mm
        affine[:3, 3] = np.asarray(first_lps_mm, dtype=float)
        return cls(size_kji, affine)

    @cached_property
    def spacing_mm_kji(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxel centres along k, j and i."""
        k, j, i = np.linalg.norm(self.affine_kji_to_lps[:3, :3], axis=0)
        return float(k), float(j), float(i)

    @cached_property
    def voxel_ml(self) -> float:
        """Volume of a voxel in millilitres."""
        return float(abs(np.linalg.det(self.affine_kji_to_lps[:3, :3]))) / 1000.0

    @cached_property
    def _inverse(self) -> FloatArray:
        return np.asarray(np.linalg.inv(self.affine_kji_to_lps), dtype=np.float64)

    def to_lps(self, points_kji: ArrayLike) -> FloatArray:
        """Return the places of indices.

        Parameters
        ----------
        points_kji : array_like
            Shape (..., 3), may be fractional.

        Returns
        -------
        numpy.ndarray
            Shape (..., 3), LPS millimetres.
        """
        points = np.asarray(points_kji, dtype=float)
        return points @ self.affine_kji_to_lps[:3, :3].T + self.affine_kji_to_lps[:3, 3]

    def to_kji(self, points_lps_mm: ArrayLike) -> FloatArray:
        """Return the fractional indices of places.

        Parameters
        ----------
        points_lps_mm : array_like
            Shape (..., 3), LPS millimetres.

        Returns
        -------
        numpy.ndarray
            Shape (..., 3).
        """
        points = np.asarray(points_lps_mm, dtype=float)
        return points @ self._inverse[:3, :3].T + self._inverse[:3, 3]

    def nearest(self, point_lps_mm: ArrayLike) -> tuple[int, int, int] | None:
        """Return the voxel a place lies in, or None outside the grid.

        Parameters
        ----------
        point_lps_mm : array_like
            Shape (3,), LPS millimetres.

        Returns
        -------
        tuple of int or None
            ``(k, j, i)``.
        """
        k, j, i = (int(n) for n in np.floor(self.to_kji(point_lps_mm) + 0.5))
        nk, nj, ni = self.size_kji
        return (k, j, i) if 0 <= k < nk and 0 <= j < nj and 0 <= i < ni else None

    def corners_lps_mm(self) -> FloatArray:
        """Return the eight outer corners of the voxels, shape (8, 3), LPS millimetres."""
        ends = [(-0.5, n - 0.5) for n in self.size_kji]
        return self.to_lps(np.array(np.meshgrid(*ends, indexing="ij")).reshape(3, -1).T)

    def cropped(self, start_kji: tuple[int, int, int], size_kji: tuple[int, int, int]) -> Grid:
        """Return the grid of a block of this grid.

        Parameters
        ----------
        start_kji : tuple of int
            First voxel of the block.
        size_kji : tuple of int
            Voxels of the block.

        Returns
        -------
        Grid
            Same spacing and directions.
        """
        affine = self.affine_kji_to_lps.copy()
        affine[:3, 3] = self.to_lps(start_kji)
        return Grid(size_kji, affine)

    def same_as(self, other: Grid) -> bool:
        """Tell whether both grids put every voxel in the same place.

        Parameters
        ----------
        other : Grid
            To compare with.

        Returns
        -------
        bool
            True when sizes agree and corners lie within 0.01 mm.
        """
        if self.size_kji != other.size_kji:
            return False
        gap = np.linalg.norm(self.corners_lps_mm() - other.corners_lps_mm(), axis=1)
        return bool(gap.max() <= SAME_GRID_TOLERANCE_MM)

    def around(
        self, points_lps_mm: ArrayLike, margin_mm: float
    ) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        """Return the block of voxels that holds the points with a margin, clipped to the grid.

        Parameters
        ----------
        points_lps_mm : array_like
            Shape (n, 3), LPS millimetres.
        margin_mm : float
            Added on every side.

        Returns
        -------
        tuple
            ``start_kji`` and ``size_kji`` of the block; the size is at least one voxel.
        """
        points = self.to_kji(np.atleast_2d(np.asarray(points_lps_mm, dtype=float)))
        margin = margin_mm / np.array(self.spacing_mm_kji)
        top = np.array(self.size_kji)
        low = np.clip(np.floor(points.min(axis=0) - margin), 0, top - 1).astype(int)
        high = np.clip(np.ceil(points.max(axis=0) + margin), low, top - 1).astype(int)
        size = high - low + 1
        return (
            (int(low[0]), int(low[1]), int(low[2])),
            (int(size[0]), int(size[1]), int(size[2])),
        )


def block(start_kji: tuple[int, int, int], size_kji: tuple[int, int, int]) -> tuple[slice, ...]:
    """Return the slices that cut a block out of an array.

    Parameters
    ----------
    start_kji, size_kji : tuple of int
        As :meth:`Grid.around` returns them.

    Returns
    -------
    tuple of slice
        For an array indexed ``(k, j, i)``.
    """
    return tuple(slice(s, s + n) for s, n in zip(start_kji, size_kji, strict=True))


def filled_block(mask: BoolArray) -> tuple[slice, ...] | None:
    """Return the smallest block that holds all of a mask.

    Parameters
    ----------
    mask : numpy.ndarray
        Shape (k, j, i), bool.

    Returns
    -------
    tuple of slice or None
        None for an empty mask. Empty slices are passed over without looking at their rows.
    """
    filled = [k for k, plane in enumerate(mask) if plane.any()]
    if not filled:
        return None
    part = mask[filled[0] : filled[-1] + 1]
    flat = np.logical_or.reduce(part, axis=0)
    rows, columns = (np.flatnonzero(flat.any(axis=n)) for n in (1, 0))
    return (
        slice(filled[0], filled[-1] + 1),
        slice(int(rows[0]), int(rows[-1]) + 1),
        slice(int(columns[0]), int(columns[-1]) + 1),
    )


def filled_places(mask: BoolArray) -> NDArray[np.int64]:
    """Return the voxels of a mask, looked for only in the block that holds them.

    Parameters
    ----------
    mask : numpy.ndarray
        Shape (k, j, i), bool.

    Returns
    -------
    numpy.ndarray
        Shape (n, 3), indices in the order of the array.
    """
    found = filled_block(mask)
    if found is None:
        return np.empty((0, 3), dtype=np.int64)
    places: NDArray[np.int64] = np.argwhere(mask[found]) + [part.start for part in found]
    return places
