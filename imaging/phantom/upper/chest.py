"""Ribs 1 to 12 with their cartilages, sternum, wall of the chest, lungs and diaphragm.

x and y in LPS millimetres, z from the centre of T8. The wall is an upright oval whose size changes
with height; each rib falls along it from its vertebra. Widest 276 mm at the level of T9, upper
opening about 60 × 115 mm [BG: textbook anatomy of an adult man].
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import PchipInterpolator

from imaging.geometry import FloatArray
from imaging.phantom import model, thorax
from imaging.phantom.model import Layer
from imaging.phantom.sampling import chain, line, sheet, together
from imaging.phantom.solids import Balls, Loft, Oval, Shape
from imaging.phantom.spine import vertebrae
from imaging.phantom.upper.column import UPPER, from_t8, t8_z_mm

# z, half width, centre y, half depth to the front, half depth to the back: middle of the ribs
WALL = (
    (-160.0, 137.0, -22.0, 98.0, 88.0),
    (-80.0, 138.0, -21.0, 102.0, 90.0),
    (-40.0, 138.0, -19.0, 105.0, 88.0),
    (0.0, 136.0, -18.0, 102.0, 86.0),
    (40.0, 131.0, -20.0, 93.0, 82.0),
    (73.0, 124.0, -22.0, 83.0, 76.0),
    (96.0, 115.0, -24.0, 73.0, 70.0),
    (118.0, 103.0, -27.0, 59.0, 64.0),
    (140.0, 84.0, -29.0, 49.0, 52.0),
    (158.0, 63.0, -30.0, 41.0, 42.0),
    (168.0, 50.0, -30.0, 34.0, 36.0),
    (176.0, 33.0, -30.0, 23.0, 26.0),
    (182.0, 8.0, -30.0, 8.0, 8.0),
)
POWER = 2.15
RIB_HALF_MM = (4.2, 3.0)  # height and thickness
HALF_WALL_MM = 4.5  # of the intercostal muscles
CAVITY_MM = -5.2  # from the middle of the ribs to the pleura: muscle and a little fat
FLAT_MM = 20000.0  # radius of a ball that is flat to 1 mm across the chest

# rib: angle where it meets the wall (0 is straight back), angle it reaches, fall along it in mm
RIBS = {
    1: (52.0, 142.0, 30.0),
    2: (38.0, 148.0, 46.0),
    3: (33.0, 150.0, 60.0),
    4: (30.0, 151.0, 70.0),
    5: (28.0, 151.0, 80.0),
    6: (27.0, 150.0, 88.0),
    7: (27.0, 148.0, 94.0),
    8: (27.0, 142.0, 98.0),
    9: (27.0, 133.0, 101.0),
    10: (27.0, 121.0, 103.0),
    11: (27.0, 92.0, 95.0),
    12: (27.0, 58.0, 62.0),
}
# where the cartilage of ribs 1 to 7 meets the sternum: x, y, z
STERNAL_ENDS = {
    1: (27.0, -88.0, 116.0),
    2: (23.0, -100.0, 90.0),
    3: (19.0, -107.0, 66.0),
    4: (19.0, -112.0, 42.0),
    5: (20.0, -116.0, 18.0),
    6: (19.0, -119.0, -4.0),
    7: (13.0, -122.0, -20.0),
}
# sternum from the notch to the tip of the xiphoid: z, y, half width, half thickness
STERNUM = (
    (126.0, -82.0, 22.0, 6.0), (112.0, -88.0, 27.0, 5.6), (92.0, -99.0, 18.0, 5.4),
    (86.0, -101.5, 16.0, 5.2), (50.0, -111.0, 15.0, 5.0), (10.0, -118.0, 17.0, 4.8),
    (-18.0, -122.0, 12.0, 4.6), (-34.0, -121.0, 5.0, 3.6), (-52.0, -118.0, 2.5, 2.6),
)  # fmt: skip
DIAPHRAGM_MM = 3.0


@cache
def _wall() -> PchipInterpolator:
    rows = np.array(WALL)
    return PchipInterpolator(rows[:, 0], rows[:, 1:])


def on_wall(angles_rad: FloatArray, z_mm: FloatArray) -> FloatArray:
    """Return places on the wall of the chest.

    Parameters
    ----------
    angles_rad : numpy.ndarray
        Shape (n,): 0 is straight back, π/2 to the left.
    z_mm : numpy.ndarray
        Shape (n,), from T8.

    Returns
    -------
    numpy.ndarray
        Shape (n, 3), x and y in LPS millimetres, z as given.
    """
    width, y, front, back = _wall()(np.clip(z_mm, WALL[0][0], WALL[-1][0])).T
    sine, cosine = np.sin(angles_rad), np.cos(angles_rad)
    radius = (np.abs(sine) ** POWER + np.abs(cosine) ** POWER) ** (-1.0 / POWER)
    depth = np.where(cosine > 0, back, front)
    return np.stack([width * sine * radius, y + depth * cosine * radius, z_mm], axis=1)


@cache
def rib_line(number: int) -> FloatArray:
    """Return the course of a left rib from its head to its tip.

    Parameters
    ----------
    number : int
        1 to 12.

    Returns
    -------
    numpy.ndarray
        Shape (200, 3), LPS millimetres, evenly spaced.
    """
    start, reach, fall = RIBS[number]
    one = vertebrae(UPPER)[f"T{number}"]
    x, y, z = (
        one.width_mm / 2 + 3,
        one.frame.lps([0, one.wall_mm, 0])[1],
        one.frame.lps([0, 0, 0])[2],
    )
    tip = UPPER.transverse_mm[f"T{number}"] + 5.0
    rise = one.height_mm / 2 - 3.0 if 1 < number < 11 else 2.0
    back = [[x, y - 3, z + rise], [x + 8, y + 6, z + rise - 3], [tip, y + 15.5, z + 2]]
    angles = np.deg2rad(np.linspace(start, reach, 12))
    travelled = (angles - angles[0]) / (angles[-1] - angles[0])
    height = z - t8_z_mm() - 3 - fall * travelled**1.15
    wall = from_t8(on_wall(angles, height))
    return line(np.vstack([back, wall]), 200)


def rib_balls(number: int) -> Balls:
    """Return a left rib as a curved plate; the first one lies flat.

    Parameters
    ----------
    number : int
        1 to 12.

    Returns
    -------
    Balls
        Head, neck and body.
    """
    course = rib_line(number)
    end = 0.55 if number >= 11 else 1.0
    fade = np.interp(np.linspace(0, 1, len(course)), [0, 0.06, 0.8, 1], [1.2, 0.9, 1.0, end])
    flat = np.deg2rad({1: 62.0, 2: 38.0, 3: 18.0}.get(number, 0.0))
    along = np.gradient(course, axis=0)
    net = []
    for place, size, way in zip(course[::6], fade[::6], along[::6], strict=True):
        height, thick = RIB_HALF_MM[0] * size, RIB_HALF_MM[1] * size
        out = np.cross(way, [0.0, 0.0, 1.0])
        out /= max(float(np.linalg.norm(out)), 1e-9)
        if out @ (place * [1, 1, 0] - [0.0, -20.0, 0.0]) < 0:
            out = -out
        lean = max(0.0, flat) if number <= 3 else 0.0
        rise = height * (np.array([0.0, 0.0, np.cos(lean)]) - out * np.sin(lean))
        up, down = place + rise, place - rise
        net.append([[*up, thick * 0.95], [*place, thick], [*down, thick * 0.85]])
    return sheet(net, gap_mm=0.9)


def rib_shape(number: int, side: float) -> Shape:
    """Return the solid of a rib.

    Parameters
    ----------
    number : int
        1 to 12.
    side : float
        −1 right, 1 left.

    Returns
    -------
    Shape
        Its bone.
    """
    balls = rib_balls(number)
    return Shape((balls if side > 0 else balls.mirrored(),), soften_mm=0.5, step_mm=1.0)


def ribs() -> list[Layer]:
    """Return the ribs of both sides."""
    return [
        Layer(f"rib_{name}_{number}", rib_shape(number, side), model.RIB, 0.6, 20.0)
        for number in RIBS
        for side, name in ((1.0, "left"), (-1.0, "right"))
    ]


def cartilages() -> list[Layer]:
    """Return the costal cartilages: to the sternum, and of ribs 8 to 10 to the one above."""
    ways = []
    for number, end in STERNAL_ENDS.items():
        tip = rib_line(number)[-1]
        sternum = from_t8(end)
        dip = np.array([4.0, -1.0, -5.0 - 2.0 * max(number - 4, 0)])
        middle = 0.5 * (tip + sternum) + dip
        ways.append(chain([(*tip, 4.6), (*middle, 5.0), (*sternum, 4.8)]))
    for number in (8, 9, 10):
        tip, above = rib_line(number)[-1], rib_line(number - 1)[-1]
        middle = 0.5 * (tip + above) + np.array([-6.0, -4.0, -7.0])
        ways.append(
            chain([(*tip, 4.2), (*middle, 4.4), (*(above - np.array([10.0, 3.0, 3.0])), 4.2)])
        )
    balls = together(*ways)
    return [
        Layer("costal_cartilages", Shape((one,), rough_mm=0.3), model.CARTILAGE, 0.5)
        for one in (balls, balls.mirrored())
    ]


@cache
def sternum_shape() -> Shape:
    """Return the solid of the sternum: manubrium, body and xiphoid."""
    net = [
        [
            (u * half, y + 0.002 * (u * half) ** 2, z, thick * (1 - 0.12 * abs(u)))
            for u in (-1, -0.5, 0, 0.5, 1)
        ]
        for z, y, half, thick in STERNUM
    ]
    return Shape((sheet(from_t8(net)),), soften_mm=0.6, rough_mm=0.2, step_mm=1.0)


def sternum_place(offset_z_mm: float = 0.0) -> FloatArray:
    """Return the middle of the body of the sternum, half way down.

    Parameters
    ----------
    offset_z_mm : float
        Height above it.

    Returns
    -------
    numpy.ndarray
        Shape (3,), LPS millimetres.
    """
    z = 30.0 + offset_z_mm
    rows = np.array(STERNUM)[::-1]
    return from_t8([0.0, float(np.interp(z, rows[:, 0], rows[:, 1])), z])


def sternum() -> list[Layer]:
    """Return the sternum."""
    return [Layer("sternum", sternum_shape(), model.RIB, 0.6, 30.0)]


def chest_loft(grown_mm: float = 0.0) -> Loft:
    """Return what the middle of the ribs encloses.

    Parameters
    ----------
    grown_mm : float
        Larger by this length.

    Returns
    -------
    Loft
        From the abdomen to above the first rib.
    """
    rows = [
        (z, 0.0, y, width + grown_mm, front + grown_mm, back + grown_mm)
        for z, width, y, front, back in WALL
    ]
    moved = np.array(rows, dtype=float)
    moved[:, 0] += t8_z_mm()
    return Loft(moved, power=POWER)


def intercostal() -> list[Layer]:
    """Return the muscle of the chest wall, in which the ribs lie."""
    inner = Shape((chest_loft(-HALF_WALL_MM),))
    below = Shape((Oval(from_t8([0.0, 0.0, -40.0]), (300.0, 300.0, 200.0), axis_power=16.0),))
    shape = Shape((chest_loft(HALF_WALL_MM),), minus=(inner,), inside=(below,), step_mm=2.5)
    return [Layer("chest_wall", shape, model.MUSCLE, 0.6)]


def cavity_shape(grown_mm: float = 0.0) -> Shape:
    """Return the space within the wall of the chest.

    Parameters
    ----------
    grown_mm : float
        Larger by this length.

    Returns
    -------
    Shape
        Lungs, mediastinum and what lies under the diaphragm.
    """
    return Shape((chest_loft(grown_mm + CAVITY_MM),), step_mm=2.5)


def _half_space(edge_lps_mm: ArrayLike, into: ArrayLike) -> Shape:
    """Return what lies on one side of a plane: a ball so large that it looks flat."""
    way = np.asarray(into, dtype=float)
    centre = np.asarray(edge_lps_mm, dtype=float) + way * FLAT_MM
    return Shape((Oval(centre, (FLAT_MM, FLAT_MM, FLAT_MM)),))


def lungs() -> list[Layer]:
    """Return the lobes of the lungs, the diaphragm and the fat under it."""
    layers = []
    z8 = t8_z_mm()
    tilt = np.deg2rad(39.0)  # of the oblique fissure, falling to the front
    below_oblique = _half_space([0.0, -30.0, 35.0 + z8], [0.0, np.sin(tilt), -np.cos(tilt)])
    below_flat = _half_space([0.0, 0.0, 28.0 + z8], [0.0, 0.0, -1.0])
    for side, name in ((1.0, "left"), (-1.0, "right")):
        room = Shape(
            (chest_loft(CAVITY_MM),), inside=(_half_space([0, 0, 0], [side, 0, 0]),), step_mm=2.5
        )
        layers.append(Layer(f"lung_upper_lobe_{name}", room, model.LUNG))
        if side < 0:
            shape = replace(room, inside=(*room.inside, below_flat))
            layers.append(Layer("lung_middle_lobe_right", shape, model.LUNG))
        shape = replace(room, inside=(*room.inside, below_oblique))
        layers.append(Layer(f"lung_lower_lobe_{name}", shape, model.LUNG))
    dome = thorax.domes()
    below = Oval(np.array([0.0, 0.0, -20.0]), (300.0, 300.0, 104.0), power=8, axis_power=8)
    under = Shape(
        (*dome.parts, below),
        inside=(cavity_shape(0.7),),  # a little over the edge of the lungs, so that no seam is left
        blend_mm=dome.blend_mm,
        grow_mm=DIAPHRAGM_MM,
        step_mm=2.5,
        above_mm=72.0,
    )
    diaphragm = replace(model.FAT, shell_hu=model.MUSCLE.hu, shell_mm=DIAPHRAGM_MM)
    return [*layers, Layer("", under, diaphragm)]
