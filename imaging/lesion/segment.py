"""From a click to the outline of the lesion.

Three things are weighed. What a voxel measures: like the clicked tissue, or like the bone beside
it, whose value is taken nearby so that the border lies half way wherever the bone is dense or poor.
Where it lies: what sees bone in most directions was within a bone, even where the cortex is gone.
And smoothness: the smallest surface that fits. The level between lesion and bone is raised step by
step; an outline that suddenly runs away has found a way into marrow or muscle, and the one before
it is taken. At last the border is moved to half way on the CT's own voxels. Further clicks, in the
lesion or beside it, move the outline around them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import scipy

from imaging.errors import Problem, refuse_image
from imaging.geometry import BoolArray, FloatArray, block
from imaging.lesion.border import at_half_level
from imaging.lesion.canal_room import canal_room
from imaging.lesion.clicks import (
    LEAST_CONTRAST_HU,
    SEED_RADIUS_MM,
    Tissue,
    check_clicks,
    clicked_tissue,
    near_clicks,
    not_distinct,
    settled,
)
from imaging.lesion.comparison import compared, healthy_hu
from imaging.lesion.growth import MOST_CHANGE_MM, Compare, Found, corrected, grown
from imaging.lesion.growths import Growth, Growths
from imaging.lesion.other_side import OtherSide, find_other_side
from imaging.lesion.region import SURE_BONE_HU, Region, cut_region
from imaging.progress import SILENT, Progress
from imaging.volume import Volume, resample

FIRST_REACH_MM = 35.0
LARGEST_REACH_MM = 70.0
FURTHER_MM = 15.0  # beyond further clicks: they change the outline by 12 mm about them at most
LOW_CONTRAST_HU = 60.0
RING_MM = (2.0, 6.0)  # beyond the outline, where the bone is compared with it
LEAST_RING_ML = 0.05
MIXED_SHARE = 0.2  # of the contrast, by which the outline may be denser than the click
GENEROSITY_SHARE = 0.25  # of the radius, by which the most generous outline is larger
NO_CLICKS = np.empty((0, 3))


@dataclass(frozen=True, eq=False)
class _Proposal:
    """The outline on a block of the volume, before it is made tighter or more generous."""

    start_kji: tuple[int, int, int]
    mask: BoolArray
    allowed: BoolArray


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
    proposal : object
        What :func:`regenerated` begins with.
    """

    mask: BoolArray
    contrast_hu: float
    doubts: tuple[Problem, ...]
    proposal: _Proposal


@dataclass(frozen=True, eq=False)
class _Asked:
    """What was clicked."""

    inside: FloatArray
    wrong: FloatArray
    barred: BoolArray | None  # shape of the volume

    @property
    def every(self) -> FloatArray:
        return np.concatenate([self.inside, self.wrong])


@dataclass(frozen=True, eq=False)
class _Judged:
    """An outline with what is known of it."""

    found: Found
    region: Region
    tissue: Tissue
    clicks: FloatArray
    contrast_hu: float
    other: OtherSide | None


