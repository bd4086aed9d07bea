"""The open case: a Qt-free observable model that all panels and views share.

The case itself is frozen. It changes only here, by named commands that can be undone; heavy work
is sent to the worker and its result applied when :meth:`Session.poll` finds it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.workstation import tasks
from app.workstation.ablating import Ablating
from app.workstation.comparing import Comparing
from app.workstation.consulting import Consulting
from app.workstation.editing import Editing
from app.workstation.extras import Extras
from app.workstation.history import History
from app.workstation.jobs import Finished, Preview, Report, Task, Worker
from app.workstation.keeper import Keeper
from app.workstation.reaching import Reaching
from app.workstation.reading import SeriesChoice, read_or_list
from app.workstation.reporting import Reporting
from app.workstation.stages import (
    Activity,
    Choice,
    State,
    Step,
    Topic,
    is_done,
    kept_by_hand,
    mismatch,
    same_inputs,
    uid_on_disk,
)
from app.workstation.teaching.exercising import Exercising
from app.workstation.views.surfaces import Mesh
from imaging.document import Vector
from imaging.errors import Problem, Refusal
from imaging.volume import Volume
from planning import procedure, ways_in
from planning.access.posture import Position
from planning.dependence import for_all
from planning.errors import PlanningError
from planning.plan import Case
from planning.store import ENDING
from planning.technique.answers import Answers

log = logging.getLogger(__name__)

# Libraries that load where they are first used; the first CT shall not wait for them.
NEEDED_BY_A_CT = ("scipy.ndimage", "scipy.spatial", "skimage.segmentation")


@dataclass(frozen=True, eq=False)
class _Job:
    number: int
    name: str
    apply: Callable[[Any], None]
    before: Case | None


class Session:
    """The case that is open, and everything that can be done with it."""

    def __init__(self) -> None:
        self.volume: Volume | None = None
        self.case: Case | None = None
        self.surface: Mesh | None = None
        self.exported: tuple[Path, ...] = ()
        self.keeper = Keeper()
        self.worker = Worker()
        self.editing = Editing(self)
        self._history = History()
        self._jobs: dict[int, _Job] = {}
        self._activity: Activity | None = None
        self._observers: dict[Topic, list[Callable[[Any], None]]] = {topic: [] for topic in Topic}
        self._was_done: set[tuple[int, Step]] = set()
        self._wanted: Case | None = None
        self._is_closed = False
        self._told_refused: Refusal | None = None
        self.reaching = Reaching(self)
        self.extras = Extras(self)
        self.ablating = Ablating(self)
        self.consulting = Consulting(self)
        self.reporting = Reporting(self)
        self.comparing = Comparing(self)
        self.exercising = Exercising(self)

    def get_ready(self) -> None:
        """Start the worker while nothing is asked of it, so that the first CT does not wait."""
        self.worker.prepare(read_or_list.__module__, *NEEDED_BY_A_CT, tasks.__name__)

    # Observers

    def subscribe(self, topic: Topic, observer: Callable[[Any], None]) -> Callable[[], None]:
        """Tell an observer of changes.

        Parameters
        ----------
        topic : Topic
            What it wants to hear of.
        observer : callable
            Receives what the topic carries.

        Returns
        -------
        callable
            Ends the subscription.
        """
        self._observers[topic].append(observer)

        def unsubscribe() -> None:
            if observer in self._observers[topic]:
                self._observers[topic].remove(observer)

        return unsubscribe

    def tell(self, topic: Topic, value: object = None) -> None:
        """Tell the observers of a topic.

        Parameters
        ----------
        topic : Topic
            What it is about.
        value : object
            What the topic carries.
        """
        for observer in tuple(self._observers[topic]):
            observer(value)

    # Opening

    def open_path(self, path: Path, series_uid: str | None = None) -> None:
        """Open a CT or a plan; a CT is read in the background.

        Parameters
        ----------
        path : Path
            Folder or file of a CT, or a plan file.
        series_uid : str or None
            Series wanted, where there are several.
        """
        if path.suffix == ENDING:
            self.open_plan(path)
            return
        self._wanted = None
        self._read(path, series_uid)

    def open_plan(self, path: Path) -> None:
        """Open a plan file, then its CT in the background.

        Parameters
        ----------
        path : Path
            The file.
        """
        try:
            case = self.keeper.open(path)
        except Refusal as refusal:
            self.tell(Topic.REFUSED, refusal)
            return
        self._cancel_all()
        self._reset(None, None)
        self.reporting.load()
        self._wanted = case
        place = Path(case.plan.series.path)
        if case.plan.series.path and place.exists():
            self._read(place, uid_on_disk(case.plan.series))
        else:
            self.tell(Topic.CT_WANTED, case.plan.series)

    def find_ct(self, path: Path) -> None:
        """Read the CT of the plan that waits for it from another place.

        Parameters
        ----------
        path : Path
            Where the user says it is.
        """
        if self._wanted is not None:
            self._read(path, uid_on_disk(self._wanted.plan.series))

    def _read(self, path: Path, series_uid: str | None) -> None:
        def apply(found: Volume | tuple[SeriesChoice, ...]) -> None:
            if isinstance(found, Volume):
                self._use(found)
            else:
                self.tell(Topic.CHOICE, Choice(path, found))

        self.cancel_named("read")
        self.start("read", apply, None, read_or_list, path, series_uid)

    def _use(self, volume: Volume) -> None:
        """Begin a plan of a CT that was read, or go on with the plan that waits for it."""
        wanted = self._wanted
        if wanted is not None:
            wrong = mismatch(wanted.plan.series, volume)
            if wrong is not None:
                self.tell(Topic.REFUSED, PlanningError(wrong))
                self.tell(Topic.CT_WANTED, wanted.plan.series)
                return
            reference = wanted.plan.series.model_copy(update={"path": volume.series.path})
            self._wanted = None
            self._reset(volume, for_all(wanted, series=reference))
        else:
            self.keeper.release()
            self.reporting.forget()
            self._reset(volume, Case.begin(volume))
        self._cancel_all()
        self.exercising.opened(None if self.keeper.is_autosave else self.keeper.path)
        self.editing.measure()
        self.start("surface", self._show_surface, None, tasks.surface, volume)
        self.start("prepare", lambda _nothing: None, None, tasks.prepare, volume)

    def _show_surface(self, found: Mesh) -> None:
        self.surface = found
        self.tell(Topic.SURFACE, found)

    def _reset(self, volume: Volume | None, case: Case | None) -> None:
        self._history.clear()
        self._was_done.clear()
        self.volume, self.case, self.surface, self.exported = volume, case, None, ()
        self._note_done()
        self.tell(Topic.VOLUME, volume)
        self.tell(Topic.CASE, case)

    # Commands that change the case

    def find_access(
        self, needle_id: str | None, position: Position, target_lps_mm: Vector | None = None
    ) -> None:
        """Search for ways in, in the background.

        Parameters
        ----------
        needle_id : str or None
            None takes the first trocar of the table.
        position : Position
            How the patient lies.
        target_lps_mm : Vector or None
            Place to aim at; None lets the search choose.
        """
        self.change("access", tasks.access, needle_id, position, target_lps_mm)

    def choose_access(self, rank: int) -> None:
        """Choose another proposal.

        Parameters
        ----------
        rank : int
            Of the proposal.
        """
        if self.case is not None and self.case.plan.chosen_rank != rank:
            self.apply("choose_access", ways_in.choose_access(self.case, rank))

    def simulate(self, device_id: str, margin_mm: float, spacing_mm: float = 1.0) -> None:
        """Simulate a device on the chosen way in, in the background.

        Parameters
        ----------
        device_id : str
            Row of the table.
        margin_mm : float
            Wanted around the lesion.
        spacing_mm : float
            Edge of a cell.
        """
        self.change("ablation", tasks.ablation, device_id, margin_mm, spacing_mm)

    def answer(self, answers: Answers) -> tuple[Problem, ...]:
        """Apply the rules to the answers.

        Parameters
        ----------
        answers : Answers
            What the physician said.

        Returns
        -------
        tuple of Problem
            Why they were refused; empty when they were taken.
        """
        if self.case is None:
            return ()
        try:
            changed = procedure.answer(self.case, answers)
        except Refusal as refusal:
            return refusal.problems
        self.apply("answers", changed, merges=True)
        return ()

    def was_exported(self, now: tuple[Path, ...], files: tuple[Path, ...]) -> None:
        """Take note that a report was written.

        Parameters
        ----------
        now : tuple of Path
            Its files, where it is that of the present state; empty otherwise.
        files : tuple of Path
            All that was written.
        """
        self.exported = now
        self._note_done()
        self.tell(Topic.EXPORTED, files)
        self.tell(Topic.CASE, self.case)

    def apply(self, name: str, changed: Case, *, merges: bool = False) -> None:
        """Make a changed case the current one; it can be undone and is saved.

        Parameters
        ----------
        name : str
            Key of the command's name in the words, below ``commands``.
        changed : Case
            The new state.
        merges : bool
            Join with the command before when that has the same name: typing is one step.
        """
        if self.case is None:
            return
        self._history.note(name, self.case, changed, merges=merges)
        self._show(changed, name)

    def complete(self, case: Case) -> None:
        """Show the present case with what was measured of it; that is no command of its own.

        Parameters
        ----------
        case : Case
            The present one, with more measures.
        """
        self._show(case, "measured")

    def _show(self, case: Case, change: str) -> None:
        self.case = case
        self.exported = ()
        self._note_done()
        self.keeper.keep(case, change)
        self.tell(Topic.CASE, case)

    # Undo

    @property
    def undo_name(self) -> str | None:
        """Name of the command that would be undone."""
        return self._history.undo_name

    @property
    def redo_name(self) -> str | None:
        """Name of the command that would be done again."""
        return self._history.redo_name

    def undo(self) -> None:
        """Take back the last command."""
        self._step("undo", self._history.undo)

    def redo(self) -> None:
        """Do the command that was taken back again."""
        self._step("redo", self._history.redo)

    def _step(self, word: str, step: Callable[[Case], tuple[str, Case] | None]) -> None:
        taken = step(self.case) if self.case is not None else None
        if taken is not None:
            self._show(taken[1], f"{word} {taken[0]}")
            self.editing.measure()

    # Saving

    def save_as(self, path: Path) -> bool:
        """Save the plan under a name and keep to that file.

        Parameters
        ----------
        path : Path
            The ending ``.osteoplan`` is added where it lacks.

        Returns
        -------
        bool
            False when it was refused; observers are told why.
        """
        if self.case is None:
            return False
        try:
            self.keeper.save_as(
                path if path.suffix == ENDING else Path(f"{path}{ENDING}"), self.case
            )
        except Refusal as refusal:
            self.tell(Topic.REFUSED, refusal)
            return False
        self.tell(Topic.CASE, self.case)
        return True

    def save(self) -> None:
        """Make sure that everything is on disk."""
        self.keeper.wait()
        if self.keeper.refused is not None:
            self.tell(Topic.REFUSED, self.keeper.refused)

    # States of the steps

    def state(self, step: Step) -> State:
        """Return where a step stands.

        Parameters
        ----------
        step : Step
            Any.

        Returns
        -------
        State
            Stale when it was done once and a change before it took its result away.
        """
        if self._is_done(step):
            return State.DONE
        return State.STALE if (self._number, step) in self._was_done else State.LACKING

    @property
    def _number(self) -> int:
        """Of the lesion that is looked at: each has steps of its own."""
        return 0 if self.case is None else self.case.plan.number

    def _is_done(self, step: Step) -> bool:
        return is_done(step, self.case, self.volume is not None, bool(self.exported))

    def _note_done(self) -> None:
        self._was_done |= {(self._number, step) for step in Step if self._is_done(step)}

    # Jobs

    @property
    def activity(self) -> Activity | None:
        """The job that runs, or None."""
        return self._activity

    @property
    def is_busy(self) -> bool:
        """Whether any job runs or waits."""
        return bool(self._jobs)

    def runs(self, *names: str) -> bool:
        """Tell whether a job of one of these names runs or waits.

        Parameters
        ----------
        *names : str
            Names of jobs.

        Returns
        -------
        bool
            True also while it waits.
        """
        return any(job.name in names for job in self._jobs.values())

    @property
    def jobs(self) -> tuple[tuple[int, str], ...]:
        """Request id and name of every job, the one that runs first."""
        return tuple((number, job.name) for number, job in self._jobs.items())

    def cancel(self, number: int | None = None) -> None:
        """Cancel a job.

        Parameters
        ----------
        number : int or None
            Its request id; None cancels all.
        """
        for job in [number] if number is not None else list(self._jobs):
            ended = self.worker.cancel(job)
            if ended is not None:
                self._jobs.pop(job, None)
        self._show_activity()

    def poll(self) -> None:
        """Apply what the worker has done; called regularly by the window."""
        for event in self.worker.poll():
            if isinstance(event, Report):
                job = self._jobs.get(event.job)
                if job is not None:
                    self._activity = Activity(job.name, event.fraction, event.message)
                    self.tell(Topic.JOB, self._activity)
            elif isinstance(event, Preview):
                self._preview(event)
            else:
                self._end(event)
        self.reaching.tick()
        self.ablating.tick()
        self._tell_not_kept()

    def _tell_not_kept(self) -> None:
        """Tell once that the plan can no longer be written, as soon as that is so."""
        refused = self.keeper.refused
        if refused is not None and self._told_refused is None:
            self.tell(Topic.REFUSED, refused)
        self._told_refused = refused

    def close(self) -> None:
        """Save, and end the worker and the saving thread."""
        if self._is_closed:
            return
        self._is_closed = True
        self.exercising.pause()
        self._jobs.clear()
        self.worker.close()
        self.keeper.close()

    def change(self, name: str, task: Task, *request: object) -> None:
        """Start a job that turns the case and its CT into a changed case.

        Parameters
        ----------
        name : str
            Key of the job's name and of the command's, in the words.
        task : Task
            Takes case, volume, the request and a Progress; returns the changed case.
        *request : object
            Frozen.
        """
        if self.case is not None and self.volume is not None:
            self.start(
                name,
                self._applied(name, self.case),
                self.case,
                task,
                self.case,
                self.volume,
                *request,
            )

    def _applied(self, name: str, asked: Case) -> Callable[[Case], None]:
        def apply(changed: Case) -> None:
            now = self.case
            self.apply(name, changed if now is None else kept_by_hand(asked, now, changed))
            self.editing.measure()

        return apply

    def start(
        self,
        name: str,
        apply: Callable[[Any], None],
        before: Case | None,
        task: Task,
        *request: object,
    ) -> None:
        """Start a job.

        Parameters
        ----------
        name : str
            Key of its name in the words.
        apply : callable
            Receives its result.
        before : Case or None
            The case it is asked for; its result is dropped when that has changed meanwhile.
        task : Task
            Takes the request and a Progress.
        *request : object
            Frozen.
        """
        if self.exercising.refuses(name):
            return
        number = self.worker.submit(task, *request)
        self._jobs[number] = _Job(number, name, apply, before)
        self._show_activity()

    def _end(self, ended: Finished) -> None:
        job = self._jobs.pop(ended.job, None)
        self._show_activity()
        if job is None:
            return
        if job.name == "read" and ended.outcome != "done" and self.volume is None:
            self.tell(Topic.PREVIEW, None)
        if ended.outcome == "refused" and ended.refusal is not None:
            self.tell(Topic.REFUSED, ended.refusal)
        elif ended.outcome == "failed":
            log.error("the job %s failed:\n%s", job.name, ended.trace)
            message = "the work failed unexpectedly; nothing was changed. The log says more"
            self.tell(Topic.REFUSED, PlanningError(Problem(code="job_failed", message=message)))
        elif ended.outcome == "done" and same_inputs(job.before, self.case):
            job.apply(ended.result)
        elif ended.outcome == "done":
            log.info("the result of %s was no longer wanted", job.name)
        if job.name != "measure" and not self.runs("measure"):
            self.editing.measure()  # it may have made room for this job

    def _preview(self, shown: Preview) -> None:
        """Show a slice of the series that is being read, where nothing else is open."""
        if shown.job in self._jobs and self.volume is None:
            self.tell(Topic.PREVIEW, shown.picture)

    def _show_activity(self) -> None:
        first = next(iter(self._jobs.values()), None)
        if first is None:
            self._activity = None
        elif self._activity is None or self._activity.name != first.name:
            self._activity = Activity(first.name)
        self.tell(Topic.JOB, self._activity)

    def cancel_named(self, *names: str) -> None:
        """Cancel jobs whose result is superseded by the one that is asked for now.

        Parameters
        ----------
        *names : str
            Of the jobs.
        """
        for number, job in list(self._jobs.items()):
            if job.name in names:
                self.cancel(number)

    def _cancel_all(self) -> None:
        for number in list(self._jobs):
            self.worker.cancel(number)
        self._jobs.clear()
        self._show_activity()
