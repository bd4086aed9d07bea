"""The tables of doses, limits, haemostasis and scores, checked as they are read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal

from pydantic import model_validator

from imaging.document import Document
from imaging.tables import load_table
from planning.technique.answers import Technique
from planning.technique.dose_tables import Doses
from planning.technique.rules import Decision, Rule
from planning.technique.score_tables import Scores
from planning.technique.wording import Message

DIGEST_CHARACTERS = 12
NAMES = ("rules", "technique_limits", "haemostasis", "scores", "doses")


class Limit(Document):
    """A figure that conditions name.

    Attributes
    ----------
    id, unit, source : str
        Name in conditions; unit; where it comes from.
    value : float
        In that unit.
    bounds : tuple of float
        Least and greatest value that makes sense.
    """

    id: str
    value: float
    unit: str
    bounds: tuple[float, float]
    source: str

    @model_validator(mode="after")
    def _inside(self) -> Limit:
        if not self.bounds[0] <= self.value <= self.bounds[1]:
            message = f"{self.id} lies outside its bounds"
            raise ValueError(message)
        return self


class HoldingClass(Document):
    """Hours without a drug, for a range of creatinine clearance.

    Attributes
    ----------
    above_ml_min, at_least_ml_min, at_most_ml_min : float or None
        Ends of the range, mL/min; None leaves it open.
    hours, hours_to : float
        Shortest holding time; end of the printed range where there is one.
    """

    above_ml_min: float | None = None
    at_least_ml_min: float | None = None
    at_most_ml_min: float | None = None
    hours: float
    hours_to: float | None = None

    def holds(self, clearance_ml_min: float) -> bool:
        """Tell whether a clearance belongs to the class.

        Parameters
        ----------
        clearance_ml_min : float
            Creatinine clearance, mL/min.

        Returns
        -------
        bool
            True inside.
        """
        return (
            (self.above_ml_min is None or clearance_ml_min > self.above_ml_min)
            and (self.at_least_ml_min is None or clearance_ml_min >= self.at_least_ml_min)
            and (self.at_most_ml_min is None or clearance_ml_min <= self.at_most_ml_min)
        )

    @property
    def any_clearance(self) -> bool:
        """True when the kidney does not matter."""
        return self.above_ml_min is self.at_least_ml_min is self.at_most_ml_min is None


class DrugRow(Document):
    """A drug and the hours it is held before a high-risk procedure.

    Attributes
    ----------
    id, source : str
        As answers name it; where the hours come from.
    kind : str
        ``anticoagulant`` or ``antiplatelet``.
    classes : tuple of HoldingClass
        By creatinine clearance.
    """

    id: str
    kind: Literal["anticoagulant", "antiplatelet"]
    source: str
    classes: tuple[HoldingClass, ...]


class Haemostasis(Document):
    """Limits of the laboratory and holding times.

    Attributes
    ----------
    limits : tuple of Limit
        INR and platelets.
    drugs : tuple of DrugRow
        A drug that is absent never passes.
    """

    limits: tuple[Limit, ...]
    drugs: tuple[DrugRow, ...]


class Bones(Document):
    """What a bone tells when nobody said more.

    Attributes
    ----------
    spine, near_spine_candidates : tuple of str
        In the spine; near it by distance.
    weight_bearing, not_weight_bearing : tuple of str
        By anatomy; the others are unknown.
    """

    spine: tuple[str, ...]
    near_spine_candidates: tuple[str, ...]
    weight_bearing: tuple[str, ...]
    not_weight_bearing: tuple[str, ...]


class TechniqueLimits(Document):
    """Limits, groups and order of the techniques.

    Attributes
    ----------
    limits : tuple of Limit
        Named by conditions.
    groups : dict of str to tuple of str
        Techniques that decisions name together.
    order : tuple of str
        Of techniques that nothing else tells apart.
    bones : Bones
        Anatomy.
    messages : tuple of Message
        What is said of a case.
    """

    limits: tuple[Limit, ...]
    groups: dict[str, tuple[Technique, ...]]
    order: tuple[Technique, ...]
    bones: Bones
    messages: tuple[Message, ...]


@dataclass(frozen=True)
class Tables:
    """All that the engine decides by.

    Parameters
    ----------
    rules : tuple of Rule
        One for each id, in order.
    techniques : TechniqueLimits
        Limits, groups, order.
    haemostasis : Haemostasis
        Limits and holding times.
    scores : Scores
        Points.
    doses : Doses
        Volumes and ceilings.
    version : str
        Edition of the tables and a digest of all that they hold.
    """

    rules: tuple[Rule, ...]
    techniques: TechniqueLimits
    haemostasis: Haemostasis
    scores: Scores
    doses: Doses
    version: str

    @cached_property
    def limits(self) -> dict[str, float]:
        """Every limit that conditions may name."""
        rows = (*self.techniques.limits, *self.haemostasis.limits)
        return {row.id: row.value for row in rows}

    @cached_property
    def rule_by_id(self) -> dict[str, Rule]:
        """Rules by their ids."""
        return {rule.id: rule for rule in self.rules}

    @cached_property
    def message_by_code(self) -> dict[str, Message]:
        """Messages with places for figures, by their codes."""
        return {row.code: row for row in (*self.doses.messages, *self.techniques.messages)}

    @cached_property
    def decisions_of_techniques(self) -> tuple[tuple[Rule, Decision, tuple[Technique, ...]], ...]:
        """Decisions that concern techniques, in the order of the rules, with those techniques."""
        return tuple(
            (rule, decision, self.techniques_of(decision.techniques))
            for rule in self.rules
            for decision in rule.decides
            if decision.techniques is not None
        )

    @cached_property
    def decisions_of_the_case(self) -> tuple[tuple[Rule, Decision], ...]:
        """Decisions that concern no technique, in the order of the rules."""
        return tuple(
            (rule, decision)
            for rule in self.rules
            for decision in rule.decides
            if decision.techniques is None
        )

    def techniques_of(self, group: str | tuple[Technique, ...] | None) -> tuple[Technique, ...]:
        """Return the techniques that a decision names.

        Parameters
        ----------
        group : str, tuple of str or None
            Name of a group, or the techniques themselves.

        Returns
        -------
        tuple of str
            Empty for None.
        """
        if isinstance(group, str):
            return self.techniques.groups[group]
        return group or ()


def build_tables(raw: Mapping[str, Any]) -> Tables:
    """Check the tables and join them.

    Parameters
    ----------
    raw : mapping
        As YAML holds them, under the names of their files.

    Returns
    -------
    Tables
        Checked.

    Raises
    ------
    pydantic.ValidationError
        When a table is not what it should be.
    """
    return Tables(
        rules=tuple(Rule.model_validate(row) for row in raw["rules"]["rules"]),
        techniques=TechniqueLimits.model_validate(raw["technique_limits"]),
        haemostasis=Haemostasis.model_validate(raw["haemostasis"]),
        scores=Scores.model_validate(raw["scores"]),
        doses=Doses.model_validate(raw["doses"]),
        version=f"{raw['rules']['edition']} {_digest(raw)}",
    )


def _digest(raw: Mapping[str, Any]) -> str:
    """Return what tells one content of the tables from another, whatever its layout."""
    content = json.dumps(raw, sort_keys=True, default=str, ensure_ascii=True)
    return hashlib.sha256(content.encode("ascii")).hexdigest()[:DIGEST_CHARACTERS]


@cache
def tables() -> Tables:
    """Return the tables of `resources/`.

    Returns
    -------
    Tables
        Read once.
    """
    return build_tables({name: load_table(name) for name in NAMES})