def segment_lesion(
    volume: Volume,
    seeds_lps_mm: FloatArray,
    *,
    outside_lps_mm: FloatArray | None = None,
    outside: BoolArray | None = None,
    generosity: float = 0.0,
    growths: Growths | None = None,
    progress: Progress = SILENT,
) -> LesionOutline:
    """Outline the lesion at the clicks.

    The outline is grown from the first click. A further click that it leaves out, or a click
    outside that it takes in, moves it around that click, as far as the click lies from the border.

    Parameters
    ----------
    volume : Volume
        The CT.
    seeds_lps_mm : numpy.ndarray
        Shape (n, 3), LPS millimetres, n ≥ 1: clicks in the lesion.
    outside_lps_mm : numpy.ndarray or None
        Shape (m, 3), LPS millimetres: clicks that are not lesion.
    outside : numpy.ndarray or None
        Shape of the volume; what cannot be lesion, such as the spinal canal.
    generosity : float
        −1 (tight) to 1 (generous) around the proposal.
    growths : Growths or None
        Where what grew from the first click is kept, so that a further click is quick.
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
    inside = np.atleast_2d(np.asarray(seeds_lps_mm, dtype=float))
    wrong = NO_CLICKS if outside_lps_mm is None else np.asarray(outside_lps_mm, dtype=float)
    asked = _Asked(inside, wrong.reshape(-1, 3), outside)
    check_clicks(volume, asked.inside, asked.wrong)
    growths = Growths() if growths is None else growths
    judged, allowed_part, start, mask = _outlined(volume, asked, growths, progress)
    progress.update(0.9, "outlining the lesion")
    proposal = _Proposal(start, mask, allowed_part)
    part = volume.cropped(start, _size(mask))
    doubts = _doubts(part, mask, judged, asked)
    outline = LesionOutline(
        np.zeros(0, dtype=bool), judged.tissue.sign * judged.contrast_hu, doubts, proposal
    )
    return regenerated(outline, volume, generosity)


def regenerated(outline: LesionOutline, volume: Volume, generosity: float) -> LesionOutline:
    """Return an outline tighter or more generous than proposed, without growing it again.

    Parameters
    ----------
    outline : LesionOutline
        Of any generosity.
    volume : Volume
        The CT it belongs to.
    generosity : float
        −1 (tight) to 1 (generous); a more generous outline holds every tighter one.

    Returns
    -------
    LesionOutline
        On the volume's grid.
    """
    proposal = outline.proposal
    part = volume.cropped(proposal.start_kji, _size(proposal.mask))
    mask = np.zeros(volume.grid.size_kji, dtype=bool)
    where = block(proposal.start_kji, _size(proposal.mask))
    mask[where] = _with_generosity(proposal, part, generosity)
    doubts = tuple(one for one in outline.doubts if one.code != "leaves_image")
    if _leaves_image(mask):
        doubts += (_doubt("leaves_image", "the lesion leaves the field of view"),)
    return replace(outline, mask=mask, doubts=doubts)


def _size(array: BoolArray) -> tuple[int, int, int]:
    k, j, i = array.shape
    return k, j, i


def _outlined(
    volume: Volume, asked: _Asked, growths: Growths, progress: Progress
) -> tuple[_Judged, BoolArray, tuple[int, int, int], BoolArray]:
    """Return what was found, where it may grow to, and the outline on a block of the volume."""
    reach_mm = FIRST_REACH_MM

    @cache
    def other() -> OtherSide | None:
        return find_other_side(volume, asked.inside[0])

    while True:
        progress.update(reach_mm / (2 * LARGEST_REACH_MM), "outlining the lesion")
        region = cut_region(volume, asked.every, reach_mm, FURTHER_MM)
        blocked = _blocked(volume, asked, region)
        growth = growths.of(volume, asked.inside[0], region.grid, blocked)
        if growth is None:
            growth = _grown(volume, region, blocked, asked.inside[0], other(), progress)
            growths.keep(growth, volume)
        judged, others = _judged(growth, asked, progress)
        leaving = any(_leaves_block(one.found.mask, region, volume) for one in (judged, *others))
        if not leaving:
            break
        if reach_mm >= LARGEST_REACH_MM:  # what lies beyond the block was not looked at
            judged = replace(judged, found=replace(judged.found, ran_away=True))
            break
        reach_mm = min(2 * reach_mm, LARGEST_REACH_MM)
    start, size = volume.grid.around(region.grid.corners_lps_mm(), 0.0)
    part = volume.cropped(start, size)
    room = _room(volume, asked, part, start)
    mask, allowed = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    for one in (judged, *others):
        own, own_allowed = _on_part(one, volume, part, room, asked)
        mask |= own
        allowed |= own_allowed
    if not mask.any():
        message = "nothing could be outlined at this place; click in the lesion's middle"
        raise refuse_image("nothing_outlined", message)
    return judged, allowed, start, mask


def _blocked(volume: Volume, asked: _Asked, region: Region) -> BoolArray:
    if asked.barred is None:
        return np.zeros(region.hu.shape, dtype=bool)
    first = asked.inside[:1]
    blocked = canal_room(asked.barred, volume.grid, first, region.grid)
    return blocked & ~near_clicks(region, first, SEED_RADIUS_MM)


def _room(volume: Volume, asked: _Asked, part: Volume, start: tuple[int, int, int]) -> BoolArray:
    """Return where a lesion may be, on a block of the volume."""
    size = part.grid.size_kji
    room = np.ones(size, dtype=bool)
    if asked.barred is not None:
        cut = asked.barred[block(start, size)]
        room = ~canal_room(cut, part.grid, asked.inside, part.grid)
    for click in asked.inside:
        at = part.grid.nearest(click)
        if at is not None:
            room[at] = True
    for click in asked.wrong:
        at = part.grid.nearest(click)
        if at is not None:
            room[at] = False
    return room


def _grown(
    volume: Volume,
    region: Region,
    blocked: BoolArray,
    click: FloatArray,
    other: OtherSide | None,
    progress: Progress,
) -> Growth:
    """Grow the outline from one click."""
    seed = settled(region, volume, click)[None]
    tissue = clicked_tissue(region, seed)
    compare: Compare | None = None
    if other is not None:

        def compare(around: Region, outline: BoolArray) -> Region:
            return compared(around, volume, other, tissue, seed, outline)

    found, seen = grown(region, tissue, seed, blocked, progress, compare)
    return Growth(volume.hu, click, region.grid, blocked, seed, tissue, found, seen, other)


def _judged(growth: Growth, asked: _Asked, progress: Progress) -> tuple[_Judged, list[_Judged]]:
    """Move the outline from the first click to the others; those far away get their own."""
    first, further = growth.seed_lps_mm, asked.inside[1:]
    found, region, tissue = growth.found, growth.region, growth.tissue
    away_mm = scipy.ndimage.distance_transform_edt(~found.mask, sampling=region.voxel_mm)
    others, missed, about = [], [], [asked.inside[0]]
    for place in further:
        apart_mm = float(away_mm[region.index(place)])
        if apart_mm > MOST_CHANGE_MM:
            others.append(_elsewhere(region, place, growth.blocked, asked, progress))
            continue
        about.append(place)
        if apart_mm > 0:
            missed.append(place)
    found = corrected(found, region, first, np.reshape(missed, (-1, 3)), asked.wrong)
    contrast_hu = max(_contrast(found, region, tissue), region.changed_hu)
    if contrast_hu < LEAST_CONTRAST_HU and len(asked.every) == 1:  # more clicks are believed
        raise not_distinct(first)
    judged = _Judged(found, region, tissue, np.stack(about), contrast_hu, growth.other)
    return judged, others


def _elsewhere(
    region: Region, place: FloatArray, blocked: BoolArray, asked: _Asked, progress: Progress
) -> _Judged:
    """Outline what was clicked on far from the first click, with its own tissue."""
    seed = place[None]
    tissue = clicked_tissue(region, seed)
    found, region = grown(region, tissue, seed, blocked, progress)
    found = corrected(found, region, seed, NO_CLICKS, asked.wrong)
    return _Judged(found, region, tissue, seed, 0.0, None)


def _doubt(code: str, message: str) -> Problem:
    return Problem(code=code, message=message)


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


def _on_part(
    judged: _Judged, volume: Volume, part: Volume, room: BoolArray, asked: _Asked
) -> tuple[BoolArray, BoolArray]:
    """Return the outline on the volume's own voxels, and where it may grow to."""
    found, region = judged.found, judged.region
    rim = scipy.ndimage.binary_dilation(found.mask)
    level = np.where(rim, found.field - 0.5, -0.5).astype(np.float32)
    level[found.mask] = np.maximum(level[found.mask], 0.01)
    mask = resample(level, region.grid, part.grid, order=1, outside=-0.5) > 0
    mask = _clicked_pieces(mask, part, asked.inside)
    seen = resample(region.surrounded, region.grid, part.grid, order=1, outside=0.0)
    barred = resample(found.closed.view(np.uint8), region.grid, part.grid, order=0, outside=0) > 0.5
    allowed = (mask | (seen >= found.inside)) & room & ~barred
    if mask.any():
        other = judged.other
        healthy = None if other is None else healthy_hu(part, volume, other, region)
        opened = resample(found.opened.view(np.uint8), region.grid, part.grid, order=0, outside=0)
        lesion = judged.tissue.hu, judged.tissue.sign
        moved = at_half_level(part, mask, lesion, allowed, healthy)
        mask = moved | (mask & (opened > 0.5))
    mask &= room & ~barred
    for click in judged.clicks:
        at = part.grid.nearest(click)
        if at is not None:
            mask[at] = True
    return _clicked_pieces(mask, part, asked.inside), allowed


