"""Microwave antennas: power that leaves a line and is absorbed on its way out, to the last watt.

q ∝ G(x) · 2α e^{−τ}, where G is the geometric spreading of an evenly radiating line and τ = ∫ 2α dr
the absorption between antenna and cell, added up along rays through what lies between. The sum over
all cells is the power that leaves the antenna. Dried tissue absorbs little, so its heat moves
outwards.
"""

from __future__ import annotations

import math

import numpy as np

from imaging.geometry import FloatArray, Grid, unit
from imaging.kernels import parallel_kernel, prange
from planning.ablation.solver.applicators import Applicator
from planning.ablation.solver.embedding import Embedding, Shape
from planning.ablation.solver.heat import HeatSolver, HeldSurface
from planning.ablation.solver.materials import BOILING_FROM_C, BOILING_TO_C, Float32Array, Medium
from planning.ablation.solver.protocol import OFF, Mode, Phase

FREQUENCY_HZ = 2.45e9
VACUUM_PERMITTIVITY = 8.8541878128e-12  # F/m, CODATA 2018
VACUUM_PERMEABILITY = 1.25663706212e-6  # H/m, CODATA 2018
DRY_FACTOR = 0.05  # α of dried tissue against wet [BG]
REFRESH_SHARE = 0.02  # the source is computed anew when so much of it has dried
STEP_S = 5.0
MARCH_CELLS = 0.5  # step on the rays through the tissue
TURNS, FAN = 48, 16  # rays around the axis, and rows of them that lean out beyond each end
FARTHEST_MM = 150.0  # beyond it nothing is left
MM_PER_M = 1000.0
ZERO = np.float32(0.0)


def attenuation_per_m(permittivity: FloatArray, conductivity_s_m: FloatArray) -> FloatArray:
    """Return the attenuation of a plane wave at 2.45 GHz.

    α = ω √(με/2) [√(1 + (σ/ωε)²) − 1]^½; power falls as e^{−2αr}.

    Parameters
    ----------
    permittivity : numpy.ndarray
        Relative.
    conductivity_s_m : numpy.ndarray
        At 2.45 GHz.

    Returns
    -------
    numpy.ndarray
        1/m.
    """
    omega = 2.0 * math.pi * FREQUENCY_HZ
    epsilon = permittivity * VACUUM_PERMITTIVITY
    loss = conductivity_s_m / (omega * epsilon)
    root = np.sqrt(np.sqrt(1.0 + loss**2) - 1.0)
    alpha: FloatArray = omega * np.sqrt(VACUUM_PERMEABILITY * epsilon / 2.0) * root
    return alpha


@parallel_kernel
def _depths(
    alpha_per_mm: Float32Array,
    origin: FloatArray,
    axis: FloatArray,
    side: FloatArray,
    up: FloatArray,
    spacing_mm: FloatArray,
    length_mm: float,
    radius_mm: float,
    step_mm: float,
    along: int,
    out: Float32Array,
) -> None:
    """Fill ∫ 2α dr from the surface of the antenna to every place on every ray.

    ``out`` has shape (rows, turns, places); the first and last ``FAN`` rows lean from the axis'
    ends to straight across.
    """
    nk, nj, ni = alpha_per_mm.shape
    rows, turns, places = out.shape
    for row in prange(rows):
        if row < FAN:
            start, lean = 0.0, -0.5 * math.pi * (1.0 - row / FAN)
        elif row >= FAN + along:
            start, lean = length_mm, 0.5 * math.pi * (row - FAN - along + 1) / FAN
        else:
            start, lean = length_mm * (row - FAN) / (along - 1), 0.0
        forward, outward = math.sin(lean), math.cos(lean)
        for turn in range(turns):
            angle = 2.0 * math.pi * turn / turns
            c, d = outward * math.cos(angle), outward * math.sin(angle)
            dk = forward * axis[0] + c * side[0] + d * up[0]
            dj = forward * axis[1] + c * side[1] + d * up[1]
            di = forward * axis[2] + c * side[2] + d * up[2]
            depth = 0.0
            for n in range(places):
                out[row, turn, n] = depth
                far = radius_mm + (n + 0.5) * step_mm
                k = int((origin[0] + start * axis[0] + far * dk) / spacing_mm[0] + 0.5)
                j = int((origin[1] + start * axis[1] + far * dj) / spacing_mm[1] + 0.5)
                i = int((origin[2] + start * axis[2] + far * di) / spacing_mm[2] + 0.5)
                k, j, i = min(max(k, 0), nk - 1), min(max(j, 0), nj - 1), min(max(i, 0), ni - 1)
                depth += 2.0 * alpha_per_mm[k, j, i] * step_mm


