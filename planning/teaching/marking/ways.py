"""How a way in is judged: by the engine, on the reference's lesion and structures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from imaging.document import Vector
from imaging.errors import Refusal
from imaging.geometry import FloatArray, unit
from imaging.progress import SILENT, Progress
from imaging.structures.model import PassageClass
from imaging.volume import Volume, sample
from planning.access.judge import TARGET_OUTSIDE, Judge
from planning.access.march import CROSSES as CROSSES_CODE
from planning.access.march import NEAR_A_LIMIT, OK, REASONS
from planning.access.march import TOO_NEAR as TOO_NEAR_CODE
from planning.access.marching import march_all
from planning.access.needles import needle_named
from planning.access.posture import is_reachable
from planning.access.request import AccessRequest, Proposal
from planning.access.targets import targets_of
from planning.access.walk import Mode
from planning.access.wishes import score_of, terms_of
from planning.plan import Case
from planning.teaching.answer import Answer, chosen_row, ways_of_case
from planning.teaching.marking.findings import Finding, deficit, excess
from planning.teaching.marking.table import CRITICAL, marking_table
from planning.teaching.marking.terms import Fault
from planning.ways_in import access_request

CROSSES, TOO_NEAR = REASONS[CROSSES_CODE], REASONS[TOO_NEAR_CODE]
WAY_TERMS = ("way_safety", "way_clearance", "way_length", "way_crossed", "way_percentile")
PROBE_MM, PROBE_STEP_MM = 60.0, 0.5  # from the tip, where a probe meets the lesion
FARTHEST_MM = 300.0  # where a probe meets no skin in the image
HALF = 0.5  # of the ways that are just as good count as worse


@dataclass(frozen=True)
class WayFigures:
    """What is told of the ways of an answer; of several the worst counts.

    Parameters
    ----------
    against : tuple of str
        Limits broken.
    nearest, nearest_mm : str, float
        Structure at risk that is nearest, and its distance.
    length_mm : float
        Longest.
    avoid_mm : float
        Through tissue that no needle should pass without need.
    avoided : tuple of str
        That tissue.
    percentile : float
        Share of all possible ways that are worse, percent; 0 for one that breaks a limit.
    from_lesion_mm : float
        Between the lesion and the way that comes nearest to it, 0 inside.
    """

    against: tuple[str, ...]
    nearest: str
    nearest_mm: float
    length_mm: float
    avoid_mm: float
    avoided: tuple[str, ...]
    percentile: float
    from_lesion_mm: float = 0.0


class Ground:
    """The reference's case, on which every way is judged.

    Parameters
    ----------
    reference : Answer
        With lesion and structures; its margins, settings and needle hold.
    volume : Volume
        The CT.
    progress : Progress
        Told while all ways are looked at.
    """

    def __init__(self, reference: Answer, volume: Volume, progress: Progress = SILENT) -> None:
        self.request: AccessRequest = access_request(reference.case, volume)
        self._progress = progress
        self._class = {row.name: row.class_ for row in self.request.structures.table}

    @cached_property
    def judge(self) -> Judge:
        """Of the reference's needle and position."""
        return Judge.of(self.request)

    @cached_property
    def scores(self) -> FloatArray:
        """Scores of ways that pass every limit, evenly taken of all of them, sorted."""
        judge, request = self.judge, self.request
        targets = targets_of(request, judge.shape)
        skin = judge.scene.skin.part(is_reachable(judge.scene.skin.normals_lps, request.position))
        marched = march_all(request, judge.scene, targets, self._progress, skin)
        pairs = np.argwhere(marched.status <= NEAR_A_LIMIT)
        if not len(pairs):
            return np.zeros(0)
        wanted = min(marking_table().sampled_ways, len(pairs))
        few = pairs[np.linspace(0, len(pairs) - 1, wanted).astype(int)]
        begin, end = skin.points_lps_mm[few[:, 0]], targets[few[:, 1]]
        holds = judge.ct.walk(begin, end).status == OK
        found: FloatArray = np.sort(self._score(begin[holds], end[holds]))
        return found

    def _score(self, begin: FloatArray, end: FloatArray) -> FloatArray:
        if not len(begin):
            return np.zeros(0)
        walked = self.judge.ct.walk(begin, end, mode=Mode.WHOLE)
        ways = self.judge.ways(begin, end, walked)
        needle = self.request.needle
        return score_of(terms_of(ways, needle, self.judge.shape), needle)

    def percentile(self, way: Proposal) -> float:
        """Return the share of all possible ways that are worse.

        Parameters
        ----------
        way : Proposal
            As judged.

        Returns
        -------
        float
            Percent; half of those just as good count as worse; 0 for one that breaks a limit.
        """
        if way.against or not len(self.scores):
            return 0.0
        begin, end = np.array([way.entry_lps_mm]), np.array([way.target_lps_mm])
        score = float(self._score(begin, end)[0])
        below = np.searchsorted(self.scores, score, "left")
        upto = np.searchsorted(self.scores, score, "right")
        return 100.0 * float(below + HALF * (upto - below)) / len(self.scores)

    def figures(self, answer: Answer) -> WayFigures | None:
        """Judge the ways of an answer: those of its probes where it was simulated.

        Parameters
        ----------
        answer : Answer
            To be judged.

        Returns
        -------
        WayFigures or None
            None where no way was chosen.
        """
        judge = self._judge_for(answer.case)
        row, needles = chosen_row(answer), answer.case.plan.needle_set
        if row is not None and row.probes:
            judged = [self._to_tip(judge, one.tip_lps_mm, one.axis_lps) for one in row.probes]
        elif needles is not None:
            judged = [self._to_tip(judge, *_tip_and_axis(way)) for way in needles.needles]
        else:
            judged = [
                judge.judge(np.array(way.entry_lps_mm), np.array(way.target_lps_mm))
                for way in ways_of_case(answer.case)
            ]
        if not judged:
            return None
        near = [
            min(one.clearance_mm.items(), key=lambda item: item[1])
            for one in judged
            if one.clearance_mm
        ]
        nearest, nearest_mm = min(near, key=lambda item: item[1], default=("", np.inf))
        avoided = [self._avoided(one) for one in judged]
        return WayFigures(
            against=tuple(sorted({limit for one in judged for limit in one.against})),
            nearest=nearest,
            nearest_mm=min(float(nearest_mm), marking_table().clearance_enough_mm),
            length_mm=max(one.length_mm for one in judged),
            avoid_mm=max(sum(row.values()) for row in avoided),
            avoided=tuple(sorted({name for row in avoided for name in row})),
            percentile=min(self.percentile(one) for one in judged),
            from_lesion_mm=min(map(self._from_lesion_mm, judged)),
        )

    def _from_lesion_mm(self, way: Proposal) -> float:
        """Return how far the last part of a way stays from the middles of the lesion's voxels."""
        if TARGET_OUTSIDE not in way.against:
            return 0.0
        tip, axis = _tip_and_axis(way)
        steps = tip + np.arange(0.0, PROBE_MM, PROBE_STEP_MM)[:, None] * np.array(axis)
        voxels = self.request.volume.grid.to_lps(np.argwhere(self.request.lesion))
        return float(np.min(cKDTree(voxels).query(steps)[0]))

    def _to_tip(self, judge: Judge, tip_lps_mm: Vector, axis_lps: Vector) -> Proposal:
        """Judge the way of a probe from the skin to its tip, which may lie beyond the lesion."""
        tip, axis = np.array(tip_lps_mm), unit(axis_lps)
        entry = judge.skin_behind(tip, tip + axis)
        way = judge.judge(tip + FARTHEST_MM * axis if entry is None else entry, tip)
        steps = tip + np.arange(0.0, PROBE_MM, PROBE_STEP_MM)[:, None] * axis
        grid, lesion = self.request.volume.grid, self.request.lesion
        if (sample(lesion.view(np.uint8), grid, steps, order=0, outside=0) > 0).any():
            against = tuple(limit for limit in way.against if limit != TARGET_OUTSIDE)
            return way.model_copy(update={"against": against})
        return way

    def _judge_for(self, case: Case) -> Judge:
        """Return the judge of an answer's own needle and position, under the reference's limits."""
        try:
            needle = needle_named(case.plan.needle_used)
        except Refusal:
            needle = self.request.needle
        if (needle, case.plan.position) == (self.request.needle, self.request.position):
            return self.judge
        return Judge.of(replace(self.request, needle=needle, position=case.plan.position))

    def _avoided(self, way: Proposal) -> dict[str, float]:
        lengths: dict[str, float] = {}
        for part in way.crossed:
            if self._class.get(part.name) == PassageClass.AVOID:
                lengths[part.name] = lengths.get(part.name, 0.0) + part.length_mm
        return lengths


