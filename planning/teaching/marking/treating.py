"""What an ablation does: simulated by the engine on the reference's lesion and structures."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase

from imaging.errors import Problem, Refusal
from imaging.progress import SILENT, Progress
from imaging.volume import Volume
from planning.ablation.placing import placed_on
from planning.ablation.request import PlacedDevice, TreatmentRequest
from planning.ablation.results import Treatment, TreatmentSummary
from planning.ablation.treatment import simulate_treatment
from planning.ablations import treatment_request
from planning.errors import PlanningError
from planning.teaching.answer import Answer, chosen_row, ways_of_case
from planning.teaching.marking.findings import Finding, deficit
from planning.teaching.marking.table import CRITICAL, marking_table
from planning.teaching.marking.terms import Fault

# Of what a limit is about: temperatures, minutes at 43 °C, distance to ice or 50 °C.
UNITS = {"max_c": "°C", "min_c": "°C", "cem43": "min (CEM43)", "clear_mm": "mm"}
TREATMENT_TERMS = ("coverage", "coverage_with_margin", "neighbours")


def asked_of(answer: Answer, reference: Answer, volume: Volume) -> TreatmentRequest | None:
    """Return the treatment of an answer, to be simulated on the reference's case.

    Parameters
    ----------
    answer : Answer
        With a simulated treatment, or a way and a device.
    reference : Answer
        Whose lesion, structures and limits hold.
    volume : Volume
        The CT.

    Returns
    -------
    TreatmentRequest or None
        None where the answer has no device or no way for it.
    """
    table = marking_table()
    row = chosen_row(answer)
    if row is not None and row.probes:
        placed = tuple(PlacedDevice(one.device, one.tip_lps_mm, one.axis_lps) for one in row.probes)
        request = treatment_request(
            reference.case, volume, placed, table.margin_mm, table.spacing_mm
        )
        protocol = row.protocol or None
        return replace(request, protocol=protocol, dissections=row.dissections, thermocouples=())
    placed = _on_ways(answer, reference)
    if not placed:
        return None
    request = treatment_request(reference.case, volume, placed, table.margin_mm, table.spacing_mm)
    return replace(request, dissections=answer.case.plan.dissections, thermocouples=())


def _on_ways(answer: Answer, reference: Answer) -> tuple[PlacedDevice, ...]:
    """Place the stated device on the ways, by the answer's own outline where there is one."""
    device = answer.statement.device
    own, truth = answer.case.lesion, reference.case.lesion
    lesion = own if own is not None and own.any() else truth
    ways = ways_of_case(answer.case)
    if device is None or lesion is None or not ways:
        return ()
    shifts = (*answer.case.plan.depth_shifts_mm, *((0.0,) * len(ways)))
    grid = reference.case.plan.series.grid
    return tuple(
        placed_on((way.entry_lps_mm, way.target_lps_mm), device, lesion, grid, shift)
        for way, shift in zip(ways, shifts, strict=False)
    )


def simulate(
    answer: Answer, reference: Answer, volume: Volume, progress: Progress = SILENT
) -> Treatment | None:
    """Simulate the treatment of an answer on the reference's case.

    Parameters
    ----------
    answer : Answer
        Any.
    reference : Answer
        Whose lesion, structures and limits hold.
    volume : Volume
        The CT.
    progress : Progress
        Told of every step.

    Returns
    -------
    Treatment or None
        None where there is none, or it cannot be simulated: a device outside the body, two that
        run through each other.
    """
    try:
        request = asked_of(answer, reference, volume)
        return None if request is None else simulate_treatment(request, progress)
    except Refusal:
        return None


def treatment_findings(found: Treatment | None, wanted: Treatment | None) -> list[Finding]:
    """Compare what two treatments do.

    Parameters
    ----------
    found, wanted : Treatment or None
        Of the answer, of the reference.

    Returns
    -------
    list of Finding
        Coverage, with margin, and what the neighbours see.

    Raises
    ------
    PlanningError
        When the reference has no treatment.
    """
    if wanted is None:
        message = "the reference has no treatment that can be simulated; state way and device"
        raise PlanningError(Problem(code="reference_lacks_treatment", message=message))
    if found is None:
        return [Finding(term, None) for term in TREATMENT_TERMS]
    one, other = found.summary, wanted.summary
    return [
        Finding(
            "coverage",
            deficit(one.coverage_percent, other.coverage_percent),
            one.coverage_percent,
            other.coverage_percent,
            {"device": one.device, "reference_device": other.device},
        ),
        Finding(
            "coverage_with_margin",
            deficit(one.coverage_with_margin_percent, other.coverage_with_margin_percent),
            one.coverage_with_margin_percent,
            other.coverage_with_margin_percent,
            {"margin_mm": one.margin_mm},
        ),
        _neighbours(one, other),
    ]


def _neighbours(one: TreatmentSummary, other: TreatmentSummary) -> Finding:
    kept = {row.name for row in other.passed}
    harmed = [row for row in one.passed if row.name not in kept]
    patterns = marking_table().critical_heat
    faults = tuple(
        Fault(
            code="limit_passed",
            where=row.name,
            term="neighbours",
            value=row.value,
            limit=row.limit,
            unit=UNITS[row.measure],
            rules=("B13", "A45"),
        )
        for row in harmed
        if any(fnmatchcase(row.name, pattern) for pattern in patterns)
    )
    names = ", ".join(row.name for row in harmed)
    return Finding(
        "neighbours",
        len(harmed) + (CRITICAL if faults else 0.0),
        float(len(one.passed)),
        float(len(other.passed)),
        {"structures": names},
        faults=faults,
        told="neighbours" if harmed else "neighbours_spared",
    )
