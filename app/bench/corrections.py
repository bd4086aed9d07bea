"""Corrections of an outline on a large CT, each as the window does it, without drawing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from app.bench.timing import Timed, measure
from imaging.geometry import BoolArray, Grid
from imaging.lesion import correction
from imaging.strokes import Stroke
from imaging.volume import Volume
from planning.corrections import with_outline
from planning.plan import Case

SIZE_KJI = (300, 512, 512)
SPACING_MM = 1.0
BRUSH_MM = 6.0
RADIUS_MM, APART_MM = 14, 22  # two balls that meet in a neck
EVERY_SLICE = 4  # outlined by hand before the others are filled


def bench_corrections() -> list[dict[str, Any]]:
    """Measure each correction of a lesion of two balls on 512 x 512 x 300.

    Returns
    -------
    list of dict
        Rows of the JSON; no other library does the same, so there are no peers.
    """
    empty = np.zeros(SIZE_KJI, dtype=np.int16)
    volume = Volume(empty, Grid.aligned(SIZE_KJI, SPACING_MM, (0, 0, 0)))
    case = Case.begin(volume)

    def whole(change: Callable[[], BoolArray]) -> Callable[[], object]:
        return lambda: with_outline(case, change())

    return [
        measure(Timed(f"correct_{name}_300", whole(change), 1.0, "corrections/s", {}))
        for name, change in _changes(volume).items()
    ]


def _changes(volume: Volume) -> dict[str, Callable[[], BoolArray]]:
    grid, one = volume.grid, np.array(SIZE_KJI) // 2
    aside = np.array((0, 0, APART_MM))
    mask, apart = _ball(one) | _ball(one + aside), _ball(one) | _ball(one + 2 * aside)
    sparse = mask & (np.arange(SIZE_KJI[0]) % EVERY_SLICE == 0)[:, None, None]
    middle, other = (grid.to_lps(at.astype(float)) for at in (one, one + aside))
    brush, eraser = (
        Stroke(_line(middle, other), (0.0, 0.0, 1.0), BRUSH_MM, adds=adds, shape="sphere")
        for adds in (True, False)
    )
    return {
        "brush": lambda: correction.painted(mask, volume, brush),
        "eraser": lambda: correction.painted(mask, volume, eraser),
        "fill": lambda: correction.filled_between(sparse, grid, np.array((0.0, 0.0, 1.0))),
        "smooth": lambda: correction.smoothed(mask, grid),
        "split": lambda: correction.without_part(mask, grid, other),
        "keep": lambda: correction.kept_part(apart, grid, middle),
    }


def _ball(centre_kji: np.ndarray) -> BoolArray:
    index = np.ogrid[tuple(slice(0, n) for n in SIZE_KJI)]
    far = [(np.asarray(n) - c) ** 2 for n, c in zip(index, centre_kji, strict=True)]
    inside: BoolArray = far[0] + far[1] + far[2] <= RADIUS_MM**2
    return inside


def _line(start: np.ndarray, end: np.ndarray) -> tuple[tuple[float, float, float], ...]:
    points = np.linspace(start, end, 12)
    return tuple((float(x), float(y), float(z)) for x, y, z in points)
