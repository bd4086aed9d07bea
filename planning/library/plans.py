"""Takes a plan into the library: on the anonymised copy of its series, without identifiers."""

from __future__ import annotations

import datetime
import errno
import json
import os
import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from imaging.dicom.anonymise import Beside
from imaging.errors import Problem, Refusal
from planning.errors import PlanningError
from planning.lesions import lesions
from planning.library.model import MOST_TITLE, CaseFields
from planning.library.refusals import cannot_write, refuse
from planning.measured_answers import located_answers
from planning.plan import Case, LesionPlan, Plan, SeriesReference
from planning.side import side_by_image
from planning.store import ENDING, Picture, PlanFile, version_of

OLDEST_YEARS = 89  # above it an age identifies, as in the anonymised images
PATIENCE_S = 2.0  # for a program that is just writing
KNOWN_WORD = re.compile(r"[a-z0-9_]*")  # the program's own words; what people write is in FREE
FREE = {"name", "notes", "note", "reason", "complication_words", "overruled", "description"}
OWN_PROSE = "recommendation"  # made of the rules' sentences and of the answers alone
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(T\d\d:\d\d.*)")


@dataclass(frozen=True, eq=False)
class Summary:
    """What a plan says of a case.

    Parameters
    ----------
    fields : CaseFields
        As the plan gives them.
    has_follow_up : bool
        Whether it records what became of a treatment.
    """

    fields: CaseFields
    has_follow_up: bool


def copy_plan(source: Path, target: Path) -> None:
    """Copy a plan file as it is at one moment, while another program may be writing it.

    Parameters
    ----------
    source : Path
        The plan file; nothing of it is changed, and nobody is kept out of it.
    target : Path
        New file.

    Raises
    ------
    PlanningError
        When it is no plan, damaged, or kept busy.
    """
    if not source.is_file():
        raise refuse("not_found", "there is no such plan; check the path", source)
    version_of(source)
    place = f"{source.resolve().as_uri()}?mode=ro"
    try:
        with (
            closing(sqlite3.connect(place, uri=True, timeout=PATIENCE_S)) as one,
            closing(sqlite3.connect(target)) as copy,
        ):
            # Held first: the backup itself would wait for another program without an end.
            one.execute("BEGIN")
            one.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            one.backup(copy)
    except sqlite3.Error as error:
        target.unlink(missing_ok=True)
        if "full" in str(error):
            raise cannot_write(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), target) from None
        if "locked" in str(error):
            message = "another program is writing to this plan; try again in a moment"
            raise refuse("library_busy", message, source) from None
        message = f"the plan cannot be read now ({error}); open it once in the program, close it"
        raise refuse("plan_not_readable", message, source) from None
    except OSError as error:
        raise cannot_write(error, target.parent) from None


def read_plan(path: Path) -> tuple[Case, tuple[Picture, ...]]:
    """Read a plan without changing it or keeping anybody out of it.

    Parameters
    ----------
    path : Path
        The plan file.

    Returns
    -------
    tuple
        The case, and its pictures without those that carry identifiers.

    Raises
    ------
    PlanningError
        When it is no plan or damaged.
    """
    with tempfile.TemporaryDirectory(prefix="osteoplan-plan-") as folder:
        copy = Path(folder) / path.name
        copy_plan(path, copy)
        with PlanFile.open(copy) as kept:
            pictures = tuple(one for one in kept.pictures() if not one.carries_identifiers)
            return kept.load(), pictures


