"""What a radiologist measured in the views: lengths, angles and regions, in the patient."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

import numpy as np
from pydantic import model_validator

from imaging.document import Document, Vector
from imaging.geometry import FloatArray
from imaging.regions import Ellipse

ACROSS = 1e-6  # cosine up to which the axes of a region are perpendicular


class AnnotationKind(StrEnum):
    """What is measured."""

    LENGTH = "length"
    ANGLE = "angle"
    REGION = "region"


POINTS = {AnnotationKind.LENGTH: 2, AnnotationKind.ANGLE: 3, AnnotationKind.REGION: 3}


class Annotation(Document):
    """A length, an angle or a region that was drawn on a slice.

    Attributes
    ----------
    number : int
        Tells it from the others of its plan; from 1, never used twice at a time.
    kind : AnnotationKind
        What is measured.
    points_lps_mm : tuple of Vector
        Of a length its ends; of an angle the end of an arm, the vertex, the end of the other arm;
        of a region the middle of an ellipse and the ends of its two half axes.
    normal_lps : Vector
        Unit vector across the slice it was drawn on.
    """

    number: int
    kind: AnnotationKind
    points_lps_mm: tuple[Vector, ...]
    normal_lps: Vector

    @model_validator(mode="after")
    def _has_its_points(self) -> Self:
        wanted = POINTS[self.kind]
        if len(self.points_lps_mm) != wanted:
            message = f"a measured {self.kind.value} has {wanted} points"
            raise ValueError(message)
        if not np.isclose(np.linalg.norm(self.normal_lps), 1.0, atol=1e-3):
            message = "the normal of a slice has length 1"
            raise ValueError(message)
        return self

    @property
    def length_mm(self) -> float:
        """From the first point to the second."""
        first, second = self.points_lps_mm[:2]
        return float(np.linalg.norm(np.subtract(first, second)))

    @property
    def angle_deg(self) -> float:
        """Between the arms of an angle; 0 where an arm has no length."""
        one, vertex, other = (np.array(point) for point in self.points_lps_mm)
        arms = one - vertex, other - vertex
        across = float(np.linalg.norm(np.cross(*arms)))
        return float(np.rad2deg(np.arctan2(across, float(arms[0] @ arms[1]))))

    @property
    def ellipse(self) -> Ellipse:
        """The region's ellipse."""
        middle, one, other = (np.array(point) for point in self.points_lps_mm)
        return Ellipse(middle, one - middle, other - middle)

    def as_told(self) -> dict[str, Any]:
        """Return the JSON of ``osteoplan plan``.

        Returns
        -------
        dict
            Kind, points, and what is measured: ``length_mm``, ``angle_deg`` or ``area_mm2``.
        """
        told: dict[str, Any] = {
            "kind": self.kind.value,
            "points_lps_mm": [list(point) for point in self.points_lps_mm],
        }
        if self.kind is AnnotationKind.LENGTH:
            return told | {"length_mm": self.length_mm}
        if self.kind is AnnotationKind.ANGLE:
            return told | {"angle_deg": self.angle_deg}
        return told | {"area_mm2": self.ellipse.area_mm2}

    def moved(self, end: int, place_lps_mm: FloatArray) -> Annotation:
        """Return the measurement with one of its points at another place of its slice.

        Parameters
        ----------
        end : int
            Index of the point.
        place_lps_mm : numpy.ndarray
            Shape (3,); brought into the plane of the measurement.

        Returns
        -------
        Annotation
            The middle of a region takes all of it along; the axes of an ellipse stay
            perpendicular: the first turns the ellipse, the second changes only its own length.
        """
        points = [np.array(point) for point in self.points_lps_mm]
        normal = np.array(self.normal_lps)
        place = place_lps_mm - float((place_lps_mm - points[end]) @ normal) * normal
        if self.kind is not AnnotationKind.REGION:
            points[end] = place
        elif end == 0:
            points = [point + (place - self.points_lps_mm[0]) for point in points]
        else:
            points = _with_axis(points, end, place, normal)
        return self.model_copy(update={"points_lps_mm": tuple(_vector(one) for one in points)})


def _with_axis(
    points: list[FloatArray], end: int, place: FloatArray, normal: FloatArray
) -> list[FloatArray]:
    """Return the points of an ellipse with one of its half axes changed."""
    middle, one, other = points
    if end == 1:
        first = place - middle
        across = np.cross(normal, first)
        size = float(np.linalg.norm(across))
        if size < ACROSS:
            return points
        return [middle, place, middle + across / size * float(np.linalg.norm(other - middle))]
    along = np.cross(normal, one - middle)
    size = float(np.linalg.norm(along))
    if size < ACROSS:
        return points
    half = abs(float((place - middle) @ along)) / size
    return [middle, one, middle + along / size * half]


def length(number: int, ends: tuple[Vector, Vector], normal_lps: Vector) -> Annotation:
    """Return a measured length.

    Parameters
    ----------
    number : int
        Tells it from the others.
    ends : tuple of Vector
        LPS millimetres.
    normal_lps : Vector
        Across the slice.

    Returns
    -------
    Annotation
        Of kind length.
    """
    kind = AnnotationKind.LENGTH
    return Annotation(number=number, kind=kind, points_lps_mm=ends, normal_lps=normal_lps)


def angle(number: int, points: tuple[Vector, Vector, Vector], normal_lps: Vector) -> Annotation:
    """Return a measured angle.

    Parameters
    ----------
    number : int
        Tells it from the others.
    points : tuple of Vector
        End of an arm, vertex, end of the other arm.
    normal_lps : Vector
        Across the slice.

    Returns
    -------
    Annotation
        Of kind angle.
    """
    kind = AnnotationKind.ANGLE
    return Annotation(number=number, kind=kind, points_lps_mm=points, normal_lps=normal_lps)


def circle(number: int, middle: Vector, on_it: Vector, normal_lps: Vector) -> Annotation:
    """Return a round region.

    Parameters
    ----------
    number : int
        Tells it from the others.
    middle, on_it : Vector
        Of the circle, and a place on it.
    normal_lps : Vector
        Across the slice.

    Returns
    -------
    Annotation
        Of kind region; its axes can be dragged to an ellipse.
    """
    across = np.cross(normal_lps, np.subtract(on_it, middle))
    points = (middle, on_it, _vector(np.array(middle) + across))
    kind = AnnotationKind.REGION
    return Annotation(number=number, kind=kind, points_lps_mm=points, normal_lps=normal_lps)


def next_number(annotations: tuple[Annotation, ...]) -> int:
    """Return a number that none of the measurements has.

    Parameters
    ----------
    annotations : tuple of Annotation
        Of a plan.

    Returns
    -------
    int
        From 1.
    """
    return 1 + max((one.number for one in annotations), default=0)


def _vector(point: FloatArray) -> Vector:
    x, y, z = (float(n) for n in point)
    return x, y, z
