"""The second series in the views: laid over the CT in colour, or beside it in a view of its own."""

# ruff: noqa: N802 - Qt calls these methods by its own names

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QRegion
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.workstation.comparing import Comparing
from app.workstation.viewpoint import Compare, Look, Viewpoint
from app.workstation.views.decoration import Decoration
from app.workstation.views.layers import Layers, Line
from app.workstation.views.reslice import Axes, Frame, Reslicer
from app.workstation.views.slice_view import SliceView
from app.workstation.words import Words
from imaging.geometry import FloatArray
from imaging.registration.model import moved_grid
from imaging.registration.series import SecondSeries
from imaging.volume import AIR_HU, Volume

TILE_PIXELS = 72
HOT = ((0.0, (0, 0, 0)), (0.35, (178, 24, 10)), (0.7, (253, 160, 36)), (1.0, (255, 255, 220)))
GREEN = ((0.0, (0, 0, 0)), (1.0, (90, 255, 120)))
GREY = ((0.0, (0, 0, 0)), (1.0, (255, 255, 255)))
Ramp = tuple[tuple[float, tuple[int, int, int]], ...]
DIGITS = {"SUV": 2, "HU": 0}


@dataclass(frozen=True, eq=False)
class Laid:
    """A second series where it lies on the CT.

    Parameters
    ----------
    series : SecondSeries
        Its values.
    volume : Volume
        The same, in the frame of the CT.
    reslicer : Reslicer
        Ready to be cut.
    """

    series: SecondSeries
    volume: Volume
    reslicer: Reslicer

    @classmethod
    def of(cls, series: SecondSeries, matrix: FloatArray) -> Laid:
        """Return a series as a motion lays it; its values stay where they are in memory.

        Parameters
        ----------
        series : SecondSeries
            In its own frame.
        matrix : numpy.ndarray
            Shape (4, 4), to the CT.

        Returns
        -------
        Laid
            To be drawn.
        """
        grid = moved_grid(series.volume.grid, matrix)
        volume = Volume(series.volume.hu, grid, series.volume.series)
        return cls(series, volume, Reslicer(volume.hu, grid, AIR_HU))


def shown_range(series: SecondSeries, look: Look) -> tuple[float, float]:
    """Return which values are drawn from black to white.

    Parameters
    ----------
    series : SecondSeries
        Any.
    look : Look
        The shared look.

    Returns
    -------
    tuple of float
        In the unit of the series.
    """
    if look.second_range is not None:
        return look.second_range
    if series.is_ct:
        half = look.window.width_hu / 2
        return look.window.centre_hu - half, look.window.centre_hu + half
    return series.range_shown


def colour_table(
    series: SecondSeries, look: Look, ramp: Ramp, opacity: float | None
) -> NDArray[np.uint32]:
    """Return the colour of every step of a series, to be indexed by its bits as uint16.

    Parameters
    ----------
    series : SecondSeries
        Any.
    look : Look
        With the values that are shown.
    ramp : tuple
        Shares and colours, from black.
    opacity : float or None
        At the brightest; what is dark is clear. None draws everything opaque.

    Returns
    -------
    numpy.ndarray
        Shape (65536,), premultiplied ARGB.
    """
    low, high = shown_range(series, look)
    values = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.float64) * series.per_step
    share = np.clip((values - low) / max(high - low, 1e-9), 0.0, 1.0)
    places = [place for place, _ in ramp]
    rgb = np.stack(
        [np.interp(share, places, [colour[n] for _, colour in ramp]) for n in range(3)], axis=1
    )
    steep = 3.0 if ramp is HOT else 1.2
    clear = np.clip(share * steep, 0.0, 1.0)  # what is dark lets the CT through
    alpha = np.ones_like(share) if opacity is None else opacity * clear
    blue_first = np.column_stack([rgb[:, ::-1] * alpha[:, None], alpha * 255.0])
    return np.ascontiguousarray(np.rint(blue_first).astype(np.uint8)).view(np.uint32).ravel()