def _clicked_pieces(mask: BoolArray, part: Volume, clicks: FloatArray) -> BoolArray:
    labels, count = scipy.ndimage.label(mask, structure=np.ones((3, 3, 3)))
    if count < 2:
        return mask
    hit = [part.grid.nearest(click) for click in clicks]
    keep = {int(labels[at]) for at in hit if at is not None} - {0}
    pieces: BoolArray = np.isin(
        labels, list(keep or {int(np.bincount(labels.ravel())[1:].argmax()) + 1})
    )
    return pieces


def _with_generosity(proposal: _Proposal, part: Volume, generosity: float) -> BoolArray:
    """Return a tighter or more generous outline around the proposal."""
    mask = proposal.mask
    if generosity == 0.0:
        return mask
    spacing = part.grid.spacing_mm_kji
    radius_mm = float(np.cbrt(3000 * np.count_nonzero(mask) * part.grid.voxel_ml / (4 * np.pi)))
    by_mm = abs(float(np.clip(generosity, -1.0, 1.0))) * GENEROSITY_SHARE * radius_mm
    if generosity > 0.0:
        near = scipy.ndimage.distance_transform_edt(~mask, sampling=spacing) <= by_mm
        return mask | (near & proposal.allowed & (part.hu < 2 * SURE_BONE_HU))
    deep = scipy.ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
    tighter: BoolArray = deep > min(by_mm, 0.8 * float(deep.max()))
    return tighter


