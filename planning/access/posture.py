"""How the patient lies, at the table and in the CT."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import numpy as np

from imaging.geometry import BoolArray, FloatArray

Provisional = Literal["posture", "posture_unknown", "breathing", "not_cleared"]
FACING = 0.5  # cosine of the outward normal to the couch from which skin lies on it


class Position(StrEnum):
    """How the patient lies during the procedure; ``left`` and ``right`` name the side that is down.

    ``auto`` leaves it open: all skin is reachable.
    """

    AUTO = "auto"
    SUPINE = "supine"
    PRONE = "prone"
    LEFT = "left"
    RIGHT = "right"


DOWN_LPS = {
    Position.SUPINE: (0.0, 1.0, 0.0),
    Position.PRONE: (0.0, -1.0, 0.0),
    Position.LEFT: (1.0, 0.0, 0.0),
    Position.RIGHT: (-1.0, 0.0, 0.0),
}
# DICOM PS3.3 C.7.3.1.1.2: the last letters of Patient Position.
POSTURES = {
    "S": Position.SUPINE,
    "P": Position.PRONE,
    "DL": Position.LEFT,
    "DR": Position.RIGHT,
}


def posture_of_ct(patient_position: str) -> Position | None:
    """Return how the patient lay in the CT.

    Parameters
    ----------
    patient_position : str
        DICOM Patient Position, such as ``HFS`` or ``FFDL``; empty when unknown.

    Returns
    -------
    Position or None
        None when it is unknown, or another posture such as sitting.
    """
    value = patient_position.strip().upper()
    return POSTURES.get(value[2:]) if value[:2] in {"HF", "FF"} else None


def is_reachable(normals_lps: FloatArray, position: Position) -> BoolArray:
    """Tell which skin does not lie on the couch.

    Parameters
    ----------
    normals_lps : numpy.ndarray
        Shape (n, 3), outward unit normals of the skin.
    position : Position
        How the patient lies.

    Returns
    -------
    numpy.ndarray
        Shape (n,), bool.
    """
    if position == Position.AUTO:
        return np.ones(len(normals_lps), dtype=bool)
    free: BoolArray = normals_lps @ np.array(DOWN_LPS[position]) < FACING
    return free


def positions_reaching(normal_lps: FloatArray) -> tuple[Position, ...]:
    """Return the positions in which a point of the skin does not lie on the couch.

    Parameters
    ----------
    normal_lps : numpy.ndarray
        Shape (3,), outward unit normal.

    Returns
    -------
    tuple of Position
        Without ``auto``.
    """
    one = normal_lps[None, :]
    return tuple(position for position in DOWN_LPS if bool(is_reachable(one, position)[0]))


def doubt_of_posture(
    normal_lps: FloatArray, position: Position, ct: Position | None
) -> tuple[Provisional, ...]:
    """Return why a way in is provisional because of how the patient lies.

    Organs move when a patient is turned: only a way planned in the posture of the CT may count.

    Parameters
    ----------
    normal_lps : numpy.ndarray
        Shape (3,), outward unit normal of the skin at its entry.
    position : Position
        How the patient will lie; ``auto`` is the posture of the CT where that reaches the entry.
    ct : Position or None
        How the patient lay in the CT.

    Returns
    -------
    tuple of Provisional
        ``posture`` or ``posture_unknown``; empty where nothing speaks against it.
    """
    if ct is None:
        return ("posture_unknown",)
    planned = ct if position == Position.AUTO else position
    same = planned == ct and bool(is_reachable(normal_lps[None, :], ct)[0])
    return () if same else ("posture",)
