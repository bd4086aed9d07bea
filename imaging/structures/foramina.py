"""Where the roots leave the spine: the soft tissue of each foramen, below the pedicle of its level.

No CT shows the roots well enough to be outlined; the place of their exit is anatomy, an assumption.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.structures.canal import Canal
from imaging.structures.levels import SIDES, exit_name, exit_vertebra

# source: general anatomy [BG]; the root lies in the upper half of its foramen, above the disc
ABOVE_DISC_MM = 16.0  # to above the lower border of the pedicle, which is bone and is left out
BELOW_DISC_MM = 4.0
FRONT_MM = 11.0  # of the canal's centre: to the back of the disc
BEHIND_MM = 7.0  # to the facet joint
INNER_MM, OUTER_MM = 3.0, 13.0  # of the canal's side wall: from within it to the psoas
SOFT_HU = (-140, 150)


def exit_names(discs: dict[str, float]) -> tuple[str, ...]:
    """Return the names of the exits below thoracic, lumbar and merely numbered vertebrae.

    Parameters
    ----------
    discs : dict
        Name of a vertebra to the slice at which the disc below it meets the canal.

    Returns
    -------
    tuple of str
        Such as ``nerve_root_exit_L3_left``.
    """
    return tuple(
        exit_name(name, side)
        for name in discs
        if not name.startswith("vertebrae_C")  # cervical roots leave above their vertebra
        for side in SIDES
    )


def paint_exits(
    labels: NDArray[np.uint8],
    hu: NDArray[np.int16],
    canal: Canal,
    spacing_mm_kji: tuple[float, float, float],
    discs: dict[str, float],
    number: dict[str, int],
    over: tuple[int, ...],
) -> None:
    """Paint the exits of the thoracic and lumbar roots.

    Parameters
    ----------
    labels : numpy.ndarray
        Shape (k, j, i) along the patient's axes, changed in place.
    hu : numpy.ndarray
        Same shape, HU.
    canal : Canal
        The spinal canal; the exits lie beside it.
    spacing_mm_kji : tuple of float
        Voxel size.
    discs : dict
        Name of a vertebra to the slice at which the disc below it meets the canal.
    number : dict
        Name to label.
    over : tuple of int
        Labels they may replace; bone is left out.
    """
    axis = canal.axis_kji
    mm_k, mm_j, mm_i = spacing_mm_kji
    for name in exit_names(discs):
        vertebra, side = exit_vertebra(name) or ("", "")
        disc = discs[vertebra]
        low = max(int(np.ceil(disc - BELOW_DISC_MM / mm_k)), int(axis[0, 0]), 0)
        high = min(int(disc + ABOVE_DISC_MM / mm_k), int(axis[-1, 0]), len(labels) - 1)
        for k in range(low, high + 1):
            j, i = (float(np.interp(k, axis[:, 0], axis[:, n])) for n in (1, 2))
            half = 0.5 * canal.width(k)
            rows = slice(max(0, round(j - FRONT_MM / mm_j)), round(j + BEHIND_MM / mm_j) + 1)
            inner, outer = half - INNER_MM / mm_i, half + OUTER_MM / mm_i
            near = (i + inner, i + outer) if side == "left" else (i - outer, i - inner)
            columns = slice(max(0, round(near[0])), max(0, round(near[1]) + 1))
            plane, values = labels[k, rows, columns], hu[k, rows, columns]
            soft = (values > SOFT_HU[0]) & (values < SOFT_HU[1]) & np.isin(plane, over)
            plane[soft] = number[name]
