"""How near the inserted ends of probes come to what no needle may touch.

The way in is judged up to its target only; an active part reaches beyond it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imaging.document import Document, Vector
from imaging.geometry import FloatArray, unit
from imaging.structures.model import PassageClass, Structures
from planning.ablation.assembly import Placement
from planning.ablation.devices import Device
from planning.ablation.solver.embedding import Shape

NEAR_MM = 3.0  # of a probe's surface: the margin that ways in keep when nothing else is set
STEP_MM = 0.5  # along the probe


class ProbeNear(Document):
    """What a probe comes nearest to.

    Attributes
    ----------
    probe : int
        Number of the probe, from 1.
    structure : str
        That no needle may touch.
    distance_mm : float
        From the surface of the probe's tip and active part; 0 where it touches.
    """

    probe: int
    structure: str
    distance_mm: float


def active_ends(device: Device, tip_lps_mm: Vector, axis_lps: Vector) -> tuple[Vector, Vector]:
    """Return the ends of the active part of a probe.

    Parameters
    ----------
    device : Device
        Of the table.
    tip_lps_mm, axis_lps : Vector
        Distal end; from tip to hub.

    Returns
    -------
    tuple of Vector
        The end towards the hub, and the distal one.
    """
    tip, axis = np.array(tip_lps_mm), unit(axis_lps)
    distal = tip + axis * device.inactive_tip_mm
    return _vector(distal + axis * device.active_length_mm), _vector(distal)


def probes_near(
    placements: Sequence[Placement], structures: Structures, within_mm: float = NEAR_MM
) -> tuple[ProbeNear, ...]:
    """Return which probes come near to a forbidden structure.

    Parameters
    ----------
    placements : sequence of Placement
        The devices.
    structures : Structures
        With their classes.
    within_mm : float
        Farther ones are not told.

    Returns
    -------
    tuple of ProbeNear
        The nearest structure of each probe that comes so near to one.
    """
    names = {
        row.label: row.name
        for row in structures.table
        if row.class_ == PassageClass.FORBIDDEN and row.label
    }
    found = []
    for number, one in enumerate(placements, start=1):
        nearest = _nearest(one, structures, names, within_mm)
        if nearest is not None:
            found.append(ProbeNear(probe=number, structure=nearest[0], distance_mm=nearest[1]))
    return tuple(found)


def _nearest(
    one: Placement, structures: Structures, names: dict[int, str], within_mm: float
) -> tuple[str, float] | None:
    """Return the nearest forbidden structure and its distance; None where none is so near."""
    pieces = [_nearest_of(shape, structures, names, within_mm) for shape in one.inserted()]
    return min((piece for piece in pieces if piece), key=lambda piece: piece[1], default=None)


def _nearest_of(
    shape: Shape, structures: Structures, names: dict[int, str], within_mm: float
) -> tuple[str, float] | None:
    grid = structures.grid
    along = np.arange(0.0, shape.length_mm + STEP_MM, STEP_MM)
    places = np.array(shape.tip_lps_mm) + along[:, None] * unit(shape.axis_lps)
    spacing = np.array(grid.spacing_mm_kji)
    at = grid.to_kji(places)
    room = (within_mm + shape.radius_mm) / spacing + 1.0
    low = np.clip(np.floor(at.min(axis=0) - room).astype(int), 0, None)
    high = np.minimum(np.ceil(at.max(axis=0) + room).astype(int) + 1, grid.size_kji)
    if (high <= low).any():
        return None
    block = structures.labels[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    cells = np.argwhere(np.isin(block, list(names)))
    if not len(cells):
        return None
    gaps: FloatArray = np.full(len(cells), np.inf)
    for place in at:  # to the face of a voxel, not to its centre
        apart = np.maximum(np.abs(cells + low - place) - 0.5, 0.0) * spacing
        gaps = np.minimum(gaps, np.linalg.norm(apart, axis=1))
    closest = int(gaps.argmin())
    distance_mm = max(float(gaps[closest]) - shape.radius_mm, 0.0)
    if distance_mm >= within_mm:
        return None
    return names[int(block[tuple(cells[closest])])], distance_mm


def _vector(place: FloatArray) -> Vector:
    x, y, z = (float(n) for n in place)
    return x, y, z
