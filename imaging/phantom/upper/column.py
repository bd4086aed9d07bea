"""The spine of the upper trunk: C7 to T12 with their kyphosis, cord, roots and intercostal nerves.

The levels from T10 down are those of :mod:`imaging.phantom.spine`, so that both bodies stand in one
frame: z counts from the centre of L3. Bodies are 28 to 33 mm wide and 17 to 30 mm deep, pedicles
narrowest at T4, the canal about 17 mm across, the kyphosis from T1 to T12 about 34° of a patient
on the back (Panjabi et al., Spine 1991; Fon et al., AJR 1980 [BG: read from memory, not looked
up]).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from imaging.geometry import FloatArray
from imaging.phantom import model, spine
from imaging.phantom.model import Layer
from imaging.phantom.sampling import chain
from imaging.phantom.solids import Shape
from imaging.phantom.vertebra import Column

# level: as in spine.SIZES
SIZES = {
    "C6": (14.0, 24.0, 16.0, 13.5, 5.0, 2.9),
    "C7": (19.0, 27.0, 16.5, 15.0, 5.0, 3.2),
    "T1": (22.0, 29.0, 17.5, 17.0, 4.2, 4.0),
    "T2": (20.0, 28.0, 19.0, 18.0, 4.0, 3.5),
    "T3": (16.0, 27.0, 20.5, 18.5, 4.0, 2.9),
    "T4": (12.0, 26.5, 22.0, 19.0, 4.0, 2.5),
    "T5": (8.0, 27.0, 24.0, 19.5, 4.2, 2.6),
    "T6": (4.0, 28.0, 25.5, 20.0, 4.4, 2.8),
    "T7": (1.0, 29.5, 27.0, 20.5, 4.6, 3.0),
    "T8": (-2.0, 31.0, 28.0, 21.5, 4.8, 3.2),
    "T9": (-4.0, 33.0, 29.0, 22.5, 5.0, 3.4),
}
BELOW = ("T10", "T11", "T12", "L1", "L2", "L3")
# reach of the transverse processes from the midline: falls from T1 to T12
TRANSVERSE_MM = {
    "C7": 33.0, "T1": 37.0, "T2": 34.0, "T3": 32.0, "T4": 31.0, "T5": 31.0, "T6": 31.0,
    "T7": 30.5, "T8": 30.0, "T9": 29.0, "T10": 27.0, "T11": 23.0, "T12": 21.0,
}  # fmt: skip
DROP_MM = {"C6": 3.0, "C7": 3.0, "T1": 5.0, "T2": 8.0, "T4": 11.0, "T5": 13.0, "T6": 13.0,
           "T7": 13.0, "T8": 12.0}  # fmt: skip

UPPER = Column(
    {**SIZES, **{level: spine.SIZES[level] for level in BELOW}},
    canal_half_width_mm=9.8,
    sac=(2.4, 5.3),
    cord=(1.1, 3.2),
    transverse_mm=TRANSVERSE_MM,
    drop_mm=DROP_MM,
    ends_at_sacrum=False,
)
NERVE_RADIUS_MM = 1.2


@cache
def t8_z_mm() -> float:
    """Return the height of the centre of T8 above that of L3."""
    return float(spine.vertebrae(UPPER)["T8"].frame.centre_lps_mm[2])


def from_t8(points: ArrayLike) -> FloatArray:
    """Return places whose heights are given from the centre of T8.

    Parameters
    ----------
    points : array_like
        Shape (..., 3 or more): x, y in LPS millimetres, z from T8, and columns that stay.

    Returns
    -------
    numpy.ndarray
        Same shape, LPS millimetres.
    """
    rows = np.array(points, dtype=float)
    rows[..., 2] += t8_z_mm()
    return rows


def root_line(level: str, side: float) -> FloatArray:
    """Return the course of the root below a vertebra, to where it meets its rib.

    Parameters
    ----------
    level : str
        Vertebra whose pedicle the root passes under.
    side : float
        −1 right, 1 left.

    Returns
    -------
    numpy.ndarray
        Shape (4, 4): LPS millimetres and radius; the ganglion is the thickest.
    """
    one = spine.vertebrae(UPPER)[level]
    d, half, u = one.wall_mm, one.height_mm / 2, one.pedicle_u_mm
    rows = [
        [side * 5.0, d + spine.CANAL_DEPTH_MM - 2, half - 7, 1.3],
        [side * (u - 3), d + 5.5, -half * 0.45, 1.5],
        [side * (u + 2), d + 4.5, -half * 0.8, 2.4],
        [side * (u + 11), d + 6, -half - 1, 1.4],
    ]
    return one.frame.lps(rows)


def nerves() -> list[Layer]:
    """Return canal, sac, cord and the roots with their ganglia."""
    layers = [
        Layer("spinal_canal", spine.canal_shape(UPPER), model.EPIDURAL_FAT),
        Layer("spinal_canal", spine.sac_shape(UPPER), model.CSF),
        Layer("spinal_cord", spine.cord_shape(UPPER), model.CORD),
    ]
    for level in (*SIZES, *BELOW[:3]):
        for side, name in ((-1.0, "right"), (1.0, "left")):
            shape = Shape((chain(root_line(level, side)),), step_mm=0.8)
            layers.append(Layer(f"nerve_root_{level}_{name}", shape, model.NERVE))
    return layers
