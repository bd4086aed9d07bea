"""One click against generic region methods from the same click: time and Dice side by side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from app.bench.timing import Timed, measure
from imaging.files import read_volume, to_itk
from imaging.geometry import BoolArray, FloatArray, block
from imaging.lesion.segment import segment_lesion
from imaging.volume import Volume

CASES = ("vertebra", "sacrum", "ilium", "blastic")
SPACING_MM = (2.0, 1.6, 1.6)
REPEATS = 3
PEER_REACH_MM = 35.0  # the generic methods look no farther about the click than ours does at first
CONFIDENCE = (3, 2.5, 2, 1)  # iterations, deviations, radius, value: the filter's usual settings
WALK_STEP_MM = 1.6  # a random walk over every voxel of a fine CT would take minutes
WALK_SEED_MM, WALK_FAR_MM = 3.0, 30.0
WALK_BETA = 10_000.0  # the best for it of 130, 1000 and 10000 on the first case
INSERTED_MM, INSERTED_SEED = 24.0, 1


def bench_lesion(path: Path | None = None) -> list[dict[str, Any]]:
    """Measure one click on generated cases, or on a lesion put into the series at PATH.

    Parameters
    ----------
    path : Path or None
        A CT; a lesion with known shape is put into its bone nearest to the middle.

    Returns
    -------
    list of dict
        Rows of the JSON, ours and the peers' with ``dice``.
    """
    if path is not None:
        return [_row("lesion_inserted", *_inserted(path))]
    return [_row(f"lesion_{name}", *_generated(name)) for name in CASES]


def _generated(name: str) -> tuple[Volume, FloatArray, BoolArray]:
    from imaging.phantom.cases import generate

    case = generate(name, spacing_mm=SPACING_MM)
    return case.volume, np.array(case.truth.lesion.seed_lps_mm), case.lesion


def _inserted(path: Path) -> tuple[Volume, FloatArray, BoolArray]:
    from imaging.phantom.insert import insert_lesion

    volume = read_volume(path)
    made = insert_lesion(volume, _bone_near_middle(volume), INSERTED_MM, seed=INSERTED_SEED)
    return made.volume, np.array(made.truth.lesion.seed_lps_mm), made.lesion


def _bone_near_middle(volume: Volume) -> FloatArray:
    """Return the place of most bone within a lesion's size, near the middle of the image."""
    from scipy import ndimage

    from imaging.lesion.region import SURE_BONE_HU

    width = [max(1, round(INSERTED_MM / mm)) for mm in volume.grid.spacing_mm_kji]
    bone = ndimage.uniform_filter((volume.hu > SURE_BONE_HU).astype(np.float32), width)
    centre = (np.array(volume.hu.shape) - 1) / 2
    index = np.ogrid[tuple(slice(0, n) for n in volume.hu.shape)]
    offsets = [(np.asarray(n) - c) / (c + 1) for n, c in zip(index, centre, strict=True)]
    apart = offsets[0] ** 2 + offsets[1] ** 2 + offsets[2] ** 2
    best = np.unravel_index(int(np.argmax(bone - 0.3 * apart)), bone.shape)
    return volume.grid.to_lps(np.array(best))


def _row(name: str, volume: Volume, seed: FloatArray, truth: BoolArray) -> dict[str, Any]:
    start, size = volume.grid.around(seed, PEER_REACH_MM)
    part = volume.cropped(start, size)
    where = block(start, size)
    generic: dict[str, Callable[[], BoolArray]] = {
        "SimpleITK ConfidenceConnected": _confidence(part, seed),
        "scikit-image random_walker": _walker(part, seed),
    }
    timed = Timed(name, lambda: segment_lesion(volume, seed), 1.0, "clicks/s", dict(generic))
    row = measure(timed, REPEATS)
    row["dice"] = _dice(segment_lesion(volume, seed).mask, truth)
    for peer in row["peers"]:
        whole = np.zeros(truth.shape, dtype=bool)
        whole[where] = generic[peer["name"]]()
        peer["dice"] = _dice(whole, truth)
    return row


def _confidence(part: Volume, seed: FloatArray) -> Callable[[], BoolArray]:
    import SimpleITK as sitk

    image = sitk.Cast(to_itk(part.hu, part.grid), sitk.sitkFloat32)
    index = [int(n) for n in reversed(part.grid.nearest(seed) or (0, 0, 0))]

    def run() -> BoolArray:
        smooth = sitk.CurvatureFlow(image, 0.0625, 5)
        found = sitk.ConfidenceConnected(smooth, [index], *CONFIDENCE)
        return np.asarray(sitk.GetArrayFromImage(found) > 0)

    return run


def _walker(part: Volume, seed: FloatArray) -> Callable[[], BoolArray]:
    from skimage.segmentation import random_walker

    every = [max(1, round(WALK_STEP_MM / mm)) for mm in part.grid.spacing_mm_kji]
    thin = part.hu[:: every[0], :: every[1], :: every[2]].astype(np.float64)
    index = np.moveaxis(np.indices(thin.shape), 0, -1) * every
    apart_mm = np.linalg.norm(part.grid.to_lps(index) - seed, axis=-1)
    spacing = np.array(part.grid.spacing_mm_kji) * every

    def run() -> BoolArray:
        inner = apart_mm <= max(WALK_SEED_MM, float(apart_mm.min()))
        labels = np.where(inner, 1, np.where(apart_mm > WALK_FAR_MM, 2, 0))
        labels[(thin > np.median(thin[inner]) + 200.0) & (labels == 0)] = 2
        walked = random_walker(thin / 1000.0, labels, beta=WALK_BETA, mode="cg_j", spacing=spacing)
        found = walked == 1
        for axis, step in enumerate(every):
            found = np.repeat(found, step, axis=axis)
        return np.asarray(found[: part.hu.shape[0], : part.hu.shape[1], : part.hu.shape[2]])

    return run


def _dice(one: BoolArray, other: BoolArray) -> float:
    return float(2 * (one & other).sum() / max(int(one.sum() + other.sum()), 1))
