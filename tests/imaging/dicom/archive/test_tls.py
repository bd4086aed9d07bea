"""Encrypted connections, both ways, against dcmtk."""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from imaging.dicom.archive.peer import Peer, Tls, client_context, server_context
from imaging.dicom.archive.query import echo
from imaging.dicom.archive.receive import Listening
from imaging.dicom.archive.send import send
from imaging.errors import ImagingError
from tests.imaging.dicom.archive.peers import OUR_PORT, make_series, running
from tests.imaging.dicom.archive.test_receive import receiving, storescu


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return certificates(tmp_path_factory.mktemp("tls"))


def certificates(folder: Path, name: str = "localhost") -> Tls:
    authority = trustme.CA()
    one = authority.issue_cert(name, "127.0.0.1") if name == "localhost" else (
        authority.issue_cert(name)
    )  # fmt: skip
    found = Tls(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    authority.cert_pem.write_to_path(str(found.ca))
    one.cert_chain_pems[0].write_to_path(str(found.cert))
    one.private_key_pem.write_to_path(str(found.key))
    return found


def options(tls: Tls) -> tuple[str, ...]:
    return ("+tls", str(tls.key), str(tls.cert), "+cf", str(tls.ca))


def storescp(tls: Tls, out: Path) -> list[object]:
    out.mkdir()
    return ["storescp", "--aetitle", "X", *options(tls), "-od", out, OUR_PORT]


def test_encrypted_push_to_storescp(tls: Tls, tmp_path: Path) -> None:
    _, files = make_series(tmp_path / "ct", 5)
    with running(storescp(tls, tmp_path / "out"), OUR_PORT):
        peer = Peer("localhost", OUR_PORT, "X", tls=tls, timeout_s=5)
        assert send(peer, files).stored == 5
    assert len(list((tmp_path / "out").iterdir())) == 5


def test_encrypted_push_from_storescu(tls: Tls, tmp_path: Path) -> None:
    uid, _ = make_series(tmp_path / "ct", 5)
    here = Listening("OSTEOPLAN", ("STORESCU",), OUR_PORT, tls=tls, timeout_s=2)
    with receiving(tmp_path / "in", here) as server:
        done = storescu(tmp_path / "ct", options=options(tls))
        assert done.returncode == 0, done.stderr
        got = server.end()
    assert [(one.uid, one.images) for one in got.complete] == [(uid, 5)]


def test_a_caller_without_our_authority_or_without_tls_gets_nowhere(
    tls: Tls, tmp_path: Path
) -> None:
    make_series(tmp_path / "ct", 1)
    (tmp_path / "foreign").mkdir()
    foreign = certificates(tmp_path / "foreign")
    here = Listening("OSTEOPLAN", ("STORESCU",), OUR_PORT, tls=tls, timeout_s=2)
    with receiving(tmp_path / "in", here) as server:
        foreign_but_trusting = replace(foreign, ca=tls.ca)
        assert storescu(tmp_path / "ct", options=options(foreign_but_trusting)).returncode != 0
        assert storescu(tmp_path / "ct").returncode != 0
        with socket.create_connection(("127.0.0.1", OUR_PORT)) as silent:
            begun_s = time.monotonic()
            assert storescu(tmp_path / "ct", options=options(tls)).returncode == 0
            assert time.monotonic() - begun_s < 1.5  # the silent one held up nobody
            silent.settimeout(6)
            with suppress(ConnectionResetError):
                assert silent.recv(10) == b""
        assert len(server.end().files) == 1


def test_an_archive_of_another_authority_or_name_is_not_trusted(tls: Tls, tmp_path: Path) -> None:
    (tmp_path / "foreign").mkdir()
    foreign = certificates(tmp_path / "foreign")
    with running(storescp(foreign, tmp_path / "one"), OUR_PORT):
        with pytest.raises(ImagingError) as caught:
            echo(Peer("localhost", OUR_PORT, "X", tls=tls, timeout_s=3))
        assert caught.value.code == "tls_failed"
        assert "--ca" in str(caught.value)
    (tmp_path / "named").mkdir()
    named = certificates(tmp_path / "named", "archive.example")
    with (
        running(storescp(named, tmp_path / "two"), OUR_PORT),
        pytest.raises(ImagingError) as caught,
    ):
        echo(Peer("localhost", OUR_PORT, "X", tls=named, timeout_s=3))
    assert caught.value.code == "tls_failed"
    assert "--host" in str(caught.value)


def test_encryption_on_one_side_only_is_said(tls: Tls, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    plain = ["storescp", "--aetitle", "X", "-od", tmp_path / "out", OUR_PORT]
    with running(plain, OUR_PORT), pytest.raises(ImagingError) as caught:
        echo(Peer("localhost", OUR_PORT, "X", tls=tls, timeout_s=2))
    assert caught.value.code == "tls_failed"


def test_old_protocols_are_refused(tls: Tls) -> None:
    for context in (client_context(tls), server_context(tls)):
        assert context.minimum_version.name == "TLSv1_2"


def test_files_that_lack_are_all_named(tls: Tls, tmp_path: Path) -> None:
    with pytest.raises(ImagingError) as caught:
        client_context(Tls(tmp_path / "no-ca", tmp_path / "no-cert"))
    assert len(caught.value.problems) == 3
    with pytest.raises(ImagingError) as caught:
        server_context(Tls())
    assert [problem.where for problem in caught.value.problems] == ["--ca", "--cert", "--key"]
    (tmp_path / "junk").write_text("no certificate", encoding="utf-8")
    for bad in (replace(tls, ca=tmp_path / "junk"), replace(tls, key=tmp_path / "junk")):
        with pytest.raises(ImagingError) as caught:
            client_context(bad)
        assert caught.value.code == "bad_tls_file"


def test_a_key_with_a_password_does_not_ask_at_the_terminal(tls: Tls, tmp_path: Path) -> None:
    locked = tmp_path / "locked.pem"
    done = subprocess.run(
        ["openssl", "rsa", "-aes128", "-passout", "pass:secret", "-in", str(tls.key), "-out",
         str(locked)],
        capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        done = subprocess.run(
            ["openssl", "pkey", "-aes128", "-passout", "pass:secret", "-in", str(tls.key), "-out",
             str(locked)],
            capture_output=True, check=True,
        )  # fmt: skip
    with pytest.raises(ImagingError) as caught:
        client_context(replace(tls, key=locked))
    assert caught.value.code == "bad_tls_file"
