"""Compiled loops: numba behind a typed decorator, cached on disk so that nobody compiles twice."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

# Threads that spin while they wait for each other starve when the machine is busy with other work
# (measured: ten times slower); read by OpenMP when numba first runs a parallel loop.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numba

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a loop over arrays for one thread; it releases the interpreter's lock.

    Parameters
    ----------
    function : callable
        Arrays and numbers in, arrays and numbers out.

    Returns
    -------
    callable
        Same signature, compiled at the first call and cached.
    """
    return cast("Callable[P, R]", numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def parallel_kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a loop over arrays for all cores; loops that may run in any order use ``prange``.

    Two threads must never be inside parallel kernels at once (numba's fallback threading layer
    ends the process): call them from one worker process, or from the only working thread.

    Parameters
    ----------
    function : callable
        Arrays and numbers in, arrays and numbers out.

    Returns
    -------
    callable
        Same signature, compiled at the first call and cached.
    """
    return cast(
        "Callable[P, R]",
        numba.njit(cache=True, nogil=True, parallel=True, error_model="numpy")(function),
    )


prange = numba.prange
