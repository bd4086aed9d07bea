"""A copied study still hangs together, and says how it was made."""

from __future__ import annotations

import datetime
import hashlib
import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    EncapsulatedPDFStorage,
    JPEGLossless,
    RTStructureSetStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from imaging.dicom.anonymise import AnonymisedStudy, Options, anonymise
from imaging.dicom.discover import discover, opened
from imaging.dicom.read import load_series
from imaging.errors import ImagingError
from imaging.progress import Cancelled, Progress
from tests.imaging.dicom.anonymise.planting import image, write
from tests.imaging.dicom.making import read_file

KEY = Options(secret=b"a secret of some length")


def _reference(one: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = one.SOPClassUID
    item.ReferencedSOPInstanceUID = one.SOPInstanceUID
    return item


def _structures(images: list[Dataset]) -> Dataset:
    one = image()
    for name in ("PixelData", "Rows", "Columns", "ImagePositionPatient", "ImageType"):
        del one[name]
    one.SOPClassUID, one.Modality = RTStructureSetStorage, "RTSTRUCT"
    one.SOPInstanceUID, one.SeriesInstanceUID = "1.2.826.99.77.1", "1.2.826.99.77.2"
    one.StructureSetLabel, one.StructureSetDate = "GTV Quandt", "20100305"
    frame, study, series, roi = Dataset(), Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID = images[0].SeriesInstanceUID
    series.ContourImageSequence = Sequence(map(_reference, images))
    study.RTReferencedSeriesSequence = Sequence([series])
    study.ReferencedSOPClassUID = "1.2.840.10008.3.1.2.3.1"
    study.ReferencedSOPInstanceUID = images[0].StudyInstanceUID
    frame.FrameOfReferenceUID = images[0].FrameOfReferenceUID
    frame.RTReferencedStudySequence = Sequence([study])
    roi.ROINumber, roi.ROIName = 1, "vertebrae_L3"
    roi.ReferencedFrameOfReferenceUID = images[0].FrameOfReferenceUID
    one.ReferencedFrameOfReferenceSequence = Sequence([frame])
    one.StructureSetROISequence = Sequence([roi])
    return one


def _segmentation(images: list[Dataset]) -> Dataset:
    one = image()
    one.SOPClassUID, one.Modality = SegmentationStorage, "SEG"
    one.SOPInstanceUID, one.SeriesInstanceUID = "1.2.826.99.78.1", "1.2.826.99.78.2"
    one.ImageType, one.ContentLabel = ["DERIVED", "PRIMARY"], "LESION"
    series = Dataset()
    series.SeriesInstanceUID = images[0].SeriesInstanceUID
    series.ReferencedInstanceSequence = Sequence(map(_reference, images))
    one.ReferencedSeriesSequence = Sequence([series])
    return one


@pytest.fixture
def study(tmp_path: Path) -> Path:
    images = [image(number) for number in range(3)]
    for one in images:
        one.PatientName, one.PatientID = "Quandt^Xaver", "448812"
        one.StudyDate, one.AcquisitionDateTime = "20100301", "20100301093000.25+0100"
        one.PatientBirthDate, one.PatientAge = "19180229", "092Y"
        write(one, tmp_path / "in", f"{one.InstanceNumber}.dcm")
    structures = _structures(images)
    structures.PatientName, structures.PatientID = "Quandt^Xaver", "448812"
    write(structures, tmp_path / "in", "rs.dcm")
    segments = _segmentation(images)
    segments.PatientName = segments.PatientID = ""
    write(segments, tmp_path / "in", "seg.dcm")
    return tmp_path / "in"


def _copies(done: AnonymisedStudy) -> dict[str, list[Dataset]]:
    found: dict[str, list[Dataset]] = {}
    for file in done.files:
        one = read_file(file)
        found.setdefault(one.Modality, []).append(one)
    return found


def test_references_between_images_structures_and_segments_still_hold(
    study: Path, tmp_path: Path
) -> None:
    found = _copies(anonymise(study, tmp_path / "out"))
    images = {one.SOPInstanceUID for one in found["CT"]}
    assert len(images) == 3
    frame = found["RTSTRUCT"][0].ReferencedFrameOfReferenceSequence[0]
    series = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0]
    assert {one.ReferencedSOPInstanceUID for one in series.ContourImageSequence} == images
    assert frame.FrameOfReferenceUID == found["CT"][0].FrameOfReferenceUID
    segments = found["SEG"][0].ReferencedSeriesSequence[0]
    assert {one.ReferencedSOPInstanceUID for one in segments.ReferencedInstanceSequence} == images
    assert segments.SeriesInstanceUID == found["CT"][0].SeriesInstanceUID
    assert {one.StudyInstanceUID for each in found.values() for one in each} == {
        found["CT"][0].StudyInstanceUID
    }
    assert found["RTSTRUCT"][0].StructureSetROISequence[0].ROIName == "vertebrae_L3"
    assert found["RTSTRUCT"][0].StructureSetLabel == "GTV"


