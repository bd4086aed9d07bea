"""What a user chooses for an anonymised copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from imaging.errors import ImagingError, Problem

LONGEST_CHARACTERS = 64  # of LO and of a component group of PN (PS3.5 table 6.2-1)
LEAST_SECRET_BYTES = 16  # a shorter one can be guessed by trying


@dataclass(frozen=True)
class Options:
    """Choices for a copy.

    Parameters
    ----------
    dates : str
        ``shift``: all dates of a patient by one number of days; ``remove``.
    descriptors : str
        ``clean``: words of the table stay; ``remove``.
    name, patient_id : str
        What stands for the patient; derived when empty.
    secret : bytes
        With the same one, a patient gets the same pseudonym, shift and UIDs in every call; drawn
        anew for each call when empty.

    Raises
    ------
    ImagingError
        When a pseudonym or the secret cannot be used.
    """

    dates: Literal["shift", "remove"] = "shift"
    descriptors: Literal["clean", "remove"] = "clean"
    name: str = ""
    patient_id: str = ""
    secret: bytes = b""

    def __post_init__(self) -> None:
        problems = [
            Problem(code="bad_pseudonym", message=message, where=where)
            for where, text in (("name", self.name), ("id", self.patient_id))
            for message in _faults(text)
        ]
        if self.secret and len(self.secret) < LEAST_SECRET_BYTES:
            message = f"the key is shorter than {LEAST_SECRET_BYTES} bytes; use a longer one"
            problems.append(Problem(code="weak_key", message=message, where="key"))
        if problems:
            raise ImagingError(problems)


def _faults(text: str) -> list[str]:
    faults = []
    if len(text) > LONGEST_CHARACTERS:
        faults.append(f"a pseudonym has at most {LONGEST_CHARACTERS} characters")
    if "\\" in text or "=" in text or not text.isprintable() or text != text.strip():
        faults.append("a pseudonym has no backslash, equals sign, control character or outer space")
    return faults
