"""The commands about the way in: one needle, several, those that protect, cement and screws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path

import click
import numpy as np

from app.cli.output import POINT, as_plain, emit, json_option, progress_bar, warn
from imaging.errors import Problem
from imaging.files import read_volume
from imaging.label_files import read_mask
from imaging.progress import Progress
from imaging.structures.find import find_structures
from imaging.structures.labels import read_structures
from planning.access.cement import CementPlan, cement_plan
from planning.access.judge import Judge
from planning.access.needles import needle_named
from planning.access.posture import Position
from planning.access.protection import Protection, find_protection
from planning.access.request import AccessRequest, AccessResult, Proposal
from planning.access.screws import Screw, find_screws
from planning.access.search import (
    check_request,
    judge_with_first_trocar,
    search_access,
    search_with_first_trocar,
)
from planning.access.sets import MOST_NEEDLES, NeedleSet, Purpose, search_set
from planning.access.settings import settings_with
from planning.errors import PlanningError

PATH = click.Path(path_type=Path)
Point = tuple[float, float, float]
INFILTRATION_NEEDLE = "infiltration_22g_150"


def parse_values(entries: tuple[str, ...], example: str, code: str) -> dict[str, float]:
    """Return numbers from ``NAME=VALUE``, or refuse all that are not of that form."""
    values: dict[str, float] = {}
    problems = []
    for entry in entries:
        name, _, value = entry.partition("=")
        try:
            values[name] = float(value)
        except ValueError:
            message = f"write it as NAME=VALUE, such as {example}"
            problems.append(Problem(code=code, message=message, where=entry))
    if problems:
        raise PlanningError(problems)
    return values


def case_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what every command about the way in is told of the case, read as one request."""

    @wraps(command)
    def with_request(
        path: Path,
        lesion: Path,
        structures: Path | None,
        names: Path | None,
        needle_id: str | None,
        position: str,
        margins: tuple[str, ...],
        settings: tuple[str, ...],
        series_uid: str | None,
        **own: object,
    ) -> None:
        with progress_bar() as progress:
            needle = needle_named(needle_id)
            margins_mm = parse_values(margins, "aorta=5", "margin_refused")
            chosen = settings_with(**parse_values(settings, "bore_mm=780", "setting_refused"))
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
                settings=chosen,
            )
            command(request, progress.part(0.7, 1.0), needle_is_open=needle_id is None, **own)

    options = (
        click.argument("path", type=PATH),
        click.option("--lesion", type=PATH, required=True, help="Mask of the lesion."),
        click.option("--structures", type=PATH, help="Label map; found on the CT when absent."),
        click.option("--names", type=PATH, help="JSON of the labels' names."),
        click.option("--needle", "needle_id", metavar="ID", help="Needle of the table."),
        click.option(
            "--position",
            type=click.Choice([one.value for one in Position]),
            default=Position.AUTO.value,
            help="How the patient lies.",
        ),
        click.option("--margin", "margins", metavar="NAME=MM", multiple=True, help="Default 3 mm."),
        click.option(
            "--set",
            "settings",
            metavar="NAME=VALUE",
            multiple=True,
            help="Setting of the search, such as hand_angle_deg=5.",
        ),
        click.option("--series", "series_uid", metavar="UID", help="Series to take."),
    )
    decorated: Callable[..., None] = json_option(with_request)
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


@click.command("access")
@case_options
@click.option("--top", type=click.IntRange(1, 50), default=5, help="Proposals wanted.")
@click.option("--aim", "aims", type=POINT, multiple=True, help="Place in the lesion to aim at.")
@click.option("--entry", type=POINT, help="Judge one way, from here …")
@click.option("--target", type=POINT, help="… to here.")
def access_command(
    request: AccessRequest,
    progress: Progress,
    *,
    needle_is_open: bool,
    as_json: bool,
    top: int,
    aims: tuple[Point, ...],
    entry: Point | None,
    target: Point | None,
) -> None:
    """Propose needle paths to the lesion, or judge one that is given."""
    request = replace(request, top=top, targets_lps_mm=aims)
    if (entry is None) != (target is None):
        message = "a way needs both ends: give --entry and --target"
        raise click.UsageError(message)
    if entry is not None and target is not None:
        check_request(request)
        ends = np.array(entry), np.array(target)
        if needle_is_open:
            way, needle = judge_with_first_trocar(request, *ends)
            warn(f"judged for {needle.id}")
        else:
            way = Judge.of(request).judge(*ends)
        emit(way, as_json, way_text(way))
        return
    search = search_with_first_trocar if needle_is_open else search_access
    result = search(request, progress)
    for name in result.not_checked:
        warn(f"not checked against: {name}")
    emit(result, as_json, as_text(result))


@click.command("needles")
@case_options
@click.option(
    "--purpose",
    type=click.Choice([one.value for one in Purpose]),
    default=Purpose.INFILTRATION.value,
    help="What they are for.",
)
@click.option(
    "--count", type=click.IntRange(1, MOST_NEEDLES), help="Needles; as few as cover it when absent."
)
def needles_command(
    request: AccessRequest,
    progress: Progress,
    *,
    needle_is_open: bool,
    as_json: bool,
    purpose: str,
    count: int | None,
) -> None:
    """Propose several needles that together cover the lesion."""
    if needle_is_open and purpose == Purpose.INFILTRATION:
        request = replace(request, needle=needle_named(INFILTRATION_NEEDLE))
        warn(f"for {INFILTRATION_NEEDLE}; choose another with --needle")
    found = search_set(request, Purpose(purpose), count, progress)
    emit(found, as_json, set_text(found))


