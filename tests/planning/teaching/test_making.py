"""Exercises are made from a recipe: on a real plan, or on a lesion put into a CT."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from pydicom.uid import UID

from imaging.phantom.cases import GeneratedCase
from planning.errors import PlanningError
from planning.teaching.answer import pack
from planning.teaching.making import Recipe, make_exercise, read_recipe
from planning.teaching.marking.mark import mark
from tests.planning.library.making import treatments
from tests.planning.teaching.samples import empty, reference, volume

ALIASES = tuple(pairwise("abcdefghijklmnop"))
TEXTS = {"title": "One of ours", "situation": "A patient.", "asked": "Measure it."}


def recipe_in(folder: Path, **changes: object) -> Recipe:
    path = folder / "recipe.yaml"
    data = {
        "id": "one-of-ours",
        "task": "measure",
        "difficulty": 2,
        "texts": {"en": TEXTS, "fr": TEXTS},
        "time_s": 300,
        **changes,
    }
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return read_recipe(path)


def test_a_real_plan_is_the_reference(tmp_path: Path) -> None:
    out = tmp_path / "x.osteoexercise"
    made = make_exercise(recipe_in(tmp_path), out, volume(), reference())
    kept = made.open_reference(made.material())
    measures = reference().case.plan.measures
    assert measures is not None
    assert kept.statement.length_mm == measures.length_mm
    assert mark(made.exercise, kept, kept, made.material().volume).percent == 100.0


def test_a_plan_without_an_outline_is_no_reference(tmp_path: Path) -> None:
    out = tmp_path / "x.osteoexercise"
    with pytest.raises(PlanningError) as refused:
        make_exercise(recipe_in(tmp_path), out, volume(), empty())
    assert refused.value.code == "reference_lacks_outline"
    assert not out.exists()


def test_a_ct_of_which_nothing_is_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanningError) as refused:
        make_exercise(recipe_in(tmp_path), tmp_path / "x.osteoexercise", volume())
    assert refused.value.code == "no_truth"


def test_a_reference_that_the_rules_refuse_is_refused(tmp_path: Path) -> None:
    said = {"lesion_kind": "blastic", "cortical_breach": False, "bone": "ilium"}
    wrong = recipe_in(
        tmp_path,
        task="technique",
        given={"answers": said},
        reference={"statement": {"technique": "infiltration"}},
    )
    with pytest.raises(PlanningError) as refused:
        make_exercise(wrong, tmp_path / "x.osteoexercise", volume(), reference())
    assert [one.code for one in refused.value.problems] == ["technique_refused"]


@pytest.mark.long
def test_a_lesion_is_put_into_a_ct(tmp_path: Path, vertebra: GeneratedCase) -> None:
    asked = {"at_lps_mm": [-14.0, 0.0, 37.5], "diameter_mm": 16.0}
    out = tmp_path / "x.osteoexercise"
    made = make_exercise(recipe_in(tmp_path, insert=asked), out, vertebra.volume)
    assert made.exercise.source.kind == "kept"
    kept = made.open_reference(made.material())
    measures = kept.case.plan.measures
    assert measures is not None
    assert measures.length_mm == pytest.approx(16.0, abs=4.0)


def test_nothing_of_the_patient_is_in_an_exercise_on_a_real_plan(tmp_path: Path) -> None:
    right, ct = reference(), volume()
    series = right.case.plan.series.model_copy(
        update={"path": "/home/doctor/VANDERMEERSCH Paulette", "description": "Dr Quillfeather"}
    )
    case = right.case.with_plan(series=series, name="Mme Vandermeersch", treatments=treatments())
    out = tmp_path / "x"
    made = make_exercise(recipe_in(tmp_path), out, ct, replace(right, case=case))
    assert made.path == tmp_path / "x.osteoexercise"
    kept = made.open_reference(made.material())
    written = pack(kept, with_structures=True) + b"".join(
        zipfile.ZipFile(made.path).read(name) for name in ("exercise.json", "grid.json")
    )
    told = kept.case.plan.model_dump_json() + written.decode("latin-1")
    for word in (
        "Vandermeersch",
        "VANDERMEERSCH",
        "doctor",
        "Quillfeather",
        ct.series.uid,
        "2024-",
    ):
        assert word not in told
    assert UID(made.material().volume.series.uid).is_valid
    assert mark(made.exercise, kept, kept, made.material().volume).percent == 100.0


@pytest.mark.parametrize(
    "text",
    [
        "id: 2024-13-45",
        "[" * 5000,
        "a: &a [1, 1]\n" + "".join(f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}]\n" for a, b in ALIASES),
        "a: &a [*a]",
    ],
    ids=["no day", "deep", "bomb", "circle"],
)
def test_a_recipe_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PlanningError) as refused:
        read_recipe(path)
    assert refused.value.code in {"not_yaml", "bad_value"}
