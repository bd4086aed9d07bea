"""Levels are counted from the sacrum and the ribs, and the doubt is said."""

from __future__ import annotations

import pytest

from imaging.structures.levels import Anchors, level_name, name_levels, rib_name, rib_vertebra


def test_both_anchors_agree() -> None:
    names, how = name_levels(Anchors(7, above_sacrum=True, ribbed=frozenset({0, 1})))
    assert names[1] == "vertebrae_T12"
    assert names[-1] == "vertebrae_L5"
    assert (how.counted_from, how.doubt) == ("sacrum_and_ribs", None)


@pytest.mark.parametrize(("lumbar", "lowest", "anchor"), [(4, "L4", "ribs"), (6, "L5", "sacrum")])
def test_anchors_that_disagree_are_said(lumbar: int, lowest: str, anchor: str) -> None:
    names, how = name_levels(Anchors(lumbar + 2, above_sacrum=True, ribbed=frozenset({0, 1})))
    assert names[-1] == f"vertebrae_{lowest}"
    assert how.counted_from == anchor
    assert how.doubt is not None
    assert str(lumbar) in how.doubt


def test_one_anchor_is_enough_but_is_a_doubt() -> None:
    names, how = name_levels(Anchors(4, above_sacrum=True, ribbed=frozenset()))
    assert names == ("vertebrae_L2", "vertebrae_L3", "vertebrae_L4", "vertebrae_L5")
    assert how.doubt is not None
    names, how = name_levels(Anchors(5, above_sacrum=False, ribbed=frozenset({0, 1})))
    assert names == tuple(f"vertebrae_{level}" for level in ("T11", "T12", "L1", "L2", "L3"))
    assert (how.counted_from, how.doubt is None) == ("ribs", False)


def test_without_anchor_vertebrae_have_numbers_only() -> None:
    names, how = name_levels(Anchors(3, above_sacrum=False, ribbed=frozenset()))
    assert names == ("vertebra_1", "vertebra_2", "vertebra_3")
    assert how.counted_from == "unknown"


def test_a_rib_on_the_lowest_vertebra_of_the_image_is_not_taken_for_the_twelfth() -> None:
    names, _ = name_levels(Anchors(5, above_sacrum=False, ribbed=frozenset(range(5))))
    assert names[0] == "vertebra_1"


def test_names_leave_the_spine_only_when_the_count_does() -> None:
    assert level_name(0) == "vertebrae_C1"
    assert level_name(7) == "vertebrae_T1"
    assert level_name(24) == "vertebrae_L6"
    assert "above" in level_name(-1)


@pytest.mark.parametrize("vertebra", ["vertebrae_T12", "vertebrae_L1", "vertebra_2"])
def test_a_rib_knows_its_vertebra(vertebra: str) -> None:
    assert rib_vertebra(rib_name(vertebra, "left")) == (vertebra, "left")
