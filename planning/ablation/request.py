"""What is asked of a treatment's simulation, and all that may be wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imaging.document import Document, Vector
from imaging.errors import Problem
from imaging.geometry import BoolArray, Grid, unit
from imaging.structures.model import Structures
from imaging.volume import Volume
from planning.ablation.assembly import Placement
from planning.ablation.devices import Device, devices
from planning.ablation.dissection import Dissection, dissection_problems
from planning.ablation.limits import LimitChange
from planning.ablation.solver.protocol import OFF, Phase
from planning.ablation.uncertainty.variation import Variation
from planning.errors import PlanningError

MOST_TREATMENT_S = 2.0 * 3600.0  # from the first second to the last [BG]


@dataclass(frozen=True)
class PlacedDevice:
    """A device in the patient.

    Parameters
    ----------
    device_id : str
        Of the table.
    tip_lps_mm : tuple of float
        Distal end.
    axis_lps : tuple of float
        From tip to hub.
    """

    device_id: str
    tip_lps_mm: Vector
    axis_lps: Vector


class Thermocouple(Document):
    """A place where the temperature is measured.

    Attributes
    ----------
    name : str
        The structure it guards, whose limit its curve is told against; any word for others.
    lps_mm : Vector
        Of its tip.
    """

    name: str
    lps_mm: Vector


@dataclass(frozen=True, eq=False)
class TreatmentRequest:
    """What is to be simulated on a patient.

    Parameters
    ----------
    volume : Volume
        The CT.
    lesion : numpy.ndarray
        Shape ``volume.grid.size_kji``, bool.
    structures : Structures
        On the grid of the CT.
    applicators : tuple of PlacedDevice
        At least one, all of one technique.
    protocol : tuple of Phase or None
        None takes the first device's own.
    margin_mm : float
        Wanted around the lesion.
    spacing_mm : float
        Edge of a cell.
    limits : tuple of LimitChange
        Thermal limits set for this case.
    variation : Variation or None
        How the tissues differ from the table.
    box : Grid or None
        Cells to simulate on; None takes a box around lesion and devices.
    dissections : tuple of Dissection
        Fluid or gas between the lesion and what is to be spared.
    thermocouples : tuple of Thermocouple
        Further places that are followed.
    """

    volume: Volume
    lesion: BoolArray
    structures: Structures
    applicators: tuple[PlacedDevice, ...]
    protocol: tuple[Phase, ...] | None = None
    margin_mm: float = 5.0
    spacing_mm: float = 1.0
    limits: tuple[LimitChange, ...] = ()
    variation: Variation | None = None
    box: Grid | None = None
    dissections: tuple[Dissection, ...] = ()
    thermocouples: tuple[Thermocouple, ...] = ()


def checked_request(request: TreatmentRequest) -> tuple[list[Placement], tuple[Phase, ...]]:
    """Return the placements and the protocol of a request that can be simulated.

    Parameters
    ----------
    request : TreatmentRequest
        To be checked.

    Returns
    -------
    tuple
        Placements, and the protocol asked for or the first device's own.

    Raises
    ------
    PlanningError
        With every problem.
    """
    problems = _value_problems(request)
    placements: list[Placement] = []
    for n, placed in enumerate(request.applicators):
        device = devices().get(placed.device_id)
        wrong = _placement_problem(placed, f"applicators.{n}")
        if wrong is not None:
            problems.append(wrong)
        elif device is not None:
            placements.append(Placement(device, placed.tip_lps_mm, placed.axis_lps))
    if len({p.device.technique for p in placements}) > 1:
        message = "devices of several techniques; use one technique at a time"
        problems.append(Problem(code="mixed_techniques", message=message, where="applicators"))
    problems += crossing_problems(placements)
    problems += dissection_problems(request.dissections)
    protocol: tuple[Phase, ...] = ()
    if placements:
        protocol = request.protocol or placements[0].device.default_protocol
        problems += protocol_problems(protocol, [p.device for p in placements])
        total_s = sum(phase.seconds for phase in protocol)
        if total_s > MOST_TREATMENT_S:
            message = (
                f"the protocol lasts {total_s / 60:.0f} minutes; a treatment ends within "
                f"{MOST_TREATMENT_S / 60:.0f}"
            )
            problems.append(Problem(code="too_long", message=message, where="protocol"))
    if problems:
        raise PlanningError(problems)
    return placements, protocol


def _value_problems(request: TreatmentRequest) -> list[Problem]:
    told: list[tuple[str, str, str]] = []
    if request.lesion.shape != request.volume.grid.size_kji:
        told.append(
            ("other_grid", "the lesion is not on the grid of the CT; resample it", "lesion")
        )
    elif not request.lesion.any():
        told.append(("empty_lesion", "the lesion is empty; outline it first", "lesion"))
    if not 0.2 <= request.spacing_mm <= 5.0:
        told.append(("bad_value", "take a spacing between 0.2 and 5 mm", "spacing_mm"))
    if not 0.0 <= request.margin_mm <= 50.0:
        told.append(("bad_value", "take a margin between 0 and 50 mm", "margin_mm"))
    if not request.applicators:
        told.append(("no_applicator", "place at least one device", "applicators"))
    if request.protocol is not None and not request.protocol:
        told.append(("no_phase", "the protocol has no phase; add one", "protocol"))
    return [Problem(code=code, message=message, where=where) for code, message, where in told]


def _placement_problem(placed: PlacedDevice, where: str) -> Problem | None:
    if placed.device_id not in devices():
        message = f"'{placed.device_id}' is not in the table; see osteoplan devices"
        return Problem(code="unknown_device", message=message, where=where)
    if not np.isfinite([*placed.tip_lps_mm, *placed.axis_lps]).all():
        message = "the place of a device must be finite; correct it"
        return Problem(code="bad_value", message=message, where=where)
    if not np.linalg.norm(placed.axis_lps) > 0:
        message = "the direction of a device needs a length above zero; correct it"
        return Problem(code="zero_axis", message=message, where=where)
    return None


def crossing_problems(placements: Sequence[Placement]) -> list[Problem]:
    """Return a problem for every two devices that run through each other.

    Parameters
    ----------
    placements : sequence of Placement
        To be checked.

    Returns
    -------
    list of Problem
        Empty when none do.
    """
    from planning.ablation.scenario.reader import segment_distance

    ends = []
    for p in placements:
        start = np.asarray(p.tip_lps_mm, dtype=float)
        ends.append((start, start + unit(p.axis_lps) * p.device.insertion_mm))
    problems = []
    for n, (a, b) in enumerate(ends):
        for m in range(n + 1, len(ends)):
            apart = 0.5 * (placements[n].device.diameter_mm + placements[m].device.diameter_mm)
            if segment_distance(a, b, *ends[m]) < apart - 1e-9:
                message = f"applicators {n} and {m} run through each other; part them"
                where = f"applicators.{m}"
                problems.append(Problem(code="applicators_cross", message=message, where=where))
    return problems


def protocol_problems(protocol: Sequence[Phase], used: Sequence[Device]) -> list[Problem]:
    """Return a problem for every phase that a device cannot do.

    Parameters
    ----------
    protocol : sequence of Phase
        To be checked.
    used : sequence of Device
        That shall do it.

    Returns
    -------
    list of Problem
        Empty when all can.
    """
    from planning.ablation.scenario.reader import limit_problems

    problems: list[Problem] = []
    for n, phase in enumerate(protocol):
        for device in used:
            where = f"protocol.{n}"
            if phase.mode not in device.modes and phase.mode not in OFF:
                message = f"{device.id} has no '{phase.mode}'; choose one of its modes"
                problems.append(Problem(code="mode_not_possible", message=message, where=where))
            else:
                problems += limit_problems(phase, device, where)
    return problems
