"""What holds for every case: ignorance never helps, order never matters, gates never loosen."""

from __future__ import annotations

import copy
import json
import random
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.tables import load_table
from planning.errors import PlanningError
from planning.technique.answers import Answers, answers_from
from planning.technique.engine import reasons, recommend
from planning.technique.tables import NAMES, build_tables
from tests.planning.technique.cases import BASE, CASES, SPINE, advise, statuses

# What a status may become when an answer is lost.
NO_FIRMER = {
    "recommended": {"recommended", "possible", "insufficient"},
    "possible": {"possible", "insufficient"},
    "insufficient": {"insufficient"},
    "contraindicated": {"contraindicated", "insufficient"},
}
BOOLEANS = [
    *("cortical_breach", "fracture", "impending_fracture", "weight_bearing", "operable"),
    *("neurological_deficit", "opioid_failure", "prior_radiotherapy", "radiotherapy_possible"),
    *("hypervascular", "frail", "infection", "pregnancy", "contrast_reaction", "diabetes"),
    *("anaesthetic_allergy", "implanted_cardiac_device", "spine_surgery", "lung_fibrosis"),
    *("general_anaesthesia_possible", "prone_possible", "side_confirmed"),
]
SPINAL_BOOLEANS = ["posterior_wall_breach", "foraminal"]
ANSWERS: dict[str, st.SearchStrategy[Any]] = {
    "lesion_kind": st.sampled_from(["lytic", "mixed", "blastic"]),
    "lesion_length_mm": st.sampled_from([25, 30, 35, 40, 60, 90]),
    "lesion_width_mm": st.sampled_from([10, 20, 25]),
    "vas": st.sampled_from([0, 5]),
    "pain": st.sampled_from(["none", "mechanical"]),
    "life_expectancy_months": st.sampled_from([2, 6, 12]),
    "lesion_count": st.sampled_from([1, 5, 6]),
    "goal": st.sampled_from(["palliative", "curative"]),
    "test_block": st.sampled_from(["positive", "negative", "not_done"]),
    "primary": st.sampled_from(["lung", "neuroendocrine", "pancreas"]),
    "weight_kg": st.sampled_from([15, 40, 80]),
    "skin_lidocaine_ml": st.sampled_from([0, 5, 20]),
    "inr": st.sampled_from([1.0, 1.6, 1.9, 2.5, 4.0]),
    "platelets_g_l": st.sampled_from([10, 30, 200]),
    "creatinine_clearance_ml_min": st.sampled_from([20, 40, 90]),
    "antithrombotics": st.sampled_from(
        [
            [],
            [{"drug": "apixaban", "hours_since": 20}],
            [{"drug": "dabigatran", "hours_since": 60}],
            [{"drug": "other", "hours_since": 900}],
            [{"drug": "ticagrelor", "hours_since": 100}],
            [{"drug": "clopidogrel"}, {"drug": "warfarin", "hours_since": 2}],
        ]
    ),
    "anaesthetic_mixture": st.sampled_from(
        [
            {"lidocaine_percent": 1, "ropivacaine_mg_ml": 7.5, "lidocaine_fraction": 0.5},
            {"lidocaine_percent": 1, "lidocaine_fraction": 0.5},
        ]
    ),
    "distance_mm": st.fixed_dictionaries(
        {},
        optional={
            name: st.sampled_from([0, 4, 15, 60])
            for name in ("spinal_cord", "nerve_root", "skin", "bowel", "vessel", "joint")
        },
    ),
    **{key: st.booleans() for key in BOOLEANS},
}
SPINAL: dict[str, st.SearchStrategy[Any]] = {
    "bone": st.sampled_from(["vertebra", "other"]),
    "level": st.sampled_from(["C4", "T8", "L1", "S1"]),
    "region": st.just("spine"),
    "alignment": st.sampled_from(["normal", "deformity", "subluxation"]),
    "collapse_percent": st.sampled_from([0, 30, 50, 70]),
    "body_involved_percent": st.sampled_from([10, 80]),
    "posterolateral": st.sampled_from(["none", "unilateral", "bilateral"]),
    "escc": st.sampled_from(["0", "1a", "1c", "2", "3"]),
    **{key: st.booleans() for key in SPINAL_BOOLEANS},
}
ELSEWHERE: dict[str, st.SearchStrategy[Any]] = {
    "bone": st.sampled_from(["rib", "ilium", "acetabulum", "femur", "humerus", "skull"]),
}
LIMB: dict[str, st.SearchStrategy[Any]] = {
    "bone": st.just("femur"),
    "long_bone_site": st.sampled_from(["lower_limb", "peritrochanteric"]),
    "long_bone_fraction": st.sampled_from([0.1, 0.5, 0.9]),
    "pain_severity": st.sampled_from(["mild", "moderate", "functional"]),
}
cases = st.one_of(
    *(st.fixed_dictionaries({}, optional=ANSWERS | more) for more in (SPINAL, ELSEWHERE, LIMB)),
    *(
        st.fixed_dictionaries(ANSWERS | more)  # nothing unknown
        for more in (SPINAL, ELSEWHERE, LIMB)
    ),
)


