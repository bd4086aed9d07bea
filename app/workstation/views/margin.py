"""The lesion coloured by its margin, its legend, and the active parts of probes."""

# ruff: noqa: N802 - Qt calls these methods by its own names

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

from app.margins import MarginClass, margin_classes
from app.workstation.style.palette import INK, NEEDLE, SURFACE, rgb
from app.workstation.views.needles import thin_needles
from app.workstation.views.surfaces import Mesh, mesh
from app.workstation.words import Words
from imaging.document import Vector
from imaging.geometry import BoolArray, Grid, filled_block
from planning.ablation.devices import devices
from planning.ablation.reach import active_ends
from planning.ablation.results import TreatmentSummary

PROBE_RADIUS_MM = 1.3


def lesion_mesh(lesion: BoolArray, grid: Grid) -> Mesh | None:
    """Return the surface of a lesion.

    Parameters
    ----------
    lesion : numpy.ndarray
        Shape ``grid.size_kji``, bool.
    grid : Grid
        Of the series.

    Returns
    -------
    Mesh or None
        None for an empty lesion.
    """
    block = filled_block(lesion)
    if block is None:
        return None
    part = lesion[block].astype(np.float32)
    k, j, i = (one.start for one in block)
    own = grid.cropped((k, j, i), (part.shape[0], part.shape[1], part.shape[2]))
    return mesh(part, own, 0.5)


def margin_actor(surface: Mesh, numbers: NDArray[np.uint8], wanted_mm: float) -> vtkActor:
    """Return the lesion's surface in the colours of its margin.

    Parameters
    ----------
    surface : Mesh
        Of the lesion.
    numbers : numpy.ndarray
        Shape (n,), uint8: class of every point.
    wanted_mm : float
        Margin that was wanted.

    Returns
    -------
    vtkActor
        Opaque.
    """
    colours = [rgb(one.colour) for one in margin_classes(wanted_mm)]
    table = (255 * np.array(colours)).astype(np.uint8)
    points = vtkPoints()
    points.SetData(numpy_to_vtk(surface.points_lps_mm, deep=True))
    cells = vtkCellArray()
    offsets = np.arange(0, 3 * len(surface.triangles) + 1, 3, dtype=np.int64)
    cells.SetData(
        numpy_to_vtkIdTypeArray(offsets, deep=True),
        numpy_to_vtkIdTypeArray(surface.triangles.ravel(), deep=True),
    )
    data = vtkPolyData()
    data.SetPoints(points)
    data.SetPolys(cells)
    data.GetPointData().SetNormals(numpy_to_vtk(surface.normals, deep=True))
    data.GetPointData().SetScalars(numpy_to_vtk(table[numbers], deep=True))
    mapper = vtkPolyDataMapper()
    mapper.SetInputData(data)
    mapper.SetColorModeToDirectScalars()
    actor = vtkActor()
    actor.SetMapper(mapper)
    shading = actor.GetProperty()
    shading.SetAmbient(0.35)  # so that a class has one colour wherever light falls
    shading.SetDiffuse(0.7)
    return actor


def probe_actors(summary: TreatmentSummary) -> list[vtkActor]:
    """Return the active part of every probe.

    Parameters
    ----------
    summary : TreatmentSummary
        Of a simulation; older ones do not know their probes.

    Returns
    -------
    list of vtkActor
        One for all, or none.
    """
    ends: list[tuple[Vector, Vector]] = []
    for probe in summary.probes:
        device = devices().get(probe.device)
        if device is None:
            continue
        ends.append(active_ends(device, probe.tip_lps_mm, probe.axis_lps))
    return [thin_needles(ends, NEEDLE, PROBE_RADIUS_MM)] if ends else []


def class_said(words: Words, one: MarginClass) -> str:
    """Return the words of a range of margins.

    Parameters
    ----------
    words : Words
        Of the screen.
    one : MarginClass
        Of the margin.

    Returns
    -------
    str
        Such as ``0 – 2.5 mm``.
    """
    if one.key == "left_out":
        return words("margin.left_out")
    if not np.isfinite(one.to_mm):
        return words("margin.enough", mm=words.number(one.from_mm))
    return words("margin.between", low=words.number(one.from_mm), high=words.number(one.to_mm))


class MarginLegend(QWidget):
    """What the colours of the lesion mean, on one line or two.

    Parameters
    ----------
    words : Words
        Of the screen.
    """

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._words = words
        self._wanted_mm = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Return a low, wide size."""
        return QSize(200, 42)

    def show_margin(self, wanted_mm: float) -> None:
        """Say which margin was wanted.

        Parameters
        ----------
        wanted_mm : float
            Millimetres.
        """
        self._wanted_mm = wanted_mm
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the title, then a box and words for every range."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(SURFACE))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        metrics = painter.fontMetrics()
        flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        painter.setPen(QColor(INK))
        painter.drawText(QRectF(8, 2, self.width() - 12, 18), flags, self._words("margin.title"))
        x = 8.0
        for one in margin_classes(self._wanted_mm):
            text = class_said(self._words, one)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(one.colour))
            painter.drawRoundedRect(QRectF(x, 25, 12, 10), 2, 2)
            painter.setPen(QColor(INK))
            width = float(metrics.horizontalAdvance(text))
            painter.drawText(QRectF(x + 17, 21, width + 4, 18), flags, text)
            x += width + 31
        painter.end()
