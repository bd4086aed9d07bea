"""Bone told apart: vertebrae with their level, sacrum, hips and ribs, left and right.

Seeds are the bodies between the discs, the iliac wings and the shafts of ribs; the rest of the bone
goes to the seed it is reached from most easily, so borders fall into joints. All this is done on
voxels of about 2 mm, then brought back to those of the image.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.geometry import BoolArray, FloatArray
from imaging.progress import SILENT, Progress
from imaging.structures.canal import Canal
from imaging.structures.coarse import counted
from imaging.structures.contrast import Contrast
from imaging.structures.hip_joint import split_femora
from imaging.structures.levels import Anchors, Levels, name_levels, rib_name
from imaging.structures.partition import share_out
from imaging.structures.sacral import mark_sacral_exits
from imaging.structures.sacroiliac import fill_alae
from imaging.structures.spine import Cut, SpineFrame, find_cuts

Value = TypeVar("Value", bound=np.generic)

WORK_MM = 2.2  # voxels are taken together as long as they stay below this
END_MM = 3.0  # the axis' continued ends reach this close to nothing reliable
BODY_FRONT_MM = (6.0, 46.0)  # of the canal's centre: vertebral bodies
BODY_SIDE_MM = 26.0
WING_SIDE_MM = 62.0  # bone farther from the axis than the sacral alae reach
WING_LEAST_ML = 40.0  # a rib has 30 at most
WING_IN_CHEST = 0.25  # part of a hip bone that may lie beside the lungs: none does
RIB_SIDE_MM = 34.0  # beside thoracic transverse processes
ARCH_FRONT_MM = 5.0  # of the canal's centre; behind it arches run down from their pedicles
RIB_REACH_MM = 62.0  # beyond any transverse process
RIB_LEAST_ML, RIB_MOST_ML = 0.7, 40.0  # larger: a shoulder blade, or several ribs, joined
TOUCH_MM = 6.0  # across a sacroiliac joint
BOX = 1.25  # half way from a ball's radius to that of the cube inside it
SACROILIAC_LEAST_ML = 2.0  # of a vertebra, this near to the hips: it belongs to the sacrum
SACROILIAC_SHARE = 0.35  # of the broadest contact; a large transverse process of L5 has less
RIB_TOUCH_LEAST_ML = 0.2
VERTEBRA_LEAST_ML = 3.0
UNEVEN_HEIGHTS = 1.6  # times the neighbour's, disc to disc; a collapse of half is 1.5
MARROW_MM = 3.2  # half the widest gap of a cortex that is closed before its inside is filled
SACRAL_GAP_MM = 8.0  # the same for the sacrum, whose alae have the thinnest cortex
MARROW_HU = -120.0  # fatty marrow
MARROW_MOST_HU = 1500.0


@dataclass(frozen=True, eq=False)
class Skeleton:
    """Bones told apart.

    Parameters
    ----------
    labels : numpy.ndarray
        Shape (k, j, i) along the patient's axes, uint8: place in ``names`` plus one, 0 elsewhere.
    names : tuple of str
        TotalSegmentator class names.
    levels : Levels or None
        How the vertebrae were counted; None without vertebrae.
    discs : dict
        Name of a vertebra to the slice at which the disc below it meets the canal.
    """

    labels: NDArray[np.uint8]
    names: tuple[str, ...]
    levels: Levels | None
    discs: dict[str, float] = field(default_factory=dict)

    def heights(self, canal: Canal) -> dict[str, float]:
        """Return the height of each vertebra's middle, by what lies in front of the canal.

        Parameters
        ----------
        canal : Canal
            The spinal canal.

        Returns
        -------
        dict
            Name to fractional slice.
        """
        sums, counts = (np.zeros(len(self.names) + 1) for _ in range(2))
        axis = canal.axis_kji
        for k, plane in enumerate(self.labels):
            row = int(np.interp(k, axis[:, 0], axis[:, 1]))
            here = np.bincount(plane[: max(row, 0)].ravel(), minlength=len(sums))
            counts += here
            sums += here * float(k)
        return {
            name: float(sums[n] / counts[n])
            for n, name in enumerate(self.names, start=1)
            if name.startswith("vertebra") and counts[n]
        }


@dataclass(frozen=True, eq=False)
class _Work:
    """The image on work voxels, with the place of each voxel of bone in the spine's frame."""

    hu: NDArray[np.int16]
    bone: BoolArray
    canal: BoolArray
    spacing: tuple[float, float, float]
    chest: BoolArray
    index: NDArray[np.int64]
    along: FloatArray
    front: FloatArray
    left: FloatArray

    @property
    def voxel_ml(self) -> float:
        return float(np.prod(self.spacing)) / 1000.0

    def without_places(self) -> _Work:
        """Return it without what only naming needs, to save memory."""
        nothing = np.zeros(0)
        index = np.zeros((0, 3), dtype=np.int64)
        return replace(self, index=index, along=nothing, front=nothing, left=nothing)

    def spread(self, values: NDArray[Value]) -> NDArray[Value]:
        """Put a value of each bone voxel in its place."""
        out: NDArray[Value] = np.zeros(self.bone.shape, dtype=values.dtype)
        out[tuple(self.index.T)] = values
        return out


