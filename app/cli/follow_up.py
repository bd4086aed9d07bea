"""``osteoplan follow-up``: what became of a treatment, who is to be seen, a centre's series."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import click

from app.amounts import never_rounded_up
from app.cli.follow_up_series import cohort_command, due_command
from app.cli.output import emit, json_option, warn
from planning.follow_up.keeping import (
    at_lesion,
    changed_treatment,
    death_of,
    next_treatment,
    treatments_of_case,
    with_event,
    with_treatment,
    with_visit,
    without,
)
from planning.follow_up.outcome import Judged, Outcome, outcome
from planning.follow_up.records import Treatment, Visit
from planning.follow_up.schedule import coming, schedule
from planning.follow_up.tables import DAY0, grade_name, occasion_name
from planning.lesions import lesions, look_at
from planning.plan import Case, Plan
from planning.store import PlanFile

PATH = click.Path(path_type=Path)
NO_NAMES = "a note about a complication travels with the plan and its tables: no names in it"


@click.group("follow-up")
def follow_up_command() -> None:
    """Record what became of a treatment, see who is due, count a centre's series."""


follow_up_command.add_command(due_command)
follow_up_command.add_command(cohort_command)


def _of_plan(command: Any) -> Any:  # noqa: ANN401 - click decorators keep the command's own type
    """Add the plan and the lesion that is meant."""
    for decorate in (
        json_option,
        click.option("--lesion", "lesion", type=int, help="Its number, of several."),
        click.argument("plan", type=PATH),
    ):
        command = decorate(command)
    return command


def _of_treatment(command: Any) -> Any:  # noqa: ANN401 - as above
    """Add the treatment that is meant."""
    option = click.option("--treatment", "number", type=int, help="From 1; the last by default.")
    return _of_plan(option(command))


def _facts(command: Any) -> Any:  # noqa: ANN401 - as above
    """Add what is known of a treatment itself; what is left out stays unknown."""
    for decorate in (
        click.option("--needles", type=int, help="Their number."),
        click.option("--anaesthetic-ml", type=float, help="Of the mixture that was injected."),
        click.option(
            "--prior-radiotherapy/--no-prior-radiotherapy", default=None, help="Of this lesion."
        ),
        click.option("--pain-days", "pain_duration_days", type=int, help="Since the pain began."),
        click.option("--age", "age_years", type=int, help="Of the patient, years."),
        click.option("--site", help="The bone; taken from the plan when left out."),
    ):
        command = decorate(command)
    return command


@follow_up_command.command("add", short_help="Records a treatment.")
@_of_plan
@click.option("--date", "day", required=True, help="Of the treatment, YYYY-MM-DD.")
@click.option("--technique", "techniques", multiple=True, required=True, help="Repeatable.")
@click.option("--vas", type=float, help="Pain on day 0, just before, 0 to 10.")
@click.option("--opioid", "opioid_mg_day", type=float, help="On day 0, mg morphine a day.")
@_facts
def _add(
    plan: Path,
    lesion: int | None,
    as_json: bool,
    day: str,
    techniques: tuple[str, ...],
    vas: float | None,
    opioid_mg_day: float | None,
    **facts: object,
) -> None:
    """Record a treatment of the lesion of PLAN."""
    data = {"date": day, "techniques": list(techniques), **_given(facts)}
    before = _given({"vas": vas, "opioid_mg_day": opioid_mg_day})
    if before:
        data["visits"] = [{"occasion": DAY0, "date": day, **before}]

    def change(case: Case) -> tuple[Case, int]:
        changed = with_treatment(case, data, date.today())
        new = [one for one in changed.plan.treatments if one not in case.plan.treatments]
        place = changed.plan.treatments.index(new[0]) if new else len(case.plan.treatments)
        return changed, place + 1

    _changed(plan, lesion, "follow-up: treatment", change, as_json)


@follow_up_command.command("correct", short_help="Corrects what is known of a treatment.")
@_of_treatment
@click.option("--date", "day", help="Of the treatment, YYYY-MM-DD.")
@click.option("--technique", "techniques", multiple=True, help="Repeatable; all of them.")
@_facts
def _correct(
    plan: Path,
    lesion: int | None,
    number: int | None,
    as_json: bool,
    day: str | None,
    techniques: tuple[str, ...],
    **facts: object,
) -> None:
    """Correct a treatment of PLAN; what is left out stays."""
    data = _given({"date": day, "techniques": list(techniques) or None, **facts})
    if not data:
        raise click.UsageError("say what is to be corrected; --help lists it")

    def change(case: Case) -> tuple[Case, int | None]:
        return changed_treatment(case, number, data, date.today()), number

    _changed(plan, lesion, "follow-up: correction", change, as_json)


