"""What is read out at the table: slice, distances from landmarks, depth, angles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imaging.boxes import label_boxes
from imaging.geometry import FloatArray
from imaging.structures.model import SPINAL_CANAL
from planning.access.request import TableFigures
from planning.access.scene import Scene

STRAIGHT_DEG = 1.0  # from the vertical: less is neither to the left nor to the right


@dataclass(frozen=True, eq=False)
class Landmarks:
    """What can be felt through the skin, and the midline.

    Parameters
    ----------
    places_lps_mm : dict
        By name: spinous processes, iliac crests.
    midline_z_mm, midline_x_mm : numpy.ndarray
        Shape (n,): middle of the spinal canal at each height; empty where it is not known.
    """

    places_lps_mm: dict[str, FloatArray]
    midline_z_mm: FloatArray
    midline_x_mm: FloatArray

    @classmethod
    def of(cls, scene: Scene) -> Landmarks:
        """Find the landmarks of a case, to within a voxel of its fields.

        Parameters
        ----------
        scene : Scene
            Of the search.

        Returns
        -------
        Landmarks
            Those that its structures show whole.
        """
        places: dict[str, FloatArray] = {}
        canal = np.empty((0, 3))
        boxes = label_boxes(scene.labels)
        edge = scene.grid.to_lps(np.array(scene.grid.size_kji) - 1)[2]
        for row in scene.structures.table:
            is_canal = row.name in {SPINAL_CANAL, "spinal_cord"}
            if not (is_canal or row.name.startswith(("vertebrae_", "hip_"))):
                continue
            box = boxes.get(row.label)
            if box is None:
                continue
            own = np.argwhere(scene.labels[box] == row.label)
            where = scene.grid.to_lps(own + [axis.start for axis in box])
            if is_canal:
                canal = np.concatenate([canal, where])
            elif row.name.startswith("vertebrae_"):
                level = row.name.removeprefix("vertebrae_")
                places[f"spinous_process_{level}"] = where[np.argmax(where[:, 1])]
            elif where[:, 2].max() < edge - scene.grid.spacing_mm_kji[0]:
                side = row.name.removeprefix("hip_")
                places[f"iliac_crest_{side}"] = where[np.argmax(where[:, 2])]
        heights, index = np.unique(canal[:, 2], return_inverse=True)
        middles = np.bincount(index, canal[:, 0]) / np.bincount(index) if len(canal) else heights
        return cls(places, heights, middles)

    def figures(self, entry_lps_mm: FloatArray, target_lps_mm: FloatArray) -> TableFigures:
        """Return what is read out for a way.

        Parameters
        ----------
        entry_lps_mm, target_lps_mm : numpy.ndarray
            Shape (3,).

        Returns
        -------
        TableFigures
            Unknown figures are None.
        """
        advance = target_lps_mm - entry_lps_mm
        x, y, z = (float(n) for n in advance)
        reference, offset = "", None
        if self.places_lps_mm:
            reference, place = min(
                self.places_lps_mm.items(), key=lambda one: np.linalg.norm(one[1] - entry_lps_mm)
            )
            off = entry_lps_mm - place
            offset = float(off[0]), float(off[2])
        axial = float(np.degrees(np.arctan2(abs(x), -y)))
        is_straight = axial < STRAIGHT_DEG or axial > 180.0 - STRAIGHT_DEG
        return TableFigures(
            slice_z_mm=float(entry_lps_mm[2]),
            from_midline_mm=self._from_midline(entry_lps_mm),
            reference=reference,
            from_reference_mm=offset,
            depth_cm=float(np.linalg.norm(advance)) / 10.0,
            axial_angle_deg=axial,
            axial_towards="straight" if is_straight else ("left" if x > 0 else "right"),
            tilt_deg=float(np.degrees(np.arctan2(z, np.hypot(x, y)))),
        )

    def _from_midline(self, entry_lps_mm: FloatArray) -> float | None:
        if not len(self.midline_z_mm):
            return None
        return float(
            entry_lps_mm[0] - np.interp(entry_lps_mm[2], self.midline_z_mm, self.midline_x_mm)
        )
