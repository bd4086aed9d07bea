"""The report's section of risks: scores, haemostasis, allergies."""

from __future__ import annotations

from typing import Any

from app.report.sections.writer import UNKNOWN, Row, Section, Writer
from planning.words import answer_name, option_name


def risk_section(w: Writer) -> Section:
    """Return scores with their items and how good they are, haemostasis and allergies.

    Parameters
    ----------
    w : Writer
        Of the case.

    Returns
    -------
    Section
        What is unknown is said to be.
    """
    card = w.advice.get("scores") or {}
    rows: list[Row] = []
    notes: list[str] = []
    for name, key in (("SINS", "sins"), ("Mirels", "mirels")):
        rows.append((name, _score(w, card, key)))
        said = card.get(f"{key}_said")
        if said:
            notes.append(w.told(name, said["reliability"]))
    grade = card.get("escc")
    rows.append(("ESCC", f"{grade['grade']} – {grade['says']}" if grade else UNKNOWN[w.language]))
    if grade:
        notes.append(w.told("ESCC", grade["reliability"]))
    rows += [
        ("INR", w.said("inr")),
        (w.label("platelets"), w.said("platelets_g_l", "G/L")),
        (w.label("antithrombotics"), _antithrombotics(w)),
        (w.label("allergies"), _allergies(w)),
    ]
    if w.unconfirmed:
        names = ", ".join(answer_name(key, w.language) for key in w.unconfirmed)
        notes.append(w.told(w.label("from_ct"), names))
    return Section("risk", tuple(rows), tuple(notes))


def _score(w: Writer, card: dict[str, Any], key: str) -> str:
    """Return total, class, what it says and the points of each item; bounds while items lack."""
    score, said, left = card.get(key), card.get(f"{key}_said"), card.get(f"{key}_open")
    if score and said:
        items = ", ".join(
            f"{w.words['score_items'].get(item, item)} {points}"
            for item, points in score["items"].items()
        )
        return f"{score['total']} – {said['says']} ({items})"
    if left:
        missing = ", ".join(answer_name(one, w.language) for one in left["missing"])
        return f"{left['low']}–{left['high']}; {w.told(w.label('missing'), missing)}"
    return w.label("not_applicable") if card else UNKNOWN[w.language]


def _antithrombotics(w: Writer) -> str:
    drugs = w.answers.get("antithrombotics")
    if drugs is None:
        return UNKNOWN[w.language]
    told = [
        f"{option_name(one['drug'], w.language)} ({w.number(one.get('hours_since'), 0)} h)"
        for one in drugs
    ]
    return ", ".join(told) or w.label("none")


def _allergies(w: Writer) -> str:
    known = (("contrast_reaction", "contrast"), ("anaesthetic_allergy", "anaesthetic"))
    return "; ".join(w.told(w.label(label), w.said(key)) for key, label in known)
