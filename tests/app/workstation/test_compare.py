"""A second series is read, registered, shown, moved by hand, kept in the plan and found again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from app.workstation.session import Session
from app.workstation.stages import Topic, kept_by_hand
from app.workstation.viewpoint import Compare
from imaging.errors import Refusal
from imaging.geometry import FloatArray
from imaging.phantom.cases import GeneratedCase
from imaging.registration.model import rigid
from planning.comparison import Comparison
from planning.lesions import add_lesion
from planning.plan import Case, Plan
from tests.app.workstation.conftest import Driver
from tests.imaging.registration.making import like_mr, moved, target_error_mm, write_series

if TYPE_CHECKING:
    from app.workstation.views.slice_view import SliceView


@pytest.fixture(scope="module")
def second(generated: GeneratedCase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MR of the same trunk, moved, ten days after."""
    series = moved(generated.volume, _truth(generated), 3.0, 10.0, like_mr)
    folder = tmp_path_factory.mktemp("second") / "mr"
    return write_series(
        folder,
        series,
        "MR",
        SeriesDescription="T1 sagittal",
        PatientID="",
        PatientName="Osteoplan^Teaching",
        StudyDate="20000111",
    )


def _truth(generated: GeneratedCase) -> FloatArray:
    centre = np.array(generated.truth.lesion.seed_lps_mm)
    return rigid((4.0, -3.0, 5.0), (8.0, -6.0, 10.0), centre)


def _comparison(generated: GeneratedCase) -> Comparison:
    series = moved(generated.volume, np.eye(4), 6.0)
    return Comparison.of(series)


def test_old_plans_load_and_a_comparison_survives_a_job(generated: GeneratedCase) -> None:
    case = Case.begin(generated.volume)
    old = case.plan.model_dump(mode="json", by_alias=True)
    del old["comparison"]
    assert Plan.model_validate(old).comparison is None
    now = case.with_plan(comparison=_comparison(generated))
    made = case.with_plan(needle_id="trocar_13g_150")
    assert kept_by_hand(case, now, made).plan.comparison == now.plan.comparison
    assert add_lesion(now).plan.comparison == now.plan.comparison


def _from_middle(view: SliceView, place: FloatArray) -> tuple[float, float]:
    """Return where a place is drawn, from the middle of a view; its neighbour may be wider."""
    drawn = view.to_position(place)
    return drawn.x() - view.width() / 2, drawn.y() - view.height() / 2


@pytest.mark.screen
def test_a_second_series_is_compared(
    driver: Driver, ct_folder: Path, generated: GeneratedCase, second: Path, tmp_path: Path
) -> None:
    from app.workstation.views.second import shown_range
    from app.workstation.window import Window
    from app.workstation.words import Words

    session = Session()
    refusals: list[Refusal] = []
    session.subscribe(Topic.REFUSED, refusals.append)
    window = Window(session, Words("en"))
    window.show()
    window.open_path(ct_folder)
    driver.until(lambda: session.case is not None and not session.is_busy)
    assert not window.strip.isVisible()
    centre = generated.truth.lesion.seed_lps_mm
    window.board.go_to(centre)
    grey = window.board.axial.grab().toImage()

    session.comparing.open(second)
    driver.until(lambda: session.comparing.matrix is not None and not session.is_busy)
    matrix, known = session.comparing.matrix, session.comparing.comparison
    assert refusals == []
    assert matrix is not None
    assert known is not None
    assert target_error_mm(matrix, _truth(generated), np.array(centre)) <= 2.0
    assert (known.modality, known.days_apart) == ("MR", 10)
    assert "Nobody" not in known.model_dump_json() + window.strip.named.text()
    assert window.strip.isVisible()
    assert "10 days after" in window.strip.named.text()

    # fused over the CT, then beside it in the same place
    assert window.viewpoint.look.compares is Compare.FUSED
    driver.run(0.1)
    assert window.board.axial.grab().toImage() != grey
    window.viewpoint.change(compares=Compare.BESIDE)
    driver.run(0.2)
    beside = window.board.second.views[0]
    assert beside.isVisible()
    here = np.array(window.viewpoint.look.crosshair_lps_mm)
    assert _from_middle(beside, here) == pytest.approx(_from_middle(window.board.axial, here))
    window.board.axial.zoom_to(here + 10.0, 60.0)
    driver.run(0.1)
    assert _from_middle(beside, here) == pytest.approx(_from_middle(window.board.axial, here))
    value = session.comparing.value_at(here)
    assert value is not None
    window.viewpoint.change(second_range=(10.0, 300.0))
    assert session.comparing.series is not None
    assert shown_range(session.comparing.series, window.viewpoint.look) == (10.0, 300.0)

    # moved by hand, measured, taken back
    session.comparing.nudge(shift_mm=(5.0, 0.0, 0.0))
    driver.until(lambda: not session.is_busy)
    after = session.comparing.comparison
    assert after is not None
    assert after.found_by == "by_hand"
    assert after.residual_mm is not None
    assert known.residual_mm is not None
    assert after.residual_mm > known.residual_mm
    assert session.undo_name == "compare_nudge"
    session.undo()
    assert session.comparing.comparison == known

    # kept by name, offered again
    plan = tmp_path / "compared.osteoplan"
    assert session.save_as(plan)
    size = plan.stat().st_size
    assert size < 300_000  # no pixels
    window.use_language("fr")
    driver.run(0.1)
    assert "10 jours après" in window.strip.named.text()
    window.open_path(plan)
    driver.until(lambda: session.volume is not None and not session.is_busy)
    session.comparing.series = None
    session.tell(Topic.COMPARISON)
    assert window.strip.again.isVisible()
    session.comparing.read_again()
    driver.until(lambda: not session.is_busy)
    now = session.comparing.matrix
    assert now is not None
    np.testing.assert_array_equal(now, matrix)
    session.comparing.close()
    assert session.case is not None
    assert session.case.plan.comparison is None
    assert not window.strip.isVisible()
    window.close()
    driver.run(0.1)


@pytest.mark.long
@pytest.mark.screen
def test_another_patient_is_told_and_can_be_overruled(
    driver: Driver, ct_folder: Path, generated: GeneratedCase, tmp_path: Path
) -> None:
    from PySide6.QtWidgets import QMessageBox

    from app.workstation.window import Window
    from app.workstation.words import Words

    other = moved(generated.volume, np.eye(4), 5.0, 10.0, like_mr)
    folder = write_series(tmp_path / "other", other, "MR", PatientName="SECRET^NAME")
    session = Session()
    window = Window(session, Words("en"))
    window.show()
    window.open_path(ct_folder)
    driver.until(lambda: session.case is not None and not session.is_busy)
    window.board.go_to(generated.truth.lesion.seed_lps_mm)
    session.comparing.open(folder)
    driver.until(lambda: bool(window.findChildren(QMessageBox)))
    box = window.findChildren(QMessageBox)[0]
    assert "SECRET" not in box.text() + box.informativeText()
    assert session.comparing.series is None
    agree = next(b for b in box.buttons() if b.text() == "The data are anonymised")
    agree.click()
    driver.until(lambda: session.comparing.series is not None and not session.is_busy)
    known = session.comparing.comparison
    assert known is not None
    assert known.is_anonymised
    window.close()
    driver.run(0.1)
