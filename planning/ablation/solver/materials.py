"""What the simulated medium is made of: thermal and electrical properties, and enthalpy."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from imaging.document import Document
from imaging.geometry import FloatArray
from imaging.tables import load_table

Float32Array: TypeAlias = NDArray[np.float32]
IndexArray: TypeAlias = NDArray[np.uint8]

BODY_C = 37.0  # °C; of arterial blood
BLOOD_HEAT_J_M3_K = 1050.0 * 3617.0  # density × specific heat of blood, IT'IS V3.0
FUSION_J_KG = 334e3  # latent heat of freezing water
VAPORISATION_J_KG = 2257e3  # latent heat of boiling water at 100 °C
BOILING_FROM_C, BOILING_TO_C = 99.0, 100.0  # the range the latent heat of boiling is spread over
NO_RANGE_C = -500.0  # below absolute zero: where a medium without freezing range "freezes"
NO_BOILING_C = 1e6  # °C; far above anything: where a linear medium "boils"
SHARP_J_M3 = 1.0  # a freezing span below this is a jump; 1 J/m³ is under a millionth of a degree
SIGMA_RISE_PER_K = 0.0175  # 1.5–2 % a kelvin [BG]
SIGMA_COLLAPSE_FROM_C, SIGMA_COLLAPSE_TO_C = 100.0, 105.0  # tissue dries [BG]
SIGMA_DRY_FACTOR = 0.01  # two decades below the peak [BG]

MOST_MATERIALS = 254  # of a medium; the two numbers above stand for cells that are none
# Columns of the enthalpy table that the kernels read.
(
    H_FROZEN,
    INVERSE_SPAN,
    T_FROZEN,
    INVERSE_C_FROZEN,
    T_SPAN,
    H_THAWED,
    INVERSE_C,
    H_BOILING,
    SLOPE_BOILING,
    H_DRY,
    SLOPE_DRY,
    K_FROZEN,
    K_SPAN,
    T_THAWED,
    RESISTIVITY,
) = range(15)
COLUMNS = 15


class Properties(Document):
    """A medium's properties, as a scenario writes them; optional ones default to absent.

    Attributes
    ----------
    density_kg_m3, specific_heat_j_kg_k, conductivity_w_m_k : float
        Of the unfrozen medium.
    perfusion_per_s : float
        Volume of blood per volume of tissue and second.
    metabolic_w_m3, electrical_conductivity_s_m : float
        Heat of metabolism; conductivity at body temperature.
    frozen_specific_heat_j_kg_k, frozen_conductivity_w_m_k : float or None
        Below the freezing range; as unfrozen when absent.
    latent_heat_j_m3 : float
        Released over the freezing range, beside the sensible heat.
    freezing_from_c, freezing_to_c : float or None
        Upper and lower end of the freezing range; both or none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    density_kg_m3: float = Field(gt=0, le=30000, allow_inf_nan=False)
    specific_heat_j_kg_k: float = Field(gt=0, le=1e5, allow_inf_nan=False)
    conductivity_w_m_k: float = Field(gt=0, le=5000, allow_inf_nan=False)
    perfusion_per_s: float = Field(default=0.0, ge=0, le=10, allow_inf_nan=False)
    metabolic_w_m3: float = Field(default=0.0, ge=0, le=1e9, allow_inf_nan=False)
    electrical_conductivity_s_m: float = Field(default=0.0, ge=0, le=1e8, allow_inf_nan=False)
    frozen_specific_heat_j_kg_k: float | None = Field(
        default=None, gt=0, le=1e5, allow_inf_nan=False
    )
    frozen_conductivity_w_m_k: float | None = Field(
        default=None, gt=0, le=5000, allow_inf_nan=False
    )
    latent_heat_j_m3: float = Field(default=0.0, ge=0, le=1e10, allow_inf_nan=False)
    freezing_from_c: float | None = Field(default=None, ge=-273.15, le=2000, allow_inf_nan=False)
    freezing_to_c: float | None = Field(default=None, ge=-273.15, le=2000, allow_inf_nan=False)


