"""Section D of the clinical rules, case by case, and the cases next to them."""

from __future__ import annotations

from typing import Any

import pytest

from planning.errors import PlanningError
from tests.planning.technique.cases import BASE, CASES, DISTANCES, SPINE, advise, codes, statuses

THERMAL = ("radiofrequency", "microwave", "cryoablation")
PERCUTANEOUS = (
    *("infiltration", "cementoplasty", "cemented_screws", "alcohol", "embolisation"),
    *(*THERMAL, "electrochemotherapy"),
)


def test_case_1_rib_with_two_months_to_live_is_infiltrated_first() -> None:
    advice = advise(CASES["1"])
    first, second = advice.techniques[:2]
    assert (first.technique, first.status) == ("infiltration", "recommended")
    assert second.technique == "radiotherapy"
    assert any("8 Gy" in adjunct and "B16" in adjunct for adjunct in first.adjuncts)
    done = advice.infiltration
    assert (done.volume_ml, done.anaesthetic_ml, done.verdict) == (8.64, 1.5, "go")
    assert done.corticosteroid == "triamcinolone_acetonide"
    assert {"A2", "A8", "B3"} <= set(done.rules)
    assert "A17" in first.for_
    assert advice.verdict == "go"


def test_case_2_at_20_ml_the_physician_chooses() -> None:
    advice = advise(CASES["2"])
    done = advice.infiltration
    assert done.volume_ml == 20.0
    assert done.band_ml is None
    assert done.anaesthetic_ml is None
    assert done.anaesthetic_choices_ml == (5.0, 10.0)
    assert "volume_20" in codes(advice)
    assert advise(CASES["2 at 50"]).infiltration.anaesthetic_ml == 10.0


def test_case_3_a_length_below_the_width_is_refused() -> None:
    with pytest.raises(PlanningError) as refused:
        advise(BASE, lesion_length_mm=24, lesion_width_mm=30)
    assert [row.code for row in refused.value.problems] == ["length_below_width"]


@pytest.mark.parametrize(
    ("case", "fraction", "us_label"), [("4", 1.51, "1.16"), ("4 at 2 mg/mL", 1.17, "0.82")]
)
def test_case_4_ceilings_stop_the_infiltration(case: str, fraction: float, us_label: str) -> None:
    advice = advise(CASES[case])
    done = advice.infiltration
    assert done.verdict == "stop"
    assert done.band_ml == 15.0
    assert done.anaesthetic_ml is None
    assert done.anaesthetic_choices_ml == ()
    assert done.fraction_of_maximum == pytest.approx(fraction, abs=0.005)
    assert done.max_permitted_ml is not None
    assert 0 < done.max_permitted_ml < 15
    row = advice.advice("infiltration")
    assert row.status == "contraindicated"
    assert "B1" in row.against
    said = next(w.message for w in advice.warnings if w.code == "dose_above_ceiling")
    assert us_label in said


def test_case_5_without_the_concentration_there_are_only_millilitres() -> None:
    advice = advise(CASES["5"])
    done = advice.infiltration
    assert done.anaesthetic_ml == 1.5
    assert done.ropivacaine_mg is None
    assert done.fraction_of_maximum is None
    assert done.verdict == "insufficient"
    assert "anaesthetic_mixture.ropivacaine_mg_ml" in advice.missing
    assert "A7" in done.rules


def test_case_6_blastic_ilium_is_frozen_or_irradiated() -> None:
    advice = advise(CASES["6"])
    found = statuses(advice)
    assert found["infiltration"] == found["radiofrequency"] == "contraindicated"
    assert "A14" in advice.advice("infiltration").against
    assert "B13" in advice.advice("radiofrequency").against
    assert found["cryoablation"] == found["radiotherapy"] == "recommended"
    assert advice.techniques[0].technique == "cryoablation"
    assert advice.infiltration.anaesthetic_ml is None


def test_case_6_with_a_breach_may_be_infiltrated() -> None:
    assert statuses(advise(CASES["6"], cortical_breach=True))["infiltration"] == "possible"
    assert statuses(advise(CASES["6"], cortical_breach=None))["infiltration"] == "insufficient"


