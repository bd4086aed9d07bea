"""Our work and a peer's, timed in turn in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

REPEATS = 5


@dataclass(frozen=True)
class Timed:
    """Our work and a peer's, on the same input.

    Parameters
    ----------
    name : str
        What is measured.
    ours : callable
        Our work.
    amount : float
        How much is done in one call, in ``unit``.
    unit : str
        Of the rate.
    peers : dict
        Name to the peer's work.
    """

    name: str
    ours: Callable[[], object]
    amount: float
    unit: str
    peers: dict[str, Callable[[], object]]


def measure(timed: Timed, repeats: int = REPEATS) -> dict[str, Any]:
    """Run ours and the peers in turn and return the row of the JSON."""
    timed.ours()
    for peer in timed.peers.values():
        peer()
    ours: list[float] = []
    theirs: dict[str, list[float]] = {name: [] for name in timed.peers}
    for _ in range(repeats):
        ours.append(seconds(timed.ours))
        for name, peer in timed.peers.items():
            theirs[name].append(seconds(peer))
    median = float(np.median(ours))
    peers = [
        {"name": name, "median_s": float(np.median(own)), "ratio": float(np.median(own)) / median}
        for name, own in theirs.items()
    ]
    return {
        "name": timed.name,
        "median_s": median,
        "min_s": min(ours),
        "max_s": max(ours),
        "rate": timed.amount / median,
        "unit": timed.unit,
        "peers": peers,
    }


def seconds(work: Callable[[], object]) -> float:
    """Return the time a call takes."""
    begun_s = time.perf_counter()
    work()
    return time.perf_counter() - begun_s
