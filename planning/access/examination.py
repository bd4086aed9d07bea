"""The ways that may hold, examined on the CT's own voxels, hundredth by hundredth.

The best hundredth is looked at with the neighbours of each way, and with the known ways into a
vertebra; where too few of them hold, the next hundredths, until enough hold or none is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import BoolArray, FloatArray
from imaging.progress import Progress
from planning.access.ct import Walked
from planning.access.judge import Judge
from planning.access.march import CROSSES, NEAR_A_LIMIT, OK, REASONS, TOO_NEAR
from planning.access.marching import Marched
from planning.access.scene import Scene
from planning.access.skin import Skin, tangents
from planning.access.wishes import Ways, score_of, terms_of

APART_MM = 12.0  # proposals enter the skin at least this far from each other
CORRIDOR_SAMPLES = 1000  # ways whose corridor is looked at
OF_EACH_CORRIDOR = 40  # of them, examined on the CT
HUNDREDTH = 0.01
LEAST_EXAMINED = 1000
NEIGHBOUR_SHIFTS = (-1.0, 0.0, 1.0)  # thirds of the skin's spacing, about an entry
SHIFT_MM = 0.6


@dataclass(eq=False)
class Counts:
    """How many pairs hold, and why the others do not."""

    candidates: int
    feasible: int
    rejected: dict[str, int]

    @classmethod
    def of(cls, marched: Marched, scene: Scene, on_couch: int) -> Counts:
        """Count what the march has told.

        Parameters
        ----------
        marched : Marched
            Every pair.
        scene : Scene
            Names the structures.
        on_couch : int
            Pairs whose skin lies on the couch.

        Returns
        -------
        Counts
            What is near a limit is neither feasible nor rejected for a reason of its own yet.
        """
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


@dataclass(frozen=True, eq=False)
class Pool:
    """Ways that hold on the CT."""

    entries_lps_mm: FloatArray
    targets_lps_mm: FloatArray
    score: FloatArray


def examined(
    judge: Judge,
    skin: Skin,
    targets: FloatArray,
    marched: Marched,
    counts: Counts,
    progress: Progress,
) -> Pool:
    """Examine hundredths of the ways on the CT, best first, until enough hold."""
    pairs = _ordered(judge, skin, targets, marched)
    share = max(int(np.ceil(HUNDREDTH * len(pairs))), LEAST_EXAMINED)
    entries, aims, walks = [np.empty((0, 3))], [np.empty((0, 3))], []

    def examine(begin: FloatArray, end: FloatArray) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
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
        return Pool(begin, end, np.zeros(0))
    ways = judge.ways(begin, end, _joined(walks))
    terms = terms_of(ways, judge.request.needle, judge.shape)
    return Pool(begin, end, score_of(terms, judge.request.needle))


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
    counts: Counts,
    status: NDArray[np.int8],
    culprit: NDArray[np.int32],
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
    return len(apart(entries, np.arange(len(entries)), APART_MM, 2 * wanted)) >= 2 * wanted


def apart(entries: FloatArray, order: NDArray[np.int64], apart_mm: float, most: int) -> list[int]:
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


def _part(walked: Walked, chosen: BoolArray) -> Walked:
    return Walked(*(value[chosen] for value in vars(walked).values()))


def _joined(walks: list[Walked]) -> Walked:
    return Walked(
        *(np.concatenate(values) for values in zip(*(vars(w).values() for w in walks), strict=True))
    )
