"""What a radiologist would report beside the size: breach, posterior wall, fracture, neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes

from imaging.document import Vector
from imaging.geometry import BoolArray, FloatArray
from imaging.phantom import femur, pelvis, spine
from imaging.phantom.lesion import LesionModel, LesionSpec
from imaging.phantom.model import Layer
from imaging.phantom.pressed_cord import crowding
from imaging.phantom.sites import COLUMNS
from imaging.phantom.solids import Field, Shape
from imaging.phantom.truth import Compression, Findings, vector
from imaging.phantom.upper import shoulder

SURFACE_STEP_MM = 1.0  # lattice of a neighbour's surface; distances hold to about 0.3 mm
SECTION_STEP_MM = 0.75
SECTION_ROOM_MM = 32.0  # from the axis of the femur: more than half its widest section
POINTS = 6000  # of the lesion's surface, enough for 0.2 mm on a lesion of 60 mm
HOLE_MM = 0.75  # places this near the bone's surface make the hole in it
EPIDURAL_MM = 3.0  # fat and ligament between the posterior wall and the canal's middle
REACHES_MM = (
    12.0,
    30.0,
    80.0,
    130.0,
    600.0,
)  # rooms a neighbour is looked for in, one after the other
ABUTS_MM = 0.6  # nearer than this the cord is touched
NO_FLUID = 0.1  # part of the fluid around the cord that is no longer seen on a picture
IMPENDING_DIAMETER = 2 / 3  # of the bone: the highest step of Mirels's size
IMPENDING_CORTEX = 0.5  # of the section (Harrington) [BG]

LONG_BONES: dict[str, Literal["peritrochanteric", "upper_limb"]] = {
    "femur": "peritrochanteric",
    "humerus": "upper_limb",
}
NEIGHBOURS = {
    "spinal_cord": ("spinal_cord",),
    "spinal_canal": ("spinal_canal",),
    "nerve_root": ("nerve_root",),
    "vessel": ("aorta", "inferior_vena_cava", "iliac_artery", "iliac_vena", "portal_vein",
               "superior_mesenteric_artery", "superior_vena_cava", "pulmonary_", "brachiocephalic_",
               "subclavian_", "axillary_artery", "axillary_vein", "common_carotid", "jugular_vein",
               "azygos_vein"),
    "bowel": ("colon", "small_bowel", "duodenum", "stomach"),
    "skin": ("body",),
}  # fmt: skip


def findings(
    spec: LesionSpec, lesion: LesionModel, layers: Sequence[Layer], collapse_percent: float
) -> Findings:
    """Measure on the model what is to be reported of a lesion.

    Parameters
    ----------
    spec : LesionSpec
        Where it lies.
    lesion : LesionModel
        The lesion.
    layers : sequence of Layer
        The body around it.
    collapse_percent : float
        Height the front of its vertebra has lost.

    Returns
    -------
    Findings
        Keys as the questions of ``osteoplan recommend``, where they exist there.
    """
    in_spine = spec.site.part in ("vertebra", "sacrum")
    hole, towards = _breach(spec, lesion)
    distances, names = _neighbours(spec, lesion, layers)
    limb = LONG_BONES.get(spec.site.part)
    diameter, cortex = (None, None) if limb is None else _section(spec, lesion)
    return Findings(
        cortical_breach_lps_mm=hole,
        cortical_breach_towards=towards,
        posterior_wall_breach=_meets(lesion, _canal(spec)) if in_spine else None,
        escc=_compression(spec, lesion) if spec.site.part == "vertebra" else None,
        collapse_percent=collapse_percent if spec.site.part == "vertebra" else None,
        body_involved_percent=_body_involved(spec, lesion),
        long_bone_site=limb,
        long_bone_fraction=diameter,
        cortex_fraction=cortex,
        impending_fracture=None
        if diameter is None or cortex is None
        else diameter > IMPENDING_DIAMETER or cortex >= IMPENDING_CORTEX,
        distance_mm=distances,
        nearest=names,
    )


def _canal(spec: LesionSpec) -> Shape:
    in_column = spec.site.part == "vertebra"
    return spine.canal_shape(COLUMNS[spec.body]) if in_column else pelvis.sacral_canal()


def _meets(lesion: LesionModel, shape: Shape) -> bool:
    """Return whether the lesion enters a solid."""
    return bool((shape.on(lesion.solid).values[lesion.solid.values < 0] < 0).any())


def _compression(spec: LesionSpec, lesion: LesionModel) -> Compression:
    """Return the epidural extent after Bilsky.

    0 bone only, 1a epidural, 1b sac deformed, 1c cord touched, 2 cord pressed, 3 no fluid left.
    """
    column = COLUMNS[spec.body]
    if not _meets(lesion, spine.canal_shape(column)):
        return "0"
    if not _meets(lesion, spine.sac_shape(column)):
        return "1a"
    crowded = crowding(lesion.solid, lesion.cord, column)
    if crowded.gap_mm > ABUTS_MM:
        return "1b"
    if crowded.gap_mm >= 0:
        return "1c"
    return "3" if crowded.fluid_left < NO_FLUID else "2"


def _breach(
    spec: LesionSpec,
    lesion: LesionModel,
) -> tuple[Vector | None, Literal["canal", "soft_tissue"] | None]:
    """Return the middle of the hole in the bone's surface, and what lies behind it."""
    if not lesion.breach:
        return None, None
    hole = (lesion.solid.values < 0) & (np.abs(lesion.bone.values) < HOLE_MM)
    places = lesion.solid.points_lps_mm()[hole]
    middle = places[np.argmin(np.linalg.norm(places - places.mean(axis=0), axis=1))]
    beyond = (lesion.solid.values < 0) & (lesion.bone.values > 0)
    canal = spine.canal_shape(COLUMNS[spec.body]).on(lesion.solid).values
    if spec.body == "lower_trunk":
        canal = np.minimum(canal, pelvis.sacral_canal().on(lesion.solid).values)
    return vector(middle), "canal" if (canal[beyond] < EPIDURAL_MM).mean() > 0.5 else "soft_tissue"


