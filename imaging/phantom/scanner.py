"""The scanner: paints the layers finely, then blurs, samples and adds the noise of a CT."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from imaging.geometry import FloatArray, Grid
from imaging.kernels import kernel
from imaging.phantom import model
from imaging.phantom.model import Layer
from imaging.phantom.sampling import sheet
from imaging.phantom.solids import Field, Shape
from imaging.phantom.texture import TILE, tile_value
from imaging.progress import SILENT, Cancelled, Progress

PSF_MM = 0.7  # deviation of the blur in plane, of a standard abdominal kernel [BG]
NOISE_HU = 15.0  # deviation in the middle of the body, of a low-dose planning CT [BG]
NOISE_AIR_HU = 7.0
NOISE_PEAK_PER_MM = 0.30  # spatial frequency where the noise is strongest [BG]
NOISE_SHARED = 0.35  # part of a slice's noise that its neighbour shows too
FINE_STEP_MM = 1.0  # thickness of the painted sub-slices
SLAB_SLICES = 24


@dataclass(frozen=True, eq=False)
class Exposure:
    """How the model is scanned.

    Parameters
    ----------
    grid : Grid
        Along the patient's axes: k to the head, j to the back, i to the left.
    seed : int
        Of the noise.
    noise : float
        Factor on the noise.
    """

    grid: Grid
    seed: int = 1
    noise: float = 1.0


@dataclass(frozen=True, eq=False)
class Scan:
    """What the scanner gives.

    Parameters
    ----------
    hu : numpy.ndarray
        Shape (k, j, i), int16.
    labels : numpy.ndarray
        Same shape, uint16: the solid at each voxel's centre, before any blur.
    names : dict
        Label to name.
    """

    hu: NDArray[np.int16]
    labels: NDArray[np.uint16]
    names: dict[int, str]


def couch() -> list[Layer]:
    """Return the couch: a hollow curved shell and its mattress."""
    zs = (-420.0, -100.0, 400.0)
    sag = [(x, 8.0 * (abs(x) / 205.0) ** 2) for x in (-205, -140, -70, 0, 70, 140, 205)]
    mattress = sheet([[[x * 0.93, 116.5 - s, z, 8.0] for x, s in sag] for z in zs], gap_mm=4.0)
    shell = sheet(
        [[[x, 141.0 - 2.4 * s, z, 14.0 - s * 1.1] for x, s in sag] for z in zs], gap_mm=4.0
    )
    return [
        Layer("", Shape((shell,), step_mm=2.0), model.COUCH, labelled=False),
        Layer("", Shape((mattress,), step_mm=2.0), model.MATTRESS, labelled=False),
    ]


def scan(layers: Sequence[Layer], exposure: Exposure, progress: Progress = SILENT) -> Scan:
    """Paint the layers and scan them.

    Parameters
    ----------
    layers : sequence of Layer
        In the order they are painted; later ones lie over earlier ones.
    exposure : Exposure
        Grid and noise.
    progress : Progress
        Told after each slab.

    Returns
    -------
    Scan
        Values and labels.

    Raises
    ------
    Cancelled
        When the result is no longer wanted.
    """
    grid = exposure.grid
    names, numbers = _number(layers)
    fields = _fields(layers, grid, progress.part(0.0, 0.35))
    hu = np.empty(grid.size_kji, dtype=np.int16)
    labels = np.zeros(grid.size_kji, dtype=np.uint16)
    step = progress.part(0.35, 1.0)
    for start in range(0, grid.size_kji[0], SLAB_SLICES):
        step.update(start / grid.size_kji[0], "scanning")
        count = min(SLAB_SLICES, grid.size_kji[0] - start)
        values = _paint_slab(layers, fields, numbers, grid, start, count, labels)
        noise = _noise(exposure, start, count)
        hu[start : start + count] = _expose(values, noise, grid, exposure.noise)
    step.update(1.0, "scanning")
    return Scan(hu, labels, names)


def _number(layers: Sequence[Layer]) -> tuple[dict[int, str], list[int]]:
    """Return the names by label, and each layer's label: 1 is the body, 0 leaves the labels."""
    order = list(dict.fromkeys(["body", *(one.name for one in layers if one.name)]))
    label_of = {name: n + 1 for n, name in enumerate(order)}
    numbers = [label_of[one.name or "body"] if one.labelled else 0 for one in layers]
    return {n: name for name, n in label_of.items()}, numbers


