"""Reads the contours of DICOM RT Structure Sets as label maps."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.dicom.headers import read_dataset
from imaging.errors import ImagingError, refuse_image
from imaging.geometry import BoolArray, FloatArray, Grid
from imaging.label_names import structure_name
from imaging.overlap import LabelPainter
from imaging.volume import mask_on_grid

log = logging.getLogger(__name__)

CLOSED = frozenset({"CLOSED_PLANAR", "CLOSED_PLANAR_XOR"})  # DICOM PS3.3 C.8.8.6.3
IN_SLICE = 0.1  # a contour whose points lie within this of one slice, in slices, is parallel to it
FINEST_MM = 0.5  # pixels of the grid that contours across the slices are filled on
SAME_PLANE_MM = 0.05
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
        structure when its centre lies inside an odd number of its contours; each contour reaches
        half way to the next one.
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
        Shape (n, 3) each, parallel to each other.
    grid : Grid
        Where the mask is wanted.

    Returns
    -------
    numpy.ndarray
        Shape ``grid.size_kji``, bool.
    """
    polygons = [grid.to_kji(polygon) for polygon in polygons_lps_mm]
    if all(np.ptp(polygon[:, 0]) <= IN_SLICE for polygon in polygons):
        return _fill_slices(polygons, grid)
    own = _grid_along(polygons_lps_mm, grid)
    mask = _fill_slices([own.to_kji(polygon) for polygon in polygons_lps_mm], own)
    return mask_on_grid(mask, own, grid)


def _fill_slices(polygons: list[FloatArray], grid: Grid) -> BoolArray:
    """Fill polygons that lie in planes of constant k."""
    count = grid.size_kji[0]
    mask = np.zeros(grid.size_kji, dtype=bool)
    same = SAME_PLANE_MM / grid.spacing_mm_kji[0]
    heights = np.array([polygon[:, 0].mean() for polygon in polygons])
    planes = _distinct(heights, same)
    apart = float(np.median(np.diff(planes))) if len(planes) > 1 else 1.0
    reach = max(apart, 1.0) / 2
    for k in range(count):
        nearest = planes[int(np.argmin(np.abs(planes - k)))]
        if not -reach * (1 - HALF_WAY) < k - nearest <= reach * (1 + HALF_WAY):
            continue
        here = np.abs(heights - nearest) <= same
        chosen = [polygon[:, 1:] for polygon, wanted in zip(polygons, here, strict=True) if wanted]
        mask[k] = _fill_plane(chosen, grid.size_kji[1:])
    return mask


def _distinct(values: FloatArray, within: float) -> FloatArray:
    ordered = np.sort(values)
    first = np.concatenate([[True], np.diff(ordered) > within])
    chosen: FloatArray = ordered[first]
    return chosen


def _fill_plane(polygons_ji: list[FloatArray], size_ji: tuple[int, int]) -> BoolArray:
    """Return the pixels whose centres lie inside an odd number of polygons.

    Each row is cut by the edges that span it, half open at the upper end, so that no corner counts
    twice; left of a pixel an odd number of cuts means inside.
    """
    rows, columns = size_ji
    cuts = np.zeros((rows, columns + 1), dtype=np.int32)
    for begins in polygons_ji:
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
    """Return a grid whose slices are parallel to the contours."""
    largest = max(polygons_lps_mm, key=len)
    centre = largest.mean(axis=0)
    across, down, normal = np.linalg.svd(largest - centre, full_matrices=True)[2]
    everything = np.concatenate(polygons_lps_mm) - centre
    heights = np.array([(polygon - centre).mean(axis=0) @ normal for polygon in polygons_lps_mm])
    planes = _distinct(heights, SAME_PLANE_MM)
    step = float(np.median(np.diff(planes))) if len(planes) > 1 else min(grid.spacing_mm_kji)
    fine = max(FINEST_MM, min(grid.spacing_mm_kji) / 2)
    low = np.array([planes[0], (everything @ down).min(), (everything @ across).min()])
    high = np.array([planes[-1], (everything @ down).max(), (everything @ across).max()])
    spacing = np.array([step, fine, fine])
    low -= spacing * np.array([0, 1, 1])
    count = np.ceil((high - low) / spacing - 1e-6).astype(int) + 2
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack([normal, down, across]) * spacing
    affine[:3, 3] = centre + np.column_stack([normal, down, across]) @ low
    return Grid((int(count[0]), int(count[1]), int(count[2])), affine)
