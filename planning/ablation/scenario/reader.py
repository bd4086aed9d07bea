"""A scenario as a file says it: read, checked whole, every problem told at once."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from imaging.document import Vector
from imaging.errors import Problem
from imaging.geometry import FloatArray, Grid, unit
from planning.ablation.assembly import Placement
from planning.ablation.devices import Device, devices
from planning.ablation.scenario.parts import (
    ApplicatorPart,
    BoundaryPart,
    FacePart,
    GridPart,
    LayerPart,
    MediumPart,
    PhasePart,
    SourcePart,
    Strict,
)
from planning.ablation.solver.heat import FACES, Boundary
from planning.ablation.solver.materials import MOST_MATERIALS, Properties, tissues
from planning.ablation.solver.protocol import ACTIVE, OFF, Mode, Phase
from planning.errors import PlanningError

BYTES_PER_CELL = 120  # fields of the solver, of damage and of the potential
MEMORY_SHARE = 0.8  # of the free memory that a simulation may take
MOST_CELLS_PER_AXIS = 100_000
KEYS = (
    "grid",
    "medium",
    "initial_c",
    "boundary",
    "applicators",
    "protocol",
    "points_lps_mm",
    "isotherms_c",
)
Part = TypeVar("Part")


@dataclass(frozen=True)
class Scenario:
    """A scenario without a problem.

    Parameters
    ----------
    grid : Grid or None
        None where the CT says it.
    medium : MediumPart
        What fills it.
    initial_c : float
        Everywhere at the start.
    boundary : Boundary
        Of the box.
    applicators : tuple of ApplicatorPart
        What heats or cools.
    protocol : tuple of Phase
        At least one.
    points_lps_mm : tuple of Vector
        Followed.
    isotherms_c : tuple of float
        Measured.
    """

    grid: Grid
    medium: MediumPart
    initial_c: float
    boundary: Boundary
    applicators: tuple[ApplicatorPart, ...]
    protocol: tuple[Phase, ...]
    points_lps_mm: tuple[Vector, ...]
    isotherms_c: tuple[float, ...]


class _Reader:
    """Reads the parts of a scenario and keeps every problem."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.problems: list[Problem] = []

    def refuse(self, code: str, message: str, key: str = "") -> None:
        """Keep a problem of a key."""
        place = f"{self.where}: {key}" if key and self.where else key or self.where
        self.problems.append(Problem(code=code, message=message, where=place))

    def part(self, kind: type[Part], value: Any, key: str) -> Part | None:  # noqa: ANN401 - JSON
        """Validate a part; on problems keep them all and return None."""
        try:
            return TypeAdapter(kind).validate_json(json.dumps(value))
        except ValidationError as error:
            for row in error.errors(include_url=False):
                place = ".".join([key, *(str(n) for n in row["loc"])])
                code = "unknown_key" if row["type"] == "extra_forbidden" else "bad_value"
                if row["type"] == "missing":
                    code = "missing_key"
                self.refuse(code, f"{place}: {_told(row['type'], row['msg'])}", place)
            return None

    def parts(self, kind: type[Part], values: Any, key: str) -> list[Part | None]:  # noqa: ANN401
        """Validate a list of parts."""
        if not isinstance(values, list):
            self.refuse("bad_value", f"{key} is a list; write it in square brackets", key)
            return []
        return [self.part(kind, value, f"{key}.{n}") for n, value in enumerate(values)]


