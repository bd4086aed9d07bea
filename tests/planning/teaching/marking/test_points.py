"""Points never grow with the error, and a plan that is worse in every term never ranks above."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planning.teaching.exercise import Exercise, Generated, Task, Texts
from planning.teaching.marking.findings import Finding
from planning.teaching.marking.mark import marked
from planning.teaching.marking.table import CRITICAL, TIME, MarkingTable, TermRow, marking_table
from planning.teaching.marking.terms import Fault, Mark

ERRORS = st.floats(0.0, 2 * CRITICAL, allow_nan=False)
TEXTS = Texts(title="t", situation="s", asked="a")


def exercise(task: Task = Task.ABLATION, **changes: object) -> Exercise:
    return Exercise.model_validate(
        {
            "id": "an-exercise",
            "task": task,
            "difficulty": 1,
            "texts": {"en": TEXTS.model_dump(), "fr": TEXTS.model_dump()},
            "time_s": 600.0,
            "source": Generated(case="vertebra").model_dump(),
            **changes,
        }
    )


def rows_of(task: Task) -> list[TermRow]:
    return [row for row in marking_table().terms if task in row.weights and row.id != TIME]


def found(task: Task, errors: list[float | None], elapsed_s: float) -> Mark:
    findings = []
    for row, error in zip(rows_of(task), errors, strict=True):
        is_fault = error is not None and error >= CRITICAL and row.unit != "%"
        faults = (Fault(code="crosses", where="aorta", term=row.id),) if is_fault else ()
        findings.append(Finding(row.id, error, faults=faults))
    return marked(exercise(task), findings, elapsed_s)


@pytest.mark.parametrize("row", marking_table().terms, ids=lambda row: row.id)
@settings(max_examples=25)
@given(one=ERRORS, other=ERRORS)
def test_a_greater_error_never_has_more_points(row: TermRow, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert row.share(low) >= row.share(high)
    assert 0.0 <= row.share(high) <= 1.0


@pytest.mark.parametrize("row", marking_table().terms, ids=lambda row: row.id)
def test_the_ends_of_the_scale_are_those_of_the_table(row: TermRow) -> None:
    assert row.share(row.full) == 1.0
    assert row.share(row.zero) == 0.0
    assert row.share(None) == 0.0
    assert row.share(CRITICAL) == 0.0 or row.unit in {"%", "s"}


@pytest.mark.parametrize("task", Task)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_plan_worse_in_every_term_never_ranks_above(task: Task, data: st.DataObject) -> None:
    count = len(rows_of(task))
    better = data.draw(st.lists(ERRORS, min_size=count, max_size=count))
    more = data.draw(st.lists(ERRORS, min_size=count, max_size=count))
    worse = [a + b for a, b in zip(better, more, strict=True)]
    quick, slower = data.draw(st.floats(1, 3000)), data.draw(st.floats(0, 3000))
    assert found(task, list(worse), quick + slower).rank <= found(task, list(better), quick).rank


@pytest.mark.parametrize("task", Task)
def test_no_error_has_all_points_and_passes(task: Task) -> None:
    whole = found(task, [0.0] * len(rows_of(task)), 600.0)
    assert whole.percent == 100.0
    assert whole.passed


@pytest.mark.parametrize("task", Task)
def test_nothing_answered_has_no_points_however_quick(task: Task) -> None:
    nothing = found(task, [None] * len(rows_of(task)), 1.0)
    assert nothing.score == 0.0
    assert nothing.is_empty
    assert not nothing.passed
    assert not nothing.faults


def test_a_fault_fails_whatever_the_points() -> None:
    task = Task.ABLATION
    errors: list[float | None] = [0.0] * len(rows_of(task))
    place = [row.id for row in rows_of(task)].index("way_safety")
    errors[place] = CRITICAL + 1
    faulty = found(task, errors, 60.0)
    assert faulty.percent > faulty.pass_percent
    assert not faulty.passed
    assert faulty.rank < found(task, [None] * len(errors), 60.0).rank


def test_a_fault_without_its_error_is_no_finding() -> None:
    with pytest.raises(ValueError, match="needs an error"):
        Finding("way_safety", 1.0, faults=(Fault(code="crosses", where="x", term="way_safety"),))


def test_time_counts_in_proportion_to_the_rest() -> None:
    task = Task.MEASURE
    half: list[float | None] = [0.0 if row.id == "overlap" else None for row in rows_of(task)]
    term = found(task, half, 10.0).term(TIME)
    assert term is not None
    assert 0.0 < term.points < term.of / 2


def test_weights_of_an_exercise_go_before_the_usual_ones() -> None:
    row = marking_table().row("overlap")
    own = exercise(Task.MEASURE, weights={"overlap": 0.0})
    marks = marked(own, [Finding("overlap", 0.5), Finding("length_error", 0.0)], 10.0)
    assert marks.term("overlap") is None
    assert marks.percent == 100.0
    assert row.weights[Task.MEASURE] > 0


def test_every_term_names_unit_source_and_known_rules() -> None:
    from planning.technique.rules import rules

    known = {rule.id for rule in rules()}
    table = MarkingTable.model_validate(marking_table().model_dump())
    for row in table.terms:
        assert row.unit
        assert row.source
        assert set(row.rules) <= known
    for ids in table.adjuncts.values():
        assert set(ids) <= known
    for task in Task:
        assert sum(row.weights.get(task, 0.0) for row in table.terms) == pytest.approx(100.0)


HALVES = {  # what is lacking, each time with all else as good as the reference
    "an outline": (Task.MEASURE, {"volume_error", "overlap"}),
    "a way": (Task.INFILTRATION, {"way"}),
    "doses": (Task.INFILTRATION, {"anaesthetic", "corticosteroid"}),
    "a way of the probe": (Task.ABLATION, {"way", "coverage", "neighbours"}),
    "any effect": (Task.ABLATION, {"coverage"}),
    "a technique": (Task.TECHNIQUE, {"technique"}),
}


@pytest.mark.parametrize("lacking", HALVES)
def test_half_an_answer_does_not_pass(lacking: str) -> None:
    task, begins = HALVES[lacking]
    errors: list[float | None] = [
        None if row.id.startswith(tuple(begins)) else 0.0 for row in rows_of(task)
    ]
    mark = found(task, errors, 1.0)
    assert 0 < mark.percent < mark.pass_percent == 60.0
    assert not mark.passed
