"""Finds the structures of a CT without any learned model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.errors import refuse_image
from imaging.geometry import BoolArray
from imaging.memory import give_back_large_arrays
from imaging.orientation import Orientation
from imaging.progress import SILENT, Progress
from imaging.structures.body import find_air, find_body
from imaging.structures.bone import fill_marrow, find_bone, trim_blur
from imaging.structures.bowel import paint_bowel
from imaging.structures.canal import Canal, find_canal
from imaging.structures.cavity import behind_all, find_cavity, is_trunk
from imaging.structures.coarse import CoarseImage, counted
from imaging.structures.contrast import Contrast, find_contrast
from imaging.structures.foramina import exit_names, paint_exits
from imaging.structures.iliac import find_iliacs
from imaging.structures.labels import passage_class
from imaging.structures.levels import EXIT, SIDES, Levels
from imaging.structures.model import (
    BODY,
    BODY_CAVITY,
    BONE,
    BOWEL_GAS,
    LUNG,
    METAL,
    SPINAL_CANAL,
    Structure,
    Structures,
)
from imaging.structures.organs import (
    name_vessels,
    paint_contrast,
    paint_kidneys,
    paint_vessels,
)
from imaging.structures.pelvis import Pelvis
from imaging.structures.skeleton import Skeleton, split_bone
from imaging.structures.tube import Tube
from imaging.structures.vessels import Front, follow_vessels
from imaging.volume import Volume

METAL_HU = 2500  # above any bone
LEAST_BODY_ML = 50.0

AORTA, CAVA, VESSEL, BOWEL = "aorta", "inferior_vena_cava", "vessel", "bowel"
KIDNEYS = ("kidney_left", "kidney_right")
ILIACS = {f"iliac_{kind}_{side}": kind for kind in ("artery", "vena") for side in SIDES}
ILIAC_METHODS = {
    "artery": (
        "common and external iliac artery, followed with the vein from the aorta's fork to the "
        "groin as round, even discs; the internal iliac artery is not followed"
    ),
    "vena": (
        "common and external iliac vein, followed behind and beside the artery from the cava's "
        "fork to the groin; the internal iliac vein is not followed"
    ),
}
KIDNEY_METHOD = (
    "of all parts of soft tissue beside the spine, taken apart at several densities and depths, "
    "the one most like a kidney by size, height, place and the fat around it"
)
# Later rows are painted over earlier ones; the label of a structure is its place here, from 1.
METHODS = {
    BODY: "largest connected tissue above −300 HU without thin sheets; couch and clothing removed",
    BODY_CAVITY: (
        "inside the skeleton's convex hull or behind 20 mm of belly wall, in front of the canal; "
        "the organs and vessels in it were not told apart"
    ),
    BONE: (
        "above 140 HU and connected to bone above 220 HU, with what the cortex encloses, without "
        "what is even and has no cortex"
    ),
    LUNG: "air inside the body of lung's mean density, at least 20 ml",
    BOWEL_GAS: "other air inside the body",
    SPINAL_CANAL: (
        "the soft channel that bone surrounds, followed from slice to slice; it stands for the "
        "cord, which is not seen, nor where it ends"
    ),
    METAL: "above 2500 HU",
    AORTA: (
        "followed from slice to slice in front of the spine as a round, even disc, to where it "
        "narrows near the middle of L4; its border parts its own density from the rest, and is "
        "round where the neighbour is as dense"
    ),
    CAVA: (
        "followed as the aorta, on its right, to where it narrows near the disc below L4; within "
        "the liver without contrast its border is not seen and not trusted"
    ),
    **{name: ILIAC_METHODS[kind] for name, kind in ILIACS.items()},
    KIDNEYS[0]: KIDNEY_METHOD,
    KIDNEYS[1]: KIDNEY_METHOD,
    BOWEL: (
        "soft tissue of the cavity within 9 mm of gas: wall and content; bowel without gas is not "
        "seen, and stays in body_cavity"
    ),
    VESSEL: (
        "as bright as bone, even, without a cortex: filled with contrast; a vessel, or bowel, "
        "kidney or bladder, not told apart; or followed beside the aorta above the diaphragm"
    ),
}
CHEST_LEAST_MM2 = 6000.0  # of lung in a slice: both bases have more a finger above the diaphragm
LABEL = {name: label for label, name in enumerate(METHODS, start=1)}
EXIT_METHOD = (
    "an assumption: the soft tissue of the foramen below the pedicle, or of the sacral foramen, "
    "where anatomy has the root; the nerve itself is not seen, nor its course outside"
)
SOFT = (LABEL[BODY], LABEL[BODY_CAVITY])  # what organs may replace
BONE_METHODS = {
    "femur": "what hangs on the ball that fits best into the hip bone, parted in the joint",
    "vertebra": "between two discs and the foramina beside them, its arch by the way through bone",
    "sacrum": "what carries the spine and meets both hips in a broad joint",
    "hip": "iliac wing and what joins it without a gap; the femur too, unless it has a row",
    "rib": "long bone that reaches a vertebra",
}


def find_structures(volume: Volume, progress: Progress = SILENT) -> Structures:
    """Find body, bones, lung, gas, canal and the cavity whose organs were not told apart.

    Parameters
    ----------
    volume : Volume
        A CT.
    progress : Progress
        Told after each structure.

    Returns
    -------
    Structures
        On the volume's grid; what was not found has no row.

    Raises
    ------
    ImagingError
        When there is no body in the image.
    """
    give_back_large_arrays()
    turned = Orientation.of(volume.grid)
    hu = np.ascontiguousarray(turned.turn(volume.hu))
    spacing = turned.grid.spacing_mm_kji
    progress.update(0.0, "body")
    body = find_body(hu, spacing)
    if body.sum() * turned.grid.voxel_ml < LEAST_BODY_ML:
        message = "no body is seen in the image; choose the series that shows the patient"
        raise refuse_image("no_body", message, volume.series.path)
    progress.update(0.2, "air")
    lung, gas = find_air(hu, body, spacing)
    labels = body.astype(np.uint8)
    for label, air in ((LABEL[LUNG], lung), (LABEL[BOWEL_GAS], gas)):
        np.putmask(labels, air, label)
    del lung, gas, air
    progress.update(0.3, "spinal canal")
    canal = find_canal(hu, body, spacing)
    names: dict[int, str] = dict(enumerate(METHODS, start=1))
    levels: Levels | None = None
    progress.update(0.4, "vessels")
    front = Front.of(hu, canal, spacing) if canal else None
    tubes = follow_vessels(front) if front else {}
    contrast = find_contrast(hu, body, canal, front, tuple(tubes.values()), spacing)
    progress.update(0.5, "bone")
    bone = find_bone(hu, body, spacing, contrast)
    del body  # from here on it is what has a label
    bone = fill_marrow(bone, canal, spacing)
    if canal and front:
        seen = _Seen(hu, bone, canal, front, tubes, contrast, spacing)
        names, levels = _along_the_spine(seen, labels, progress.part(0.55, 0.97))
        del seen
    else:
        _fill(labels, bone, LABEL[BONE])
        paint_contrast(labels, hu, contrast, LABEL[VESSEL], SOFT)
        if is_trunk(labels, spacing):
            cavity = find_cavity(bone, labels, behind_all(labels), spacing)
            _fill(labels, cavity, LABEL[BODY_CAVITY])
    del bone
    for plane, values in zip(labels, hu, strict=True):
        plane[(plane > 0) & (values > METAL_HU)] = LABEL[METAL]
    progress.update(1.0, "structures found")
    table = _table(labels, names, levels, turned.grid.voxel_ml)
    return Structures(turned.turn_back(labels).astype(np.uint16), volume.grid, table, levels)


@dataclass(frozen=True, eq=False)
class _Seen:
    """What the image showed before anything was named, along the patient's axes."""

    hu: NDArray[np.int16]
    bone: BoolArray
    canal: Canal
    front: Front
    tubes: dict[str, Tube]
    contrast: Contrast
    spacing: tuple[float, float, float]


