"""Ours and a second solver of another kind put the isotherms of two bone cases in one place."""

from __future__ import annotations

import numpy as np
import pytest

from planning.ablation.solver.materials import Material
from tests.planning.ablation.isotherm_table import compared
from tests.planning.ablation.second_solver import Rod, SecondSolver

WITHIN_MM = 0.5


def far_apart(case: str, spacing_mm: float) -> dict[str, float]:
    """Distances between the isotherms, where both have them."""
    rows = compared(case, (spacing_mm,))
    return {
        f"{name}, {level:g} °C": abs(mine - theirs)
        for name, level, (theirs, mine) in rows
        if theirs is not None and mine is not None
    }


def test_the_second_solver_finds_the_exact_steady_field_of_a_perfused_cylinder() -> None:
    """K₀(r/δ)/K₀(a/δ) around the middle of a long rod."""
    from scipy.special import k0

    soft = Material("soft", 1050.0, 3600.0, 0.5, perfusion_per_s=6.4e-3)
    rod = Rod(((99.0, soft),), 1.0, 60.0, 90.0, None, 2000.0, (-5.0, 65.0), 28.0)
    found = SecondSolver(rod, longest_s=100.0)
    r_mm = np.array([2.0, 4.0, 8.0])
    delta_mm = 1e3 * np.sqrt(0.5 / (6.4e-3 * 1050 * 3617))
    exact = 37.0 + 53.0 * k0(r_mm / delta_mm) / k0(1.0 / delta_mm)
    np.testing.assert_allclose(found.at(np.full(3, 30.0), r_mm), exact, atol=0.1)


@pytest.mark.long
@pytest.mark.parametrize("spacing_mm", [1.0, 0.5])
@pytest.mark.parametrize("case", ["cryoprobe", "heated rod"])
def test_isotherms_in_bone_lie_where_finite_elements_put_them(case: str, spacing_mm: float) -> None:
    apart = far_apart(case, spacing_mm)
    assert len(apart) >= 8
    assert max(apart.values()) < WITHIN_MM, apart
