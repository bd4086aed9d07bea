"""Compiled loops of a super step's stages: enthalpy to the next enthalpy in one pass over memory.

Planes of cells are turned into potentials and gains just ahead of where they are needed. Most cells
lie among their own material, where heat flows by the difference of potentials: all of a plane is
computed so in one plain loop, and the cells at a border to another material are put right after it.
Units: J/m³ (zero at 37 °C), °C, W/m/K, metres, seconds, W/m³.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imaging.kernels import kernel, parallel_kernel, prange
from planning.ablation.solver.kernels import CUT, HALF, ONE, TINY, TWO, TWO_U, U1, ZERO, Place
from planning.ablation.solver.materials import Float32Array, IndexArray

THREE: Place = np.uintp(3)
VECTOR: Place = np.uintp(32)  # cells of a short run are filled so many at a time
PARTS = 5  # of the scratch, each of three planes
FlatArray: TypeAlias = NDArray[np.uint32]
# Potential, gain, and for cells at borders temperature above 37 °C and conductivity, of three
# planes of cells; last what a plane's border cells become.
Planes: TypeAlias = tuple[Float32Array, Float32Array, Float32Array, Float32Array, Float32Array]


class Layout(NamedTuple):
    """Where materials begin and end, by flat index with ghosts; what begins in each plane.

    ``run_start`` and ``run_of`` give the runs of one material along the cells of a plane, ghosts
    between its rows counted as the cells before them; ``border`` the cells with a neighbour of
    another material (cut cells among their own stay as they are). ``plane_runs`` and
    ``plane_border`` say with which run and which border cell each plane begins.
    """

    run_start: FlatArray
    run_of: IndexArray
    plane_runs: FlatArray
    border: FlatArray
    plane_border: FlatArray


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


def layout_of(linked: IndexArray) -> Layout:
    """Return where materials begin and end.

    Parameters
    ----------
    linked : numpy.ndarray
        Shape (k, j, i): material of every cell with ghosts, which are as the cells before them.

    Returns
    -------
    Layout
        Of the cells without the ghosts around them.
    """
    _, nj, ni = linked.shape
    area = nj * ni
    flat = linked.reshape(len(linked), area)
    first, stop = ni + 1, area - ni - 1
    begins = np.zeros(flat.shape, dtype=bool)
    begins[1:-1, first] = True
    begins[1:-1, first + 1 : stop] = flat[1:-1, first + 1 : stop] != flat[1:-1, first : stop - 1]
    inner = (slice(1, -1),) * 3
    at_border = np.zeros(linked.shape, dtype=bool)
    for axis in range(3):
        for step in (-1, 1):
            at_border[inner] |= (np.roll(linked, step, axis) != linked)[inner]
    run_start = np.flatnonzero(begins.ravel())
    border = np.flatnonzero(at_border.ravel())
    planes = area * np.arange(len(linked) + 1)
    return Layout(
        run_start.astype(np.uint32),
        linked.ravel()[run_start],
        np.searchsorted(run_start, planes).astype(np.uint32),
        border.astype(np.uint32),
        np.searchsorted(border, planes).astype(np.uint32),
    )


@kernel
def _fill_run(
    row: Float32Array,
    source: Float32Array,
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

    They gain metabolism, heating, and blood of 37 °C where it flows and is not frozen; ``source``
    holds metabolism and ω ρ_b c_b. Few arrays and no branches, so that the loop is vectorised.
    """
    hs, inv_span, ics, span = row[0], row[1], row[3], row[4]
    hl, ic, hb, sb, hd, sd = row[5], row[6], row[7], row[8], row[9], row[10]
    ks, dk = row[11], row[12]
    metabolic, blood = source[0], source[1]
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
def _fill_border(
    border: FlatArray,
    begin: Place,
    end: Place,
    enthalpy: Float32Array,
    ground: Ground,
    plane: Place,
    planes: Planes,
    to: Place,
) -> None:
    """Fill temperature above 37 °C and conductivity of the border cells; cut ones lead nothing."""
    for n in range(begin, end):
        x = np.uintp(border[n])
        at, m = to + (x - plane), ground.linked[x]
        if m == CUT:
            planes[2][at], planes[3][at] = ZERO, ZERO
            continue
        row, h = ground.table[m], enthalpy[x]
        f = min(max((h - row[0]) * row[1], ZERO), ONE)
        warm = max(h, row[5]) * row[6]
        warm += max(h - row[7], ZERO) * row[8] + max(h - row[9], ZERO) * row[10]
        planes[2][at] = warm - (ONE - f) * row[4] + min(h - row[0], ZERO) * row[3]
        planes[3][at] = row[11] + f * row[12]


