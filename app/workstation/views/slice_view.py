"""One slice of the CT with all that is planned drawn over it."""

# ruff: noqa: N802 - Qt calls these methods by its own names

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QEnterEvent,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
    QResizeEvent,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.workstation.style.palette import LESION, VIEW
from app.workstation.viewpoint import (
    BRUSHES,
    CLICKS,
    DrawnWay,
    Look,
    Tool,
    Viewpoint,
)
from app.workstation.views.callipers import Calliper, paint_calliper
from app.workstation.views.decoration import Decoration, paint_decoration
from app.workstation.views.layers import Layers, Line
from app.workstation.views.painting import grey_table, meets, paint_line
from app.workstation.views.reslice import STANDARD, Axes, Frame
from app.workstation.views.way_drag import (
    WayDrag,
    grasped,
    paint_drawn_way,
    paint_handles,
)
from app.workstation.words import Words
from imaging.document import Vector
from imaging.geometry import FloatArray
from imaging.strokes import Stroke

FIT = 0.96  # of the view that the patient fills at first
ZOOM_STEP = 1.15
MM_PER_PIXEL = (0.03, 5.0)
WINDOW_SPEED_HU = 3.0  # a pixel of dragging
STROKE_STEP_MM = 0.7  # points of a stroke nearer than this add nothing
WHEEL_NOTCH = 120
HANDLE_PIXELS = 10.0  # around an end of a calliper, in which it is grasped
CLICK_PIXELS = 4.0  # a pointer that moved less was clicked, not dragged
NEAR_MM = 3.0  # of the plane, within which a calliper is drawn


class Overlaid(Protocol):
    """What draws itself over the grey values of a slice."""

    def paint(
        self, painter: QPainter, axes: Axes, frame: Frame, look: Look, crosshair: QPointF
    ) -> None:
        """Draw over the grey values and below the lines."""

    def said(self, place_lps_mm: FloatArray | None) -> str:
        """Return what is said of the place under the pointer."""


