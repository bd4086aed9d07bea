"""The steps of a plan that concern the way in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imaging.document import Vector
from imaging.volume import Volume
from planning.access.judge import Judge
from planning.access.posture import Position
from planning.errors import PlanningError
from planning.plan import Case
from planning.procedure import with_lesion, with_structures
from planning.store import PlanFile
from planning.ways_in import (
    access_request,
    choose_access,
    find_access,
    overrule,
    with_access_limits,
    with_own_way,
)
from tests.planning.access.scenes import AORTA, Block


def draw_way(case: Case, volume: Volume, entry_mm: Vector, target_mm: Vector) -> Case:
    """Draw a way by hand, as the window does."""
    judge = Judge.of(access_request(case, volume))
    return with_own_way(case, judge.judge(np.array(entry_mm), np.array(target_mm)))


@pytest.fixture(scope="module")
def block() -> Block:
    made = Block(radius_mm=60.0, length_mm=120.0)
    return made.put(AORTA, (made.x > 25.0) & (made.x < 32.0) & made.inside)


@pytest.fixture(scope="module")
def case(block: Block) -> Case:
    request = block.request()
    begun = with_structures(Case.begin(request.volume), request.structures, request.volume)
    return with_lesion(begun, request.volume, request.lesion)


def test_a_way_through_the_aorta_is_taken_only_with_its_reason(
    block: Block, case: Case, tmp_path: Path
) -> None:
    volume = block.request().volume
    found = find_access(case, volume, "trocar_13g_150", Position.SUPINE)
    with pytest.raises(PlanningError):
        overrule(found, "nothing to overrule")
    drawn = draw_way(found, volume, (59.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    own = drawn.plan.chosen
    assert own is not None
    assert own.rank == 0
    assert own.against == ("crosses:aorta",)
    assert drawn.plan.ways[0] is own
    taken = overrule(drawn, "  displaced with carbon dioxide ")
    with PlanFile.create(tmp_path / "one.osteoplan", taken) as kept:
        again = kept.load().plan.chosen
    assert again is not None
    assert again.overruled == "displaced with carbon dioxide"
    assert again.against == ("crosses:aorta",)
    back = choose_access(taken, 1)
    assert back.plan.chosen == found.plan.chosen
    assert back.plan.own_way is not None


def test_margins_and_settings_hold_for_the_next_search(block: Block, case: Case) -> None:
    volume = block.request().volume
    wide = with_access_limits(case, {"aorta": 20.0}, {"hand_angle_deg": 6.0})
    found = find_access(wide, volume, "trocar_13g_150")
    assert found.plan.chosen is not None
    assert found.plan.chosen.clearance_mm["aorta"] >= 15.0 - 1e-6  # they end 5 mm off the lesion
    assert found.plan.chosen.hand is not None
    assert found.plan.chosen.hand.angle_deg == 6.0
    assert with_access_limits(found, {}, {}).plan.access is None
    for margins, settings in (({"aorta": 80.0}, {}), ({}, {"hand_angle_deg": 90.0})):
        with pytest.raises(PlanningError):
            with_access_limits(case, margins, settings)


def test_a_new_outline_drops_the_way_drawn_by_hand(block: Block, case: Case) -> None:
    volume = block.request().volume
    drawn = draw_way(case, volume, (-59.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    moved = with_lesion(drawn, volume, np.roll(block.lesion, 2, axis=0))
    assert moved.plan.own_way is None
    assert moved.plan.chosen is None


def test_a_way_from_elsewhere_gets_rank_0(block: Block, case: Case) -> None:
    found = find_access(case, block.request().volume, "trocar_13g_150")
    assert found.plan.access is not None
    chosen = with_own_way(found, found.plan.access.proposals[2])
    assert chosen.plan.chosen_rank == 0
    assert chosen.plan.simulation == ()
