"""Bowel around its gas: wall and content, as far as gas shows where they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.structures.coarse import CoarseImage, closer_than, step_about
from imaging.structures.contrast import Contrast

WORK_MM = (3.0, 2.4, 2.4)
WALL_MM = 9.0  # a wall of 3 mm, and what content its gas floats on
TISSUE_HU = -20.0  # fat of the mesentery is left out


def paint_bowel(
    labels: NDArray[np.uint8],
    hu: NDArray[np.int16],
    spacing_mm_kji: tuple[float, float, float],
    gas: int,
    label: int,
    over: tuple[int, ...],
) -> None:
    """Paint the soft tissue around the gas of the bowel.

    Parameters
    ----------
    labels : numpy.ndarray
        Shape (k, j, i) along the patient's axes, changed in place.
    hu : numpy.ndarray
        Same shape, HU.
    spacing_mm_kji : tuple of float
        Voxel size.
    gas : int
        Label of gas.
    label : int
        Of bowel.
    over : tuple of int
        Labels it may replace: those of the cavity.
    """
    step = step_about(spacing_mm_kji, WORK_MM)
    every = tuple(slice(n // 2, None, n) for n in step)
    held = labels[every] == gas
    if not held.any():
        return
    spacing = [mm * n for mm, n in zip(spacing_mm_kji, step, strict=True)]
    near = closer_than(held, WALL_MM, (spacing[0], spacing[1], spacing[2]))
    image = CoarseImage(np.zeros((0, 0, 0), np.float32), step, (spacing[0], spacing[1], spacing[2]))
    padded = np.pad(near, [(0, 1)] * 3, mode="edge")
    wide = Contrast(padded, image)
    for k, plane in enumerate(labels):
        inside = wide.plane(k, plane.shape)
        if inside.any():
            plane[inside & (hu[k] > TISSUE_HU) & np.isin(plane, over)] = label