class Tissue(Document):
    """A row of `resources/tissues.yaml`.

    Attributes
    ----------
    id, name : str
        Word for scenarios, and for people.
    density_kg_m3, specific_heat_j_kg_k, conductivity_w_m_k, perfusion_per_s, metabolic_w_m3, \
electrical_conductivity_s_m, frozen_conductivity_w_m_k, frozen_specific_heat_j_kg_k, \
freezing_from_c, freezing_to_c : float
        As :class:`Properties`; electrical at 460 kHz.
    permittivity_2450_mhz, conductivity_2450_mhz_s_m : float
        At 2.45 GHz.
    free_water_fraction : float
        By mass; gives the latent heats.
    source, note : str
        Where the row comes from, and how sure it is.
    verified : bool
        False when nobody looked the row up.
    """

    id: str
    name: str
    density_kg_m3: float
    specific_heat_j_kg_k: float
    conductivity_w_m_k: float
    perfusion_per_s: float
    metabolic_w_m3: float
    electrical_conductivity_s_m: float
    permittivity_2450_mhz: float
    conductivity_2450_mhz_s_m: float
    free_water_fraction: float
    frozen_conductivity_w_m_k: float
    frozen_specific_heat_j_kg_k: float
    freezing_from_c: float
    freezing_to_c: float
    source: str
    note: str
    verified: bool


@dataclass(frozen=True)
class Material:
    """One medium, ready for the solver.

    Parameters
    ----------
    name : str
        For messages.
    density_kg_m3, specific_heat_j_kg_k, conductivity_w_m_k : float
        Unfrozen.
    perfusion_per_s, metabolic_w_m3, electrical_conductivity_s_m : float
        As :class:`Properties`.
    frozen_specific_heat_j_kg_k, frozen_conductivity_w_m_k : float
        Below the freezing range.
    latent_heat_j_m3 : float
        Of freezing.
    freezing_from_c, freezing_to_c : float or None
        Freezing range; None where the medium does not freeze.
    is_tissue : bool
        Tissues of the table lose perfusion when dead, boil, and change σ with temperature.
    boiling_j_m3 : float
        Latent heat of boiling of a tissue.
    permittivity, microwave_s_m : float
        At 2.45 GHz.
    """

    name: str
    density_kg_m3: float
    specific_heat_j_kg_k: float
    conductivity_w_m_k: float
    perfusion_per_s: float = 0.0
    metabolic_w_m3: float = 0.0
    electrical_conductivity_s_m: float = 0.0
    frozen_specific_heat_j_kg_k: float = 0.0
    frozen_conductivity_w_m_k: float = 0.0
    latent_heat_j_m3: float = 0.0
    freezing_from_c: float | None = None
    freezing_to_c: float | None = None
    is_tissue: bool = False
    boiling_j_m3: float = 0.0
    permittivity: float = 1.0
    microwave_s_m: float = 0.0

    @property
    def heat_j_m3_k(self) -> float:
        """Heat capacity per volume, unfrozen."""
        return self.density_kg_m3 * self.specific_heat_j_kg_k

    @property
    def frozen_heat_j_m3_k(self) -> float:
        """Heat capacity per volume, frozen."""
        return self.density_kg_m3 * (self.frozen_specific_heat_j_kg_k or self.specific_heat_j_kg_k)

    def enthalpy_row(self) -> FloatArray:
        """Return the row of the enthalpy table: temperature and k as functions of enthalpy.

        Enthalpy is in J/m³ and zero at 37 °C (unfrozen branch). It is piecewise linear: frozen,
        freezing range (latent plus mean sensible heat), unfrozen, boiling, dry.

        Returns
        -------
        numpy.ndarray
            Shape (15,), by the column names of this module.
        """
        heat, frozen = self.heat_j_m3_k, self.frozen_heat_j_m3_k
        freezes = self.freezing_from_c is not None and self.freezing_to_c is not None
        upper = self.freezing_from_c if self.freezing_from_c is not None else NO_RANGE_C
        lower = self.freezing_to_c if self.freezing_to_c is not None else NO_RANGE_C
        row = np.zeros(COLUMNS)
        row[T_THAWED], row[T_FROZEN], row[T_SPAN] = upper, lower, upper - lower
        row[H_THAWED] = heat * (upper - BODY_C)
        span = self.latent_heat_j_m3 + 0.5 * (heat + frozen) * (upper - lower)
        row[H_FROZEN] = row[H_THAWED] - span
        row[INVERSE_SPAN] = 1.0 / max(span, SHARP_J_M3)
        row[INVERSE_C_FROZEN], row[INVERSE_C] = 1.0 / frozen, 1.0 / heat
        boiling = heat + self.boiling_j_m3 / (BOILING_TO_C - BOILING_FROM_C)
        from_c = BOILING_FROM_C if self.boiling_j_m3 > 0 else NO_BOILING_C
        row[H_BOILING] = heat * (from_c - BODY_C)
        row[H_DRY] = row[H_BOILING] + boiling * (BOILING_TO_C - BOILING_FROM_C)
        row[SLOPE_BOILING] = 1.0 / boiling - 1.0 / heat
        row[SLOPE_DRY] = 1.0 / heat - 1.0 / boiling
        row[K_FROZEN] = self.conductivity_w_m_k
        if freezes:
            row[K_FROZEN] = self.frozen_conductivity_w_m_k or self.conductivity_w_m_k
        row[K_SPAN] = self.conductivity_w_m_k - row[K_FROZEN]
        row[RESISTIVITY] = 1.0 / self.conductivity_w_m_k
        return row


