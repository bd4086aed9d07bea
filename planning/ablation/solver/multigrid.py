"""Conjugate gradients with a multigrid cycle as preconditioner, for conductances between cells.

The operator is kept as conductances of faces: array n of (k, j, i) holds the face between a cell
and the one before it along axis n, the outermost faces leading to ground. One layer of ghosts at
zero surrounds the cells. Coarse cells are blocks of 2 × 2 × 2; their faces add up the fine ones,
halved for the doubled distance. Source: Trottenberg, Oosterlee, Schüller, *Multigrid*, 2001 [BG].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from imaging.kernels import parallel_kernel, prange
from planning.ablation.solver.kernels import threads_for
from planning.ablation.solver.materials import Float32Array

ZERO, HALF, ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)
# Of Jacobi's sweeps before a coarser level, and back to front after it, which keeps the cycle
# symmetric. The full one solves cells that hardly conduct to any other, which no coarser level
# sees (without it, air and dried tissue take hundreds of iterations); together they damp all modes
# from 0.2 to 2.
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
    """Return the scalar product; rows are added up in single, planes in double precision."""
    total = 0.0
    for k in prange(1, first.shape[0] - 1):
        row = np.zeros(first.shape[2], np.float32)
        for j in range(1, first.shape[1] - 1):
            for i in range(1, first.shape[2] - 1):
                row[i] += first[k, j, i] * second[k, j, i]
        part = 0.0
        for i in range(1, first.shape[2] - 1):
            part += row[i]
        total += part
    return total


@parallel_kernel
def _add_up(
    ground: Float32Array,
    ak: Float32Array,
    aj: Float32Array,
    ai: Float32Array,
    diagonal: Float32Array,
) -> None:
    """Fill the sum of all conductances of each cell, one for a cell without any."""
    nk, nj, ni = ground.shape
    for k in prange(1, nk - 1):
        for j in range(1, nj - 1):
            for i in range(1, ni - 1):
                total = ground[k, j, i] + ak[k, j, i] + ak[k + 1, j, i]
                total += aj[k, j, i] + aj[k, j + 1, i] + ai[k, j, i] + ai[k, j, i + 1]
                diagonal[k, j, i] = total if total > ZERO else ONE


@parallel_kernel
def _coarsen(
    ground: Float32Array,
    ak: Float32Array,
    aj: Float32Array,
    ai: Float32Array,
    coarse: Float32Array,
    ck: Float32Array,
    cj: Float32Array,
    ci: Float32Array,
) -> None:
    """Fill the network of blocks: a face adds up its four fine ones, halved for the distance.

    An odd last cell is a block with its ghosts, which hold nothing.
    """
    nk, nj, ni = coarse.shape
    end_k, end_j, end_i = ground.shape[0] - 1, ground.shape[1] - 1, ground.shape[2] - 1
    for k in prange(1, nk):
        a = min(2 * k - 1, end_k)
        b = min(2 * k, end_k)
        for j in range(1, nj):
            c, d = min(2 * j - 1, end_j), min(2 * j, end_j)
            for i in range(1, ni):
                e, f = min(2 * i - 1, end_i), min(2 * i, end_i)
                if j < nj - 1 and i < ni - 1:
                    ck[k, j, i] = HALF * (ak[a, c, e] + ak[a, c, f] + ak[a, d, e] + ak[a, d, f])
                if k < nk - 1 and i < ni - 1:
                    cj[k, j, i] = HALF * (aj[a, c, e] + aj[a, c, f] + aj[b, c, e] + aj[b, c, f])
                if k < nk - 1 and j < nj - 1:
                    ci[k, j, i] = HALF * (ai[a, c, e] + ai[a, d, e] + ai[b, c, e] + ai[b, d, e])
                if k < nk - 1 and j < nj - 1 and i < ni - 1:
                    low = ground[a, c, e] + ground[a, c, f] + ground[a, d, e] + ground[a, d, f]
                    high = ground[b, c, e] + ground[b, c, f] + ground[b, d, e] + ground[b, d, f]
                    coarse[k, j, i] = low + high


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
        self.diagonal, self.value, self.rhs, self.image = (
            np.zeros(self.ground.shape, np.float32) for _ in range(4)
        )
        with threads_for(self.ground.size):
            _add_up(self.ground, *self.faces, self.diagonal)

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
        shape = tuple((n - 1) // 2 + 2 for n in self.ground.shape)
        ground, ck, cj, ci = (np.zeros(shape, np.float32) for _ in range(4))
        with threads_for(self.ground.size):
            _coarsen(self.ground, *self.faces, ground, ck, cj, ci)
        return Conductances((ck, cj, ci), ground)


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

    def _preconditioned(self) -> Float32Array:
        """Return what a cycle makes of the finest right side."""
        self._cycle(0)
        return self.levels[0].value

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
        residual = np.subtract(rhs, image, out=network.rhs)
        scaled = self._preconditioned()
        direction, product = scaled.copy(), _dot(residual, scaled)
        for iteration in range(MOST_ITERATIONS):
            # ⟨rhs, v⟩ is the energy of the solution: the error is told against it.
            if product <= tolerance**2 * abs(_dot(rhs, value)):
                return iteration
            network.apply(direction, image)
            step = product / _dot(direction, image)
            _advance(value, residual, direction, image, step)
            scaled = self._preconditioned()
            fresh = _dot(residual, scaled)
            _turn(direction, scaled, fresh / product)
            product = fresh
        return MOST_ITERATIONS
