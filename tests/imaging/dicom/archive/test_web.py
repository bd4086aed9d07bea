"""DICOMweb against services that mean no good; the good one is Orthanc's."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from imaging.dicom.archive import web
from imaging.dicom.archive.fetch import Wanted, fetch
from imaging.dicom.archive.peer import Peer, Tls, server_context
from imaging.dicom.archive.query import Query, echo, find
from imaging.dicom.archive.send import send
from imaging.errors import ImagingError
from tests.imaging.dicom.archive.peers import make_series
from tests.imaging.dicom.archive.test_tls import certificates

SERIES = b'[{"0020000E":{"vr":"UI","Value":["1.2.3"]},"00201209":{"vr":"IS","Value":[2]}}]'


@contextmanager
def service(
    status: int = 200,
    headers: dict[str, str] | None = None,
    body: bytes = b"[]",
    stated: int | None = None,
    context: ssl.SSLContext | None = None,
    first: bytes = b"",
) -> Iterator[tuple[Peer, list[str]]]:
    """Serve one answer to everything (searches for series answered by ``first``)."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            search = first and "?" in self.path
            content = first if search else body
            self.send_response(200 if search else status)
            for name, value in ({} if search else headers or {}).items():
                self.send_header(name, value)
            if search or not headers or "Content-Type" not in headers:
                self.send_header("Content-Type", "application/dicom+json")
            self.send_header("Content-Length", str(len(content) if search or stated is None
                                                   else stated))  # fmt: skip
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = True

        do_POST = do_GET  # noqa: N815 - the library's name

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    scheme = "http" if context is None else "https"
    try:
        yield Peer(web=f"{scheme}://localhost:{server.server_port}/dicom-web", timeout_s=2), asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def code_of(peer: Peer) -> str:
    with pytest.raises(ImagingError) as caught:
        find(peer, Query())
    return caught.value.code


def test_it_is_not_led_to_another_host() -> None:
    for target in (
        "http://192.0.2.1/dicom-web/studies",
        "https://localhost:1/x",
        "//evil.example/",
    ):
        with service(302, {"Location": target}) as (peer, asked):
            assert code_of(peer) == "redirect_refused"
            assert len(asked) == 1


def test_objects_are_not_sent_on(tmp_path: Path) -> None:
    _, files = make_series(tmp_path / "ct", 1, 32)
    with service(307, {"Location": "http://192.0.2.1/"}) as (peer, asked):
        with pytest.raises(ImagingError) as caught:
            send(peer, files)
        assert caught.value.code == "redirect_refused"
        assert len(asked) == 1


def test_an_endless_answer_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "ANSWER_LIMIT_BYTES", 100_000)
    with service(body=b"[" + b" " * 1_000_000 + b"]") as (peer, _):
        assert code_of(peer) == "too_many"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [(200, b"<html>", "not_dicomweb"), (404, b"", "archive_failed"), (500, b"", "archive_failed"),
     (401, b"", "archive_failed"), (200, b'{"a": 1}', "not_dicomweb")],
)  # fmt: skip
def test_what_is_no_dicomweb_is_said(status: int, body: bytes, code: str) -> None:
    with service(status, body=body) as (peer, _):
        assert code_of(peer) == code


def test_a_service_that_breaks_off_or_is_silent_is_given_up() -> None:
    with service(stated=100, body=b"[") as (peer, _):
        assert code_of(peer) == "unreachable"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        begun_s = time.monotonic()
        assert code_of(Peer(web=f"http://127.0.0.1:{port}/", timeout_s=0.5)) == "no_association"
        assert time.monotonic() - begun_s < 3


