"""The small picture of a case: the slice through the middle of its lesion, as bone is looked at."""

from __future__ import annotations

import io

import numpy as np
import scipy
from numpy.typing import NDArray
from PIL import Image

from imaging.geometry import BoolArray, FloatArray, filled_block
from imaging.volume import Volume

PIXELS = 192
LEAST_PIXELS = 48
MOST_BYTES = 20_000
BONE_HU = (-450.0, 1050.0)  # window of 1500 about 300, as bone is read
OUTLINE = 255  # index of its colour; grey values take 0 to 254
OUTLINE_RGB = (255, 190, 40)
GREYS = 64  # of the palette; noise costs bytes


def thumbnail_png(volume: Volume, lesion: BoolArray | None = None) -> bytes:
    """Return a small picture of a case.

    Parameters
    ----------
    volume : Volume
        The CT.
    lesion : numpy.ndarray or None
        Shape of the volume, bool; outlined. None shows the middle slice.

    Returns
    -------
    bytes
        PNG with square pixels, at most 20 kB.
    """
    box = None if lesion is None else filled_block(lesion)
    k = volume.grid.size_kji[0] // 2 if box is None else (box[0].start + box[0].stop - 1) // 2
    for pixels in range(PIXELS, LEAST_PIXELS, -16):
        picture = _picture(volume, lesion, k, pixels)
        if len(picture) <= MOST_BYTES:
            return picture
    return _picture(volume, lesion, k, LEAST_PIXELS)


def _picture(volume: Volume, lesion: BoolArray | None, k: int, pixels: int) -> bytes:
    rows, columns = _places(volume, pixels)
    low, high = BONE_HU
    values = _smaller(volume.hu[k].astype(np.float32), rows, columns)
    steps = np.clip((values - low) / (high - low), 0, 1) * (GREYS - 1)
    grey = (np.rint(steps) * (254 / (GREYS - 1))).astype(np.uint8)
    if lesion is not None:
        part = lesion[k][np.ix_(rows.astype(int), columns.astype(int))]
        grey[part & ~scipy.ndimage.binary_erosion(part)] = OUTLINE
    image = Image.fromarray(grey, mode="P")
    palette = [one for value in range(255) for one in (value, value, value)]
    image.putpalette([*palette, *OUTLINE_RGB])
    stream = io.BytesIO()
    image.save(stream, format="PNG", optimize=True)
    return stream.getvalue()


def _places(volume: Volume, pixels: int) -> tuple[FloatArray, FloatArray]:
    """Return rows and columns of the slice under the middles of square pixels."""
    _, rows, columns = volume.grid.size_kji
    _, row_mm, column_mm = volume.grid.spacing_mm_kji
    pixel_mm = max(rows * row_mm, columns * column_mm) / pixels
    j = np.minimum(np.arange(0.5 * pixel_mm, rows * row_mm, pixel_mm) / row_mm, rows - 1)
    i = np.minimum(
        np.arange(0.5 * pixel_mm, columns * column_mm, pixel_mm) / column_mm, columns - 1
    )
    return j, i


def _smaller(values: NDArray[np.float32], rows: FloatArray, columns: FloatArray) -> FloatArray:
    """Return the mean of the four voxels about each place, which quietens the noise."""
    j, i = rows.astype(int), columns.astype(int)
    last_j, last_i = values.shape[0] - 1, values.shape[1] - 1
    below, right = np.minimum(j + 1, last_j), np.minimum(i + 1, last_i)
    parts = [values[np.ix_(a, b)] for a in (j, below) for b in (i, right)]
    return np.asarray(np.mean(parts, axis=0), np.float64)