@parallel_kernel
def _absorbed(
    alpha_per_mm: Float32Array,
    depths: Float32Array,
    origin: FloatArray,
    axis: FloatArray,
    side: FloatArray,
    up: FloatArray,
    spacing_mm: FloatArray,
    length_mm: float,
    radius_mm: float,
    step_mm: float,
    along: int,
    out: Float32Array,
) -> None:
    """Fill the relative heat of each cell, its depth read from the rays around it."""
    nk, nj, ni = alpha_per_mm.shape
    rows, turns, places = depths.shape
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                dk = k * spacing_mm[0] - origin[0]
                dj = j * spacing_mm[1] - origin[1]
                di = i * spacing_mm[2] - origin[2]
                z = dk * axis[0] + dj * axis[1] + di * axis[2]
                x = dk * side[0] + dj * side[1] + di * side[2]
                y = dk * up[0] + dj * up[1] + di * up[2]
                rho = math.sqrt(x * x + y * y)
                if rho < radius_mm and 0.0 <= z <= length_mm:
                    out[k, j, i] = ZERO
                    continue
                wide = max(rho, 0.5 * radius_mm)
                spread = (math.atan((length_mm - z) / wide) + math.atan(z / wide)) / wide
                beyond = z - min(max(z, 0.0), length_mm)
                far = math.sqrt(rho * rho + beyond * beyond)
                if z < 0.0:
                    row = FAN * (1.0 - math.atan2(-z, rho) / (0.5 * math.pi))
                elif z > length_mm:
                    row = FAN + along - 1 + FAN * math.atan2(beyond, rho) / (0.5 * math.pi)
                else:
                    row = FAN + (along - 1) * z / length_mm
                turn = math.atan2(y, x) / (2.0 * math.pi) * turns
                turn = turn + turns if turn < 0.0 else turn
                place = max(far - radius_mm, 0.0) / step_mm
                a, b, c = min(int(row), rows - 2), int(turn), min(int(place), places - 2)
                fa, fb, fc = row - a, turn - b, min(place - c, 1.0)
                b0, b1 = b % turns, (b + 1) % turns
                depth = 0.0
                for n in range(2):
                    wa = fa if n else 1.0 - fa
                    for m in range(2):
                        ray = b1 if m else b0
                        wb = fb if m else 1.0 - fb
                        low, high = depths[a + n, ray, c], depths[a + n, ray, c + 1]
                        depth += wa * wb * (low + fc * (high - low))
                out[k, j, i] = spread * alpha_per_mm[k, j, i] * math.exp(-depth)


