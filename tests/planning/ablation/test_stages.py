"""However rows are computed, heat flows the same way: plain, border by border, or cell by cell."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.geometry import Grid
from planning.ablation.scenario.reader import read_scenario
from planning.ablation.solver import layout
from planning.ablation.solver.heat import Boundary, HeatSolver
from planning.ablation.solver.materials import (
    MOST_MATERIALS,
    Float32Array,
    Medium,
    tissue_material,
)
from planning.errors import PlanningError
from tests.planning.ablation.scenarios import final_c, run
from tests.planning.ablation.test_air import cube

TISSUES = ("muscle", "cancellous_bone", "cortical_bone", "fat", "csf")


def speckled(grid: Grid, seed: int) -> Medium:
    """Return blocks of tissue of one to four cells, and a corner of one tissue."""
    rng = np.random.default_rng(seed)
    index = rng.integers(0, len(TISSUES), grid.size_kji).astype(np.uint8)
    index[:, :12] = np.repeat(np.repeat(index[:, :12:4], 4, axis=1), 4, axis=2)[
        ..., : index.shape[2]
    ]
    index[10:, 14:, 9:] = 0
    return Medium(tuple(tissue_material(name) for name in TISSUES), index)


def stepped(
    medium: Medium, grid: Grid, costs: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> tuple[Float32Array, int, float]:
    """Return the temperature after some freezing and heating, rows cell by cell, and the energy."""
    monkeypatch.setattr(layout, "BORDER_COST", costs[0])
    monkeypatch.setattr(layout, "RUN_COST", costs[1])
    solver = HeatSolver(grid, medium, Boundary((None, None, -40.0, 37.0, None, 60.0)), 37.0)
    hot = np.zeros(grid.size_kji)
    hot[5:8, 5:8, 5:8] = 4e6
    solver.set_heating(hot)
    plan = solver.plan_step(15.0, solver.explicit_limit_s())
    for _ in range(6):
        solver.step(plan)
    rows = int(layout.layout_of(solver._linked).uneven.sum())
    return solver.temperature_c.copy(), rows, solver.energy_j()


@pytest.mark.parametrize("seed", [1, 2])
def test_rows_of_all_kinds_agree(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = cube(22, 2.0)
    medium = speckled(grid, seed)
    by_border, none, _ = stepped(medium, grid, (0, 0), monkeypatch)
    by_cell, every, _ = stepped(medium, grid, (1000, 1000), monkeypatch)
    mixed, some, _ = stepped(medium, grid, (1, 1), monkeypatch)
    assert none == 0 < some < every
    assert by_border.max() > 80.0
    assert by_border.min() < -20.0
    np.testing.assert_allclose(by_cell, by_border, atol=2e-3)
    np.testing.assert_allclose(mixed, by_border, atol=2e-3)


@pytest.mark.parametrize("costs", [(0, 0), (1, 1), (1000, 1000)])
def test_no_heat_is_lost_between_rows(
    costs: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Insulated and without blood: what is gained is what was put in."""
    monkeypatch.setattr(layout, "BORDER_COST", costs[0])
    monkeypatch.setattr(layout, "RUN_COST", costs[1])
    grid = cube(22, 2.0)
    speckles = speckled(grid, 3)
    still = Medium(
        tuple(tissue_material(name, linear=True) for name in ("csf", "cement", "metal", "gas")),
        speckles.index % 4,
    )
    solver = HeatSolver(grid, still, Boundary((None,) * 6), 37.0)
    before_j = solver.energy_j()
    hot = np.zeros(grid.size_kji)
    hot[4:9, 4:9, 4:9] = 1e6
    solver.set_heating(hot)
    plan = solver.plan_step(10.0, solver.explicit_limit_s())
    for _ in range(10):
        solver.step(plan)
    given_j = float(hot.sum()) * 8e-9 * 10 * plan.seconds
    assert solver.energy_j() - before_j == pytest.approx(given_j, rel=1e-3)


def test_heating_phases_step_as_if_nothing_froze_unless_something_may() -> None:
    grid = cube(12, 1.0)
    medium = Medium.uniform(tissue_material("liver"), grid.size_kji)
    warm = HeatSolver(grid, medium, Boundary(), 37.0)
    cold = HeatSolver(grid, medium, Boundary((37.0, 37.0, 37.0, 37.0, 37.0, -10.0)), 37.0)
    assert warm.explicit_limit_s() > 5.0 * cold.explicit_limit_s()
    assert warm.explicit_limit_s(takes_heat=True) == pytest.approx(cold.explicit_limit_s())


@pytest.mark.parametrize("count", [254, 255])
def test_a_medium_has_so_many_materials_and_no_more(count: int) -> None:
    """Layers of one tissue, however many, change nothing; one too many is refused."""
    layers = [{"until_mm": -40.0 + 0.2 * n, "tissue": "muscle"} for n in range(1, count + 1)]
    scenario = {
        "grid": {"spacing_mm": 1.0, "size_mm": [80, 6, 6]},
        "medium": {"layers": layers},
        "boundary": {"faces": {"x_min": {"kind": "fixed", "temperature_c": 50.0}}},
        "protocol": [{"mode": "rest", "seconds": 60}],
        "points_lps_mm": [[-38.5, 0, 0], [10.5, 0, 0]],
    }
    if count > MOST_MATERIALS:
        with pytest.raises(PlanningError):
            read_scenario(scenario)
        return
    one = {**scenario, "medium": {"layers": [{"until_mm": 99.0, "tissue": "muscle"}]}}
    many, single = (final_c(run({**each, "applicators": []})) for each in (scenario, one))
    np.testing.assert_allclose(many, single, atol=1e-2)
