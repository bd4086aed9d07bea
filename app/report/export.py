"""Writes the whole report into a folder: PDF, pictures, the lesion's mask, DICOM objects."""

from __future__ import annotations

from pathlib import Path

from app.files import write_file
from app.report.dicom import dicom_objects
from app.report.pdf import write_pdf
from app.report.pictures import best_simulation, render_curves, render_slices
from app.report.texts import Language
from app.report.three_d import render_three_d
from imaging.files import write_array
from imaging.progress import SILENT, Progress
from imaging.volume import Volume
from planning.plan import Case
from planning.store import Picture


def write_report(
    case: Case,
    volume: Volume | None,
    out: Path,
    language: Language,
    progress: Progress = SILENT,
) -> list[Path]:
    """Write PDF, pictures, the lesion's mask and DICOM objects.

    Parameters
    ----------
    case : Case
        Any state; an unfinished plan says what is lacking.
    volume : Volume or None
        The CT; without it there are no slices.
    out : Path
        Folder, made when absent.
    language : str
        ``fr`` or ``en``.
    progress : Progress
        Told between the parts.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    AppError
        When the folder cannot be written; files are whole or absent.
    """
    pictures: list[Picture] = []
    if volume is not None:
        pictures += render_slices(case, volume, language, progress.part(0.0, 0.4))
        progress.update(0.4, "three dimensions")
        pictures.append(render_three_d(case, volume, best_simulation(case)))
    progress.update(0.7, "curves")
    pictures += [render_curves(one, language) for one in case.plan.simulation if one.curves]
    progress.update(0.8, "PDF")
    pdf = write_pdf(case, pictures, language)
    files = {picture.name: picture.png for picture in pictures} | {"report.pdf": pdf}
    progress.update(0.9, "DICOM objects")
    made = dicom_objects(case, pictures, pdf)
    written = [write_file(out, name, content) for name, content in files.items()]
    written += [write_file(out / "dicom", name, content) for name, content in made.items()]
    if case.lesion is not None:
        mask = out / "lesion.nii.gz"
        write_array(case.lesion, case.plan.series.grid, mask)
        written.append(mask)
    progress.update(1.0, "report written")
    return written
