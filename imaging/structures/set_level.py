"""The radiologist says which vertebra one is, and all others follow."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imaging.errors import ImagingError, Problem
from imaging.geometry import Grid
from imaging.structures.levels import (
    SEQUENCE,
    SIDES,
    Levels,
    exit_name,
    exit_vertebra,
    level_name,
    rib_name,
    rib_vertebra,
)
from imaging.structures.model import Structure, Structures

NEAR_MM = 15.0  # a click this near to a vertebra means it: a disc's height, or a lytic hole
NAMES = (*SEQUENCE, "L6")


def with_level(structures: Structures, level: str, at_lps_mm: ArrayLike) -> Structures:
    """Return the structures with one vertebra's level set, and the others and the ribs after it.

    Parameters
    ----------
    structures : Structures
        With vertebrae told apart.
    level : str
        ``C1`` to ``L6``, in any case.
    at_lps_mm : array_like
        Shape (3,), a place in that vertebra or within 15 mm of it.

    Returns
    -------
    Structures
        Same labels; new names.

    Raises
    ------
    ImagingError
        When there is no such level, no vertebra there, or the spine would not fit the count.
    """
    wanted = level.strip().upper()
    if wanted not in NAMES:
        message = f"{level!r} is no level of a vertebra; give one of C1 to L5 (or L6)"
        raise ImagingError([Problem(code="level_refused", message=message, where="level")])
    spine = _from_above(structures)
    place = _vertebra_at(structures, spine, np.asarray(at_lps_mm, dtype=float))
    first = NAMES.index(wanted) - place
    if first < 0 or first + len(spine) > len(NAMES):
        message = (
            f"with {wanted} there, the {len(spine)} vertebrae seen would run past the ends of the "
            "spine; check the place and the level"
        )
        raise ImagingError([Problem(code="level_refused", message=message, where="level")])
    title = {row.name: level_name(first + n) for n, row in enumerate(spine)}
    how = Levels(counted_from="user", doubt=_doubt(structures, first + len(spine) - 1))
    table = tuple(_renamed(row, title, how) for row in structures.table)
    return replace(structures, table=table, levels=how)


def _from_above(structures: Structures) -> list[Structure]:
    """Return the vertebrae from above downward, by the heights of their middles."""
    rows = [row for row in structures.table if _is_vertebra(row.name)]
    heights = _heights_mm(structures.labels, structures.grid)
    rows = [row for row in rows if np.isfinite(heights[row.label])]
    if not rows:
        message = "no vertebra was told apart, so no level can be set; paint or import vertebrae"
        raise ImagingError([Problem(code="no_vertebrae", message=message, where="level")])
    return sorted(rows, key=lambda row: -float(heights[row.label]))


def _is_vertebra(name: str) -> bool:
    return re.fullmatch(r"vertebrae_[CTL]\d+|vertebra_\d+", name) is not None


def _heights_mm(labels: NDArray[np.uint16], grid: Grid) -> NDArray[np.float64]:
    """Return the height of each label's middle, NaN for labels that do not occur."""
    most = int(labels.max(initial=0)) + 1
    sums, counts = np.zeros((3, most)), np.zeros(most)
    for k, plane in enumerate(labels):
        counts_here = np.bincount(plane.ravel(), minlength=most)
        counts += counts_here
        sums[0] += counts_here * float(k)
        for axis in (0, 1):
            index = np.broadcast_to(
                np.expand_dims(np.arange(plane.shape[axis]), 1 - axis), plane.shape
            )
            sums[1 + axis] += np.bincount(plane.ravel(), weights=index.ravel(), minlength=most)
    with np.errstate(invalid="ignore"):
        middles = sums / counts
    return grid.to_lps(middles.T)[:, 2]


def _vertebra_at(structures: Structures, spine: list[Structure], at_lps_mm: np.ndarray) -> int:
    """Return the place in the spine of the vertebra nearest to a point."""
    grid = structures.grid
    start, size = grid.around(at_lps_mm[None], NEAR_MM + max(grid.spacing_mm_kji))
    box = tuple(slice(s, s + n) for s, n in zip(start, size, strict=True))
    labels = structures.labels[box]
    number = {row.label: n for n, row in enumerate(spine)}
    index = np.argwhere(np.isin(labels, list(number)))
    if len(index):
        far = np.linalg.norm(grid.to_lps(index + np.array(start)) - at_lps_mm, axis=1)
        nearest = int(far.argmin())
        if far[nearest] <= NEAR_MM:
            return number[int(labels[tuple(index[nearest])])]
    message = f"no vertebra lies within {NEAR_MM:g} mm of this place; give a place inside its body"
    raise ImagingError([Problem(code="no_vertebra_there", message=message, where="at")])


def _doubt(structures: Structures, lowest: int) -> str | None:
    if structures.named("sacrum") is None or lowest == NAMES.index("L5"):
        return None
    return (
        f"as set, the vertebra above the sacrum is {NAMES[lowest]}: a transitional vertebra, or "
        "the level was set one off"
    )


def _renamed(row: Structure, title: dict[str, str], how: Levels) -> Structure:
    name = title.get(row.name)
    rib = rib_vertebra(row.name) if row.name.startswith(tuple(f"rib_{s}_" for s in SIDES)) else None
    if rib is not None and rib[0] in title:
        name = rib_name(title[rib[0]], rib[1])
    root = exit_vertebra(row.name)
    if root is not None and root[0] in title:
        return row.model_copy(update={"name": exit_name(title[root[0]], root[1])})
    if name is None:
        return row
    method = row.found_by.split("; level counted")[0]
    parts = (method, "level counted from the one set by the user", how.doubt)
    return row.model_copy(update={"name": name, "found_by": "; ".join(p for p in parts if p)})
