"""Reads the contours of DICOM RT Structure Sets as label maps."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.dicom.dataset import read_dataset
from imaging.errors import ImagingError, refuse_image
from imaging.geometry import BoolArray, FloatArray, Grid
from imaging.label_names import structure_name
from imaging.overlap import LabelPainter
from imaging.volume import mask_on_grid

log = logging.getLogger(__name__)

CLOSED = frozenset({"CLOSED_PLANAR", "CLOSED_PLANAR_XOR"})  # DICOM PS3.3 C.8.8.6.3
IN_SLICE = 0.1  # a contour whose points lie within this of one slice, in slices, is parallel to it
PLANE_WITHIN_MM = 0.5
FARTHEST_MM = 10_000.0
MOST_VOXELS = 1 << 29
WITHIN_SHARE = 0.9  # of a contour's pixels that lie in another one, which makes it a hole
FINEST_MM = 0.5  # pixels of the grid that contours across the slices are filled on
SAME_PLANE_MM = 0.25
HALF_WAY = 1e-6  # rounding of what lies half way between two contours


@dataclass(frozen=True, eq=False)
class Contours:
    """The closed contours of one structure.

    Parameters
    ----------
    number : int
        ROI Number.
    name : str
        In lower case with underscores.
    polygons_lps_mm : tuple of numpy.ndarray
        Shape (n, 3) each, LPS millimetres.
    """

    number: int
    name: str
    polygons_lps_mm: tuple[FloatArray, ...]


def read_contours(path: Path) -> tuple[Contours, ...]:
    """Read the structures of an RT Structure Set.

    Parameters
    ----------
    path : Path
        A file.

    Returns
    -------
    tuple of Contours
        Structures with closed contours; others are left out, and said in the log.

    Raises
    ------
    ImagingError
        When it is no structure set, or holds no closed contour.
    """
    try:
        dataset = read_dataset(path, with_pixels=True)
        names = {
            int(row.ROINumber): structure_name(str(row.get("ROIName", "")))
            for row in dataset.get("StructureSetROISequence") or []
        }
        found = [_structure(row, names) for row in dataset.get("ROIContourSequence") or []]
    except ImagingError:
        raise
    except Exception as error:  # a damaged object fails in any way its parser can
        message = f"the RT structure set cannot be read ({type(error).__name__})"
        raise refuse_image("damaged", message, path) from None
    closed = tuple(one for one in found if one.polygons_lps_mm)
    if not closed:
        message = "the RT structure set holds no closed contours; outline the structures first"
        raise refuse_image("empty_mask", message, path)
    if len(closed) < len(names):
        left_out = len(names) - len(closed)
        log.warning("%s: %d structures have no closed contours", path.name, left_out)
    return closed


def _structure(row: Dataset, names: dict[int, str]) -> Contours:
    number = int(row.ReferencedROINumber)
    polygons = []
    for contour in row.get("ContourSequence") or []:
        if str(contour.get("ContourGeometricType", "")) not in CLOSED:
            continue
        points = np.asarray(contour.get("ContourData") or [], dtype=float)
        if len(points) < 9 or len(points) % 3 or not np.isfinite(points).all():
            continue
        polygons.append(points.reshape(-1, 3))
    return Contours(number, names.get(number) or f"roi_{number}", tuple(polygons))


def contours_on_grid(
    structures: tuple[Contours, ...], grid: Grid, told: str
) -> tuple[NDArray[np.uint16], dict[int, str]]:
    """Fill contours.

    Parameters
    ----------
    structures : tuple of Contours
        As read.
    grid : Grid
        Where the labels are wanted.
    told : str
        File name, for warnings.

    Returns
    -------
    tuple
        Labels of shape ``grid.size_kji``, uint16 (the smaller structure wins where several
        overlap), numbered from 1 in the order of the file; and label to name. A voxel belongs to a
        structure when its centre lies inside a contour that is not a hole in another; each contour
        reaches half way to the next one.
    """
    painter = LabelPainter(grid.size_kji)
    names = {}
    for label, structure in enumerate(structures, start=1):
        painter.add(label, filled(structure.polygons_lps_mm, grid))
        names[label] = structure.name
    return painter.painted(told), names


def filled(polygons_lps_mm: tuple[FloatArray, ...], grid: Grid) -> BoolArray:
    """Fill the contours of one structure.

    Parameters
    ----------
    polygons_lps_mm : tuple of numpy.ndarray
        Shape (n, 3) each, plane and parallel to each other.
    grid : Grid
        Where the mask is wanted.

    Returns
    -------
    numpy.ndarray
        Shape ``grid.size_kji``, bool.

    Raises
    ------
    ImagingError
        When the contours are not plane, not parallel, or far outside any patient.
    """
    if max(float(np.abs(polygon).max()) for polygon in polygons_lps_mm) > FARTHEST_MM:
        message = "contours lie metres away; the structure set is damaged"
        raise refuse_image("damaged", message)
    distinct = {polygon.tobytes(): polygon for polygon in polygons_lps_mm}
    polygons = [grid.to_kji(polygon) for polygon in distinct.values()]
    if all(np.ptp(polygon[:, 0]) <= IN_SLICE for polygon in polygons):
        return _fill_slices(polygons, grid)
    own = _grid_along(tuple(distinct.values()), grid)
    mask = _fill_slices([own.to_kji(polygon) for polygon in distinct.values()], own)
    return mask_on_grid(mask, own, grid)


def _fill_slices(polygons: list[FloatArray], grid: Grid) -> BoolArray:
    """Fill polygons that lie in planes of constant k; each reaches half way to the next."""
    mask = np.zeros(grid.size_kji, dtype=bool)
    heights = np.array([polygon[:, 0].mean() for polygon in polygons])
    planes = _planes(heights, SAME_PLANE_MM / grid.spacing_mm_kji[0])
    levels = np.array([heights[members].mean() for members in planes])
    reach = float(np.median(np.diff(levels))) / 2 if len(levels) > 1 else 0.5
    for k in range(grid.size_kji[0]):
        nearest = int(np.argmin(np.abs(levels - k)))
        if -reach * (1 - HALF_WAY) < k - levels[nearest] <= reach * (1 + HALF_WAY):
            here = [polygons[n][:, 1:] for n in planes[nearest]]
            mask[k] = _fill_plane(here, grid.size_kji[1:])
    return mask


def _planes(heights: FloatArray, within: float) -> list[list[int]]:
    """Return which polygons lie in one plane, lowest first."""
    planes: list[list[int]] = []
    for n in (int(m) for m in np.argsort(heights, kind="stable")):
        if planes and heights[n] - heights[planes[-1][0]] <= within:
            planes[-1].append(n)
        else:
            planes.append([n])
    return planes


def _fill_plane(polygons_ji: list[FloatArray], size_ji: tuple[int, int]) -> BoolArray:
    """Fill the polygons of one plane: one within another is a hole, others are added."""
    filled_each = [_fill_polygon(polygon, size_ji) for polygon in polygons_ji]
    filled_each.sort(key=np.count_nonzero, reverse=True)
    mask = np.zeros(size_ji, dtype=bool)
    for part in filled_each:
        inside = np.count_nonzero(part & mask) >= WITHIN_SHARE * np.count_nonzero(part)
        mask = mask & ~part if inside else mask | part
    return mask


def _fill_polygon(begins: FloatArray, size_ji: tuple[int, int]) -> BoolArray:
    """Return the pixels whose centres lie inside a polygon.

    Each row is cut by the edges that span it, half open at the upper end, so that no corner counts
    twice; left of a pixel an odd number of cuts means inside (so that a keyhole stays a hole).
    """
    rows, columns = size_ji
    cuts = np.zeros((rows, columns + 1), dtype=np.int32)
    ends = np.roll(begins, -1, axis=0)
    first = np.clip(np.ceil(np.minimum(begins[:, 0], ends[:, 0])), 0, rows).astype(int)
    behind = np.clip(np.ceil(np.maximum(begins[:, 0], ends[:, 0])), 0, rows).astype(int)
    spanned = behind - first
    edge = np.repeat(np.arange(len(begins)), spanned)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(spanned) - spanned, spanned) + first[edge]
    (j0, i0), (j1, i1) = begins[edge].T, ends[edge].T
    at = i0 + (row - j0) * (i1 - i0) / (j1 - j0)
    np.add.at(cuts, (row, np.clip(np.ceil(at), 0, columns).astype(int)), 1)
    inside: BoolArray = (np.cumsum(cuts, axis=1)[:, :columns] % 2).astype(bool)
    return inside


def _grid_along(polygons_lps_mm: tuple[FloatArray, ...], grid: Grid) -> Grid:
    """Return a grid whose slices are parallel to the contours, no larger than they are."""
    largest = max(polygons_lps_mm, key=len)
    centre = largest.mean(axis=0)
    axes = np.linalg.svd(largest - centre, full_matrices=True)[2]
    normal, down, across = axes[2], axes[1], axes[0]
    heights = []
    for polygon in polygons_lps_mm:
        along = (polygon - centre) @ normal
        if np.ptp(along) > PLANE_WITHIN_MM:
            message = "the contours are not plane, or not parallel to each other; export a mask"
            raise refuse_image("not_parallel", message)
        heights.append(float(along.mean()))
    planes = _planes(np.array(heights), SAME_PLANE_MM)
    levels = np.array([np.array(heights)[members].mean() for members in planes])
    step = float(np.median(np.diff(levels))) if len(levels) > 1 else min(grid.spacing_mm_kji)
    fine = max(FINEST_MM, min(grid.spacing_mm_kji) / 2)
    everything = np.concatenate(polygons_lps_mm) - centre
    low = np.array([levels[0], (everything @ down).min(), (everything @ across).min()])
    high = np.array([levels[-1], (everything @ down).max(), (everything @ across).max()])
    spacing = np.array([step, fine, fine])
    low -= spacing * np.array([0, 1, 1])
    count = np.ceil((high - low) / spacing - 1e-6).astype(int) + 2
    if float(np.prod(count.astype(float))) > MOST_VOXELS:
        message = "the contours span more than a patient; the structure set is damaged"
        raise refuse_image("damaged", message)
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack([normal, down, across]) * spacing
    affine[:3, 3] = centre + np.column_stack([normal, down, across]) @ low
    return Grid((int(count[0]), int(count[1]), int(count[2])), affine)
