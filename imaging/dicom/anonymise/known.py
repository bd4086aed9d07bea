"""Tells files that hold no identifiers already: our own copies, and what this program generated.

A mark in a header is not believed by itself. A copy of ours is cleaned again, with pseudonyms that
change nothing, and counts only when the cleaning finds nothing to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from imaging.dicom.anonymise.descriptors import is_harmless, words_of
from imaging.dicom.anonymise.elements import MEASURED, Cleaner, Patient
from imaging.dicom.anonymise.identifiers import Finder, Identifiers
from imaging.dicom.anonymise.options import Options
from imaging.dicom.anonymise.profile import BULK, Action
from imaging.dicom.anonymise.pseudonyms import PSEUDONYM_CHARACTERS, Pseudonyms, is_public
from imaging.dicom.anonymise.report import Tally
from imaging.dicom.anonymise.set_aside import why_aside
from imaging.dicom.dataset import read_dataset
from imaging.dicom.elements import PREAMBLE_BYTES
from imaging.dicom.write import DESCRIPTION_LIMIT, DUMMY_DATE, DUMMY_TIME
from imaging.errors import ImagingError
from imaging.tables import load_table

BASIC_PROFILE = "113100"  # PS3.16 CID 7050
PSEUDONYM = re.compile(rf"ANON-[A-Z2-7]{{{PSEUDONYM_CHARACTERS}}}")
OURS = "DICOM PS3.15 "
OUR_UIDS = "2.25."
GENERATED_UIDS = (OUR_UIDS, "1.2.826.0.1.3680043.8.498.")  # of pydicom, under which it draws
NO_TEXT = MEASURED | {"UI", "OB", "OW"}
# Every text that the program writes into generated images (imaging.dicom.write); a test holds both
# together.
GENERATED = {
    "PatientName": ("Osteoplan^Teaching",),
    "PatientID": ("OSTEOPLAN-TEACHING",),
    "PatientIdentityRemoved": ("YES",),
    "DeidentificationMethod": ("Written without any attribute of a source",),
    **dict.fromkeys(("StudyDate", "SeriesDate", "ContentDate"), (DUMMY_DATE,)),
    **dict.fromkeys(("StudyTime", "SeriesTime", "ContentTime"), (DUMMY_TIME,)),
    "StudyID": ("1",),
    "StudyDescription": ("Osteoplan teaching case",),
    "Modality": ("CT",),
    "PatientPosition": ("HFS", "HFP", "FFS", "FFP", "HFDL", "HFDR", "FFDL", "FFDR"),
    "BodyPartExamined": ("ABDOMENPELVIS",),
    "Manufacturer": ("Osteoplan",),
    "ManufacturerModelName": ("Osteoplan phantom",),
    "SoftwareVersions": ("1",),
    "SpecificCharacterSet": ("ISO_IR 192",),
    "ImageType": (r"DERIVED\SECONDARY\AXIAL",),
    "DerivationDescription": ("Generated or altered for teaching; not for diagnosis",),
    "BurnedInAnnotation": ("NO",),
    "PhotometricInterpretation": ("MONOCHROME2",),
    "RescaleType": ("HU",),
    "WindowCenterWidthExplanation": (r"SOFT TISSUE\BONE",),
}


class _Same(Pseudonyms):
    """Pseudonyms that leave every UID as it is."""

    def uid(self, original: str) -> str:
        """Return the UID itself."""
        return original


def holds_no_identifiers(path: Path) -> bool:
    """Tell whether a DICOM file is a copy that this program anonymised, or one that it generated.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    bool
        False whenever there is a doubt.
    """
    try:
        with path.open("rb") as stream:
            if any(stream.read(PREAMBLE_BYTES)):
                return False
        header = read_dataset(path, with_pixels=False)
        if why_aside(header) or _has_foreign_meta(header):
            return False
        return _is_generated(header) or _is_our_copy(header)
    except (OSError, ImagingError):
        return False
    except Exception:
        return False


def _has_foreign_meta(header: Dataset) -> bool:
    """Tell whether the file meta information says who sent the file."""
    names = {element.keyword for element in header.file_meta}
    return any("Title" in name or "Private" in name or not name for name in names)


def _is_our_copy(header: Dataset) -> bool:
    name, number = str(header.get("PatientName", "")), str(header.get("PatientID", ""))
    codes = {str(item.get("CodeValue")) for item in header.get("DeidentificationMethodCodeSequence")
             or []}  # fmt: skip
    method = header.get("DeidentificationMethod") or ""
    first = method if isinstance(method, str) else str(method[0])
    marked = (
        header.get("PatientIdentityRemoved") == "YES"
        and BASIC_PROFILE in codes
        and first.startswith(OURS)
        and PSEUDONYM.fullmatch(name) is not None
        and name == number
    )
    if not marked or any(not one.startswith(OUR_UIDS) for one in _uids(header)):
        return False
    tally = Tally()
    patient = Patient(name, number, 0)
    Cleaner(Options(), patient, _Same(b""), Finder(Identifiers()), tally).clean(header)
    changed = {line.action for line in tally.lines()} - {Action.SHIFTED.value}
    return not changed and not (tally.private or tally.foreign or tally.words)


def _is_generated(header: Dataset) -> bool:
    """Tell whether all text of a file is what this program writes into generated images."""
    if header.get("PatientID") not in GENERATED["PatientID"]:
        return False
    return all(map(_is_written_here, header)) and all(
        one.startswith(GENERATED_UIDS) for one in _uids(header)
    )


def _is_written_here(element: DataElement) -> bool:
    if element.is_empty:
        return True
    text = element.value if element.VM == 1 else "\\".join(map(str, element.value))
    if element.keyword == "SeriesDescription":
        return all(_is_of_a_title(one, text) for one in words_of(text))
    if element.keyword in GENERATED:
        return str(text) in GENERATED[element.keyword]
    return bool(element.keyword) and (element.keyword in BULK or element.VR in NO_TEXT)


def _is_of_a_title(word: str, text: str) -> bool:
    plain = word.casefold()
    if is_harmless(word) or plain in _title_words():
        return True
    is_cut = len(text) == DESCRIPTION_LIMIT and text.endswith(word)
    return is_cut and any(one.startswith(plain) for one in _title_words())


@cache
def _title_words() -> frozenset[str]:
    """Words of the titles of generated cases."""
    titles = " ".join(str(row["title_en"]) for row in load_table("phantom_cases"))
    return frozenset(words_of(f"{titles} Osteoplan teaching Inserted".casefold()))


def _uids(dataset: Dataset) -> Iterator[str]:
    for element in dataset:
        if isinstance(element.value, Sequence):
            for item in element.value:
                yield from _uids(item)
        elif element.VR == "UI" and element.value:
            values = [element.value] if element.VM == 1 else element.value
            yield from (str(one) for one in values if not is_public(str(one)))
