"""What is said of ways in: reasons, corridors, landmarks and figures, for people."""

from __future__ import annotations

from app.workstation.words import Words, reason_said
from imaging.document import Vector
from imaging.errors import Problem
from imaging.structures.model import BODY
from planning.access.request import Proposal, TableFigures
from planning.access.settings import Wish, wishes

SPINOUS = "spinous_process_"
SIDES = ("_left", "_right")


def corridor_said(words: Words, corridor: str, key: str = "corridors") -> str:
    """Return the name of a corridor.

    Parameters
    ----------
    words : Words
        Of the screen.
    corridor : str
        Such as ``transpedicular_left``; empty for none.
    key : str
        Of the words: ``corridors`` or ``corridors_short``.

    Returns
    -------
    str
        A dash for none.
    """
    if not corridor:
        return "–"
    for side in SIDES:
        if corridor.endswith(side):
            kind = corridor.removesuffix(side)
            told = words.maybe(f"{key}.{kind}", kind.replace("_", " "))
            return f"{told} {words(f'sides_short.{side[1:]}')}"
    return words.maybe(f"{key}.{corridor}", corridor.replace("_", " "))


def landmark_said(words: Words, name: str) -> str:
    """Return the name of a landmark.

    Parameters
    ----------
    words : Words
        Of the screen.
    name : str
        Such as ``iliac_crest_left`` or ``spinous_process_L3``.

    Returns
    -------
    str
        For people.
    """
    if name.startswith(SPINOUS):
        return words("landmarks.spinous_process", level=name.removeprefix(SPINOUS))
    return words.maybe(f"landmarks.{name}", words.structure(name))


def nearest_said(words: Words, way: Proposal, *, short: bool = False) -> str:
    """Return distance and name of the forbidden structure nearest to a way.

    Parameters
    ----------
    words : Words
        Of the screen.
    way : Proposal
        Any.
    short : bool
        Whether sides are single letters.

    Returns
    -------
    str
        A dash where there is none.
    """
    near = min(way.clearance_mm.items(), key=lambda item: item[1], default=None)
    if near is None:
        return "–"
    name = words.structure(near[0])
    for side in ("left", "right") if short else ():
        ending = f" {words(f'sides.{side}')}"
        if name.endswith(ending):
            name = f"{name.removesuffix(ending)} {words(f'sides_short.{side}')}"
    return f"{words.number(near[1])}  {name}"


def figures_said(words: Words, figures: TableFigures) -> list[tuple[str, str]]:
    """Return what is read out at the table.

    Parameters
    ----------
    words : Words
        Of the screen.
    figures : TableFigures
        Of a way.

    Returns
    -------
    list of tuple
        Name and value.
    """
    rows = [(words("table.slice"), f"z {words.number(figures.slice_z_mm)} mm")]
    if figures.from_midline_mm is not None:
        value = _beside(words, figures.from_midline_mm)
        rows.append((words("table.midline"), value))
    if figures.reference and figures.from_reference_mm is not None:
        across, along = figures.from_reference_mm
        height = words("table.above" if along >= 0 else "table.below", cm=_cm(words, along))
        name = landmark_said(words, figures.reference)
        rows.append((words("table.from", name=name), f"{_beside(words, across)}, {height}"))
    rows.append((words("table.depth"), words("units.cm", value=words.number(figures.depth_cm))))
    axial = f"{words.number(figures.axial_angle_deg, 0)}°"
    rows.append((words("table.axial"), f"{axial} {words(f'table.{figures.axial_towards}')}"))
    tilt = f"{words.number(abs(figures.tilt_deg), 0)}°"
    if abs(figures.tilt_deg) >= 0.5:
        tilt += f" {words('table.to_head' if figures.tilt_deg > 0 else 'table.to_feet')}"
    rows.append((words("table.tilt"), tilt))
    return rows


def _beside(words: Words, mm: float) -> str:
    side = "to_left" if mm >= 0 else "to_right"
    return words(f"table.{side}", cm=_cm(words, mm))


def _cm(words: Words, mm: float) -> str:
    return words.number(abs(mm) / 10.0)


def crossed_said(words: Words, way: Proposal) -> list[tuple[str, str]]:
    """Return what a way runs through, from skin to target.

    Parameters
    ----------
    words : Words
        Of the screen.
    way : Proposal
        Any.

    Returns
    -------
    list of tuple
        Name and length; the same tissue met again is a row of its own.
    """
    rows = []
    for one in way.crossed:
        name = words("access.soft_tissue") if one.name == BODY else words.structure(one.name)
        rows.append((name, f"{words.number(one.length_mm, 0 if one.length_mm > 2 else 1)} mm"))
    return rows


def terms_of_score(way: Proposal, kind: str) -> list[tuple[Wish, float, float]]:
    """Return the terms of a way's score, in the order of the table.

    Parameters
    ----------
    way : Proposal
        As judged.
    kind : str
        Of the needle: ``trocar`` or ``infiltration``.

    Returns
    -------
    list of tuple
        Wish, weight (0 to 1), value (0 bad to 1 good); those that count.
    """
    rows = []
    for name, wish in wishes().items():
        weight = wish.infiltration if kind == "infiltration" else wish.trocar
        if name in way.terms and (weight > 0 or name == "cleared"):
            rows.append((wish, weight, way.terms[name]))
    return rows


def place_said(words: Words, point_lps_mm: Vector) -> str:
    """Return a place in the patient.

    Parameters
    ----------
    words : Words
        Of the screen.
    point_lps_mm : Vector
        LPS millimetres.

    Returns
    -------
    str
        Such as ``L 12.0  P 3.1  S 40.2 mm``.
    """
    letters = (("R", "L"), ("A", "P"), ("I", "S"))
    told = "  ".join(
        f"{letters[axis][int(value > 0)]} {words.number(abs(value))}"
        for axis, value in enumerate(point_lps_mm)
    )
    return f"{told} mm"


def why_none(words: Words, problem: Problem) -> str:
    """Return why a search found nothing: a count of ways by reason, or a sentence.

    Parameters
    ----------
    words : Words
        Of the screen.
    problem : Problem
        Of the search.

    Returns
    -------
    str
        For people.
    """
    count, _, _ = problem.message.partition(" ")
    if count.isdigit() and problem.where:
        reason = reason_said(words, problem.where)
        return words("access.ways_rejected", count=count, reason=reason)
    return words.problem(problem.model_copy(update={"where": ""}))
