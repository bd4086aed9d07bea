"""Arrays interpolated between grids that run along the same axes: the same values, sooner.

SciPy's general transform works out the place of every voxel. Along the same axes a place depends
on one index each, so places and weights are worked out once for each row.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import FloatArray
from imaging.kernels import kernel

EXACT = frozenset("bhBH?f")  # types whose values float32 holds exactly
MOST_VOXELS = 16_000_000  # of the source that are copied; larger ones are worth no copy


def resample_along(
    array: NDArray[Any],
    step: FloatArray,
    size: tuple[int, int, int],
    order: Literal[0, 1],
    outside: float,
) -> NDArray[np.float32] | None:
    """Return an array on a grid along the same axes.

    Parameters
    ----------
    array : numpy.ndarray
        Shape (k, j, i).
    step : numpy.ndarray
        Shape (4, 4): from indices of the wanted grid to those of the array.
    size : tuple of int
        Of the wanted grid.
    order : int
        0 for the nearest voxel, 1 for linear interpolation.
    outside : float
        Value of what the array does not cover.

    Returns
    -------
    numpy.ndarray or None
        Shape ``size``, the values :func:`scipy.ndimage.affine_transform` gives in mode
        ``grid-constant``; None for grids that do not run along the same axes, and for arrays of
        other types or too large to be copied.
    """
    turn = step[:3, :3]
    if np.count_nonzero(turn - np.diag(np.diag(turn))) or array.dtype.char not in EXACT:
        return None
    places = [np.arange(n) * turn[axis, axis] + step[axis, 3] for axis, n in enumerate(size)]
    part, start = _reached(array, places)
    if part.size > MOST_VOXELS:
        return None
    out = np.full(size, outside, dtype=np.float32)
    if not part.size or not out.size:
        return out
    copied = np.ascontiguousarray(part, dtype=np.float32)
    shift = 0.5 if order == 0 else 0.0
    low = [np.floor(place + shift).astype(np.int64) for place in places]
    if order == 0:
        own = [n - first for n, first in zip(low, start, strict=True)]
        within = [(n >= 0) & (n < most) for n, most in zip(own, part.shape, strict=True)]
        taken = [n[inside] for n, inside in zip(own, within, strict=True)]
        out[np.ix_(*within)] = copied[np.ix_(*taken)]
        return out
    wk, wj, wi = (place - np.floor(place) for place in places)
    ks, js, is_ = (n - begin for n, begin in zip(low, start, strict=True))
    _interpolate(copied, ks, js, is_, wk, wj, wi, float(outside), out)
    return out


def _reached(array: NDArray[Any], places: list[FloatArray]) -> tuple[NDArray[Any], list[int]]:
    """Return the part of an array that neighbours of places lie in, and where it begins."""
    start, parts = [], []
    for place, size in zip(places, array.shape, strict=True):
        low, high = (float(place.min()), float(place.max())) if len(place) else (0.0, -1.0)
        first = min(max(int(np.floor(low)), 0), size)
        parts.append(slice(first, max(first, min(int(np.floor(high)) + 2, size))))
        start.append(first)
    return array[tuple(parts)], start


@kernel
def _interpolate(
    array: NDArray[np.float32],
    ks: NDArray[np.int64],
    js: NDArray[np.int64],
    is_: NDArray[np.int64],
    wk: FloatArray,
    wj: FloatArray,
    wi: FloatArray,
    outside: float,
    out: NDArray[np.float32],
) -> None:
    """Interpolate linearly; neighbours beyond the array count as ``outside``."""
    depth, rows, columns = array.shape
    for a in range(len(ks)):
        for b in range(len(js)):
            for c in range(len(is_)):
                total = 0.0
                for corner in range(8):
                    up, back, left = corner >> 2, (corner >> 1) & 1, corner & 1
                    k, j, i = ks[a] + up, js[b] + back, is_[c] + left
                    value = outside
                    if 0 <= k < depth and 0 <= j < rows and 0 <= i < columns:
                        value = np.float64(array[k, j, i])
                    value *= 1.0 - (1.0 - wk[a]) if up else 1.0 - wk[a]
                    value *= 1.0 - (1.0 - wj[b]) if back else 1.0 - wj[b]
                    value *= 1.0 - (1.0 - wi[c]) if left else 1.0 - wi[c]
                    total += value
                out[a, b, c] = total
