"""What a DICOM header says of each frame, before any pixel is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
)

from imaging.dicom.dataset import read_dataset
from imaging.dicom.elements import (
    GE_IMPLICIT_BIG_ENDIAN,
    TEXTS,
    WORDS,
    Unusual,
    scan,
)
from imaging.errors import ImagingError, refuse_image

MAX_PIXELS_A_FRAME = 1 << 26  # 8192 × 8192; no CT frame is larger, a corrupt header may claim it
MAX_FRAMES = 20_000
UNIT_WITHIN = 0.1  # direction cosines may be this far from unit length, by rounding
PERPENDICULAR_WITHIN = 0.01  # cosine
NOT_HOUNSFIELD_TYPES = frozenset(
    {"OD", "Z_EFF", "ED", "EDW", "MGML", "PCT", "HU_MOD", "IHU", "CM2"}
)  # Rescale Types other than HU (DICOM PS3.3 C.11.1.1.2)
UNCOMPRESSED = frozenset(
    {
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        GE_IMPLICIT_BIG_ENDIAN,
    }
)
ALWAYS_LOSSY = frozenset(
    {
        *(JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless),
        *("1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55"),  # retired: spectral, progressive
    }
)
PLANNING = frozenset({"CT"})  # modalities that a plan can be made on
COMPARED = frozenset({"CT", "MR", "PT"})  # those that can be looked at beside it
SCOUTS = frozenset({"LOCALIZER", "DOSE_INFO"})  # values of Image Type
Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """One frame of an image file.

    Parameters
    ----------
    index : int
        In the file, 0 for single-frame files.
    position_lps_mm : tuple of float
        Centre of the first pixel.
    row_direction, column_direction : tuple of float
        Unit vectors along increasing column index and increasing row index.
    spacing_mm_ji : tuple of float
        Distance between rows, between columns.
    slope, intercept : float
        From stored values to Hounsfield units.
    thickness_mm : float
        Of the slice; 0 when not said.
    group : tuple of str
        What tells passes over one place apart: stack, time, kernel and the like.
    """

    index: int
    position_lps_mm: tuple[float, float, float]
    row_direction: tuple[float, float, float]
    column_direction: tuple[float, float, float]
    spacing_mm_ji: tuple[float, float]
    slope: float
    intercept: float
    thickness_mm: float = 0.0
    group: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """How a file stores its pixels.

    Parameters
    ----------
    size_ji : tuple of int
        Rows, columns.
    bits_allocated, bits_stored, high_bit : int
        As the header has them.
    signed : bool
        Whether stored values are two's complement.
    padding : tuple of int or None
        Lowest and highest stored value that mark no measurement.
    """

    size_ji: tuple[int, int]
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    padding: tuple[int, int] | None

    @property
    def frame_bytes(self) -> int:
        """Size of an uncompressed frame."""
        return self.size_ji[0] * self.size_ji[1] * self.bits_allocated // 8


@dataclass(frozen=True, slots=True, eq=False)
class ImageHeader:
    """One image file: what it belongs to and its frames.

    Parameters
    ----------
    path : Path
        The file.
    study_uid, series_uid, sop_uid, frame_of_reference_uid : str
        As the header has them; empty when it has none.
    modality, description, patient_position, kernel : str
        As the header has them; empty when it has none.
    instance, series_number : int
        0 when absent.
    image_type : tuple of str
        Values of Image Type.
    frames : tuple of FrameHeader
        In the order of the file.
    layout : PixelLayout
        Of the pixels.
    syntax : str
        Transfer Syntax UID.
    pixel_offset : int
        Byte at which the value of Pixel Data begins (of a deflated file, in its expanded data
        set); −1 when only pydicom finds it.
    pixel_bytes : int
        Its length; −1 when undefined.
    swapped : bool
        Whether uncompressed pixels are stored with the high byte first.
    encapsulated : bool
        Whether the pixels are compressed, frame by frame.
    lossy : bool
        Whether the pixels went through a lossy compression.
    rescaled : bool
        Whether the header says how stored values become Hounsfield units.
    """

    path: Path
    study_uid: str
    series_uid: str
    sop_uid: str
    frame_of_reference_uid: str
    modality: str
    description: str
    patient_position: str
    kernel: str
    instance: int
    series_number: int
    image_type: tuple[str, ...]
    frames: tuple[FrameHeader, ...]
    layout: PixelLayout
    syntax: str
    pixel_offset: int
    pixel_bytes: int
    swapped: bool
    encapsulated: bool
    lossy: bool
    rescaled: bool

    @property
    def deflated(self) -> bool:
        """Whether the whole data set is packed."""
        return self.syntax == DeflatedExplicitVRLittleEndian

    @property
    def is_localizer(self) -> bool:
        """Whether this is a scout image, not a slice."""
        return not SCOUTS.isdisjoint(self.image_type)


@dataclass(frozen=True, eq=False)
class _Facts:
    """What both ways of reading a header give: texts, whole numbers, and the frames' groups."""

    text: Callable[[str], str]
    whole: Callable[[str], int | None]
    groups: tuple[_FrameFacts, ...] | None
    syntax: str
    pixel_offset: int = -1
    pixel_bytes: int = 0
    swapped: bool = False


