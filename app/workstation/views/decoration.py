"""Letters of the sides, scale, legend and the values under the pointer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen, QPixmap

from app.workstation.style.palette import INK, QUIET, WARNING
from app.workstation.viewpoint import GreyWindow
from app.workstation.views.layers import Line
from app.workstation.views.reslice import Axes
from app.workstation.words import Words
from imaging.geometry import FloatArray, Grid
from imaging.slabs import Slab

SIDE_LETTERS = (("R", "L"), ("A", "P"), ("I", "S"))  # towards − and + of x, y, z in LPS
BARS_MM = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)
BAR_SHARE = 0.22  # of the view's width that the scale may take
EDGE = 12
LEGEND_WIDTH = 280  # pixels; in a narrower view the legend would hide the picture
ACROSS = 1e-4  # rise of a slice's own row or column, above which it has no one z
OBLIQUE = 0.26  # sine of 15°: a direction turned so far towards another side carries its letter


@dataclass(frozen=True, eq=False)
class Decoration:
    """All that is written on a view.

    Parameters
    ----------
    name : str
        Of the view.
    width, height : int
        Pixels.
    mm_per_pixel : float
        Scale.
    axes : Axes
        How the view lies.
    through_lps_mm : numpy.ndarray
        A place in the plane, which tells where it lies.
    place : str
        Where the plane lies; empty for planes along the patient's axes, which say it themselves.
    window : GreyWindow
        Drawn from black to white.
    cursor_lps_mm : numpy.ndarray or None
        Under the pointer.
    cursor_hu : int or None
        There.
    cursor_slice_z_mm : float or None
        Of the slice of the CT there; None where slices do not lie across the patient's axis.
    lines : tuple of Line
        For the legend.
    slab : Slab
        How thick the slice is.
    tilts_deg : dict
        Letter of a side to how far an oblique plane leans there; empty along the patient's axes.
    also : str
        Said of the place under the pointer by a second series; may be empty.
    """

    name: str
    width: int
    height: int
    mm_per_pixel: float
    axes: Axes
    through_lps_mm: FloatArray
    place: str
    window: GreyWindow
    cursor_lps_mm: FloatArray | None
    cursor_hu: int | None
    cursor_slice_z_mm: float | None
    lines: tuple[Line, ...]
    slab: Slab
    tilts_deg: dict[str, float]
    also: str = ""


def slice_z_mm(grid: Grid, point_lps_mm: FloatArray) -> float | None:
    """Return where the slice of the CT that holds a place lies along the patient.

    Parameters
    ----------
    grid : Grid
        Of the CT.
    point_lps_mm : numpy.ndarray
        Shape (3,).

    Returns
    -------
    float or None
        z of the whole slice in the patient's frame, as its header has it; None beyond the CT, and
        where slices lie otherwise, so that no one z belongs to a slice.
    """
    columns = grid.affine_kji_to_lps[:3, :3] / np.array(grid.spacing_mm_kji)
    across = [axis for axis in range(3) if abs(columns[2, axis]) > ACROSS]
    voxel = grid.nearest(point_lps_mm)
    if voxel is None or len(across) != 1:
        return None
    index = np.zeros(3)
    index[across[0]] = voxel[across[0]]
    return float(grid.to_lps(index)[2])


def side_letter(direction: FloatArray) -> str:
    """Return the letters of the sides that a direction points to, the nearest first.

    Parameters
    ----------
    direction : numpy.ndarray
        Shape (3,), LPS, unit vector.

    Returns
    -------
    str
        One of R L A P S I along the patient's axes; two or three for an oblique direction.
    """
    order = np.argsort(-np.abs(direction), kind="stable")
    named = [axis for axis in order if abs(direction[axis]) >= OBLIQUE] or [order[0]]
    return "".join(SIDE_LETTERS[axis][int(direction[axis] > 0)] for axis in named)


class Inscription:
    """Writes on a view; what seldom changes is kept as a picture."""

    def __init__(self) -> None:
        self._kept: QPixmap | None = None
        self._key: tuple[object, ...] = ()

    def paint(self, painter: QPainter, decoration: Decoration, words: Words, ratio: float) -> None:
        """Write on a view.

        Parameters
        ----------
        painter : QPainter
            Active on the view.
        decoration : Decoration
            What to write.
        words : Words
            Of the screen.
        ratio : float
            Pixels of the screen for each of the view.
        """
        key = _lasting(decoration, words, ratio)
        if self._kept is None or key != self._key:
            self._kept, self._key = _picture(decoration, words, ratio, painter.font()), key
        painter.drawPixmap(0, 0, self._kept)
        _paint_title(painter, decoration, words)


def _lasting(d: Decoration, words: Words, ratio: float) -> tuple[object, ...]:
    """Return all that letters, scale and legend depend on."""
    lines = tuple((line.legend, line.colour, line.width, line.dashed) for line in d.lines)
    sides = (d.axes.right.tobytes(), d.axes.down.tobytes())
    return d.width, d.height, ratio, d.mm_per_pixel, sides, lines, words.language


def _picture(d: Decoration, words: Words, ratio: float, font: QFont) -> QPixmap:
    """Return letters, scale and legend on a clear ground."""
    picture = QPixmap(QSize(d.width, d.height) * ratio)
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setFont(font)
    _paint_letters(painter, d)
    _paint_scale(painter, d, words)
    if d.width >= LEGEND_WIDTH:
        _paint_legend(painter, d, words)
    painter.end()
    return picture


def _font(painter: QPainter, pixels: int, *, bold: bool = False) -> None:
    font = QFont(painter.font())
    font.setPixelSize(pixels)
    font.setBold(bold)
    painter.setFont(font)


def _text(painter: QPainter, box: QRectF, flags: Qt.AlignmentFlag, text: str, colour: str) -> None:
    """Write with a thin shadow, readable on bone and on air."""
    painter.setPen(QColor(0, 0, 0, 210))
    for dx, dy in ((1, 1), (-1, 0), (0, -1)):
        painter.drawText(box.translated(dx, dy), int(flags), text)
    painter.setPen(QColor(colour))
    painter.drawText(box, int(flags), text)


def _paint_title(painter: QPainter, d: Decoration, words: Words) -> None:
    top_left = Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft
    top_right = Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight
    _font(painter, 13, bold=True)
    box = QRectF(EDGE, 8, d.width - 2 * EDGE, 20)
    _text(painter, box, top_left, words(f"views.{d.name}"), INK)
    _font(painter, 12)
    axis = int(np.argmax(np.abs(d.axes.normal)))
    letter = SIDE_LETTERS[axis][int(d.through_lps_mm[axis] > 0)]
    where = d.place or f"{letter} {words.number(abs(float(d.through_lps_mm[axis])))} mm"
    grey = f"    C {d.window.centre_hu:.0f}  W {d.window.width_hu:.0f}"
    told = where if d.place else where + grey
    _text(painter, box.translated(0, 18), top_left, told, QUIET)
    for number, note in enumerate(_notes(d, words), start=2):
        _text(painter, box.translated(0, 18 * number), top_left, note, WARNING)
    for number, value in enumerate(_under_pointer(d, words)):
        _text(painter, box.translated(0, 18 * number), top_right, value, INK)


def _notes(d: Decoration, words: Words) -> list[str]:
    """Return what makes this slice unlike a thin one along the patient's axes."""
    found = []
    if d.tilts_deg:
        angles = "  ".join(f"{words.number(deg)}° {side}" for side, deg in d.tilts_deg.items())
        found.append(words("views.oblique", angles=angles))
    if d.slab.thickness_mm > 0:
        kind = words(f"slabs.{d.slab.projection.value}")
        found.append(f"{kind}  {words.number(d.slab.thickness_mm, 0)} mm")
    return found


