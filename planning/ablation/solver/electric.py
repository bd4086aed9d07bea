"""The potential around electrodes and the heat it makes: ∇·(σ∇V) = 0, Q = σ|∇V|².

Finite volumes on the same cells, links and contacts as the heat. The heat of a link goes half to
each of its cells, so that for uniform σ and k the temperatures obey T = T₀ + (σ/k)(V₀V − V²/2) on
the grid as exactly as in the continuum, and the heat of all cells is the power of the generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imaging.geometry import FloatArray, Grid
from imaging.kernels import parallel_kernel, prange
from planning.ablation.solver.embedding import Embedding
from planning.ablation.solver.materials import Float32Array
from planning.ablation.solver.multigrid import Conductances, Multigrid

# Of the error in the norm of the energy; power and resistance go with its square.
TOLERANCE = 1e-3
MM_PER_M = 1000.0
ONE, TWO, HALF, ZERO = np.float32(1.0), np.float32(2.0), np.float32(0.5), np.float32(0.0)
TINY = np.float32(1e-30)  # keeps the harmonic mean of two zeros at zero


@parallel_kernel
def _joule(
    v: Float32Array, ak: Float32Array, aj: Float32Array, ai: Float32Array, out: Float32Array
) -> None:
    """Fill the heat of each cell, watts: half of each link, all of one to a grounded face."""
    nk, nj, ni = v.shape
    for k in prange(1, nk - 1):
        for j in range(1, nj - 1):
            for i in range(1, ni - 1):
                here = v[k, j, i]
                low_k, high_k = ONE if k == 1 else HALF, ONE if k == nk - 2 else HALF
                low_j, high_j = ONE if j == 1 else HALF, ONE if j == nj - 2 else HALF
                low_i, high_i = ONE if i == 1 else HALF, ONE if i == ni - 2 else HALF
                heat = low_k * ak[k, j, i] * (here - v[k - 1, j, i]) ** 2
                heat += high_k * ak[k + 1, j, i] * (here - v[k + 1, j, i]) ** 2
                heat += low_j * aj[k, j, i] * (here - v[k, j - 1, i]) ** 2
                heat += high_j * aj[k, j + 1, i] * (here - v[k, j + 1, i]) ** 2
                heat += low_i * ai[k, j, i] * (here - v[k, j, i - 1]) ** 2
                heat += high_i * ai[k, j, i + 1] * (here - v[k, j, i + 1]) ** 2
                out[k, j, i] = heat


@parallel_kernel
def _fill_faces(
    sigma: Float32Array,
    area_m: FloatArray,
    grounded: bool,
    ak: Float32Array,
    aj: Float32Array,
    ai: Float32Array,
) -> None:
    """Fill the conductance of each face by the harmonic mean; outermost ones lead to ground."""
    nk, nj, ni = sigma.shape
    wk, wj, wi = np.float32(area_m[0]), np.float32(area_m[1]), np.float32(area_m[2])
    outer = TWO if grounded else ZERO
    for k in prange(1, nk):
        for j in range(1, nj):
            for i in range(1, ni):
                own = sigma[k, j, i]
                down, south, west = sigma[k - 1, j, i], sigma[k, j - 1, i], sigma[k, j, i - 1]
                ak[k, j, i] = wk * TWO * own * down / (own + down + TINY)
                aj[k, j, i] = wj * TWO * own * south / (own + south + TINY)
                ai[k, j, i] = wi * TWO * own * west / (own + west + TINY)
    for a in range(1, nj - 1):
        for b in range(1, ni - 1):
            ak[1, a, b] = outer * wk * sigma[1, a, b]
            ak[nk - 1, a, b] = outer * wk * sigma[nk - 2, a, b]
    for a in range(1, nk - 1):
        for b in range(1, ni - 1):
            aj[a, 1, b] = outer * wj * sigma[a, 1, b]
            aj[a, nj - 1, b] = outer * wj * sigma[a, nj - 2, b]
        for b in range(1, nj - 1):
            ai[a, b, 1] = outer * wi * sigma[a, b, 1]
            ai[a, b, ni - 1] = outer * wi * sigma[a, b, ni - 2]


@dataclass(frozen=True, eq=False)
class Electrode:
    """A conductor at one potential.

    Parameters
    ----------
    embedding : Embedding
        How it meets the grid.
    potential_v : float
        Relative; the field is scaled afterwards.
    """

    embedding: Embedding
    potential_v: float


class ElectricField:
    """Potential of electrodes in a medium.

    Parameters
    ----------
    grid : Grid
        Aligned with the patient's axes.
    electrodes : sequence of Electrode
        At their relative potentials.
    grounded : bool
        True when the faces of the box are at zero volts (a far pad), False when no current passes.
    """

    def __init__(self, grid: Grid, electrodes: Sequence[Electrode], *, grounded: bool) -> None:
        self._grounded = grounded
        self._shape = tuple(n + 2 for n in grid.size_kji)
        spacing_m = np.array(grid.spacing_mm_kji) / MM_PER_M
        self._volume_m3 = float(np.prod(spacing_m))
        self._area_m = self._volume_m3 / spacing_m**2
        parts = [e.embedding for e in electrodes]
        self._held = np.concatenate([e.held for e in parts])
        self._cells = np.concatenate([e.cells for e in parts])
        gap = np.concatenate([e.gap_mm for e in parts]) / MM_PER_M
        self._shape_m = np.concatenate([e.area_mm2 for e in parts]) / MM_PER_M**2 / gap
        self._contact_v = np.concatenate(
            [np.full(len(e.embedding.cells), e.potential_v) for e in electrodes]
        )
        self._second = np.concatenate([e.second for e in parts])
        self._axis = np.concatenate([e.link_axis for e in parts])
        self._factor = np.concatenate([e.factor for e in parts])
        self._potential = np.zeros(self._shape, np.float32)

    def solve(self, sigma_s_m: Float32Array) -> tuple[float, Float32Array]:
        """Solve for the potential, starting from the last one.

        Parameters
        ----------
        sigma_s_m : numpy.ndarray
            Shape (k, j, i).

        Returns
        -------
        float
            Power of the electrodes at their relative potentials, watts: the heat of all cells.
        numpy.ndarray
            Heat of the cells at these potentials, W/m³, shape (k, j, i).
        """
        sigma = np.zeros(self._shape, np.float32)
        sigma[1:-1, 1:-1, 1:-1] = sigma_s_m
        sigma.ravel()[self._held] = 0.0
        conductance = sigma.ravel()[self._cells] * self._shape_m
        network = self._network(sigma, conductance)
        rhs = np.zeros(self._shape, np.float32)
        np.add.at(rhs.ravel(), self._cells, conductance * self._contact_v)
        self._potential.ravel()[self._held] = 0.0
        Multigrid(network).solve(rhs, self._potential, TOLERANCE)
        heat = np.zeros(self._shape, np.float32)
        _joule(self._potential, *network.faces, heat)
        drop = self._contact_v - self._potential.ravel()[self._cells]
        np.add.at(heat.ravel(), self._cells, conductance * drop**2)
        inner = heat[1:-1, 1:-1, 1:-1]
        return float(inner.sum(dtype=float)), inner / np.float32(self._volume_m3)

    def _network(self, sigma: Float32Array, conductance: FloatArray) -> Conductances:
        """Return the conductances of all faces, near fields and contacts included."""
        faces = tuple(np.zeros(self._shape, np.float32) for _ in range(3))
        _fill_faces(sigma, self._area_m, self._grounded, *faces)
        for axis in range(3):
            chosen = self._axis == axis
            faces[axis].ravel()[self._second[chosen]] *= self._factor[chosen]
        ground = np.zeros(self._shape, np.float32)
        np.add.at(ground.ravel(), self._cells, conductance)
        return Conductances((faces[0], faces[1], faces[2]), ground)
