"""Keys, tour, themes: everything can be read and reached, in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from app.workstation.style.palette import DARK, LIGHT, Theme, contrast, style_sheet, use_theme
from imaging.geometry import Grid
from imaging.volume import SeriesInfo, Volume
from tests.app.workstation.conftest import Driver

if TYPE_CHECKING:
    from app.workstation.window import Window

READABLE = 4.5  # WCAG 2.2, level AA
NOT_ACTIVE = 3.0


@pytest.fixture(params=["en", "fr"])
def window(driver: Driver, request: pytest.FixtureRequest) -> Iterator[Window]:
    from PySide6.QtCore import QCoreApplication, QEvent

    from app.workstation.session import Session
    from app.workstation.window import Window
    from app.workstation.words import Words

    made = Window(Session(), Words(request.param))
    made.show()
    driver.run(0.2)
    yield made
    made.use_theme("dark")
    made.close()
    made.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    driver.run()


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda one: one.name)
def test_every_text_of_a_theme_can_be_read(theme: Theme) -> None:
    for back in (theme.background, theme.surface, theme.raised, theme.alternate):
        for text in (theme.ink, theme.quiet, theme.accent, theme.good, theme.warning, theme.bad):
            assert contrast(text, back) >= READABLE, (text, back)
        assert contrast(theme.disabled, back) >= NOT_ACTIVE
    for back in (theme.chosen, theme.selection):
        assert contrast(theme.ink, back) >= READABLE
    assert contrast(theme.on_accent, theme.accent) >= READABLE
    assert contrast(theme.on_accent, theme.accent_hover) >= READABLE
    for kind in ("good", "warning", "bad"):
        named = asdict(theme)
        assert contrast(named[kind], named[f"{kind}_back"]) >= READABLE


def test_the_style_sheet_has_every_colour_and_icon() -> None:
    try:
        for name in ("dark", "light", "unknown"):
            use_theme(name)
            text = style_sheet()
            assert "@" not in text
            assert ("-light.svg" in text) == (name == "light")
    finally:
        use_theme("dark")


def test_the_theme_changes_at_once_and_is_kept(window: Window, driver: Driver) -> None:
    from PySide6.QtWidgets import QApplication

    from app.workstation.preferences import THEME, Preferences

    window.use_theme("light")
    driver.run()
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    assert LIGHT.background in application.styleSheet()
    assert Preferences().get(THEME) == "light"


def test_every_key_is_on_the_sheet_and_none_is_given_twice(window: Window) -> None:
    from PySide6.QtGui import QAction, QKeySequence

    from app.workstation.help.keys import keys_of

    shown = keys_of(window.menuBar(), window.words)
    told = [key.keys for rows in shown.values() for key in rows]
    native = QKeySequence.SequenceFormat.NativeText
    given = [
        one.shortcut().toString(native)
        for one in window.findChildren(QAction)
        if not one.shortcut().isEmpty()
    ]
    assert len(given) == len(set(given))
    assert set(given) <= set(told)
    sheet = window.show_keys()
    assert sheet.isVisible()
    sheet.close()


def test_the_tour_goes_through_every_step(window: Window, driver: Driver) -> None:
    from app.workstation.help.tour import CARDS

    tour = window.show_tour()
    seen = []
    for _ in CARDS:
        seen.append(window.step)
        assert tour._text.text()
        hint = tour._text.heightForWidth(tour._text.width())
        assert hint <= tour._text.height() + 4, tour._text.text()
        tour._next.click()
    assert len(set(seen)) == len(CARDS) - 1
    assert not tour.isVisible()


def test_the_tour_ends_when_another_ct_than_its_own_is_opened(window: Window) -> None:
    from app.workstation.help.tour import tour_folder

    tour = window.show_tour()
    for path, shown in ((tour_folder() / "dicom", True), (Path("elsewhere"), False)):
        series = SeriesInfo(uid="1.2.3", path=str(path), description="")
        air = np.full((2, 2, 2), -1000, dtype=np.int16)
        tour.leave_for(Volume(air, Grid((2, 2, 2), np.eye(4)), series))
        assert tour.isVisible() is shown


def test_about_says_what_the_program_is_not(window: Window) -> None:
    box = window.show_about()
    assert window.words("app.disclaimer") in box.informativeText()
    box.close()


def test_every_tip_belongs_to_a_button_of_the_screen(window: Window) -> None:
    from PySide6.QtWidgets import QAbstractButton

    from app.workstation.help.tips import tips_of

    tips = tips_of(window.words)
    buttons = {one.text(): one for one in window.findChildren(QAbstractButton)}
    lost = [text for text in tips if text not in buttons]
    assert lost == []
    assert all(buttons[text].toolTip() for text in tips)
    bare = [
        one.text()
        for panel in (*window.panels.values(), window.rail)
        if panel is not None
        for one in panel.findChildren(QAbstractButton)
        if len(one.text()) > 3 and not one.toolTip() and one.objectName() not in ("choice", "close")
    ]
    assert len(bare) < 30, bare