def _body_involved(spec: LesionSpec, lesion: LesionModel) -> float | None:
    """Return the part of the vertebral body the lesion takes, in percent."""
    if spec.site.part != "vertebra" or spec.site.level is None:
        return None
    body = Shape(
        (spine.body_oval(spec.site.level, COLUMNS[spec.body]),), step_mm=SURFACE_STEP_MM
    ).field()
    inside: BoolArray = body.values < 0
    taken = lesion.solid.at(body.points_lps_mm()[inside]) < 0
    return float(100.0 * taken.mean())


def _section(spec: LesionSpec, lesion: LesionModel) -> tuple[float, float]:
    """Return the greatest part of a long bone's diameter and of its cortex that the lesion takes.

    Measured in planes across the patient's long axis, as on axial slices; the diameter is the
    greater of the two parts, across and from front to back.
    """
    centre, whole, hard = _long_bone(spec)
    heights = lesion.solid.points_lps_mm()[lesion.solid.values < 0][:, 2]
    low, high = heights.min(), heights.max()
    first = np.array([*(centre[:2] - SECTION_ROOM_MM), low])
    across = int(2 * SECTION_ROOM_MM / SECTION_STEP_MM) + 1
    slices = int((high - low) / SECTION_STEP_MM) + 1
    room = Field(first, SECTION_STEP_MM, np.empty((slices, across, across), dtype=np.float32))
    bone: BoolArray = np.asarray(whole.on(room).values < 0)
    cortex = hard.on(room).values < 0
    taken: BoolArray = np.asarray(lesion.solid.at(room.points_lps_mm()) < 0)
    destroyed = (taken & cortex).sum(axis=(1, 2)) / np.maximum(cortex.sum(axis=(1, 2)), 1)
    widths = [_extent(taken & bone, axis) / _extent(bone, axis) for axis in (1, 2)]
    return float(np.max(widths)), float(destroyed.max())


def _long_bone(spec: LesionSpec) -> tuple[FloatArray, Shape, Shape]:
    """Return the axis of a femur or humerus at the lesion's height, the bone and its cortex."""
    side = -1.0 if spec.site.side == "right" else 1.0
    if spec.site.part == "humerus":
        whole, hard = shoulder.humerus_shape(side), shoulder.humerus_cortex(side)
        return shoulder.humerus_axis(side), whole, hard
    axis = femur.lesser_trochanter() * [side, 1.0, 1.0]
    return axis, femur.femur_shape(side), femur.cortex_shape(side)


def _extent(mask: BoolArray, axis: int) -> FloatArray:
    """Return the extent along an axis in each slice, in lattice steps, at least one."""
    shown: BoolArray = np.any(mask, axis=3 - axis)
    reach = shown.shape[1] - shown[:, ::-1].argmax(axis=1) - shown.argmax(axis=1)
    extent: FloatArray = np.where(shown.any(axis=1), reach, 1).astype(float)
    return extent


