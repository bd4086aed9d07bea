"""A damaged index is told, made anew from the folders, and kept aside."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, tzinfo
from pathlib import Path

import pytest

from planning.errors import PlanningError
from planning.library import recovery
from planning.library.folders import CARD
from planning.library.index import NAME
from planning.library.library import Library
from planning.library.model import CaseFields, CaseRow
from planning.library.recovery import recover
from tests.planning.library.making import hospital_series, plan_on


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A library of two cases, one with a plan."""
    with Library.open(tmp_path / "library") as library:
        series = hospital_series(tmp_path / "s1")
        plan = plan_on(series, tmp_path / "p.osteoplan")
        library.add(series, plan, CaseFields(title="first", tags=("x",)))
        library.add(hospital_series(tmp_path / "s2", seed=2), None, CaseFields(title="second"))
    return tmp_path / "library"


def rows_of(root: Path) -> tuple[CaseRow, ...]:
    with Library.open(root) as library:
        assert library.check(thorough=True) == ()
        return library.search()


def looked_at(root: Path, case_id: str) -> None:
    with Library.open(root) as library:
        library.search()
        library.case(case_id)


def cut(data: bytearray) -> bytearray:
    return data[: len(data) // 2]


def emptied(_data: bytearray) -> bytearray:
    return bytearray()


def scribbled(data: bytearray) -> bytearray:
    """Overwrite all pages but the first, which holds the version."""
    data[4096:] = random.Random(3).randbytes(len(data) - 4096)
    return data


def overwritten(data: bytearray) -> bytearray:
    return bytearray(random.Random(3).randbytes(len(data)))


@pytest.mark.parametrize("damage", [cut, emptied, scribbled, overwritten])
def test_a_damaged_index_is_told_and_made_anew(
    root: Path, damage: Callable[[bytearray], bytearray]
) -> None:
    before = rows_of(root)
    data = damage(bytearray((root / NAME).read_bytes()))
    (root / NAME).write_bytes(data)
    with pytest.raises(PlanningError) as refused:
        looked_at(root, before[0].id)
    assert refused.value.code == "library_damaged"
    assert "recover" in str(refused.value)
    found = recover(root)
    assert set(found.kept) == {row.id for row in before}
    assert (found.lost, found.problems) == ((), ())
    assert (root / found.moved_aside[0]).read_bytes() == data
    assert rows_of(root) == before


def test_a_lost_index_is_made_anew(root: Path) -> None:
    before = rows_of(root)
    (root / NAME).unlink()
    with pytest.raises(PlanningError, match="recover"):
        Library.open(root)
    assert recover(root).moved_aside == ()
    assert rows_of(root) == before


def test_a_lost_card_is_taken_from_the_index_or_from_series_and_plan(root: Path) -> None:
    before = {row.fields.title: row for row in rows_of(root)}
    card = root / "cases" / before["first"].id / CARD
    card.write_text("{")
    recover(root)
    assert {row.fields.title: row for row in rows_of(root)} == before
    card.unlink()
    (root / NAME).write_bytes(b"nothing")
    recover(root)
    with Library.open(root) as library:
        row = library.case(before["first"].id)
        assert (row.series_uid, row.plans) == (before["first"].series_uid, before["first"].plans)
        assert "card_lost" in {one.code for one in row.problems}
        assert library.thumbnail(row.id) is not None


def test_what_cannot_be_read_is_listed_and_stays(root: Path) -> None:
    bad = root / "cases" / "00000000000b"
    bad.mkdir()
    (bad / "what.bin").write_bytes(b"?")
    (root / NAME).write_bytes(b"nothing")
    found = recover(root)
    assert found.lost == ("00000000000b",)
    assert [one.where for one in found.problems] == ["00000000000b"]
    assert (bad / "what.bin").read_bytes() == b"?"
    assert len(found.kept) == 2


def test_a_folder_without_cases_is_no_library(tmp_path: Path) -> None:
    with pytest.raises(PlanningError) as refused:
        recover(tmp_path)
    assert refused.value.code == "not_a_library"
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_has_the_library_open_goes_on_with_the_index_that_was_made_anew(
    root: Path,
) -> None:
    with Library.open(root) as library:
        first, second = library.search()
        recover(root)
        library.change(first.id, CaseFields(title="since"))
        library.remove(second.id, with_plans=True)
        (row,) = library.search()
    assert row.fields.title == "since"
    assert rows_of(root) == (row,)


def test_an_index_that_was_moved_aside_is_never_written_over(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "datetime", _StoppedClock)
    first = (root / NAME).read_bytes()
    names = [recover(root).moved_aside[0] for _ in range(3)]
    assert len(set(names)) == 3
    assert (root / names[0]).read_bytes() == first


class _StoppedClock(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> _StoppedClock:
        return cls(2026, 1, 2, 3, 4, 5, tzinfo=tz)
