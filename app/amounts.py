"""Amounts as people read them, on the command line, on the screen and in the report."""

from __future__ import annotations

import math

from planning.ablation.exposure import NeighbourRow
from planning.ablation.results import Curve
from planning.ablation.solver.materials import BODY_C

UNTOUCHED_C = 1.0  # a neighbour that changes by less is named, not told in figures
OWN_PLACES = {"probe_side", "lesion_border"}  # of curves that are always of note
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


def counted(number: int, thing: str) -> str:
    """Return a number of things in English.

    Parameters
    ----------
    number : int
        Of them.
    thing : str
        One of them; its plural ends in s.

    Returns
    -------
    str
        Such as ``1 probe`` or ``2 probes``.
    """
    return f"{number} {thing}{'' if number == 1 else 's'}"


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


def is_reached(near: NeighbourRow) -> bool:
    """Tell whether heat or cold changes a neighbour.

    Parameters
    ----------
    near : NeighbourRow
        Of a simulation.

    Returns
    -------
    bool
        False below 1 °C.
    """
    return max(near.max_c - BODY_C, BODY_C - near.min_c) >= UNTOUCHED_C


def is_curve_of_note(curve: Curve) -> bool:
    """Tell whether a curve is of the lesion, measured, or changed by heat or cold.

    Parameters
    ----------
    curve : Curve
        Of a simulation.

    Returns
    -------
    bool
        False for a neighbour that changes by less than 1 °C.
    """
    change_c = max(abs(value - BODY_C) for value in curve.temperature_c)
    return curve.name in OWN_PLACES or curve.kind == "thermocouple" or change_c >= UNTOUCHED_C
