"""Smooth lines drawn into a picture, quick enough to follow the hand.

Qt's smooth wide lines take a third of the time of a slice with ten structures; here each pixel near
a line is given the share of it that the line covers, once for the halo and once for the line.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor, QImage

from app.workstation.views.layers import Line
from imaging.geometry import FloatArray
from imaging.kernels import kernel

HALO = (0, 0, 0, 130)  # parts a line from bone
HALO_PIXELS = 2.0  # that the halo is wider than its line
DASH, GAP = 5.0, 4.0  # widths of the line
LEAST_PIXELS = 0.75  # between points of a line that is drawn
RUN_PIXELS = 16.0  # pieces into which a long segment is cut, whose surroundings are looked at


class Strokes:
    """A picture of lines, clear where there is none.

    Parameters
    ----------
    columns, rows : int
        Its size.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.pixels: NDArray[np.uint8] = np.zeros((rows, columns, 4), dtype=np.uint8)
        self._cover: NDArray[np.float32] = np.zeros((rows, columns), dtype=np.float32)
        self._met: NDArray[np.int64] = np.empty(rows * columns, dtype=np.int64)

    def draw(self, line: Line, pieces: list[FloatArray], scale: float) -> bool:
        """Draw a line, a solid one on a dark halo.

        Parameters
        ----------
        line : Line
            How it is drawn.
        pieces : list of numpy.ndarray
            Each shape (n, 2): column and row, in pixels of the picture.
        scale : float
            Pixels of the picture for each that the line's width counts.

        Returns
        -------
        bool
            Whether any of it comes into the picture.
        """
        width = line.width * scale
        if line.dashed:
            pieces = [dash for piece in pieces for dash in dashes(piece, DASH * width, GAP * width)]
        else:
            self._stroke(pieces, width + HALO_PIXELS * scale, HALO)
        colour = QColor(line.colour)
        return self._stroke(pieces, width, (colour.red(), colour.green(), colour.blue(), 255))

    def image(self) -> QImage:
        """Return the picture; it looks at these pixels, which must live as long as it does."""
        rows, columns, _ = self.pixels.shape
        return QImage(
            cast("Any", self.pixels.data),
            columns,
            rows,
            4 * columns,
            QImage.Format.Format_ARGB32_Premultiplied,
        )

    def _stroke(
        self, pieces: list[FloatArray], width: float, rgba: tuple[int, int, int, int]
    ) -> bool:
        met = 0
        for piece in pieces:
            points = np.ascontiguousarray(piece, dtype=np.float64)
            met = _cover(points, width / 2, self._cover, self._met, met)
        _paint(self._cover, self._met[:met], rgba, self.pixels)
        return met > 0


def dashes(piece: FloatArray, dash: float, gap: float) -> list[FloatArray]:
    """Cut a line into dashes.

    Parameters
    ----------
    piece : numpy.ndarray
        Shape (n, 2).
    dash, gap : float
        Lengths in the unit of the points.

    Returns
    -------
    list of numpy.ndarray
        Each shape (m, 2), m at least 2, from the first point on.
    """
    far = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(piece, axis=0), axis=1))])
    found = []
    for begin in np.arange(0.0, far[-1], dash + gap):
        end = min(begin + dash, far[-1])
        between = far[(far > begin) & (far < end)]
        places = np.concatenate([[begin], between, [end]])
        found.append(np.stack([np.interp(places, far, piece[:, n]) for n in (0, 1)], axis=1))
    return found


@kernel
def _cover(
    points: FloatArray,
    half: float,
    cover: NDArray[np.float32],
    met: NDArray[np.int64],
    count: int,
) -> int:
    """Raise the share of each pixel to what a line covers of it; list those that were clear."""
    rows, columns = cover.shape
    reach = half + 0.5
    strength = min(1.0, 2.0 * half)  # a line thinner than a pixel is paler
    x, y = points[0, 0], points[0, 1]
    for n in range(1, len(points)):
        dx, dy = points[n, 0] - x, points[n, 1] - y
        length = np.hypot(dx, dy)
        if length < LEAST_PIXELS and n < len(points) - 1:
            continue
        runs = max(1, int(np.ceil(length / RUN_PIXELS)))
        for run in range(runs):
            ax, ay = x + dx * run / runs, y + dy * run / runs
            bx, by = dx / runs, dy / runs
            square = bx * bx + by * by
            top = max(0, int(np.floor(min(ay, ay + by) - reach)))
            bottom = min(rows - 1, int(np.ceil(max(ay, ay + by) + reach)))
            left = max(0, int(np.floor(min(ax, ax + bx) - reach)))
            right = min(columns - 1, int(np.ceil(max(ax, ax + bx) + reach)))
            for row in range(top, bottom + 1):
                py = row + 0.5 - ay
                for column in range(left, right + 1):
                    px = column + 0.5 - ax
                    along = 0.0
                    if square > 0:
                        along = min(1.0, max(0.0, (px * bx + py * by) / square))
                    away = (px - along * bx) ** 2 + (py - along * by) ** 2
                    if away >= reach * reach:
                        continue
                    share = strength * min(1.0, reach - np.sqrt(away))
                    if share > cover[row, column]:
                        if cover[row, column] == 0:
                            met[count] = row * columns + column
                            count += 1
                        cover[row, column] = share
        x, y = points[n, 0], points[n, 1]
    return count


@kernel
def _paint(
    cover: NDArray[np.float32],
    met: NDArray[np.int64],
    rgba: tuple[int, int, int, int],
    pixels: NDArray[np.uint8],
) -> None:
    """Lay a colour over the pixels that are met, and clear their shares."""
    columns = cover.shape[1]
    for place in met:
        row, column = place // columns, place % columns
        alpha = cover[row, column] * rgba[3] / 255.0
        cover[row, column] = 0.0
        for channel, value in enumerate((rgba[2], rgba[1], rgba[0], 255)):  # as Qt lays them
            before = pixels[row, column, channel]
            pixels[row, column, channel] = np.uint8(value * alpha + before * (1.0 - alpha) + 0.5)


def warm_up() -> None:
    """Compile what lines need, or load it, on a few pixels."""
    piece = np.array([[1.0, 1.0], [3.0, 2.0]])
    Strokes(4, 4).draw(Line((piece,), "#FFFFFF", 1.0), [piece], 1.0)
