"""From the place of each slice to one regular volume, without moving any slice unsaid.

Every slice's own position decides. A sheared stack (gantry tilt) is straightened, an uneven one is
interpolated where that is honest, and both are said; the error of place is measured at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.headers import FrameHeader
from imaging.errors import Problem, refuse_image
from imaging.geometry import FloatArray, Grid
from imaging.progress import SILENT, Progress
from imaging.volume import AIR_HU

Slice = NDArray[np.int16]
ReadSlice = Callable[[int, Slice], object]

SAME_PLACE_MM = 0.05  # slices closer than this along the normal lie in one place
REGULAR_WITHIN_MM = 0.05  # a stack this even is used as it is
REGULAR_SHARE = 0.1  # of the step; a stack this even was meant to be even
OBLIQUE = 0.8  # of the normal along the body: a gantry tilted by 30 degrees is axial still
SPARSE_SHARE = 2.0  # of the slice's thickness; where slices lie farther apart, much is not imaged
SPARSE_MM = 4.0
MOST_GROWTH = 8  # a volume that needs so much more voxels than were measured is no volume
STRAIGHT_WITHIN_PIXELS = 0.1  # sideways steps below this are rounding of the header
LONGEST_GAP_MM = 15.0  # half a lumbar vertebra: a lesion could hide in a longer gap
WHOLE_PIXEL = 1e-6  # a sideways extent this near to whole pixels, in pixels, is whole
SLICES_A_TASK = 4
FINEST_SHARE = 0.5  # an uneven stack is not resampled finer than this share of its median step


@dataclass(frozen=True, eq=False)
class StackPlan:
    """How slices become a volume.

    Parameters
    ----------
    order : tuple of int
        Indices of the frames used, along the normal.
    grid : Grid
        Of the volume.
    heights_mm : numpy.ndarray
        Shape (slices,), distance of each used slice from the first along the normal.
    shifts_mm_ji : numpy.ndarray
        Shape (slices, 2), sideways offset of each used slice from the straight stack.
    even : bool
        Whether the slices are evenly spaced, so that none has to be interpolated between others.
    problems : tuple of Problem
        What was found and done.
    """

    order: tuple[int, ...]
    grid: Grid
    heights_mm: FloatArray
    shifts_mm_ji: FloatArray
    even: bool
    problems: tuple[Problem, ...]


@dataclass(frozen=True, eq=False)
class _Places:
    """Where the frames lie by their own headers, as arrays: one row a frame."""

    position_lps_mm: FloatArray
    row_direction: FloatArray
    column_direction: FloatArray
    spacing_mm_ji: FloatArray

    @classmethod
    def of(cls, frames: Sequence[FrameHeader]) -> _Places:
        return cls(
            np.array([frame.position_lps_mm for frame in frames]),
            np.array([frame.row_direction for frame in frames]),
            np.array([frame.column_direction for frame in frames]),
            np.array([frame.spacing_mm_ji for frame in frames]),
        )


def plan_stack(
    frames: Sequence[FrameHeader],
    size_ji: tuple[int, int],
    same: Callable[[int, int], bool],
    where: str = "",
) -> StackPlan:
    """Decide how slices become a volume.

    Parameters
    ----------
    frames : sequence of FrameHeader
        One orientation, size and spacing.
    size_ji : tuple of int
        Rows and columns of each.
    same : callable
        Tells whether two frames, by their indices, hold the same values; asked only for frames in
        one place.
    where : str
        Folder or file, for messages.

    Returns
    -------
    StackPlan
        Order, grid and corrections.

    Raises
    ------
    ImagingError
        When the slices do not form a volume.
    """
    places = _Places.of(frames)
    row, column = places.row_direction[0], places.column_direction[0]
    spacing = places.spacing_mm_ji[0]
    normal = np.cross(row, column)
    heights = places.position_lps_mm @ normal
    order, problems = _without_duplicates(places, heights, same, where)
    offsets = places.position_lps_mm[order] - places.position_lps_mm[order[0]]
    along = offsets @ normal
    side = np.stack([offsets @ column, offsets @ row], axis=1)
    side, origin_shift = _sideways(side, along, spacing, problems)
    thickness_mm = max(frame.thickness_mm for frame in frames)
    step_mm, count, even = _steps(along, thickness_mm, problems, where)
    if abs(normal[2]) < OBLIQUE:
        problems.append(_problem("not_axial", "the slices are not axial; all views are rebuilt"))
    affine = np.eye(4)
    affine[:3, 0] = normal * step_mm
    affine[:3, 1] = column * spacing[0]
    affine[:3, 2] = row * spacing[1]
    affine[:3, 3] = (
        places.position_lps_mm[order[0]] + origin_shift[0] * column + origin_shift[1] * row
    )
    extra = np.ceil(np.ptp(side, axis=0) / spacing - WHOLE_PIXEL).astype(int)
    size = (count, size_ji[0] + int(extra[0]), size_ji[1] + int(extra[1]))
    _refuse_growth(size, len(order), size_ji, where)
    return StackPlan(tuple(order), Grid(size, affine), along, side, even, tuple(problems))


def _refuse_growth(
    size: tuple[int, int, int], slices: int, size_ji: tuple[int, int], where: str
) -> None:
    """Refuse slices so far apart or beside each other that mostly nothing lies between them."""
    if max(size[0] / slices, size[1] / size_ji[0], size[2] / size_ji[1]) > MOST_GROWTH:
        message = (
            f"{slices} slices of {size_ji[0]} × {size_ji[1]} would need a volume of "
            f"{size[0]} × {size[1]} × {size[2]} voxels; their positions do not belong together"
        )
        raise refuse_image("not_a_volume", message, where)


def _problem(code: str, message: str) -> Problem:
    return Problem(code=code, message=message)


def _without_duplicates(
    places: _Places, heights: FloatArray, same: Callable[[int, int], bool], where: str
) -> tuple[list[int], list[Problem]]:
    """Return one frame for each place, in order along the normal."""
    order = [int(n) for n in np.argsort(heights, kind="stable")]
    kept = order[:1]
    identical = conflicting = 0
    for index in order[1:]:
        if heights[index] - heights[kept[-1]] >= SAME_PLACE_MM:
            kept.append(index)
        elif _shifted_apart(places, kept[-1], index) or not same(kept[-1], index):
            conflicting += 1
        else:
            identical += 1
    if len(kept) == 1 and conflicting:
        message = (
            f"{conflicting + 1} different images lie in one place (a timed or dynamic series); "
            "choose a series that covers the lesion"
        )
        raise refuse_image("not_a_volume", message, where)
    problems = []
    if identical:
        message = f"{identical} slices occur twice; one of each is kept"
        problems.append(_problem("duplicate_slices", message))
    if conflicting:
        message = f"{conflicting} slices share a place with a different image; the first is kept"
        problems.append(_problem("conflicting_slices", message))
    return kept, problems


def _shifted_apart(places: _Places, one: int, other: int) -> bool:
    """Tell whether two frames at one height lie beside each other."""
    apart = places.position_lps_mm[one] - places.position_lps_mm[other]
    return float(np.linalg.norm(apart)) >= STRAIGHT_WITHIN_PIXELS * float(
        places.spacing_mm_ji[one].min()
    )


def _sideways(
    side: FloatArray, along: FloatArray, pixel: FloatArray, problems: list[Problem]
) -> tuple[FloatArray, FloatArray]:
    """Return what each slice must be shifted by, and how far the volume's corner moves."""
    if len(along) < 2 or (np.abs(side) <= STRAIGHT_WITHIN_PIXELS * pixel).all():
        return np.zeros_like(side), np.zeros(2)
    slope = (along @ side) / (along @ along)
    if (np.abs(side - np.outer(along, slope)) <= STRAIGHT_WITHIN_PIXELS * pixel).all():
        tilt_deg = float(np.degrees(np.arctan(np.linalg.norm(slope))))
        message = f"the gantry was tilted by {tilt_deg:.1f}°; the volume was straightened"
        problems.append(_problem("gantry_tilt", message))
    else:
        message = "slices are shifted sideways against each other; each was put in its place"
        problems.append(_problem("shifted_slices", message))
    corner = side.min(axis=0)
    return side - corner, corner


