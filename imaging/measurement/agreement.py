"""How well two masks agree."""

from __future__ import annotations

import numpy as np

from imaging.geometry import BoolArray


def dice(one: BoolArray, other: BoolArray, counted: BoolArray | None = None) -> float:
    """Return the Dice coefficient of two masks.

    Parameters
    ----------
    one, other : numpy.ndarray
        Same shape, bool.
    counted : numpy.ndarray or None
        Voxels that count; None counts all.

    Returns
    -------
    float
        Twice the common voxels over the sum of both, 0 to 1; 1 for two empty masks.
    """
    if counted is not None:
        one, other = one & counted, other & counted
    both = int(np.count_nonzero(one)) + int(np.count_nonzero(other))
    return 2.0 * int(np.count_nonzero(one & other)) / both if both else 1.0
