"""A second solver of another kind: finite elements of scikit-fem, implicit in time.

Round about the applicator's axis, so that a fine mesh is cheap: layers lie across the axis. It
shares no code with ours but the tables: own enthalpy, own conductivity, a mesh that fits the
surface of the applicator, and backward Euler with Newton's iteration instead of super steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import diags
from scipy.sparse.linalg import splu
from skfem import Basis, BilinearForm, ElementQuad1, FacetBasis, LinearForm, MeshQuad, asm

from imaging.geometry import FloatArray
from planning.ablation.solver.materials import Material

NodeArray: TypeAlias = NDArray[np.intp]
BLOOD_J_M3_K = 1050.0 * 3617.0
BODY_C = 37.0
MM = 1e-3
CLOSE_K = 0.01  # change of a Newton iteration that ends it
MOST_ITERATIONS = 60
UNDAMPED = 8  # iterations after which a step back and forth over a kink is halved


@dataclass(frozen=True)
class Rod:
    """A cylinder along x, from its tip at 0 to its end, in layers across x.

    Parameters
    ----------
    layers : tuple of (float, Material)
        Each up to a place on x (mm).
    radius_mm, length_mm, surface_c : float
        Of the cylinder.
    coefficient_w_m2_k : float or None
        Between its inside and the tissue; None is a perfect contact.
    seconds : float
        Simulated from 37 °C.
    x_mm : tuple of float
        Ends of the box, at 37 °C.
    reach_mm : float
        Radius of the box, at 37 °C.
    """

    layers: tuple[tuple[float, Material], ...]
    radius_mm: float
    length_mm: float
    surface_c: float
    coefficient_w_m2_k: float | None
    seconds: float
    x_mm: tuple[float, float] = (-22.0, 50.0)
    reach_mm: float = 28.0


class SecondSolver:
    """The temperature around a rod at the end.

    Parameters
    ----------
    rod : Rod
        What is simulated.
    finest_mm : float
        Edge of the elements at the rod and at the layers.
    longest_s : float
        Longest step.
    """

    def __init__(self, rod: Rod, finest_mm: float = 0.3, longest_s: float = 4.0) -> None:
        self.rod = rod
        x = _lines(
            [rod.x_mm[0], 0.0, *(u for u, _ in rod.layers[:-1]), rod.length_mm, rod.x_mm[1]],
            finest_mm,
        )
        inner = np.linspace(0.0, rod.radius_mm, 4)[:-1]
        r = np.concatenate([inner, _graded(rod.radius_mm, rod.reach_mm, finest_mm)])
        mesh = MeshQuad.init_tensor(x * MM, r * MM)
        middle = mesh.p[:, mesh.t].mean(axis=1) / MM
        inside = (middle[0] > 0) & (middle[0] < rod.length_mm) & (middle[1] < rod.radius_mm)
        mesh = mesh.remove_elements(np.flatnonzero(inside))
        middle = mesh.p[:, mesh.t].mean(axis=1) / MM
        ends = np.array([until for until, _ in rod.layers[:-1]])
        self._layer = np.searchsorted(ends, middle[0])
        self._materials = [material for _, material in rod.layers]
        self.basis = Basis(mesh, ElementQuad1())
        self._weights = [
            asm(_volume, Basis(mesh, ElementQuad1(), elements=np.flatnonzero(self._layer == n)))
            if (self._layer == n).any()
            else np.zeros(self.basis.N)
            for n in range(len(self._materials))
        ]
        self._outer = self._outside(mesh)
        self._contact(mesh)
        self.temperature_c = np.full(self.basis.N, BODY_C)
        self._run(longest_s)

    def _outside(self, mesh: Any) -> NodeArray:
        x, r = mesh.p / MM
        edge = 1e-6
        out = (x < self.rod.x_mm[0] + edge) | (x > self.rod.x_mm[1] - edge)
        result: NodeArray = np.flatnonzero(out | (r > self.rod.reach_mm - edge))
        return result

    def _contact(self, mesh: Any) -> None:
        """Find the surface of the rod: held nodes, or a film with a coefficient."""
        rod, edge = self.rod, 1e-6

        def on_rod(at: FloatArray) -> Any:
            x, r = at / MM
            side = (abs(r - rod.radius_mm) < edge) & (x > -edge) & (x < rod.length_mm + edge)
            tips = ((abs(x) < edge) | (abs(x - rod.length_mm) < edge)) & (r < rod.radius_mm + edge)
            return side | tips

        facets = mesh.facets_satisfying(on_rod, boundaries_only=True)
        film = FacetBasis(mesh, ElementQuad1(), facets=facets)
        self._held = np.zeros(0, dtype=int)
        self._film, self._film_load = None, np.zeros(self.basis.N)
        if rod.coefficient_w_m2_k is None:
            self._held = np.unique(mesh.facets[:, facets])
        else:
            self._film = rod.coefficient_w_m2_k * asm(_area, film)
            self._film_load = rod.coefficient_w_m2_k * rod.surface_c * asm(_volume, film)

    def _run(self, longest_s: float) -> None:
        time_s, step_s = 0.0, 0.02
        while time_s < self.rod.seconds * (1 - 1e-9):
            step_s = min(step_s, self.rod.seconds - time_s)
            self._step(step_s)
            time_s += step_s
            step_s = min(1.25 * step_s, longest_s)

    def _step(self, step_s: float) -> None:
        """Backward Euler on lumped enthalpies; conductivity follows the iteration."""
        start = [_enthalpy(m, self.temperature_c) for m in self._materials]
        t = self.temperature_c.copy()
        t[self._held], t[self._outer] = self.rod.surface_c, BODY_C
        free = np.setdiff1d(np.arange(self.basis.N), np.union1d(self._held, self._outer))
        for iteration in range(MOST_ITERATIONS):
            stiff = asm(_conduction, self.basis, k=self._conductivity(t))
            if self._film is not None:
                stiff = stiff + self._film
            residual = stiff @ t - self._film_load
            slope = np.zeros(self.basis.N)
            for weight, material, before in zip(self._weights, self._materials, start, strict=True):
                residual += weight * (_enthalpy(material, t) - before) / step_s
                slope += weight * _capacity(material, t) / step_s
                # By the state before the step: a switch inside the iteration would never settle.
                flows = _is_thawed(material, self.temperature_c)
                blood = weight * material.perfusion_per_s * BLOOD_J_M3_K * flows
                residual += blood * (t - BODY_C) - weight * material.metabolic_w_m3
                slope += blood
            matrix = (stiff + diags(slope)).tocsc()[free][:, free]
            change = splu(matrix, permc_spec="MMD_AT_PLUS_A").solve(-residual[free])
            t[free] += change if iteration < UNDAMPED else 0.5 * change
            if np.abs(change).max() < CLOSE_K:
                break
        else:
            message = "the second solver did not converge"
            raise ArithmeticError(message)
        self.temperature_c = t

    def _conductivity(self, t: FloatArray) -> FloatArray:
        at = np.asarray(self.basis.interpolate(t))
        k = np.zeros(at.shape)
        for n, material in enumerate(self._materials):
            own = self._layer == n
            k[own] = _conductivity(material, at[own])
        return k

    def at(self, x_mm: FloatArray, r_mm: FloatArray) -> FloatArray:
        """Return the temperature at places outside the rod, shape (n,)."""
        result: FloatArray = self.basis.probes(np.stack([x_mm, r_mm]) * MM) @ self.temperature_c
        return result


@BilinearForm
def _conduction(u: Any, v: Any, w: Any) -> Any:
    return w.k * (u.grad[0] * v.grad[0] + u.grad[1] * v.grad[1]) * w.x[1]


@BilinearForm
def _area(u: Any, v: Any, w: Any) -> Any:
    return u * v * w.x[1]


@LinearForm
def _volume(v: Any, w: Any) -> Any:
    return v * w.x[1]


def _frozen_share(material: Material, t: FloatArray) -> FloatArray:
    if material.freezing_from_c is None or material.freezing_to_c is None:
        return np.zeros_like(t)
    span = material.freezing_from_c - material.freezing_to_c
    share: FloatArray = np.clip((material.freezing_from_c - t) / span, 0.0, 1.0)
    return share


def _is_thawed(material: Material, t: FloatArray) -> FloatArray:
    """Frozen and freezing tissue has no perfusion."""
    return (_frozen_share(material, t) <= 0.0).astype(float)


def _conductivity(material: Material, t: FloatArray) -> FloatArray:
    share = _frozen_share(material, t)
    frozen = material.frozen_conductivity_w_m_k or material.conductivity_w_m_k
    return material.conductivity_w_m_k * (1.0 - share) + frozen * share


def _range(material: Material) -> tuple[float, float, float, float]:
    """Return the ends of freezing, and the heat capacities frozen and in the range, J/m³/K."""
    upper, lower = material.freezing_from_c, material.freezing_to_c
    frozen = material.density_kg_m3 * (
        material.frozen_specific_heat_j_kg_k or material.specific_heat_j_kg_k
    )
    if upper is None or lower is None:
        return -1e4, -1e4 - 1.0, frozen, frozen
    between = material.latent_heat_j_m3 / (upper - lower) + 0.5 * (material.heat_j_m3_k + frozen)
    return upper, lower, frozen, between


def _capacity(material: Material, t: FloatArray) -> FloatArray:
    upper, lower, frozen, between = _range(material)
    return np.where(t >= upper, material.heat_j_m3_k, np.where(t >= lower, between, frozen))


def _enthalpy(material: Material, t: FloatArray) -> FloatArray:
    upper, lower, frozen, between = _range(material)
    thawed = material.heat_j_m3_k * (np.maximum(t, upper) - upper)
    return (
        thawed
        + between * (np.clip(t, lower, upper) - upper)
        + frozen * (np.minimum(t, lower) - lower)
    )


def _graded(start: float, end: float, finest: float, growth: float = 1.05) -> FloatArray:
    """Return places from start to end whose distances grow."""
    count = int(np.ceil(np.log(1 + (end - start) * (growth - 1) / finest) / np.log(growth)))
    steps = growth ** np.arange(count)
    places: FloatArray = start + (end - start) * np.concatenate([[0.0], np.cumsum(steps)]) / (
        steps.sum()
    )
    return places


def _lines(breaks: list[float], finest: float) -> FloatArray:
    """Return places through all breaks, fine at each of them but the outermost."""
    breaks = sorted(breaks)
    places = [np.array([breaks[0]])]
    for n, (low, high) in enumerate(pairwise(breaks)):
        if n == 0:
            part = low + high - _graded(low, high, finest)[::-1]
        elif n == len(breaks) - 2:
            part = _graded(low, high, finest)
        else:
            middle = 0.5 * (low + high)
            up = _graded(low, middle, finest)
            part = np.concatenate([up, (low + high - up[::-1])[1:]])
        places.append(part[1:])
    return np.concatenate(places)
