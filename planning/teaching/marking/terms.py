"""A mark: terms with their points, faults that fail whatever the points, rules that were missed."""

from __future__ import annotations

from pydantic import Field

from imaging.document import Document
from planning.teaching.exercise import Task


class Term(Document):
    """One thing that is marked.

    Attributes
    ----------
    id : str
        Of its row in the table.
    points, of : float
        Reached, and reachable.
    value, reference : float, str or None
        Of the answer and of the reference; None where the answer has none.
    error : float or None
        What the points are told from, in the unit of the row; None where nothing was answered.
    unit : str
        Of the error.
    told_key : str
        Of its sentence in the translations, below ``teaching.told``.
    params : dict
        Figures of the sentence.
    rules : tuple of str
        Clinical rules to be read.
    is_critical : bool
        Whether a fault that fails comes from it.
    """

    id: str
    points: float
    of: float
    value: float | str | None = None
    reference: float | str | None = None
    error: float | None = None
    unit: str = ""
    told_key: str
    params: dict[str, float | str] = Field(default_factory=dict)
    rules: tuple[str, ...] = ()
    is_critical: bool = False


class Fault(Document):
    """Something that fails whatever the points.

    Attributes
    ----------
    code : str
        ``crosses``, ``too_near``, ``misses_lesion``, ``limit_passed``, ``dose_above_maximum``,
        ``contraindicated_technique``, ``contraindicated_device`` or ``forbidden_corticosteroid``.
    where : str
        Structure, technique or product.
    term : str
        That has no points for it.
    value, limit : float or None
        Reached and allowed, where there are figures.
    unit : str
        Of both.
    rules : tuple of str
        Clinical rules to be read.
    """

    code: str
    where: str
    term: str
    value: float | None = None
    limit: float | None = None
    unit: str = ""
    rules: tuple[str, ...] = ()


class MissedRule(Document):
    """A rule that the answer went against, or did not see.

    Attributes
    ----------
    rule : str
        Id.
    technique : str
        That it is about.
    speaks : str
        ``for`` or ``against``.
    """

    rule: str
    technique: str
    speaks: str


class Mark(Document):
    """The mark of an answer.

    Attributes
    ----------
    exercise, version, digest : str, int, str
        That was marked.
    task : Task
        Of it.
    terms : tuple of Term
        In the order of the table.
    score, of, percent : float
        Points reached, reachable, and their share.
    pass_percent : float
        That passes.
    passed : bool
        Enough points and no fault.
    faults : tuple of Fault
        That fail.
    missed : tuple of MissedRule
        Rules to be read again.
    is_empty : bool
        Whether nothing was answered.
    tables_version : str
        Of the clinical rules.
    marking_version : str
        Of the table of terms.
    """

    exercise: str
    version: int
    digest: str
    task: Task
    terms: tuple[Term, ...]
    score: float
    of: float
    percent: float
    pass_percent: float
    passed: bool
    faults: tuple[Fault, ...] = ()
    missed: tuple[MissedRule, ...] = ()
    is_empty: bool = False
    tables_version: str = ""
    marking_version: str = ""

    @property
    def rank(self) -> tuple[bool, float]:
        """What marks are ordered by: no fault before any points."""
        return not self.faults, self.score

    def term(self, term_id: str) -> Term | None:
        """Return a term by its id.

        Parameters
        ----------
        term_id : str
            Of its row in the table.

        Returns
        -------
        Term or None
            None where the task has no such term.
        """
        return next((one for one in self.terms if one.id == term_id), None)
