"""A line that takes heat evenly freezes a cylinder whose radius is known exactly."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import exp1

from imaging.geometry import FloatArray, Grid
from planning.ablation.solver.applicators import Applicator
from planning.ablation.solver.embedding import Shape
from planning.ablation.solver.heat import Boundary, HeatSolver
from planning.ablation.solver.materials import Medium, Properties, material_of_properties
from planning.ablation.solver.protocol import Mode, Phase
from planning.ablation.solver.simulation import Simulation, as_points, simulate
from tests.planning.ablation.scenarios import FREEZING

FROZEN_C = -1.01  # middle of the narrow freezing range


class LineSink(Applicator):
    """Takes the same heat from every millimetre of the z axis, through one column of cells."""

    takes_heat = True

    def __init__(self, grid: Grid, sink_w_m: float) -> None:
        super().__init__(grid, Shape((0.0, 0.0, 0.0), (0.0, 0.0, 1.0), 0.1, 1.0))
        _, j, i = grid.size_kji
        self._power = np.zeros(grid.size_kji)
        area_m2 = (grid.spacing_mm_kji[1] * 1e-3) ** 2
        self._power[:, j // 2, i // 2] = -sink_w_m / area_m2

    def heating(self, solver: HeatSolver, time_s: float, seconds: float) -> FloatArray | None:
        return self._power


def exact_root(sink_w_m: float) -> float:
    """Solve the jump of heat at the front for λ (Carslaw and Jaeger, line source)."""
    k_s, k_l = FREEZING["frozen_conductivity_w_m_k"], FREEZING["conductivity_w_m_k"]
    density = FREEZING["density_kg_m3"]
    solid = k_s / (density * FREEZING["frozen_specific_heat_j_kg_k"])
    liquid = k_l / (density * FREEZING["specific_heat_j_kg_k"])
    ratio = solid / liquid

    def jump(root: float) -> float:
        gain = sink_w_m / (4 * np.pi) * np.exp(-(root**2))
        melt = k_l * (37.0 + 1.0) * np.exp(-ratio * root**2) / exp1(ratio * root**2)
        return float(gain - melt - root**2 * solid * FREEZING["latent_heat_j_m3"])

    return float(brentq(jump, 1e-3, 2.0))


def _above(lifted: float, spread_m2: float, r_mm: float) -> float:
    return float(exp1((r_mm * 1e-3) ** 2 / spread_m2) - lifted)


@pytest.mark.parametrize(("sink_w_m", "spacing_mm"), [(300.0, 0.5), (300.0, 1.0), (450.0, 1.0)])
def test_line_sink_freezes_the_exact_radius(sink_w_m: float, spacing_mm: float) -> None:
    root = exact_root(sink_w_m)
    if sink_w_m == 300.0:
        assert root == pytest.approx(0.178323, abs=1e-6)
    solid = 2.0 / (1050.0 * 1800.0)
    radius_mm = 2e3 * root * np.sqrt(solid * 600.0)
    half = round(45.0 / spacing_mm)
    size = (3, 2 * half + 1, 2 * half + 1)
    edge = -half * spacing_mm
    grid = Grid.aligned(size, spacing_mm, (edge, edge, -spacing_mm))
    medium = Medium.uniform(
        material_of_properties("soft", Properties.model_validate(FREEZING)), size
    )
    task = Simulation(
        grid=grid,
        medium=medium,
        boundary=Boundary((None,) * 6),
        initial_c=37.0,
        applicators=(LineSink(grid, sink_w_m),),
        protocol=(Phase(mode=Mode.REST, seconds=600.0),),
        points_lps_mm=as_points([]),
        lethal_cold_c=None,
        watch=None,
    )
    temperature = simulate(task).active_c[1, half, half:]
    away_mm = spacing_mm * np.arange(len(temperature))
    found_mm = float(np.interp(FROZEN_C, temperature[1:], away_mm[1:]))
    assert found_mm == pytest.approx(radius_mm, abs=0.3)
    for level_c in (-10.0, -20.0, -30.0):
        lifted = exp1(root**2) - (level_c + 1.0) * 8 * np.pi / sink_w_m
        root_of = partial(_above, lifted, 4 * solid * 600.0)
        exact_mm = brentq(root_of, 0.1, 40.0)
        at_mm = float(np.interp(level_c, temperature[1:], away_mm[1:]))
        assert at_mm == pytest.approx(exact_mm, abs=0.3)
