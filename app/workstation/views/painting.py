"""Grey values and lines as a slice paints them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF
from shiboken6 import VoidPtr

from app.workstation.viewpoint import GreyWindow
from app.workstation.views.layers import Line
from imaging.contours import thinned
from imaging.geometry import FloatArray

LEAST_PIXELS = 1.5  # between points of a drawn line
ARM_GAP = 12.0  # pixels around the middle of the crosshair that are left free


def polygon_of(points: FloatArray) -> QPolygonF:
    """Return a line to be drawn, without points that no pixel would show.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (n, 2), widget's pixels.

    Returns
    -------
    QPolygonF
        Of those at least a pixel and a half from the one before.
    """
    kept = thinned(points, LEAST_PIXELS)
    polygon = QPolygonF()
    polygon.resize(len(kept))
    address: Any = polygon.data()
    memory: Any = VoidPtr(address, kept.nbytes, True)  # type: ignore[call-arg]
    np.frombuffer(memory, dtype=np.float64).reshape(-1, 2)[:] = kept
    return polygon


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
    pen.setJoinStyle(Qt.PenJoinStyle.BevelJoin)  # points lie so near that none is seen
    if line.dashed:
        pen.setDashPattern([5.0, 4.0])
    else:
        painter.setPen(QPen(QColor(0, 0, 0, 130), line.width + 2.0))
        painter.drawPolyline(polygon)
    painter.setPen(pen)
    painter.drawPolyline(polygon)


def paint_arms(painter: QPainter, place: QPointF, lines_deg: list[float], reach: float) -> None:
    """Draw the crosshair: the lines in which the other planes cut a slice.

    Parameters
    ----------
    painter : QPainter
        Of the view.
    place : QPointF
        Where they meet, widget's pixels.
    lines_deg : list of float
        From right to down on the screen.
    reach : float
        Pixels beyond which nothing is seen.
    """
    painter.setPen(QPen(QColor(86, 180, 233, 150), 1.0))
    far = reach + float(np.hypot(place.x(), place.y()))
    for angle in np.deg2rad(lines_deg):
        along = QPointF(float(np.cos(angle)), float(np.sin(angle)))
        for side in (along, -along):
            painter.drawLine(place + side * ARM_GAP, place + side * far)


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
