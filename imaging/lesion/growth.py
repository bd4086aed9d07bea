"""The outline on a region's voxels: grown level by level, then moved to where clicks want it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import scipy

from imaging.geometry import BoolArray, FloatArray
from imaging.lesion.clicks import SEED_RADIUS_MM, Tissue, near_clicks
from imaging.lesion.region import (
    OPEN_SHARE,
    SIGHT_MM,
    SURE_BONE_HU,
    Region,
    directions,
    surrounded_by,
)
from imaging.lesion.relaxation import Field, relaxed
from imaging.progress import Progress
from imaging.volume import sample

LEVELS_HU = (45.0, 60.0, 80.0, 105.0, 140.0)  # above the lesion: bone counts as dense up to these
DENSE_LEVELS_HU = (90.0, 120.0, 160.0, 210.0, 280.0)  # below it, for a blastic one
LEAST_BONE_HU = 40.0  # bone differs by this at least, else noise decides
BONE_NEAR_MM = 4.0  # deviation of the neighbourhood in which the bone's value is taken
MEASURE_HU = 30.0  # deviation of lesion and bone about their values
TRUST = (1.0, 3.0)  # a voxel speaks for the lesion, against it, at most this much
DARK_SIGMAS, DARK_HU, DARK_COST = 3.5, 10.0, 1.5  # fat and gas are darker than any lesion
INSIDE = 0.62  # share of directions in which what was within a bone sees bone
INSIDE_LARGE = 0.58  # the same for a large lesion, beside which less bone is left
INSIDE_BELOW_CLICK = 0.1  # a click near a destroyed side sees less; its surroundings may too
OUTSIDE_COST = 12.0
OUTSIDE_RANGE = (-0.05, 0.5)
SMOOTHNESS = 1.5
FIRST_LEVEL_HU = (60.0,)  # tells a large lesion from a small one
LARGE_MM = 8.5  # radius, found at that level
SIGHT_RADII, FARTHEST_SIGHT_MM = 2.7, 40.0  # across a lesion from beside its border
ITERATIONS, MORE_ITERATIONS = 80, 40  # at the first level; at the others, which begin near the end
NECK_MM = 3.5  # what hangs on by less than twice this is something else
THINNER_NECKS_MM = (2.5, 1.5)
RUNS_AWAY_MM = 2.5  # growth of the radius from one level to the next
SHRINKS = 0.8  # of the radius: more bone counts as lesion, so what was lost was cut off at a neck
GROWN_MM = 5.0  # radius; a smaller outline has not found the lesion yet
CREEPS_MM, RISES = 0.15, 1.06  # growth at which the step at the border must rise at least so much
STEP_MM = 2.0  # on both sides of the border, where its step is measured
OPEN_TRUST = 0.3  # in the share of directions, where little is left of the bone
NEAR_BONE_MM = 30.0  # bone farther from the click belongs to something else
DEFECT_RAYS = 400
SMOOTHED_RAYS = 9  # over which a defect's reach is averaged
OPEN_PART = 0.8  # of half the defect along the bone, towards muscle
MOST_CHANGE_MM = 12.0  # a further click changes the outline at most this far about it
FADES_OVER = 1.0  # part of that distance over which its word fades
ALIKE_HU = 60.0  # beyond that distance it speaks for what is as dense as the place clicked
SURE_PART = 0.8  # of that distance: no choice is left to what else is weighed
SURELY = 0.75  # of the field there, so that its half level lies beyond
CLICK_COST = 3.0
NECK_SHARE = 0.75  # of the depth, in small outlines


@dataclass(frozen=True, eq=False)
class Found:
    """The outline on the region's voxels.

    Parameters
    ----------
    mask : numpy.ndarray
        Shape of the region, bool.
    field : numpy.ndarray
        Same shape, 0 to 1; its half level bounds the mask.
    cost : numpy.ndarray
        Same shape: what was weighed.
    inside : float
        Share of directions above which a voxel was within the bone.
    is_open : bool
        Whether the bone is destroyed through.
    ran_away : bool
        Whether a little more would have let it run into marrow or muscle.
    closed, opened : numpy.ndarray
        Shape of the region, bool: what a further click said is not lesion, and what is.
    dual : numpy.ndarray
        Shape (3, k, j, i): where the relaxation ended.
    radius_mm : float
        Of a ball as large.
    """

    mask: BoolArray
    field: Field
    cost: Field
    inside: float
    is_open: bool
    ran_away: bool
    closed: BoolArray
    opened: BoolArray
    dual: Field
    radius_mm: float


Compare = Callable[[Region, BoolArray], Region]


def grown(
    region: Region,
    tissue: Tissue,
    seed_lps_mm: FloatArray,
    blocked: BoolArray,
    progress: Progress,
    compare: Compare | None = None,
) -> tuple[Found, Region]:
    """Grow the outline from clicks in one tissue.

    What a large lesion has left of its bone lies farther apart than what a small one has: once the
    size is known, bone is looked for as far away as that, and the outline grown again.

    Parameters
    ----------
    region : Region
        Around the clicks.
    tissue : Tissue
        What was clicked on.
    seed_lps_mm : numpy.ndarray
        Shape (n, 3), clicks in one tissue.
    blocked : numpy.ndarray
        Shape of the region, bool: what cannot be lesion.
    progress : Progress
        Told at each level.
    compare : callable or None
        Given the region and a first outline, returns the region with what the other side of the
        body says of it; None where there is no other side.

    Returns
    -------
    tuple
        The outline, and the region with the sight it was grown with.
    """
    if tissue.sign < 0:
        first = _raised(region, tissue, seed_lps_mm, blocked, DENSE_LEVELS_HU, progress)
        if compare is not None:
            region = compare(region, first.mask)
            if region.against is not None:
                first = _raised(region, tissue, seed_lps_mm, blocked, DENSE_LEVELS_HU, progress)
        return first, region
    first = _raised(region, tissue, seed_lps_mm, blocked, FIRST_LEVEL_HU, progress)
    inside = INSIDE
    if first.radius_mm >= LARGE_MM:
        sight_mm = max(SIGHT_MM, min(SIGHT_RADII * first.radius_mm, FARTHEST_SIGHT_MM))
        seen = surrounded_by(region.hu > SURE_BONE_HU, region.voxel_mm, sight_mm)
        region, inside = replace(region, surrounded=seen), INSIDE_LARGE
    if compare is not None:
        region = compare(region, first.mask)
    return _raised(region, tissue, seed_lps_mm, blocked, LEVELS_HU, progress, inside), region


def _raised(
    region: Region,
    tissue: Tissue,
    seed_lps_mm: FloatArray,
    blocked: BoolArray,
    levels_hu: tuple[float, ...],
    progress: Progress,
    inside_most: float = INSIDE,
) -> Found:
    """Raise the level between lesion and bone until the outline runs away, and step back."""
    above = tissue.above(region.hu)
    seen = sample(region.surrounded, region.grid, seed_lps_mm, order=1, outside=0.0)
    inside = float(min(inside_most, seen.max() - INSIDE_BELOW_CLICK))
    place = OUTSIDE_COST * np.clip(inside - region.surrounded, *OUTSIDE_RANGE)
    if region.against is not None:
        place += region.against
    barred = blocked
    is_open = bool(seen.max() < OPEN_SHARE)
    if is_open:
        place *= OPEN_TRUST
        barred = blocked | ~_within_defect(region, seed_lps_mm)
    clicked = near_clicks(region, seed_lps_mm, SEED_RADIUS_MM)
    bone = (region.surrounded > inside) | (region.hu > SURE_BONE_HU)
    beside = _BoneBeside(above, (bone & (above > 2 * tissue.noise_hu)), region.voxel_mm)
    dark = above < -DARK_SIGMAS * tissue.noise_hu - DARK_HU
    dual = np.zeros((3, *above.shape), dtype=np.float32)
    best: Found | None = None
    radius_mm, best_hu, field = 0.0, 0.0, None
    for number, level in enumerate(levels_hu):
        progress.update(0.2 + 0.6 * number / len(levels_hu), "outlining the lesion")
        bone_hu = beside.at(level)
        if region.bone_hu is not None:
            bone_hu = np.maximum(bone_hu, region.bone_hu)
        cost = _against(above, bone_hu)
        if tissue.sign > 0:
            cost[dark] = DARK_COST
        elif region.changed is not None:
            cost[region.changed] = -TRUST[0]
        cost += place
        cost[barred] = TRUST[1]
        cost[clicked] = -TRUST[1]
        begin = (cost < 0).astype(np.float32) if field is None else field
        iterations = ITERATIONS if field is None else MORE_ITERATIONS
        field = relaxed(cost, SMOOTHNESS / region.voxel_mm, begin, iterations, dual)
        mask = clicked_part(field > 0.5, region, seed_lps_mm)
        now_mm = float(np.cbrt(3 * np.count_nonzero(mask) / (4 * np.pi))) * region.voxel_mm
        step_hu = _step(above, mask, region)
        if best is not None and radius_mm >= GROWN_MM:
            runs = now_mm - radius_mm > RUNS_AWAY_MM
            fades = step_hu < RISES * best_hu and now_mm - radius_mm > CREEPS_MM
            if runs or fades or now_mm < SHRINKS * radius_mm:
                return replace(best, ran_away=runs)
        said = np.zeros_like(mask)
        ended = (field.copy(), dual.copy())
        best = Found(mask, ended[0], cost, inside, is_open, False, said, said, ended[1], now_mm)
        radius_mm, best_hu = max(radius_mm, now_mm), max(best_hu, step_hu)
    if best is None:
        message = "there is at least one level"
        raise ValueError(message)
    return best


class _BoneBeside:
    """The value of the bone near each voxel, where bone counts as dense up to a level."""

    def __init__(self, above: Field, bone: BoolArray, voxel_mm: float) -> None:
        self._above, self._weight = above, bone.astype(np.float32)
        self._deviation = BONE_NEAR_MM / voxel_mm
        self._around = scipy.ndimage.gaussian_filter(self._weight, self._deviation)

    def at(self, level_hu: float) -> Field:
        """Return it for one level."""
        values = np.minimum(self._above, np.float32(level_hu)) * self._weight
        nearby = scipy.ndimage.gaussian_filter(values, self._deviation)
        mean = np.where(self._around > 1e-3, nearby / np.maximum(self._around, 1e-3), level_hu)
        beside: Field = np.maximum(mean, LEAST_BONE_HU).astype(np.float32)
        return beside


def _against(above: Field, beside: Field) -> Field:
    """Return how much a voxel's value speaks for bone, and below 0 for the lesion."""
    cost = (above**2 - (above - beside) ** 2) / np.float32(2 * MEASURE_HU**2)
    clipped: Field = np.clip(cost, -TRUST[0], TRUST[1]).astype(np.float32)
    return clipped


