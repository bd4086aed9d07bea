"""Amounts as people read them, on the command line, on the screen and in the report."""

from __future__ import annotations

import math

MOST_DOSE_MIN = 1e4  # CEM43 beyond it is as lethal as can be; its digits tell nothing


def never_rounded_up(percent: float) -> float:
    """Return a share cut to one decimal: what is not wholly covered is never shown as 100 %.

    Parameters
    ----------
    percent : float
        0 to 100.

    Returns
    -------
    float
        At most the share itself.
    """
    return math.floor(10 * percent) / 10


def clock(seconds: float) -> str:
    """Return a duration, or a time since the start.

    Parameters
    ----------
    seconds : float
        Not below 0.

    Returns
    -------
    str
        Minutes and seconds.
    """
    whole = int(seconds)
    return f"{whole // 60} min {whole % 60:02d}"


def dose(minutes: float) -> str:
    """Return a thermal dose, without unit.

    Parameters
    ----------
    minutes : float
        CEM43.

    Returns
    -------
    str
        Whole minutes.
    """
    if minutes > MOST_DOSE_MIN:
        return "> 10\N{NARROW NO-BREAK SPACE}000"
    return "< 1" if 0.01 <= minutes < 1.0 else f"{minutes:.0f}"
