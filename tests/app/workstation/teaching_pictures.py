"""Pictures of the library and of a page of feedback, for the guide.

``python -m tests.app.workstation.teaching_pictures`` writes them anew in both languages; it needs a
display.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from imaging.phantom.cases import generate
from imaging.phantom.save import save_case
from imaging.progress import SILENT
from planning.library.library import Library
from planning.library.model import CaseFields
from planning.teaching.answer import Answer
from planning.teaching.attempts import Attempts
from planning.teaching.exercise import Statement
from planning.teaching.files import ExerciseFile
from planning.teaching.shipped import shipped_exercise
from planning.ways_in import choose_access, find_access
from tests.app.workstation.step_pictures import DOCS, grabbed

EXERCISE = "infiltration-rib"
STATED = Statement(
    technique="infiltration", volume_ml=8.0, anaesthetic_ml=2.5, corticosteroid="dexamethasone"
)
CASES = {
    "vertebra": CaseFields(title="L3, lytic", site="vertebra", level="L3", kind="lytic",
                           techniques=("cryoablation", "cementoplasty"), tags=("board",)),
    "rib": CaseFields(title="Eleventh rib", site="rib", side="right", kind="lytic",
                      techniques=("infiltration",), tags=("teaching", "pleura")),
    "blastic_ilium": CaseFields(title="Sclerotic iliac wing", site="ilium", side="right",
                                kind="blastic", techniques=("cryoablation",), tags=("teaching",)),
}  # fmt: skip


def filled_library(folder: Path, made: Path) -> Library:
    """Return a library with some generated cases."""
    library = Library.open(folder)
    for name, fields in CASES.items():
        case = generate(name, spacing_mm=2.5, margin_mm=110.0)
        save_case(made / name, case.volume, case.lesion, case.truth)
        library.add(made / name / "dicom", None, fields)
    return library


def handed_in(file: ExerciseFile) -> int:
    """Hand in a way that is not the reference's, and return the number of the attempt."""
    volume, case = file.series()
    found = find_access(case, volume)
    case = choose_access(found, found.plan.access.proposals[-1].rank if found.plan.access else 1)
    with Attempts.open() as attempts:
        attempt = attempts.begin("A. Resident", file.exercise)
        return attempts.hand_in(attempt, Answer(case, STATED, 410.0)).attempt.id


def write_pictures(made: Path) -> None:
    """Write both pictures in both languages."""
    from app.workstation.application import make_application
    from app.workstation.session import Session
    from app.workstation.teaching import tasks
    from app.workstation.window import Window
    from app.workstation.words import LANGUAGES, Words

    filled_library(made / "library", made).close()
    file = shipped_exercise(EXERCISE)
    assert file is not None
    number = handed_in(file)
    application = make_application()
    for language in LANGUAGES:
        window = Window(Session(), Words(language))
        window.resize(1600, 1000)
        window.show()
        target = DOCS if language == "en" else DOCS / language
        for name in ("library", "feedback"):
            if name == "library":
                shown = window.show_library()
                assert shown is not None
            else:
                window._show_feedback(tasks.mark(number, language, None, SILENT))
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                application.processEvents()
                time.sleep(0.01)
            picture = grabbed(application.primaryScreen().grabWindow(0))
            (target / f"workstation-{name}.png").write_bytes(picture)
            if name == "library" and shown is not None:
                shown.close()
        window.close()


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "xcb")
    with tempfile.TemporaryDirectory() as folder:
        for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "OSTEOPLAN_TEACHING"):
            os.environ[variable] = f"{folder}/{variable.lower()}"
        os.environ["OSTEOPLAN_LIBRARY"] = f"{folder}/library"
        write_pictures(Path(folder))
