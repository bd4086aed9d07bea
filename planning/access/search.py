"""The search over the whole reachable skin, and the judgement of each way in.

Every point of skin is paired with every target and marched through the fields of the scene. The
best hundredth is then examined on the CT's own voxels, each way with its neighbours; where too few
of them hold, the next hundredths, until enough hold or none is left. What holds is tried with
needles that land off, scored by the wishes, and the best, apart from each other, are proposed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.errors import Problem
from imaging.geometry import BoolArray, FloatArray
from imaging.progress import SILENT, Progress
from planning.access.ct import Walked
from planning.access.front import on_front
from planning.access.judge import Judge
from planning.access.march import (
    CROSSES,
    NEAR_A_LIMIT,
    OK,
    REASONS,
    TOO_NEAR,
    march,
)
from planning.access.posture import is_reachable
from planning.access.request import AccessRequest, AccessResult, Proposal
from planning.access.scene import Scene
from planning.access.skin import Skin, tangents
from planning.access.targets import targets_of
from planning.access.wishes import Ways, angle_to_axial_deg, score_of, terms_of
from planning.errors import NothingFeasible, PlanningError

APART_MM = 12.0  # proposals enter the skin at least this far from each other
POOL_APART_MM = 6.0  # and ways that are compared with each other
POOL = 120  # ways that are tried with needles that land off
CORRIDOR_APART_MM = 4.0
CORRIDOR_SAMPLES = 1000  # ways whose corridor is looked at
OF_EACH_CORRIDOR = 40  # of them, examined on the CT
FRONT = 12  # ways of the front beside the proposals
HUNDREDTH = 0.01
LEAST_EXAMINED = 1500
CHUNK = 8192
NEIGHBOUR_SHIFTS = (-1.0, 0.0, 1.0)  # thirds of the skin's spacing, about an entry
SHIFT_MM = 0.6


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


@dataclass(frozen=True, eq=False)
class _Pool:
    """Ways that hold on the CT."""

    entries_lps_mm: FloatArray
    targets_lps_mm: FloatArray
    score: FloatArray


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
        When no skin is within reach, or what was asked contradicts itself.
    """
    begun_s = time.perf_counter()
    check_request(request)
    progress.update(0.0, "preparing the search")
    judge = Judge.of(request)
    scene = judge.scene
    targets = targets_of(request, judge.shape)
    progress.update(0.4, "searching the skin")
    reachable = is_reachable(scene.skin.normals_lps, request.position)
    skin = scene.skin.part(reachable)
    marched = march_all(request, scene, targets, progress.part(0.4, 0.7), skin)
    counts = _Counts.of(marched, scene, int((~reachable).sum()) * len(targets))
    progress.update(0.7, "judging the best")
    pool = _examined(judge, skin, targets, marched, counts, progress.part(0.7, 0.9))
    proposals, front = _proposals(judge, pool, counts)
    if not proposals:
        raise NothingFeasible(_reasons(counts.rejected))
    progress.update(1.0, "access found")
    return AccessResult(
        candidates=counts.candidates,
        feasible=counts.feasible,
        elapsed_s=time.perf_counter() - begun_s,
        rejected={name: count for name, count in counts.rejected.items() if count > 0},
        proposals=proposals,
        needle=request.needle.id,
        not_checked=not_checked(request, scene),
        front=front,
        assumed=scene.assumed,
    )


