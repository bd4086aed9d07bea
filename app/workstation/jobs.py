"""Heavy work in one worker process, so that the window never waits and numba is never shared.

A job is a function from a frozen request to a result. It captures all it needs, changes nothing,
reports through :class:`imaging.progress.Progress` and ends done, cancelled or failed.
"""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from typing import Any, Literal

from app.workstation.transport import ArrayStore, Message
from imaging.errors import Refusal
from imaging.progress import Cancelled, Progress

log = logging.getLogger(__name__)

CANCEL_PATIENCE_S = 2.0  # a worker that does not answer for so long is ended and replaced
QUIT_PATIENCE_S = 3.0
REPORT_EVERY_S = 0.05

Outcome = Literal["done", "cancelled", "refused", "failed"]
Task = Callable[..., Any]


@dataclass(frozen=True)
class Report:
    """Where a job stands.

    Parameters
    ----------
    job : int
        Its request id.
    fraction : float
        0 to 1.
    message : str
        What is being done.
    """

    job: int
    fraction: float
    message: str


@dataclass(frozen=True, eq=False)
class Preview:
    """What a job shows before it is done.

    Parameters
    ----------
    job : int
        Its request id.
    picture : object
        To be looked at, not to be worked with.
    """

    job: int
    picture: Any


@dataclass(frozen=True, eq=False)
class Finished:
    """How a job ended.

    Parameters
    ----------
    job : int
        Its request id.
    outcome : str
        ``done``, ``cancelled``, ``refused`` or ``failed``.
    result : object
        Of a job that is done.
    refusal : Refusal or None
        Why the input was refused.
    trace : str
        Of a job that failed, for the log.
    """

    job: int
    outcome: Outcome
    result: Any = None
    refusal: Refusal | None = None
    trace: str = ""


@dataclass(frozen=True, eq=False)
class _Waiting:
    job: int
    task: Task
    request: tuple[Any, ...]


