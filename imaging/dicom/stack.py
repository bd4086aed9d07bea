"""From the place of each slice to one regular volume, without moving any slice unsaid.

Every slice's own position decides. A sheared stack (gantry tilt) is straightened, an uneven one is
interpolated where that is honest, and both are said; the error of place is measured at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.headers import FrameHeader
from imaging.errors import Problem, refuse_image
from imaging.geometry import FloatArray, Grid
from imaging.volume import AIR_HU

SAME_PLACE_MM = 0.01  # slices closer than this lie in one place
REGULAR_WITHIN_MM = 0.05  # a stack this even is used as it is
STRAIGHT_WITHIN_PIXELS = 0.1  # sideways steps below this are rounding of the header
LONGEST_GAP_MM = 15.0  # half a lumbar vertebra: a lesion could hide in a longer gap
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


def plan_stack(frames: list[FrameHeader], pixels: NDArray[np.int16]) -> StackPlan:
    """Decide how slices become a volume.

    Parameters
    ----------
    frames : list of FrameHeader
        One orientation, size and spacing.
    pixels : numpy.ndarray
        Shape (frames, rows, columns), HU; decides whether slices in one place are the same.

    Returns
    -------
    StackPlan
        Order, grid and corrections.

    Raises
    ------
    ImagingError
        When the slices do not form a volume.
    """
    normal = frames[0].normal
    heights = np.array([frame.position_lps_mm @ normal for frame in frames])
    order = [int(n) for n in np.argsort(heights, kind="stable")]
    order, problems = _without_duplicates(frames, pixels, heights, order)
    first = frames[order[0]]
    offsets = np.array([frames[n].position_lps_mm - first.position_lps_mm for n in order])
    along = offsets @ normal
    side = np.stack([offsets @ first.column_direction, offsets @ first.row_direction], axis=1)
    side, origin_shift = _sideways(side, along, first, problems)
    step_mm, count, even = _steps(along, problems)
    if abs(normal[2]) < 0.9:
        problems.append(_problem("not_axial", "the slices are not axial; all views are rebuilt"))
    affine = np.eye(4)
    affine[:3, 0] = normal * step_mm
    affine[:3, 1] = first.column_direction * first.spacing_mm_ji[0]
    affine[:3, 2] = first.row_direction * first.spacing_mm_ji[1]
    affine[:3, 3] = (
        first.position_lps_mm
        + origin_shift[0] * first.column_direction
        + origin_shift[1] * first.row_direction
    )
    extra = np.ceil((np.ptp(side, axis=0)) / np.array(first.spacing_mm_ji)).astype(int)
    size = (count, first.size_ji[0] + int(extra[0]), first.size_ji[1] + int(extra[1]))
    return StackPlan(tuple(order), Grid(size, affine), along, side, even, tuple(problems))


def _problem(code: str, message: str) -> Problem:
    return Problem(code=code, message=message)


def _without_duplicates(
    frames: list[FrameHeader],
    pixels: NDArray[np.int16],
    heights: FloatArray,
    order: list[int],
) -> tuple[list[int], list[Problem]]:
    kept: list[int] = []
    same = conflicting = 0
    for index in order:
        if kept and heights[index] - heights[kept[-1]] < SAME_PLACE_MM:
            if np.array_equal(pixels[index], pixels[kept[-1]]):
                same += 1
            else:
                conflicting += 1
            continue
        kept.append(index)
    if len(kept) == 1 and conflicting:
        message = (
            f"{conflicting + 1} different images lie in one place (a timed or dynamic series); "
            "choose a series that covers the lesion"
        )
        raise refuse_image("not_a_volume", message, frames[0].path.parent.name)
    problems = []
    if same:
        problems.append(
            _problem("duplicate_slices", f"{same} slices occur twice; one of each is kept")
        )
    if conflicting:
        message = f"{conflicting} slices share a place with a different image; the first is kept"
        problems.append(_problem("conflicting_slices", message))
    return kept, problems


def _sideways(
    side: FloatArray, along: FloatArray, first: FrameHeader, problems: list[Problem]
) -> tuple[FloatArray, FloatArray]:
    """Return what each slice must be shifted by, and how far the volume's corner moves."""
    pixel = np.array(first.spacing_mm_ji)
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


