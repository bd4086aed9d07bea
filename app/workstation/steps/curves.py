"""Lines over time, such as the temperature of tissue and neighbours, drawn without leaving Qt."""

# ruff: noqa: N802 - Qt calls these methods by its own names

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from app.workstation.style.palette import INK, LINE, QUIET, SURFACE
from app.workstation.words import Words
from planning.ablation.results import Curve

# Okabe and Ito (2008), those that stand out on dark.
COLOURS = ("#56B4E9", "#E69F00", "#2FC79A", "#CC79A7", "#F0E442", "#FF8A5C", "#E8EDF2")
PLOT_HEIGHT, LEGEND_ROW = 190, 17
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 10, 30
NICE = (1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000)
MARK_RADIUS = 2.5
TICKS = 5


@dataclass(frozen=True)
class Line:
    """A curve as it is drawn.

    Parameters
    ----------
    name : str
        For people.
    across, up : tuple of float
        Its points, in the units of the axes.
    """

    name: str
    across: tuple[float, ...]
    up: tuple[float, ...]


class LinesPlot(QWidget):
    """Lines with their names below.

    Parameters
    ----------
    words : Words
        Of the screen.
    unit_across, unit_up : str
        Said at the axes.
    height : int
        Pixels of axes and lines.
    marks_points : bool
        Draw the points of the lines, where they are few.
    """

    def __init__(
        self,
        words: Words,
        unit_across: str,
        unit_up: str,
        *,
        height: int = PLOT_HEIGHT,
        marks_points: bool = False,
    ) -> None:
        super().__init__()
        self._words = words
        self._units = (unit_across, unit_up)
        self._height, self._marks_points = height, marks_points
        self._lines: tuple[Line, ...] = ()
        self._bounds: tuple[float, float] | None = None
        self._last: float | None = None

    def show_lines(
        self,
        lines: tuple[Line, ...],
        bounds: tuple[float, float] | None = None,
        last: float | None = None,
    ) -> None:
        """Replace what is shown.

        Parameters
        ----------
        lines : tuple of Line
            Those without a point are left out.
        bounds : tuple of float or None
            Ends of the upright axis; None fits it to the lines.
        last : float or None
            End of the level axis; None is that of the longest line.
        """
        self._lines, self._bounds = tuple(one for one in lines if one.across), bounds
        self._last = last
        self.setVisible(bool(self._lines))
        self.setFixedHeight(self._height + LEGEND_ROW * ((len(self._lines) + 1) // 2) + 8)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw axes, lines and names."""
        if not self._lines:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor(SURFACE))
        font = QFont(self.font())
        font.setPixelSize(11)
        painter.setFont(font)
        box = QRectF(LEFT, TOP, self.width() - LEFT - RIGHT, self._height - TOP - BOTTOM)
        last = self._last or max(one.across[-1] for one in self._lines) or 1.0
        span = self._bounds or self._fitted()
        self._paint_axes(painter, box, last, span)
        self._paint_lines(painter, box, last, span)
        self._paint_names(painter)
        painter.end()

    def _fitted(self) -> tuple[float, float]:
        values = np.concatenate([one.up for one in self._lines])
        low, high = float(values.min()), float(values.max())
        pad = max(0.05 * (high - low), 1.0)
        return low - pad, high + pad

    def _paint_axes(
        self, painter: QPainter, box: QRectF, last: float, span: tuple[float, float]
    ) -> None:
        low, high = span
        for value in _ticks(low, high):
            y = box.bottom() - (value - low) / (high - low) * box.height()
            painter.setPen(QPen(QColor(LINE), 1))
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            painter.setPen(QColor(QUIET))
            place = QRectF(0, y - 8, LEFT - 6, 16)
            flags = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            painter.drawText(place, flags, self._words.number(value, 0))
        for value in _ticks(0.0, last):
            x = box.left() + value / last * box.width()
            place = QRectF(x - 20, box.bottom() + 2, 40, 14)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignHCenter), f"{value:.0f}")
        painter.setPen(QColor(INK))
        across, up = self._units
        painter.drawText(QRectF(4, 0, box.width(), 14), int(Qt.AlignmentFlag.AlignLeft), up)
        place = QRectF(box.left(), box.bottom() + 14, box.width(), 14)
        painter.drawText(place, int(Qt.AlignmentFlag.AlignRight), across)

    def _paint_lines(
        self, painter: QPainter, box: QRectF, last: float, span: tuple[float, float]
    ) -> None:
        low, high = span
        for number, one in enumerate(self._lines):
            x = box.left() + np.array(one.across) / last * box.width()
            y = box.bottom() - (np.array(one.up) - low) / (high - low) * box.height()
            painter.setPen(_pen(number))
            points = [QPointF(a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
            painter.drawPolyline(QPolygonF(points))
            if self._marks_points:
                painter.setBrush(QColor(COLOURS[number % len(COLOURS)]))
                for point in points:
                    painter.drawEllipse(point, MARK_RADIUS, MARK_RADIUS)

    def _paint_names(self, painter: QPainter) -> None:
        half = self.width() / 2
        for number, one in enumerate(self._lines):
            x = LEFT / 2 + (number % 2) * (half - LEFT / 4)
            y = self._height + LEGEND_ROW * (number // 2) + LEGEND_ROW / 2
            painter.setPen(_pen(number))
            painter.drawLine(QPointF(x, y), QPointF(x + 18, y))
            painter.setPen(QColor(INK))
            place = QRectF(x + 24, y - 8, half - 50, 16)
            told = painter.fontMetrics().elidedText(
                one.name, Qt.TextElideMode.ElideRight, int(place.width())
            )
            painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter), told)


class CurvesPlot(LinesPlot):
    """Temperatures over time with their names below.

    Parameters
    ----------
    words : Words
        Of the screen.
    """

    def __init__(self, words: Words) -> None:
        super().__init__(words, words("ablation.minutes"), "°C")

    def show_curves(self, curves: tuple[Curve, ...]) -> None:
        """Replace what is shown.

        Parameters
        ----------
        curves : tuple of Curve
            Of one treatment.
        """
        self.show_lines(tuple(self._line(one) for one in curves if len(one.time_s) > 1))

    def _line(self, curve: Curve) -> Line:
        name = self._words.maybe(f"places.{curve.name}", self._words.structure(curve.name))
        if curve.kind == "thermocouple":
            name = self._words("ablation.thermocouple", name=name)
        minutes = tuple(seconds / 60 for seconds in curve.time_s)
        return Line(name[:1].upper() + name[1:], minutes, tuple(curve.temperature_c))


def _pen(number: int) -> QPen:
    pen = QPen(QColor(COLOURS[number % len(COLOURS)]), 1.8)
    if number >= len(COLOURS):
        pen.setStyle(Qt.PenStyle.DashLine)
    return pen


def _ticks(low: float, high: float) -> list[float]:
    span = max(high - low, 1e-6)
    step = next((n for n in NICE if span / n <= TICKS), NICE[-1])
    first = int(np.ceil(low / step))
    return [float(n * step) for n in range(first, int(np.floor(high / step)) + 1)]
