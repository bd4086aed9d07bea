"""What is as bright as bone and is none: vessels, kidneys and bowel filled with contrast.

Blood with contrast is alike inside and has nothing brighter around it; bone has a cortex around its
marrow, or soft bone where it borders on more bone. Places that are alike inside are therefore asked
what surrounds them. Those without a cortex, and the great vessels that were followed, are seeds of
contrast; the spine around its canal and what is denser than any contrast seen are seeds of bone.
What connects them goes to the seed it is reached from without crossing an edge.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.geometry import BoolArray, FloatArray
from imaging.structures.canal import Canal
from imaging.structures.cavity import is_trunk
from imaging.structures.coarse import CoarseImage
from imaging.structures.partition import flood
from imaging.structures.tube import Tube
from imaging.structures.vessels import Front, noise_of, tube_mask

WORK_MM = (3.0, 2.4, 2.4)
BRIGHT_HU = 115.0  # below bone's 140: blurred borders belong to what they border
PLATEAU_HU = (120.0, 900.0)  # contrast in blood, kidney and bowel
PLATEAU_LEAST_ML = 0.25
ALIKE = 0.09  # of the density: spread inside contrast, beside the noise
ALIKE_LEAST_HU = 18.0
SHELL_MM = (5.0, 8.5)  # from the last voxel with like neighbours to past the border
BRIGHTER_HU = 50.0
BRIGHTER_MOST = 0.09  # of the shell; marrow has more cortex around it (measured 0.1 to 0.65)
DARKER = 0.6  # of the density
DARKER_LEAST = 0.25  # of the shell; contrast has soft tissue or fat around it (measured 0.28 to 1)
SPINE_FRONT_MM = 34.0  # of the canal's centre: inside a vertebral body
BODY_FRONT_MM = 48.0  # to the front of the largest body: bone reaches its cortex through marrow
MARROW_HU = 75.0  # soft tissue and blood without contrast are below
SPINE_SIDE_MM = 21.0
ARCH_SIDE_MM = 40.0
DENSER = 1.35  # times the density of a seed, and
DENSER_HU = 60.0
BLOOD_MOST_HU = 500.0  # denser contrast is urine or bowel content, and counts where it lies
EDGE_HU_MM = 7.0  # change of density that doubles the price of a way: along a vessel it is cheap
PLAQUE_VOXELS = 40  # about 0.7 ml: smaller dense pieces are calcium, and no bone is told by them
WALL_MM = 4.0  # around a followed vessel: its wall with calcium
UNKNOWN_BLOOD_HU = 350.0  # where no great vessel and no kidney shows how dense the blood is
ENHANCED_HU = 110.0  # blood without contrast has 30 to 60
CREST_MOST = 1.3  # times the blood's density
CREST_SPREAD = 0.17  # of the mean; measured 0.07 to 0.15 in vessels, 0.19 to 0.39 in ribs
EVEN_LEAST_ML = 0.6
EVEN_MOST_ML = 80.0  # iliac artery and vein of a side together have 40
SHARES = (0.5, 0.65, 0.8)  # of the blood's density: higher ones part a vessel from bone it touches
NEARBY_MM = 6.0
OF_DENSEST = 0.6
CLOSE_SHELL_MM = (3.5, 7.0)  # from a thin piece
ALL_DARKER = 0.5  # of that shell: a vessel in fat and muscle, not a part of more bone
DEEP = 0.4  # of the deepest place of a slice; ribs lie under the skin


@dataclass(frozen=True, eq=False)
class Contrast:
    """Contrast on coarse voxels.

    Parameters
    ----------
    mask : numpy.ndarray
        Coarse shape.
    image : CoarseImage
        Its grid.
    """

    mask: BoolArray
    image: CoarseImage

    def every(self, step: tuple[int, int, int], shape: tuple[int, ...]) -> BoolArray:
        """Return the contrast of every so many voxels of the image.

        Parameters
        ----------
        step : tuple of int
            Voxels between two that are taken, along k, j, i.
        shape : tuple of int
            Of the image.

        Returns
        -------
        numpy.ndarray
            Bool.
        """
        out = np.empty([-(-size // n) for size, n in zip(shape, step, strict=True)], dtype=bool)
        for n, plane in enumerate(out):
            plane[:] = self.plane(n * step[0], shape[1:])[:: step[1], :: step[2]]
        return out

    def plane(self, k: int, shape: tuple[int, ...]) -> BoolArray:
        """Return the contrast of a slice of the image.

        Parameters
        ----------
        k : int
            Slice of the image.
        shape : tuple of int
            Rows and columns of the image.

        Returns
        -------
        numpy.ndarray
            That shape, bool.
        """
        _, j, i = self.image.step
        own = self.mask[k // self.image.step[0]]
        return np.repeat(np.repeat(own, j, axis=0), i, axis=1)[: shape[0], : shape[1]]


def find_contrast(
    hu: NDArray[np.int16],
    body: BoolArray,
    canal: Canal | None,
    front: Front | None,
    tubes: tuple[Tube, ...],
    spacing_mm_kji: tuple[float, float, float],
) -> Contrast:
    """Find what is as bright as bone and is none.

    Parameters
    ----------
    hu : numpy.ndarray
        Shape (k, j, i) along the patient's axes, HU.
    body : numpy.ndarray
        Same shape, inside the skin.
    canal : Canal or None
        The spinal canal.
    front : Front or None
        The grid of the vessels.
    tubes : tuple of Tube
        Vessels that were followed.
    spacing_mm_kji : tuple of float
        Voxel size.

    Returns
    -------
    Contrast
        With the vessels that were followed, whose walls may hold calcium.
    """
    image = CoarseImage.of(hu, spacing_mm_kji, WORK_MM)
    smooth = scipy.ndimage.gaussian_filter(image.hu, [0.5, 0.6, 0.6])
    nothing = np.zeros(smooth.shape, dtype=bool)
    spine = _spine(canal, image, SPINE_FRONT_MM) if canal else nothing
    marrow = _spine(canal, image, BODY_FRONT_MM) if canal else nothing
    followed = np.zeros(smooth.shape, dtype=bool)
    for tube in tubes:
        if front is not None:
            followed |= _without_cortex(tube_mask(tube, front, image), tube, smooth, spine)
    plateaus, levels = _plateaus(smooth, spine & ~followed, image.spacing_mm_kji)
    seeds = plateaus | (followed & (smooth > ENHANCED_HU))
    if not seeds.any() and not is_trunk(body, spacing_mm_kji):
        return Contrast(followed, image)
    blood = [*levels, *(float(tube.mean_hu.mean()) for tube in tubes)]
    most = max(blood) if seeds.any() else UNKNOWN_BLOOD_HU
    depth, spacing = _depth(body, image), image.spacing_mm_kji
    zones = spine, marrow
    if not seeds.any():  # nothing tells how dense the blood is: whole vessels only, nothing shared
        first, *_, last = _ever_brighter(smooth, most, spacing)
        own = _even_pieces(smooth, first, depth, spine, most, spacing)
        own |= _even_pieces(smooth, last & ~own, depth, spine, most, spacing)
        return _with_rim(own | followed, smooth, image)
    own = _shared(smooth, seeds, followed, zones, most, spacing)
    for bright in _ever_brighter(smooth, most, spacing):
        even = _even_pieces(smooth, bright & ~own, depth, spine, most, spacing)
        seeds |= even
        own |= even
    own = _shared(smooth, seeds, followed, zones, most, spacing)
    return _with_rim(own | followed, smooth, image)


def _with_rim(own: BoolArray, smooth: NDArray[np.float32], image: CoarseImage) -> Contrast:
    """Return contrast with what fine voxels see of its border."""
    rim = scipy.ndimage.binary_dilation(own, np.ones((1, 3, 3), dtype=bool))
    return Contrast(own | (rim & (smooth <= BRIGHT_HU)), image)


def _spine(canal: Canal, image: CoarseImage, front_mm: float) -> BoolArray:
    """Return where only bone is bright: the middle of the vertebral bodies and the arches."""
    axis = canal.axis_kji
    size = image.hu.shape
    slices = image.to_fine(0, np.arange(size[0], dtype=float))
    j, i = (image.from_fine(n, np.interp(slices, axis[:, 0], axis[:, n])) for n in (1, 2))
    _, mm_j, mm_i = image.spacing_mm_kji
    ahead = ((j[:, None] - np.arange(size[1])) * mm_j)[:, :, None]
    beside = (np.abs(np.arange(size[2]) - i[:, None]) * mm_i)[:, None, :]
    body = (ahead > 0) & (ahead < front_mm) & (beside < SPINE_SIDE_MM)
    arch = (ahead <= 0) & (beside < ARCH_SIDE_MM)
    zone: BoolArray = body | arch
    zone[(slices < axis[0, 0]) | (slices > axis[-1, 0])] = False
    return zone


def _plateaus(
    smooth: NDArray[np.float32], spine: BoolArray, spacing: tuple[float, float, float]
) -> tuple[BoolArray, list[float]]:
    """Return places alike inside and without a cortex, and the density of each."""
    mean = scipy.ndimage.uniform_filter(smooth, 3)
    spread = scipy.ndimage.uniform_filter(smooth * smooth, 3)
    spread -= mean * mean
    np.sqrt(np.maximum(spread, 0.0, out=spread), out=spread)
    limit = np.maximum(ALIKE * mean, max(ALIKE_LEAST_HU, 2.0 * noise_of(smooth)))
    alike = (spread < limit) & (mean > PLATEAU_HU[0]) & (mean < PLATEAU_HU[1])
    labels, count = _labelled(alike)
    least = PLATEAU_LEAST_ML / (float(np.prod(spacing)) / 1000.0)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    own = np.zeros(smooth.shape, dtype=bool)
    levels = []
    for n, box in enumerate(scipy.ndimage.find_objects(labels), start=1):
        if box is None or sizes[n] < least:
            continue
        wide, part, far = _around(labels, n, box, spacing)
        if (spine[wide] & part).sum() > 0.3 * sizes[n]:
            continue
        level = float(mean[wide][part].mean())
        shell = smooth[wide][(far > SHELL_MM[0]) & (far < SHELL_MM[1])]
        if not len(shell) or (shell > level + BRIGHTER_HU).mean() > BRIGHTER_MOST:
            continue
        if (shell < DARKER * level).mean() > DARKER_LEAST:
            own[wide] |= part
            levels.append(level)
    return own, levels


def _shared(
    smooth: NDArray[np.float32],
    seeds: BoolArray,
    followed: BoolArray,
    zones: tuple[BoolArray, BoolArray],
    most: float,
    spacing: tuple[float, float, float],
) -> BoolArray:
    """Return what is bright and reached from contrast more easily than from bone."""
    spine, marrow = zones
    bright = smooth > BRIGHT_HU
    nearest = scipy.ndimage.distance_transform_edt(
        ~seeds, sampling=spacing, return_distances=False, return_indices=True
    )
    level = np.maximum(smooth[tuple(nearest)], min(most, BLOOD_MOST_HU))
    del nearest
    wall = scipy.ndimage.distance_transform_edt(~followed, sampling=spacing) < WALL_MM
    denser = smooth > np.maximum(DENSER * level, level + DENSER_HU)
    bone = bright & ~seeds & _with_spine(denser, spine & ~followed, wall)
    marks = np.where(seeds, 1, np.where(bone, 2, 0)).astype(np.int16)
    edges = scipy.ndimage.gaussian_gradient_magnitude(smooth, 0.7) / float(np.mean(spacing))
    price = (1.0 + (edges / EDGE_HU_MM) ** 2).astype(np.float32)
    price[~bright & ~(marrow & (smooth > MARROW_HU))] = 0.0
    own: BoolArray = flood(price, np.where(bright, marks, 0).astype(np.int16), spacing) == 1
    own &= bright
    own |= seeds & bright
    return own


def _without_cortex(
    inside: BoolArray, tube: Tube, smooth: NDArray[np.float32], spine: BoolArray
) -> BoolArray:
    """Return a followed vessel without the cortex that its border may have touched."""
    level = float(tube.mean_hu.mean())
    denser = smooth > max(DENSER * level, level + DENSER_HU)
    return inside & ~_with_spine(denser, spine & ~inside, inside)


def _ever_brighter(
    smooth: NDArray[np.float32], most: float, spacing: tuple[float, float, float]
) -> Iterator[BoolArray]:
    """Give what is bright by ever higher limits, which part a vessel from bone it touches.

    The last limit follows the densest place nearby, so that a vessel ends where it meets bone.
    """
    bright = smooth > BRIGHT_HU
    yield bright
    for share in SHARES:
        if share * most > BRIGHT_HU:
            yield smooth > share * most
    size = [2 * max(1, round(NEARBY_MM / mm)) + 1 for mm in spacing]
    yield bright & (
        smooth > OF_DENSEST * scipy.ndimage.maximum_filter(smooth, (3, size[1], size[2]))
    )


def _with_spine(denser: BoolArray, spine: BoolArray, wall: BoolArray) -> BoolArray:
    """Return what only bone can be: around the canal, and what is denser than contrast.

    Near a followed vessel it has to join the spine, or it is calcium of the vessel's wall.
    """
    labels, count = _labelled(denser | spine)
    joins = np.bincount(labels[spine], minlength=count + 1) > 0
    joins[0] = False
    pieces, count = _labelled(denser & ~wall)
    large = np.bincount(pieces.ravel(), minlength=count + 1) > PLAQUE_VOXELS
    large[0] = False
    result: BoolArray = joins[labels] | large[pieces]
    return result


def _even_pieces(
    smooth: NDArray[np.float32],
    bright: BoolArray,
    depth: NDArray[np.float32],
    spine: BoolArray,
    most: float,
    spacing: tuple[float, float, float],
) -> BoolArray:
    """Return pieces as even as blood, deep in the body, in soft tissue: vessels.

    Evenness is that of the densest places of each section, which no blur of the border reaches,
    by medians, since a vessel may hold some calcium.
    """
    out = np.zeros(smooth.shape, dtype=bool)
    labels, count = _labelled(bright)
    if not count:
        return out
    crest = bright & (smooth >= scipy.ndimage.maximum_filter(smooth, (1, 3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1) * float(np.prod(spacing)) / 1000.0
    wanted = (sizes > EVEN_LEAST_ML) & (sizes < EVEN_MOST_ML)
    wanted &= np.bincount(labels[spine], minlength=count + 1) == 0
    boxes = scipy.ndimage.find_objects(labels)
    for n in np.flatnonzero(wanted[1:]) + 1:
        wide, part, far = _around(labels, int(n), boxes[n - 1], spacing)
        values = smooth[wide]
        ridge = values[part & crest[wide]]
        if not len(ridge):
            continue
        level = float(np.median(ridge))
        spread = 1.4826 * float(np.median(np.abs(ridge - level)))
        if level > CREST_MOST * most or spread > CREST_SPREAD * level:
            continue
        shell = values[(far > CLOSE_SHELL_MM[0]) & (far < CLOSE_SHELL_MM[1])]
        if float(depth[wide][part].mean()) < DEEP or not len(shell):
            continue
        alone = (shell > level + BRIGHTER_HU).mean() < BRIGHTER_MOST
        if alone and (shell < DARKER * level).mean() > ALL_DARKER:
            out[wide] |= part
    return out


def _labelled(mask: BoolArray) -> tuple[NDArray[np.int32], int]:
    """Tell the pieces of a mask apart, joined across corners."""
    labels, count = scipy.ndimage.label(mask, structure=np.ones((3, 3, 3)))
    return labels.astype(np.int32, copy=False), int(count)


def _around(
    labels: NDArray[np.int32], n: int, box: tuple[slice, ...], spacing: tuple[float, float, float]
) -> tuple[tuple[slice, ...], BoolArray, FloatArray]:
    """Return a piece's box with its surroundings, its mask and the distance from it in there."""
    reach = [int(np.ceil(SHELL_MM[1] / mm)) for mm in spacing]
    wide = tuple(slice(max(0, s.start - r), s.stop + r) for s, r in zip(box, reach, strict=True))
    part = labels[wide] == n
    return wide, part, scipy.ndimage.distance_transform_edt(~part, sampling=spacing)


def _depth(body: BoolArray, image: CoarseImage) -> NDArray[np.float32]:
    """Return how deep each place lies under the skin of its slice, 1 at the deepest."""
    every = tuple(slice(step // 2, None, step) for step in image.step)
    coarse = body[every]
    out = np.zeros(image.hu.shape, dtype=np.float32)
    for k, plane in enumerate(coarse):
        wide = np.pad(plane, 1, mode="edge")  # the image's edge is no skin
        if wide.all():
            out[k] = 1.0
            continue
        far = scipy.ndimage.distance_transform_edt(wide)[1:-1, 1:-1]
        out[k, : far.shape[0], : far.shape[1]] = far / max(float(far.max()), 1.0)
    if len(coarse) < len(out):
        out[-1] = out[-2] if len(out) > 1 else 0.0
    return out