def _contrast(found: Found, region: Region, tissue: Tissue) -> float:
    """Compare the outline with the bone around it."""
    away_mm = scipy.ndimage.distance_transform_edt(~found.mask, sampling=region.voxel_mm)
    ring = (away_mm > RING_MM[0]) & (away_mm <= RING_MM[1]) & (region.surrounded > found.inside)
    values = tissue.above(region.hu[ring])
    if found.is_open:  # muscle lies around it too; what bone is left is compared
        values = values[values > LEAST_CONTRAST_HU]
    if values.size * region.grid.voxel_ml < LEAST_RING_ML:
        return LEAST_CONTRAST_HU
    return float(np.median(values))


def _doubts(part: Volume, mask: BoolArray, judged: _Judged, asked: _Asked) -> tuple[Problem, ...]:
    found, tissue, contrast_hu = judged.found, judged.tissue, judged.contrast_hu
    doubts = []
    if found.ran_away:
        message = "the border is unclear: a little more and the outline runs into marrow or muscle"
        doubts.append(_doubt("border_unclear", message))
    if tissue.sign < 0:
        message = (
            "the click lies in dense tissue: of a mixed lesion only its dense part is outlined"
        )
        doubts.append(_doubt("dense_click", message))
    if judged.region.is_alike:
        message = (
            "the other side of the body looks the same here: this may be normal, or a lesion on "
            "both sides"
        )
        doubts.append(_doubt("like_other_side", message))
    if contrast_hu < LOW_CONTRAST_HU:
        message = "lesion and bone differ by less than 60 HU; check the outline"
        doubts.append(_doubt("low_contrast", message))
    if found.is_open:
        message = (
            "bone is destroyed through here; towards muscle the outline is a guess, correct it"
        )
        doubts.append(_doubt("open_to_soft_tissue", message))
    spread_hu = tissue.sign * (float(np.median(part.hu[mask])) - tissue.hu)
    if spread_hu > max(MIXED_SHARE * contrast_hu, 2 * tissue.noise_hu):
        message = "the outline holds denser tissue than the click; it may have run into marrow"
        doubts.append(_doubt("runs_into_marrow", message))
    clicked = [part.grid.nearest(seed) for seed in asked.inside]
    if _parts(mask) > 1 or not all(mask[at] for at in clicked if at is not None):
        message = "the clicks lie in separate places; one lesion is planned at a time"
        doubts.append(_doubt("separate_parts", message))
    return tuple(doubts)


def _parts(mask: BoolArray) -> int:
    return int(scipy.ndimage.label(mask, structure=np.ones((3, 3, 3)))[1])


def _leaves_image(mask: BoolArray) -> bool:
    faces = (mask[0], mask[-1], mask[:, 0], mask[:, -1], mask[:, :, 0], mask[:, :, -1])
    return any(bool(face.any()) for face in faces)
