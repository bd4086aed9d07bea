"""``osteoplan exercise``: exercises for residents, made, opened, handed in and marked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from app.cli.exercise_attempts import (
    PATH,
    class_command,
    feedback_command,
    hand_in_command,
    mark_command,
    progress_command,
)
from app.cli.exercise_files import LANGUAGE, exercise_named, passphrase_in, passphrase_option
from app.cli.output import emit, json_option, progress_bar
from app.cli.plan import make_folder
from app.errors import AppError
from app.report.texts import Language
from imaging.errors import Problem
from imaging.files import read_volume
from planning.plan import SeriesReference
from planning.store import ENDING, PlanFile
from planning.teaching.answer import Answer
from planning.teaching.attempts import Attempts
from planning.teaching.exercise import Statement
from planning.teaching.files import ENDING as EXERCISE_ENDING
from planning.teaching.files import ExerciseFile, read_exercise
from planning.teaching.making import make_exercise, read_recipe
from planning.teaching.shipped import shipped_exercises
from planning.teaching.words import said

CT_FOLDER, PLAN_NAME = "ct", f"answer{ENDING}"


@click.group("exercise")
def exercise_command() -> None:
    """Make exercises, answer them, mark them; see the progress of residents."""


for _command in (
    hand_in_command,
    mark_command,
    feedback_command,
    progress_command,
    class_command,
):
    exercise_command.add_command(_command)


@exercise_command.command("list", short_help="Lists the exercises.")
@click.option("--folder", type=PATH, help="Exercise files of your own, instead of the shipped.")
@click.option("--lang", type=LANGUAGE, default="en", help="Of the titles.")
@json_option
def _list(folder: Path | None, lang: Language, as_json: bool) -> None:
    """List the shipped exercises, or those of a folder."""
    if folder is None:
        found = shipped_exercises()
    elif not folder.is_dir():
        message = "there is no such folder; check the path"
        raise AppError(Problem(code="not_found", message=message, where=str(folder)))
    else:
        found = tuple(read_exercise(path) for path in sorted(folder.glob(f"*{EXERCISE_ENDING}")))
    text = "\n".join(_line(one, lang) for one in found) or "no exercise lies here"
    emit({"exercises": [_document(one) for one in found]}, as_json, text)


def _line(one: ExerciseFile, lang: Language) -> str:
    told = one.exercise
    seal = "  examination" if one.is_examination else ""
    task = said("tasks", told.task, lang)
    stars = "*" * told.difficulty
    begin = f"{told.id:32} {stars:5}  {told.time_s / 60:3.0f} min"
    return f"{begin}  {task}: {told.texts[lang].title}{seal}"


def _document(one: ExerciseFile) -> dict[str, Any]:
    return {
        "path": str(one.path),
        "is_examination": one.is_examination,
        **one.exercise.model_dump(mode="json", by_alias=True),
    }


@exercise_command.command("show", short_help="Shows an exercise.")
@click.argument("exercise")
@click.option("--lang", type=LANGUAGE, default="en", help="Of the texts.")
@json_option
def _show(exercise: str, lang: Language, as_json: bool) -> None:
    """Show EXERCISE: an id of the list, or a file. Its reference stays sealed."""
    file = exercise_named(exercise)
    told, texts = file.exercise, file.exercise.texts[lang]
    seen = ", ".join(said("visible", one, lang) for one in sorted(told.may_see))
    text = "\n\n".join(
        (
            _line(file, lang),
            texts.situation,
            texts.asked,
            said("labels", "may_see", lang, seen=seen or said("labels", "none", lang)),
        )
    )
    emit(_document(file), as_json, text)


@exercise_command.command("make", short_help="Makes an exercise from a recipe.")
@click.argument("recipe", type=PATH)
@click.argument("out", type=PATH)
@click.option("--ct", type=PATH, help="A real, anonymised CT that is kept in the file.")
@click.option("--series", "series_uid", help="Series UID, when --ct holds several.")
@click.option("--plan", type=PATH, help="A plan on that CT, which is the reference.")
@passphrase_option
@json_option
def _make(
    recipe: Path,
    out: Path,
    ct: Path | None,
    series_uid: str | None,
    plan: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Make the exercise file OUT from RECIPE, a YAML file.

    The CT is generated, or given with --ct; of it only values and geometry are kept, no header.
    The reference is built by the engine, or is --plan.
    """
    if plan is not None and ct is None:
        raise click.UsageError("--plan needs the CT that it was made on; name it with --ct")
    read = read_recipe(recipe)
    passphrase = passphrase_in(passphrase_file)
    with progress_bar() as progress:
        part = progress.part(0.0, 0.2)
        volume = None if ct is None else read_volume(ct, series_uid, part)
        answer = None if plan is None else _answer_of(plan)
        made = make_exercise(read, out, volume, answer, passphrase, progress.part(0.2, 1.0))
    size = made.path.stat().st_size
    document = {**_document(made), "bytes": size}
    emit(document, as_json, f"{made.path}: {made.exercise.id}, {size / 1000:.0f} kB")


def _answer_of(path: Path) -> Answer:
    with PlanFile.open(path) as kept:
        return Answer(kept.load(), Statement(), 0.0)


@exercise_command.command("open", short_help="Begins an attempt: writes its CT and a plan.")
@click.argument("exercise")
@click.argument("out", type=PATH)
@click.option("--resident", required=True, help="Your name; it stays on this machine.")
@json_option
def _open(exercise: str, out: Path, resident: str, as_json: bool) -> None:
    """Begin an attempt of EXERCISE: write its CT and a plan to work on into the folder OUT."""
    file = exercise_named(exercise)
    make_folder(out)
    with progress_bar() as progress:
        folder = file.write_series(out / CT_FOLDER, progress.part(0.0, 0.7))
        volume, case = file.series(progress.part(0.7, 0.95))
        series = SeriesReference.of(volume).model_copy(update={"path": str(folder)})
        PlanFile.create(out / PLAN_NAME, case.with_plan(series=series)).close()
        with Attempts.open() as attempts:
            attempt = attempts.begin(resident, file.exercise)
        progress.update(1.0, "ready")
    document = {
        "attempt": attempt.id,
        "exercise": file.exercise.id,
        "ct": str(folder),
        "plan": str(out / PLAN_NAME),
        "time_s": file.exercise.time_s,
    }
    told = f"attempt {attempt.id}; open {out / PLAN_NAME}, then `osteoplan exercise hand-in`"
    emit(document, as_json, told)
