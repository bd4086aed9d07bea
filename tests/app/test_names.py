"""Words for people: what the program says of levels is said in the language of the reader."""

from __future__ import annotations

import re

import pytest

from app.names import level_doubt_said
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
