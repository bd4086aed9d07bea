"""The patient's own noise: what soft tissue of the same slices shows beside its mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from imaging.geometry import BoolArray
from imaging.volume import Volume

SOFT_HU = (5.0, 95.0)  # muscle and organs, native or enhanced, after smoothing
SMOOTH_MM = 2.0
HIGH_PASS_MM = 3.5  # slower changes are anatomy
CLEAR_MM = 2.5  # distance from other tissue
ROUNDS = 8  # patches laid per slice before the nearest slices are asked
LARGEST_HU = 3.5  # residuals beyond this many deviations are anatomy, not noise


def noise_for(volume: Volume, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return noise for the voxels of a lesion, copied from soft tissue of the same slices.

    Patches of the high-pass residual are moved within their slice onto the lesion, so that the
    noise keeps its deviation and its texture.

    Parameters
    ----------
    volume : Volume
        Real CT.
    weights : numpy.ndarray
        Shape of the volume; above zero where noise is wanted.

    Returns
    -------
    numpy.ndarray
        Same shape, float32, Hounsfield units; zero elsewhere.
    """
    noise = np.zeros(volume.hu.shape, dtype=np.float32)
    slices = np.flatnonzero((weights > 0).any(axis=(1, 2)))
    spare = []
    for k in slices:
        residual, soft = _residual(volume, int(k))
        wanted = weights[k] > 0
        left = _lay(noise[k], wanted, residual, soft)
        spare.append((k, left, residual, soft))
    for n, (k, left, own, _) in enumerate(spare):
        open_voxels = left
        for other in sorted(range(len(spare)), key=lambda m: abs(m - n))[1:6]:
            if not open_voxels.any():
                break
            open_voxels = _lay(noise[k], open_voxels, spare[other][2], spare[other][3])
        noise[k][open_voxels] = own[open_voxels]  # the replaced tissue's own, when all else fails
    return noise


def _residual(volume: Volume, k: int) -> tuple[NDArray[np.float32], BoolArray]:
    """Return a slice's residual and where it is noise of soft tissue and nothing else."""
    image = volume.hu[k].astype(np.float32)
    spacing = np.array(volume.grid.spacing_mm_kji[1:])
    smooth = ndimage.gaussian_filter(image, SMOOTH_MM / spacing)
    soft = (smooth > SOFT_HU[0]) & (smooth < SOFT_HU[1])
    inner = ndimage.distance_transform_edt(soft, sampling=spacing) > CLEAR_MM
    # slow part from soft tissue alone, so that bone and fat near by do not leak into it
    sigma = HIGH_PASS_MM / spacing
    share = ndimage.gaussian_filter(soft.astype(np.float32), sigma)
    slow = ndimage.gaussian_filter(np.where(soft, image, 0), sigma) / np.maximum(share, 1e-3)
    residual = image - slow
    if inner.any():
        centre, deviation = float(residual[inner].mean()), float(residual[inner].std())
        inner &= np.abs(residual - centre) < LARGEST_HU * max(deviation, 1.0)
        residual -= centre
    own = image - smooth
    return np.where(soft, residual, own).astype(np.float32), inner


def _lay(
    into: NDArray[np.float32],
    wanted: BoolArray,
    residual: NDArray[np.float32],
    soft: BoolArray,
) -> BoolArray:
    """Lay patches of residual over the wanted pixels; return those still without."""
    left = wanted.copy()
    if not soft.any():
        return left
    spectrum = np.conj(fft.rfft2(soft.astype(np.float32)))
    rows, columns = wanted.shape
    for _ in range(ROUNDS):
        if not left.any():
            break
        # how many wanted pixels land on soft tissue, for every shift at once
        match = fft.irfft2(fft.rfft2(left.astype(np.float32)) * spectrum, s=wanted.shape)
        shift = np.unravel_index(int(np.argmax(match)), match.shape)
        j, i = np.nonzero(left)
        source = (j - int(shift[0])) % rows, (i - int(shift[1])) % columns
        usable = soft[source]
        if not usable.any():
            break
        j, i = j[usable], i[usable]
        into[j, i] = residual[source[0][usable], source[1][usable]]
        left[j, i] = False
    return left
