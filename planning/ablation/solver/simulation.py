"""A whole procedure: phases one after another, steps as long as accuracy and stability allow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import BoolArray, FloatArray, Grid, read_only
from imaging.progress import SILENT, Progress
from planning.ablation.solver.applicators import Applicator, HeatArray
from planning.ablation.solver.damage import Damage
from planning.ablation.solver.heat import Boundary, HeatSolver, HeldSurface
from planning.ablation.solver.interpolation import PointSampler
from planning.ablation.solver.kernels import threads_for
from planning.ablation.solver.materials import Float32Array, Medium
from planning.ablation.solver.protocol import ACTIVE, Phase
from planning.ablation.solver.radiofrequency import Generator

GROWTH_SHARP = 0.06  # where a medium freezes at one temperature, whose front jumps
FIRST_STEPS = 4.0  # explicit limits in the first step after a change
Watch: TypeAlias = Callable[[float, Float32Array, Damage], None]
PERFUSION_EVERY = 4  # steps between looks at what has died


@dataclass(frozen=True)
class Pace:
    """How long steps may be.

    Parameters
    ----------
    growth : float
        A step is at most this share of the time since something changed.
    watched_step_s : float
        Longest step where tissue of the tables may die or boil.
    slowness : float
        Times as long as the controls of the applicators ask for.
    """

    growth: float = 0.12
    watched_step_s: float = 20.0
    slowness: float = 1.0


EXACT = Pace()
QUICK = Pace(growth=0.8, watched_step_s=120.0, slowness=4.0)  # for a picture while one drags


@dataclass(frozen=True, eq=False)
class Simulation:
    """What is to be simulated.

    Parameters
    ----------
    grid : Grid
        Along the patient's axes.
    medium : Medium
        Of every cell.
    boundary : Boundary
        Of the box.
    initial_c : float
        Everywhere at the start.
    applicators : tuple of Applicator
        What heats or cools.
    protocol : tuple of Phase
        At least one.
    points_lps_mm : numpy.ndarray
        Shape (n, 3): places whose temperature is followed.
    lethal_cold_c : float or None
        Tissue colder than this once loses its perfusion.
    watch : callable or None
        Called after every step with the time (s), the temperature and the damage of the cells.
    pace : Pace
        How long steps may be.
    """

    grid: Grid
    medium: Medium
    boundary: Boundary
    initial_c: float
    applicators: tuple[Applicator, ...]
    protocol: tuple[Phase, ...]
    points_lps_mm: FloatArray
    lethal_cold_c: float | None = None
    watch: Watch | None = None
    pace: Pace = EXACT


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of it.

    Parameters
    ----------
    final_c : numpy.ndarray
        Shape (k, j, i): at the very end.
    active_c : numpy.ndarray
        The same at the end of the last heating or freezing phase; at the end without one.
    hottest_c, coldest_c : numpy.ndarray
        Extremes of every cell.
    omega, cem43_min : numpy.ndarray
        Damage of every cell at the end.
    dead_by_three_states : numpy.ndarray
        Where heat has killed by the three-state model alone.
    time_s : numpy.ndarray
        Shape (t,), from 0.
    points_c : numpy.ndarray
        Shape (t, n).
    steps : int
        Super steps.
    resistance_ohm, power_w : float or None
        Of the generator at the end of the last active phase.
    energy_j : float
        Enthalpy gained by all cells.
    """

    final_c: Float32Array
    active_c: Float32Array
    hottest_c: Float32Array
    coldest_c: Float32Array
    omega: Float32Array
    cem43_min: Float32Array
    dead_by_three_states: BoolArray
    time_s: FloatArray
    points_c: FloatArray
    steps: int
    resistance_ohm: float | None
    power_w: float | None
    energy_j: float


