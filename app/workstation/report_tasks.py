"""What the worker process does for the report, and for the first tour."""

from __future__ import annotations

import importlib
from pathlib import Path

from imaging.dicom.archive.peer import Peer
from imaging.progress import Progress
from imaging.volume import Volume
from planning.plan import Case
from planning.store import Picture


def report(
    case: Case,
    volume: Volume,
    out: Path,
    language: str,
    captured: tuple[Picture, ...],
    progress: Progress,
) -> tuple[Path, ...]:
    """Write the report.

    Parameters
    ----------
    case : Case
        Any state; what is lacking is said in the report.
    volume : Volume
        The CT.
    out : Path
        Folder.
    language : str
        ``fr`` or ``en``.
    captured : tuple of Picture
        Taken in the window.
    progress : Progress
        Told after each file.

    Returns
    -------
    tuple of Path
        Files written.
    """
    export = importlib.import_module("app.report.export")
    files = export.write_report(case, volume, out, language, progress, captured)
    return tuple(Path(file) for file in files)


def report_preview(
    case: Case,
    volume: Volume,
    language: str,
    captured: tuple[Picture, ...],
    progress: Progress,
) -> tuple[bytes, ...]:
    """Return the pages of the report as pictures.

    Parameters
    ----------
    case : Case
        Any state.
    volume : Volume
        The CT.
    language : str
        ``fr`` or ``en``.
    captured : tuple of Picture
        Taken in the window.
    progress : Progress
        Told between the parts.

    Returns
    -------
    tuple of bytes
        PNG.
    """
    export = importlib.import_module("app.report.export")
    return tuple(export.preview(case, volume, language, captured, progress))


def send_report(files: tuple[Path, ...], peer: Peer, progress: Progress) -> int:
    """Send the DICOM objects of a report to an archive.

    Parameters
    ----------
    files : tuple of Path
        Of the report; what is no DICOM object is left out.
    peer : Peer
        The archive.
    progress : Progress
        Told after each file.

    Returns
    -------
    int
        How many it stored.

    Raises
    ------
    ImagingError
        When it does not answer, or a file was not stored.
    """
    sending = importlib.import_module("imaging.dicom.archive.send")
    sent = sending.send(peer, [file for file in files if file.suffix == ".dcm"], progress)
    sending.refuse_failed(sent)
    return int(sent.stored)


def tour_case(folder: Path, progress: Progress) -> Path:
    """Write a generated case for the first tour.

    Parameters
    ----------
    folder : Path
        Made when absent.
    progress : Progress
        Told between the parts.

    Returns
    -------
    Path
        Folder of its DICOM series.
    """
    cases = importlib.import_module("imaging.phantom.cases")
    save = importlib.import_module("imaging.phantom.save")
    made = cases.generate("vertebra", progress=progress.part(0.0, 0.8))
    save.save_case(folder, made.volume, made.lesion, made.truth, progress=progress.part(0.8, 1.0))
    return folder / "dicom"
