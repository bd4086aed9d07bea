"""Arrays cut by planes of the patient, whatever way their own axes run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.cutting import cut_plane
from imaging.geometry import FloatArray, Grid

LEFT, BACK, HEAD = np.eye(3)


@dataclass(frozen=True, eq=False)
class Axes:
    """How a view lies in the patient.

    Parameters
    ----------
    right, down : numpy.ndarray
        Unit vectors along the screen, LPS.
    """

    right: FloatArray
    down: FloatArray

    @cached_property
    def normal(self) -> FloatArray:
        """Unit vector from the viewer into the screen."""
        return np.cross(self.right, self.down)

    @cached_property
    def _turn(self) -> FloatArray:
        return np.stack([self.right, self.down, self.normal]).T

    def flat(self, points_lps_mm: FloatArray) -> FloatArray:
        """Return places as millimetres right, down and into the screen.

        Parameters
        ----------
        points_lps_mm : numpy.ndarray
            Shape (..., 3).

        Returns
        -------
        numpy.ndarray
            Shape (..., 3).
        """
        flat: FloatArray = np.asarray(points_lps_mm, dtype=float) @ self._turn
        return flat

    def place(self, u_mm: float, v_mm: float, depth_mm: float) -> FloatArray:
        """Return the place in the patient of a point of the view.

        Parameters
        ----------
        u_mm, v_mm, depth_mm : float
            Right, down, into the screen.

        Returns
        -------
        numpy.ndarray
            Shape (3,), LPS millimetres.
        """
        return u_mm * self.right + v_mm * self.down + depth_mm * self.normal


# Radiological convention: seen from the feet, from the front, from the left;
# the patient's right is on the left of the screen.
STANDARD = {
    "axial": Axes(LEFT, BACK),
    "coronal": Axes(LEFT, -HEAD),
    "sagittal": Axes(BACK, -HEAD),
}


@dataclass(frozen=True)
class Frame:
    """A rectangle of pixels in a plane.

    Parameters
    ----------
    u_mm, v_mm, depth_mm : float
        Centre of its first pixel, right, down and into the screen.
    step_mm : float
        Edge of a pixel.
    columns, rows : int
        Size.
    """

    u_mm: float
    v_mm: float
    depth_mm: float
    step_mm: float
    columns: int
    rows: int


class Reslicer:
    """An array in the patient, ready to be cut by planes.

    Parameters
    ----------
    array : numpy.ndarray
        Shape ``grid.size_kji``; int16, uint16, uint8, bool or float32. Its memory is used, not
        copied, where it lies in C order.
    grid : Grid
        Where it lies.
    outside : float
        Value of what it does not cover.
    """

    def __init__(self, array: NDArray[Any], grid: Grid, outside: float) -> None:
        is_mask = array.dtype == bool
        self._values = np.ascontiguousarray(array.view(np.uint8) if is_mask else array)
        self._kind = np.dtype(np.float32) if is_mask else array.dtype
        self._grid = grid
        self._outside = outside

    def cut(self, axes: Axes, frame: Frame, *, linear: bool = True) -> NDArray[Any]:
        """Return the values on a rectangle.

        Parameters
        ----------
        axes : Axes
            Of the view.
        frame : Frame
            Its pixels.
        linear : bool
            False takes the nearest voxel, for labels.

        Returns
        -------
        numpy.ndarray
            Shape (rows, columns), type of the array; float32 for bool.
        """
        first = self._grid.to_kji(axes.place(frame.u_mm, frame.v_mm, frame.depth_mm))
        turn = np.linalg.inv(self._grid.affine_kji_to_lps[:3, :3])
        right, down = turn @ axes.right * frame.step_mm, turn @ axes.down * frame.step_mm
        out = np.full((frame.rows, frame.columns), self._outside, dtype=self._kind)
        cut_plane(self._values, first, right, down, out, linear=linear)
        return out
