"""What is found of an answer against the reference, before it is turned into points."""

from __future__ import annotations

from dataclasses import dataclass, field

from planning.teaching.marking.table import CRITICAL
from planning.teaching.marking.terms import Fault


@dataclass(frozen=True)
class Finding:
    """The error of one term.

    Parameters
    ----------
    term : str
        Id of its row.
    error : float or None
        In the row's unit, 0 or more, 100 and more for a fault; None where nothing was answered.
    value, reference : float, str or None
        Of the answer, of the reference.
    params : dict
        Further figures of its sentence.
    rules : tuple of str
        To read beside those of the row.
    faults : tuple of Fault
        That fail whatever the points.
    told : str
        Of its sentence; empty for the term's own.
    """

    term: str
    error: float | None
    value: float | str | None = None
    reference: float | str | None = None
    params: dict[str, float | str] = field(default_factory=dict)
    rules: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    told: str = ""

    def __post_init__(self) -> None:
        if self.faults and (self.error is None or self.error < CRITICAL):
            message = f"{self.term}: a fault needs an error of {CRITICAL:g} and more"
            raise ValueError(message)


def deficit(value: float | None, reference: float) -> float | None:
    """Return how much less than the reference something is.

    Parameters
    ----------
    value : float or None
        Of the answer; None where there is none.
    reference : float
        Of the reference.

    Returns
    -------
    float or None
        0 where it is not less.
    """
    return None if value is None else max(0.0, reference - value)


def excess(value: float | None, reference: float) -> float | None:
    """Return how much more than the reference something is.

    Parameters
    ----------
    value : float or None
        Of the answer; None where there is none.
    reference : float
        Of the reference.

    Returns
    -------
    float or None
        0 where it is not more.
    """
    return None if value is None else max(0.0, value - reference)


def percent_off(value: float | None, reference: float) -> float | None:
    """Return by how many percent of the reference something differs from it.

    Parameters
    ----------
    value : float or None
        Of the answer; None where there is none.
    reference : float
        Above zero.

    Returns
    -------
    float or None
        0 or more.
    """
    return None if value is None else 100.0 * abs(value - reference) / reference