@kernel
def _mirror(
    theta: Float32Array, ghost: Place, inner: Place, material: Place, ground: Ground, n: Place
) -> None:
    """Fill a ghost: a fixed face lies half a cell out, an insulated one is a mirror."""
    theta[ghost] = theta[inner]
    if ground.fixed[n] == 1 and material != CUT:
        theta[ghost] = TWO * ground.face_potential[n, material] - theta[inner]


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
    plane, shift = k * nj * ni, to
    stop = plane + (nj - U1) * ni - U1
    last_run = np.uintp(layout.plane_runs[k + U1])
    for run in range(np.uintp(layout.plane_runs[k]), last_run):
        start, m = np.uintp(layout.run_start[run]), layout.run_of[run]
        end = np.uintp(layout.run_start[run + U1]) if run + U1 < last_run else stop
        at, count = to + (start - plane), end - start
        if m == CUT:
            for n in range(count):
                theta[at + n], gain[at + n] = ZERO, ZERO
            continue
        whole = (count + VECTOR - U1) // VECTOR * VECTOR
        if start + whole <= stop:
            count = whole
        _fill_run(
            ground.table[m],
            ground.sources[m],
            enthalpy,
            ground.heating,
            ground.perfused,
            start,
            count,
            theta,
            gain,
            at,
        )
    begin, end = np.uintp(layout.plane_border[k]), np.uintp(layout.plane_border[k + U1])
    _fill_border(layout.border, begin, end, enthalpy, ground, plane, planes, to)
    for j in range(U1, nj - U1):
        begin, shift = plane + j * ni, to + j * ni
        last = shift + ni - U1
        _mirror(theta, shift, shift + U1, linked[begin + U1], ground, 4)
        _mirror(theta, last, last - U1, linked[begin + ni - TWO_U], ground, 5)
    for i in range(U1, ni - U1):
        low, high = linked[plane + ni + i], linked[plane + (nj - TWO_U) * ni + i]
        last = to + (nj - U1) * ni + i
        _mirror(theta, to + i, to + ni + i, low, ground, 2)
        _mirror(theta, last, last - ni, high, ground, 3)


@kernel
def _end_plane(
    n: Place, ground: Ground, plane: Place, area: Place, theta: Float32Array, inner: Place,
    ghost: Place,
) -> None:  # fmt: skip
    """Fill the ghost plane beyond the first or last plane of cells from that plane."""
    for x in range(area):
        _mirror(theta, ghost + x, inner + x, ground.linked[plane + x], ground, n)


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
def _face(planes: Planes, same: bool, p: Place, q: Place) -> np.float32:
    """Return the heat from a neighbour times h/A; between two materials by the harmonic mean."""
    theta, _, warmth, conduct, _ = planes
    if same:
        return theta[q] - theta[p]
    k0, k1 = conduct[p], conduct[q]
    return TWO * k0 * k1 / (k0 + k1 + TINY) * (warmth[q] - warmth[p])


@kernel
def _border_values(
    first: bool,
    border: FlatArray,
    begin: Place,
    end: Place,
    states: Stage,
    ground: Ground,
    planes: Planes,
    starts: tuple[Place, Place, Place, Place],
    size: tuple[Place, Place],
) -> None:
    """Keep what the border cells of a plane become: their rate at first, else Yⱼ.

    ``starts`` says where the plane starts in the grid, and where it, the one below and the one
    above start in ``planes``.
    """
    nj, ni = size
    area = nj * ni
    plane, here, below, above = starts
    linked, values = ground.linked, planes[4]
    before, start, start_rate, last, w = states
    gk, gj, gi = ground.inverse_h2[0], ground.inverse_h2[1], ground.inverse_h2[2]
    for n in range(begin, end):
        x = np.uintp(border[n])
        m, at = linked[x], x - plane
        if m == CUT:
            values[n - begin] = ZERO if first else start[x]
            continue
        p = here + at
        along_i = _face(planes, linked[x - U1] == m, p, p - U1)
        along_i += _face(planes, linked[x + U1] == m, p, p + U1)
        along_j = _face(planes, linked[x - ni] == m, p, p - ni)
        along_j += _face(planes, linked[x + ni] == m, p, p + ni)
        along_k = _face(planes, linked[x - area] == m, p, below + at)
        along_k += _face(planes, linked[x + area] == m, p, above + at)
        rate = gi * along_i + gj * along_j + gk * along_k + planes[1][p]
        if first:
            values[n - begin] = rate
        else:
            mixed = w[0] * before[x] + w[1] * last[x] + w[2] * start[x]
            values[n - begin] = mixed + w[3] * rate + w[4] * start_rate[x]


@kernel
def _put_border(
    first: bool, border: FlatArray, begin: Place, end: Place, states: Stage, values: Float32Array
) -> None:
    """Write what was kept for the border cells of a plane over what the plain loop made of them."""
    before, _, start_rate, last, weights = states
    for n in range(begin, end):
        x, value = border[n], values[n - begin]
        if first:
            start_rate[x] = value
            last[x] = before[x] + weights[3] * value
        else:
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
    starts = (plane, here, below, above)
    _border_values(first, border, begin, end, states, ground, planes, starts, size)
    row = ni + U1
    rows = (here + row, here + row - ni, here + row + ni, below + row, above + row)
    many = (nj - TWO_U) * ni - TWO_U  # with the ghosts between the rows, which nobody reads
    if first:
        _plain_first(planes[0], planes[1], rows, states, plane + row, many, ground.inverse_h2)
    else:
        _plain_stage(planes[0], planes[1], rows, states, plane + row, many, ground.inverse_h2)
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
    layout = Layout(run_start, run_of, plane_runs, border, plane_border)
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
