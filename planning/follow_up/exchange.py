"""A series as a table that spreadsheets read: one line a treatment, and read back again.

UTF-8, comma as separator, full stop as decimal sign, dates as YYYY-MM-DD, empty for unknown.
Columns: ``case``, ``lesion``, ``lesion_name``, the fields of a treatment (several techniques are
joined by ``+``), for each occasion ``OCCASION_FIELD`` such as ``week1_vas``, one column for each
kind of event (several dates are joined by ``+``), and what follows from them (:data:`DERIVED`),
which is not read back but computed anew.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, get_args

from imaging.errors import Problem, Refusal
from planning.errors import PlanningError
from planning.follow_up.checks import treatment_from
from planning.follow_up.cohort import lasted
from planning.follow_up.folder import Procedure, Records, with_dates_between
from planning.follow_up.outcome import judged
from planning.follow_up.records import EventKind, Treatment, Visit
from planning.follow_up.tables import DAY0, MONTH1, WEEK1, occasions, place_of

MOST_BYTES = 20_000_000  # a thousand treatments with all visits have about one
JOIN = "+"
CASE = ("case", "lesion", "lesion_name")
OF_TREATMENT = tuple(
    name for name in Treatment.model_fields if name not in ("techniques", "visits", "events")
)
OF_VISIT = tuple(name for name in Visit.model_fields if name != "occasion")
EVENTS: tuple[str, ...] = get_args(EventKind)
ALWAYS = (DAY0, WEEK1, MONTH1)
DERIVED = (
    "week1_fall_percent",
    "week1_efficacy",
    "month1_fall_percent",
    "month1_efficacy",
    "effect_days",
    "effect_is_at_least",
)
TEXTS = {"case", "lesion_name", "complication_words", "techniques", "site", "date"}
LINE_TWICE = (
    "this treatment (case, lesion, date) stands in another line already; keep one, or number the "
    "lesions"
)
YES_NO = {
    **dict.fromkeys(("yes", "true", "1", "oui", "vrai"), True),
    **dict.fromkeys(("no", "false", "0", "non", "faux"), False),
}
TRUTHS = {"prior_radiotherapy", "still_effective"}
FORMULA = ("=", "+", "-", "@", "'")  # OWASP, CSV injection; ' marks what we mark


def as_csv(procedures: Sequence[Procedure]) -> str:
    """Return a series as CSV.

    Parameters
    ----------
    procedures : sequence of Procedure
        Of a folder or a table.

    Returns
    -------
    str
        With a line of headings; free text cannot act as a formula.
    """
    there = {visit.occasion for one in procedures for visit in one.treatment.visits}
    shown = sorted(there | set(ALWAYS), key=place_of)
    head = [*CASE, "date", "techniques", *OF_TREATMENT[1:]]
    head += [f"{occasion}_{field}" for occasion in shown for field in OF_VISIT]
    head += [f"{kind}_date" for kind in EVENTS]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, [*head, *DERIVED], lineterminator="\n")
    writer.writeheader()
    for one in procedures:
        writer.writerow({key: _cell(value) for key, value in _line(one).items()})
    return stream.getvalue()


def _line(one: Procedure) -> dict[str, Any]:
    treatment = one.treatment
    line: dict[str, Any] = {"case": one.case, "lesion": one.lesion, "lesion_name": one.lesion_name}
    line |= {field: getattr(treatment, field) for field in OF_TREATMENT}
    line["techniques"] = JOIN.join(treatment.techniques)
    for visit in treatment.visits:
        line |= {f"{visit.occasion}_{field}": getattr(visit, field) for field in OF_VISIT}
    for kind in EVENTS:
        days = [event.date.isoformat() for event in treatment.events if event.kind == kind]
        line[f"{kind}_date"] = JOIN.join(days)
    for occasion in (WEEK1, MONTH1):
        found = judged(treatment, occasion)
        line[f"{occasion}_fall_percent"] = found.fall_percent
        line[f"{occasion}_efficacy"] = found.efficacy
    duration = lasted(one)
    line["effect_days"] = None if duration is None else duration.days
    line["effect_is_at_least"] = None if duration is None else duration.is_censored
    return line


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        text = "".join(letter if letter.isprintable() else " " for letter in value)
        return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text
    return value.isoformat() if isinstance(value, date) else str(value)


def read_csv(path: Path, today: date) -> Records:
    """Read a series from a table.

    Parameters
    ----------
    path : Path
        CSV; ``date`` and ``techniques`` are needed, every other column may be left out. A
        semicolon as separator goes with the decimal comma, as French spreadsheets write it.
    today : datetime.date
        What lies after it has not happened yet.

    Returns
    -------
    Records
        In the order of the cases' names.

    Raises
    ------
    PlanningError
        With every problem of every line.
    """
    names, lines, has_comma = _lines(path)
    problems = _wrong_columns(names, path.name)
    if problems:
        raise PlanningError(problems)
    found: list[Procedure] = []
    seen: set[tuple[str, int, date]] = set()
    for number, line in enumerate(lines, start=2):
        where = f"{path.name}, line {number}"
        if not any(str(cell or "").strip() for cell in line.values()):
            continue
        try:
            one = _procedure(line, has_comma, today, where)
        except Refusal as refusal:
            problems += refusal.problems
            continue
        found.append(one)
        key = (one.case, one.lesion, one.treatment.date)
        if one.case and key in seen:
            problems.append(Problem(code="line_twice", message=LINE_TWICE, where=where))
        seen.add(key)
    if not found and not problems:
        message = "the table has no treatment; give one line for each"
        problems.append(Problem(code="no_treatments", message=message, where=path.name))
    if problems:
        raise PlanningError(problems)
    return Records(procedures=tuple(_by_case(found)))


def _lines(path: Path) -> tuple[tuple[str, ...], list[dict[str, Any]], bool]:
    """Return headings and lines, and whether numbers have a decimal comma."""
    text = _text(path)
    first = text.partition("\n")[0]
    separator = ";" if first.count(";") > first.count(",") else ","
    reader = csv.DictReader(io.StringIO(text), delimiter=separator)
    try:
        lines: list[dict[str, Any]] = list(reader)
    except csv.Error as error:
        message = f"the table cannot be read ({error}); write it as CSV in UTF-8"
        raise _refused("not_a_table", message, path.name) from None
    return tuple(reader.fieldnames or ()), lines, separator == ";"


def _by_case(found: list[Procedure]) -> list[Procedure]:
    """Let the lines of one case know of each other; those without a case stand alone."""
    named = sorted({one.case for one in found if one.case})
    rows = [
        row for name in named for row in with_dates_between([r for r in found if r.case == name])
    ]
    return rows + [row for one in found if not one.case for row in with_dates_between([one])]


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            message = f"the table has more than {MOST_BYTES // 1_000_000} MB; divide it"
            raise _refused("too_large", message, path.name)
        return content.decode("utf-8-sig")
    except OSError:
        message = "the table cannot be read; check the path and its rights"
        raise _refused("not_readable", message, str(path)) from None
    except UnicodeDecodeError:
        message = "the table is not UTF-8 text; save it as CSV UTF-8"
        raise _refused("not_utf8", message, path.name) from None


def _refused(code: str, message: str, where: str) -> PlanningError:
    return PlanningError(Problem(code=code, message=message, where=where))


def _wrong_columns(names: tuple[str, ...], where: str) -> list[Problem]:
    known = {*CASE, "techniques", *OF_TREATMENT, *DERIVED, *(f"{kind}_date" for kind in EVENTS)}
    known |= {f"{occasion}_{field}" for occasion in occasions() for field in OF_VISIT}
    problems = []
    for name in ("date", "techniques"):
        if name not in names:
            message = f"the column {name} is needed; add it"
            problems.append(Problem(code="missing_column", message=message, where=where))
    for name in names:
        shown = (name or "").encode("ascii", "backslashreplace").decode("ascii")[:60]
        if name not in known:
            message = f"the column {shown!r} is not known; remove it or correct its name"
            problems.append(Problem(code="unknown_column", message=message, where=where))
        elif names.count(name) > 1:
            message = f"the column {shown!r} stands there twice; remove one"
            problems.append(Problem(code="column_twice", message=message, where=where))
    return list(dict.fromkeys(problems))


def _procedure(line: Mapping[str, Any], has_comma: bool, today: date, where: str) -> Procedure:
    if None in line:
        message = "the line has more cells than there are columns; check its separators"
        raise _refused("too_many_cells", message, where)
    cells = {key: str(cell or "").strip() for key, cell in line.items()}
    cells = {key: cell for key, cell in cells.items() if cell}
    data: dict[str, Any] = {
        key: _value(key, cells[key], has_comma) for key in OF_TREATMENT if key in cells
    }
    data["techniques"] = [one.strip() for one in cells.get("techniques", "").split(JOIN) if one]
    data["visits"] = [
        visit for occasion in occasions() if (visit := _visit(occasion, cells, has_comma))
    ]
    data["events"] = [
        {"kind": kind, "date": day.strip()}
        for kind in EVENTS
        for day in cells.get(f"{kind}_date", "").split(JOIN)
        if day
    ]
    lesion = _value("lesion", cells.get("lesion", "1"), has_comma)
    if not isinstance(lesion, int) or lesion < 1:
        message = "lesion: give its number, 1 or more"
        raise _refused("bad_value", message, where)
    return Procedure(
        case=_plain(cells.get("case", "")),
        lesion=lesion,
        lesion_name=_plain(cells.get("lesion_name", "")),
        treatment=treatment_from(data, today, where),
    )


def _visit(occasion: str, cells: Mapping[str, str], has_comma: bool) -> dict[str, Any]:
    found = {
        field: _value(field, cells[f"{occasion}_{field}"], has_comma)
        for field in OF_VISIT
        if f"{occasion}_{field}" in cells
    }
    return {"occasion": occasion, **found} if found else {}


def _value(field: str, cell: str, has_comma: bool) -> object:
    """Return a cell as JSON holds it; what is no number stays text, which the checks refuse."""
    if field in TEXTS:
        return _plain(cell)
    if field in TRUTHS:
        return YES_NO.get(cell.lower(), cell)
    number = cell.replace(",", ".") if has_comma else cell
    try:
        return int(number)
    except ValueError:
        pass
    try:
        value = float(number)
    except ValueError:
        return cell
    return int(value) if value.is_integer() else value


def _plain(cell: str) -> str:
    """Take back the mark that keeps a spreadsheet from reading text as a formula."""
    return cell[1:] if cell.startswith("'") else cell
