"""Ablation as steps of a plan: sets of needles, depths, dissection, comparison, what is kept."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from imaging.document import Vector
from imaging.volume import Volume
from planning import ablations, ways_in
from planning.ablation.dissection import Dissection
from planning.ablation.request import Thermocouple
from planning.access.request import Proposal
from planning.access.sets import NeedleSet, Purpose
from planning.errors import PlanningError
from planning.plan import Case
from planning.procedure import with_lesion, with_structures
from planning.store import PlanFile
from tests.planning.ablation.test_treatment import request

COARSE_MM = 3.5


def way(rank: int, x_mm: float) -> Proposal:
    entry: Vector = (x_mm, -38.0, 0.0)
    target: Vector = (x_mm, 0.0, 0.0)
    return Proposal(
        rank=rank, entry_lps_mm=entry, target_lps_mm=target, length_mm=38.0,
        angle_to_axial_deg=0.0, bone_mm=3.0, clearance_mm={}, score=0.5, terms={},
    )  # fmt: skip


def pair(purpose: Purpose = Purpose.CRYOABLATION) -> NeedleSet:
    return NeedleSet(
        purpose=purpose, needles=(way(1, -6.0), way(2, 6.0)), covered_fraction=1.0,
        covered_with_margin_fraction=0.9, reach_mm=10.0, margin_mm=5.0, spacing_mm=12.0,
        gap_mm=10.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def block() -> tuple[Case, Volume]:
    made = request()
    case = with_structures(Case.begin(made.volume), made.structures, made.volume)
    case = with_lesion(case, made.volume, made.lesion)
    return ways_in.with_own_way(case, way(0, 0.0)), made.volume


def test_a_chosen_set_carries_one_device_on_each_needle(block: tuple[Case, Volume]) -> None:
    case, volume = block
    both = ablations.use_needle_set(case, pair())
    assert len(ablations.placed_devices(both, "icerod_17g")) == 2
    assert len(ablations.placed_devices(both, "cooltip_17g_20")) == 1  # a set for cold
    bipolar = ablations.use_needle_set(case, pair(Purpose.BIPOLAR))
    assert len(ablations.placed_devices(bipolar, "osteocool_17g_20")) == 2
    done = ablations.simulate_device(both, volume, "osteocool_17g_20", 5.0, COARSE_MM)
    assert len(done.plan.simulation[0].probes) == 1


def test_infiltration_needles_carry_no_device(block: tuple[Case, Volume]) -> None:
    with pytest.raises(PlanningError) as refused:
        ablations.use_needle_set(block[0], pair(Purpose.INFILTRATION))
    assert refused.value.problems[0].code == "other_purpose"


def test_each_probe_has_a_depth_of_its_own(block: tuple[Case, Volume]) -> None:
    both = ablations.use_needle_set(block[0], pair())
    deeper = ablations.set_depths(both, (0.0, 4.0))
    tips = [one.tip_lps_mm[1] for one in ablations.placed_devices(deeper, "icerod_17g")]
    before = [one.tip_lps_mm[1] for one in ablations.placed_devices(both, "icerod_17g")]
    assert tips[0] == pytest.approx(before[0])
    assert tips[1] == pytest.approx(before[1] + 4.0)
    with pytest.raises(PlanningError):
        ablations.set_depths(both, (900.0,))


def test_techniques_stand_side_by_side_and_with_dissection_beside_without(
    block: tuple[Case, Volume], tmp_path: Path
) -> None:
    case, volume = block
    done = ablations.compare_techniques(case, volume, (), 5.0, COARSE_MM)
    assert [row.technique for row in done.plan.simulation] == list(ablations.TECHNIQUES)
    layer = Dissection(fluid="dextrose_5", centre_lps_mm=(30.0, 0.0, 0.0), radius_mm=8.0)
    wet = ablations.set_dissections(done, (layer,))
    assert len(wet.plan.simulation) == 3
    wet = ablations.set_thermocouples(wet, (Thermocouple(name="colon", lps_mm=(38.0, 0.0, 0.0)),))
    wet = ablations.simulate_device(wet, volume, "icerod_17g", 5.0, COARSE_MM)
    assert [bool(row.dissections) for row in wet.plan.simulation] == [False, False, False, True]
    assert wet.plan.recommendation is None
    path = tmp_path / "plan.osteoplan"
    with PlanFile.create(path, wet) as kept:
        kept.save(wet, "made")
    with PlanFile.open(path) as kept:
        again = kept.load()
    assert again.plan == wet.plan
    for one, other in zip(again.fields, wet.fields, strict=True):
        assert one.margin_mm is not None
        assert other.margin_mm is not None
        np.testing.assert_allclose(one.margin_mm, other.margin_mm, atol=0.13)


def test_a_plan_from_before_these_results_opens(block: tuple[Case, Volume], tmp_path: Path) -> None:
    case, volume = block
    done = ablations.simulate_device(case, volume, "icerod_17g", 5.0, COARSE_MM)
    path = tmp_path / "old.osteoplan"
    PlanFile.create(path, done).close()
    connection = sqlite3.connect(path)
    (text,) = connection.execute("SELECT document FROM plan").fetchone()
    old = json.loads(text)
    for key in ("needle_set", "depth_shifts_mm", "thermocouples", "dissections", "ablation_search"):
        del old[key]
    for row in old["simulation"]:
        new = ("min_margin_lps_mm", "probes", "protocol", "criteria", "freezes", "coverage")
        for key in (*new, "stop", "dissections", "is_planned"):
            del row[key]
        for curve in row["curves"]:
            for key in ("kind", "lowest_c", "highest_c"):
                del curve[key]
    connection.execute("UPDATE plan SET document = ?", (json.dumps(old),))
    connection.execute("ALTER TABLE thermal_field DROP COLUMN margin")
    connection.execute("PRAGMA user_version = 2")
    connection.commit()
    connection.close()
    with PlanFile.open(path) as kept:
        again = kept.load()
    (row,) = again.plan.simulation
    assert row.coverage_percent == done.plan.simulation[0].coverage_percent
    assert row.stop is None
    assert again.fields[0].margin_mm is None


def test_another_way_drops_what_was_planned_on_the_former(block: tuple[Case, Volume]) -> None:
    both = ablations.use_needle_set(block[0], pair())
    other = ways_in.with_own_way(both, way(0, 3.0))
    assert other.plan.needle_set is None
    assert other.plan.simulation == ()