def _fields(layers: Sequence[Layer], grid: Grid, progress: Progress) -> list[Field | None]:
    """Return the distances of each layer; None for those outside the grid."""
    corners = grid.corners_lps_mm()
    low, high = corners.min(axis=0) - 3.0, corners.max(axis=0) + 3.0
    coarsest = 0.5 * min(grid.spacing_mm_kji)  # finer lattices than this would not be seen
    fields: list[Field | None] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = pool.map(lambda one: _clipped_field(one.shape, low, high, coarsest), layers)
        try:
            for field in done:
                fields.append(field)
                progress.update(len(fields) / len(layers), "building the anatomy")
        except Cancelled:
            pool.shutdown(cancel_futures=True)
            raise
    return fields


def _clipped_field(
    shape: Shape, low: FloatArray, high: FloatArray, coarsest_mm: float
) -> Field | None:
    """Return the distances of a shape, only where the grid reaches."""
    step = max(shape.step_mm, coarsest_mm)
    bottom, top = shape.bounds_mm()
    margin = 4.0 * step
    bottom = np.maximum(bottom - margin, low - margin)
    bottom[2] = max(bottom[2], shape.above_mm)
    top = np.minimum(top + margin, high + margin)
    if (top - bottom <= 2 * step).any():
        return None
    first = np.floor(bottom / step) * step
    nx, ny, nz = (int(n) + 1 for n in np.ceil((top - first) / step))
    return shape.on(Field(first, step, np.empty((nz, ny, nx), dtype=np.float32)))


def _paint_slab(
    layers: Sequence[Layer],
    fields: Sequence[Field | None],
    numbers: Sequence[int],
    grid: Grid,
    start: int,
    count: int,
    labels: NDArray[np.uint16],
) -> NDArray[np.float32]:
    """Return the slab's values before blur and noise; write its labels."""
    thick, dy, dx = grid.spacing_mm_kji
    subs = max(1, round(thick / FINE_STEP_MM))
    first = grid.to_lps((start, 0, 0))
    fine_z = first[2] + thick * ((np.arange(count * subs) + 0.5) / subs - 0.5)
    middle_z = first[2] + thick * np.arange(count)
    place = np.array([first[0], dx, first[1], dy])
    fine = np.full((count * subs, *grid.size_kji[1:]), model.AIR.hu, dtype=np.float32)
    width = 0.5 * (dx + min(thick / subs, 1.5))

    def paint(part: slice) -> None:
        finer = slice(part.start * subs, part.stop * subs)
        for one, field, number in zip(layers, fields, numbers, strict=True):
            if field is None:
                continue
            lattice = (field.values, field.first_lps_mm, field.step_mm)
            _paint(fine[finer], fine_z[finer], place, *lattice, _makeup(one, width), TILE)
            if number:
                target = labels[start + part.start : start + part.stop]
                _label(target, middle_z[part], place, *lattice, number, one.halo_mm)

    workers = os.cpu_count() or 1
    bounds = np.linspace(0, count, min(workers, count) + 1).astype(int)
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(paint, [slice(int(p), int(q)) for p, q in pairwise(bounds)]))
    slab: NDArray[np.float32] = fine.reshape(count, subs, *fine.shape[1:]).mean(axis=1)
    return slab


def _makeup(one: Layer, width_mm: float) -> FloatArray:
    """Return what the kernel needs to know of a layer."""
    tissue = one.tissue
    grains = [2.0 / g for g in tissue.grain_mm]  # the tile's bumps are about two of its cells wide
    shell = [tissue.shell_hu, tissue.shell_mm]
    return np.array(
        [tissue.hu, tissue.texture_hu, *grains, *shell, one.halo_mm, one.halo_hu, width_mm]
    )


