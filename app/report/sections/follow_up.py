"""The report's section on what became of the treatments, or the form to be filled in by hand."""

from __future__ import annotations

from datetime import date

from app.amounts import never_rounded_up
from app.report.sections.writer import Heading, Row, Section, Writer
from planning.follow_up.keeping import death_of, next_treatment, treatments_of_case
from planning.follow_up.outcome import Judged, Outcome, outcome
from planning.follow_up.records import Treatment, Visit
from planning.follow_up.schedule import Due, coming, schedule
from planning.follow_up.tables import Occasion, grade_name, occasion_name, occasions

WIDTHS_MM = (28.0, 24.0, 14.0, 17.0, 22.0, 20.0, 13.0, 36.0)
COLUMNS = ("occasion", "date", "vas", "fall", "sri", "opioid", "who", "complication")
BLANK, NOTHING = "……", "–"
BLANK_LAST = "month6"  # the form goes on monthly; six lines fit the page
SHOWN_EVENTS = ("recurrence", "repeat", "ablation", "radiotherapy", "death")


def follow_up_section(w: Writer) -> Section:
    """Return the follow-up of the lesion's treatments.

    Parameters
    ----------
    w : Writer
        Of the case.

    Returns
    -------
    Section
        The blank form where no treatment is recorded.
    """
    head = tuple(_word(w, f"columns.{name}") for name in COLUMNS)
    if not w.plan.treatments:
        return _form(w, head)
    lines: list[tuple[str, ...]] = [head]
    rows: list[Row] = []
    death = death_of(treatments_of_case(w.case))
    for one in w.plan.treatments:
        again = next_treatment(w.plan.treatments, one)
        found = outcome(one, again)
        following = coming(schedule(one, date.today(), again, death))
        lines += _lines(w, one, found, following)
        rows += _rows(w, one, found, following)
    return Section(
        "follow_up", tuple(rows), (_word(w, "rule"),), table=tuple(lines), widths_mm=WIDTHS_MM
    )


def _word(w: Writer, key: str) -> str:
    node = w.words["follow_up"]
    for part in key.split("."):
        node = node[part]
    return str(node)


def _form(w: Writer, head: tuple[str, ...]) -> Section:
    lines = [head]
    for row in occasions().values():
        lines.append((row.name[w.language], _after(w, row), *[BLANK] * (len(COLUMNS) - 2)))
        if row.id == BLANK_LAST:
            break
    rows = [(_word(w, "treated"), BLANK), (_word(w, "duration"), BLANK)]
    rows += [(_word(w, f"events.{kind}"), BLANK) for kind in SHOWN_EVENTS]
    notes = (_word(w, "form"), _word(w, "rule"))
    return Section("follow_up", tuple(rows), notes, table=tuple(lines), widths_mm=WIDTHS_MM)


def _after(w: Writer, row: Occasion) -> str:
    if row.after_months is not None:
        return f"{_word(w, 'day')} + {row.after_months} {w.label('months')}"
    return f"{_word(w, 'day')} + {row.after_days} {_word(w, 'days')}" if row.after_days else ""


def _named(w: Writer, one: Treatment) -> str:
    names = " + ".join(str(w.words["techniques"][name]) for name in one.techniques)
    return f"{names}, {one.date.isoformat()}"


def _lines(
    w: Writer, one: Treatment, found: Outcome, following: Due | None
) -> list[tuple[str, ...]]:
    lines: list[tuple[str, ...]] = []
    if len(w.plan.treatments) > 1:
        lines.append((_named(w, one), *[""] * (len(COLUMNS) - 1)))
    judged = {row.occasion: row for row in found.visits}
    lines += [_line(w, visit, judged.get(visit.occasion)) for visit in one.visits]
    if following is not None:
        name = occasion_name(following.occasion, w.language)
        due = f"({following.due.isoformat()})"
        lines.append((name, due, *[BLANK] * (len(COLUMNS) - 2)))
    return lines


def _line(w: Writer, visit: Visit, judged: Judged | None) -> tuple[str, ...]:
    fall = None if judged is None else judged.fall_percent
    return (
        occasion_name(visit.occasion, w.language),
        NOTHING if visit.date is None else visit.date.isoformat(),
        _number(w, visit.vas, 1),
        NOTHING if fall is None else f"{w.number(never_rounded_up(fall))} %",
        _number(w, visit.sri_percent, 0, " %"),
        _number(w, visit.opioid_mg_day, 0),
        NOTHING if visit.who_status is None else str(visit.who_status),
        _complication(w, visit),
    )


def _number(w: Writer, value: float | None, digits: int, unit: str = "") -> str:
    return NOTHING if value is None else f"{w.number(value, digits)}{unit}"


def _complication(w: Writer, visit: Visit) -> str:
    if visit.complication_grade is None:
        return visit.complication_words or NOTHING
    told = f"{visit.complication_grade}: {grade_name(visit.complication_grade, w.language)}"
    return f"{told} ({visit.complication_words})" if visit.complication_words else told


def _rows(w: Writer, one: Treatment, found: Outcome, following: Due | None) -> list[Row]:
    rows: list[Row] = [(Heading(_named(w, one)), "")] if len(w.plan.treatments) > 1 else []
    if not rows:
        rows.append((_word(w, "treated"), _named(w, one)))
    for judged in (found.week1, found.month1):
        name = occasion_name(judged.occasion, w.language)
        told = f"{_word(w, f'efficacy.{judged.efficacy}')}"
        if judged.efficacy in {"success", "failure"}:
            response = _word(w, f"response.{judged.response}")
            told += f"; {w.told(_word(w, 'response.name'), response)}"
        rows.append((w.told(_word(w, "efficacy.name"), name), told))
    if found.duration is not None:
        least = f"{_word(w, 'at_least')} " if found.duration.is_censored else ""
        told = f"{least}{found.duration.days} {_word(w, 'days')}"
        rows.append((_word(w, "duration"), told))
    rows += [(_word(w, f"events.{event.kind}"), event.date.isoformat()) for event in one.events]
    if following is not None:
        name = occasion_name(following.occasion, w.language)
        state = _word(w, f"states.{following.state}")
        rows.append((_word(w, "next"), f"{name}, {following.due.isoformat()} ({state})"))
    return rows
