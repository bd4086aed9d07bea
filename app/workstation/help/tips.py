"""Tool tips that teach: what a button does, and when one wants it."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QAbstractButton, QWidget

from app.workstation.words import Words
from imaging.tables import load_table


def tips_of(words: Words) -> dict[str, str]:
    """Return the tips by the texts of their buttons.

    Parameters
    ----------
    words : Words
        Of the screen.

    Returns
    -------
    dict
        Text of a button to its tip.
    """
    table: dict[str, Any] = load_table(f"translations/{words.language}")["tips"]
    return {
        words(f"{place}.{name}"): str(tip)
        for place, tips in table.items()
        for name, tip in tips.items()
    }


def give_tips(inside: QWidget, words: Words) -> None:
    """Give every button its tip that has none of its own.

    Parameters
    ----------
    inside : QWidget
        A panel or the rail.
    words : Words
        Of the screen.
    """
    tips = tips_of(words)
    for one in inside.findChildren(QAbstractButton):
        tip = tips.get(one.text())
        if tip and not one.toolTip():
            one.setToolTip(tip)