class SliceView(QWidget):
    """An axial, coronal or sagittal slice.

    Parameters
    ----------
    name : str
        ``axial``, ``coronal`` or ``sagittal``.
    layers : Layers
        What is cut.
    viewpoint : Viewpoint
        Shared look.
    words : Words
        Of the screen.
    """

    def __init__(self, name: str, layers: Layers, viewpoint: Viewpoint, words: Words) -> None:
        super().__init__()
        self.name = name
        self._layers, self._viewpoint, self._words = layers, viewpoint, words
        self._axes = STANDARD.get(name, STANDARD["axial"])
        self._centre_mm = np.zeros(2)
        self._mm_per_pixel = 1.0
        self._fitted = True
        self._image: QImage | None = None
        self._pixels: NDArray[np.uint8] | None = None
        self._lines: list[Line] | None = None
        self._overlay: QPixmap | None = None
        self._seen: list[Line] = []
        self._shown = viewpoint.look
        self._drag: tuple[Qt.MouseButton, QPointF, Any] | None = None
        self._stroke: list[FloatArray] = []
        self._adds = True  # whether the stroke does; a key may change the tool while it is drawn
        self._handle: tuple[Calliper, int] | None = None
        self._calliper: Calliper | None = None
        self._cursor_lps_mm: FloatArray | None = None
        self.on_click: Callable[[Vector], None] = lambda _point: None
        self.on_stroke: Callable[[Stroke], None] = lambda _stroke: None
        self.on_calliper: Callable[[Calliper], None] = lambda _calliper: None
        self.on_way: Callable[[DrawnWay, bool], None] = lambda _way, _is_done: None
        self._way: WayDrag | None = None
        self.on_maximise: Callable[[SliceView], None] = lambda _view: None
        self.on_seen: Callable[[SliceView], None] = lambda _view: None
        self.overlay: Overlaid | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._unsubscribe = viewpoint.subscribe(self._look_changed)

    def minimumSizeHint(self) -> QSize:
        """Return the least size at which a slice can be read."""
        return QSize(160, 140)

    @property
    def layers(self) -> Layers:
        """What is cut."""
        return self._layers

    def release(self) -> None:
        """Stop observing; called before the view is destroyed."""
        self._unsubscribe()

    # What is shown

    def show_volume(self) -> None:
        """Fit the new CT into the view."""
        self.reset()

    def show_case(self) -> None:
        """Draw the new state of the case."""
        self._lines = None
        self.update()

    def reset(self) -> None:
        """Fit the whole CT into the view."""
        volume = self._layers.volume
        self._fitted = True
        if volume is not None:
            flat = self._axes.flat(volume.grid.corners_lps_mm())[:, :2]
            low, high = flat.min(axis=0), flat.max(axis=0)
            self._centre_mm = (low + high) / 2
            size = np.array([max(self.width(), 1), max(self.height(), 1)])
            self._mm_per_pixel = float(((high - low) / size).max()) / FIT
        self._forget()

    def zoom_to(self, point_lps_mm: FloatArray, width_mm: float) -> None:
        """Bring a place to the middle.

        Parameters
        ----------
        point_lps_mm : numpy.ndarray
            Shape (3,).
        width_mm : float
            Shown across the view's smaller side.
        """
        self._fitted = False
        self._centre_mm = self._axes.flat(point_lps_mm)[:2]
        self._mm_per_pixel = width_mm / max(min(self.width(), self.height()), 1)
        self._forget()

    def _forget(self) -> None:
        self._image, self._lines = None, None
        self.update()

    def _look_changed(self, look: Look) -> None:
        before, self._shown = self._shown, look
        if self._depth(before) != self._depth(look):
            self._image, self._lines = None, None
        elif before.window != look.window:
            self._image = None
        if (
            before.hidden_structures != look.hidden_structures
            or before.simulation != look.simulation
            or before.shows_isotherms != look.shows_isotherms
            or before.shows_proposals != look.shows_proposals
            or before.is_at_ablation != look.is_at_ablation
        ):
            self._lines = None
        if before.tool != look.tool:
            self._show_tool()
        self.update()

    def _show_tool(self) -> None:
        shapes = {
            Tool.CROSSHAIR: Qt.CursorShape.ArrowCursor,
            Tool.BRUSH_ADD: Qt.CursorShape.BlankCursor,
            Tool.BRUSH_REMOVE: Qt.CursorShape.BlankCursor,
            Tool.WINDOW: Qt.CursorShape.SizeAllCursor,
            Tool.PAN: Qt.CursorShape.OpenHandCursor,
        }
        self.setCursor(shapes.get(self._shown.tool, Qt.CursorShape.CrossCursor))

    def _depth(self, look: Look) -> float:
        return float(self._axes.flat(np.array(look.crosshair_lps_mm))[2])

    # Places

    def to_mm(self, position: QPointF) -> tuple[float, float]:
        """Return millimetres of the plane under a position of the widget.

        Parameters
        ----------
        position : QPointF
            Widget's pixels.

        Returns
        -------
        tuple of float
            Right, down.
        """
        return (
            float(self._centre_mm[0] + (position.x() - self.width() / 2) * self._mm_per_pixel),
            float(self._centre_mm[1] + (position.y() - self.height() / 2) * self._mm_per_pixel),
        )

    def to_lps(self, position: QPointF) -> FloatArray:
        """Return the place in the patient under a position of the widget.

        Parameters
        ----------
        position : QPointF
            Widget's pixels.

        Returns
        -------
        numpy.ndarray
            Shape (3,), LPS millimetres.
        """
        return self._axes.place(*self.to_mm(position), self._depth(self._shown))

    def to_position(self, point_lps_mm: FloatArray) -> QPointF:
        """Return where a place is drawn.

        Parameters
        ----------
        point_lps_mm : numpy.ndarray
            Shape (3,), LPS millimetres.

        Returns
        -------
        QPointF
            Widget's pixels.
        """
        return self._transform().map(QPointF(*self._axes.flat(point_lps_mm)[:2]))

    def _transform(self) -> QTransform:
        scale = 1.0 / self._mm_per_pixel
        move = QTransform.fromTranslate(self.width() / 2, self.height() / 2)
        middle = QTransform.fromTranslate(-float(self._centre_mm[0]), -float(self._centre_mm[1]))
        return middle * QTransform.fromScale(scale, scale) * move

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the slice, then what lies over it."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(VIEW))
        if self._layers.volume is not None:
            if self._image is None or self._lines is None:
                self._overlay = None
            if self._image is None:
                self._image = self._grey_image()
            if self._image is not None:
                painter.drawImage(QRectF(self.rect()), self._image)
            if self.overlay is not None:
                place = self.to_position(np.array(self._shown.crosshair_lps_mm))
                self.overlay.paint(painter, self._axes, self._frame(), self._shown, place)
            if self._lines is None:
                depth = self._depth(self._shown)
                self._lines = self._layers.lines(self._axes, depth, self._shown)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_lines(painter)
            self._paint_callipers(painter)
            self._paint_stroke(painter)
            self._paint_crosshair(painter)
            self._paint_ways(painter)
            paint_decoration(painter, self._decoration(), self._words)
        painter.end()
        self.on_seen(self)

    def follow(self, other: SliceView) -> None:
        """Show the same part of the plane as another view.

        Parameters
        ----------
        other : SliceView
            Of the same plane.
        """
        same = self._mm_per_pixel == other._mm_per_pixel
        if not same or not np.array_equal(self._centre_mm, other._centre_mm):
            self._centre_mm, self._mm_per_pixel = other._centre_mm.copy(), other._mm_per_pixel
            self._fitted = other._fitted
            self._forget()

    def _frame(self) -> Frame:
        """Return the pixels of the view in its plane."""
        ratio = self.devicePixelRatioF()
        columns, rows = max(int(self.width() * ratio), 1), max(int(self.height() * ratio), 1)
        step = self._mm_per_pixel / ratio
        u, v = self.to_mm(QPointF(0.5 / ratio, 0.5 / ratio))
        return Frame(u, v, self._depth(self._shown), step, columns, rows)

    def _grey_image(self) -> QImage | None:
        frame = self._frame()
        columns, rows = frame.columns, frame.rows
        hu = self._layers.grey(self._axes, frame)
        if hu is None:
            return None
        self._pixels = np.ascontiguousarray(grey_table(self._shown.window)[hu.view(np.uint16)])
        return QImage(
            cast("Any", self._pixels.data),
            columns,
            rows,
            columns,
            QImage.Format.Format_Grayscale8,
        )

    def _paint_lines(self, painter: QPainter) -> None:
        """Draw the lines, from a picture of them where nothing but the pointer has moved."""
        if self._overlay is None:
            ratio = self.devicePixelRatioF()
            self._overlay = QPixmap(self.size() * ratio)
            self._overlay.setDevicePixelRatio(ratio)
            self._overlay.fill(Qt.GlobalColor.transparent)
            inner = QPainter(self._overlay)
            inner.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._draw_lines(inner)
            inner.end()
        painter.drawPixmap(0, 0, self._overlay)

    def _draw_lines(self, painter: QPainter) -> None:
        transform = self._transform()
        inside = QRectF(self.rect())
        self._seen = []
        for line in self._lines or ():
            drawn = [
                transform.map(QPolygonF([QPointF(u, v) for u, v in piece.tolist()]))
                for piece in line.points_mm
            ]
            drawn = [one for one in drawn if meets(one, inside)]
            if drawn:
                self._seen.append(line)
            for polygon in drawn:
                paint_line(painter, line, polygon)

    def _paint_stroke(self, painter: QPainter) -> None:
        radius = self._shown.brush_mm / self._mm_per_pixel
        if self._stroke:
            colour = QColor(LESION if self._adds else "#FFFFFF")
            colour.setAlpha(90)
            pen = QPen(colour, 2 * radius, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap)
            pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
            painter.setPen(pen)
            places = [self.to_position(point) for point in self._stroke]
            if len(self._stroke) == 1:
                painter.drawPoint(places[0])
            painter.drawPolyline(QPolygonF(places))
        if self._shown.tool in BRUSHES and self._cursor_lps_mm is not None:
            painter.setPen(QPen(QColor(LESION), 1.2))
            painter.drawEllipse(self.to_position(self._cursor_lps_mm), radius, radius)

    def _paint_crosshair(self, painter: QPainter) -> None:
        if not self._shown.shows_crosshair:
            return
        place = self.to_position(np.array(self._shown.crosshair_lps_mm))
        x, y, gap = place.x(), place.y(), 12.0
        painter.setPen(QPen(QColor(86, 180, 233, 150), 1.0))
        painter.drawLine(QPointF(0, y), QPointF(x - gap, y))
        painter.drawLine(QPointF(x + gap, y), QPointF(self.width(), y))
        painter.drawLine(QPointF(x, 0), QPointF(x, y - gap))
        painter.drawLine(QPointF(x, y + gap), QPointF(x, self.height()))

    def _decoration(self) -> Decoration:
        volume = self._layers.volume
        hu = None
        if volume is not None and self._cursor_lps_mm is not None:
            voxel = volume.grid.nearest(self._cursor_lps_mm)
            hu = None if voxel is None else int(volume.hu[voxel])
        return Decoration(
            name=self.name,
            width=self.width(),
            height=self.height(),
            mm_per_pixel=self._mm_per_pixel,
            axes=self._axes,
            depth_mm=self._depth(self._shown),
            place=self._place_said(),
            window=self._shown.window,
            cursor_lps_mm=self._cursor_lps_mm,
            cursor_hu=hu,
            lines=tuple(self._seen),
            also="" if self.overlay is None else self.overlay.said(self._cursor_lps_mm),
        )

    def _place_said(self) -> str:
        """Return where the plane lies, for views that are not along the patient's axes."""
        return ""

    # Pointer

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the whole CT fitted, or the middle where it was."""
        if self._fitted:
            self.reset()
        self._image = None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin what the tool does."""
        if self._layers.volume is None:
            return
        button, position = event.button(), event.position()
        if button == Qt.MouseButton.LeftButton:
            self._press_left(position, event)
        elif button == Qt.MouseButton.RightButton:
            self._drag = (button, position, self._shown.window)
        else:
            self._drag = (button, position, self._centre_mm.copy())

    def _press_left(self, position: QPointF, event: QMouseEvent) -> None:
        tool = self._shown.tool
        held = event.modifiers()
        if tool == Tool.PAN or held & Qt.KeyboardModifier.ControlModifier:
            self._drag = (Qt.MouseButton.MiddleButton, position, self._centre_mm.copy())
            return
        if tool == Tool.WINDOW:
            self._drag = (Qt.MouseButton.RightButton, position, self._shown.window)
            return
        place = self.to_lps(position)
        self._drag = (Qt.MouseButton.LeftButton, position, None)
        if tool == Tool.CROSSHAIR:
            self._viewpoint.move_crosshair(_vector(place))
        elif tool in CLICKS:
            self._drag = None
            self._viewpoint.move_crosshair(_vector(place))
            self.on_click(_vector(place))
        elif tool == Tool.CALLIPERS:
            self._handle = self._handle_at(position)
        elif tool == Tool.DRAW_WAY:
            here = _vector(place)
            self._way = self._grasped_way(position) or WayDrag(DrawnWay(here, here), False)
        else:
            self._stroke, self._adds = [place], tool == Tool.BRUSH_ADD
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with what the tool does, and tell what lies under the pointer."""
        if self._layers.volume is None:
            return
        position = event.position()
        self._cursor_lps_mm = self.to_lps(position)
        if self._drag is not None:
            button, begun, state = self._drag
            moved = position - begun
            if button == Qt.MouseButton.MiddleButton:
                shift = np.array([moved.x(), moved.y()]) * self._mm_per_pixel
                self._centre_mm, self._fitted = state - shift, False
                self._image = None
            elif button == Qt.MouseButton.RightButton:
                self._viewpoint.set_window(
                    state.centre_hu + WINDOW_SPEED_HU * moved.y(),
                    state.width_hu + WINDOW_SPEED_HU * moved.x(),
                )
            elif self._stroke:
                if np.linalg.norm(self._cursor_lps_mm - self._stroke[-1]) > STROKE_STEP_MM:
                    self._stroke.append(self._cursor_lps_mm)
            elif self._way is not None:
                self.on_way(self._way.to(self._cursor_lps_mm, self._axes), False)
            elif self._handle is not None:
                self._calliper = self._dragged(self._handle, self._cursor_lps_mm)
            elif self._shown.tool == Tool.CROSSHAIR:
                self._viewpoint.move_crosshair(_vector(self._cursor_lps_mm))
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End what the tool does; one drag of the brush is one edit."""
        begun = event.position() if self._drag is None else self._drag[1]
        self._drag = None
        if self._stroke:
            points = tuple(_vector(point) for point in self._stroke)
            self._stroke = []
            look = self._shown
            self.on_stroke(
                Stroke(
                    points,
                    _vector(self._axes.normal),
                    look.brush_mm,
                    adds=self._adds,
                    shape=look.brush_shape,
                    range_hu=look.brush_range_hu,
                )
            )
        if self._way is not None:
            drag, self._way = self._way, None
            moved_px = (event.position() - begun).manhattanLength()
            if moved_px >= CLICK_PIXELS or self._shown.drawn_way is not None:
                self.on_way(drag.to(self.to_lps(event.position()), self._axes), True)
        if self._calliper is not None:
            moved, self._calliper = self._calliper, None
            self.on_calliper(moved)
        self._handle = None
        self.update()

    # Ways

    def _planned_way(self) -> DrawnWay | None:
        case = self._layers.case
        chosen = case.plan.chosen if case is not None else None
        return None if chosen is None else DrawnWay(chosen.entry_lps_mm, chosen.target_lps_mm)

    def _ends(self, way: DrawnWay) -> tuple[QPointF, QPointF]:
        entry, target = np.array(way.entry_lps_mm), np.array(way.target_lps_mm)
        return self.to_position(entry), self.to_position(target)

    def _grasped_way(self, position: QPointF) -> WayDrag | None:
        way = self._planned_way()
        return None if way is None else grasped(way, self._ends(way), position)

    def _paint_ways(self, painter: QPainter) -> None:
        planned, drawn = self._planned_way(), self._shown.drawn_way
        if self._shown.tool == Tool.DRAW_WAY and planned is not None and drawn is None:
            paint_handles(painter, self._ends(planned))
        if drawn is not None:
            says = self._way is not None  # only where the hand is
            paint_drawn_way(painter, drawn, self._ends(drawn), self._words, says=says)

    # Callipers

    def _handle_at(self, position: QPointF) -> tuple[Calliper, int] | None:
        """Return the end of a calliper under the pointer."""
        for calliper in self._layers.callipers():
            for end, place in enumerate(calliper.ends_lps_mm):
                gap = self.to_position(np.array(place)) - position
                if np.hypot(gap.x(), gap.y()) <= HANDLE_PIXELS:
                    return calliper, end
        return None

    def _dragged(self, handle: tuple[Calliper, int], place: FloatArray) -> Calliper:
        """Return the calliper with one end moved within the plane of this view."""
        calliper, end = handle
        before = np.array(calliper.ends_lps_mm[end])
        depth = float(self._axes.flat(before)[2])
        right, down = self._axes.flat(place)[:2]
        ends = list(calliper.ends_lps_mm)
        ends[end] = _vector(self._axes.place(float(right), float(down), depth))
        return replace(calliper, ends_lps_mm=(ends[0], ends[1]))

    def _paint_callipers(self, painter: QPainter) -> None:
        look = self._shown
        is_hidden = not look.shows_diameters or look.is_at_ablation  # isotherms are read there
        if is_hidden and look.tool != Tool.CALLIPERS:
            return
        depth = self._depth(self._shown)
        can_drag = self._shown.tool == Tool.CALLIPERS
        for calliper in self._layers.callipers():
            moved = self._calliper
            one = moved if moved is not None and moved.key == calliper.key else calliper
            depths = [float(self._axes.flat(np.array(end))[2]) for end in one.ends_lps_mm]
            is_near = min(depths) - NEAR_MM <= depth <= max(depths) + NEAR_MM
            if is_near or can_drag:
                places = [self.to_position(np.array(end)) for end in one.ends_lps_mm]
                paint_calliper(
                    painter,
                    (places[0], places[1]),
                    self._words.number(one.length_mm) + " mm",
                    is_solid=is_near,
                    has_handles=can_drag,
                )

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Show this view alone, or all of them again."""
        if self._shown.tool == Tool.CROSSHAIR:
            self.on_maximise(self)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll through the slices; with Ctrl zoom about the pointer."""
        notches = event.angleDelta().y() / WHEEL_NOTCH
        held = event.modifiers()
        if held & Qt.KeyboardModifier.ControlModifier:
            self._zoom(ZOOM_STEP**-notches, event.position())
        elif held & Qt.KeyboardModifier.ShiftModifier and self._shown.tool in BRUSHES:
            self._viewpoint.set_brush(self._shown.brush_mm + notches)
        else:
            self.scroll_slices(notches)
        event.accept()

    def scroll_slices(self, slices: float) -> None:
        """Move through the patient across the view.

        Parameters
        ----------
        slices : float
            Steps of the CT's own spacing along the view, towards the head, front or left.
        """
        volume = self._layers.volume
        if volume is None:
            return
        grid = volume.grid
        columns = grid.affine_kji_to_lps[:3, :3]
        normal = self._axes.normal
        along = int(np.argmax(np.abs(normal @ columns / np.array(grid.spacing_mm_kji))))
        step = abs(float(normal @ columns[:, along]))
        towards = normal if self.name == "axial" else -normal
        moved = np.array(self._shown.crosshair_lps_mm) + towards * step * slices
        corners = grid.corners_lps_mm()
        inside = np.clip(moved, corners.min(axis=0), corners.max(axis=0))
        self._viewpoint.move_crosshair(_vector(inside))

    def _zoom(self, factor: float, about: QPointF) -> None:
        before = np.array(self.to_mm(about))
        self._mm_per_pixel = float(np.clip(self._mm_per_pixel * factor, *MM_PER_PIXEL))
        self._centre_mm = self._centre_mm + before - np.array(self.to_mm(about))
        self._fitted = False
        self._image = None
        self.update()

    def enterEvent(self, event: QEnterEvent) -> None:
        """Take the keys without a click."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)

    def leaveEvent(self, event: QEvent) -> None:
        """Forget what lay under the pointer."""
        self._cursor_lps_mm = None
        self.update()


def _vector(point: FloatArray) -> Vector:
    x, y, z = (float(n) for n in point)
    return x, y, z
