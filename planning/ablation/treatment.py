"""What a treatment does to a patient: the lethal zone, what it covers, what it does next door."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import binary_fill_holes, distance_transform_edt, map_coordinates
from scipy.spatial import cKDTree

from imaging.document import Document, Vector
from imaging.errors import Problem
from imaging.geometry import BoolArray, FloatArray, Grid, read_only, unit
from imaging.progress import SILENT, Progress
from imaging.structures.model import Structures
from imaging.volume import Volume, mask_on_grid
from planning.ablation.assembly import Placement, device_applicators
from planning.ablation.devices import Device, devices
from planning.ablation.exposure import Exposure, NeighbourRow
from planning.ablation.limits import LimitChange, limit_of, thermal_limits
from planning.ablation.patient import check_in_body
from planning.ablation.scenario.answer import IsothermAnswer
from planning.ablation.solver.damage import OMEGA_LETHAL
from planning.ablation.solver.heat import Boundary
from planning.ablation.solver.isotherms import isotherm
from planning.ablation.solver.materials import BODY_C, Float32Array
from planning.ablation.solver.protocol import OFF, Phase
from planning.ablation.solver.simulation import Outcome, Simulation, as_points, simulate
from planning.ablation.tissues import PatientMedium, patient_medium, tissue_map
from planning.ablation.uncertainty.variation import Variation
from planning.errors import PlanningError

AROUND_MM = 25.0  # of tissue simulated beyond the lesion and the active parts
LEAST_BOX_MM, MOST_BOX_MM = 80.0, 200.0
CURVE_OFFSET_MM = 5.0  # from the shaft, of the curve at the probe's side
LEAST_OMEGA = 1e-12  # keeps the logarithm finite
COLD_ISOTHERMS_C = (0.0, -20.0, -40.0)
HOT_ISOTHERMS_C = (50.0, 60.0)


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
        Cells to simulate on; None takes those of :func:`treatment_grid`.
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
    placements, protocol = _checked(request)
    progress.update(0.0, "tissues")
    grid = request.box or treatment_grid(request, placements)
    volume = request.volume.on_grid(grid)
    lesion = mask_on_grid(request.lesion, request.volume.grid, grid)
    structures = request.structures.on_grid(grid)
    patient = patient_medium(tissue_map(volume, lesion, structures), request.variation)
    body = ~patient.mask("air")
    check_in_body(grid, body, placements)
    neighbours = _neighbours(structures, patient, lesion, request.limits)
    exposure = Exposure(grid, neighbours, request.limits)
    points = _curve_points(grid, placements, lesion, neighbours)
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
            "curves": _curves(points, outcome),
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
    placements, _ = _checked(request)
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


def _checked(request: TreatmentRequest) -> tuple[list[Placement], tuple[Phase, ...]]:
    """Return the placements and the protocol of a request that can be simulated."""
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
    protocol: tuple[Phase, ...] = ()
    if placements:
        protocol = request.protocol or placements[0].device.default_protocol
        problems += protocol_problems(protocol, [p.device for p in placements])
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


def treatment_grid(request: TreatmentRequest, placements: Sequence[Placement]) -> Grid:
    """Return the box that holds the lesion and the active parts with tissue around.

    Parameters
    ----------
    request : TreatmentRequest
        Gives lesion and spacing.
    placements : sequence of Placement
        Where the devices are.

    Returns
    -------
    Grid
        Along the patient's axes.

    Raises
    ------
    PlanningError
        When devices and lesion lie too far apart.
    """
    where = np.argwhere(request.lesion)
    corners = np.array([where.min(axis=0) - 0.5, where.max(axis=0) + 0.5])
    picks = np.array(np.meshgrid(*corners.T, indexing="ij")).reshape(3, -1).T
    points = [request.volume.grid.to_lps(picks)]
    for p in placements:
        tip = np.asarray(p.tip_lps_mm, dtype=float)
        hub = tip + unit(p.axis_lps) * p.device.insertion_mm
        points.append(np.array([tip, hub]))
    everything = np.concatenate(points)
    low, high = everything.min(axis=0) - AROUND_MM, everything.max(axis=0) + AROUND_MM
    size = np.maximum(high - low, LEAST_BOX_MM)
    if (size > MOST_BOX_MM).any():
        message = (
            "devices and lesion lie too far apart to be simulated together; place the devices "
            f"so that all fits a box of {MOST_BOX_MM:g} mm"
        )
        raise PlanningError(Problem(code="too_far_apart", message=message, where="applicators"))
    counts = np.ceil(size / request.spacing_mm).astype(int)
    first = 0.5 * (low + high) - 0.5 * (counts - 1) * request.spacing_mm
    i, j, k = (int(n) for n in counts)
    return Grid.aligned((k, j, i), request.spacing_mm, first)


def _neighbours(
    structures: Structures,
    patient: PatientMedium,
    lesion: BoolArray,
    changes: tuple[LimitChange, ...],
) -> dict[str, BoolArray]:
    """Return the structures in the box that have a limit, and the skin."""
    found = {}
    for name in structures.names():
        if limit_of(name, changes) is not None:
            found[name] = structures.mask(name) & ~lesion
    found["skin"] = patient.mask("skin")
    return {name: mask for name, mask in found.items() if mask.any()}


def lethal_field(outcome: Outcome, device: Device) -> FloatArray:
    """Return how far inside the lethal criterion every cell lies, zero at its edge.

    Cold: kelvin below the lethal isotherm. Heat: logarithm of Ω, which is lethal at 1.

    Parameters
    ----------
    outcome : Outcome
        Of the simulation.
    device : Device
        Tells the technique.

    Returns
    -------
    numpy.ndarray
        Shape of the grid; holes left by a cooled shaft count as inside.
    """
    if device.technique == "cryoablation":
        field = thermal_limits().lethal_cold_c - outcome.coldest_c.astype(float)
    else:
        field = np.log(np.clip(outcome.omega.astype(float) / OMEGA_LETHAL, LEAST_OMEGA, None))
    filled = np.asarray(binary_fill_holes(field >= 0), dtype=bool)
    result: FloatArray = np.where(filled, np.maximum(field, 1e-6), field)
    return result


def surface_points(field: FloatArray) -> FloatArray:
    """Return where a field crosses zero between neighbouring voxels.

    Parameters
    ----------
    field : numpy.ndarray
        Shape (k, j, i), above or at zero inside.

    Returns
    -------
    numpy.ndarray
        Shape (n, 3), in voxels.
    """
    found = []
    for axis in range(3):
        low: list[slice] = [slice(None)] * 3
        high: list[slice] = [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        first, second = field[tuple(low)], field[tuple(high)]
        crossing = np.nonzero((first >= 0) != (second >= 0))
        points = np.stack(crossing, axis=1).astype(float)
        points[:, axis] += first[crossing] / (first[crossing] - second[crossing])
        found.append(points)
    return np.concatenate(found)


def signed_margin_mm(lesion: BoolArray, field: FloatArray, spacing_mm: float) -> float | None:
    """Return the least signed distance from the lesion's surface to the lethal zone's.

    Surfaces are at the half level between voxels of the lesion, and where the field is zero.

    Parameters
    ----------
    lesion : numpy.ndarray
        Bool.
    field : numpy.ndarray
        Same shape; at or above zero inside the zone.
    spacing_mm : float
        Edge of a voxel.

    Returns
    -------
    float or None
        Above zero where the zone reaches beyond the lesion everywhere; below zero, how far lesion
        is left out; None without a zone or without a lesion.
    """
    edge = surface_points(np.where(lesion, 1.0, -1.0))
    zone = surface_points(field)
    if len(edge) == 0 or len(zone) == 0:
        return None
    distance = np.asarray(cKDTree(zone).query(edge)[0])
    inside = map_coordinates(field, edge.T, order=1, mode="nearest") >= 0
    return float(np.where(inside, distance, -distance).min()) * spacing_mm


def _percent(part: BoolArray, whole: BoolArray) -> float:
    return 100.0 * float((part & whole).sum()) / max(float(whole.sum()), 1.0)


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
        coverage_percent=_percent(zone, lesion),
        coverage_with_margin_percent=_percent(zone, wanted),
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


def _curve_points(
    grid: Grid,
    placements: Sequence[Placement],
    lesion: BoolArray,
    neighbours: dict[str, BoolArray],
) -> list[tuple[str, Vector]]:
    """Return the places whose temperature is followed: probe, lesion's border, neighbours."""
    first = placements[0]
    axis = unit(first.axis_lps)
    middle = np.asarray(first.tip_lps_mm) + axis * (
        first.device.inactive_tip_mm + 0.5 * first.device.active_length_mm
    )
    sideways = unit(np.cross(axis, np.eye(3)[int(np.argmin(np.abs(axis)))]))
    points = [("probe_side", middle + CURVE_OFFSET_MM * sideways)]
    if lesion.any():
        points.append(("lesion_border", _extreme(grid, lesion, placements, farthest=True)))
    for name, mask in neighbours.items():
        points.append((name, _extreme(grid, mask, placements, farthest=False)))
    return [(name, (float(p[0]), float(p[1]), float(p[2]))) for name, p in points]


def _extreme(
    grid: Grid, mask: BoolArray, placements: Sequence[Placement], *, farthest: bool
) -> FloatArray:
    """Return the voxel of a mask that lies farthest from, or nearest to, all active parts."""
    places = grid.to_lps(np.argwhere(mask))
    nearest = np.full(len(places), np.inf)
    for p in placements:
        start = np.asarray(p.tip_lps_mm) + unit(p.axis_lps) * p.device.inactive_tip_mm
        along = np.clip((places - start) @ unit(p.axis_lps), 0.0, p.device.active_length_mm)
        gap = places - start - along[:, None] * unit(p.axis_lps)
        nearest = np.minimum(nearest, np.linalg.norm(gap, axis=1))
    chosen: FloatArray = places[int(nearest.argmax() if farthest else nearest.argmin())]
    return chosen


def _curves(points: Sequence[tuple[str, Vector]], outcome: Outcome) -> tuple[Curve, ...]:
    times = tuple(float(t) for t in outcome.time_s)
    return tuple(
        Curve(
            name=name,
            lps_mm=place,
            time_s=times,
            temperature_c=tuple(float(t) for t in outcome.points_c[:, n]),
        )
        for n, (name, place) in enumerate(points)
    )