def _along_the_spine(
    seen: _Seen, labels: NDArray[np.uint8], progress: Progress
) -> tuple[dict[int, str], Levels | None]:
    """Paint bones, roots, vessels, kidneys and bowel by their place to the spine; return names."""
    hu, canal, spacing = seen.hu, seen.canal, seen.spacing
    labels[canal.block][canal.inner] = LABEL[SPINAL_CANAL]
    part = progress.part(0.1, 0.6)
    chest = _chest(labels, spacing)
    skeleton = split_bone(hu, seen.bone, canal, spacing, part, seen.contrast, chest)
    bone = seen.bone
    for k, own in enumerate(skeleton.labels):
        bone[k] |= own > 0
    trim_blur(bone, hu, spacing)
    _paint(labels, skeleton, bone)
    names = dict(enumerate((*METHODS, *skeleton.names), start=1))
    names |= dict(enumerate(exit_names(skeleton.discs), start=len(names) + 1))
    number = {name: label for label, name in names.items()}
    heights, discs, levels = skeleton.heights(canal), skeleton.discs, skeleton.levels
    del skeleton
    _fill(labels, bone, LABEL[BONE])
    paint_exits(labels, hu, canal, spacing, discs, number, SOFT)
    progress.update(0.6, "vessels and kidneys")
    own = seen.front.image
    named = _below_lungs(name_vessels(seen.tubes, seen.front, heights), own, chest)
    paint_vessels(labels, own, named.items(), number, SOFT)
    pelvis = {side: Pelvis.of(labels, number, side, spacing) for side in SIDES}
    frames = {side: frame for side, frame in pelvis.items() if frame is not None}
    paint_vessels(labels, *find_iliacs(hu, frames, named, own, spacing), number, SOFT)
    paint_kidneys(labels, hu, bone, canal, spacing, heights, number, SOFT)
    paint_contrast(labels, hu, seen.contrast, LABEL[VESSEL], SOFT)
    progress.update(0.85, "body cavity")
    _fill(labels, find_cavity(bone, labels, canal.axis_kji, spacing), LABEL[BODY_CAVITY])
    cavity = (LABEL[BODY_CAVITY],)
    paint_bowel(labels, hu, spacing, LABEL[BOWEL_GAS], LABEL[BOWEL], cavity)
    return names, levels


