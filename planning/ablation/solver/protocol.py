"""What is done, phase by phase."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from imaging.document import Document

MOST_SECONDS = 1e6  # of one phase; longer than any treatment, and than any approach to steady state


class Mode(StrEnum):
    """What an applicator does in a phase."""

    FREEZE = "freeze"
    PASSIVE_THAW = "passive_thaw"
    ACTIVE_THAW = "active_thaw"
    HEAT = "heat"
    POWER = "power"
    VOLTAGE = "voltage"
    CURRENT = "current"
    IMPEDANCE = "impedance"
    REST = "rest"


# The zone is read at the end of the last of these.
ACTIVE = frozenset({Mode.FREEZE, Mode.HEAT, Mode.POWER, Mode.VOLTAGE, Mode.CURRENT, Mode.IMPEDANCE})
OFF = frozenset({Mode.REST, Mode.PASSIVE_THAW})


class Phase(Document):
    """One phase of a protocol.

    Attributes
    ----------
    mode : Mode
        What the applicators do.
    seconds : float
        How long.
    temperature_c, power_w, voltage_v, current_a : float or None
        Overrides the applicator's own value.
    """

    mode: Mode
    seconds: float = Field(gt=0, le=MOST_SECONDS, allow_inf_nan=False)
    temperature_c: float | None = Field(default=None, ge=-273.15, le=3000, allow_inf_nan=False)
    power_w: float | None = Field(default=None, ge=-1e6, le=1e6, allow_inf_nan=False)
    voltage_v: float | None = Field(default=None, ge=-1e5, le=1e5, allow_inf_nan=False)
    current_a: float | None = Field(default=None, ge=-1e4, le=1e4, allow_inf_nan=False)
