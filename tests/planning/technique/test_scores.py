"""SINS and Mirels: published points, bounds when an item is unknown."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from planning.technique.answers import answers_from
from planning.technique.scores import mirels, sins
from planning.technique.tables import tables
from tests.planning.technique.cases import HIP, SPINE, advise, codes

LEVELS = [
    *(f"C{n}" for n in range(1, 8)),
    *(f"T{n}" for n in range(1, 13)),
    *(f"L{n}" for n in range(1, 6)),
    *(f"S{n}" for n in range(1, 6)),
]


def test_every_level_has_one_location() -> None:
    listed = [level for row in tables().scores.sins.location for level in row.levels]
    assert sorted(listed) == sorted(LEVELS)
    points = {level: advise(SPINE, level=level).scores.sins for level in LEVELS}
    location = {level: score.items["location"] for level, score in points.items() if score}
    junctional = {"C1", "C2", "C7", "T1", "T2", "T11", "T12", "L1", "L5", "S1"}
    assert {level for level, n in location.items() if n == 3} == junctional
    assert location["C5"] == location["L3"] == 2
    assert location["T7"] == 1
    assert location["S4"] == 0


@pytest.mark.parametrize(
    ("changes", "total", "name"),
    [
        ({"pain": "none", "lesion_kind": "blastic", "level": "S3"}, 0, "stable"),
        ({"pain": "non_mechanical", "lesion_kind": "mixed"}, 4, "stable"),
        ({"pain": "functional"}, 7, "indeterminate"),
        ({"pain": "mixed"}, 7, "indeterminate"),
        ({"body_involved_percent": 50}, 7, "indeterminate"),
        ({"body_involved_percent": 51}, 8, "indeterminate"),
        ({"collapse_percent": 49}, 9, "indeterminate"),
        ({"collapse_percent": 51}, 10, "indeterminate"),
        ({"collapse_percent": 51, "alignment": "deformity"}, 12, "indeterminate"),
        ({"collapse_percent": 20, "alignment": "subluxation"}, 13, "unstable"),
        (
            {
                "collapse_percent": 60,
                "alignment": "subluxation",
                "posterolateral": "bilateral",
                "level": "T12",
            },
            18,
            "unstable",
        ),
    ],
)
def test_sins(changes: dict[str, Any], total: int, name: str) -> None:
    score = advise(SPINE, **changes).scores.sins
    assert score is not None
    assert (score.total, score.score_class) == (total, name)
    assert sum(score.items.values()) == total


def test_exactly_half_a_collapse_is_said_not_to_be_listed() -> None:
    advice = advise(SPINE, collapse_percent=50)
    assert "sins_collapse_50" in codes(advice)
    assert advice.scores.sins is not None
    assert advice.scores.sins.items["collapse"] == 3
    assert "sins_collapse_50" not in codes(advise(SPINE, collapse_percent=49.9))


def test_an_unknown_item_leaves_bounds_that_hold_every_completion() -> None:
    table = tables().scores.sins
    lost = ("alignment", "collapse_percent", "pain")
    open_ = sins(answers_from(SPINE | dict.fromkeys(lost)), table, spine=True)
    assert open_.score is None
    low, high = open_.fact.low, open_.fact.high
    assert low is not None
    assert high is not None
    totals = []
    for alignment, collapse, pain in itertools.product(
        ("normal", "deformity", "subluxation"), (0, 20, 70), ("none", "mechanical")
    ):
        answers = SPINE | {"alignment": alignment, "collapse_percent": collapse, "pain": pain}
        score = sins(answers_from(answers), table, spine=True).score
        assert score is not None
        totals.append(score.total)
    assert (min(totals), max(totals)) == (low, high)


def test_an_unknown_item_that_may_mean_instability_holds_the_technique_back() -> None:
    shaky = SPINE | {"collapse_percent": 60}
    assert advise(shaky, alignment=None).advice("cementoplasty").status == "insufficient"
    assert "alignment" in advise(shaky, alignment=None).missing
    stable = SPINE | {"pain": "none", "lesion_kind": "mixed"}
    assert advise(stable, alignment=None).advice("cementoplasty").status != "insufficient"


@pytest.mark.parametrize(
    ("changes", "total", "name"),
    [
        ({}, 11, "fixation"),
        ({"long_bone_fraction": 0.7}, 12, "fixation"),
        ({"long_bone_fraction": 0.33}, 10, "fixation"),
        ({"long_bone_site": "lower_limb", "pain_severity": "mild"}, 8, "judgement"),
        ({"long_bone_site": "lower_limb", "pain_severity": "moderate"}, 9, "fixation"),
        (
            {
                "bone": "humerus",
                "long_bone_site": None,
                "lesion_kind": "blastic",
                "pain_severity": "mild",
                "long_bone_fraction": 0.1,
            },
            4,
            "radiotherapy",
        ),
        ({"bone": "tibia", "long_bone_site": None, "lesion_kind": "mixed"}, 9, "fixation"),
    ],
)
def test_mirels(changes: dict[str, Any], total: int, name: str) -> None:
    score = advise(HIP, **changes).scores.mirels
    assert score is not None
    assert (score.total, score.score_class) == (total, name)


def test_mirels_of_8_is_a_matter_of_judgement() -> None:
    advice = advise(HIP, long_bone_site="lower_limb", pain_severity="mild")
    assert "mirels_judgement" in codes(advice)
    assert advice.verdict == "go"


def test_a_femur_without_a_site_has_no_score() -> None:
    advice = advise(HIP, long_bone_site=None)
    assert advice.scores.mirels is None
    assert "long_bone_site" in advice.missing or advice.verdict == "stop"
    table = tables().scores.mirels
    fact = mirels(answers_from(HIP | {"long_bone_site": None}), table).fact
    assert (fact.low, fact.high) == (10, 11)


def test_scores_apply_to_their_bones_only() -> None:
    assert advise(SPINE).scores.mirels is None
    assert advise(HIP).scores.sins is None
