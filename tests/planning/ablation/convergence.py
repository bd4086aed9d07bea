"""How the error falls with the size of the cells: ``python -m`` prints the table for the docs.

Problems whose solution is exact: a plane freezing front (Neumann), a steady sphere and a steady
cylinder in perfused tissue, and a sphere switched on. Then, where nothing is exact, devices on
finer and finer grids, driven so that no tissue dries (where it does, the generator follows).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.special import erf, erfc, k0

from planning.ablation.devices import devices
from tests.planning.ablation.scenarios import FIXED_37, FREEZING, SOFT, cube, final_c, run

SPACINGS_MM = (2.0, 1.0, 0.5, 0.25)
FRONT_MM = 23.75226  # λ = 0.471319 for a wall of -120 °C after 600 s


def plane_front_mm(spacing_mm: float) -> float:
    """Return the error of the freezing front's place, mm."""
    scenario = {
        "grid": {
            "spacing_mm": spacing_mm,
            "size_mm": [90, 4 * spacing_mm, 4 * spacing_mm],
            "centre_lps_mm": [45, 0, 0],
        },
        "medium": {"properties": {**FREEZING, "latent_heat_j_m3": 250e3 * 1050.0}},
        "boundary": {
            "faces": {"x_min": {"kind": "fixed", "temperature_c": -120.0}, "x_max": FIXED_37}
        },
        "applicators": [],
        "protocol": [{"mode": "freeze", "seconds": 600.0}],
        "isotherms_c": [-20.0],
    }
    depth = run(scenario).answer.isotherms[0].volume_ml * 1000.0 / (4 * spacing_mm) ** 2
    root, share = 0.471319, (-20.0 + 120.0) / (-1.0 + 120.0)
    exact = FRONT_MM / root * float(brentq(lambda x: erf(x) / erf(root) - share, 0.0, 3.0))
    return abs(depth - exact)


def _sphere(spacing_mm: float, seconds: float, perfusion: float) -> float:
    done = run(
        {
            "grid": cube(40, spacing_mm),
            "medium": {"properties": {**SOFT, "perfusion_per_s": perfusion}},
            "boundary": FIXED_37,
            "applicators": [
                {
                    "source": {"kind": "sphere", "radius_mm": 5.0, "temperature_c": 90.0},
                    "tip_lps_mm": [0.13, -0.21, 0.08],
                }
            ],
            "protocol": [{"mode": "heat", "seconds": seconds}],
            "points_lps_mm": [[8.13, -0.21, 0.08]],
        }
    )
    return float(final_c(done)[0])


def steady_sphere_k(spacing_mm: float) -> float:
    """Return the error 3 mm beyond a sphere of 90 °C in perfused tissue, K."""
    delta_mm = 1000.0 * math.sqrt(0.5 / (6.4e-3 * 1050 * 3617))
    exact = 37.0 + 53.0 * 5.0 / 8.0 * math.exp(-3.0 / delta_mm)
    return abs(_sphere(spacing_mm, 1200.0, 6.4e-3) - exact)


def switched_sphere_k(spacing_mm: float) -> float:
    """Return the error 3 mm beyond a sphere 60 s after it was switched on, K."""
    diffusion_mm2_s = 0.5 / (1050.0 * 3600.0) * 1e6
    exact = 37.0 + 53.0 * 5.0 / 8.0 * float(erfc(3.0 / (2.0 * math.sqrt(diffusion_mm2_s * 60.0))))
    return abs(_sphere(spacing_mm, 60.0, 0.0) - exact)


