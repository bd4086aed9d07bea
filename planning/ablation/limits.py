"""What the neighbours of a lesion stand, of `resources/thermal_limits.yaml`."""

from __future__ import annotations

from functools import cache

from pydantic import Field

from imaging.document import Document
from imaging.tables import load_table

SET_BY_HAND = "set by the radiologist for this case"


class ThermalLimit(Document):
    """A row of the table.

    Attributes
    ----------
    id : str
        Class of structures.
    words : tuple of str
        A structure belongs here when one of them occurs in its name.
    lowest_c, highest_c : float or None
        Temperatures it stands.
    cem43_min : float or None
        Thermal dose it stands.
    clear_mm : float or None
        Distance to keep from ice and from 50 °C.
    least_width_mm : float or None
        Narrower parts of a structure are not watched.
    source, note : str
        Where the limits come from, and how sure they are.
    """

    id: str
    words: tuple[str, ...]
    lowest_c: float | None = None
    highest_c: float | None = None
    cem43_min: float | None = None
    clear_mm: float | None = None
    least_width_mm: float | None = None
    source: str
    note: str


class LimitChange(Document):
    """What the radiologist set for one structure of a case; None is no limit of that kind.

    Attributes
    ----------
    name : str
        Of the structure.
    lowest_c, highest_c, cem43_min, clear_mm : float or None
        As in :class:`ThermalLimit`.
    """

    name: str
    lowest_c: float | None = Field(default=None, ge=-200.0, le=37.0)
    highest_c: float | None = Field(default=None, ge=37.0, le=120.0)
    cem43_min: float | None = Field(default=None, gt=0.0, le=10000.0)
    clear_mm: float | None = Field(default=None, ge=0.0, le=100.0)


class ThermalLimits(Document):
    """The whole table."""

    lethal_cold_c: float
    lethal_cold_source: str
    lethal_heat_c: float
    lethal_heat_source: str
    cold_isotherm_c: float
    hot_isotherm_c: float
    limits: tuple[ThermalLimit, ...]


@cache
def thermal_limits() -> ThermalLimits:
    """Return the table.

    Returns
    -------
    ThermalLimits
        Validated.
    """
    return ThermalLimits.model_validate(load_table("thermal_limits"))


def zone_criterion(technique: str) -> str:
    """Return which criterion of death the lethal zone goes by.

    Parameters
    ----------
    technique : str
        Of the table of devices.

    Returns
    -------
    str
        An isotherm, as the rows of criteria name it.
    """
    table = thermal_limits()
    cold = technique == "cryoablation"
    return f"isotherm_{table.lethal_cold_c if cold else table.lethal_heat_c:.0f}"


def limit_of(name: str, changes: tuple[LimitChange, ...] = ()) -> ThermalLimit | None:
    """Return the limit of a structure.

    Parameters
    ----------
    name : str
        Structure's name, such as ``spinal_canal``.
    changes : tuple of LimitChange
        Set for the case; they go before the table.

    Returns
    -------
    ThermalLimit or None
        None where neither the case nor the table has one for it.
    """
    rows = thermal_limits().limits
    found = next((row for row in rows if any(word in name for word in row.words)), None)
    changed = next((one for one in changes if one.name == name), None)
    if changed is None:
        return found
    values = changed.model_dump(exclude={"name"})
    return ThermalLimit(id=name, words=(name,), source=SET_BY_HAND, note="", **values)
