"""The window stays alive while something long runs, and closes in the middle of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imaging.phantom.cases import GeneratedCase
from planning.plan import Case
from planning.procedure import with_lesion
from tests.app.workstation.conftest import Driver

if TYPE_CHECKING:
    from app.workstation.window import Window

LONGEST_S = 5.0  # a turn of the event loop that takes longer is a window that hangs


def opened(driver: Driver, generated: GeneratedCase) -> Window:
    from app.workstation.session import Session
    from app.workstation.window import Window
    from app.workstation.words import Words

    made = Window(Session(), Words("en"))
    made.show()
    case = with_lesion(Case.begin(generated.volume), generated.volume, generated.lesion)
    made.session._reset(generated.volume, case)
    driver.run(0.3)
    return made


def test_the_window_answers_while_structures_are_found(
    driver: Driver, generated: GeneratedCase
) -> None:
    window = opened(driver, generated)
    session = window.session
    session.editing.find_structures()
    turns = []
    begun = time.monotonic()
    while session.is_busy and time.monotonic() - begun < 120:
        before = time.monotonic()
        driver.application.processEvents()
        turns.append(time.monotonic() - before)
        time.sleep(0.005)
    assert session.case is not None
    assert session.case.structures is not None
    assert max(turns) < LONGEST_S
    window.close()
    driver.run()


def test_a_window_closed_during_a_job_ends_the_worker_and_keeps_the_plan(
    driver: Driver, generated: GeneratedCase, tmp_path: Path
) -> None:
    from planning.store import PlanFile

    window = opened(driver, generated)
    session = window.session
    assert session.save_as(tmp_path / "plan.osteoplan")
    session.editing.find_structures()
    driver.until(lambda: session.is_busy, 20)
    window.close()
    driver.run()
    assert session.worker.process_id is None
    with PlanFile.open(tmp_path / "plan.osteoplan") as kept:
        assert not kept.read_only
        assert kept.load().plan.lesion is not None


@pytest.mark.long
def test_another_ct_opened_during_a_job_takes_the_place_of_the_case(
    driver: Driver, generated: GeneratedCase, ct_folder: Path
) -> None:
    window = opened(driver, generated)
    session = window.session
    session.editing.find_structures()
    driver.until(lambda: session.is_busy, 20)
    window.open_path(ct_folder)
    driver.until(lambda: session.case is not None and session.case.lesion is None)
    driver.until(lambda: not session.is_busy)
    assert session.case is not None
    assert session.case.lesion is None
    assert session.case.structures is None  # those of the CT before belong to it
    window.close()
    driver.run()


@pytest.mark.long
def test_a_second_window_on_the_same_plan_reads_and_says_so(
    driver: Driver, generated: GeneratedCase, ct_folder: Path, tmp_path: Path
) -> None:
    from app.workstation.session import Session
    from app.workstation.window import Window
    from app.workstation.words import Words

    plan = tmp_path / "plan.osteoplan"
    first = Window(Session(), Words("en"))
    first.show()
    first.open_path(ct_folder)
    driver.until(lambda: first.session.case is not None and not first.session.is_busy)
    assert first.session.save_as(plan)
    second = Window(Session(), Words("en"))
    second.show()
    second.open_path(plan)
    driver.until(lambda: second.session.case is not None and not second.session.is_busy)
    assert second.session.keeper.read_only
    assert first.words("app.read_only") in second.windowTitle()
    assert first.words("app.read_only") not in first.windowTitle()
    for one in (second, first):
        one.close()
    driver.run()


def test_several_jobs_are_told_and_each_can_be_cancelled(
    driver: Driver, generated: GeneratedCase
) -> None:
    from PySide6.QtWidgets import QMenu

    window = opened(driver, generated)
    session = window.session
    session.editing.find_structures()
    session.reporting.preview("en", lambda _pages: None)
    driver.until(lambda: session.activity is not None, 20)
    window._show_activity(session.activity)
    names = [name for _, name in window._loud_jobs()]
    assert "structures" in names
    assert "preview_report" in names
    told = window._activity_name.text()
    assert window.words("jobs.preview_report") in told
    window._ask_which_to_stop()
    menu = next(one for one in window.findChildren(QMenu) if one.isVisible())
    preview = next(a for a in menu.actions() if a.text() == window.words("jobs.preview_report"))
    preview.trigger()
    menu.close()
    assert [name for _, name in window._loud_jobs()] == ["structures"]
    driver.until(lambda: not session.is_busy)
    assert session.case is not None
    assert session.case.structures is not None
    window.close()
    driver.run()
