"""Applicators and media put together for the solver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from imaging.document import Vector
from imaging.geometry import FloatArray, Grid, unit
from planning.ablation.devices import Device
from planning.ablation.scenario.parts import ApplicatorPart, MediumPart, SourcePart
from planning.ablation.solver.applicators import (
    Applicator,
    Cryoprobe,
    CryoSurface,
    HeatedPoints,
    HeldShape,
    ball_points,
    rod_points,
    shell_points,
)
from planning.ablation.solver.embedding import Shape
from planning.ablation.solver.materials import (
    Material,
    Medium,
    material_of_properties,
    tissue_material,
)
from planning.ablation.solver.microwave import Antenna
from planning.ablation.solver.protocol import Phase
from planning.ablation.solver.radiofrequency import Generator, Limits, Pole

WIRE_PIECES = 4  # straight pieces of a tine
HEATED_POINTS = {"ball": ball_points, "rod": rod_points, "shell": shell_points}
ROOM_COOLANT_W_M2_K = 2000.0  # between coolant and tissue where the table says nothing [BG]


@dataclass(frozen=True)
class Placement:
    """A device and where it is.

    Parameters
    ----------
    device : Device
        Of the table.
    tip_lps_mm : tuple of float
        Distal end.
    axis_lps : tuple of float
        From tip to hub.
    """

    device: Device
    tip_lps_mm: Vector
    axis_lps: Vector

    def active(self, start_mm: float, length_mm: float) -> Shape:
        """Return a piece of the shaft.

        Parameters
        ----------
        start_mm, length_mm : float
            From the tip along the axis.

        Returns
        -------
        Shape
            With the radius of the shaft.
        """
        start = np.asarray(self.tip_lps_mm) + start_mm * unit(self.axis_lps)
        tip = (float(start[0]), float(start[1]), float(start[2]))
        return Shape(tip, self.axis_lps, self.device.diameter_mm / 2.0, length_mm)

    def extent_lps_mm(self) -> FloatArray:
        """Return two corners of a box that holds the inserted end with its wires, shape (2, 3)."""
        axis, tip = unit(self.axis_lps), np.asarray(self.tip_lps_mm, dtype=float)
        ends = np.array([tip, tip + axis * self.device.insertion_mm])
        reach_mm = self.device.reach_mm if self.device.tines else 0.0
        spread = reach_mm * np.sqrt(np.maximum(1.0 - axis**2, 0.0))  # across the axis
        extent: FloatArray = np.array([ends.min(axis=0) - spread, ends.max(axis=0) + spread])
        return extent

    def inserted(self) -> list[Shape]:
        """Return all that lies in the tissue up to the hub end of the active part."""
        if self.device.tines:
            return _wires(self)
        return [self.active(0.0, self.device.insertion_mm)]


def uniform_medium(part: MediumPart, grid: Grid) -> Medium:
    """Return the medium of a scenario without CT.

    Parameters
    ----------
    part : MediumPart
        Tissue, properties or layers.
    grid : Grid
        Of the simulation.

    Returns
    -------
    Medium
        Of every cell; layers are told apart by the cells' centres.
    """
    if part.layers is None:
        return Medium.uniform(_material(part.tissue, part.properties, linear=False), grid.size_kji)
    materials = tuple(
        _material(layer.tissue, layer.properties, linear=True) for layer in part.layers
    )
    i = np.arange(grid.size_kji[2])
    x_mm = grid.to_lps(np.stack([0 * i, 0 * i, i], axis=1))[:, 0]
    ends = np.array([layer.until_mm for layer in part.layers[:-1]])
    layer_of = np.searchsorted(ends, x_mm, side="left").astype(np.uint8)
    index = np.broadcast_to(layer_of, grid.size_kji).copy()
    return Medium(materials, index)


def _material(tissue: str | None, properties: object, *, linear: bool) -> Material:
    if tissue is not None:
        return tissue_material(tissue, linear=linear)
    return material_of_properties("properties", properties)  # type: ignore[arg-type]


def source_applicators(
    grid: Grid,
    medium: Medium,
    parts: Sequence[ApplicatorPart],
    protocol: Sequence[Phase],
) -> list[Applicator]:
    """Return the applicators of the idealised sources.

    Parameters
    ----------
    grid : Grid
        Of the simulation.
    medium : Medium
        Of every cell.
    parts : sequence of ApplicatorPart
        Those without a source are left out.
    protocol : sequence of Phase
        Says what electrodes without own voltage get.

    Returns
    -------
    list of Applicator
        All electrode spheres are on one generator.
    """
    result: list[Applicator] = []
    poles: list[Pole] = []
    for part in parts:
        source = part.source
        if source is None:
            continue
        shape = _source_shape(part, source)
        if source.kind in HEATED_POINTS:
            points = HEATED_POINTS[source.kind](grid, shape)
            result.append(HeatedPoints(grid, shape, points, source.power_w))
        elif source.kind == "electrode_sphere":
            level = source.voltage_v if source.voltage_v is not None else _first_voltage(protocol)
            poles.append(Pole(shape, level))
        else:
            result.append(HeldShape(grid, shape, source.temperature_c))
    if poles:
        result.append(Generator(grid, medium, poles, grounded=True, limits=Limits()))
    return result


def _first_voltage(protocol: Sequence[Phase]) -> float:
    given = [phase.voltage_v for phase in protocol if phase.voltage_v]
    return given[0] if given else 1.0


def _source_shape(part: ApplicatorPart, source: SourcePart) -> Shape:
    return Shape(part.tip_lps_mm, part.axis_lps, source.radius_mm, source.length_mm or 0.0)


def device_applicators(
    grid: Grid, medium: Medium, placements: Sequence[Placement]
) -> list[Applicator]:
    """Return the applicators of devices.

    Parameters
    ----------
    grid : Grid
        Of the simulation.
    medium : Medium
        Of every cell.
    placements : sequence of Placement
        Where they are; monopolar electrodes share one generator, and so do bipolar ones.

    Returns
    -------
    list of Applicator
        In the order probes, antennas, generators.
    """
    result: list[Applicator] = []
    for placement in placements:
        device = placement.device
        if device.geometry == "cryoprobe":
            result.append(_cryoprobe(grid, placement))
        elif device.geometry == "antenna":
            result.append(_antenna(grid, medium, placement))
    for geometries in (("monopolar", "multi_tined"), ("bipolar",)):
        group = [p for p in placements if p.device.geometry in geometries]
        if group:
            result.append(_generator(grid, medium, group))
    return result


def _cryoprobe(grid: Grid, placement: Placement) -> Cryoprobe:
    device = placement.device
    surface = CryoSurface(
        coldest_c=_needed(device.coldest_c),
        proximal_rise_k=device.proximal_rise_k,
        coefficient_w_m2_k=_needed(device.coefficient_w_m2_k),
        cooling_power_w=_needed(device.cooling_power_w),
        thaw_c=_needed(device.thaw_c),
    )
    shape = placement.active(device.inactive_tip_mm, device.active_length_mm)
    return Cryoprobe(grid, shape, surface)


def _antenna(grid: Grid, medium: Medium, placement: Placement) -> Antenna:
    device = placement.device
    return Antenna(
        grid,
        medium,
        placement.active(device.inactive_tip_mm, device.active_length_mm),
        power_w=device.default_protocol[0].power_w or _needed(device.most_power_w),
        efficiency=device.efficiency,
        coolant_c=device.coolant_c,
        coefficient_w_m2_k=device.coolant_coefficient_w_m2_k or ROOM_COOLANT_W_M2_K,
    )


def _generator(grid: Grid, medium: Medium, placements: Sequence[Placement]) -> Generator:
    poles: list[Pole] = []
    for placement in placements:
        device = placement.device
        cooling = (device.coolant_c, device.coolant_coefficient_w_m2_k or ROOM_COOLANT_W_M2_K)
        if device.geometry == "multi_tined":
            poles += [Pole(shape, 1.0) for shape in _wires(placement)]
            continue
        if device.geometry == "monopolar":
            shape = placement.active(device.inactive_tip_mm, device.active_length_mm)
            poles.append(Pole(shape, 1.0, *cooling))
            continue
        half = 0.5 * (device.active_length_mm - device.gap_mm)
        start = device.inactive_tip_mm
        poles.append(Pole(placement.active(start, half), 0.5, *cooling))
        proximal = placement.active(start + half + device.gap_mm, half)
        poles.append(Pole(proximal, -0.5, *cooling))
    first = placements[0].device
    count = len(placements)
    limits = Limits(
        power_w=_times(first.most_power_w, count),
        current_a=_times(first.most_current_a, count),
        voltage_v=first.most_voltage_v,
        target_c=first.target_c,
    )
    grounded = first.geometry != "bipolar"
    return Generator(grid, medium, poles, grounded=grounded, limits=limits)


def _wires(placement: Placement) -> list[Shape]:
    """Return the bare end of a multi-tined electrode's shaft and its wires, in straight pieces.

    A wire leaves along the axis and turns outward on an arc: at the angle t it has gone ahead in
    proportion to sin t and outward in proportion to 1 − cos t.
    """
    device, axis = placement.device, unit(placement.axis_lps)
    depth_mm, reach_mm = _needed(device.array_depth_mm), device.reach_mm
    side = unit(np.cross(axis, np.eye(3)[int(np.argmin(np.abs(axis)))]))
    other = np.cross(axis, side)
    shaft_end = np.asarray(placement.tip_lps_mm) + depth_mm * axis
    sweep = np.radians(device.tine_sweep_deg)
    turn = np.linspace(0.0, sweep, WIRE_PIECES + 1)
    ahead = depth_mm * np.sin(turn) / np.sin(min(sweep, 0.5 * np.pi))
    outward = reach_mm * (1.0 - np.cos(turn)) / (1.0 - np.cos(sweep))
    result = []
    if device.active_length_mm > depth_mm:
        result.append(placement.active(depth_mm, device.active_length_mm - depth_mm))
    for n in range(device.tines):
        around = 2.0 * np.pi * n / device.tines
        out = np.cos(around) * side + np.sin(around) * other
        points = shaft_end + outward[:, None] * out - ahead[:, None] * axis
        for start, end in pairwise(points):
            along = end - start
            result.append(
                Shape(
                    (float(start[0]), float(start[1]), float(start[2])),
                    (float(along[0]), float(along[1]), float(along[2])),
                    0.5 * _needed(device.tine_diameter_mm),
                    float(np.linalg.norm(along)),
                )
            )
    return result


def _times(value: float | None, count: int) -> float | None:
    return None if value is None else value * count


def _needed(value: float | None) -> float:
    if value is None:
        message = "the device table lacks a value that this geometry needs"
        raise ValueError(message)
    return value
