"""What the library says when it refuses."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imaging.errors import Problem
from planning.errors import PlanningError


def refuse(code: str, message: str, where: object = "") -> PlanningError:
    """Return the error for one problem.

    Parameters
    ----------
    code : str
        Stable word for programs.
    message : str
        What is wrong and what to do.
    where : object
        Case, file or folder, turned to text.

    Returns
    -------
    PlanningError
        To be raised by the caller.
    """
    return PlanningError(Problem(code=code, message=message, where=str(where)))


def cannot_write(error: OSError, where: Path) -> PlanningError:
    """Return the error for a place that cannot be written or read.

    Parameters
    ----------
    error : OSError
        As the system told it.
    where : Path
        The place.

    Returns
    -------
    PlanningError
        To be raised by the caller.
    """
    message = (
        f"the place cannot be used ({error.strerror or type(error).__name__}); check its rights "
        "and the space on the disk. Nothing half done was kept"
    )
    return refuse("cannot_write", message, where)


@contextmanager
def told(where: Path) -> Iterator[None]:
    """Turn what SQLite and the system say into refusals.

    Parameters
    ----------
    where : Path
        The index or the file that is worked on.

    Yields
    ------
    None
        For the time of the work.

    Raises
    ------
    PlanningError
        When the index is busy or damaged, or the place cannot be used.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        text = str(error)
        if "locked" in text or "busy" in text:
            message = "another program is writing to the library; try again in a moment"
            raise refuse("library_busy", message, where) from None
        if "readonly" in text or "full" in text or "unable to open" in text or "disk I/O" in text:
            message = f"the library's index cannot be written ({text}); check rights and space"
            raise refuse("cannot_write", message, where) from None
        raise damaged(where, text) from None
    except sqlite3.DatabaseError as error:
        raise damaged(where, str(error)) from None
    except OSError as error:
        raise cannot_write(error, where) from None


def damaged(where: Path, reason: str) -> PlanningError:
    """Return the error for an index that cannot be read.

    Parameters
    ----------
    where : Path
        The index.
    reason : str
        As SQLite tells it.

    Returns
    -------
    PlanningError
        To be raised by the caller.
    """
    message = (
        f"the library's index is damaged ({reason}); `osteoplan library recover` makes it anew "
        "from the folders of the cases and loses no file"
    )
    return refuse("library_damaged", message, where)
