"""What heat and cold leave behind: Arrhenius, CEM43, a three-state model of cell death, extremes.

Source of the constants: Mertyna 2009 (Arrhenius), van Rhoon 2013 (CEM43), O'Neill 2011 and Go-Smart
(three states), as the project's physics notes cite them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import FloatArray
from imaging.kernels import kernel, parallel_kernel, prange
from planning.ablation.solver.materials import Float32Array

ARRHENIUS_PER_S = 7.39e39  # frequency factor A, Mertyna 2009
ARRHENIUS_J_MOL = 2.577e5  # activation energy Ea, Mertyna 2009
GAS_J_MOL_K = 8.314462618  # CODATA 2018
KELVIN = 273.15
CEM43_LETHAL_MIN = 240.0
CEM43_BREAK_C = 43.0
R_ABOVE, R_BELOW = 0.5, 0.25  # per °C above and below 43 °C
OMEGA_LETHAL = 1.0
DEATH_FORWARD_PER_S = 3.33e-3  # k_f at 0 °C
DEATH_BACKWARD_PER_S = 7.77e-3  # k_b
DEATH_SCALE_C = 40.5  # T_k
DEAD_FRACTION = 0.8
MOST_OMEGA = 1e30  # Ω beyond it is as dead as can be; keeps float32 finite
LOG_A = math.log(ARRHENIUS_PER_S)
WATCHED_C = 38.0  # colder tissue takes no heat damage worth counting


@kernel
def log_mean(first: float, second: float) -> float:
    """Return the mean of exp over a straight line from ``first`` to ``second``."""
    gap = second - first
    if abs(gap) < 1e-6:
        return math.exp(0.5 * (first + second))
    return (math.exp(second) - math.exp(first)) / gap


@kernel
def arrhenius_step(before_c: float, after_c: float, seconds: float) -> float:
    """Return Ω gained while the temperature runs straight from ``before_c`` to ``after_c``.

    The exponent −Ea/RT is taken as straight too, which over a step of a few degrees it is.
    """
    first = LOG_A - ARRHENIUS_J_MOL / (GAS_J_MOL_K * (before_c + KELVIN))
    second = LOG_A - ARRHENIUS_J_MOL / (GAS_J_MOL_K * (after_c + KELVIN))
    return seconds * log_mean(min(first, 60.0), min(second, 60.0))


@kernel
def _cem43_piece(low_c: float, high_c: float, base: float) -> float:
    """Mean of R^(43 − T) for T running straight between two temperatures on one side of 43."""
    factor = -math.log(base)
    return log_mean(factor * (low_c - CEM43_BREAK_C), factor * (high_c - CEM43_BREAK_C))


@kernel
def cem43_step(before_c: float, after_c: float, seconds: float) -> float:
    """Return CEM43 minutes gained while the temperature runs straight; exact for that line."""
    low, high = min(before_c, after_c), max(before_c, after_c)
    high = min(high, 200.0)
    if high - low < 1e-9:
        rate = _cem43_piece(low, high, R_ABOVE if low >= CEM43_BREAK_C else R_BELOW)
        return seconds / 60.0 * rate
    whole = high - low
    total = 0.0
    if low < CEM43_BREAK_C:
        end = min(high, CEM43_BREAK_C)
        total += (end - low) * _cem43_piece(low, end, R_BELOW)
    if high > CEM43_BREAK_C:
        start = max(low, CEM43_BREAK_C)
        total += (high - start) * _cem43_piece(start, high, R_ABOVE)
    return seconds / 60.0 * total / whole


@parallel_kernel
def _advance(
    before: Float32Array,
    after: Float32Array,
    seconds: float,
    omega: Float32Array,
    cem43: Float32Array,
    alive: Float32Array,
    dead: Float32Array,
    hottest: Float32Array,
    coldest: Float32Array,
) -> None:
    nk, nj, ni = before.shape
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                t0, t1 = float(before[k, j, i]), float(after[k, j, i])
                hottest[k, j, i] = max(hottest[k, j, i], after[k, j, i])
                coldest[k, j, i] = min(coldest[k, j, i], after[k, j, i])
                if max(t0, t1) < WATCHED_C:
                    continue
                gained = omega[k, j, i] + arrhenius_step(t0, t1, seconds)
                omega[k, j, i] = min(gained, MOST_OMEGA)
                minutes = cem43[k, j, i] + cem43_step(t0, t1, seconds)
                cem43[k, j, i] = min(minutes, MOST_OMEGA)
                a, d = float(alive[k, j, i]), float(dead[k, j, i])
                if d < 0.999:
                    pieces = 1 + int(seconds)
                    dt = seconds / pieces
                    rate = DEATH_FORWARD_PER_S * math.exp(
                        min(0.5 * (t0 + t1), 110.0) / DEATH_SCALE_C
                    )
                    for _ in range(pieces):
                        forward = rate * (1.0 - a)
                        weak = max(1.0 - a - d, 0.0)
                        died = dt * forward * weak
                        a += dt * (DEATH_BACKWARD_PER_S * weak - forward * a)
                        d += died
                    alive[k, j, i] = a
                    dead[k, j, i] = d


class Damage:
    """Damage of every cell so far.

    Parameters
    ----------
    temperature_c : numpy.ndarray
        Shape (k, j, i): where it starts.
    """

    def __init__(self, temperature_c: Float32Array) -> None:
        self.hottest_c, self.coldest_c = temperature_c.copy(), temperature_c.copy()
        self.omega, self.cem43_min, self._dead = (
            np.zeros(temperature_c.shape, np.float32) for _ in range(3)
        )
        self._alive = np.full(temperature_c.shape, np.float32(0.99))

    def advance(self, before_c: Float32Array, after_c: Float32Array, seconds: float) -> None:
        """Count a step.

        Parameters
        ----------
        before_c, after_c : numpy.ndarray
            Shape (k, j, i): temperatures at the start and the end of the step.
        seconds : float
            Its length.
        """
        _advance(
            before_c,
            after_c,
            seconds,
            self.omega,
            self.cem43_min,
            self._alive,
            self._dead,
            self.hottest_c,
            self.coldest_c,
        )

    def dead_by_three_states(self) -> NDArray[np.bool_]:
        """Return where more than 80 % of the cells are in the dead state, whatever Ω says.

        Returns
        -------
        numpy.ndarray
            Shape (k, j, i), bool.
        """
        result: NDArray[np.bool_] = self._dead > DEAD_FRACTION
        return result

    def coagulated(self) -> NDArray[np.bool_]:
        """Return where heat has ended perfusion: Ω ≥ 1 or dead by three states, as vessels close.

        Returns
        -------
        numpy.ndarray
            Shape (k, j, i), bool.
        """
        return (self.omega >= OMEGA_LETHAL) | self.dead_by_three_states()


def arrhenius(times_s: FloatArray, temperature_c: FloatArray) -> float:
    """Return Ω of a temperature curve, straight between its points.

    Parameters
    ----------
    times_s, temperature_c : numpy.ndarray
        Shape (n,).

    Returns
    -------
    float
        Ω; 1 is lethal.
    """
    total = 0.0
    for n in range(len(times_s) - 1):
        step = float(times_s[n + 1] - times_s[n])
        total += arrhenius_step(float(temperature_c[n]), float(temperature_c[n + 1]), step)
    return total


def cem43(times_s: FloatArray, temperature_c: FloatArray) -> float:
    """Return the thermal dose of a temperature curve, straight between its points.

    Parameters
    ----------
    times_s, temperature_c : numpy.ndarray
        Shape (n,).

    Returns
    -------
    float
        Cumulative equivalent minutes at 43 °C.
    """
    total = 0.0
    for n in range(len(times_s) - 1):
        step = float(times_s[n + 1] - times_s[n])
        total += cem43_step(float(temperature_c[n]), float(temperature_c[n + 1]), step)
    return total
