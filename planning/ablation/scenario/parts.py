"""The parts of a scenario's file, each with its keys, types and bounds."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from pydantic import ConfigDict, Field

from imaging.document import Document, Vector
from imaging.geometry import Grid
from planning.ablation.solver.materials import Properties
from planning.ablation.solver.protocol import Phase


class Strict(Document):
    """A part of a scenario: no text for numbers, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class GridPart(Strict):
    """Box and cells.

    Attributes
    ----------
    spacing_mm : float
        Edge of a cell; a size that is no multiple of it gets cells that fit it.
    size_mm : tuple of float
        Extent along LPS x, y, z.
    centre_lps_mm : tuple of float
        Of the box.
    """

    spacing_mm: float = Field(gt=0, le=100, allow_inf_nan=False)
    size_mm: tuple[float, float, float]
    centre_lps_mm: Vector = (0.0, 0.0, 0.0)

    def counts_xyz(self) -> tuple[int, int, int]:
        """Return the cells along x, y, z."""
        x, y, z = (max(1, math.floor(s / self.spacing_mm + 0.5)) for s in self.size_mm)
        return x, y, z

    def grid(self) -> Grid:
        """Return the grid: cell centres lie half a cell inside the box."""
        counts = np.array(self.counts_xyz(), dtype=float)
        size = np.array(self.size_mm)
        edge = size / counts
        affine = np.eye(4)
        affine[:3, :3] = np.fliplr(np.diag(edge))
        affine[:3, 3] = np.array(self.centre_lps_mm) - size / 2 + edge / 2
        i, j, k = self.counts_xyz()
        return Grid((k, j, i), affine)


class LayerPart(Strict):
    """A layer along LPS x, up to ``until_mm``."""

    until_mm: float = Field(allow_inf_nan=False)
    tissue: str | None = None
    properties: Properties | None = None


class MediumPart(Strict):
    """One of: a tissue, properties, layers, or a CT."""

    tissue: str | None = None
    properties: Properties | None = None
    layers: tuple[LayerPart, ...] | None = None
    ct: str | None = None
    lesion: str | None = None
    structures: str | None = None
    names: str | None = None


class FacePart(Strict):
    """What a face does."""

    kind: Literal["fixed", "insulated"]
    temperature_c: float | None = Field(default=None, ge=-273.15, le=3000, allow_inf_nan=False)


class FacesPart(Strict):
    """What each face does; a face left out is insulated."""

    x_min: FacePart = FacePart(kind="insulated")
    x_max: FacePart = FacePart(kind="insulated")
    y_min: FacePart = FacePart(kind="insulated")
    y_max: FacePart = FacePart(kind="insulated")
    z_min: FacePart = FacePart(kind="insulated")
    z_max: FacePart = FacePart(kind="insulated")


class BoundaryPart(Strict):
    """What all faces do, or each."""

    kind: Literal["fixed", "insulated"] | None = None
    temperature_c: float | None = Field(default=None, ge=-273.15, le=3000, allow_inf_nan=False)
    faces: FacesPart | None = None


class SourcePart(Strict):
    """An idealised source.

    ``sphere`` and ``cylinder`` are held at a temperature; ``ball`` and ``rod`` release their power
    evenly all through, ``shell`` over a sphere's surface. A point is a small ball, a line a thin
    rod.
    """

    kind: Literal["sphere", "cylinder", "ball", "rod", "shell", "electrode_sphere"]
    radius_mm: float = Field(gt=0, le=1000, allow_inf_nan=False)
    length_mm: float | None = Field(default=None, gt=0, le=1e5, allow_inf_nan=False)
    temperature_c: float | None = Field(default=None, ge=-273.15, le=3000, allow_inf_nan=False)
    power_w: float | None = Field(default=None, ge=-1e6, le=1e6, allow_inf_nan=False)
    voltage_v: float | None = Field(default=None, ge=-1e5, le=1e5, allow_inf_nan=False)


class ApplicatorPart(Strict):
    """A device of the tables, or an idealised source, and where it is."""

    device: str | None = None
    source: SourcePart | None = None
    tip_lps_mm: Vector
    axis_lps: Vector = (0.0, 0.0, 1.0)


class PhasePart(Phase):
    """A phase as a scenario writes it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