def test_case_7_fracture_of_l2_is_cemented_first_after_the_surgeon() -> None:
    advice = advise(CASES["7"])
    assert advice.scores.sins is not None
    assert (advice.scores.sins.total, advice.scores.sins.score_class) == (9, "indeterminate")
    assert [row.technique for row in advice.techniques[:2]] == ["cementoplasty", "radiotherapy"]
    first, second = advice.techniques[:2]
    assert first.status == second.status == "recommended"
    assert "A39" in first.for_
    assert "B16" in second.for_
    assert any("B9" in adjunct for adjunct in first.adjuncts)
    assert "sins_surgeon" in codes(advice)
    assert "near_canal" not in codes(advice)


def test_case_8_compressed_cord_goes_to_the_surgeon() -> None:
    advice = advise(CASES["8"])
    found = statuses(advice)
    assert advice.verdict == "stop"
    assert {found[name] for name in PERCUTANEOUS} == {"contraindicated"}
    first = advice.techniques[0]
    assert (first.technique, first.status) == ("surgery", "recommended")
    assert {"A40", "B11"} <= set(first.for_)
    assert any("dexamethasone" in adjunct for adjunct in first.adjuncts)
    assert found["radiotherapy"] == "recommended"
    assert "elsewhere_surgery" in codes(advice)


def test_case_9_inoperable_after_radiotherapy_gets_electrochemotherapy() -> None:
    advice = advise(CASES["9"])
    first = advice.techniques[0]
    assert advice.verdict == "go"
    assert (first.technique, first.status) == ("electrochemotherapy", "recommended")
    assert "A41" in first.for_
    assert "B19" in first.against
    assert any("7.5 %" in note for note in first.notes)
    assert statuses(advice)["surgery"] == "contraindicated"


@pytest.mark.parametrize("change", ["lung_fibrosis", "implanted_cardiac_device"])
def test_case_9_with_a_contraindication_has_no_percutaneous_answer(change: str) -> None:
    advice = advise(CASES["9"], **{change: True})
    assert statuses(advice)["electrochemotherapy"] == "contraindicated"
    assert advice.verdict == "stop"
    assert "no_percutaneous_technique" in codes(advice)


def test_case_10_root_at_4_mm_is_ablated_under_thermocouples() -> None:
    advice = advise(CASES["10"])
    assert {row.technique for row in advice.techniques[:2]} == {"microwave", "cryoablation"}
    for row in advice.techniques[:2]:
        assert row.status == "recommended"
        assert "A16" in row.for_
        assert "A40" in row.against
        assert "thermocouples (A45)" in row.adjuncts
    assert statuses(advice)["radiotherapy"] == "recommended"
    assert statuses(advice)["radiofrequency"] == "possible"


@pytest.mark.parametrize(
    ("length_mm", "status", "code"),
    [
        (28, "recommended", None),
        (29.99, "recommended", None),
        (30, "possible", "curative_grey_zone"),
        (35, "possible", "curative_grey_zone"),
        (40, "possible", "curative_grey_zone"),
        (40.01, "possible", "curative_too_large"),
        (45, "possible", "curative_too_large"),
    ],
)
def test_case_11_curative_intent_by_size(length_mm: float, status: str, code: str | None) -> None:
    advice = advise(CASES["11"], lesion_length_mm=length_mm)
    assert {statuses(advice)[name] for name in THERMAL} == {status}
    curative = {c for c in codes(advice) if c.startswith("curative")}
    assert curative == ({code} if code else set())
    row = advice.advice("cryoablation")
    assert ("A38" in row.for_) == (code is None)
    assert "A42" in row.for_
    assert advice.techniques[0].technique in THERMAL or code is not None


def test_case_11_with_six_lesions_is_not_oligometastatic() -> None:
    row = advise(CASES["11"], lesion_count=6).advice("cryoablation")
    assert "A38" not in row.for_
    assert "B14" in row.against
    assert "A38" in advise(CASES["11"], lesion_count=5).advice("cryoablation").for_


def test_case_12_acetabulum_is_never_heated_without_consolidation() -> None:
    row = advise(CASES["12"]).advice("radiofrequency")
    assert row.status == "recommended"
    assert {"consolidation by cementoplasty (A48)", "cemented screws (A39)"} <= set(row.adjuncts)
    assert any("A48" in note for note in row.notes)


