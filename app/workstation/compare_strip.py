"""The strip below the views: which series lies beside the CT, how well, and how it is shown."""

# ruff: noqa: N802 - Qt calls these methods by its own names

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QLocale, QSignalBlocker, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QLayout,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from app.workstation.session import Session
from app.workstation.stages import Topic
from app.workstation.steps.panel import Notes, button, combo, label, row
from app.workstation.viewpoint import Compare, Look, Viewpoint
from app.workstation.views.second import shown_range
from app.workstation.words import Words
from imaging.document import Vector
from planning.comparison import Comparison

LEAST_WIDTH, GAP = 440, 14  # pixels
STEPS = (0.5, 1.0, 5.0, 10.0)  # mm, degrees
AXES = ("left", "back", "head", "turn_x", "turn_y", "turn_z")
QUALITY_STYLE = {"good": "good", "fair": "warning", "poor": "bad", "unmeasured": "warning"}


def offset_said(days: int | None, words: Words) -> str:
    """Return how long before or after the planning CT a series was made.

    Parameters
    ----------
    days : int or None
        From the CT to the series.
    words : Words
        Of the screen.

    Returns
    -------
    str
        For people.
    """
    if days is None:
        return words("compare.date_unknown")
    if days == 0:
        return words("compare.same_day")
    return words("compare.after" if days > 0 else "compare.before", days=abs(days))


def fit_said(known: Comparison, words: Words) -> str:
    """Return how a series was laid on the CT and how well it fits.

    Parameters
    ----------
    known : Comparison
        Of the plan.
    words : Words
        Of the screen.

    Returns
    -------
    str
        For people.
    """
    if known.matrix is None:
        return words("compare.not_laid")
    how = words(f"compare.{known.found_by}")
    if known.residual_mm is None:
        return f"{how} · {words('compare.unmeasured')}"
    quality = words(f"compare.{known.quality}")
    return f"{how} · {quality}, {words('compare.residual', mm=words.number(known.residual_mm))}"


