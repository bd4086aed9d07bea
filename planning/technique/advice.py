"""What is said of one technique: reasons, gates, outcome, complications, order of the procedure."""

from __future__ import annotations

from typing import Any

from planning.technique.answers import Answers, LimitPassed, SimulationResult, in_order
from planning.technique.facts import covers, spares_the_cord
from planning.technique.haemostasis import holds
from planning.technique.intervals import exact_interval_percent
from planning.technique.judging import AGAINST, FOR, GATES, Finding, Findings
from planning.technique.recommendation import Reported, SimulatedZone, TechniqueAdvice
from planning.technique.rules import Effect
from planning.technique.tables import Tables
from planning.technique.wording import Language
from planning.words import answer_name, option_name, structure_name

HIGH_RISK = "high_risk"


def advice(
    row: Findings,
    rank: int,
    answers: Answers,
    barred: set[str],
    tables: Tables,
    language: Language,
) -> TechniqueAdvice:
    """Say what the findings of a technique mean.

    Parameters
    ----------
    row : Findings
        Of the technique.
    rank : int
        1 to 11.
    answers : Answers
        Drugs and simulations.
    barred : set of str
        Techniques that are contraindicated, which no adjunct is done by.
    tables : Tables
        Messages.
    language : str
        ``en`` or ``fr``.

    Returns
    -------
    TechniqueAdvice
        Every key present.
    """
    zone = _zone(row, answers, tables, language)
    notes = [cited(f, language) for f in row.fired(*AGAINST, *FOR, Effect.NOTE)]
    waiting = _waiting(row, tables, language)
    adjuncts = [
        cited(finding, language)
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
        notes=tuple(dict.fromkeys([*notes, *waiting, *([zone.text] if zone else [])])),
        contraindications=(
            *_said(row, Effect.FORBIDS, language),
            *_said(row, Effect.SUSPENDS, language),
            *waiting,
        ),
        outcome=_reported(row, Effect.OUTCOME, "outcome_none", tables, language),
        complications=_reported(row, Effect.COMPLICATION, "complication_none", tables, language),
        preparation=(
            *_said(row, Effect.PREPARATION, language),
            *_held(row, answers, tables, language),
        ),
        procedure=_steps(row, barred, language),
        aftercare=_said(row, Effect.AFTERCARE, language),
        disagreements=_said(row, Effect.DISAGREEMENT, language),
        simulation=zone,
    )


def cited(finding: Finding, language: Language) -> str:
    """Return what a decision says, with its rule's id.

    Parameters
    ----------
    finding : Finding
        Of a technique or of the case.
    language : str
        ``en`` or ``fr``.

    Returns
    -------
    str
        The id in parentheses behind it.
    """
    return f"{finding.decision.text(language)} ({finding.rule.id})"


def _said(row: Findings, effect: Effect, language: Language) -> tuple[str, ...]:
    return tuple(dict.fromkeys(cited(finding, language) for finding in row.fired(effect)))


def _waiting(row: Findings, tables: Tables, language: Language) -> list[str]:
    """Say which answers the open gates of a technique wait for."""
    if row.status != "insufficient":
        return []
    gates = [f for f in row.rows if f.decision.effect in GATES and f.verdict.truth is None]
    if not gates:
        return []
    keys = in_order(key for finding in gates for key in finding.verdict.needs)
    ids = dict.fromkeys(finding.rule.id for finding in gates)
    text = tables.message_by_code["unknown_gate"].text(language)
    asked = " · ".join(answer_name(key, language) for key in keys) or "-"
    return [f"{text.format(keys=asked)} ({', '.join(ids)})"]


def _steps(row: Findings, barred: set[str], language: Language) -> tuple[str, ...]:
    steps = sorted(row.fired(Effect.STEP), key=lambda finding: finding.decision.order)
    done = [finding for finding in steps if finding.decision.by not in barred]
    return tuple(dict.fromkeys(cited(finding, language) for finding in done))


