"""The canal near clicks: the first leads, and it is looked for once."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.geometry import Grid
from imaging.phantom.cases import GeneratedCase, generate
from imaging.structures import canal as module
from imaging.structures.canal import Canal, CanalBeside, canal_near, slices_near
from imaging.structures.coarse import closer_than

GRID = Grid.aligned((200, 64, 64), 2.0, np.zeros(3))


@pytest.fixture(scope="module")
def vertebra() -> GeneratedCase:
    return generate("vertebra", spacing_mm=3.0, margin_mm=95.0)


def test_a_further_click_beside_the_first_looks_in_the_same_slices() -> None:
    first = np.array([60.0, 60.0, 200.0])
    alone = slices_near(GRID, first)
    assert slices_near(GRID, np.stack([first, first - [5.0, 0.0, -25.0]])) == alone
    assert slices_near(GRID, np.stack([first, first - [0.0, 0.0, 50.0]])) != alone


def test_the_canal_beside_corrected_clicks_is_looked_for_once(
    vertebra: GeneratedCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []

    def look(*asked: object) -> object:
        looked.append(asked)
        return canal_near(*asked)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "canal_near", look)
    seed = np.array(vertebra.truth.lesion.seed_lps_mm)
    kept = CanalBeside()
    found = kept.find(None, vertebra.volume, seed[None])
    again = kept.find(None, vertebra.volume, np.stack([seed, seed + 4.0]))
    assert found is not None
    assert again is found
    assert len(looked) == 1
    kept.find(None, vertebra.volume, seed[None] - [0.0, 0.0, 40.0])
    assert len(looked) == 2


def test_a_canal_is_thinned_as_the_image_is() -> None:
    random = np.random.default_rng(3)
    whole = np.zeros((11, 20, 23), dtype=bool)
    block = slice(3, 9), slice(5, 14), slice(7, 16)
    whole[block] = random.random((6, 9, 9)) < 0.5
    canal = Canal(whole[block], block, np.zeros((6, 3)))
    for step in ((1, 1, 1), (2, 3, 2), (1, 4, 5)):
        every = tuple(slice(None, None, n) for n in step)
        assert np.array_equal(canal.every(step, whole.shape), whole[every])
    assert canal.width(4) == np.count_nonzero(whole[4].any(axis=0))


def test_distances_are_measured_across_the_slices_taken_together() -> None:
    from scipy import ndimage

    mask = np.zeros((70, 12, 12), dtype=bool)
    mask[[0, 23, 50], [2, 6, 11], [3, 6, 0]] = True
    spacing = (3.0, 2.4, 2.4)
    expected = ndimage.distance_transform_edt(~mask, sampling=spacing) < 9.0
    assert np.array_equal(closer_than(mask, 9.0, spacing), expected)
    assert not closer_than(np.zeros_like(mask), 9.0, spacing).any()
