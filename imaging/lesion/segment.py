"""From a click to the outline of the lesion.

A front runs from the click through tissue that is like the clicked one, quickly inside what was the
bone's envelope, slowly beyond it, and hardly into bone. While it fills the lesion it grows fast;
when it has to climb the cortex or squeeze through a breach its growth collapses. The outline
is the front at that standstill; earlier and later fronts are the tighter and more generous ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage
from scipy.signal import find_peaks
from scipy.special import expit

from imaging.errors import ImagingError, Problem, refuse_image
from imaging.files import to_itk
from imaging.geometry import BoolArray, FloatArray
from imaging.lesion.region import SURE_BONE_HU, VOXEL_MM, Region, cut_region
from imaging.progress import SILENT, Progress
from imaging.volume import Volume, sample

SEED_RADIUS_MM = 2.0
FARTHEST_BORDER_HU = 65.0  # above the lesion; fatty marrow of an old ilium is only this dense
NOISE_HU = (8.0, 20.0)  # of smoothed routine CT
LEAST_CONTRAST_HU = 25.0  # below the noise of a routine CT, averaged over a seed
FIRST_REACH_MM = 35.0
LARGEST_REACH_MM = 90.0
GAS_HU = -200.0
METAL_HU = 2500.0
DENSE_SEED_HU = 300.0
FAT_HU = -40.0
SLOWEST = 0.02  # of the free front's speed, in bone
STOPPED_GROWTH = 0.35  # of its greatest; below this bone surrounds nearly all of the front
CLEAR_SPEED = 0.33  # of the free front's; an outline whose front still runs faster is unsure
FREE_SPEED = 0.6  # of the free front's; above this the front runs through open tissue
LOW_CONTRAST_HU = 60.0
MIXED_SHARE = 0.2  # of the contrast, by which the outline may be denser than the click
EARLIER_A_MM = 0.008  # where no standstill is seen, the earlier of two like fronts is taken
OPEN_GRADE = 0.15  # of the envelope; below the grade of the widest closing
NEAR_BONE_MM = 30.0  # bone farther from the click belongs to something else
DIP_DEPTH = 0.05  # of the free front's speed; shallower dips are the grid's own


@dataclass(frozen=True, eq=False)
class LesionOutline:
    """The outline of a lesion.

    Parameters
    ----------
    mask : numpy.ndarray
        Shape of the volume, bool.
    contrast_hu : float
        Difference between lesion and the bone around it.
    doubts : tuple of Problem
        What makes the outline unsure; empty when nothing does.
    """

    mask: BoolArray
    contrast_hu: float
    doubts: tuple[Problem, ...]


@dataclass(frozen=True)
class _Contrast:
    """Density of the lesion and the level that parts it from bone."""

    lesion_hu: float
    bone_hu: float
    noise_hu: float

    @property
    def border_hu(self) -> float:
        """Half way to the bone, but no farther than marrow may be: dense cortex is thin."""
        half = (self.bone_hu - self.lesion_hu) / 2
        return self.lesion_hu + float(np.clip(half, -FARTHEST_BORDER_HU, FARTHEST_BORDER_HU))


def segment_lesion(
    volume: Volume,
    seeds_lps_mm: FloatArray,
    *,
    outside: BoolArray | None = None,
    generosity: float = 0.0,
    progress: Progress = SILENT,
) -> LesionOutline:
    """Outline the lesion at the clicks.

    Parameters
    ----------
    volume : Volume
        The CT.
    seeds_lps_mm : numpy.ndarray
        Shape (n, 3), LPS millimetres, n ≥ 1.
    outside : numpy.ndarray or None
        Shape of the volume; what cannot be lesion, such as the spinal canal.
    generosity : float
        −1 (tight) to 1 (generous) around the proposal.
    progress : Progress
        Told between the steps.

    Returns
    -------
    LesionOutline
        On the volume's grid.

    Raises
    ------
    ImagingError
        When a click is outside the image, in air or metal, or lesion and bone cannot be told apart.
    """
    seeds = np.atleast_2d(np.asarray(seeds_lps_mm, dtype=float))
    _check_seeds(volume, seeds)
    reach_mm = FIRST_REACH_MM
    while True:
        progress.update(reach_mm / (2 * LARGEST_REACH_MM), "outlining the lesion")
        region = cut_region(volume, seeds, reach_mm)
        contrast = _contrast(region, seeds)
        arrival_mm = _arrival(region, contrast, seeds, _blocked(volume, outside, region))
        exit_mm = _first_exit(arrival_mm, region, volume)
        limit_mm, speed = _standstill(arrival_mm, exit_mm)
        still_confined = limit_mm > exit_mm - 3.0 and speed < FREE_SPEED
        if not still_confined or reach_mm >= LARGEST_REACH_MM:
            break
        reach_mm = min(2 * reach_mm, LARGEST_REACH_MM)
    doubts = _doubts(contrast, speed)
    if _destroyed_through(region, seeds):
        limit_mm = min(limit_mm, _to_bone_mm(region, seeds))
        message = (
            "bone is destroyed through here; towards muscle the outline is a guess, correct it"
        )
        doubts.append(_doubt("open_to_soft_tissue", message))
    level = _rounded(arrival_mm, limit_mm * (1.0 + 0.5 * generosity), region, seeds)
    mask = _on_volume(level, region, volume, seeds)
    if outside is not None:
        mask &= ~outside
    if not mask.any():
        message = "nothing could be outlined at this place; click in the lesion's middle"
        raise refuse_image("nothing_outlined", message)
    spread_hu = float(volume.hu[mask].mean()) - contrast.lesion_hu
    if spread_hu > MIXED_SHARE * abs(contrast.bone_hu - contrast.lesion_hu):
        message = "the outline holds denser tissue than the click; it may have run into marrow"
        doubts.append(_doubt("runs_into_marrow", message))
    parts = _parts(mask)
    if parts > 1:
        message = f"the outline has {parts} separate parts; one lesion is planned at a time"
        doubts.append(_doubt("separate_parts", message))
    if _leaves_image(mask):
        doubts.append(_doubt("leaves_image", "the lesion leaves the field of view"))
    return LesionOutline(mask, contrast.bone_hu - contrast.lesion_hu, tuple(doubts))


def _doubt(code: str, message: str) -> Problem:
    return Problem(code=code, message=message)


def _check_seeds(volume: Volume, seeds: FloatArray) -> None:
    problems = []
    for seed in seeds:
        where = ", ".join(f"{n:.1f}" for n in seed)
        if volume.grid.nearest(seed) is None:
            message = "the click lies outside the image; coordinates are LPS millimetres"
            problems.append(Problem(code="seed_outside", message=message, where=where))
            continue
        hu = float(np.median(volume.hu_at(seed + _ball(2.0))))
        if hu < GAS_HU:
            message = f"the click lies in air ({hu:.0f} HU); click in the lesion"
            problems.append(Problem(code="seed_in_air", message=message, where=where))
        elif hu > METAL_HU:
            message = f"the click lies in metal ({hu:.0f} HU); click in the lesion"
            problems.append(Problem(code="seed_in_metal", message=message, where=where))
    if problems:
        raise ImagingError(problems)


def _ball(radius_mm: float) -> FloatArray:
    offsets = np.arange(-np.ceil(radius_mm), np.ceil(radius_mm) + 1)
    cloud = np.stack(np.meshgrid(offsets, offsets, offsets), axis=-1).reshape(-1, 3)
    ball: FloatArray = cloud[np.linalg.norm(cloud, axis=1) <= radius_mm]
    return ball


def _contrast(region: Region, seeds: FloatArray) -> _Contrast:
    """Compare the clicked tissue with the bone around it."""
    cloud = (seeds[:, None, :] + _ball(SEED_RADIUS_MM)).reshape(-1, 3)
    values = sample(region.hu, region.grid, cloud, order=1, outside=0.0)
    lesion_hu = float(np.median(values))
    noise_hu = float(np.clip(1.48 * np.median(np.abs(values - lesion_hu)), *NOISE_HU))
    where = np.moveaxis(np.indices(region.hu.shape), 0, -1).reshape(-1, 3)
    near_mm = np.full(len(where), np.inf)
    for seed in seeds:
        offset = (where - region.grid.to_kji(seed)) * VOXEL_MM
        near_mm = np.minimum(near_mm, np.linalg.norm(offset, axis=1))
    near = near_mm.reshape(region.hu.shape) < FIRST_REACH_MM
    bone = near & (region.envelope > 0.7)
    if lesion_hu > DENSE_SEED_HU:
        rest = region.hu[bone & (region.hu < 0.75 * lesion_hu)]
        bone_hu = float(np.median(rest)) if rest.size > 200 else 0.0
        return _Contrast(lesion_hu, bone_hu, noise_hu)
    rest = region.hu[bone & (region.hu > lesion_hu + LEAST_CONTRAST_HU + noise_hu)]
    if rest.size < 200:
        message = (
            "no bone is seen around the click, or lesion and bone cannot be told apart; "
            "click inside the lesion, or outline it with the brush"
        )
        raise refuse_image("not_distinct", message, ", ".join(f"{n:.1f}" for n in seeds[0]))
    return _Contrast(lesion_hu, float(np.percentile(rest, 15)), noise_hu)


def _blocked(volume: Volume, outside: BoolArray | None, region: Region) -> BoolArray | None:
    if outside is None:
        return None
    index = np.moveaxis(np.indices(region.hu.shape), 0, -1).reshape(-1, 3)
    places = region.grid.to_lps(index)
    found = sample(outside.view(np.uint8), volume.grid, places, order=1, outside=0.0) > 0.5
    return found.reshape(region.hu.shape)


def _arrival(
    region: Region, contrast: _Contrast, seeds: FloatArray, blocked: BoolArray | None
) -> NDArray[np.float32]:
    """Return the distance the free front would have run when it arrives at each voxel."""
    sign = 1.0 if contrast.bone_hu > contrast.lesion_hu else -1.0
    step = float(np.clip(0.15 * abs(contrast.bone_hu - contrast.lesion_hu), 8.0, 16.0))
    like = expit(-sign * (region.hu - contrast.border_hu) * (2.0 / step))
    speed = np.maximum(like, SLOWEST)
    if sign > 0:
        own = sample(region.envelope, region.grid, seeds, order=1, outside=0.0).max()
        speed = speed * np.minimum(1.0, region.envelope / own)
    if sign > 0:
        speed[region.hu < FAT_HU] = SLOWEST
    if blocked is not None:
        speed[blocked] = 1e-4
    image = to_itk(speed.astype(np.float32), region.grid)
    image.SetSpacing((VOXEL_MM,) * 3)
    march = sitk.FastMarchingImageFilter()
    for seed in seeds:
        index = np.clip(np.rint(region.grid.to_kji(seed)), 0, np.array(speed.shape) - 1)
        march.AddTrialPoint([int(index[2]), int(index[1]), int(index[0])])
    march.SetStoppingValue(3.0 * LARGEST_REACH_MM)
    arrival: NDArray[np.float32] = sitk.GetArrayFromImage(march.Execute(image))
    return arrival


def _first_exit(arrival_mm: NDArray[np.float32], region: Region, volume: Volume) -> float:
    """Return when the front reaches a face of the block that is not a face of the image."""
    first = 3.0 * LARGEST_REACH_MM
    corners = volume.grid.corners_lps_mm()
    own = region.grid.corners_lps_mm()
    for axis in range(3):
        world = 2 - axis
        for side, index in ((own[:, world].min(), 0), (own[:, world].max(), -1)):
            if abs(corners[:, world] - side).min() > 2.0:
                first = min(first, float(np.take(arrival_mm, index, axis=axis).min()))
    return first


def _standstill(arrival_mm: NDArray[np.float32], until_mm: float) -> tuple[float, float]:
    """Return the run at which the front's growth has collapsed, and its growth there (0 to 1)."""
    limits = np.arange(2.0, max(8.0, min(until_mm, 2.0 * LARGEST_REACH_MM)), 1.0)
    counts = np.array([(arrival_mm <= limit).sum() for limit in limits], dtype=float)
    radius = np.cbrt(3.0 * counts * VOXEL_MM**3 / (4.0 * np.pi))
    smooth = ndimage.gaussian_filter1d(np.gradient(radius, limits), 1.0)
    free = int(np.flatnonzero(radius > 2.0)[0]) if (radius > 2.0).any() else 0
    growth = ndimage.gaussian_filter1d(np.gradient(counts, limits), 1.0)[free:]
    enclosed = np.flatnonzero(growth <= STOPPED_GROWTH * np.maximum.accumulate(growth))
    dips, _ = find_peaks(-smooth[free:], prominence=DIP_DEPTH)
    candidates = [int(found[0]) + free for found in (enclosed, dips) if len(found)]
    preferred = smooth[free:] + EARLIER_A_MM * limits[free:]
    index = min(candidates) if candidates else int(preferred.argmin()) + free
    return float(limits[index]), float(smooth[index])


