"""What the other side of the body says of a lesion's outline.

Where a voxel has a lesion's value and its counterpart, or anything near it, has not, bone was
destroyed: the lesion's core. Where both sides are alike and far from the core, nothing has changed:
marrow as poor on both sides, a foramen, muscle. And what lies in the other side's bone lay in this
bone, whatever is left of its cortex. Near the midline a lesion is its own counterpart; there the
other side says nothing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy

from imaging.geometry import BoolArray, FloatArray, Grid
from imaging.lesion.clicks import GAS_HU, SEED_RADIUS_MM, Tissue, near_clicks
from imaging.lesion.other_side import OtherSide
from imaging.lesion.region import OPEN_SHARE, SMOOTHING_MM, Region
from imaging.lesion.relaxation import Field
from imaging.volume import AIR_HU, Volume, resample, sample

NEARBY_MM = 1.0  # in which a counterpart may lie: what sides and their alignment differ by
CHANGED_HU = 50.0  # beyond all that is nearby: surely changed; noise and texture reach half of it
CLEARLY_HU = 150.0  # changed by so much, dense or not, in a bone with a dense lesion: part of it
LIKE_SIGMAS, LIKE_HU = 2.5, 35.0  # from the lesion's value
DENSE_LIKE_HU = 200.0  # below a dense lesion's value; sclerosis is uneven
REACH_MM = 2 * SEED_RADIUS_MM  # of the click, within which the core begins
LEAST_CORE_ML = 0.15
BEYOND_MM, BEYOND_RADII = 1.0, 0.2  # of the core, how far from it alike tissue may be lesion
FADES_OVER_MM = 2.0
UNCHANGED_COST = 1.5  # outweighs a voxel's own word
CHANGED_GAIN = 1.0
BONE_SMOOTHING_MM = 1.8
LEAST_BONE_HU = 40.0  # above the lesion, of what may have been bone
FAT_HU = -60.0  # below the lesion; fat is no lesion, changed or not
SELF_MM = 3.0  # around the outline's counterpart
ENVELOPE_HU = 150.0
ENVELOPE_CLOSE_MM = 2.0
MARROW_MM2 = 1800.0  # a vertebral body's section; the pelvic ring is larger
COARSE_MM = 2.0
FARTHEST_MM = 200.0
METAL_HU = 1800.0  # smoothed; no cortex is so dense
STREAKS_MM = 10.0
WITHIN = 0.7  # share of directions in which what lay in the bone is taken to see bone


def compared(
    region: Region,
    volume: Volume,
    other: OtherSide,
    tissue: Tissue,
    seed_lps_mm: FloatArray,
    first: BoolArray,
) -> Region:
    """Return the region with what the other side says of it.

    Parameters
    ----------
    region : Region
        Around the click.
    volume : Volume
        The CT.
    other : OtherSide
        The way to the other side.
    tissue : Tissue
        What was clicked on.
    seed_lps_mm : numpy.ndarray
        Shape (n, 3), clicks in one tissue.
    first : numpy.ndarray
        Shape of the region, bool: a first outline, which may be its own counterpart.

    Returns
    -------
    Region
        With ``against``, ``changed_hu``, ``changed`` and more that is ``surrounded``; where both
        sides are alike at the click only with ``is_alike``, for then the other side tells no more.
    """
    raw = resample(volume.hu, volume.grid, other.across(region.grid), order=1, outside=AIR_HU)
    there = scipy.ndimage.gaussian_filter(raw, SMOOTHING_MM / region.voxel_mm)
    own = _is_itself(region, other, first)
    mute = _tells_nothing(there, region.voxel_mm)
    changed_hu = np.where(mute, 0.0, _changed_hu(region, there)).astype(np.float32)
    bone_hu = tissue.above(scipy.ndimage.gaussian_filter(raw, BONE_SMOOTHING_MM / region.voxel_mm))
    core = _core(region, tissue, seed_lps_mm, changed_hu, bone_hu)
    if core is None:
        at = region.index(seed_lps_mm[0])
        return replace(region, is_alike=not (own[at] or mute[at]))
    against = _against(region, tissue, core, changed_hu, bone_hu)
    against[own | mute] = 0.0
    told = bone_hu[core & ~own]
    enough = told.size * region.grid.voxel_ml > LEAST_CORE_ML
    within = _was_bone(there, region.voxel_mm) & ~(own | mute)
    surrounded = region.surrounded
    seen = sample(surrounded, region.grid, seed_lps_mm, order=1, outside=0.0)
    if seen.max() >= OPEN_SHARE:  # else the lesion has left its bone, whose place says little
        surrounded = np.where(within, np.maximum(surrounded, WITHIN), surrounded)
    return replace(
        region,
        surrounded=surrounded.astype(np.float32),
        against=against,
        changed_hu=float(np.median(told)) if enough else 0.0,
        changed=within & (changed_hu >= CLEARLY_HU),
        told=~(own | mute),
        bone_hu=_least_bone_hu(region, there, tissue, own | mute),
    )


def healthy_hu(part: Volume, volume: Volume, other: OtherSide, region: Region) -> Field:
    """Return what each voxel measured before the lesion, as far as the other side tells.

    Parameters
    ----------
    part : Volume
        Block of the volume where it is wanted.
    volume : Volume
        The CT.
    other : OtherSide
        The way to the other side.
    region : Region
        As :func:`compared` returned it.

    Returns
    -------
    numpy.ndarray
        Shape of the part, float32; not a number where nothing is told.
    """
    if region.told is None:
        return np.full(part.hu.shape, np.nan, dtype=np.float32)
    there = resample(volume.hu, volume.grid, other.across(part.grid), order=1, outside=AIR_HU)
    told = resample(region.told.view(np.uint8), region.grid, part.grid, order=0, outside=0.0) > 0.5
    return np.where(told, there, np.float32(np.nan))


def _against(
    region: Region, tissue: Tissue, core: BoolArray, changed_hu: Field, bone_hu: Field
) -> Field:
    """Return by how much what is alike on both sides, far from the core, speaks against a lesion.

    Below 0 where it has changed and is nearer to the lesion's value than to that of the bone there.
    """
    voxel_mm = region.voxel_mm
    away_mm = _finer(*_coarse_distance(core, voxel_mm), core.shape)
    radius_mm = float(np.cbrt(3 * np.count_nonzero(core) / (4 * np.pi))) * voxel_mm
    far = np.clip((away_mm - BEYOND_MM - BEYOND_RADII * radius_mm) / FADES_OVER_MM, 0.0, 1.0)
    share = np.clip(changed_hu / CHANGED_HU, 0.0, 1.0)
    above = tissue.above(region.hu)
    half = np.maximum(bone_hu, LEAST_BONE_HU) / 2
    lesion = np.clip(2.0 - above / half, 0.0, 1.0) * (above > FAT_HU)
    against = UNCHANGED_COST * (1 - share) * far - CHANGED_GAIN * share * lesion * (1 - far)
    result: Field = against.astype(np.float32)
    return result


def _least_bone_hu(region: Region, there: Field, tissue: Tissue, silent: BoolArray) -> Field:
    """Return by how much all that is near each counterpart lies beyond the lesion's value."""
    width = 2 * max(1, round(NEARBY_MM / region.voxel_mm)) + 1
    least: Field = scipy.ndimage.minimum_filter(tissue.above(there), width)
    least[silent] = 0.0
    return least


