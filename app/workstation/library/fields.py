"""What a case of the library is found by, to be read and changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from PySide6.QtWidgets import (
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)

from app.workstation.steps.panel import combo, named_fields
from app.workstation.steps.technique.fields import field_type
from app.workstation.words import Words
from planning.library.model import CaseFields
from planning.words import option_name

SIDES = ("left", "right", "midline")
NOTES_HEIGHT = 92


def choices(key: str) -> tuple[str, ...]:
    """Return the values that an answer of the rules may have.

    Parameters
    ----------
    key : str
        ``bone`` or ``lesion_kind``.

    Returns
    -------
    tuple of str
        In their order.
    """
    return tuple(str(one) for one in get_args(field_type(key)))


def fill(made: QComboBox, values: tuple[str, ...], words: Words, none: str) -> None:
    """Offer values by their names, after one that stands for none.

    Parameters
    ----------
    made : QComboBox
        Emptied first; the value is its data.
    values : tuple of str
        As the plan has them.
    words : Words
        Of the screen.
    none : str
        What none is called.
    """
    made.blockSignals(True)
    before = made.currentData()
    made.clear()
    made.addItem(none, None)
    for value in values:
        made.addItem(words.maybe(f"techniques.{value}", option_name(value, words.language)), value)
    made.setCurrentIndex(max(made.findData(before), 0))
    made.blockSignals(False)


def tags_from(text: str) -> tuple[str, ...]:
    """Return the tags in a line, which commas part."""
    return tuple(tag for one in text.split(",") if (tag := " ".join(one.split())))


class CaseForm(QWidget):
    """The fields of a case.

    Parameters
    ----------
    words : Words
        Of the screen.
    changed : callable
        Told when the user has changed a field.
    """

    def __init__(self, words: Words, changed: Callable[[], None]) -> None:
        super().__init__()
        self._words, self._shown = words, CaseFields()
        self.title, self.tags, self.level = QLineEdit(), QLineEdit(), QLineEdit()
        self.site, self.side, self.kind = combo(), combo(), combo()
        self.notes = QPlainTextEdit()
        self.notes.setFixedHeight(NOTES_HEIGHT)
        self.notes.setTabChangesFocus(True)
        self.tags.setPlaceholderText(words("library.tags_hint"))
        self.level.setPlaceholderText("L3")
        none = words("library.unknown")
        fill(self.site, choices("bone"), words, none)
        fill(self.side, SIDES, words, none)
        fill(self.kind, choices("lesion_kind"), words, none)
        rows: dict[str, QWidget] = {
            "title": self.title,
            "site": self.site,
            "level": self.level,
            "side": self.side,
            "kind": self.kind,
            "tags": self.tags,
            "notes": self.notes,
        }
        self.setLayout(named_fields(rows, words, "library"))
        for line in (self.title, self.tags, self.level):
            line.textEdited.connect(lambda _text: changed())
        for choice in (self.site, self.side, self.kind):
            choice.currentIndexChanged.connect(lambda _index: changed())
        self.notes.textChanged.connect(changed)

    def show_fields(self, fields: CaseFields) -> None:
        """Show the fields of a case.

        Parameters
        ----------
        fields : CaseFields
            Of the case.
        """
        self._shown = fields
        everything = (self.title, self.tags, self.level, self.site, self.side, self.kind)
        for one in (*everything, self.notes):
            one.blockSignals(True)
        self.title.setText(fields.title)
        self.tags.setText(", ".join(fields.tags))
        self.level.setText(fields.level or "")
        for choice, value in (
            (self.site, fields.site),
            (self.side, fields.side),
            (self.kind, fields.kind),
        ):
            choice.setCurrentIndex(max(choice.findData(value), 0))
        self.notes.setPlainText(fields.notes)
        for one in (*everything, self.notes):
            one.blockSignals(False)

    def typed(self) -> dict[str, object]:
        """Return what the fields hold, to be checked."""
        return self._shown.model_dump() | {
            "title": self.title.text().strip(),
            "tags": tags_from(self.tags.text()),
            "level": self.level.text().strip() or None,
            "site": self.site.currentData(),
            "side": self.side.currentData(),
            "kind": self.kind.currentData(),
            "notes": self.notes.toPlainText(),
        }
