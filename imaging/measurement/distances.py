"""How far from the lesion each structure lies, and where."""

from __future__ import annotations

from typing import cast

import numpy as np
import scipy

from imaging.document import Document, Vector
from imaging.geometry import BoolArray, block
from imaging.structures.model import BODY, Structures

REACH_MM = 60.0  # what lies farther away is out of reach of any zone
SKIN = "skin"


class Distance(Document):
    """The shortest way from the lesion to a structure.

    Attributes
    ----------
    name : str
        Of the structure; ``skin`` for the surface of the body.
    distance_mm : float
        Between both surfaces; 0 where they touch.
    from_lps_mm, to_lps_mm : Vector
        Voxels of lesion and structure between which it was measured.
    """

    name: str
    distance_mm: float
    from_lps_mm: Vector
    to_lps_mm: Vector


def distances(
    mask: BoolArray, structures: Structures, leave_out: tuple[str, ...] = ()
) -> tuple[Distance, ...]:
    """Measure the shortest way to each structure.

    Parameters
    ----------
    mask : numpy.ndarray
        Shape of the structures' grid, at least one voxel.
    structures : Structures
        Of the case.
    leave_out : tuple of str
        Structures that are not asked for, such as the bone that holds the lesion.

    Returns
    -------
    tuple of Distance
        Nearest first; what lies farther than 60 mm is left out.
    """
    grid = structures.grid
    start, size = grid.around(grid.to_lps(np.argwhere(mask)), REACH_MM)
    part = block(start, size)
    away = scipy.ndimage.distance_transform_edt(~mask[part], sampling=grid.spacing_mm_kji)
    labels = structures.labels[part]
    rows = {row.label: row.name for row in structures.table if row.name not in (BODY, *leave_out)}
    if structures.named(BODY) is not None:
        rows[0] = SKIN
    present = [int(value) for value in np.unique(labels) if int(value) in rows]
    lesion = np.argwhere(mask)
    found = []
    nearest = np.array(
        scipy.ndimage.minimum_position(away, labels, present), dtype=np.intp
    ).reshape(-1, 3)
    for value, at in zip(present, nearest, strict=True):
        if away[tuple(at)] > REACH_MM:
            continue
        there = at + np.array(start)
        gaps = np.linalg.norm((lesion - there) * np.array(grid.spacing_mm_kji), axis=1)
        found.append(_between(rows[value], lesion[gaps.argmin()], there, structures))
    return tuple(sorted(found, key=lambda one: one.distance_mm))


def _between(name: str, here: np.ndarray, there: np.ndarray, structures: Structures) -> Distance:
    """Return the way between two voxels, from surface to surface: half a voxel less at each end."""
    grid = structures.grid
    begin, end = grid.to_lps(here), grid.to_lps(there)
    gap_mm = float(np.linalg.norm(end - begin))
    share = (there - here) * np.array(grid.spacing_mm_kji) / max(gap_mm, 1e-9)
    voxel_mm = float(np.linalg.norm(share * np.array(grid.spacing_mm_kji)))
    return Distance(
        name=name,
        distance_mm=max(gap_mm - voxel_mm, 0.0),
        from_lps_mm=cast("Vector", tuple(float(n) for n in begin)),
        to_lps_mm=cast("Vector", tuple(float(n) for n in end)),
    )