def not_checked(request: AccessRequest, scene: Scene | None = None) -> tuple[str, ...]:
    """Return what no structure of the case covers.

    Parameters
    ----------
    request : AccessRequest
        The case.
    scene : Scene or None
        Its fields; without them nothing is said of the gantry.

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
    if scene is not None and scene.gantry_lps_mm is None:
        lacking.append("gantry")
    return (*lacking, "nerves")


def check_request(request: AccessRequest) -> None:
    """Refuse what cannot be searched for, with every reason.

    Parameters
    ----------
    request : AccessRequest
        The case and its limits.

    Raises
    ------
    PlanningError
        When a margin is out of its bounds or names nothing, or the lesion is empty.
    """
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
    if not request.lesion.any():
        problems.append(Problem(code="no_lesion", message="the mask of the lesion is empty"))
    if problems:
        raise PlanningError(problems)


def march_all(
    request: AccessRequest,
    scene: Scene,
    targets: FloatArray,
    progress: Progress = SILENT,
    skin: Skin | None = None,
) -> Marched:
    """March every point of skin to every target.

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
    skin : Skin or None
        Points of skin; None takes all of the scene.

    Returns
    -------
    Marched
        What every pair met.
    """
    skin = skin or scene.skin
    starts = scene.grid.to_kji(skin.points_lps_mm)
    ends = scene.grid.to_kji(targets)
    normals = np.ascontiguousarray(skin.normals_lps[:, ::-1])
    shape = len(starts), len(ends)
    out = Marched(
        np.zeros(shape, dtype=np.int8),
        np.full(shape, -1, dtype=np.int16),
        *(np.zeros(shape, dtype=np.float32) for _ in range(3)),
    )
    limits = _limits(request, scene)
    for start in range(0, len(starts), CHUNK):
        progress.update(start / len(starts), "searching the skin")
        part = slice(start, start + CHUNK)
        march(
            starts[part],
            normals[part],
            ends,
            scene.tissue,
            scene.slack_mm,
            scene.culprit,
            limits,
            out.status[part],
            out.culprit[part],
            out.bone_mm[part],
            out.avoid_mm[part],
            out.slack_mm[part],
        )
    return out


def _limits(request: AccessRequest, scene: Scene) -> FloatArray:
    """Return the limits as the march takes them."""
    needle, settings = request.needle, request.settings
    axis = scene.gantry_lps_mm
    place = scene.grid.to_kji((*(axis or (0.0, 0.0)), 0.0))
    return np.array(
        [
            scene.grid.spacing_mm_kji[0],
            needle.length_mm,
            needle.max_bone_mm,
            needle.diameter_mm / 2,
            np.sin(np.radians(settings.flattest_skin_deg)),
            0.0 if axis is None else settings.bore_mm / 2,
            place[1],
            place[2],
            settings.grip_mm,
        ]
    )


@dataclass(eq=False)
class _Counts:
    """How many pairs hold, and why the others do not."""

    candidates: int
    feasible: int
    rejected: dict[str, int]

    @classmethod
    def of(cls, marched: Marched, scene: Scene, on_couch: int) -> _Counts:
        rejected: dict[str, int] = {}
        for code, reason in REASONS.items():
            hit = marched.status == code
            if code in {CROSSES, TOO_NEAR}:
                for index in np.unique(marched.culprit[hit]):
                    name = scene.forbidden[index] if index >= 0 else "unknown"
                    rejected[f"{reason}:{name}"] = int((marched.culprit[hit] == index).sum())
            elif hit.any():
                rejected[reason] = int(hit.sum())
        if on_couch:
            rejected["skin_faces_couch"] = on_couch
        near = int((marched.status == NEAR_A_LIMIT).sum())
        rejected["near_a_limit"] = near  # until they are examined on the CT
        feasible = int((marched.status == OK).sum())
        return cls(marched.status.size + on_couch, feasible, rejected)

    def fail(self, reason: str, was: int) -> None:
        """Count a pair that did not hold on the CT."""
        if was == OK:
            self.feasible -= 1
        else:
            self.rejected["near_a_limit"] -= 1
        self.rejected[reason] = self.rejected.get(reason, 0) + 1

    def hold(self, was: int) -> None:
        """Count a pair that held on the CT."""
        if was != OK:
            self.rejected["near_a_limit"] -= 1
            self.feasible += 1


def _examined(
    judge: Judge,
    skin: Skin,
    targets: FloatArray,
    marched: Marched,
    counts: _Counts,
    progress: Progress,
) -> _Pool:
    """Examine hundredths of the ways on the CT, best first, until enough hold."""
    pairs = _ordered(judge, skin, targets, marched)
    share = max(int(np.ceil(HUNDREDTH * len(pairs))), LEAST_EXAMINED)
    entries, aims, walks = [np.empty((0, 3))], [np.empty((0, 3))], []

    def examine(begin: FloatArray, end: FloatArray) -> tuple[NDArray[np.int8], NDArray[np.int16]]:
        walked = judge.ct.walk(begin, end)
        holds = walked.status == OK
        entries.append(begin[holds])
        aims.append(end[holds])
        walks.append(_part(walked, holds))
        return walked.status, walked.culprit

    for start in range(0, len(pairs), share):
        progress.update(start / len(pairs), "judging the best")
        part = pairs[start : start + share]
        begin, end = skin.points_lps_mm[part[:, 0]], targets[part[:, 1]]
        _count(judge, counts, *examine(begin, end), marched.status[tuple(part.T)])
        if start == 0:  # with its neighbours, and with the known ways into a vertebra
            examine(*_neighbours(begin, skin.normals_lps[part[:, 0]], end))
            examine(*_of_corridors(judge, skin, targets, pairs))
        if _are_enough(np.concatenate(entries), judge.request.top):
            break
    begin, end = np.concatenate(entries), np.concatenate(aims)
    if not len(begin):
        return _Pool(begin, end, np.zeros(0))
    ways = judge.ways(begin, end, _joined(walks))
    terms = terms_of(ways, judge.request.needle, judge.shape)
    return _Pool(begin, end, score_of(terms, judge.request.needle))


def _of_corridors(
    judge: Judge, skin: Skin, targets: FloatArray, pairs: NDArray[np.int64]
) -> tuple[FloatArray, FloatArray]:
    """Return ways that take each known corridor, however low they were ranked before."""
    nothing = np.empty((0, 3))
    if judge.vertebra is None or not len(pairs):
        return nothing, nothing
    entries, aims = skin.points_lps_mm[pairs[:, 0]], targets[pairs[:, 1]]
    few = np.arange(0, len(pairs), max(1, len(pairs) // CORRIDOR_SAMPLES))
    names = judge.corridors(entries[few], aims[few])
    chosen: dict[str, list[int]] = {}
    for name, number in zip(names, few, strict=True):
        if name and len(chosen.setdefault(name, [])) < OF_EACH_CORRIDOR:
            chosen[name].append(int(number))
    numbers = [number for some in chosen.values() for number in some]
    return entries[numbers], aims[numbers]


def _ordered(judge: Judge, skin: Skin, targets: FloatArray, marched: Marched) -> NDArray[np.int64]:
    """Return the pairs (entry, target) that no limit excludes, best first."""
    pairs = np.argwhere(marched.status <= NEAR_A_LIMIT)
    at = tuple(pairs.T)
    ways = Ways(
        skin.points_lps_mm[pairs[:, 0]],
        targets[pairs[:, 1]],
        marched.bone_mm[at].astype(float),
        marched.avoid_mm[at].astype(float),
        np.maximum(marched.slack_mm[at].astype(float), 0.0),
        np.full(len(pairs), 90.0),
    )
    request = judge.request
    score = score_of(terms_of(ways, request.needle, judge.shape), request.needle)
    ordered: NDArray[np.int64] = pairs[np.argsort(-score, kind="stable")]
    return ordered


def _neighbours(
    entries: FloatArray, normals: FloatArray, aims: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return each way with entries around its own."""
    u, v = tangents(normals)
    shifts = [(a * SHIFT_MM, b * SHIFT_MM) for a in NEIGHBOUR_SHIFTS for b in NEIGHBOUR_SHIFTS]
    around = np.concatenate([entries + a * u + b * v for a, b in shifts])
    return around, np.tile(aims, (len(shifts), 1))


