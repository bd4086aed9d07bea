"""Radiofrequency: electrodes on one generator, and how it is controlled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imaging.geometry import FloatArray, Grid, unit
from planning.ablation.solver.applicators import LONGEST_STEP_S, Applicator
from planning.ablation.solver.conductivity import change_of_sigma, fill_factors
from planning.ablation.solver.electric import ElectricField, Electrode
from planning.ablation.solver.embedding import Embedding, Shape, embed
from planning.ablation.solver.heat import Boundary, HeatSolver, HeldSurface
from planning.ablation.solver.interpolation import PointSampler
from planning.ablation.solver.materials import Float32Array, Medium
from planning.ablation.solver.protocol import OFF, Mode, Phase

# The potential is solved anew when σ changed by the first share, weighted by the heat it makes, or
# by the second in any cell that takes a good part of the heat.
SIGMA_CHANGE = 0.04
SIGMA_CHANGE_HOT = 0.5
HOT_SHARE = 0.05
STEP_S = 2.0  # longest step: controls act about once a second
TEMPERATURE_STEP_S = 1.0  # of temperature control, which a longer step would make swing
IMPEDANCE_RISE_OHM = 20.0  # roll-off [A]
PAUSE_W, PAUSE_S = 10.0, 15.0  # power and length of a pause [A]
RAMP_S, RAMP_FROM = 60.0, 0.25  # full power after a minute, from a quarter [BG]
AFTER_PAUSE = 0.9  # power resumed after a pause, of that before [BG]
CONTROL_BAND_K = 40.0  # proportional band of temperature control [BG]
CONTROL_RESET_S = 15.0  # integral time of temperature control [BG]
SENSOR_MM = 1.5  # from the electrode's surface to where temperature control looks [BG]
SENSOR_RING, SENSOR_EVERY_MM = 8, 2.0  # places around, and between rings
DEFAULT_MOST_W = 200.0  # of a generator without limits in temperature control


@dataclass(frozen=True)
class Limits:
    """What the generator can give; None without limit.

    Parameters
    ----------
    power_w, current_a, voltage_v : float or None
        Greatest values.
    target_c : float or None
        Default of temperature control.
    """

    power_w: float | None = None
    current_a: float | None = None
    voltage_v: float | None = None
    target_c: float | None = None


@dataclass(frozen=True)
class Pole:
    """One conductor of an applicator.

    Parameters
    ----------
    shape : Shape
        Where it is.
    level : float
        Potential in units of the generator's voltage, or volts where ``own_voltage``.
    coolant_c : float or None
        Of an internally cooled electrode.
    coefficient_w_m2_k : float
        Between coolant and tissue.
    """

    shape: Shape
    level: float
    coolant_c: float | None = None
    coefficient_w_m2_k: float = 0.0


class Generator(Applicator):
    """All electrodes of a simulation, on one generator.

    Parameters
    ----------
    grid : Grid
        Of the simulation.
    medium : Medium
        Gives σ.
    poles : sequence of Pole
        At least one; their levels are volts when ``phase.voltage_v`` and limits give none.
    grounded : bool
        True with a far pad: the faces of the box are at zero volts.
    limits : Limits
        Of the generator.
    """

    modes = frozenset(
        {
            Mode.VOLTAGE,
            Mode.POWER,
            Mode.CURRENT,
            Mode.HEAT,
            Mode.IMPEDANCE,
            Mode.PASSIVE_THAW,
            Mode.REST,
        }
    )

    def __init__(
        self,
        grid: Grid,
        medium: Medium,
        poles: Sequence[Pole],
        *,
        grounded: bool,
        limits: Limits,
    ) -> None:
        super().__init__(grid, poles[0].shape)
        self._medium, self._poles, self._limits = medium, poles, limits
        self._embeddings = [embed(grid, pole.shape) for pole in poles]
        electrodes = [
            Electrode(e, pole.level) for e, pole in zip(self._embeddings, poles, strict=True)
        ]
        levels = [pole.level for pole in poles]
        # The voltage of the generator: between the poles, or from a pole to the pad.
        self._spread = max(levels) - min(0.0, *levels) if len(levels) > 1 else abs(levels[0])
        self._field = ElectricField(grid, electrodes, grounded=grounded)
        self._sigma = medium.values("electrical_conductivity_s_m").astype(np.float32)
        self._tissue = np.array([m.is_tissue for m in medium.materials])
        self._fresh, self._solved = (np.zeros(grid.size_kji, np.float32) for _ in range(2))
        self._unit_power_w = 0.0
        self._unit_heat: Float32Array | None = None
        places = np.concatenate([_sensor_places(pole.shape) for pole in poles])
        kji = grid.to_kji(places)
        inside = ((kji >= 0) & (kji <= np.array(grid.size_kji) - 1)).all(axis=1)
        self._sensors = PointSampler(grid, Boundary((None,) * 6), places[inside])
        self.resistance_ohm: float | None = None
        self.power_w: float | None = None

    def begin(self, phase: Phase) -> None:
        """Enter a phase: controls start anew."""
        super().begin(phase)
        self._lowest_ohm = np.inf
        self._pause_left_s = 0.0
        self._ramp_s = 0.0
        self._ceiling = 1.0
        self._integral_w = 0.0

    def surfaces(self) -> list[HeldSurface]:
        """Return the cooled electrodes; the pump runs while power is on."""
        if self.phase.mode in OFF:
            return []
        return [
            HeldSurface(
                e,
                np.full(len(e.held), pole.coolant_c),
                np.full(len(e.cells), pole.coolant_c),
                1.0 / pole.coefficient_w_m2_k,
            )
            for e, pole in zip(self._embeddings, self._poles, strict=True)
            if pole.coolant_c is not None
        ]

    def near_fields(self) -> list[Embedding]:
        """Return the near field of every electrode."""
        return [] if self.phase.mode in OFF else list(self._embeddings)

    def longest_step_s(self) -> float:
        """Return the pace of the controls; a linear medium at fixed voltage needs none."""
        steady = self.phase.mode in {Mode.VOLTAGE, Mode.POWER, Mode.CURRENT}
        if self.phase.mode in OFF or (steady and not self._medium.has_tissue):
            return LONGEST_STEP_S
        return TEMPERATURE_STEP_S if self.phase.mode is Mode.HEAT else STEP_S

    def heating(self, solver: HeatSolver, time_s: float, seconds: float) -> Float32Array | None:
        """Return Joule's heat at the level that the control asks for."""
        if self.phase.mode in OFF:
            return None
        self._solve(solver)
        resistance = self._spread**2 / self._unit_power_w
        wanted_w = self._wanted(solver, resistance, seconds)
        power = self._limited(wanted_w, resistance)
        self.resistance_ohm, self.power_w = resistance, power
        heat = self._unit_heat
        return None if heat is None else heat * np.float32(power / self._unit_power_w)

    def _solve(self, solver: HeatSolver) -> None:
        factor = self._fresh
        fill_factors(solver.temperature_c, self._medium.index, self._sigma, self._tissue, factor)
        if self._unit_heat is not None:
            mean, hot = change_of_sigma(factor, self._solved, self._unit_heat, HOT_SHARE)
            if mean < SIGMA_CHANGE and hot < SIGMA_CHANGE_HOT:
                return
        self._fresh, self._solved = self._solved, factor
        self._unit_power_w, self._unit_heat = self._field.solve(factor)

    def _wanted(self, solver: HeatSolver, resistance: float, seconds: float) -> float:
        phase = self.phase
        if phase.mode is Mode.VOLTAGE:
            voltage = self._spread if phase.voltage_v is None else phase.voltage_v
            return voltage**2 / resistance
        if phase.mode is Mode.CURRENT:
            current = self._limits.current_a if phase.current_a is None else phase.current_a
            return (current or 0.0) ** 2 * resistance
        limit = DEFAULT_MOST_W if self._limits.power_w is None else self._limits.power_w
        set_w = limit if phase.power_w is None else phase.power_w
        if phase.mode is Mode.POWER:
            return set_w
        if phase.mode is Mode.HEAT:
            return self._by_temperature(solver, set_w, seconds)
        return self._by_impedance(resistance, set_w, seconds)

    def _by_temperature(self, solver: HeatSolver, most_w: float, seconds: float) -> float:
        """Proportional and integral control of the hottest tissue beside the electrode."""
        own = self.phase.temperature_c
        target = self._limits.target_c if own is None else own
        hottest = float(self._sensors.values(solver.temperature_c).max())
        gap = (target if target is not None else 90.0) - hottest
        gain = most_w / CONTROL_BAND_K
        if abs(gap) < CONTROL_BAND_K:  # further off it would only wind up
            integral = self._integral_w + gain * gap * seconds / CONTROL_RESET_S
            self._integral_w = min(max(integral, 0.0), most_w)
        return min(max(gain * gap + self._integral_w, 0.0), most_w)

    def _by_impedance(self, resistance: float, set_w: float, seconds: float) -> float:
        """Ramp up; on a rise of 20 Ω drop to 10 W for 15 s, then go on with a little less."""
        if self._pause_left_s > 0:
            self._pause_left_s -= seconds
            if self._pause_left_s > 0:
                return min(PAUSE_W, set_w)
            self._lowest_ohm = resistance
        self._ramp_s += seconds
        self._lowest_ohm = min(self._lowest_ohm, resistance)
        if resistance > self._lowest_ohm + IMPEDANCE_RISE_OHM:
            self._pause_left_s = PAUSE_S
            self._ceiling *= AFTER_PAUSE
            return min(PAUSE_W, set_w)
        ramp = RAMP_FROM + (1.0 - RAMP_FROM) * min(self._ramp_s / RAMP_S, 1.0)
        return set_w * ramp * self._ceiling

    def _limited(self, wanted_w: float, resistance: float) -> float:
        limits = self._limits
        power = max(wanted_w, 0.0)
        if limits.power_w is not None:
            power = min(power, limits.power_w)
        if limits.voltage_v is not None:
            power = min(power, limits.voltage_v**2 / resistance)
        if limits.current_a is not None:
            power = min(power, limits.current_a**2 * resistance)
        return power


def _sensor_places(shape: Shape) -> FloatArray:
    """Return where temperature control looks: rings along the electrode, shape (n, 3), LPS mm.

    They lie a fixed way out, so that what is asked of the generator does not depend on the grid.
    """
    axis = unit(shape.axis_lps) if not shape.is_sphere else np.array([0.0, 0.0, 1.0])
    side = unit(np.cross(axis, np.eye(3)[int(np.argmin(np.abs(axis)))]))
    angles = np.arange(SENSOR_RING) * 2.0 * np.pi / SENSOR_RING
    ring = np.cos(angles)[:, None] * side + np.sin(angles)[:, None] * np.cross(axis, side)
    count = max(1, int(shape.length_mm // SENSOR_EVERY_MM) + 1)
    along = np.linspace(0.0, shape.length_mm, count)[:, None, None] * axis
    places = np.asarray(shape.tip_lps_mm) + along + (shape.radius_mm + SENSOR_MM) * ring
    result: FloatArray = places.reshape(-1, 3)
    return result
