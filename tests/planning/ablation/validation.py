"""Published measurements beside simulations of the same set-up: ``python -m`` prints the table.

The criterion is fixed: what heat kills is where Arrhenius' Ω reaches 1, cold is the isotherm that
was measured. Tissue ex vivo starts at 25 °C without blood; gels have the properties of water.

Not set up, for want of the electrode, the probes, their length or the duration: Rempp 2014, Luo
2010, Shah, and the uncooled electrode of 16 mm.
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
from planning.ablation.solver.materials import (
    Material,
    Medium,
    Properties,
    material_of_properties,
    tissue_material,
)
from planning.ablation.solver.protocol import Mode, Phase
from planning.ablation.solver.simulation import Outcome, Simulation, as_points, simulate

EX_VIVO_C, BODY_C = 25.0, 37.0
APART_MM = 20.0
FLOW_PER_S = 1050.0 / 6e6  # 1 mL of blood per minute and 100 g of liver
WHITE_C = 60.0  # coagulates at once
LEAST_OMEGA = 1e-2  # keeps the logarithm smooth where heat counts for nothing


@dataclass(frozen=True)
class Measurement:
    """One row: what was done, and the zone that was measured (short × long, mm).

    ``fitted`` marks the rows that the device's parameters were chosen on; they are not judged.
    ``start_c``, ``perfusion_per_s`` and ``diameter_mm`` are given where they are not those of the
    tables; several probes stand ``APART_MM`` from their neighbours.
    """

    source: str
    device: str
    tissue: str
    phases: tuple[Phase, ...]
    width_mm: float
    length_mm: float | None = None
    fitted: bool = False
    level_c: float | None = None
    start_c: float | None = None
    perfusion_per_s: float | None = None
    probes: int = 1
    diameter_mm: float | None = None


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
    in_vivo = ((40, 28, 30), (50, 29, 40), (60, 31, 45))
    for level_w, width, length in in_vivo:
        phases = _power(level_w, 10)
        rows.append(Measurement(f"{he}, in vivo", antenna, "liver", phases, width, length))
    rows.append(Measurement("Ji 2011", antenna, "ex vivo liver", _power(80, 12), 43, 59))
    impedance = (Phase(mode=Mode.IMPEDANCE, seconds=720.0),)
    cooled = "cooltip_17g_30"
    rows.append(Measurement("Ji 2011", cooled, "ex vivo liver", impedance, 31, 39))
    short = "cooltip_17g_20"
    rows.append(Measurement("2 cm cooled [A]", short, "ex vivo liver", impedance, 26.2, 30.1))
    rows.append(Measurement("2 cm cooled [A]", short, "liver", impedance, 20.0, 26.2))
    for flow in (10.0, 25.0, 40.0):
        short_mm = 39.25 - 0.44 * flow
        perfused = Measurement("Huang 2012", cooled, "liver", impedance, short_mm, 40.0)
        rows.append(replace(perfused, perfusion_per_s=FLOW_PER_S * flow))
    quarter = (Phase(mode=Mode.FREEZE, seconds=900.0),)
    for probes, wide in ((1, 12.0), (2, 33.0), (3, 41.0), (4, 49.0)):
        agar = Measurement("Littrup [A]", "iceforce_14g", "gel", quarter, wide, level_c=-30.0)
        rows.append(replace(agar, start_c=39.0, probes=probes, diameter_mm=2.4))
    return tuple(rows)


WATER = Properties(
    density_kg_m3=1000.0,
    specific_heat_j_kg_k=4180.0,
    conductivity_w_m_k=0.6,
    frozen_specific_heat_j_kg_k=2050.0,
    frozen_conductivity_w_m_k=2.2,
    latent_heat_j_m3=334e6,
    freezing_from_c=0.0,
    freezing_to_c=-1.0,
)


def _medium_of(row: Measurement) -> tuple[Material, float]:
    if row.tissue == "gel":
        return material_of_properties("gel", WATER), row.start_c or BODY_C
    ex_vivo = row.tissue.startswith("ex vivo")
    material = tissue_material(row.tissue.removeprefix("ex vivo "))
    if ex_vivo:
        material = replace(material, perfusion_per_s=0.0, metabolic_w_m3=0.0)
    if row.perfusion_per_s is not None:
        material = replace(material, perfusion_per_s=row.perfusion_per_s)
    return material, EX_VIVO_C if ex_vivo else BODY_C


def _corners(probes: int) -> list[tuple[float, float]]:
    """Return where probes stand, each ``APART_MM`` from the next, in the x-y plane."""
    if probes == 1:
        return [(0.0, 0.0)]
    radius = 0.5 * APART_MM / np.sin(np.pi / probes)
    turns = 2.0 * np.pi * np.arange(probes) / probes
    return [(float(radius * np.cos(turn)), float(radius * np.sin(turn))) for turn in turns]


def simulated(row: Measurement, spacing_mm: float, device: Device | None = None) -> Outcome:
    """Simulate the set-up of a row in a box of 100 mm."""
    device = device or devices()[row.device]
    if row.diameter_mm is not None:
        device = device.model_copy(update={"diameter_mm": row.diameter_mm})
    material, start_c = _medium_of(row)
    grid = box(spacing_mm)
    medium = Medium.uniform(material, grid.size_kji)
    middle = device.inactive_tip_mm + 0.5 * device.active_length_mm
    placements = [
        Placement(device, (x, y, -middle), (0.0, 0.0, 1.0)) for x, y in _corners(row.probes)
    ]
    task = Simulation(
        grid=grid,
        medium=medium,
        boundary=Boundary((start_c,) * 6),
        initial_c=start_c,
        applicators=tuple(device_applicators(grid, medium, placements)),
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
    return _zone_mm(outcome, spacing_mm, row.level_c)


def hot_zone_mm(outcome: Outcome, spacing_mm: float) -> tuple[float, float]:
    """Return width and length of what was ever hotter than 60 °C, another line to compare with."""
    faces, axis = Boundary((None,) * 6), (0.0, 0.0, 1.0)
    hottest = outcome.hottest_c
    found = isotherm(box(spacing_mm), faces, hottest, WHITE_C, hot=True, axis_lps=axis)
    return found.width_mm or 0.0, found.length_mm or 0.0


def _zone_mm(outcome: Outcome, spacing_mm: float, level_c: float | None) -> tuple[float, float]:
    axis: Vector = (0.0, 0.0, 1.0)
    if level_c is None:
        field = np.log(np.maximum(outcome.omega, LEAST_OMEGA)).astype(np.float32)
        level, hot = 0.0, True
    else:
        field, level, hot = outcome.active_c, level_c, False
    faces = Boundary((None,) * 6)
    found = isotherm(box(spacing_mm), faces, field, level, hot=hot, axis_lps=axis)
    return found.width_mm or 0.0, found.length_mm or 0.0


def compared(
    spacing_mm: float = 1.0,
) -> Iterator[tuple[Measurement, tuple[float, float], tuple[float, float] | None]]:
    """Yield every row with what its criterion gives and, for heat, what was above 60 °C."""
    for row in measurements():
        outcome = simulated(row, spacing_mm)
        hot = hot_zone_mm(outcome, spacing_mm) if row.level_c is None else None
        yield row, zone_mm(row, outcome, spacing_mm), hot


def main() -> None:
    """Print the table as Markdown."""
    print(
        "| source | device | tissue | done | measured, mm | simulated, mm | error "
        "| above 60 °C, mm | error |"
    )
    print("|" + 9 * " --- |")
    errors: dict[str, list[float]] = {}
    hot_errors: list[float] = []
    for row, zone, hot in compared():
        told, off = _beside(zone, row)
        hot_told, hot_off = ("– | –", []) if hot is None else _beside(hot, row)
        if not row.fitted:
            errors.setdefault(row.source, []).extend(off)
            hot_errors += hot_off
        measured = f"{row.width_mm:g}"
        measured += "" if row.length_mm is None else f" × {row.length_mm:g}"
        source = f"{row.source} (fitted)" if row.fitted else row.source
        done = f"{row.device} | {row.tissue} | {_done(row)}"
        print(f"| {source} | {done} | {measured} | {told} | {hot_told} |", flush=True)
    print()
    for source, parts in errors.items():
        print(f"{source}: median {100 * np.median(parts):.0f} %, most {100 * max(parts):.0f} %")
    every = [one for parts in errors.values() for one in parts]
    print(f"all diameters judged: median error {100 * float(np.median(every)):.0f} %")
    print(f"of heat, above 60 °C: median error {100 * float(np.median(hot_errors)):.0f} %")


def _beside(zone: tuple[float, float], row: Measurement) -> tuple[str, list[float]]:
    """Return two columns, a zone and how far it is off, and the absolute errors."""
    measured = [row.width_mm] if row.length_mm is None else [row.width_mm, row.length_mm]
    pairs = list(zip(zone, measured, strict=False))
    off = [found / there - 1.0 for found, there in pairs]
    found = " × ".join(f"{one:.1f}" for one, _ in pairs)
    told = ", ".join(f"{100 * one:+.0f} %" for one in off)
    return f"{found} | {told}", [abs(one) for one in off]


def _done(row: Measurement) -> str:
    phase = row.phases[0]
    what = phase.mode.value if phase.power_w is None else f"{phase.power_w:g} W"
    told = f"{what}, {phase.seconds / 60:g} min"
    if row.perfusion_per_s is not None:
        told += f", {row.perfusion_per_s / FLOW_PER_S:g} mL/min/100 g"
    if row.level_c is not None:
        told += f", {row.probes} × {row.level_c:g} °C"
    return told


if __name__ == "__main__":
    main()
