"""One way in, judged on the CT's own voxels: what it crosses, what it nears, what it breaks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.boxes import label_boxes
from imaging.document import Vector
from imaging.geometry import BoolArray, FloatArray, Grid, unit
from imaging.structures.model import BODY, PassageClass
from imaging.volume import sample
from planning.access.at_table import Landmarks
from planning.access.corridors import KNOWN, Vertebra
from planning.access.ct import CtFields, Walked
from planning.access.hand import landed_off
from planning.access.march import (
    BODY_BIT,
    CROSSES,
    FLAT_TO_CORTEX,
    INTACT_CORTEX,
    REASONS,
    TOO_MUCH_BONE,
    TOO_NEAR,
)
from planning.access.posture import (
    Provisional,
    doubt_of_posture,
    is_reachable,
    positions_reaching,
    posture_of_ct,
)
from planning.access.request import AccessRequest, Crossing, Hand, Proposal
from planning.access.scene import Scene, build_scene, margin_of
from planning.access.skin import within
from planning.access.targets import LesionShape, lesion_shape
from planning.access.walk import Mode, gap_mm
from planning.access.wishes import Ways, angle_to_axial_deg, score_of, terms_of

STEP_MM = 0.5
NEIGHBOURS = 8  # nearest voxel centres whose boxes are measured exactly
FARTHEST_MM = 700.0  # through any body
TARGET_OUTSIDE = "target_outside_lesion"
SKIN_MM = 8.0  # about an entry, in which the skin is looked for along the way
SKIN_STEP_MM = 0.25
LUNGS = ("lung", "pleura")
OUTSIDE, UNLABELLED = "outside", "unlabelled"
NEAR_MM = 8.0  # beyond its margin, up to which the distance to a structure is told exactly
FAR_MM = 30.0  # a structure farther from a coarse look at the way needs no fine one
COARSE_STEPS = 8
STEEP_DEG = 90.0  # counted where no cortex is met


@dataclass(frozen=True, eq=False)
class _Obstacle:
    """Surface voxels of a structure, for exact distances to their boxes."""

    name: str
    label: int
    margin_mm: float
    tree: scipy.spatial.cKDTree
    centres_lps_mm: FloatArray


@dataclass(eq=False)
class Judge:
    """Judges ways in of one case; what is costly is prepared when it is first needed.

    Parameters
    ----------
    request : AccessRequest
        The case and its limits.
    scene : Scene
        Its fields.
    """

    request: AccessRequest
    scene: Scene
    ct: CtFields = field(init=False)
    shape: LesionShape = field(init=False)
    vertebra: Vertebra | None = field(init=False)
    landmarks: Landmarks = field(init=False)
    _obstacles: tuple[_Obstacle, ...] | None = field(init=False, default=None)
    _skin: scipy.spatial.cKDTree | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.ct = CtFields.of(self.request, self.scene)
        self.shape = lesion_shape(self.request)
        self.vertebra = Vertebra.of(self.request)
        self.landmarks = Landmarks.of(self.scene)

    @classmethod
    def of(cls, request: AccessRequest) -> Judge:
        """Prepare the judgement of a case.

        Parameters
        ----------
        request : AccessRequest
            The case and its limits.

        Returns
        -------
        Judge
            Reusable for any number of ways.
        """
        return cls(request, build_scene(request))

    def ways(
        self,
        entries_lps_mm: FloatArray,
        targets_lps_mm: FloatArray,
        walked: Walked,
        corridors: list[str] | None = None,
        hand: FloatArray | None = None,
    ) -> Ways:
        """Return ways with what their wishes are told from.

        Parameters
        ----------
        entries_lps_mm, targets_lps_mm : numpy.ndarray
            Shape (n, 3).
        walked : Walked
            What they met.
        corridors : list of str or None
            Name of each way's corridor; None where that is not looked at.
        hand : numpy.ndarray or None
            Of :meth:`by_hand`.

        Returns
        -------
        Ways
            For :func:`planning.access.wishes.terms_of`.
        """
        known = None
        if self.vertebra is not None and corridors is not None:
            known = np.array([float(name.startswith(KNOWN)) for name in corridors])
        return Ways(
            entries_lps_mm,
            targets_lps_mm,
            walked.bone_mm,
            walked.avoid_mm,
            np.maximum(walked.slack_mm, 0.0),
            np.nan_to_num(walked.cortex_deg, nan=STEEP_DEG),
            known,
            hand,
        )

    def by_hand(self, entries_lps_mm: FloatArray, targets_lps_mm: FloatArray) -> FloatArray:
        """Return how ways bear the error of the hand.

        Parameters
        ----------
        entries_lps_mm, targets_lps_mm : numpy.ndarray
            Shape (n, 3).

        Returns
        -------
        numpy.ndarray
            Shape (n, 2): share of needles that touch nothing forbidden, share that pass through
            the lesion.
        """
        entries, ends = landed_off(entries_lps_mm, targets_lps_mm, self.request.settings)
        walked = self.ct.walk(entries.reshape(-1, 3), ends.reshape(-1, 3), mode=Mode.TOUCHING)
        safe = ~np.isin(walked.status, (CROSSES, TOO_NEAR)).reshape(entries.shape[:2])
        hit = (walked.lesion_mm > 0).reshape(entries.shape[:2])
        return np.stack([safe.mean(axis=1), hit.mean(axis=1)], axis=1)

    def judge(self, entry_lps_mm: FloatArray, target_lps_mm: FloatArray, rank: int = 0) -> Proposal:
        """Judge one way in.

        Parameters
        ----------
        entry_lps_mm, target_lps_mm : numpy.ndarray
            Shape (3,), point at the skin, which is moved onto it along the way, and point in the
            lesion.
        rank : int
            Of the proposal; 0 for a way drawn by hand.

        Returns
        -------
        Proposal
            With every limit it breaks in ``against``.
        """
        target = np.asarray(target_lps_mm, dtype=float)
        normal = self._normal_at(np.asarray(entry_lps_mm, dtype=float))
        entry = self._on_skin(np.asarray(entry_lps_mm, dtype=float), target)
        walked = self.ct.walk(entry[None], target[None], mode=Mode.WHOLE)
        hand = self.by_hand(entry[None], target[None])
        clearance, broken = self._clearances(entry, target)
        crossed, bone_mm = self._crossed(entry, target)
        nearest = min(clearance.values(), default=np.inf)
        exact = replace(walked, slack_mm=np.array([nearest]), bone_mm=np.array([bone_mm]))
        corridors = self.corridors(entry[None], target[None])
        ways = self.ways(entry[None], target[None], exact, corridors, hand)
        terms = terms_of(ways, self.request.needle, self.shape)
        against = [*broken, *self._against(entry, target, normal, exact)]
        cortex = float(walked.cortex_deg[0])
        return Proposal(
            rank=rank,
            entry_lps_mm=as_vector(entry),
            target_lps_mm=as_vector(target),
            length_mm=float(np.linalg.norm(target - entry)),
            angle_to_axial_deg=float(angle_to_axial_deg(entry, target)),
            bone_mm=bone_mm,
            clearance_mm=clearance,
            score=float(score_of(terms, self.request.needle)[0]),
            terms={name: float(value[0]) for name, value in terms.items()},
            crossed=crossed,
            cortex_angle_deg=None if np.isnan(cortex) else cortex,
            corridor=corridors[0],
            hand=Hand(
                angle_deg=self.request.settings.hand_angle_deg,
                offset_mm=self.request.settings.hand_offset_mm,
                safe_fraction=float(hand[0, 0]),
                hit_fraction=float(hand[0, 1]),
            ),
            table=self.landmarks.figures(entry, target),
            positions=positions_reaching(normal),
            provisional=self._provisional(normal, clearance, float(walked.avoid_mm[0])),
            against=tuple(dict.fromkeys(against)),
        )

    def corridors(self, entries_lps_mm: FloatArray, targets_lps_mm: FloatArray) -> list[str]:
        """Name the corridor of each way.

        Parameters
        ----------
        entries_lps_mm, targets_lps_mm : numpy.ndarray
            Shape (n, 3).

        Returns
        -------
        list of str
            Such as ``transpedicular_left``; empty where it takes none.
        """
        if self.vertebra is None:
            return [""] * len(entries_lps_mm)
        return self.vertebra.corridors(entries_lps_mm, targets_lps_mm)

    def _provisional(
        self, normal: FloatArray, clearance: dict[str, float], avoid_mm: float
    ) -> tuple[Provisional, ...]:
        posture = posture_of_ct(self.request.volume.series.patient_position)
        doubts = doubt_of_posture(normal, self.request.position, posture)
        near = [mm for name, mm in clearance.items() if name.startswith(LUNGS)]
        if min(near, default=np.inf) < self.request.settings.breathing_mm:
            doubts = (*doubts, "breathing")
        return (*doubts, "not_cleared") if avoid_mm > 0 else doubts

    def limits_broken(self, entry_lps_mm: FloatArray, target_lps_mm: FloatArray) -> list[str]:
        """Return the limits that a way breaks other than those of the forbidden structures.

        Parameters
        ----------
        entry_lps_mm, target_lps_mm : numpy.ndarray
            Shape (3,).

        Returns
        -------
        list of str
            Length, bone, skin, couch, gantry, target.
        """
        walked = self.ct.walk(entry_lps_mm[None], target_lps_mm[None], mode=Mode.WHOLE)
        normal = self._normal_at(entry_lps_mm)
        return self._against(entry_lps_mm, target_lps_mm, normal, walked)

    def _against(
        self, entry: FloatArray, target: FloatArray, normal: FloatArray, walked: Walked
    ) -> list[str]:
        """Return the limits broken other than those of the forbidden structures."""
        request, settings = self.request, self.request.settings
        length_mm = float(np.linalg.norm(target - entry))
        along = (target - entry) / max(length_mm, 1e-6)
        against = []
        at = request.volume.grid.nearest(target)
        if at is None or not request.lesion[at]:
            against.append(TARGET_OUTSIDE)
        skin = self.skin_behind(target, entry)
        if skin is None or float(np.linalg.norm(skin - entry)) > SKIN_MM:
            against.append("entry_not_on_skin")
        if length_mm > request.needle.length_mm:
            against.append("longer_than_needle")
        if walked.bone_mm[0] > request.needle.max_bone_mm:
            against.append(REASONS[TOO_MUCH_BONE])
        densest = request.needle.densest_hu
        if densest is not None and walked.densest_hu[0] > densest:
            against.append(REASONS[INTACT_CORTEX])
        if walked.cortex_deg[0] < settings.flattest_cortex_deg:
            against.append(REASONS[FLAT_TO_CORTEX])
        if -float(along @ normal) < np.sin(np.radians(settings.flattest_skin_deg)):
            against.append("flat_to_skin")
        if not is_reachable(normal[None], request.position)[0]:
            against.append("skin_faces_couch")
        if self._leaves_body(entry, target):
            against.append("leaves_body")
        if self.scene.gantry_lps_mm is not None:
            out = request.needle.length_mm - length_mm + settings.grip_mm
            hub = (entry - out * along)[:2] - self.scene.gantry_lps_mm
            if float(np.hypot(*hub)) > settings.bore_mm / 2:
                against.append("hits_gantry")
        return against

    def skin_behind(self, tip_lps_mm: FloatArray, towards_lps_mm: FloatArray) -> FloatArray | None:
        """Return where a straight way to a tip enters the skin.

        Parameters
        ----------
        tip_lps_mm, towards_lps_mm : numpy.ndarray
            Shape (3,): the tip, and a place on the way before it.

        Returns
        -------
        numpy.ndarray or None
            Shape (3,), to within a millimetre; None where the way leaves the image first.
        """
        away = towards_lps_mm - tip_lps_mm
        if not away.any():
            return None
        back = unit(away)
        steps = np.arange(0.0, FARTHEST_MM, 1.0)
        places = tip_lps_mm + steps[:, None] * back
        grid = self.scene.grid
        index = np.floor(grid.to_kji(places) + 0.5).astype(int)
        held = np.asarray(((index >= 0) & (index < grid.size_kji)).all(axis=1))
        index[~held] = 0
        in_body = held & ((self.scene.tissue[tuple(index.T)] & BODY_BIT) > 0)
        outside = np.flatnonzero(~in_body)
        if not len(outside) or not held[outside[0]]:
            return None
        entry: FloatArray = places[outside[0]]
        return entry

    def _leaves_body(self, entry: FloatArray, target: FloatArray) -> bool:
        """Tell whether the way comes out of the skin again."""
        way = _points(entry, target, 1.0)[8:]
        body = self.scene.tissue & BODY_BIT
        inside = sample(body, self.scene.grid, way, order=0, outside=0) > 0
        return bool((~inside).sum() > 2)

    def _normal_at(self, entry: FloatArray) -> FloatArray:
        if self._skin is None:
            self._skin = scipy.spatial.cKDTree(self.scene.skin.points_lps_mm)
        _, index = self._skin.query(entry)
        normal: FloatArray = self.scene.skin.normals_lps[index]
        return normal

    def _on_skin(self, entry: FloatArray, target: FloatArray) -> FloatArray:
        """Return where the way enters the body on the CT's own voxels, near the entry given."""
        if self.request.structures.named(BODY) is None:
            return entry
        along = target - entry
        length_mm = float(np.linalg.norm(along))
        if length_mm < SKIN_MM:
            return entry
        along /= length_mm
        steps = np.arange(-SKIN_MM, SKIN_MM + SKIN_STEP_MM, SKIN_STEP_MM)
        places = entry + steps[:, None] * along
        labels = sample(
            self.request.structures.labels, self.request.volume.grid, places, order=0, outside=0
        )
        outside = np.flatnonzero(labels == 0)
        if not len(outside) or outside[-1] == len(steps) - 1:
            return entry
        skin: FloatArray = places[outside[-1]] + SKIN_STEP_MM / 2 * along
        return skin

    def _clearances(
        self, entry: FloatArray, target: FloatArray
    ) -> tuple[dict[str, float], list[str]]:
        """Return the distance to each forbidden structure, and the limits it breaks."""
        request, grid = self.request, self.request.volume.grid
        way = _points(entry, target, STEP_MM)
        in_lesion = _is_in(request.lesion, grid, way)
        exempt = _is_in(self.ct.exempt, grid, way)
        labels = sample(self.ct.structures.labels, grid, way, order=0, outside=0).astype(int)
        clearance: dict[str, float] = {}
        broken = []
        for obstacle in self._all_obstacles():
            few = np.concatenate([way[::COARSE_STEPS], way[-1:]])
            gap = _gaps_mm(obstacle, few, grid, 1) - request.needle.diameter_mm / 2
            if gap.min() > FAR_MM:
                clearance[obstacle.name] = min(
                    clearance.get(obstacle.name, np.inf), float(gap.min())
                )
                continue
            gap = self._exact_gaps_mm(obstacle, way) - request.needle.diameter_mm / 2
            clearance[obstacle.name] = min(clearance.get(obstacle.name, np.inf), float(gap.min()))
            if ((labels == obstacle.label) & ~in_lesion).any():
                broken.append(f"{REASONS[CROSSES]}:{obstacle.name}")
            elif (gap < obstacle.margin_mm)[~exempt].any():
                broken.append(f"{REASONS[TOO_NEAR]}:{obstacle.name}")
        return clearance, broken

    def _exact_gaps_mm(self, obstacle: _Obstacle, way: FloatArray) -> FloatArray:
        """Return the distance of each point to the structure; exact where it may decide.

        In long voxels the nearest box need not have one of the nearest centres.
        """
        grid = self.request.volume.grid
        gaps = _gaps_mm(obstacle, way, grid)
        if gaps.min() > NEAR_MM + obstacle.margin_mm:
            return gaps
        spacing = np.array(grid.spacing_mm_kji)
        slack = float(np.linalg.norm(spacing)) / 2
        radius = self.request.needle.diameter_mm / 2
        decides = gaps <= max(float(gaps.min()), obstacle.margin_mm + radius) + slack
        only = np.full(len(self.ct.margins), -1.0, dtype=np.float32)
        only[obstacle.label] = 0.0
        places = grid.to_kji(way)
        for number in np.flatnonzero(decides & (gaps > 0)):
            reach = float(gaps[number]) + 1e-3
            exact, _ = gap_mm(places[number], self.ct.structures.labels, only, spacing, reach)
            gaps[number] = min(float(gaps[number]), exact)
        return gaps

    def _all_obstacles(self) -> tuple[_Obstacle, ...]:
        if self._obstacles is None:
            structures, grid = self.ct.structures, self.request.volume.grid
            boxes = label_boxes(structures.labels)
            self._obstacles = tuple(
                _obstacle(
                    structures.labels,
                    row.label,
                    boxes[row.label],
                    grid,
                    row.name,
                    margin_of(self.request, row.name),
                )
                for row in structures.table
                if row.class_ == PassageClass.FORBIDDEN and row.label in boxes
            )
        return self._obstacles

    def _crossed(self, entry: FloatArray, target: FloatArray) -> tuple[tuple[Crossing, ...], float]:
        """Return what a way runs through, in order, and the bone of it."""
        grid = self.request.volume.grid
        way = _points(entry, target, STEP_MM)
        step_mm = float(np.linalg.norm(target - entry)) / len(way)
        in_lesion = _is_in(self.request.lesion, grid, way)
        labels = sample(self.ct.structures.labels, grid, way, order=0, outside=0).astype(int)
        names = {row.label: row.name for row in self.ct.structures.table}
        nothing = OUTSIDE if self.request.structures.named(BODY) else UNLABELLED
        runs: list[tuple[str, float]] = []
        for label, inside in zip(labels, in_lesion, strict=True):
            name = "lesion" if inside else names.get(int(label), nothing)
            if runs and runs[-1][0] == name:
                runs[-1] = name, runs[-1][1] + step_mm
            else:
                runs.append((name, step_mm))
        bone_mm = float((self.ct.is_bone[labels] & ~in_lesion).sum()) * step_mm
        return tuple(Crossing(name=name, length_mm=mm) for name, mm in runs), bone_mm


