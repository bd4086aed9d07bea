"""The way from a place to the same place on the other side of the body.

A body is the same left and right to within some millimetres, so the other side shows what a bone
looked like before a lesion. The plane between the halves is where the bone of a slab fits its own
reflection best, then the bone about the click. At last that bone is turned and moved onto its
reflection by weighted least squares (Gauss-Newton), what does not fit, such as a lesion, counting
little (Geman and McClure's weights).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.geometry import FloatArray, Grid
from imaging.volume import AIR_HU, Volume, resample, sample

Field = NDArray[np.float32]

COARSE_MM = 4.0  # voxels on which the plane is looked for
SLAB_MM = 36.0  # above and below the click: a vertebra and its neighbours
BONE_HU = (100.0, 400.0)  # what is clipped to this range shows bone, and no metal
HALVES_MM = (12.0, 24.0)  # by which one half may lie higher, and farther front, than the other
LOCAL_MM = 32.0  # about the click, what is laid onto its reflection
LOCAL_SHIFT_MM = (4.0, 16.0)  # by which it may lie off along z, and along x and y
FINE_MM = 2.0
FINER = 0.75  # of the wanted voxels are those that are looked at; more would only cost time
FIT_MM = 30.0  # about the click, what is fitted
ROOM_MM = 14.0  # beyond that on the other side
FIT_HU = (-50.0, 450.0)  # fat to cancellous bone: dense cortex is no heavier than that
FIT_SMOOTHING_MM = 1.5
NEAR_BONE_HU, NEAR_BONE_MM = 130.0, 4.0
PLACES = 4000
LEAST_PLACES = 200
STEPS = 16
MISFIT_HU = 120.0  # residual at which a place counts a quarter
MOST_MM, MOST_RAD = 3.0, 0.08  # of a step
STILL_MM, STILL_RAD = 0.05, 0.003
DAMPING = (1e3, 1e6)  # of movement, and of turning: a step along what is even stays short
MOST_TILT_DEG = 15.0  # of a rolled or leaning patient; a bone's own plane may lie anyhow
LEAST_AGREEMENT = 0.55  # of 217 lesions one was below 0.6: it had taken half of its vertebra


@dataclass(frozen=True, eq=False)
class OtherSide:
    """The way to the other side.

    Parameters
    ----------
    to_other_lps : numpy.ndarray
        Shape (4, 4): LPS millimetres to LPS millimetres, a reflection.
    agreement : float
        Correlation of the bone about the click with that of the other side, −1 to 1.
    """

    to_other_lps: FloatArray
    agreement: float

    def across(self, grid: Grid) -> Grid:
        """Return the grid laid onto the other side.

        Parameters
        ----------
        grid : Grid
            About the click.

        Returns
        -------
        Grid
            Its voxels lie where each voxel's counterpart is.
        """
        return Grid(grid.size_kji, self.to_other_lps @ grid.affine_kji_to_lps)


def find_other_side(volume: Volume, click_lps_mm: FloatArray) -> OtherSide | None:
    """Find the way to the other side.

    Parameters
    ----------
    volume : Volume
        The CT.
    click_lps_mm : numpy.ndarray
        Shape (3,), in a bone.

    Returns
    -------
    OtherSide or None
        None where the other side is not in the image, or no bone there is like this one.
    """
    reflection = _reflection(volume, click_lps_mm)
    if reflection is None:
        return None
    found = _fitted(volume, click_lps_mm, reflection)
    if found is None or found.agreement < LEAST_AGREEMENT or _tilt_deg(found) > MOST_TILT_DEG:
        return None
    return found


def _tilt_deg(found: OtherSide) -> float:
    """Return the angle between the normal of the plane of reflection and the patient's left."""
    values, axes = np.linalg.eig(found.to_other_lps[:3, :3])
    normal = np.real(axes[:, int(np.argmin(np.real(values)))])
    return float(np.degrees(np.arccos(min(1.0, abs(float(normal[0]))))))


