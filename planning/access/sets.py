"""Several needles at once: for infiltrations of large lesions, cryoprobes, bipolar pairs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

import numpy as np
import scipy

from imaging.document import Document
from imaging.errors import Problem
from imaging.geometry import BoolArray, FloatArray, perpendicular_axes
from imaging.progress import SILENT, Progress
from planning.access.judge import TARGET_OUTSIDE, Judge
from planning.access.march import NEAR_A_LIMIT, OK
from planning.access.marching import march_all
from planning.access.posture import is_reachable
from planning.access.request import AccessRequest, Proposal
from planning.access.search import check_request
from planning.access.targets import targets_of
from planning.access.wishes import score_of, terms_of
from planning.errors import NothingFeasible, PlanningError

MOST_NEEDLES = 4  # A15: the cohort had 1 to 4
ENOUGH = 0.95  # of what is to be covered, beyond which one more needle is not asked for
APART_MM = 1.0  # between the surfaces of two needles, wherever they run
SPACINGS_MM = (10.0, 15.0, 20.0)  # between parallel probes: 1-2 cm
TURNS = 8  # of the pattern about the axis
AXES = 24  # directions tried for parallel probes
AXES_APART_DEG = 8.0
BESIDE_MM = 3.0  # lesion this near to a probe's line decides how deep it goes
LLOYD_STEPS = 20
EXCHANGES = 5
AIMS = 12  # places in the lesion that infiltrations may aim at
WAYS_EACH = 6
COVERED_POINTS = 4000  # voxels that coverage is counted on


class Purpose(StrEnum):
    """What several needles are for."""

    INFILTRATION = "infiltration"
    CRYOABLATION = "cryoablation"
    BIPOLAR = "bipolar"


class NeedleSet(Document):
    """Needles that go together.

    Attributes
    ----------
    purpose : Purpose
        What they are for.
    needles : tuple of Proposal
        Each as judged alone; ranks count them.
    covered_fraction, covered_with_margin_fraction : float
        Of the lesion, and of the lesion with its margin, within reach of a needle.
    reach_mm, margin_mm : float
        Reach of one needle that was assumed; the margin.
    spacing_mm : float or None
        Between neighbouring parallel needles; None for needles that are not parallel.
    gap_mm : float or None
        Least distance between the surfaces of two needles; None for one.
    """

    purpose: Purpose
    needles: tuple[Proposal, ...]
    covered_fraction: float
    covered_with_margin_fraction: float
    reach_mm: float
    margin_mm: float
    spacing_mm: float | None
    gap_mm: float | None


@dataclass(frozen=True, eq=False)
class _Goal:
    """Points to be covered: those of the lesion first, then those of its margin."""

    points_lps_mm: FloatArray
    of_lesion: int
    reach_mm: float
    margin_mm: float

    def covered(self, entries: FloatArray, tips: FloatArray, back_mm: float) -> BoolArray:
        """Return which points each needle reaches from the last stretch before its tip."""
        along = entries - tips
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
        offset = self.points_lps_mm[None] - tips[:, None]
        ahead = np.clip((offset * along[:, None]).sum(axis=2), 0.0, back_mm)
        gap = np.linalg.norm(offset - ahead[..., None] * along[:, None], axis=2)
        reached: BoolArray = np.less_equal(gap, self.reach_mm)
        return reached


def search_set(
    request: AccessRequest,
    purpose: Purpose,
    count: int | None = None,
    progress: Progress = SILENT,
) -> NeedleSet:
    """Find needles that together cover the lesion.

    Parameters
    ----------
    request : AccessRequest
        The case and its limits, with the needle that is used.
    purpose : Purpose
        What they are for; probes are parallel and 1 to 2 cm apart.
    count : int or None
        1 to 4; None takes as few as cover 95 %, or as many as help.
    progress : Progress
        Told between the steps.

    Returns
    -------
    NeedleSet
        The set that covers most; among equals the one of better ways.

    Raises
    ------
    NothingFeasible
        When no such set passes every limit.
    PlanningError
        When what was asked contradicts itself.
    """
    check_request(request)
    if count is not None and not 1 <= count <= MOST_NEEDLES:
        message = f"a set has 1 to {MOST_NEEDLES} needles"
        raise PlanningError(Problem(code="needle_count", message=message, where=str(count)))
    progress.update(0.0, "preparing the search")
    judge = Judge.of(request)
    goal = _goal(request, purpose)
    counts = (count,) if count else range(1, MOST_NEEDLES + 1)
    if purpose == Purpose.BIPOLAR:
        counts = (2,)
    best: _Candidate | None = None
    find = _spread_needles if purpose == Purpose.INFILTRATION else _parallel_needles
    ways = _holding_ways(judge, purpose, progress.part(0.2, 0.5))
    for number, wanted in enumerate(counts):
        progress.update(0.5 + 0.4 * number / len(counts), "combining needles")
        found = find(judge, goal, ways, wanted)
        if found is not None and (best is None or found.covered > best.covered + 0.01):
            best = found
        if best is not None and best.covered >= ENOUGH:
            break
    if best is None:
        message = "no set of needles passes every limit; try fewer, another needle or position"
        raise NothingFeasible(Problem(code="no_set", message=message))
    progress.update(1.0, "set found")
    return _as_set(judge, goal, purpose, best)


@dataclass(frozen=True, eq=False)
class _Ways:
    """Single ways that hold, best first."""

    entries_lps_mm: FloatArray
    tips_lps_mm: FloatArray
    score: FloatArray


@dataclass(frozen=True, eq=False)
class _Candidate:
    """Needles of a set."""

    entries_lps_mm: FloatArray
    tips_lps_mm: FloatArray
    covered: float
    score: float
    spacing_mm: float | None


def _goal(request: AccessRequest, purpose: Purpose) -> _Goal:
    settings = request.settings
    is_infiltration = purpose == Purpose.INFILTRATION
    reach = settings.spread_mm if is_infiltration else settings.zone_radius_mm
    margin = 0.0 if is_infiltration else settings.zone_margin_mm
    lesion = request.lesion_lps_mm
    lesion = lesion[:: max(1, len(lesion) // COVERED_POINTS)]
    if margin == 0.0:
        return _Goal(lesion, len(lesion), reach, margin)
    steps = np.arange(-margin, margin + 0.1, 2.0)
    ball = np.array([(x, y, z) for x in steps for y in steps for z in steps])
    ball = ball[np.linalg.norm(ball, axis=1) <= margin]
    around = np.unique(np.round((lesion[:, None] + ball).reshape(-1, 3) / 2.0), axis=0) * 2.0
    far, _ = scipy.spatial.cKDTree(request.lesion_lps_mm).query(around)
    around = around[far > max(request.volume.grid.spacing_mm_kji)]
    around = around[:: max(1, len(around) // COVERED_POINTS)]
    return _Goal(np.concatenate([lesion, around]), len(lesion), reach, margin)


def _holding_ways(judge: Judge, purpose: Purpose, progress: Progress) -> _Ways:
    """Return single ways that hold on the CT: a few to each of many places in the lesion."""
    request = judge.request
    aims = targets_of(request, judge.shape)
    if purpose == Purpose.INFILTRATION:
        aims = _spread_places(request.lesion_lps_mm)
    skin = judge.scene.skin
    skin = skin.part(is_reachable(skin.normals_lps, request.position))
    marched = march_all(request, judge.scene, aims, progress, skin)
    entries, tips = [], []
    for number, aim in enumerate(aims):
        open_ = np.flatnonzero(marched.status[:, number] <= NEAR_A_LIMIT)
        if not len(open_):
            continue
        few = open_[:: max(1, len(open_) // 400)]
        begin, end = skin.points_lps_mm[few], np.tile(aim, (len(few), 1))
        walked = judge.ct.walk(begin, end)
        ways = judge.ways(begin, end, walked)
        score = score_of(terms_of(ways, request.needle, judge.shape), request.needle)
        score = np.where(walked.status == OK, score, -1.0)
        most = WAYS_EACH if purpose == Purpose.INFILTRATION else AXES
        best = [n for n in np.argsort(-score, kind="stable")[: 4 * most] if score[n] >= 0]
        entries += [begin[n] for n in best[:: max(1, len(best) // most)]]
        tips += [aim] * len(best[:: max(1, len(best) // most)])
    if not entries:
        return _Ways(np.empty((0, 3)), np.empty((0, 3)), np.zeros(0))
    begin, end = np.array(entries), np.array(tips)
    ways = judge.ways(begin, end, judge.ct.walk(begin, end), None, judge.by_hand(begin, end))
    score = score_of(terms_of(ways, request.needle, judge.shape), request.needle)
    order = np.argsort(-score, kind="stable")
    return _Ways(begin[order], end[order], score[order])


def _spread_places(points: FloatArray) -> FloatArray:
    """Return places that divide the lesion evenly among one to four needles, and some more.

    Parts are found by Lloyd's algorithm from places far from each other.
    """
    chosen = [points[np.argmin(np.linalg.norm(points - points.mean(axis=0), axis=1))]]
    far = np.linalg.norm(points - chosen[0], axis=1)
    while len(chosen) < min(AIMS, len(points)):
        chosen.append(points[np.argmax(far)])
        far = np.minimum(far, np.linalg.norm(points - chosen[-1], axis=1))
    tree = scipy.spatial.cKDTree(points)
    for count in range(1, MOST_NEEDLES + 1):
        middles = np.array(chosen[1 : count + 1] if len(chosen) > count else chosen[:1])
        for _ in range(LLOYD_STEPS):
            _, part = scipy.spatial.cKDTree(middles).query(points)
            middles = np.array([points[part == n].mean(axis=0) for n in range(len(middles))])
        _, nearest = tree.query(middles)
        chosen += list(points[nearest])
    return np.unique(np.array(chosen), axis=0)


def _spread_needles(judge: Judge, goal: _Goal, ways: _Ways, count: int) -> _Candidate | None:
    """Return needles whose tips together reach most: chosen, then exchanged, one by one."""
    if len(ways.score) < count:
        return None
    reached = goal.covered(ways.entries_lps_mm, ways.tips_lps_mm, 0.0)
    chosen: list[int] = []
    for _ in range(count):
        best = _best_beside(judge, ways, reached, chosen)
        if best is None:
            return None
        chosen.append(best)
    for _ in range(EXCHANGES):
        before = list(chosen)
        for place in range(count):
            others = chosen[:place] + chosen[place + 1 :]
            best = _best_beside(judge, ways, reached, others)
            chosen[place] = chosen[place] if best is None else best
        if chosen == before:
            break
    covered = np.logical_or.reduce(reached[chosen], axis=0)
    return _Candidate(
        ways.entries_lps_mm[chosen],
        ways.tips_lps_mm[chosen],
        float(covered.mean()),
        float(ways.score[chosen].mean()),
        None,
    )


def _best_beside(judge: Judge, ways: _Ways, reached: BoolArray, others: list[int]) -> int | None:
    """Return the way that adds most to others and crosses none of them."""
    held = np.logical_or.reduce(reached[others], axis=0) if others else np.zeros(reached.shape[1:])
    gain = (reached & ~held.astype(bool)).mean(axis=1) + 1e-3 * ways.score
    for number in np.argsort(-gain, kind="stable"):
        if number not in others and _clear_of(judge, ways, others, int(number)):
            return int(number)
    return None


def _clear_of(judge: Judge, ways: _Ways, chosen: list[int], other: int) -> bool:
    least = judge.request.needle.diameter_mm + APART_MM
    return all(
        needle_gap_mm(
            ways.entries_lps_mm[one],
            ways.tips_lps_mm[one],
            ways.entries_lps_mm[other],
            ways.tips_lps_mm[other],
        )
        >= least
        for one in chosen
    )


def _parallel_needles(judge: Judge, goal: _Goal, ways: _Ways, count: int) -> _Candidate | None:
    """Return parallel probes about an axis that together reach most of lesion and margin."""
    best: _Candidate | None = None
    for number in _axes_apart(ways):
        axis = ways.tips_lps_mm[number] - ways.entries_lps_mm[number]
        axis /= np.linalg.norm(axis)
        for spacing, offsets in _patterns(axis, count):
            placed = _placed(judge, goal, axis, offsets)
            if placed is None:
                continue
            entries, tips, back_mm = placed
            covered = float(goal.covered(entries, tips, back_mm).any(axis=0).mean())
            own = _Candidate(entries, tips, covered, float(ways.score[number]), spacing)
            if best is None or (covered, own.score) > (best.covered, best.score):
                best = own
    return best


def _axes_apart(ways: _Ways) -> list[int]:
    """Return ways of different directions, best first."""
    along = ways.tips_lps_mm - ways.entries_lps_mm
    along = along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
    chosen: list[int] = []
    for number in range(len(along)):
        if len(chosen) == AXES:
            break
        if all(along[number] @ along[one] < np.cos(np.radians(AXES_APART_DEG)) for one in chosen):
            chosen.append(number)
    return chosen


def _patterns(axis: FloatArray, count: int) -> list[tuple[float | None, FloatArray]]:
    """Return offsets across the axis: neighbours one spacing apart, turned about it."""
    if count == 1:
        return [(None, np.zeros((1, 3)))]
    u, v = perpendicular_axes(axis)
    patterns: list[tuple[float | None, FloatArray]] = []
    for spacing in SPACINGS_MM:
        radius = spacing / (2.0 * np.sin(np.pi / count))
        for turn in range(TURNS):
            angle = 2.0 * np.pi * (np.arange(count) + turn / TURNS) / count
            ring = radius * (np.cos(angle)[:, None] * u + np.sin(angle)[:, None] * v)
            patterns.append((spacing, ring))
    return patterns


def _placed(
    judge: Judge, goal: _Goal, axis: FloatArray, offsets: FloatArray
) -> tuple[FloatArray, FloatArray, float] | None:
    """Return entries, tips and active length of parallel probes, or None where one does not hold.

    Each probe runs to the far side of the lesion along its own line.
    """
    lesion = judge.request.lesion_lps_mm
    depth = (lesion - judge.shape.centre_lps_mm) @ axis
    across = lesion - judge.shape.centre_lps_mm - depth[:, None] * axis
    deep = []
    for offset in offsets:
        beside = np.linalg.norm(across - offset, axis=1) <= BESIDE_MM
        deepest = float(depth[beside].max()) - 1.0 if beside.any() else 0.0
        deep.append(judge.shape.centre_lps_mm + offset + deepest * axis)
    tips = np.array(deep)
    back_mm = float(np.ptp(depth))
    far, _ = scipy.spatial.cKDTree(lesion).query(judge.shape.centre_lps_mm + offsets)
    if np.max(far) > goal.reach_mm:
        return None
    entries = []
    for tip in tips:
        entry = judge.skin_behind(tip, tip - axis)
        if entry is None:
            return None
        entries.append(entry)
    begin = np.array(entries)
    if (np.linalg.norm(tips - begin, axis=1) > judge.request.needle.length_mm).any():
        return None
    walked = judge.ct.walk(begin, tips)
    if (walked.status != OK).any():
        return None
    for entry, tip in zip(begin, tips, strict=True):
        if set(judge.limits_broken(entry, tip)) - {TARGET_OUTSIDE}:
            return None
    return begin, tips, back_mm


def _as_set(judge: Judge, goal: _Goal, purpose: Purpose, best: _Candidate) -> NeedleSet:
    needles = tuple(
        _judged(judge, entry, tip, rank)
        for rank, (entry, tip) in enumerate(
            zip(best.entries_lps_mm, best.tips_lps_mm, strict=True), start=1
        )
    )
    back_mm = 0.0
    if purpose != Purpose.INFILTRATION:
        axis = best.tips_lps_mm[0] - best.entries_lps_mm[0]
        back_mm = float(np.ptp(judge.request.lesion_lps_mm @ (axis / np.linalg.norm(axis))))
    covered = goal.covered(best.entries_lps_mm, best.tips_lps_mm, back_mm)
    reached = np.logical_or.reduce(covered, axis=0)
    gaps = [
        needle_gap_mm(
            *(np.array(p) for p in (a.entry_lps_mm, a.target_lps_mm)),
            *(np.array(p) for p in (b.entry_lps_mm, b.target_lps_mm)),
        )
        for a, b in combinations(needles, 2)
    ]
    return NeedleSet(
        purpose=purpose,
        needles=needles,
        covered_fraction=float(reached[: goal.of_lesion].mean()),
        covered_with_margin_fraction=float(reached.mean()),
        reach_mm=goal.reach_mm,
        margin_mm=goal.margin_mm,
        spacing_mm=best.spacing_mm,
        gap_mm=min(gaps) - judge.request.needle.diameter_mm if gaps else None,
    )


def _judged(judge: Judge, entry: FloatArray, tip: FloatArray, rank: int) -> Proposal:
    """Judge a needle of a set, whose tip may lie beside the lesion that it reaches."""
    own = judge.judge(entry, tip, rank)
    against = tuple(one for one in own.against if one != TARGET_OUTSIDE)
    return own.model_copy(update={"against": against})


def needle_gap_mm(
    entry_a: FloatArray, tip_a: FloatArray, entry_b: FloatArray, tip_b: FloatArray
) -> float:
    """Return the least distance between the axes of two needles.

    Parameters
    ----------
    entry_a, tip_a, entry_b, tip_b : numpy.ndarray
        Shape (3,), the ends of each.

    Returns
    -------
    float
        Millimetres (Ericson, Real-Time Collision Detection, 2005, 5.1.9).
    """
    a, b, offset = tip_a - entry_a, tip_b - entry_b, entry_a - entry_b
    aa, bb, ab = float(a @ a), float(b @ b), float(a @ b)
    ao, bo = float(a @ offset), float(b @ offset)
    flat = aa * bb - ab * ab
    s = float(np.clip((ab * bo - ao * bb) / flat, 0.0, 1.0)) if flat > 1e-12 else 0.0
    t = float(np.clip((ab * s + bo) / bb, 0.0, 1.0))
    s = float(np.clip((ab * t - ao) / aa, 0.0, 1.0))
    return float(np.linalg.norm(offset + s * a - t * b))
