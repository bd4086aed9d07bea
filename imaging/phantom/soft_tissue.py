"""Skin, fat, the wall of the abdomen and the muscles of trunk, pelvis and hip."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from imaging.geometry import FloatArray
from imaging.phantom import model
from imaging.phantom.model import Layer
from imaging.phantom.pelvis import head_centre, wing_net
from imaging.phantom.sampling import chain, sheet
from imaging.phantom.solids import Balls, Loft, Oval, Shape
from imaging.phantom.spine import sacral_top

FAT_PLANE_MM = 1.1

# z, half width, front skin, back skin
SKIN = (
    (-330, 176, -112, 100), (-270, 182, -116, 110), (-235, 185, -120, 116), (-200, 184, -122, 118),
    (-160, 181, -126, 117), (-120, 174, -131, 112), (-80, 163, -133, 104), (-40, 153, -134, 96),
    (0, 149, -133, 92), (40, 150, -134, 93), (90, 154, -137, 95), (140, 158, -139, 97),
    (230, 160, -138, 99),
)  # fmt: skip

# z, half width, front, back of the outer surface of the wall's muscles
WALL = (
    (-222, 46, -92, -40), (-190, 74, -99, -32), (-150, 104, -106, -20), (-115, 121, -111, 5),
    (-80, 134, -114, 30), (-40, 136, -116, 42), (0, 134, -117, 44), (50, 136, -119, 46),
    (100, 140, -121, 50), (150, 145, -122, 56), (230, 147, -121, 58),
)  # fmt: skip
WALL_MM = 12.0
WALL_PLANE_MM = 0.9
WALL_PLANES_MM = (4.2, 8.2)  # fat between external oblique, internal oblique and transversus


def _loft(rows: ArrayLike, power: float, grown_mm: float = 0.0) -> Loft:
    z, width, front, back = np.array(rows, dtype=float).T
    middle = (front + back) / 2
    half = (back - front) / 2 + grown_mm
    return Loft(np.stack([z, 0 * z, middle, width + grown_mm, half, half], axis=1), power=power)


@cache
def body_shape() -> Shape:
    """Return everything inside the skin; the back is flattened by the couch."""
    couch = Shape(
        (Oval(np.array([0.0, -100.0, -50.0]), (260.0, 207.0, 600.0), power=5, axis_power=8),),
        step_mm=2.5,
    )
    return Shape((_loft(SKIN, 2.5),), inside=(couch,), soften_mm=2.5, step_mm=2.5)


def cavity_shape(grown_mm: float = 0.0) -> Shape:
    """Return the space inside the wall of the abdomen.

    Parameters
    ----------
    grown_mm : float
        Larger by this length.

    Returns
    -------
    Shape
        Of the abdomen, the front of the pelvis included.
    """
    return Shape((_loft(WALL, 2.35, grown_mm - WALL_MM),), step_mm=2.5)


def skin_and_fat() -> list[Layer]:
    """Return the body with its skin."""
    return [Layer("body", body_shape(), model.SUBCUTANEOUS)]


def wall() -> list[Layer]:
    """Return the flat muscles with the fat between them, the rectus and the fat inside."""
    layers = [Layer("abdominal_wall", _wall(0.0), model.MUSCLE, 0.5)]
    striped = replace(model.MUSCLE, shell_hu=model.FAT.hu, shell_mm=WALL_PLANE_MM)
    layers += [Layer("abdominal_wall", _wall(-depth), striped) for depth in WALL_PLANES_MM]
    front = Oval(np.array([0.0, -120.0, 0.0]), (66.0, 66.0, 500.0), power=6, axis_power=8)
    sheath = Shape((_loft(WALL, 2.35, -0.5),), inside=(Shape((front,)),), step_mm=2.5)
    layers.append(Layer("", sheath, model.FAT))
    for side, name in ((1.0, "left"), (-1.0, "right")):
        rows = [
            (z, side * (35 if z > -120 else 22), front_y + 7.2, 30.5 if z > -120 else 19, 5.4, 5.4)
            for z, _, front_y, _ in WALL[1:]
        ]
        shape = Shape((Loft(np.array(rows, dtype=float), power=2.6),), step_mm=1.5)
        layers.append(Layer(f"rectus_abdominis_{name}", shape, model.MUSCLE, 0.8))
    layers.append(Layer("", cavity_shape(), model.FAT))
    return layers


def _wall(grown_mm: float) -> Shape:
    """Return what the wall encloses, in front of the muscles of the back and of the hip bones."""
    rows = [(-230, -62), (-150, -50), (-115, -38), (-90, 0), (-60, 30), (-30, 36), (240, 36)]
    behind = Loft(
        np.array([(z, 0, y - 200, 400, 400, 200) for z, y in rows], dtype=float), power=12
    )
    return Shape((_loft(WALL, 2.35, grown_mm),), inside=(Shape((behind,)),), step_mm=2.5)


def _muscle(name: str, part: Balls | Loft, *, halo_mm: float = FAT_PLANE_MM) -> list[Layer]:
    """Return a left muscle and its fellow on the right."""
    return [
        Layer(f"{name}_{side}", Shape((one,), step_mm=1.5, rough_mm=0.5, grain_mm=14.0),
              model.MUSCLE, halo_mm)
        for side, one in (("left", part), ("right", part.mirrored()))
    ]  # fmt: skip


def back_muscles() -> list[Layer]:
    """Return erector spinae in its two columns, multifidus, quadratus lumborum and latissimus."""
    columns = {
        "iliocostalis": [
            (-125, 38, 66, 9, 6, 6), (-90, 50, 60, 14, 11, 10), (-50, 52, 54, 18, 15, 13),
            (0, 53, 50, 18, 17, 14), (50, 53, 52, 17, 14, 12), (110, 56, 58, 16, 9, 8),
            (230, 58, 60, 16, 7, 7),
        ],
        "longissimus": [
            (-165, 16, 88, 6, 3, 3), (-125, 22, 78, 12, 8, 8), (-90, 27, 70, 14, 13, 11),
            (-50, 30, 60, 14, 17, 14), (0, 31, 53, 14, 19, 17), (50, 31, 55, 14, 16, 14),
            (110, 30, 62, 14, 12, 10), (230, 30, 64, 14, 10, 9),
        ],
        "multifidus": [
            (-165, 9, 90, 5, 4, 3), (-125, 13, 80, 9, 8, 7), (-80, 14, 66, 11, 14, 11),
            (-40, 13, 55, 10, 15, 14), (0, 12, 48, 9, 14, 14), (50, 11, 50, 8, 13, 12),
            (110, 10, 58, 7, 12, 10), (230, 10, 60, 7, 10, 9),
        ],
    }  # fmt: skip
    layers = []
    for rows in columns.values():
        layers += _muscle("autochthon", Loft(np.array(rows, dtype=float), power=2.6))
    lumborum = [(-52, 76, 20, 13, 5, 5), (-20, 70, 24, 17, 7, 7), (20, 62, 28, 15, 7, 7),
                (60, 52, 34, 11, 5, 5), (98, 44, 40, 6, 3, 3)]  # fmt: skip
    layers += _muscle("quadratus_lumborum", Loft(np.array(lumborum, dtype=float), 2.3, -22.0))
    dorsi = sheet(
        [
            [[92, 62, z, 2.4], [118, 36, z + 4, 3.2], [136, 4, z + 8, 3.0], [142, -22, z + 12, 2]]
            for z in (30.0, 90.0, 150.0, 210.0)
        ],
        gap_mm=1.5,
    )
    return layers + _muscle("latissimus_dorsi", dorsi)


def psoas_line() -> FloatArray:
    """Return the course of the left psoas: shape (n, 6), as rows of a loft."""
    head_x, head_y, head_z = head_centre()
    return np.array(
        [
            (head_z - 62, 108, head_y - 2, 9, 9, 9),
            (head_z - 25, 96, head_y - 34, 15, 12, 12),
            (head_z, head_x, head_y - 44, 19, 13, 13),
            (head_z + 40, 82, -50, 20, 16, 16),
            (-120, 66, -32, 20, 18, 18),
            (-70, 51, -8, 20, 21, 21),
            (-30, 42, 0, 18, 20, 20),
            (10, 36, 4, 14, 17, 17),
            (45, 32, 8, 10, 12, 12),
            (80, 28, 13, 6, 7, 7),
            (98, 25, 16, 3, 3, 3),
        ],
        dtype=float,
    )


def pelvic_muscles() -> list[Layer]:
    """Return iliopsoas, the gluteals and the muscles around hip and thigh."""
    iliacus = wing_net(-9.0)[:, :5]
    iliacus[..., 3] = np.array([[9.0], [8.0], [6.0], [3.0]]) * np.linspace(1, 0.6, 5)
    medius = wing_net(15.0)[:, :5]
    medius[..., 3] = np.array([[13.0], [12.0], [11.0], [5.0]]) * np.array([0.7, 1, 1, 0.9, 0.5])
    minimus = wing_net(6.5)[:3, :4]
    minimus[..., 3] = 5.0
    layers = _muscle("gluteus_minimus", sheet(minimus, gap_mm=1.5))
    layers += _muscle("gluteus_medius", _medius(medius))
    layers += _muscle("gluteus_maximus", _maximus(), halo_mm=1.6)
    layers += _muscle("iliopsoas", sheet(iliacus, gap_mm=1.5))
    layers += _muscle("iliopsoas", Loft(psoas_line(), 2.2))
    layers += _muscle("obturator_internus", sheet(_from_s1(OBTURATOR_INTERNUS), gap_mm=1.5))
    for name, rows in _rods().items():
        layers += _muscle(name, chain(_from_s1(rows), gap_mm=1.5))
    return layers


# Front to back, along the side wall of the small pelvis, around to the lesser sciatic notch.
OBTURATOR_INTERNUS = (
    ((56, -52, -112, 4), (57, -30, -104, 5.5), (60, -8, -104, 6), (60, 14, -112, 5)),
    ((46, -54, -126, 4), (52, -32, -124, 6), (56, -8, -126, 7), (60, 16, -132, 6)),
    ((36, -50, -142, 4), (44, -28, -146, 5), (50, -6, -150, 6), (58, 14, -152, 5)),
)


def _medius(net: FloatArray) -> Balls:
    """Return gluteus medius from the wing down to the greater trochanter."""
    trochanter = _from_s1([(146, -12, -118, 5), (146, -6, -119, 6), (146, 0, -119, 6),
                           (144, 5, -118, 6), (141, 8, -116, 5)])  # fmt: skip
    return sheet(np.concatenate([trochanter[None], net]), gap_mm=1.5)


def _maximus() -> Balls:
    rows = [
        [(30, 72, -50, 4), (50, 74, -36, 5), (68, 68, -20, 5), (86, 52, -8, 4)],
        [(20, 68, -84, 8), (52, 70, -80, 11), (84, 60, -66, 12), (108, 42, -50, 8)],
        [(17, 60, -118, 11), (56, 58, -124, 17), (98, 46, -116, 15), (134, 20, -102, 8)],
        [(24, 54, -152, 11), (62, 52, -162, 18), (104, 38, -158, 15), (144, 10, -142, 7)],
        [(40, 46, -186, 10), (74, 44, -196, 15), (110, 26, -200, 13), (138, -2, -196, 6)],
    ]
    return sheet(_from_s1(rows), gap_mm=1.6)


def _rods() -> dict[str, list[tuple[float, float, float, float]]]:
    """Return muscles that are rods: control points from S1 and radius, by name."""
    return {
        "piriformis": [(22, 34, -58, 7), (46, 42, -74, 11), (84, 32, -92, 10), (126, 2, -108, 5)],
        "obturator_externus": [(38, -56, -138, 11), (70, -36, -148, 12), (106, 4, -142, 6)],
        "quadratus_femoris": [(80, 10, -152, 10), (104, 6, -154, 10), (122, 0, -154, 6)],
        "adductor_magnus": [(40, -38, -178, 11), (62, -26, -195, 19), (80, -20, -225, 22)],
        "hamstrings": [(66, 18, -168, 11), (72, 20, -190, 16), (82, 18, -225, 21)],
        "adductors": [(22, -82, -140, 10), (42, -76, -165, 18), (62, -62, -195, 22),
                      (72, -50, -225, 23)],
        "pectineus": [(46, -82, -112, 9), (72, -72, -140, 13), (100, -42, -168, 8)],
        "vastus_intermedius": [(124, -38, -152, 8), (122, -42, -185, 15), (118, -44, -220, 18)],
        "vastus_lateralis": [(142, -22, -136, 9), (147, -26, -170, 16), (144, -32, -215, 21)],
        "rectus_femoris": [(106, -68, -80, 8), (112, -72, -115, 13), (116, -74, -160, 16),
                           (116, -78, -215, 19)],
        "tensor_fasciae_latae": [(122, -74, -44, 6), (136, -62, -90, 11), (145, -46, -150, 13),
                                 (148, -38, -200, 9)],
        "sartorius": [(118, -80, -42, 6), (113, -90, -90, 10), (102, -96, -140, 11),
                      (86, -98, -210, 11)],
        "levator_ani": [(54, -20, -132, 3), (40, 4, -148, 4), (16, 22, -158, 4)],
    }  # fmt: skip


def _from_s1(points: ArrayLike) -> FloatArray:
    rows = np.array(points, dtype=float)
    rows[..., :3] += sacral_top().centre_lps_mm
    return rows
