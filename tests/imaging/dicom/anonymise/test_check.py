"""The search after copying finds what cleaning missed, wherever it is, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from imaging.dicom.anonymise import anonymise
from imaging.dicom.anonymise.elements import Cleaner
from imaging.dicom.anonymise.identifiers import Finder, Identifiers
from imaging.errors import ImagingError
from tests.imaging.dicom.anonymise.planting import image, write


def _deep(one: Dataset) -> None:
    item = Dataset()
    item.CodeMeaning = "seen by QUANDT"
    one.SourceImageSequence = Sequence([item])


def _private(one: Dataset) -> None:
    one.private_block(0x0009, "MAKER", create=True).add_new(1, "LO", "x")


def _pixels(one: Dataset) -> None:
    one.PixelData = bytes(len(one.PixelData))


MISSED: dict[str, Callable[[Dataset], object]] = {
    "a name in a comment": lambda one: setattr(one, "ImageComments", "was quandt"),
    "a name in binary data": lambda one: one.add_new(0x00282000, "OB", b"..Quandt.."),
    "a name in a code": _deep,
    "a name in UTF-16": lambda one: one.add_new(0x00282000, "OB", "Quandt".encode("utf-16-le")),
    "a number": lambda one: setattr(one, "StationName", "MRN-44881277"),
    "a short number": lambda one: setattr(one, "StationName", "77"),
    "a date": lambda one: setattr(one, "ContentDate", "20100301"),
    "a date and time": lambda one: setattr(one, "AcquisitionDateTime", "20100301093000"),
    "a UID": lambda one: setattr(one, "SynchronizationFrameOfReferenceUID", "1.2.3.5"),
    "a long UID in text": lambda one: setattr(one, "ImageComments", "1.2.826.0.1.44.55.66"),
    "a private element": _private,
    "other pixels": _pixels,
}


@pytest.mark.parametrize("what", MISSED)
def test_what_cleaning_missed_is_found_and_leaves_no_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    one = image(1)
    one.PatientName, one.PatientID = "Quandt^Xav", "44881277"
    one.StudyID, one.StudyDate, one.DeviceUID = "R 77 b", "20100301", "1.2.826.0.1.44.55.66"
    one.AccessionNumber = "r 7"
    write(one, tmp_path / "in", "1.dcm")
    clean = Cleaner.clean

    def missing(self: Cleaner, dataset: Dataset) -> None:
        monkeypatch.setattr(Cleaner, "clean", clean)
        self.clean(dataset)
        monkeypatch.setattr(Cleaner, "clean", missing)
        if what == "a short number":
            dataset.StationName = "R 77 B"
        else:
            MISSED[what](dataset)

    monkeypatch.setattr(Cleaner, "clean", missing)
    with pytest.raises(ImagingError) as refused:
        anonymise(tmp_path / "in", tmp_path / "out")
    assert {problem.code for problem in refused.value.problems} == {"identifier_left"}
    assert "uandt" not in str(refused.value.problems)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def _finder(**found: set[str]) -> Finder:
    return Finder(Identifiers(**found))


@pytest.mark.parametrize(
    ("identifiers", "data"),
    [
        ({"names": {"port"}}, b"PORTAL VENOUS"),
        ({"names": {"head"}}, b"HEAD"),
        ({"values": {"120"}}, b"KVP 120"),
        ({"values": {"123456"}}, b"123456.000"),
        ({"values": {"1234567"}}, b"0.12345678"),
        ({"dates": {"20100301"}}, b"2.25.320100301444"),
        ({"uids": {"1.2.826.0.1.44.55.66"}}, b"1.2.826.0.1.44.55.667"),
    ],
)
def test_chance_is_not_taken_for_an_identifier(
    identifiers: dict[str, set[str]], data: bytes
) -> None:
    assert _finder(**identifiers).in_bytes(data) == ""


def test_a_moved_date_is_no_trace_of_the_original() -> None:
    finder = Finder(Identifiers(dates={"20100301"}), frozenset({"20100301"}))
    assert finder.in_bytes(b"20100301") == ""
