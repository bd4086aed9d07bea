"""What is held while the pointer is dragged in a slice: one class for each thing one can hold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from app.workstation.style.palette import LESION
from app.workstation.viewpoint import DrawnWay, Tool
from app.workstation.views.callipers import Calliper
from app.workstation.views.measured import Draft
from app.workstation.views.way_drag import WayDrag
from imaging.document import Vector
from imaging.geometry import FloatArray
from imaging.strokes import Stroke
from planning.annotations import Annotation, AnnotationKind, circle, length

if TYPE_CHECKING:
    from app.workstation.views.slice_view import SliceView

WINDOW_SPEED_HU = 3.0  # a pixel of dragging
STROKE_STEP_MM = 0.7  # points of a stroke nearer than this add nothing
CLICK_PIXELS = 4.0  # a pointer that moved less was clicked, not dragged
LEAST_ARM_PIXELS = 8.0  # from the crosshair, nearer to which a turn would jump


class Grip:
    """Something that follows the pointer.

    Parameters
    ----------
    view : SliceView
        Where it is held.
    begun : QPointF
        Where the button was pressed.
    """

    def __init__(self, view: SliceView, begun: QPointF) -> None:
        self.view, self.begun = view, begun

    def move(self, position: QPointF) -> None:
        """Follow the pointer.

        Parameters
        ----------
        position : QPointF
            Widget's pixels.
        """

    def end(self, position: QPointF) -> None:
        """Do what was meant, once the button is let go.

        Parameters
        ----------
        position : QPointF
            Widget's pixels.
        """

    def paint(self, painter: QPainter) -> None:
        """Draw what is held.

        Parameters
        ----------
        painter : QPainter
            Of the view.
        """

    def was_dragged(self, position: QPointF) -> bool:
        """Tell a drag from a click.

        Parameters
        ----------
        position : QPointF
            Where the button was let go.

        Returns
        -------
        bool
            False for a click.
        """
        return (position - self.begun).manhattanLength() >= CLICK_PIXELS


class PictureGrip(Grip):
    """The picture itself."""

    def __init__(self, view: SliceView, begun: QPointF) -> None:
        super().__init__(view, begun)
        self._centre_mm = view.centre_mm

    def move(self, position: QPointF) -> None:
        """Move the picture along."""
        moved = position - self.begun
        self.view.pan_to(
            self._centre_mm - np.array([moved.x(), moved.y()]) * self.view.mm_per_pixel
        )


class WindowGrip(Grip):
    """Brightness and contrast."""

    def __init__(self, view: SliceView, begun: QPointF) -> None:
        super().__init__(view, begun)
        self._window = view.shown.window

    def move(self, position: QPointF) -> None:
        """Change the centre by dragging down, the width by dragging right."""
        moved = position - self.begun
        self.view.viewpoint.set_window(
            self._window.centre_hu + WINDOW_SPEED_HU * moved.y(),
            self._window.width_hu + WINDOW_SPEED_HU * moved.x(),
        )


class CrosshairGrip(Grip):
    """The crosshair."""

    def __init__(self, view: SliceView, begun: QPointF) -> None:
        super().__init__(view, begun)
        self.move(begun)

    def move(self, position: QPointF) -> None:
        """Move the crosshair to the pointer."""
        self.view.viewpoint.move_crosshair(as_vector(self.view.to_lps(position)))


class TurnGrip(Grip):
    """An arm of the crosshair; the planes seen as lines turn with it."""

    def __init__(self, view: SliceView, begun: QPointF) -> None:
        super().__init__(view, begun)
        self._planes = view.shown.planes
        self._pivot = view.to_position(np.array(view.shown.crosshair_lps_mm))
        self._from_deg: float | None = self._angle_deg(begun)

    def _angle_deg(self, position: QPointF) -> float | None:
        arm = position - self._pivot
        if np.hypot(arm.x(), arm.y()) < LEAST_ARM_PIXELS:
            return None
        return float(np.rad2deg(np.arctan2(arm.y(), arm.x())))

    def move(self, position: QPointF) -> None:
        """Turn the planes by as much as the pointer went round the crosshair."""
        angle_deg = self._angle_deg(position)
        if angle_deg is None:
            return
        if self._from_deg is None:
            self._from_deg = angle_deg
        turned = self._planes.turned(self.view.name, angle_deg - self._from_deg)
        self.view.viewpoint.change(planes=turned)


class StrokeGrip(Grip):
    """A stroke of the brush."""

    def __init__(self, view: SliceView, begun: QPointF) -> None:
        super().__init__(view, begun)
        self._points = [view.to_lps(begun)]
        self._adds = view.shown.tool == Tool.BRUSH_ADD  # a key may change the tool meanwhile

    def move(self, position: QPointF) -> None:
        """Go on with the stroke."""
        place = self.view.to_lps(position)
        if np.linalg.norm(place - self._points[-1]) > STROKE_STEP_MM:
            self._points.append(place)

    def end(self, position: QPointF) -> None:
        """Paint; one drag of the brush is one edit."""
        look = self.view.shown
        self.view.on_stroke(
            Stroke(
                tuple(as_vector(point) for point in self._points),
                as_vector(self.view.axes.normal),
                look.brush_mm,
                adds=self._adds,
                shape=look.brush_shape,
                range_hu=look.brush_range_hu,
            )
        )

    def paint(self, painter: QPainter) -> None:
        """Draw what is painted."""
        radius = self.view.shown.brush_mm / self.view.mm_per_pixel
        colour = QColor(LESION if self._adds else "#FFFFFF")
        colour.setAlpha(90)
        pen = QPen(colour, 2 * radius, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        places = [self.view.to_position(point) for point in self._points]
        if len(places) == 1:
            painter.drawPoint(places[0])
        painter.drawPolyline(QPolygonF(places))


class CalliperGrip(Grip):
    """An end of the lesion's length or width."""

    def __init__(self, view: SliceView, begun: QPointF, calliper: Calliper, end: int) -> None:
        super().__init__(view, begun)
        self._before, self._end = calliper, end
        self.moved: Calliper | None = None

    def move(self, position: QPointF) -> None:
        """Move the end within the plane of this view."""
        axes = self.view.axes
        depth = float(axes.flat(np.array(self._before.ends_lps_mm[self._end]))[2])
        right, down = axes.flat(self.view.to_lps(position))[:2]
        ends = list(self._before.ends_lps_mm)
        ends[self._end] = as_vector(axes.place(float(right), float(down), depth))
        self.moved = replace(self._before, ends_lps_mm=(ends[0], ends[1]))

    def end(self, position: QPointF) -> None:
        """Keep the measure."""
        if self.moved is not None:
            self.view.on_calliper(self.moved)


