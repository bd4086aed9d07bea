"""Contours lie where masks and fields end."""

from __future__ import annotations

import numpy as np

from imaging.contours import contours, label_contours, thinned


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


def test_a_thinned_line_keeps_its_ends_and_its_course() -> None:
    turn = np.linspace(0, np.pi, 1000)
    line = 100 * np.column_stack([np.cos(turn), np.sin(turn)])
    left = thinned(line, 2.0)
    assert 140 < len(left) < 160
    np.testing.assert_array_equal(left[[0, -1]], line[[0, -1]])
    assert len(thinned(line[:2], 1e9)) == 2
