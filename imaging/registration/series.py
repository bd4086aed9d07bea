"""A series to compare the planning CT with: another CT, an MR or a PET, in its own units."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from imaging.dicom.discover import Discovery, discover, opened
from imaging.dicom.grouping import FoundSeries
from imaging.dicom.headers import COMPARED, FrameHeader, ImageHeader
from imaging.dicom.patient import Kinship, header_of, kinship, refuse_other_patient
from imaging.dicom.read import choose, load_series
from imaging.dicom.suv import SUV, pet_scale
from imaging.errors import ImagingError, Problem, refuse_image
from imaging.files import is_image_file, read_array
from imaging.geometry import FloatArray
from imaging.progress import SILENT, Progress
from imaging.volume import SeriesInfo, Volume, sample

STEPS = 32767  # that int16 has above zero
ARBITRARY = ""  # unit of an MR: its values mean nothing by themselves
HU = "HU"
AIR_BELOW_HU = -300  # a file without a header whose values go so low holds a CT
SHARES = (0.01, 0.99)  # of the voxels above zero, shown from black to white
PATIENT_UNCHECKED = Problem(
    code="patient_unchecked",
    message="the headers do not say whether both series are of one patient; check it yourself",
)


@dataclass(frozen=True, eq=False)
class SecondSeries:
    """A series beside the planning CT; it never becomes one.

    Parameters
    ----------
    volume : Volume
        Its values as whole steps in the place of Hounsfield units.
    per_step : float
        Value of one step, in `unit`.
    unit : str
        ``HU``, ``SUV``, ``Bq/mL``, ``counts``; empty for values without a unit.
    range_shown : tuple of float
        Drawn from black to white at first, in `unit`.
    days_apart : int or None
        Days from the planning CT to this series; None where a date is unknown.
    is_same_patient : bool or None
        By what the headers say; None where they say nothing.
    """

    volume: Volume
    per_step: float
    unit: str
    range_shown: tuple[float, float]
    days_apart: int | None = None
    is_same_patient: bool | None = None

    @property
    def modality(self) -> str:
        """``CT``, ``MR`` or ``PT``; ``OT`` for a file that does not say."""
        return self.volume.series.modality

    @property
    def is_ct(self) -> bool:
        """Whether its values are Hounsfield units."""
        return self.unit == HU

    @property
    def doubts(self) -> tuple[Problem, ...]:
        """What was found when it was read, and what could not be checked."""
        known = self.volume.series.problems
        return known if self.is_same_patient is not None else (*known, PATIENT_UNCHECKED)

    def value_at(self, point_lps_mm: ArrayLike) -> float | None:
        """Return the value at a place of its own frame.

        Parameters
        ----------
        point_lps_mm : array_like
            Shape (3,).

        Returns
        -------
        float or None
            In `unit`; None outside the series.
        """
        if self.volume.grid.nearest(point_lps_mm) is None:
            return None
        found = sample(self.volume.hu, self.volume.grid, point_lps_mm, order=1, outside=0.0)
        return float(found) * self.per_step


@dataclass(frozen=True)
class SeriesRow:
    """One of several series that may be compared.

    Parameters
    ----------
    uid, description, modality : str
        As the header has them.
    slices : int
        Their number.
    """

    uid: str
    description: str
    modality: str
    slices: int


def list_second(path: Path, progress: Progress = SILENT) -> tuple[SeriesRow, ...]:
    """Return the series under a path that may be compared.

    Parameters
    ----------
    path : Path
        Folder, file, zip or DICOMDIR; of NIfTI, NRRD and MetaImage there is one.
    progress : Progress
        Told while headers are read.

    Returns
    -------
    tuple of SeriesRow
        Most slices first; empty for an image that is no DICOM.

    Raises
    ------
    ImagingError
        When there is none.
    """
    if is_image_file(path):
        return ()
    with opened(path, progress.part(0.0, 0.5)) as files:
        found = discover(files, path, progress.part(0.5, 1.0), COMPARED)
    if not found.series:
        raise _nothing(found, path)
    return tuple(
        SeriesRow(one.uid, one.first.description, one.first.modality, len(one.slices))
        for one in found.series
    )


def read_second(
    path: Path,
    series_uid: str | None = None,
    planning_file: Path | None = None,
    *,
    is_anonymised: bool = False,
    progress: Progress = SILENT,
) -> SecondSeries:
    """Read a series to compare with.

    Parameters
    ----------
    path : Path
        Folder, file, zip or DICOMDIR; or NIfTI, NRRD, MetaImage.
    series_uid : str or None
        Series wanted; None takes the one with most slices.
    planning_file : Path or None
        A DICOM file of the planning CT, to compare patient and date with.
    is_anonymised : bool
        Whether the user says that identifiers mean nothing in these data.
    progress : Progress
        Told while reading.

    Returns
    -------
    SecondSeries
        In its own units.

    Raises
    ------
    ImagingError
        When there is nothing to read, or it is of another patient.
    """
    if is_image_file(path):
        return _read_image(path)
    with opened(path, progress.part(0.0, 0.1)) as files:
        found = discover(files, path, progress.part(0.1, 0.3), COMPARED)
        if not found.series:
            raise _nothing(found, path)
        series, _ = choose(found, series_uid, path)
        kin = Kinship()
        if planning_file is not None:
            kin = kinship(planning_file, series.first.path)
            if not is_anonymised:
                refuse_other_patient(kin, path.name)
        read = _load(series, path, progress.part(0.3, 1.0))
    same = None if planning_file is None else not kin.differing
    return replace(read, days_apart=kin.days_apart, is_same_patient=same)


def planning_file(path: Path, series_uid: str) -> Path | None:
    """Return a DICOM file of the planning CT, whose header says of whom and when it is.

    Parameters
    ----------
    path : Path
        Where the CT lies.
    series_uid : str
        Of the CT.

    Returns
    -------
    Path or None
        None for images without headers, packed ones, and where it is not found.
    """
    if is_image_file(path) or not (path.is_dir() or path.name.upper() == "DICOMDIR"):
        is_packed = path.suffix.lower() == ".zip"
        return path if path.is_file() and not (is_packed or is_image_file(path)) else None
    with opened(path) as files:
        found = discover(files, path)
    return next((one.first.path for one in found.series if one.uid == series_uid), None)


def _nothing(found: Discovery, path: Path) -> ImagingError:
    message = (
        f"no CT, MR or PET series among {len(found.skipped)} files; choose the folder of the "
        "series to compare with"
    )
    return refuse_image("no_series", message, path)


def _load(series: FoundSeries, path: Path, progress: Progress) -> SecondSeries:
    if series.first.modality == "CT":
        volume = load_series(series, path, progress)
        return SecondSeries(volume, 1.0, HU, (-160.0, 1300.0))
    per_step = _largest(series.slices) / STEPS
    scaled = replace(series, slices=_in_steps(series.slices, per_step))
    volume = load_series(scaled, path, progress, is_ct=False)
    if series.first.modality != "PT":
        shown = _shares(volume, per_step)
        return SecondSeries(volume, per_step, ARBITRARY, shown)
    scale = pet_scale(header_of(series.first.path))
    if scale.lacking:
        message = (
            f"no SUV can be computed, the header lacks {', '.join(scale.lacking)}; values are "
            f"shown in {scale.unit}"
        )
        problems = (*volume.series.problems, Problem(code="no_suv", message=message))
        volume = Volume(volume.hu, volume.grid, replace(volume.series, problems=problems))
    per_step *= scale.factor
    shown = (0.0, 10.0) if scale.unit == SUV else _shares(volume, per_step)
    return SecondSeries(volume, per_step, scale.unit, shown)


def _largest(slices: Sequence[tuple[ImageHeader, FrameHeader]]) -> float:
    """Return the largest magnitude that any slice's stored bits can mean."""
    return max(
        abs(frame.slope) * 2.0 ** (header.layout.bits_stored - header.layout.signed)
        + abs(frame.intercept)
        for header, frame in slices
    )


