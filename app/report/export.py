"""Writes the whole report into a folder: PDF, pictures, mask, DICOM objects, 3D Slicer, STL."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from app.files import write_file
from app.report.dicom.captures import identity
from app.report.dicom.objects import dicom_objects
from app.report.dicom.source import read_source
from app.report.margin import render_margin
from app.report.pdf import write_pdf
from app.report.pictures import best_simulation, render_curves, render_slices
from app.report.slicer import slicer_files
from app.report.texts import Language
from app.report.three_d import render_three_d
from imaging.files import write_array
from imaging.progress import SILENT, Progress
from imaging.volume import Volume
from planning.dependence import measure_surroundings
from planning.lesions import as_case, lesions
from planning.plan import Case, SeriesReference
from planning.store import Picture

log = logging.getLogger(__name__)

PREVIEW_SCALE = 1.3  # of 72 pixels an inch
DICOM_FOLDER, SLICER_FOLDER = "dicom", "slicer"
NO_DICOM = (
    "the CT is not there as DICOM, so the report has no DICOM objects; PDF, pictures and the files "
    "for 3D Slicer are written"
)


def write_report(
    case: Case,
    volume: Volume | None,
    out: Path,
    language: Language,
    progress: Progress = SILENT,
    captured: Sequence[Picture] = (),
) -> list[Path]:
    """Write PDF, pictures, the lesion's mask, DICOM objects and files for 3D Slicer.

    Parameters
    ----------
    case : Case
        Any state; an unfinished plan says what is lacking. With several lesions each that is
        outlined has a folder of its own, ``lesion-1`` and so on.
    volume : Volume or None
        The CT; without it there are no slices.
    out : Path
        Folder, made when absent.
    language : str
        ``fr`` or ``en``.
    progress : Progress
        Told between the parts.
    captured : sequence of Picture
        Taken in the window; those that the plan chose are in the report.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    AppError
        When the folder cannot be written; files are whole or absent.
    """
    if volume is not None:
        case = measure_surroundings(case, volume)  # an edit may not have been measured yet
    outlined = [one.plan.number for one in lesions(case) if one.lesion is not None]
    if not case.others or not outlined:
        return _write_one(case, volume, out, language, progress, captured)
    written: list[Path] = []
    for n, number in enumerate(outlined):
        part = progress.part(n / len(outlined), (n + 1) / len(outlined))
        folder = out / f"lesion-{number}"
        written += _write_one(as_case(case, number), volume, folder, language, part, captured)
    return written


def _write_one(
    case: Case,
    volume: Volume | None,
    out: Path,
    language: Language,
    progress: Progress,
    captured: Sequence[Picture],
) -> list[Path]:
    pictures = [*_pictures(case, volume, language, progress), *chosen_captures(case, captured)]
    source = read_source(SeriesReference.of(volume) if volume else case.plan.series)
    progress.update(0.7, "PDF")
    patient = identity(source, language) if source else None
    pdf = write_pdf(case, pictures, language, patient, volume=volume)
    files = {picture.name: picture.png for picture in pictures} | {"report.pdf": pdf}
    written = [write_file(out, name, content) for name, content in files.items()]
    if case.lesion is not None:
        mask = out / "lesion.nii.gz"
        write_array(case.lesion, case.plan.series.grid, mask)
        written.append(mask)
    progress.update(0.8, "DICOM objects")
    if source is None:
        log.warning(NO_DICOM)
    else:
        for note in source.notes:
            log.warning(note)
        made = dicom_objects(case, pictures, pdf, source, language)
        written += [write_file(out / DICOM_FOLDER, name, made[name]) for name in made]
    progress.update(0.95, "3D Slicer")
    scene = slicer_files(case)
    written += [write_file(out / SLICER_FOLDER, name, scene[name]) for name in scene]
    progress.update(1.0, "report written")
    return written


def chosen_captures(case: Case, captured: Sequence[Picture]) -> list[Picture]:
    """Return the captured pictures that the report holds.

    Parameters
    ----------
    case : Case
        Whose plan chose them.
    captured : sequence of Picture
        All that were taken.

    Returns
    -------
    list of Picture
        In the order of the plan; none that names the patient.
    """
    known = {one.name: one for one in captured if not one.carries_identifiers}
    return [known[name] for name in case.plan.report.pictures if name in known]


def preview(
    case: Case,
    volume: Volume | None,
    language: Language,
    captured: Sequence[Picture] = (),
    progress: Progress = SILENT,
) -> list[bytes]:
    """Return the pages of the report as pictures.

    Parameters
    ----------
    case : Case
        Any state.
    volume : Volume or None
        The CT.
    language : str
        ``fr`` or ``en``.
    captured : sequence of Picture
        Taken in the window.
    progress : Progress
        Told between the parts.

    Returns
    -------
    list of bytes
        PNG.
    """
    import pypdfium2

    if volume is not None:
        case = measure_surroundings(case, volume)
    pictures = [*_pictures(case, volume, language, progress), *chosen_captures(case, captured)]
    progress.update(0.7, "PDF")
    document = pypdfium2.PdfDocument(write_pdf(case, pictures, language, volume=volume))
    pages = []
    for number in range(len(document)):
        page = io.BytesIO()
        document[number].render(scale=PREVIEW_SCALE).to_pil().save(page, "PNG")
        pages.append(page.getvalue())
        progress.update(0.8 + 0.2 * (number + 1) / len(document), "preview")
    document.close()
    return pages


def _pictures(
    case: Case, volume: Volume | None, language: Language, progress: Progress
) -> list[Picture]:
    pictures: list[Picture] = []
    if volume is not None:
        pictures += render_slices(case, volume, language, progress.part(0.0, 0.4))
        progress.update(0.4, "three dimensions")
        pictures.append(render_three_d(case, volume, best_simulation(case)))
    progress.update(0.6, "curves")
    for one, field in zip(case.plan.simulation, case.fields, strict=True):
        if one.curves:
            pictures.append(_named(render_curves(one, language), pictures))
        margin = render_margin(case, field, one, language)
        if margin is not None:
            pictures.append(_named(margin, pictures))
    return pictures


def _named(picture: Picture, others: list[Picture]) -> Picture:
    """Return a picture under a name that no other one has: a device may be simulated twice."""
    names = {one.name for one in others}
    name, number = picture.name, 2
    while name in names:
        name = f"{Path(picture.name).stem}-{number}.png"
        number += 1
    return replace(picture, name=name)
