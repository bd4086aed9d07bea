"""Which files belong together: stacks of slices, whatever was exported under one UID."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from imaging.dicom.headers import FrameHeader, ImageHeader

SAME_DIRECTION = 1e-3  # directions closer than this (as vectors) are one orientation
SAME_SPACING = 1e-4  # relative
SAME_PLACE_MM = 0.05  # slices nearer than this along their normal lie in one place
BESIDE_MM = 5.0  # reconstructions whose corners differ by this lie beside each other
LEAST_SLICES = 3  # of a stack, in the middle of its kind: what is split smaller is no stack
MOST_CROWDED = 0.1  # of the smaller part: what coincides less is a slice sent twice
OVERLAP = 0.5  # of the shorter range: what overlaps less follows, it is no second pass
MOST_COMPARED = 64  # orientations; a radial series has more, and each is a stack of its own
EVEN_WITHIN = 0.15  # of the step, by which a pass of its own may be uneven
DERIVED_UID = "no-uid-"

Slice = tuple[ImageHeader, FrameHeader]
Key = Callable[[Slice], object]


@dataclass(frozen=True, eq=False)
class FoundSeries:
    """One stack of slices.

    Parameters
    ----------
    uid : str
        Series Instance UID, or one derived from the files where they have none; stacks split from
        one series carry ``/2``, ``/3`` … behind it.
    slices : tuple
        Each frame with the header of its file.
    localizers : int
        Scout images of the same series that were set aside.
    """

    uid: str
    slices: tuple[Slice, ...]
    localizers: int = 0

    @property
    def headers(self) -> tuple[ImageHeader, ...]:
        """Its files, each once."""
        return tuple({id(header): header for header, _ in self.slices}.values())

    @property
    def first(self) -> ImageHeader:
        """A header for what all have in common."""
        return self.slices[0][0]

    @property
    def frames(self) -> list[FrameHeader]:
        """Every frame."""
        return [frame for _, frame in self.slices]


def group_series(headers: Sequence[ImageHeader]) -> tuple[FoundSeries, ...]:
    """Group images into stacks of slices.

    Parameters
    ----------
    headers : sequence of ImageHeader
        Of all files, localizers too.

    Returns
    -------
    tuple of FoundSeries
        Most slices first. One series makes several where orientation, size or spacing differ, where
        study or frame of reference change, or where several passes cover the same range.
    """
    series: dict[tuple[object, ...], list[ImageHeader]] = defaultdict(list)
    localizers: dict[tuple[object, ...], int] = defaultdict(int)
    for header in headers:
        if header.is_localizer:
            localizers[_belongs_to(header)] += 1
        else:
            series[_belongs_to(header)].append(header)
    found = [
        FoundSeries(uid if n == 0 else f"{uid}/{n + 1}", tuple(stack), localizers[key])
        for key, images in series.items()
        for uid in [images[0].series_uid or _derived_uid(images)]
        for n, stack in enumerate(_stacks(images))
    ]
    return tuple(sorted(found, key=lambda one: (-len(one.slices), one.uid)))


def _belongs_to(header: ImageHeader) -> tuple[object, ...]:
    """Return what makes a series: its UID, or, without one, its study, number and folder."""
    if header.series_uid:
        return (header.series_uid,)
    return ("", header.study_uid, header.series_number, header.path.parent)


def _derived_uid(images: list[ImageHeader]) -> str:
    """Return a name for a series without UID that does not depend on where it lies."""
    told = sorted(
        image.sop_uid or str([frame.position_lps_mm for frame in image.frames]) for image in images
    )
    return f"{DERIVED_UID}{hashlib.sha256(repr(told).encode()).hexdigest()[:24]}"


def _stacks(images: list[ImageHeader]) -> list[list[Slice]]:
    """Split one series into stacks; largest first, then by what the files say."""
    slices = [
        (image, frame)
        for image in sorted(images, key=lambda one: (one.instance, one.sop_uid, one.path))
        for frame in image.frames
    ]
    parts = [
        part
        for alike in _alike(slices)
        for study in _if_stacks(alike, lambda one: one[0].study_uid)
        for part in _passes(study)
    ]
    return sorted(parts, key=lambda part: (-len(part), part[0][1].group, part[0][0].sop_uid))


def _alike(slices: list[Slice]) -> list[list[Slice]]:
    """Part slices of different orientation, size or spacing."""
    found: list[list[Slice]] = []
    exactly: dict[object, list[Slice]] = {}
    for one in slices:
        image, frame = one
        key = (
            image.layout.size_ji,
            frame.spacing_mm_ji,
            frame.row_direction,
            frame.column_direction,
        )
        home = exactly.get(key)
        if home is None and len(found) < MOST_COMPARED:
            home = next((stack for stack in found if _fits(stack[0], one)), None)
        if home is None:
            home = []
            found.append(home)
        exactly[key] = home
        home.append(one)
    return found


def _fits(home: Slice, other: Slice) -> bool:
    (first_image, first), (image, frame) = home, other
    return (
        first_image.layout.size_ji == image.layout.size_ji
        and all(
            abs(a - b) <= SAME_SPACING * b
            for a, b in zip(first.spacing_mm_ji, frame.spacing_mm_ji, strict=True)
        )
        and _near(first.row_direction, frame.row_direction)
        and _near(first.column_direction, frame.column_direction)
    )


def _near(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(abs(a - b) < SAME_DIRECTION for a, b in zip(one, other, strict=True))


def _if_stacks(slices: list[Slice], key: Key) -> list[list[Slice]]:
    """Part slices by a key whose parts are stacks; some exporters give each slice its own."""
    parts = _parted(slices, key)
    sizes = sorted(len(part) for part in parts)
    return parts if sizes[len(sizes) // 2] >= LEAST_SLICES else [slices]


def _parted(slices: list[Slice], key: Key) -> list[list[Slice]]:
    parts: dict[object, list[Slice]] = defaultdict(list)
    for one in slices:
        parts[key(one)].append(one)
    return list(parts.values())


def _passes(slices: list[Slice]) -> list[list[Slice]]:
    """Part several passes over the same range: another kernel, time, energy, place or compression.

    Images that all lie in one place are no passes of a volume, whatever tells them apart.
    """
    if len(_levels(slices)) == 1:
        return _parted(slices, _lossy)
    for key in _pass_keys(slices):
        parts = _if_stacks(slices, key)
        if len(parts) > 1 and _are_passes(parts):
            return [smaller for part in parts for smaller in _passes(part)]
    return _moved(slices)


def _moved(slices: list[Slice]) -> list[list[Slice]]:
    """Part what was measured in another frame of reference: places cannot be compared there.

    Frames of reference that take turns slice by slice are a habit of the exporter.
    """
    parts = _if_stacks(slices, _frame_of_reference)
    told = "" not in {_frame_of_reference(part[0]) for part in parts}
    if len(parts) > 1 and told and (_share_places(parts) or not _interleave(parts)):
        return parts
    return [slices]


def _pass_keys(slices: list[Slice]) -> Iterator[Key]:
    """Give what may tell passes apart, the surest first."""
    for position in range(max(len(frame.group) for _, frame in slices)):
        yield _group_at(position)
    yield _lossy
    yield _beside(slices)


def _group_at(position: int) -> Key:
    return lambda one: one[1].group[position : position + 1]


def _lossy(one: Slice) -> object:
    return one[0].lossy


def _frame_of_reference(one: Slice) -> object:
    return one[0].frame_of_reference_uid


def _beside(slices: list[Slice]) -> Key:
    """Return which of several pictures at one height a slice belongs to, by where its corner is."""
    row, column = slices[0][1].row_direction, slices[0][1].column_direction

    def key(one: Slice) -> object:
        position = one[1].position_lps_mm
        return round(_along(position, row) / BESIDE_MM), round(_along(position, column) / BESIDE_MM)

    return key


def _along(position: tuple[float, ...], direction: tuple[float, ...]) -> float:
    return sum(a * b for a, b in zip(position, direction, strict=True))


def _heights(slices: list[Slice]) -> list[float]:
    (a, b, c), (d, e, f) = slices[0][1].row_direction, slices[0][1].column_direction
    normal = (b * f - c * e, c * d - a * f, a * e - b * d)
    return sorted(_along(frame.position_lps_mm, normal) for _, frame in slices)


def _levels(slices: list[Slice]) -> list[float]:
    """Return the heights that are different."""
    levels: list[float] = []
    for height in _heights(slices):
        if not levels or height - levels[-1] >= SAME_PLACE_MM:
            levels.append(height)
    return levels


def _are_passes(parts: list[list[Slice]]) -> bool:
    """Tell whether parts are stacks over the same range.

    They share places in earnest, or each is even by itself while their ranges overlap.
    """
    if _share_places(parts):
        return True
    if any(len(_levels(part)) < len(part) or not _even(part) for part in parts):
        return False
    return _interleave(parts)


def _share_places(parts: list[list[Slice]]) -> bool:
    """Tell whether more slices coincide than were sent twice by chance."""
    together = [one for part in parts for one in part]
    shared = sum(len(_levels(part)) for part in parts) - len(_levels(together))
    return shared > max(1, MOST_CROWDED * min(len(part) for part in parts))


def _interleave(parts: list[list[Slice]]) -> bool:
    """Tell whether the ranges of parts overlap by more than half of the shorter one."""
    ranges = sorted((heights[0], heights[-1]) for heights in map(_heights, parts))
    for (low, high), (next_low, next_high) in pairwise(ranges):
        shorter = min(high - low, next_high - next_low)
        if min(high, next_high) - next_low > OVERLAP * shorter:
            return True
    return False


def _even(slices: list[Slice]) -> bool:
    levels = _levels(slices)
    if len(levels) < LEAST_SLICES:
        return False
    step = (levels[-1] - levels[0]) / (len(levels) - 1)
    return all(abs(b - a - step) <= EVEN_WITHIN * step for a, b in pairwise(levels))
