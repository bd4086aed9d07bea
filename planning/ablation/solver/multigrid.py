"""Conjugate gradients with a multigrid cycle as preconditioner, for conductances between cells.

The operator is kept as conductances of faces: array n of (k, j, i) holds the face between a cell
and the one before it along axis n, the outermost faces leading to ground. One layer of ghosts at
zero surrounds the cells. Coarse cells are blocks of 2 × 2 × 2; their faces add up the fine ones,
halved for the doubled distance. Source: Trottenberg, Oosterlee, Schüller, *Multigrid*, 2001 [BG].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from imaging.kernels import parallel_kernel, prange
from planning.ablation.solver.kernels import threads_for
from planning.ablation.solver.materials import Float32Array

ZERO = np.float32(0.0)
# Of Jacobi's sweeps before a coarser level, and back to front after it, which keeps the cycle
# symmetric. The full one solves cells that hardly conduct to any other, which no coarser level sees
# (without it, air and dried tissue take hundreds of iterations); together they damp all of 0.2 to 2.
DAMPINGS = (1.8, 0.6, 1.0)
COARSEST = 4 * DAMPINGS
COARSEST_CELLS = 4  # along the shortest axis of the coarsest level
MOST_ITERATIONS = 300


@parallel_kernel
def _apply(
    v: Float32Array,
    diagonal: Float32Array,
    ak: Float32Array,
    aj: Float32Array,
    ai: Float32Array,
    out: Float32Array,
) -> None:
    """Fill the current out of every cell."""
    nk, nj, ni = v.shape
    for k in prange(1, nk - 1):
        for j in range(1, nj - 1):
            for i in range(1, ni - 1):
                out[k, j, i] = (
                    diagonal[k, j, i] * v[k, j, i]
                    - ai[k, j, i] * v[k, j, i - 1]
                    - ai[k, j, i + 1] * v[k, j, i + 1]
                    - aj[k, j, i] * v[k, j - 1, i]
                    - aj[k, j + 1, i] * v[k, j + 1, i]
                    - ak[k, j, i] * v[k - 1, j, i]
                    - ak[k + 1, j, i] * v[k + 1, j, i]
                )


@parallel_kernel
def _relax(
    v: Float32Array,
    rhs: Float32Array,
    diagonal: Float32Array,
    ak: Float32Array,
    aj: Float32Array,
    ai: Float32Array,
    damping: float,
    out: Float32Array,
) -> None:
    """Fill ``out`` with v after a damped sweep of Jacobi's."""
    by = np.float32(damping)
    nk, nj, ni = v.shape
    for k in prange(1, nk - 1):
        for j in range(1, nj - 1):
            for i in range(1, ni - 1):
                around = (
                    ai[k, j, i] * v[k, j, i - 1]
                    + ai[k, j, i + 1] * v[k, j, i + 1]
                    + aj[k, j, i] * v[k, j - 1, i]
                    + aj[k, j + 1, i] * v[k, j + 1, i]
                    + ak[k, j, i] * v[k - 1, j, i]
                    + ak[k + 1, j, i] * v[k + 1, j, i]
                )
                full = (rhs[k, j, i] + around) / diagonal[k, j, i]
                out[k, j, i] = v[k, j, i] + by * (full - v[k, j, i])


@parallel_kernel
def _relax_from_zero(
    rhs: Float32Array, diagonal: Float32Array, damping: float, out: Float32Array
) -> None:
    """Fill ``out`` with what one sweep makes of zero."""
    by = np.float32(damping)
    nk, nj, ni = rhs.shape
    for k in prange(1, nk - 1):
        for j in range(1, nj - 1):
            for i in range(1, ni - 1):
                out[k, j, i] = by * rhs[k, j, i] / diagonal[k, j, i]


