"""The whole way to a real archive and back."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from imaging.dicom.archive.fetch import By, Fetched, Wanted, fetch
from imaging.dicom.archive.peer import Peer
from imaging.dicom.archive.query import Query, echo, find
from imaging.dicom.archive.receive import Listening
from imaging.dicom.archive.send import send
from imaging.errors import ImagingError
from imaging.progress import Cancelled, Progress
from tests.imaging.dicom.archive.peers import (
    OUR_PORT,
    Orthanc,
    make_series,
    running_orthanc,
)

HERE = Listening("OSTEOPLAN", ("ORTHANC",), OUR_PORT, timeout_s=5)
WAYS: tuple[By, ...] = ("get", "move", "web")


def study_of(file: Path) -> str:
    return str(pydicom.dcmread(file, stop_before_pixels=True).StudyInstanceUID)


def bring(archive: Orthanc, wanted: Wanted, folder: Path, by: By) -> Fetched:
    peer = archive.web_peer if by == "web" else archive.peer
    return fetch(peer, wanted, folder, by=by, listening=HERE)


def same(one: Path, other: Path) -> bool:
    left, right = pydicom.dcmread(one), pydicom.dcmread(other)
    return bool(left == right) and left.PixelData == right.PixelData


def leftovers(folder: Path) -> list[str]:
    return [file.name for file in folder.rglob("*") if file.name.startswith(".")]


def test_it_answers_over_both_ways(orthanc: Orthanc) -> None:
    assert 0 < echo(orthanc.peer) < 5
    assert 0 < echo(orthanc.web_peer) < 5


@pytest.mark.parametrize("to_web", [False, True], ids=["C-STORE", "STOW"])
@pytest.mark.parametrize("by", WAYS)
def test_what_was_pushed_comes_back_equal(
    orthanc: Orthanc, tmp_path: Path, by: By, to_web: bool
) -> None:
    uid, files = make_series(tmp_path / "ct", 12)
    sent = send(orthanc.web_peer if to_web else orthanc.peer, files)
    assert (sent.stored, sent.failed) == (12, ())

    done = bring(orthanc, Wanted(study_of(files[0])), tmp_path / "back", by)

    assert [(one.uid, one.images, one.complete) for one in done.series] == [(uid, 12, True)]
    back = {pydicom.dcmread(file).SOPInstanceUID: file for file in done.files}
    assert len(back) == 12
    assert all(same(file, back[pydicom.dcmread(file).SOPInstanceUID]) for file in files)
    assert leftovers(tmp_path / "back") == []


@pytest.mark.parametrize("by", WAYS)
def test_every_encoding_comes_back_as_it_was(orthanc: Orthanc, tmp_path: Path, by: By) -> None:
    _, files = make_series(tmp_path / "ct", 4, seed=1)
    for file, syntax in zip(
        files,
        (ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless, JPEG2000Lossless),
        strict=True,
    ):
        dataset = pydicom.dcmread(file)
        if syntax == RLELossless:
            dataset.compress(RLELossless)
        elif syntax == JPEG2000Lossless:
            from imagecodecs import jpeg2k_encode

            frame = jpeg2k_encode(np.asarray(dataset.pixel_array), reversible=True, codecformat=0)
            dataset.PixelData = encapsulate([bytes(frame)])
            dataset["PixelData"].VR = "OB"
            dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
        else:
            dataset.file_meta.TransferSyntaxUID = syntax
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = (
            pydicom.uid.generate_uid()
        )
        pydicom.dcmwrite(
            file,
            dataset,
            implicit_vr=syntax == ImplicitVRLittleEndian,
            little_endian=True,
            enforce_file_format=True,
        )
    assert send(orthanc.peer, files).stored == 4
    done = bring(orthanc, Wanted(study_of(files[0])), tmp_path / "back", by)
    syntaxes = {pydicom.dcmread(file).file_meta.TransferSyntaxUID for file in done.files}
    assert {RLELossless, JPEG2000Lossless} <= syntaxes
    back = {pydicom.dcmread(file).SOPInstanceUID: file for file in done.files}
    for file in files:
        one = pydicom.dcmread(file)
        other = pydicom.dcmread(back[one.SOPInstanceUID])
        assert one.PixelData == other.PixelData


def test_reports_and_documents_travel_too(orthanc: Orthanc, tmp_path: Path) -> None:
    _, files = make_series(tmp_path / "ct", 2, seed=2)
    for file, sop_class in zip(
        files, (EncapsulatedPDFStorage, ComprehensiveSRStorage), strict=True
    ):
        dataset = pydicom.dcmread(file)
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = sop_class
        del dataset.PixelData
        dataset.save_as(file, enforce_file_format=True)
    assert send(orthanc.peer, files).stored == 2
    assert len(bring(orthanc, Wanted(study_of(files[0])), tmp_path / "back", "get").files) == 2


@pytest.mark.parametrize("web", [False, True], ids=["DIMSE", "QIDO"])
def test_search_by_every_key_and_level(orthanc: Orthanc, tmp_path: Path, web: bool) -> None:
    uid, files = make_series(tmp_path / "ct", 3, seed=3)
    who, accession = ("SEARCH-1", "ACC7") if web else ("SOUGHT-1", "ACC8")
    surname = "Searched" if web else "Sought"
    date = "20240229" if web else "20230228"
    for file in files:
        dataset = pydicom.dcmread(file)
        dataset.PatientName, dataset.PatientID = f"{surname}^For", who
        dataset.StudyDate, dataset.AccessionNumber = date, accession
        dataset.save_as(file)
    peer = orthanc.web_peer if web else orthanc.peer
    send(orthanc.peer, files)
    study = study_of(files[0])

    def studies(**keys: str) -> set[str]:
        rows = find(peer, Query(**keys))  # type: ignore[arg-type]
        return {row["StudyInstanceUID"] for row in rows}

    for keys in (
        {"patient_id": who}, {"patient_name": f"{surname}*"}, {"date": date},
        {"patient_name": f"{surname}^For"}, {"patient_name": f"*{surname[2:]}?For"},
        {"date": f"{date[:6]}01-{date[:6]}30"}, {"accession": accession},
        {"patient_id": f"{who[:-1]}?", "modality": "CT"},
    ):  # fmt: skip
        assert studies(**keys) == {study}, keys
    for keys in (
        {"patient_id": f"{who}2"}, {"date": "20240301-"}, {"patient_id": who, "modality": "MR"},
    ):  # fmt: skip
        assert study not in studies(**keys), keys
    series = find(peer, Query("series", study_uid=study))
    assert [row["SeriesInstanceUID"] for row in series] == [uid]
    assert series[0]["NumberOfSeriesRelatedInstances"] == "3"
    images = find(peer, Query("image", study_uid=study, series_uid=uid))
    assert len({row["SOPInstanceUID"] for row in images}) == 3


def test_a_wrong_title_is_rejected_and_said(orthanc: Orthanc) -> None:
    with pytest.raises(ImagingError) as caught:
        echo(replace(orthanc.peer, called="SOMEBODY"))
    assert caught.value.code == "association_rejected"


@pytest.mark.parametrize("by", WAYS)
def test_an_unknown_study_is_said_and_leaves_nothing(
    orthanc: Orthanc, tmp_path: Path, by: By
) -> None:
    with pytest.raises(ImagingError) as caught:
        bring(orthanc, Wanted("1.2.3.4"), tmp_path / "back", by)
    assert caught.value.code == "not_found"
    assert not (tmp_path / "back").exists()


def test_a_move_to_a_title_the_archive_does_not_know(orthanc: Orthanc, tmp_path: Path) -> None:
    _, files = make_series(tmp_path / "ct", 2, seed=4)
    send(orthanc.peer, files)
    with pytest.raises(ImagingError) as caught:
        fetch(
            replace(orthanc.peer, calling="STRANGER"),
            Wanted(study_of(files[0])),
            tmp_path / "back",
            by="move",
            listening=replace(HERE, title="STRANGER"),
        )
    assert caught.value.code == "partial_transfer"
    assert "0 of 2" in str(caught.value)
    assert list((tmp_path / "back").iterdir()) == []


@pytest.mark.parametrize("by", WAYS)
def test_fetching_again_keeps_what_is_there(orthanc: Orthanc, tmp_path: Path, by: By) -> None:
    _, files = make_series(tmp_path / "ct", 3, seed=5)
    send(orthanc.peer, files)
    wanted = Wanted(study_of(files[0]))
    first = bring(orthanc, wanted, tmp_path / "back", "get")
    stamps = {file: file.stat().st_mtime_ns for file in first.files}
    again = bring(orthanc, wanted, tmp_path / "back", by)
    assert sorted(again.files) == sorted(first.files)
    assert {file: file.stat().st_mtime_ns for file in again.files} == stamps


def test_a_different_object_of_the_same_uid_is_not_written_over(
    orthanc: Orthanc, tmp_path: Path
) -> None:
    _, files = make_series(tmp_path / "ct", 3, seed=6)
    send(orthanc.peer, files)
    wanted = Wanted(study_of(files[0]))
    first = bring(orthanc, wanted, tmp_path / "back", "get")
    changed = pydicom.dcmread(first.files[1])
    changed.SeriesDescription = "Changed"
    changed.save_as(first.files[1])
    with pytest.raises(ImagingError) as caught:
        bring(orthanc, wanted, tmp_path / "back", "get")
    assert "different" in {problem.code for problem in caught.value.problems}
    assert pydicom.dcmread(first.files[1]).SeriesDescription == "Changed"


@pytest.mark.parametrize("by", WAYS)
def test_a_full_folder_is_a_partial_transfer(orthanc: Orthanc, tmp_path: Path, by: By) -> None:
    uid, files = make_series(tmp_path / "ct", 6, seed=7)
    send(orthanc.peer, files)
    room = 3 * files[0].stat().st_size + 100
    with pytest.raises(ImagingError) as caught:
        fetch(
            orthanc.web_peer if by == "web" else orthanc.peer,
            Wanted(study_of(files[0]), uid),
            tmp_path / "back",
            by=by,
            listening=HERE,
            quota_bytes=room,
        )
    assert caught.value.code == "partial_transfer"
    assert "3 of 6" in str(caught.value)
    assert "full" in {problem.code for problem in caught.value.problems}
    assert [one.name for one in (tmp_path / "back").iterdir()] == [f"{uid}.partial"]
    assert len(list((tmp_path / "back" / f"{uid}.partial").iterdir())) == 3
    done = bring(orthanc, Wanted(study_of(files[0]), uid), tmp_path / "back", by)
    assert len(done.files) == 6
    assert [one.name for one in (tmp_path / "back").iterdir()] == [uid]


@pytest.mark.parametrize("by", WAYS)
def test_cancelling_a_fetch_leaves_nothing(orthanc: Orthanc, tmp_path: Path, by: By) -> None:
    _, files = make_series(tmp_path / "ct", 150, seed=8)
    send(orthanc.web_peer, files)
    told: list[str] = []
    progress = Progress(
        report=lambda _fraction, message: told.append(message),
        is_cancelled=lambda: any(message.endswith("150 images") for message in told),
    )
    with pytest.raises(Cancelled):
        fetch(
            orthanc.web_peer if by == "web" else orthanc.peer,
            Wanted(study_of(files[0])),
            tmp_path / "back",
            by=by,
            listening=HERE,
            progress=progress,
        )
    assert list((tmp_path / "back").iterdir()) == []


@pytest.mark.parametrize("by", WAYS)
def test_an_archive_that_dies_in_the_middle_leaves_a_marked_part(tmp_path: Path, by: By) -> None:
    uid, files = make_series(tmp_path / "ct", 200, 256, seed=9)
    (tmp_path / "own").mkdir()
    with running_orthanc(tmp_path / "own", shift=1) as mortal:
        send(mortal.web_peer, files)
        study = study_of(files[0])
        reached = threading.Event()

        def listen(_fraction: float, message: str) -> None:
            if message[:1] not in {"", "0"} and message.endswith("of 200 images"):
                reached.set()

        def kill() -> None:
            reached.wait(20)
            mortal.process.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(ImagingError) as caught:
            fetch(
                replace(mortal.web_peer if by == "web" else mortal.peer, timeout_s=1),
                Wanted(study, uid),
                tmp_path / "back",
                by=by,
                listening=replace(HERE, timeout_s=1),
                progress=Progress(report=listen),
            )
        killer.join()
    assert caught.value.code == "partial_transfer"
    assert [one.name for one in (tmp_path / "back").iterdir()] == [f"{uid}.partial"]
    kept = list((tmp_path / "back" / f"{uid}.partial").iterdir())
    assert 0 < len(kept) < 200
    assert f"{len(kept)} of 200" in str(caught.value)
    assert all(pydicom.dcmread(file).PixelData for file in kept)


def test_a_file_that_is_refused_does_not_stop_the_others(orthanc: Orthanc, tmp_path: Path) -> None:
    _, files = make_series(tmp_path / "ct", 3, seed=10)
    odd = pydicom.dcmread(files[1])
    odd.SOPClassUID = pydicom.uid.UID("1.2.826.0.1.3680043.8.498.9.9.9")
    odd.file_meta.MediaStorageSOPClassUID = odd.SOPClassUID
    odd.save_as(files[1])
    (tmp_path / "ct" / "note.txt").write_text("no image", encoding="utf-8")
    sent = send(orthanc.peer, sorted((tmp_path / "ct").iterdir()))
    assert sent.stored == 2
    assert [problem.where for problem in sent.failed] == [files[1].name]
    assert [file.name for file in sent.skipped] == ["note.txt"]


def test_cancelling_between_two_files(orthanc: Orthanc, tmp_path: Path) -> None:
    _, files = make_series(tmp_path / "ct", 5, seed=11)
    count = [0]

    def seen(_fraction: float, _message: str) -> None:
        count[0] += 1

    with pytest.raises(Cancelled):
        send(orthanc.peer, files, Progress(report=seen, is_cancelled=lambda: count[0] >= 2))
    study = study_of(files[0])
    begun_s = time.monotonic()
    rows = find(orthanc.peer, Query("series", study_uid=study))
    assert rows[0]["NumberOfSeriesRelatedInstances"] == "2"
    assert time.monotonic() - begun_s < 5


def test_no_answer_at_a_free_port() -> None:
    with pytest.raises(ImagingError) as caught:
        echo(Peer(port=9, timeout_s=2))
    assert caught.value.code == "unreachable"
    with pytest.raises(ImagingError) as caught:
        echo(Peer(web="http://127.0.0.1:9/dicom-web", timeout_s=2))
    assert caught.value.code == "unreachable"


@pytest.mark.parametrize("by", WAYS)
def test_an_archive_that_falls_silent_is_given_up(tmp_path: Path, by: By) -> None:
    uid, files = make_series(tmp_path / "ct", 200, 256, seed=12)
    (tmp_path / "own").mkdir()
    with running_orthanc(tmp_path / "own", shift=1) as mute:
        send(mute.web_peer, files)
        stopped: list[float] = []

        def listen(fraction: float, message: str) -> None:
            if message.endswith("of 200 images") and not message.startswith("0 ") and not stopped:
                mute.process.send_signal(signal.SIGSTOP)
                stopped.append(fraction)

        begun_s = time.monotonic()
        with pytest.raises(ImagingError) as caught:
            fetch(
                replace(mute.web_peer if by == "web" else mute.peer, timeout_s=1),
                Wanted(study_of(files[0]), uid),
                tmp_path / "back",
                by=by,
                listening=replace(HERE, timeout_s=1),
                progress=Progress(report=listen),
            )
        assert stopped
        assert time.monotonic() - begun_s < 10
    assert caught.value.code == "partial_transfer"
    assert [one.name for one in (tmp_path / "back").iterdir()] == [f"{uid}.partial"]
    with pytest.raises(ImagingError):
        echo(replace(mute.peer, timeout_s=1))


def test_a_search_can_be_cancelled(orthanc: Orthanc, tmp_path: Path) -> None:
    uid, files = make_series(tmp_path / "ct", 30, 32, seed=13)
    send(orthanc.peer, files)
    told: list[str] = []
    progress = Progress(
        report=lambda _fraction, message: told.append(message),
        is_cancelled=lambda: len(told) >= 3,
    )
    query = Query("image", study_uid=study_of(files[0]), series_uid=uid)
    with pytest.raises(Cancelled):
        find(orthanc.peer, query, progress)
    assert len(find(orthanc.peer, query)) == 30
