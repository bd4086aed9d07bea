"""The proposals, and the ways among which one can only trade."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import BoolArray, FloatArray
from planning.access.examination import APART_MM, CORRIDOR_SAMPLES, Pool, apart
from planning.access.front import on_front
from planning.access.judge import Judge
from planning.access.request import Proposal
from planning.access.wishes import Ways, angle_to_axial_deg, score_of, terms_of

POOL_APART_MM = 6.0  # between ways that are compared with each other
POOL = 90  # ways that are tried with needles that land off
CORRIDOR_APART_MM = 4.0
FRONT = 6  # ways of the front beside the proposals


def proposals_of(judge: Judge, pool: Pool) -> tuple[tuple[Proposal, ...], tuple[Proposal, ...]]:
    """Return the proposals, and the ways of the front beside them."""
    order = np.argsort(-pool.score, kind="stable")
    chosen = apart(pool.entries_lps_mm, order, POOL_APART_MM, POOL)
    chosen = list(dict.fromkeys([*chosen, *_best_of_corridors(judge, pool, order)]))
    if not chosen:
        return (), ()
    entries, aims = pool.entries_lps_mm[chosen], pool.targets_lps_mm[chosen]
    hand = judge.by_hand(entries, aims)
    names = judge.corridors(entries, aims)
    ways = judge.ways(entries, aims, judge.ct.walk(entries, aims), names, hand)
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


def _best_of_corridors(judge: Judge, pool: Pool, order: NDArray[np.int64]) -> list[int]:
    """Return the best way through each known corridor into the vertebra."""
    if judge.vertebra is None:
        return []
    few = apart(pool.entries_lps_mm, order, CORRIDOR_APART_MM, CORRIDOR_SAMPLES)
    names = judge.corridors(pool.entries_lps_mm[few], pool.targets_lps_mm[few])
    best: dict[str, int] = {}
    for name, number in zip(names, few, strict=True):
        if name:
            best.setdefault(name, number)
    return list(best.values())


def _goods(ways: Ways) -> FloatArray:
    """Return what a way may be good in: short, in plane, far, safe by hand, little bone."""
    advance = ways.targets_lps_mm - ways.entries_lps_mm
    hand = np.zeros(len(advance)) if ways.hand is None else ways.hand.prod(axis=1)
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
