"""The search over the whole reachable skin, and the judgement of each way in.

Every point of skin is paired with every target and marched through the fields of the scene. What
passes all limits is scored by the wishes; the best ones, kept apart from each other, are judged
again on the CT's own voxels, and only those that hold are proposed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.document import Vector
from imaging.errors import Problem
from imaging.geometry import BoolArray, FloatArray, Grid
from imaging.progress import SILENT, Progress
from planning.access.judge import Judge
from planning.access.march import CROSSES, OK, REASONS, TOO_NEAR, march
from planning.access.request import (
    AccessRequest,
    AccessResult,
    Proposal,
)
from planning.access.scene import Scene, build_scene
from planning.errors import NothingFeasible, PlanningError

TARGETS = 6
APART_MM = 12.0  # proposals enter the skin at least this far from each other
EXAMINED = 400  # best ways that are judged again on the CT's own voxels, at most
CHUNK = 4096

# Wishes and their weights; each term is 0 to 1. The weights are a choice, shown with the result.
WEIGHTS = {"length": 0.25, "in_plane": 0.20, "clearance": 0.25, "bone": 0.10, "central": 0.20}
CLEARED = "cleared"  # multiplies the sum: a way through tissue that was not told apart comes last
FULL_CLEARANCE_MM = 15.0
FULL_ANGLE_DEG = 30.0
FULL_BONE_MM = 40.0
FULL_OFF_CENTRE_MM = 10.0  # from the way's line to the lesion's centre of mass
FULL_AVOID_MM = 20.0
LEAST_CLEARED = 0.05


@dataclass(frozen=True, eq=False)
class Marched:
    """What every pair of entry and target met; all arrays have the shape (entries, targets).

    Parameters
    ----------
    status, culprit : numpy.ndarray
        Codes of :mod:`planning.access.march`; index of the structure that is to blame.
    bone_mm, avoid_mm, slack_mm : numpy.ndarray
        Bone, tissue not cleared, least distance beyond the margins.
    """

    status: NDArray[np.int8]
    culprit: NDArray[np.int16]
    bone_mm: NDArray[np.float32]
    avoid_mm: NDArray[np.float32]
    slack_mm: NDArray[np.float32]


def lesion_targets(lesion: BoolArray, grid: Grid) -> FloatArray:
    """Return places to aim at: the deepest point, then deep points apart from each other.

    Parameters
    ----------
    lesion : numpy.ndarray
        Shape ``grid.size_kji``, at least one voxel.
    grid : Grid
        Where it lies.

    Returns
    -------
    numpy.ndarray
        Shape (n, 3), LPS millimetres, at most 6, each a voxel centre within the lesion.
    """
    points = np.argwhere(lesion)
    low = np.maximum(points.min(axis=0) - 1, 0)
    high = points.max(axis=0) + 2
    part = np.pad(lesion[tuple(slice(a, b) for a, b in zip(low, high, strict=True))], 1)
    depth = ndimage.distance_transform_edt(part, sampling=grid.spacing_mm_kji)
    where = np.argwhere(depth >= 0.5 * depth.max())
    order = np.argsort(-depth[tuple(where.T)], kind="stable")
    places = grid.to_lps(where[order] + low - 1)
    apart_mm = 0.7 * float(depth.max())
    chosen = [places[0]]
    for place in places[1:]:
        if len(chosen) == TARGETS:
            break
        if min(float(np.linalg.norm(place - one)) for one in chosen) >= apart_mm:
            chosen.append(place)
    return np.array(chosen)


def search_access(request: AccessRequest, progress: Progress = SILENT) -> AccessResult:
    """Search the whole reachable skin.

    Parameters
    ----------
    request : AccessRequest
        The case and its limits.
    progress : Progress
        Told between chunks of skin.

    Returns
    -------
    AccessResult
        Proposals, best first, and why the others were rejected.

    Raises
    ------
    NothingFeasible
        When no way passes every limit; the problems are the reasons with their counts.
    PlanningError
        When no skin is within reach.
    """
    begun_s = time.perf_counter()
    _check_margins(request)
    progress.update(0.0, "preparing the search")
    scene = build_scene(request)
    targets = lesion_targets(request.lesion, request.volume.grid)
    progress.update(0.4, "searching the skin")
    marched = march_all(request, scene, targets, progress.part(0.4, 0.8))
    rejected = _rejected(marched, scene)
    order, terms = _ranked(request, scene, targets, marched)
    progress.update(0.85, "judging the best")
    proposals, failed = _proposals(request, scene, targets, order, terms)
    for reason, count in failed.items():
        rejected[reason] = rejected.get(reason, 0) + count
    if not proposals:
        raise NothingFeasible(_reasons(rejected))
    progress.update(1.0, "access found")
    return AccessResult(
        candidates=marched.status.size + scene.unreachable * len(targets),
        feasible=len(order) - sum(failed.values()),
        elapsed_s=time.perf_counter() - begun_s,
        rejected=rejected,
        proposals=tuple(proposals),
        needle=request.needle.id,
        not_checked=not_checked(request),
    )


def not_checked(request: AccessRequest) -> tuple[str, ...]:
    """Return what no structure of the case covers.

    Parameters
    ----------
    request : AccessRequest
        The case.

    Returns
    -------
    tuple of str
        Groups of structures of which one at least was not found; a way may cross it unnoticed.
    """
    names = " ".join(request.structures.names())
    any_of = {"spinal canal": ("spinal_c",), "lung": ("lung",), "bowel": ("bowel", "colon")}
    all_of = {
        "vessels": ("aorta", "vena_cava"),
        "kidneys": ("kidney_left", "kidney_right"),
        "liver and spleen": ("liver", "spleen"),
    }
    lacking = [group for group, parts in any_of.items() if not any(part in names for part in parts)]
    lacking += [
        group for group, parts in all_of.items() if not all(part in names for part in parts)
    ]
    return (*lacking, "nerves")


def _check_margins(request: AccessRequest) -> None:
    problems = [
        Problem(
            code="margin_refused",
            message=f"a margin of {value:g} mm is not between 0 and 50 mm",
            where=name,
        )
        for name, value in request.margins_mm.items()
        if not 0.0 <= value <= 50.0
    ]
    known = set(request.structures.names())
    problems += [
        Problem(
            code="unknown_structure",
            message="no structure of this case has this name; `osteoplan structures` lists them",
            where=name,
        )
        for name in request.margins_mm
        if name not in known
    ]
    if problems:
        raise PlanningError(problems)


def march_all(
    request: AccessRequest, scene: Scene, targets: FloatArray, progress: Progress = SILENT
) -> Marched:
    """March every point of the reachable skin to every target.

    Parameters
    ----------
    request : AccessRequest
        The case and its limits.
    scene : Scene
        Its fields.
    targets : numpy.ndarray
        Shape (n, 3), LPS millimetres.
    progress : Progress
        Told between chunks of skin.

    Returns
    -------
    Marched
        What every pair met.
    """
    starts = scene.grid.to_kji(scene.entries_lps_mm)
    ends = scene.grid.to_kji(targets)
    normals = np.ascontiguousarray(scene.entry_normals[:, ::-1])
    shape = len(starts), len(ends)
    out = Marched(
        np.zeros(shape, dtype=np.int8),
        np.full(shape, -1, dtype=np.int16),
        np.zeros(shape, dtype=np.float32),
        np.zeros(shape, dtype=np.float32),
        np.full(shape, 60.0, dtype=np.float32),
    )
    needle = request.needle
    voxel_mm = scene.grid.spacing_mm_kji[0]
    limits = np.array([voxel_mm, needle.length_mm, needle.max_bone_mm, needle.diameter_mm / 2])
    for start in range(0, len(starts), CHUNK):
        progress.update(start / len(starts), "searching the skin")
        part = slice(start, start + CHUNK)
        march(
            starts[part],
            normals[part],
            ends,
            scene.body,
            scene.bone,
            scene.avoid,
            scene.inside,
            scene.slack_mm,
            scene.lesion_mm,
            scene.culprit,
            limits,
            out.status[part],
            out.culprit[part],
            out.bone_mm[part],
            out.avoid_mm[part],
            out.slack_mm[part],
        )
    return out


def _rejected(marched: Marched, scene: Scene) -> dict[str, int]:
    counts: dict[str, int] = {}
    for code, reason in REASONS.items():
        hit = marched.status == code
        if not hit.any():
            continue
        if code in {CROSSES, TOO_NEAR}:
            for index in np.unique(marched.culprit[hit]):
                name = scene.forbidden[index] if index >= 0 else "unknown"
                counts[f"{reason}:{name}"] = int((marched.culprit[hit] == index).sum())
        else:
            counts[reason] = int(hit.sum())
    if scene.unreachable:
        counts["skin_faces_couch"] = scene.unreachable
    return counts


def _terms(
    length_mm: FloatArray,
    angle_deg: FloatArray,
    clearance_mm: FloatArray,
    bone_mm: FloatArray,
    avoid_mm: FloatArray,
    off_centre_mm: FloatArray,
    longest_mm: float,
) -> dict[str, FloatArray]:
    """Return each wish of each way, 0 (bad) to 1 (good)."""
    return {
        "length": 1.0 - np.clip(length_mm / longest_mm, 0.0, 1.0),
        "in_plane": 1.0 - np.clip(np.abs(angle_deg) / FULL_ANGLE_DEG, 0.0, 1.0),
        "clearance": np.clip(clearance_mm / FULL_CLEARANCE_MM, 0.0, 1.0),
        "bone": 1.0 - np.clip(bone_mm / FULL_BONE_MM, 0.0, 1.0),
        "central": 1.0 - np.clip(off_centre_mm / FULL_OFF_CENTRE_MM, 0.0, 1.0),
        CLEARED: 1.0 - np.clip(avoid_mm / FULL_AVOID_MM, 0.0, 1.0 - LEAST_CLEARED),
    }


def _off_centre_mm(request: AccessRequest, entries: FloatArray, aims: FloatArray) -> FloatArray:
    """Return how far each way's line passes from the lesion's centre of mass."""
    centre = request.volume.grid.to_lps(np.argwhere(request.lesion).mean(axis=0))
    advance = aims - entries
    advance = advance / np.maximum(np.linalg.norm(advance, axis=1, keepdims=True), 1e-6)
    offset = centre - entries
    across = offset - (offset * advance).sum(axis=1, keepdims=True) * advance
    return np.asarray(np.linalg.norm(across, axis=1), dtype=np.float64)


def angle_to_axial_deg(entry_lps_mm: FloatArray, target_lps_mm: FloatArray) -> FloatArray:
    """Return the angle of the needle's advance to the axial plane.

    Parameters
    ----------
    entry_lps_mm, target_lps_mm : numpy.ndarray
        Shape (..., 3).

    Returns
    -------
    numpy.ndarray
        Shape (...), degrees, positive towards the head.
    """
    advance = target_lps_mm - entry_lps_mm
    flat = np.hypot(advance[..., 0], advance[..., 1])
    return np.degrees(np.arctan2(advance[..., 2], flat))


def _ranked(
    request: AccessRequest, scene: Scene, targets: FloatArray, marched: Marched
) -> tuple[NDArray[np.int64], dict[str, FloatArray]]:
    """Return feasible pairs (entry, target), best first, and their terms in the same order."""
    pairs = np.argwhere(marched.status == OK)
    entries, aims = scene.entries_lps_mm[pairs[:, 0]], targets[pairs[:, 1]]
    at = tuple(pairs.T)
    terms = _terms(
        np.linalg.norm(aims - entries, axis=1),
        angle_to_axial_deg(entries, aims),
        marched.slack_mm[at].astype(float),
        marched.bone_mm[at].astype(float),
        marched.avoid_mm[at].astype(float),
        _off_centre_mm(request, entries, aims),
        request.needle.length_mm,
    )
    score = terms[CLEARED] * sum(weight * terms[name] for name, weight in WEIGHTS.items())
    order = np.argsort(-score, kind="stable")
    return pairs[order], {name: value[order] for name, value in terms.items()}


def _proposals(
    request: AccessRequest,
    scene: Scene,
    targets: FloatArray,
    order: NDArray[np.int64],
    terms: dict[str, FloatArray],
) -> tuple[list[Proposal], dict[str, int]]:
    """Judge the best ways on the CT's own voxels; keep those that hold, apart from each other."""
    judge = Judge.of(request)
    kept: list[tuple[float, dict[str, float], FloatArray, FloatArray, float, dict[str, float]]] = []
    failed: dict[str, int] = {}
    examined = 0
    for number, (entry_index, target_index) in enumerate(order):
        if len(kept) >= request.top or examined >= EXAMINED:
            break
        entry, target = scene.entries_lps_mm[entry_index], targets[target_index]
        if any(float(np.linalg.norm(entry - one[2])) < APART_MM for one in kept):
            continue
        examined += 1
        verdict = judge.judge(entry, target)
        if verdict.reason:
            failed[verdict.reason] = failed.get(verdict.reason, 0) + 1
            continue
        own = {name: float(value[number]) for name, value in terms.items()}
        nearest = min(verdict.clearance_mm.values(), default=FULL_CLEARANCE_MM)
        own["clearance"] = float(np.clip(nearest / FULL_CLEARANCE_MM, 0.0, 1.0))
        own["bone"] = float(1.0 - np.clip(verdict.bone_mm / FULL_BONE_MM, 0.0, 1.0))
        score = own[CLEARED] * sum(weight * own[name] for name, weight in WEIGHTS.items())
        kept.append((score, own, entry, target, verdict.bone_mm, verdict.clearance_mm))
    kept.sort(key=lambda one: -one[0])
    proposals = [
        Proposal(
            rank=rank,
            entry_lps_mm=_vector(entry),
            target_lps_mm=_vector(target),
            length_mm=float(np.linalg.norm(target - entry)),
            angle_to_axial_deg=float(angle_to_axial_deg(entry, target)),
            bone_mm=bone_mm,
            clearance_mm=clearance,
            score=score,
            terms=own,
        )
        for rank, (score, own, entry, target, bone_mm, clearance) in enumerate(kept, start=1)
    ]
    return proposals, failed


def _vector(point: FloatArray) -> Vector:
    return cast("Vector", tuple(float(n) for n in point))


def _reasons(rejected: dict[str, int]) -> list[Problem]:
    ordered = sorted(rejected.items(), key=lambda item: -item[1])
    problems = [
        Problem(
            code=reason.split(":")[0],
            message=f"{count} ways rejected: {reason.replace('_', ' ').replace(':', ' ')}",
            where=reason,
        )
        for reason, count in ordered
    ]
    return problems or [
        Problem(code="no_entry", message="no skin can be reached in this position; try another")
    ]
