"""Judges the techniques by the rule tables: verdict, ranking, doses, and what is missing.

Order of the rules (section C of the clinical rules): safety gates, cord and instability, fracture,
curative intent, palliation, doses; the priorities of the indications in the table hold it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from planning.technique.answers import Answers, Technique
from planning.technique.facts import Known, gather
from planning.technique.logic import Condition, Fact, Truth, Verdict, evaluate
from planning.technique.question import answer_name
from planning.technique.recommendation import (
    Infiltration,
    Recommendation,
    ScoreCard,
    Status,
    SteroidMaximum,
    TechniqueAdvice,
    Warned,
)
from planning.technique.recommendation import Verdict as Overall
from planning.technique.rules import Decision, Effect, Language, Rule, rule
from planning.technique.tables import Tables
from planning.technique.tables import tables as shipped_tables

__all__ = ["Recommendation", "reasons", "recommend"]

STATUSES: tuple[Status, ...] = ("recommended", "possible", "insufficient", "contraindicated")
AGAINST = (Effect.FORBIDS, Effect.SUSPENDS, Effect.CAUTIONS, Effect.SPEAKS_AGAINST)
FOR = (Effect.INDICATES, Effect.FAVOURS)
THERMAL = "thermal"
PERCUTANEOUS = "percutaneous"
INFILTRATION = "infiltration"


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

    @property
    def status(self) -> Status:
        """Status by the contract."""
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
        return [row for row in self.rows if row.verdict.truth and row.decision.effect in effects]

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


def recommend(
    answers: Answers, language: Language = "en", tables: Tables | None = None
) -> Recommendation:
    """Judge every technique for a case.

    Parameters
    ----------
    answers : Answers
        What was measured and asked; None is unknown.
    language : str
        Of notes, adjuncts and messages.
    tables : Tables, optional
        Other tables than those of `resources/`.

    Returns
    -------
    Recommendation
        Every key present.
    """
    used = tables or shipped_tables()
    known = gather(answers, used)
    found = _judge(known, used)
    ranked = _ranked(found, used)
    infiltration = _infiltration(known, found[INFILTRATION].status, used)
    warnings, asked, elsewhere = _warnings(answers, known, used, language)
    verdict = _verdict(found, used, elsewhere)
    if verdict == "stop" and not elsewhere:
        warnings.append(_nothing_left(found, used, language))
    barred = {name for name, row in found.items() if row.status == "contraindicated"}
    advice = tuple(
        _advice(row, rank, barred, used, language) for rank, row in enumerate(ranked, start=1)
    )
    dosing_needs = () if infiltration.verdict == "stop" else known.dosing.needs
    needs = [key for row in found.values() for key in row.needs]
    return Recommendation(
        verdict=verdict,
        techniques=advice,
        infiltration=infiltration,
        scores=ScoreCard(sins=known.sins, mirels=known.mirels),
        missing=_in_order({*needs, *asked, *dosing_needs}),
        warnings=tuple(warnings),
        rules=_fired_ids(found.values(), infiltration, warnings, known, used),
    )


def reasons(ids: Iterable[str], language: Language = "en") -> list[tuple[str, str, str]]:
    """Resolve ids of rules for a report.

    Parameters
    ----------
    ids : iterable of str
        As ``for`` and ``against`` hold them.
    language : str
        ``en`` or ``fr``.

    Returns
    -------
    list of (str, str, str)
        Id, text, source with the place in it.
    """
    rows = [rule(rule_id) for rule_id in ids]
    return [(row.id, row.text(language), f"{row.source}, {row.place}") for row in rows]


def _judge(known: Known, tables: Tables) -> dict[str, Findings]:
    """Judge the ablations first: whether they are contraindicated is a fact for the others."""
    found: dict[str, Findings] = {name: Findings(name) for name in tables.techniques.order}
    thermal = tables.techniques_of(THERMAL)
    _apply(known, tables, {name: found[name] for name in thermal})
    known.facts["ablation_contraindicated"] = _all_contraindicated([found[n] for n in thermal])
    _apply(known, tables, {name: row for name, row in found.items() if name not in thermal})
    return found


def _all_contraindicated(rows: list[Findings]) -> Fact:
    statuses = {row.status for row in rows}
    if statuses == {"contraindicated"}:
        return Fact(True)
    if statuses & {"recommended", "possible"}:
        return Fact(False)
    return Fact(None, tuple(key for row in rows for key in row.needs))


def _apply(known: Known, tables: Tables, found: Mapping[str, Findings]) -> None:
    for row in tables.rules:
        for decision in row.decides:
            named = [name for name in tables.techniques_of(decision.techniques) if name in found]
            shared: Verdict | None = None
            for name in named:
                if name in known.simulated:
                    verdict = _held(decision, known.facts | known.simulated[name], tables)
                else:
                    shared = shared or _held(decision, known.facts, tables)
                    verdict = shared
                found[name].rows.append(Finding(row, decision, verdict))


def _held(decision: Decision, facts: Mapping[str, Fact], tables: Tables) -> Verdict:
    """Judge a decision: its condition, unless its exception is true."""
    verdict = evaluate(decision.when, facts, tables.limits)
    exception: Condition = decision.unless
    if exception is None or verdict.truth is False:
        return verdict
    return Verdict(False) if evaluate(exception, facts, tables.limits).truth else verdict


def _ranked(found: Mapping[str, Findings], tables: Tables) -> list[Findings]:
    """Order by status, strongest indication, reasons against, then the table's own order."""
    order = {name: place for place, name in enumerate(tables.techniques.order)}
    return sorted(
        found.values(),
        key=lambda row: (
            STATUSES.index(row.status),
            row.priority,
            len(row.ids(*AGAINST)) - len(row.ids(Effect.FAVOURS)),
            order[row.technique],
        ),
    )


