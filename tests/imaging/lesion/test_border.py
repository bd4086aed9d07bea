"""Where a small lesion's border is put: by the tissue clicked, by what was there before."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from imaging.geometry import Grid
from imaging.lesion.border import (
    BONE_PERCENTILE,
    LEAST_CONTRAST_HU,
    _ball,
    _beside_bone,
    at_half_level,
)
from imaging.lesion.clicks import clicked_tissue
from imaging.lesion.region import cut_region
from imaging.volume import Volume

COARSE_MM = 3.0
LESION_HU, MARROW_HU, CORTEX_HU = 50, 160, 600


def coarse(hu: np.ndarray) -> Volume:
    size = hu.shape[0], hu.shape[1], hu.shape[2]
    return Volume(hu.astype(np.int16), Grid.aligned(size, COARSE_MM, np.zeros(3)))


def test_cortex_lost_by_more_than_half_is_lesion_and_marrow_hardly_changed_is_not() -> None:
    hu = np.full((12, 12, 12), MARROW_HU)
    before = hu.astype(np.float32)
    mask = np.zeros(hu.shape, dtype=bool)
    mask[3:9, 3:9, 3:9] = True
    hu[mask] = LESION_HU
    hu[3:9, 3:9, 8] = 140  # taken in, yet most of its marrow is left
    hu[3:9, 3:9, 2], before[3:9, 3:9, 2] = 240, CORTEX_HU  # left out, yet little cortex is left
    allowed = np.ones(hu.shape, dtype=bool)
    blind = at_half_level(coarse(hu), mask, (LESION_HU, 1.0), allowed)
    told = at_half_level(coarse(hu), mask, (LESION_HU, 1.0), allowed, before)
    lost, left = (slice(4, 8), slice(4, 8), 2), (slice(4, 8), slice(4, 8), 8)
    assert told[lost].all()
    assert not told[left].any()
    assert not blind[lost].any()
    assert blind[left].all()


def test_where_nothing_is_told_the_border_stays_as_without_another_side() -> None:
    hu = np.full((12, 12, 12), MARROW_HU)
    mask = np.zeros(hu.shape, dtype=bool)
    mask[4:8, 4:8, 4:8] = True
    hu[3:9, 3:9, 3:9] = LESION_HU + 30
    hu[mask] = LESION_HU
    allowed, untold = np.ones(hu.shape, dtype=bool), np.full(hu.shape, np.nan, dtype=np.float32)
    blind = at_half_level(coarse(hu), mask, (LESION_HU, 1.0), allowed)
    told = at_half_level(coarse(hu), mask, (LESION_HU, 1.0), allowed, untold)
    assert (told == blind).all()


def test_a_click_beside_the_border_of_a_small_lesion_measures_its_tissue() -> None:
    place = np.moveaxis(np.indices((24, 24, 24)), 0, -1) * COARSE_MM
    middle = np.full(3, 36.0)
    sharp = np.where(np.linalg.norm(place - middle, axis=-1) < 6.0, LESION_HU, 400.0)
    volume = coarse(ndimage.gaussian_filter(sharp, 0.4))
    click = middle + np.array([3.5, 0.0, 0.0])
    tissue = clicked_tissue(cut_region(volume, click[None], 20.0), click[None])
    assert tissue.hu < LESION_HU + 60
    assert tissue.sign == 1.0


@pytest.mark.parametrize("spacing", [(1.0, 0.7, 0.7), (5.0, 0.9, 0.9), (3.0, 1.0, 1.0)])
def test_counting_tells_what_the_percentile_of_the_neighbourhood_does(
    spacing: tuple[float, float, float],
) -> None:
    random = np.random.default_rng(2)
    noise = random.normal(10.0, 400.0, (12, 30, 26)).astype(np.float32)
    values = ndimage.gaussian_filter(noise, 1.0)
    asked = random.random(values.shape) < 0.6
    ball = _ball(np.array(spacing))
    bone = ndimage.percentile_filter(values, BONE_PERCENTILE, footprint=ball)
    expected = (values < bone / 2) & (bone > LEAST_CONTRAST_HU) & asked
    assert 0 < expected.sum() < asked.sum()
    assert np.array_equal(_beside_bone(values, asked, ball), expected)
