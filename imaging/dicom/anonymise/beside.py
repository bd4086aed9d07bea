"""What belongs to a study and lies outside its files: texts and dates, treated like the study."""

from __future__ import annotations

import datetime
import re
import secrets
from dataclasses import dataclass

from imaging.dicom.anonymise.identifiers import Finder, Identifiers
from imaging.dicom.anonymise.pseudonyms import LEAST_SHIFT_DAYS, MOST_SHIFT_DAYS

_YEAR, _MONTH, _DAY = r"(?:19|20)\d\d", r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
_DATED = re.compile(
    rf"(?<![\d.])(?:{_YEAR}([-./]){_MONTH}\1{_DAY}"
    rf"|(?:{_DAY}([-./]){_MONTH}|{_MONTH}([-/]){_DAY})(?:\2|\3)(?:{_YEAR}|\d\d))(?![\d.]\d|\d)"
)


@dataclass(frozen=True, eq=False)
class Beside:
    """Knows what identifies the patient of a study; kept in memory only.

    Parameters
    ----------
    finder : Finder
        Of the identifiers of the originals.
    shift_days : int
        By which the dates of the study were moved; below zero.
    """

    finder: Finder
    shift_days: int

    @classmethod
    def unknown(cls) -> Beside:
        """Return what stands beside images whose originals nobody knows any more.

        Returns
        -------
        Beside
            Finds dates only, and moves them by a number of days that is drawn.
        """
        span = MOST_SHIFT_DAYS - LEAST_SHIFT_DAYS
        days = -(LEAST_SHIFT_DAYS + secrets.randbelow(span))
        return cls(Finder(Identifiers()), days)

    def found_in(self, text: str) -> str:
        """Return what kind of identifier a text holds.

        Parameters
        ----------
        text : str
            Any.

        Returns
        -------
        str
            ``name, number or UID``, ``date``, or empty.
        """
        if self.finder.in_values((text,)):
            return "name, number or UID"
        kind = self.finder.in_bytes(text.encode())
        return kind if kind in {"", "date"} else "name, number or UID"

    def found_in_note(self, text: str) -> str:
        """Return what kind of identifier a note holds, in which any whole date is one.

        Parameters
        ----------
        text : str
            Written freely by a person.

        Returns
        -------
        str
            As :meth:`found_in`.
        """
        return self.found_in(text) or ("date" if _DATED.search(text) else "")

    def moved(self, day: datetime.date) -> datetime.date:
        """Return a date as the dates of the study were moved.

        Parameters
        ----------
        day : datetime.date
            Of what was done or found.

        Returns
        -------
        datetime.date
            Earlier; the days between two of them stay.
        """
        earliest = datetime.date.min.toordinal()
        return datetime.date.fromordinal(max(day.toordinal() + self.shift_days, earliest))
