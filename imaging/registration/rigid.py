"""Lays another series on the bone of the planning CT near the lesion, and says how well it lies."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import ArrayLike

from imaging.errors import Problem
from imaging.geometry import FloatArray, block
from imaging.progress import SILENT, Progress
from imaging.registration.fit import BoneSurface, bone_surface, measure_fit
from imaging.registration.model import (
    FAIR_MM,
    Fit,
    FoundBy,
    NoFit,
    Registration,
    inverse,
    moved_points,
)
from imaging.registration.optimise import Metric, Picture, evaluate, optimise, picture
from imaging.registration.series import SecondSeries
from imaging.volume import Volume

BONE_HU = 200
WHOLE_HU = (-300.0, 500.0)  # skin, fat, muscle and bone, when the whole body is laid on another
BONE_WINDOW_HU = (-100.0, 900.0)
COARSE_MM, MIDDLE_MM, FINE_MM = 8.0, 3.0, 1.3
MIDDLE_REACH_MM, FINE_REACH_MM = 85.0, 45.0
WHOLE_REACH_MM = 90.0  # where no place is given
RIM_MM = 6.0  # around bone, that still belongs to the picture of it
MOVED_ROOM_MM = 15.0
SCAN_MM = 10.0
APART_MM = 25.0  # starts nearer than this lead to one place
STARTS = 3
LEAST_COVERED = 0.6  # of the bone near the lesion, inside the other series
MOST_RESIDUAL_MM = 3.2  # edges that lie anywhere within 6 mm give 4.5 mm
LEAST_NEAR = 0.55  # of the surface; edges that lie anywhere give a third
BETTER_BY_MM = 0.15  # than the frame of reference, before it is left
SHORT_MM = 200.0  # of the body's length; less shows too few vertebrae to be told from others
TILT_DEG = 25.0  # a patient turned further was laid down otherwise: likelier is a wrong fit


@dataclass(frozen=True, eq=False)
class _Region:
    """Where the fit counts."""

    centre_lps_mm: FloatArray
    reach_mm: float
    surface: BoneSurface


def register(
    fixed: Volume,
    moving: SecondSeries,
    start: ArrayLike | None = None,
    region_lps_mm: ArrayLike | None = None,
    progress: Progress = SILENT,
) -> Registration:
    """Lay a series on the bone of the planning CT.

    Parameters
    ----------
    fixed : Volume
        The planning CT.
    moving : SecondSeries
        The other series.
    start : array_like or None
        Shape (4, 4), moving to fixed: only looked for near it. None looks everywhere.
    region_lps_mm : array_like or None
        Shape (3,) or (n, 3): places near which the fit counts, such as the lesion; None counts
        all bone near the middle.
    progress : Progress
        Told between the steps.

    Returns
    -------
    Registration
        The motion, how it was found, and what is left over in millimetres.

    Raises
    ------
    NoFit
        When the series shows something else, or no motion fits.
    Cancelled
        When the result is no longer wanted.
    """
    same = same_frame(fixed, moving)
    region = _region(fixed, region_lps_mm)
    progress.update(0.05, "registering")
    if moving.modality == "PT":
        return _pet(fixed, moving, start, region, same, progress)
    if len(region.surface.points_lps_mm) == 0:
        raise _no_fit("no_bone_here", "there is no bone of the CT near this place to register on")
    begin = np.eye(4) if same else None
    if start is not None:
        begin = np.asarray(start, dtype=float)
    found = begin if begin is not None else _coarse(fixed, moving, region, progress)
    refined = found
    for n, (spacing_mm, reach_mm) in enumerate(
        ((MIDDLE_MM, MIDDLE_REACH_MM), (FINE_MM, max(FINE_REACH_MM, region.reach_mm)))
    ):
        part = progress.part(0.4 + 0.25 * n, 0.65 + 0.25 * n)
        refined = _fine(fixed, moving, refined, region, spacing_mm, reach_mm, part)
    progress.update(0.92, "measuring the fit")
    return _judged(fixed, moving, refined, region, same)


def judge(
    fixed: Volume,
    moving: SecondSeries,
    moving_to_fixed: ArrayLike,
    found_by: FoundBy,
    region_lps_mm: ArrayLike | None = None,
) -> Registration:
    """Measure a motion that was set by hand, or is that of the frame of reference.

    Parameters
    ----------
    fixed : Volume
        The planning CT.
    moving : SecondSeries
        The other series.
    moving_to_fixed : array_like
        Shape (4, 4), LPS millimetres.
    found_by : str
        How it came about.
    region_lps_mm : array_like or None
        As in :func:`register`.

    Returns
    -------
    Registration
        Never refused; a poor fit is said.
    """
    matrix = np.asarray(moving_to_fixed, dtype=float)
    region = _region(fixed, region_lps_mm)
    fit = None if moving.modality == "PT" else _fit(region, moving, matrix)
    return _registration(fixed, moving, matrix, found_by, fit)


def same_frame(fixed: Volume, moving: SecondSeries) -> bool | None:
    """Tell whether places of two series can be compared as they are.

    Parameters
    ----------
    fixed : Volume
        The planning CT.
    moving : SecondSeries
        The other series.

    Returns
    -------
    bool or None
        By their frames of reference; None where one header is silent.
    """
    one = fixed.series.frame_of_reference_uid
    other = moving.volume.series.frame_of_reference_uid
    return one == other if one and other else None


def _region(fixed: Volume, region_lps_mm: ArrayLike | None) -> _Region:
    if region_lps_mm is None:
        few = fixed.hu[::4, ::4, ::4]
        bone = np.argwhere(few > BONE_HU) * 4.0
        middle = bone.mean(axis=0) if len(bone) else np.array(fixed.grid.size_kji) / 2
        centre, reach_mm = fixed.grid.to_lps(middle), WHOLE_REACH_MM
    else:
        points = np.atleast_2d(np.asarray(region_lps_mm, dtype=float))
        low, high = points.min(axis=0), points.max(axis=0)
        centre = (low + high) / 2
        reach_mm = max(FINE_REACH_MM, float(np.linalg.norm(high - low)) / 2 + FINE_REACH_MM / 2)
    return _Region(centre, reach_mm, bone_surface(fixed, centre, reach_mm))


def _windows(moving: SecondSeries, near_bone: bool) -> tuple[float, float]:
    if moving.is_ct:
        return BONE_WINDOW_HU if near_bone else WHOLE_HU
    few = moving.volume.hu[:: max(1, len(moving.volume.hu) // 48), ::3, ::3]
    return 0.0, float(max(np.quantile(few, 0.995), 1.0))


def _metric(moving: SecondSeries) -> Metric:
    return "correlation" if moving.is_ct else "mutual_information"


def _coarse(fixed: Volume, moving: SecondSeries, region: _Region, progress: Progress) -> FloatArray:
    """Return where the whole body lies best: the start for the bone near the lesion."""
    one = picture(fixed.hu, fixed.grid, COARSE_MM, WHOLE_HU)
    window = _windows(moving, near_bone=False)
    other = picture(moving.volume.hu, moving.volume.grid, COARSE_MM, window)
    starts = _starts(one, other, region, _metric(moving))
    best: tuple[FloatArray, float] | None = None
    for number, start in enumerate(starts):
        part = progress.part(0.08 + 0.3 * number / len(starts), 0.4)
        found = optimise(
            one, other, start, region.centre_lps_mm, _metric(moving),
            step_mm=10.0, iterations=60, share=1.0, progress=part,
        )  # fmt: skip
        if found is not None and (best is None or found[1] < best[1]):
            best = found
    if best is None:
        raise _no_fit("no_overlap", "the two series do not show the same part of the body")
    return best[0]


def _starts(one: Picture, other: Picture, region: _Region, metric: Metric) -> list[FloatArray]:
    """Return starts worth a search: as the headers say, and the body moved along its length."""
    centre, middle = _body_middle(one), _body_middle(other)
    z_one, z_other = (np.sort(p.grid.corners_lps_mm()[:, 2])[[0, -1]] for p in (one, other))
    length = min(np.ptp(z_one), np.ptp(z_other))
    tried: list[tuple[float, FloatArray]] = []
    lowest = z_one[0] - z_other[1] + 0.5 * length
    highest = z_one[1] - z_other[0] - 0.5 * length
    for z_mm in np.arange(lowest, highest + SCAN_MM, SCAN_MM):
        move = np.eye(4)
        move[:3, 3] = [centre[0] - middle[0], centre[1] - middle[1], z_mm]
        if z_other[0] + z_mm <= region.centre_lps_mm[2] <= z_other[1] + z_mm:
            value = evaluate(one, other, move, region.centre_lps_mm, metric)
            if value is not None:
                tried.append((value, move))
    kept = [np.eye(4)]
    for _, move in sorted(tried, key=lambda pair: pair[0]):
        if len(kept) <= STARTS and all(
            np.linalg.norm(move[:3, 3] - known[:3, 3]) >= APART_MM for known in kept[1:]
        ):
            kept.append(move)
    return kept


def _body_middle(one: Picture) -> FloatArray:
    """Return the middle of what is brighter than the background."""
    low, high = float(one.values.min()), float(one.values.max())
    bright = np.argwhere(one.values > low + 0.15 * (high - low))
    return one.grid.to_lps(bright.mean(axis=0) if len(bright) else np.zeros(3))


def _fine(
    fixed: Volume,
    moving: SecondSeries,
    start: FloatArray,
    region: _Region,
    spacing_mm: float,
    reach_mm: float,
    progress: Progress,
) -> FloatArray:
    """Return the motion that fits the bone near the lesion best."""
    first, size = fixed.grid.around(region.centre_lps_mm, reach_mm)
    part = fixed.grid.cropped(first, size)
    hu = fixed.hu[block(first, size)]
    one = picture(hu, part, spacing_mm, BONE_WINDOW_HU)
    mask = Picture(_near_bone(one).astype(np.uint8), one.grid)
    back = moved_points(inverse(start), part.corners_lps_mm())
    begin, room = moving.volume.grid.around(back, MOVED_ROOM_MM)
    window = _windows(moving, near_bone=True)
    other = picture(
        moving.volume.hu[block(begin, room)],
        moving.volume.grid.cropped(begin, room),
        spacing_mm,
        window,
    )
    if min(other.values.shape) < 4 or not mask.values.any():
        return start
    found = optimise(
        one, other, start, region.centre_lps_mm, _metric(moving),
        mask=mask, step_mm=spacing_mm, iterations=80, share=0.5, progress=progress,
    )  # fmt: skip
    return start if found is None else found[0]


def _near_bone(one: Picture) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    bone = one.values > BONE_HU
    times = max(1, round(RIM_MM / min(one.grid.spacing_mm_kji)))
    ball = scipy.ndimage.iterate_structure(scipy.ndimage.generate_binary_structure(3, 1), times)
    return np.asarray(scipy.ndimage.binary_dilation(bone, ball))


def _fit(region: _Region, moving: SecondSeries, matrix: FloatArray) -> Fit | None:
    return measure_fit(region.surface, moving.volume, matrix, is_ct=moving.is_ct)


def _judged(
    fixed: Volume,
    moving: SecondSeries,
    refined: FloatArray,
    region: _Region,
    same: bool | None,
) -> Registration:
    """Keep the frame of reference where nothing fits better; refuse what does not fit."""
    fit, matrix = _fit(region, moving, refined), refined
    found_by: FoundBy = "bone"
    if same:
        given = _fit(region, moving, np.eye(4))
        if (
            given is not None
            and (fit is None or given.residual_mm <= fit.residual_mm + BETTER_BY_MM)
            and given.residual_mm <= FAIR_MM
        ):
            fit, matrix, found_by = given, np.eye(4), "frame_of_reference"
    if fit is None or fit.covered_share < LEAST_COVERED:
        message = "the other series does not show the bone near this place"
        raise _no_fit("not_covered", message)
    if fit.residual_mm > MOST_RESIDUAL_MM or fit.near_share < LEAST_NEAR:
        message = (
            f"no position fits: edges of the other series lie {fit.residual_mm:.1f} mm from the "
            f"bone, and {100 * fit.near_share:.0f} % of the bone has one within 2 mm"
        )
        raise _no_fit("no_fit", message)
    return _registration(fixed, moving, matrix, found_by, fit)


def _registration(
    fixed: Volume,
    moving: SecondSeries,
    matrix: FloatArray,
    found_by: FoundBy,
    fit: Fit | None,
) -> Registration:
    problems = []
    if fit is None:
        message = "how well it fits cannot be measured on bone in this series; check it by eye"
        problems.append(Problem(code="fit_unmeasured", message=message))
    elif fit.residual_mm > FAIR_MM:
        message = f"the fit is poor: {fit.residual_mm:.1f} mm are left near this place"
        problems.append(Problem(code="poor_fit", message=message))
    if found_by == "bone" and not same_frame(fixed, moving):
        shown_mm = _shown_length_mm(fixed, moving, matrix)
        if shown_mm < SHORT_MM:
            message = (
                f"both series show {shown_mm:.0f} mm of the body together, and neighbouring "
                "vertebrae and ribs are alike: check that the level is the same"
            )
            problems.append(Problem(code="level_to_check", message=message))
    turn = float(np.degrees(np.arccos(np.clip((np.trace(matrix[:3, :3]) - 1) / 2, -1, 1))))
    if turn > TILT_DEG:
        message = f"the other series is turned by {turn:.0f}°; check that it shows the same bone"
        problems.append(Problem(code="far_turned", message=message))
    return Registration(
        matrix,
        found_by,
        None if fit is None else fit.residual_mm,
        same_frame(fixed, moving),
        f"CT-{moving.modality}",
        tuple(problems),
    )


def _shown_length_mm(fixed: Volume, moving: SecondSeries, matrix: FloatArray) -> float:
    """Return how much of the body's length both series show."""
    one = fixed.grid.corners_lps_mm()[:, 2]
    other = moved_points(matrix, moving.volume.grid.corners_lps_mm())[:, 2]
    return float(min(one.max(), other.max()) - max(one.min(), other.min()))


def _pet(
    fixed: Volume,
    moving: SecondSeries,
    start: ArrayLike | None,
    region: _Region,
    same: bool | None,
    progress: Progress,
) -> Registration:
    """Lay a PET on the CT: by its frame of reference, else by the whole body."""
    if start is None and same:
        return _registration(fixed, moving, np.eye(4), "frame_of_reference", None)
    if start is None:
        matrix = _coarse(fixed, moving, region, progress)
    else:
        matrix = np.asarray(start, dtype=float)
    found = _registration(fixed, moving, matrix, "bone" if start is None else "by_hand", None)
    message = (
        "a PET was laid on the CT by the outline of the body alone; register the CT of the PET "
        "examination where there is one"
    )
    doubt = Problem(code="pet_by_outline", message=message)
    return replace(found, problems=(doubt, *found.problems))


def _no_fit(code: str, message: str) -> NoFit:
    return NoFit(Problem(code=code, message=message))
