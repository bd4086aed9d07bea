"""A way drawn by hand in a slice, or one of which an end is dragged."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from app.workstation.style.palette import BAD, GOOD, INK, NEEDLE
from app.workstation.viewpoint import DrawnWay
from app.workstation.views.reslice import Axes
from app.workstation.words import Words
from imaging.geometry import FloatArray

HANDLE_RADIUS = 6.0  # pixels
HANDLE_PIXELS = 12.0  # around an end, in which it is grasped
LINE_HEIGHT = 17
MOST_LINES = 4  # of limits broken, beside the way
TEXT_WIDTH = 330.0


@dataclass(frozen=True)
class WayDrag:
    """What a drag does to a way.

    Parameters
    ----------
    way : DrawnWay
        As it was when the drag began.
    moves_entry : bool
        Whether the entry follows the pointer; else the target does.
    """

    way: DrawnWay
    moves_entry: bool

    def to(self, place_lps_mm: FloatArray, axes: Axes) -> DrawnWay:
        """Return the way with the end that is held at another place of a slice.

        Parameters
        ----------
        place_lps_mm : numpy.ndarray
            Shape (3,), under the pointer.
        axes : Axes
            Of the slice; the end stays as deep in it as it was.

        Returns
        -------
        DrawnWay
            Not judged yet.
        """
        before = self.way.entry_lps_mm if self.moves_entry else self.way.target_lps_mm
        depth = float(axes.flat(np.array(before))[2])
        right, down = axes.flat(place_lps_mm)[:2]
        x, y, z = (float(n) for n in axes.place(float(right), float(down), depth))
        end = x, y, z
        if self.moves_entry:
            return replace(self.way, entry_lps_mm=end)
        return replace(self.way, target_lps_mm=end)


def grasped(way: DrawnWay | None, ends: tuple[QPointF, QPointF], at: QPointF) -> WayDrag | None:
    """Return the drag of the end of a way that lies under the pointer.

    Parameters
    ----------
    way : DrawnWay or None
        The planned way.
    ends : tuple of QPointF
        Where its entry and its target are drawn.
    at : QPointF
        The pointer.

    Returns
    -------
    WayDrag or None
        None where no end is near.
    """
    if way is None:
        return None
    far = [float(np.hypot((end - at).x(), (end - at).y())) for end in ends]
    nearest = int(np.argmin(far))
    return WayDrag(way, nearest == 0) if far[nearest] <= HANDLE_PIXELS else None


def paint_handles(painter: QPainter, ends: tuple[QPointF, QPointF]) -> None:
    """Draw the ends of the planned way to be grasped.

    Parameters
    ----------
    painter : QPainter
        Of the view.
    ends : tuple of QPointF
        Widget's pixels.
    """
    painter.setPen(QPen(QColor(NEEDLE), 2.0))
    painter.setBrush(QColor(0, 0, 0, 120))
    for end in ends:
        painter.drawEllipse(end, HANDLE_RADIUS, HANDLE_RADIUS)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def paint_drawn_way(
    painter: QPainter,
    way: DrawnWay,
    ends: tuple[QPointF, QPointF],
    words: Words,
    *,
    says: bool,
) -> None:
    """Draw a way that is being drawn, with its depth and what it breaks.

    Parameters
    ----------
    painter : QPainter
        Of the view.
    way : DrawnWay
        With its judgement once that is known.
    ends : tuple of QPointF
        Where its entry and its target are drawn.
    words : Words
        Of the screen.
    says : bool
        Whether depth and limits are written beside it.
    """
    colour = INK if way.against is None else BAD if way.against else GOOD
    for shade, width in ((QColor(0, 0, 0, 170), 5.0), (QColor(colour), 2.6)):
        painter.setPen(QPen(shade, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawLine(ends[0], ends[1])
    painter.setBrush(QColor(colour))
    painter.drawEllipse(ends[1], 3.5, 3.5)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if not says:
        return
    depth = words("units.cm", value=words.number(way.length_mm / 10))
    lines = [(depth, INK)]
    if way.against is not None:
        lines += [(text, BAD) for text in way.against[:MOST_LINES]]
        if not way.against:
            lines.append((words("own_way.fine"), GOOD))
    view = painter.viewport()
    x = min(ends[1].x() + 14, view.width() - TEXT_WIDTH) if view.width() > TEXT_WIDTH else 6.0
    y = min(max(ends[1].y() + 10, 50.0), view.height() - LINE_HEIGHT * (len(lines) + 1.0))
    font = painter.font()
    font.setPixelSize(13)
    painter.setFont(font)
    flags = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    widest = max(painter.fontMetrics().horizontalAdvance(text) for text, _ in lines)
    back = QRectF(x - 5, y - 3, widest + 10, len(lines) * LINE_HEIGHT + 6)
    painter.fillRect(back, QColor(0, 0, 0, 180))
    for number, (text, shade_) in enumerate(lines):
        painter.setPen(QColor(shade_))
        box = QRectF(x, y + number * LINE_HEIGHT, widest + 4, LINE_HEIGHT)
        painter.drawText(box, flags, text)
