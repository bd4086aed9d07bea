"""What the missing answers could change, the most first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from planning.technique.answers import Answers, Technique
from planning.technique.judging import GATES, Findings, Judged
from planning.technique.recommendation import Influence
from planning.technique.rules import Effect

ANSWER_ORDER = {key: place for place, key in enumerate(Answers.model_fields)}


@dataclass
class _Weight:
    techniques: dict[Technique, None] = field(default_factory=dict)
    reasons: int = 0


def influences(judged: Judged, asked: Iterable[str]) -> tuple[Influence, ...]:
    """Return what each missing answer could change.

    Parameters
    ----------
    judged : Judged
        The case.
    asked : iterable of str
        Answers that warnings ask for.

    Returns
    -------
    tuple of Influence
        Ordered: answers that could stop everything, then by the number of techniques whose status
        waits for them, then those that the dose waits for, then by the other decisions that wait.
    """
    weights: dict[str, _Weight] = {key: _Weight() for key in asked}
    for row in judged.found.values():
        _weigh(row, weights)
    stops = {
        key
        for finding in judged.of_the_case
        if finding.decision.effect is Effect.ELSEWHERE
        for key in finding.verdict.needs
    }
    dosed = judged.found["infiltration"].status != "contraindicated"
    dose = set(judged.known.dosing.needs) if dosed else set()
    keys = {*weights, *dose}
    found = [_influence(key, weights.get(key, _Weight()), stops, dose) for key in keys]
    return tuple(sorted(found, key=_rank))


def _influence(key: str, weight: _Weight, stops: set[str], dose: set[str]) -> Influence:
    return Influence(
        key=key,
        techniques=tuple(weight.techniques),
        verdict=key in stops,
        dose=key in dose,
        reasons=weight.reasons,
    )


def _rank(one: Influence) -> tuple[bool, int, bool, int, int, str]:
    return (
        not one.verdict,
        -len(one.techniques),
        not one.dose,
        -one.reasons,
        ANSWER_ORDER[one.key.partition(".")[0]],
        one.key,
    )


def _weigh(row: Findings, weights: dict[str, _Weight]) -> None:
    """Add what the open decisions of a technique wait for; none once it is contraindicated."""
    if row.status == "contraindicated":
        return
    deciding = _deciding(row)
    for finding in row.rows:
        for key in finding.verdict.needs:
            weight = weights.setdefault(key, _Weight())
            if finding.decision.effect in deciding:
                weight.techniques[row.technique] = None
            else:
                weight.reasons += 1


def _deciding(row: Findings) -> Sequence[Effect]:
    """Return the kinds of open decisions that can change the technique's status."""
    if row.status == "insufficient":
        return GATES
    if row.fired(Effect.CAUTIONS):
        return GATES  # possible at most, whatever speaks for it
    return (*GATES, Effect.CAUTIONS, Effect.INDICATES)
