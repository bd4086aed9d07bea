"""The compiled march of needles through the fields of a scene."""

from __future__ import annotations

import numpy as np
from numpy import float32, int8, int16, uint8, uint16
from numpy.typing import NDArray

from imaging.geometry import FloatArray
from imaging.kernels import kernel, parallel_kernel, prange

STEP_MM = 1.0
SKIN_MM = 6.0  # the first steps may lie outside the body's voxels
LONGEST_OUTSIDE = 2  # steps; longer stretches of air lie between folds or legs
BLUR_MM = 1.8  # half a diagonal of a voxel of the fields: nearer to a limit, the CT must decide

# Bits of the field of tissue.
BODY_BIT, BONE, AVOID, INSIDE, EXEMPT, LESION = 1, 2, 4, 8, 16, 32

# Why a way is rejected. What is near to a limit on these voxels is left to the CT's own.
OK, NEAR_A_LIMIT = 0, 1
(
    TOO_LONG,
    LEAVES_BODY,
    CROSSES,
    TOO_NEAR,
    TOO_MUCH_BONE,
    FLAT_TO_SKIN,
    FLAT_TO_CORTEX,
    GANTRY,
    INTACT_CORTEX,
) = range(2, 11)
REASONS = {
    TOO_LONG: "longer_than_needle",
    LEAVES_BODY: "leaves_body",
    CROSSES: "crosses",
    TOO_NEAR: "too_near",
    TOO_MUCH_BONE: "more_bone_than_needle_passes",
    FLAT_TO_SKIN: "flat_to_skin",
    FLAT_TO_CORTEX: "flat_to_cortex",
    GANTRY: "hits_gantry",
    INTACT_CORTEX: "intact_cortex",
}


@parallel_kernel
def gather(
    labels: NDArray[uint16] | NDArray[uint8], to_source: FloatArray, out: NDArray[uint16]
) -> None:
    """Write the label of the nearest voxel of another grid; 0 stays where that grid ends.

    Parameters
    ----------
    labels : numpy.ndarray
        Shape (k, j, i), uint16 or uint8.
    to_source : numpy.ndarray
        Shape (3, 4): from voxels of ``out`` to voxels of ``labels``.
    out : numpy.ndarray
        Shape (k, j, i), uint16; written.
    """
    nk, nj, ni = labels.shape
    for k in prange(out.shape[0]):
        for j in range(out.shape[1]):
            for i in range(out.shape[2]):
                a = to_source[0, 0] * k + to_source[0, 1] * j + to_source[0, 2] * i
                b = to_source[1, 0] * k + to_source[1, 1] * j + to_source[1, 2] * i
                c = to_source[2, 0] * k + to_source[2, 1] * j + to_source[2, 2] * i
                x = int(np.floor(a + to_source[0, 3] + 0.5))
                y = int(np.floor(b + to_source[1, 3] + 0.5))
                z = int(np.floor(c + to_source[2, 3] + 0.5))
                if 0 <= x < nk and 0 <= y < nj and 0 <= z < ni:
                    out[k, j, i] = labels[x, y, z]


@kernel
def _limits(
    start: FloatArray, normal: FloatArray, target: FloatArray, limits: FloatArray
) -> tuple[float, int]:
    """Return the length in mm, and whether length, skin and gantry allow the way."""
    voxel_mm = limits[0]
    dk = target[0] - start[0]
    dj = target[1] - start[1]
    di = target[2] - start[2]
    length = (dk * dk + dj * dj + di * di) ** 0.5 * voxel_mm
    if length > limits[1]:
        return length, TOO_LONG
    sine = -(dk * normal[0] + dj * normal[1] + di * normal[2]) * voxel_mm / max(length, 1e-6)
    if sine < limits[4]:
        return length, FLAT_TO_SKIN
    if limits[5] > 0:  # radius of the gantry, then its axis: j, i
        out = (limits[1] - length + limits[8]) / max(length, 1e-6)
        hub_j = start[1] - dj * out - limits[6]
        hub_i = start[2] - di * out - limits[7]
        if (hub_j * hub_j + hub_i * hub_i) ** 0.5 * voxel_mm > limits[5]:
            return length, GANTRY
    return length, OK


