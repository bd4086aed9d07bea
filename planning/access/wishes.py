"""The wishes: how good a way in is, term by term."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imaging.geometry import FloatArray
from planning.access.needles import Needle
from planning.access.settings import wishes
from planning.access.targets import LesionShape

CLEARED = "cleared"
LEAST_CLEARED = 0.05


@dataclass(frozen=True, eq=False)
class Ways:
    """Ways in with what was measured along them; all arrays have the shape (n,) or (n, 3).

    Parameters
    ----------
    entries_lps_mm, targets_lps_mm : numpy.ndarray
        Points of skin and lesion.
    bone_mm, avoid_mm, clearance_mm : numpy.ndarray
        Bone and uncleared tissue on the way; least distance beyond the margins.
    cortex_deg : numpy.ndarray
        Angle at the cortex; 90 where none is met.
    in_corridor : numpy.ndarray or None
        Whether it takes a known way into a vertebra; None where the lesion lies in none.
    hand : numpy.ndarray or None
        Shape (n, 2): share of needles that stay safe, and that meet the lesion, when they land
        off; None where that was not tried.
    """

    entries_lps_mm: FloatArray
    targets_lps_mm: FloatArray
    bone_mm: FloatArray
    avoid_mm: FloatArray
    clearance_mm: FloatArray
    cortex_deg: FloatArray
    in_corridor: FloatArray | None = None
    hand: FloatArray | None = None


def terms_of(ways: Ways, needle: Needle, shape: LesionShape) -> dict[str, FloatArray]:
    """Return each wish of each way, 0 (bad) to 1 (good).

    Parameters
    ----------
    ways : Ways
        With what was measured along them.
    needle : Needle
        Its length, and which wishes count for its kind.
    shape : LesionShape
        Of the lesion.

    Returns
    -------
    dict
        By id of the wish; wishes of no weight, and what is unknown for every way, are left out.
    """
    advance = ways.targets_lps_mm - ways.entries_lps_mm
    length = np.linalg.norm(advance, axis=1)
    along = advance / np.maximum(length, 1e-6)[:, None]
    full = {name: wish.full for name, wish in wishes().items()}
    angle = np.asarray(angle_to_axial_deg(ways.entries_lps_mm, ways.targets_lps_mm))
    terms = {
        "length": 1.0 - _share(length, needle.length_mm),
        "in_plane": 1.0 - _share(np.abs(angle), full["in_plane"]),
        "clearance": _share(ways.clearance_mm, full["clearance"]),
        "bone": 1.0 - _share(ways.bone_mm, full["bone"]),
        "cortex": _share(ways.cortex_deg, full["cortex"]),
        "central": 1.0 - _share(_off_centre_mm(ways, along, shape), full["central"]),
        CLEARED: 1.0 - np.clip(ways.avoid_mm / full[CLEARED], 0.0, 1.0 - LEAST_CLEARED),
    }
    if ways.hand is not None:
        terms["hand"] = _share(ways.hand[:, 0], full["hand"])
        terms["hit"] = _share(ways.hand[:, 1], full["hit"])
    if ways.in_corridor is not None:
        terms["corridor"] = ways.in_corridor
    if shape.long_axis_lps is not None:
        terms["long_axis"] = np.abs(along @ shape.long_axis_lps)
    if shape.upstream_lps is not None:
        ahead = (ways.targets_lps_mm - shape.centre_lps_mm) @ shape.upstream_lps
        terms["upstream"] = _share(
            np.asarray(ahead / max(shape.half_depth_mm, 1e-6) / 2 + 0.5), 1.0
        )
    if len(shape.junction_lps_mm):
        from scipy.spatial import cKDTree

        far, _ = cKDTree(shape.junction_lps_mm).query(ways.targets_lps_mm)
        terms["junction"] = 1.0 - _share(np.asarray(far), full["junction"])
    counted = {n for n, wish in wishes().items() if wish.weight(needle.kind) > 0} | {CLEARED}
    return {name: value for name, value in terms.items() if name in counted}


def score_of(terms: dict[str, FloatArray], needle: Needle) -> FloatArray:
    """Return the weighted mean of the terms; what is unknown has no weight.

    A way that is worse in every term never has the higher score.

    Parameters
    ----------
    terms : dict
        Of :func:`terms_of`.
    needle : Needle
        Its kind decides the weights.

    Returns
    -------
    numpy.ndarray
        Shape (n,), 0 to 1.
    """
    weights = {n: wishes()[n].weight(needle.kind) for n in terms if n != CLEARED}
    total = sum(weights.values())
    mean = sum(weight * terms[name] for name, weight in weights.items()) / total
    return np.asarray(terms[CLEARED] * mean, dtype=float)


def angle_to_axial_deg(entry_lps_mm: FloatArray, target_lps_mm: FloatArray) -> FloatArray:
    """Return the angle of the needle's advance to the axial plane.

    Parameters
    ----------
    entry_lps_mm, target_lps_mm : numpy.ndarray
        Shape (..., 3).

    Returns
    -------
    numpy.ndarray
        Shape (...), degrees, positive towards the head.
    """
    advance = target_lps_mm - entry_lps_mm
    flat = np.hypot(advance[..., 0], advance[..., 1])
    return np.degrees(np.arctan2(advance[..., 2], flat))


def _share(value: FloatArray, full: float) -> FloatArray:
    return np.clip(value / full, 0.0, 1.0)


def _off_centre_mm(ways: Ways, along: FloatArray, shape: LesionShape) -> FloatArray:
    """Return how far each way's line passes from the lesion's centre of mass."""
    offset = shape.centre_lps_mm - ways.entries_lps_mm
    across = offset - (offset * along).sum(axis=1, keepdims=True) * along
    return np.asarray(np.linalg.norm(across, axis=1), dtype=np.float64)
