"""The samples of a seed: always the same ones, spread over the ranges of the table."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest, norm

from planning.ablation.request import PlacedDevice
from planning.ablation.uncertainty.sampling import PlacementError, draw_samples
from planning.ablation.uncertainty.variation import uncertainty_table


def test_a_seed_gives_the_same_samples_and_another_one_others() -> None:
    assert draw_samples(20, 7, 2) == draw_samples(20, 7, 2)
    assert draw_samples(20, 7, 2) != draw_samples(20, 8, 2)


def test_more_samples_begin_with_those_of_fewer() -> None:
    assert draw_samples(100, 7, 1)[:13] == draw_samples(13, 7, 1)
    assert len(draw_samples(1, 7, 1)) == 1


@pytest.mark.parametrize("row", uncertainty_table().properties, ids=lambda row: row.id)
def test_properties_follow_their_distribution(row: object) -> None:
    table_row = next(r for r in uncertainty_table().properties if r == row)
    values = np.array([getattr(s.variation, table_row.id) for s in draw_samples(256, 3, 1)])
    low, high = table_row.low, table_row.high
    if table_row.distribution == "log_uniform":
        values, low, high = np.log(values), np.log(low), np.log(high)
    assert kstest((values - low) / (high - low), "uniform").statistic < 0.02


def test_tips_are_off_by_two_and_a_half_millimetres_on_average_in_all_directions() -> None:
    shifts = np.array([s.placement[0].shift_lps_mm for s in draw_samples(512, 3, 1)])
    assert np.linalg.norm(shifts, axis=1).mean() == pytest.approx(2.5, rel=0.05)
    assert abs(shifts.mean(axis=0)).max() < 0.05
    for axis in range(3):
        sd = uncertainty_table().deviation("tip_shift_mm")
        assert kstest(shifts[:, axis], norm(0, sd).cdf).statistic < 0.02


def test_each_needle_is_off_by_itself() -> None:
    one = draw_samples(1, 3, 3)[0]
    assert len({place.shift_lps_mm for place in one.placement}) == 3


def test_a_needle_is_shifted_and_tilted_around_its_tip() -> None:
    planned = PlacedDevice("icerod_17g", (1.0, 2.0, 3.0), (0.0, 0.0, 2.0))
    moved = PlacementError(shift_lps_mm=(0.5, 0.0, -1.0), tilt_deg=(3.0, 4.0)).moved(planned)
    assert moved.tip_lps_mm == pytest.approx((1.5, 2.0, 2.0))
    assert np.linalg.norm(moved.axis_lps) == pytest.approx(1.0)
    angle = np.degrees(np.arccos(moved.axis_lps[2]))
    assert angle == pytest.approx(5.0, abs=0.02)
    assert PlacementError().moved(planned).tip_lps_mm == planned.tip_lps_mm
