"""Why, what is missing most, and what another answer would change."""

from __future__ import annotations

import random
import statistics
from typing import Any

import pytest
from scipy.stats import spearmanr

from planning.errors import PlanningError
from planning.technique.answers import Answers, answers_from
from planning.technique.engine import recommend
from planning.technique.explanation import condition_said, dose_steps, explain
from planning.technique.recommendation import Recommendation
from planning.technique.rules import rules
from planning.technique.tables import build_tables, tables
from planning.technique.what_if import WhatIf, what_if, with_changes
from tests.planning.technique.cases import BASE, CASES, HIP, SPINE
from tests.planning.technique.test_rules import changed


def why(answers: dict[str, Any], rule: str, technique: str | None) -> list[str]:
    rows = explain(answers_from(answers))
    return [b for r in rows if (r.rule, r.technique) == (rule, technique) for b in r.because]


def test_a_gate_is_explained_by_its_value_and_its_limit() -> None:
    assert "INR: 2.4 (above 1.8)" in why(BASE | {"inr": 2.4}, "B5", "cryoablation")
    found = explain(answers_from(BASE | {"inr": 2.4}), "fr")
    assert any("INR : 2,4 (plus de 1,8)" in row.because for row in found)


def test_derived_facts_are_explained_too() -> None:
    assert why(SPINE | {"fracture": True, "collapse_percent": 40}, "B9", None) == [
        "SINS: 9 (at least 7)"
    ]
    drugs = {"antithrombotics": [{"drug": "apixaban", "hours_since": 3}]}
    assert why(BASE | drugs, "B6", "microwave") == ["Antithrombotics held long enough: no"]


def test_what_waits_names_its_answers() -> None:
    rows = explain(answers_from(BASE | {"inr": None}))
    waiting = [row for row in rows if row.holds is None and row.technique == "cryoablation"]
    assert {key for row in waiting for key in row.waits_for} == {"inr"}
    assert all(row.because == () for row in waiting)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_everything_recommended_is_explained(case: dict[str, Any]) -> None:
    answers = answers_from(case)
    rows = explain(answers)
    for row in recommend(answers).techniques:
        known = {one.rule for one in rows if one.technique == row.technique and one.holds}
        assert {*row.for_, *row.against} <= known
    conditional = [r for r in rows if r.holds and r.effect in ("forbids", "indicates")]
    assert all(row.because for row in conditional)


def test_every_condition_of_the_tables_can_be_read() -> None:
    used = tables()
    for language in ("en", "fr"):
        for row in rules():
            for one in row.decides:
                if one.when is not None:
                    said = condition_said(one.when, used, language)
                    assert said
                    assert "_" not in said, (row.id, said)


def test_the_dose_shows_its_arithmetic() -> None:
    told = dose_steps(answers_from(BASE), "en")
    assert told[0] == "30.0 × 24.0² / 2000 = 8.64 ml (A1)"
    assert "1.5 ml (A2)" in told[1]
    assert "0.30" in told[2] or "0.29" in told[2] or "of the maximum" in told[2]
    assert dose_steps(Answers(), "en") == []


# What if


def changes(answers: dict[str, Any], **other: str) -> WhatIf:
    before = answers_from(answers)
    return what_if(before, with_changes(before, other))


def test_a_worse_inr_closes_what_it_closes_and_names_the_rule() -> None:
    found = changes(BASE, inr="2.4")
    turned = {r.technique: r for r in found.techniques if r.status_before != r.status_after}
    assert turned["cryoablation"].status_after == "contraindicated"
    for row in turned.values():
        if row.status_after == "contraindicated":
            assert [cause.rule for cause in row.causes if cause.holds] == ["B5"]
            assert row.causes[0].because == ("INR: 2.4 (above 1.8)",)
    assert "inr_in_range" in found.warnings_new


def test_a_larger_lesion_changes_the_band_and_names_both_rules() -> None:
    found = changes(BASE, lesion_length_mm="40", lesion_width_mm="30")
    dose = {row.key: (row.before, row.after) for row in found.dose}
    assert dose["anaesthetic_ml"] == (1.5, 5.0)
    assert {"A2", "A3"} <= set(found.dose_rules)
    assert [row.key for row in found.answers] == ["lesion_length_mm", "lesion_width_mm"]


def test_the_same_answer_changes_nothing() -> None:
    found = changes(BASE, inr="1.0")
    assert (found.answers, found.techniques, found.dose) == ((), (), ())
    assert found.verdict_before == found.verdict_after


def test_an_answer_taken_back_is_unknown() -> None:
    found = changes(BASE, inr="null")
    assert found.answers[0].after is None
    assert all(row.status_after == "insufficient" for row in found.techniques
               if row.status_before != row.status_after)  # fmt: skip


