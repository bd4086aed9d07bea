"""The session without a window: choice of series, saving, undo, whose CT a plan is of."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest

from app.workstation.session import Session
from app.workstation.stages import Choice, State, Step, Topic, mismatch, same_inputs
from imaging.errors import Problem, Refusal
from imaging.geometry import Grid
from imaging.volume import SeriesInfo, Volume
from planning.errors import PlanningError
from planning.plan import Case, SeriesReference
from planning.procedure import with_lesion
from planning.store import PlanFile
from planning.technique.answers import Answers


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Session]:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    made = Session()
    yield made
    made.close()


def _until(session: Session, so: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not so():
        assert time.monotonic() < end
        session.poll()
        time.sleep(0.01)


def _cube(tmp_path: Path) -> Volume:
    grid = Grid.aligned((20, 20, 20), 2.0, (0.0, 0.0, 0.0))
    hu = np.zeros(grid.size_kji, np.int16)
    return Volume(hu, grid, SeriesInfo(uid="1.2.3", path=str(tmp_path)))


def _with_ball(volume: Volume, radius: int) -> Case:
    mask = np.zeros(volume.grid.size_kji, dtype=bool)
    mask[10 - radius : 10 + radius, 8:12, 8:12] = True
    return with_lesion(Case.begin(volume), volume, mask)


def test_several_series_are_offered_most_slices_first(
    session: Session, ct_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "two"
    folder.mkdir()
    files = sorted(ct_folder.rglob("*.dcm"))[:14]
    for number, file in enumerate(files):
        dataset = pydicom.dcmread(file)
        if number >= 9:
            dataset.SeriesInstanceUID = "1.2.826.0.1.3680043.8.498.7"
            dataset.SOPInstanceUID = f"1.2.826.0.1.3680043.8.498.8.{number}"
            dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.save_as(folder / file.name)
    offered: list[Choice] = []
    session.subscribe(Topic.CHOICE, offered.append)
    session.open_path(folder)
    _until(session, lambda: bool(offered))
    assert [one.slices for one in offered[0].series] == [9, 5]
    assert all(one.thumbnail is not None and one.thumbnail.any() for one in offered[0].series)
    shown: list[tuple[str, Volume]] = []
    session.subscribe(Topic.PREVIEW, lambda picture: shown.append(("preview", picture)))
    session.subscribe(Topic.VOLUME, lambda volume: shown.append(("volume", volume)))
    session.open_path(folder, offered[0].series[1].uid)
    _until(session, lambda: session.volume is not None)
    assert [what for what, _ in shown] == ["preview", "volume"]
    preview, whole = shown[0][1], shown[1][1]
    assert whole.grid.size_kji[0] == 5
    np.testing.assert_array_equal(preview.hu[0], whole.hu[2])
    np.testing.assert_allclose(preview.grid.to_lps((0, 0, 0)), whole.grid.to_lps((2, 0, 0)))


def test_a_picture_shown_before_a_refusal_is_taken_back(
    session: Session, ct_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "damaged"
    folder.mkdir()
    for file in sorted(ct_folder.rglob("*.dcm"))[:7]:
        (folder / file.name).write_bytes(file.read_bytes())
    for file in sorted(folder.iterdir())[:3]:
        file.write_bytes(file.read_bytes()[:-400])
    shown: list[object] = []
    refused: list[object] = []
    session.subscribe(Topic.PREVIEW, shown.append)
    session.subscribe(Topic.REFUSED, refused.append)
    session.open_path(folder)
    _until(session, lambda: bool(refused))
    assert shown[0] is not None
    assert shown[-1] is None


def test_every_change_is_kept_and_can_be_undone_by_name(session: Session, tmp_path: Path) -> None:
    volume = _cube(tmp_path)
    session.volume, session.case = volume, Case.begin(volume)
    session.apply("import_lesion", _with_ball(volume, 2))
    session.apply("brush", _with_ball(volume, 3))
    session.keeper.wait()
    path = session.keeper.path
    assert path is not None
    assert session.keeper.is_autosave
    assert tmp_path / "data" in path.parents
    assert session.undo_name == "brush"
    session.undo()
    session.keeper.wait()
    assert session.case is not None
    assert session.case.plan.lesion is not None
    small = session.case.plan.lesion.voxels
    session.undo()
    assert session.state(Step.LESION) == State.STALE
    session.redo()
    session.save_as(tmp_path / "named.osteoplan")
    assert not path.exists()  # the unnamed copy is not left behind
    session.close()
    with PlanFile.open(tmp_path / "named.osteoplan") as file:
        kept = file.load()
    assert kept.plan.lesion is not None
    assert kept.plan.lesion.voxels == small


def test_typing_is_one_step_back(session: Session, tmp_path: Path) -> None:
    volume = _cube(tmp_path)
    begun = Case.begin(volume)
    session.volume, session.case = volume, begun
    for text in ("a", "b", "c"):
        session.apply("answers", begun.with_plan(created_utc=text), merges=True)
    session.undo()
    assert session.case is not None
    assert session.case.plan == begun.plan


def test_a_plan_whose_ct_is_gone_asks_for_it_and_checks_it(
    session: Session, ct_folder: Path, tmp_path: Path
) -> None:
    place = tmp_path / "moved"
    shutil.copytree(ct_folder, place)
    session.open_path(place)
    _until(session, lambda: session.volume is not None and not session.is_busy)
    plan = tmp_path / "p.osteoplan"
    assert session.save_as(plan)
    shutil.rmtree(place)
    wanted: list[SeriesReference] = []
    session.subscribe(Topic.CT_WANTED, wanted.append)
    session.open_path(plan)
    assert len(wanted) == 1
    assert session.volume is None
    session.find_ct(ct_folder)
    _until(session, lambda: session.volume is not None)
    assert session.case is not None
    assert session.case.plan.series.path == str(ct_folder)


def test_another_ct_than_the_plans_is_refused(tmp_path: Path) -> None:
    volume = _cube(tmp_path)
    reference = SeriesReference.of(volume)
    assert mismatch(reference, volume) is None
    for changes, code in (({"uid": "9"}, "other_series"), ({"checksum": "b"}, "other_voxels")):
        problem = mismatch(reference.model_copy(update=changes), volume)
        assert problem is not None
        assert problem.code == code


def test_a_result_is_dropped_when_its_inputs_have_changed(tmp_path: Path) -> None:
    volume = _cube(tmp_path)
    asked = _with_ball(volume, 2)
    assert same_inputs(asked, asked.with_plan(created_utc="later"))
    assert not same_inputs(asked, _with_ball(volume, 2))
    assert not same_inputs(asked, None)


def test_a_failure_saves_the_plan_before_it_is_told(
    screen: None, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    from PySide6.QtWidgets import QMessageBox

    from app.workstation import application
    from app.workstation.window import Window
    from app.workstation.words import Words

    application.make_application()
    window = Window(session, Words("en"))
    told: list[str] = []

    def tell(_parent: object, _title: str, text: str) -> None:
        assert session.keeper.path is not None
        told.append(text)

    monkeypatch.setattr(QMessageBox, "critical", tell)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    application._save_first_when_failing(session, window)
    volume = _cube(tmp_path)
    session.case = _with_ball(volume, 2)
    for _ in range(2):
        sys.excepthook(ValueError, ValueError("x"), None)
    assert len(told) == 1
    path = session.keeper.path
    assert path is not None
    window.close()
    with PlanFile.open(path) as file:
        assert file.load().plan.lesion is not None


def test_a_vanished_disk_is_told_once_and_the_plan_is_kept_elsewhere(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.workstation.keeper import autosave_folder

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    told: list[Refusal] = []
    session.subscribe(Topic.REFUSED, told.append)
    session.case = Case.begin(_cube(tmp_path))
    assert session.save_as(tmp_path / "disk" / "plan.osteoplan")
    told.clear()

    def vanished(*_given: object) -> None:
        raise PlanningError(Problem(code="cannot_write", message="no disk", where="disk"))

    monkeypatch.setattr(session.keeper._file, "save", vanished)
    for vas in (3.0, 4.0, 5.0):
        session.answer(Answers(vas=vas))
        session.keeper.wait()
        session.poll()
    assert len(told) == 1
    rescue = next(row.where for row in told[0].problems if row.code == "kept_elsewhere")
    assert Path(rescue).parent == autosave_folder()
    with PlanFile.open(Path(rescue)) as kept:
        assert kept.load().plan.answers.vas == 5.0
