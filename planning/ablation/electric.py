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
from imaging.kernels import kernel, parallel_kernel, prange
from planning.ablation.embedding import Embedding
from planning.ablation.kernels import CellArray

TOLERANCE = 1e-7  # residual against the right side; the resistance is then good to some 1e-6
MOST_ITERATIONS = 4000
MM_PER_M = 1000.0


@parallel_kernel
def _apply(potential: FloatArray, sigma: FloatArray, area: FloatArray, out: FloatArray) -> None:
    """Fill the current out of each cell through its six faces; ghosts of potential are set."""
    gk, gj, gi = 2.0 * area[0], 2.0 * area[1], 2.0 * area[2]
    nk, nj, ni = potential.shape
    for k in prange(1, nk - 1):
        for j in range(1, nj - 1):
            for i in range(1, ni - 1):
                s, v = sigma[k, j, i] + 1e-300, potential[k, j, i]
                a = sigma[k, j, i - 1] / (s + sigma[k, j, i - 1]) * (v - potential[k, j, i - 1])
                a += sigma[k, j, i + 1] / (s + sigma[k, j, i + 1]) * (v - potential[k, j, i + 1])
                b = sigma[k, j - 1, i] / (s + sigma[k, j - 1, i]) * (v - potential[k, j - 1, i])
                b += sigma[k, j + 1, i] / (s + sigma[k, j + 1, i]) * (v - potential[k, j + 1, i])
                c = sigma[k - 1, j, i] / (s + sigma[k - 1, j, i]) * (v - potential[k - 1, j, i])
                c += sigma[k + 1, j, i] / (s + sigma[k + 1, j, i]) * (v - potential[k + 1, j, i])
                out[k, j, i] = s * (gi * a + gj * b + gk * c)


@parallel_kernel
def _joule(potential: FloatArray, sigma: FloatArray, area: FloatArray, out: FloatArray) -> None:
    """Fill the heat of each cell, watts: half of each link, all of one to a grounded face."""
    g = (2.0 * area[0], 2.0 * area[1], 2.0 * area[2])
    nk, nj, ni = potential.shape
    for k in prange(1, nk - 1):
        for j in range(1, nj - 1):
            for i in range(1, ni - 1):
                s, v = sigma[k, j, i] + 1e-300, potential[k, j, i]
                heat = 0.0
                for side in range(6):
                    axis, step = side // 2, 2 * (side % 2) - 1
                    a = k + (step if axis == 0 else 0)
                    b = j + (step if axis == 1 else 0)
                    c = i + (step if axis == 2 else 0)
                    drop = v - potential[a, b, c]
                    # A grounded ghost mirrors V: half of (2V)² over h is V² over h/2, all of it.
                    heat += 0.5 * s * g[axis] * sigma[a, b, c] / (s + sigma[a, b, c]) * drop**2
                out[k, j, i] = heat


@kernel
def _diagonal(sigma: FloatArray, area: FloatArray, out: FloatArray) -> None:
    nk, nj, ni = sigma.shape
    for k in range(1, nk - 1):
        for j in range(1, nj - 1):
            for i in range(1, ni - 1):
                total = 0.0
                s = sigma[k, j, i] + 1e-300
                for side in range(6):
                    axis, step = side // 2, 2 * (side % 2) - 1
                    a = k + (step if axis == 0 else 0)
                    b = j + (step if axis == 1 else 0)
                    c = i + (step if axis == 2 else 0)
                    outer = a in (0, nk - 1) or b in (0, nj - 1) or c in (0, ni - 1)
                    half = 2.0 if outer else 1.0
                    total += half * 2.0 * area[axis] * s * sigma[a, b, c] / (s + sigma[a, b, c])
                out[k, j, i] = total


@kernel
def _link_currents(
    first: CellArray,
    second: CellArray,
    extra: FloatArray,
    potential: FloatArray,
    sigma: FloatArray,
    out: FloatArray,
) -> None:
    v, s, o = potential.ravel(), sigma.ravel(), out.ravel()
    for n in range(first.size):
        p, q = first[n], second[n]
        both = s[p] + s[q]
        if both > 0.0:
            current = extra[n] * 2.0 * s[p] * s[q] / both * (v[p] - v[q])
            o[p] += current
            o[q] -= current


@kernel
def _link_heat(
    first: CellArray,
    second: CellArray,
    extra: FloatArray,
    potential: FloatArray,
    sigma: FloatArray,
    out: FloatArray,
) -> None:
    v, s, o = potential.ravel(), sigma.ravel(), out.ravel()
    for n in range(first.size):
        p, q = first[n], second[n]
        both = s[p] + s[q]
        if both > 0.0:
            heat = extra[n] * s[p] * s[q] / both * (v[p] - v[q]) ** 2
            o[p] += heat
            o[q] += heat


@parallel_kernel
def _dot(values: FloatArray, other: FloatArray) -> float:
    """Return the product of two fields over the cells without ghosts."""
    nk, nj, ni = values.shape
    total = 0.0
    for k in prange(1, nk - 1):
        part = 0.0
        for j in range(1, nj - 1):
            for i in range(1, ni - 1):
                part += values[k, j, i] * other[k, j, i]
        total += part
    return total


