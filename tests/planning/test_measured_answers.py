"""What the CT says goes into the answers, and never against what the physician says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from imaging.measurement.involvement import Involvement
from planning.measured_answers import completed_answers, located_answers
from planning.plan import Case
from planning.procedure import with_lesion, with_structures
from planning.technique.answers import Answers, answers_from
from planning.technique.engine import recommend

if TYPE_CHECKING:
    from imaging.phantom.cases import GeneratedCase
    from imaging.structures.model import Structures


@pytest.fixture(scope="module")
def case(vertebra: GeneratedCase, vertebra_structures: Structures) -> Case:
    begun = with_lesion(Case.begin(vertebra.volume), vertebra.volume, vertebra.lesion)
    return with_structures(begun, vertebra_structures, vertebra.volume)


def seen(case: Case, **effects: Any) -> Case:
    plan = case.plan.model_copy(update={"involvement": Involvement(**effects), "edits": ()})
    return replace(case, plan=plan)


def test_the_level_of_a_generated_vertebra_is_known(case: Case, vertebra: GeneratedCase) -> None:
    answers = completed_answers(case, Answers())
    assert (answers.bone, answers.level) == ("vertebra", "L3")
    assert answers.collapse_percent is not None
    findings = vertebra.truth.findings
    assert findings is not None
    assert findings.body_involved_percent is not None
    assert answers.body_involved_percent == pytest.approx(findings.body_involved_percent, abs=15.0)
    missing = recommend(answers).missing
    assert not {"bone", "level", "collapse_percent"} & set(missing)


@pytest.mark.parametrize(
    ("name", "bone", "level"),
    [
        ("vertebrae_T12", "vertebra", "T12"),
        ("vertebrae_S1", "sacrum", "S1"),
        ("vertebrae_L6", "vertebra", None),
        ("sacrum", "sacrum", None),
        ("rib_left_5", "rib", None),
        ("clavicula_right", "clavicle", None),
        ("femur_left", "femur", None),
        ("hip_left", None, None),
        ("bone", None, None),
    ],
)
def test_bones_are_called_as_the_answers_call_them(
    case: Case, name: str, bone: str | None, level: str | None
) -> None:
    answers = completed_answers(seen(case, bone=name), Answers())
    assert (answers.bone, answers.level) == (bone, level)


def test_an_open_posterior_wall_is_told_and_a_whole_one_is_left_to_the_physician(
    case: Case,
) -> None:
    for breach, told in ((True, True), (False, None), (None, None)):
        of = seen(case, bone="vertebrae_L3", posterior_wall_breach=breach)
        assert completed_answers(of, Answers()).posterior_wall_breach is told


def test_a_long_bone_gives_its_diameter_and_no_vertebra_does(case: Case) -> None:
    femur = seen(case, bone="femur_left", diameter_fraction=0.6, collapse_percent=10.0)
    found = located_answers(femur)
    assert found == {"bone": "femur", "long_bone_fraction": 0.6}
    spine = seen(case, bone="vertebrae_L3", diameter_fraction=0.6, collapse_percent=10.0)
    assert "long_bone_fraction" not in located_answers(spine)


@pytest.mark.parametrize(
    "said",
    [
        {"bone": "ilium"},
        {"bone": "rib", "level": "T8"},
        {"region": "peripheral"},
        {"long_bone_site": "lower_limb"},
        {"level": "C3", "bone": "vertebra"},
    ],
)
def test_what_the_physician_says_is_never_contradicted(case: Case, said: dict[str, Any]) -> None:
    of = seen(case, bone="vertebrae_L3", posterior_wall_breach=True, collapse_percent=30.0)
    answers = completed_answers(of, answers_from(said))
    for key, value in said.items():
        assert getattr(answers, key) == value
    if said.get("bone") not in (None, "vertebra"):
        assert answers.collapse_percent is None