def _steps(
    along: FloatArray, thickness_mm: float, problems: list[Problem], where: str
) -> tuple[float, int, bool]:
    """Return the distance between the volume's slices, their number, and whether they are even."""
    if len(along) == 1:
        step = thickness_mm or 1.0
        message = f"one slice only; it is taken to be {step:g} mm thick"
        problems.append(_problem("single_slice", message))
        return step, 1, True
    gaps = np.diff(along)
    longest = float(gaps.max())
    if longest > LONGEST_GAP_MM:
        message = (
            f"a gap of {longest:.1f} mm lies between slices; a lesion could hide in it. "
            "Export the whole series again"
        )
        raise refuse_image("not_a_volume", message, where)
    if thickness_mm and float(np.median(gaps)) > max(SPARSE_SHARE * thickness_mm, SPARSE_MM):
        message = (
            f"slices of {thickness_mm:g} mm lie {np.median(gaps):.1f} mm apart; what is between "
            "them was not imaged, and a lesion could hide there"
        )
        problems.append(_problem("sparse_slices", message))
    index, step = _lattice(along)
    off_mm = float(np.abs(along - step * index).max())
    lacking = int(index[-1]) + 1 - len(along)
    if off_mm > max(REGULAR_WITHIN_MM, REGULAR_SHARE * step):
        message = f"the slices are {gaps.min():.2f} to {longest:.2f} mm apart; resampled evenly"
        problems.append(_problem("variable_spacing", message))
        fine = max(float(gaps.min()), FINEST_SHARE * float(np.median(gaps)))
        count = int(np.ceil(along[-1] / fine - 1e-6)) + 1
        return float(along[-1]) / (count - 1), count, False
    if lacking:
        message = (
            f"{lacking} slices are missing (largest gap {longest:.2f} mm); they were interpolated"
        )
        problems.append(_problem("missing_slices", message))
    if off_mm > REGULAR_WITHIN_MM:
        message = f"slices lie up to {off_mm:.2f} mm off even places; they were interpolated"
        problems.append(_problem("variable_spacing", message))
    count = int(index[-1]) + 1
    if lacking == 0 and off_mm <= REGULAR_WITHIN_MM:
        return step, count, True
    return float(along[-1]) / (count - 1), count, False  # the last slice lies where it was


