"""`osteoplan phantom` as scripts call it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from app.cli.main import run
from imaging.files import read_volume, write_array
from imaging.label_files import read_mask
from imaging.phantom import cases as cases_module
from imaging.phantom.cases import GeneratedCase


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coarse voxels around the lesion, so that the command is quick."""
    real = cases_module.generate

    def quick(name: str, **kwargs: object) -> GeneratedCase:
        return real(name, spacing_mm=5.0, margin_mm=45.0, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(cases_module, "generate", quick)


def test_the_list_names_every_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["phantom", "--list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["cases"]
    assert [row["name"] for row in rows][:3] == ["vertebra", "rib", "ilium"]
    assert all(row["title_fr"] and row["title_en"] for row in rows)
    expected = {"posterior_wall_breach", "acetabulum", "sacrum_s1", "femur", "blastic_ilium"}
    assert expected | {"mixed", "osteoporosis"} <= {row["name"] for row in rows}


@pytest.mark.usefixtures("coarse")
def test_a_case_is_one_series_with_its_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "case"
    assert run(["phantom", str(out), "--case", "ilium", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    truth = json.loads((out / "truth.json").read_text(encoding="utf-8"))
    assert answer["lesion"] == truth["lesion"]
    assert truth["case"] == "ilium"
    volume = read_volume(out)
    assert volume.series.uid == truth["series_uid"]
    mask = read_mask(out / "lesion.nii.gz", volume.grid)
    assert mask.sum() * volume.grid.voxel_ml == pytest.approx(
        truth["lesion"]["volume_ml"], rel=0.15
    )
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(out / "labels.nii.gz")))
    names = json.loads((out / "labels.json").read_text(encoding="utf-8"))
    assert {str(n) for n in np.unique(labels) if n} <= set(names)
    assert {"hip_left", "vertebrae_L3", "aorta"} <= set(names.values())


@pytest.mark.usefixtures("coarse")
def test_a_used_folder_is_refused_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["phantom", str(tmp_path / "a"), "--seed", "4"]) == 0
    before = sorted(p.stat().st_mtime_ns for p in (tmp_path / "a").rglob("*"))
    capsys.readouterr()
    assert run(["phantom", str(tmp_path / "a"), "--json"]) == 3
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "folder_holds_dicom"
    assert sorted(p.stat().st_mtime_ns for p in (tmp_path / "a").rglob("*")) == before


def test_a_lesion_is_put_into_a_real_series(
    tmp_path: Path, shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = shared_data / "lumbar-pelvis-dicom"
    real = read_volume(source)
    at = ",".join(f"{n:.2f}" for n in real.grid.to_lps((53, 298, 232)))
    arguments = ["phantom", str(tmp_path / "x"), "--into", str(source), "--at", at]
    assert run([*arguments, "--diameter", "20", "--json"]) == 0
    truth = json.loads(capsys.readouterr().out)
    assert truth["into"] == real.series.uid
    back = read_volume(tmp_path / "x")
    assert back.grid.same_as(real.grid)
    assert back.series.uid == truth["series_uid"] != real.series.uid
    mask = read_mask(tmp_path / "x" / "lesion.nii.gz", back.grid)
    same = back.hu == np.maximum(real.hu, back.hu.min())
    assert same[~mask].mean() > 0.999


def test_a_blastic_ellipsoid_is_put_into_a_series(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = cases_module.generate("vertebra", spacing_mm=1.5, margin_mm=40.0)
    source = tmp_path / "ct.nii.gz"
    write_array(case.volume.hu, case.volume.grid, source)
    at = ",".join(str(n) for n in case.truth.lesion.centre_lps_mm)
    arguments = ["phantom", str(tmp_path / "x"), "--into", str(source), "--at", at, "--json"]
    shape = ["--diameters", "20,14,12", "--kind", "blastic"]
    assert run([*arguments, *shape, "--hu", "900"]) == 0
    truth = json.loads(capsys.readouterr().out)
    assert truth["lesion"]["kind"] == "blastic"
    back = read_volume(tmp_path / "x")
    mask = read_mask(tmp_path / "x" / "lesion.nii.gz", back.grid)
    assert np.median(back.hu[mask]) == pytest.approx(900, abs=120)
    arguments[1] = str(tmp_path / "y")
    assert run([*arguments, *shape, "--hu", "40"]) == 3
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "hu_out_of_range"
    assert not (tmp_path / "y").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["--case", "knee"], 3, "unknown_case"),
        (["--into", "nowhere", "--at", "0,0,0", "--diameter", "20"], 3, None),
        (["--into", ".", "--at", "0,0,0"], 2, None),
        (["--at", "0,0,0"], 2, None),
        (["--breach"], 2, None),
        (["--into", ".", "--case", "rib", "--at", "0,0,0", "--diameter", "9"], 2, None),
        (["--seed", "-1"], 2, None),
        (["--kind", "blastic"], 2, None),
        (["--hu", "700"], 2, None),
        (["--diameters", "9,9,9"], 2, None),
        (["--into", ".", "--at", "0,0,0", "--diameters", "9,9"], 2, None),
        (["--into", ".", "--at", "0,0,0", "--diameters", "9,9,9", "--diameter", "9"], 2, None),
        (["--into", ".", "--at", "0,0,0", "--diameter", "9", "--kind", "soft"], 2, None),
    ],
)
def test_wrong_requests_are_refused(
    arguments: list[str],
    status: int,
    code: str | None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["phantom", str(tmp_path / "out"), *arguments, "--json"]) == status
    answer = capsys.readouterr().out
    if code is not None:
        assert json.loads(answer)["error"]["code"] == code
    assert not (tmp_path / "out").exists()


def test_without_a_folder_it_says_what_is_lacking(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["phantom"]) == 2
    assert "folder" in capsys.readouterr().err
