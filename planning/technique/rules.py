"""The rows of `resources/rules.yaml`: what each rule says, where it comes from, what it decides."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any, Literal

from pydantic import model_validator

from planning.technique.answers import Technique
from planning.technique.wording import Wording


class Effect(StrEnum):
    """What a decision does when its condition holds."""

    FORBIDS = "forbids"
    SUSPENDS = "suspends"
    CAUTIONS = "cautions"
    SPEAKS_AGAINST = "speaks_against"
    INDICATES = "indicates"
    FAVOURS = "favours"
    ADJUNCT = "adjunct"
    NOTE = "note"
    WARNING = "warning"
    ELSEWHERE = "elsewhere"
    OUTCOME = "outcome"
    COMPLICATION = "complication"
    PREPARATION = "preparation"
    STEP = "step"
    AFTERCARE = "aftercare"
    DISAGREEMENT = "disagreement"


class Decision(Wording):
    """What a rule does.

    Attributes
    ----------
    techniques : str, tuple of str or None
        A group of the table or techniques; None for warnings.
    effect : Effect
        What happens.
    when, unless : object
        Conditions as data; None is always, never.
    priority : int
        Of an indication; the smallest first.
    by : str or None
        Technique that an adjunct is done by; it is not said when that one is contraindicated.
    code : str or None
        Of a warning.
    rules : tuple of str
        Ids of a warning beside the row's own.
    asks : tuple of str
        Answers a warning asks for.
    where : str or None
        Technique in which the answer lies elsewhere.
    defers : bool
        Whether a technique ranks behind the others of its status while this holds.
    order : int
        Of a step of the procedure; the smallest first.
    count, of : int or None
        Events among how many, where the source prints both.
    """

    techniques: str | tuple[Technique, ...] | None = None
    effect: Effect
    when: Any = None
    unless: Any = None
    priority: int = 100
    by: Technique | None = None
    code: str | None = None
    rules: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    where: str | None = None
    defers: bool = False
    order: int = 0
    count: int | None = None
    of: int | None = None

    @model_validator(mode="after")
    def _counted(self) -> Decision:
        if (self.count is None) != (self.of is None):
            message = "a count needs what it is of"
            raise ValueError(message)
        if self.count is not None and self.of is not None and not 0 <= self.count <= self.of:
            message = f"{self.count} of {self.of} is no share"
            raise ValueError(message)
        return self


class Rule(Wording):
    """A rule.

    Attributes
    ----------
    id : str
        ``A1`` to ``A62``, ``B1`` to ``B21``.
    kind : str
        ``used`` or ``information``.
    applied_by : str or None
        Module that applies it, beside its decisions.
    source, place : str
        Code of the source; where in it.
    strength : str
        Kind of evidence.
    checked : datetime.date
        When the row was last compared with its source.
    decides : tuple of Decision
        What it does.
    """

    id: str
    kind: Literal["used", "information"]
    applied_by: Literal["doses", "scores"] | None = None
    source: Literal["K", "H", "P", "M", "T", "E", "B", "calc"]
    place: str
    strength: Literal[
        "document", "guideline", "label", "publication", "computed", "setting", "general"
    ]
    checked: date
    decides: tuple[Decision, ...] = ()


def rules() -> tuple[Rule, ...]:
    """Return every rule.

    Returns
    -------
    tuple of Rule
        A1 to A62, then B1 to B21.
    """
    from planning.technique.tables import tables

    return tables().rules


def rule(rule_id: str) -> Rule:
    """Return a rule.

    Parameters
    ----------
    rule_id : str
        Such as ``A14``.

    Returns
    -------
    Rule
        Its row.

    Raises
    ------
    KeyError
        When there is none.
    """
    from planning.technique.tables import tables

    return tables().rule_by_id[rule_id]
