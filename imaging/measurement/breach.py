"""Whether a lesion has broken through the cortex."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from imaging.geometry import BoolArray, Grid
from imaging.volume import Volume

LOOK_MM = 4.0  # thicker than a healthy cortex with its blur
BONE_ABOVE_LESION_HU = 90.0  # cortex is denser than soft tissue by more than this even when thin
LEAST_AREA_MM2 = 25.0  # smaller openings are nutrient canals and noise
FAT_HU = -30.0
SURE_BONE_HU = 130.0


def cortical_breach(volume: Volume, mask: BoolArray) -> bool | None:
    """Tell whether no cortex lies between part of the lesion's surface and soft tissue.

    From each surface voxel the densest value within 4 mm outside the mask is taken, along the
    surface's normal. Where it stays below bone over a connected patch, the cortex is open.

    Parameters
    ----------
    volume : Volume
        The CT.
    mask : numpy.ndarray
        Shape of the volume, the lesion.

    Returns
    -------
    bool or None
        None where the lesion reaches the edge of the image or no bone is near it: unknown.
    """
    points = volume.grid.to_lps(np.argwhere(mask))
    start, size = volume.grid.around(points, 12.0)
    crop = volume.cropped(start, size)
    part = mask[tuple(slice(s, s + n) for s, n in zip(start, size, strict=True))]
    if _touches_edge(mask):
        return None
    hu = ndimage.gaussian_filter(crop.hu.astype(np.float32), 0.5)
    spacing = crop.grid.spacing_mm_kji
    outside_mm = ndimage.distance_transform_edt(~part, sampling=spacing)
    bone_hu = max(SURE_BONE_HU, float(np.median(hu[part])) + BONE_ABOVE_LESION_HU)
    rim = (outside_mm > 0) & (outside_mm <= 8.0)
    if (hu[rim] > bone_hu).mean() < 0.05:
        return None
    surface = part & (ndimage.distance_transform_edt(part, sampling=spacing) <= max(spacing))
    densest = _densest_outward(hu, outside_mm, part, crop.grid)
    open_ = surface & (densest < bone_hu)
    area_a_voxel = _area_per_voxel_mm2(part, surface, spacing)
    labels, count = ndimage.label(open_, structure=np.ones((3, 3, 3)))
    if count == 0:
        return False
    largest = int(np.bincount(labels.ravel())[1:].max())
    return bool(largest * area_a_voxel >= LEAST_AREA_MM2)


def _touches_edge(mask: BoolArray) -> bool:
    faces = (mask[0], mask[-1], mask[:, 0], mask[:, -1], mask[:, :, 0], mask[:, :, -1])
    return any(bool(face.any()) for face in faces)


def _densest_outward(
    hu: np.ndarray, outside_mm: np.ndarray, part: BoolArray, grid: Grid
) -> np.ndarray:
    """Return the densest value met within reach of each voxel along the outward normal."""
    spacing = np.array(grid.spacing_mm_kji)
    inside_mm = ndimage.distance_transform_edt(part, sampling=grid.spacing_mm_kji)
    level = ndimage.gaussian_filter(outside_mm - inside_mm, 1.0)
    normal = np.array(np.gradient(level, *(float(mm) for mm in spacing)))
    normal /= np.maximum(np.linalg.norm(normal, axis=0), 1e-6)
    where = np.argwhere(part & (inside_mm <= spacing.max()))
    best = np.full(hu.shape, np.inf)
    along = normal[:, where[:, 0], where[:, 1], where[:, 2]].T
    found = np.full(len(where), -np.inf)
    for distance_mm in np.arange(0.0, max(LOOK_MM, 1.5 * spacing.max()), 0.5):
        at = where + along * distance_mm / spacing
        found = np.maximum(found, ndimage.map_coordinates(hu, at.T, order=1, mode="nearest"))
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