def _lattice(along: FloatArray) -> tuple[FloatArray, float]:
    """Return the number of steps to each slice, and the step that fits them best.

    Notes
    -----
    Rounded positions make single gaps unsure, the step over the whole stack is not; so it is found
    from the median gap, then fitted to all slices by least squares through the first.
    """
    step = float(np.median(np.diff(along)))
    index = np.rint(along / step)
    for _ in range(2):
        step = float(along @ index / (index @ index))
        index = np.rint(along / step)
    return index, step


def assemble(
    plan: StackPlan,
    size_ji: tuple[int, int],
    read: ReadSlice,
    progress: Progress = SILENT,
    threads: int = 2,
) -> tuple[NDArray[np.int16], FloatArray]:
    """Return the volume's values and, for each used slice, where its values were put.

    Parameters
    ----------
    plan : StackPlan
        As :func:`plan_stack` decided.
    size_ji : tuple of int
        Rows and columns of a frame.
    read : callable
        Writes the HU of a frame, by its index, into an array of `size_ji`; called from several
        threads at once.
    progress : Progress
        Told after each few slices.
    threads : int
        How many slices are read side by side.

    Returns
    -------
    tuple of numpy.ndarray
        HU of shape ``plan.grid.size_kji``, int16; and shape (slices, 3): the place along the
        normal and sideways (mm, from the first slice) the values of each slice were put at.
        No more than the volume and some slices are held at a time.
    """
    out = np.empty(plan.grid.size_kji, dtype=np.int16)
    used = np.column_stack([plan.heights_mm, plan.shifts_mm_ji])
    with ThreadPoolExecutor(threads) as pool:
        if plan.even:
            used[:, 0] = plan.grid.spacing_mm_kji[0] * np.arange(len(plan.order))
            _fill(pool, plan, size_ji, read, out, progress)
            return out, used
        slices = _in_order(pool, plan, size_ji, read, threads, progress)
        _interpolate(plan, slices, out)
    return out, used


