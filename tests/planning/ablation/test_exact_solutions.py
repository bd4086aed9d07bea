"""The solver against solutions written down by others: Neumann, Pennes, Laplace, Fourier."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import erf, erfc, exp1, k0

from imaging.geometry import Grid
from planning.ablation.solver.heat import Boundary, HeatSolver
from planning.ablation.solver.materials import Material, Medium
from planning.errors import PlanningError
from tests.planning.ablation.scenarios import (
    FIXED_37,
    FREEZING,
    SOFT,
    cube,
    final_c,
    run,
    sphere_scenario,
)


def neumann(wall_c: float, latent_j_kg: float, seconds: float) -> tuple[float, float]:
    """Return λ and the place of a plane freezing front, mm."""
    frozen, thawed = 2.0 / (1050 * 1800), 0.5 / (1050 * 3600)
    nu = np.sqrt(frozen / thawed)

    def balance(x: float) -> float:
        left = np.exp(-(x**2)) / erf(x)
        ratio = (37.0 + 1.0) / (-1.0 - wall_c)
        left -= 0.25 * nu * ratio * np.exp(-((nu * x) ** 2)) / erfc(nu * x)
        right = x * latent_j_kg * np.sqrt(np.pi) / (1800 * (-1.0 - wall_c))
        return float(left - right)

    root = float(brentq(balance, 0.01, 2.0))
    return root, 2000.0 * root * float(np.sqrt(frozen * seconds))


@pytest.mark.parametrize(
    ("wall_c", "latent_j_kg", "seconds"), [(-120.0, 250e3, 600.0), (-60.0, 180e3, 300.0)]
)
def test_plane_freezing_front_is_where_neumann_puts_it(
    wall_c: float, latent_j_kg: float, seconds: float
) -> None:
    root, front_mm = neumann(wall_c, latent_j_kg, seconds)
    if wall_c == -120.0:
        assert front_mm == pytest.approx(23.75226, abs=1e-4)
    h = 0.5
    done = run(
        {
            "grid": {
                "spacing_mm": h,
                "size_mm": [90, 4 * h, 4 * h],
                "centre_lps_mm": [45, 0, 0],
            },
            "medium": {"properties": {**FREEZING, "latent_heat_j_m3": latent_j_kg * 1050.0}},
            "boundary": {
                "faces": {
                    "x_min": {"kind": "fixed", "temperature_c": wall_c},
                    "x_max": FIXED_37,
                }
            },
            "applicators": [],
            "protocol": [{"mode": "freeze", "seconds": seconds}],
            "isotherms_c": [-1.0, -20.0, -40.0],
        }
    )
    depth_mm = [row.volume_ml * 1000.0 / (4 * h) ** 2 for row in done.answer.isotherms]
    assert depth_mm[0] == pytest.approx(front_mm, abs=0.15)
    for row, depth in zip(done.answer.isotherms[1:], depth_mm[1:], strict=True):
        share = (row.temperature_c - wall_c) / (-1.0 - wall_c)
        exact = front_mm / root * float(brentq(lambda x, s=share: erf(x) / erf(root) - s, 0, 3))
        assert depth == pytest.approx(exact, abs=0.1)


def test_steady_sphere_in_perfused_tissue() -> None:
    done = run(sphere_scenario())
    exact = [61.35787, 45.79983, 38.94810]
    np.testing.assert_allclose(final_c(done), exact, atol=0.25)
    row = done.answer.isotherms[0]
    assert row.length_mm == pytest.approx(2 * 7.15857, abs=0.1)
    assert row.width_mm == pytest.approx(2 * 7.15857, abs=0.1)
    assert row.volume_ml == pytest.approx(4 / 3 * np.pi * 7.15857**3 / 1000, rel=0.02)


@pytest.mark.parametrize("radius_mm", [0.4, 0.75, 1.3, 4.0])
@pytest.mark.parametrize("offset_mm", [0.0, 0.37, 0.5])
def test_thin_cylinders_have_their_true_radius_on_a_coarse_grid(
    radius_mm: float, offset_mm: float
) -> None:
    delta_mm = 1000.0 * np.sqrt(0.5 / (6.4e-3 * 1050 * 3617))
    source = {
        "kind": "cylinder",
        "radius_mm": radius_mm,
        "length_mm": 100.0,
        "temperature_c": 90.0,
    }
    radii = radius_mm + np.array([2.0, 4.0, 8.0])
    insulated = {"kind": "insulated"}
    done = run(
        sphere_scenario(
            grid={"spacing_mm": 1.0, "size_mm": [50, 50, 5]},
            boundary={**FIXED_37, "faces": {"z_min": insulated, "z_max": insulated}},
            applicators=[
                {"source": source, "tip_lps_mm": [offset_mm, 0, -50], "axis_lps": [0, 0, 1]}
            ],
            protocol=[{"mode": "heat", "seconds": 1500}],
            points_lps_mm=[[offset_mm + r, 0, 0] for r in radii],
        )
    )
    exact = 37.0 + 53.0 * k0(radii / delta_mm) / k0(radius_mm / delta_mm)
    np.testing.assert_allclose(final_c(done), exact, atol=0.5)


@pytest.mark.parametrize(("perfusion", "exact_c"), [(6.4e-3, 45.55413), (0.0, 52.22764)])
def test_sphere_switched_on(perfusion: float, exact_c: float) -> None:
    done = run(
        sphere_scenario(
            medium={"properties": {**SOFT, "perfusion_per_s": perfusion}},
            protocol=[{"mode": "heat", "seconds": 300}],
            points_lps_mm=[[10, 0, 0]],
        )
    )
    assert final_c(done)[0] == pytest.approx(exact_c, abs=0.15)


def test_electrode_resistance_power_and_temperature() -> None:
    electrode = {"kind": "electrode_sphere", "radius_mm": 1.5, "voltage_v": 15.0}
    done = run(
        sphere_scenario(
            medium={"properties": {**SOFT, "electrical_conductivity_s_m": 0.2}},
            applicators=[{"source": electrode, "tip_lps_mm": [0, 0, 0]}],
            protocol=[{"mode": "voltage", "seconds": 20000}],
            points_lps_mm=[[3.5, 0, 0], [0, 6, 0], [10, 0, 0]],
        )
    )
    resistance = done.answer.electrical.resistance_ohm
    power = done.answer.electrical.power_w
    assert resistance is not None
    assert power is not None
    # A cube of 50 mm answers almost as a sphere of 0.66 of its edge in radius (its capacitance).
    exact = (1 / 1.5e-3 - 1 / (0.6607 * 50e-3)) / (4 * np.pi * 0.2)
    assert resistance == pytest.approx(exact, rel=0.01)
    assert power * resistance == pytest.approx(15.0**2, rel=1e-9)
    # T = T₀ + (σ/k)(V₀V − V²/2), V falling as 1/r
    beyond = 1 / 1.5 - resistance * 4 * np.pi * 0.2 / 1000
    volts = 15 * (1 / np.array([3.5, 6.0, 10.0]) - beyond) / (1 / 1.5 - beyond)
    np.testing.assert_allclose(final_c(done), 37 + 0.4 * (15 * volts - volts**2 / 2), atol=0.4)


def test_power_and_current_modes_agree_with_voltage() -> None:
    def answer(phase: dict[str, object]) -> tuple[float, float]:
        source = {"kind": "electrode_sphere", "radius_mm": 2.0}
        done = run(
            sphere_scenario(
                grid=cube(30, 1.0),
                medium={"properties": {**SOFT, "electrical_conductivity_s_m": 0.3}},
                applicators=[{"source": source, "tip_lps_mm": [0, 0, 0]}],
                protocol=[{"seconds": 60, **phase}],
                points_lps_mm=[[5, 0, 0]],
            )
        )
        power = done.answer.electrical.power_w
        assert power is not None
        return power, float(final_c(done)[0])

    power, temperature = answer({"mode": "voltage", "voltage_v": 12.0})
    resistance = 144.0 / power
    current = answer({"mode": "current", "current_a": 12.0 / resistance})
    assert answer({"mode": "power", "power_w": power}) == pytest.approx((power, temperature))
    assert current == pytest.approx((power, temperature))


def test_ball_heats_like_a_point_source_far_away() -> None:
    ball = {"kind": "ball", "radius_mm": 0.3, "power_w": 1.0}
    done = run(
        sphere_scenario(
            medium={"properties": {**SOFT, "perfusion_per_s": 6.4e-3}},
            applicators=[{"source": ball, "tip_lps_mm": [0.3, -0.2, 0.1]}],
            protocol=[{"mode": "power", "seconds": 2000}],
            points_lps_mm=[[5.3, -0.2, 0.1], [0.3, 7.8, 0.1]],
        )
    )
    delta = np.sqrt(0.5 / (6.4e-3 * 1050 * 3617))
    r = np.array([5e-3, 8e-3])
    exact = 37 + np.exp(-r / delta) / (4 * np.pi * 0.5 * r)
    np.testing.assert_allclose(final_c(done), exact, atol=0.5)


@pytest.mark.parametrize(("power_w", "spacing_mm"), [(1.2, 0.5), (1.2, 1.0), (-1.5, 1.0)])
def test_rod_heats_like_a_line_source(power_w: float, spacing_mm: float) -> None:
    """A thin rod through an insulated slab: ΔT = Q′/(4πk) E₁(r²/4αt)."""
    rod = {"kind": "rod", "radius_mm": 0.2, "length_mm": 6.0, "power_w": power_w}
    radii_mm = np.array([2.0, 4.0, 7.0])
    done = run(
        {
            "grid": {"spacing_mm": spacing_mm, "size_mm": [60, 60, 6]},
            "medium": {"properties": SOFT},
            "boundary": {"faces": dict.fromkeys(("x_min", "x_max", "y_min", "y_max"), FIXED_37)},
            "applicators": [{"source": rod, "tip_lps_mm": [0.3, -0.2, -3.0]}],
            "protocol": [{"mode": "power", "seconds": 200}],
            "points_lps_mm": [[0.3 + r, -0.2, 0.0] for r in radii_mm],
        }
    )
    alpha = 0.5 / (1050 * 3600)
    per_m = power_w / 6e-3
    exact = 37 + per_m / (4 * np.pi * 0.5) * exp1((radii_mm * 1e-3) ** 2 / (4 * alpha * 200))
    np.testing.assert_allclose(final_c(done), exact, atol=0.5)


def test_shell_heats_its_inside_alike_and_its_outside_like_a_point() -> None:
    """Steady, without blood, the box's faces far away held at 37 °C."""
    shell = {"kind": "shell", "radius_mm": 6.0, "power_w": 1.0}
    done = run(
        {
            "grid": cube(50, 1.0),
            "medium": {"properties": {**SOFT, "perfusion_per_s": 6.4e-3}},
            "boundary": FIXED_37,
            "applicators": [{"source": shell, "tip_lps_mm": [0.3, -0.2, 0.1]}],
            "protocol": [{"mode": "power", "seconds": 2000}],
            "points_lps_mm": [[0.3, -0.2, 0.1], [10.3, -0.2, 0.1], [0.3, -12.2, 0.1]],
        }
    )
    delta, a = np.sqrt(0.5 / (6.4e-3 * 1050 * 3617)), 6e-3
    # Outside A e^(−r/δ)/r, inside B sinh(r/δ)/r; the flux jumps by the power over the surface.
    outside = 1.0 / (4 * np.pi * 0.5) * np.sinh(a / delta) / (a / delta)
    inside = outside * np.exp(-a / delta) / np.sinh(a / delta)
    r = np.array([10e-3, 12e-3])
    exact = [37 + inside / delta, *(37 + outside * np.exp(-r / delta) / r)]
    np.testing.assert_allclose(final_c(done), exact, atol=0.5)


