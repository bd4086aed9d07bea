"""Samples on the cores of this machine, one process each."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.synchronize import Event

from imaging.errors import Problem
from imaging.progress import Progress
from planning.ablation.request import TreatmentRequest
from planning.ablation.uncertainty.outcome import SampleOutcome, simulate_sample
from planning.ablation.uncertainty.sampling import Sample
from planning.errors import PlanningError

LOOK_EVERY_S = 0.2  # whether the result is still wanted
_stops: list[Event] = []  # in a process of the pool: the one event that tells it to stop


def simulated_in_processes(
    processes: int, treatment: TreatmentRequest, samples: Sequence[Sample], progress: Progress
) -> Iterator[SampleOutcome]:
    """Yield the outcomes as they come.

    Parameters
    ----------
    processes : int
        Started afresh, so that nothing of this process is in them.
    treatment : TreatmentRequest
        On its box.
    samples : sequence of Sample
        To be simulated.
    progress : Progress
        Asked whether the result is still wanted.

    Yields
    ------
    SampleOutcome
        In the order they are done.

    Raises
    ------
    PlanningError
        When a process was lost, or the treatment cannot be simulated.
    Cancelled
        When the result is no longer wanted; no process is left then.
    """
    context = get_context("spawn")
    stop = context.Event()
    pool = ProcessPoolExecutor(processes, context, initializer=_begin, initargs=(stop,))
    try:
        left = {pool.submit(_simulate, treatment, sample) for sample in samples}
        total = len(left)
        while left:
            done, left = wait(left, LOOK_EVERY_S, FIRST_COMPLETED)
            for future in done:
                yield _outcome(future)
            progress.update((total - len(left)) / total, "samples")
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _outcome(future: Future[SampleOutcome]) -> SampleOutcome:
    try:
        return future.result()
    except BrokenProcessPool:
        message = "a process that simulated samples was ended; free memory, or take larger cells"
        raise PlanningError(Problem(code="worker_lost", message=message)) from None


def _begin(stop: Event) -> None:
    """Prepare a process of the pool: only the program tells it to stop, not the keyboard."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _stops.append(stop)


def _simulate(treatment: TreatmentRequest, sample: Sample) -> SampleOutcome:
    return simulate_sample(treatment, sample, Progress(is_cancelled=_stops[-1].is_set))
