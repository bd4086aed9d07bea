"""The known ways into a vertebra: through its pedicle, or between it and the rib."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.geometry import BoolArray, FloatArray, Grid
from imaging.measurement.frame import bone_of
from imaging.measurement.vertebra import is_vertebra
from planning.access.request import AccessRequest

STEP_MM = 1.0
BESIDE_SPINE_MM = 80.0  # from the target backwards, in which a way is looked at
PEDICLE_MM = 16.0  # from the side of the canal to the outer face of the pedicle, at most [BG]
LEAST_IN_PEDICLE_MM = 4.0
BESIDE_RIB_MM = 6.0
LEAST_BODY_MM = 4.0  # of the vertebral body on the way, from which the way enters it
TRANSPEDICULAR, COSTOVERTEBRAL, POSTEROLATERAL = (
    "transpedicular",
    "costovertebral",
    "posterolateral",
)
KNOWN = (TRANSPEDICULAR, COSTOVERTEBRAL)


@dataclass(frozen=True, eq=False)
class Vertebra:
    """The vertebra of the lesion, as needles see it.

    Parameters
    ----------
    grid : Grid
        Of the labels.
    labels : numpy.ndarray
        Shape of the grid, uint16.
    label : int
        Of the vertebra.
    ribs : scipy.spatial.cKDTree or None
        Voxel centres of ribs beside the vertebra; None where there are none.
    heights_mm, left_mm, right_mm, front_mm, back_mm : numpy.ndarray
        Edges of the canal at each height (LPS z, x, x, y, y).
    lesion : numpy.ndarray
        Shape of the grid, bool; it belongs to the vertebra.
    """

    grid: Grid
    labels: NDArray[np.uint16]
    label: int
    ribs: scipy.spatial.cKDTree | None
    heights_mm: FloatArray
    left_mm: FloatArray
    right_mm: FloatArray
    front_mm: FloatArray
    back_mm: FloatArray
    lesion: BoolArray

    @classmethod
    def of(cls, request: AccessRequest) -> Vertebra | None:
        """Return the vertebra that holds the lesion.

        Parameters
        ----------
        request : AccessRequest
            The case.

        Returns
        -------
        Vertebra or None
            None where the lesion lies in another bone, or no canal is known beside it.
        """
        structures, grid = request.structures, request.volume.grid
        name = bone_of(request.lesion, structures)
        places = request.canal_lps_mm
        row = structures.named(name) if name is not None else None
        if row is None or not is_vertebra(row.name) or not len(places):
            return None
        heights, index = np.unique(np.round(places[:, 2]), return_inverse=True)
        edges = []
        for axis, take in ((0, np.maximum), (0, np.minimum), (1, np.minimum), (1, np.maximum)):
            edge = np.full(len(heights), -np.inf if take is np.maximum else np.inf)
            take.at(edge, index, places[:, axis])
            edges.append(edge)
        ribs = _ribs_beside(request)
        left, right, front, back = edges
        return cls(
            grid,
            structures.labels,
            row.label,
            ribs,
            heights,
            left,
            right,
            front,
            back,
            request.lesion,
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
            Such as ``transpedicular_left``; empty for a way that enters no vertebral body so.
        """
        advance = targets_lps_mm - entries_lps_mm
        length = np.linalg.norm(advance, axis=1, keepdims=True)
        back = np.arange(0.0, BESIDE_SPINE_MM, STEP_MM)[None, :, None]  # from the target
        along = (advance / np.maximum(length, 1e-6))[:, None]
        places = targets_lps_mm[:, None] - np.minimum(back, length[:, None]) * along
        return self._named(places)

    def _named(self, places: FloatArray) -> list[str]:
        """Name ways by their places from the target backwards."""
        at = np.searchsorted(self.heights_mm, places[..., 2])
        at = np.clip(at, 0, len(self.heights_mm) - 1)
        left, right = self.left_mm[at], self.right_mm[at]
        in_bone, by_rib = self._tissue_at(places)
        beyond = np.maximum(places[..., 0] - left, right - places[..., 0])
        behind = places[..., 1] - self.front_mm[at]
        beside = (beyond > 0) & (beyond < PEDICLE_MM) & (behind > 0)
        in_pedicle = np.asarray(in_bone & beside & (places[..., 1] < self.back_mm[at]))
        in_body = np.asarray(in_bone & (behind <= 0))
        from_left = np.asarray(places[..., 0] > (left + right) / 2)
        pedicle_mm = in_pedicle.sum(axis=1) * STEP_MM
        body_mm = in_body.sum(axis=1) * STEP_MM
        passes_rib = np.asarray(by_rib.any(axis=1))
        from_behind = np.asarray(behind[:, -1] > 0)
        names = []
        for number in range(len(places)):
            if pedicle_mm[number] >= LEAST_IN_PEDICLE_MM:
                kind, where = TRANSPEDICULAR, in_pedicle[number]
            elif body_mm[number] >= LEAST_BODY_MM and from_behind[number]:
                kind = COSTOVERTEBRAL if passes_rib[number] else POSTEROLATERAL
                where = np.arange(places.shape[1]) == np.flatnonzero(in_body[number])[-1]
            else:
                names.append("")
                continue
            names.append(f"{kind}_{'left' if from_left[number][where].mean() > 0.5 else 'right'}")
        return names

    def _tissue_at(self, places: FloatArray) -> tuple[BoolArray, BoolArray]:
        """Return where places lie in the vertebra, and where beside a rib."""
        index = np.floor(self.grid.to_kji(places.reshape(-1, 3)) + 0.5).astype(int)
        inside = ((index >= 0) & (index < self.grid.size_kji)).all(axis=1)
        index[~inside] = 0
        k, j, i = index.T
        shape = places.shape[:-1]
        in_bone = np.asarray(self.labels[k, j, i] == self.label)
        in_bone = (in_bone | self.lesion[k, j, i]) & inside
        if self.ribs is None:
            return in_bone.reshape(shape), np.zeros(shape, dtype=bool)
        far, _ = self.ribs.query(places.reshape(-1, 3), distance_upper_bound=BESIDE_RIB_MM)
        return in_bone.reshape(shape), np.asarray(far <= BESIDE_RIB_MM).reshape(shape)


def _ribs_beside(request: AccessRequest) -> scipy.spatial.cKDTree | None:
    """Return the ribs within reach of the corridors."""
    rows = [row.label for row in request.structures.table if row.name.startswith("rib_")]
    grid = request.volume.grid
    middle = grid.to_kji(request.lesion_lps_mm.mean(axis=0))
    wide = BESIDE_SPINE_MM / np.array(grid.spacing_mm_kji)
    start = np.clip(middle - wide, 0, grid.size_kji).astype(int)
    stop = np.clip(middle + wide + 1, 0, grid.size_kji).astype(int)
    part = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    where = np.argwhere(np.isin(request.structures.labels[part], rows))
    return scipy.spatial.cKDTree(grid.to_lps(where + start)) if len(where) else None
