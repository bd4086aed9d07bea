"""One worker process: results, refusals, cancelling, and arrays that travel once."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from app.workstation.jobs import Finished, Report, Worker
from app.workstation.transport import ArrayStore
from imaging.errors import refuse_image
from imaging.geometry import read_only
from imaging.progress import Progress


def double(array: NDArray[np.int16], progress: Progress) -> NDArray[np.int16]:
    progress.update(0.5, "half")
    return array * 2


def refuse(progress: Progress) -> None:
    raise refuse_image("not_found", "there is no such file; check the path", "x")


def fail(progress: Progress) -> None:
    raise ZeroDivisionError


def count(progress: Progress) -> None:
    for n in range(10_000):
        progress.update(n / 10_000)
        time.sleep(0.01)


def hang(progress: Progress) -> None:
    time.sleep(60)


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    made = Worker()
    yield made
    made.close()
    assert made.process_id is None


def _end(worker: Worker, job: int, most_s: float = 30.0) -> tuple[Finished, list[Report]]:
    reports: list[Report] = []
    end = time.monotonic() + most_s
    while time.monotonic() < end:
        for event in worker.poll():
            if isinstance(event, Report):
                reports.append(event)
            elif isinstance(event, Finished) and event.job == job:
                return event, reports
        time.sleep(0.005)
    raise AssertionError("the job did not end")


def test_a_result_comes_back_with_its_progress(worker: Worker) -> None:
    array = np.arange(6, dtype=np.int16)
    ended, reports = _end(worker, worker.submit(double, array))
    assert ended.outcome == "done"
    np.testing.assert_array_equal(ended.result, array * 2)
    assert [report.message for report in reports] == ["half"]


def test_a_refusal_comes_back_whole(worker: Worker) -> None:
    ended, _ = _end(worker, worker.submit(refuse))
    assert ended.outcome == "refused"
    assert ended.refusal is not None
    assert ended.refusal.problems[0].where == "x"


def test_a_failure_tells_where_and_the_worker_goes_on(worker: Worker) -> None:
    ended, _ = _end(worker, worker.submit(fail))
    assert ended.outcome == "failed"
    assert "ZeroDivisionError" in ended.trace
    assert _end(worker, worker.submit(double, np.ones(2, np.int16)))[0].outcome == "done"


def test_a_running_job_is_cancelled_between_chunks_and_the_process_stays(worker: Worker) -> None:
    job = worker.submit(count)
    while not worker.poll():
        time.sleep(0.01)
    process = worker.process_id
    worker.cancel(job)
    assert _end(worker, job, 5.0)[0].outcome == "cancelled"
    assert worker.process_id == process


def test_a_job_that_waits_is_cancelled_at_once(worker: Worker) -> None:
    running = worker.submit(count)
    waiting = worker.submit(double, np.ones(2, np.int16))
    ended = worker.cancel(waiting)
    assert ended is not None
    assert ended.outcome == "cancelled"
    worker.cancel(running)
    _end(worker, running)


def test_a_worker_that_does_not_answer_is_replaced(worker: Worker) -> None:
    job = worker.submit(hang)
    time.sleep(0.3)
    worker.cancel(job)
    assert _end(worker, job, 10.0)[0].outcome == "cancelled"
    assert _end(worker, worker.submit(double, np.ones(2, np.int16)))[0].outcome == "done"


def test_large_frozen_arrays_travel_once_each_way() -> None:
    ours, theirs = ArrayStore("w"), ArrayStore("r")
    array = read_only(np.zeros((1024, 1024), np.int16))
    first = ours.pack(("a", array))
    again = ours.pack(("b", read_only(array)))  # another view of the same memory
    assert len(first.arrays) == 1
    assert again.arrays == ()
    assert len(again.body) < 1000
    received = theirs.unpack(first)[1]
    assert theirs.unpack(again)[1] is received
    back = theirs.pack(received)
    assert back.arrays == ()
    assert ours.unpack(back) is array


def test_arrays_that_can_still_change_are_copied() -> None:
    ours = ArrayStore("w")
    array = np.zeros((1024, 1024), np.int16)
    assert len(ours.pack(array).body) > array.nbytes
