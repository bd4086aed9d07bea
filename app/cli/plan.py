"""Commands for the whole: a plan in one go, and its report."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from app.amounts import clock, counted, never_rounded_up
from app.cli.output import POINT, emit, json_option, progress_bar, warn
from app.errors import AppError
from app.report.export import write_report
from app.report.sections.every import lacking
from app.report.texts import LANGUAGES, Language
from imaging.errors import ImagingError, Problem
from imaging.files import read_volume
from imaging.progress import Progress
from imaging.volume import Volume
from planning import ablations, procedure, ways_in
from planning.ablation.devices import devices
from planning.ablation.reach import ProbeNear
from planning.ablation.results import TreatmentSummary
from planning.lesions import add_lesion, as_case
from planning.plan import Case
from planning.procedure import state_side
from planning.side_check import Side
from planning.store import ENDING, PlanFile
from planning.technique.answers import Answers, read_answers

PATH = click.Path(path_type=Path)
LANGUAGE = click.Choice(LANGUAGES)
PLAN_NAME = f"plan{ENDING}"
PLAN_SPACING_MM = 1.5  # three devices in a minute or two; 1 mm and 2 mm agree within 2 % coverage


def make_plan(
    volume: Volume,
    seeds: list[tuple[float, float, float]],
    answers: Answers,
    device_ids: tuple[str, ...],
    out: Path,
    progress: Progress,
    spacing_mm: float = PLAN_SPACING_MM,
    add_to: Path | None = None,
) -> Case:
    """Take all steps and keep the plan file after each of them.

    Parameters
    ----------
    volume : Volume
        The CT.
    seeds : list of tuple
        Clicks in the lesion, LPS millimetres.
    answers : Answers
        What the physician said.
    device_ids : tuple of str
        Devices to be simulated and compared.
    out : Path
        Folder of the plan file; made when absent.
    progress : Progress
        Told all along.
    spacing_mm : float
        Edge of a cell of the simulations.
    add_to : Path or None
        Plan file of the same CT, to which the lesion is added; None makes a new one in ``out``.

    Returns
    -------
    Case
        The finished plan.

    Raises
    ------
    Refusal
        When a step is refused; the file keeps the steps before it.
    """
    make_folder(out)
    case = Case.begin(volume)
    with _kept(out, case, add_to) as kept:
        if add_to is not None:
            case = _with_another(kept, volume)

        def step(
            name: str, start: float, end: float, action: Callable[[Case, Progress], Case]
        ) -> None:
            nonlocal case
            case = action(case, progress.part(start, end))
            kept.save(case, name)

        if case.structures is None:
            step("structures", 0.0, 0.2, lambda c, p: procedure.find_surroundings(c, volume, p))
        clicks = np.array(seeds)
        step("lesion", 0.2, 0.25, lambda c, p: procedure.outline_lesion(c, volume, clicks, 0.0, p))
        step("access", 0.25, 0.3, lambda c, p: ways_in.find_access(c, volume, progress=p))
        share = 0.7 / max(len(device_ids), 1)
        for number, device_id in enumerate(device_ids if case.plan.chosen else ()):
            begun = 0.3 + number * share
            simulate = partial(_simulated, volume, device_id, spacing_mm)
            step(f"ablation {device_id}", begun, begun + share, simulate)
        step("technique", 1.0, 1.0, lambda c, _p: procedure.answer(c, answers))
    return case


def _kept(out: Path, case: Case, add_to: Path | None) -> PlanFile:
    return PlanFile.create(out / PLAN_NAME, case) if add_to is None else PlanFile.open(add_to)


def _with_another(kept: PlanFile, volume: Volume) -> Case:
    """Return the case of a plan file with room for another lesion; refuse another CT's."""
    case = kept.load()
    if case.plan.series.checksum != volume.checksum:
        message = "the plan belongs to another CT; give the CT that it was made on"
        raise AppError(Problem(code="other_ct", message=message, where=str(kept.path)))
    return case if case.lesion is None else add_lesion(case)


def _simulated(
    volume: Volume, device_id: str, spacing_mm: float, case: Case, progress: Progress
) -> Case:
    return ablations.simulate_device(
        case, volume, device_id, spacing_mm=spacing_mm, progress=progress
    )


