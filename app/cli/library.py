"""``osteoplan library``: cases to learn from, found by what they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from app.amounts import counted
from app.cli.library_files import (
    backup_command,
    check_command,
    export_command,
    import_command,
    recover_command,
    restore_command,
)
from app.cli.library_options import PATH, of_case, of_library, opened
from app.cli.output import emit, progress_bar, warn
from app.files import write_file
from planning.library.library import Library
from planning.library.model import CaseRow, Wanted, fields_from
from planning.technique.answers import Bone, Technique

KINDS = ("lytic", "mixed", "blastic")
SIDES = ("left", "right", "midline")
WIDTH = 36  # characters of a title in the list


@click.group("library")
def library_command() -> None:
    """Keep anonymised cases with their plans, find them again, give them away."""


for command in (
    export_command,
    import_command,
    check_command,
    backup_command,
    restore_command,
    recover_command,
):
    library_command.add_command(command)


def _wanted(command: Any) -> Any:  # noqa: ANN401 - click decorators keep the command's own type
    """Add what cases are looked for by."""
    for decorate in (
        click.option("--tag", help="A tag, whatever its case and accents."),
        click.option("--technique", type=click.Choice(get_args(Technique))),
        click.option("--kind", type=click.Choice(KINDS)),
        click.option("--site", type=click.Choice(get_args(Bone)), help="The bone."),
    ):
        command = decorate(command)
    return command


def _fields(command: Any) -> Any:  # noqa: ANN401 - as above
    """Add what a case is found by; what is left out stays, or is filled from the plan."""
    for decorate in (
        click.option("--notes", help="Difficulty, what is to be learnt; no names."),
        click.option("--tag", "tags", multiple=True, help="Repeatable; all of them."),
        click.option(
            "--technique",
            "techniques",
            multiple=True,
            type=click.Choice(get_args(Technique)),
            help="Repeatable; all of them.",
        ),
        click.option("--kind", type=click.Choice(KINDS)),
        click.option("--side", type=click.Choice(SIDES)),
        click.option("--level", help="Of a vertebra, such as L3."),
        click.option("--site", type=click.Choice(get_args(Bone)), help="The bone."),
        click.option("--title", help="For people; no names."),
    ):
        command = decorate(command)
    return command


@library_command.command("list", short_help="Lists the cases, all or some.")
@of_library
@_wanted
def _list(library: Path | None, as_json: bool, **wanted: Any) -> None:  # noqa: ANN401 - click
    """List the cases, the one that was added last first."""
    _found(library, as_json, Wanted(**wanted))


@library_command.command("search", short_help="Lists the cases in which words occur.")
@click.argument("text", nargs=-1)
@of_library
@_wanted
def _search(
    text: tuple[str, ...],
    library: Path | None,
    as_json: bool,
    **wanted: Any,  # noqa: ANN401 - click
) -> None:
    """List the cases in whose title, notes, tags or fields all words of TEXT occur."""
    _found(library, as_json, Wanted(text=" ".join(text), **wanted))


def _found(library: Path | None, as_json: bool, wanted: Wanted) -> None:
    with opened(library) as kept:
        rows = kept.search(wanted)
        document = {"library": kept.root, "cases": rows, "tags": kept.tags()}
    emit(document, as_json, "\n".join(map(_line, rows)) or "no case")


def _line(row: CaseRow) -> str:
    fields = row.fields
    told = [fields.level or fields.site, fields.side, fields.kind, " + ".join(fields.techniques)]
    follow = ", follow-up" if row.has_follow_up else ""
    tags = f"  #{' #'.join(fields.tags)}" if fields.tags else ""
    title = (fields.title or "without title")[:WIDTH]
    what = ", ".join(word for word in told if word)
    return f"{row.id}  {title:{WIDTH}}  {what}; {counted(len(row.plans), 'plan')}{follow}{tags}"


@library_command.command("show", short_help="Shows one case.")
@of_case
def _show(case_id: str, library: Path | None, as_json: bool) -> None:
    """Show the case ID: fields, series, plans, problems, and where its files are."""
    with opened(library) as kept:
        row = kept.case(case_id)
        _tell(kept, row, as_json)


def _tell(kept: Library, row: CaseRow, as_json: bool) -> None:
    folder = kept.folders.case(row.id)
    plans = [folder.plans / name for name in row.plans]
    document = {
        **row.model_dump(mode="json"),
        "series_folder": folder.series,
        "plan_paths": plans,
    }
    lines = [
        _line(row),
        f"  series: {folder.series} ({row.modality}, {row.slices} slices, {row.size_mb:.0f} MB)",
        *(f"  plan: {plan}" for plan in plans),
        *([f"  notes: {row.fields.notes}"] if row.fields.notes else []),
        *(f"  mind: {one.message}" for one in row.problems),
    ]
    emit(document, as_json, "\n".join(lines))


@library_command.command("add", short_help="Takes a series in, anonymised, with its plan.")
@click.argument("series", type=PATH)
@click.option("--plan", type=PATH, help="Made on that series.")
@click.option("--series", "series_uid", help="Series UID, when SERIES holds several.")
@of_library
@_fields
def _add(
    series: Path,
    plan: Path | None,
    series_uid: str | None,
    library: Path | None,
    as_json: bool,
    **facts: Any,  # noqa: ANN401 - click
) -> None:
    """Copy SERIES without identifiers into the library, with the plan that was made on it.

    The dates of a follow-up are moved as those of the images are. A series or a text that may name
    the patient is refused, and nothing is kept.
    """
    with opened(library) as kept, progress_bar() as progress:
        fields = fields_from(_given(facts))
        row = kept.add(series, plan, fields, progress, series_uid=series_uid)
        _tell(kept, row, as_json)


@library_command.command("add-plan", short_help="Takes another plan of a case in.")
@of_case
@click.argument("plan", type=PATH)
@click.option("--series", type=PATH, help="The original series that the plan was made on.")
def _add_plan(
    case_id: str, plan: Path, series: Path | None, library: Path | None, as_json: bool
) -> None:
    """Copy PLAN without identifiers to the case ID."""
    with opened(library) as kept:
        _tell(kept, kept.add_plan(case_id, plan, series=series), as_json)


@library_command.command("change", short_help="Changes what a case is found by.")
@of_case
@_fields
@click.option("--no-tags", is_flag=True, help="Take all tags away.")
@click.option("--no-techniques", is_flag=True, help="Take all techniques away.")
def _change(
    case_id: str,
    library: Path | None,
    as_json: bool,
    no_tags: bool,
    no_techniques: bool,
    **facts: Any,  # noqa: ANN401 - click
) -> None:
    """Change title, bone, tags and so on of the case ID; what is left out stays."""
    given = _given(facts)
    given |= {"tags": ()} if no_tags else {}
    given |= {"techniques": ()} if no_techniques else {}
    if not given:
        raise click.UsageError("say what is to be changed; --help lists it")
    with opened(library) as kept:
        old = kept.case(case_id).fields.model_dump()
        _tell(kept, kept.change(case_id, fields_from({**old, **given})), as_json)


@library_command.command("remove", short_help="Takes a case out for good.")
@of_case
@click.option("--with-plans", is_flag=True, help="Also when it has plans.")
def _remove(case_id: str, library: Path | None, as_json: bool, with_plans: bool) -> None:
    """Take the case ID out of the library; one that has plans only --with-plans."""
    with opened(library) as kept:
        row = kept.case(case_id)
        kept.remove(case_id, with_plans=with_plans)
    emit({"removed": row.id, "plans": row.plans}, as_json, f"{row.id} was removed")


@library_command.command("relink", short_help="Takes a series that was lost in again.")
@of_case
@click.argument("series", type=PATH)
def _relink(case_id: str, series: Path, library: Path | None, as_json: bool) -> None:
    """Take the series of the case ID in again from SERIES, where it was moved to."""
    with opened(library) as kept, progress_bar() as progress:
        _tell(kept, kept.relink(case_id, series, progress), as_json)


@library_command.command("thumbnail", short_help="Writes the small picture of a case.")
@of_case
@click.argument("out", type=PATH)
def _thumbnail(case_id: str, out: Path, library: Path | None, as_json: bool) -> None:
    """Write the small picture of the case ID as the PNG file OUT."""
    with opened(library) as kept:
        png = kept.thumbnail(kept.case(case_id).id)
    if png is None:
        warn("the case has no picture")
        emit({"file": None}, as_json, "nothing was written")
        return
    path = write_file(out.parent, out.name, png)
    emit({"file": path, "bytes": len(png)}, as_json, str(path))


def _given(facts: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if value not in (None, ())}
