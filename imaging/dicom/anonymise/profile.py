"""What the confidentiality profile asks for each attribute (DICOM PS3.15 table E.1-1).

The table is the one of dicom-anonymizer; how its codes are carried out is decided here, so that a
value is always valid for its representation and nothing that an object needs is left empty.
"""

from __future__ import annotations

from enum import Enum
from functools import cache, lru_cache

from dicomanonymizer.dicomfields_selector import dicom_anonymization_database_selector
from pydicom.datadict import dictionary_has_tag, keyword_for_tag

EDITION = "2026c"
DUMMY = "ANONYMISED"
DUMMY_DATE, DUMMY_TIME = "19000101", "000000"
DUMMIES: dict[str, object] = {
    **dict.fromkeys(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"), DUMMY),
    **dict.fromkeys(("DS", "IS"), "0"),
    **dict.fromkeys(("FD", "FL", "SL", "SS", "SV", "UL", "US", "UV", "AT"), 0),
    **dict.fromkeys(("OB", "UN", "OW"), b"\0\0"),
    "DA": DUMMY_DATE,
    "TM": DUMMY_TIME,
    "DT": DUMMY_DATE,
    "AS": "001Y",
    "UR": "http://anonymised.invalid",  # a domain reserved for this (RFC 2606)
}
# The sequences of references whose UIDs are replaced, not removed.
REFERENCES = frozenset(
    {
        "ReferencedImageSequence",
        "SourceImageSequence",
        "ReferencedPerformedProcedureStepSequence",
    }
)
ABOUT_THE_PERSON = frozenset({"PatientBirthDate", "PatientBirthTime"})  # no option keeps them
PATIENT = frozenset({"PatientName", "PatientID"})
BULK = frozenset(  # binary values that carry pixels or their tables, never text
    {
        *("PixelData", "FloatPixelData", "DoubleFloatPixelData", "ExtendedOffsetTable"),
        *("ExtendedOffsetTableLengths", "LUTData", "RedPaletteColorLookupTableData"),
        *("GreenPaletteColorLookupTableData", "BluePaletteColorLookupTableData"),
        *("PointCoordinatesData", "VectorGridData", "PrimitivePointIndexList"),
        *("LongPrimitivePointIndexList", "LongTrianglePointIndexList", "TrianglePointIndexList"),
        *("SurfacePointCoordinatesData", "SurfacePointsNormalsData", "VectorCoordinateData"),
    }
)


class Action(Enum):
    """What is done with an element, as the report names it."""

    KEPT = "kept"
    REMOVED = "removed"
    REPLACED = "replaced"
    EMPTIED = "emptied"
    SHIFTED = "shifted"
    CLEANED = "cleaned"
    REMAPPED = "remapped"


_CODES = {
    "D_TAGS": Action.REPLACED,
    "Z_TAGS": Action.EMPTIED,
    "X_TAGS": Action.REMOVED,
    "U_TAGS": Action.REMAPPED,
    "Z_D_TAGS": Action.REPLACED,
    "X_Z_TAGS": Action.EMPTIED,
    "X_D_TAGS": Action.REPLACED,
    "X_Z_D_TAGS": Action.REPLACED,
    "X_Z_U_STAR_TAGS": Action.KEPT,
}
# Where the table leaves the choice, these are removed: no image needs them.
_ABSENT = frozenset(
    {
        "ReferencedStudySequence",
        "OperatorIdentificationSequence",
        "WaveformAnnotationSequence",
        "InstitutionCodeSequence",
    }
)


@cache
def _table() -> dict[int, Action]:
    """Return the action for each tag of the profile; repeating groups are told by the group."""
    codes = dicom_anonymization_database_selector(f"dicomfields_{EDITION}")
    return {
        tag[0] << 16 | tag[1]: action
        for name, action in _CODES.items()
        for tag in codes[name]
        if len(tag) == 2  # a longer one is a repeating group
    }


@lru_cache(maxsize=4096)
def listed(tag: int) -> Action | None:
    """Return what the profile asks for a standard attribute.

    Parameters
    ----------
    tag : int
        Group and element.

    Returns
    -------
    Action or None
        None when the profile does not list it.
    """
    if tag in _table() and keyword_for_tag(tag) in _ABSENT:
        return Action.REMOVED
    return _table().get(tag)


def listed_tags() -> tuple[int, ...]:
    """Return every tag that the profile lists.

    Returns
    -------
    tuple of int
        Without the repeating groups.
    """
    return tuple(_table())


@lru_cache(maxsize=4096)
def is_foreign(tag: int) -> bool:
    """Return whether an element is dropped unseen.

    Parameters
    ----------
    tag : int
        Group and element.

    Returns
    -------
    bool
        True for private groups, overlays and curves, group lengths, and unknown elements.
    """
    group = tag >> 16
    repeating = group & 0xFF00 in {0x5000, 0x6000}
    return bool(group & 1) or repeating or tag & 0xFFFF == 0 or not dictionary_has_tag(tag)
