"""Three-valued conditions over facts: true, false, or unknown and then what would settle it.

A condition is data of the rule tables::

    {fact: value}                     equal
    {fact: [value, value]}            one of
    {fact: {below: limit}}            also at_most, above, at_least; the limit's name in the table
    {all: [...]}, {any: [...]}, {not: {...}}
    {fact: value, other: value}       all of them

Strong Kleene logic (S. C. Kleene, Introduction to Metamathematics, 1952, section 64): what is
unknown never decides anything that a known value could have decided otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Truth: TypeAlias = bool | None
Condition: TypeAlias = Any  # YAML: mappings, lists and plain values


@dataclass(frozen=True)
class Fact:
    """A value, or what is known of it.

    Parameters
    ----------
    value : object
        Known value; None when it is unknown, or known only between two bounds.
    needs : tuple of str
        Answers that would settle it, dotted for nested keys.
    low, high : float or None
        Bounds of an unknown number.
    """

    value: Any = None
    needs: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Verdict:
    """Truth of a condition.

    Parameters
    ----------
    truth : bool or None
        None is unknown.
    needs : tuple of str
        Answers that could settle it, when it is unknown.
    """

    truth: Truth
    needs: tuple[str, ...] = ()


NOT_APPLICABLE = Fact("not_applicable")
TRUE = Verdict(True)
FALSE = Verdict(False)
Facts: TypeAlias = Mapping[str, Fact]
Limits: TypeAlias = Mapping[str, float]

# Each comparison as (true for certain, false for certain) of the bounds low, high and a limit.
COMPARISONS: dict[str, tuple[Callable[..., bool], Callable[..., bool]]] = {
    "below": (lambda low, high, n: high < n, lambda low, high, n: low >= n),
    "at_most": (lambda low, high, n: high <= n, lambda low, high, n: low > n),
    "above": (lambda low, high, n: low > n, lambda low, high, n: high <= n),
    "at_least": (lambda low, high, n: low >= n, lambda low, high, n: high < n),
}


def evaluate(condition: Condition, facts: Facts, limits: Limits) -> Verdict:
    """Judge a condition.

    Parameters
    ----------
    condition : mapping or None
        As the tables hold it; None is always true.
    facts : mapping of str to Fact
        Every fact that conditions may name.
    limits : mapping of str to float
        Every limit that conditions may name.

    Returns
    -------
    Verdict
        True, false or unknown.

    Raises
    ------
    KeyError
        When the condition names a fact or a limit that does not exist.
    """
    if condition is None:
        return TRUE
    parts = [_part(name, wanted, facts, limits) for name, wanted in condition.items()]
    return parts[0] if len(parts) == 1 else _all(parts)


def _part(name: str, wanted: Any, facts: Facts, limits: Limits) -> Verdict:  # noqa: ANN401 - YAML
    if name == "all":
        return _all([evaluate(part, facts, limits) for part in wanted])
    if name == "any":
        return _any([evaluate(part, facts, limits) for part in wanted])
    if name == "not":
        inner = evaluate(wanted, facts, limits)
        return inner if inner.truth is None else Verdict(not inner.truth)
    fact = facts[name]
    if isinstance(wanted, Mapping):
        return _all([_compared(fact, how, limits[limit]) for how, limit in wanted.items()])
    if fact.value is None:
        return Verdict(None, fact.needs)
    return Verdict(fact.value in wanted if isinstance(wanted, list) else fact.value == wanted)


def _compared(fact: Fact, how: str, limit: float) -> Verdict:
    if fact.value == NOT_APPLICABLE.value:
        return FALSE
    low, high = (fact.low, fact.high) if fact.value is None else (fact.value, fact.value)
    certainly, never = COMPARISONS[how]
    if low is not None and high is not None:
        if certainly(low, high, limit):
            return TRUE
        if never(low, high, limit):
            return FALSE
    return Verdict(None, fact.needs)


def _all(parts: list[Verdict]) -> Verdict:
    if any(part.truth is False for part in parts):
        return FALSE
    return _open(parts) if any(part.truth is None for part in parts) else TRUE


def _any(parts: list[Verdict]) -> Verdict:
    if any(part.truth is True for part in parts):
        return TRUE
    return _open(parts) if any(part.truth is None for part in parts) else FALSE


def _open(parts: list[Verdict]) -> Verdict:
    return Verdict(None, tuple(dict.fromkeys(key for part in parts for key in part.needs)))
