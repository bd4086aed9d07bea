"""The pointer in a slice: what a press takes hold of, by tool, and what lies under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPen

from app.workstation.style.palette import LESION
from app.workstation.viewpoint import BRUSHES, CLICKS, MEASURING, DrawnWay, Look, Tool
from app.workstation.views.callipers import Calliper, paint_calliper
from app.workstation.views.grips import (
    AnnotationGrip,
    CalliperGrip,
    CrosshairGrip,
    DraftGrip,
    Grip,
    PictureGrip,
    StrokeGrip,
    TurnGrip,
    WayGrip,
    WindowGrip,
    as_vector,
)
from app.workstation.views.measured import (
    Draft,
    RegionTable,
    lies_in,
    paint_annotation,
    told,
)
from app.workstation.views.way_drag import WayDrag, grasped, paint_drawn_way, paint_handles
from imaging.geometry import FloatArray
from planning.annotations import Annotation, AnnotationKind, angle, next_number

if TYPE_CHECKING:
    from app.workstation.views.slice_view import SliceView

HANDLE_PIXELS = 10.0  # around an end of a calliper, in which it is grasped
POINT_PIXELS = 7.0  # around a point of a measurement, also where the crosshair is the tool
NEAR_MM = 3.0  # of the plane, within which a calliper is drawn
KINDS = {
    Tool.LENGTH: AnnotationKind.LENGTH,
    Tool.ANGLE: AnnotationKind.ANGLE,
    Tool.REGION: AnnotationKind.REGION,
}
SHAPES = {
    Tool.CROSSHAIR: Qt.CursorShape.ArrowCursor,
    Tool.BRUSH_ADD: Qt.CursorShape.BlankCursor,
    Tool.BRUSH_REMOVE: Qt.CursorShape.BlankCursor,
    Tool.WINDOW: Qt.CursorShape.SizeAllCursor,
    Tool.PAN: Qt.CursorShape.OpenHandCursor,
    Tool.TURN: Qt.CursorShape.PointingHandCursor,
}


class Hand:
    """What the pointer holds in one slice, and how that is drawn.

    Parameters
    ----------
    view : SliceView
        Where it is.
    """

    def __init__(self, view: SliceView) -> None:
        self._view = view
        self._grip: Grip | None = None
        self._angle: Draft | None = None  # whose second arm follows the pointer
        self._regions = RegionTable()

    # Buttons

    def press(self, event: QMouseEvent) -> None:
        """Take hold of what the tool, the button and the keys held mean.

        Parameters
        ----------
        event : QMouseEvent
            Of the view.
        """
        view, position = self._view, event.position()
        if event.button() == Qt.MouseButton.LeftButton:
            self._grip = self._left_grip(position, event.modifiers())
        elif event.button() == Qt.MouseButton.RightButton:
            self._grip = WindowGrip(view, position)
        else:
            self._grip = PictureGrip(view, position)

    def pan(self, position: QPointF) -> None:
        """Take hold of the picture.

        Parameters
        ----------
        position : QPointF
            Of the pointer.
        """
        self._grip = PictureGrip(self._view, position)

    def move(self, position: QPointF) -> None:
        """Let what is held follow the pointer.

        Parameters
        ----------
        position : QPointF
            Of the pointer.
        """
        if self._grip is not None:
            self._grip.move(position)

    def release(self, position: QPointF) -> None:
        """Let go.

        Parameters
        ----------
        position : QPointF
            Of the pointer.
        """
        held, self._grip = self._grip, None
        if held is not None:
            held.end(position)

    def look_changed(self, before: Look, look: Look) -> None:
        """Drop an angle that is half drawn where tool or plane are others now.

        Parameters
        ----------
        before, look : Look
            The look before and now.
        """
        if before.tool != look.tool:
            self._view.setCursor(SHAPES.get(look.tool, Qt.CursorShape.CrossCursor))
        is_moved = before.crosshair_lps_mm != look.crosshair_lps_mm or before.planes != look.planes
        if before.tool != look.tool or is_moved:
            self._angle = None

    def _left_grip(self, position: QPointF, held: Qt.KeyboardModifier) -> Grip | None:
        view, tool = self._view, self._view.shown.tool
        if tool == Tool.PAN or held & Qt.KeyboardModifier.ControlModifier:
            return PictureGrip(view, position)
        if tool == Tool.WINDOW:
            return WindowGrip(view, position)
        if tool == Tool.TURN or (
            tool == Tool.CROSSHAIR and held & Qt.KeyboardModifier.ShiftModifier
        ):
            return TurnGrip(view, position) if view.is_linked else None
        if tool in MEASURING or tool == Tool.CROSSHAIR:
            return self._measuring_grip(position)
        return self._planning_grip(position)

    def _planning_grip(self, position: QPointF) -> Grip | None:
        view, tool = self._view, self._view.shown.tool
        if tool in CLICKS:
            place = as_vector(view.to_lps(position))
            view.viewpoint.move_crosshair(place)
            view.on_click(place)
            return None
        if tool == Tool.CALLIPERS:
            found = self._calliper_at(position)
            return None if found is None else CalliperGrip(view, position, *found)
        if tool == Tool.DRAW_WAY:
            return WayGrip(view, position, self._grasped_way(position))
        return StrokeGrip(view, position)

    # Measurements

    def _measuring_grip(self, position: QPointF) -> Grip | None:
        view, case = self._view, self._view.layers.case
        if self._angle is not None and self._angle.arm is not None:
            draft, self._angle = self._angle, None
            view.on_annotation(self._whole_angle(draft, view.to_lps(position)))
            return None
        found = self.annotation_at(position)
        if found is not None:
            return AnnotationGrip(view, position, *found)
        if view.shown.tool == Tool.CROSSHAIR:
            return CrosshairGrip(view, position)
        if case is None:
            return None
        draft = Draft(KINDS[view.shown.tool], next_number(case.plan.annotations))
        self._angle = draft if draft.kind is AnnotationKind.ANGLE else None
        return DraftGrip(view, position, draft)

    def _whole_angle(self, draft: Draft, place: FloatArray) -> Annotation:
        normal = as_vector(self._view.axes.normal)
        arm = draft.arm or (as_vector(place), as_vector(place))
        return angle(draft.number, (*arm, as_vector(place)), normal)

    def annotation_at(self, position: QPointF) -> tuple[Annotation, int] | None:
        """Return the measurement of which a point lies under the pointer.

        Parameters
        ----------
        position : QPointF
            Of the pointer.

        Returns
        -------
        tuple or None
            The measurement and the index of the point.
        """
        for one in reversed(self._seen_annotations()):
            for end, point in enumerate(one.points_lps_mm):
                gap = self._view.to_position(np.array(point)) - position
                if np.hypot(gap.x(), gap.y()) <= POINT_PIXELS:
                    return one, end
        return None

    def _seen_annotations(self) -> list[Annotation]:
        view, case = self._view, self._view.layers.case
        if case is None:
            return []
        half = max(view.step_mm(), view.shown.slab.thickness_mm) / 2
        return [
            one for one in case.plan.annotations if lies_in(one, view.axes, view.depth_mm, half)
        ]

    def paint_annotations(self, painter: QPainter) -> None:
        """Draw the measurements, over everything else: their figures have to be read.

        Parameters
        ----------
        painter : QPainter
            Of the view.
        """
        view, grip = self._view, self._grip
        held = grip.annotation if isinstance(grip, AnnotationGrip | DraftGrip) else None
        if self._angle is not None and self._angle.arm is not None:
            place = view.cursor_lps_mm
            held = None if place is None else self._whole_angle(self._angle, place)
        shown = [
            one for one in self._seen_annotations() if held is None or one.number != held.number
        ]
        for one in shown if held is None else [*shown, held]:
            lines = told(one, view.words, view.layers.volume, self._regions)
            is_selected = one is held or one.number == view.shown.selected_annotation
            paint_annotation(painter, one, view.to_position, lines, is_selected=is_selected)

    # Ways

    def _planned_way(self) -> DrawnWay | None:
        case = self._view.layers.case
        chosen = case.plan.chosen if case is not None else None
        return None if chosen is None else DrawnWay(chosen.entry_lps_mm, chosen.target_lps_mm)

    def _ends(self, way: DrawnWay) -> tuple[QPointF, QPointF]:
        entry, target = np.array(way.entry_lps_mm), np.array(way.target_lps_mm)
        return self._view.to_position(entry), self._view.to_position(target)

    def _grasped_way(self, position: QPointF) -> WayDrag | None:
        way = self._planned_way()
        return None if way is None else grasped(way, self._ends(way), position)

    def paint_ways(self, painter: QPainter) -> None:
        """Draw the way that is being drawn, or the ends by which the planned one is dragged.

        Parameters
        ----------
        painter : QPainter
            Of the view.
        """
        view = self._view
        planned, drawn = self._planned_way(), view.shown.drawn_way
        if view.shown.tool == Tool.DRAW_WAY and planned is not None and drawn is None:
            paint_handles(painter, self._ends(planned))
        if drawn is not None:
            says = isinstance(self._grip, WayGrip)  # only where the hand is
            paint_drawn_way(painter, drawn, self._ends(drawn), view.words, says=says)

    # Callipers and strokes

    def _calliper_at(self, position: QPointF) -> tuple[Calliper, int] | None:
        """Return the end of a calliper under the pointer."""
        for calliper in self._view.layers.callipers():
            for end, place in enumerate(calliper.ends_lps_mm):
                gap = self._view.to_position(np.array(place)) - position
                if np.hypot(gap.x(), gap.y()) <= HANDLE_PIXELS:
                    return calliper, end
        return None

    def _paint_callipers(self, painter: QPainter) -> None:
        view, look = self._view, self._view.shown
        is_hidden = not look.shows_diameters or look.is_at_ablation  # isotherms are read there
        can_drag = look.tool == Tool.CALLIPERS
        if is_hidden and not can_drag:
            return
        moved = self._grip.moved if isinstance(self._grip, CalliperGrip) else None
        taken: list[QRectF] = []
        for calliper in view.layers.callipers():
            one = moved if moved is not None and moved.key == calliper.key else calliper
            depths = [float(view.axes.flat(np.array(end))[2]) for end in one.ends_lps_mm]
            is_near = min(depths) - NEAR_MM <= view.depth_mm <= max(depths) + NEAR_MM
            if is_near or can_drag:
                places = [view.to_position(np.array(end)) for end in one.ends_lps_mm]
                paint_calliper(
                    painter,
                    (places[0], places[1]),
                    view.words.number(one.length_mm) + " mm",
                    is_solid=is_near,
                    has_handles=can_drag,
                    taken=taken,
                )

    def paint(self, painter: QPainter) -> None:
        """Draw the lesion's measures, and what is held.

        Parameters
        ----------
        painter : QPainter
            Of the view.
        """
        view = self._view
        self._paint_callipers(painter)
        if self._grip is not None:
            self._grip.paint(painter)
        if view.shown.tool in BRUSHES and view.cursor_lps_mm is not None:
            radius = view.shown.brush_mm / view.mm_per_pixel
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(LESION), 1.2))
            painter.drawEllipse(view.to_position(view.cursor_lps_mm), radius, radius)
