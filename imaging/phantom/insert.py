"""A lytic lesion put into a real series: real anatomy, real noise, and a known truth."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydicom.uid import generate_uid
from scipy import ndimage
from scipy.spatial.transform import Rotation

from imaging.errors import ImagingError, Problem, refuse_image
from imaging.geometry import BoolArray, FloatArray, Grid, block
from imaging.phantom.bone import BoneAround, Neighbourhood, find_bone, surroundings
from imaging.phantom.noise import noise_for
from imaging.phantom.solids import FieldArray
from imaging.phantom.texture import noise_at
from imaging.phantom.truth import Truth, largest_piece, lesion_truth, measure
from imaging.volume import SeriesInfo, Volume

SMALLEST_MM, LARGEST_MM = 3.0, 120.0
LESION_HU = 45.0  # soft tissue of a lytic metastasis [BG]
MOTTLE_HU = 4.0
CORTEX_LEFT_MM = 1.5  # of the envelope, which lies a little outside the blurred cortex
THIN_CORTEX_LEFT_MM = 0.5  # where the bone is too thin for that
BREAKOUT_MM = (4.0, 8.0)
CANAL_CLEAR_MM = 3.0
IRREGULARITY = 0.05  # deviation of the border, part of the diameter
BLUR_MM = 0.6  # deviation of the scanner's blur in plane
REACH_MM = 26.0  # surroundings beyond the lesion: room for a cortex, a breakout, a canal
MASK_FRACTION = 0.5


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
    volume: Volume, at_lps_mm: ArrayLike, diameter_mm: float, breach: bool = False, seed: int = 1
) -> InsertedLesion:
    """Put a lytic lesion into a bone of a real CT.

    Parameters
    ----------
    volume : Volume
        Real CT.
    at_lps_mm : array_like
        Shape (3,), centre of the lesion, LPS millimetres, in a bone or within 6 mm of one.
    diameter_mm : float
        Above 3, up to 120; what lies outside the bone is cut off.
    breach : bool
        Let it break through the nearest cortex that does not face the spinal canal.
    seed : int
        Of its border.

    Returns
    -------
    InsertedLesion
        Volume, mask and truth.

    Raises
    ------
    ImagingError
        With every reason, when place or diameter cannot be used.
    """
    at = np.asarray(at_lps_mm, dtype=float)
    _check(volume, at, diameter_mm)
    rng = np.random.default_rng(seed)
    near = surroundings(volume, at, diameter_mm / 2 + REACH_MM)
    bone = find_bone(near, at)
    centre = _into_bone(bone, near.lattice, at)
    border = _border(near.lattice, diameter_mm, rng)
    distances = _solid(bone, near, centre, diameter_mm, border, rng)
    if breach:
        distances = np.minimum(distances, _breakout(bone, near, centre, diameter_mm, border, rng))
        distances[bone.canal] = np.maximum(distances[bone.canal], 0.3)
    distances = largest_piece(distances)
    fraction = near.averaged(_covered(distances, near.lattice))
    hu, mask = _replace(volume, near, fraction, rng)
    return _result(volume, hu, mask, distances, near.lattice, breach, seed)


def _check(volume: Volume, at: FloatArray, diameter_mm: float) -> None:
    problems = []
    if not (math.isfinite(diameter_mm) and SMALLEST_MM < diameter_mm <= LARGEST_MM):
        problems.append(
            Problem(
                code="diameter_out_of_range",
                message=f"a lesion's diameter lies above {SMALLEST_MM:g} mm and at most "
                f"{LARGEST_MM:g} mm; give one in that range",
                where="--diameter",
            )
        )
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
    diameter_mm: float,
    border: FieldArray,
    rng: np.random.Generator,
) -> FieldArray:
    """Return the part of the lesion inside the bone's cortex."""
    half = diameter_mm / 2 * np.array([1.0, rng.uniform(0.86, 0.98), rng.uniform(0.82, 0.94)])
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
    diameter_mm: float,
    border: FieldArray,
    rng: np.random.Generator,
) -> FieldArray:
    """Return the soft-tissue part: an oval across the cortex, joined to the rest."""
    leaves, out = _exit(bone, near, centre)
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
    tissue = LESION_HU + noise_for(volume, weights)[where] + _mottle(volume, near, fraction, rng)
    hu = volume.hu.copy()
    old = volume.hu[where].astype(np.float32)
    mixed = np.rint(old + fraction * (tissue - old))
    hu[where] = np.clip(mixed, -32768, 32767).astype(np.int16)
    return hu, mask


def _mottle(
    volume: Volume,
    near: Neighbourhood,
    fraction: NDArray[np.float32],
    rng: np.random.Generator,
) -> FloatArray:
    """Return the lesion's own slow unevenness, of mean zero within it."""
    points = _points(volume.grid.cropped(near.start_kji, near.size_kji)).reshape(-1, 3)
    mottle = noise_at(points * (2.0 / 6.0) + rng.uniform(0, 64, 3)).reshape(near.size_kji)
    return MOTTLE_HU * (mottle - np.average(mottle, weights=fraction))


def _result(
    volume: Volume,
    hu: NDArray[np.int16],
    mask: BoolArray,
    distances: FieldArray,
    lattice: Grid,
    breach: bool,
    seed: int,
) -> InsertedLesion:
    checksum = hashlib.sha256(np.ascontiguousarray(hu).tobytes()).hexdigest()
    uid = str(generate_uid(entropy_srcs=["osteoplan", "inserted", volume.series.uid, checksum]))
    series = SeriesInfo(
        uid=uid,
        path="",
        description="Inserted lytic lesion",
        patient_position=volume.series.patient_position,
    )
    truth = Truth(
        case="inserted",
        title_fr="Métastase lytique insérée dans un scanner réel",
        title_en="Lytic metastasis inserted into a real CT",
        seed=seed,
        series_uid=uid,
        into=volume.series.uid,
        spacing_mm_kji=volume.grid.spacing_mm_kji,
        lesion=lesion_truth(
            measure(distances, lattice),
            kind="lytic",
            breach=breach,
            bone=None,
            level=None,
            side=None,
            structure=None,
        ),
        labels=(),
    )
    return InsertedLesion(replace(volume, hu=hu, series=series), mask, truth)