def _neighbours(
    spec: LesionSpec, lesion: LesionModel, layers: Sequence[Layer]
) -> tuple[dict[str, float], dict[str, str]]:
    """Return the distance to the nearest structure of each group, and its name."""
    corners, _, _, _ = marching_cubes(lesion.solid.values, 0.0)
    surface = lesion.solid.grid().to_lps(corners)
    surface = surface[:: max(1, len(surface) // POINTS)]
    distances: dict[str, float] = {}
    names: dict[str, str] = {}
    for group, prefixes in NEIGHBOURS.items():
        members = [one for one in layers if one.name.startswith(prefixes)]
        found = _nearest(members, surface, lesion.solid)
        if found is not None:
            distances[group], names[group] = found
    joint = _joint(spec, surface, lesion.solid, layers)
    if joint is not None:
        distances["joint"], names["joint"] = joint
    return distances, names


def _nearest(
    members: Sequence[Layer], surface: FloatArray, solid: Field
) -> tuple[float, str] | None:
    """Return the distance to the nearest of some structures, and its name."""
    low, high = surface.min(axis=0), surface.max(axis=0)
    near = []
    for one in members:
        bottom, top = one.shape.bounds_mm()
        gap = np.maximum(np.maximum(bottom - high, low - top), 0.0)
        near.append((float(np.linalg.norm(gap)), one))
    tree = cKDTree(surface)
    best: tuple[float, str] | None = None
    for bound, one in sorted(near, key=lambda pair: pair[0]):
        limit = np.inf if best is None else best[0]
        if bound >= limit:
            break
        apart = _apart(one.shape, tree, solid, limit)
        if apart is not None and apart < limit:
            best = apart, one.name
    return best


def _apart(shape: Shape, tree: cKDTree, solid: Field, limit_mm: float) -> float | None:
    """Return the distance to a shape's surface; None when it is beyond the limit."""
    step = max(SURFACE_STEP_MM, shape.step_mm)
    low, high = shape.bounds_mm()
    for reach in REACHES_MM:
        bottom = np.maximum(low - 4 * step, tree.mins - reach - 2 * step)
        top = np.minimum(high + 4 * step, tree.maxes + reach + 2 * step)
        if (top - bottom > 2 * step).all():
            nx, ny, nz = (int(n) + 1 for n in np.ceil((top - bottom) / step))
            field = shape.on(Field(bottom, step, np.empty((nz, ny, nx), dtype=np.float32)))
            if field.values.min() < 0 < field.values.max():
                corners, _, _, _ = marching_cubes(field.values, 0.0)
                places = field.grid().to_lps(corners)
                if (solid.at(places) < 0).any():
                    return 0.0
                apart = float(np.min(tree.query(places)[0]))
                if apart <= reach:
                    return apart
        if reach >= limit_mm:
            break
    return None


def _joint(
    spec: LesionSpec, surface: FloatArray, solid: Field, layers: Sequence[Layer]
) -> tuple[float, str] | None:
    """Return the distance to the joint of the bone, where it has one."""
    part = spec.site.part
    fellow = {"sacrum": "hip", "sternum": "clavicula", "clavicle": "sternum"}.get(part)
    if fellow is not None:
        found = _nearest([one for one in layers if one.name.startswith(fellow)], surface, solid)
        name = "sacroiliac_joint" if part == "sacrum" else "sternoclavicular_joint"
        return None if found is None else (found[0], name)
    side = -1.0 if spec.site.side == "right" else 1.0
    if part in ("scapula", "humerus"):
        radius_mm = shoulder.HEAD_RADIUS_MM
        outer_mm = radius_mm + shoulder.JOINT_MM
        apart = _from_ball(surface, shoulder.head_centre(side), radius_mm, outer_mm)
        return apart, "glenohumeral_joint"
    if part not in ("acetabulum", "ilium", "femur"):
        return None
    centre = pelvis.head_centre() * [side, 1.0, 1.0]
    hip = _from_ball(surface, centre, femur.HEAD_RADIUS_MM, pelvis.SOCKET_RADIUS_MM)
    if part == "ilium":
        sacrum = _nearest([one for one in layers if one.name == "sacrum"], surface, solid)
        if sacrum is not None and sacrum[0] < hip:
            return sacrum[0], "sacroiliac_joint"
    return hip, "hip_joint"


def _from_ball(surface: FloatArray, centre: FloatArray, radius_mm: float, outer_mm: float) -> float:
    """Return the distance to the gap between a ball and its socket."""
    radius: FloatArray = np.linalg.norm(surface - centre, axis=1)
    outside: FloatArray = np.maximum(radius - outer_mm, radius_mm - radius)
    return max(float(np.min(outside)), 0.0)
