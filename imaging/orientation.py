"""Arrays turned so that their axes run along the patient: k to the head, j to the back, i left.

Only axes are swapped and reversed; no value is interpolated, and an oblique rest stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import Grid

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Orientation:
    """How an array is turned to run along the patient.

    Parameters
    ----------
    order : tuple of int
        Which axis of the array becomes k, j and i.
    reversed_ : tuple of bool
        Whether that axis runs the other way.
    grid : Grid
        Of the turned array.
    """

    order: tuple[int, int, int]
    reversed_: tuple[bool, bool, bool]
    grid: Grid

    @classmethod
    def of(cls, grid: Grid) -> Orientation:
        """Find how to turn arrays of a grid.

        Parameters
        ----------
        grid : Grid
            Any orientation.

        Returns
        -------
        Orientation
            The swap of axes nearest to the patient's axes z, y, x.
        """
        directions = grid.affine_kji_to_lps[:3, :3] / np.array(grid.spacing_mm_kji)
        along = directions[::-1]  # rows z, y, x
        best = max(permutations(range(3)), key=lambda p: sum(abs(along[n, p[n]]) for n in range(3)))
        order = (best[0], best[1], best[2])
        flips = (
            bool(along[0, order[0]] < 0),
            bool(along[1, order[1]] < 0),
            bool(along[2, order[2]] < 0),
        )
        affine = grid.affine_kji_to_lps.copy()
        corner = np.zeros(3)
        for axis, flip in zip(order, flips, strict=True):
            corner[axis] = grid.size_kji[axis] - 1 if flip else 0
        affine[:3, 3] = grid.to_lps(corner)
        signs = np.where(flips, -1.0, 1.0)
        affine[:3, :3] = grid.affine_kji_to_lps[:3, list(order)] * signs
        size = (grid.size_kji[order[0]], grid.size_kji[order[1]], grid.size_kji[order[2]])
        return cls(order, flips, Grid(size, affine))

    def turn(self, array: NDArray[Scalar]) -> NDArray[Scalar]:
        """Return the array along the patient's axes, as a view.

        Parameters
        ----------
        array : numpy.ndarray
            Shape of the original grid.

        Returns
        -------
        numpy.ndarray
            Shape of :attr:`grid`.
        """
        turned: NDArray[Scalar] = array.transpose(self.order)[self._flips()]
        return turned

    def turn_back(self, array: NDArray[Scalar]) -> NDArray[Scalar]:
        """Return an array of the patient's axes on the original grid, contiguous.

        Parameters
        ----------
        array : numpy.ndarray
            Shape of :attr:`grid`.

        Returns
        -------
        numpy.ndarray
            Shape of the original grid.
        """
        return np.ascontiguousarray(array[self._flips()].transpose(np.argsort(self.order)))

    def _flips(self) -> Any:  # noqa: ANN401 - numpy's own index type
        return tuple(slice(None, None, -1 if flip else 1) for flip in self.reversed_)
