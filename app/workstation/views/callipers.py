"""Length and width drawn over the slices, to be dragged by their ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from app.workstation.style.palette import CALLIPER
from imaging.document import Vector
from planning.plan import Case

HANDLE_RADIUS = 5.0
TICK = 6.0
LABEL_GAP = 8.0


@dataclass(frozen=True)
class Calliper:
    """A distance between two places.

    Parameters
    ----------
    key : str
        Of the measure it stands for.
    ends_lps_mm : tuple of Vector
        Its ends.
    """

    key: str
    ends_lps_mm: tuple[Vector, Vector]

    @property
    def length_mm(self) -> float:
        """Distance between the ends."""
        return float(np.linalg.norm(np.subtract(*self.ends_lps_mm)))


def callipers_of(case: Case) -> tuple[Calliper, ...]:
    """Return length and width of the lesion, as they count.

    Parameters
    ----------
    case : Case
        Any state.

    Returns
    -------
    tuple of Calliper
        Empty until the lesion is measured.
    """
    lesion = case.plan.measures
    if lesion is None:
        return ()
    return (
        Calliper("length_mm", lesion.length_ends_lps_mm),
        Calliper("width_mm", lesion.width_ends_lps_mm),
    )


def paint_calliper(
    painter: QPainter,
    ends: tuple[QPointF, QPointF],
    text: str,
    *,
    is_solid: bool,
    has_handles: bool,
    taken: list[QRectF],
) -> None:
    """Draw a calliper.

    Parameters
    ----------
    painter : QPainter
        Of the view.
    ends : tuple of QPointF
        Widget's pixels.
    text : str
        Beside one of its ends; may be empty.
    is_solid : bool
        False draws it dashed: it lies away from the plane.
    has_handles : bool
        Draws the ends to be grasped.
    taken : list of QRectF
        Where labels stand already; that of this one is added.
    """
    first, second = ends
    for colour, width in ((QColor(0, 0, 0, 160), 3.5), (QColor(CALLIPER), 1.4)):
        pen = QPen(colour, width)
        if not is_solid:
            pen.setDashPattern([2.0, 3.0])
        painter.setPen(pen)
        painter.drawLine(first, second)
    along = second - first
    size = max(float(np.hypot(along.x(), along.y())), 1e-6)
    across = QPointF(-along.y() / size, along.x() / size) * TICK
    painter.setPen(QPen(QColor(CALLIPER), 1.4))
    for end in ends:
        painter.drawLine(end - across, end + across)
        if has_handles:
            painter.setBrush(QColor(0, 0, 0, 120))
            painter.drawEllipse(end, HANDLE_RADIUS, HANDLE_RADIUS)
            painter.setBrush(Qt.BrushStyle.NoBrush)
    if text:
        box = _label_box(painter, ends, text, taken)
        taken.append(box)
        for shift, colour in ((1.0, QColor(0, 0, 0, 220)), (0.0, QColor(CALLIPER))):
            painter.setPen(colour)
            painter.drawText(box.translated(shift, shift), Qt.AlignmentFlag.AlignCenter, text)


def _label_box(
    painter: QPainter, ends: tuple[QPointF, QPointF], text: str, taken: list[QRectF]
) -> QRectF:
    """Return where the text stands: beyond the second end, or the first where one is there."""
    metrics = painter.fontMetrics()
    half = QPointF(metrics.horizontalAdvance(text) / 2.0 + 2.0, metrics.height() / 2.0)
    boxes = []
    for end, other in ((ends[1], ends[0]), (ends[0], ends[1])):
        away = end - other
        size = max(float(np.hypot(away.x(), away.y())), 1e-6)
        middle = end + QPointF(
            away.x() / size * (half.x() + LABEL_GAP), away.y() / size * (half.y() + LABEL_GAP)
        )
        box = QRectF(middle - half, middle + half)
        if not any(box.intersects(one) for one in taken):
            return box
        boxes.append(box)
    return boxes[0].translated(0.0, 2.0 * half.y())
