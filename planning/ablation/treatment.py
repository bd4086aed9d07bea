"""What a treatment does to a patient: the lethal zone, what it covers, what it does next door."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import scipy

from imaging.document import Vector
from imaging.errors import Problem
from imaging.geometry import BoolArray, FloatArray, Grid, read_only
from imaging.progress import SILENT, Progress
from imaging.volume import Volume
from planning.ablation.assembly import Placement, device_applicators
from planning.ablation.coverage import lethal_field, margin_of, percent
from planning.ablation.exposure import Exposure
from planning.ablation.following import Following
from planning.ablation.ground import Ground, ground_of, treatment_grid
from planning.ablation.limits import thermal_limits
from planning.ablation.patient import check_in_body
from planning.ablation.places import Place, curve_points, curves_of
from planning.ablation.reach import ProbeNear, probes_near
from planning.ablation.request import TreatmentRequest, checked_request
from planning.ablation.results import CriterionRow, Probe, Treatment, TreatmentSummary
from planning.ablation.scenario.answer import IsothermAnswer
from planning.ablation.solver.air import Air
from planning.ablation.solver.damage import CEM43_LETHAL_MIN, OMEGA_LETHAL
from planning.ablation.solver.heat import Boundary
from planning.ablation.solver.isotherms import isotherm
from planning.ablation.solver.materials import BODY_C
from planning.ablation.solver.protocol import Phase
from planning.ablation.solver.simulation import (
    EXACT,
    Outcome,
    Pace,
    Simulation,
    Watch,
    as_points,
    simulate,
)
from planning.errors import PlanningError

COLD_ISOTHERMS_C = (0.0, -20.0, -40.0)
HOT_ISOTHERMS_C = (50.0, 60.0)


def simulate_treatment(request: TreatmentRequest, progress: Progress = SILENT) -> Treatment:
    """Simulate a treatment on a patient.

    Parameters
    ----------
    request : TreatmentRequest
        What is to be done.
    progress : Progress
        Told of every step; cancels between steps.

    Returns
    -------
    Treatment
        Fields and summary.

    Raises
    ------
    PlanningError
        With every problem of the request: unknown device, outside the body, nothing to treat.
    Cancelled
        When the result is no longer wanted.
    """
    placements, _ = checked_request(request)
    progress.update(0.0, "tissues")
    ground = ground_of(request, request.box or treatment_grid(request, placements))
    return treat(request, ground, progress.part(0.05, 1.0))


def treat(
    request: TreatmentRequest,
    ground: Ground,
    progress: Progress = SILENT,
    pace: Pace = EXACT,
) -> Treatment:
    """Simulate a treatment on ground that is ready, as when the same patient is treated again.

    Parameters
    ----------
    request : TreatmentRequest
        What is to be done.
    ground : Ground
        Of the same CT, lesion, structures, margin, limits and dissections.
    progress : Progress
        Told of every step; cancels between steps.
    pace : Pace
        How long steps may be.

    Returns
    -------
    Treatment
        Fields and summary.

    Raises
    ------
    PlanningError
        With every problem of the request.
    Cancelled
        When the result is no longer wanted.
    """
    placements, protocol = checked_request(request)
    check_in_body(ground.grid, ground.body, placements)
    followed = follow(ground, placements, protocol)
    places = curve_points(ground.grid, placements, ground.lesion, ground.masks)
    places += _thermocouples(request, ground.grid)
    outcome = run(
        ground, placements, protocol, followed.watch, places, progress.part(0.0, 0.97), pace
    )
    field = lethal_field(outcome, placements[0].device)
    zone = (field >= 0) & (ground.body | ground.lesion)
    followed.fill(field >= 0)
    margin = margin_of(ground.lesion, field, request.spacing_mm)
    cold = placements[0].device.technique == "cryoablation"
    where = None if margin.at_kji is None else ground.grid.to_lps(margin.at_kji)
    summary = TreatmentSummary(
        device=placements[0].device.id,
        technique=placements[0].device.technique,
        coverage_percent=percent(zone, ground.lesion),
        coverage_with_margin_percent=percent(zone, ground.wanted),
        min_margin_mm=margin.least_mm,
        min_margin_lps_mm=None if where is None else _vector(where),
        neighbours=followed.exposure.rows(outcome.hottest_c, outcome.coldest_c),
        margin_mm=request.margin_mm,
        spacing_mm=request.spacing_mm,
        zone_ml=float(zone.sum()) * ground.grid.voxel_ml,
        verified_device=all(p.device.verified for p in placements),
        isotherms=_isotherms(ground.grid, outcome, placements[0], cold=cold),
        curves=curves_of(places, outcome, request.limits),
        probes=_probes(placements),
        protocol=protocol,
        criteria=_criteria(ground, outcome, cold=cold),
        freezes=followed.freezes(ground.grid.voxel_ml) if cold else (),
        coverage=followed.curve(),
        stop=followed.stop(),
        dissections=request.dissections,
        near=_near(request, placements),
    )
    progress.update(1.0, "done")
    return Treatment(
        grid=ground.grid,
        temperature_c=outcome.active_c,
        hottest_c=outcome.hottest_c,
        coldest_c=outcome.coldest_c,
        cem43=outcome.cem43_min,
        arrhenius=outcome.omega,
        zone=read_only(zone),
        margin_mm=read_only(margin.field_mm),
        summary=summary,
    )


def on_its_box(request: TreatmentRequest) -> TreatmentRequest:
    """Return the request with image and masks cut down to the cells that are simulated.

    What comes of it is the same; it is smaller to send to other processes, and further requests
    made of it, with needles moved, are simulated on the same cells.

    Parameters
    ----------
    request : TreatmentRequest
        What is to be simulated.

    Returns
    -------
    TreatmentRequest
        With ``box``.

    Raises
    ------
    PlanningError
        As :func:`simulate_treatment`.
    """
    placements, _ = checked_request(request)
    grid = request.box or treatment_grid(request, placements)
    ground = ground_of(request, grid)
    check_in_body(grid, ground.body, placements)
    return replace(
        request,
        volume=Volume(request.volume.on_grid(grid).hu, grid),  # without the series it is of
        lesion=ground.lesion,
        structures=request.structures.on_grid(grid),
        box=grid,
    )


def follow(
    ground: Ground, placements: Sequence[Placement], protocol: tuple[Phase, ...]
) -> Following:
    """Return what follows a simulation step by step.

    Parameters
    ----------
    ground : Ground
        Of the patient.
    placements : sequence of Placement
        The devices.
    protocol : tuple of Phase
        What is done.

    Returns
    -------
    Following
        Its ``watch`` is told of every step.
    """
    return Following(
        ground.lesion,
        ground.wanted,
        Exposure(ground.grid, ground.neighbours),
        ground.patient.medium.thaws_at_c(),
        is_cold=placements[0].device.technique == "cryoablation",
        protocol=protocol,
    )


def run(
    ground: Ground,
    placements: Sequence[Placement],
    protocol: tuple[Phase, ...],
    watch: Watch,
    places: Sequence[Place] = (),
    progress: Progress = SILENT,
    pace: Pace = EXACT,
) -> Outcome:
    """Simulate devices on ground that is ready.

    Parameters
    ----------
    ground : Ground
        Of the patient.
    placements : sequence of Placement
        The devices.
    protocol : tuple of Phase
        What is done.
    watch : callable
        Told of every step.
    places : sequence of Place
        Whose temperature is followed.
    progress : Progress
        Told of every step; cancels between steps.
    pace : Pace
        How long steps may be.

    Returns
    -------
    Outcome
        Of the solver.
    """
    medium = ground.patient.medium
    task = Simulation(
        grid=ground.grid,
        medium=medium,
        boundary=Boundary(),
        initial_c=BODY_C,
        applicators=(
            *device_applicators(ground.grid, medium, placements),
            Air(ground.grid, ground.patient.mask("air")),
        ),
        protocol=protocol,
        points_lps_mm=as_points([place.lps_mm for place in places]),
        lethal_cold_c=thermal_limits().lethal_cold_c,
        watch=watch,
        pace=pace,
    )
    return simulate(task, progress)


def _thermocouples(request: TreatmentRequest, grid: Grid) -> list[Place]:
    """Return the thermocouples that lie in the box, or refuse those that do not."""
    outside = [
        Problem(
            code="outside_box",
            message=f"the thermocouple '{one.name}' lies outside the simulated box; move it nearer",
            where=f"thermocouples.{n}",
        )
        for n, one in enumerate(request.thermocouples)
        if grid.nearest(one.lps_mm) is None
    ]
    if outside:
        raise PlanningError(outside)
    return [Place(one.name, one.lps_mm, is_thermocouple=True) for one in request.thermocouples]


def _probes(placements: Sequence[Placement]) -> tuple[Probe, ...]:
    return tuple(
        Probe(device=p.device.id, tip_lps_mm=p.tip_lps_mm, axis_lps=p.axis_lps) for p in placements
    )


def _near(request: TreatmentRequest, placements: Sequence[Placement]) -> tuple[ProbeNear, ...]:
    """Return what probes come near to, save what fluid or gas pushes away."""
    pushed = {one.structure for one in request.dissections}
    return tuple(
        one for one in probes_near(placements, request.structures) if one.structure not in pushed
    )


def _criteria(ground: Ground, outcome: Outcome, *, cold: bool) -> tuple[CriterionRow, ...]:
    """Return what each criterion of death kills, side by side; a cooled shaft leaves no hole."""
    zones: list[tuple[str, BoolArray]] = []
    if cold:
        zones += [(f"isotherm_{c:.0f}", outcome.coldest_c <= c) for c in COLD_ISOTHERMS_C]
    else:
        zones += [
            ("arrhenius", outcome.omega >= OMEGA_LETHAL),
            ("cem43_240", outcome.cem43_min >= CEM43_LETHAL_MIN),
            ("three_state", outcome.dead_by_three_states),
        ]
        zones += [(f"isotherm_{c:.0f}", outcome.hottest_c >= c) for c in HOT_ISOTHERMS_C]
    zones = [
        (name, np.asarray(scipy.ndimage.binary_fill_holes(zone), dtype=bool))
        for name, zone in zones
    ]
    return tuple(
        CriterionRow.model_validate(
            {
                "criterion": name,
                "volume_ml": float((zone & ground.body).sum()) * ground.grid.voxel_ml,
                "coverage_percent": percent(zone, ground.lesion),
                "coverage_with_margin_percent": percent(zone, ground.wanted),
            }
        )
        for name, zone in zones
    )


def _isotherms(
    grid: Grid, outcome: Outcome, first: Placement, *, cold: bool
) -> tuple[IsothermAnswer, ...]:
    rows = []
    for level_c in COLD_ISOTHERMS_C if cold else HOT_ISOTHERMS_C:
        found = isotherm(
            grid, Boundary(), outcome.active_c, level_c, hot=not cold, axis_lps=first.axis_lps
        )
        rows.append(
            IsothermAnswer(
                temperature_c=level_c,
                volume_ml=found.volume_ml,
                length_mm=found.length_mm,
                width_mm=found.width_mm,
            )
        )
    return tuple(rows)


def _vector(place: FloatArray) -> Vector:
    x, y, z = (float(n) for n in place)
    return x, y, z
