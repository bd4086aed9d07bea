"""Our storage server against dcmtk, and against callers that mean no good."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE

from imaging.dicom.archive.peer import Peer
from imaging.dicom.archive.receive import MAX_CONNECTIONS, Listening, Received, receive
from imaging.dicom.archive.send import send
from imaging.errors import ImagingError
from imaging.progress import Cancelled, Progress
from tests.imaging.dicom.archive.peers import OUR_PORT, make_series, running, wait_for_port

HERE = Listening("OSTEOPLAN", ("STORESCU", "OTHER"), OUR_PORT, timeout_s=1)
LIMIT_S = 60.0


class Server:
    """``receive`` in a thread, ended when the test has seen enough."""

    def __init__(self, folder: Path, here: Listening, quota_bytes: int) -> None:
        self.folder = folder
        self.result: Received | None = None
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(here, quota_bytes))
        self._thread.start()

    def _run(self, here: Listening, quota_bytes: int) -> None:
        self.result = receive(
            self.folder, here, LIMIT_S, quota_bytes=quota_bytes, stop=self._enough.is_set
        )

    def end(self) -> Received:
        self._enough.set()
        self._thread.join(20)
        assert not self._thread.is_alive()
        assert self.result is not None
        return self.result


@contextmanager
def receiving(folder: Path, here: Listening = HERE, quota_bytes: int = 1 << 34) -> Iterator[Server]:
    server = Server(folder, here, quota_bytes)
    try:
        wait_for_port(here.port)
        yield server
    finally:
        server.end()


def storescu(*paths: Path, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    if shutil.which("storescu") is None:
        pytest.skip("storescu of dcmtk is not installed")
    return subprocess.run(
        ["storescu", "-aec", "OSTEOPLAN", *options, "127.0.0.1", str(OUR_PORT), "+sd",
         *map(str, paths)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def until(true: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 15
    while not true():
        assert time.monotonic() < end_s, "waited in vain"
        time.sleep(0.02)


def folders(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def same_pixels(files: list[Path], folder: Path) -> bool:
    for file in files:
        one = pydicom.dcmread(file)
        other = pydicom.dcmread(folder / f"{one.SOPInstanceUID}.dcm")
        if one != other or one.PixelData != other.PixelData:
            return False
    return True


def test_500_images_in_one_push(tmp_path: Path) -> None:
    uid, files = make_series(tmp_path / "ct", 500)
    with receiving(tmp_path / "in") as server:
        done = storescu(tmp_path / "ct")
        assert done.returncode == 0, done.stderr
        got = server.end()
    assert [(one.uid, one.images) for one in got.complete] == [(uid, 500)]
    assert (got.partial, got.refused, len(got.files)) == ((), (), 500)
    assert same_pixels(files[::50], tmp_path / "in" / uid)
    assert folders(tmp_path / "in") == [uid]


def test_a_push_cut_in_the_middle_is_marked_until_it_comes_whole(tmp_path: Path) -> None:
    uid, _ = make_series(tmp_path / "ct", 400, 128)
    with receiving(tmp_path / "in") as server:
        words = ["storescu", "-aec", "OSTEOPLAN", "127.0.0.1", OUR_PORT, "+sd", tmp_path / "ct"]
        with running(words) as pushing:
            until(lambda: len(list((tmp_path / "in").rglob("*.dcm"))) > 20)
            pushing.kill()
        until(lambda: folders(tmp_path / "in") == [f"{uid}.partial"])
        kept = len(list((tmp_path / "in" / f"{uid}.partial").iterdir()))
        assert 20 < kept < 400
        assert storescu(tmp_path / "ct").returncode == 0
        got = server.end()
    assert folders(tmp_path / "in") == [uid]
    assert [(one.images, one.complete) for one in got.complete] == [(400, True)]
    assert got.partial == ()


def test_only_the_rest_coming_later_stays_marked(tmp_path: Path) -> None:
    uid, files = make_series(tmp_path / "ct", 10)
    (tmp_path / "in" / f"{uid}.partial").mkdir(parents=True)
    for file in files[:4]:
        name = f"{pydicom.dcmread(file).SOPInstanceUID}.dcm"
        shutil.copy(file, tmp_path / "in" / f"{uid}.partial" / name)
    with receiving(tmp_path / "in") as server:
        assert storescu(*files[4:]).returncode == 0
        got = server.end()
    assert [(one.images, one.complete) for one in got.partial] == [(10, False)]
    assert folders(tmp_path / "in") == [f"{uid}.partial"]


def test_callers_that_are_not_named_are_rejected(tmp_path: Path) -> None:
    _, files = make_series(tmp_path / "ct", 1)
    with receiving(tmp_path / "in") as server:
        done = storescu(files[0], options=("-aet", "STRANGER"))
        assert done.returncode != 0
        assert "Calling AE Title Not Recognized" in done.stdout + done.stderr
        done = storescu(files[0], options=("-aec", "SOMEBODY"))
        assert done.returncode != 0
        assert "Called AE Title Not Recognized" in done.stdout + done.stderr
        got = server.end()
    assert got.files == ()
    assert got.rejected == 2


def test_two_callers_at_the_same_time(tmp_path: Path) -> None:
    one, one_files = make_series(tmp_path / "one", 120, seed=1)
    two, two_files = make_series(tmp_path / "two", 120, seed=2)
    with receiving(tmp_path / "in") as server:
        base = ["storescu", "-aec", "OSTEOPLAN", "127.0.0.1", OUR_PORT, "+sd"]
        with (
            running([*base, tmp_path / "one"]) as first,
            running([*base, "-aet", "OTHER", tmp_path / "two"]) as second,
        ):
            assert (first.wait(60), second.wait(60)) == (0, 0)
        got = server.end()
    assert {(s.uid, s.images) for s in got.complete} == {(one, 120), (two, 120)}
    assert same_pixels(one_files[::40], tmp_path / "in" / one)
    assert same_pixels(two_files[::40], tmp_path / "in" / two)


def test_two_callers_with_the_same_series(tmp_path: Path) -> None:
    uid, files = make_series(tmp_path / "ct", 100, seed=3)
    with receiving(tmp_path / "in") as server:
        base = ["storescu", "-aec", "OSTEOPLAN", "127.0.0.1", OUR_PORT, "+sd", tmp_path / "ct"]
        with running(base) as first, running(base) as second:
            assert (first.wait(60), second.wait(60)) == (0, 0)
        got = server.end()
    assert {(s.uid, s.images) for s in got.complete} == {(uid, 100)}
    assert got.partial == ()
    assert folders(tmp_path / "in") == [uid]
    assert same_pixels(files, tmp_path / "in" / uid)


def test_beyond_the_quota_it_answers_out_of_resources(tmp_path: Path) -> None:
    uid, files = make_series(tmp_path / "ct", 6)
    quota = 4 * files[0].stat().st_size + 100
    with receiving(tmp_path / "in", quota_bytes=quota) as server:
        done = storescu(tmp_path / "ct", options=("-v",))
        assert "Refused: OutOfResources" in done.stdout + done.stderr
        got = server.end()
    assert [problem.code for problem in got.refused] == ["full"]
    assert [(one.uid, one.images) for one in got.partial] == [(uid, 4)]
    assert folders(tmp_path / "in") == [f"{uid}.partial"]
    held = sum(file.stat().st_size for file in (tmp_path / "in").rglob("*") if file.is_file())
    assert held <= quota


def test_the_disk_keeps_its_reserve(tmp_path: Path) -> None:
    from imaging.dicom.archive.inbox import Inbox

    free = shutil.disk_usage(tmp_path).free
    assert not Inbox(tmp_path / "in", keep_free_bytes=free + (1 << 30)).take_room(1)
    assert Inbox(tmp_path / "in", keep_free_bytes=0).take_room(1)


def test_uids_that_are_paths_stay_in_the_folder(tmp_path: Path) -> None:
    _, files = make_series(tmp_path / "ct", 3)
    evil = ["../../../evil", "/tmp/evil-osteoplan", ".."]
    for file, name in zip(files, evil, strict=True):
        with pydicom.config.disable_value_validation():
            dataset = pydicom.dcmread(file)
            dataset.SOPInstanceUID = name
            dataset.file_meta.MediaStorageSOPInstanceUID = UID(name)
            dataset.SeriesInstanceUID = name
            dataset.save_as(file)
    with receiving(tmp_path / "deep" / "er" / "in") as server:
        ae = AE("STORESCU")
        ae.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
        link = ae.associate("127.0.0.1", OUR_PORT, ae_title="OSTEOPLAN")
        for file in files:
            link.send_c_store(file)
        link.release()
        got = server.end()
    inside = tmp_path / "deep" / "er" / "in"
    assert all(file.resolve().is_relative_to(inside.resolve()) for file in got.files)
    written = [f for f in tmp_path.rglob("*") if f.is_file() and f.parent != tmp_path / "ct"]
    assert all(file.is_relative_to(inside) for file in written)
    assert not Path("/tmp/evil-osteoplan.dcm").exists()


def test_the_same_object_twice_and_another_of_its_uid(tmp_path: Path) -> None:
    uid, files = make_series(tmp_path / "ct", 2)
    (tmp_path / "changed").mkdir()
    changed = pydicom.dcmread(files[0])
    changed.SeriesDescription = "Changed"
    changed.save_as(tmp_path / "changed" / "one.dcm")
    with receiving(tmp_path / "in") as server:
        assert storescu(tmp_path / "ct").returncode == 0
        assert storescu(tmp_path / "ct").returncode == 0
        assert storescu(tmp_path / "changed").returncode != 0
        got = server.end()
    assert [problem.code for problem in got.refused] == ["different"]
    assert len(got.files) == 2
    assert same_pixels(files, tmp_path / "in" / uid)


@pytest.mark.parametrize(
    "sent",
    [b"", b"\x01\x00\x00", struct.pack(">BBL", 1, 0, 200) + b"half", b"GET / HTTP/1.1\r\n\r\n"],
    ids=["silence", "half a header", "half a PDU", "another protocol"],
)
def test_a_caller_that_hangs_is_dropped(tmp_path: Path, sent: bytes) -> None:
    with receiving(tmp_path / "in"), socket.create_connection(("127.0.0.1", OUR_PORT)) as raw:
        raw.settimeout(8)
        raw.sendall(sent)
        begun_s = time.monotonic()
        while raw.recv(4096):  # an abort may come before the end
            pass
        assert time.monotonic() - begun_s < 6


def test_a_caller_that_drips_is_dropped(tmp_path: Path) -> None:
    with receiving(tmp_path / "in"), socket.create_connection(("127.0.0.1", OUR_PORT)) as raw:
        raw.settimeout(8)
        raw.sendall(struct.pack(">BBL", 1, 0, 1000))
        begun_s = time.monotonic()
        with suppress(OSError):
            while time.monotonic() - begun_s < 8:
                raw.sendall(b"x")
                time.sleep(0.3)
        assert time.monotonic() - begun_s < 6


def test_a_pdu_that_claims_gigabytes_is_not_waited_for(tmp_path: Path) -> None:
    with receiving(tmp_path / "in"), socket.create_connection(("127.0.0.1", OUR_PORT)) as raw:
        raw.settimeout(8)
        raw.sendall(struct.pack(">BBL", 1, 0, 0xFFFFFFF0) + b"x" * 1000)
        begun_s = time.monotonic()
        try:
            while raw.recv(4096):
                pass
        except ConnectionResetError:
            pass
        assert time.monotonic() - begun_s < 1


def test_silent_connections_are_bounded_and_do_not_shut_out_others_for_long(
    tmp_path: Path,
) -> None:
    _, files = make_series(tmp_path / "ct", 1)
    with receiving(tmp_path / "in"):
        silent = [
            socket.create_connection(("127.0.0.1", OUR_PORT)) for _ in range(MAX_CONNECTIONS + 8)
        ]
        try:
            before = threading.active_count()
            assert before < 4 * MAX_CONNECTIONS
            time.sleep(1.8)
            assert storescu(files[0]).returncode == 0
        finally:
            for one in silent:
                one.close()


def test_a_caller_stuck_in_the_middle_of_an_object_leaves_no_draft(tmp_path: Path) -> None:
    uid, files = make_series(tmp_path / "ct", 3)
    with receiving(tmp_path / "in") as server:
        relay = CutOff(OUR_PORT, after_bytes=20_000)
        done = subprocess.run(
            ["storescu", "-aec", "OSTEOPLAN", "-td", "5", "127.0.0.1", str(relay.port), "+sd",
             str(tmp_path / "ct")],
            capture_output=True, check=False, timeout=30,
        )  # fmt: skip
        assert done.returncode != 0
        until(lambda: folders(tmp_path / "in") == [f"{uid}.partial"])
        relay.close()
        got = server.end()
    assert 1 <= len(got.files) < 3
    whole = {file.stem for file in got.files}
    first = [f for f in files if str(pydicom.dcmread(f).SOPInstanceUID) in whole]
    assert same_pixels(first, tmp_path / "in" / f"{uid}.partial")
    assert folders(tmp_path / "in") == [f"{uid}.partial"]


class CutOff:
    """A relay that passes so many bytes, then nothing more, and keeps the connection open."""

    def __init__(self, to_port: int, after_bytes: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._to_port, self._left = to_port, after_bytes
        self._open: list[socket.socket] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        caller, _ = self._listener.accept()
        server = socket.create_connection(("127.0.0.1", self._to_port))
        self._open += [caller, server]
        threading.Thread(target=self._pass, args=(server, caller), daemon=True).start()
        while self._left > 0 and (data := caller.recv(min(4096, self._left))):
            server.sendall(data)
            self._left -= len(data)

    @staticmethod
    def _pass(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(4096):
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for one in (*self._open, self._listener):
            one.close()


def test_cancelling_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    uid, files = make_series(tmp_path / "ct", 3)
    caught: list[str] = []
    stop = threading.Event()

    def run() -> None:
        try:
            receive(tmp_path / "in", HERE, LIMIT_S, progress=Progress(is_cancelled=stop.is_set))
        except Cancelled:
            caught.append("cancelled")

    thread = threading.Thread(target=run)
    thread.start()
    wait_for_port(OUR_PORT)
    ae = AE("STORESCU")
    ae.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
    link = ae.associate("127.0.0.1", OUR_PORT, ae_title="OSTEOPLAN")
    assert link.send_c_store(files[0]).Status == 0
    stop.set()
    thread.join(10)
    link.abort()
    assert caught == ["cancelled"]
    assert folders(tmp_path / "in") == [f"{uid}.partial"]


def test_a_taken_port_and_another_address_are_refused(tmp_path: Path) -> None:
    with receiving(tmp_path / "in"), pytest.raises(ImagingError) as caught:
        receive(tmp_path / "other", HERE, 1)
    assert caught.value.code == "port_taken"
    for address in ("0.0.0.0", "192.0.2.1", "::"):
        with pytest.raises(ImagingError) as caught:
            receive(tmp_path / "in", Listening("A", ("B",), OUR_PORT, address), 1)
        assert caught.value.code == "remote_refused"
    with pytest.raises(ImagingError) as caught:
        receive(tmp_path / "in", Listening("A", (), OUR_PORT), 1)
    assert caught.value.code == "no_callers"


def test_what_storescp_does_not_answer_is_given_up(tmp_path: Path) -> None:
    _, files = make_series(tmp_path / "ct", 2)
    with socket.create_server(("127.0.0.1", OUR_PORT)):
        begun_s = time.monotonic()
        with pytest.raises(ImagingError) as caught:
            send(Peer(port=OUR_PORT, called="X", timeout_s=1), files)
        assert caught.value.code == "no_association"
        assert time.monotonic() - begun_s < 6


def test_storescp_takes_what_we_send(tmp_path: Path) -> None:
    _, files = make_series(tmp_path / "ct", 20)
    (tmp_path / "out").mkdir()
    words = ["storescp", "--aetitle", "X", "-od", tmp_path / "out", OUR_PORT]
    with running(words, OUR_PORT):
        assert send(Peer(port=OUR_PORT, called="X", timeout_s=5), files).stored == 20
    out = {pydicom.dcmread(file).SOPInstanceUID: file for file in (tmp_path / "out").iterdir()}
    for file in files:
        one = pydicom.dcmread(file)
        assert one.PixelData == pydicom.dcmread(out[one.SOPInstanceUID]).PixelData


def test_a_peer_that_dies_while_we_send_is_told_file_by_file(tmp_path: Path) -> None:
    _, files = make_series(tmp_path / "ct", 200, 128)
    (tmp_path / "out").mkdir()
    words = ["storescp", "--aetitle", "X", "-od", tmp_path / "out", OUR_PORT]
    with running(words, OUR_PORT) as taking:
        killed: list[float] = []

        def watch(fraction: float, _message: str) -> None:
            if fraction > 0.2 and not killed:
                killed.append(fraction)
                taking.kill()

        peer = Peer(port=OUR_PORT, called="X", timeout_s=2)
        sent = send(peer, files, Progress(report=watch))
    assert 40 <= sent.stored < 60
    assert {problem.code for problem in sent.failed} == {"connection_lost"}
    assert sent.stored + len(sent.failed) == 200
