"""Sacrum and hip bones.

Control points are given from the centre of the upper endplate of S1. Landmarks follow the pelvis of
an adult man: hip centres 176 mm apart, 25 mm in front of and 112 mm below that endplate
(pelvic incidence about 50° [BG]).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from imaging.geometry import FloatArray, unit
from imaging.phantom import model
from imaging.phantom.model import Layer
from imaging.phantom.sampling import chain, sheet, together
from imaging.phantom.solids import Balls, Oval, Shape
from imaging.phantom.spine import sacral_top
from imaging.phantom.vertebra import Frame

HEAD_FROM_S1_MM = (88.0, -25.0, -112.0)
SOCKET_RADIUS_MM = 27.0  # head and 3 mm of cartilage
SOCKET_WALL_MM = 4.5  # half thickness
SOCKET_OPENS_LPS = (0.75, -0.35, -0.56)

# segment: height, tilt, half depth, half width with the alae
SACRUM = (
    (30.0, 39.0, 16.0, 61.0),
    (25.0, 46.0, 12.5, 57.0),
    (21.0, 32.0, 9.5, 46.0),
    (18.0, 8.0, 7.5, 33.0),
    (16.0, -22.0, 6.0, 21.0),
    (24.0, -48.0, 4.0, 8.0),  # coccyx
)

# Wing of the ilium from front to back, at the brim, in the fossa, above it and at the crest:
# left, back, up from S1, half thickness.
WING = (
    ((104, -60, -74, 7), (99, -42, -84, 10), (85, -18, -80, 10), (66, 4, -66, 9), (57, 25, -58, 9),
     (50, 52, -60, 6)),
    ((113, -66, -56, 5), (116, -44, -52, 5), (102, -16, -46, 4.0), (73, 11, -40, 8),
     (61, 29, -38, 10), (52, 57, -48, 7)),
    ((119, -70, -42, 4.5), (128, -42, -20, 3.2), (121, -10, 0, 2.3), (88, 20, 2, 4.5),
     (66, 36, -14, 9), (51, 61, -36, 7)),
    ((122, -71, -34, 5), (138, -42, 8, 6.0), (131, -6, 40, 4.8), (106, 29, 40, 5.2),
     (74, 52, 12, 7), (50, 64, -26, 7)),
)  # fmt: skip


def from_s1(points: ArrayLike) -> FloatArray:
    """Return places given from the centre of the upper endplate of S1.

    Parameters
    ----------
    points : array_like
        Shape (..., 3 or more): left, back, up, and columns that stay as they are.

    Returns
    -------
    numpy.ndarray
        Same shape, LPS millimetres.
    """
    rows = np.array(points, dtype=float)
    rows[..., :3] += sacral_top().centre_lps_mm
    return rows


@cache
def segments() -> tuple[Frame, ...]:
    """Return the frames of S1 to S5 and the coccyx: origin at the top of each, in its middle."""
    frames = []
    place = sacral_top().centre_lps_mm
    for height, tilt, _, _ in SACRUM:
        frame = Frame(place, tilt)
        frames.append(frame)
        place = place - frame.axes_lps[2] * height
    return tuple(frames)


def _sacrum_rows() -> list[tuple[Frame, float, float]]:
    """Return frame, half depth and half width from the top of S1 to the tip."""
    frames = segments()
    rows = []
    for frame, (_, _, depth, width) in zip(frames, SACRUM, strict=True):
        rows.append((frame, depth, width))
    last = frames[-1].centre_lps_mm - frames[-1].axes_lps[2] * SACRUM[-1][0]
    rows.append((Frame(last, SACRUM[-1][1]), 3.0, 4.0))
    return rows


def _sacrum_body() -> Balls:
    net = []
    for n, (frame, depth, width) in enumerate(_sacrum_rows()):
        drop = 1.0 - depth if n == 0 else 0.0  # the upper face of S1 is flat: balls end at it
        edge = max(depth * 0.62, 3.0)
        side = width - edge
        lean = 0.14 * width
        row = [
            [s * side * f, lean * f**1.5 + (1 - 0.2 * f) * 2, drop * (1 - 0.35 * f), r]
            for s, f, r in (
                (-1, 1.0, edge), (-1, 0.62, depth * 0.86), (-1, 0.3, depth), (1, 0.0, depth),
                (1, 0.3, depth), (1, 0.62, depth * 0.86), (1, 1.0, edge),
            )
        ]  # fmt: skip
        net.append(frame.lps(row))
    return sheet(np.array(net), gap_mm=1.4)


def _sacrum_back() -> Balls:
    """Return the plate behind the sacral canal with its median and lateral crests."""
    net = []
    crest = []
    top = segments()[0]
    facets = [
        chain(top.lps([[s * 21, 30, -8, 6.5], [s * 21.5, 28, 2, 5], [s * 22.5, 25, 11, 4]]))
        for s in (-1, 1)
    ]
    for frame, depth, width in _sacrum_rows()[:5]:
        behind = depth + 15.0
        half = min(width * 0.55, 24.0)
        columns = ((-half, -6, 4.5), (-10, -1, 3.2), (0, 1.5, 3.2), (10, -1, 3.2), (half, -6, 4.5))
        row = [[u, behind + dv, -4.0, r] for u, dv, r in columns]
        net.append(frame.lps(row))
        crest.append(frame.lps([0.0, behind + 6.0, -6.0, 3.6]))
    lateral = [
        chain([frame.lps([s * min(w * 0.62, 31), d + 8, -6.0, 7.5]) for frame, d, w in
               _sacrum_rows()[:5]])
        for s in (-1, 1)
    ]  # fmt: skip
    return together(sheet(np.array(net)), chain(crest), *lateral, *facets)


@cache
def sacral_canal() -> Shape:
    """Return the canal of the sacrum, ending at S4."""
    line = [
        [frame.lps([u, depth + 7.5, 0.0, r]) for u, r in ((-6.5, 4.5), (0.0, 5.5), (6.5, 4.5))]
        for frame, depth, _ in _sacrum_rows()[:5]
    ]
    return Shape((sheet(np.array(line)),), step_mm=1.25)


def _sacral_roots(radius_mm: float) -> Balls:
    """Return the ways from the canal through the anterior foramina, S1 to S4, both sides."""
    ways = []
    for n, frame in enumerate(segments()[1:5]):
        depth = SACRUM[n + 1][2]
        out = 20.0 - 2.5 * n
        for s in (-1, 1):
            rows = [
                [s * 7, depth + 6, 8, radius_mm * 0.9],
                [s * (out - 3), depth - 1, 4, radius_mm],
                [s * out, -depth + 1, 0, radius_mm * 1.1],
                [s * (out + 3), -depth - 9, -6, radius_mm],
            ]
            ways.append(chain(frame.lps(rows)))
    return together(*ways)


def _back_foramina() -> Balls:
    ways = []
    for n, frame in enumerate(segments()[1:5]):
        depth = SACRUM[n + 1][2]
        for s in (-1, 1):
            u = 17.0 - 1.5 * n
            ways.append(
                chain(frame.lps([[s * (u - 3), depth + 3, 3, 3.0], [s * u, depth + 24, 1, 3.2]]))
            )
    return together(*ways)


@cache
def sacrum_shape() -> Shape:
    """Return the solid of the sacrum with the coccyx."""
    bodies = tuple(
        Oval(
            frame.lps([0.0, 0.0, -height / 2]),
            (24.5 - 5 * n, depth + 0.5, height / 2),
            frame.axes_lps,
            power=2.4,
            axis_power=7.0,
            dent=0.05,
        )
        for n, (frame, (height, _, depth, _)) in enumerate(
            zip(segments()[:2], SACRUM, strict=False)
        )
    )
    return Shape(
        (*bodies, _sacrum_body(), _sacrum_back()),
        minus=(sacral_canal(), Shape((_sacral_roots(4.4),)), Shape((_back_foramina(),))),
        blend_mm=3.0,
        soften_mm=0.6,
        rough_mm=0.15,
        step_mm=1.25,
    )


def wing_net(away_mm: float = 0.0, half_mm: float | None = None) -> FloatArray:
    """Return control points of the left iliac wing, or of a muscle that lies on it.

    Parameters
    ----------
    away_mm : float
        Shift to the gluteal side (positive) or into the pelvis (negative).
    half_mm : float, optional
        Half thickness everywhere; that of the bone by default.

    Returns
    -------
    numpy.ndarray
        Shape (4, 6, 4), LPS millimetres and half thickness.
    """
    net = from_s1(WING)
    along = np.gradient(net[..., :3], axis=1)
    up = np.gradient(net[..., :3], axis=0)
    out = np.cross(up, along)
    out /= np.linalg.norm(out, axis=-1, keepdims=True)
    out *= np.sign(out[..., :1])  # the gluteal side looks to the left
    net[..., :3] += out * away_mm
    if half_mm is not None:
        net[..., 3] = half_mm
    return net


def head_centre() -> FloatArray:
    """Return the centre of the left femoral head."""
    return from_s1(HEAD_FROM_S1_MM)


def _socket() -> Balls:
    opens = unit(SOCKET_OPENS_LPS)
    n = np.arange(5200) + 0.5
    polar, turn = np.arccos(1 - 2 * n / len(n)), np.pi * (1 + 5**0.5) * n
    ways = np.stack(
        [np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], axis=1
    )
    ways = ways[ways @ opens < 0.18]
    # the notch below stays open, the floor is thin
    ways = ways[~((ways[:, 2] < -0.55) & (np.abs(ways[:, 1] + 0.1) < 0.35))]
    wall = np.where(ways @ opens < -0.75, 2.6, SOCKET_WALL_MM)
    centres = head_centre() + ways * (SOCKET_RADIUS_MM + wall)[:, None]
    return Balls(centres, wall)


def _lower_hip() -> list[Balls]:
    """Return ischium and pubis around the obturator foramen."""
    ischium = [
        (76, 4, -98, 12), (72, 14, -124, 12), (70, 17, -146, 12), (66, 8, -168, 13.5),
        (58, -6, -180, 9.5), (40, -34, -170, 6), (20, -58, -152, 6.5), (10, -68, -142, 7),
    ]  # fmt: skip
    upper = [(90, -46, -92, 9), (66, -60, -102, 8), (44, -70, -108, 6.5), (18, -76, -118, 7.5)]
    symphysis = [[(10.5, -77, z, 8.0), (10.0, -70, z - 2, 7.5)] for z in (-120, -133, -146)]
    spine = [(67, 18, -122, 6), (56, 28, -128, 3.0), (49, 31, -131, 2.2)]
    roof = [(94, -34, -82, 11), (92, -28, -80, 11), (82, -10, -88, 12), (76, 4, -100, 12)]
    return [
        chain(from_s1(ischium)),
        chain(from_s1(upper)),
        sheet(from_s1(symphysis)),
        chain(from_s1(spine)),
        chain(from_s1(roof)),
    ]


def socket_space() -> Shape:
    """Return the hollow of the left hip joint: head and cartilage."""
    return Shape((Balls(head_centre()[None], np.array([SOCKET_RADIUS_MM])),), step_mm=1.25)


@cache
def _left_hip_balls() -> Balls:
    return together(sheet(wing_net(), gap_mm=1.2), _socket(), *_lower_hip())


def hip_shape(side: float) -> Shape:
    """Return the solid of a hip bone.

    Parameters
    ----------
    side : float
        −1 right, 1 left.

    Returns
    -------
    Shape
        Ilium, ischium and pubis.
    """
    balls = _left_hip_balls()
    space = socket_space()
    sacrum = Shape(sacrum_shape().parts, blend_mm=3.0, soften_mm=0.6, grow_mm=2.2, step_mm=1.25)
    if side < 0:
        balls, space = balls.mirrored(), Shape((_one_ball(space).mirrored(),), step_mm=1.25)
    return Shape(
        (balls,), minus=(space, sacrum), soften_mm=1.0, rough_mm=0.15, grain_mm=6.0, step_mm=1.25
    )


def _one_ball(shape: Shape) -> Balls:
    part = shape.parts[0]
    if not isinstance(part, Balls):
        message = "the hollow of the hip is a ball"
        raise TypeError(message)
    return part


def bones() -> list[Layer]:
    """Return sacrum and hips."""
    hips = [
        Layer(f"hip_{name}", hip_shape(side), model.CANCELLOUS_FATTY, 0.6, 30.0)
        for side, name in ((1.0, "left"), (-1.0, "right"))
    ]
    return [Layer("sacrum", sacrum_shape(), model.CANCELLOUS_FATTY, 0.8, 40.0), *hips]


def joints() -> list[Layer]:
    """Return symphysis and capsules of the hips, to be painted before the bones."""
    disc = [[(0, -78, z, 5.0), (0, -68, z, 5.0)] for z in (-118, -132, -147)]
    layers = [Layer("symphysis", Shape((sheet(from_s1(disc)),)), model.CARTILAGE)]
    for side in (1.0, -1.0):
        capsule = Balls(head_centre()[None], np.array([30.0]))
        layers.append(
            Layer("", Shape((capsule if side > 0 else capsule.mirrored(),)), model.CARTILAGE)
        )
    return layers


def nerves() -> list[Layer]:
    """Return the sacral canal with its fat, and the sacral roots in their foramina."""
    return [
        Layer("", Shape((_sacral_roots(4.2),), step_mm=1.25), model.EPIDURAL_FAT),
        Layer("", Shape((_back_foramina(),), step_mm=1.25), model.EPIDURAL_FAT),
        Layer("spinal_canal", sacral_canal(), model.EPIDURAL_FAT),
        Layer("nerve_root_sacral", Shape((_sacral_roots(2.0),), step_mm=0.8), model.NERVE),
    ]
