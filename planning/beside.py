"""Where the series lies that a plan points at: told from the plan file where both move together."""

from __future__ import annotations

from pathlib import Path

PLANS, SERIES = "plans", "series"  # folders of one case, side by side
BESIDE = f"../{SERIES}"


def place_kept(plan: Path, series: str) -> str:
    """Return how a plan file names the place of its series.

    Parameters
    ----------
    plan : Path
        The plan file.
    series : str
        Where the series is.

    Returns
    -------
    str
        Relative to the plan file when both lie in the folder of one case, else the same.
    """
    if not series or plan.parent.name != PLANS:
        return series
    beside = plan.parent.resolve().parent / SERIES
    return BESIDE if Path(series).resolve() == beside else series


def place_found(plan: Path, kept: str) -> str:
    """Return where the series of a plan is.

    Parameters
    ----------
    plan : Path
        The plan file.
    kept : str
        As :func:`place_kept` gave it.

    Returns
    -------
    str
        A place that can be opened, whether or not anything is there; the series beside the plan
        also where the place that was kept is gone.
    """
    if plan.parent.name != PLANS:
        return kept
    beside = plan.parent.resolve().parent / SERIES
    is_lost = bool(kept) and not Path(kept).exists() and beside.is_dir()
    return str(beside) if kept == BESIDE or is_lost else kept