def _tip_and_axis(way: Proposal) -> tuple[Vector, Vector]:
    """Return where a needle of a set ends, and the direction from there to its hub."""
    back = unit(np.subtract(way.entry_lps_mm, way.target_lps_mm))
    return way.target_lps_mm, (float(back[0]), float(back[1]), float(back[2]))


def way_findings(answer: Answer, reference: Answer, ground: Ground) -> list[Finding]:
    """Compare the way of an answer with that of the reference, and with all possible ways.

    Parameters
    ----------
    answer, reference : Answer
        To be compared.
    ground : Ground
        Of the reference.

    Returns
    -------
    list of Finding
        Empty where the reference has no way.
    """
    wanted = ground.figures(reference)
    if wanted is None:
        return []
    found = ground.figures(answer)
    if found is None:
        return [Finding(term, None) for term in WAY_TERMS]
    return [
        _safety(found, wanted),
        Finding(
            "way_clearance",
            deficit(found.nearest_mm, wanted.nearest_mm),
            found.nearest_mm,
            wanted.nearest_mm,
            {"structure": found.nearest, "reference_structure": wanted.nearest},
        ),
        Finding(
            "way_length",
            excess(found.length_mm, wanted.length_mm),
            found.length_mm,
            wanted.length_mm,
        ),
        Finding(
            "way_crossed",
            excess(found.avoid_mm, wanted.avoid_mm),
            found.avoid_mm,
            wanted.avoid_mm,
            {"structures": ", ".join(found.avoided)},
        ),
        Finding(
            "way_percentile",
            deficit(found.percentile, wanted.percentile),
            found.percentile,
            wanted.percentile,
        ),
    ]


