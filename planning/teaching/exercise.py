"""What an exercise is: a case with a task, what the resident may see, and what he states."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError, field_serializer, model_validator

from imaging.document import Document, Vector
from imaging.errors import Problem
from planning.ablation.devices import devices
from planning.errors import PlanningError
from planning.technique.answers import Answers, Technique
from planning.technique.wording import Language

FORMAT = 1  # of the document of an exercise
ID = r"^[a-z0-9][a-z0-9_-]{1,62}$"
DEFAULT_PASS_PERCENT = 60.0  # of the points [teaching choice]
LONGEST_TEXT = 4000

Kind = TypeVar("Kind", bound=Document)
Length = Annotated[float, Field(ge=1, le=300, allow_inf_nan=False)]
Corticosteroid = Literal["cortivazol", "triamcinolone_acetonide", "dexamethasone", "none"]


class Task(StrEnum):
    """What is asked."""

    MEASURE = "measure"
    INFILTRATION = "infiltration"
    ABLATION = "ablation"
    TECHNIQUE = "technique"


class Visible(StrEnum):
    """What the program may show before the answer is handed in."""

    PROPOSALS = "proposals"
    ONE_CLICK_OUTLINE = "one_click_outline"
    RECOMMENDATION = "recommendation"
    STRUCTURES = "structures"
    SIMULATION = "simulation"


class Adjunct(StrEnum):
    """What is added to a technique, or asked for beside it."""

    CONSOLIDATION = "consolidation"
    THERMOCOUPLES = "thermocouples"
    DISSECTION = "dissection"
    RADIOTHERAPY = "radiotherapy"
    SURGICAL_OPINION = "surgical_opinion"
    TEST_BLOCK = "test_block"
    DEXAMETHASONE = "dexamethasone"
    EMBOLISATION = "embolisation"
    CARDIOLOGY = "cardiology"


class Texts(Document):
    """What is told to the resident, in one language.

    Attributes
    ----------
    title, situation, asked : str
        Name of the exercise; the patient; the task.
    """

    title: str = Field(min_length=1, max_length=120)
    situation: str = Field(min_length=1, max_length=LONGEST_TEXT)
    asked: str = Field(min_length=1, max_length=LONGEST_TEXT)


class Generated(Document):
    """A CT that the program generates, the same each time.

    Attributes
    ----------
    kind : str
        ``generated``.
    case : str
        Name of the generated case.
    seed : int or None
        Of its border and noise; None takes the case's own.
    spacing_mm_kji : tuple of float
        Of its voxels.
    margin_mm : float or None
        Keep only a block around the lesion; None keeps the whole trunk.
    """

    kind: Literal["generated"] = "generated"
    case: str
    seed: int | None = Field(default=None, ge=0, lt=2**31)
    spacing_mm_kji: tuple[float, float, float] = (2.5, 1.25, 1.25)
    margin_mm: float | None = Field(default=None, gt=0)


class Kept(Document):
    """A CT whose values lie in the exercise file: no header, so nothing that names the patient.

    Attributes
    ----------
    kind : str
        ``kept``.
    uid : str
        Series Instance UID that the written series gets.
    checksum : str
        SHA-256 of its values.
    """

    kind: Literal["kept"] = "kept"
    uid: str
    checksum: str


class Given(Document):
    """What the resident is given to begin with.

    Attributes
    ----------
    answers : Answers
        What is known of the patient.
    outline, structures : bool
        Whether the lesion is outlined for him; whether structures are found for him.
    seeds_lps_mm : tuple of Vector
        Places in the lesion.
    """

    answers: Answers = Answers()
    outline: bool = False
    structures: bool = False
    seeds_lps_mm: tuple[Vector, ...] = ()


class Statement(Document):
    """What the resident decides himself where the program would otherwise tell; None is left open.

    Attributes
    ----------
    length_mm, width_mm : float or None
        Greatest diameter, and the one across it.
    technique : str or None
        One of the eleven.
    adjuncts : tuple of Adjunct
        Beside it.
    device : str or None
        Row of the table of devices that ablates.
    volume_ml : float or None
        Of the lesion by the formula of the dose.
    anaesthetic_ml : float or None
        Of the mixture.
    corticosteroid : str or None
        ``none`` is a decision against any.
    reasons : str
        Why, in a sentence; it is shown and not marked.
    translated : dict
        Those reasons by language, where the teacher gave them in several.
    """

    length_mm: Length | None = None
    width_mm: Length | None = None
    technique: Technique | None = None
    adjuncts: tuple[Adjunct, ...] = ()
    device: str | None = Field(default=None, max_length=80)
    volume_ml: float | None = Field(default=None, gt=0, le=15_000, allow_inf_nan=False)
    anaesthetic_ml: float | None = Field(default=None, ge=0, le=500, allow_inf_nan=False)
    corticosteroid: Corticosteroid | None = None
    reasons: str = Field(default="", max_length=LONGEST_TEXT)
    translated: dict[Language, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _length_is_greater(self) -> Statement:
        if None not in (self.length_mm, self.width_mm) and self.width_mm > self.length_mm:  # type: ignore[operator]
            message = "the width is greater than the length; the length is the greatest diameter"
            raise ValueError(message)
        return self


class Exercise(Document):
    """An exercise, without its reference.

    Attributes
    ----------
    format : int
        Of this document.
    id : str
        Small letters, digits, ``-`` and ``_``.
    version : int
        Raised when anything that changes a mark is changed.
    task : Task
        What is asked.
    difficulty : int
        1 easy to 5 hard.
    texts : dict
        By language, ``en`` and ``fr``.
    time_s : float
        In which it is to be done.
    source : Generated or Kept
        Of the CT.
    given : Given
        What the resident begins with.
    may_see : frozenset of Visible
        What the program may show before the answer is handed in.
    pass_percent : float
        Share of the points that passes.
    weights : dict
        Of terms that weigh other than usual, by their id.
    author : str
        Who made it, as he wants to be named; may be empty.
    """

    format: int = FORMAT
    id: str = Field(pattern=ID)
    version: int = Field(default=1, ge=1)
    task: Task
    difficulty: int = Field(ge=1, le=5)
    texts: dict[Language, Texts]
    time_s: float = Field(ge=30, le=14_400, allow_inf_nan=False)
    source: Annotated[Generated | Kept, Field(discriminator="kind")]
    given: Given = Given()
    may_see: frozenset[Visible] = frozenset()
    pass_percent: float = Field(default=DEFAULT_PASS_PERCENT, gt=0, le=100)
    weights: dict[str, float] = Field(default_factory=dict)
    author: str = Field(default="", max_length=120)

    @model_validator(mode="after")
    def _in_both_languages(self) -> Exercise:
        lacking = {"en", "fr"} - set(self.texts)
        if lacking:
            message = f"the texts lack {', '.join(sorted(lacking))}"
            raise ValueError(message)
        if not all(0.0 <= weight <= 100.0 for weight in self.weights.values()):
            message = "a weight lies between 0 and 100"
            raise ValueError(message)
        return self

    @field_serializer("may_see")
    def _ordered(self, seen: frozenset[Visible]) -> list[str]:
        return sorted(seen)

    @property
    def digest(self) -> str:
        """SHA-256 of all that it says; the reference is bound to it.

        What is not said is left out, so that a later version with further fields finds the same.
        """
        text = self.model_dump_json(by_alias=True, exclude_defaults=True)
        return hashlib.sha256(text.encode()).hexdigest()


def statement_from(data: object, where: str = "") -> Statement:
    """Check a statement that JSON or a form holds.

    Parameters
    ----------
    data : object
        As JSON holds it: an object of the fields of :class:`Statement`.
    where : str
        Its file, for messages.

    Returns
    -------
    Statement
        Without a problem.

    Raises
    ------
    PlanningError
        With every problem found.
    """
    found = _checked(Statement, data, where)
    if found.device is not None and found.device not in devices():
        message = "device: no such row of the table; `osteoplan devices` lists them"
        raise PlanningError(Problem(code="bad_value", message=message, where=where))
    return found


def exercise_from(data: object, where: str = "") -> Exercise:
    """Check an exercise that JSON or YAML holds.

    Parameters
    ----------
    data : object
        An object of the fields of :class:`Exercise`.
    where : str
        Its file, for messages.

    Returns
    -------
    Exercise
        Without a problem.

    Raises
    ------
    PlanningError
        With every problem found, or when it was made by a newer version.
    """
    if (
        isinstance(data, Mapping)
        and isinstance(data.get("format"), int)
        and data["format"] > FORMAT
    ):
        message = (
            f"the exercise was made by a newer version of Osteoplan (format {data['format']}, this "
            f"program reads up to {FORMAT}); update Osteoplan"
        )
        raise PlanningError(Problem(code="exercise_too_new", message=message, where=where))
    return _checked(Exercise, data, where)


def _checked(kind: type[Kind], data: object, where: str) -> Kind:
    if not isinstance(data, Mapping):
        message = "this is one JSON object; see the user guide for its keys"
        raise PlanningError(Problem(code="bad_value", message=message, where=where))
    try:
        return kind.model_validate_json(json.dumps(dict(data), default=str))
    except ValidationError as error:
        raise PlanningError(
            [_problem(row, where) for row in error.errors(include_url=False)]
        ) from None
    except (ValueError, RecursionError):
        message = "this holds what JSON cannot; write it as the user guide shows"
        raise PlanningError(Problem(code="not_json", message=message, where=where)) from None


def _problem(row: Any, where: str) -> Problem:  # noqa: ANN401 - of pydantic
    place = ".".join(str(part)[:60] for part in row["loc"])
    unknown = row["type"] == "extra_forbidden"
    told = "this key is not known; remove it" if unknown else f"{row['msg']}; correct the value"
    return Problem(
        code="unknown_key" if unknown else "bad_value",
        message=f"{place}: {told}" if place else told,
        where=f"{where}: {place}" if where and place else where or place,
    )