def value_said(series: SecondSeries, value: float | None, words: Words) -> str:
    """Return a value of the second series with its unit.

    Parameters
    ----------
    series : SecondSeries
        Whose value it is.
    value : float or None
        None is outside of it.
    words : Words
        Of the screen.

    Returns
    -------
    str
        Empty outside.
    """
    if value is None:
        return ""
    told = words.number(value, DIGITS.get(series.unit, 1 if abs(value) < 100 else 0))
    unit = series.unit or words("compare.arbitrary")
    return f"{words.maybe(f'modalities.{series.modality}', series.modality)} {told} {unit}"


class Overlay:
    """Draws the second series over a slice; one for each view.

    Parameters
    ----------
    comparing : Comparing
        Whose series it is.
    words : Words
        Of the screen.
    laid : callable
        Returns where the series lies now, or None.
    """

    def __init__(self, comparing: Comparing, words: Words, laid: Callable[[], Laid | None]) -> None:
        self._comparing, self._words, self._laid = comparing, words, laid
        self._key: object = None
        self._pixels: NDArray[np.uint32] | None = None
        self._image: QImage | None = None

    def paint(
        self, painter: QPainter, axes: Axes, frame: Frame, look: Look, crosshair: QPointF
    ) -> None:
        """Draw over the grey values and below the lines.

        Parameters
        ----------
        painter : QPainter
            Of the view.
        axes : Axes
            Of the view.
        frame : Frame
            Its pixels.
        look : Look
            How the series is shown.
        crosshair : QPointF
            Where the crosshair is drawn; a swipe ends there.
        """
        laid = self._laid()
        if laid is None or look.compares in {Compare.OFF, Compare.BESIDE}:
            return
        image = self.image(laid, axes, frame, look, is_fused=look.compares is Compare.FUSED)
        box = painter.viewport()
        painter.save()
        if look.compares is Compare.SWIPE:
            ratio = painter.device().devicePixelRatioF()
            width, height = int(box.width() / ratio), int(box.height() / ratio)
            painter.setClipRect(QRectF(crosshair.x(), 0, max(width - crosshair.x(), 0), height))
        elif look.compares is Compare.CHECKER:
            painter.setClipRegion(_checker(box.width(), box.height()))
        ratio = painter.device().devicePixelRatioF()
        painter.drawImage(QRectF(0, 0, frame.columns / ratio, frame.rows / ratio), image)
        painter.restore()

    def image(self, laid: Laid, axes: Axes, frame: Frame, look: Look, *, is_fused: bool) -> QImage:
        """Return the series on the pixels of a view.

        Parameters
        ----------
        laid : Laid
            Where it lies.
        axes : Axes
            Of the view.
        frame : Frame
            Its pixels.
        look : Look
            What is shown from black to white.
        is_fused : bool
            Whether the CT shines through.

        Returns
        -------
        QImage
            As large as the frame.
        """
        opacity = look.second_opacity if is_fused else None
        key = (
            id(laid),
            axes.right.tobytes(),
            axes.down.tobytes(),
            frame,
            shown_range(laid.series, look),
            opacity,
        )
        if key != self._key or self._image is None:
            is_pet = laid.series.modality == "PT"
            ramp = HOT if is_pet else GREEN if is_fused else GREY
            table = colour_table(laid.series, look, ramp, opacity)
            steps = laid.reslicer.cut(axes, frame)
            self._pixels = np.ascontiguousarray(table[steps.view(np.uint16)])
            self._image = QImage(
                cast("Any", self._pixels.data),
                frame.columns,
                frame.rows,
                4 * frame.columns,
                QImage.Format.Format_ARGB32_Premultiplied,
            )
            self._key = key
        return self._image

    def said(self, place_lps_mm: FloatArray | None) -> str:
        """Return the value under the pointer, in the unit of the second series.

        Parameters
        ----------
        place_lps_mm : numpy.ndarray or None
            Of the CT.

        Returns
        -------
        str
            Empty where there is none.
        """
        series = self._comparing.series
        if series is None or place_lps_mm is None:
            return ""
        return value_said(series, self._comparing.value_at(place_lps_mm), self._words)


