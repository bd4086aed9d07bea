"""What the user prefers on this machine: language, theme, folders; never anything of a patient."""

from __future__ import annotations

from pathlib import Path

import platformdirs
from PySide6.QtCore import QSettings

THEME, LANGUAGE, TOUR, FOLDER, ARCHIVE = "theme", "language", "tour_seen", "folder", "archive"
RESIDENT = "resident"  # who answered an exercise last


def preferences_file() -> Path:
    """Return the file of the preferences."""
    return Path(platformdirs.user_config_dir("osteoplan", appauthor=False)) / "workstation.ini"


class Preferences:
    """Named texts that outlive the program."""

    def __init__(self) -> None:
        self._kept = QSettings(str(preferences_file()), QSettings.Format.IniFormat)

    def get(self, name: str, otherwise: str = "") -> str:
        """Return a preference.

        Parameters
        ----------
        name : str
            One of the names of this module.
        otherwise : str
            Where nobody set it.

        Returns
        -------
        str
            Its text.
        """
        found = self._kept.value(name, otherwise)
        return found if isinstance(found, str) else otherwise

    def put(self, name: str, value: str) -> None:
        """Keep a preference; a folder that cannot be written loses it, nothing else.

        Parameters
        ----------
        name, value : str
            Its name and text.
        """
        self._kept.setValue(name, value)
        self._kept.sync()