def _under_pointer(d: Decoration, words: Words) -> list[str]:
    also = [d.also] if d.also else []
    if d.cursor_lps_mm is None:
        return also
    place = "   ".join(
        f"{SIDE_LETTERS[n][int(value > 0)]} {words.number(abs(float(value)))}"
        for n, value in enumerate(d.cursor_lps_mm)
    )
    found = [f"{place} mm"]
    if d.cursor_hu is not None:
        found.append(words("units.hu", value=words.number(d.cursor_hu, 0)))
    if d.cursor_slice_z_mm is not None:
        found.append(words("views.slice_z", z=words.number(d.cursor_slice_z_mm)))
    return found + also


def _paint_letters(painter: QPainter, d: Decoration) -> None:
    _font(painter, 16, bold=True)
    middle = Qt.AlignmentFlag.AlignCenter
    w, h = d.width, d.height
    for x, y, direction in (
        (EDGE + 4 + 5 * (len(side_letter(-d.axes.right)) - 1), h / 2, -d.axes.right),
        (w - EDGE - 4 - 5 * (len(side_letter(d.axes.right)) - 1), h / 2, d.axes.right),
        (w / 2, EDGE + 6, -d.axes.down),
        (w / 2, h - EDGE - 4, d.axes.down),
    ):
        box = QRectF(x - 24, y - 12, 48, 24)
        _text(painter, box, middle, side_letter(direction), INK)


