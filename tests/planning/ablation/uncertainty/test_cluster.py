"""A real Dask scheduler with workers as processes: the same bits; lost ones are told in words."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from imaging.progress import Cancelled, Progress
from planning.ablation.request import TreatmentRequest
from planning.ablation.uncertainty import cluster
from planning.ablation.uncertainty.samples import UncertaintyRequest, simulate_samples
from planning.errors import PlanningError

ROOT = Path(__file__).resolve().parents[4]
STARTS_WITHIN_S = 60.0


@dataclass
class Cluster:
    """A scheduler and its workers."""

    folder: Path
    address: str = ""
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        # A busy machine may keep a process from answering for longer than the usual 30 s.
        patient = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "300s"}
        environment = {**os.environ, **patient, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.started.append(process)
        return process

    def worker(self, threads: int = 1) -> subprocess.Popen[bytes]:
        return self.start(
            "worker", self.address, "--no-nanny", "--no-dashboard", "--host", "127.0.0.1",
            "--nthreads", str(threads), "--local-directory", str(self.folder),
        )  # fmt: skip


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A scheduler without workers, on a free port of this machine."""
    made = Cluster(tmp_path_factory.mktemp("dask"))
    file = made.folder / "scheduler.json"
    made.start(
        "scheduler", "--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0",
        "--no-dashboard", "--scheduler-file", str(file),
    )  # fmt: skip
    until = time.monotonic() + STARTS_WITHIN_S
    while not file.exists() and time.monotonic() < until:
        time.sleep(0.1)
    made.address = json.loads(file.read_text(encoding="utf-8"))["address"]
    yield made
    for process in made.started:
        process.terminate()
    for process in made.started:
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()


def test_a_scheduler_without_workers_is_refused(
    started: Cluster, quick: TreatmentRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "WORKERS_S", 0.5)
    with pytest.raises(PlanningError) as refused:
        simulate_samples(UncertaintyRequest(quick, samples=2, scheduler=started.address))
    assert refused.value.code == "no_workers"


def test_two_workers_give_the_bits_of_one_machine_even_when_one_is_lost(
    started: Cluster, quick: TreatmentRequest
) -> None:
    first, _ = started.worker(), started.worker(threads=2)
    here = simulate_samples(UncertaintyRequest(quick, samples=8, seed=4, processes=1))
    request = UncertaintyRequest(quick, samples=8, seed=4, scheduler=started.address)
    told: list[float] = []

    def lose_one(fraction: float, _message: str) -> None:
        told.append(fraction)
        if fraction > 0.3 and first.poll() is None:
            first.send_signal(signal.SIGKILL)

    there = simulate_samples(request, Progress(report=lose_one))
    assert first.wait(timeout=10) == -signal.SIGKILL
    assert there.result == here.result
    np.testing.assert_array_equal(there.lethal, here.lethal)
    np.testing.assert_array_equal(there.harm, here.harm)
    assert told == sorted(told)


def test_a_cancelled_run_takes_its_samples_back(
    started: Cluster, quick: TreatmentRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import Client

    monkeypatch.setattr(cluster, "WORKERS_S", STARTS_WITHIN_S)
    started.worker()  # whatever became of the others
    told: list[float] = []
    progress = Progress(
        report=lambda fraction, _: told.append(fraction), is_cancelled=lambda: len(told) > 3
    )
    request = UncertaintyRequest(quick, samples=200, scheduler=started.address)
    with pytest.raises(Cancelled):
        simulate_samples(request, progress)
    with Client(started.address, set_as_default=False) as client:
        until = time.monotonic() + 10.0
        while client.run_on_scheduler(_waiting) and time.monotonic() < until:
            time.sleep(0.2)
        assert client.run_on_scheduler(_waiting) == 0


def _waiting(dask_scheduler: object) -> int:
    return len(dask_scheduler.tasks)  # type: ignore[attr-defined]


def test_lost_workers_are_told_in_words(
    started: Cluster, quick: TreatmentRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "WORKERS_S", STARTS_WITHIN_S)
    monkeypatch.setattr(cluster, "WITHOUT_WORKERS_S", 1.0)
    started.worker()

    def lose_all(fraction: float, _message: str) -> None:
        if fraction > 0.03:
            for process in started.started[1:]:
                process.kill()

    request = UncertaintyRequest(quick, samples=50, scheduler=started.address)
    with pytest.raises(PlanningError) as refused:
        simulate_samples(request, Progress(report=lose_all))
    assert refused.value.code == "cluster_lost"


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "ftp://host:1", ""])
def test_an_address_where_no_scheduler_answers_is_refused(
    quick: TreatmentRequest, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_S", 0.5)
    with pytest.raises(PlanningError) as refused:
        simulate_samples(UncertaintyRequest(quick, samples=2, scheduler=address))
    assert refused.value.code == "no_scheduler"
    assert refused.value.problems[0].where == address
