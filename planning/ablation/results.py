"""What a simulated treatment came to, as documents of the plan and as fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from imaging.document import Document, Vector
from imaging.geometry import BoolArray, Grid
from planning.ablation.dissection import Dissection
from planning.ablation.exposure import Measure, NeighbourRow
from planning.ablation.reach import ProbeNear
from planning.ablation.scenario.answer import IsothermAnswer
from planning.ablation.solver.materials import Float32Array
from planning.ablation.solver.protocol import Phase

Criterion = Literal[
    "arrhenius",
    "cem43_240",
    "three_state",
    "isotherm_50",
    "isotherm_60",
    "isotherm_0",
    "isotherm_-20",
    "isotherm_-40",
]


class Curve(Document):
    """The temperature of a place over time.

    Attributes
    ----------
    name : str
        Of the place: the structure for neighbours and thermocouples.
    lps_mm : Vector
        Where.
    time_s, temperature_c : tuple of float
        From the start.
    kind : str
        ``place``, or ``thermocouple`` for one that measures there.
    lowest_c, highest_c : float or None
        What the structure stands.
    """

    name: str
    lps_mm: Vector
    time_s: tuple[float, ...]
    temperature_c: tuple[float, ...]
    kind: Literal["place", "thermocouple"] = "place"
    lowest_c: float | None = None
    highest_c: float | None = None

    @property
    def passed_s(self) -> float | None:
        """When its own limit was passed, seconds; None when it was kept."""
        for seconds, value in zip(self.time_s, self.temperature_c, strict=True):
            if self.lowest_c is not None and value < self.lowest_c:
                return seconds
            if self.highest_c is not None and value > self.highest_c:
                return seconds
        return None


class Probe(Document):
    """A device where it was simulated.

    Attributes
    ----------
    device : str
        Row of the table.
    tip_lps_mm, axis_lps : Vector
        Distal end; from tip to hub.
    """

    device: str
    tip_lps_mm: Vector
    axis_lps: Vector


class CriterionRow(Document):
    """What one criterion of death says.

    Attributes
    ----------
    criterion : str
        ``arrhenius`` (Ω ≥ 1), ``cem43_240`` (240 minutes), ``three_state`` (more than 80 % in the
        dead state), ``isotherm_50`` and ``isotherm_60`` (hottest of every cell),
        ``isotherm_0``, ``isotherm_-20`` and ``isotherm_-40`` (coldest of every cell).
    volume_ml, coverage_percent, coverage_with_margin_percent : float
        What it kills, and what of the lesion and of lesion with margin.
    """

    criterion: Criterion
    volume_ml: float
    coverage_percent: float
    coverage_with_margin_percent: float


class FreezeRow(Document):
    """What was below the lethal isotherm in so many freezes, thawed between them.

    Attributes
    ----------
    freezes : int
        At least so many; one more counts where tissue was above its freezing range since the last.
    volume_ml, coverage_percent, coverage_with_margin_percent : float
        What was so cold then, and what of the lesion and of lesion with margin.
    """

    freezes: int
    volume_ml: float
    coverage_percent: float
    coverage_with_margin_percent: float


class CoverageCurve(Document):
    """Coverage over time.

    Attributes
    ----------
    time_s, coverage_percent, coverage_with_margin_percent : tuple of float
        From the start.
    """

    time_s: tuple[float, ...]
    coverage_percent: tuple[float, ...]
    coverage_with_margin_percent: tuple[float, ...]


class StopMoment(Document):
    """The last moment at which no limit was passed.

    Attributes
    ----------
    seconds : float
        Since the start; the end of the last heating or freezing phase when no limit was passed.
    structure, measure : str or None
        Whose limit is passed next, and which; None when none is.
    passed_s : float or None
        When.
    coverage_percent, coverage_with_margin_percent : float
        What was covered at that moment.
    """

    seconds: float
    structure: str | None
    measure: Measure | None
    passed_s: float | None
    coverage_percent: float
    coverage_with_margin_percent: float


class TreatmentSummary(Document):
    """A row of ``plan.simulation``; fields with a default are lacking in older plans.

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
        At the probe's side, at the lesion's border, at each neighbour's nearest point, and at the
        thermocouples.
    min_margin_lps_mm : Vector or None
        Where the margin is smallest, on the lesion's surface.
    probes : tuple of Probe
        All devices, the first included.
    protocol : tuple of Phase
        What was done.
    criteria : tuple of CriterionRow
        Criteria of death side by side.
    freezes : tuple of FreezeRow
        For cold: what was lethally cold once, twice, and so on.
    coverage : CoverageCurve or None
        Coverage over time.
    stop : StopMoment or None
        The moment to stop.
    dissections : tuple of Dissection
        Fluid or gas that was there.
    is_planned : bool
        Whether the program found probes and durations.
    near : tuple of ProbeNear
        Probes whose inserted end comes near to what no needle may touch.
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
    min_margin_lps_mm: Vector | None = None
    probes: tuple[Probe, ...] = ()
    protocol: tuple[Phase, ...] = ()
    criteria: tuple[CriterionRow, ...] = ()
    freezes: tuple[FreezeRow, ...] = ()
    coverage: CoverageCurve | None = None
    stop: StopMoment | None = None
    dissections: tuple[Dissection, ...] = ()
    is_planned: bool = False
    near: tuple[ProbeNear, ...] = ()

    @property
    def passed(self) -> tuple[NeighbourRow, ...]:
        """Neighbours whose limit is passed."""
        return tuple(near for near in self.neighbours if near.passed)


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
    margin_mm : numpy.ndarray
        Signed distance to the zone's surface, above zero inside; known near the lesion's surface,
        NaN elsewhere.
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
    margin_mm: Float32Array
    summary: TreatmentSummary