def material_of_properties(name: str, properties: Properties) -> Material:
    """Return the linear material a scenario writes out.

    Parameters
    ----------
    name : str
        For messages.
    properties : Properties
        Validated.

    Returns
    -------
    Material
        Without boiling, death or σ(T).
    """
    values = properties.model_dump()
    for key in ("frozen_specific_heat_j_kg_k", "frozen_conductivity_w_m_k"):
        values[key] = values[key] or 0.0
    return Material(name=name, **values)


@cache
def tissues() -> dict[str, Tissue]:
    """Return the tissues of the table by their id.

    Returns
    -------
    dict of str to Tissue
        In the order of the table.
    """
    rows = [Tissue.model_validate(row) for row in load_table("tissues")["tissues"]]
    return {row.id: row for row in rows}


def tissue_material(tissue_id: str, *, linear: bool = False) -> Material:
    """Return a tissue of the table as a material.

    Parameters
    ----------
    tissue_id : str
        Must be in the table.
    linear : bool
        True for layers: no boiling, no end of perfusion, no σ(T).

    Returns
    -------
    Material
        With latent heats from the free water.
    """
    row = tissues()[tissue_id]
    water_kg_m3 = row.free_water_fraction * row.density_kg_m3
    return Material(
        name=row.id,
        density_kg_m3=row.density_kg_m3,
        specific_heat_j_kg_k=row.specific_heat_j_kg_k,
        conductivity_w_m_k=row.conductivity_w_m_k,
        perfusion_per_s=row.perfusion_per_s,
        metabolic_w_m3=row.metabolic_w_m3,
        electrical_conductivity_s_m=row.electrical_conductivity_s_m,
        frozen_specific_heat_j_kg_k=row.frozen_specific_heat_j_kg_k,
        frozen_conductivity_w_m_k=row.frozen_conductivity_w_m_k,
        latent_heat_j_m3=FUSION_J_KG * water_kg_m3,
        freezing_from_c=row.freezing_from_c if row.free_water_fraction > 0 else None,
        freezing_to_c=row.freezing_to_c if row.free_water_fraction > 0 else None,
        is_tissue=not linear,
        boiling_j_m3=0.0 if linear else VAPORISATION_J_KG * water_kg_m3,
        permittivity=row.permittivity_2450_mhz,
        microwave_s_m=row.conductivity_2450_mhz_s_m,
    )


