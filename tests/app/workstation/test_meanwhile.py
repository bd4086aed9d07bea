"""What is done by hand while a job runs is neither lost nor mixed with another lesion's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from app.workstation import report_tasks
from app.workstation.history import History
from app.workstation.session import Session
from app.workstation.stages import State, Step, kept_by_hand, same_inputs
from app.workstation.transport import ArrayStore
from imaging.structures.painting import with_painted
from planning import corrections, lesions
from planning.ablation.limits import LimitChange
from planning.ablation.results import TreatmentSummary
from planning.plan import Case
from planning.procedure import with_lesion, with_structures

if TYPE_CHECKING:
    from imaging.phantom.cases import GeneratedCase
    from imaging.structures.model import Structures

STROKE = (slice(2, 8),) * 3
INSIDE = np.ones((6, 6, 6), dtype=bool)


@pytest.fixture(scope="module")
def case(vertebra: GeneratedCase, vertebra_structures: Structures) -> Case:
    begun = with_structures(Case.begin(vertebra.volume), vertebra_structures, vertebra.volume)
    return with_lesion(begun, vertebra.volume, vertebra.lesion)


def _from_worker(case: Case) -> Case:
    """A case that has travelled to the worker and back, as the session gets it."""
    here, there = ArrayStore("w"), ArrayStore("r")
    sent = there.unpack(here.pack(case))
    back: Case = here.unpack(there.pack(sent))
    return back


def _simulated(case: Case) -> Case:
    row = TreatmentSummary(
        device="icerod_17g", technique="cryoablation", coverage_percent=97.0,
        coverage_with_margin_percent=80.0, min_margin_mm=1.0, neighbours=(), margin_mm=5.0,
        spacing_mm=1.0, zone_ml=9.0, verified_device=False, isotherms=(), curves=(),
    )  # fmt: skip
    return case.with_plan(simulation=(row,))


def test_a_lesion_begun_while_a_job_ran_for_another_is_not_lost(
    case: Case, vertebra: GeneratedCase
) -> None:
    second = with_lesion(
        lesions.add_lesion(case), vertebra.volume, np.roll(vertebra.lesion, 4, axis=0)
    )
    now = lesions.look_at(second, 1)
    made = _simulated(_from_worker(case))
    assert same_inputs(case, now)
    kept = kept_by_hand(case, now, made)
    assert [one.plan.number for one in lesions.lesions(kept)] == [1, 2]
    assert kept.plan.simulation
    assert kept.structures is now.structures


def test_structures_found_meanwhile_reach_a_lesion_that_was_begun_since(
    case: Case, vertebra: GeneratedCase
) -> None:
    assert case.structures is not None
    moved = np.roll(vertebra.lesion, 4, axis=0)
    two = lesions.look_at(
        with_lesion(lesions.add_lesion(case), vertebra.volume, moved), case.plan.number
    )
    found = with_painted(case.structures, "tube", STROKE, INSIDE, adds=True)
    made = with_structures(case, found, vertebra.volume)
    kept = kept_by_hand(case, two, made)
    other = kept.others[0]
    assert other.lesion is not None
    assert other.plan.involvement is None  # to be measured against the new ones
    assert "tube" in {row.name for row in other.plan.structures}


def test_a_limit_set_while_a_simulation_ran_is_kept_and_the_simulation_is_not(case: Case) -> None:
    now = corrections.set_limit(case, LimitChange(name="skin", highest_c=50.0))
    kept = kept_by_hand(case, now, _simulated(_from_worker(case)))
    assert kept.plan.limits == now.plan.limits
    assert kept.plan.simulation == ()


def test_a_level_set_by_a_job_moves_what_was_set_by_hand_with_it(
    case: Case, vertebra: GeneratedCase
) -> None:
    middle = vertebra.volume.grid.to_lps(np.argwhere(vertebra.lesion).mean(axis=0))
    (name,) = [one.name for one in case.plan.structures if one.name == "vertebrae_L2"]
    edited = corrections.edit_measure(case, f"distance.{name}", 3.0)
    edited = corrections.set_limit(edited, LimitChange(name=name, highest_c=50.0))
    volume = vertebra.volume
    made = corrections.set_level(edited, volume, "L4", middle)
    kept = kept_by_hand(edited, edited, made)
    assert [one.key for one in kept.plan.edits] == ["distance.vertebrae_L3"]
    assert [one.name for one in kept.plan.limits] == ["vertebrae_L3"]


def test_undoing_the_first_paint_gives_the_labels_back_without_a_copy(case: Case) -> None:
    painted = corrections.paint_structure(case, "sciatic_nerve_left", STROKE, INSIDE, adds=True)
    history = History()
    history.note("paint_structure", case, painted)
    taken = history.undo(painted)
    assert taken is not None
    assert taken[1].structures is not None
    assert case.structures is not None
    assert np.shares_memory(taken[1].structures.labels, case.structures.labels)
    again = history.redo(taken[1])
    assert again is not None
    assert again[1].structures is not None
    assert painted.structures is not None
    np.testing.assert_array_equal(again[1].structures.labels, painted.structures.labels)


def test_a_stroke_that_meets_nothing_changes_nothing(case: Case) -> None:
    empty = np.zeros((6, 6, 6), dtype=bool)
    assert corrections.paint_structure(case, "aorta", STROKE, empty, adds=True) is case
    assert corrections.paint_structure(case, "nobody", STROKE, INSIDE, adds=False) is case


def test_steps_of_one_lesion_are_not_stale_for_another(
    case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    session = Session()
    try:
        session.case = replace(case)
        session.apply("smooth", case)
        assert session.state(Step.LESION) == State.DONE
        session.editing.add_lesion()
        assert session.state(Step.LESION) == State.LACKING
        session.editing.look_at_lesion(1)
        assert session.state(Step.LESION) == State.DONE
        session.editing.forget_lesion()
        assert session.state(Step.LESION) == State.STALE
    finally:
        session.close()


def test_a_report_of_an_older_state_does_not_count_as_exported(
    case: Case,
    vertebra: GeneratedCase,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    session = Session()
    done = []
    try:
        session.case, session.volume = case, vertebra.volume
        monkeypatch.setattr(session, "start", lambda *given: done.append(given[1:4:2]))
        session.reporting.export(tmp_path, "en")
        assert not done  # the side is open
        assert not session.consulting.state_side(None, None)
        session.reporting.export(tmp_path, "en")
        ((write, task),) = done
        assert task is report_tasks.report
        session.editing.edit_measure("length_mm", 50.0)
        write((tmp_path / "report.pdf",))
        assert session.state(Step.REPORT) != State.DONE
    finally:
        session.close()
