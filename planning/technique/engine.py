"""Judges the techniques by the rule tables: verdict, ranking, doses, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from planning.technique.advice import advice, cited
from planning.technique.ampoules import split, supplies
from planning.technique.answers import Answers
from planning.technique.doses import Dosing
from planning.technique.facts import Known
from planning.technique.influence import influences
from planning.technique.judging import AGAINST, FOR, STATUSES, Findings, Judged, judge
from planning.technique.recommendation import (
    Infiltration,
    Recommendation,
    ScoreCard,
    Status,
    SteroidMaximum,
    Warned,
)
from planning.technique.recommendation import Verdict as Overall
from planning.technique.rules import Effect, rule
from planning.technique.scores import escc, in_words
from planning.technique.tables import Tables
from planning.technique.tables import tables as shipped_tables
from planning.technique.wording import Language

__all__ = ["Recommendation", "reasons", "recommend"]

PERCUTANEOUS = "percutaneous"
INFILTRATION = "infiltration"
OF_THE_CASE = (Effect.WARNING, Effect.ELSEWHERE)
SAID = (
    *AGAINST,
    *FOR,
    Effect.ADJUNCT,
    Effect.NOTE,
    Effect.OUTCOME,
    Effect.COMPLICATION,
    Effect.PREPARATION,
    Effect.STEP,
    Effect.AFTERCARE,
    Effect.DISAGREEMENT,
)


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
    return told(answers, judge(answers, used), language, used)


def told(answers: Answers, judged: Judged, language: Language, used: Tables) -> Recommendation:
    """Tell what the judged decisions of a case come to.

    Parameters
    ----------
    answers : Answers
        What was measured and asked.
    judged : Judged
        Of these answers.
    language : str
        Of notes, adjuncts and messages.
    used : Tables
        Whose decisions were judged.

    Returns
    -------
    Recommendation
        Every key present.
    """
    known, found = judged.known, judged.found
    infiltration = _infiltration(answers, known, found[INFILTRATION].status, used)
    warnings, asked, elsewhere = _warnings(answers, judged, used, language)
    verdict = _verdict(found, used, elsewhere)
    if verdict == "stop" and not elsewhere:
        warnings.append(_nothing_left(found, used, language))
    barred = judged.contraindicated
    lacking = influences(judged, asked)
    return Recommendation(
        verdict=verdict,
        techniques=tuple(
            advice(row, rank, answers, barred, used, language)
            for rank, row in enumerate(ranked(judged, used), start=1)
        ),
        infiltration=infiltration,
        scores=_scores(answers, known, used, language),
        missing=tuple(one.key for one in lacking),
        warnings=tuple(warnings),
        rules=_fired_ids(judged, infiltration, warnings, used),
        influences=lacking,
        disagreements=tuple(
            cited(finding, language)
            for finding in judged.of_the_case
            if finding.decision.effect is Effect.DISAGREEMENT and finding.verdict.truth
        ),
        tables_version=used.version,
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


def ranked(judged: Judged, tables: Tables) -> list[Findings]:
    """Order the techniques: status, what defers them, indication, reasons against, their own order.

    Parameters
    ----------
    judged : Judged
        The case.
    tables : Tables
        With the order of techniques that nothing else tells apart.

    Returns
    -------
    list of Findings
        The best first.
    """
    order = {name: place for place, name in enumerate(tables.techniques.order)}
    return sorted(
        judged.found.values(),
        key=lambda row: (
            STATUSES.index(row.status),
            row.deferred,
            row.priority,
            len(row.ids(*AGAINST)) - len(row.ids(Effect.FAVOURS)),
            order[row.technique],
        ),
    )


def _infiltration(answers: Answers, known: Known, status: Status, tables: Tables) -> Infiltration:
    dosing, table = known.dosing, tables.doses
    stopped = status == "contraindicated"
    anaesthetic_ml = None if stopped else _anaesthetic_ml(dosing)
    verdict: Overall = "go"
    if stopped:
        verdict = "stop"
    elif anaesthetic_ml is None or status == "insufficient":
        verdict = "insufficient"
    held = dosing.milligrams
    steroid = dosing.corticosteroid
    row = steroid.row
    return Infiltration.model_validate(
        {
            "verdict": verdict,
            "volume_ml": dosing.volume_ml,
            "band_ml": dosing.band_ml,
            "anaesthetic_ml": anaesthetic_ml,
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
            "split": ()
            if anaesthetic_ml is None
            else split(anaesthetic_ml, answers.needle_count, table),
            "supplies": () if stopped else supplies(answers, anaesthetic_ml, row, table),
        }
    )


def _anaesthetic_ml(dosing: Dosing) -> float | None:
    """Return what the physician entered, else the band's volume where nothing leaves it open."""
    if dosing.chosen_ml is not None:
        return dosing.chosen_ml
    return None if dosing.near_canal else dosing.band_ml


def _scores(answers: Answers, known: Known, tables: Tables, language: Language) -> ScoreCard:
    table = tables.scores
    return ScoreCard(
        sins=known.sins.score,
        mirels=known.mirels.score,
        escc=escc(answers, table.escc, language),
        sins_said=in_words(known.sins.score, table.sins, language),
        mirels_said=in_words(known.mirels.score, table.mirels, language),
        sins_open=known.sins.open,
        mirels_open=known.mirels.open,
    )


def _warnings(
    answers: Answers, judged: Judged, tables: Tables, language: Language
) -> tuple[list[Warned], set[str], list[str]]:
    """Return the warnings, the answers they ask for, and where the answer lies instead."""
    warned: list[Warned] = []
    asked: set[str] = set()
    elsewhere: list[str] = []
    for saying in judged.known.dosing.sayings:
        row = tables.message_by_code[saying.code]
        message = row.filled(language, saying.figures)
        warned.append(Warned(code=row.code, rules=row.rules, message=message))
    for finding in judged.of_the_case:
        decision, verdict = finding.decision, finding.verdict
        if decision.effect not in OF_THE_CASE:
            continue
        asked |= {*verdict.needs}
        if not verdict.truth:
            continue
        asked |= {key for key in decision.asks if getattr(answers, key) is None}
        code = decision.code or f"elsewhere_{decision.where}"
        if decision.where is not None:
            elsewhere.append(decision.where)
        ids = decision.rules or (finding.rule.id,)
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


def _fired_ids(
    judged: Judged, infiltration: Infiltration, warnings: Iterable[Warned], tables: Tables
) -> tuple[str, ...]:
    ids = {rule_id for row in judged.found.values() for rule_id in row.ids(*SAID)}
    ids |= {*infiltration.rules, *(rule_id for row in warnings for rule_id in row.rules)}
    ids |= {
        finding.rule.id
        for finding in judged.of_the_case
        if finding.decision.effect is Effect.DISAGREEMENT and finding.verdict.truth
    }
    known = judged.known
    ids |= {name for name, one in (("B9", known.sins), ("B10", known.mirels)) if one.score}
    return tuple(row.id for row in tables.rules if row.id in ids)
