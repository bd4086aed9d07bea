"""What the last answer changed, in words."""

from __future__ import annotations

from html import escape

from app.workstation.style.palette import theme
from app.workstation.words import Words
from planning.technique.what_if import ChangedTechnique, WhatIf
from planning.words import labelled

MOST_LINES = 7


def changes_text(found: WhatIf, words: Words) -> str:
    """Return what an answer changed, as rich text.

    Parameters
    ----------
    found : WhatIf
        Compared.
    words : Words
        Of the screen.

    Returns
    -------
    str
        Empty where nothing changed.
    """
    lines = []
    if found.verdict_before != found.verdict_after:
        before, after = (
            words(f"verdicts.{found.verdict_before}"),
            words(f"verdicts.{found.verdict_after}"),
        )
        lines.append(escape(f"{before} → {after}"))
    turned = [one for one in found.techniques if one.status_before != one.status_after]
    lines += [_technique_text(one, words) for one in turned]
    told = {one.key for one in found.dose}
    dose = [one for one in found.dose if one.key in ("anaesthetic_ml", "corticosteroid")]
    for one in dose:
        before, after = (_dose_said(value, words) for value in (one.before, one.after))
        rules = ", ".join(found.dose_rules)
        name = words(f"technique.{'anaesthetic' if one.key == 'anaesthetic_ml' else one.key}")
        lines.append(escape(labelled(name, f"{before} → {after}", words.language)) + _ids(rules))
    if not lines and found.techniques:
        lines.append(escape(words("technique.order_changed")))
    if not lines and told:
        lines.append(escape(words("technique.figures_changed")))
    if not lines:
        return ""
    more = len(lines) - MOST_LINES
    if more > 0:
        lines = [*lines[:MOST_LINES], escape(words("technique.more_changes", count=more))]
    names = ", ".join(words.maybe(f"answers.{one.key}", one.key) for one in found.answers)
    head = f"<b>{escape(words('technique.changed', names=names))}</b>"
    return "<br>".join([head, *lines])


def _technique_text(one: ChangedTechnique, words: Words) -> str:
    name = words(f"techniques.{one.technique}")
    before, after = words(f"statuses.{one.status_before}"), words(f"statuses.{one.status_after}")
    rules = ", ".join(dict.fromkeys(cause.rule for cause in one.causes))
    return escape(labelled(name, f"{before} → {after}", words.language)) + _ids(rules)


def _ids(rules: str) -> str:
    return f" <span style='color:{theme().quiet}'>({escape(rules)})</span>" if rules else ""


def _dose_said(value: object, words: Words) -> str:
    if value is None:
        return words("technique.undetermined")
    if isinstance(value, float):
        return f"{words.number(value)} ml"
    return words.maybe(f"steroids.{value}", str(value))
