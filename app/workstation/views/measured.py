"""Lengths, angles and regions as they are drawn over the slices they lie in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from app.workstation.style.palette import ACCENT, MEASURED
from app.workstation.views.reslice import Axes
from app.workstation.words import Words
from imaging.document import Vector
from imaging.geometry import FloatArray
from imaging.regions import RegionValues, region_values
from imaging.volume import Volume
from planning.annotations import Annotation, AnnotationKind

HANDLE_RADIUS = 4.0  # pixels
LINE_HEIGHT = 15
LABEL_GAP = 10.0
MOST_KNOWN = 64  # regions whose values are kept
IN_PLANE_MM = 0.01  # rounding of places that were drawn on a plane

ToPosition = Callable[[FloatArray], QPointF]


@dataclass
class Draft:
    """A measurement that is begun.

    Parameters
    ----------
    kind : AnnotationKind
        What is measured.
    number : int
        That it will have.
    arm : tuple of Vector or None
        Of an angle, the arm that is drawn: its end, and the vertex.
    """

    kind: AnnotationKind
    number: int
    arm: tuple[Vector, Vector] | None = None


class RegionTable:
    """The values of regions, each found once for a CT."""

    def __init__(self) -> None:
        self._volume: Volume | None = None
        self._known: dict[tuple[Vector, ...], RegionValues | None] = {}

    def of(self, volume: Volume, annotation: Annotation) -> RegionValues | None:
        """Return what the voxels of a region say.

        Parameters
        ----------
        volume : Volume
            The CT.
        annotation : Annotation
            A region.

        Returns
        -------
        RegionValues or None
            None where no voxel's centre lies in it.
        """
        if volume is not self._volume:
            self._volume = volume
            self._known.clear()
        key = annotation.points_lps_mm
        if key not in self._known:
            while len(self._known) >= MOST_KNOWN:
                self._known.pop(next(iter(self._known)))
            self._known[key] = region_values(volume, annotation.ellipse)
        return self._known[key]


def lies_in(annotation: Annotation, axes: Axes, depth_mm: float, half_mm: float) -> bool:
    """Tell whether a measurement lies in a plane.

    Parameters
    ----------
    annotation : Annotation
        Any.
    axes : Axes
        Of the view.
    depth_mm : float
        Of its plane.
    half_mm : float
        Half of what counts as the plane: a slice of the CT, or the slab that is shown.

    Returns
    -------
    bool
        True where all its points do.
    """
    depths = axes.flat(np.array(annotation.points_lps_mm))[:, 2]
    return bool(np.abs(depths - depth_mm).max() <= half_mm + IN_PLANE_MM)


def told(
    annotation: Annotation, words: Words, volume: Volume | None, table: RegionTable
) -> tuple[str, ...]:
    """Return what stands beside a measurement.

    Parameters
    ----------
    annotation : Annotation
        Any.
    words : Words
        Of the screen.
    volume : Volume or None
        Whose values are told of a region.
    table : RegionTable
        Of regions known already.

    Returns
    -------
    tuple of str
        Lines.
    """
    if annotation.kind is AnnotationKind.LENGTH:
        return (f"{words.number(annotation.length_mm)} mm",)
    if annotation.kind is AnnotationKind.ANGLE:
        return (f"{words.number(annotation.angle_deg)}°",)
    area = words("measured.area", mm2=words.number(annotation.ellipse.area_mm2, 0))
    found = None if volume is None else table.of(volume, annotation)
    if found is None:
        return area, words("measured.no_voxel")
    mean, sd = words.number(found.mean_hu), words.number(found.sd_hu)
    low, high = words.number(found.min_hu, 0), words.number(found.max_hu, 0)
    return (
        words("measured.mean", mean=mean, sd=sd),
        words("measured.range", low=low, high=high),
        f"{area} · {words('measured.voxels', count=found.voxels)}",
    )


def paint_annotation(
    painter: QPainter,
    annotation: Annotation,
    to_position: ToPosition,
    lines: tuple[str, ...],
    *,
    is_selected: bool,
) -> None:
    """Draw a measurement with its label and the points by which it is moved.

    Parameters
    ----------
    painter : QPainter
        Of the view.
    annotation : Annotation
        Any.
    to_position : callable
        Place in the patient to pixels.
    lines : tuple of str
        Beside it.
    is_selected : bool
        Draws it in the colour of what Delete removes.
    """
    colour = QColor(ACCENT if is_selected else MEASURED)
    points = [to_position(np.array(point)) for point in annotation.points_lps_mm]
    drawn = points
    if annotation.kind is AnnotationKind.REGION:
        drawn = [to_position(place) for place in annotation.ellipse.outline_lps_mm()]
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for shade, width in ((QColor(0, 0, 0, 170), 3.6), (colour, 1.5)):
        painter.setPen(QPen(shade, width))
        painter.drawPolyline(QPolygonF(drawn))
    painter.setBrush(QColor(0, 0, 0, 120))
    painter.setPen(QPen(colour, 1.4))
    for point in points:
        painter.drawEllipse(point, HANDLE_RADIUS, HANDLE_RADIUS)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    _paint_label(painter, drawn, lines, colour)


def _paint_label(
    painter: QPainter, drawn: list[QPointF], lines: tuple[str, ...], colour: QColor
) -> None:
    """Write right of what is drawn, or left of it where there is no room, within the view."""
    font = painter.font()
    font.setPixelSize(12)
    font.setBold(False)
    painter.setFont(font)
    metrics, view = painter.fontMetrics(), painter.viewport()
    width = max((metrics.horizontalAdvance(line) for line in lines), default=0) + 8.0
    height = LINE_HEIGHT * len(lines) + 4.0
    box = QPolygonF(drawn).boundingRect()
    ratio = painter.device().devicePixelRatioF()
    room_x, room_y = view.width() / ratio, view.height() / ratio
    x = box.right() + LABEL_GAP
    if x + width > room_x:
        x = max(box.left() - LABEL_GAP - width, 2.0)
    y = min(max(box.center().y() - height / 2, 2.0), max(room_y - height - 2.0, 2.0))
    painter.fillRect(QRectF(x, y, width, height), QColor(0, 0, 0, 215))
    painter.setPen(colour)
    flags = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    for number, line in enumerate(lines):
        row = QRectF(x + 4, y + 2 + number * LINE_HEIGHT, width, LINE_HEIGHT)
        painter.drawText(row, flags, line)
