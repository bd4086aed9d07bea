"""The sheet of shortcuts: every key that does something, by menu."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QGridLayout,
    QMenu,
    QMenuBar,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.workstation.steps.panel import label
from app.workstation.words import Words

COLUMNS = 2
WIDTH, HEIGHT = 860, 640
# Keys that no menu shows: key of the words, and how the key is written.
ELSEWHERE = {
    "views": ("wheel", "ctrl_wheel", "right_drag", "middle_drag", "ctrl_drag", "double_click"),
    "form": ("enter", "shift_enter", "yes_no", "backspace", "f8"),
    "steps": ("alt_number",),
}


@dataclass(frozen=True)
class Key:
    """A key and what it does.

    Parameters
    ----------
    keys : str
        As the system writes them.
    does : str
        In words.
    """

    keys: str
    does: str


def keys_of(bar: QMenuBar, words: Words) -> dict[str, tuple[Key, ...]]:
    """Return every key by where it is found.

    Parameters
    ----------
    bar : QMenuBar
        Of the window.
    words : Words
        Of the screen.

    Returns
    -------
    dict
        Names of menus and places, with their keys.
    """
    native = QKeySequence.SequenceFormat.NativeText
    found: dict[str, tuple[Key, ...]] = {}
    for top in bar.actions():
        menu = _menu_of(top)
        if menu is None:
            continue
        keys = [
            Key(action.shortcut().toString(native), _plain(action.text()))
            for action in _actions(menu.actions())
            if not action.shortcut().isEmpty()
        ]
        if keys:
            found[_plain(top.text())] = tuple(keys)
    for place, names in ELSEWHERE.items():
        found[words(f"keys.{place}")] = tuple(
            Key(words(f"keys.{name}"), words(f"keys.{name}_does")) for name in names
        )
    return found


def _actions(actions: list[QAction]) -> list[QAction]:
    found = []
    for action in actions:
        inner = _menu_of(action)
        found += [action] if inner is None else _actions(inner.actions())
    return found


def _menu_of(action: QAction) -> QMenu | None:
    found: object = action.menu()
    return found if isinstance(found, QMenu) else None


def _plain(text: str) -> str:
    return text.replace("&", "").strip()


class KeySheet(QDialog):
    """All shortcuts at a glance.

    Parameters
    ----------
    parent : QWidget
        The window.
    keys : dict
        As :func:`keys_of` returns them.
    words : Words
        Of the screen.
    """

    def __init__(self, parent: QWidget, keys: dict[str, tuple[Key, ...]], words: Words) -> None:
        super().__init__(parent)
        self.setWindowTitle(words("menus.keys"))
        self.resize(WIDTH, HEIGHT)
        inside = QWidget()
        grid = QGridLayout(inside)
        grid.setContentsMargins(18, 14, 18, 14)
        grid.setHorizontalSpacing(26)
        columns = [QVBoxLayout() for _ in range(COLUMNS)]
        heights = [0] * COLUMNS
        for name, rows in sorted(keys.items(), key=lambda one: -len(one[1])):
            place = heights.index(min(heights))
            columns[place].addWidget(_block(name, rows))
            heights[place] += len(rows) + 2
        for number, column in enumerate(columns):
            column.addStretch(1)
            grid.addLayout(column, 0, number)
            grid.setColumnStretch(number, 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(inside)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(area)


def _block(name: str, rows: tuple[Key, ...]) -> QWidget:
    made = QWidget()
    grid = QGridLayout(made)
    grid.setContentsMargins(0, 0, 0, 8)
    grid.setHorizontalSpacing(14)
    grid.setVerticalSpacing(4)
    grid.setColumnStretch(1, 1)
    grid.addWidget(label(name, "section"), 0, 0, 1, 2)
    for number, row in enumerate(rows, start=1):
        key = label(row.keys, "key")
        key.setWordWrap(False)
        grid.addWidget(key, number, 0)
        grid.addWidget(label(row.does), number, 1)
    return made
