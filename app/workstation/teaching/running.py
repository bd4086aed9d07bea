"""The exercise that is being answered: kept beside its plan, so that it can be gone on with."""

from __future__ import annotations

import shutil
from pathlib import Path

from pydantic import ValidationError

from app.files import write_file
from imaging.document import Document
from planning.store import ENDING
from planning.teaching.attempts_file import attempts_folder
from planning.teaching.exercise import Statement
from planning.teaching.files import ENDING as EXERCISE_ENDING
from planning.teaching.files import ExerciseFile, read_exercise
from planning.teaching.records import Attempt
from planning.teaching.shipped import shipped_exercise

RECORD, PLAN, CT, COPY = "attempt.json", f"answer{ENDING}", "ct", f"exercise{EXERCISE_ENDING}"


class Running(Document):
    """An attempt that is under way.

    Attributes
    ----------
    attempt : Attempt
        On record.
    elapsed_s : float
        Time that it took up to now.
    statement : Statement
        What was stated up to now.
    is_handed_in : bool
        Whether its answer is on record.
    """

    attempt: Attempt
    elapsed_s: float = 0.0
    statement: Statement = Statement()
    is_handed_in: bool = False


def attempt_folder(number: int) -> Path:
    """Return where an attempt is worked on.

    Parameters
    ----------
    number : int
        Of the attempt.

    Returns
    -------
    Path
        With its exercise, CT and plan.
    """
    return attempts_folder() / "answers" / f"{number}"


def exercise_of(attempt: Attempt) -> ExerciseFile:
    """Return the exercise that an attempt answers.

    Parameters
    ----------
    attempt : Attempt
        On record.

    Returns
    -------
    ExerciseFile
        The copy in its folder, or the shipped one.

    Raises
    ------
    PlanningError
        When it is gone or damaged.
    """
    copy = attempt_folder(attempt.id) / COPY
    shipped = None if copy.is_file() else shipped_exercise(attempt.exercise)
    return shipped or read_exercise(copy)


def kept(folder: Path) -> Running | None:
    """Return the attempt that a folder holds.

    Parameters
    ----------
    folder : Path
        Any.

    Returns
    -------
    Running or None
        None where it holds none.
    """
    try:
        return Running.model_validate_json((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError, ValidationError):
        return None


def keep(running: Running) -> None:
    """Keep how far an attempt is.

    Parameters
    ----------
    running : Running
        To be gone on with later.

    Raises
    ------
    AppError
        When the folder cannot be written.
    """
    folder = attempt_folder(running.attempt.id)
    write_file(folder, RECORD, running.model_dump_json().encode())


def clear_marked(marked: frozenset[int]) -> None:
    """Remove what was worked on in attempts that are marked; their answers are on record.

    Parameters
    ----------
    marked : frozenset of int
        Numbers of attempts.
    """
    for number in marked:
        shutil.rmtree(attempt_folder(number), ignore_errors=True)
