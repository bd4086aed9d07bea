from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from imaging.geometry import Grid
from imaging.progress import Cancelled, Progress
from planning.ablation.devices import devices
from planning.ablation.scenario.answer import answer_scenario
from planning.ablation.scenario.reader import read_scenario
from planning.ablation.solver.embedding import Shape, embed
from planning.ablation.solver.heat import Boundary, HeatSolver, HeldSurface
from planning.ablation.solver.materials import (
    Medium,
    Properties,
    enthalpy,
    material_of_properties,
    tissue_material,
    tissues,
)
from tests.planning.ablation.scenarios import (
    FREEZING,
    SOFT,
    cube,
    final_c,
    run,
    sphere_scenario,
)

INSULATED = {"kind": "insulated"}


def device_scenario(device: str, phase: dict[str, Any], **changes: object) -> dict[str, Any]:
    return sphere_scenario(
        **{
            "grid": cube(60, 1.5),
            "medium": {"tissue": "muscle"},
            "applicators": [{"device": device, "tip_lps_mm": [0, 0, -15], "axis_lps": [0, 0, 1]}],
            "protocol": [phase],
            "points_lps_mm": [[6, 0, 0]],
            "isotherms_c": [-20.0, 50.0],
            **changes,
        }
    )


def test_heat_that_goes_in_stays_in() -> None:
    ball = {"kind": "ball", "radius_mm": 4.0, "power_w": 3.0}
    scenario = sphere_scenario(
        medium={"properties": SOFT},
        boundary=INSULATED,
        applicators=[{"source": ball, "tip_lps_mm": [0.2, 0.1, -0.3]}],
        protocol=[{"mode": "power", "seconds": 120}],
        points_lps_mm=[],
    )
    done = run(scenario)
    gained = (done.temperature_c.astype(float) - 37.0).sum() * 1e-9 * 1050 * 3600
    assert gained == pytest.approx(360.0, rel=1e-4)


def test_freezing_takes_exactly_the_heat_that_crosses_the_surface() -> None:
    grid = Grid.aligned((24, 24, 24), 1.0, (-11.5, -11.5, -11.5))
    material = material_of_properties("soft", Properties.model_validate(FREEZING))
    solver = HeatSolver(grid, Medium.uniform(material, grid.size_kji), Boundary((None,) * 6), 37.0)
    e = embed(grid, Shape((0, 0, 0), (0, 0, 1), 2.0))
    surface = HeldSurface(e, np.full(len(e.held), -100.0), np.full(len(e.cells), -100.0))
    solver.set_phase([surface], [e])
    start, taken = solver.energy_j(), 0.0
    limit = solver.explicit_limit_s()
    before = solver.contact_power_w().sum()
    for _ in range(400):
        plan = solver.plan_step(0.2, limit)
        solver.step(plan)
        after = solver.contact_power_w().sum()
        taken += 0.5 * (before + after) * plan.seconds
        before = after
    assert solver.energy_j() - start == pytest.approx(taken, rel=5e-3)
    assert solver.temperature_c.min() < -50.0


def test_enthalpy_and_temperature_are_inverse_for_every_tissue() -> None:
    levels = np.array([-150.0, -40.0, -7.9, -4.0, -1.1, 5.0, 37.0, 98.0, 99.5, 130.0])
    for name in tissues():
        material = tissue_material(name)
        grid = Grid.aligned((1, 1, 1), 1.0, (0, 0, 0))
        for level in levels:
            solver = HeatSolver(
                grid, Medium.uniform(material, (1, 1, 1)), Boundary((None,) * 6), float(level)
            )
            assert float(solver.temperature_c[0, 0, 0]) == pytest.approx(level, abs=2e-3), name
        row = material.enthalpy_row()
        assert (np.diff(enthalpy(row, np.linspace(-150, 150, 2001))) > 0).all()


def test_it_stops_when_cancelled() -> None:
    told: list[float] = []
    progress = Progress(
        report=lambda fraction, _: told.append(fraction), is_cancelled=lambda: len(told) > 3
    )
    with pytest.raises(Cancelled):
        answer_scenario(read_scenario(sphere_scenario()), progress)
    assert 3 < len(told) < 6


