"""Rows of devices: those of the program, the user's own, and wires that spread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from planning.ablation import devices as table
from planning.ablation.ahead import compile_ahead
from planning.ablation.assembly import Placement, device_applicators
from planning.ablation.scenario.reader import read_scenario
from planning.ablation.solver.materials import Medium, tissue_material
from planning.ablation.solver.radiofrequency import Generator
from planning.errors import PlanningError
from tests.planning.ablation.scenarios import run
from tests.planning.ablation.test_air import cube

OWN = {
    "id": "own_probe",
    "name": "Own probe",
    "maker": "us",
    "technique": "cryoablation",
    "gauge": 17,
    "diameter_mm": 1.5,
    "active_length_mm": 25.0,
    "geometry": "cryoprobe",
    "coldest_c": -140.0,
    "coefficient_w_m2_k": 8000.0,
    "cooling_power_w": 35.0,
    "thaw_c": 40.0,
    "default_protocol": [{"mode": "freeze", "seconds": 600}],
    "source": "measured in our gel",
    "note": "",
    "verified": False,
}


@pytest.fixture
def own_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "devices.yaml"
    monkeypatch.setenv(table.USER_TABLE, str(path))
    _forget()
    yield path
    monkeypatch.delenv(table.USER_TABLE)
    _forget()


def _forget() -> None:
    table.devices.cache_clear()
    table._users.cache_clear()


def test_rows_of_the_user_come_after_those_of_the_program(own_table: Path) -> None:
    own_table.write_text(yaml.safe_dump({"devices": [OWN]}), encoding="utf-8")
    assert list(table.devices())[-1] == "own_probe"
    assert table.user_device_problems() == ()
    answer = run(
        {
            "grid": {"spacing_mm": 3.0, "size_mm": [90, 90, 90]},
            "medium": {"tissue": "muscle"},
            "applicators": [{"device": "own_probe", "tip_lps_mm": [0, 0, -12]}],
            "protocol": [{"mode": "freeze", "seconds": 60}],
            "points_lps_mm": [[4, 0, 0]],
            "isotherms_c": [0],
        }
    ).answer
    assert answer.points[0].temperature_c[-1] < 20.0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"id": "icerod_17g"}, "another row has the id"),
        ({"coldest_c": None}, "coldest_c"),
        ({"geometry": "antenna"}, "most_power_w"),
        ({"diameter_mm": -1}, "diameter_mm"),
        ({"default_protocol": [{"mode": "power", "seconds": 60}]}, "has no power"),
        ({"verified": True}, "zone"),
        ({"coldest_c": float("nan")}, "coldest_c"),
        ({"coefficient_w_m2_k": -1.0}, "coefficient_w_m2_k"),
        ({"cooling_power_w": float("inf")}, "cooling_power_w"),
        ({"id": "../own"}, "id"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_row_that_cannot_be_used_is_told_and_the_others_stay(
    own_table: Path, change: dict[str, object], told: str
) -> None:
    good = {**OWN, "id": "good_probe"}
    own_table.write_text(yaml.safe_dump({"devices": [{**OWN, **change}, good]}), encoding="utf-8")
    assert "good_probe" in table.devices()
    assert "own_probe" not in table.devices()
    (problem,) = table.user_device_problems()
    assert told in problem.message
    assert problem.where == str(own_table)


@pytest.mark.parametrize("text", ["devices: [", "[]", "devices: 3", "\x00", ""])
def test_a_table_that_cannot_be_read_is_told(own_table: Path, text: str) -> None:
    own_table.write_text(text, encoding="utf-8")
    assert "icerod_17g" in table.devices()
    assert [problem.code for problem in table.user_device_problems()] == ["device_table"]


@pytest.mark.parametrize("name", ["starburst_14g_50", "leveen_15g_35"])
def test_wires_lie_on_their_circle_and_never_beyond_the_tip(name: str) -> None:
    device, grid = table.devices()[name], cube(70, 1.0)
    placement = Placement(device, (0.0, 0.0, -15.0), (0.0, 0.0, 1.0))
    medium = Medium.uniform(tissue_material("liver"), grid.size_kji)
    (generator,) = device_applicators(grid, medium, [placement])
    assert isinstance(generator, Generator)
    shapes = [pole.shape for pole in generator._poles]
    ends = np.array([shape.tip_lps_mm for shape in shapes]) + [
        np.array(shape.axis_lps) / np.linalg.norm(shape.axis_lps) * shape.length_mm
        for shape in shapes
    ]
    radius = np.hypot(ends[:, 0], ends[:, 1])
    assert radius.max() == pytest.approx(device.reach_mm)
    assert (radius > device.reach_mm - 1e-6).sum() == device.tines
    assert ends[:, 2].min() >= -15.0 - 1e-6
    length = sum(shape.length_mm for shape in shapes if shape.radius_mm < 0.5)
    assert length / device.tines > np.hypot(device.reach_mm, 0.0)


def test_wires_heat_a_wider_zone_than_one_needle() -> None:
    def zone(device: str, tip_mm: float) -> tuple[float, float]:
        answer = run(
            {
                "grid": {"spacing_mm": 2.5, "size_mm": [100, 100, 100]},
                "medium": {"tissue": "liver"},
                "applicators": [{"device": device, "tip_lps_mm": [0, 0, tip_mm]}],
                "protocol": [{"mode": "heat", "seconds": 420}],
                "isotherms_c": [50],
            }
        ).answer
        width = answer.isotherms[0].width_mm
        assert width is not None
        return width, answer.electrical.resistance_ohm or 0.0

    wide, ohm = zone("starburst_14g_50", -12.5)
    thin, thin_ohm = zone("rf_monopolar_17g_10", -5.0)
    assert wide > 40.0 > thin
    assert ohm < thin_ohm


def test_every_geometry_is_compiled_ahead() -> None:
    compile_ahead()


def test_wires_must_lie_in_the_grid() -> None:
    def read(x_mm: float) -> None:
        read_scenario(
            {
                "grid": {"spacing_mm": 4.0, "size_mm": [80, 80, 80]},
                "medium": {"tissue": "muscle"},
                "applicators": [{"device": "starburst_14g_50", "tip_lps_mm": [x_mm, 0, -35]}],
                "protocol": [{"mode": "heat", "seconds": 1}],
            }
        )

    read(14.0)
    with pytest.raises(PlanningError) as refused:
        read(16.0)
    assert refused.value.code == "outside_grid"
