"""Fluid or gas put between a lesion and what lies next door, as far as it changes the heat.

The anatomy of the CT stays where it is. What is soft and lies in the layer becomes fluid or gas; of
the structure that is pushed away, the part that lies in the layer is gone from there.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from pydantic import Field

from imaging.document import Document, Vector
from imaging.errors import Problem
from imaging.geometry import BoolArray, Grid, unit
from planning.ablation.solver.materials import IndexArray
from planning.ablation.tissues import VALUE
from planning.access.protection import Protection

Fluid = Literal["dextrose_5", "saline", "carbon_dioxide"]
FLUIDS: tuple[Fluid, ...] = get_args(Fluid)
DEFAULT_THICKNESS_MM = 10.0  # bowel is kept 10 mm from ice [BG]
DEFAULT_RADIUS_MM = 20.0  # of the layer across [BG]
# Soft tissue that fluid spreads into; bone, cord, canal, discs and skin stay.
GIVES_WAY = ("muscle", "fat")
# Tissues of structures that are pushed away; the others keep their place.
MOVABLE = ("large_bowel", "liver", "vessel", "gas", "nerve")


class Dissection(Document):
    """A layer of fluid or gas.

    Attributes
    ----------
    fluid : str
        ``dextrose_5``, ``saline`` or ``carbon_dioxide``.
    structure : str
        That is pushed away; may be empty.
    centre_lps_mm : Vector
        Middle of the layer.
    towards_lps : Vector or None
        From the lesion to the structure; None is a ball.
    radius_mm : float
        Of the layer across, or of the ball.
    thickness_mm : float
        Of the layer; a ball has none.
    """

    fluid: Fluid
    structure: str = ""
    centre_lps_mm: Vector
    towards_lps: Vector | None = None
    radius_mm: float = Field(default=DEFAULT_RADIUS_MM, gt=0.0, le=80.0)
    thickness_mm: float = Field(default=DEFAULT_THICKNESS_MM, gt=0.0, le=60.0)

    def region(self, grid: Grid) -> BoolArray:
        """Return the cells that lie in the layer.

        Parameters
        ----------
        grid : Grid
            Of the simulation.

        Returns
        -------
        numpy.ndarray
            Shape ``grid.size_kji``, bool.
        """
        cells = np.moveaxis(np.indices(grid.size_kji), 0, -1)
        offset = grid.to_lps(cells) - np.array(self.centre_lps_mm)
        if self.towards_lps is None:
            ball: BoolArray = np.linalg.norm(offset, axis=-1) <= self.radius_mm
            return ball
        axis = unit(self.towards_lps)
        along = offset @ axis
        across = np.linalg.norm(offset - along[..., None] * axis, axis=-1)
        layer: BoolArray = (abs(along) <= 0.5 * self.thickness_mm) & (across <= self.radius_mm)
        return layer


def dissection_of(
    protection: Protection,
    fluid: Fluid = "dextrose_5",
    thickness_mm: float = DEFAULT_THICKNESS_MM,
) -> Dissection:
    """Return the layer that a needle for dissection makes.

    Parameters
    ----------
    protection : Protection
        As proposed beside the way in.
    fluid : str
        What is injected.
    thickness_mm : float
        Of the layer.

    Returns
    -------
    Dissection
        About the middle between lesion and structure; a layer across the line between them.
    """
    tip = np.array(protection.tip_lps_mm)
    from_lesion = np.array(protection.from_lps_mm) if protection.from_lps_mm else tip
    towards = tip - from_lesion
    far = float(np.linalg.norm(towards))
    if far < 1e-6:
        return Dissection(
            fluid=fluid, structure=protection.structure, centre_lps_mm=protection.tip_lps_mm
        )
    # The layer begins at the lesion's border and pushes the structure as far as it is thick.
    middle = from_lesion + towards / far * 0.5 * thickness_mm
    return Dissection(
        fluid=fluid,
        structure=protection.structure,
        centre_lps_mm=(float(middle[0]), float(middle[1]), float(middle[2])),
        towards_lps=(float(towards[0]), float(towards[1]), float(towards[2])),
        thickness_mm=thickness_mm,
    )


def dissection_problems(dissections: tuple[Dissection, ...]) -> list[Problem]:
    """Return a problem for every layer that has no direction.

    Parameters
    ----------
    dissections : tuple of Dissection
        To be checked.

    Returns
    -------
    list of Problem
        Empty when all can be simulated.
    """
    message = "the direction of a dissection needs a length above zero; correct it"
    return [
        Problem(code="zero_axis", message=message, where=f"dissections.{n}")
        for n, one in enumerate(dissections)
        if one.towards_lps is not None and not np.linalg.norm(one.towards_lps) > 0
    ]


def dissected(
    classes: IndexArray,
    grid: Grid,
    pushed: dict[str, BoolArray],
    lesion: BoolArray,
    dissections: tuple[Dissection, ...],
) -> tuple[IndexArray, BoolArray]:
    """Return the tissue map with fluid or gas in its layers.

    Parameters
    ----------
    classes : numpy.ndarray
        Shape ``grid.size_kji``, uint8: the map without dissection.
    grid : Grid
        Of the map.
    pushed : dict of str to numpy.ndarray
        Masks of the structures that are pushed away, by their names.
    lesion : numpy.ndarray
        Bool; never replaced.
    dissections : tuple of Dissection
        Later ones win.

    Returns
    -------
    tuple
        The changed map, and where fluid or gas lies (bool).
    """
    result = classes.copy()
    everywhere = np.zeros(grid.size_kji, dtype=bool)
    soft = np.isin(classes, [VALUE[name] for name in GIVES_WAY])
    movable = np.isin(classes, [VALUE[name] for name in MOVABLE])
    for one in dissections:
        open_ = soft | (pushed[one.structure] & movable) if one.structure in pushed else soft
        here = one.region(grid) & open_ & ~lesion
        result[here] = VALUE[one.fluid]
        everywhere |= here
    return result, everywhere
