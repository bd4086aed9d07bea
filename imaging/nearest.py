"""The nearest labelled voxel of every voxel, compiled: exact Euclidean distances on all cores."""

from __future__ import annotations

import numpy as np
from numpy import float32, int16
from numpy.typing import NDArray

from imaging.kernels import kernel, parallel_kernel, prange

FAR = float32(1e12)  # squared distance, voxels, of what sees no label along its line


def nearest_label(labels: NDArray[np.int16]) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
    """Return the distance to the nearest labelled voxel centre, and its label.

    Three passes of lower envelopes of parabolas, which carry the label along
    (Felzenszwalb and Huttenlocher, Theory of Computing 8 (2012) 415).

    Parameters
    ----------
    labels : numpy.ndarray
        Shape (k, j, i), int16; negative where there is none.

    Returns
    -------
    distance : numpy.ndarray
        Same shape, float32, in voxels; very large where no voxel is labelled.
    label : numpy.ndarray
        Same shape, int16; −1 where no voxel is labelled.
    """
    squared = np.empty(labels.shape, dtype=np.float32)
    nearest = np.empty(labels.shape, dtype=np.int16)
    _along_rows(labels, squared, nearest)
    _along_columns(squared, nearest)
    _along_columns(squared.swapaxes(0, 1), nearest.swapaxes(0, 1))  # along the slices
    return np.sqrt(squared, out=squared), nearest


@parallel_kernel
def _along_rows(labels: NDArray[int16], squared: NDArray[float32], nearest: NDArray[int16]) -> None:
    nk, nj, ni = labels.shape
    for k in prange(nk):
        for j in range(nj):
            last, last_label = -1, -1
            for i in range(ni):
                if labels[k, j, i] >= 0:
                    last, last_label = i, labels[k, j, i]
                squared[k, j, i] = FAR if last < 0 else float32((i - last) * (i - last))
                nearest[k, j, i] = last_label
            last = -1
            for i in range(ni - 1, -1, -1):
                if labels[k, j, i] >= 0:
                    last, last_label = i, labels[k, j, i]
                if last >= 0:
                    own = float32((last - i) * (last - i))
                    if own < squared[k, j, i]:
                        squared[k, j, i] = own
                        nearest[k, j, i] = last_label


@parallel_kernel
def _along_columns(squared: NDArray[float32], nearest: NDArray[int16]) -> None:
    nk, nj, ni = squared.shape
    for k in prange(nk):
        place, edge = np.empty(nj, dtype=np.int64), np.empty(nj + 1, dtype=np.float64)
        value, label = np.empty(nj, dtype=float32), np.empty(nj, dtype=int16)
        for i in range(ni):
            for j in range(nj):
                value[j], label[j] = squared[k, j, i], nearest[k, j, i]
            count = _envelope(value, place, edge)
            at = 0
            for j in range(nj):
                if count == 0:
                    break
                while at + 1 < count and edge[at + 1] < j:
                    at += 1
                far = float32(j - place[at])
                squared[k, j, i] = far * far + value[place[at]]
                nearest[k, j, i] = label[place[at]]


@kernel
def _envelope(value: NDArray[float32], place: NDArray[np.int64], edge: NDArray[np.float64]) -> int:
    """Fill the places of the parabolas that are lowest somewhere and where each begins to be."""
    count = 0
    for n in range(value.shape[0]):
        if value[n] >= FAR:
            continue
        start = -1e30
        while count > 0:
            p = place[count - 1]
            start = ((value[n] + n * n) - (value[p] + p * p)) / (2.0 * (n - p))
            if start > edge[count - 1]:
                break
            count -= 1
            start = -1e30
        place[count], edge[count] = n, start
        count += 1
    return count