def write_plan(
    path: Path, case: Case, pictures: tuple[Picture, ...], change: str = "taken into the library"
) -> None:
    """Write a plan into the folder of a case.

    Parameters
    ----------
    path : Path
        New file.
    case : Case
        Without identifiers.
    pictures : tuple of Picture
        Likewise.
    change : str
        For the history, which begins anew: the old one tells when the patient was planned.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with PlanFile.create(path, case) as kept:
        for picture in pictures:
            kept.save_picture(picture)
        kept.save(case, change)


def without_identifiers(
    case: Case, series: SeriesReference, beside: Beside
) -> tuple[Case, tuple[Problem, ...]]:
    """Return a case on the copy of its series, without what identifies the patient.

    Parameters
    ----------
    case : Case
        On the original.
    series : SeriesReference
        The copy.
    beside : Beside
        Treats texts and dates as those of the series were.

    Returns
    -------
    tuple
        The case, and what was left out.

    Raises
    ------
    PlanningError
        When a text that somebody wrote holds an identifier; names the places, never the identifier.
    """
    found: list[Problem] = []
    cleaned = [_without(one, series, beside, found) for one in lesions(case)]
    if found:
        raise PlanningError(found)
    here = next(one for one in cleaned if one.plan.number == case.plan.number)
    others = tuple(one for one in cleaned if one is not here)
    left_out = []
    if case.plan.comparison is not None:
        message = "the series that was compared is not in the library; the plan goes without it"
        left_out.append(Problem(code="comparison_left_out", message=message))
    result = replace(case, plan=here.plan, lesion=here.lesion, fields=here.fields, others=others)
    return result, tuple(left_out)


def write_anew(source: Path, target: Path, series: Path, beside: Beside) -> None:
    """Write a plan of a case anew when it leaves a library, or comes from another one.

    A plan may be changed where it lies: what was written into it since is looked at as when it
    came in, days are moved, and its history and pictures that carry identifiers do not come along.

    Parameters
    ----------
    source : Path
        As it is.
    target : Path
        New file.
    series : Path
        Where its series will lie beside it.
    beside : Beside
        The same for all plans of a case, so that days between them stay.

    Raises
    ------
    PlanningError
        When it cannot be read, or a text of it holds a date of the calendar.
    """
    case, pictures = read_plan(source)
    reference = case.plan.series.model_copy(update={"path": str(series)})
    cleaned, _ = without_identifiers(case, reference, beside)
    write_plan(target, cleaned, pictures)


def safe_names(names: tuple[str, ...], is_safe: Callable[[str], bool]) -> dict[str, str]:
    """Return how plans are called in a file: a name that no other program may know is replaced.

    Parameters
    ----------
    names : tuple of str
        In the folder of the case.
    is_safe : callable
        Tells whether a name may stay.

    Returns
    -------
    dict
        New names by old ones; no two differ in their case alone.
    """
    found: dict[str, str] = {}
    used: set[str] = set()
    for name in sorted(names, key=lambda one: (not is_safe(one), one)):
        new, number = name, 1
        while new.casefold() in used or not is_safe(new):
            new, number = f"plan-{number}{ENDING}", number + 1
        used.add(new.casefold())
        found[name] = new
    return found


def _without(
    one: LesionPlan, series: SeriesReference, beside: Beside, found: list[Problem]
) -> LesionPlan:
    nowhere = series.model_copy(update={"path": ""})  # a place may be no UTF-8, so no JSON
    bare = one.plan.model_copy(update={"series": nowhere, "comparison": None})
    document = _treated(json.loads(bare.model_dump_json(by_alias=True)), "", beside)
    for place, text in _texts({**document, "series": None, OWN_PROSE: None}, ""):
        kind = beside.found_in_note(text) if _is_note(place) else beside.found_in(text)
        if kind:
            message = (
                f"a text of the plan holds an identifier ({kind}); correct it in the plan, then "
                "try again"
            )
            where = f"lesion {one.plan.number}: {place}"
            found.append(Problem(code="identifier_in_plan", message=message, where=where))
    try:
        plan = Plan.model_validate_json(json.dumps(document))
    except ValidationError as error:
        message = f"the plan cannot be taken along ({error.error_count()} values); save it anew"
        raise refuse("plan_damaged", message) from None
    there = plan.series.model_copy(update={"path": series.path})
    return replace(one, plan=plan.model_copy(update={"series": there}))


def _treated(value: Any, key: str, beside: Beside) -> Any:  # noqa: ANN401 - JSON
    """Move dates, cap ages, and forget places on the disk of who made the plan."""
    if isinstance(value, dict):
        if set(value) == {"code", "message", "where"}:
            value = {**value, "where": _no_path(value["where"])}
        return {
            inner: one if inner == OWN_PROSE else _treated(one, inner, beside)
            for inner, one in value.items()
        }
    if isinstance(value, list):
        return [_treated(one, key, beside) for one in value]
    if key == "age_years" and isinstance(value, int) and value > OLDEST_YEARS:
        return OLDEST_YEARS + 1
    if isinstance(value, str):
        if key == "found_by" and value.startswith("label map "):
            return "label map"
        return _moved(value, beside)
    return value


def _no_path(where: str) -> str:
    return "" if "/" in where or "\\" in where else where


def _moved(text: str, beside: Beside) -> str:
    """Return a date or a moment moved; any other text as it is."""
    moment = _MOMENT.fullmatch(text)
    day = moment[1] if moment else text
    if not _DAY.fullmatch(day):
        return text
    try:
        moved = beside.moved(datetime.date.fromisoformat(day)).isoformat()
    except ValueError:
        return text
    return f"{moved}{moment[2]}" if moment else moved


def _texts(value: object, place: str) -> Iterator[tuple[str, str]]:
    """Give what a person may have written, with its place in the plan."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, place)
    elif isinstance(value, str) and _may_be_written(place, value):
        yield place, value