def _told(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "this key is not known; remove it or correct its spelling"
    if kind == "missing":
        return "this key is needed; add it"
    return f"{message[0].lower()}{message[1:]}; correct the value"


def read_scenario_file(path: Path) -> Scenario:
    """Read and check a scenario.

    Parameters
    ----------
    path : pathlib.Path
        A JSON file.

    Returns
    -------
    Scenario
        Without a problem.

    Raises
    ------
    PlanningError
        With every problem found.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError:
        message = "the scenario cannot be read; check the path and its permissions"
        raise PlanningError(
            Problem(code="unreadable_file", message=message, where=str(path))
        ) from None
    except (ValueError, RecursionError):
        message = "the scenario is not a JSON document; write it as docs and --help show"
        raise PlanningError(Problem(code="not_json", message=message, where=str(path))) from None
    return read_scenario(data, path.name, path.parent)


def read_scenario(data: Any, where: str = "", folder: Path | None = None) -> Scenario:  # noqa: ANN401
    """Check a scenario.

    Parameters
    ----------
    data : object
        As JSON holds it.
    where : str
        Its file, for messages.
    folder : pathlib.Path, optional
        That paths inside it start from.

    Returns
    -------
    Scenario
        Without a problem.

    Raises
    ------
    PlanningError
        With every problem found.
    """
    reader = _Reader(where)
    if not isinstance(data, dict):
        reader.refuse("bad_value", "a scenario is a JSON object; see the manual for its keys")
        raise PlanningError(reader.problems)
    for key in data:
        if key not in KEYS:
            reader.refuse("unknown_key", f"{key}: this key is not known; remove it", str(key))
    grid = _read_grid(reader, data)
    medium = _read_medium(reader, data, folder)
    initial = reader.part(_Number, {"value": data.get("initial_c", 37.0)}, "initial_c")
    boundary = _read_boundary(reader, data.get("boundary", {"kind": "fixed", "temperature_c": 37}))
    applicators = reader.parts(ApplicatorPart, data.get("applicators", []), "applicators")
    _check_applicators(reader, applicators, grid)
    protocol = _read_protocol(reader, data, applicators)
    _check_media(reader, medium, applicators)
    points = reader.parts(_Place, _wrapped(data.get("points_lps_mm", [])), "points_lps_mm")
    levels = reader.parts(_Number, _wrapped(data.get("isotherms_c", [])), "isotherms_c")
    for n, point in enumerate(points):
        if grid is not None and point is not None and not inside_box(grid, point.value):
            key = f"points_lps_mm.{n}"
            reader.refuse("outside_grid", f"{key} lies outside the grid; move it inside", key)
    if reader.problems or grid is None or medium is None or initial is None or boundary is None:
        raise PlanningError(reader.problems)
    return Scenario(
        grid=grid,
        medium=medium,
        initial_c=initial.value,
        boundary=boundary,
        applicators=tuple(a for a in applicators if a is not None),
        protocol=tuple(protocol),
        points_lps_mm=tuple(p.value for p in points if p is not None),
        isotherms_c=tuple(v.value for v in levels if v is not None),
    )


class _Number(Strict):
    value: float = Field(ge=-273.15, le=3000, allow_inf_nan=False)


class _Place(Strict):
    value: Vector


def _wrapped(values: Any) -> Any:  # noqa: ANN401 - JSON
    return [{"value": value} for value in values] if isinstance(values, list) else values


def inside_box(grid: Grid, point_lps_mm: Vector) -> bool:
    """Tell whether a place lies in the box of a grid, faces included.

    Parameters
    ----------
    grid : Grid
        Of the box.
    point_lps_mm : tuple of float
        LPS millimetres.

    Returns
    -------
    bool
        True inside.
    """
    kji = grid.to_kji(point_lps_mm)
    edge = 1e-9
    return bool((kji >= -0.5 - edge).all() and (kji <= np.array(grid.size_kji) - 0.5 + edge).all())


def _read_grid(reader: _Reader, data: dict[str, Any]) -> Grid | None:
    if "grid" not in data:
        reader.refuse("missing_key", "grid: this key is needed; add it", "grid")
        return None
    part = reader.part(GridPart, data["grid"], "grid")
    if part is None:
        return None
    if not all(math.isfinite(s) and s > 0 for s in part.size_mm):
        reader.refuse("bad_value", "grid.size_mm: give three lengths above 0", "grid.size_mm")
        return None
    counts = part.counts_xyz()
    cells = float(np.prod([float(n) for n in counts]))
    if cells * BYTES_PER_CELL > MEMORY_SHARE * free_memory() or max(counts) > MOST_CELLS_PER_AXIS:
        message = (
            f"a grid of {' × '.join(str(n) for n in counts)} cells needs more memory than there "
            "is; take a coarser spacing_mm or a smaller size_mm"
        )
        reader.refuse("grid_too_large", message, "grid")
        return None
    return part.grid()


def free_memory() -> float:
    """Return the bytes of memory that can still be taken, or 4 GiB where the system will not say.

    Returns
    -------
    float
        Bytes.
    """
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return float(line.split()[1]) * 1024.0
    except (OSError, ValueError, IndexError):
        pass
    return 4.0 * 2**30


def _read_medium(reader: _Reader, data: dict[str, Any], folder: Path | None) -> MediumPart | None:
    if "medium" not in data:
        reader.refuse("missing_key", "medium: this key is needed; add it", "medium")
        return None
    part = reader.part(MediumPart, data["medium"], "medium")
    if part is None:
        return None
    given = [k for k in ("tissue", "properties", "layers", "ct") if getattr(part, k) is not None]
    if len(given) != 1:
        message = "medium: give exactly one of tissue, properties, layers, ct"
        reader.refuse("bad_value", message, "medium")
        return part
    _check_tissue(reader, part.tissue, "medium.tissue")
    _check_properties(reader, part.properties, "medium.properties")
    _check_layers(reader, part.layers)
    if part.ct is None:
        extra = [k for k in ("lesion", "structures", "names") if getattr(part, k) is not None]
        for key in extra:
            reader.refuse("bad_value", f"medium.{key} belongs to a ct; remove it", f"medium.{key}")
        return part
    found = {k: getattr(part, k) for k in ("ct", "lesion", "structures", "names")}
    base = folder if folder is not None else Path()
    for key, value in found.items():
        if value is None:
            continue
        if not (base / value).exists():
            message = f"medium.{key}: {value} does not exist; check the path"
            reader.refuse("unreadable_file", message, f"medium.{key}")
        found[key] = str(base / value)
    return part.model_copy(update=found)


def _check_tissue(reader: _Reader, tissue: str | None, key: str) -> None:
    if tissue is not None and tissue not in tissues():
        message = f"{key}: '{tissue}' is not in the table; known are {', '.join(tissues())}"
        reader.refuse("unknown_tissue", message, key)


def _check_properties(reader: _Reader, properties: Properties | None, key: str) -> None:
    if properties is None:
        return
    upper, lower = properties.freezing_from_c, properties.freezing_to_c
    frozen = (properties.frozen_conductivity_w_m_k, properties.frozen_specific_heat_j_kg_k)
    needs = properties.latent_heat_j_m3 > 0 or any(value is not None for value in frozen)
    if (upper is None) != (lower is None) or (needs and upper is None):
        message = f"{key}: freezing needs its range; give both freezing_from_c and freezing_to_c"
        reader.refuse("freezing_range", message, key)
    elif upper is not None and lower is not None and upper < lower:
        message = f"{key}: freezing_from_c is the upper end; it must not be below freezing_to_c"
        reader.refuse("freezing_range", message, key)


def _check_layers(reader: _Reader, layers: tuple[LayerPart, ...] | None) -> None:
    if layers is None:
        return
    if not 1 <= len(layers) <= MOST_MATERIALS:
        message = f"medium.layers: give 1 to {MOST_MATERIALS} layers"
        reader.refuse("bad_value", message, "medium.layers")
    for n, layer in enumerate(layers):
        key = f"medium.layers.{n}"
        if (layer.tissue is None) == (layer.properties is None):
            reader.refuse("bad_value", f"{key}: give either tissue or properties", key)
        _check_tissue(reader, layer.tissue, f"{key}.tissue")
        _check_properties(reader, layer.properties, f"{key}.properties")
        if n and layer.until_mm <= layers[n - 1].until_mm:
            message = f"{key}.until_mm must lie above that of the layer before"
            reader.refuse("bad_value", message, f"{key}.until_mm")


def _read_boundary(reader: _Reader, value: Any) -> Boundary | None:  # noqa: ANN401 - JSON
    part = reader.part(BoundaryPart, value, "boundary")
    if part is None:
        return None
    if part.kind is None and part.faces is None:
        reader.refuse("missing_key", "boundary: give kind or faces", "boundary")
        return None
    whole = FacePart(kind=part.kind or "insulated", temperature_c=part.temperature_c)
    levels: list[float | None] = []
    for name in FACES:
        face, key = whole, "boundary"
        if part.faces is not None and (part.kind is None or name in part.faces.model_fields_set):
            face, key = getattr(part.faces, name), f"boundary.faces.{name}"
        if face.kind == "fixed" and face.temperature_c is None:
            message = f"{key}: a fixed face needs temperature_c; add it"
            if not any(problem.message == message for problem in reader.problems):
                reader.refuse("missing_key", message, key)
        levels.append(face.temperature_c if face.kind == "fixed" else None)
    return Boundary(tuple(levels))


def _check_applicators(
    reader: _Reader, applicators: list[ApplicatorPart | None], grid: Grid | None
) -> None:
    for n, part in enumerate(applicators):
        if part is None:
            continue
        key = f"applicators.{n}"
        if (part.device is None) == (part.source is None):
            reader.refuse("bad_value", f"{key}: give either device or source", key)
            continue
        if not np.linalg.norm(part.axis_lps) > 0:
            message = f"{key}.axis_lps: a direction needs a length above zero"
            reader.refuse("zero_axis", message, f"{key}.axis_lps")
            continue
        if part.device is not None and part.device not in devices():
            message = f"{key}.device: '{part.device}' is not in the table; see osteoplan devices"
            reader.refuse("unknown_device", message, f"{key}.device")
            continue
        if part.source is not None:
            _check_source(reader, part.source, key)
        if grid is not None and not _meets_box(part, grid):
            message = f"{key} lies outside the grid; move it inside, or enlarge the grid"
            reader.refuse("outside_grid", message, key)
    _check_overlaps(reader, applicators)


SOURCE_KEYS = {
    "sphere": {"temperature_c"},
    "cylinder": {"length_mm", "temperature_c"},
    "ball": {"power_w"},
    "rod": {"length_mm", "power_w"},
    "shell": {"power_w"},
    "electrode_sphere": {"voltage_v"},
}


def _check_source(reader: _Reader, source: SourcePart, key: str) -> None:
    for name in sorted({"length_mm", "temperature_c", "power_w", "voltage_v"}):
        if getattr(source, name) is not None and name not in SOURCE_KEYS[source.kind]:
            message = f"{key}.source.{name} means nothing for a {source.kind}; remove it"
            reader.refuse("bad_value", message, f"{key}.source.{name}")
    if "length_mm" in SOURCE_KEYS[source.kind] and source.length_mm is None:
        message = f"{key}.source.length_mm: a {source.kind} needs its length; add it"
        reader.refuse("missing_key", message, f"{key}.source.length_mm")


def _extent(part: ApplicatorPart) -> tuple[FloatArray, FloatArray, float]:
    """Return the ends of the axis of an applicator and its radius."""
    start = np.array(part.tip_lps_mm)
    if part.source is not None:
        length = part.source.length_mm or 0.0
        return start, start + unit(part.axis_lps) * length, part.source.radius_mm
    device = devices()[str(part.device)]
    return start, start + unit(part.axis_lps) * device.insertion_mm, device.reach_mm


def _meets_box(part: ApplicatorPart, grid: Grid) -> bool:
    """Tell whether a device lies inside the box, or an idealised source touches it."""
    start, end, radius = _extent(part)
    corners = grid.corners_lps_mm()
    low, high = corners.min(axis=0), corners.max(axis=0)
    edge = 1e-9
    if part.device is not None:
        placed = Placement(devices()[part.device], part.tip_lps_mm, part.axis_lps)
        ends = placed.extent_lps_mm()
        return bool((ends >= low - edge).all() and (ends <= high + edge).all())
    steps = np.linspace(0.0, 1.0, 513)[:, None]
    line = start + steps * (end - start)
    outside = np.maximum(np.maximum(low - line, line - high), 0.0)
    slack = 0.5 * float(np.linalg.norm(end - start)) / 512.0
    return bool(np.linalg.norm(outside, axis=1).min() < radius + slack)


def _check_overlaps(reader: _Reader, applicators: list[ApplicatorPart | None]) -> None:
    known = [
        (n, part)
        for n, part in enumerate(applicators)
        if part is not None
        and (part.device is None) != (part.source is None)
        and (part.device is None or part.device in devices())
        and (part.source is None or "power_w" not in SOURCE_KEYS[part.source.kind])
        and np.linalg.norm(part.axis_lps) > 0
    ]
    for position, (n, first) in enumerate(known):
        for m, second in known[position + 1 :]:
            a, b, first_radius = _extent(first)
            c, d, second_radius = _extent(second)
            if segment_distance(a, b, c, d) < first_radius + second_radius - 1e-9:
                message = f"applicators.{n} and applicators.{m} run through each other; part them"
                reader.refuse("applicators_cross", message, f"applicators.{m}")


def segment_distance(a: FloatArray, b: FloatArray, c: FloatArray, d: FloatArray) -> float:
    """Return the least distance between two straight pieces.

    Parameters
    ----------
    a, b : numpy.ndarray
        Ends of the first, millimetres.
    c, d : numpy.ndarray
        Ends of the second.

    Returns
    -------
    float
        Millimetres; 0 where they meet.
    """
    u, v, w = b - a, d - c, a - c
    uu, uv, vv, uw, vw = u @ u, u @ v, v @ v, u @ w, v @ w
    denominator = uu * vv - uv * uv
    inner = float(np.clip((uv * vw - vv * uw) / denominator, 0, 1)) if denominator > 0 else 0.0
    best = np.inf
    for first in (inner, 0.0, 1.0):  # the nearest pair starts inside, or at an end
        across = float(np.clip((uv * first + vw) / vv, 0, 1)) if vv > 0 else 0.0
        along = float(np.clip((uv * across - uw) / uu, 0, 1)) if uu > 0 else 0.0
        best = min(best, float(np.linalg.norm(w + along * u - across * v)))
    return best


def _read_protocol(
    reader: _Reader, data: dict[str, Any], applicators: list[ApplicatorPart | None]
) -> list[Phase]:
    whole = [part for part in applicators if part is not None]
    if "protocol" not in data:
        first = devices().get(whole[0].device or "") if whole else None
        if first is None:
            reader.refuse("missing_key", "protocol: this key is needed; add it", "protocol")
            return []
        return list(first.default_protocol)
    read = reader.parts(PhasePart, data["protocol"], "protocol")
    phases: list[Phase] = [phase for phase in read if phase is not None]
    if not read and isinstance(data["protocol"], list):
        reader.refuse("missing_key", "protocol: give at least one phase", "protocol")
    for n, phase in enumerate(read):
        if phase is not None:
            for part in whole:
                _check_phase(reader, phase, part, f"protocol.{n}")
    return phases


SOURCE_MODES = {
    "sphere": frozenset({Mode.FREEZE, Mode.HEAT, Mode.ACTIVE_THAW}),
    "cylinder": frozenset({Mode.FREEZE, Mode.HEAT, Mode.ACTIVE_THAW}),
    **dict.fromkeys(("ball", "rod", "shell"), frozenset({Mode.POWER, Mode.HEAT, Mode.FREEZE})),
    "electrode_sphere": frozenset(
        {Mode.VOLTAGE, Mode.POWER, Mode.CURRENT, Mode.HEAT, Mode.IMPEDANCE}
    ),
}


def _check_phase(reader: _Reader, phase: Phase, part: ApplicatorPart, key: str) -> None:
    """Check that a phase means something to an applicator, and stays within what it gives."""
    if (part.device is None) == (part.source is None) or phase.mode in OFF:
        return
    if part.source is not None:
        _check_source_phase(reader, phase, part.source, key)
        return
    device = devices().get(str(part.device))
    if device is None:
        return
    if phase.mode not in device.modes:
        message = f"{key}.mode: {device.id} has no '{phase.mode}'; it has {_listed(device.modes)}"
        reader.refuse("mode_not_possible", message, f"{key}.mode")
        return
    reader.problems += limit_problems(phase, device, key, reader.where)


def _listed(modes: frozenset[Mode]) -> str:
    return ", ".join(sorted(mode.value for mode in modes))


def _check_source_phase(reader: _Reader, phase: Phase, source: SourcePart, key: str) -> None:
    if phase.mode not in SOURCE_MODES[source.kind]:
        known = _listed(SOURCE_MODES[source.kind])
        message = f"{key}.mode: a {source.kind} has no '{phase.mode}'; it has {known}"
        reader.refuse("mode_not_possible", message, f"{key}.mode")
        return
    needed = {
        "sphere": ("temperature_c",),
        "cylinder": ("temperature_c",),
        **dict.fromkeys(("ball", "rod", "shell"), ("power_w",)),
        "electrode_sphere": {
            Mode.VOLTAGE: ("voltage_v",),
            Mode.POWER: ("power_w",),
            Mode.CURRENT: ("current_a",),
            Mode.HEAT: ("temperature_c",),
            Mode.IMPEDANCE: ("power_w",),
        }.get(phase.mode, ()),
    }[source.kind]
    for name in needed:
        if getattr(phase, name) is None and getattr(source, name, None) is None:
            message = f"{key}: {name} is given neither here nor by the source; add it"
            reader.refuse("missing_key", message, f"{key}.{name}")


def limit_problems(phase: Phase, device: Device, key: str, where: str = "") -> list[Problem]:
    """Return a problem for every value of a phase that a device cannot give.

    Parameters
    ----------
    phase : Phase
        What is asked.
    device : Device
        Of the table.
    key : str
        Place of the phase.
    where : str
        File, for messages.

    Returns
    -------
    list of Problem
        Empty when the device can do it.
    """
    reader = _Reader(where)
    limits = {
        "power_w": device.most_power_w,
        "current_a": device.most_current_a,
        "voltage_v": device.most_voltage_v,
    }
    for name, most in limits.items():
        value = getattr(phase, name)
        if value is None:
            continue
        if most is not None and value > most:
            message = f"{key}.{name}: {value:g} is beyond the {most:g} that {device.id} gives"
            reader.refuse("beyond_device", message, f"{key}.{name}")
        elif value < 0:
            message = f"{key}.{name}: a device gives no less than 0; correct the value"
            reader.refuse("bad_value", message, f"{key}.{name}")
    if phase.temperature_c is None:
        return reader.problems
    coldest = device.coldest_c
    if coldest is not None and phase.mode is Mode.FREEZE and phase.temperature_c < coldest:
        message = f"{key}.temperature_c: {device.id} reaches no less than {coldest:g} °C"
        reader.refuse("beyond_device", message, f"{key}.temperature_c")
    if phase.mode in ACTIVE and coldest is None and not 37.0 < phase.temperature_c <= 150.0:
        message = f"{key}.temperature_c: {device.id} is controlled between 37 and 150 °C"
        reader.refuse("beyond_device", message, f"{key}.temperature_c")
    return reader.problems


def _check_media(
    reader: _Reader, medium: MediumPart | None, applicators: list[ApplicatorPart | None]
) -> None:
    """Electrodes need a medium that conducts, antennas one whose dielectric values are known."""
    if medium is None:
        return
    written = [medium.properties] if medium.properties is not None else []
    written += [layer.properties for layer in medium.layers or () if layer.properties is not None]
    for n, part in enumerate(applicators):
        if part is None or not written:
            continue
        device = devices().get(part.device or "")
        key = f"applicators.{n}"
        electrode = part.source is not None and part.source.kind == "electrode_sphere"
        if electrode or (device is not None and device.technique == "radiofrequency"):
            if any(p.electrical_conductivity_s_m <= 0 for p in written):
                message = f"{key}: an electrode needs electrical_conductivity_s_m above 0"
                reader.refuse("missing_key", message, key)
        elif device is not None and device.technique == "microwave":
            message = f"{key}: an antenna needs tissues of the table; properties have no ε"
            reader.refuse("bad_value", message, key)
