"""Brings the second series into the views of the board, and takes it out again."""

from __future__ import annotations

from functools import partial

import numpy as np
from PySide6.QtWidgets import QWidget

from app.workstation.session import Session
from app.workstation.stages import Topic
from app.workstation.viewpoint import Compare, Look, Viewpoint
from app.workstation.views.second import Laid, Overlay, Pair, SecondView
from app.workstation.views.slice_view import SliceView
from app.workstation.words import Words
from imaging.geometry import FloatArray


class SecondViews:
    """The overlays of all slices, and the views beside those along the patient's axes.

    Parameters
    ----------
    session : Session
        The open case.
    viewpoint : Viewpoint
        Shared look.
    words : Words
        Of the screen.
    slices, others : tuple of SliceView
        Those that are split side by side; those that only carry the overlay.
    """

    def __init__(
        self,
        session: Session,
        viewpoint: Viewpoint,
        words: Words,
        slices: tuple[SliceView, ...],
        others: tuple[SliceView, ...],
    ) -> None:
        self._session, self._viewpoint = session, viewpoint
        self._laid: Laid | None = None
        self._laid_by: FloatArray | None = None
        comparing = session.comparing
        for view in (*slices, *others):
            view.overlay = Overlay(comparing, words, self.laid)
        self.views = tuple(
            SecondView(view, viewpoint, words, Overlay(comparing, words, self.laid), self.laid)
            for view in slices
        )
        self._all = (*slices, *others, *self.views)
        self._holders: dict[QWidget, QWidget] = {
            second.neighbour: Pair(second.neighbour, second) for second in self.views
        }
        for second in self.views:
            second.on_maximise = partial(_maximise_neighbour, second)
        self._unsubscribe = [
            session.subscribe(Topic.COMPARISON, self._changed),
            session.subscribe(Topic.CASE, self._case_changed),
            viewpoint.subscribe(self._look_changed),
        ]

    def holder(self, view: QWidget) -> QWidget:
        """Return what is put in the place of a view.

        Parameters
        ----------
        view : QWidget
            Of the board.

        Returns
        -------
        QWidget
            The view itself where it is never split.
        """
        return self._holders.get(view, view)

    def laid(self) -> Laid | None:
        """Return where the series lies now, or None."""
        return self._laid

    def release(self) -> None:
        """Stop observing."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        for view in self.views:
            view.release()

    def _changed(self, _value: object = None) -> None:
        comparing = self._session.comparing
        series, matrix = comparing.series, comparing.matrix
        if series is None or matrix is None:
            if self._laid is not None:
                self._show(None, None)
            return
        is_known = self._laid is not None and self._laid.series is series
        before = self._laid_by
        if not is_known or before is None or not np.array_equal(before, matrix):
            self._show(Laid.of(series, matrix), matrix)

    def _case_changed(self, _value: object = None) -> None:
        self._changed()
        for second in self.views:
            second.show_case()

    def _show(self, laid: Laid | None, matrix: FloatArray | None) -> None:
        is_first = laid is not None and self._laid is None
        self._laid, self._laid_by = laid, matrix
        for second in self.views:
            second.show_laid(laid)
        for view in self._all:
            view.update()
        if laid is None:
            self._viewpoint.change(compares=Compare.OFF)
        elif is_first and self._viewpoint.look.compares is Compare.OFF:
            self._viewpoint.change(compares=Compare.FUSED)

    def _look_changed(self, look: Look) -> None:
        self._session.comparing.pivot_lps_mm = look.crosshair_lps_mm
        is_split = look.compares is Compare.BESIDE and self._laid is not None
        for second in self.views:
            second.setVisible(is_split)


def _maximise_neighbour(second: SecondView, _view: SliceView) -> None:
    second.neighbour.on_maximise(second.neighbour)
