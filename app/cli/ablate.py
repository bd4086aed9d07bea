"""``osteoplan ablate``: a treatment planned by the program, or what stands against it."""

from __future__ import annotations

from pathlib import Path

import click

from app.amounts import clock, counted, never_rounded_up
from app.cli.output import as_plain, emit, json_option, print_json, progress_bar, warn
from app.cli.plan import compared_text
from imaging.errors import Problem
from imaging.files import read_volume
from imaging.label_files import read_mask
from imaging.structures.find import find_structures
from imaging.structures.labels import read_structures
from planning import procedure
from planning.ablation.planner.result import AblationSearch, Attempt, GivesFirst
from planning.ablation.planner.search import SEARCH_MM
from planning.ablations import TECHNIQUES, default_devices, known_device, plan_for_me
from planning.access.posture import Position
from planning.errors import PlanningError
from planning.plan import Case

PATH = click.Path(path_type=Path)
MEASURES = {"max_c": "°C", "min_c": "°C", "cem43": "CEM43 min", "clear_mm": "mm from ice or 50 °C"}


def chosen_device(technique: str | None, device_id: str | None) -> str:
    """Return the device that is asked for, or refuse what contradicts itself."""
    if device_id is None:
        wanted = technique or TECHNIQUES[0]
        return dict(zip(TECHNIQUES, default_devices(), strict=True))[wanted]
    device = known_device(device_id)
    if technique is not None and device.technique != technique:
        message = f"{device_id} is a device for {device.technique}; leave --technique out or change"
        raise PlanningError(Problem(code="other_technique", message=message, where=device_id))
    return device_id


@click.command("ablate")
@click.argument("path", type=PATH)
@click.option("--lesion", type=PATH, required=True, help="Mask of the lesion.")
@click.option("--structures", type=PATH, help="Label map; found on the CT when absent.")
@click.option("--names", type=PATH, help="JSON of the labels' names.")
@click.option("--technique", type=click.Choice(TECHNIQUES), help="Default: that of the device.")
@click.option("--device", "device_id", metavar="ID", help="Default: first of the technique.")
@click.option(
    "--margin",
    "margin_mm",
    type=click.FloatRange(0.0, 50.0),
    default=5.0,
    help="Wanted around the lesion, mm.",
)
@click.option(
    "--spacing",
    "spacing_mm",
    type=click.FloatRange(0.5, 3.0),
    default=1.0,
    help="Edge of a cell of the simulation that confirms, mm.",
)
@click.option(
    "--search-spacing",
    "search_spacing_mm",
    type=click.FloatRange(1.0, 4.0),
    default=SEARCH_MM,
    help="Edge of a cell of the search, mm.",
)
@click.option("--probes", "most_probes", type=click.IntRange(1, 4), default=4, help="At most.")
@click.option("--needle", "needle_id", metavar="ID", help="Needle that the ways are for.")
@click.option(
    "--position",
    type=click.Choice([one.value for one in Position]),
    default=Position.AUTO.value,
    help="How the patient lies.",
)
@click.option("--series", "series_uid", metavar="UID", help="Series to take.")
@json_option
def ablate_command(
    path: Path,
    lesion: Path,
    structures: Path | None,
    names: Path | None,
    technique: str | None,
    device_id: str | None,
    margin_mm: float,
    spacing_mm: float,
    search_spacing_mm: float,
    most_probes: int,
    needle_id: str | None,
    position: str,
    series_uid: str | None,
    as_json: bool,
) -> None:
    """Find number, place and depth of probes and durations, or prove what gives first."""
    device = chosen_device(technique, device_id)
    with progress_bar() as progress:
        volume = read_volume(path, series_uid, progress.part(0.0, 0.1))
        mask = read_mask(lesion, volume.grid)
        found = (
            read_structures(structures, names, volume.grid)
            if structures
            else find_structures(volume, progress.part(0.1, 0.2))
        )
        case = Case.begin(volume).with_plan(position=Position(position), needle_id=needle_id)
        case = procedure.with_structures(case, found, volume)
        case = procedure.with_lesion(case, volume, mask)
        done = plan_for_me(
            case,
            volume,
            device,
            margin_mm,
            spacing_mm,
            progress.part(0.2, 1.0),
            most_probes,
            search_spacing_mm,
        )
    search = done.plan.ablation_search
    if search is None:
        message = "the search ended without an answer"
        raise PlanningError(Problem(code="no_search", message=message))
    if not search.verified_device:
        warn(f"the zone of {device} is not verified")
    row = done.plan.simulation[-1] if search.feasible else None
    if search.feasible:
        rows = () if row is None else (row,)
        document = {"search": search, "simulation": list(rows)}
        none = "none of those checked" if done.plan.unpainted else "none"
        text = "\n".join([search_text(search), *compared_text(rows, none)])
        emit(document, as_json, text)
        return
    if not as_json:
        click.echo(search_text(search))
        raise Unfeasible
    problems = tuple(problem_of(one) for one in search.attempts)
    error = {"code": "nothing_feasible", "message": search_text(search), "problems": problems}
    print_json({"error": as_plain(error), "search": as_plain(search)})
    for problem in problems:
        warn(problem.message)
    raise Unfeasible