@parallel_kernel
def _restrict(rhs: Float32Array, image: Float32Array, coarse: Float32Array) -> None:
    """Fill the coarse right side with the residual of eight cells each; ghosts hold none."""
    nk, nj, ni = coarse.shape
    last_k, last_j, last_i = rhs.shape[0] - 1, rhs.shape[1] - 1, rhs.shape[2] - 1
    for k in prange(1, nk - 1):
        for j in range(1, nj - 1):
            a, b = 2 * k - 1, 2 * j - 1
            below, beside = min(a + 1, last_k), min(b + 1, last_j)
            for i in range(1, ni - 1):
                c, d = 2 * i - 1, min(2 * i, last_i)
                total = rhs[a, b, c] - image[a, b, c] + rhs[a, b, d] - image[a, b, d]
                total += rhs[below, b, c] - image[below, b, c]
                total += rhs[below, b, d] - image[below, b, d]
                total += rhs[a, beside, c] - image[a, beside, c]
                total += rhs[a, beside, d] - image[a, beside, d]
                total += rhs[below, beside, c] - image[below, beside, c]
                total += rhs[below, beside, d] - image[below, beside, d]
                coarse[k, j, i] = total


@parallel_kernel
def _advance(
    value: Float32Array,
    residual: Float32Array,
    direction: Float32Array,
    image: Float32Array,
    step: float,
) -> None:
    """Go a step along the direction."""
    by = np.float32(step)
    for k in prange(1, value.shape[0] - 1):
        for j in range(1, value.shape[1] - 1):
            for i in range(1, value.shape[2] - 1):
                value[k, j, i] += by * direction[k, j, i]
                residual[k, j, i] -= by * image[k, j, i]


@parallel_kernel
def _turn(direction: Float32Array, scaled: Float32Array, share: float) -> None:
    """Make the next direction of the last one and the preconditioned residual."""
    by = np.float32(share)
    for k in prange(1, direction.shape[0] - 1):
        for j in range(1, direction.shape[1] - 1):
            for i in range(1, direction.shape[2] - 1):
                direction[k, j, i] = by * direction[k, j, i] + scaled[k, j, i]