def corrected(
    found: Found,
    region: Region,
    seeds_lps_mm: FloatArray,
    missed_lps_mm: FloatArray,
    wrong_lps_mm: FloatArray,
) -> Found:
    """Move an outline to where further clicks want it.

    Somebody who sees an error clicks in its middle. So the distance from the click to the outline
    tells how large the error is, and the click speaks that far about it, fading beyond.

    Parameters
    ----------
    found : Found
        The outline.
    region : Region
        Around the clicks.
    seeds_lps_mm : numpy.ndarray
        Shape (n, 3), the clicks it was grown from.
    missed_lps_mm, wrong_lps_mm : numpy.ndarray
        Shapes (m, 3): clicks that are lesion, and that are not.

    Returns
    -------
    Found
        Changed where a click asked for it.
    """
    if not len(missed_lps_mm) and not len(wrong_lps_mm):
        return found
    cost = found.cost.copy()
    sure, closed, near = (np.zeros_like(found.mask) for _ in range(3))
    for clicks, outline, ball, sign in (
        (missed_lps_mm, ~found.mask, sure, -1),
        (wrong_lps_mm, found.mask, closed, 1),
    ):
        depth_mm = scipy.ndimage.distance_transform_edt(outline, sampling=region.voxel_mm)
        for click in clicks:
            reach_mm = float(
                np.clip(depth_mm[region.index(click)], region.voxel_mm, MOST_CHANGE_MM)
            )
            _speak(cost, (ball, near), region, click, reach_mm, sign)
    inside = np.concatenate([seeds_lps_mm, missed_lps_mm])
    cost[sure] = -CLICK_COST
    cost[closed] = CLICK_COST
    for seed in inside:
        closed[region.index(seed)] = False
    field = relaxed(cost, SMOOTHNESS / region.voxel_mm, found.field, ITERATIONS, found.dual.copy())
    field[sure] = np.maximum(field[sure], SURELY)
    field[closed] = np.minimum(field[closed], 1 - SURELY)
    field = np.where(near, field, found.field)
    changed = np.where(near, field > 0.5, found.mask) | sure
    changed |= near_clicks(region, inside, SEED_RADIUS_MM) & ~closed
    mask = (clicked_part(changed, region, inside) | sure) & ~closed
    return replace(
        found, mask=mask, field=field, cost=cost, closed=closed, opened=mask & ~found.mask
    )


