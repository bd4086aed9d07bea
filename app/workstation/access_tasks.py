"""What the worker process does for ways in while something is moved: maps and judgements.

What is costly to prepare is kept between requests: arrays that have travelled keep their memory
here, so that the same case is known by it again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from app.workstation.arrays import AnyArray
from app.workstation.transport import LEAST_SHARED_BYTES
from app.workstation.views.surfaces import Mesh, coarsened, mesh
from imaging.document import Vector
from imaging.errors import Problem, Refusal
from imaging.geometry import FloatArray
from imaging.progress import Progress
from imaging.volume import Volume
from planning.access.judge import Judge
from planning.access.live import LiveAccess, SkinMap
from planning.access.march import BODY_BIT
from planning.access.posture import Position
from planning.access.request import DEFAULT_MARGIN_MM, AccessRequest, Proposal
from planning.access.search import check_request
from planning.plan import Case
from planning.ways_in import access_request, with_own_way

SURFACE_MM = 4.0  # voxels that the surface of the skin is drawn on
REACH_MM = 9.0  # from a point of the map, within which the surface shows its state
MOVING = 5  # every so many points of the map are judged while something is moved


@dataclass(frozen=True)
class Asked:
    """What a map of the skin is asked for.

    Parameters
    ----------
    needle_id : str or None
        None takes the first trocar of the table.
    position : Position
        How the patient lies.
    margins_mm : tuple of tuple
        Margin by structure, as it is being set.
    settings : tuple of tuple
        Settings changed from the table, by id.
    target_lps_mm : Vector or None
        Place to aim at; None lets the search choose.
    is_moving : bool
        Fewer points are judged, so that the map follows.
    """

    needle_id: str | None
    position: Position
    margins_mm: tuple[tuple[str, float], ...] = ()
    settings: tuple[tuple[str, float], ...] = ()
    target_lps_mm: Vector | None = None
    is_moving: bool = False

    def on(self, case: Case) -> Case:
        """Return the case as it is asked about.

        Parameters
        ----------
        case : Case
            Any state.

        Returns
        -------
        Case
            With this needle, position, margins and settings.
        """
        return case.with_plan(
            needle_id=self.needle_id,
            position=self.position,
            margins_mm=dict(self.margins_mm),
            access_settings=dict(self.settings),
        )


@dataclass(frozen=True, eq=False)
class SkinSurface:
    """The skin as it is drawn.

    Parameters
    ----------
    mesh : Mesh
        LPS millimetres.
    nearest, nearest_moving : numpy.ndarray
        Shape (n,), int32: point of the map beside each point of the surface, for all points and
        for those that are judged while something is moved; −1 beyond the needle's reach.
    """

    mesh: Mesh
    nearest: NDArray[np.int32]
    nearest_moving: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class SkinShown:
    """An answer: the state of the skin, or why there is none.

    Parameters
    ----------
    asked : Asked
        What it answers.
    state, score : numpy.ndarray
        Of the points of the map; empty where it was refused.
    surface : SkinSurface or None
        None where the window has it already.
    problems : tuple of Problem
        Why there is no map.
    """

    asked: Asked
    state: NDArray[np.uint8]
    score: NDArray[np.float32]
    surface: SkinSurface | None = None
    problems: tuple[Problem, ...] = ()


@dataclass
class Kept:
    """What the worker keeps of the case that was asked about last."""

    live_key: tuple[Any, ...] = ()
    live: LiveAccess | None = None
    margins_mm: tuple[tuple[str, float], ...] = ()
    judge_key: tuple[Any, ...] = ()
    judge: Judge | None = None


KEPT = Kept()


def skin(
    case: Case, volume: Volume, asked: Asked, wants_surface: bool, progress: Progress
) -> SkinShown:
    """Return from where on the skin the lesion can be reached.

    Parameters
    ----------
    case : Case
        With lesion and structures.
    volume : Volume
        The CT.
    asked : Asked
        What for.
    wants_surface : bool
        Whether the window does not have the surface yet.
    progress : Progress
        Told between the steps.

    Returns
    -------
    SkinShown
        With the reasons where it was refused.
    """
    progress.update(0.05, "skin")
    try:
        live = _live(case, volume, asked)
        progress.update(0.6, "skin")
        found = _map(live, asked)
    except Refusal as refusal:
        nothing = np.zeros(0, dtype=np.uint8)
        return SkinShown(asked, nothing, nothing.astype(np.float32), None, refusal.problems)
    progress.update(0.8, "skin")
    return SkinShown(asked, found.state, found.score, _surface(live) if wants_surface else None)


def _key(case: Case, volume: Volume, asked: Asked) -> tuple[Any, ...]:
    """Return what tells one case from another for what is kept, margins left out."""
    if case.lesion is None or case.structures is None:
        return ()
    arrays = (volume.hu, case.lesion, case.structures.labels)
    places = tuple(mark_of(array) for array in arrays)
    table = tuple((row.name, row.label, row.class_) for row in case.structures.table)
    return places, table, asked.needle_id, asked.settings


def mark_of(array: AnyArray) -> object:
    """Return what tells an array from another: its place, or, as small ones are copied, its values.

    What is kept holds its arrays, so that no other comes to lie in their place.

    Parameters
    ----------
    array : numpy.ndarray
        That has travelled to the worker.

    Returns
    -------
    object
        To be compared.
    """
    if array.nbytes < LEAST_SHARED_BYTES:
        return hashlib.blake2b(array.tobytes(), digest_size=16).digest()
    return array.__array_interface__["data"][0]


def _request(case: Case, volume: Volume, asked: Asked) -> AccessRequest:
    request = access_request(asked.on(case), volume)
    check_request(request)
    return request


def _live(case: Case, volume: Volume, asked: Asked) -> LiveAccess:
    key = _key(case, volume, asked)
    if KEPT.live is None or KEPT.live_key != key:
        request = _request(case, volume, asked)
        KEPT.live = None  # the memory of the one before is not needed beside the new one
        KEPT.live, KEPT.live_key = LiveAccess(request), key
        KEPT.margins_mm = asked.margins_mm
    before, now = dict(KEPT.margins_mm), dict(asked.margins_mm)
    for name in {*before, *now}:
        margin = now.get(name, DEFAULT_MARGIN_MM)
        if before.get(name, DEFAULT_MARGIN_MM) != margin:
            KEPT.live.set_margin(name, margin)
    KEPT.margins_mm = asked.margins_mm
    return KEPT.live


def _map(live: LiveAccess, asked: Asked) -> SkinMap:
    targets = () if asked.target_lps_mm is None else (asked.target_lps_mm,)
    return live.skin_map(asked.position, targets, MOVING if asked.is_moving else 1)


def _surface(live: LiveAccess) -> SkinSurface:
    """Return the skin as a surface, and which point of the map lies beside each of its points."""
    body = ((live.scene.tissue & BODY_BIT) > 0).astype(np.float32)
    values, grid = coarsened(body, live.scene.grid, SURFACE_MM)
    drawn = mesh(values, grid, 0.5, drop_small=True)
    points = live.skin.points_lps_mm
    return SkinSurface(
        drawn, _beside(drawn.points_lps_mm, points), _beside(drawn.points_lps_mm, points[::MOVING])
    )


def _beside(drawn: NDArray[np.float32], points: FloatArray) -> NDArray[np.int32]:
    far, nearest = scipy.spatial.cKDTree(points).query(drawn, distance_upper_bound=REACH_MM)
    found: NDArray[np.int32] = np.where(np.isfinite(far), nearest, -1).astype(np.int32)
    return found


def judge(
    case: Case,
    volume: Volume,
    asked: Asked,
    entry_lps_mm: Vector,
    target_lps_mm: Vector,
    progress: Progress,
) -> Proposal:
    """Judge a way that is being drawn.

    Parameters
    ----------
    case : Case
        With lesion and structures.
    volume : Volume
        The CT.
    asked : Asked
        Its limits.
    entry_lps_mm, target_lps_mm : Vector
        A place on the way or before it, from where it is followed to the skin; its tip.
    progress : Progress
        Told between the steps.

    Returns
    -------
    Proposal
        With every limit it breaks.
    """
    key = (*_key(case, volume, asked), asked.position, asked.margins_mm)
    if KEPT.judge is None or KEPT.judge_key != key:
        KEPT.judge = None
        KEPT.judge, KEPT.judge_key = Judge.of(_request(case, volume, asked)), key
    progress.update(0.5, "judge")
    tip, towards = np.array(target_lps_mm), np.array(entry_lps_mm)
    skin_ = KEPT.judge.skin_behind(tip, towards)
    return KEPT.judge.judge(towards if skin_ is None else skin_, tip)


def own_way(
    case: Case,
    volume: Volume,
    asked: Asked,
    entry_lps_mm: Vector,
    target_lps_mm: Vector,
    progress: Progress,
) -> Case:
    """Judge a way drawn by hand and choose it.

    Parameters
    ----------
    case : Case
        With lesion and structures.
    volume : Volume
        The CT.
    asked : Asked
        Its limits.
    entry_lps_mm, target_lps_mm : Vector
        A place on the way or before it; its tip.
    progress : Progress
        Told between the steps.

    Returns
    -------
    Case
        With needle and position that it was judged for.
    """
    found = judge(case, volume, asked, entry_lps_mm, target_lps_mm, progress)
    return with_own_way(asked.on(case), found)
