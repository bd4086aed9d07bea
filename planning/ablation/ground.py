"""The box of a patient in which treatments are simulated, and what does not depend on the probe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.errors import Problem
from imaging.geometry import BoolArray, FloatArray, Grid, block
from imaging.structures.model import Structures
from imaging.volume import mask_on_grid
from planning.ablation.assembly import Placement
from planning.ablation.coverage import surface_points
from planning.ablation.dissection import dissected
from planning.ablation.exposure import Neighbour, neighbours_with_limits
from planning.ablation.limits import LimitChange, limit_of
from planning.ablation.request import TreatmentRequest
from planning.ablation.solver.materials import Medium
from planning.ablation.tissues import PatientMedium, patient_medium, tissue_map, wide_parts
from planning.errors import PlanningError

AROUND_MM = 25.0  # of tissue simulated beyond the lesion and the active parts
LEAST_BOX_MM, MOST_BOX_MM = 80.0, 200.0
LESION_CELLS = 3  # kept beyond the margin, where distances to its surface are read
MOST_CELLS = 12_000_000  # beyond which memory and time are no longer those of a workstation


@dataclass(frozen=True, eq=False)
class Ground:
    """A part of a patient, ready to be treated; arrays have the shape of ``grid``.

    Parameters
    ----------
    grid : Grid
        Along the patient's axes.
    patient : PatientMedium
        Tissue of every cell.
    lesion, wanted, body : numpy.ndarray
        Bool: the lesion, the lesion with its margin inside the body, what is no air.
    masks : dict of str to numpy.ndarray
        Structures that have a limit, and the skin.
    neighbours : tuple of Neighbour
        The same with their limits.
    """

    grid: Grid
    patient: PatientMedium
    lesion: BoolArray
    wanted: BoolArray
    body: BoolArray
    masks: dict[str, BoolArray]
    neighbours: tuple[Neighbour, ...]


def ground_of(request: TreatmentRequest, grid: Grid) -> Ground:
    """Return what a request's treatments are simulated in.

    Parameters
    ----------
    request : TreatmentRequest
        Its devices do not matter.
    grid : Grid
        Of the simulation.

    Returns
    -------
    Ground
        With fluid and gas of the dissections in place.
    """
    volume = request.volume.on_grid(grid)
    lesion = mask_on_grid(request.lesion, request.volume.grid, grid)
    structures = request.structures.on_grid(grid)
    classes = tissue_map(volume, lesion, structures)
    pushed: BoolArray | None = None
    if request.dissections:
        names = [one.structure for one in request.dissections if one.structure]
        named = {name: structures.mask(name) for name in structures.names() if name in names}
        classes, pushed = dissected(classes, grid, named, lesion, request.dissections)
    patient = patient_medium(classes, request.variation)
    body = ~patient.mask("air")
    masks = neighbours_in(structures, patient, lesion, request.limits)
    if pushed is not None:
        masks = {name: mask & ~pushed for name, mask in masks.items()}
        masks = {name: mask for name, mask in masks.items() if mask.any()}
    wanted = lesion | (_within_margin(lesion, request.margin_mm, grid) & body)
    return Ground(
        grid=grid,
        patient=patient,
        lesion=lesion,
        wanted=wanted,
        body=body,
        masks=masks,
        neighbours=neighbours_with_limits(grid, masks, request.limits),
    )


def _within_margin(lesion: BoolArray, margin_mm: float, grid: Grid) -> BoolArray:
    """Return the cells whose centre lies no farther from the lesion's surface than the margin."""
    spacing_mm = np.array(grid.spacing_mm_kji)
    around: FloatArray = scipy.ndimage.distance_transform_edt(~lesion, sampling=spacing_mm)
    result: BoolArray = np.zeros_like(lesion)
    cells = np.argwhere((around <= margin_mm + spacing_mm.max()) & ~lesion)
    if margin_mm > 0 and len(cells):
        surface = surface_points(np.where(lesion, 1.0, -1.0))
        far_mm = scipy.spatial.cKDTree(surface * spacing_mm).query(cells * spacing_mm)[0]
        result[tuple(cells[far_mm <= margin_mm].T)] = True
    return result


