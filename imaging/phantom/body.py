"""The whole body: every layer, in the order it is painted."""

from __future__ import annotations

from functools import cache

from imaging.phantom import femur, model, pelvis, scanner, soft_tissue, spine, thorax, viscera
from imaging.phantom.model import Layer


@cache
def layers(
    vertebral_hu: float | None = None, collapsed: tuple[str, float] | None = None
) -> tuple[Layer, ...]:
    """Return the layers of a lower trunk on its couch; later ones lie over earlier ones.

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
    whole = (
        *scanner.couch(),
        *soft_tissue.skin_and_fat(),
        *soft_tissue.wall(),
        *thorax.intercostal(),
        *thorax.lungs(),
        *viscera.small_bowel(),
        *viscera.colon(),
        *viscera.organs(),
        *viscera.kidneys(),
        *soft_tissue.back_muscles(),
        *soft_tissue.pelvic_muscles(),
        *viscera.pelvic_organs(),
        *viscera.vessels(),
        *spine.foramina(),
        *spine.discs(),
        *pelvis.joints(),
        *thorax.ribs(),
        *pelvis.bones(),
        *femur.bones(),
        *spine.bones(collapsed),
        *pelvis.nerves(),
        *spine.nerves(),
    )
    if vertebral_hu is None:
        return whole
    return tuple(model.of_density(one, vertebral_hu) for one in whole)
