"""The needles of the table."""

from __future__ import annotations

from functools import cache
from typing import Literal

from pydantic import Field, TypeAdapter

from imaging.document import Document
from imaging.errors import Problem
from imaging.tables import load_table
from planning.errors import PlanningError


class Needle(Document):
    """A row of the table of needles.

    Attributes
    ----------
    id, name : str
        Key in the table; what is shown.
    kind : str
        ``trocar`` passes bone, ``infiltration`` only where the cortex is thin or broken.
    gauge : int
        Nominal gauge.
    diameter_mm, length_mm : float
        Outer diameter; working length.
    max_bone_mm : float
        Bone outside the lesion that it can be driven through.
    densest_hu : float or None
        Densest voxel outside the lesion that it passes; None for one that passes any bone.
    source : str
        Where the figures are from.
    """

    id: str
    name: str
    kind: Literal["trocar", "infiltration"]
    gauge: int = Field(ge=8, le=30)
    diameter_mm: float = Field(gt=0.2, lt=6)
    length_mm: float = Field(ge=20, le=400)
    max_bone_mm: float = Field(ge=0, le=400)
    densest_hu: float | None = Field(default=None, ge=100, le=3000)
    source: str


@cache
def needle_table() -> tuple[Needle, ...]:
    """Return all rows of ``resources/needles.yaml``, in their order."""
    return tuple(TypeAdapter(list[Needle]).validate_python(load_table("needles")))


def needle_named(needle_id: str | None) -> Needle:
    """Return a needle by its id.

    Parameters
    ----------
    needle_id : str or None
        None takes the first trocar of the table.

    Returns
    -------
    Needle
        The row.

    Raises
    ------
    PlanningError
        When no row has this id.
    """
    if needle_id is None:
        return next(row for row in needle_table() if row.kind == "trocar")
    for row in needle_table():
        if row.id == needle_id:
            return row
    known = ", ".join(row.id for row in needle_table())
    message = f"no needle has this id; the table has {known}"
    raise PlanningError(Problem(code="unknown_needle", message=message, where=needle_id))
