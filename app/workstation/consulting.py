"""What leaves the program of technique and doses, and the check of the side before that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from app.report.texts import Language
from imaging.errors import Problem, Refusal
from planning import procedure
from planning.side import side_holds
from planning.side_check import Side

if TYPE_CHECKING:
    from app.workstation.session import Session

SIDE_OPEN = Problem(
    code="side_open",
    message="side and level are not confirmed: state them in the step of technique and doses, "
    "then export",
    where="side",
)


class Consulting:
    """Commands of the step of technique and doses.

    Parameters
    ----------
    session : Session
        With the open case.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def state_side(self, side: Side | None, level: str | None) -> tuple[Problem, ...]:
        """Check side and level against the image, or take the physician's word for them.

        Parameters
        ----------
        side : Side or None
            By the request; None where the physician has confirmed it without the image.
        level : str or None
            By the request.

        Returns
        -------
        tuple of Problem
            Why the image does not agree; empty when it does.
        """
        if self._session.case is None:
            return ()
        try:
            if side is None:
                said = self._session.case.plan.answers.model_copy(update={"side_confirmed": True})
                bare = self._session.case.with_plan(side_check=None)
                self._session.apply("side", procedure.answer(bare, said))
            else:
                self._session.apply("side", procedure.state_side(self._session.case, side, level))
        except Refusal as refusal:
            return refusal.problems
        return ()

    def not_to_be_exported(self) -> tuple[Problem, ...]:
        """Return why nothing may leave the program yet: side and level are not confirmed (A55)."""
        if self._session.case is None or side_holds(self._session.case):
            return ()
        return (SIDE_OPEN,)

    def export_proposal(self, path: Path, language: Language) -> tuple[Problem, ...]:
        """Write technique and doses as PDF.

        Parameters
        ----------
        path : Path
            File.
        language : str
            ``fr`` or ``en``.

        Returns
        -------
        tuple of Problem
            Why it was not written; empty when it was.
        """
        from app.report.proposal import write_proposal

        problems = self.not_to_be_exported()
        if problems or self._session.case is None:
            return problems
        try:
            write_proposal(self._session.case, path, language)
        except Refusal as refusal:
            return refusal.problems
        return ()
