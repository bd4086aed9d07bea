"""The side and the level of a lesion by the image, against what the physician states (A55).

The side follows from the orientation in the DICOM headers: LPS x grows towards the patient's left.
A check is worth something only when the statement comes from elsewhere than the image: the request,
the examination, the patient.
"""

from __future__ import annotations

import re
from enum import StrEnum

import numpy as np

from imaging.document import Document
from imaging.errors import Problem
from planning.edits import now_utc
from planning.errors import PlanningError
from planning.plan import Case
from planning.side_check import Side, SideCheck
from planning.technique.answers import LEVEL
from planning.words import option_name

BESIDE_MM = 15.0  # further from the middle a lesion is not called midline; a setting [BG]
MIDLINE_MM = 5.0  # nearer to the middle a lesion may be called by either side; a setting [BG]
CANAL = ("spinal_canal", "spinal_cord")
VERTEBRA = "vertebrae_"


class MiddleFrom(StrEnum):
    """What the middle of the body was taken from."""

    NAME = "name"
    CANAL = "canal"
    BODY = "body"


class SideByImage(Document):
    """Where the image shows a lesion.

    Attributes
    ----------
    side : Side
        Left and right are the patient's.
    offset_mm : float
        Of the lesion's centroid from the middle, above zero to the patient's left.
    middle_from : MiddleFrom
        What told the side: the bone's name, the spinal canal, or the body's outline.
    bone, level : str or None
        That hold it; None where unknown.
    """

    side: Side
    offset_mm: float
    middle_from: MiddleFrom
    bone: str | None = None
    level: str | None = None

    def agrees_with(self, stated: Side) -> bool:
        """Tell whether a statement can be true of this lesion.

        Parameters
        ----------
        stated : Side
            As the physician says.

        Returns
        -------
        bool
            Near the middle both words may be used; a bone that has a side has only that one.
        """
        if self.middle_from is MiddleFrom.NAME:
            return stated is self.side
        if stated is Side.MIDLINE:
            return abs(self.offset_mm) <= BESIDE_MM
        towards_left = self.offset_mm if stated is Side.LEFT else -self.offset_mm
        return towards_left >= -MIDLINE_MM


def side_by_image(case: Case) -> SideByImage | None:
    """Return on which side and at which level the image shows the lesion.

    Parameters
    ----------
    case : Case
        With lesion and structures.

    Returns
    -------
    SideByImage or None
        None without lesion or structures, or where neither canal nor body is known beside it.
    """
    if case.lesion is None or case.structures is None or not case.lesion.any():
        return None
    voxels = np.argwhere(case.lesion)
    centroid_lps_mm = case.plan.series.grid.to_lps(voxels.mean(axis=0))
    first, last = int(voxels[:, 0].min()), int(voxels[:, 0].max())
    middle = _middle_x_mm(case, first, last)
    if middle is None:
        return None
    middle_x_mm, middle_from = middle
    offset_mm = float(centroid_lps_mm[0]) - middle_x_mm
    effects = case.plan.effects
    bone = effects.bone if effects is not None else None
    named = _side_of(bone)
    if named is not None:
        side, middle_from = named, MiddleFrom.NAME
    elif abs(offset_mm) < MIDLINE_MM:
        side = Side.MIDLINE
    else:
        side = Side.LEFT if offset_mm > 0 else Side.RIGHT
    return SideByImage(
        side=side, offset_mm=offset_mm, middle_from=middle_from, bone=bone, level=_level_of(bone)
    )


def _middle_x_mm(case: Case, first: int, last: int) -> tuple[float, MiddleFrom] | None:
    """Return LPS x of the body's middle in the lesion's slices."""
    structures = case.structures
    if structures is None:
        return None
    grid = structures.grid
    canal = [row.label for row in structures.table if row.name in CANAL]
    part, start = structures.labels[first : last + 1], np.array([first, 0, 0])
    found = np.argwhere(np.isin(part, canal)) if canal else np.zeros((0, 3))
    if len(found):
        place = grid.to_lps(found.mean(axis=0) + start)
        return float(place[0]), MiddleFrom.CANAL
    body = np.argwhere(part > 0)
    if not len(body):
        return None
    ends = grid.to_lps(np.stack([body.min(axis=0), body.max(axis=0)]) + start)
    return float(ends[:, 0].mean()), MiddleFrom.BODY


def _side_of(bone: str | None) -> Side | None:
    words = (bone or "").split("_")
    return Side.LEFT if "left" in words else Side.RIGHT if "right" in words else None


def _level_of(bone: str | None) -> str | None:
    level = (bone or "").removeprefix(VERTEBRA)
    return level if re.fullmatch(LEVEL, level) else None


def with_side_stated(case: Case, stated: Side, level: str | None = None) -> Case:
    """Check what the physician states against the image, and keep that it agrees.

    Parameters
    ----------
    case : Case
        With lesion and structures.
    stated : Side
        Side of the lesion by the request or the examination.
    level : str or None
        Level, where one is stated.

    Returns
    -------
    Case
        With the check.

    Raises
    ------
    PlanningError
        When the image shows another side or level, or cannot tell.
    """
    seen = side_by_image(case)
    if seen is None:
        message = (
            "the side cannot be told from the image: outline the lesion and find the structures "
            "first"
        )
        raise PlanningError(Problem(code="side_unknown", message=message, where="side"))
    problems = []
    if not seen.agrees_with(stated):
        message = (
            f"stated: {stated}; the image shows the lesion {abs(seen.offset_mm):.0f} mm to the "
            f"patient's {Side.LEFT if seen.offset_mm > 0 else Side.RIGHT}: check request, lesion "
            "and patient before anything is exported"
        )
        problems.append(Problem(code="side_mismatch", message=message, where="side"))
    if level is not None and level != seen.level:
        shown = seen.level or "no level that the program could tell"
        message = (
            f"stated: {level}; the image shows {shown}: set the level in the structures, or check "
            "the request"
        )
        problems.append(Problem(code="level_mismatch", message=message, where="level"))
    if problems:
        raise PlanningError(problems)
    check = SideCheck(
        stated=stated, stated_level=level, side=seen.side, level=seen.level, at_utc=now_utc()
    )
    return case.with_plan(side_check=check)


def side_holds(case: Case) -> bool | None:
    """Tell whether the side is confirmed.

    Parameters
    ----------
    case : Case
        Any state.

    Returns
    -------
    bool or None
        What was checked against the image decides, as long as the lesion lies where it lay then;
        without such a check the physician's answer; None where nobody said anything.
    """
    check = case.plan.side_check
    if check is None:
        return case.plan.answers.side_confirmed
    seen = side_by_image(case)
    return seen is not None and (seen.side, seen.level) == (check.side, check.level)


def side_said(seen: SideByImage, language: str) -> str:
    """Return side and level for people.

    Parameters
    ----------
    seen : SideByImage
        By the image.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    str
        A few words.
    """
    words = [option_name(seen.side, language), *([seen.level] if seen.level else [])]
    return ", ".join(words)
