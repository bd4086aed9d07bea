"""The nearest label against scipy's exact distance transform."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from imaging.nearest import nearest_label


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_distance_and_label_agree_with_an_exhaustive_search(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.full(tuple(rng.integers(1, 24, 3)), -1, dtype=np.int16)
    places = rng.integers(0, labels.shape, (count, 3))
    labels[tuple(places.T)] = rng.integers(0, 5, count)
    distance, label = nearest_label(labels)
    assert distance == pytest.approx(ndimage.distance_transform_edt(labels < 0), abs=1e-5)
    for own in range(5):
        if (labels == own).any():
            to_own = ndimage.distance_transform_edt(labels != own)
            assert to_own[label == own] == pytest.approx(distance[label == own], abs=1e-5)


def test_nothing_is_near_where_nothing_is_labelled() -> None:
    distance, label = nearest_label(np.full((3, 4, 5), -1, dtype=np.int16))
    assert (label == -1).all()
    assert (distance > 1e5).all()
