"""The potential is solved in few cycles, whatever insulates in the medium."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve

from planning.ablation.solver.materials import Float32Array
from planning.ablation.solver.multigrid import Conductances, Multigrid

MOST_CYCLES = 12


def network_of(sigma: Float32Array) -> Conductances:
    """Return the network of cells of 1 m between grounded faces, with ghosts."""
    padded = np.pad(sigma, 1)
    faces = []
    for axis in range(3):
        low, high = np.roll(padded, 1, axis), padded
        face = 2.0 * low * high / (low + high + 1e-30)
        edge = np.moveaxis(face, axis, 0)
        own = np.moveaxis(padded, axis, 0)
        edge[0], edge[1], edge[-1] = 0.0, 2.0 * own[1], 2.0 * own[-2]
        for other in range(3):
            if other != axis:
                ends = np.moveaxis(face, other, 0)
                ends[0] = ends[-1] = 0.0
        faces.append(face.astype(np.float32))
    return Conductances((faces[0], faces[1], faces[2]), np.zeros(padded.shape, np.float32))


def direct(network: Conductances, current: Float32Array) -> Float32Array:
    """Solve the same network with a sparse direct solver."""
    shape = current.shape
    number = np.arange(current.size).reshape(shape)
    inner = np.zeros(shape, dtype=bool)
    inner[1:-1, 1:-1, 1:-1] = True
    rows, columns, values = [], [], []
    diagonal = network.ground.astype(float)
    for axis, face in enumerate(network.faces):
        low = np.roll(number, 1, axis)
        for cell, other in ((number, low), (low, number)):
            here = inner.ravel()[cell] & (face > 0)
            np.add.at(diagonal.ravel(), cell[here], face[here].astype(float))
            both = here & inner.ravel()[other]
            rows.append(cell[both])
            columns.append(other[both])
            values.append(-face[both].astype(float))
    diagonal = np.where(diagonal > 0, diagonal, 1.0)
    rows.append(number.ravel())
    columns.append(number.ravel())
    values.append(diagonal.ravel())
    matrix = coo_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    ).tocsr()
    result: Float32Array = spsolve(matrix, current.ravel().astype(float)).reshape(shape)
    return result


@pytest.mark.parametrize("least", [0.05, 1e-6, 1e-9])
@pytest.mark.parametrize("size", [(14, 17, 12), (16, 16, 16)])
def test_insulating_parts_cost_few_cycles_and_nothing_of_the_answer(
    least: float, size: tuple[int, int, int]
) -> None:
    rng = np.random.default_rng(4)
    blocks = rng.choice([least, 0.02, 0.2, 2.0], tuple(n // 2 + 1 for n in size))
    sigma = blocks.repeat(2, 0).repeat(2, 1).repeat(2, 2)[: size[0], : size[1], : size[2]]
    sigma[: size[0] // 3] = least
    network = network_of(sigma.astype(np.float32))
    current = np.zeros(network.ground.shape, np.float32)
    middle = tuple(n // 2 + 1 for n in size)
    sigma_here = float(np.pad(sigma, 1)[middle])
    current[middle] = sigma_here
    value = np.zeros_like(current)
    cycles = Multigrid(network).solve(current, value, 1e-4)
    assert cycles <= MOST_CYCLES
    exact = direct(network, current)
    assert np.abs(value - exact).max() <= 1e-3 * np.abs(exact).max()