@dataclass(frozen=True, eq=False)
class _Piece:
    """A piece of bone beside the spine: its box, its mask in there, and what it is."""

    box: tuple[slice, ...]
    mask: BoolArray
    side: str


def split_bone(
    hu: NDArray[np.int16],
    bone: BoolArray,
    canal: Canal,
    spacing_mm_kji: tuple[float, float, float],
    progress: Progress = SILENT,
    contrast: Contrast | None = None,
    chest: BoolArray | None = None,
) -> Skeleton:
    """Tell the bones of the trunk apart.

    Parameters
    ----------
    hu : numpy.ndarray
        Shape (k, j, i) along the patient's axes (k to the head, j to the back, i to the left), HU.
    bone : numpy.ndarray
        Same shape, all bone.
    canal : Canal
        The spinal canal.
    spacing_mm_kji : tuple of float
        Voxel size.
    progress : Progress
        Told between the steps.
    contrast : Contrast, optional
        What touches bone and is none: it closes the gap it leaves in a cortex.
    chest : numpy.ndarray, optional
        Shape (k,), bool: slices that show the lungs; large bones beside them are shoulders and
        arms.

    Returns
    -------
    Skeleton
        With marrow that ``bone`` may lack; bone no seed reaches has label 0.
    """
    frame = SpineFrame.along(canal.axis_kji, spacing_mm_kji)
    cuts = find_cuts(frame, hu, spacing_mm_kji)
    step = [max(1, int(WORK_MM / mm)) for mm in spacing_mm_kji]
    beside_lung = np.zeros(len(hu), dtype=bool) if chest is None else chest
    work = _work(hu, bone, canal, frame, step, spacing_mm_kji, beside_lung)
    if not cuts or not len(work.index):
        return Skeleton(np.zeros(bone.shape, np.uint8), (), None)
    seeds, segments = _body_seeds(work, cuts, len(frame.points_mm))
    wings = _wings(work)
    ribs = _ribs(work, wings)
    for number, piece in enumerate((*wings, *ribs), start=segments + 1):
        part = seeds[piece.box]
        part[piece.mask & (part == 0)] = number
    progress.update(0.4, "vertebrae")
    arches = work.spread((work.front < ARCH_FRONT_MM) & (np.abs(work.left) < RIB_SIDE_MM))
    shared = share_out(work.hu, work.bone, seeds, work.spacing, arches)
    del seeds, arches
    progress.update(0.6, "levels")
    labels, names, levels, title = _named(work, shared, segments, wings, ribs)
    work = work.without_places()
    del shared, wings, ribs
    if levels is not None:
        levels = levels.with_doubt(_uneven(cuts, title))
    labels, names = split_femora(work.hu, labels, names, work.spacing)
    progress.update(0.8, "marrow")
    beside = contrast.every((step[0], step[1], step[2]), hu.shape) if contrast else None
    labels = _with_marrow(work, labels, names, beside)
    fill_alae(work.hu, labels, names, work.canal, beside, frame, work.spacing)
    top = [cuts[n - 1] for n in title if title[n] == "sacrum" and n <= len(cuts)]
    disc = max((cut.along for cut in top), default=None)
    labels, names = mark_sacral_exits(work.hu, labels, names, frame, work.spacing, disc)
    below = {title[n]: cuts[n - 2] for n in title if 1 < n <= segments}
    discs = {
        name: float(np.interp(cut.along, np.arange(len(frame.points_mm)), frame.points_mm[:, 0]))
        / spacing_mm_kji[0]
        for name, cut in below.items()
        if name.startswith("vertebra")
    }
    return Skeleton(_on_image(labels, step, hu, bone), names, levels, discs)


