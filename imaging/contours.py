"""Contours of masks, labels and fields on a plane, quick enough to follow the hand."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from contourpy import FillType, LineType, SerialContourGenerator, ZInterp
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
    rows, columns = values.shape
    x, y = np.empty((rows, columns)), np.empty((rows, columns))
    x[:], y[:] = np.arange(columns), np.arange(rows)[:, None]
    hidden = np.isnan(values)
    # its own factory masks and checks for longer than the contour takes
    generator = SerialContourGenerator(
        x,
        y,
        values.astype(np.float64),
        cast("Any", hidden if hidden.any() else None),
        corner_mask=True,
        line_type=LineType.Separate,
        fill_type=FillType.OuterCode,
        quad_as_tri=False,
        z_interp=ZInterp.Linear,
        x_chunk_size=0,
        y_chunk_size=0,
    )
    pieces = cast("list[FloatArray]", generator.lines(level))
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


def thinned(points: FloatArray, least: float) -> FloatArray:
    """Return a line without the points that lie nearer to the one before than a distance.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (n, 2).
    least : float
        In the unit of the points; the first and the last point stay.

    Returns
    -------
    numpy.ndarray
        Shape (m, 2).
    """
    kept = np.ones(len(points), dtype=np.bool_)
    _thin(np.ascontiguousarray(points, dtype=np.float64), least * least, kept)
    left: FloatArray = points[kept]
    return left


@kernel
def _thin(points: FloatArray, least_squared: float, kept: NDArray[np.bool_]) -> None:
    last = 0
    for n in range(1, len(points) - 1):
        x, y = points[n, 0] - points[last, 0], points[n, 1] - points[last, 1]
        if x * x + y * y < least_squared:
            kept[n] = False
        else:
            last = n


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
