"""What the neighbours of a lesion stand, of `resources/thermal_limits.yaml`."""

from __future__ import annotations

from functools import cache

from imaging.document import Document
from imaging.tables import load_table


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
    source, note : str
        Where the limits come from, and how sure they are.
    """

    id: str
    words: tuple[str, ...]
    lowest_c: float | None = None
    highest_c: float | None = None
    cem43_min: float | None = None
    clear_mm: float | None = None
    source: str
    note: str


class ThermalLimits(Document):
    """The whole table."""

    lethal_cold_c: float
    lethal_cold_source: str
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


def limit_of(name: str) -> ThermalLimit | None:
    """Return the limit of a structure.

    Parameters
    ----------
    name : str
        Structure's name, such as ``spinal_canal``.

    Returns
    -------
    ThermalLimit or None
        None where the table has no class for it.
    """
    rows = thermal_limits().limits
    return next((row for row in rows if any(word in name for word in row.words)), None)