def without(answers: dict[str, Any], lost: str) -> dict[str, Any]:
    """Return answers without a key, dotted for nested ones."""
    left = copy.deepcopy(answers)
    first, _, second = lost.partition(".")
    if second:
        del left[first][second]
    else:
        del left[first]
    return left


def keys_of(answers: dict[str, Any]) -> list[str]:
    """Return the keys of answers, nested ones dotted."""
    nested = [f"{k}.{n}" for k, v in answers.items() if isinstance(v, dict) for n in v]
    return [*answers, *nested]


def assert_no_firmer(answers: dict[str, Any], lost: str) -> None:
    """Check that no status got firmer by losing an answer."""
    try:
        before = statuses(advise(answers))
        after = statuses(advise(without(answers, lost)))
    except PlanningError:
        return
    for technique, status in before.items():
        assert after[technique] in NO_FIRMER[status], (technique, lost)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_losing_an_answer_of_a_worked_case_makes_nothing_firmer(case: dict[str, Any]) -> None:
    for lost in keys_of(case):
        assert_no_firmer(case, lost)


@settings(max_examples=400, deadline=None)
@given(answers=cases, choice=st.randoms(use_true_random=False))
def test_losing_any_answer_makes_nothing_firmer(
    answers: dict[str, Any], choice: random.Random
) -> None:
    keys = keys_of(answers)
    if keys:
        assert_no_firmer(answers, choice.choice(keys))


