"""How a tissue's electrical conductivity follows its temperature, cell by cell.

σ rises by 1.75 % a kelvin from 37 to 100 °C, falls by two decades from 100 to 105 °C as the tissue
dries, and freezing tissue conducts less and less [BG]. A linear medium's σ does not change.
"""

from __future__ import annotations

import math

import numpy as np

from imaging.geometry import BoolArray
from imaging.kernels import kernel, parallel_kernel, prange
from planning.ablation.solver.materials import (
    BODY_C,
    SIGMA_COLLAPSE_FROM_C,
    SIGMA_COLLAPSE_TO_C,
    SIGMA_DRY_FACTOR,
    SIGMA_RISE_PER_K,
    Float32Array,
    IndexArray,
)

LOG_DRY = math.log(SIGMA_DRY_FACTOR)
LEAST_WET = 0.05  # of frozen tissue against that at 37 °C [BG]


@kernel
def conductivity_factor(temperature_c: float) -> float:
    """Return σ against that at 37 °C.

    Parameters
    ----------
    temperature_c : float
        Of the tissue.

    Returns
    -------
    float
        1 at 37 °C.
    """
    rise = min(temperature_c, SIGMA_COLLAPSE_FROM_C) - BODY_C
    factor = max(1.0 + SIGMA_RISE_PER_K * rise, LEAST_WET)
    if temperature_c <= SIGMA_COLLAPSE_FROM_C:
        return factor
    span = SIGMA_COLLAPSE_TO_C - SIGMA_COLLAPSE_FROM_C
    dry = min((temperature_c - SIGMA_COLLAPSE_FROM_C) / span, 1.0)
    return factor * math.exp(LOG_DRY * dry)


@parallel_kernel
def fill_factors(
    temperature_c: Float32Array,
    index: IndexArray,
    sigma_s_m: Float32Array,
    changes: BoolArray,
    out: Float32Array,
) -> None:
    """Fill σ of every cell.

    Parameters
    ----------
    temperature_c, index : numpy.ndarray
        Shape (k, j, i): temperature and material.
    sigma_s_m, changes : numpy.ndarray
        Shape (materials,): σ at 37 °C, and whether it follows the temperature.
    out : numpy.ndarray
        Shape (k, j, i): filled, S/m.
    """
    nk, nj, ni = temperature_c.shape
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                m = index[k, j, i]
                factor = conductivity_factor(temperature_c[k, j, i]) if changes[m] else 1.0
                out[k, j, i] = sigma_s_m[m] * np.float32(factor)


@kernel
def change_of_sigma(
    fresh: Float32Array, solved: Float32Array, heat: Float32Array, hot_share: float
) -> tuple[float, float]:
    """Return how far σ has moved since the potential was solved.

    Parameters
    ----------
    fresh, solved, heat : numpy.ndarray
        Shape (k, j, i): σ now and then, and the heat it made.
    hot_share : float
        Cells above this share of the greatest heat count as hot.

    Returns
    -------
    tuple of float
        Mean change weighted by the heat, and the greatest change of a hot cell, as shares.
    """
    a, b, q = fresh.ravel(), solved.ravel(), heat.ravel()
    most, total, moved, hottest = np.float32(0.0), 0.0, 0.0, 0.0
    for n in range(q.size):
        most = max(most, q[n])
    for n in range(q.size):
        change = abs(a[n] / b[n] - 1.0)
        total += q[n]
        moved += change * q[n]
        if q[n] > hot_share * most:
            hottest = max(hottest, change)
    return moved / total, hottest
