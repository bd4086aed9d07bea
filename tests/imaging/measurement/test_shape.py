"""What is odd in a mask's shape is said."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.geometry import Grid
from imaging.measurement.shape import shape_doubts

GRID = Grid.aligned((20, 20, 20), 1.0, (0.0, 0.0, 0.0))


@pytest.mark.parametrize(
    ("filled", "taken", "codes"),
    [
        ([(5, 12)], [], []),
        ([(5, 12)], [(7, 9)], ["holes"]),
        ([(3, 6), (10, 14)], [], ["several_parts"]),
        ([(0, 6)], [], ["leaves_image"]),
        ([(12, 20), (2, 9)], [(4, 6)], ["several_parts", "holes", "leaves_image"]),
        ([], [], []),
    ],
)
def test_parts_holes_and_edges(
    filled: list[tuple[int, int]], taken: list[tuple[int, int]], codes: list[str]
) -> None:
    mask = np.zeros(GRID.size_kji, dtype=bool)
    for low, high in filled:
        mask[low:high, low:high, low:high] = True
    for low, high in taken:
        mask[low:high, low:high, low:high] = False
    assert [one.code for one in shape_doubts(mask, GRID)] == codes