def _destroyed_through(region: Region, seeds: FloatArray) -> bool:
    """Tell whether no closing of the cortex takes in any of the clicks."""
    grade = sample(region.envelope, region.grid, seeds, order=1, outside=0.0)
    return bool(grade.max() < OPEN_GRADE)


def _to_bone_mm(region: Region, seeds: FloatArray) -> float:
    """Return half the defect's size: the mean of the nearest and the farthest bone around a click.

    The bone that is left lies around the defect; a click beside its middle is nearer to one side.
    """
    count = 400
    index = np.arange(count) + 0.5
    polar, turn = np.arccos(1 - 2 * index / count), np.pi * (1 + 5**0.5) * index
    rays = np.column_stack(
        [np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)]
    )
    steps = np.arange(2.0, NEAR_BONE_MM, VOXEL_MM)
    places = seeds[:, None, None, :] + steps[:, None] * rays[:, None, :]
    dense = sample(region.hu, region.grid, places, order=1, outside=0.0) > SURE_BONE_HU
    hits = steps[dense.argmax(axis=-1)][dense.any(axis=-1)]
    return float(np.percentile(hits, (10, 90)).mean()) if hits.size else NEAR_BONE_MM


def _doubts(contrast: _Contrast, speed: float) -> list[Problem]:
    doubts = []
    if speed > CLEAR_SPEED:
        message = "the border is unclear: the outline depends on where growth was stopped"
        doubts.append(_doubt("border_unclear", message))
    if abs(contrast.bone_hu - contrast.lesion_hu) < LOW_CONTRAST_HU:
        message = "lesion and bone differ by less than 60 HU; check the outline"
        doubts.append(_doubt("low_contrast", message))
    return doubts


