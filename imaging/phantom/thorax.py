"""Ribs, costal cartilage, diaphragm and the bases of the lungs."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from imaging.geometry import FloatArray
from imaging.phantom import model
from imaging.phantom.model import Layer
from imaging.phantom.sampling import line, sheet
from imaging.phantom.solids import Balls, Loft, Oval, Shape
from imaging.phantom.spine import vertebrae

# A rib lies on the wall of the chest: an upright oval, here as centre y, half width, half depth.
WALL_Y_MM, WALL_HALF_WIDTH_MM, WALL_HALF_DEPTH_MM = -22.0, 137.0, 96.0
RIB_HALF_HEIGHT_MM = 4.0
RIB_HALF_THICKNESS_MM = 3.0
DIAPHRAGM_MM = 3.0

# rib: z of its head, angle it reaches (0 is straight back, 90 the side), fall along it in mm
RIBS = {
    8: (215.0, 150.0, 95.0),
    9: (190.0, 138.0, 100.0),
    10: (163.0, 122.0, 104.0),
    11: (137.0, 92.0, 95.0),
    12: (106.0, 58.0, 62.0),
}


@cache
def rib_line(number: int) -> FloatArray:
    """Return the course of a left rib from its head to its tip.

    Parameters
    ----------
    number : int
        8 to 12.

    Returns
    -------
    numpy.ndarray
        Shape (200, 3), LPS millimetres, evenly spaced.
    """
    z_head, reach_deg, fall = RIBS[number]
    spine = vertebrae().get(f"T{number}")
    back = spine.frame.centre_lps_mm[1] + spine.wall_mm if spine else 28.0
    z = spine.frame.centre_lps_mm[2] + 6 if spine else z_head
    head = [[22.0, back + 1, z], [31.0, back + 13, z - 3]]
    angles = np.deg2rad(np.linspace(27.0, reach_deg, 9))
    travelled = (angles - angles[0]) / np.deg2rad(max(reach_deg - 27.0, 1.0))
    narrow = 1.0 - 0.06 * travelled * (number >= 11)
    wall = np.stack(
        [
            WALL_HALF_WIDTH_MM * np.sin(angles) * narrow,
            WALL_Y_MM + WALL_HALF_DEPTH_MM * np.cos(angles) * narrow,
            z - 8 - fall * travelled**1.15,
        ],
        axis=1,
    )
    return line(np.vstack([head, wall]), 200)


def rib_balls(number: int) -> Balls:
    """Return a left rib as a curved plate that tapers to its tip.

    Parameters
    ----------
    number : int
        8 to 12.

    Returns
    -------
    Balls
        Head, neck and body.
    """
    course = rib_line(number)
    end = 0.55 if number >= 11 else 1.0
    fade = np.interp(np.linspace(0, 1, len(course)), [0, 0.06, 0.8, 1], [1.25, 0.95, 1.0, end])
    net = []
    for place, size in zip(course[::8], fade[::8], strict=True):
        height = RIB_HALF_HEIGHT_MM * size
        thick = RIB_HALF_THICKNESS_MM * size
        outwards = place - [0.0, WALL_Y_MM, place[2]]
        lean = outwards / max(float(np.linalg.norm(outwards)), 1.0) * 1.2
        rise = np.array([0.0, 0.0, height]) - lean
        up, down = place + rise, place - rise
        net.append([[*up, thick * 0.95], [*place, thick], [*down, thick * 0.85]])
    return sheet(net, gap_mm=0.9)


def rib_shape(number: int, side: float) -> Shape:
    """Return the solid of a rib.

    Parameters
    ----------
    number : int
        8 to 12.
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
    """Return ribs 8 to 12 of both sides."""
    return [
        Layer(f"rib_{name}_{number}", rib_shape(number, side), model.RIB, 0.6, 20.0)
        for number in RIBS
        for side, name in ((1.0, "left"), (-1.0, "right"))
    ]


def intercostal() -> list[Layer]:
    """Return the muscle of the chest wall, in which the ribs lie."""
    outer = _chest(4.5)
    inner = _chest(-4.0)
    shape = Shape((outer,), minus=(Shape((inner,)),), step_mm=2.0, above_mm=72.0)
    return [Layer("chest_wall", shape, model.MUSCLE, 0.6)]


def _chest(grown_mm: float) -> Loft:
    rows = [
        (30.0, 0.92, 0.92),
        (75.0, 0.93, 0.93),
        (105.0, 0.965, 0.965),
        (135.0, 1.0, 1.0),
        (240.0, 1.0, 1.0),
    ]
    return Loft(
        np.array(
            [
                (
                    z,
                    0.0,
                    WALL_Y_MM,
                    WALL_HALF_WIDTH_MM * width + grown_mm,
                    WALL_HALF_DEPTH_MM * depth + grown_mm + 10,
                    WALL_HALF_DEPTH_MM * depth + grown_mm,
                )
                for z, width, depth in rows
            ]
        ),
        power=2.15,
    )


def domes() -> Shape:
    """Return the space under the diaphragm: domes over liver, spleen and stomach."""
    right = Oval(np.array([-62.0, -46.0, 62.0]), (74.0, 106.0, 122.0))
    left = Oval(np.array([62.0, -46.0, 52.0]), (72.0, 104.0, 118.0))
    middle = Oval(np.array([0.0, -34.0, 60.0]), (62.0, 108.0, 100.0))
    return Shape((right, left, middle), blend_mm=18.0, step_mm=2.5)


def lungs() -> list[Layer]:
    """Return the lower lobes in the recess behind the diaphragm, and what lies under it."""
    cavity = Shape((_chest(-4.5),))
    layers = []
    for side, name in ((1.0, "left"), (-1.0, "right")):
        half = Oval(np.array([side * 80.0, 14.0, 170.0]), (79.0, 86.0, 78.0), power=8, axis_power=8)
        shape = Shape((half,), inside=(cavity,), step_mm=2.0)
        layers.append(Layer(f"lung_lower_lobe_{name}", shape, model.LUNG))
    dome = domes()
    below = Oval(np.array([0.0, 0.0, -20.0]), (300.0, 300.0, 104.0), power=8, axis_power=8)
    under = Shape(
        (*dome.parts, below),
        inside=(cavity,),
        blend_mm=dome.blend_mm,
        grow_mm=DIAPHRAGM_MM,
        step_mm=2.5,
        above_mm=72.0,
    )
    behind = Oval(np.array([0.0, 22.0, 150.0]), (30.0, 44.0, 400.0), axis_power=8.0)
    paravertebral = Shape((behind,), inside=(cavity,), step_mm=2.5, above_mm=72.0)
    diaphragm = replace(model.FAT, shell_hu=model.MUSCLE.hu, shell_mm=DIAPHRAGM_MM)
    return [*layers, Layer("", under, diaphragm), Layer("", paravertebral, model.FAT), *_crura()]


def _crura() -> list[Layer]:
    """Return the crura, beside the aorta down to L2."""
    layers = []
    for side, lowest in ((1.0, 18.0), (-1.0, 4.0)):
        net = [
            [
                (side * 20 + 3, -22 + 0.1 * (z - 20), z, 2.6),
                (side * 25 + 2, 2 + 0.1 * (z - 20), z, 3.6),
            ]
            for z in (lowest, 45.0, 90.0, 130.0, 200.0)
        ]
        layers.append(Layer("diaphragm", Shape((sheet(net, gap_mm=1.5),)), model.MUSCLE, 0.8))
    return layers
