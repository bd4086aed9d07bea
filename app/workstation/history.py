"""Undo and redo without keeping every array twice.

A case shares most of its arrays with the one after it. Of an array that changed, only the block in
which it differs is kept, so that a hundred brush strokes on a large CT cost megabytes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from app.workstation.arrays import AnyArray, Patch, patch_between, same_memory
from imaging.structures.model import Structures
from planning.plan import Case

MOST_KEPT = 60


@dataclass(frozen=True, eq=False)
class _Kept:
    """An array, whole or by what differs from the one after it."""

    whole: AnyArray | None = None
    patch: Patch | None = None
    is_same: bool = False

    @classmethod
    def of(cls, array: AnyArray | None, later: AnyArray | None) -> _Kept:
        if same_memory(array, later):
            return cls(is_same=True)
        patch = None if array is None else patch_between(array, later)
        return cls(whole=array if patch is None else None, patch=patch)

    def back(self, later: AnyArray | None, shape: tuple[int, ...]) -> AnyArray | None:
        """Return the array as it was, from the one after it."""
        if self.is_same:
            return later
        return self.whole if self.patch is None else self.patch.on(later, shape)


@dataclass(frozen=True, eq=False)
class _Past:
    """A case as it was, to be rebuilt from the one after it."""

    name: str
    bare: Case
    lesion: _Kept
    structures: Structures | None
    labels: _Kept
    beneath: _Kept

    @classmethod
    def of(cls, name: str, before: Case, after: Case) -> _Past:
        found, later = before.structures, after.structures
        same = found is later
        return cls(
            name,
            replace(before, lesion=None, structures=None),
            _Kept.of(before.lesion, after.lesion),
            None if found is None or same else replace(found, labels=_NOTHING, beneath=None),
            _Kept(is_same=True) if same else _labels_kept(found, later),
            _Kept(is_same=True) if same else _Kept.of(_beneath(found), _beneath(later)),
        )

    def back(self, after: Case) -> Case:
        shape = after.plan.series.size_kji
        lesion = self.lesion.back(after.lesion, shape)
        if self.labels.is_same and self.structures is None:
            return replace(self.bare, lesion=lesion, structures=after.structures)
        labels = self.labels.back(_labels(after.structures), shape)
        beneath = self.beneath.back(_beneath(after.structures), shape)
        found = None
        if self.structures is not None and labels is not None:
            found = replace(self.structures, labels=labels, beneath=beneath)
        return replace(self.bare, lesion=lesion, structures=found)


_NOTHING = np.zeros((0, 0, 0), dtype=np.uint16)


def _labels(structures: Structures | None) -> AnyArray | None:
    return None if structures is None else structures.labels


def _labels_kept(before: Structures | None, after: Structures | None) -> _Kept:
    """Return the labels as they are kept: whole where they live on beneath the first paint."""
    labels = _labels(before)
    if labels is not None and same_memory(labels, _beneath(after)):
        return _Kept(is_same=same_memory(labels, _labels(after)), whole=labels)
    return _Kept.of(labels, _labels(after))


def _beneath(structures: Structures | None) -> AnyArray | None:
    return None if structures is None else structures.beneath


class History:
    """The cases before and after the present one, by the commands between them."""

    def __init__(self) -> None:
        self._undo: list[_Past] = []
        self._redo: list[_Past] = []

    @property
    def undo_name(self) -> str | None:
        """Name of the command that would be undone."""
        return self._undo[-1].name if self._undo else None

    @property
    def redo_name(self) -> str | None:
        """Name of the command that would be done again."""
        return self._redo[-1].name if self._redo else None

    def clear(self) -> None:
        """Forget everything."""
        self._undo.clear()
        self._redo.clear()

    def note(self, name: str, before: Case, after: Case, *, merges: bool = False) -> None:
        """Note a command.

        Parameters
        ----------
        name : str
            Of the command.
        before, after : Case
            The case it changed, and what it became.
        merges : bool
            Join with the command before when that has the same name.
        """
        joined = merges and self.undo_name == name and not self._redo
        self._redo.clear()
        if not joined:
            self._undo.append(_Past.of(name, before, after))
            del self._undo[:-MOST_KEPT]

    def undo(self, now: Case) -> tuple[str, Case] | None:
        """Take back the last command.

        Parameters
        ----------
        now : Case
            The present case.

        Returns
        -------
        tuple or None
            Name of the command, and the case before it.
        """
        return _step(self._undo, self._redo, now)

    def redo(self, now: Case) -> tuple[str, Case] | None:
        """Do the command that was taken back again.

        Parameters
        ----------
        now : Case
            The present case.

        Returns
        -------
        tuple or None
            Name of the command, and the case after it.
        """
        return _step(self._redo, self._undo, now)


def _step(source: list[_Past], target: list[_Past], now: Case) -> tuple[str, Case] | None:
    if not source:
        return None
    past = source.pop()
    there = past.back(now)
    target.append(_Past.of(past.name, now, there))
    return past.name, there