def _changed_hu(region: Region, there: Field) -> Field:
    """Return by how much each value lies beyond all that is near its counterpart."""
    width = 2 * max(1, round(NEARBY_MM / region.voxel_mm)) + 1
    most = scipy.ndimage.maximum_filter(there, width)
    least = scipy.ndimage.minimum_filter(there, width)
    beyond: Field = np.maximum(np.maximum(least - region.hu, region.hu - most), 0.0)
    return beyond


def _tells_nothing(there: Field, voxel_mm: float) -> BoolArray:
    """Return where the other side is air, not in the image, or metal with its streaks."""
    mute: BoolArray = there < GAS_HU
    metal = there > METAL_HU
    if metal.any():
        away_mm, every = _coarse_distance(scipy.ndimage.binary_dilation(metal), voxel_mm)
        mute |= _finer(away_mm, every, there.shape) < STREAKS_MM
    return mute


def _core(
    region: Region,
    tissue: Tissue,
    seed_lps_mm: FloatArray,
    changed_hu: Field,
    bone_hu: Field,
) -> BoolArray | None:
    """Return what is like the lesion and has surely changed, where it begins near the click."""
    above = tissue.above(region.hu)
    if tissue.sign > 0:
        most = np.maximum(bone_hu / 2, max(LIKE_SIGMAS * tissue.noise_hu, LIKE_HU))
        like = (above < most) & (above > -max(LIKE_SIGMAS * tissue.noise_hu, LIKE_HU))
    else:
        like = above < DENSE_LIKE_HU
    core = scipy.ndimage.binary_opening(like & (changed_hu > CHANGED_HU / 2))
    pieces, _ = scipy.ndimage.label(core)
    clicked = np.unique(pieces[near_clicks(region, seed_lps_mm, REACH_MM)])
    core = np.isin(pieces, clicked[clicked > 0])
    if np.count_nonzero(core) * region.grid.voxel_ml < LEAST_CORE_ML:
        return None
    return core


