"""How the three linked planes lie in the patient; turned ones stay perpendicular to each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from imaging.document import Vector
from imaging.geometry import FloatArray

Sides: TypeAlias = tuple[Vector, Vector]  # right and down on the screen, LPS

LEFT, BACK, FEET = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0)
# Patient's axes across the standard planes, as their tilt is told: to the head, front and left.
TOLD: dict[str, Vector] = {
    "axial": (0.0, 0.0, 1.0),
    "coronal": (0.0, -1.0, 0.0),
    "sagittal": (1.0, 0.0, 0.0),
}
MOST_KNOWN = 64  # answers that are kept
LEAST_DEG = 0.05  # of a tilt that is told


@dataclass(frozen=True)
class Planes:
    """The planes of the three linked slices.

    Parameters
    ----------
    axial, coronal, sagittal : tuple of Vector
        Unit vectors right and down on the screen, LPS. Radiological convention at first: seen from
        the feet, from the front, from the left.
    """

    axial: Sides = (LEFT, BACK)
    coronal: Sides = (LEFT, FEET)
    sagittal: Sides = (BACK, FEET)

    def sides(self, name: str) -> Sides:
        """Return right and down of a plane.

        Parameters
        ----------
        name : str
            ``axial``, ``coronal`` or ``sagittal``.

        Returns
        -------
        tuple of Vector
            Unit vectors, LPS.
        """
        found: Sides = getattr(self, name)
        return found

    def normal(self, name: str) -> FloatArray:
        """Return the direction across a plane, away from the viewer.

        Parameters
        ----------
        name : str
            ``axial``, ``coronal`` or ``sagittal``.

        Returns
        -------
        numpy.ndarray
            Shape (3,), unit vector, LPS.
        """
        normal: FloatArray = np.cross(*self.sides(name))
        return normal

    def turned(self, name: str, angle_deg: float) -> Planes:
        """Return the planes with the lines of the other two turned in the picture of one.

        Parameters
        ----------
        name : str
            Of the plane in which they are turned; it stays as it is.
        angle_deg : float
            From right to down on the screen.

        Returns
        -------
        Planes
            Still perpendicular to each other.
        """
        axis, angle = self.normal(name), np.deg2rad(angle_deg)
        changed = {
            other: tuple(_turned(side, axis, angle) for side in self.sides(other))
            for other in TOLD
            if other != name
        }
        return replace(self, **changed)  # type: ignore[arg-type]

    def is_oblique(self, name: str) -> bool:
        """Tell whether a plane runs along no two axes of the patient.

        Parameters
        ----------
        name : str
            ``axial``, ``coronal`` or ``sagittal``.

        Returns
        -------
        bool
            True from a tilt that is told.
        """
        return bool(self.tilts_deg(name))

    def tilts_deg(self, name: str) -> dict[str, float]:
        """Return how a plane leans away from its standard place.

        Parameters
        ----------
        name : str
            ``axial``, ``coronal`` or ``sagittal``.

        Returns
        -------
        dict
            Letter of a side to degrees: how far the direction across the plane, to the head, front
            or left, leans to that side.
        """
        return dict(_tilts_deg(self, name))

    def line_deg(self, name: str, other: str) -> float:
        """Return how the line of one plane lies in the picture of another.

        Parameters
        ----------
        name : str
            Of the plane whose picture it is.
        other : str
            Of the plane that is seen as a line.

        Returns
        -------
        float
            From right to down on the screen, at least −90 and below 90.
        """
        return _line_deg(self, name, other)


def _turned(side: Vector, axis: FloatArray, angle: float) -> Vector:
    """Return a unit vector turned about an axis (Rodrigues), its length one again."""
    v = np.array(side)
    turned = (
        v * np.cos(angle)
        + np.cross(axis, v) * np.sin(angle)
        + axis * float(axis @ v) * (1 - np.cos(angle))
    )
    x, y, z = (float(n) for n in turned / np.linalg.norm(turned))
    return x, y, z


@lru_cache(maxsize=MOST_KNOWN)
def _tilts_deg(planes: Planes, name: str) -> dict[str, float]:
    """Return tilts by side; kept, since every drawing of a view asks for them."""
    told = np.array(TOLD[name])
    across = planes.normal(name)
    across = across if float(across @ told) >= 0 else -across
    tilts = {}
    for axis, (low, high) in enumerate((("R", "L"), ("A", "P"), ("I", "S"))):
        if abs(told[axis]) > 0.5:
            continue
        angle = float(np.rad2deg(np.arctan2(across[axis], float(across @ told))))
        if abs(angle) >= LEAST_DEG:
            tilts[high if angle > 0 else low] = abs(angle)
    return tilts


@lru_cache(maxsize=MOST_KNOWN)
def _line_deg(planes: Planes, name: str, other: str) -> float:
    """Return how a line lies; kept, since every drawing of a view asks for it."""
    along = np.cross(planes.normal(name), planes.normal(other))
    right, down = (np.array(side) for side in planes.sides(name))
    angle = float(np.rad2deg(np.arctan2(float(along @ down), float(along @ right))))
    return (angle + 90.0) % 180.0 - 90.0