class _Run:
    """The state of a running simulation."""

    def __init__(self, task: Simulation, progress: Progress) -> None:
        self.task, self.progress = task, progress
        self.solver = HeatSolver(task.grid, task.medium, task.boundary, task.initial_c)
        self.damage = Damage(self.solver.temperature_c)
        self.begun_j = self.solver.energy_j()
        self.total_s = sum(phase.seconds for phase in task.protocol)
        self.time_s = 0.0
        self.steps = 0
        self.last_step_s = 0.0
        self.times: list[float] = []
        self.curves: list[NDArray[np.float64]] = []
        self.active_c: Float32Array | None = None
        self.sampler = PointSampler(task.grid, task.boundary, task.points_lps_mm)
        self.record()

    def record(self) -> None:
        """Note the temperatures of the points."""
        self.times.append(self.time_s)
        sharp, solver = self.solver.has_sharp_front, self.solver
        if len(self.task.points_lps_mm):
            seen = solver.displayed_c() if sharp else solver.temperature_c
            self.curves.append(self.sampler.values(seen))
        else:
            self.curves.append(np.zeros(0))

    def phase(self, phase: Phase) -> None:
        """Run one phase to its end."""
        solver, applicators = self.solver, self.task.applicators
        for applicator in applicators:
            applicator.begin(phase)
        held = [applicator.surfaces() for applicator in applicators]
        links = [e for applicator in applicators for e in applicator.near_fields()]
        solver.set_phase([s for group in held for s in group], links)
        limit_s = solver.explicit_limit_s(takes_heat=any(a.takes_heat for a in applicators))
        pace = self.task.pace
        longest = min([pace.slowness * a.longest_step_s() for a in applicators], default=np.inf)
        if self.task.medium.has_tissue:
            longest = min(longest, pace.watched_step_s)
        growth = GROWTH_SHARP if solver.has_sharp_front else pace.growth
        since, end = 0.0, phase.seconds
        self.last_step_s = 0.0
        while since < end * (1.0 - 1e-9):
            self._adapt(held)
            self._heat(since)
            wanted = min(max(FIRST_STEPS * limit_s, growth * since), longest, end - since)
            plan = solver.plan_step(wanted, limit_s)
            solver.step(plan)
            since += plan.seconds
            self.last_step_s = plan.seconds
            self.time_s += plan.seconds
            self._after(plan.seconds, phase.mode.value)
        if phase.mode in ACTIVE:
            self.active_c = solver.displayed_c()

    def _adapt(self, held: list[list[HeldSurface]]) -> None:
        changed = False
        for n, applicator in enumerate(self.task.applicators):
            fresh = applicator.adapt(self.solver, held[n])
            if fresh is not None:
                held[n], changed = fresh, True
        if changed:
            surfaces = [s for group in held for s in group]
            self.solver.set_surface_c(
                np.concatenate([s.cell_c for s in surfaces]),
                np.concatenate([s.contact_c for s in surfaces]),
            )

    def _heat(self, since_s: float) -> None:
        heat: HeatArray | None = None
        for applicator in self.task.applicators:
            part = applicator.heating(self.solver, since_s, self.last_step_s)
            if part is not None:
                heat = part if heat is None else heat + part
        self.solver.set_heating(heat)

    def _after(self, seconds: float, message: str) -> None:
        self.steps += 1
        solver = self.solver
        self.damage.advance(solver.temperature_before_c, solver.temperature_c, seconds)
        self.record()
        if self.task.watch is not None:
            self.task.watch(self.time_s, self.solver.temperature_c, self.damage)
        if self.task.medium.has_tissue and self.steps % PERFUSION_EVERY == 0:
            self.solver.stop_perfusion(self._without_blood())
        self.progress.update(self.time_s / self.total_s, message)

    def _without_blood(self) -> BoolArray:
        tissue = np.array([m.is_tissue for m in self.task.medium.materials])
        dead = self.damage.coagulated()
        if self.task.lethal_cold_c is not None:
            dead = dead | (self.damage.coldest_c <= self.task.lethal_cold_c)
        result: BoolArray = dead & tissue[self.task.medium.index]
        return result


def simulate(task: Simulation, progress: Progress = SILENT) -> Outcome:
    """Run a simulation.

    Parameters
    ----------
    task : Simulation
        Valid.
    progress : Progress
        Told of every step; cancels between steps.

    Returns
    -------
    Outcome
        Fields, curves and electrical values.

    Raises
    ------
    Cancelled
        When the result is no longer wanted.
    """
    progress.update(0.0, "simulating")
    with threads_for(int(np.prod(task.grid.size_kji))):
        run = _Run(task, progress)
        for phase in task.protocol:
            run.phase(phase)
    damage = run.damage
    active_c, ends_active = run.active_c, task.protocol[-1].mode in ACTIVE
    final_c = active_c if ends_active and active_c is not None else run.solver.displayed_c()
    generator = next((a for a in task.applicators if isinstance(a, Generator)), None)
    return Outcome(
        final_c=read_only(final_c),
        active_c=read_only(final_c if active_c is None else active_c),
        hottest_c=read_only(damage.hottest_c),
        coldest_c=read_only(damage.coldest_c),
        omega=read_only(damage.omega),
        cem43_min=read_only(damage.cem43_min),
        dead_by_three_states=read_only(damage.dead_by_three_states()),
        time_s=np.array(run.times),
        points_c=np.array(run.curves),
        steps=run.steps,
        resistance_ohm=generator.resistance_ohm if generator else None,
        power_w=generator.power_w if generator else None,
        energy_j=run.solver.energy_j() - run.begun_j,
    )


def as_points(points: Sequence[Sequence[float]]) -> FloatArray:
    """Return points as an array of shape (n, 3).

    Parameters
    ----------
    points : sequence
        Of three coordinates each, LPS millimetres.

    Returns
    -------
    numpy.ndarray
        Shape (n, 3), also for none.
    """
    return np.asarray(points, dtype=float).reshape(-1, 3)