def _reported(
    row: Findings, effect: Effect, none: str, tables: Tables, language: Language
) -> tuple[Reported, ...]:
    """Return what the sources report, or that they report nothing."""
    found = tuple(_one_reported(finding, language) for finding in row.fired(effect))
    if found:
        return found
    return (Reported(text=tables.message_by_code[none].text(language), rule=None),)


def _one_reported(finding: Finding, language: Language) -> Reported:
    count, of = finding.decision.count, finding.decision.of
    shares: dict[str, Any] = {}
    if count is not None and of is not None:
        shares = {
            "percent": 100.0 * count / of,
            "interval_percent": exact_interval_percent(count, of),
        }
    text, rule = finding.decision.text(language), finding.rule.id
    return Reported(text=text, rule=rule, count=count, of=of, **shares)


def _held(row: Findings, answers: Answers, tables: Tables, language: Language) -> list[str]:
    """Say which drugs are held before the procedure, and for how long (B6)."""
    if row.technique not in tables.techniques_of(HIGH_RISK):
        return []
    told = []
    for hold in holds(answers, tables.haemostasis):
        if hold.hours is None:
            code = "hold_unknown"
        elif hold.hours == 0:
            code = "continue_drug"
        else:
            code = "hold_drug" if hold.hours_to is None else "hold_drug_range"
        message = tables.message_by_code[code]
        figures = {"hours": hold.hours, "hours_to": hold.hours_to}
        text = message.text(language).format(drug=option_name(hold.drug, language), **figures)
        if hold.left_hours:
            text += tables.message_by_code["hold_left"].text(language).format(left=hold.left_hours)
        told.append(f"{text} ({', '.join(message.rules)})")
    return told


def _zone(
    row: Findings, answers: Answers, tables: Tables, language: Language
) -> SimulatedZone | None:
    """Return what the best simulated zone of a technique does."""
    results = [one for one in answers.simulation or () if one.technique == row.technique]
    if not results:
        return None
    best = min(results, key=lambda one: _badness(one, tables))
    whole, cord = covers(best, tables.limits), spares_the_cord(best)
    fine = False if whole is False or cord is False else (whole and cord)
    return SimulatedZone(
        coverage_percent=best.coverage_percent,
        min_margin_mm=best.min_margin_mm,
        limits_passed=best.limits_passed,
        covers_and_spares_cord=fine,
        text=_zone_said(best, tables, language),
    )


def _badness(one: SimulationResult, tables: Tables) -> tuple[int, int, float, float]:
    """Order zones: those that spare the cord first, then those that cover, then by coverage."""
    cord = {True: 0, None: 1, False: 2}[spares_the_cord(one)]
    whole = {True: 0, None: 1, False: 2}[covers(one, tables.limits)]
    return whole + cord, cord, -(one.coverage_percent or 0.0), -(one.min_margin_mm or 0.0)


def _zone_said(one: SimulationResult, tables: Tables, language: Language) -> str:
    def said(code: str) -> str:
        return tables.message_by_code[code].text(language)

    coverage, margin = one.coverage_percent, one.min_margin_mm
    if one.limits_passed is None:
        limits = said("limits_not_checked")
    elif not one.limits_passed:
        limits = said("limits_kept")
    else:
        passed = [
            _passed_said(row, said("limit_passed_one"), language) for row in one.limits_passed
        ]
        limits = said("limits_passed").format(which="; ".join(passed))
    text = said("simulated_zone").format(
        coverage="?" if coverage is None else f"{coverage:.0f} %",
        margin="?" if margin is None else f"{margin:+.1f} mm".replace("-", "\N{MINUS SIGN}"),
        limits=limits,
    )
    return f"{text} ({', '.join(tables.message_by_code['simulated_zone'].rules)})"


def _passed_said(passed: LimitPassed, template: str, language: Language) -> str:
    unit = {None: "", "clear_mm": " mm", "cem43": " min CEM43"}.get(passed.measure, " °C")
    value, limit = (
        "?" if n is None else f"{n:.1f}{unit}".replace("-", "\N{MINUS SIGN}")
        for n in (passed.value, passed.limit)
    )
    name = structure_name(passed.structure, language)
    return template.format(name=name, value=value, limit=limit)
