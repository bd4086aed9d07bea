"""The part of the session that knows of exercises: what may be seen, hand-in, marking."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from app.workstation.stages import Topic
from app.workstation.teaching import running
from app.workstation.teaching.running import Running
from imaging.errors import Problem, Refusal
from planning.errors import PlanningError
from planning.teaching.answer import Answer
from planning.teaching.attempts import Attempts
from planning.teaching.exercise import Exercise, Statement, Task, Visible
from planning.teaching.files import ExerciseFile
from planning.teaching.records import HandedIn
from planning.technique.wording import Language

if TYPE_CHECKING:
    from app.workstation.session import Session

# Jobs that show what an exercise may withhold.
SHOWS = {
    "outline": Visible.ONE_CLICK_OUTLINE,
    "regrow": Visible.ONE_CLICK_OUTLINE,
    "structures": Visible.STRUCTURES,
    "access": Visible.PROPOSALS,
    "skin": Visible.PROPOSALS,
    "skin_follow": Visible.PROPOSALS,
    "needle_set": Visible.PROPOSALS,
    "protection": Visible.PROPOSALS,
    "cement": Visible.PROPOSALS,
    "screws": Visible.PROPOSALS,
    "compare": Visible.PROPOSALS,
    "plan_ablation": Visible.PROPOSALS,
    "ablation": Visible.SIMULATION,
    "ablation_preview": Visible.SIMULATION,
    "uncertainty": Visible.SIMULATION,
    "report": Visible.RECOMMENDATION,
    "preview_report": Visible.RECOMMENDATION,
}
UNASKED = frozenset({"skin", "skin_follow", "ablation_preview"})  # the hand did not ask for them
WITHHELD = Problem(
    code="withheld",
    message="the exercise shows this after the hand-in; do it by hand, or hand in what you have",
)


class Exercising:
    """Commands of exercises.

    Parameters
    ----------
    session : Session
        With the open case.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._running: Running | None = None
        self._file: ExerciseFile | None = None
        self._since_s = 0.0

    @property
    def exercise(self) -> Exercise | None:
        """What is being answered; None while no exercise is open."""
        return None if self._file is None else self._file.exercise

    @property
    def file(self) -> ExerciseFile | None:
        """Its file."""
        return self._file

    @property
    def statement(self) -> Statement:
        """What was stated up to now."""
        return Statement() if self._running is None else self._running.statement

    @property
    def elapsed_s(self) -> float:
        """Time that the open exercise took up to now."""
        if self._running is None:
            return 0.0
        return self._running.elapsed_s + time.monotonic() - self._since_s

    def allows(self, visible: Visible) -> bool:
        """Tell whether the program may show something now.

        Parameters
        ----------
        visible : Visible
            What it would show.

        Returns
        -------
        bool
            True while no exercise is open.
        """
        return self.exercise is None or visible in self.exercise.may_see

    @property
    def hides_measures(self) -> bool:
        """Whether measuring is the task, so that the program shows no measure of the outline."""
        return self.exercise is not None and self.exercise.task is Task.MEASURE

    def refuses(self, job: str) -> bool:
        """Tell whether a job shows what the exercise withholds, and say so where it was asked for.

        Parameters
        ----------
        job : str
            Its name.

        Returns
        -------
        bool
            True when it is not to be started.
        """
        visible = SHOWS.get(job)
        if visible is None or self.allows(visible):
            return False
        if job not in UNASKED:
            self._session.tell(Topic.REFUSED, PlanningError(WITHHELD))
        return True

    # Beginning and going on

    def begin(self, file: ExerciseFile, resident: str) -> None:
        """Begin an attempt; its CT is prepared in the background, then its plan is opened.

        Parameters
        ----------
        file : ExerciseFile
            To be answered.
        resident : str
            Name; it stays on this machine.
        """
        from app.workstation.teaching import tasks  # draws the page of feedback, which loads long

        session = self._session
        try:
            with Attempts.open() as attempts:
                attempt = attempts.begin(resident, file.exercise)
                done = [one for one in attempts.of(resident) if one.mark is not None]
            self.pause()
        except Refusal as refusal:
            session.tell(Topic.REFUSED, refusal)
            return
        folder = running.attempt_folder(attempt.id)

        def opened(plan: Path) -> None:
            try:
                running.keep(Running(attempt=attempt))
            except Refusal as refusal:
                session.tell(Topic.REFUSED, refusal)
                return
            session.open_path(plan)
            running.clear_marked(frozenset(one.attempt.id for one in done))

        session.cancel_named("exercise_begin")
        session.start("exercise_begin", opened, None, tasks.prepare, file.path, folder)

    def opened(self, plan: Path | None) -> None:
        """Look whether a plan that was opened answers an exercise.

        Parameters
        ----------
        plan : Path or None
            Its file; None for a CT.
        """
        self.pause()
        found = None if plan is None else running.kept(plan.parent)
        if plan is not None and found is not None and not found.is_handed_in:
            try:
                self._file = running.exercise_of(found.attempt)
            except Refusal as refusal:
                self._session.tell(Topic.REFUSED, refusal)
                return
            self._running, self._since_s = found, time.monotonic()
        self._session.tell(Topic.EXERCISE, self.exercise)

    def keep(self) -> None:
        """Keep how far the attempt is."""
        if self._running is not None:
            now = self._running.model_copy(update={"elapsed_s": self.elapsed_s})
            self._running, self._since_s = now, time.monotonic()
            running.keep(now)

    def pause(self) -> None:
        """Leave the exercise; it can be gone on with."""
        if self._running is None:
            return
        try:
            self.keep()
        except Refusal as refusal:
            self._session.tell(Topic.REFUSED, refusal)
        self._running, self._file = None, None
        self._session.tell(Topic.EXERCISE, None)

    def state(self, statement: Statement) -> None:
        """Keep what is stated, without handing in.

        Parameters
        ----------
        statement : Statement
            Up to now.
        """
        if self._running is not None:
            self._running = self._running.model_copy(update={"statement": statement})
            self.keep()

    # The end

    def hand_in(self, statement: Statement, language: Language) -> HandedIn | None:
        """Hand the open plan in: it is on record at once, then marked in the background.

        Parameters
        ----------
        statement : Statement
            What the resident decides.
        language : str
            Of the page of feedback.

        Returns
        -------
        HandedIn or None
            None where it could not be kept; the exercise goes on then.
        """
        case, session = self._session.case, self._session
        if self._running is None or self._file is None or case is None:
            return None
        attempt, file, taken_s = self._running.attempt, self._file, self.elapsed_s
        try:
            self.state(statement)
            with Attempts.open() as attempts:
                handed_in = attempts.hand_in(attempt, Answer(case, statement, taken_s))
        except Refusal as refusal:
            session.tell(Topic.REFUSED, refusal)
            return None
        try:  # on record already: a folder that fails now must not ask for it again
            running.keep(self._running.model_copy(update={"is_handed_in": True}))
        except Refusal as refusal:
            session.tell(Topic.REFUSED, refusal)
        self._running, self._file = None, None
        session.tell(Topic.EXERCISE, None)
        if not file.is_examination:
            self.mark(handed_in, language)
        return handed_in

    def mark(self, handed_in: HandedIn, language: Language, passphrase: str | None = None) -> None:
        """Mark an answer that is on record, in the background.

        Parameters
        ----------
        handed_in : HandedIn
            On record.
        language : str
            Of the page of feedback.
        passphrase : str or None
            Of the teacher, for an examination.
        """
        from app.workstation.teaching import tasks

        number = handed_in.attempt.id
        self._session.start(
            "exercise_mark",
            lambda page: self._session.tell(Topic.FEEDBACK, page),
            None,
            tasks.mark,
            number,
            language,
            passphrase,
        )
