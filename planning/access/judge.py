"""One way in, judged on the CT's own voxels: what it crosses and how near it passes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from imaging.geometry import BoolArray, FloatArray, Grid
from imaging.structures.model import PassageClass, is_bone
from imaging.volume import sample
from planning.access.request import NEAR_LESION_MM, AccessRequest
from planning.access.scene import BONE_HU

STEP_MM = 0.5
NEIGHBOURS = 8  # nearest voxel centres whose boxes are measured exactly


@dataclass(frozen=True)
class Verdict:
    """What a way in meets.

    Parameters
    ----------
    reason : str
        Why it is rejected; empty when it holds.
    bone_mm : float
        Bone on the way, lesion left out.
    clearance_mm : dict
        Distance from the needle's surface to each forbidden structure.
    crossed : tuple
        What the way runs through, in order: name and millimetres.
    """

    reason: str
    bone_mm: float
    clearance_mm: dict[str, float]
    crossed: tuple[tuple[str, float], ...]


@dataclass(frozen=True, eq=False)
class _Obstacle:
    """Surface voxels of a structure, for exact distances to their boxes."""

    name: str
    label: int
    margin_mm: float
    tree: cKDTree
    centres_lps_mm: FloatArray


@dataclass(frozen=True, eq=False)
class Judge:
    """Judges ways in of one case.

    Parameters
    ----------
    request : AccessRequest
        The case and its limits.
    obstacles : tuple
        Forbidden structures.
    bone : numpy.ndarray
        Shape of the volume, bool.
    """

    request: AccessRequest
    obstacles: tuple[_Obstacle, ...]
    bone: BoolArray

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
        structures, grid = request.structures, request.volume.grid
        obstacles = []
        boxes = ndimage.find_objects(structures.labels.astype(np.int32))
        for row in structures.table:
            if row.class_ != PassageClass.FORBIDDEN or boxes[row.label - 1] is None:
                continue
            centres = _surface_lps_mm(structures.labels, row.label, boxes[row.label - 1], grid)
            margin = request.margin_mm(row.name)
            obstacles.append(_Obstacle(row.name, row.label, margin, cKDTree(centres), centres))
        names = [row.name for row in structures.table if is_bone(row.name)]
        bone = structures.mask(*names) if names else np.greater(request.volume.hu, BONE_HU)
        return cls(request, tuple(obstacles), bone)

    def judge(self, entry_lps_mm: FloatArray, target_lps_mm: FloatArray) -> Verdict:
        """Judge one way in.

        Parameters
        ----------
        entry_lps_mm, target_lps_mm : numpy.ndarray
            Shape (3,), point on the skin and point in the lesion.

        Returns
        -------
        Verdict
            Reasons against it, bone, clearances, and what it crosses.
        """
        request, grid = self.request, self.request.volume.grid
        length_mm = float(np.linalg.norm(target_lps_mm - entry_lps_mm))
        count = max(2, int(np.ceil(length_mm / STEP_MM)) + 1)
        way = np.linspace(entry_lps_mm, target_lps_mm, count)
        step_mm = length_mm / (count - 1)
        in_lesion = sample(request.lesion.view(np.uint8), grid, way, order=0, outside=0) > 0
        labels = sample(request.structures.labels, grid, way, order=0, outside=0).astype(int)
        in_bone = sample(self.bone.view(np.uint8), grid, way, order=0, outside=0) > 0
        bone_mm = float((in_bone & ~in_lesion).sum()) * step_mm
        near = _near_lesion(request.lesion, grid, way)
        clearance: dict[str, float] = {}
        reason = ""
        for obstacle in self.obstacles:
            gap = _gaps_mm(obstacle, way, grid) - request.needle.diameter_mm / 2
            clearance[obstacle.name] = float(gap.min())
            if ((labels == obstacle.label) & ~in_lesion).any():
                reason = f"crosses:{obstacle.name}"
            elif not reason and (gap < obstacle.margin_mm)[~near].any():
                reason = f"too_near:{obstacle.name}"
        if not reason and bone_mm > request.needle.max_bone_mm:
            reason = "more_bone_than_needle_passes"
        if not reason and length_mm > request.needle.length_mm:
            reason = "longer_than_needle"
        return Verdict(reason, bone_mm, clearance, self._crossed(labels, in_lesion, step_mm))

    def _crossed(
        self, labels: NDArray[np.int64], in_lesion: BoolArray, step_mm: float
    ) -> tuple[tuple[str, float], ...]:
        names = {row.label: row.name for row in self.request.structures.table}
        runs: list[tuple[str, float]] = []
        for label, inside in zip(labels, in_lesion, strict=True):
            name = "lesion" if inside else names.get(int(label), "outside")
            if runs and runs[-1][0] == name:
                runs[-1] = name, runs[-1][1] + step_mm
            else:
                runs.append((name, step_mm))
        return tuple(runs)


def _surface_lps_mm(
    labels: NDArray[np.uint16], label: int, box: tuple[slice, ...], grid: Grid
) -> FloatArray:
    part = np.pad(labels[box] == label, 1)
    surface = (part & ~ndimage.binary_erosion(part))[1:-1, 1:-1, 1:-1]
    return grid.to_lps(np.argwhere(surface) + [axis.start for axis in box])


def _gaps_mm(obstacle: _Obstacle, way: FloatArray, grid: Grid) -> FloatArray:
    """Return the distance of each point of the way to the nearest voxel box of the structure."""
    count = min(NEIGHBOURS, len(obstacle.centres_lps_mm))
    _, index = obstacle.tree.query(way, k=count)
    centres = obstacle.centres_lps_mm[np.asarray(index).reshape(len(way), count)]
    spacing = np.array(grid.spacing_mm_kji)
    axes = grid.affine_kji_to_lps[:3, :3] / spacing
    offset = np.abs((way[:, None, :] - centres) @ axes)
    beyond = np.maximum(offset - spacing / 2, 0.0)
    gaps: FloatArray = np.linalg.norm(beyond, axis=2).min(axis=1)
    return gaps


def _near_lesion(lesion: BoolArray, grid: Grid, way: FloatArray) -> BoolArray:
    centres = grid.to_lps(np.argwhere(lesion))
    distance, _ = cKDTree(centres).query(way)
    return np.less_equal(distance, NEAR_LESION_MM + min(grid.spacing_mm_kji) / 2)
