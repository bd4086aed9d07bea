"""Microwave antennas: power that leaves a line and is absorbed on its way out, to the last watt.

q ∝ G(x) · 2α e^{−τ}, where G is the geometric spreading of an evenly radiating line and τ = ∫ 2α dr
the absorption between antenna and cell, marched through what lies between. The sum over all cells
is the power that leaves the antenna. Dried tissue absorbs little, so its heat moves outwards.
"""

from __future__ import annotations

import math

import numpy as np

from imaging.geometry import FloatArray, Grid, unit
from imaging.kernels import parallel_kernel, prange
from planning.ablation.solver.applicators import Applicator
from planning.ablation.solver.embedding import Embedding, Shape
from planning.ablation.solver.heat import HeatSolver, HeldSurface
from planning.ablation.solver.materials import BOILING_FROM_C, BOILING_TO_C, Medium
from planning.ablation.solver.protocol import OFF, Mode, Phase

FREQUENCY_HZ = 2.45e9
VACUUM_PERMITTIVITY = 8.8541878128e-12  # F/m, CODATA 2018
VACUUM_PERMEABILITY = 1.25663706212e-6  # H/m, CODATA 2018
DRY_FACTOR = 0.05  # α of dried tissue against wet [BG]
REFRESH_S = 10.0  # the source follows drying at least this often
STEP_S = 5.0
MARCH_CELLS = 0.5  # step of the march through the tissue


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
def _absorbed(
    alpha_per_mm: FloatArray,
    tip_kji: FloatArray,
    axis_kji: FloatArray,
    spacing_mm: FloatArray,
    length_mm: float,
    radius_mm: float,
    step_mm: float,
    out: FloatArray,
) -> None:
    """Fill the relative heat of each cell; coordinates are cell indices times spacing."""
    nk, nj, ni = alpha_per_mm.shape
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                dk = k * spacing_mm[0] - tip_kji[0]
                dj = j * spacing_mm[1] - tip_kji[1]
                di = i * spacing_mm[2] - tip_kji[2]
                z = dk * axis_kji[0] + dj * axis_kji[1] + di * axis_kji[2]
                rho = math.sqrt(max(dk * dk + dj * dj + di * di - z * z, 0.0))
                if rho < radius_mm and 0.0 <= z <= length_mm:
                    out[k, j, i] = 0.0
                    continue
                wide = max(rho, 0.5 * radius_mm)
                spread = (math.atan((length_mm - z) / wide) + math.atan(z / wide)) / wide
                near = min(max(z, 0.0), length_mm)
                fk = tip_kji[0] + near * axis_kji[0]
                fj = tip_kji[1] + near * axis_kji[1]
                fi = tip_kji[2] + near * axis_kji[2]
                gk = k * spacing_mm[0] - fk
                gj = j * spacing_mm[1] - fj
                gi = i * spacing_mm[2] - fi
                far = math.sqrt(gk * gk + gj * gj + gi * gi)
                count = max(1, int((far - radius_mm) / step_mm))
                span = max(far - radius_mm, 0.0) / count
                depth = 0.0
                for n in range(count):
                    s = (radius_mm + (n + 0.5) * span) / far
                    a = min(max(int((fk + s * gk) / spacing_mm[0] + 0.5), 0), nk - 1)
                    b = min(max(int((fj + s * gj) / spacing_mm[1] + 0.5), 0), nj - 1)
                    c = min(max(int((fi + s * gi) / spacing_mm[2] + 0.5), 0), ni - 1)
                    depth += 2.0 * alpha_per_mm[a, b, c] * span
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
        self._source: FloatArray | None = None
        self._refreshed_s = 0.0

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

    def heating(self, solver: HeatSolver, time_s: float, seconds: float) -> FloatArray | None:
        """Return the absorbed power; it sums to the power that leaves the antenna."""
        if self.phase.mode in OFF:
            return None
        if self._source is None or time_s - self._refreshed_s >= REFRESH_S:
            self._source = self._absorption(solver)
            self._refreshed_s = time_s
        power = self._power_w if self.phase.power_w is None else self.phase.power_w
        return self._source * (power * self._efficiency)

    def _absorption(self, solver: HeatSolver) -> FloatArray:
        """Heat of the cells at one watt, W/m³."""
        span = BOILING_TO_C - BOILING_FROM_C
        dry = np.clip((solver.temperature_c.astype(float) - BOILING_FROM_C) / span, 0.0, 1.0)
        alpha = self._alpha[self._medium.index] * (1.0 - (1.0 - DRY_FACTOR) * dry) / 1000.0
        spacing = np.array(self.grid.spacing_mm_kji)
        heat = np.zeros(self.grid.size_kji)
        _absorbed(
            alpha,
            self.grid.to_kji(self.shape.tip_lps_mm) * spacing,
            unit(self.shape.axis_lps)[::-1].copy(),
            spacing,
            self.shape.length_mm,
            self.shape.radius_mm,
            MARCH_CELLS * float(spacing.min()),
            heat,
        )
        cells = solver.held_cells()
        padded = np.zeros(tuple(n + 2 for n in heat.shape))
        padded[1:-1, 1:-1, 1:-1] = heat
        padded.ravel()[cells] = 0.0  # what is held at the coolant's temperature takes no heat
        heat = padded[1:-1, 1:-1, 1:-1]
        per_watt: FloatArray = heat / (heat.sum() * self.grid.voxel_ml * 1e-6)
        return per_watt
