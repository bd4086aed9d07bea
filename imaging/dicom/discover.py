"""Finds what lies under a path: CT series, and what was set aside and why."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pydicom

from imaging.dicom.headers import FrameHeader, ImageHeader, read_header
from imaging.document import Document
from imaging.errors import ImagingError, refuse_image
from imaging.progress import SILENT, Progress

MAX_EXPANDED_BYTES = 16 << 30  # a zip that grows beyond this is not one patient's CT
SAME_DIRECTION = 1e-3  # directions closer than this (as vectors) are one orientation
READERS = 4


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
class FoundSeries:
    """The files of one stack of slices.

    Parameters
    ----------
    uid : str
        Series Instance UID; stacks split from one series carry ``/2``, ``/3`` … behind it.
    headers : tuple of ImageHeader
        Its files.
    localizers : int
        Scout images of the same series that were set aside.
    """

    uid: str
    headers: tuple[ImageHeader, ...]
    localizers: int = 0

    @property
    def frames(self) -> list[tuple[ImageHeader, FrameHeader]]:
        """Every frame with the header of its file."""
        return [(header, frame) for header in self.headers for frame in header.frames]


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
def opened(path: Path) -> Iterator[list[Path]]:
    """Give the files under a path for as long as they are needed.

    Parameters
    ----------
    path : Path
        A folder, a file, a zip or a DICOMDIR.

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
        yield sorted(file for file in path.rglob("*") if file.is_file())
    elif zipfile.is_zipfile(path):
        with tempfile.TemporaryDirectory(prefix="osteoplan-zip-") as folder:
            _expand(path, Path(folder))
            yield sorted(file for file in Path(folder).rglob("*") if file.is_file())
    elif path.name.upper() == "DICOMDIR":
        yield _referenced(path)
    else:
        yield [path]


def _expand(archive: Path, folder: Path) -> None:
    written = 0
    try:
        with zipfile.ZipFile(archive) as source:
            for member in source.infolist():
                name = PurePosixPath(member.filename.replace("\\", "/"))
                if member.is_dir():
                    continue
                if name.is_absolute() or ".." in name.parts or ":" in member.filename:
                    message = "the zip holds a path that leads out of its folder; it is not opened"
                    raise refuse_image("unsafe_zip", message, archive)
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with source.open(member) as packed, target.open("wb") as out:
                    while chunk := packed.read(1 << 20):
                        written += len(chunk)
                        if written > MAX_EXPANDED_BYTES:
                            message = "the zip expands to more than 16 GiB; it is not opened"
                            raise refuse_image("unsafe_zip", message, archive)
                        out.write(chunk)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        message = f"the zip cannot be expanded ({type(error).__name__}); make it again"
        raise refuse_image("damaged", message, archive) from None
    except OSError as error:
        free_gib = shutil.disk_usage(folder).free / 2**30
        message = f"the zip cannot be expanded: {error.strerror}; {free_gib:.1f} GiB are free"
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
        file = root.joinpath(*parts).resolve()
        if not file.is_relative_to(root):
            message = "the DICOMDIR points outside its own folder; open its folder instead"
            raise refuse_image("unsafe_dicomdir", message, dicomdir)
        if file.is_file():
            files.append(file)
    return sorted(set(files))


def discover(files: list[Path], base: Path, progress: Progress = SILENT) -> Discovery:
    """Read all headers and group the slices into series.

    Parameters
    ----------
    files : list of Path
        As :func:`opened` gives them.
    base : Path
        What the paths of skipped files are told relative to.
    progress : Progress
        Told after each file.

    Returns
    -------
    Discovery
        CT series, most slices first, and what was set aside.
    """
    groups: dict[str, list[ImageHeader]] = defaultdict(list)
    localizers: dict[str, int] = defaultdict(int)
    skipped: list[Skipped] = []

    def attempt(file: Path) -> ImageHeader | ImagingError:
        try:
            return read_header(file)
        except ImagingError as refusal:
            return refusal

    with ThreadPoolExecutor(READERS) as pool:
        for number, (file, found) in enumerate(zip(files, pool.map(attempt, files), strict=True)):
            progress.update(number / len(files), "reading headers")
            if isinstance(found, ImagingError):
                skipped.append(Skipped(path=_told(file, base), reason=str(found)))
            elif found.is_localizer:
                localizers[found.series_uid] += 1
                reason = "localizer or dose screen, not a slice"
                skipped.append(Skipped(path=_told(file, base), reason=reason))
            else:
                groups[found.series_uid].append(found)
    series = [
        FoundSeries(uid if n == 0 else f"{uid}/{n + 1}", tuple(stack), localizers[uid])
        for uid, headers in groups.items()
        for n, stack in enumerate(_stacks(headers))
    ]
    series.sort(key=lambda one: (-len(one.frames), one.uid))
    return Discovery(tuple(series), tuple(skipped))


def _told(file: Path, base: Path) -> str:
    return str(file.relative_to(base)) if file.is_relative_to(base) and file != base else file.name


def _stacks(headers: list[ImageHeader]) -> list[list[ImageHeader]]:
    """Split one series into stacks of one orientation, size and acquisition; largest first."""
    stacks: list[list[ImageHeader]] = []
    for header in sorted(headers, key=lambda one: (one.instance, one.path)):
        home = next(
            (stack for stack in stacks if _alike(stack[0].frames[0], header.frames[0])), None
        )
        if home is None:
            stacks.append([header])
        else:
            home.append(header)
    parted = [part for stack in stacks for part in _acquisitions(stack)]
    return sorted(parted, key=lambda stack: -sum(len(header.frames) for header in stack))


def _alike(one: FrameHeader, other: FrameHeader) -> bool:
    return (
        one.size_ji == other.size_ji
        and np.allclose(one.spacing_mm_ji, other.spacing_mm_ji, rtol=1e-4)
        and np.abs(one.row_direction - other.row_direction).max() < SAME_DIRECTION
        and np.abs(one.column_direction - other.column_direction).max() < SAME_DIRECTION
    )


def _acquisitions(stack: list[ImageHeader]) -> list[list[ImageHeader]]:
    """Part acquisitions or kernels that cover the same places; otherwise leave them together."""
    places = {tuple(np.round(header.frames[0].position_lps_mm, 1)) for header in stack}
    if len(stack) < 1.5 * len(places) or len(places) < 2:
        return [stack]
    for key in ("kernel", "acquisition"):
        parts: dict[object, list[ImageHeader]] = defaultdict(list)
        for header in stack:
            parts[getattr(header, key)].append(header)
        if len(parts) > 1:
            return list(parts.values())
    return [stack]
