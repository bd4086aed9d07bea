"""Copies of DICOM studies without identifiers, checked by reading them again.

Elements follow the basic confidentiality profile of DICOM PS3.15 as dicom-anonymizer has it,
applied inside sequences too; private elements are removed. A copy counts as done only when none of
the original identifiers is found in its bytes.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pydicom
from dicomanonymizer import anonymize_dataset
from pydicom.dataset import Dataset

from imaging.dicom.discover import Skipped, opened
from imaging.errors import ImagingError, Problem, refuse_image
from imaging.progress import SILENT, Progress

IDENTIFYING_VR = frozenset({"PN"})
IDENTIFYING = (
    "PatientID",
    "OtherPatientIDs",
    "PatientBirthDate",
    "AccessionNumber",
    "InstitutionName",
    "InstitutionAddress",
    "PatientAddress",
    "PatientTelephoneNumbers",
    "StationName",
    "StudyID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "FrameOfReferenceUID",
)
LEAST_LETTERS = 4  # shorter values occur in any file by chance
BURNED_IN_MODALITIES = frozenset({"US", "SC", "OT", "XA", "ES", "DOC"})


@dataclass(frozen=True)
class AnonymisedStudy:
    """What was written.

    Parameters
    ----------
    files : tuple of Path
        Copies without identifiers.
    skipped : tuple of Skipped
        Files set aside, and why.
    """

    files: tuple[Path, ...]
    skipped: tuple[Skipped, ...]


def anonymise(source: Path, out: Path, progress: Progress = SILENT) -> AnonymisedStudy:
    """Copy a study without identifiers.

    Parameters
    ----------
    source : Path
        Folder, file, zip or DICOMDIR; it is not changed.
    out : Path
        Folder that does not exist yet, or is empty.
    progress : Progress
        Told after each file.

    Returns
    -------
    AnonymisedStudy
        What was written and what was set aside.

    Raises
    ------
    ImagingError
        When nothing can be copied, the folder cannot be written, or an identifier is left; then
        nothing is kept.
    """
    if out.exists() and any(out.iterdir()):
        message = "the folder is not empty; choose a new one, so that copies are not mixed"
        raise refuse_image("folder_used", message, out)
    skipped: list[Skipped] = []
    names: list[str] = []
    draft: Path | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=out.parent))
        with opened(source) as files:
            for number, file in enumerate(files):
                progress.update(number / len(files), "removing identifiers")
                try:
                    name = f"IM{len(names) + 1:05d}.dcm"
                    _copy(file, draft / name)
                    names.append(name)
                except _Aside as aside:
                    skipped.append(Skipped(path=f"file {number + 1}", reason=str(aside)))
        if not names:
            message = "no DICOM image could be copied; choose the folder of the study"
            raise refuse_image("nothing_copied", message, source)
        if out.exists():
            out.rmdir()
        draft.replace(out)
    except OSError as error:
        message = f"the copies cannot be written ({error.strerror}); choose another folder"
        raise refuse_image("cannot_write", message, out) from None
    finally:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)
    progress.update(1.0, "checked")
    return AnonymisedStudy(tuple(out / name for name in names), tuple(skipped))


class _Aside(Exception):
    """A file that is not copied."""


def _copy(file: Path, target: Path) -> None:
    try:
        dataset = pydicom.dcmread(file)
    except Exception as error:  # anything that is no DICOM fails in its own way
        message = f"not readable as DICOM ({type(error).__name__})"
        raise _Aside(message) from None
    if "PixelData" not in dataset:
        message = "no image; objects without pixels are not copied"
        raise _Aside(message)
    modality = str(dataset.get("Modality", ""))
    burned = str(dataset.get("BurnedInAnnotation", "")).upper() == "YES"
    if burned or modality in BURNED_IN_MODALITIES:
        message = f"{modality} images may show a name in their pixels; look at them one by one"
        raise _Aside(message)
    identifiers = _identifiers(dataset)
    with contextlib.redirect_stdout(io.StringIO()):  # the library prints what it cannot find
        for part in _all_parts(dataset):
            anonymize_dataset(part)
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = "Basic profile of DICOM PS3.15, checked by reading again"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.preamble = b"\0" * 128
    dataset.save_as(target, enforce_file_format=True)
    header = _header_bytes(target)
    left = [name for name, value in identifiers if value in header]
    if left:
        problems = [
            Problem(code="identifier_left", message="an identifier would be left", where=name)
            for name in left
        ]
        raise ImagingError(problems)


def _all_parts(dataset: Dataset) -> list[Dataset]:
    parts = [dataset]
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                parts.extend(_all_parts(item))
    return parts


def _identifiers(dataset: Dataset) -> list[tuple[str, bytes]]:
    found = []
    for part in _all_parts(dataset):
        for element in part:
            if element.VR not in IDENTIFYING_VR and element.keyword not in IDENTIFYING:
                continue
            text = str(element.value).strip()
            if len(text) >= LEAST_LETTERS:
                found.append((element.keyword, text.encode(errors="replace")))
    return found


def _header_bytes(path: Path) -> bytes:
    """Return everything of a file but its pixels."""
    with path.open("rb") as stream:
        pydicom.dcmread(stream, stop_before_pixels=True)
        end = stream.tell()
        stream.seek(0)
        return stream.read(end)
