"""The skin in space, coloured by how well it gives access, and what the colours mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

from app.workstation.access_tasks import SkinShown, SkinSurface
from app.workstation.style.palette import (
    ACCESS_SCALE,
    INK,
    QUIET,
    SKIN_CLOSED,
    SKIN_COUCH,
    SKIN_NEAR,
    SURFACE,
    rgb,
)
from app.workstation.words import Words
from planning.access.live import CLOSED, COUCH, NEAR, OPEN

SCORES = (0.2, 0.8)  # between which the scale runs; ways outside are rare
# Opacity, 0 to 255: what is open is seen first, and all of it lets the inside through.
OPEN_ALPHA, NEAR_ALPHA, CLOSED_ALPHA, COUCH_ALPHA = 165, 105, 46, 120
PLAIN = {NEAR: (SKIN_NEAR, NEAR_ALPHA), CLOSED: (SKIN_CLOSED, CLOSED_ALPHA)}
PLAIN |= {COUCH: (SKIN_COUCH, COUCH_ALPHA)}
STEPS = 256


def _scale() -> NDArray[np.uint8]:
    anchors = np.array([rgb(colour) for colour in ACCESS_SCALE]) * 255.0
    places = np.linspace(0.0, len(anchors) - 1.0, STEPS)
    mixed = [np.interp(places, np.arange(len(anchors)), anchors[:, n]) for n in range(3)]
    return np.rint(np.stack(mixed, axis=1)).astype(np.uint8)


SCALE = _scale()


def skin_colours(state: NDArray[np.uint8], score: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the colours of points of the skin.

    Parameters
    ----------
    state : numpy.ndarray
        Shape (n,): of :mod:`planning.access.live`.
    score : numpy.ndarray
        Shape (n,): of the best way from there.

    Returns
    -------
    numpy.ndarray
        Shape (n, 4), uint8: red, green, blue, opacity.
    """
    colours = np.empty((len(state), 4), dtype=np.uint8)
    for kind, (colour, alpha) in PLAIN.items():
        colours[state == kind] = (*(round(255 * share) for share in rgb(colour)), alpha)
    low, high = SCORES
    step = np.clip((score - low) / (high - low) * (STEPS - 1), 0, STEPS - 1).astype(int)
    is_open = state == OPEN
    colours[is_open, :3] = SCALE[step[is_open]]
    colours[is_open, 3] = OPEN_ALPHA
    return colours


class SkinActor:
    """The skin drawn in space; colours change without drawing its surface again.

    Parameters
    ----------
    surface : SkinSurface
        Of the case.
    """

    def __init__(self, surface: SkinSurface) -> None:
        self._surface = surface
        drawn = surface.mesh
        points = vtkPoints()
        points.SetData(numpy_to_vtk(drawn.points_lps_mm, deep=True))
        cells = vtkCellArray()
        offsets = np.arange(0, 3 * len(drawn.triangles) + 1, 3, dtype=np.int64)
        cells.SetData(
            numpy_to_vtkIdTypeArray(offsets, deep=True),
            numpy_to_vtkIdTypeArray(drawn.triangles.ravel(), deep=True),
        )
        data = vtkPolyData()
        data.SetPoints(points)
        data.SetPolys(cells)
        data.GetPointData().SetNormals(numpy_to_vtk(drawn.normals, deep=True))
        self._colours = np.zeros((len(drawn.points_lps_mm), 4), dtype=np.uint8)
        self._scalars = numpy_to_vtk(self._colours, deep=False)
        data.GetPointData().SetScalars(self._scalars)
        mapper = vtkPolyDataMapper()
        mapper.SetInputData(data)
        mapper.SetColorModeToDirectScalars()
        self.actor = vtkActor()
        self.actor.SetMapper(mapper)
        self.actor.ForceTranslucentOn()
        shading = self.actor.GetProperty()
        shading.BackfaceCullingOn()  # one layer of skin between the eye and the inside
        shading.SetAmbient(0.45)
        shading.SetDiffuse(0.6)
        shading.SetSpecular(0.0)

    @property
    def surface(self) -> SkinSurface:
        """What is drawn."""
        return self._surface

    def show(self, shown: SkinShown) -> None:
        """Colour the skin by another map.

        Parameters
        ----------
        shown : SkinShown
            Of the same surface.
        """
        is_moving = shown.asked.is_moving
        nearest = self._surface.nearest_moving if is_moving else self._surface.nearest
        beyond = np.array([CLOSED], dtype=np.uint8)  # the last one is what −1 stands for
        state = np.concatenate([shown.state, beyond])
        score = np.concatenate([shown.score, np.zeros(1, dtype=np.float32)])
        self._colours[:] = skin_colours(state, score)[nearest]
        self._scalars.Modified()
        self.actor.GetMapper().GetInput().Modified()


class SkinLegend(QWidget):
    """What the colours of the skin mean, on one line.

    Parameters
    ----------
    words : Words
        Of the screen.
    """

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._words = words
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a low, wide size."""
        return QSize(200, 40)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the scale with its ends, then the plain colours."""
        words = self._words
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(SURFACE))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        metrics = painter.fontMetrics()
        flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        low, high = (words.number(score) for score in SCORES)
        x = 8.0
        for text, colour in ((words("skin.open"), INK), (f"≤ {low}", QUIET)):
            painter.setPen(QColor(colour))
            width = float(metrics.horizontalAdvance(text))
            painter.drawText(QRectF(x, 2, width + 2, 18), flags, text)
            x += width + 7
        last = float(metrics.horizontalAdvance(f"≥ {high}"))
        bar = QRectF(x, 6, max(min(self.width() - x - last - 16, 220.0), 30.0), 10)
        blend = QLinearGradient(QPointF(bar.left(), 0), QPointF(bar.right(), 0))
        for number, shade in enumerate(ACCESS_SCALE):
            blend.setColorAt(number / (len(ACCESS_SCALE) - 1), QColor(shade))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(blend)
        painter.drawRoundedRect(bar, 3, 3)
        painter.setPen(QColor(QUIET))
        painter.drawText(QRectF(bar.right() + 7, 2, last + 4, 18), flags, f"≥ {high}")
        x = 8.0
        rows = (("near", SKIN_NEAR), ("closed", SKIN_CLOSED), ("couch", SKIN_COUCH))
        for key, colour in rows:
            text = words.maybe(f"skin.{key}", key)
            painter.setPen(QColor(QUIET))
            painter.setBrush(QColor(colour))
            painter.drawRoundedRect(QRectF(x, 24, 12, 10), 2, 2)
            painter.setPen(QColor(INK))
            width = float(metrics.horizontalAdvance(text))
            painter.drawText(QRectF(x + 17, 20, width + 4, 18), flags, text)
            x += width + 31
        painter.end()