def _cut(volume: Volume, low: FloatArray, high: FloatArray, voxel_mm: float) -> tuple[Field, Grid]:
    """Return values averaged over the voxels of a coarser grid along the patient's axes."""
    count = np.maximum(np.ceil((high - low) / voxel_mm), 1).astype(int)
    size = int(count[2]), int(count[1]), int(count[0])
    grid = Grid.aligned(size, voxel_mm, low + voxel_mm / 2)
    start, whole = volume.grid.around(np.stack([low, high]), 2 * voxel_mm)
    part = volume.cropped(start, whole)
    every = [max(1, int(FINER * voxel_mm / mm)) for mm in part.grid.spacing_mm_kji]
    thin = part.hu[:: every[0], :: every[1], :: every[2]].astype(np.float32)
    affine = part.grid.affine_kji_to_lps.copy()
    affine[:3, :3] *= every
    thinned = Grid((thin.shape[0], thin.shape[1], thin.shape[2]), affine)
    width = [max(1, int(voxel_mm / mm)) for mm in thinned.spacing_mm_kji]
    return resample(
        scipy.ndimage.uniform_filter(thin, width), thinned, grid, order=1, outside=AIR_HU
    ), grid


def _reflection(volume: Volume, click: FloatArray) -> FloatArray | None:
    """Return the reflection along x, shape (4, 4) in LPS, that fits the bone about a place best."""
    corners = volume.grid.corners_lps_mm()
    low, high = corners.min(axis=0), corners.max(axis=0)
    low[2], high[2] = max(low[2], click[2] - SLAB_MM), min(high[2], click[2] + SLAB_MM)
    values, grid = _cut(volume, low, high, COARSE_MM)
    bone = np.clip(values, *BONE_HU) - np.float32(BONE_HU[0])
    flipped = bone[:, :, ::-1]
    shift = _local_shift(bone, flipped, _whole_shift(bone, flipped), grid.to_kji(click))
    if shift is None:
        return None
    there = np.eye(4)  # index in the image to index of its counterpart
    there[:3, 3] = -shift
    there[2] = [0.0, 0.0, -1.0, bone.shape[2] - 1 + shift[2]]
    affine = grid.affine_kji_to_lps
    reflection: FloatArray = affine @ there @ np.linalg.inv(affine)
    return reflection