@dataclass(frozen=True, eq=False)
class _FrameFacts:
    """Texts of one frame of an enhanced image."""

    position: str
    orientation: str
    spacing: str
    slope: str
    intercept: str
    rescale_type: str
    thickness: str
    group: tuple[str, ...]


def read_header(path: Path, modalities: frozenset[str] = PLANNING) -> ImageHeader:
    """Read the header of an image file.

    Parameters
    ----------
    path : Path
        A file.
    modalities : frozenset of str
        Those that are wanted.

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
        return _image_header(path, _facts(path), modalities)
    except ImagingError:
        raise
    except InvalidDicomError:
        raise refuse_image("not_dicom", "not a DICOM file", path.name) from None
    except MemoryError:
        message = "the file claims more than fits into memory"
        raise refuse_image("too_large", message, path.name) from None
    except OSError as error:
        message = f"the file cannot be read ({error.strerror or 'it ends early'})"
        raise refuse_image("damaged", message, path.name) from None
    except Exception as error:  # a damaged header fails in any way the parser can
        message = f"damaged DICOM header ({type(error).__name__})"
        raise refuse_image("damaged", message, path.name) from None


def _facts(path: Path) -> _Facts:
    try:
        found = scan(path)
    except Unusual:
        return _facts_of(read_dataset(path, with_pixels=False))
    pixels = found.pixel_offset, found.pixel_bytes, found.swapped
    if not found.has_frame_groups:
        return _Facts(found.text, found.whole, None, found.syntax, *pixels)
    facts = _facts_of(read_dataset(path, with_pixels=False))
    return _Facts(facts.text, facts.whole, facts.groups, facts.syntax, *pixels)


def _facts_of(dataset: Dataset) -> _Facts:
    if len(dataset) == 0:
        raise InvalidDicomError
    groups = None
    if "PerFrameFunctionalGroupsSequence" in dataset:
        groups = tuple(_functional_groups(dataset))
    meta = getattr(dataset, "file_meta", Dataset())
    syntax = str(meta.get("TransferSyntaxUID", "") or ImplicitVRLittleEndian)
    texts = {name: _text(dataset.get(name)) for name in TEXTS if name in dataset}
    wholes = {name: _integer(dataset.get(name)) for name in WORDS}
    if "Rows" not in dataset:
        kind = texts.get("Modality", "") or "object"
        raise refuse_image("not_an_image", f"DICOM {kind} without an image")
    return _Facts(lambda name: texts.get(name, ""), wholes.get, groups, syntax)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip(" \0")
    try:
        return "\\".join(str(part) for part in value)  # type: ignore[attr-defined]
    except TypeError:
        return str(value)


def _integer(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None


def _functional_groups(dataset: Dataset) -> Iterator[_FrameFacts]:
    shared = next(iter(dataset.get("SharedFunctionalGroupsSequence") or [Dataset()]))
    for per_frame in dataset.get("PerFrameFunctionalGroupsSequence") or []:

        def item(sequence: str, name: str, own: Dataset = per_frame) -> str:
            for group in (own, shared):
                if group.get(sequence):
                    return _text(group[sequence][0].get(name))
            return ""

        yield _FrameFacts(
            item("PlanePositionSequence", "ImagePositionPatient"),
            item("PlaneOrientationSequence", "ImageOrientationPatient"),
            item("PixelMeasuresSequence", "PixelSpacing"),
            item("PixelValueTransformationSequence", "RescaleSlope"),
            item("PixelValueTransformationSequence", "RescaleIntercept"),
            item("PixelValueTransformationSequence", "RescaleType"),
            item("PixelMeasuresSequence", "SliceThickness"),
            (
                item("FrameContentSequence", "StackID"),
                item("FrameContentSequence", "TemporalPositionIndex"),
                item("CTReconstructionSequence", "ConvolutionKernel"),
                item("FrameContentSequence", "FrameAcquisitionNumber"),
                item("CTImageFrameTypeSequence", "FrameType"),
            ),
        )


def _numbers(text: str, count: int, name: str, path: Path) -> list[float]:
    try:
        numbers = [float(part) for part in text.split("\\")]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise refuse_image("no_geometry", f"the header lacks a valid {name}", path.name)
    return numbers


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 0


def _directions(text: str, path: Path) -> tuple[Triple, Triple]:
    a, b, c, d, e, f = _numbers(text, 6, "Image Orientation (Patient)", path)
    row_length, column_length = math.hypot(a, b, c), math.hypot(d, e, f)
    if (
        max(abs(row_length - 1), abs(column_length - 1)) > UNIT_WITHIN
        or abs(a * d + b * e + c * f) > PERPENDICULAR_WITHIN
    ):
        message = "Image Orientation (Patient) is not two perpendicular unit vectors"
        raise refuse_image("no_geometry", message, path.name)
    a, b, c = a / row_length, b / row_length, c / row_length
    slant = a * d + b * e + c * f
    d, e, f = d - slant * a, e - slant * b, f - slant * c
    column_length = math.hypot(d, e, f)
    return (a, b, c), (d / column_length, e / column_length, f / column_length)


def _frame(path: Path, index: int, facts: _FrameFacts) -> FrameHeader:
    row, column = _directions(facts.orientation, path)
    down, across = _numbers(facts.spacing, 2, "Pixel Spacing", path)
    if down <= 0 or across <= 0:
        raise refuse_image("no_geometry", "Pixel Spacing is not above zero", path.name)
    x, y, z = _numbers(facts.position, 3, "Image Position (Patient)", path)
    slope = _numbers(facts.slope or "1", 1, "Rescale Slope", path)[0]
    intercept = _numbers(facts.intercept or "0", 1, "Rescale Intercept", path)[0]
    if slope == 0:
        raise refuse_image("not_hounsfield", "Rescale Slope is zero", path.name)
    if facts.rescale_type.upper() in NOT_HOUNSFIELD_TYPES:
        message = f"the values are {facts.rescale_type}, not Hounsfield units"
        raise refuse_image("not_hounsfield", message, path.name)
    return FrameHeader(
        index=index,
        position_lps_mm=(x, y, z),
        row_direction=row,
        column_direction=column,
        spacing_mm_ji=(down, across),
        slope=slope,
        intercept=intercept,
        thickness_mm=_thickness(facts.thickness),
        group=tuple(_normal(part) for part in facts.group),
    )


def _thickness(text: str) -> float:
    try:
        thickness = float(text)
    except ValueError:
        return 0.0
    return thickness if math.isfinite(thickness) and thickness > 0 else 0.0


def _normal(text: str) -> str:
    """Write a number one way, so that 1 and 1.0 are the same."""
    try:
        return f"{float(text):g}"
    except ValueError:
        return text


def _frames(path: Path, facts: _Facts) -> tuple[FrameHeader, ...]:
    text = facts.text
    count = _whole(text("NumberOfFrames") or "1")
    if not 0 < count <= MAX_FRAMES:
        raise refuse_image("not_an_image", f"the header claims {count} frames", path.name)
    if facts.groups is not None:
        if len(facts.groups) != count:
            message = f"{count} frames, but geometry for {len(facts.groups)}"
            raise refuse_image("damaged", message, path.name)
        slope, intercept = text("RescaleSlope"), text("RescaleIntercept")
        whole = [
            replace(one, slope=one.slope or slope, intercept=one.intercept or intercept)
            for one in facts.groups
        ]
        return tuple(_frame(path, n, one) for n, one in enumerate(whole))
    if count > 1:
        message = f"{count} frames without a place for each"
        raise refuse_image("no_geometry", message, path.name)
    only = _FrameFacts(
        text("ImagePositionPatient"),
        text("ImageOrientationPatient"),
        text("PixelSpacing"),
        text("RescaleSlope"),
        text("RescaleIntercept"),
        text("RescaleType"),
        text("SliceThickness"),
        (
            text("TemporalPositionIdentifier"),
            text("ConvolutionKernel"),
            text("AcquisitionNumber"),
            text("ImageType"),
            text("KVP"),
            text("SliceThickness"),
        ),
    )
    return (_frame(path, 0, only),)


def _layout(path: Path, facts: _Facts) -> PixelLayout:
    bits = facts.whole("BitsAllocated") or 0
    samples = facts.whole("SamplesPerPixel") or 1
    colour = facts.text("PhotometricInterpretation").upper()
    if colour not in {"", "MONOCHROME1", "MONOCHROME2"}:
        raise refuse_image("not_an_image", f"{colour} pixels, not values", path.name)
    if bits not in {8, 16, 32} or samples != 1:
        raise refuse_image("not_an_image", f"{bits}-bit, {samples}-colour pixels", path.name)
    stored = facts.whole("BitsStored") or bits
    high = facts.whole("HighBit")
    high = stored - 1 if high is None else high
    if not 0 < stored <= bits or not stored - 1 <= high < bits:
        message = f"{stored} bits up to bit {high} of {bits}: the header contradicts itself"
        raise refuse_image("damaged", message, path.name)
    size = facts.whole("Rows") or 0, facts.whole("Columns") or 0
    if not 0 < size[0] * size[1] <= MAX_PIXELS_A_FRAME:
        raise refuse_image(
            "not_an_image", f"no image of usable size ({size[0]} × {size[1]})", path.name
        )
    signed = facts.whole("PixelRepresentation") == 1
    first = facts.whole("PixelPaddingValue")
    last = facts.whole("PixelPaddingRangeLimit")
    last = first if last is None else last
    padding = None if first is None or last is None else (min(first, last), max(first, last))
    return PixelLayout(size, bits, stored, high, signed, padding)


def _image_header(path: Path, facts: _Facts, modalities: frozenset[str]) -> ImageHeader:
    text = facts.text
    modality = text("Modality").upper()
    if modality not in modalities:
        wanted = " or ".join(sorted(modalities))
        raise refuse_image("not_ct", f"modality {modality or 'unknown'}, not {wanted}", path.name)
    layout = _layout(path, facts)
    groups = facts.groups or ()
    image_type = [part.strip() for part in text("ImageType").upper().split("\\")]
    return ImageHeader(
        path=path,
        study_uid=text("StudyInstanceUID"),
        series_uid=text("SeriesInstanceUID"),
        sop_uid=text("SOPInstanceUID"),
        frame_of_reference_uid=text("FrameOfReferenceUID"),
        modality=modality,
        description=text("SeriesDescription"),
        patient_position=text("PatientPosition"),
        kernel=text("ConvolutionKernel"),
        instance=_whole(text("InstanceNumber")),
        series_number=_whole(text("SeriesNumber")),
        image_type=tuple(image_type),
        frames=() if SCOUTS & set(image_type) else _frames(path, facts),
        layout=layout,
        syntax=facts.syntax,
        pixel_offset=facts.pixel_offset,
        pixel_bytes=facts.pixel_bytes,
        swapped=facts.swapped,
        encapsulated=facts.syntax not in UNCOMPRESSED,
        lossy=text("LossyImageCompression") == "01" or facts.syntax in ALWAYS_LOSSY,
        rescaled=bool(text("RescaleSlope") and text("RescaleIntercept"))
        or bool(groups and all(one.slope and one.intercept for one in groups)),
    )