class WayGrip(Grip):
    """A way in, or an end of it."""

    def __init__(self, view: SliceView, begun: QPointF, drag: WayDrag | None) -> None:
        super().__init__(view, begun)
        here = as_vector(view.to_lps(begun))
        self._drag = drag or WayDrag(DrawnWay(here, here), False)

    def move(self, position: QPointF) -> None:
        """Draw the way to the pointer."""
        view = self.view
        view.on_way(self._drag.to(view.to_lps(position), view.axes), False)

    def end(self, position: QPointF) -> None:
        """Keep the way; a click alone draws none."""
        view = self.view
        if self.was_dragged(position) or view.shown.drawn_way is not None:
            view.on_way(self._drag.to(view.to_lps(position), view.axes), True)


class AnnotationGrip(Grip):
    """A point of a measurement."""

    def __init__(self, view: SliceView, begun: QPointF, one: Annotation, end: int) -> None:
        super().__init__(view, begun)
        self.annotation, self._end, self._before = one, end, one
        view.viewpoint.change(selected_annotation=one.number)

    def move(self, position: QPointF) -> None:
        """Move the point within its plane."""
        self.annotation = self._before.moved(self._end, self.view.to_lps(position))

    def end(self, position: QPointF) -> None:
        """Keep the measurement; one drag is one edit."""
        if self.annotation != self._before:
            self.view.on_annotation(self.annotation)


class DraftGrip(Grip):
    """A measurement that is being drawn."""

    def __init__(self, view: SliceView, begun: QPointF, draft: Draft) -> None:
        super().__init__(view, begun)
        self._draft = draft
        self._from_lps_mm = view.to_lps(begun)
        self.annotation: Annotation | None = None

    def move(self, position: QPointF) -> None:
        """Draw to the pointer."""
        ends = as_vector(self._from_lps_mm), as_vector(self.view.to_lps(position))
        normal = as_vector(self.view.axes.normal)
        if not self.was_dragged(position):
            self.annotation = None
        elif self._draft.kind is AnnotationKind.REGION:
            self.annotation = circle(self._draft.number, *ends, normal)
        else:  # the first arm of an angle is a length until its other arm is drawn
            self.annotation = length(self._draft.number, ends, normal)

    def end(self, position: QPointF) -> None:
        """Keep the measurement; of an angle the second arm is still to come."""
        self.move(position)
        if self.annotation is None:
            return
        if self._draft.kind is AnnotationKind.ANGLE:
            self._draft.arm = self.annotation.points_lps_mm[0], self.annotation.points_lps_mm[1]
        else:
            self.view.on_annotation(self.annotation)


def as_vector(point: FloatArray) -> Vector:
    """Return a place as it is kept in documents.

    Parameters
    ----------
    point : numpy.ndarray
        Shape (3,).

    Returns
    -------
    Vector
        The same numbers.
    """
    x, y, z = (float(n) for n in point)
    return x, y, z
