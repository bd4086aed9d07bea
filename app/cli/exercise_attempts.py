"""Commands of ``osteoplan exercise`` about attempts: hand-in, marks, feedback, progress, class."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from app.cli.exercise_files import LANGUAGE, exercise_named, passphrase_in, passphrase_option
from app.cli.output import emit, json_option, progress_bar, warn
from app.errors import AppError
from app.files import write_file
from app.report.texts import Language
from imaging.errors import Problem, Refusal
from imaging.progress import SILENT, Progress
from planning.store import PlanFile
from planning.teaching.answer import Answer
from planning.teaching.attempts import Attempts
from planning.teaching.class_csv import table_csv
from planning.teaching.exercise import Statement, statement_from
from planning.teaching.feedback import feedback
from planning.teaching.files import ExerciseFile
from planning.teaching.marking.terms import Mark
from planning.teaching.records import Attempt, HandedIn, ProgressRow
from planning.teaching.shipped import shipped_exercise
from planning.teaching.words import fault_said, said, term_said

PATH = click.Path(path_type=Path)
MOST_BYTES = 100_000  # of a statement
LONGEST_S = 1e7  # four months: an attempt that was forgotten
NO_EXERCISE = "name the file of this exercise with --exercise; it is not among the shipped ones"


@click.command("hand-in", short_help="Hands an answer in; then it is marked.")
@click.argument("plan", type=PATH)
@click.option("--exercise", required=True, help="Id of the list, or a file.")
@click.option("--resident", required=True, help="Your name; it stays on this machine.")
@click.option("--statement", type=PATH, help="JSON of what you decide yourself.")
@click.option("--elapsed", "elapsed_s", type=float, help="Seconds; since the attempt was begun.")
@passphrase_option
@json_option
def hand_in_command(
    plan: Path,
    exercise: str,
    resident: str,
    statement: Path | None,
    elapsed_s: float | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Hand PLAN in: it is kept first, then the reference is opened and it is marked."""
    if elapsed_s is not None and not 0.0 <= elapsed_s <= LONGEST_S:
        raise click.BadParameter(f"a time lies between 0 and {LONGEST_S:g} s", param_hint="elapsed")
    file = exercise_named(exercise)
    stated = Statement() if statement is None else _read_statement(statement)
    passphrase = passphrase_in(passphrase_file)
    with PlanFile.open(plan) as kept:
        case = kept.load()
    with Attempts.open() as attempts, progress_bar() as progress:
        attempt = _begun(attempts, resident, file)
        taken_s = _since(attempt) if elapsed_s is None else elapsed_s
        handed_in = attempts.hand_in(attempt, Answer(case, stated, taken_s))
        if file.is_examination and passphrase is None:
            told = "kept; it is marked when the teacher gives the passphrase"
            emit({"handed_in": handed_in, "mark": None}, as_json, told)
            return
        found = attempts.mark(handed_in, file, progress, passphrase)
    _emit_mark(handed_in, found, as_json)


def _begun(attempts: Attempts, resident: str, file: ExerciseFile) -> Attempt:
    """Return the attempt that waits for an answer, or a new one."""
    open_ones = [
        one.attempt
        for one in attempts.of(resident)
        if one.handed_in is None and one.attempt.digest == file.exercise.digest
    ]
    return open_ones[-1] if open_ones else attempts.begin(resident, file.exercise)


def _since(attempt: Attempt) -> float:
    begun = datetime.fromisoformat(attempt.begun_utc)
    return max((datetime.now(UTC) - begun).total_seconds(), 0.0)


def _read_statement(path: Path) -> Statement:
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            message = "a statement has a few hundred bytes; choose another file"
            raise AppError(Problem(code="too_large", message=message, where=str(path)))
        data = json.loads(content.decode("utf-8-sig"))
    except OSError as error:
        message = f"the statement cannot be read ({error.strerror}); check the path"
        raise AppError(Problem(code="not_readable", message=message, where=str(path))) from None
    except (ValueError, RecursionError):
        message = "the statement is no JSON; write it as the user guide shows"
        raise AppError(Problem(code="not_json", message=message, where=str(path))) from None
    return statement_from(data, path.name)


@click.command("mark", short_help="Marks what was handed in and is not yet marked.")
@click.option("--attempt", "number", type=int, help="Its number; all that wait by default.")
@click.option("--exercise", help="File of an exercise that is not among the shipped ones.")
@passphrase_option
@json_option
def mark_command(
    number: int | None, exercise: str | None, passphrase_file: Path | None, as_json: bool
) -> None:
    """Mark what was handed in: after an examination, or when a marking was interrupted."""
    passphrase = passphrase_in(passphrase_file)
    marks: list[tuple[HandedIn, Mark]] = []
    problems: list[Problem] = []
    with Attempts.open() as attempts, progress_bar() as progress:
        waiting = attempts.unfinished() if number is None else (attempts.handed_in(number),)
        for place, one in enumerate(waiting):
            part = progress.part(place / len(waiting), (place + 1) / len(waiting))
            try:
                file = _file_of(one.attempt, exercise)
                marks.append((one, attempts.mark(one, file, part, passphrase)))
            except Refusal as refusal:
                problems += refusal.problems
    if problems and not marks:
        raise AppError(problems)
    for problem in problems:
        warn(f"{problem.message} [{problem.where}]")
    document = {
        "marks": [{"handed_in": one, "mark": found} for one, found in marks],
        "problems": problems,
    }
    text = "\n\n".join(_mark_text(one, found) for one, found in marks) or "nothing waits"
    emit(document, as_json, text)


