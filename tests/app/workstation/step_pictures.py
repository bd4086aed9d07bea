"""Pictures of every step on the generated case, for the guide, and what they are compared by.

``python -m tests.app.workstation.step_pictures`` writes them anew in both languages; it needs a
display.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

DOCS = Path(__file__).resolve().parents[3] / "docs" / "pictures"
SIZE = (1600, 1000)
COMPARED = (80, 50)  # cells over which a picture is averaged before it is compared
COLOURS = 255  # of a kept picture
MOST_WAIT_S = 300.0


def picture_name(step: str) -> str:
    """Return the name of a step's picture."""
    return f"workstation-{step}.png"


def take_pictures(plan: Path, language: str = "en") -> dict[str, bytes]:
    """Return a picture of every step of a plan.

    Parameters
    ----------
    plan : Path
        Made by ``osteoplan demo``.
    language : str
        Of the screen.

    Returns
    -------
    dict
        Names to PNG.
    """
    from app.workstation.application import make_application
    from app.workstation.session import Session
    from app.workstation.stages import Step
    from app.workstation.window import Window
    from app.workstation.words import Words

    application = make_application()
    words = Words("fr" if language == "fr" else "en")
    window = Window(Session(), words)
    window.resize(*SIZE)
    window.show()
    session = window.session

    def until(so: Callable[[], bool]) -> None:
        end = time.monotonic() + MOST_WAIT_S
        while not so():
            assert time.monotonic() < end, "waited in vain"
            application.processEvents()
            time.sleep(0.01)

    def wait(seconds: float) -> None:
        end = time.monotonic() + seconds
        until(lambda: time.monotonic() > end)

    session.open_path(plan)
    until(lambda: session.volume is not None and session.case is not None and not session.is_busy)
    pictures = {}
    for step in Step:
        window.show_step(step)
        wait(1.5)
        until(lambda: not session.is_busy)
        wait(1.5)
        pictures[picture_name(step.value)] = grabbed(application.primaryScreen().grabWindow(0))
    window.close()
    wait(0.2)
    return pictures


def grabbed(pixmap: object) -> bytes:
    """Return a picture of the screen as it is kept."""
    from PySide6.QtGui import QPixmap

    from app.workstation.tools.capture import pixmap_png

    assert isinstance(pixmap, QPixmap)
    image = Image.open(io.BytesIO(pixmap_png(pixmap))).convert("RGB")
    kept = io.BytesIO()
    image.quantize(COLOURS, Image.Quantize.FASTOCTREE).save(kept, "PNG", optimize=True)
    return kept.getvalue()


def averaged(png: bytes) -> NDArray[np.float64]:
    """Return a picture as grey cells, in which fonts and edges no longer matter.

    Parameters
    ----------
    png : bytes
        A picture.

    Returns
    -------
    numpy.ndarray
        Shape (50, 80), 0 to 1.
    """
    image = Image.open(io.BytesIO(png)).convert("L").resize(COMPARED, Image.Resampling.BOX)
    return np.asarray(image, dtype=np.float64) / 255.0


def demo_plan(folder: Path) -> Path:
    """Make the plan of the generated case.

    Parameters
    ----------
    folder : Path
        Where to.

    Returns
    -------
    Path
        The plan file.
    """
    # In a process of its own: its pictures keep a context of OpenGL that would leave a view black.
    subprocess.run([sys.executable, "-m", "app", "demo", "--out", str(folder)], check=True)
    return folder / "plan.osteoplan"


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "xcb")
    with tempfile.TemporaryDirectory() as made:
        os.environ["XDG_CONFIG_HOME"] = os.environ["XDG_DATA_HOME"] = f"{made}/user"
        demo = demo_plan(Path(made) / "demo")
        for spoken, target in (("en", DOCS), ("fr", DOCS / "fr")):
            target.mkdir(exist_ok=True)
            for file, picture in take_pictures(demo, spoken).items():
                (target / file).write_bytes(picture)
