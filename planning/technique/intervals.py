"""Exact intervals of shares that the sources print as counts."""

from __future__ import annotations

from functools import cache

CONFIDENCE = 0.95


@cache
def exact_interval_percent(count: int, of: int) -> tuple[float, float]:
    """Return the exact interval of a share (Clopper and Pearson 1934).

    Parameters
    ----------
    count, of : int
        Events among how many; ``of`` is above zero.

    Returns
    -------
    tuple of float
        95 % confidence limits, per cent.
    """
    from scipy.special import betaincinv  # heavy; only where a share is shown

    tail = (1.0 - CONFIDENCE) / 2.0
    low = 0.0 if count == 0 else float(betaincinv(count, of - count + 1, tail))
    high = 1.0 if count == of else float(betaincinv(count + 1, of - count, 1.0 - tail))
    return 100.0 * low, 100.0 * high
