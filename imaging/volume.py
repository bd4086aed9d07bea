"""A CT as the program uses it: Hounsfield units on a grid."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from imaging.errors import Problem
from imaging.geometry import BoolArray, FloatArray, Grid, block, read_only

AIR_HU = -1024  # value of what no voxel covers


@dataclass(frozen=True)
class SeriesInfo:
    """Where a volume came from; holds nothing that names the patient.

    Parameters
    ----------
    uid : str
        Series Instance UID; for files without one, a name derived from their content.
    path : str
        Folder or file it was read from.
    description : str
        Series Description, or the file's name.
    modality : str
        ``CT`` unless the header says otherwise.
    patient_position : str
        DICOM Patient Position such as ``HFS`` (head first, supine); empty when unknown.
    max_position_error_mm : float
        Largest distance between a voxel's place by its own slice's header and in the volume.
    problems : tuple of Problem
        What was found, and what was done about it.
    frame_of_reference_uid : str
        Within which places of several series can be compared; empty when unknown.
    """

    uid: str
    path: str
    description: str = ""
    modality: str = "CT"
    patient_position: str = ""
    max_position_error_mm: float = 0.0
    problems: tuple[Problem, ...] = ()
    frame_of_reference_uid: str = ""


@dataclass(frozen=True, eq=False)
class Volume:
    """A CT in Hounsfield units.

    Parameters
    ----------
    hu : numpy.ndarray
        Shape (k, j, i), int16, read-only once held here.
    grid : Grid
        Where its voxels lie.
    series : SeriesInfo
        Where it came from.
    """

    hu: NDArray[np.int16]
    grid: Grid
    series: SeriesInfo = field(default_factory=lambda: SeriesInfo(uid="", path=""))

    def __post_init__(self) -> None:
        if self.hu.dtype != np.int16 or self.hu.shape != self.grid.size_kji:
            message = (
                f"a volume is int16 of {self.grid.size_kji}, not {self.hu.dtype} of {self.hu.shape}"
            )
            raise ValueError(message)
        object.__setattr__(self, "hu", read_only(self.hu))

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of the values as int16 in C order; computed when first asked for."""
        return hashlib.sha256(np.ascontiguousarray(self.hu).data).hexdigest()

    def cropped(self, start_kji: tuple[int, int, int], size_kji: tuple[int, int, int]) -> Volume:
        """Return a block of the volume, sharing its memory.

        Parameters
        ----------
        start_kji, size_kji : tuple of int
            As :meth:`imaging.geometry.Grid.around` returns them.

        Returns
        -------
        Volume
            The block on its own grid.
        """
        part = self.hu[block(start_kji, size_kji)]
        return Volume(part, self.grid.cropped(start_kji, size_kji), self.series)

    def hu_at(self, points_lps_mm: ArrayLike) -> FloatArray:
        """Return interpolated values.

        Parameters
        ----------
        points_lps_mm : array_like
            Shape (..., 3), LPS millimetres.

        Returns
        -------
        numpy.ndarray
            Shape (...), Hounsfield units; −1024 outside the volume.
        """
        return sample(self.hu, self.grid, points_lps_mm, order=1, outside=AIR_HU)

    def on_grid(self, target: Grid) -> Volume:
        """Return the volume interpolated on another grid.

        Parameters
        ----------
        target : Grid
            Where the new voxels lie.

        Returns
        -------
        Volume
            −1024 HU where this volume does not reach.
        """
        values = resample(self.hu, self.grid, target, order=1, outside=AIR_HU)
        return Volume(np.rint(values).astype(np.int16), target, self.series)


def sample(
    array: NDArray[Any],
    grid: Grid,
    points_lps_mm: ArrayLike,
    *,
    order: Literal[0, 1],
    outside: float,
) -> FloatArray:
    """Return values of an array at places.

    Parameters
    ----------
    array : numpy.ndarray
        Shape ``grid.size_kji``.
    grid : Grid
        Where the array lies.
    points_lps_mm : array_like
        Shape (..., 3), LPS millimetres.
    order : int
        0 for the nearest voxel, 1 for linear interpolation.
    outside : float
        Value of what lies outside the grid.

    Returns
    -------
    numpy.ndarray
        Shape (...).
    """
    points = np.asarray(points_lps_mm, dtype=float)
    coordinates = grid.to_kji(points).reshape(-1, 3).T
    result: FloatArray = scipy.ndimage.map_coordinates(
        array, coordinates, output=np.float64, order=order, mode="grid-constant", cval=outside
    )
    return result.reshape(points.shape[:-1])


def resample(
    array: NDArray[Any], source: Grid, target: Grid, *, order: Literal[0, 1], outside: float
) -> NDArray[np.float32]:
    """Return an array on another grid.

    Parameters
    ----------
    array : numpy.ndarray
        Shape ``source.size_kji``.
    source, target : Grid
        Where the array lies, and where its values are wanted.
    order : int
        0 for the nearest voxel (masks, labels), 1 for linear interpolation.
    outside : float
        Value of what the source does not cover.

    Returns
    -------
    numpy.ndarray
        Shape ``target.size_kji``, float32.
    """
    from imaging.resampling import resample_along  # compiled code, loaded when it is needed

    step = np.linalg.inv(source.affine_kji_to_lps) @ target.affine_kji_to_lps
    found = resample_along(array, step, target.size_kji, order, outside)
    if found is not None:
        return found
    result: NDArray[np.float32] = scipy.ndimage.affine_transform(
        array,
        step[:3, :3],
        offset=step[:3, 3],
        output_shape=target.size_kji,
        output=np.float32,
        order=order,
        mode="grid-constant",
        cval=outside,
        prefilter=False,
    )
    return result


def mask_on_grid(mask: BoolArray, source: Grid, target: Grid) -> BoolArray:
    """Return a mask on another grid, by the nearest voxel.

    Parameters
    ----------
    mask : numpy.ndarray
        Shape ``source.size_kji``.
    source, target : Grid
        Where the mask lies, and where it is wanted.

    Returns
    -------
    numpy.ndarray
        Shape ``target.size_kji``; False where the source does not reach.
    """
    if source.same_as(target):
        return mask.astype(bool, copy=False)
    return resample(mask.view(np.uint8), source, target, order=0, outside=0) > 0.5
