"""Published measurements beside simulations of the same set-up: ``python -m`` prints the table.

The criterion is fixed: what heat kills is where Arrhenius' Ω reaches 1, cold is the isotherm that
was measured. Tissue ex vivo starts at 25 °C without blood; gels have the properties of water.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from imaging.document import Vector
from imaging.geometry import Grid
from planning.ablation.assembly import Placement, device_applicators
from planning.ablation.devices import Device, devices
from planning.ablation.solver.heat import Boundary
from planning.ablation.solver.isotherms import isotherm
from planning.ablation.solver.materials import Material, Medium, tissue_material
from planning.ablation.solver.protocol import Mode, Phase
from planning.ablation.solver.simulation import Outcome, Simulation, as_points, simulate

EX_VIVO_C, BODY_C = 25.0, 37.0
LEAST_OMEGA = 1e-2  # keeps the logarithm smooth where heat counts for nothing


@dataclass(frozen=True)
class Measurement:
    """One row: what was done, and the zone that was measured (short × long, mm).

    ``fitted`` marks the rows that the device's parameters were chosen on; they are not judged.
    """

    source: str
    device: str
    tissue: str
    phases: tuple[Phase, ...]
    width_mm: float
    length_mm: float | None = None
    fitted: bool = False
    level_c: float | None = None


def _power(watts: float, minutes: float) -> tuple[Phase, ...]:
    return (Phase(mode=Mode.POWER, seconds=60.0 * minutes, power_w=watts),)


def _current(amperes: float, minutes: float) -> tuple[Phase, ...]:
    return (Phase(mode=Mode.CURRENT, seconds=60.0 * minutes, current_a=amperes),)


def measurements() -> tuple[Measurement, ...]:
    """Return the measurements that can be set up."""
    he, rows = "He 2010", []
    antenna = "microwave_14g5_2450"
    for watts, minutes, width, length in (
        (30, 6, 24, 38), (30, 10, 30, 43), (30, 16, 43, 45),
        (40, 6, 25, 35), (40, 10, 32, 45), (40, 16, 42, 50),
        (50, 6, 27, 50), (50, 10, 37, 50), (50, 16, 45, 55),
    ):  # fmt: skip
        phases = _power(watts, minutes)
        rows.append(Measurement(he, antenna, "ex vivo liver", phases, width, length, fitted=True))
    for watts, width, length in ((40, 28, 30), (50, 29, 40), (60, 31, 45)):
        phases = _power(watts, 10)
        rows.append(Measurement(f"{he}, in vivo", antenna, "liver", phases, width, length))
    rows.append(Measurement("Ji 2011", antenna, "ex vivo liver", _power(80, 12), 43, 59))
    impedance = (Phase(mode=Mode.IMPEDANCE, seconds=720.0),)
    cooled = "cooltip_17g_30"
    rows.append(Measurement("Ji 2011", cooled, "ex vivo liver", impedance, 31, 39))
    return tuple(rows)


def _medium_of(tissue: str) -> tuple[Material, float]:
    name, ex_vivo = tissue.removeprefix("ex vivo "), tissue.startswith("ex vivo")
    material = tissue_material(name)
    if ex_vivo:
        material = replace(material, perfusion_per_s=0.0, metabolic_w_m3=0.0)
    return material, EX_VIVO_C if ex_vivo else BODY_C


def simulated(row: Measurement, spacing_mm: float, device: Device | None = None) -> Outcome:
    """Simulate the set-up of a row in a box of 100 mm."""
    device = device or devices()[row.device]
    material, start_c = _medium_of(row.tissue)
    grid = box(spacing_mm)
    medium = Medium.uniform(material, grid.size_kji)
    middle = device.inactive_tip_mm + 0.5 * device.active_length_mm
    tip: Vector = (0.0, 0.0, -middle)
    placement = Placement(device, tip, (0.0, 0.0, 1.0))
    task = Simulation(
        grid=grid,
        medium=medium,
        boundary=Boundary((start_c,) * 6),
        initial_c=start_c,
        applicators=tuple(device_applicators(grid, medium, [placement])),
        protocol=row.phases,
        points_lps_mm=as_points([]),
    )
    return simulate(task)


def box(spacing_mm: float) -> Grid:
    """Return a grid of 100 mm around the origin."""
    count = round(100.0 / spacing_mm)
    edge = -0.5 * (count - 1) * spacing_mm
    return Grid.aligned((count, count, count), spacing_mm, (edge, edge, edge))


def zone_mm(row: Measurement, outcome: Outcome, spacing_mm: float) -> tuple[float, float]:
    """Return width and length of the zone that the row's criterion gives."""
    axis: Vector = (0.0, 0.0, 1.0)
    if row.level_c is None:
        field = np.log(np.maximum(outcome.omega, LEAST_OMEGA)).astype(np.float32)
        level, hot = 0.0, True
    else:
        field, level, hot = outcome.active_c, row.level_c, False
    faces = Boundary((None,) * 6)
    found = isotherm(box(spacing_mm), faces, field, level, hot=hot, axis_lps=axis)
    return found.width_mm or 0.0, found.length_mm or 0.0


def compared(spacing_mm: float = 1.0) -> Iterator[tuple[Measurement, float, float]]:
    """Yield every row with the width and length simulated."""
    for row in measurements():
        yield row, *zone_mm(row, simulated(row, spacing_mm), spacing_mm)


def main() -> None:
    """Print the table as Markdown."""
    print("| source | device | tissue | done | measured, mm | simulated, mm | error |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    errors = []
    for row, width, length in compared():
        phase = row.phases[0]
        done = phase.mode.value if phase.power_w is None else f"{phase.power_w:g} W"
        error = width / row.width_mm - 1.0
        told = f"{100 * error:+.0f} %"
        measured = f"{row.width_mm:g}"
        if row.length_mm is not None:
            along = length / row.length_mm - 1.0
            told += f", {100 * along:+.0f} %"
            measured += f" × {row.length_mm:g}"
            errors += [] if row.fitted else [abs(along)]
        errors += [] if row.fitted else [abs(error)]
        print(
            f"| {row.source}{' (fitted)' if row.fitted else ''} | {row.device} | {row.tissue} "
            f"| {done}, {phase.seconds / 60:g} min | {measured} | {width:.1f} × {length:.1f} "
            f"| {told} |",
            flush=True,
        )
    print(f"\nmedian error of the diameters judged: {100 * float(np.median(errors)):.0f} %")


if __name__ == "__main__":
    main()
