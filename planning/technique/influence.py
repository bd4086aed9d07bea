"""What the missing answers could change, the most first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from planning.technique.answers import Answers, Technique
from planning.technique.judging import GATES, Finding, Findings, Judged
from planning.technique.recommendation import Influence
from planning.technique.rules import Effect

ANSWER_ORDER = {key: place for place, key in enumerate(Answers.model_fields)}
# How much a change counts, in techniques whose status changes. A decision that waits for several
# answers counts for each of them by the square of its share: alone it seldom settles anything.
VERDICT_WEIGHT = 3.0
DOSE_WEIGHT = 1.0
REASON_WEIGHT = 0.05


@dataclass
class _Weight:
    techniques: dict[Technique, float] = field(default_factory=dict)
    verdict: float = 0.0
    dose: float = 0.0
    reasons: float = 0.0

    @property
    def total(self) -> float:
        return (
            sum(self.techniques.values())
            + VERDICT_WEIGHT * self.verdict
            + DOSE_WEIGHT * self.dose
            + REASON_WEIGHT * self.reasons
        )


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
        The one that could change most first: techniques whose status waits for it, the verdict,
        the dose, and a little for every other decision that waits.
    """
    weights: dict[str, _Weight] = {key: _Weight() for key in asked}
    for row in judged.found.values():
        _weigh(row, weights)
    for finding in judged.of_the_case:
        if finding.decision.effect is Effect.ELSEWHERE:
            for key, share in _shares(finding):
                weight = weights.setdefault(key, _Weight())
                weight.verdict = max(weight.verdict, share)
    if judged.found["infiltration"].status != "contraindicated":
        for key in judged.known.dosing.needs:
            weights.setdefault(key, _Weight()).dose = 1.0
    found = [_influence(key, weight) for key, weight in weights.items()]
    return tuple(sorted(found, key=_place))


def _influence(key: str, weight: _Weight) -> Influence:
    return Influence(
        key=key,
        techniques=tuple(weight.techniques),
        verdict=weight.verdict > 0,
        dose=weight.dose > 0,
        weight=weight.total,
    )


def _place(one: Influence) -> tuple[float, int, str]:
    return -one.weight, ANSWER_ORDER[one.key.partition(".")[0]], one.key


def _shares(finding: Finding) -> list[tuple[str, float]]:
    needs = finding.verdict.needs
    return [(key, 1.0 / len(needs) ** 2) for key in needs]


def _weigh(row: Findings, weights: dict[str, _Weight]) -> None:
    """Add what the open decisions of a technique wait for; none once it is contraindicated."""
    if row.status == "contraindicated":
        return
    deciding = _deciding(row)
    for finding in row.rows:
        for key, share in _shares(finding):
            weight = weights.setdefault(key, _Weight())
            if finding.decision.effect in deciding:
                known = weight.techniques.get(row.technique, 0.0)
                weight.techniques[row.technique] = max(known, share)
            else:
                weight.reasons += share


def _deciding(row: Findings) -> Sequence[Effect]:
    """Return the kinds of open decisions that can change the technique's status."""
    if row.status == "insufficient" or row.fired(Effect.CAUTIONS):
        return GATES
    return (*GATES, Effect.CAUTIONS if row.fired(Effect.INDICATES) else Effect.INDICATES)
