"""Writes files whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from app.errors import AppError
from imaging.errors import Problem


def write_file(folder: Path, name: str, content: bytes) -> Path:
    """Write a file whole or not at all.

    Parameters
    ----------
    folder : Path
        Made when absent.
    name : str
        File name.
    content : bytes
        All of it.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    AppError
        When the folder cannot be written.
    """
    path = folder / name
    draft: str | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(prefix=".unfinished-", dir=folder)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(draft).chmod(0o644)
        Path(draft).replace(path)
    except OSError as error:
        if draft is not None:
            Path(draft).unlink(missing_ok=True)
        message = (
            f"the file cannot be written ({error.strerror}); choose another folder, or free "
            "space on the disk"
        )
        raise AppError(Problem(code="cannot_write", message=message, where=str(path))) from None
    return path
