"""Lesion, structures and planned zones as DICOM segmentations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from app.report.colours import COLD, HEAT, LESION, structure_colour
from app.report.dicom.source import OWN_SCHEME, CtSource, described, name_own_scheme
from imaging.dicom.segmentation_write import Segment, segmentation_object
from imaging.geometry import BoolArray, Grid, block
from imaging.structures.codes import structure_code
from imaging.structures.model import Structures
from imaging.volume import resample
from planning.plan import ThermalField

LESION_SERIES, STRUCTURES_SERIES, ZONE_SERIES = 9001, 9004, 9010
PREDICTED_ZONE = Code("PREDICTED_ZONE", OWN_SCHEME, "Predicted lethal ablation zone")
ZONE_COLOURS = {"cryoablation": COLD[-20.0]}
HEAT_COLOUR = HEAT[60.0]
ZONE_CATEGORY = Code("309825002", "SCT", "Spatial and Relational Concept")


ONE_CLICK, BY_HAND = "Osteoplan one-click outline", "Outline drawn or imported in Osteoplan"


def lesion_segment(*, clicked: bool) -> Segment:
    """Return what the lesion is: a neoplasm.

    Parameters
    ----------
    clicked : bool
        Whether it was outlined from clicks; otherwise it was drawn or imported.

    Returns
    -------
    Segment
        With the way it was outlined.
    """
    return Segment(
        name="Lesion",
        category=codes.SCT.MorphologicallyAbnormalStructure,
        kind=codes.SCT.Neoplasm,
        algorithm=ONE_CLICK if clicked else BY_HAND,
        colour=LESION,
        automatic=False,
    )


def lesion_object(lesion: BoolArray, grid: Grid, source: CtSource, *, clicked: bool) -> Dataset:
    """Return the lesion as DICOM SEG.

    Parameters
    ----------
    lesion : numpy.ndarray
        Mask of shape ``grid.size_kji``.
    grid : Grid
        Where it lies.
    source : CtSource
        The CT.
    clicked : bool
        Whether it was outlined from clicks; otherwise it was drawn or imported.

    Returns
    -------
    pydicom.Dataset
        One segment.
    """
    return segmentation_object(
        lesion,
        grid,
        [lesion_segment(clicked=clicked)],
        source.images,
        series_number=LESION_SERIES,
        series_description=described("lesion"),
    )


def structures_object(structures: Structures, source: CtSource) -> Dataset:
    """Return all structures as one DICOM SEG.

    Parameters
    ----------
    structures : Structures
        On the grid of the CT, with at least one row; every voxel belongs to one segment, ``body``
        is what no other structure claims.
    source : CtSource
        The CT.

    Returns
    -------
    pydicom.Dataset
        A segment for each row.
    """
    highest = max(int(structures.labels.max(initial=0)), *(row.label for row in structures.table))
    lookup = np.zeros(highest + 1, dtype=np.uint8 if len(structures.table) < 256 else np.uint16)
    segments = []
    for number, row in enumerate(structures.table, start=1):
        lookup[row.label] = number
        code = structure_code(row.name)
        segments.append(
            Segment(
                name=row.name,
                category=code.category,
                kind=code.kind,
                algorithm=row.found_by or "Osteoplan",
                colour=structure_colour(row.name, row.class_),
                side=code.side,
            )
        )
    return segmentation_object(
        lookup[structures.labels],
        structures.grid,
        segments,
        source.images,
        series_number=STRUCTURES_SERIES,
        series_description=described("structures"),
    )


def zone_segment(device: str, technique: str) -> Segment:
    """Return what a zone is: where the simulation predicts that nothing survives.

    Parameters
    ----------
    device, technique : str
        What was simulated.

    Returns
    -------
    Segment
        With a private code, for want of a public one.
    """
    return Segment(
        name=f"Predicted zone {technique} {device}",
        category=ZONE_CATEGORY,
        kind=PREDICTED_ZONE,
        algorithm=f"Osteoplan thermal simulation {technique}",
        colour=ZONE_COLOURS.get(technique, HEAT_COLOUR),
    )


def zone_object(
    field: ThermalField, device: str, technique: str, grid: Grid, source: CtSource, number: int
) -> Dataset | None:
    """Return the lethal zone of a simulated device as DICOM SEG, on the CT's grid.

    Parameters
    ----------
    field : ThermalField
        Of the simulation.
    device, technique : str
        What was simulated.
    grid : Grid
        Of the CT.
    source : CtSource
        The CT.
    number : int
        Of the simulation, from 0; every one has a series of its own.

    Returns
    -------
    pydicom.Dataset or None
        None where nothing is lethal.
    """
    zone = zone_on_grid(field, grid)
    if not zone.any():
        return None
    made = segmentation_object(
        zone,
        grid,
        [zone_segment(device, technique)],
        source.images,
        series_number=ZONE_SERIES + number,
        series_description=described(f"zone {device}"),
    )
    name_own_scheme(made)
    return made


def zone_on_grid(field: ThermalField, grid: Grid) -> BoolArray:
    """Return a lethal zone on the CT's grid, its edge at the half level between cells.

    Parameters
    ----------
    field : ThermalField
        On its own grid.
    grid : Grid
        Of the CT.

    Returns
    -------
    numpy.ndarray
        Shape ``grid.size_kji``, bool.
    """
    found: NDArray[np.bool_] = np.zeros(grid.size_kji, dtype=bool)
    cells = np.argwhere(field.zone)
    if len(cells) == 0:
        return found
    start, size = grid.around(field.grid.to_lps(cells), max(field.grid.spacing_mm_kji))
    part = resample(
        field.zone.view(np.uint8), field.grid, grid.cropped(start, size), order=1, outside=0.0
    )
    found[block(start, size)] = part >= 0.5
    return found