class Worker:
    """The worker process and the jobs waiting for it.

    Notes
    -----
    Nothing here blocks: :meth:`poll` is called regularly by the owner's event loop.
    """

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._process: BaseProcess | None = None
        self._pipe: Connection[Any, Any] | None = None
        self._cancel: Event | None = None
        self._store = ArrayStore("w")
        self._waiting: list[_Waiting] = []
        self._current: int | None = None
        self._cancelled_at: float | None = None
        self._last_job = 0

    @property
    def is_busy(self) -> bool:
        """Whether a job runs or waits."""
        return self._current is not None or bool(self._waiting)

    @property
    def process_id(self) -> int | None:
        """Of the worker, or None while there is none."""
        return self._process.pid if self._process is not None else None

    def prepare(self, *modules: str) -> None:
        """Start the worker before the first job, so that none waits for it.

        Parameters
        ----------
        *modules : str
            Imported while no job waits, the first one first.
        """
        if self._process is None:
            self._start_process(modules)

    def submit(self, task: Task, *request: Any) -> int:  # noqa: ANN401 - any frozen request
        """Queue a job.

        Parameters
        ----------
        task : callable
            Module-level function of the request and, as last argument, a Progress.
        *request : object
            Frozen; read-only arrays in it are sent once.

        Returns
        -------
        int
            Request id.
        """
        self._last_job += 1
        self._waiting.append(_Waiting(self._last_job, task, request))
        self._send_next()
        return self._last_job

    def cancel(self, job: int) -> Finished | None:
        """Cancel a job.

        Parameters
        ----------
        job : int
            Request id.

        Returns
        -------
        Finished or None
            At once for a job that had not begun; a running one ends through :meth:`poll`.
        """
        for waiting in self._waiting:
            if waiting.job == job:
                self._waiting.remove(waiting)
                return Finished(job, "cancelled")
        if job == self._current and self._cancelled_at is None and self._cancel is not None:
            self._cancel.set()
            self._cancelled_at = time.monotonic()
        return None

    def poll(self) -> list[Report | Preview | Finished]:
        """Return what happened since the last call, oldest first.

        Returns
        -------
        list
            Reports, previews and ends of jobs.
        """
        events: list[Report | Preview | Finished] = []
        while self._pipe is not None and self._current is not None:
            try:
                if not self._pipe.poll():
                    break
                event = self._store.unpack(self._pipe.recv())
            except (EOFError, OSError):
                events.append(Finished(self._current, "failed", trace="the worker has died"))
                self._end_process()
                break
            events.append(event)
            if isinstance(event, Finished):
                self._current = None
                self._cancelled_at = None
                self._send_next()
        late = self._late()
        if late is not None:
            events.append(late)
        return events

    def close(self) -> None:
        """Ask the worker to stop and wait for it; jobs that wait are dropped."""
        self._waiting.clear()
        if self._process is None:
            return
        if self._cancel is not None:
            self._cancel.set()
        if self._pipe is not None:
            try:
                self._pipe.send(None)
            except (OSError, ValueError):
                log.debug("the worker was gone already")
        self._process.join(QUIT_PATIENCE_S)
        self._end_process()

    def _late(self) -> Finished | None:
        if self._cancelled_at is None or self._current is None:
            return None
        if time.monotonic() - self._cancelled_at < CANCEL_PATIENCE_S:
            return None
        job = self._current
        self._end_process()
        self._send_next()
        return Finished(job, "cancelled")

    def _send_next(self) -> None:
        if self._current is not None or not self._waiting:
            return
        if self._process is None:
            self._start_process()
        if self._pipe is None or self._cancel is None:
            return
        forget = self._store.is_full
        if forget:
            self._store.forget()
        waiting = self._waiting.pop(0)
        self._cancel.clear()
        self._current = waiting.job
        self._pipe.send((forget, self._store.pack((waiting.job, waiting.task, waiting.request))))

    def _start_process(self, modules: tuple[str, ...] = ()) -> None:
        ours, theirs = self._context.Pipe()
        self._cancel = self._context.Event()
        self._store = ArrayStore("w")
        self._process = self._context.Process(
            target=serve, args=(theirs, self._cancel, modules), name="osteoplan-worker", daemon=True
        )
        self._process.start()
        theirs.close()
        self._pipe = ours

    def _end_process(self) -> None:
        if self._process is not None:
            if self._process.is_alive():
                self._process.terminate()
                self._process.join(QUIT_PATIENCE_S)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()
            self._process.close()
        if self._pipe is not None:
            self._pipe.close()
        self._process, self._pipe, self._cancel = None, None, None
        self._current, self._cancelled_at = None, None
        self._store.forget()


def serve(pipe: Connection[Any, Any], cancel: Event, modules: tuple[str, ...] = ()) -> None:
    """Do jobs until told to stop; runs in the worker process.

    Parameters
    ----------
    pipe : Connection
        Jobs come and reports go through it; None ends the process.
    cancel : Event
        Set once the running job is no longer wanted.
    modules : tuple of str
        To be imported while no job waits.
    """
    for module in modules:
        if not pipe.poll():
            importlib.import_module(module)
    store = ArrayStore("r")
    while True:
        try:
            received: tuple[bool, Message] | None = pipe.recv()
        except (EOFError, OSError, KeyboardInterrupt):
            return
        if received is None:
            return
        forget, message = received
        if forget:
            store.forget()
        job, task, request = store.unpack(message)
        ended = _do(job, task, request, _progress(pipe, store, cancel, job))
        pipe.send(store.pack(ended))


def _progress(pipe: Connection[Any, Any], store: ArrayStore, cancel: Event, job: int) -> Progress:
    last_s = 0.0

    def report(fraction: float, message: str) -> None:
        nonlocal last_s
        now_s = time.monotonic()
        if now_s - last_s >= REPORT_EVERY_S or fraction >= 1.0:
            last_s = now_s
            pipe.send(store.pack(Report(job, fraction, message)))

    def show(picture: object) -> None:
        pipe.send(store.pack(Preview(job, picture)))

    return Progress(report, cancel.is_set, show=show)


def _do(job: int, task: Task, request: tuple[Any, ...], progress: Progress) -> Finished:
    try:
        return Finished(job, "done", task(*request, progress))
    except Cancelled:
        return Finished(job, "cancelled")
    except Refusal as refusal:
        return Finished(job, "refused", refusal=refusal)
    except Exception:  # whatever fails must reach the window's log, never be lost
        return Finished(job, "failed", trace=traceback.format_exc())