def _whole_shift(fixed: Field, moving: Field) -> NDArray[np.int64]:
    """Return the whole voxels by which one image is to be moved to fit the other (correlation)."""
    shape = [scipy.fft.next_fast_len(2 * n, real=True) for n in fixed.shape]
    spectrum = scipy.fft.rfftn(fixed, shape) * np.conj(scipy.fft.rfftn(moving, shape))
    fit = scipy.fft.irfftn(spectrum, shape)
    most = [min(int(mm / COARSE_MM), (n - 1) // 2) for mm, n in zip(HALVES_MM, shape, strict=False)]
    shifts = [np.r_[0 : m + 1, -m:0] for m in most]
    near = fit[np.ix_(shifts[0], shifts[1], np.arange(shape[2]))]
    k, j, i = np.unravel_index(int(np.argmax(near)), near.shape)
    return np.array([shifts[0][k], shifts[1][j], i if i < fixed.shape[2] else i - shape[2]])


def _local_shift(
    fixed: Field, moving: Field, about: NDArray[np.int64], place_kji: FloatArray
) -> NDArray[np.int64] | None:
    """Return the shift, near another, that fits the block about a place best."""
    size = np.array(fixed.shape)
    reach = int(LOCAL_MM / COARSE_MM)
    middle = np.clip(np.rint(place_kji).astype(int), 0, size - 1)
    low, high = np.maximum(middle - reach, 0), np.minimum(middle + reach + 1, size)
    own = _centred(fixed[tuple(slice(a, b) for a, b in zip(low, high, strict=True))])
    along, across = (int(mm / COARSE_MM) for mm in LOCAL_SHIFT_MM)
    best, found = 0.0, None
    for offset in np.ndindex(2 * along + 1, 2 * across + 1, 2 * across + 1):
        shift = about + np.array(offset) - (along, across, across)
        start, end = low - shift, high - shift
        if (start < 0).any() or (end > size).any():
            continue
        other = _centred(moving[tuple(slice(a, b) for a, b in zip(start, end, strict=True))])
        fit = float((own * other).sum())
        if fit > best:
            best, found = fit, shift
    return found


def _centred(values: Field) -> Field:
    """Return values less their mean, of norm one: their products are correlations."""
    off = values - values.mean()
    result: Field = off / max(float(np.linalg.norm(off)), 1e-6)
    return result


def _fitted(volume: Volume, click: FloatArray, reflection: FloatArray) -> OtherSide | None:
    """Turn and move a reflection until the bone about a place fits best."""
    here, grid = _smooth_block(volume, click, FIT_MM)
    middle = reflection[:3, :3] @ click + reflection[:3, 3]
    there, other_grid = _smooth_block(volume, middle, FIT_MM + ROOM_MM)
    places = _places(volume, here, grid, there, other_grid, click, reflection)
    if len(places) < LEAST_PLACES:
        return None
    values = sample(here, grid, places, order=1, outside=FIT_HU[0])
    offsets = places @ reflection[:3, :3].T + reflection[:3, 3] - middle
    turn, move = _aligned(values, offsets, there, other_grid, middle)
    reached = offsets @ turn.T + middle + move
    others = sample(there, other_grid, reached, order=1, outside=FIT_HU[0])
    local = np.eye(4)
    local[:3, :3], local[:3, 3] = turn, middle + move - turn @ middle
    return OtherSide(local @ reflection, _correlation(values, others))


def _smooth_block(volume: Volume, middle: FloatArray, reach_mm: float) -> tuple[Field, Grid]:
    values, grid = _cut(volume, middle - reach_mm, middle + reach_mm, FINE_MM)
    smooth = scipy.ndimage.gaussian_filter(values, FIT_SMOOTHING_MM / FINE_MM)
    return np.clip(smooth, *FIT_HU), grid


def _places(
    volume: Volume,
    here: Field,
    grid: Grid,
    there: Field,
    other_grid: Grid,
    click: FloatArray,
    reflection: FloatArray,
) -> FloatArray:
    """Return places, shape (n, 3), near bone on either side and within the image on both."""
    index = np.stack(np.meshgrid(*(np.arange(n) for n in here.shape), indexing="ij"), axis=-1)
    places = grid.to_lps(index.reshape(-1, 3))
    across = places @ reflection[:3, :3].T + reflection[:3, 3]
    width = int(NEAR_BONE_MM / FINE_MM) | 1
    beside = scipy.ndimage.maximum_filter(there, width)
    bone = scipy.ndimage.maximum_filter(here, width).ravel() > NEAR_BONE_HU
    bone |= sample(beside, other_grid, across, order=0, outside=FIT_HU[0]) > NEAR_BONE_HU
    corners = volume.grid.corners_lps_mm()
    for points in (places, across):
        bone &= ((points >= corners.min(axis=0)) & (points <= corners.max(axis=0))).all(axis=1)
    bone &= np.linalg.norm(places - click, axis=1) <= FIT_MM
    chosen = places[bone]
    return chosen[:: max(1, len(chosen) // PLACES)]


def _aligned(
    values: FloatArray, offsets: FloatArray, there: Field, grid: Grid, middle: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the turn (3, 3) about the middle and the movement (3,) that fit values best."""
    slopes = np.gradient(there, FINE_MM)[::-1]  # along x, y and z
    turn, move = np.eye(3), np.zeros(3)
    for _ in range(STEPS):
        turned = offsets @ turn.T
        reached = turned + middle + move
        misfit = sample(there, grid, reached, order=1, outside=FIT_HU[0]) - values
        weight = 1.0 / (1.0 + (misfit / MISFIT_HU) ** 2) ** 2
        slope = np.stack(
            [sample(one, grid, reached, order=1, outside=0.0) for one in slopes], axis=-1
        )
        by = np.concatenate([slope, np.cross(turned, slope)], axis=1)
        normal = (by * weight[:, None]).T @ by + np.diag(np.repeat(DAMPING, 3))
        step = -np.linalg.solve(normal, (by * weight[:, None]).T @ misfit)
        move = move + np.clip(step[:3], -MOST_MM, MOST_MM)
        turn = (
            scipy.spatial.transform.Rotation.from_rotvec(
                np.clip(step[3:], -MOST_RAD, MOST_RAD)
            ).as_matrix()
            @ turn
        )
        if np.abs(step[:3]).max() < STILL_MM and np.abs(step[3:]).max() < STILL_RAD:
            break
    return turn, move


def _correlation(one: FloatArray, other: FloatArray) -> float:
    """Return the correlation of two samples in which what differs much counts little."""
    weight = 1.0 / (1.0 + ((one - other) / MISFIT_HU) ** 2)
    one, other = (n - np.average(n, weights=weight) for n in (one, other))
    power = np.sum(weight * one**2) * np.sum(weight * other**2)
    return float(np.sum(weight * one * other) / np.sqrt(max(float(power), 1e-9)))
