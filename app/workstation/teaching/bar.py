"""The bar over the views while an exercise is answered: what is asked, the time, the hand-in."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QMessageBox, QWidget

from app.workstation.session import Session
from app.workstation.stages import Step, Topic
from app.workstation.steps.panel import button, label
from app.workstation.teaching.statement_form import HandInDialog
from app.workstation.words import Words
from imaging.errors import Refusal
from planning.teaching.exercise import Statement, Task

TICK_MS = 500
KEEP_EVERY = 10  # ticks between two keepings of the time
# Where the work of a task begins.
STEP_OF = {
    Task.MEASURE: Step.LESION,
    Task.INFILTRATION: Step.ACCESS,
    Task.ABLATION: Step.ACCESS,
    Task.TECHNIQUE: Step.TECHNIQUE,
}


def clock(seconds: float) -> str:
    """Return a time as minutes and seconds.

    Parameters
    ----------
    seconds : float
        Below zero when it has run out.

    Returns
    -------
    str
        Such as ``4:05``, or ``−0:30``.
    """
    whole = int(abs(seconds))
    sign = "−" if seconds <= -1 else ""
    return f"{sign}{whole // 60}:{whole % 60:02d}"


class ExerciseBar(QWidget):
    """Shown while an exercise is open.

    Parameters
    ----------
    session : Session
        Whose exercise it is.
    words : Words
        Of the screen.
    say : callable
        Tells a sentence for a moment.
    """

    def __init__(self, session: Session, words: Words, say: Callable[[str], object]) -> None:
        super().__init__()
        self._session, self._words, self._say = session, words, say
        self.setObjectName("exercise")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._title, self._time = label("", "value"), label("", "big")
        self._time.setWordWrap(False)
        self._asked = button("", self.show_task)
        self._hand_in = button("", self.ask_hand_in, "primary")
        self._leave = button("", session.exercising.pause)
        line = QHBoxLayout(self)
        line.setContentsMargins(14, 6, 14, 6)
        line.setSpacing(10)
        line.addWidget(self._title, 1)
        line.addWidget(self._time)
        for one in (self._asked, self._leave, self._hand_in):
            line.addWidget(one)
        self._ticks = 0
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._unsubscribe = session.subscribe(Topic.EXERCISE, lambda _exercise: self.show_state())
        words.subscribe(self.show_state)
        self.show_state()

    def release(self) -> None:
        """Stop observing; called before the bar is destroyed."""
        self._timer.stop()
        self._unsubscribe()

    def show_state(self) -> None:
        """Show the exercise that is open, or nothing."""
        words, exercise = self._words, self._session.exercising.exercise
        self.setVisible(exercise is not None)
        if exercise is None:
            self._timer.stop()
            return
        self._title.setText(exercise.texts[words.language].title)
        self._asked.setText(words("exercise.task"))
        self._leave.setText(words("exercise.leave"))
        self._hand_in.setText(words("exercise.hand_in"))
        self._timer.start()
        self._show_time()

    def _show_time(self) -> None:
        exercising = self._session.exercising
        if exercising.exercise is None:
            return
        left_s = exercising.exercise.time_s - exercising.elapsed_s
        self._time.setText(clock(left_s))
        self._time.setToolTip(self._words("exercise.time_left"))
        name = "big" if left_s >= 0 else "late"
        if self._time.objectName() != name:
            self._time.setObjectName(name)
            self._time.style().polish(self._time)

    def _tick(self) -> None:
        self._show_time()
        self._ticks += 1
        if self._ticks % KEEP_EVERY == 0:
            try:
                self._session.exercising.keep()
            except Refusal as refusal:
                self._timer.stop()
                self._session.tell(Topic.REFUSED, refusal)

    def show_task(self) -> QMessageBox | None:
        """Show the patient and what is asked."""
        exercise, words = self._session.exercising.exercise, self._words
        if exercise is None:
            return None
        told = exercise.texts[words.language]
        box = QMessageBox(self.window())
        box.setWindowTitle(told.title)
        box.setText(told.asked)
        box.setInformativeText(told.situation)
        box.setStandardButtons(QMessageBox.StandardButton.Ok)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()
        return box

    def ask_hand_in(self) -> HandInDialog | None:
        """Ask what the resident states, and hand the open plan in."""
        exercising = self._session.exercising
        exercise = exercising.exercise
        if exercise is None:
            return None
        made = HandInDialog(
            self.window(),
            self._words,
            exercise.task,
            exercising.statement,
            exercising.state,
            self._take,
        )
        made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        made.open()
        return made

    def _take(self, stated: Statement) -> None:
        exercising, words = self._session.exercising, self._words
        is_examination = exercising.file is not None and exercising.file.is_examination
        if exercising.hand_in(stated, words.language) is not None:
            key = "handed_in_examination" if is_examination else "handed_in"
            self._say(words(f"exercise.{key}"))
