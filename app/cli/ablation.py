"""``osteoplan simulate`` and ``osteoplan devices``: heat and cold, and the tables behind them."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from app.cli import output
from app.errors import AppError
from imaging.errors import Problem
from imaging.geometry import Grid
from planning.ablation.answer import SimulationAnswer, answer_scenario
from planning.ablation.devices import Device, devices
from planning.ablation.materials import Float32Array
from planning.ablation.scenario import read_scenario_file

FIELD_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha")


@click.command("simulate", short_help="Simulates heat or cold.")
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Final temperature field (NIfTI).")
@output.json_option
def simulate_command(scenario: Path, out: Path | None, as_json: bool) -> None:
    """Simulate the heat or cold of SCENARIO, a JSON file, and tell how far it reaches."""
    checked = read_scenario_file(scenario)
    if out is not None:
        _check_out(out)
    with output.progress_bar() as progress:
        done = answer_scenario(checked, progress)
    if out is not None:
        write_field(out, done.grid, done.temperature_c)
    output.emit(done.answer, as_json, _text(done.answer))


def _check_out(path: Path) -> None:
    """Refuse before the work what could not be written after it."""
    if not path.name.endswith(FIELD_ENDINGS):
        message = f"a field is written as one of {', '.join(FIELD_ENDINGS)}; change its ending"
        raise AppError(Problem(code="unknown_format", message=message, where=str(path)))
    if not path.parent.is_dir():
        message = "the folder to write to does not exist; make it first"
        raise AppError(Problem(code="unwritable_file", message=message, where=str(path)))


def write_field(path: Path, grid: Grid, field: Float32Array) -> None:
    """Write a field in the patient's frame.

    Parameters
    ----------
    path : pathlib.Path
        Ending in .nii.gz, .nii, .nrrd or .mha.
    grid : Grid
        Where the field lies.
    field : numpy.ndarray
        Shape ``grid.size_kji``.

    Raises
    ------
    AppError
        When the file cannot be written.
    """
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(np.ascontiguousarray(field))
    columns = grid.affine_kji_to_lps[:3, :3][:, ::-1]
    spacing = np.linalg.norm(columns, axis=0)
    image.SetSpacing([float(s) for s in spacing])
    image.SetDirection([float(v) for v in (columns / spacing).ravel()])
    image.SetOrigin([float(v) for v in grid.affine_kji_to_lps[:3, 3]])
    try:
        sitk.WriteImage(image, str(path))
    except RuntimeError as error:
        message = "the field could not be written; check the folder and the space left"
        raise AppError(Problem(code="unwritable_file", message=message, where=str(path))) from error


def _text(answer: SimulationAnswer) -> str:
    lines = [
        f"{answer.simulated_s:g} s simulated in {answer.elapsed_s:.1f} s "
        f"({answer.cells} cells, {answer.steps} steps)"
    ]
    for row in answer.isotherms:
        if row.length_mm is None or row.width_mm is None:
            lines.append(f"{row.temperature_c:g} °C: none")
        else:
            size = f"{row.length_mm:.1f} × {row.width_mm:.1f} mm, {row.volume_ml:.2f} mL"
            lines.append(f"{row.temperature_c:g} °C: {size}")
    for point in answer.points:
        place = ", ".join(f"{x:g}" for x in point.lps_mm)
        lines.append(f"({place}) mm: {point.temperature_c[-1]:.1f} °C at the end")
    damage = answer.damage
    lines.append(
        f"killed by heat: {damage.arrhenius_ml:.2f} mL (Arrhenius), "
        f"{damage.cem43_240_ml:.2f} mL (CEM43 240 min)"
    )
    electrical = answer.electrical
    if electrical.resistance_ohm is not None and electrical.power_w is not None:
        lines.append(f"{electrical.resistance_ohm:.1f} Ω, {electrical.power_w:.2f} W")
    return "\n".join(lines)


@click.command("devices", short_help="Shows the table of devices.")
@output.json_option
def devices_command(as_json: bool) -> None:
    """Show the probes, electrodes and antennas in use, with their sources."""
    rows = list(devices().values())
    output.emit({"devices": rows}, as_json, "\n".join(_device_text(row) for row in rows))


def _device_text(row: Device) -> str:
    sure = "" if row.verified else " [not verified]"
    return (
        f"{row.id:20} {row.technique:15} {row.gauge:g}G, {row.diameter_mm:g} mm, active "
        f"{row.active_length_mm:g} mm{sure}\n{'':20} {row.name} ({row.maker}); {row.source}"
    )
