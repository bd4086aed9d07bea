"""What is said of each technique: outcome, complications, course, drugs to hold, simulated zone."""

from __future__ import annotations

from typing import Any

import pytest
from scipy.stats import binomtest

from planning.technique.intervals import exact_interval_percent
from planning.technique.recommendation import Recommendation
from planning.technique.rules import Effect, rules
from tests.planning.technique.cases import BASE, CASES, DISTANCES, SPINE, advise, codes, statuses

THERMAL = ("radiofrequency", "microwave", "cryoablation")


def zone(technique: str = "cryoablation", **changes: Any) -> dict[str, Any]:
    row = {
        "technique": technique,
        "coverage_percent": 100.0,
        "min_margin_mm": 2.0,
        "limits_passed": [],
        "verified_device": True,
    }
    return row | changes


CORD = {"structure": "spinal_canal", "value": 4.0, "limit": 10.0}
SKIN = {"structure": "skin", "value": 46.0, "limit": 43.0}


@pytest.mark.parametrize(
    ("measure", "said"),
    [("min_c", "−3.2 °C"), ("cem43", "−3.2 min CEM43"), ("clear_mm", "−3.2 mm"), (None, "−3.2,")],
)
def test_a_limit_is_told_in_its_unit_with_a_true_minus(measure: str | None, said: str) -> None:
    passed = CORD | {"value": -3.2, "measure": measure}
    row = advise(SPINE, simulation=[zone(limits_passed=[passed])]).advice("cryoablation").simulation
    assert row is not None
    assert said in row.text


@pytest.mark.parametrize(
    ("count", "of"), [(26, 36), (21, 36), (11, 19), (1, 36), (36, 36), (0, 363), (3, 40), (10, 40)]
)
def test_the_interval_of_a_share_is_that_of_clopper_and_pearson(count: int, of: int) -> None:
    expected = binomtest(count, of).proportion_ci(method="exact")
    assert exact_interval_percent(count, of) == pytest.approx(
        (100 * expected.low, 100 * expected.high)
    )


def test_the_thesis_interval_is_the_one_that_was_computed_from_its_counts() -> None:
    low, high = exact_interval_percent(26, 36)
    assert (round(low, 1), round(high, 1)) == (54.8, 85.8)


def test_every_technique_tells_outcome_complications_and_course() -> None:
    for case in CASES.values():
        for row in advise(case).techniques:
            assert row.outcome
            assert row.complications
            for told in (*row.outcome, *row.complications):
                assert (told.interval_percent is not None) == (told.count is not None)
                assert told.rule is not None or "published here" in told.text


def test_an_interval_is_shown_only_where_the_source_prints_counts() -> None:
    counted = {
        (row.id, one.count, one.of) for row in rules() for one in row.decides if one.of is not None
    }
    assert counted == {
        ("A19", 0, 363),
        ("A20", 36, 36),
        ("A21", 1, 36),
        ("A27", 26, 36),
        ("A27", 21, 36),
        ("A29", 11, 19),
        ("B19", 3, 40),
        ("B19", 10, 40),
    }


def test_a_technique_without_published_result_says_so() -> None:
    advice = advise(BASE).advice("surgery")
    assert [row.text for row in advice.outcome] == ["None published here"]
    assert advice.outcome[0].rule is None


def test_the_infiltration_goes_in_the_order_of_the_document() -> None:
    steps = advise(BASE).advice("infiltration").procedure
    words = [
        *("MDT", "Position", "Asepsis", "Planning CT", "Entry point", "Skin mark", "22 G"),
        *("contrast", "Anaesthetic mixture", "corticosteroid", "Control CT"),
    ]
    assert len(steps) == len(words)
    for step, word in zip(steps, words, strict=True):
        assert word in step


def test_a_root_nearby_adds_thermocouples_and_dissection_to_the_course() -> None:
    near = advise(CASES["10"]).advice("cryoablation").procedure
    far = advise(SPINE).advice("cryoablation").procedure
    assert any("Thermocouples" in step for step in near)
    assert any("Dissection" in step for step in near)
    assert not any("Thermocouples" in step for step in far)
    places = [
        next(n for n, step in enumerate(near) if word in step)
        for word in (
            "Anaesthesia",
            "cryoprobe",
            "Thermocouples",
            "Freeze",
            "Consolidation",
            "Control CT",
        )
    ]
    assert places == sorted(places)


def test_ribs_have_their_own_figure_and_its_doubt() -> None:
    rib = advise(BASE).advice("infiltration")
    ilium = advise(BASE, bone="ilium").advice("infiltration")
    assert (11, 19) in {(row.count, row.of) for row in rib.outcome}
    assert (11, 19) not in {(row.count, row.of) for row in ilium.outcome}
    assert any("A31" in text for text in rib.disagreements)


def test_survival_is_never_told_as_an_effect() -> None:
    for case in CASES.values():
        assert "A28" not in advise(case).rules
        for row in advise(case).techniques:
            assert not any("574" in one.text for one in row.outcome)


