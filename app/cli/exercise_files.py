"""What the commands of exercises share: which exercise is meant, and the teacher's passphrase."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from app.errors import AppError
from app.report.texts import LANGUAGES
from imaging.errors import Problem
from planning.teaching.files import ENDING, ExerciseFile, read_exercise
from planning.teaching.shipped import shipped_exercise

LANGUAGE = click.Choice(LANGUAGES)
MOST_BYTES = 4096


def exercise_named(name: str) -> ExerciseFile:
    """Return an exercise by the id of a shipped one, or by its file.

    Parameters
    ----------
    name : str
        Such as ``measure-l3``, or a path.

    Returns
    -------
    ExerciseFile
        Its reference sealed.

    Raises
    ------
    Refusal
        When there is none.
    """
    shipped = shipped_exercise(name)
    if shipped is not None:
        return shipped
    if Path(name).suffix != ENDING and not os.path.lexists(name):
        message = "no shipped exercise has this id; `osteoplan exercise list` shows them"
        raise AppError(Problem(code="unknown_exercise", message=message, where=name))
    return read_exercise(Path(name))


def passphrase_option(command: Any) -> Any:  # noqa: ANN401 - click decorators keep the command's type
    """Add the file that holds the teacher's passphrase.

    Parameters
    ----------
    command : callable
        To be decorated.

    Returns
    -------
    callable
        The same command.
    """
    told = "First line of this file is the teacher's passphrase, for an examination."
    option = click.option("--passphrase-file", type=click.Path(path_type=Path), help=told)
    return option(command)


def passphrase_in(path: Path | None) -> str | None:
    """Return the passphrase that a file holds; it is never taken from the command line.

    Parameters
    ----------
    path : Path or None
        None where there is none.

    Returns
    -------
    str or None
        Its first line.

    Raises
    ------
    AppError
        When the file cannot be read.
    """
    if path is None:
        return None
    try:
        with path.open(encoding="utf-8-sig") as text:
            return text.read(MOST_BYTES).split("\n")[0].strip("\r")
    except (OSError, UnicodeDecodeError):
        message = "the file of the passphrase cannot be read; check the path and its rights"
        raise AppError(Problem(code="not_readable", message=message, where=str(path))) from None