@follow_up_command.command("visit", short_help="Records a visit or a call.")
@_of_treatment
@click.option("--occasion", required=True, help="day0, block, call_48h, week1, month1 … month24.")
@click.option("--date", "day", help="YYYY-MM-DD.")
@click.option("--vas", type=float, help="Pain, 0 to 10.")
@click.option("--sri", "sri_percent", type=float, help="Improvement as felt, -100 to 100 %.")
@click.option("--opioid", "opioid_mg_day", type=float, help="Oral morphine equivalent, mg a day.")
@click.option("--who", "who_status", type=int, help="WHO status, 0 to 4.")
@click.option("--complication", "complication_grade", type=int, help="CIRSE grade, 0 none to 6.")
@click.option("--complication-words", help="A short note; no names.")
@click.option("--still-effective/--no-longer-effective", default=None, help="As the patient says.")
@click.option("--correct", "corrects", is_flag=True, help="Change a visit that is recorded.")
def _visit(
    plan: Path,
    lesion: int | None,
    number: int | None,
    as_json: bool,
    occasion: str,
    day: str | None,
    corrects: bool,
    **found: object,
) -> None:
    """Record what was found on one occasion after a treatment of PLAN."""
    if found.get("complication_words"):
        warn(NO_NAMES)
    data = {"occasion": occasion, **_given({"date": day, **found})}

    def change(case: Case) -> tuple[Case, int | None]:
        return with_visit(case, number, data, date.today(), corrects=corrects), number

    _changed(plan, lesion, f"follow-up: {occasion}", change, as_json)


@follow_up_command.command("event", short_help="Records recurrence, another treatment, death.")
@_of_treatment
@click.option(
    "--kind", required=True, help="recurrence, repeat, ablation, radiotherapy, lost or death."
)
@click.option("--date", "day", required=True, help="YYYY-MM-DD.")
def _event(
    plan: Path, lesion: int | None, number: int | None, as_json: bool, kind: str, day: str
) -> None:
    """Record what happened after a treatment of PLAN."""

    def change(case: Case) -> tuple[Case, int | None]:
        return with_event(case, number, kind, day, date.today()), number

    _changed(plan, lesion, f"follow-up: {kind}", change, as_json)


@follow_up_command.command("remove", short_help="Takes a visit, an event or a treatment back.")
@_of_treatment
@click.option("--occasion", help="Of the visit.")
@click.option("--kind", help="Of the event.")
@click.option("--whole", is_flag=True, help="The whole treatment with its visits.")
def _remove(
    plan: Path,
    lesion: int | None,
    number: int | None,
    as_json: bool,
    occasion: str | None,
    kind: str | None,
    whole: bool,
) -> None:
    """Take back what was recorded by mistake in PLAN."""
    if whole == bool(occasion or kind):
        raise click.UsageError("name --occasion or --kind, or the --whole treatment")

    def change(case: Case) -> tuple[Case, int | None]:
        return without(case, number, occasion, kind), number

    _changed(plan, lesion, "follow-up: removed", change, as_json)


@follow_up_command.command("show", short_help="Shows the treatments of a plan and their outcome.")
@_of_plan
@click.option("--on", "on", type=click.DateTime(["%Y-%m-%d"]), help="Day of the due dates; today.")
def _show(plan: Path, lesion: int | None, as_json: bool, on: Any) -> None:  # noqa: ANN401 - click
    """Show the treatments of all lesions of PLAN, or of one."""
    with PlanFile.open(plan) as kept:
        case = kept.load()
    day = date.today() if on is None else on.date()
    shown = lesions(case) if lesion is None else (_only(case, lesion),)
    rows = [_lesion(one.plan, death_of(treatments_of_case(case)), day) for one in shown]
    text = "\n".join(line for one in shown for line in _lesion_text(one.plan, case, day))
    emit({"plan": str(plan), "on": day.isoformat(), "lesions": rows}, as_json, text)


