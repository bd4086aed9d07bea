"""Percutaneous cemented screws: straight corridors of bone through the lesion."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import scipy
from pydantic import Field, TypeAdapter

from imaging.document import Document, Vector
from imaging.errors import Problem
from imaging.geometry import BoolArray, FloatArray, Grid
from imaging.measurement.frame import bone_of
from imaging.progress import SILENT, Progress
from imaging.tables import load_table
from imaging.volume import mask_on_grid, sample
from planning.access.judge import TARGET_OUTSIDE, Judge, as_vector
from planning.access.needles import Needle
from planning.access.request import AccessRequest
from planning.access.search import check_request
from planning.access.targets import lesion_targets
from planning.errors import NothingFeasible, PlanningError

BONES = ("hip_", "sacrum", "femur_")
VOXEL_MM = 1.0
STEP_MM = 1.0
DIRECTIONS = 800
APART_MM = 10.0
APART_DEG = 12.0
HELD_SHARE = 0.8  # of the lesion on a line, that a screw on it must pass
EXAMINED = 200
REACH_MM = 170.0
DRILL = Needle(
    id="drill",
    name="Drill 5 mm",
    kind="trocar",
    gauge=8,
    diameter_mm=5.0,
    length_mm=300.0,
    max_bone_mm=300.0,
    source="drill of a cannulated screw [BG]",
)


class ScrewType(Document):
    """A row of the table of screws.

    Attributes
    ----------
    id, name, source : str
        Key; what is shown; where the figures are from.
    diameter_mm, shortest_mm, longest_mm, step_mm : float
        Outer diameter of the thread; lengths sold.
    """

    id: str
    name: str
    diameter_mm: float = Field(gt=2, lt=15)
    shortest_mm: float = Field(gt=0)
    longest_mm: float = Field(gt=0)
    step_mm: float = Field(gt=0)
    source: str


class Screw(Document):
    """A corridor for a screw.

    Attributes
    ----------
    type : str
        Id of the thickest screw that fits.
    bone : str
        It runs in.
    entry_lps_mm, cortex_lps_mm, end_lps_mm : Vector
        Point of skin, point where it enters the bone, and its tip.
    corridor_mm, length_mm, diameter_mm : float
        Bone along the line; the longest screw of the table that stays in it; its diameter.
    cortex_left_mm : float
        Least bone between the thread and the bone's surface, ends left out.
    lesion_mm : float
        Lesion along it.
    clearance_mm : dict
        Distance from the drill to each forbidden structure.
    against : tuple of str
        Limits that the way from the skin breaks; empty for what is proposed.
    """

    type: str
    bone: str
    entry_lps_mm: Vector
    cortex_lps_mm: Vector
    end_lps_mm: Vector
    corridor_mm: float
    length_mm: float
    diameter_mm: float
    cortex_left_mm: float
    lesion_mm: float
    clearance_mm: dict[str, float]
    against: tuple[str, ...] = ()


@cache
def screw_table() -> tuple[ScrewType, ...]:
    """Return the screws of ``resources/screws.yaml``, thinnest first."""
    rows = TypeAdapter(list[ScrewType]).validate_python(load_table("screws"))
    return tuple(sorted(rows, key=lambda row: row.diameter_mm))


@dataclass(frozen=True, eq=False)
class _Line:
    """A straight piece of bone, from the cortex to the tip of a screw."""

    cortex_lps_mm: FloatArray
    end_lps_mm: FloatArray
    depth_mm: float  # least distance to the bone's surface, the stretch at the cortex left out
    lesion_mm: float

    @property
    def length_mm(self) -> float:
        return float(np.linalg.norm(self.end_lps_mm - self.cortex_lps_mm))


def find_screws(
    request: AccessRequest, wanted: int = 3, progress: Progress = SILENT
) -> tuple[Screw, ...]:
    """Find corridors for screws through a lesion of the pelvis or the femur.

    Lines through the lesion in every direction are followed in the bone, the lesion counted as
    bone, as far as the thread keeps its distance from the surface. Either end is tried as entry:
    the skin behind it must be reached without breaking a limit.

    Parameters
    ----------
    request : AccessRequest
        The case; its needle is replaced by the drill.
    wanted : int
        Corridors.
    progress : Progress
        Told between the steps.

    Returns
    -------
    tuple of Screw
        Longest corridors first.

    Raises
    ------
    NothingFeasible
        When no screw of the table fits, or none can be reached.
    PlanningError
        When the lesion lies in another bone.
    """
    check_request(request)
    bone = bone_of(request.lesion, request.structures) or ""
    if not bone.startswith(BONES):
        message = "screws are planned in hip bone, sacrum and femur; the lesion lies elsewhere"
        raise PlanningError(Problem(code="no_screw_here", message=message, where=bone))
    progress.update(0.0, "looking for corridors")
    lines = _lines(request, bone)
    progress.update(0.5, "judging the ways to them")
    judge = Judge.of(replace(request, needle=DRILL))
    found: list[Screw] = []
    refused: dict[str, int] = {}
    for number, line in enumerate(lines):
        if len(found) == wanted:
            break
        progress.update(0.5 + 0.5 * number / len(lines), "judging the ways to them")
        screw = None if any(_same(line, one) for one in found) else _judged(judge, line, bone)
        if screw is not None and not screw.against:
            found.append(screw)
        for reason in screw.against if screw is not None else ():
            refused[reason] = refused.get(reason, 0) + 1
    if not found:
        raise NothingFeasible(_why(refused))
    return tuple(found)


def _lines(request: AccessRequest, bone: str) -> list[_Line]:
    """Return straight pieces of bone through the lesion, longest first."""
    source = request.volume.grid
    middle = request.lesion_lps_mm.mean(axis=0)
    corners = source.corners_lps_mm()
    low = np.maximum(middle - REACH_MM, corners.min(axis=0))
    high = np.minimum(middle + REACH_MM, corners.max(axis=0))
    count = np.maximum(((high - low) // VOXEL_MM).astype(int) + 1, 1)
    grid = Grid.aligned((int(count[2]), int(count[1]), int(count[0])), VOXEL_MM, low)
    held = mask_on_grid(request.structures.mask(bone) | request.lesion, source, grid)
    depth = np.asarray(scipy.ndimage.distance_transform_edt(np.pad(held, 1)))[1:-1, 1:-1, 1:-1]
    depth = depth.astype(np.float32) * VOXEL_MM - VOXEL_MM / 2
    lesion = mask_on_grid(request.lesion, source, grid)
    lines = []
    steps = np.arange(-REACH_MM, REACH_MM + STEP_MM, STEP_MM)
    middle_step = len(steps) // 2
    for target in lesion_targets(request.lesion, source):
        places = target + steps[None, :, None] * _half_sphere()[:, None]
        shape = places.shape[:2]
        along = sample(depth, grid, places.reshape(-1, 3), order=0, outside=-1.0).reshape(shape)
        in_lesion = sample(lesion.view(np.uint8), grid, places.reshape(-1, 3), order=0, outside=0)
        for number, own in enumerate(along):
            inside = in_lesion.reshape(shape)[number] > 0
            lines += _pieces(request, places[number], own, inside, middle_step)
    return sorted(lines, key=lambda one: -one.length_mm)[:EXAMINED]


def _pieces(
    request: AccessRequest,
    places: FloatArray,
    depth_mm: FloatArray,
    in_lesion: BoolArray,
    middle: int,
) -> list[_Line]:
    """Return the piece of a line that a screw may take, entered from either end."""
    thinnest = screw_table()[0]
    need = thinnest.diameter_mm / 2 + request.settings.cortex_left_mm
    first, last = _run(np.asarray(depth_mm >= need), middle)
    if last - first < thinnest.shortest_mm / STEP_MM / 2:
        return []
    begin, end = _run(np.asarray(depth_mm > 0), middle)
    slope = need / np.sin(np.radians(max(request.settings.flattest_cortex_deg, 1.0)))
    lines = []
    for cortex, near, tip in ((begin, first, last), (end, last, first)):
        is_cut = cortex in {0, len(depth_mm) - 1}  # the bone goes on beyond the image
        if is_cut or abs(near - cortex) * STEP_MM > slope:
            continue
        piece = slice(min(cortex, tip), max(cortex, tip) + 1)
        lines.append(
            _Line(
                places[cortex],
                places[tip],
                float(depth_mm[first : last + 1].min()),
                float(np.sum(in_lesion[piece])) * STEP_MM,
            )
        )
    return [one for one in lines if one.length_mm >= thinnest.shortest_mm]


def _run(held: BoolArray, middle: int) -> tuple[int, int]:
    """Return the first and last of the steps about the middle that are held without a gap."""
    if not held[middle]:
        return middle, middle
    gaps = np.flatnonzero(~held)
    before, after = gaps[gaps < middle], gaps[gaps > middle]
    first = int(before[-1]) + 1 if len(before) else 0
    last = int(after[0]) - 1 if len(after) else len(held) - 1
    return first, last


@cache
def _half_sphere() -> FloatArray:
    """Return directions spread evenly over half a sphere (Fibonacci's spiral), shape (n, 3)."""
    number = np.arange(DIRECTIONS) + 0.5
    z = number / DIRECTIONS
    turn = np.pi * (1.0 + 5.0**0.5) * number
    flat = np.sqrt(1.0 - z * z)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1)


