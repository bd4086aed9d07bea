"""The error of the hand: needles that land off by some degrees and millimetres."""

from __future__ import annotations

from functools import cache

import numpy as np
import scipy

from imaging.geometry import FloatArray
from planning.access.settings import AccessSettings
from planning.access.skin import tangents

NEEDLES = 64  # tried for each way
LARGEST_TILT_DEG = 60.0


@cache
def _deviates() -> FloatArray:
    """Return evenly spread normal deviates, shape (needles, 4): the additive golden sequence."""
    golden = 1.1673039782614187  # root of x⁵ = x + 1, for four dimensions
    steps = np.array([golden**-n for n in (1, 2, 3, 4)])
    even = (0.5 + np.arange(1, NEEDLES + 1)[:, None] * steps) % 1.0
    return np.asarray(scipy.special.ndtri(even), dtype=float)


def landed_off(
    entries_lps_mm: FloatArray, targets_lps_mm: FloatArray, settings: AccessSettings
) -> tuple[FloatArray, FloatArray]:
    """Return needles around each way as a hand would place them.

    Entry and angle deviate normally and independently, each in two directions across the way.

    Parameters
    ----------
    entries_lps_mm, targets_lps_mm : numpy.ndarray
        Shape (n, 3).
    settings : AccessSettings
        Standard deviations.

    Returns
    -------
    tuple of numpy.ndarray
        Entries and ends, each of shape (n, needles, 3).
    """
    advance = targets_lps_mm - entries_lps_mm
    length = np.linalg.norm(advance, axis=1, keepdims=True)
    u, v = tangents(advance / np.maximum(length, 1e-6))
    off = _deviates()
    tilt = np.tan(
        np.radians(
            np.clip(off[:, :2] * settings.hand_angle_deg, -LARGEST_TILT_DEG, LARGEST_TILT_DEG)
        )
    )
    moved = off[:, 2:] * settings.hand_offset_mm
    shift = moved[None, :, :1] * u[:, None] + moved[None, :, 1:] * v[:, None]
    swing = tilt[None, :, :1] * u[:, None] + tilt[None, :, 1:] * v[:, None]
    entries = entries_lps_mm[:, None] + shift
    return entries, targets_lps_mm[:, None] + shift + swing * length[:, None]
