"""The record that side and level were checked before anything was exported."""

from __future__ import annotations

from enum import StrEnum

from imaging.document import Document


class Side(StrEnum):
    """A side of the patient."""

    LEFT = "left"
    RIGHT = "right"
    MIDLINE = "midline"


class SideCheck(Document):
    """What was stated and what the image showed then.

    Attributes
    ----------
    stated : Side
        By the physician, from elsewhere than the image.
    stated_level : str or None
        The same of the level.
    side : Side
        By the image.
    level : str or None
        By the image; None where unknown.
    at_utc : str
        ISO 8601.
    """

    stated: Side
    stated_level: str | None
    side: Side
    level: str | None
    at_utc: str
