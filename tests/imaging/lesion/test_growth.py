"""What the other side of the body adds to the growing of an outline."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from imaging.geometry import BoolArray, Grid
from imaging.lesion.clicks import Tissue
from imaging.lesion.growth import grown
from imaging.lesion.region import Region
from imaging.progress import SILENT

LESION_HU, PARTLY_HU, DENSE_HU = 50.0, 200.0, 600.0
EDGE, CORE_MM, WHOLE_MM = 40, 5.0, 8.0


@pytest.mark.parametrize("told", [False, True])
def test_dense_bone_of_which_little_is_left_is_lesion_where_the_other_side_tells(
    told: bool,
) -> None:
    grid = Grid.aligned((EDGE, EDGE, EDGE), 1.0, np.zeros(3))
    middle = np.full(3, EDGE / 2)
    away = np.linalg.norm(np.moveaxis(np.indices(grid.size_kji), 0, -1) - middle, axis=-1)
    hu = np.where(away < WHOLE_MM, PARTLY_HU, DENSE_HU)
    hu[away < CORE_MM] = LESION_HU
    region = Region(grid, hu.astype(np.float32), np.ones(hu.shape, dtype=np.float32))
    bone_hu = np.full(hu.shape, DENSE_HU - LESION_HU, dtype=np.float32)

    def compare(around: Region, outline: BoolArray) -> Region:
        return replace(around, bone_hu=bone_hu) if told else around

    found, _ = grown(
        region,
        Tissue(LESION_HU, 10.0, 1.0),
        middle[None],
        np.zeros(hu.shape, dtype=bool),
        SILENT,
        compare,
    )
    shell = (away > CORE_MM + 1) & (away < WHOLE_MM - 1)
    assert found.mask[shell].mean() == pytest.approx(float(told), abs=0.1)
