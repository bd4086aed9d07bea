"""The compiled march of needles through the fields of a scene."""

from __future__ import annotations

from numpy import float32, int8, int16
from numpy.typing import NDArray

from imaging.geometry import BoolArray, FloatArray
from imaging.kernels import kernel, parallel_kernel, prange
from planning.access.request import NEAR_LESION_MM

STEP_MM = 1.0
FLATTEST_SINE = 0.26  # 15° to the skin; flatter needles slide off [BG]
SKIN_MM = 6.0  # the first steps may lie outside the body's voxels
LONGEST_OUTSIDE = 2  # steps; longer stretches of air lie between folds or legs

# Why a way is rejected.
OK, TOO_LONG, LEAVES_BODY, CROSSES, TOO_NEAR, TOO_MUCH_BONE, FLAT_TO_SKIN = range(7)
REASONS = {
    TOO_LONG: "longer_than_needle",
    LEAVES_BODY: "leaves_body",
    CROSSES: "crosses",
    TOO_NEAR: "too_near",
    TOO_MUCH_BONE: "more_bone_than_needle_passes",
    FLAT_TO_SKIN: "flat_to_skin",
}


@kernel
def _limits(
    start: FloatArray, normal: FloatArray, target: FloatArray, limits: FloatArray
) -> tuple[float, int]:
    """Return the length in mm, and whether length and angle to the skin allow the way."""
    voxel_mm = limits[0]
    dk = target[0] - start[0]
    dj = target[1] - start[1]
    di = target[2] - start[2]
    length = (dk * dk + dj * dj + di * di) ** 0.5 * voxel_mm
    if length > limits[1]:
        return length, TOO_LONG
    sine = -(dk * normal[0] + dj * normal[1] + di * normal[2]) * voxel_mm / max(length, 1e-6)
    return length, FLAT_TO_SKIN if sine < FLATTEST_SINE else OK


@kernel
def _verdict(
    at: tuple[int, int, int],
    inside: BoolArray,
    slack_mm: NDArray[float32],
    lesion_mm: NDArray[float32],
    radius_mm: float,
) -> int:
    """Return whether the needle may be at a voxel."""
    if inside[at]:
        return CROSSES
    if lesion_mm[at] > NEAR_LESION_MM and slack_mm[at] < radius_mm:
        return TOO_NEAR
    return OK


@parallel_kernel
def march(
    starts: FloatArray,
    normals: FloatArray,
    targets: FloatArray,
    body: BoolArray,
    bone: BoolArray,
    avoid: BoolArray,
    inside: BoolArray,
    slack_mm: NDArray[float32],
    lesion_mm: NDArray[float32],
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
    body, bone, avoid, inside, slack_mm, lesion_mm, culprits : numpy.ndarray
        Fields of :class:`planning.access.scene.Scene`.
    limits : numpy.ndarray
        Voxel size, longest needle, most bone, radius of the needle; millimetres.
    status, culprit : numpy.ndarray
        Shape (n, m): reason and index of the structure that is to blame.
    bone_mm, avoid_mm, least_slack_mm : numpy.ndarray
        Shape (n, m): bone and uncleared tissue on the way, least distance beyond the margins.
    """
    nk, nj, ni = body.shape
    for s in prange(starts.shape[0]):
        for t in range(targets.shape[0]):
            length, code = _limits(starts[s], normals[s], targets[t], limits)
            outside = 0
            n = 0
            while code == OK and (n + 1) * STEP_MM < length:
                n += 1
                f = n * STEP_MM / length
                k = int(starts[s, 0] + f * (targets[t, 0] - starts[s, 0]) + 0.5)
                j = int(starts[s, 1] + f * (targets[t, 1] - starts[s, 1]) + 0.5)
                i = int(starts[s, 2] + f * (targets[t, 2] - starts[s, 2]) + 0.5)
                if not (0 <= k < nk and 0 <= j < nj and 0 <= i < ni):
                    code = LEAVES_BODY
                    break
                if not body[k, j, i]:
                    outside += 1 if n * STEP_MM > SKIN_MM else 0
                    if outside > LONGEST_OUTSIDE:
                        code = LEAVES_BODY
                    continue
                code = _verdict((k, j, i), inside, slack_mm, lesion_mm, limits[3])
                if code != OK:
                    culprit[s, t] = culprits[k, j, i]
                    break
                if lesion_mm[k, j, i] > NEAR_LESION_MM:
                    free = slack_mm[k, j, i] - limits[3]
                    least_slack_mm[s, t] = min(least_slack_mm[s, t], free)
                if avoid[k, j, i]:
                    avoid_mm[s, t] += STEP_MM
                if bone[k, j, i]:
                    bone_mm[s, t] += STEP_MM
                    if bone_mm[s, t] > limits[2]:
                        code = TOO_MUCH_BONE
            status[s, t] = code
