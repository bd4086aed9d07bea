"""Slices of a case for pictures: the CT on any plane, with everything planned cut by it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import BoolArray, FloatArray, perpendicular_axes, unit
from imaging.volume import AIR_HU, Volume, sample
from planning.plan import Case

PIXEL_MM = 0.5


@dataclass(frozen=True, eq=False)
class Plane:
    """A rectangle in the patient.

    Parameters
    ----------
    name : str
        Key of its title.
    centre_lps_mm : numpy.ndarray
        Shape (3,), middle of the picture.
    right, down : numpy.ndarray
        Unit vectors along the picture's columns and rows.
    half_width_mm, half_height_mm : float
        From the middle to the edges.
    """

    name: str
    centre_lps_mm: FloatArray
    right: FloatArray
    down: FloatArray
    half_width_mm: float
    half_height_mm: float

    @property
    def normal(self) -> FloatArray:
        """Unit vector away from the viewer."""
        return np.cross(self.right, self.down)

    def places_lps_mm(self) -> FloatArray:
        """Return the centres of the picture's pixels, shape (rows, columns, 3)."""
        across = np.arange(-self.half_width_mm, self.half_width_mm, PIXEL_MM) + PIXEL_MM / 2
        along = np.arange(-self.half_height_mm, self.half_height_mm, PIXEL_MM) + PIXEL_MM / 2
        return (
            self.centre_lps_mm
            + along[:, None, None] * self.down
            + across[None, :, None] * self.right
        )

    def project(self, point_lps_mm: FloatArray) -> tuple[float, float, float]:
        """Return where a point lies in the picture.

        Parameters
        ----------
        point_lps_mm : numpy.ndarray
            Shape (3,).

        Returns
        -------
        tuple of float
            Millimetres to the right, down, and behind the plane.
        """
        offset = point_lps_mm - self.centre_lps_mm
        return (
            float(offset @ self.right),
            float(offset @ self.down),
            float(offset @ self.normal),
        )


LEFT, BACK, HEAD = np.eye(3)
# Radiological convention: the patient's right is on the left of the picture.
STANDARD_AXES = {
    "axial": (LEFT, BACK),
    "coronal": (LEFT, -HEAD),
    "sagittal": (BACK, -HEAD),
}


def standard_plane(name: str, centre_lps_mm: FloatArray, half_mm: float) -> Plane:
    """Return an axial, coronal or sagittal plane.

    Parameters
    ----------
    name : str
        ``axial``, ``coronal`` or ``sagittal``.
    centre_lps_mm : numpy.ndarray
        Shape (3,).
    half_mm : float
        From the middle to the edges.

    Returns
    -------
    Plane
        In radiological convention.
    """
    right, down = STANDARD_AXES[name]
    return Plane(name, centre_lps_mm, right, down, half_mm, half_mm)


def needle_plane(entry_lps_mm: FloatArray, target_lps_mm: FloatArray) -> Plane:
    """Return the plane that holds the needle and lies as flat to the axial plane as it can.

    Parameters
    ----------
    entry_lps_mm, target_lps_mm : numpy.ndarray
        Shape (3,).

    Returns
    -------
    Plane
        Seen so that the patient's left is right wherever the needle allows it.
    """
    advance = unit(target_lps_mm - entry_lps_mm)
    across = np.cross(HEAD, advance)
    side = unit(across) if np.linalg.norm(across) > 0.2 else perpendicular_axes(advance)[0]
    normal = unit(np.cross(advance, side))
    if normal @ HEAD < 0:
        normal = -normal
    right = unit(LEFT - (LEFT @ normal) * normal)
    down = np.cross(normal, right)
    centre = (entry_lps_mm + target_lps_mm) / 2
    half = float(np.linalg.norm(target_lps_mm - entry_lps_mm)) / 2 + 45.0
    return Plane("needle", centre, right, down, half, half)


@dataclass(frozen=True, eq=False)
class Cut:
    """What a plane cuts.

    Parameters
    ----------
    plane : Plane
        Where.
    hu : numpy.ndarray
        Shape (rows, columns).
    lesion : numpy.ndarray
        Same shape, 0 to 1; the outline is at 0.5.
    structures : dict
        Masks by name.
    temperature_c : numpy.ndarray or None
        Of the simulation shown; NaN where it was not simulated.
    """

    plane: Plane
    hu: FloatArray
    lesion: FloatArray
    structures: dict[str, BoolArray]
    temperature_c: FloatArray | None


def cut(case: Case, volume: Volume, plane: Plane, simulation: int | None) -> Cut:
    """Cut a case by a plane.

    Parameters
    ----------
    case : Case
        What is planned.
    volume : Volume
        The CT.
    plane : Plane
        Where.
    simulation : int or None
        Index of the simulation whose temperature is wanted.

    Returns
    -------
    Cut
        Interpolated on the picture's pixels.
    """
    places = plane.places_lps_mm()
    hu = volume.hu_at(places)
    lesion = np.zeros(hu.shape)
    if case.lesion is not None:
        lesion = sample(case.lesion.view(np.uint8), volume.grid, places, order=1, outside=0.0)
    structures: dict[str, BoolArray] = {}
    if case.structures is not None:
        labels = sample(case.structures.labels, volume.grid, places, order=0, outside=0)
        structures = _by_name(case, labels)
    temperature = None
    if simulation is not None:
        field = case.fields[simulation]
        temperature = sample(field.temperature_c, field.grid, places, order=1, outside=float("nan"))
    return Cut(plane, np.where(np.isfinite(hu), hu, AIR_HU), lesion, structures, temperature)


def _by_name(case: Case, labels: NDArray[np.float64]) -> dict[str, BoolArray]:
    if case.structures is None:
        return {}
    return {
        row.name: np.equal(labels, row.label)
        for row in case.structures.table
        if row.class_ == "forbidden" and (labels == row.label).any()
    }
