"""The case as the CT shows it, ready for needles to be walked through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.geometry import BoolArray, FloatArray, filled_block
from imaging.structures.model import PassageClass, Structures, is_bone
from planning.access.request import NEAR_LESION_MM, AccessRequest
from planning.access.scene import Scene, margin_of
from planning.access.walk import NO_CORTEX, Mode, walk


@dataclass(frozen=True, eq=False)
class Walked:
    """What each way met on the CT; all arrays have the shape (n,).

    Parameters
    ----------
    status, culprit : numpy.ndarray
        Reasons of :mod:`planning.access.march`; label of the structure that is to blame.
    bone_mm, avoid_mm, lesion_mm, slack_mm : numpy.ndarray
        Bone, uncleared tissue and lesion on the way; least distance beyond the margins.
    cortex_deg : numpy.ndarray
        Angle between way and cortex; NaN where none is met.
    densest_hu : numpy.ndarray
        Densest voxel outside the lesion.
    """

    status: NDArray[np.int8]
    culprit: NDArray[np.int32]
    bone_mm: FloatArray
    avoid_mm: FloatArray
    lesion_mm: FloatArray
    slack_mm: FloatArray
    cortex_deg: FloatArray
    densest_hu: FloatArray


@dataclass(frozen=True, eq=False)
class CtFields:
    """Arrays of the CT that needles are walked through.

    Parameters
    ----------
    request : AccessRequest
        The case and its limits.
    scene : Scene
        Its coarser fields.
    exempt : numpy.ndarray
        Shape of the volume, bool: where margins do not apply.
    margins : numpy.ndarray
        By label, float32, millimetres; negative where it is not forbidden.
    is_bone, is_avoid : numpy.ndarray
        By label, bool.
    """

    request: AccessRequest
    scene: Scene
    exempt: BoolArray
    margins: NDArray[np.float32]
    is_bone: BoolArray
    is_avoid: BoolArray

    @classmethod
    def of(cls, request: AccessRequest, scene: Scene) -> CtFields:
        """Prepare the CT of a case.

        Parameters
        ----------
        request : AccessRequest
            The case and its limits.
        scene : Scene
            Its coarser fields.

        Returns
        -------
        CtFields
            Reusable for any number of ways.
        """
        structures = scene.structures
        size = 1 + max([0, *(row.label for row in structures.table)])
        size = max(size, int(structures.labels.max(initial=0)) + 1)
        margins = np.full(size, -1.0, dtype=np.float32)
        bones, avoid = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
        for row in structures.table:
            bones[row.label] = is_bone(row.name)
            avoid[row.label] = row.class_ == PassageClass.AVOID
            if row.class_ == PassageClass.FORBIDDEN:
                margins[row.label] = margin_of(request, row.name)
        return cls(request, scene, _exempt(request), margins, bones, avoid)

    @property
    def structures(self) -> Structures:
        """Those of the case, with what is assumed beside them."""
        return self.scene.structures

    def walk(
        self,
        entries_lps_mm: FloatArray,
        targets_lps_mm: FloatArray,
        *,
        mode: Mode = Mode.UNTIL_BROKEN,
    ) -> Walked:
        """Walk ways over the CT's voxels.

        Parameters
        ----------
        entries_lps_mm, targets_lps_mm : numpy.ndarray
            Shape (n, 3).
        mode : Mode
            How far, and what counts.

        Returns
        -------
        Walked
            Until a limit is broken, figures reach as far as the way was walked.
        """
        request, grid, needle = self.request, self.request.volume.grid, self.request.needle
        count = len(entries_lps_mm)
        status, culprit = np.zeros(count, dtype=np.int8), np.full(count, -1, dtype=np.int32)
        figures = np.zeros((count, 6), dtype=np.float32)
        touching_only = mode == Mode.TOUCHING
        field_from_ct = np.linalg.inv(self.scene.grid.affine_kji_to_lps) @ grid.affine_kji_to_lps
        margins = np.where(self.margins >= 0, 0, -1).astype(np.float32)
        margins = margins if touching_only else self.margins
        limits = [
            needle.diameter_mm / 2,
            1e6 if touching_only else needle.max_bone_mm,
            np.sin(np.radians(request.settings.flattest_cortex_deg)),
            float(max(margins.max(initial=0.0), 0.0)),
            float(mode),
            1e6 if needle.densest_hu is None else needle.densest_hu,
        ]
        walk(
            grid.to_kji(entries_lps_mm),
            grid.to_kji(targets_lps_mm),
            request.volume.hu,
            self.structures.labels,
            request.lesion,
            self.exempt,
            margins,
            self.is_bone,
            self.is_avoid,
            self.scene.tissue,
            self.scene.slack_mm,
            np.ascontiguousarray(field_from_ct[:3]),
            np.array(grid.spacing_mm_kji),
            np.array(limits),
            status,
            culprit,
            figures,
        )
        bone, avoid, lesion, slack, sine, densest = figures.T.astype(float)
        angle = np.degrees(np.arcsin(np.clip(sine, 0.0, 1.0)))
        cortex = np.where(sine == NO_CORTEX, np.nan, angle)
        return Walked(status, culprit, bone, avoid, lesion, slack, cortex, densest)


def _exempt(request: AccessRequest) -> BoolArray:
    """Return the lesion and what is so near to it that margins do not apply."""
    from scipy.ndimage import distance_transform_edt

    grid = request.volume.grid
    exempt = np.zeros(grid.size_kji, dtype=bool)
    box = filled_block(request.lesion)
    if box is None:
        return exempt
    reach = np.ceil(NEAR_LESION_MM / np.array(grid.spacing_mm_kji)).astype(int) + 1
    part = tuple(
        slice(max(axis.start - wide, 0), min(axis.stop + wide, size))
        for axis, wide, size in zip(box, reach, grid.size_kji, strict=True)
    )
    far = distance_transform_edt(~request.lesion[part], sampling=grid.spacing_mm_kji)
    exempt[part] = far <= NEAR_LESION_MM  # between centres: no part of a voxel lies farther off
    return exempt
