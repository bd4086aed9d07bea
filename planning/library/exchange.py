"""A case as one file, to give it to another library; locked with a passphrase where asked for."""

from __future__ import annotations

import re
import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from imaging.dicom.anonymise import Beside
from imaging.errors import Problem
from imaging.progress import SILENT, Progress
from planning.beside import PLANS, SERIES
from planning.errors import PlanningError
from planning.library.archive import (
    MOST_CASE_BYTES,
    ZIP_ERRORS,
    Manifest,
    draft_of,
    file_named,
    opened_archive,
    refuse_without_space,
    unpack,
    write_archive,
)
from planning.library.checking import check_case
from planning.library.entries import refuse_texts, with_plans, write_picture
from planning.library.folders import CARD, REPORT, THUMBNAIL, CaseFolder
from planning.library.intake import (
    TakenSeries,
    read_copy,
    refuse_identifiers,
    stored_files,
    told_problems,
)
from planning.library.library import Library
from planning.library.model import CARD_VERSION, Card, CaseRow
from planning.library.plans import read_plan, safe_names, write_anew
from planning.library.refusals import refuse
from planning.library.sealing import MOST_KEY_BYTES, check_passphrase, seal, unseal
from planning.store import ENDING

CASE_ENDING = ".osteocase"
KIND = "osteocase"
KEY, SEALED = "key.age", "case.age"
MOST_PROBLEMS, MOST_WORDS = 50, 500  # of a stranger's card: number, and characters of each
SINGLE = {CARD, THUMBNAIL, REPORT}
OF_A_PLAN = re.compile(rf"plan-[0-9]{{1,6}}{re.escape(ENDING)}")


def export_case(
    library: Library,
    case_id: str,
    path: Path,
    passphrase: str | None = None,
    progress: Progress = SILENT,
) -> Path:
    """Write a case into one file.

    Parameters
    ----------
    library : Library
        Open.
    case_id : str
        Of the case.
    path : Path
        The file; ``.osteocase`` is added where it is lacking. Replaced once the new one is whole.
    passphrase : str or None
        Locks the file; None leaves it open.
    progress : Progress
        Told while files are packed.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    PlanningError
        When the case is damaged, the passphrase weak, or the place cannot be written.
    """
    if passphrase is not None:
        check_passphrase(passphrase)
    target = file_named(path, CASE_ENDING)
    library.case(case_id)
    card, _ = library.index.card(case_id)
    folder = library.folders.case(case_id)
    broken = tuple(check_case(folder, card))
    if broken:
        raise PlanningError(broken)
    with (
        draft_of(target) as draft,
        library.folders.workplace(_sealed_bytes(card, passphrase)) as rough,
    ):
        plain = rough / "plain.zip"
        done = plain if passphrase is not None else draft
        sources = _sources(folder, card, rough)
        end = 0.8 if passphrase is not None else 1.0
        write_archive(done, KIND, sources, progress.part(0, end))
        if passphrase is not None:
            progress.update(0.85, "locking with the passphrase")
            _write_sealed(plain, draft, passphrase)
    return target


def _sources(folder: CaseFolder, card: Card, rough: Path) -> list[tuple[str, Path]]:
    """Return what goes into the file; plans as they are at one moment."""
    names = _names(folder)
    row = card.row.model_copy(update={"plans": tuple(sorted(names.values()))})
    told = card.model_copy(update={"row": row})
    (rough / CARD).write_text(told.model_dump_json(indent=1), encoding="utf-8")
    rows, beside = [(CARD, rough / CARD)], Beside.unknown()
    rows += [(one.name, one) for one in (folder.thumbnail, folder.path / REPORT) if one.is_file()]
    for name, new in names.items():
        copy = rough / PLANS / new
        write_anew(folder.plans / name, copy, rough / SERIES, beside)
        rows.append((f"{PLANS}/{new}", copy))
    return rows + [(f"{SERIES}/{one.name}", folder.series / one.name) for one in card.files]


def _names(folder: CaseFolder) -> dict[str, str]:
    """Return how plans are called when they travel: the user's file may name the patient."""
    return safe_names(folder.plan_names(), lambda name: OF_A_PLAN.fullmatch(name) is not None)


def _sealed_bytes(card: Card, passphrase: str | None) -> int:
    """Return what a case takes before it is locked; nothing where it is not locked."""
    return 0 if passphrase is None else sum(one.size for one in card.files)


def _write_sealed(plain: Path, draft: Path, passphrase: str) -> None:
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as archive:
        with archive.open(SEALED, "w", force_zip64=True) as out:
            key = seal(plain, out, passphrase)  # type: ignore[arg-type]
        archive.writestr(KEY, key)


def is_sealed(path: Path) -> bool:
    """Tell whether a file of a case is locked with a passphrase.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    bool
        True when a passphrase is needed.

    Raises
    ------
    PlanningError
        When it is absent or damaged.
    """
    with opened_archive(path) as archive:
        return set(archive.namelist()) == {KEY, SEALED}