def _only(case: Case, number: int) -> Any:  # noqa: ANN401 - a plan of one lesion
    looked_at = look_at(case, number)
    return next(one for one in lesions(looked_at) if one.plan.number == number)


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _changed(
    path: Path,
    lesion: int | None,
    name: str,
    change: Callable[[Case], tuple[Case, int | None]],
    as_json: bool,
) -> None:
    """Change the follow-up of one lesion in a plan file and tell what is recorded then."""
    with PlanFile.open(path) as kept:
        before = kept.load()
        changed, number = change(at_lesion(before, lesion))
        kept.save(look_at(changed, before.plan.number), name)
    plan, today = changed.plan, date.today()
    whole = _lesion(plan, death_of(treatments_of_case(changed)), today)
    rows = whole["treatments"]
    one = rows[-1 if number is None else min(number, len(rows)) - 1] if rows else None
    document = {"plan": str(path), "lesion": plan.number, "treatment": one}
    emit(document, as_json, "\n".join(_lesion_text(plan, changed, today)))


def _lesion(plan: Plan, death: date | None, on: date) -> dict[str, Any]:
    return {
        "number": plan.number,
        "name": plan.name,
        "treatments": [
            _treatment(number, one, plan, death, on)
            for number, one in enumerate(plan.treatments, start=1)
        ],
    }


def _treatment(
    number: int, one: Treatment, plan: Plan, death: date | None, on: date
) -> dict[str, Any]:
    again = next_treatment(plan.treatments, one)
    rows = schedule(one, on, again, death)
    following = coming(rows)
    return {
        "number": number,
        **one.model_dump(mode="json"),
        "outcome": outcome(one, again).model_dump(mode="json"),
        "schedule": [row.model_dump(mode="json") for row in rows],
        "next": None if following is None else following.model_dump(mode="json"),
    }


def _lesion_text(plan: Plan, case: Case, on: date) -> list[str]:
    lines = [f"lesion {plan.number} {plan.name}".rstrip()]
    if not plan.treatments:
        lines.append("  no treatment is recorded; `osteoplan follow-up add` records one")
    for number, one in enumerate(plan.treatments, start=1):
        again = next_treatment(plan.treatments, one)
        lines.append(f"  treatment {number}, {one.date}: {' + '.join(one.techniques)}{_where(one)}")
        found = outcome(one, again)
        judged = {row.occasion: row for row in found.visits}
        lines += [_visit_text(visit, judged.get(visit.occasion)) for visit in one.visits]
        lines += [f"    {event.date}  {event.kind}" for event in one.events]
        lines += _outcome_text(found)
        following = coming(schedule(one, on, again, death_of(treatments_of_case(case))))
        if following is not None:
            late = f", {following.days_overdue} days late" if following.days_overdue else ""
            name = occasion_name(following.occasion, "en")
            lines.append(f"    next: {name}, due {following.due} ({following.state}{late})")
    return lines


def _where(one: Treatment) -> str:
    return "" if one.site is None else f", {one.site}"


def _visit_text(visit: Visit, judged: Judged | None) -> str:
    parts = [f"{occasion_name(visit.occasion, 'en'):18} {visit.date or 'no date'!s:10}"]
    parts.append("VAS unknown" if visit.vas is None else f"VAS {visit.vas:g}")
    if judged is not None and judged.fall_percent is not None:
        parts.append(f"fall {never_rounded_up(judged.fall_percent):g} %")
    if visit.sri_percent is not None:
        parts.append(f"SRI {visit.sri_percent:g} %")
    if visit.opioid_mg_day is not None:
        parts.append(f"opioid {visit.opioid_mg_day:g} mg/day")
    if visit.who_status is not None:
        parts.append(f"WHO {visit.who_status}")
    if visit.complication_grade is not None:
        told = grade_name(visit.complication_grade, "en")
        parts.append(f"complication {visit.complication_grade} ({told})")
    if visit.complication_words:
        parts.append(visit.complication_words)
    return "    " + "  ".join(parts)


def _outcome_text(found: Outcome) -> list[str]:
    lines = [
        f"    1 week: {_said(found.week1)}",
        f"    1 month: {_said(found.month1)}",
    ]
    if found.duration is not None:
        least = "at least " if found.duration.is_censored else ""
        by = f" (until {found.duration.ended_by})" if found.duration.ended_by else ""
        lines.append(f"    effect: {least}{found.duration.days} days{by}")
    return lines


def _said(judged: Judged) -> str:
    told = judged.efficacy.replace("_", " ")
    if judged.fall_percent is None:
        return told
    return f"{told} ({never_rounded_up(judged.fall_percent):g} % fall; response {judged.response})"
