"""Attempts: who answered what, kept before anything is marked.

A hand-in is one transaction under full synchronisation; only then is the reference opened. A
process that is killed at any point loses nothing: what was handed in is marked later from the
record, which is only ever added to. Names of residents stay in this file; what leaves it has
pseudonyms unless the teacher asks for names.
"""

from __future__ import annotations

import hashlib
import sqlite3
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from pydantic import ValidationError

from imaging.errors import Problem
from imaging.progress import SILENT, Progress
from planning.errors import PlanningError
from planning.teaching.answer import Answer, pack, unpack
from planning.teaching.attempts_file import FOLDER_VARIABLE, NAME, attempts_folder, prepare, refused
from planning.teaching.exercise import Exercise
from planning.teaching.files import ExerciseFile, Material
from planning.teaching.marking.mark import mark as marked
from planning.teaching.marking.table import marking_table
from planning.teaching.marking.terms import Mark
from planning.teaching.records import Attempt, ClassRow, HandedIn, ProgressRow, Result
from planning.technique.tables import tables

PATIENCE_S = 10.0  # for another program that is just writing
LONGEST_NAME = 80
ANSWER_NOT_KEPT = (
    "the attempt cannot be kept; check the folder's rights and the space on the disk, then hand in "
    "again. What was kept before is unchanged"
)
MARK_NOT_KEPT = (
    "the mark cannot be kept, the answer is; check the folder's rights and the space on the disk, "
    "then mark it again (`osteoplan exercise mark`)"
)


@dataclass(frozen=True, eq=False)
class Review:
    """A marked answer beside the reference.

    Parameters
    ----------
    handed_in : HandedIn
        The record.
    answer, reference : Answer
        On the same CT.
    mark : Mark
        Of the answer.
    material : Material
        The CT.
    """

    handed_in: HandedIn
    answer: Answer
    reference: Answer
    mark: Mark
    material: Material


