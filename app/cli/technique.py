"""``osteoplan recommend`` and ``osteoplan rules``: what to do, which doses, and why."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli import output
from planning.technique.answers import read_answers
from planning.technique.dose_tables import Ceiling
from planning.technique.engine import recommend
from planning.technique.recommendation import Infiltration, Recommendation
from planning.technique.rules import Rule
from planning.technique.tables import Tables, tables
from planning.technique.wording import Language


@click.command("recommend", short_help="Recommends technique and doses.")
@click.argument("answers", type=click.Path(path_type=Path))
@output.json_option
def recommend_command(answers: Path, as_json: bool) -> None:
    """Recommend technique and doses from ANSWERS, a JSON file; unknown answers are left out."""
    advice = recommend(read_answers(answers))
    output.emit(advice, as_json, _text(advice))


def _text(advice: Recommendation) -> str:
    lines = [f"verdict: {advice.verdict}", ""]
    for row in advice.techniques:
        ids = " ".join([*(f"+{i}" for i in row.for_), *(f"-{i}" for i in row.against)])
        lines.append(f"{row.rank:2} {row.technique:19} {row.status:15} {ids}")
        lines += [f"     with {adjunct}" for adjunct in row.adjuncts]
        lines += [f"     {note}" for note in row.notes]
    lines += ["", *_infiltration_text(advice.infiltration)]
    for name, score in (("SINS", advice.scores.sins), ("Mirels", advice.scores.mirels)):
        if score is not None:
            lines.append(f"{name} {score.total}: {score.score_class}")
    lines += [f"! {row.message} ({', '.join(row.rules)})" for row in advice.warnings]
    if advice.missing:
        lines.append(f"not answered: {', '.join(advice.missing)}")
    return "\n".join(lines)


def _infiltration_text(row: Infiltration) -> list[str]:
    shown = "not determined" if row.anaesthetic_ml is None else f"{row.anaesthetic_ml:g} mL"
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
    return lines


@click.command("rules", short_help="Shows the rules and the tables of doses.")
@click.option("--lang", type=click.Choice(["en", "fr"]), default="en", help="Language.")
@output.json_option
def rules_command(lang: Language, as_json: bool) -> None:
    """Show the rules, limits, doses and scores in use, with their sources."""
    used = tables()
    output.emit(_rules_json(used, lang), as_json, _rules_text(used, lang))


def _rules_json(used: Tables, lang: Language) -> dict[str, object]:
    rows = [row.model_dump(mode="json") | {"text": row.text(lang)} for row in used.rules]
    return {
        "language": lang,
        "rules": rows,
        "limits": (*used.techniques.limits, *used.haemostasis.limits),
        "drugs": used.haemostasis.drugs,
        "doses": used.doses,
        "scores": used.scores,
    }


def _rules_text(used: Tables, lang: Language) -> str:
    limits = (*used.techniques.limits, *used.haemostasis.limits)
    parts = [
        [_rule_text(row, lang) for row in used.rules],
        [f"{row.id:30} {row.value:g} {row.unit}  ({row.source})" for row in limits],
        [f"{row.id:30} {row.source}" for row in used.haemostasis.drugs],
        [_ceiling_text(row) for row in used.doses.ceilings],
        [
            f"{row.id:30} {row.most:g} {row.unit}  ({row.basis})"
            for row in used.doses.corticosteroids
        ],
    ]
    return "\n\n".join("\n".join(part) for part in parts)


def _ceiling_text(row: Ceiling) -> str:
    most = "" if row.most_mg is None else f", at most {row.most_mg:g} mg"
    named = f"{row.drug} ({row.id})"
    return f"{named:30} {row.per_kg_mg:g} mg/kg{most}  ({row.source})"


def _rule_text(row: Rule, lang: Language) -> str:
    sure = " [BG]" if row.strength == "general" else ""
    return f"{row.id:4}{row.kind:12} {row.text(lang)} [{row.source}, {row.place}]{sure}"
