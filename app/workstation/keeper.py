"""Keeps the plan on disk after every step, off the window's thread."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import platformdirs

from imaging.errors import Problem, Refusal
from planning.errors import PlanningError
from planning.plan import Case
from planning.store import ENDING, Picture, PlanFile

log = logging.getLogger(__name__)


def autosave_folder() -> Path:
    """Return the folder of plans that have no name yet, never beside the CT."""
    return Path(platformdirs.user_data_dir("osteoplan", appauthor=False)) / "autosave"


class Keeper:
    """Writes cases to one plan file from a thread of its own; only the newest case is written.

    Notes
    -----
    The thread owns the SQLite connection: all that touches the file runs there.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="osteoplan-keeper")
        self._lock = threading.Lock()
        self._file: PlanFile | None = None
        self._newest: tuple[Case, str] | None = None
        self.path: Path | None = None
        self.refused: Refusal | None = None
        self._rescue: Path | None = None

    @property
    def is_autosave(self) -> bool:
        """Whether the plan has no name of its own yet."""
        return self.path is None or self.path.parent == autosave_folder()

    @property
    def read_only(self) -> bool:
        """Whether another program has the file open for writing."""
        return self._file is not None and self._file.read_only

    def open(self, path: Path) -> Case:
        """Open a plan file and keep to it from now on.

        Parameters
        ----------
        path : Path
            The file.

        Returns
        -------
        Case
            Its content.

        Raises
        ------
        PlanningError
            When it cannot be used; the file that was open stays open.
        """

        def work() -> Case:
            file = PlanFile.open(path)
            try:
                case = file.load()
            except Refusal:
                file.close()
                raise
            self._replace(file)
            return case

        return self._thread.submit(work).result()

    def save_as(self, path: Path, case: Case) -> None:
        """Write a new file and keep to it from now on.

        Parameters
        ----------
        path : Path
            Ends in ``.osteoplan``.
        case : Case
            Content.

        Raises
        ------
        PlanningError
            When it cannot be written; the file that was open stays open.
        """

        def work() -> None:
            if self._file is not None and self.path == path:
                self._file.save(case, "saved")
                return
            pictures = () if self._file is None else self._file.pictures()
            made = PlanFile.create(path, case)
            for picture in pictures:
                made.save_picture(picture)
            self._replace(made)

        self._thread.submit(work).result()

    def keep(self, case: Case, change: str) -> None:
        """Write a case soon; begins a file in the autosave folder where there is none.

        Parameters
        ----------
        case : Case
            The newest.
        change : str
            What was done, without identifiers.
        """
        with self._lock:
            waits = self._newest is not None
            self._newest = (case, change)
        if not waits:
            self._thread.submit(self._write_newest).add_done_callback(_log_failure)

    def keep_picture(self, picture: Picture) -> None:
        """Keep a captured picture in the plan file.

        Parameters
        ----------
        picture : Picture
            PNG.
        """

        def work() -> None:
            if self._file is not None and not self._file.read_only:
                self._file.save_picture(picture)

        self._thread.submit(work).add_done_callback(_log_failure)

    def pictures(self) -> tuple[Picture, ...]:
        """Return the pictures that the plan file keeps.

        Returns
        -------
        tuple of Picture
            By name; none where no file is open.
        """

        def work() -> tuple[Picture, ...]:
            return () if self._file is None else self._file.pictures()

        return self._thread.submit(work).result()

    def wait(self) -> None:
        """Return once everything asked for is on disk."""
        self._thread.submit(lambda: None).result()

    def release(self) -> None:
        """Close the file; an autosave of a plan that has a name now is removed."""
        self._thread.submit(self._release).result()

    def close(self) -> None:
        """Write what waits, close the file, end the thread."""
        self._thread.submit(self._release)
        self._thread.shutdown(wait=True)

    def _write_newest(self) -> None:
        with self._lock:
            newest, self._newest = self._newest, None
        if newest is None:
            return
        case, change = newest
        try:
            if self._file is None:
                folder = autosave_folder()
                folder.mkdir(parents=True, exist_ok=True)
                self._replace(PlanFile.create(folder / f"{_now()}{ENDING}", case))
            if self._file is not None and not self._file.read_only:
                self._file.save(case, change)
            self.refused = None
        except Refusal as refusal:
            log.warning("the plan could not be saved: %s", refusal.code)
            self.refused = self._rescued(case, refusal)
        except OSError as error:
            log.warning("the folder of unnamed plans cannot be written: %s", error.strerror)
            self.refused = self._rescued(case, _not_kept(autosave_folder()))

    def _rescued(self, case: Case, refusal: Refusal) -> Refusal:
        """Keep a case whose file cannot be written beside the unnamed plans, and say where."""
        if self._rescue is None:
            self._rescue = autosave_folder() / f"rescue-{_now()}{ENDING}"
        try:
            self._rescue.parent.mkdir(parents=True, exist_ok=True)
            PlanFile.create(self._rescue, case).close()
        except (Refusal, OSError):
            return refusal
        message = (
            "the plan's file cannot be written any more; everything is kept in the file named "
            "here: save it under another name"
        )
        problem = Problem(code="kept_elsewhere", message=message, where=str(self._rescue))
        return PlanningError([*refusal.problems, problem])

    def _replace(self, file: PlanFile) -> None:
        unnamed = self.path if self._file is not None and self.is_autosave else None
        self._release()
        if unnamed is not None and file.path != unnamed:
            unnamed.unlink(missing_ok=True)
        self._file, self.path = file, file.path

    def _release(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self.path, self._rescue = None, None, None


def _now() -> str:
    return datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")


def _not_kept(folder: Path) -> PlanningError:
    message = "the plan cannot be kept here; free space or rights, or save it under another name"
    return PlanningError(Problem(code="cannot_write", message=message, where=str(folder)))


def _log_failure(done: Future[None]) -> None:
    error = done.exception()
    if error is not None:
        log.error("saving failed", exc_info=error)
