"""Several needles, needles that protect, cement and screws, on shapes whose answer is known."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from planning.access.cement import cement_plan
from planning.access.front import on_front
from planning.access.posture import Position
from planning.access.protection import find_protection
from planning.access.screws import find_screws
from planning.access.sets import Purpose, needle_gap_mm, search_set
from planning.access.settings import settings_with
from planning.errors import NothingFeasible, PlanningError
from tests.planning.access.scenes import AORTA, BONE, CANAL, Block


@pytest.fixture(scope="module")
def long_lesion() -> Block:
    block = Block(radius_mm=70.0, length_mm=140.0)
    block.lesion = (block.x / 9) ** 2 + (block.y / 9) ** 2 + (block.z / 32) ** 2 <= 1
    return block


def test_infiltration_needles_together_reach_what_one_does_not(long_lesion: Block) -> None:
    request = long_lesion.request("infiltration_22g_90")
    one = search_set(request, Purpose.INFILTRATION, 1)
    several = search_set(request, Purpose.INFILTRATION)
    assert several.covered_fraction > one.covered_fraction + 0.2
    assert several.covered_fraction >= 0.9
    tips = np.array([needle.target_lps_mm for needle in several.needles])
    lesion = request.lesion_lps_mm
    near = np.linalg.norm(lesion[:, None] - tips, axis=2).min(axis=1) <= several.reach_mm
    assert several.covered_fraction == pytest.approx(near.mean(), abs=0.02)
    assert all(not needle.against for needle in several.needles)


def test_needles_of_a_set_never_cross(long_lesion: Block) -> None:
    found = search_set(long_lesion.request("infiltration_22g_90"), Purpose.INFILTRATION, 4)
    for a, b in combinations(found.needles, 2):
        one = np.linspace(a.entry_lps_mm, a.target_lps_mm, 200)
        two = np.linspace(b.entry_lps_mm, b.target_lps_mm, 200)
        gap = np.linalg.norm(one[:, None] - two[None], axis=2).min()
        assert gap >= 0.72 + 1.0 - 0.05
        assert found.gap_mm is not None
        assert gap - 0.72 >= found.gap_mm - 1e-6


def test_probes_are_parallel_and_one_to_two_centimetres_apart(long_lesion: Block) -> None:
    found = search_set(long_lesion.request(), Purpose.CRYOABLATION, 3)
    along = [np.subtract(n.target_lps_mm, n.entry_lps_mm) / n.length_mm for n in found.needles]
    assert all(a @ b > np.cos(np.radians(2.0)) for a, b in combinations(along, 2))
    assert found.spacing_mm is not None
    for a, b in combinations(found.needles, 2):
        offset = np.subtract(a.target_lps_mm, b.target_lps_mm)
        across = np.linalg.norm(offset - (offset @ along[0]) * along[0])
        assert 9.5 <= across <= 20.5
    assert found.covered_with_margin_fraction <= found.covered_fraction


def test_a_bipolar_pair_is_two() -> None:
    found = search_set(Block().request(), Purpose.BIPOLAR)
    assert len(found.needles) == 2


def test_a_set_that_cannot_be_is_said() -> None:
    block = Block()
    away = np.hypot(np.hypot(block.x, block.y), block.z)
    block.put(AORTA, (away > 18.0) & (away < 26.0))
    with pytest.raises(NothingFeasible):
        search_set(block.request(), Purpose.CRYOABLATION, 2)
    with pytest.raises(PlanningError):
        search_set(block.request(), Purpose.CRYOABLATION, 9)


points = st.tuples(*[st.floats(-50, 50)] * 3).map(np.array)


@given(points, points, points, points)
@settings(max_examples=60, deadline=None)
def test_gap_between_needles_agrees_with_a_minimiser(
    a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray
) -> None:
    if min(np.linalg.norm(b - a), np.linalg.norm(d - c)) < 1.0:
        return

    def far(at: np.ndarray) -> float:
        return float(np.linalg.norm(a + at[0] * (b - a) - c - at[1] * (d - c)))

    starts = [(0.1, 0.1), (0.9, 0.1), (0.1, 0.9), (0.9, 0.9)]
    best = min(minimize(far, s, bounds=[(0, 1), (0, 1)]).fun for s in starts)
    assert needle_gap_mm(a, b, c, d) == pytest.approx(best, abs=1e-3)


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_front_holds_what_nothing_dominates(seed: int) -> None:
    goods = np.random.default_rng(seed).integers(0, 5, (30, 3)).astype(float)
    front = on_front(goods)
    for own, is_on in zip(goods, front, strict=True):
        dominated = any((other >= own).all() and (other > own).any() for other in goods)
        assert is_on != dominated


def test_a_thermocouple_lies_between_lesion_and_canal() -> None:
    block = Block(radius_mm=70.0, length_mm=120.0, spacing_mm=1.5)
    canal = (np.hypot(block.x - 26.0, block.y) < 8.0) & block.inside
    block.put(CANAL, canal)
    found = find_protection(block.request())
    (one,) = [each for each in found if each.kind == "thermocouple"]
    assert one.structure == "spinal_canal"
    assert one.gap_mm == pytest.approx(8.0, abs=2.0)
    tip = np.array(one.tip_lps_mm)
    assert np.linalg.norm(tip) > 10.0
    assert 26.0 - tip[0] > 8.0
    assert one.way is not None
    assert np.linalg.norm(np.subtract(one.way.target_lps_mm, tip)) <= 3.0
    assert "crosses:spinal_canal" not in one.way.against


def test_far_structures_need_no_protection() -> None:
    assert find_protection(Block().request()) == ()


def test_cement_fills_what_lies_in_the_bone_and_not_what_broke_out() -> None:
    block = Block(radius_mm=60.0, length_mm=100.0, spacing_mm=1.5)
    bone = (np.abs(block.x) < 25) & (np.abs(block.y) < 15) & (np.abs(block.z) < 25)
    block.put(BONE, bone)
    block.lesion = np.hypot(np.hypot(block.x, block.y - 13.0), block.z) <= 9.0
    found = cement_plan(block.request(), np.array([0.0, 10.0, 0.0]))
    voxel_ml = 1.5**3 / 1000
    inside, outside = (block.lesion & bone).sum(), (block.lesion & ~bone).sum()
    assert found.bone == "hip_left"
    assert found.fillable_ml == pytest.approx(inside * voxel_ml, rel=0.2)
    assert found.outside_ml == pytest.approx(outside * voxel_ml, rel=0.5)
    assert any(leak.kind == "wall" and leak.is_seen for leak in found.leaks)


def test_a_vessel_beside_the_cavity_may_receive_cement() -> None:
    block = Block(radius_mm=60.0, length_mm=100.0, spacing_mm=1.5)
    block.put(BONE, (np.abs(block.x) < 25) & (np.abs(block.y) < 14) & (np.abs(block.z) < 25))
    block.put(AORTA, (np.hypot(block.x, block.y - 19.0) < 5.0) & block.inside)
    found = cement_plan(block.request(), np.zeros(3))
    (vein,) = [leak for leak in found.leaks if leak.kind == "vein"]
    assert vein.name == "aorta"
    assert vein.gap_mm == pytest.approx(4.0, abs=1.6)


def test_a_screw_follows_a_bar_of_bone() -> None:
    block = Block(radius_mm=80.0, length_mm=100.0, spacing_mm=1.0)
    bar = (np.hypot(block.y, block.z) < 9.0) & (np.abs(block.x) < 45)
    block.put(BONE, bar)
    block.lesion = np.hypot(np.hypot(block.x, block.y), block.z) <= 6.0
    best = find_screws(block.request(), 1)[0]
    along = np.subtract(best.end_lps_mm, best.cortex_lps_mm)
    assert abs(along[0]) / np.linalg.norm(along) > np.cos(np.radians(8.0))
    assert best.length_mm in {70.0, 75.0, 80.0, 85.0, 90.0}
    assert best.length_mm <= best.corridor_mm
    assert best.diameter_mm / 2 + best.cortex_left_mm <= 9.5
    assert best.cortex_left_mm >= 1.0
    assert best.lesion_mm == pytest.approx(12.0, abs=2.0)


def test_no_screw_fits_a_bone_that_is_too_thin() -> None:
    block = Block(radius_mm=60.0, length_mm=80.0)
    block.put(BONE, (np.hypot(block.y, block.z) < 3.0) & (np.abs(block.x) < 40))
    block.lesion = np.hypot(np.hypot(block.x, block.y), block.z) <= 2.5
    with pytest.raises(NothingFeasible) as refusal:
        find_screws(block.request())
    assert refusal.value.problems[0].code == "no_corridor"


def test_a_wider_spread_needs_no_more_needles(long_lesion: Block) -> None:
    narrow = long_lesion.request("infiltration_22g_90", settings=settings_with(spread_mm=8.0))
    wide = long_lesion.request("infiltration_22g_90", settings=settings_with(spread_mm=25.0))
    assert len(search_set(wide, Purpose.INFILTRATION).needles) <= len(
        search_set(narrow, Purpose.INFILTRATION).needles
    )


def test_a_screw_that_is_cut_short_before_the_lesion_is_not_proposed() -> None:
    block = Block(radius_mm=130.0, length_mm=80.0, spacing_mm=2.0)
    block.put(BONE, (np.hypot(block.x, block.z) < 10.0) & (np.abs(block.y) < 95))
    block.lesion = np.hypot(np.hypot(block.x, block.y - 75.0), block.z) <= 8.0
    for one in find_screws(block.request(), 3):
        along = np.linspace(one.cortex_lps_mm, one.end_lps_mm, 300)
        near = np.linalg.norm(along - np.array([0.0, 75.0, 0.0]), axis=1).min()
        assert near <= 8.0
        assert one.lesion_mm > 0.0


def test_no_probe_of_a_set_breaks_a_limit_of_its_own() -> None:
    block = Block(radius_mm=35.0, length_mm=100.0)
    block.put(CANAL, ((block.x < -14.0) | (block.y < -8.0)) & block.inside)
    request = block.request(position=Position.SUPINE)
    for count in (2, 3, 4):
        try:
            found = search_set(request, Purpose.CRYOABLATION, count)
        except NothingFeasible:
            continue
        assert all(not needle.against for needle in found.needles)