@parallel_kernel
def march(
    starts: FloatArray,
    normals: FloatArray,
    targets: FloatArray,
    tissue: NDArray[uint8],
    slack_mm: NDArray[float32],
    culprits: NDArray[int16],
    limits: FloatArray,
    status: NDArray[int8],
    culprit: NDArray[int16],
    bone_mm: NDArray[float32],
    avoid_mm: NDArray[float32],
    least_slack_mm: NDArray[float32],
) -> None:
    """March every pair of start and target through the fields, writing into the last five arrays.

    Parameters
    ----------
    starts, normals : numpy.ndarray
        Shape (n, 3), voxels (k, j, i); outward unit normals of the skin in the same order.
    targets : numpy.ndarray
        Shape (m, 3), voxels (k, j, i).
    tissue, slack_mm, culprits : numpy.ndarray
        Fields of :class:`planning.access.scene.Scene`.
    limits : numpy.ndarray
        Voxel size, longest needle, most bone, radius of the needle in millimetres; sine of the
        flattest angle to the skin; radius of the gantry in millimetres, 0 when unknown, and its
        axis (j, i) in voxels; grip in millimetres.
    status, culprit : numpy.ndarray
        Shape (n, m): reason and index of the structure that is to blame.
    bone_mm, avoid_mm, least_slack_mm : numpy.ndarray
        Shape (n, m): bone and uncleared tissue on the way, least distance beyond the margins.
    """
    for s in prange(starts.shape[0]):
        for t in range(targets.shape[0]):
            length, code = _limits(starts[s], normals[s], targets[t], limits)
            if code != OK:
                status[s, t] = code
                continue
            code, who, bone, avoid, least = _along(
                starts[s], targets[t], length, tissue, slack_mm, culprits, limits
            )
            status[s, t], culprit[s, t] = code, who
            bone_mm[s, t], avoid_mm[s, t], least_slack_mm[s, t] = bone, avoid, least


@kernel
def _along(
    start: FloatArray,
    target: FloatArray,
    length: float,
    tissue: NDArray[uint8],
    slack_mm: NDArray[float32],
    culprits: NDArray[int16],
    limits: FloatArray,
) -> tuple[int, int, float, float, float]:
    """March one way; return reason, culprit, bone, uncleared tissue and least slack."""
    nk, nj, ni = tissue.shape
    steps = int(length / STEP_MM)
    scale = STEP_MM / max(length, 1e-6)
    dk = (target[0] - start[0]) * scale
    dj = (target[1] - start[1]) * scale
    di = (target[2] - start[2]) * scale
    outside, worst = 0, OK
    bone, avoid, least = 0.0, 0.0, 60.0
    for n in range(1, steps + 1):
        k = int(start[0] + n * dk + 0.5)
        j = int(start[1] + n * dj + 0.5)
        i = int(start[2] + n * di + 0.5)
        if not (0 <= k < nk and 0 <= j < nj and 0 <= i < ni):
            return LEAVES_BODY, -1, bone, avoid, least
        here = tissue[k, j, i]
        if here & BODY_BIT == 0:
            outside += 1 if n * STEP_MM > SKIN_MM else 0
            if outside > LONGEST_OUTSIDE:
                return LEAVES_BODY, -1, bone, avoid, least
            continue
        free = slack_mm[k, j, i] - limits[3]
        code = _verdict(here, free)
        if code > NEAR_A_LIMIT:
            return code, culprits[k, j, i], bone, avoid, least
        if here & EXEMPT == 0:
            least = min(least, free)
        avoid += STEP_MM if here & AVOID else 0.0
        bone += STEP_MM if here & BONE else 0.0
        if bone > limits[2] + 2 * BLUR_MM:
            return TOO_MUCH_BONE, -1, bone, avoid, least
        worst = max(worst, code, NEAR_A_LIMIT if limits[2] - BLUR_MM < bone else OK)
    return worst, -1, bone, avoid, least


@kernel
def _verdict(here: int, free_mm: float) -> int:
    """Return whether the needle may be at a voxel of such tissue, so far beyond the margins."""
    if here & EXEMPT:
        return NEAR_A_LIMIT if here & INSIDE else OK
    if here & INSIDE:
        return CROSSES
    if free_mm < -BLUR_MM:
        return TOO_NEAR
    return NEAR_A_LIMIT if free_mm < BLUR_MM else OK
