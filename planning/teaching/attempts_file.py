"""The file of the attempts: where it lies and what its tables are; rows are only ever added."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import platformdirs

from imaging.errors import Problem
from planning.errors import PlanningError

FOLDER_VARIABLE = "OSTEOPLAN_TEACHING"
NAME = "attempts.sqlite"
APPLICATION_ID = 0x4F535041  # "OSPA", marks the file as ours (PRAGMA application_id)
SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE resident (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE attempt (
    id INTEGER PRIMARY KEY AUTOINCREMENT, resident INTEGER NOT NULL REFERENCES resident (id),
    exercise TEXT NOT NULL, version INTEGER NOT NULL, digest TEXT NOT NULL, begun_utc TEXT NOT NULL
);
CREATE TABLE handed_in (
    attempt INTEGER PRIMARY KEY REFERENCES attempt (id), at_utc TEXT NOT NULL,
    elapsed_s REAL NOT NULL, seen_reference INTEGER NOT NULL, sha256 TEXT NOT NULL,
    answer BLOB NOT NULL
);
CREATE TABLE opened (
    id INTEGER PRIMARY KEY AUTOINCREMENT, attempt INTEGER NOT NULL REFERENCES attempt (id),
    at_utc TEXT NOT NULL
);
CREATE TABLE mark (
    id INTEGER PRIMARY KEY AUTOINCREMENT, attempt INTEGER NOT NULL REFERENCES attempt (id),
    at_utc TEXT NOT NULL, document TEXT NOT NULL
);
"""
APPEND_ONLY = ("attempt", "handed_in", "opened", "mark")


def attempts_folder() -> Path:
    """Return where the attempts are kept.

    Returns
    -------
    Path
        Of the variable ``OSTEOPLAN_TEACHING``, else of the user.
    """
    chosen = os.environ.get(FOLDER_VARIABLE, "").strip()
    if chosen:
        return Path(chosen).expanduser()
    return Path(platformdirs.user_data_dir("osteoplan", appauthor=False)) / "teaching"


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables of an empty file, or refuse one of another kind or a newer version.

    Parameters
    ----------
    connection : sqlite3.Connection
        Open on it.
    path : Path
        The file, for messages.

    Raises
    ------
    PlanningError
        When the file is no record of attempts that this program can read.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        tables_there = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if version > SCHEMA_VERSION:
            message = "the attempts were written by a newer version of Osteoplan; update Osteoplan"
            raise refused("attempts_too_new", message, path)
        if tables_there and application != APPLICATION_ID:
            message = "the file is no record of attempts; move it away, or choose another folder"
            raise refused("not_attempts", message, path)
        if not tables_there:
            for statement in (*SCHEMA.split(";\n"), *_append_only()):
                if statement.strip():
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _append_only() -> list[str]:
    return [
        f"CREATE TRIGGER {table}_no_{action} BEFORE {action} ON {table} "
        "BEGIN SELECT RAISE(ABORT, 'attempts are append-only'); END"
        for table in APPEND_ONLY
        for action in ("UPDATE", "DELETE")
    ]


def refused(code: str, message: str, where: Path) -> PlanningError:
    """Return the error for one problem of the attempts.

    Parameters
    ----------
    code, message : str
        Stable word for programs; what is wrong and what to do.
    where : Path
        The file.

    Returns
    -------
    PlanningError
        To be raised by the caller.
    """
    return PlanningError(Problem(code=code, message=message, where=str(where)))
