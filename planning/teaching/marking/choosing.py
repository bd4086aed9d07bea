"""How technique, adjuncts and doses are compared with the rules and with the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from planning.ablation.devices import Device, devices
from planning.measured_answers import completed_answers
from planning.teaching.answer import Answer, chosen_row
from planning.teaching.exercise import Adjunct, Exercise
from planning.teaching.marking.findings import Finding, percent_off
from planning.teaching.marking.table import CRITICAL, marking_table
from planning.teaching.marking.terms import Fault, MissedRule
from planning.technique.answers import Technique
from planning.technique.engine import Recommendation, recommend
from planning.technique.recommendation import Infiltration

# Steps from the reference, for another technique of this status.
STEPS = {"recommended": 1.0, "possible": 2.0, "insufficient": 3.0, "contraindicated": CRITICAL}
NEAR_CANAL = "near_canal"  # warning of B21: the bands do not decide there
ANAESTHETIC_RULES = ("A2", "A3", "A4", "A5", "A6", "B1", "B21")
MONOPOLAR = ("monopolar", "multi_tined")  # the current leaves through a plate on the skin
IMPLANT_RULES = ("B8",)
CORTICOSTEROID_RULES = ("A8", "B2", "B3", "B4")


@dataclass(frozen=True)
class Choice:
    """What is found of a choice of technique and doses.

    Parameters
    ----------
    findings : tuple of Finding
        Of the terms.
    missed : tuple of MissedRule
        Rules to be read again.
    """

    findings: tuple[Finding, ...]
    missed: tuple[MissedRule, ...]


def judged_by_rules(exercise: Exercise, reference: Answer) -> Recommendation:
    """Return what the rules say of an exercise's patient.

    Parameters
    ----------
    exercise : Exercise
        With what is known of the patient.
    reference : Answer
        Whose measures fill in what the CT tells.

    Returns
    -------
    Recommendation
        Without simulations, unless the exercise states any.
    """
    bare = reference.case.with_plan(simulation=())
    return recommend(completed_answers(bare, exercise.given.answers))


def technique_of(answer: Answer) -> Technique | None:
    """Return the technique of an answer: that of its device where it ablates, else the one stated.

    What a device does is done, whatever it is called.

    Parameters
    ----------
    answer : Answer
        Any.

    Returns
    -------
    str or None
        One of the eleven.
    """
    stated = answer.statement.technique
    used = _devices_of(answer)
    ablating = {None, *(one.technique for one in devices().values())}
    return stated if not used or stated not in ablating else cast("Technique", used[0].technique)


def _devices_of(answer: Answer) -> list[Device]:
    """Return the device that is stated, else those that were simulated."""
    stated, row = answer.statement.device, chosen_row(answer)
    names = [stated] if stated is not None else [] if row is None else [row.device]
    names += [] if row is None else [one.device for one in row.probes]
    known = devices()
    return [known[name] for name in names if name in known]


def choosing(
    exercise: Exercise, answer: Answer, reference: Answer, advised: Recommendation
) -> Choice:
    """Compare technique, adjuncts and doses.

    Parameters
    ----------
    exercise : Exercise
        With what is known of the patient.
    answer, reference : Answer
        To be compared; only what the reference states is looked at.
    advised : Recommendation
        Of the exercise's patient.

    Returns
    -------
    Choice
        Findings and rules missed.
    """
    findings: list[Finding] = []
    missed: list[MissedRule] = []
    right, chosen = technique_of(reference), technique_of(answer)
    if right is not None:
        is_against = _is_against_implant(answer, exercise)
        findings.append(_technique(chosen, right, advised, is_against_implant=is_against))
        findings.append(_adjuncts(answer, reference, chosen))
        missed += _missed(chosen, right, advised)
    dose, steroid = reference.statement.anaesthetic_ml, reference.statement.corticosteroid
    wanted_ml = reference.statement.volume_ml
    if wanted_ml is not None:
        stated_ml = answer.statement.volume_ml
        error = percent_off(stated_ml, wanted_ml)
        findings.append(Finding("formula_volume", error, stated_ml, wanted_ml))
    if dose is not None:
        findings.append(_anaesthetic(answer.statement.anaesthetic_ml, dose, advised))
    if steroid is not None:
        findings.append(_corticosteroid(answer.statement.corticosteroid, steroid, advised))
    return Choice(tuple(findings), tuple(dict.fromkeys(missed)))


def _is_against_implant(answer: Answer, exercise: Exercise) -> bool:
    """Tell whether a device sends its current through a patient who wears a pacemaker (B8)."""
    return exercise.given.answers.implanted_cardiac_device is True and any(
        device.geometry in MONOPOLAR for device in _devices_of(answer)
    )


def _technique(
    chosen: Technique | None,
    right: Technique,
    advised: Recommendation,
    *,
    is_against_implant: bool,
) -> Finding:
    if chosen is None:
        return Finding("technique", None, None, right)
    row = advised.advice(chosen)
    status: dict[str, float | str] = {"status": row.status, "rank": float(row.rank)}
    if is_against_implant:
        fault = Fault(
            code="contraindicated_device", where=chosen, term="technique", rules=IMPLANT_RULES
        )
        return Finding("technique", CRITICAL, chosen, right, status, row.against, (fault,))
    if chosen == right:
        return Finding("technique", 0.0, chosen, right, status, row.for_, told="technique_right")
    faults: tuple[Fault, ...] = ()
    if row.status == "contraindicated":
        fault = Fault(
            code="contraindicated_technique", where=chosen, term="technique", rules=row.against
        )
        faults = (fault,)
    rules = tuple(dict.fromkeys((*row.against, *advised.advice(right).for_)))
    return Finding("technique", STEPS[row.status], chosen, right, status, rules, faults)


def _adjuncts(answer: Answer, reference: Answer, chosen: Technique | None) -> Finding:
    right, said = set(reference.statement.adjuncts), set(answer.statement.adjuncts)
    rules = [rule for one in sorted(right - said) for rule in marking_table().adjuncts.get(one, ())]
    value, wanted = _joined(said), _joined(right)
    if chosen is None and not said:
        return Finding("adjuncts", None, None, wanted)
    figures: dict[str, float | str] = {
        "lacking": _joined(right - said),
        "superfluous": _joined(said - right),
    }
    return Finding("adjuncts", float(len(right ^ said)), value, wanted, figures, tuple(rules))


def _joined(some: set[Adjunct]) -> str:
    return ", ".join(sorted(some))


def _missed(
    chosen: Technique | None, right: Technique, advised: Recommendation
) -> list[MissedRule]:
    if chosen == right:
        return []
    rows = [
        MissedRule(rule=rule, technique=right, speaks="for") for rule in advised.advice(right).for_
    ]
    if chosen is not None:
        rows += [
            MissedRule(rule=rule, technique=chosen, speaks="against")
            for rule in advised.advice(chosen).against
        ]
    return rows


def most_anaesthetic_ml(infiltration: Infiltration) -> float:
    """Return the largest volume of mixture that may be injected.

    Parameters
    ----------
    infiltration : Infiltration
        Of the exercise's patient.

    Returns
    -------
    float
        Below the ceilings of weight and mixture where they are known, else that of the table.
    """
    ceiling = infiltration.max_permitted_ml
    most = marking_table().most_anaesthetic_ml
    return most if ceiling is None else min(ceiling, most)


def _anaesthetic(said_ml: float | None, right_ml: float, advised: Recommendation) -> Finding:
    infiltration = advised.infiltration
    rules = tuple(rule for rule in infiltration.rules if rule in ANAESTHETIC_RULES)
    if said_ml is None:
        return Finding("anaesthetic", None, None, right_ml, rules=rules)
    is_near_canal = any(one.code == NEAR_CANAL for one in advised.warnings)
    allowed = {right_ml} if is_near_canal else {right_ml, *infiltration.anaesthetic_choices_ml}
    error = min(abs(said_ml - one) for one in allowed)
    most_ml = max(most_anaesthetic_ml(infiltration), right_ml)
    told = " / ".join(f"{one:g}" for one in sorted(allowed))
    figures: dict[str, float | str] = {"most_ml": most_ml, "allowed": told}
    if said_ml <= most_ml:
        return Finding("anaesthetic", error, said_ml, right_ml, figures, rules)
    fault = Fault(
        code="dose_above_maximum",
        where="anaesthetic",
        term="anaesthetic",
        value=said_ml,
        limit=most_ml,
        unit="mL",
        rules=("B1", *rules),
    )
    above = CRITICAL + said_ml - most_ml
    return Finding("anaesthetic", above, said_ml, right_ml, figures, rules, (fault,))


def _corticosteroid(said: str | None, right: str, advised: Recommendation) -> Finding:
    infiltration = advised.infiltration
    rules = tuple(rule for rule in infiltration.rules if rule in CORTICOSTEROID_RULES)
    if said is None:
        return Finding("corticosteroid", None, None, right, rules=rules)
    if said in {right, infiltration.corticosteroid}:
        return Finding("corticosteroid", 0.0, said, right, told="corticosteroid_right")
    refused = infiltration.corticosteroid
    particulate = said in marking_table().particulate
    if (refused == "none" and said != "none") or (refused == "dexamethasone" and particulate):
        fault = Fault(
            code="forbidden_corticosteroid", where=said, term="corticosteroid", rules=rules
        )
        return Finding("corticosteroid", CRITICAL, said, right, rules=rules, faults=(fault,))
    return Finding("corticosteroid", 1.0, said, right, rules=rules)
