"""The tables of the scores: points, classes, what they say and how good they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import model_validator

from imaging.document import Document
from planning.technique.wording import Wording


class ScoreClass(Wording):
    """A range of a score's total, what it is called and what it says.

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


class Reliability(Wording):
    """How good a score is.

    Attributes
    ----------
    source : str
        Publication or rule.
    """

    source: str


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
    reliability : Reliability
        How good it is.
    """

    source: str
    location: tuple[Location, ...]
    pain: dict[str, int]
    lesion: dict[str, int]
    alignment: dict[str, int]
    posterolateral: dict[str, int]
    collapse: Collapse
    classes: tuple[ScoreClass, ...]
    reliability: Reliability


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
    reliability : Reliability
        How good it is.
    """

    source: str
    site: dict[str, int]
    site_of_bone: dict[str, tuple[str, ...]]
    pain: dict[str, int]
    lesion: dict[str, int]
    size: Size
    classes: tuple[ScoreClass, ...]
    reliability: Reliability


class EsccGrade(Wording):
    """A grade of epidural spinal cord compression.

    Attributes
    ----------
    grade, name : str
        As answered; its class.
    """

    grade: str
    name: str


class EsccTable(Document):
    """The grades of epidural spinal cord compression.

    Attributes
    ----------
    source : str
        Rule.
    grades : tuple of EsccGrade
        From bone only to no CSF seen.
    reliability : Reliability
        How good it is.
    """

    source: str
    grades: tuple[EsccGrade, ...]
    reliability: Reliability


class Scores(Document):
    """The three scores.

    Attributes
    ----------
    sins : SinsTable
        Of the spine.
    mirels : MirelsTable
        Of long bones.
    escc : EsccTable
        Of the canal.
    """

    sins: SinsTable
    mirels: MirelsTable
    escc: EsccTable
