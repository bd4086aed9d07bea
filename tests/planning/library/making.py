"""Small series as a hospital sends them, and plans on them."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

import numpy as np

from imaging.files import read_volume
from planning.follow_up.records import Event, Treatment, Visit
from planning.plan import Case
from planning.store import Picture, PlanFile
from tests.imaging.dicom.making import ct_slice

SLICES, SIDE = 6, 24
FAMILY, GIVEN, NUMBER, DOCTOR = "Vandermeersch", "Paulette", "MRN-4488123", "Quillfeather"
STUDY_DAY = datetime.date(2024, 3, 12)
NAMES = (FAMILY, GIVEN, NUMBER, DOCTOR, "20240312", "2024-03-12", "1.2.840.99999.7.1")


def hospital_series(folder: Path, seed: int = 1, **elements: str) -> Path:
    """Write a CT with everything that names a patient, and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(-200, 900, (SLICES, SIDE, SIDE), dtype=np.int16)
    for k in range(SLICES):
        one = ct_slice(
            values[k],
            (0.0, 0.0, 2.0 * k),
            series_uid=f"1.2.840.99999.7.1.{seed}.20240312101112",
        )
        for keyword, value in elements.items():
            setattr(one, keyword, value)
        one.PatientName, one.PatientID = f"{FAMILY}^{GIVEN}", NUMBER
        one.ReferringPhysicianName = DOCTOR
        one.StudyInstanceUID = f"1.2.840.99999.7.1.{seed}.5512345"
        one.StudyDate, one.StudyTime = STUDY_DAY.strftime("%Y%m%d"), "101112"
        one.InstanceNumber = k + 1
        one.add_new(0x00091010, "LO", f"{FAMILY} private")
        one.save_as(folder / f"{FAMILY}-{k}.dcm", enforce_file_format=True)
    return folder


def case_on(series: Path, **changes: object) -> Case:
    """Return a plan with an outline on a series."""
    volume = read_volume(series)
    lesion = np.zeros(volume.grid.size_kji, bool)
    lesion[2:4, 8:14, 9:15] = True
    return replace(Case.begin(volume), lesion=lesion).with_plan(**changes)


def plan_on(series: Path, path: Path, **changes: object) -> Path:
    """Write such a plan, with a picture that names the patient and one that does not."""
    with PlanFile.create(path, case_on(series, **changes)) as kept:
        kept.save_picture(Picture("a.png", b"plain"))
        kept.save_picture(Picture("b.png", b"named", carries_identifiers=True))
    return path


def treatments() -> tuple[Treatment, ...]:
    """Return one treatment a week after the study, with a visit a month later."""
    day = STUDY_DAY + datetime.timedelta(days=7)
    visit = Visit(occasion="month1", date=day + datetime.timedelta(days=30), vas=2.0)
    death = Event(kind="death", date=day + datetime.timedelta(days=200))
    return (
        Treatment(
            date=day, techniques=("cryoablation",), age_years=94, visits=(visit,), events=(death,)
        ),
    )


def bytes_below(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, by its path."""
    return {
        str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()
    }
