"""``osteoplan recommend``: what to do, which doses, and why."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli import output
from planning.technique.ampoules import Supply
from planning.technique.answers import read_answers
from planning.technique.engine import recommend
from planning.technique.explanation import Explained, dose_steps, explain
from planning.technique.recommendation import (
    Infiltration,
    Recommendation,
    Reported,
    TechniqueAdvice,
)
from planning.technique.what_if import WhatIf, what_if, with_changes
from planning.technique.wording import Language

MOST_INFLUENCES = 5
HOLDS = {True: "now:", False: "no longer:", None: "waits:"}


class ChangeType(click.ParamType[tuple[str, str]]):
    """An answer as ``KEY=VALUE``."""

    name = "KEY=VALUE"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Return key and value, or fail with how to write them."""
        if isinstance(value, tuple):
            return value
        key, sign, text = str(value).partition("=")
        if not sign or not key:
            self.fail(f"'{value}' is no answer; write KEY=VALUE, such as inr=2.4", param, ctx)
        return key.strip(), text.strip()


CHANGE = ChangeType()


@click.command("recommend", short_help="Recommends technique and doses.")
@click.argument("answers", type=click.Path(path_type=Path))
@click.option("--lang", type=click.Choice(["en", "fr"]), default="en", help="Language.")
@click.option("--explain", "explains", is_flag=True, help="Also every decision with its values.")
@click.option(
    "--if", "changes", type=CHANGE, multiple=True, help="What another answer would change."
)
@output.json_option
def recommend_command(
    answers: Path,
    lang: Language,
    explains: bool,
    changes: tuple[tuple[str, str], ...],
    as_json: bool,
) -> None:
    """Recommend technique and doses from ANSWERS, a JSON file; unknown answers are left out."""
    given = read_answers(answers)
    advice = recommend(given, lang)
    found = output.as_plain(advice)
    text = [_text(advice)]
    if explains:
        rows = explain(given, lang)
        found |= {"explanation": output.as_plain(rows), "dose_steps": dose_steps(given, lang)}
        text += ["", *dose_steps(given, lang), *(_explained_text(row) for row in rows)]
    if changes:
        difference = what_if(given, with_changes(given, dict(changes)), lang)
        found["what_if"] = output.as_plain(difference)
        text += ["", *_what_if_text(difference)]
    output.emit(found, as_json, "\n".join(text))


def _explained_text(row: Explained) -> str:
    sign = "?" if row.holds is None else "="
    why = "; ".join(row.because) or (
        "; ".join(row.waits_for) and f"waits for {'; '.join(row.waits_for)}"
    )
    head = f"{row.technique or 'case':19} {row.effect:15} {sign} {row.text}"
    return f"{head} [{row.rule}: {row.source}] {why}"


def _what_if_text(row: WhatIf) -> list[str]:
    lines = [f"if {one.key} were {one.after} (not {one.before}):" for one in row.answers]
    if not row.answers:
        return ["what if: no answer is another one"]
    if row.verdict_before != row.verdict_after:
        lines.append(f"  verdict: {row.verdict_before} -> {row.verdict_after}")
    for one in row.techniques:
        moved = f"{one.status_before} ({one.rank_before}) -> {one.status_after} ({one.rank_after})"
        lines.append(f"  {one.technique}: {moved}")
        lines += [f"     {HOLDS[c.holds]} {c.rule}: {c.text}" for c in one.causes]
    lines += [f"  {one.key}: {one.before} -> {one.after}" for one in row.dose]
    lines += [f"  new warning: {code}" for code in row.warnings_new]
    lines += [f"  no longer: {code}" for code in row.warnings_gone]
    return lines if len(lines) > len(row.answers) else [*lines, "  nothing changes"]


def _text(advice: Recommendation) -> str:
    lines = [f"verdict: {advice.verdict}", ""]
    for row in advice.techniques:
        ids = " ".join([*(f"+{i}" for i in row.for_), *(f"-{i}" for i in row.against)])
        lines.append(f"{row.rank:2} {row.technique:19} {row.status:15} {ids}")
        if row.status != "contraindicated":
            lines += [f"     with {adjunct}" for adjunct in row.adjuncts]
        lines += [f"     {note}" for note in row.notes]
        if row.status == "recommended":
            lines += _course_text(row)
    lines += ["", *_infiltration_text(advice.infiltration), *_scores_text(advice)]
    lines += [f"! {row.message} ({', '.join(row.rules)})" for row in advice.warnings]
    lines += [f"~ {text}" for text in advice.disagreements]
    lines += _missing_text(advice)
    lines.append(f"tables {advice.tables_version}; a planning aid, not a certified medical device")
    return "\n".join(lines)