def _advice(
    row: Findings, rank: int, barred: set[str], tables: Tables, language: Language
) -> TechniqueAdvice:
    said = [*row.fired(*AGAINST), *row.fired(*FOR), *row.fired(Effect.NOTE)]
    notes = [_cited(finding, language) for finding in said]
    gates = (Effect.FORBIDS, Effect.SUSPENDS)
    open_gates = [f for f in row.rows if f.decision.effect in gates and f.verdict.truth is None]
    if row.status == "insufficient" and open_gates:
        keys = _in_order({key for finding in open_gates for key in finding.verdict.needs})
        ids = dict.fromkeys(finding.rule.id for finding in open_gates)
        text = tables.message_by_code["unknown_gate"].text(language)
        asked = " · ".join(answer_name(key, language) for key in keys) or "-"
        notes.append(f"{text.format(keys=asked)} ({', '.join(ids)})")
    adjuncts = [
        _cited(finding, language)
        for finding in row.fired(Effect.ADJUNCT)
        if finding.decision.by not in barred
    ]
    return TechniqueAdvice(
        technique=row.technique,
        status=row.status,
        rank=rank,
        for_=row.ids(*FOR),
        against=row.ids(*AGAINST),
        adjuncts=tuple(dict.fromkeys(adjuncts)),
        notes=tuple(dict.fromkeys(notes)),
    )


def _cited(finding: Finding, language: Language) -> str:
    return f"{finding.decision.text(language)} ({finding.rule.id})"