@pytest.mark.parametrize(
    ("rule", "answers"),
    [
        ("A54", BASE),
        ("A55", BASE | {"side_confirmed": None}),
        ("A56", BASE),
        ("A57", BASE),
        ("A58", BASE | {"primary": "kidney"}),
        ("A59", BASE),
        ("A60", BASE),
        ("A61", BASE),
        ("A62", CASES["10"]),
    ],
)
def test_disagreements_of_the_documents_are_shown_where_they_matter(
    rule: str, answers: dict[str, Any]
) -> None:
    advice = advise(answers)
    told = [*advice.disagreements, *(t for row in advice.techniques for t in row.disagreements)]
    assert any(text.endswith(f"({rule})") for text in told)
    assert any(row.id == rule and one.effect is Effect.DISAGREEMENT
               for row in rules() for one in row.decides)  # fmt: skip


def test_drugs_are_held_before_high_risk_procedures_only() -> None:
    drugs = [{"drug": "apixaban", "hours_since": 3}, {"drug": "aspirin"}, {"drug": "other"}]
    advice = advise(BASE, antithrombotics=drugs)
    told = advice.advice("cryoablation").preparation
    assert any("apixaban: hold for 48 h" in text and "45 h still to go" in text for text in told)
    assert any("aspirin: usually continued" in text for text in told)
    assert any(text.startswith("other: holding time not in the table") for text in told)
    assert not any("apixaban" in text for text in advice.advice("infiltration").preparation)
    assert not any("apixaban" in text for text in advice.advice("surgery").preparation)


def test_the_kidney_decides_how_long_dabigatran_is_held() -> None:
    def told(clearance: float | None) -> str:
        drugs = [{"drug": "dabigatran", "hours_since": 0}]
        advice = advise(BASE, antithrombotics=drugs, creatinine_clearance_ml_min=clearance)
        rows = advice.advice("microwave").preparation
        return next(text for text in rows if text.startswith("dabigatran"))

    assert "48 h" in told(90)
    assert "96 h" in told(40)
    assert "not in the table" in told(20)
    assert "not in the table" in told(None)


def test_contraindications_say_which_gate_is_closed_or_waits() -> None:
    closed = advise(BASE, infection=True).advice("cryoablation").contraindications
    assert any(text.endswith("(B7)") for text in closed)
    waits = advise(BASE, infection=None).advice("cryoablation").contraindications
    assert any("Infection" in text and "B7" in text for text in waits)
    assert advise(BASE).advice("cryoablation").contraindications == ()


# The simulation


def marked(advice: Recommendation, technique: str = "cryoablation") -> bool:
    found = advice.advice(technique).simulation
    assert found is not None
    return found.covers_and_spares_cord is False


def test_a_zone_that_cannot_spare_the_cord_is_marked_with_its_figures() -> None:
    advice = advise(SPINE, simulation=[zone(coverage_percent=92.4, limits_passed=[CORD])])
    row = advice.advice("cryoablation")
    assert marked(advice)
    assert "B13" in row.against
    assert "zone_against_cord" in codes(advice)
    assert row.simulation is not None
    for figure in ("92 %", "Spinal canal", "4.0", "10.0"):
        assert figure in row.simulation.text
    assert row.simulation.text in row.notes


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([zone(limits_passed=[CORD])], True),
        ([zone(coverage_percent=80.0, limits_passed=[CORD])], True),
        ([zone(limits_passed=[SKIN])], False),
        ([zone(coverage_percent=80.0, min_margin_mm=-2.0)], False),
        ([zone(limits_passed=[CORD]), zone()], False),  # another device does it
        ([zone(limits_passed=[CORD]), zone(coverage_percent=70.0)], True),
        ([zone(limits_passed=None)], False),
    ],
)
def test_only_a_conflict_with_the_cord_is_called_one(
    rows: list[dict[str, Any]], expected: bool
) -> None:
    assert ("zone_against_cord" in codes(advise(SPINE, simulation=rows))) == expected


def test_a_technique_whose_zone_burns_the_cord_ranks_behind_the_others_of_its_status() -> None:
    clear = advise(SPINE)
    first = clear.techniques[0].technique
    assert first in THERMAL
    burnt = advise(SPINE, simulation=[zone(first, limits_passed=[CORD])])
    assert statuses(burnt) == statuses(clear)
    same = [row.technique for row in burnt.techniques if row.status == "recommended"]
    assert same[-1] == first


def test_what_was_not_checked_is_not_said_to_be_spared() -> None:
    found = advise(SPINE, simulation=[zone(limits_passed=None)]).advice("cryoablation").simulation
    assert found is not None
    assert found.covers_and_spares_cord is None
    assert "not checked" in found.text


def test_distances_alone_say_nothing_of_a_zone() -> None:
    assert advise(SPINE | {"distance_mm": DISTANCES}).advice("microwave").simulation is None
