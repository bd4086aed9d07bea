"""The whole procedure in a real window, as a radiologist goes through it."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import numpy as np
import pytest

from app.workstation.session import Session
from app.workstation.stages import State, Step, Topic
from imaging.errors import Refusal
from imaging.phantom.cases import GeneratedCase
from planning.access.posture import Position
from tests.app.workstation.conftest import Driver

pytestmark = pytest.mark.screen


def _alive(process: int | None) -> bool:
    return process is not None and Path(f"/proc/{process}").exists()


def test_a_plan_is_made_saved_opened_again_and_undone(
    driver: Driver, ct_folder: Path, generated: GeneratedCase, tmp_path: Path
) -> None:
    from PySide6.QtCore import QPoint, QPointF, Qt
    from PySide6.QtTest import QTest

    from app.workstation.steps.technique.panel import TechniquePanel
    from app.workstation.viewpoint import Tool
    from app.workstation.window import Window
    from app.workstation.words import Words

    session = Session()
    refusals: list[Refusal] = []
    session.subscribe(Topic.REFUSED, refusals.append)
    window = Window(session, Words("en"))
    window.show()
    window.open_path(ct_folder)
    driver.until(lambda: session.volume is not None)
    assert session.state(Step.STUDY) == State.DONE
    assert session.state(Step.LESION) == State.LACKING
    driver.until(lambda: not session.is_busy)
    assert session.surface is not None
    assert len(session.surface.triangles) > 1000

    # a click in the middle of the lesion
    axial, seed = window.board.axial, generated.truth.lesion.seed_lps_mm
    window.show_step(Step.LESION)
    window.viewpoint.move_crosshair(seed)
    window.viewpoint.change(tool=Tool.CLICK_LESION)
    place: QPointF = axial.to_position(np.array(seed))
    QTest.mouseClick(
        axial, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place.toPoint()
    )
    driver.until(lambda: not session.is_busy)
    assert session.case is not None
    assert session.case.plan.lesion is not None
    truth_ml = generated.truth.lesion.volume_ml
    assert 0.5 * truth_ml < session.case.plan.lesion.volume_ml < 1.6 * truth_ml
    first_outline = session.case.lesion

    # one brush stroke is one step back
    window.viewpoint.change(tool=Tool.BRUSH_ADD)
    middle = axial.rect().center()
    QTest.mousePress(axial, Qt.MouseButton.LeftButton, pos=middle)
    for step in range(1, 9):
        QTest.mouseMove(axial, middle + QPoint(4 * step, 0))
    QTest.mouseRelease(
        axial, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle + QPoint(32, 0)
    )
    driver.until(lambda: not session.is_busy)
    assert session.undo_name == "brush"
    session.undo()
    assert session.case.lesion is not None
    np.testing.assert_array_equal(session.case.lesion, first_outline)
    assert session.redo_name == "brush"

    session.editing.find_structures()
    driver.until(lambda: not session.is_busy)
    assert session.case.structures is not None
    assert "spinal_canal" in session.case.structures.names()

    session.find_access("trocar_13g_150", Position.PRONE)
    driver.until(lambda: not session.is_busy)
    assert session.case.plan.chosen is not None
    target = session.case.plan.chosen.target_lps_mm
    assert window.viewpoint.look.crosshair_lps_mm == pytest.approx(target)

    # answers given while the simulation runs do not cost its result
    session.simulate("icesphere_17g", 5.0, 2.0)
    panel = window.panels[Step.TECHNIQUE]
    assert isinstance(panel, TechniquePanel)
    window.show_step(Step.TECHNIQUE)
    panel.fields["vas"].show_value(8.0)
    panel.fields["infection"].show_value(False)
    panel.apply()
    assert session.case.plan.recommendation is not None
    driver.until(lambda: not session.is_busy)
    assert [row.device for row in session.case.plan.simulation] == ["icesphere_17g"]
    driver.until(lambda: session.case is not None and session.case.plan.recommendation is not None)
    assert session.case.plan.answers.vas == 8.0

    # wrong answers are told at their field and change nothing
    before = session.case
    panel.fields["vas"].show_value(80.0)
    panel.apply()
    assert session.case is before
    panel.fields["vas"].show_value(8.0)

    # both languages, at once, without losing anything
    window.use_language("fr")
    driver.run(0.1)
    assert window.panels[Step.STUDY] is not panel
    assert session.case.plan.answers.vas == 8.0

    plan = tmp_path / "case.osteoplan"
    assert session.save_as(plan)
    kept = session.case
    assert refusals == []
    window.close()
    driver.run()
    assert session.worker.process_id is None

    again = Session()
    other = Window(again, Words("fr"))
    other.show()
    other.open_path(plan)
    driver.until(lambda: again.volume is not None and not again.is_busy)
    assert again.case is not None
    assert again.case.plan.lesion == kept.plan.lesion
    assert again.case.plan.answers == kept.plan.answers
    assert len(again.case.fields) == 1
    again.choose_access(2)
    assert again.state(Step.ABLATION) == State.STALE
    again.undo()
    assert again.state(Step.ABLATION) == State.DONE
    other.close()
    driver.run()


def test_what_cannot_be_opened_is_told_and_the_open_case_stays(
    driver: Driver, ct_folder: Path, tmp_path: Path
) -> None:
    from PySide6.QtWidgets import QMessageBox

    from app.workstation.window import Window
    from app.workstation.words import Words

    session = Session()
    window = Window(session, Words("en"))
    window.show()
    window.open_path(ct_folder)
    driver.until(lambda: session.volume is not None and not session.is_busy)
    kept = session.case
    wrong = tmp_path / "letter.dcm"
    wrong.write_text("no image")
    window.open_path(wrong)
    driver.until(lambda: bool(window.findChildren(QMessageBox)))
    box = window.findChildren(QMessageBox)[0]
    assert "letter.dcm" in box.informativeText()
    assert session.case is kept
    box.close()
    damaged = tmp_path / "damaged.osteoplan"
    damaged.write_bytes(b"nothing")
    refused: list[Refusal] = []
    session.subscribe(Topic.REFUSED, refused.append)
    window.open_path(damaged)
    assert refused[0].code == "not_a_plan"
    assert session.case is kept
    for shown in window.findChildren(QMessageBox):
        shown.close()
    process = session.worker.process_id
    window.close()
    driver.run(0.2)
    assert not _alive(process)


def test_reading_can_be_cancelled_and_nothing_outlives_the_window(
    driver: Driver, ct_folder: Path
) -> None:
    from PySide6.QtWidgets import QApplication

    from app.workstation.window import Window
    from app.workstation.words import Words

    session = Session()
    window = Window(session, Words("en"))
    window.show()
    window.open_path(ct_folder)
    assert session.activity is not None
    session.cancel()
    driver.until(lambda: not session.is_busy)
    assert session.volume is None
    process = session.worker.process_id
    window.close()
    window.deleteLater()
    driver.run(0.2)
    gc.collect()
    assert not _alive(process)
    assert [shown for shown in QApplication.topLevelWidgets() if shown.isVisible()] == []


def test_the_command_line_does_not_load_qt() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from app.cli.main import run; run(['--help']); print('PySide6' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.splitlines()[-1] == "False"


def test_the_files_of_several_lesions_are_told_by_the_folder_of_each() -> None:
    from app.workstation.steps.report.panel import _told

    out = Path("/report")
    files = [out / f"lesion-{n}" / name for n in (1, 2) for name in ("report.pdf", "dicom/a.dcm")]
    assert _told(tuple(files)) == ["lesion-1/ (2)", "lesion-2/ (2)"]
    alone = (out / "report.pdf", out / "dicom" / "a.dcm", out / "dicom" / "b.dcm")
    assert _told(alone) == ["report.pdf", "dicom/ (2)"]
