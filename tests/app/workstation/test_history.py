"""Undo gives back every voxel, and keeps only what differs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.workstation.arrays import AnyArray, patch_between
from app.workstation.history import History
from app.workstation.transport import ArrayStore
from imaging.geometry import Grid, read_only
from imaging.structures.labels import structures_from
from imaging.volume import SeriesInfo, Volume
from planning.plan import Case

SIZE = (24, 64, 64)


def _case() -> Case:
    grid = Grid.aligned(SIZE, 1.0, (0.0, 0.0, 0.0))
    return Case.begin(Volume(np.zeros(SIZE, np.int16), grid, SeriesInfo(uid="1", path="")))


def _painted(case: Case, seed: int) -> Case:
    rng = np.random.default_rng(seed)
    mask = np.zeros(SIZE, dtype=bool) if case.lesion is None else case.lesion.copy()
    k, j, i = (int(rng.integers(0, n - 6)) for n in SIZE)
    mask[k : k + 5, j : j + 6, i : i + 4] = rng.random() < 0.7
    changed = replace(case, lesion=mask if mask.any() else None)
    if rng.random() < 0.4:
        labels = np.zeros(SIZE, dtype=np.uint16)
        if case.structures is not None:
            labels = case.structures.labels.copy()
        labels[k : k + 2, j : j + 2, i : i + 2] = 1 + seed % 3
        names = {n: f"structure_{n}" for n in (1, 2, 3)}
        found = structures_from(labels, case.plan.series.grid, names, "test")
        changed = replace(changed, structures=found)
    return changed.with_plan(name=f"step {seed}")


def _same(one: Case, other: Case) -> bool:
    if one.plan != other.plan or (one.lesion is None) != (other.lesion is None):
        return False
    if one.lesion is not None and not np.array_equal(one.lesion, np.asarray(other.lesion)):
        return False
    if one.structures is None or other.structures is None:
        return one.structures is other.structures
    return one.structures.table == other.structures.table and np.array_equal(
        one.structures.labels, other.structures.labels
    )


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=8), st.integers(1, 8))
@settings(max_examples=25, deadline=None)
def test_going_back_and_forth_gives_every_voxel(seeds: list[int], back: int) -> None:
    history, cases = History(), [_case()]
    for seed in seeds:
        cases.append(_painted(cases[-1], seed))
        history.note("brush", cases[-2], cases[-1])
    now, at = cases[-1], len(cases) - 1
    for _ in range(min(back, at)):
        taken = history.undo(now)
        assert taken is not None
        now, at = taken[1], at - 1
        assert _same(now, cases[at])
    while (taken := history.redo(now)) is not None:
        now, at = taken[1], at + 1
        assert _same(now, cases[at])
    assert at == len(cases) - 1


def test_a_stroke_is_kept_and_sent_as_what_differs() -> None:
    mask = np.zeros((100, 200, 200), dtype=bool)
    mask[20:40, 50:90, 50:90] = True
    changed = mask.copy()
    changed[30:33, 60:70, 88:95] = True
    patch = patch_between(changed, mask)
    assert patch is not None
    assert patch.values.size < 400
    np.testing.assert_array_equal(patch.on(mask, mask.shape), changed)
    here, there = ArrayStore("w"), ArrayStore("r")
    first = there.unpack(here.pack(read_only(mask)))
    np.testing.assert_array_equal(first, mask)
    message = here.pack(read_only(changed))
    assert sum(not isinstance(sent, tuple) for _, sent in message.arrays) == 0
    np.testing.assert_array_equal(there.unpack(message), changed)


@pytest.mark.parametrize("kind", [bool, np.uint16])
def test_arrays_that_differ_everywhere_are_taken_whole(kind: type) -> None:
    one: AnyArray = np.ones((4, 8, 8), dtype=kind)
    assert patch_between(one, np.zeros_like(one)) is None
    assert patch_between(one, np.zeros((4, 8, 9), dtype=kind)) is None
