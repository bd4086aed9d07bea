"""The map of the skin while a target, a margin or the position is being moved."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imaging.document import Vector
from imaging.geometry import FloatArray
from imaging.nearest import nearest_label
from planning.access.march import NEAR_A_LIMIT, OK
from planning.access.marching import march_all
from planning.access.posture import Position, is_reachable
from planning.access.request import AccessRequest
from planning.access.scene import FAR_MM, VOXEL_MM, Scene, build_scene, margin_of, slack_of
from planning.access.skin import Skin
from planning.access.targets import LesionShape, lesion_shape, targets_of
from planning.access.wishes import Ways, score_of, terms_of

MOST_POINTS = 25_000  # of a map that is drawn ten times a second
CLOSED, NEAR, OPEN, COUCH = range(4)  # no way; only near a limit; a way; lies on the couch


@dataclass(frozen=True, eq=False)
class SkinMap:
    """From where on the skin the lesion can be reached.

    Parameters
    ----------
    points_lps_mm, normals_lps : numpy.ndarray
        Shape (n, 3).
    state : numpy.ndarray
        Shape (n,), uint8: ``CLOSED``, ``NEAR``, ``OPEN`` or ``COUCH``.
    score : numpy.ndarray
        Shape (n,), float32: of the best way from there, before the error of the hand is counted;
        0 where there is none.
    """

    points_lps_mm: FloatArray
    normals_lps: FloatArray
    state: NDArray[np.uint8]
    score: NDArray[np.float32]


class LiveAccess:
    """Draws the map again and again for one case.

    Parameters
    ----------
    request : AccessRequest
        The case and its limits.

    Raises
    ------
    PlanningError
        When no skin lies within the needle's reach.
    """

    def __init__(self, request: AccessRequest) -> None:
        self._request = request
        self._scene = build_scene(request)
        self._shape: LesionShape = lesion_shape(request)
        skin = self._scene.skin
        step = max(1, len(skin) // MOST_POINTS)
        self._skin = Skin(skin.points_lps_mm[::step], skin.normals_lps[::step])
        self._moved: tuple[str, NDArray[np.float32], NDArray[np.float32]] | None = None

    @property
    def skin(self) -> Skin:
        """Points of the map, in its order."""
        return self._skin

    @property
    def scene(self) -> Scene:
        """Fields that the map is made of."""
        return self._scene

    def skin_map(
        self,
        position: Position | None = None,
        targets_lps_mm: tuple[Vector, ...] = (),
        every: int = 1,
    ) -> SkinMap:
        """Return the map.

        Parameters
        ----------
        position : Position or None
            How the patient lies; None is that of the request.
        targets_lps_mm : tuple of Vector
            Places to aim at; empty keeps those of the request.
        every : int
            Only every so many points of the skin are judged, which is faster.

        Returns
        -------
        SkinMap
            To within the voxels of the fields; the search judges on the CT.
        """
        aims = targets_lps_mm or self._request.targets_lps_mm
        request = replace(self._request, targets_lps_mm=aims)
        targets = targets_of(request, self._shape)
        skin = Skin(self._skin.points_lps_mm[::every], self._skin.normals_lps[::every])
        marched = march_all(request, self._scene, targets, skin=skin)
        free = marched.status <= NEAR_A_LIMIT
        state = np.where(free.any(axis=1), NEAR, CLOSED).astype(np.uint8)
        state[(marched.status == OK).any(axis=1)] = OPEN
        reachable = is_reachable(skin.normals_lps, position or request.position)
        state[~reachable] = COUCH
        score = np.zeros(len(state), dtype=np.float32)
        entry, target = np.nonzero(free & reachable[:, None])
        ways = Ways(
            skin.points_lps_mm[entry],
            targets[target],
            marched.bone_mm[entry, target].astype(float),
            marched.avoid_mm[entry, target].astype(float),
            np.maximum(marched.slack_mm[entry, target].astype(float), 0.0),
            np.full(len(entry), 90.0),
        )
        own = score_of(terms_of(ways, request.needle, self._shape), request.needle)
        np.maximum.at(score, entry, own.astype(np.float32))
        return SkinMap(skin.points_lps_mm, skin.normals_lps, state, score)

    def set_margin(self, name: str, margin_mm: float) -> None:
        """Change the margin of one structure; the next map shows it.

        Parameters
        ----------
        name : str
            A forbidden structure of the case.
        margin_mm : float
            Millimetres from the needle's surface.
        """
        request, scene = self._request, self._scene
        if self._moved is None or self._moved[0] != name:
            self._moved = name, *self._apart(name)
        margins = {**request.margins_mm, name: margin_mm}
        self._request = replace(request, margins_mm=margins)
        _, own, rest = self._moved
        slack = np.minimum(own - np.float32(margin_mm), rest)
        self._scene = replace(scene, slack_mm=slack)

    def _apart(self, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the distance to one structure, and the slack of all others."""
        scene, structures = self._scene, self._scene.structures
        own_labels = [row.label for row in structures.table if row.name == name]
        if not own_labels:
            far = np.full(scene.labels.shape, FAR_MM, dtype=np.float32)
            return far, scene.slack_mm
        own, _ = nearest_label(np.where(np.isin(scene.labels, own_labels), 0, -1).astype(np.int16))
        own = own * np.float32(VOXEL_MM) - np.float32(VOXEL_MM / 2)
        table = tuple(one for one in structures.table if one.name != name)
        rest, _, _ = slack_of(self._request, replace(structures, table=table), scene.labels)
        return own, rest

    def margin_mm(self, name: str) -> float:
        """Return the margin that holds for a structure now.

        Parameters
        ----------
        name : str
            Structure.

        Returns
        -------
        float
            Millimetres.
        """
        return margin_of(self._request, name)
