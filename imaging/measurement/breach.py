"""Whether a lesion has broken through the cortex."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.document import Document, Vector
from imaging.geometry import BoolArray, FloatArray, Grid, filled_places
from imaging.lesion.region import SIGHT_MM, cut_region
from imaging.volume import Volume, sample

LOOK_MM = 4.0  # thicker than a healthy cortex with its blur
BONE_ABOVE_LESION_HU = 90.0  # cortex is denser than soft tissue by more than this even when thin
LEAST_AREA_MM2 = 25.0  # smaller openings are nutrient canals and noise
# Part of the lesion's surface: a cortex of a millimetre, blurred, is lost in patches smaller than
# the second (chosen on 86 lesions put into two real CT, and checked on 39 more); patches as large
# as the first are told
THIN_SHARE, OPEN_SHARE = 0.03, 0.07
SHARP_HU = 200.0  # above the lesion: a cortex so dense beside an opening ends there, not thins out
SHARP_MM = 5.0  # beside the opening
BEHIND_MM = 7.0  # beyond a cortex and its blur, and beyond the blur of the muscle behind it
RIDGE_HU = 30.0  # of a thin cortex, blurred, above what lies on both sides of it
OUT_OF_BONE = 0.45  # of the directions; what sees bone in fewer lies outside of it
SURE_BONE_HU = 130.0
IndexArray = NDArray[np.intp]


class Breach(Document):
    """Whether and where a lesion has broken through the cortex.

    Attributes
    ----------
    is_open : bool or None
        None where it cannot be judged: no bone is near, or no opening is seen but the lesion meets
        the image's edge.
    area_mm2 : float or None
        Of the largest opening; None where there is none.
    centre_lps_mm : Vector or None
        Middle of the largest opening.
    thin_mm2 : float or None
        Of the largest patch without visible cortex that is too small to be called an opening, for
        a cortex of a millimetre may be lost in the blur; None where there is none.
    """

    is_open: bool | None = None
    area_mm2: float | None = None
    centre_lps_mm: Vector | None = None
    thin_mm2: float | None = None


def find_breach(volume: Volume, mask: BoolArray) -> Breach:
    """Look for a part of the lesion's surface without cortex between it and soft tissue.

    From each surface voxel the densest value within 4 mm outside the mask is taken, along the
    surface's normal. Where it stays below bone, the tissue behind lies outside the bone (it sees
    bone in few directions), and no ridge lies before it, over a connected patch, it is open, if
    the patch is a large part of the surface or the cortex beside it is dense: a cortex of a
    millimetre is lost in places too, but thins out. Marrow behind the surface is no breach,
    however poor it is.

    Parameters
    ----------
    volume : Volume
        The CT.
    mask : numpy.ndarray
        Shape of the volume, the lesion.

    Returns
    -------
    Breach
        Whether it is open, and where.
    """
    points = volume.grid.to_lps(filled_places(mask))
    start, size = volume.grid.around(points, 12.0)
    crop = volume.cropped(start, size)
    part = mask[tuple(slice(s, s + n) for s, n in zip(start, size, strict=True))]
    hu = scipy.ndimage.gaussian_filter(crop.hu.astype(np.float32), 0.5)
    spacing = crop.grid.spacing_mm_kji
    outside_mm = scipy.ndimage.distance_transform_edt(~part, sampling=spacing)
    bone_hu = max(SURE_BONE_HU, float(np.median(hu[part])) + BONE_ABOVE_LESION_HU)
    rim = (outside_mm > 0) & (outside_mm <= 8.0)
    if (hu[rim] > bone_hu).mean() < 0.05:
        return Breach()
    surface = part & (scipy.ndimage.distance_transform_edt(part, sampling=spacing) <= max(spacing))
    densest = _densest_outward(hu, outside_mm, part, crop.grid)
    open_ = surface & (densest < bone_hu)
    open_ &= _open_behind(volume, outside_mm, part, crop.grid, densest)
    cortex_hu = densest - float(np.median(hu[part]))
    found = _largest_opening(surface, open_, cortex_hu, part, crop.grid)
    if _touches_edge(mask) and found.is_open is False:
        return found.model_copy(update={"is_open": None})
    return found


def _largest_opening(
    surface: BoolArray, open_: BoolArray, cortex_hu: FloatArray, part: BoolArray, grid: Grid
) -> Breach:
    """Judge the largest patch of the surface without cortex."""
    spacing = grid.spacing_mm_kji
    labels, count = scipy.ndimage.label(open_, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    area_a_voxel = _area_per_voxel_mm2(part, surface, spacing)
    area_mm2 = float(sizes.max(initial=0)) * area_a_voxel
    if area_mm2 < LEAST_AREA_MM2:
        return Breach(is_open=False)
    largest = labels == int(sizes.argmax()) + 1
    share = float(sizes.max() / np.count_nonzero(surface))
    beside = surface & ~open_
    beside &= scipy.ndimage.distance_transform_edt(~largest, sampling=spacing) < SHARP_MM
    if share < OPEN_SHARE and not _is_sharp(cortex_hu[beside]):
        return Breach(is_open=False, thin_mm2=area_mm2 if share >= THIN_SHARE else None)
    x, y, z = grid.to_lps(np.argwhere(largest).mean(axis=0))
    return Breach(is_open=True, area_mm2=area_mm2, centre_lps_mm=(float(x), float(y), float(z)))


def _is_sharp(cortex_beside_hu: FloatArray) -> bool:
    """Tell whether the cortex beside a patch without one is dense, so that it does not thin out."""
    return bool(len(cortex_beside_hu)) and float(np.median(cortex_beside_hu)) > SHARP_HU


def _open_behind(
    volume: Volume, outside_mm: FloatArray, part: BoolArray, grid: Grid, densest: FloatArray
) -> BoolArray:
    """Tell for each surface voxel whether soft tissue outside the bone follows without a ridge."""
    where, along = _outward(outside_mm, part, grid)
    places = grid.to_lps(where + along * BEHIND_MM / np.array(grid.spacing_mm_kji))
    region = cut_region(volume, np.stack([places.min(axis=0), places.max(axis=0)]), SIGHT_MM)
    seen = sample(region.surrounded, region.grid, places, order=1, outside=0.0)
    behind_hu = sample(region.hu, region.grid, places, order=1, outside=0.0)
    lesion_hu = float(np.median(volume.hu_at(grid.to_lps(np.argwhere(part)))))
    ridge_hu = densest[tuple(where.T)] - np.maximum(behind_hu, lesion_hu)
    out = np.zeros(part.shape, dtype=bool)
    index = volume.grid.to_kji(places)
    imaged = ((index > -0.5) & (index < np.array(volume.grid.size_kji) - 0.5)).all(axis=1)
    out[tuple(where.T)] = (seen < OUT_OF_BONE) & (ridge_hu < RIDGE_HU) & imaged
    return out


def _outward(outside_mm: FloatArray, part: BoolArray, grid: Grid) -> tuple[IndexArray, FloatArray]:
    """Return the surface's voxels, and the outward normal at each, in millimetres along k, j, i."""
    spacing = np.array(grid.spacing_mm_kji)
    inside_mm = scipy.ndimage.distance_transform_edt(part, sampling=grid.spacing_mm_kji)
    level = scipy.ndimage.gaussian_filter(outside_mm - inside_mm, 1.0)
    normal = np.array(np.gradient(level, *(float(mm) for mm in spacing)))
    normal /= np.maximum(np.linalg.norm(normal, axis=0), 1e-6)
    where = np.argwhere(part & (inside_mm <= spacing.max()))
    return where, normal[:, where[:, 0], where[:, 1], where[:, 2]].T


