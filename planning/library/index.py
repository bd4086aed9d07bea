"""The index of a library: one SQLite database beside the folders of the cases.

It can always be made anew from the cards in the folders. Every change is one transaction under a
rollback journal; a program that reads is kept waiting only while another one commits.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from imaging.dicom.anonymise.descriptors import folded
from planning.library.model import Card, CaseRow, StoredFile, Wanted
from planning.library.refusals import damaged, refuse, told

APPLICATION_ID = 0x4F534C42  # "OSLB", marks the file as ours (PRAGMA application_id)
SCHEMA_VERSION = 2
NAME = "library.sqlite"
BUSY_S = 10.0  # how long another program's commit is waited for
SCHEMA = """
CREATE TABLE entry (
    id TEXT PRIMARY KEY, added_utc TEXT NOT NULL, document TEXT NOT NULL, searched TEXT NOT NULL,
    site TEXT, kind TEXT, series_uid TEXT NOT NULL, values_sha256 TEXT NOT NULL,
    seen TEXT NOT NULL DEFAULT '', card_behind INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX entry_by_time ON entry (added_utc DESC, id);
CREATE INDEX entry_by_series ON entry (series_uid);
CREATE INDEX entry_by_values ON entry (values_sha256);
CREATE TABLE tag (
    id TEXT NOT NULL, folded TEXT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (folded, id)
) WITHOUT ROWID;
CREATE TABLE technique (
    id TEXT NOT NULL, technique TEXT NOT NULL, PRIMARY KEY (technique, id)
) WITHOUT ROWID;
CREATE INDEX tag_by_case ON tag (id);
CREATE INDEX technique_by_case ON technique (id);
CREATE TABLE series_files (id TEXT PRIMARY KEY, listing BLOB NOT NULL);
CREATE TABLE thumbnail (id TEXT PRIMARY KEY, png BLOB NOT NULL);
"""
_FILES = TypeAdapter(tuple[StoredFile, ...])


FROM_TITLES = (
    "ALTER TABLE entry RENAME TO entry_with_files",
    "DROP INDEX IF EXISTS entry_by_time",
    "DROP INDEX IF EXISTS entry_by_series",
    """CREATE TABLE entry (
    id TEXT PRIMARY KEY, added_utc TEXT NOT NULL, document TEXT NOT NULL, searched TEXT NOT NULL,
    site TEXT, kind TEXT, series_uid TEXT NOT NULL, values_sha256 TEXT NOT NULL,
    seen TEXT NOT NULL DEFAULT '', card_behind INTEGER NOT NULL DEFAULT 0
)""",
    """INSERT INTO entry (id, added_utc, document, searched, site, kind, series_uid, values_sha256)
SELECT id, added_utc, document, title, site, kind, series_uid, values_sha256
FROM entry_with_files""",
    "CREATE INDEX entry_by_time ON entry (added_utc DESC, id)",
    "CREATE INDEX entry_by_series ON entry (series_uid)",
    "CREATE INDEX entry_by_values ON entry (values_sha256)",
    "CREATE TABLE series_files (id TEXT PRIMARY KEY, listing BLOB NOT NULL)",
    "INSERT INTO series_files SELECT id, files FROM entry_with_files",
    "DROP TABLE entry_with_files",
    "CREATE INDEX tag_by_case ON tag (id)",
    "CREATE INDEX technique_by_case ON technique (id)",
)


def _to_all_words(connection: sqlite3.Connection) -> None:
    """Search all texts, not the title alone; lists of files leave the table that is searched."""
    for statement in FROM_TITLES:
        connection.execute(statement)
    for case_id, document in connection.execute("SELECT id, document FROM entry").fetchall():
        words = CaseRow.model_validate_json(document).fields.searched
        connection.execute("UPDATE entry SET searched = ? WHERE id = ?", (words, case_id))


# From a schema version to the next one: one entry a step.
MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _to_all_words}


class Index:
    """An open index.

    Parameters
    ----------
    path : Path
        The database.
    connection : sqlite3.Connection
        Open on it.
    is_read_only : bool
        Whether it lies where nothing can be written.

    Notes
    -----
    Made by :meth:`create` and :meth:`open`. When another program has made the index anew, the new
    one is used from then on.
    """

    def __init__(
        self, path: Path, connection: sqlite3.Connection, *, is_read_only: bool = False
    ) -> None:
        self.path = path
        self.is_read_only = is_read_only
        self._open = connection
        self._file = _file_of(path)

    @property
    def _connection(self) -> sqlite3.Connection:
        """The connection; to the new file where the index was replaced since."""
        there = _file_of(self.path)
        if there not in (None, self._file) and not self._open.in_transaction:
            fresh = _opened(self.path, is_read_only=self.is_read_only)
            self._open.close()
            self._open, self._file = fresh, there
        return self._open

    @classmethod
    def create(cls, path: Path) -> Index:
        """Make an empty index; it takes its name once it is whole.

        Parameters
        ----------
        path : Path
            Where there is none yet.

        Returns
        -------
        Index
            Open.

        Raises
        ------
        PlanningError
            When the place cannot be written.
        """
        draft = path.with_name(f".{path.name}.unfinished")
        with told(path):
            draft.unlink(missing_ok=True)
            connection = _connect(draft)
            connection.executescript(SCHEMA)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            connection.close()
            draft.replace(path)
            return cls(path, _connect(path))

    @classmethod
    def open(cls, path: Path, *, is_read_only: bool = False) -> Index:
        """Open an index; an older one is migrated, a newer one refused untouched.

        Parameters
        ----------
        path : Path
            The database.
        is_read_only : bool
            Whether it lies where nothing can be written.

        Returns
        -------
        Index
            Open.

        Raises
        ------
        PlanningError
            When it is no index of a library, damaged, or from a newer version; when it is older and
            cannot be written.
        """
        return cls(path, _opened(path, is_read_only=is_read_only), is_read_only=is_read_only)

    def close(self) -> None:
        """Close the database."""
        self._open.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Make one transaction of what is done inside.

        Yields
        ------
        None
            Committed afterwards, taken back when anything fails.

        Raises
        ------
        PlanningError
            When the index is busy, damaged, or cannot be written.
        """
        with told(self.path):
            connection = self._connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def put(self, card: Card, png: bytes | None, *, seen: str = "", behind: bool = False) -> None:
        """Write a case, inside :meth:`writing`.

        Parameters
        ----------
        card : Card
            The case; one of the same id is replaced.
        png : bytes or None
            Its picture; None keeps the one that is there.
        seen : str
            Sizes and times of its plans when their content was read.
        behind : bool
            Whether the card in the folder still has to be written.
        """
        row, run = card.row, self._connection.execute
        packed = zlib.compress(_FILES.dump_json(card.files), level=3)
        run(
            "INSERT OR REPLACE INTO entry (id, added_utc, document, searched, site, kind, "
            "series_uid, values_sha256, seen, card_behind) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (row.id, row.added_utc, row.model_dump_json(), row.fields.searched, row.fields.site,
             row.fields.kind, row.series_uid, card.values_sha256, seen, int(behind)),
        )  # fmt: skip
        run("INSERT OR REPLACE INTO series_files (id, listing) VALUES (?, ?)", (row.id, packed))
        run("DELETE FROM tag WHERE id = ?", (row.id,))
        run("DELETE FROM technique WHERE id = ?", (row.id,))
        tags = {folded(tag): tag for tag in row.fields.tags}
        for plain, tag in tags.items():
            run("INSERT INTO tag (id, folded, tag) VALUES (?, ?, ?)", (row.id, plain, tag))
        for technique in row.fields.techniques:
            run("INSERT INTO technique (id, technique) VALUES (?, ?)", (row.id, technique))
        if png is not None:
            run("INSERT OR REPLACE INTO thumbnail (id, png) VALUES (?, ?)", (row.id, png))

    def delete(self, case_id: str) -> None:
        """Take a case out, inside :meth:`writing`.

        Parameters
        ----------
        case_id : str
            Of the case.
        """
        for table in ("entry", "tag", "technique", "series_files", "thumbnail"):
            self._connection.execute(f"DELETE FROM {table} WHERE id = ?", (case_id,))  # noqa: S608

    def mark_card(self, case_id: str) -> None:
        """Note that the card in the folder says what the index says.

        Parameters
        ----------
        case_id : str
            Of the case.
        """
        with told(self.path):
            self._connection.execute("UPDATE entry SET card_behind = 0 WHERE id = ?", (case_id,))

    def search(self, wanted: Wanted) -> tuple[CaseRow, ...]:
        """Return the cases that are looked for.

        Parameters
        ----------
        wanted : Wanted
            What they have.

        Returns
        -------
        tuple of CaseRow
            The one that was added last comes first.

        Raises
        ------
        PlanningError
            When the index is damaged.
        """
        clauses, values = _clauses(wanted)
        where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
        query = f"SELECT document FROM entry {where} ORDER BY added_utc DESC, id"  # noqa: S608
        with told(self.path):
            found = self._connection.execute(query, values).fetchall()
        return tuple(self._row(text) for (text,) in found)

    def card(self, case_id: str) -> tuple[Card, str]:
        """Return what is known of a case.

        Parameters
        ----------
        case_id : str
            Of the case.

        Returns
        -------
        tuple
            The card, and sizes and times of the plans when they were read.

        Raises
        ------
        PlanningError
            When there is no such case, or the index is damaged.
        """
        query = (
            "SELECT document, values_sha256, listing, seen FROM entry "
            "LEFT JOIN series_files USING (id) WHERE id = ?"
        )
        with told(self.path):
            found = self._connection.execute(query, (_storable(case_id),)).fetchone()
        if found is None:
            message = "the library has no such case; `osteoplan library list` shows what it has"
            raise refuse("no_such_case", message, case_id)
        text, values, packed, seen = found
        try:
            files = _FILES.validate_json(zlib.decompress(packed))
        except (ValidationError, zlib.error, TypeError) as error:
            raise damaged(self.path, type(error).__name__) from None
        return Card(row=self._row(text), values_sha256=str(values), files=files), str(seen)

    def with_series(self, uid: str, values_sha256: str) -> str | None:
        """Return the case that holds a series.

        Parameters
        ----------
        uid : str
            Of the series.
        values_sha256 : str
            Of its values.

        Returns
        -------
        str or None
            Id of the case; None where there is none.
        """
        query = "SELECT id FROM entry WHERE series_uid = ? OR values_sha256 = ? LIMIT 1"
        with told(self.path):
            found = self._connection.execute(query, (uid, values_sha256)).fetchone()
        return None if found is None else str(found[0])

    def ids(self, *, behind: bool = False) -> set[str]:
        """Return the ids of all cases.

        Parameters
        ----------
        behind : bool
            Only those whose card still has to be written.

        Returns
        -------
        set of str
            Names of their folders.
        """
        query = "SELECT id FROM entry WHERE card_behind >= ?"
        with told(self.path):
            return {str(found) for (found,) in self._connection.execute(query, (int(behind),))}

    def tags(self) -> tuple[str, ...]:
        """Return every tag once, in order."""
        query = "SELECT MIN(tag) FROM tag GROUP BY folded ORDER BY folded"
        with told(self.path):
            return tuple(str(tag) for (tag,) in self._connection.execute(query))

    def thumbnail(self, case_id: str) -> bytes | None:
        """Return the picture of a case.

        Parameters
        ----------
        case_id : str
            Of the case.

        Returns
        -------
        bytes or None
            PNG; None where there is none.
        """
        query = "SELECT png FROM thumbnail WHERE id = ?"
        with told(self.path):
            found = self._connection.execute(query, (case_id,)).fetchone()
        return None if found is None else bytes(found[0])

    def faults(self) -> str:
        """Return what SQLite finds wrong with the whole database; empty when it is sound."""
        try:
            rows = self._connection.execute("PRAGMA integrity_check(5)").fetchall()
        except sqlite3.DatabaseError as error:
            return str(error)
        return "" if rows == [("ok",)] else "; ".join(str(row[0]) for row in rows)

    def copy_to(self, path: Path) -> None:
        """Write a consistent copy while others go on working.

        Parameters
        ----------
        path : Path
            A new file.

        Raises
        ------
        PlanningError
            When the index is damaged or the copy cannot be written.
        """
        with told(path):
            copy, connection = sqlite3.connect(path, isolation_level=None), self._connection
            try:
                # Held first: the backup itself would wait for another program without an end.
                connection.execute("BEGIN")
                connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
                connection.backup(copy)
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                copy.close()

    def _row(self, text: str) -> CaseRow:
        try:
            return CaseRow.model_validate_json(text)
        except ValidationError as error:
            raise damaged(self.path, type(error).__name__) from None


