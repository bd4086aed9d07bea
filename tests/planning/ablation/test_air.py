"""The skin's surface: heat that leaves through it, whatever way the surface runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from imaging.geometry import Grid
from planning.ablation.solver.air import COEFFICIENT_W_M2_K, ROOM_C, Air
from planning.ablation.solver.heat import Boundary, HeatSolver
from planning.ablation.solver.materials import Medium, tissue_material
from planning.ablation.solver.protocol import Mode, Phase
from planning.ablation.solver.simulation import Simulation, as_points, simulate

REST = Phase(mode=Mode.REST, seconds=20000.0)


def cube(cells: int, spacing_mm: float) -> Grid:
    first = -0.5 * (cells - 1) * spacing_mm
    return Grid.aligned((cells,) * 3, spacing_mm, (first,) * 3)


@pytest.mark.parametrize("spacing_mm", [1.0, 2.0])
def test_a_layer_of_skin_cools_as_the_law_of_convection_says(spacing_mm: float) -> None:
    """Steady: 37 °C deep inside, h at the surface: one resistance after the other."""
    deep_mm = 20.0
    cells = round((deep_mm + 4.0 * spacing_mm) / spacing_mm)
    first = 0.5 * spacing_mm
    grid = Grid.aligned((6, 6, cells), spacing_mm, (first,) * 3)
    air = np.zeros(grid.size_kji, dtype=bool)
    air[:, :, round(deep_mm / spacing_mm) :] = True
    material = tissue_material("muscle", linear=True)
    still = Medium(
        (replace(material, perfusion_per_s=0.0, metabolic_w_m3=0.0),),
        np.zeros(grid.size_kji, np.uint8),
    )
    outcome = simulate(
        Simulation(
            grid=grid,
            medium=still,
            boundary=Boundary((None, None, None, None, 37.0, None)),
            initial_c=37.0,
            applicators=(Air(grid, air),),
            protocol=(REST,),
            points_lps_mm=as_points([]),
        )
    )
    k = material.conductivity_w_m_k
    flux = (37.0 - ROOM_C) / (deep_mm / 1000.0 / k + 1.0 / COEFFICIENT_W_M2_K)
    depth_mm = spacing_mm * (np.arange(cells) + 0.5)
    expected = 37.0 - flux * depth_mm / 1000.0 / k
    inside = depth_mm < deep_mm
    np.testing.assert_allclose(outcome.final_c[3, 3][inside], expected[inside], atol=0.02)
    assert (outcome.final_c[:, :, ~inside] == ROOM_C).all()


def test_a_ball_has_the_surface_of_a_ball_and_not_of_its_steps() -> None:
    grid = cube(50, 1.0)
    points = grid.to_lps(np.moveaxis(np.indices(grid.size_kji), 0, -1))
    air = np.linalg.norm(points, axis=-1) > 20.0
    area = Air(grid, air).embedding.area_mm2.sum()
    assert area == pytest.approx(4.0 * np.pi * 20.0**2, rel=0.05)


def test_a_box_inside_the_body_has_no_surface() -> None:
    grid = cube(10, 1.0)
    air = Air(grid, np.zeros(grid.size_kji, dtype=bool))
    air.begin(REST)
    assert air.surfaces() == []


def test_the_air_does_not_shorten_the_steps() -> None:
    grid = cube(12, 1.0)
    index = np.zeros(grid.size_kji, np.uint8)
    index[:, :, 6:] = 1
    medium = Medium((tissue_material("muscle"), tissue_material("metal")), index)
    solver = HeatSolver(grid, medium, Boundary(), 37.0)
    before_s = solver.explicit_limit_s()
    around = Air(grid, index == 1)
    around.begin(REST)
    solver.set_phase(around.surfaces(), [])
    assert solver.explicit_limit_s() > 2.0 * before_s
