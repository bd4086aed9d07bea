"""The whole body: every layer, in the order it is painted."""

from __future__ import annotations

from functools import cache

from imaging.phantom import femur, pelvis, scanner, soft_tissue, spine, thorax, viscera
from imaging.phantom.model import Layer


@cache
def layers() -> tuple[Layer, ...]:
    """Return the layers of a healthy lower trunk on its couch; later ones lie over earlier ones.

    Returns
    -------
    tuple of Layer
        From the couch to the nerves.
    """
    return (
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
        *spine.bones(),
        *pelvis.nerves(),
        *spine.nerves(),
    )
