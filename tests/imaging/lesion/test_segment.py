"""One click outlines the lesion; what cannot be outlined is said."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage

from imaging.errors import ImagingError
from imaging.files import read_volume
from imaging.geometry import Grid
from imaging.lesion.growth import INSIDE
from imaging.lesion.growths import Growths
from imaging.lesion.region import surrounded_by
from imaging.lesion.relaxation import relaxed
from imaging.lesion.segment import regenerated, segment_lesion
from imaging.measurement.lesion import measure
from imaging.phantom.insert import insert_lesion
from imaging.structures.canal import canal_near
from imaging.volume import Volume

if TYPE_CHECKING:
    from imaging.phantom.cases import GeneratedCase


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def test_vertebral_lesion_is_outlined_and_measured(vertebra: GeneratedCase) -> None:
    truth = vertebra.truth.lesion
    outline = segment_lesion(vertebra.volume, np.array(truth.seed_lps_mm))
    assert dice(outline.mask, vertebra.lesion) > 0.85
    found = measure(vertebra.volume, outline.mask)
    assert found.length_mm == pytest.approx(truth.length_mm, abs=4.0)
    assert found.volume_ml == pytest.approx(truth.volume_ml, rel=0.2)
    assert found.kind == "lytic"
    assert found.cortical_breach is False


def test_generosity_nests_the_outlines_without_growing_them_again(vertebra: GeneratedCase) -> None:
    seed = np.array(vertebra.truth.lesion.seed_lps_mm)
    proposed = segment_lesion(vertebra.volume, seed)
    masks = [
        regenerated(proposed, vertebra.volume, value).mask for value in (-1.0, -0.4, 0.0, 0.5, 1.0)
    ]
    for tight, generous in pairwise(masks):
        assert not (tight & ~generous).any()
    assert masks[0].sum() < masks[2].sum() < masks[4].sum()
    assert (masks[2] == proposed.mask).all()
    assert (masks[4] == segment_lesion(vertebra.volume, seed, generosity=1.0).mask).all()


def error_middle(error: np.ndarray, grid: Grid) -> np.ndarray:
    deep = ndimage.distance_transform_edt(error, sampling=grid.spacing_mm_kji)
    return grid.to_lps(np.array(np.unravel_index(int(deep.argmax()), deep.shape)))


@pytest.mark.parametrize("side", ["missed", "wrong"])
def test_a_further_click_moves_the_outline_around_it(vertebra: GeneratedCase, side: str) -> None:
    volume, seed = vertebra.volume, np.array([vertebra.truth.lesion.seed_lps_mm])
    first = segment_lesion(volume, seed).mask
    deep = ndimage.distance_transform_edt(
        first if side == "wrong" else ~first, sampling=volume.grid.spacing_mm_kji
    )
    bone = np.linalg.norm(
        volume.grid.to_lps(np.moveaxis(np.indices(first.shape), 0, -1)) - seed[0], axis=-1
    )
    wanted = np.argwhere((deep > 4.0) & (deep < 6.0) & (bone > 5.0) & (bone < 22.0))
    click = volume.grid.to_lps(wanted[len(wanted) // 3])[None]
    if side == "missed":
        second = segment_lesion(volume, np.concatenate([seed, click])).mask
    else:
        second = segment_lesion(volume, seed, outside_lps_mm=click).mask
    changed = first ^ second
    at = volume.grid.nearest(click[0])
    assert at is not None
    assert second[at] == (side == "missed")
    assert changed.sum() * volume.grid.voxel_ml > 0.1
    away = np.linalg.norm(volume.grid.to_lps(np.argwhere(changed)) - click[0], axis=1)
    assert (away < 20.0).mean() > 0.95
    assert second[volume.grid.nearest(seed[0])]


@pytest.mark.long
def test_two_clicks_in_the_largest_errors_help(vertebra: GeneratedCase) -> None:
    grid, truth = vertebra.volume.grid, vertebra.lesion
    deep = ndimage.distance_transform_edt(truth, sampling=grid.spacing_mm_kji)
    seed = grid.to_lps(np.argwhere((deep > 3) & (deep < 4))[:1])
    inside, scores = [seed[0]], list[float]()
    wrong = list[np.ndarray]()
    for _ in range(3):
        mask = segment_lesion(
            vertebra.volume, np.array(inside), outside_lps_mm=np.array(wrong).reshape(-1, 3)
        ).mask
        scores.append(dice(mask, truth))
        assert all(mask[grid.nearest(one)] for one in inside)
        assert not any(mask[grid.nearest(one)] for one in wrong)
        missed, extra = truth & ~mask, mask & ~truth
        if missed.sum() > extra.sum():
            inside.append(error_middle(missed, grid))
        else:
            wrong.append(error_middle(extra, grid))
    assert scores[2] > scores[0] - 0.01


def test_a_further_click_gives_the_same_with_what_grew_from_the_first(
    vertebra: GeneratedCase,
) -> None:
    volume, seed = vertebra.volume, np.array(vertebra.truth.lesion.seed_lps_mm)
    growths = Growths()
    first = segment_lesion(volume, seed, growths=growths).mask
    error = ~first & ndimage.binary_dilation(first, iterations=6)
    two = np.stack([seed, error_middle(error, volume.grid)])
    quick = segment_lesion(volume, two, growths=growths).mask
    assert (quick != first).any()
    assert (quick == segment_lesion(volume, two).mask).all()
    other = replace(volume, hu=np.where(first, volume.hu + 60, volume.hu).astype(np.int16))
    seen = segment_lesion(other, seed, growths=growths).mask
    assert (seen == segment_lesion(other, seed).mask).all()


def test_a_place_cannot_be_lesion_and_not(vertebra: GeneratedCase) -> None:
    seed = np.array([vertebra.truth.lesion.seed_lps_mm])
    far = np.array([[9000.0, 0.0, 0.0]])
    with pytest.raises(ImagingError) as refusal:
        segment_lesion(vertebra.volume, seed, outside_lps_mm=np.concatenate([seed, far]))
    codes = [problem.code for problem in refusal.value.problems]
    assert codes == ["clicks_disagree", "click_outside"]


def test_clicks_outside_and_in_air_are_listed_together(vertebra: GeneratedCase) -> None:
    seeds = np.array([[9000.0, 0.0, 0.0], [0.0, -190.0, 0.0]])
    with pytest.raises(ImagingError) as refusal:
        segment_lesion(vertebra.volume, seeds)
    assert [problem.code for problem in refusal.value.problems] == ["seed_outside", "seed_in_air"]


def test_lesion_like_its_bone_is_refused(vertebra: GeneratedCase) -> None:
    flat = Volume(np.full(vertebra.volume.hu.shape, 60, np.int16), vertebra.volume.grid)
    with pytest.raises(ImagingError) as refusal:
        segment_lesion(flat, np.array(vertebra.truth.lesion.seed_lps_mm))
    assert refusal.value.code == "not_distinct"


def test_outline_keeps_out_of_the_canal(vertebra: GeneratedCase) -> None:
    seed = np.array(vertebra.truth.lesion.seed_lps_mm)
    canal = canal_near(vertebra.volume, seed)
    assert canal is not None
    assert not (segment_lesion(vertebra.volume, seed, outside=canal).mask & canal).any()


@pytest.mark.parametrize(
    ("at", "diameter", "breach", "least"),
    [
        ((-19.5, 43.0, -655.0), 22.0, False, 0.75),
        ((-4.0, 43.0, -655.0), 24.0, True, 0.75),
        ((-119.0, 43.0, -735.75), 26.0, True, 0.7),
    ],
    ids=["L3", "L3 with breach", "ilium with breach"],
)
def test_lesion_in_real_bone_is_outlined(
    shared_data: Path, at: tuple[float, float, float], diameter: float, breach: bool, least: float
) -> None:
    volume = read_volume(shared_data / "lumbar-pelvis-dicom")
    made = insert_lesion(volume, at, diameter, breach, seed=1)
    seed = np.array(made.truth.lesion.seed_lps_mm)
    outline = segment_lesion(made.volume, seed, outside=canal_near(made.volume, seed))
    assert dice(outline.mask, made.lesion) > least


def test_clicks_in_two_places_are_said(vertebra: GeneratedCase) -> None:
    seed = np.array(vertebra.truth.lesion.seed_lps_mm)
    both = np.stack([seed, seed + np.array([40.0, 0.0, 0.0])])
    doubts = {doubt.code for doubt in segment_lesion(vertebra.volume, both).doubts}
    assert "separate_parts" in doubts


def test_what_lies_in_a_shell_with_a_hole_is_still_inside() -> None:
    k, j, i = np.mgrid[-40:40, -40:40, -40:40]
    distance = np.sqrt(k**2 + j**2 + i**2)
    shell = (distance > 14) & (distance < 17) & ~((i > 8) & (np.hypot(k, j) < 7))
    seen = surrounded_by(shell)
    assert seen[40, 40, 40] > 0.85
    assert seen[40, 40, 50] > INSIDE
    assert seen[40, 40, 40 + 24] < INSIDE
    assert seen[40, 40 + 26, 40] < INSIDE


def test_a_ball_in_noise_is_found_whatever_one_begins_with() -> None:
    rng = np.random.default_rng(0)
    k, j, i = np.mgrid[-20:20, -20:20, -20:20]
    ball = np.sqrt(k**2 + j**2 + i**2) < 11
    cost = (np.where(ball, -0.5, 0.5) + rng.normal(0, 1.5, ball.shape)).astype(np.float32)
    fields = [relaxed(cost, 1.0, np.full(ball.shape, v, np.float32), 300) for v in (0.0, 1.0)]
    for field in fields:
        assert dice(field > 0.5, ball) > 0.93
    assert dice(fields[0] > 0.5, fields[1] > 0.5) > 0.99


@pytest.mark.parametrize("around_hu", [200, 350, 700])
def test_the_border_lies_half_way_to_the_bone_beside_it(around_hu: int) -> None:
    k, j, i = np.mgrid[-30:30, -30:30, -30:30]
    distance = np.sqrt(k**2 + j**2 + i**2)
    sharp = np.where(distance < 12, 45.0, np.where(distance < 25, around_hu, 50.0))
    hu = ndimage.gaussian_filter(sharp, 1.2) + np.random.default_rng(1).normal(0, 8, sharp.shape)
    volume = Volume(hu.astype(np.int16), Grid.aligned(hu.shape, 1.0, (0.0, 0.0, 0.0)))
    outline = segment_lesion(volume, np.array([30.0, 30.0, 30.0]))
    assert dice(outline.mask, distance < 12) > 0.9
    assert not {"border_unclear", "open_to_soft_tissue"} & {one.code for one in outline.doubts}


def test_a_click_beside_the_border_means_the_tissue_it_hit(vertebra: GeneratedCase) -> None:
    grid = vertebra.volume.grid
    deep = ndimage.distance_transform_edt(vertebra.lesion, sampling=grid.spacing_mm_kji)
    shallow = np.argwhere((deep > 1.5) & (deep < 3.0) & (vertebra.volume.hu < 80))
    seed = grid.to_lps(shallow[len(shallow) // 2])
    assert dice(segment_lesion(vertebra.volume, seed).mask, vertebra.lesion) > 0.8


def test_a_dense_click_says_that_only_the_dense_part_is_outlined() -> None:
    k, j, i = np.mgrid[-30:30, -30:30, -30:30]
    distance = np.sqrt(k**2 + j**2 + i**2)
    hu = np.where(distance < 10, 750.0, np.where(distance < 25, 150.0, 50.0))
    hu = ndimage.gaussian_filter(hu, 1.0)
    volume = Volume(hu.astype(np.int16), Grid.aligned(hu.shape, 1.0, (0.0, 0.0, 0.0)))
    outline = segment_lesion(volume, np.array([30.0, 30.0, 30.0]))
    assert "dense_click" in {one.code for one in outline.doubts}
    assert dice(outline.mask, distance < 10) > 0.9
