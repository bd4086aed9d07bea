"""Slices that run past by themselves, to and fro, in the view that the pointer was in last."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer

from app.workstation.viewpoint import Look, Viewpoint
from app.workstation.views.slice_view import SliceView


class Cine(QObject):
    """Plays slices at the speed of the look.

    Parameters
    ----------
    views : tuple of SliceView
        Those that may play.
    viewpoint : Viewpoint
        Says whether, and how fast.
    place : callable
        Returns what changes with every slice; at an end it stays, and slices turn back.
    """

    def __init__(
        self, views: tuple[SliceView, ...], viewpoint: Viewpoint, place: Callable[[], object]
    ) -> None:
        super().__init__()
        self._views, self._place = views, place
        self._playing: SliceView | None = None
        self._direction = -1.0  # towards the feet at first
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.step)
        self._unsubscribe = viewpoint.subscribe(self._look_changed)

    def release(self) -> None:
        """Stop, and stop observing."""
        self._timer.stop()
        self._unsubscribe()

    def _look_changed(self, look: Look) -> None:
        if not look.is_playing:
            self._timer.stop()
            return
        interval_ms = round(1000 / look.cine_per_s)
        if not self._timer.isActive() or self._timer.interval() != interval_ms:
            self._timer.start(interval_ms)

    def step(self) -> None:
        """Show the next slice."""
        visible = [view for view in self._views if view.isVisible()]
        if not visible:
            return
        under = [view for view in visible if view.underMouse()]
        if under:
            self._playing = under[0]
        elif self._playing not in visible:
            self._playing = visible[0]
        view = self._playing or visible[0]
        before = self._place()
        view.scroll_slices(self._direction)
        if self._place() == before:
            self._direction = -self._direction
            view.scroll_slices(self._direction)
