"""Compiled loops of a super step's stages: enthalpy to the next enthalpy in one pass over memory.

Planes of cells are turned into potentials, conductivities and gains just ahead of where they are
needed. Units: J/m³ (zero at 37 °C), °C, W/m/K, metres, seconds, W/m³.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np

from imaging.kernels import kernel, parallel_kernel, prange
from planning.ablation.solver.kernels import (
    CUT,
    HALF,
    ONE,
    TINY,
    TWO,
    TWO_U,
    U1,
    ZERO,
    Number,
    Place,
    run_end,
)
from planning.ablation.solver.materials import Float32Array, IndexArray

THREE: Place = np.uintp(3)
# Potential, gain, temperature above 37 °C and conductivity of three planes of cells.
Planes: TypeAlias = tuple[Float32Array, Float32Array, Float32Array, Float32Array]
# Kinds of rows of cells: all of one material; the four rows beside it of that same material too;
# and these rows in turn among their own, so that no face to another material is near.
ONE_MATERIAL, AMONG_ITS_OWN, FAR_FROM_OTHERS = 1, 2, 3


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
        end = stop if kind >= ONE_MATERIAL else run_end(ground.linked, start, stop)
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