def _fill(
    pool: ThreadPoolExecutor,
    plan: StackPlan,
    size_ji: tuple[int, int],
    read: ReadSlice,
    out: NDArray[np.int16],
    progress: Progress,
) -> None:
    """Read every slice into its place; slices need not wait for each other."""
    straight = not plan.shifts_mm_ji.any()

    def task(numbers: range) -> None:
        for number in numbers:
            if straight:
                read(plan.order[number], out[number])
            else:
                out[number] = _straightened(plan, size_ji, read, number)

    count = len(plan.order)
    parts = [range(n, min(n + SLICES_A_TASK, count)) for n in range(0, count, SLICES_A_TASK)]
    waiting = [pool.submit(task, part) for part in parts]
    try:
        for done, future in enumerate(waiting):
            future.result()
            progress.update((done + 1) / len(waiting), "reading slices")
    finally:
        for future in waiting:
            future.cancel()


def _straightened(plan: StackPlan, size_ji: tuple[int, int], read: ReadSlice, number: int) -> Slice:
    frame = np.empty(size_ji, dtype=np.int16)
    read(plan.order[number], frame)
    return _shifted(frame, plan, number) if plan.shifts_mm_ji.any() else frame


def _in_order(
    pool: ThreadPoolExecutor,
    plan: StackPlan,
    size_ji: tuple[int, int],
    read: ReadSlice,
    ahead: int,
    progress: Progress,
) -> Iterator[Slice]:
    """Give the straightened slices along the normal, reading a few ahead."""
    count = len(plan.order)
    waiting = [
        pool.submit(_straightened, plan, size_ji, read, n) for n in range(min(ahead + 1, count))
    ]
    try:
        for number in range(count):
            current = waiting.pop(0).result()
            following = number + ahead + 1
            if following < count:
                waiting.append(pool.submit(_straightened, plan, size_ji, read, following))
            progress.update((number + 1) / count, "reading slices")
            yield current
    finally:
        for future in waiting:
            future.cancel()


def _interpolate(plan: StackPlan, slices: Iterator[Slice], out: NDArray[np.int16]) -> None:
    """Fill evenly spaced slices, linear between the two around each."""
    step = plan.grid.spacing_mm_kji[0]
    k = 0
    for number, (low, high) in enumerate(pairwise(slices)):
        below, above = plan.heights_mm[number : number + 2]
        last = number + 2 == len(plan.heights_mm)
        while k < len(out) and (k * step <= above or last):
            share = float(np.clip((k * step - below) / (above - below), 0.0, 1.0))
            out[k] = np.rint((1 - share) * low.astype(np.float32) + share * high)
            k += 1


def _shifted(slice_hu: Slice, plan: StackPlan, number: int) -> Slice:
    """Return one slice on the straight stack's plane, linear between pixels."""
    from scipy.ndimage import affine_transform

    shift = plan.shifts_mm_ji[number] / np.array(plan.grid.spacing_mm_kji[1:])
    moved = affine_transform(
        slice_hu.astype(np.float32),
        np.eye(2),
        offset=-shift,
        output_shape=plan.grid.size_kji[1:],
        order=1,
        mode="constant",
        cval=AIR_HU,
        prefilter=False,
    )
    return np.rint(moved).astype(np.int16)


def max_position_error_mm(
    plan: StackPlan,
    frames: Sequence[FrameHeader],
    size_ji: tuple[int, int],
    placed_mm: FloatArray,
) -> float:
    """Measure the largest distance between a voxel's place by its header and in the volume.

    Parameters
    ----------
    plan : StackPlan
        Order and grid.
    frames : sequence of FrameHeader
        All frames, with their own geometry.
    size_ji : tuple of int
        Rows and columns of each.
    placed_mm : numpy.ndarray
        Shape (slices, 3), as :func:`assemble` returns it.

    Returns
    -------
    float
        Millimetres, over the four corners of every slice: between them the distance changes
        linearly, so that it is largest at a corner.
    """
    places = _Places.of([frames[number] for number in plan.order])
    spacing = np.array(plan.grid.spacing_mm_kji)
    axes = plan.grid.affine_kji_to_lps[:3, :3] / spacing
    origin = plan.grid.affine_kji_to_lps[:3, 3]
    worst = 0.0
    for j in (0, size_ji[0] - 1):
        for i in (0, size_ji[1] - 1):
            by_header = (
                places.position_lps_mm
                + j * places.spacing_mm_ji[:, :1] * places.column_direction
                + i * places.spacing_mm_ji[:, 1:] * places.row_direction
            )
            inside = placed_mm + np.array([0.0, j * spacing[1], i * spacing[2]])
            apart = np.linalg.norm(origin + inside @ axes.T - by_header, axis=1)
            worst = max(worst, float(apart.max()))
    return worst
