"""Menus below View: slabs, layouts, cine, and how the CT is seen in space."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu

from app.workstation.viewpoint import CINE_PER_S, Layout, Look, Rendering
from imaging.slabs import THICKNESSES_MM, Projection

if TYPE_CHECKING:
    from app.workstation.window import Window

LAYOUT_KEYS = {
    Layout.FOUR: "F2",
    Layout.COLUMNS: "F3",
    Layout.AXIAL_LARGE: "F4",
    Layout.SPACE_LARGE: "F5",
    Layout.AXIAL_ALONE: "F6",
}


def add_view_menus(window: Window, menu: QMenu) -> None:
    """Add the menus of the views.

    Parameters
    ----------
    window : Window
        With the words and the shared look.
    menu : QMenu
        The menu View.
    """
    _slab_menu(window, menu)
    _layout_menu(window, menu)
    _cine_menu(window, menu)
    _rendering_menu(window, menu)


def _submenu(window: Window, menu: QMenu, key: str) -> QMenu:
    made = QMenu(window.words(key), menu)
    menu.addMenu(made)
    return made


def _step(menu: QMenu, text: str, action: Callable[[], object], key: str) -> None:
    made = QAction(text, menu)
    made.setShortcut(QKeySequence(key))
    made.triggered.connect(lambda _checked=False: action())
    menu.addAction(made)


def _choices(
    window: Window,
    menu: QMenu,
    rows: list[tuple[str, Any, str]],
    value: Callable[[Look], object],
    choose: Callable[[Any], object],
) -> None:
    """Add values of which one is chosen; the mark follows the look."""
    group = QActionGroup(menu)
    actions = []
    for text, one, key in rows:
        action = QAction(text, menu)
        action.setCheckable(True)
        action.setChecked(value(window.viewpoint.look) == one)
        if key:
            action.setShortcut(QKeySequence(key))
        action.triggered.connect(partial(_chosen, choose, one))
        group.addAction(action)
        menu.addAction(action)
        actions.append((action, one))

    def follow(look: Look) -> None:
        for action, one in actions:
            action.setChecked(value(look) == one)

    group.destroyed.connect(window.viewpoint.subscribe(follow))


def _chosen(choose: Callable[[Any], object], one: object, _checked: bool = False) -> None:
    choose(one)


def _slab_menu(window: Window, menu: QMenu) -> None:
    words, viewpoint = window.words, window.viewpoint
    made = _submenu(window, menu, "menus.slab")
    _step(made, words("slabs.thicker"), partial(viewpoint.thicken, 1), "T")
    _step(made, words("slabs.thinner"), partial(viewpoint.thicken, -1), "Shift+T")
    _step(made, words("slabs.next"), viewpoint.next_projection, "M")
    made.addSeparator()
    rows = [(words("slabs.thin") if mm == 0 else f"{mm:.0f} mm", mm, "") for mm in THICKNESSES_MM]
    _choices(window, made, rows, lambda look: look.slab.thickness_mm, viewpoint.set_thickness)
    made.addSeparator()
    kinds = [(words(f"slabs.{one.value}"), one, "") for one in Projection]
    _choices(window, made, kinds, lambda look: look.slab.projection, viewpoint.project)


def _layout_menu(window: Window, menu: QMenu) -> None:
    words, viewpoint = window.words, window.viewpoint
    made = _submenu(window, menu, "menus.layout")
    rows = [(words(f"layouts.{one.value}"), one, key) for one, key in LAYOUT_KEYS.items()]
    _choices(window, made, rows, lambda look: look.layout, lambda one: viewpoint.change(layout=one))


def _cine_menu(window: Window, menu: QMenu) -> None:
    words, viewpoint = window.words, window.viewpoint
    made = _submenu(window, menu, "menus.cine")
    _step(
        made,
        words("cine.play"),
        lambda: viewpoint.change(is_playing=not viewpoint.look.is_playing),
        "C",
    )
    _step(made, words("cine.faster"), viewpoint.next_cine_speed, "Shift+C")
    made.addSeparator()
    rows = [(words("cine.per_s", count=count), count, "") for count in CINE_PER_S]
    _choices(
        window,
        made,
        rows,
        lambda look: look.cine_per_s,
        lambda one: viewpoint.change(cine_per_s=one),
    )


def _rendering_menu(window: Window, menu: QMenu) -> None:
    words, viewpoint = window.words, window.viewpoint
    made = _submenu(window, menu, "menus.rendering")
    _step(made, words("renderings.next"), viewpoint.next_rendering, "Shift+V")
    made.addSeparator()
    rows = [(words(f"renderings.{one.value}"), one, "") for one in Rendering]
    _choices(
        window, made, rows, lambda look: look.rendering, lambda one: viewpoint.change(rendering=one)
    )