def _infiltration(known: Known, status: Status, tables: Tables) -> Infiltration:
    dosing, table = known.dosing, tables.doses
    stopped = status == "contraindicated"
    undetermined = dosing.near_canal or dosing.band_ml is None
    verdict: Overall = "go"
    if stopped:
        verdict = "stop"
    elif undetermined or status == "insufficient":
        verdict = "insufficient"
    held = dosing.milligrams
    steroid = dosing.corticosteroid
    row = steroid.row
    return Infiltration.model_validate(
        {
            "verdict": verdict,
            "volume_ml": dosing.volume_ml,
            "band_ml": dosing.band_ml,
            "anaesthetic_ml": None if stopped or undetermined else dosing.band_ml,
            "anaesthetic_choices_ml": () if stopped else dosing.choices_ml,
            "max_permitted_ml": dosing.most_ml,
            "lidocaine_mg": held.lidocaine_mg if held else None,
            "ropivacaine_mg": held.ropivacaine_mg if held else None,
            "fraction_of_maximum": held.fraction if held else None,
            "corticosteroid": steroid.name,
            "corticosteroid_max": SteroidMaximum(
                value=row.most if row else None,
                unit=row.unit if row else None,
                basis=row.basis if row else None,
            ),
            "contrast_ml": table.contrast_ml,
            "needle_gauge": table.needle_gauge,
            "rules": dosing.rules,
        }
    )


def _warnings(
    answers: Answers, known: Known, tables: Tables, language: Language
) -> tuple[list[Warned], set[str], list[str]]:
    """Return the warnings, the answers they ask for, and where the answer lies instead."""
    warned: list[Warned] = []
    asked: set[str] = set()
    elsewhere: list[str] = []
    for saying in known.dosing.sayings:
        row = tables.message_by_code[saying.code]
        message = row.text(language).format(**saying.figures)
        warned.append(Warned(code=row.code, rules=row.rules, message=message))
    for rule_row in tables.rules:
        for decision in rule_row.decides:
            if decision.effect not in (Effect.WARNING, Effect.ELSEWHERE):
                continue
            verdict = _held(decision, known.facts, tables)
            asked |= {*verdict.needs}
            if not verdict.truth:
                continue
            asked |= {key for key in decision.asks if getattr(answers, key) is None}
            code = decision.code or f"elsewhere_{decision.where}"
            if decision.where is not None:
                elsewhere.append(decision.where)
            ids = decision.rules or (rule_row.id,)
            warned.append(Warned(code=code, rules=ids, message=decision.text(language)))
    return warned, asked, elsewhere


def _verdict(found: Mapping[str, Findings], tables: Tables, elsewhere: list[str]) -> Overall:
    statuses = {found[name].status for name in tables.techniques_of(PERCUTANEOUS)}
    if elsewhere or statuses == {"contraindicated"}:
        return "stop"
    return "go" if statuses & {"recommended", "possible"} else "insufficient"


def _nothing_left(found: Mapping[str, Findings], tables: Tables, language: Language) -> Warned:
    """Say what remains when every percutaneous technique is contraindicated."""
    percutaneous = tables.techniques_of(PERCUTANEOUS)
    others = [
        name
        for name, row in found.items()
        if name not in percutaneous and row.status != "contraindicated"
    ]
    message = tables.message_by_code["no_percutaneous_technique"]
    ids = {rule_id for name in percutaneous for rule_id in found[name].ids(Effect.FORBIDS)}
    return Warned(
        code=message.code,
        rules=tuple(row.id for row in tables.rules if row.id in ids),
        message=message.text(language).format(others=", ".join(others) or "-"),
    )


def _in_order(keys: Iterable[str]) -> tuple[str, ...]:
    """Return keys in the order of the answers, nested ones behind their document."""
    order = {key: place for place, key in enumerate(Answers.model_fields)}
    return tuple(sorted(set(keys), key=lambda key: (order[key.partition(".")[0]], key)))


def _fired_ids(
    found: Iterable[Findings],
    infiltration: Infiltration,
    warnings: Iterable[Warned],
    known: Known,
    tables: Tables,
) -> tuple[str, ...]:
    said = (*AGAINST, *FOR, Effect.ADJUNCT, Effect.NOTE)
    ids = {rule_id for row in found for rule_id in row.ids(*said)}
    ids |= {*infiltration.rules, *(rule_id for row in warnings for rule_id in row.rules)}
    ids |= {name for name, score in (("B9", known.sins), ("B10", known.mirels)) if score}
    return tuple(row.id for row in tables.rules if row.id in ids)
