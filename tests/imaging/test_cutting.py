"""Planes through arrays hold the values that another program finds there."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from imaging.cutting import cut_plane
from imaging.geometry import FloatArray

OUTSIDE = -999
ROWS, COLUMNS = 9, 11


def _plane(random: np.random.Generator) -> tuple[FloatArray, FloatArray, FloatArray]:
    turn = np.linalg.qr(random.normal(size=(3, 3)))[0]
    if random.random() < 0.5:  # rows along an axis, to and fro
        turn = np.roll(np.diag(random.choice([-1.0, 1.0], 3)), random.integers(3), axis=1)
    right, down = turn[0] * random.uniform(0.2, 1.5), turn[1] * random.uniform(0.2, 1.5)
    return random.uniform(-2, 6, 3), right, down


def _places(first: FloatArray, right: FloatArray, down: FloatArray) -> FloatArray:
    row, column = np.mgrid[:ROWS, :COLUMNS]
    places: FloatArray = first + row[..., None] * down + column[..., None] * right
    return places


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 100_000))
def test_values_between_voxels_are_those_of_scipy(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(0, 100, (5, 6, 7)).astype(np.float32)
    first, right, down = _plane(random)
    out = np.full((ROWS, COLUMNS), OUTSIDE, np.float32)
    cut_plane(values, first, right, down, out)
    places = _places(first, right, down)
    size = np.array(values.shape)
    clear = (np.abs(places + 0.5) > 1e-9).all(axis=-1) & (np.abs(places - size + 0.5) > 1e-9).all(
        -1
    )
    inside = ((places >= -0.5) & (places <= size - 0.5)).all(axis=-1)
    held = np.clip(places, 0, size - 1)
    wanted = ndimage.map_coordinates(values, np.moveaxis(held, -1, 0), order=1)
    np.testing.assert_allclose(out[inside & clear], wanted[inside & clear], atol=1e-2)
    assert (out[~inside & clear] == OUTSIDE).all()


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 100_000))
def test_labels_are_those_of_the_nearest_voxel(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(1, 500, (5, 6, 7)).astype(np.uint16)
    first, right, down = _plane(random)
    out = np.zeros((ROWS, COLUMNS), np.uint16)
    cut_plane(labels, first, right, down, out, linear=False)
    places = _places(first, right, down)
    clear = (np.abs(places - np.floor(places) - 0.5) > 1e-9).all(axis=-1)
    voxel = np.floor(places + 0.5).astype(int)
    inside = ((voxel >= 0) & (voxel < labels.shape)).all(axis=-1)
    assert (out[inside & clear] == labels[tuple(np.moveaxis(voxel[inside & clear], -1, 0))]).all()
    assert (out[~inside & clear] == 0).all()


def test_whole_numbers_are_rounded_not_cut_off() -> None:
    values = np.array([[[-3, -2]]], np.int16)
    out = np.zeros((1, 5), np.int16)
    cut_plane(values, np.zeros(3), np.array([0, 0, 0.25]), np.array([0.0, 1, 0]), out)
    assert out.tolist() == [[-3, -3, -2, -2, -2]]
