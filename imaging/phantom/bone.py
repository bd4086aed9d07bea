"""The bone around a place of a real CT: its envelope, marrow included, and the canal behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.errors import refuse_image
from imaging.geometry import BoolArray, FloatArray, Grid, unit
from imaging.volume import Volume

BONE_HU = 130.0  # after smoothing: above soft tissue, below most cancellous bone [BG]
SMOOTH_MM = 0.8
CLOSE_MM = 2.5  # gaps in a cortex, and marrow between trabeculae, narrower than twice this close
NEAR_MM = 6.0  # a place this close to bone is taken to mean that bone
FINE_MM = 0.8  # lattice the work is done on
CANAL_AREA_MM2 = (90.0, 900.0)
CANAL_HU = (-90.0, 90.0)
CANAL_BEHIND_MM = 4.0  # the canal lies behind the middle of its vertebra; a shaft's marrow does not
PIECE_MM3 = 150.0  # smaller bright pieces are calcium, not bone
AIR_HU = -300.0


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """The surroundings of a place, on a lattice finer than the image.

    Parameters
    ----------
    start_kji, size_kji : tuple of int
        Block of the image.
    factors : tuple of int
        Lattice points to a voxel along k, j and i.
    lattice : Grid
        Where the arrays below lie.
    hu : numpy.ndarray
        Interpolated values.
    """

    start_kji: tuple[int, int, int]
    size_kji: tuple[int, int, int]
    factors: tuple[int, int, int]
    lattice: Grid
    hu: NDArray[np.float32]

    def averaged(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mean over each voxel of the block."""
        (k, j, i), (fk, fj, fi) = self.size_kji, self.factors
        mean: NDArray[np.float32] = values.reshape(k, fk, j, fj, i, fi).mean(axis=(1, 3, 5))
        return mean


@dataclass(frozen=True, eq=False)
class BoneAround:
    """A bone of a real CT.

    Parameters
    ----------
    outside_mm : numpy.ndarray
        Signed distance to its envelope, negative inside.
    other : numpy.ndarray
        Bool: bone that is not this one.
    canal : numpy.ndarray
        Bool: the spinal canal, where one was found.
    body : numpy.ndarray
        Bool: neither air nor lung.
    """

    outside_mm: NDArray[np.float32]
    other: BoolArray
    canal: BoolArray
    body: BoolArray


def surroundings(volume: Volume, at_lps_mm: FloatArray, reach_mm: float) -> Neighbourhood:
    """Cut out and refine the surroundings of a place.

    Parameters
    ----------
    volume : Volume
        Real CT.
    at_lps_mm : numpy.ndarray
        Shape (3,), inside the volume.
    reach_mm : float
        On every side.

    Returns
    -------
    Neighbourhood
        Block and lattice.
    """
    start, size = volume.grid.around(at_lps_mm, reach_mm)
    factors = tuple(max(1, round(s / FINE_MM)) for s in volume.grid.spacing_mm_kji)
    fk, fj, fi = factors
    first = [(0.5 / f - 0.5) + s for s, f in zip(start, factors, strict=True)]
    affine = volume.grid.affine_kji_to_lps.copy()
    affine[:3, 3] = volume.grid.to_lps(first)
    affine[:3, :3] /= np.array(factors)
    lattice = Grid((size[0] * fk, size[1] * fj, size[2] * fi), affine)
    block = volume.cropped(start, size).hu
    hu = np.empty(lattice.size_kji, dtype=np.float32)
    ndimage.affine_transform(
        block,
        1.0 / np.array(factors),
        offset=[0.5 / f - 0.5 for f in factors],
        output_shape=lattice.size_kji,
        output=hu,
        order=1,
        mode="nearest",
    )
    return Neighbourhood(start, size, (fk, fj, fi), lattice, hu)


