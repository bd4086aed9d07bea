"""Correcting by hand in a real window: clicks, brush, callipers, classes, painted nerves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from app.workstation.session import Session
from app.workstation.stages import Step, Topic
from imaging.document import Vector
from imaging.errors import Refusal
from imaging.phantom.cases import GeneratedCase
from imaging.structures.labels import structures_from
from imaging.structures.model import PassageClass
from planning.lesions import lesions
from planning.plan import Case
from planning.procedure import with_lesion, with_structures
from tests.app.workstation.conftest import Driver

if TYPE_CHECKING:
    from PySide6.QtCore import QPoint

    from app.workstation.steps.lesion import LesionPanel
    from app.workstation.steps.structures import StructuresPanel
    from app.workstation.window import Window

pytestmark = pytest.mark.screen


class Bench:
    """A window on a case whose lesion and structures are known, and a mouse."""

    def __init__(self, driver: Driver, folder: Path, made: GeneratedCase) -> None:
        from app.workstation.window import Window
        from app.workstation.words import Words

        self.driver, self.session = driver, Session()
        self.refusals: list[Refusal] = []
        self.session.subscribe(Topic.REFUSED, self.refusals.append)
        self.window: Window = Window(self.session, Words("en"))
        self.window.show()
        self.window.open_path(folder)
        driver.until(lambda: self.session.volume is not None and not self.session.is_busy)
        volume = self.session.volume
        assert volume is not None
        known = structures_from(made.labels, volume.grid, made.names, "truth")
        self.session.apply("import_structures", with_structures(self.case, known, volume))
        self.session.apply("import_lesion", with_lesion(self.case, volume, made.lesion))
        measured = self.case.plan.lesion
        assert measured is not None
        self.middle = measured.centroid_lps_mm
        self.window.board.go_to(self.middle)
        driver.run()

    @property
    def case(self) -> Case:
        assert self.session.case is not None
        return self.session.case

    def voxels(self) -> int | None:
        """What is shown as the lesion's measure."""
        lesion = self.case.plan.lesion
        return None if lesion is None else lesion.voxels

    def settle(self) -> None:
        self.driver.until(lambda: not self.session.is_busy)

    def lesion_panel(self) -> LesionPanel:
        from app.workstation.steps.lesion import LesionPanel

        self.window.show_step(Step.LESION)
        panel = self.window.panels[Step.LESION]
        assert isinstance(panel, LesionPanel)
        return panel

    def structures_panel(self) -> StructuresPanel:
        from app.workstation.steps.structures import StructuresPanel

        self.window.show_step(Step.STRUCTURES)
        panel = self.window.panels[Step.STRUCTURES]
        assert isinstance(panel, StructuresPanel)
        return panel

    def pixel(self, place: Vector) -> QPoint:
        return self.window.board.axial.to_position(np.array(place)).toPoint()

    def press(self, name: str) -> None:
        """Press the button of the open panel that says this."""
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest
        from PySide6.QtWidgets import QPushButton

        panel = self.window.panels[self.window.step]
        button = next(one for one in panel.findChildren(QPushButton) if one.text() == name)
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def click(self, place: Vector) -> None:
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        QTest.mouseClick(
            self.window.board.axial,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
            self.pixel(place),
        )

    def drag(self, start: Vector, end: Vector) -> None:
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        view, left = self.window.board.axial, Qt.MouseButton.LeftButton
        QTest.mousePress(view, left, pos=self.pixel(start))
        for share in (0.25, 0.5, 0.75, 1.0):
            way = np.array(start) + share * (np.array(end) - np.array(start))
            QTest.mouseMove(view, self.pixel((float(way[0]), float(way[1]), float(way[2]))))
        none = Qt.KeyboardModifier.NoModifier
        QTest.mouseRelease(view, left, none, self.pixel(end))


@pytest.fixture
def bench(driver: Driver, ct_folder: Path, generated: GeneratedCase) -> Iterator[Bench]:
    made = Bench(driver, ct_folder, generated)
    yield made
    from PySide6.QtWidgets import QMessageBox

    for told in made.window.findChildren(QMessageBox):
        told.close()
    made.window.close()
    driver.run(0.2)


