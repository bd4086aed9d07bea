"""Takes a series in: only as a copy without identifiers, read again before it counts."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from imaging.dicom.anonymise import AnonymisedStudy, Beside, anonymise_files
from imaging.dicom.anonymise.known import GENERATED, holds_no_identifiers
from imaging.dicom.discover import discover, opened
from imaging.dicom.read import choose, load_series
from imaging.dicom.write import write_ct_series
from imaging.errors import Problem
from imaging.files import is_image_file, read_volume
from imaging.progress import SILENT, Progress
from imaging.volume import Volume
from planning.errors import PlanningError
from planning.library.folders import REPORT, CaseFolder
from planning.library.model import StoredFile
from planning.library.refusals import refuse, told

BLOCK_BYTES = 1 << 20
SERIES_PART = 0.8  # of the time; the rest reads the copy


@dataclass(frozen=True, eq=False)
class TakenSeries:
    """A series that lies in the folder of a case to be.

    Parameters
    ----------
    volume : Volume
        As read from the copy.
    beside : Beside
        Treats texts and dates that come with the series.
    files : tuple of StoredFile
        Of the copy.
    problems : tuple of Problem
        What to mind, without places on the disk.
    """

    volume: Volume
    beside: Beside
    files: tuple[StoredFile, ...]
    problems: tuple[Problem, ...]


def take_series(
    source: Path, series_uid: str | None, case: CaseFolder, progress: Progress = SILENT
) -> TakenSeries:
    """Copy a series without identifiers into the folder of a case.

    Parameters
    ----------
    source : Path
        Folder, file, zip or DICOMDIR; or NIfTI, NRRD, MetaImage in HU.
    series_uid : str or None
        Series wanted; None takes the one with most slices.
    case : CaseFolder
        Being made.
    progress : Progress
        Told while files are copied and read.

    Returns
    -------
    TakenSeries
        Nothing in it names the patient.

    Raises
    ------
    Refusal
        When the series cannot be read, or may show or hold an identifier; says what, never which.
    """
    case.series.mkdir(parents=True, exist_ok=True)
    if is_image_file(source):
        beside, mind = _from_image(source, case, progress.part(0, SERIES_PART))
    else:
        beside, mind = _from_dicom(source, series_uid, case, progress.part(0, SERIES_PART))
    volume = read_copy(case.series, progress.part(SERIES_PART, 1))
    return TakenSeries(volume, beside, stored_files(case.series), (*told_problems(volume), *mind))


def read_copy(folder: Path, progress: Progress = SILENT) -> Volume:
    """Read the series in a folder of the library.

    Parameters
    ----------
    folder : Path
        Of the copy.
    progress : Progress
        Told while reading.

    Returns
    -------
    Volume
        The stack with most slices.

    Raises
    ------
    ImagingError
        When it cannot be read.
    """
    with opened(folder) as files:
        found, _ = choose(discover(files, folder), None, folder)
        return load_series(found, folder, progress)


def told_problems(volume: Volume) -> tuple[Problem, ...]:
    """Return what was found when a volume was read, without places on the disk.

    Parameters
    ----------
    volume : Volume
        A copy.

    Returns
    -------
    tuple of Problem
        For the list of cases.
    """
    return tuple(one.model_copy(update={"where": ""}) for one in volume.series.problems)


def _from_image(
    source: Path, case: CaseFolder, progress: Progress
) -> tuple[Beside, tuple[Problem, ...]]:
    """Write the values of an image file as DICOM; nothing else of it is taken."""
    volume = read_volume(source, None, progress.part(0, 0.3))
    name = GENERATED["PatientName"][0]
    write_ct_series(
        volume,
        case.series,
        description="Osteoplan teaching",
        patient_name=name,
        progress=progress.part(0.3, 0.9),
    )
    back = read_copy(case.series, progress.part(0.9, 1))
    if back.checksum != volume.checksum:
        message = (
            "the image lies differently from a DICOM series, so that a plan would not fit its "
            "copy; convert it to a DICOM series first and plan on that"
        )
        raise refuse("not_as_dicom", message, source.name)
    return Beside.unknown(), ()


def _from_dicom(
    source: Path, series_uid: str | None, case: CaseFolder, progress: Progress
) -> tuple[Beside, tuple[Problem, ...]]:
    with opened(source, progress.part(0, 0.1)) as files:
        found, _ = choose(discover(files, source, progress.part(0.1, 0.2)), series_uid, source)
        originals = [header.path for header in found.headers]
        if all(map(holds_no_identifiers, originals)):
            _copy(originals, case.series, progress.part(0.2, 1))
            return Beside.unknown(), ()
        draft = case.path / "anonymised"
        done = anonymise_files(originals, draft, progress.part(0.2, 1))
    _refuse_asides(done)
    if done.beside is None:
        message = "the series holds images of several patients; take one patient's images"
        raise refuse("several_patients", message)
    with told(case.path):
        for number, file in enumerate(done.files, start=1):
            file.replace(case.series / _name(number))
        (draft / REPORT).replace(case.path / REPORT)
        shutil.rmtree(draft)
    mind = tuple(Problem(code="recognisable", message=line.reason) for line in done.report.warnings)
    return done.beside, mind


def _refuse_asides(done: AnonymisedStudy) -> None:
    """Refuse a series of which files may show or hold who the patient is."""
    if not done.skipped:
        return
    reasons: dict[str, int] = {}
    for one in done.skipped:
        reasons[one.reason] = reasons.get(one.reason, 0) + 1
    problems = [
        Problem(
            code="not_anonymous",
            message=f"{count} of the series' files: {reason}; take them out, or another series",
        )
        for reason, count in reasons.items()
    ]
    raise PlanningError(problems)


def _copy(originals: list[Path], folder: Path, progress: Progress) -> None:
    with told(folder):
        for number, file in enumerate(originals, start=1):
            progress.update((number - 1) / len(originals), "copying the series")
            shutil.copyfile(file, folder / _name(number))


def _name(number: int) -> str:
    return f"image_{number:05d}.dcm"


def stored_files(folder: Path, progress: Progress = SILENT) -> tuple[StoredFile, ...]:
    """Return the files of a series with their checksums.

    Parameters
    ----------
    folder : Path
        Of the copy.
    progress : Progress
        Told after each file.

    Returns
    -------
    tuple of StoredFile
        By name.
    """
    with told(folder):
        files = sorted(one for one in folder.iterdir() if one.is_file())
        rows = []
        for number, file in enumerate(files):
            progress.update(number / len(files), "checksums")
            rows.append(stored_file(file))
    return tuple(rows)


def stored_file(file: Path) -> StoredFile:
    """Return a file with its checksum.

    Parameters
    ----------
    file : Path
        Of a series.

    Returns
    -------
    StoredFile
        As it is now.
    """
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)
    stat = file.stat()
    return StoredFile(
        name=file.name, size=stat.st_size, sha256=digest.hexdigest(), changed_ns=stat.st_mtime_ns
    )


def refuse_identifiers(folder: Path) -> None:
    """Refuse a series from elsewhere that is not a copy of ours.

    Parameters
    ----------
    folder : Path
        Of the series.

    Raises
    ------
    PlanningError
        When a file may hold an identifier.
    """
    files = sorted(one for one in folder.iterdir() if one.is_file())
    doubtful = sum(1 for one in files if not holds_no_identifiers(one))
    if doubtful or not files:
        message = (
            f"{doubtful} of {len(files)} files of the series are no anonymised copy of this "
            "program; add the series itself to the library, which anonymises it"
        )
        raise refuse("not_anonymous", message)
