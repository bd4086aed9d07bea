"""Finds what lies under a path: CT series, and what was set aside and why."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import pydicom

from imaging.dicom.grouping import FoundSeries, group_series
from imaging.dicom.headers import PLANNING, ImageHeader, read_header
from imaging.document import Document
from imaging.errors import ImagingError, refuse_image
from imaging.progress import SILENT, Progress

MAX_EXPANDED_BYTES = 16 << 30  # a zip that grows beyond this is not one patient's CT
MAX_ZIP_FACTOR = 200  # images shrink by far less; what expands more is a trap
MAX_TRUSTED_BYTES = 1 << 30  # up to this the factor does not matter: it is expanded in seconds
MAX_MEMBERS = 200_000
UNFINISHED = ".unfinished"  # in the names of what a transfer has not completed
ENCRYPTED = 0x1  # flag of a zip's member
READERS = 8
FILES_A_REPORT = 32
FILES_TRIED = 16  # how long these take decides whether several are read at a time
QUICK_FILE_S = 1e-3  # a header from memory takes a tenth of it, one from a slow share ten times it


class Skipped(Document):
    """A file that was set aside.

    Attributes
    ----------
    path : str
        Relative to the folder that was searched.
    reason : str
        Why, for people.
    """

    path: str
    reason: str


@dataclass(frozen=True, eq=False)
class Discovery:
    """What lies under a path.

    Parameters
    ----------
    series : tuple of FoundSeries
        Most slices first.
    skipped : tuple of Skipped
        Everything else.
    """

    series: tuple[FoundSeries, ...]
    skipped: tuple[Skipped, ...]


@contextmanager
def opened(path: Path, progress: Progress = SILENT) -> Iterator[list[Path]]:
    """Give the files under a path for as long as they are needed.

    Parameters
    ----------
    path : Path
        A folder, a file, a zip or a DICOMDIR.
    progress : Progress
        Told while a zip is expanded.

    Yields
    ------
    list of Path
        Files; those of a zip lie in a temporary folder that is removed afterwards.

    Raises
    ------
    ImagingError
        When the path does not exist, cannot be read, or the zip is unsafe.
    """
    if not path.exists():
        raise refuse_image("not_found", "there is no such file or folder; check the path", path)
    if path.is_dir():
        yield _files_under(path)
    elif not path.is_file():
        raise refuse_image("not_found", "this is neither a file nor a folder", path)
    elif zipfile.is_zipfile(path):
        with tempfile.TemporaryDirectory(prefix="osteoplan-zip-") as folder:
            _expand(path, Path(folder), progress)
            yield _files_under(Path(folder))
    elif path.suffix.lower() == ".zip":
        message = "the zip is damaged or was cut off; copy it again"
        raise refuse_image("damaged", message, path)
    elif path.name.upper() == "DICOMDIR":
        yield _referenced(path)
    else:
        yield [path]


def _files_under(folder: Path) -> list[Path]:
    """Return all regular files below a folder, sorted, without what is still being copied.

    A folder that cannot be read stands in the list itself, so that it is named as skipped.
    """
    found: list[Path] = []
    waiting, visited = [folder], {os.path.realpath(folder)}
    while waiting:
        place = waiting.pop()
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError:
            found.append(place)
            continue
        for entry in entries:
            if UNFINISHED in entry.name:
                continue
            if entry.is_dir():
                real = os.path.realpath(entry.path)
                if real not in visited:
                    visited.add(real)
                    waiting.append(Path(entry.path))
            elif entry.is_file():
                found.append(Path(entry.path))
    return sorted(found)


def _check_zip(archive: Path, members: list[zipfile.ZipInfo]) -> None:
    """Refuse what would leave its folder or fill the disk, before anything is written."""
    for member in members:
        name = PurePosixPath(member.filename.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts or ":" in member.filename:
            message = "the zip holds a path that leads out of its folder; it is not opened"
            raise refuse_image("unsafe_zip", message, archive)
    expanded = sum(member.file_size for member in members)
    limit = max(MAX_TRUSTED_BYTES, MAX_ZIP_FACTOR * archive.stat().st_size)
    if expanded > min(limit, MAX_EXPANDED_BYTES) or len(members) > MAX_MEMBERS:
        message = f"the zip would expand to {expanded / 2**30:.1f} GiB; it is not opened"
        raise refuse_image("unsafe_zip", message, archive)


def _expand(archive: Path, folder: Path, progress: Progress) -> None:
    members: list[zipfile.ZipInfo] = []
    try:
        with zipfile.ZipFile(archive) as source:
            members = [member for member in source.infolist() if not member.is_dir()]
            _check_zip(archive, members)
            for number, member in enumerate(members):
                progress.update(number / len(members), "expanding the zip")
                target = folder / PurePosixPath(member.filename.replace("\\", "/"))
                target.parent.mkdir(parents=True, exist_ok=True)
                with source.open(member) as packed, target.open("wb") as out:
                    shutil.copyfileobj(packed, out, 1 << 20)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
        message = f"the zip cannot be expanded ({type(error).__name__}); make it again"
        if any(member.flag_bits & ENCRYPTED for member in members):
            message = "the zip is locked with a password; unpack it first"
        raise refuse_image("damaged", message, archive) from None
    except (OSError, ValueError) as error:
        free_gib = shutil.disk_usage(folder).free / 2**30
        reason = getattr(error, "strerror", "") or "a name in it is not usable"
        message = f"the zip cannot be expanded: {reason}; {free_gib:.1f} GiB are free"
        raise refuse_image("disk", message, archive) from None


def _referenced(dicomdir: Path) -> list[Path]:
    root = dicomdir.resolve().parent
    try:
        records = pydicom.dcmread(dicomdir).get("DirectoryRecordSequence") or []
        names = [record.get("ReferencedFileID") for record in records]
    except Exception as error:  # a damaged DICOMDIR fails in any way the parser can
        message = f"the DICOMDIR cannot be read ({type(error).__name__}); open its folder instead"
        raise refuse_image("damaged", message, dicomdir) from None
    files = []
    for name in names:
        if not name:
            continue
        parts = [name] if isinstance(name, str) else [str(part) for part in name]
        file = _without_case(root, parts).resolve()
        if not file.is_relative_to(root):
            message = "the DICOMDIR points outside its own folder; open its folder instead"
            raise refuse_image("unsafe_dicomdir", message, dicomdir)
        files.append(file)
    return sorted(set(files))


def _without_case(root: Path, parts: list[str]) -> Path:
    """Return the file that a DICOMDIR names, also where the disc spells it in lower case."""
    place = root
    for part in parts:
        exact = place / part
        if not exact.exists() and part not in {"..", "."} and place.is_dir():
            same = [one for one in place.iterdir() if one.name.lower() == part.lower()]
            exact = same[0] if same else exact
        place = exact
    return place


def discover(
    files: list[Path],
    base: Path,
    progress: Progress = SILENT,
    modalities: frozenset[str] = PLANNING,
) -> Discovery:
    """Read all headers and group the slices into series.

    Parameters
    ----------
    files : list of Path
        As :func:`opened` gives them.
    base : Path
        What the paths of skipped files are told relative to.
    progress : Progress
        Told after each file.
    modalities : frozenset of str
        Those that are wanted.

    Returns
    -------
    Discovery
        CT series, or those of the modalities wanted, most slices first, and what was set aside.
    """
    headers: list[ImageHeader] = []
    skipped: list[Skipped] = []
    for done, (file, found) in enumerate(_read_headers(files, modalities)):
        if done % FILES_A_REPORT == 0:
            progress.update(done / len(files), "reading headers")
        if isinstance(found, ImagingError):
            skipped.append(Skipped(path=_told(file, base), reason=str(found)))
            continue
        headers.append(found)
        if found.is_localizer:
            reason = "localizer or dose screen, not a slice"
            skipped.append(Skipped(path=_told(file, base), reason=reason))
    return Discovery(group_series(headers), tuple(skipped))


def _read_headers(
    files: list[Path], modalities: frozenset[str]
) -> Iterator[tuple[Path, ImageHeader | ImagingError]]:
    """Read headers one after the other, or side by side where the disk is what takes the time."""
    attempt = partial(_attempt, modalities=modalities)
    begun_s = time.perf_counter()
    for number, file in enumerate(files):
        yield file, attempt(file)
        if number + 1 == FILES_TRIED:
            break
    rest = files[FILES_TRIED:]
    if time.perf_counter() - begun_s < FILES_TRIED * QUICK_FILE_S:
        yield from ((file, attempt(file)) for file in rest)
        return
    with ThreadPoolExecutor(READERS) as pool:
        yield from zip(rest, pool.map(attempt, rest), strict=True)


def _attempt(file: Path, modalities: frozenset[str]) -> ImageHeader | ImagingError:
    try:
        return read_header(file, modalities)
    except ImagingError as refusal:
        return refusal


def _told(file: Path, base: Path) -> str:
    inside = file.is_relative_to(base) and file != base
    name = str(file.relative_to(base)) if inside else file.name
    return name.encode(errors="replace").decode()
