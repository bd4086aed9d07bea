"""``osteoplan uncertainty`` as a user runs it, on a scenario and on a plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from app.report.sections.every import sections
from app.report.sections.uncertainty import uncertainty_text
from app.report.texts import LANGUAGES, texts
from imaging.files import read_volume, write_array
from planning import procedure, ways_in
from planning.ablation.solver.protocol import Mode, Phase
from planning.ablation.treatment import simulate_treatment
from planning.ablation.uncertainty.result import (
    Influence,
    NeighbourRisk,
    Share,
    UncertaintyResult,
    main_of,
)
from planning.ablation.uncertainty.variation import uncertainty_table
from planning.ablations import with_treatment
from planning.plan import Case
from planning.store import PlanFile
from planning.uncertain_plan import uncertainty_of
from tests.planning.ablation.test_treatment import request

if TYPE_CHECKING:
    from tests.conftest import Run

QUICK = ("--samples", "4", "--spacing", "3", "--processes", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A block of bone with a round lesion, as files."""
    made = request()
    place = tmp_path_factory.mktemp("block")
    grid = made.volume.grid
    write_array(made.volume.hu, grid, place / "ct.nii.gz")
    write_array(made.lesion, grid, place / "lesion.nii.gz")
    write_array(made.structures.labels, grid, place / "labels.nii.gz")
    names = {str(row.label): row.name for row in made.structures.table}
    (place / "labels.json").write_text(json.dumps(names), encoding="utf-8")
    return place


def scenario(folder: Path, **changes: Any) -> Path:
    """A short freeze through the lesion."""
    document = {
        "grid": {"spacing_mm": 3.0, "size_mm": [60, 60, 60]},
        "medium": {
            "ct": "ct.nii.gz",
            "lesion": "lesion.nii.gz",
            "structures": "labels.nii.gz",
            "names": "labels.json",
        },
        "initial_c": 37.0,
        "boundary": {"kind": "fixed", "temperature_c": 37.0},
        "applicators": [{"device": "icerod_17g", "tip_lps_mm": [0, 14, 0], "axis_lps": [0, -1, 0]}],
        "protocol": [{"mode": "freeze", "seconds": 120}],
        **changes,
    }
    path = folder / "samples.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_a_scenario_is_sampled_and_its_maps_are_written(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    path = scenario(folder)
    status, document, _ = run("uncertainty", path, *QUICK, "--out", tmp_path, "--json")
    assert status == 0
    assert document["samples"] == len(document["rows"]) == 4
    assert document["covered"]["of"] == 4
    assert 0 <= document["covered"]["low"] <= document["covered"]["high"] <= 1
    assert {near["name"] for near in document["neighbours"]} >= {"spinal_canal"}
    assert {one["parameter"] for one in document["influences"]} >= {
        "bone_conductivity",
        "lesion_perfusion_per_s",
        "shift_across_mm",
    }
    written = json.loads((tmp_path / "uncertainty.json").read_text(encoding="utf-8"))
    assert written["rows"] == document["rows"]
    assert len(document["files"]) == 3
    _, again, _ = run("uncertainty", path, *QUICK, "--json")
    assert again["rows"] == document["rows"]
    _, other, _ = run("uncertainty", path, *QUICK, "--seed", "2", "--json")
    assert other["rows"] != document["rows"]


def test_the_map_on_disk_holds_probabilities_on_the_grid_of_the_simulation(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    import SimpleITK as sitk

    path = scenario(folder)
    run("uncertainty", path, *QUICK, "--out", tmp_path)
    for name in ("lethal_probability.nii.gz", "harm_probability.nii.gz"):
        image = sitk.ReadImage(str(tmp_path / name))
        assert image.GetSpacing() == pytest.approx((3.0, 3.0, 3.0))
        assert image.GetPixelID() == sitk.sitkFloat32
        values = sitk.GetArrayFromImage(image)
        assert values.max() == 1.0
        assert set(np.unique(values)) <= {0.0, 0.25, 0.5, 0.75, 1.0}


def test_a_plan_is_sampled_on_its_way_in(run: Run, folder: Path, tmp_path: Path) -> None:
    made, volume = request(), read_volume(folder / "ct.nii.gz")
    case = procedure.with_structures(Case.begin(volume), made.structures, volume)
    case = procedure.with_lesion(case, volume, made.lesion)
    plan = tmp_path / "case.osteoplan"
    PlanFile.create(plan, case).close()
    status, document, _ = run("uncertainty", plan, *QUICK, "--json")
    assert status == 3
    codes = {row["code"] for row in document["error"]["problems"]}
    assert codes == {"no_access", "no_device"}
    case = ways_in.find_access(case, volume)
    plan.unlink()
    PlanFile.create(plan, case).close()
    arguments = ("--device", "microwave_14g5_2450", "--share", "50", "--samples", "2")
    status, document, _ = run("uncertainty", plan, *QUICK, *arguments, "--json")
    assert status == 0
    assert document["technique"] == "microwave"
    assert document["share_percent"] == 50
    status, text, _ = run("uncertainty", plan, *QUICK, *arguments, "--lang", "fr")
    assert status == 0
    assert "simulations sur 2" in text


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"medium": {"tissue": "muscle"}}, "medium"),
        ({"medium": {"ct": "ct.nii.gz"}}, "medium"),
        ({"initial_c": 20.0}, "boundary"),
    ],
)
def test_a_scenario_that_is_no_treatment_is_refused(
    run: Run, folder: Path, changes: dict[str, Any], where: str
) -> None:
    path = scenario(folder, **changes)
    status, document, _ = run("uncertainty", path, *QUICK, "--json")
    assert status == 3
    assert where in {row["where"] for row in document["error"]["problems"]}


