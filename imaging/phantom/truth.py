"""What is known of a generated lesion, measured on the model and not on the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from pydantic import Field as Filled
from scipy.ndimage import label
from scipy.spatial import ConvexHull, distance
from skimage.measure import marching_cubes

from imaging.document import Document, Vector
from imaging.errors import refuse_image
from imaging.geometry import FloatArray, Grid
from imaging.phantom.solids import BAND_MM, FieldArray

Kind: TypeAlias = Literal["lytic", "mixed", "blastic"]
Compression: TypeAlias = Literal["0", "1a", "1b", "1c", "2", "3"]
Side: TypeAlias = Literal["left", "right", "midline"]

LATTICE_MM = 0.5  # lattice of the measurements; halving it moves no diameter by 0.1 mm
METHOD = (
    "Measured on the model's signed distances on a 0.5 mm lattice, before any blur or sampling by "
    "the scanner: volume inside the zero surface (marching cubes), length between the two most "
    "distant points of it, width the greatest extent projected across that length."
)


class LesionTruth(Document):
    """What is true of a lesion.

    Attributes
    ----------
    centre_lps_mm : tuple of float
        Inside the lesion, as near to its centroid as a safe depth allows.
    seed_lps_mm : tuple of float
        Deepest place inside the lesion.
    length_mm : float
        Greatest diameter in 3-D.
    width_mm : float
        Greatest extent across that diameter.
    volume_ml : float
        Volume of the model.
    volume_formula_ml : float
        length × width² / 2000.
    length_ends_lps_mm, width_ends_lps_mm : tuple
        Both ends of each; those of the width moved along the length to one height, so that their
        distance is the width.
    kind : str
        ``lytic``, ``mixed`` or ``blastic``.
    cortical_breach : bool
        Whether it breaks through the bone's cortex.
    bone : str
        Bone as the questions of ``osteoplan recommend`` name it.
    level : str or None
        Vertebral level, or number of the rib as ``T11``.
    side : str
        ``left``, ``right`` or ``midline``.
    structure : str
        Label of the bone it lies in.
    """

    centre_lps_mm: Vector
    seed_lps_mm: Vector
    length_mm: float
    width_mm: float
    volume_ml: float
    volume_formula_ml: float
    length_ends_lps_mm: tuple[Vector, Vector]
    width_ends_lps_mm: tuple[Vector, Vector]
    kind: Kind
    cortical_breach: bool
    bone: str | None
    level: str | None
    side: Side | None
    structure: str | None


class Findings(Document):
    """What is to be reported of a lesion beside its size; None where the question has no sense.

    Attributes
    ----------
    cortical_breach_lps_mm : tuple of float or None
        Middle of the hole in the bone's surface.
    cortical_breach_towards : str or None
        ``canal`` or ``soft_tissue``: where most of the part outside the bone lies.
    posterior_wall_breach : bool or None
        Whether the lesion enters the spinal or sacral canal.
    escc : str or None
        Epidural extent after Bilsky, ``0`` … ``3``.
    collapse_percent : float or None
        Height the front of the vertebral body has lost.
    body_involved_percent : float or None
        Part of the vertebral body the lesion takes.
    long_bone_site : str or None
        ``peritrochanteric`` or ``upper_limb``.
    long_bone_fraction : float or None
        Greatest part of the bone's diameter the lesion takes on an axial section.
    cortex_fraction : float or None
        Greatest part of the cortex's area it takes on an axial section.
    impending_fracture : bool or None
        Above two thirds of the diameter, or half of the cortex and more.
    distance_mm : dict
        From the lesion's surface to the nearest structure of each group; 0 when it enters it.
    nearest : dict
        Name of that structure.
    """

    cortical_breach_lps_mm: Vector | None = None
    cortical_breach_towards: Literal["canal", "soft_tissue"] | None = None
    posterior_wall_breach: bool | None = None
    escc: Compression | None = None
    collapse_percent: float | None = None
    body_involved_percent: float | None = None
    long_bone_site: Literal["peritrochanteric", "upper_limb"] | None = None
    long_bone_fraction: float | None = None
    cortex_fraction: float | None = None
    impending_fracture: bool | None = None
    distance_mm: dict[str, float] = Filled(default_factory=dict)
    nearest: dict[str, str] = Filled(default_factory=dict)


class LabelVolume(Document):
    """A label that occurs in the label map."""

    name: str
    label: int
    volume_ml: float


class Truth(Document):
    """Content of ``truth.json``.

    Attributes
    ----------
    case : str
        Name of the case, or ``inserted``.
    title_fr, title_en : str
        Its title.
    seed : int
        Of the lesion's border and the noise.
    series_uid : str
        Of the written series; empty until it is written.
    into : str or None
        UID of the real series the lesion was put into.
    spacing_mm_kji : tuple of float
        Of the series.
    lesion : LesionTruth
        The lesion.
    labels : tuple of LabelVolume
        Volumes of the labels, counted in voxels.
    findings : Findings or None
        Beside its size; None for a lesion in a real series, whose neighbours nobody measured.
    method : str
        How the lesion was measured.
    """

    case: str
    title_fr: str
    title_en: str
    seed: int
    series_uid: str
    into: str | None
    spacing_mm_kji: Vector
    lesion: LesionTruth
    labels: tuple[LabelVolume, ...]
    findings: Findings | None = None
    method: str = METHOD


@dataclass(frozen=True, eq=False)
class Measured:
    """Size and places of a solid.

    Parameters
    ----------
    volume_ml, length_mm, width_mm : float
        As in :class:`LesionTruth`.
    length_ends_lps_mm, width_ends_lps_mm : numpy.ndarray
        Shape (2, 3).
    centre_lps_mm, deepest_lps_mm : numpy.ndarray
        Shape (3,).
    """

    volume_ml: float
    length_mm: float
    width_mm: float
    length_ends_lps_mm: FloatArray
    width_ends_lps_mm: FloatArray
    centre_lps_mm: FloatArray
    deepest_lps_mm: FloatArray


def largest_piece(distances: FieldArray) -> FieldArray:
    """Return a solid without the pieces that hang apart from its largest one.

    Parameters
    ----------
    distances : numpy.ndarray
        Shape (nz, ny, nx), signed, negative inside, in millimetres.

    Returns
    -------
    numpy.ndarray
        Same shape.

    Raises
    ------
    ImagingError
        When nothing of the solid is left.
    """
    pieces, count = label(distances < 0)
    if count == 0:
        raise refuse_image(
            "lesion_empty",
            "nothing of the lesion lies inside the bone; choose a larger diameter or another place",
        )
    biggest = int(np.argmax(np.bincount(pieces.ravel())[1:])) + 1
    others = (pieces > 0) & (pieces != biggest)
    return np.where(others, np.float32(BAND_MM), distances)


def measure(distances: FieldArray, lattice: Grid) -> Measured:
    """Measure a solid on its zero surface.

    Parameters
    ----------
    distances : numpy.ndarray
        Shape of the lattice; signed distances of one piece, positive along the lattice's edge.
    lattice : Grid
        Where they lie.

    Returns
    -------
    Measured
        Volume, diameters and places.
    """
    corners, faces, _, _ = marching_cubes(distances, 0.0)
    points = lattice.to_lps(corners)
    hull = points[ConvexHull(points).vertices]
    ends = _farthest(hull)
    length = float(np.linalg.norm(hull[ends[1]] - hull[ends[0]]))
    axis = (hull[ends[1]] - hull[ends[0]]) / length
    across = hull - np.outer(hull @ axis, axis)
    wide = _farthest(across)
    height = (hull[list(wide)] @ axis).mean()  # both ends of the width at one height
    deepest, centre = _places(distances, lattice)
    return Measured(
        volume_ml=_enclosed_ml(points, faces),
        length_mm=length,
        width_mm=float(np.linalg.norm(across[wide[1]] - across[wide[0]])),
        length_ends_lps_mm=hull[list(ends)],
        width_ends_lps_mm=across[list(wide)] + height * axis,
        centre_lps_mm=centre,
        deepest_lps_mm=deepest,
    )


def _farthest(points: FloatArray) -> tuple[int, int]:
    apart = distance.squareform(distance.pdist(points))
    first, second = np.unravel_index(int(np.argmax(apart)), apart.shape)
    return int(first), int(second)


def _enclosed_ml(corners: FloatArray, faces: FloatArray) -> float:
    """Return the volume inside a closed surface, by the divergence theorem."""
    middle = corners.mean(axis=0)
    a, b, c = (corners[faces[:, n]].astype(float) - middle for n in range(3))
    return abs(float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum())) / 6000.0


def _places(distances: FieldArray, lattice: Grid) -> tuple[FloatArray, FloatArray]:
    """Return the deepest place, and the one at half that depth or more nearest to the centroid."""
    inside = np.argwhere(distances < 0)
    depth = -distances[tuple(inside.T)]
    places = lattice.to_lps(inside)
    safe = places[depth >= 0.5 * depth.max()]
    nearest = np.argmin(np.linalg.norm(safe - places.mean(axis=0), axis=1))
    return places[int(np.argmax(depth))], safe[nearest]


def vector(place_mm: FloatArray) -> Vector:
    """Return a place as documents hold it.

    Parameters
    ----------
    place_mm : numpy.ndarray
        Shape (3,).

    Returns
    -------
    tuple of float
        Three numbers.
    """
    return float(place_mm[0]), float(place_mm[1]), float(place_mm[2])


def lesion_truth(
    size: Measured,
    *,
    kind: Kind,
    breach: bool,
    bone: str | None,
    level: str | None,
    side: Side | None,
    structure: str | None,
) -> LesionTruth:
    """Return the truth of a lesion from its measurements.

    Parameters
    ----------
    size : Measured
        Of the model.
    kind : str
        ``lytic``, ``mixed`` or ``blastic``.
    breach : bool
        Whether it breaks through the cortex.
    bone, level, side, structure : str or None
        Where it lies; None where nobody knows.

    Returns
    -------
    LesionTruth
        For ``truth.json``.
    """
    first, last = (vector(p) for p in size.length_ends_lps_mm)
    one, other = (vector(p) for p in size.width_ends_lps_mm)
    return LesionTruth(
        centre_lps_mm=vector(size.centre_lps_mm),
        seed_lps_mm=vector(size.deepest_lps_mm),
        length_mm=size.length_mm,
        width_mm=size.width_mm,
        volume_ml=size.volume_ml,
        volume_formula_ml=size.length_mm * size.width_mm**2 / 2000.0,
        length_ends_lps_mm=(first, last),
        width_ends_lps_mm=(one, other),
        kind=kind,
        cortical_breach=breach,
        bone=bone,
        level=level,
        side=side,
        structure=structure,
    )
