"""Compiled loops of a super step's stages: enthalpy to the next enthalpy in one pass over memory.

Planes of cells are turned into potentials and gains just ahead of where they are needed. Most cells
lie among their own material, where heat flows by the difference of potentials: rows of them are
computed so in one plain loop, and the few cells at a border to another material are put right after
it. Rows of many materials, as of bone, go cell by cell.
Units: J/m³ (zero at 37 °C), °C, W/m/K, metres, seconds, W/m³.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np

from imaging.kernels import kernel, parallel_kernel, prange
from planning.ablation.solver.kernels import CUT, HALF, ONE, TWO, TWO_U, U1, ZERO, Number, Place
from planning.ablation.solver.layout import UNEVEN, FlatArray, Layout
from planning.ablation.solver.materials import Float32Array, IndexArray

THREE: Place = np.uintp(3)
VECTOR: Place = np.uintp(16)  # cells of a short run are filled so many at a time
PARTS = 5  # of the scratch, each of three planes
CUT_RESISTIVITY = np.float32(1e30)
# Potential, gain, and for cells at borders temperature above 37 °C and 1/k, of three planes of
# cells; last how the border cells of a plane change, or a row.
Planes: TypeAlias = tuple[Float32Array, Float32Array, Float32Array, Float32Array, Float32Array]


class Ground(NamedTuple):
    """What the cells are and what acts on them, in flat arrays of cells but for the tables."""

    linked: IndexArray
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
    table: Float32Array,
    sources: Float32Array,
    material: Place,
    enthalpy: Float32Array,
    heating: Float32Array,
    perfused: IndexArray,
    start: Place,
    count: Place,
    theta: Float32Array,
    gain: Float32Array,
    to: Place,
) -> None:
    """Fill Kirchhoff's potential ∫ k dT from 37 °C, and what cells gain, for one material.

    They gain metabolism, heating, and blood of 37 °C where it flows and is not frozen; ``sources``
    holds metabolism and ω ρ_b c_b. Few arrays and no branches, so that the loop is vectorised.
    """
    m = material
    hs, inv_span, ics, span = table[m, 0], table[m, 1], table[m, 3], table[m, 4]
    hl, ic, hb, sb = table[m, 5], table[m, 6], table[m, 7], table[m, 8]
    hd, sd, ks, dk = table[m, 9], table[m, 10], table[m, 11], table[m, 12]
    metabolic, blood = sources[m, 0], sources[m, 1]
    for n in range(count):
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
def _fill_cells(
    table: Float32Array,
    sources: Float32Array,
    linked: IndexArray,
    enthalpy: Float32Array,
    heating: Float32Array,
    perfused: IndexArray,
    start: Place,
    count: Place,
    planes: Planes,
    to: Place,
) -> None:
    """Fill all four of each cell, whatever its neighbours are; cut ones hold and lead nothing."""
    theta, gain, warmth, resist, _ = planes
    for n in range(count):
        x, at = start + n, to + n
        h, m = enthalpy[x], np.uintp(linked[x])
        if linked[x] == CUT:
            theta[at], gain[at], warmth[at], resist[at] = ZERO, ZERO, ZERO, CUT_RESISTIVITY
            continue
        blood = sources[m, 1] * np.float32(perfused[x])
        if table[m, 5] < h <= table[m, 7]:  # neither freezing nor boiling
            warm = h * table[m, 6]
            theta[at] = (table[m, 11] + table[m, 12]) * warm
            resist[at] = table[m, 14]
            gain[at] = sources[m, 0] + heating[x] - blood * warm
            warmth[at] = warm
            continue
        f = min(max((h - table[m, 0]) * table[m, 1], ZERO), ONE)
        warm = max(h, table[m, 5]) * table[m, 6] + max(h - table[m, 7], ZERO) * table[m, 8]
        warm += max(h - table[m, 9], ZERO) * table[m, 10]
        slush = (ONE - f) * table[m, 4]
        cold = min(h - table[m, 0], ZERO) * table[m, 3]
        middle = table[m, 11] + HALF * (ONE + f) * table[m, 12]
        theta[at] = (table[m, 11] + table[m, 12]) * warm - middle * slush + table[m, 11] * cold
        gain[at] = sources[m, 0] + heating[x] - (blood * warm if h > table[m, 5] else ZERO)
        warmth[at] = warm - slush + cold
        resist[at] = ONE / (table[m, 11] + f * table[m, 12])


@kernel
def _fill_border(
    border: FlatArray,
    begin: Place,
    end: Place,
    enthalpy: Float32Array,
    linked: IndexArray,
    table: Float32Array,
    plane: Place,
    warmth: Float32Array,
    resist: Float32Array,
    to: Place,
) -> None:
    """Fill temperature above 37 °C and 1/k of the border cells; cut ones lead nothing."""
    for n in range(begin, end):
        x = np.uintp(border[n])
        at, m = to + (x - plane), np.uintp(linked[x])
        if m == CUT:
            warmth[at], resist[at] = ZERO, CUT_RESISTIVITY
            continue
        h = enthalpy[x]
        f = min(max((h - table[m, 0]) * table[m, 1], ZERO), ONE)
        warm = max(h, table[m, 5]) * table[m, 6] + max(h - table[m, 7], ZERO) * table[m, 8]
        warm += max(h - table[m, 9], ZERO) * table[m, 10]
        cold = min(h - table[m, 0], ZERO) * table[m, 3]
        warmth[at] = warm - (ONE - f) * table[m, 4] + cold
        resist[at] = ONE / (table[m, 11] + f * table[m, 12])


@kernel
def _fill_ghosts(
    theta: Float32Array,
    linked: IndexArray,
    potential: Float32Array,
    is_fixed: bool,
    ghost: Place,
    inner: Place,
    cell: Place,
    count: Place,
    strides: tuple[Place, Place],
) -> None:
    """Fill a line of ghosts: a fixed face lies half a cell out, an insulated one is a mirror.

    ``ghost`` and ``inner`` say where ghosts and the cells before them start in ``theta``, ``cell``
    where these start in the grid; ``strides`` how far it is to the next ones in both.
    """
    along, across = strides
    for n in range(count):
        beyond, before = ghost + n * along, theta[inner + n * along]
        theta[beyond] = before
        material = linked[cell + n * across]
        if is_fixed and material != CUT:
            theta[beyond] = TWO * potential[material] - before


@kernel
def _fill_plane(
    enthalpy: Float32Array,
    ground: Ground,
    layout: Layout,
    k: Place,
    size: tuple[Place, Place],
    planes: Planes,
    to: Place,
) -> None:
    """Fill a plane of cells and the ghosts at its four edges.

    A short run is filled beyond its end, a whole vector of cells; the next run writes over it.
    """
    nj, ni = size
    linked, theta, gain = ground.linked, planes[0], planes[1]
    table, sources = ground.table, ground.sources
    heating, perfused = ground.heating, ground.perfused
    run_start, run_of = layout.run_start, layout.run_of
    plane = k * nj * ni
    stop = plane + (nj - U1) * ni - U1
    last_run = np.uintp(layout.plane_runs[k + U1])
    for run in range(np.uintp(layout.plane_runs[k]), last_run):
        start, m = np.uintp(run_start[run]), run_of[run]
        end = np.uintp(run_start[run + U1]) if run + U1 < last_run else stop
        at, count = to + (start - plane), end - start
        if m == UNEVEN:
            _fill_cells(
                table, sources, linked, enthalpy, heating, perfused, start, count, planes, at
            )
            continue
        if m == CUT:
            for n in range(count):
                theta[at + n], gain[at + n] = ZERO, ZERO
            continue
        whole = (count + VECTOR - U1) // VECTOR * VECTOR
        if start + whole <= stop:
            count = whole
        _fill_run(
            table,
            sources,
            np.uintp(m),
            enthalpy,
            heating,
            perfused,
            start,
            count,
            theta,
            gain,
            at,
        )
    begin, end = np.uintp(layout.plane_border[k]), np.uintp(layout.plane_border[k + U1])
    _fill_border(
        layout.border, begin, end, enthalpy, linked, table, plane, planes[2], planes[3], to
    )
    potential, fixed = ground.face_potential, ground.fixed
    first, last, wall = to + ni, to + (nj - TWO_U) * ni, (nj - TWO_U) * ni
    down, along, rows = (ni, ni), (U1, U1), nj - TWO_U
    _fill_ghosts(
        theta, linked, potential[4], fixed[4] == 1, first, first + U1, plane + ni + U1, rows, down
    )
    _fill_ghosts(
        theta,
        linked,
        potential[5],
        fixed[5] == 1,
        first + ni - U1,
        first + ni - TWO_U,
        plane + TWO_U * ni - TWO_U,
        rows,
        down,
    )
    _fill_ghosts(theta, linked, potential[2], fixed[2] == 1, to, first, plane + ni, ni, along)
    _fill_ghosts(
        theta, linked, potential[3], fixed[3] == 1, last + ni, last, plane + wall, ni, along
    )


@kernel
def _end_plane(
    n: int,
    ground: Ground,
    plane: Place,
    area: Place,
    theta: Float32Array,
    inner: Place,
    ghost: Place,
) -> None:
    """Fill the ghost plane beyond the first or last plane of cells from that plane."""
    potential, is_fixed = ground.face_potential[n], ground.fixed[n] == 1
    _fill_ghosts(theta, ground.linked, potential, is_fixed, ghost, inner, plane, area, (U1, U1))


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
    """Write Yⱼ over Yⱼ₋₂ for cells that lie with all their neighbours in one material.

    ``rows`` says where the potentials of the cells start, and those of the cells beside them along
    j (low, high) and k (low, high).
    """
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
def _face(
    theta: Float32Array, warmth: Float32Array, resist: Float32Array, same: bool, p: Place, q: Place
) -> Number:
    """Return the heat from a neighbour times h/A; between two materials by the harmonic mean."""
    inside = theta[q] - theta[p]
    across = TWO * (warmth[q] - warmth[p]) / (resist[p] + resist[q])
    return inside if same else across


@kernel
def _uneven_rates(
    theta: Float32Array,
    warmth: Float32Array,
    resist: Float32Array,
    linked: IndexArray,
    rows: tuple[Place, Place, Place, Place, Place],
    cells: tuple[Place, Place, Place, Place, Place],
    count: Place,
    inverse_h2: Float32Array,
    rate: Float32Array,
) -> None:
    """Fill what flows into each cell of a row.

    Five rows start at ``rows`` and ``cells``: the cells' own, and those beside it along j (low,
    high) and k (low, high).
    """
    gk, gj, gi = inverse_h2[0], inverse_h2[1], inverse_h2[2]
    p0, pn, ps, pd, pu = rows
    c0, cn, cs, cd, cu = cells
    for n in range(count):
        m, p = linked[c0 + n], p0 + n
        along_i = _face(theta, warmth, resist, linked[c0 + n - U1] == m, p, p - U1)
        along_i += _face(theta, warmth, resist, linked[c0 + n + U1] == m, p, p + U1)
        along_j = _face(theta, warmth, resist, linked[cn + n] == m, p, pn + n)
        along_j += _face(theta, warmth, resist, linked[cs + n] == m, p, ps + n)
        along_k = _face(theta, warmth, resist, linked[cd + n] == m, p, pd + n)
        along_k += _face(theta, warmth, resist, linked[cu + n] == m, p, pu + n)
        rate[n] = gi * along_i + gj * along_j + gk * along_k


@kernel
def _combine(
    states: Stage, cell: Place, count: Place, rate: Float32Array, gain: Float32Array, own: Place
) -> None:
    """Write Yⱼ of a row over Yⱼ₋₂."""
    before, start, start_rate, last, weights = states
    wa, wb, wc, wd, we = weights[0], weights[1], weights[2], weights[3], weights[4]
    for n in range(count):
        rate[n] += gain[own + n]
    for n in range(count):
        x = cell + n
        mixed = wa * before[x] + wb * last[x] + wc * start[x]
        last[x] = mixed + wd * rate[n] + we * start_rate[x]


@kernel
def _combine_first(
    states: Stage, cell: Place, count: Place, rate: Float32Array, gain: Float32Array, own: Place
) -> None:
    """Write L(Y₀) and Y₁ of a row."""
    before, start_rate, last, step = (
        states.before,
        states.start_rate,
        states.last,
        states.weights[3],
    )
    for n in range(count):
        start_rate[cell + n] = rate[n] + gain[own + n]
    for n in range(count):
        last[cell + n] = before[cell + n] + step * start_rate[cell + n]


@kernel
def _border_rates(
    border: FlatArray,
    begin: Place,
    end: Place,
    linked: IndexArray,
    inverse_h2: Float32Array,
    planes: Planes,
    starts: tuple[Place, Place, Place, Place],
    size: tuple[Place, Place],
) -> None:
    """Keep how fast the border cells of a plane change.

    ``starts`` says where the plane starts in the grid, and where it, the one below and the one
    above start in ``planes``.
    """
    nj, ni = size
    area = nj * ni
    plane, here, below, above = starts
    theta, gain, warmth, resist, rates = planes
    gk, gj, gi = inverse_h2[0], inverse_h2[1], inverse_h2[2]
    for n in range(begin, end):
        x = np.uintp(border[n])
        m, at = linked[x], x - plane
        if m == CUT:
            rates[n - begin] = ZERO
            continue
        p = here + at
        along_i = _face(theta, warmth, resist, linked[x - U1] == m, p, p - U1)
        along_i += _face(theta, warmth, resist, linked[x + U1] == m, p, p + U1)
        along_j = _face(theta, warmth, resist, linked[x - ni] == m, p, p - ni)
        along_j += _face(theta, warmth, resist, linked[x + ni] == m, p, p + ni)
        along_k = _face(theta, warmth, resist, linked[x - area] == m, p, below + at)
        along_k += _face(theta, warmth, resist, linked[x + area] == m, p, above + at)
        rates[n - begin] = gi * along_i + gj * along_j + gk * along_k + gain[p]


@kernel
def _border_values(
    border: FlatArray, begin: Place, end: Place, states: Stage, values: Float32Array
) -> None:
    """Make of the kept rates what the border cells become: Yⱼ."""
    before, start, start_rate, last, w = states
    wa, wb, wc, wd, we = w[0], w[1], w[2], w[3], w[4]
    for n in range(begin, end):
        x = np.uintp(border[n])
        mixed = wa * before[x] + wb * last[x] + wc * start[x]
        values[n - begin] = mixed + wd * values[n - begin] + we * start_rate[x]


@kernel
def _put_border(
    first: bool, border: FlatArray, begin: Place, end: Place, states: Stage, values: Float32Array
) -> None:
    """Write what was kept for the border cells of a plane over what the plain loop made of them."""
    before, _, start_rate, last, weights = states
    step = weights[3]
    for n in range(begin, end):
        x, value = np.uintp(border[n]), values[n - begin]
        if first:
            start_rate[x] = value
            value = before[x] + step * value
        last[x] = value


@kernel
def _advance_plane(
    k: Place,
    size: tuple[Place, Place],
    first: bool,
    states: Stage,
    ground: Ground,
    layout: Layout,
    planes: Planes,
) -> None:
    """Compute a stage of a plane, whose planes below and above are filled."""
    nj, ni = size
    area = nj * ni
    below, here, above = ((k - U1) % THREE) * area, (k % THREE) * area, ((k + U1) % THREE) * area
    plane, border = k * area, layout.border
    begin, end = np.uintp(layout.plane_border[k]), np.uintp(layout.plane_border[k + U1])
    starts, kept = (plane, here, below, above), end - begin
    _border_rates(border, begin, end, ground.linked, ground.inverse_h2, planes, starts, size)
    if not first:
        _border_values(border, begin, end, states, planes[4])
    j = U1
    while j < nj - U1:
        after, uneven = j + U1, layout.uneven[k * nj + j]
        while uneven == 0 and after < nj - U1 and layout.uneven[k * nj + after] == 0:
            after += U1
        row, cell = j * ni + U1, plane + j * ni + U1
        rows = (here + row, here + row - ni, here + row + ni, below + row, above + row)
        many = (after - j) * ni - TWO_U  # with the ghosts between the rows, which nobody reads
        if uneven:
            cells = (cell, cell - ni, cell + ni, cell - area, cell + area)
            rate = planes[4][kept:]
            _uneven_rates(
                planes[0],
                planes[2],
                planes[3],
                ground.linked,
                rows,
                cells,
                many,
                ground.inverse_h2,
                rate,
            )
            if first:
                _combine_first(states, cell, many, rate, planes[1], here + row)
            else:
                _combine(states, cell, many, rate, planes[1], here + row)
        elif first:
            _plain_first(planes[0], planes[1], rows, states, cell, many, ground.inverse_h2)
        else:
            _plain_stage(planes[0], planes[1], rows, states, cell, many, ground.inverse_h2)
        j = after
    _put_border(first, border, begin, end, states, planes[4])


@kernel
def _chunk(
    k_from: Place,
    k_to: Place,
    shape: tuple[Place, Place, Place],
    first: bool,
    states: Stage,
    ground: Ground,
    layout: Layout,
    scratch: Float32Array,
) -> None:
    """Compute a stage of some planes, each as soon as the plane above it is filled."""
    nk, nj, ni = shape
    size, area = (nj, ni), nj * ni
    planes = (scratch[0], scratch[1], scratch[2], scratch[3], scratch[4])
    for ahead in range(max(k_from - U1, U1), k_to + U1):
        to = (ahead % THREE) * area
        if ahead < nk - U1:
            _fill_plane(states.before, ground, layout, ahead, size, planes, to)
            if ahead == U1:
                _end_plane(0, ground, area, area, planes[0], to, to - area)
        else:
            inner, plane = ((ahead - U1) % THREE) * area, (ahead - U1) * area
            _end_plane(1, ground, plane, area, planes[0], inner, to)
        if ahead > k_from:
            _advance_plane(ahead - U1, size, first, states, ground, layout, planes)


@parallel_kernel
def stage(
    first: bool,
    before: Float32Array,
    start: Float32Array,
    start_rate: Float32Array,
    last: Float32Array,
    weights: Float32Array,
    linked: IndexArray,
    uneven: IndexArray,
    run_start: FlatArray,
    run_of: IndexArray,
    plane_runs: FlatArray,
    border: FlatArray,
    plane_border: FlatArray,
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
    Each chunk of planes keeps what it fills of three planes at a time in its part of ``scratch``,
    shape (chunks, PARTS, 3 · nj · ni).
    Source: Meyer, Balsara, Aslam, J Comput Phys 2014;257:594.
    """
    nk, nj, ni = before.shape
    shape = (np.uintp(nk), np.uintp(nj), np.uintp(ni))
    states = Stage(before.ravel(), start.ravel(), start_rate.ravel(), last.ravel(), weights)
    layout = Layout(uneven, run_start, run_of, plane_runs, border, plane_border)
    ground = Ground(
        linked.ravel(),
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
            states,
            ground,
            layout,
            scratch[chunk],
        )
