"""Other programs to talk to, in a network of their own: Orthanc and the tools of dcmtk."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from imaging.dicom.archive.peer import Peer
from imaging.dicom.write import write_ct_series
from imaging.geometry import Grid
from imaging.volume import Volume

CLONE_NEWNET = 0x40000000  # linux/sched.h
DICOM_PORT, WEB_PORT, OUR_PORT = 14242, 18042, 21112
PLUGINS = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
PATIENCE_S = 20.0


@contextmanager
def network_of_our_own() -> Iterator[None]:
    """Put this thread, and what it starts, into a network that holds nothing but loopback."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(CLONE_NEWNET) != 0:
            pytest.skip("a network namespace of our own needs root")
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True, capture_output=True)
            yield
        finally:
            libc.setns(before, CLONE_NEWNET)
    finally:
        os.close(before)


@dataclass(frozen=True)
class Orthanc:
    """A running Orthanc."""

    folder: Path
    process: subprocess.Popen[bytes]
    port: int
    web: str

    @property
    def peer(self) -> Peer:
        return Peer(port=self.port, timeout_s=10)

    @property
    def web_peer(self) -> Peer:
        return Peer(port=self.port, web=self.web, timeout_s=10)


@contextmanager
def running_orthanc(folder: Path, shift: int = 0) -> Iterator[Orthanc]:
    """Start Orthanc with DICOMweb, and end it whatever happens; several need shifted ports."""
    dicom_port, web_port = DICOM_PORT + shift, WEB_PORT + shift
    program = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
    if not Path(program).exists() or not PLUGINS.exists():
        pytest.skip("Orthanc and its DICOMweb plugin are not installed")
    settings = {
        "Name": "test",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": web_port,
        "DicomPort": dicom_port,
        "DicomAet": "ORTHANC",
        "DicomCheckCalledAet": True,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowGet": True,
        "DicomAlwaysAllowMove": True,
        "DicomAlwaysAllowStore": True,
        "StableAge": 60,
        "SynchronousCMove": True,
        "OverwriteInstances": False,
        "DicomModalities": {"us": ["OSTEOPLAN", "127.0.0.1", OUR_PORT]},
        "Plugins": [str(PLUGINS)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "EnableWado": True},
    }
    config = folder / "orthanc.json"
    config.write_text(json.dumps(settings), encoding="utf-8")
    with (folder / "orthanc.log").open("wb") as log:
        process = subprocess.Popen([program, str(config)], stdout=log, stderr=log, cwd=folder)
        try:
            wait_for_port(dicom_port, process)
            wait_for_port(web_port, process)
            yield Orthanc(folder, process, dicom_port, f"http://127.0.0.1:{web_port}/dicom-web")
        finally:
            process.kill()
            process.wait()


def wait_for_port(port: int, process: subprocess.Popen[bytes] | None = None) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        if process is not None and process.poll() is not None:
            pytest.fail(f"the other program ended with status {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"nothing listens at port {port}")


@contextmanager
def running(arguments: Sequence[object], port: int = 0) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program of dcmtk, and end it whatever happens."""
    words = [str(word) for word in arguments]
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} of dcmtk is not installed")
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        if port:
            wait_for_port(port, process)
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def make_series(folder: Path, count: int, size: int = 64, seed: int = 0) -> tuple[str, list[Path]]:
    """Write a CT series of noise; gives its UID and files."""
    noise = np.random.default_rng(seed).integers(-1000, 2000, (count, size, size))
    grid = Grid.aligned((count, size, size), 1.0, (0, 0, 0))
    volume = Volume(hu=noise.astype(np.int16), grid=grid)
    uid = write_ct_series(volume, folder, description="Noise", patient_name="Test^Archive")
    return uid, sorted(folder.glob("*.dcm"))
