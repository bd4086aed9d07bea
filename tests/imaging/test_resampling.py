"""Arrays on grids along the same axes: the values SciPy's general transform gives."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from scipy.ndimage import affine_transform

from imaging.geometry import FloatArray
from imaging.resampling import resample_along

SIZE = (20, 31, 17)
OUTSIDE = -3.0


def step(scale: tuple[float, float, float], start: tuple[float, float, float]) -> FloatArray:
    made = np.diag([*scale, 1.0])
    made[:3, 3] = start
    return made


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("kind", [np.int16, np.uint8, np.float32])
@pytest.mark.parametrize(
    ("scale", "start"),
    [
        ((0.5, 1.0, 0.7), (-0.5, 2.0, 0.25)),
        ((1.7, 0.9, 1.3), (-6.0, -2.2, 3.1)),
        ((-0.8, 0.6, 0.6), (14.0, 0.0, -1.0)),
    ],
)
def test_gives_the_same_values_to_the_last_bit(
    kind: type[np.generic],
    order: Literal[0, 1],
    scale: tuple[float, float, float],
    start: tuple[float, float, float],
) -> None:
    array = np.random.default_rng(1).normal(60.0, 30.0, (15, 24, 18)).astype(kind)
    place = step(scale, start)
    expected = affine_transform(
        array,
        place[:3, :3],
        offset=place[:3, 3],
        output_shape=SIZE,
        output=np.float32,
        order=order,
        mode="grid-constant",
        cval=OUTSIDE,
        prefilter=False,
    )
    found = resample_along(array, place, SIZE, order, OUTSIDE)
    assert found is not None
    assert np.array_equal(found, expected)


def test_what_lies_beyond_the_array_is_outside() -> None:
    array = np.ones((4, 4, 4), np.float32)
    found = resample_along(array, step((1.0, 1.0, 1.0), (50.0, 0.0, 0.0)), (3, 3, 3), 1, OUTSIDE)
    assert found is not None
    assert (found == OUTSIDE).all()


def test_turned_grids_and_values_that_single_precision_loses_are_left_to_scipy() -> None:
    turned = step((1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    turned[0, 1] = 0.1
    assert resample_along(np.ones((4, 4, 4), np.float32), turned, (3, 3, 3), 1, OUTSIDE) is None
    straight = step((1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    assert resample_along(np.ones((4, 4, 4)), straight, (3, 3, 3), 1, OUTSIDE) is None
