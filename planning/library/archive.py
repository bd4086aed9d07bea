"""One file of several: a zip that begins with its manifest and is trusted in nothing.

The manifest tells each file's size and SHA-256. What the zip says beyond it, or differently, is
refused before anything leaves the folder it is unpacked into.
"""

from __future__ import annotations

import hashlib
import lzma
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pydantic import Field, ValidationError

from imaging.document import Document
from imaging.progress import SILENT, Progress
from planning.library.refusals import cannot_write, refuse

MANIFEST = "manifest.json"
FORMAT_VERSION = 1
MOST_MANIFEST_BYTES = 256 << 20
MOST_CASE_BYTES = 16 << 30  # more is not one patient's CT
MOST_FILES = 200_000
BLOCK_BYTES = 1 << 20
LEVEL = 1  # of the compression: CT shrinks by half, and hardly more at greater cost
STORED_ENDINGS = (".png", ".age")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,199}(/[A-Za-z0-9][A-Za-z0-9 ._-]{0,199}){0,4}")
ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, NotImplementedError, EOFError,
    UnicodeDecodeError,
)  # fmt: skip
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others unpack with any amount of memory
GIB, MIB = 1 << 30, 1 << 20
Sources = Iterable[tuple[str, Path]]


class Member(Document):
    """A file of the archive.

    Attributes
    ----------
    name : str
        With ``/`` between folders.
    size : int
        Bytes.
    sha256 : str
        Of all bytes.
    """

    name: str
    size: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Manifest(Document):
    """What an archive holds.

    Attributes
    ----------
    format : str
        ``osteocase`` or ``osteolibrary``.
    version : int
        Of the format.
    files : tuple of Member
        All but the manifest.
    """

    format: str
    version: int
    files: tuple[Member, ...] = Field(max_length=MOST_FILES * 100)


class ArchiveWriter:
    """Writes an archive; the manifest comes last, when all is known.

    Parameters
    ----------
    path : Path
        A draft.
    kind : str
        Of the archive.
    """

    def __init__(self, path: Path, kind: str) -> None:
        self._zip = zipfile.ZipFile(path, "w", allowZip64=True)
        self._kind = kind
        self._members: list[Member] = []

    def add(self, name: str, source: Path) -> None:
        """Add a file.

        Parameters
        ----------
        name : str
            In the archive.
        source : Path
            Read once.
        """
        digest, size = hashlib.sha256(), 0
        info = zipfile.ZipInfo(name)
        stored = name.endswith(STORED_ENDINGS)
        info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
        info._compresslevel = LEVEL  # type: ignore[attr-defined]
        with source.open("rb") as stream, self._zip.open(info, "w", force_zip64=True) as out:
            while block := stream.read(BLOCK_BYTES):
                digest.update(block)
                size += len(block)
                out.write(block)
        self._members.append(Member(name=name, size=size, sha256=digest.hexdigest()))

    def finish(self) -> Manifest:
        """Write the manifest and close the file.

        Returns
        -------
        Manifest
            Of all that was added.
        """
        manifest = Manifest(format=self._kind, version=FORMAT_VERSION, files=tuple(self._members))
        with self._zip:
            self._zip.writestr(MANIFEST, manifest.model_dump_json(), zipfile.ZIP_DEFLATED, LEVEL)
        return manifest

    def close(self) -> None:
        """Give up what was begun; no error of a full disk hides the first one."""
        try:
            self._zip.close()
        except (OSError, ValueError):
            return


def write_archive(path: Path, kind: str, sources: Sources, progress: Progress = SILENT) -> None:
    """Write an archive.

    Parameters
    ----------
    path : Path
        A draft.
    kind : str
        Of the archive.
    sources : iterable of tuple
        Names in the archive, and the files.
    progress : Progress
        Told after each file.
    """
    rows = list(sources)
    writer = ArchiveWriter(path, kind)
    try:
        for number, (name, source) in enumerate(rows):
            progress.update(number / len(rows), "packing")
            writer.add(name, source)
        writer.finish()
    finally:
        writer.close()


def file_named(path: Path, ending: str) -> Path:
    """Return the file that is meant, with its ending.

    Parameters
    ----------
    path : Path
        As the user gave it.
    ending : str
        Added where it is lacking.

    Returns
    -------
    Path
        Of a file.

    Raises
    ------
    PlanningError
        When it names a folder.
    """
    if not path.name or path.name == ".." or path.is_dir():
        message = "this is a folder; name the file in it that is to be written"
        raise refuse("not_a_file", message, path)
    return path if path.suffix == ending else path.with_name(path.name + ending)


@contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """Give a draft that becomes a file when all went well, and nothing otherwise.

    Parameters
    ----------
    path : Path
        The file; one that exists is replaced.

    Yields
    ------
    Path
        The draft, beside it.

    Raises
    ------
    PlanningError
        When the place cannot be written.
    """
    draft = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        draft.replace(path)
    except OSError as error:
        raise cannot_write(error, path) from None
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def opened_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip of somebody else.

    Parameters
    ----------
    path : Path
        The file.

    Yields
    ------
    zipfile.ZipFile
        Open for reading.

    Raises
    ------
    PlanningError
        When it is absent, no zip, or damaged.
    """
    if not path.is_file():
        raise refuse("not_found", "there is no such file; check the path", path)
    try:
        with zipfile.ZipFile(path) as archive:
            if any(one.compress_type not in PACKINGS for one in archive.infolist()):
                message = "the file is packed in a way that this program never does; not opened"
                raise refuse("unsafe_file", message, path.name)
            yield archive
    except ZIP_ERRORS:
        message = "the file is damaged, was cut off, or is not what its name says; ask for it again"
        raise refuse("damaged", message, path.name) from None
    except OSError as error:
        raise cannot_write(error, path) from None


def unpack(
    path: Path,
    kind: str,
    folder: Path,
    progress: Progress = SILENT,
    most_bytes: int = MOST_CASE_BYTES,
) -> Manifest:
    """Unpack an archive and compare every byte with its manifest.

    Parameters
    ----------
    path : Path
        The archive.
    kind : str
        That is expected.
    folder : Path
        Empty; counts only when this returns.
    progress : Progress
        Told after each file.
    most_bytes : int
        All files together.

    Returns
    -------
    Manifest
        Of what was unpacked.

    Raises
    ------
    PlanningError
        When the archive is of another kind, newer, unsafe, too large, or differs from its manifest.
    """
    with opened_archive(path) as archive:
        # What a manifest takes in memory stays far below what it lets unpack.
        most = min(MOST_MANIFEST_BYTES, most_bytes >> 9)
        manifest = read_manifest(archive, kind, path.name, most)
        _refuse_unsafe(archive, manifest, path, folder, most_bytes)
        for number, member in enumerate(manifest.files):
            progress.update(number / len(manifest.files), "unpacking")
            target = folder / member.name
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member.name) as stream, target.open("xb") as out:
                if not _copy(stream, out, member):
                    message = "a file differs from the manifest; the file was changed or damaged"
                    raise refuse("damaged", message, f"{path.name}: {member.name}")
    return manifest


def read_manifest(
    archive: zipfile.ZipFile, kind: str, name: str, most_bytes: int = MOST_MANIFEST_BYTES
) -> Manifest:
    """Read the manifest of an archive.

    Parameters
    ----------
    archive : zipfile.ZipFile
        Open.
    kind : str
        That is expected.
    name : str
        Of the file, for messages.
    most_bytes : int
        Of the manifest.

    Returns
    -------
    Manifest
        Validated.

    Raises
    ------
    PlanningError
        When there is none, or it is of another kind or newer.
    """
    wrong = refuse("not_ours", f"the file is no .{kind} of Osteoplan; choose another", name)
    try:
        if archive.getinfo(MANIFEST).file_size > most_bytes:
            raise wrong
        with archive.open(MANIFEST) as stream:
            text = stream.read(most_bytes + 1)
        manifest = Manifest.model_validate_json(text)
    except KeyError:
        raise wrong from None
    except ValidationError:
        version = _version_in(text)
        if version is not None and version > FORMAT_VERSION:
            raise _too_new(version, name) from None
        raise wrong from None
    if manifest.format != kind:
        raise wrong
    if manifest.version > FORMAT_VERSION:
        raise _too_new(manifest.version, name)
    return manifest


def _version_in(text: bytes) -> int | None:
    found = re.search(rb'"version"\s*:\s*(\d{1,6})\b', text[:200])
    return None if found is None else int(found[1])


def _too_new(version: int, name: str) -> Exception:
    message = (
        f"the file was written by a newer version of Osteoplan (format {version}, this program "
        f"reads up to {FORMAT_VERSION}); update Osteoplan"
    )
    return refuse("too_new", message, name)


def is_safe_name(name: str) -> bool:
    """Tell whether an archive may hold a file of this name.

    Parameters
    ----------
    name : str
        With ``/`` between folders.

    Returns
    -------
    bool
        False for what leads elsewhere, and for what another system cannot write.
    """
    return NAME.fullmatch(name) is not None and ".." not in name


def _refuse_unsafe(
    archive: zipfile.ZipFile, manifest: Manifest, path: Path, folder: Path, most_bytes: int
) -> None:
    """Refuse, before anything is written, what leads elsewhere or fills the disk."""
    names = [one.name for one in manifest.files]
    inside = [one for one in archive.namelist() if one != MANIFEST]
    if not all(map(is_safe_name, (*names, *inside))):
        message = "the file holds a name that leads out of its folder; it is not opened"
        raise refuse("unsafe_file", message, path.name)
    folded = {name.casefold() for name in names}
    if len(folded) != len(names) or sorted(inside) != sorted(names):
        message = "the file holds other things than its manifest says; it is not opened"
        raise refuse("unsafe_file", message, path.name)
    total = sum(one.size for one in manifest.files)
    if total > most_bytes or any(
        archive.getinfo(one.name).file_size != one.size for one in manifest.files
    ):
        message = f"the file would unpack to {total / 2**30:.1f} GiB or more than it says"
        raise refuse("unsafe_file", message, path.name)
    refuse_without_space(total, folder)


def refuse_without_space(size: int, folder: Path) -> None:
    """Refuse what does not fit on the disk.

    Parameters
    ----------
    size : int
        Bytes.
    folder : Path
        On the disk.

    Raises
    ------
    PlanningError
        When less is free.
    """
    free = shutil.disk_usage(folder).free
    if size > free:
        message = (
            f"the disk has no room: {_said(size)} are needed and {_said(free)} are free; make some"
        )
        raise refuse("disk", message, folder)


def _said(size: int) -> str:
    return f"{size / GIB:.1f} GiB" if size >= GIB else f"{size / MIB:.1f} MiB"


def _copy(stream: IO[bytes], out: IO[bytes], member: Member) -> bool:
    """Copy a member; False as soon as it is not what the manifest says."""
    digest, size = hashlib.sha256(), 0
    while block := stream.read(BLOCK_BYTES):
        size += len(block)
        if size > member.size:
            return False
        digest.update(block)
        out.write(block)
    return size == member.size and digest.hexdigest() == member.sha256
