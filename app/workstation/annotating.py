"""Measurements that are drawn in the views, as commands of the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planning.annotations import Annotation

if TYPE_CHECKING:
    from app.workstation.session import Session


class Annotating:
    """Commands on the measurements of the open plan; each can be undone.

    Parameters
    ----------
    session : Session
        Whose case is changed.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def keep(self, annotation: Annotation) -> None:
        """Add a measurement, or put it in the place of the one with its number.

        Parameters
        ----------
        annotation : Annotation
            As drawn.
        """
        case = self._session.case
        if case is None:
            return
        known = case.plan.annotations
        if any(one.number == annotation.number for one in known):
            changed = tuple(annotation if one.number == annotation.number else one for one in known)
            self._session.apply("move_annotation", case.with_plan(annotations=changed))
        else:
            added = (*known, annotation)
            self._session.apply("add_annotation", case.with_plan(annotations=added))

    def remove(self, number: int | None) -> None:
        """Remove a measurement.

        Parameters
        ----------
        number : int or None
            Of it; one that is not there is passed over.
        """
        case = self._session.case
        if case is None:
            return
        left = tuple(one for one in case.plan.annotations if one.number != number)
        if len(left) < len(case.plan.annotations):
            self._session.apply("remove_annotation", case.with_plan(annotations=left))

    def remove_all(self) -> None:
        """Remove all measurements of the plan."""
        case = self._session.case
        if case is not None and case.plan.annotations:
            self._session.apply("remove_annotation", case.with_plan(annotations=()))