def _coarser(mask: BoolArray, voxel_mm: float) -> tuple[BoolArray, int]:
    """Return a mask on blocks of about two millimetres, and their edge in voxels."""
    every = max(1, round(COARSE_MM / voxel_mm))
    padded = np.pad(mask, [(0, -n % every) for n in mask.shape])
    k, j, i = (n // every for n in padded.shape)
    blocks: BoolArray = padded.reshape(k, every, j, every, i, every).mean(axis=(1, 3, 5)) >= 0.5
    return blocks, every


def _finer(values: Field, every: int, shape: tuple[int, ...]) -> Field:
    """Return values of blocks on the voxels again."""
    if every > 1:
        values = scipy.ndimage.zoom(values, every, order=1, grid_mode=True, mode="nearest")
    return values[: shape[0], : shape[1], : shape[2]]


def _coarse_distance(mask: BoolArray, voxel_mm: float) -> tuple[Field, int]:
    """Return distances to a mask on blocks, in millimetres, and the blocks' edge in voxels."""
    blocks, every = _coarser(mask, voxel_mm)
    apart = scipy.ndimage.distance_transform_edt(~blocks, sampling=every * voxel_mm)
    return (apart if blocks.any() else np.full_like(apart, FARTHEST_MM)).astype(np.float32), every


def _is_itself(region: Region, other: OtherSide, first: BoolArray) -> BoolArray:
    """Return the voxels whose counterpart lies in the first outline or beside it."""
    away_mm, every = _coarse_distance(first, region.voxel_mm)
    affine = region.grid.affine_kji_to_lps.copy()
    affine[:3, 3] += affine[:3, :3] @ np.full(3, (every - 1) / 2)
    affine[:3, :3] *= every
    blocks = Grid((away_mm.shape[0], away_mm.shape[1], away_mm.shape[2]), affine)
    across = resample(away_mm, blocks, other.across(blocks), order=1, outside=FARTHEST_MM)
    itself: BoolArray = _finer(across, every, first.shape) <= SELF_MM
    return itself


def _was_bone(there: Field, voxel_mm: float) -> BoolArray:
    """Return the bone with its marrow on the other side."""
    dense, every = _coarser(there > ENVELOPE_HU, voxel_mm)
    edge = round(ENVELOPE_CLOSE_MM / (every * voxel_mm)) + 1
    closed = scipy.ndimage.binary_closing(np.pad(dense, edge), iterations=edge - 1)
    closed = closed[edge:-edge, edge:-edge, edge:-edge]
    filled = closed.copy()
    most = MARROW_MM2 / (every * voxel_mm) ** 2
    for plane, bone in zip(filled, closed, strict=True):
        holes, count = scipy.ndimage.label(scipy.ndimage.binary_fill_holes(bone) & ~bone)
        if count:
            small = np.bincount(holes.ravel()) <= most
            small[0] = False
            np.logical_or(plane, small[holes], out=plane)
    whole = _finer(filled.astype(np.float32), every, there.shape) > 0.5
    opened: BoolArray = scipy.ndimage.binary_opening(whole)
    return opened