def _moved(place: Vector, x_mm: float, y_mm: float = 0.0) -> Vector:
    return place[0] + x_mm, place[1] + y_mm, place[2]


def test_an_outline_is_corrected_step_by_step_and_every_step_goes_back(bench: Bench) -> None:
    bench.lesion_panel()
    first = bench.case.lesion
    assert first is not None
    bench.press("Brush: add")
    bench.drag(_moved(bench.middle, 10), _moved(bench.middle, 34))
    assert bench.session.undo_name == "brush"
    wide = bench.case.lesion
    assert wide is not None
    assert wide.sum() > first.sum()
    assert bench.voxels() is None  # shown as being measured, never as the one before
    bench.settle()
    assert bench.voxels() == wide.sum()
    assert bench.case.plan.involvement is not None
    bench.press("Smooth")
    bench.settle()
    assert bench.session.undo_name == "smooth"
    bench.press("Keep the clicked part")
    bench.click(bench.middle)
    bench.settle()
    assert bench.session.undo_name == "smooth"  # one part: there was nothing to take away
    bench.press("Brush: add")
    bench.drag(_moved(bench.middle, 60), _moved(bench.middle, 64))
    bench.press("Keep the clicked part")
    bench.click(bench.middle)
    bench.settle()
    for name in ("keep_part", "brush", "smooth", "brush"):
        assert bench.session.undo_name == name
        bench.session.undo()
        bench.settle()
    np.testing.assert_array_equal(bench.case.lesion, first)
    assert bench.case.plan.lesion is not None
    bench.press("Fill between slices")
    assert bench.refusals[-1].code == "nothing_to_fill"
    np.testing.assert_array_equal(bench.case.lesion, first)


def test_callipers_are_dragged_and_a_measure_is_set_back(bench: Bench) -> None:
    bench.lesion_panel()
    lesion = bench.case.plan.lesion
    assert lesion is not None
    bench.press("Drag length and width in the views")
    end = lesion.length_ends_lps_mm[0]
    bench.window.board.go_to(end)
    bench.driver.run()
    bench.drag(end, _moved(end, 12, 5))
    (edit,) = bench.case.plan.edits
    assert edit.key == "length_mm"
    assert edit.measured == lesion.length_mm
    measures = bench.case.plan.measures
    assert measures is not None
    ends = np.array(measures.length_ends_lps_mm)
    assert measures.length_mm == pytest.approx(np.linalg.norm(ends[0] - ends[1]))
    assert np.linalg.norm(ends[0] - np.add(end, (12, 5, 0))) < 2.0
    bench.session.editing.take_back_edit("length_mm")
    assert bench.case.plan.measures == lesion


def test_classes_limits_and_painted_nerves(bench: Bench) -> None:
    panel = bench.structures_panel()
    row = bench.case.structures.named("iliopsoas_left") if bench.case.structures else None
    assert row is not None
    menu = panel.class_menu(row)
    menu.actions()[0].trigger()
    assert bench.case.plan.classes[0].value is PassageClass.FORBIDDEN
    assert bench.case.plan.classes[0].was is PassageClass.PASSABLE
    menu.close()
    before = {one.name for one in bench.case.plan.unpainted}
    assert "radiculomedullary_arteries" in before
    panel._painted.setCurrentText("Arteries of the cord")
    bench.press("Brush: add")
    bench.drag(_moved(bench.middle, 30), _moved(bench.middle, 40))
    assert bench.session.undo_name == "paint_structure"
    assert "radiculomedullary_arteries" not in {one.name for one in bench.case.plan.unpainted}
    bench.settle()
    assert bench.case.plan.involvement is not None
    near = {one.name for one in bench.case.plan.involvement.distances}
    assert "radiculomedullary_arteries" in near
    bench.session.undo()
    assert {one.name for one in bench.case.plan.unpainted} == before
    bench.window.show_step(Step.LESION)
    assert bench.window.viewpoint.look.painted_structure is None


