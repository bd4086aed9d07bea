"""Sending to and receiving from an archive on this machine, against dcmtk's own tools."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from app.bench.timing import Timed, measure
from imaging.dicom.archive.peer import Peer
from imaging.dicom.archive.receive import Listening, receive
from imaging.dicom.archive.send import send
from imaging.dicom.write import write_ct_series
from imaging.geometry import Grid
from imaging.volume import Volume

IMAGES = 200
REPEATS = 3
OURS, THEIRS = "OSTEOPLAN", "STORESCU"
PATIENCE_S = 10.0


def bench_archive() -> list[dict[str, Any]]:
    """Measure C-STORE in both directions; peers only where dcmtk is installed."""
    with tempfile.TemporaryDirectory(prefix="osteoplan-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        noise = np.random.default_rng(0).integers(-900, 900, (IMAGES, 512, 512), dtype=np.int16)
        made = Volume(noise, Grid.aligned((IMAGES, 512, 512), 1.0, (0.0, 0.0, 0.0)))
        write_ct_series(made, folder / "ct", description="bench", patient_name="Bench")
        files = sorted((folder / "ct").iterdir())
        ours = stack.enter_context(_our_server(folder / "ours"))
        theirs = stack.enter_context(_dcmtk_server(folder / "theirs"))
        pushes = _pushes(folder / "ct", ours, theirs)
        target = theirs or ours
        sending = Timed(
            f"archive_send_{IMAGES}",
            lambda: send(Peer(port=target, called=OURS, calling=THEIRS), files),
            IMAGES,
            "images/s",
            {"storescu to the same server": pushes["same"]} if pushes else {},
        )
        rows = [measure(sending, REPEATS)]
        if pushes:
            receiving = Timed(
                f"archive_receive_{IMAGES}",
                pushes["ours"],
                IMAGES,
                "images/s",
                {"storescp from the same storescu": pushes["theirs"]},
            )
            rows.append(measure(receiving, REPEATS))
        return rows


def _pushes(source: Path, ours: int, theirs: int | None) -> dict[str, Callable[[], object]]:
    """Return what pushes the images by storescu to either server; empty without dcmtk."""
    program = shutil.which("storescu") or ""
    if not program or theirs is None:
        return {}
    both = theirs

    def push(port: int) -> None:
        command = [program, "-aec", OURS, "127.0.0.1", str(port), "+sd", str(source)]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own arguments

    return {
        "same": lambda: push(both),
        "ours": lambda: push(ours),
        "theirs": lambda: push(both),
    }


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait_for(port: int) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    message = "the server did not start"
    raise RuntimeError(message)


@contextmanager
def _our_server(folder: Path) -> Iterator[int]:
    port, stop = _free_port(), threading.Event()
    listening = Listening(OURS, (THEIRS,), port)
    thread = threading.Thread(
        target=receive, args=(folder, listening, 3600.0), kwargs={"stop": stop.is_set}
    )
    thread.start()
    try:
        _wait_for(port)
        yield port
    finally:
        stop.set()
        thread.join()


@contextmanager
def _dcmtk_server(folder: Path) -> Iterator[int | None]:
    program = shutil.which("storescp")
    if program is None:
        yield None
        return
    folder.mkdir()
    port = _free_port()
    command = [program, "--aetitle", OURS, "-od", str(folder), "+xa", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603 - our own arguments
    try:
        _wait_for(port)
        yield port
    finally:
        server.terminate()
        server.wait()
