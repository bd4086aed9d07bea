"""The border's last millimetres: told by counting neighbours, as a percentile would tell it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from imaging.lesion.border import BONE_PERCENTILE, LEAST_CONTRAST_HU, _ball, _beside_bone


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
