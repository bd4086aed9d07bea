"""Applicators in a simulation: what each one holds at a temperature, and what heat it releases."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from imaging.geometry import FloatArray, Grid
from planning.ablation.solver.embedding import Embedding, Shape, embed
from planning.ablation.solver.heat import HeatSolver, HeldSurface
from planning.ablation.solver.materials import Float32Array
from planning.ablation.solver.protocol import OFF, Mode, Phase

BALL_SAMPLES = 24  # points across a ball's diameter whose heat is shared out to cells
LONGEST_STEP_S = 1e9
HeatArray: TypeAlias = FloatArray | Float32Array


class Applicator:
    """One applicator; this base class is an inert one.

    Parameters
    ----------
    grid : Grid
        Of the simulation.
    shape : Shape
        Where it is.
    """

    modes: frozenset[Mode] = frozenset(Mode)
    takes_heat = False  # in this phase, out of cells, other than by its surface

    def __init__(self, grid: Grid, shape: Shape) -> None:
        self.grid, self.shape = grid, shape
        self.embedding: Embedding = embed(grid, shape)

    def begin(self, phase: Phase) -> None:
        """Enter a phase.

        Parameters
        ----------
        phase : Phase
            What is done from now on.
        """
        self.phase = phase

    def surfaces(self) -> list[HeldSurface]:
        """Return the surfaces this phase holds at a temperature."""
        return []

    def near_fields(self) -> list[Embedding]:
        """Return the embeddings whose near field is radial in this phase."""
        return []

    def adapt(self, solver: HeatSolver, held: list[HeldSurface]) -> list[HeldSurface] | None:
        """Change the temperatures of the surfaces before a step.

        Parameters
        ----------
        solver : HeatSolver
            As it is now.
        held : list of HeldSurface
            As :meth:`surfaces` returned them.

        Returns
        -------
        list of HeldSurface or None
            New temperatures on the same embeddings; None when nothing changes.
        """
        return None

    def heating(self, solver: HeatSolver, time_s: float, seconds: float) -> HeatArray | None:
        """Return the heat released in the next step, None when there is none.

        Parameters
        ----------
        solver : HeatSolver
            As it is now.
        time_s : float
            Since the start of the phase.
        seconds : float
            Length of the step before.

        Returns
        -------
        numpy.ndarray or None
            W/m³, shape (k, j, i).
        """
        return None

    def longest_step_s(self) -> float:
        """Return the longest step that follows this phase well enough."""
        return LONGEST_STEP_S


class HeldShape(Applicator):
    """A sphere or cylinder at a temperature.

    Parameters
    ----------
    grid : Grid
        Of the simulation.
    shape : Shape
        Where it is.
    temperature_c : float or None
        Its own; a phase's value overrides it.
    """

    modes = frozenset({Mode.FREEZE, Mode.HEAT, Mode.ACTIVE_THAW, Mode.PASSIVE_THAW, Mode.REST})

    def __init__(self, grid: Grid, shape: Shape, temperature_c: float | None) -> None:
        super().__init__(grid, shape)
        self.temperature_c = temperature_c

    def surfaces(self) -> list[HeldSurface]:
        """Return the whole surface at its temperature, unless the source is off."""
        if self.phase.mode in OFF:
            return []
        own = self.phase.temperature_c
        level = self.temperature_c if own is None else own
        if level is None:
            return []
        e = self.embedding
        return [HeldSurface(e, np.full(len(e.held), level), np.full(len(e.cells), level))]

    def near_fields(self) -> list[Embedding]:
        """Return its own near field, unless the source is off."""
        return [] if self.phase.mode in OFF else [self.embedding]


class HeatedBall(Applicator):
    """A ball that releases power evenly; what lies outside the grid is lost.

    Parameters
    ----------
    grid : Grid
        Of the simulation.
    shape : Shape
        A sphere.
    power_w : float or None
        Its own; a phase's value overrides it.
    """

    modes = frozenset({Mode.POWER, Mode.HEAT, Mode.FREEZE, Mode.PASSIVE_THAW, Mode.REST})

    def __init__(self, grid: Grid, shape: Shape, power_w: float | None) -> None:
        super().__init__(grid, shape)
        self.power_w = power_w
        self._share = ball_shares(grid, shape)

    def begin(self, phase: Phase) -> None:
        """Enter a phase; a power below zero takes heat away."""
        super().begin(phase)
        power_w = self.power_w if phase.power_w is None else phase.power_w
        self._released_w = 0.0 if phase.mode in OFF or power_w is None else power_w
        self.takes_heat = self._released_w < 0

    def heating(self, solver: HeatSolver, time_s: float, seconds: float) -> HeatArray | None:
        """Return the even heat of the ball."""
        return self._released_w * self._share if self._released_w else None


def ball_shares(grid: Grid, shape: Shape) -> FloatArray:
    """Return the share of a ball's heat per cubic metre that each cell takes.

    Points that fill the ball give their heat to the eight cells around them by distance, so that
    the heat stays centred where the ball is, however small it is.

    Parameters
    ----------
    grid : Grid
        Aligned with the patient's axes.
    shape : Shape
        A sphere.

    Returns
    -------
    numpy.ndarray
        1/m³, shape (k, j, i).
    """
    finest = min(grid.spacing_mm_kji) / 4.0
    count = max(BALL_SAMPLES, int(np.ceil(2.0 * shape.radius_mm / finest)))
    count = min(count, 200)
    line = (np.arange(count) + 0.5) / count * 2.0 - 1.0
    cube = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1).reshape(-1, 3)
    points = cube[(cube**2).sum(axis=1) <= 1.0] * shape.radius_mm + np.asarray(shape.tip_lps_mm)
    kji = grid.to_kji(points)
    size = np.array(grid.size_kji)
    weight = 1.0 / len(points)
    real = ((kji >= -0.5) & (kji <= size - 0.5)).all(axis=1)
    kji = kji[real]
    low = np.floor(kji).astype(int)
    part = kji - low
    share = np.zeros(grid.size_kji)
    for corner in np.ndindex(2, 2, 2):
        cell = np.clip(low + corner, 0, size - 1)
        amount = np.prod(np.where(np.array(corner) == 1, part, 1.0 - part), axis=1) * weight
        np.add.at(share, tuple(cell.T), amount)
    return share / (grid.voxel_ml * 1e-6)


@dataclass(eq=False)
class CryoSurface:
    """What drives a cryoprobe's surface.

    Parameters
    ----------
    coldest_c : float
        At the middle of the active tip, without load.
    proximal_rise_k : float
        Warmer by this much at the hub end of the tip, where the gas leaves.
    coefficient_w_m2_k : float
        Between gas and tissue.
    cooling_power_w : float
        Greatest heat the gas carries away.
    thaw_c : float
        Of active thaw.
    """

    coldest_c: float
    proximal_rise_k: float
    coefficient_w_m2_k: float
    cooling_power_w: float
    thaw_c: float
    lifted_k: float = field(default=0.0)


class Cryoprobe(Applicator):
    """A probe whose active tip is cooled, limited by its cooling power.

    Parameters
    ----------
    grid : Grid
        Of the simulation.
    shape : Shape
        The active tip.
    surface : CryoSurface
        What drives it.
    """

    modes = frozenset({Mode.FREEZE, Mode.PASSIVE_THAW, Mode.ACTIVE_THAW, Mode.REST})

    def __init__(self, grid: Grid, shape: Shape, surface: CryoSurface) -> None:
        super().__init__(grid, shape)
        self._surface = surface

    def _profile(self, along_mm: FloatArray) -> FloatArray:
        """Temperature along the tip: coldest in its distal half, warmer towards the hub."""
        place = np.clip(along_mm / self.shape.length_mm, 0.0, 1.0)
        rise = np.clip((place - 0.5) / 0.5, 0.0, 1.0) ** 2
        return self._surface.coldest_c + self._surface.proximal_rise_k * rise

    def _at(self, lifted_k: float) -> HeldSurface:
        e, s = self.embedding, self._surface
        if self.phase.mode is Mode.ACTIVE_THAW:
            own = self.phase.temperature_c
            level = s.thaw_c if own is None else own
            cell_c, contact_c = np.full(len(e.held), level), np.full(len(e.cells), level)
        else:
            own = self.phase.temperature_c
            shift = lifted_k + (0.0 if own is None else own - s.coldest_c)
            cell_c = self._profile(e.held_along_mm) + shift
            contact_c = self._profile(e.along_mm) + shift
        return HeldSurface(e, cell_c, contact_c, 1.0 / s.coefficient_w_m2_k)

    def surfaces(self) -> list[HeldSurface]:
        """Return the active tip, unless the gas is off."""
        return [] if self.phase.mode in OFF else [self._at(0.0)]

    def near_fields(self) -> list[Embedding]:
        """Return its own near field, unless the gas is off."""
        return [] if self.phase.mode in OFF else [self.embedding]

    def adapt(self, solver: HeatSolver, held: list[HeldSurface]) -> list[HeldSurface] | None:
        """Warm the tip so far that it takes no more heat than the gas carries away."""
        if self.phase.mode is not Mode.FREEZE or not len(self.embedding.cells):
            return None
        full = self._at(0.0)
        power, conductance = self._load(solver, full)
        excess = power - self._surface.cooling_power_w
        return [self._at(max(excess, 0.0) / conductance)]

    def _load(self, solver: HeatSolver, surface: HeldSurface) -> tuple[float, float]:
        """Heat the tip would take at a temperature, and its change per kelvin."""
        e = self.embedding
        around = solver.flat_temperature_c[e.cells].astype(float)
        conductivity = solver.conductivity_between(e.cells, surface.contact_c)
        resistance = e.gap_mm / 1000.0 / conductivity + surface.resistance_m2_k_w
        conductance = e.area_mm2 / 1e6 / resistance
        power = float(np.sum(conductance * (around - surface.contact_c)))
        return power, float(np.sum(conductance))