def _count(
    judge: Judge,
    counts: _Counts,
    status: NDArray[np.int8],
    culprit: NDArray[np.int16],
    before: NDArray[np.int8],
) -> None:
    names = {row.label: row.name for row in judge.ct.structures.table}
    for code, label, was in zip(status, culprit, before, strict=True):
        if code == OK:
            counts.hold(int(was))
            continue
        reason = REASONS[int(code)]
        is_of_one = int(code) in {CROSSES, TOO_NEAR}
        counts.fail(f"{reason}:{names[int(label)]}" if is_of_one else reason, int(was))


def _are_enough(entries: FloatArray, wanted: int) -> bool:
    """Tell whether as many proposals as are wanted can be told apart among the entries."""
    return len(_apart(entries, np.arange(len(entries)), APART_MM, 2 * wanted)) >= 2 * wanted


def _apart(entries: FloatArray, order: NDArray[np.int64], apart_mm: float, most: int) -> list[int]:
    """Return ways in the order given that enter apart from each other."""
    chosen: list[int] = []
    free = np.ones(len(entries), dtype=bool)
    for number in order:
        if len(chosen) == most:
            break
        if free[number]:
            chosen.append(int(number))
            free &= np.linalg.norm(entries - entries[number], axis=1) >= apart_mm
    return chosen


