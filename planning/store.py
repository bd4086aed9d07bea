"""The plan file: one SQLite database that survives a killed process.

Every change is one transaction under a rollback journal with full synchronisation, so that a
process killed at any moment loses at most the change in flight. A new file is made under a
temporary name and takes its own name only when it is whole.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from pydantic import ValidationError

from imaging.errors import Problem
from imaging.geometry import Grid
from imaging.structures.model import Structures
from planning.beside import place_found, place_kept
from planning.errors import PlanningError
from planning.lesions import lesions
from planning.plan import Case, LesionPlan, Plan, ThermalField

APPLICATION_ID = 0x4F53504C  # "OSPL", marks the file as ours (PRAGMA application_id)
SCHEMA_VERSION = 3
ENDING = ".osteoplan"
TEMPERATURE_STEP_C = 0.05  # of kept fields; far below what any model or probe can tell
MARGIN_STEP_MM = 0.25  # of kept margins, up to 31.75 mm on both sides
MARGIN_UNKNOWN = -128
MASK_LESION = "lesion"  # of the lesion with the number behind it
MASK_STRUCTURES = "structures"
MASK_BENEATH = "structures_beneath"
SCHEMA = """
CREATE TABLE plan (number INTEGER PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE looked_at (id INTEGER PRIMARY KEY CHECK (id = 1), number INTEGER NOT NULL);
CREATE TABLE mask (
    name TEXT PRIMARY KEY, dtype TEXT NOT NULL, k INTEGER, j INTEGER, i INTEGER, data BLOB NOT NULL
);
CREATE TABLE thermal_field (
    number INTEGER NOT NULL, position INTEGER NOT NULL, spacing_mm REAL NOT NULL,
    first_x_mm REAL NOT NULL, first_y_mm REAL NOT NULL, first_z_mm REAL NOT NULL,
    k INTEGER, j INTEGER, i INTEGER, temperature BLOB NOT NULL, zone BLOB NOT NULL,
    margin BLOB,
    PRIMARY KEY (number, position)
);
CREATE TABLE picture (
    name TEXT PRIMARY KEY, png BLOB NOT NULL, carries_identifiers INTEGER NOT NULL
);
CREATE TABLE history (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at_utc TEXT NOT NULL, change TEXT NOT NULL
);
CREATE TRIGGER history_is_never_changed BEFORE UPDATE ON history
BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TRIGGER history_is_never_removed BEFORE DELETE ON history
BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
"""

FROM_ONE_LESION = (
    "ALTER TABLE plan RENAME TO plan_of_one",
    "CREATE TABLE plan (number INTEGER PRIMARY KEY, document TEXT NOT NULL)",
    "INSERT INTO plan SELECT 1, document FROM plan_of_one",
    "DROP TABLE plan_of_one",
    "CREATE TABLE looked_at (id INTEGER PRIMARY KEY CHECK (id = 1), number INTEGER NOT NULL)",
    "INSERT INTO looked_at VALUES (1, 1)",
    "UPDATE mask SET name = 'lesion 1' WHERE name = 'lesion'",
    "ALTER TABLE thermal_field RENAME TO field_of_one",
    """CREATE TABLE thermal_field (
    number INTEGER NOT NULL, position INTEGER NOT NULL, spacing_mm REAL NOT NULL,
    first_x_mm REAL NOT NULL, first_y_mm REAL NOT NULL, first_z_mm REAL NOT NULL,
    k INTEGER, j INTEGER, i INTEGER, temperature BLOB NOT NULL, zone BLOB NOT NULL,
    PRIMARY KEY (number, position)
)""",
    "INSERT INTO thermal_field SELECT 1, * FROM field_of_one",
    "DROP TABLE field_of_one",
)


def _to_several_lesions(connection: sqlite3.Connection) -> None:
    for statement in FROM_ONE_LESION:
        connection.execute(statement)


def _to_margins(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE thermal_field ADD COLUMN margin BLOB")


# From a schema version to the next one: one entry a step.
MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {
    1: _to_several_lesions,
    2: _to_margins,
}


@dataclass(frozen=True)
class Picture:
    """A captured picture.

    Parameters
    ----------
    name : str
        File name without folder.
    png : bytes
        The picture.
    carries_identifiers : bool
        Whether it shows who the patient is.
    """

    name: str
    png: bytes
    carries_identifiers: bool = False


def _refuse(code: str, message: str, where: Path) -> PlanningError:
    return PlanningError(Problem(code=code, message=message, where=str(where)))


class PlanFile:
    """An open plan file.

    Parameters
    ----------
    path : Path
        The file.
    connection : sqlite3.Connection
        Open on it.
    lock : FileLock or None
        Held while this program may write; None reads only.

    Notes
    -----
    Made by :meth:`create` and :meth:`open`; use it as a context manager, or close it.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: FileLock | None) -> None:
        self.path = path
        self._connection = connection
        self._lock = lock
        self._written: dict[str, NDArray[np.generic]] = {}  # frozen masks, by name in the file

    @property
    def read_only(self) -> bool:
        """Whether another program has the file open for writing."""
        return self._lock is None

    @classmethod
    def create(cls, path: Path, case: Case) -> PlanFile:
        """Make a new file; one that exists is replaced once the new one is whole.

        Parameters
        ----------
        path : Path
            Ends in ``.osteoplan``.
        case : Case
            First content.

        Returns
        -------
        PlanFile
            Open for writing.

        Raises
        ------
        PlanningError
            When the place cannot be written or another program has the file open.
        """
        lock = _locked(path)
        if lock is None:
            message = (
                "another program has this plan open; close it there, or save under another name"
            )
            raise _refuse("plan_in_use", message, path)
        draft = path.with_name(f".{path.name}.unfinished")
        try:
            draft.unlink(missing_ok=True)
            connection = _connect(draft)
            connection.executescript(SCHEMA)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            made = cls(draft, connection, lock)
            made.save(case, "created")
            connection.close()
            draft.replace(path)
            return cls(path, _connect(path), lock)
        except (sqlite3.Error, OSError, PlanningError) as error:
            draft.unlink(missing_ok=True)
            lock.release()
            if isinstance(error, PlanningError):
                raise
            raise _cannot_write(path) from None

    @classmethod
    def open(cls, path: Path) -> PlanFile:
        """Open a file; older versions are migrated, newer ones refused untouched.

        Parameters
        ----------
        path : Path
            The file.

        Returns
        -------
        PlanFile
            Read-only when another program has it open or the place cannot be written.

        Raises
        ------
        PlanningError
            When it is no plan, damaged, or from a newer version.
        """
        if not path.is_file():
            raise _refuse("not_found", "there is no such plan; check the path", path)
        version = version_of(path)
        if version > SCHEMA_VERSION:
            message = (
                f"the plan was written by a newer version of Osteoplan (format {version}, this "
                f"program reads up to {SCHEMA_VERSION}); update Osteoplan. The file was not touched"
            )
            raise _refuse("plan_too_new", message, path)
        lock = _locked(path)
        try:
            connection = _connect(path, writable=lock is not None)
            if lock is None and version < SCHEMA_VERSION:
                connection = _in_memory(connection)
            _migrate(connection, version)
            opened = cls(path, connection, lock)
            opened.load()
            return opened
        except (sqlite3.Error, PlanningError) as error:
            if lock is not None:
                lock.release()
            if isinstance(error, PlanningError):
                raise
            message = f"the plan file is damaged ({error}); restore it from a copy"
            raise _refuse("plan_damaged", message, path) from None

    def load(self) -> Case:
        """Read the case.

        Returns
        -------
        Case
            As it was saved last.

        Raises
        ------
        PlanningError
            When its content is damaged.
        """
        numbers = self._connection.execute("SELECT number, document FROM plan").fetchall()
        here = self._connection.execute("SELECT number FROM looked_at").fetchone()
        if here is None or here[0] not in {number for number, _ in numbers}:
            raise _refuse(
                "plan_damaged", "the file holds no plan; restore it from a copy", self.path
            )
        try:
            plans = {number: self._lesion_plan(number, text) for number, text in numbers}
            labels = self._mask(MASK_STRUCTURES)
            beneath = self._mask(MASK_BENEATH)
        except (ValidationError, ValueError, zlib.error) as error:
            reason = type(error).__name__
            message = f"the plan's content is damaged ({reason}); restore it from a copy"
            raise _refuse("plan_damaged", message, self.path) from None
        looked_at = plans.pop(here[0])
        plan = looked_at.plan
        structures = None
        if labels is not None:
            under = None if beneath is None else beneath.astype(np.uint16)
            structures = Structures(
                labels.astype(np.uint16), plan.series.grid, plan.structures, plan.levels, under
            )
        others = tuple(plans[number] for number in sorted(plans))
        return Case(plan, looked_at.lesion, structures, looked_at.fields, others)

    def _lesion_plan(self, number: int, document: str) -> LesionPlan:
        mask = self._mask(f"{MASK_LESION} {number}")
        plan = Plan.model_validate_json(document)
        place = place_found(self.path, plan.series.path)
        return LesionPlan(
            _at(plan, place),
            None if mask is None else mask.astype(bool),
            self._fields(number),
        )

    def save(self, case: Case, change: str) -> None:
        """Write the case as one transaction, with a line of history.

        Parameters
        ----------
        case : Case
            What to keep.
        change : str
            What was done, for the history; holds no identifiers.

        Raises
        ------
        PlanningError
            When the file is read-only or cannot be written; nothing is changed then.
        """
        _refuse_unwritable_path(place_kept(self.path, case.plan.series.path))
        with self._writing() as connection:
            numbers = {one.plan.number for one in lesions(case)}
            for (old,) in connection.execute("SELECT number FROM plan").fetchall():
                if old not in numbers:
                    connection.execute("DELETE FROM plan WHERE number = ?", (old,))
                    self._put_mask(connection, f"{MASK_LESION} {old}", None)
            connection.execute("DELETE FROM thermal_field")
            for one in lesions(case):
                self._put_lesion(connection, one)
            connection.execute(
                "INSERT OR REPLACE INTO looked_at VALUES (1, ?)", (case.plan.number,)
            )
            found = case.structures
            self._put_mask(connection, MASK_STRUCTURES, None if found is None else found.labels)
            self._put_mask(connection, MASK_BENEATH, None if found is None else found.beneath)
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            connection.execute("INSERT INTO history (at_utc, change) VALUES (?, ?)", (now, change))

    def save_picture(self, picture: Picture) -> None:
        """Keep a captured picture.

        Parameters
        ----------
        picture : Picture
            Replaces one of the same name.

        Raises
        ------
        PlanningError
            When the file cannot be written.
        """
        with self._writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO picture (name, png, carries_identifiers) VALUES (?, ?, ?)",
                (picture.name, picture.png, int(picture.carries_identifiers)),
            )

    def pictures(self) -> tuple[Picture, ...]:
        """Return the captured pictures, by name."""
        rows = self._connection.execute(
            "SELECT name, png, carries_identifiers FROM picture ORDER BY name"
        )
        return tuple(Picture(name, png, bool(flag)) for name, png, flag in rows)

    def history(self) -> tuple[tuple[str, str], ...]:
        """Return time (UTC) and kind of every change, oldest first."""
        rows = self._connection.execute("SELECT at_utc, change FROM history ORDER BY id")
        return tuple((str(at), str(change)) for at, change in rows)

    def close(self) -> None:
        """Close the file and let other programs write."""
        self._connection.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> PlanFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        if self._lock is None:
            message = "the plan is open in another program and can only be read here"
            raise _refuse("plan_read_only", message, self.path)
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection
            self._connection.execute("COMMIT")
        except (sqlite3.Error, OSError):
            self._written.clear()
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise _cannot_write(self.path) from None

    def _put_lesion(self, connection: sqlite3.Connection, one: LesionPlan) -> None:
        number, place = one.plan.number, place_kept(self.path, one.plan.series.path)
        connection.execute(
            "INSERT INTO plan (number, document) VALUES (?, ?) "
            "ON CONFLICT (number) DO UPDATE SET document = excluded.document",
            (number, _at(one.plan, place).model_dump_json(by_alias=True)),
        )
        self._put_mask(connection, f"{MASK_LESION} {number}", one.lesion)
        for position, field in enumerate(one.fields):
            connection.execute(
                "INSERT INTO thermal_field VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (number, position, *_packed_field(field)),
            )

    def _put_mask(
        self, connection: sqlite3.Connection, name: str, array: NDArray[np.generic] | None
    ) -> None:
        if array is None:
            self._written.pop(name, None)
            connection.execute("DELETE FROM mask WHERE name = ?", (name,))
            return
        if _is_same_memory(self._written.get(name), array):
            return  # packing the labels of a large CT takes a second
        packed: NDArray[np.generic] = (
            np.packbits(array.astype(bool)) if array.dtype == bool else array.astype("<u2")
        )
        data = zlib.compress(np.ascontiguousarray(packed).tobytes(), level=1)
        kind = "bits" if array.dtype == bool else "<u2"
        if not array.flags.writeable:
            self._written[name] = array
        old = connection.execute("SELECT data FROM mask WHERE name = ?", (name,)).fetchone()
        if old is not None and old[0] == data:
            return
        connection.execute(
            "INSERT OR REPLACE INTO mask (name, dtype, k, j, i, data) VALUES (?, ?, ?, ?, ?, ?)",
            (name, kind, *array.shape, data),
        )

    def _fields(self, number: int) -> tuple[ThermalField, ...]:
        found = []
        for row in self._connection.execute(
            "SELECT * FROM thermal_field WHERE number = ? ORDER BY position", (number,)
        ):
            _, _, spacing_mm, x, y, z, k, j, i, temperature, zone, margin = row
            steps = np.frombuffer(zlib.decompress(temperature), "<i2").reshape(k, j, i)
            bits = np.frombuffer(zlib.decompress(zone), np.uint8)
            found.append(
                ThermalField(
                    Grid.aligned((k, j, i), spacing_mm, (x, y, z)),
                    steps.astype(np.float32) * np.float32(TEMPERATURE_STEP_C),
                    np.unpackbits(bits, count=k * j * i).reshape(k, j, i).astype(bool),
                    None if margin is None else _unpacked_margin(margin, (k, j, i)),
                )
            )
        return tuple(found)

    def _mask(self, name: str) -> NDArray[np.generic] | None:
        row = self._connection.execute(
            "SELECT dtype, k, j, i, data FROM mask WHERE name = ?", (name,)
        ).fetchone()
        if row is None:
            return None
        kind, *shape, data = row
        raw = zlib.decompress(data)
        if kind == "bits":
            bits = np.unpackbits(np.frombuffer(raw, np.uint8), count=int(np.prod(shape)))
            return bits.reshape(shape).astype(bool)
        return np.frombuffer(raw, kind).reshape(shape)


