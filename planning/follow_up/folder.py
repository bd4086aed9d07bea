"""Reads what became of the treatments in a folder of plans, without keeping anybody out of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from pydantic import Field, ValidationError

from imaging.document import Document
from imaging.errors import Problem, Refusal
from imaging.progress import Progress
from planning.errors import PlanningError
from planning.follow_up.keeping import next_treatment
from planning.follow_up.records import Treatment, Visit
from planning.follow_up.tables import DAY0
from planning.store import ENDING, SCHEMA_VERSION, version_of

PATIENCE_S = 2.0  # for a program that is just writing


class Procedure(Document):
    """One treatment of a centre's series, without anything that names the patient.

    Attributes
    ----------
    case : str
        Plan file below the folder, or the case's name in a table; empty where it is not known.
    lesion : int
        Number of the lesion in the case.
    lesion_name : str
        What the radiologist calls it.
    number : int
        Of the treatment among those of the lesion, from 1.
    treatment : Treatment
        With visits and events.
    next_treatment : datetime.date or None
        When the same lesion was treated again.
    death : datetime.date or None
        Of the patient, as recorded with any lesion of the case.
    """

    case: str = ""
    lesion: int = Field(default=1, ge=1)
    lesion_name: str = ""
    number: int = Field(default=1, ge=1)
    treatment: Treatment
    next_treatment: date | None = None
    death: date | None = None

    @property
    def baseline_vas(self) -> float | None:
        """Pain on day 0."""
        before: Visit | None = self.treatment.visit(DAY0)
        return None if before is None else before.vas


class Records(Document):
    """What a folder or a table holds.

    Attributes
    ----------
    procedures : tuple of Procedure
        By case, lesion and date.
    files : int
        Plan files that were read, those without a treatment among them.
    problems : tuple of Problem
        Files that could not be read, and copies that were left out.
    """

    procedures: tuple[Procedure, ...]
    files: int = 0
    problems: tuple[Problem, ...] = ()


class _Kept(Document):
    """What of a plan's document is needed here."""

    number: int = 1
    name: str = ""
    checksum: str = ""
    treatments: tuple[Treatment, ...] = ()


def read_folder(folder: Path, progress: Progress | None = None) -> Records:
    """Read the treatments of all plan files below a folder.

    Parameters
    ----------
    folder : Path
        Searched with its subfolders.
    progress : Progress, optional
        Told after each file.

    Returns
    -------
    Records
        Files that cannot be read are among its problems; a copy of a case is counted once.

    Raises
    ------
    PlanningError
        When the folder cannot be read or holds no plan file.
    """
    paths = _plan_files(folder)
    told = progress or Progress()
    problems: list[Problem] = []
    read: list[tuple[str, tuple[_Kept, ...]]] = []
    for count, path in enumerate(paths):
        told.update(count / len(paths), path.name)
        try:
            read.append((path.relative_to(folder).as_posix(), _read(path)))
        except Refusal as refusal:
            problems += refusal.problems
    cases, copies = _without_copies(read)
    rows = [row for name, kept in cases for row in with_dates_between(_procedures(name, kept))]
    return Records(procedures=tuple(rows), files=len(paths), problems=(*problems, *copies))


def _without_copies(
    read: list[tuple[str, tuple[_Kept, ...]]],
) -> tuple[list[tuple[str, tuple[_Kept, ...]]], list[Problem]]:
    """Leave files out that hold a case again; of copies the one with most records counts."""
    seen: dict[tuple[str, int, str], str] = {}
    cases, problems = [], []
    for name, kept in sorted(read, key=lambda one: (-_records(one[1]), one[0])):
        keys = _keys(kept)
        first = next((seen[key] for key in keys if key in seen), None)
        if first is None:
            seen |= dict.fromkeys(keys, name)
            cases.append((name, kept))
        else:
            message = (
                f"this holds treatments that {first} holds as well, of the same CT; "
                "they are counted once, from there"
            )
            problems.append(Problem(code="counted_once", message=message, where=name))
    return sorted(cases, key=lambda one: one[0]), problems


def _records(kept: tuple[_Kept, ...]) -> int:
    """Return how much is recorded in a case."""
    rows = [row for one in kept for row in one.treatments]
    return sum(1 + len(row.visits) + len(row.events) for row in rows)


def with_dates_between(rows: Sequence[Procedure]) -> list[Procedure]:
    """Return the procedures of one case with what they say of each other.

    Parameters
    ----------
    rows : sequence of Procedure
        Of one case.

    Returns
    -------
    list of Procedure
        With number, the next treatment of the same lesion, and the patient's death.
    """
    deaths = [day for day in (one.treatment.first("death") for one in rows) if day is not None]
    death = min(deaths, default=None)
    found = []
    for lesion in sorted({one.lesion for one in rows}):
        here = sorted((one for one in rows if one.lesion == lesion), key=_treated)
        treatments = tuple(one.treatment for one in here)
        for number, one in enumerate(here, start=1):
            update = {
                "number": number,
                "next_treatment": next_treatment(treatments, one.treatment),
                "death": death,
            }
            found.append(one.model_copy(update=update))
    return found


def _treated(one: Procedure) -> date:
    return one.treatment.date


def _plan_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        message = "there is no such folder; check the path"
        raise PlanningError(Problem(code="not_found", message=message, where=str(folder)))
    try:
        paths = [one for one in folder.rglob(f"*{ENDING}") if one.is_file()]
    except OSError as error:
        message = f"the folder cannot be read ({error.strerror}); check its rights"
        raise PlanningError(
            Problem(code="not_readable", message=message, where=str(folder))
        ) from None
    if not paths:
        message = f"no plan file (*{ENDING}) lies in this folder or below; choose another one"
        raise PlanningError(Problem(code="no_plans", message=message, where=str(folder)))
    return sorted(paths)


def _read(path: Path) -> tuple[_Kept, ...]:
    """Read the documents of a plan through a connection that cannot write, and takes no lock."""
    version = version_of(path)
    if version > SCHEMA_VERSION:
        message = "the plan was written by a newer version of Osteoplan; update Osteoplan"
        raise PlanningError(Problem(code="plan_too_new", message=message, where=str(path)))
    try:
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=PATIENCE_S
        )
        try:
            texts = [str(row[0]) for row in connection.execute("SELECT document FROM plan")]
        finally:
            connection.close()
        return tuple(sorted((_kept(text) for text in texts), key=lambda one: one.number))
    except (sqlite3.Error, ValidationError, ValueError, TypeError) as error:
        reason = type(error).__name__
        message = (
            f"the plan cannot be read ({reason}): another program is writing it, or it is damaged; "
            "open it once in the workstation"
        )
        raise PlanningError(
            Problem(code="plan_not_read", message=message, where=str(path))
        ) from None


def _kept(text: str) -> _Kept:
    whole = json.loads(text)
    kept = {key: whole[key] for key in ("number", "name", "treatments") if key in whole}
    checksum = str(whole.get("series", {}).get("checksum", ""))
    return _Kept.model_validate_json(json.dumps({**kept, "checksum": checksum}))


def _keys(kept: tuple[_Kept, ...]) -> list[tuple[str, int, str]]:
    """Return what tells treatments of the same case in two files: same CT, lesion and record."""
    return [
        (one.checksum, one.number, f"{row.date} {' '.join(row.techniques)}")
        for one in kept
        for row in one.treatments
    ]


def _procedures(name: str, kept: tuple[_Kept, ...]) -> list[Procedure]:
    return [
        Procedure(case=name, lesion=one.number, lesion_name=one.name, treatment=row)
        for one in kept
        for row in one.treatments
    ]
