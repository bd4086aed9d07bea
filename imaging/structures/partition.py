"""Bone shared out among seeds: each voxel goes to the seed it is reached from most cheaply.

Travel through dense bone is cheap and through thin or blurred bone dear, so fronts meet in joints.
"""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import BoolArray, filled_block
from imaging.kernels import kernel

DENSE_HU = 350.0  # travel costs its length from here on
DEAREST = 6.0  # times its length where bone is no denser than soft tissue
SOFT_HU = 60.0
CLIMBING = 3.0  # times the price of a way level or down
NOWHERE = np.zeros((0, 0, 0), dtype=np.bool_)


@kernel
def _flood(  # noqa: C901, PLR0912 - one loop, compiled
    dear: NDArray[np.float32],
    seeds: NDArray[np.int16],
    spacing: NDArray[np.float64],
    climb: NDArray[np.bool_],
) -> NDArray[np.int16]:
    """Grow seeds over the voxels whose price is above zero, cheapest first, by face neighbours.

    Where ``climb`` is true the way toward the head is dearer; empty where it is so nowhere.
    """
    nk, nj, ni = seeds.shape
    out = np.zeros(seeds.shape, dtype=np.int16)
    cost = np.full(seeds.shape, np.float32(np.inf), dtype=np.float32)
    heap = [(np.float32(0.0), np.int64(0))]
    heap.pop()
    for k in range(nk):
        for j in range(nj):
            for i in range(ni):
                if seeds[k, j, i] > 0:
                    out[k, j, i] = seeds[k, j, i]
                    cost[k, j, i] = np.float32(0.0)
                    heap.append((np.float32(0.0), np.int64((k * nj + j) * ni + i)))
    while len(heap) > 0:
        here, index = heapq.heappop(heap)
        k = index // (nj * ni)
        j = (index // ni) % nj
        i = index % ni
        if here > cost[k, j, i]:
            continue
        for direction in range(6):
            y, x, z = j, i, k
            length = spacing[direction // 2]
            step = 1 if direction % 2 == 0 else -1
            if direction // 2 == 0:
                z += step
            elif direction // 2 == 1:
                y += step
            else:
                x += step
            if z < 0 or y < 0 or x < 0 or z >= nk or y >= nj or x >= ni:
                continue
            price = dear[z, y, x]
            if price <= 0.0:
                continue
            if direction == 0 and climb.size > 0 and climb[z, y, x]:
                length *= CLIMBING
            there = np.float32(here + length * 0.5 * (price + max(dear[k, j, i], 1.0)))
            if there < cost[z, y, x]:
                cost[z, y, x] = there
                out[z, y, x] = out[k, j, i]
                heapq.heappush(heap, (there, np.int64((z * nj + y) * ni + x)))
    return out


def flood(
    price: NDArray[np.float32],
    seeds: NDArray[np.int16],
    spacing_mm_kji: tuple[float, float, float],
) -> NDArray[np.int16]:
    """Return the seed each voxel is reached from most cheaply.

    Parameters
    ----------
    price : numpy.ndarray
        Shape (k, j, i), of a millimetre in each voxel; 0 where there is no way.
    seeds : numpy.ndarray
        Same shape, int16; 0 is to be decided.
    spacing_mm_kji : tuple of float
        Voxel size.

    Returns
    -------
    numpy.ndarray
        Same shape, int16; 0 where no seed reaches.
    """
    return _flood(price, seeds, np.array(spacing_mm_kji), NOWHERE)


def share_out(
    hu: NDArray[np.int16],
    bone: BoolArray,
    seeds: NDArray[np.int16],
    spacing_mm_kji: tuple[float, float, float],
    climb: BoolArray = NOWHERE,
) -> NDArray[np.int16]:
    """Return the seed each voxel of bone belongs to.

    Parameters
    ----------
    hu : numpy.ndarray
        Shape (k, j, i).
    bone : numpy.ndarray
        Same shape; only these voxels are shared out.
    seeds : numpy.ndarray
        Same shape, int16; 0 is to be decided.
    spacing_mm_kji : tuple of float
        Voxel size.
    climb : numpy.ndarray, optional
        Same shape; where true the way toward the head is dearer.

    Returns
    -------
    numpy.ndarray
        Same shape, int16; 0 outside bone and where no seed reaches.
    """
    out = np.zeros(bone.shape, dtype=np.int16)
    block = filled_block(bone)
    if block is None:
        return out
    own = bone[block]
    dear = hu[block].astype(np.float32)
    dear -= SOFT_HU
    dear *= 1.0 / (DENSE_HU - SOFT_HU)
    np.clip(dear, 0.0, 1.0, out=dear)
    dear *= 1.0 - DEAREST
    dear += DEAREST
    dear[~own] = 0.0
    marks = np.where(own, seeds[block], np.int16(0))
    steep = np.ascontiguousarray(climb[block]) if climb.size else climb
    out[block] = _flood(dear, marks, np.array(spacing_mm_kji), steep)
    return out
