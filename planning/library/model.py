"""What the library knows of a case; nothing of it names the patient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError

from imaging.dicom.anonymise.descriptors import folded
from imaging.document import Document
from imaging.errors import Problem
from planning.errors import PlanningError
from planning.technique.answers import LEVEL

CARD_VERSION = 1
MOST_TITLE, MOST_NOTES, MOST_TAGS = 200, 20_000, 50  # characters, characters, number


def _once(words: tuple[str, ...]) -> tuple[str, ...]:
    kept = {" ".join(word.split()): None for word in words}
    return tuple(word for word in kept if word)


Words = Annotated[
    tuple[Annotated[str, Field(max_length=100)], ...],
    Field(max_length=MOST_TAGS),
    AfterValidator(_once),
]


class CaseFields(Document):
    """What a case is found by: filled from its plan, changed by the user.

    Attributes
    ----------
    title : str
        For people.
    site : str or None
        The bone, as the answers call it.
    level : str or None
        Of a vertebra.
    side : str or None
        ``left``, ``right`` or ``midline``.
    kind : str or None
        ``lytic``, ``mixed`` or ``blastic``.
    techniques : tuple of str
        Done, planned or recommended, as the answers call them.
    tags : tuple of str
        The user's own words.
    notes : str
        Difficulty, what is to be learnt from it.
    """

    title: str = Field(default="", max_length=MOST_TITLE)
    site: str | None = Field(default=None, max_length=100)
    level: str | None = Field(default=None, pattern=LEVEL, max_length=3)
    side: str | None = Field(default=None, max_length=100)
    kind: str | None = Field(default=None, max_length=100)
    techniques: Words = ()
    tags: Words = ()
    notes: str = Field(default="", max_length=MOST_NOTES)

    @property
    def texts(self) -> tuple[tuple[str, str], ...]:
        """What a person wrote, with the name of its field."""
        return (
            ("title", self.title),
            ("notes", self.notes),
            *(("tags", tag) for tag in self.tags),
        )

    @property
    def searched(self) -> str:
        """What a text is looked for in, without accents and case."""
        told = (self.site, self.level, self.side, self.kind, *self.techniques)
        return folded("\n".join([self.title, self.notes, *self.tags, *filter(None, told)]))

    def filled(self, other: CaseFields) -> CaseFields:
        """Return the fields with what is left open taken from others.

        Parameters
        ----------
        other : CaseFields
            Such as a plan gives them.

        Returns
        -------
        CaseFields
            What was set stays.
        """
        own = {name: value for name in CaseFields.model_fields if (value := getattr(self, name))}
        return other.model_copy(update=own)


class CaseRow(Document):
    """A case as it is listed.

    Attributes
    ----------
    id : str
        Of the case; the name of its folder.
    fields : CaseFields
        What it is found by.
    added_utc : str
        When it came into the library, ISO 8601.
    series_uid, modality : str
        Of the anonymised copy.
    slices : int
        Of the volume.
    size_mb : float
        Of the series' files, millions of bytes.
    plans : tuple of str
        Names of its plan files.
    has_follow_up : bool
        Whether a plan records what became of a treatment.
    problems : tuple of Problem
        What to mind: of the series when it was read, and of what could not be taken along.
    """

    id: str
    fields: CaseFields
    added_utc: str
    series_uid: str
    modality: str
    slices: int
    size_mb: float
    plans: tuple[str, ...]
    has_follow_up: bool
    problems: tuple[Problem, ...] = ()


class StoredFile(Document):
    """A file of a series as it was stored.

    Attributes
    ----------
    name : str
        In its folder.
    size : int
        Bytes.
    sha256 : str
        Of all bytes.
    changed_ns : int
        Time of the last change, as the system tells it; 0 where unknown.
    """

    name: str
    size: int
    sha256: str
    changed_ns: int = 0


class Card(Document):
    """``case.json`` in the folder of a case: what the index says of it, so that it can be remade.

    Attributes
    ----------
    version : int
        Of this document's shape.
    row : CaseRow
        The case.
    values_sha256 : str
        Of the values of the volume, as a plan knows them.
    files : tuple of StoredFile
        Of the series.
    """

    version: int = CARD_VERSION
    row: CaseRow
    values_sha256: str
    files: tuple[StoredFile, ...]


def fields_from(data: Mapping[str, object]) -> CaseFields:
    """Check what a user typed.

    Parameters
    ----------
    data : mapping
        Fields of :class:`CaseFields` by name.

    Returns
    -------
    CaseFields
        Valid.

    Raises
    ------
    PlanningError
        With every problem found.
    """
    try:
        return CaseFields.model_validate(dict(data))
    except ValidationError as error:
        problems = [
            Problem(
                code="bad_value",
                message=f"{row['loc'][0]}: {str(row['msg'])[:1].lower()}{str(row['msg'])[1:]}; "
                "correct the value",
                where=str(row["loc"][0]),
            )
            for row in error.errors(include_url=False)
        ]
        raise PlanningError(problems) from None


class Wanted(Document):
    """Which cases are looked for; what is left open does not matter.

    Attributes
    ----------
    text : str
        Words that all occur in title, notes, tags or the other fields; accents and case do not
        count.
    site, kind, technique, tag : str or None
        Exactly; the tag without accents and case.
    """

    text: str = ""
    site: str | None = None
    kind: str | None = None
    technique: str | None = None
    tag: str | None = None