def ground_near(
    ground: Ground, placements: Sequence[Placement], margin_mm: float, around_mm: float
) -> Ground:
    """Return the part of a ground that devices can change, with the whole lesion.

    Parameters
    ----------
    ground : Ground
        That is cut down.
    placements : sequence of Placement
        Where the devices are.
    margin_mm : float
        Wanted around the lesion.
    around_mm : float
        Of tissue kept around the active parts.

    Returns
    -------
    Ground
        On a part of the same cells, at least one.
    """
    grid = ground.grid
    around = around_mm / np.array(grid.spacing_mm_kji)
    places = np.concatenate([grid.to_kji(p.extent_lps_mm()) for p in placements])
    lows, highs = [places.min(axis=0) - around], [places.max(axis=0) + around]
    if ground.lesion.any():
        lesion = np.argwhere(ground.lesion)
        beyond = margin_mm / np.array(grid.spacing_mm_kji) + LESION_CELLS
        lows.append(lesion.min(axis=0) - beyond)
        highs.append(lesion.max(axis=0) + beyond)
    size = np.array(grid.size_kji)
    low = np.clip(np.floor(np.min(lows, axis=0)), 0, size - 1).astype(np.int64)
    high = np.clip(np.ceil(np.max(highs, axis=0)) + 1, low + 1, size).astype(np.int64)
    start, count = _three(low), _three(high - low)
    box, medium = block(start, count), ground.patient.medium
    index = np.ascontiguousarray(medium.index[box])
    classes = np.ascontiguousarray(ground.patient.classes[box])
    masks = {name: mask[box] for name, mask in ground.masks.items()}
    masks = {name: mask for name, mask in masks.items() if mask.any()}

    def within(flat: NDArray[np.int64]) -> NDArray[np.int64]:
        kji = np.stack(np.unravel_index(flat, grid.size_kji), axis=1)
        kept = kji[((kji >= low) & (kji < high)).all(axis=1)] - low
        result: NDArray[np.int64] = kept @ np.array([count[1] * count[2], count[2], 1])
        return result

    return Ground(
        grid=grid.cropped(start, count),
        patient=PatientMedium(Medium(medium.materials, index), classes),
        lesion=ground.lesion[box],
        wanted=ground.wanted[box],
        body=ground.body[box],
        masks=masks,
        neighbours=tuple(
            replace(one, cells=within(one.cells), near=within(one.near))
            for one in ground.neighbours
            if one.name in masks
        ),
    )


def _three(numbers: NDArray[np.int64]) -> tuple[int, int, int]:
    k, j, i = (int(n) for n in numbers)
    return k, j, i


def treatment_grid(request: TreatmentRequest, placements: Sequence[Placement]) -> Grid:
    """Return the box that holds the lesion and the active parts with tissue around.

    Parameters
    ----------
    request : TreatmentRequest
        Gives lesion and spacing.
    placements : sequence of Placement
        Where the devices are.

    Returns
    -------
    Grid
        Along the patient's axes.

    Raises
    ------
    PlanningError
        When devices and lesion lie too far apart, or there are too many cells.
    """
    points = [_lesion_corners(request)]
    points += [p.extent_lps_mm() for p in placements]
    return _box(np.concatenate(points), AROUND_MM, request.spacing_mm)


def common_grid(request: TreatmentRequest, reach_mm: float, around_mm: float = AROUND_MM) -> Grid:
    """Return a box that stays the same wherever the devices lie in the lesion.

    Parameters
    ----------
    request : TreatmentRequest
        Gives lesion and spacing.
    reach_mm : float
        Farthest that an active part reaches beyond the lesion.
    around_mm : float
        Of tissue simulated beyond that.

    Returns
    -------
    Grid
        Along the patient's axes.

    Raises
    ------
    PlanningError
        When the lesion is too large, or there are too many cells.
    """
    return _box(_lesion_corners(request), around_mm + reach_mm, request.spacing_mm)


def _lesion_corners(request: TreatmentRequest) -> FloatArray:
    where = np.argwhere(request.lesion)
    corners = np.array([where.min(axis=0) - 0.5, where.max(axis=0) + 0.5])
    picks = np.array(np.meshgrid(*corners.T, indexing="ij")).reshape(3, -1).T
    return request.volume.grid.to_lps(picks)


def _box(points: FloatArray, around_mm: float, spacing_mm: float) -> Grid:
    low, high = points.min(axis=0) - around_mm, points.max(axis=0) + around_mm
    size = np.maximum(high - low, LEAST_BOX_MM)
    if (size > MOST_BOX_MM).any():
        message = (
            "devices and lesion lie too far apart to be simulated together; place the devices "
            f"so that all fits a box of {MOST_BOX_MM:g} mm"
        )
        raise PlanningError(Problem(code="too_far_apart", message=message, where="applicators"))
    counts = np.ceil(size / spacing_mm).astype(int)
    cells = int(np.prod(counts, dtype=np.int64))
    if cells > MOST_CELLS:
        message = (
            f"the grid would have {cells / 1e6:.0f} million cells, more than "
            f"{MOST_CELLS / 1e6:.0f} million; take a wider spacing"
        )
        raise PlanningError(Problem(code="grid_too_large", message=message, where="spacing_mm"))
    first = 0.5 * (low + high) - 0.5 * (counts - 1) * spacing_mm
    i, j, k = (int(n) for n in counts)
    return Grid.aligned((k, j, i), spacing_mm, first)


def neighbours_in(
    structures: Structures,
    patient: PatientMedium,
    lesion: BoolArray,
    changes: tuple[LimitChange, ...],
) -> dict[str, BoolArray]:
    """Return the structures in the box that have a limit, and the skin.

    Parameters
    ----------
    structures : Structures
        On the grid of the simulation.
    patient : PatientMedium
        Its tissues.
    lesion : numpy.ndarray
        Bool; what of a structure lies in it is not counted.
    changes : tuple of LimitChange
        Limits set for the case.

    Returns
    -------
    dict of str to numpy.ndarray
        Masks by name, none of them empty.
    """
    found = {}
    for name in structures.names():
        limit = limit_of(name, changes)
        if limit is None:
            continue
        mask = structures.mask(name) & ~lesion
        if limit.least_width_mm is not None:
            mask = wide_parts(mask, structures.grid.spacing_mm_kji, limit.least_width_mm)
        found[name] = mask
    found["skin"] = patient.mask("skin")
    return {name: mask for name, mask in found.items() if mask.any()}