def _paint_scale(painter: QPainter, d: Decoration, words: Words) -> None:
    room_mm = BAR_SHARE * d.width * d.mm_per_pixel
    bar_mm = max((mm for mm in BARS_MM if mm <= room_mm), default=BARS_MM[0])
    length = bar_mm / d.mm_per_pixel
    right, bottom = d.width - EDGE - 6.0, d.height - EDGE - 2.0
    for colour, width in ((QColor(0, 0, 0, 210), 4.0), (QColor(INK), 2.0)):
        painter.setPen(QPen(colour, width))
        painter.drawLine(QPointF(right - length, bottom), QPointF(right, bottom))
        for x in (right - length, right):
            painter.drawLine(QPointF(x, bottom - 4), QPointF(x, bottom))
    _font(painter, 12)
    told = words("units.cm", value=f"{bar_mm / 10:g}") if bar_mm >= 10 else f"{bar_mm:g} mm"
    flags = Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignRight
    _text(painter, QRectF(right - 120, bottom - 26, 120, 20), flags, told, INK)


def _paint_legend(painter: QPainter, d: Decoration, words: Words) -> None:
    _font(painter, 12)
    flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
    y = d.height - EDGE - 8.0
    room = d.width * (1.0 - BAR_SHARE) - 2 * EDGE - 35  # beside the scale
    metrics = painter.fontMetrics()
    for text, line in reversed(_legend(d.lines, words)):
        pen = QPen(QColor(line.colour), max(2.0, line.width))
        if line.dashed:
            pen.setDashPattern([3.0, 2.0])
        painter.setPen(pen)
        painter.drawLine(QPointF(EDGE, y), QPointF(EDGE + 18, y))
        told = metrics.elidedText(text, Qt.TextElideMode.ElideRight, int(room))
        _text(painter, QRectF(EDGE + 25, y - 9, room, 18), flags, told, INK)
        y -= 17


def _legend(lines: tuple[Line, ...], words: Words) -> list[tuple[str, Line]]:
    """Return a row for each kind of line; structures of one colour share theirs."""
    rows: dict[str, tuple[list[str], Line]] = {}
    for line in lines:
        kind, _, name = line.legend.partition(":")
        if kind == "structure":
            names, _line = rows.setdefault(f"structure:{line.colour}", ([], line))
            text = words.structure(name)
        else:
            names, _line = rows.setdefault(line.legend, ([], line))
            text = (
                f"{words.number(float(name), 0)} °C"
                if kind == "isotherm"
                else words(f"legend.{kind}")
            )
        if text not in names:
            names.append(text)
    return [(", ".join(names), line) for names, line in rows.values()]
