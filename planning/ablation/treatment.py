"""What a treatment does to a patient: the lethal zone, what it covers, what it does next door."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scipy.ndimage import distance_transform_edt

from imaging.geometry import BoolArray, FloatArray, Grid, read_only
from imaging.progress import SILENT, Progress
from imaging.volume import mask_on_grid
from planning.ablation.assembly import Placement, device_applicators
from planning.ablation.coverage import lethal_field, percent, signed_margin_mm
from planning.ablation.exposure import Exposure
from planning.ablation.ground import neighbours_in, treatment_grid
from planning.ablation.limits import thermal_limits
from planning.ablation.patient import check_in_body
from planning.ablation.places import curve_points, curves_of
from planning.ablation.request import TreatmentRequest, checked_request
from planning.ablation.results import Treatment, TreatmentSummary
from planning.ablation.scenario.answer import IsothermAnswer
from planning.ablation.solver.heat import Boundary
from planning.ablation.solver.isotherms import isotherm
from planning.ablation.solver.materials import BODY_C
from planning.ablation.solver.simulation import Outcome, Simulation, as_points, simulate
from planning.ablation.tissues import patient_medium, tissue_map

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
    placements, protocol = checked_request(request)
    progress.update(0.0, "tissues")
    grid = request.box or treatment_grid(request, placements)
    volume = request.volume.on_grid(grid)
    lesion = mask_on_grid(request.lesion, request.volume.grid, grid)
    structures = request.structures.on_grid(grid)
    patient = patient_medium(tissue_map(volume, lesion, structures), request.variation)
    body = ~patient.mask("air")
    check_in_body(grid, body, placements)
    neighbours = neighbours_in(structures, patient, lesion, request.limits)
    exposure = Exposure(grid, neighbours, request.limits)
    points = curve_points(grid, placements, lesion, neighbours)
    boundary = Boundary()
    task = Simulation(
        grid=grid,
        medium=patient.medium,
        boundary=boundary,
        initial_c=BODY_C,
        applicators=tuple(device_applicators(grid, patient.medium, placements)),
        protocol=protocol,
        points_lps_mm=as_points([place for _, place in points]),
        lethal_cold_c=thermal_limits().lethal_cold_c,
        watch=exposure.watch,
    )
    outcome = simulate(task, progress.part(0.05, 0.98))
    field = lethal_field(outcome, placements[0].device)
    zone = (field >= 0) & (body | lesion)
    summary = _summary(request, placements, grid, lesion, body, field)
    summary = summary.model_copy(
        update={
            "neighbours": exposure.rows(outcome.hottest_c, outcome.coldest_c),
            "isotherms": _isotherms(grid, boundary, outcome, placements[0]),
            "curves": curves_of(points, outcome),
        }
    )
    progress.update(1.0, "done")
    return Treatment(
        grid=grid,
        temperature_c=outcome.active_c,
        hottest_c=outcome.hottest_c,
        coldest_c=outcome.coldest_c,
        cem43=outcome.cem43_min,
        arrhenius=outcome.omega,
        zone=read_only(zone),
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
    lesion = mask_on_grid(request.lesion, request.volume.grid, grid)
    small = replace(
        request,
        volume=request.volume.on_grid(grid),
        lesion=lesion,
        structures=request.structures.on_grid(grid),
        box=grid,
    )
    tissue = tissue_map(small.volume, lesion, small.structures)
    check_in_body(grid, ~patient_medium(tissue).mask("air"), placements)
    return small


def _summary(
    request: TreatmentRequest,
    placements: Sequence[Placement],
    grid: Grid,
    lesion: BoolArray,
    body: BoolArray,
    field: FloatArray,
) -> TreatmentSummary:
    zone = (field >= 0) & (body | lesion)
    around: FloatArray = distance_transform_edt(~lesion) * request.spacing_mm
    wanted = lesion | ((around <= request.margin_mm) & body)
    first = placements[0].device
    return TreatmentSummary(
        device=first.id,
        technique=first.technique,
        coverage_percent=percent(zone, lesion),
        coverage_with_margin_percent=percent(zone, wanted),
        min_margin_mm=signed_margin_mm(lesion, field, request.spacing_mm),
        neighbours=(),
        margin_mm=request.margin_mm,
        spacing_mm=request.spacing_mm,
        zone_ml=float(zone.sum()) * grid.voxel_ml,
        verified_device=all(p.device.verified for p in placements),
        isotherms=(),
        curves=(),
    )


def _isotherms(
    grid: Grid, boundary: Boundary, outcome: Outcome, first: Placement
) -> tuple[IsothermAnswer, ...]:
    cold = first.device.technique == "cryoablation"
    rows = []
    for level_c in COLD_ISOTHERMS_C if cold else HOT_ISOTHERMS_C:
        found = isotherm(
            grid, boundary, outcome.active_c, level_c, hot=not cold, axis_lps=first.axis_lps
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
