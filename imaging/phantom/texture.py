"""Texture of tissues: one band-limited noise that repeats, read at places in the patient.

As the texture hangs on places and not on voxels, the same model looks the same on every grid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from imaging.kernels import kernel

TILE_CELLS = 64  # a power of two, so that wrapping is a bit mask
TILE_SEED = 1895
SMOOTH_CELLS = 0.9  # deviation of the smoothing that makes bumps of about two cells


def _tile() -> NDArray[np.float32]:
    noise = np.random.default_rng(TILE_SEED).standard_normal((TILE_CELLS,) * 3)
    smooth = gaussian_filter(noise, SMOOTH_CELLS, mode="wrap")
    smooth -= smooth.mean()
    tile: NDArray[np.float32] = (smooth / smooth.std()).astype(np.float32)
    return tile


TILE = _tile()


@kernel
def tile_value(tile: NDArray[np.float32], x: float, y: float, z: float) -> float:
    """Return the noise at a place, mean 0 and deviation about 1.

    Parameters
    ----------
    tile : numpy.ndarray
        Cubic, periodic, its edge a power of two.
    x, y, z : float
        Place in cells of the tile.

    Returns
    -------
    float
        Linear interpolation.
    """
    mask = tile.shape[0] - 1
    fx, fy, fz = np.floor(x), np.floor(y), np.floor(z)
    tx, ty, tz = x - fx, y - fy, z - fz
    i0, j0, k0 = int(fx) & mask, int(fy) & mask, int(fz) & mask
    i1, j1, k1 = (i0 + 1) & mask, (j0 + 1) & mask, (k0 + 1) & mask
    low = (tile[k0, j0, i0] * (1 - tx) + tile[k0, j0, i1] * tx) * (1 - ty)
    low += (tile[k0, j1, i0] * (1 - tx) + tile[k0, j1, i1] * tx) * ty
    high = (tile[k1, j0, i0] * (1 - tx) + tile[k1, j0, i1] * tx) * (1 - ty)
    high += (tile[k1, j1, i0] * (1 - tx) + tile[k1, j1, i1] * tx) * ty
    value: float = low * (1 - tz) + high * tz
    return value


@kernel
def _read_tile(
    tile: NDArray[np.float32], cells: NDArray[np.float64], result: NDArray[np.float64]
) -> None:
    for n in range(len(cells)):
        result[n] = tile_value(tile, cells[n, 0], cells[n, 1], cells[n, 2])


def noise_at(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the noise at many places.

    Parameters
    ----------
    cells : numpy.ndarray
        Shape (n, 3), in cells of the tile.

    Returns
    -------
    numpy.ndarray
        Shape (n,), deviation about one.
    """
    result = np.empty(len(cells))
    _read_tile(TILE, np.ascontiguousarray(cells), result)
    return result
