"""Arrays that share most of their values: compared, and kept or sent as what differs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import filled_block

AnyArray: TypeAlias = NDArray[Any]

WORTH_A_PATCH = 0.25  # of the array; larger differences are taken whole


def same_memory(one: AnyArray | None, other: AnyArray | None) -> bool:
    """Tell whether two arrays are the same memory; a frozen case makes a new view of its own.

    Parameters
    ----------
    one, other : numpy.ndarray or None
        To be compared.

    Returns
    -------
    bool
        True also for two None.
    """
    if one is None or other is None:
        return one is other
    return (
        one.__array_interface__["data"] == other.__array_interface__["data"]
        and one.shape == other.shape
    )


@dataclass(frozen=True, eq=False)
class Patch:
    """What makes one array of another.

    Parameters
    ----------
    block : tuple of slice
        Where they differ.
    values : numpy.ndarray
        Shape of the block: the first array's.
    """

    block: tuple[slice, ...]
    values: AnyArray

    def on(self, other: AnyArray | None, shape: tuple[int, ...]) -> AnyArray:
        """Return the first array, made of the other.

        Parameters
        ----------
        other : numpy.ndarray or None
            What it differs from; None stands for zeros.
        shape : tuple of int
            Of both.

        Returns
        -------
        numpy.ndarray
            A new array.
        """
        made = np.zeros(shape, self.values.dtype) if other is None else other.copy()
        made[self.block] = self.values
        return made


def patch_between(one: AnyArray, other: AnyArray | None) -> Patch | None:
    """Return what makes the first of two arrays of the other.

    Parameters
    ----------
    one : numpy.ndarray
        Three axes.
    other : numpy.ndarray or None
        None stands for zeros.

    Returns
    -------
    Patch or None
        None where they differ in more than a quarter, or in shape or type.
    """
    if other is None:
        block = filled_block(one) if one.ndim == 3 and one.dtype == bool else None
    elif one.ndim != 3 or (one.shape, one.dtype) != (other.shape, other.dtype):
        return None
    else:
        block = _difference(one, other)
    if block is None:
        return None
    size = int(np.prod([part.stop - part.start for part in block]))
    return None if size > WORTH_A_PATCH * one.size else Patch(block, one[block].copy())


def _difference(one: AnyArray, other: AnyArray) -> tuple[slice, ...]:
    """Return the block in which two arrays differ."""
    changed = [k for k in range(len(one)) if not np.array_equal(one[k], other[k])]
    if not changed:
        return (slice(0, 0),) * one.ndim
    first, last = changed[0], changed[-1] + 1
    plane: NDArray[np.bool_] = np.logical_or.reduce(one[first:last] != other[first:last], axis=0)
    rows, columns = (np.flatnonzero(plane.any(axis=n)) for n in (1, 0))
    return (
        slice(first, last),
        slice(int(rows[0]), int(rows[-1]) + 1),
        slice(int(columns[0]), int(columns[-1]) + 1),
    )
