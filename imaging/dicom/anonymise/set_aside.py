"""Which files are not copied: their pixels or their text may name somebody."""

from __future__ import annotations

from pydicom._uid_dict import UID_dictionary
from pydicom.dataset import Dataset

TALKING_MODALITIES = frozenset(  # their pictures carry text, or are photographs
    {"US", "IVUS", "SC", "OT", "XA", "RF", "ES", "XC", "GM", "DOC", "SR", "KO", "PR", "AU", "ECG"}
)
PROJECTIONS = frozenset({"CR", "DX", "MG", "IO", "PX", "RG"})  # marked by hand or printed on
SCREENS = frozenset(  # values of Image Type that tell a picture of a screen from an image
    {
        *("SCREEN SAVE", "SCREENSAVE", "SCREEN_SAVE", "SCREEN", "SCREENSHOT", "DOSE_INFO", "DOSE"),
        *("DOSE REPORT", "REPORT", "PROTOCOL", "EVENT", "CURVE", "GRAPH", "SNAPSHOT", "CAPTURE"),
        *("PHOTO", "PRINT", "TEXT", "RESULT", "TABLE"),
    }
)
# SOP classes whose text the profile covers; whatever else there is may hold prose.
KINDS = (
    "CT Image Storage",
    "Enhanced CT Image Storage",
    "Legacy Converted Enhanced CT Image Storage",
    "MR Image Storage",
    "Enhanced MR Image Storage",
    "Legacy Converted Enhanced MR Image Storage",
    "Positron Emission Tomography Image Storage",
    "Enhanced PET Image Storage",
    "Legacy Converted Enhanced PET Image Storage",
    "Nuclear Medicine Image Storage",
    "Computed Radiography Image Storage",
    "Digital X-Ray Image Storage - For Presentation",
    "Digital X-Ray Image Storage - For Processing",
    "Digital Mammography X-Ray Image Storage - For Presentation",
    "Digital Mammography X-Ray Image Storage - For Processing",
    "X-Ray 3D Angiographic Image Storage",
    "Breast Tomosynthesis Image Storage",
    "Segmentation Storage",
    "Label Map Segmentation Storage",
    "Surface Segmentation Storage",
    "Parametric Map Storage",
    "Spatial Registration Storage",
    "Deformable Spatial Registration Storage",
    "Real World Value Mapping Storage",
    "RT Structure Set Storage",
    "RT Dose Storage",
    "RT Plan Storage",
    "RT Image Storage",
)
_COPIED = frozenset(uid for uid, row in UID_dictionary.items() if row[0] in KINDS)
OVERLAY_BIT = 0x0102  # element of Overlay Bit Position; 0 for a plane of its own
MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"

DIRECTORY = "a DICOMDIR lists names and paths; it is not copied"
NO_KIND = "the file does not say what kind of object it is"
OTHER_KIND = "this kind of object may hold text or pictures of text; read it and decide by hand"
IN_PIXEL_BITS = "an overlay lies in unused bits of the pixels, and may show a name"
IN_COMPRESSED = "the compressed pixels carry a comment with an identifier"
BURNED_IN = "the header says that identifiers are burned into the pixels"
TALKING = "images of this modality may show a name in their pixels; look at them one by one"
SCREEN = "a picture of a screen, which may show a name in its pixels"
COLOUR = "a colour picture, which may be a screen with a name in its pixels"
CONVERTED = "a scanned or captured picture, which may show a name in its pixels"
HEAD = "the head was imaged: a face can be rebuilt from the slices"
FEATURES = "the header says that visual features make the patient recognisable"


def why_aside(dataset: Dataset) -> str:
    """Return why a file is not copied.

    Parameters
    ----------
    dataset : Dataset
        Its header.

    Returns
    -------
    str
        Empty when it is.
    """
    kind = str(dataset.get("SOPClassUID", "") or "").strip()
    if kind == MEDIA_DIRECTORY or "DirectoryRecordSequence" in dataset:
        return DIRECTORY
    if not kind or not str(dataset.get("SOPInstanceUID", "") or ""):
        return NO_KIND
    burned = _code(dataset, "BurnedInAnnotation")
    modality = _code(dataset, "Modality")
    if burned == "YES":
        return BURNED_IN
    if modality in TALKING_MODALITIES or (modality in PROJECTIONS and burned != "NO"):
        return TALKING
    if kind not in _COPIED:
        return OTHER_KIND
    return _screen(dataset)


def _screen(dataset: Dataset) -> str:
    types = _codes(dataset, "ImageType")
    placed = "ImagePositionPatient" in dataset or "SharedFunctionalGroupsSequence" in dataset
    secondary = len(types) > 1 and types[1] == "SECONDARY"
    if SCREENS.intersection(types) or (secondary and not placed and "Rows" in dataset):
        return SCREEN
    if _code(dataset, "ConversionType"):
        return CONVERTED
    if _overlay_in_pixels(dataset):
        return IN_PIXEL_BITS
    photometric = _code(dataset, "PhotometricInterpretation")
    if photometric and not photometric.startswith("MONOCHROME"):
        return "" if _code(dataset, "Modality") == "SEG" else COLOUR
    return ""


def _overlay_in_pixels(dataset: Dataset) -> bool:
    """Tell overlays of the retired kind, which have a bit position and no data of their own."""
    return any(
        tag.group & 0xFF00 == 0x6000 and tag.element == OVERLAY_BIT and dataset[tag].value
        for tag in dataset.keys()  # noqa: SIM118 - iterating a data set gives elements
    )


def what_to_mind(dataset: Dataset) -> str:
    """Return what a user should know of a file that is copied.

    Parameters
    ----------
    dataset : Dataset
        Its header.

    Returns
    -------
    str
        Empty when there is nothing.
    """
    if _code(dataset, "RecognizableVisualFeatures") == "YES":
        return FEATURES
    part = _code(dataset, "BodyPartExamined")
    shown = any(one in part for one in ("HEAD", "FACE", "SKULL", "BRAIN", "ORBIT", "SINUS"))
    return HEAD if shown else ""


def _codes(dataset: Dataset, name: str) -> list[str]:
    value = dataset.get(name)
    if value is None:
        return []
    parts = [value] if isinstance(value, str) else list(value)
    return [str(part).strip().upper() for part in parts]


def _code(dataset: Dataset, name: str) -> str:
    return next(iter(_codes(dataset, name)), "")