def test_rest_turns_the_source_into_ordinary_medium() -> None:
    done = run(
        sphere_scenario(
            protocol=[{"mode": "heat", "seconds": 200}, {"mode": "rest", "seconds": 4000}],
            points_lps_mm=[[0, 0, 0]],
            isotherms_c=[60.0],
        )
    )
    assert final_c(done)[0] == pytest.approx(37.0, abs=0.05)
    assert done.answer.isotherms[0].volume_ml > 1.0  # read at the end of heating


def test_isotherm_that_is_nowhere_has_no_size() -> None:
    row = run(sphere_scenario(isotherms_c=[95.0])).answer.isotherms[0]
    assert (row.volume_ml, row.length_mm, row.width_mm) == (0.0, None, None)


def test_ice_of_a_probe_does_not_depend_on_the_grid() -> None:
    def widths(spacing_mm: float) -> np.ndarray[Any, Any]:
        probe = {"kind": "cylinder", "radius_mm": 0.75, "length_mm": 60.0, "temperature_c": -140.0}
        ends = {"z_min": INSULATED, "z_max": INSULATED}
        scenario = sphere_scenario(
            grid={"spacing_mm": spacing_mm, "size_mm": [40, 40, 2]},
            medium={"properties": {**FREEZING, "freezing_to_c": -8.0}},
            boundary={"kind": "fixed", "temperature_c": 37.0, "faces": ends},
            applicators=[{"source": probe, "tip_lps_mm": [0, 0, -30], "axis_lps": [0, 0, 1]}],
            protocol=[{"mode": "freeze", "seconds": 200}],
            points_lps_mm=[],
            isotherms_c=[-1.0, -20.0, -40.0],
        )
        return np.array([row.width_mm for row in run(scenario).answer.isotherms], dtype=float)

    # Diameters: a tolerance of 0.3 mm is 0.15 mm of radius.
    np.testing.assert_allclose(widths(1.0), widths(0.4), atol=0.3)


@pytest.mark.parametrize("device", sorted(devices()))
def test_every_device_does_its_own_protocol(device: str) -> None:
    row = devices()[device]
    phase = row.default_protocol[0].model_dump(mode="json", exclude_none=True)
    wide = {"grid": cube(100, 2.0)} if row.tines else {}
    done = run(device_scenario(device, {**phase, "seconds": 60}, **wide))
    reached = final_c(done)[0]
    if row.technique == "cryoablation":
        assert -60.0 < reached < 30.0
    else:
        assert 38.0 < reached < 130.0
    if row.technique == "radiofrequency":
        electrical = done.answer.electrical
        assert electrical.resistance_ohm is not None
        assert electrical.power_w is not None
        # Where an uncooled or strongly driven electrode has just dried its tissue, it shoots up.
        assert (5.0 if row.tines else 20.0) < electrical.resistance_ohm < 2000.0
        assert 0.0 < electrical.power_w <= (row.most_power_w or 0.0)


def test_antenna_gives_its_power_to_the_tissue_and_no_more() -> None:
    muscle = tissue_material("muscle")

    def gained_j(power_w: float) -> float:
        short = {"mode": "power", "seconds": 2, "power_w": power_w}
        done = run(device_scenario("microwave_14g5_2450", short, boundary=INSULATED))
        return float(
            (done.temperature_c.astype(float) - 37.0).sum() * 1.5e-3**3 * muscle.heat_j_m3_k
        )

    # Metabolism and the cooled shaft are the same in both; it takes a little more from hot tissue.
    given = (50.0 - 10.0) * devices()["microwave_14g5_2450"].efficiency * 2
    assert given * 0.97 < gained_j(50.0) - gained_j(10.0) < given * 1.001


def test_ice_of_a_device_is_nearly_the_same_on_a_coarse_grid() -> None:
    """The probe lies off the cells' centres, where contacts would throttle a coarse grid."""

    def widths(spacing_mm: float) -> np.ndarray[Any, Any]:
        place = {"device": "iceforce_14g", "tip_lps_mm": [0.3, 0.2, -15], "axis_lps": [0, 0, 1]}
        scenario = device_scenario(
            "iceforce_14g",
            {"mode": "freeze", "seconds": 240},
            grid=cube(56, spacing_mm),
            applicators=[place],
            points_lps_mm=[],
            isotherms_c=[0.0, -20.0, -40.0],
        )
        return np.array([row.width_mm for row in run(scenario).answer.isotherms], dtype=float)

    np.testing.assert_allclose(widths(2.0), widths(1.0), atol=0.6)
