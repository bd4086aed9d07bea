"""Fields of the forms of follow-up: typed, empty for unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from PySide6.QtWidgets import QComboBox, QGridLayout, QLineEdit, QWidget

from app.workstation.steps.panel import combo, label
from app.workstation.words import Words

MOST_TYPED = 160
NAME_WIDTH = 170  # of one column of fields


class Fields(QWidget):
    """Named fields in columns; each is empty, or unknown, until somebody fills it.

    Parameters
    ----------
    words : Words
        Of the screen.
    columns : int
        Pairs of name and field side by side.
    """

    def __init__(self, words: Words, columns: int = 1) -> None:
        super().__init__()
        self._words, self._columns = words, columns
        self._fields: dict[str, QLineEdit | QComboBox] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(7)
        for column in range(columns):
            self._grid.setColumnStretch(2 * column + 1, 1)
            self._grid.setColumnMinimumWidth(2 * column, NAME_WIDTH if columns == 1 else 0)

    def __getitem__(self, key: str) -> QLineEdit | QComboBox:
        """Return a field by its key."""
        return self._fields[key]

    def add_text(self, key: str, hint: str = "", done: Callable[[], object] | None = None) -> None:
        """Add a field to type in.

        Parameters
        ----------
        key : str
            Of its name in the words, below ``follow_up.fields``.
        hint : str
            What is expected, shown while it is empty.
        done : callable or None
            Called by the Enter key.
        """
        line = QLineEdit()
        line.setMaxLength(MOST_TYPED)
        line.setPlaceholderText(hint or self._words("answers_said.unknown"))
        if done is not None:
            line.returnPressed.connect(done)
        self._add(key, line)

    def add_choice(
        self, key: str, choices: Iterable[tuple[str, object]], *, has_unknown: bool = True
    ) -> QComboBox:
        """Add a field to choose in.

        Parameters
        ----------
        key : str
            Of its name in the words.
        choices : iterable of tuple
            Name and value.
        has_unknown : bool
            Begin with unknown.

        Returns
        -------
        QComboBox
            The field.
        """
        choice = combo()
        if has_unknown:
            choice.addItem(self._words("answers_said.unknown"), None)
        for name, value in choices:
            choice.addItem(name, value)
        self._add(key, choice)
        return choice

    def add_yes_no(self, key: str) -> None:
        """Add a field of yes and no.

        Parameters
        ----------
        key : str
            Of its name in the words.
        """
        words = self._words
        said = [(words("answers_said.yes"), True), (words("answers_said.no"), False)]
        self.add_choice(key, said)

    def _add(self, key: str, field: QLineEdit | QComboBox) -> None:
        place = len(self._fields)
        row, column = divmod(place, self._columns)
        name = self._words(f"follow_up.fields.{key}")
        field.setAccessibleName(name)
        said = label(name, "quiet")
        said.setBuddy(field)
        self._grid.addWidget(said, row, 2 * column)
        self._grid.addWidget(field, row, 2 * column + 1)
        self._fields[key] = field

    def values(self) -> dict[str, Any]:
        """Return what was filled in, as JSON holds it; None is unknown.

        Returns
        -------
        dict
            By key; text that is no number stays text, which the checks refuse.
        """
        return {key: _value(field) for key, field in self._fields.items()}

    def show_values(self, values: dict[str, Any]) -> None:
        """Fill the fields.

        Parameters
        ----------
        values : dict
            By key; those left out are emptied.
        """
        for key, field in self._fields.items():
            value = values.get(key)
            if isinstance(field, QComboBox):
                field.setCurrentIndex(max(field.findData(value), 0))
            else:
                field.setText(self._text(value))
        self.mark(())

    def mark(self, keys: Iterable[str]) -> None:
        """Mark fields that hold something wrong.

        Parameters
        ----------
        keys : iterable of str
            Others are unmarked.
        """
        wrong = set(keys)
        for key, field in self._fields.items():
            field.setProperty("wrong", "true" if key in wrong else "false")
            field.style().unpolish(field)
            field.style().polish(field)

    def _text(self, value: object) -> str:
        if value is None:
            return ""
        if isinstance(value, float):
            text = f"{value:g}"
            return text.replace(".", ",") if self._words.language == "fr" else text
        return str(value)


def _value(field: QLineEdit | QComboBox) -> Any:  # noqa: ANN401 - JSON
    if isinstance(field, QComboBox):
        return field.currentData()
    return field.text().strip() or None


def as_number(value: object) -> object:
    """Return what was typed as a number, with comma or full stop.

    Parameters
    ----------
    value : object
        As typed.

    Returns
    -------
    object
        int, float, or the same where it is no number.
    """
    if not isinstance(value, str):
        return value
    text = value.replace(",", ".").replace("\N{MINUS SIGN}", "-")
    try:
        number = float(text)
    except ValueError:
        return value
    return int(number) if number.is_integer() else number
