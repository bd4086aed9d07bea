from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planning.ablation.solver.damage import arrhenius, arrhenius_step, cem43


@pytest.mark.parametrize(
    ("times_s", "temperatures_c", "minutes"),
    [
        ([0, 600], [45, 45], 40.0),
        ([0, 60], [50, 50], 128.0),
        ([0, 60], [37, 60], 8221.57404),
    ],
)
def test_thermal_dose_of_worked_cases(
    times_s: list[float], temperatures_c: list[float], minutes: float
) -> None:
    dose = cem43(np.array(times_s, float), np.array(temperatures_c, float))
    assert dose == pytest.approx(minutes, rel=1e-7)


@pytest.mark.parametrize(("level_c", "seconds"), [(50, 61.05), (54, 18.9), (60, 3.431)])
def test_arrhenius_reaches_one_when_it_should(level_c: float, seconds: float) -> None:
    assert arrhenius_step(level_c, level_c, seconds) == pytest.approx(1.0, rel=2e-3)


@settings(deadline=None, max_examples=40)
@given(low=st.floats(30, 70), high=st.floats(30, 70), cut=st.floats(0.05, 0.95))
def test_dose_of_a_ramp_is_the_sum_of_its_parts(low: float, high: float, cut: float) -> None:
    middle = low + cut * (high - low)
    whole = cem43(np.array([0.0, 60.0]), np.array([low, high]))
    parts = cem43(np.array([0.0, 60.0 * cut, 60.0]), np.array([low, middle, high]))
    assert parts == pytest.approx(whole, rel=1e-6, abs=1e-12)
    assert arrhenius(np.array([0.0, 60.0]), np.array([low, high])) >= 0.0
