"""The search: the least number of probes that does it, or the proof of what gives first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from imaging.document import Vector
from imaging.progress import Cancelled, Progress
from planning.ablation.limits import LimitChange
from planning.ablation.placing import Way
from planning.ablation.planner import search
from planning.ablation.planner.result import COVERED_PERCENT
from planning.ablation.planner.search import Planned, PlannerRequest, plan_ablation
from planning.ablation.results import StopMoment, Treatment
from planning.ablation.treatment import simulate_treatment
from planning.errors import PlanningError
from tests.planning.ablation.test_treatment import request

FRONT: Vector = (0.0, -38.0, 0.0)


def ways(count: int, _progress: Progress) -> tuple[tuple[Way, ...], ...]:
    """One way straight through the middle; two parallel ones beside it; no more."""
    if count == 1:
        return (((FRONT, (0.0, 0.0, 0.0)),),)
    if count == 2:
        pair = tuple(((x, -38.0, 0.0), (x, 0.0, 0.0)) for x in (-6.0, 6.0))
        return (pair,)
    return ()


def planned(margin_mm: float, limits: tuple[LimitChange, ...] = ()) -> Planned:
    asked = request(margin_mm=margin_mm, spacing_mm=2.5, applicators=(), limits=limits)
    return plan_ablation(
        PlannerRequest(asked, "icerod_17g", ways, most_probes=3, search_spacing_mm=3.0)
    )


@pytest.fixture(scope="module")
def small_margin() -> Planned:
    return planned(2.0)


def test_one_probe_suffices_for_a_small_margin(small_margin: Planned) -> None:
    search, treatment = small_margin.search, small_margin.treatment
    assert search.feasible
    assert len(search.probes) == 1
    assert [one.ending for one in search.attempts] == ["done"]
    assert treatment is not None
    assert treatment.summary.passed == ()
    assert search.covered_percent == COVERED_PERCENT
    assert treatment.summary.coverage_with_margin_percent >= COVERED_PERCENT
    assert treatment.summary.protocol == search.protocol


def test_the_same_question_has_the_same_answer(small_margin: Planned) -> None:
    assert planned(2.0).search == small_margin.search


@pytest.mark.long
def test_what_cannot_be_is_proved_by_what_gives_first() -> None:
    strict = LimitChange(name="spinal_canal", lowest_c=30.0)
    found = planned(12.0, (strict,))
    assert found.treatment is None
    assert not found.search.feasible
    one, two, three = found.search.attempts
    for attempt in (one, two):
        assert attempt.ending == "limit"
        first = attempt.gives_first
        assert first is not None
        assert first.structure == "spinal_canal"
        assert first.value < first.limit
        assert first.at_s >= attempt.stop_s > 0.0
        assert attempt.coverage_with_margin_percent < COVERED_PERCENT
        assert attempt.dissection is None  # a canal cannot be pushed away
    assert two.coverage_with_margin_percent > one.coverage_with_margin_percent
    assert three.ending == "no_way"


def test_a_search_can_be_cancelled() -> None:
    told: list[float] = []
    progress = Progress(lambda share, _: told.append(share), lambda: len(told) > 8)
    asked = request(spacing_mm=3.0, applicators=())
    with pytest.raises(Cancelled):
        plan_ablation(PlannerRequest(asked, "icerod_17g", ways), progress)


def test_what_cannot_be_planned_is_refused_at_once() -> None:
    empty = request(lesion=np.zeros((50, 50, 50), dtype=bool), applicators=())
    for asked, device, code in (
        (empty, "icerod_17g", "empty_lesion"),
        (request(applicators=()), "spoon", "unknown_device"),
        (request(margin_mm=-1.0, applicators=()), "icerod_17g", "bad_value"),
    ):
        with pytest.raises(PlanningError) as refused:
            plan_ablation(PlannerRequest(asked, device, ways))
        assert code in {problem.code for problem in refused.value.problems}


def refusing(times: int) -> Callable[..., Treatment]:
    """The finer simulation, of which the first ones find the canal colder than it stands."""
    left = [times]

    def simulate(*asked: object) -> Treatment:
        done = simulate_treatment(*asked)  # type: ignore[arg-type]
        if left[0] == 0:
            return done
        left[0] -= 1
        row = next(one for one in done.summary.neighbours if one.name == "spinal_canal")
        cold = {"passed": True, "measure": "min_c", "value": 4.0, "limit": 10.0}
        stop = StopMoment(
            seconds=90.0,
            structure="spinal_canal",
            measure="min_c",
            passed_s=100.0,
            coverage_percent=80.0,
            coverage_with_margin_percent=70.0,
        )
        changes = {"neighbours": (row.model_copy(update=cold),), "stop": stop}
        return replace(done, summary=done.summary.model_copy(update=changes))

    return simulate


def test_a_refuted_placement_is_gone_on_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "simulate_treatment", refusing(1))
    found = planned(2.0)
    assert found.search.feasible
    (attempt,) = found.search.attempts
    assert attempt.ending == "done"
    assert attempt.trials > 1


def test_what_refutes_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "simulate_treatment", refusing(99))
    first = planned(2.0).search.attempts[0]
    assert first.ending == "refuted"
    assert first.gives_first is not None
    assert (first.gives_first.structure, first.gives_first.value) == ("spinal_canal", 4.0)
    assert (first.stop_s, first.coverage_with_margin_percent) == (90.0, 70.0)
