"""How sure an outline is, in one word, by what is doubted of it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from imaging.errors import Problem

# source: docs/decisions/one-click-outline.md, what outlines with and without these doubts reached
GUESSES = frozenset({"like_other_side", "open_to_soft_tissue", "border_unclear"})


class Certainty(StrEnum):
    """How far an outline can be relied on before somebody has looked at it."""

    CLEAR = "clear"
    CHECK = "check"
    GUESS = "guess"


def certainty(doubts: Iterable[Problem]) -> Certainty:
    """Tell how sure an outline is.

    Parameters
    ----------
    doubts : iterable of Problem
        Of the outline.

    Returns
    -------
    Certainty
        ``guess`` where part of the border is supposed, or it may be no lesion; ``check`` with any
        other doubt.
    """
    codes = {one.code for one in doubts}
    if codes & GUESSES:
        return Certainty.GUESS
    return Certainty.CHECK if codes else Certainty.CLEAR
