"""Compiled loops of the heat equation: enthalpy to temperature, fluxes, stages, embedded surfaces.

All arrays carry one ghost cell on every side; a cell's flat index counts the ghosts. Enthalpy is in
J/m³ and zero at 37 °C. Units: °C, W/m/K, metres, seconds, W/m³.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

from imaging.geometry import FloatArray
from imaging.kernels import kernel, parallel_kernel, prange
from planning.ablation.solver.materials import Float32Array, IndexArray

CellArray: TypeAlias = NDArray[np.int64]

BODY = np.float32(37.0)
ONE, ZERO, TWO, HALF = np.float32(1.0), np.float32(0.0), np.float32(2.0), np.float32(0.5)
PARALLEL_FROM_CELLS = 60_000  # a loop over fewer takes less time than waking a thread
CUT = np.uint8(255)  # index of cells that only their surface speaks for
TINY = np.float32(1e-30)  # keeps the harmonic mean of two zeros at zero


@contextmanager
def threads_for(cells: int) -> Iterator[None]:
    """Run parallel kernels on one thread while arrays are so small that handing out costs more.

    Parameters
    ----------
    cells : int
        Of the arrays.

    Yields
    ------
    None
        The number of threads is as before afterwards.
    """
    before = numba.get_num_threads()
    numba.set_num_threads(before if cells >= PARALLEL_FROM_CELLS else 1)
    try:
        yield
    finally:
        numba.set_num_threads(before)


@parallel_kernel
def state_uniform(
    enthalpy: Float32Array,
    row: Float32Array,
    heating: Float32Array,
    perfusion: Float32Array,
    temperature: Float32Array,
    conductivity: Float32Array,
    potential: Float32Array,
    gain: Float32Array,
) -> None:
    """Fill temperature, conductivity, potential and heat gained, one material everywhere.

    T = 37 + max(H, Hₗ)/cₗ − (1 − f)·ΔT + min(H − Hₛ, 0)/cₛ + boiling, k = kₛ + f·(kₗ − kₛ), with
    f = (H − Hₛ)/(Hₗ − Hₛ) between 0 and 1; the potential is Kirchhoff's θ = ∫ k dT from 37 °C; the
    gain is q + ω ρ_b c_b (37 − T), the second only where unfrozen.
    No branches, so that the compiler vectorises it.
    """
    nk, nj, ni = enthalpy.shape
    hs, inv_span, ics, span = row[0], row[1], row[3], row[4]
    hl, ic, hb, sb, hd, sd = row[5], row[6], row[7], row[8], row[9], row[10]
    ks, dk = row[11], row[12]
    for k in prange(1, nk - 1):
        for j in range(1, nj - 1):
            for i in range(1, ni - 1):
                h = enthalpy[k, j, i]
                f = min(max((h - hs) * inv_span, ZERO), ONE)
                warm = max(h, hl) * ic + max(h - hb, ZERO) * sb + max(h - hd, ZERO) * sd
                slush = (ONE - f) * span
                cold = min(h - hs, ZERO) * ics
                temperature[k, j, i] = BODY + warm - slush + cold
                blood = perfusion[k, j, i] if h > hl else ZERO
                gain[k, j, i] = heating[k, j, i] - blood * warm
                conductivity[k, j, i] = ks + f * dk
                middle = ks + HALF * (ONE + f) * dk
                potential[k, j, i] = (ks + dk) * warm - middle * slush + ks * cold


@parallel_kernel
def state_mapped(
    enthalpy: Float32Array,
    index: IndexArray,
    table: Float32Array,
    heating: Float32Array,
    perfusion: Float32Array,
    temperature: Float32Array,
    conductivity: Float32Array,
    potential: Float32Array,
    gain: Float32Array,
) -> None:
    """Fill what :func:`state_uniform` does, the material of each cell by its index."""
    nk, nj, ni = enthalpy.shape
    for k in prange(1, nk - 1):
        for j in range(1, nj - 1):
            for i in range(1, ni - 1):
                m = index[k, j, i]
                h = enthalpy[k, j, i]
                hs, hl, ks, dk = table[m, 0], table[m, 5], table[m, 11], table[m, 12]
                f = min(max((h - hs) * table[m, 1], ZERO), ONE)
                warm = max(h, hl) * table[m, 6]
                warm += max(h - table[m, 7], ZERO) * table[m, 8]
                warm += max(h - table[m, 9], ZERO) * table[m, 10]
                slush = (ONE - f) * table[m, 4]
                cold = min(h - hs, ZERO) * table[m, 3]
                temperature[k, j, i] = BODY + warm - slush + cold
                blood = perfusion[k, j, i] if h > hl else ZERO
                gain[k, j, i] = heating[k, j, i] - blood * warm
                conductivity[k, j, i] = ks + f * dk
                middle = ks + HALF * (ONE + f) * dk
                potential[k, j, i] = (ks + dk) * warm - middle * slush + ks * cold


@kernel
def _ghost(
    n: int,
    layers: tuple[Float32Array, Float32Array, IndexArray],
    inner: tuple[Float32Array, Float32Array, IndexArray],
    fixed: IndexArray,
    face_c: Float32Array,
    face_potential: Float32Array,
) -> None:
    """Fill one layer of ghosts from the cells before it."""
    for a in range(layers[0].shape[0]):
        for b in range(layers[0].shape[1]):
            material = inner[2][a, b]
            layers[2][a, b] = material
            if fixed[n] == 1 and material != CUT:
                layers[0][a, b] = TWO * face_c[n] - inner[0][a, b]
                layers[1][a, b] = TWO * face_potential[n, material] - inner[1][a, b]
            else:
                layers[0][a, b] = inner[0][a, b]
                layers[1][a, b] = inner[1][a, b]


@kernel
def fill_ghosts(
    temperature: Float32Array,
    potential: Float32Array,
    linked: IndexArray,
    fixed: IndexArray,
    face_c: Float32Array,
    face_potential: Float32Array,
) -> None:
    """Fill the ghost cells: a fixed face lies half a cell out, an insulated one is a mirror.

    Faces are in the order k low, k high, j low, j high, i low, i high.
    """
    t, p, m = temperature, potential, linked
    f, c, q = fixed, face_c, face_potential
    _ghost(0, (t[0], p[0], m[0]), (t[1], p[1], m[1]), f, c, q)
    _ghost(1, (t[-1], p[-1], m[-1]), (t[-2], p[-2], m[-2]), f, c, q)
    low, inner = (t[:, 0], p[:, 0], m[:, 0]), (t[:, 1], p[:, 1], m[:, 1])
    _ghost(2, low, inner, f, c, q)
    high, inner = (t[:, -1], p[:, -1], m[:, -1]), (t[:, -2], p[:, -2], m[:, -2])
    _ghost(3, high, inner, f, c, q)
    left, side = (t[:, :, 0], p[:, :, 0], m[:, :, 0]), (t[:, :, 1], p[:, :, 1], m[:, :, 1])
    _ghost(4, left, side, f, c, q)
    right, side = (t[:, :, -1], p[:, :, -1], m[:, :, -1]), (t[:, :, -2], p[:, :, -2], m[:, :, -2])
    _ghost(5, right, side, f, c, q)


@kernel
def _flow(
    same: bool, potential_gap: float, own_k: float, other_k: float, temperature_gap: float
) -> float:
    """Heat from a neighbour times h/A: ∫ k dT inside one material, harmonic mean between two."""
    if same:
        return potential_gap
    return 2.0 * own_k * other_k / (own_k + other_k) * temperature_gap


@parallel_kernel
def rate_inside(
    potential: Float32Array,
    linked: IndexArray,
    gain: Float32Array,
    inverse_h2: Float32Array,
    rate: Float32Array,
) -> None:
    """Fill L(H) = Σ Δθ/h² over the faces inside a material, + gain."""
    gk, gj, gi = inverse_h2[0], inverse_h2[1], inverse_h2[2]
    nk, nj, ni = potential.shape
    for k in prange(1, nk - 1):
        for j in range(1, nj - 1):
            p0, m0 = potential[k, j], linked[k, j]
            pn, mn = potential[k, j - 1], linked[k, j - 1]
            ps, ms = potential[k, j + 1], linked[k, j + 1]
            pd, md = potential[k - 1, j], linked[k - 1, j]
            pu, mu = potential[k + 1, j], linked[k + 1, j]
            q0, out = gain[k, j], rate[k, j]
            for i in range(1, ni - 1):
                p, m = p0[i], m0[i]
                along_i = p0[i - 1] - p if m0[i - 1] == m else ZERO
                along_i += p0[i + 1] - p if m0[i + 1] == m else ZERO
                along_j = pn[i] - p if mn[i] == m else ZERO
                along_j += ps[i] - p if ms[i] == m else ZERO
                along_k = pd[i] - p if md[i] == m else ZERO
                along_k += pu[i] - p if mu[i] == m else ZERO
                out[i] = gi * along_i + gj * along_j + gk * along_k + q0[i]


@parallel_kernel
def add_interfaces(
    cells: CellArray,
    starts: CellArray,
    neighbours: CellArray,
    inverse_h2: Float32Array,
    temperature: Float32Array,
    conductivity: Float32Array,
    rate: Float32Array,
) -> None:
    """Add the heat through faces between materials, by the harmonic mean of their k.

    Cell n has the neighbours ``starts[n]`` to ``starts[n + 1]``; each flow is computed from both
    sides, so that every thread writes to its own cells only.
    """
    t, c, out = temperature.ravel(), conductivity.ravel(), rate.ravel()
    for n in prange(cells.size):
        p = cells[n]
        total = ZERO
        for m in range(starts[n], starts[n + 1]):
            q = neighbours[m]
            mean = TWO * c[p] * c[q] / (c[p] + c[q] + TINY)
            total += inverse_h2[m] * mean * (t[q] - t[p])
        out[p] += total


@parallel_kernel
def first_stage(start: Float32Array, rate: Float32Array, dt: float, out: Float32Array) -> None:
    """Write Y₁ = Y₀ + μ̃₁ τ L(Y₀)."""
    step = np.float32(dt)
    for k in prange(1, start.shape[0] - 1):
        out[k] = start[k] + step * rate[k]


@parallel_kernel
def next_stage(
    start: Float32Array,
    start_rate: Float32Array,
    before: Float32Array,
    rate: Float32Array,
    weights: Float32Array,
    before_last: Float32Array,
) -> None:
    """Write stage Yⱼ over Yⱼ₋₂: μYⱼ₋₁ + νYⱼ₋₂ + (1−μ−ν)Y₀ + μ̃τL(Yⱼ₋₁) + γ̃τL(Y₀) (RKL2).

    Weights are μ, ν, 1−μ−ν, μ̃τ, γ̃τ. Source: Meyer, Balsara, Aslam, J Comput Phys 2014;257:594.
    """
    mu, nu, rest, mu_dt, gamma_dt = weights[0], weights[1], weights[2], weights[3], weights[4]
    nk, nj, ni = start.shape
    for k in prange(1, nk - 1):
        for j in range(1, nj - 1):
            for i in range(1, ni - 1):
                before_last[k, j, i] = (
                    mu * before[k, j, i]
                    + nu * before_last[k, j, i]
                    + rest * start[k, j, i]
                    + mu_dt * rate[k, j, i]
                    + gamma_dt * start_rate[k, j, i]
                )


@kernel
def hold(
    cells: CellArray, values_c: FloatArray, temperature: Float32Array, conductivity: Float32Array
) -> None:
    """Set the temperature of held cells and cut them off: surfaces speak for them."""
    t, c = temperature.ravel(), conductivity.ravel()
    for n in range(cells.size):
        t[cells[n]] = values_c[n]
        c[cells[n]] = ZERO


@kernel
def add_links(
    first: CellArray,
    second: CellArray,
    extra: FloatArray,
    temperature: Float32Array,
    conductivity: Float32Array,
    potential: Float32Array,
    linked: IndexArray,
    rate: Float32Array,
) -> None:
    """Add what near-source links carry beyond the plain stencil, ``extra`` = (m − 1)/h²."""
    t, c, theta = temperature.ravel(), conductivity.ravel(), potential.ravel()
    material, out = linked.ravel(), rate.ravel()
    for n in range(first.size):
        p, q = first[n], second[n]
        if material[p] == CUT or material[q] == CUT:
            continue
        same = material[p] == material[q]
        flow = extra[n] * _flow(same, theta[q] - theta[p], c[p], c[q], t[q] - t[p])
        out[p] += flow
        out[q] -= flow


@kernel
def conductivity_integral(row: Float32Array, temperature_c: float) -> float:
    """Return ∫ k dT from the upper end of the freezing range, in W/m (Kirchhoff's potential)."""
    upper, lower, frozen, span = row[13], row[2], row[11], row[12]
    if temperature_c >= upper:
        return float((frozen + span) * (temperature_c - upper))
    if temperature_c <= lower:
        return float((frozen + 0.5 * span) * (lower - upper) + frozen * (temperature_c - lower))
    depth = upper - temperature_c
    return float(-(frozen + span) * depth + 0.5 * span * depth * depth / (upper - lower))


@kernel
def contact_flux(
    cells: CellArray,
    surface_c: FloatArray,
    distance_m: FloatArray,
    resistance_m2_k_w: FloatArray,
    index: IndexArray,
    table: Float32Array,
    temperature: Float32Array,
    flux_w_m2: FloatArray,
) -> None:
    """Fill the heat flux from each surface into its cell: ΔT / (d/k̄ + 1/h), k̄ by Kirchhoff."""
    t, material = temperature.ravel(), index.ravel()
    for n in range(cells.size):
        row = table[material[cells[n]]]
        inside, outside = surface_c[n], float(t[cells[n]])
        gap = inside - outside
        if abs(gap) < 1e-3:
            conductivity = row[11] + (row[12] if outside > row[13] else ZERO)
        else:
            potential = conductivity_integral(row, inside) - conductivity_integral(row, outside)
            conductivity = potential / gap
        flux_w_m2[n] = gap / (distance_m[n] / conductivity + resistance_m2_k_w[n])


@kernel
def add_contacts(
    cells: CellArray, area_per_volume: FloatArray, flux_w_m2: FloatArray, rate: Float32Array
) -> None:
    """Add the heat of surfaces to the cells they touch."""
    out = rate.ravel()
    for n in range(cells.size):
        out[cells[n]] += area_per_volume[n] * flux_w_m2[n]


@parallel_kernel
def sharpen(
    enthalpy: Float32Array,
    index: IndexArray,
    table: Float32Array,
    temperature: Float32Array,
    widest_k: float,
    out: Float32Array,
) -> None:
    """Copy temperatures, and place a sharp freezing front inside the cells it crosses.

    A cell that is freezing at one temperature says nothing about where in it the front runs; its
    thawed fraction f does. The centre then lies (f − ½)h beyond the front: on the line from the
    front to the hottest neighbour, (½ + f)h away, or to the coldest one, (3/2 − f)h away.
    """
    nk, nj, ni = enthalpy.shape
    for k in prange(1, nk - 1):
        for j in range(1, nj - 1):
            for i in range(1, ni - 1):
                t = temperature[k, j, i]
                row = table[index[k, j, i]]
                f = (enthalpy[k, j, i] - row[0]) * row[1]
                if row[4] < widest_k and 0.0 < f < 1.0 and row[1] < 1.0:
                    a, b = temperature[k, j, i - 1], temperature[k, j, i + 1]
                    c, d = temperature[k, j - 1, i], temperature[k, j + 1, i]
                    e, g = temperature[k - 1, j, i], temperature[k + 1, j, i]
                    hot, cold = max(a, b, c, d, e, g), min(a, b, c, d, e, g)
                    if f > 0.5:
                        t += (hot - t) * (f - 0.5) / (0.5 + f)
                    else:
                        t -= (t - cold) * (0.5 - f) / (1.5 - f)
                out[k - 1, j - 1, i - 1] = t
