"""Files for 3D Slicer and for printing: paths and diameters as markups, masks, surfaces.

Nothing in them names the patient. Every file says its coordinates: LPS, millimetres.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.sr.coding import Code

from app.report.colours import LESION, NEEDLE, OTHER_NEEDLE, structure_colour
from app.report.dicom.segmentation import lesion_segment, zone_on_grid, zone_segment
from app.report.sections.zone_names import zone_names
from app.report.stl import lesion_stl, needle_stl, tip_stl
from imaging.dicom.segmentation_write import Segment, ascii_text
from imaging.document import Vector
from imaging.geometry import Grid
from imaging.structures.codes import structure_code
from imaging.structures.model import Structures
from planning.access.needles import needle_named
from planning.errors import PlanningError
from planning.plan import Case, Plan

SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/"
    "Schema/markups-schema-v1.0.3.json#"
)
SLICER_AXES = (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0)  # Slicer's RAS axes, told in LPS
PADDING_VOXELS = 2  # around a mask that is written without the rest of the CT
GZIP_WINDOW = 31  # zlib's number for a gzip stream
GZIP_LEVEL = 4


@dataclass(frozen=True)
class Named:
    """A label of a map and what it stands for.

    Parameters
    ----------
    label : int
        Its value.
    segment : Segment
        Name, codes and colour.
    """

    label: int
    segment: Segment


def slicer_files(case: Case) -> dict[str, bytes]:
    """Return the files of a plan for 3D Slicer, and its surfaces.

    Parameters
    ----------
    case : Case
        Any state; what it lacks has no file.

    Returns
    -------
    dict
        File name to content.
    """
    made: dict[str, bytes] = {}
    grid = case.plan.series.grid
    if case.plan.ways:
        made |= _paths(case.plan)
    lesion = case.plan.measures
    if lesion is not None:
        length, width = lesion.length_ends_lps_mm, lesion.width_ends_lps_mm
        made["lesion-length.mrk.json"] = line_markup("lesion length", length, ("L1", "L2"), LESION)
        made["lesion-width.mrk.json"] = line_markup("lesion width", width, ("W1", "W2"), LESION)
        made["lesion.mrk.json"] = point_markup("lesion", lesion.centroid_lps_mm, LESION)
    if case.lesion is not None and case.lesion.any():
        named = [Named(1, lesion_segment(clicked=bool(case.plan.seeds_lps_mm)))]
        made["lesion.seg.nrrd"] = cropped_seg_nrrd(case.lesion.view(np.uint8), grid, named)
        made["lesion.stl"] = lesion_stl(case.lesion, grid)
    if case.structures is not None and case.structures.table:
        made["structures.seg.nrrd"] = _structures(case.structures)
    rows = case.plan.simulation
    for name, row, field in zip(zone_names(rows), rows, case.fields, strict=True):
        zone = zone_on_grid(field, grid)
        if zone.any():
            named = [Named(1, zone_segment(row.device, row.technique))]
            made[f"zone-{name}.seg.nrrd"] = cropped_seg_nrrd(zone.view(np.uint8), grid, named)
    return made


def _paths(plan: Plan) -> dict[str, bytes]:
    made = {}
    try:
        diameter_mm = needle_named(plan.needle_used).diameter_mm
    except PlanningError:  # a needle that the table no longer has
        diameter_mm = None
    for one in plan.ways:
        chosen = one.rank == plan.chosen_rank
        name = f"path-{one.rank}-chosen" if chosen else f"path-{one.rank}"
        ends = (one.entry_lps_mm, one.target_lps_mm)
        colour = NEEDLE if chosen else OTHER_NEEDLE
        title = name.replace("-", " ")
        made[f"{name}.mrk.json"] = line_markup(title, ends, ("entry", "target"), colour)
        if diameter_mm is not None:
            made[f"{name}.stl"] = needle_stl(*ends, diameter_mm)
            made[f"{name}-tip.stl"] = tip_stl(one.target_lps_mm, diameter_mm)
    return made


def _rgb(colour: str) -> list[float]:
    return [int(colour[n : n + 2], 16) / 255.0 for n in (1, 3, 5)]


def _control_point(number: int, label: str, place_lps_mm: Vector) -> dict[str, object]:
    return {
        "id": str(number),
        "label": label,
        "description": "",
        "associatedNodeID": "",
        "position": [float(n) for n in place_lps_mm],
        "orientation": list(SLICER_AXES),
        "selected": True,
        "locked": False,
        "visibility": True,
        "positionStatus": "defined",
    }


def line_markup(
    name: str, ends_lps_mm: tuple[Vector, Vector], labels: tuple[str, str], colour: str
) -> bytes:
    """Return a line as a markups file.

    Parameters
    ----------
    name : str
        Shown beside it.
    ends_lps_mm : tuple of Vector
        First and second end.
    labels : tuple of str
        Of the ends.
    colour : str
        ``#RRGGBB``.

    Returns
    -------
    bytes
        JSON, markups schema 1.0.3.
    """
    points = list(zip(labels, ends_lps_mm, strict=True))
    length_mm = float(np.linalg.norm(np.subtract(ends_lps_mm[1], ends_lps_mm[0])))
    measured = {
        "name": "length",
        "enabled": True,
        "value": length_mm,
        "units": "mm",
        "printFormat": "%-#4.4g%s",
    }
    return _markups("Line", name, points, colour, [measured])


def point_markup(name: str, place_lps_mm: Vector, colour: str) -> bytes:
    """Return a point as a markups file.

    Parameters
    ----------
    name : str
        Shown beside it.
    place_lps_mm : Vector
        Where it is.
    colour : str
        ``#RRGGBB``.

    Returns
    -------
    bytes
        JSON, markups schema 1.0.3.
    """
    return _markups("Fiducial", name, [(name, place_lps_mm)], colour, [])


def _markups(
    kind: str,
    name: str,
    points: Sequence[tuple[str, Vector]],
    colour: str,
    measurements: list[dict[str, object]],
) -> bytes:
    markup = {
        "type": kind,
        "name": name,
        "coordinateSystem": "LPS",
        "coordinateUnits": "mm",
        "locked": True,
        "fixedNumberOfControlPoints": True,
        "labelFormat": "%N-%d",
        "lastUsedControlPointNumber": len(points),
        "controlPoints": [
            _control_point(number, label, place)
            for number, (label, place) in enumerate(points, start=1)
        ],
        "measurements": measurements,
        "display": {
            "visibility": True,
            "opacity": 1.0,
            "color": _rgb(colour),
            "selectedColor": _rgb(colour),
            "propertiesLabelVisibility": True,
        },
    }
    return json.dumps({"@schema": SCHEMA, "markups": [markup]}, indent=1).encode()


def _structures(structures: Structures) -> bytes:
    named = []
    for row in structures.table:
        code = structure_code(row.name)
        colour = structure_colour(row.name, row.class_)
        segment = Segment(row.name, code.category, code.kind, row.found_by, colour, side=code.side)
        named.append(Named(row.label, segment))
    labels = structures.labels
    small = labels.max(initial=0) < 256
    return seg_nrrd(labels.astype(np.uint8) if small else labels, structures.grid, named)


def cropped_seg_nrrd(mask: NDArray[np.uint8], grid: Grid, named: Sequence[Named]) -> bytes:
    """Return the part of a mask that is not empty as a segmentation of 3D Slicer.

    Parameters
    ----------
    mask : numpy.ndarray
        Shape ``grid.size_kji``, not empty.
    grid : Grid
        Where it lies.
    named : sequence of Named
        Its labels.

    Returns
    -------
    bytes
        NRRD file on the voxels of the CT.
    """
    low, high = _bounds(mask)
    size = np.array(grid.size_kji)
    start = np.maximum(np.array(low) - PADDING_VOXELS, 0)
    end = np.minimum(np.array(high) + PADDING_VOXELS + 1, size)
    part = mask[tuple(slice(a, b) for a, b in zip(start, end, strict=True))]
    k, j, i = (int(n) for n in start)
    dk, dj, di = part.shape
    return seg_nrrd(part, grid.cropped((k, j, i), (dk, dj, di)), named, (k, j, i))


def _bounds(mask: NDArray[np.bool_] | NDArray[np.uint8]) -> tuple[list[int], list[int]]:
    """Return first and last index of a mask along each axis; the last is −1 when it is empty."""
    low, high = [], []
    for axis in range(3):
        others = tuple(n for n in range(3) if n != axis)
        used = np.flatnonzero(mask.any(axis=others))
        low.append(int(used[0]) if len(used) else 0)
        high.append(int(used[-1]) if len(used) else -1)
    return low, high


def seg_nrrd(
    labels: NDArray[np.uint8] | NDArray[np.uint16],
    grid: Grid,
    named: Sequence[Named],
    start_kji: tuple[int, int, int] = (0, 0, 0),
) -> bytes:
    """Return a label map as a segmentation of 3D Slicer: one layer, compressed.

    Parameters
    ----------
    labels : numpy.ndarray
        Shape ``grid.size_kji``, uint8 or uint16.
    grid : Grid
        Where it lies.
    named : sequence of Named
        What its labels stand for.
    start_kji : tuple of int
        First voxel within the CT, when it is a part of it.

    Returns
    -------
    bytes
        NRRD file; other programs read it as a label map.
    """
    columns = [grid.affine_kji_to_lps[:3, axis] for axis in (2, 1, 0)]
    fields = [
        "NRRD0004",
        f"type: {'unsigned char' if labels.dtype == np.uint8 else 'unsigned short'}",
        "dimension: 3",
        "space: left-posterior-superior",
        f"sizes: {' '.join(str(n) for n in labels.shape[::-1])}",
        f"space directions: {' '.join(_triple(column) for column in columns)}",
        "kinds: domain domain domain",
        "endian: little",
        "encoding: gzip",
        f"space origin: {_triple(grid.affine_kji_to_lps[:3, 3])}",
    ]
    for number, one in enumerate(named):
        fields += _segment_fields(number, one, labels)
    offset = " ".join(str(n) for n in start_kji[::-1])
    fields += [
        "Segmentation_ContainedRepresentationNames:=Binary labelmap|",
        "Segmentation_MasterRepresentation:=Binary labelmap",
        f"Segmentation_ReferenceImageExtentOffset:={offset}",
    ]
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_WINDOW)
    flat = np.ascontiguousarray(labels, dtype=labels.dtype.newbyteorder("<"))
    packed = packer.compress(flat.tobytes()) + packer.flush()
    return "\n".join([*fields, "", ""]).encode("ascii") + packed


def _triple(numbers: NDArray[np.float64]) -> str:
    return f"({','.join(repr(float(n)) for n in numbers)})"


def _code(code: Code) -> str:
    return f"{code.scheme_designator}^{code.value}^{code.meaning}"


def _segment_fields(
    number: int, one: Named, labels: NDArray[np.uint8] | NDArray[np.uint16]
) -> list[str]:
    segment = one.segment
    low, high = _bounds(labels == one.label)
    extent = " ".join(f"{low[axis]} {high[axis]}" for axis in (2, 1, 0))
    codes = "~".join(
        [
            "Segmentation category and type - DICOM master list",
            _code(segment.category),
            _code(segment.kind),
            "^^" if segment.side is None else _code(segment.side),
            "Anatomic codes - DICOM master list",
            "^^",
            "^^",
        ]
    )
    key = f"Segment{number}"
    return [
        f"{key}_Color:={' '.join(f'{n:.6f}' for n in _rgb(segment.colour))}",
        f"{key}_ColorAutoGenerated:=0",
        f"{key}_Extent:={extent}",
        f"{key}_ID:=Segment_{one.label}",
        f"{key}_LabelValue:={one.label}",
        f"{key}_Layer:=0",
        f"{key}_Name:={ascii_text(segment.name, 64)}",
        f"{key}_NameAutoGenerated:=0",
        f"{key}_Tags:=Segmentation.Status:completed|TerminologyEntry:{codes}|",
    ]
