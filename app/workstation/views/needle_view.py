"""Planes along and across the planned needle, and how they are moved along it."""

# ruff: noqa: N802 - Qt calls these methods by its own names

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QWidget

from app.workstation.style.palette import INK, NEEDLE
from app.workstation.viewpoint import MEASURING, Look, Tool, Viewpoint
from app.workstation.views.layers import Layers
from app.workstation.views.reslice import BACK, HEAD, LEFT, Axes
from app.workstation.views.slice_view import SliceView
from app.workstation.words import Words
from imaging.document import Vector
from imaging.geometry import FloatArray

PARALLEL = 0.98  # cosine to the head from which the axial plane is not the one along the needle
STEP_MM = 1.0  # of the wheel and of the slider
BEYOND_MM = 20.0  # past the target, as far as the plane across the needle may go
EYE_VIEW_MM = 90.0  # shown across the view along the needle's own direction
AROUND_MM = 50.0  # shown beyond the needle's ends in the planes that contain it


@dataclass(frozen=True, eq=False)
class NeedlePlanes:
    """The three planes of a needle.

    Parameters
    ----------
    entry_lps_mm, target_lps_mm : numpy.ndarray
        Shape (3,).
    along, beside, eye : Axes
        The plane that contains the needle and is nearest to the axial one; the one across it,
        which contains the needle too; the one across the needle, seen along it from the skin.
    """

    entry_lps_mm: FloatArray
    target_lps_mm: FloatArray
    along: Axes
    beside: Axes
    eye: Axes

    @classmethod
    def of(cls, entry_lps_mm: Vector, target_lps_mm: Vector) -> NeedlePlanes:
        """Return the planes of a needle.

        Parameters
        ----------
        entry_lps_mm, target_lps_mm : Vector
            Where it enters the skin; its tip.

        Returns
        -------
        NeedlePlanes
            Turned as little as possible from how slices are usually seen.
        """
        entry, target = np.array(entry_lps_mm, dtype=float), np.array(target_lps_mm, dtype=float)
        way = (target - entry) / max(float(np.linalg.norm(target - entry)), 1e-6)
        up = HEAD if abs(float(way @ HEAD)) < PARALLEL else -BACK
        normal = _across(up, way)
        right = _across(LEFT, normal)
        along = Axes(right, np.cross(normal, right))
        usual = BACK if abs(float(way @ BACK)) > abs(float(way @ LEFT)) else LEFT
        sign = 1.0 if float(way @ usual) >= 0 else -1.0
        return cls(
            entry, target, along, Axes(sign * way, -normal), Axes(np.cross(-normal, way), -normal)
        )

    @property
    def length_mm(self) -> float:
        """From skin to target."""
        return float(np.linalg.norm(self.target_lps_mm - self.entry_lps_mm))

    def at(self, depth_mm: float) -> FloatArray:
        """Return a place on the needle.

        Parameters
        ----------
        depth_mm : float
            From the skin.

        Returns
        -------
        numpy.ndarray
            Shape (3,).
        """
        way = (self.target_lps_mm - self.entry_lps_mm) / max(self.length_mm, 1e-6)
        place: FloatArray = self.entry_lps_mm + depth_mm * way
        return place


