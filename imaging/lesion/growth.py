"""The outline on a region's voxels: grown level by level, then moved to where clicks want it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from imaging.geometry import BoolArray, FloatArray
from imaging.lesion.clicks import SEED_RADIUS_MM, Tissue, near_clicks
from imaging.lesion.region import SURE_BONE_HU, Region, directions
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
INSIDE_BELOW_CLICK = 0.1  # a click near a destroyed side sees less; its surroundings may too
OUTSIDE_COST = 12.0
OUTSIDE_RANGE = (-0.05, 0.5)
SMOOTHNESS = 2.0
ITERATIONS, MORE_ITERATIONS = 80, 40  # at the first level; at the others, which begin near the end
NECK_MM = 3.5  # what hangs on by less than twice this is something else
RUNS_AWAY_MM = 2.5  # growth of the radius from one level to the next
OPEN_TRUST = 0.3  # in the share of directions, where little is left of the bone
OPEN_SHARE = 0.55  # of the directions; below it the bone is destroyed through
NEAR_BONE_MM = 30.0  # bone farther from the click belongs to something else
DEFECT_RAYS = 400
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
    closed : numpy.ndarray
        Shape of the region, bool: what a click said is not lesion.
    dual : numpy.ndarray
        Shape (3, k, j, i): where the relaxation ended.
    """

    mask: BoolArray
    field: Field
    cost: Field
    inside: float
    is_open: bool
    ran_away: bool
    closed: BoolArray
    dual: Field


def grown(
    region: Region, tissue: Tissue, seed_lps_mm: FloatArray, blocked: BoolArray, progress: Progress
) -> Found:
    """Raise the level between lesion and bone until the outline runs away, and step back.

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

    Returns
    -------
    Found
        The outline.
    """
    above = tissue.above(region.hu)
    seen = sample(region.surrounded, region.grid, seed_lps_mm, order=1, outside=0.0)
    inside = float(min(INSIDE, seen.max() - INSIDE_BELOW_CLICK))
    place = OUTSIDE_COST * np.clip(inside - region.surrounded, *OUTSIDE_RANGE)
    barred = blocked
    is_open = bool(seen.max() < OPEN_SHARE)
    if is_open:
        place *= OPEN_TRUST
        barred = blocked | ~near_clicks(region, seed_lps_mm, _half_defect_mm(region, seed_lps_mm))
    clicked = near_clicks(region, seed_lps_mm, SEED_RADIUS_MM)
    bone = (region.surrounded > inside) | (region.hu > SURE_BONE_HU)
    beside = _BoneBeside(above, (bone & (above > 2 * tissue.noise_hu)), region.voxel_mm)
    dark = above < -DARK_SIGMAS * tissue.noise_hu - DARK_HU
    dual = np.zeros((3, *above.shape), dtype=np.float32)
    best: Found | None = None
    radius_mm, field = 0.0, None
    levels = LEVELS_HU if tissue.sign > 0 else DENSE_LEVELS_HU
    for number, level in enumerate(levels):
        progress.update(0.2 + 0.6 * number / len(levels), "outlining the lesion")
        cost = _against(above, beside.at(level))
        if tissue.sign > 0:
            cost[dark] = DARK_COST
        cost += place
        cost[barred] = TRUST[1]
        cost[clicked] = -TRUST[1]
        begin = (cost < 0).astype(np.float32) if field is None else field
        iterations = ITERATIONS if field is None else MORE_ITERATIONS
        field = relaxed(cost, SMOOTHNESS / region.voxel_mm, begin, iterations, dual)
        mask = clicked_part(field > 0.5, region, seed_lps_mm)
        now_mm = float(np.cbrt(3 * np.count_nonzero(mask) / (4 * np.pi))) * region.voxel_mm
        if best is not None and now_mm - radius_mm > RUNS_AWAY_MM:
            return replace(best, ran_away=True)
        closed = np.zeros_like(mask)
        ended = (field.copy(), dual.copy())
        best = Found(mask, ended[0], cost, inside, is_open, False, closed, ended[1])
        radius_mm = now_mm
    if best is None:
        message = "there is at least one level"
        raise ValueError(message)
    return best


class _BoneBeside:
    """The value of the bone near each voxel, where bone counts as dense up to a level."""

    def __init__(self, above: Field, bone: BoolArray, voxel_mm: float) -> None:
        self._above, self._weight = above, bone.astype(np.float32)
        self._deviation = BONE_NEAR_MM / voxel_mm
        self._around = ndimage.gaussian_filter(self._weight, self._deviation)

    def at(self, level_hu: float) -> Field:
        """Return it for one level."""
        values = np.minimum(self._above, np.float32(level_hu)) * self._weight
        nearby = ndimage.gaussian_filter(values, self._deviation)
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
        depth_mm = ndimage.distance_transform_edt(outline, sampling=region.voxel_mm)
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
    mask = clicked_part(changed, region, inside) & ~closed
    return replace(found, mask=mask, field=field, cost=cost, closed=closed)


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


def _half_defect_mm(region: Region, seeds_lps_mm: FloatArray) -> float:
    """Return half the defect's size: the mean of the nearest and the farthest bone around a click.

    The bone that is left lies around the defect; a click beside its middle is nearer to one side.
    """
    steps = np.arange(2.0, NEAR_BONE_MM, 1.0)
    rays = directions(DEFECT_RAYS)
    places = seeds_lps_mm[:, None, None, :] + steps[:, None] * rays[:, None, :]
    dense = sample(region.hu, region.grid, places, order=1, outside=0.0) > SURE_BONE_HU
    hits = steps[dense.argmax(axis=-1)][dense.any(axis=-1)]
    return float(np.percentile(hits, (10, 90)).mean()) if hits.size else NEAR_BONE_MM


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
    parts, _ = ndimage.label(mask)
    numbers = {int(parts[region.index(one)]) for one in seeds_lps_mm} - {0}
    mask = np.isin(parts, list(numbers))
    whole = np.zeros_like(mask)
    if not mask.any():
        return whole
    box = _box(mask)
    whole[box] = _without_necks(mask[box], box, region, seeds_lps_mm)
    return whole


def _box(mask: BoolArray) -> tuple[slice, ...]:
    found = ndimage.find_objects(mask.view(np.uint8))[0]
    return tuple(
        slice(max(0, one.start - 1), min(size, one.stop + 1))
        for one, size in zip(found, mask.shape, strict=True)
    )


def _without_necks(
    mask: BoolArray, box: tuple[slice, ...], region: Region, seeds_lps_mm: FloatArray
) -> BoolArray:
    depth_mm = ndimage.distance_transform_edt(mask, sampling=region.voxel_mm)
    neck_mm = min(NECK_MM, NECK_SHARE * float(depth_mm.max()))
    labels, count = ndimage.label(depth_mm > neck_mm)
    core: BoolArray = labels > 0
    if count > 1:
        nearest = ndimage.distance_transform_edt(~core, return_distances=False, return_indices=True)
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
        mask = mask & (ndimage.distance_transform_edt(~core, sampling=region.voxel_mm) <= reach_mm)
    filled: BoolArray = ndimage.binary_fill_holes(mask)
    return filled