def _chest(labels: NDArray[np.uint8], spacing_mm_kji: tuple[float, float, float]) -> BoolArray:
    """Return the slices that show more lung than a pocket of gas taken for it."""
    _, dy, dx = spacing_mm_kji
    area_mm2 = np.array([int((plane == LABEL[LUNG]).sum()) for plane in labels]) * dy * dx
    chest: BoolArray = area_mm2 > CHEST_LEAST_MM2
    return chest


def _below_lungs(named: dict[str, Tube], image: CoarseImage, chest: BoolArray) -> dict[str, Tube]:
    """Call a cava that is nowhere seen below the lungs a vessel: the ascending aorta lies there."""
    cava = named.get(CAVA)
    if cava is None or not chest.any():
        return named
    slices = image.from_fine(0, np.arange(len(chest), dtype=float))
    if slices[np.argmax(chest)] > cava.slices[0]:
        return named
    return {name: tube for name, tube in named.items() if name != CAVA} | {VESSEL: cava}


def _fill(labels: NDArray[np.uint8], mask: BoolArray, label: int) -> None:
    """Paint where nothing but the body is known yet, slice by slice to save memory."""
    for plane, wanted in zip(labels, mask, strict=True):
        plane[wanted & (plane == LABEL[BODY])] = label


def _paint(labels: NDArray[np.uint8], skeleton: Skeleton, bone: BoolArray) -> None:
    """Paint the bones that were told apart, and the exits in them, where only the body is known."""
    exits = np.array([False, *(name.startswith(EXIT) for name in skeleton.names)])
    for plane, own, solid in zip(labels, skeleton.labels, bone, strict=True):
        free = (own > 0) & (solid | exits[own]) & (plane == LABEL[BODY])
        plane[free] = own[free] + np.uint8(len(METHODS))


def _table(
    labels: NDArray[np.uint8], names: dict[int, str], levels: Levels | None, voxel_ml: float
) -> tuple[Structure, ...]:
    """Return a row for each label that occurs; the body's holds all of them."""
    counts = counted(labels, max(names))
    counts[LABEL[BODY]] = counts[1:].sum()
    return tuple(
        Structure(
            name=name,
            label=label,
            volume_ml=float(counts[label]) * voxel_ml,
            class_=passage_class(name),
            found_by=_method(name, levels),
        )
        for label, name in names.items()
        if counts[label]
    )


def _method(name: str, levels: Levels | None) -> str:
    """Return how a structure was found; vertebrae and ribs carry the doubt of their level."""
    if name in METHODS:
        return METHODS[name]
    if name.startswith(EXIT):
        return EXIT_METHOD
    method = next(words for start, words in BONE_METHODS.items() if name.startswith(start))
    if levels is None or not name.startswith(("vertebra", "rib")):
        return method
    counted = f"level counted from {levels.counted_from.replace('_', ' ')}"
    return "; ".join(part for part in (method, counted, levels.doubt) if part)
