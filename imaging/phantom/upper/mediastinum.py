"""Heart, great vessels, airways, oesophagus, and the vessels and nerves that leave to the arms.

Courses in x and y of LPS millimetres, z from the centre of T8, and radius; of paired ones the left.
Ascending aorta 31 mm, descending 24 mm, trachea 18 mm wide, carina at T4/T5, top of the arch at T4
[BG: textbook anatomy of an adult man].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from imaging.geometry import FloatArray, unit
from imaging.phantom import model
from imaging.phantom.model import Layer, Tissue
from imaging.phantom.sampling import chain
from imaging.phantom.solids import Balls, Loft, Oval, Shape
from imaging.phantom.upper.chest import cavity_shape
from imaging.phantom.upper.column import from_t8, t8_z_mm

MYOCARDIUM = Tissue(48.0, 3.0, (6.0, 6.0, 6.0))
AIRWAY = Tissue(-985.0, shell_hu=10.0, shell_mm=1.6)
ESOPHAGUS = Tissue(36.0, 5.0, (4.0, 4.0, 8.0))
LUNG_VESSEL = Tissue(30.0)

AORTA = ((4, -48, 26, 14), (-10, -56, 52, 15.5), (-8, -50, 80, 15.5), (6, -34, 96, 14),
         (22, -12, 94, 13), (28, 6, 76, 12.5), (24, 9, 40, 12), (21, 6, 0, 12), (16, -2, -50, 11.5),
         (9, -13, -84, 11), (8, -20, -130, 11))  # fmt: skip
CAVA = ((-20, -38, -130, 12), (-22, -40, -62, 12.5), (-24, -46, -36, 12.5))
SUPERIOR_CAVA = ((-28, -52, 22, 10.5), (-30, -52, 60, 10), (-25, -58, 94, 9.5))
BRACHIOCEPHALIC_LEFT = (
    (-25, -58, 94, 8),
    (-4, -66, 108, 7),
    (24, -68, 124, 6.8),
    (42, -64, 138, 7),
)
BRACHIOCEPHALIC_RIGHT = ((-25, -58, 94, 8), (-34, -62, 116, 7.5), (-42, -64, 138, 7))
TRUNK = ((-2, -44, 102, 6.6), (-14, -48, 122, 6.4), (-25, -50, 138, 6))
SUBCLAVIAN_RIGHT = (
    (25, -50, 138, 4.8),
    (40, -46, 152, 4.8),
    (62, -46, 158, 4.6),
    (80, -42, 150, 4.2),
)
SUBCLAVIAN_LEFT = ((20, -22, 104, 5.4), (24, -26, 128, 5), (40, -40, 150, 4.8), (62, -46, 158, 4.6),
                   (80, -42, 150, 4.2))  # fmt: skip
CAROTID_RIGHT = ((25, -50, 138, 4.2), (26, -42, 165, 4), (27, -36, 200, 4), (28, -34, 240, 4))
CAROTID_LEFT = ((8, -34, 104, 4.4), (18, -44, 130, 4.2), (25, -42, 165, 4), (27, -36, 200, 4),
                (28, -34, 240, 4))  # fmt: skip
AXILLARY = ((80, -42, 150, 4.2), (108, -34, 124, 4), (130, -26, 100, 3.8), (146, -12, 74, 3.6),
            (162, 2, 40, 3.2), (172, 12, 0, 2.8), (178, 18, -60, 2.6),
            (180, 20, -160, 2.4))  # fmt: skip
SUBCLAVIAN_VEIN = ((42, -64, 138, 6.5), (62, -64, 146, 6), (84, -54, 140, 5.6))
AXILLARY_VEIN = ((84, -54, 140, 5.6), (106, -44, 116, 5.2), (124, -34, 92, 5), (140, -14, 64, 4.4),
                 (156, 2, 32, 3.6), (166, 12, -6, 3), (172, 18, -60, 2.6),
                 (174, 20, -160, 2.4))  # fmt: skip
JUGULAR = ((42, -64, 138, 6.5), (38, -50, 165, 6), (37, -38, 200, 6), (37, -34, 240, 6))
PULMONARY_TRUNK = ((20, -74, 30, 13), (22, -62, 52, 14), (20, -46, 64, 13))
PULMONARY_LEFT = ((20, -46, 64, 12), (38, -28, 66, 10), (54, -16, 56, 8), (62, -8, 40, 6))
PULMONARY_RIGHT = ((20, -46, 64, 12), (4, -36, 62, 10.5), (-26, -30, 58, 10), (-48, -24, 48, 8),
                   (-58, -16, 32, 6))  # fmt: skip
PULMONARY_VEIN = ((12, -26, 26, 8), (38, -26, 30, 6.5), (58, -34, 34, 4.5))
PULMONARY_VEIN_LOW = ((12, -22, 16, 8), (36, -14, 10, 6), (56, -6, -4, 4.5))
TRACHEA = (
    (0, -44, 240, 9),
    (0, -40, 195, 9),
    (0, -33, 157, 9),
    (-1, -24, 120, 9),
    (-2, -15, 92, 9.2),
)
BRONCHUS_RIGHT = ((-2, -15, 90, 8.5), (-24, -11, 70, 7), (-42, -12, 52, 6), (-56, -6, 26, 4.2))
BRONCHUS_LEFT = ((-2, -15, 90, 8), (18, -14, 70, 6.8), (42, -13, 50, 6), (56, -4, 26, 4.2))
OESOPHAGUS = ((2, -27, 240, 5), (3, -23, 195, 5), (4, -18, 157, 5), (4, -6, 120, 5.4),
              (3, 2, 92, 5.4), (0, 4, 60, 5.6), (1, 2, 30, 6), (4, -2, 0, 6.4), (10, -14, -40, 7),
              (18, -26, -62, 7.5), (34, -34, -78, 8))  # fmt: skip
AZYGOS = ((-9, 14, -130, 2.4), (-10, 11, -40, 3), (-9, 9, 20, 3.4), (-10, 7, 62, 3.8),
          (-18, -6, 80, 4.2), (-26, -34, 82, 4.2), (-28, -46, 78, 4.2))  # fmt: skip
PLEXUS = (
    ((18, -8, 190, 1.8), (38, -20, 178, 2.2), (66, -34, 166, 3), (88, -32, 148, 3.4)),
    ((19, -2, 172, 1.8), (38, -14, 168, 2.2), (66, -32, 164, 3), (88, -32, 148, 3.4)),
    ((24, 2, 152, 1.8), (40, -12, 160, 2.2), (66, -32, 163, 3), (88, -32, 148, 3.4)),
    ((88, -32, 148, 3.4), (112, -24, 124, 3.4), (134, -16, 100, 3), (152, -2, 70, 2.6)),
)  # fmt: skip
AXILLARY_NERVE = ((132, -16, 102, 1.7), (146, 0, 84, 1.6), (166, 16, 80, 1.5), (188, 22, 80, 1.5),
                  (206, 12, 80, 1.4), (211, -4, 82, 1.2))  # fmt: skip
SUPRASCAPULAR = ((70, -30, 163, 1.4), (98, 4, 148, 1.4), (122, 18, 132, 1.4), (130, 34, 122, 1.4),
                 (137, 30, 110, 1.4), (126, 42, 98, 1.2))  # fmt: skip
RADIAL = ((152, -2, 70, 2.0), (168, 18, 40, 1.9), (184, 32, 0, 1.8), (204, 40, -50, 1.8),
          (214, 30, -110, 1.7), (216, 20, -160, 1.6))  # fmt: skip


def _rod(name: str, course: ArrayLike, tissue: Tissue, halo_mm: float = 0.7) -> Layer:
    return Layer(name, Shape((chain(from_t8(course)),)), tissue, halo_mm)


def _pair(name: str, course: ArrayLike, tissue: Tissue, halo_mm: float = 0.7) -> list[Layer]:
    left = chain(from_t8(course))
    return [
        Layer(f"{name}_{side}", Shape((one,), step_mm=1.0), tissue, halo_mm)
        for side, one in (("left", left), ("right", left.mirrored()))
    ]


def _both(name: str, course: ArrayLike, tissue: Tissue) -> list[Layer]:
    """Return a rod and its mirror image under one name."""
    return [replace(one, name=name) for one in _pair(name, course, tissue)]


def _oval(centre: Sequence[float], half: tuple[float, float, float], turn_deg: float = 0.0) -> Oval:
    turn = np.deg2rad(turn_deg)
    axes = np.array(
        [[np.cos(turn), np.sin(turn), 0.0], [-np.sin(turn), np.cos(turn), 0.0], [0.0, 0.0, 1.0]]
    )
    return Oval(from_t8(centre), half, axes)


# z, centre x, centre y, half width, half depth to the front and to the back: what the pleura leaves
MIDDLE = (
    (-130.0, 4.0, -20.0, 30.0, 40.0, 46.0),
    (-75.0, 8.0, -52.0, 52.0, 64.0, 66.0),
    (-40.0, 16.0, -52.0, 60.0, 70.0, 64.0),
    (0.0, 12.0, -50.0, 54.0, 72.0, 62.0),
    (30.0, 6.0, -48.0, 42.0, 66.0, 58.0),
    (60.0, 2.0, -46.0, 36.0, 56.0, 56.0),
    (92.0, 2.0, -42.0, 36.0, 50.0, 52.0),
    (118.0, 0.0, -38.0, 38.0, 50.0, 44.0),
    (150.0, 0.0, -34.0, 38.0, 42.0, 34.0),
    (200.0, 0.0, -30.0, 38.0, 36.0, 36.0),
)
# the same around the spine
BEHIND = (
    (-130.0, 0.0, 18.0, 30.0, 34.0, 50.0),
    (-60.0, 0.0, 22.0, 25.0, 34.0, 60.0),
    (0.0, 0.0, 26.0, 21.0, 30.0, 60.0),
    (60.0, 0.0, 24.0, 19.5, 28.0, 60.0),
    (100.0, 0.0, 17.0, 19.5, 26.0, 60.0),
    (140.0, 0.0, 6.0, 21.0, 24.0, 60.0),
    (160.0, 0.0, -2.0, 24.0, 24.0, 60.0),
    (200.0, 0.0, -12.0, 30.0, 24.0, 60.0),
)
# behind the necks of the ribs, where ligaments and fat keep the pleura away
BACK = (
    (-130.0, 0.0, 57.0, 40.0, 40.0, 40.0),
    (-60.0, 0.0, 67.0, 40.0, 40.0, 40.0),
    (0.0, 0.0, 72.0, 41.0, 40.0, 40.0),
    (60.0, 0.0, 70.0, 42.0, 41.0, 40.0),
    (100.0, 0.0, 63.0, 42.0, 41.0, 40.0),
    (140.0, 0.0, 52.0, 43.0, 41.0, 40.0),
    (160.0, 0.0, 44.0, 44.0, 41.0, 40.0),
    (200.0, 0.0, 36.0, 44.0, 41.0, 40.0),
)


def _loft(rows: ArrayLike, power: float) -> Loft:
    moved = np.array(rows, dtype=float)
    moved[:, 0] += t8_z_mm()
    return Loft(moved, power=power)


def fat() -> list[Layer]:
    """Return the fat of the mediastinum and beside the spine, between the lungs."""
    inside = (cavity_shape(0.4),)
    return [
        Layer("", Shape((_loft(rows, power),), inside=inside, step_mm=2.0), model.FAT)
        for rows, power in ((MIDDLE, 2.2), (BEHIND, 2.6), (BACK, 2.0))
    ]


def heart() -> list[Layer]:
    """Return the heart in one piece, with the fat on it."""
    chambers = (
        _oval((44, -62, -22), (30, 46, 34), -38.0),  # left ventricle
        _oval((14, -80, -18), (46, 26, 36), -12.0),  # right ventricle
        _oval((18, -78, 16), (18, 20, 26)),  # its outflow
        _oval((-26, -58, -10), (24, 30, 32)),  # right atrium
        _oval((10, -32, 12), (32, 20, 24)),  # left atrium
        _oval((16, -58, -26), (34, 32, 28), -20.0),  # what they enclose
    )
    shape = Shape(
        chambers,
        inside=(cavity_shape(-4.0),),
        blend_mm=14.0,
        rough_mm=0.8,
        grain_mm=26.0,
        step_mm=2.0,
    )
    grooves = [
        ((32, -104, -30, 3), (36, -92, 0, 4), (28, -72, 20, 4)),
        ((-8, -86, -34, 3), (-12, -84, -6, 4), (-8, -72, 20, 4)),
        ((28, -34, -28, 4), (48, -40, -2, 4), (34, -52, 16, 4)),
    ]
    layers = [Layer("heart", shape, MYOCARDIUM, 2.4)]
    for course in grooves:
        groove = Shape((chain(from_t8(course)),), inside=(shape,), step_mm=1.5)
        layers.append(Layer("heart", groove, Tissue(-70.0)))
    return layers


def vessels() -> list[Layer]:
    """Return the great vessels and those to neck, lungs and arms."""
    v, b = model.VEIN, model.BLOOD
    layers = [
        _rod("inferior_vena_cava", CAVA, v),
        *_pair("jugular_vein", JUGULAR, v),
        *_pair("subclavian_vein", SUBCLAVIAN_VEIN, v),
        *_pair("axillary_vein", AXILLARY_VEIN, v),
        _rod("superior_vena_cava", SUPERIOR_CAVA, v),
        _rod("brachiocephalic_vein_left", BRACHIOCEPHALIC_LEFT, v),
        _rod("brachiocephalic_vein_right", BRACHIOCEPHALIC_RIGHT, v),
        _rod("azygos_vein", AZYGOS, v),
        *_both("pulmonary_vein", PULMONARY_VEIN, v),
        *_both("pulmonary_vein", PULMONARY_VEIN_LOW, v),
        _rod("pulmonary_artery", PULMONARY_TRUNK, b),
        _rod("pulmonary_artery", PULMONARY_LEFT, b),
        _rod("pulmonary_artery", PULMONARY_RIGHT, b),
        *_pair("axillary_artery", AXILLARY, b, 0.6),
        _rod("subclavian_artery_left", SUBCLAVIAN_LEFT, b),
        _rod("subclavian_artery_right", np.array(SUBCLAVIAN_RIGHT) * [-1, 1, 1, 1], b),
        _rod("common_carotid_artery_left", CAROTID_LEFT, b),
        _rod("common_carotid_artery_right", np.array(CAROTID_RIGHT) * [-1, 1, 1, 1], b),
        _rod("brachiocephalic_trunk", TRUNK, b),
        _rod("aorta", AORTA, b, 0.9),
    ]
    plaques = [
        ((33, 8, 84, 1.1), (35, 2, 88, 1.2), (33, -6, 94, 1.0)),
        ((2, -38, 110, 1), (8, -30, 110, 1)),
    ]
    layers += [
        Layer("aorta", Shape((chain(from_t8(one)),), step_mm=0.8), model.CALCIFICATION)
        for one in plaques
    ]
    return layers


def airways() -> list[Layer]:
    """Return trachea, main bronchi and oesophagus."""
    return [
        _rod("esophagus", OESOPHAGUS, ESOPHAGUS, 0.8),
        _rod("bronchus_right", BRONCHUS_RIGHT, AIRWAY, 0.4),
        _rod("bronchus_left", BRONCHUS_LEFT, AIRWAY, 0.4),
        _rod("trachea", TRACHEA, AIRWAY, 0.5),
    ]


def _tree(side: float) -> list[Balls]:
    """Return vessels that branch from a hilum through a lung."""
    rng = np.random.default_rng(17 if side > 0 else 18)
    hilum = np.array([side * 46.0, -20.0, 46.0])
    ways = []
    for _ in range(34):
        way = rng.normal(size=3) * [0.7, 1.0, 1.2] + [side * 0.9, 0.1, -0.1]
        way /= np.linalg.norm(way)
        length = rng.uniform(50, 95)
        bend = rng.normal(size=3) * 7
        middle = hilum + way * length * 0.5 + bend
        end = hilum + way * length
        ways.append(chain([(*hilum, 3.4), (*middle, 1.9), (*end, 1.0)]))
        for _ in range(3):
            fork = _near(way, rng)
            start = hilum + way * length * 0.55 + bend * 0.8
            ways.append(chain([(*start, 1.6), (*(start + fork * rng.uniform(20, 42)), 0.8)]))
    return ways


def _near(way: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return a direction near another."""
    near: FloatArray = way + rng.normal(size=3) * 0.5
    return unit(near)


def lung_vessels() -> list[Layer]:
    """Return the vessels in the lungs; they stay part of the lungs' labels."""
    inside = (cavity_shape(-3.0),)
    layers = []
    for side in (1.0, -1.0):
        tree = _tree(side)
        centres = from_t8(np.concatenate([one.centres_lps_mm for one in tree]))
        balls = Balls(centres, np.concatenate([one.radii_mm for one in tree]))
        shape = Shape((balls,), inside=inside, step_mm=1.25)
        layers.append(Layer("", shape, LUNG_VESSEL, labelled=False))
    return layers


def nerves() -> list[Layer]:
    """Return brachial plexus, axillary, suprascapular and radial nerve."""
    layers = []
    for part in PLEXUS:
        layers += _pair("brachial_plexus", part, model.NERVE, 0.5)
    for name, course in (
        ("axillary_nerve", AXILLARY_NERVE),
        ("suprascapular_nerve", SUPRASCAPULAR),
        ("radial_nerve", RADIAL),
    ):
        layers += _pair(name, course, model.NERVE, 0.5)
    return layers
