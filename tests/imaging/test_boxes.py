"""Blocks of labels against scipy's."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from imaging.boxes import label_boxes


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_blocks_are_those_of_an_independent_search(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.zeros(tuple(rng.integers(1, 15, 3)), dtype=np.uint16)
    places = rng.integers(0, labels.shape, (20, 3))
    labels[tuple(places.T)] = rng.integers(0, 9, 20)
    expected = {n: box for n, box in enumerate(ndimage.find_objects(labels), start=1) if box}
    assert label_boxes(labels) == expected