class Antenna(Applicator):
    """One antenna.

    Parameters
    ----------
    grid : Grid
        Of the simulation.
    medium : Medium
        Gives permittivity and conductivity at 2.45 GHz.
    shape : Shape
        The radiating part.
    power_w : float
        Set at the generator unless a phase says otherwise.
    efficiency : float
        Share that reaches the tissue.
    coolant_c, coefficient_w_m2_k : float or None, float
        Of the cooled shaft.
    """

    modes = frozenset({Mode.POWER, Mode.PASSIVE_THAW, Mode.REST})

    def __init__(
        self,
        grid: Grid,
        medium: Medium,
        shape: Shape,
        *,
        power_w: float,
        efficiency: float,
        coolant_c: float | None,
        coefficient_w_m2_k: float,
    ) -> None:
        super().__init__(grid, shape)
        self._medium = medium
        self._power_w, self._efficiency = power_w, efficiency
        self._coolant_c, self._coefficient = coolant_c, coefficient_w_m2_k
        self._alpha = attenuation_per_m(
            medium.values("permittivity"), medium.values("microwave_s_m")
        )
        self._alpha = (self._alpha / MM_PER_M).astype(np.float32)
        self._source: Float32Array | None = None
        self._dry: Float32Array | None = None

    def begin(self, phase: Phase) -> None:
        """Enter a phase with a fresh source."""
        super().begin(phase)
        self._source = None

    def surfaces(self) -> list[HeldSurface]:
        """Return the cooled shaft; the pump runs while power is on."""
        if self.phase.mode in OFF or self._coolant_c is None:
            return []
        e = self.embedding
        return [
            HeldSurface(
                e,
                np.full(len(e.held), self._coolant_c),
                np.full(len(e.cells), self._coolant_c),
                1.0 / self._coefficient,
            )
        ]

    def near_fields(self) -> list[Embedding]:
        """Return the near field of the cooled shaft."""
        return [] if self.phase.mode in OFF or self._coolant_c is None else [self.embedding]

    def longest_step_s(self) -> float:
        """Return the pace at which the source follows drying."""
        return 1e9 if self.phase.mode in OFF else STEP_S

    def heating(self, solver: HeatSolver, time_s: float, seconds: float) -> Float32Array | None:
        """Return the absorbed power; it sums to the power that leaves the antenna."""
        if self.phase.mode in OFF:
            return None
        dry = self._dryness(solver)
        if self._source is None or self._changed(dry) > REFRESH_SHARE:
            self._source, self._dry = self._absorption(solver, dry), dry
        power = self._power_w if self.phase.power_w is None else self.phase.power_w
        return self._source * np.float32(power * self._efficiency)

    def _dryness(self, solver: HeatSolver) -> Float32Array:
        """Share of the water that has boiled off, of every cell."""
        span = np.float32(BOILING_TO_C - BOILING_FROM_C)
        above = (solver.temperature_c - np.float32(BOILING_FROM_C)) / span
        dry: Float32Array = np.clip(above, np.float32(0.0), np.float32(1.0))
        return dry

    def _changed(self, dry: Float32Array) -> float:
        """Share of the source's heat by which drying has moved since it was computed."""
        if self._source is None or self._dry is None:
            return 1.0
        moved = float((np.abs(dry - self._dry) * self._source).sum(dtype=float))
        return moved / float(self._source.sum(dtype=float))

    def _absorption(self, solver: HeatSolver, dry: Float32Array) -> Float32Array:
        """Heat of the cells at one watt, W/m³."""
        alpha = self._alpha[self._medium.index] * (1.0 - np.float32(1.0 - DRY_FACTOR) * dry)
        spacing = np.array(self.grid.spacing_mm_kji)
        axis = unit(self.shape.axis_lps)[::-1].copy()
        side = unit(np.cross(axis, np.eye(3)[int(np.argmin(np.abs(axis)))]))
        step = MARCH_CELLS * float(spacing.min())
        length = self.shape.length_mm
        along = max(2, math.ceil(length / float(spacing.min())) + 1)
        widest = float(np.linalg.norm(spacing * np.array(self.grid.size_kji)))
        places = min(math.ceil(widest / step), math.ceil(FARTHEST_MM / step)) + 2
        depths = np.zeros((2 * FAN + along, TURNS, places), np.float32)
        heat = np.zeros(self.grid.size_kji, np.float32)
        rays = (
            self.grid.to_kji(self.shape.tip_lps_mm) * spacing,
            axis,
            side,
            np.cross(axis, side),
            spacing,
            length,
            self.shape.radius_mm,
            step,
            along,
        )
        _depths(alpha, *rays, depths)
        _absorbed(alpha, depths, *rays, heat)
        cells = solver.held_cells()
        places_kji = np.array(np.unravel_index(cells, tuple(n + 2 for n in heat.shape))) - 1
        heat[tuple(places_kji)] = 0.0  # what is held at the coolant's temperature takes no heat
        total_m3 = float(heat.sum(dtype=float)) * self.grid.voxel_ml * 1e-6
        per_watt: Float32Array = heat / np.float32(total_m3)
        return per_watt
