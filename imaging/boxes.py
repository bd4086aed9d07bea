"""The block that each label of a label map fills, found in one pass on all cores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.kernels import parallel_kernel, prange


def label_boxes(labels: NDArray[np.uint16]) -> dict[int, tuple[slice, ...]]:
    """Return the smallest block that holds all voxels of each label.

    Parameters
    ----------
    labels : numpy.ndarray
        Shape (k, j, i), uint16; 0 is no label.

    Returns
    -------
    dict
        Label to three slices; labels that do not occur are left out.
    """
    count = int(labels.max(initial=0)) + 1
    spans = np.full((len(labels), count, 4), -1, dtype=np.int32)
    _spans(labels, spans)
    boxes: dict[int, tuple[slice, ...]] = {}
    for label in range(1, count):
        filled = np.flatnonzero(spans[:, label, 0] >= 0)
        if not len(filled):
            continue
        own = spans[filled, label]
        boxes[label] = (
            slice(int(filled[0]), int(filled[-1]) + 1),
            slice(int(own[:, 0].min()), int(own[:, 1].max()) + 1),
            slice(int(own[:, 2].min()), int(own[:, 3].max()) + 1),
        )
    return boxes


@parallel_kernel
def _spans(labels: NDArray[np.uint16], spans: NDArray[np.int32]) -> None:
    """Write the first and last row and column of each label in each slice; −1 where it has none."""
    nk, nj, ni = labels.shape
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                label = labels[k, j, i]
                if label == 0:
                    continue
                if spans[k, label, 0] < 0:
                    spans[k, label, 0] = j
                    spans[k, label, 2] = i
                    spans[k, label, 3] = i
                spans[k, label, 1] = j
                spans[k, label, 2] = min(spans[k, label, 2], i)
                spans[k, label, 3] = max(spans[k, label, 3], i)