def _checker(width: int, height: int) -> QRegion:
    region = QRegion()
    for row in range(0, height, TILE_PIXELS):
        for column in range(0, width, TILE_PIXELS):
            if (row + column) // TILE_PIXELS % 2:
                region = region.united(QRegion(column, row, TILE_PIXELS, TILE_PIXELS))
    return region


class _SameLines(Layers):
    """Draws over the second series what is drawn over the CT.

    Parameters
    ----------
    source : Layers
        Of the CT.
    """

    def __init__(self, source: Layers) -> None:
        super().__init__()
        self._source = source

    def lines(self, axes: Axes, depth_mm: float, look: Look) -> list[Line]:
        """Return what is drawn over the CT in the same plane."""
        return self._source.lines(axes, depth_mm, look)


class SecondView(SliceView):
    """The second series in the same plane as its neighbour, which it follows.

    Parameters
    ----------
    neighbour : SliceView
        Shows the CT.
    viewpoint : Viewpoint
        Shared look.
    words : Words
        Of the screen.
    overlay : Overlay
        Draws the series.
    laid : callable
        Returns where the series lies now, or None.
    """

    def __init__(
        self,
        neighbour: SliceView,
        viewpoint: Viewpoint,
        words: Words,
        overlay: Overlay,
        laid: Callable[[], Laid | None],
    ) -> None:
        super().__init__(neighbour.name, _SameLines(neighbour.layers), viewpoint, words)
        self._own, self._laid_now = overlay, laid
        self.neighbour = neighbour
        self.on_seen = neighbour.follow
        neighbour.on_seen = self.follow

    def minimumSizeHint(self) -> QSize:
        """Return the least size: two of them take the room of one view."""
        return QSize(90, 140)

    def show_laid(self, laid: Laid | None) -> None:
        """Show the series where it lies now.

        Parameters
        ----------
        laid : Laid or None
            None shows nothing.
        """
        self._layers.volume = None if laid is None else laid.volume
        self.follow(self.neighbour)
        self._forget()

    def reset(self) -> None:
        """Follow the neighbour, which fits the CT."""
        self._forget()

    def _grey_image(self) -> QImage | None:
        laid = self._laid_now()
        if laid is None:
            return None
        return self._own.image(laid, self._axes, self._frame(), self._shown, is_fused=False)

    def _look_changed(self, look: Look) -> None:
        if look.second_range != self._shown.second_range:
            self._image = None
        super()._look_changed(look)

    def _decoration(self) -> Decoration:
        laid = self._laid_now()
        also = self._own.said(self._cursor_lps_mm)
        told = replace(super()._decoration(), cursor_lps_mm=None, cursor_hu=None, also=also)
        if laid is None:
            return told
        name = self._words.maybe(f"modalities.{laid.series.modality}", laid.series.modality)
        low, high = shown_range(laid.series, self._shown)
        unit = laid.series.unit or self._words("compare.arbitrary")
        digits = DIGITS.get(laid.series.unit, 0)
        span = f"{self._words.number(low, digits)} – {self._words.number(high, digits)} {unit}"
        return replace(told, place=f"{name}    {span}")


class Pair(QWidget):
    """A view of the CT, and the second series beside it where that is wanted.

    Parameters
    ----------
    view : SliceView
        The CT.
    second : SecondView
        The other, hidden at first.
    """

    def __init__(self, view: SliceView, second: SecondView) -> None:
        super().__init__()
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(2)
        line.addWidget(view, 1)
        line.addWidget(second, 1)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        second.hide()
