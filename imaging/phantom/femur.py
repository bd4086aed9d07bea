"""Proximal femora: one cortex of changing thickness, dense head, trabeculae, fatty shaft.

Control points are given from the centre of the upper endplate of S1, as in
:mod:`imaging.phantom.pelvis`. The cortex is thin at head and trochanters (1 to 2 mm), thicker along
the calcar (3 mm) and thick in the shaft (6 mm of a bone 28 mm wide) [BG: textbook anatomy, no
measured series looked up].
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from imaging.geometry import FloatArray
from imaging.phantom import model
from imaging.phantom.model import Layer
from imaging.phantom.pelvis import from_s1, head_centre
from imaging.phantom.sampling import chain, together
from imaging.phantom.solids import Balls, Shape

HEAD_RADIUS_MM = 24.0
THINNEST_CORTEX_MM = 1.1
HEAD_CORTEX_MM = 1.3
LESSER_TROCHANTER_LPS_MM = (118.0, -9.0, -160.0)  # from S1, on the axis of the bone at its level

# x, y, z from S1 and radius
NECK = ((93, -24, -116, 19), (108, -18, -130, 14.5), (119, -13, -143, 16.5))
GREATER = ((137, -3, -114, 8), (138, -2, -126, 12), (132, -7, -146, 15))
LESSER = ((116, -6, -160, 9), (109, 2, -168, 7))
SHAFT = ((122, -11, -142, 18), (125, -12, -165, 16.5), (123, -15, -190, 14.5), (121, -17, -230, 14))
# the same within the cortex
NECK_MARROW = ((93, -24, -115.5, 17.4), (108.4, -18, -128.8, 12.4), (119.6, -13, -142, 14.4))
GREATER_MARROW = ((137, -3, -114, 6.6), (138, -2, -126, 10.6), (132, -7, -146, 13.4))
LESSER_MARROW = ((116, -6, -160, 7.0), (109.4, 1.6, -167.6, 5.2))
SHAFT_MARROW = (
    (122.6, -11, -142, 16.0), (125.6, -12, -162, 13.6), (124.2, -13.5, -178, 9.6),
    (123, -15, -192, 8.4), (121, -17, -230, 7.5),
)  # fmt: skip
# the trabeculae that carry the weight from the head to the calcar
COMPRESSIVE = ((84, -25, -96, 8), (92, -24, -113, 8), (101, -21, -128, 5), (109, -16, -141, 3))
FATTY_SHAFT = ((124, -14, -184, 6.5), (123, -15, -194, 8.0), (121, -17, -230, 7.2))


@cache
def _left_parts() -> tuple[Balls, Balls]:
    head = Balls(head_centre()[None], np.array([HEAD_RADIUS_MM]))
    rest = together(*(chain(from_s1(rows)) for rows in (NECK, GREATER, SHAFT, LESSER)))
    return head, rest


def _sided(part: Balls, side: float) -> Balls:
    return part if side > 0 else part.mirrored()


def femur_shape(side: float) -> Shape:
    """Return the solid of a proximal femur.

    Parameters
    ----------
    side : float
        −1 right, 1 left.

    Returns
    -------
    Shape
        Head, neck, trochanters and the upper shaft.
    """
    head, rest = (_sided(part, side) for part in _left_parts())
    return Shape((head, rest), blend_mm=3.0, soften_mm=0.8, rough_mm=0.12, step_mm=1.25)


def marrow_shape(side: float) -> Shape:
    """Return what the cortex of a proximal femur encloses.

    Parameters
    ----------
    side : float
        −1 right, 1 left.

    Returns
    -------
    Shape
        Cancellous bone and marrow.
    """
    rows = (NECK_MARROW, GREATER_MARROW, SHAFT_MARROW, LESSER_MARROW)
    inner = together(*(chain(from_s1(one)) for one in rows), _head(HEAD_CORTEX_MM))
    within = replace(femur_shape(side), grow_mm=-THINNEST_CORTEX_MM)
    return Shape((_sided(inner, side),), inside=(within,), soften_mm=0.8, step_mm=1.25)


def _head(cortex_mm: float) -> Balls:
    return Balls(head_centre()[None], np.array([HEAD_RADIUS_MM - cortex_mm]))


def cortex_shape(side: float) -> Shape:
    """Return the cortex of a proximal femur.

    Parameters
    ----------
    side : float
        −1 right, 1 left.

    Returns
    -------
    Shape
        The bone without what it encloses.
    """
    return replace(femur_shape(side), minus=(marrow_shape(side),))


def lesser_trochanter() -> FloatArray:
    """Return the axis of the left femur at the height of its lesser trochanter."""
    return from_s1(LESSER_TROCHANTER_LPS_MM)


def bones() -> list[Layer]:
    """Return both femora: cortex, cancellous bone, the denser head, trabeculae, fatty marrow."""
    layers = []
    for side, name in ((1.0, "left"), (-1.0, "right")):
        label = f"femur_{name}"
        marrow = marrow_shape(side)

        def inside(part: Balls, side: float = side, marrow: Shape = marrow) -> Shape:
            return Shape((_sided(part, side),), inside=(marrow,), step_mm=1.25)

        layers += [
            Layer(label, femur_shape(side), model.FEMORAL_CORTEX),
            Layer(label, marrow, model.FEMUR),
            Layer(label, inside(_head(HEAD_CORTEX_MM)), model.FEMORAL_HEAD),
            Layer(label, inside(chain(from_s1(COMPRESSIVE))), model.TRABECULAE),
            Layer(label, inside(chain(from_s1(FATTY_SHAFT))), model.FATTY_MARROW),
        ]
    return layers
