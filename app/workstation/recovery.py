"""Where the program was, for the case that it is killed: the next start opens it there."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs
import psutil

log = logging.getLogger(__name__)

ENDING = ".running.json"


@dataclass(frozen=True)
class Place:
    """Where a running program is.

    Parameters
    ----------
    plan : str
        Path of the plan file that it keeps, or of the CT where nothing was changed yet.
    step : str
        Step that it shows.
    crosshair_lps_mm : tuple of float
        Where its slices meet.
    """

    plan: str
    step: str
    crosshair_lps_mm: tuple[float, float, float]


def marks_folder() -> Path:
    """Return the folder of the marks of running programs."""
    return Path(platformdirs.user_data_dir("osteoplan", appauthor=False)) / "running"


class Recovery:
    """The mark of this program, written while it runs and taken away when it ends as it should."""

    def __init__(self) -> None:
        self._mark = marks_folder() / f"{os.getpid()}{ENDING}"
        self._written: Place | None = None

    def keep(self, place: Place | None) -> None:
        """Write where the program is, where that has changed.

        Parameters
        ----------
        place : Place or None
            None while nothing is open.
        """
        if place == self._written:
            return
        try:
            if place is None:
                self._mark.unlink(missing_ok=True)
            else:
                self._mark.parent.mkdir(parents=True, exist_ok=True)
                draft = self._mark.with_suffix(".draft")
                draft.write_text(json.dumps(asdict(place)), encoding="utf-8")
                draft.replace(self._mark)
        except OSError:
            log.warning("where the program is cannot be kept; a crash would not be found again")
            return
        self._written = place

    def end(self) -> None:
        """Take the mark away: the program ends as it should."""
        self.keep(None)


def left_behind() -> Place | None:
    """Return where a program was that did not end as it should; its mark is taken away.

    Returns
    -------
    Place or None
        Of the newest mark whose program no longer runs and whose plan is still there.
    """
    folder = marks_folder()
    marks = sorted(folder.glob(f"*{ENDING}"), key=_age, reverse=True) if folder.is_dir() else []
    found: Place | None = None
    for mark in marks:
        if _runs(mark):
            continue
        place = _read(mark)
        mark.unlink(missing_ok=True)
        if found is None and place is not None and Path(place.plan).exists():
            found = place
    return found


def _age(mark: Path) -> float:
    try:
        return mark.stat().st_mtime
    except OSError:
        return 0.0


def _runs(mark: Path) -> bool:
    """Tell whether the program that wrote a mark still runs; a number may have been given again."""
    number = mark.name.removesuffix(ENDING)
    if not number.isdigit() or int(number) == os.getpid():
        return number.isdigit()
    try:
        return bool(psutil.Process(int(number)).create_time() <= _age(mark))
    except psutil.Error:
        return False


def _read(mark: Path) -> Place | None:
    try:
        found = json.loads(mark.read_text(encoding="utf-8"))
        x, y, z = (float(n) for n in found["crosshair_lps_mm"])
        return Place(str(found["plan"]), str(found["step"]), (x, y, z))
    except (OSError, ValueError, KeyError, TypeError):
        return None
