"""A field for every kind of answer; what nobody answered is unknown, never normal."""

# ruff: noqa: N802 - Qt calls these methods by its own names

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, Literal, Union, get_args, get_origin

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.workstation.steps.panel import combo, empty, is_typed
from app.workstation.words import Words
from planning.technique.answers import Answers, Drug

NUMBER_DIGITS = 1


def field_type(key: str) -> Any:  # noqa: ANN401 - annotations are of any kind
    """Return what a key of the answers holds, without the None.

    Parameters
    ----------
    key : str
        Dotted for nested keys.

    Returns
    -------
    type
        bool, int, float, str, a Literal, a tuple or a document.
    """
    model: Any = Answers
    annotation: Any = None
    for part in key.split("."):
        annotation = _without_none(model.model_fields[part].annotation)
        model = annotation
    return annotation


def _without_none(annotation: Any) -> Any:  # noqa: ANN401 - annotations are of any kind
    if get_origin(annotation) in {Union, types.UnionType}:
        kept = [one for one in get_args(annotation) if one is not type(None)]
        annotation = kept[0]
    while hasattr(annotation, "__metadata__"):
        annotation = get_args(annotation)[0]
    return annotation


class Answer(QWidget):
    """A field that the CT may answer until the physician does."""

    _measured: Any = None

    def value(self) -> Any:  # noqa: ANN401 - as JSON holds it
        """Return the answer as JSON holds it; None is unknown."""
        raise NotImplementedError

    def show_value(self, value: object) -> None:
        """Show an answer without telling that it changed.

        Parameters
        ----------
        value : object
            As JSON holds it; None is unknown.
        """
        raise NotImplementedError

    def confirm(self) -> bool:
        """Take what the CT says as the physician's answer where nobody answered.

        Returns
        -------
        bool
            Whether something was taken.
        """
        if self._measured is None or self.value() is not None:
            return False
        self.show_value(self._measured)
        return True


class Question(Answer):
    """One field; its value is None while nobody answered.

    Parameters
    ----------
    key : str
        Dotted for nested keys.
    words : Words
        Of the screen.
    changed : callable
        Takes nothing; called when the user answers.
    """

    def __init__(self, key: str, words: Words, changed: Callable[[], None]) -> None:
        super().__init__()
        self.key, self._words, self._changed = key, words, changed
        self._kind = field_type(key)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._choice: QComboBox | None = None
        self._line: QLineEdit | None = None
        if get_origin(self._kind) is Literal:
            self._choice = self._make_choice()
            layout.addWidget(self._choice)
        else:
            self._line = QLineEdit()
            self._line.setPlaceholderText(words("answers_said.unknown"))
            self._line.setAccessibleName(words(f"answers.{key}"))
            self._line.textEdited.connect(lambda _text: self._changed())
            layout.addWidget(self._line)

    def _make_choice(self) -> QComboBox:
        choice = combo()
        choice.setAccessibleName(self._words(f"answers.{self.key}"))
        choice.addItem(self._words("answers_said.unknown"), None)
        for value in get_args(self._kind):
            choice.addItem(self._name(value), value)
        choice.activated.connect(lambda _index: self._changed())
        return choice

    def _name(self, value: object) -> str:
        if self.key == "escc":
            return str(value)
        return self._words.maybe(f"options.{value}", str(value))

    def value(self) -> Any:  # noqa: ANN401 - as JSON holds it
        """Return the answer as JSON holds it; text that is no number stays text."""
        if self._choice is not None:
            return self._choice.currentData()
        text = self._line.text().strip() if self._line is not None else ""
        if not text:
            return None
        if self._kind in {float, int}:
            try:
                number = float(text.replace(",", ".").replace("\N{MINUS SIGN}", "-"))
            except ValueError:
                return text
            return int(number) if number.is_integer() else number
        return text.upper() if self.key == "level" else text

    def show_value(self, value: object) -> None:
        """Show an answer without telling that it changed.

        Parameters
        ----------
        value : object
            As JSON holds it; None is unknown.
        """
        if self._choice is not None:
            self._choice.setCurrentIndex(max(self._choice.findData(value), 0))
        elif self._line is not None and self.value() != value:
            number = isinstance(value, int | float)
            self._line.setText("" if value is None else f"{value:g}" if number else str(value))

    def show_measured(self, value: object) -> None:
        """Show what the CT says as long as nobody answered.

        Parameters
        ----------
        value : object
            As JSON holds it; None where the CT says nothing.
        """
        self._measured = value
        told = self._words("answers_said.unknown")
        if value is not None:
            if isinstance(value, float):
                shown = self._words.number(value, NUMBER_DIGITS)
            else:
                shown = self._name(value)
            told = self._words("technique.from_ct", value=shown)
        if self._choice is not None:
            self._choice.setItemText(0, told)
        elif self._line is not None:
            self._line.setPlaceholderText(told)

    @property
    def entry(self) -> QWidget:
        """What takes the keyboard."""
        return self._choice or self._line or self

    def show_wrong(self, message: str) -> None:
        """Mark the field as refused.

        Parameters
        ----------
        message : str
            Why; empty when nothing is wrong.
        """
        field = self._line or self._choice
        if field is not None:
            field.setToolTip(message)
            _set_look(field, wrong=bool(message))


