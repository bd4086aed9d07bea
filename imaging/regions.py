"""Values of the voxels that an ellipse on a plane holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imaging.geometry import FloatArray, block
from imaging.volume import Volume


@dataclass(frozen=True, eq=False)
class Ellipse:
    """An ellipse on a plane in the patient.

    Parameters
    ----------
    middle_lps_mm : numpy.ndarray
        Shape (3,).
    one_lps_mm, other_lps_mm : numpy.ndarray
        Shape (3,), from the middle along its half axes, perpendicular to each other.
    """

    middle_lps_mm: FloatArray
    one_lps_mm: FloatArray
    other_lps_mm: FloatArray

    @property
    def halves_mm(self) -> tuple[float, float]:
        """Lengths of the half axes."""
        one, other = np.linalg.norm(self.one_lps_mm), np.linalg.norm(self.other_lps_mm)
        return float(one), float(other)

    @property
    def area_mm2(self) -> float:
        """π times the half axes."""
        return float(np.pi * np.prod(self.halves_mm))

    def outline_lps_mm(self, points: int = 73) -> FloatArray:
        """Return places along it.

        Parameters
        ----------
        points : int
            How many; the last is the first again.

        Returns
        -------
        numpy.ndarray
            Shape (points, 3).
        """
        turn = np.linspace(0.0, 2 * np.pi, points)[:, None]
        return (
            self.middle_lps_mm + np.cos(turn) * self.one_lps_mm + np.sin(turn) * self.other_lps_mm
        )


@dataclass(frozen=True)
class RegionValues:
    """What the voxels of a region say.

    Parameters
    ----------
    voxels : int
        How many.
    mean_hu, sd_hu, min_hu, max_hu : float
        Of them; the standard deviation is that of these voxels, not an estimate for others.
    """

    voxels: int
    mean_hu: float
    sd_hu: float
    min_hu: float
    max_hu: float


def region_values(volume: Volume, ellipse: Ellipse) -> RegionValues | None:
    """Return what the voxels of an ellipse say; nothing is interpolated.

    A voxel counts when the foot of its centre on the plane lies in the ellipse and within that
    voxel: on a slice of the CT these are the voxels whose centres the ellipse holds.

    Parameters
    ----------
    volume : Volume
        The CT.
    ellipse : Ellipse
        On any plane.

    Returns
    -------
    RegionValues or None
        None where no voxel counts.
    """
    a, b = ellipse.halves_mm
    if min(a, b) <= 0:
        return None
    one, other = ellipse.one_lps_mm / a, ellipse.other_lps_mm / b
    grid = volume.grid
    margin_mm = float(np.linalg.norm(grid.spacing_mm_kji))
    start, size = grid.around(ellipse.outline_lps_mm(), margin_mm)
    indices = np.stack(np.meshgrid(*(np.arange(n) for n in size), indexing="ij"), -1)
    indices = indices.reshape(-1, 3) + np.array(start)
    offset = grid.to_lps(indices) - ellipse.middle_lps_mm
    u, v = offset @ one, offset @ other
    within = (u / a) ** 2 + (v / b) ** 2 <= 1.0
    foot = ellipse.middle_lps_mm + u[within, None] * one + v[within, None] * other
    nearest = np.floor(grid.to_kji(foot) + 0.5).astype(np.int64)
    is_own = (nearest == indices[within]).all(axis=1)
    found = volume.hu[block(start, size)].reshape(-1)[np.flatnonzero(within)[is_own]]
    if not found.size:
        return None
    values = found.astype(float)
    return RegionValues(
        len(values),
        float(values.mean()),
        float(values.std()),
        float(values.min()),
        float(values.max()),
    )
