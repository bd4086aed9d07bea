"""What the worker process does: each a function of frozen values and a Progress."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy

from app.workstation.views.surfaces import Mesh, bone_mesh
from imaging import cutting, slabs
from imaging.document import Vector
from imaging.errors import Refusal
from imaging.geometry import BoolArray, FloatArray, filled_block
from imaging.label_files import read_mask
from imaging.lesion.growths import Growths
from imaging.lesion.segment import LesionOutline
from imaging.measurement.involvement import Involvement, involvement
from imaging.measurement.lesion import LesionMeasurement, measure
from imaging.progress import Progress
from imaging.structures.canal import CanalBeside, canal_beside
from imaging.structures.labels import read_structures
from imaging.structures.model import Structures
from imaging.volume import Volume
from planning import corrections
from planning.ablations import simulate_device
from planning.access.posture import Position
from planning.plan import Case
from planning.procedure import (
    find_surroundings,
    propose_outline,
    with_lesion,
    with_structures,
)
from planning.ways_in import find_access

GROWTHS = Growths()  # of the worker's last click: the next ones mostly correct it
CANAL = CanalBeside()  # of the same click
PREPARED_MM = 5.0  # between the clicks that are tried before the first is made
DENSE_HU, SOFT_HU = 300, (60, 130)  # a cortex, and what can be told from it


def surface(volume: Volume, progress: Progress) -> Mesh:
    """Return the surface of bone for the three-dimensional view.

    Parameters
    ----------
    volume : Volume
        The CT.
    progress : Progress
        Told between the steps.

    Returns
    -------
    Mesh
        LPS millimetres.
    """
    return bone_mesh(volume, progress)


@dataclass(frozen=True, eq=False)
class CutOut:
    """A mask without the empty part around it, so that little travels to the worker.

    Parameters
    ----------
    block : tuple of slice
        Where it lies in the image.
    mask : numpy.ndarray
        Shape of the block, bool.
    """

    block: tuple[slice, ...]
    mask: BoolArray

    def whole(self, size_kji: tuple[int, int, int]) -> BoolArray:
        """Return the mask with the empty part around it.

        Parameters
        ----------
        size_kji : tuple of int
            Of the image.

        Returns
        -------
        numpy.ndarray
            Shape ``size_kji``, bool.
        """
        mask = np.zeros(size_kji, dtype=bool)
        mask[self.block] = self.mask
        return mask


def cut_out(mask: BoolArray) -> CutOut:
    """Return a mask without the empty part around it.

    Parameters
    ----------
    mask : numpy.ndarray
        Shape of the image, at least one voxel.

    Returns
    -------
    CutOut
        Its block.
    """
    block = filled_block(mask) or (slice(0, 0),) * 3
    return CutOut(block, mask[block].copy())


@dataclass(frozen=True, eq=False)
class Proposed:
    """An outline at clicks, as it travels from the worker.

    Parameters
    ----------
    lesion : CutOut
        The outline.
    proposal : LesionOutline
        Without its mask; what a tighter or more generous outline is made of.
    """

    lesion: CutOut
    proposal: LesionOutline


def outline(
    structures: Structures | None,
    volume: Volume,
    seeds_lps_mm: FloatArray,
    outside_lps_mm: FloatArray,
    generosity: float,
    progress: Progress,
) -> Proposed:
    """Outline the lesion; measuring it is another task, so that the outline is seen at once.

    Parameters
    ----------
    structures : Structures or None
        Of the case.
    volume : Volume
        The CT.
    seeds_lps_mm, outside_lps_mm : numpy.ndarray
        Shapes (n, 3) and (m, 3): clicks in the lesion, and clicks that are not lesion.
    generosity : float
        −1 (tight) to 1 (generous).
    progress : Progress
        Told between the steps.

    Returns
    -------
    Proposed
        On the grid of the series.
    """
    found = propose_outline(
        structures, volume, seeds_lps_mm, generosity, progress, outside_lps_mm, GROWTHS, CANAL
    )
    return Proposed(cut_out(found.mask), replace(found, mask=np.zeros(0, dtype=bool)))


def prepare(volume: Volume, progress: Progress) -> None:
    """Do once what clicks ask for, so that the first one waits for no compiled code to be loaded.

    Parameters
    ----------
    volume : Volume
        The CT.
    progress : Progress
        Told between the steps.
    """
    slabs.warm_up()  # kept on disk, where the window finds it
    cutting.warm_up()
    place = _beside_bone(volume)
    if place is None:
        return
    away = np.array([PREPARED_MM, 0.0, 0.0])
    inside, wrong = np.stack([place, place + away]), (place - away)[None]
    growths, canal = Growths(), CanalBeside()
    with contextlib.suppress(Refusal):  # whatever is there, it is no lesion that anybody clicked
        for seeds, outside in ((inside[:1], wrong[:0]), (inside, wrong)):
            found = propose_outline(None, volume, seeds, 0.0, progress, outside, growths, canal)
        measured(cut_out(found.mask), volume, None, progress)


def _beside_bone(volume: Volume) -> FloatArray | None:
    """Return a place in softer tissue beside dense bone, near the middle of the image."""
    step = [max(1, round(PREPARED_MM / mm)) for mm in volume.grid.spacing_mm_kji]
    few = volume.hu[:: step[0], :: step[1], :: step[2]]
    dense = few > DENSE_HU
    soft = (few > SOFT_HU[0]) & (few < SOFT_HU[1])
    places = np.argwhere(soft & scipy.ndimage.binary_dilation(dense)) * step
    if not len(places):
        return None
    apart = np.linalg.norm(places / np.array(volume.hu.shape) - 0.5, axis=1)
    return volume.grid.to_lps(places[int(apart.argmin())].astype(float))


def measured(
    lesion: CutOut, volume: Volume, structures: Structures | None, progress: Progress
) -> tuple[LesionMeasurement, Involvement | None]:
    """Measure an outline that was corrected.

    Parameters
    ----------
    lesion : CutOut
        The outline.
    volume : Volume
        The CT.
    structures : Structures or None
        Of the case.
    progress : Progress
        Told between the steps.

    Returns
    -------
    tuple
        Measures of the outline; what it does to its bone, None without structures.
    """
    mask = lesion.whole(volume.grid.size_kji)
    progress.update(0.1)
    middle = volume.grid.to_lps(
        np.argwhere(lesion.mask).mean(axis=0) + [s.start for s in lesion.block]
    )
    canal = canal_beside(structures, volume, middle)
    progress.update(0.4)
    found = measure(volume, mask, canal)
    progress.update(0.7)
    return found, None if structures is None else involvement(volume, mask, structures)


def set_level(
    case: Case, volume: Volume, level: str, at_lps_mm: FloatArray, progress: Progress
) -> Case:
    """Say which level a vertebra is.

    Parameters
    ----------
    case : Case
        With vertebrae.
    volume : Volume
        The CT.
    level : str
        Such as ``L3``.
    at_lps_mm : numpy.ndarray
        Shape (3,), in that vertebra.
    progress : Progress
        Told between the steps.

    Returns
    -------
    Case
        With the levels that follow.
    """
    progress.update(0.1)
    return corrections.set_level(case, volume, level, at_lps_mm)


def import_lesion(case: Case, volume: Volume, path: Path, progress: Progress) -> Case:
    """Take the outline from a mask.

    Parameters
    ----------
    case : Case
        Any state.
    volume : Volume
        The CT.
    path : Path
        NIfTI, NRRD, MetaImage or DICOM SEG.
    progress : Progress
        Told between the steps.

    Returns
    -------
    Case
        With the lesion.
    """
    progress.update(0.1)
    return with_lesion(case, volume, read_mask(path, volume.grid))


def structures(case: Case, volume: Volume, progress: Progress) -> Case:
    """Find the structures.

    Parameters
    ----------
    case : Case
        Any state.
    volume : Volume
        The CT.
    progress : Progress
        Told between the structures.

    Returns
    -------
    Case
        With structures.
    """
    return find_surroundings(case, volume, progress)


def import_structures(
    case: Case, volume: Volume, path: Path, names: Path | None, progress: Progress
) -> Case:
    """Take the structures from a label map.

    Parameters
    ----------
    case : Case
        Any state.
    volume : Volume
        The CT.
    path : Path
        Label map.
    names : Path or None
        JSON of names; None looks beside the label map.
    progress : Progress
        Told between the steps.

    Returns
    -------
    Case
        With structures.
    """
    progress.update(0.1)
    return with_structures(case, read_structures(path, names, volume.grid), volume)


def access(
    case: Case,
    volume: Volume,
    needle_id: str | None,
    position: Position,
    target_lps_mm: Vector | None,
    progress: Progress,
) -> Case:
    """Search for ways in.

    Parameters
    ----------
    case : Case
        With lesion and structures.
    volume : Volume
        The CT.
    needle_id : str or None
        None takes the first trocar of the table.
    position : Position
        How the patient lies.
    target_lps_mm : Vector or None
        Place to aim at; None lets the search choose.
    progress : Progress
        Told while searching.

    Returns
    -------
    Case
        With proposals, or the reasons why there are none.
    """
    targets = () if target_lps_mm is None else (target_lps_mm,)
    return find_access(case, volume, needle_id, position, progress, targets_lps_mm=targets)


def ablation(
    case: Case,
    volume: Volume,
    device_id: str,
    margin_mm: float,
    spacing_mm: float,
    progress: Progress,
) -> Case:
    """Simulate a device on the chosen way in.

    Parameters
    ----------
    case : Case
        With a chosen way in.
    volume : Volume
        The CT.
    device_id : str
        Row of the table.
    margin_mm : float
        Wanted around the lesion.
    spacing_mm : float
        Edge of a cell.
    progress : Progress
        Told of every step.

    Returns
    -------
    Case
        With one more simulation.
    """
    return simulate_device(case, volume, device_id, margin_mm, spacing_mm, progress)
