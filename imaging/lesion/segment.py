"""From a click to the outline of the lesion.

Three things are weighed. What a voxel measures: like the clicked tissue, or like the bone beside
it, whose value is taken nearby so that the border lies half way wherever the bone is dense or poor.
Where it lies: what sees bone in most directions was within a bone, even where the cortex is gone.
And smoothness: the smallest surface that fits. The level between lesion and bone is raised step by
step; an outline that suddenly runs away has found a way into marrow or muscle, and the one before
it is taken. At last the border is moved to half way on the CT's own voxels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.errors import ImagingError, Problem, refuse_image
from imaging.geometry import BoolArray, FloatArray
from imaging.lesion.border import at_half_level
from imaging.lesion.region import SURE_BONE_HU, VOXEL_MM, Region, cut_region, directions
from imaging.lesion.relaxation import Field, relaxed
from imaging.progress import SILENT, Progress
from imaging.volume import Volume, sample

SEED_RADIUS_MM = 2.5
SETTLE_MM = 4.0  # a click beside a border is meant for the tissue it hit
OWN_HU = 60.0
NOISE_HU = (10.0, 25.0)  # of smoothed routine CT
LEAST_CONTRAST_HU = 25.0  # below the noise of a routine CT, averaged over a seed
FIRST_REACH_MM = 35.0
LARGEST_REACH_MM = 70.0
GAS_HU = -200.0
METAL_HU = 2500.0
DENSE_SEED_HU = 300.0
LEVELS_HU = (45.0, 60.0, 80.0, 105.0, 140.0)  # above the lesion: bone counts as dense up to these
DENSE_LEVELS_HU = (90.0, 120.0, 160.0, 210.0, 280.0)  # below it, for a blastic one
LEAST_BONE_HU = 40.0  # bone differs by this at least, else noise decides
BONE_NEAR_MM = 4.0  # deviation of the neighbourhood in which the bone's value is taken
MEASURE_HU = 30.0  # deviation of lesion and bone about their values
TRUST = (1.0, 3.0)  # a voxel speaks for the lesion, against it, at most this much
DARK_SIGMAS, DARK_HU, DARK_COST = 3.5, 10.0, 1.5  # fat and gas are darker than any lesion
INSIDE = 0.62  # share of directions in which what was within a bone sees bone
INSIDE_BELOW_CLICK = 0.1  # a click near a destroyed side sees less; its surroundings may too
OUTSIDE_COST = 12.0
OUTSIDE_RANGE = (-0.05, 0.5)
NEAR_BONE = 0.25  # share of directions; even beside a rib bone is seen in as many
LEAST_BONE_VOXELS = 200
LEAST_RING_VOXELS = 50
SMOOTHNESS = 2.0
ITERATIONS = 80
NECK_MM = 3.5  # what hangs on by less than twice this is something else
RUNS_AWAY_MM = 2.5  # growth of the radius from one level to the next
LOW_CONTRAST_HU = 60.0
OPEN_TRUST = 0.3  # in the share of directions, where little is left of the bone
OPEN_SHARE = 0.55  # of the directions; below it the bone is destroyed through
NEAR_BONE_MM = 30.0  # bone farther from the click belongs to something else
DEFECT_RAYS = 400
RING_MM = (2.0, 6.0)  # beyond the outline, where the bone is compared with it
MIXED_SHARE = 0.2  # of the contrast, by which the outline may be denser than the click
GENEROSITY_SHARE = 0.25  # of the radius, by which the most generous outline is larger


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
class _Tissue:
    """What was clicked on."""

    hu: float
    noise_hu: float
    sign: float  # 1 for a lesion darker than bone, −1 for a denser one

    def above(self, hu: NDArray[np.floating]) -> Field:
        """Return by how much values lie on the bone's side of the lesion."""
        return (self.sign * (hu - self.hu)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Found:
    """The outline on the region's voxels."""

    mask: BoolArray
    field: Field
    inside: float
    is_open: bool
    ran_away: bool


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
    clicks = np.atleast_2d(np.asarray(seeds_lps_mm, dtype=float))
    _check_seeds(volume, clicks)
    seeds = clicks
    reach_mm = FIRST_REACH_MM
    while True:
        progress.update(reach_mm / (2 * LARGEST_REACH_MM), "outlining the lesion")
        region = cut_region(volume, seeds, reach_mm, outside)
        seeds = np.stack([_settled(region, volume, seed) for seed in clicks])
        tissue = _clicked_tissue(region, seeds)
        found = _outline(region, tissue, seeds, progress)
        if not _leaves_block(found.mask, region, volume):
            break
        if reach_mm >= LARGEST_REACH_MM:
            found = replace(found, ran_away=True)  # what lies beyond the block was not looked at
            break
        reach_mm = min(2 * reach_mm, LARGEST_REACH_MM)
    progress.update(0.9, "outlining the lesion")
    mask = _on_volume(found, region, volume, seeds)
    if mask.any():
        allowed = _allowed(found, region, volume, outside, mask)
        mask = at_half_level(volume, mask, tissue.hu, tissue.sign, allowed)
        mask = _with_generosity(mask, allowed, volume, generosity)
    if outside is not None:
        mask &= ~outside
    if not mask.any():
        message = "nothing could be outlined at this place; click in the lesion's middle"
        raise refuse_image("nothing_outlined", message)
    contrast_hu = _contrast(found, region, tissue, seeds)
    return LesionOutline(
        mask, tissue.sign * contrast_hu, _doubts(volume, mask, seeds, found, tissue, contrast_hu)
    )


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


def _settled(region: Region, volume: Volume, click: FloatArray) -> FloatArray:
    """Move a click near a border to even tissue of the same value nearby; others stay."""
    own_hu = float(volume.hu_at(click))
    offsets = _ball(SETTLE_MM)[:, None, :] + _ball(SEED_RADIUS_MM)
    values = sample(region.hu, region.grid, click + offsets, order=1, outside=0.0)
    middle = np.median(values, axis=1)
    spread = np.median(np.abs(values - middle[:, None]), axis=1)
    at_click = int(np.argmin(np.linalg.norm(_ball(SETTLE_MM), axis=1)))
    if abs(middle[at_click] - own_hu) < OWN_HU:
        return click
    like = np.abs(middle - own_hu) < OWN_HU
    if not like.any():
        return click
    settled: FloatArray = click + _ball(SETTLE_MM)[int(np.argmin(np.where(like, spread, np.inf)))]
    return settled


def _clicked_tissue(region: Region, seeds: FloatArray) -> _Tissue:
    """Measure the clicked tissue; refuse a place without bone."""
    cloud = (seeds[:, None, :] + _ball(SEED_RADIUS_MM)).reshape(-1, 3)
    values = sample(region.hu, region.grid, cloud, order=1, outside=0.0)
    hu = float(np.median(values))
    noise_hu = float(np.clip(1.48 * np.median(np.abs(values - hu)), *NOISE_HU))
    dense = hu > DENSE_SEED_HU
    bone = (region.surrounded > NEAR_BONE) & (region.hu > hu + LEAST_CONTRAST_HU + noise_hu)
    if not dense and np.count_nonzero(bone) < LEAST_BONE_VOXELS:
        raise _not_distinct(seeds)
    return _Tissue(hu, noise_hu, -1.0 if dense else 1.0)


def _not_distinct(seeds: FloatArray) -> ImagingError:
    message = (
        "no bone is seen around the click, or lesion and bone cannot be told apart; "
        "click inside the lesion, or outline it with the brush"
    )
    return refuse_image("not_distinct", message, ", ".join(f"{n:.1f}" for n in seeds[0]))


def _outline(region: Region, tissue: _Tissue, seeds: FloatArray, progress: Progress) -> _Found:
    """Raise the level between lesion and bone until the outline runs away, and step back."""
    above = tissue.above(region.hu)
    seen = sample(region.surrounded, region.grid, seeds, order=1, outside=0.0)
    inside = float(min(INSIDE, seen.max() - INSIDE_BELOW_CLICK))
    bone = (region.surrounded > inside) | (region.hu > SURE_BONE_HU)
    weight = (bone & (above > 2 * tissue.noise_hu)).astype(np.float32)
    around = ndimage.gaussian_filter(weight, BONE_NEAR_MM / VOXEL_MM)
    place = OUTSIDE_COST * np.clip(inside - region.surrounded, *OUTSIDE_RANGE)
    dark = above < -DARK_SIGMAS * tissue.noise_hu - DARK_HU
    clicked = _near(region, seeds, SEED_RADIUS_MM)
    far = np.zeros(region.hu.shape, dtype=bool)
    if seen.max() < OPEN_SHARE:
        place *= OPEN_TRUST
        far = ~_near(region, seeds, _half_defect_mm(region, seeds))
    levels = LEVELS_HU if tissue.sign > 0 else DENSE_LEVELS_HU
    best: _Found | None = None
    radius_mm, field = 0.0, None
    for number, level in enumerate(levels):
        progress.update(0.2 + 0.6 * number / len(levels), "outlining the lesion")
        nearby = ndimage.gaussian_filter(np.minimum(above, level) * weight, BONE_NEAR_MM / VOXEL_MM)
        beside = np.where(around > 1e-3, nearby / np.maximum(around, 1e-3), level)
        beside = np.maximum(beside, LEAST_BONE_HU)
        cost = (above**2 - (above - beside) ** 2) / (2 * MEASURE_HU**2)
        cost = np.clip(cost, -TRUST[0], TRUST[1])
        if tissue.sign > 0:
            cost[dark] = DARK_COST
        cost += place
        cost[region.blocked | far] = TRUST[1]
        cost[clicked] = -TRUST[1]
        cost = cost.astype(np.float32)
        begin = (cost < 0).astype(np.float32) if field is None else field
        field = relaxed(cost, SMOOTHNESS, begin, ITERATIONS)
        mask = _clicked_part(field > 0.5, region, seeds)
        grown_mm = float(np.cbrt(3 * np.count_nonzero(mask) / (4 * np.pi))) * VOXEL_MM
        if best is not None and grown_mm - radius_mm > RUNS_AWAY_MM:
            return replace(best, ran_away=True)
        is_open = bool(far.any())
        best, radius_mm = _Found(mask, field.copy(), inside, is_open, ran_away=False), grown_mm
    if best is None:
        message = "there is at least one level"
        raise ValueError(message)
    return best


def _half_defect_mm(region: Region, seeds: FloatArray) -> float:
    """Return half the defect's size: the mean of the nearest and the farthest bone around a click.

    The bone that is left lies around the defect; a click beside its middle is nearer to one side.
    """
    steps = np.arange(2.0, NEAR_BONE_MM, VOXEL_MM)
    rays = directions(DEFECT_RAYS)
    places = seeds[:, None, None, :] + steps[:, None] * rays[:, None, :]
    dense = sample(region.hu, region.grid, places, order=1, outside=0.0) > SURE_BONE_HU
    hits = steps[dense.argmax(axis=-1)][dense.any(axis=-1)]
    return float(np.percentile(hits, (10, 90)).mean()) if hits.size else NEAR_BONE_MM


def _near(region: Region, seeds: FloatArray, radius_mm: float) -> BoolArray:
    """Return the voxels within a distance of the clicks."""
    apart = np.ones(region.hu.shape, dtype=bool)
    for seed in seeds:
        apart[region.index(seed)] = False
    near: BoolArray = ndimage.distance_transform_edt(apart, sampling=VOXEL_MM) <= radius_mm
    return near


def _clicked_part(mask: BoolArray, region: Region, seeds: FloatArray) -> BoolArray:
    """Return what hangs together with the clicks by more than a neck, without holes."""
    parts, _ = ndimage.label(mask)
    mask = np.isin(parts, list({int(parts[region.index(one)]) for one in seeds} - {0}))
    depth_mm = ndimage.distance_transform_edt(mask, sampling=VOXEL_MM)
    neck_mm = min(NECK_MM, 0.75 * float(depth_mm.max()))
    labels, count = ndimage.label(depth_mm > neck_mm)
    if count > 1:
        nearest = ndimage.distance_transform_edt(
            labels == 0, return_distances=False, return_indices=True
        )
        keep = {int(labels[tuple(nearest[(slice(None), *region.index(one))])]) for one in seeds}
        core = np.isin(labels, list(keep))
    else:
        core = labels > 0
    if core.any():
        reach_mm = neck_mm + VOXEL_MM
        mask = mask & (ndimage.distance_transform_edt(~core, sampling=VOXEL_MM) <= reach_mm)
    whole: BoolArray = ndimage.binary_fill_holes(mask)
    return whole


def _leaves_block(mask: BoolArray, region: Region, volume: Volume) -> bool:
    """Tell whether an outline meets a face of the block that is not a face of the image."""
    corners, own = volume.grid.corners_lps_mm(), region.grid.corners_lps_mm()
    for axis in range(3):
        world = 2 - axis
        for side, index in ((own[:, world].min(), 0), (own[:, world].max(), -1)):
            within = abs(corners[:, world] - side).min() > 2.0
            if within and bool(np.take(mask, index, axis=axis).any()):
                return True
    return False


def _on_volume(found: _Found, region: Region, volume: Volume, seeds: FloatArray) -> BoolArray:
    """Return the outline on the volume's own voxels, the clicked part only."""
    rim = ndimage.binary_dilation(found.mask)
    level = np.where(rim, found.field - 0.5, -0.5)
    level[found.mask] = np.maximum(level[found.mask], 0.01)
    start, size = volume.grid.around(region.grid.corners_lps_mm(), 0.0)
    grid = volume.grid.cropped(start, size)
    places = grid.to_lps(np.moveaxis(np.indices(size), 0, -1))
    part = sample(level, region.grid, places, order=1, outside=-0.5) > 0
    labels, count = ndimage.label(part, structure=np.ones((3, 3, 3)))
    if count > 1:
        hit = [grid.nearest(seed) for seed in seeds]
        keep = {int(labels[at]) for at in hit if at is not None} - {0}
        part = np.isin(labels, list(keep or {int(np.bincount(labels.ravel())[1:].argmax()) + 1}))
    mask = np.zeros(volume.grid.size_kji, dtype=bool)
    mask[tuple(slice(s, s + n) for s, n in zip(start, size, strict=True))] = part
    return mask


def _allowed(
    found: _Found, region: Region, volume: Volume, outside: BoolArray | None, mask: BoolArray
) -> BoolArray:
    """Return where the outline may be moved to: what was within the bone."""
    start, size = volume.grid.around(region.grid.corners_lps_mm(), 0.0)
    grid = volume.grid.cropped(start, size)
    places = grid.to_lps(np.moveaxis(np.indices(size), 0, -1))
    seen = sample(region.surrounded, region.grid, places, order=1, outside=0.0)
    allowed = mask.copy()
    block = tuple(slice(s, s + n) for s, n in zip(start, size, strict=True))
    allowed[block] |= seen >= found.inside
    if outside is not None:
        allowed &= ~outside
    return allowed


def _with_generosity(
    mask: BoolArray, allowed: BoolArray, volume: Volume, generosity: float
) -> BoolArray:
    """Return a tighter or more generous outline around the proposal."""
    if generosity == 0.0:
        return mask
    spacing = volume.grid.spacing_mm_kji
    radius_mm = float(np.cbrt(3000 * np.count_nonzero(mask) * volume.grid.voxel_ml / (4 * np.pi)))
    by_mm = GENEROSITY_SHARE * radius_mm * abs(generosity)
    found = ndimage.find_objects(mask.view(np.uint8))[0]
    pad = np.ceil((by_mm + 1.0) / np.array(spacing)).astype(int) + 1
    block = tuple(
        slice(max(0, one.start - n), min(size, one.stop + n))
        for one, n, size in zip(found, pad, mask.shape, strict=True)
    )
    changed = mask.copy()
    if generosity > 0:
        near = ndimage.distance_transform_edt(~mask[block], sampling=spacing) <= by_mm
        grows = near & allowed[block] & (volume.hu[block] < 2 * SURE_BONE_HU)
        changed[block] |= grows
        return changed
    deep = ndimage.distance_transform_edt(np.pad(mask[block], 1), sampling=spacing)[
        1:-1, 1:-1, 1:-1
    ]
    kept = deep > min(by_mm, 0.8 * float(deep.max()))
    changed[block] = kept
    return changed


def _contrast(found: _Found, region: Region, tissue: _Tissue, seeds: FloatArray) -> float:
    """Compare the outline with the bone around it; refuse what cannot be told apart."""
    away_mm = ndimage.distance_transform_edt(~found.mask, sampling=VOXEL_MM)
    ring = (away_mm > RING_MM[0]) & (away_mm <= RING_MM[1]) & (region.surrounded > found.inside)
    values = tissue.above(region.hu[ring])
    if found.is_open:  # muscle lies around it too; what bone is left is compared
        values = values[values > LEAST_CONTRAST_HU]
    if values.size < LEAST_RING_VOXELS:
        return 0.0
    contrast_hu = float(np.median(values))
    if contrast_hu < LEAST_CONTRAST_HU:
        raise _not_distinct(seeds)
    return contrast_hu


def _doubts(
    volume: Volume,
    mask: BoolArray,
    seeds: FloatArray,
    found: _Found,
    tissue: _Tissue,
    contrast_hu: float,
) -> tuple[Problem, ...]:
    doubts = []
    if found.ran_away:
        message = "the border is unclear: a little more and the outline runs into marrow or muscle"
        doubts.append(_doubt("border_unclear", message))
    if tissue.sign < 0:
        message = (
            "the click lies in dense tissue: of a mixed lesion only its dense part is outlined"
        )
        doubts.append(_doubt("dense_click", message))
    if contrast_hu < LOW_CONTRAST_HU:
        message = "lesion and bone differ by less than 60 HU; check the outline"
        doubts.append(_doubt("low_contrast", message))
    if found.is_open:
        message = (
            "bone is destroyed through here; towards muscle the outline is a guess, correct it"
        )
        doubts.append(_doubt("open_to_soft_tissue", message))
    spread_hu = tissue.sign * (float(np.median(volume.hu[mask])) - tissue.hu)
    if spread_hu > max(MIXED_SHARE * contrast_hu, 2 * tissue.noise_hu):
        message = "the outline holds denser tissue than the click; it may have run into marrow"
        doubts.append(_doubt("runs_into_marrow", message))
    parts = _parts(mask)
    clicked = [volume.grid.nearest(seed) for seed in seeds]
    if parts > 1 or not all(mask[at] for at in clicked if at is not None):
        message = "the clicks lie in separate places; one lesion is planned at a time"
        doubts.append(_doubt("separate_parts", message))
    if _leaves_image(mask):
        doubts.append(_doubt("leaves_image", "the lesion leaves the field of view"))
    return tuple(doubts)


def _parts(mask: BoolArray) -> int:
    where = ndimage.find_objects(mask.view(np.uint8))[0]
    return int(ndimage.label(mask[where], structure=np.ones((3, 3, 3)))[1])


def _leaves_image(mask: BoolArray) -> bool:
    faces = (mask[0], mask[-1], mask[:, 0], mask[:, -1], mask[:, :, 0], mask[:, :, -1])
    return any(bool(face.any()) for face in faces)
