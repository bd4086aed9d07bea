"""The proposal as rich text: sentences whose rules are links."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from app.workstation.style.palette import theme
from app.workstation.words import Words
from planning.technique.recommendation import (
    Infiltration,
    Recommendation,
    Reported,
    TechniqueAdvice,
)
from planning.technique.scores import OpenScore, Saying, Score
from planning.words import labelled

STATUS_COLOURS = {  # of the theme
    "recommended": "good",
    "possible": "accent",
    "contraindicated": "bad",
    "insufficient": "warning",
}
STATUS_SIGNS = {"recommended": "✓", "possible": "○", "contraindicated": "✕", "insufficient": "?"}
OPEN = "open:"  # begins the link that shows all that is said of a technique
RULE = "rule:"  # begins the link that shows a rule and why it holds for a technique
ASK = "ask:"  # begins the link that goes to a question
CITED = re.compile(r"\s*\(([AB]\d+(?:, [AB]\d+)*)\)$")
MOST_MISSING = 6


def technique_text(one: TechniqueAdvice, words: Words, *, opened: bool) -> str:
    """Return what is said of a technique.

    Parameters
    ----------
    one : TechniqueAdvice
        Ranked.
    words : Words
        Of the screen.
    opened : bool
        With outcome, complications and course.

    Returns
    -------
    str
        Rich text.
    """
    colour, name = (
        getattr(theme(), STATUS_COLOURS[one.status]),
        words(f"techniques.{one.technique}"),
    )
    sign, status = STATUS_SIGNS[one.status], words(f"statuses.{one.status}")
    lines = [
        f"<b style='font-size:14px'>{one.rank}. {escape(name)}</b> &nbsp;"
        f"<span style='color:{colour}'>{sign}&nbsp;{escape(status)}</span>"
    ]
    lines += [_sentence(text, one.technique, theme().bad, "✕") for text in one.contraindications]
    if one.simulation is not None:
        safe = one.simulation.covers_and_spares_cord
        colour = theme().bad if safe is False else theme().quiet
        lines.append(_sentence(one.simulation.text, one.technique, colour, "▸"))
    for ids, sign, key in ((one.for_, "+", "for"), (one.against, "−", "against")):
        if ids:
            links = " ".join(_link(rule, one.technique) for rule in ids)
            told = escape(words(f"technique.{key}"))
            lines.append(f"<span style='color:{theme().quiet}'>{sign} {told}</span> {links}")
    told = words("technique.less" if opened else "technique.more")
    lines.append(
        f"<a href='{OPEN}{one.technique}' style='color:{theme().quiet};text-decoration:none'>"
        f"{'▾' if opened else '▸'} {escape(told)}</a>"
    )
    if opened:
        lines += _course(one, words)
    return "<br>".join(lines)


def _course(one: TechniqueAdvice, words: Words) -> list[str]:
    zone = one.simulation.text if one.simulation is not None else None
    reasons = [note for note in one.notes if note not in one.contraindications and note != zone]
    parts = {
        "reasons": reasons,
        "adjuncts": one.adjuncts,
        "outcome": [reported_text(row, words) for row in one.outcome],
        "complications": [reported_text(row, words) for row in one.complications],
        "preparation": one.preparation,
        "procedure": [f"{n}. {text}" for n, text in enumerate(one.procedure, start=1)],
        "aftercare": one.aftercare,
        "disagreements": one.disagreements,
    }
    lines = []
    for key, texts in parts.items():
        if texts:
            lines.append(
                f"<span style='color:{theme().accent}'>{escape(words(f'technique.{key}'))}</span>"
            )
            lines += [_sentence(text, one.technique, theme().quiet, "&nbsp;") for text in texts]
    return lines


def reported_text(one: Reported, words: Words) -> str:
    """Return what the sources report, with counts and interval where they print counts.

    Parameters
    ----------
    one : Reported
        Outcome or complication.
    words : Words
        Of the screen.

    Returns
    -------
    str
        Plain text with the rule's id.
    """
    text = one.text
    if one.percent is not None and one.interval_percent is not None:
        low, high = (words.number(n) for n in one.interval_percent)
        share = words.number(one.percent)
        text += words(
            "technique.share", count=one.count, of=one.of, share=share, low=low, high=high
        )
    return text if one.rule is None else f"{text} ({one.rule})"


def _sentence(text: str, technique: str, colour: str, sign: str) -> str:
    """Return a sentence whose ids at the end are links."""
    cited = CITED.search(text)
    said = text[: cited.start()] if cited else text
    ids = cited[1].split(", ") if cited else []
    links = " ".join(_link(one, technique) for one in ids)
    return f"<span style='color:{colour}'>{sign} {escape(said)}</span> {links}".rstrip()


def _link(rule_id: str, technique: str) -> str:
    return (
        f"<a href='{RULE}{escape(rule_id)}:{technique}' "
        f"style='color:{theme().accent};text-decoration:none'>{escape(rule_id)}</a>"
    )


def cited_text(text: str, ids: Iterable[str]) -> str:
    """Return a sentence of the case with links to its rules.

    Parameters
    ----------
    text : str
        Plain.
    ids : iterable of str
        Rules.

    Returns
    -------
    str
        Rich text.
    """
    return f"{escape(text)} {' '.join(_link(one, '') for one in ids)}".rstrip()


def missing_text(advice: Recommendation, words: Words) -> str:
    """Return the open questions, the one that could change most first.

    Parameters
    ----------
    advice : Recommendation
        Of the case.
    words : Words
        Of the screen.

    Returns
    -------
    str
        Rich text with a link to each question.
    """
    if not advice.missing:
        return escape(words("technique.nothing_missing"))
    lines = []
    for one in advice.influences[:MOST_MISSING]:
        name = words.maybe(f"answers.{one.key}", one.key)
        what = [words("technique.verdict")] if one.verdict else []
        what += (
            [words("technique.some_techniques", count=len(one.techniques))]
            if one.techniques
            else []
        )
        what += [words("technique.the_dose")] if one.dose else []
        told = ", ".join(what) or words("technique.reasons_only")
        quiet = f"<span style='color:{theme().quiet}'>– {escape(told)}</span>"
        lines.append(f"{_question(one.key, name)} {quiet}")
    others = [
        _question(one.key, words.maybe(f"answers.{one.key}", one.key))
        for one in advice.influences[MOST_MISSING:]
    ]
    if others:
        lines.append(" · ".join(others))
    return "<br>".join(lines)


def _question(key: str, name: str) -> str:
    style = f"style='color:{theme().accent};text-decoration:none'"
    return f"<a href='{ASK}{escape(key)}' {style}>{escape(name)}</a>"


def dose_rows(dose: Infiltration, words: Words) -> list[tuple[str, str]]:
    """Return the products of the infiltration.

    Parameters
    ----------
    dose : Infiltration
        Of the case.
    words : Words
        Of the screen.

    Returns
    -------
    list of (str, str)
        Names and values.
    """
    number = words.number

    def ml(value: float | None) -> str:
        return words("technique.undetermined") if value is None else f"{number(value)} ml"

    rows = [(words("technique.anaesthetic"), ml(dose.anaesthetic_ml))]
    if len(dose.anaesthetic_choices_ml) > 1:
        told = " / ".join(ml(one) for one in dose.anaesthetic_choices_ml)
        rows.append((words("technique.choices"), told))
    rows.append((words("technique.band"), ml(dose.band_ml)))
    quantities = {
        "max_permitted_ml": (dose.max_permitted_ml, "ml"),
        "lidocaine_mg": (dose.lidocaine_mg, "mg"),
        "ropivacaine_mg": (dose.ropivacaine_mg, "mg"),
    }
    rows += [
        (words(f"technique.{key}"), f"{number(value)} {unit}")
        for key, (value, unit) in quantities.items()
        if value is not None
    ]
    if dose.fraction_of_maximum is not None:
        share = f"{number(100 * dose.fraction_of_maximum, 0)} %"
        rows.append((words("technique.fraction_of_maximum"), share))
    steroid = dose.corticosteroid
    told = words("technique.undetermined") if steroid is None else words(f"steroids.{steroid}")
    most = dose.corticosteroid_max
    if most.value is not None:
        told += f" ({words('technique.most').lower()} {number(most.value)} {most.unit})"
    rows.append((words("technique.corticosteroid"), told))
    rows.append((words("technique.contrast_ml"), f"{number(dose.contrast_ml)} ml"))
    rows.append((words("technique.needle"), f"{dose.needle_gauge} G"))
    return [*rows, *_supply_rows(dose, words)]


def _supply_rows(dose: Infiltration, words: Words) -> list[tuple[str, str]]:
    rows = []
    if dose.split:
        parts = [f"{one.needles} × {words.number(one.anaesthetic_ml, 2)} ml" for one in dose.split]
        rows.append((words("technique.split"), "  ·  ".join(parts)))
    lines = []
    for one in dose.supplies:
        opened = " + ".join(f"{part.count} × {part.size_ml:g} ml" for part in one.opened)
        name = words.maybe(f"products.{one.product}", one.product)
        strength = f" {one.strength:g} {one.unit}" if one.strength else ""
        most = f" ({words('technique.most').lower()})" if one.is_ceiling else ""
        told = f"{opened or words('technique.no_ampoule')}{most}"
        lines.append(labelled(f"{name}{strength}", told, words.language))
    if lines:
        rows.append((words("technique.supplies"), "\n".join(lines)))
    return rows


def score_rows(advice: Recommendation, words: Words) -> list[tuple[str, str]]:
    """Return the scores with what they say and how good they are.

    Parameters
    ----------
    advice : Recommendation
        Of the case.
    words : Words
        Of the screen.

    Returns
    -------
    list of (str, str)
        Names and values; none for a score that does not apply.
    """
    card = advice.scores
    rows = [
        *_score("SINS", card.sins, card.sins_said, card.sins_open, words),
        *_score("Mirels", card.mirels, card.mirels_said, card.mirels_open, words),
    ]
    if card.escc is not None:
        rows.append(("ESCC", f"{card.escc.grade} – {card.escc.says}\n{card.escc.reliability}"))
    return rows


def _score(
    name: str, score: Score | None, said: Saying | None, left: OpenScore | None, words: Words
) -> list[tuple[str, str]]:
    if score is not None and said is not None:
        return [(name, f"{score.total} – {said.says}\n{said.reliability}")]
    if left is None:
        return []
    names = ", ".join(words.maybe(f"answers.{key}", key) for key in left.missing)
    return [(name, f"{left.low}–{left.high}; {words('technique.lacks')} {names}")]
