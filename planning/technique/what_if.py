"""What a changed answer changes, and which rule did it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from imaging.document import Document
from planning.technique.answers import Answers, Technique, answers_from
from planning.technique.engine import told
from planning.technique.explanation import explained, facts_of
from planning.technique.judging import AGAINST, FOR, GATES, Finding, Judged, judge
from planning.technique.recommendation import Recommendation, Status, Verdict
from planning.technique.rules import Effect
from planning.technique.tables import Tables
from planning.technique.tables import tables as shipped_tables
from planning.technique.wording import Language

DOSE_KEYS = (
    "verdict",
    "volume_ml",
    "band_ml",
    "anaesthetic_ml",
    "anaesthetic_choices_ml",
    "max_permitted_ml",
    "lidocaine_mg",
    "ropivacaine_mg",
    "fraction_of_maximum",
    "corticosteroid",
)


# Words that an answer takes; some look like numbers (the grades of epidural compression).
WORDS: dict[str, set[str]] = {
    key: {word for part in get_args(field.annotation) for word in get_args(part)}
    for key, field in Answers.model_fields.items()
}


class ChangedAnswer(Document):
    """An answer before and after.

    Attributes
    ----------
    key : str
        Of the answers.
    before, after : object
        As JSON holds them; None is unknown.
    """

    key: str
    before: Any
    after: Any


class Cause(Document):
    """A decision that began or ceased to hold.

    Attributes
    ----------
    rule : str
        Id.
    text : str
        What it says.
    holds : bool or None
        After the change; None while it waits for answers.
    because : tuple of str
        The values that make it hold.
    """

    rule: str
    text: str
    holds: bool | None
    because: tuple[str, ...]


class ChangedTechnique(Document):
    """A technique that stands differently.

    Attributes
    ----------
    technique : str
        Judged.
    status_before, status_after : str
        By the contract.
    rank_before, rank_after : int
        1 to 11.
    causes : tuple of Cause
        The decisions that did it; empty where only others moved past it.
    """

    technique: Technique
    status_before: Status
    status_after: Status
    rank_before: int
    rank_after: int
    causes: tuple[Cause, ...]


class ChangedDose(Document):
    """A figure of the infiltration before and after.

    Attributes
    ----------
    key : str
        Of the infiltration.
    before, after : object
        None is undetermined.
    """

    key: str
    before: Any
    after: Any


class WhatIf(Document):
    """What changes.

    Attributes
    ----------
    answers : tuple of ChangedAnswer
        What was changed.
    verdict_before, verdict_after : str
        Of the case.
    techniques : tuple of ChangedTechnique
        Those whose status or rank changes, in their new order.
    dose : tuple of ChangedDose
        Figures that change.
    dose_rules : tuple of str
        Ids that decide the dose only before or only after.
    warnings_new, warnings_gone : tuple of str
        Codes.
    """

    answers: tuple[ChangedAnswer, ...]
    verdict_before: Verdict
    verdict_after: Verdict
    techniques: tuple[ChangedTechnique, ...]
    dose: tuple[ChangedDose, ...]
    dose_rules: tuple[str, ...]
    warnings_new: tuple[str, ...]
    warnings_gone: tuple[str, ...]


def with_changes(answers: Answers, changes: Mapping[str, str]) -> Answers:
    """Return the answers with some of them changed.

    Parameters
    ----------
    answers : Answers
        As they are.
    changes : mapping of str to str
        Values as JSON or as plain words, by key, dotted for nested keys; ``null`` is unknown.

    Returns
    -------
    Answers
        Checked.

    Raises
    ------
    PlanningError
        With every problem.
    """
    data: dict[str, Any] = answers.model_dump(mode="json", exclude_none=True)
    for key, text in changes.items():
        outer, _, inner = key.partition(".")
        value = text if text in WORDS.get(key, ()) else _read(text)
        if inner:
            data[outer] = {**(data.get(outer) or {}), inner: value}
        else:
            data[outer] = value
    return answers_from(data)


def _read(text: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(text)
    except ValueError:
        return text


def what_if(
    before: Answers, after: Answers, language: Language = "en", tables: Tables | None = None
) -> WhatIf:
    """Compare what the rules make of two sets of answers.

    Parameters
    ----------
    before, after : Answers
        Of one case.
    language : str
        ``en`` or ``fr``.
    tables : Tables, optional
        Other tables than those of `resources/`.

    Returns
    -------
    WhatIf
        Empty lists where nothing changes.
    """
    used = tables or shipped_tables()
    judged_before, judged_after = judge(before, used), judge(after, used)
    one = told(before, judged_before, language, used)
    other = told(after, judged_after, language, used)
    moved = [
        _changed(row.technique, one, other, judged_before, judged_after, used, language)
        for row in other.techniques
    ]
    codes_before = [row.code for row in one.warnings]
    codes_after = [row.code for row in other.warnings]
    rules_before, rules_after = set(one.infiltration.rules), set(other.infiltration.rules)
    return WhatIf(
        answers=_changed_answers(before, after),
        verdict_before=one.verdict,
        verdict_after=other.verdict,
        techniques=tuple(row for row in moved if row is not None),
        dose=_changed_dose(one, other),
        dose_rules=tuple(r.id for r in used.rules if r.id in rules_before ^ rules_after),
        warnings_new=_without(codes_after, codes_before),
        warnings_gone=_without(codes_before, codes_after),
    )


def _without(codes: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    known = set(others)
    return tuple(dict.fromkeys(code for code in codes if code not in known))


def _changed_answers(before: Answers, after: Answers) -> tuple[ChangedAnswer, ...]:
    one, other = before.model_dump(mode="json"), after.model_dump(mode="json")
    return tuple(
        ChangedAnswer(key=key, before=one[key], after=other[key])
        for key in one
        if one[key] != other[key]
    )


def _changed_dose(one: Recommendation, other: Recommendation) -> tuple[ChangedDose, ...]:
    first, second = one.infiltration, other.infiltration
    return tuple(
        ChangedDose(key=key, before=getattr(first, key), after=getattr(second, key))
        for key in DOSE_KEYS
        if getattr(first, key) != getattr(second, key)
    )


def _deciding(before: Status, after: Status) -> tuple[Effect, ...]:
    """Return the kinds of decisions that can lead from one status to another."""
    if before == after:
        return (*AGAINST, *FOR)
    if {before, after} & {"contraindicated", "insufficient"}:
        return GATES
    return (Effect.CAUTIONS, Effect.INDICATES)


def _changed(
    technique: Technique,
    one: Recommendation,
    other: Recommendation,
    judged_before: Judged,
    judged_after: Judged,
    tables: Tables,
    language: Language,
) -> ChangedTechnique | None:
    """Compare a technique; None where neither status nor rank changes."""
    first, second = one.advice(technique), other.advice(technique)
    if (first.status, first.rank) == (second.status, second.rank):
        return None
    pairs = zip(
        judged_before.found[technique].rows, judged_after.found[technique].rows, strict=True
    )
    turned = [now for was, now in pairs if was.verdict.truth is not now.verdict.truth]
    wanted = _deciding(first.status, second.status)
    facts = facts_of(judged_after, technique)

    def cause(finding: Finding) -> Cause:
        row = explained(finding, technique, facts, tables, language)
        return Cause(rule=row.rule, text=row.text, holds=row.holds, because=row.because)

    causes = [cause(finding) for finding in turned if finding.decision.effect in wanted]
    return ChangedTechnique(
        technique=technique,
        status_before=first.status,
        status_after=second.status,
        rank_before=first.rank,
        rank_after=second.rank,
        causes=tuple(causes),
    )
