"""A teaching case on disk: DICOM series, lesion, labels and truth."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.write import refuse_mixing, write_ct_series
from imaging.errors import refuse_image
from imaging.files import write_array
from imaging.geometry import BoolArray
from imaging.phantom.truth import Truth
from imaging.progress import SILENT, Progress
from imaging.volume import Volume

PATIENT_NAME = "Osteoplan^Teaching"
SERIES_FOLDER = "dicom"
TRUTH_FILE, LESION_FILE = "truth.json", "lesion.nii.gz"
LABELS_FILE, NAMES_FILE = "labels.nii.gz", "labels.json"


def save_case(
    folder: Path,
    volume: Volume,
    lesion: BoolArray,
    truth: Truth,
    *,
    labels: NDArray[np.uint16] | None = None,
    names: dict[int, str] | None = None,
    progress: Progress = SILENT,
) -> tuple[Path, ...]:
    """Write a teaching case.

    Parameters
    ----------
    folder : Path
        Made when absent; must hold no DICOM and no other case.
    volume : Volume
        The CT; its series UID is that of the written series.
    lesion : numpy.ndarray
        Its mask on the volume's grid.
    truth : Truth
        Content of ``truth.json``.
    labels : numpy.ndarray, optional
        Label map on the same grid.
    names : dict, optional
        Label to name, when there are labels.
    progress : Progress
        Told as the files are written.

    Returns
    -------
    tuple of Path
        The series' folder and the files.

    Raises
    ------
    ImagingError
        When the folder holds a case already, or cannot be written to.
    """
    refuse_used_folder(folder)
    made = [p for p in (folder, *folder.parents) if not p.exists()]
    files = [folder / SERIES_FOLDER, folder / LESION_FILE, folder / TRUTH_FILE]
    if labels is not None and names is not None:
        files += [folder / LABELS_FILE, folder / NAMES_FILE]
    try:
        write_ct_series(
            volume,
            folder / SERIES_FOLDER,
            description=f"Osteoplan teaching: {truth.title_en}",
            patient_name=PATIENT_NAME,
            series_uid=truth.series_uid,
            progress=progress.part(0.0, 0.7),
        )
        write_array(lesion, volume.grid, folder / LESION_FILE)
        progress.update(0.8, "writing masks")
        if labels is not None and names is not None:
            write_array(labels, volume.grid, folder / LABELS_FILE)
            _write_json(folder / NAMES_FILE, {str(n): name for n, name in names.items()})
        _write_json(folder / TRUTH_FILE, truth.model_dump(mode="json"))
        progress.update(1.0, "writing masks")
    except BaseException:  # also when interrupted: a case is whole or absent
        _remove(files, made)
        raise
    return tuple(files)


def _remove(files: list[Path], made: list[Path]) -> None:
    """Take back what was written; folders that held other things stay."""
    for file in files:
        if file.is_dir():
            shutil.rmtree(file, ignore_errors=True)
        else:
            file.unlink(missing_ok=True)
    for folder in made:  # the innermost comes first
        try:
            folder.rmdir()
        except OSError:
            return


def refuse_used_folder(folder: Path) -> None:
    """Refuse a folder that a case cannot be written into, before the long work.

    Parameters
    ----------
    folder : Path
        Where the case is to go; need not exist.

    Raises
    ------
    ImagingError
        When it is a file, holds DICOM, holds a case or cannot be written to.
    """
    refuse_mixing(folder)
    held = [n for n in (TRUTH_FILE, LESION_FILE, LABELS_FILE, NAMES_FILE) if (folder / n).exists()]
    if held:
        raise refuse_image(
            "folder_holds_case",
            f"the folder holds a case already ({', '.join(held)}); choose an empty folder",
            folder,
        )
    nearest = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    try:
        Path(tempfile.mkdtemp(prefix=".writable-", dir=nearest)).rmdir()
    except OSError as error:
        reason = error.strerror or "the system refused"
        message = f"nothing can be written there ({reason}); choose a folder you may write to"
        raise refuse_image("cannot_write", message, folder) from error


def _write_json(path: Path, content: object) -> None:
    draft = path.with_name(f".{path.name}-unfinished")
    try:
        draft.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        message = "the file cannot be written; check the folder's rights and the space on the disk"
        raise refuse_image("cannot_write", message, path) from error
