"""A folder that images arrive in: whole ones only, within a quota, never one over another.

What arrives lies in a hidden folder ``.unfinished-…`` until its delivery ends, then in one folder a
series, named by its UID. A series of a delivery that was cut lies in ``UID.partial`` instead, until
all of it was delivered again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from pydicom.filereader import read_partial
from pydicom.tag import BaseTag

from imaging.dicom.archive.peer import is_uid
from imaging.errors import Problem, refuse_image

DRAFT_PREFIX = ".unfinished-"
PARTIAL = ".partial"
QUOTA_BYTES = 50 << 30
KEEP_FREE_BYTES = 1 << 30
COMPARED_BYTES = 1 << 20
SERIES_UID_TAG = 0x0020000E
# Behind preamble and prefix stands (0002,0000) UL, whose value is the length of what follows it.
META_FROM_BYTE = 144
META_LENGTH_AT_BYTE = 140


class Verdict(Enum):
    """What became of an object."""

    KEPT = "kept"
    IDENTICAL = "already there"
    DIFFERENT = "another object of the same UID is already there"
    FULL = "no room"
    UNREADABLE = "its header cannot be read or names another object"
    FOREIGN = "not what was asked for"


@dataclass(frozen=True)
class ObjectHeader:
    """What an object is and belongs to.

    Parameters
    ----------
    sop_class, sop_uid, study_uid, series_uid : str
        UIDs, as the file has them.
    """

    sop_class: str
    sop_uid: str
    study_uid: str
    series_uid: str


@dataclass(frozen=True)
class ArrivedSeries:
    """A series that arrived.

    Parameters
    ----------
    uid : str
        Series Instance UID.
    folder : Path
        Where it lies.
    images : int
        Objects of it in the folder.
    complete : bool
        False when the delivery was cut or something of it was refused.
    """

    uid: str
    folder: Path
    images: int
    complete: bool


@dataclass(frozen=True)
class Receipt:
    """How a delivery ended.

    Parameters
    ----------
    series : tuple of ArrivedSeries
        What arrived.
    files : tuple of Path
        Its files.
    refused : tuple of Problem
        What was not kept, and why.
    """

    series: tuple[ArrivedSeries, ...] = ()
    files: tuple[Path, ...] = ()
    refused: tuple[Problem, ...] = ()


def read_object_header(path: Path) -> ObjectHeader | None:
    """Read what a DICOM file is and belongs to.

    Parameters
    ----------
    path : Path
        A file.

    Returns
    -------
    ObjectHeader or None
        None for anything that is not an object in the DICOM file format.
    """

    def beyond(tag: BaseTag, _vr: str | None, _length: int) -> bool:
        return bool(tag > SERIES_UID_TAG)

    wanted: list[BaseTag | int] = [0x00080016, 0x00080018, 0x0020000D, SERIES_UID_TAG]
    try:
        with path.open("rb") as stream:
            found = read_partial(stream, beyond, specific_tags=wanted)
            header = ObjectHeader(*(str(found[tag].value).strip() for tag in wanted))
    except Exception:  # a damaged header fails in any way the parser can
        return None
    return header if all((header.sop_class, header.sop_uid, header.series_uid)) else None


def safe_name(uid: str) -> str:
    """Return a file name for a UID that came from the network.

    Parameters
    ----------
    uid : str
        Whatever the peer sent.

    Returns
    -------
    str
        The UID itself, or a hash of what is no UID: it can never lead out of its folder.
    """
    if is_uid(uid):
        return uid
    return "not-a-uid-" + hashlib.sha256(uid.encode("utf-8", "surrogateescape")).hexdigest()[:32]


class Inbox:
    """The folder and what lies in it; shared by deliveries that run at the same time.

    Parameters
    ----------
    folder : Path
        Made when absent.
    quota_bytes : int
        What the folder may hold, with what it holds already.
    keep_free_bytes : int
        What is left free on the disk in any case.

    Raises
    ------
    ImagingError
        When the folder cannot be made or written to.
    """

    def __init__(
        self,
        folder: Path,
        quota_bytes: int = QUOTA_BYTES,
        keep_free_bytes: int = KEEP_FREE_BYTES,
    ) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        self._quota_bytes = quota_bytes
        self._keep_free_bytes = keep_free_bytes
        try:
            folder.mkdir(parents=True, exist_ok=True)
            files = [file for file in folder.rglob("*") if file.is_file()]
            self._held_bytes = sum(file.stat().st_size for file in files)
            os.rmdir(tempfile.mkdtemp(prefix=DRAFT_PREFIX, dir=folder))
        except OSError as error:
            message = f"nothing can be written there ({error.strerror}); choose another folder"
            raise refuse_image("cannot_write", message, folder) from None
        # Where each object lies, by the name of its file.
        self.places = {
            file.stem: file
            for file in files
            if file.suffix == ".dcm" and not file.parent.name.startswith(DRAFT_PREFIX)
            and not file.parent.parent.name.startswith(DRAFT_PREFIX)
        }  # fmt: skip

    def take_room(self, size_bytes: int) -> bool:
        """Set room aside for an object.

        Parameters
        ----------
        size_bytes : int
            Its size.

        Returns
        -------
        bool
            False when the quota or the disk does not hold it.
        """
        with self.lock:
            if self._held_bytes + size_bytes > self._quota_bytes:
                return False
            if shutil.disk_usage(self.folder).free - size_bytes < self._keep_free_bytes:
                return False
            self._held_bytes += size_bytes
            return True

    def give_back(self, size_bytes: int) -> None:
        """Free the room of an object that was not kept.

        Parameters
        ----------
        size_bytes : int
            Its size.
        """
        with self.lock:
            self._held_bytes -= size_bytes


class Delivery:
    """What one peer delivers in one go; several threads may bring parts of it.

    Parameters
    ----------
    inbox : Inbox
        Where it goes.
    belongs : callable
        Tells from the header whether an object was asked for.
    """

    def __init__(
        self, inbox: Inbox, belongs: Callable[[ObjectHeader], bool] = lambda _: True
    ) -> None:
        self.inbox = inbox
        self._belongs = belongs
        self._folder = Path(tempfile.mkdtemp(prefix=DRAFT_PREFIX, dir=inbox.folder))
        self._kept: dict[str, str] = {}  # file name -> series folder, of objects that are new
        self._again: dict[str, str] = {}  # the same of objects that were there already
        self._spoilt: set[str] = set()  # series of which an object was refused
        self._refused: Counter[Verdict] = Counter()
        self._number = 0
        self.ended = False

    @property
    def arrived(self) -> int:
        """Objects that arrived whole, with those that were there already."""
        return len(self._kept) + len(self._again)

    @property
    def empty(self) -> bool:
        """Whether nothing came, not even something that was refused."""
        return not (self.arrived or self._refused)

    def keep(
        self, size_bytes: int, write: Callable[[BinaryIO], object], sop_uid: str = ""
    ) -> Verdict:
        """Take one object: written aside, read back, put in place only when whole.

        Parameters
        ----------
        size_bytes : int
            Its size.
        write : callable
            Writes it, in the DICOM file format.
        sop_uid : str
            SOP Instance UID that its envelope told, compared with its header.

        Returns
        -------
        Verdict
            What became of it.
        """
        with self.inbox.lock:
            self._number += 1
            draft = self._folder / f"{self._number}.draft"
        if self.ended or not self.inbox.take_room(size_bytes):
            return self._count(Verdict.FULL)
        try:
            with draft.open("wb") as stream:
                write(stream)
            header = read_object_header(draft)
            with self.inbox.lock:
                verdict = self._placed(draft, header, sop_uid)
        except OSError:
            verdict = Verdict.FULL
        if verdict is not Verdict.KEPT:
            draft.unlink(missing_ok=True)
            self.inbox.give_back(size_bytes)
        return self._count(verdict)

    def _count(self, verdict: Verdict) -> Verdict:
        if verdict not in {Verdict.KEPT, Verdict.IDENTICAL}:
            with self.inbox.lock:
                self._refused[verdict] += 1
        return verdict

    def _placed(self, draft: Path, header: ObjectHeader | None, sop_uid: str) -> Verdict:
        if self.ended:
            return Verdict.FULL
        if header is None or (sop_uid and header.sop_uid != sop_uid):
            return Verdict.UNREADABLE
        if not self._belongs(header):
            return Verdict.FOREIGN
        name, series = safe_name(header.sop_uid), safe_name(header.series_uid)
        there = self.inbox.places.get(name)
        if there is not None and there.exists():
            if not same_object(there, draft):
                self._spoilt.add(series)
                return Verdict.DIFFERENT
            if name not in self._kept:
                self._again[name] = series
            return Verdict.IDENTICAL
        place = self._folder / series / f"{name}.dcm"
        place.parent.mkdir(exist_ok=True)
        draft.replace(place)
        self.inbox.places[name] = place
        self._kept[name] = series
        return Verdict.KEPT

    def finish(self, whole: bool) -> Receipt:
        """End the delivery and put its series in place.

        Parameters
        ----------
        whole : bool
            Whether everything came that was to come; otherwise its series are marked as partial.

        Returns
        -------
        Receipt
            What arrived; empty when the delivery had ended before.
        """
        with self.inbox.lock:
            if self.ended:
                return Receipt()
            self.ended = True
            names = sorted({*self._kept.values(), *self._again.values()})
            # Without room or a readable header nobody knows which series lacks the object.
            lacking = self._refused[Verdict.FULL] + self._refused[Verdict.UNREADABLE]
            series = tuple(
                self._put(name, whole and not lacking and name not in self._spoilt)
                for name in names
            )
            files = sorted(self.inbox.places[name] for name in (*self._kept, *self._again))
            shutil.rmtree(self._folder, ignore_errors=True)
            refused = tuple(
                Problem(code=verdict.name.lower(), message=f"{count} not kept: {verdict.value}")
                for verdict, count in self._refused.items()
            )
            return Receipt(series, tuple(files), refused)

    def discard(self) -> None:
        """End the delivery and remove everything new of it."""
        with self.inbox.lock:
            if self.ended:
                return
            self.ended = True
            for name in self._kept:
                place = self.inbox.places.get(name)
                if place is not None and place.is_relative_to(self._folder):
                    self.inbox.give_back(place.stat().st_size)
                    del self.inbox.places[name]
            shutil.rmtree(self._folder, ignore_errors=True)

    def _put(self, series: str, whole: bool) -> ArrivedSeries:
        """Move the objects of one series to where they belong."""
        complete = self.inbox.folder / series
        partial = self.inbox.folder / f"{series}{PARTIAL}"
        mine = {name for name, one in (self._kept | self._again).items() if one == series}
        if whole and partial.is_dir() and {file.stem for file in partial.iterdir()} - mine:
            whole = False  # a part of an earlier delivery did not come again
        target = complete if whole else partial
        for name in sorted(mine):
            place = self.inbox.places[name]
            drafted = place.parent.parent.name.startswith(DRAFT_PREFIX)
            # An unfinished delivery of somebody else may hold it: what is whole is not left there.
            if drafted or (whole and place.parent == partial):
                target.mkdir(exist_ok=True)
                self.inbox.places[name] = place.replace(target / place.name)
        if whole and partial.is_dir():
            partial.rmdir()
        if not target.is_dir():  # nothing new came of it
            target = self.inbox.places[min(mine)].parent
        return ArrivedSeries(
            uid=series, folder=target, images=sum(1 for _ in target.iterdir()), complete=whole
        )


def same_object(one: Path, other: Path) -> bool:
    """Tell whether two files hold the same object, byte by byte behind their own file headers.

    Parameters
    ----------
    one, other : Path
        Files in the DICOM file format.

    Returns
    -------
    bool
        False also when either cannot be read.
    """
    try:
        with one.open("rb") as first, other.open("rb") as second:
            for stream in (first, second):
                stream.seek(META_LENGTH_AT_BYTE)
                length = int.from_bytes(stream.read(4), "little")
                stream.seek(META_FROM_BYTE + length)
            while True:
                left, right = first.read(COMPARED_BYTES), second.read(COMPARED_BYTES)
                if left != right:
                    return False
                if not left:
                    return True
    except OSError:
        return False
