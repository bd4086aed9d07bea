"""Heat and cold in a medium: finite volumes on enthalpy, stepped by super-time-stepping (RKL2).

ρc ∂T/∂t = ∇·(k∇T) + ω ρ_b c_b (37 °C − T) + Q_m + Q, written for the enthalpy H(T), so that the
latent heats of freezing and boiling are conserved to the last joule. Fluxes between cells use the
harmonic mean of k and are equal and opposite; faces of the box lie half a cell from the centres.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from imaging.geometry import FloatArray, Grid
from planning.ablation.solver import kernels, stages
from planning.ablation.solver.embedding import Embedding
from planning.ablation.solver.kernels import PARALLEL_FROM_CELLS, CellArray
from planning.ablation.solver.layout import layout_of
from planning.ablation.solver.materials import (
    BLOOD_HEAT_J_M3_K,
    INVERSE_C,
    INVERSE_C_FROZEN,
    K_FROZEN,
    K_SPAN,
    NO_RANGE_C,
    SHARP_J_M3,
    T_THAWED,
    Float32Array,
    Medium,
    enthalpy,
)

FACES = ("z_min", "z_max", "y_min", "y_max", "x_min", "x_max")  # order of the kernels: k, j, i
MM_PER_M = 1000.0
SAFETY = 0.9  # of the explicit stability limit; the bound is Gershgorin's, so this is cautious
MOST_STAGES = 41  # more stages a step gain little and lose float32 digits
SHARP_RANGE_K = 0.5  # a narrower freezing range counts as one temperature when fields are read
ALL = slice(None)
ABOVE_FREEZING_K = 2.0  # a phase that stays this far above it counts as one where nothing freezes
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
    spoken_for: CellArray  # by which of the cells that surfaces hold, each held cell once
    cells: CellArray
    surface_c: FloatArray
    gap_m: FloatArray
    resistance: FloatArray
    area_m2: FloatArray
    area_per_volume: FloatArray
    first: CellArray
    second: CellArray
    extra: FloatArray
    touched: CellArray
    places: CellArray
    flux: FloatArray = field(init=False)
    rates: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        self.flux = np.zeros(len(self.cells))
        self.rates = np.zeros(len(self.touched))


def _chunks(size_kji: tuple[int, int, int]) -> int:
    """Return into how many pieces of planes a grid is cut for the threads."""
    if math.prod(size_kji) < PARALLEL_FROM_CELLS:
        return 1
    return max(1, min(numba.get_num_threads(), size_kji[0] // 4))


def _numbers(parts: Sequence[FloatArray]) -> FloatArray:
    return np.concatenate([np.zeros(0), *parts])


def _cells(parts: Sequence[CellArray]) -> CellArray:
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts])


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
        blood = medium.values("perfusion_per_s") * BLOOD_HEAT_J_M3_K
        metabolic = medium.values("metabolic_w_m3")
        self._sources = np.stack([metabolic, blood], axis=1).astype(np.float32)
        self._index = np.zeros(shape, dtype=np.uint8)
        self._index[self._inner] = medium.index
        self._fill_edges(self._index)
        self._linked = self._index.copy()
        self._perfused = np.ones(shape, dtype=np.uint8)
        spacing_m = np.array(grid.spacing_mm_kji) / MM_PER_M
        self._inverse_h2 = 1.0 / spacing_m**2
        self._volume_m3 = float(np.prod(spacing_m))
        self._h2 = self._inverse_h2.astype(np.float32)
        self._fixed = np.array([t is not None for t in boundary.face_c], dtype=np.uint8)
        face_c = np.array([t or 0.0 for t in boundary.face_c])
        self._face_potential = self._potentials(face_c)
        chunks = _chunks(grid.size_kji)
        self._scratch = np.zeros((chunks, stages.PARTS, 3 * shape[1] * shape[2]), np.float32)
        self._now, self._work, self._other = (np.zeros(shape, np.float32) for _ in range(3))
        self._start_rate, self._heating = (np.zeros(shape, np.float32) for _ in range(2))
        self._temperature = np.full(shape, initial_c, np.float32)
        self._surfaces = self._gather([], [])
        self._set_enthalpy(initial_c)
        self.set_phase([], [])

    def _potentials(self, face_c: FloatArray) -> Float32Array:
        """Kirchhoff's potential of every material at the faces, by the kernels' own formula."""
        result = np.zeros((len(face_c), len(self._table)), np.float32)
        for n, level in enumerate(face_c):
            for m, row in enumerate(self.medium.table):
                at_face = np.float32(enthalpy(row, np.array(float(level))))
                result[n, m] = kernels.cell_state(at_face, self._table[m])[2]
        return result

    @staticmethod
    def _fill_edges(values: NDArray[Any]) -> None:
        """Give every ghost the value of the cell before it."""
        for axis in range(3):
            along = np.moveaxis(values, axis, 0)
            along[0], along[-1] = along[1], along[-2]

    def _set_enthalpy(self, initial_c: float) -> None:
        values = [float(enthalpy(row, np.array(initial_c))) for row in self.medium.table]
        self._now[self._inner] = np.array(values, dtype=np.float32)[self.medium.index]
        self._set_temperature()

    @property
    def temperature_c(self) -> Float32Array:
        """Temperature of the cells, shape (k, j, i); a view that the next step overwrites."""
        return self._temperature[self._inner]

    @property
    def temperature_before_c(self) -> Float32Array:
        """Temperature before the last step, shape (k, j, i); a view that the next step spoils."""
        return self._other[self._inner]

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
            cells, apart, ones, 0.0 * ones, self._index, self._table, self._now, flux
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
        self._contact_flux(self._now)
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
        self._linked[...] = self._index
        self._linked.ravel()[self._surfaces.held] = kernels.CUT
        self._fill_edges(self._linked)
        self._layout = layout_of(self._linked)
        self._hold_enthalpy()
        self._temperature.ravel()[self._surfaces.held] = self._surfaces.held_c
        self.set_heating(None)

    def _hold_enthalpy(self, which: CellArray | slice = ALL) -> None:
        """Give held cells the enthalpy of their temperature, for the time they are released."""
        held, held_c = self._surfaces.held[which], self._surfaces.held_c[which]
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
        s = self._surfaces
        fresh_c = cell_c[s.spoken_for]
        changed = np.flatnonzero(fresh_c != s.held_c)  # air around a body never does
        s.held_c[:] = fresh_c
        s.surface_c[:] = contact_c
        self._hold_enthalpy(changed)
        self._temperature.ravel()[s.held] = s.held_c

    def set_heating(self, heating_w_m3: FloatArray | Float32Array | None) -> None:
        """Change the heat released in the medium; metabolism is added.

        Parameters
        ----------
        heating_w_m3 : numpy.ndarray or None
            Shape (k, j, i).
        """
        self._heating[self._inner] = 0.0 if heating_w_m3 is None else heating_w_m3

    def stop_perfusion(self, dead: NDArray[np.bool_]) -> None:
        """End perfusion where tissue is dead, for good.

        Parameters
        ----------
        dead : numpy.ndarray
            Shape (k, j, i), bool.
        """
        np.bitwise_and(
            self._perfused[self._inner], ~dead.view(np.uint8) & 1, out=self._perfused[self._inner]
        )

    def _gather(self, surfaces: Sequence[HeldSurface], links: Sequence[Embedding]) -> _Surfaces:
        area_m2 = _numbers([s.embedding.area_mm2 for s in surfaces]) / MM_PER_M**2
        resistance = [np.full(len(s.embedding.cells), s.resistance_m2_k_w) for s in surfaces]
        factor = _numbers([e.factor for e in links])
        axis = _cells([e.link_axis for e in links])
        cells = _cells([s.embedding.cells for s in surfaces])
        first, second = _cells([e.first for e in links]), _cells([e.second for e in links])
        touched, places = np.unique(np.concatenate([cells, first, second]), return_inverse=True)
        held = _cells([s.embedding.held for s in surfaces])
        # A cell that several hold, as a probe's in air, is the last one's.
        unique, from_end = np.unique(held[::-1], return_index=True)
        spoken_for = len(held) - 1 - from_end
        return _Surfaces(
            held=unique,
            held_c=_numbers([s.cell_c for s in surfaces])[spoken_for],
            spoken_for=spoken_for.astype(np.int64),
            cells=cells,
            surface_c=_numbers([s.contact_c for s in surfaces]),
            gap_m=_numbers([s.embedding.gap_mm for s in surfaces]) / MM_PER_M,
            resistance=_numbers(resistance),
            area_m2=area_m2,
            # What is held, as the air that a probe touches, takes no heat from another surface.
            area_per_volume=np.where(np.isin(cells, unique), 0.0, area_m2) / self._volume_m3,
            first=first,
            second=second,
            extra=(factor - 1.0) * self._inverse_h2[axis],
            touched=touched,
            places=places.astype(np.int64),
        )

    def explicit_limit_s(self, *, takes_heat: bool = False) -> float:
        """Return the longest stable step of the explicit scheme, by Gershgorin's bound.

        Parameters
        ----------
        takes_heat : bool
            Whether heat is taken out of cells in this phase, other than by held surfaces.

        Returns
        -------
        float
            Seconds; valid until the phase ends, whatever freezes or thaws in it.
        """
        table = self.medium.table
        most_k = table[:, K_FROZEN] + table[:, K_SPAN]
        inverse_heat = table[:, INVERSE_C]
        if takes_heat or self._may_freeze():
            most_k = np.maximum(most_k, table[:, K_FROZEN])
            inverse_heat = np.maximum(inverse_heat, table[:, INVERSE_C_FROZEN])
        least_heat = 1.0 / inverse_heat
        index = self._index.ravel()
        # The harmonic mean with a better conductor is at most twice this cell's own k.
        used = np.unique(self._linked)
        used = used[used != kernels.CUT]
        neighbour = float(most_k[used].max())
        face_k = 2.0 * most_k * neighbour / (most_k + neighbour)
        rate = face_k * 2.0 * self._inverse_h2.sum()
        rate += self._sources[:, 1]
        worst = float((rate / least_heat)[used].max())
        s = self._surfaces
        touched = s.touched
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

    def _may_freeze(self) -> bool:
        """Tell whether anything is, or is held, so cold that a cell may freeze in this phase.

        Where heat is only put in, no cell gets colder than the coldest of these.
        """
        s = self._surfaces
        faces = [t for t in self.boundary.face_c if t is not None]
        coldest = min(
            float(self._temperature[self._inner].min()),
            float(np.min(s.held_c, initial=np.inf)),
            float(np.min(s.surface_c, initial=np.inf)),
            min(faces, default=np.inf),
        )
        return coldest < float(self.medium.table[:, T_THAWED].max()) + ABOVE_FREEZING_K

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
        first_weights = np.array([0.0, 0.0, 0.0, b[1] * w1 * tau, 0.0], dtype=np.float32)
        self._stage(start, start, before, first_weights, first=True)
        last[...] = start
        for j in range(2, s + 1):
            mu = (2.0 * j - 1.0) / j * b[j] / b[j - 1]
            nu = -(j - 1.0) / j * b[j] / b[j - 2]
            mu_dt = mu * w1 * tau
            gamma_dt = -(1.0 - b[j - 1]) * mu_dt
            weights = np.array([mu, nu, 1.0 - mu - nu, mu_dt, gamma_dt], dtype=np.float32)
            self._stage(before, start, last, weights, first=False)
            before, last = last, before
        # What was the state at the start takes the temperatures, and theirs keeps those before.
        self._now, self._work = before, last
        self._temperature, self._other = start, self._temperature
        self._set_temperature()

    def _stage(
        self,
        before: Float32Array,
        start: Float32Array,
        last: Float32Array,
        weights: Float32Array,
        *,
        first: bool,
    ) -> None:
        """Fill ``last`` with the next stage, and at the first one the rate of the start."""
        s = self._surfaces
        s.rates[:] = 0.0
        if len(s.touched):
            self._contact_flux(before)
            kernels.add_contacts(s.places[: len(s.cells)], s.area_per_volume, s.flux, s.rates)
            links = s.places[len(s.cells) :]
            kernels.add_links(
                s.first, s.second, s.extra, links, before, self._linked, self._table, s.rates
            )
        stages.stage(
            first,
            before,
            start,
            self._start_rate,
            last,
            weights,
            self._linked,
            *self._layout,
            self._table,
            self._sources,
            self._heating,
            self._perfused,
            self._h2,
            self._face_potential,
            self._fixed,
            self._scratch,
        )
        if len(s.touched):
            kernels.add_rates(s.touched, s.rates, float(weights[3]), last)
            if first:
                kernels.add_rates(s.touched, s.rates, 1.0, self._start_rate)

    @property
    def has_sharp_front(self) -> bool:
        """Whether a material freezes at one temperature, or nearly."""
        table = self.medium.table
        sharp = (table[:, 4] < SHARP_RANGE_K) & (table[:, 0] < table[:, 5] - SHARP_J_M3)
        return bool((sharp & (table[:, 2] > NO_RANGE_C)).any())

    def displayed_c(self) -> Float32Array:
        """Return the temperatures for reading: a sharp freezing front is placed inside its cells.

        Returns
        -------
        numpy.ndarray
            Shape (k, j, i), own memory.
        """
        if not self.has_sharp_front:
            return self.temperature_c.copy()
        self._fill_edges(self._temperature)
        out = np.zeros(self.grid.size_kji, np.float32)
        kernels.sharpen(self._now, self._index, self._table, self._temperature, SHARP_RANGE_K, out)
        return out

    def _contact_flux(self, state: Float32Array) -> None:
        s = self._surfaces
        kernels.contact_flux(
            s.cells,
            s.surface_c,
            s.gap_m,
            s.resistance,
            self._index,
            self._table,
            state,
            s.flux,
        )

    def _set_temperature(self) -> None:
        """Bring the temperatures to the state."""
        kernels.temperatures(self._now, self._index, self._table, self._temperature)
        self._temperature.ravel()[self._surfaces.held] = self._surfaces.held_c
