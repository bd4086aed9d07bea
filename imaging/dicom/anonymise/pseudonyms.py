"""What stands for a patient, a UID and a date: the same everywhere in a study.

Everything is derived from one secret by HMAC-SHA-256, so that nothing has to be remembered, files
can be treated in any order, and nobody without the secret can go back.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import re
from dataclasses import dataclass
from functools import lru_cache

from pydicom._uid_dict import UID_dictionary

LEAST_SHIFT_DAYS, MOST_SHIFT_DAYS = 400, 3650
SHIFTS_TRIED = 1000
PSEUDONYM_CHARACTERS = 10  # of base 32: two patients in a million studies stay apart
_DATE = re.compile(r"(\d{4})([.-]?)(\d\d)\2(\d\d)")  # the dotted form is that of ACR-NEMA


@dataclass(frozen=True)
class Pseudonyms:
    """Replacements derived from a secret.

    Parameters
    ----------
    secret : bytes
        Known to nobody, or kept by who will follow a patient up.
    """

    secret: bytes

    def digest(self, kind: str, text: str) -> bytes:
        """Return 32 bytes that stand for a text.

        Parameters
        ----------
        kind : str
            What the text is, so that one text gives different bytes as another kind.
        text : str
            The original.

        Returns
        -------
        bytes
            HMAC-SHA-256.
        """
        return hmac.new(self.secret, f"{kind}:{text}".encode(), hashlib.sha256).digest()

    def uid(self, original: str) -> str:
        """Return the UID that replaces another; those of the standard stay.

        Parameters
        ----------
        original : str
            A UID, or empty.

        Returns
        -------
        str
            Under 2.25 (PS3.5 annex B.2).
        """
        original = original.strip(" \0")
        if not original or is_public(original):
            return original
        return _uid(self, original)

    def patient(self, original: str) -> str:
        """Return what replaces the name and number of a patient.

        Parameters
        ----------
        original : str
            The patient's number.

        Returns
        -------
        str
            ``ANON-`` and ten characters.
        """
        text = base64.b32encode(self.digest("patient", original)).decode("ascii")
        return f"ANON-{text[:PSEUDONYM_CHARACTERS]}"

    def shift_days(self, patient: str, dates: frozenset[str]) -> int:
        """Return by how many days a patient's dates are moved into the past.

        Parameters
        ----------
        patient : str
            The patient's number.
        dates : frozenset of str
            All dates met, as YYYYMMDD: no moved one may equal one of them, where this can be.

        Returns
        -------
        int
            Below zero.
        """
        span = MOST_SHIFT_DAYS - LEAST_SHIFT_DAYS
        first = 0
        for attempt in range(SHIFTS_TRIED):
            number = int.from_bytes(self.digest(f"shift{attempt}", patient)[:8], "big")
            days = -(LEAST_SHIFT_DAYS + number % span)
            first = first or days
            if not dates & {shifted_date(date, days) for date in dates}:
                return days
        return first


@lru_cache(maxsize=65536)
def _uid(pseudonyms: Pseudonyms, original: str) -> str:
    number = int.from_bytes(pseudonyms.digest("uid", original)[:16], "big")
    number = number & ~(0xF << 76) | 0x4 << 76  # the version and the variant of a random UUID
    number = number & ~(0x3 << 62) | 0x2 << 62
    return f"2.25.{number}"


def is_public(uid: str) -> bool:
    """Return whether a UID belongs to the standard and so identifies nobody.

    Parameters
    ----------
    uid : str
        A UID.

    Returns
    -------
    bool
        True for SOP classes, transfer syntaxes, coding schemes and the like.
    """
    return uid in UID_dictionary or bool(re.fullmatch(r"1\.2\.840\.10008(\.\d{1,4}){1,7}", uid))


@lru_cache(maxsize=4096)
def shifted_date(text: str, days: int) -> str:
    """Return a date moved by days.

    Parameters
    ----------
    text : str
        Begins with a date: DA, or DT whose time stays.
    days : int
        Added.

    Returns
    -------
    str
        Empty when there is no whole valid date.
    """
    found = _DATE.match(text.strip(" \0"))
    if not found:
        return ""
    try:
        date = datetime.date(int(found[1]), int(found[3]), int(found[4]))
        moved = date + datetime.timedelta(days=days)
    except (ValueError, OverflowError):
        return ""
    return f"{moved:%Y%m%d}" if moved.year > 999 else ""


def plain_date(text: str) -> str:
    """Return the date that a text begins with, as YYYYMMDD.

    Parameters
    ----------
    text : str
        DA or DT.

    Returns
    -------
    str
        Empty when there is none.
    """
    found = _DATE.match(text.strip(" \0"))
    return f"{found[1]}{found[3]}{found[4]}" if found else ""
