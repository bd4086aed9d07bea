"""Every pair of skin and target, marched through the fields of a scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import FloatArray
from imaging.progress import SILENT, Progress
from planning.access.march import march
from planning.access.request import AccessRequest
from planning.access.scene import Scene
from planning.access.skin import Skin

CHUNK = 8192


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
