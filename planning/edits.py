"""What the radiologist changed by hand: measures and thermal limits, each with a record."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Literal, TypeAlias

from imaging.document import Document, Vector
from imaging.errors import Problem
from imaging.measurement.involvement import Involvement
from imaging.measurement.lesion import LesionMeasurement
from imaging.structures.model import PassageClass
from imaging.tables import load_table
from planning.errors import PlanningError

Value: TypeAlias = bool | float | str
DISTANCE = "distance"
FORMULA = "volume_formula_ml"


class Measure(Document):
    """A row of the table ``measures``.

    Attributes
    ----------
    key : str
        Of the measure; dotted where it lies deeper, ``distance`` stands for ``distance.NAME``.
    where : str
        ``lesion`` or ``involvement``.
    unit : str or None
        Of a number.
    least, most : float or None
        Bounds of a number.
    choices : tuple of str
        Of a word.
    how : dict
        How it is found, by language.
    """

    key: str
    where: Literal["lesion", "involvement"]
    unit: str | None = None
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    how: dict[str, str]


class ClassChange(Document):
    """What the radiologist set for the passage of needles through one structure of a case.

    Attributes
    ----------
    name : str
        Of the structure.
    was, value : PassageClass
        By the table, and now.
    at_utc : str
        When, ISO 8601.
    """

    name: str
    was: PassageClass
    value: PassageClass
    at_utc: str


class MeasureEdit(Document):
    """A measure that the radiologist has set.

    Attributes
    ----------
    key : str
        Of the measure; ``distance.NAME`` for the distance to a structure.
    measured : bool, float, str or None
        What had been measured; None when it was unknown.
    value : bool, float or str
        What it is now.
    ends_lps_mm : tuple of Vector or None
        Ends of the callipers it was read from.
    at_utc : str
        When, ISO 8601.
    """

    key: str
    measured: bool | float | str | None
    value: bool | float | str
    ends_lps_mm: tuple[Vector, Vector] | None = None
    at_utc: str


@cache
def measures() -> dict[str, Measure]:
    """Return the table of measures.

    Returns
    -------
    dict
        By key, in the order of the table.
    """
    rows = [Measure.model_validate(row) for row in load_table("measures")]
    return {row.key: row for row in rows}


def measure_of(key: str) -> Measure:
    """Return the row of a measure.

    Parameters
    ----------
    key : str
        Such as ``length_mm`` or ``distance.aorta``.

    Returns
    -------
    Measure
        Its row.

    Raises
    ------
    PlanningError
        When there is no such measure.
    """
    row = measures().get(DISTANCE if key.startswith(f"{DISTANCE}.") else key)
    if row is None or key == DISTANCE:
        message = "there is no such measure that can be set"
        raise PlanningError(Problem(code="unknown_measure", message=message, where=key))
    return row


def checked(key: str, value: Value) -> Value:
    """Return a value that a measure may have.

    Parameters
    ----------
    key : str
        Of the measure.
    value : bool, float or str
        Wanted.

    Returns
    -------
    bool, float or str
        The same.

    Raises
    ------
    PlanningError
        When it is of another type or out of bounds.
    """
    row = measure_of(key)
    if row.choices:
        fits, wanted = value in row.choices, "one of " + ", ".join(row.choices)
    elif row.least is not None and row.most is not None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = is_number and row.least <= float(value) <= row.most
        wanted = f"a number from {row.least:g} to {row.most:g} {row.unit or ''}".strip()
    else:
        fits, wanted = isinstance(value, bool), "yes or no"
    if not fits:
        message = f"{value!r} does not fit; give {wanted}"
        raise PlanningError(Problem(code="measure_refused", message=message, where=key))
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def measured_value(
    lesion: LesionMeasurement, involved: Involvement | None, key: str
) -> Value | None:
    """Return what was measured.

    Parameters
    ----------
    lesion : LesionMeasurement
        Measures of the outline.
    involved : Involvement or None
        Measures with the structures.
    key : str
        Of the measure.

    Returns
    -------
    bool, float, str or None
        None where it is unknown.
    """
    row = measure_of(key)
    node: object = lesion if row.where == "lesion" else involved
    if node is None:
        return None
    if row.key == DISTANCE:
        name = key.removeprefix(f"{DISTANCE}.")
        ways = involved.distances if involved is not None else ()
        return next((one.distance_mm for one in ways if one.name == name), None)
    for part in key.split("."):
        node = getattr(node, part)
    return node if isinstance(node, bool | float | str) else None


def record(
    lesion: LesionMeasurement,
    involved: Involvement | None,
    key: str,
    value: Value,
    ends_lps_mm: tuple[Vector, Vector] | None = None,
) -> MeasureEdit:
    """Return the record of a change.

    Parameters
    ----------
    lesion : LesionMeasurement
        As measured.
    involved : Involvement or None
        As measured.
    key : str
        Of the measure.
    value : bool, float or str
        New value.
    ends_lps_mm : tuple of Vector or None
        Of the callipers.

    Returns
    -------
    MeasureEdit
        With what had been measured, and the time.

    Raises
    ------
    PlanningError
        When the value does not fit.
    """
    return MeasureEdit(
        key=key,
        measured=measured_value(lesion, involved, key),
        value=checked(key, value),
        ends_lps_mm=ends_lps_mm,
        at_utc=now_utc(),
    )


def now_utc() -> str:
    """Return the time for a record, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def lesion_as_edited(
    lesion: LesionMeasurement, edits: tuple[MeasureEdit, ...]
) -> LesionMeasurement:
    """Return the measures of the outline with what the radiologist set.

    Parameters
    ----------
    lesion : LesionMeasurement
        As measured.
    edits : tuple of MeasureEdit
        In any order, one a key.

    Returns
    -------
    LesionMeasurement
        The formula's volume follows an edited length or width unless it was set itself.
    """
    changed = {one.key: one for one in edits if measure_of(one.key).where == "lesion"}
    plain = {key: one.value for key, one in changed.items() if "." not in key}
    inner = {key.split(".")[1]: one.value for key, one in changed.items() if "." in key}
    update: dict[str, object] = dict(plain)
    for key in ("length_mm", "width_mm"):
        edit = changed.get(key)
        if edit is not None and edit.ends_lps_mm is not None:
            update[key.replace("_mm", "_ends_lps_mm")] = edit.ends_lps_mm
    if inner:
        update["axial"] = lesion.axial.model_copy(update=inner)
    edited = lesion.model_copy(update=update)
    if FORMULA not in plain and {"length_mm", "width_mm"} & set(plain):
        volume_ml = edited.length_mm * edited.width_mm**2 / 2000.0
        edited = edited.model_copy(update={FORMULA: volume_ml})
    return edited


def involvement_as_edited(involved: Involvement, edits: tuple[MeasureEdit, ...]) -> Involvement:
    """Return the measures with the structures, with what the radiologist set.

    Parameters
    ----------
    involved : Involvement
        As measured.
    edits : tuple of MeasureEdit
        In any order, one a key.

    Returns
    -------
    Involvement
        Nearest first by the distances as they count.
    """
    changed = {one.key: one.value for one in edits if measure_of(one.key).where == "involvement"}
    plain = {key: value for key, value in changed.items() if not key.startswith(f"{DISTANCE}.")}
    ways = tuple(
        one.model_copy(update={"distance_mm": changed[f"{DISTANCE}.{one.name}"]})
        if f"{DISTANCE}.{one.name}" in changed
        else one
        for one in involved.distances
    )
    nearest_first = tuple(sorted(ways, key=lambda one: one.distance_mm))
    return involved.model_copy(update={**plain, "distances": nearest_first})
