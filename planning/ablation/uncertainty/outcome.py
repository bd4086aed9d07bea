"""One sample, simulated: what is kept of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numba
import numpy as np

from imaging.document import Document
from imaging.geometry import BoolArray
from imaging.progress import Progress
from planning.ablation.exposure import Measure
from planning.ablation.limits import limit_of
from planning.ablation.request import TreatmentRequest
from planning.ablation.results import Treatment, TreatmentSummary
from planning.ablation.treatment import simulate_treatment
from planning.ablation.uncertainty.sampling import PlacementError, Sample
from planning.ablation.uncertainty.variation import Variation
from planning.errors import PlanningError

# A needle of a sample may land where none can be simulated; anything else is wrong with the plan.
LANDED_WRONG = frozenset({"outside_body", "applicators_cross"})
STRICTEST = "spinal_cord"  # structure whose temperatures count as the edge of harm
# Two threads inside numba's parallel loops end the process; a worker may have several threads.
_ONE_AT_A_TIME = threading.Lock()


class PassedLimit(Document):
    """A limit of a neighbour that was passed.

    Attributes
    ----------
    name : str
        Of the structure.
    measure : str
        ``max_c``, ``min_c``, ``cem43`` or ``clear_mm``.
    value, limit : float
        Reached, and allowed.
    first_passed_s : float or None
        When; None for distances, which are told at the end.
    """

    name: str
    measure: Measure
    value: float
    limit: float
    first_passed_s: float | None


class SampleRow(Document):
    """A sample and what came of it; numbers are None where it could not be simulated.

    Attributes
    ----------
    number : int
        From 0.
    variation : Variation
        Tissues.
    placement : tuple of PlacementError
        Needles.
    coverage_percent, coverage_with_margin_percent, min_margin_mm, zone_ml : float or None
        As :class:`TreatmentSummary`.
    limits_passed : tuple of PassedLimit
        The structure whose limit was passed first comes first.
    failed : str or None
        Code of the reason why it could not be simulated, such as ``outside_body``.
    """

    number: int
    variation: Variation
    placement: tuple[PlacementError, ...]
    coverage_percent: float | None = None
    coverage_with_margin_percent: float | None = None
    min_margin_mm: float | None = None
    zone_ml: float | None = None
    limits_passed: tuple[PassedLimit, ...] = ()
    failed: str | None = None


@dataclass(frozen=True)
class SampleOutcome:
    """A row and where it was lethal, small enough to travel between processes.

    Parameters
    ----------
    row : SampleRow
        Numbers.
    neighbours : tuple of str
        Structures that have a limit.
    lethal, harmed : bytes
        Eight cells a byte, in C order; empty where the sample could not be simulated.
    """

    row: SampleRow
    neighbours: tuple[str, ...] = ()
    lethal: bytes = b""
    harmed: bytes = b""


def simulate_sample(
    request: TreatmentRequest, sample: Sample, progress: Progress | None = None
) -> SampleOutcome:
    """Simulate one sample, on one thread, so that its bits do not depend on the machine's cores.

    Parameters
    ----------
    request : TreatmentRequest
        As planned, on its box.
    sample : Sample
        What is different.
    progress : Progress, optional
        Cancels between steps.

    Returns
    -------
    SampleOutcome
        What came of it, or why it could not be simulated.

    Raises
    ------
    PlanningError
        When the plan itself cannot be simulated.
    Cancelled
        When the result is no longer wanted.
    """
    start = SampleRow(number=sample.number, variation=sample.variation, placement=sample.placement)
    with _ONE_AT_A_TIME:
        threads = numba.get_num_threads()
        numba.set_num_threads(1)
        try:
            done = simulate_treatment(sample.of(request), progress or Progress())
        except PlanningError as refused:
            if refused.code not in LANDED_WRONG:
                raise
            return SampleOutcome(start.model_copy(update={"failed": refused.code}))
        finally:
            numba.set_num_threads(threads)
    summary = done.summary
    row = start.model_copy(
        update={
            "coverage_percent": summary.coverage_percent,
            "coverage_with_margin_percent": summary.coverage_with_margin_percent,
            "min_margin_mm": summary.min_margin_mm,
            "zone_ml": summary.zone_ml,
            "limits_passed": _passed(summary),
        }
    )
    return SampleOutcome(
        row=row,
        neighbours=tuple(near.name for near in summary.neighbours),
        lethal=np.packbits(done.zone).tobytes(),
        harmed=np.packbits(harmed(done)).tobytes(),
    )


def harmed(done: Treatment) -> BoolArray:
    """Return where the cord would be harmed: at some time colder or hotter than it stands.

    Parameters
    ----------
    done : Treatment
        Simulated.

    Returns
    -------
    numpy.ndarray
        Shape of its grid, bool.
    """
    limit = limit_of(STRICTEST)
    if limit is None or limit.lowest_c is None or limit.highest_c is None:
        message = "the table of thermal limits lacks the temperatures of the cord"
        raise ValueError(message)
    result: BoolArray = (done.coldest_c < limit.lowest_c) | (done.hottest_c > limit.highest_c)
    return result


def _passed(summary: TreatmentSummary) -> tuple[PassedLimit, ...]:
    found = [
        PassedLimit(
            name=near.name,
            measure=near.measure,
            value=near.value,
            limit=near.limit,
            first_passed_s=near.first_passed_s,
        )
        for near in summary.neighbours
        if near.passed and near.limit is not None
    ]
    return tuple(sorted(found, key=_time))


def _time(passed: PassedLimit) -> float:
    return float("inf") if passed.first_passed_s is None else passed.first_passed_s
