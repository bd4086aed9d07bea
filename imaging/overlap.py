"""Masks that may overlap, brought into one label map."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import BoolArray

log = logging.getLogger(__name__)


class LabelPainter:
    """Collects masks; where several overlap the smaller one wins, for it says more.

    Parameters
    ----------
    size_kji : tuple of int
        Of the label map.
    """

    def __init__(self, size_kji: tuple[int, int, int]) -> None:
        self.labels: NDArray[np.uint16] = np.zeros(size_kji, dtype=np.uint16)
        self._sizes: dict[int, int] = {0: 0}
        self._overlapping = 0

    def add(self, label: int, mask: BoolArray) -> None:
        """Add a mask.

        Parameters
        ----------
        label : int
            1 to 65535, not used before.
        mask : numpy.ndarray
            Shape of the label map.
        """
        size = int(np.count_nonzero(mask))
        if size == 0:
            return
        smaller = [one for one, voxels in self._sizes.items() if one and voxels < size]
        held = mask & (self.labels > 0)
        overlapping = int(np.count_nonzero(held))
        if overlapping:
            self._overlapping += overlapping
            if smaller:
                mask = mask & ~np.isin(self.labels, smaller)
        self.labels[mask] = label
        self._sizes[label] = size

    def painted(self, told: str) -> NDArray[np.uint16]:
        """Return the label map, and warn where masks overlapped.

        Parameters
        ----------
        told : str
            What the masks came from, for the warning.

        Returns
        -------
        numpy.ndarray
            Shape of the label map, uint16.
        """
        if self._overlapping:
            log.warning(
                "%s: %d voxels belong to several segments; the smaller one counts there",
                told,
                self._overlapping,
            )
        return self.labels
