"""Scapulae, clavicles and humeri with the joints between them, arms beside the body.

Control points of the left side; x and y in LPS millimetres, z from the centre of T8. The scapula is
about 145 mm high and 100 mm wide, its blade 3 to 4 mm thin, the glenoid 36 × 26 mm; the head of the
humerus has a radius of 23 mm and the shaft a width of 23 mm with a cortex of 4 mm; heads lie
350 mm apart, acromia 390 mm [BG: textbook anatomy of an adult man, no measured series looked up].
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from imaging.geometry import FloatArray, unit
from imaging.phantom import model
from imaging.phantom.model import Layer, Tissue
from imaging.phantom.sampling import chain, line, sheet, together
from imaging.phantom.solids import Balls, Oval, Shape
from imaging.phantom.upper.column import from_t8

GLENOID = (152.0, 8.0, 107.0)
GLENOID_OPENS_LPS = (0.89, -0.44, 0.08)
HEAD_RADIUS_MM = 23.0
JOINT_MM = 3.0  # cartilage of both bones
NECK = (141.0, 13.5, 105.0)  # middle of the scapula's neck
SURGICAL_NECK_Z_MM = 84.0
SHAFT_Z_MM = 42.0  # of the middle of the proximal shaft

# Blade from the upper border down, each row from the medial to the lateral border: half thickness.
BLADE = (
    ((70, 46, 142, 2.2), (92, 38, 136, 1.7), (116, 27, 130, 1.9), (136, 17, 125, 4.0)),
    ((65, 53, 112, 2.4), (90, 45, 111, 1.8), (116, 31, 110, 2.4), (138, 16, 108, 6.0)),
    ((65, 58, 76, 2.3), (86, 52, 75, 1.6), (111, 40, 76, 2.0), (134, 25, 84, 5.0)),
    ((70, 62, 38, 2.3), (84, 58, 36, 1.7), (101, 51, 38, 2.0), (116, 42, 46, 4.6)),
    ((82, 64, 6, 2.8), (86, 63, 3, 2.6), (91, 61, 4, 2.6), (96, 58, 10, 3.4)),
)  # fmt: skip
# The spine of the scapula from its root to the acromion: foot on the blade, edge under the skin.
SPINE_FOOT = ((70, 54, 112, 2.4), (92, 46, 113, 2.4), (114, 34, 115, 2.6), (134, 24, 119, 3.0))
SPINE_EDGE = ((70, 60, 114, 2.6), (95, 66, 121, 3.2), (121, 63, 131, 3.8), (146, 53, 140, 4.6))
ACROMION = (
    ((146, 53, 140, 4.4), (166, 45, 146, 4.2), (184, 30, 147, 4.0), (188, 14, 146, 4.0),
     (183, 0, 145, 3.6)),
    ((148, 47, 140, 4.2), (170, 50, 142, 4.4), (194, 36, 142, 4.2), (201, 14, 140, 4.2),
     (195, -8, 141, 3.6)),
)  # fmt: skip
CORACOID = ((137, 14, 122, 9), (139, 0, 130, 8), (144, -16, 130, 6.6), (152, -30, 122, 5.4))
CLAVICLE = ((24, -87, 133, 9.5), (38, -88, 138, 8), (62, -82, 145, 6.2), (92, -62, 150, 5.6),
            (122, -34, 152, 5.6), (150, -8, 151, 6), (172, 6, 149, 6.6))  # fmt: skip

HUMERAL_NECK = (
    (180, -6, 104, 19), (184, -2, 96, 19.5), (187, 2, 84, 15.5), (189, 6, 66, 13.0),
)  # fmt: skip
GREATER_TUBEROSITY = ((194, 4, 116, 9.5), (194, 5, 104, 13))
LESSER_TUBEROSITY = ((181, -23, 102, 7.5), (186, -14, 92, 9))
SHAFT = ((187, 2, 84, 15.5), (189, 6, 66, 13.0), (192, 11, 40, 12.0), (196, 19, -10, 11.6),
         (199, 26, -70, 11.2), (201, 31, -160, 11.0))  # fmt: skip
SHAFT_MARROW = ((187, 2, 84, 13.6), (189, 6, 66, 9.9), (192, 11, 40, 7.8), (196, 19, -10, 7.0),
                (199, 26, -70, 6.6), (201, 31, -160, 6.4))  # fmt: skip
FATTY_SHAFT = ((189, 6, 62, 7.0), (192, 11, 40, 7.4), (196, 19, -10, 6.8), (201, 31, -160, 6.2))
THINNEST_CORTEX_MM = 1.2
SCAPULA = Tissue(140.0, 50.0, (1.6, 1.6, 2.0), shell_hu=980.0, shell_mm=1.3)


def _sided(part: Balls, side: float) -> Balls:
    return part if side > 0 else part.mirrored()


def _mirror(point: ArrayLike, side: float) -> FloatArray:
    return np.asarray(point, dtype=float) * [side, 1.0, 1.0]


def opens(side: float) -> FloatArray:
    """Return the direction in which a glenoid looks.

    Parameters
    ----------
    side : float
        −1 right, 1 left.

    Returns
    -------
    numpy.ndarray
        Unit vector: to the side, a little forward and up.
    """
    return unit(_mirror(GLENOID_OPENS_LPS, side))


def head_centre(side: float) -> FloatArray:
    """Return the centre of a humeral head.

    Parameters
    ----------
    side : float
        −1 right, 1 left.

    Returns
    -------
    numpy.ndarray
        Shape (3,), LPS millimetres.
    """
    return _mirror(from_t8(GLENOID), side) + opens(side) * (HEAD_RADIUS_MM + JOINT_MM)


@cache
def _scapula_balls() -> Balls:
    feet = np.array([SPINE_FOOT, SPINE_EDGE], dtype=float)
    out = unit(np.array(GLENOID_OPENS_LPS))
    place = np.array(GLENOID)
    neck = chain(
        [
            (*(place - out * 24 + [0, 0, -1]), 7.5),
            (*(place - out * 14 + [0, 0, -1]), 8.5),
            (*(place - out * 7), 10.5),
        ]
    )
    parts = [
        sheet(BLADE, gap_mm=1.1),
        sheet(feet, gap_mm=1.2),
        sheet(ACROMION, gap_mm=1.4),
        chain(CORACOID),
        neck,
    ]
    balls = together(*parts)
    return replace(balls, centres_lps_mm=from_t8(balls.centres_lps_mm))


def _glenoid(side: float) -> Oval:
    """Return the head of the scapula, on which the glenoid lies."""
    out = opens(side)
    front = unit(np.array([0.0, -1.0, 0.0]) + out * out[1])
    axes = np.stack([front, np.cross(out, front), out])
    place = _mirror(from_t8(GLENOID), side) - out * 4.5
    return Oval(place, (13.5, 18.5, 7.5), axes, power=2.1, axis_power=3.0)


def scapula_shape(side: float) -> Shape:
    """Return the solid of a scapula.

    Parameters
    ----------
    side : float
        −1 right, 1 left.

    Returns
    -------
    Shape
        Blade, spine, acromion, coracoid process, neck and glenoid.
    """
    space = Balls(head_centre(side)[None], np.array([HEAD_RADIUS_MM + JOINT_MM]))
    return Shape(
        (_sided(_scapula_balls(), side), _glenoid(side)),
        minus=(Shape((space,), step_mm=1.0),),
        blend_mm=4.0,
        soften_mm=0.7,
        rough_mm=0.1,
        step_mm=1.0,
    )


def scapula_neck(side: float) -> tuple[FloatArray, FloatArray]:
    """Return the middle of a scapula's neck and its axes.

    Parameters
    ----------
    side : float
        −1 right, 1 left.

    Returns
    -------
    tuple of numpy.ndarray
        Place, shape (3,), and axes as rows: to the glenoid, to the back of the blade, up.
    """
    out = opens(side)
    up = unit(np.array([0.0, 0.0, 1.0]) - out * out[2])
    back = np.cross(up, out)
    return _mirror(from_t8(NECK), side), np.stack([out, back if back[1] > 0 else -back, up])


def clavicle_line() -> FloatArray:
    """Return the course of the left clavicle, from the sternum to the acromion."""
    return line(from_t8(CLAVICLE)[:, :3], 101)


def clavicle_shape(side: float) -> Shape:
    """Return the solid of a clavicle.

    Parameters
    ----------
    side : float
        −1 right, 1 left.

    Returns
    -------
    Shape
        Its bone.
    """
    balls = _sided(chain(from_t8(CLAVICLE)), side)
    return Shape((balls,), soften_mm=0.6, rough_mm=0.15, step_mm=1.0)


def humerus_shape(side: float) -> Shape:
    """Return the solid of a humerus, down to where the field ends.

    Parameters
    ----------
    side : float
        −1 right, 1 left.

    Returns
    -------
    Shape
        Head, tuberosities and shaft.
    """
    head = Balls(head_centre(side)[None], np.array([HEAD_RADIUS_MM]))
    rows = (HUMERAL_NECK, GREATER_TUBEROSITY, LESSER_TUBEROSITY, SHAFT)
    rest = _sided(together(*(chain(from_t8(one)) for one in rows)), side)
    return Shape((head, rest), blend_mm=4.0, soften_mm=0.8, rough_mm=0.12, step_mm=1.25)


def humerus_marrow(side: float) -> Shape:
    """Return what the cortex of a humerus encloses.

    Parameters
    ----------
    side : float
        −1 right, 1 left.

    Returns
    -------
    Shape
        Cancellous bone and marrow.
    """
    within = replace(humerus_shape(side), grow_mm=-THINNEST_CORTEX_MM)
    upper = Balls(head_centre(side)[None], np.array([HEAD_RADIUS_MM - THINNEST_CORTEX_MM]))
    rows = (HUMERAL_NECK, GREATER_TUBEROSITY, LESSER_TUBEROSITY)
    tops = [np.array(one) for one in rows]
    tops[0] = tops[0][:3]
    inner = together(*(chain(from_t8(one)) for one in tops), chain(from_t8(SHAFT_MARROW)))
    return Shape(
        (upper, _sided(inner, side)), inside=(within,), blend_mm=3.0, soften_mm=0.8, step_mm=1.25
    )


def humerus_cortex(side: float) -> Shape:
    """Return the cortex of a humerus.

    Parameters
    ----------
    side : float
        −1 right, 1 left.

    Returns
    -------
    Shape
        The bone without what it encloses.
    """
    return replace(humerus_shape(side), minus=(humerus_marrow(side),))


def humerus_axis(side: float) -> FloatArray:
    """Return the axis of a humerus in the middle of its proximal shaft.

    Parameters
    ----------
    side : float
        −1 right, 1 left.

    Returns
    -------
    numpy.ndarray
        Shape (3,), LPS millimetres.
    """
    course = np.array(SHAFT, dtype=float)[::-1]
    x, y = (np.interp(SHAFT_Z_MM, course[:, 2], course[:, n]) for n in (0, 1))
    return _mirror(from_t8([x, y, SHAFT_Z_MM]), side)


def joints() -> list[Layer]:
    """Return cartilage and capsules, to be painted before the bones."""
    layers = []
    for side in (1.0, -1.0):
        capsule = Balls(head_centre(side)[None], np.array([HEAD_RADIUS_MM + JOINT_MM + 1.5]))
        ends = chain(from_t8([(19, -86, 129, 9), (24, -87, 133, 10.5)]))
        outer = chain(from_t8([(172, 6, 149, 6.5), (184, 10, 147, 5)]))
        layers += [
            Layer("", Shape((capsule,)), model.CARTILAGE),
            Layer("", Shape((_sided(together(ends, outer), side),)), model.CARTILAGE),
        ]
    return layers


def bones() -> list[Layer]:
    """Return scapulae, clavicles and humeri."""
    layers = []
    for side, name in ((1.0, "left"), (-1.0, "right")):
        label = f"humerus_{name}"
        marrow = humerus_marrow(side)
        fatty = _sided(chain(from_t8(FATTY_SHAFT)), side)
        head = Balls(head_centre(side)[None], np.array([HEAD_RADIUS_MM - THINNEST_CORTEX_MM]))
        layers += [
            Layer(f"clavicula_{name}", clavicle_shape(side), model.RIB, 0.7, 40.0),
            Layer(f"scapula_{name}", scapula_shape(side), SCAPULA, 0.6, 30.0),
            Layer(label, humerus_shape(side), model.FEMORAL_CORTEX, 0.6, 30.0),
            Layer(label, marrow, model.FEMUR),
            Layer(label, Shape((head,), inside=(marrow,), step_mm=1.25), model.FEMORAL_HEAD),
            Layer(label, Shape((fatty,), inside=(marrow,), step_mm=1.25), model.FATTY_MARROW),
        ]
    return layers
