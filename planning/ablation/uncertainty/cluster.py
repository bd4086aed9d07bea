"""Samples on the workers of a Dask cluster: the same samples, the same bits."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from imaging.errors import Problem
from imaging.progress import Cancelled, Progress
from planning.ablation.request import TreatmentRequest
from planning.ablation.uncertainty.outcome import SampleOutcome, simulate_sample
from planning.ablation.uncertainty.sampling import Sample
from planning.errors import PlanningError

if TYPE_CHECKING:
    from distributed import Client

log = logging.getLogger(__name__)

CONNECT_S = 5.0  # for the scheduler to answer
WORKERS_S = 10.0  # for a first worker to be there
WITHOUT_WORKERS_S = 30.0  # after which lost workers are not waited for any longer
LOOK_EVERY_S = 0.2


def simulated_on_cluster(
    address: str, treatment: TreatmentRequest, samples: Sequence[Sample], progress: Progress
) -> Iterator[SampleOutcome]:
    """Yield the outcomes as they come.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://host:8786``. The workers need the same version of this
        program; the treatment is sent to them once.
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
        When the scheduler does not answer, has no workers or loses them, when a worker cannot run
        this program, or when the treatment cannot be simulated.
    Cancelled
        When the result is no longer wanted; what waits on the cluster is taken back.
    """
    with _connected(address) as client:
        given = client.submit(_given, treatment, pure=False)
        left = {client.submit(simulate_sample, given, one, pure=False): one for one in samples}
        total = len(left)
        seen_s = time.monotonic()
        try:
            while left:
                done = [future for future in left if future.done()]
                for future in done:
                    del left[future]
                    yield _outcome(future, address)
                progress.update((total - len(left)) / total, "samples")
                if done or _has_workers(client, address):
                    seen_s = time.monotonic()
                elif time.monotonic() - seen_s > WITHOUT_WORKERS_S:
                    raise _refusal("cluster_lost", address, LOST)
                if not done:
                    time.sleep(LOOK_EVERY_S)
        finally:
            _take_back(client, [given, *left])


NO_ANSWER = (
    "the Dask scheduler does not answer; start it (`dask scheduler`), or correct its address, "
    "or leave it out to compute on this machine"
)
NO_WORKERS = "the Dask scheduler has no workers; start some (`dask worker ADDRESS`)"
LOST = "the Dask scheduler or its workers were lost; start them again, or compute on this machine"
STRANGE = (
    "a Dask worker cannot run this program; install the same version of osteoplan, with the "
    "same libraries, for all workers"
)


def _refusal(code: str, address: str, message: str) -> PlanningError:
    return PlanningError(Problem(code=code, message=message, where=address))


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    """Give a client of a scheduler that has workers; whatever fails is told as a refusal."""
    from distributed import Client

    # They write tracebacks of what is told here in words.
    talkers = [logging.getLogger(name) for name in ("distributed", "distributed.client")]
    before = [talker.level for talker in talkers]
    for talker in talkers:
        talker.setLevel(logging.CRITICAL + 1)

    try:
        # Asked first without a client: one that never came up complains for long when let go.
        if not asyncio.run(_is_scheduler(address)):
            raise _refusal("no_scheduler", address, NO_ANSWER)
        try:
            client = Client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError, RuntimeError):
            raise _refusal("no_scheduler", address, NO_ANSWER) from None
        try:
            _wait_for_workers(client, address)
            yield client
        finally:
            client.close(timeout=CONNECT_S)
    finally:
        for talker, level in zip(talkers, before, strict=True):
            talker.setLevel(level)


def _wait_for_workers(client: Client, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=WORKERS_S)
    except TimeoutError:
        raise _refusal("no_workers", address, NO_WORKERS) from None


async def _is_scheduler(address: str) -> bool:
    from distributed.core import rpc

    try:
        there = rpc(address)
        try:
            told = await asyncio.wait_for(there.identity(), CONNECT_S)
        finally:
            await there.close_rpc()
    except (OSError, ValueError, TypeError, RuntimeError, TimeoutError):
        return False
    return isinstance(told, dict) and told.get("type") == "Scheduler"


def _given(treatment: TreatmentRequest) -> TreatmentRequest:
    """Be the one task that holds the treatment: when its worker is lost, another one takes over."""
    return treatment


def _has_workers(client: Client, address: str) -> bool:
    from distributed.comm.core import CommClosedError

    try:
        return bool(client.scheduler_info().get("workers"))
    except (CommClosedError, OSError, RuntimeError):
        raise _refusal("cluster_lost", address, LOST) from None


def _outcome(future: Any, address: str) -> SampleOutcome:  # noqa: ANN401 - distributed has no types
    from distributed import KilledWorker
    from distributed.client import FutureCancelledError
    from distributed.comm.core import CommClosedError

    try:
        outcome = future.result()
    except (PlanningError, Cancelled):
        raise
    except (KilledWorker, FutureCancelledError, CommClosedError, OSError):
        raise _refusal("cluster_lost", address, LOST) from None
    except (ImportError, AttributeError, TypeError, RuntimeError) as error:
        log.info("%s on a worker: %s", type(error).__name__, error)
        raise _refusal("other_program", address, STRANGE) from None
    if not isinstance(outcome, SampleOutcome):
        raise _refusal("other_program", address, STRANGE)
    return outcome


def _take_back(client: Client, futures: Sequence[Any]) -> None:
    from distributed.comm.core import CommClosedError

    try:
        client.cancel(list(futures), force=True)
    except (CommClosedError, OSError, RuntimeError):
        return  # there is no scheduler any more that could run them
