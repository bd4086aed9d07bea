"""Bodies of simple shapes, whose ways in are known without the search."""

from __future__ import annotations

import numpy as np

from imaging.geometry import Grid
from imaging.structures.labels import structures_from
from imaging.volume import SeriesInfo, Volume
from planning.access.needles import needle_named
from planning.access.request import AccessRequest

BODY, BONE, CANAL, LUNG, AORTA, RIB = 1, 2, 3, 4, 5, 6
NAMES = {
    BODY: "body",
    BONE: "hip_left",
    CANAL: "spinal_canal",
    LUNG: "lung",
    AORTA: "aorta",
    RIB: "rib_left_9",
}


class Block:
    """A cylinder of soft tissue along the z axis, into which shapes are put."""

    def __init__(
        self,
        radius_mm: float = 90.0,
        length_mm: float = 160.0,
        spacing_mm: float = 2.0,
        patient_position: str = "HFS",
    ) -> None:
        half = radius_mm + 12.0
        count = int(2 * half / spacing_mm) + 1
        slices = int(length_mm / spacing_mm) + 1
        first = (-half, -half, -length_mm / 2)
        self.grid = Grid.aligned((slices, count, count), spacing_mm, first)
        k, j, i = np.indices(self.grid.size_kji)
        self.x, self.y = -half + i * spacing_mm, -half + j * spacing_mm
        self.z = -length_mm / 2 + k * spacing_mm
        self.labels = np.zeros(self.grid.size_kji, dtype=np.uint16)
        self.inside = np.hypot(self.x, self.y) <= radius_mm
        self.labels[self.inside] = BODY
        self.lesion = np.hypot(np.hypot(self.x, self.y), self.z) <= 10.0
        self.patient_position = patient_position
        self.names = dict(NAMES)

    def put(self, label: int, where: np.ndarray) -> Block:
        self.labels[where] = label
        return self

    def request(self, needle_id: str = "trocar_13g_150", **changes: object) -> AccessRequest:
        present = [int(n) for n in np.unique(self.labels) if n]
        names = {label: self.names[label] for label in present}
        hu = np.select(
            [self.lesion, ~self.inside, self.labels == BONE, self.labels == RIB],
            [50, -1000, 700, 700],
            default=40,
        ).astype(np.int16)
        series = SeriesInfo("1.2.3", "block", patient_position=self.patient_position)
        structures = structures_from(self.labels, self.grid, names, "test")
        return AccessRequest(
            Volume(hu, self.grid, series),
            self.lesion,
            structures,
            needle_named(needle_id),
            **changes,  # type: ignore[arg-type]
        )
