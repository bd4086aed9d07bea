"""What the worker process does for ablation: simulate, compare, plan, and follow a moved probe.

While a probe is moved only the simulation itself is done again: the resampled CT, its tissues and
the neighbours stay here between requests.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

from app.workstation.access_tasks import mark_of
from imaging.document import Vector
from imaging.progress import Progress
from imaging.volume import Volume
from planning import ablations
from planning.ablation.ground import Ground, common_grid, ground_near, ground_of
from planning.ablation.patient import check_in_body
from planning.ablation.placing import placed_on
from planning.ablation.request import TreatmentRequest, checked_request
from planning.ablation.results import TreatmentSummary
from planning.ablation.solver.simulation import QUICK
from planning.ablation.treatment import treat
from planning.ablation.uncertainty.samples import UncertaintyRequest, simulate_samples
from planning.plan import Case, ThermalField
from planning.uncertain_plan import treatment_as_simulated, with_uncertainty

PREVIEW_MM = 2.0
BEYOND_MM = 10.0  # of the box behind the middle of an active part
NEAR_MM = 28.0  # of tissue around the active part that a preview simulates
PREVIEW_AROUND_MM = 12.0  # of tissue beyond; a picture while one drags needs no more


@dataclass(frozen=True, eq=False)
class Shown:
    """What a moved probe would do.

    Parameters
    ----------
    summary : TreatmentSummary
        Numbers, coarse.
    field : ThermalField
        For the views.
    """

    summary: TreatmentSummary
    field: ThermalField


@dataclass
class Kept:
    """The ground that was prepared last."""

    key: Hashable = None
    ground: Ground | None = None


KEPT = Kept()


def compare(
    case: Case, volume: Volume, margin_mm: float, spacing_mm: float, progress: Progress
) -> Case:
    """Simulate the default device of each technique.

    Parameters
    ----------
    case : Case
        With a chosen way in.
    volume : Volume
        The CT.
    margin_mm : float
        Wanted around the lesion.
    spacing_mm : float
        Edge of a cell.
    progress : Progress
        Told of every step.

    Returns
    -------
    Case
        With a simulation of each.
    """
    return ablations.compare_techniques(case, volume, (), margin_mm, spacing_mm, progress)


def plan(
    case: Case,
    volume: Volume,
    device_id: str,
    margin_mm: float,
    spacing_mm: float,
    progress: Progress,
) -> Case:
    """Let the program find probes and durations.

    Parameters
    ----------
    case : Case
        With lesion and structures.
    volume : Volume
        The CT.
    device_id : str
        Row of the table.
    margin_mm : float
        Wanted around the lesion.
    spacing_mm : float
        Edge of a cell of the simulation that confirms.
    progress : Progress
        Told all along.

    Returns
    -------
    Case
        With what the search found.
    """
    return ablations.plan_for_me(case, volume, device_id, margin_mm, spacing_mm, progress)


def sample(
    case: Case,
    volume: Volume,
    one: TreatmentSummary,
    samples: int,
    progress: Progress,
) -> Case:
    """Simulate a treatment of the plan many times, with tissues varied and needles moved.

    Parameters
    ----------
    case : Case
        With lesion and structures.
    volume : Volume
        The CT.
    one : TreatmentSummary
        A simulation of the plan.
    samples : int
        How many.
    progress : Progress
        Told after every sample.

    Returns
    -------
    Case
        With what the samples say.
    """
    treatment = treatment_as_simulated(case, volume, one, margin_mm=one.margin_mm)
    request = UncertaintyRequest(treatment, samples, processes=1)  # of this worker
    return with_uncertainty(case, simulate_samples(request, progress).result)


def preview(
    case: Case,
    volume: Volume,
    device_id: str,
    margin_mm: float,
    entry_lps_mm: Vector,
    target_lps_mm: Vector,
    progress: Progress,
) -> Shown:
    """Simulate the whole protocol of a device on a way that is being moved, coarsely.

    Parameters
    ----------
    case : Case
        With lesion and structures.
    volume : Volume
        The CT.
    device_id : str
        Row of the table.
    margin_mm : float
        Wanted around the lesion.
    entry_lps_mm, target_lps_mm : Vector
        A place on the way; its tip.
    progress : Progress
        Told of every step.

    Returns
    -------
    Shown
        Numbers and field.
    """
    device = ablations.known_device(device_id)
    request = ablations.treatment_request(case, volume, (), margin_mm, PREVIEW_MM)
    placed = placed_on(
        (entry_lps_mm, target_lps_mm), device_id, request.lesion, volume.grid, _shift(case)
    )
    request = replace(request, applicators=(placed,), thermocouples=())
    reach_mm = device.insertion_mm / 2 + BEYOND_MM
    ground = ground_for(request, reach_mm)
    placements, _ = checked_request(request)
    check_in_body(ground.grid, ground.body, placements)
    near = ground_near(ground, placements, margin_mm, NEAR_MM)
    done = treat(request, near, progress, QUICK)
    field = ThermalField(done.grid, done.temperature_c, done.zone, done.margin_mm)
    return Shown(done.summary, field)


def ground_for(request: TreatmentRequest, reach_mm: float) -> Ground:
    """Return the ground of a request, prepared again only for another case, margin or reach.

    Parameters
    ----------
    request : TreatmentRequest
        Its devices do not matter.
    reach_mm : float
        Farthest that an active part reaches beyond the lesion.

    Returns
    -------
    Ground
        The one before where nothing that it depends on has changed.
    """
    table = tuple((row.name, row.label) for row in request.structures.table)
    arrays = (request.volume.hu, request.lesion, request.structures.labels)
    key = (
        tuple(mark_of(array) for array in arrays),
        table,
        request.margin_mm,
        request.spacing_mm,
        request.limits,
        request.dissections,
        reach_mm,
    )
    if KEPT.ground is None or KEPT.key != key:
        KEPT.ground = ground_of(request, common_grid(request, reach_mm, PREVIEW_AROUND_MM))
        KEPT.key = key
    return KEPT.ground


def _shift(case: Case) -> float:
    return case.plan.depth_shifts_mm[0] if case.plan.depth_shifts_mm else 0.0