def steady_cylinder_k(spacing_mm: float) -> float:
    """Return the error 3 mm beyond a long cylinder of 90 °C in perfused tissue, K."""
    delta_mm = 1000.0 * math.sqrt(0.5 / (6.4e-3 * 1050 * 3617))
    exact = 37.0 + 53.0 * float(k0(5.0 / delta_mm) / k0(2.0 / delta_mm))
    source = {"kind": "cylinder", "radius_mm": 2.0, "length_mm": 8.0, "temperature_c": 90.0}
    done = run(
        {
            "grid": {"spacing_mm": spacing_mm, "size_mm": [44, 44, 8], "centre_lps_mm": [0, 0, 0]},
            "medium": {"properties": {**SOFT, "perfusion_per_s": 6.4e-3}},
            "boundary": {
                "faces": {
                    **dict.fromkeys(("x_min", "x_max", "y_min", "y_max"), FIXED_37),
                    "z_min": {"kind": "insulated"},
                    "z_max": {"kind": "insulated"},
                }
            },
            "applicators": [{"source": source, "tip_lps_mm": [0.13, -0.21, -4.0]}],
            "protocol": [{"mode": "heat", "seconds": 1200.0}],
            "points_lps_mm": [[5.13, -0.21, 0.0]],
        }
    )
    return abs(float(final_c(done)[0]) - exact)


DEVICES = {  # and the power at which they heat, W
    "icerod_17g": 0.0,
    "rf_monopolar_17g_10": 4.0,
    "cooltip_17g_20": 12.0,
    "osteocool_17g_20": 6.0,
    "microwave_17g_2450": 20.0,
}
DEVICE_S = 120.0


def device_isotherms_mm(device_id: str, spacing_mm: float) -> list[float]:
    """Return width and length of two isotherms after two minutes in muscle, aslant in the grid."""
    device = devices()[device_id]
    cold = device.technique == "cryoablation"
    phase = {"mode": "freeze"} if cold else {"mode": "power", "power_w": DEVICES[device_id]}
    axis = np.array([0.3, 0.2, 1.0]) / np.linalg.norm([0.3, 0.2, 1.0])
    tip = np.array([0.13, -0.21, 0.08]) - 0.5 * device.insertion_mm * axis
    answer = run(
        {
            "grid": cube(48, spacing_mm),
            "medium": {"tissue": "muscle"},
            "boundary": FIXED_37,
            "applicators": [
                {"device": device_id, "tip_lps_mm": tip.tolist(), "axis_lps": axis.tolist()}
            ],
            "protocol": [{**phase, "seconds": DEVICE_S}],
            "isotherms_c": [0.0, -20.0] if cold else [45.0, 50.0],
        }
    ).answer
    return [x or 0.0 for row in answer.isotherms for x in (row.width_mm, row.length_mm)]


def device_table() -> None:
    """Print widths and lengths of isotherms on finer and finer grids."""
    print(
        "| device, two minutes in muscle | isotherms | "
        + " | ".join(f"{h:g} mm" for h in SPACINGS_MM)
        + " |"
    )
    print("| --- | --- |" + " --- |" * len(SPACINGS_MM))
    for device_id in DEVICES:
        cold = devices()[device_id].technique == "cryoablation"
        found = [device_isotherms_mm(device_id, h) for h in SPACINGS_MM]
        for n, level in enumerate((0, -20) if cold else (45, 50)):
            told = " | ".join(f"{one[2 * n]:.2f} × {one[2 * n + 1]:.2f}" for one in found)
            print(f"| {device_id} | {level} °C | {told} |", flush=True)


def main() -> None:
    """Print the table as Markdown, with the order between the coarsest and the finest grid."""
    problems: dict[str, Callable[[float], float]] = {
        "plane front, -20 °C, mm": plane_front_mm,
        "steady sphere at 3 mm, K": steady_sphere_k,
        "steady cylinder at 3 mm, K": steady_cylinder_k,
        "sphere after 60 s at 3 mm, K": switched_sphere_k,
    }
    print("| problem | " + " | ".join(f"{h:g} mm" for h in SPACINGS_MM) + " | order |")
    print("| --- |" + " --- |" * (len(SPACINGS_MM) + 1))
    for name, error in problems.items():
        found = [error(h) for h in SPACINGS_MM]
        order = np.polyfit(np.log(SPACINGS_MM), np.log(np.maximum(found, 1e-9)), 1)[0]
        print(
            f"| {name} | " + " | ".join(f"{e:.3f}" for e in found) + f" | {order:.1f} |", flush=True
        )


if __name__ == "__main__":
    main()
    device_table()