class YesNo(Answer):
    """Yes, no, or nothing known; answered by a click or a key.

    Parameters
    ----------
    key : str
        Dotted for nested keys.
    words : Words
        Of the screen.
    changed : callable
        Takes nothing; called when the user answers.
    """

    def __init__(self, key: str, words: Words, changed: Callable[[], None]) -> None:
        super().__init__()
        self.key, self._words, self._changed = key, words, changed
        self._buttons: dict[bool, QPushButton] = {}
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(words(f"answers.{key}"))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for value in (True, False):
            made = QPushButton(words("answers_said.yes" if value else "answers_said.no"))
            made.setObjectName("choice")
            made.setCheckable(True)
            made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            made.clicked.connect(lambda checked, value=value: self._set(value if checked else None))
            layout.addWidget(made)
            self._buttons[value] = made
        self._keys = {
            **dict.fromkeys("1y", True),
            words("answers_said.yes")[0].lower(): True,
            **dict.fromkeys("0n", False),
            "?": None,
            " ": None,
        }

    def value(self) -> bool | None:
        """Return the answer; None is unknown."""
        return next((value for value, one in self._buttons.items() if one.isChecked()), None)

    def show_value(self, value: object) -> None:
        """Show an answer without telling that it changed.

        Parameters
        ----------
        value : object
            As JSON holds it; None is unknown.
        """
        for known, one in self._buttons.items():
            one.setChecked(value is known)
        self._show_state()

    def show_measured(self, value: object) -> None:
        """Show what the CT says as long as nobody answered.

        Parameters
        ----------
        value : object
            As JSON holds it; None where the CT says nothing.
        """
        self._measured = value if isinstance(value, bool) else None
        self._show_state()

    @property
    def entry(self) -> QWidget:
        """What takes the keyboard."""
        return self

    def show_wrong(self, message: str) -> None:
        """Tell why the answer is refused.

        Parameters
        ----------
        message : str
            Empty when nothing is wrong.
        """
        self.setToolTip(message)

    def event(self, event: QEvent) -> bool:
        """Keep a key that answers from the shortcuts of the window."""
        if is_typed(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Answer by a key: y or n, the first letter of yes in the screen's language, 1 or 0."""
        if event.key() in {Qt.Key.Key_Backspace, Qt.Key.Key_Delete}:
            self._set(None)
        elif event.text() and event.text().lower() in self._keys:
            self._set(self._keys[event.text().lower()])
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show that the keyboard answers here."""
        super().focusInEvent(event)
        self._show_state()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Show that the keyboard went on."""
        super().focusOutEvent(event)
        self._show_state()

    def _set(self, value: bool | None) -> None:
        self.show_value(value)
        self._changed()

    def _show_state(self) -> None:
        for value, one in self._buttons.items():
            by_ct = self.value() is None and self._measured is value
            name = self._words("answers_said.yes" if value else "answers_said.no")
            one.setText(self._words("technique.from_ct", value=name) if by_ct else name)
            _set_look(one, measured=by_ct, reached=self.hasFocus())


class DrugList(QWidget):
    """The antithrombotics: unknown, none, or a list with the hours since the last dose.

    Parameters
    ----------
    words : Words
        Of the screen.
    changed : callable
        Takes nothing; called when the user answers.
    """

    key = "antithrombotics"

    def __init__(self, words: Words, changed: Callable[[], None]) -> None:
        super().__init__()
        self._words, self._changed = words, changed
        self._rows: list[tuple[QComboBox, QLineEdit]] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self._taken = combo()
        for value in ("unknown", "none", "some"):
            self._taken.addItem(words(f"technique.drugs_{value}"), value)
        self._taken.setAccessibleName(words("answers.antithrombotics"))
        self._taken.activated.connect(self._taken_changed)
        column.addWidget(self._taken)
        self._list = QVBoxLayout()
        column.addLayout(self._list)
        self._more = QPushButton(words("technique.drug_more"))
        self._more.clicked.connect(lambda _checked=False: self._add_row(None, None))
        column.addWidget(self._more)
        self.show_value(None)

    def value(self) -> list[dict[str, Any]] | None:
        """Return the list; None is unknown, an empty list is none."""
        taken = self._taken.currentData()
        if taken != "some":
            return [] if taken == "none" else None
        rows: list[dict[str, Any]] = []
        for drug, hours in self._rows:
            said = hours.text().strip().replace(",", ".")
            try:
                since: float | str | None = float(said) if said else None
            except ValueError:
                since = said
            rows.append({"drug": drug.currentData(), "hours_since": since})
        return rows

    def show_value(self, value: object) -> None:
        """Show a list without telling that it changed.

        Parameters
        ----------
        value : object
            As JSON holds it; None is unknown.
        """
        if value == self.value() and self._rows:
            return
        empty(self._list)
        self._rows.clear()
        rows = value if isinstance(value, list) else []
        self._taken.setCurrentIndex(0 if value is None else 2 if rows else 1)
        for one in rows:
            self._add_row(one["drug"], one["hours_since"], tell=False)
        self._more.setVisible(bool(rows))

    def show_measured(self, value: object) -> None:
        """Do nothing: no CT shows a drug."""

    def confirm(self) -> bool:
        """Return False: no CT shows a drug."""
        return False

    @property
    def entry(self) -> QWidget:
        """What takes the keyboard."""
        return self._taken

    def show_wrong(self, message: str) -> None:
        """Tell why the list is refused.

        Parameters
        ----------
        message : str
            Empty when nothing is wrong.
        """
        self._taken.setToolTip(message)

    def _taken_changed(self, _index: int) -> None:
        some = self._taken.currentData() == "some"
        if some and not self._rows:
            self._add_row(None, None, tell=False)
        if not some:
            empty(self._list)
            self._rows.clear()
        self._more.setVisible(some)
        self._changed()

    def _add_row(self, drug: str | None, hours: float | None, *, tell: bool = True) -> None:
        box, line = combo(), QLineEdit()
        for name in get_args(Drug):
            box.addItem(self._words.maybe(f"drugs.{name}", name), name)
        box.setCurrentIndex(max(box.findData(drug), 0))
        line.setPlaceholderText(self._words("technique.hours_since"))
        line.setText("" if hours is None else f"{hours:g}")
        box.activated.connect(lambda _index: self._changed())
        line.textEdited.connect(lambda _text: self._changed())
        holder = QWidget()
        inner = QHBoxLayout(holder)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(box, 3)
        inner.addWidget(line, 2)
        self._list.addWidget(holder)
        self._rows.append((box, line))
        if tell:
            self._changed()


def _set_look(widget: QWidget, **looks: bool) -> None:
    """Set properties that the style sheet looks at; applying it anew is slow."""
    if all(bool(widget.property(name)) == look for name, look in looks.items()):
        return
    for name, look in looks.items():
        widget.setProperty(name, look)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


Field = Question | YesNo | DrugList


def field_for(key: str, words: Words, changed: Callable[[], None]) -> Field:
    """Return the field of a key.

    Parameters
    ----------
    key : str
        Of the answers, dotted for nested keys.
    words : Words
        Of the screen.
    changed : callable
        Takes nothing; called when the user answers.

    Returns
    -------
    Question, YesNo or DrugList
        Empty.
    """
    if key == DrugList.key:
        return DrugList(words, changed)
    return (YesNo if field_type(key) is bool else Question)(key, words, changed)
