"""Temperature over time of tissue and neighbours, drawn without leaving Qt."""

# ruff: noqa: N802 - Qt calls these methods by its own names

from __future__ import annotations

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
NICE = (1, 2, 5, 10, 20, 25, 50, 100)
TICKS = 5


class CurvesPlot(QWidget):
    """Curves with their names below.

    Parameters
    ----------
    words : Words
        Of the screen.
    """

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._words = words
        self._curves: tuple[Curve, ...] = ()

    def show_curves(self, curves: tuple[Curve, ...]) -> None:
        """Replace what is shown.

        Parameters
        ----------
        curves : tuple of Curve
            Of one treatment.
        """
        self._curves = tuple(curve for curve in curves if len(curve.time_s) > 1)
        self.setVisible(bool(self._curves))
        self.setFixedHeight(PLOT_HEIGHT + LEGEND_ROW * ((len(self._curves) + 1) // 2) + 8)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw axes, curves and names."""
        if not self._curves:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor(SURFACE))
        font = QFont(self.font())
        font.setPixelSize(11)
        painter.setFont(font)
        box = QRectF(LEFT, TOP, self.width() - LEFT - RIGHT, PLOT_HEIGHT - TOP - BOTTOM)
        last_min = max(curve.time_s[-1] for curve in self._curves) / 60
        values = np.concatenate([curve.temperature_c for curve in self._curves])
        low, high = float(values.min()), float(values.max())
        pad = max(0.05 * (high - low), 1.0)
        self._paint_axes(painter, box, last_min, (low - pad, high + pad))
        self._paint_curves(painter, box, last_min, (low - pad, high + pad))
        self._paint_names(painter)
        painter.end()

    def _paint_axes(
        self, painter: QPainter, box: QRectF, last_min: float, span_c: tuple[float, float]
    ) -> None:
        low, high = span_c
        for value in _ticks(low, high):
            y = box.bottom() - (value - low) / (high - low) * box.height()
            painter.setPen(QPen(QColor(LINE), 1))
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            painter.setPen(QColor(QUIET))
            place = QRectF(0, y - 8, LEFT - 6, 16)
            flags = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            painter.drawText(place, flags, self._words.number(value, 0))
        for value in _ticks(0.0, last_min):
            x = box.left() + value / last_min * box.width()
            place = QRectF(x - 20, box.bottom() + 2, 40, 14)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignHCenter), f"{value:.0f}")
        painter.setPen(QColor(INK))
        painter.drawText(QRectF(4, 0, 40, 14), int(Qt.AlignmentFlag.AlignLeft), "°C")
        place = QRectF(box.left(), box.bottom() + 14, box.width(), 14)
        painter.drawText(place, int(Qt.AlignmentFlag.AlignRight), self._words("ablation.minutes"))

    def _paint_curves(
        self, painter: QPainter, box: QRectF, last_min: float, span_c: tuple[float, float]
    ) -> None:
        low, high = span_c
        for number, curve in enumerate(self._curves):
            x = box.left() + np.array(curve.time_s) / 60 / last_min * box.width()
            share = (np.array(curve.temperature_c) - low) / (high - low)
            y = box.bottom() - share * box.height()
            painter.setPen(_pen(number))
            points = [QPointF(a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
            painter.drawPolyline(QPolygonF(points))

    def _paint_names(self, painter: QPainter) -> None:
        half = self.width() / 2
        for number, curve in enumerate(self._curves):
            x = LEFT / 2 + (number % 2) * (half - LEFT / 4)
            y = PLOT_HEIGHT + LEGEND_ROW * (number // 2) + LEGEND_ROW / 2
            painter.setPen(_pen(number))
            painter.drawLine(QPointF(x, y), QPointF(x + 18, y))
            painter.setPen(QColor(INK))
            name = self._words.maybe(f"places.{curve.name}", self._words.structure(curve.name))
            if curve.kind == "thermocouple":
                name = self._words("ablation.thermocouple", name=name)
            name = name[:1].upper() + name[1:]
            place = QRectF(x + 24, y - 8, half - 50, 16)
            told = painter.fontMetrics().elidedText(
                name, Qt.TextElideMode.ElideRight, int(place.width())
            )
            painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter), told)


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