def test_what_cannot_be_used_is_refused(run: Run, folder: Path, tmp_path: Path) -> None:
    path = scenario(folder)
    assert run("uncertainty", path, "--samples", "0")[0] == 2
    assert run("uncertainty", path, "--device", "icerod_17g")[0] == 2
    assert run("uncertainty", tmp_path / "none.osteoplan", "--json")[0] == 3
    assert run("uncertainty", tmp_path / "none.json", "--json")[0] == 3
    status, document, _ = run("uncertainty", path, *QUICK, "--scheduler", "nowhere", "--json")
    assert status == 3
    assert document["error"]["code"] == "no_scheduler"


def told(**changes: Any) -> UncertaintyResult:
    plain = UncertaintyResult(
        device="icerod_17g",
        technique="cryoablation",
        samples=100,
        seed=1,
        spacing_mm=2.0,
        margin_mm=5.0,
        share_percent=95.0,
        covered=Share.counted(90, 100),
        covered_with_margin=Share.counted(40, 100),
        any_limit=Share.counted(0, 100),
        failed={},
        neighbours=(),
        coverage_percent=None,
        min_margin_mm=None,
        influences=(),
        main_parameter=None,
        rows=(),
    )
    return plain.model_copy(update=changes)


def test_the_report_says_how_often_instead_of_one_line() -> None:
    english = uncertainty_text(told(), "en")
    assert "95 % of the lesion covered in 90 of 100 samples" in english
    assert "82 to 95 %" in english
    assert "up to 4 %" in english
    french = uncertainty_text(told(share_percent=97.5), "fr")
    assert "couverte à 97,5 % dans 90 simulations sur 100" in french


@pytest.mark.parametrize("language", LANGUAGES)
def test_neighbours_failures_and_causes_are_told_in_words(language: Any) -> None:
    canal = NeighbourRisk(name="spinal_canal", passed=Share.counted(7, 97), first=7)
    result = told(
        neighbours=(canal,),
        any_limit=canal.passed,
        failed={"outside_body": 3},
        main_parameter="shift_across_mm_2",
    )
    text = uncertainty_text(result, language)
    assert "7" in text
    assert "97" in text
    assert "3" in text
    assert "spinal_canal" not in text
    assert "shift_across" not in text
    assert "(2)" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_parameter_has_words(language: Any) -> None:
    words = texts(language)["uncertainty"]["parameters"]
    drawn = {row.id for row in uncertainty_table().properties}
    assert set(words) == drawn | {"shift_along_mm", "shift_across_mm", "tilt_deg"}


def test_what_was_simulated_is_sampled_as_it_was_and_kept_in_the_plan(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    made, volume = request(), read_volume(folder / "ct.nii.gz")
    case = procedure.with_structures(Case.begin(volume), made.structures, volume)
    case = procedure.with_lesion(case, volume, made.lesion)
    freeze = (Phase(mode=Mode.FREEZE, seconds=60),)
    done = simulate_treatment(request(protocol=freeze, spacing_mm=3.0))
    case = with_treatment(ways_in.find_access(case, volume), done)
    plan = tmp_path / "case.osteoplan"
    PlanFile.create(plan, case).close()
    status, document, _ = run("uncertainty", plan, *QUICK, "--json")
    assert status == 0
    (probe,) = document["probes"]
    assert probe["tip_lps_mm"] == [0.0, 14.0, 0.0]
    with PlanFile.open(plan) as kept:
        loaded = kept.load()
    (row,) = loaded.plan.simulation
    result = uncertainty_of(loaded, row)
    assert result is not None
    assert result.rows == ()
    assert result.covered.count == document["covered"]["count"]
    section = next(one for one in sections(loaded, "en") if one.key == "zone")
    assert any("of 4 samples" in value for _, value in section.rows)


def test_a_cause_that_could_be_chance_is_not_named() -> None:
    weak = Influence(parameter="tilt_deg", coverage=0.36, margin=0.36)
    assert main_of([weak], 24) is None
    assert main_of([weak], 100) == "tilt_deg"
    assert main_of([], 100) is None
