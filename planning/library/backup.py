"""A backup of the whole library as one file, made while others work, and its restore."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imaging.progress import SILENT, Progress
from planning.beside import PLANS, SERIES
from planning.errors import PlanningError
from planning.library.archive import (
    ArchiveWriter,
    Manifest,
    draft_of,
    file_named,
    is_safe_name,
    unpack,
)
from planning.library.folders import CARD, CASE_ID, REPORT, THUMBNAIL, CaseFolder
from planning.library.index import NAME, Index
from planning.library.library import Library
from planning.library.model import Card
from planning.library.plans import copy_plan, safe_names
from planning.library.refusals import cannot_write, refuse

log = logging.getLogger(__name__)

BACKUP_ENDING = ".osteolibrary"
KIND = "osteolibrary"
NOT_DAMAGED = {"library_busy", "cannot_write"}  # a plan that is damaged is kept as it is
MOST_BACKUP_BYTES = 64 << 40


def back_up(library: Library, path: Path, progress: Progress = SILENT) -> Path:
    """Write the whole library into one file.

    The index is copied at one moment; each case is kept from changing only while it is packed. A
    file that is missing is told in the log, so that one damaged case does not keep all others from
    being saved; the check of the restored library tells it again.

    Parameters
    ----------
    library : Library
        Open; other programs may go on using it.
    path : Path
        The file; ``.osteolibrary`` is added where it is lacking. One that exists is replaced once
        the new one is whole.
    progress : Progress
        Told after each case.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    PlanningError
        When the index is damaged or the place cannot be written.
    """
    target = file_named(path, BACKUP_ENDING)
    with draft_of(target) as draft, library.folders.workplace() as rough:
        snapshot = rough / NAME
        library.index.copy_to(snapshot)
        index = Index.open(snapshot)
        writer = ArchiveWriter(draft, KIND)
        try:
            ids = sorted(index.ids())
            for number, case_id in enumerate(ids):
                progress.update(number / max(len(ids), 1), "packing the cases")
                with library.folders.steady():
                    _pack(library, index, case_id, writer, rough)
            index.close()
            writer.add(NAME, snapshot)
            writer.finish()
        finally:
            index.close()
            writer.close()
    progress.update(1.0, "packed")
    return target


def _pack(
    library: Library, snapshot: Index, case_id: str, writer: ArchiveWriter, rough: Path
) -> None:
    """Pack one case; leave it out of the snapshot when it was removed meanwhile."""
    folder = library.folders.case(case_id)
    try:
        card, _ = library.index.card(case_id)
    except PlanningError as refusal:
        if refusal.code != "no_such_case":
            raise
        with snapshot.writing():
            snapshot.delete(case_id)
        return
    base = f"cases/{case_id}"
    names = safe_names(folder.plan_names(), is_safe_name)
    renamed = sum(name != new for name, new in names.items())
    if renamed:
        log.warning("case %s: %d plans have another name in the backup", case_id, renamed)
    row = card.row.model_copy(update={"plans": tuple(sorted(names.values()))})
    card, lacking = card.model_copy(update={"row": row}), 0
    for name, source in _files(folder, card, names, rough):
        if source.is_file():
            writer.add(f"{base}/{name}", source)
        else:
            lacking += 1
    if lacking:
        log.warning(
            "case %s: %d files are missing and not in the backup; see check", case_id, lacking
        )
    with snapshot.writing():
        snapshot.put(card, None)


def _files(
    folder: CaseFolder, card: Card, plans: dict[str, str], rough: Path
) -> Iterator[tuple[str, Path]]:
    (rough / CARD).write_text(card.model_dump_json(indent=1), encoding="utf-8")
    yield CARD, rough / CARD
    for optional in (THUMBNAIL, REPORT):
        if (folder.path / optional).is_file():
            yield optional, folder.path / optional
    for name, new in plans.items():
        copy = rough / new
        copy.unlink(missing_ok=True)
        try:
            copy_plan(folder.plans / name, copy)
        except PlanningError as refusal:
            if refusal.code in NOT_DAMAGED:
                raise
            shutil.copyfile(folder.plans / name, copy)
        yield f"{PLANS}/{new}", copy
    for one in card.files:
        yield f"{SERIES}/{one.name}", folder.series / one.name


def restore(path: Path, folder: Path, progress: Progress = SILENT) -> Library:
    """Make a library from a backup.

    Parameters
    ----------
    path : Path
        As :func:`back_up` wrote it.
    folder : Path
        New or empty; takes its name when all was compared.
    progress : Progress
        Told while files are unpacked.

    Returns
    -------
    Library
        Open.

    Raises
    ------
    Refusal
        When the backup is unsafe, damaged or newer, or the folder holds something; nothing is kept.
    Cancelled
        When the result is no longer wanted; nothing is kept.
    """
    target = folder.expanduser().absolute()
    with _new_folder(target) as draft:
        manifest = unpack(path, KIND, draft, progress.part(0, 0.95), MOST_BACKUP_BYTES)
        _refuse_other_files(manifest, path.name)
        (draft / "cases").mkdir(exist_ok=True)
        index = Index.open(draft / NAME)
        try:
            faults = index.faults()
            ids = index.ids()
        finally:
            index.close()
        there = {one.name.split("/")[1] for one in manifest.files if one.name != NAME}
        if faults or ids != there:
            message = "the backup's index does not fit its cases; use another backup"
            raise refuse("damaged", message, path.name)
        progress.update(0.98, "restored")
    return Library.open(target)


@contextmanager
def _new_folder(target: Path) -> Iterator[Path]:
    """Give a folder that becomes the library when all went well, and nothing otherwise."""
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            message = "the folder is not empty; choose a new one, so that no library is lost"
            raise refuse("folder_used", message, target)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.unfinished-", dir=target.parent))
    except OSError as error:
        raise cannot_write(error, target) from None
    try:
        yield draft
        if target.exists():
            target.rmdir()
        draft.chmod(0o755)
        draft.replace(target)
    except OSError as error:
        raise cannot_write(error, target) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _refuse_other_files(manifest: Manifest, name: str) -> None:
    """Refuse a backup with anything but an index and cases."""
    names = {one.name for one in manifest.files}
    odd = [one for one in names - {NAME} if not _is_of_case(one.split("/"))]
    if odd or NAME not in names:
        message = "the file is no whole backup, or holds other things too; it is not restored"
        raise refuse("unsafe_file", message, name)


def _is_of_case(parts: list[str]) -> bool:
    if len(parts) < 3 or parts[0] != "cases" or not CASE_ID.fullmatch(parts[1]):
        return False
    if len(parts) == 3:
        return parts[2] in {CARD, THUMBNAIL, REPORT}
    return len(parts) == 4 and parts[2] in {PLANS, SERIES}