def find_bone(near: Neighbourhood, at_lps_mm: FloatArray) -> BoneAround:
    """Find the bone at or near a place.

    Parameters
    ----------
    near : Neighbourhood
        Of the place.
    at_lps_mm : numpy.ndarray
        Shape (3,).

    Returns
    -------
    BoneAround
        The bone with its marrow, other bones, canal and body.

    Raises
    ------
    ImagingError
        When there is no bone within 6 mm.
    """
    spacing = np.array(near.lattice.spacing_mm_kji)
    smooth = ndimage.gaussian_filter(near.hu, SMOOTH_MM / spacing, mode="nearest")
    dense = smooth > BONE_HU
    closed = _closed(dense, spacing, CLOSE_MM)
    filled, canal = _fill(closed, near)
    canal = _through(canal, filled)
    filled &= ~canal
    pieces, _ = ndimage.label(filled)
    place = np.clip(np.rint(near.lattice.to_kji(at_lps_mm)), 0, np.array(pieces.shape) - 1)
    number = _piece_near(pieces, tuple(int(n) for n in place), spacing)
    if number is None:
        raise refuse_image(
            "not_in_bone",
            "there is no bone within 6 mm of the place; give a place inside a bone, as LPS "
            "millimetres (x to the left, y to the back, z to the head)",
            "--at",
        )
    bone = pieces == number
    outside = ndimage.distance_transform_edt(~bone, sampling=spacing)
    inside = ndimage.distance_transform_edt(bone, sampling=spacing)
    half = 0.5 * float(spacing.min())  # distances run between centres, the surface lies half way
    signed = np.where(bone, half - inside, outside - half).astype(np.float32)
    return BoneAround(signed, filled & ~bone, canal, smooth > AIR_HU)


def _closed(mask: BoolArray, spacing: FloatArray, reach_mm: float) -> BoolArray:
    """Return the mask with gaps closed; distances reach beyond the block's edge."""
    pad = [(int(np.ceil(reach_mm / s)) + 1,) * 2 for s in spacing]
    wide = np.pad(mask, pad, mode="edge")
    grown = ndimage.distance_transform_edt(~wide, sampling=spacing) <= reach_mm
    back = ndimage.distance_transform_edt(grown, sampling=spacing) > reach_mm
    core = tuple(slice(p[0], p[0] + n) for p, n in zip(pad, mask.shape, strict=True))
    result: BoolArray = back[core] | mask
    return result


def _fill(closed: BoolArray, near: Neighbourhood) -> tuple[BoolArray, BoolArray]:
    """Fill the marrow, slice by slice; tell holes that are the spinal canal."""
    filled, canal = closed.copy(), np.zeros_like(closed)
    _, dj, di = near.lattice.spacing_mm_kji
    backwards = np.array([unit(near.lattice.affine_kji_to_lps[:3, axis])[1] for axis in (1, 2)])
    for k in range(len(closed)):
        holes, count = ndimage.label(ndimage.binary_fill_holes(closed[k]) & ~closed[k])
        if not count:
            continue
        solid, _ = ndimage.label(ndimage.binary_fill_holes(closed[k]))
        for number, box in enumerate(ndimage.find_objects(holes), start=1):
            hole = holes == number
            owner = solid[hole][0]
            gap = np.array(ndimage.center_of_mass(hole)) - ndimage.center_of_mass(solid == owner)
            behind = float((gap * [dj, di]) @ backwards)
            area = float(hole[box].sum()) * dj * di
            mean = float(near.hu[k][hole].mean())
            is_canal = (
                CANAL_AREA_MM2[0] <= area <= CANAL_AREA_MM2[1]
                and CANAL_HU[0] <= mean <= CANAL_HU[1]
                and behind > CANAL_BEHIND_MM
            )
            (canal if is_canal else filled)[k][hole] = True
    return filled, canal


def _through(canal: BoolArray, filled: BoolArray) -> BoolArray:
    """Return the canal continued through the slices where its ring of bone is open."""
    seen = np.flatnonzero(canal.any(axis=(1, 2)))
    if not len(seen):
        return canal
    nearest = seen[np.abs(np.arange(len(canal))[:, None] - seen[None, :]).argmin(axis=1)]
    through: BoolArray = canal | (canal[nearest] & ~filled)
    return through


def _piece_near(
    pieces: NDArray[np.signedinteger[Any]], place: tuple[int, ...], spacing: FloatArray
) -> int | None:
    volumes = np.bincount(pieces.ravel()) * float(np.prod(spacing))
    real = volumes >= PIECE_MM3
    real[0] = False
    mask = real[pieces]
    if not mask.any():
        return None
    distance, index = ndimage.distance_transform_edt(~mask, sampling=spacing, return_indices=True)
    if distance[place] > NEAR_MM:
        return None
    return int(pieces[tuple(int(axis[place]) for axis in index)])
