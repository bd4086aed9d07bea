"""Applicators in a simulation: what each one holds at a temperature, and what heat it releases."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from imaging.geometry import FloatArray, Grid, unit
from planning.ablation.solver.embedding import Embedding, Shape, embed
from planning.ablation.solver.heat import HeatSolver, HeldSurface
from planning.ablation.solver.materials import Float32Array
from planning.ablation.solver.protocol import OFF, Mode, Phase

LEAST_POINTS, MOST_POINTS = 24, 200  # across a source whose heat is shared out to cells
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


class HeatedPoints(Applicator):
    """Points that release a power evenly, or take it where it is negative.

    Parameters
    ----------
    grid : Grid
        Of the simulation.
    shape : Shape
        That they fill or cover.
    points_lps_mm : numpy.ndarray
        Shape (n, 3); what lies outside the grid is lost.
    power_w : float or None
        Its own; a phase's value overrides it.
    """

    modes = frozenset({Mode.POWER, Mode.HEAT, Mode.FREEZE, Mode.PASSIVE_THAW, Mode.REST})

    def __init__(
        self, grid: Grid, shape: Shape, points_lps_mm: FloatArray, power_w: float | None
    ) -> None:
        super().__init__(grid, shape)
        self.power_w = power_w
        self._share = point_shares(grid, points_lps_mm)

    def begin(self, phase: Phase) -> None:
        """Enter a phase; a power below zero takes heat away."""
        super().begin(phase)
        power_w = self.power_w if phase.power_w is None else phase.power_w
        self._released_w = 0.0 if phase.mode in OFF or power_w is None else power_w
        self.takes_heat = self._released_w < 0

    def heating(self, solver: HeatSolver, time_s: float, seconds: float) -> HeatArray | None:
        """Return the even heat of the points."""
        return self._released_w * self._share if self._released_w else None


def ball_points(grid: Grid, shape: Shape) -> FloatArray:
    """Return points that fill a ball evenly.

    Parameters
    ----------
    grid : Grid
        Says how dense they must be.
    shape : Shape
        A sphere.

    Returns
    -------
    numpy.ndarray
        Shape (n, 3), LPS millimetres.
    """
    count = _across(grid, 2.0 * shape.radius_mm)
    line = (np.arange(count) + 0.5) / count * 2.0 - 1.0
    cube = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1).reshape(-1, 3)
    inside = cube[(cube**2).sum(axis=1) <= 1.0]
    points: FloatArray = inside * shape.radius_mm + np.asarray(shape.tip_lps_mm)
    return points


def rod_points(grid: Grid, shape: Shape) -> FloatArray:
    """Return points that fill a rod evenly; a thin one is a line.

    Parameters
    ----------
    grid : Grid
        Says how dense they must be.
    shape : Shape
        A cylinder.

    Returns
    -------
    numpy.ndarray
        Shape (n, 3), LPS millimetres.
    """
    across, along = _across(grid, 2.0 * shape.radius_mm) // 2, _across(grid, shape.length_mm)
    line = (np.arange(across) + 0.5) / across * 2.0 - 1.0
    disc = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    disc = disc[(disc**2).sum(axis=1) <= 1.0] * shape.radius_mm
    axis = unit(shape.axis_lps)
    side = unit(np.cross(axis, np.eye(3)[int(np.argmin(np.abs(axis)))]))
    section = disc[:, :1] * side + disc[:, 1:] * np.cross(axis, side)
    depth = (np.arange(along) + 0.5) / along * shape.length_mm
    points = section[None] + depth[:, None, None] * axis + np.asarray(shape.tip_lps_mm)
    result: FloatArray = points.reshape(-1, 3)
    return result


def shell_points(grid: Grid, shape: Shape) -> FloatArray:
    """Return points that cover a sphere evenly, on a spiral of the golden angle.

    Parameters
    ----------
    grid : Grid
        Says how dense they must be.
    shape : Shape
        A sphere.

    Returns
    -------
    numpy.ndarray
        Shape (n, 3), LPS millimetres.
    """
    count = 4 * _across(grid, 2.0 * shape.radius_mm) ** 2
    place = (np.arange(count) + 0.5) / count
    height, turn = 1.0 - 2.0 * place, np.pi * (1.0 + np.sqrt(5.0)) * np.arange(count)
    ring = np.sqrt(1.0 - height**2)
    points = np.stack([ring * np.cos(turn), ring * np.sin(turn), height], axis=1)
    covering: FloatArray = points * shape.radius_mm + np.asarray(shape.tip_lps_mm)
    return covering


def _across(grid: Grid, length_mm: float) -> int:
    """Return how many points along a length share its heat out evenly."""
    finest = min(grid.spacing_mm_kji) / 4.0
    return min(max(LEAST_POINTS, int(np.ceil(length_mm / finest))), MOST_POINTS)


def point_shares(grid: Grid, points_lps_mm: FloatArray) -> FloatArray:
    """Return the share of the points' heat per cubic metre that each cell takes.

    Points give their heat to the eight cells around them by distance, so that the heat stays
    centred where they are, however close together they lie.

    Parameters
    ----------
    grid : Grid
        Aligned with the patient's axes.
    points_lps_mm : numpy.ndarray
        Shape (n, 3).

    Returns
    -------
    numpy.ndarray
        1/m³, shape (k, j, i).
    """
    kji = grid.to_kji(points_lps_mm)
    size = np.array(grid.size_kji)
    weight = 1.0 / len(points_lps_mm)
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
