"""Contours lie where masks and fields end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import contourpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from imaging.contours import contours, label_contours
from imaging.geometry import FloatArray


def test_the_border_of_a_disc_is_a_circle_about_its_middle() -> None:
    row, column = np.mgrid[:60, :80]
    labels = np.zeros((60, 80), np.uint16)
    labels[np.hypot(row - 30, column - 44) <= 14] = 7
    labels[2:9, 1:12] = 3
    found = label_contours(labels, frozenset({3, 7, 9}))
    assert set(found) == {3, 7}
    assert set(label_contours(labels, frozenset({3}))) == {3}
    (piece,) = found[7]
    radii = np.hypot(piece[:, 0] - 44, piece[:, 1] - 30)
    assert abs(radii.mean() - 14) < 0.35
    assert radii.std() < 0.3
    np.testing.assert_array_equal(piece[0], piece[-1])  # closed


def test_a_label_at_the_edge_is_closed_there() -> None:
    labels = np.zeros((30, 30), np.uint16)
    labels[:10, :10] = 1
    (piece,) = label_contours(labels, frozenset({1}))[1]
    np.testing.assert_array_equal(piece[0], piece[-1])
    assert piece.min() > -1.0
    assert piece.max() < 10.0


def test_a_field_crosses_its_level_and_nothing_lies_where_there_is_none() -> None:
    row, column = np.mgrid[:40, :50].astype(float)
    field = np.hypot(row - 20, column - 25)
    (piece,) = contours(field, 9.0)
    assert np.abs(np.hypot(piece[:, 0] - 25, piece[:, 1] - 20) - 9.0).max() < 0.05
    field[:, 25:] = np.nan
    half = np.concatenate(contours(field, 9.0))
    assert half[:, 0].max() <= 24.0
    assert contours(field, 500.0) == ()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([np.float32, np.float64]), st.booleans())
def test_lines_are_those_of_another_library(seed: int, kind: type, has_gaps: bool) -> None:
    random = np.random.default_rng(seed)
    rows, columns = random.integers(2, 24, 2)
    smooth = ndimage.gaussian_filter(random.normal(size=(rows, columns)), 1.0)
    field: NDArray[Any] = smooth.astype(kind)
    if has_gaps:
        field[random.random(field.shape) < 0.05] = np.nan
    level = float(random.normal(0, 0.1))
    ours = contours(field, level)
    for piece in ours:
        places = ndimage.map_coordinates(np.nan_to_num(field), piece.T[::-1], order=1)
        np.testing.assert_allclose(places, level, atol=1e-5)
    peer = contourpy.contour_generator(z=np.ma.masked_invalid(field), corner_mask=False)
    lines = cast("list[FloatArray]", peer.lines(level))
    theirs = [line for line in lines if len(line) >= 4]
    assert _length(ours) == pytest.approx(_length(theirs), rel=1e-4, abs=1e-4)
    closed = [np.array_equal(line[0], line[-1]) for line in ours]
    assert sum(closed) == sum(np.array_equal(line[0], line[-1]) for line in theirs)


def _length(lines: Sequence[FloatArray]) -> float:
    return float(sum(np.linalg.norm(np.diff(line, axis=0), axis=1).sum() for line in lines))
