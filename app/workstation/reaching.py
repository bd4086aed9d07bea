"""Ways in as they are being tried: the map of the skin, and a way that is drawn by hand.

What is moved is asked of the worker one request at a time: while one is under way only the newest
wish is kept, so that the picture follows the hand and never lags behind a queue.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from app.workstation import access_tasks
from app.workstation.access_tasks import Asked, SkinShown, SkinSurface
from app.workstation.arrays import same_memory
from app.workstation.stages import Topic
from imaging.document import Vector
from imaging.errors import Refusal
from planning import ways_in
from planning.access.posture import Position
from planning.access.request import Proposal
from planning.plan import Case

if TYPE_CHECKING:
    from app.workstation.session import Session

REST_S = 0.35  # after which the map of what was moved is drawn with all its points
MAPS = ("skin", "skin_follow")
LEAST_WAY_MM = 8.0  # a shorter drag is a click, and draws nothing


class Reaching:
    """Tries ways in on the open case.

    Parameters
    ----------
    session : Session
        Whose case is looked at.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.skin: SkinShown | None = None
        self.surface: SkinSurface | None = None
        self.trial: Proposal | None = None
        self._is_looked_at = False
        self._needle_id: str | None = None
        self._position = Position.AUTO
        self._margins: dict[str, float] = {}  # as they are being set
        self._target: Vector | None = None
        self._case: Case | None = None
        self._requested: Asked | None = None
        self._moved_s: float | None = None
        self._is_drawing = False
        self._drawn: tuple[Vector, Vector] | None = None  # waits to be judged
        session.subscribe(Topic.CASE, self._show_case)

    # The map of the skin

    def look(self, is_looked_at: bool) -> None:
        """Tell whether the map is looked at; it is made only then.

        Parameters
        ----------
        is_looked_at : bool
            Whether the step of access is shown.
        """
        self._is_looked_at = is_looked_at
        self.tick()

    def ask(self, needle_id: str | None, position: Position) -> None:
        """Show the map for a needle and a position that are about to be searched with.

        Parameters
        ----------
        needle_id : str or None
            None takes the first trocar of the table.
        position : Position
            How the patient lies.
        """
        if (needle_id, position) != (self._needle_id, self._position):
            self._needle_id, self._position = needle_id, position
            self._moved()

    def move_margin(self, name: str, margin_mm: float) -> None:
        """Show the map while a margin is being set.

        Parameters
        ----------
        name : str
            Forbidden structure.
        margin_mm : float
            As it stands now.
        """
        self._margins[name] = margin_mm
        self._moved()

    def aim(self, target_lps_mm: Vector | None) -> None:
        """Show the map for one place to aim at.

        Parameters
        ----------
        target_lps_mm : Vector or None
            None lets the search choose.
        """
        if target_lps_mm != self._target:
            self._target = target_lps_mm
            self._moved()

    def _moved(self) -> None:
        self._moved_s = time.monotonic()
        self.tick()

    def tick(self) -> None:
        """Ask for what is wanted now, when nothing asked before is under way."""
        session = self._session
        if self._drawn is not None and not session.runs("judge"):
            self._judge(*self._drawn)
        case, volume = session.case, session.volume
        if not self._is_looked_at or case is None or volume is None or session.runs(*MAPS):
            return
        if case.lesion is None or case.structures is None:
            return
        asked = self._asked(case)
        if asked == self._requested:
            return
        has_surface = self.surface is not None and not self._needs_surface(asked)
        self._requested = asked
        name = "skin_follow" if has_surface else "skin"
        session.start(
            name,
            lambda found: self._show_skin(case, found),
            None,
            access_tasks.skin,
            case,
            volume,
            asked,
            not has_surface,
        )

    def _asked(self, case: Case) -> Asked:
        plan = case.plan
        now_s = time.monotonic()
        is_moving = self._moved_s is not None and now_s - self._moved_s < REST_S
        names = set(case.structures.names()) if case.structures is not None else set()
        margins = {name: mm for name, mm in plan.margins_mm.items() if name in names}
        return Asked(
            needle_id=self._needle_id,
            position=self._position,
            margins_mm=tuple(sorted((margins | self._margins).items())),
            settings=tuple(sorted(plan.access_settings.items())),
            target_lps_mm=self._target,
            is_moving=is_moving,
        )

    def _needs_surface(self, asked: Asked) -> bool:
        """Tell whether the points of the map are others: the needle reaches farther or less far."""
        before = self.skin.asked if self.skin is not None else None
        return before is None or (before.needle_id, before.settings) != (
            asked.needle_id,
            asked.settings,
        )

    def _show_skin(self, case: Case, found: SkinShown) -> None:
        if not _same_body(case, self._session.case):
            self._requested = None  # asked for another outline; the next poll asks again
            return
        if found.surface is not None:
            self.surface = found.surface
        elif found.problems:
            self.surface = None
        self.skin = found
        self.tick()  # the worker goes on while this one is drawn
        self._session.tell(Topic.SKIN, found)

    def _show_case(self, case: Case | None) -> None:
        """Forget what belonged to another outline or other structures."""
        before, self._case = self._case, case
        if before is None or case is None or before.plan.margins_mm != case.plan.margins_mm:
            self._margins.clear()
        if not _same_body(before, case):
            self.skin, self.surface, self.trial = None, None, None
            self._margins.clear()
            self._requested, self._moved_s, self._drawn = None, None, None
            self._session.tell(Topic.SKIN, None)

    # A way drawn by hand

    def draw(self, entry_lps_mm: Vector, target_lps_mm: Vector) -> None:
        """Judge a way while it is being drawn.

        Parameters
        ----------
        entry_lps_mm, target_lps_mm : Vector
            A place on the way or before it; its tip.
        """
        self._is_drawing = True
        self._drawn = entry_lps_mm, target_lps_mm
        self.tick()

    def keep(self, entry_lps_mm: Vector, target_lps_mm: Vector) -> None:
        """Make a drawn way the one that is planned; that is one step back.

        Parameters
        ----------
        entry_lps_mm, target_lps_mm : Vector
            A place on the way or before it; its tip.
        """
        self._is_drawing, self._drawn = False, None
        self._set_trial(None)
        length = sum((a - b) ** 2 for a, b in zip(entry_lps_mm, target_lps_mm, strict=True)) ** 0.5
        case = self._session.case
        if case is None or length < LEAST_WAY_MM or not self._can_judge(case):
            return
        asked = self.limits_of(case)
        self._session.change("own_way", access_tasks.own_way, asked, entry_lps_mm, target_lps_mm)

    def set_limits(self, margins_mm: dict[str, float], settings: dict[str, float]) -> None:
        """Set the limits of the search; ways found under others are dropped.

        Parameters
        ----------
        margins_mm : dict
            Margin by structure; others have the default.
        settings : dict
            Settings changed from the table, by id.
        """
        case = self._session.case
        if case is None or (case.plan.margins_mm, case.plan.access_settings) == (
            margins_mm,
            settings,
        ):
            return
        try:
            changed = ways_in.with_access_limits(case, margins_mm, settings)
        except Refusal as refusal:
            self._session.tell(Topic.REFUSED, refusal)
            return
        self._session.apply("access_limits", changed, merges=True)

    def overrule(self, reason: str) -> None:
        """Take the way drawn by hand although it breaks limits.

        Parameters
        ----------
        reason : str
            Why; empty takes it back.
        """
        case = self._session.case
        if case is None or case.plan.own_way is None or case.plan.own_way.overruled == reason:
            return
        try:
            changed = ways_in.overrule(case, reason)
        except Refusal as refusal:
            self._session.tell(Topic.REFUSED, refusal)
            return
        self._session.apply("overrule", changed)

    def _can_judge(self, case: Case) -> bool:
        return case.lesion is not None and case.structures is not None

    def limits_of(self, case: Case) -> Asked:
        """Return the limits of the plan; before any search those that are about to be used.

        Parameters
        ----------
        case : Case
            That is open.

        Returns
        -------
        Asked
            Needle, position, margins and settings.
        """
        plan = case.plan
        is_planned = plan.access is not None or plan.own_way is not None
        return Asked(
            needle_id=plan.needle_id if is_planned else self._needle_id,
            position=plan.position if is_planned else self._position,
            margins_mm=tuple(sorted(plan.margins_mm.items())),
            settings=tuple(sorted(plan.access_settings.items())),
        )

    def _judge(self, entry_lps_mm: Vector, target_lps_mm: Vector) -> None:
        self._drawn = None
        session = self._session
        case, volume = session.case, session.volume
        if case is None or volume is None or not self._can_judge(case):
            return
        asked = self.limits_of(case)
        session.start(
            "judge",
            self._show_trial,
            case,
            access_tasks.judge,
            case,
            volume,
            asked,
            entry_lps_mm,
            target_lps_mm,
        )

    def _show_trial(self, way: Proposal) -> None:
        if self._is_drawing:
            self._set_trial(way)

    def _set_trial(self, way: Proposal | None) -> None:
        self.trial = way
        self._session.tell(Topic.TRIAL, way)


def _same_body(one: Case | None, other: Case | None) -> bool:
    """Tell whether two cases have the same outline and structures."""
    if one is None or other is None:
        return one is other
    same = one.plan.series == other.plan.series and one.structures is other.structures
    return same and same_memory(one.lesion, other.lesion)
