"""How a grid's rows are computed: in plain loops, border by border, or cell by cell."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from planning.ablation.solver.materials import MOST_MATERIALS, IndexArray

UNEVEN = np.uint8(MOST_MATERIALS)  # stands for the material of a row that goes cell by cell
# What a border cell and a run cost a row, in cells of a row that goes cell by cell (measured).
BORDER_COST, RUN_COST = 6, 9
FlatArray: TypeAlias = NDArray[np.uint32]


class Layout(NamedTuple):
    """Where materials begin and end, by flat index with ghosts; what begins in each plane.

    ``run_start`` and ``run_of`` give the runs of one material along the cells of a plane, ghosts
    between its rows counted as the cells before them; ``border`` the cells with a neighbour of
    another material (cut cells among their own stay as they are). ``plane_runs`` and
    ``plane_border`` say with which run and which border cell each plane begins. ``uneven`` marks
    the rows that go cell by cell: runs of their own, none of whose cells is in ``border``.
    """

    uneven: IndexArray
    run_start: FlatArray
    run_of: IndexArray
    plane_runs: FlatArray
    border: FlatArray
    plane_border: FlatArray


def layout_of(linked: IndexArray) -> Layout:
    """Return where materials begin and end.

    Parameters
    ----------
    linked : numpy.ndarray
        Shape (k, j, i): material of every cell with ghosts, which are as the cells before them.

    Returns
    -------
    Layout
        Of the cells without the ghosts around them.
    """
    nk, nj, ni = linked.shape
    inner = (slice(1, -1),) * 3
    at_border = np.zeros(linked.shape, dtype=bool)
    for axis in range(3):
        for step in (-1, 1):
            at_border[inner] |= (np.roll(linked, step, axis) != linked)[inner]
    changes = linked[:, :, 2:-1] != linked[:, :, 1:-2]
    cost = BORDER_COST * at_border.sum(axis=2) + RUN_COST * changes.sum(axis=2)
    uneven = cost > ni
    uneven[[0, -1]] = uneven[:, [0, -1]] = False
    at_border &= ~uneven[:, :, None]
    of = np.where(uneven[:, :, None], UNEVEN, linked).reshape(nk, nj * ni)
    first, stop = ni + 1, (nj - 1) * ni - 1
    begins = np.zeros(of.shape, dtype=bool)
    begins[1:-1, first] = True
    begins[1:-1, first + 1 : stop] = of[1:-1, first + 1 : stop] != of[1:-1, first : stop - 1]
    run_start = np.flatnonzero(begins.ravel())
    border = np.flatnonzero(at_border.ravel())
    planes = nj * ni * np.arange(nk + 1)
    return Layout(
        uneven.astype(np.uint8).ravel(),
        run_start.astype(np.uint32),
        of.ravel()[run_start],
        np.searchsorted(run_start, planes).astype(np.uint32),
        border.astype(np.uint32),
        np.searchsorted(border, planes).astype(np.uint32),
    )