def _steps(along: FloatArray, problems: list[Problem]) -> tuple[float, int, bool]:
    """Return the distance between the volume's slices, their number, and whether they are even."""
    if len(along) == 1:
        problems.append(_problem("single_slice", "one slice only; its thickness is taken as 1 mm"))
        return 1.0, 1, True
    even = float(along[-1]) / (len(along) - 1)
    if np.abs(along - even * np.arange(len(along))).max() <= REGULAR_WITHIN_MM:
        return even, len(along), True
    gaps = np.diff(along)
    median = float(np.median(gaps))
    longest = float(gaps.max())
    if longest > LONGEST_GAP_MM:
        message = (
            f"a gap of {longest:.1f} mm lies between slices; a lesion could hide in it. "
            "Export the whole series again"
        )
        raise refuse_image("not_a_volume", message)
    multiples = np.rint(gaps / median)
    if np.abs(gaps - multiples * median).max() <= REGULAR_WITHIN_MM + 0.01 * median:
        lacking = int((multiples - 1).sum())
        message = (
            f"{lacking} slices are missing (largest gap {longest:.2f} mm); they were interpolated"
        )
        problems.append(_problem("missing_slices", message))
        count = int(np.rint(along[-1] / median)) + 1
    else:
        message = f"the slices are {gaps.min():.2f} to {longest:.2f} mm apart; resampled evenly"
        problems.append(_problem("variable_spacing", message))
        fine = max(float(gaps.min()), FINEST_SHARE * median)
        count = int(np.ceil(along[-1] / fine - 1e-6)) + 1
    return float(along[-1]) / (count - 1), count, False


def build(plan: StackPlan, pixels: NDArray[np.int16]) -> tuple[NDArray[np.int16], FloatArray]:
    """Return the volume's values and, for each used slice, where its values were put.

    Parameters
    ----------
    plan : StackPlan
        As :func:`plan_stack` decided.
    pixels : numpy.ndarray
        Shape (frames, rows, columns), HU.

    Returns
    -------
    tuple of numpy.ndarray
        HU of shape ``plan.grid.size_kji``, int16; and shape (slices, 3): the place along the
        normal and sideways (mm, from the first slice) the values of each slice were put at.
    """
    count, step = plan.grid.size_kji[0], plan.grid.spacing_mm_kji[0]
    used = np.column_stack([plan.heights_mm, plan.shifts_mm_ji])
    if plan.shifts_mm_ji.any():
        straight = np.stack([_shifted(pixels[n], plan, s) for s, n in enumerate(plan.order)])
    elif plan.order == tuple(range(len(pixels))):
        straight = pixels
    else:
        straight = pixels[list(plan.order)]
    if plan.even:
        used[:, 0] = step * np.arange(count)
        return straight, used
    out = np.empty((count, *straight.shape[1:]), dtype=np.int16)
    for k, height in enumerate(step * np.arange(count)):
        above = int(np.clip(np.searchsorted(plan.heights_mm, height), 1, len(plan.order) - 1))
        low, high = plan.heights_mm[above - 1 : above + 1]
        share = float(np.clip((height - low) / (high - low), 0.0, 1.0))
        mixed = (1 - share) * straight[above - 1] + share * straight[above].astype(np.float32)
        out[k] = np.rint(mixed)
    return out, used


def _shifted(slice_hu: NDArray[np.int16], plan: StackPlan, number: int) -> NDArray[np.int16]:
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
    plan: StackPlan, frames: list[FrameHeader], placed_mm: FloatArray
) -> float:
    """Measure the largest distance between a voxel's place by its header and in the volume.

    Parameters
    ----------
    plan : StackPlan
        Order and grid.
    frames : list of FrameHeader
        All frames, with their own geometry.
    placed_mm : numpy.ndarray
        Shape (slices, 3), as :func:`build` returns it.

    Returns
    -------
    float
        Millimetres, over the four corners of every slice.
    """
    worst = 0.0
    axes = plan.grid.affine_kji_to_lps[:3, :3] / np.array(plan.grid.spacing_mm_kji)
    origin = plan.grid.affine_kji_to_lps[:3, 3]
    spacing = plan.grid.spacing_mm_kji
    for placed, number in zip(placed_mm, plan.order, strict=True):
        frame = frames[number]
        rows, columns = frame.size_ji
        for j in (0, rows - 1):
            for i in (0, columns - 1):
                by_header = (
                    frame.position_lps_mm
                    + j * frame.spacing_mm_ji[0] * frame.column_direction
                    + i * frame.spacing_mm_ji[1] * frame.row_direction
                )
                inside = placed + np.array([0.0, j * spacing[1], i * spacing[2]])
                worst = max(worst, float(np.linalg.norm(origin + axes @ inside - by_header)))
    return worst