def _work(
    hu: NDArray[np.int16],
    bone: BoolArray,
    canal: Canal,
    frame: SpineFrame,
    step: list[int],
    spacing_mm_kji: tuple[float, float, float],
    chest: BoolArray,
) -> _Work:
    every = tuple(slice(None, None, n) for n in step)
    spacing = [mm * n for mm, n in zip(spacing_mm_kji, step, strict=True)]
    few = np.ascontiguousarray(bone[every])
    index = np.argwhere(few)
    along, front, left = frame.places(index * np.array(spacing))
    return _Work(
        hu=np.ascontiguousarray(hu[every]),
        bone=few,
        canal=canal.every(step, hu.shape),
        spacing=(spacing[0], spacing[1], spacing[2]),
        chest=chest[:: step[0]],
        index=index,
        along=along,
        front=front,
        left=left,
    )


def _body_seeds(work: _Work, cuts: list[Cut], length: int) -> tuple[NDArray[np.int16], int]:
    """Return the bodies between the cuts, numbered from below, and how many there can be."""
    segment = np.ones(len(work.index), dtype=np.int16)
    for cut in cuts:
        segment += work.along > cut.height(work.front)
    body = (work.front > BODY_FRONT_MM[0]) & (work.front < BODY_FRONT_MM[1])
    body &= np.abs(work.left) < BODY_SIDE_MM
    body &= (work.along > END_MM) & (work.along < length - END_MM)
    return work.spread(np.where(body, segment, 0).astype(np.int16)), len(cuts) + 1


def _parts(work: _Work, beyond_mm: float) -> tuple[NDArray[np.int32], int]:
    """Return the connected pieces of bone farther from the axis than this."""
    beside: BoolArray = work.spread(np.abs(work.left) > beyond_mm)
    labels, count = scipy.ndimage.label(beside, structure=np.ones((3, 3, 3)))
    return labels.astype(np.int32, copy=False), int(count)


def _piece(work: _Work, labels: NDArray[np.int32], number: int, box: tuple[slice, ...]) -> _Piece:
    lefts = work.left[labels[tuple(work.index.T)] == number]
    return _Piece(box, labels[box] == number, "left" if float(lefts.mean()) > 0 else "right")


def _wings(work: _Work) -> list[_Piece]:
    """Return the large pieces of bone beside the sacrum and below, the hips with the femora.

    Shoulders are as large; hips reach into the lower half of the image, and lie below the lungs.
    """
    labels, count = _parts(work, WING_SIDE_MM)
    sizes = counted(labels, count) * work.voxel_ml
    middle = work.bone.shape[0] / 2
    return [
        _piece(work, labels, n, box)
        for n, box in enumerate(scipy.ndimage.find_objects(labels), start=1)
        if box is not None
        and sizes[n] > WING_LEAST_ML
        and box[0].start < middle
        and _beside_lung(work, labels[box] == n, box) < WING_IN_CHEST
    ]


def _beside_lung(work: _Work, mask: BoolArray, box: tuple[slice, ...]) -> float:
    """Return the part of a piece of bone that lies in slices with lung."""
    shares = mask.sum(axis=(1, 2))
    return float(shares[work.chest[box[0]]].sum() / shares.sum())


def _ribs(work: _Work, wings: list[_Piece]) -> list[_Piece]:
    """Return long pieces of bone beside the spine that are not the hips."""
    labels, count = _parts(work, RIB_SIDE_MM)
    sizes = counted(labels, count) * work.voxel_ml
    reach = np.zeros(count + 1)
    np.maximum.at(reach, labels[tuple(work.index.T)], np.abs(work.left))
    hips = {int(n) for wing in wings for n in np.unique(labels[wing.box][wing.mask])}
    return [
        _piece(work, labels, n, box)
        for n, box in enumerate(scipy.ndimage.find_objects(labels), start=1)
        if box is not None and sizes[n] > RIB_LEAST_ML and reach[n] > RIB_REACH_MM and n not in hips
    ]


