"""The rows of `resources/rules.yaml`: what each rule says, where it comes from, what it decides."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from imaging.document import Document
from planning.technique.answers import Technique

Language = Literal["en", "fr"]


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


class Decision(Document):
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
    fr, en : str
        What is said.
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
    fr: str
    en: str

    def text(self, language: Language) -> str:
        """Return what is said.

        Parameters
        ----------
        language : str
            ``en`` or ``fr``.

        Returns
        -------
        str
            One sentence or a few words.
        """
        return self.fr if language == "fr" else self.en


class Rule(Document):
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
    fr, en : str
        The rule in the project's words.
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
    fr: str
    en: str
    decides: tuple[Decision, ...] = ()

    @property
    def text_fr(self) -> str:
        """The rule in French."""
        return self.fr

    @property
    def text_en(self) -> str:
        """The rule in English."""
        return self.en

    def text(self, language: Language) -> str:
        """Return the rule in words.

        Parameters
        ----------
        language : str
            ``en`` or ``fr``.

        Returns
        -------
        str
            A sentence.
        """
        return self.fr if language == "fr" else self.en


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
