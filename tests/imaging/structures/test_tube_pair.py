"""Two vessels of one density that touch are followed together, each in its place."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from imaging.structures.tube import judge_discs
from imaging.structures.tube_pair import Candidates, beside_each_other, follow_pair

PIXEL_MM = 1.2
RADII_MM = {"artery": 4.0, "vein": 6.0}
PLACES = np.arange(90), np.arange(90)
PLACES_MM = np.arange(90, dtype=np.float64) * PIXEL_MM


def places_mm(k: int) -> dict[str, tuple[float, float]]:
    """Two tubes that run obliquely and touch in the middle third."""
    apart = 10.0 + 0.25 * max(0, abs(k - 15) - 5)
    row, column = 40.0 + 0.8 * k, 30.0 + 1.2 * k
    return {"artery": (row, column), "vein": (row + apart, column)}


def image() -> np.ndarray:
    jj, ii = np.indices((90, 90)) * PIXEL_MM
    hu = np.full((30, 90, 90), -100.0, np.float32)
    for k in range(len(hu)):
        for name, (row, column) in places_mm(k).items():
            hu[k][np.hypot(jj - row, ii - column) <= RADII_MM[name]] = 45.0
    return ndimage.gaussian_filter(hu, (0, 0.8, 0.8))


def candidates(*radii_mm: float) -> Candidates:
    discs = judge_discs(image(), PLACES, np.array(radii_mm), (PIXEL_MM, PIXEL_MM), 5.0)
    return Candidates.of(discs, discs.score - np.float64(0.3), PLACES_MM, PLACES_MM)


def test_touching_vessels_are_followed_without_being_confused() -> None:
    artery, vein = candidates(3.0, 4.0, 5.0), candidates(4.5, 6.0, 7.5)
    behind = np.tile([1.0, 0.0], (30, 1))
    chain = follow_pair(artery, vein, beside_each_other(artery, vein, 18.0, behind, 0.35), 8.0)
    assert len(chain) == 30
    for one, way, name in zip((artery, vein), chain.T, ("artery", "vein"), strict=True):
        found = one.place_mm[np.arange(30), way]
        true = np.array([places_mm(k)[name] for k in range(30)])
        assert np.hypot(*(found - true).T).max() < 4.0, name


def test_a_pair_never_lies_inside_each_other() -> None:
    one = candidates(4.0)
    relation = beside_each_other(one, one, 18.0, np.tile([1.0, 0.0], (30, 1)), 0.35)
    same = np.arange(one.worth.shape[1])
    judged = one.radius_mm > 0.0
    assert judged.any()
    assert (relation[:, same, same][judged] < -1e5).all()
    assert (relation <= 0.0).all()


def test_only_wanted_places_are_judged() -> None:
    wanted = np.zeros((30, 90, 90), dtype=bool)
    wanted[:, 30:60, 20:70] = True
    radii, pixel = np.array([4.0]), (PIXEL_MM, PIXEL_MM)
    discs = judge_discs(image(), PLACES, radii, pixel, 5.0, wanted)
    everywhere = judge_discs(image(), PLACES, radii, pixel, 5.0)
    assert (discs.score[~wanted] == -1.0).all()
    assert np.array_equal(discs.score[wanted], everywhere.score[wanted])
