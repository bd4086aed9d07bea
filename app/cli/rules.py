"""``osteoplan rules``: the rules, limits, doses and scores in use, with their sources."""

from __future__ import annotations

import textwrap

import click

from app.cli import output
from planning.technique.dose_tables import AmpouleRow, Ceiling
from planning.technique.explanation import condition_said
from planning.technique.rules import Decision, Rule
from planning.technique.tables import Tables, tables
from planning.technique.wording import Language

WIDTH = 110


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
        "version": used.version,
        "rules": rows,
        "limits": (*used.techniques.limits, *used.haemostasis.limits),
        "drugs": used.haemostasis.drugs,
        "doses": used.doses,
        "scores": used.scores,
    }


def _rules_text(used: Tables, lang: Language) -> str:
    limits = (*used.techniques.limits, *used.haemostasis.limits)
    scores = (used.scores.sins, used.scores.mirels, used.scores.escc)
    reliable = [row.reliability for row in scores]
    parts = [
        [f"tables {used.version}"],
        [line for row in used.rules for line in _rule_lines(row, used, lang)],
        [f"{row.id:30} {row.value:g} {row.unit}  ({row.source})" for row in limits],
        [f"{row.id:30} {row.source}" for row in used.haemostasis.drugs],
        [_ceiling_text(row) for row in used.doses.ceilings],
        [
            f"{row.id:30} {row.most:g} {row.unit}  ({row.basis})"
            for row in used.doses.corticosteroids
        ],
        [_ampoule_text(row) for row in used.doses.ampoules],
        [f"{row.text(lang)}  ({row.source})" for row in reliable],
    ]
    return "\n\n".join("\n".join(part) for part in parts)


def _ceiling_text(row: Ceiling) -> str:
    most = "" if row.most_mg is None else f", at most {row.most_mg:g} mg"
    named = f"{row.drug} ({row.id})"
    return f"{named:30} {row.per_kg_mg:g} mg/kg{most}  ({row.source})"


def _ampoule_text(row: AmpouleRow) -> str:
    sizes = ", ".join(f"{size:g} mL" for size in row.sizes_ml)
    strength = f"{row.strength:g} {row.unit}" if row.strength else ""
    named = f"{row.product} {strength}"
    return f"{named:30} {sizes}  ({row.source})"


def _rule_lines(row: Rule, used: Tables, lang: Language) -> list[str]:
    sure = " [BG]" if row.strength == "general" else ""
    head = (
        f"{row.id:4}{row.kind:12} {row.text(lang)} [{row.source}, {row.place}; {row.strength}, "
        f"checked {row.checked}]{sure}"
    )
    return [head, *(line for one in row.decides for line in _decision_lines(one, used, lang))]


def _decision_lines(one: Decision, used: Tables, lang: Language) -> list[str]:
    about = one.techniques or "the case"
    named = about if isinstance(about, str) else ", ".join(about)
    counted = "" if one.of is None else f" {one.count}/{one.of}"
    text = f"{one.effect}: {named}: {one.text(lang)}{counted}"
    if one.when is not None:
        text += f"  <- {condition_said(one.when, used, lang)}"
    if one.unless is not None:
        text += f"  unless {condition_said(one.unless, used, lang)}"
    return textwrap.wrap(text, WIDTH, initial_indent=" " * 8, subsequent_indent=" " * 12)