def _points(entry: FloatArray, target: FloatArray, step_mm: float) -> FloatArray:
    """Return points along a way, from skin to target."""
    count = max(2, int(np.ceil(float(np.linalg.norm(target - entry)) / step_mm)) + 1)
    return np.linspace(entry, target, count)


def _is_in(mask: BoolArray, grid: Grid, places: FloatArray) -> BoolArray:
    found: BoolArray = sample(mask.view(np.uint8), grid, places, order=0, outside=0) > 0
    return found


def _obstacle(
    labels: NDArray[np.uint16],
    label: int,
    box: tuple[slice, ...],
    grid: Grid,
    name: str,
    margin_mm: float,
) -> _Obstacle:
    part = np.pad(labels[box] == label, 1)
    surface = (part & ~within(part))[1:-1, 1:-1, 1:-1]
    centres = grid.to_lps(np.argwhere(surface) + [axis.start for axis in box])
    tree = scipy.spatial.cKDTree(centres, balanced_tree=False, compact_nodes=False)
    return _Obstacle(name, label, margin_mm, tree, centres)


def _gaps_mm(
    obstacle: _Obstacle, way: FloatArray, grid: Grid, neighbours: int = NEIGHBOURS
) -> FloatArray:
    """Return the distance of each point of the way to the nearest voxel box of the structure."""
    count = min(neighbours, len(obstacle.centres_lps_mm))
    _, index = obstacle.tree.query(way, k=count)
    centres = obstacle.centres_lps_mm[np.asarray(index).reshape(len(way), count)]
    spacing = np.array(grid.spacing_mm_kji)
    axes = grid.affine_kji_to_lps[:3, :3] / spacing
    offset = np.abs((way[:, None, :] - centres) @ axes)
    beyond = np.maximum(offset - spacing / 2, 0.0)
    gaps: FloatArray = np.linalg.norm(beyond, axis=2).min(axis=1)
    return gaps


def as_vector(point: FloatArray) -> Vector:
    """Return a place as documents hold it.

    Parameters
    ----------
    point : numpy.ndarray
        Shape (3,).

    Returns
    -------
    Vector
        LPS millimetres.
    """
    return cast("Vector", tuple(float(n) for n in point))
