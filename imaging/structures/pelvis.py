"""The bones of the pelvis as the frame of its vessels: its brim, its side wall and the groin."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import FloatArray

BONE_MM = 3.0  # pixels on which bones are measured
# source of places and sizes: general anatomy [BG]
BELOW_SACRUM_MM = (65.0, 125.0)  # of its top: here the side wall of the pelvis is widest
USUAL_WALL_MM = (92.0, 60.0)  # below the sacrum's top, and from the midline: where it is not seen
PUBIS_MM = 20.0  # bone this near to the midline below the side wall is the pubic bone
BELOW_PUBIS_MM = 12.0  # below its upper border vessels are no longer iliac but femoral
INNERMOST = 0.01  # of a section of bone, against stray voxels
FRONT_SHARE = 0.1  # of a section of bone, the innermost, whose front is taken


@dataclass(frozen=True, eq=False)
class Pelvis:
    """Where the iliac vessels of a side must pass, by the bones.

    Parameters
    ----------
    sacrum_k : float
        Highest slice of the sacrum.
    wall_k : float
        Slice in which the side wall is widest; below the image where it does not reach it.
    wall_mm : float
        Its distance from the midline.
    end_k : int
        Lowest slice of iliac vessels.
    front_j : numpy.ndarray
        Shape (slices,), row of the front of the innermost bone.
    middle_i : float
        Column of the midline.
    sign : float
        1 for the left side, -1 for the right.
    """

    sacrum_k: float
    wall_k: float
    wall_mm: float
    end_k: int
    front_j: FloatArray
    middle_i: float
    sign: float

    @classmethod
    def of(
        cls,
        labels: NDArray[np.uint8],
        number: dict[str, int],
        side: str,
        spacing_mm_kji: tuple[float, float, float],
    ) -> Pelvis | None:
        """Measure it on painted bones.

        Parameters
        ----------
        labels : numpy.ndarray
            Shape (k, j, i) along the patient's axes.
        number : dict
            Name to label.
        side : str
            ``left`` or ``right``.
        spacing_mm_kji : tuple of float
            Voxel size.

        Returns
        -------
        Pelvis or None
            None without sacrum or hip.
        """
        hip = [number[n] for n in (f"hip_{side}", f"femur_{side}") if n in number]
        if "sacrum" not in number or not hip:
            return None
        step = [max(1, int(BONE_MM / mm)) for mm in spacing_mm_kji[1:]]
        few = labels[:, :: step[0], :: step[1]]
        sacrum = np.argwhere(few == number["sacrum"])
        bone = np.argwhere(np.logical_or.reduce([few == n for n in hip]))
        if not len(sacrum) or not len(bone):
            return None
        middle, sign = float(sacrum[:, 2].mean()), 1.0 if side == "left" else -1.0
        side_mm = (bone[:, 2].astype(float) - middle) * (sign * spacing_mm_kji[2] * step[1])
        inner, front = _inner(bone, side_mm, len(labels))
        top = int(sacrum[:, 0].max())
        wall_k, wall_mm = _side_wall(inner, top, spacing_mm_kji[0])
        pubis = np.flatnonzero(inner[: max(0, int(wall_k) + 1)] < PUBIS_MM)
        end = int(pubis.max() - BELOW_PUBIS_MM / spacing_mm_kji[0]) if len(pubis) else 0
        where = float(top), wall_k, wall_mm, max(0, end)
        return cls(*where, front * step[0], middle * step[1], sign)


def _inner(
    bone: NDArray[np.int64], side_mm: FloatArray, slices: int
) -> tuple[FloatArray, FloatArray]:
    """Return the innermost place of bone in each slice, mm, and the foremost row there."""
    inner, front = np.full(slices, np.inf), np.full(slices, np.nan)
    starts = np.searchsorted(bone[:, 0], np.arange(slices + 1))  # argwhere gives slices in order
    for k, (low, high) in enumerate(pairwise(starts)):
        if low == high:
            continue
        own = side_mm[low:high]
        inner[k], near = np.quantile(own, (INNERMOST, FRONT_SHARE))
        front[k] = bone[low:high, 1][own <= near].min()
    known = np.flatnonzero(np.isfinite(front))
    return inner, np.interp(np.arange(slices), known, front[known])


def _side_wall(inner: FloatArray, top: int, slice_mm: float) -> tuple[float, float]:
    """Return the slice in which the side wall is widest, and its distance from the midline."""
    low, high = (top - int(mm / slice_mm) for mm in BELOW_SACRUM_MM[::-1])
    rows = np.arange(max(low, 0), max(high, -1) + 1)
    rows = rows[np.isfinite(inner[rows])]
    if not len(rows) or rows[inner[rows].argmax()] == 0:  # it may grow wider below the image
        return top - USUAL_WALL_MM[0] / slice_mm, USUAL_WALL_MM[1]
    widest = int(rows[inner[rows].argmax()])
    return float(widest), float(inner[widest])
