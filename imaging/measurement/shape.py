"""What in a mask's shape makes its measures doubtful, whoever drew it."""

from __future__ import annotations

import numpy as np
import scipy

from imaging.errors import Problem
from imaging.geometry import BoolArray, Grid, filled_block

SHAPE_CODES = frozenset({"several_parts", "holes", "leaves_image"})


def shape_doubts(mask: BoolArray, grid: Grid) -> tuple[Problem, ...]:
    """Return what is odd in a mask's shape.

    Parameters
    ----------
    mask : numpy.ndarray
        Shape ``grid.size_kji``.
    grid : Grid
        Where it lies.

    Returns
    -------
    tuple of Problem
        Several parts, holes, a part that may lie beyond the image; empty when nothing is odd.
    """
    block = filled_block(mask)
    if block is None:
        return ()
    part = np.pad(mask[block], 1)
    found = []
    _, parts = scipy.ndimage.label(part, structure=np.ones((3, 3, 3)))
    if parts > 1:
        message = f"the outline has {parts} separate parts; they are measured together"
        found.append(Problem(code="several_parts", message=message))
    empty = np.count_nonzero(scipy.ndimage.binary_fill_holes(part) & ~part) * grid.voxel_ml
    if empty:
        message = f"the outline encloses holes of {empty:.2g} ml in all, which are not counted"
        found.append(Problem(code="holes", message=message))
    if any(s.start == 0 or s.stop == n for s, n in zip(block, mask.shape, strict=True)):
        message = "the lesion leaves the field of view"
        found.append(Problem(code="leaves_image", message=message))
    return tuple(found)
