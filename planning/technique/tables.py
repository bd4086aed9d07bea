"""The tables of doses, limits, haemostasis and scores, checked as they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal

from pydantic import model_validator

from imaging.document import Document
from imaging.tables import load_table
from planning.technique.answers import Technique
from planning.technique.logic import Condition
from planning.technique.rules import Language, Rule

NAMES = ("rules", "technique_limits", "haemostasis", "scores", "doses")


class Message(Document):
    """What is said of a case, with places for figures."""

    code: str
    rules: tuple[str, ...]
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
            With places for figures.
        """
        return self.fr if language == "fr" else self.en


class Limit(Document):
    """A figure that conditions name: its value, unit, bounds and source."""

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
    """Hours without a drug, for a range of creatinine clearance (mL/min)."""

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
    """A drug and the hours it is held before a high-risk procedure."""

    id: str
    kind: Literal["anticoagulant", "antiplatelet"]
    source: str
    classes: tuple[HoldingClass, ...]


class Haemostasis(Document):
    """Limits of the laboratory and holding times."""

    limits: tuple[Limit, ...]
    drugs: tuple[DrugRow, ...]


class Band(Document):
    """A range of lesion volume and the volume of anaesthetic mixture it gets, mL."""

    rule: str
    from_ml: float
    from_included: bool
    to_ml: float | None
    to_included: bool
    anaesthetic_ml: float


class Ceiling(Document):
    """Greatest dose of a local anaesthetic."""

    id: str
    drug: Literal["lidocaine", "ropivacaine"]
    per_kg_mg: float
    most_mg: float | None
    source: str


class Steroid(Document):
    """A corticosteroid and its greatest dose."""

    id: str
    particulate: bool
    most: float
    unit: str
    rule: str
    basis: str


class Doses(Document):
    """Everything the infiltration needs."""

    bands: tuple[Band, ...]
    measurement_error_mm: float
    same_volume_ml: float
    needle_gauge: int
    contrast_ml: float
    skin_lidocaine_percent: float
    mg_ml_per_percent: float
    frail_factor: float
    ceilings: tuple[Ceiling, ...]
    largest_fraction: float
    same_fraction: float
    corticosteroids: tuple[Steroid, ...]
    spine_steroid: str
    peripheral_steroid: str
    substitute_steroid: str
    near_canal_when: Condition
    particulate_refused_when: Condition
    cortivazol_refused_when: Condition
    near_spine_when: Condition
    messages: tuple[Message, ...]

    def steroid(self, steroid_id: str) -> Steroid:
        """Return a corticosteroid's row.

        Parameters
        ----------
        steroid_id : str
            Of the table.

        Returns
        -------
        Steroid
            Its row.
        """
        return next(row for row in self.corticosteroids if row.id == steroid_id)


class Bones(Document):
    """What a bone tells when nobody said more."""

    spine: tuple[str, ...]
    near_spine_candidates: tuple[str, ...]
    weight_bearing: tuple[str, ...]
    not_weight_bearing: tuple[str, ...]


class TechniqueLimits(Document):
    """Limits, groups and order of the techniques."""

    limits: tuple[Limit, ...]
    groups: dict[str, tuple[Technique, ...]]
    order: tuple[Technique, ...]
    bones: Bones
    messages: tuple[Message, ...]


class ScoreClass(Document):
    """A range of a score's total and what it is called."""

    name: str
    from_: int
    to: int

    @model_validator(mode="before")
    @classmethod
    def _from(cls, data: Any) -> Any:  # noqa: ANN401 - YAML
        if isinstance(data, Mapping) and "from" in data:
            return {("from_" if key == "from" else key): value for key, value in data.items()}
        return data


class Location(Document):
    """Levels of the spine that get the same points."""

    name: str
    points: int
    levels: tuple[str, ...]


class Collapse(Document):
    """Points of the collapse of a vertebral body."""

    edge_percent: float
    above: int
    at_edge: int
    below: int
    body_edge_percent: float
    body_above: int
    none: int


class SinsTable(Document):
    """Points of the spinal instability neoplastic score."""

    source: str
    location: tuple[Location, ...]
    pain: dict[str, int]
    lesion: dict[str, int]
    alignment: dict[str, int]
    posterolateral: dict[str, int]
    collapse: Collapse
    classes: tuple[ScoreClass, ...]


class Size(Document):
    """Points of the share of a bone's diameter."""

    small_below: float
    large_above: float
    points: tuple[int, int, int]


class MirelsTable(Document):
    """Points of Mirels' score."""

    source: str
    site: dict[str, int]
    site_of_bone: dict[str, tuple[str, ...]]
    pain: dict[str, int]
    lesion: dict[str, int]
    size: Size
    classes: tuple[ScoreClass, ...]


class Scores(Document):
    """Both scores."""

    sins: SinsTable
    mirels: MirelsTable


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
    """

    rules: tuple[Rule, ...]
    techniques: TechniqueLimits
    haemostasis: Haemostasis
    scores: Scores
    doses: Doses

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
    )


@cache
def tables() -> Tables:
    """Return the tables of `resources/`.

    Returns
    -------
    Tables
        Read once.
    """
    return build_tables({name: load_table(name) for name in NAMES})