def _rounded(
    arrival_mm: NDArray[np.float32], limit_mm: float, region: Region, seeds: FloatArray
) -> NDArray[np.float32]:
    """Return a smooth level, positive inside, without necks thinner than 3 mm and without holes."""
    mask = ndimage.binary_fill_holes(arrival_mm <= limit_mm)
    core = ndimage.distance_transform_edt(mask, sampling=VOXEL_MM) > 1.5
    labels, count = ndimage.label(core)
    if count > 1:
        index = [tuple(np.rint(region.grid.to_kji(seed)).astype(int)) for seed in seeds]
        near = [ndimage.distance_transform_edt(labels != n + 1) for n in range(count)]
        keep = {1 + int(np.argmin([far[at] for far in near])) for at in index}
        core = np.isin(labels, list(keep))
    if core.any():
        mask &= ndimage.distance_transform_edt(~core, sampling=VOXEL_MM) <= 1.5 + VOXEL_MM
    inside = ndimage.distance_transform_edt(mask, sampling=VOXEL_MM)
    outside = ndimage.distance_transform_edt(~mask, sampling=VOXEL_MM)
    level: NDArray[np.float32] = ndimage.gaussian_filter((inside - outside).astype(np.float32), 0.7)
    return level


def _on_volume(
    level: NDArray[np.float32], region: Region, volume: Volume, seeds: FloatArray
) -> BoolArray:
    """Return the outline on the volume's own voxels, the clicked part only."""
    start, size = volume.grid.around(region.grid.corners_lps_mm(), 0.0)
    grid = volume.grid.cropped(start, size)
    places = grid.to_lps(np.moveaxis(np.indices(size), 0, -1))
    part = sample(level, region.grid, places, order=1, outside=-1.0) > 0
    labels, count = ndimage.label(part, structure=np.ones((3, 3, 3)))
    if count > 1:
        hit = [grid.nearest(seed) for seed in seeds]
        keep = {int(labels[at]) for at in hit if at is not None} - {0}
        part = np.isin(labels, list(keep or {int(np.bincount(labels.ravel())[1:].argmax()) + 1}))
    mask = np.zeros(volume.grid.size_kji, dtype=bool)
    mask[tuple(slice(s, s + n) for s, n in zip(start, size, strict=True))] = part
    return mask


def _parts(mask: BoolArray) -> int:
    where = ndimage.find_objects(mask.view(np.uint8))[0]
    return int(ndimage.label(mask[where], structure=np.ones((3, 3, 3)))[1])


def _leaves_image(mask: BoolArray) -> bool:
    faces = (mask[0], mask[-1], mask[:, 0], mask[:, -1], mask[:, :, 0], mask[:, :, -1])
    return any(bool(face.any()) for face in faces)
