"""What the worker process does for follow-up: reads a folder of plans and counts its series."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from imaging.progress import Progress
from planning.follow_up.calls import Call, call_list
from planning.follow_up.cohort import ALL, Cohort, cohort
from planning.follow_up.folder import Records, read_folder

FIRST = "infiltration"  # the technique of the series that one's own is held against


@dataclass(frozen=True)
class Series:
    """What a folder of plans holds.

    Parameters
    ----------
    folder : Path
        That was read.
    on : datetime.date
        Day of the call list.
    records : Records
        All treatments.
    calls : tuple of Call
        Who is due or overdue.
    cohorts : tuple of Cohort
        One a technique that was used, infiltration first, and all together.
    """

    folder: Path
    on: date
    records: Records
    calls: tuple[Call, ...]
    cohorts: tuple[Cohort, ...]


def read_series(folder: Path, on: date, progress: Progress) -> Series:
    """Read a folder of plans and count its series.

    Parameters
    ----------
    folder : Path
        Searched with its subfolders.
    on : datetime.date
        Day of the call list.
    progress : Progress
        Told after each file.

    Returns
    -------
    Series
        Without cohorts where no treatment is recorded.
    """
    records = read_folder(folder, progress.part(0.0, 0.8))
    rows = records.procedures
    used: set[str] = {name for one in rows for name in one.treatment.techniques}
    names = sorted(used, key=lambda name: (name != FIRST, name))
    if len(names) > 1:
        names.append(ALL)
    cohorts = tuple(cohort(rows, name) for name in names)
    return Series(folder, on, records, call_list(rows, on), cohorts)
