"""The few statistics of a series; SciPy computes them, here stands what cannot be computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from imaging.document import Document

CONFIDENCE = 0.95

Reason = Literal["no_failures", "no_successes", "nobody", "all_equal", "one_level"]


class Comparison(Document):
    """A two-sided test.

    Attributes
    ----------
    name : str
        ``fisher_exact`` or ``mann_whitney``.
    p : float or None
        None where it cannot be computed.
    reason : str or None
        Why not.
    """

    name: Literal["fisher_exact", "mann_whitney"]
    p: float | None
    reason: Reason | None = None


class Proportion(Document):
    """A share with its exact interval.

    Attributes
    ----------
    count, of : int
        How many of how many.
    percent : float or None
        None of nobody.
    low_percent, high_percent : float or None
        Exact (Clopper and Pearson) 95 % interval.
    """

    count: int
    of: int
    percent: float | None = None
    low_percent: float | None = None
    high_percent: float | None = None


class Mean(Document):
    """A mean and how many it is of.

    Attributes
    ----------
    mean : float or None
        None of nobody.
    n : int
        Values known.
    """

    mean: float | None
    n: int


def proportion(count: int, of: int) -> Proportion:
    """Return a share with its exact interval.

    Parameters
    ----------
    count, of : int
        How many of how many.

    Returns
    -------
    Proportion
        Without figures of nobody.
    """
    if of == 0:
        return Proportion(count=0, of=0)
    from scipy import stats

    interval = stats.binomtest(count, of).proportion_ci(CONFIDENCE, method="exact")
    return Proportion(
        count=count,
        of=of,
        percent=100 * count / of,
        low_percent=100 * float(interval.low),
        high_percent=100 * float(interval.high),
    )


def mean_of(values: Sequence[float]) -> Mean:
    """Return a mean with its number.

    Parameters
    ----------
    values : sequence of float
        Those that are known.

    Returns
    -------
    Mean
        None of nobody.
    """
    return Mean(mean=math.fsum(values) / len(values) if values else None, n=len(values))


def mann_whitney(failure: Sequence[float], success: Sequence[float]) -> Comparison:
    """Compare a quantity between failures and successes, two-sided.

    Parameters
    ----------
    failure, success : sequence of float
        Those that are known.

    Returns
    -------
    Comparison
        Without p where a group is empty or all values are equal.
    """
    reason = _lacking(len(failure), len(success))
    if reason is None and len({*failure, *success}) == 1:
        reason = "all_equal"
    if reason is not None:
        return Comparison(name="mann_whitney", p=None, reason=reason)
    from scipy import stats

    found = stats.mannwhitneyu(list(failure), list(success), alternative="two-sided")
    return Comparison(name="mann_whitney", p=float(found.pvalue))


def fisher(counts: Sequence[tuple[int, int]]) -> Comparison:
    """Compare two levels between failures and successes: Fisher's exact test, two-sided.

    Parameters
    ----------
    counts : sequence of tuple
        Two rows: failures and successes of each level.

    Returns
    -------
    Comparison
        Without p where a group or a level has nobody.
    """
    (a, b), (c, d) = counts
    reason = _lacking(a + c, b + d)
    if reason is None and (a + b == 0 or c + d == 0):
        reason = "one_level"
    if reason is not None:
        return Comparison(name="fisher_exact", p=None, reason=reason)
    from scipy import stats

    _, p = stats.fisher_exact(np.array([[a, b], [c, d]]), alternative="two-sided")
    return Comparison(name="fisher_exact", p=float(p))


def median_lasting(days: Sequence[int], is_censored: Sequence[bool]) -> float | None:
    """Return the median of durations of which some were still running: Kaplan and Meier.

    Parameters
    ----------
    days : sequence of int
        Durations; of those still running what is known.
    is_censored : sequence of bool
        Whether it was still running.

    Returns
    -------
    float or None
        The first day by which half had ended; None while fewer have.
    """
    ended = [day for day, runs in zip(days, is_censored, strict=True) if not runs]
    if not ended:
        return None
    running = [day for day, runs in zip(days, is_censored, strict=True) if runs]
    from scipy import stats

    curve = stats.ecdf(stats.CensoredData(uncensored=ended, right=running)).sf
    below = np.flatnonzero(curve.probabilities <= 0.5)
    return float(curve.quantiles[below[0]]) if len(below) else None


def _lacking(failures: int, successes: int) -> Reason | None:
    if not failures and not successes:
        return "nobody"
    if not failures:
        return "no_failures"
    return None if successes else "no_successes"
