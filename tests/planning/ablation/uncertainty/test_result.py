"""What the samples say together, on samples made up so that the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from planning.ablation.request import PlacedDevice
from planning.ablation.uncertainty.outcome import PassedLimit, SampleOutcome, SampleRow
from planning.ablation.uncertainty.result import (
    Share,
    failures,
    influences,
    neighbour_risks,
    probability,
    share_at_least,
)
from planning.ablation.uncertainty.sampling import PlacementError
from planning.ablation.uncertainty.variation import Variation

NEEDLE = PlacedDevice("icerod_17g", (0.0, 0.0, 0.0), (0.0, 0.0, 1.0))


def row(number: int, coverage: float | None, **changes: object) -> SampleRow:
    made = SampleRow(
        number=number,
        variation=Variation(),
        placement=(PlacementError(),),
        coverage_percent=coverage,
        coverage_with_margin_percent=None if coverage is None else coverage - 10,
        min_margin_mm=None if coverage is None else coverage - 95,
        failed="outside_body" if coverage is None else None,
    )
    return made.model_copy(update=changes)


def test_the_interval_is_that_of_clopper_and_pearson() -> None:
    # Tabled for 90 of 100 and for none of 10.
    ninety = Share.counted(90, 100)
    assert (ninety.low, ninety.high) == pytest.approx((0.8238, 0.9510), abs=1e-4)
    none = Share.counted(0, 10)
    assert (none.low, none.high) == pytest.approx((0.0, 0.3085), abs=1e-4)
    assert Share.counted(10, 10).high == 1.0
    assert Share.counted(0, 0).high == 1.0


def test_a_sample_that_could_not_be_simulated_counts_as_not_covered() -> None:
    rows = [row(0, 99.0), row(1, 95.0), row(2, 94.9), row(3, None)]
    covered = share_at_least(rows, 95.0, with_margin=False)
    assert (covered.count, covered.of) == (2, 4)
    assert share_at_least(rows, 85.0, with_margin=True).count == 2
    assert failures(rows) == {"outside_body": 1}


def test_neighbours_are_counted_and_the_first_one_told() -> None:
    def passed(*names: str) -> tuple[PassedLimit, ...]:
        return tuple(
            PassedLimit(name=n, measure="min_c", value=5.0, limit=10.0, first_passed_s=60.0)
            for n in names
        )

    both = ("spinal_canal", "skin")
    outcomes = [
        SampleOutcome(row(0, 99.0, limits_passed=passed("skin", "spinal_canal")), both),
        SampleOutcome(row(1, 99.0, limits_passed=passed("skin")), both),
        SampleOutcome(row(2, 99.0), both),
        SampleOutcome(row(3, None)),
    ]
    skin, canal = neighbour_risks(outcomes)
    assert (skin.name, skin.passed.count, skin.passed.of, skin.first) == ("skin", 2, 3, 2)
    assert (canal.name, canal.passed.count, canal.first) == ("spinal_canal", 1, 0)


def test_maps_are_shares_of_the_samples_that_were_simulated() -> None:
    marks = np.zeros((3, 2, 3, 5), dtype=bool)
    marks[0, 1, 2, 4] = marks[1, 1, 2, 4] = marks[2, 0, 0, 0] = True
    outcomes = [
        SampleOutcome(row(n, 99.0), lethal=np.packbits(mark).tobytes())
        for n, mark in enumerate(marks)
    ]
    outcomes.append(SampleOutcome(row(3, None)))
    found = probability(outcomes, (2, 3, 5), lambda one: one.lethal)
    assert found.dtype == np.float32
    assert found[1, 2, 4] == pytest.approx(2 / 3)
    assert found[0, 0, 0] == pytest.approx(1 / 3)
    assert found.sum() == pytest.approx(1.0)


def test_the_parameter_that_decides_comes_first() -> None:
    rng = np.random.default_rng(1)
    rows = []
    for n in range(40):
        factor = float(rng.uniform(0.5, 1.5))
        shift = (0.0, 0.0, float(rng.normal()))
        rows.append(
            row(
                n,
                90.0,
                min_margin_mm=-3.0 * factor + 0.3 * shift[2],
                variation=Variation(bone_conductivity=factor),
                placement=(PlacementError(shift_lps_mm=shift),),
            )
        )
    rows.append(row(40, None))
    found = influences(rows, [NEEDLE])
    assert found[0].parameter == "bone_conductivity"
    assert found[0].margin is not None
    assert found[0].margin < -0.8
    assert found[0].coverage is None  # the same in all samples
    assert found[1].parameter == "shift_along_mm"
    across = next(one for one in found if one.parameter == "shift_across_mm")
    assert across.margin is None


def test_without_a_zone_the_margin_is_worse_than_any() -> None:
    rows = [
        row(
            n,
            50.0,
            min_margin_mm=None if n < 3 else float(n),
            variation=Variation(other_perfusion=3.0 - n / 5),
        )
        for n in range(10)
    ]
    found = influences(rows, [NEEDLE])[0]
    assert found.parameter == "other_perfusion"
    assert found.margin is not None
    assert found.margin < -0.95
