"""One level is set by hand; the other vertebrae and the ribs follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from imaging.errors import ImagingError
from imaging.geometry import Grid
from imaging.structures.labels import structures_from
from imaging.structures.model import Structures
from imaging.structures.set_level import with_level

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Run


def column(names: list[str]) -> Structures:
    """Blocks of 20 mm one below the other, the first on top."""
    grid = Grid.aligned((10 * len(names), 8, 8), 2.0, (0.0, 0.0, 0.0))
    labels = np.zeros(grid.size_kji, np.uint16)
    for n in range(len(names)):
        top = grid.size_kji[0] - 10 * n
        labels[top - 10 : top] = n + 1
    return structures_from(labels, grid, dict(enumerate(names, start=1)), "a test")


def test_others_follow_the_one_that_is_set() -> None:
    spine = column(["vertebra_1", "vertebra_2", "vertebra_3", "vertebra_4"])
    moved = with_level(spine, "l1", (7.0, 7.0, 30.0))  # the third
    assert moved.names() == tuple(f"vertebrae_{level}" for level in ("T11", "T12", "L1", "L2"))
    assert moved.levels is not None
    assert moved.levels.counted_from == "user"
    assert all("set by the user" in row.found_by for row in moved.table)


def test_ribs_follow_their_vertebra() -> None:
    spine = column(["vertebrae_T12", "vertebrae_L1", "rib_left_12"])
    moved = with_level(spine, "L1", (7.0, 7.0, 50.0))
    assert moved.names() == ("vertebrae_L1", "vertebrae_L2", "rib_left_of_vertebrae_L1")
    assert with_level(moved, "T12", (7.0, 7.0, 50.0)).names() == spine.names()


def test_a_count_that_does_not_end_in_l5_above_the_sacrum_is_a_doubt() -> None:
    spine = column(["vertebrae_L4", "vertebrae_L5", "sacrum"])
    moved = with_level(spine, "L3", (7.0, 7.0, 50.0))
    assert moved.names() == ("vertebrae_L3", "vertebrae_L4", "sacrum")
    assert moved.levels is not None
    assert "L4" in str(moved.levels.doubt)


@pytest.mark.parametrize(
    ("level", "at", "code"),
    [
        ("L9", (7.0, 7.0, 30.0), "level_refused"),
        ("C1", (7.0, 7.0, 0.0), "level_refused"),
        ("L1", (500.0, 7.0, 30.0), "no_vertebra_there"),
    ],
)
def test_what_cannot_be_is_refused(level: str, at: tuple[float, ...], code: str) -> None:
    with pytest.raises(ImagingError) as refusal:
        with_level(column(["vertebra_1", "vertebra_2"]), level, at)
    assert refusal.value.code == code


def test_without_vertebrae_no_level_can_be_set() -> None:
    with pytest.raises(ImagingError) as refusal:
        with_level(column(["bone"]), "L1", (0.0, 0.0, 0.0))
    assert refusal.value.code == "no_vertebrae"


def test_the_command_sets_a_level_of_labelled_vertebrae(vertebra_nifti: Path, run: Run) -> None:
    labels = vertebra_nifti / "labels.nii.gz"
    status, before, _ = run(
        "structures", vertebra_nifti / "ct.nii.gz", "--labels", labels, "--json"
    )
    assert status == 0
    from imaging.files import read_volume
    from imaging.structures.labels import read_structures

    volume = read_volume(vertebra_nifti / "ct.nii.gz")
    found = read_structures(labels, None, volume.grid)
    middle = volume.grid.to_lps(np.argwhere(found.mask("vertebrae_L3"))).mean(axis=0)
    at = ",".join(str(value) for value in middle)
    status, after, _ = run(
        "structures", vertebra_nifti / "ct.nii.gz", "--labels", labels,
        "--level", "L2", "--at", at, "--json",
    )  # fmt: skip
    assert status == 0
    volumes = {row["name"]: row["volume_ml"] for row in before["structures"]}
    shifted = {row["name"]: row["volume_ml"] for row in after["structures"]}
    assert shifted["vertebrae_L2"] == volumes["vertebrae_L3"]
    assert shifted["vertebrae_L4"] == volumes["vertebrae_L5"]
    assert after["levels"]["counted_from"] == "user"
    assert run("structures", vertebra_nifti / "ct.nii.gz", "--level", "L2")[0] == 2
