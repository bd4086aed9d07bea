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
    """What is said of a case, with places for figures.

    Attributes
    ----------
    code : str
        Stable word for programs.
    rules : tuple of str
        Ids it rests on.
    fr, en : str
        Texts with places.
    """

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


class Band(Document):
    """A range of lesion volume and the anaesthetic mixture it gets.

    Attributes
    ----------
    rule : str
        Id that states it.
    from_ml, to_ml : float
        Ends, mL; no end for the last.
    from_included, to_included : bool
        Whether the ends belong to it.
    anaesthetic_ml : float
        Mixture, mL.
    """

    rule: str
    from_ml: float
    from_included: bool
    to_ml: float | None
    to_included: bool
    anaesthetic_ml: float


class Ceiling(Document):
    """Greatest dose of a local anaesthetic.

    Attributes
    ----------
    id, source : str
        Name; whose ceiling it is.
    drug : str
        ``lidocaine`` or ``ropivacaine``.
    per_kg_mg, most_mg : float
        By weight, mg/kg; whatever the weight, mg.
    """

    id: str
    drug: Literal["lidocaine", "ropivacaine"]
    per_kg_mg: float
    most_mg: float | None
    source: str


class Steroid(Document):
    """A corticosteroid and its greatest dose.

    Attributes
    ----------
    id, rule, basis : str
        Name; id and words of what the ceiling rests on.
    particulate : bool
        True when it must not reach an artery of the cord.
    most : float
        In ``unit``.
    unit : str
        mL, mg or ampoule.
    """

    id: str
    particulate: bool
    most: float
    unit: str
    rule: str
    basis: str


class Doses(Document):
    """Everything the infiltration needs.

    Attributes
    ----------
    bands : tuple of Band
        A2 to A5.
    measurement_error_mm, same_volume_ml, same_fraction : float
        Error of a diameter; rounding of volumes and of fractions.
    needle_gauge : int
        G.
    contrast_ml : float
        Before the anaesthetic.
    skin_lidocaine_percent, mg_ml_per_percent : float
        Of the skin anaesthetic; mg/mL in 1 %.
    frail_factor, largest_fraction : float
        Lowers the ceilings; the sum of dose over ceiling stays at or below.
    ceilings : tuple of Ceiling
        The strictest of a drug decides.
    corticosteroids : tuple of Steroid
        Known ones.
    spine_steroid, peripheral_steroid, substitute_steroid : str
        Ids by region; where particles are refused.
    near_canal_when, particulate_refused_when, cortivazol_refused_when, near_spine_when : object
        Conditions.
    messages : tuple of Message
        What is said of doses.
    """

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


class ScoreClass(Document):
    """A range of a score's total and what it is called.

    Attributes
    ----------
    name : str
        As the JSON says it.
    from_, to : int
        Ends, both included.
    """

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
    """Levels of the spine that get the same points.

    Attributes
    ----------
    name : str
        Of the kind of segment.
    points : int
        Of the item.
    levels : tuple of str
        C1 to S5.
    """

    name: str
    points: int
    levels: tuple[str, ...]


class Collapse(Document):
    """Points of the collapse of a vertebral body.

    Attributes
    ----------
    edge_percent, body_edge_percent : float
        Collapse; body involved without collapse.
    above, at_edge, below, body_above, none : int
        Points.
    """

    edge_percent: float
    above: int
    at_edge: int
    below: int
    body_edge_percent: float
    body_above: int
    none: int


class SinsTable(Document):
    """Points of the spinal instability neoplastic score.

    Attributes
    ----------
    source : str
        Rule.
    location : tuple of Location
        By level.
    pain, lesion, alignment, posterolateral : dict of str to int
        By answer.
    collapse : Collapse
        By percent.
    classes : tuple of ScoreClass
        Of the total.
    """

    source: str
    location: tuple[Location, ...]
    pain: dict[str, int]
    lesion: dict[str, int]
    alignment: dict[str, int]
    posterolateral: dict[str, int]
    collapse: Collapse
    classes: tuple[ScoreClass, ...]


class Size(Document):
    """Points of the share of a bone's diameter.

    Attributes
    ----------
    small_below, large_above : float
        Shares, 0 to 1.
    points : tuple of int
        Small, middle, large.
    """

    small_below: float
    large_above: float
    points: tuple[int, int, int]


class MirelsTable(Document):
    """Points of Mirels' score.

    Attributes
    ----------
    source : str
        Rule.
    site, pain, lesion : dict of str to int
        By answer.
    site_of_bone : dict of str to tuple of str
        Sites that a bone may have.
    size : Size
        By share of the diameter.
    classes : tuple of ScoreClass
        Of the total.
    """

    source: str
    site: dict[str, int]
    site_of_bone: dict[str, tuple[str, ...]]
    pain: dict[str, int]
    lesion: dict[str, int]
    size: Size
    classes: tuple[ScoreClass, ...]


class Scores(Document):
    """Both scores.

    Attributes
    ----------
    sins : SinsTable
        Of the spine.
    mirels : MirelsTable
        Of long bones.
    """

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