def _file_of(attempt: Attempt, exercise: str | None) -> ExerciseFile:
    if exercise is not None:
        return exercise_named(exercise)
    file = shipped_exercise(attempt.exercise)
    if file is None:
        raise AppError(Problem(code="no_exercise", message=NO_EXERCISE, where=attempt.exercise))
    return file


@click.command("feedback", short_help="Writes the page of feedback on an attempt.")
@click.argument("number", type=int)
@click.option("--out", type=PATH, required=True, help="Folder of the PDF and its pictures.")
@click.option("--lang", type=LANGUAGE, default="en", help="Of the page.")
@click.option("--exercise", help="File of an exercise that is not among the shipped ones.")
@passphrase_option
@json_option
def feedback_command(
    number: int,
    out: Path,
    lang: Language,
    exercise: str | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Write the page of feedback on the attempt NUMBER, with pictures side by side."""
    passphrase = passphrase_in(passphrase_file)
    with Attempts.open() as attempts, progress_bar() as progress:
        handed_in = attempts.handed_in(number)
        file = _file_of(handed_in.attempt, exercise)
        files = _feedback(attempts, handed_in, file, out, lang, passphrase, progress)
    names = [str(one) for one in files]
    emit({"attempt": number, "files": names}, as_json, "\n".join(names))


def _feedback(
    attempts: Attempts,
    handed_in: HandedIn,
    file: ExerciseFile,
    out: Path,
    lang: Language,
    passphrase: str | None,
    progress: Progress = SILENT,
) -> list[Path]:
    from app.report.feedback import write_feedback

    seen = attempts.review(handed_in, file, progress.part(0.0, 0.6), passphrase)
    page = feedback(
        file.exercise,
        seen.answer,
        seen.reference,
        seen.mark,
        seen_reference=handed_in.seen_reference,
    )
    volume, part = seen.material.volume, progress.part(0.6, 1.0)
    return write_feedback(page, seen.answer, seen.reference, volume, out, lang, part)


@click.command("progress", short_help="Shows the attempts of a resident.")
@click.argument("resident")
@json_option
def progress_command(resident: str, as_json: bool) -> None:
    """Show the marked attempts of RESIDENT over time."""
    with Attempts.open() as attempts:
        rows = attempts.progress(resident)
    text = "\n".join(map(_progress_text, rows)) or "no marked attempt"
    emit({"resident": resident, "attempts": rows}, as_json, text)


def _progress_text(row: ProgressRow) -> str:
    ending = "passed" if row.passed else "not passed"
    seen = ", reference seen before" if row.seen_reference else ""
    faults = f", {' '.join(row.faults)}" if row.faults else ""
    return f"{row.at_utc[:16]}  {row.exercise:32} {row.percent:5.1f} %  {ending}{seen}{faults}"


@click.command("class", short_help="Writes the table of a class as CSV.")
@click.option("--out", type=PATH, help="CSV file; standard output by default.")
@click.option("--names", is_flag=True, help="With the names of residents; pseudonyms otherwise.")
@json_option
def class_command(out: Path | None, names: bool, as_json: bool) -> None:
    """Write the marked attempts of all residents of this machine."""
    with Attempts.open() as attempts:
        rows = attempts.class_table(names=names)
    text = table_csv(rows)
    if out is not None:
        write_file(out.parent, out.name, text.encode())
    shown = str(out) if out is not None else text.removeprefix("\ufeff").rstrip()
    emit({"attempts": rows, "file": None if out is None else str(out)}, as_json, shown)


def _emit_mark(handed_in: HandedIn, found: Mark, as_json: bool) -> None:
    emit({"handed_in": handed_in, "mark": found}, as_json, _mark_text(handed_in, found))


def _mark_text(handed_in: HandedIn, found: Mark) -> str:
    ending = "passed" if found.passed else "not passed"
    head = f"attempt {handed_in.attempt.id}, {found.exercise}: {found.percent:.1f} %, {ending}"
    lines = [f"{head}; the reference had been seen before" if handed_in.seen_reference else head]
    lines += [f"  ! {fault_said(one, 'en')}" for one in found.faults]
    for one in found.terms:
        name = said("terms", one.id, "en")
        lines.append(f"  {one.points:5.1f} / {one.of:3.0f}  {name}: {term_said(one, 'en')}")
    return "\n".join(lines)
