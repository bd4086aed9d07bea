"""The whole upper trunk: every layer, in the order it is painted."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from imaging.phantom import model, scanner, spine, thorax, viscera
from imaging.phantom.model import Layer
from imaging.phantom.upper import chest, column, mediastinum, shoulder, soft_tissue

GAS_BELOW_MM = 4.0  # wall of the stomach and diaphragm over its gas


def _under_diaphragm() -> list[Layer]:
    """Return the organs of the upper abdomen; the gas of the stomach stays under the diaphragm."""
    roof = replace(thorax.domes(), grow_mm=-GAS_BELOW_MM)
    return [
        replace(one, shape=replace(one.shape, inside=(roof,))) if one.name == "bowel_gas" else one
        for one in viscera.organs()
    ]


@cache
def layers(
    vertebral_hu: float | None = None, collapsed: tuple[str, float] | None = None
) -> tuple[Layer, ...]:
    """Return the layers of an upper trunk on its couch; later ones lie over earlier ones.

    Parameters
    ----------
    vertebral_hu : float, optional
        Density of the vertebrae's cancellous bone; that of a healthy adult by default.
    collapsed : tuple of str and float, optional
        A vertebra, and the percent of height its front has lost.

    Returns
    -------
    tuple of Layer
        From the couch to the nerves.
    """
    painted = (
        *scanner.couch(),
        *soft_tissue.skin_and_fat(),
        *soft_tissue.muscles(),
        *chest.intercostal(),
        *chest.lungs(),
        *mediastinum.fat(),
        *mediastinum.lung_vessels(),
        *_under_diaphragm(),
        *mediastinum.heart(),
        *mediastinum.vessels(),
        *mediastinum.airways(),
        *spine.foramina(column.UPPER),
        *spine.discs(column.UPPER),
        *shoulder.joints(),
        *chest.cartilages(),
        *chest.ribs(),
        *chest.sternum(),
        *shoulder.bones(),
        *spine.bones(collapsed, column.UPPER),
        *mediastinum.nerves(),
        *column.nerves(),
    )
    if vertebral_hu is None:
        return painted
    return tuple(model.of_density(one, vertebral_hu) for one in painted)
