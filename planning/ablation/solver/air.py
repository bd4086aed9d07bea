"""The air around a body: it takes heat from the skin by convection and radiation."""

from __future__ import annotations

import numpy as np
import scipy

from imaging.geometry import BoolArray, FloatArray, Grid
from planning.ablation.solver.applicators import Applicator
from planning.ablation.solver.embedding import Embedding
from planning.ablation.solver.heat import HeldSurface
from planning.ablation.solver.kernels import CellArray
from planning.ablation.solver.protocol import Phase

ROOM_C = 22.0  # [BG]
# Still air 3-5, radiation of skin at 33 °C 6 W/m²/K [BG].
COEFFICIENT_W_M2_K = 10.0
SMOOTH_CELLS = 1.5  # over which the direction of the surface is taken
LEAST_SLOPE = 1e-3  # where the surface has no direction, as around a single cell


class Air(Applicator):
    """Air of one temperature, whose cells are held and whose surface has a resistance.

    Parameters
    ----------
    grid : Grid
        Of the simulation.
    air : numpy.ndarray
        Shape ``grid.size_kji``, bool; empty for a box inside the body.
    """

    def __init__(self, grid: Grid, air: BoolArray) -> None:
        self.grid = grid
        self.embedding = _embedded(grid, air)
        self._surface = HeldSurface(
            self.embedding,
            np.full(len(self.embedding.held), ROOM_C),
            np.full(len(self.embedding.cells), ROOM_C),
            1.0 / COEFFICIENT_W_M2_K,
        )

    def begin(self, phase: Phase) -> None:
        """Enter a phase, which does not matter to the air."""
        self.phase = phase

    def surfaces(self) -> list[HeldSurface]:
        """Return the surface of the body; it is there in every phase."""
        return [self._surface] if len(self.embedding.held) else []


def _embedded(grid: Grid, air: BoolArray) -> Embedding:
    """Return the faces between air and body as contacts of the body's cells.

    A face counts with the share of the true surface that it stands for: the steps of a slanting
    surface have together |nx| + |ny| + |nz| times its area.
    """
    spacing_mm = np.array(grid.spacing_mm_kji)
    padded = tuple(n + 2 for n in grid.size_kji)
    body = scipy.ndimage.gaussian_filter((~air).astype(np.float32), SMOOTH_CELLS)
    slope = np.stack([np.gradient(body, step, axis=n) for n, step in enumerate(spacing_mm)])
    size, steps = np.linalg.norm(slope, axis=0), np.abs(slope).sum(axis=0)
    share = np.where(size > LEAST_SLOPE, size / np.maximum(steps, LEAST_SLOPE), 1.0)
    cells: list[CellArray] = []
    areas: list[FloatArray] = []
    gaps: list[FloatArray] = []
    for axis in range(3):
        face_mm2 = float(np.prod(spacing_mm) / spacing_mm[axis])
        for step in (-1, 1):
            at = np.argwhere(~air & _beside(air, axis, step))
            cells.append(_flat(at, padded))
            areas.append(face_mm2 * share[tuple(at.T)].astype(float))
            gaps.append(np.full(len(at), 0.5 * spacing_mm[axis]))
    held = _flat(np.argwhere(air), padded)
    none, nowhere = np.zeros(0), np.zeros(0, dtype=np.int64)
    contacts = np.concatenate(cells)
    return Embedding(
        held=held,
        held_along_mm=np.zeros(len(held)),
        cells=contacts,
        area_mm2=np.concatenate(areas),
        gap_mm=np.concatenate(gaps),
        along_mm=np.zeros(len(contacts)),
        first=nowhere,
        second=nowhere,
        factor=none,
        link_axis=nowhere,
    )


def _flat(kji: CellArray, padded: tuple[int, ...]) -> CellArray:
    """Return flat indices with ghosts of cells, shape (n, 3)."""
    strides = np.array([padded[1] * padded[2], padded[2], 1], dtype=np.int64)
    result: CellArray = (kji.astype(np.int64) + 1) @ strides
    return result


def _beside(air: BoolArray, axis: int, step: int) -> BoolArray:
    """Tell which cells have air next to them; beyond the grid is none."""
    result = np.zeros_like(air)
    to = np.moveaxis(result, axis, 0)
    of = np.moveaxis(air, axis, 0)
    if step > 0:
        to[:-1] = of[1:]
    else:
        to[1:] = of[:-1]
    return result