def test_nested_answers_and_words_can_be_tried() -> None:
    found = changes(CASES["10"], **{"distance_mm.nerve_root": "30", "test_block": "negative"})
    keys = [row.key for row in found.answers]
    assert keys == ["distance_mm", "test_block"]
    with pytest.raises(PlanningError):
        changes(BASE, inr="much")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_changed_status_has_a_cause(case: dict[str, Any]) -> None:
    before = answers_from(case)
    for key in ("infection", "pregnancy", "operable", "opioid_failure", "hypervascular"):
        value = "false" if getattr(before, key) else "true"
        for row in what_if(before, with_changes(before, {key: value})).techniques:
            if row.status_before != row.status_after:
                assert row.causes, (key, row.technique)


# What is missing


TRIED: dict[str, list[Any]] = {
    "escc": ["0", "1b", "3"],
    "inr": [1.0, 1.7, 2.5, 4.0],
    "platelets_g_l": [10, 30, 200],
    "weight_kg": [40, 80],
    "skin_lidocaine_ml": [0, 20],
    "lesion_kind": ["lytic", "mixed", "blastic"],
    "life_expectancy_months": [2, 6, 12],
    "creatinine_clearance_ml_min": [20, 40, 90],
    "antithrombotics": [[], [{"drug": "apixaban", "hours_since": 3}], [{"drug": "other"}]],
    "vas": [0, 8],
    "pain": ["none", "mechanical"],
    "collapse_percent": [0, 30, 70],
    "alignment": ["normal", "subluxation"],
    "posterolateral": ["none", "bilateral"],
    "level": ["C4", "L2"],
    "goal": ["palliative", "curative"],
    "lesion_count": [1, 6],
    "test_block": ["positive", "negative", "not_done"],
    "lesion_length_mm": [30, 45, 90],
    "lesion_width_mm": [24],
    "body_involved_percent": [10, 80],
    "long_bone_fraction": [0.1, 0.9],
    "long_bone_site": ["lower_limb", "peritrochanteric"],
    "pain_severity": ["mild", "functional"],
    "primary": ["lung", "neuroendocrine", "pancreas"],
    "bone": ["rib", "vertebra", "ilium", "femur"],
    "mdt_date": ["2026-01-05"],
    "distance_mm": [2, 60],
}


def completed(answers: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    outer, _, inner = key.partition(".")
    return answers | {outer: {**(answers.get(outer) or {}), inner: value} if inner else value}


def effect(answers: dict[str, Any], before: Recommendation, key: str) -> float:
    """Return the most that an answer changes, found by trying."""
    most = 0.0
    known = {row.technique: row for row in before.techniques}
    for value in TRIED.get(key) or TRIED.get(key.partition(".")[0]) or [True, False]:
        try:
            after = recommend(answers_from(completed(answers, key, value)))
        except PlanningError:
            continue
        turned = sum(row.status != known[row.technique].status for row in after.techniques)
        dose = after.infiltration.anaesthetic_ml != before.infiltration.anaesthetic_ml
        reasons = sum(
            (row.for_, row.against, row.adjuncts)
            != (
                known[row.technique].for_,
                known[row.technique].against,
                known[row.technique].adjuncts,
            )
            for row in after.techniques
        )
        verdict = after.verdict != before.verdict
        most = max(most, turned + 3.0 * verdict + dose + 0.05 * reasons)
    return most


def test_what_is_missing_comes_in_the_order_of_what_it_changes() -> None:
    """Against trying the answers one by one: the first matters, and the order agrees."""
    choice = random.Random(7)
    agreement, first_matters = [], []
    for _ in range(14):
        answers = dict(choice.choice([BASE, SPINE, HIP]))
        for lost in choice.sample(list(answers), choice.choice([4, 8])):
            del answers[lost]
        before = recommend(answers_from(answers))
        if len(before.missing) < 5 or "anaesthetic_mixture.lidocaine_percent" in before.missing:
            continue
        found = [effect(answers, before, key) for key in before.missing]
        if max(found) == min(found):
            continue
        agreement.append(spearmanr(range(len(found)), [-one for one in found]).statistic)
        first_matters.append(found[0] >= sorted(found)[-3])
    assert len(agreement) >= 5
    assert statistics.mean(agreement) > 0.45
    assert statistics.mean(first_matters) > 0.8


def test_influences_name_what_waits() -> None:
    advice = recommend(answers_from(BASE | {"inr": None, "weight_kg": None}))
    assert [row.key for row in advice.influences] == list(advice.missing)
    by_key = {row.key: row for row in advice.influences}
    assert len(by_key["inr"].techniques) > 5
    assert by_key["weight_kg"].dose
    assert advice.missing[0] == "inr"


# The edition of the tables


def test_another_figure_is_another_edition() -> None:
    shipped = tables().version
    other = changed(("technique_limits", "limits", 0, "value"))
    assert other.version != shipped
    assert recommend(answers_from(BASE), tables=other).tables_version == other.version
    assert recommend(answers_from(BASE)).tables_version == shipped


def test_the_order_of_a_table_s_keys_is_no_other_edition() -> None:
    from imaging.tables import load_table
    from planning.technique.tables import NAMES

    raw = {name: load_table(name) for name in NAMES}
    turned = {name: dict(reversed(list(raw[name].items()))) for name in reversed(NAMES)}
    assert build_tables(turned).version == tables().version
