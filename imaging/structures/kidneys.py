"""Kidneys: what lies in fat beside the spine and has a kidney's size, height and place.

Soft tissue is taken apart at several densities and by several depths of erosion, since a kidney may
touch liver, spleen or psoas; of all the parts the one most like a kidney is taken on each side, if
it is enough like one. With contrast a kidney is denser than its neighbours and parts at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.geometry import BoolArray, FloatArray
from imaging.structures.canal import Canal
from imaging.structures.coarse import CoarseImage

WORK_MM = (3.0, 2.8, 2.8)
FRONT_MM = (-45.0, 90.0)  # of the canal's centre
SIDE_MM = (14.0, 125.0)
DENSITIES_HU = (-5.0, 15.0, 70.0, 95.0, 120.0, 150.0)  # where tissue is parted from the rest
DEPTHS_MM = (3.0, 4.5, 6.0, 8.0, 10.0)
BELOW_MUSCLE_HU = 9.0  # kidney without contrast has 30 HU, muscle and liver 45 to 60
MUSCLE_HU = (20.0, 90.0)
FAT_HU = -30.0
SHELL_MM = 6.5
LEAST_ML, MOST_ML = 45.0, 480.0
HEIGHT_MM = (60.0, 175.0)
# source of sizes and places: general anatomy [BG]; spread is half of what is usual
USUAL_ML = (165.0, 0.45)  # and the spread of its logarithm
USUAL_HEIGHT_MM = (108.0, 26.0)
USUAL_SIDE_MM = (66.0, 20.0)
USUAL_FRONT_MM = (18.0, 18.0)
USUAL_LEVEL_MM = 30.0  # around the disc between L1 and L2
LEAST_FAT = 0.35  # of the surface that borders on fat
LEAST_FAT_ALONE = 0.75  # where no level is known; a spleen borders on 0.6 of fat
LEAST_LIKE = 0.62
OPEN_MM = 2.0  # thinner than twice this is a vessel or fascia


@dataclass(frozen=True, eq=False)
class Kidney:
    """A kidney on coarse voxels.

    Parameters
    ----------
    side : str
        ``left`` or ``right``.
    mask : numpy.ndarray
        Shape of ``image.hu``.
    image : CoarseImage
        Its grid.
    like : float
        How much it is like a kidney, at most 1.
    """

    side: str
    mask: BoolArray
    image: CoarseImage
    like: float


def find_kidneys(
    hu: NDArray[np.int16],
    bone: BoolArray,
    canal: Canal,
    spacing_mm_kji: tuple[float, float, float],
    middle_k: float | None = None,
) -> tuple[Kidney, ...]:
    """Find the kidneys.

    Parameters
    ----------
    hu : numpy.ndarray
        Shape (k, j, i) along the patient's axes, HU.
    bone : numpy.ndarray
        Same shape.
    canal : Canal
        The spinal canal.
    spacing_mm_kji : tuple of float
        Voxel size.
    middle_k : float, optional
        Slice of the disc between L1 and L2, where the levels are known.

    Returns
    -------
    tuple of Kidney
        None, one or two.
    """
    image = CoarseImage.of(hu, spacing_mm_kji, WORK_MM)
    smooth = scipy.ndimage.gaussian_filter(image.hu, 0.6)
    every = tuple(slice(step // 2, None, step) for step in image.step)
    hard = np.zeros(smooth.shape, dtype=bool)
    few = bone[every]
    hard[: few.shape[0], : few.shape[1], : few.shape[2]] = few
    ahead, beside = _offsets(canal, image)
    back = smooth[np.broadcast_to((ahead < 0) & (np.abs(beside) < 50.0), smooth.shape)]
    back = back[(back > MUSCLE_HU[0]) & (back < MUSCLE_HU[1])]
    muscle_hu = float(np.median(back)) if len(back) else MUSCLE_HU[1]
    found = []
    for side, sign in (("left", 1.0), ("right", -1.0)):
        lateral = sign * beside
        room = (ahead > FRONT_MM[0]) & (ahead < FRONT_MM[1])
        room = room & (lateral > SIDE_MM[0]) & (lateral < SIDE_MM[1]) & ~hard
        best: tuple[float, BoolArray, tuple[slice, ...]] | None = None
        box = _box(room)
        if box is None:
            continue
        places = (
            np.broadcast_to(ahead, smooth.shape)[box],
            np.broadcast_to(lateral, smooth.shape)[box],
        )
        height_mm = None if middle_k is None else _below(image, middle_k, box)
        for part in _parts(smooth[box], room[box], muscle_hu, image.spacing_mm_kji):
            like = _like(part, smooth[box], (*places, height_mm), image.spacing_mm_kji)
            if best is None or like > best[0]:
                best = like, part, box
        if best is not None and best[0] > LEAST_LIKE:
            mask = np.zeros(smooth.shape, dtype=bool)
            mask[box] = best[1]
            found.append(Kidney(side, mask, image, best[0]))
    return tuple(found)


def _offsets(canal: Canal, image: CoarseImage) -> tuple[FloatArray, FloatArray]:
    """Return how far places lie in front of and to the left of the canal, mm."""
    axis = canal.axis_kji
    slices = image.to_fine(0, np.arange(image.hu.shape[0], dtype=float))
    j, i = (image.from_fine(n, np.interp(slices, axis[:, 0], axis[:, n])) for n in (1, 2))
    _, mm_j, mm_i = image.spacing_mm_kji
    ahead = ((j[:, None] - np.arange(image.hu.shape[1])) * mm_j)[:, :, None]
    beside = ((np.arange(image.hu.shape[2]) - i[:, None]) * mm_i)[:, None, :]
    return ahead, beside


def _below(image: CoarseImage, middle_k: float, box: tuple[slice, ...]) -> FloatArray:
    """Return how far the slices of a box lie above a slice of the image, mm."""
    slices = np.arange(box[0].start, box[0].stop, dtype=float)
    middle = float(image.from_fine(0, np.array([middle_k]))[0])
    result: FloatArray = (slices - middle) * image.spacing_mm_kji[0]
    return result


def _box(room: BoolArray) -> tuple[slice, ...] | None:
    boxes = scipy.ndimage.find_objects(room.astype(np.uint8))
    return boxes[0] if boxes else None


def _parts(
    smooth: NDArray[np.float32],
    room: BoolArray,
    muscle_hu: float,
    spacing: tuple[float, float, float],
) -> Iterator[BoolArray]:
    """Give the parts of a size that tissue falls into, at each density and depth.

    Without contrast a kidney is less dense than liver, spleen and muscle: it is also looked for
    below the density of muscle, on an image with less noise.
    """
    for least_hu in DENSITIES_HU:
        yield from _cores((smooth > least_hu) & room, spacing)
    soft = scipy.ndimage.gaussian_filter(smooth, 0.9)
    below = (soft > DENSITIES_HU[0]) & (soft < muscle_hu - BELOW_MUSCLE_HU) & room
    around = scipy.ndimage.binary_dilation
    tissue = room & (smooth > DENSITIES_HU[0])
    for part in _cores(below, spacing):
        yield around(part) & tissue  # its rim is blurred with what lies beside it


def _cores(tissue: BoolArray, spacing: tuple[float, float, float]) -> Iterator[BoolArray]:
    """Give the parts tissue falls into when it is eroded, each grown back."""
    voxel_ml = float(np.prod(spacing)) / 1000.0
    if tissue.sum() * voxel_ml < LEAST_ML:
        return
    inner = scipy.ndimage.distance_transform_edt(tissue, sampling=spacing)
    for depth_mm in DEPTHS_MM:
        cores, count = scipy.ndimage.label(inner > depth_mm)
        if not count:
            return
        far, nearest = scipy.ndimage.distance_transform_edt(
            cores == 0, sampling=spacing, return_indices=True
        )
        labels = np.where(tissue & (far < depth_mm + 1.0), cores[tuple(nearest)], 0)
        sizes = np.bincount(labels.ravel(), minlength=count + 1) * voxel_ml
        sizes[0] = 0.0
        for n in np.flatnonzero((sizes > LEAST_ML) & (sizes < MOST_ML)):
            yield labels == n


def _like(
    part: BoolArray,
    smooth: NDArray[np.float32],
    places: tuple[FloatArray, FloatArray, FloatArray | None],
    spacing: tuple[float, float, float],
) -> float:
    """Return how much a part is like a kidney: by size, height, place and the fat around it."""
    slices = np.flatnonzero(part.any(axis=(1, 2)))
    height = (slices[-1] - slices[0] + 1) * spacing[0]
    if not HEIGHT_MM[0] < height < HEIGHT_MM[1]:
        return 0.0
    ml = float(part.sum() * np.prod(spacing)) / 1000.0
    signs = [
        np.log(ml / USUAL_ML[0]) / USUAL_ML[1],
        (height - USUAL_HEIGHT_MM[0]) / USUAL_HEIGHT_MM[1],
        (float(places[1][part].mean()) - USUAL_SIDE_MM[0]) / USUAL_SIDE_MM[1],
        (float(places[0][part].mean()) - USUAL_FRONT_MM[0]) / USUAL_FRONT_MM[1],
    ]
    if places[2] is not None:
        signs.append(float(places[2][slices].mean()) / USUAL_LEVEL_MM)
    usual = float(np.exp(-0.125 * sum(sign**2 for sign in signs)))
    if usual < LEAST_LIKE:
        return 0.0
    fat = _fat_around(part, smooth, spacing)
    least = LEAST_FAT if places[2] is not None else LEAST_FAT_ALONE
    return usual * min(1.0, 0.4 + fat) if fat > least else 0.0


def _fat_around(
    part: BoolArray, smooth: NDArray[np.float32], spacing: tuple[float, float, float]
) -> float:
    """Return how much of what lies around a part is fat."""
    box = scipy.ndimage.find_objects(part.astype(np.uint8))[0]
    reach = [int(np.ceil(SHELL_MM / mm)) for mm in spacing]
    wide = tuple(slice(max(0, s.start - r), s.stop + r) for s, r in zip(box, reach, strict=True))
    far = scipy.ndimage.distance_transform_edt(~part[wide], sampling=spacing)
    around = smooth[wide][(far > 0.5 * SHELL_MM) & (far < SHELL_MM)]
    return float((around < FAT_HU).mean()) if len(around) else 0.0
