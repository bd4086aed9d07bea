"""Progress of long work, without any toolkit: reported as a fraction, cancelled by an exception."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace


class Cancelled(Exception):
    """The user no longer wants the result."""


def _nobody_listens(_fraction: float, _message: str) -> None:
    return


def _nobody_looks(_picture: object) -> None:
    return


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Progress:
    """Where long work reports to, and where it learns that it is no longer wanted.

    Parameters
    ----------
    report : callable
        Receives the fraction done (0 to 1) and what is being done.
    is_cancelled : callable
        Returns True once the result is no longer wanted.
    start, end : float
        Part of the whole, as fractions, that this object stands for.
    show : callable
        Receives what can be looked at before the work is done.
    """

    report: Callable[[float, str], None] = _nobody_listens
    is_cancelled: Callable[[], bool] = _never
    start: float = 0.0
    end: float = 1.0
    show: Callable[[object], None] = _nobody_looks

    def update(self, fraction: float, message: str = "") -> None:
        """Report the fraction done of this part.

        Parameters
        ----------
        fraction : float
            0 to 1, of this part.
        message : str
            What is being done, short.

        Raises
        ------
        Cancelled
            When the result is no longer wanted.
        """
        if self.is_cancelled():
            raise Cancelled
        self.report(self.start + (self.end - self.start) * min(max(fraction, 0.0), 1.0), message)

    def part(self, start: float, end: float) -> Progress:
        """Return the progress of a part of this work.

        Parameters
        ----------
        start, end : float
            Fractions of this work between which the part lies.

        Returns
        -------
        Progress
            Reports to the same place.
        """
        span = self.end - self.start
        return replace(self, start=self.start + span * start, end=self.start + span * end)


SILENT = Progress()