def _may_be_written(place: str, value: str) -> bool:
    if not value or _is_moment(value):
        return False
    return _is_note(place) or not KNOWN_WORD.fullmatch(value)


def _is_note(place: str) -> bool:
    return place.rpartition(".")[2] in FREE and not place.startswith("structures")


def _is_moment(text: str) -> bool:
    return bool(_DAY.fullmatch(text) or _MOMENT.fullmatch(text))


def summary_of(case: Case) -> Summary:
    """Return what a case can be found by.

    Parameters
    ----------
    case : Case
        Of a plan.

    Returns
    -------
    Summary
        Site, level, side and kind are those of the lesion that is looked at; techniques those of
        all: done, simulated, or where there is neither the one recommended first.
    """
    plan = case.plan
    said = plan.answers.model_dump(exclude_none=True)
    located = {**located_answers(case), **said}
    measures = plan.measures
    site, level, side = located.get("bone"), located.get("level"), _side_of(case)
    kind = said.get("lesion_kind") or (None if measures is None else measures.kind)
    told = [word for word in (level or site, None if side == "midline" else side, kind) if word]
    fields = CaseFields(
        title=(plan.name or ", ".join(told))[:MOST_TITLE],
        site=site,
        level=level,
        side=side,
        kind=kind,
        techniques=tuple(dict.fromkeys(_techniques(case))),
    )
    return Summary(fields, any(one.plan.treatments for one in lesions(case)))


def _side_of(case: Case) -> str | None:
    if case.plan.side_check is not None:
        return case.plan.side_check.side.value
    by_image = side_by_image(case)
    return None if by_image is None else by_image.side.value


def _techniques(case: Case) -> Iterator[str]:
    for one in lesions(case):
        chosen: list[str] = [name for row in one.plan.treatments for name in row.techniques]
        chosen += [row.technique for row in one.plan.simulation]
        if not chosen and one.plan.recommendation is not None:
            advised = one.plan.recommendation.techniques
            chosen += [row.technique for row in advised if row.status == "recommended"][:1]
        yield from chosen


def summary_of_file(path: Path) -> Summary | None:
    """Return what a plan file of the library says.

    Parameters
    ----------
    path : Path
        The plan file.

    Returns
    -------
    Summary or None
        None where it cannot be read.
    """
    try:
        case, _ = read_plan(path)
    except Refusal:
        return None
    return summary_of(case)