def _named(
    work: _Work,
    shared: NDArray[np.int16],
    segments: int,
    wings: list[_Piece],
    ribs: list[_Piece],
) -> tuple[NDArray[np.int16], tuple[str, ...], Levels | None, dict[int, str]]:
    """Give every piece its name; pieces of one name become one.

    Ribs that are not attached are left out, and those with more bone joined to them than a rib has.
    """
    sizes = counted(shared, segments + len(wings) + len(ribs))
    sacral = _sacral(work, shared, segments, len(wings))
    upper = range(segments, sacral, -1)  # vertebrae from above downward
    vertebrae = [n for n in upper if sizes[n] * work.voxel_ml > VERTEBRA_LEAST_ML]
    carried = _carried(work, shared, vertebrae, segments + len(wings), ribs)
    anchors = Anchors(
        len(vertebrae), sacral > 0, frozenset(vertebrae.index(n) for n in carried.values())
    )
    names, levels = name_levels(anchors)
    title = dict(zip(vertebrae, names, strict=True))
    title |= dict.fromkeys(range(1, sacral + 1), "sacrum")
    title |= {segments + 1 + n: f"hip_{wing.side}" for n, wing in enumerate(wings)}
    for piece, vertebra in carried.items():
        if sizes[piece] * work.voxel_ml > RIB_MOST_ML:
            continue
        side = ribs[piece - segments - len(wings) - 1].side
        title[piece] = rib_name(title[vertebra], side)
    order = tuple(
        dict.fromkeys(title[n] for n in (*vertebrae, *sorted(set(title) - set(vertebrae))))
    )
    lookup = np.zeros(len(sizes), dtype=np.int16)
    for piece, name in title.items():
        lookup[piece] = order.index(name) + 1
    return lookup[shared], order, levels if vertebrae else None, title


def _uneven(cuts: list[Cut], title: dict[int, str]) -> str | None:
    """Return the doubt that heights raise which neighbouring vertebrae do not have."""
    heights = {
        n: cuts[n - 1].along - cuts[n - 2].along
        for n in range(2, len(cuts) + 1)
        if title.get(n, "").startswith("vertebra")
    }
    for n in sorted(heights, reverse=True):
        other = heights.get(n - 1)
        if other and not 1.0 / UNEVEN_HEIGHTS < heights[n] / other < UNEVEN_HEIGHTS:
            return (
                f"{title[n]} and {title[n - 1]} are very unequally high: one has collapsed, or a "
                "disc was missed or made up, which shifts all levels above or below it; check"
            )
    return None


def _sacral(work: _Work, shared: NDArray[np.int16], segments: int, wings: int) -> int:
    """Return the highest piece of the spine that meets the hips in a broad joint, 0 without."""
    hips = (shared > segments) & (shared <= segments + wings)
    if not hips.any():
        return 0
    near = hips.copy()
    for axis, mm in enumerate(work.spacing):  # a box, wide enough for a joint in any direction
        near = scipy.ndimage.maximum_filter1d(near, 2 * round(TOUCH_MM / mm / BOX) + 1, axis=axis)
    touching = np.bincount(shared[near], minlength=segments + 1)[: segments + 1] * work.voxel_ml
    touching[0] = 0.0
    least = max(SACROILIAC_LEAST_ML, SACROILIAC_SHARE * float(touching.max()))
    broad = np.flatnonzero(touching > least)
    return int(broad[-1]) if len(broad) else 0


def _carried(
    work: _Work,
    shared: NDArray[np.int16],
    vertebrae: list[int],
    before: int,
    ribs: list[_Piece],
) -> dict[int, int]:
    """Return the vertebra each rib is attached to, for those that touch one."""
    found: dict[int, int] = {}
    reach = [max(1, round(TOUCH_MM / mm)) for mm in work.spacing]
    boxes = scipy.ndimage.find_objects(shared, max_label=before + len(ribs))
    for piece in range(before + 1, before + len(ribs) + 1):
        box = boxes[piece - 1]
        if box is None or not vertebrae:
            continue
        wide = tuple(
            slice(max(0, s.start - r), s.stop + r) for s, r in zip(box, reach, strict=True)
        )
        part = shared[wide]
        near = scipy.ndimage.distance_transform_edt(part != piece, sampling=work.spacing) < TOUCH_MM
        touched = np.bincount(part[near], minlength=before + len(ribs) + 1) * work.voxel_ml
        best = max(vertebrae, key=lambda n: float(touched[n]), default=0)
        if best and touched[best] > RIB_TOUCH_LEAST_ML:
            found[piece] = best
    return found