def _speak(
    cost: Field,
    marks: tuple[BoolArray, BoolArray],
    region: Region,
    click: FloatArray,
    reach_mm: float,
    sign: int,
) -> None:
    """Let a click weigh on the cost around it; mark where it leaves no choice, and its reach."""
    middle = region.grid.to_kji(click)
    span = (1 + FADES_OVER) * reach_mm / region.voxel_mm
    start = np.clip(np.floor(middle - span), 0, cost.shape).astype(int)
    end = np.clip(np.ceil(middle + span) + 1, start, cost.shape).astype(int)
    part = tuple(slice(a, b) for a, b in zip(start, end, strict=True))
    index = np.stack(np.meshgrid(*(np.arange(s.start, s.stop) for s in part), indexing="ij"), -1)
    away = np.linalg.norm(index - middle, axis=-1) * region.voxel_mm / reach_mm
    alike = np.exp(-(((region.hu[part] - region.hu[region.index(click)]) / ALIKE_HU) ** 2) / 2)
    weight = np.clip(1 + (1 - away) / FADES_OVER, 0.0, 1.0) * np.where(away > 1, alike, 1.0)
    cost[part] += (sign * CLICK_COST * weight).astype(np.float32)
    for mark, reach in zip(marks, (SURE_PART, 1 + FADES_OVER), strict=True):
        mark[part] |= away <= reach
        mark[region.index(click)] = True


