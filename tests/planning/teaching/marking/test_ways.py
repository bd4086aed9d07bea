"""A way is judged on the reference's ground: what it breaks, how it compares with all others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from imaging.structures.labels import structures_from
from imaging.structures.model import Structures
from imaging.volume import SeriesInfo, Volume
from planning.ablation.results import Probe, TreatmentSummary
from planning.plan import Case
from planning.procedure import with_lesion, with_structures
from planning.teaching.answer import Answer
from planning.teaching.exercise import Statement
from planning.teaching.feedback import feedback
from planning.teaching.marking.mark import mark
from planning.teaching.marking.ways import Ground, way_findings
from planning.ways_in import access_request, with_own_way
from tests.planning.teaching.samples import GRID, SIZE, ball, exercise

NEEDLE = "infiltration_22g_90"
TARGET = (0.0, 0.0, 0.0)
FREE, THROUGH = (0.0, 24.0, 0.0), (-24.0, 0.0, 0.0)  # from behind; from the right, where it lies


@pytest.fixture(scope="module")
def ct() -> Volume:
    hu = np.full(SIZE, -1000, dtype=np.int16)
    hu[ball(24.5)] = 40
    return Volume(hu, GRID, SeriesInfo(uid="1.2.3.5", path="", patient_position="HFS"))


@pytest.fixture(scope="module")
def found() -> Structures:
    labels = np.zeros(SIZE, dtype=np.uint16)
    labels[ball(24.5)] = 1
    labels[ball(4.0, (-14.0, 0.0, 0.0))] = 2
    return structures_from(labels, GRID, {1: "body", 2: "aorta"}, "test")


@pytest.fixture(scope="module")
def begun(ct: Volume, found: Structures) -> Case:
    case = with_structures(Case.begin(ct), found, ct)
    return with_lesion(case, ct, ball(6.0)).with_plan(needle_id=NEEDLE)


@pytest.fixture(scope="module")
def ground(begun: Case, ct: Volume) -> Ground:
    return Ground(Answer(begun, Statement(), 1.0), ct)


def answered(ground: Ground, begun: Case, entry: tuple[float, float, float]) -> Answer:
    way = ground.judge.judge(np.array(entry), np.array(TARGET))
    return Answer(with_own_way(begun, way), Statement(), 100.0)


def test_the_reference_against_itself_has_no_error(ground: Ground, begun: Case) -> None:
    right = answered(ground, begun, FREE)
    findings = way_findings(right, right, ground)
    assert [one.error for one in findings] == [0.0] * 5
    assert all(not one.faults for one in findings)


def test_a_way_through_a_vessel_is_a_fault_and_no_possible_way(ground: Ground, begun: Case) -> None:
    right, wrong = answered(ground, begun, FREE), answered(ground, begun, THROUGH)
    by_term = {one.term: one for one in way_findings(wrong, right, ground)}
    assert [fault.where for fault in by_term["way_safety"].faults] == ["aorta"]
    assert by_term["way_safety"].faults[0].code == "crosses"
    assert by_term["way_percentile"].value == 0.0
    assert (by_term["way_clearance"].error or 0.0) > 0.0


def test_a_better_score_is_a_higher_percentile(ground: Ground, begun: Case) -> None:
    assert len(ground.scores) > 100
    entries = [(0.0, 24.0, 0.0), (0.0, 20.0, 13.0), (0.0, 11.0, 21.0)]
    ways = [ground.judge.judge(np.array(one), np.array(TARGET)) for one in entries]
    percentiles = [ground.percentile(way) for way in ways]
    assert all(0.0 <= one <= 100.0 for one in percentiles)
    assert percentiles == sorted(percentiles, reverse=True)
    assert percentiles[0] > percentiles[-1]


def test_limits_that_the_resident_changes_change_nothing(
    ground: Ground, begun: Case, ct: Volume
) -> None:
    right, wrong = answered(ground, begun, FREE), answered(ground, begun, THROUGH)
    eased = replace(wrong, case=wrong.case.with_plan(margins_mm={"aorta": 0.0}))
    assert access_request(eased.case, ct).margin_mm("aorta") == 0.0
    assert way_findings(eased, right, ground) == way_findings(wrong, right, ground)


def test_no_way_has_no_points_and_no_fault(ground: Ground, begun: Case) -> None:
    right = answered(ground, begun, FREE)
    nothing = Answer(begun, Statement(), 1.0)
    findings = way_findings(nothing, right, ground)
    assert [one.error for one in findings] == [None] * 5


def test_a_dangerous_way_fails_a_whole_infiltration(
    ground: Ground, begun: Case, ct: Volume
) -> None:
    stated = Statement(technique="infiltration", anaesthetic_ml=1.5, volume_ml=0.9)
    right = replace(answered(ground, begun, FREE), statement=stated)
    wrong = replace(answered(ground, begun, THROUGH), statement=stated)
    asked = exercise("infiltration", pass_percent=40)
    whole, failed = (mark(asked, one, right, ct) for one in (right, wrong))
    assert whole.percent == 100.0
    assert failed.percent > failed.pass_percent
    assert not failed.passed
    assert failed.rank < whole.rank


def test_a_needle_that_does_not_reach_the_lesion_fails(
    ground: Ground, begun: Case, ct: Volume
) -> None:
    stated = Statement(technique="infiltration", anaesthetic_ml=1.5, volume_ml=0.9)
    right = replace(answered(ground, begun, FREE), statement=stated)
    asked = exercise("infiltration", pass_percent=1)
    for aside_mm, codes in ((7.0, []), (18.0, ["misses_lesion"])):
        entry, tip = np.array((aside_mm, 20.0, 0.0)), np.array((aside_mm, 0.0, 0.0))
        way = ground.judge.judge(entry, tip)
        missed = replace(right, case=with_own_way(begun, way))
        found = mark(asked, missed, right, ct)
        assert [fault.code for fault in found.faults] == codes
        assert found.passed == (not codes)
        assert feedback(asked, missed, right, found).faults or not codes


def test_another_simulation_does_not_hide_the_way_of_an_infiltration(
    ground: Ground, begun: Case, ct: Volume
) -> None:
    right = replace(answered(ground, begun, FREE), statement=Statement(technique="infiltration"))
    probe = Probe(device="icerod_17g", tip_lps_mm=TARGET, axis_lps=(0.0, 1.0, 0.0))
    row = TreatmentSummary(
        device="icerod_17g",
        technique="cryoablation",
        coverage_percent=100.0,
        coverage_with_margin_percent=100.0,
        min_margin_mm=5.0,
        neighbours=(),
        margin_mm=5.0,
        spacing_mm=1.5,
        zone_ml=10.0,
        verified_device=False,
        isotherms=(),
        curves=(),
        probes=(probe,),
    )
    wrong = replace(answered(ground, begun, THROUGH), statement=Statement(), treatments=(row,))
    found = mark(exercise("infiltration"), wrong, right, ct)
    assert [fault.code for fault in found.faults] == ["crosses"]
