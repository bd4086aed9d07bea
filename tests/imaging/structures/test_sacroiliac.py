"""Sacral alae whose marrow is as soft as fat belong to the sacrum, up to the joint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from imaging.files import read_volume
from imaging.structures.find import find_structures
from imaging.structures.labels import read_structures
from imaging.structures.model import Structures
from imaging.structures.sacroiliac import fill_alae
from imaging.structures.spine import SpineFrame

SPACING = (3.0, 2.0, 2.0)
NAMES = ("sacrum", "hip_left", "hip_right")
FAT, MARROW, CORTEX, BONE = -100, -20, 500, 200
ALA, JOINT, HIP = (13, 25), (25, 27), (25, 40)  # columns from the midline
MIDDLE, FRONT, BACK, CANAL = 50, 30, 52, 44


def pelvis() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A body, alae of soft marrow in a thin cortex, and hips beside them, alike in all slices."""
    plane = np.full((90, 101), FAT, np.int16)
    labels = np.zeros(plane.shape, np.int16)
    truth = np.zeros(plane.shape, bool)
    plane[FRONT : FRONT + 10, MIDDLE - 12 : MIDDLE + 13] = BONE
    labels[FRONT : FRONT + 10, MIDDLE - 12 : MIDDLE + 13] = 1
    canal = np.zeros(plane.shape, bool)
    canal[CANAL - 3 : CANAL + 4, MIDDLE - 5 : MIDDLE + 6] = True
    for sign, hip in ((1, 2), (-1, 3)):
        ala = MIDDLE + sign * np.arange(*ALA)
        plane[FRONT:BACK, ala] = MARROW
        for row in (FRONT, BACK):
            plane[row, ala] = CORTEX
            labels[row, ala] = 1
        plane[FRONT - 8 : BACK + 8, MIDDLE + sign * np.arange(*HIP)] = BONE
        plane[FRONT - 8 : BACK + 8, MIDDLE + sign * np.arange(*JOINT)] = CORTEX
        labels[FRONT - 8 : BACK + 8, MIDDLE + sign * np.arange(*HIP)] = hip
        truth[FRONT : BACK + 1, ala] = True
    labels[BACK, MIDDLE - 13 : MIDDLE + 14] = 1
    plane[BACK, MIDDLE - 13 : MIDDLE + 14] = CORTEX
    hu, bones, hole, alae = (
        np.repeat(part[None], 20, axis=0) for part in (plane, labels, canal, truth)
    )
    return hu, bones, hole, alae


def filled() -> tuple[np.ndarray, np.ndarray]:
    hu, labels, canal, truth = pelvis()
    axis = np.column_stack([np.arange(20.0), np.full(20, CANAL), np.full(20, MIDDLE)])
    frame = SpineFrame.along(axis, SPACING)
    fill_alae(hu, labels, NAMES, canal, None, frame, SPACING)
    return labels, truth


def test_soft_marrow_between_body_and_joint_is_sacrum() -> None:
    labels, truth = filled()
    assert (labels[truth] == 1).mean() > 0.9


def test_the_hip_bone_stays_beyond_the_joint_and_fat_before_the_sacrum_stays_fat() -> None:
    labels, _ = filled()
    beyond = MIDDLE + np.arange(JOINT[1] + 2, HIP[1])
    assert (labels[:, FRONT:BACK, beyond] == 2).all()
    assert (labels[:, : FRONT - 9] == 0).all()
    assert (labels[:, FRONT - 6 : FRONT - 2, MIDDLE - 12 : MIDDLE + 13] == 0).all()


def test_vessels_beside_the_sacrum_are_never_filled() -> None:
    hu, labels, canal, truth = pelvis()
    axis = np.column_stack([np.arange(20.0), np.full(20, CANAL), np.full(20, MIDDLE)])
    frame = SpineFrame.along(axis, SPACING)
    fill_alae(hu, labels, NAMES, canal, truth.copy(), frame, SPACING)
    assert (labels[:, FRONT + 1 : BACK, MIDDLE + ALA[0] : MIDDLE + ALA[1]] == 0).all()


@pytest.fixture(scope="module")
def labelled(shared_data: Path) -> tuple[Structures, Structures]:
    folder = shared_data / "abdomen-labelled"
    volume = read_volume(folder / "example_ct.nii.gz")
    given = read_structures(folder / "example_seg_fast_force_split.nii.gz", None, volume.grid)
    return find_structures(volume), given


def test_a_real_sacrum_of_fatty_marrow_is_whole(labelled: tuple[Structures, Structures]) -> None:
    found, given = labelled
    own, whole = found.mask("sacrum"), given.mask("sacrum", "vertebrae_S1")
    assert 2 * (own & whole).sum() / (own.sum() + whole.sum()) > 0.79
    for side in ("left", "right"):
        hip, true = found.mask(f"hip_{side}"), given.mask(f"hip_{side}")
        assert 2 * (hip & true).sum() / (hip.sum() + true.sum()) > 0.88


def test_the_foramina_of_a_real_sacrum_stay_exits_of_roots(
    labelled: tuple[Structures, Structures],
) -> None:
    found, _ = labelled
    for side in ("left", "right"):
        row = found.named(f"nerve_root_exit_S1_{side}")
        assert row is not None
        assert row.class_ == "forbidden"
        assert row.volume_ml > 2.0


def test_soft_channels_of_a_real_sacrum_are_not_taken_for_its_marrow(
    labelled: tuple[Structures, Structures],
) -> None:
    found, given = labelled
    whole = given.mask("sacrum", "vertebrae_S1")
    canal = ndimage.binary_dilation(given.mask("spinal_cord"), iterations=2)
    holes = np.stack([ndimage.binary_fill_holes(plane) for plane in whole]) & ~whole & ~canal
    exits = [name for name in found.names() if name.startswith("nerve_root_exit_S")]
    marked = (holes & found.mask(*exits, "spinal_canal")).sum()
    assert marked > 2 * (holes & found.mask("sacrum")).sum()
