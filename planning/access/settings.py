"""The settings and the wishes of the search, as the table holds them."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

from pydantic import Field

from imaging.document import Document
from imaging.errors import Problem
from imaging.tables import load_table
from planning.errors import PlanningError

NeedleKind = Literal["trocar", "infiltration"]


class Setting(Document):
    """A row of the settings.

    Attributes
    ----------
    id, unit, source : str
        Key; unit of the value; where it is from.
    value, min, max : float
        Default and bounds.
    """

    id: str
    value: float
    unit: str
    min: float
    max: float
    source: str


class Wish(Document):
    """A row of the wishes.

    Attributes
    ----------
    id, unit, why : str
        Key of the term; unit of ``full``; the reason.
    full : float
        Value at which the term reaches its end.
    trocar, infiltration : float
        Weight for each kind of needle.
    """

    id: str
    full: float = Field(gt=0)
    unit: str
    trocar: float = Field(ge=0, le=1)
    infiltration: float = Field(ge=0, le=1)
    why: str

    def weight(self, kind: NeedleKind) -> float:
        """Return the weight for a kind of needle.

        Parameters
        ----------
        kind : str
            ``trocar`` or ``infiltration``.

        Returns
        -------
        float
            0 to 1.
        """
        return self.trocar if kind == "trocar" else self.infiltration


class AccessSettings(Document):
    """What the radiologist may set for a search.

    Attributes
    ----------
    flattest_skin_deg, flattest_cortex_deg : float
        Least angle between the needle and the skin, and the cortex.
    breathing_mm : float
        A way nearer to the lung is provisional.
    bore_mm, grip_mm : float
        Opening of the gantry; what stands out beyond the needle's working length.
    hand_angle_deg, hand_offset_mm : float
        Standard deviations of a needle placed by hand.
    rib_bundle_mm, costovertebral_mm : float
        Closed strip under a rib; where it ends beside the spine.
    spread_mm, zone_radius_mm, zone_margin_mm : float
        Reach of an infiltration and of a probe; margin around the lesion that probes cover.
    monitored_mm, dissected_mm : float
        Distance from the lesion within which a nerve is given a thermocouple, and within which
        skin, bowel and nerve are pushed away.
    leak_mm, cortex_left_mm : float
        Distance within which cement may leak; bone left around a screw.
    """

    flattest_skin_deg: float
    flattest_cortex_deg: float
    breathing_mm: float
    bore_mm: float
    grip_mm: float
    hand_angle_deg: float
    hand_offset_mm: float
    rib_bundle_mm: float
    costovertebral_mm: float
    spread_mm: float
    zone_radius_mm: float
    zone_margin_mm: float
    monitored_mm: float
    dissected_mm: float
    leak_mm: float
    cortex_left_mm: float


@cache
def setting_rows() -> tuple[Setting, ...]:
    """Return all rows of the settings, in their order."""
    return tuple(Setting.model_validate(row) for row in _table()["settings"])


@cache
def wishes() -> dict[str, Wish]:
    """Return the wishes by id, in the order of the table."""
    rows = (Wish.model_validate(row) for row in _table()["wishes"])
    return {row.id: row for row in rows}


def settings_with(**changes: float) -> AccessSettings:
    """Return the settings of the table with some of them changed.

    Parameters
    ----------
    **changes : float
        By id.

    Returns
    -------
    AccessSettings
        All settings.

    Raises
    ------
    PlanningError
        Listing every change that is unknown or out of its bounds.
    """
    rows = {row.id: row for row in setting_rows()}
    problems = [
        Problem(code="unknown_setting", message="there is no such setting", where=name)
        for name in changes
        if name not in rows
    ]
    problems += [
        Problem(
            code="setting_refused",
            message=f"{changes[name]:g} is not between {row.min:g} and {row.max:g} {row.unit}",
            where=name,
        )
        for name, row in rows.items()
        if name in changes and not row.min <= changes[name] <= row.max
    ]
    if problems:
        raise PlanningError(problems)
    return AccessSettings(**({name: row.value for name, row in rows.items()} | changes))


def _table() -> Any:  # noqa: ANN401 - YAML holds anything; the rows are validated one by one
    return load_table("access")
