"""The bench of the simulator: every row, and a peer that computes the same heat."""

from __future__ import annotations

import numpy as np
import pytest

from app.bench.ablation import HeatRun, Sizes, bench_ablation, numpy_heat

TINY = Sizes(
    heat=41,
    steps=60,
    freeze=40,
    heating=40,
    preview=30,
    seconds=0.02,
    scaling=(20, 30),
    memory=60,
    repeats=1,
)


def test_ours_and_the_stencil_compute_the_same_heat() -> None:
    run = HeatRun.begin(41, 300)
    ours = run.go().copy()
    total_s = run.plan.seconds * run.steps
    theirs = numpy_heat(41, 300, total_s / 300)
    assert ours.max() > 38.0
    np.testing.assert_allclose(ours, theirs, atol=0.05)
    assert run.evaluations < 300


@pytest.mark.long
def test_every_row_is_measured() -> None:
    rows = {row["name"]: row for row in bench_ablation(TINY)}
    assert list(rows) == [
        "heat_40",
        "freeze_40",
        "radiofrequency_40",
        "microwave_40",
        "preview_2mm",
        "memory_60",
        "scaling_20",
        "scaling_30",
    ]
    assert all(row["median_s"] > 0 and row["rate"] > 0 for row in rows.values())
    heat = rows["heat_40"]
    assert heat["peers"][0]["name"] == "numpy stencil"
    assert heat["rate"] == pytest.approx(41**3 * heat["evaluations"] / heat["median_s"])
    assert rows["freeze_40"]["coldest_c"] < -100
    assert rows["radiofrequency_40"]["hottest_c"] > 38
    assert rows["microwave_40"]["hottest_c"] > 38
    assert 20 < rows["memory_60"]["rate"] < 2000
    assert rows["scaling_30"]["s_per_cell_step"] < 1e-6
    babel = [peer for peer in heat["peers"] if "Babel" in peer["name"]]
    assert babel or "BabelViscoFDTD" in heat["absent_peers"][0]