def test_an_answer_cut_in_the_middle_is_partial(tmp_path: Path) -> None:
    _, files = make_series(tmp_path / "ct", 2, 32)
    whole = files[0].read_bytes()
    import pydicom

    header = pydicom.dcmread(files[0], stop_before_pixels=True)
    wanted = Wanted(str(header.StudyInstanceUID), str(header.SeriesInstanceUID))
    kind = {"Content-Type": 'multipart/related; type="application/dicom"; boundary="XX"'}
    part = b"--XX\r\nContent-Type: application/dicom\r\n\r\n" + whole
    large = b"--XX\r\n\r\n" + b"no image" * 50_000 + b"\r\n"
    for body, stated in (
        (part + b"\r\n" + part[:300], None),  # ends early
        (part + b"\r\n" + large, 1_000_000),  # connection lost
        (part + b"\r\n--XX--\r\n", None),  # one too few
    ):
        folder = tmp_path / f"back{len(body)}{stated}"
        with (
            service(headers=kind, body=body, stated=stated, first=SERIES) as (peer, _),
            pytest.raises(ImagingError) as caught,
        ):
            fetch(peer, wanted, folder, by="web")
        assert caught.value.code == "partial_transfer"
        assert "1 of 2" in str(caught.value)
        assert [one.name for one in folder.iterdir()] == [f"{wanted.series_uid}.partial"]


def test_images_of_somebody_else_are_not_kept(tmp_path: Path) -> None:
    _, files = make_series(tmp_path / "ct", 1, 32)
    kind = {"Content-Type": "multipart/related; type=application/dicom; boundary=XX"}
    body = b"--XX\r\n\r\n" + files[0].read_bytes() + b"\r\n--XX--"
    with (
        service(headers=kind, body=body, first=SERIES) as (peer, _),
        pytest.raises(ImagingError) as caught,
    ):
        fetch(peer, Wanted("1.2", "1.2.3"), tmp_path / "back", by="web")
    assert {"partial_transfer", "foreign"} <= {one.code for one in caught.value.problems}
    assert list((tmp_path / "back").iterdir()) == []


def test_parts_are_found_wherever_the_chunks_break() -> None:
    parts = [b"first\r\n--X not the end", b"", b"\r\n\r\nthird" * 50]
    message = b"preamble\r\n" + b"".join(b"--XX\r\nA: b\r\n\r\n" + one + b"\r\n" for one in parts)
    message += b"--XX--"
    for size in (1, 2, 3, 7, 64, 10_000):
        chunks = (message[n : n + size] for n in range(0, len(message), size))
        assert [bytes(part) for part in web._parts(chunks, b"XX")] == parts


@pytest.mark.parametrize(
    "address",
    ["ftp://127.0.0.1/", "127.0.0.1:80", "http://", "http://127.0.0.1:99999/", "http://u:p@[::1]/",
     "http://127.0.0.1/?a=b"],
)  # fmt: skip
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ImagingError) as caught:
        echo(Peer(web=address))
    assert caught.value.code == "bad_address"


def test_another_machine_is_refused_unless_allowed() -> None:
    for peer in (Peer("192.0.2.1"), Peer(web="http://192.0.2.1/dicom-web")):
        with pytest.raises(ImagingError) as caught:
            echo(peer)
        assert caught.value.code == "remote_refused"
        with pytest.raises(ImagingError) as caught:
            echo(replace(peer, remote=True, timeout_s=0.5))
        assert caught.value.code != "remote_refused"


def test_encrypted_service(tmp_path: Path) -> None:
    tls = certificates(tmp_path)
    (tmp_path / "foreign").mkdir()
    foreign = certificates(tmp_path / "foreign")
    with service(context=server_context(tls)) as (peer, asked):
        assert find(replace(peer, tls=tls), Query()) == []
        assert len(asked) == 1
        with pytest.raises(ImagingError) as caught:
            find(replace(peer, tls=foreign), Query(patient_id="SECRET-ID"))
        assert caught.value.code == "tls_failed"
        assert "certificate verify failed" in str(caught.value)
        assert "SECRET-ID" not in str(caught.value)
        assert code_of(peer) == "tls_failed"
        assert code_of(replace(peer, tls=Tls(ca=tls.ca))) in {"tls_failed", "unreachable"}
        assert len(asked) == 1
    with service() as (peer, _):
        assert code_of(replace(peer, tls=tls)) == "not_encrypted"
