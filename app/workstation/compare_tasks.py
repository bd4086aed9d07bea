"""What the worker does for the series beside the planning CT."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imaging.document import Vector
from imaging.errors import Problem
from imaging.files import is_image_file
from imaging.geometry import FloatArray
from imaging.progress import Progress
from imaging.registration.model import FoundBy, NoFit, Registration
from imaging.registration.rigid import judge, register, same_frame
from imaging.registration.series import (
    SecondSeries,
    SeriesRow,
    list_second,
    planning_file,
    read_second,
)
from imaging.volume import Volume


@dataclass(frozen=True, eq=False)
class Compared:
    """A series that was read, and what lays it on the CT.

    Parameters
    ----------
    series : SecondSeries
        As read.
    registration : Registration or None
        None where nothing fits.
    problems : tuple of Problem
        Why nothing fits.
    same_frame : bool or None
        Whether the frames of reference are the same, by the headers.
    """

    series: SecondSeries
    registration: Registration | None
    problems: tuple[Problem, ...] = ()
    same_frame: bool | None = None


@dataclass(frozen=True)
class Wanted:
    """Which series is asked for, and how it is to be laid.

    Parameters
    ----------
    path : Path
        Where it lies.
    series_uid : str or None
        None lists the series where there are several.
    is_anonymised : bool
        Whether identifiers mean nothing in these data.
    at_lps_mm : Vector
        Near which the fit counts.
    """

    path: Path
    series_uid: str | None
    is_anonymised: bool
    at_lps_mm: Vector


def read_and_register(
    volume: Volume, wanted: Wanted, progress: Progress
) -> Compared | tuple[SeriesRow, ...]:
    """Read a series and lay it on the CT, or list the series among which to choose.

    Parameters
    ----------
    volume : Volume
        The planning CT.
    wanted : Wanted
        The series.
    progress : Progress
        Told between the steps.

    Returns
    -------
    Compared or tuple of SeriesRow
        Most slices first.
    """
    if wanted.series_uid is None and not is_image_file(wanted.path):
        rows = list_second(wanted.path, progress.part(0.0, 0.1))
        if len(rows) > 1:
            return rows
    series = read_again(volume, wanted, progress.part(0.1, 0.3))
    try:
        found = register(volume, series, None, wanted.at_lps_mm, progress.part(0.3, 1.0))
    except NoFit as refusal:
        return Compared(series, None, refusal.problems, same_frame(volume, series))
    return Compared(series, found, (), found.same_frame_of_reference)


def read_again(volume: Volume, wanted: Wanted, progress: Progress) -> SecondSeries:
    """Read a series that lies where a plan says.

    Parameters
    ----------
    volume : Volume
        The planning CT.
    wanted : Wanted
        The series.
    progress : Progress
        Told while reading.

    Returns
    -------
    SecondSeries
        With its checksum computed.
    """
    beside = planning_file(Path(volume.series.path), volume.series.uid)
    series = read_second(
        wanted.path,
        wanted.series_uid,
        beside,
        is_anonymised=wanted.is_anonymised,
        progress=progress,
    )
    _ = series.volume.checksum
    return series


def register_again(
    volume: Volume,
    series: SecondSeries,
    start: FloatArray | None,
    at_lps_mm: Vector,
    progress: Progress,
) -> Registration:
    """Lay a series on the CT once more, near where it lies.

    Parameters
    ----------
    volume : Volume
        The planning CT.
    series : SecondSeries
        The other.
    start : numpy.ndarray or None
        Shape (4, 4); None looks everywhere.
    at_lps_mm : Vector
        Near which the fit counts.
    progress : Progress
        Told between the steps.

    Returns
    -------
    Registration
        The new one.
    """
    return register(volume, series, start, at_lps_mm, progress)


def judge_again(
    volume: Volume,
    series: SecondSeries,
    matrix: FloatArray,
    found_by: FoundBy,
    at_lps_mm: Vector,
    progress: Progress,
) -> Registration:
    """Measure a motion that was set by hand.

    Parameters
    ----------
    volume : Volume
        The planning CT.
    series : SecondSeries
        The other.
    matrix : numpy.ndarray
        Shape (4, 4).
    found_by : str
        How it came about.
    at_lps_mm : Vector
        Near which the fit counts.
    progress : Progress
        Told at the start.

    Returns
    -------
    Registration
        With its residual.
    """
    progress.update(0.1, "measuring the fit")
    return judge(volume, series, matrix, found_by, at_lps_mm)
