"""Lines are drawn as wide, as dark and where Qt draws them."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPolygonF

from app.workstation.views.layers import Line
from app.workstation.views.strokes import Strokes, dashes
from imaging.geometry import FloatArray

SIZE = 96


def _by_qt(points: FloatArray, colour: str, width: float) -> FloatArray:
    image = QImage(SIZE, SIZE, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for ink, wide in ((QColor(0, 0, 0, 130), width + 2.0), (QColor(colour), width)):
        pen = QPen(ink, wide)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in points]))
    painter.end()
    return np.frombuffer(image.constBits(), np.uint8).reshape(SIZE, SIZE, 4).astype(float)


@pytest.mark.parametrize("width", [1.3, 1.6, 3.0])
def test_a_line_looks_as_qt_draws_it(width: float) -> None:
    turn = np.linspace(0, 2 * np.pi, 60)
    circle = np.column_stack([48 + 30 * np.cos(turn), 48 + 22 * np.sin(turn)])
    strokes = Strokes(SIZE, SIZE)
    assert strokes.draw(Line((circle,), "#D55E00", width), [circle], 1.0)
    wanted = _by_qt(circle, "#D55E00", width)
    got = strokes.pixels.astype(float)
    assert np.abs(got - wanted).mean() < 1.5
    assert got.sum(axis=(0, 1)) == pytest.approx(wanted.sum(axis=(0, 1)), rel=0.06)


def test_a_line_beside_the_picture_is_not_seen_and_one_across_it_is_cut() -> None:
    strokes = Strokes(SIZE, SIZE)
    far = np.array([[-500.0, -20.0], [900.0, -20.0]])
    assert not strokes.draw(Line((far,), "#FFFFFF", 2.0), [far], 1.0)
    assert not strokes.pixels.any()
    across = np.array([[-500.0, 40.0], [900.0, 40.0]])
    assert strokes.draw(Line((across,), "#FFFFFF", 2.0), [across], 1.0)
    assert (strokes.pixels[40, :, 3] == 255).all()


def test_dashes_cover_their_share_of_a_bent_line() -> None:
    bent = np.array([[0.0, 0.0], [7.0, 0.0], [7.0, 11.0]])
    found = dashes(bent, 5.0, 4.0)
    lengths = [float(np.linalg.norm(np.diff(one, axis=0), axis=1).sum()) for one in found]
    assert lengths == [5.0, 5.0]
    assert found[1].tolist() == [[7.0, 2.0], [7.0, 7.0]]
    np.testing.assert_array_equal(found[0][0], bent[0])