def _step(above: Field, mask: BoolArray, region: Region) -> float:
    """Return by how much values rise across the border, where bone lies behind it."""
    if not mask.any():
        return 0.0
    box = _box(mask, round(2 * STEP_MM / region.voxel_mm))
    part, values = mask[box], above[box]
    out_mm = scipy.ndimage.distance_transform_edt(~part, sampling=region.voxel_mm)
    in_mm = scipy.ndimage.distance_transform_edt(part, sampling=region.voxel_mm)
    bone = region.surrounded[box] > INSIDE
    outer = values[(out_mm > 0) & (out_mm <= STEP_MM) & bone]
    inner = values[(in_mm > 0) & (in_mm <= STEP_MM)]
    return float(np.median(outer) - np.median(inner)) if outer.size and inner.size else 0.0


def _within_defect(region: Region, seeds_lps_mm: FloatArray) -> BoolArray:
    """Return the voxels within the defect of a bone that is destroyed through.

    Along the bone the defect reaches to what is left of it. Towards muscle nothing bounds it: it is
    taken to reach part as far as along the bone, for what grows out of a flat or thin bone is flat.
    """
    rays = directions(DEFECT_RAYS)
    steps = np.arange(2.0, NEAR_BONE_MM, 1.0)
    index = np.moveaxis(np.indices(region.hu.shape), 0, -1)
    places = region.grid.to_lps(index)
    within = np.zeros(region.hu.shape, dtype=bool)
    tree = scipy.spatial.cKDTree(rays)
    for seed in seeds_lps_mm:
        along = seed + steps[:, None] * rays[:, None, :]
        dense = sample(region.hu, region.grid, along, order=1, outside=0.0) > SURE_BONE_HU
        hit = dense.any(axis=1)
        hits_mm = steps[dense.argmax(axis=1)]
        if not hit.any():
            return near_clicks(region, seeds_lps_mm, NEAR_BONE_MM)
        near_mm, far_mm = np.percentile(hits_mm[hit], (10, 90))
        half_mm = (near_mm + far_mm) / 2
        open_mm = min(OPEN_PART * half_mm, half_mm)
        reach_mm = np.where(hit, np.minimum(hits_mm + 1.0, far_mm), open_mm)
        _, nearest = tree.query(rays, SMOOTHED_RAYS)
        reach_mm = reach_mm[nearest].mean(axis=1)
        offset = places - seed
        away_mm = np.linalg.norm(offset, axis=-1)
        close = away_mm < reach_mm.max()
        _, ray = tree.query(offset[close] / np.maximum(away_mm[close], 1e-6)[:, None])
        within[close] |= away_mm[close] <= reach_mm[ray]
    return within


