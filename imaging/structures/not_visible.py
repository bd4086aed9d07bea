"""What was not found, and what no CT shows: said, so that silence is never taken for safety."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TypedDict

from imaging.document import Document
from imaging.structures.model import Structures
from imaging.tables import load_table

SIDES = ("left", "right")
SIDE = "SIDE"


class NotVisible(Document):
    """A nerve or vessel that runs beside a bone of the image and that no CT shows.

    Attributes
    ----------
    name : str
        What it would be called once painted.
    site : str
        Where it runs, in a word.
    message : str
        Its course, and that it was not checked.
    rule : str
        Rule of the clinical rules that makes it matter.
    """

    name: str
    site: str
    message: str
    rule: str


class NotFound(Document):
    """A structure that was expected and has no row.

    Attributes
    ----------
    name : str
        The structure, or the group.
    message : str
        What follows from it.
    """

    name: str
    message: str


class _Row(TypedDict):
    name: str
    site: str
    bones: list[str]
    painted: list[str]
    where: str
    rule: str


@lru_cache(maxsize=16)
def not_visible(names: tuple[str, ...]) -> tuple[NotVisible, ...]:
    """Return the nerves and small vessels beside the named bones that nobody has painted.

    Parameters
    ----------
    names : tuple of str
        Names of the structures of a case, or of those near a lesion.

    Returns
    -------
    tuple of NotVisible
        By the table ``not_visible``. As long as one is left, no result may say that no limit was
        passed.
    """
    return tuple(found for row in load_table("not_visible") for found in _unpainted(row, names))


def _unpainted(row: _Row, names: tuple[str, ...]) -> list[NotVisible]:
    sides = SIDES if SIDE in row["name"] else ("",)
    found = []
    for side in sides:
        bones = [pattern.replace(SIDE, side) for pattern in row["bones"]]
        painted = [pattern.replace(SIDE, side) for pattern in row["painted"]]
        if not _any_fits(names, bones) or _any_fits(_by_hand(names), painted):
            continue
        message = f"not visible on CT, not checked: {row['where']}; paint it, or import it"
        name = row["name"].replace(SIDE, side)
        found.append(NotVisible(name=name, site=row["site"], message=message, rule=row["rule"]))
    return found


def not_found(structures: Structures) -> tuple[NotFound, ...]:
    """Return what was expected and not found.

    Parameters
    ----------
    structures : Structures
        Of a case.

    Returns
    -------
    tuple of NotFound
        By the table ``expected_structures``.
    """
    return tuple(
        NotFound(name=row["name"], message=f"{row['message']}; it can be painted or imported")
        for row in load_table("expected_structures")
        if not _any_fits(_without(structures.names(), row.get("but_not", [])), row["names"])
    )


def _by_hand(names: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out the exits of roots, which the program marks itself by assumption."""
    return tuple(name for name in names if not name.startswith("nerve_root_exit"))


def _without(names: tuple[str, ...], patterns: list[str]) -> tuple[str, ...]:
    """Leave out the names that are expected by another row."""
    return tuple(name for name in names if not _any_fits((name,), patterns))


def _any_fits(names: tuple[str, ...], patterns: list[str]) -> bool:
    return any(fnmatchcase(name.lower(), p.lower()) for name in names for p in patterns)
