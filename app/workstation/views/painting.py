"""Grey values and lines as a slice paints them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from app.workstation.viewpoint import GreyWindow
from app.workstation.views.layers import Line


def meets(polygon: QPolygonF, box: QRectF) -> bool:
    """Tell whether a piece of a line comes into a view.

    Parameters
    ----------
    polygon : QPolygonF
        Widget's pixels.
    box : QRectF
        The view.

    Returns
    -------
    bool
        True also where only the boxes around them meet.
    """
    return polygon.boundingRect().adjusted(-1, -1, 1, 1).intersects(box)


def paint_line(painter: QPainter, line: Line, polygon: QPolygonF) -> None:
    """Draw a piece of a line, solid ones on a dark halo that parts them from bone.

    Parameters
    ----------
    painter : QPainter
        Of the view.
    line : Line
        How it is drawn.
    polygon : QPolygonF
        Widget's pixels.
    """
    pen = QPen(QColor(line.colour), line.width)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    if line.dashed:
        pen.setDashPattern([5.0, 4.0])
    else:
        painter.setPen(QPen(QColor(0, 0, 0, 130), line.width + 2.0))
        painter.drawPolyline(polygon)
    painter.setPen(pen)
    painter.drawPolyline(polygon)


def grey_table(window: GreyWindow) -> NDArray[np.uint8]:
    """Return the grey of every value of int16, to be indexed by its bits as uint16.

    Parameters
    ----------
    window : GreyWindow
        Black below, white above.

    Returns
    -------
    numpy.ndarray
        Shape (65536,).
    """
    values = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.float32)
    low = window.centre_hu - window.width_hu / 2
    grey: NDArray[np.uint8] = np.clip((values - low) * (255.0 / window.width_hu), 0, 255).astype(
        np.uint8
    )
    return grey
