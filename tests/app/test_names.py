"""Words for people: what the program says of levels is said in the language of the reader."""

from __future__ import annotations

import re

import pytest

from app.names import level_doubt_said, problem_said
from imaging.errors import Problem
from imaging.structures.levels import Anchors, name_levels

EVERY_WAY = [
    Anchors(vertebrae=7, above_sacrum=True, ribbed=frozenset()),
    Anchors(vertebrae=7, above_sacrum=True, ribbed=frozenset({0, 1, 2})),
    Anchors(vertebrae=9, above_sacrum=True, ribbed=frozenset({0, 1, 2})),
    Anchors(vertebrae=7, above_sacrum=False, ribbed=frozenset({0, 1})),
    Anchors(vertebrae=9, above_sacrum=False, ribbed=frozenset({0, 1})),
    Anchors(vertebrae=4, above_sacrum=False, ribbed=frozenset()),
]
ENGLISH = re.compile(r"\b(the|counted|vertebrae?|levels?|from|check|nor)\b")


@pytest.mark.parametrize("seen", EVERY_WAY)
def test_doubts_about_levels_are_wholly_translated(seen: Anchors) -> None:
    doubt = name_levels(seen)[1].doubt
    assert doubt is not None
    said = level_doubt_said(doubt, "fr")
    assert not ENGLISH.search(said), said
    assert level_doubt_said(doubt, "en") == doubt


def test_doubts_that_follow_one_another_are_all_translated() -> None:
    doubt = name_levels(EVERY_WAY[0])[1].doubt
    uneven = (
        "vertebrae_L2 and vertebrae_L1 are very unequally high: one has collapsed, or a disc was "
        "missed or made up, which shifts all levels above or below it; check"
    )
    said = level_doubt_said(f"{doubt}; {uneven}", "fr")
    assert not ENGLISH.search(said)
    assert "Vertèbre L2 et Vertèbre L1" in said


def test_a_doubt_that_no_translation_has_is_still_said() -> None:
    assert level_doubt_said("something new", "fr") == "something new"


@pytest.mark.parametrize(
    "code",
    [
        "seed_in_air",
        "seed_in_metal",
        "seed_outside",
        "click_outside",
        "clicks_disagree",
        "not_distinct",
        "nothing_outlined",
        "empty_mask",
        "mask_elsewhere",
        "labels_elsewhere",
        "not_labels",
        "names_refused",
        "too_many_structures",
        "no_vertebrae",
        "level_refused",
        "nothing_to_fill",
        "no_second_part",
        "leaves_image",
        "holes",
        "several_parts",
        "outside_body",
        "too_far_apart",
        "measure_refused",
    ],
)
def test_what_a_click_or_a_file_can_be_refused_for_is_told_in_french(code: str) -> None:
    assert problem_said(Problem(code=code, message="in English"), "fr") != "in English"
