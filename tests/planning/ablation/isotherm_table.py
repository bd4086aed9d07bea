"""Two bone cases by both solvers; as a program it prints the table of the decision note.

PYTHONPATH=. .venv/bin/python -m tests.planning.ablation.isotherm_table
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from imaging.geometry import FloatArray, Grid
from planning.ablation.solver.applicators import Applicator, Cryoprobe, CryoSurface, HeldShape
from planning.ablation.solver.embedding import Shape
from planning.ablation.solver.heat import Boundary
from planning.ablation.solver.materials import BODY_C, Material, Medium, tissue_material
from planning.ablation.solver.protocol import Mode, Phase
from planning.ablation.solver.simulation import Simulation, as_points, simulate
from tests.planning.ablation.second_solver import Rod, SecondSolver

RAY_MM = 0.1  # between the points along which an isotherm is looked for
OFF_AXIS_MM = (0.23, 0.11)  # of the rod from the middle of the grid, so that it lies on no cell
SHALLOW_MM = 1.5  # nearer to the surface of the rod a ray is not read
NO_LIMIT_W = 1e6


def tissue(name: str, perfusion_per_s: float | None = None) -> Material:
    """A tissue of the table without boiling or death."""
    found = tissue_material(name, linear=True)
    return found if perfusion_per_s is None else replace(found, perfusion_per_s=perfusion_per_s)


def _layers(*rows: tuple[float, str]) -> tuple[tuple[float, Material], ...]:
    return tuple((until, tissue(name)) for until, name in rows)


CRYOPROBE = Rod(
    layers=_layers(
        (6.0, "lytic_metastasis"),
        (20.0, "cancellous_bone"),
        (24.0, "cortical_bone"),
        (99.0, "muscle"),
    ),
    radius_mm=0.75,
    length_mm=30.0,
    surface_c=-120.0,
    coefficient_w_m2_k=5000.0,
    seconds=300.0,
)
HEATED_ROD = Rod(
    layers=((8.0, tissue("cancellous_bone", 2e-3)), (99.0, tissue("cortical_bone", 5e-4))),
    radius_mm=1.0,
    length_mm=20.0,
    surface_c=90.0,
    coefficient_w_m2_k=None,
    seconds=300.0,
    x_mm=(-22.0, 40.0),
)


@dataclass(frozen=True)
class Ray:
    """A line across the rod, or ahead of or behind it.

    Parameters
    ----------
    name : str
        Where it is.
    x_mm, r_mm : numpy.ndarray
        Its points, from the rod outward.
    """

    name: str
    x_mm: FloatArray
    r_mm: FloatArray


def rays(rod: Rod, places: dict[str, float]) -> list[Ray]:
    """Rays across the rod at places along it, ahead of its tip and behind its end."""
    out = np.arange(rod.radius_mm + SHALLOW_MM, 22.0, RAY_MM)
    ahead = np.arange(SHALLOW_MM, 18.0, RAY_MM)
    lines = [Ray(name, np.full(len(out), x), out) for name, x in places.items()]
    lines.append(Ray("ahead of the tip", -ahead, np.zeros(len(ahead))))
    lines.append(Ray("behind the end", rod.length_mm + ahead, np.zeros(len(ahead))))
    return lines


def crossing_mm(ray: Ray, temperature_c: FloatArray, level_c: float) -> float | None:
    """Distance along a ray from the rod's surface to an isotherm, None without one."""
    beyond = temperature_c - level_c
    change = np.flatnonzero(np.sign(beyond[:-1]) != np.sign(beyond[1:]))
    if len(change) == 0:
        return None
    n = int(change[-1])
    return SHALLOW_MM + RAY_MM * (n + float(beyond[n] / (beyond[n] - beyond[n + 1])))


