"""What the panels of all steps share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLayout,
    QPushButton,
    QScrollArea,
    QTableWidget,
    QVBoxLayout,
    QWidget,
)

from app.workstation.session import Session
from app.workstation.stages import Activity, Topic
from app.workstation.viewpoint import Viewpoint
from app.workstation.views.board import Board
from app.workstation.words import Words
from imaging.errors import Problem
from planning.plan import Case
from planning.teaching.exercise import Visible

ROW_HEIGHT = 27


@dataclass(frozen=True, eq=False)
class Desk:
    """What a panel works with.

    Parameters
    ----------
    session : Session
        The open case.
    viewpoint : Viewpoint
        Shared look.
    words : Words
        Of the screen.
    board : Board
        The views.
    """

    session: Session
    viewpoint: Viewpoint
    words: Words
    board: Board


class Panel(QScrollArea):
    """A step's panel: observes the session, changes it only through its methods.

    Parameters
    ----------
    desk : Desk
        What it works with.
    step : str
        Key of its words.
    """

    def __init__(self, desk: Desk, step: str) -> None:
        super().__init__()
        self.session, self.viewpoint, self.words = desk.session, desk.viewpoint, desk.words
        self.board = desk.board
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = QWidget()
        self.column = QVBoxLayout(inside)
        self.column.setContentsMargins(18, 16, 16, 16)
        self.column.setSpacing(9)
        self.setWidget(inside)
        self.column.addWidget(label(self.words(f"steps.{step}"), "title"))
        self._step = step
        self._hint = label(self.words(f"{step}.hint"), "hint")
        self.column.addWidget(self._hint)
        self._withheld: list[tuple[Visible, QWidget]] = []
        self._withheld_note = label(self.words("exercise.withheld"), "warning")
        self._withheld_note.hide()
        self.column.addWidget(self._withheld_note)
        self._subscriptions = [
            self.session.subscribe(Topic.CASE, self.show_case),
            self.session.subscribe(Topic.JOB, self.show_activity),
            self.session.subscribe(Topic.EXERCISE, lambda _exercise: self.show_withheld()),
        ]

    def withhold(self, visible: Visible, *widgets: QWidget) -> None:
        """Name what an exercise may hide until the hand-in.

        Parameters
        ----------
        visible : Visible
            What it shows.
        *widgets : QWidget
            Of this panel; nothing else shows or hides them.
        """
        self._withheld += [(visible, widget) for widget in widgets]

    def show_withheld(self) -> None:
        """Hide what the exercise that is open withholds and say what is left, or show it again."""
        exercising = self.session.exercising
        shown = [exercising.allows(visible) for visible, _ in self._withheld]
        for allowed, (_, widget) in zip(shown, self._withheld, strict=True):
            widget.setVisible(allowed)
        self._withheld_note.setVisible(not all(shown))
        hint = self.words(f"{self._step}.hint")
        self._hint.setText(hint if all(shown) else self.words.maybe(f"{self._step}.by_hand", hint))

    def finish(self) -> None:
        """Fill the panel with the present state; called once it is built."""
        self.column.addStretch(1)
        self.show_withheld()
        self.show_case(self.session.case)
        self.show_activity(self.session.activity)

    def release(self) -> None:
        """Stop observing; called before the panel is destroyed."""
        for unsubscribe in self._subscriptions:
            unsubscribe()
        self._subscriptions.clear()

    def show_case(self, case: Case | None) -> None:
        """Show another state of the case; panels override it.

        Parameters
        ----------
        case : Case or None
            None while nothing is open.
        """

    def show_activity(self, activity: Activity | None) -> None:
        """Show what runs; panels override it where a button has to wait.

        Parameters
        ----------
        activity : Activity or None
            None while nothing runs.
        """

    def add_section(self, key: str) -> QLabel:
        """Add a heading.

        Parameters
        ----------
        key : str
            Of its words.

        Returns
        -------
        QLabel
            The heading.
        """
        heading = label(self.words(key), "section")
        self.column.addWidget(heading)
        return heading

    def add_button(self, key: str, action: Callable[[], object], name: str = "") -> QPushButton:
        """Add a button.

        Parameters
        ----------
        key : str
            Of its words.
        action : callable
            Takes nothing.
        name : str
            ``primary`` for the step's main action.

        Returns
        -------
        QPushButton
            The button.
        """
        made = button(self.words(key), action, name)
        self.column.addWidget(made)
        return made

    def ask_file(self, key: str, pattern: str) -> Path | None:
        """Ask for a file to read.

        Parameters
        ----------
        key : str
            Of the dialog's title.
        pattern : str
            Endings.

        Returns
        -------
        Path or None
            None when the user thought better of it.
        """
        name, _ = QFileDialog.getOpenFileName(self, self.words(key), "", pattern)
        return Path(name) if name else None


def label(text: str, name: str = "") -> QLabel:
    """Return a label that wraps and can be copied.

    Parameters
    ----------
    text : str
        Plain.
    name : str
        Its style.

    Returns
    -------
    QLabel
        The label.
    """
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(True)
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if name:
        made.setObjectName(name)
    return made


def button(text: str, action: Callable[[], object], name: str = "") -> QPushButton:
    """Return a button.

    Parameters
    ----------
    text : str
        Plain.
    action : callable
        Takes nothing.
    name : str
        Its style.

    Returns
    -------
    QPushButton
        The button.
    """
    made = QPushButton(text)
    if name:
        made.setObjectName(name)
    made.clicked.connect(lambda _checked=False: action())
    return made


def ok_cancel(dialog: QDialog, words: Words) -> QDialogButtonBox:
    """Return the buttons of a dialog, in the language of the screen.

    Parameters
    ----------
    dialog : QDialog
        Accepted and rejected by them.
    words : Words
        Of the screen; Qt's own buttons would speak the system's language.

    Returns
    -------
    QDialogButtonBox
        The buttons.
    """
    made = QDialogButtonBox()
    made.addButton("OK", QDialogButtonBox.ButtonRole.AcceptRole)
    made.addButton(words("app.cancel"), QDialogButtonBox.ButtonRole.RejectRole)
    made.accepted.connect(dialog.accept)
    made.rejected.connect(dialog.reject)
    return made


def is_typed(event: QEvent) -> bool:
    """Tell whether a field claims a key that the window has a shortcut for.

    Parameters
    ----------
    event : QEvent
        That came to the field.

    Returns
    -------
    bool
        True for a single letter, digit or sign, and for the keys that delete.
    """
    if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
        return False
    plain = event.modifiers() in {
        Qt.KeyboardModifier.NoModifier,
        Qt.KeyboardModifier.KeypadModifier,
    }
    deletes = event.key() in {Qt.Key.Key_Backspace, Qt.Key.Key_Delete}
    return plain and (deletes or (event.text().isprintable() and bool(event.text())))


class Choice(QComboBox):
    """A list whose first letters choose, also those that are shortcuts of the window."""

    def event(self, event: QEvent) -> bool:
        """Keep a letter that is typed here from the shortcuts of the window."""
        if is_typed(event):
            event.accept()
            return True
        return super().event(event)


def combo() -> QComboBox:
    """Return a choice that is no wider than its panel."""
    made = Choice()
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(6)
    return made


def row(*widgets: QWidget) -> QHBoxLayout:
    """Return widgets side by side.

    Parameters
    ----------
    *widgets : QWidget
        From the left.

    Returns
    -------
    QHBoxLayout
        The row.
    """
    line = QHBoxLayout()
    line.setSpacing(8)
    for widget in widgets:
        line.addWidget(widget)
    return line


def named_fields(fields: Mapping[str, QWidget], words: Words, place: str) -> QGridLayout:
    """Return fields one below the other, each with its name before it.

    Parameters
    ----------
    fields : mapping
        By the key of the name.
    words : Words
        Of the screen.
    place : str
        Of the names in the words.

    Returns
    -------
    QGridLayout
        Without margins.
    """
    grid = QGridLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setVerticalSpacing(7)
    grid.setColumnStretch(1, 1)
    for number, (key, field) in enumerate(fields.items()):
        name = words(f"{place}.{key}")
        field.setAccessibleName(name)
        grid.addWidget(label(name, "quiet"), number, 0)
        grid.addWidget(field, number, 1)
    return grid


class Facts(QWidget):
    """Names and values in two columns.

    Parameters
    ----------
    name_width : int
        Pixels that the names have at least; longer ones are wrapped.
    """

    def __init__(self, name_width: int = 0) -> None:
        super().__init__()
        self.setObjectName("card")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(12, 10, 12, 10)
        self._grid.setHorizontalSpacing(14)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnMinimumWidth(0, name_width)

    def show_rows(self, rows: Iterable[tuple[str, str]]) -> None:
        """Replace what is shown.

        Parameters
        ----------
        rows : iterable of tuple
            Name and value.
        """
        empty(self._grid)
        shown = False
        for number, (name, value) in enumerate(rows):
            quiet, said = label(name, "quiet"), label(value, "value")
            self._grid.addWidget(quiet, number, 0)
            self._grid.addWidget(said, number, 1)
            shown = True
        self.setVisible(shown)


class Notes(QWidget):
    """Messages one below the other, in the colour of their kind."""

    def __init__(self) -> None:
        super().__init__()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(6)

    def show_notes(self, notes: Iterable[tuple[str, str]]) -> None:
        """Replace what is shown.

        Parameters
        ----------
        notes : iterable of tuple
            Kind (``warning``, ``bad``, ``good``, ``hint``) and text.
        """
        empty(self._column)
        shown = False
        for kind, text in notes:
            self._column.addWidget(label(text, kind))
            shown = True
        self.setVisible(shown)

    def show_problems(self, problems: Iterable[Problem], words: Words, kind: str) -> None:
        """Replace what is shown by problems.

        Parameters
        ----------
        problems : iterable of Problem
            From any layer.
        words : Words
            Of the screen.
        kind : str
            ``warning`` or ``bad``.
        """
        self.show_notes((kind, words.problem(problem)) for problem in problems)


def table(headings: Iterable[str], stretched: int = 0) -> QTableWidget:
    """Return a table of which whole rows are selected.

    Parameters
    ----------
    headings : iterable of str
        Of its columns.
    stretched : int
        The column that takes the room that is left.

    Returns
    -------
    QTableWidget
        Empty.
    """
    names = list(headings)
    made = QTableWidget(0, len(names))
    made.setHorizontalHeaderLabels(names)
    made.verticalHeader().setVisible(False)
    made.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
    made.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
    made.setSelectionMode(QTableWidget.SelectionMode.SingleSelection)
    made.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
    made.setAlternatingRowColors(True)
    made.setShowGrid(False)
    header = made.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(stretched, QHeaderView.ResizeMode.Stretch)
    header.setMinimumSectionSize(24)
    made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return made


def fit_height(shown: QTableWidget, most_rows: int = 12) -> None:
    """Make a table as high as its rows.

    Parameters
    ----------
    shown : QTableWidget
        Filled.
    most_rows : int
        More are scrolled.
    """
    rows = sum(shown.rowHeight(row) for row in range(min(shown.rowCount(), most_rows)))
    height = shown.horizontalHeader().sizeHint().height() + max(rows, ROW_HEIGHT) + 6
    shown.setFixedHeight(height)


def empty(layout: QLayout) -> None:
    """Take everything out of a layout.

    Parameters
    ----------
    layout : QLayout
        Of widgets.
    """
    while (item := layout.takeAt(0)) is not None:
        widget = item.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
