"""Scores of stability, fracture risk and epidural compression: SINS, Mirels, ESCC (B9 to B11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ConfigDict, Field

from imaging.document import Document
from planning.technique.answers import Answers
from planning.technique.logic import NOT_APPLICABLE, Fact
from planning.technique.score_tables import (
    Collapse,
    EsccTable,
    MirelsTable,
    Reliability,
    ScoreClass,
    SinsTable,
    Size,
)
from planning.technique.wording import Language


class Score(Document):
    """A score whose items are all known.

    Attributes
    ----------
    total : int
        Sum of the points.
    score_class : str
        Name of the range the total lies in; ``class`` in JSON.
    items : dict of str to int
        Points of each item.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    total: int
    score_class: str = Field(alias="class")
    items: dict[str, int]


class Saying(Document):
    """What a score says.

    Attributes
    ----------
    says, reliability : str
        What follows from it; how good it is, with its source.
    """

    says: str
    reliability: str


class Grade(Document):
    """The grade of epidural compression.

    Attributes
    ----------
    grade : str
        As answered.
    grade_class : str
        Name of its class; ``class`` in JSON.
    says, reliability : str
        What it says; how good it is, with its source.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    grade: str
    grade_class: str = Field(alias="class")
    says: str
    reliability: str


class OpenScore(Document):
    """A score of which items are unknown.

    Attributes
    ----------
    low, high : int
        Its total lies between them.
    missing : tuple of str
        Answers that it lacks.
    """

    low: int
    high: int
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Item:
    """Points of an item: known, or which are possible and what would settle them.

    Parameters
    ----------
    possible : tuple of int
        One value when it is known.
    needs : tuple of str
        Answers that would settle it.
    """

    possible: tuple[int, ...]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scored:
    """A score, or what is known of it.

    Parameters
    ----------
    score : Score or None
        None when an item is unknown, or when the score does not apply.
    fact : Fact
        Its total for conditions: known, between bounds, or not applicable.
    """

    score: Score | None
    fact: Fact

    @property
    def open(self) -> OpenScore | None:
        """What is known of it while items are unknown; None otherwise."""
        low, high = self.fact.low, self.fact.high
        if self.score is not None or low is None or high is None or low < 0:
            return None
        return OpenScore(low=int(low), high=int(high), missing=self.fact.needs)


def in_words(
    score: Score | None, table: SinsTable | MirelsTable, language: Language
) -> Saying | None:
    """Return what a score says.

    Parameters
    ----------
    score : Score or None
        None says nothing.
    table : SinsTable or MirelsTable
        Its table.
    language : str
        ``en`` or ``fr``.

    Returns
    -------
    Saying or None
        In words.
    """
    if score is None:
        return None
    row = next(row for row in table.classes if row.name == score.score_class)
    return Saying(says=row.text(language), reliability=_told(table.reliability, language))


def escc(answers: Answers, table: EsccTable, language: Language) -> Grade | None:
    """Return the grade of epidural compression with what it says (B11).

    Parameters
    ----------
    answers : Answers
        What is known.
    table : EsccTable
        Grades.
    language : str
        ``en`` or ``fr``.

    Returns
    -------
    Grade or None
        None while nobody graded it; a CT does not show it.
    """
    row = next((row for row in table.grades if row.grade == answers.escc), None)
    if row is None:
        return None
    return Grade(
        grade=row.grade,
        grade_class=row.name,
        says=row.text(language),
        reliability=_told(table.reliability, language),
    )


def _told(reliability: Reliability, language: Language) -> str:
    return f"{reliability.text(language)} ({reliability.source})"


DOES_NOT_APPLY = Scored(None, NOT_APPLICABLE)


def sins(answers: Answers, table: SinsTable, spine: bool | None) -> Scored:
    """Score the stability of a spinal lesion (B9).

    Parameters
    ----------
    answers : Answers
        What is known.
    table : SinsTable
        Points.
    spine : bool or None
        Whether the lesion lies in a vertebra or the sacrum; None is unknown.

    Returns
    -------
    Scored
        With bounds when items are unknown.
    """
    if spine is False:
        return DOES_NOT_APPLY
    points = {level: row.points for row in table.location for level in row.levels}
    items = {
        "location": _item(answers.level, points, "level"),
        "pain": _item(answers.pain, table.pain, "pain"),
        "lesion": _item(answers.lesion_kind, table.lesion, "lesion_kind"),
        "alignment": _item(answers.alignment, table.alignment, "alignment"),
        "collapse": _collapse(
            answers.collapse_percent, answers.body_involved_percent, table.collapse
        ),
        "posterolateral": _item(answers.posterolateral, table.posterolateral, "posterolateral"),
    }
    return _scored(items, table.classes, () if spine else ("bone",))


def mirels(answers: Answers, table: MirelsTable) -> Scored:
    """Score the fracture risk of a long bone (B10).

    Parameters
    ----------
    answers : Answers
        What is known.
    table : MirelsTable
        Points.

    Returns
    -------
    Scored
        With bounds when items are unknown; without a bone only a named site makes it apply.
    """
    sites = table.site_of_bone.get(answers.bone or "")
    if sites is None and answers.bone is not None and answers.long_bone_site is None:
        return DOES_NOT_APPLY
    site = _item(answers.long_bone_site, table.site, "long_bone_site")
    if sites is not None and answers.long_bone_site is None:
        site = Item(
            tuple(sorted(table.site[name] for name in sites)),
            () if len(sites) == 1 else ("long_bone_site",),
        )
    items = {
        "site": site,
        "pain": _item(answers.pain_severity, table.pain, "pain_severity"),
        "lesion": _item(answers.lesion_kind, table.lesion, "lesion_kind"),
        "size": _size(answers.long_bone_fraction, table.size),
    }
    known_site = sites is not None or answers.long_bone_site is not None
    return _scored(items, table.classes, () if known_site else ("bone",))


def _item(value: str | None, points: Mapping[str, int], key: str) -> Item:
    if value is None:
        return Item(tuple(sorted(points.values())), (key,))
    return Item((points[value],))


def _collapse(percent: float | None, body_percent: float | None, table: Collapse) -> Item:
    if percent is None:
        needs = (
            "collapse_percent",
            *(() if body_percent is not None else ("body_involved_percent",)),
        )
        return Item((table.none, table.body_above, table.below, table.above), needs)
    if percent > table.edge_percent:
        return Item((table.above,))
    if percent == table.edge_percent:
        return Item((table.at_edge,))
    if percent > 0:
        return Item((table.below,))
    if body_percent is None:
        return Item((table.none, table.body_above), ("body_involved_percent",))
    return Item((table.body_above if body_percent > table.body_edge_percent else table.none,))


def _size(fraction: float | None, table: Size) -> Item:
    small, middle, large = table.points
    if fraction is None:
        return Item(table.points, ("long_bone_fraction",))
    if fraction < table.small_below:
        return Item((small,))
    return Item((large if fraction > table.large_above else middle,))


def _scored(
    items: Mapping[str, Item], classes: Sequence[ScoreClass], unsure: tuple[str, ...]
) -> Scored:
    """Add the items up; ``unsure`` names answers without which the score may not apply."""
    needs = (*unsure, *(key for item in items.values() for key in item.needs))
    low = sum(min(item.possible) for item in items.values())
    high = sum(max(item.possible) for item in items.values())
    if needs:
        return Scored(None, Fact(None, needs, -1 if unsure else low, high))
    name = next(row.name for row in classes if row.from_ <= low <= row.to)
    points = {key: item.possible[0] for key, item in items.items()}
    return Scored(Score(total=low, score_class=name, items=points), Fact(low))
