"""The map of the skin agrees with the search, and with itself when something is moved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planning.access.live import CLOSED, COUCH, NEAR, OPEN, LiveAccess, SkinMap
from planning.access.posture import Position
from planning.access.search import search_access
from tests.planning.access.scenes import AORTA, Block


@pytest.fixture(scope="module")
def block() -> Block:
    made = Block(radius_mm=70.0, length_mm=140.0)
    wall = (made.x > 20.0) & (made.x < 28.0) & (np.abs(made.y) < 40.0) & made.inside
    return made.put(AORTA, wall)


def _open_share(found: SkinMap) -> float:
    return float((found.state == OPEN).mean())


def test_skin_behind_a_wall_is_closed_and_proposals_lie_on_open_skin(block: Block) -> None:
    found = LiveAccess(block.request()).skin_map()
    level = np.abs(found.points_lps_mm[:, 2]) < 10.0
    behind = level & (found.points_lps_mm[:, 0] > 60.0)
    before = level & (found.points_lps_mm[:, 0] < -60.0)
    assert (found.state[behind] == CLOSED).all()
    assert (found.state[before] == OPEN).all()
    assert (found.score[found.state == CLOSED] == 0).all()
    for one in search_access(block.request(top=4)).proposals:
        gap = np.linalg.norm(found.points_lps_mm - one.entry_lps_mm, axis=1)
        assert found.state[np.argmin(gap)] in {OPEN, NEAR}


def test_a_margin_moved_gives_the_map_that_it_would_have_had(block: Block) -> None:
    live = LiveAccess(block.request())
    narrow = _open_share(live.skin_map())
    for margin in (12.0, 3.0, 20.0):
        live.set_margin("aorta", margin)
        moved = live.skin_map()
        fresh = LiveAccess(block.request(margins_mm={"aorta": margin})).skin_map()
        assert np.array_equal(moved.state, fresh.state)
        assert live.margin_mm("aorta") == margin
    assert _open_share(moved) < narrow


def test_turning_the_patient_moves_the_couch(block: Block) -> None:
    live = LiveAccess(block.request())
    for position, axis, sign in ((Position.SUPINE, 1, 1), (Position.RIGHT, 0, -1)):
        found = live.skin_map(position)
        low = sign * found.points_lps_mm[:, axis] > 60.0
        assert (found.state[low] == COUCH).all()


def test_a_target_moved_is_that_of_a_fresh_request(block: Block) -> None:
    live = LiveAccess(block.request())
    moved = live.skin_map(targets_lps_mm=((-6.0, 0.0, 4.0),))
    fresh = LiveAccess(replace(block.request(), targets_lps_mm=((-6.0, 0.0, 4.0),))).skin_map()
    assert np.array_equal(moved.state, fresh.state)