def test_intervals_between_dates_are_kept_and_times_too(study: Path, tmp_path: Path) -> None:
    found = _copies(anonymise(study, tmp_path / "out"))
    image_copy, structures = found["CT"][0], found["RTSTRUCT"][0]
    first = datetime.date.fromisoformat(image_copy.StudyDate)
    later = datetime.date.fromisoformat(structures.StructureSetDate)
    assert later - first == datetime.timedelta(days=4)
    assert 400 <= (datetime.date(2010, 3, 1) - first).days < 3650
    assert image_copy.AcquisitionDateTime == f"{first:%Y%m%d}093000.25+0100"
    assert image_copy.PatientBirthDate == ""
    assert "PatientAge" not in image_copy
    assert image_copy.LongitudinalTemporalInformationModified == "MODIFIED"


def test_removed_dates_are_empty_or_plainly_false(study: Path, tmp_path: Path) -> None:
    found = _copies(anonymise(study, tmp_path / "out", options=Options(dates="remove")))
    assert found["CT"][0].StudyDate == ""
    assert found["RTSTRUCT"][0].StructureSetDate == ""
    assert found["CT"][0].AcquisitionDateTime == "19000101"
    assert found["CT"][0].LongitudinalTemporalInformationModified == "REMOVED"


def test_copies_say_how_they_were_made(study: Path, tmp_path: Path) -> None:
    one = read_file(anonymise(study, tmp_path / "out").files[0])
    assert one.PatientIdentityRemoved == "YES"
    codes = [code.CodeValue for code in one.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113105", "113107"]
    assert one.PatientName == one.PatientID
    assert str(one.PatientName).startswith("ANON-")
    assert one.file_meta.MediaStorageSOPInstanceUID == one.SOPInstanceUID


def test_calls_differ_unless_they_share_a_key(study: Path, tmp_path: Path) -> None:
    def facts(name: str, options: Options) -> tuple[str, str, str]:
        one = _copies(anonymise(study, tmp_path / name, options=options))["CT"][0]
        return str(one.PatientID), str(one.SOPInstanceUID), str(one.StudyDate)

    assert facts("a", KEY) == facts("b", KEY)
    first, second = facts("c", Options()), facts("d", Options())
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_with_a_key_a_follow_up_keeps_the_interval(study: Path, tmp_path: Path) -> None:
    later = image(4)
    later.PatientID, later.StudyInstanceUID, later.StudyDate = "448812", "1.2.4", "20110301"
    write(later, tmp_path / "later", "1.dcm")
    first = _copies(anonymise(study, tmp_path / "a", options=KEY))["CT"][0]
    second = _copies(anonymise(tmp_path / "later", tmp_path / "b", options=KEY))["CT"][0]
    days = datetime.date.fromisoformat(second.StudyDate) - datetime.date.fromisoformat(
        first.StudyDate
    )
    assert days == datetime.timedelta(days=365)
    assert second.PatientID == first.PatientID
    assert second.FrameOfReferenceUID == first.FrameOfReferenceUID


def test_names_of_copies_follow_series_and_instance(study: Path, tmp_path: Path) -> None:
    done = anonymise(study, tmp_path / "out")
    names = [str(file.relative_to(tmp_path / "out")) for file in done.files]
    assert sorted(names) == names or len(set(names)) == 5
    numbers = [
        read_file(
            tmp_path / "out" / "study_01" / "series_001" / f"image_{n:05d}.dcm"
        ).InstanceNumber
        for n in (1, 2, 3)
    ]
    assert numbers == [1, 2, 3]


def test_the_report_counts_what_was_done(study: Path, tmp_path: Path) -> None:
    done = anonymise(study, tmp_path / "out")
    written = json.loads((tmp_path / "out" / "report.json").read_text())
    assert written == json.loads(done.report.model_dump_json())
    lines = {(line["keyword"], line["action"]): line["count"] for line in written["attributes"]}
    assert lines["PatientName", "replaced"] == 5
    assert lines["PatientBirthDate", "emptied"] == 3
    assert lines["PatientAge", "removed"] == 3
    assert lines["StudyDate", "shifted"] == 3
    assert lines["ReferencedSOPInstanceUID", "remapped"] == 7
    assert written["check"]["identifiers_found"] == 0
    assert written["check"]["files_read"] == 5
    assert "Quandt" not in json.dumps(written)


BURNED: dict[str, dict[str, Any]] = {
    "said": {"BurnedInAnnotation": "YES"},
    "ultrasound": {"Modality": "US"},
    "capture": {"SOPClassUID": SecondaryCaptureImageStorage, "Modality": "CT"},
    "screen": {"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]},
    "dose": {"ImageType": ["DERIVED", "SECONDARY", "OTHER", "DOSE_INFO"]},
    "colour": {"PhotometricInterpretation": "RGB"},
    "scanned": {"ConversionType": "SD"},
    "document": {"SOPClassUID": EncapsulatedPDFStorage, "Modality": "OT"},
    "report": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.33", "Modality": "SR"},
    "private kind": {"SOPClassUID": "1.3.12.2.1107.5.9.1"},
}


@pytest.mark.parametrize("kind", BURNED)
def test_what_may_show_a_name_is_set_aside_with_the_reason(
    study: Path, tmp_path: Path, kind: str
) -> None:
    one = image(9)
    for name, value in BURNED[kind].items():
        setattr(one, name, value)
    write(one, study, "0-Quandt.dcm")
    done = anonymise(study, tmp_path / "out")
    assert len(done.files) == 5
    assert [(each.path, bool(each.reason)) for each in done.skipped] == [("file 1", True)]
    assert done.report.set_aside[0].files == (1,)


def test_an_overlay_in_the_bits_of_the_pixels_is_set_aside(study: Path, tmp_path: Path) -> None:
    for bit in (0, 12):
        one = image(9)
        one.add_new(0x60000100, "US", 16 if bit else 1)
        one.add_new(0x60000102, "US", bit)
        write(one, study, f"0-{bit}.dcm")
    done = anonymise(study, tmp_path / "out")
    assert len(done.files) == 6
    assert "overlay" in done.skipped[0].reason


def test_a_name_in_a_comment_of_compressed_pixels_is_set_aside(study: Path, tmp_path: Path) -> None:
    from pydicom.encaps import encapsulate

    for name, number in (("Quandt^Xaverius", 30), ("", 31)):
        one = image(number)
        one.PatientName, one.PatientID = "Quandt^Xaverius", "448812"
        comment = f"\xff\xfe made for {name.split('^')[-1]} ".encode("latin-1")
        one.PixelData = encapsulate([comment + bytes(10)])
        one["PixelData"].is_undefined_length = True
        one.file_meta.TransferSyntaxUID = JPEGLossless
        write(one, study, f"0-{number}.dcm")
    done = anonymise(study, tmp_path / "out")
    assert len(done.files) == 6
    assert "comment" in done.skipped[0].reason
    assert done.report.files_set_aside == 1


@pytest.mark.parametrize("options", [Options(), Options(dates="remove"), KEY])
def test_a_copy_can_be_copied_again(study: Path, tmp_path: Path, options: Options) -> None:
    anonymise(study, tmp_path / "once", options=options)
    assert len(anonymise(tmp_path / "once", tmp_path / "twice", options=options).files) == 5


def test_reformatted_slices_and_localizers_are_copied(study: Path, tmp_path: Path) -> None:
    for number, types in enumerate(
        (["DERIVED", "SECONDARY", "REFORMATTED"], ["ORIGINAL", "PRIMARY", "LOCALIZER"])
    ):
        one = image(20 + number)
        one.ImageType = types
        write(one, study, f"x{number}.dcm")
    assert len(anonymise(study, tmp_path / "out").files) == 7


def test_a_head_is_copied_with_a_warning(study: Path, tmp_path: Path) -> None:
    one = image(9)
    one.BodyPartExamined = "HEAD"
    write(one, study, "z.dcm")
    done = anonymise(study, tmp_path / "out")
    assert len(done.files) == 6
    assert "face" in done.report.warnings[0].reason


def test_several_patients_get_several_pseudonyms_and_no_given_one(
    study: Path, tmp_path: Path
) -> None:
    other = image(5)
    other.PatientID, other.PatientName = "771199", "Wibbel^Otto"
    write(other, study, "other.dcm")
    done = anonymise(study, tmp_path / "out")
    assert len({str(read_file(file).PatientID) for file in done.files}) == 2
    with pytest.raises(ImagingError) as refused:
        anonymise(study, tmp_path / "out2", options=Options(patient_id="CASE-1"))
    assert refused.value.code == "several_patients"


def test_a_file_without_a_number_belongs_to_the_patient_of_its_study(
    study: Path, tmp_path: Path
) -> None:
    done = anonymise(study, tmp_path / "out")  # the segmentation has no number
    numbers = Counter(str(read_file(file).PatientID) for file in done.files)
    assert sorted(numbers.values()) == [5]


def test_the_input_is_untouched_and_may_be_read_only(study: Path, tmp_path: Path) -> None:
    def state() -> dict[str, tuple[str, int]]:
        return {
            file.name: (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime_ns)
            for file in study.iterdir()
        }

    before = state()
    for file in study.iterdir():
        file.chmod(0o444)
    study.chmod(0o555)
    anonymise(study, tmp_path / "out")
    study.chmod(0o755)
    assert state() == before


def test_cancelling_leaves_nothing(study: Path, tmp_path: Path) -> None:
    asked = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 8

    with pytest.raises(Cancelled):
        anonymise(study, tmp_path / "new" / "out", Progress(is_cancelled=cancelled))
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_full_disk_is_a_refusal_and_leaves_nothing(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import imaging.dicom.anonymise.study as module

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "dcmwrite", full)
    with pytest.raises(ImagingError, match="No space left"):
        anonymise(study, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("where", ["in/out", "in", "used"])
def test_a_folder_among_the_originals_or_in_use_is_refused(
    study: Path, tmp_path: Path, where: str
) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "x").touch()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ImagingError):
        anonymise(study, tmp_path / where)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_zip_is_copied_too(study: Path, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "Quandt"), "zip", study)
    assert len(anonymise(Path(archive), tmp_path / "out").files) == 5