def clicked_part(mask: BoolArray, region: Region, seeds_lps_mm: FloatArray) -> BoolArray:
    """Return what hangs together with the clicks by more than a neck, without holes.

    Parameters
    ----------
    mask : numpy.ndarray
        Shape of the region, bool.
    region : Region
        Where it lies.
    seeds_lps_mm : numpy.ndarray
        Shape (n, 3).

    Returns
    -------
    numpy.ndarray
        Shape of the region, bool.
    """
    parts, _ = scipy.ndimage.label(mask)
    numbers = {int(parts[region.index(one)]) for one in seeds_lps_mm} - {0}
    mask = np.isin(parts, list(numbers))
    whole = np.zeros_like(mask)
    if not mask.any():
        return whole
    box = _box(mask)
    first = region.index(seeds_lps_mm[0])
    for neck_mm in (NECK_MM, *THINNER_NECKS_MM):  # a click in a narrow part is still meant
        whole[box] = _without_necks(mask[box], box, region, seeds_lps_mm, neck_mm)
        if whole[first] or not mask[first]:
            break
    return whole


def _box(mask: BoolArray, margin: int = 1) -> tuple[slice, ...]:
    found = scipy.ndimage.find_objects(mask.view(np.uint8))[0]
    return tuple(
        slice(max(0, one.start - margin), min(size, one.stop + margin))
        for one, size in zip(found, mask.shape, strict=True)
    )


def _without_necks(
    mask: BoolArray,
    box: tuple[slice, ...],
    region: Region,
    seeds_lps_mm: FloatArray,
    neck_mm: float,
) -> BoolArray:
    depth_mm = scipy.ndimage.distance_transform_edt(mask, sampling=region.voxel_mm)
    neck_mm = min(neck_mm, NECK_SHARE * float(depth_mm.max()))
    labels, count = scipy.ndimage.label(depth_mm > neck_mm)
    core: BoolArray = labels > 0
    if count > 1:
        nearest = scipy.ndimage.distance_transform_edt(
            ~core, return_distances=False, return_indices=True
        )
        keep = set()
        for one in seeds_lps_mm:
            at = tuple(
                int(np.clip(n - part.start, 0, size - 1))
                for n, part, size in zip(region.index(one), box, mask.shape, strict=True)
            )
            k, j, i = nearest[:, at[0], at[1], at[2]]
            keep.add(int(labels[k, j, i]))
        core = np.isin(labels, list(keep))
    if core.any():
        reach_mm = neck_mm + region.voxel_mm
        mask = mask & (
            scipy.ndimage.distance_transform_edt(~core, sampling=region.voxel_mm) <= reach_mm
        )
    filled: BoolArray = scipy.ndimage.binary_fill_holes(mask)
    return filled
