"""``osteoplan simulate`` and ``osteoplan devices``: heat and cold, and the tables behind them."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli import output
from imaging.files import write_array
from planning.ablation.devices import Device, devices, user_device_problems
from planning.ablation.scenario.answer import SimulationAnswer, answer_scenario
from planning.ablation.scenario.reader import read_scenario_file


@click.command("simulate", short_help="Simulates heat or cold.")
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Final temperature field (NIfTI).")
@output.json_option
def simulate_command(scenario: Path, out: Path | None, as_json: bool) -> None:
    """Simulate the heat or cold of SCENARIO, a JSON file, and tell how far it reaches."""
    checked = read_scenario_file(scenario)
    with output.progress_bar() as progress:
        done = answer_scenario(checked, progress)
    if out is not None:
        write_array(done.temperature_c, done.grid, out)
    output.emit(done.answer, as_json, _text(done.answer))


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
    """Show the probes, electrodes and antennas in use, with their sources.

    Rows of your own are read from devices.yaml in the program's folder of settings (the user guide
    says what a row holds), or from the file that OSTEOPLAN_DEVICES names.
    """
    rows = list(devices().values())
    problems = user_device_problems()
    for problem in problems:
        output.warn(f"{problem.where}: {problem.message}")
    answer = {"devices": rows, "problems": problems}
    output.emit(answer, as_json, "\n".join(_device_text(row) for row in rows))


def _device_text(row: Device) -> str:
    sure = "" if row.verified else " [not verified]"
    return (
        f"{row.id:20} {row.technique:15} {row.gauge:g}G, {row.diameter_mm:g} mm, active "
        f"{row.active_length_mm:g} mm{sure}\n{'':20} {row.name} ({row.maker}); {row.source}"
    )