def _in_steps(
    slices: Sequence[tuple[ImageHeader, FrameHeader]], per_step: float
) -> tuple[tuple[ImageHeader, FrameHeader], ...]:
    """Return slices whose slopes lead to steps; padding of CT means nothing here."""
    plain = {
        id(header): replace(header, layout=replace(header.layout, padding=None))
        for header, _ in slices
    }
    return tuple(
        (
            plain[id(header)],
            replace(frame, slope=frame.slope / per_step, intercept=frame.intercept / per_step),
        )
        for header, frame in slices
    )


def _shares(volume: Volume, per_step: float) -> tuple[float, float]:
    few = volume.hu[:: max(1, len(volume.hu) // 32), ::4, ::4]
    inside: FloatArray = few[few > 0].astype(float)
    if not inside.size:
        return 0.0, max(STEPS * per_step, 1e-6)
    low, high = np.quantile(inside, SHARES) * per_step
    return float(low), float(max(high, low + per_step))


def _read_image(path: Path) -> SecondSeries:
    """Read a file that does not say what it shows: low values tell a CT."""
    values, grid, _ = read_array(path)
    if values.ndim != 3 or not np.isfinite(values).all():
        message = "the image is not three-dimensional or holds values that are not numbers"
        raise refuse_image("not_a_volume", message, path)
    largest = float(np.abs(values.astype(np.float64)).max())
    is_ct = float(values.min()) < AIR_BELOW_HU and largest <= STEPS
    per_step = 1.0 if is_ct else max(largest, 1e-6) / STEPS
    steps = np.rint(values / per_step).astype(np.int16)
    name = hashlib.sha256(steps.data).hexdigest()
    info = SeriesInfo(
        uid=f"file-{name[:24]}",
        path=str(path),
        description=path.name,
        modality="CT" if is_ct else "OT",
    )
    volume = Volume(steps, grid, info)
    if is_ct:
        return SecondSeries(volume, 1.0, HU, (-160.0, 1300.0))
    return SecondSeries(volume, per_step, ARBITRARY, _shares(volume, per_step))
