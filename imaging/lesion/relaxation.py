"""The smoothest region that fits a cost: convex segmentation by total variation.

Minimises ∫ c u + w |∇u| over 0 ≤ u ≤ 1, whose half level is the best region whatever one begins
with (Chan, Esedoglu, Nikolova, SIAM J. Appl. Math. 66, 2006), by the primal-dual scheme of
Chambolle and Pock (J. Math. Imaging Vis. 40, 2011, algorithm 1).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.kernels import parallel_kernel, prange

Field = NDArray[np.float32]
PRIMAL_STEP = 0.25
DUAL_STEP = 0.33  # the product with the primal step stays below 1/12, the squared norm of ∇


def relaxed(
    cost: Field, smoothness: float, begin: Field, iterations: int, dual: Field | None = None
) -> Field:
    """Return the field whose half level bounds the best region.

    Parameters
    ----------
    cost : numpy.ndarray
        Shape (k, j, i), float32; negative where the region should be.
    smoothness : float
        Cost of a voxel's face on the border.
    begin : numpy.ndarray
        Same shape, 0 to 1; nearer to the answer needs fewer iterations.
    iterations : int
        Steps of the scheme.
    dual : numpy.ndarray or None
        Shape (3, k, j, i), changed in place: where an earlier run on a similar cost ended, so that
        fewer iterations are needed; zeros at first.

    Returns
    -------
    numpy.ndarray
        Same shape, 0 to 1.
    """
    field, ahead = begin.astype(np.float32), begin.astype(np.float32)
    if dual is None:
        dual = np.zeros((3, *cost.shape), dtype=np.float32)
    for _ in range(iterations):
        _ascend(ahead, dual, np.float32(smoothness))
        _descend(cost, dual, field, ahead)
    return field


@parallel_kernel
def _ascend(ahead: Field, dual: Field, smoothness: np.float32) -> None:
    depth, rows, columns = ahead.shape
    step = np.float32(DUAL_STEP)
    for k in prange(depth):
        for j in range(rows):
            for i in range(columns):
                here = ahead[k, j, i]
                a, b, c = dual[0, k, j, i], dual[1, k, j, i], dual[2, k, j, i]
                if k < depth - 1:
                    a += step * (ahead[k + 1, j, i] - here)
                if j < rows - 1:
                    b += step * (ahead[k, j + 1, i] - here)
                if i < columns - 1:
                    c += step * (ahead[k, j, i + 1] - here)
                length = np.sqrt(a * a + b * b + c * c)
                if length > smoothness:
                    shrink = smoothness / length
                    a, b, c = a * shrink, b * shrink, c * shrink
                dual[0, k, j, i], dual[1, k, j, i], dual[2, k, j, i] = a, b, c


@parallel_kernel
def _descend(cost: Field, dual: Field, field: Field, ahead: Field) -> None:
    depth, rows, columns = field.shape
    step, none, whole = np.float32(PRIMAL_STEP), np.float32(0), np.float32(1)
    for k in prange(depth):
        for j in range(rows):
            for i in range(columns):
                flow = dual[0, k, j, i] + dual[1, k, j, i] + dual[2, k, j, i]
                if k > 0:
                    flow -= dual[0, k - 1, j, i]
                if j > 0:
                    flow -= dual[1, k, j - 1, i]
                if i > 0:
                    flow -= dual[2, k, j, i - 1]
                before = field[k, j, i]
                now = min(whole, max(none, before + step * (flow - cost[k, j, i])))
                field[k, j, i] = now
                ahead[k, j, i] = 2 * now - before
