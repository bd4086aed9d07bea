"""One slice of the CT with all that is planned drawn over it."""

# ruff: noqa: N802 - Qt calls these methods by its own names

from __future__ import annotations

from collections.abc import Callable
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
    QResizeEvent,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.workstation.planes import TOLD
from app.workstation.style.palette import VIEW
from app.workstation.viewpoint import BRUSHES, DrawnWay, Look, Tool, Viewpoint
from app.workstation.views.callipers import Calliper
from app.workstation.views.decoration import Decoration, Inscription, slice_z_mm
from app.workstation.views.grips import as_vector
from app.workstation.views.hand import Hand
from app.workstation.views.layers import Layers, Line
from app.workstation.views.painting import grey_table, paint_arms
from app.workstation.views.reslice import STANDARD, Axes, Frame
from app.workstation.views.strokes import Strokes
from app.workstation.words import Words
from imaging.document import Vector
from imaging.geometry import FloatArray
from imaging.strokes import Stroke
from planning.annotations import Annotation

FIT = 0.96  # of the view that the patient fills at first
ZOOM_STEP = 1.15
MM_PER_PIXEL = (0.03, 5.0)
WHEEL_NOTCH = 120


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
        self._axes = self._axes_of(viewpoint.look)
        self._centre_mm = np.zeros(2)
        self._mm_per_pixel = 1.0
        self._fitted = True
        self._image: QImage | None = None
        self._pixels: NDArray[np.uint8] | None = None
        self._lines: list[Line] | None = None
        self._strokes: Strokes | None = None
        self._inscription = Inscription()
        self._seen: list[Line] = []
        self._shown = viewpoint.look
        self.hand = Hand(self)
        self._cursor_lps_mm: FloatArray | None = None
        self.on_click: Callable[[Vector], None] = lambda _point: None
        self.on_stroke: Callable[[Stroke], None] = lambda _stroke: None
        self.on_calliper: Callable[[Calliper], None] = lambda _calliper: None
        self.on_way: Callable[[DrawnWay, bool], None] = lambda _way, _is_done: None
        self.on_annotation: Callable[[Annotation], None] = lambda _annotation: None
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

    @property
    def viewpoint(self) -> Viewpoint:
        """The shared look, to be changed."""
        return self._viewpoint

    @property
    def shown(self) -> Look:
        """The look that is shown."""
        return self._shown

    @property
    def words(self) -> Words:
        """Of the screen."""
        return self._words

    @property
    def axes(self) -> Axes:
        """How the view lies in the patient."""
        return self._axes

    @property
    def depth_mm(self) -> float:
        """Millimetres into the screen of the plane that is shown."""
        return self._depth(self._shown)

    @property
    def mm_per_pixel(self) -> float:
        """Scale."""
        return self._mm_per_pixel

    @property
    def centre_mm(self) -> FloatArray:
        """Right and down of the middle of the widget."""
        return self._centre_mm.copy()

    @property
    def cursor_lps_mm(self) -> FloatArray | None:
        """The place under the pointer."""
        return self._cursor_lps_mm

    @property
    def is_linked(self) -> bool:
        """Whether this is one of the three slices that meet in the crosshair."""
        return self.name in TOLD

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
        is_turned = self.is_linked and before.planes != look.planes
        if is_turned:
            self._turn(look)
        if is_turned or self._depth(before) != self._depth(look):
            self._image, self._lines = None, None
        elif before.window != look.window or before.slab != look.slab:
            self._image = None
        if (
            before.hidden_structures != look.hidden_structures
            or before.simulation != look.simulation
            or before.shows_isotherms != look.shows_isotherms
            or before.shows_proposals != look.shows_proposals
            or before.is_at_ablation != look.is_at_ablation
            or before.slab.thickness_mm != look.slab.thickness_mm
        ):
            self._lines = None
        self.hand.look_changed(before, look)
        self.update()

    def _axes_of(self, look: Look) -> Axes:
        if not self.is_linked:
            return STANDARD["axial"]
        right, down = look.planes.sides(self.name)
        return Axes(np.array(right), np.array(down))

    def _turn(self, look: Look) -> None:
        """Lie otherwise, with the crosshair where it was on the screen."""
        pivot = np.array(look.crosshair_lps_mm)
        before = self._axes.flat(pivot)[:2]
        self._axes = self._axes_of(look)
        self._centre_mm = self._centre_mm + self._axes.flat(pivot)[:2] - before

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
        if self._layers.volume is None:
            painter.fillRect(self.rect(), QColor(VIEW))
        else:
            if self._image is None or self._lines is None:
                self._strokes = None
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
            self.hand.paint(painter)
            self._paint_crosshair(painter)
            self.hand.paint_ways(painter)
            ratio = self.devicePixelRatioF()
            self._inscription.paint(painter, self._decoration(), self._words, ratio)
            self.hand.paint_annotations(painter)
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
        hu = self._layers.grey(self._axes, frame, self._shown.slab)
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
        if self._strokes is None:
            self._strokes = self._drawn_lines()
        picture = self._strokes.image()
        picture.setDevicePixelRatio(self.devicePixelRatioF())
        painter.drawImage(0, 0, picture)

    def _drawn_lines(self) -> Strokes:
        frame, ratio = self._frame(), self.devicePixelRatioF()
        strokes = Strokes(frame.columns, frame.rows)
        corner_mm = np.array(self.to_mm(QPointF(0.0, 0.0)))
        self._seen = []
        for line in self._lines or ():
            pieces = [(piece - corner_mm) / frame.step_mm for piece in line.points_mm]
            if strokes.draw(line, pieces, ratio):
                self._seen.append(line)
        return strokes

    def _paint_crosshair(self, painter: QPainter) -> None:
        if not self._shown.shows_crosshair:
            return
        place = self.to_position(np.array(self._shown.crosshair_lps_mm))
        planes = self._shown.planes
        lines = [planes.line_deg(self.name, other) for other in TOLD if other != self.name]
        paint_arms(painter, place, lines, float(np.hypot(self.width(), self.height())))

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
            through_lps_mm=self._through(),
            place=self._place_said(),
            window=self._shown.window,
            cursor_lps_mm=self._cursor_lps_mm,
            cursor_hu=hu,
            cursor_slice_z_mm=(
                None
                if volume is None or self._cursor_lps_mm is None
                else slice_z_mm(volume.grid, self._cursor_lps_mm)
            ),
            lines=tuple(self._seen),
            also="" if self.overlay is None else self.overlay.said(self._cursor_lps_mm),
            slab=self._shown.slab,
            tilts_deg=self._shown.planes.tilts_deg(self.name) if self.is_linked else {},
        )

    def _through(self) -> FloatArray:
        """Return a place in the plane, which tells where it lies."""
        if self.is_linked:
            return np.array(self._shown.crosshair_lps_mm)
        return self._axes.place(0, 0, self.depth_mm)

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
        if self._layers.volume is not None:
            self.hand.press(event)
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with what the tool does, and tell what lies under the pointer."""
        if self._layers.volume is not None:
            self.hand.move(event.position())
            self._cursor_lps_mm = self.to_lps(event.position())
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End what the tool does."""
        self.hand.release(event.position())
        self.update()

    def pan_to(self, centre_mm: FloatArray) -> None:
        """Move the picture.

        Parameters
        ----------
        centre_mm : numpy.ndarray
            Shape (2,), right and down of what comes to the middle.
        """
        self._centre_mm, self._fitted = centre_mm, False
        self._image = None
        self.update()

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
        normal = self._axes.normal
        towards = normal if self.name == "axial" else -normal
        moved = np.array(self._shown.crosshair_lps_mm) + towards * self.step_mm() * slices
        corners = volume.grid.corners_lps_mm()
        inside = np.clip(moved, corners.min(axis=0), corners.max(axis=0))
        self._viewpoint.move_crosshair(as_vector(inside))

    def step_mm(self) -> float:
        """Return the CT's own spacing along the view.

        Returns
        -------
        float
            Of the axis of the voxels that is nearest to the direction across the plane.
        """
        volume = self._layers.volume
        if volume is None:
            return 1.0
        columns = volume.grid.affine_kji_to_lps[:3, :3]
        normal = self._axes.normal
        along = int(np.argmax(np.abs(normal @ columns / np.array(volume.grid.spacing_mm_kji))))
        return abs(float(normal @ columns[:, along]))

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
