"""What was done and how it went: a treatment with its visits; what is left out is unknown."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from imaging.document import Document
from planning.follow_up.tables import occasions, place_of
from planning.technique.answers import Bone, Technique

MOST_WORDS = 120  # characters about a complication: a note, not a letter
EventKind = Literal["recurrence", "repeat", "ablation", "radiotherapy", "lost", "death"]


def _known(occasion: str) -> str:
    if occasion not in occasions():
        names = ", ".join([*list(occasions())[:6], "… month24"])
        text = "there is no such occasion; give one of {names}"
        raise PydanticCustomError("occasion", text, {"names": names})
    return occasion


class Record(Document):
    """A part of the follow-up: no text for numbers, no 0 and 1 for no and yes, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Visit(Record):
    """What was found on one occasion; None is unknown.

    Attributes
    ----------
    occasion : str
        Row of the table: ``day0``, ``block``, ``call_48h``, ``week1``, ``month1`` … ``month24``.
    date : datetime.date or None
        When.
    vas : float or None
        Pain, 0 to 10.
    sri_percent : float or None
        Improvement as the patient judges it; below 0 where the pain is worse.
    opioid_mg_day : float or None
        Oral morphine equivalent, mg a day.
    who_status : int or None
        0 to 4.
    complication_grade : int or None
        CIRSE 2017; 0 is none.
    complication_words : str
        A short note, without names.
    still_effective : bool or None
        Whether the patient says that the treatment still works.
    """

    occasion: Annotated[str, AfterValidator(_known)]
    date: datetime.date | None = None
    vas: float | None = Field(default=None, ge=0, le=10, allow_inf_nan=False)
    sri_percent: float | None = Field(default=None, ge=-100, le=100, allow_inf_nan=False)
    opioid_mg_day: float | None = Field(default=None, ge=0, le=5000, allow_inf_nan=False)
    who_status: int | None = Field(default=None, ge=0, le=4)
    complication_grade: int | None = Field(default=None, ge=0, le=6)
    complication_words: str = Field(default="", max_length=MOST_WORDS)
    still_effective: bool | None = None


class Event(Record):
    """What happened after a treatment.

    Attributes
    ----------
    kind : str
        ``recurrence`` of the pain, ``repeat`` of the treatment, ``ablation``, ``radiotherapy`` of
        the lesion, ``lost`` to follow-up, or ``death``.
    date : datetime.date
        When.
    """

    kind: EventKind
    date: datetime.date


class Treatment(Record):
    """One treatment of one lesion, and what became of it; None is unknown.

    Attributes
    ----------
    date : datetime.date
        Of the treatment.
    techniques : tuple of str
        One or more, done in one session.
    site : str or None
        The bone.
    age_years : int or None
        Of the patient.
    pain_duration_days : int or None
        Since the pain began.
    prior_radiotherapy : bool or None
        Of this lesion.
    anaesthetic_ml : float or None
        Of the mixture that was injected.
    needles : int or None
        Their number.
    visits : tuple of Visit
        One an occasion, in the order of the table.
    events : tuple of Event
        In the order of time.
    """

    date: datetime.date
    techniques: tuple[Technique, ...] = Field(min_length=1, max_length=11)
    site: Bone | None = None
    age_years: int | None = Field(default=None, ge=0, le=120)
    pain_duration_days: int | None = Field(default=None, ge=0, le=36_500)
    prior_radiotherapy: bool | None = None
    anaesthetic_ml: float | None = Field(default=None, ge=0, le=100, allow_inf_nan=False)
    needles: int | None = Field(default=None, ge=1, le=20)
    visits: tuple[Visit, ...] = ()
    events: tuple[Event, ...] = ()

    def visit(self, occasion: str) -> Visit | None:
        """Return what was found on an occasion.

        Parameters
        ----------
        occasion : str
            Row of the table.

        Returns
        -------
        Visit or None
            None where nothing is recorded.
        """
        return next((one for one in self.visits if one.occasion == occasion), None)

    def first(self, *kinds: str) -> datetime.date | None:
        """Return when the first event of some kinds happened.

        Parameters
        ----------
        *kinds : str
            Such as ``death``.

        Returns
        -------
        datetime.date or None
            None where none is recorded.
        """
        return min((one.date for one in self.events if one.kind in kinds), default=None)


def in_order(treatment: Treatment) -> Treatment:
    """Return a treatment with visits and events in their order.

    Parameters
    ----------
    treatment : Treatment
        As given.

    Returns
    -------
    Treatment
        Visits as in the table, events by date.
    """
    return treatment.model_copy(
        update={
            "visits": tuple(sorted(treatment.visits, key=lambda one: place_of(one.occasion))),
            "events": tuple(sorted(treatment.events, key=lambda one: (one.date, one.kind))),
        }
    )
