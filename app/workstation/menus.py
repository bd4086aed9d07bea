"""The menus and their keys."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu

from app.workstation.compare_strip import mode_action
from app.workstation.style.palette import THEMES, theme
from app.workstation.view_menus import add_view_menus
from app.workstation.viewpoint import PRESETS, Compare, Tool
from app.workstation.words import LANGUAGES

if TYPE_CHECKING:
    from app.workstation.window import Window

TOOL_KEYS = {
    Tool.CROSSHAIR: "X",
    Tool.WINDOW: "W",
    Tool.PAN: "P",
    Tool.DRAW_WAY: "D",
    Tool.LENGTH: "Shift+L",
    Tool.ANGLE: "Shift+A",
    Tool.REGION: "Shift+E",
    Tool.TURN: "Shift+O",
}

COMPARE_KEYS = {
    Compare.FUSED: "F",
    Compare.SWIPE: "Shift+F",
    Compare.CHECKER: "Ctrl+Shift+F",
    Compare.BESIDE: "S",
}

Keys = QKeySequence.StandardKey | str | None


def build_menus(window: Window) -> None:
    """Build the menu bar in the language in use.

    Parameters
    ----------
    window : Window
        Whose menu bar is empty.
    """
    _file_menu(window)
    _edit_menu(window)
    _view_menu(window)
    _follow_up_menu(window)
    _library_menu(window)
    _picture_menu(window)
    _settings_menu(window)
    _help_menu(window)


def _menu(window: Window, key: str) -> QMenu:
    menu = QMenu(window.words(key), window)
    window.menuBar().addMenu(menu)
    return menu


def _add(
    menu: QMenu, text: str, action: Callable[[], object], keys: Keys = None, needs: str = ""
) -> QAction:
    made = QAction(text, menu)
    if keys is not None:
        made.setShortcut(QKeySequence(keys))
    made.setProperty("needs", needs)
    made.triggered.connect(lambda _checked=False: action())
    menu.addAction(made)
    return made


def _file_menu(window: Window) -> None:
    words, standard = window.words, QKeySequence.StandardKey
    menu = _menu(window, "menus.file")
    _add(menu, words("study.open_folder"), window.ask_folder, standard.Open)
    _add(menu, words("study.open_file"), window.ask_file)
    _add(menu, words("menus.open_plan"), window.ask_plan, "Ctrl+Shift+O")
    _add(menu, words("menus.recover"), window.ask_autosaved)
    menu.addSeparator()
    _add(menu, words("menus.save"), window.save, standard.Save, "case")
    _add(menu, words("menus.save_as"), window.save_as, "Ctrl+Shift+S", "case")
    menu.addSeparator()
    _add(menu, words("menus.quit"), window.close, "Ctrl+Q")


def _edit_menu(window: Window) -> None:
    words = window.words
    menu = _menu(window, "menus.edit")
    _add(menu, words("menus.undo"), window.session.undo, "Ctrl+Z", "undo")
    _add(menu, words("menus.redo"), window.session.redo, "Ctrl+Shift+Z", "redo")


def _follow_up_menu(window: Window) -> None:
    menu = _menu(window, "menus.follow_up")
    _add(menu, window.words("menus.follow_up_lesion"), window.show_follow_up, "Ctrl+U", "case")
    _add(menu, window.words("menus.follow_up_series"), window.show_series, "Ctrl+Shift+U")


def _library_menu(window: Window) -> None:
    menu = _menu(window, "menus.library")
    _add(menu, window.words("menus.library_show"), window.show_library, "Ctrl+L")
    _add(menu, window.words("menus.exercises_show"), window.show_exercises, "Ctrl+E")


def _view_menu(window: Window) -> None:
    words, viewpoint, board = window.words, window.viewpoint, window.board
    menu = _menu(window, "menus.view")
    for number, name in enumerate(PRESETS, start=1):
        _add(
            menu,
            words(f"windows.{name}"),
            partial(viewpoint.use_preset, name),
            str(number),
        )
    menu.addSeparator()
    for tool, key in TOOL_KEYS.items():
        _add(
            menu,
            words(f"tools.{tool.value}"),
            partial(viewpoint.change, tool=tool),
            key,
        )
    _add(menu, words("menus.remove_annotation"), board.remove_annotation, "Del")
    _add(menu, words("menus.remove_annotations"), board.remove_annotations)
    menu.addSeparator()
    add_view_menus(window, menu)
    menu.addSeparator()
    _toggle(window, menu, "shows_crosshair", "H")
    _toggle(window, menu, "shows_skeleton", "B")
    _toggle(window, menu, "shows_isotherms", "I")
    _toggle(window, menu, "shows_proposals", "N")
    _toggle(window, menu, "shows_skin", "K")
    _toggle(window, menu, "shows_needle_planes", "V")
    menu.addSeparator()
    _compare_menu(window, menu)
    menu.addSeparator()
    _add(menu, words("menus.reset"), board.reset, "R")
    _add(menu, words("menus.straighten"), viewpoint.straighten, "Shift+R")
    _add(menu, words("menus.look_at_lesion"), board.look_at_lesion, "L")


def _compare_menu(window: Window, menu: QMenu) -> None:
    """Add what opens a second series, and the keys of the ways it is shown."""
    words = window.words
    _add(menu, words("compare.open_folder"), window.compare_folder, "Ctrl+K", "case")
    _add(menu, words("compare.open_file"), window.compare_file, "Ctrl+Shift+K", "case")
    for mode, key in COMPARE_KEYS.items():
        action = mode_action(window.viewpoint, window.session, mode)
        _add(menu, words(f"compare.modes.{mode.value}"), action, key, "case")


def _toggle(window: Window, menu: QMenu, field: str, key: str) -> None:
    viewpoint = window.viewpoint
    action = QAction(window.words(f"menus.{field}"), menu)
    action.setCheckable(True)
    action.setShortcut(QKeySequence(key))
    action.setChecked(getattr(viewpoint.look, field))
    action.toggled.connect(lambda on: viewpoint.change(**{field: on}))
    follow = viewpoint.subscribe(lambda look: action.setChecked(getattr(look, field)))
    action.destroyed.connect(follow)
    menu.addAction(action)


def _picture_menu(window: Window) -> None:
    words, pictures = window.words, window.pictures
    menu = _menu(window, "menus.picture")
    _add(menu, words("menus.picture_report"), pictures.keep_view, "F12", "case")
    _add(menu, words("menus.picture_report_all"), pictures.keep_all, "Shift+F12", "case")
    _add(menu, words("menus.picture_clipboard"), pictures.copy_view, "Ctrl+Shift+C", "case")
    _add(menu, words("menus.picture_file"), pictures.ask_file, "Ctrl+F12", "case")


def _settings_menu(window: Window) -> None:
    words = window.words
    menu = _menu(window, "menus.settings")
    languages = QActionGroup(menu)
    for language in LANGUAGES:
        action = _choice(menu, languages, words(f"languages.{language}"))
        action.setChecked(language == words.language)
        action.triggered.connect(lambda _on=False, one=language: window.use_language_later(one))
    menu.addSeparator()
    themes = QActionGroup(menu)
    for name in THEMES:
        action = _choice(menu, themes, words(f"themes.{name}"))
        action.setChecked(name == theme().name)
        action.triggered.connect(lambda _on=False, one=name: window.use_theme_later(one))


def _choice(menu: QMenu, group: QActionGroup, text: str) -> QAction:
    action = QAction(text, menu)
    action.setCheckable(True)
    group.addAction(action)
    menu.addAction(action)
    return action


def _help_menu(window: Window) -> None:
    words = window.words
    menu = _menu(window, "menus.help")
    _add(menu, words("menus.keys"), window.show_keys, "F1")
    _add(menu, words("menus.tour"), window.show_tour)
    _add(menu, words("menus.about"), window.show_about)
