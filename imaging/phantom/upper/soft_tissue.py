"""Skin, fat and muscles of the upper trunk, the shoulders and the arms beside the body.

x and y in LPS millimetres, z from the centre of T8; of paired ones the left.
"""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from imaging.phantom import model
from imaging.phantom.model import Layer
from imaging.phantom.sampling import chain, sheet, together
from imaging.phantom.solids import Balls, Loft, Oval, Shape
from imaging.phantom.upper.chest import chest_loft
from imaging.phantom.upper.column import from_t8, t8_z_mm

Course: TypeAlias = tuple[tuple[float, float, float, float], ...]  # x, y, z and radius

FAT_PLANE_MM = 1.1

# z, half width, front skin, back skin of the trunk without the arms
TRUNK = (
    (-200, 156, -136, 96), (-130, 159, -139, 98), (-60, 161, -140, 101), (0, 160, -139, 103),
    (40, 158, -137, 104), (75, 156, -133, 104), (100, 146, -127, 102), (122, 124, -118, 97),
    (142, 96, -106, 90), (160, 74, -94, 81), (178, 64, -84, 72), (200, 60, -79, 65),
    (260, 60, -78, 60),
)  # fmt: skip
ARM = ((186, 1, 110, 48), (192, 3, 84, 49.5), (197, 9, 50, 46), (199, 18, 0, 45),
       (200, 24, -60, 44.5),
       (201, 29, -200, 44))  # fmt: skip
SHOULDER = (
    ((48, 50, 128, 40), (92, 44, 118, 42), (134, 34, 108, 44), (176, 20, 106, 46)),
    ((42, 24, 164, 30), (84, 20, 138, 40), (132, 12, 120, 46), (176, 12, 116, 47)),
    ((46, -14, 158, 34), (88, -16, 130, 46), (136, -14, 112, 48), (178, -4, 112, 48)),
    ((60, -40, 118, 54), (98, -40, 102, 56), (138, -28, 90, 48), (178, -8, 88, 46)),
    ((60, -66, 78, 56), (98, -62, 76, 52), (134, -44, 80, 44), (176, -10, 80, 46)),
)  # fmt: skip


@cache
def body_shape() -> Shape:
    """Return everything inside the skin; the back is flattened by the couch."""
    z, width, front, back = np.array(TRUNK, dtype=float).T
    half = (back - front) / 2
    rows = np.stack([z + t8_z_mm(), 0 * z, (front + back) / 2, width, half, half], axis=1)
    couch = Oval(from_t8([0.0, -100.0, 0.0]), (330.0, 207.0, 600.0), power=7, axis_power=8)
    left = together(chain(from_t8(ARM), gap_mm=8.0), sheet(from_t8(SHOULDER), gap_mm=9.0))
    return Shape(
        (Loft(rows, power=2.5), together(left, left.mirrored())),
        inside=(Shape((couch,), step_mm=2.5),),
        blend_mm=8.0,  # balls know distances up to 5 mm only
        soften_mm=5.0,
        step_mm=2.5,
    )


def skin_and_fat() -> list[Layer]:
    """Return the body with its skin."""
    return [Layer("body", body_shape(), model.SUBCUTANEOUS)]


def _muscle(name: str, part: Balls | Loft, halo_mm: float = FAT_PLANE_MM) -> list[Layer]:
    """Return a left muscle and its fellow on the right."""
    return [
        Layer(f"{name}_{side}", Shape((one,), step_mm=1.5, rough_mm=0.5, grain_mm=14.0),
              model.MUSCLE, halo_mm)
        for side, one in (("left", part), ("right", part.mirrored()))
    ]  # fmt: skip


def _sheet(name: str, net: ArrayLike) -> list[Layer]:
    return _muscle(name, sheet(from_t8(net), gap_mm=1.6))


def _rod(name: str, course: ArrayLike) -> list[Layer]:
    return _muscle(name, chain(from_t8(course), gap_mm=1.5))


