"""The compiled walk of needles over the CT's own voxels: each limit as it is written."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy import float32, int8, int16, int32, uint8, uint16
from numpy.typing import NDArray

from imaging.geometry import BoolArray, FloatArray
from imaging.kernels import kernel, parallel_kernel, prange
from planning.access.march import (
    AVOID,
    BLUR_MM,
    CROSSES,
    FLAT_TO_CORTEX,
    INTACT_CORTEX,
    OK,
    TOO_MUCH_BONE,
    TOO_NEAR,
)


class Mode(IntEnum):
    """How far a way is walked, and what counts."""

    UNTIL_BROKEN = 0  # to the first limit that it breaks
    TOUCHING = 1  # to its end; only touching what is forbidden counts
    WHOLE = 2  # to its end; the last limit broken is told


STEP_MM = 0.5
CORTEX_MM = 3.0  # about the point where bone is met, in which its surface is seen
NO_CORTEX = -1.0
ASIDE_MM = 0.5  # beyond what is too near, in which distances are still told exactly
FAR_GAP_MM = 1e5  # no forbidden voxel within reach


@kernel
def gap_mm(
    at: FloatArray,
    labels: NDArray[uint16],
    margins: NDArray[float32],
    spacing: FloatArray,
    reach_mm: float,
) -> tuple[float, int]:
    """Return the least distance beyond its margin to a forbidden voxel, and that voxel's label.

    Parameters
    ----------
    at : numpy.ndarray
        Shape (3,), voxels (k, j, i).
    labels : numpy.ndarray
        Shape (k, j, i), uint16.
    margins : numpy.ndarray
        By label, float32, millimetres; negative where it is not forbidden.
    spacing : numpy.ndarray
        Shape (3,), millimetres.
    reach_mm : float
        How far to look.

    Returns
    -------
    tuple
        Millimetres from the point to the voxel's box less the margin, and the label.
    """
    nk, nj, ni = labels.shape
    rk, rj, ri = reach_mm / spacing[0], reach_mm / spacing[1], reach_mm / spacing[2]
    best, who = 1e6, -1
    for k in range(max(int(at[0] - rk), 0), min(int(at[0] + rk + 2), nk)):
        a = max(abs(k - at[0]) - 0.5, 0.0) * spacing[0]
        for j in range(max(int(at[1] - rj), 0), min(int(at[1] + rj + 2), nj)):
            b = max(abs(j - at[1]) - 0.5, 0.0) * spacing[1]
            if a * a + b * b > reach_mm * reach_mm:
                continue
            for i in range(max(int(at[2] - ri), 0), min(int(at[2] + ri + 2), ni)):
                margin = margins[labels[k, j, i]]
                if margin < 0.0:
                    continue
                c = max(abs(i - at[2]) - 0.5, 0.0) * spacing[2]
                own = (a * a + b * b + c * c) ** 0.5 - margin
                if own < best:
                    best, who = own, int(labels[k, j, i])
    return best, who


@kernel
def cortex_sine(
    at: FloatArray,
    along: FloatArray,
    labels: NDArray[uint16],
    is_bone: BoolArray,
    spacing: FloatArray,
) -> float:
    """Return the sine of the angle between a way and the surface of bone that it meets.

    Parameters
    ----------
    at : numpy.ndarray
        Shape (3,), voxels (k, j, i): where bone is met.
    along : numpy.ndarray
        Shape (3,), direction of the way in millimetres along k, j, i; a unit vector.
    labels : numpy.ndarray
        Shape (k, j, i), uint16.
    is_bone : numpy.ndarray
        By label, bool.
    spacing : numpy.ndarray
        Shape (3,), millimetres.

    Returns
    -------
    float
        0 along the surface to 1 straight onto it.
    """
    nk, nj, ni = labels.shape
    rk, rj, ri = CORTEX_MM / spacing[0], CORTEX_MM / spacing[1], CORTEX_MM / spacing[2]
    x, y, z = 0.0, 0.0, 0.0
    for k in range(max(int(at[0] - rk), 0), min(int(at[0] + rk + 2), nk)):
        for j in range(max(int(at[1] - rj), 0), min(int(at[1] + rj + 2), nj)):
            for i in range(max(int(at[2] - ri), 0), min(int(at[2] + ri + 2), ni)):
                if not is_bone[labels[k, j, i]]:
                    continue
                a = (k - at[0]) * spacing[0]
                b = (j - at[1]) * spacing[1]
                c = (i - at[2]) * spacing[2]
                if a * a + b * b + c * c <= CORTEX_MM * CORTEX_MM:
                    x, y, z = x + a, y + b, z + c
    size = (x * x + y * y + z * z) ** 0.5
    if size < 1e-9:
        return 1.0
    sine: float = abs(x * along[0] + y * along[1] + z * along[2]) / size
    return sine


@parallel_kernel
def walk(
    starts: FloatArray,
    targets: FloatArray,
    hu: NDArray[int16],
    labels: NDArray[uint16],
    lesion: BoolArray,
    exempt: BoolArray,
    margins: NDArray[float32],
    is_bone: BoolArray,
    is_avoid: BoolArray,
    tissue: NDArray[uint8],
    slack_mm: NDArray[float32],
    to_field: FloatArray,
    spacing: FloatArray,
    limits: FloatArray,
    status: NDArray[int8],
    culprit: NDArray[int32],
    figures: NDArray[float32],
) -> None:
    """Walk each way over the CT's voxels, writing into the last three arrays.

    Parameters
    ----------
    starts, targets : numpy.ndarray
        Shape (n, 3), voxels of the CT (k, j, i).
    hu : numpy.ndarray
        Shape (k, j, i), int16, Hounsfield units.
    labels : numpy.ndarray
        Same shape, uint16.
    lesion, exempt : numpy.ndarray
        Same shape, bool: the lesion; where margins do not apply.
    margins : numpy.ndarray
        By label, float32, millimetres; negative where it is not forbidden.
    is_bone, is_avoid : numpy.ndarray
        By label, bool.
    tissue, slack_mm : numpy.ndarray
        Fields of the scene: what unlabelled tissue was not cleared; where no limit is near, so
        that the CT need not be asked.
    to_field : numpy.ndarray
        Shape (3, 4): from voxels of the CT to voxels of those fields.
    spacing : numpy.ndarray
        Shape (3,), of the CT, millimetres.
    limits : numpy.ndarray
        Radius of the needle, most bone, sine of the flattest angle to the cortex, widest margin,
        the :class:`Mode`, and the densest voxel that the needle passes in Hounsfield units.
    status, culprit : numpy.ndarray
        Shape (n,): reason of :mod:`planning.access.march`; label of the structure to blame.
    figures : numpy.ndarray
        Shape (n, 6), float32: bone, uncleared tissue, lesion, least slack in millimetres; sine of
        the angle at the cortex, −1 where none is met; densest voxel outside the lesion.
    """
    for n in prange(starts.shape[0]):
        status[n], culprit[n] = _walk_one(
            starts[n],
            targets[n],
            hu,
            labels,
            lesion,
            exempt,
            margins,
            is_bone,
            is_avoid,
            tissue,
            slack_mm,
            to_field,
            spacing,
            limits,
            figures[n],
        )


@kernel
def _walk_one(
    start: FloatArray,
    target: FloatArray,
    hu: NDArray[int16],
    labels: NDArray[uint16],
    lesion: BoolArray,
    exempt: BoolArray,
    margins: NDArray[float32],
    is_bone: BoolArray,
    is_avoid: BoolArray,
    tissue: NDArray[uint8],
    slack_mm: NDArray[float32],
    to_field: FloatArray,
    spacing: FloatArray,
    limits: FloatArray,
    figures: NDArray[float32],
) -> tuple[int, int]:
    """Walk one way; return reason and label to blame, and write its figures."""
    most_bone, flattest = limits[1], limits[2]
    mode = int(limits[4])
    touching_only, stops = mode == Mode.TOUCHING, mode == Mode.UNTIL_BROKEN
    advance = (target - start) * spacing
    length = max((advance[0] ** 2 + advance[1] ** 2 + advance[2] ** 2) ** 0.5, 1e-6)
    steps = max(int(np.ceil(length / STEP_MM)), 1)
    step_mm = length / steps
    figures[3], figures[4], figures[5] = 60.0, NO_CORTEX, -3000.0
    code, who = OK, -1
    for step in range(steps + 1):
        at = start + (target - start) * (step / steps)
        k, j, i = int(at[0] + 0.5), int(at[1] + 0.5), int(at[2] + 0.5)
        if not (0 <= k < hu.shape[0] and 0 <= j < hu.shape[1] and 0 <= i < hu.shape[2]):
            continue  # the skin may lie half a voxel beyond the image
        if lesion[k, j, i]:
            figures[2] += step_mm
            continue
        figures[5] = max(figures[5], hu[k, j, i])
        label = labels[k, j, i]
        reason, blamed = OK, int(label)
        if margins[label] >= 0.0:
            reason = CROSSES
        elif touching_only or not exempt[k, j, i]:
            reason, blamed, free = _nearness(
                at, labels, margins, slack_mm, to_field, spacing, limits
            )
            figures[3] = min(figures[3], free)
        if is_bone[label]:
            figures[0] += step_mm
            if figures[4] == NO_CORTEX:
                figures[4] = cortex_sine(at, advance / length, labels, is_bone, spacing)
        elif is_avoid[label] or (label == 0 and tissue[_in_field(at, slack_mm, to_field)] & AVOID):
            figures[1] += step_mm
        if reason == OK and not touching_only:
            reason = _hard(hu[k, j, i], figures, most_bone, flattest, limits[5])
        if reason != OK:
            code, who = reason, blamed
            if stops:
                break
    return code, who


@kernel
def _nearness(
    at: FloatArray,
    labels: NDArray[uint16],
    margins: NDArray[float32],
    slack_mm: NDArray[float32],
    to_field: FloatArray,
    spacing: FloatArray,
    limits: FloatArray,
) -> tuple[int, int, float]:
    """Return whether a forbidden structure is too near, which, and the distance beyond margins."""
    radius = limits[0]
    free = slack_mm[_in_field(at, slack_mm, to_field)]
    if free >= radius + BLUR_MM:  # so far that the CT need not be asked
        return OK, -1, free - radius
    gap, near = gap_mm(at, labels, margins, spacing, limits[3] + radius + ASIDE_MM)
    if gap >= FAR_GAP_MM:
        return OK, -1, max(free - radius, ASIDE_MM)
    return TOO_NEAR if gap < radius else OK, near, gap - radius


@kernel
def _in_field(
    at: FloatArray, slack_mm: NDArray[float32], to_field: FloatArray
) -> tuple[int, int, int]:
    """Return the voxel of the fields nearest to a voxel of the CT."""
    nk, nj, ni = slack_mm.shape
    moved = to_field[:, 0] * at[0] + to_field[:, 1] * at[1] + to_field[:, 2] * at[2]
    k = min(max(int(moved[0] + to_field[0, 3] + 0.5), 0), nk - 1)
    j = min(max(int(moved[1] + to_field[1, 3] + 0.5), 0), nj - 1)
    i = min(max(int(moved[2] + to_field[2, 3] + 0.5), 0), ni - 1)
    return k, j, i


@kernel
def _hard(
    value_hu: int,
    figures: NDArray[float32],
    most_bone_mm: float,
    flattest_sine: float,
    densest_hu: float,
) -> int:
    """Return whether bone stops the needle."""
    if value_hu > densest_hu:
        return INTACT_CORTEX
    if figures[0] > most_bone_mm:
        return TOO_MUCH_BONE
    if figures[4] != NO_CORTEX and figures[4] < flattest_sine:
        return FLAT_TO_CORTEX
    return OK