def _touches_edge(mask: BoolArray) -> bool:
    faces = (mask[0], mask[-1], mask[:, 0], mask[:, -1], mask[:, :, 0], mask[:, :, -1])
    return any(bool(face.any()) for face in faces)


def _densest_outward(
    hu: np.ndarray, outside_mm: np.ndarray, part: BoolArray, grid: Grid
) -> np.ndarray:
    """Return the densest value met within reach of each voxel along the outward normal."""
    spacing = np.array(grid.spacing_mm_kji)
    where, along = _outward(outside_mm, part, grid)
    best = np.full(hu.shape, np.inf)
    found = np.full(len(where), -np.inf)
    for distance_mm in np.arange(0.0, max(LOOK_MM, 1.5 * spacing.max()), 0.5):
        at = where + along * distance_mm / spacing
        found = np.maximum(found, scipy.ndimage.map_coordinates(hu, at.T, order=1, mode="nearest"))
    best[where[:, 0], where[:, 1], where[:, 2]] = found
    return best


def _area_per_voxel_mm2(
    part: BoolArray, surface: BoolArray, spacing: tuple[float, float, float]
) -> float:
    """Return the mean area a surface voxel stands for; exposed faces over-count by about 1.5."""
    area = 0.0
    padded = np.pad(part, 1)
    for axis in range(3):
        faces = np.diff(padded.astype(np.int8), axis=axis)
        others = [spacing[n] for n in range(3) if n != axis]
        area += float(np.abs(faces).sum()) * others[0] * others[1]
    return area / 1.5 / max(int(surface.sum()), 1)