def _safety(found: WayFigures, wanted: WayFigures) -> Finding:
    """Count the limits that the way breaks and the reference keeps, critical ones as faults."""
    broken = [limit for limit in found.against if limit not in wanted.against]
    faults = tuple(fault for fault in map(_fault_of, broken) if fault is not None)
    if found.from_lesion_mm > marking_table().misses_mm:
        faults += (_missed(found.from_lesion_mm),)
    error = len(broken) + (CRITICAL if faults else 0.0)
    told = {"limits": ", ".join(broken)}
    return Finding(
        "way_safety",
        float(error),
        float(len(found.against)),
        float(len(wanted.against)),
        {**told},
        faults=faults,
        told="way_safety" if broken else "way_safe",
    )


def _missed(from_lesion_mm: float) -> Fault:
    return Fault(
        code="misses_lesion",
        where="lesion",
        term="way_safety",
        value=from_lesion_mm,
        limit=marking_table().misses_mm,
        unit="mm",
        rules=("A12",),
    )


def _fault_of(limit: str) -> Fault | None:
    reason, _, name = limit.partition(":")
    near = any(fnmatchcase(name, pattern) for pattern in marking_table().critical_near)
    if reason == CROSSES or (reason == TOO_NEAR and near):
        return Fault(code=reason, where=name, term="way_safety", rules=("A13",))
    return None