def _at(plan: Plan, place: str) -> Plan:
    """Return a plan whose series is at another place."""
    if plan.series.path == place:
        return plan
    return plan.model_copy(update={"series": plan.series.model_copy(update={"path": place})})


def _refuse_unwritable_path(series: str) -> None:
    """Refuse a place with a name that is no UTF-8, which no plan can write down."""
    try:
        series.encode()
    except UnicodeEncodeError:
        message = (
            "a folder of the series has a name that is no UTF-8; rename it, then open it again"
        )
        raise _refuse("path_not_utf8", message, Path(series)) from None


def _is_same_memory(written: NDArray[np.generic] | None, array: NDArray[np.generic]) -> bool:
    """Tell whether a frozen array is the one that was written last under its name."""
    return (
        written is not None
        and not array.flags.writeable
        and written.__array_interface__["data"] == array.__array_interface__["data"]
        and (written.shape, written.strides, written.dtype)
        == (array.shape, array.strides, array.dtype)
    )


def _packed_field(field: ThermalField) -> tuple[object, ...]:
    steps = np.rint(field.temperature_c / TEMPERATURE_STEP_C)
    whole = np.clip(steps, -32768, 32767).astype("<i2")
    first = field.grid.affine_kji_to_lps[:3, 3]
    return (
        field.grid.spacing_mm_kji[0],
        *(float(n) for n in first),
        *field.grid.size_kji,
        zlib.compress(whole.tobytes(), level=1),
        zlib.compress(np.packbits(field.zone).tobytes(), level=1),
        None if field.margin_mm is None else _packed_margin(field.margin_mm),
    )


