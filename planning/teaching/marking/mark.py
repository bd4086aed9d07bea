"""The mark of an answer: what is found, turned into points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from imaging.progress import SILENT, Progress
from imaging.volume import Volume
from planning.teaching.answer import Answer
from planning.teaching.exercise import Exercise, Task
from planning.teaching.marking.choosing import choosing, judged_by_rules
from planning.teaching.marking.findings import Finding
from planning.teaching.marking.measuring import measuring
from planning.teaching.marking.table import TIME, TermRow, marking_table, weight_of
from planning.teaching.marking.terms import Mark, MissedRule, Term
from planning.teaching.marking.treating import simulate, treatment_findings
from planning.teaching.marking.ways import Ground, way_findings
from planning.technique.tables import tables

WITH_WAY = (Task.INFILTRATION, Task.ABLATION)


def mark(
    exercise: Exercise,
    answer: Answer,
    reference: Answer,
    volume: Volume,
    progress: Progress = SILENT,
) -> Mark:
    """Mark an answer; the reference itself has all points, because it has no error to itself.

    Parameters
    ----------
    exercise : Exercise
        That was answered.
    answer : Answer
        As handed in; it may be empty.
    reference : Answer
        With lesion and structures.
    volume : Volume
        The CT.
    progress : Progress
        Told all along.

    Returns
    -------
    Mark
        The same for the same exercise, answer and tables.

    Raises
    ------
    PlanningError
        When the reference lacks what its task is compared with.
    Cancelled
        When the mark is no longer wanted.
    """
    findings: list[Finding] = []
    missed: tuple[MissedRule, ...] = ()
    progress.update(0.0, "marking")
    if exercise.task != Task.ABLATION:
        answer = _without_probes(answer)
    if exercise.task == Task.MEASURE:
        findings += measuring(answer, reference)
    if exercise.task in WITH_WAY:
        ground = Ground(reference, volume, progress.part(0.05, 0.3))
        findings += way_findings(answer, reference, ground)
    if exercise.task == Task.ABLATION:
        wanted = simulate(reference, reference, volume, progress.part(0.3, 0.65))
        found = simulate(answer, reference, volume, progress.part(0.65, 0.95))
        findings += treatment_findings(found, wanted)
    if exercise.task != Task.MEASURE:
        choice = choosing(exercise, answer, reference, judged_by_rules(exercise, reference))
        findings += choice.findings
        missed = choice.missed
    progress.update(1.0, "marked")
    return marked(exercise, findings, answer.elapsed_s, missed)


def _without_probes(answer: Answer) -> Answer:
    """Return an answer by its chosen way alone: what else was simulated is not what is asked."""
    return replace(answer, case=answer.case.with_plan(simulation=()), treatments=())


def marked(
    exercise: Exercise,
    findings: Sequence[Finding],
    elapsed_s: float,
    missed: tuple[MissedRule, ...] = (),
) -> Mark:
    """Turn what was found into points.

    Parameters
    ----------
    exercise : Exercise
        With its weights and its time.
    findings : sequence of Finding
        Of the terms, the time left out.
    elapsed_s : float
        That the answer took.
    missed : tuple of MissedRule
        Rules to be read again.

    Returns
    -------
    Mark
        A finding that is worse in every term never has the better rank.
    """
    table = marking_table()
    by_id = {one.term: one for one in findings}
    rows = [row for row in table.terms if weight_of(row, exercise) > 0]
    terms = [_term(row, by_id[row.id], weight_of(row, exercise)) for row in rows if row.id in by_id]
    is_empty = all(one.error is None for one in findings)
    reached, most = sum(one.points for one in terms), sum(one.of for one in terms)
    share = reached / most if most else 0.0
    terms += [_time(row, exercise, elapsed_s, is_empty, share) for row in rows if row.id == TIME]
    score, of = sum(one.points for one in terms), sum(one.of for one in terms)
    percent = 100.0 * score / of if of else 0.0
    faults = tuple(fault for one in findings for fault in one.faults)
    return Mark(
        exercise=exercise.id,
        version=exercise.version,
        digest=exercise.digest,
        task=exercise.task,
        terms=tuple(terms),
        score=score,
        of=of,
        percent=percent,
        pass_percent=exercise.pass_percent,
        passed=percent >= exercise.pass_percent and not faults and not is_empty,
        faults=faults,
        missed=missed,
        is_empty=is_empty,
        tables_version=tables().version,
        marking_version=table.version,
    )


def _term(row: TermRow, found: Finding, weight: float) -> Term:
    told = found.told or row.id
    return Term(
        id=row.id,
        points=weight * row.share(found.error),
        of=weight,
        value=found.value,
        reference=found.reference,
        error=found.error,
        unit=row.unit,
        told_key="nothing" if found.error is None else told,
        params=found.params,
        rules=tuple(dict.fromkeys((*found.rules, *row.rules))),
        is_critical=bool(found.faults),
    )


def _time(row: TermRow, exercise: Exercise, elapsed_s: float, is_empty: bool, share: float) -> Term:
    """Mark the time in proportion to the other points: who hands in nothing was not quick."""
    weight = weight_of(row, exercise)
    late_s = None if is_empty else max(0.0, elapsed_s - exercise.time_s)
    return Term(
        id=row.id,
        points=weight * row.share(late_s) * share,
        of=weight,
        value=elapsed_s,
        reference=exercise.time_s,
        error=late_s,
        unit=row.unit,
        told_key="nothing" if is_empty else row.id,
    )
