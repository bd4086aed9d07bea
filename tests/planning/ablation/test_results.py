"""Results of a treatment: criteria, freezes, the moment to stop, thermocouples, dissection."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from imaging.geometry import Grid
from planning.ablation.coverage import margin_of
from planning.ablation.dissection import Dissection
from planning.ablation.exposure import Exposure
from planning.ablation.following import Following
from planning.ablation.limits import zone_criterion
from planning.ablation.request import PlacedDevice, Thermocouple
from planning.ablation.results import TreatmentSummary
from planning.ablation.solver.damage import Damage
from planning.ablation.solver.protocol import Mode, Phase
from planning.ablation.treatment import simulate_treatment
from planning.errors import PlanningError
from tests.planning.ablation.test_treatment import request

MINUTES_OF_HEAT = (Phase(mode=Mode.POWER, seconds=240, power_w=60.0),)
FREEZE_TWICE = (
    Phase(mode=Mode.FREEZE, seconds=180),
    Phase(mode=Mode.PASSIVE_THAW, seconds=120),
    Phase(mode=Mode.FREEZE, seconds=180),
)


@pytest.fixture(scope="module")
def heated() -> TreatmentSummary:
    asked = request("microwave_14g5_2450", protocol=MINUTES_OF_HEAT, spacing_mm=2.5)
    measured = (Thermocouple(name="spinal_canal", lps_mm=(0.0, 19.0, 0.0)),)
    return simulate_treatment(replace(asked, thermocouples=measured)).summary


@pytest.fixture(scope="module")
def frozen() -> TreatmentSummary:
    return simulate_treatment(request(protocol=FREEZE_TWICE, spacing_mm=2.5)).summary


def test_criteria_of_heat_stand_side_by_side(heated: TreatmentSummary) -> None:
    rows = {row.criterion: row for row in heated.criteria}
    assert set(rows) == {"arrhenius", "cem43_240", "three_state", "isotherm_50", "isotherm_60"}
    assert rows["arrhenius"].volume_ml > rows["three_state"].volume_ml  # slower: minutes at 80 °C
    assert rows["arrhenius"].coverage_percent == heated.coverage_percent  # shaft included
    assert rows["isotherm_50"].volume_ml > rows["isotherm_60"].volume_ml
    assert heated.freezes == ()
    assert heated.probes[0].device == "microwave_14g5_2450"


def test_the_moment_to_stop_is_before_the_first_limit_and_tells_what_was_covered(
    heated: TreatmentSummary,
) -> None:
    stop = heated.stop
    assert stop is not None
    assert stop.structure == "spinal_canal"
    assert stop.passed_s is not None
    assert 0.0 < stop.seconds < stop.passed_s
    canal = next(row for row in heated.neighbours if row.name == "spinal_canal")
    assert canal.first_passed_s == stop.passed_s
    assert heated.coverage is not None
    along = np.interp(stop.seconds, heated.coverage.time_s, heated.coverage.coverage_percent)
    assert stop.coverage_percent == pytest.approx(float(along), abs=6.0)
    assert stop.coverage_with_margin_percent < heated.coverage_with_margin_percent


def test_stopping_at_that_moment_keeps_every_limit_meanwhile(heated: TreatmentSummary) -> None:
    assert heated.stop is not None
    shorter = (Phase(mode=Mode.POWER, seconds=heated.stop.seconds, power_w=60.0),)
    done = simulate_treatment(request("microwave_14g5_2450", protocol=shorter, spacing_mm=2.5))
    assert done.summary.passed == ()
    assert done.summary.coverage_percent == pytest.approx(heated.stop.coverage_percent, abs=8.0)


def test_coverage_only_grows_and_ends_at_what_is_covered(heated: TreatmentSummary) -> None:
    assert heated.coverage is not None
    shares = np.array(heated.coverage.coverage_with_margin_percent)
    assert (np.diff(shares) >= 0).all()
    assert shares[-1] == pytest.approx(heated.coverage_with_margin_percent, abs=1.0)


def test_a_thermocouple_has_a_curve_and_the_limit_of_what_it_guards(
    heated: TreatmentSummary,
) -> None:
    curve = next(one for one in heated.curves if one.kind == "thermocouple")
    assert curve.name == "spinal_canal"
    assert (curve.lowest_c, curve.highest_c) == (10.0, 45.0)
    assert curve.temperature_c[-1] > 45.0
    assert curve.passed_s is not None


def test_the_zone_is_that_of_the_criterion_that_it_goes_by(
    heated: TreatmentSummary, frozen: TreatmentSummary
) -> None:
    for one in (heated, frozen):
        (row,) = (row for row in one.criteria if row.criterion == zone_criterion(one.technique))
        assert row.coverage_percent == pytest.approx(one.coverage_percent)
        assert row.volume_ml == pytest.approx(one.zone_ml, rel=0.02)


def test_what_was_frozen_twice_is_told(frozen: TreatmentSummary) -> None:
    assert [row.freezes for row in frozen.freezes] == [1, 2]
    once, twice = frozen.freezes
    assert once.volume_ml >= twice.volume_ml > 0.0
    assert {row.temperature_c for row in frozen.isotherms} == {0.0, -20.0, -40.0}
    shares = [row.coverage_with_margin_percent for row in frozen.criteria]
    assert [row.criterion for row in frozen.criteria] == [
        "isotherm_0",
        "isotherm_-20",
        "isotherm_-40",
    ]
    assert shares == sorted(shares, reverse=True)
    assert frozen.stop is not None
    assert frozen.stop.structure is None


def test_a_second_freeze_counts_only_where_tissue_thawed_between(frozen: TreatmentSummary) -> None:
    at_once = (Phase(mode=Mode.FREEZE, seconds=180), Phase(mode=Mode.FREEZE, seconds=180))
    row = simulate_treatment(request(protocol=at_once, spacing_mm=2.5)).summary.freezes
    assert [one.freezes for one in row] == [1, 2]
    assert row[0].volume_ml > 0.0
    assert row[1].volume_ml == 0.0
    assert frozen.freezes[1].volume_ml > 0.0


def test_a_cell_must_be_above_its_freezing_range_to_freeze_again() -> None:
    lesion = np.ones((1, 1, 3), dtype=bool)
    grid = Grid.aligned((1, 1, 3), 1.0, (0.0, 0.0, 0.0))
    twice = (Phase(mode=Mode.FREEZE, seconds=2), Phase(mode=Mode.FREEZE, seconds=2))
    followed = Following(
        lesion,
        lesion,
        Exposure(grid, ()),
        np.full(lesion.shape, -1.0, np.float32),
        is_cold=True,
        protocol=twice,
    )
    courses = [[-30.0, -5.0, -30.0], [-30.0, 2.0, -30.0], [-30.0, 2.0, -15.0]]
    damage = Damage(np.full(lesion.shape, 37.0, np.float32))
    before = damage.hottest_c
    for step, cells in enumerate(zip(*courses, strict=True), start=1):
        now = np.array(cells, np.float32).reshape(lesion.shape)
        damage.advance(before, now, 1.0)
        before = now
        followed.watch(float(step), now, damage)
    once, again = followed.freezes(voxel_ml=0.001)
    assert once.coverage_percent == 100.0
    assert again.coverage_percent == pytest.approx(100.0 / 3.0)


def test_the_smallest_margin_has_a_place() -> None:
    z, y, x = np.indices((40, 40, 40)) - 20.0
    lesion = x**2 + y**2 + z**2 < 64
    zone = 12.0 - np.sqrt((x + 3.0) ** 2 + y**2 + z**2)  # nearest where x is largest
    margin = margin_of(lesion, zone, 1.0)
    assert margin.least_mm == pytest.approx(1.0, abs=0.6)
    assert margin.at_kji is not None
    assert margin.at_kji[2] - 20.0 == pytest.approx(8.0, abs=1.0)
    near = margin.field_mm[20, 20, 28]
    far = margin.field_mm[20, 20, 12]
    assert near == pytest.approx(1.0, abs=0.8)
    assert far == pytest.approx(7.0, abs=0.8)
    assert np.isnan(margin.field_mm[0, 0, 0])


def test_several_probes_reach_farther_than_one() -> None:
    left = PlacedDevice("icerod_17g", (-6.0, 14.0, 0.0), (0.0, -1.0, 0.0))
    right = PlacedDevice("icerod_17g", (6.0, 14.0, 0.0), (0.0, -1.0, 0.0))
    freeze = (Phase(mode=Mode.FREEZE, seconds=180),)
    one = simulate_treatment(request(protocol=freeze, spacing_mm=2.5)).summary
    two = simulate_treatment(
        request(protocol=freeze, spacing_mm=2.5, applicators=(left, right))
    ).summary
    assert two.zone_ml > 1.3 * one.zone_ml
    assert len(two.probes) == 2


def test_dissection_keeps_the_canals_side_out_but_pushes_the_bowel() -> None:
    near = PlacedDevice("icerod_17g", (26.0, 14.0, 0.0), (0.0, -1.0, 0.0))
    freeze = (Phase(mode=Mode.FREEZE, seconds=240),)
    asked = request(protocol=freeze, spacing_mm=2.5, applicators=(near,))
    layer = Dissection(
        fluid="carbon_dioxide",
        structure="colon",
        centre_lps_mm=(42.0, 0.0, 0.0),
        towards_lps=(1.0, 0.0, 0.0),
        thickness_mm=10.0,
        radius_mm=25.0,
    )
    before = simulate_treatment(asked).summary
    after = simulate_treatment(replace(asked, dissections=(layer,))).summary
    coldest = [
        next(row.min_c for row in one.neighbours if row.name == "colon") for one in (before, after)
    ]
    assert coldest[1] > coldest[0] + 3.0
    assert after.dissections == (layer,)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (
            {
                "applicators": (
                    PlacedDevice("icerod_17g", (0, 14, 0), (0, -1, 0)),
                    PlacedDevice("icerod_17g", (0.2, 14, 0), (0, -1, 0)),
                )
            },
            "applicators_cross",
        ),
        (
            {
                "applicators": (PlacedDevice("microwave_14g5_2450", (0, 14, 0), (0, -1, 0)),),
                "protocol": (Phase(mode=Mode.POWER, seconds=60, power_w=500.0),),
            },
            "beyond_device",
        ),
        ({"protocol": ()}, "no_phase"),
        ({"protocol": (Phase(mode=Mode.FREEZE, seconds=90000),)}, "too_long"),
        ({"spacing_mm": 0.2}, "grid_too_large"),
        (
            {
                "dissections": (
                    Dissection(fluid="saline", centre_lps_mm=(0, 0, 0), towards_lps=(0, 0, 0)),
                )
            },
            "zero_axis",
        ),
        ({"thermocouples": (Thermocouple(name="x", lps_mm=(500, 0, 0)),)}, "outside_box"),
    ],
)
def test_impossible_treatments_are_refused_before_they_start(
    changes: dict[str, object], code: str
) -> None:
    with pytest.raises(PlanningError) as refused:
        simulate_treatment(request(**changes))  # type: ignore[arg-type]
    assert code in {problem.code for problem in refused.value.problems}
