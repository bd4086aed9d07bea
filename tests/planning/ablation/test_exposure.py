"""What the neighbours of a lesion see, against limits set by hand."""

from __future__ import annotations

import numpy as np

from imaging.geometry import Grid
from planning.ablation.exposure import Exposure, neighbours_with_limits
from planning.ablation.limits import LimitChange


def test_a_limit_at_the_temperature_of_the_body_is_judged_too() -> None:
    grid = Grid.aligned((4, 4, 4), 1.0, np.zeros(3))
    nerve = np.zeros((4, 4, 4), dtype=bool)
    nerve[0, 0, 0] = True
    change = LimitChange(name="sciatic_nerve_left", lowest_c=37.0, highest_c=37.0)
    seen = Exposure(grid, neighbours_with_limits(grid, {"sciatic_nerve_left": nerve}, (change,)))
    warm = np.full((4, 4, 4), 37.0, dtype=np.float32)
    (row,) = seen.rows(warm, warm)
    assert not row.passed
    assert row.limit == 37.0
