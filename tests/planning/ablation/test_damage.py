from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from imaging.geometry import FloatArray
from planning.ablation.solver.damage import (
    DEAD_FRACTION,
    DEATH_BACKWARD_PER_S,
    DEATH_FORWARD_PER_S,
    DEATH_SCALE_C,
    Damage,
    arrhenius,
    arrhenius_step,
    cem43,
)


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


def test_three_states_die_when_their_equations_say_whatever_omega_is() -> None:
    def rates(_t: float, state: FloatArray) -> list[float]:
        alive, dead = state
        weak = 1.0 - alive - dead
        forward = DEATH_FORWARD_PER_S * np.exp(80.0 / DEATH_SCALE_C) * (1.0 - alive)
        return [DEATH_BACKWARD_PER_S * weak - forward * alive, forward * weak]

    seconds = np.arange(0.0, 601.0, 10.0)
    exact = solve_ivp(rates, (0.0, 600.0), [0.99, 0.0], t_eval=seconds, rtol=1e-8).y[1]
    held = np.full((1, 1, 1), 80.0, np.float32)
    damage = Damage(held)
    for number, dead in enumerate(exact[1:]):
        damage.advance(held, held, 10.0)
        if abs(dead - DEAD_FRACTION) > 0.05:
            assert bool(damage.dead_by_three_states().all()) == (dead > DEAD_FRACTION), number
    assert damage.dead_by_three_states().all()


def test_either_model_of_death_ends_perfusion() -> None:
    held = np.array([[[37.0, 60.0]]], np.float32)
    damage = Damage(held)
    damage.advance(held, held, 60.0)
    assert damage.omega[0, 0, 1] > 1.0
    assert not damage.dead_by_three_states().any()
    assert damage.coagulated().tolist() == [[[False, True]]]