# columns of the erector spinae: z, centre x, centre y, half width, half depth front and back
ERECTOR = (
    ((-140, 52, 62, 16, 9, 9), (-60, 50, 72, 16, 9, 9), (0, 48, 74, 14, 8, 8),
     (60, 44, 70, 10, 7, 6), (100, 38, 60, 8, 6, 5), (140, 30, 44, 6, 5, 5)),
    ((-140, 28, 64, 14, 12, 11), (-60, 27, 72, 13, 11, 10), (0, 26, 76, 12, 10, 9),
     (60, 24, 72, 11, 9, 8), (100, 22, 64, 10, 9, 8), (140, 20, 50, 10, 9, 8),
     (190, 16, 30, 10, 9, 9)),
    ((-140, 10, 62, 7, 12, 10), (-60, 10, 70, 7, 12, 9), (0, 9, 75, 6.5, 11, 8),
     (60, 9, 72, 6.5, 11, 8), (100, 9, 64, 7, 11, 8), (140, 9, 48, 8, 12, 10),
     (190, 9, 34, 8, 12, 12)),
)  # fmt: skip
TRAPEZIUS = (
    ((5, 89, -70, 1.6), (10, 90, -70, 1.6), (16, 89, -66, 1.6), (22, 88, -60, 1.4),
     (26, 87, -52, 1.2)),
    ((5, 92, -10, 2.0), (22, 93, -6, 2.2), (38, 90, 0, 2.2), (54, 86, 10, 2.0), (64, 82, 24, 1.6)),
    ((5, 91, 50, 2.4), (30, 91, 58, 2.8), (54, 86, 70, 2.8), (76, 78, 86, 2.6), (92, 74, 104, 2.0)),
    ((5, 85, 100, 3.0), (34, 84, 108, 4.0), (66, 78, 118, 4.2), (104, 70, 128, 3.8),
     (136, 62, 138, 2.6)),
    ((5, 74, 140, 3.4), (32, 70, 148, 5.0), (64, 56, 152, 5.6), (108, 40, 156, 5.2),
     (158, 42, 155, 3.0)),
    ((5, 58, 176, 3.4), (24, 54, 178, 5.2), (46, 34, 172, 6.0), (84, 8, 164, 5.4),
     (140, 4, 159, 3.2)),
    ((5, 52, 220, 3.4), (20, 48, 220, 4.8), (34, 32, 214, 4.8), (48, 14, 200, 4.4),
     (66, -2, 180, 3.6)),
)  # fmt: skip
RHOMBOID = (
    ((7, 76, 128, 2.6), (26, 72, 126, 3.4), (46, 64, 120, 3.4), (62, 56, 112, 2.4)),
    ((7, 82, 92, 2.6), (28, 79, 88, 3.4), (48, 72, 80, 3.4), (62, 64, 72, 2.4)),
    ((7, 86, 58, 2.4), (28, 84, 54, 3.0), (50, 77, 44, 3.0), (66, 68, 34, 2.2)),
)  # fmt: skip
SUBSCAPULARIS = (
    ((72, 39, 134, 3), (94, 29, 130, 5.0), (116, 15, 124, 6.5), (138, -2, 119, 7.0),
     (158, -22, 114, 4.6),
     (172, -33, 108, 3.0)),
    ((72, 44, 108, 3.4), (92, 34, 106, 7), (116, 17, 104, 8.5), (138, 1, 102, 8.5),
     (158, -19, 102, 5.6),
     (174, -31, 101, 3.4)),
    ((74, 48, 76, 3.4), (90, 40, 75, 6.5), (112, 25, 77, 8.0), (132, 9, 84, 8.5),
     (154, -10, 90, 6.2),
     (174, -24, 92, 3.6)),
    ((78, 52, 40, 3.0), (88, 47, 38, 5.0), (102, 39, 42, 6.5), (116, 29, 52, 7.0),
     (142, 8, 70, 6.0),
     (172, -17, 84, 3.6)),
    ((86, 57, 14, 1.8), (90, 55, 12, 2.4), (98, 50, 18, 3.0), (108, 43, 30, 4.0),
     (128, 24, 50, 4.0),
     (150, 4, 68, 3.0)),
)  # fmt: skip
INFRASPINATUS = (
    ((70, 61, 104, 2.6), (94, 58, 104, 7.5), (118, 49, 106, 10.0), (142, 39, 110, 9),
     (168, 29, 114, 6.5), (188, 17, 114, 3.2)),
    ((70, 64, 76, 2.8), (88, 62, 75, 8), (112, 54, 80, 11), (138, 43, 90, 10),
     (168, 30, 104, 6.5), (191, 18, 106, 3.2)),
    ((75, 67, 42, 2.6), (88, 68, 40, 6.5), (102, 62, 46, 8.5), (122, 53, 60, 9),
     (160, 35, 88, 7.0), (192, 19, 98, 3.0)),
)  # fmt: skip
TERES_MINOR = ((106, 52, 44, 6), (128, 42, 66, 8), (158, 30, 86, 7), (192, 17, 92, 4))
TERES_MAJOR = (
    (90, 66, 12, 7),
    (106, 58, 26, 10),
    (134, 36, 46, 10),
    (164, 10, 58, 7),
    (182, 0, 56, 4),
)
SUPRASPINATUS = (
    ((74, 56, 126, 3), (92, 54, 126, 6), (114, 43, 130, 7.0), (138, 34, 134, 6.0),
     (164, 18, 136, 4.0), (186, 4, 130, 2.4)),
    ((76, 48, 136, 3), (94, 44, 134, 6), (114, 33, 134, 7.0), (138, 20, 136, 6.0),
     (164, 6, 136, 4.0), (184, -6, 129, 2.4)),
)  # fmt: skip
DELTOID = (
    ((158, -34, 140, 4), (186, -36, 132, 7), (205, -17, 137, 7), (208, 12, 137, 7),
     (188, 48, 134, 6), (160, 60, 132, 4)),
    ((160, -42, 112, 7), (193, -43, 106, 10.5), (214, -21, 107, 11), (216, 14, 107, 11),
     (193, 39, 106, 11), (160, 54, 108, 6)),
    ((172, -38, 82, 7), (195, -36, 76, 12), (214, -15, 76, 13), (215, 15, 76, 13),
     (198, 34, 76, 12), (172, 46, 80, 6)),
    ((184, -24, 46, 5), (199, -20, 42, 10), (212, -5, 40, 12), (214, 16, 40, 12),
     (205, 31, 42, 10), (190, 38, 48, 4)),
    ((203, -2, 6, 3), (207, 0, 4, 5), (210, 8, 2, 6), (211, 16, 2, 6), (209, 24, 4, 5),
     (206, 28, 6, 3)),
)  # fmt: skip
PECTORALIS_MAJOR = (
    ((26, -94, 122, 3.5), (60, -92, 132, 6), (100, -76, 128, 7.5), (140, -58, 104, 7.5),
     (170, -40, 74, 5.5), (190, -16, 62, 2.8)),
    ((17, -110, 92, 4), (60, -108, 96, 8.0), (100, -93, 94, 10), (138, -70, 82, 9.5),
     (168, -42, 62, 6), (191, -14, 54, 3.0)),
    ((16, -118, 52, 4), (58, -118, 52, 8.0), (98, -104, 56, 10), (134, -76, 62, 10),
     (164, -40, 54, 6), (192, -11, 46, 3.0)),
    ((18, -125, 12, 3), (54, -124, 8, 5.5), (90, -110, 14, 7.0), (126, -80, 36, 8.0),
     (158, -40, 46, 6), (192, -9, 38, 2.8)),
)  # fmt: skip
PECTORALIS_MINOR = (
    ((152, -36, 118, 3), (128, -60, 100, 4.5), (98, -82, 82, 4.5), (74, -95, 74, 2.6)),
    ((152, -34, 114, 3), (130, -58, 90, 4.5), (106, -80, 62, 4.5), (88, -93, 44, 2.6)),
)  # fmt: skip
LATISSIMUS = (
    ((30, 88, -130, 2), (74, 82, -130, 2.6), (112, 58, -124, 3.2), (138, 20, -116, 3.0),
     (146, -12, -110, 2)),
    ((20, 92, -70, 2), (70, 86, -66, 3.0), (114, 63, -56, 4.2), (142, 28, -46, 4.2),
     (150, -4, -40, 2.4)),
    ((16, 94, -20, 2), (66, 84, -12, 3.0), (110, 68, 0, 5.0), (142, 40, 10, 5.5),
     (152, 12, 16, 3.5)),
    ((70, 78, 14, 2), (94, 74, 14, 3.4), (122, 58, 24, 5.5), (146, 34, 34, 5.5), (158, 14, 40, 4)),
    ((120, 44, 44, 2.4), (136, 34, 46, 3.4), (154, 18, 48, 4.4), (172, 4, 48, 4.0),
     (186, -4, 46, 2.4)),
)  # fmt: skip
ARM_MUSCLES: dict[str, Course] = {
    "coracobrachialis": ((153, -30, 118, 4.5), (164, -16, 84, 7.5), (178, -2, 40, 9),
                         (188, 8, -10, 7)),
    "brachialis": ((206, 4, 10, 6), (210, 10, -40, 14), (208, 16, -100, 18), (206, 20, -200, 18)),
    "biceps_brachii": ((176, -24, 78, 6), (184, -18, 40, 13), (190, -6, -10, 18), (192, 0, -80, 20),
                       (192, 6, -200, 19)),
    "triceps_brachii": ((150, 26, 88, 4), (176, 38, 50, 12), (190, 43, 10, 19), (200, 48, -60, 21),
                        (200, 52, -200, 21)),
}  # fmt: skip
NECK_MUSCLES: dict[str, Course] = {
    "levator_scapulae": ((28, 8, 216, 5.5), (42, 22, 178, 6.5), (60, 40, 150, 5.5),
                         (69, 45, 142, 3.5)),
    "sternocleidomastoid": ((24, -85, 140, 4), (36, -64, 170, 7.5), (46, -42, 205, 8),
                            (50, -30, 240, 8)),
    "scalenus": ((24, -6, 205, 5), (36, -14, 180, 6.5), (50, -22, 162, 6), (58, -26, 152, 4)),
    "longus_colli": ((9, -24, 230, 4), (9, -19, 190, 4), (8, -13, 160, 3.5), (7, -8, 140, 2.2)),
}  # fmt: skip
SERRATUS_MM = (5.4, 11.5)  # outside the middle of the ribs