def make_folder(out: Path) -> None:
    """Make a folder and prove that it can be written to, before any work is done for it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out) as probe:
            probe.write(b"\0" * 65536)
    except OSError as error:
        message = f"the folder cannot be written to ({error.strerror}); choose another one"
        raise AppError(Problem(code="cannot_write", message=message, where=str(out))) from None


def side_options(command: Any) -> Any:  # noqa: ANN401 - click decorators keep the command's type
    """Add the options that check side and level against the image."""
    side = click.option(
        "--side",
        type=click.Choice([one.value for one in Side]),
        help="Side of the lesion by the request: checked against the image before the report.",
    )
    level = click.option(
        "--level", metavar="C1…S5", help="Level by the request, checked with --side."
    )
    return side(level(command))


def kept_with_side(path: Path, case: Case, side: Side, level: str | None) -> Case:
    """Check side and level against the image, and keep that in the plan file.

    Parameters
    ----------
    path : Path
        The plan file.
    case : Case
        As it was loaded or made.
    side : Side
        By the request.
    level : str or None
        By the request.

    Returns
    -------
    Case
        With the check.

    Raises
    ------
    Refusal
        When the image shows another side or level.
    """
    checked = state_side(case, side, level)
    with PlanFile.open(path) as kept:
        if not kept.read_only:
            kept.save(checked, "side")
    return checked


@click.command("plan")
@click.argument("path", type=PATH)
@click.option("--seed", "seeds", type=POINT, multiple=True, required=True, help="Click in it.")
@click.option("--answers", "answers_path", type=PATH, help="JSON of the answers.")
@click.option("--device", "device_ids", metavar="ID", multiple=True, help="Device to simulate.")
@click.option(
    "--compare", is_flag=True, help="Simulate the default device of each technique as well."
)
@click.option(
    "--spacing",
    "spacing_mm",
    type=click.FloatRange(0.5, 3.0),
    default=PLAN_SPACING_MM,
    help="Edge of a cell of the simulations, mm.",
)
@click.option("--out", type=PATH, required=True, help="Folder of the plan and its report.")
@click.option(
    "--add-to", "add_to", type=PATH, help="Plan file of the same CT: add this lesion to it."
)
@side_options
@click.option("--lang", type=LANGUAGE, default="en", help="Language of the report.")
@click.option("--series", "series_uid", metavar="UID", help="Series to take.")
@json_option
def plan_command(
    path: Path,
    seeds: tuple[tuple[float, float, float], ...],
    answers_path: Path | None,
    device_ids: tuple[str, ...],
    compare: bool,
    spacing_mm: float,
    out: Path,
    add_to: Path | None,
    side: str | None,
    level: str | None,
    lang: Language,
    series_uid: str | None,
    as_json: bool,
) -> None:
    """Take all steps for the lesion at the click, and write plan and report into a folder."""
    unknown = [name for name in device_ids if name not in devices()]
    if unknown:
        message = f"no device has this id; `osteoplan devices` lists {len(devices())}"
        problems = [Problem(code="unknown_device", message=message, where=one) for one in unknown]
        raise AppError(problems)
    answers = read_answers(answers_path) if answers_path else Answers()
    make_folder(out)
    with progress_bar() as progress:
        volume = read_volume(path, series_uid, progress.part(0.0, 0.1))
        chosen = device_ids or ablations.default_devices()
        if compare:
            chosen = tuple(dict.fromkeys((*chosen, *ablations.default_devices())))
        part = progress.part(0.1, 0.9)
        case = make_plan(volume, list(seeds), answers, chosen, out, part, spacing_mm, add_to)
        if side is not None:
            case = kept_with_side(add_to or out / PLAN_NAME, case, Side(side), level)
        files = write_report(case, volume, out, lang, progress.part(0.9, 1.0))
    names = [str(add_to or out / PLAN_NAME), *(str(file) for file in files)]
    _warn_of(case)
    emit(case.plan.as_contract(names), as_json, plan_text(case, names))


def _warn_of(case: Case) -> None:
    for problem in (*case.plan.doubts, *case.plan.series.problems):
        warn(problem.message)
    if case.plan.access is None:
        warn("no way in passes every limit; the plan says why")
    else:
        for name in case.plan.access.not_checked:
            warn(f"the way in was not checked against: {name}")


def plan_text(case: Case, files: list[str]) -> str:
    """Return a plan in a few lines.

    Parameters
    ----------
    case : Case
        Any state.
    files : list of str
        That were written.

    Returns
    -------
    str
        Lesion, way in, treatments, what is not visible, verdict, files.
    """
    plan = case.plan
    lines = []
    if plan.lesion:
        lines.append(
            f"lesion {plan.lesion.length_mm:.1f} × {plan.lesion.width_mm:.1f} mm, "
            f"{plan.lesion.volume_ml:.2f} ml, {plan.lesion.kind}"
        )
    if plan.chosen:
        lines.append(
            f"way in {plan.chosen.length_mm / 10:.1f} cm, "
            f"{plan.chosen.angle_to_axial_deg:+.0f}° to the axial plane"
        )
    lines += compared_text(plan.simulation, "none of those checked" if plan.unpainted else "none")
    if plan.unpainted:
        names = ", ".join(one.name for one in plan.unpainted)
        lines.append(f"not visible, not checked: {names}")
    if plan.recommendation:
        lines.append(f"verdict: {plan.recommendation.verdict}")
    return "\n".join([*lines, *files])


def compared_text(rows: tuple[TreatmentSummary, ...], none: str) -> list[str]:
    """Return the simulated devices side by side, one a line."""
    lines = []
    for row in rows:
        sure = "" if row.verified_device else " [not verified]"
        margin = "–" if row.min_margin_mm is None else f"{row.min_margin_mm:+.1f} mm"
        passed = ", ".join(near.name for near in row.passed) or none
        lines.append(
            f"{row.technique:15} {row.device:20} {counted(len(row.probes) or 1, 'probe')}  "
            f"covered {never_rounded_up(row.coverage_percent):5.1f} %, "
            f"with {row.margin_mm:g} mm margin "
            f"{never_rounded_up(row.coverage_with_margin_percent):5.1f} %, "
            f"smallest margin {margin}, "
            f"limits passed: {passed}{_stop_text(row)}{sure}"
        )
        lines += [
            f"{'':15} probe {one.probe} {near_text(one)}: draw it back, "
            "or take a shorter active part"
            for one in row.near
        ]
    return lines


def near_text(one: ProbeNear) -> str:
    """Return what a probe comes near to, for people."""
    if one.distance_mm > 0:
        return f"comes within {one.distance_mm:.1f} mm of {one.structure}"
    return f"touches {one.structure}"


def _stop_text(row: TreatmentSummary) -> str:
    if row.stop is None or row.stop.structure is None:
        return ""
    return (
        f" (stop after {clock(row.stop.seconds)}: "
        f"{never_rounded_up(row.stop.coverage_percent):g} % covered, "
        f"{row.stop.structure} passes its limit next)"
    )


@click.command("report")
@click.argument("plan_path", metavar="PLAN", type=PATH)
@click.option("--out", type=PATH, required=True, help="Folder of the report.")
@click.option("--lang", type=LANGUAGE, default="en", help="Language of the report.")
@click.option("--ct", type=PATH, help="Where the CT is now, when it was moved.")
@click.option("--lesion", "number", type=int, help="Of several lesions only this one.")
@side_options
@json_option
def report_command(
    plan_path: Path,
    out: Path,
    lang: Language,
    ct: Path | None,
    number: int | None,
    side: str | None,
    level: str | None,
    as_json: bool,
) -> None:
    """Write PDF, pictures and DICOM objects of a plan; each of several lesions in its folder.

    Without --side, and without an answer that confirms it, every page says that the side is open.
    """
    with PlanFile.open(plan_path) as kept:
        case, captured = kept.load(), kept.pictures()
    if number is not None:
        case = as_case(case, number)
    if side is not None:
        case = kept_with_side(plan_path, case, Side(side), level)
    make_folder(out)
    with progress_bar() as progress:
        volume = _volume_of(case, ct, progress.part(0.0, 0.3))
        files = write_report(case, volume, out, lang, progress.part(0.3, 1.0), captured)
    absent = lacking(case, lang)
    for sentence in absent:
        warn(sentence)
    names = [str(file) for file in files]
    emit({"files": names, "lacking": absent}, as_json, "\n".join(names))


def _volume_of(case: Case, ct: Path | None, progress: Progress) -> Volume | None:
    """Read the CT of a plan; without it the report has no slices, which is said."""
    try:
        return volume_of_plan(case, ct, progress)
    except ImagingError as refusal:
        if ct is not None:
            raise
        warn(f"the CT was not found ({refusal}); the report has no slices. Name it with --ct")
        return None


def volume_of_plan(case: Case, ct: Path | None, progress: Progress) -> Volume:
    """Read the CT of a plan.

    Parameters
    ----------
    case : Case
        Says where it was, and which one.
    ct : Path or None
        Where it is now, when it was moved.
    progress : Progress
        Told while reading.

    Returns
    -------
    Volume
        The one the plan was made on.

    Raises
    ------
    Refusal
        When it cannot be read, or is another one.
    """
    series = case.plan.series
    place = ct or Path(series.path)
    uid = None if series.uid.startswith(("file-", "no-uid-")) else series.uid
    volume = read_volume(place, uid, progress)
    if volume.checksum != series.checksum:
        message = "this CT is not the one of the plan: its values differ. Choose the right series"
        raise AppError(Problem(code="other_ct", message=message, where=str(place)))
    return volume
