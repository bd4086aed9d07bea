"""What a simulated treatment came to, as documents of the plan and as fields."""

from __future__ import annotations

from dataclasses import dataclass

from imaging.document import Document, Vector
from imaging.geometry import BoolArray, Grid
from planning.ablation.exposure import NeighbourRow
from planning.ablation.scenario.answer import IsothermAnswer
from planning.ablation.solver.materials import Float32Array


class Curve(Document):
    """The temperature of a place over time."""

    name: str
    lps_mm: Vector
    time_s: tuple[float, ...]
    temperature_c: tuple[float, ...]


class TreatmentSummary(Document):
    """A row of ``plan.simulation``.

    Attributes
    ----------
    device, technique : str
        Of the first applicator.
    coverage_percent, coverage_with_margin_percent : float
        Share of the lesion, and of lesion with margin, inside the lethal zone.
    min_margin_mm : float or None
        Least signed distance from the lesion's surface to the zone's; below zero where lesion is
        left out, None where nothing is lethal.
    neighbours : tuple of NeighbourRow
        What every neighbour with a limit sees.
    margin_mm, spacing_mm : float
        As asked.
    zone_ml : float
        Volume of the lethal zone.
    verified_device : bool
        False when nobody looked up the zone of a device.
    isotherms : tuple of IsothermAnswer
        At the end of the last heating or freezing phase.
    curves : tuple of Curve
        At the probe's side, at the lesion's border, at each neighbour's nearest point.
    """

    device: str
    technique: str
    coverage_percent: float
    coverage_with_margin_percent: float
    min_margin_mm: float | None
    neighbours: tuple[NeighbourRow, ...]
    margin_mm: float
    spacing_mm: float
    zone_ml: float
    verified_device: bool
    isotherms: tuple[IsothermAnswer, ...]
    curves: tuple[Curve, ...]


@dataclass(frozen=True, eq=False)
class Treatment:
    """What a treatment does; fields have the shape of ``grid``.

    Parameters
    ----------
    grid : Grid
        Of the simulation, along the patient's axes.
    temperature_c : numpy.ndarray
        At the end of the last heating or freezing phase.
    hottest_c, coldest_c : numpy.ndarray
        Extremes of every cell.
    cem43, arrhenius : numpy.ndarray
        Thermal dose (minutes) and Ω.
    zone : numpy.ndarray
        Bool: lethal by the technique's criterion.
    summary : TreatmentSummary
        Numbers.
    """

    grid: Grid
    temperature_c: Float32Array
    hottest_c: Float32Array
    coldest_c: Float32Array
    cem43: Float32Array
    arrhenius: Float32Array
    zone: BoolArray
    summary: TreatmentSummary
