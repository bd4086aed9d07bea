"""A real window on a small generated case; Qt warnings fail the tests."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imaging.phantom.cases import GeneratedCase, generate
from imaging.phantom.save import save_case

SPACING_MM = 3.0
MARGIN_MM = 95.0  # as far as the skin of the back


@pytest.fixture(scope="session")
def generated() -> GeneratedCase:
    """A block of a trunk with a lesion in L3, coarse."""
    return generate("vertebra", spacing_mm=SPACING_MM, margin_mm=MARGIN_MM)


@pytest.fixture(scope="session")
def ct_folder(generated: GeneratedCase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same trunk as a DICOM series."""
    folder = tmp_path_factory.mktemp("ct") / "case"
    save_case(folder, generated.volume, generated.lesion, generated.truth)
    return folder / "dicom"


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A screen to draw on; what Qt complains about fails the test."""
    if not os.environ.get("DISPLAY"):
        pytest.skip("no display; run the tests with ./run test")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler

    complaints: list[str] = []

    def listen(kind: QtMsgType, _context: QMessageLogContext, message: str) -> None:
        if kind in {QtMsgType.QtWarningMsg, QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg}:
            complaints.append(message)

    before = qInstallMessageHandler(listen)
    threads = set(threading.enumerate())
    yield
    qInstallMessageHandler(before)
    assert complaints == []
    assert set(threading.enumerate()) <= threads


class Driver:
    """Lets the application run until something is so."""

    def __init__(self) -> None:
        from app.workstation.application import make_application

        self.application = make_application()

    def run(self, seconds: float = 0.05) -> None:
        from PySide6.QtCore import QEvent

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.application.processEvents()
            time.sleep(0.002)
        # a loop of the application deletes what was asked for later; events alone do not
        self.application.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)

    def until(self, so: Callable[[], bool], most_s: float = 120.0) -> None:
        end = time.monotonic() + most_s
        while not so():
            assert time.monotonic() < end, "waited in vain"
            self.run(0.02)
        self.run()


@pytest.fixture
def driver(screen: None) -> Driver:
    """The application, driven by the test."""
    return Driver()
