"""Compiled loops of the heat equation: enthalpy to temperature, fluxes, stages, embedded surfaces.

All arrays carry one ghost cell on every side; a cell's flat index counts the ghosts. Enthalpy is in
J/m³ and zero at 37 °C. Units: °C, W/m/K, metres, seconds, W/m³.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import FloatArray
from imaging.kernels import kernel, parallel_kernel, prange
from planning.ablation.materials import Float32Array, IndexArray

CellArray: TypeAlias = NDArray[np.int64]

BODY = np.float32(37.0)
ONE, ZERO, TWO = np.float32(1.0), np.float32(0.0), np.float32(2.0)
TINY = np.float32(1e-30)  # keeps the harmonic mean of two zeros at zero


@parallel_kernel
def state_uniform(
    enthalpy: Float32Array, row: Float32Array, temperature: Float32Array, conductivity: Float32Array
) -> None:
    """Fill temperature and conductivity from enthalpy, one material everywhere.

    T = 37 + max(H, Hₗ)/cₗ − (1 − f)·ΔT + min(H − Hₛ, 0)/cₛ + boiling, k = kₛ + f·(kₗ − kₛ), with
    f = (H − Hₛ)/(Hₗ − Hₛ) between 0 and 1: no branches, so that the compiler vectorises it.
    """
    hs, inv_span, ics, span = row[0], row[1], row[3], row[4]
    hl, ic, hb, sb, hd, sd = row[5], row[6], row[7], row[8], row[9], row[10]
    ks, dk = row[11], row[12]
    nk, nj, ni = enthalpy.shape
    for k in prange(1, nk - 1):
        for j in range(1, nj - 1):
            for i in range(1, ni - 1):
                h = enthalpy[k, j, i]
                f = min(max((h - hs) * inv_span, ZERO), ONE)
                t = BODY + max(h, hl) * ic - (ONE - f) * span + min(h - hs, ZERO) * ics
                t += max(h - hb, ZERO) * sb + max(h - hd, ZERO) * sd
                temperature[k, j, i] = t
                conductivity[k, j, i] = ks + f * dk


@parallel_kernel
def state_mapped(
    enthalpy: Float32Array,
    index: IndexArray,
    table: Float32Array,
    temperature: Float32Array,
    conductivity: Float32Array,
) -> None:
    """Fill temperature and conductivity from enthalpy, the material of each cell by its index."""
    nk, nj, ni = enthalpy.shape
    for k in prange(1, nk - 1):
        for j in range(1, nj - 1):
            for i in range(1, ni - 1):
                row = table[index[k, j, i]]
                h = enthalpy[k, j, i]
                f = min(max((h - row[0]) * row[1], ZERO), ONE)
                t = BODY + max(h, row[5]) * row[6] - (ONE - f) * row[4]
                t += min(h - row[0], ZERO) * row[3]
                t += max(h - row[7], ZERO) * row[8] + max(h - row[9], ZERO) * row[10]
                temperature[k, j, i] = t
                conductivity[k, j, i] = row[11] + f * row[12]


@kernel
def fill_ghosts(
    temperature: Float32Array,
    conductivity: Float32Array,
    fixed: IndexArray,
    face_c: Float32Array,
) -> None:
    """Fill the ghost cells: a fixed face lies half a cell out, an insulated one conducts nothing.

    Faces are in the order k low, k high, j low, j high, i low, i high.
    """
    t, c = temperature, conductivity
    for axis in range(3):
        for side in range(2):
            n = 2 * axis + side
            if axis == 0:
                ghost_t, ghost_c = t[0], c[0]
                inner_t, inner_c = t[1], c[1]
                if side == 1:
                    ghost_t, ghost_c = t[-1], c[-1]
                    inner_t, inner_c = t[-2], c[-2]
            elif axis == 1:
                ghost_t, ghost_c = t[:, 0], c[:, 0]
                inner_t, inner_c = t[:, 1], c[:, 1]
                if side == 1:
                    ghost_t, ghost_c = t[:, -1], c[:, -1]
                    inner_t, inner_c = t[:, -2], c[:, -2]
            else:
                ghost_t, ghost_c = t[:, :, 0], c[:, :, 0]
                inner_t, inner_c = t[:, :, 1], c[:, :, 1]
                if side == 1:
                    ghost_t, ghost_c = t[:, :, -1], c[:, :, -1]
                    inner_t, inner_c = t[:, :, -2], c[:, :, -2]
            if fixed[n] == 1:
                for a in range(ghost_t.shape[0]):
                    for b in range(ghost_t.shape[1]):
                        ghost_t[a, b] = TWO * face_c[n] - inner_t[a, b]
                        ghost_c[a, b] = inner_c[a, b]
            else:
                for a in range(ghost_t.shape[0]):
                    for b in range(ghost_t.shape[1]):
                        ghost_t[a, b] = inner_t[a, b]
                        ghost_c[a, b] = ZERO


@parallel_kernel
def first_stage(
    start: Float32Array,
    temperature: Float32Array,
    conductivity: Float32Array,
    heating: Float32Array,
    perfusion: Float32Array,
    thawed_c: Float32Array,
    index: IndexArray,
    inverse_h2: Float32Array,
    first_dt: float,
    rate: Float32Array,
    out: Float32Array,
) -> None:
    """Fill rate L(Y₀) and the first stage Y₁ = Y₀ + μ̃₁ τ L(Y₀).

    L(H) = Σ faces (harmonic k) ΔT/h² + q + ω ρ_b c_b (37 − T), the last only where unfrozen.
    """
    gk, gj, gi = TWO * inverse_h2[0], TWO * inverse_h2[1], TWO * inverse_h2[2]
    dt = np.float32(first_dt)
    nk, nj, ni = start.shape
    for k in prange(1, nk - 1):
        for j in range(1, nj - 1):
            t0, c0 = temperature[k, j], conductivity[k, j]
            tn, cn = temperature[k, j - 1], conductivity[k, j - 1]
            ts, cs = temperature[k, j + 1], conductivity[k, j + 1]
            td, cd = temperature[k - 1, j], conductivity[k - 1, j]
            tu, cu = temperature[k + 1, j], conductivity[k + 1, j]
            for i in range(1, ni - 1):
                t, c = t0[i], c0[i]
                along_i = c0[i - 1] / (c + c0[i - 1] + TINY) * (t0[i - 1] - t)
                along_i += c0[i + 1] / (c + c0[i + 1] + TINY) * (t0[i + 1] - t)
                along_j = cn[i] / (c + cn[i] + TINY) * (tn[i] - t)
                along_j += cs[i] / (c + cs[i] + TINY) * (ts[i] - t)
                along_k = cd[i] / (c + cd[i] + TINY) * (td[i] - t)
                along_k += cu[i] / (c + cu[i] + TINY) * (tu[i] - t)
                value = c * (gi * along_i + gj * along_j + gk * along_k) + heating[k, j, i]
                alive = ONE if t > thawed_c[index[k, j, i]] else ZERO
                value += alive * perfusion[k, j, i] * (BODY - t)
                rate[k, j, i] = value
                out[k, j, i] = start[k, j, i] + dt * value


@parallel_kernel
def next_stage(
    start: Float32Array,
    start_rate: Float32Array,
    before: Float32Array,
    temperature: Float32Array,
    conductivity: Float32Array,
    heating: Float32Array,
    perfusion: Float32Array,
    thawed_c: Float32Array,
    index: IndexArray,
    inverse_h2: Float32Array,
    weights: Float32Array,
    before_last: Float32Array,
) -> None:
    """Write stage Yⱼ over Yⱼ₋₂: μYⱼ₋₁ + νYⱼ₋₂ + (1−μ−ν)Y₀ + μ̃τL(Yⱼ₋₁) + γ̃τL(Y₀) (RKL2).

    Weights are μ, ν, 1−μ−ν, μ̃τ, γ̃τ. Source: Meyer, Balsara, Aslam, J Comput Phys 2014;257:594.
    """
    gk, gj, gi = TWO * inverse_h2[0], TWO * inverse_h2[1], TWO * inverse_h2[2]
    mu, nu, rest, mu_dt, gamma_dt = weights[0], weights[1], weights[2], weights[3], weights[4]
    nk, nj, ni = start.shape
    for k in prange(1, nk - 1):
        for j in range(1, nj - 1):
            t0, c0 = temperature[k, j], conductivity[k, j]
            tn, cn = temperature[k, j - 1], conductivity[k, j - 1]
            ts, cs = temperature[k, j + 1], conductivity[k, j + 1]
            td, cd = temperature[k - 1, j], conductivity[k - 1, j]
            tu, cu = temperature[k + 1, j], conductivity[k + 1, j]
            for i in range(1, ni - 1):
                t, c = t0[i], c0[i]
                along_i = c0[i - 1] / (c + c0[i - 1] + TINY) * (t0[i - 1] - t)
                along_i += c0[i + 1] / (c + c0[i + 1] + TINY) * (t0[i + 1] - t)
                along_j = cn[i] / (c + cn[i] + TINY) * (tn[i] - t)
                along_j += cs[i] / (c + cs[i] + TINY) * (ts[i] - t)
                along_k = cd[i] / (c + cd[i] + TINY) * (td[i] - t)
                along_k += cu[i] / (c + cu[i] + TINY) * (tu[i] - t)
                value = c * (gi * along_i + gj * along_j + gk * along_k) + heating[k, j, i]
                alive = ONE if t > thawed_c[index[k, j, i]] else ZERO
                value += alive * perfusion[k, j, i] * (BODY - t)
                before_last[k, j, i] = (
                    mu * before[k, j, i]
                    + nu * before_last[k, j, i]
                    + rest * start[k, j, i]
                    + mu_dt * value
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
    dt: float,
    target: Float32Array,
) -> None:
    """Add what near-source links carry beyond the plain stencil, ``extra`` = (m − 1)/h²."""
    t, c, out = temperature.ravel(), conductivity.ravel(), target.ravel()
    for n in range(first.size):
        p, q = first[n], second[n]
        both = c[p] + c[q]
        if both > 0.0:
            flow = dt * extra[n] * 2.0 * c[p] * c[q] / both * (t[q] - t[p])
            out[p] += flow
            out[q] -= flow


@kernel
def conductivity_integral(row: Float32Array, temperature_c: float) -> float:
    """Return ∫ k dT from the upper end of the freezing range, in W/m (Kirchhoff's potential)."""
    upper, lower, frozen, span = row[13], row[2], row[11], row[12]
    if temperature_c >= upper:
        return (frozen + span) * (temperature_c - upper)
    if temperature_c <= lower:
        return (frozen + 0.5 * span) * (lower - upper) + frozen * (temperature_c - lower)
    depth = upper - temperature_c
    return -(frozen + span) * depth + 0.5 * span * depth * depth / (upper - lower)


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
    cells: CellArray,
    area_per_volume: FloatArray,
    flux_w_m2: FloatArray,
    dt: float,
    target: Float32Array,
) -> None:
    """Add the heat of surfaces to the cells they touch."""
    out = target.ravel()
    for n in range(cells.size):
        out[cells[n]] += dt * area_per_volume[n] * flux_w_m2[n]
