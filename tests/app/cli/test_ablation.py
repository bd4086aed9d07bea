from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.cli.main import run
from imaging.files import read_volume
from tests.planning.ablation.scenarios import cube, sphere_scenario


def written(folder: Path, scenario: dict[str, Any]) -> str:
    path = folder / "scenario.json"
    path.write_text(json.dumps(scenario), encoding="utf-8")
    return str(path)


def test_simulate_answers_every_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = sphere_scenario(
        grid=cube(30, 1.0), protocol=[{"mode": "heat", "seconds": 60}], isotherms_c=[50, 95]
    )
    field = tmp_path / "field.nii.gz"
    assert run(["simulate", written(tmp_path, scenario), "--out", str(field), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == {
        "simulated_s",
        "elapsed_s",
        "cells",
        "steps",
        "isotherms",
        "points",
        "damage",
        "electrical",
    }
    assert answer["cells"] == 27000
    assert answer["simulated_s"] == 60
    assert set(answer["damage"]) == {"arrhenius_ml", "cem43_240_ml"}
    assert set(answer["electrical"]) == {"resistance_ohm", "power_w"}
    assert answer["isotherms"][1]["length_mm"] is None
    point = answer["points"][0]
    assert point["lps_mm"] == [7, 0, 0]
    assert point["time_s"][0] == 0
    assert point["time_s"][-1] == pytest.approx(60)
    assert len(point["time_s"]) == len(point["temperature_c"])
    volume = read_volume(field)
    assert volume.grid.size_kji == (30, 30, 30)
    assert volume.hu_at([[0.5, 0.5, 0.5]])[0] == pytest.approx(90, abs=1)


def test_bad_scenario_exits_3_with_all_problems(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = sphere_scenario(medium={"tissue": "cheese"}, initial_c="warm")
    assert run(["simulate", written(tmp_path, scenario), "--json"]) == 3
    error = json.loads(capsys.readouterr().out)["error"]
    assert {"unknown_tissue", "bad_value"} <= {row["code"] for row in error["problems"]}


@pytest.mark.parametrize("content", ["", "[", "[1]", "null", '{"grid": 5}'])
def test_what_is_no_scenario_is_refused(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content, encoding="utf-8")
    assert run(["simulate", str(path), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["error"]["problems"]


def test_missing_scenario_is_refused(tmp_path: Path) -> None:
    assert run(["simulate", str(tmp_path / "none.json")]) == 3


def test_devices_are_listed_with_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["devices", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["devices"]
    assert {row["technique"] for row in rows} == {"cryoablation", "radiofrequency", "microwave"}
    for row in rows:
        assert row["source"]
        assert row["verified"] or row["note"]
