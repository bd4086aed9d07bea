"""The simulator of heat and cold: kernels beside peers, procedures, memory, and how it scales.

A cell-step is one evaluation of the right-hand side of one cell, whatever the time scheme makes of
it; an explicit scheme makes one a step. ``heat_100`` covers the time that the explicit scheme
covers in 600 steps: ours takes fewer evaluations for it (``rate``), the peers take all;
``explicit_rate`` counts theirs over our time.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from app.bench.timing import Timed, measure, seconds
from imaging.geometry import BoolArray, FloatArray, Grid
from planning.ablation.assembly import Placement, device_applicators
from planning.ablation.devices import devices
from planning.ablation.limits import thermal_limits
from planning.ablation.solver.heat import SAFETY, Boundary, HeatSolver, StepPlan
from planning.ablation.solver.kernels import threads_for
from planning.ablation.solver.materials import (
    BLOOD_HEAT_J_M3_K,
    BODY_C,
    Float32Array,
    Medium,
    tissue_material,
)
from planning.ablation.solver.protocol import Mode, Phase
from planning.ablation.solver.simulation import QUICK, Outcome, Simulation, as_points, simulate

HEATED_MM = 10.0  # radius of the ball that is heated
HEATING_W_M3 = 2e5
SUPER_STEPS = 15  # in which ours covers the time of the explicit steps
SCALING_EVALUATIONS = 40
SHELLS_MM = (12.0, 25.0, 28.0, 36.0, 44.0)  # lesion, cancellous, cortical, muscle, fat; then skin
SHELLS = ("lytic_metastasis", "cancellous_bone", "cortical_bone", "muscle", "fat", "skin")
_PEAK = """
import sys
from pathlib import Path
from app.bench.ablation import freeze
from planning.ablation.solver.simulation import simulate
told = lambda word: 1024 * int(
    Path("/proc/self/status").read_text().split(word + ":")[1].split()[0]
)
simulate(freeze(20, 2.0, 2.0))
before = told("VmRSS")
simulate(freeze(int(sys.argv[1]), 1.0, 10.0))
print(told("VmHWM") - before)
"""


@dataclass(frozen=True)
class Sizes:
    """How large the measures are.

    Parameters
    ----------
    heat : int
        Cells along each edge of the heat row.
    steps : int
        Explicit steps whose time it covers.
    freeze, heating, preview : int
        Cells along each edge of the procedures.
    seconds : float
        Share of the procedures' time that is simulated; 1 is all.
    scaling : tuple of int
        Cells along each edge.
    memory : int
        Cells along each edge of the simulation whose memory is measured.
    repeats : int
        Of the kernels; procedures are simulated once.
    """

    heat: int = 101
    steps: int = 600
    freeze: int = 100
    heating: int = 80
    preview: int = 50
    seconds: float = 1.0
    scaling: tuple[int, ...] = (50, 100, 150, 200)
    memory: int = 100
    repeats: int = 3


FULL = Sizes()


def bench_ablation(sizes: Sizes = FULL) -> list[dict[str, Any]]:
    """Measure the simulator.

    Parameters
    ----------
    sizes : Sizes
        Full ones unless a test asks for less.

    Returns
    -------
    list of dict
        ``heat_…`` with its peers, the procedures, memory, scaling.
    """
    rows = [_heat_row(sizes)]
    rows += [_procedure_row(name, task) for name, task in _procedures(sizes).items()]
    rows += [_memory_row(sizes), *_scaling_rows(sizes)]
    return rows


def shells(cells: int, spacing_mm: float) -> tuple[Grid, Medium]:
    """Return a lesion in bone, in soft tissue: six materials in shells.

    Parameters
    ----------
    cells : int
        Along each edge.
    spacing_mm : float
        Edge of a cell.

    Returns
    -------
    tuple of Grid and Medium
        Linear: no boiling, no death; centred on the origin.
    """
    grid = _cube(cells, spacing_mm)
    index = np.searchsorted(SHELLS_MM, _radius_mm(grid)).astype(np.uint8)
    return grid, Medium(tuple(tissue_material(name, linear=True) for name in SHELLS), index)


def _cube(cells: int, spacing_mm: float) -> Grid:
    first = -0.5 * (cells - 1) * spacing_mm
    return Grid.aligned((cells,) * 3, spacing_mm, (first,) * 3)


def _radius_mm(grid: Grid) -> FloatArray:
    points = grid.to_lps(np.moveaxis(np.indices(grid.size_kji), 0, -1))
    radius: FloatArray = np.linalg.norm(points, axis=-1)
    return radius


def _heated(grid: Grid) -> BoolArray:
    inside: BoolArray = _radius_mm(grid) <= HEATED_MM
    return inside


@dataclass(frozen=True)
class HeatRun:
    """A solver that covers a time in equal super steps.

    Parameters
    ----------
    solver : HeatSolver
        At its start.
    step_s : float
        Of the explicit scheme.
    plan : StepPlan
        Of each super step.
    steps : int
        Super steps.
    """

    solver: HeatSolver
    step_s: float
    plan: StepPlan
    steps: int

    @classmethod
    def begin(cls, cells: int, explicit_steps: int) -> HeatRun:
        """Return a run over the time of so many explicit steps.

        Parameters
        ----------
        cells : int
            Along each edge, of 1 mm.
        explicit_steps : int
            Of the longest safe length.

        Returns
        -------
        HeatRun
            Ready.
        """
        grid, medium = shells(cells, 1.0)
        solver = HeatSolver(grid, medium, Boundary(), BODY_C)
        solver.set_heating(np.where(_heated(grid), HEATING_W_M3, 0.0))
        limit_s = solver.explicit_limit_s()
        step_s = SAFETY * limit_s
        total_s = step_s * explicit_steps
        plan = solver.plan_step(total_s / SUPER_STEPS, limit_s)
        steps = max(1, round(total_s / plan.seconds))
        return cls(solver, step_s, plan, steps)

    @property
    def evaluations(self) -> int:
        """Evaluations of the right-hand side."""
        return self.plan.stages * self.steps

    def go(self) -> Float32Array:
        """Return the temperature at the end, shape (k, j, i)."""
        with threads_for(int(np.prod(self.solver.grid.size_kji))):
            for _ in range(self.steps):
                self.solver.step(self.plan)
        return self.solver.temperature_c


def numpy_heat(cells: int, steps: int, step_s: float) -> Float32Array:
    """Run the explicit stencil of perfused heat in numpy, with its own k, ρc and ω for each cell.

    Parameters
    ----------
    cells : int
        Along each edge, of 1 mm.
    steps : int
        Explicit.
    step_s : float
        Length of a step.

    Returns
    -------
    numpy.ndarray
        Temperature at the end, shape (k, j, i), float32.
    """
    grid, medium = shells(cells, 1.0)
    heat = medium.values("heat_j_m3_k")[medium.index]
    perfused = medium.values("perfusion_per_s")[medium.index] * BLOOD_HEAT_J_M3_K
    metabolic = medium.values("metabolic_w_m3")[medium.index]
    own = (metabolic + np.where(_heated(grid), HEATING_W_M3, 0.0)) * step_s / heat
    gain, blood = own.astype(np.float32), (perfused * step_s / heat).astype(np.float32)
    # Faces of the box lie half a cell from the centres: at twice the conductance.
    k = medium.values("conductivity_w_m_k")[medium.index]
    links = []
    for axis in range(3):
        low, high = np.delete(k, -1, axis), np.delete(k, 0, axis)
        ends = 2.0 * np.take(k, [0], axis), 2.0 * np.take(k, [-1], axis)
        faces = np.concatenate([ends[0], 2.0 * low * high / (low + high), ends[1]], axis)
        links.append((faces * 1e6).astype(np.float32))
    share = (step_s / heat).astype(np.float32)
    padded = np.full([n + 2 for n in grid.size_kji], BODY_C, dtype=np.float32)
    inner = padded[1:-1, 1:-1, 1:-1]
    for _ in range(steps):
        change = gain + blood * (np.float32(BODY_C) - inner)
        for axis, link in enumerate(links):
            around = [slice(1, -1)] * 3
            around[axis] = slice(None)
            flux = link * np.diff(padded[tuple(around)], axis=axis)
            change += share * np.diff(flux, axis=axis)
        inner += change
    result: Float32Array = inner.copy()
    return result


def _heat_row(sizes: Sizes) -> dict[str, Any]:
    run = HeatRun.begin(sizes.heat, sizes.steps)
    cells = float(sizes.heat**3)
    peers: dict[str, Callable[[], object]] = {
        "numpy stencil": lambda: numpy_heat(sizes.heat, sizes.steps, run.step_s)
    }
    name, work = _babel(sizes, run.step_s)
    if work is not None:
        peers[name] = work
    timed = Timed(
        f"heat_{sizes.heat // 10 * 10}", run.go, cells * run.evaluations, "cell-steps/s", peers
    )
    row = measure(timed, sizes.repeats)
    row |= {"explicit_steps": sizes.steps, "evaluations": run.evaluations}
    row["explicit_rate"] = cells * sizes.steps / row["median_s"]
    for peer in row["peers"]:
        peer["rate"] = cells * sizes.steps / peer["median_s"]
    if work is None:
        row["absent_peers"] = [name]
    return row


def _babel(sizes: Sizes, step_s: float) -> tuple[str, Callable[[], object] | None]:
    """Return BabelViscoFDTD's bioheat on OpenCL, or why it is not there.

    It also sums up a thermal dose, and has no flux law across interfaces.
    """
    name = "BabelViscoFDTD bioheat on OpenCL"
    if any(importlib.util.find_spec(part) is None for part in ("BabelViscoFDTD", "pyopencl")):
        return f"{name}: not installed", None
    try:
        with contextlib.redirect_stdout(sys.stderr):
            work, device = _babel_work(sizes, step_s)
    except Exception as error:  # a driver may fail in any way; the peer is optional
        return f"{name}: {type(error).__name__}", None
    return f"{name} ({device})", work


def _babel_work(sizes: Sizes, step_s: float) -> tuple[Callable[[], object], str]:
    pyopencl: Any = importlib.import_module("pyopencl")
    babel: Any = importlib.import_module("BabelViscoFDTD.tools.RayleighAndBHTE")
    device = str(pyopencl.get_platforms()[0].get_devices()[0].name)
    babel.InitOpenCL(DeviceName=device)
    grid, medium = shells(sizes.heat, 1.0)
    count = len(medium.materials)
    materials = {
        "Conductivity": medium.values("conductivity_w_m_k"),
        "Density": medium.values("density_kg_m3"),
        "SpecificHeat": medium.values("specific_heat_j_kg_k"),
        "Perfusion": 6e7 * medium.values("perfusion_per_s") / medium.values("density_kg_m3"),
        "SoS": np.full(count, 1500.0),
        "Attenuation": np.zeros(count),
        "Absorption": np.zeros(count),
        "InitTemperature": np.full(count, BODY_C),
    }
    index = medium.index.astype(np.uint32)
    silent = np.zeros(grid.size_kji, dtype=np.float32)
    warm = np.where(_heated(grid), 60.0, BODY_C).astype(np.float32)

    def work() -> object:
        with contextlib.redirect_stdout(sys.stderr):
            return babel.BHTE(
                silent, index, materials, 1e-3, sizes.steps, sizes.steps, -1, dt=step_s,
                Backend="OpenCL", initT0=warm.copy(),
            )  # fmt: skip

    return work, device


def freeze(cells: int, spacing_mm: float, seconds_frozen: float) -> Simulation:
    """Return a 14 G cryoprobe in cancellous bone that freezes once.

    Parameters
    ----------
    cells : int
        Along each edge.
    spacing_mm : float
        Edge of a cell.
    seconds_frozen : float
        Of the only phase.

    Returns
    -------
    Simulation
        Ready.
    """
    protocol = (Phase(mode=Mode.FREEZE, seconds=seconds_frozen),)
    return _procedure("iceforce_14g", "cancellous_bone", cells, spacing_mm, protocol)


def _procedures(sizes: Sizes) -> dict[str, Simulation]:
    def lasting(*phases: tuple[Mode, float], power_w: float | None = None) -> tuple[Phase, ...]:
        return tuple(
            Phase(mode=mode, seconds=time_s * sizes.seconds, power_w=power_w)
            for mode, time_s in phases
        )

    cold = lasting((Mode.FREEZE, 600), (Mode.PASSIVE_THAW, 480), (Mode.FREEZE, 600))
    impedance = lasting((Mode.IMPEDANCE, 720))
    power = lasting((Mode.POWER, 600), power_w=50.0)
    bone, liver, edge = "cancellous_bone", "liver", sizes.heating
    return {
        f"freeze_{sizes.freeze}": _procedure("iceforce_14g", bone, sizes.freeze, 1.0, cold),
        f"radiofrequency_{edge}": _procedure("cooltip_17g_30", liver, edge, 1.0, impedance),
        f"microwave_{edge}": _procedure("microwave_14g5_2450", liver, edge, 1.0, power),
        "preview_2mm": replace(
            _procedure("iceforce_14g", bone, sizes.preview, 2.0, cold), pace=QUICK
        ),
    }


def _procedure(
    device_id: str, tissue: str, cells: int, spacing_mm: float, protocol: Sequence[Phase]
) -> Simulation:
    """Return a device through the middle of a cube of one tissue, its active part centred."""
    grid, device = _cube(cells, spacing_mm), devices()[device_id]
    medium = Medium.uniform(tissue_material(tissue), grid.size_kji)
    tip_mm = -(device.inactive_tip_mm + 0.5 * device.active_length_mm)
    placement = Placement(device, (0.0, 0.0, tip_mm), (0.0, 0.0, 1.0))
    return Simulation(
        grid=grid,
        medium=medium,
        boundary=Boundary(),
        initial_c=BODY_C,
        applicators=tuple(device_applicators(grid, medium, [placement])),
        protocol=tuple(protocol),
        points_lps_mm=as_points([(10.0, 0.0, 0.0)]),
        lethal_cold_c=thermal_limits().lethal_cold_c,
    )


def _procedure_row(name: str, task: Simulation) -> dict[str, Any]:
    """Simulate a procedure once; nothing free does the same, so there is no peer."""
    _compile(task)
    outcomes: list[Outcome] = []
    spent_s = seconds(lambda: outcomes.append(simulate(task)))
    simulated_s = float(sum(phase.seconds for phase in task.protocol))
    return {
        "name": name,
        "median_s": spent_s,
        "min_s": spent_s,
        "max_s": spent_s,
        "rate": simulated_s / spent_s,
        "unit": "simulated s/s",
        "peers": [],
        "cells": int(np.prod(task.grid.size_kji)),
        "steps": outcomes[0].steps,
        "coldest_c": float(outcomes[0].coldest_c.min()),
        "hottest_c": float(outcomes[0].hottest_c.max()),
    }


def _compile(task: Simulation) -> None:
    """Run the first seconds, so that no compiler is timed."""
    first = task.protocol[0].model_copy(update={"seconds": 2.0})
    simulate(replace(task, protocol=(first,)))


def _memory_row(sizes: Sizes) -> dict[str, Any]:
    """Measure what a simulation adds to a program of its own, for each cell."""
    cells = float(sizes.memory**3)
    peaks: list[float] = []
    spent_s = seconds(lambda: peaks.extend(_peak_bytes(sizes.memory)))
    return {
        "name": f"memory_{sizes.memory}",
        "median_s": spent_s,
        "min_s": spent_s,
        "max_s": spent_s,
        "rate": peaks[0] / cells if peaks else 0.0,
        "unit": "bytes/cell" if peaks else "not told by this system",
        "peers": [],
    }


def _peak_bytes(cells: int) -> list[float]:
    """Return the growth of the memory of a child; nothing where the system does not tell."""
    if not Path("/proc/self/status").exists():
        return []
    ran = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", _PEAK, str(cells)], capture_output=True, text=True, check=False
    )
    return [float(ran.stdout)] if ran.returncode == 0 else []


def _scaling_rows(sizes: Sizes) -> list[dict[str, Any]]:
    """Measure evaluations on cubes of several sizes: where memory becomes the bound."""
    rows = []
    for cells in sizes.scaling:
        run = HeatRun.begin(cells, SUPER_STEPS * SCALING_EVALUATIONS)
        few = HeatRun(
            run.solver, run.step_s, run.plan, max(1, SCALING_EVALUATIONS // run.plan.stages)
        )
        amount = float(cells**3) * few.evaluations
        row = measure(Timed(f"scaling_{cells}", few.go, amount, "cell-steps/s", {}), sizes.repeats)
        row["s_per_cell_step"] = row["median_s"] / amount
        rows.append(row)
    return rows
