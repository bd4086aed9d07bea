"""The sacral alae: their marrow, and their border in the sacroiliac joint.

The marrow of old alae is as dense as fat, and their cortex thin: neither their density nor their
own cortex tells them from what lies around. With the hip bones, though, the cortex surrounds them
nearly all round. Once filled, marrow and hip bone meet in the joint, whose plates are the densest.
"""

from __future__ import annotations

import math

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.geometry import BoolArray, FloatArray
from imaging.kernels import kernel
from imaging.structures.partition import flood
from imaging.structures.spine import SpineFrame

# source of places and sizes: general anatomy [BG]
SIDE_MM = 66.0  # of the canal's axis: beyond lies no sacrum
BODY_SIDE_MM = 26.0  # within it, what was taken for the sacrum is
GAP_MM = 12.0  # half the widest gap of the cortex, at the foramina and behind the joint
RAYS = 24
RAY_STEP_MM = 1.5
REACH_MM = 70.0
SURROUNDED = 0.85  # of the directions in the slice that meet bone; 0.5 in front of the alae
MARROW_HU = (-120.0, 120.0)  # fatty to the least that is bone by its density alone
JOINT_MM = 15.0  # from the sacrum: farther hip bone stays what it is
HIP_MM = 9.0  # from the sacrum, and
WING_SIDE_MM = 56.0  # of the canal's axis: hip bone is surely no sacrum
DENSE_HU = 600.0  # and more: the plates of the joint
DEAREST = 24.0  # times the price of a way through marrow


def fill_alae(
    hu: NDArray[np.int16],
    labels: NDArray[np.int16],
    names: tuple[str, ...],
    canal: BoolArray,
    kept: BoolArray | None,
    frame: SpineFrame,
    spacing_mm_kji: tuple[float, float, float],
) -> None:
    """Fill the sacral alae, and move their border to the hip bones into the joint.

    Parameters
    ----------
    hu : numpy.ndarray
        Shape (k, j, i) along the patient's axes, HU.
    labels : numpy.ndarray
        Same shape: place in ``names`` plus one; changed in place.
    names : tuple of str
        Of the bones.
    canal : numpy.ndarray
        Same shape: the canal, never filled.
    kept : numpy.ndarray or None
        Same shape: contrast and vessels, never filled.
    frame : SpineFrame
        Of the canal.
    spacing_mm_kji : tuple of float
        Voxel size.
    """
    hips = [n for n, name in enumerate(names, start=1) if name.startswith("hip_")]
    if "sacrum" not in names or not hips:
        return
    number = names.index("sacrum") + 1
    found = scipy.ndimage.find_objects((labels == number).astype(np.uint8))
    if not found or found[0] is None:
        return
    wide = [math.ceil(JOINT_MM / mm) for mm in spacing_mm_kji]
    box = tuple(slice(max(0, s.start - n), s.stop + n) for s, n in zip(found[0], wide, strict=True))
    part, near_hu = labels[box], hu[box]
    side_mm = _side_mm(frame, box, part.shape, spacing_mm_kji)
    within = side_mm < SIDE_MM
    sacrum, hip = part == number, np.isin(part, hips) & within
    marrow = _marrow(sacrum | hip | canal[box], spacing_mm_kji)
    marrow &= (part == 0) & within & (near_hu > MARROW_HU[0])
    if kept is not None:
        marrow &= ~kept[box]
    ala = sacrum | marrow
    far = scipy.ndimage.distance_transform_edt(~ala, sampling=spacing_mm_kji)
    seeds = np.zeros(part.shape, np.int16)
    seeds[hip & (far > HIP_MM) & (side_mm > WING_SIDE_MM)] = 2
    seeds[(sacrum & (side_mm < BODY_SIDE_MM)) | (marrow & (near_hu < MARROW_HU[1]))] = 1
    price = 1.0 + (DEAREST / DENSE_HU) * np.clip(near_hu, 0.0, DENSE_HU).astype(np.float32)
    price[~(ala | hip)] = 0.0
    shared = flood(price, seeds, spacing_mm_kji)
    part[marrow & (shared != 2)] = number
    part[hip & (shared == 1) & (far < JOINT_MM)] = number
    _give(part, (sacrum | marrow) & (shared == 2), hips)


def _give(part: NDArray[np.int16], taken: BoolArray, hips: list[int]) -> None:
    """Give places to the hip bone that is nearest."""
    if not taken.any():
        return
    _, nearest = scipy.ndimage.distance_transform_edt(~np.isin(part, hips), return_indices=True)
    index = np.argwhere(taken)
    where = tuple(axis[tuple(index.T)] for axis in nearest)
    part[tuple(index.T)] = part[where]


def _side_mm(
    frame: SpineFrame,
    box: tuple[slice, ...],
    shape: tuple[int, ...],
    spacing: tuple[float, float, float],
) -> FloatArray:
    """Return how far places lie beside the canal's axis, shape (slices, 1, columns)."""
    heights = (np.arange(shape[0]) + box[0].start) * spacing[0]
    order = np.argsort(frame.points_mm[:, 0])
    middle = np.interp(heights, frame.points_mm[order, 0], frame.points_mm[order, 2])
    columns = (np.arange(shape[2]) + box[2].start) * spacing[2]
    result: FloatArray = np.abs(columns[None, :] - middle[:, None])[:, None, :]
    return result


def _marrow(bones: BoolArray, spacing: tuple[float, float, float]) -> BoolArray:
    """Return what sacrum and hips enclose in a slice, and surround nearly all round."""
    out = np.zeros(bones.shape, dtype=bool)
    pixel = spacing[1], spacing[2]
    edge = [math.ceil(GAP_MM / mm) + 1 for mm in pixel]
    for k, bone in enumerate(bones):
        padded = np.pad(bone, [(n, n) for n in edge])
        outside = scipy.ndimage.distance_transform_edt(~padded, sampling=pixel) > GAP_MM
        closed = scipy.ndimage.distance_transform_edt(~outside, sampling=pixel) > GAP_MM
        inner = scipy.ndimage.binary_fill_holes(closed)[edge[0] : -edge[0], edge[1] : -edge[1]]
        index = np.argwhere(inner & ~bone)
        share = _surrounded(bone, index, np.array(pixel), RAYS, REACH_MM)
        out[k][tuple(index[share >= SURROUNDED].T)] = True
    return out


@kernel
def _surrounded(
    bone: NDArray[np.bool_],
    index: NDArray[np.int64],
    pixel_mm: FloatArray,
    rays: int,
    reach_mm: float,
) -> FloatArray:
    """Return the share of directions in which each place meets bone."""
    out = np.zeros(len(index))
    for n in range(len(index)):
        for ray in range(rays):
            angle = 2.0 * math.pi * ray / rays
            far = RAY_STEP_MM
            while far < reach_mm:
                j = math.floor(index[n, 0] + math.sin(angle) * far / pixel_mm[0] + 0.5)
                i = math.floor(index[n, 1] + math.cos(angle) * far / pixel_mm[1] + 0.5)
                if j < 0 or i < 0 or j >= bone.shape[0] or i >= bone.shape[1]:
                    break
                if bone[j, i]:
                    out[n] += 1.0 / rays
                    break
                far += RAY_STEP_MM
    return out
