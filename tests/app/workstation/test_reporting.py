"""The report in the window: pictures without identity, arrangement, preview, archive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from app.report.export import chosen_captures
from app.report.pdf import write_pdf
from imaging.phantom.cases import GeneratedCase
from planning.plan import Case
from planning.procedure import with_lesion
from planning.report_choice import ALWAYS_SHOWN, ReportChoice
from planning.store import Picture
from tests.app.workstation.conftest import Driver

if TYPE_CHECKING:
    from app.workstation.window import Window


@pytest.fixture(scope="module")
def outlined(generated: GeneratedCase) -> Case:
    return with_lesion(Case.begin(generated.volume), generated.volume, generated.lesion)


@pytest.fixture
def window(driver: Driver, outlined: Case, generated: GeneratedCase) -> Iterator[Window]:
    from PySide6.QtCore import QCoreApplication, QEvent

    from app.workstation.session import Session
    from app.workstation.window import Window
    from app.workstation.words import Words

    session = Session()
    made = Window(session, Words("en"))
    made.show()
    session._reset(generated.volume, outlined)
    driver.run(0.3)
    yield made
    made.close()
    made.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    driver.run()


def kept(window: Window) -> Case:
    assert window.session.case is not None
    return window.session.case


def text_of(pdf: bytes) -> str:
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf)
    return "\n".join(page.get_textpage().get_text_range() for page in document)


def png(grey: int) -> bytes:
    import io

    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(np.full((40, 60), grey, np.uint8)).save(held, "PNG")
    return held.getvalue()


def test_a_section_is_left_out_but_never_one_that_must_be_there(outlined: Case) -> None:
    everything = ("pain", *ALWAYS_SHOWN)
    left = outlined.with_plan(report=ReportChoice(left_out=everything))
    whole, less = text_of(write_pdf(outlined, (), "en")), text_of(write_pdf(left, (), "en"))
    assert "Pain (VAS)" in whole
    assert "Pain (VAS)" not in less
    for title in ("Identity", "Contraindications", "Sign-off", "Rules cited"):
        assert title in less


def test_only_chosen_pictures_without_identity_are_in_the_report(outlined: Case) -> None:
    pictures = [Picture("capture-1.png", png(10)), Picture("capture-2.png", png(90)),
                Picture("capture-3.png", png(50), carries_identifiers=True)]  # fmt: skip
    names = ("capture-2.png", "capture-3.png", "capture-1.png", "gone.png")
    case = outlined.with_plan(report=ReportChoice(pictures=names))
    assert [one.name for one in chosen_captures(case, pictures)] == [
        "capture-2.png",
        "capture-1.png",
    ]
    assert "Views chosen" in text_of(write_pdf(case, chosen_captures(case, pictures), "en"))
    assert "Views chosen" not in text_of(write_pdf(case, (), "en"))


def test_a_key_takes_a_view_into_the_report(window: Window, driver: Driver) -> None:
    window.pictures.keep_all()
    window.pictures._keep(window.board.axial)
    names = kept(window).plan.report.pictures
    assert len(names) == 2
    assert [one.name for one in window.session.reporting.pictures] == list(names)
    window.session.undo()
    assert kept(window).plan.report.pictures == names[:1]
    window.session.keeper.wait()
    assert {one.name for one in window.session.keeper.pictures()} == set(names)


def test_a_picture_holds_the_view_and_the_strip_that_says_what_it_is(window: Window) -> None:
    whole = window.pictures.picture(None)
    one = window.pictures.picture(window.board.axial)
    assert one.width() < whole.width()
    strip = one.toImage().copy(0, one.height() - 40, one.width(), 40)
    colours = {strip.pixelColor(x, y).name() for x in range(0, strip.width(), 2)
               for y in range(0, strip.height(), 2)}  # fmt: skip
    from app.workstation.style.palette import WARNING

    assert WARNING.lower() in colours  # the planning-aid mark


def test_the_clipboard_gets_the_same_picture(window: Window, driver: Driver) -> None:
    from PySide6.QtGui import QGuiApplication

    window.pictures.copy_view()
    copied = QGuiApplication.clipboard().pixmap()
    seen = window.pictures.picture(window.pictures.view_under_pointer())
    assert copied.size() == seen.size()


def test_pictures_are_arranged_and_stay_with_the_plan(
    window: Window, driver: Driver, tmp_path: Path
) -> None:
    from app.workstation.stages import Step
    from app.workstation.steps.report.panel import ReportPanel

    for _ in range(2):
        window.pictures.keep_all()
    first, second = kept(window).plan.report.pictures
    panel = window.panels[Step.REPORT]
    assert isinstance(panel, ReportPanel)
    panel.arrangement.pictures.setCurrentRow(1)
    panel.arrangement._move(-1)
    assert kept(window).plan.report.pictures == (second, first)
    panel.arrangement.pictures.setCurrentRow(0)
    panel.arrangement._leave_out()
    assert kept(window).plan.report.pictures == (first,)
    assert window.session.save_as(tmp_path / "named.osteoplan")
    assert {one.name for one in window.session.keeper.pictures()} == {first, second}


def test_a_section_unticked_is_left_out(window: Window) -> None:
    from PySide6.QtCore import Qt

    from app.workstation.stages import Step
    from app.workstation.steps.report.panel import ReportPanel

    panel = window.panels[Step.REPORT]
    assert isinstance(panel, ReportPanel)
    listed = panel.arrangement.sections
    items = {listed.item(n).data(Qt.ItemDataRole.UserRole): listed.item(n)
             for n in range(listed.count())}  # fmt: skip
    items["pain"].setCheckState(Qt.CheckState.Unchecked)
    assert kept(window).plan.report.left_out == ("pain",)
    assert not items["identity"].flags() & Qt.ItemFlag.ItemIsEnabled


def test_the_preview_shows_the_pages_of_the_pdf(window: Window, driver: Driver) -> None:
    pages: list[tuple[bytes, ...]] = []
    window.session.reporting.preview("fr", pages.append)
    driver.until(lambda: bool(pages))
    assert len(pages[0]) >= 2
    assert all(page.startswith(b"\x89PNG") for page in pages[0])


def test_what_was_entered_of_an_archive_is_there_the_next_time(window: Window) -> None:
    from app.workstation.steps.report.archive import ArchiveDialog

    first = ArchiveDialog(window, "", window.words)
    assert first.peer().port == 4242
    first._fields["host"].setText("pacs.example")
    first._port.setValue(104)
    first._remote.setChecked(True)
    again = ArchiveDialog(window, first.text(), window.words)
    assert (again.peer().host, again.peer().port, again.peer().remote) == (
        "pacs.example",
        104,
        True,
    )
    damaged = ArchiveDialog(window, "x\ty", window.words)
    assert damaged.peer().host == "127.0.0.1"
