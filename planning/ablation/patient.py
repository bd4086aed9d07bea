"""A scenario on a CT: its medium, and whether its devices are in the body."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imaging.errors import Problem
from imaging.geometry import BoolArray, Grid
from imaging.structures.model import Structures
from imaging.volume import Volume, mask_on_grid
from planning.ablation.assembly import Placement
from planning.ablation.scenario.parts import MediumPart
from planning.ablation.tissues import PatientMedium, patient_medium, tissue_map
from planning.errors import PlanningError


def medium_of_ct(part: MediumPart, grid: Grid) -> PatientMedium:
    """Read the CT of a scenario and tell its tissues.

    Parameters
    ----------
    part : MediumPart
        With ``ct``, and where they are known ``lesion`` and ``structures``.
    grid : Grid
        Of the simulation.

    Returns
    -------
    PatientMedium
        Tissue of every cell.

    Raises
    ------
    Refusal
        When a file cannot be used.
    """
    volume, lesion, structures = read_patient(part)
    lesion_here = mask_on_grid(lesion, volume.grid, grid)
    return patient_medium(tissue_map(volume.on_grid(grid), lesion_here, structures))


def read_patient(part: MediumPart) -> tuple[Volume, BoolArray, Structures]:
    """Read the CT of a scenario, its lesion and its structures.

    Parameters
    ----------
    part : MediumPart
        With ``ct``, and where they are known ``lesion`` and ``structures``.

    Returns
    -------
    tuple of Volume, numpy.ndarray and Structures
        On the grid of the CT; the lesion is empty, and no structure there, where none is given.

    Raises
    ------
    Refusal
        When a file cannot be used.
    """
    from imaging.files import read_volume
    from imaging.label_files import read_mask

    volume = read_volume(Path(str(part.ct)))
    lesion = np.zeros(volume.grid.size_kji, dtype=bool)
    if part.lesion is not None:
        lesion = read_mask(Path(part.lesion), volume.grid)
    return volume, lesion, _structures(part, volume)


def _structures(part: MediumPart, volume: Volume) -> Structures:
    if part.structures is None:
        labels = np.zeros(volume.grid.size_kji, dtype=np.uint16)
        return Structures(labels, volume.grid, ())
    from imaging.structures.labels import read_structures

    names = Path(part.names) if part.names is not None else None
    return read_structures(Path(part.structures), names, volume.grid)


def check_in_body(grid: Grid, body: BoolArray, placements: Sequence[Placement]) -> None:
    """Refuse devices whose tip lies outside the body.

    Parameters
    ----------
    grid : Grid
        Of the mask.
    body : numpy.ndarray
        Shape ``grid.size_kji``, bool.
    placements : sequence of Placement
        To be checked.

    Raises
    ------
    PlanningError
        With a problem for each one outside.
    """
    problems = []
    for n, placement in enumerate(placements):
        voxel = grid.nearest(placement.tip_lps_mm)
        if voxel is None or not body[voxel]:
            message = f"the tip of {placement.device.id} lies outside the body; move it inside"
            problems.append(Problem(code="outside_body", message=message, where=f"applicators.{n}"))
    if problems:
        raise PlanningError(problems)