class Attempts:
    """The attempts of this machine.

    Parameters
    ----------
    path : Path
        The file.
    connection : sqlite3.Connection
        Open on it.

    Notes
    -----
    Made by :meth:`open`; use it as a context manager, or close it.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    @classmethod
    def open(cls, folder: Path | None = None) -> Attempts:
        """Open the attempts; an empty file is made where there is none.

        Parameters
        ----------
        folder : Path or None
            None takes that of the user, or of the variable ``OSTEOPLAN_TEACHING``.

        Returns
        -------
        Attempts
            Open for reading and writing.

        Raises
        ------
        PlanningError
            When the folder cannot be written, or the file is of another kind or a newer version.
        """
        path = (folder or attempts_folder()) / NAME
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, isolation_level=None, timeout=PATIENCE_S)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            prepare(connection, path)
        except (sqlite3.Error, OSError):
            message = (
                "the attempts cannot be opened: the folder cannot be written, or the file is "
                f"damaged; check its rights, or set {FOLDER_VARIABLE} to another folder"
            )
            raise refused("attempts_not_opened", message, path) from None
        return cls(path, connection)

    def begin(self, resident: str, exercise: Exercise) -> Attempt:
        """Begin an attempt.

        Parameters
        ----------
        resident : str
            Name; it stays on this machine.
        exercise : Exercise
            To be answered.

        Returns
        -------
        Attempt
            On record.

        Raises
        ------
        PlanningError
            When the name is empty or too long, or nothing can be written.
        """
        name = _checked_name(resident)
        with self._writing() as connection:
            number = self._begin(connection, name, exercise.id, exercise.version, exercise.digest)
        return self._attempt(number)

    def hand_in(self, attempt: Attempt, answer: Answer) -> HandedIn:
        """Keep an answer durably, before the reference is opened.

        Parameters
        ----------
        attempt : Attempt
            That was begun; one that was handed in already makes another attempt.
        answer : Answer
            It may be empty.

        Returns
        -------
        HandedIn
            On record, whatever becomes of the process now.

        Raises
        ------
        PlanningError
            When nothing can be written; the answer is to be handed in again then.
        """
        content = pack(answer)
        digest = hashlib.sha256(content).hexdigest()
        with self._writing() as connection:
            number = attempt.id
            if self._one("SELECT 1 FROM handed_in WHERE attempt = ?", number):
                number = self._begin(
                    connection, attempt.resident, attempt.exercise, attempt.version, attempt.digest
                )
            seen = self._has_seen(attempt.resident, attempt.exercise)
            connection.execute(
                "INSERT INTO handed_in VALUES (?, ?, ?, ?, ?, ?)",
                (number, _now_utc(), float(answer.elapsed_s), int(seen), digest, content),
            )
        return self.handed_in(number)

    def mark(
        self,
        handed_in: HandedIn,
        file: ExerciseFile,
        progress: Progress = SILENT,
        passphrase: str | None = None,
    ) -> Mark:
        """Open the reference and mark what was handed in; the mark is kept.

        Parameters
        ----------
        handed_in : HandedIn
            On record.
        file : ExerciseFile
            Of its exercise.
        progress : Progress
            Told all along; a cancelled marking is resumed from the record.
        passphrase : str or None
            Of the teacher, for an examination.

        Returns
        -------
        Mark
            The one on record where the tables are still the same.

        Raises
        ------
        Refusal
            When the exercise is another one, the CT is another one, or the passphrase is wrong.
        """
        kept = self._last_mark(handed_in.attempt.id)
        if kept is not None and _is_of_these_tables(kept):
            return kept
        return self.review(handed_in, file, progress, passphrase).mark

    def review(
        self,
        handed_in: HandedIn,
        file: ExerciseFile,
        progress: Progress = SILENT,
        passphrase: str | None = None,
    ) -> Review:
        """Return a marked answer beside the reference; it is marked where it was not.

        Parameters
        ----------
        handed_in : HandedIn
            On record.
        file : ExerciseFile
            Of its exercise.
        progress : Progress
            Told all along.
        passphrase : str or None
            Of the teacher, for an examination.

        Returns
        -------
        Review
            For the page of feedback.

        Raises
        ------
        Refusal
            As :meth:`mark`.
        """
        number = handed_in.attempt.id
        if file.exercise.digest != handed_in.attempt.digest:
            message = (
                "this is not the exercise that was answered, or it was changed since; open the "
                "file that the answer was made for"
            )
            raise refused("other_exercise", message, file.path)
        answer = self.answer(handed_in)
        made = file.material(progress.part(0.0, 0.3))
        if answer.case.plan.series.checksum != made.volume.checksum:
            message = "the plan that was handed in belongs to another CT than the exercise"
            raise refused("other_ct", message, file.path)
        reference = file.open_reference(made, passphrase)
        with self._writing(MARK_NOT_KEPT) as connection:
            connection.execute(
                "INSERT INTO opened (attempt, at_utc) VALUES (?, ?)", (number, _now_utc())
            )
        found = self._last_mark(number)
        if found is None or not _is_of_these_tables(found):
            part = progress.part(0.3, 1.0)
            found = marked(file.exercise, answer, reference, made.volume, part)
            with self._writing(MARK_NOT_KEPT) as connection:
                connection.execute(
                    "INSERT INTO mark (attempt, at_utc, document) VALUES (?, ?, ?)",
                    (number, _now_utc(), found.model_dump_json()),
                )
        return Review(handed_in, answer, reference, found, made)

    def answer(self, handed_in: HandedIn) -> Answer:
        """Return what was handed in.

        Parameters
        ----------
        handed_in : HandedIn
            On record.

        Returns
        -------
        Answer
            Without thermal fields.

        Raises
        ------
        PlanningError
            When the record is damaged.
        """
        row = self._one(
            "SELECT answer, sha256 FROM handed_in WHERE attempt = ?", handed_in.attempt.id
        )
        if row is None or hashlib.sha256(row[0]).hexdigest() != row[1]:
            message = "the record of this answer is damaged; restore the attempts from a copy"
            raise refused("answer_damaged", message, self.path)
        return unpack(row[0])

    def handed_in(self, number: int) -> HandedIn:
        """Return a hand-in by the number of its attempt.

        Parameters
        ----------
        number : int
            Of the attempt.

        Returns
        -------
        HandedIn
            On record.

        Raises
        ------
        PlanningError
            When that attempt was not handed in.
        """
        row = self._one(
            "SELECT at_utc, elapsed_s, seen_reference FROM handed_in WHERE attempt = ?", number
        )
        if row is None:
            message = "no attempt of this number was handed in; `osteoplan exercise progress`"
            raise refused("no_such_attempt", f"{message} lists them", self.path)
        return HandedIn(
            attempt=self._attempt(number),
            at_utc=row[0],
            elapsed_s=row[1],
            seen_reference=bool(row[2]),
        )

    def unfinished(self) -> tuple[HandedIn, ...]:
        """Return what was handed in and not yet marked, oldest first.

        Returns
        -------
        tuple of HandedIn
            To be marked.
        """
        rows = self._rows(
            "SELECT attempt FROM handed_in WHERE attempt NOT IN (SELECT attempt FROM mark) "
            "ORDER BY attempt"
        )
        return tuple(self.handed_in(number) for (number,) in rows)

    def residents(self) -> tuple[str, ...]:
        """Return the names of the residents of this machine.

        Returns
        -------
        tuple of str
            In alphabetical order.
        """
        rows = self._rows("SELECT name FROM resident ORDER BY name")
        return tuple(str(name) for (name,) in rows)

    def of(self, resident: str) -> tuple[Result, ...]:
        """Return the attempts of a resident, oldest first.

        Parameters
        ----------
        resident : str
            Name.

        Returns
        -------
        tuple of Result
            Those that were only begun among them.
        """
        rows = self._rows(
            "SELECT attempt.id FROM attempt JOIN resident ON resident.id = attempt.resident "
            "WHERE resident.name = ? ORDER BY attempt.id",
            _as_kept(resident),
        )
        return tuple(self._result(number) for (number,) in rows)

    def progress(self, resident: str) -> tuple[ProgressRow, ...]:
        """Return the marked attempts of a resident over time.

        Parameters
        ----------
        resident : str
            Name.

        Returns
        -------
        tuple of ProgressRow
            Oldest first.
        """
        counts: dict[str, int] = {}
        rows = []
        for one in self.of(resident):
            if one.handed_in is None:
                continue
            number = counts[one.attempt.exercise] = counts.get(one.attempt.exercise, 0) + 1
            if one.mark is not None:
                rows.append(_progress_row(one, number))
        return tuple(rows)

    def class_table(self, *, names: bool = False) -> tuple[ClassRow, ...]:
        """Return the marked attempts of all residents.

        Parameters
        ----------
        names : bool
            Whether the teacher asked for names; pseudonyms otherwise.

        Returns
        -------
        tuple of ClassRow
            By resident, oldest first.
        """
        rows = []
        people = self._rows("SELECT id, name FROM resident ORDER BY id")
        for number, name in people:
            marks = [one.mark for one in self.of(name) if one.mark is not None]
            for row, found in zip(self.progress(name), marks, strict=True):
                shown = name if names else pseudonym(number)
                figures = row.model_dump()
                rows.append(ClassRow(resident=shown, score=found.score, of=found.of, **figures))
        return tuple(rows)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Attempts:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _writing(self, message: str = ANSWER_NOT_KEPT) -> Iterator[sqlite3.Connection]:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except (sqlite3.Error, OSError):
            raise refused("cannot_write", message, self.path) from None
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _begin(
        self, connection: sqlite3.Connection, name: str, exercise: str, version: int, digest: str
    ) -> int:
        connection.execute("INSERT OR IGNORE INTO resident (name) VALUES (?)", (name,))
        added = connection.execute(
            "INSERT INTO attempt (resident, exercise, version, digest, begun_utc) "
            "SELECT id, ?, ?, ?, ? FROM resident WHERE name = ?",
            (exercise, version, digest, _now_utc(), name),
        )
        return int(added.lastrowid or 0)

    def _attempt(self, number: int) -> Attempt:
        row = self._one(
            "SELECT resident.name, exercise, version, digest, begun_utc FROM attempt "
            "JOIN resident ON resident.id = attempt.resident WHERE attempt.id = ?",
            number,
        )
        if row is None:
            raise refused("no_such_attempt", "there is no attempt of this number", self.path)
        name, exercise, version, digest, begun = row
        return Attempt(
            id=number,
            resident=name,
            exercise=exercise,
            version=version,
            digest=digest,
            begun_utc=begun,
        )

    def _result(self, number: int) -> Result:
        held = self._one("SELECT 1 FROM handed_in WHERE attempt = ?", number)
        return Result(
            attempt=self._attempt(number),
            handed_in=None if held is None else self.handed_in(number),
            mark=self._last_mark(number),
        )

    def _last_mark(self, number: int) -> Mark | None:
        row = self._one(
            "SELECT document FROM mark WHERE attempt = ? ORDER BY id DESC LIMIT 1", number
        )
        try:
            return None if row is None else Mark.model_validate_json(row[0])
        except ValidationError:
            message = (
                "a mark on record was written by another version of Osteoplan; update Osteoplan"
            )
            raise refused("attempts_too_new", message, self.path) from None

    def _has_seen(self, resident: str, exercise: str) -> bool:
        query = (
            "SELECT 1 FROM opened JOIN attempt ON attempt.id = opened.attempt "
            "JOIN resident ON resident.id = attempt.resident "
            "WHERE resident.name = ? AND attempt.exercise = ? LIMIT 1"
        )
        return bool(self._rows(query, resident, exercise))

    def _one(self, query: str, number: int) -> tuple[Any, ...] | None:
        return next(iter(self._rows(query, number)), None)

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(query, values).fetchall()
        except (sqlite3.Error, UnicodeEncodeError) as error:
            message = (
                f"the attempts cannot be read ({error}); check the name and the folder's rights, "
                "or restore the file from a copy"
            )
            raise refused("attempts_not_read", message, self.path) from None


def pseudonym(number: int) -> str:
    """Return what a resident is called outside this machine.

    Parameters
    ----------
    number : int
        Of the record.

    Returns
    -------
    str
        The same in every table of this machine.
    """
    return f"R{number:02d}"


def _is_of_these_tables(found: Mark) -> bool:
    return (found.tables_version, found.marking_version) == (
        tables().version,
        marking_table().version,
    )


def _progress_row(one: Result, number: int) -> ProgressRow:
    handed, found = one.handed_in, one.mark
    if handed is None or found is None:
        message = "only a marked attempt has a row"
        raise ValueError(message)
    return ProgressRow(
        at_utc=handed.at_utc,
        exercise=found.exercise,
        version=found.version,
        task=found.task,
        number=number,
        percent=found.percent,
        passed=found.passed,
        seen_reference=handed.seen_reference,
        faults=tuple(f"{fault.code}:{fault.where}" for fault in found.faults),
        elapsed_s=handed.elapsed_s,
    )


def _as_kept(resident: str) -> str:
    """Return a name as it is on record: one person is not two for a space or a way to write é."""
    return unicodedata.normalize("NFC", " ".join(resident.split()))


def _checked_name(resident: str) -> str:
    name = _as_kept(resident)
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        message = f"a resident's name has 1 to {LONGEST_NAME} letters; correct it"
        raise PlanningError(Problem(code="bad_name", message=message, where="resident"))
    return name


def _now_utc() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
