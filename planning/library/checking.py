"""Looks for what is missing in a library, changed, or belongs to nothing; changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from imaging.errors import Problem, Refusal
from imaging.progress import SILENT, Progress
from planning.errors import PlanningError
from planning.library.folders import CaseFolder, Folders
from planning.library.index import Index
from planning.library.intake import stored_file
from planning.library.model import Card, StoredFile
from planning.library.plans import read_plan

SHOWN = 3  # names of files in a message
RELINK = "`osteoplan library relink {id} SERIES` takes the series in again"
REMOVE = "`osteoplan library remove {id} --with-plans` takes the case out"
RECOVER = "`osteoplan library recover` makes the index anew from the folders"


def check_library(
    folders: Folders, index: Index, *, thorough: bool = False, progress: Progress = SILENT
) -> tuple[Problem, ...]:
    """Check all of a library.

    Parameters
    ----------
    folders : Folders
        Of the library.
    index : Index
        Open.
    thorough : bool
        Whether all bytes are compared.
    progress : Progress
        Told after each case.

    Returns
    -------
    tuple of Problem
        Each with its case and what to do.
    """
    faults = index.faults()
    if faults:
        message = f"the index is damaged ({faults}); {RECOVER}"
        return (Problem(code="index_damaged", message=message, where=str(folders.index)),)
    known, there = index.ids(), folders.case_ids()
    found: list[Problem] = []
    for number, case_id in enumerate(sorted(known)):
        progress.update(number / len(known), "checking the cases")
        try:
            card, _ = index.card(case_id)
        except PlanningError as refusal:
            if refusal.code != "no_such_case":  # taken out meanwhile
                found += refusal.problems
            continue
        found += check_case(folders.case(case_id), card, thorough=thorough)
    for case_id in sorted(there - known - index.ids()):
        found += _unknown(folders.case(case_id))
    return tuple(found)


def _unknown(folder: CaseFolder) -> Iterator[Problem]:
    where = folder.path.name
    try:
        folder.read_card()
        message = "the index does not know this case, or has its series twice; " + RECOVER
        yield Problem(code="folder_without_row", message=message, where=where)
    except PlanningError:
        message = "this folder has no card that can be read; " + RECOVER
        yield Problem(code="folder_without_card", message=message, where=where)


def check_case(folder: CaseFolder, card: Card, *, thorough: bool = False) -> Iterator[Problem]:
    """Check one case.

    Parameters
    ----------
    folder : CaseFolder
        Of the case.
    card : Card
        What is known of it.
    thorough : bool
        Whether all bytes are compared.

    Yields
    ------
    Problem
        What is wrong, and what to do.
    """
    case_id = card.row.id
    relink, remove = RELINK.format(id=case_id), REMOVE.format(id=case_id)
    if not folder.path.is_dir():
        message = f"the folder of the case is gone; {relink}, or {remove}"
        yield Problem(code="row_without_folder", message=message, where=case_id)
        return
    yield from _check_series(folder, card, relink, thorough=thorough)
    names = set(folder.plan_names())
    for name in sorted(set(card.row.plans) - names):
        message = "this plan is gone; put it back from a backup, or go on without it"
        yield Problem(code="plan_missing", message=message, where=f"{case_id}/{name}")
    for name in sorted(names):
        yield from _check_plan(folder, card, name)


def _check_series(
    folder: CaseFolder, card: Card, relink: str, *, thorough: bool
) -> Iterator[Problem]:
    there = {one.name for one in folder.series.iterdir()} if folder.series.is_dir() else set()
    missing = [one.name for one in card.files if one.name not in there]
    if missing:
        lost = "all" if len(missing) == len(card.files) else f"{len(missing)}"
        plans = len(folder.plan_names())
        has_plans = f" and {plans} plan(s) point at it" if plans else ""
        message = f"{lost} of {len(card.files)} files of the series are missing{has_plans}; "
        where = card.row.id
        yield Problem(code="series_missing", message=message + relink, where=where)
    changed = [
        one.name
        for one in card.files
        if one.name in there and _is_changed(folder, one, thorough=thorough)
    ]
    if changed:
        message = f"{len(changed)} files of the series were changed ({_some(changed)}); {relink}"
        yield Problem(code="series_changed", message=message, where=card.row.id)
    extra = sorted(there - {one.name for one in card.files})
    if extra:
        message = f"{len(extra)} files do not belong to the series ({_some(extra)}); move them away"
        yield Problem(code="foreign_files", message=message, where=card.row.id)


def _is_changed(folder: CaseFolder, known: StoredFile, *, thorough: bool) -> bool:
    file = folder.series / known.name
    try:
        stat = file.stat()
        if stat.st_size != known.size:
            return True
        if not thorough and stat.st_mtime_ns == known.changed_ns:
            return False
        return stored_file(file).sha256 != known.sha256
    except OSError:
        return True


def _some(names: list[str]) -> str:
    told = ", ".join(names[:SHOWN])
    return f"{told}, …" if len(names) > SHOWN else told


def _check_plan(folder: CaseFolder, card: Card, name: str) -> Iterator[Problem]:
    where = f"{card.row.id}/{name}"
    try:
        case, _ = read_plan(folder.plans / name)
    except Refusal as refusal:
        for one in refusal.problems:
            yield Problem(code=one.code, message=one.message, where=where)
        return
    series = case.plan.series
    if series.uid != card.row.series_uid or series.checksum != card.values_sha256:
        message = "this plan belongs to another series; move it out of the folder of the case"
        yield Problem(code="plan_without_series", message=message, where=where)
