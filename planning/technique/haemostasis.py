"""Whether the antithrombotics were held long enough for a high-risk procedure (B6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from planning.technique.answers import Answers, Antithrombotic
from planning.technique.logic import Fact
from planning.technique.tables import DrugRow, Haemostasis, HoldingClass

Held = Literal["yes", "in_range", "no"]


@dataclass(frozen=True)
class Holding:
    """What is known of the antithrombotics.

    Parameters
    ----------
    held : Fact
        ``yes``, ``in_range``, ``no``, or unknown.
    unlisted : Fact
        True when a drug or a renal class is not in the table.
    anticoagulated : Fact
        True when an anticoagulant still acts.
    """

    held: Fact
    unlisted: Fact
    anticoagulated: Fact


def holding(answers: Answers, table: Haemostasis) -> Holding:
    """Judge the antithrombotics.

    Parameters
    ----------
    answers : Answers
        Drugs, hours since the last dose, creatinine clearance.
    table : Haemostasis
        Holding times.

    Returns
    -------
    Holding
        The worst drug decides.
    """
    if answers.antithrombotics is None:
        unknown = Fact(None, ("antithrombotics",))
        return Holding(unknown, unknown, unknown)
    rows = {row.id: row for row in table.drugs}
    clearance = answers.creatinine_clearance_ml_min
    judged = [
        (rows.get(d.drug), _held(d, rows.get(d.drug), clearance)) for d in answers.antithrombotics
    ]
    unlisted = any(fact.value is None and not fact.needs for _, fact in judged)
    anticoagulants = [fact for row, fact in judged if row is None or row.kind == "anticoagulant"]
    return Holding(_worst([fact for _, fact in judged]), Fact(unlisted), _acts(anticoagulants))


@dataclass(frozen=True)
class Hold:
    """How long a drug is held before a high-risk procedure.

    Parameters
    ----------
    drug : str
        As answered.
    hours, hours_to : float or None
        Shortest time, and the end of the printed range; None where the table has no answer.
    left_hours : float or None
        Still to go; None when it is unknown when the last dose was taken.
    """

    drug: str
    hours: float | None
    hours_to: float | None
    left_hours: float | None


def holds(answers: Answers, table: Haemostasis) -> tuple[Hold, ...]:
    """Return how long each drug is held.

    Parameters
    ----------
    answers : Answers
        Drugs, hours since the last dose, creatinine clearance.
    table : Haemostasis
        Holding times.

    Returns
    -------
    tuple of Hold
        In the order of the answers; empty when the drugs are unknown.
    """
    rows = {row.id: row for row in table.drugs}
    clearance = answers.creatinine_clearance_ml_min
    found = []
    for given in answers.antithrombotics or ():
        row = rows.get(given.drug)
        part = None if row is None else _class_of(row, clearance)
        if part is None:
            found.append(Hold(given.drug, None, None, None))
            continue
        since = given.hours_since
        left = None if since is None else max(0.0, part.hours - since)
        found.append(Hold(given.drug, part.hours, part.hours_to, left))
    return tuple(found)


def _class_of(row: DrugRow, clearance: float | None) -> HoldingClass | None:
    """Return the renal class of a drug; None where none holds, or the clearance is unknown."""
    return next(
        (
            part
            for part in row.classes
            if part.any_clearance or (clearance is not None and part.holds(clearance))
        ),
        None,
    )


def _held(given: Antithrombotic, row: DrugRow | None, clearance: float | None) -> Fact:
    """Judge one drug; unknown without needs means that the table has no answer."""
    if row is None:
        return Fact(None)
    classes = [c for c in row.classes if c.any_clearance]
    if not classes:
        if clearance is None:
            needs = ["creatinine_clearance_ml_min"]
            if given.hours_since is None:
                needs.append("antithrombotics.hours_since")
            return Fact(None, tuple(needs))
        classes = [c for c in row.classes if c.holds(clearance)]
    if not classes:
        return Fact(None)
    if given.hours_since is None and classes[0].hours > 0:
        return Fact(None, ("antithrombotics.hours_since",))
    return Fact(_compared(given.hours_since or 0.0, classes[0]))


def _compared(hours: float, held: HoldingClass) -> Held:
    if hours < held.hours:
        return "no"
    return "in_range" if held.hours_to is not None and hours < held.hours_to else "yes"


def _worst(facts: list[Fact]) -> Fact:
    values = [fact.value for fact in facts]
    if "no" in values:
        return Fact("no")
    if None in values:
        return Fact(None, tuple(dict.fromkeys(key for fact in facts for key in fact.needs)))
    return Fact("in_range" if "in_range" in values else "yes")


def _acts(facts: list[Fact]) -> Fact:
    worst = _worst(facts)
    return worst if worst.value is None else Fact(worst.value != "yes")