def _proposals(
    judge: Judge, pool: _Pool, counts: _Counts
) -> tuple[tuple[Proposal, ...], tuple[Proposal, ...]]:
    """Return the proposals, and the ways of the front beside them."""
    order = np.argsort(-pool.score, kind="stable")
    chosen = _apart(pool.entries_lps_mm, order, POOL_APART_MM, POOL)
    chosen = list(dict.fromkeys([*chosen, *_best_of_corridors(judge, pool, order)]))
    if not chosen:
        return (), ()
    entries, aims = pool.entries_lps_mm[chosen], pool.targets_lps_mm[chosen]
    hand = judge.by_hand(entries, aims)
    names = judge.corridors(entries, aims)
    ways = judge.ways(entries, aims, judge.ct.walk(entries, aims), names, hand[:, 0])
    score = score_of(terms_of(ways, judge.request.needle, judge.shape), judge.request.needle)
    front = on_front(_goods(ways))
    order = np.argsort(-score, kind="stable")
    judged: list[Proposal] = []
    for number in order:
        if len(judged) == judge.request.top:
            break
        entry = entries[number]
        if any(_far(entry, one) < APART_MM for one in judged):
            continue
        one = judge.judge(entry, aims[number])
        if one.against:
            continue
        judged.append(one.model_copy(update={"on_front": bool(front[number])}))
    judged.sort(key=lambda one: -one.score)
    further = _further(judge, judged, entries, aims, names, front, order)
    ranked = [
        one.model_copy(update={"rank": rank})
        for rank, one in enumerate([*judged, *further], start=1)
    ]
    return tuple(ranked[: len(judged)]), tuple(ranked[len(judged) :])


def _further(
    judge: Judge,
    judged: list[Proposal],
    entries: FloatArray,
    aims: FloatArray,
    names: list[str],
    front: BoolArray,
    order: NDArray[np.int64],
) -> list[Proposal]:
    """Return ways of the front, and the best of each corridor, that are not proposed already."""
    shown = {one.corridor for one in judged}
    further: list[Proposal] = []
    for number in sorted(order, key=lambda n: names[n] in shown or not names[n]):
        if len(further) == FRONT:
            break
        is_new = bool(names[number]) and names[number] not in shown
        if not (front[number] or is_new):
            continue
        if any(_far(entries[number], one) < POOL_APART_MM for one in (*judged, *further)):
            continue
        one = judge.judge(entries[number], aims[number])
        if one.against:
            continue
        shown.add(one.corridor)
        further.append(one.model_copy(update={"on_front": bool(front[number])}))
    return sorted(further, key=lambda one: -one.score)


def _best_of_corridors(judge: Judge, pool: _Pool, order: NDArray[np.int64]) -> list[int]:
    """Return the best way through each known corridor into the vertebra."""
    if judge.vertebra is None:
        return []
    few = _apart(pool.entries_lps_mm, order, CORRIDOR_APART_MM, CORRIDOR_SAMPLES)
    names = judge.corridors(pool.entries_lps_mm[few], pool.targets_lps_mm[few])
    best: dict[str, int] = {}
    for name, number in zip(names, few, strict=True):
        if name:
            best.setdefault(name, number)
    return list(best.values())


def _goods(ways: Ways) -> FloatArray:
    """Return what a way may be good in: short, in plane, far, safe by hand, little bone."""
    advance = ways.targets_lps_mm - ways.entries_lps_mm
    hand = np.zeros(len(advance)) if ways.hand is None else ways.hand
    return np.stack(
        [
            -np.linalg.norm(advance, axis=1),
            -np.abs(angle_to_axial_deg(ways.entries_lps_mm, ways.targets_lps_mm)),
            ways.clearance_mm,
            hand,
            -(ways.bone_mm + ways.avoid_mm),
        ],
        axis=1,
    )


def _far(entry: FloatArray, one: Proposal) -> float:
    return float(np.linalg.norm(entry - np.array(one.entry_lps_mm)))


def _part(walked: Walked, chosen: BoolArray) -> Walked:
    return Walked(*(value[chosen] for value in vars(walked).values()))


def _joined(walks: list[Walked]) -> Walked:
    return Walked(
        *(np.concatenate(values) for values in zip(*(vars(w).values() for w in walks), strict=True))
    )


def _reasons(rejected: dict[str, int]) -> list[Problem]:
    ordered = sorted(rejected.items(), key=lambda item: -item[1])
    problems = [
        Problem(
            code=reason.split(":")[0],
            message=f"{count} ways rejected: {reason.replace('_', ' ').replace(':', ' ')}",
            where=reason,
        )
        for reason, count in ordered
        if count > 0
    ]
    return problems or [
        Problem(code="no_entry", message="no skin can be reached in this position; try another")
    ]
