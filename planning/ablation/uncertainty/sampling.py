"""The samples of a seed: the same ones whoever computes them, in whatever order."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import scipy

from imaging.document import Document, Vector
from imaging.geometry import FloatArray, perpendicular_axes, unit
from planning.ablation.request import PlacedDevice, TreatmentRequest
from planning.ablation.uncertainty.variation import (
    UncertainProperty,
    Variation,
    uncertainty_table,
)

PER_NEEDLE = 5  # three shifts and two tilts
LEAST_SHARE = 1e-9  # a normal value at 0 or 1 would be infinite


class PlacementError(Document):
    """How a needle lies off what was planned.

    Attributes
    ----------
    shift_lps_mm : tuple of float
        Of the tip.
    tilt_deg : tuple of float
        About two axes across the needle, around its tip.
    """

    shift_lps_mm: Vector = (0.0, 0.0, 0.0)
    tilt_deg: tuple[float, float] = (0.0, 0.0)

    def moved(self, placed: PlacedDevice) -> PlacedDevice:
        """Return a device where it really lies.

        Parameters
        ----------
        placed : PlacedDevice
            As planned.

        Returns
        -------
        PlacedDevice
            Shifted and tilted.
        """
        tip = np.asarray(placed.tip_lps_mm, dtype=float) + self.shift_lps_mm
        u, v = perpendicular_axes(placed.axis_lps)
        a, b = (math.tan(math.radians(n)) for n in self.tilt_deg)
        axis = unit(unit(placed.axis_lps) + a * u + b * v)
        return replace(placed, tip_lps_mm=_vector(tip), axis_lps=_vector(axis))


class Sample(Document):
    """What is different in one sample.

    Attributes
    ----------
    number : int
        From 0.
    variation : Variation
        Of the tissues.
    placement : tuple of PlacementError
        One for each needle.
    """

    number: int
    variation: Variation
    placement: tuple[PlacementError, ...]

    def of(self, request: TreatmentRequest) -> TreatmentRequest:
        """Return what is simulated for this sample.

        Parameters
        ----------
        request : TreatmentRequest
            As planned.

        Returns
        -------
        TreatmentRequest
            With tissues varied and needles moved.
        """
        pairs = zip(self.placement, request.applicators, strict=True)
        moved = tuple(error.moved(placed) for error, placed in pairs)
        return replace(request, applicators=moved, variation=self.variation)


def draw_samples(count: int, seed: int, needles: int) -> tuple[Sample, ...]:
    """Return samples by a scrambled Sobol sequence, which fills the ranges evenly.

    The first samples of a larger count are those of a smaller one.

    Parameters
    ----------
    count : int
        Wanted, at least 1.
    seed : int
        Of the scrambling.
    needles : int
        Whose placement is drawn.

    Returns
    -------
    tuple of Sample
        In order of their numbers.
    """
    table = uncertainty_table()
    width = len(table.properties) + PER_NEEDLE * needles
    from scipy.stats import qmc

    sequence = qmc.Sobol(width, scramble=True, rng=np.random.default_rng(seed))
    shares = sequence.random_base2(max(count - 1, 1).bit_length())[:count]
    return tuple(_sample(n, row, needles) for n, row in enumerate(shares))


def _sample(number: int, shares: FloatArray, needles: int) -> Sample:
    table = uncertainty_table()
    properties = len(table.properties)
    values = {
        row.id: _value(row, float(share))
        for row, share in zip(table.properties, shares[:properties], strict=True)
    }
    normal = scipy.special.ndtri(np.clip(shares[properties:], LEAST_SHARE, 1.0 - LEAST_SHARE))
    errors = []
    for own in normal.reshape(needles, PER_NEEDLE):
        tilt = own[3:] * table.deviation("tilt_deg")
        errors.append(
            PlacementError(
                shift_lps_mm=_vector(own[:3] * table.deviation("tip_shift_mm")),
                tilt_deg=(float(tilt[0]), float(tilt[1])),
            )
        )
    return Sample(
        number=number, variation=Variation.model_validate(values), placement=tuple(errors)
    )


def _value(row: UncertainProperty, share: float) -> float:
    if row.distribution == "uniform":
        return row.low + share * (row.high - row.low)
    return float(row.low * (row.high / row.low) ** share)


def _vector(values: FloatArray) -> Vector:
    return float(values[0]), float(values[1]), float(values[2])