@pytest.mark.parametrize("kind", ["rod", "shell"])
def test_a_source_that_lacks_something_is_refused(kind: str) -> None:
    for source in (
        {"kind": kind, "radius_mm": 1.0},
        {"kind": kind, "radius_mm": 1.0, "power_w": 1.0, "temperature_c": 50.0},
    ):
        with pytest.raises(PlanningError):
            run(
                sphere_scenario(
                    applicators=[{"source": source, "tip_lps_mm": [0, 0, 0]}],
                    protocol=[{"mode": "power", "seconds": 1}],
                )
            )


def test_slowest_mode_of_a_box_decays_as_fourier_says() -> None:
    n, h = 24, 1.0
    grid = Grid.aligned((n, n, n), h, (0, 0, 0))
    material = Material("soft", 1050, 3600, 0.5)
    solver = HeatSolver(grid, Medium.uniform(material, (n, n, n)), Boundary(), 37.0)
    wave = np.sin(np.pi * (np.arange(n) + 0.5) / n)
    shape = wave[:, None, None] * wave[None, :, None] * wave[None, None, :]
    # One second of heating in the shape of the mode leaves that mode.
    solver.set_heating(material.heat_j_m3_k * 20.0 * shape)
    limit = solver.explicit_limit_s()
    solver.step(solver.plan_step(1.0, limit))
    solver.set_heating(None)
    start = float(solver.temperature_c.max()) - 37.0
    elapsed = 0.0
    while elapsed < 100.0 - 1e-9:
        plan = solver.plan_step(min(10.0, 100.0 - elapsed), limit)
        solver.step(plan)
        elapsed += plan.seconds
    rate = 3 * (np.pi / (n * h * 1e-3)) ** 2 * 0.5 / material.heat_j_m3_k
    ratio = (float(solver.temperature_c.max()) - 37.0) / start
    assert ratio == pytest.approx(np.exp(-rate * 100.0), rel=3e-3)


def test_layers_in_series_carry_one_flux() -> None:
    soft = {**SOFT, "conductivity_w_m_k": 0.5}
    hard = {**SOFT, "conductivity_w_m_k": 2.0}
    done = run(
        {
            "grid": {"spacing_mm": 0.5, "size_mm": [20, 2, 2], "centre_lps_mm": [10, 0, 0]},
            "medium": {
                "layers": [
                    {"until_mm": 8.0, "properties": soft},
                    {"until_mm": 99.0, "properties": hard},
                ]
            },
            "boundary": {
                "faces": {"x_min": {"kind": "fixed", "temperature_c": 80.0}, "x_max": FIXED_37}
            },
            "applicators": [],
            "protocol": [{"mode": "heat", "seconds": 20000}],
            "points_lps_mm": [[4, 0, 0], [14, 0, 0]],
        }
    )
    flux = 43.0 / (8 / 0.5 + 12 / 2.0)
    exact = [80 - flux * 4 / 0.5, 37 + flux * 6 / 2.0]
    np.testing.assert_allclose(final_c(done), exact, atol=0.05)
