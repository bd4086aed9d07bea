"""The shipped exercises: complete, right by the rules, and as their recipes say."""

from __future__ import annotations

from pathlib import Path

import pytest

from planning.ablation.devices import devices
from planning.teaching.answer import Answer, unpack
from planning.teaching.exercise import Task
from planning.teaching.files import REFERENCE, ExerciseFile, part_of
from planning.teaching.making import build_reference, problems_of_reference, read_recipe
from planning.teaching.marking.choosing import judged_by_rules
from planning.teaching.marking.mark import mark
from planning.teaching.sealing import unseal
from planning.teaching.shipped import shipped_exercises, shipped_folder
from planning.technique.rules import Effect
from planning.technique.tables import tables

RECIPES = Path(__file__).resolve().parents[3] / "docs" / "exercises"
SHIPPED = shipped_exercises()
MOST_BYTES = 1_000_000


def sealed(file: ExerciseFile) -> Answer:
    return unpack(unseal(file.seal, part_of(file.path, REFERENCE), file.exercise.digest))


def each() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("file", SHIPPED, ids=lambda one: one.exercise.id)


def test_there_are_enough_for_every_task_site_and_difficulty() -> None:
    assert len(SHIPPED) >= 12
    assert {one.exercise.task for one in SHIPPED} == set(Task)
    assert {one.exercise.difficulty for one in SHIPPED} == {1, 2, 3, 4, 5}
    bones = {one.exercise.given.answers.bone for one in SHIPPED}
    assert bones >= {"vertebra", "sacrum", "rib", "ilium", "acetabulum", "femur"}
    assert bones >= {"scapula", "humerus", "sternum"}
    levels = {str(one.exercise.given.answers.level) for one in SHIPPED}
    assert levels >= {"T8", "T12", "L1", "L2", "L3", "L4", "S1"}
    assert sum(path.stat().st_size for path in shipped_folder().iterdir()) < MOST_BYTES


def test_every_technique_that_a_rule_indicates_is_a_right_answer() -> None:
    right = {sealed(one).statement.technique for one in SHIPPED} - {None}
    rows = tables().decisions_of_techniques
    indicated = {
        name for _, decision, names in rows if decision.effect is Effect.INDICATES for name in names
    }
    assert right == indicated
    assert set(tables().techniques.order) - indicated == {"alcohol"}


def test_alcohol_is_considered_and_refused() -> None:
    file = next(one for one in SHIPPED if one.exercise.id == "technique-rib-alcohol")
    reference = sealed(file)
    advised = judged_by_rules(file.exercise, reference)
    assert advised.techniques[0].technique == reference.statement.technique == "cryoablation"
    assert advised.advice("alcohol").status != "recommended"
    assert "A51" in advised.advice("alcohol").against


def test_a_device_that_ablates_is_that_of_the_technique_ranked_first() -> None:
    ablations = [one for one in SHIPPED if one.exercise.task == Task.ABLATION]
    for file in ablations:
        reference = sealed(file)
        first = judged_by_rules(file.exercise, reference).techniques[0]
        assert devices()[str(reference.statement.device)].technique == first.technique
    used = {sealed(one).statement.technique for one in ablations}
    assert used == {"cryoablation", "microwave", "radiofrequency"}


@each()
def test_the_file_says_what_its_recipe_says(file: ExerciseFile) -> None:
    recipe = read_recipe(RECIPES / f"{file.exercise.id}.yaml")
    assert recipe.exercise() == file.exercise
    kept, wanted = sealed(file).statement, recipe.choice.statement
    for name in type(wanted).model_fields:
        value = getattr(wanted, name)
        if value not in (None, (), ""):
            assert getattr(kept, name) == value, name


@each()
def test_texts_are_whole_in_both_languages(file: ExerciseFile) -> None:
    texts = file.exercise.texts
    assert texts["en"].situation != texts["fr"].situation
    for language in ("en", "fr"):
        for text in (texts[language].title, texts[language].situation, texts[language].asked):
            assert text.strip() == text
            assert "\n" not in text


@pytest.mark.long
@each()
def test_every_reference_is_right_by_the_engine_and_has_all_points(file: ExerciseFile) -> None:
    made = file.material()
    reference = file.open_reference(made)
    assert problems_of_reference(file.exercise, reference, made.volume) == []
    nothing = Answer(file.starting(made), type(reference.statement)(), 1.0)
    empty = mark(file.exercise, nothing, reference, made.volume)
    assert (empty.passed, empty.faults) == (False, ())
    whole = mark(file.exercise, reference, reference, made.volume)
    assert whole.percent == 100.0
    assert whole.score > empty.score


@pytest.mark.long
@each()
def test_every_reference_is_built_again_from_its_recipe(file: ExerciseFile) -> None:
    made = file.material()
    choice = read_recipe(RECIPES / f"{file.exercise.id}.yaml").choice
    again = build_reference(file.exercise, choice, made)
    kept = sealed(file)
    assert again.case.plan.measures == kept.case.plan.measures
    assert again.case.plan.chosen == kept.case.plan.chosen
    assert [row.probes for row in again.simulated] == [row.probes for row in kept.simulated]