def ours(rod: Rod, spacing_mm: float, lines: list[Ray]) -> list[FloatArray]:
    """Temperatures along the rays by our solver on cubic cells."""
    size = np.array([rod.x_mm[1] - rod.x_mm[0], 2 * rod.reach_mm, 2 * rod.reach_mm])
    i, j, k = (int(n) for n in np.round(size / spacing_mm))
    first = np.array([rod.x_mm[0], -rod.reach_mm, -rod.reach_mm]) + spacing_mm / 2
    grid = Grid.aligned((k, j, i), spacing_mm, first)
    ends = np.array([until for until, _ in rod.layers[:-1]])
    x = first[0] + spacing_mm * np.arange(i)
    index = np.broadcast_to(np.searchsorted(ends, x).astype(np.uint8), grid.size_kji).copy()
    y, z = OFF_AXIS_MM
    shape = Shape((0.0, y, z), (1.0, 0.0, 0.0), rod.radius_mm, rod.length_mm)
    applicator: Applicator
    if rod.coefficient_w_m2_k is None:
        applicator = HeldShape(grid, shape, rod.surface_c)
    else:
        surface = CryoSurface(rod.surface_c, 0.0, rod.coefficient_w_m2_k, NO_LIMIT_W, 40.0)
        applicator = Cryoprobe(grid, shape, surface)
    mode = Mode.FREEZE if rod.surface_c < BODY_C else Mode.HEAT
    points = [np.stack([ray.x_mm, y + 0.6 * ray.r_mm, z + 0.8 * ray.r_mm], axis=1) for ray in lines]
    done = simulate(
        Simulation(
            grid=grid,
            medium=Medium(tuple(m for _, m in rod.layers), index),
            boundary=Boundary(),
            initial_c=BODY_C,
            applicators=(applicator,),
            protocol=(Phase(mode=mode, seconds=rod.seconds),),
            points_lps_mm=as_points(np.concatenate(points).tolist()),
        )
    )
    parts = np.cumsum([len(p) for p in points])[:-1]
    return np.split(done.points_c[-1], parts)


def second(rod: Rod, lines: list[Ray], finest_mm: float = 0.3) -> list[FloatArray]:
    """Temperatures along the rays by the second solver."""
    solver = SecondSolver(rod, finest_mm)
    return [solver.at(ray.x_mm, ray.r_mm) for ray in lines]


CRYO_PLACES = {
    "lytic, 3 mm": 3.0,
    "lytic-cancellous": 6.0,
    "cancellous, 13 mm": 13.0,
    "cancellous-cortical": 20.0,
    "cortical, 22 mm": 22.0,
    "cortical-muscle": 24.0,
    "muscle, 27 mm": 27.0,
}
HEAT_PLACES = {"cancellous, 4 mm": 4.0, "cancellous-cortical": 8.0, "cortical, 14 mm": 14.0}
CASES = {
    "cryoprobe": (CRYOPROBE, CRYO_PLACES, (0.0, -20.0, -40.0)),
    "heated rod": (HEATED_ROD, HEAT_PLACES, (50.0, 60.0)),
}


def compared(
    case: str, spacings_mm: tuple[float, ...], say: Callable[[str], None] = lambda _: None
) -> list[tuple[str, float, list[float | None]]]:
    """Rows of ray, level, and distances: of the second solver, then of ours on each spacing."""
    rod, places, levels = CASES[case]
    lines = rays(rod, places)
    works: dict[str, Callable[[], list[FloatArray]]] = {"second solver": lambda: second(rod, lines)}
    for spacing_mm in spacings_mm:
        works[f"ours {spacing_mm} mm"] = partial(ours, rod, spacing_mm, lines)
    found = []
    for name, work in works.items():
        begun_s = time.perf_counter()
        found.append(work())
        say(f"{case}: {name} {time.perf_counter() - begun_s:.1f} s")
    return [
        (ray.name, level, [crossing_mm(ray, field[n], level) for field in found])
        for n, ray in enumerate(lines)
        for level in levels
    ]


def main() -> None:
    """Print the tables."""
    spacings = (1.0, 0.5)
    for case in CASES:
        rows = compared(case, spacings, print)
        print("| where | °C | second solver | ours 1 mm | ours 0.5 mm |\n|---|---|---|---|---|")
        for name, level, distances in rows:
            told = " | ".join("–" if d is None else f"{d:.2f}" for d in distances)
            print(f"| {name} | {level:g} | {told} |")


if __name__ == "__main__":
    main()
