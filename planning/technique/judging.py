"""Judges every decision of the rule tables for every technique: what holds, and what that makes.

Order of the rules (section C of the clinical rules): safety gates, cord and instability, fracture,
curative intent, palliation, doses; the priorities of the indications in the table hold it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from planning.technique.answers import Answers, Technique
from planning.technique.facts import Known, gather
from planning.technique.logic import Condition, Fact, Facts, Truth, Verdict, evaluate
from planning.technique.recommendation import Status
from planning.technique.rules import Decision, Effect, Rule
from planning.technique.tables import Tables

STATUSES: tuple[Status, ...] = ("recommended", "possible", "insufficient", "contraindicated")
GATES = (Effect.FORBIDS, Effect.SUSPENDS)
AGAINST = (*GATES, Effect.CAUTIONS, Effect.SPEAKS_AGAINST)
FOR = (Effect.INDICATES, Effect.FAVOURS)
THERMAL = "thermal"


@dataclass(frozen=True)
class Finding:
    """A decision judged for a technique.

    Parameters
    ----------
    rule : Rule
        Whose decision it is.
    decision : Decision
        What it does.
    verdict : Verdict
        Whether it holds.
    """

    rule: Rule
    decision: Decision
    verdict: Verdict


@dataclass
class Findings:
    """Everything judged for a technique, and the status it makes.

    Parameters
    ----------
    technique : str
        Judged.
    rows : list of Finding
        In the order of the rules.
    """

    technique: Technique
    rows: list[Finding] = field(default_factory=list)

    def _truths(self, *effects: Effect) -> set[Truth]:
        return {row.verdict.truth for row in self.rows if row.decision.effect in effects}

    @cached_property
    def status(self) -> Status:
        """Status by the contract; read it once every rule was applied."""
        forbids = self._truths(Effect.FORBIDS)
        if True in forbids:
            return "contraindicated"
        if None in forbids or self._truths(Effect.SUSPENDS) & {True, None}:
            return "insufficient"
        held_back = self._truths(Effect.CAUTIONS) & {True, None}
        return (
            "recommended"
            if True in self._truths(Effect.INDICATES) and not held_back
            else "possible"
        )

    @property
    def priority(self) -> int:
        """Of the strongest indication; the smallest first."""
        return min(
            (row.decision.priority for row in self.fired(Effect.INDICATES)),
            default=Decision.model_fields["priority"].default,
        )

    @property
    def deferred(self) -> bool:
        """Whether something ranks it behind the others of its status."""
        return any(row.decision.defers for row in self._holding)

    def fired(self, *effects: Effect) -> list[Finding]:
        """Return the decisions that hold.

        Parameters
        ----------
        effects : Effect
            Of these kinds.

        Returns
        -------
        list of Finding
            In the order of the rules.
        """
        return [row for row in self._holding if row.decision.effect in effects]

    @cached_property
    def _holding(self) -> list[Finding]:
        return [row for row in self.rows if row.verdict.truth]

    def ids(self, *effects: Effect) -> tuple[str, ...]:
        """Return the ids of the rules whose decisions hold.

        Parameters
        ----------
        effects : Effect
            Of these kinds.

        Returns
        -------
        tuple of str
            Each once.
        """
        return tuple(dict.fromkeys(row.rule.id for row in self.fired(*effects)))

    @property
    def needs(self) -> tuple[str, ...]:
        """Answers that could change something; none once it is contraindicated."""
        if self.status == "contraindicated":
            return ()
        return tuple(key for row in self.rows for key in row.verdict.needs)


@dataclass(frozen=True)
class Judged:
    """A case with every decision judged.

    Parameters
    ----------
    known : Known
        Its facts, scores and doses.
    found : mapping of str to Findings
        By technique.
    of_the_case : tuple of Finding
        Decisions that concern no technique: warnings, and where the answer lies elsewhere.
    """

    known: Known
    found: Mapping[str, Findings]
    of_the_case: tuple[Finding, ...]

    @property
    def contraindicated(self) -> set[str]:
        """Names of the techniques that a gate closes."""
        return {name for name, row in self.found.items() if row.status == "contraindicated"}


def judge(answers: Answers, tables: Tables) -> Judged:
    """Judge every decision of the tables.

    Parameters
    ----------
    answers : Answers
        What was measured and asked; None is unknown.
    tables : Tables
        Rules and figures.

    Returns
    -------
    Judged
        The ablations are judged first: whether they are contraindicated is a fact for the others.
    """
    known = gather(answers, tables)
    found: dict[str, Findings] = {name: Findings(name) for name in tables.techniques.order}
    thermal = tables.techniques_of(THERMAL)
    _apply(known, tables, {name: found[name] for name in thermal})
    known.facts["ablation_contraindicated"] = _all_contraindicated([found[n] for n in thermal])
    _apply(known, tables, {name: row for name, row in found.items() if name not in thermal})
    of_the_case = tuple(
        Finding(row, decision, held(decision, known.facts, tables))
        for row, decision in tables.decisions_of_the_case
    )
    return Judged(known, found, of_the_case)


def _all_contraindicated(rows: list[Findings]) -> Fact:
    statuses = {row.status for row in rows}
    if statuses == {"contraindicated"}:
        return Fact(True)
    if statuses & {"recommended", "possible"}:
        return Fact(False)
    return Fact(None, tuple(key for row in rows for key in row.needs))


def _apply(known: Known, tables: Tables, found: Mapping[str, Findings]) -> None:
    for row, decision, techniques in tables.decisions_of_techniques:
        shared: Verdict | None = None
        for name in techniques:
            if name not in found:
                continue
            if name in known.simulated:
                verdict = held(decision, known.facts | known.simulated[name], tables)
            else:
                shared = shared or held(decision, known.facts, tables)
                verdict = shared
            found[name].rows.append(Finding(row, decision, verdict))


def held(decision: Decision, facts: Facts, tables: Tables) -> Verdict:
    """Judge a decision: its condition, unless its exception is true.

    Parameters
    ----------
    decision : Decision
        Of a rule.
    facts : mapping of str to Fact
        Of the case, or of one technique.
    tables : Tables
        Whose limits the conditions name.

    Returns
    -------
    Verdict
        True, false or unknown.
    """
    verdict = evaluate(decision.when, facts, tables.limits)
    exception: Condition = decision.unless
    if exception is None or verdict.truth is False:
        return verdict
    return Verdict(False) if evaluate(exception, facts, tables.limits).truth else verdict
