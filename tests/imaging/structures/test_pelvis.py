"""The frame of the pelvis, measured on bones whose places are known."""

from __future__ import annotations

import numpy as np

from imaging.structures.pelvis import BELOW_PUBIS_MM, USUAL_WALL_MM, Pelvis

SPACING = (3.0, 3.0, 3.0)
NUMBER = {"sacrum": 1, "hip_left": 2}
TOP, WALL, PUBIS = 60, 32, 12  # slices


def bones(first: int = 0) -> np.ndarray:
    """A sacrum in the midline, and a hip whose inner border is farthest out at its side wall."""
    labels = np.zeros((70, 80, 100), np.uint16)
    labels[25 : TOP + 1, 55:65, 45:56] = NUMBER["sacrum"]
    for k in range(4, 65):
        inner = 50 + (3 if k <= PUBIS else max(8, 20 - abs(k - WALL)))
        labels[k, 30:50, inner : inner + 8] = NUMBER["hip_left"]
    return labels[first:]


def test_side_wall_and_pubic_bone_are_found() -> None:
    frame = Pelvis.of(bones(), NUMBER, "left", SPACING)
    assert frame is not None
    assert frame.sacrum_k == TOP
    assert abs(frame.wall_k - WALL) <= 1
    assert abs(frame.wall_mm - 60.0) <= 3.0
    assert abs(frame.end_k - (PUBIS - BELOW_PUBIS_MM / SPACING[0])) <= 1
    assert frame.sign == 1.0
    assert abs(frame.middle_i - 50.0) <= 1.0


def test_an_image_that_ends_above_the_side_wall_gets_the_usual_one() -> None:
    frame = Pelvis.of(bones(WALL + 8), NUMBER, "left", SPACING)
    assert frame is not None
    assert frame.wall_mm == USUAL_WALL_MM[1]
    assert frame.wall_k < 0
    assert frame.end_k == 0


def test_without_sacrum_or_hip_there_is_no_frame() -> None:
    assert Pelvis.of(bones(), {"hip_left": 2}, "left", SPACING) is None
    assert Pelvis.of(bones(), NUMBER, "right", SPACING) is None
