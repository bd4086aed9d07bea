"""Contours of masks, labels and fields on a plane, quick enough to follow the hand."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import FloatArray
from imaging.kernels import kernel

PAD = 3  # pixels around a label, as far as its smoothed border reaches
LEAST_POINTS = 4  # of a piece; shorter ones are specks of the pixels


def contours(values: NDArray[Any], level: float) -> tuple[FloatArray, ...]:
    """Return where a field crosses a level.

    Parameters
    ----------
    values : numpy.ndarray
        Shape (rows, columns); NaN is nowhere.
    level : float
        Of the contour.

    Returns
    -------
    tuple of numpy.ndarray
        Pieces, each shape (n, 2): column and row, in pixels.
    """
    points, ends = _traced(values, level)
    pieces = (points[begin:end] for begin, end in pairwise((0, *ends.tolist())))
    return tuple(piece for piece in pieces if len(piece) >= LEAST_POINTS)


def label_contours(
    labels: NDArray[np.uint16], wanted: frozenset[int]
) -> dict[int, tuple[FloatArray, ...]]:
    """Return the smoothed borders of labels of a plane.

    Parameters
    ----------
    labels : numpy.ndarray
        Shape (rows, columns); 0 is no label.
    wanted : frozenset of int
        Labels whose borders are looked for.

    Returns
    -------
    dict
        Label to its pieces, each shape (n, 2): column and row, in pixels.
    """
    boxes = np.empty((int(labels.max(initial=0)) + 1, 4), dtype=np.int64)
    _boxes(labels, boxes)
    found = {}
    for label in wanted.intersection(np.flatnonzero(boxes[:, 0] >= 0).tolist()):
        top, bottom, left, right = boxes[label]
        smooth = np.zeros((bottom - top + 1 + 2 * PAD, right - left + 1 + 2 * PAD), np.float32)
        _smooth(labels, label, int(top) - PAD, int(left) - PAD, smooth)
        pieces = contours(smooth, 0.5)
        corner = np.array([left - PAD, top - PAD])
        if pieces:
            found[label] = tuple(piece + corner for piece in pieces)
    return found


# Marching squares. A place where the level crosses an edge of a cell is named by that edge: twice
# the number of its first pixel, and one more for an edge that runs down. Walking around a cell
# clockwise, a line enters it where values fall through the level and leaves it where they rise; the
# cell on the other side of an edge sees it the other way, so that pieces join.


@kernel
def _cells(
    values: NDArray[Any], level: float, after: NDArray[np.int64], entered: NDArray[np.uint8]
) -> NDArray[np.int64]:
    """Write which edge follows which on a line, and which is entered; return those left."""
    rows, columns = values.shape
    starts = np.empty(256, np.int64)
    count = 0
    for row in range(rows - 1):
        for column in range(columns - 1):
            a, b = values[row, column], values[row, column + 1]
            e, d = values[row + 1, column], values[row + 1, column + 1]
            kind = (a > level) + 2 * (b > level) + 4 * (d > level) + 8 * (e > level)
            if kind == 0 or kind == 15 or np.isnan(a + b + d + e):  # noqa: PLR1714 - compiled
                continue
            top = 2 * (row * columns + column)
            edges = (top, top + 3, top + 2 * columns, top + 1)  # above, right, below, left
            inside = (a > level, b > level, d > level, e > level)
            if count + 2 > len(starts):
                more = np.empty(2 * len(starts), np.int64)
                more[:count] = starts[:count]
                starts = more
            is_saddle = kind == 5 or kind == 10  # noqa: PLR1714 - compiled
            joins = (a + b + d + e) / 4 > level
            for n in range(4):
                if not inside[n] or inside[(n + 1) % 4]:
                    continue  # only where values fall
                leaves = n
                if is_saddle:
                    leaves = (n + 1) % 4 if joins else (n + 3) % 4
                else:
                    for m in range(4):
                        if not inside[m] and inside[(m + 1) % 4]:
                            leaves = m
                after[edges[n]] = edges[leaves]
                entered[edges[leaves]] = 1
                starts[count] = edges[n]
                count += 1
    return starts[:count]


@kernel
def _place(values: NDArray[Any], level: float, edge: int) -> tuple[float, float]:
    """Return column and row where the level crosses an edge."""
    columns = values.shape[1]
    row, column = edge // 2 // columns, edge // 2 % columns
    a = values[row, column]
    if edge % 2:
        return float(column), row + (level - a) / (values[row + 1, column] - a)
    return column + (level - a) / (values[row, column + 1] - a), float(row)


@kernel
def _traced(values: NDArray[Any], level: float) -> tuple[FloatArray, NDArray[np.int64]]:
    """Return the points of all lines, one after the other, and where each line ends."""
    after = np.full(2 * values.size, -1, np.int64)
    entered = np.zeros(2 * values.size, np.uint8)
    starts = _cells(values, level, after, entered)
    points = np.empty((2 * len(starts) + 2, 2), np.float64)
    ends = np.empty(len(starts), np.int64)
    count = pieces = 0
    for is_closed in (False, True):  # open lines first, from their beginnings
        for start in starts:
            if after[start] < 0 or (not is_closed and entered[start]):
                continue
            edge = start
            while edge >= 0:
                points[count] = _place(values, level, edge)
                count += 1
                following = after[edge]
                after[edge] = -1
                edge = following
            ends[pieces] = count
            pieces += 1
    return points[:count], ends[:pieces]


@kernel
def _boxes(labels: NDArray[np.uint16], boxes: NDArray[np.int64]) -> None:
    """Write the first and last row and column of each label; −1 where it is not there."""
    boxes[:] = -1
    rows, columns = labels.shape
    for row in range(rows):
        for column in range(columns):
            label = labels[row, column]
            if label == 0:
                continue
            box = boxes[label]
            if box[0] < 0:
                box[0], box[1], box[2], box[3] = row, row, column, column
            box[1] = row
            box[2] = min(box[2], column)
            box[3] = max(box[3], column)


@kernel
def _smooth(
    labels: NDArray[np.uint16], label: int, top: int, left: int, smooth: NDArray[np.float32]
) -> None:
    """Blur the mask of a label by binomial weights 1 4 6 4 1, a Gaussian of one pixel."""
    rows, columns = labels.shape
    high, wide = smooth.shape
    across = np.zeros((high, wide), dtype=np.float32)
    for row in range(high):
        r = row + top
        if r < 0 or r >= rows:
            continue
        for column in range(wide):
            c = column + left
            if 0 <= c < columns and labels[r, c] == label:
                for n in range(-2, 3):
                    if 0 <= column + n < wide:
                        share = 6.0 if n == 0 else (4.0 if abs(n) == 1 else 1.0)
                        across[row, column + n] += share / 16.0
    for row in range(high):
        for n in range(-2, 3):
            if 0 <= row + n < high:
                share = 6.0 if n == 0 else (4.0 if abs(n) == 1 else 1.0)
                for column in range(wide):
                    smooth[row + n, column] += across[row, column] * np.float32(share / 16.0)


def warm_up() -> None:
    """Compile what outlines need, or load it, on a few pixels."""
    labels = np.zeros((4, 4), dtype=np.uint16)
    labels[1:3, 1:3] = 1
    label_contours(labels, frozenset({1}))
    contours(labels.astype(np.float32), 0.5)
