"""``osteoplan register``: another series laid on the bone of the planning CT."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from app.cli.output import POINT, as_plain, emit, json_option, progress_bar, warn
from imaging.errors import Problem
from imaging.files import read_volume, write_array
from imaging.progress import Progress
from imaging.registration.model import NoFit, Registration, moved_grid
from imaging.registration.rigid import register
from imaging.registration.series import SecondSeries, planning_file, read_second
from imaging.volume import AIR_HU, Volume, resample
from planning.errors import NothingFeasible

PATH = click.Path(path_type=Path)


@click.command("register")
@click.argument("fixed", type=PATH)
@click.argument("moving", type=PATH)
@click.option("--series", "series_uid", metavar="UID", help="Series of FIXED to take.")
@click.option("--moving-series", metavar="UID", help="Series of MOVING to take.")
@click.option("--at", type=POINT, help="Place in FIXED near which the fit counts.")
@click.option("--anonymised", is_flag=True, help="Identifiers mean nothing in these data.")
@click.option("--out", type=PATH, help="Write MOVING on the grid of FIXED (.nii.gz, .nrrd, .mha).")
@json_option
def register_command(
    fixed: Path,
    moving: Path,
    series_uid: str | None,
    moving_series: str | None,
    at: tuple[float, float, float] | None,
    anonymised: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Lay the series MOVING (CT, MR, PET) on the bone of the CT FIXED, and say how well it fits."""
    with progress_bar() as progress:
        ct = read_volume(fixed, series_uid, progress.part(0.0, 0.2))
        beside = planning_file(fixed, ct.series.uid)
        second = read_second(
            moving,
            moving_series,
            beside,
            is_anonymised=anonymised,
            progress=progress.part(0.2, 0.4),
        )
        begun_s = time.perf_counter()
        found = _registered(ct, second, at, progress.part(0.4, 1.0))
        elapsed_s = time.perf_counter() - begun_s
        if out is not None:
            write_array(_moved(ct, second, found), ct.grid, out)
    problems = (*second.doubts, *found.problems)
    for problem in problems:
        warn(problem.message)
    emit(_row(second, found, problems, elapsed_s, out), as_json, _as_text(found))


def _registered(
    ct: Volume, second: SecondSeries, at: tuple[float, float, float] | None, progress: Progress
) -> Registration:
    try:
        return register(ct, second, None, at, progress)
    except NoFit as refusal:
        raise NothingFeasible(refusal.problems) from None


def _moved(
    ct: Volume, second: SecondSeries, found: Registration
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return the series on the grid of the CT, in its own unit."""
    grid = moved_grid(second.volume.grid, found.moving_to_fixed_lps)
    outside = float(AIR_HU) if second.is_ct else 0.0
    moved = resample(second.volume.hu, grid, ct.grid, order=1, outside=outside)
    return (moved * second.per_step).astype(np.float32)


def _row(
    second: SecondSeries,
    found: Registration,
    problems: tuple[Problem, ...],
    elapsed_s: float,
    out: Path | None,
) -> dict[str, Any]:
    return {
        "moving_to_fixed_lps": found.moving_to_fixed_lps.tolist(),
        "residual_mm": found.residual_mm,
        "quality": found.quality,
        "found_by": found.found_by,
        "same_frame_of_reference": found.same_frame_of_reference,
        "kind": found.kind,
        "unit": second.unit or None,
        "days_apart": second.days_apart,
        "problems": as_plain([{"code": one.code, "message": one.message} for one in problems]),
        "elapsed_s": elapsed_s,
        "files": [] if out is None else [str(out)],
    }


def _as_text(found: Registration) -> str:
    left = "not measured" if found.residual_mm is None else f"{found.residual_mm:.2f} mm"
    lines = [f"{found.kind}, by {found.found_by.replace('_', ' ')}, residual {left}"]
    lines += [" ".join(f"{n:10.4f}" for n in row) for row in found.moving_to_fixed_lps]
    return "\n".join(lines)
