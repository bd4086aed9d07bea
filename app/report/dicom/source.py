"""The CT's images as the objects given back refer to them: patient, study, places; no pixels."""

from __future__ import annotations

import copy
import io
import logging
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, generate_uid

from imaging.dicom.discover import discover, opened
from imaging.dicom.segmentation_write import ascii_text
from imaging.errors import ImagingError
from imaging.files import is_image_file
from planning.plan import SeriesReference

log = logging.getLogger(__name__)

UTF8 = "ISO_IR 192"
OWN_SCHEME = "99OSTEOPLAN"  # private coding scheme (PS3.3, 8.2), where no public code says it
WHO = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
)
STUDY = (
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
    "StudyDescription",
)
PLACE = (
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "FrameOfReferenceUID",
    "PositionReferenceIndicator",
    "Rows",
    "Columns",
    "PixelSpacing",
    "SliceThickness",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "InstanceNumber",
    "NumberOfFrames",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "DimensionIndexSequence",
    "DimensionOrganizationSequence",
    "DimensionOrganizationType",
    "LossyImageCompression",
    "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
)
ALWAYS_THERE = (*WHO[:2], *WHO[3:5], *STUDY)  # type 1 or 2 in every object made
LONGEST = {"StudyID": 16, "StudyDescription": 64}
SHAPES = {
    "PatientBirthDate": r"\d{8}",
    "StudyDate": r"\d{8}",
    "StudyTime": r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?",
    "PatientSex": r"[MFO]",
}  # PS3.5, 6.2; a value of another shape is left out, because archives refuse it


@dataclass(frozen=True, eq=False)
class CtSource:
    """The CT that objects are given back to.

    Parameters
    ----------
    images : tuple of pydicom.Dataset
        In the order of the volume's slices; one for a multi-frame CT.
    notes : tuple of str
        What the headers lack and what was put in its place.
    characters : str or sequence of str or None
        Specific Character Set of the CT, in which names are given back; the images hold them
        decoded.
    """

    images: tuple[Dataset, ...]
    notes: tuple[str, ...] = ()
    characters: str | Sequence[str] | None = None

    @property
    def first(self) -> Dataset:
        """The first image, from which patient and study are taken."""
        return self.images[0]

    @property
    def frame_of_reference_uid(self) -> str:
        """Frame of reference of the CT."""
        return str(self.first.FrameOfReferenceUID)


def read_source(series: SeriesReference) -> CtSource | None:
    """Return the CT's images, without their pixels.

    Parameters
    ----------
    series : SeriesReference
        What the plan knows of the CT.

    Returns
    -------
    CtSource or None
        None when the CT is not there as DICOM.
    """
    place = Path(series.path)
    if is_image_file(place) or not place.exists():
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries' warnings repeat the patient's name
        try:
            with opened(place) as files:
                found = discover(files, place)
                wanted = next((one for one in found.series if one.uid == series.uid), None)
                images = [_header(one.path) for one in wanted.headers] if wanted else []
        except (ImagingError, OSError, InvalidDicomError):
            return None
        if not images:
            return None
        notes = _complete(images, series)
        characters = images[0].get("SpecificCharacterSet")
        for image in images:
            image.pop("SpecificCharacterSet", None)
        return CtSource(tuple(_in_order(images, series)), notes, characters)


def _header(path: Path) -> Dataset:
    """Read what the objects need, and nothing else of what scanners write."""
    wanted = ["SpecificCharacterSet", *WHO, *STUDY, *PLACE]
    read = pydicom.dcmread(path, stop_before_pixels=True, force=True, specific_tags=list(wanted))
    read.decode()
    clean = Dataset()
    for keyword in wanted:
        if keyword in read and read[keyword].value is not None:
            clean[keyword] = copy.copy(read[keyword])
    return clean


