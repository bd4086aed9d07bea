"""Slabs, measurements, turned planes, layouts and cine, as the hand finds them in a window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest

from app.workstation.stages import Topic
from app.workstation.viewpoint import Layout, Rendering, Tool
from imaging.geometry import Grid
from imaging.slabs import Projection, Slab
from imaging.volume import SeriesInfo, Volume
from planning.annotations import AnnotationKind
from planning.plan import Case
from tests.app.workstation.conftest import Driver

if TYPE_CHECKING:
    from PySide6.QtCore import QPoint, Qt

    from app.workstation.views.board import Board
    from app.workstation.views.slice_view import SliceView
    from app.workstation.window import Window

pytestmark = pytest.mark.screen


def _volume() -> Volume:
    """A ramp along z with a bright rod along the body at x = 10, y = −5 mm."""
    grid = Grid.aligned((60, 80, 80), 2.0, (-79.0, -79.0, -59.0))
    hu = np.repeat(np.arange(60, dtype=np.int16)[:, None, None] * 2, 80, axis=1)
    hu = np.repeat(hu, 80, axis=2)
    hu[:, 36:39, 43:46] = 900
    return Volume(hu.astype(np.int16), grid, SeriesInfo(uid="1.2", path=""))


@pytest.fixture
def window(driver: Driver) -> Iterator[Window]:
    from PySide6.QtCore import QCoreApplication, QEvent

    from app.workstation.session import Session
    from app.workstation.window import Window
    from app.workstation.words import Words

    session = Session()
    window = Window(session, Words("en"))
    window.show()
    session.volume = _volume()
    session.case = Case.begin(session.volume)
    session.tell(Topic.VOLUME, session.volume)
    session.tell(Topic.CASE, session.case)
    driver.run()
    yield window
    window.close()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    driver.run()


def _drag(view: SliceView, begin: QPoint, end: QPoint, held: Qt.KeyboardModifier | None) -> None:
    from PySide6.QtCore import QEvent, QPointF, Qt
    from PySide6.QtGui import QMouseEvent
    from PySide6.QtWidgets import QApplication

    keys = held or Qt.KeyboardModifier.NoModifier
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    for kind, place, button, buttons in (
        (QEvent.Type.MouseButtonPress, begin, left, left),
        (QEvent.Type.MouseMove, (begin + end) / 2, none, left),
        (QEvent.Type.MouseMove, end, none, left),
        (QEvent.Type.MouseButtonRelease, end, left, none),
    ):
        at = QPointF(place)
        event = QMouseEvent(kind, at, QPointF(view.mapToGlobal(place)), button, buttons, keys)
        QApplication.sendEvent(view, event)


def _at(view: SliceView, *lps_mm: float) -> QPoint:
    return view.to_position(np.array(lps_mm)).toPoint()


def test_a_measured_length_is_kept_moved_removed_and_comes_back(window: Window) -> None:
    session, axial = window.session, window.board.axial
    window.viewpoint.move_crosshair((0.0, 0.0, 1.0))
    window.viewpoint.change(tool=Tool.LENGTH)
    _drag(axial, _at(axial, -30, 0, 1), _at(axial, 20, 0, 1), None)
    assert session.case is not None
    (one,) = session.case.plan.annotations
    assert one.kind is AnnotationKind.LENGTH
    assert one.length_mm == pytest.approx(50.0, abs=2 * axial.mm_per_pixel)
    assert one.points_lps_mm[0][2] == pytest.approx(1.0)
    # its end is moved with the crosshair's tool too
    window.viewpoint.change(tool=Tool.CROSSHAIR)
    _drag(axial, _at(axial, *one.points_lps_mm[1]), _at(axial, -30, 30, 1), None)
    (moved,) = session.case.plan.annotations
    assert moved.length_mm == pytest.approx(30.0, abs=2 * axial.mm_per_pixel)
    assert session.undo_name == "move_annotation"
    window.board.remove_annotation()
    assert len(session.case.plan.annotations) == 0
    session.undo()
    session.undo()
    assert list(session.case.plan.annotations) == [one]
    session.undo()
    assert len(session.case.plan.annotations) == 0


def test_a_click_alone_measures_nothing(window: Window) -> None:
    axial = window.board.axial
    for tool in (Tool.LENGTH, Tool.ANGLE, Tool.REGION):
        window.viewpoint.change(tool=tool)
        middle = axial.rect().center()
        _drag(axial, middle, middle, None)
    assert window.session.case is not None
    assert window.session.case.plan.annotations == ()


def test_an_angle_takes_a_drag_and_a_click(window: Window) -> None:
    coronal = window.board.coronal
    window.viewpoint.move_crosshair((0.0, 0.0, 1.0))
    window.viewpoint.change(tool=Tool.ANGLE)
    _drag(coronal, _at(coronal, -30, 0, 0), _at(coronal, 0, 0, 0), None)
    place = _at(coronal, 0, 0, 30)
    _drag(coronal, place, place, None)
    assert window.session.case is not None
    (one,) = window.session.case.plan.annotations
    assert one.angle_deg == pytest.approx(90.0, abs=4.0)


def test_a_region_is_seen_in_its_slice_and_not_in_others(window: Window, driver: Driver) -> None:
    axial = window.board.axial
    window.viewpoint.change(shows_crosshair=False, tool=Tool.REGION)
    window.viewpoint.move_crosshair((-40.0, 40.0, 1.0))
    bare = axial.grab().toImage()
    _drag(axial, _at(axial, -30, -30, 1), _at(axial, -18, -30, 1), None)
    driver.run()
    window.viewpoint.change(selected_annotation=None)
    assert axial.grab().toImage() != bare
    assert window.session.case is not None
    (one,) = window.session.case.plan.annotations
    assert one.ellipse.area_mm2 == pytest.approx(np.pi * 144, rel=0.15)
    window.viewpoint.move_crosshair((-40.0, 40.0, 9.0))
    other = axial.grab().toImage()
    window.board.remove_annotations()
    assert axial.grab().toImage() == other


def test_a_slab_shows_its_brightest_voxels_and_says_so(window: Window) -> None:
    board = window.board
    window.viewpoint.move_crosshair((0.0, 10.0, 1.0))  # 15 mm in front of it lies the rod
    grey = board.layers.grey
    from app.workstation.views.reslice import Frame

    frame = Frame(-40.0, -40.0, board.coronal.depth_mm, 2.0, 40, 30)
    thin = grey(board.coronal.axes, frame)
    thick = grey(board.coronal.axes, frame, Slab(40.0, Projection.MAXIMUM))
    assert thin is not None
    assert thick is not None
    assert thin.max() < 200
    assert thick.max() == 900
    before = board.coronal.grab().toImage()
    window.viewpoint.project(Projection.MAXIMUM)
    window.viewpoint.set_thickness(40.0)
    assert board.coronal.grab().toImage() != before
    window.viewpoint.set_thickness(0.0)
    assert board.coronal.grab().toImage() == before


def test_dragging_an_arm_turns_the_other_planes_and_a_key_lays_them_straight(
    window: Window,
) -> None:
    from PySide6.QtCore import Qt

    axial, coronal = window.board.axial, window.board.coronal
    window.viewpoint.move_crosshair((0.0, 0.0, 1.0))
    centre = axial.to_position(np.zeros(3))
    far = _at(axial, 40.0, 0.0, 0.0)
    turned = _at(axial, 40.0 * np.cos(0.5), 40.0 * np.sin(0.5), 0.0)
    shown = coronal.to_position(np.array([0.0, 0.0, 1.0]))
    _drag(axial, far, turned, Qt.KeyboardModifier.ShiftModifier)
    planes = window.viewpoint.look.planes
    assert planes.line_deg("axial", "coronal") == pytest.approx(np.rad2deg(0.5), abs=2.0)
    assert not planes.is_oblique("axial")
    assert planes.is_oblique("coronal")
    assert axial.to_position(np.zeros(3)) == centre
    # the crosshair stays where it was on the turned picture too
    again = coronal.to_position(np.array([0.0, 0.0, 1.0]))
    assert (again - shown).manhattanLength() < 1.0
    # a place along the turned plane is found again under the pointer
    place = coronal.to_lps(coronal.to_position(np.array([0.0, 0.0, 20.0])))
    np.testing.assert_allclose(place, (0.0, 0.0, 20.0), atol=0.5)
    window.viewpoint.straighten()
    assert not window.viewpoint.look.planes.is_oblique("coronal")


def _shown(board: Board) -> set[str]:
    return {view.name for view in board.all_slices if view.isVisible()} | (
        {"space"} if board.three_d.isVisible() else set()
    )


def test_layouts_show_their_views_and_one_can_be_alone(window: Window, driver: Driver) -> None:
    board = window.board
    wanted = {
        Layout.COLUMNS: {"axial", "coronal", "sagittal"},
        Layout.AXIAL_LARGE: {"axial", "coronal", "sagittal"},
        Layout.SPACE_LARGE: {"axial", "coronal", "sagittal", "space"},
        Layout.AXIAL_ALONE: {"axial"},
        Layout.FOUR: {"axial", "coronal", "sagittal", "space"},
    }
    for layout, names in wanted.items():
        window.viewpoint.change(layout=layout)
        driver.run(0.02)
        assert _shown(board) == names
    window.viewpoint.change(layout=Layout.AXIAL_LARGE)
    driver.run(0.02)
    assert board.axial.height() > 1.8 * board.coronal.height()
    board.maximise(board.coronal)
    assert _shown(board) == {"coronal"}
    board.maximise(board.coronal)
    assert _shown(board) == wanted[Layout.AXIAL_LARGE]


def test_cine_runs_through_slices_and_turns_back_at_the_end(window: Window, driver: Driver) -> None:
    window.viewpoint.move_crosshair((0.0, 0.0, -57.0))
    window.viewpoint.change(layout=Layout.AXIAL_ALONE)  # wherever the pointer is
    window.viewpoint.change(is_playing=True, cine_per_s=25)
    seen: set[float] = set()
    window.viewpoint.subscribe(lambda look: seen.add(look.crosshair_lps_mm[2]))
    driver.until(lambda: max(seen, default=-99.0) > -50.0, most_s=10)
    assert min(seen) < -57.0
    window.viewpoint.change(is_playing=False)
    stopped = window.viewpoint.look.crosshair_lps_mm
    driver.run(0.2)
    assert window.viewpoint.look.crosshair_lps_mm == stopped


def test_the_ct_is_seen_in_space_by_its_values(window: Window, driver: Driver) -> None:
    from PySide6.QtGui import QImage

    board = window.board
    board.three_d.look_at_all()
    driver.run(0.2)

    def bright() -> int:
        image = QImage.fromData(board.three_d.png()).convertToFormat(
            QImage.Format.Format_Grayscale8
        )
        size = image.width(), image.height()
        return sum(
            image.pixelColor(x, y).red() > 110
            for x in range(0, size[0], 4)
            for y in range(0, size[1] * 3 // 4, 4)
        )

    before = bright()
    window.viewpoint.change(rendering=Rendering.BONE)
    assert bright() > before + 20  # the rod
    board.three_d.turn(10.0)
    window.viewpoint.change(rendering=Rendering.SURFACES)
    assert bright() == before or abs(bright() - before) < 20


def test_menus_have_the_keys_of_the_views_once(window: Window) -> None:
    from collections import Counter

    from PySide6.QtGui import QAction

    keys = Counter(
        action.shortcut().toString()
        for action in window.findChildren(QAction)
        if not action.shortcut().isEmpty()
    )
    for key in ("T", "Shift+T", "M", "C", "F2", "F3", "F4", "F5", "F6", "Shift+R", "Del"):
        assert keys[key] == 1
    assert max(keys.values()) == 1