def _course_text(row: TechniqueAdvice) -> list[str]:
    """Return outcome, complications and the course of a technique."""
    parts = {
        "outcome": [reported_text(one) for one in row.outcome],
        "complication": [reported_text(one) for one in row.complications],
        "before": row.preparation,
        "step": [f"{n}. {text}" for n, text in enumerate(row.procedure, start=1)],
        "after": row.aftercare,
        "documents disagree": row.disagreements,
    }
    return [f"     {name}: {text}" for name, texts in parts.items() for text in texts]


def reported_text(one: Reported) -> str:
    """Return what the sources report, with counts and interval where they print counts.

    Parameters
    ----------
    one : Reported
        Outcome or complication.

    Returns
    -------
    str
        One line.
    """
    text = one.text
    if one.percent is not None and one.interval_percent is not None:
        low, high = one.interval_percent
        text += f": {one.count}/{one.of} = {one.percent:.1f} % (95 % CI {low:.1f}-{high:.1f})"
    return text if one.rule is None else f"{text} ({one.rule})"


def _scores_text(advice: Recommendation) -> list[str]:
    card = advice.scores
    lines = []
    rows = (
        ("SINS", card.sins, card.sins_said, card.sins_open),
        ("Mirels", card.mirels, card.mirels_said, card.mirels_open),
    )
    for name, score, said, left in rows:
        if score is not None and said is not None:
            lines.append(f"{name} {score.total}: {score.score_class}; {said.says}")
            lines.append(f"     {said.reliability}")
        elif left is not None:
            lines.append(f"{name} {left.low} to {left.high}; lacking {', '.join(left.missing)}")
    if card.escc is not None:
        lines.append(f"ESCC {card.escc.grade}: {card.escc.says}")
        lines.append(f"     {card.escc.reliability}")
    return lines


def _missing_text(advice: Recommendation) -> list[str]:
    if not advice.missing:
        return []
    lines = [f"not answered: {', '.join(advice.missing)}"]
    for one in advice.influences[:MOST_INFLUENCES]:
        what = ["the verdict"] if one.verdict else []
        what += one.techniques
        what += ["the dose"] if one.dose else []
        lines.append(f"     {one.key} could change {', '.join(what) or 'reasons only'}")
    return lines


def _infiltration_text(row: Infiltration) -> list[str]:
    open_dose = "none" if row.verdict == "stop" else "not determined"
    shown = open_dose if row.anaesthetic_ml is None else f"{row.anaesthetic_ml:g} mL"
    lines = [f"infiltration: {row.verdict}; anaesthetic mixture: {shown}"]
    if row.volume_ml is not None:
        band = "5 or 10" if row.band_ml is None else f"{row.band_ml:g}"
        lines.append(f"  lesion {row.volume_ml:.2f} mL; band {band} mL")
    if row.anaesthetic_choices_ml:
        choices = " or ".join(f"{n:g}" for n in row.anaesthetic_choices_ml)
        lines.append(f"  the physician chooses: {choices} mL")
    if row.fraction_of_maximum is not None and row.max_permitted_ml is not None:
        lines.append(
            f"  {row.lidocaine_mg:g} mg lidocaine, {row.ropivacaine_mg:g} mg ropivacaine: "
            f"{row.fraction_of_maximum:.2f} of the maximum; at most {row.max_permitted_ml:.2f} mL"
        )
    most = row.corticosteroid_max
    lines.append(
        f"  corticosteroid: {row.corticosteroid or 'not determined'}"
        + (f", at most {most.value:g} {most.unit}" if most.value is not None else "")
    )
    lines += [
        f"  {one.needles} needles: {one.anaesthetic_ml:.2f} mL each"
        for one in row.split
        if one.needles > 1
    ]
    lines += [f"  {_supply_text(one)}" for one in row.supplies]
    return lines


def _supply_text(one: Supply) -> str:
    strength = "" if one.strength is None else f" {one.strength:g} {one.unit}"
    most = "at most " if one.is_ceiling else ""
    opened = " + ".join(f"{part.count} x {part.size_ml:g} mL" for part in one.opened)
    opened = opened or "ampoules not in the table"
    return f"open {opened}: {one.product}{strength}, {most}{one.needed_ml:g} mL"
