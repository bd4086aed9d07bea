"""The seven steps down the left side: each done, lacking or stale."""

# ruff: noqa: N802 - Qt calls these methods by its own names

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QVBoxLayout, QWidget

from app.workstation.session import Session
from app.workstation.stages import State, Step, Topic
from app.workstation.steps.panel import label
from app.workstation.style.palette import theme
from app.workstation.words import Words

RAIL_WIDTH = 232
ROW_HEIGHT = 58
MARK_X, MARK_RADIUS = 30.0, 12.0


class StepButton(QAbstractButton):
    """One step: its number or a tick, its name, where it stands."""

    def __init__(self, step: Step, number: int, words: Words) -> None:
        super().__init__()
        self.step, self._number, self._words = step, number, words
        self.state = State.LACKING
        self.setCheckable(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setText(words(f"steps.{step}"))
        self.setAccessibleName(self.text())
        self.setShortcut(f"Alt+{number}")

    def sizeHint(self) -> QSize:
        """Return the size of a row."""
        return QSize(RAIL_WIDTH, ROW_HEIGHT)

    def show_state(self, state: State) -> None:
        """Show where the step stands.

        Parameters
        ----------
        state : State
            Of the step.
        """
        self.state = state
        self.setAccessibleDescription(self._words(f"states.{state}"))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the row."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(
            self.rect(), QColor(theme().raised if self.isChecked() else theme().surface)
        )
        if self.isChecked():
            painter.fillRect(QRectF(0, 0, 3, self.height()), QColor(theme().accent))
        elif self.underMouse() or self.hasFocus():
            painter.fillRect(self.rect(), QColor(255, 255, 255, 10))
        self._paint_rope(painter)
        self._paint_mark(painter)
        self._paint_words(painter)
        painter.end()

    def _paint_rope(self, painter: QPainter) -> None:
        middle = self.height() / 2
        painter.setPen(QPen(QColor(theme().line), 2))
        if self._number > 1:
            painter.drawLine(QPointF(MARK_X, 0), QPointF(MARK_X, middle - MARK_RADIUS - 3))
        if self._number < len(Step):
            painter.drawLine(
                QPointF(MARK_X, middle + MARK_RADIUS + 3), QPointF(MARK_X, self.height())
            )

    def _paint_mark(self, painter: QPainter) -> None:
        middle = QPointF(MARK_X, self.height() / 2)
        colour = {
            State.DONE: theme().good,
            State.STALE: theme().warning,
            State.LACKING: theme().quiet,
        }[self.state]
        painter.setPen(QPen(QColor(colour), 1.8))
        painter.setBrush(
            QColor(theme().good) if self.state == State.DONE else Qt.BrushStyle.NoBrush
        )
        painter.drawEllipse(middle, MARK_RADIUS, MARK_RADIUS)
        if self.state == State.DONE:
            painter.setPen(QPen(QColor(theme().background), 2.4))
            x, y = middle.x(), middle.y()
            painter.drawPolyline(
                [QPointF(x - 5, y), QPointF(x - 1.4, y + 4), QPointF(x + 5, y - 4.4)]
            )
            return
        font = QFont(self.font())
        font.setPixelSize(13)
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(QColor(colour))
        box = QRectF(MARK_X - 12, middle.y() - 12, 24, 24)
        told = "!" if self.state == State.STALE else str(self._number)
        painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), told)

    def _paint_words(self, painter: QPainter) -> None:
        font = QFont(self.font())
        font.setPixelSize(14)
        font.setBold(self.isChecked())
        painter.setFont(font)
        painter.setPen(QColor(theme().ink))
        left, wide, half = 54.0, self.width() - 58.0, self.height() / 2
        flags = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom)
        painter.drawText(QRectF(left, 0, wide, half + 3), flags, self.text())
        font.setPixelSize(11)
        font.setBold(False)
        painter.setFont(font)
        painter.setPen(QColor(theme().warning if self.state == State.STALE else theme().quiet))
        flags = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        told = self._words(f"states.{self.state}")
        painter.drawText(QRectF(left, half + 5, wide, half), flags, told)


class Rail(QWidget):
    """All steps; one may jump to any.

    Parameters
    ----------
    session : Session
        The open case.
    words : Words
        Of the screen.
    choose : callable
        Receives the step that was chosen.
    """

    def __init__(self, session: Session, words: Words, choose: Callable[[Step], None]) -> None:
        super().__init__()
        self._session = session
        self.setObjectName("rail")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(RAIL_WIDTH)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(label("Osteoplan", "brand"))
        column.addWidget(label(words("app.motto"), "motto"))
        self.buttons: dict[Step, StepButton] = {}
        self._group = QButtonGroup(self)
        for number, step in enumerate(Step, start=1):
            made = StepButton(step, number, words)
            made.clicked.connect(lambda _checked=False, step=step: choose(step))
            self._group.addButton(made)
            self.buttons[step] = made
            column.addWidget(made)
        column.addStretch(1)
        self._subscriptions = [
            session.subscribe(topic, self._refresh) for topic in (Topic.CASE, Topic.VOLUME)
        ]
        self._refresh()

    def release(self) -> None:
        """Stop observing."""
        for unsubscribe in self._subscriptions:
            unsubscribe()

    def show_step(self, step: Step) -> None:
        """Mark the step whose panel is shown.

        Parameters
        ----------
        step : Step
            Any.
        """
        self.buttons[step].setChecked(True)

    def _refresh(self, _changed: object = None) -> None:
        for step, made in self.buttons.items():
            made.show_state(self._session.state(step))