def test_case_13_mirels_11_goes_to_orthopaedics() -> None:
    advice = advise(CASES["13"])
    assert advice.scores.mirels is not None
    assert (advice.scores.mirels.total, advice.scores.mirels.score_class) == (11, "fixation")
    assert advice.verdict == "stop"
    assert advice.techniques[0].technique == "surgery"
    assert {"A34", "B10"} <= set(advice.techniques[0].for_)
    row = advice.advice("cementoplasty")
    assert row.status == "contraindicated"
    assert {"A34", "B10"} <= set(row.against)


def test_case_13_inoperable_gets_screws() -> None:
    advice = advise(CASES["13 inoperable"])
    first = advice.techniques[0]
    assert (first.technique, first.status) == ("cemented_screws", "recommended")
    assert {"A39", "B10"} <= set(first.for_)
    assert advice.verdict == "go"
    assert statuses(advice)["cementoplasty"] == "contraindicated"


def test_case_14_pacemaker_speaks_against_monopolar_radiofrequency() -> None:
    advice = advise(CASES["14"])
    row = advice.advice("radiofrequency")
    assert row.status == "possible"
    assert "B8" in row.against
    cold = advice.advice("cryoablation")
    assert cold.status == "recommended"
    assert "cardiology opinion (B8)" in cold.adjuncts


def test_case_15_foramen_of_c6_takes_no_particulate_steroid() -> None:
    advice = advise(CASES["15"])
    done = advice.infiltration
    assert done.corticosteroid == "dexamethasone"
    assert "B4" in done.rules
    assert "near_canal" in codes(advice)
    assert done.band_ml == 1.5
    assert done.anaesthetic_ml is None


def test_case_15_anticoagulated_is_postponed() -> None:
    advice = advise(CASES["15 anticoagulated"])
    assert advice.verdict == "insufficient"
    assert statuses(advice)["cementoplasty"] == "contraindicated"
    assert "B6" in advice.advice("cementoplasty").against
    assert "platelets_g_l" in advice.missing
    without_drug = advise(CASES["15 anticoagulated"], antithrombotics=[])
    assert statuses(without_drug)["cementoplasty"] == "insufficient"


def test_exactly_six_months_is_said_to_be_undefined() -> None:
    advice = advise(BASE, life_expectancy_months=6)
    assert "life_expectancy_6" in codes(advice)
    names = ("infiltration", "cryoablation")
    found = [
        tuple(statuses(advise(BASE, life_expectancy_months=months))[name] for name in names)
        for months in (5.9, 6, 6.1)
    ]
    assert found == [
        ("recommended", "possible"),
        ("possible", "possible"),
        ("possible", "recommended"),
    ]


@pytest.mark.parametrize("gate", ["infection", "pregnancy"])
def test_gate_of_every_percutaneous_technique_stops(gate: str) -> None:
    advice = advise(BASE, **{gate: True})
    found = statuses(advice)
    assert advice.verdict == "stop"
    assert {found[name] for name in PERCUTANEOUS} == {"contraindicated"}
    assert advice.infiltration.verdict == "stop"
    unknown = advise(BASE, **{gate: None})
    assert unknown.verdict == "insufficient"
    assert gate in unknown.missing


def test_contrast_reaction_suspends_the_infiltration() -> None:
    advice = advise(BASE, contrast_reaction=True)
    assert statuses(advice)["infiltration"] == "insufficient"
    assert "B7" in advice.advice("infiltration").against
    assert advice.infiltration.contrast_ml == 1.0
    assert advice.verdict == "go"


def test_surgery_is_never_recommended_to_the_inoperable() -> None:
    for answers in CASES.values():
        assert statuses(advise(answers, operable=False))["surgery"] == "contraindicated"
        assert statuses(advise(answers, operable=None))["surgery"] == "insufficient"


def test_severe_instability_needs_the_surgeon() -> None:
    unstable = {"alignment": "subluxation", "collapse_percent": 60, "level": "L1"}
    advice = advise(SPINE, **unstable)
    assert advice.scores.sins is not None
    assert (advice.scores.sins.total, advice.scores.sins.score_class) == (15, "unstable")
    assert advice.verdict == "stop"
    assert statuses(advice)["cementoplasty"] == "contraindicated"


