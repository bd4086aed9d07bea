"""Grey values and lines as a slice paints them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QPainter, QPen

from app.workstation.viewpoint import GreyWindow

ARM_GAP = 12.0  # pixels around the middle of the crosshair that are left free


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
    painter.save()
    is_upright = all(abs(deg % 90.0) < 1e-6 for deg in lines_deg)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, not is_upright)
    painter.setPen(QPen(QColor(86, 180, 233, 150), 1.0))
    far = reach + float(np.hypot(place.x(), place.y()))
    for angle in np.deg2rad(lines_deg):
        along = QPointF(float(np.cos(angle)), float(np.sin(angle)))
        for side in (along, -along):
            painter.drawLine(place + side * ARM_GAP, place + side * far)
    painter.restore()


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
