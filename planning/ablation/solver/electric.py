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
from planning.ablation.solver.multigrid import Conductances, Multigrid

TOLERANCE = 1e-5  # of the residual; power and resistance, quadratic in it, are far better
MM_PER_M = 1000.0


@parallel_kernel
def _joule(v: FloatArray, ak: FloatArray, aj: FloatArray, ai: FloatArray, out: FloatArray) -> None:
    """Fill the heat of each cell, watts: half of each link, all of one to a grounded face."""
    nk, nj, ni = v.shape
    for k in prange(1, nk - 1):
        for j in range(1, nj - 1):
            for i in range(1, ni - 1):
                here = v[k, j, i]
                low_k, high_k = 1.0 if k == 1 else 0.5, 1.0 if k == nk - 2 else 0.5
                low_j, high_j = 1.0 if j == 1 else 0.5, 1.0 if j == nj - 2 else 0.5
                low_i, high_i = 1.0 if i == 1 else 0.5, 1.0 if i == ni - 2 else 0.5
                heat = low_k * ak[k, j, i] * (here - v[k - 1, j, i]) ** 2
                heat += high_k * ak[k + 1, j, i] * (here - v[k + 1, j, i]) ** 2
                heat += low_j * aj[k, j, i] * (here - v[k, j - 1, i]) ** 2
                heat += high_j * aj[k, j + 1, i] * (here - v[k, j + 1, i]) ** 2
                heat += low_i * ai[k, j, i] * (here - v[k, j, i - 1]) ** 2
                heat += high_i * ai[k, j, i + 1] * (here - v[k, j, i + 1]) ** 2
                out[k, j, i] = heat


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
        self._potential = np.zeros(self._shape)

    def solve(self, sigma_s_m: FloatArray) -> tuple[float, FloatArray]:
        """Solve for the potential, starting from the last one.

        Parameters
        ----------
        sigma_s_m : numpy.ndarray
            Shape (k, j, i).

        Returns
        -------
        float
            Power of the electrodes at their relative potentials, watts.
        numpy.ndarray
            Heat of the cells at these potentials, W/m³, shape (k, j, i).
        """
        sigma = np.zeros(self._shape)
        sigma[1:-1, 1:-1, 1:-1] = sigma_s_m
        sigma.ravel()[self._held] = 0.0
        conductance = sigma.ravel()[self._cells] * self._shape_m
        network = self._network(sigma, conductance)
        rhs = np.zeros(self._shape)
        np.add.at(rhs.ravel(), self._cells, conductance * self._contact_v)
        self._potential.ravel()[self._held] = 0.0
        Multigrid(network).solve(rhs, self._potential, TOLERANCE)
        heat = np.zeros(self._shape)
        _joule(self._potential, *network.faces, heat)
        drop = self._contact_v - self._potential.ravel()[self._cells]
        np.add.at(heat.ravel(), self._cells, conductance * drop**2)
        power = float(np.sum(conductance * drop * self._contact_v))
        return power, heat[1:-1, 1:-1, 1:-1] / self._volume_m3

    def _network(self, sigma: FloatArray, conductance: FloatArray) -> Conductances:
        """Return the conductances of all faces, near fields and contacts included."""
        faces = []
        for axis in range(3):
            whole = np.zeros(self._shape)
            low, high = _pair(axis)
            own, before = sigma[high], sigma[low]
            total = own + before
            mean = np.divide(2.0 * own * before, total, out=np.zeros_like(total), where=total > 0)
            if self._grounded:
                first, last = _ends(axis)
                mean[first], mean[last] = 2.0 * own[first], 2.0 * before[last]
            whole[high] = mean * self._area_m[axis]
            chosen = self._axis == axis
            whole.ravel()[self._second[chosen]] *= self._factor[chosen]
            faces.append(whole)
        ground = np.zeros(self._shape)
        np.add.at(ground.ravel(), self._cells, conductance)
        return Conductances((faces[0], faces[1], faces[2]), ground)


def _pair(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return the slices of the cells before and after every face along an axis, inside others."""
    low: list[slice] = [slice(1, -1)] * 3
    high: list[slice] = [slice(1, -1)] * 3
    low[axis], high[axis] = slice(None, -1), slice(1, None)
    return tuple(low), tuple(high)


def _ends(axis: int) -> tuple[tuple[slice | int, ...], tuple[slice | int, ...]]:
    """Return the index of the first and the last face along an axis."""
    first: list[slice | int] = [slice(None)] * 3
    last: list[slice | int] = [slice(None)] * 3
    first[axis], last[axis] = 0, -1
    return tuple(first), tuple(last)