def _clauses(wanted: Wanted) -> tuple[list[str], list[object]]:
    clauses: list[str] = []
    values: list[object] = []
    for word in folded(wanted.text).split():
        clauses.append("instr(searched, ?) > 0")
        values.append(_storable(word))
    for column in ("site", "kind"):
        value = getattr(wanted, column)
        if value is not None:
            clauses.append(f"{column} = ?")
            values.append(value)
    for table, key, value in (
        ("technique", "technique", wanted.technique),
        ("tag", "folded", None if wanted.tag is None else folded(" ".join(wanted.tag.split()))),
    ):
        if value is not None:
            clauses.append(f"id IN (SELECT id FROM {table} WHERE {key} = ?)")  # noqa: S608
            values.append(_storable(value))
    return clauses, values


def _storable(text: str) -> str:
    """Return a text as it can be asked for; bytes that are no UTF-8 are found nowhere."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _file_of(path: Path) -> tuple[int, int] | None:
    """Tell one file from another that has its name."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _opened(path: Path, *, is_read_only: bool) -> sqlite3.Connection:
    """Connect to an index of this version; an older one is migrated first."""
    version = version_of(path)
    if version > SCHEMA_VERSION:
        message = (
            f"the library was written by a newer version of Osteoplan (format {version}, this "
            f"program reads up to {SCHEMA_VERSION}); update Osteoplan. Nothing was touched"
        )
        raise refuse("library_too_new", message, path)
    with told(path):
        connection = _connect(path, is_read_only=is_read_only)
        try:
            # Asked again: the journal of a killed program was rolled back by now.
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version < SCHEMA_VERSION and is_read_only:
                message = (
                    "the library was written by an older version and lies where nothing can be "
                    "written; copy its folder to a disk that can be written and open it there"
                )
                raise refuse("cannot_write", message, path)
            if version < SCHEMA_VERSION:
                _migrate(connection)
        except BaseException:
            connection.close()
            raise
    return connection