def test_severe_instability_is_not_told_as_a_compressed_cord() -> None:
    unstable = SPINE | {"alignment": "subluxation", "collapse_percent": 60}
    unstable |= {"level": "L1", "posterolateral": "bilateral"}
    for changes in ({}, {"operable": False}):
        advice = advise(unstable, **changes)
        assert advice.verdict == "stop"
        said = [row.message for row in advice.warnings if row.code.startswith("elsewhere")]
        assert len(said) == 1
        assert "instability" in said[0]
        assert "dexamethasone" not in said[0]
    both = [row.code for row in advise(unstable, escc="3").warnings]
    assert both.count("elsewhere_surgery") == 1


def test_without_pain_nothing_is_infiltrated_first() -> None:
    advice = advise(BASE, vas=0, pain="none").advice("infiltration")
    assert "A17" in advice.against
    assert advice.rank > 6
    assert "pain_contradicts" in codes(advise(SPINE, vas=8, pain="none"))
    assert "pain_contradicts" not in codes(advise(SPINE))


@pytest.mark.parametrize(
    "changes",
    [
        {"antithrombotics": [{"drug": "apixaban", "hours_since": 3}]},
        {"inr": 2.5},
        {"platelets_g_l": 40},
    ],
)
def test_an_infiltration_near_the_canal_is_not_recommended_while_blood_clots_badly(
    changes: dict[str, Any],
) -> None:
    assert statuses(advise(SPINE, **changes))["infiltration"] == "recommended"
    for near in ({"posterior_wall_breach": True}, {"escc": "1c"}):
        assert statuses(advise(SPINE, **changes, **near))["infiltration"] == "possible"


def test_region_follows_the_bone_and_the_distances() -> None:
    near = advise(BASE, distance_mm=DISTANCES | {"nerve_root": 19.9}, escc="0", foraminal=False)
    assert near.infiltration.corticosteroid == "cortivazol"
    edge = advise(BASE, distance_mm=DISTANCES | {"nerve_root": 20})
    assert edge.infiltration.corticosteroid == "triamcinolone_acetonide"
    unknown = advise(BASE, distance_mm={"spinal_cord": 60})
    assert unknown.infiltration.corticosteroid is None
    assert "distance_mm.nerve_root" in unknown.missing
    assert advise(BASE, bone="femur", distance_mm=None).infiltration.corticosteroid is not None
    assert advise(SPINE, distance_mm=None).infiltration.corticosteroid == "cortivazol"


def test_simulation_beyond_a_limit_is_said_and_ranks_behind() -> None:
    results = [
        {
            "technique": "cryoablation",
            "coverage_percent": 100,
            "min_margin_mm": 3,
            "limits_passed": [{"structure": "nerve_root", "value": -5, "limit": 10}],
            "verified_device": False,
        }
    ]
    advice = advise(BASE, simulation=results)
    assert {"limit_passed", "device_not_verified"} <= codes(advice)
    assert "B13" in advice.advice("cryoablation").against
    assert advice.advice("cryoablation").rank > advice.advice("microwave").rank
    spared = [results[0] | {"limits_passed": [], "verified_device": True}]
    assert not {"limit_passed", "device_not_verified"} & codes(advise(BASE, simulation=spared))
    short = [spared[0] | {"coverage_percent": 99}]
    assert "B13" in advise(BASE, simulation=short).advice("cryoablation").against


def test_a_pelvic_fracture_is_screwed() -> None:
    advice = advise(BASE, bone="ilium", weight_bearing=True, fracture=True)
    assert [row.technique for row in advice.techniques[:2]] == ["cemented_screws", "cementoplasty"]
    assert {row.status for row in advice.techniques[:2]} == {"recommended"}


def test_a_fractured_rib_or_skull_is_not_cemented_first() -> None:
    for bone in ("rib", "skull"):
        cement = advise(BASE, bone=bone, fracture=True).advice("cementoplasty")
        assert cement.status == "possible"
        assert "A39" in cement.against


def test_the_setting_of_nearness_is_shown_where_it_decided() -> None:
    said = {row.code: row.message for row in advise(BASE).warnings}
    assert "20 mm" in said["near_spine_setting"]
    assert "near_spine_setting" not in codes(advise(BASE, region="peripheral"))
    assert "near_spine_setting" not in codes(advise(BASE, bone="skull"))
