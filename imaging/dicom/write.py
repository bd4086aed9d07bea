"""CT series out: one CT Image Storage file a slice."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, generate_uid

from imaging.errors import refuse_image
from imaging.geometry import FloatArray, Grid, unit
from imaging.progress import SILENT, Cancelled, Progress
from imaging.volume import Volume

INTERCEPT_HU = -1024  # stored values are unsigned: HU + 1024
STORED_LIMIT = 65535
DUMMY_DATE = "20000101"
DUMMY_TIME = "120000"
SQUARE_TOLERANCE = 1e-4  # cosine between axes of a grid that one orientation can describe
DESCRIPTION_LIMIT = 64  # characters of a DICOM LO (PS3.5 section 6.2)


@dataclass(frozen=True)
class _Uids:
    study: str
    series: str
    frame: str


def write_ct_series(
    volume: Volume,
    folder: Path,
    *,
    description: str,
    patient_name: str,
    series_uid: str | None = None,
    progress: Progress = SILENT,
) -> str:
    """Write a volume as a DICOM series, all of it or nothing.

    Parameters
    ----------
    volume : Volume
        Written slice by slice along k; Hounsfield units are kept exactly.
    folder : Path
        Made when absent. May hold other things, but no DICOM.
    description : str
        Series Description, 64 characters at most.
    patient_name : str
        Patient's Name, as ``Family^Given``; nothing is taken from the volume's source.
    series_uid : str, optional
        Series Instance UID; a new one by default.
    progress : Progress
        Told after each slice.

    Returns
    -------
    str
        Series Instance UID.

    Raises
    ------
    ImagingError
        When the folder holds DICOM already or cannot be written to, or the grid is sheared.
    Cancelled
        When the result is no longer wanted; nothing is left behind.
    """
    _refuse_sheared(volume.grid)
    refuse_mixing(folder)
    series = series_uid or str(generate_uid())
    uids = _Uids(str(generate_uid(entropy_srcs=[series, "study"])), series,
                 str(generate_uid(entropy_srcs=[series, "frame"])))  # fmt: skip
    made = [p for p in (folder, *folder.parents) if not p.exists()]
    temporary: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
        for n, (name, dataset) in enumerate(_slices(volume, uids, description, patient_name)):
            dataset.save_as(temporary / name, enforce_file_format=True)
            progress.update((n + 1) / volume.grid.size_kji[0], "writing DICOM")
        _move_all(temporary, folder)
    except (OSError, Cancelled, KeyboardInterrupt) as error:
        _take_back(temporary, made)
        if isinstance(error, OSError):
            raise _cannot_write(folder, error) from error
        raise
    temporary.rmdir()
    return series


def _cannot_write(folder: Path, error: OSError) -> Exception:
    reason = error.strerror or "the system refused"
    return refuse_image(
        "cannot_write",
        f"the series could not be written ({reason}); nothing half written was left. Free space or "
        "choose a folder you may write to",
        folder,
    )


def _move_all(temporary: Path, folder: Path) -> None:
    """Move the finished files into place; take those back that were moved when one fails."""
    moved: list[Path] = []
    try:
        for file in sorted(temporary.iterdir()):
            target = folder / file.name
            os.replace(file, target)
            moved.append(target)
    except OSError:
        for target in moved:
            target.unlink(missing_ok=True)
        raise


def _take_back(temporary: Path | None, made: list[Path]) -> None:
    if temporary is not None:
        shutil.rmtree(temporary, ignore_errors=True)
    for folder in made:  # the innermost comes first
        try:
            folder.rmdir()
        except OSError:
            return


def refuse_mixing(folder: Path) -> None:
    """Refuse a folder that holds DICOM already, so that series are never mixed.

    Parameters
    ----------
    folder : Path
        Searched recursively; need not exist.

    Raises
    ------
    ImagingError
        When it holds DICOM, or is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise refuse_image("not_a_folder", "this is a file; name a folder to write into", folder)
    if folder.is_dir() and any(_is_dicom(file) for file in folder.rglob("*") if file.is_file()):
        raise refuse_image(
            "folder_holds_dicom",
            "the folder already holds DICOM files, and two series must not be mixed; choose an "
            "empty folder",
            folder,
        )