def blended(name: str, first: Material, second: Material, share: float) -> Material:
    """Return a material between two others.

    Parameters
    ----------
    name : str
        Of the new one.
    first, second : Material
        Both freeze, or none.
    share : float
        Of the second, 0 to 1.

    Returns
    -------
    Material
        Every number in proportion.
    """
    values: dict[str, Any] = {}
    for one in fields(Material):
        ends = getattr(first, one.name), getattr(second, one.name)
        if all(isinstance(end, float) for end in ends):
            values[one.name] = (1.0 - share) * ends[0] + share * ends[1]
    return replace(first, name=name, **values)


@dataclass(frozen=True, eq=False)
class Medium:
    """What every cell is made of.

    Parameters
    ----------
    materials : tuple of Material
        At most ``MOST_MATERIALS``.
    index : numpy.ndarray
        Shape (k, j, i), uint8; position in ``materials``.
    """

    materials: tuple[Material, ...]
    index: IndexArray
    table: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        table = np.array([material.enthalpy_row() for material in self.materials])
        object.__setattr__(self, "table", table)

    @classmethod
    def uniform(cls, material: Material, size_kji: tuple[int, int, int]) -> Medium:
        """Return a medium of one material.

        Parameters
        ----------
        material : Material
            Everywhere.
        size_kji : tuple of int
            Cells.

        Returns
        -------
        Medium
            Index zero everywhere.
        """
        return cls((material,), np.zeros(size_kji, dtype=np.uint8))

    def values(self, name: str) -> FloatArray:
        """Return an attribute of the materials.

        Parameters
        ----------
        name : str
            Attribute of :class:`Material` that is a number.

        Returns
        -------
        numpy.ndarray
            Shape (materials,).
        """
        return np.array([float(getattr(material, name)) for material in self.materials])

    def thaws_at_c(self) -> Float32Array:
        """Return above which temperature every cell holds no ice.

        Returns
        -------
        numpy.ndarray
            Shape (k, j, i), float32; below absolute zero where nothing freezes.
        """
        upper: Float32Array = self.table[:, T_THAWED].astype(np.float32)
        return upper[self.index]

    @property
    def has_tissue(self) -> bool:
        """Whether any material has the tissues' end of perfusion, boiling and σ(T)."""
        return any(material.is_tissue for material in self.materials)


def enthalpy(row: FloatArray, temperature_c: FloatArray) -> FloatArray:
    """Return the enthalpy of a material at temperatures, the inverse of what the kernels do.

    Parameters
    ----------
    row : numpy.ndarray
        Row of the enthalpy table.
    temperature_c : numpy.ndarray
        Any shape.

    Returns
    -------
    numpy.ndarray
        J/m³, zero at 37 °C unfrozen; where the range is sharp, its own temperature counts as
        unfrozen.
    """
    t = np.asarray(temperature_c, dtype=float)
    thawed = row[H_THAWED] + (t - row[T_THAWED]) / row[INVERSE_C]
    boiling_from = row[T_THAWED] + (row[H_BOILING] - row[H_THAWED]) * row[INVERSE_C]
    slope = 1.0 / (row[INVERSE_C] + row[SLOPE_BOILING])
    boiling = row[H_BOILING] + (t - boiling_from) * slope
    boiling_to = boiling_from + (row[H_DRY] - row[H_BOILING]) / slope
    dry = row[H_DRY] + (t - boiling_to) / row[INVERSE_C]
    frozen = row[H_FROZEN] + (t - row[T_FROZEN]) / row[INVERSE_C_FROZEN]
    share = (t - row[T_FROZEN]) / row[T_SPAN] if row[T_SPAN] > 0 else np.ones_like(t)
    between = row[H_FROZEN] + share * (row[H_THAWED] - row[H_FROZEN])
    return np.select(
        [t < row[T_FROZEN], t < row[T_THAWED], t <= boiling_from, t <= boiling_to],
        [frozen, between, thawed, boiling],
        dry,
    )
