"""What the commands of the library share: its folder, a case, a passphrase."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from app.cli.output import json_option
from app.errors import AppError
from imaging.errors import Problem
from planning.library.library import Library
from planning.library.place import library_folder

PATH = click.Path(path_type=Path)
VARIABLE = "OSTEOPLAN_PASSPHRASE"
MOST_PASSPHRASE_BYTES = 4096


def of_library(command: Any) -> Any:  # noqa: ANN401 - click decorators keep the command's own type
    """Add the folder of the library."""
    option = click.option(
        "--library", type=PATH, help="Its folder; OSTEOPLAN_LIBRARY, or one of the user's own."
    )
    return json_option(option(command))


def of_case(command: Any) -> Any:  # noqa: ANN401 - as above
    """Add the case that is meant, and the library."""
    return click.argument("case_id", metavar="ID")(of_library(command))


def of_passphrase(command: Any) -> Any:  # noqa: ANN401 - as above
    """Add the ways to give a passphrase, none of which leaves it in the shell's history."""
    for decorate in (
        click.option("--passphrase-file", type=PATH, help="Its first line is the passphrase."),
        click.option(
            "--passphrase", "asked", is_flag=True, help=f"Ask for one, or take {VARIABLE}."
        ),
    ):
        command = decorate(command)
    return command


def opened(library: Path | None) -> Library:
    """Open the library that is meant; made where there is none."""
    return Library.open(library or library_folder())


def passphrase(asked: bool, file: Path | None, *, is_new: bool) -> str | None:
    """Return the passphrase, or None where none is wanted.

    Parameters
    ----------
    asked : bool
        Whether one is wanted.
    file : Path or None
        That holds it.
    is_new : bool
        Whether it is to be typed twice.

    Returns
    -------
    str or None
        As the file, the environment or the user gives it.

    Raises
    ------
    AppError
        When the file cannot be read or nobody can be asked.
    """
    if file is not None:
        return _from_file(file)
    if not asked:
        return None
    known = os.environ.get(VARIABLE, "")
    if known:
        return known
    if not sys.stdin.isatty():
        message = (
            f"nobody can be asked for the passphrase here; give --passphrase-file or {VARIABLE}"
        )
        raise AppError(Problem(code="no_passphrase", message=message, where="--passphrase"))
    prompt = click.prompt(
        "Passphrase", hide_input=True, confirmation_prompt=is_new, err=True, type=str
    )
    return str(prompt)


def _from_file(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            text = stream.read(MOST_PASSPHRASE_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        message = "the file with the passphrase cannot be read; its first line is the passphrase"
        raise AppError(Problem(code="no_passphrase", message=message, where=str(file))) from None
    lines = text.splitlines()
    if not lines or not lines[0]:
        message = "the file with the passphrase is empty; write it in its first line"
        raise AppError(Problem(code="no_passphrase", message=message, where=str(file)))
    return lines[0]