@click.command("protect")
@case_options
def protect_command(
    request: AccessRequest,
    progress: Progress,
    *,
    needle_is_open: bool,
    as_json: bool,
) -> None:
    """Place thermocouples before nerves, and needles for dissection."""
    found = find_protection(request, progress)
    emit({"protection": as_plain(found)}, as_json, protection_text(found))


@click.command("cement")
@case_options
@click.option("--tip", type=POINT, required=True, help="Place of the trocar's tip in the lesion.")
def cement_command(
    request: AccessRequest,
    progress: Progress,
    *,
    needle_is_open: bool,
    as_json: bool,
    tip: Point,
) -> None:
    """Tell how much cement the lesion may hold, and where it may leak to."""
    check_request(request)
    found = cement_plan(request, np.array(tip))
    progress.update(1.0)
    emit(found, as_json, cement_text(found))


@click.command("screws")
@case_options
@click.option("--top", type=click.IntRange(1, 10), default=3, help="Corridors wanted.")
def screws_command(
    request: AccessRequest,
    progress: Progress,
    *,
    needle_is_open: bool,
    as_json: bool,
    top: int,
) -> None:
    """Propose corridors for cemented screws in pelvis and femur."""
    found = find_screws(request, top, progress)
    emit({"screws": as_plain(found)}, as_json, "\n".join(map(screw_text, found)))


def as_text(result: AccessResult) -> str:
    """Return the proposals for people."""
    lines = [f"{result.feasible} of {result.candidates} ways pass every limit ({result.needle})"]
    lines += [way_text(one) for one in result.proposals]
    if result.front:
        lines.append("also worth a look: none other is better in everything, or another corridor")
        lines += [way_text(one) for one in result.front]
    lines += [f"rejected {count}: {reason}" for reason, count in result.rejected.items()]
    lines += [f"kept clear by assumption: {name}" for name in result.assumed]
    return "\n".join(lines)


def way_text(one: Proposal) -> str:
    """Return a way for people, on one line and those for the table."""
    entry = ", ".join(f"{n:.1f}" for n in one.entry_lps_mm)
    nearest = min(one.clearance_mm.items(), key=lambda item: item[1], default=("none", 0.0))
    lines = [
        f"{one.rank}. entry ({entry}), {one.length_mm / 10:.1f} cm deep, "
        f"{one.angle_to_axial_deg:+.0f}° to the axial plane, {one.bone_mm:.0f} mm of bone, "
        f"nearest {nearest[0]} {nearest[1]:.1f} mm, score {one.score:.2f}"
        + (f", {one.corridor.replace('_', ' ')}" if one.corridor else "")
    ]
    if one.hand is not None:
        lines.append(
            f"   off by {one.hand.angle_deg:g}° and {one.hand.offset_mm:g} mm: "
            f"{100 * one.hand.safe_fraction:.0f} % stay safe, "
            f"{100 * one.hand.hit_fraction:.0f} % meet the lesion"
        )
    lines.append("   through " + ", ".join(f"{c.name} {c.length_mm:.0f}" for c in one.crossed))
    if one.against:
        lines.append("   AGAINST IT: " + ", ".join(one.against))
    if one.provisional:
        lines.append("   PROVISIONAL, until looked at again: " + ", ".join(one.provisional))
    return "\n".join(lines)


def set_text(found: NeedleSet) -> str:
    """Return several needles for people."""
    head = (
        f"{len(found.needles)} needles reach {100 * found.covered_fraction:.0f} % of the lesion "
        f"({100 * found.covered_with_margin_fraction:.0f} % with {found.margin_mm:g} mm around), "
        f"if each reaches {found.reach_mm:g} mm"
    )
    return "\n".join([head, *map(way_text, found.needles)])


def protection_text(found: tuple[Protection, ...]) -> str:
    """Return the needles that protect for people."""
    lines = []
    for one in found:
        lines.append(
            f"{one.kind} ({one.needle}) for {one.structure}, {one.gap_mm:.1f} mm from the lesion"
        )
        lines.append(way_text(one.way) if one.way else "   no way: " + ", ".join(one.against[:3]))
    return "\n".join(lines) or "nothing to protect lies near"


def cement_text(found: CementPlan) -> str:
    """Return a filling for people."""
    lines = [
        f"{found.fillable_ml:.1f} mL of the lesion lie in the bone's envelope ({found.bone}) and "
        f"are connected with the tip; {found.outside_ml:.1f} mL lie outside and are not filled"
    ]
    for leak in found.leaks:
        size = f", {leak.area_mm2:.0f} mm² open" if leak.area_mm2 else ""
        lines.append(f"may leak: {leak.kind} {leak.name} {leak.gap_mm:.1f} mm{size}")
    return "\n".join(lines)


def screw_text(one: Screw) -> str:
    """Return a screw for people."""
    entry = ", ".join(f"{n:.1f}" for n in one.entry_lps_mm)
    return (
        f"{one.bone}: {one.diameter_mm:g} × {one.length_mm:.0f} mm in a corridor of "
        f"{one.corridor_mm:.0f} mm, entry ({entry}), leaves {one.cortex_left_mm:.1f} mm of bone, "
        f"{one.lesion_mm:.0f} mm of lesion"
    )
