"""What the worker process does for exercises: prepares a CT, marks an answer, makes an exercise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import AppError
from app.files import write_file
from app.report.feedback import write_feedback
from app.report.texts import Language
from app.workstation.teaching.running import COPY, CT, PLAN, attempt_folder, exercise_of
from imaging.errors import Problem
from imaging.progress import Progress
from imaging.volume import Volume
from planning.plan import Case, SeriesReference
from planning.store import PlanFile
from planning.teaching.answer import Answer
from planning.teaching.attempts import Attempts
from planning.teaching.exercise import Statement
from planning.teaching.feedback import Feedback, feedback
from planning.teaching.files import read_exercise
from planning.teaching.making import Recipe, ReferenceChoice, make_exercise


@dataclass(frozen=True)
class Page:
    """The page of feedback with its files.

    Parameters
    ----------
    feedback : Feedback
        What it says.
    pictures : tuple of Path
        The answer and the reference side by side.
    pdf : Path
        The same on paper.
    """

    feedback: Feedback
    pictures: tuple[Path, ...]
    pdf: Path


def prepare(path: Path, folder: Path, progress: Progress) -> Path:
    """Write CT and plan of an exercise into the folder of an attempt.

    Parameters
    ----------
    path : Path
        Of the exercise file, which is copied too.
    folder : Path
        Of the attempt.
    progress : Progress
        Told all along.

    Returns
    -------
    Path
        The plan to work on.
    """
    write_file(folder, COPY, _content_of(path))
    file = read_exercise(folder / COPY)
    ct = file.write_series(folder / CT, progress.part(0.0, 0.7))
    volume, case = file.series(progress.part(0.7, 0.98))
    series = SeriesReference.of(volume).model_copy(update={"path": str(ct)})
    PlanFile.create(folder / PLAN, case.with_plan(series=series)).close()
    progress.update(1.0, "ready")
    return folder / PLAN


def _content_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"the exercise cannot be read ({error.strerror}); check its rights"
        raise AppError(Problem(code="not_readable", message=message, where=str(path))) from None


def mark(
    number: int,
    language: Language,
    passphrase: str | None,
    progress: Progress,
) -> Page:
    """Mark what was handed in and write the page of feedback.

    Parameters
    ----------
    number : int
        Of the attempt.
    language : str
        Of the pictures and the PDF.
    passphrase : str or None
        Of the teacher, for an examination.
    progress : Progress
        Told all along.

    Returns
    -------
    Page
        In the folder ``feedback`` beside the answer.
    """
    with Attempts.open() as attempts:
        handed_in = attempts.handed_in(number)
        file = exercise_of(handed_in.attempt)
        found = attempts.review(handed_in, file, progress.part(0.0, 0.7), passphrase)
    told = feedback(
        file.exercise,
        found.answer,
        found.reference,
        found.mark,
        seen_reference=handed_in.seen_reference,
    )
    written = write_feedback(
        told,
        found.answer,
        found.reference,
        found.material.volume,
        attempt_folder(number) / "feedback",
        language,
        progress.part(0.7, 1.0),
    )
    pictures = tuple(one for one in written if one.suffix == ".png")
    return Page(told, pictures, next(one for one in written if one.suffix == ".pdf"))


def make(
    data: dict[str, Any],
    out: Path,
    case: Case,
    volume: Volume,
    statement: Statement,
    passphrase: str | None,
    progress: Progress,
) -> Path:
    """Make an exercise from a plan, which becomes the reference.

    Parameters
    ----------
    data : dict
        Of the exercise, without its source.
    out : Path
        File to be written.
    case : Case
        The plan.
    volume : Volume
        Its CT; values and geometry are kept, no header.
    statement : Statement
        What the teacher decides beside the plan.
    passphrase : str or None
        Makes it an examination.
    progress : Progress
        Told all along.

    Returns
    -------
    Path
        The file.
    """
    recipe = Recipe(data, ReferenceChoice(statement=statement), None, out.name)
    answer = Answer(case, statement, 0.0)
    return make_exercise(recipe, out, volume, answer, passphrase, progress).path