def _is_dicom(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _refuse_sheared(grid: Grid) -> None:
    k, j, i = (unit(axis) for axis in grid.affine_kji_to_lps[:3, :3].T)
    if max(abs(k @ j), abs(k @ i), abs(j @ i)) > SQUARE_TOLERANCE:
        raise refuse_image(
            "sheared_grid",
            "the axes of the volume are not at right angles, which a DICOM series cannot hold; "
            "resample it first",
        )


def _slices(
    volume: Volume, uids: _Uids, description: str, patient_name: str
) -> Iterator[tuple[str, FileDataset]]:
    """Make the files, numbered from the head down as scanners do."""
    grid = volume.grid
    count = grid.size_kji[0]
    stored_from = min(INTERCEPT_HU, int(volume.hu.min()))  # padding below −1024 is kept too
    rises = grid.affine_kji_to_lps[2, 0] > 0
    order = range(count - 1, -1, -1) if rises else range(count)
    common = _common(volume, uids, description, patient_name, stored_from)
    for number, k in enumerate(order, start=1):
        yield f"CT{number:05d}.dcm", _file(common, volume, k, number, uids, stored_from)


def _common(
    volume: Volume, uids: _Uids, description: str, patient_name: str, intercept: int
) -> Dataset:
    """Return what all slices share."""
    one = Dataset()
    _patient_and_study(one, uids, patient_name)
    one.Modality = "CT"
    one.SeriesInstanceUID = uids.series
    one.SeriesNumber = 1
    one.SeriesDescription = description[:DESCRIPTION_LIMIT]
    one.SeriesDate, one.SeriesTime = DUMMY_DATE, DUMMY_TIME
    one.PatientPosition = volume.series.patient_position or "HFS"
    one.FrameOfReferenceUID = uids.frame
    one.BodyPartExamined = "ABDOMENPELVIS"
    one.PositionReferenceIndicator = ""
    one.Manufacturer = "Osteoplan"
    one.ManufacturerModelName = "Osteoplan phantom"
    one.SoftwareVersions = "1"
    one.SpecificCharacterSet = "ISO_IR 192"
    one.SOPClassUID = CTImageStorage
    one.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    one.DerivationDescription = "Generated or altered for teaching; not for diagnosis"
    one.ContentDate, one.ContentTime = DUMMY_DATE, DUMMY_TIME
    one.AcquisitionNumber = 1
    one.KVP = 120
    one.BurnedInAnnotation = "NO"
    _pixels_module(one, volume.grid, intercept)
    return one


def _patient_and_study(one: Dataset, uids: _Uids, patient_name: str) -> None:
    one.PatientName = patient_name
    one.PatientID = "OSTEOPLAN-TEACHING"
    one.PatientBirthDate = ""
    one.PatientSex = ""
    one.PatientIdentityRemoved = "YES"
    one.DeidentificationMethod = "Written without any attribute of a source"
    one.StudyInstanceUID = uids.study
    one.StudyDate, one.StudyTime = DUMMY_DATE, DUMMY_TIME
    one.StudyID = "1"
    one.StudyDescription = "Osteoplan teaching case"
    one.AccessionNumber = ""
    one.ReferringPhysicianName = ""


def _pixels_module(one: Dataset, grid: Grid, intercept: int) -> None:
    thickness, row_gap, column_gap = grid.spacing_mm_kji
    _, rows, columns = grid.size_kji
    along_row, along_column = (unit(grid.affine_kji_to_lps[:3, axis]) for axis in (2, 1))
    one.ImageOrientationPatient = _decimals([*along_row, *along_column])
    one.PixelSpacing = _decimals([row_gap, column_gap])
    one.SliceThickness = _decimals([thickness])[0]
    one.SpacingBetweenSlices = _decimals([thickness])[0]
    one.SamplesPerPixel = 1
    one.PhotometricInterpretation = "MONOCHROME2"
    one.Rows, one.Columns = rows, columns
    one.BitsAllocated = 16
    one.PixelRepresentation = 0
    one.RescaleIntercept = intercept
    one.RescaleSlope = 1
    one.RescaleType = "HU"
    one.WindowCenter, one.WindowWidth = [40, 400], [400, 1800]
    one.WindowCenterWidthExplanation = ["SOFT TISSUE", "BONE"]


def _file(
    common: Dataset, volume: Volume, k: int, number: int, uids: _Uids, intercept: int
) -> FileDataset:
    """Return one slice as a file."""
    stored = volume.hu[k].astype(np.int32) - intercept
    bits = 12 if int(stored.max()) < 4096 and intercept == INTERCEPT_HU else 16
    uid = str(generate_uid(entropy_srcs=[uids.series, str(number)]))
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = UID(uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one = FileDataset(f"CT{number:05d}.dcm", common, file_meta=meta, preamble=b"\0" * 128)
    one.SOPInstanceUID = uid
    one.InstanceNumber = number
    place = volume.grid.to_lps((k, 0, 0))
    one.ImagePositionPatient = _decimals(place)
    one.SliceLocation = _decimals([_along_normal(volume.grid, place)])[0]
    one.BitsStored, one.HighBit = bits, bits - 1
    one.PixelData = _little_endian(stored)
    return one


def _along_normal(grid: Grid, place: FloatArray) -> float:
    row, column = (unit(grid.affine_kji_to_lps[:3, axis]) for axis in (2, 1))
    return float(np.cross(row, column) @ place)


def _little_endian(stored: NDArray[np.int32]) -> bytes:
    if int(stored.max(initial=0)) > STORED_LIMIT:
        message = "int16 less its own minimum always fits 16 bits"
        raise ValueError(message)
    return stored.astype("<u2").tobytes()


def _decimals(values: FloatArray | list[float]) -> list[str]:
    """Return numbers as DICOM decimal strings: at most 16 characters, as exact as they allow."""
    texts = []
    for value in values:
        number = float(value) + 0.0  # no "-0"
        text = next(t for p in range(16, 5, -1) if len(t := f"{number:.{p}g}") <= 16)
        texts.append(text)
    return texts
