"""Arrays cut by planes of the patient, whatever way their own axes run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonCore import VTK_FLOAT
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkCommonMath import vtkMatrix4x4
from vtkmodules.vtkImagingCore import vtkImageReslice

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
        plain = array.view(np.uint8) if array.dtype == bool else array
        self._memory = np.ascontiguousarray(plain)
        image = vtkImageData()
        k, j, i = grid.size_kji
        image.SetDimensions(i, j, k)
        image.GetPointData().SetScalars(numpy_to_vtk(self._memory.ravel(), deep=False))
        self._reslice = vtkImageReslice()
        self._reslice.SetInputData(image)
        self._reslice.SetOutputDimensionality(2)
        self._reslice.SetBackgroundLevel(outside)
        if array.dtype == bool:
            self._reslice.SetOutputScalarType(VTK_FLOAT)  # shares of voxels, for smooth contours
        inverse = np.linalg.inv(grid.affine_kji_to_lps)
        self._to_ijk = np.eye(4)
        self._to_ijk[:3] = inverse[:3][::-1]

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
        place = np.eye(4)
        place[:3, 0], place[:3, 1], place[:3, 2] = axes.right, axes.down, axes.normal
        place[:3, 3] = axes.place(frame.u_mm, frame.v_mm, frame.depth_mm)
        matrix = vtkMatrix4x4()
        matrix.DeepCopy((self._to_ijk @ place).ravel().tolist())
        self._reslice.SetResliceAxes(matrix)
        self._reslice.SetInterpolationMode(1 if linear else 0)
        self._reslice.SetOutputOrigin(0.0, 0.0, 0.0)
        self._reslice.SetOutputSpacing(frame.step_mm, frame.step_mm, 1.0)
        self._reslice.SetOutputExtent(0, frame.columns - 1, 0, frame.rows - 1, 0, 0)
        self._reslice.Update()
        scalars = self._reslice.GetOutput().GetPointData().GetScalars()
        values: NDArray[Any] = vtk_to_numpy(scalars).reshape(frame.rows, frame.columns).copy()
        return values
