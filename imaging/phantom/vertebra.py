"""What a spine is built from: frames of bones, vertebrae, and the sizes of a column of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from imaging.geometry import FloatArray


@dataclass(frozen=True, eq=False)
class Frame:
    """Place of a bone: u to the left, v to the back, w to the head.

    Parameters
    ----------
    centre_lps_mm : numpy.ndarray
        Shape (3,).
    tilt_deg : float
        Turn about the left-right axis; positive leans the top forward.
    """

    centre_lps_mm: FloatArray
    tilt_deg: float

    @property
    def axes_lps(self) -> FloatArray:
        """Unit axes u, v, w as rows."""
        sine, cosine = np.sin(np.deg2rad(self.tilt_deg)), np.cos(np.deg2rad(self.tilt_deg))
        return np.array([[1.0, 0.0, 0.0], [0.0, cosine, sine], [0.0, -sine, cosine]])

    def lps(self, uvw_mm: ArrayLike) -> FloatArray:
        """Return places given in this frame, with any further columns left as they are."""
        points = np.asarray(uvw_mm, dtype=float)
        moved = points[..., :3] @ self.axes_lps + self.centre_lps_mm
        return np.concatenate([moved, points[..., 3:]], axis=-1)


@dataclass(frozen=True, eq=False)
class Vertebra:
    """Sizes and place of one vertebra.

    Parameters
    ----------
    level : str
        ``T10`` … ``L5``.
    frame : Frame
        Its origin is the centre of the body.
    width_mm, depth_mm, height_mm : float
        Of the body.
    disc_mm : float
        Height of the disc below.
    pedicle_mm : float
        Half width of the pedicles.
    canal_half_width_mm : float
        Of the canal between them.
    """

    level: str
    frame: Frame
    width_mm: float
    depth_mm: float
    height_mm: float
    disc_mm: float
    pedicle_mm: float
    canal_half_width_mm: float
    sides: tuple[float, float] = field(default=(-1.0, 1.0))

    @property
    def wall_mm(self) -> float:
        """Distance of the posterior wall behind the centre."""
        return self.depth_mm / 2

    @property
    def pedicle_u_mm(self) -> float:
        """Distance of the pedicles from the midline."""
        return self.canal_half_width_mm + self.pedicle_mm


@dataclass(frozen=True, eq=False)
class Column:
    """A row of vertebrae from which one body is built; the centre of L3 is its origin.

    Parameters
    ----------
    sizes : dict
        By level from head to foot, as in ``SIZES``; holds L3.
    canal_half_width_mm : float
        Of the canal.
    sac : tuple of float
        Half distance of the two rods that make the dural sac, and their radius, in mm.
    cord : tuple of float
        The same of the cord.
    transverse_mm : dict
        Reach of the transverse processes from the midline, of levels that carry long ones.
    drop_mm : dict
        How far the spinous processes point downwards, where it is not the usual.
    ends_at_sacrum : bool
        False for a column that is cut off below its last level.
    """

    sizes: dict[str, tuple[float, float, float, float, float, float]]
    canal_half_width_mm: float = 12.5
    sac: tuple[float, float] = (3.6, 5.6)
    cord: tuple[float, float] = (1.1, 3.9)
    transverse_mm: dict[str, float] = field(default_factory=dict)
    drop_mm: dict[str, float] = field(default_factory=dict)
    ends_at_sacrum: bool = True
