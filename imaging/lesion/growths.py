"""What was grown from a first click, kept so that further clicks need not grow it again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import BoolArray, FloatArray, Grid
from imaging.lesion.clicks import Tissue
from imaging.lesion.growth import Found
from imaging.lesion.other_side import OtherSide
from imaging.lesion.region import Region
from imaging.volume import Volume


@dataclass(frozen=True, eq=False)
class Growth:
    """An outline grown from one click, with all that it was grown from.

    Parameters
    ----------
    hu : numpy.ndarray
        Of the CT.
    click_lps_mm : numpy.ndarray
        Shape (3,).
    grid : Grid
        Of the block of CT that was looked at.
    blocked : numpy.ndarray
        Shape of the grid, bool: what could not be lesion.
    seed_lps_mm : numpy.ndarray
        Shape (1, 3): the click, moved to even tissue.
    tissue : Tissue
        What was clicked on.
    found : Found
        The outline.
    region : Region
        With the sight it was grown with.
    other : OtherSide or None
        The way to the other side of the body.
    """

    hu: NDArray[np.int16]
    click_lps_mm: FloatArray
    grid: Grid
    blocked: BoolArray
    seed_lps_mm: FloatArray
    tissue: Tissue
    found: Found
    region: Region
    other: OtherSide | None

    def is_from(self, volume: Volume, click_lps_mm: FloatArray) -> bool:
        """Tell whether it was grown from this click in this CT.

        Parameters
        ----------
        volume : Volume
            The CT.
        click_lps_mm : numpy.ndarray
            Shape (3,).

        Returns
        -------
        bool
            A CT is the same where its values lie at the same place in memory.
        """
        return (
            self.hu.shape == volume.hu.shape
            and self.hu.ctypes.data == volume.hu.ctypes.data
            and np.array_equal(self.click_lps_mm, click_lps_mm)
        )


class Growths:
    """The growths of the last click; a lesion is corrected before the next is begun."""

    def __init__(self) -> None:
        self._kept: list[Growth] = []

    def of(
        self, volume: Volume, click_lps_mm: FloatArray, grid: Grid, blocked: BoolArray
    ) -> Growth | None:
        """Return what was grown from the same, None where nothing was.

        Parameters
        ----------
        volume : Volume
            The CT.
        click_lps_mm : numpy.ndarray
            Shape (3,).
        grid : Grid
            Of the block of CT to be looked at.
        blocked : numpy.ndarray
            Shape of the grid, bool: what cannot be lesion.

        Returns
        -------
        Growth or None
            To be corrected by further clicks.
        """
        for one in self._kept:
            same = one.is_from(volume, click_lps_mm) and one.grid.same_as(grid)
            if same and np.array_equal(one.blocked, blocked):
                return one
        return None

    def keep(self, growth: Growth, volume: Volume) -> None:
        """Keep one, and forget those of other clicks.

        Parameters
        ----------
        growth : Growth
            Just grown.
        volume : Volume
            The CT.
        """
        alike = [one for one in self._kept if one.is_from(volume, growth.click_lps_mm)]
        self._kept = [*(one for one in alike if not one.grid.same_as(growth.grid)), growth]
