"""The table of terms: weights, tolerances, and how an error becomes points."""

from __future__ import annotations

import hashlib
import json
from functools import cache

from pydantic import Field, model_validator

from imaging.document import Document
from imaging.errors import Problem
from imaging.tables import load_table
from planning.errors import PlanningError
from planning.teaching.exercise import Adjunct, Exercise, Task

CRITICAL = 100.0  # errors from here on belong to faults that fail whatever the points
TIME = "time"


class TermRow(Document):
    """A row of the table.

    Attributes
    ----------
    id : str
        Of the term.
    weights : dict
        Points by task; a task that is left out does not have the term.
    unit : str
        Of the error.
    full, zero : float
        Error up to which all points are given, and from which none is.
    bounds : tuple of float
        Least and greatest error that makes sense.
    source : str
        Where the tolerance is from.
    rules : tuple of str
        Clinical rules to read.
    """

    id: str
    weights: dict[Task, float]
    unit: str
    full: float = Field(ge=0)
    zero: float = Field(gt=0)
    bounds: tuple[float, float]
    source: str = Field(min_length=1)
    rules: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _ordered(self) -> TermRow:
        low, high = self.bounds
        if not low <= self.full < self.zero <= max(high, self.zero):
            message = f"{self.id}: all points need a smaller error than none"
            raise ValueError(message)
        return self

    def share(self, error: float | None) -> float:
        """Return the share of the points for an error: never more for a greater one.

        Parameters
        ----------
        error : float or None
            In the row's unit, 0 or more; None where nothing was answered.

        Returns
        -------
        float
            0 to 1.
        """
        if error is None:
            return 0.0
        return min(max((self.zero - error) / (self.zero - self.full), 0.0), 1.0)


class MarkingTable(Document):
    """``resources/teaching.yaml``.

    Attributes
    ----------
    edition : str
        Of the table.
    spacing_mm, margin_mm : float
        Of simulations.
    sampled_ways : int
        That a way is compared with.
    clearance_enough_mm : float
        Beyond it more distance earns nothing.
    misses_mm : float
        A needle that stays farther from the lesion does not reach it.
    most_anaesthetic_ml : float
        Where no mixture is known.
    critical_near, critical_heat : tuple of str
        Patterns of structures.
    particulate : tuple of str
        Corticosteroids that rule B4 refuses at some places.
    terms : tuple of TermRow
        In the order in which they are shown.
    adjuncts : dict
        Rules to read, by adjunct.
    """

    edition: str
    spacing_mm: float = Field(ge=0.2, le=5)
    margin_mm: float = Field(ge=0, le=50)
    sampled_ways: int = Field(ge=100, le=100_000)
    clearance_enough_mm: float = Field(gt=0, le=60)
    misses_mm: float = Field(gt=0, le=60)
    most_anaesthetic_ml: float = Field(gt=0, le=100)
    critical_near: tuple[str, ...]
    critical_heat: tuple[str, ...]
    particulate: tuple[str, ...]
    terms: tuple[TermRow, ...]
    adjuncts: dict[Adjunct, tuple[str, ...]]

    @property
    def version(self) -> str:
        """Edition and a digest of all that the table holds."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return f"{self.edition} {hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def row(self, term_id: str) -> TermRow:
        """Return a row.

        Parameters
        ----------
        term_id : str
            Of the term.

        Returns
        -------
        TermRow
            The row.
        """
        return next(row for row in self.terms if row.id == term_id)


@cache
def marking_table() -> MarkingTable:
    """Return the table, read once."""
    return MarkingTable.model_validate(load_table("teaching"))


def weight_of(row: TermRow, exercise: Exercise) -> float:
    """Return the weight of a term in an exercise.

    Parameters
    ----------
    row : TermRow
        Of the table.
    exercise : Exercise
        Whose own weights go before.

    Returns
    -------
    float
        Points; 0 where the task does not have the term.
    """
    usual = row.weights.get(exercise.task)
    return 0.0 if usual is None else exercise.weights.get(row.id, usual)


def check_weights(exercise: Exercise) -> None:
    """Refuse weights of terms that the task does not have.

    Parameters
    ----------
    exercise : Exercise
        To be checked.

    Raises
    ------
    PlanningError
        With every unknown term.
    """
    known = [row.id for row in marking_table().terms if exercise.task in row.weights]
    told = f"the task '{exercise.task}' has no such term; it has {', '.join(known)}"
    problems = [
        Problem(code="unknown_term", message=told, where=f"weights.{name}")
        for name in exercise.weights
        if name not in known
    ]
    if problems:
        raise PlanningError(problems)