class Unfeasible(click.exceptions.Exit):
    """Ends the command with the status of nothing feasible; the reasons are written already."""

    def __init__(self) -> None:
        from app.cli.output import EXIT_NOTHING_FEASIBLE

        super().__init__(EXIT_NOTHING_FEASIBLE)


def problem_of(one: Attempt) -> Problem:
    """Return what stands against a number of probes."""
    where = "" if one.gives_first is None else one.gives_first.structure
    return Problem(code=f"ablation_{one.ending}", message=attempt_text(one), where=where)


def search_text(search: AblationSearch) -> str:
    """Return what a search found for people."""
    sure = "" if search.verified_device else ", zone not verified"
    head = f"{search.technique} ({search.device}{sure}), margin {search.margin_mm:g} mm: "
    wanted = f"at least {search.covered_percent:g} % of lesion and margin"
    if search.feasible:
        probes = counted(len(search.probes), "probe")
        head += f"{probes}, {wanted} covered, every limit checked kept"
    else:
        head += f"nothing covers {wanted} and keeps every limit checked"
    lines = [head]
    for number, probe in enumerate(search.probes, start=1):
        place = ", ".join(f"{n:.1f}" for n in probe.tip_lps_mm)
        lines.append(f"   probe {number}: tip ({place})")
    for phase in search.protocol:
        power = "" if phase.power_w is None else f" {phase.power_w:g} W"
        lines.append(f"   {phase.mode.value}{power} {clock(phase.seconds)}")
    return "\n".join([*lines, *map(attempt_text, search.attempts)])


def attempt_text(one: Attempt) -> str:
    """Return the best with a number of probes for people."""
    head = f"{counted(one.probes, 'probe')}: "
    if one.ending == "no_way":
        return f"{head}no safe ways for so many"
    covered = (
        f"{never_rounded_up(one.coverage_percent):g} % of the lesion and "
        f"{never_rounded_up(one.coverage_with_margin_percent):g} % with margin"
    )
    if one.ending == "done":
        return f"{head}covered after {clock(one.covered_s or 0.0)}"
    if one.ending == "refuted":
        head += "promised by the search, refuted by the finer simulation of all phases: "
    if one.gives_first is None:
        longest = "it" if one.ending == "refuted" else "the longest treatment"
        return f"{head}{longest} covers {covered}"
    text = f"{head}{_first_text(one.gives_first)}; {covered} are covered then"
    if one.dissection is not None:
        helps = "would do" if one.dissection.helps else "would not do"
        text += (
            f"; {one.dissection.dissection.fluid} before it {helps} "
            f"({never_rounded_up(one.dissection.coverage_with_margin_percent):g} % with margin)"
        )
    return text


def _first_text(first: GivesFirst) -> str:
    unit = MEASURES[first.measure]
    return (
        f"{first.structure} gives first, after {clock(first.at_s)} "
        f"({first.value:.1f}, limit {first.limit:g} {unit})"
    )
