"""All samples of a treatment, on this machine or on a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imaging.errors import Problem
from imaging.geometry import Grid, read_only
from imaging.progress import SILENT, Progress
from planning.ablation.devices import devices
from planning.ablation.request import TreatmentRequest
from planning.ablation.results import Probe
from planning.ablation.solver.materials import Float32Array
from planning.ablation.treatment import on_its_box
from planning.ablation.uncertainty.outcome import SampleOutcome, simulate_sample
from planning.ablation.uncertainty.result import (
    Share,
    Spread,
    UncertaintyResult,
    failures,
    influences,
    main_of,
    neighbour_risks,
    probability,
    share_at_least,
)
from planning.ablation.uncertainty.sampling import Sample, draw_samples
from planning.errors import PlanningError

SAMPLES = 100
SHARE_PERCENT = 95.0
SPACING_MM = 2.0
MOST_SAMPLES = 10_000
FEW_SAMPLES = 8  # starting processes takes longer than computing so few here
BEFORE, AFTER = 0.02, 0.99  # of the progress, spent on the samples


@dataclass(frozen=True, eq=False)
class UncertaintyRequest:
    """What is to be sampled.

    Parameters
    ----------
    treatment : TreatmentRequest
        As planned.
    samples : int
        How many.
    seed : int
        The same seed gives the same samples.
    share_percent : float
        Of the lesion that shall be covered.
    scheduler : str or None
        Address of a Dask scheduler, such as ``tcp://host:8786``; None computes here.
    processes : int or None
        On this machine; None takes one for each core, and this process for few samples.
    """

    treatment: TreatmentRequest
    samples: int = SAMPLES
    seed: int = 1
    share_percent: float = SHARE_PERCENT
    scheduler: str | None = None
    processes: int | None = None


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """What came of the samples; maps have the shape of ``grid``.

    Parameters
    ----------
    grid : Grid
        Of the simulations.
    lethal, harm : numpy.ndarray
        Float32, 0 to 1: share of the simulated samples in which a cell is in the lethal zone, and
        in which a nerve there would be harmed.
    result : UncertaintyResult
        Numbers.
    """

    grid: Grid
    lethal: Float32Array
    harm: Float32Array
    result: UncertaintyResult


def simulate_samples(request: UncertaintyRequest, progress: Progress = SILENT) -> Uncertainty:
    """Simulate a treatment as often as asked, with tissues varied and needles moved.

    Parameters
    ----------
    request : UncertaintyRequest
        What is to be sampled.
    progress : Progress
        Told after every sample; cancels the rest.

    Returns
    -------
    Uncertainty
        The same for the same seed, however many processes or machines computed it.

    Raises
    ------
    PlanningError
        When the treatment cannot be simulated as planned, or the cluster cannot be used.
    Cancelled
        When the result is no longer wanted.
    """
    _check(request)
    progress.update(0.0, "tissues")
    treatment = on_its_box(request.treatment)
    samples = draw_samples(request.samples, request.seed, len(treatment.applicators))
    part = progress.part(BEFORE, AFTER)
    outcomes: list[SampleOutcome] = []
    for outcome in _simulated(request, treatment, samples, part):
        outcomes.append(outcome)
        part.update(len(outcomes) / len(samples), f"sample {len(outcomes)} of {len(samples)}")
    outcomes.sort(key=lambda one: one.row.number)
    grid = treatment.box
    if grid is None:
        message = "a treatment on its box has one"
        raise ValueError(message)
    made = Uncertainty(
        grid=grid,
        lethal=read_only(probability(outcomes, grid.size_kji, lambda one: one.lethal)),
        harm=read_only(probability(outcomes, grid.size_kji, lambda one: one.harmed)),
        result=_result(request, outcomes),
    )
    progress.update(1.0, "done")
    return made


def _check(request: UncertaintyRequest) -> None:
    told: list[tuple[str, str]] = []
    if not 1 <= request.samples <= MOST_SAMPLES:
        told.append(("samples", f"take between 1 and {MOST_SAMPLES} samples"))
    if not 0.0 < request.share_percent <= 100.0:
        told.append(("share_percent", "take a share above 0 and up to 100 %"))
    if request.seed < 0:
        told.append(("seed", "take a seed of 0 or more"))
    if request.processes is not None and request.processes < 1:
        told.append(("processes", "take at least one process"))
    if told:
        raise PlanningError(
            [Problem(code="bad_value", message=text, where=key) for key, text in told]
        )


def _simulated(
    request: UncertaintyRequest,
    treatment: TreatmentRequest,
    samples: Sequence[Sample],
    progress: Progress,
) -> Iterator[SampleOutcome]:
    """Yield the outcomes as they come."""
    if request.scheduler is not None:
        from planning.ablation.uncertainty.cluster import simulated_on_cluster

        yield from simulated_on_cluster(request.scheduler, treatment, samples, progress)
        return
    usual = 1 if len(samples) < FEW_SAMPLES else os.cpu_count() or 1
    processes = min(request.processes or usual, len(samples))
    if processes == 1:
        for n, sample in enumerate(samples):
            own = progress.part(n / len(samples), (n + 1) / len(samples))
            yield simulate_sample(treatment, sample, own)
        return
    from planning.ablation.uncertainty.processes import simulated_in_processes

    yield from simulated_in_processes(processes, treatment, samples, progress)


def _result(request: UncertaintyRequest, outcomes: Sequence[SampleOutcome]) -> UncertaintyResult:
    treatment = request.treatment
    rows = tuple(one.row for one in outcomes)
    done = [row for row in rows if row.failed is None]
    found = influences(rows, treatment.applicators)
    first = devices()[treatment.applicators[0].device_id]
    coverages = [row.coverage_percent for row in done if row.coverage_percent is not None]
    margins = [row.min_margin_mm for row in done if row.min_margin_mm is not None]
    return UncertaintyResult(
        device=first.id,
        technique=first.technique,
        samples=request.samples,
        seed=request.seed,
        spacing_mm=treatment.spacing_mm,
        margin_mm=treatment.margin_mm,
        share_percent=request.share_percent,
        covered=share_at_least(rows, request.share_percent, with_margin=False),
        covered_with_margin=share_at_least(rows, request.share_percent, with_margin=True),
        any_limit=Share.counted(sum(1 for row in done if row.limits_passed), len(done)),
        failed=failures(rows),
        neighbours=neighbour_risks(outcomes),
        coverage_percent=Spread.over(coverages),
        min_margin_mm=Spread.over(margins),
        influences=found,
        main_parameter=main_of(found, len(done)),
        probes=tuple(
            Probe(device=p.device_id, tip_lps_mm=p.tip_lps_mm, axis_lps=p.axis_lps)
            for p in treatment.applicators
        ),
        dissections=treatment.dissections,
        rows=rows,
    )
