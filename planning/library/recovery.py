"""Makes the index of a damaged library anew from the folders of its cases; deletes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from imaging.dicom.anonymise import Beside
from imaging.document import Document
from imaging.errors import Problem, Refusal
from imaging.progress import SILENT, Progress
from planning.errors import PlanningError
from planning.library.checking import check_case
from planning.library.entries import new_card, with_plans, write_picture
from planning.library.folders import CaseFolder, Folders
from planning.library.index import SCHEMA_VERSION, Index, version_of
from planning.library.intake import (
    TakenSeries,
    read_copy,
    refuse_identifiers,
    stored_files,
    told_problems,
)
from planning.library.model import Card, CaseFields
from planning.library.refusals import refuse, told

SIDE_FILES = ("-journal", "-wal", "-shm")  # of SQLite, which belong to the damaged index


class Recovery(Document):
    """What was made of a damaged library.

    Attributes
    ----------
    kept : tuple of str
        Ids of the cases that are in the library again.
    lost : tuple of str
        Names of the folders that could not be read; they stay where they are.
    problems : tuple of Problem
        Why they could not, and what is wrong with those that were kept.
    moved_aside : tuple of str
        Where the damaged index lies now.
    """

    kept: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    moved_aside: tuple[str, ...] = ()


def recover(folder: Path, progress: Progress = SILENT) -> Recovery:
    """Make the index of a library anew.

    Parameters
    ----------
    folder : Path
        Of the library; close it in other programs first.
    progress : Progress
        Told after each case.

    Returns
    -------
    Recovery
        What is there again, and what could not be read.

    Raises
    ------
    PlanningError
        When the folder is no library, its index is from a newer version, or it cannot be written.
    Cancelled
        When the result is no longer wanted; the library is as it was.
    """
    folders = Folders(folder.expanduser().absolute())
    if not folders.cases.is_dir():
        message = "the folder holds no cases; choose the folder of a library"
        raise refuse("not_a_library", message, folders.root)
    _refuse_newer(folders)
    folders.make()
    with folders.locked(), folders.piece() as draft:
        index = Index.create(draft / folders.index.name)
        try:
            recovery = _fill(index, folders, progress)
        finally:
            index.close()
        aside = _move_aside(folders)
        with told(folders.index):
            (draft / folders.index.name).replace(folders.index)
    progress.update(1.0, "recovered")
    return recovery.model_copy(update={"moved_aside": aside})


def _refuse_newer(folders: Folders) -> None:
    try:
        version = version_of(folders.index)
    except PlanningError:
        return
    if version > SCHEMA_VERSION:
        message = "the library was written by a newer version of Osteoplan; update Osteoplan"
        raise refuse("library_too_new", message, folders.index)


def _fill(index: Index, folders: Folders, progress: Progress) -> Recovery:
    known = _readable_rows(folders)
    kept: list[str] = []
    lost: list[str] = []
    problems: list[Problem] = []
    ids = sorted(folders.case_ids())
    for number, case_id in enumerate(ids):
        progress.update(number / len(ids), "reading the cases")
        case = folders.case(case_id)
        try:
            card = _card_of(case, known)
            double = index.with_series(card.row.series_uid, card.values_sha256)
            if double is not None:
                message = f"this folder holds the series of case {double} again; remove one of them"
                raise refuse("case_is_there", message, case_id)
        except Refusal as refusal:
            lost.append(case_id)
            problems += [one.model_copy(update={"where": case_id}) for one in refusal.problems]
            continue
        with index.writing():
            index.put(card, case.picture(), seen=case.seen())
        problems += check_case(case, card)
        kept.append(case_id)
    return Recovery(kept=tuple(kept), lost=tuple(lost), problems=tuple(problems))


def _readable_rows(folders: Folders) -> Callable[[str], Card | None]:
    """Return what reads a card from the damaged index, as far as it can be read."""
    try:
        index: Index | None = Index.open(folders.index)
    except PlanningError:
        index = None

    def card_of(case_id: str) -> Card | None:
        try:
            return None if index is None else index.card(case_id)[0]
        except PlanningError:
            return None

    return card_of


def _card_of(case: CaseFolder, known: Callable[[str], Card | None]) -> Card:
    """Return the card of a case: as the folder tells it, as the index did, or read anew."""
    try:
        card = case.read_card()
        if card.row.id == case.path.name:
            return card
    except PlanningError:
        pass
    found = known(case.path.name) or _read_anew(case)
    case.write_card(found)
    return found


def _read_anew(case: CaseFolder) -> Card:
    """Describe a case from its series and plans alone."""
    if not case.series.is_dir():
        message = "the folder holds neither a card nor a series; look at it by hand"
        raise refuse("case_unreadable", message, case.path.name)
    refuse_identifiers(case.series)
    volume = read_copy(case.series)
    files = stored_files(case.series)
    taken = TakenSeries(volume, Beside.unknown(), files, told_problems(volume))
    message = "the card was lost: title, tags and notes are those of the plan"
    lost = Problem(code="card_lost", message=message)
    card = new_card(case.path.name, taken, CaseFields(), (*taken.problems, lost))
    if case.picture() is None:
        write_picture(case, taken, None)
    return with_plans(card, case)


def _move_aside(folders: Folders) -> tuple[str, ...]:
    """Give the damaged index another name, with what SQLite keeps beside it."""
    now = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    number, moved = 1, []
    while any(folders.root.glob(f"damaged-{now}-{number}-*")):  # a clock may go backwards
        number += 1
    for ending in ("", *SIDE_FILES):
        place = folders.index.with_name(folders.index.name + ending)
        if place.is_file():
            aside = place.with_name(f"damaged-{now}-{number}-{place.name}")
            with told(place):
                place.replace(aside)
            moved.append(aside.name)
    return tuple(moved)
