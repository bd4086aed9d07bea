"""What became of the treatments of the lesion that is looked at: a Qt-free model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from app.workstation.session import Session
from imaging.errors import Problem, Refusal
from planning.follow_up.keeping import (
    changed_treatment,
    death_of,
    known_of_lesion,
    next_treatment,
    treatments_of_case,
    with_event,
    with_treatment,
    with_visit,
    without,
)
from planning.follow_up.outcome import Outcome, outcome
from planning.follow_up.records import Treatment
from planning.follow_up.schedule import Due, schedule, to_do
from planning.lesions import lesions
from planning.plan import Case

COMMAND = "follow_up"
Change = Callable[[Case], Case]


class FollowUp:
    """Treatments of the lesion that is looked at, and the one that is shown.

    Parameters
    ----------
    session : Session
        The open case; changed only through it.
    today : callable
        Returns the day, for due dates.
    """

    def __init__(self, session: Session, today: Callable[[], date] = date.today) -> None:
        self._session, self._today = session, today
        self._last: tuple[int, str] | None = (
            None  # what was recorded last: correcting it is one step
        )
        self.number = len(self.treatments)

    @property
    def treatments(self) -> tuple[Treatment, ...]:
        """Treatments of the lesion, by date."""
        case = self._session.case
        return () if case is None else case.plan.treatments

    @property
    def chosen(self) -> Treatment | None:
        """The treatment that is shown; None while there is none."""
        rows = self.treatments
        return rows[min(max(self.number, 1), len(rows)) - 1] if rows else None

    @property
    def outcome(self) -> Outcome | None:
        """Outcome of the treatment that is shown."""
        one = self.chosen
        return None if one is None else outcome(one, next_treatment(self.treatments, one))

    @property
    def schedule(self) -> tuple[Due, ...]:
        """Occasions of the treatment that is shown, as they stand today."""
        one, case = self.chosen, self._session.case
        if one is None or case is None:
            return ()
        again = next_treatment(self.treatments, one)
        return schedule(one, self._today(), again, death_of(treatments_of_case(case)))

    def choose(self, number: int) -> None:
        """Show another treatment.

        Parameters
        ----------
        number : int
            From 1.
        """
        self.number = number
        self._last = None

    def known(self) -> dict[str, Any]:
        """Return what the plan says of a treatment that is to be recorded."""
        case = self._session.case
        return {} if case is None else known_of_lesion(case)

    def add(self, data: Mapping[str, Any]) -> tuple[Problem, ...]:
        """Record a treatment and show it.

        Parameters
        ----------
        data : mapping
            Plain values.

        Returns
        -------
        tuple of Problem
            Why it was refused; empty when it was taken.
        """
        before = self.treatments
        problems = self._apply(lambda case: with_treatment(case, data, self._today()), "")
        if not problems:
            new = [n for n, one in enumerate(self.treatments, 1) if one not in before]
            self.number = new[0] if new else len(self.treatments)
        return problems

    def correct(self, data: Mapping[str, Any]) -> tuple[Problem, ...]:
        """Change what is known of the treatment that is shown.

        Parameters
        ----------
        data : mapping
            New values.

        Returns
        -------
        tuple of Problem
            Why it was refused; empty when it was taken.
        """
        number, day = self._number(), self._today()
        return self._apply(lambda case: changed_treatment(case, number, data, day), "treatment")

    def record_visit(self, data: Mapping[str, Any]) -> tuple[Problem, ...]:
        """Record a visit, or correct the one of its occasion.

        Parameters
        ----------
        data : mapping
            All values of the form; None is unknown.

        Returns
        -------
        tuple of Problem
            Why it was refused; empty when it was taken.
        """
        number, day = self._number(), self._today()

        def change(case: Case) -> Case:
            return with_visit(case, number, data, day, corrects=True)

        return self._apply(change, str(data.get("occasion")))

    def record_event(self, kind: str, day: str) -> tuple[Problem, ...]:
        """Record what happened after the treatment that is shown.

        Parameters
        ----------
        kind : str
            Such as ``recurrence``.
        day : str
            ``YYYY-MM-DD``.

        Returns
        -------
        tuple of Problem
            Why it was refused; empty when it was taken.
        """
        number, today = self._number(), self._today()
        return self._apply(lambda case: with_event(case, number, kind, day, today), kind)

    def remove(self, occasion: str | None = None, kind: str | None = None) -> tuple[Problem, ...]:
        """Take back a visit, events of a kind, or the treatment that is shown.

        Parameters
        ----------
        occasion, kind : str or None
            Neither removes the treatment.

        Returns
        -------
        tuple of Problem
            Why it was refused; empty when it was done.
        """
        number = self._number()
        return self._apply(lambda case: without(case, number, occasion, kind), "")

    def _number(self) -> int | None:
        rows = self.treatments
        return min(max(self.number, 1), len(rows)) if rows else None

    def _apply(self, change: Change, what: str) -> tuple[Problem, ...]:
        case = self._session.case
        if case is None:
            return ()
        try:
            changed = change(case)
        except Refusal as refusal:
            return refusal.problems
        if changed.plan.treatments != case.plan.treatments:
            merges = bool(what) and self._last == (self.number, what)
            self._last = (self.number, what)
            self._session.apply(COMMAND, changed, merges=merges)
        return ()


def overdue(case: Case, on: date) -> tuple[tuple[int, Due], ...]:
    """Return what is overdue in a case.

    Parameters
    ----------
    case : Case
        Any state.
    on : datetime.date
        The day.

    Returns
    -------
    tuple
        Number of the lesion and the first occasion that is overdue, for each treatment.
    """
    death = death_of(treatments_of_case(case))
    found = []
    for lesion in lesions(case):
        rows = lesion.plan.treatments
        for one in rows:
            late = to_do(schedule(one, on, next_treatment(rows, one), death))
            first = next((row for row in late if row.state == "overdue"), None)
            if first is not None:
                found.append((lesion.plan.number, first))
    return tuple(found)
