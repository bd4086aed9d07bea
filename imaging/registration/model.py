"""What a registration is: a rigid motion, how it was found and how well it fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from imaging.errors import ImagingError, Problem
from imaging.geometry import FloatArray, Grid, read_only

FoundBy = Literal["frame_of_reference", "bone", "by_hand"]
GOOD_MM = 1.0  # no more than a voxel of a usual CT
FAIR_MM = 2.0
Quality = Literal["good", "fair", "poor", "unmeasured"]


@dataclass(frozen=True, eq=False)
class Fit:
    """How well the edges of the other series lie on the bone of the CT.

    Parameters
    ----------
    residual_mm : float
        Within which three quarters of the CT's bone surface have the strongest edge of the other
        series, along the surface's normal.
    near_share : float
        Of the surface, within 2 mm of such an edge.
    covered_share : float
        Of the surface, inside the other series.
    points : int
        Of the surface that were judged.
    """

    residual_mm: float
    near_share: float
    covered_share: float
    points: int


@dataclass(frozen=True, eq=False)
class Registration:
    """A rigid motion that lays the other series on the planning CT.

    Parameters
    ----------
    moving_to_fixed_lps : numpy.ndarray
        Shape (4, 4), homogeneous, LPS millimetres.
    found_by : str
        ``frame_of_reference``, ``bone`` or ``by_hand``.
    residual_mm : float or None
        As in :class:`Fit`, near the lesion; None where it cannot be measured, as in a PET.
    same_frame_of_reference : bool or None
        By the headers; None where one is silent.
    kind : str
        ``CT-CT``, ``CT-MR``, ``CT-PT``, ``CT-OT``.
    problems : tuple of Problem
        What makes it unsure.
    """

    moving_to_fixed_lps: FloatArray
    found_by: FoundBy
    residual_mm: float | None
    same_frame_of_reference: bool | None
    kind: str
    problems: tuple[Problem, ...] = ()

    def __post_init__(self) -> None:
        matrix = np.array(self.moving_to_fixed_lps, dtype=float)
        object.__setattr__(self, "moving_to_fixed_lps", read_only(matrix))

    @property
    def quality(self) -> Quality:
        """How good the fit is, in a word."""
        return quality_of(self.residual_mm)


def quality_of(residual_mm: float | None) -> Quality:
    """Return how good a fit is, in a word.

    Parameters
    ----------
    residual_mm : float or None
        As in :class:`Fit`.

    Returns
    -------
    str
        ``good`` up to 1 mm, ``fair`` up to 2 mm, else ``poor``; ``unmeasured`` for None.
    """
    if residual_mm is None:
        return "unmeasured"
    return "good" if residual_mm <= GOOD_MM else "fair" if residual_mm <= FAIR_MM else "poor"


def moved_points(matrix: FloatArray, points_lps_mm: ArrayLike) -> FloatArray:
    """Return places after a motion.

    Parameters
    ----------
    matrix : numpy.ndarray
        Shape (4, 4), homogeneous.
    points_lps_mm : array_like
        Shape (..., 3).

    Returns
    -------
    numpy.ndarray
        Shape (..., 3), LPS millimetres.
    """
    moved: FloatArray = np.asarray(points_lps_mm, dtype=float) @ matrix[:3, :3].T + matrix[:3, 3]
    return moved


def inverse(matrix: FloatArray) -> FloatArray:
    """Return the motion that takes one back.

    Parameters
    ----------
    matrix : numpy.ndarray
        Shape (4, 4), homogeneous.

    Returns
    -------
    numpy.ndarray
        Shape (4, 4).
    """
    back: FloatArray = np.asarray(np.linalg.inv(matrix), dtype=np.float64)
    return back


def moved_grid(grid: Grid, matrix: FloatArray) -> Grid:
    """Return the grid of an image after a motion; its values stay as they are.

    Parameters
    ----------
    grid : Grid
        Of the image.
    matrix : numpy.ndarray
        Shape (4, 4), homogeneous.

    Returns
    -------
    Grid
        In the frame that the motion leads to.
    """
    return Grid(grid.size_kji, matrix @ grid.affine_kji_to_lps)


def rigid(
    rotation_deg: ArrayLike, shift_mm: ArrayLike, centre_lps_mm: ArrayLike = (0.0, 0.0, 0.0)
) -> FloatArray:
    """Return a rigid motion about a place.

    Parameters
    ----------
    rotation_deg : array_like
        About x, then y, then z, by the right hand.
    shift_mm : array_like
        Along x, y, z, after the rotation.
    centre_lps_mm : array_like
        Place that the rotation leaves alone.

    Returns
    -------
    numpy.ndarray
        Shape (4, 4), homogeneous.
    """
    a, b, c = np.radians(np.asarray(rotation_deg, dtype=float))
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = z @ y @ x
    centre = np.asarray(centre_lps_mm, dtype=float)
    matrix[:3, 3] = centre + np.asarray(shift_mm, dtype=float) - matrix[:3, :3] @ centre
    return matrix


class NoFit(ImagingError):
    """Both series were looked at, and no motion lays one on the other."""
