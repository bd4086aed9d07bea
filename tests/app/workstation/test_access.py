"""The way in, as it is chosen, drawn by hand, looked along and limited in a real window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from app.workstation.stages import State, Step
from app.workstation.viewpoint import Tool
from imaging.document import Vector
from imaging.phantom.cases import GeneratedCase
from planning.access.live import OPEN
from planning.access.posture import Position
from tests.app.workstation.conftest import Driver
from tests.app.workstation.test_correcting import Bench

if TYPE_CHECKING:
    from app.workstation.steps.access import AccessPanel
    from app.workstation.viewpoint import DrawnWay

pytestmark = pytest.mark.screen

NEEDLE = "trocar_13g_150"
BACK_MM = 105.0  # from the lesion, outside the skin of the back


class AccessBench(Bench):
    """A window that shows the step of access."""

    def panel(self) -> AccessPanel:
        from app.workstation.steps.access import AccessPanel

        panel = self.window.panels[Step.ACCESS]
        assert isinstance(panel, AccessPanel)
        return panel

    def search(self) -> None:
        self.session.find_access(NEEDLE, Position.PRONE)
        self.settle()

    def key(self, name: str) -> None:
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        self.window.activateWindow()
        self.window.board.axial.setFocus()
        self.driver.run(0.1)
        QTest.keyClick(self.window.board.axial, getattr(Qt.Key, f"Key_{name}"))
        self.driver.run()

    def is_found(self) -> bool:
        return self.case.plan.access is not None

    def has_legend(self) -> bool:
        return self.window.board.three_d.legend.isVisible()

    def drawn(self) -> DrawnWay | None:
        return self.window.viewpoint.look.drawn_way

    def rest(self) -> None:
        """Wait for the map with all its points."""

        def is_still() -> bool:
            shown = self.session.reaching.skin
            return shown is not None and not shown.asked.is_moving and not self.session.is_busy

        self.driver.run(0.5)
        self.driver.until(is_still)

    def open_skin(self) -> int:
        """How much skin gives access, on the map that is shown."""
        shown = self.session.reaching.skin
        assert shown is not None
        assert not shown.problems
        return int((shown.state == OPEN).sum())


@pytest.fixture
def bench(driver: Driver, ct_folder: Path, generated: GeneratedCase) -> Iterator[AccessBench]:
    made = AccessBench(driver, ct_folder, generated)
    made.window.show_step(Step.ACCESS)
    made.settle()
    yield made
    made.window.close()
    driver.run()


def _texts(panel: AccessPanel) -> str:
    from PySide6.QtWidgets import QLabel

    return "\n".join(one.text() for one in panel.details.findChildren(QLabel))


def test_ways_are_listed_with_those_of_the_front_sorted_and_explained(bench: AccessBench) -> None:
    from PySide6.QtCore import QPoint, Qt
    from PySide6.QtTest import QTest

    bench.search()
    panel, access = bench.panel(), bench.case.plan.access
    assert access is not None
    ranks = [None if one is None else one.rank for one in panel.ways.ways]
    assert ranks[: len(access.proposals)] == [one.rank for one in access.proposals]
    if access.front:
        assert None in ranks
    assert ranks[-len(access.front) :] == [one.rank for one in access.front] or not access.front

    table = panel.ways.table
    header = table.horizontalHeader()
    x = header.sectionViewportPosition(1) + header.sectionSize(1) // 2
    QTest.mouseClick(
        header.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(x, header.height() // 2)
    )
    lengths = [one.length_mm for one in panel.ways.ways[: len(access.proposals)] if one]
    assert lengths == sorted(lengths)

    last = len(panel.ways.ways) - 1
    cell = table.item(last, 1)
    assert cell is not None
    table.scrollToItem(cell)
    place = table.visualItemRect(cell).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    way = panel.ways.ways[last]
    assert way is not None
    assert bench.case.plan.chosen_rank == way.rank
    told = _texts(panel)
    assert f"Path {way.rank}" in told
    assert "Depth, skin to target" in told
    assert "Bears the hand" in told
    if way.provisional:
        assert "repeat the planning CT" in told
    assert bench.refusals == []


def test_a_way_drawn_by_hand_is_judged_overruled_and_undone(bench: AccessBench) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    from app.workstation.viewpoint import Tool

    bench.search()
    before = bench.case
    # Through the spinal canal, pressed behind the skin of the back.
    target = bench.middle
    entry: Vector = (target[0] - 12.0, target[1] + BACK_MM, target[2])
    half_way = np.array((target[0], target[1] + BACK_MM / 2, target[2]))
    bench.window.board.axial.zoom_to(half_way, 2.5 * BACK_MM)
    bench.key("D")
    assert bench.window.viewpoint.look.tool == Tool.DRAW_WAY
    assert bench.panel().own_way.draw.isChecked()
    axial, left = bench.window.board.axial, Qt.MouseButton.LeftButton
    QTest.mousePress(axial, left, pos=bench.pixel(entry))
    QTest.mouseMove(axial, bench.pixel((target[0] - 8.0, target[1] + 30.0, target[2])))
    QTest.mouseMove(axial, bench.pixel(target))
    assert bench.drawn() is not None
    bench.driver.until(lambda: bench.session.reaching.trial is not None)
    drawn = bench.drawn()
    assert drawn is not None
    assert drawn.against is not None
    QTest.mouseRelease(axial, left, pos=bench.pixel(target))
    bench.settle()

    own = bench.case.plan.own_way
    assert own is not None
    assert bench.case.plan.chosen is own
    assert own.entry_lps_mm[1] < entry[1] - 2.0  # moved onto the skin
    assert any("spinal_canal" in one for one in own.against)
    assert bench.drawn() is None
    panel = bench.panel()
    first = panel.ways.ways[0]
    assert first is not None
    assert first.rank == 0
    assert "Spinal canal" in _texts(panel)

    QTest.keyClicks(panel.own_way.reason, "cord checked")
    QTest.keyClick(panel.own_way.reason, Qt.Key.Key_Return)
    own = bench.case.plan.own_way
    assert own is not None
    assert own.overruled == "cord checked"
    assert own.against

    bench.session.undo()
    assert bench.case.plan.own_way is not None
    assert bench.case.plan.own_way.overruled == ""
    bench.session.undo()
    assert bench.case.plan == before.plan
    assert bench.refusals == []


@pytest.mark.long
def test_an_end_of_the_planned_way_is_dragged_and_a_click_changes_nothing(
    bench: AccessBench,
) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    bench.search()
    chosen = bench.case.plan.chosen
    assert chosen is not None
    bench.key("D")
    axial, left = bench.window.board.axial, Qt.MouseButton.LeftButton
    QTest.mouseClick(axial, left, pos=bench.pixel(chosen.target_lps_mm))
    bench.settle()
    assert bench.case.plan.chosen is chosen
    x, y, z = chosen.target_lps_mm
    moved: Vector = (x + 4.0, y, z)
    QTest.mousePress(axial, left, pos=bench.pixel(chosen.target_lps_mm))
    QTest.mouseMove(axial, bench.pixel(moved))
    QTest.mouseRelease(axial, left, pos=bench.pixel(moved))
    bench.settle()
    own = bench.case.plan.own_way
    assert own is not None
    assert own.target_lps_mm == pytest.approx(moved, abs=1.5)
    assert own.entry_lps_mm == pytest.approx(chosen.entry_lps_mm, abs=5.0)
    assert bench.session.undo_name == "own_way"


def test_slices_run_along_the_needle_and_the_usual_ones_come_back(bench: AccessBench) -> None:
    from PySide6.QtCore import QPoint, QPointF, Qt
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication

    bench.search()
    board, chosen = bench.window.board, bench.case.plan.chosen
    assert chosen is not None
    before = [view.grab().toImage() for view in board.slices]
    bench.key("V")
    assert [view.isVisible() for view in board.slices] == [False] * 3
    assert [view.isVisible() for view in board.needle_views] == [True] * 3
    along, beside, eye = board.needle_views
    for view in (along, beside):  # both contain the needle
        for end in (chosen.entry_lps_mm, chosen.target_lps_mm):
            place = view.to_lps(view.to_position(np.array(end)))
            assert place == pytest.approx(np.array(end), abs=1e-6)
    assert board.needle_depth_mm == pytest.approx(chosen.length_mm)

    crosshair = bench.window.viewpoint.look.crosshair_lps_mm
    middle = QPointF(eye.rect().center())
    for _ in range(3):
        turned = QWheelEvent(
            middle,
            QPointF(eye.mapToGlobal(middle.toPoint())),
            QPoint(),
            QPoint(0, -120),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(eye, turned)
    assert board.needle_depth_mm == pytest.approx(chosen.length_mm - 3.0)
    board.needle_slider.slider.setValue(20)
    assert board.needle_depth_mm == pytest.approx(20.0)
    way = np.subtract(chosen.target_lps_mm, chosen.entry_lps_mm) / chosen.length_mm
    centre = np.array(chosen.entry_lps_mm) + 20.0 * way
    assert eye.to_lps(eye.to_position(centre)) == pytest.approx(centre, abs=1e-6)
    bench.driver.run()

    bench.window.viewpoint.change(tool=Tool.DRAW_WAY)
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QTest.mousePress(eye, left, none, middle.toPoint())
    QTest.mouseMove(eye, middle.toPoint() + QPoint(40, 10))
    QTest.mouseRelease(eye, left, none, middle.toPoint() + QPoint(40, 10))
    assert bench.drawn() is None
    assert bench.case.plan.own_way is None
    bench.window.viewpoint.change(tool=Tool.CROSSHAIR)

    bench.key("V")
    assert [view.isVisible() for view in board.slices] == [True] * 3
    assert bench.window.viewpoint.look.crosshair_lps_mm == crosshair
    bench.driver.run()
    assert [view.grab().toImage() for view in board.slices] == before


def test_the_skin_follows_a_margin_and_the_search_is_to_be_done_again(bench: AccessBench) -> None:
    bench.search()
    bench.driver.until(
        lambda: not bench.session.is_busy and bench.session.reaching.skin is not None
    )
    panel = bench.panel()
    panel.limits.heading.click()
    before = bench.open_skin()
    assert before > 0
    assert bench.has_legend()
    slider = panel.limits.sliders["spinal_canal"]
    maps = [bench.session.reaching.skin]
    for step in range(7, 29):
        slider.setValue(step)
        bench.driver.run(0.02)
        if bench.session.reaching.skin is not maps[-1]:
            maps.append(bench.session.reaching.skin)
    assert len(maps) > 2  # it followed while the slider was moved
    bench.driver.until(lambda: bench.case.plan.margins_mm == {"spinal_canal": 14.0}, 20.0)
    bench.rest()
    assert bench.open_skin() < before
    assert not bench.is_found()
    assert bench.session.state(Step.ACCESS) == State.STALE
    assert bench.session.undo_name == "access_limits"
    bench.session.undo()
    assert bench.is_found()
    assert slider.value() == 6
    bench.rest()
    assert bench.open_skin() == before

    panel.limits.settings["bore_mm"].setValue(200.0)
    panel.limits.flush()
    assert bench.is_found()  # refused, and told why
    bench.window.viewpoint.change(shows_skin=False)
    assert not bench.has_legend()
    assert bench.refusals == []


@pytest.mark.long
def test_needles_beside_the_planned_one_are_found_drawn_and_forgotten(bench: AccessBench) -> None:
    bench.search()
    panel = bench.panel()
    panel.extras.heading.click()
    panel.extras.count.setCurrentIndex(2)
    panel.extras.combine.click()
    bench.settle()
    panel.extras.cement.click()
    bench.settle()
    kinds = [one.kind for one in bench.session.extras.found]
    assert kinds == ["set", "cement"]
    assert bench.session.extras.found[1].cement is not None
    ways = [way for one in bench.session.extras.found for way in one.ways()]
    assert bench.window.board.layers.extra_ways == tuple(ways)
    bench.session.editing.forget_lesion()
    assert bench.session.extras.found == ()
    assert bench.window.board.layers.extra_ways == ()
