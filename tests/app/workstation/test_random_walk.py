"""A hand that does anything, in any order: no exception, no hang, no leak."""

from __future__ import annotations

import gc
import random
import sys
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from imaging.phantom.cases import GeneratedCase
from planning.plan import Case
from planning.procedure import with_lesion
from tests.app.workstation.conftest import Driver

if TYPE_CHECKING:
    from app.workstation.window import Window

SHORT, LONG = 120, 5000
WARM_UP = 400  # actions after which memory is looked at first: caches are filled by then
MOST_GROWTH = 1.10
MOST_SECONDS = 20.0  # of one action; a hang is longer
# These open a dialog of the system, which waits for a hand; or end the program.
NOT_TRIED = ("open_folder", "open_file", "open_plan", "recover", "save_as", "save", "quit",
             "picture_file", "follow_up_series", "tour", "about", "keys", "follow_up_lesion",
             "compare")  # fmt: skip


@pytest.fixture
def failures() -> Iterator[list[str]]:
    """What nobody caught, also in Qt's own calls."""
    found: list[str] = []
    before = sys.excepthook

    def note(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        found.append(f"{kind.__name__}: {error}")
        before(kind, error, trace)

    sys.excepthook = note
    yield found
    sys.excepthook = before


@pytest.fixture
def window(driver: Driver, generated: GeneratedCase) -> Iterator[Window]:
    from PySide6.QtCore import QCoreApplication, QEvent

    from app.workstation.session import Session
    from app.workstation.window import Window
    from app.workstation.words import Words

    session = Session()
    made = Window(session, Words("en"))
    made.resize(1500, 900)
    made.show()
    case = with_lesion(Case.begin(generated.volume), generated.volume, generated.lesion)
    session._reset(generated.volume, case)
    driver.run(0.3)
    yield made
    made.use_theme("dark")
    made.close()
    made.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    driver.run()


class Hand:
    """Does something at random.

    Parameters
    ----------
    window : Window
        What it plays with.
    seed : int
        The same one does the same.
    """

    def __init__(self, window: Window, seed: int) -> None:
        self.window, self.choice = window, random.Random(seed)
        self.done: list[str] = []

    def act(self) -> None:
        """Do one thing."""
        actions: list[Callable[[], str]] = [
            self._pointer, self._pointer, self._wheel, self._key, self._key, self._step,
            self._answer, self._undo, self._redo, self._tool, self._look, self._outline,
            self._lesion, self._picture, self._language, self._double_click,
        ]  # fmt: skip
        self.done.append(self.choice.choice(actions)())
        self._read_what_is_told()

    def _read_what_is_told(self) -> None:
        """Close what the window tells: it takes nothing else until somebody has read it."""
        from PySide6.QtWidgets import QMessageBox

        for box in self.window.findChildren(QMessageBox):
            box.close()

    def _view(self) -> Any:
        board = self.window.board
        return self.choice.choice([v for v in board.shown_views() if v in board.all_slices] or
                                  [board.axial])  # fmt: skip

    def _place(self, view: Any) -> Any:
        from PySide6.QtCore import QPoint

        return QPoint(self.choice.randrange(max(view.width(), 1)),
                      self.choice.randrange(max(view.height(), 1)))  # fmt: skip

    def _pointer(self) -> str:
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        view = self._view()
        buttons = (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton,
                   Qt.MouseButton.MiddleButton)  # fmt: skip
        held = self.choice.choice((Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.NoModifier,
                                   Qt.KeyboardModifier.ShiftModifier,
                                   Qt.KeyboardModifier.ControlModifier))  # fmt: skip
        button = self.choice.choice(buttons)
        QTest.mousePress(view, button, held, self._place(view))
        for _ in range(self.choice.randrange(4)):
            QTest.mouseMove(view, self._place(view))
        QTest.mouseRelease(view, button, held, self._place(view))
        return f"drag in {view.name}"

    def _double_click(self) -> str:
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        view = self._view()
        QTest.mouseDClick(view, Qt.MouseButton.LeftButton, pos=self._place(view))
        return "double click"

    def _wheel(self) -> str:
        from PySide6.QtCore import QPoint, QPointF, Qt
        from PySide6.QtGui import QWheelEvent
        from PySide6.QtWidgets import QApplication

        view = self._view()
        place = QPointF(self._place(view))
        turned = QPoint(0, self.choice.choice((-480, -120, 120, 480)))
        held = self.choice.choice((Qt.KeyboardModifier.NoModifier,
                                   Qt.KeyboardModifier.ControlModifier))  # fmt: skip
        event = QWheelEvent(place, QPointF(view.mapToGlobal(place.toPoint())), QPoint(), turned,
                            Qt.MouseButton.NoButton, held, Qt.ScrollPhase.NoScrollPhase,
                            False)  # fmt: skip
        QApplication.sendEvent(view, event)
        return "wheel"

    def _key(self) -> str:
        from PySide6.QtGui import QAction

        words = self.window.words
        barred = {
            words(f"menus.{n}").replace("&", "") for n in NOT_TRIED if words.maybe(f"menus.{n}", "")
        }
        barred |= {words(f"study.{n}") for n in ("open_folder", "open_file")}
        actions = [
            one
            for one in self.window.menuBar().findChildren(QAction)
            if one.isEnabled() and not one.isSeparator() and one.menu() is None
            and one.text().replace("&", "") not in barred and not one.text().endswith("…")
        ]  # fmt: skip
        if not actions:
            return "no key"
        chosen = self.choice.choice(actions)
        text = chosen.text()
        chosen.trigger()
        return f"key {text}"

    def _step(self) -> str:
        from app.workstation.stages import Step

        step = self.choice.choice(list(Step))
        self.window.show_step(step)
        return f"step {step}"

    def _answer(self) -> str:
        from app.workstation.stages import Step

        panel: Any = self.window.panels[Step.TECHNIQUE]
        key = self.choice.choice(list(panel.fields))
        values = (None, True, False, 3, "x", 8.5, "lytic", "L3", "vertebra", "rib", 2000)
        field = panel.fields[key]
        if key == "antithrombotics":
            return "drugs left"
        field.show_value(self.choice.choice(values))
        panel.apply()
        return f"answer {key}"

    def _undo(self) -> str:
        self.window.session.undo()
        return "undo"

    def _redo(self) -> str:
        self.window.session.redo()
        return "redo"

    def _tool(self) -> str:
        from app.workstation.viewpoint import Tool

        tool = self.choice.choice(list(Tool))
        self.window.viewpoint.change(tool=tool)
        return f"tool {tool}"

    def _look(self) -> str:
        viewpoint = self.window.viewpoint
        self.window.board.look_at_lesion()
        viewpoint.set_window(self.choice.uniform(-900, 900), self.choice.uniform(1, 3000))
        return "look"

    def _outline(self) -> str:
        editing = self.window.session.editing
        if self.choice.random() < 0.5:
            editing.smooth()
        else:
            editing.fill_between((0.0, 0.0, 1.0))
        return "edit"

    def _lesion(self) -> str:
        editing = self.window.session.editing
        editing.edit_measure("length_mm", self.choice.uniform(10, 60))
        return "measure"

    def _picture(self) -> str:
        if len(self.window.session.reporting.pictures) < 12:
            self.window.pictures.keep_all()
        return "picture"

    def _language(self) -> str:
        if self.choice.random() < 0.15:
            self.window.use_language(self.choice.choice(("en", "fr")))
        return "language"


def walk(window: Window, driver: Driver, failures: list[str], steps: int, seed: int) -> list[int]:
    """Act, and return the memory in use (bytes) at the warm-up and at the end."""
    hand = Hand(window, seed)
    process = psutil.Process()
    held: list[int] = []
    for number in range(steps):
        begun = time.monotonic()
        hand.act()
        driver.run(0.005)
        took = time.monotonic() - begun
        assert failures == [], hand.done[-8:]
        assert took < MOST_SECONDS, hand.done[-3:]
        if number == min(WARM_UP, steps // 2):
            gc.collect()
            held.append(process.memory_info().rss)
    driver.until(lambda: not window.session.is_busy)
    gc.collect()
    held.append(process.memory_info().rss)
    return held


def test_a_short_walk_does_no_harm(window: Window, driver: Driver, failures: list[str]) -> None:
    walk(window, driver, failures, SHORT, seed=3)
    assert window.isVisible()
    assert window.session.case is not None


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_long_walk_does_no_harm_and_leaks_nothing(
    window: Window, driver: Driver, failures: list[str]
) -> None:
    first, last = walk(window, driver, failures, LONG, seed=11)
    assert last <= MOST_GROWTH * first, (first, last)
