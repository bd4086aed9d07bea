"""Motions that are known are found again near the lesion, and what does not fit is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imaging.geometry import FloatArray
from imaging.phantom.cases import GeneratedCase, generate
from imaging.progress import Cancelled, Progress
from imaging.registration.model import NoFit, rigid
from imaging.registration.rigid import judge, register
from imaging.registration.series import read_second
from tests.imaging.registration.making import like_mr, moved, target_error_mm


@pytest.fixture(scope="module")
def block() -> GeneratedCase:
    """A block of a trunk with a lesion in L3."""
    return generate("vertebra", spacing_mm=3.0, margin_mm=95.0)


@pytest.fixture(scope="module")
def lesion(block: GeneratedCase) -> FloatArray:
    return np.array(block.truth.lesion.seed_lps_mm)


def test_a_moved_ct_is_laid_back_within_a_millimetre(
    block: GeneratedCase, lesion: FloatArray
) -> None:
    truth = rigid((8.0, -7.0, 10.0), (20.0, -15.0, 30.0), lesion)
    series = moved(block.volume, truth)
    found = register(block.volume, series, region_lps_mm=lesion)
    assert target_error_mm(found.moving_to_fixed_lps, truth, lesion) <= 1.0
    assert found.residual_mm is not None
    assert found.residual_mm <= 1.0
    assert (found.found_by, found.kind, found.quality) == ("bone", "CT-CT", "good")
    again = register(block.volume, series, region_lps_mm=lesion)
    np.testing.assert_array_equal(found.moving_to_fixed_lps, again.moving_to_fixed_lps)


def test_another_contrast_is_laid_back_within_two_millimetres(
    block: GeneratedCase, lesion: FloatArray
) -> None:
    truth = rigid((-6.0, 5.0, -9.0), (-18.0, 12.0, -20.0), lesion)
    series = moved(block.volume, truth, 2.0, remap=like_mr)
    found = register(block.volume, series, region_lps_mm=lesion)
    assert target_error_mm(found.moving_to_fixed_lps, truth, lesion) <= 2.0
    assert found.kind == "CT-MR"
    assert [one.code for one in found.problems] == ["level_to_check"]  # 19 cm hold few vertebrae


def test_the_residual_tells_how_far_off_a_series_lies(
    block: GeneratedCase, lesion: FloatArray
) -> None:
    series = moved(block.volume, np.eye(4))
    left = []
    for shift_mm in (0.0, 2.0, 4.0):
        laid = rigid((0, 0, 0), (shift_mm, 0, 0))
        found = judge(block.volume, series, laid, "by_hand", lesion)
        assert found.residual_mm is not None
        left.append(found.residual_mm)
    assert left == sorted(left)
    assert left[0] < 1.0 < left[1] < left[2]
    assert judge(block.volume, series, rigid((0, 0, 0), (8, 0, 0)), "by_hand", lesion).problems


def test_another_part_of_the_body_is_told_not_fitted(
    block: GeneratedCase, lesion: FloatArray
) -> None:
    upper = moved(block.volume, rigid((0, 0, 0), (0, 0, 90.0)), slices=(0.72, 1.0))
    with pytest.raises(NoFit):
        register(block.volume, upper, region_lps_mm=lesion)
    shuffled = moved(block.volume, np.eye(4), remap=lambda hu: like_mr(hu)[:, ::-1].copy())
    with pytest.raises(NoFit):
        register(block.volume, shuffled, start=np.eye(4), region_lps_mm=lesion)


def test_a_registration_that_is_no_longer_wanted_stops(
    block: GeneratedCase, lesion: FloatArray
) -> None:
    series = moved(block.volume, np.eye(4))
    with pytest.raises(Cancelled):
        register(block.volume, series, None, lesion, Progress(is_cancelled=lambda: True))


@pytest.mark.long
@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("kind", ["CT", "MR"])
def test_motions_of_up_to_15_degrees_and_40_mm_are_found(
    vertebra: GeneratedCase, number: int, kind: str
) -> None:
    random = np.random.default_rng(number)
    centre = np.array(vertebra.truth.lesion.seed_lps_mm)
    turn, shift = random.normal(size=3), random.normal(size=3)
    truth = rigid(15.0 * turn / np.linalg.norm(turn), 40.0 * shift / np.linalg.norm(shift), centre)
    part = (0.15, 0.8) if number % 2 else (0.0, 1.0)
    series = moved(vertebra.volume, truth, 2.0, 30.0, like_mr if kind == "MR" else None, part)
    found = register(vertebra.volume, series, region_lps_mm=centre)
    error_mm = target_error_mm(found.moving_to_fixed_lps, truth, centre)
    assert error_mm <= (2.0 if kind == "MR" else 1.0)


@pytest.mark.long
def test_the_bones_of_two_people_do_not_fit(shared_data: Path) -> None:
    one = read_second(shared_data / "lumbar-pelvis-dicom")
    other = read_second(shared_data / "abdomen-labelled" / "example_ct.nii.gz")
    with pytest.raises(NoFit):
        register(one.volume, other)