def _serratus() -> list[Layer]:
    """Return serratus anterior: a plate between the ribs and the scapula."""
    inner = Shape((chest_loft(SERRATUS_MM[0]),))
    layers = []
    for side, name in ((1.0, "left"), (-1.0, "right")):
        reach = Oval(from_t8([side * 118.0, -6.0, 40.0]), (62.0, 68.0, 92.0))
        shape = Shape(
            (chest_loft(SERRATUS_MM[1]),), minus=(inner,), inside=(Shape((reach,)),), step_mm=2.5
        )
        layers.append(Layer(f"serratus_anterior_{name}", shape, model.MUSCLE, 0.7))
    return layers


def muscles() -> list[Layer]:
    """Return the muscles of neck, back, shoulder, chest and arm, from the depth to the skin."""
    layers = _serratus()
    for name, course in NECK_MUSCLES.items():
        layers += _rod(name, course)
    for column in ERECTOR:
        moved = np.array(column, dtype=float)
        moved[:, 0] += t8_z_mm()
        layers += _muscle("autochthon", Loft(moved, power=2.6), 0.9)
    layers += _sheet("subscapularis", SUBSCAPULARIS)
    layers += _sheet("supraspinatus", SUPRASPINATUS)
    layers += _sheet("rhomboideus", RHOMBOID)
    layers += _rod("teres_major", TERES_MAJOR)
    layers += _sheet("infraspinatus", INFRASPINATUS)
    layers += _rod("teres_minor", TERES_MINOR)
    layers += _sheet("pectoralis_minor", PECTORALIS_MINOR)
    for name, course in ARM_MUSCLES.items():
        layers += _rod(name, course)
    layers += _sheet("pectoralis_major", PECTORALIS_MAJOR)
    layers += _sheet("latissimus_dorsi", LATISSIMUS)
    layers += _sheet("deltoid", DELTOID)
    return layers + _sheet("trapezius", TRAPEZIUS)
