"""How the tissues of a sample differ from the table, by `resources/ablation_uncertainty.yaml`."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Literal

from pydantic import Field, model_validator

from imaging.document import Document
from imaging.tables import load_table
from planning.ablation.solver.materials import Material

Distribution = Literal["uniform", "log_uniform", "normal"]


class UncertainProperty(Document):
    """A row of the table about tissues.

    Attributes
    ----------
    id : str
        Field of :class:`Variation`.
    tissues : tuple of str
        Whose property it is, by the ids of the tissue table.
    property : str
        ``conductivity``, ``perfusion`` or ``electrical_conductivity``.
    distribution : str
        ``uniform`` or ``log_uniform``.
    low, high : float
        Ends of the range.
    unit : str
        ``factor`` multiplies the table's value; any other replaces it.
    source, note : str
        Where the range comes from, and what it means.
    """

    id: str
    tissues: tuple[str, ...]
    property: Literal["conductivity", "perfusion", "electrical_conductivity"]
    distribution: Literal["uniform", "log_uniform"]
    low: float = Field(gt=0)
    high: float = Field(gt=0)
    unit: str
    source: str
    note: str

    @model_validator(mode="after")
    def _in_order(self) -> UncertainProperty:
        if self.low >= self.high:
            message = f"{self.id}: low must lie below high"
            raise ValueError(message)
        return self


class UncertainPlacement(Document):
    """A row of the table about needles.

    Attributes
    ----------
    id : str
        ``tip_shift_mm`` or ``tilt_deg``.
    distribution : str
        ``normal``, around what was planned.
    standard_deviation : float
        Along, or about, each axis.
    unit, source, note : str
        As :class:`UncertainProperty`.
    """

    id: Literal["tip_shift_mm", "tilt_deg"]
    distribution: Literal["normal"]
    standard_deviation: float = Field(gt=0)
    unit: str
    source: str
    note: str


class UncertaintyTable(Document):
    """The whole table."""

    properties: tuple[UncertainProperty, ...]
    placement: tuple[UncertainPlacement, ...]

    def deviation(self, row_id: str) -> float:
        """Return the standard deviation of a row of ``placement``.

        Parameters
        ----------
        row_id : str
            ``tip_shift_mm`` or ``tilt_deg``.

        Returns
        -------
        float
            In the row's unit.
        """
        return next(row.standard_deviation for row in self.placement if row.id == row_id)


@cache
def uncertainty_table() -> UncertaintyTable:
    """Return the table.

    Returns
    -------
    UncertaintyTable
        Validated.
    """
    return UncertaintyTable.model_validate(load_table("ablation_uncertainty"))


class Variation(Document):
    """How the tissues differ from the table; what is left out is as there.

    Attributes
    ----------
    bone_conductivity : float
        Factor on the thermal conductivity of bone, thawed and frozen.
    lesion_perfusion_per_s : float or None
        Of the lesion; None as in the table.
    other_perfusion : float
        Factor on the perfusion of all other tissues.
    lesion_conductivity_s_m : float or None
        Electrical, of a lytic lesion; None as in the table.
    """

    bone_conductivity: float = Field(default=1.0, gt=0)
    lesion_perfusion_per_s: float | None = Field(default=None, ge=0)
    other_perfusion: float = Field(default=1.0, ge=0)
    lesion_conductivity_s_m: float | None = Field(default=None, gt=0)

    def applied(self, material: Material) -> Material:
        """Return a material as it is in this variation.

        Parameters
        ----------
        material : Material
            Of the tissue table.

        Returns
        -------
        Material
            The same where no row of the table speaks of it.
        """
        for row in uncertainty_table().properties:
            value: float | None = getattr(self, row.id)
            if value is None or material.name not in row.tissues:
                continue
            material = _changed(material, row, value)
        return material


def _changed(material: Material, row: UncertainProperty, value: float) -> Material:
    def new(own: float) -> float:
        return own * value if row.unit == "factor" else value

    if row.property == "perfusion":
        return replace(material, perfusion_per_s=new(material.perfusion_per_s))
    if row.property == "electrical_conductivity":
        return replace(
            material, electrical_conductivity_s_m=new(material.electrical_conductivity_s_m)
        )
    return replace(
        material,
        conductivity_w_m_k=new(material.conductivity_w_m_k),
        frozen_conductivity_w_m_k=new(material.frozen_conductivity_w_m_k),
    )
