"""``register`` gives the motion as JSON, and says when nothing fits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imaging.files import read_array, write_array
from imaging.phantom.cases import GeneratedCase, generate
from imaging.registration.model import rigid
from tests.conftest import Run
from tests.imaging.registration.making import moved, target_error_mm


@pytest.fixture(scope="module")
def block() -> GeneratedCase:
    return generate("vertebra", spacing_mm=3.0, margin_mm=95.0)


def test_a_series_is_registered_and_written_on_the_grid_of_the_ct(
    block: GeneratedCase, tmp_path: Path, run: Run
) -> None:
    centre = np.array(block.truth.lesion.seed_lps_mm)
    truth = rigid((3.0, -4.0, 5.0), (9.0, -6.0, 12.0), centre)
    second = moved(block.volume, truth, 2.5, 15.0)
    fixed, moving, out = (tmp_path / f"{name}.nii.gz" for name in ("ct", "then", "moved"))
    write_array(block.volume.hu, block.volume.grid, fixed)
    write_array(second.volume.hu, second.volume.grid, moving)
    at = ",".join(str(n) for n in centre)
    status, said, _ = run("register", fixed, moving, "--at", at, "--out", out, "--json")
    assert status == 0
    assert target_error_mm(np.array(said["moving_to_fixed_lps"]), truth, centre) <= 1.0
    assert said["residual_mm"] <= 1.5
    assert said["same_frame_of_reference"] is None
    assert said["kind"] == "CT-CT"
    assert said["elapsed_s"] > 0
    assert "patient_unchecked" in [one["code"] for one in said["problems"]]
    values, grid, _ = read_array(out)
    assert grid.same_as(block.volume.grid)
    near = np.s_[20:-20, 20:-20, 20:-20]
    assert np.corrcoef(values[near].ravel(), block.volume.hu[near].ravel())[0, 1] > 0.9


def test_what_does_not_fit_ends_with_the_reason(
    block: GeneratedCase, tmp_path: Path, run: Run
) -> None:
    other = moved(block.volume, np.eye(4), 3.0, slices=(0.75, 1.0))
    fixed, moving = tmp_path / "ct.nii.gz", tmp_path / "other.nii.gz"
    write_array(block.volume.hu, block.volume.grid, fixed)
    write_array(other.volume.hu, other.volume.grid, moving)
    at = ",".join(str(n) for n in block.truth.lesion.seed_lps_mm)
    status, said, error = run("register", fixed, moving, "--at", at, "--json")
    assert status == 4
    assert said["error"]["code"] in {"not_covered", "no_fit", "no_overlap"}
    assert said["error"]["message"] in error
    status, said, _ = run("register", fixed, tmp_path / "absent", "--json")
    assert (status, said["error"]["code"]) == (3, "not_found")