def _across(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return the part of a direction that is perpendicular to another, as a unit vector."""
    left: FloatArray = one - float(one @ other) * other
    return left / np.linalg.norm(left)


class NeedleView(SliceView):
    """A plane of the planned needle.

    Parameters
    ----------
    name : str
        ``along``, ``beside`` or ``eye``.
    layers : Layers
        What is cut.
    viewpoint : Viewpoint
        Shared look; its crosshair stays where it is.
    words : Words
        Of the screen.
    """

    def __init__(self, name: str, layers: Layers, viewpoint: Viewpoint, words: Words) -> None:
        super().__init__(name, layers, viewpoint, words)
        self._planes: NeedlePlanes | None = None
        self._radius_mm = 1.0
        self._depth_mm = 0.0  # of the plane across the needle, from the skin
        self.on_slide: Callable[[float], None] = lambda _mm: None

    def show_needle(self, planes: NeedlePlanes, diameter_mm: float) -> None:
        """Show the planes of another needle.

        Parameters
        ----------
        planes : NeedlePlanes
            Of the needle.
        diameter_mm : float
            Its outer diameter.
        """
        self._planes, self._radius_mm = planes, diameter_mm / 2
        self._axes = {"along": planes.along, "beside": planes.beside, "eye": planes.eye}[self.name]
        self.reset()

    def slide_to(self, depth_mm: float) -> None:
        """Move the plane across the needle.

        Parameters
        ----------
        depth_mm : float
            From the skin.
        """
        self._depth_mm = depth_mm
        if self.name == "eye":
            self._image, self._lines = None, None
        self.update()

    def reset(self) -> None:
        """Fit the needle into the view."""
        if self._planes is None:
            super().reset()
            return
        middle = self._planes.at(self._planes.length_mm / 2)
        width = self._planes.length_mm + 2 * AROUND_MM
        if self.name == "eye":
            middle, width = self._planes.target_lps_mm, EYE_VIEW_MM
        self.zoom_to(middle, width)
        self._fitted = True

    def scroll_slices(self, slices: float) -> None:
        """Move the plane across the needle, deeper with the wheel turned away.

        Parameters
        ----------
        slices : float
            Steps of a millimetre.
        """
        self.on_slide(self._depth_mm + STEP_MM * slices)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Leave the crosshair where it is: the left button moves the picture instead.

        Nor is a way drawn in the plane across the needle, where it would run along no needle.
        """
        kept = {Tool.WINDOW, *MEASURING} | ({Tool.DRAW_WAY} if self.name != "eye" else set())
        is_left = event.button() == Qt.MouseButton.LeftButton
        is_kept = self._shown.tool in kept or self.hand.annotation_at(event.position()) is not None
        if is_left and not is_kept:
            self.hand.pan(event.position())
            return
        super().mousePressEvent(event)

    def _depth(self, look: Look) -> float:
        if self._planes is None:
            return super()._depth(look)
        if self.name == "eye":
            return float(self._axes.flat(self._planes.at(self._depth_mm))[2])
        return float(self._axes.flat(self._planes.target_lps_mm)[2])

    def _place_said(self) -> str:
        if self._planes is None:
            return ""
        words = self._words
        if self.name != "eye":
            return words("needle_views.contains")
        return depth_said(words, self._depth_mm, self._planes.length_mm)

    def _paint_crosshair(self, painter: QPainter) -> None:
        """Draw where the needle crosses, or where the plane across it lies."""
        if self._planes is None:
            return
        place = self.to_position(self._planes.at(self._depth_mm))
        if self.name == "eye":
            radius = max(self._radius_mm / self._mm_per_pixel, 1.0)
            is_there = self._depth_mm <= self._planes.length_mm + 0.5
            pen = QPen(QColor(NEEDLE), 1.6)
            if not is_there:
                pen.setDashPattern([2.0, 2.0])  # beyond the tip
            painter.setPen(QPen(QColor(0, 0, 0, 160), 3.4))
            painter.drawEllipse(place, radius, radius)
            painter.setPen(pen)
            painter.drawEllipse(place, radius, radius)
            return
        way = self.to_position(self._planes.target_lps_mm) - place
        back = place - self.to_position(self._planes.entry_lps_mm)
        along = way if np.hypot(way.x(), way.y()) > np.hypot(back.x(), back.y()) else back
        size = max(float(np.hypot(along.x(), along.y())), 1e-6)
        across = QPointF(-along.y(), along.x()) * (EYE_VIEW_MM / 2 / self._mm_per_pixel / size)
        pen = QPen(QColor(INK), 1.2)
        pen.setDashPattern([6.0, 4.0])
        painter.setPen(pen)
        painter.drawLine(place - across, place + across)


def depth_said(words: Words, depth_mm: float, length_mm: float) -> str:
    """Return where the plane across the needle lies.

    Parameters
    ----------
    words : Words
        Of the screen.
    depth_mm, length_mm : float
        Of the plane, and of the target, from the skin.

    Returns
    -------
    str
        Distances from the skin and to the target, in centimetres.
    """
    from_skin = words("needle_views.from_skin", cm=words.number(depth_mm / 10))
    left_mm = length_mm - depth_mm
    key = "to_target" if left_mm > -0.5 else "past_target"
    return f"{from_skin}  ·  {words(f'needle_views.{key}', cm=words.number(abs(left_mm) / 10))}"


class NeedleSlider(QWidget):
    """Moves the plane across the needle from the skin to beyond the target.

    Parameters
    ----------
    words : Words
        Of the screen.
    slide : callable
        Receives the depth from the skin, in millimetres.
    """

    def __init__(self, words: Words, slide: Callable[[float], None]) -> None:
        super().__init__()
        self._words = words
        self._length_mm = 1.0
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.valueChanged.connect(lambda value: slide(value * STEP_MM))
        self._told = QLabel()
        self._told.setMinimumWidth(280)
        line = QHBoxLayout(self)
        line.setContentsMargins(12, 6, 12, 6)
        line.addWidget(self.slider, 1)
        line.addWidget(self._told)

    def show_needle(self, length_mm: float) -> None:
        """Show another needle.

        Parameters
        ----------
        length_mm : float
            From skin to target.
        """
        self._length_mm = length_mm
        self.slider.blockSignals(True)
        self.slider.setRange(0, round((length_mm + BEYOND_MM) / STEP_MM))
        self.slider.blockSignals(False)

    def show_depth(self, depth_mm: float) -> None:
        """Show where the plane lies.

        Parameters
        ----------
        depth_mm : float
            From the skin.
        """
        self.slider.blockSignals(True)
        self.slider.setValue(round(depth_mm / STEP_MM))
        self.slider.blockSignals(False)
        self._told.setText(depth_said(self._words, depth_mm, self._length_mm))
