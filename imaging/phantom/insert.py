"""A lesion put into a real series: real anatomy, real noise, and a known truth."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydicom.uid import generate_uid
from scipy import ndimage
from scipy.optimize import brentq
from scipy.spatial.transform import Rotation

from imaging.document import Vector
from imaging.errors import ImagingError, Problem, refuse_image
from imaging.geometry import BoolArray, FloatArray, Grid, block
from imaging.phantom.bone import BoneAround, Neighbourhood, find_bone, surroundings
from imaging.phantom.noise import noise_for
from imaging.phantom.solids import FieldArray
from imaging.phantom.texture import noise_at
from imaging.phantom.truth import Kind, Measured, Truth, largest_piece, lesion_truth, measure
from imaging.volume import SeriesInfo, Volume

SMALLEST_MM, LARGEST_MM = 3.0, 120.0
MOTTLE_GRAIN_MM = 6.0
SCLEROTIC_HU = 640.0  # islands of a mixed lesion [BG]
ISLAND_MM = 7.0
ISLAND_EDGE = 0.5  # of the islands' border, in deviations of the noise that draws them
CORTEX_LEFT_MM = 1.5  # of the envelope, which lies a little outside the blurred cortex
THIN_CORTEX_LEFT_MM = 0.5  # where the bone is too thin for that
BREAKOUT_MM = (4.0, 8.0)
CANAL_CLEAR_MM = 3.0
IRREGULARITY = 0.05  # deviation of the border, part of the diameter
BLUR_MM = 0.6  # deviation of the scanner's blur in plane
REACH_MM = 26.0  # surroundings beyond the lesion: room for a cortex, a breakout, a canal
MASK_FRACTION = 0.5


@dataclass(frozen=True)
class KindOfTissue:
    """What a lesion of a kind is made of.

    Parameters
    ----------
    hu : float
        Mean, unless another is asked for.
    range_hu : tuple of float
        Means that fit the kind.
    mottle_hu : float
        Deviation of its slow unevenness.
    title_fr, title_en : str
        Adjective for people.
    """

    hu: float
    range_hu: tuple[float, float]
    mottle_hu: float
    title_fr: str
    title_en: str


# soft tissue of a lytic metastasis, sclerosis of a blastic one [BG]
KINDS: dict[Kind, KindOfTissue] = {
    "lytic": KindOfTissue(45.0, (-100.0, 150.0), 4.0, "lytique", "lytic"),
    "mixed": KindOfTissue(250.0, (100.0, 500.0), 12.0, "mixte", "mixed"),
    "blastic": KindOfTissue(700.0, (300.0, 2000.0), 60.0, "condensante", "blastic"),
}


@dataclass(frozen=True)
class Request:
    """A lesion to be put in.

    Parameters
    ----------
    at_lps_mm : tuple of float
        Its centre.
    diameter_mm : float or None
        Of a roundish lesion, turned at random.
    breach : bool
        Let it break through the nearest cortex that does not face the spinal canal.
    seed : int
        Of border, turn and texture.
    kind : str
        ``lytic``, ``mixed`` or ``blastic``.
    hu : float or None
        Mean of its tissue; that of its kind by default.
    diameters_mm : tuple of float or None
        Of an ellipsoid along x (left), y (back) and z (head), in place of the one diameter.
    """

    at_lps_mm: Vector
    diameter_mm: float | None = None
    breach: bool = False
    seed: int = 1
    kind: Kind = "lytic"
    hu: float | None = None
    diameters_mm: Vector | None = None

    @property
    def all_diameters_mm(self) -> tuple[float, ...]:
        """The diameters that were asked for."""
        return self.diameters_mm or (self.diameter_mm or 0.0,)

    @property
    def mean_hu(self) -> float:
        """Mean of its tissue."""
        return KINDS[self.kind].hu if self.hu is None else self.hu


@dataclass(frozen=True, eq=False)
class InsertedLesion:
    """A real CT with a lesion put in.

    Parameters
    ----------
    volume : Volume
        On the grid of the series, with a UID of its own.
    lesion : numpy.ndarray
        Bool: voxels at least half replaced.
    truth : Truth
        Measured on the lesion's own surface.
    """

    volume: Volume
    lesion: BoolArray
    truth: Truth


def insert_lesion(
    volume: Volume,
    at_lps_mm: ArrayLike,
    diameter_mm: float | None = None,
    breach: bool = False,
    seed: int = 1,
    *,
    kind: Kind = "lytic",
    hu: float | None = None,
    diameters_mm: Vector | None = None,
) -> InsertedLesion:
    """Put a lesion into a bone of a real CT.

    Parameters
    ----------
    volume : Volume
        Real CT.
    at_lps_mm : array_like
        Shape (3,), centre of the lesion, LPS millimetres, in a bone or within 6 mm of one.
    diameter_mm : float, optional
        Above 3, up to 120; what lies outside the bone is cut off.
    breach : bool
        Let it break through the nearest cortex that does not face the spinal canal.
    seed : int
        Of its border.
    kind : str
        ``lytic``, ``mixed`` (sclerotic islands in soft tissue) or ``blastic``.
    hu : float, optional
        Mean of its tissue; 45, 250 or 700 by kind.
    diameters_mm : tuple of float, optional
        Of an ellipsoid along x, y and z, in place of the one diameter.

    Returns
    -------
    InsertedLesion
        Volume, mask and truth.

    Raises
    ------
    ImagingError
        With every reason, when place, diameter or density cannot be used.
    """
    x, y, z = (float(n) for n in np.asarray(at_lps_mm, dtype=float))
    return insert(volume, Request((x, y, z), diameter_mm, breach, seed, kind, hu, diameters_mm))


def insert(volume: Volume, asked: Request) -> InsertedLesion:
    """Put a lesion into a bone of a real CT.

    Parameters
    ----------
    volume : Volume
        Real CT.
    asked : Request
        What to put where.

    Returns
    -------
    InsertedLesion
        Volume, mask and truth.

    Raises
    ------
    ImagingError
        With every reason, when the request cannot be met.
    """
    at = np.asarray(asked.at_lps_mm, dtype=float)
    _check(volume, at, asked)
    rng = np.random.default_rng(asked.seed)
    size = max(asked.all_diameters_mm)
    near = surroundings(volume, at, size / 2 + REACH_MM)
    bone = find_bone(near, at)
    centre = _into_bone(bone, near.lattice, at)
    border = _border(near.lattice, min(asked.all_diameters_mm), rng)
    distances = _solid(bone, near, centre, asked, border, rng)
    if asked.breach:
        distances = np.minimum(distances, _breakout(bone, near, centre, asked, border, rng))
        distances[bone.canal] = np.maximum(distances[bone.canal], 0.3)
    distances = largest_piece(distances)
    fraction = near.averaged(_covered(distances, near.lattice))
    hu, mask = _replace(volume, near, fraction, asked, rng)
    return _result(volume, hu, mask, measure(distances, near.lattice), asked)


def _check(volume: Volume, at: FloatArray, asked: Request) -> None:
    problems = [*_size_problems(asked), *_density_problems(asked)]
    inside = bool(np.isfinite(at).all()) and volume.grid.nearest(at) is not None
    if not inside:
        corners = volume.grid.corners_lps_mm()
        low, high = corners.min(axis=0), corners.max(axis=0)
        reach = "; ".join(
            f"{axis} {a:.0f} to {b:.0f}" for axis, a, b in zip("xyz", low, high, strict=True)
        )
        problems.append(
            Problem(
                code="outside_volume",
                message=f"the place lies outside the series, which reaches over {reach} mm (LPS); "
                "give a place inside a bone",
                where="--at",
            )
        )
    if min(volume.grid.size_kji) < 2:
        problems.append(
            Problem(
                code="single_slice",
                message="a lesion needs a volume of at least two slices; choose another series",
                where="--into",
            )
        )
    if problems:
        raise ImagingError(problems)


def _size_problems(asked: Request) -> list[Problem]:
    if (asked.diameter_mm is None) == (asked.diameters_mm is None):
        message = "give one diameter, or the three diameters of an ellipsoid"
        return [Problem(code="diameter_missing", message=message, where="--diameter")]
    if all(math.isfinite(d) and SMALLEST_MM < d <= LARGEST_MM for d in asked.all_diameters_mm):
        return []
    return [
        Problem(
            code="diameter_out_of_range",
            message=f"a lesion's diameter lies above {SMALLEST_MM:g} mm and at most "
            f"{LARGEST_MM:g} mm; give one in that range",
            where="--diameter" if asked.diameters_mm is None else "--diameters",
        )
    ]


def _density_problems(asked: Request) -> list[Problem]:
    low, high = KINDS[asked.kind].range_hu
    if low <= asked.mean_hu <= high:  # false for what is not a number
        return []
    return [
        Problem(
            code="hu_out_of_range",
            message=f"a {asked.kind} lesion has a mean of {low:g} to {high:g} HU; give one in that "
            "range or another kind",
            where="--hu",
        )
    ]


def _into_bone(bone: BoneAround, lattice: Grid, at: FloatArray) -> FloatArray:
    """Return the place, moved to the nearest place inside the bone when it lies outside."""
    k, j, i = np.clip(np.rint(lattice.to_kji(at)), 0, np.array(lattice.size_kji) - 1).astype(int)
    if bone.outside_mm[k, j, i] < -CORTEX_LEFT_MM:
        return at
    deep = bone.outside_mm < -CORTEX_LEFT_MM
    if not deep.any():
        deep = bone.outside_mm < 0
    places = lattice.to_lps(np.argwhere(deep))
    moved: FloatArray = places[int(np.argmin(np.linalg.norm(places - at, axis=1)))]
    return moved


def _points(lattice: Grid) -> FloatArray:
    index = np.stack(np.meshgrid(*(np.arange(n) for n in lattice.size_kji), indexing="ij"), axis=-1)
    return lattice.to_lps(index)


def _border(lattice: Grid, diameter_mm: float, rng: np.random.Generator) -> FieldArray:
    """Return the deviation of the border: lobes of a third of the diameter, and finer ones."""
    grain = max(diameter_mm / 3.0, 4.0)
    points = _points(lattice).reshape(-1, 3)
    lobes = noise_at(points * (2.0 / grain) + rng.uniform(0, 64, 3))
    fine = noise_at(points * (4.6 / grain) + rng.uniform(0, 64, 3))
    border = IRREGULARITY * diameter_mm * (0.9 * lobes + 0.44 * fine)
    return border.reshape(lattice.size_kji).astype(np.float32)


def _oval(points: FloatArray, centre: FloatArray, half: FloatArray, axes: FloatArray) -> FieldArray:
    """Return first-order signed distances to an ellipsoid."""
    local = (points - centre) @ axes.T / half
    radius = np.linalg.norm(local, axis=-1)
    slope = np.linalg.norm(local / half, axis=-1) / np.maximum(radius, 1e-6)
    distance = (radius - 1.0) / np.maximum(slope, 1e-6)
    distance[radius < 1e-6] = -half.min()
    result: FieldArray = distance.astype(np.float32)
    return result


def _solid(
    bone: BoneAround,
    near: Neighbourhood,
    centre: FloatArray,
    asked: Request,
    border: FieldArray,
    rng: np.random.Generator,
) -> FieldArray:
    """Return the part of the lesion inside the bone's cortex."""
    if asked.diameters_mm is not None:
        half, axes = np.array(asked.diameters_mm) / 2, np.eye(3)
    else:
        flat = np.array([1.0, rng.uniform(0.86, 0.98), rng.uniform(0.82, 0.94)])
        half = max(asked.all_diameters_mm) / 2 * flat
        axes = Rotation.random(random_state=rng).as_matrix()
    oval = _oval(_points(near.lattice), centre, half, axes) + border
    for left in (CORTEX_LEFT_MM, THIN_CORTEX_LEFT_MM, 0.0):
        inside: FieldArray = np.maximum(oval, bone.outside_mm + np.float32(left))
        if (inside < 0).any():
            break
    return inside