@kernel
def _mirror(values: FloatArray) -> None:
    """Set the ghosts of a field to minus their neighbours: zero volts on the faces."""
    values[0], values[-1] = -values[1], -values[-2]
    values[:, 0], values[:, -1] = -values[:, 1], -values[:, -2]
    values[:, :, 0], values[:, :, -1] = -values[:, :, 1], -values[:, :, -2]


@parallel_kernel
def _advance(
    step: float,
    potential: FloatArray,
    residual: FloatArray,
    direction: FloatArray,
    image: FloatArray,
    diagonal: FloatArray,
    scaled: FloatArray,
) -> float:
    """One update of conjugate gradients; returns residual · scaled residual."""
    nk, nj, ni = potential.shape
    total = 0.0
    for k in prange(1, nk - 1):
        part = 0.0
        for j in range(1, nj - 1):
            for i in range(1, ni - 1):
                potential[k, j, i] += step * direction[k, j, i]
                r = residual[k, j, i] - step * image[k, j, i]
                z = r / diagonal[k, j, i]
                residual[k, j, i] = r
                scaled[k, j, i] = z
                part += r * z
        total += part
    return total


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
        level = [e.potential_v for e in electrodes]
        self._held = np.concatenate([e.held for e in parts])
        self._cells = np.concatenate([e.cells for e in parts])
        gap = np.concatenate([e.gap_mm for e in parts]) / MM_PER_M
        self._shape_m = np.concatenate([e.area_mm2 for e in parts]) / MM_PER_M**2 / gap
        self._contact_v = np.concatenate(
            [np.full(len(e.cells), v) for e, v in zip(parts, level, strict=True)]
        )
        self._held_v = np.concatenate(
            [np.full(len(e.held), v) for e, v in zip(parts, level, strict=True)]
        )
        self._first = np.concatenate([e.first for e in parts])
        self._second = np.concatenate([e.second for e in parts])
        axis = np.concatenate([e.link_axis for e in parts])
        factor = np.concatenate([e.factor for e in parts])
        self._extra = (factor - 1.0) * self._area_m[axis]
        self._potential = np.zeros(self._shape)
        self._sigma = np.zeros(self._shape)
        self._solved = False

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
        sigma = self._prepare(sigma_s_m)
        own = sigma.ravel()[self._cells]
        conductance = own * self._shape_m
        rhs = np.zeros(self._shape)
        np.add.at(rhs.ravel(), self._cells, conductance * self._contact_v)
        self._conjugate_gradients(sigma, conductance, rhs)
        return self._heat(sigma, conductance)

    def _prepare(self, sigma_s_m: FloatArray) -> FloatArray:
        sigma = self._sigma
        sigma[1:-1, 1:-1, 1:-1] = sigma_s_m
        sigma.ravel()[self._held] = 0.0
        if self._grounded:
            sigma[0], sigma[-1] = sigma[1], sigma[-2]
            sigma[:, 0], sigma[:, -1] = sigma[:, 1], sigma[:, -2]
            sigma[:, :, 0], sigma[:, :, -1] = sigma[:, :, 1], sigma[:, :, -2]
        return sigma

    def _image(self, values: FloatArray, conductance: FloatArray, out: FloatArray) -> None:
        _mirror(values)
        _apply(values, self._sigma, self._area_m, out)
        _link_currents(self._first, self._second, self._extra, values, self._sigma, out)
        np.add.at(out.ravel(), self._cells, conductance * values.ravel()[self._cells])

    def _conjugate_gradients(
        self, sigma: FloatArray, conductance: FloatArray, rhs: FloatArray
    ) -> None:
        diagonal = np.ones(self._shape)
        _diagonal(sigma, self._area_m, diagonal)
        np.add.at(diagonal.ravel(), self._cells, conductance)
        diagonal[diagonal <= 0] = 1.0
        potential = self._potential
        potential.ravel()[self._held] = 0.0
        image, residual = np.zeros(self._shape), np.zeros(self._shape)
        self._image(potential, conductance, image)
        residual[...] = rhs - image
        scaled = residual / diagonal
        direction = scaled.copy()
        product = _dot(residual, scaled)
        goal = TOLERANCE**2 * _dot(rhs, rhs / diagonal)
        for _ in range(MOST_ITERATIONS):
            if product <= goal:
                break
            self._image(direction, conductance, image)
            step = product / _dot(direction, image)
            fresh = _advance(step, potential, residual, direction, image, diagonal, scaled)
            direction *= fresh / product
            direction += scaled
            product = fresh
        _mirror(potential)

    def _heat(self, sigma: FloatArray, conductance: FloatArray) -> tuple[float, FloatArray]:
        heat = np.zeros(self._shape)
        _joule(self._potential, sigma, self._area_m, heat)
        _link_heat(self._first, self._second, self._extra, self._potential, sigma, heat)
        drop = self._contact_v - self._potential.ravel()[self._cells]
        np.add.at(heat.ravel(), self._cells, conductance * drop**2)
        power = float(np.sum(conductance * drop * self._contact_v))
        return power, heat[1:-1, 1:-1, 1:-1] / self._volume_m3
