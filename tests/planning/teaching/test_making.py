"""Exercises are made from a recipe: on a real plan, or on a lesion put into a CT."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from imaging.phantom.cases import GeneratedCase
from planning.errors import PlanningError
from planning.teaching.making import Recipe, make_exercise, read_recipe
from planning.teaching.marking.mark import mark
from tests.planning.teaching.samples import empty, reference, volume

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
