"""Every object is one that an archive accepts, in the patient's own study, whatever the CT is."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from imaging.files import read_volume
from tests.app.report.conftest import GivenBack, give_back
from tests.app.report.sources import KINDS, NAME, planned

Kind = Callable[[str], GivenBack]
OBJECTS = {
    "report.dcm",
    "axial.dcm",
    "coronal.dcm",
    "needle.dcm",
    "three_d.dcm",
    "lesion-seg.dcm",
    "measures-sr.dcm",
    "structures-seg.dcm",
    "zone-icerod_17g-seg.dcm",
}
NOT_OURS = (
    "Retired Person Name form",  # the name is the CT's own
    "needed to build DICOMDIR",  # what the CT lacks is not invented
    "99OSTEOPLAN",  # our private coding scheme, which no validator can know
)
REAL = {
    "enhanced": "hard/enhanced",
    "tilt": "hard/gaps-and-tilt/gantrytilting",
    "lumbar": "lumbar-pelvis-dicom",
}


def complaints(files: dict[str, bytes], folder: Path) -> list[str]:
    """What dicom3tools' validator says of the objects."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (dicom3tools) is not installed")
    told = []
    for name, content in files.items():
        (folder / name).write_bytes(content)
        done = subprocess.run(
            ["dciodvfy", "-new", str(folder / name)], capture_output=True, text=True, check=False
        )
        lines = (done.stdout + done.stderr).splitlines()
        wrong = [line for line in lines if line.startswith(("Error", "Warning"))]
        told += [f"{name}: {x}" for x in wrong if not any(own in x for own in NOT_OURS)]
    return told


@pytest.mark.parametrize("kind", KINDS)
def test_validator_finds_nothing(given_back: Kind, kind: str, tmp_path: Path) -> None:
    made = given_back(kind)
    assert set(made.files) == OBJECTS
    assert complaints(made.files, tmp_path) == []


@pytest.mark.parametrize("kind", REAL)
def test_validator_finds_nothing_on_real_ct(shared_data: Path, kind: str, tmp_path: Path) -> None:
    volume = read_volume(shared_data / REAL[kind])
    made = give_back(volume, planned(volume))
    errors = [line for line in complaints(made.files, tmp_path) if "Error" in line]
    assert errors == []


def test_validator_sees_a_wrong_object(given_back: Kind, tmp_path: Path) -> None:
    broken = given_back("straight").dataset("report.dcm")
    del broken.StudyInstanceUID
    broken.save_as(tmp_path / "broken.dcm")
    files = {"broken.dcm": (tmp_path / "broken.dcm").read_bytes()}
    assert any("Error" in line for line in complaints(files, tmp_path))


@pytest.mark.parametrize("kind", KINDS)
def test_objects_lie_in_the_study_of_the_ct(given_back: Kind, kind: str) -> None:
    made = given_back(kind)
    first = made.source.first
    series = set()
    for name in made.files:
        dataset = made.dataset(name)
        for keyword in ("StudyInstanceUID", "PatientID", "PatientName", "PatientBirthDate"):
            assert dataset.get(keyword) == first.get(keyword), (name, keyword)
        assert dataset.SeriesInstanceUID != first.SeriesInstanceUID
        assert dataset.SeriesDescription.startswith("Osteoplan")
        series.add((dataset.SeriesInstanceUID, dataset.SeriesNumber))
    assert len(series) == len({uid for uid, _ in series}) == len({n for _, n in series}) == 6


@pytest.mark.parametrize("kind", ["straight", "tilted", "multi_frame"])
def test_objects_refer_to_the_images_of_the_ct(given_back: Kind, kind: str) -> None:
    made = given_back(kind)
    images = {image.SOPInstanceUID for image in made.source.images}
    for name in ("lesion-seg.dcm", "structures-seg.dcm", "zone-icerod_17g-seg.dcm"):
        dataset = made.dataset(name)
        (series,) = dataset.ReferencedSeriesSequence
        assert series.SeriesInstanceUID == made.source.first.SeriesInstanceUID
        named = {item.ReferencedSOPInstanceUID for item in series.ReferencedInstanceSequence}
        assert named == images
        assert dataset.FrameOfReferenceUID == made.source.frame_of_reference_uid
    for name, keyword in (
        ("axial.dcm", "SourceImageSequence"),
        ("report.dcm", "SourceInstanceSequence"),
    ):
        items = made.dataset(name)[keyword].value
        assert {item.ReferencedSOPInstanceUID for item in items} == images


def test_frames_name_the_slice_they_were_drawn_on(given_back: Kind) -> None:
    made = given_back("straight")
    places = {one.SOPInstanceUID: one.ImagePositionPatient for one in made.source.images}
    dataset = made.dataset("lesion-seg.dcm")
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        source = frame.DerivationImageSequence[0].SourceImageSequence[0]
        place = frame.PlanePositionSequence[0].ImagePositionPatient
        np.testing.assert_allclose(
            np.array(place, dtype=float),
            np.array(places[source.ReferencedSOPInstanceUID], dtype=float),
        )


def test_names_in_other_scripts_survive(given_back: Kind) -> None:
    japanese = given_back("japanese").dataset("axial.dcm")
    assert str(japanese.PatientName.ideographic) == "山田^太郎"
    assert list(japanese.SpecificCharacterSet) == ["", "ISO 2022 IR 87"]
    assert given_back("latin_1").dataset("measures-sr.dcm").PatientName.family_name == "Müller"
    assert given_back("utf_8").dataset("lesion-seg.dcm").PatientName == "Åström^Žofie"


def test_what_the_ct_lacks_is_said(given_back: Kind) -> None:
    assert any("FrameOfReferenceUID" in note for note in given_back("bare").source.notes)
    assert given_back("straight").source.notes == ()
    again = given_back("bare").dataset("lesion-seg.dcm")
    assert again.FrameOfReferenceUID == given_back("bare").source.frame_of_reference_uid


def test_pdf_is_whole(given_back: Kind) -> None:
    dataset = given_back("straight").dataset("report.dcm")
    whole = dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength]
    assert whole == b"%PDF-1.4\n% odd"
    assert dataset.PatientName == NAME
