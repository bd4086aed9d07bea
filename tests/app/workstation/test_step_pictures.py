"""Every step looks as the guide shows it, within what fonts and machines may differ by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.app.workstation.step_pictures import (
    DOCS,
    averaged,
    demo_plan,
    picture_name,
    take_pictures,
)

MEAN_TOLERANCE = 0.02  # of the full range
CELL_TOLERANCE = 0.35  # of one cell, which a word may darken
STEPS = ("study", "lesion", "structures", "access", "ablation", "technique", "report")


@pytest.mark.parametrize("folder", [DOCS, DOCS / "fr"])
def test_the_guide_has_a_picture_of_every_step_and_no_two_are_alike(folder: Path) -> None:
    shown = [averaged((folder / picture_name(step)).read_bytes()) for step in STEPS]
    for n, one in enumerate(shown):
        for other in shown[n + 1 :]:
            assert np.abs(one - other).mean() > MEAN_TOLERANCE / 4


@pytest.mark.long
@pytest.mark.timeout(900)
def test_every_step_looks_as_in_the_guide(screen: None, tmp_path: Path) -> None:
    taken = take_pictures(demo_plan(tmp_path / "demo"))
    for step in STEPS:
        name = picture_name(step)
        apart = np.abs(averaged(taken[name]) - averaged((DOCS / name).read_bytes()))
        assert apart.mean() < MEAN_TOLERANCE, (step, apart.mean())
        assert np.percentile(apart, 99) < CELL_TOLERANCE, step
