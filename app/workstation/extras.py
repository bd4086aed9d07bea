"""Needles beside the planned way: sets, protection, cement, screws; shown, not kept in the plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from app.workstation.access_tasks import Asked
from app.workstation.arrays import same_memory
from app.workstation.stages import Topic
from imaging.document import Vector
from imaging.errors import Problem, Refusal
from imaging.progress import Progress
from imaging.volume import Volume
from planning.access.cement import CementPlan, cement_plan
from planning.access.protection import Protection, find_protection
from planning.access.request import AccessRequest
from planning.access.screws import Screw, find_screws
from planning.access.search import check_request
from planning.access.sets import NeedleSet, Purpose, search_set
from planning.plan import Case
from planning.ways_in import access_request

if TYPE_CHECKING:
    from app.workstation.session import Session

Way = tuple[Vector, Vector]


@dataclass(frozen=True)
class Extra:
    """What was found beside the planned way.

    Parameters
    ----------
    kind : str
        ``set``, ``protection``, ``cement`` or ``screws``.
    needles : NeedleSet or None
        Several needles.
    protections : tuple of Protection
        Thermocouples and needles that push away.
    cement : CementPlan or None
        Volumes and leaks.
    screws : tuple of Screw
        Corridors.
    problems : tuple of Problem
        Why there is nothing.
    """

    kind: str
    needles: NeedleSet | None = None
    protections: tuple[Protection, ...] = ()
    cement: CementPlan | None = None
    screws: tuple[Screw, ...] = ()
    problems: tuple[Problem, ...] = ()

    def ways(self) -> tuple[Way, ...]:
        """Return what is drawn: entry and tip of each needle or screw."""
        found = [] if self.needles is None else list(self.needles.needles)
        found += [one.way for one in self.protections if one.way is not None]
        ways = [(one.entry_lps_mm, one.target_lps_mm) for one in found]
        ways += [(one.entry_lps_mm, one.end_lps_mm) for one in self.screws]
        return tuple(ways)


def find_set(
    case: Case,
    volume: Volume,
    asked: Asked,
    purpose: Purpose,
    count: int | None,
    progress: Progress,
) -> Extra:
    """Find needles that together cover the lesion.

    Parameters
    ----------
    case : Case
        With lesion and structures.
    volume : Volume
        The CT.
    asked : Asked
        Needle, position and limits.
    purpose : Purpose
        What they are for.
    count : int or None
        1 to 4; None takes as few as suffice.
    progress : Progress
        Told between the steps.

    Returns
    -------
    Extra
        The set, or why there is none.
    """
    try:
        return Extra(
            "set", needles=search_set(_request(case, volume, asked), purpose, count, progress)
        )
    except Refusal as refusal:
        return Extra("set", problems=refusal.problems)


def protect(case: Case, volume: Volume, asked: Asked, progress: Progress) -> Extra:
    """Place thermocouples and needles that push structures away.

    Parameters
    ----------
    case : Case
        With lesion and structures.
    volume : Volume
        The CT.
    asked : Asked
        Position and limits.
    progress : Progress
        Told between the structures.

    Returns
    -------
    Extra
        Nearest structure first.
    """
    try:
        found = find_protection(_request(case, volume, asked), progress)
    except Refusal as refusal:
        return Extra("protection", problems=refusal.problems)
    return Extra("protection", protections=found)


def cement(
    case: Case, volume: Volume, asked: Asked, tip_lps_mm: Vector, progress: Progress
) -> Extra:
    """Tell what may be filled from the tip of the planned way, and where cement may leak.

    Parameters
    ----------
    case : Case
        With lesion and structures.
    volume : Volume
        The CT.
    asked : Asked
        Limits.
    tip_lps_mm : Vector
        In the lesion.
    progress : Progress
        Told between the steps.

    Returns
    -------
    Extra
        Volumes and leaks.
    """
    progress.update(0.1, "cement")
    try:
        return Extra(
            "cement", cement=cement_plan(_request(case, volume, asked), np.array(tip_lps_mm))
        )
    except Refusal as refusal:
        return Extra("cement", problems=refusal.problems)


def screw(case: Case, volume: Volume, asked: Asked, progress: Progress) -> Extra:
    """Find corridors for cemented screws.

    Parameters
    ----------
    case : Case
        With a lesion of the pelvis or the femur.
    volume : Volume
        The CT.
    asked : Asked
        Position and limits.
    progress : Progress
        Told between the steps.

    Returns
    -------
    Extra
        Longest corridors first, or why there are none.
    """
    try:
        return Extra("screws", screws=find_screws(_request(case, volume, asked), progress=progress))
    except Refusal as refusal:
        return Extra("screws", problems=refusal.problems)


def _request(case: Case, volume: Volume, asked: Asked) -> AccessRequest:
    request = access_request(asked.on(case), volume)
    check_request(request)
    return request


class Extras:
    """Finds needles beside the planned way of the open case.

    Parameters
    ----------
    session : Session
        Whose case is looked at.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._found: dict[str, Extra] = {}
        self._case: Case | None = None
        session.subscribe(Topic.CASE, self._show_case)

    @property
    def found(self) -> tuple[Extra, ...]:
        """What was found for the present outline, the newest last."""
        return tuple(self._found.values())

    def find_set(self, purpose: Purpose, count: int | None) -> None:
        """Find needles that together cover the lesion, in the background.

        Parameters
        ----------
        purpose : Purpose
            What they are for.
        count : int or None
            None takes as few as suffice.
        """
        self._start("needle_set", find_set, purpose, count)

    def protect(self) -> None:
        """Place needles that protect, in the background."""
        self._start("protection", protect)

    def cement(self) -> None:
        """Tell what may be filled from the tip of the planned way, in the background."""
        case = self._session.case
        if case is not None and case.plan.chosen is not None:
            self._start("cement", cement, case.plan.chosen.target_lps_mm)

    def screws(self) -> None:
        """Find corridors for screws, in the background."""
        self._start("screws", screw)

    def clear(self) -> None:
        """Forget what was found."""
        self._found.clear()
        self._session.tell(Topic.EXTRAS, self.found)

    def _start(self, name: str, task: Any, *request: object) -> None:  # noqa: ANN401 - a task
        session = self._session
        case, volume = session.case, session.volume
        if case is None or volume is None or case.lesion is None or case.structures is None:
            return
        asked = session.reaching.limits_of(case)
        session.start(name, self._show, case, task, case, volume, asked, *request)

    def _show(self, found: Extra) -> None:
        self._found.pop(found.kind, None)
        self._found[found.kind] = found
        self._session.tell(Topic.EXTRAS, self.found)

    def _show_case(self, case: Case | None) -> None:
        """Forget what was found for another outline, other structures or other limits."""
        before, self._case = self._case, case
        if self._found and not _same_question(before, case):
            self.clear()


def _same_question(one: Case | None, other: Case | None) -> bool:
    if one is None or other is None:
        return False
    same = one.structures is other.structures and same_memory(one.lesion, other.lesion)
    limits = [(c.plan.margins_mm, c.plan.access_settings) for c in (one, other)]
    return same and limits[0] == limits[1]
