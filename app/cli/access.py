"""The command that proposes ways in."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli.output import emit, json_option, progress_bar, warn
from imaging.errors import Problem
from imaging.files import read_volume
from imaging.label_files import read_mask
from imaging.structures.find import find_structures
from imaging.structures.labels import read_structures
from planning.access.needles import needle_named
from planning.access.posture import Position
from planning.access.request import AccessRequest, AccessResult
from planning.access.search import search_access
from planning.errors import PlanningError

PATH = click.Path(path_type=Path)


def parse_margins(entries: tuple[str, ...]) -> dict[str, float]:
    """Return margins from ``NAME=MM``, or refuse all that are not of that form."""
    margins: dict[str, float] = {}
    problems = []
    for entry in entries:
        name, _, value = entry.partition("=")
        try:
            margins[name] = float(value)
        except ValueError:
            message = "write a margin as NAME=MM, such as aorta=5"
            problems.append(Problem(code="margin_refused", message=message, where=entry))
    if problems:
        raise PlanningError(problems)
    return margins


@click.command("access")
@click.argument("path", type=PATH)
@click.option("--lesion", type=PATH, required=True, help="Mask of the lesion.")
@click.option("--structures", type=PATH, help="Label map; found on the CT when absent.")
@click.option("--names", type=PATH, help="JSON of the labels' names.")
@click.option("--needle", "needle_id", metavar="ID", help="Needle of the table.")
@click.option(
    "--position",
    type=click.Choice([one.value for one in Position]),
    default=Position.AUTO.value,
    help="How the patient lies.",
)
@click.option("--margin", "margins", metavar="NAME=MM", multiple=True, help="Default 3 mm.")
@click.option("--top", type=click.IntRange(1, 50), default=5, help="Proposals wanted.")
@click.option("--series", "series_uid", metavar="UID", help="Series to take.")
@json_option
def access_command(
    path: Path,
    lesion: Path,
    structures: Path | None,
    names: Path | None,
    needle_id: str | None,
    position: str,
    margins: tuple[str, ...],
    top: int,
    series_uid: str | None,
    as_json: bool,
) -> None:
    """Propose needle paths to the lesion."""
    with progress_bar() as progress:
        needle = needle_named(needle_id)
        margins_mm = parse_margins(margins)
        volume = read_volume(path, series_uid, progress.part(0.0, 0.3))
        mask = read_mask(lesion, volume.grid)
        found = (
            read_structures(structures, names, volume.grid)
            if structures
            else find_structures(volume, progress.part(0.3, 0.7))
        )
        request = AccessRequest(
            volume=volume,
            lesion=mask,
            structures=found,
            needle=needle,
            position=Position(position),
            margins_mm=margins_mm,
            top=top,
        )
        result = search_access(request, progress.part(0.7, 1.0))
    for name in result.not_checked:
        warn(f"not checked against: {name}")
    emit(result, as_json, as_text(result))


def as_text(result: AccessResult) -> str:
    """Return the proposals for people."""
    lines = [f"{result.feasible} of {result.candidates} ways pass every limit ({result.needle})"]
    for one in result.proposals:
        entry = ", ".join(f"{n:.1f}" for n in one.entry_lps_mm)
        nearest = min(one.clearance_mm.items(), key=lambda item: item[1], default=("none", 0.0))
        lines.append(
            f"{one.rank}. entry ({entry}), {one.length_mm / 10:.1f} cm deep, "
            f"{one.angle_to_axial_deg:+.0f}° to the axial plane, {one.bone_mm:.0f} mm of bone, "
            f"nearest {nearest[0]} {nearest[1]:.1f} mm, score {one.score:.2f}"
        )
    lines += [f"rejected {count}: {reason}" for reason, count in result.rejected.items()]
    return "\n".join(lines)
