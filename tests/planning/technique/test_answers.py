"""Answers are checked whole: keys, types, bounds, contradictions, and the file itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from planning.errors import PlanningError
from planning.technique.answers import Answers, answers_from, read_answers
from tests.planning.technique.cases import BASE, CASES, DISTANCES, SPINE

CONTRACT_KEYS = [
    "lesion_length_mm",
    "lesion_width_mm",
    "lesion_volume_ml",
    "lesion_kind",
    "bone",
    "level",
    "region",
    "cortical_breach",
    "fracture",
    "impending_fracture",
    "weight_bearing",
    "posterior_wall_breach",
    "collapse_percent",
    "body_involved_percent",
    "alignment",
    "posterolateral",
    "long_bone_site",
    "long_bone_fraction",
    "foraminal",
    "distance_mm",
    "simulation",
    "side_confirmed",
    "escc",
    "neurological_deficit",
    "vas",
    "pain",
    "pain_severity",
    "opioid_failure",
    "prior_radiotherapy",
    "radiotherapy_possible",
    "life_expectancy_months",
    "who_status",
    "primary",
    "lesion_count",
    "goal",
    "test_block",
    "operable",
    "hypervascular",
    "weight_kg",
    "frail",
    "anaesthetic_mixture",
    "skin_lidocaine_ml",
    "inr",
    "platelets_g_l",
    "creatinine_clearance_ml_min",
    "antithrombotics",
    "infection",
    "pregnancy",
    "contrast_reaction",
    "anaesthetic_allergy",
    "implanted_cardiac_device",
    "spine_surgery",
    "lung_fibrosis",
    "diabetes",
    "general_anaesthesia_possible",
    "prone_possible",
    "mdt_date",
]


def refused(answers: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(PlanningError) as error:
        answers_from(answers)
    for problem in error.value.problems:
        assert len(problem.message) > 10
    return [(problem.code, problem.where) for problem in error.value.problems]


MORE_KEYS = ("chosen_anaesthetic_ml", "needle_count")


def test_keys_are_those_of_the_contract_and_all_may_be_unknown() -> None:
    assert [key for key in Answers.model_fields if key not in MORE_KEYS] == CONTRACT_KEYS
    assert answers_from({}) == answers_from(dict.fromkeys(CONTRACT_KEYS)) == Answers()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_answers_survive_json(case: dict[str, Any]) -> None:
    answers = answers_from(case)
    assert answers_from(json.loads(answers.model_dump_json())) == answers


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lesion_length_mm", 0.99),
        ("lesion_length_mm", 300.01),
        ("lesion_length_mm", "30"),
        ("lesion_length_mm", True),
        ("lesion_width_mm", -3),
        ("lesion_volume_ml", 0),
        ("lesion_kind", "lytique"),
        ("bone", "rib "),
        ("level", "C8"),
        ("level", "T13"),
        ("level", "L6"),
        ("level", "S0"),
        ("level", "c6"),
        ("level", "L2\n"),
        ("fracture", 1),
        ("fracture", "yes"),
        ("collapse_percent", 101),
        ("long_bone_fraction", 1.01),
        ("escc", 2),
        ("escc", "1d"),
        ("vas", 10.5),
        ("vas", -1),
        ("vas", [8]),
        ("life_expectancy_months", -1),
        ("who_status", 5),
        ("who_status", 1.5),
        ("lesion_count", 0),
        ("lesion_count", 2.5),
        ("weight_kg", 0),
        ("weight_kg", 700),
        ("weight_kg", 10**400),
        ("inr", 0),
        ("platelets_g_l", 250_000),
        ("antithrombotics", {"drug": "apixaban"}),
        ("antithrombotics", "none"),
        ("mdt_date", "2026-02-30"),
        ("mdt_date", 20260105),
        ("mdt_date", "05/01/2026"),
        ("region", "thorax"),
        ("distance_mm", 4),
        ("simulation", {}),
    ],
)
def test_a_wrong_value_is_refused_by_its_key(key: str, value: Any) -> None:
    assert refused({key: value})[0][1] == key


@pytest.mark.parametrize(
    ("key", "value", "where"),
    [
        ("distance_mm", {"aorta": 4}, "distance_mm.aorta"),
        ("distance_mm", {"skin": -1}, "distance_mm.skin"),
        ("anaesthetic_mixture", {"lidocaine_fraction": 1.5}, "anaesthetic_mixture"),
        ("anaesthetic_mixture", {"ropivacaine_mg_ml": 0}, "anaesthetic_mixture.ropivacaine_mg_ml"),
        ("antithrombotics", [{"drug": "eliquis"}], "antithrombotics.0.drug"),
        ("antithrombotics", [{"hours_since": 3}], "antithrombotics.0.drug"),
        ("antithrombotics", [{"drug": "ufh", "hours_since": -1}], "antithrombotics.0.hours_since"),
        ("simulation", [{"technique": "laser"}], "simulation.0.technique"),
    ],
)
def test_nested_values_are_refused_where_they_are(key: str, value: Any, where: str) -> None:
    assert refused({key: value})[0][1].startswith(where)


def test_every_problem_is_told_at_once() -> None:
    found = refused(
        {
            "bone": "ilium",
            "level": "C6",
            "vas": 11,
            "colour": "red",
            "fracture": "no",
            "lesion_length_mm": 20,
            "lesion_width_mm": 30,
        }
    )
    assert {where for _, where in found} == {
        "level",
        "vas",
        "colour",
        "fracture",
        "lesion_length_mm",
    }
    assert {code for code, _ in found} == {
        "unknown_key",
        "out_of_bounds",
        "bad_value",
        "impossible_combination",
        "length_below_width",
    }


@pytest.mark.parametrize(
    "answers",
    [
        {"bone": "ilium", "level": "C6"},
        {"bone": "sacrum", "level": "L5"},
        {"bone": "rib", "level": "L1"},
        {"bone": "vertebra", "long_bone_site": "lower_limb"},
        {"bone": "humerus", "long_bone_site": "peritrochanteric"},
        {"bone": "tibia", "long_bone_site": "peritrochanteric"},
        {"bone": "femur", "long_bone_site": "upper_limb"},
        {"bone": "vertebra", "region": "peripheral"},
        {"bone": "femur", "region": "near_spine"},
        {"bone": "rib", "region": "spine"},
        {"bone": "femur", "escc": "2"},
        {"region": "peripheral", "foraminal": True},
        {"bone": "rib", "distance_mm": DISTANCES, "escc": "1a"},
    ],
)
def test_impossible_combinations_are_refused(answers: dict[str, Any]) -> None:
    assert {code for code, _ in refused(answers)} == {"impossible_combination"}


def test_an_unknown_bone_is_told_once_and_not_repeated() -> None:
    strange = {"bone": "\ud800", "level": "\ud800", "long_bone_site": "upper_limb"}
    with pytest.raises(PlanningError) as caught:
        answers_from(strange | {"escc": "2", "collapse_percent": 20, "long_bone_fraction": 0.5})
    assert all(problem.message.isascii() for problem in caught.value.problems)
    assert not any(p.code == "impossible_combination" for p in caught.value.problems)


@pytest.mark.parametrize("value", [10**400, -(10**400), 1e308, float("nan")])
def test_a_number_beyond_arithmetic_is_refused_by_its_bounds(value: float) -> None:
    keys = ("lesion_length_mm", "lesion_width_mm", "lesion_volume_ml")
    found = refused(dict.fromkeys(keys, value))
    assert {where for _, where in found} <= {*keys, ""}


def test_a_volume_beyond_any_lesion_of_the_length_is_refused() -> None:
    confused = {"lesion_length_mm": 3, "lesion_volume_ml": 30}
    assert refused(confused) == [("units_confused", "lesion_volume_ml")]
    assert answers_from({"lesion_length_mm": 30, "lesion_volume_ml": 14}) is not None


@pytest.mark.parametrize(
    "answers",
    [
        {"bone": "vertebra", "level": "S1"},
        {"bone": "rib", "level": "T5"},
        {"bone": "other", "level": "C6"},
        {"bone": "rib", "escc": "1a", "distance_mm": DISTANCES | {"nerve_root": 2}},
        {"bone": "femur", "escc": "0", "foraminal": False},
        {"lesion_length_mm": 24, "lesion_width_mm": 24},
        {"bone": "rib", "region": "near_spine"},
        {"distance_mm": {"skin": None}, "antithrombotics": [], "simulation": []},
    ],
)
def test_possible_combinations_are_taken(answers: dict[str, Any]) -> None:
    assert answers_from(answers) is not None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "not_json"),
        ("{", "not_json"),
        ("vas: 8", "not_json"),
        ("[]", "bad_value"),
        ("null", "bad_value"),
        ("3", "bad_value"),
        ('{"vas": NaN}', "not_a_number"),
        ('{"vas": Infinity}', "not_a_number"),
        ('{"vas": 1e999}', "out_of_bounds"),
        ('{"vas": 8, "vas": 2}', "duplicate_key"),
        ('{"distance_mm": {"skin": 8, "skin": 2}}', "duplicate_key"),
        ('{"\\ud800": 1}', "bad_value"),
        ("[" * 100_000, "not_json"),
        ('{"vas": ' + "9" * 5000 + "}", "not_json"),
    ],
)
def test_what_is_no_answer_is_refused(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "answers.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PlanningError) as error:
        read_answers(path)
    assert code in {problem.code for problem in error.value.problems}
    assert all("answers.json" in problem.where for problem in error.value.problems)


def test_files_that_cannot_be_answers_are_refused(tmp_path: Path) -> None:
    huge = tmp_path / "huge.json"
    huge.write_text('{"bone": "' + "a" * 2_000_000 + '"}')
    latin = tmp_path / "latin.json"
    latin.write_bytes('{"bone": "é"}'.encode("latin-1"))
    found = []
    for path in (huge, latin, tmp_path, tmp_path / "absent.json"):
        with pytest.raises(PlanningError) as error:
            read_answers(path)
        found.append(error.value.code)
    assert found == ["too_large", "not_json", "unreadable_file", "unreadable_file"]


def test_a_byte_order_mark_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "answers.json"
    path.write_text("\ufeff" + json.dumps(SPINE), encoding="utf-8")
    assert read_answers(path) == answers_from(SPINE)


def test_answers_are_frozen() -> None:
    answers = answers_from(BASE)
    with pytest.raises(ValueError, match="frozen"):
        setattr(answers, "vas", 3)  # noqa: B010 - the type checker forbids it too