class CompareStrip(QWidget):
    """Shown once a series lies beside the CT, or the plan names one.

    Parameters
    ----------
    session : Session
        The open case.
    viewpoint : Viewpoint
        Shared look.
    words : Words
        Of the screen.
    """

    def __init__(self, session: Session, viewpoint: Viewpoint, words: Words) -> None:
        super().__init__()
        self._session, self._viewpoint, self.words = session, viewpoint, words
        self.setObjectName("activity")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(12, 6, 12, 6)
        rows.setSpacing(4)
        self.named, self.notes = label("", "value"), Notes()
        self.again = button("", session.comparing.read_again, "primary")
        self.mode, self.opacity = combo(), QSlider(Qt.Orientation.Horizontal)
        self.low, self.high = QDoubleSpinBox(), QDoubleSpinBox()
        self.axis, self.step = combo(), combo()
        self.less, self.more = QPushButton("−"), QPushButton("+")
        self.register = button("", session.comparing.register_again)
        self.frame = button("", session.comparing.use_frame_of_reference)
        self.undo = button("", session.undo)
        self.close_button = button("", session.comparing.close)
        self._tools = QGridLayout()
        self._texts = {name: QLabel() for name in ("opacity", "range", "move")}
        self._build(rows)
        self._unsubscribe = [
            session.subscribe(Topic.COMPARISON, lambda _value: self.show_state()),
            session.subscribe(Topic.CASE, lambda _value: self.show_state()),
            viewpoint.subscribe(self._look_changed),
        ]
        words.subscribe(self.say)
        self.say()

    def release(self) -> None:
        """Stop observing."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()

    def _build(self, rows: QVBoxLayout) -> None:
        self.opacity.setRange(0, 100)
        self.opacity.setFixedWidth(90)
        for spin in (self.low, self.high):
            spin.setRange(-32768.0, 1e7)
            spin.setKeyboardTracking(False)
            spin.setFixedWidth(94)
            spin.valueChanged.connect(lambda _value: self._range_set())
        for small in (self.less, self.more):
            small.setFixedWidth(34)
        texts = self._texts
        self._groups = (
            _group(self.mode, texts["opacity"], self.opacity, texts["range"], self.low, self.high),
            _group(texts["move"], self.axis, self.step, self.less, self.more, self.undo),
            _group(self.register, self.frame),
        )
        top = row(self.named, self.again, self.close_button)
        top.setStretch(0, 1)
        rows.addLayout(top)
        rows.addWidget(self.notes)
        rows.addLayout(self._tools)
        rows.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        self.setMinimumWidth(LEAST_WIDTH)
        self.mode.activated.connect(self._mode_chosen)
        self.axis.currentIndexChanged.connect(lambda _index: self._say_steps())
        self.opacity.valueChanged.connect(
            lambda value: self._viewpoint.change(second_opacity=value / 100.0)
        )
        self.less.clicked.connect(lambda _on=False: self._nudge(-1.0))
        self.more.clicked.connect(lambda _on=False: self._nudge(1.0))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put as many groups of tools in a row as there is room for."""
        self._arrange(event.size().width())

    def _arrange(self, width: int) -> None:
        lines: list[list[QWidget]] = [[]]
        used = 0
        for group in self._groups:
            wanted = group.sizeHint().width() + GAP
            if used and used + wanted > width - 2 * GAP:
                lines.append([])
                used = 0
            lines[-1].append(group)
            used += wanted
        for n, line in enumerate(lines):
            for m, group in enumerate(line):
                is_last = m == len(line) - 1
                self._tools.addWidget(group, n, m, 1, len(self._groups) - m if is_last else 1)

    def say(self) -> None:
        """Write everything in the language that is used now."""
        words = self.words
        for box, items in (
            (self.mode, [words(f"compare.modes.{one.value}") for one in Compare]),
            (self.axis, [words(f"compare.axes.{one}") for one in AXES]),
        ):
            chosen = max(box.currentIndex(), 0)
            box.clear()
            box.addItems(items)
            box.setCurrentIndex(chosen)
        for name, text in self._texts.items():
            text.setText(words(f"compare.{name}"))
        for pressed, key in (
            (self.again, "again"),
            (self.register, "register"),
            (self.frame, "use_frame"),
            (self.undo, "undo"),
            (self.close_button, "close"),
        ):
            pressed.setText(words(f"compare.{key}"))
        for box, letters in ((self.mode, 13), (self.axis, 12), (self.step, 6)):
            box.setMinimumContentsLength(letters)
        for spin in (self.low, self.high):
            spin.setLocale(QLocale(words.language))
        self._say_steps()
        self._arrange(self.width())
        self.show_state()

    def _say_steps(self) -> None:
        unit = "°" if self.axis.currentIndex() >= 3 else " mm"
        chosen = max(self.step.currentIndex(), 0 if self.step.count() else 1)
        self.step.clear()
        self.step.addItems([f"{self.words.number(one)}{unit}" for one in STEPS])
        self.step.setCurrentIndex(chosen)

    def show_state(self) -> None:
        """Show what the session holds now."""
        words, comparing = self.words, self._session.comparing
        known, series = comparing.comparison, comparing.series
        self.setVisible(known is not None and (series is not None or comparing.can_be_read_again))
        if known is None:
            return
        name = words.maybe(f"modalities.{known.modality}", known.modality)
        described = known.description or words("study.none")
        offset = offset_said(known.days_apart, words)
        self.named.setText(f"{name} · {described} · {offset}")
        style = QUALITY_STYLE[known.quality] if known.matrix is not None else "bad"
        problems = [*known.problems, *(series.doubts if series else ())]
        notes = [(style, fit_said(known, words))]
        notes += [("warning", words.problem(one)) for one in problems]
        self.notes.show_notes(notes if series is not None else ())
        self.undo.setEnabled((self._session.undo_name or "").startswith("compare_"))
        self.again.setVisible(series is None)
        for widget in self._groups:
            widget.setVisible(series is not None)
        self.frame.setEnabled(known.found_by != "frame_of_reference")
        self._look_changed(self._viewpoint.look)

    def _look_changed(self, look: Look) -> None:
        series = self._session.comparing.series
        self.mode.setCurrentIndex(list(Compare).index(look.compares))
        self.opacity.setEnabled(look.compares is Compare.FUSED)
        blockers = [QSignalBlocker(one) for one in (self.opacity, self.low, self.high)]
        self.opacity.setValue(round(100 * look.second_opacity))
        if series is not None:
            low, high = shown_range(series, look)
            digits = 1 if series.unit == "SUV" else 0
            for spin, value in ((self.low, low), (self.high, high)):
                spin.setDecimals(digits)
                spin.setSingleStep(0.5 if digits else 20.0)
                spin.setSuffix(f" {series.unit}" if series.unit else "")
                if abs(spin.value() - value) > 10.0**-digits / 2:
                    spin.setValue(value)
        del blockers

    def _range_set(self) -> None:
        low, high = self.low.value(), self.high.value()
        if high > low:
            self._viewpoint.change(second_range=(low, high))

    def _mode_chosen(self, index: int) -> None:
        self._viewpoint.change(compares=list(Compare)[index])

    def _nudge(self, sign: float) -> None:
        index, size = self.axis.currentIndex(), sign * STEPS[max(self.step.currentIndex(), 0)]
        moved: list[float] = [0.0, 0.0, 0.0]
        moved[index % 3] = size
        along: Vector = (moved[0], moved[1], moved[2])
        comparing = self._session.comparing
        if index < 3:
            comparing.nudge(shift_mm=along)
        else:
            comparing.nudge(turn_deg=along)


def _group(*widgets: QWidget) -> QWidget:
    """Return widgets side by side that stay together."""
    made = QWidget()
    line = row(*widgets)
    line.setContentsMargins(0, 0, 0, 0)
    line.addStretch(1)
    made.setLayout(line)
    return made


def mode_action(viewpoint: Viewpoint, session: Session, mode: Compare) -> Callable[[], None]:
    """Return what a key does: show the second series so, or take it away again.

    Parameters
    ----------
    viewpoint : Viewpoint
        Shared look.
    session : Session
        The open case.
    mode : Compare
        Of the key.

    Returns
    -------
    callable
        Takes nothing.
    """
    return partial(_toggle, viewpoint, session, mode)


def _toggle(viewpoint: Viewpoint, session: Session, mode: Compare) -> None:
    if session.comparing.matrix is not None:
        is_on = viewpoint.look.compares is mode
        viewpoint.change(compares=Compare.OFF if is_on else mode)
