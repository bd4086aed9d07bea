"""A file counts as anonymised only when cleaning it again finds nothing to do."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from imaging.dicom.anonymise import Beside, anonymise
from imaging.dicom.anonymise.known import GENERATED, holds_no_identifiers
from imaging.dicom.write import write_ct_series
from imaging.geometry import Grid
from imaging.phantom.cases import cases
from imaging.volume import Volume
from tests.imaging.dicom.making import field_series

PLACES = [(0.0, 0.0, 2.0 * k) for k in range(3)]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    series = field_series(
        folder / "series", PLACES, StudyDate="20240312", StudyDescription="Lumbar spine"
    )
    return anonymise(series, folder / "out").files[0]


def test_our_copies_are_known_and_originals_are_not(copy: Path, tmp_path: Path) -> None:
    original = next(field_series(tmp_path / "series", PLACES).iterdir())
    assert holds_no_identifiers(copy)
    assert not holds_no_identifiers(original)
    marked = pydicom.dcmread(original)
    marked.PatientIdentityRemoved = "YES"
    marked.DeidentificationMethod = "DICOM PS3.15 2026c"
    marked.save_as(original)
    assert not holds_no_identifiers(original)
    assert not holds_no_identifiers(tmp_path / "nothing.dcm")


def _named(one: Dataset) -> None:
    one.PatientName = "Durand^Paulette"


def _numbered(one: Dataset) -> None:
    one.PatientID = "448812"


def _doctor(one: Dataset) -> None:
    one.OperatorsName = "Quillfeather"


def _comment(one: Dataset) -> None:
    one.ImageComments = "seen with Paulette"


def _private(one: Dataset) -> None:
    one.add_new(0x00091010, "LO", "x")


def _uid(one: Dataset) -> None:
    one.StudyInstanceUID = "1.2.840.99999.7.1"


def _title(one: Dataset) -> None:
    one.file_meta.SourceApplicationEntityTitle = "PAULETTE"


def _burned(one: Dataset) -> None:
    one.BurnedInAnnotation = "YES"


@pytest.mark.parametrize(
    "change", [_named, _numbered, _doctor, _comment, _private, _uid, _title, _burned]
)
def test_a_copy_into_which_something_was_written_is_not_known(
    copy: Path, tmp_path: Path, change: Callable[[Dataset], None]
) -> None:
    one = pydicom.dcmread(copy)
    change(one)
    one.save_as(tmp_path / "changed.dcm")
    assert not holds_no_identifiers(tmp_path / "changed.dcm")


def test_something_before_the_first_element_is_not_overlooked(copy: Path, tmp_path: Path) -> None:
    data = bytearray(copy.read_bytes())
    data[:7] = b"Durand "
    (tmp_path / "changed.dcm").write_bytes(data)
    assert not holds_no_identifiers(tmp_path / "changed.dcm")


def test_generated_series_are_known_until_something_is_written_into_them(tmp_path: Path) -> None:
    volume = Volume(np.zeros((3, 8, 8), np.int16), Grid.aligned((3, 8, 8), 2.0, (0, 0, 0)))
    for number, title in enumerate(
        ("Inserted lytic lesion", *(one.title_en for one in cases().values()))
    ):
        folder = tmp_path / str(number)
        name = GENERATED["PatientName"][0]
        write_ct_series(volume, folder, description=title, patient_name=name)
        assert all(holds_no_identifiers(one) for one in folder.iterdir()), title
    file = next((tmp_path / "0").iterdir())
    for change in (_named, _comment, _private, _uid):
        one = pydicom.dcmread(file)
        change(one)
        one.save_as(tmp_path / "changed.dcm")
        assert not holds_no_identifiers(tmp_path / "changed.dcm")


@given(st.dates(datetime.date(1950, 1, 1)), st.dates(datetime.date(1950, 1, 1)))
def test_days_between_dates_stay(one: datetime.date, other: datetime.date) -> None:
    beside = Beside.unknown()
    assert beside.moved(one) < one
    assert beside.moved(one) - beside.moved(other) == one - other


@pytest.mark.parametrize("text", ["seen 2026-03-02", "le 2.3.26", "12/05/2024", "3-14-2025"])
def test_a_day_in_a_note_is_found(text: str) -> None:
    assert Beside.unknown().found_in_note(text) == "date"


@pytest.mark.parametrize("text", ["L3, 22 x 14 mm", "1.5-25 mm", "T12/L1", "8/10", "2.25.12345"])
def test_measures_in_a_note_are_no_days(text: str) -> None:
    assert Beside.unknown().found_in_note(text) == ""
