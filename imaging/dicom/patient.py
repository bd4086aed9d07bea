"""Whether two series are of one patient, and how long apart they were made.

Identifiers are compared where they are read; they never leave this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from pydicom.dataset import Dataset

from imaging.dicom.dataset import read_dataset
from imaging.errors import refuse_image

OTHER_PATIENT = "other_patient"
IDENTIFIERS = ("PatientID", "PatientName", "PatientBirthDate")
DATES = ("AcquisitionDate", "SeriesDate", "StudyDate")


@dataclass(frozen=True)
class Kinship:
    """What two headers say of each other.

    Parameters
    ----------
    differing : tuple of str
        Names of the elements (never their values) that tell two patients apart.
    days_apart : int or None
        Days from the first series to the second; None where a date is lacking.
    """

    differing: tuple[str, ...] = ()
    days_apart: int | None = None


def kinship(first: Path, second: Path) -> Kinship:
    """Compare the headers of two files.

    Parameters
    ----------
    first, second : Path
        A DICOM file of each series.

    Returns
    -------
    Kinship
        Elements that one of the two lacks tell nothing.
    """
    one, other = header_of(first), header_of(second)
    differing = tuple(
        name
        for name in IDENTIFIERS
        if _plain(one.get(name)) and _plain(other.get(name))
        if _plain(one.get(name)) != _plain(other.get(name))
    )
    begun, taken = _date(one), _date(other)
    days = None if begun is None or taken is None else (taken - begun).days
    return Kinship(differing, days)


def refuse_other_patient(found: Kinship, where: object) -> None:
    """Refuse a series of another patient.

    Parameters
    ----------
    found : Kinship
        Of the planning CT and the series.
    where : object
        What was opened.

    Raises
    ------
    ImagingError
        Naming what differs, never how.
    """
    if found.differing:
        told = {"PatientID": "Patient ID", "PatientName": "name", "PatientBirthDate": "birth date"}
        names = ", ".join(told[name] for name in found.differing)
        message = (
            f"this series is of another patient ({names} differ); choose a series of the same "
            "patient, or say that the data are anonymised (--anonymised)"
        )
        raise refuse_image(OTHER_PATIENT, message, where)


def header_of(path: Path) -> Dataset:
    """Return the header of a file.

    Parameters
    ----------
    path : Path
        DICOM.

    Returns
    -------
    pydicom.Dataset
        Empty where it cannot be read.
    """
    try:
        return read_dataset(path, with_pixels=False)
    except Exception:  # a damaged header tells nothing
        return Dataset()


def _plain(value: object) -> str:
    text = "" if value is None else str(value)
    return " ".join(text.replace("^", " ").upper().split())


def _date(header: Dataset) -> date | None:
    for name in DATES:
        try:
            return datetime.strptime(str(header.get(name, "")), "%Y%m%d").date()
        except ValueError:
            continue
    return None
