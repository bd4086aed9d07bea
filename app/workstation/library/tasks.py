"""What the worker process does for the library: everything that copies or reads whole series."""

from __future__ import annotations

from pathlib import Path

from imaging.errors import Problem
from imaging.progress import Progress
from planning.library.backup import back_up
from planning.library.exchange import export_case, import_case
from planning.library.library import Library
from planning.library.model import CaseRow


def add_case(
    folder: Path, series: Path, series_uid: str | None, plan: Path | None, progress: Progress
) -> CaseRow:
    """Take a series and its plan into a library, without identifiers.

    Parameters
    ----------
    folder : Path
        Of the library.
    series : Path
        Where the CT is.
    series_uid : str or None
        Of the series under it.
    plan : Path or None
        Made on it.
    progress : Progress
        Told all along.

    Returns
    -------
    CaseRow
        The new case.
    """
    with Library.open(folder) as library:
        return library.add(series, plan, None, progress, series_uid=series_uid)


def export(
    folder: Path, case_id: str, path: Path, passphrase: str | None, progress: Progress
) -> Path:
    """Write a case to one file.

    Parameters
    ----------
    folder : Path
        Of the library.
    case_id : str
        Of the case.
    path : Path
        Of the file.
    passphrase : str or None
        Locks it.
    progress : Progress
        Told all along.

    Returns
    -------
    Path
        The file.
    """
    with Library.open(folder) as library:
        return export_case(library, case_id, path, passphrase, progress)


def import_file(folder: Path, path: Path, passphrase: str | None, progress: Progress) -> CaseRow:
    """Take a case from a file.

    Parameters
    ----------
    folder : Path
        Of the library.
    path : Path
        Of the file.
    passphrase : str or None
        Of a locked file.
    progress : Progress
        Told all along.

    Returns
    -------
    CaseRow
        The new case.
    """
    with Library.open(folder) as library:
        return import_case(library, path, passphrase, progress)


def save_backup(folder: Path, path: Path, progress: Progress) -> Path:
    """Write the whole library to one file.

    Parameters
    ----------
    folder : Path
        Of the library.
    path : Path
        Of the file.
    progress : Progress
        Told all along.

    Returns
    -------
    Path
        The file.
    """
    with Library.open(folder) as library:
        return back_up(library, path, progress)


def check(folder: Path, progress: Progress) -> tuple[Problem, ...]:
    """Look for what is missing or changed in a library, byte by byte.

    Parameters
    ----------
    folder : Path
        Of the library.
    progress : Progress
        Told after each case.

    Returns
    -------
    tuple of Problem
        Empty when all is well.
    """
    with Library.open(folder) as library:
        return library.check(thorough=True, progress=progress)