@kernel
def _trilinear(values: NDArray[np.float32], x: float, y: float, z: float) -> float:
    i, j, k = int(x), int(y), int(z)
    tx, ty, tz = x - i, y - j, z - k
    near = (values[k, j, i] * (1 - tx) + values[k, j, i + 1] * tx) * (1 - ty)
    near += (values[k, j + 1, i] * (1 - tx) + values[k, j + 1, i + 1] * tx) * ty
    far = (values[k + 1, j, i] * (1 - tx) + values[k + 1, j, i + 1] * tx) * (1 - ty)
    far += (values[k + 1, j + 1, i] * (1 - tx) + values[k + 1, j + 1, i + 1] * tx) * ty
    value: float = near * (1 - tz) + far * tz
    return value


@kernel
def _paint(
    fine: NDArray[np.float32],
    fine_z: FloatArray,
    place: FloatArray,
    values: NDArray[np.float32],
    first: FloatArray,
    step: float,
    makeup: FloatArray,
    tile: NDArray[np.float32],
) -> None:
    """Lay halo, shell and tissue over the values, each by the part of a voxel it covers."""
    hu, texture, gx, gy, gz, shell_hu, shell, halo, halo_hu, width = makeup
    mz, my, mx = values.shape
    x0, dx, y0, dy = place
    i_low, i_high = _reach(first[0], step, mx, x0, dx, fine.shape[2])
    j_low, j_high = _reach(first[1], step, my, y0, dy, fine.shape[1])
    outside, inside = halo + 0.5 * width, shell + 0.5 * width
    clear = 2.5 * step  # beyond it no neighbour on the lattice can lie on the other side
    for k in range(len(fine_z)):
        z = (fine_z[k] - first[2]) / step
        if z < 0.0 or z >= mz - 1:
            continue
        for j in range(j_low, j_high):
            y = (y0 + j * dy - first[1]) / step
            for i in range(i_low, i_high):
                x = (x0 + i * dx - first[0]) / step
                near = values[int(z), int(y), int(x)]
                if near > outside + clear:
                    continue
                distance = near
                if near > -inside - clear:
                    distance = _trilinear(values, x, y, z)
                    if distance >= outside:
                        continue
                value = fine[k, j, i]
                if halo > 0.0:
                    part = min(max(0.5 - (distance - halo) / width, 0.0), 1.0)
                    value += (halo_hu - value) * part
                if shell > 0.0:
                    part = min(max(0.5 - distance / width, 0.0), 1.0)
                    value += (shell_hu - value) * part
                part = min(max(0.5 - (distance + shell) / width, 0.0), 1.0)
                if part > 0.0:
                    inner = hu
                    if texture > 0.0:
                        px, py, pz = x0 + i * dx, y0 + j * dy, fine_z[k]
                        inner += texture * tile_value(tile, px * gx, py * gy, pz * gz)
                    value += (inner - value) * part
                fine[k, j, i] = value


@kernel
def _reach(
    first: float, step: float, count: int, start: float, spacing: float, size: int
) -> tuple[int, int]:
    """Return the voxels of a row that a lattice covers."""
    low = int(np.ceil((first - start) / spacing + 1e-9))
    high = int(np.ceil((first + (count - 1) * step - start) / spacing - 1e-9))
    return max(low, 0), min(high, size)


@kernel
def _label(
    labels: NDArray[np.uint16],
    middle_z: FloatArray,
    place: FloatArray,
    values: NDArray[np.float32],
    first: FloatArray,
    step: float,
    number: int,
    halo: float,
) -> None:
    """Write a solid's number where it covers a voxel's centre; its halo becomes body."""
    mz, my, mx = values.shape
    x0, dx, y0, dy = place
    clear = 2.5 * step
    i_low, i_high = _reach(first[0], step, mx, x0, dx, labels.shape[2])
    j_low, j_high = _reach(first[1], step, my, y0, dy, labels.shape[1])
    for k in range(len(middle_z)):
        z = (middle_z[k] - first[2]) / step
        if z < 0.0 or z >= mz - 1:
            continue
        for j in range(j_low, j_high):
            y = (y0 + j * dy - first[1]) / step
            for i in range(i_low, i_high):
                x = (x0 + i * dx - first[0]) / step
                distance = values[int(z), int(y), int(x)]
                if abs(distance) < halo + clear:
                    distance = _trilinear(values, x, y, z)
                if distance < 0.0:
                    labels[k, j, i] = number
                elif distance < halo and labels[k, j, i] > 0:
                    labels[k, j, i] = 1


