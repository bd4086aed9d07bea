"""Which files belong together: stacks of slices, whatever was exported under one UID."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from imaging.dicom.headers import FrameHeader, ImageHeader

SAME_DIRECTION = 1e-3  # directions closer than this (as vectors) are one orientation
SAME_SPACING = 1e-4  # relative
PLACE_DIGITS = 1  # slices whose positions agree to 0.1 mm lie in one place
FRAMES_A_REFERENCE = 3  # fewer slices a frame of reference are a habit of the exporter, no move

Slice = tuple[ImageHeader, FrameHeader]


@dataclass(frozen=True, eq=False)
class FoundSeries:
    """One stack of slices.

    Parameters
    ----------
    uid : str
        Series Instance UID; stacks split from one series carry ``/2``, ``/3`` … behind it.
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
        the frame of reference changes, or where several passes cover the same places.
    """
    series: dict[tuple[object, ...], list[ImageHeader]] = defaultdict(list)
    localizers: dict[tuple[object, ...], int] = defaultdict(int)
    for header in headers:
        if header.is_localizer:
            localizers[_belongs_to(header)] += 1
        else:
            series[_belongs_to(header)].append(header)
    found = [
        FoundSeries(_numbered(images[0].series_uid, n), tuple(stack), localizers[key])
        for key, images in series.items()
        for n, stack in enumerate(_stacks(images))
    ]
    return tuple(sorted(found, key=lambda one: (-len(one.slices), one.uid)))


def _belongs_to(header: ImageHeader) -> tuple[object, ...]:
    """Return what makes a series: its UID, or, without one, its study, number and folder."""
    if header.series_uid:
        return (header.series_uid,)
    return ("", header.study_uid, header.series_number, header.path.parent)


def _numbered(uid: str, number: int) -> str:
    return uid if number == 0 else f"{uid}/{number + 1}"


def _stacks(images: list[ImageHeader]) -> list[list[Slice]]:
    """Split one series into stacks; largest first."""
    ordered = sorted(images, key=lambda one: (one.instance, one.path))
    alike: list[list[Slice]] = []
    for image in ordered:
        for frame in image.frames:
            home = next((stack for stack in alike if _fits(stack[0], image, frame)), None)
            if home is None:
                alike.append([(image, frame)])
            else:
                home.append((image, frame))
    moved = [part for stack in alike for part in _frames_of_reference(stack)]
    parted = [part for stack in moved for part in _passes(stack)]
    return sorted(parted, key=lambda stack: -len(stack))


def _fits(home: Slice, image: ImageHeader, frame: FrameHeader) -> bool:
    first_image, first = home
    if first_image.layout.size_ji != image.layout.size_ji:
        return False
    if (
        first.spacing_mm_ji == frame.spacing_mm_ji
        and first.row_direction == frame.row_direction
        and first.column_direction == frame.column_direction
    ):
        return True
    return (
        all(
            abs(a - b) <= SAME_SPACING * b
            for a, b in zip(first.spacing_mm_ji, frame.spacing_mm_ji, strict=True)
        )
        and _near(first.row_direction, frame.row_direction)
        and _near(first.column_direction, frame.column_direction)
    )


def _near(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(abs(a - b) < SAME_DIRECTION for a, b in zip(one, other, strict=True))


def _frames_of_reference(stack: list[Slice]) -> list[list[Slice]]:
    """Part what was measured in different frames of reference: places cannot be compared there.

    Some exporters give each slice a frame of reference of its own; such stacks stay together.
    """
    parts = _parted(stack, lambda one: one[0].frame_of_reference_uid)
    if len(parts) > 1 and len(stack) >= FRAMES_A_REFERENCE * len(parts):
        return parts
    return [stack]


def _passes(stack: list[Slice]) -> list[list[Slice]]:
    """Part several passes over the same places: another kernel, time, energy or compression.

    Images that all lie in one place are no passes of a volume, whatever tells them apart.
    """
    crowded = _crowding(stack)
    if not crowded:
        return [stack]
    one_place = crowded == len(stack) - 1
    for key in [_lossy] if one_place else _pass_keys(stack):
        parts = _parted(stack, key)
        if len(parts) > 1 and sum(map(_crowding, parts)) < crowded:
            return [smaller for part in parts for smaller in _passes(part)]
    return [stack]


def _pass_keys(stack: list[Slice]) -> Iterator[Callable[[Slice], object]]:
    """Give what may tell passes apart, the surest first."""
    yield lambda one: one[0].study_uid
    for position in range(max(len(frame.group) for _, frame in stack)):
        yield _group_at(position)
    yield _lossy


def _lossy(one: Slice) -> object:
    return one[0].lossy


def _group_at(position: int) -> Callable[[Slice], object]:
    return lambda one: one[1].group[position : position + 1]


def _crowding(stack: list[Slice]) -> int:
    """Return how many slices lie where another one lies already."""
    places = {
        tuple(round(number, PLACE_DIGITS) for number in frame.position_lps_mm) for _, frame in stack
    }
    return len(stack) - len(places)


def _parted(stack: list[Slice], key: Callable[[Slice], object]) -> list[list[Slice]]:
    parts: dict[object, list[Slice]] = defaultdict(list)
    for one in stack:
        parts[key(one)].append(one)
    return list(parts.values())
