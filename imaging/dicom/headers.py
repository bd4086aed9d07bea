"""What a DICOM header says of each frame, before any pixel is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from imaging.errors import ImagingError, refuse_image
from imaging.geometry import FloatArray

LONG_VR = frozenset({b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"UN"})
MAX_PIXELS_A_FRAME = 1 << 26  # 8192 × 8192; no CT frame is larger, a corrupt header may claim it
MAX_FRAMES = 20_000


@dataclass(frozen=True, eq=False)
class FrameHeader:
    """One frame of an image file.

    Parameters
    ----------
    path : Path
        File it is in.
    frame : int
        Index in the file, 0 for single-frame files.
    position_lps_mm : numpy.ndarray
        Shape (3,), centre of the first pixel.
    row_direction, column_direction : numpy.ndarray
        Unit vectors along increasing column index and increasing row index.
    size_ji : tuple of int
        Rows, columns.
    spacing_mm_ji : tuple of float
        Distance between rows, between columns.
    slope, intercept : float
        From stored values to Hounsfield units.
    """

    path: Path
    frame: int
    position_lps_mm: FloatArray
    row_direction: FloatArray
    column_direction: FloatArray
    size_ji: tuple[int, int]
    spacing_mm_ji: tuple[float, float]
    slope: float
    intercept: float

    @property
    def normal(self) -> FloatArray:
        """Unit normal of the slice plane."""
        return np.cross(self.row_direction, self.column_direction)


@dataclass(frozen=True, eq=False)
class ImageHeader:
    """One image file: what it belongs to and its frames.

    Parameters
    ----------
    path : Path
        The file.
    series_uid, sop_uid, modality, description, patient_position, kernel : str
        As the header has them; empty when it has none.
    acquisition, instance : int
        Acquisition and Instance Number, 0 when absent.
    image_type : tuple of str
        Values of Image Type.
    frames : tuple of FrameHeader
        In the order of the file.
    transfer_syntax : UID
        Encoding of the pixels.
    pixel_offset : int
        Byte at which uncompressed little-endian pixels begin; −1 when they must be decoded.
    stored_type : str
        numpy type of the stored values.
    padding : int or None
        Stored value that marks no measurement.
    lossy : bool
        Whether the pixels went through a lossy compression.
    """

    path: Path
    series_uid: str
    sop_uid: str
    modality: str
    description: str
    patient_position: str
    kernel: str
    acquisition: int
    instance: int
    image_type: tuple[str, ...]
    frames: tuple[FrameHeader, ...]
    transfer_syntax: UID
    pixel_offset: int
    stored_type: str
    padding: int | None
    lossy: bool

    @property
    def is_localizer(self) -> bool:
        """Whether this is a scout image, not a slice."""
        return "LOCALIZER" in self.image_type or "DOSE_INFO" in self.image_type


def read_header(path: Path) -> ImageHeader:
    """Read the header of an image file.

    Parameters
    ----------
    path : Path
        A file.

    Returns
    -------
    ImageHeader
        Its frames and encoding.

    Raises
    ------
    ImagingError
        When it is not DICOM, holds no image, or its header contradicts itself.
    """
    try:
        with path.open("rb") as stream:
            dataset = pydicom.dcmread(stream, stop_before_pixels=True)
            return _from_dataset(path, dataset, _pixel_offset(stream, dataset))
    except ImagingError:
        raise
    except InvalidDicomError:
        raise refuse_image("not_dicom", "not a DICOM file", path.name) from None
    except Exception as error:  # a damaged header fails in any way the parser can
        message = f"damaged DICOM header ({type(error).__name__})"
        raise refuse_image("damaged", message, path.name) from None


def _pixel_offset(stream: BinaryIO, dataset: Dataset) -> int:
    syntax = getattr(dataset, "file_meta", Dataset()).get("TransferSyntaxUID")
    if syntax not in {ExplicitVRLittleEndian, ImplicitVRLittleEndian}:
        return -1
    tag = stream.read(12)
    if tag[:4] != b"\xe0\x7f\x10\x00":
        return -1
    position = int(stream.tell())
    if syntax == ImplicitVRLittleEndian:
        return position - 4
    return position if tag[4:6] in LONG_VR else -1


def _numbers(value: object, count: int, name: str, path: Path) -> FloatArray:
    try:
        numbers = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.empty(0, dtype=np.float64)
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise refuse_image("no_geometry", f"the header lacks a valid {name}", path.name)
    return numbers


def _whole(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return 0


def _directions(value: object, path: Path) -> tuple[FloatArray, FloatArray]:
    six = _numbers(value, 6, "Image Orientation (Patient)", path)
    row, column = six[:3], six[3:]
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if min(lengths) < 0.9 or abs(float(row @ column)) > 0.01 * lengths[0] * lengths[1]:
        message = "Image Orientation (Patient) is not two perpendicular unit vectors"
        raise refuse_image("no_geometry", message, path.name)
    row = row / lengths[0]
    column = column - (column @ row) * row
    return row, column / np.linalg.norm(column)


def _frame(
    path: Path,
    index: int,
    geometry: tuple[object, object, object],
    size_ji: tuple[int, int],
    rescale: tuple[object, object],
) -> FrameHeader:
    position, orientation, spacing = geometry
    row, column = _directions(orientation, path)
    spacing_mm = _numbers(spacing, 2, "Pixel Spacing", path)
    if (spacing_mm <= 0).any():
        raise refuse_image("no_geometry", "Pixel Spacing is not above zero", path.name)
    slope, intercept = (
        float(str(value)) if value is not None else default
        for value, default in zip(rescale, (1.0, 0.0), strict=True)
    )
    return FrameHeader(
        path=path,
        frame=index,
        position_lps_mm=_numbers(position, 3, "Image Position (Patient)", path),
        row_direction=row,
        column_direction=column,
        size_ji=size_ji,
        spacing_mm_ji=(float(spacing_mm[0]), float(spacing_mm[1])),
        slope=slope,
        intercept=intercept,
    )


def _functional_groups(
    dataset: Dataset,
) -> Iterator[tuple[tuple[object, object, object], tuple[object, object]]]:
    shared = next(iter(dataset.get("SharedFunctionalGroupsSequence") or [Dataset()]))
    for per_frame in dataset.get("PerFrameFunctionalGroupsSequence") or []:

        def item(sequence: str, name: str, own: Dataset = per_frame) -> object:
            for group in (own, shared):
                if group.get(sequence):
                    return group[sequence][0].get(name)
            return None

        yield (
            (
                item("PlanePositionSequence", "ImagePositionPatient"),
                item("PlaneOrientationSequence", "ImageOrientationPatient"),
                item("PixelMeasuresSequence", "PixelSpacing"),
            ),
            (
                item("PixelValueTransformationSequence", "RescaleSlope"),
                item("PixelValueTransformationSequence", "RescaleIntercept"),
            ),
        )


def _frames(path: Path, dataset: Dataset) -> tuple[FrameHeader, ...]:
    size = _whole(dataset.get("Rows")), _whole(dataset.get("Columns"))
    if not 0 < size[0] * size[1] <= MAX_PIXELS_A_FRAME:
        raise refuse_image(
            "not_an_image", f"no image of usable size ({size[0]} × {size[1]})", path.name
        )
    count = _whole(dataset.get("NumberOfFrames") or 1)
    if count > MAX_FRAMES:
        raise refuse_image("not_an_image", f"the header claims {count} frames", path.name)
    if "PerFrameFunctionalGroupsSequence" in dataset:
        groups = list(_functional_groups(dataset))
        if len(groups) != count:
            message = f"{count} frames, but geometry for {len(groups)}"
            raise refuse_image("damaged", message, path.name)
        return tuple(_frame(path, n, g, size, r) for n, (g, r) in enumerate(groups))
    geometry = (
        dataset.get("ImagePositionPatient"),
        dataset.get("ImageOrientationPatient"),
        dataset.get("PixelSpacing"),
    )
    rescale = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
    return (_frame(path, 0, geometry, size, rescale),)


def _from_dataset(path: Path, dataset: Dataset, pixel_offset: int) -> ImageHeader:
    if "Rows" not in dataset:
        kind = str(dataset.get("Modality", "")) or "object"
        raise refuse_image("not_an_image", f"DICOM {kind} without an image", path.name)
    image_type = tuple(str(part).strip().upper() for part in dataset.get("ImageType") or ())
    bits = _whole(dataset.get("BitsAllocated"))
    samples = _whole(dataset.get("SamplesPerPixel") or 1)
    usable = bits in {8, 16, 32} and samples == 1
    if not usable:
        raise refuse_image("not_an_image", f"{bits}-bit, {samples}-colour pixels", path.name)
    modality = str(dataset.get("Modality", "")).upper()
    if modality != "CT":
        raise refuse_image("not_ct", f"modality {modality or 'unknown'}, not CT", path.name)
    signed = _whole(dataset.get("PixelRepresentation")) == 1
    stored = _whole(dataset.get("BitsStored") or bits)
    padding = dataset.get("PixelPaddingValue")
    return ImageHeader(
        path=path,
        series_uid=str(dataset.get("SeriesInstanceUID", "")),
        sop_uid=str(dataset.get("SOPInstanceUID", "")),
        modality=modality,
        description=str(dataset.get("SeriesDescription", "")),
        patient_position=str(dataset.get("PatientPosition", "")),
        kernel=str(dataset.get("ConvolutionKernel", "")),
        acquisition=_whole(dataset.get("AcquisitionNumber") or 0),
        instance=_whole(dataset.get("InstanceNumber") or 0),
        image_type=image_type,
        frames=_frames(path, dataset),
        transfer_syntax=UID(str(dataset.file_meta.get("TransferSyntaxUID", ""))),
        pixel_offset=pixel_offset if bits == 16 and (stored == 16 or not signed) else -1,
        stored_type="<i2" if signed else "<u2",
        padding=int(padding) if isinstance(padding, int) else None,
        lossy=str(dataset.get("LossyImageCompression", "00")) == "01",
    )
