"""Starts the workstation: logging, application, window; saves first when something fails."""

from __future__ import annotations

import gc
import importlib
import logging
import logging.handlers
import os
import sys
import threading
from importlib.resources import files
from pathlib import Path
from types import TracebackType

import platformdirs
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication, QMessageBox

from app.workstation.preferences import LANGUAGE, THEME, TOUR, Preferences
from app.workstation.recovery import left_behind
from app.workstation.session import NEEDED_BY_A_CT, Session
from app.workstation.style.palette import style_sheet, use_theme
from app.workstation.views import strokes
from app.workstation.window import Window
from app.workstation.words import LANGUAGES, Words, default_language
from imaging import contours, cutting

log = logging.getLogger(__name__)

LOG_BYTES = 2_000_000
LOGS_KEPT = 3


def start(path: Path | None) -> int:
    """Run the workstation until its window is closed.

    Parameters
    ----------
    path : Path or None
        CT or plan to open at once.

    Returns
    -------
    int
        Exit status.
    """
    _log_to_file()
    preferences = Preferences()
    use_theme(preferences.get(THEME, "dark"))
    application = make_application()
    session = Session()
    kept = preferences.get(LANGUAGE)
    language = next((one for one in LANGUAGES if one == kept), default_language())
    window = Window(session, Words(language))
    _save_first_when_failing(session, window)
    window.show()
    QTimer.singleShot(0, lambda: get_ready(session))
    left = left_behind()
    if path is not None:
        QTimer.singleShot(0, lambda: window.open_path(path))
    elif left is not None:
        QTimer.singleShot(0, lambda: window.go_on(left))
    elif not preferences.get(TOUR):
        QTimer.singleShot(0, window.show_tour)
    try:
        return int(application.exec())
    finally:
        session.close()


def make_application() -> QApplication:
    """Return the application with its look, made once in a process.

    Returns
    -------
    QApplication
        Ready for windows.
    """
    if sys.platform == "linux" and not os.environ.get("QT_QPA_PLATFORM"):
        os.environ["QT_QPA_PLATFORM"] = "xcb"  # VTK draws through X, also under Wayland
    existing = QApplication.instance()
    application = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    application.setApplicationName("Osteoplan")
    application.setStyle("Fusion")
    application.setStyleSheet(style_sheet())
    application.setAttribute(Qt.ApplicationAttribute.AA_DontShowIconsInMenus)
    application.setWindowIcon(QIcon(str(files("resources").joinpath("icons", "osteoplan.svg"))))
    return application


def get_ready(session: Session) -> None:
    """Do once, while nothing is asked, what the first CT and the first outlines would wait for.

    What was loaded up to now lives as long as the program; the collector of garbage, which took
    150 ms to walk through it, is told to leave it alone, and set to work if it rested. The loops
    that draw slices are compiled or loaded beside the window, and so are the libraries that no
    window needs before there is a CT.

    Parameters
    ----------
    session : Session
        Whose worker is started.
    """
    gc.freeze()
    gc.enable()
    session.get_ready()
    threading.Thread(target=_load_beside, name="osteoplan-loading").start()


def _load_beside() -> None:
    cutting.warm_up()
    contours.warm_up()
    strokes.warm_up()
    for name in NEEDED_BY_A_CT:
        importlib.import_module(name)


def log_folder() -> Path:
    """Return the folder of the log files."""
    return Path(platformdirs.user_log_dir("osteoplan", appauthor=False))


def _log_to_file() -> None:
    folder = log_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(
            folder / "workstation.log", maxBytes=LOG_BYTES, backupCount=LOGS_KEPT, encoding="utf-8"
        )
    except OSError:
        log.warning("no log can be written to the user's folder")
        return
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.getLogger().addHandler(handler)


def _save_first_when_failing(session: Session, window: Window) -> None:
    """Log what nobody caught, save the case, then tell it once."""
    told = False

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        nonlocal told
        log.critical("unexpected failure", exc_info=(kind, error, trace))
        if session.case is not None:
            session.keeper.keep(session.case, "recovery")
            session.keeper.wait()
        if not told:
            told = True
            words = window.words
            place = session.keeper.path or log_folder()
            QMessageBox.critical(
                window,
                words("dialogs.crashed"),
                words("dialogs.crashed_text", plan=place, log=log_folder()),
            )

    sys.excepthook = hook
