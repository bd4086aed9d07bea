"""A small picture of a series, to tell it from others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.grouping import FoundSeries
from imaging.dicom.read import load_preview
from imaging.errors import ImagingError

THUMBNAIL_PIXELS = 96
WINDOW_HU = (-160.0, 440.0)  # soft tissue and bone


def thumbnail(series: FoundSeries, path: Path) -> NDArray[np.uint8] | None:
    """Return the middle slice of a series, small.

    Parameters
    ----------
    series : FoundSeries
        Its files.
    path : Path
        What the user opened.

    Returns
    -------
    numpy.ndarray or None
        Shape (rows, columns), uint8, the longer side 96 pixels at most, pixels square; None where
        the slice cannot be read.
    """
    try:
        volume = load_preview(series, path)
    except ImagingError:
        return None
    _, rows, columns = volume.grid.size_kji
    _, row_mm, column_mm = volume.grid.spacing_mm_kji
    pixel_mm = max(rows * row_mm, columns * column_mm) / THUMBNAIL_PIXELS
    j = np.minimum(np.arange(0.5 * pixel_mm, rows * row_mm, pixel_mm) / row_mm, rows - 1)
    i = np.minimum(
        np.arange(0.5 * pixel_mm, columns * column_mm, pixel_mm) / column_mm, columns - 1
    )
    small = volume.hu[0][np.ix_(j.astype(int), i.astype(int))].astype(np.float32)
    low, high = WINDOW_HU
    grey: NDArray[np.uint8] = (np.clip((small - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    return grey
