"""The exercises that the program brings along."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

from planning.teaching.files import ENDING, ExerciseFile, read_exercise

FOLDER = "teaching"


def shipped_folder() -> Path:
    """Return where the shipped exercises lie.

    Returns
    -------
    Path
        Of the installed program.
    """
    return Path(str(files("resources"))) / FOLDER


@cache
def shipped_exercises() -> tuple[ExerciseFile, ...]:
    """Return the shipped exercises, easy ones first.

    Returns
    -------
    tuple of ExerciseFile
        By difficulty, then task and id.
    """
    found = [read_exercise(path) for path in sorted(shipped_folder().glob(f"*{ENDING}"))]
    return tuple(
        sorted(found, key=lambda one: (one.exercise.difficulty, one.exercise.task, one.exercise.id))
    )


def shipped_exercise(exercise_id: str) -> ExerciseFile | None:
    """Return a shipped exercise by its id.

    Parameters
    ----------
    exercise_id : str
        Such as ``measure-l3``.

    Returns
    -------
    ExerciseFile or None
        None where there is none of that id.
    """
    return next((one for one in shipped_exercises() if one.exercise.id == exercise_id), None)
