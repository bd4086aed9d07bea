"""Samples of a treatment: reproducible, on one grid, the same on any number of processes."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from imaging.progress import Cancelled, Progress
from imaging.volume import SeriesInfo, Volume
from planning.ablation.request import PlacedDevice, TreatmentRequest
from planning.ablation.treatment import on_its_box, simulate_treatment
from planning.ablation.uncertainty.outcome import simulate_sample
from planning.ablation.uncertainty.samples import UncertaintyRequest, simulate_samples
from planning.ablation.uncertainty.sampling import PlacementError, Sample, draw_samples
from planning.ablation.uncertainty.variation import Variation
from planning.errors import PlanningError


def test_the_same_seed_gives_the_same_result_in_one_process_and_in_two(
    quick: TreatmentRequest,
) -> None:
    alone = simulate_samples(UncertaintyRequest(quick, samples=5, seed=4, processes=1))
    together = simulate_samples(UncertaintyRequest(quick, samples=5, seed=4, processes=2))
    assert together.result == alone.result
    np.testing.assert_array_equal(together.lethal, alone.lethal)
    np.testing.assert_array_equal(together.harm, alone.harm)
    rows = alone.result.rows
    assert [row.number for row in rows] == [0, 1, 2, 3, 4]
    assert len({row.zone_ml for row in rows}) > 1
    assert alone.lethal.shape == alone.grid.size_kji
    assert alone.lethal.max() == 1.0
    assert 0 < (alone.lethal > 0).mean() < (alone.harm > 0).mean()
    volumes = [row.zone_ml for row in rows]
    expected = float(alone.lethal.sum()) * alone.grid.voxel_ml
    assert expected == pytest.approx(np.mean([v for v in volumes if v is not None]), rel=1e-5)


def test_a_request_cut_down_to_its_box_gives_what_the_whole_gives(
    quick: TreatmentRequest,
) -> None:
    whole, small = simulate_treatment(quick), simulate_treatment(on_its_box(quick))
    assert small.summary == whole.summary
    np.testing.assert_array_equal(small.temperature_c, whole.temperature_c)


def test_what_is_sent_elsewhere_does_not_tell_which_series_it_is(quick: TreatmentRequest) -> None:
    series = SeriesInfo(uid="1.2.3.4", path="/somewhere/name", description="CT of somebody")
    named = replace(quick, volume=Volume(quick.volume.hu, quick.volume.grid, series))
    sent = pickle.dumps(on_its_box(named))
    for word in (b"1.2.3.4", b"somewhere", b"somebody"):
        assert word in pickle.dumps(named)
        assert word not in sent


def test_a_sample_that_changes_nothing_is_the_plan(quick: TreatmentRequest) -> None:
    plan = simulate_treatment(quick).summary
    same = Sample(number=0, variation=Variation(), placement=(PlacementError(),))
    row = simulate_sample(on_its_box(quick), same).row
    assert row.coverage_percent == plan.coverage_percent
    assert row.min_margin_mm == plan.min_margin_mm


def test_moved_needles_freeze_the_cells_they_move_to(quick: TreatmentRequest) -> None:
    small = on_its_box(quick)
    grid = small.box
    assert grid is not None

    def middle_x_mm(shift_mm: float) -> float:
        error = PlacementError(shift_lps_mm=(shift_mm, 0.0, 0.0))
        sample = Sample(number=0, variation=Variation(), placement=(error,))
        bits = np.frombuffer(simulate_sample(small, sample).lethal, dtype=np.uint8)
        zone = np.unpackbits(bits, count=int(np.prod(grid.size_kji))).reshape(grid.size_kji)
        return float(grid.to_lps(np.argwhere(zone).mean(axis=0))[0])

    assert middle_x_mm(6.0) - middle_x_mm(0.0) == pytest.approx(6.0, abs=1.0)


def test_needles_that_land_outside_are_counted(quick: TreatmentRequest) -> None:
    near_skin = replace(
        quick, applicators=(PlacedDevice("icerod_17g", (0.0, -39.0, 0.0), (0.0, -1.0, 0.0)),)
    )
    found = simulate_samples(UncertaintyRequest(near_skin, samples=8, seed=2, processes=1))
    lost = found.result.failed["outside_body"]
    assert 0 < lost < 8
    assert found.result.covered.of == 8
    assert found.result.any_limit.of == 8 - lost
    assert sum(row.failed is not None for row in found.result.rows) == lost
    assert all(row.coverage_percent is None for row in found.result.rows if row.failed)


def test_a_plan_that_cannot_be_simulated_is_refused_before_any_sample(
    quick: TreatmentRequest,
) -> None:
    outside = replace(
        quick, applicators=(PlacedDevice("icerod_17g", (0.0, -60.0, 0.0), (0.0, -1.0, 0.0)),)
    )
    with pytest.raises(PlanningError) as refused:
        simulate_samples(UncertaintyRequest(outside, samples=2))
    assert refused.value.code == "outside_body"


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"samples": 0}, "samples"),
        ({"share_percent": 0.0}, "share_percent"),
        ({"seed": -1}, "seed"),
        ({"processes": 0}, "processes"),
    ],
)
def test_values_that_mean_nothing_are_refused(
    quick: TreatmentRequest, changes: dict[str, object], where: str
) -> None:
    with pytest.raises(PlanningError) as refused:
        simulate_samples(replace(UncertaintyRequest(quick), **changes))  # type: ignore[arg-type]
    assert refused.value.problems[0].where == where


@pytest.mark.parametrize("processes", [1, 2])
def test_samples_stop_when_cancelled(quick: TreatmentRequest, processes: int) -> None:
    told: list[float] = []
    progress = Progress(
        report=lambda fraction, _: told.append(fraction), is_cancelled=lambda: len(told) > 3
    )
    with pytest.raises(Cancelled):
        simulate_samples(UncertaintyRequest(quick, samples=500, processes=processes), progress)
    assert max(told) < 0.5


def test_perfusion_of_the_lesion_makes_the_zone_smaller(quick: TreatmentRequest) -> None:
    small = on_its_box(quick)

    def zone_ml(perfusion: float) -> float:
        variation = Variation(lesion_perfusion_per_s=perfusion)
        sample = Sample(number=0, variation=variation, placement=(PlacementError(),))
        return simulate_sample(small, sample).row.zone_ml or 0.0

    assert zone_ml(0.03) < zone_ml(3e-4)


def test_samples_are_drawn_for_every_needle(quick: TreatmentRequest) -> None:
    two = replace(
        quick,
        applicators=tuple(
            PlacedDevice("icerod_17g", (x, 14.0, 0.0), (0.0, -1.0, 0.0)) for x in (-6.0, 6.0)
        ),
    )
    outcome = simulate_sample(on_its_box(two), draw_samples(1, 1, 2)[0])
    assert outcome.row.failed is None
    assert len(outcome.row.placement) == 2
