"""``osteoplan uncertainty``: how sure a treatment is when little is known exactly."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli.output import as_plain, emit, json_option, progress_bar, warn
from app.cli.plan import LANGUAGE, make_folder, volume_of_plan
from app.errors import AppError
from app.report.sections.uncertainty import uncertainty_text
from app.report.texts import Language
from imaging.errors import Problem
from imaging.files import write_array
from imaging.progress import Progress
from planning.ablation.devices import devices
from planning.ablation.request import TreatmentRequest
from planning.ablation.scenario.reader import read_scenario_file
from planning.ablation.uncertainty.result import UncertaintyResult
from planning.ablation.uncertainty.samples import (
    MOST_SAMPLES,
    SAMPLES,
    SHARE_PERCENT,
    SPACING_MM,
    Uncertainty,
    UncertaintyRequest,
    simulate_samples,
)
from planning.errors import PlanningError
from planning.lesions import as_case, look_at
from planning.store import PlanFile
from planning.uncertain_plan import (
    MARGIN_MM,
    treatment_of_plan,
    treatment_of_scenario,
    with_uncertainty,
)

PATH = click.Path(path_type=Path)
LETHAL_NAME, HARM_NAME, ROWS_NAME = (
    "lethal_probability.nii.gz",
    "harm_probability.nii.gz",
    "uncertainty.json",
)
SCENARIO_ENDING = ".json"


@click.command("uncertainty", short_help="Samples what is not known exactly.")
@click.argument("source", metavar="PLAN|SCENARIO", type=PATH)
@click.option("--device", "device_id", metavar="ID", help="Of a plan; else the first simulated.")
@click.option("--samples", type=click.IntRange(1, MOST_SAMPLES), default=SAMPLES, help="How many.")
@click.option("--seed", type=click.IntRange(0), default=1, help="Same seed, same samples.")
@click.option(
    "--share",
    "share_percent",
    type=click.FloatRange(0, 100, min_open=True),
    default=SHARE_PERCENT,
    help="Of the lesion that shall be covered, %.",
)
@click.option(
    "--margin",
    "margin_mm",
    type=click.FloatRange(0, 50),
    default=MARGIN_MM,
    help="Wanted around the lesion, mm.",
)
@click.option(
    "--spacing",
    "spacing_mm",
    type=click.FloatRange(0.5, 3.0),
    default=SPACING_MM,
    help="Edge of a cell, mm.",
)
@click.option("--scheduler", metavar="ADDRESS", help="Dask scheduler; else this machine.")
@click.option("--processes", type=click.IntRange(1), help="On this machine; else one a core.")
@click.option("--out", type=PATH, help="Folder of the probability maps (NIfTI) and the samples.")
@click.option("--lang", type=LANGUAGE, default="en", help="Language of the text.")
@click.option("--ct", type=PATH, help="Where the CT of a plan is now, when it was moved.")
@click.option("--lesion", "number", type=int, help="Of a plan with several lesions, which one.")
@json_option
def uncertainty_command(
    source: Path,
    device_id: str | None,
    samples: int,
    seed: int,
    share_percent: float,
    margin_mm: float,
    spacing_mm: float,
    scheduler: str | None,
    processes: int | None,
    out: Path | None,
    lang: Language,
    ct: Path | None,
    number: int | None,
    as_json: bool,
) -> None:
    """Simulate a treatment many times with tissues varied and needles moved.

    PLAN is a plan file with a way in; SCENARIO.json one of `simulate` with devices on a CT with its
    lesion. Tells in how many samples the lesion is covered and a neighbour harmed. What was
    simulated in a plan is sampled as it was, and the plan keeps the answer for its report.
    """
    if out is not None:
        make_folder(out)
    with progress_bar() as progress:
        if source.suffix.lower() == SCENARIO_ENDING:
            _refuse_plan_options(device_id, ct, number)
            scenario = read_scenario_file(source)
            treatment = treatment_of_scenario(scenario, spacing_mm, margin_mm)
        else:
            part = progress.part(0.0, 0.1)
            treatment = _planned(source, device_id, ct, number, spacing_mm, margin_mm, part)
        request = UncertaintyRequest(
            treatment, samples, seed, share_percent, scheduler=scheduler, processes=processes
        )
        done = simulate_samples(request, progress.part(0.1, 1.0))
    if source.suffix.lower() != SCENARIO_ENDING:
        _keep(source, number, done.result)
    files = [] if out is None else _written(done, out)
    names = [str(file) for file in files]
    text = "\n".join([uncertainty_text(done.result, lang), *names])
    emit({**as_plain(done.result), "files": names}, as_json, text)


def _refuse_plan_options(device_id: str | None, ct: Path | None, number: int | None) -> None:
    given = {"--device": device_id, "--ct": ct, "--lesion": number}
    named = [name for name, value in given.items() if value is not None]
    if named:
        message = f"{', '.join(named)} belongs to a plan; write it into the scenario"
        raise click.UsageError(message)


def _planned(
    path: Path,
    device_id: str | None,
    ct: Path | None,
    number: int | None,
    spacing_mm: float,
    margin_mm: float,
    progress: Progress,
) -> TreatmentRequest:
    if device_id is not None and device_id not in devices():
        message = f"no device has this id; `osteoplan devices` lists {len(devices())}"
        raise AppError(Problem(code="unknown_device", message=message, where=device_id))
    with PlanFile.open(path) as kept:
        case = kept.load()
    if number is not None:
        case = as_case(case, number)
    volume = volume_of_plan(case, ct, progress)
    treatment = treatment_of_plan(case, volume, device_id, spacing_mm, margin_mm)
    if device_id is None and len(case.plan.simulation) > 1:
        warn(f"of several devices {treatment.applicators[0].device_id} is taken; see --device")
    return treatment


def _keep(path: Path, number: int | None, result: UncertaintyResult) -> None:
    """Keep what the samples say in the plan, unless that was changed meanwhile."""
    try:
        with PlanFile.open(path) as kept:
            case = kept.load()
            shown = case.plan.number
            own = case if number is None else look_at(case, number)
            if not any(row.probes == result.probes for row in own.plan.simulation):
                return
            kept.save(look_at(with_uncertainty(own, result), shown), "uncertainty")
    except PlanningError as refusal:
        warn(f"the plan does not keep the answer: {refusal}")


def _written(done: Uncertainty, out: Path) -> list[Path]:
    import json

    files = [out / LETHAL_NAME, out / HARM_NAME, out / ROWS_NAME]
    write_array(done.lethal, done.grid, files[0])
    write_array(done.harm, done.grid, files[1])
    text = json.dumps(as_plain(done.result), ensure_ascii=False, indent=1)
    files[2].write_text(text, encoding="utf-8")
    return files