def import_case(
    library: Library, path: Path, passphrase: str | None = None, progress: Progress = SILENT
) -> CaseRow:
    """Take a case from a file.

    Parameters
    ----------
    library : Library
        Open.
    path : Path
        As :func:`export_case` wrote it.
    passphrase : str or None
        Of a locked file.
    progress : Progress
        Told while files are unpacked and read.

    Returns
    -------
    CaseRow
        The new case.

    Raises
    ------
    Refusal
        When the file is unsafe, damaged, newer, or locked; when its series holds identifiers or is
        in the library already. Nothing is kept then.
    Cancelled
        When the result is no longer wanted; nothing is kept.
    """
    sealed = is_sealed(path)
    if sealed and passphrase is None:
        raise refuse("passphrase_needed", "the file is locked; give its passphrase", path.name)
    with library.folders.piece() as draft:
        folder = CaseFolder(draft / "case")
        folder.path.mkdir()
        plain = path
        if sealed and passphrase is not None:
            plain = draft / "plain.zip"
            progress.update(0.02, "opening with the passphrase")
            _open_sealed(path, plain, passphrase)
        manifest = unpack(plain, KIND, folder.path, progress.part(0.1, 0.5))
        card = _checked(manifest, folder, path.name, progress.part(0.5, 0.95))
        progress.update(0.97, "adding the case")
        row = card.row.model_copy(
            update={
                "id": library.folders.new_id(),
                "added_utc": datetime.now(UTC).isoformat(timespec="milliseconds"),
            }
        )
        return library.adopt(folder, card.model_copy(update={"row": row}))


def _open_sealed(path: Path, plain: Path, passphrase: str) -> None:
    with opened_archive(path) as archive:
        if archive.getinfo(KEY).file_size > MOST_KEY_BYTES:
            raise refuse("damaged", "the key of the file is no key; ask for it again", path.name)
        if archive.getinfo(SEALED).file_size > MOST_CASE_BYTES:
            raise refuse("unsafe_file", "the file is larger than any case", path.name)
        refuse_without_space(archive.getinfo(SEALED).file_size, plain.parent)
        key = archive.read(KEY)
        with archive.open(SEALED) as sealed, plain.open("xb") as out:
            try:
                unseal(key, sealed, out, passphrase, path.name)  # type: ignore[arg-type]
            except ZIP_ERRORS:
                message = "the file is damaged; ask for it again"
                raise refuse("damaged", message, path.name) from None


def _checked(manifest: Manifest, folder: CaseFolder, name: str, progress: Progress) -> Card:
    """Return the card of an unpacked case after everything it says was looked at anew."""
    _refuse_other_files(manifest, name)
    told = folder.read_card()
    if told.version > CARD_VERSION:
        message = "the case was written by a newer version of Osteoplan; update Osteoplan"
        raise refuse("too_new", message, name)
    refuse_texts(told.row.fields, Beside.unknown())
    refuse_identifiers(folder.series)
    volume = read_copy(folder.series, progress)
    files = stored_files(folder.series)
    taken = TakenSeries(volume, Beside.unknown(), files, told_problems(volume))
    problems = [*told.row.problems, *taken.problems]
    lesion = None
    for plan in folder.plan_names():
        case, _ = read_plan(folder.plans / plan)
        series = case.plan.series
        if series.uid != volume.series.uid or series.checksum != volume.checksum:
            message = "a plan in the file belongs to another series; ask for the case again"
            raise refuse("plan_without_series", message, f"{name}: {plan}")
        lesion = case.lesion if lesion is None else lesion
    _rebuild_plans(folder)
    write_picture(folder, taken, lesion)  # drawn here: a picture from elsewhere may show anything
    row = told.row.model_copy(
        update={
            "series_uid": volume.series.uid,
            "modality": volume.series.modality,
            "slices": volume.grid.size_kji[0],
            "size_mb": sum(one.size for one in files) / 1e6,
            "problems": tuple(dict.fromkeys(_plain(one) for one in problems))[:MOST_PROBLEMS],
        }
    )
    return with_plans(Card(row=row, values_sha256=volume.checksum, files=files), folder)


def _rebuild_plans(folder: CaseFolder) -> None:
    """Write plans from elsewhere anew: whatever else their files hold stays outside."""
    as_is = Beside(Beside.unknown().finder, 0)
    anew = CaseFolder(folder.path / "anew")
    for name, new in _names(folder).items():
        write_anew(folder.plans / name, anew.plans / new, anew.series, as_is)
    if anew.plans.is_dir():
        shutil.rmtree(folder.plans)
        anew.plans.rename(folder.plans)
        anew.path.rmdir()


def _plain(problem: Problem) -> Problem:
    return problem.model_copy(update={"message": problem.message[:MOST_WORDS], "where": ""})


def _refuse_other_files(manifest: Manifest, name: str) -> None:
    """Refuse a case that brings anything but card, picture, report, series and plans."""
    kinds = {one.name: one.name.partition("/") for one in manifest.files}
    odd = [
        told
        for told, (first, _, rest) in kinds.items()
        if not (
            told in SINGLE
            or (first == SERIES and rest.endswith(".dcm") and "/" not in rest)
            or (first == PLANS and rest.endswith(ENDING) and "/" not in rest)
        )
    ]
    if odd or CARD not in kinds:
        message = "the file is no whole case, or holds other things too; it is not taken in"
        raise refuse("unsafe_file", message, name)