def test_another_lesion_is_begun_and_the_first_is_found_again(bench: Bench) -> None:
    panel = bench.lesion_panel()
    bench.press("New lesion")
    assert bench.case.plan.number == 2
    assert bench.case.lesion is None
    bench.press("Brush: add")
    bench.drag(bench.middle, _moved(bench.middle, 9))
    bench.settle()
    panel._choice.setCurrentIndex(0)
    panel._choice.activated.emit(0)
    assert bench.case.plan.number == 1
    bench.settle()
    assert [one.lesion is not None for one in lesions(bench.case)] == [True, True]
    bench.session.undo()
    assert bench.case.plan.number == 2


@pytest.mark.long
def test_no_panel_is_wider_than_its_place_in_either_language(bench: Bench) -> None:
    bench.structures_panel()
    for language in ("fr", "en"):
        bench.window.use_language(language)
        bench.driver.run()
        for step, panel in bench.window.panels.items():
            bench.window.show_step(step)
            bench.driver.run()
            inside = panel.widget()
            assert inside is not None
            needed = inside.minimumSizeHint().width()
            assert needed <= panel.viewport().width(), (language, step)


@pytest.mark.long
def test_the_range_of_values_can_be_read(bench: Bench) -> None:
    brush = bench.lesion_panel().brush
    for box in (brush.low, brush.high):
        text = box.fontMetrics().horizontalAdvance("-1024 HU")
        assert box.lineEdit().width() >= text


def test_an_outline_is_shown_before_it_is_measured_and_the_slider_needs_no_job(
    bench: Bench,
) -> None:
    panel = bench.lesion_panel()
    bench.press("Click in the lesion")
    before = bench.case.lesion
    bench.click(bench.middle)
    bench.driver.until(lambda: bench.case.lesion is not before)
    assert bench.case.plan.seeds_lps_mm
    assert bench.voxels() is None
    bench.settle()
    first = bench.case.lesion
    assert first is not None
    assert bench.voxels() == first.sum()
    panel.slider.setValue(-10)  # on voxels as coarse as these the outline stays the same
    assert bench.session.undo_name == "regrow"
    assert bench.case.plan.generosity == -1.0
    assert not bench.session.runs("outline", "regrow")
    bench.settle()
    assert bench.voxels() is not None
    bench.session.undo()
    np.testing.assert_array_equal(bench.case.lesion, first)
    assert panel.slider.value() == 0


def test_a_refused_click_leaves_no_outline_unmeasured(bench: Bench) -> None:
    bench.lesion_panel()
    bench.press("Brush: add")
    bench.drag(_moved(bench.middle, 10), _moved(bench.middle, 34))
    assert bench.session.runs("measure")
    bench.session.editing.outline((0.0, 0.0, 9000.0))
    bench.settle()
    assert [one.code for one in bench.refusals] == ["seed_outside"]
    assert bench.case.lesion is not None
    assert bench.voxels() == bench.case.lesion.sum()


@pytest.mark.long
def test_measures_keep_their_place_while_they_are_taken_again(bench: Bench) -> None:
    panel = bench.lesion_panel()
    bench.driver.run()
    shown = panel._measures.table

    def values() -> list[str]:
        items = [shown.item(n, 1) for n in range(shown.rowCount())]
        return [one.text() for one in items if one is not None]

    before = values()
    bench.press("Brush: add")
    bench.drag(_moved(bench.middle, 10), _moved(bench.middle, 34))
    assert shown.isVisible()
    assert values() == ["…"] * len(before)
    bench.settle()
    assert values()[0] not in {"…", before[0]}


@pytest.mark.long
def test_an_outline_that_no_slice_shows_is_brought_into_view(bench: Bench) -> None:
    bench.lesion_panel()
    volume = bench.session.volume
    assert volume is not None
    low = volume.grid.corners_lps_mm().min(axis=0)
    far = np.array(bench.middle) + np.sign(low - np.array(bench.middle)) * 40.0
    mask = np.zeros(volume.grid.size_kji, dtype=bool)
    mask[tuple(slice(n, n + 3) for n in volume.grid.nearest(far) or (0, 0, 0))] = True
    bench.session.apply("import_lesion", with_lesion(bench.case, volume, mask))
    here = bench.window.viewpoint.look.crosshair_lps_mm
    assert np.linalg.norm(np.subtract(here, far)) < 10.0
