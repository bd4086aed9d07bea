"""Compiled loops of the heat equation: enthalpy to temperature, embedded surfaces, sharp fronts.

All arrays carry one ghost cell on every side; a cell's flat index counts the ghosts. Enthalpy is in
J/m³ and zero at 37 °C. Units: °C, W/m/K, metres, seconds, W/m³.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

from imaging.geometry import FloatArray
from imaging.kernels import kernel, parallel_kernel, prange
from planning.ablation.solver.materials import Float32Array, IndexArray

Place: TypeAlias = Any  # an unsigned number in compiled loops, which spares the check for below 0
Number: TypeAlias = Any  # a number of single or double precision
CellArray: TypeAlias = NDArray[np.int64]


BODY = np.float32(37.0)
ONE, ZERO, TWO, HALF = np.float32(1.0), np.float32(0.0), np.float32(2.0), np.float32(0.5)
U1: Place = np.uintp(1)
TWO_U: Place = np.uintp(2)
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
def temperatures(
    enthalpy: Float32Array, index: IndexArray, table: Float32Array, temperature: Float32Array
) -> None:
    """Fill the temperature of every cell from its enthalpy."""
    nk, nj, ni = enthalpy.shape
    for k in prange(nk - 2):
        h, m, out = enthalpy.ravel(), index.ravel(), temperature.ravel()
        for j in range(1, nj - 1):
            row_begin = np.uintp((k + 1) * nj + j) * np.uintp(ni)
            start, stop = row_begin + U1, row_begin + np.uintp(ni) - U1
            while start < stop:
                end = run_end(m, start, stop)
                _warm_run(table[m[start]], h, start, end, out)
                start = end


@kernel
def _warm_run(
    row: Float32Array, enthalpy: Float32Array, start: Place, end: Place, out: Float32Array
) -> None:
    """Fill the temperature of a run of one material.

    T = 37 + max(H, Hₗ)/cₗ − (1 − f)·ΔT + min(H − Hₛ, 0)/cₛ + boiling, f = (H − Hₛ)/(Hₗ − Hₛ)
    between 0 and 1.
    """
    hs, inv_span, ics, span = row[0], row[1], row[3], row[4]
    hl, ic, hb, sb, hd, sd = row[5], row[6], row[7], row[8], row[9], row[10]
    for x in range(start, end):
        h = enthalpy[x]
        f = min(max((h - hs) * inv_span, ZERO), ONE)
        warm = max(h, hl) * ic + max(h - hb, ZERO) * sb + max(h - hd, ZERO) * sd
        out[x] = BODY + warm - (ONE - f) * span + min(h - hs, ZERO) * ics


@kernel
def run_end(material: IndexArray, start: Place, stop: Place) -> Place:
    """Return where the run of one material ends that begins at ``start``."""
    end = start + U1
    while end < stop and material[end] == material[start]:
        end += U1
    return end


@kernel
def _flow(
    same: bool, potential_gap: Number, own_k: Number, other_k: Number, temperature_gap: Number
) -> Number:
    """Heat from a neighbour times h/A: ∫ k dT inside one material, harmonic mean between two."""
    if same:
        return potential_gap
    return TWO * own_k * other_k / (own_k + other_k + TINY) * temperature_gap


@kernel
def cell_state(enthalpy: Number, row: Float32Array) -> tuple[Number, Number, Number]:
    """Return temperature, conductivity and potential of a cell of a material."""
    f = min(max((enthalpy - row[0]) * row[1], ZERO), ONE)
    warm = max(enthalpy, row[5]) * row[6]
    warm += max(enthalpy - row[7], ZERO) * row[8] + max(enthalpy - row[9], ZERO) * row[10]
    slush = (ONE - f) * row[4]
    cold = min(enthalpy - row[0], ZERO) * row[3]
    middle = row[11] + HALF * (ONE + f) * row[12]
    potential = (row[11] + row[12]) * warm - middle * slush + row[11] * cold
    return BODY + warm - slush + cold, row[11] + f * row[12], potential


@kernel
def add_links(
    first: CellArray,
    second: CellArray,
    extra: FloatArray,
    places: CellArray,
    enthalpy: Float32Array,
    linked: IndexArray,
    table: Float32Array,
    rates: FloatArray,
) -> None:
    """Add what near-source links carry beyond the plain stencil, ``extra`` = (m − 1)/h².

    ``rates`` has an entry for every touched cell; ``places`` says which, for all first cells and
    then for all second ones.
    """
    h, material = enthalpy.ravel(), linked.ravel()
    for n in range(first.size):
        p, q = first[n], second[n]
        if material[p] == CUT or material[q] == CUT:
            continue
        t0, c0, p0 = cell_state(h[p], table[material[p]])
        t1, c1, p1 = cell_state(h[q], table[material[q]])
        flow = extra[n] * _flow(material[p] == material[q], p1 - p0, c0, c1, t1 - t0)
        rates[places[n]] += flow
        rates[places[first.size + n]] -= flow


@kernel
def conductivity_integral(row: Float32Array, temperature_c: Number) -> Number:
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
    enthalpy: Float32Array,
    flux_w_m2: FloatArray,
) -> None:
    """Fill the heat flux from each surface into its cell: ΔT / (d/k̄ + 1/h), k̄ by Kirchhoff."""
    h, material = enthalpy.ravel(), index.ravel()
    for n in range(cells.size):
        row = table[material[cells[n]]]
        inside, outside = surface_c[n], float(cell_state(h[cells[n]], row)[0])
        gap = inside - outside
        if abs(gap) < 1e-3:
            conductivity = row[11] + (row[12] if outside > row[13] else ZERO)
        else:
            potential = conductivity_integral(row, inside) - conductivity_integral(row, outside)
            conductivity = potential / gap
        flux_w_m2[n] = gap / (distance_m[n] / conductivity + resistance_m2_k_w[n])


@kernel
def add_contacts(
    places: CellArray, area_per_volume: FloatArray, flux_w_m2: FloatArray, rates: FloatArray
) -> None:
    """Add the heat of surfaces to the touched cells at ``places``."""
    for n in range(places.size):
        rates[places[n]] += area_per_volume[n] * flux_w_m2[n]


@kernel
def add_rates(cells: CellArray, rates: FloatArray, weight: Number, out: Float32Array) -> None:
    """Add weighted rates to cells."""
    flat = out.ravel()
    for n in range(cells.size):
        flat[cells[n]] += weight * rates[n]


@parallel_kernel
def sharpen(
    enthalpy: Float32Array,
    index: IndexArray,
    table: Float32Array,
    temperature: Float32Array,
    widest_k: Number,
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