def _same(line: _Line, screw: Screw) -> bool:
    """Tell whether a line runs nearly where a screw is proposed already."""
    own = line.end_lps_mm - line.cortex_lps_mm
    other = np.subtract(screw.end_lps_mm, screw.cortex_lps_mm)
    cosine = abs(own @ other) / (np.linalg.norm(own) * np.linalg.norm(other))
    near = np.linalg.norm(line.cortex_lps_mm - screw.cortex_lps_mm) < APART_MM
    return bool(near and cosine > np.cos(np.radians(APART_DEG)))


def _judged(judge: Judge, line: _Line, bone: str) -> Screw | None:
    """Return the thickest screw that fits a line and its way from the skin; None without skin."""
    room = line.depth_mm - judge.request.settings.cortex_left_mm
    fitting = [
        row
        for row in screw_table()
        if row.diameter_mm / 2 <= room and row.shortest_mm <= line.length_mm
    ]
    entry = judge.skin_behind(line.end_lps_mm, line.cortex_lps_mm)
    if not fitting or entry is None:
        return None
    row = fitting[-1]
    length = min(line.length_mm, row.longest_mm)
    length = row.shortest_mm + (length - row.shortest_mm) // row.step_mm * row.step_mm
    along = (line.end_lps_mm - line.cortex_lps_mm) / line.length_mm
    tip = line.cortex_lps_mm + length * along
    lesion_mm = _lesion_mm(judge.request, line.cortex_lps_mm, tip)
    if lesion_mm < HELD_SHARE * line.lesion_mm:  # cut short before it has passed the lesion
        return None
    way = judge.judge(entry, tip)
    return Screw(
        type=row.id,
        bone=bone,
        entry_lps_mm=way.entry_lps_mm,
        cortex_lps_mm=as_vector(line.cortex_lps_mm),
        end_lps_mm=as_vector(tip),
        corridor_mm=line.length_mm,
        length_mm=float(length),
        diameter_mm=row.diameter_mm,
        cortex_left_mm=line.depth_mm - row.diameter_mm / 2,
        lesion_mm=lesion_mm,
        clearance_mm=way.clearance_mm,
        against=tuple(one for one in way.against if one != TARGET_OUTSIDE),
    )


def _lesion_mm(request: AccessRequest, start: FloatArray, end: FloatArray) -> float:
    """Return the lesion along a straight piece."""
    count = max(2, int(np.linalg.norm(end - start) / STEP_MM) + 1)
    places = np.linspace(start, end, count)
    mask = request.lesion.view(np.uint8)
    held = sample(mask, request.volume.grid, places, order=0, outside=0) > 0
    return float(held.sum()) * float(np.linalg.norm(end - start)) / (count - 1)


def _why(refused: dict[str, int]) -> list[Problem]:
    if not refused:
        message = "no straight corridor of bone through the lesion holds a screw of the table"
        return [Problem(code="no_corridor", message=message)]
    ordered = sorted(refused.items(), key=lambda item: -item[1])
    return [
        Problem(
            code=reason.split(":")[0],
            message=f"{count} corridors rejected: {reason.replace('_', ' ').replace(':', ' ')}",
            where=reason,
        )
        for reason, count in ordered
    ]
