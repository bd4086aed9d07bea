"""What `osteoplan bench structures` measures and beside what."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from app.bench.structures import bench_structures
from imaging.files import write_array
from imaging.geometry import Grid

if TYPE_CHECKING:
    from collections.abc import Callable


def test_an_image_without_a_body_is_refused(
    tmp_path: Path, run: Callable[..., tuple[int, Any, str]]
) -> None:
    grid = Grid.aligned((8, 20, 20), 3.0, (0.0, 0.0, 0.0))
    write_array(np.full(grid.size_kji, -1000, np.int16), grid, tmp_path / "air.nii.gz")
    status, answer, _ = run("bench", "structures", tmp_path / "air.nii.gz", "--json")
    assert status == 3
    assert answer["error"]["code"] == "no_body"


@pytest.mark.long
def test_labels_beside_the_image_give_dice_to_us_and_the_peers(shared_data: Path) -> None:
    row = bench_structures(shared_data / "abdomen-labelled")[0]
    assert row["name"] == "structures_all"
    assert row["dice"]["aorta"] > 0.85
    aortas = [peer for peer in row["peers"] if peer["name"].startswith("aorta")]
    assert len(aortas) == 2
    for peer in aortas:
        assert peer["median_s"] > 0
        assert 0 <= peer["dice"] < row["dice"]["aorta"]
