"""Temperatures between cell centres, by cubic interpolation that knows the faces of the box.

A cell beyond a fixed face holds the mirror image of the cell before it (2 T_face − T), beyond an
insulated one its copy, so that values up to the very face are as good as inside.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import FloatArray, Grid
from planning.ablation.solver.heat import Boundary
from planning.ablation.solver.materials import Float32Array


def cubic_weights(fraction: FloatArray) -> FloatArray:
    """Return Lagrange's weights of the four samples around places between the middle two.

    Parameters
    ----------
    fraction : numpy.ndarray
        Shape (n,), 0 at the second sample, 1 at the third.

    Returns
    -------
    numpy.ndarray
        Shape (n, 4).
    """
    f = np.asarray(fraction, dtype=float)
    return np.stack(
        [
            -f * (f - 1.0) * (f - 2.0) / 6.0,
            (f + 1.0) * (f - 1.0) * (f - 2.0) / 2.0,
            -(f + 1.0) * f * (f - 2.0) / 2.0,
            (f + 1.0) * f * (f - 1.0) / 6.0,
        ],
        axis=-1,
    )


class AxisInterpolation:
    """Interpolation along one axis of the array.

    Parameters
    ----------
    places : numpy.ndarray
        Shape (n,), in cells; −0.5 is the first face.
    count : int
        Cells along the axis.
    low_c, high_c : float or None
        Temperature of the first and last face, None for insulated ones.
    """

    def __init__(
        self, places: FloatArray, count: int, low_c: float | None, high_c: float | None
    ) -> None:
        base = np.clip(np.floor(places).astype(int), -1, count - 1)
        weights = cubic_weights(places - base)
        raw = base[:, None] + np.arange(-1, 3)
        sign = np.ones(raw.shape)
        offset = np.zeros(raw.shape)
        for beyond, mirrored, face in (
            (raw < 0, -1 - raw, low_c),
            (raw >= count, 2 * count - 1 - raw, high_c),
        ):
            raw = np.where(beyond, mirrored, raw)
            if face is not None:
                offset = np.where(beyond, 2.0 * face, offset)
                sign = np.where(beyond, -1.0, sign)
        self.index: NDArray[np.int64] = np.clip(raw, 0, count - 1).astype(np.int64)
        self.weights: FloatArray = weights * sign
        self.constant: FloatArray = (weights * offset).sum(axis=1)

    def along(self, values: FloatArray, axis: int) -> FloatArray:
        """Interpolate an array along one of its axes.

        Parameters
        ----------
        values : numpy.ndarray
            Any shape.
        axis : int
            Which axis.

        Returns
        -------
        numpy.ndarray
            That axis replaced by the places.
        """
        moved = np.moveaxis(values, axis, 0)
        tail = (slice(None),) + (None,) * (moved.ndim - 1)
        result = np.zeros((len(self.constant), *moved.shape[1:]))
        for n in range(4):
            result += self.weights[:, n][tail] * moved[self.index[:, n]]
        result += self.constant[tail]
        return np.moveaxis(result, 0, axis)


def axis_faces(boundary: Boundary, axis: int) -> tuple[float | None, float | None]:
    """Return the temperatures of the faces at both ends of an array's axis.

    Parameters
    ----------
    boundary : Boundary
        Of the box.
    axis : int
        0, 1, 2 for k, j, i.

    Returns
    -------
    tuple of float or None
        First and last face.
    """
    return boundary.face_c[2 * axis], boundary.face_c[2 * axis + 1]


class PointSampler:
    """Temperatures at fixed places, quickly, as often as wanted.

    Parameters
    ----------
    grid : Grid
        Along the patient's axes.
    boundary : Boundary
        Of the box.
    points_lps_mm : numpy.ndarray
        Shape (n, 3), inside the box.
    """

    def __init__(self, grid: Grid, boundary: Boundary, points_lps_mm: FloatArray) -> None:
        kji = grid.to_kji(points_lps_mm).reshape(-1, 3)
        self._axes = [
            AxisInterpolation(kji[:, axis], grid.size_kji[axis], *axis_faces(boundary, axis))
            for axis in range(3)
        ]

    def values(self, temperature_c: Float32Array) -> FloatArray:
        """Return the temperatures at the places.

        Parameters
        ----------
        temperature_c : numpy.ndarray
            Shape (k, j, i).

        Returns
        -------
        numpy.ndarray
            Shape (n,); never beyond the values of the cells around.
        """
        a, b, c = self._axes
        cells = temperature_c[
            a.index[:, :, None, None], b.index[:, None, :, None], c.index[:, None, None, :]
        ].astype(float)
        rows = (cells * c.weights[:, None, None, :]).sum(axis=3) + c.constant[:, None, None]
        columns = (rows * b.weights[:, None, :]).sum(axis=2) + b.constant[:, None]
        result: FloatArray = (columns * a.weights).sum(axis=1) + a.constant
        return result
