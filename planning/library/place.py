"""Where the library lies unless the user names another folder."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

VARIABLE = "OSTEOPLAN_LIBRARY"


def library_folder() -> Path:
    """Return the folder of the library.

    Returns
    -------
    Path
        What the environment variable ``OSTEOPLAN_LIBRARY`` names, else a folder among the user's
        own data; it need not exist.
    """
    named = os.environ.get(VARIABLE, "").strip()
    if named:
        return Path(named).expanduser()
    return Path(platformdirs.user_data_dir("osteoplan", appauthor=False)) / "library"