@parallel_kernel
def _prolong(coarse: Float32Array, v: Float32Array) -> None:
    """Add the coarse correction to the eight cells of each block."""
    nk, nj, ni = v.shape
    for k in prange(1, nk - 1):
        for j in range(1, nj - 1):
            for i in range(1, ni - 1):
                v[k, j, i] += coarse[(k + 1) // 2, (j + 1) // 2, (i + 1) // 2]


@parallel_kernel
def _dot(first: Float32Array, second: Float32Array) -> float:
    """Return the scalar product, added up in double precision."""
    total = 0.0
    for k in prange(1, first.shape[0] - 1):
        part = 0.0
        for j in range(1, first.shape[1] - 1):
            row: Any = ZERO
            for i in range(1, first.shape[2] - 1):
                row += first[k, j, i] * second[k, j, i]
            part += row
        total += part
    return total


@dataclass(eq=False)
class Conductances:
    """A network of cells.

    Parameters
    ----------
    faces : tuple of numpy.ndarray
        Three arrays of the padded shape, along k, j and i.
    ground : numpy.ndarray
        Padded shape: conductance of every cell to fixed potentials, beside the outermost faces.
    """

    faces: tuple[Float32Array, Float32Array, Float32Array]
    ground: Float32Array
    diagonal: Float32Array = field(init=False)
    value: Float32Array = field(init=False)
    rhs: Float32Array = field(init=False)
    image: Float32Array = field(init=False)

    def __post_init__(self) -> None:
        ak, aj, ai = self.faces
        inner = (slice(1, -1),) * 3
        total = self.ground[inner].copy()
        total += ak[1:-1, 1:-1, 1:-1] + ak[2:, 1:-1, 1:-1]
        total += aj[1:-1, 1:-1, 1:-1] + aj[1:-1, 2:, 1:-1]
        total += ai[1:-1, 1:-1, 1:-1] + ai[1:-1, 1:-1, 2:]
        self.diagonal = np.ones(self.ground.shape, np.float32)
        self.diagonal[inner] = np.where(total > 0, total, 1.0)
        self.value, self.rhs, self.image = (
            np.zeros(self.ground.shape, np.float32) for _ in range(3)
        )

    def apply(self, v: Float32Array, out: Float32Array) -> None:
        """Fill the current out of every cell.

        Parameters
        ----------
        v : numpy.ndarray
            Potential, ghosts at zero.
        out : numpy.ndarray
            Filled.
        """
        _apply(v, self.diagonal, *self.faces, out)

    def smooth(self, dampings: Sequence[float]) -> None:
        """Improve ``value`` towards ``rhs`` by damped Jacobi sweeps.

        Parameters
        ----------
        dampings : sequence of float
            Of each sweep.
        """
        for damping in dampings:
            _relax(self.value, self.rhs, self.diagonal, *self.faces, damping, self.image)
            self.value, self.image = self.image, self.value

    def start(self, dampings: Sequence[float]) -> None:
        """Set ``value`` to what sweeps make of zero.

        Parameters
        ----------
        dampings : sequence of float
            Of each sweep, at least one.
        """
        _relax_from_zero(self.rhs, self.diagonal, dampings[0], self.value)
        self.smooth(dampings[1:])

    def coarser(self) -> Conductances:
        """Return the network of blocks of 2 × 2 × 2 cells."""
        size = [n - 2 for n in self.ground.shape]
        blocks = [(n + 1) // 2 for n in size]
        shape = [n + 2 for n in blocks]
        faces = []
        for axis in range(3):
            taken = np.minimum(2 * np.arange(1, blocks[axis] + 2) - 1, size[axis] + 1)
            part = np.take(self.faces[axis], taken, axis=axis)
            for other in range(3):
                if other != axis:
                    part = _paired(part, other, blocks[other])
            whole = np.zeros(shape, np.float32)
            place: list[slice] = [slice(1, -1)] * 3
            place[axis] = slice(1, None)
            whole[tuple(place)] = 0.5 * part
            faces.append(whole)
        ground = self.ground
        for axis in range(3):
            ground = _paired(ground, axis, blocks[axis])
        padded = np.zeros(shape, np.float32)
        padded[1:-1, 1:-1, 1:-1] = ground
        return Conductances((faces[0], faces[1], faces[2]), padded)


def _paired(values: Float32Array, axis: int, blocks: int) -> Float32Array:
    """Add up neighbours two by two along a padded axis; the ghosts go."""
    count = values.shape[axis] - 2
    first = np.take(values, range(1, count + 1, 2), axis=axis)
    second = np.take(values, range(2, count + 1, 2), axis=axis)
    if second.shape[axis] < blocks:
        lacking = [(0, 0)] * 3
        lacking[axis] = (0, 1)
        second = np.pad(second, lacking)
    result: Float32Array = first + second
    return result


class Multigrid:
    """Solver of one network.

    Parameters
    ----------
    network : Conductances
        The finest level.
    """

    def __init__(self, network: Conductances) -> None:
        self.levels = [network]
        while min(self.levels[-1].ground.shape) - 2 > COARSEST_CELLS:
            self.levels.append(self.levels[-1].coarser())

    def _cycle(self, depth: int) -> None:
        level = self.levels[depth]
        if depth == len(self.levels) - 1:
            level.start(COARSEST)
            return
        level.start(DAMPINGS)
        level.apply(level.value, level.image)
        below = self.levels[depth + 1]
        _restrict(level.rhs, level.image, below.rhs)
        with threads_for(below.rhs.size):
            self._cycle(depth + 1)
        _prolong(below.value, level.value)
        level.smooth(DAMPINGS[::-1])

    def _preconditioned(self, residual: Float32Array) -> Float32Array:
        finest = self.levels[0]
        finest.rhs[...] = residual
        self._cycle(0)
        return finest.value

    def solve(self, rhs: Float32Array, value: Float32Array, tolerance: float) -> int:
        """Solve for the potential, in place.

        Parameters
        ----------
        rhs : numpy.ndarray
            Current into every cell, padded shape.
        value : numpy.ndarray
            Start and result, ghosts at zero.
        tolerance : float
            Of the error against the solution, in the norm of the energy.

        Returns
        -------
        int
            Iterations taken.
        """
        network = self.levels[0]
        image = np.zeros_like(rhs)
        network.apply(value, image)
        residual = rhs - image
        scaled = self._preconditioned(residual)
        direction, product = scaled.copy(), _dot(residual, scaled)
        for iteration in range(MOST_ITERATIONS):
            # ⟨rhs, v⟩ is the energy of the solution: the error is told against it.
            if product <= tolerance**2 * abs(_dot(rhs, value)):
                return iteration
            network.apply(direction, image)
            step = product / _dot(direction, image)
            _advance(value, residual, direction, image, step)
            scaled = self._preconditioned(residual)
            fresh = _dot(residual, scaled)
            _turn(direction, scaled, fresh / product)
            product = fresh
        return MOST_ITERATIONS
