"""The command that opens the workstation; Qt is loaded only here."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from types import ModuleType

import click

from app.errors import AppError
from imaging.errors import Problem


@click.command("open")
@click.argument("path", type=click.Path(path_type=Path), required=False)
def open_command(path: Path | None) -> int:
    """Open the workstation, empty or with a CT or a plan."""
    return open_workstation(path)


def open_workstation(path: Path | None) -> int:
    """Run the workstation until it is closed.

    Parameters
    ----------
    path : Path or None
        CT or plan.

    Returns
    -------
    int
        Exit status.

    Raises
    ------
    AppError
        When there is no screen to draw on.
    """
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or _draws_off_screen()):
        message = (
            "there is no screen to draw on; open a graphical session, or use the commands: "
            "osteoplan --help"
        )
        raise AppError(Problem(code="no_screen", message=message))
    return int(load_workstation().start(path))


def load_workstation() -> ModuleType:
    """Load the workstation without the collector of garbage, which took an eighth of the start.

    Nothing of what is loaded is garbage. The workstation lets the collector work again once its
    window is shown.

    Returns
    -------
    module
        ``app.workstation.application``.
    """
    gc.disable()
    from app.workstation import application

    return application


def _draws_off_screen() -> bool:
    return os.environ.get("QT_QPA_PLATFORM", "").startswith(("offscreen", "wayland"))