def _errors(path: Path) -> Counter[str]:
    done = subprocess.run(
        ["dciodvfy", str(path)], capture_output=True, text=True, errors="replace", check=False
    )
    lines = [line.split("<")[0] for line in done.stderr.splitlines() if line.startswith("Error")]
    return Counter(lines)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools are absent")
@pytest.mark.parametrize("dates", ["shift", "remove"])
@pytest.mark.parametrize(
    "folder", ["lumbar-pelvis-dicom", "hard/transfer-syntaxes", "hard/rtstruct", "hard/dcmqi_seg"]
)
def test_copies_of_real_data_have_no_error_that_the_originals_lack(
    shared_data: Path, tmp_path: Path, folder: str, dates: str
) -> None:
    options = Options(dates=dates)  # type: ignore[arg-type]
    files = [file for file in sorted((shared_data / folder).rglob("*")) if file.is_file()]
    for number, file in enumerate(files[:: max(1, len(files) // 6)]):
        if file.suffix in {".jpg", ".png", ".nrrd", ".txt", ".md"}:
            continue
        try:
            done = anonymise(file, tmp_path / str(number), options=options)
        except ImagingError as refused:
            assert refused.code == "nothing_copied"
            continue
        assert _errors(done.files[0]) - _errors(file) == Counter()


def test_a_copied_series_is_the_same_volume(shared_data: Path, tmp_path: Path) -> None:
    def volume(folder: Path) -> tuple[Any, str]:
        with opened(folder) as files:
            series = discover(files, folder).series[0]
            read = load_series(series, folder)
        return read.grid, hashlib.sha256(read.hu.tobytes()).hexdigest()

    source = shared_data / "lumbar-pelvis-dicom"
    anonymise(source, tmp_path / "out")
    (grid, pixels), (copied, copied_pixels) = volume(source), volume(tmp_path / "out")
    assert (grid.affine_kji_to_lps == copied.affine_kji_to_lps).all()
    assert pixels == copied_pixels