def _frequencies(grid: Grid) -> FloatArray:
    """Return the spatial frequencies of a slice's half spectrum, per millimetre."""
    _, rows, columns = grid.size_kji
    _, dy, dx = grid.spacing_mm_kji
    across, along = fft.rfftfreq(columns, dx), fft.fftfreq(rows, dy)
    frequencies: FloatArray = np.hypot(along[:, None], across[None, :])
    return frequencies


def _noise(exposure: Exposure, start: int, count: int) -> NDArray[np.float32]:
    """Return noise of deviation one, its texture that of a scanner, for a slab of slices.

    Each slice draws from its own seed, so that slabs of any size give the same.
    """
    rows, columns = exposure.grid.size_kji[1:]
    frequency = _frequencies(exposure.grid)
    # ramp filter of the reconstruction times the kernel's roll-off: no noise at zero frequency
    power = frequency * np.exp(-0.5 * (frequency / NOISE_PEAK_PER_MM) ** 2)
    weight = np.full(frequency.shape, 2.0)
    weight[:, 0] = 1.0
    amplitude = np.sqrt(power / ((weight * power).sum() / (rows * columns))).astype(np.float32)

    def drawn(k: int) -> NDArray[np.complex64]:
        white = np.random.default_rng([exposure.seed, k]).standard_normal(
            (rows, columns), dtype=np.float32
        )
        spectrum: NDArray[np.complex64] = fft.rfft2(white)
        return spectrum

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        spectra = list(pool.map(drawn, range(start, start + count + 1)))
        own, shared = np.sqrt(1 - NOISE_SHARED**2), NOISE_SHARED
        mixed = [own * a + shared * b for a, b in pairwise(spectra)]
        slices = list(pool.map(lambda s: fft.irfft2(s * amplitude, s=(rows, columns)), mixed))
    return np.asarray(slices, dtype=np.float32)


def _expose(
    values: NDArray[np.float32], noise: NDArray[np.float32], grid: Grid, factor: float = 1.0
) -> NDArray[np.int16]:
    """Return a slab as the scanner shows it: blurred in plane, noisy, whole numbers."""
    deviation = factor * _deviation((values.shape[1], values.shape[2]), grid)
    blur = np.exp(-2 * (np.pi * PSF_MM * _frequencies(grid)) ** 2).astype(np.float32)
    size = values.shape[1:]

    def one(k: int) -> NDArray[np.int16]:
        sharp = fft.irfft2(fft.rfft2(values[k]) * blur, s=size)
        noisy = sharp + deviation * noise[k]
        shown: NDArray[np.int16] = np.clip(np.rint(noisy), -1024, 3071).astype(np.int16)
        return shown

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return np.stack(list(pool.map(one, range(len(values)))))


def _deviation(image_size: tuple[int, int], grid: Grid) -> NDArray[np.float32]:
    """Return the noise's deviation: more in the middle of the body, less outside it."""
    rows, columns = image_size
    _, dy, dx = grid.spacing_mm_kji
    y = grid.affine_kji_to_lps[1, 3] + dy * np.arange(rows)[:, None]
    x = grid.affine_kji_to_lps[0, 3] + dx * np.arange(columns)[None, :]
    distance = np.hypot(x / 165.0, (y + 20.0) / 115.0)
    middle = NOISE_HU * (1.15 - 0.4 * np.minimum(distance, 1.5) ** 2)
    deviation: NDArray[np.float32] = np.maximum(middle, NOISE_AIR_HU).astype(np.float32)
    return deviation
