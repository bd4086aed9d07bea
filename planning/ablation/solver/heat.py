"""Heat and cold in a medium: finite volumes on enthalpy, stepped by super-time-stepping (RKL2).

ρc ∂T/∂t = ∇·(k∇T) + ω ρ_b c_b (37 °C − T) + Q_m + Q, written for the enthalpy H(T), so that the
latent heats of freezing and boiling are conserved to the last joule. Fluxes between cells use the
harmonic mean of k and are equal and opposite; faces of the box lie half a cell from the centres.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import FloatArray, Grid
from planning.ablation.solver import kernels
from planning.ablation.solver.embedding import Embedding
from planning.ablation.solver.kernels import CellArray
from planning.ablation.solver.materials import (
    BLOOD_HEAT_J_M3_K,
    NO_RANGE_C,
    SHARP_J_M3,
    Float32Array,
    IndexArray,
    Medium,
    enthalpy,
)

FACES = ("z_min", "z_max", "y_min", "y_max", "x_min", "x_max")  # order of the kernels: k, j, i
MM_PER_M = 1000.0
SAFETY = 0.9  # of the explicit stability limit; the bound is Gershgorin's, so this is cautious
MOST_STAGES = 41  # more stages a step gain little and lose float32 digits
SHARP_RANGE_K = 0.5  # a narrower freezing range counts as one temperature when fields are read
LEAST_STAGES = 3  # RKL2 is defined from two stages on; odd numbers damp best


@dataclass(frozen=True)
class Boundary:
    """What the six faces of the box do.

    Parameters
    ----------
    face_c : tuple of float or None
        Temperature of each face in the order of ``FACES``; None for an insulated one.
    """

    face_c: tuple[float | None, ...] = (37.0,) * 6


@dataclass(frozen=True, eq=False)
class HeldSurface:
    """A source's surface at a temperature, as one phase drives it.

    Parameters
    ----------
    embedding : Embedding
        How it meets the grid.
    cell_c, contact_c : numpy.ndarray
        Temperature of the cells inside, and of the surface at each contact.
    resistance_m2_k_w : float
        Between coolant and tissue; 0 for a perfect contact.
    """

    embedding: Embedding
    cell_c: FloatArray
    contact_c: FloatArray
    resistance_m2_k_w: float = 0.0


@dataclass(eq=False)
class _Surfaces:
    """All held surfaces of a phase in the arrays of the kernels."""

    held: CellArray
    held_c: FloatArray
    cells: CellArray
    surface_c: FloatArray
    gap_m: FloatArray
    resistance: FloatArray
    area_m2: FloatArray
    area_per_volume: FloatArray
    first: CellArray
    second: CellArray
    extra: FloatArray
    flux: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        self.flux = np.zeros(len(self.cells))


def _numbers(parts: Sequence[FloatArray]) -> FloatArray:
    return np.concatenate([np.zeros(0), *parts])


def _cells(parts: Sequence[CellArray]) -> CellArray:
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts])


@dataclass(frozen=True, eq=False)
class Interfaces:
    """Faces between different materials, listed by cell.

    Parameters
    ----------
    cells : numpy.ndarray
        Flat indices of the cells that have such faces.
    starts : numpy.ndarray
        Where each cell's neighbours start; one more entry than cells.
    neighbours : numpy.ndarray
        Flat indices.
    inverse_h2 : numpy.ndarray
        1/m², float32, one for each neighbour.
    """

    cells: CellArray
    starts: CellArray
    neighbours: CellArray
    inverse_h2: Float32Array


def interfaces(index: IndexArray, inverse_h2: FloatArray) -> Interfaces:
    """Find the faces between different materials.

    Parameters
    ----------
    index : numpy.ndarray
        Material of every cell with one layer of ghosts, which are left out.
    inverse_h2 : numpy.ndarray
        1/m² along k, j, i.

    Returns
    -------
    Interfaces
        Every face from both of its sides.
    """
    flat = np.arange(index.size, dtype=np.int64).reshape(index.shape)[1:-1, 1:-1, 1:-1]
    inner = index[1:-1, 1:-1, 1:-1]
    own, other, weight = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    for axis in range(3):
        count = inner.shape[axis]
        low = np.take(flat, range(count - 1), axis=axis)
        high = np.take(flat, range(1, count), axis=axis)
        differ = np.diff(inner.astype(np.int16), axis=axis) != 0
        own += [low[differ], high[differ]]
        other += [high[differ], low[differ]]
        weight.append(np.full(2 * int(differ.sum()), inverse_h2[axis]))
    first = np.concatenate(own)
    order = np.argsort(first, kind="stable")
    cells, starts = np.unique(first[order], return_index=True)
    return Interfaces(
        cells=cells,
        starts=np.append(starts, len(first)).astype(np.int64),
        neighbours=np.concatenate(other)[order],
        inverse_h2=np.concatenate(weight)[order].astype(np.float32),
    )


@dataclass(frozen=True)
class StepPlan:
    """Stages of one super step.

    Parameters
    ----------
    seconds : float
        Length of the step.
    stages : int
        Evaluations it takes.
    """

    seconds: float
    stages: int


class HeatSolver:
    """State of a medium, and how it changes.

    Parameters
    ----------
    grid : Grid
        Aligned with the patient's axes.
    medium : Medium
        Of every cell.
    boundary : Boundary
        Of the box.
    initial_c : float
        Temperature everywhere at the start.
    """

    def __init__(self, grid: Grid, medium: Medium, boundary: Boundary, initial_c: float) -> None:
        self.grid, self.medium, self.boundary = grid, medium, boundary
        shape = tuple(n + 2 for n in grid.size_kji)
        self._inner = (slice(1, -1),) * 3
        self._table = medium.table.astype(np.float32)
        self._index = np.zeros(shape, dtype=np.uint8)
        self._index[self._inner] = medium.index
        spacing_m = np.array(grid.spacing_mm_kji) / MM_PER_M
        self._inverse_h2 = 1.0 / spacing_m**2
        self._volume_m3 = float(np.prod(spacing_m))
        self._h2 = self._inverse_h2.astype(np.float32)
        self._fixed = np.array([t is not None for t in boundary.face_c], dtype=np.uint8)
        self._face_c = np.array([t or 0.0 for t in boundary.face_c], dtype=np.float32)
        self._face_potential = self._potentials(self._face_c)
        self._now, self._work, self._other = (np.zeros(shape, np.float32) for _ in range(3))
        self._start_rate, self._rate = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self._potential, self._gain = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self._linked = self._index.copy()
        self._interfaces = interfaces(self._index, self._inverse_h2)
        self._temperature = np.full(shape, initial_c, np.float32)
        self._conductivity = np.zeros(shape, np.float32)
        self._heating = np.zeros(shape, np.float32)
        self._perfusion = np.zeros(shape, np.float32)
        self._perfused = np.zeros(shape, np.float32)
        self._perfused[self._inner] = (medium.values("perfusion_per_s") * BLOOD_HEAT_J_M3_K)[
            medium.index
        ]
        self._metabolic = medium.values("metabolic_w_m3")[medium.index].astype(np.float32)
        self._surfaces = self._gather([], [])
        self._set_enthalpy(initial_c)
        self.set_phase([], [])

    def _potentials(self, face_c: Float32Array) -> Float32Array:
        """Kirchhoff's potential of every material at the faces, by the kernels' own formula."""
        materials = len(self.medium.materials)
        h = np.zeros((3, 3, materials + 2), np.float32)
        index = np.zeros(h.shape, np.uint8)
        index[:, :, 1:-1] = np.arange(materials)
        result = np.zeros((len(face_c), materials), np.float32)
        none, t, k, potential, gain = (np.zeros_like(h) for _ in range(5))
        for n, level in enumerate(face_c):
            rows = self.medium.table
            h[1, 1, 1:-1] = [float(enthalpy(row, np.array(float(level)))) for row in rows]
            kernels.state_mapped(h, index, self._table, none, none, t, k, potential, gain)
            result[n] = potential[1, 1, 1:-1]
        return result

    def _set_enthalpy(self, initial_c: float) -> None:
        values = [float(enthalpy(row, np.array(initial_c))) for row in self.medium.table]
        self._now[self._inner] = np.array(values, dtype=np.float32)[self.medium.index]

    @property
    def temperature_c(self) -> Float32Array:
        """Temperature of the cells, shape (k, j, i); a view that the next step overwrites."""
        return self._temperature[self._inner]

    @property
    def flat_temperature_c(self) -> Float32Array:
        """Temperature by flat index with ghosts, as embeddings count cells."""
        return self._temperature.ravel()

    def energy_j(self) -> float:
        """Return the enthalpy of all cells against 37 °C, unfrozen.

        Returns
        -------
        float
            Joules.
        """
        return float(self._now[self._inner].sum(dtype=np.float64)) * self._volume_m3

    def held_cells(self) -> CellArray:
        """Return the flat indices of the cells that are held at a temperature."""
        return self._surfaces.held

    def conductivity_between(self, cells: CellArray, surface_c: FloatArray) -> FloatArray:
        """Return the mean conductivity between surfaces and cells, ∫ k dT / ΔT.

        Parameters
        ----------
        cells : numpy.ndarray
            Flat indices.
        surface_c : numpy.ndarray
            Temperature of the surface that each one touches.

        Returns
        -------
        numpy.ndarray
            W/m/K.
        """
        gap_c = surface_c - self.flat_temperature_c[cells]
        apart = np.where(np.abs(gap_c) < 0.01, surface_c + 0.01, surface_c)
        flux = np.zeros(len(cells))
        ones = np.ones(len(cells))
        kernels.contact_flux(
            cells, apart, ones, 0.0 * ones, self._index, self._table, self._temperature, flux
        )
        gap_c = apart - self.flat_temperature_c[cells]
        return flux / gap_c

    def contact_power_w(self) -> FloatArray:
        """Return the heat that flows into the medium at each contact.

        Returns
        -------
        numpy.ndarray
            Watts, in the order of the surfaces given to :meth:`set_phase`.
        """
        self._contact_flux()
        return self._surfaces.flux * self._surfaces.area_m2

    def set_phase(self, surfaces: Sequence[HeldSurface], links: Sequence[Embedding]) -> None:
        """Change what is held at a temperature.

        Parameters
        ----------
        surfaces : sequence of HeldSurface
            Sources that are held.
        links : sequence of Embedding
            Sources whose near field is radial, held or heating.
        """
        self._surfaces = self._gather(surfaces, links)
        self._perfusion[...] = self._perfused
        self._perfusion.ravel()[self._surfaces.held] = 0.0
        self._linked[...] = self._index
        self._linked.ravel()[self._surfaces.held] = kernels.CUT
        self._hold_enthalpy()
        self.set_heating(None)

    def _hold_enthalpy(self) -> None:
        """Give held cells the enthalpy of their temperature, for the time they are released."""
        held, held_c = self._surfaces.held, self._surfaces.held_c
        material = self._index.ravel()[held]
        enthalpies = np.zeros(len(held))
        for n in np.unique(material):
            chosen = material == n
            enthalpies[chosen] = enthalpy(self.medium.table[n], held_c[chosen])
        self._now.ravel()[held] = enthalpies

    def set_surface_c(self, cell_c: FloatArray, contact_c: FloatArray) -> None:
        """Change the temperatures of the held surfaces.

        Parameters
        ----------
        cell_c, contact_c : numpy.ndarray
            Of all held cells and contacts, in the order of the surfaces.
        """
        self._surfaces.held_c[:] = cell_c
        self._surfaces.surface_c[:] = contact_c
        self._hold_enthalpy()
        self._refresh(self._now)

    def set_heating(self, heating_w_m3: FloatArray | Float32Array | None) -> None:
        """Change the heat released in the medium; metabolism is added.

        Parameters
        ----------
        heating_w_m3 : numpy.ndarray or None
            Shape (k, j, i).
        """
        self._heating[self._inner] = self._metabolic
        if heating_w_m3 is not None:
            self._heating[self._inner] += heating_w_m3
        self._heating.ravel()[self._surfaces.held] = 0.0
        self._refresh(self._now)

    def stop_perfusion(self, dead: NDArray[np.bool_]) -> None:
        """End perfusion where tissue is dead, for good.

        Parameters
        ----------
        dead : numpy.ndarray
            Shape (k, j, i), bool.
        """
        self._perfused[self._inner][dead] = 0.0
        self._perfusion[self._inner][dead] = 0.0
        self._refresh(self._now)

    def _gather(self, surfaces: Sequence[HeldSurface], links: Sequence[Embedding]) -> _Surfaces:
        area_m2 = _numbers([s.embedding.area_mm2 for s in surfaces]) / MM_PER_M**2
        resistance = [np.full(len(s.embedding.cells), s.resistance_m2_k_w) for s in surfaces]
        factor = _numbers([e.factor for e in links])
        axis = _cells([e.link_axis for e in links])
        return _Surfaces(
            held=_cells([s.embedding.held for s in surfaces]),
            held_c=_numbers([s.cell_c for s in surfaces]),
            cells=_cells([s.embedding.cells for s in surfaces]),
            surface_c=_numbers([s.contact_c for s in surfaces]),
            gap_m=_numbers([s.embedding.gap_mm for s in surfaces]) / MM_PER_M,
            resistance=_numbers(resistance),
            area_m2=area_m2,
            area_per_volume=area_m2 / self._volume_m3,
            first=_cells([e.first for e in links]),
            second=_cells([e.second for e in links]),
            extra=(factor - 1.0) * self._inverse_h2[axis],
        )

    def explicit_limit_s(self) -> float:
        """Return the longest stable step of the explicit scheme, by Gershgorin's bound.

        Returns
        -------
        float
            Seconds; valid whatever freezes or thaws.
        """
        table = self.medium.table
        most_k = np.maximum(table[:, 11], table[:, 11] + table[:, 12])
        least_heat = 1.0 / np.maximum(table[:, 3], table[:, 6])
        index = self._index.ravel()
        # The harmonic mean with a better conductor is at most twice this cell's own k.
        neighbour = float(most_k.max())
        face_k = 2.0 * most_k * neighbour / (most_k + neighbour)
        rate = face_k * 2.0 * self._inverse_h2.sum()
        rate += self._perfused.max()
        worst = float((rate / least_heat).max())
        s = self._surfaces
        touched = np.unique(np.concatenate([s.cells, s.first, s.second]))
        if len(touched) == 0:
            return 1.0 / worst
        extra = np.zeros(index.size)
        own_k = most_k[index[s.cells]]
        conductance = s.area_per_volume / (s.gap_m / own_k + s.resistance)
        np.add.at(extra, s.cells, conductance)
        for end in (s.first, s.second):
            np.add.at(extra, end, np.maximum(s.extra, 0.0) * face_k[index[end]])
        local = (rate[index[touched]] + extra[touched]) / least_heat[index[touched]]
        return 1.0 / max(worst, float(local.max()))

    def plan_step(self, seconds: float, limit_s: float) -> StepPlan:
        """Return the stages that a step needs, shortening it where they would be too many.

        Parameters
        ----------
        seconds : float
            Wanted.
        limit_s : float
            From :meth:`explicit_limit_s`.

        Returns
        -------
        StepPlan
            τ ≤ limit · (s² + s − 2)/4.
        """
        safe = SAFETY * limit_s
        longest = safe * (MOST_STAGES**2 + MOST_STAGES - 2) / 4.0
        seconds = min(seconds, longest)
        stages = math.ceil((-1.0 + math.sqrt(9.0 + 16.0 * seconds / safe)) / 2.0)
        stages = max(LEAST_STAGES, stages + (stages + 1) % 2)
        return StepPlan(seconds, stages)

    def step(self, plan: StepPlan) -> None:
        """Advance by one super step.

        Parameters
        ----------
        plan : StepPlan
            From :meth:`plan_step`.
        """
        tau, s = plan.seconds, plan.stages
        w1 = 4.0 / (s * s + s - 2.0)
        b = [1.0 / 3.0, 1.0 / 3.0]
        b += [(j * j + j - 2.0) / (2.0 * j * (j + 1.0)) for j in range(2, s + 1)]
        start, before, last = self._now, self._work, self._other
        self._fill_rate(self._start_rate)
        kernels.first_stage(start, self._start_rate, b[1] * w1 * tau, before)
        last[...] = start
        for j in range(2, s + 1):
            mu = (2.0 * j - 1.0) / j * b[j] / b[j - 1]
            nu = -(j - 1.0) / j * b[j] / b[j - 2]
            mu_dt = mu * w1 * tau
            gamma_dt = -(1.0 - b[j - 1]) * mu_dt
            weights = np.array([mu, nu, 1.0 - mu - nu, mu_dt, gamma_dt], dtype=np.float32)
            self._refresh(before)
            self._fill_rate(self._rate)
            kernels.next_stage(start, self._start_rate, before, self._rate, weights, last)
            before, last = last, before
        self._now, self._work, self._other = before, last, start
        self._refresh(self._now)

    def _fill_rate(self, rate: Float32Array) -> None:
        """Fill L of the state that temperature, conductivity and potential stand for."""
        t, k, theta = self._temperature, self._conductivity, self._potential
        kernels.rate_inside(theta, self._linked, self._gain, self._h2, rate)
        between = self._interfaces
        if len(between.cells):
            kernels.add_interfaces(
                between.cells, between.starts, between.neighbours, between.inverse_h2, t, k, rate
            )
        s = self._surfaces
        self._contact_flux()
        kernels.add_contacts(s.cells, s.area_per_volume, s.flux, rate)
        kernels.add_links(s.first, s.second, s.extra, t, k, theta, self._linked, rate)

    def displayed_c(self) -> Float32Array:
        """Return the temperatures for reading: a sharp freezing front is placed inside its cells.

        Returns
        -------
        numpy.ndarray
            Shape (k, j, i), own memory.
        """
        table = self.medium.table
        sharp = (table[:, 4] < SHARP_RANGE_K) & (table[:, 0] < table[:, 5] - SHARP_J_M3)
        if not (sharp & (table[:, 2] > NO_RANGE_C)).any():
            return self.temperature_c.copy()
        out = np.zeros(self.grid.size_kji, np.float32)
        kernels.sharpen(self._now, self._index, self._table, self._temperature, SHARP_RANGE_K, out)
        return out

    def _contact_flux(self) -> None:
        s = self._surfaces
        kernels.contact_flux(
            s.cells,
            s.surface_c,
            s.gap_m,
            s.resistance,
            self._index,
            self._table,
            self._temperature,
            s.flux,
        )

    def _refresh(self, state: Float32Array) -> None:
        """Bring temperature, conductivity, potential and ghosts to a state."""
        t, k, theta = self._temperature, self._conductivity, self._potential
        own, filled = (self._heating, self._perfusion), (t, k, theta, self._gain)
        if len(self.medium.materials) == 1:
            kernels.state_uniform(state, self._table[0], *own, *filled)
        else:
            kernels.state_mapped(state, self._index, self._table, *own, *filled)
        kernels.hold(self._surfaces.held, self._surfaces.held_c, t, k)
        kernels.fill_ghosts(t, theta, self._linked, self._fixed, self._face_c, self._face_potential)
