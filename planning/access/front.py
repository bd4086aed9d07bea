"""The ways among which one can only trade: none other is as good in everything."""

from __future__ import annotations

import numpy as np

from imaging.geometry import BoolArray, FloatArray


def on_front(goods: FloatArray) -> BoolArray:
    """Tell which rows no other row dominates (Pareto's front).

    Parameters
    ----------
    goods : numpy.ndarray
        Shape (n, m): m criteria of n ways, more is better.

    Returns
    -------
    numpy.ndarray
        Shape (n,), bool; of equal rows all are on the front.
    """
    front = np.ones(len(goods), dtype=bool)
    for number, own in enumerate(goods):
        as_good = (goods >= own).all(axis=1)
        front[number] = not (as_good & (goods > own).any(axis=1)).any()
    return front
