"""The archive from the command line, as scripts use it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest

from tests.conftest import Run
from tests.imaging.dicom.archive.peers import (
    OUR_PORT,
    Orthanc,
    make_series,
    network_of_our_own,
    running_orthanc,
    wait_for_port,
)

PROGRAM = Path(sys.executable).parent / "osteoplan"


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with network_of_our_own(), running_orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


def pacs(archive: Orthanc, *arguments: object, web: bool = False) -> list[object]:
    address = ["--web", archive.web] if web else []
    return ["pacs", "--port", archive.port, *address, *arguments, "--json"]


@pytest.mark.parametrize("web", [False, True], ids=["DIMSE", "DICOMweb"])
def test_echo_send_find_fetch(orthanc: Orthanc, run: Run, tmp_path: Path, web: bool) -> None:
    uid, files = make_series(tmp_path / "ct", 8, seed=int(web))
    study = str(pydicom.dcmread(files[0]).StudyInstanceUID)

    status, answer, _ = run(*pacs(orthanc, "echo", web=web))
    assert status == 0
    assert answer["answered_s"] > 0

    (tmp_path / "ct" / "note.txt").write_text("no image", encoding="utf-8")
    status, answer, said = run(*pacs(orthanc, "send", tmp_path / "ct", web=web))
    assert (status, answer["stored"]) == (0, 8)
    assert answer["skipped"] == [str(tmp_path / "ct" / "note.txt")]
    assert "note.txt" in said

    status, answer, _ = run(*pacs(orthanc, "find", "--patient", "OSTEOPLAN-TEACHING", web=web))
    assert status == 0
    assert study in {row["StudyInstanceUID"] for row in answer["found"]}
    status, answer, _ = run(*pacs(orthanc, "find", "--study", study, web=web))
    assert [row["SeriesInstanceUID"] for row in answer["found"]] == [uid]
    status, answer, _ = run(*pacs(orthanc, "find", "--study", study, "--series", uid, web=web))
    assert len(answer["found"]) == 8

    out = tmp_path / "back"
    status, answer, _ = run(*pacs(orthanc, "fetch", out, "--study", study, web=web))
    assert status == 0
    assert len(answer["files"]) == 8
    assert answer["complete"] == [{"uid": uid, "folder": str(out / uid), "images": 8}]
    assert answer["partial"] == []
    status, answer, _ = run("series", out, "--json")
    assert [(one["uid"], one["slices"]) for one in answer["series"]] == [(uid, 8)]


def test_fetch_by_move(orthanc: Orthanc, run: Run, tmp_path: Path) -> None:
    uid, files = make_series(tmp_path / "ct", 4, seed=5)
    study = str(pydicom.dcmread(files[0]).StudyInstanceUID)
    assert run(*pacs(orthanc, "send", tmp_path / "ct"))[0] == 0
    status, answer, _ = run(
        *pacs(orthanc, "fetch", tmp_path / "back", "--study", study, "--series", uid,
              "--by", "move", "--listen", OUR_PORT)
    )  # fmt: skip
    assert (status, len(answer["files"])) == (0, 4)


def test_an_incomplete_fetch_is_exit_3_and_marked(
    orthanc: Orthanc, run: Run, tmp_path: Path
) -> None:
    uid, files = make_series(tmp_path / "ct", 4, seed=6)
    study = str(pydicom.dcmread(files[0]).StudyInstanceUID)
    run(*pacs(orthanc, "send", tmp_path / "ct"))
    quota_gib = 2.5 * files[0].stat().st_size / 2**30
    status, answer, said = run(
        *pacs(orthanc, "fetch", tmp_path / "back", "--study", study, "--quota-gib", quota_gib)
    )
    assert status == 3
    assert answer["error"]["code"] == "partial_transfer"
    assert "2 of 4" in answer["error"]["message"]
    assert [one.name for one in (tmp_path / "back").iterdir()] == [f"{uid}.partial"]
    assert "Test^Archive" not in said
    assert "OSTEOPLAN-TEACHING" not in said


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--host", "192.0.2.1", "echo"], "remote_refused"),
        (["--web", "http://192.0.2.1/dicom-web", "find"], "remote_refused"),
        (["--port", "9", "--timeout", "1", "echo"], "unreachable"),
        (["--host", "no-such-host.invalid", "echo"], "unknown_host"),
        (["--called", "A TITLE THAT IS TOO LONG", "echo"], "bad_ae_title"),
        (["--tls", "--ca", "no-such-file", "echo"], "no_tls_file"),
        (["fetch", "OUT", "--study", "../../x"], "bad_uid"),
        (["fetch", "OUT", "--study", "1.2", "--by", "web"], "no_web_address"),
        (["send", "no-such-folder"], "not_found"),
        (["find", "--date", "yesterday"], "bad_query"),
        (["find", "--level", "series"], "bad_query"),
        (["receive", "OUT", "--address", "0.0.0.0", "--seconds", "1"], "remote_refused"),
        (["--tls", "receive", "OUT", "--seconds", "1"], "no_tls_file"),
        (["receive", "OUT", "--from", "TOO\\BAD", "--seconds", "1"], "bad_ae_title"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value)[:30],
)
def test_refusals_say_why(run: Run, tmp_path: Path, arguments: list[Any], code: str) -> None:
    words = [tmp_path / "out" if word == "OUT" else word for word in arguments]
    status, answer, said = run("pacs", *words, "--json")
    assert status == 3
    assert answer["error"]["code"] == code
    assert "Traceback" not in said


def test_receive_tells_what_came(orthanc: Orthanc, run: Run, tmp_path: Path) -> None:
    uid, _ = make_series(tmp_path / "ct", 6, seed=7)
    pushed: list[int] = []

    def push() -> None:
        wait_for_port(OUR_PORT)
        words = ["storescu", "-aec", "OSTEOPLAN", "-aet", "CT1", "127.0.0.1", str(OUR_PORT)]
        done = subprocess.run([*words, "+sd", str(tmp_path / "ct")], check=False, timeout=20)
        pushed.append(done.returncode)

    pushing = threading.Thread(target=push)
    pushing.start()
    status, answer, _ = run(
        "pacs", "receive", tmp_path / "in", "--listen", OUR_PORT, "--seconds", 2, "--from", "CT1",
        "--json",
    )  # fmt: skip
    pushing.join()
    assert pushed == [0]
    assert status == 0
    assert len(answer["files"]) == 6
    assert answer["complete"] == [{"uid": uid, "folder": str(tmp_path / "in" / uid), "images": 6}]
    assert (answer["partial"], answer["refused"]) == ([], [])


def test_ctrl_c_ends_receiving(orthanc: Orthanc, tmp_path: Path) -> None:
    words = [str(PROGRAM), "pacs", "receive", str(tmp_path / "in"), "--listen", str(OUR_PORT)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        wait_for_port(OUR_PORT, process)
        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=15)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert b"Traceback" not in said


def test_ctrl_c_in_a_fetch_leaves_nothing(orthanc: Orthanc, tmp_path: Path) -> None:
    _, files = make_series(tmp_path / "ct", 300, 256, seed=8)
    study = str(pydicom.dcmread(files[0]).StudyInstanceUID)
    web = ["--port", str(orthanc.port), "--web", orthanc.web]
    pushing = [str(PROGRAM), "pacs", *web, "send", str(tmp_path / "ct")]
    subprocess.run(pushing, check=True, capture_output=True)
    words = [str(PROGRAM), "pacs", "--port", str(orthanc.port), "fetch", str(tmp_path / "back")]
    process = subprocess.Popen([*words, "--study", study], stderr=subprocess.PIPE)
    try:
        until_s = time.monotonic() + 15
        while len(list(tmp_path.glob("back/.unfinished-*/*/*.dcm"))) < 10:
            assert time.monotonic() < until_s
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=15)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert b"Traceback" not in said
    assert list((tmp_path / "back").iterdir()) == []
