"""Compiled loops of the heat equation: enthalpy to temperature, fluxes, stages, embedded surfaces.

All arrays carry one ghost cell on every side; a cell's flat index counts the ghosts. Enthalpy is in
J/m³ and zero at 37 °C. Units: °C, W/m/K, metres, seconds, W/m³.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

from imaging.geometry import FloatArray
from imaging.kernels import kernel, parallel_kernel, prange
from planning.ablation.solver.materials import Float32Array, IndexArray

Place: TypeAlias = Any  # an unsigned number in compiled loops, which spares the check for below 0
Number: TypeAlias = Any  # a number of single or double precision
CellArray: TypeAlias = NDArray[np.int64]
# Potential, gain, temperature above 37 °C and conductivity of three planes of cells.
Planes: TypeAlias = tuple[Float32Array, Float32Array, Float32Array, Float32Array]


class Ground(NamedTuple):
    """What the cells are and what acts on them, in flat arrays of cells but for the tables."""

    linked: IndexArray
    plain: IndexArray
    table: Float32Array
    sources: Float32Array
    heating: Float32Array
    perfused: IndexArray
    inverse_h2: Float32Array
    face_potential: Float32Array
    fixed: IndexArray


class Stage(NamedTuple):
    """The states that a stage reads and writes, in flat arrays of cells, and its weights."""

    before: Float32Array
    start: Float32Array
    start_rate: Float32Array
    last: Float32Array
    weights: Float32Array


BODY = np.float32(37.0)
ONE, ZERO, TWO, HALF = np.float32(1.0), np.float32(0.0), np.float32(2.0), np.float32(0.5)
U1: Place = np.uintp(1)
TWO_U: Place = np.uintp(2)
THREE: Place = np.uintp(3)
PARALLEL_FROM_CELLS = 60_000  # a loop over fewer takes less time than waking a thread
# Kinds of rows of cells: all of one material; the four rows beside it of that same material too;
# and these rows in turn among their own, so that no face to another material is near.
ONE_MATERIAL, AMONG_ITS_OWN, FAR_FROM_OTHERS = 1, 2, 3
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
                end = _run_end(m, start, stop)
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
def _run_end(material: IndexArray, start: Place, stop: Place) -> Place:
    """Return where the run of one material ends that begins at ``start``."""
    end = start + U1
    while end < stop and material[end] == material[start]:
        end += U1
    return end


@kernel
def _fill_run(
    row: Float32Array,
    source: Float32Array,
    enthalpy: Float32Array,
    heating: Float32Array,
    perfused: IndexArray,
    start: Place,
    end: Place,
    theta: Float32Array,
    gain: Float32Array,
    to: Place,
) -> None:
    """Fill Kirchhoff's potential ∫ k dT from 37 °C, and what cells gain, for one material.

    They gain metabolism, heating, and blood of 37 °C where it flows and is not frozen; ``source``
    holds metabolism and ω ρ_b c_b. Few arrays and no branches, so that the loop is vectorised.
    """
    hs, inv_span, ics, span = row[0], row[1], row[3], row[4]
    hl, ic, hb, sb, hd, sd = row[5], row[6], row[7], row[8], row[9], row[10]
    ks, dk = row[11], row[12]
    metabolic, blood = source[0], source[1]
    for n in range(end - start):
        h = enthalpy[start + n]
        f = min(max((h - hs) * inv_span, ZERO), ONE)
        warm = max(h, hl) * ic + max(h - hb, ZERO) * sb + max(h - hd, ZERO) * sd
        slush = (ONE - f) * span
        middle = ks + HALF * (ONE + f) * dk
        theta[to + n] = (ks + dk) * warm - middle * slush + ks * (min(h - hs, ZERO) * ics)
        flows = blood * np.float32(perfused[start + n])
        flows = flows if h > hl else ZERO
        gain[to + n] = metabolic + heating[start + n] - flows * warm


@kernel
def _fill_leads(
    row: Float32Array,
    enthalpy: Float32Array,
    start: Place,
    end: Place,
    warmth: Float32Array,
    conduct: Float32Array,
    to: Place,
) -> None:
    """Fill temperature above 37 °C and conductivity for a run of one material."""
    hs, inv_span, ics, span = row[0], row[1], row[3], row[4]
    hl, ic, hb, sb, hd, sd = row[5], row[6], row[7], row[8], row[9], row[10]
    ks, dk = row[11], row[12]
    for n in range(end - start):
        h = enthalpy[start + n]
        f = min(max((h - hs) * inv_span, ZERO), ONE)
        warm = max(h, hl) * ic + max(h - hb, ZERO) * sb + max(h - hd, ZERO) * sd
        warmth[to + n] = warm - (ONE - f) * span + min(h - hs, ZERO) * ics
        conduct[to + n] = ks + f * dk


@kernel
def _combine(
    states: Stage, cell: Place, rate: Float32Array, gain: Float32Array, own: Place
) -> None:
    """Write Yⱼ of a row over Yⱼ₋₂."""
    before, start, start_rate, last, weights = states
    wa, wb, wc, wd, we = weights[0], weights[1], weights[2], weights[3], weights[4]
    for n in range(np.uintp(rate.size)):
        rate[n] += gain[own + n]
    for n in range(np.uintp(rate.size)):
        x = cell + n
        mixed = wa * before[x] + wb * last[x] + wc * start[x]
        last[x] = mixed + wd * rate[n] + we * start_rate[x]


@kernel
def _combine_first(
    states: Stage, cell: Place, rate: Float32Array, gain: Float32Array, own: Place
) -> None:
    """Write L(Y₀) and Y₁ of a row."""
    before, start_rate, last, weight = (
        states.before,
        states.start_rate,
        states.last,
        states.weights[3],
    )
    for n in range(np.uintp(rate.size)):
        start_rate[cell + n] = rate[n] + gain[own + n]
    for n in range(np.uintp(rate.size)):
        last[cell + n] = before[cell + n] + weight * start_rate[cell + n]


@kernel
def _mirror(
    planes: Planes,
    ghost: Place,
    inner: Place,
    material: Place,
    ground: Ground,
    n: Place,
    mixed: bool,
) -> None:
    """Fill a ghost: a fixed face lies half a cell out, an insulated one is a mirror."""
    theta, _, warmth, conduct = planes
    if mixed:
        warmth[ghost], conduct[ghost] = warmth[inner], conduct[inner]
    theta[ghost] = theta[inner]
    if ground.fixed[n] == 1 and material != CUT:
        theta[ghost] = TWO * ground.face_potential[n, material] - theta[inner]


@kernel
def _fill_rows(
    enthalpy: Float32Array,
    ground: Ground,
    start: Place,
    stop: Place,
    kind: Place,
    planes: Planes,
    to: Place,
    mixed: bool,
) -> None:
    """Fill rows of cells run by run; cut cells are zero."""
    theta, gain, warmth, conduct = planes
    begin = start
    while start < stop:
        m = ground.linked[start]
        end = stop if kind >= ONE_MATERIAL else _run_end(ground.linked, start, stop)
        at = to + (start - begin)
        if m == CUT:
            for n in range(end - start):
                theta[at + n], gain[at + n] = ZERO, ZERO
                if mixed:
                    warmth[at + n], conduct[at + n] = ZERO, ZERO
        else:
            row = ground.table[m]
            _fill_run(
                row,
                ground.sources[m],
                enthalpy,
                ground.heating,
                ground.perfused,
                start,
                end,
                theta,
                gain,
                at,
            )
            if mixed and kind < FAR_FROM_OTHERS:
                _fill_leads(row, enthalpy, start, end, warmth, conduct, at)
        start = end


@kernel
def _fill_plane(
    enthalpy: Float32Array,
    ground: Ground,
    plane: Place,
    size: tuple[Place, Place],
    planes: Planes,
    to: Place,
    mixed: bool,
) -> None:
    """Fill a plane of cells and the ghosts at its four edges.

    Arrays are flat; ``plane`` and ``to`` say where the plane starts in the grid and in ``planes``.
    """
    nj, ni = size
    linked, plain, top = ground.linked, ground.plain, plane // ni
    j = U1
    while j < nj - U1:
        begin, kind, after = plane + j * ni + U1, plain[top + j], j + U1
        while kind > 0 and after < nj - U1 and plain[top + after] == kind:
            if linked[plane + after * ni + U1] != linked[begin]:
                break
            after += U1
        stop = plane + after * ni - U1
        _fill_rows(enthalpy, ground, begin, stop, kind, planes, to + j * ni + U1, mixed)
        j = after
    for j in range(U1, nj - U1):
        begin, shift = plane + j * ni, to + j * ni
        last = shift + ni - U1
        _mirror(planes, shift, shift + U1, linked[begin + U1], ground, 4, mixed)
        _mirror(planes, last, last - U1, linked[begin + ni - TWO_U], ground, 5, mixed)
    for i in range(U1, ni - U1):
        low, high = linked[plane + ni + i], linked[plane + (nj - TWO_U) * ni + i]
        last = to + (nj - U1) * ni + i
        _mirror(planes, to + i, to + ni + i, low, ground, 2, mixed)
        _mirror(planes, last, last - ni, high, ground, 3, mixed)


@kernel
def _end_plane(
    n: Place,
    ground: Ground,
    plane: Place,
    area: Place,
    planes: Planes,
    inner: Place,
    ghost: Place,
    mixed: bool,
) -> None:
    """Fill the ghost plane beyond the first or last plane of cells from that plane."""
    for x in range(area):
        _mirror(planes, ghost + x, inner + x, ground.linked[plane + x], ground, n, mixed)


@kernel
def _flow(
    same: bool, potential_gap: Number, own_k: Number, other_k: Number, temperature_gap: Number
) -> Number:
    """Heat from a neighbour times h/A: ∫ k dT inside one material, harmonic mean between two."""
    if same:
        return potential_gap
    return TWO * own_k * other_k / (own_k + other_k + TINY) * temperature_gap


@kernel
def _fluxes_row(
    theta: Float32Array,
    rows: tuple[Place, Place, Place, Place, Place],
    linked: IndexArray,
    cells: tuple[Place, Place, Place, Place, Place],
    count: Place,
    inverse_h2: Float32Array,
    rate: Float32Array,
) -> None:
    """Fill Σ Δθ/h² over the faces inside a material of a row of cells.

    Five rows start at ``rows`` and ``cells``: the cells' own, and those beside it along j (low,
    high) and k (low, high).
    """
    gk, gj, gi = inverse_h2[0], inverse_h2[1], inverse_h2[2]
    p0, pn, ps, pd, pu = rows
    m0, mn, ms, md, mu = cells
    for i in range(count):
        p, m = theta[p0 + i], linked[m0 + i]
        along_i = theta[p0 + i - U1] - p if linked[m0 + i - U1] == m else ZERO
        along_i += theta[p0 + i + U1] - p if linked[m0 + i + U1] == m else ZERO
        along_j = theta[pn + i] - p if linked[mn + i] == m else ZERO
        along_j += theta[ps + i] - p if linked[ms + i] == m else ZERO
        along_k = theta[pd + i] - p if linked[md + i] == m else ZERO
        along_k += theta[pu + i] - p if linked[mu + i] == m else ZERO
        rate[i] = gi * along_i + gj * along_j + gk * along_k


@kernel
def _plain_stage(
    theta: Float32Array,
    gain: Float32Array,
    rows: tuple[Place, Place, Place, Place, Place],
    states: Stage,
    cell: Place,
    count: Place,
    inverse_h2: Float32Array,
) -> None:
    """Write Yⱼ over Yⱼ₋₂ for cells that lie with all their neighbours in one material."""
    before, start, start_rate, last, weights = states
    gk, gj, gi = inverse_h2[0], inverse_h2[1], inverse_h2[2]
    wa, wb, wc, wd, we = weights[0], weights[1], weights[2], weights[3], weights[4]
    p0, pn, ps, pd, pu = rows
    own = TWO * (gk + gj + gi)
    for n in range(count):
        along_i = theta[p0 + n - U1] + theta[p0 + n + U1]
        along_j = theta[pn + n] + theta[ps + n]
        along_k = theta[pd + n] + theta[pu + n]
        rate = gi * along_i + gj * along_j + gk * along_k - own * theta[p0 + n] + gain[p0 + n]
        x = cell + n
        last[x] = wa * before[x] + wb * last[x] + wc * start[x] + wd * rate + we * start_rate[x]


@kernel
def _plain_first(
    theta: Float32Array,
    gain: Float32Array,
    rows: tuple[Place, Place, Place, Place, Place],
    states: Stage,
    cell: Place,
    count: Place,
    inverse_h2: Float32Array,
) -> None:
    """Write L(Y₀) and Y₁ for cells that lie with all their neighbours in one material."""
    before, start_rate, last, weight = (
        states.before,
        states.start_rate,
        states.last,
        states.weights[3],
    )
    gk, gj, gi = inverse_h2[0], inverse_h2[1], inverse_h2[2]
    p0, pn, ps, pd, pu = rows
    own = TWO * (gk + gj + gi)
    for n in range(count):
        along_i = theta[p0 + n - U1] + theta[p0 + n + U1]
        along_j = theta[pn + n] + theta[ps + n]
        along_k = theta[pd + n] + theta[pu + n]
        rate = gi * along_i + gj * along_j + gk * along_k - own * theta[p0 + n] + gain[p0 + n]
        start_rate[cell + n] = rate
        last[cell + n] = before[cell + n] + weight * rate


@kernel
def _between_row(
    rate: Float32Array,
    warmth: Float32Array,
    conduct: Float32Array,
    p0: Place,
    p1: Place,
    linked: IndexArray,
    m0: Place,
    m1: Place,
    count: Place,
    twice: Number,
) -> None:
    """Add the heat through the faces to a neighbouring row, where the material is another one.

    It flows by the harmonic mean of the two conductivities; ``twice`` is 2/h².
    """
    for i in range(count):
        k0, k1 = conduct[p0 + i], conduct[p1 + i]
        flow = k0 * k1 / (k0 + k1 + TINY) * (warmth[p1 + i] - warmth[p0 + i])
        rate[i] += twice * flow if linked[m0 + i] != linked[m1 + i] else ZERO


@kernel
def _uneven_row(
    planes: Planes,
    rows: tuple[Place, Place, Place, Place, Place],
    ground: Ground,
    cells: tuple[Place, Place, Place, Place, Place],
    count: Place,
    rate: Float32Array,
    mixed: bool,
) -> None:
    """Fill the fluxes of a row that has faces to other materials or to cut cells."""
    linked, weight = ground.linked, ground.inverse_h2
    _fluxes_row(planes[0], rows, linked, cells, count, weight, rate)
    if mixed:
        own, cell, leads = rows[0], cells[0], (rate, planes[2], planes[3])
        _between_row(*leads, own, rows[1], linked, cell, cells[1], count, TWO * weight[1])
        _between_row(*leads, own, rows[2], linked, cell, cells[2], count, TWO * weight[1])
        _between_row(*leads, own, rows[3], linked, cell, cells[3], count, TWO * weight[0])
        _between_row(*leads, own, rows[4], linked, cell, cells[4], count, TWO * weight[0])
        _between_row(*leads, own, own - U1, linked, cell, cell - U1, count, TWO * weight[2])
        _between_row(*leads, own, own + U1, linked, cell, cell + U1, count, TWO * weight[2])


@kernel
def _advance_plane(
    k: Place,
    size: tuple[Place, Place],
    first: bool,
    mixed: bool,
    states: Stage,
    ground: Ground,
    planes: Planes,
    rate: Float32Array,
) -> None:
    """Compute a stage of a plane, whose planes below and above are filled."""
    nj, ni = size
    area, count = nj * ni, ni - TWO_U
    below, here, above = ((k - U1) % THREE) * area, (k % THREE) * area, ((k + U1) % THREE) * area
    j = U1
    while j < nj - U1:
        row, cell, after = j * ni + U1, k * area + j * ni + U1, j + U1
        rows = (here + row, here + row - ni, here + row + ni, below + row, above + row)
        if ground.plain[k * nj + j] >= AMONG_ITS_OWN:
            while after < nj - U1 and ground.plain[k * nj + after] >= AMONG_ITS_OWN:
                after += U1
            many = (after - j) * ni - TWO_U  # with the ghosts between the rows, which nobody reads
            if first:
                _plain_first(planes[0], planes[1], rows, states, cell, many, ground.inverse_h2)
            else:
                _plain_stage(planes[0], planes[1], rows, states, cell, many, ground.inverse_h2)
        else:
            cells = (cell, cell - ni, cell + ni, cell - area, cell + area)
            _uneven_row(planes, rows, ground, cells, count, rate, mixed)
            if first:
                _combine_first(states, cell, rate, planes[1], here + row)
            else:
                _combine(states, cell, rate, planes[1], here + row)
        j = after


@kernel
def _chunk(
    k_from: Place,
    k_to: Place,
    shape: tuple[Place, Place, Place],
    first: bool,
    mixed: bool,
    states: Stage,
    ground: Ground,
    scratch: Float32Array,
) -> None:
    """Compute a stage of some planes, each as soon as the plane above it is filled."""
    nk, nj, ni = shape
    size, area = (nj, ni), nj * ni
    planes = (scratch[0], scratch[1], scratch[2], scratch[3])
    rate = scratch[4, : ni - TWO_U]
    for ahead in range(max(k_from - U1, U1), k_to + U1):
        to = (ahead % THREE) * area
        if ahead < nk - U1:
            _fill_plane(states.before, ground, ahead * area, size, planes, to, mixed)
            if ahead == U1:
                _end_plane(0, ground, area, area, planes, to, to - area, mixed)
        else:
            inner, plane = ((ahead - U1) % THREE) * area, (ahead - U1) * area
            _end_plane(1, ground, plane, area, planes, inner, to, mixed)
        if ahead > k_from:
            _advance_plane(ahead - U1, size, first, mixed, states, ground, planes, rate)


@parallel_kernel
def stage(
    first: bool,
    mixed: bool,
    before: Float32Array,
    start: Float32Array,
    start_rate: Float32Array,
    last: Float32Array,
    weights: Float32Array,
    linked: IndexArray,
    plain: IndexArray,
    table: Float32Array,
    sources: Float32Array,
    heating: Float32Array,
    perfused: IndexArray,
    inverse_h2: Float32Array,
    face_potential: Float32Array,
    fixed: IndexArray,
    scratch: Float32Array,
) -> None:
    """Compute one stage of a super step in one pass over memory.

    The first stage writes L(Y₀) to ``start_rate`` and Y₁ = Y₀ + μ̃₁τL(Y₀) to ``last``; a later one
    writes Yⱼ = μYⱼ₋₁ + νYⱼ₋₂ + (1−μ−ν)Y₀ + μ̃τL(Yⱼ₋₁) + γ̃τL(Y₀) over Yⱼ₋₂ in ``last`` (RKL2).
    Weights are μ, ν, 1−μ−ν, μ̃τ, γ̃τ; the first stage reads only μ̃τ.
    Each chunk of planes keeps potential, gain, temperature and conductivity of three planes at a
    time in its part of ``scratch``, shape (chunks, 5, 3 · nj · ni).
    Source: Meyer, Balsara, Aslam, J Comput Phys 2014;257:594.
    """
    nk, nj, ni = before.shape
    shape = (np.uintp(nk), np.uintp(nj), np.uintp(ni))
    states = Stage(before.ravel(), start.ravel(), start_rate.ravel(), last.ravel(), weights)
    ground = Ground(
        linked.ravel(),
        plain.ravel(),
        table,
        sources,
        heating.ravel(),
        perfused.ravel(),
        inverse_h2,
        face_potential,
        fixed,
    )
    chunks = scratch.shape[0]
    for chunk in prange(chunks):
        _chunk(
            np.uintp(1 + chunk * (nk - 2) // chunks),
            np.uintp(1 + (chunk + 1) * (nk - 2) // chunks),
            shape,
            first,
            mixed,
            states,
            ground,
            scratch[chunk],
        )


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
