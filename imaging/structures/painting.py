"""Structures painted by hand, and what lay beneath them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from imaging.errors import ImagingError, Problem
from imaging.geometry import BoolArray
from imaging.strokes import Block
from imaging.structures.labels import passage_class
from imaging.structures.model import BODY, BODY_CAVITY, PassageClass, Structure, Structures

PAINTED = "painted by hand"
CORRECTED = "; corrected by hand"
MOST_LABELS = np.iinfo(np.uint16).max


def with_painted(
    structures: Structures, name: str, block: Block, inside: BoolArray, *, adds: bool
) -> Structures:
    """Return the structures with a stroke added to one of them, or taken from it.

    Parameters
    ----------
    structures : Structures
        Of the case.
    name : str
        Of a structure that exists, or of a new one.
    block : tuple of slice
        Part of the grid, ``(k, j, i)``.
    inside : numpy.ndarray
        Shape of the block, bool: the stroke.
    adds : bool
        False gives back what lay beneath, or what is not known where nothing did.

    Returns
    -------
    Structures
        A structure of which nothing is left has no row.

    Raises
    ------
    ImagingError
        When the name is empty or stands for the whole body.
    """
    title = name.strip().lower().replace(" ", "_")
    if not title or title == BODY:
        message = "give the structure a name of its own, such as sciatic_nerve_left"
        raise ImagingError([Problem(code="name_refused", message=message, where=name)])
    row = structures.named(title)
    label = (
        row.label if row is not None else 1 + max((r.label for r in structures.table), default=0)
    )
    if label > MOST_LABELS:
        message = "there are too many structures; join some in the label map"
        raise ImagingError([Problem(code="too_many_structures", message=message, where=name)])
    labels = structures.labels.copy()
    part = labels[block]
    before = part.copy()
    if adds:
        part[inside] = label
    else:
        taken = inside & (part == label)
        part[taken] = _beneath(structures, label, block)[taken]
    table = structures.table if row is not None else (*structures.table, _new(title, label))
    beneath = structures.beneath if structures.beneath is not None else structures.labels
    changed = replace(structures, labels=labels, beneath=beneath)
    return replace(changed, table=_counted(changed, table, before, part, title))


def carried_over(before: Structures, found: Structures) -> Structures:
    """Return newly found structures with what had been painted by hand on those before.

    Parameters
    ----------
    before, found : Structures
        On one grid.

    Returns
    -------
    Structures
        Painted structures lie over what was found.
    """
    whole = (slice(None),) * 3
    result = found
    for row in before.table:
        if row.found_by == PAINTED:
            inside = before.labels == row.label
            result = with_painted(result, row.name, whole, inside, adds=True)
            result = with_class(result, row.name, row.class_)
    return result


def with_class(structures: Structures, name: str, class_: PassageClass) -> Structures:
    """Return the structures with another class for one of them.

    Parameters
    ----------
    structures : Structures
        Of the case.
    name : str
        Of the structure; one that does not exist changes nothing.
    class_ : PassageClass
        Wanted.

    Returns
    -------
    Structures
        Same labels.
    """
    table = tuple(
        row.model_copy(update={"class_": class_}) if row.name == name else row
        for row in structures.table
    )
    return replace(structures, table=table)


def _beneath(structures: Structures, label: int, block: Block) -> NDArray[np.uint16]:
    """Return what is left where a structure is taken away: what lay beneath, or the unknown."""
    under = structures.labels if structures.beneath is None else structures.beneath
    cavity, body = structures.named(BODY_CAVITY), structures.named(BODY)
    unknown = cavity.label if cavity is not None else body.label if body is not None else 0
    part = under[block]
    return np.where(part == label, np.uint16(unknown), part)


def _new(name: str, label: int) -> Structure:
    return Structure(
        name=name, label=label, volume_ml=0.0, class_=passage_class(name), found_by=PAINTED
    )


def _counted(
    structures: Structures,
    table: tuple[Structure, ...],
    before: NDArray[np.uint16],
    after: NDArray[np.uint16],
    name: str,
) -> tuple[Structure, ...]:
    """Return the rows with their new volumes, without those of which nothing is left."""
    most = 1 + max(int(before.max(initial=0)), int(after.max(initial=0)))
    gained = np.bincount(after.ravel(), minlength=most) - np.bincount(
        before.ravel(), minlength=most
    )
    rows = []
    for row in table:
        change = int(gained[row.label]) if row.label < most else 0
        if row.name == BODY:
            change = -int(gained[0])
        if change == 0:
            rows.append(row)
            continue
        volume_ml = row.volume_ml + change * structures.grid.voxel_ml
        if volume_ml < 0.5 * structures.grid.voxel_ml:
            continue
        how = row.found_by
        if row.name == name and how != PAINTED and not how.endswith(CORRECTED):
            how += CORRECTED
        rows.append(row.model_copy(update={"volume_ml": volume_ml, "found_by": how}))
    return tuple(row for row in rows if row.volume_ml > 0)
