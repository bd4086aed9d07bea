"""``osteoplan follow-up due`` and ``cohort``: a folder of plans, or a table, as a whole."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import click

from app.cli.output import emit, json_option, progress_bar, warn
from app.files import write_file
from planning.follow_up.calls import Call, call_list
from planning.follow_up.cohort import ALL, Cohort, Efficacy, Factor, Lasting, Quantity, cohort
from planning.follow_up.exchange import as_csv, read_csv
from planning.follow_up.folder import Records, read_folder
from planning.follow_up.statistics import Comparison, Mean, Proportion
from planning.follow_up.tables import grade_name, occasion_name

PATH = click.Path(path_type=Path)
REASONS = {
    "no_failures": "no failure to compare with",
    "no_successes": "no success to compare with",
    "nobody": "nobody can be judged",
    "all_equal": "all values are equal",
    "one_level": "one of the two has nobody",
}
NAMES = {
    "age_years": "age, years",
    "pain_duration_days": "pain duration, days",
    "baseline_vas": "VAS on day 0",
    "prior_radiotherapy": "prior radiotherapy",
    "site": "site",
}
NOT_INDEPENDENT = (
    "Several treatments of one patient are not independent; intervals and p take them as if they "
    "were. p is exploratory: nothing is corrected for several comparisons."
)


@click.command("due", short_help="Lists who is to be seen or called.")
@click.argument("folder", type=PATH)
@click.option("--on", "on", type=click.DateTime(["%Y-%m-%d"]), help="The day; today by default.")
@json_option
def due_command(folder: Path, on: Any, as_json: bool) -> None:  # noqa: ANN401 - click
    """List the treatments of the plans in FOLDER whose visit is due or overdue, latest first."""
    day = date.today() if on is None else on.date()
    with progress_bar() as progress:
        records = read_folder(folder, progress)
    calls = call_list(records.procedures, day)
    _warn_of(records)
    document = {
        "on": day.isoformat(),
        "files": records.files,
        "treatments": len(records.procedures),
        "due": calls,
        "problems": records.problems,
    }
    emit(document, as_json, _due_text(calls, records, day))


def _warn_of(records: Records) -> None:
    for problem in records.problems:
        warn(f"{problem.message} [{problem.where}]")


def _due_text(calls: tuple[Call, ...], records: Records, day: date) -> str:
    lines = [
        f"{day}: {len(calls)} of {len(records.procedures)} treatments are due "
        f"({records.files} plan files)"
    ]
    for one in calls:
        state = f"overdue by {one.days_overdue} days" if one.days_overdue else "due"
        named = f"{one.case}, lesion {one.lesion} {one.lesion_name}".rstrip()
        also = ", ".join(occasion_name(name, "en") for name in one.also)
        lines.append(
            f"{occasion_name(one.occasion, 'en'):14} {one.due}  {state:22} {named} "
            f"({'+'.join(one.techniques)}, {one.treated}){f'; also {also}' if also else ''}"
        )
    return "\n".join(lines)


@click.command("cohort", short_help="Counts a centre's series.")
@click.argument("source", metavar="FOLDER_OR_CSV", type=PATH)
@click.option(
    "--technique", default="infiltration", show_default=True, help="Counted; 'all' counts all."
)
@click.option("--csv", "out", type=PATH, help="Write the treatments to this table as well.")
@json_option
def cohort_command(source: Path, technique: str, out: Path | None, as_json: bool) -> None:
    """Count the treatments of a folder of plans, or of a table that --csv wrote."""
    with progress_bar() as progress:
        if source.is_dir():
            records = read_folder(source, progress)
        else:
            records = read_csv(source, date.today())
    found = cohort(records.procedures, technique)
    _warn_of(records)
    written = None
    if out is not None:
        rows = [r for r in records.procedures if technique in (ALL, *r.treatment.techniques)]
        written = write_file(out.absolute().parent, out.name, as_csv(rows).encode("utf-8"))
    document = {
        **found.model_dump(mode="json"),
        "problems": records.problems,
        "csv": None if written is None else str(written),
    }
    emit(document, as_json, _cohort_text(found))


def _cohort_text(found: Cohort) -> str:
    cases = "cases unknown" if found.cases is None else f"{found.cases} cases"
    lines = [f"{found.technique}: {found.procedures} procedures, {cases}"]
    if found.combined:
        lines.append(f"with another technique in the same session: {found.combined}")
    lines += ["", *(_efficacy_text(one) for one in (found.week1, found.month1))]
    lines += ["", f"{'efficacy at 1 week':26} {'total':>14} {'failure':>14} {'success':>14}  p"]
    lines += [_quantity_text(one) for one in found.quantities]
    lines += [line for one in found.factors for line in _factor_text(one)]
    lines.append("")
    for at in found.at:
        name = occasion_name(at.occasion, "en")
        lines.append(f"{name:16} VAS {_mean(at.vas)}   SRI {_mean(at.sri_percent)} %")
    lines += ["", _lasting_text(found.lasting), "", "worst complication (CIRSE):"]
    for row in found.complications:
        told = "not recorded" if row.grade is None else f"{row.grade} {grade_name(row.grade, 'en')}"
        lines.append(f"  {row.count:4} {told}")
    lines += ["", "efficacy at 1 week by bone:"]
    for site in found.sites:
        named = site.site or "not recorded"
        lines.append(f"  {named:14} {site.procedures:3} procedures; {_share(site.success)}")
    return "\n".join([*lines, "", NOT_INDEPENDENT])


def _efficacy_text(one: Efficacy) -> str:
    return (
        f"efficacy at {occasion_name(one.occasion, 'en')}: {_share(one.success)}; "
        f"missing {one.missing}, not evaluable {one.not_evaluable}"
    )


def _share(one: Proportion) -> str:
    if one.percent is None:
        return "nobody can be judged"
    return (
        f"{one.count}/{one.of} = {one.percent:.1f} % "
        f"(exact 95 % CI {one.low_percent:.1f}–{one.high_percent:.1f})"
    )


def _mean(one: Mean) -> str:
    return "unknown (n 0)" if one.mean is None else f"{one.mean:.2f} (n {one.n})"


def _quantity_text(one: Quantity) -> str:
    shown = [
        "–" if part.mean is None else f"{part.mean:.1f} (n {part.n})"
        for part in (one.total, one.failure, one.success)
    ]
    return f"{NAMES[one.key]:26} " + " ".join(f"{text:>14}" for text in shown) + f"  {_p(one.test)}"


def _factor_text(one: Factor) -> list[str]:
    unknown = f"; unknown {one.unknown}" if one.unknown else ""
    lines = [f"{NAMES[one.key]:26} {'':>44}  {_p(one.test)}{unknown}"]
    for level in one.levels:
        both = level.failure + level.success
        lines.append(f"  {level.level:24} {both:>14} {level.failure:>14} {level.success:>14}")
    return lines


def _p(test: Comparison) -> str:
    if test.p is None:
        return f"– ({REASONS[test.reason or 'nobody']})"
    return "< 0.01" if test.p < 0.005 else f"{test.p:.2f}"


def _lasting_text(one: Lasting) -> str:
    if one.mean_days is None:
        return f"duration of the effect: not known in any of {one.responders} responders"
    least = "at least " if one.mean_is_at_least else ""
    median = "not reached" if one.median_days is None else f"{one.median_days:g} days"
    return (
        f"duration in responders ({one.n} of {one.responders}; {one.censored} censored): "
        f"mean {least}{one.mean_days:.1f} days, median {median}"
    )