def _connect(path: Path, *, is_read_only: bool = False) -> sqlite3.Connection:
    place = f"{path.resolve().as_uri()}?mode={'ro' if is_read_only else 'rwc'}"
    connection = sqlite3.connect(place, uri=True, isolation_level=None, timeout=BUSY_S)
    if not is_read_only:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _migrate(connection: sqlite3.Connection) -> None:
    while True:
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version >= SCHEMA_VERSION:
            connection.execute("COMMIT")
            return
        MIGRATIONS[version](connection)
        connection.execute(f"PRAGMA user_version = {version + 1}")
        connection.execute("COMMIT")


def version_of(path: Path) -> int:
    """Read the version from the file's first bytes (SQLite file format, 1.3), touching nothing.

    Parameters
    ----------
    path : Path
        The database.

    Returns
    -------
    int
        Of the schema.

    Raises
    ------
    PlanningError
        When it is no index of a library.
    """
    with told(path), path.open("rb") as stream:
        head = stream.read(100)
    if not head.startswith(b"SQLite format 3\0"):
        raise damaged(path, "it does not begin as a database does")
    if int.from_bytes(head[68:72], "big") != APPLICATION_ID:
        message = "this database is no library of Osteoplan; choose the folder of a library"
        raise refuse("not_a_library", message, path)
    version = int.from_bytes(head[60:64], "big")
    if version < 1:
        raise damaged(path, "it has no version")
    return version