def _exit(
    bone: BoneAround, near: Neighbourhood, centre: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the nearest place of the bone's surface to break through, and the way out.

    The way must lead into soft tissue, not into air, another bone or the canal; the canal only
    when nothing else is left.
    """
    spacing = np.array(near.lattice.spacing_mm_kji)
    shell = np.argwhere(np.abs(bone.outside_mm) <= spacing.max())
    places = near.lattice.to_lps(shell)
    order = np.argsort(np.linalg.norm(places - centre, axis=1))
    slopes: list[FieldArray] = list(np.gradient(bone.outside_mm, *spacing))
    gradient = np.stack(slopes, axis=-1)
    to_lps = near.lattice.affine_kji_to_lps[:3, :3] / spacing
    barred = bone.other | ~bone.body
    canal_near = _grown(bone.canal, spacing, CANAL_CLEAR_MM)
    for forbidden in (barred | canal_near, barred, np.zeros_like(barred)):
        for n in order[:: max(1, len(order) // 4000)]:
            slope = to_lps @ gradient[tuple(shell[n])]
            length = float(np.linalg.norm(slope))
            if length < 0.3:
                continue
            out = slope / length
            ahead = places[n] + np.outer(np.arange(2.0, BREAKOUT_MM[1] + 1), out)
            index = np.rint(near.lattice.to_kji(ahead)).astype(int)
            if ((index < 0) | (index >= near.lattice.size_kji)).any():
                continue
            if not forbidden[tuple(index.T)].any():
                return places[n], out
    raise refuse_image(
        "no_way_out",
        "the bone has no cortex near the place that the lesion could break through; leave out "
        "--breach or choose another place",
        "--at",
    )


def _grown(mask: BoolArray, spacing: FloatArray, by_mm: float) -> BoolArray:
    if not mask.any():
        return mask
    grown: BoolArray = ndimage.distance_transform_edt(~mask, sampling=spacing) <= by_mm
    return grown


def _breakout(
    bone: BoneAround,
    near: Neighbourhood,
    centre: FloatArray,
    asked: Request,
    border: FieldArray,
    rng: np.random.Generator,
) -> FieldArray:
    """Return the soft-tissue part: an oval across the cortex, joined to the rest."""
    leaves, out = _exit(bone, near, centre)
    diameter_mm = min(asked.all_diameters_mm)  # an ellipsoid's narrowest reaches the least far
    beyond = rng.uniform(*BREAKOUT_MM)
    gap = max(float(np.linalg.norm(leaves - centre)) - diameter_mm / 2, 0.0)
    deep = max((beyond + gap + 6.0) / 2, 0.3 * diameter_mm)
    wide = float(np.clip(0.36 * diameter_mm, 4.5, 22.0))
    helper = np.eye(3)[int(np.argmin(np.abs(out)))]
    first = np.cross(out, helper)
    first /= np.linalg.norm(first)
    axes = np.stack([out, first, np.cross(out, first)])
    oval = _oval(
        _points(near.lattice),
        leaves + out * (beyond - deep),
        np.array([deep, wide, wide * 0.9]),
        axes,
    )
    oval += 0.5 * border
    oval[bone.other | ~bone.body] = np.maximum(oval[bone.other | ~bone.body], 0.3)
    # no farther out than the breakout is meant to reach, whatever the shape of the bone
    kept: FieldArray = np.maximum(oval, bone.outside_mm - np.float32(beyond))
    return kept


def _covered(distances: FieldArray, lattice: Grid) -> NDArray[np.float32]:
    """Return how much of each lattice cell the lesion fills, blurred as by the scanner."""
    spacing = np.array(lattice.spacing_mm_kji)
    cell = float(spacing.mean())
    sharp = np.clip(0.5 - distances / cell, 0.0, 1.0)
    blur = [0.0, BLUR_MM / spacing[1], BLUR_MM / spacing[2]]
    covered: NDArray[np.float32] = ndimage.gaussian_filter(sharp, blur, mode="nearest")
    covered[covered < 0.01] = 0.0
    return covered


def _replace(
    volume: Volume,
    near: Neighbourhood,
    fraction: NDArray[np.float32],
    asked: Request,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int16], BoolArray]:
    """Return the values with the lesion in place, and its mask on the image."""
    where = block(near.start_kji, near.size_kji)
    mask = np.zeros(volume.grid.size_kji, dtype=bool)
    mask[where] = fraction >= MASK_FRACTION
    if not mask.any():
        raise refuse_image(
            "lesion_too_small",
            "the lesion fills no voxel of this series by half; choose a larger diameter or a "
            "thicker bone",
            "--diameter",
        )
    weights = np.zeros(volume.grid.size_kji, dtype=np.float32)
    weights[where] = fraction
    tissue = noise_for(volume, weights)[where] + _mottle(volume, near, fraction, asked, rng)
    tissue += asked.mean_hu if asked.kind != "mixed" else _islands(volume, near, fraction, asked)
    hu = volume.hu.copy()
    old = volume.hu[where].astype(np.float32)
    mixed = np.rint(old + fraction * (tissue - old))
    hu[where] = np.clip(mixed, -32768, 32767).astype(np.int16)
    return hu, mask


def _mottle(
    volume: Volume,
    near: Neighbourhood,
    fraction: NDArray[np.float32],
    asked: Request,
    rng: np.random.Generator,
) -> FloatArray:
    """Return the lesion's own slow unevenness, of mean zero within it."""
    points = _points(volume.grid.cropped(near.start_kji, near.size_kji)).reshape(-1, 3)
    cells = points * (2.0 / MOTTLE_GRAIN_MM) + rng.uniform(0, 64, 3)
    mottle = noise_at(cells).reshape(near.size_kji)
    return KINDS[asked.kind].mottle_hu * (mottle - np.average(mottle, weights=fraction))


def _islands(
    volume: Volume, near: Neighbourhood, fraction: NDArray[np.float32], asked: Request
) -> FloatArray:
    """Return the values of a mixed lesion: sclerotic islands in lytic tissue, of the mean asked."""
    shift = np.random.default_rng([asked.seed, 2]).uniform(0, 64, 3)
    points = _points(volume.grid.cropped(near.start_kji, near.size_kji)).reshape(-1, 3)
    noise = noise_at(points * (2.0 / ISLAND_MM) + shift).reshape(near.size_kji)
    soft = KINDS["lytic"].hu
    wanted = (asked.mean_hu - soft) / (SCLEROTIC_HU - soft)

    def dense(level: float) -> FloatArray:
        part: FloatArray = np.clip(0.5 + (noise - level) / ISLAND_EDGE, 0.0, 1.0)
        return part

    # the part that is dense falls as the level rises: one level gives the mean
    level = float(
        brentq(lambda n: np.average(dense(n), weights=fraction) - wanted, -20.0, 20.0, xtol=1e-4)
    )
    return soft + (SCLEROTIC_HU - soft) * dense(level)


def _result(
    volume: Volume,
    hu: NDArray[np.int16],
    mask: BoolArray,
    size: Measured,
    asked: Request,
) -> InsertedLesion:
    kind = KINDS[asked.kind]
    checksum = hashlib.sha256(np.ascontiguousarray(hu).tobytes()).hexdigest()
    uid = str(generate_uid(entropy_srcs=["osteoplan", "inserted", volume.series.uid, checksum]))
    series = SeriesInfo(
        uid=uid,
        path="",
        description=f"Inserted {kind.title_en} lesion",
        patient_position=volume.series.patient_position,
    )
    truth = Truth(
        case="inserted",
        title_fr=f"Métastase {kind.title_fr} insérée dans un scanner réel",
        title_en=f"{kind.title_en.capitalize()} metastasis inserted into a real CT",
        seed=asked.seed,
        series_uid=uid,
        into=volume.series.uid,
        spacing_mm_kji=volume.grid.spacing_mm_kji,
        lesion=lesion_truth(
            size,
            kind=asked.kind,
            breach=asked.breach,
            bone=None,
            level=None,
            side=None,
            structure=None,
        ),
        labels=(),
    )
    return InsertedLesion(replace(volume, hu=hu, series=series), mask, truth)