def _packed_margin(margin_mm: NDArray[np.float32]) -> bytes:
    known = np.isfinite(margin_mm)
    steps = np.clip(np.rint(np.where(known, margin_mm, 0.0) / MARGIN_STEP_MM), -127, 127)
    whole = np.where(known, steps, MARGIN_UNKNOWN).astype(np.int8)
    return zlib.compress(whole.tobytes(), level=1)


def _unpacked_margin(packed: bytes, size_kji: tuple[int, int, int]) -> NDArray[np.float32]:
    steps = np.frombuffer(zlib.decompress(packed), np.int8).reshape(size_kji)
    margin_mm = steps.astype(np.float32) * np.float32(MARGIN_STEP_MM)
    margin_mm[steps == MARGIN_UNKNOWN] = np.nan
    return margin_mm


def _connect(path: Path, *, writable: bool = True) -> sqlite3.Connection:
    mode = "rwc" if writable else "ro"
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={mode}", uri=True, isolation_level=None
    )
    if writable:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA synchronous = FULL")
    return connection


def _in_memory(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Return a copy of an older file that only this program may change."""
    copy = sqlite3.connect(":memory:", isolation_level=None)
    connection.backup(copy)
    connection.close()
    return copy


def _locked(path: Path) -> FileLock | None:
    """Take the right to write, which ends with the process; None where another has it."""
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    except OSError:
        if path.exists():
            return None
        raise _cannot_write(path) from None
    return lock


def _cannot_write(path: Path) -> PlanningError:
    message = (
        "the plan cannot be written; check that the folder exists, its rights, and the space on "
        "the disk. What was saved before is unchanged"
    )
    return _refuse("cannot_write", message, path)


def version_of(path: Path) -> int:
    """Read the version from the file's first bytes (SQLite file format, 1.3), touching nothing.

    A connection would have to roll back the journal of a killed program, which a file of a newer
    version must not see, and which a read-only connection cannot do.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    int
        Of the schema.

    Raises
    ------
    PlanningError
        When it is no plan or cannot be read.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(100)
    except OSError:
        raise _refuse("not_readable", "the plan cannot be read; check its rights", path) from None
    application = int.from_bytes(head[68:72], "big")
    if not head.startswith(b"SQLite format 3\0") or application != APPLICATION_ID:
        message = "the file is not a plan of Osteoplan, or is damaged; choose an .osteoplan file"
        raise _refuse("not_a_plan", message, path)
    return int.from_bytes(head[60:64], "big")


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    while version < SCHEMA_VERSION:
        connection.execute("BEGIN IMMEDIATE")
        MIGRATIONS[version](connection)
        version += 1
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")
