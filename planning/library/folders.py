"""The folders of a library, and how something comes into them whole or not at all.

What is being made lies under ``.staging``, each piece with a lock that ends with the process that
makes it. A piece whose lock is free was left by a killed program and is cleared away.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from planning.beside import PLANS, SERIES
from planning.library.index import NAME
from planning.library.model import Card
from planning.library.refusals import damaged, refuse, told
from planning.store import ENDING

CARD, THUMBNAIL, REPORT = "case.json", "thumbnail.png", "report.json"
LOCK = ".library.lock"
REMOVED = "removed-"  # before the id of a case, in the name of a piece
LOCK_S = 60.0  # how long another program's renaming is waited for
CASE_ID = re.compile(r"[0-9a-f]{12}")
MOST_CARD_BYTES = 64 << 20  # 200,000 files


@dataclass(frozen=True)
class CaseFolder:
    """The folder of one case, in the library or being made.

    Parameters
    ----------
    path : Path
        The folder.
    """

    path: Path

    @property
    def series(self) -> Path:
        """Folder of the anonymised series."""
        return self.path / SERIES

    @property
    def plans(self) -> Path:
        """Folder of the plans."""
        return self.path / PLANS

    @property
    def card(self) -> Path:
        """What the index says, so that it can be remade."""
        return self.path / CARD

    @property
    def thumbnail(self) -> Path:
        """The small picture."""
        return self.path / THUMBNAIL

    def plan_names(self) -> tuple[str, ...]:
        """Return the names of the plan files, sorted."""
        if not self.plans.is_dir():
            return ()
        return tuple(
            sorted(
                one.name
                for one in self.plans.iterdir()
                if one.suffix == ENDING and not one.name.startswith(".") and one.is_file()
            )
        )

    def seen(self) -> str:
        """Return sizes and times of the plan files, to tell whether one was changed."""
        facts = [(name, (self.plans / name).stat()) for name in self.plan_names()]
        return ";".join(f"{name}:{stat.st_size}:{stat.st_mtime_ns}" for name, stat in facts)

    def picture(self) -> bytes | None:
        """Return the small picture, None where there is none."""
        try:
            return self.thumbnail.read_bytes()
        except OSError:
            return None

    def read_card(self) -> Card:
        """Read the card.

        Returns
        -------
        Card
            Validated; its id is the folder's name.

        Raises
        ------
        PlanningError
            When it is absent or damaged.
        """
        try:
            if self.card.stat().st_size > MOST_CARD_BYTES:
                raise ValueError
            found = Card.model_validate_json(self.card.read_bytes())
        except (OSError, ValidationError, ValueError) as error:
            message = f"the card of the case cannot be read ({type(error).__name__})"
            raise refuse("card_damaged", message, self.card) from None
        return found

    def write_card(self, card: Card) -> None:
        """Write the card, whole or not at all.

        Parameters
        ----------
        card : Card
            Replaces the old one.
        """
        draft = self.path / f".{CARD}.unfinished"
        with told(self.card):
            draft.write_text(card.model_dump_json(indent=1), encoding="utf-8")
            draft.replace(self.card)


@dataclass(frozen=True)
class Folders:
    """The folders of a library.

    Parameters
    ----------
    root : Path
        Of the library.
    """

    root: Path

    @property
    def index(self) -> Path:
        """The database."""
        return self.root / NAME

    @property
    def cases(self) -> Path:
        """Where the folders of the cases are."""
        return self.root / "cases"

    @property
    def staging(self) -> Path:
        """Where pieces are made."""
        return self.root / ".staging"

    def case(self, case_id: str) -> CaseFolder:
        """Return the folder of a case.

        Parameters
        ----------
        case_id : str
            Of the case.

        Returns
        -------
        CaseFolder
            Whether or not it exists.

        Raises
        ------
        PlanningError
            When this cannot be the id of a case.
        """
        if not CASE_ID.fullmatch(case_id):
            message = "this is no id of a case; `osteoplan library list` shows them"
            raise refuse("no_such_case", message, case_id)
        return CaseFolder(self.cases / case_id)

    def case_ids(self) -> set[str]:
        """Return the names of the folders of cases."""
        with told(self.cases):
            found = list(self.cases.iterdir()) if self.cases.is_dir() else []
        return {one.name for one in found if CASE_ID.fullmatch(one.name)}

    @property
    def are_read_only(self) -> bool:
        """Whether there is a library that can only be read: its medium, or the user's rights."""
        return self.index.is_file() and not (
            os.access(self.root, os.W_OK) and os.access(self.index, os.W_OK)
        )

    def make(self) -> None:
        """Make the folders where they are lacking."""
        with told(self.root):
            self.cases.mkdir(parents=True, exist_ok=True)
            self.staging.mkdir(exist_ok=True)

    def refuse_others(self) -> None:
        """Refuse to make a library among other files, or where an index was lost.

        Raises
        ------
        PlanningError
            When the folder holds something.
        """
        if not self.root.exists():
            return
        with told(self.root):
            names = {one.name for one in self.root.iterdir()}
        if self.case_ids():
            raise damaged(self.index, "it is missing")
        if names - {"cases", ".staging", LOCK, f".{self.index.name}.unfinished"}:
            message = "the folder holds other things and no library; choose an empty or new folder"
            raise refuse("not_a_library", message, self.root)

    def new_id(self) -> str:
        """Return an id that no case has."""
        while True:
            found = uuid.uuid4().hex[:12]
            if not (self.cases / found).exists():
                return found

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other programs from renaming folders for a moment.

        Yields
        ------
        None
            While this program alone may.

        Raises
        ------
        PlanningError
            When another one does not finish.
        """
        lock = FileLock(self.root / LOCK, is_singleton=True)  # a thread may nest
        try:
            with told(self.root):
                lock.acquire(timeout=LOCK_S)
        except Timeout:
            message = "another program is changing the library; try again when it has finished"
            raise refuse("library_busy", message, self.root) from None
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Keep other programs from changing the library; nobody can where it is read only.

        Yields
        ------
        None
            While it stays as it is.
        """
        with nullcontext() if self.are_read_only else self.locked():
            yield

    @contextmanager
    def workplace(self, size: int = 0) -> Iterator[Path]:
        """Give a folder for what is written on the way and not kept.

        Parameters
        ----------
        size : int
            Bytes that may be too many for the system's temporary folder, which may lie in memory.

        Yields
        ------
        Path
            In the library where it has room for them, else a temporary folder of the system.
        """
        if size and not self.are_read_only and shutil.disk_usage(self.root).free > size:
            with self.piece() as piece:
                yield piece
            return
        with told(Path(tempfile.gettempdir())):
            folder = tempfile.TemporaryDirectory(prefix="osteoplan-library-")
        with folder as name:
            yield Path(name)

    @contextmanager
    def piece(self, prefix: str = "") -> Iterator[Path]:
        """Give a new folder under ``.staging`` that is removed afterwards.

        Parameters
        ----------
        prefix : str
            Of its name.

        Yields
        ------
        Path
            The folder; what is to be kept is renamed out of it.
        """
        name = f"{prefix}{uuid.uuid4().hex}" if not prefix.startswith(REMOVED) else prefix
        lock = FileLock(self.staging / f"{name}.lock")
        with self.locked(), told(self.staging):  # no lock file is cleared away before it is held
            self.staging.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        try:
            with told(self.staging):
                (self.staging / name).mkdir(exist_ok=True)
            yield self.staging / name
        finally:
            shutil.rmtree(self.staging / name, ignore_errors=True)
            lock.release()
            (self.staging / f"{name}.lock").unlink(missing_ok=True)

    def abandoned(self) -> Iterator[Path]:
        """Give the pieces that killed programs left, each of which is removed afterwards.

        To be used inside :meth:`locked`.

        Yields
        ------
        Path
            A folder that is removed afterwards.
        """
        pieces = sorted(self.staging.iterdir()) if self.staging.is_dir() else []
        for one in {place.with_name(place.name.removesuffix(".lock")) for place in pieces}:
            lock = FileLock(one.with_name(f"{one.name}.lock"))
            try:
                lock.acquire(timeout=0)
            except (Timeout, OSError):
                continue
            try:
                yield one
                shutil.rmtree(one, ignore_errors=True)
            finally:
                lock.release()
                one.with_name(f"{one.name}.lock").unlink(missing_ok=True)
