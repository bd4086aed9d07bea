"""Organs, bowel and vessels of the abdomen and the pelvis."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from imaging.geometry import FloatArray
from imaging.phantom import model
from imaging.phantom.model import Layer, Tissue
from imaging.phantom.pelvis import head_centre
from imaging.phantom.sampling import chain, line, together
from imaging.phantom.soft_tissue import cavity_shape
from imaging.phantom.solids import Balls, Oval, Shape
from imaging.phantom.spine import sacral_top
from imaging.phantom.thorax import domes

BOWEL_SEED = 12


def _turned(x_deg: float = 0.0, y_deg: float = 0.0, z_deg: float = 0.0) -> FloatArray:
    """Return unit axes as rows, turned about x, then y, then z."""
    a, b, c = np.deg2rad([x_deg, y_deg, z_deg])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return np.asarray((about_z @ about_y @ about_x).T)


def _by(place: FloatArray, left_mm: float, back_mm: float, up_mm: float) -> FloatArray:
    """Return a place moved by lengths."""
    moved: FloatArray = place + np.array([left_mm, back_mm, up_mm])
    return moved


def _oval(
    centre: ArrayLike, half: tuple[float, float, float], axes: FloatArray | None = None
) -> Oval:
    frame = np.eye(3) if axes is None else axes
    return Oval(np.asarray(centre, dtype=float), half, frame)


def organs() -> list[Layer]:
    """Return liver, spleen, stomach, pancreas and gallbladder, under the diaphragm."""
    under = (domes(), cavity_shape(-1.0))
    liver = Shape(
        (
            _oval((-72, -36, 118), (66, 82, 92)),
            _oval((-88, -26, 72), (38, 58, 56), _turned(y_deg=-6)),
            _oval((-10, -78, 140), (70, 40, 46)),
        ),
        inside=under,
        minus=(Shape((_oval((-14, 18, 110), (36, 36, 150)),)),),
        blend_mm=14.0,
        rough_mm=0.8,
        grain_mm=30.0,
        step_mm=2.0,
    )
    spleen = Shape(
        (_oval((94, 12, 128), (27, 52, 52), _turned(x_deg=12, z_deg=38)),),
        inside=under,
        minus=(Shape((_oval((62, 2, 120), (26, 40, 60)),)),),
        rough_mm=0.8,
        grain_mm=24.0,
        step_mm=2.0,
    )
    course = [(74, -28, 175, 34), (70, -50, 135, 34), (52, -74, 96, 30), (18, -82, 78, 24),
              (-18, -74, 82, 17), (-34, -58, 84, 12)]  # fmt: skip
    stomach = Shape((chain(course, gap_mm=2.0),), inside=under, step_mm=2.0, rough_mm=0.8)
    pancreas = [(-36, -36, 58, 13), (-24, -40, 66, 13), (2, -44, 78, 9), (34, -32, 88, 10),
                (66, -14, 98, 10), (82, -2, 104, 7)]  # fmt: skip
    gall = Oval(np.array([-58.0, -78.0, 70.0]), (15.0, 19.0, 32.0), _turned(x_deg=20))
    return [
        Layer("stomach", stomach, Tissue(28.0, 12.0, (6.0, 6.0, 6.0), 45.0, 3.5), 1.0),
        Layer("bowel_gas", _gas(course, 0.82, -0.05), model.BOWEL_GAS),
        Layer("liver", liver, model.LIVER, 1.0),
        Layer("gallbladder", Shape((gall,), step_mm=1.5), model.BILE, 1.2, 40.0),
        Layer("spleen", spleen, model.SPLEEN, 1.0),
        Layer(
            "pancreas",
            Shape((chain(pancreas),), rough_mm=1.2, grain_mm=7.0, step_mm=1.25),
            model.PANCREAS,
            1.0,
        ),
    ]


def kidneys() -> list[Layer]:
    """Return kidneys with their sinus and pelvis, the fascia around their fat, and the ureters."""
    layers: list[Layer] = []
    for side, name, z, y in ((1.0, "left", 62.0, 22.0), (-1.0, "right", 46.0, 22.0)):
        place = np.array([side * 66.0, y, z])
        axes = _turned(x_deg=-8, y_deg=side * 10, z_deg=side * -32)
        room = Shape((_oval(place, (43.0, 35.0, 78.0), axes),), step_mm=2.0)
        hilum = place + np.array([-side * 24.0, -14.0, 0.0])
        kidney = Shape(
            (_oval(place, (28.0, 25.0, 56.0), axes),),
            minus=(Shape((_oval(hilum, (13.0, 15.0, 19.0)),)),),
            soften_mm=1.5,
            rough_mm=0.7,
            grain_mm=18.0,
            step_mm=1.5,
        )
        centre = place + np.array([-side * 7.0, -4.0, 0.0])
        sinus = Shape((_oval(centre, (13.0, 9.5, 26.0), axes),), rough_mm=3.0, grain_mm=9.0)
        pelvis = chain([(*centre, 4.5), (*_by(hilum, side * 6, 2, -2), 5.5),
                        (*_by(hilum, -side * 3, 0, -12), 3.5)])  # fmt: skip
        ureter = chain([(*_by(hilum, -side * 3, 0, -12), 3.0), (side * 38, -22, -20, 2.4),
                        (side * 42, -34, -90, 2.4), (side * 50, -20, -150, 2.4),
                        (side * 22, -40, -196, 2.4)])  # fmt: skip
        layers += [
            Layer("", room, model.PERIRENAL),
            Layer(f"kidney_{name}", kidney, model.KIDNEY, 0.6),
            Layer("", sinus, model.FAT),
            Layer(f"ureter_{name}", Shape((pelvis,)), model.URINE),
            Layer(f"ureter_{name}", Shape((ureter,)), Tissue(20.0), 0.6),
        ]
    return layers


def _gas(course: ArrayLike, size: float, level: float) -> Shape:
    """Return the gas in front of the level in a loop with this course."""
    rows = np.array(course, dtype=float)
    rows[:, 3] *= size
    return Shape((chain(rows, level=level, gap_mm=2.0),), step_mm=1.5)


def _haustra(course: ArrayLike) -> Balls:
    """Return a colon: a chain with sacculations about 32 mm long."""
    rows = np.array(course, dtype=float)
    balls = chain(rows, gap_mm=1.5)
    steps = np.linalg.norm(np.diff(balls.centres_lps_mm, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    ripple = 1.0 + 0.13 * np.cos(2 * np.pi * along / 32.0)
    return Balls(balls.centres_lps_mm, balls.radii_mm * ripple)


def colon() -> list[Layer]:
    """Return the frame of the colon with stool and gas, sigmoid and rectum."""
    ascending = [(-92, -52, -118, 24), (-104, -38, -80, 27), (-104, -26, -30, 23),
                 (-102, -24, 15, 21), (-94, -38, 42, 20)]  # fmt: skip
    transverse = [(-94, -38, 42, 20), (-72, -82, 26, 20), (-30, -96, 6, 19), (20, -98, 4, 18),
                  (66, -86, 34, 18), (94, -44, 74, 17), (100, -16, 78, 15)]  # fmt: skip
    descending = [(100, -16, 78, 15), (108, -10, 40, 14), (108, -14, -10, 13), (106, -26, -60, 13),
                  (94, -56, -110, 13)]  # fmt: skip
    sigmoid = [(94, -56, -110, 13), (64, -82, -142, 14), (22, -74, -120, 15), (-18, -52, -132, 15),
               (-10, -22, -168, 15), (0, 18, -182, 15)]  # fmt: skip
    rectum = [(0, 18, -182, 15), (0, 38, -208, 19), (0, 30, -236, 19), (0, 14, -262, 11)]
    layers = []
    for course, size, level in (
        (ascending, 0.72, -0.05),
        (transverse, 0.80, 0.25),
        (descending, 0.5, 0.1),
        (sigmoid, 0.72, 0.0),
        (rectum, 0.6, -0.3),
    ):
        tube = Shape((_haustra(course),), rough_mm=0.9, grain_mm=9.0, step_mm=1.5)
        layers += [
            Layer("colon", tube, model.COLON, 0.8),
            Layer("bowel_gas", _gas(course, size, level), model.BOWEL_GAS),
        ]
    return layers


def small_bowel() -> list[Layer]:
    """Return loops of small bowel that wind through the room between colon and spine."""
    rng = np.random.default_rng(BOWEL_SEED)
    layers = [Layer("duodenum", Shape((chain(_duodenum()),), rough_mm=0.8), model.SMALL_BOWEL, 0.8)]
    for n, z in enumerate(np.linspace(38, -172, 15)):
        wide = np.interp(z, [-172, -110, -40, 38], [44, 60, 74, 62])
        depth = np.interp(z, [-172, -40, 38], [-58, -58, -62])
        xs = np.linspace(-wide, wide, 7) * (1 if n % 2 else -1)
        sway = 24.0 * np.sin(np.arange(7) * 2.1 + n * 1.3)
        lift = 9.0 * np.cos(np.arange(7) * 1.7 + n)
        radius = rng.uniform(9.0, 12.5, 7)
        rows = np.stack([xs, depth + sway, z + lift, radius], axis=1)
        tube = Shape((chain(rows, gap_mm=1.5),), rough_mm=0.9, grain_mm=6.0, step_mm=1.5)
        layers.append(Layer("small_bowel", tube, model.SMALL_BOWEL, 0.8))
        if n % 4 == 1:
            layers.append(Layer("bowel_gas", _gas(rows[2:5], 0.72, -0.1), model.BOWEL_GAS))
    return layers


def _duodenum() -> list[tuple[float, float, float, float]]:
    return [(-34, -56, 84, 12), (-48, -38, 66, 12), (-50, -30, 36, 12), (-36, -28, 6, 12),
            (0, -40, 2, 10), (30, -36, 14, 11), (38, -44, 40, 11)]  # fmt: skip


def pelvic_organs() -> list[Layer]:
    """Return bladder, seminal vesicles and prostate."""
    low = sacral_top().centre_lps_mm
    bladder = Oval(_by(low, 0, -54, -104), (40.0, 27.0, 28.0), power=2.3)
    prostate = Oval(_by(low, 0, -40, -142), (22.0, 16.0, 18.0))
    glands = together(
        *(
            chain([(*_by(low, s * 4, -26, -120), 5), (*_by(low, s * 28, -18, -112), 5)])
            for s in (-1, 1)
        )
    )
    return [
        Layer("prostate", Shape((prostate,), rough_mm=0.6, step_mm=1.5), model.PROSTATE, 1.0),
        Layer("", Shape((glands,), rough_mm=0.9), model.PROSTATE, 0.8),
        Layer("urinary_bladder", Shape((bladder,), rough_mm=0.6, step_mm=1.5), model.URINE, 1.0),
    ]


def vessels() -> list[Layer]:
    """Return aorta, inferior vena cava and what leaves and joins them, with some calcium."""
    head = head_centre()
    aorta = [(9, -10, 240, 12), (7, -14, 130, 11), (6, -26, 60, 10), (5, -30, 0, 9.5),
             (3, -28, -34, 9)]  # fmt: skip
    cava = [(-20, -38, 240, 12), (-22, -34, 130, 12), (-20, -30, 60, 12), (-17, -31, 0, 11),
            (-14, -24, -46, 11)]  # fmt: skip
    layers: list[Layer] = []
    renal: list[tuple[Tissue, str, ArrayLike]] = [
        (model.VEIN, "inferior_vena_cava", [(-16, -34, 64, 5), (20, -40, 64, 4.5), (42, 6, 60, 4)]),
        (model.VEIN, "inferior_vena_cava", [(-22, -30, 52, 5), (-42, 6, 48, 4)]),
        (model.BLOOD, "aorta", [(8, -24, 58, 3.2), (30, -8, 58, 3), (42, 8, 60, 2.6)]),
        (model.BLOOD, "aorta", [(4, -24, 56, 3.2), (-22, -12, 54, 3), (-42, 8, 50, 2.6)]),
        (model.BLOOD, "superior_mesenteric_artery",
         [(5, -34, 74, 4), (4, -48, 62, 4), (2, -52, 20, 3.6), (-6, -56, -40, 2.6)]),
        (model.VEIN, "portal_vein_and_splenic_vein",
         [(-9, -56, -40, 3), (-8, -52, 20, 5), (-8, -46, 66, 6), (-26, -40, 100, 6.5)]),
    ]  # fmt: skip
    for tissue, name, course in renal:
        layers.append(Layer(name, Shape((chain(course),)), tissue, 0.8))
    for side, name in ((1.0, "left"), (-1.0, "right")):
        artery, vein, inner = _iliacs(side, head)
        layers += [
            Layer(f"iliac_vena_{name}", Shape((chain(vein),)), model.VEIN, 0.9),
            Layer(f"iliac_vena_{name}", Shape((chain(inner[1]),)), model.VEIN, 0.8),
            Layer(f"iliac_artery_{name}", Shape((chain(artery),)), model.BLOOD, 0.9),
            Layer(f"iliac_artery_{name}", Shape((chain(inner[0]),)), model.BLOOD, 0.8),
        ]
    layers += [
        Layer("inferior_vena_cava", Shape((chain(cava),)), model.VEIN, 1.0),
        Layer("aorta", Shape((chain(aorta),)), model.BLOOD, 1.0),
    ]
    plaques = together(
        *(
            Balls(line([[5 + 9 * np.cos(a), -29 + 9 * np.sin(a), z],
                        [5 + 9 * np.cos(a + 0.7), -29 + 9 * np.sin(a + 0.7), z + 5]], 7),
                  np.full(7, 1.0))
            for a, z in ((0.6, -14.0), (2.2, 6.0), (1.3, -24.0), (-0.5, 20.0))
        )
    )  # fmt: skip
    layers.append(Layer("aorta", Shape((plaques,), step_mm=0.8), model.CALCIFICATION))
    return layers


def _iliacs(
    side: float, head: FloatArray
) -> tuple[ArrayLike, ArrayLike, tuple[ArrayLike, ArrayLike]]:
    """Return common and external iliac artery and vein, and the internal ones."""
    s, (x, y, z) = side, head
    artery = [(3 + s * 3, -29, -34, 6.5), (s * 16, -28, -60, 6), (s * 36, -24, -92, 5.5),
              (s * 54, -46, -128, 4.8), (s * (x - 22), y - 52, z + 30, 4.8),
              (s * (x - 18), y - 60, z, 4.8), (s * (x - 10), y - 64, z - 70, 4.6)]  # fmt: skip
    vein = [(-14 + s * 4, -22, -46, 8), (s * 14 - 6, -16, -66, 7.5), (s * 36, -14, -96, 7.5),
            (s * 52, -36, -132, 6.5), (s * (x - 33), y - 46, z + 30, 6.5),
            (s * (x - 31), y - 55, z, 6.5), (s * (x - 21), y - 58, z - 70, 6)]  # fmt: skip
    inner_artery = [(s * 36, -24, -92, 4), (s * 44, -4, -118, 3.8), (s * 46, 12, -150, 3)]
    inner_vein = [(s * 36, -14, -96, 5), (s * 42, 6, -120, 4.5), (s * 43, 20, -152, 3.6)]
    return artery, vein, (inner_artery, inner_vein)
