"""Checks a treatment with its visits: every problem at once, with its place and the way out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import pairwise
from typing import Any, TypeVar

from pydantic import ValidationError

from imaging.errors import Problem
from planning.errors import PlanningError
from planning.follow_up.records import Event, Record, Treatment, Visit, in_order
from planning.follow_up.tables import DAY0, place_of

Part = TypeVar("Part", bound=Record)
ONCE = ("recurrence", "death")


def treatment_from(data: Mapping[str, Any], today: date, where: str = "") -> Treatment:
    """Return a treatment of plain values, with its visits and events.

    Parameters
    ----------
    data : mapping
        As JSON holds it; dates as ``YYYY-MM-DD`` or as dates.
    today : datetime.date
        What lies after it has not happened yet.
    where : str
        Of what is said, such as a line of a file.

    Returns
    -------
    Treatment
        Without a problem, its visits and events in their order.

    Raises
    ------
    PlanningError
        With every problem found.
    """
    problems: list[Problem] = []
    plain = {key: value for key, value in data.items() if key not in ("visits", "events")}
    head = _part(Treatment, plain, where, problems)
    visits = _parts(Visit, data.get("visits", ()), _place(where, "visits"), problems)
    events = _parts(Event, data.get("events", ()), _place(where, "events"), problems)
    if head is not None:
        treatment = in_order(head.model_copy(update={"visits": visits, "events": events}))
        problems += contradictions(treatment, today, where)
        if not problems:
            return treatment
    raise PlanningError(problems)


def contradictions(treatment: Treatment, today: date, where: str = "") -> list[Problem]:
    """Return what cannot be true together.

    Parameters
    ----------
    treatment : Treatment
        Visits and events in their order.
    today : datetime.date
        What lies after it has not happened yet.
    where : str
        Of what is said.

    Returns
    -------
    list of Problem
        Empty where there is nothing.
    """
    found = [
        *_repeated(treatment),
        *_visits_against_treatment(treatment),
        *_visits_out_of_order(treatment),
        *_events_out_of_order(treatment),
        *_in_the_future(treatment, today),
    ]
    return [Problem(code=code, message=text, where=_place(where, at)) for code, text, at in found]


Found = Iterator[tuple[str, str, str]]


def _repeated(treatment: Treatment) -> Found:
    for one, other in pairwise(treatment.visits):
        if one.occasion == other.occasion:
            text = "this occasion is recorded twice; keep one of them"
            yield "occasion_twice", text, one.occasion
    kinds = [str(one.kind) for one in treatment.events]
    for kind in ONCE:
        if kinds.count(kind) > 1:
            yield "event_twice", f"{kind} is recorded twice; keep the first", kind
    if len(set(treatment.techniques)) < len(treatment.techniques):
        yield "technique_twice", "a technique is named twice; name it once", "techniques"


def _visits_against_treatment(treatment: Treatment) -> Found:
    death = treatment.first("death")
    for one in treatment.visits:
        if one.date is None:
            continue
        if one.occasion == DAY0:
            if one.date > treatment.date:
                text = (
                    f"day 0 ({one.date}) is before the treatment, and lies after it "
                    f"({treatment.date}); correct one of the dates"
                )
                yield "day0_late", text, DAY0
        elif one.date < treatment.date:
            text = (
                f"the visit ({one.date}) lies before the treatment ({treatment.date}); "
                "correct one of the dates"
            )
            yield "visit_before_treatment", text, one.occasion
        if death is not None and one.date > death:
            text = (
                f"the visit ({one.date}) lies after the death ({death}); correct one of the dates"
            )
            yield "visit_after_death", text, one.occasion


def _visits_out_of_order(treatment: Treatment) -> Found:
    dated = [(one.occasion, one.date) for one in treatment.visits if one.date is not None]
    for (earlier, one), (later, other) in pairwise(dated):
        if one > other and place_of(earlier) < place_of(later):
            text = (
                f"{later} ({other}) lies before {earlier} ({one}); correct one of the dates, "
                "or the occasion"
            )
            yield "visits_out_of_order", text, later


def _events_out_of_order(treatment: Treatment) -> Found:
    death = treatment.first("death")
    for one in treatment.events:
        if one.date < treatment.date:
            text = (
                f"{one.kind} ({one.date}) lies before the treatment ({treatment.date}); "
                "correct one of the dates"
            )
            yield "event_before_treatment", text, one.kind
        if death is not None and one.date > death:
            text = (
                f"{one.kind} ({one.date}) lies after the death ({death}); correct one of the dates"
            )
            yield "event_after_death", text, one.kind


def _in_the_future(treatment: Treatment, today: date) -> Found:
    dated = [("date", treatment.date)]
    dated += [(one.occasion, one.date) for one in treatment.visits if one.date is not None]
    dated += [(one.kind, one.date) for one in treatment.events]
    for at, day in dated:
        if day > today:
            text = f"{day} lies in the future; record what has happened, or correct the date"
            yield "in_the_future", text, at


def _parts(
    kind: type[Part],
    rows: Any,  # noqa: ANN401 - JSON
    where: str,
    problems: list[Problem],
) -> tuple[Part, ...]:
    """Return parts as far as they can be read."""
    found = []
    for number, row in enumerate(rows, start=1):
        named = row.get("occasion") or row.get("kind") or str(number)
        one = _part(kind, row, _place(where, str(named)), problems)
        if one is not None:
            found.append(one)
    return tuple(found)


def _part(
    kind: type[Part], data: Mapping[str, Any], where: str, problems: list[Problem]
) -> Part | None:
    """Return a part without the values that are wrong, so that the rest is checked as well."""
    kept = dict(data)
    for first in (True, False):
        try:
            return kind.model_validate_json(json.dumps(kept, default=str))
        except ValidationError as error:
            rows = error.errors(include_url=False)
        except ValueError:
            text = "a value is not a number; leave an unknown value out"
            problems.append(Problem(code="not_a_number", message=text, where=where))
            return None
        if first:
            inner = {row["loc"][0] for row in rows if len(row["loc"]) > 1}
            told = [
                row
                for row in rows
                if len(row["loc"]) > 1 or row["loc"][:1] not in {(i,) for i in inner}
            ]
            problems += [_problem(dict(row), where) for row in told]
        for row in rows:
            kept.pop(str(row["loc"][0]) if row["loc"] else "", None)
    return None


def _problem(row: dict[str, Any], where: str) -> Problem:
    place = ".".join(str(part) for part in row["loc"])
    kind, said = str(row["type"]), str(row["msg"])
    told = f"{said[:1].lower()}{said[1:]}"
    if kind == "extra_forbidden":
        code, text = "unknown_key", "this key is not known; remove it or correct its spelling"
    elif kind == "missing":
        code, text = "missing_key", "this is needed; add it"
    elif kind == "too_short" and place == "techniques":
        code, text = "no_technique", "name at least one technique"
    elif kind.startswith(("greater", "less", "finite", "too_", "string_too")):
        code, text = "out_of_bounds", f"{told}; correct the value"
    elif kind.startswith("date"):
        code, text = "not_a_date", "this is no date; write it as YYYY-MM-DD"
    elif kind == "occasion":
        code, text = "no_such_occasion", told
    else:
        code, text = "bad_value", f"{told}; correct the value"
    return Problem(code=code, message=text, where=_place(where, place))


def _place(where: str, key: str) -> str:
    return f"{where}: {key}" if where and key else where or key