def _with_marrow(
    work: _Work, labels: NDArray[np.int16], names: tuple[str, ...], beside: BoolArray | None
) -> NDArray[np.int16]:
    """Fill each bone's inside: what its own cortex, with what touches it, encloses."""
    out = labels.copy()
    walls = work.canal if beside is None else beside | work.canal
    soft = (work.hu > MARROW_HU) & (work.hu < MARROW_MOST_HU)
    soft &= ~walls
    for number, box in enumerate(scipy.ndimage.find_objects(labels), start=1):
        if box is None or names[number - 1].startswith("rib"):
            continue
        part = labels[box] == number
        gap_mm = SACRAL_GAP_MM if names[number - 1] == "sacrum" else MARROW_MM
        around = walls if names[number - 1].startswith("vertebra") else work.canal
        fill = _enclosed(part, around[box], gap_mm, work.spacing)
        fill &= (out[box] == 0) & soft[box]
        if names[number - 1].startswith("vertebra"):
            fill &= _body_only(work, part, box)
        out[box][fill] = number
    return out


def _enclosed(
    part: BoolArray, walls: BoolArray, gap_mm: float, spacing: tuple[float, float, float]
) -> BoolArray:
    """Return what a bone encloses in planes of any of the three directions, its gaps closed."""
    edge = [int(np.ceil(gap_mm / mm)) + 1 for mm in spacing]
    padded = np.pad(part | walls, [(n, n) for n in edge])
    outside = scipy.ndimage.distance_transform_edt(~padded, sampling=spacing) > gap_mm
    closed = scipy.ndimage.distance_transform_edt(~outside, sampling=spacing) > gap_mm
    filled = closed.copy()
    for axis in range(3):
        planes, out = np.moveaxis(closed, axis, 0), np.moveaxis(filled, axis, 0)
        for n, plane in enumerate(planes):
            out[n] |= scipy.ndimage.binary_fill_holes(plane)
    inner: BoolArray = filled[tuple(slice(n, -n) for n in edge)]
    return inner


def _body_only(work: _Work, part: BoolArray, box: tuple[slice, ...]) -> BoolArray:
    """Return the side of a vertebra's box in front of the canal: its foramina stay open."""
    canal = work.canal[box]
    front = np.zeros(part.shape, dtype=bool)
    for k in range(part.shape[0]):
        rows = np.flatnonzero(canal[k].any(axis=1))
        if len(rows):
            front[k, : rows[0] + 1] = True
        elif k:
            front[k] = front[k - 1]
    return front


def _on_image(
    labels: NDArray[np.int16], step: list[int], hu: NDArray[np.int16], bone: BoolArray
) -> NDArray[np.uint8]:
    """Bring labels to the image's voxels: marrow as it is, bone also one work voxel around."""
    wide = np.where(labels > 0, labels, scipy.ndimage.grey_dilation(labels, size=(3, 3, 3)))
    if max(step) == 1:
        return np.where((labels > 0) | bone, wide, 0).astype(np.uint8)
    out = np.zeros(bone.shape, dtype=np.uint8)
    nk, nj, ni = bone.shape
    for k in range(nk):
        row = min((k + step[0] // 2) // step[0], labels.shape[0] - 1)
        rows = np.minimum((np.arange(nj) + step[1] // 2) // step[1], labels.shape[1] - 1)
        columns = np.minimum((np.arange(ni) + step[2] // 2) // step[2], labels.shape[2] - 1)
        own, near = labels[row][np.ix_(rows, columns)], wide[row][np.ix_(rows, columns)]
        keep = bone[k] | (own > 0)
        out[k] = np.where(keep, near, 0)
    return out
