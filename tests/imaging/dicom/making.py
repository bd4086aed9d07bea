"""Series made for tests: a linear field sampled slice by slice, wherever the slices lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import ArrayLike, NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from imaging.geometry import FloatArray

FIELD_HU_MM = np.array([1.7, -2.3, 3.1])  # Hounsfield units a millimetre along x, y, z


def field_hu(points_lps_mm: ArrayLike) -> FloatArray:
    """Return a field that linear interpolation gives back exactly."""
    values: FloatArray = np.asarray(points_lps_mm, dtype=float) @ FIELD_HU_MM
    return values


def slice_hu(
    position: ArrayLike,
    row: ArrayLike,
    column: ArrayLike,
    size_ji: tuple[int, int],
    spacing_ji: tuple[float, float],
) -> NDArray[np.int16]:
    """Return the field on the pixels of a slice."""
    j, i = np.mgrid[: size_ji[0], : size_ji[1]].astype(float)
    down, right = np.asarray(column, dtype=float), np.asarray(row, dtype=float)
    points = (
        np.asarray(position, dtype=float)
        + j[..., None] * spacing_ji[0] * down
        + i[..., None] * spacing_ji[1] * right
    )
    return np.rint(field_hu(points)).astype(np.int16)


def ct_slice(
    pixels: NDArray[np.int16],
    position: Sequence[float],
    orientation: Sequence[float] = (1, 0, 0, 0, 1, 0),
    spacing: Sequence[float] = (1.0, 1.0),
    series_uid: str = "1.2.3.4",
    **elements: Any,
) -> Dataset:
    """Return a CT image whose stored values are Hounsfield units plus 1024, unsigned."""
    one = Dataset()
    one.SOPClassUID = CTImageStorage
    one.SOPInstanceUID = generate_uid()
    one.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    one.Modality = "CT"
    one.PatientName, one.PatientID = "Nobody", "1"
    one.StudyInstanceUID = "1.2.3"
    one.SeriesInstanceUID = series_uid
    one.FrameOfReferenceUID = "1.2.3.5"
    one.SeriesNumber, one.InstanceNumber = 1, 1
    one.ImagePositionPatient = [f"{n:.10g}"[:16] for n in position]
    one.ImageOrientationPatient = [f"{n:.10g}"[:16] for n in orientation]
    one.PixelSpacing = [f"{n:.10g}" for n in spacing]
    one.Rows, one.Columns = pixels.shape
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 0
    one.RescaleIntercept, one.RescaleSlope = -1024, 1
    one.PixelData = (pixels.astype(np.int32) + 1024).astype("<u2").tobytes()
    one["PixelData"].VR = "OW"
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    for name, value in elements.items():
        setattr(one, name, value)
    return one


def save(dataset: Dataset, path: Path) -> Path:
    """Write a data set as a DICOM file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def field_series(
    folder: Path,
    positions: Sequence[Sequence[float]],
    orientation: Sequence[float] = (1, 0, 0, 0, 1, 0),
    size_ji: tuple[int, int] = (20, 24),
    spacing: tuple[float, float] = (1.0, 1.0),
    **elements: Any,
) -> Path:
    """Write a series of the field, one slice a position, in the order given."""
    row, column = orientation[:3], orientation[3:]
    for number, position in enumerate(positions):
        pixels = slice_hu(position, row, column, size_ji, spacing)
        dataset = ct_slice(pixels, position, orientation, spacing, **elements)
        dataset.InstanceNumber = number + 1
        save(dataset, folder / f"{number:04d}.dcm")
    return folder


def read_file(path: Path) -> Dataset:
    """Read a file back."""
    return pydicom.dcmread(path)
