"""Structures painted by hand: what is taken away gives back what lay beneath."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.errors import ImagingError
from imaging.geometry import Grid
from imaging.structures.labels import structures_from
from imaging.structures.model import PassageClass, Structures
from imaging.structures.not_visible import not_visible
from imaging.structures.painting import PAINTED, carried_over, with_class, with_painted

GRID = Grid.aligned((10, 20, 30), 1.0, (0.0, 0.0, 0.0))
BLOCK = (slice(2, 6), slice(4, 9), slice(8, 15))
INSIDE = np.ones((4, 5, 7), dtype=bool)
SCIATIC = "sciatic_nerve_left"


@pytest.fixture
def found() -> Structures:
    labels = np.ones(GRID.size_kji, dtype=np.uint16)
    labels[:, :, :12] = 2
    labels[:, 15:] = 3
    names = {1: "body", 2: "hip_left", 3: "body_cavity"}
    return structures_from(labels, GRID, names, "boxes")


def test_what_is_painted_has_a_row_a_class_and_a_volume(found: Structures) -> None:
    painted = with_painted(found, SCIATIC, BLOCK, INSIDE, adds=True)
    row = painted.named(SCIATIC)
    assert row is not None
    assert row.found_by == PAINTED
    assert row.class_ is PassageClass.FORBIDDEN
    assert row.volume_ml == pytest.approx(0.14)
    hip, before = painted.named("hip_left"), found.named("hip_left")
    assert hip is not None
    assert before is not None
    assert hip.volume_ml == pytest.approx(before.volume_ml - 4 * 5 * 4 / 1000)
    np.testing.assert_array_equal(painted.mask(SCIATIC)[BLOCK], INSIDE)
    assert not found.mask(SCIATIC).any()


def test_erasing_gives_back_what_lay_beneath(found: Structures) -> None:
    painted = with_painted(found, SCIATIC, BLOCK, INSIDE, adds=True)
    half = INSIDE.copy()
    half[2:] = False
    part = with_painted(painted, SCIATIC, BLOCK, half, adds=False)
    assert part.mask(SCIATIC).sum() == 70
    bare = with_painted(part, SCIATIC, BLOCK, INSIDE, adds=False)
    np.testing.assert_array_equal(bare.labels, found.labels)
    assert bare.named(SCIATIC) is None
    assert bare.table == found.table


def test_a_found_structure_that_is_erased_becomes_unknown_not_passable(found: Structures) -> None:
    less = with_painted(found, "hip_left", BLOCK, INSIDE, adds=False)
    taken = less.labels[BLOCK][found.labels[BLOCK] == 2]
    assert set(taken.tolist()) == {3}
    row = less.named("hip_left")
    assert row is not None
    assert row.found_by.endswith("corrected by hand")


def test_a_painted_nerve_is_no_longer_asked_for(found: Structures) -> None:
    def asked(structures: Structures) -> set[str]:
        return {one.name for one in not_visible(structures.names())}

    assert SCIATIC in asked(found)
    assert SCIATIC not in asked(with_painted(found, SCIATIC, BLOCK, INSIDE, adds=True))


def test_paint_and_its_class_stay_when_structures_are_found_again(found: Structures) -> None:
    painted = with_painted(found, "my_nerve", BLOCK, INSIDE, adds=True)
    painted = with_class(painted, "my_nerve", PassageClass.AVOID)
    again = carried_over(painted, found)
    np.testing.assert_array_equal(again.mask("my_nerve"), painted.mask("my_nerve"))
    row = again.named("my_nerve")
    assert row is not None
    assert row.class_ is PassageClass.AVOID


@pytest.mark.parametrize("name", ["", "  ", "Body"])
def test_a_name_that_cannot_be_used_is_refused(found: Structures, name: str) -> None:
    with pytest.raises(ImagingError) as refusal:
        with_painted(found, name, BLOCK, INSIDE, adds=True)
    assert refusal.value.code == "name_refused"
