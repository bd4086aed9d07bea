"""Vertebrae T10 to L5 with their arches, discs, canal, cord and roots.

Sizes follow adult averages: bodies widen from 38 to 53 mm and the discs from 6 to 11 mm downwards
(Panjabi et al., Spine 1991 and 1992 [BG: read from memory, not looked up]).
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from imaging.geometry import FloatArray
from imaging.phantom import model
from imaging.phantom.model import Layer
from imaging.phantom.sampling import chain, sheet, together
from imaging.phantom.solids import Balls, Oval, Shape
from imaging.phantom.vertebra import Column, Frame, Vertebra

# level: tilt from the patient's long axis (positive: upper endplate looks forward), width, depth,
# height of the body, height of the disc below it, half width of the pedicle
SIZES = {
    "T10": (-6.0, 36.0, 30.0, 23.0, 5.5, 3.7),
    "T11": (-9.0, 38.0, 31.0, 24.0, 6.0, 3.8),
    "T12": (-11.0, 41.0, 32.0, 26.0, 6.5, 4.1),
    "L1": (-10.0, 43.0, 33.0, 27.0, 7.5, 3.9),
    "L2": (-6.0, 45.0, 34.0, 28.0, 9.0, 4.3),
    "L3": (0.0, 48.0, 35.0, 29.0, 10.0, 4.8),
    "L4": (9.0, 50.0, 36.0, 29.0, 11.0, 5.8),
    "L5": (23.0, 53.0, 36.0, 27.0, 11.0, 7.5),
}
SACRAL_SLOPE_DEG = 39.0
CANAL_DEPTH_MM = 8.0  # centre of the canal behind the posterior wall
CORD_END = "L1"  # the cone ends at the lower edge of this body
ROOT_RADIUS_MM = 1.8
GANGLION_RADIUS_MM = 3.0


LOWER = Column(SIZES)


@cache
def vertebrae(column: Column = LOWER) -> dict[str, Vertebra]:
    """Return the vertebrae by level; the centre of L3 is the origin of the model.

    Parameters
    ----------
    column : Column
        Of which body; the lower trunk by default.

    Returns
    -------
    dict
        From head to foot.
    """
    sizes = column.sizes
    names = list(sizes)
    frames = {"L3": Frame(np.zeros(3), sizes["L3"][0])}
    middle = names.index("L3")
    for upper, lower in pairwise(names[middle:]):
        step = _step(sizes[upper], sizes[lower])
        frames[lower] = Frame(frames[upper].centre_lps_mm - step, sizes[lower][0])
    for upper, lower in reversed(list(pairwise(names[: middle + 1]))):
        step = _step(sizes[upper], sizes[lower])
        frames[upper] = Frame(frames[lower].centre_lps_mm + step, sizes[upper][0])
    return {
        level: Vertebra(level, frames[level], *own[1:], column.canal_half_width_mm)
        for level, own in sizes.items()
    }


def sacral_top() -> Frame:
    """Return the frame of the upper endplate of S1: origin at its centre."""
    last = vertebrae()["L5"]
    disc = Frame(np.zeros(3), (last.frame.tilt_deg + SACRAL_SLOPE_DEG) / 2).axes_lps[2]
    below = last.frame.centre_lps_mm - last.frame.axes_lps[2] * last.height_mm / 2
    return Frame(below - disc * last.disc_mm, SACRAL_SLOPE_DEG)


def _step(upper: tuple[float, ...], lower: tuple[float, ...]) -> FloatArray:
    """Return the way from the centre of a body to that of the one above."""
    tilt_up, _, _, high, disc, _ = upper
    tilt_low, _, _, low, _, _ = lower
    axes = [
        Frame(np.zeros(3), t).axes_lps[2] for t in (tilt_low, (tilt_low + tilt_up) / 2, tilt_up)
    ]
    return np.asarray(axes[0] * low / 2 + axes[1] * disc + axes[2] * high / 2)


def body_oval(level: str, column: Column = LOWER) -> Oval:
    """Return the body of a vertebra, of full height.

    Parameters
    ----------
    level : str
        One of the column's.
    column : Column
        Of which body; the lower trunk by default.

    Returns
    -------
    Oval
        Without the arch.
    """
    one = vertebrae(column)[level]
    return Oval(
        one.frame.centre_lps_mm,
        (one.width_mm / 2, one.depth_mm / 2, one.height_mm / 2),
        one.frame.axes_lps,
        power=2.4,
        axis_power=9.0,
        waist=0.11,
        dent=0.07,
        notch=0.08,
    )


def bone_shape(level: str, collapse_percent: float = 0.0, column: Column = LOWER) -> Shape:
    """Return the solid of a vertebra.

    Parameters
    ----------
    level : str
        One of the column's.
    collapse_percent : float
        Height the front of its body has lost.
    column : Column
        Of which body; the lower trunk by default.

    Returns
    -------
    Shape
        Body and arch, without the canal.
    """
    lost = (lost_height(level, collapse_percent, column),) if collapse_percent else ()
    return Shape(
        (body_oval(level, column), together(*_arch(vertebrae(column)[level], column))),
        minus=(canal_shape(column), *lost),
        blend_mm=3.0,
        rough_mm=0.12,
        grain_mm=5.0,
        step_mm=1.0,
    )


def lost_height(level: str, collapse_percent: float, column: Column = LOWER) -> Shape:
    """Return the wedge under the upper endplate that a collapse has taken.

    Parameters
    ----------
    level : str
        One of the column's.
    collapse_percent : float
        Height lost at the front; none at the posterior wall.
    column : Column
        Of which body; the lower trunk by default.

    Returns
    -------
    Shape
        The room above the tilted endplate, as wide as the body.
    """
    one = vertebrae(column)[level]
    lost = one.height_mm * collapse_percent / 100.0
    tilt = np.rad2deg(np.arctan2(lost, one.depth_mm))
    frame = Frame(one.frame.lps([0.0, 0.0, (one.height_mm - lost) / 2]), one.frame.tilt_deg + tilt)
    half = (one.width_mm / 2 + 4.0, one.depth_mm / 2 + 1.0, 20.0)
    return Shape(
        (Oval(frame.lps([0.0, -1.0, half[2]]), half, frame.axes_lps, power=9.0, axis_power=9.0),),
        rough_mm=0.4,
        grain_mm=7.0,
        step_mm=1.0,
    )


def _arch(one: Vertebra, column: Column) -> list[Balls]:
    """Return pedicles, pillars with their facets, laminae, spinous and transverse processes."""
    d, u, half = one.wall_mm, one.pedicle_u_mm, one.height_mm / 2
    lumbar = one.level.startswith("L")
    parts = [_spinous(one, column.drop_mm.get(one.level))]
    for side in one.sides:
        s = side
        thick = one.pedicle_mm
        pedicle = [
            [
                [s * (u - 1), d - 6, w, thick * 1.1],
                [s * u, d + 3, w, thick],
                [s * u, d + 11, w, thick],
            ]
            for w in (half - 5.5, half - 10.5)
        ]
        pillar = [
            [s * (u + 1.5), d + 9, half + 9, 4.0],
            [s * (u + 0.5), d + 11, half - 4, 4.8],
            [s * (u - 1.5), d + 14, -2, 4.0],
            [s * (u - 3.5), d + 18, -half - 7, 4.6],
        ]
        lamina = [
            [[s * (u - 1), d + 13, w, 3.4], [s * 8, d + 20, w - 2, 3.0], [0, d + 24, w - 4, 3.0]]
            for w in (7.5, -2.0, -11.5)
        ]
        if lumbar:
            reach = {"L1": 36.0, "L2": 40.0, "L3": 44.0, "L4": 41.0, "L5": 40.0}[one.level]
            transverse = [
                [s * (u - 1), d + 9, 4, 5.2 if one.level != "L5" else 7.5],
                [s * (u + 9), d + 11, 5, 3.6 if one.level != "L5" else 6.0],
                [s * reach, d + 15, 7, 2.8 if one.level != "L5" else 4.0],
            ]
        elif one.level in column.transverse_mm:
            reach = column.transverse_mm[one.level]
            transverse = [
                [s * u, d + 11, 4, 4.5],
                [s * (u + reach) / 2, d + 16.5, 4.5, 3.6],
                [s * reach, d + 21, 5, 4.4],
            ]
        else:
            transverse = [[s * u, d + 11, 4, 4.5], [s * (u + 8), d + 18, 5, 4.2]]
        parts += [sheet(pedicle), chain(pillar), sheet(lamina), chain(transverse)]
    return [Balls(one.frame.lps(p.centres_lps_mm), p.radii_mm) for p in parts]


def _spinous(one: Vertebra, drop_mm: float | None) -> Balls:
    d = one.wall_mm
    usual = 0.0 if one.level.startswith("L") else 8.0  # thoracic processes point downwards
    drop = usual if drop_mm is None else drop_mm
    reach = {"L5": 44.0, "T11": 44.0, "T10": 44.0}.get(one.level, 50.0)
    rows = [
        [[0, d + 23, top, 3.0], [0, (2 * d + 23 + reach) / 2, top - 2 - drop, 2.7], tip]
        for top, tip in (
            (-1.0, [0, d + reach, -4.0 - 2 * drop, 3.2]),
            (-7.0, [0, d + reach + 1, -11.0 - 1.6 * drop, 3.8]),
            (-13.0, [0, d + reach - 1, -18.0 - 1.2 * drop, 3.8]),
        )
    ]
    return sheet(rows)


def canal_line(column: Column = LOWER) -> FloatArray:
    """Return the middle of the canal, by falling z.

    Parameters
    ----------
    column : Column
        Of which body; the lower trunk by default.

    Returns
    -------
    numpy.ndarray
        Shape (n, 3), LPS millimetres, from 60 mm above the first level to S1, or to 60 mm below
        the last level of a column that is cut off.
    """
    rows = list(vertebrae(column).values())
    points = [
        one.frame.lps([0.0, one.wall_mm + CANAL_DEPTH_MM, w])
        for one in rows
        for w in (one.height_mm / 2, -one.height_mm / 2)
    ]
    points.insert(0, points[0] + rows[0].frame.axes_lps[2] * 60)
    if column.ends_at_sacrum:
        points.append(sacral_top().lps([0.0, 16 + CANAL_DEPTH_MM, 0.0]))
    else:
        points.append(points[-1] - rows[-1].frame.axes_lps[2] * 60)
    return np.array(points)


def _along_canal(columns: ArrayLike, column: Column) -> Balls:
    """Return a sheet that follows the canal; a column is (u, v, radius)."""
    middle = canal_line(column)
    net = [
        [[point[0] + u, point[1] + v, point[2], r] for u, v, r in np.asarray(columns, dtype=float)]
        for point in middle
    ]
    return sheet(net)


@cache
def canal_shape(column: Column = LOWER) -> Shape:
    """Return the spinal canal: a rounded triangle, flat in front.

    Parameters
    ----------
    column : Column
        Of which body; the lower trunk by default.

    Returns
    -------
    Shape
        With all it holds.
    """
    side = column.canal_half_width_mm - 6.2
    rods = [(-side, -1.0, 6.2), (0.0, 1.2, 7.8), (side, -1.0, 6.2)]
    return Shape((_along_canal(rods, column),), step_mm=1.0)


@cache
def sac_shape(column: Column = LOWER) -> Shape:
    """Return the dural sac.

    Parameters
    ----------
    column : Column
        Of which body; the lower trunk by default.

    Returns
    -------
    Shape
        With fluid, cord and roots.
    """
    apart, radius = column.sac
    return Shape(
        (_along_canal([(-apart, -0.6, radius), (apart, -0.6, radius)], column),), step_mm=1.0
    )


@cache
def cord_shape(column: Column = LOWER) -> Shape:
    """Return the cord, ending in a cone behind the body named CORD_END.

    Parameters
    ----------
    column : Column
        Of which body; the lower trunk by default.

    Returns
    -------
    Shape
        Oval across.
    """
    line = canal_line(column)
    apart, radius = column.cord
    end = vertebrae(column)[CORD_END]
    tip = end.frame.lps([0.0, end.wall_mm + CANAL_DEPTH_MM - 1, -end.height_mm / 2])
    above = line[line[:, 2] > tip[2] + 20]
    rows = [[x, y - 0.8, z, radius] for x, y, z in above] + [[*tip, 0.8]]
    left = chain(rows).moved([apart, 0, 0])
    return Shape((together(left, chain(rows).moved([-apart, 0, 0])),), step_mm=1.0)


def _cauda() -> Shape:
    """Return the roots of the cauda equina, lying on the back of the sac."""
    line = canal_line()
    start = vertebrae()["L1"].frame.centre_lps_mm[2]
    below = line[line[:, 2] < start]
    strands = [
        (-3.6, 1.6), (-2.0, 2.8), (-0.4, 3.2), (1.3, 3.0), (2.9, 2.2), (4.1, 0.8), (-4.4, 0.2),
        (0.6, 1.4), (-1.4, 1.0), (2.4, 0.2),
    ]  # fmt: skip
    return Shape(
        (together(*(chain([[x + u, y + v, z, 0.9] for x, y, z in below]) for u, v in strands)),),
        step_mm=0.8,
    )


def root_line(level: str, side: float) -> FloatArray:
    """Return the course of the root that leaves below a vertebra.

    Parameters
    ----------
    level : str
        Vertebra whose pedicle the root passes under.
    side : float
        −1 right, 1 left.

    Returns
    -------
    numpy.ndarray
        Shape (5, 4): LPS millimetres and radius; the ganglion is the thickest.
    """
    one = vertebrae()[level]
    d, half, s = one.wall_mm, one.height_mm / 2, side
    ahead = 18.0 if level == "L5" else 0.0  # L5 crosses the sacral ala in front
    rows = [
        [s * 6.5, d + CANAL_DEPTH_MM - 2, half - 6, ROOT_RADIUS_MM * 0.8],
        [s * (one.pedicle_u_mm - 5), d + 5.5, -half * 0.25, ROOT_RADIUS_MM],
        [s * (one.pedicle_u_mm + 1.5), d + 4.5, -half * 0.62, GANGLION_RADIUS_MM],
        [s * (one.pedicle_u_mm + 11), d - 2 - ahead / 2, -half - 4, ROOT_RADIUS_MM * 1.1],
        [s * (one.pedicle_u_mm + 18), d - 7 - ahead, -half - 19, ROOT_RADIUS_MM],
    ]
    return one.frame.lps(rows)


def _foramen(one: Vertebra, side: float) -> Shape:
    d, half, u = one.wall_mm, one.height_mm / 2, one.pedicle_u_mm
    rows = [
        [
            [side * (u - 6), d + 6, w, 5.0],
            [side * (u + 1), d + 5.5, w, 5.2],
            [side * (u + 7), d + 3, w, 4.6],
        ]
        for w in (-half * 0.45, -half - one.disc_mm * 0.5)
    ]
    part = sheet(rows)
    return Shape((Balls(one.frame.lps(part.centres_lps_mm), part.radii_mm),), step_mm=1.25)


def _disc(one: Vertebra, lower: Frame, lower_height_mm: float, width_mm: float) -> Shape:
    """Return the disc between a body and what lies below, a little thicker than the gap."""
    top = one.frame.centre_lps_mm - one.frame.axes_lps[2] * one.height_mm / 2
    bottom = lower.centre_lps_mm + lower.axes_lps[2] * lower_height_mm / 2
    frame = Frame((top + bottom) / 2, (one.frame.tilt_deg + lower.tilt_deg) / 2)
    return Shape(
        (
            Oval(
                frame.centre_lps_mm,
                (width_mm / 2 + 0.5, one.depth_mm / 2 + 0.5, one.disc_mm / 2 + 4.5),
                frame.axes_lps,
                power=2.4,
                axis_power=8.0,
                notch=0.06,
            ),
        ),
        step_mm=1.25,
    )


def discs(column: Column = LOWER) -> list[Layer]:
    """Return the discs between the vertebrae, and that on the sacrum.

    Parameters
    ----------
    column : Column
        Of which body; the lower trunk by default.

    Returns
    -------
    list of Layer
        From head to foot.
    """
    levels = list(vertebrae(column).values())
    layers = [
        Layer(
            f"disc_{upper.level}_{lower.level}",
            _disc(upper, lower.frame, lower.height_mm, (upper.width_mm + lower.width_mm) / 2),
            model.DISC,
        )
        for upper, lower in pairwise(levels)
    ]
    if not column.ends_at_sacrum:
        return layers
    last = levels[-1]
    return [
        *layers,
        Layer("disc_L5_S1", _disc(last, sacral_top(), 0.0, last.width_mm - 1), model.DISC),
    ]


def bones(collapsed: tuple[str, float] | None = None, column: Column = LOWER) -> list[Layer]:
    """Return the vertebrae; cartilage keeps the joints of their arches apart.

    Parameters
    ----------
    collapsed : tuple of str and float, optional
        A level, and the percent of height its front has lost; the disc above fills the gap.
    column : Column
        Of which body; the lower trunk by default.

    Returns
    -------
    list of Layer
        From head to foot.
    """
    lost = dict([collapsed]) if collapsed else {}
    layers = [
        Layer(
            f"vertebrae_{level}",
            bone_shape(level, lost.get(level, 0.0), column),
            model.CANCELLOUS,
            0.9,
            60.0,
        )
        for level in column.sizes
    ]
    for upper, lower in pairwise(column.sizes):
        if lost.get(lower):
            body = Shape((replace(body_oval(lower, column), waist=0.0, dent=0.0),), step_mm=1.0)
            gap = replace(lost_height(lower, lost[lower], column), inside=(body,))
            layers.append(Layer(f"disc_{upper}_{lower}", gap, model.DISC))
    return layers


def foramina(column: Column = LOWER) -> list[Layer]:
    """Return the fat of the foramina, to be painted before the bones.

    Parameters
    ----------
    column : Column
        Of which body; the lower trunk by default.

    Returns
    -------
    list of Layer
        Both sides of each level.
    """
    return [
        Layer("", _foramen(one, side), model.EPIDURAL_FAT)
        for one in vertebrae(column).values()
        for side in (-1, 1)
    ]


def nerves() -> list[Layer]:
    """Return canal, sac, cord, cauda and the roots with their ganglia."""
    layers = [
        Layer("spinal_canal", canal_shape(), model.EPIDURAL_FAT),
        Layer("spinal_canal", sac_shape(), model.CSF),
        Layer("spinal_canal", _cauda(), model.NERVE),
        Layer("spinal_cord", cord_shape(), model.CORD),
    ]
    for level in SIZES:
        for side, name in ((-1.0, "right"), (1.0, "left")):
            shape = Shape((chain(root_line(level, side)),), step_mm=0.8)
            layers.append(Layer(f"nerve_root_{level}_{name}", shape, model.NERVE))
    return layers
