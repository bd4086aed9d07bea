"""The command line keeps its contract: JSON, statuses, refusals without a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import SimpleITK as sitk

from app.cli.main import COMMANDS

if TYPE_CHECKING:
    from imaging.phantom.cases import GeneratedCase
    from tests.conftest import Run

LESION_KEYS = {
    "length_mm", "width_mm", "volume_formula_ml", "volume_ml", "length_ends_lps_mm",
    "width_ends_lps_mm", "axial", "centroid_lps_mm", "mean_hu", "kind", "cortical_breach", "voxels",
}  # fmt: skip
SERIES_KEYS = {
    "uid", "description", "modality", "slices", "size_kji", "spacing_mm_kji",
    "affine_kji_to_lps", "hu_range", "max_position_error_mm", "problems",
}  # fmt: skip


def seed_of(case: GeneratedCase) -> str:
    return ",".join(str(n) for n in case.truth.lesion.seed_lps_mm)


def test_every_command_of_the_contract_exists(run: Run) -> None:
    for command in COMMANDS:
        status, _, _ = run(command, "--help")
        assert status == 0, command


def test_series_of_a_file(run: Run, vertebra_nifti: Path, vertebra: GeneratedCase) -> None:
    status, document, _ = run("series", vertebra_nifti / "ct.nii.gz", "--json")
    assert status == 0
    (row,) = document["series"]
    assert set(row) == SERIES_KEYS
    assert row["size_kji"] == list(vertebra.volume.grid.size_kji)
    np.testing.assert_allclose(
        row["affine_kji_to_lps"], vertebra.volume.grid.affine_kji_to_lps, atol=1e-4
    )


def test_convert_writes_the_values(run: Run, vertebra_nifti: Path, tmp_path: Path) -> None:
    status, _, _ = run("convert", vertebra_nifti / "ct.nii.gz", tmp_path / "out.mha")
    assert status == 0
    one = sitk.GetArrayFromImage(sitk.ReadImage(str(vertebra_nifti / "ct.nii.gz")))
    other = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out.mha")))
    np.testing.assert_array_equal(one, other)


def test_lesion_and_measure_agree(
    run: Run, vertebra_nifti: Path, vertebra: GeneratedCase, tmp_path: Path
) -> None:
    ct, out = vertebra_nifti / "ct.nii.gz", tmp_path / "mask.nii.gz"
    status, found, _ = run("lesion", ct, f"--seed={seed_of(vertebra)}", "--out", out, "--json")
    assert status == 0
    assert set(found) >= LESION_KEYS
    status, measured, _ = run("measure", ct, out, "--json")
    assert status == 0
    assert set(measured) >= LESION_KEYS
    for key in ("length_mm", "width_mm", "volume_ml", "voxels"):
        assert measured[key] == pytest.approx(found[key])


def test_negative_seeds_work_without_an_equals_sign(run: Run, vertebra_nifti: Path) -> None:
    status, _, err = run("lesion", vertebra_nifti / "ct.nii.gz", "--seed", "-900,12,40", "--json")
    assert status == 3
    assert "outside the image" in err


@pytest.mark.long
def test_structures_round_trip_through_a_label_map(
    run: Run, vertebra_nifti: Path, tmp_path: Path
) -> None:
    ct, out = vertebra_nifti / "ct.nii.gz", tmp_path / "found.nii.gz"
    status, found, _ = run("structures", ct, "--out", out, "--json")
    assert status == 0
    assert {"name", "label", "volume_ml", "class", "found_by"} == set(found["structures"][0])
    status, back, _ = run("structures", ct, "--labels", out, "--json")
    assert status == 0
    assert [row["name"] for row in back["structures"]] == [
        row["name"] for row in found["structures"]
    ]


def test_access_proposes_ways(run: Run, vertebra_nifti: Path) -> None:
    status, document, _ = run(
        "access", vertebra_nifti / "ct.nii.gz", "--lesion", vertebra_nifti / "lesion.nii.gz",
        "--structures", vertebra_nifti / "labels.nii.gz", "--top", 3, "--json",
    )  # fmt: skip
    assert status == 0
    assert len(document["proposals"]) == 3
    assert [row["rank"] for row in document["proposals"]] == [1, 2, 3]
    assert document["candidates"] >= document["feasible"] > 0
    assert sum(document["rejected"].values()) > 0


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["lesion", "CT", "--seed", "9999,0,0"], 3, "seed_outside"),
        (["lesion", "CT", "--seed", "0,-185,0"], 3, "seed_in_air"),
        (["lesion", "EMPTY", "--seed", "0,0,0"], 3, "empty"),
        (["series", "TEXT"], 3, "no_ct_series"),
        (["series", "NOWHERE"], 3, "not_found"),
        (["measure", "CT", "CT"], 3, "not_labels"),
        (["access", "CT", "--lesion", "LESION", "--needle", "spoon"], 3, "unknown_needle"),
        (["access", "CT", "--lesion", "LESION", "--margin", "aorta"], 3, "margin_refused"),
        (["plan", "CT", "--seed", "0,0,0", "--device", "x", "--out", "OUT"], 3, "unknown_device"),
        (["report", "TEXT/a.txt", "--out", "OUT"], 3, "not_a_plan"),
    ],
)
def test_refusals_name_the_problem(
    run: Run,
    vertebra_nifti: Path,
    tmp_path: Path,
    arguments: list[str],
    status: int,
    code: str,
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("hello")
    places = {
        "CT": vertebra_nifti / "ct.nii.gz",
        "LESION": vertebra_nifti / "lesion.nii.gz",
        "EMPTY": tmp_path / "empty",
        "TEXT": tmp_path / "text",
        "TEXT/a.txt": tmp_path / "text" / "a.txt",
        "NOWHERE": tmp_path / "nowhere",
        "OUT": tmp_path / "out",
    }
    got, document, err = run(*[places.get(word, word) for word in arguments], "--json")
    assert got == status, err
    assert code in {problem["code"] for problem in document["error"]["problems"]}
    assert set(document["error"]) == {"code", "message", "problems"}
    assert all(set(row) == {"code", "message", "where"} for row in document["error"]["problems"])
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments", [["lesion"], ["nothing"], ["lesion", "x", "--seed", "a,b"], ["access", "x"]]
)
def test_wrong_usage_exits_with_two(run: Run, arguments: list[str]) -> None:
    status, _, err = run(*arguments)
    assert status == 2
    assert "Traceback" not in err
    status, document, _ = run(*arguments, "--json")
    assert status == 2
    assert document["error"]["code"] == "usage"
    assert document["error"]["message"] == document["error"]["problems"][0]["message"]


def test_dicom_segmentation_brings_its_own_names(run: Run, shared_data: Path) -> None:
    folder = shared_data / "hard" / "dcmqi_seg"
    status, document, err = run(
        "structures", folder / "ct-3slice", "--labels", folder / "liver.dcm", "--json"
    )
    assert status == 0, err
    (row,) = document["structures"]
    assert (row["name"], row["class"]) == ("liver", "forbidden")


def test_mask_goes_out_as_dicom_segmentation_and_comes_back(
    run: Run, vertebra: GeneratedCase, vertebra_nifti: Path, tmp_path: Path
) -> None:
    from imaging.dicom.write import write_ct_series

    write_ct_series(vertebra.volume, tmp_path / "ct", description="CT", patient_name="A^B")
    out, seed = tmp_path / "lesion.dcm", f"--seed={seed_of(vertebra)}"
    status, found, err = run("lesion", tmp_path / "ct", seed, "--out", out, "--json")
    assert status == 0, err
    status, measured, err = run("measure", tmp_path / "ct", out, "--json")
    assert status == 0, err
    assert measured["voxels"] == found["voxels"]
    assert measured["length_mm"] == pytest.approx(found["length_mm"])
    status, document, _ = run("lesion", vertebra_nifti / "ct.nii.gz", seed, "--out", out, "--json")
    assert status == 3
    assert document["error"]["code"] == "no_dicom_source"


def test_report_of_an_unfinished_plan_says_what_is_lacking(
    run: Run, vertebra: GeneratedCase, tmp_path: Path
) -> None:
    from planning.plan import Case
    from planning.store import PlanFile

    with PlanFile.create(tmp_path / "plan.osteoplan", Case.begin(vertebra.volume)):
        pass
    status, document, err = run(
        "report", tmp_path / "plan.osteoplan", "--out", tmp_path / "out", "--json"
    )
    assert status == 0, err
    assert "The lesion has not been outlined." in document["lacking"]
    assert "The lesion has not been outlined." in err


def test_slab_without_reachable_skin_is_refused(run: Run, shared_data: Path) -> None:
    folder = shared_data / "hard" / "dcmqi_seg"
    status, document, err = run(
        "access", folder / "ct-3slice", "--lesion", folder / "liver.dcm", "--json"
    )
    assert status == 3, err
    assert document["error"]["code"] == "no_skin"


def test_json_may_begin_with_a_byte_order_mark(run: Run, tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.json"
    scenario.write_text('{"medium": {"tissue": "muscle"}}', encoding="utf-8-sig")
    status, document, _ = run("simulate", scenario, "--json")
    assert status == 3
    assert {row["code"] for row in document["error"]["problems"]} == {"missing_key"}


def test_unwritable_folder_is_refused_before_any_work(
    run: Run, vertebra_nifti: Path, vertebra: GeneratedCase, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    status, document, _ = run(
        "plan", vertebra_nifti / "ct.nii.gz", f"--seed={seed_of(vertebra)}", "--out",
        tmp_path / "file" / "out", "--json",
    )  # fmt: skip
    assert status == 3
    assert document["error"]["code"] == "cannot_write"


def test_plan_and_report_in_one_go(
    run: Run, vertebra_nifti: Path, vertebra: GeneratedCase, tmp_path: Path
) -> None:
    out = tmp_path / "plan"
    answers = tmp_path / "answers.json"
    said: dict[str, Any] = {"bone": "vertebra", "level": "L3", "vas": 7}
    answers.write_text(json.dumps(said))
    status, document, err = run(
        "plan", vertebra_nifti / "ct.nii.gz", f"--seed={seed_of(vertebra)}", "--answers", answers,
        "--device", "icerod_17g", "--out", out, "--json",
    )  # fmt: skip
    assert status == 0, err
    assert set(document) == {
        "series_uid", "lesion", "involvement", "edits", "structures", "not_visible", "access",
        "annotations", "needle_set", "dissections", "thermocouples", "ablation_search",
        "uncertainty", "simulation", "recommendation", "files",
    }  # fmt: skip
    row = document["simulation"][0]
    assert row["technique"] == "cryoablation"
    assert 20 < row["coverage_percent"] <= 100
    assert any(near["name"] == "spinal_canal" for near in row["neighbours"])
    for file in document["files"]:
        assert Path(file).stat().st_size > 0
    status, made, _ = run(
        "report", out / "plan.osteoplan", "--out", tmp_path / "fr", "--lang", "fr", "--json"
    )
    assert status == 0
    from pypdf import PdfReader

    text = "".join(page.extract_text() for page in PdfReader(tmp_path / "fr" / "report.pdf").pages)
    assert "Aide à la planification" in text
    assert "Lésion" in text
    assert "A1" in text
    names = {Path(file).name for file in made["files"]}
    assert {"axial.png", "coronal.png", "sagittal.png", "needle.png", "three_d.png"} <= names
