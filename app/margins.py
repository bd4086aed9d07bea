"""How the margin along a lesion's surface is coloured, on the screen and in the report."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from imaging.geometry import FloatArray
from planning.plan import ThermalField


@dataclass(frozen=True)
class MarginClass:
    """A range of margins in one colour.

    Parameters
    ----------
    key : str
        Of its words: ``left_out``, ``scant``, ``short`` or ``enough``.
    from_mm, to_mm : float
        Its bounds; infinite at the ends.
    colour : str
        ``#RRGGBB``; told apart by the colour-blind as well (Okabe and Ito, 2008).
    """

    key: str
    from_mm: float
    to_mm: float
    colour: str


def margin_classes(wanted_mm: float) -> tuple[MarginClass, ...]:
    """Return the ranges of margins, worst first.

    Parameters
    ----------
    wanted_mm : float
        Margin that was wanted.

    Returns
    -------
    tuple of MarginClass
        Without margin wanted only what is left out and what is covered.
    """
    if wanted_mm <= 0:
        return (
            MarginClass("left_out", -np.inf, 0.0, "#D55E00"),
            MarginClass("enough", 0.0, np.inf, "#0072B2"),
        )
    half = wanted_mm / 2.0
    return (
        MarginClass("left_out", -np.inf, 0.0, "#D55E00"),
        MarginClass("scant", 0.0, half, "#E69F00"),
        MarginClass("short", half, wanted_mm, "#F0E442"),
        MarginClass("enough", wanted_mm, np.inf, "#0072B2"),
    )


def margins_at(field: ThermalField, points_lps_mm: ArrayLike) -> FloatArray | None:
    """Return the signed margin at places of a lesion's surface.

    Parameters
    ----------
    field : ThermalField
        Of a simulation.
    points_lps_mm : array_like
        Shape (n, 3).

    Returns
    -------
    numpy.ndarray or None
        Shape (n,), millimetres, between the known places around; from the nearest one where not
        all of them are known. None where none is.
    """
    if field.margin_mm is None:
        return None
    known = np.argwhere(np.isfinite(field.margin_mm))
    if not len(known):
        return None
    points = np.asarray(points_lps_mm, dtype=float)
    at_kji = field.grid.to_kji(points)
    values: FloatArray = scipy.ndimage.map_coordinates(
        field.margin_mm, at_kji.T, order=1, cval=np.nan
    )
    lost = ~np.isfinite(values)
    if lost.any():
        _, nearest = scipy.spatial.cKDTree(field.grid.to_lps(known)).query(points[lost])
        values[lost] = field.margin_mm[tuple(known[nearest].T)]
    return values


def class_numbers(margins_mm: FloatArray, wanted_mm: float) -> NDArray[np.uint8]:
    """Return the class of every margin.

    Parameters
    ----------
    margins_mm : numpy.ndarray
        Shape (n,).
    wanted_mm : float
        Margin that was wanted.

    Returns
    -------
    numpy.ndarray
        Shape (n,), uint8: positions in :func:`margin_classes`.
    """
    bounds = [one.to_mm for one in margin_classes(wanted_mm)[:-1]]
    result: NDArray[np.uint8] = np.digitize(margins_mm, bounds).astype(np.uint8)
    return result