@settings(max_examples=100, deadline=None)
@given(answers=cases, choice=st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(answers: dict[str, Any], choice: random.Random) -> None:
    keys = list(answers)
    choice.shuffle(keys)
    try:
        expected = advise(answers)
    except PlanningError:
        return
    assert advise({key: answers[key] for key in keys}) == expected


@settings(max_examples=200, deadline=None)
@given(answers=cases)
def test_every_answer_of_the_engine_is_whole(answers: dict[str, Any]) -> None:
    try:
        advice = advise(answers)
    except PlanningError:
        return
    assert [row.rank for row in advice.techniques] == list(range(1, 12))
    assert len({row.technique for row in advice.techniques}) == 11
    order = ["recommended", "possible", "insufficient", "contraindicated"]
    places = [order.index(row.status) for row in advice.techniques]
    assert places == sorted(places)
    known = set(Answers.model_fields)
    assert {key.partition(".")[0] for key in advice.missing} <= known
    cited = {*advice.infiltration.rules}
    for row in advice.techniques:
        cited |= {*row.for_, *row.against}
        assert row.status != "contraindicated" or row.against
        assert row.status != "recommended" or row.for_
    assert cited <= set(advice.rules)
    if advice.infiltration.verdict != "go":
        assert advice.infiltration.verdict in ("stop", "insufficient")
    if statuses(advice)["infiltration"] == "contraindicated":
        assert advice.infiltration.anaesthetic_ml is None


@pytest.mark.parametrize(
    ("table", "path", "stricter"),
    [
        ("haemostasis", "inr_high_risk", 1.2),
        ("haemostasis", "inr_low_risk", 1.2),
        ("haemostasis", "platelets_high_risk_g_l", 140.0),
        ("haemostasis", "platelets_low_risk_g_l", 140.0),
        ("technique_limits", "sins_unstable", 3),
        ("technique_limits", "mirels_fixation", 5),
    ],
)
@settings(max_examples=40, deadline=None)
@given(answers=cases)
def test_a_stricter_gate_never_helps_what_it_guards(
    table: str, path: str, stricter: float, answers: dict[str, Any]
) -> None:
    raw = {name: copy.deepcopy(load_table(name)) for name in NAMES}
    next(row for row in raw[table]["limits"] if row["id"] == path)["value"] = stricter
    try:
        checked = answers_from(answers)
    except PlanningError:
        return
    before = statuses(recommend(checked))
    after = statuses(recommend(checked, tables=build_tables(raw)))
    guarded = ("cementoplasty", "cryoablation", "microwave", "radiofrequency", "alcohol")
    for technique in guarded:
        if before[technique] == "contraindicated":
            assert after[technique] == "contraindicated"
        if before[technique] == "insufficient":
            assert after[technique] in ("insufficient", "contraindicated")


def test_knowing_nothing_decides_nothing() -> None:
    advice = advise({})
    assert advice.verdict == "insufficient"
    assert set(statuses(advice).values()) == {"insufficient"}
    assert {"bone", "lesion_kind", "inr", "weight_kg", "operable"} <= set(advice.missing)
    assert advice.infiltration.corticosteroid is None
    assert advice.scores.sins is None


def test_json_has_every_key_of_the_contract() -> None:
    for case in ({}, *CASES.values()):
        found = json.loads(advise(case).model_dump_json(by_alias=True))
        assert list(found)[:7] == [
            *("verdict", "techniques", "infiltration", "scores", "missing", "warnings", "rules")
        ]
        for row in found["techniques"]:
            assert set(row) >= {
                *("technique", "status", "rank", "for", "against", "adjuncts", "notes")
            }
        assert set(found["infiltration"]) >= {
            *("verdict", "volume_ml", "band_ml", "anaesthetic_ml", "anaesthetic_choices_ml"),
            *("max_permitted_ml", "lidocaine_mg", "ropivacaine_mg", "fraction_of_maximum"),
            *("corticosteroid", "corticosteroid_max", "contrast_ml", "needle_gauge", "rules"),
        }
        assert set(found["infiltration"]["corticosteroid_max"]) == {"value", "unit", "basis"}
        assert set(found["scores"]) >= {"sins", "mirels", "escc"}
        for row in found["warnings"]:
            assert set(row) == {"code", "rules", "message"}


def test_french_says_the_same_in_french() -> None:
    for case in CASES.values():
        answers = answers_from(case)
        english, french = recommend(answers), recommend(answers, "fr")
        assert statuses(english) == statuses(french)
        assert [row.code for row in english.warnings] == [row.code for row in french.warnings]
        assert english.rules == french.rules
        texts = zip(english.techniques, french.techniques, strict=True)
        assert all(len(one.notes) == len(other.notes) for one, other in texts)
        assert any(one.message != other.message for one, other in _pairs(english, french))


def _pairs(one: Any, other: Any) -> list[tuple[Any, Any]]:
    return list(zip(one.warnings, other.warnings, strict=True))


def test_french_writes_decimals_with_a_comma() -> None:
    said = [row.message for row in recommend(answers_from(CASES["4"]), "fr").warnings]
    assert any("1,51 fois le maximum" in message for message in said)


def test_reasons_carry_text_and_source() -> None:
    found = reasons(advise(CASES["6"]).advice("infiltration").against, "fr")
    assert found[0][0] == "A14"
    assert "corticale" in found[0][1]
    assert found[0][2].startswith("T")


def test_a_recommendation_takes_milliseconds() -> None:
    answers = [answers_from(case) for case in CASES.values()]
    for row in answers:
        recommend(row)
    begun_s = time.process_time()
    for row in answers:
        recommend(row)
    assert (time.process_time() - begun_s) / len(answers) < 0.02


@pytest.mark.parametrize("sure", [True, False, None])
def test_the_side_is_checked(sure: bool | None) -> None:
    advice = advise(BASE, side_confirmed=sure)
    warned = "side_not_confirmed" in {row.code for row in advice.warnings}
    assert warned == (sure is not True)
    assert ("side_confirmed" in advice.missing) == (sure is None)


def test_missing_names_only_what_could_change_something() -> None:
    assert advise(SPINE).missing == ()
    assert "escc" in advise(SPINE, escc=None).missing
    assert "distance_mm.nerve_root" in advise(SPINE, distance_mm={"skin": 40}).missing
    assert "infection" not in advise(SPINE, infection=True).missing