def _complete(images: Sequence[Dataset], series: SeriesReference) -> tuple[str, ...]:
    """Put in what every DICOM object needs and these headers lack; return what was put in."""
    notes = []
    derived = {}
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        if not any(image.get(keyword) for image in images):
            derived[keyword] = generate_uid(entropy_srcs=[series.uid, series.checksum, keyword])
            notes.append(f"the CT has no {keyword}; one was derived from its series")
    common = next((image for image in images if image.get("StudyInstanceUID")), images[0])
    for number, image in enumerate(images):
        image.SOPClassUID = image.get("SOPClassUID") or CTImageStorage
        if not image.get("SOPInstanceUID"):
            image.SOPInstanceUID = generate_uid(entropy_srcs=[series.uid, str(number)])
        for keyword, uid in derived.items():
            setattr(image, keyword, uid)
        if not image.get("FrameOfReferenceUID"):
            image.FrameOfReferenceUID = next(
                one.FrameOfReferenceUID for one in images if one.get("FrameOfReferenceUID")
            )
        for keyword in ALWAYS_THERE:
            value = image.get(keyword) or common.get(keyword) or ""
            setattr(image, keyword, _legal(keyword, value))
        if "ImagePositionPatient" in image and not image.get("SliceThickness"):
            image.SliceThickness = f"{series.grid.spacing_mm_kji[0]:.10g}"
        image.Modality = image.get("Modality") or "CT"
        image.PositionReferenceIndicator = image.get("PositionReferenceIndicator") or ""
    return tuple(notes)


def _legal(keyword: str, value: Any) -> Any:  # noqa: ANN401 - values have any type
    if keyword in SHAPES and not re.fullmatch(SHAPES[keyword], str(value)):
        return ""
    if keyword in LONGEST:
        return str(value)[: LONGEST[keyword]]
    return value


def _in_order(images: list[Dataset], series: SeriesReference) -> list[Dataset]:
    if any("ImagePositionPatient" not in image for image in images):
        return images[:1]  # a multi-frame CT: one object holds every place
    normal = series.grid.affine_kji_to_lps[:3, 0]
    wanted = _belongs_to(images[0])
    alike = [one for one in images if _belongs_to(one) == wanted]
    return sorted(
        alike, key=lambda one: float(np.dot([float(n) for n in one.ImagePositionPatient], normal))
    )


def _belongs_to(image: Dataset) -> tuple[object, ...]:
    """Return what the images that one object refers to must have in common."""
    keywords = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Rows", "Columns")
    return tuple(image.get(keyword) for keyword in keywords)


def file_bytes(made: Dataset, source: CtSource) -> bytes:
    """Return an object as a file, with the identity of the CT in the CT's own character set.

    Parameters
    ----------
    made : pydicom.Dataset
        Changed: identity and study become those of the CT.
    source : CtSource
        The CT.

    Returns
    -------
    bytes
        A DICOM file, explicit VR little endian.
    """
    for keyword in (*WHO, *STUDY):
        if keyword in source.first:
            made[keyword] = copy.deepcopy(source.first[keyword])
    if source.characters:
        made.SpecificCharacterSet = source.characters
    elif "SpecificCharacterSet" in made:
        del made.SpecificCharacterSet
    try:
        return _saved(made)
    except (UnicodeError, LookupError, ValueError):
        made.SpecificCharacterSet = UTF8  # what the CT claims cannot hold its own names
        return _saved(made)


def _saved(made: Dataset) -> bytes:
    if not getattr(made, "file_meta", None):
        made.file_meta = FileMetaDataset()
        made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def name_own_scheme(made: Dataset) -> None:
    """Say in an object what the program's own coding scheme is (PS3.3, C.12.1).

    Parameters
    ----------
    made : pydicom.Dataset
        Changed.
    """
    item = Dataset()
    item.CodingSchemeDesignator = OWN_SCHEME
    item.CodingSchemeName = "Osteoplan private codes"
    item.CodingSchemeResponsibleOrganization = "Osteoplan"
    made.CodingSchemeIdentificationSequence = [item]


def device_uid() -> UID:
    """Return the UID that stands for this program as an observer."""
    return generate_uid(entropy_srcs=["Osteoplan", "planning workstation"])


def described(text: str) -> str:
    """Return a Series Description that every character set holds.

    Parameters
    ----------
    text : str
        What is in the series.

    Returns
    -------
    str
        At most 64 characters.
    """
    return ascii_text(f"Osteoplan {text} (planning aid)", 64)
